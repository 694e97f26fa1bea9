/*
 * What identities need of a process: the keys of issuers, the cache of tokens
 * and what the registry tells them.
 */

#include "ngx_http_tenant_identity.h"
#include "ngx_http_tenant_claim.h"
#include "ngx_http_tenant_introspect.h"
#include "ngx_http_tenant_keyset.h"
#include "tenant_jws.h"
#include "../context/ngx_http_tenant_context.h"
#include "../metering/ngx_http_tenant_counters.h"


#define NGX_HTTP_TENANT_CACHE_ENTRIES  16777216
#define NGX_HTTP_TENANT_KEYS_ERROR     2048


static ngx_int_t ngx_http_tenant_identity_create_keys(void *data,
    ngx_str_node_t *sn);
static ngx_int_t ngx_http_tenant_identity_start_keys(void *data,
    ngx_str_node_t *sn);
static ngx_int_t ngx_http_tenant_identity_stop_keys(void *data,
    ngx_str_node_t *sn);
static ngx_int_t ngx_http_tenant_identity_start_issuer(void *data,
    ngx_http_tenant_issuer_t *issuer);
static void ngx_http_tenant_identity_stop_issuer(void *data,
    ngx_http_tenant_issuer_t *issuer);
static void ngx_http_tenant_identity_revoke(void *data);
static void ngx_http_tenant_identity_drop(void *value, void *data);


static ngx_int_t
ngx_http_tenant_identity_create_keys(void *data, ngx_str_node_t *sn)
{
    ngx_conf_t  *cf = data;

    ngx_str_t                     error;
    u_char                        buf[NGX_HTTP_TENANT_KEYS_ERROR];
    ngx_http_tenant_issuer_t     *issuer;
    ngx_http_tenant_main_conf_t  *tmcf;

    tmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_tenant_module);
    issuer = (ngx_http_tenant_issuer_t *) sn;

    error.data = buf;
    error.len = sizeof(buf);

    if (ngx_http_tenant_introspector_create(tmcf, issuer, cf->log, &error)
        != NGX_OK
        || ngx_http_tenant_keyset_create(tmcf, issuer, cf->log, &error)
           != NGX_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%V", &error);
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_tenant_identity_init_keys(ngx_conf_t *cf,
    ngx_http_tenant_registry_t *registry)
{
    return ngx_http_tenant_registry_each(registry,
               NGX_HTTP_TENANT_KIND_ISSUER,
               ngx_http_tenant_identity_create_keys, cf);
}


static ngx_int_t
ngx_http_tenant_identity_start_keys(void *data, ngx_str_node_t *sn)
{
    ngx_http_tenant_issuer_t  *issuer = (ngx_http_tenant_issuer_t *) sn;

    ngx_http_tenant_introspector_start(issuer->introspector);

    return ngx_http_tenant_keyset_start(issuer->keys);
}


static ngx_int_t
ngx_http_tenant_identity_stop_keys(void *data, ngx_str_node_t *sn)
{
    ngx_http_tenant_issuer_t  *issuer = (ngx_http_tenant_issuer_t *) sn;

    ngx_http_tenant_introspector_stop(issuer->introspector);
    ngx_http_tenant_keyset_stop(issuer->keys);

    return NGX_OK;
}


/*
 * An issuer of a database.  One whose keys cannot be used is one without
 * keys: its tokens are answered 503, and the log says why, once.  One that
 * cannot be asked about tokens is not asked.
 */

static ngx_int_t
ngx_http_tenant_identity_start_issuer(void *data,
    ngx_http_tenant_issuer_t *issuer)
{
    ngx_http_tenant_main_conf_t  *tmcf = data;

    ngx_str_t  error;
    u_char     buf[NGX_HTTP_TENANT_KEYS_ERROR];

    error.data = buf;
    error.len = sizeof(buf);

    if (ngx_http_tenant_introspector_create(tmcf, issuer, ngx_cycle->log,
                                            &error)
        != NGX_OK)
    {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0, "tenant: %V", &error);

        issuer->introspector = NULL;
        error.len = sizeof(buf);
    }

    ngx_http_tenant_introspector_start(issuer->introspector);

    if (ngx_http_tenant_keyset_create(tmcf, issuer, ngx_cycle->log, &error)
        != NGX_OK)
    {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0, "tenant: %V", &error);

        return issuer->keys ? NGX_OK : NGX_ERROR;
    }

    return ngx_http_tenant_keyset_start(issuer->keys);
}


static void
ngx_http_tenant_identity_stop_issuer(void *data,
    ngx_http_tenant_issuer_t *issuer)
{
    ngx_http_tenant_introspector_stop(issuer->introspector);
    ngx_http_tenant_keyset_stop(issuer->keys);
}


static void
ngx_http_tenant_identity_revoke(void *data)
{
    ngx_http_tenant_main_conf_t  *tmcf = data;

    (void) tenant_cache_drop_if(tmcf->token_cache,
                                ngx_http_tenant_identity_revoked,
                                tmcf->registry);
}


bool
ngx_http_tenant_identity_revoked(const void *value, void *data)
{
    ngx_http_tenant_registry_t        *registry = data;
    const ngx_http_tenant_identity_t  *identity = value;

    ngx_http_tenant_revoked_token_t  token;

    token.issuer = identity->issuer->sn.str;
    token.tenant = identity->tenant->sn.str;
    token.subject = identity->subject;
    token.jti = identity->jti;
    token.iat = identity->iat;

    return ngx_http_tenant_revoked_is(
               ngx_http_tenant_registry_revoked(registry), &token,
               ngx_time());
}


ngx_int_t
ngx_http_tenant_identity_init_process(ngx_cycle_t *cycle,
    ngx_http_tenant_main_conf_t *tmcf)
{
    tenant_cache_conf_t                conf;
    ngx_http_tenant_totals_t          *totals;
    ngx_http_tenant_registry_hooks_t   hooks;

    if (ngx_http_tenant_claims_init_process(cycle, tmcf) != NGX_OK) {
        return NGX_ERROR;
    }

    tmcf->token_scratch = ngx_palloc(cycle->pool,
                               TENANT_JWS_SCRATCH(TENANT_JWS_LEN_DEFAULT));
    if (tmcf->token_scratch == NULL) {
        return NGX_ERROR;
    }

    tmcf->token_headers = ngx_pcalloc(cycle->pool,
                                      sizeof(tenant_jws_headers_t));
    if (tmcf->token_headers == NULL) {
        return NGX_ERROR;
    }

    /*
     * Principals that tokens share have a fourth beside them.  NULL is
     * malloc()'s, and as good for a worker that may not reserve it.
     */

    tmcf->token_room = tenant_room_create(tmcf->token_cache_size / 4 * 5);

    ngx_memzero(&conf, sizeof(tenant_cache_conf_t));

    conf.max_entries = NGX_HTTP_TENANT_CACHE_ENTRIES;
    conf.max_bytes = tmcf->token_cache_size;
    conf.room = tmcf->token_room;
    conf.release = ngx_http_tenant_identity_drop;

    tmcf->token_cache = tenant_cache_create(&conf);

    if (tmcf->token_cache == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "tenant: cannot create the token cache of %uz bytes",
                      tmcf->token_cache_size);
        return NGX_ERROR;
    }

    ngx_queue_init(&tmcf->keysets);

    if (ngx_http_tenant_introspections_init_process(cycle, tmcf) != NGX_OK
        || ngx_http_tenant_fetch_init_process(cycle, tmcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    hooks.start_issuer = ngx_http_tenant_identity_start_issuer;
    hooks.stop_issuer = ngx_http_tenant_identity_stop_issuer;
    hooks.changed_issuer = ngx_http_tenant_changed_issuer;
    hooks.changed_tenant = ngx_http_tenant_running_changed;
    hooks.removed = ngx_http_tenant_removed;
    hooks.revoked = ngx_http_tenant_identity_revoke;
    hooks.data = tmcf;

    totals = tmcf->zone->data;

    if (ngx_http_tenant_registry_start(tmcf->registry,
                                       &totals->registry_generation,
                                       tmcf->registry_cache_size, &hooks,
                                       cycle)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_tenant_registry_each(tmcf->registry,
               NGX_HTTP_TENANT_KIND_ISSUER,
               ngx_http_tenant_identity_start_keys, NULL);
}


void
ngx_http_tenant_identity_exit_process(ngx_http_tenant_main_conf_t *tmcf)
{
    ngx_http_tenant_introspections_exit_process(tmcf);

    /* tokens refer to objects of the registry, and those to fetches */

    tenant_cache_destroy(tmcf->token_cache);
    tmcf->token_cache = NULL;

    ngx_http_tenant_authz_exit_process(tmcf);

    /* requests that are still under way have blocks in it */

    tenant_room_destroy(tmcf->token_room);
    tmcf->token_room = NULL;

    (void) ngx_http_tenant_registry_each(tmcf->registry,
               NGX_HTTP_TENANT_KIND_ISSUER,
               ngx_http_tenant_identity_stop_keys, NULL);

    ngx_http_tenant_registry_stop(tmcf->registry);

    ngx_http_tenant_fetch_exit_process(tmcf);
}


static void
ngx_http_tenant_identity_drop(void *value, void *data)
{
    ngx_http_tenant_identity_t  *identity = value;

    identity->tenant->tokens--;

    ngx_http_tenant_identity_release(identity);
}
