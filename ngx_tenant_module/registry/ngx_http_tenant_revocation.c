#include "ngx_http_tenant_revocation.h"


#define NGX_HTTP_TENANT_REVOCATION_TEXT    2048     /* bytes of any string */
#define NGX_HTTP_TENANT_REVOCATION_REASON  1024


static ngx_int_t ngx_http_tenant_revocation_text(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *at, const char *name, size_t max,
    ngx_str_t *text, ngx_http_tenant_json_error_t *err);
static ngx_int_t ngx_http_tenant_revocation_date(
    const ngx_http_tenant_json_t *at, const char *name, int64_t *date,
    ngx_http_tenant_json_error_t *err);
static ngx_int_t ngx_http_tenant_revocation_shape(
    const ngx_http_tenant_json_t *at, ngx_http_tenant_revocation_t *rev,
    ngx_http_tenant_json_error_t *err);


static const char *const  ngx_http_tenant_revocation_members[] = {
    "id", "issuer", "tenant", "jti", "sub", "issued_before", "expires",
    "reason", NULL
};


ngx_http_tenant_revocation_t *
ngx_http_tenant_revocation_read(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *at, ngx_http_tenant_json_error_t *err)
{
    ngx_str_t                      id, reason;
    ngx_http_tenant_json_t         child;
    ngx_http_tenant_revocation_t  *rev;

    rev = ngx_pcalloc(pool, sizeof(ngx_http_tenant_revocation_t));
    if (rev == NULL) {
        (void) ngx_http_tenant_json_fail(at, err, "no memory");
        return NULL;
    }

    rev->object.refs = 1;
    rev->object.kind = NGX_HTTP_TENANT_KIND_REVOCATION;
    rev->object.pool = pool;

    ngx_str_null(&id);

    if (ngx_http_tenant_json_object(at, ngx_http_tenant_revocation_members,
                                    err)
        != NGX_OK
        || ngx_http_tenant_json_string(pool, at, "id", &id, err) == NGX_ERROR
        || ngx_http_tenant_revocation_text(pool, at, "issuer",
                                           NGX_HTTP_TENANT_REVOCATION_TEXT,
                                           &rev->issuer, err)
           != NGX_OK
        || ngx_http_tenant_revocation_text(pool, at, "tenant",
                                           NGX_HTTP_TENANT_REVOCATION_TEXT,
                                           &rev->tenant, err)
           != NGX_OK
        || ngx_http_tenant_revocation_text(pool, at, "jti",
                                           NGX_HTTP_TENANT_REVOCATION_TEXT,
                                           &rev->jti, err)
           != NGX_OK
        || ngx_http_tenant_revocation_text(pool, at, "sub",
                                           NGX_HTTP_TENANT_REVOCATION_TEXT,
                                           &rev->sub, err)
           != NGX_OK
        || ngx_http_tenant_revocation_text(pool, at, "reason",
                                           NGX_HTTP_TENANT_REVOCATION_REASON,
                                           &reason, err)
           != NGX_OK
        || ngx_http_tenant_revocation_date(at, "issued_before",
                                           &rev->issued_before, err)
           != NGX_OK
        || ngx_http_tenant_revocation_date(at, "expires", &rev->expires, err)
           != NGX_OK
        || ngx_http_tenant_revocation_shape(at, rev, err) != NGX_OK)
    {
        return NULL;
    }

    if (ngx_http_tenant_revocation_id(pool, &rev->issuer,
                                      rev->jti.len ? &rev->jti : NULL,
                                      rev->sub.len ? &rev->sub : NULL,
                                      rev->tenant.len ? &rev->tenant : NULL,
                                      &rev->sn.str)
        != NGX_OK)
    {
        (void) ngx_http_tenant_json_fail(at, err, "no memory");
        return NULL;
    }

    if (id.data
        && (id.len != rev->sn.str.len
            || ngx_memcmp(id.data, rev->sn.str.data, id.len) != 0))
    {
        (void) ngx_http_tenant_json_member(at, "id", &child);
        (void) ngx_http_tenant_json_fail(&child, err, "has to be \"%V\"",
                                         &rev->sn.str);
        return NULL;
    }

    rev->sn.node.key = ngx_http_tenant_name_key(&rev->sn.str);

    return rev;
}


/* Absent is empty, but nothing that is there may be. */

static ngx_int_t
ngx_http_tenant_revocation_text(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *at, const char *name, size_t max,
    ngx_str_t *text, ngx_http_tenant_json_error_t *err)
{
    ngx_http_tenant_json_t  child;

    ngx_str_null(text);

    switch (ngx_http_tenant_json_string(pool, at, name, text, err)) {

    case NGX_DECLINED:
        return NGX_OK;

    case NGX_OK:
        break;

    default:
        return NGX_ERROR;
    }

    if (text->len == 0 || text->len > max) {
        (void) ngx_http_tenant_json_member(at, name, &child);
        return ngx_http_tenant_json_fail(&child, err,
                                         "must have 1 to %uz bytes", max);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_revocation_date(const ngx_http_tenant_json_t *at,
    const char *name, int64_t *date, ngx_http_tenant_json_error_t *err)
{
    ngx_http_tenant_json_t  child;

    if (ngx_http_tenant_json_member(at, name, &child) != NGX_OK) {
        return NGX_OK;
    }

    if (!json_is_integer(child.value) || json_integer_value(child.value) < 1)
    {
        return ngx_http_tenant_json_fail(&child, err,
                                         "must be a NumericDate: seconds "
                                         "since 1970, an integer");
    }

    *date = json_integer_value(child.value);

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_revocation_shape(const ngx_http_tenant_json_t *at,
    ngx_http_tenant_revocation_t *rev, ngx_http_tenant_json_error_t *err)
{
    if ((rev->issuer.len != 0) == (rev->tenant.len != 0)) {
        return ngx_http_tenant_json_fail(at, err, "needs \"issuer\" or "
                                         "\"tenant\", and not both");
    }

    if (rev->tenant.len && (rev->jti.len || rev->sub.len)) {
        return ngx_http_tenant_json_fail(at, err, "of a tenant takes neither "
                                         "\"jti\" nor \"sub\"");
    }

    if (rev->jti.len && (rev->sub.len || rev->issued_before)) {
        return ngx_http_tenant_json_fail(at, err, "of a \"jti\" takes neither "
                                         "\"sub\" nor \"issued_before\"");
    }

    if (rev->jti.len == 0 && rev->sub.len == 0 && rev->issued_before == 0) {
        return ngx_http_tenant_json_fail(at, err, "needs \"issued_before\"");
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_tenant_revocation_id(ngx_pool_t *pool, ngx_str_t *issuer,
    ngx_str_t *jti, ngx_str_t *sub, ngx_str_t *tenant, ngx_str_t *id)
{
    size_t  len;

    len = sizeof("tenant: ")
          + (tenant ? tenant->len : issuer->len)
          + (jti ? jti->len : sub ? sub->len : 0);

    id->data = ngx_pnalloc(pool, len);
    if (id->data == NULL) {
        return NGX_ERROR;
    }

    id->len = (jti ? ngx_sprintf(id->data, "jti:%V %V", issuer, jti)
               : sub ? ngx_sprintf(id->data, "sub:%V %V", issuer, sub)
               : tenant ? ngx_sprintf(id->data, "tenant:%V", tenant)
                        : ngx_sprintf(id->data, "issuer:%V", issuer))
              - id->data;

    return NGX_OK;
}
