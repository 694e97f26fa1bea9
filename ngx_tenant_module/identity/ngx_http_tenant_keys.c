/* Key sets from files and from the registry itself. */

#include "ngx_http_tenant_identity.h"
#include "tenant_jwks.h"


typedef struct {
    ngx_conf_t                 *cf;
    ngx_http_tenant_issuer_t   *issuer;
} ngx_http_tenant_keys_ctx_t;


static ngx_int_t ngx_http_tenant_keys_issuer(void *data,
    ngx_http_tenant_issuer_t *issuer);
static ngx_int_t ngx_http_tenant_keys_read(ngx_conf_t *cf,
    ngx_http_tenant_issuer_t *issuer, ngx_str_t *text);
static void ngx_http_tenant_keys_skipped(void *data, size_t index,
    tenant_str_t kid, const char *reason);
static void ngx_http_tenant_keys_cleanup(void *data);


ngx_int_t
ngx_http_tenant_identity_init_keys(ngx_conf_t *cf,
    ngx_http_tenant_registry_t *registry)
{
    return ngx_http_tenant_registry_each_issuer(registry,
                                                ngx_http_tenant_keys_issuer,
                                                cf);
}


static ngx_int_t
ngx_http_tenant_keys_issuer(void *data, ngx_http_tenant_issuer_t *issuer)
{
    ngx_conf_t  *cf = data;

    const char                  *where;
    ngx_str_t                    text;
    tenant_jwks_t               *jwks;
    ngx_pool_cleanup_t          *cln;
    tenant_json_error_t          err;
    tenant_jwks_status_t         rc;
    ngx_http_tenant_keys_ctx_t   ctx;

    text = issuer->jwks;

    if (issuer->jwks_file.len
        && ngx_http_tenant_keys_read(cf, issuer, &text) != NGX_OK)
    {
        return NGX_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    ctx.cf = cf;
    ctx.issuer = issuer;

    rc = tenant_jwks_parse((char *) text.data, text.len,
                           ngx_http_tenant_keys_skipped, &ctx, &jwks, &err);

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

    cln->handler = ngx_http_tenant_keys_cleanup;
    cln->data = jwks;

    if (tenant_jwks_count(jwks) == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "key set of issuer \"%V\" in %s: no usable key",
                           &issuer->sn.str, where);
        return NGX_ERROR;
    }

    issuer->keys = jwks;

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_keys_read(ngx_conf_t *cf, ngx_http_tenant_issuer_t *issuer,
    ngx_str_t *text)
{
    off_t             size;
    ssize_t           n;
    ngx_int_t         rc;
    ngx_file_t        file;
    ngx_file_info_t   fi;

    ngx_memzero(&file, sizeof(ngx_file_t));

    file.name = issuer->jwks_file;
    file.log = cf->log;

    file.fd = ngx_open_file(file.name.data, NGX_FILE_RDONLY, NGX_FILE_OPEN,
                            0);

    if (file.fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "key set of issuer \"%V\": cannot open \"%V\"",
                           &issuer->sn.str, &file.name);
        return NGX_ERROR;
    }

    rc = NGX_ERROR;

    if (ngx_fd_info(file.fd, &fi) == NGX_FILE_ERROR || !ngx_is_file(&fi)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "key set of issuer \"%V\": \"%V\" is not a file",
                           &issuer->sn.str, &file.name);
        goto done;
    }

    size = ngx_file_size(&fi);

    if (size > (off_t) tenant_json_jwks_limits.max_bytes) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "key set of issuer \"%V\": \"%V\" is larger than "
                           "%uz bytes", &issuer->sn.str, &file.name,
                           tenant_json_jwks_limits.max_bytes);
        goto done;
    }

    text->data = ngx_palloc(cf->temp_pool, size ? size : 1);
    if (text->data == NULL) {
        goto done;
    }

    n = ngx_read_file(&file, text->data, size, 0);

    if (n != size) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "key set of issuer \"%V\": cannot read \"%V\"",
                           &issuer->sn.str, &file.name);
        goto done;
    }

    text->len = size;
    rc = NGX_OK;

done:

    (void) ngx_close_file(file.fd);

    return rc;
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
    tenant_jwks_free(data);
}
