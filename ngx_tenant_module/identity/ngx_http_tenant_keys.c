/*
 * Key sets as the configuration has them: a file, the registry, a URL; and
 * how long fetched ones are good for.
 */

#include "ngx_http_tenant_introspect.h"
#include "ngx_http_tenant_keyset.h"
#include "../ngx_http_tenant_file.h"


static ngx_int_t ngx_http_tenant_keys_url(
    ngx_http_tenant_main_conf_t *tmcf, ngx_http_tenant_issuer_t *issuer,
    ngx_str_t *error);
static ngx_int_t ngx_http_tenant_keys_read(ngx_http_tenant_issuer_t *issuer,
    ngx_http_tenant_keyset_t *keyset, ngx_log_t *log, tenant_jwks_t **jwks,
    ngx_str_t *error);
static void ngx_http_tenant_keys_skipped(void *data, size_t index,
    tenant_str_t kid, const char *reason);
static void ngx_http_tenant_keys_cleanup(void *data);
static void ngx_http_tenant_keys_free(void *data);


ngx_int_t
ngx_http_tenant_keys_init(ngx_conf_t *cf, ngx_http_tenant_main_conf_t *tmcf)
{
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    tmcf->verifier = tenant_verifier_create(TENANT_VERIFIER_KEYS);
    if (tmcf->verifier == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_tenant_keys_free;
    cln->data = tmcf->verifier;

    return NGX_OK;
}


ngx_int_t
ngx_http_tenant_keyset_create(ngx_http_tenant_main_conf_t *tmcf,
    ngx_http_tenant_issuer_t *issuer, ngx_log_t *log, ngx_str_t *error)
{
    ngx_pool_t                *pool;
    ngx_pool_cleanup_t        *cln;
    ngx_http_tenant_keyset_t  *keyset;

    pool = issuer->object.pool;

    keyset = ngx_pcalloc(pool, sizeof(ngx_http_tenant_keyset_t));
    cln = ngx_pool_cleanup_add(pool, 0);

    if (keyset == NULL || cln == NULL) {
        error->len = 0;
        return NGX_ERROR;
    }

    cln->handler = ngx_http_tenant_keys_cleanup;
    cln->data = keyset;

    keyset->issuer = issuer;
    keyset->tmcf = tmcf;

    issuer->keys = keyset;

    if (issuer->jwks_uri.len || issuer->discovery.len) {
        return ngx_http_tenant_keys_url(tmcf, issuer, error);
    }

    if (ngx_http_tenant_issuer_keyless(issuer)) {
        return NGX_OK;
    }

    return ngx_http_tenant_keys_read(issuer, keyset, log, &keyset->jwks,
                                     error);
}


ngx_int_t
ngx_http_tenant_keys_check(ngx_http_tenant_main_conf_t *tmcf,
    ngx_http_tenant_issuer_t *issuer, ngx_log_t *log, ngx_str_t *error)
{
    ngx_int_t       rc;
    tenant_jwks_t  *jwks;

    if (ngx_http_tenant_introspector_check(tmcf, issuer, log, error)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (issuer->jwks_uri.len || issuer->discovery.len) {
        return ngx_http_tenant_keys_url(tmcf, issuer, error);
    }

    if (ngx_http_tenant_issuer_keyless(issuer)) {
        return NGX_OK;
    }

    rc = ngx_http_tenant_keys_read(issuer, NULL, log, &jwks, error);

    if (rc == NGX_OK) {
        tenant_jwks_free(jwks);
    }

    return rc;
}


static ngx_int_t
ngx_http_tenant_keys_url(ngx_http_tenant_main_conf_t *tmcf,
    ngx_http_tenant_issuer_t *issuer, ngx_str_t *error)
{
    ngx_str_t   *url;
    const char  *what;

    url = issuer->jwks_uri.len ? &issuer->jwks_uri : &issuer->discovery;
    what = ngx_http_tenant_fetch_check(tmcf, url);

    if (what == NULL) {
        return NGX_OK;
    }

    error->len = ngx_snprintf(error->data, error->len,
                              "keys of issuer \"%V\": \"%V\" %s",
                              &issuer->sn.str, url, what)
                 - error->data;

    return NGX_ERROR;
}


/* Of a file, or inline; without a keyset they are only looked at. */

static ngx_int_t
ngx_http_tenant_keys_read(ngx_http_tenant_issuer_t *issuer,
    ngx_http_tenant_keyset_t *keyset, ngx_log_t *log, tenant_jwks_t **jwks,
    ngx_str_t *error)
{
    u_char                *p, *last;
    ngx_err_t              sys;
    ngx_str_t              text, reason;
    tenant_json_error_t    err;
    tenant_jwks_status_t   rc;

    *jwks = NULL;
    text = issuer->jwks;
    last = error->data + error->len;

    p = ngx_slprintf(error->data, last, "key set of issuer \"%V\"",
                     &issuer->sn.str);

    if (issuer->jwks_file.len) {
        reason.data = ngx_slprintf(p, last, ": ");
        reason.len = last - reason.data;

        if (ngx_http_tenant_file_load(&issuer->jwks_file,
                                      tenant_json_jwks_limits.max_bytes,
                                      log, &text, &reason, &sys)
            != NGX_OK)
        {
            p = reason.data + reason.len;

            if (sys) {
                p = ngx_slprintf(p, last, " (%d: ", sys);
                p = ngx_strerror(sys, p, last - p);
                p = ngx_slprintf(p, last, ")");
            }

            error->len = p - error->data;
            return NGX_ERROR;
        }
    }

    rc = tenant_jwks_parse((char *) text.data, text.len,
                           keyset ? keyset->tmcf->verifier : NULL,
                           keyset ? ngx_http_tenant_keys_skipped : NULL,
                           keyset, jwks, &err);

    if (issuer->jwks_file.len) {
        ngx_free(text.data);
    }

    p = ngx_slprintf(p, last, " in %s: ",
                     issuer->jwks_file.len ? (char *) issuer->jwks_file.data
                                           : "jwks");

    if (rc == TENANT_JWKS_JSON) {
        p = ngx_slprintf(p, last, "%s at byte %uz",
                         tenant_json_reason(err.code), err.offset);

    } else if (rc != TENANT_JWKS_OK) {
        p = ngx_slprintf(p, last, "%s", tenant_jwks_reason(rc));

    } else if (tenant_jwks_count(*jwks) == 0) {
        p = ngx_slprintf(p, last, "no usable key");
        tenant_jwks_free(*jwks);
        *jwks = NULL;

    } else {
        return NGX_OK;
    }

    error->len = p - error->data;

    return NGX_ERROR;
}


static void
ngx_http_tenant_keys_skipped(void *data, size_t index, tenant_str_t kid,
    const char *reason)
{
    ngx_http_tenant_keyset_t  *keyset = data;

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "key %uz of issuer \"%V\" is not used: %s", index,
                  &keyset->issuer->sn.str, reason);
}


static void
ngx_http_tenant_keys_cleanup(void *data)
{
    ngx_http_tenant_keyset_t  *keyset = data;

    tenant_jwks_free(keyset->jwks);
}


static void
ngx_http_tenant_keys_free(void *data)
{
    tenant_verifier_free(data);
}


char *
ngx_http_tenant_keys_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_tenant_main_conf_t  *tmcf = conf;

    time_t       seconds;
    ngx_str_t   *value, s;
    ngx_uint_t   i, n;

    static ngx_str_t  names[] = {
        ngx_string("min="),
        ngx_string("max="),
        ngx_string("stale="),
        ngx_string("interval=")
    };

    time_t  *times[] = {
        &tmcf->keys_min_ttl, &tmcf->keys_max_ttl, &tmcf->keys_stale,
        &tmcf->keys_interval
    };

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        for (n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
            if (value[i].len > names[n].len
                && ngx_memcmp(value[i].data, names[n].data, names[n].len)
                   == 0)
            {
                break;
            }
        }

        if (n < sizeof(names) / sizeof(names[0])) {
            s.data = value[i].data + names[n].len;
            s.len = value[i].len - names[n].len;

            seconds = ngx_parse_time(&s, 1);

            /* nothing to fetch all the time, but stale=0 makes sense */

            if (seconds != (time_t) NGX_ERROR
                && (seconds || times[n] == &tmcf->keys_stale))
            {
                *times[n] = seconds;
                continue;
            }
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "tenant_keys: invalid parameter \"%V\"",
                           &value[i]);
        return NGX_CONF_ERROR;
    }

    if (tmcf->keys_min_ttl > tmcf->keys_max_ttl) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "tenant_keys: \"min\" is more than \"max\"");
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
