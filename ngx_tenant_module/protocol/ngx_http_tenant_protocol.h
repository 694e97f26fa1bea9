/*
 * What is asked of which agent: the agent from the location, the action from
 * method and path.
 */

#ifndef NGX_HTTP_TENANT_PROTOCOL_H
#define NGX_HTTP_TENANT_PROTOCOL_H


#include "../ngx_http_tenant_module.h"


/*
 * Fills ctx->agent and ctx->action.  NGX_OK, NGX_DECLINED with ctx->refusal,
 * or NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_tenant_protocol(ngx_http_request_t *r,
    ngx_http_tenant_ctx_t *ctx);


#endif /* NGX_HTTP_TENANT_PROTOCOL_H */
