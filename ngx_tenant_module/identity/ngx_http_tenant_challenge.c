/* WWW-Authenticate as RFC 6750, section 3, and RFC 9728, section 5.1. */

#include "ngx_http_tenant_identity.h"
#include "ngx_http_tenant_metadata.h"


ngx_int_t
ngx_http_tenant_challenge(ngx_http_request_t *r,
    const ngx_http_tenant_refusal_t *refusal)
{
    u_char                      *p;
    size_t                       len;
    ngx_str_t                   *scope, metadata;
    ngx_uint_t                   i;
    ngx_table_elt_t             *h;
    ngx_http_tenant_loc_conf_t  *tlcf;

    static ngx_str_t  name = ngx_string("WWW-Authenticate");

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tenant_module);

    len = sizeof("Bearer realm=\"\"") - 1 + tlcf->realm.len;

    if (refusal->error) {
        len += sizeof(", error=\"\", error_description=\": \"") - 1
               + ngx_strlen(refusal->error) + ngx_strlen(refusal->detail)
               + refusal->missing.len;
    }

    if (tlcf->scopes) {
        scope = tlcf->scopes->elts;
        len += sizeof(", scope=\"\"") - 1;

        for (i = 0; i < tlcf->scopes->nelts; i++) {
            len += scope[i].len + 1;
        }
    }

    ngx_str_null(&metadata);

    switch (ngx_http_tenant_metadata_url(r, &metadata)) {

    case NGX_OK:
        len += sizeof(", resource_metadata=\"\"") - 1 + metadata.len;
        break;

    case NGX_ERROR:
        return NGX_ERROR;

    default: /* NGX_DECLINED */
        break;
    }

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    /* an error_page may have led here: the challenge before is replaced */

    h = r->headers_out.www_authenticate;

    if (h == NULL || h->key.data != name.data) {
        h = ngx_list_push(&r->headers_out.headers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        h->hash = 1;
        ngx_http_tenant_header_end(h);
        h->key = name;
    }

    h->value.data = p;

    p = ngx_sprintf(p, "Bearer realm=\"%V\"", &tlcf->realm);

    if (refusal->error) {
        p = ngx_sprintf(p, ", error=\"%s\", error_description=\"%s%s%V\"",
                        refusal->error, refusal->detail,
                        refusal->missing.len ? ": " : "", &refusal->missing);
    }

    if (tlcf->scopes) {
        p = ngx_cpymem(p, ", scope=\"", sizeof(", scope=\"") - 1);
        scope = tlcf->scopes->elts;

        for (i = 0; i < tlcf->scopes->nelts; i++) {
            p = ngx_sprintf(p, "%s%V", i ? " " : "", &scope[i]);
        }

        *p++ = '"';
    }

    if (metadata.len) {
        p = ngx_sprintf(p, ", resource_metadata=\"%V\"", &metadata);
    }

    h->value.len = p - h->value.data;

    r->headers_out.www_authenticate = h;

    return NGX_OK;
}
