/*
 * Key sets as the configuration has them: a file, the registry, a URL; and
 * how long fetched ones are good for.
 */

#include "ngx_http_tenant_keyset.h"
#include "../ngx_http_tenant_file.h"


typedef struct {
    ngx_conf_t                 *cf;
    ngx_http_tenant_issuer_t   *issuer;
} ngx_http_tenant_keys_ctx_t;


static ngx_int_t ngx_http_tenant_keys_parse(ngx_conf_t *cf,
    ngx_http_tenant_keyset_t *keyset);
static void ngx_http_tenant_keys_skipped(void *data, size_t index,
    tenant_str_t kid, const char *reason);
static void ngx_http_tenant_keys_cleanup(void *data);


ngx_int_t
ngx_http_tenant_keyset_create(ngx_conf_t *cf,
    ngx_http_tenant_main_conf_t *tmcf, ngx_http_tenant_issuer_t *issuer)
{
    ngx_str_t                 *url;
    const char                *error;
    ngx_pool_cleanup_t        *cln;
    ngx_http_tenant_keyset_t  *keyset;

    keyset = ngx_pcalloc(cf->pool, sizeof(ngx_http_tenant_keyset_t));
    if (keyset == NULL) {
        return NGX_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_tenant_keys_cleanup;
    cln->data = keyset;

    keyset->issuer = issuer;
    keyset->tmcf = tmcf;

    issuer->keys = keyset;

    url = issuer->jwks_uri.len ? &issuer->jwks_uri : &issuer->discovery;

    if (url->len) {
        error = ngx_http_tenant_fetch_check(tmcf, url);

        if (error) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "keys of issuer \"%V\": \"%V\" %s",
                               &issuer->sn.str, url, error);
            return NGX_ERROR;
        }

        return NGX_OK;
    }

    return ngx_http_tenant_keys_parse(cf, keyset);
}


static ngx_int_t
ngx_http_tenant_keys_parse(ngx_conf_t *cf, ngx_http_tenant_keyset_t *keyset)
{
    char                         what[512];
    const char                  *where;
    ngx_str_t                    text;
    tenant_jwks_t               *jwks;
    tenant_json_error_t          err;
    tenant_jwks_status_t         rc;
    ngx_http_tenant_issuer_t    *issuer;
    ngx_http_tenant_keys_ctx_t   ctx;

    issuer = keyset->issuer;
    text = issuer->jwks;

    if (issuer->jwks_file.len) {
        *ngx_snprintf((u_char *) what, sizeof(what) - 1,
                      "key set of issuer \"%V\"", &issuer->sn.str) = '\0';

        if (ngx_http_tenant_file_read(cf, what, &issuer->jwks_file,
                                      tenant_json_jwks_limits.max_bytes,
                                      &text)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    ctx.cf = cf;
    ctx.issuer = issuer;

    rc = tenant_jwks_parse((char *) text.data, text.len,
                           ngx_http_tenant_keys_skipped, &ctx, &jwks, &err);

    if (issuer->jwks_file.len) {
        ngx_free(text.data);
    }

    where = issuer->jwks_file.len ? (char *) issuer->jwks_file.data : "jwks";

    if (rc == TENANT_JWKS_JSON) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "key set of issuer \"%V\" in %s: %s at byte %uz",
                           &issuer->sn.str, where,
                           tenant_json_reason(err.code), err.offset);
        return NGX_ERROR;
    }

    if (rc != TENANT_JWKS_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "key set of issuer \"%V\" in %s: %s",
                           &issuer->sn.str, where, tenant_jwks_reason(rc));
        return NGX_ERROR;
    }

    keyset->jwks = jwks;

    if (tenant_jwks_count(jwks) == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "key set of issuer \"%V\" in %s: no usable key",
                           &issuer->sn.str, where);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_tenant_keys_skipped(void *data, size_t index, tenant_str_t kid,
    const char *reason)
{
    ngx_http_tenant_keys_ctx_t  *ctx = data;

    ngx_conf_log_error(NGX_LOG_WARN, ctx->cf, 0,
                       "key %uz of issuer \"%V\" is not used: %s", index,
                       &ctx->issuer->sn.str, reason);
}


static void
ngx_http_tenant_keys_cleanup(void *data)
{
    ngx_http_tenant_keyset_t  *keyset = data;

    tenant_jwks_free(keyset->jwks);
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
