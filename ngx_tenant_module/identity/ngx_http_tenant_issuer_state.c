#include "ngx_http_tenant_issuer_state.h"
#include "ngx_http_tenant_introspect.h"
#include "ngx_http_tenant_keyset.h"


static json_t *ngx_http_tenant_state_keys(ngx_http_tenant_main_conf_t *tmcf,
    ngx_http_tenant_issuer_t *issuer);
static ngx_int_t ngx_http_tenant_state_fetched(json_t *state,
    ngx_http_tenant_main_conf_t *tmcf, ngx_http_tenant_keyset_t *keyset);
static json_t *ngx_http_tenant_state_list(ngx_http_tenant_issuer_t *issuer);
static json_t *ngx_http_tenant_state_key(const tenant_jwks_t *jwks,
    size_t index, tenant_algs_t allowed);


ngx_int_t
ngx_http_tenant_issuer_state(ngx_http_tenant_main_conf_t *tmcf,
    ngx_http_tenant_issuer_t *issuer, json_t **out)
{
    json_t  *state;

    state = json_object();

    if (state == NULL
        || json_object_set_new(state, "keys",
                               ngx_http_tenant_state_keys(tmcf, issuer))
           != 0
        || (issuer->introspector
            && json_object_set_new(state, "introspection",
                         ngx_http_tenant_introspector_state(
                                                      issuer->introspector))
               != 0))
    {
        json_decref(state);
        return NGX_ERROR;
    }

    *out = state;

    return NGX_OK;
}


/* NULL: no memory, which json_object_set_new() passes on. */

static json_t *
ngx_http_tenant_state_keys(ngx_http_tenant_main_conf_t *tmcf,
    ngx_http_tenant_issuer_t *issuer)
{
    json_t      *state;
    ngx_str_t   *location, *status, none;
    const char  *source;

    ngx_http_tenant_keysets_sync(tmcf);

    ngx_str_null(&none);
    location = &none;

    if (issuer->jwks_uri.len) {
        source = "jwks_uri";
        location = &issuer->jwks_uri;

    } else if (issuer->discovery.len) {
        source = "discovery";
        location = &issuer->discovery;

    } else if (issuer->jwks_file.len) {
        source = "jwks_file";
        location = &issuer->jwks_file;

    } else {
        source = issuer->jwks.len ? "jwks" : "none";
    }

    state = json_object();
    status = ngx_http_tenant_keyset_status(issuer->keys);

    if (state == NULL
        || json_object_set_new(state, "source", json_string(source)) != 0
        || (location->len
            && json_object_set_new(state, "location",
                                   json_stringn((char *) location->data,
                                                location->len))
               != 0)
        || json_object_set_new(state, "status",
                               json_stringn((char *) status->data,
                                            status->len))
           != 0
        || (issuer->keys->shared
            && ngx_http_tenant_state_fetched(state, tmcf, issuer->keys)
               != NGX_OK)
        || json_object_set_new(state, "keys",
                               ngx_http_tenant_state_list(issuer))
           != 0)
    {
        json_decref(state);
        return NULL;
    }

    return state;
}


static ngx_int_t
ngx_http_tenant_state_fetched(json_t *state,
    ngx_http_tenant_main_conf_t *tmcf, ngx_http_tenant_keyset_t *keyset)
{
    ngx_slab_pool_t                *shpool;
    ngx_http_tenant_shared_keys_t   sh;

    shpool = (ngx_slab_pool_t *) tmcf->zone->shm.addr;

    ngx_shmtx_lock(&shpool->mutex);
    sh = *keyset->shared;
    ngx_shmtx_unlock(&shpool->mutex);

    return json_object_set_new(state, "fetched",
                               ngx_http_tenant_state_time(sh.fetched))
           || json_object_set_new(state, "expires",
                                  ngx_http_tenant_state_time(sh.expires))
           || json_object_set_new(state, "refresh",
                                  ngx_http_tenant_state_time(sh.refresh))
           || json_object_set_new(state, "failures",
                                  json_integer(sh.failures))
           || json_object_set_new(state, "http_status",
                                  json_integer(sh.status))
           ? NGX_ERROR : NGX_OK;
}


json_t *
ngx_http_tenant_state_time(time_t t)
{
    char      text[sizeof("2026-01-01T12:00:00Z") + NGX_INT64_LEN];
    ngx_tm_t  tm;

    if (t == 0) {
        return json_null();
    }

    ngx_gmtime(t, &tm);

    *ngx_snprintf((u_char *) text, sizeof(text) - 1,
                  "%4d-%02d-%02dT%02d:%02d:%02dZ", tm.ngx_tm_year,
                  tm.ngx_tm_mon, tm.ngx_tm_mday, tm.ngx_tm_hour,
                  tm.ngx_tm_min, tm.ngx_tm_sec) = '\0';

    return json_string(text);
}


static json_t *
ngx_http_tenant_state_list(ngx_http_tenant_issuer_t *issuer)
{
    size_t          i;
    json_t         *list;
    tenant_jwks_t  *jwks;

    list = json_array();
    jwks = issuer->keys->jwks;

    if (list == NULL || jwks == NULL
        || ngx_http_tenant_keyset_over(issuer->keys))
    {
        return list;
    }

    for (i = 0; i < tenant_jwks_count(jwks); i++) {
        if (json_array_append_new(list,
                                  ngx_http_tenant_state_key(jwks, i,
                                                        issuer->rules.algs))
            != 0)
        {
            json_decref(list);
            return NULL;
        }
    }

    return list;
}


static json_t *
ngx_http_tenant_state_key(const tenant_jwks_t *jwks, size_t index,
    tenant_algs_t allowed)
{
    json_t        *key, *names;
    tenant_str_t   kid;
    tenant_alg_t   alg;

    kid = tenant_jwks_kid(jwks, index);
    allowed &= tenant_jwks_algs(jwks, index);

    key = json_object();
    names = json_array();

    if (key == NULL || json_object_set(key, "algorithms", names) != 0) {
        goto failed;
    }

    if (json_object_set_new(key, "kid", kid.data
                                        ? json_stringn(kid.data, kid.len)
                                        : json_null())
        != 0)
    {
        goto failed;
    }

    for (alg = 0; alg < TENANT_ALG_COUNT; alg++) {
        if ((allowed & TENANT_ALG_BIT(alg))
            && json_array_append_new(names, json_string(tenant_alg_name(alg)))
               != 0)
        {
            goto failed;
        }
    }

    json_decref(names);

    return key;

failed:

    json_decref(names);
    json_decref(key);

    return NULL;
}
