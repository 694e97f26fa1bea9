/* What a request to the control plane asks for, in the words of policies. */

#include "ngx_http_tenant_api.h"


ngx_int_t
ngx_http_tenant_api_ask(ngx_http_request_t *r, ngx_http_tenant_ctx_t *ctx)
{
    ngx_str_t                  base, path, what;
    ngx_uint_t                 kind, write;
    tenant_str_t               arg;
    tenant_target_t            target;
    ngx_http_tenant_asked_t   *asked;

    asked = ngx_pcalloc(r->pool, sizeof(ngx_http_tenant_asked_t));
    if (asked == NULL) {
        return NGX_ERROR;
    }

    /* what is no resource is asked of the registry: the handler says why not */

    if (ngx_http_tenant_api_target(r, r->pool, &base, &path, &target, &kind,
                                   &arg)
        != TENANT_TARGET_OK)
    {
        ngx_memzero(&target, sizeof(tenant_target_t));
    }

    write = !(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD));

    ngx_str_set(&what, "registry");

    if (target.collection.len) {
        what.data = (u_char *) target.collection.data;
        what.len = target.collection.len;
    }

    ctx->action.data = ngx_pnalloc(r->pool, what.len + sizeof(":secrets"));
    if (ctx->action.data == NULL) {
        return NGX_ERROR;
    }

    ctx->action.len = ngx_sprintf(ctx->action.data, "%V:%s", &what,
                                  write ? "write"
                                        : target.secrets ? "secrets" : "read")
                      - ctx->action.data;

    if (kind == NGX_HTTP_TENANT_KIND_TENANT && target.id.len) {
        asked->type = "Tenant";
        asked->id.data = (u_char *) target.id.data;
        asked->id.len = target.id.len;

    } else {
        asked->type = "Registry";
        asked->id = what;
    }

    ctx->asked = asked;

    return NGX_OK;
}
