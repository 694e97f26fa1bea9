/*
 * Where an issuer is asked about tokens, if its entry does not say: where its
 * discovery document does.  Each worker that asks finds out for itself, and
 * keeps it as long as key sets are kept.
 */

#include "ngx_http_tenant_introspect.h"
#include "tenant_discovery.h"


#define NGX_HTTP_TENANT_INTROSPECTOR_ERROR  256     /* bytes */


static void ngx_http_tenant_introspector_discovered(void *data,
    ngx_http_tenant_answer_t *answer);
static const char *ngx_http_tenant_introspector_read(
    ngx_http_tenant_introspector_t *introspector, ngx_str_t *body);
static const char *ngx_http_tenant_introspector_move(
    ngx_http_tenant_introspector_t *introspector, ngx_str_t *url);
static void ngx_http_tenant_introspector_lasts(
    ngx_http_tenant_introspector_t *introspector, time_t max_age);
static void ngx_http_tenant_introspector_undiscovered(
    ngx_http_tenant_introspector_t *introspector, ngx_uint_t status,
    const char *error);


ngx_str_t *
ngx_http_tenant_introspector_endpoint(
    ngx_http_tenant_introspector_t *introspector)
{
    ngx_http_tenant_introspection_t  *in;

    in = introspector->issuer->introspection;

    if (in->endpoint.data) {
        return &in->endpoint;
    }

    /* not even a stale one is good for ever */

    if (ngx_time() >= introspector->expires) {
        introspector->endpoint.len = 0;
    }

    return &introspector->endpoint;
}


ngx_int_t
ngx_http_tenant_introspector_discover(
    ngx_http_tenant_introspector_t *introspector)
{
    ngx_uint_t                        known;
    ngx_http_tenant_fetch_conf_t      conf;
    ngx_http_tenant_introspection_t  *in;

    in = introspector->issuer->introspection;
    known = (ngx_http_tenant_introspector_endpoint(introspector)->len != 0);

    if (in->endpoint.data || introspector->fetch
        || (known && ngx_time() < introspector->refresh))
    {
        return NGX_OK;
    }

    ngx_memzero(&conf, sizeof(ngx_http_tenant_fetch_conf_t));

    conf.url = introspector->issuer->discovery;
    conf.max_size = tenant_discovery_limits.max_bytes;
    conf.handler = ngx_http_tenant_introspector_discovered;
    conf.data = introspector;

    introspector->fetch = ngx_http_tenant_fetch_start(introspector->tmcf,
                                                      &conf);

    if (introspector->fetch == NULL) {
        ngx_http_tenant_introspector_undiscovered(introspector, 0,
                                                  "cannot be fetched");
        return known ? NGX_OK : NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_tenant_introspector_discovered(void *data,
    ngx_http_tenant_answer_t *answer)
{
    ngx_http_tenant_introspector_t  *introspector = data;

    const char  *error;

    introspector->fetch = NULL;

    /* with the last of those who wait the issuer may go */

    introspector->issuer->object.refs++;

    error = answer->error;

    if (error == NULL) {
        error = ngx_http_tenant_introspector_read(introspector,
                                                  &answer->body);
    }

    if (error) {
        ngx_http_tenant_introspector_undiscovered(introspector,
                                                  answer->status, error);

    } else {
        ngx_http_tenant_introspector_lasts(introspector, answer->max_age);
    }

    ngx_http_tenant_introspections_settle(introspector);

    ngx_http_tenant_object_unref(&introspector->issuer->object);
}


/* NULL, or what is wrong. */

static const char *
ngx_http_tenant_introspector_read(
    ngx_http_tenant_introspector_t *introspector, ngx_str_t *body)
{
    ngx_str_t                   url;
    const char                 *error;
    tenant_str_t                iss;
    tenant_discovery_t          discovery;
    tenant_json_error_t         err;
    tenant_discovery_status_t   rc;

    iss.data = (char *) introspector->issuer->sn.str.data;
    iss.len = introspector->issuer->sn.str.len;

    rc = tenant_discovery_parse_introspection(&discovery,
                                              (char *) body->data, body->len,
                                              iss, &err);

    if (rc != TENANT_DISCOVERY_OK) {
        return rc == TENANT_DISCOVERY_JSON ? tenant_json_reason(err.code)
                                           : tenant_discovery_reason(rc);
    }

    url.data = (u_char *) discovery.introspection_endpoint.data;
    url.len = discovery.introspection_endpoint.len;

    error = ngx_http_tenant_fetch_check(introspector->tmcf, &url)
            ? "has an introspection_endpoint that may not be asked"
            : ngx_http_tenant_introspector_move(introspector, &url);

    tenant_discovery_free(&discovery);

    return error;
}


/* Questions that are on their way have a copy of the URL. */

static const char *
ngx_http_tenant_introspector_move(
    ngx_http_tenant_introspector_t *introspector, ngx_str_t *url)
{
    u_char     *p;
    ngx_str_t  *endpoint;

    endpoint = &introspector->endpoint;

    if (endpoint->len == url->len
        && ngx_memcmp(endpoint->data, url->data, url->len) == 0)
    {
        return NULL;
    }

    p = ngx_alloc(url->len, ngx_cycle->log);
    if (p == NULL) {
        return "no memory for it";
    }

    ngx_memcpy(p, url->data, url->len);

    if (endpoint->data) {
        ngx_free(endpoint->data);
    }

    endpoint->data = p;
    endpoint->len = url->len;

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "tenant: introspection endpoint of issuer \"%V\" is "
                  "\"%V\"", &introspector->issuer->sn.str, endpoint);

    return NULL;
}


/* As a key set of such an answer. */

static void
ngx_http_tenant_introspector_lasts(
    ngx_http_tenant_introspector_t *introspector, time_t max_age)
{
    time_t                        ttl;
    ngx_http_tenant_main_conf_t  *tmcf;

    tmcf = introspector->tmcf;

    ttl = max_age < 0 ? tmcf->keys_min_ttl * 12 : max_age;
    ttl = ngx_max(ttl, tmcf->keys_min_ttl);
    ttl = ngx_min(ttl, tmcf->keys_max_ttl);

    introspector->refresh = ngx_time() + ttl;
    introspector->expires = ngx_time() + ttl + tmcf->keys_stale;
}


/* What was known stays in force for the stale period. */

static void
ngx_http_tenant_introspector_undiscovered(
    ngx_http_tenant_introspector_t *introspector, ngx_uint_t status,
    const char *error)
{
    u_char  text[NGX_HTTP_TENANT_INTROSPECTOR_ERROR];

    if (ngx_http_tenant_introspector_endpoint(introspector)->len == 0) {
        (void) ngx_slprintf(text, text + sizeof(text),
                            "discovery document: %s%Z", error);
        text[sizeof(text) - 1] = '\0';

        ngx_http_tenant_introspector_failed(introspector, status,
                                            (char *) text);
        return;
    }

    introspector->refresh = ngx_time() + introspector->tmcf->keys_interval;

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "tenant: discovery document of issuer \"%V\": %s (status "
                  "%ui), next try in %T seconds, going on with the known "
                  "introspection endpoint", &introspector->issuer->sn.str,
                  error, status, introspector->tmcf->keys_interval);
}


void
ngx_http_tenant_introspector_stop(
    ngx_http_tenant_introspector_t *introspector)
{
    if (introspector && introspector->fetch) {
        ngx_http_tenant_fetch_cancel(introspector->fetch);
        introspector->fetch = NULL;
    }
}
