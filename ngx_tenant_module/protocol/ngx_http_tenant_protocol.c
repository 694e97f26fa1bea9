#include "ngx_http_tenant_protocol.h"


#define NGX_HTTP_TENANT_ACTION_LEN  128     /* bytes */


static ngx_int_t ngx_http_tenant_protocol_agent(ngx_http_request_t *r,
    ngx_http_tenant_ctx_t *ctx);
static ngx_int_t ngx_http_tenant_protocol_action(ngx_http_request_t *r,
    ngx_http_tenant_ctx_t *ctx);


ngx_http_tenant_hot
ngx_int_t
ngx_http_tenant_protocol(ngx_http_request_t *r, ngx_http_tenant_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = ngx_http_tenant_protocol_agent(r, ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_tenant_protocol_action(r, ctx);
}


static ngx_int_t
ngx_http_tenant_protocol_agent(ngx_http_request_t *r,
    ngx_http_tenant_ctx_t *ctx)
{
    ngx_str_t                     id;
    ngx_http_tenant_loc_conf_t   *tlcf;
    ngx_http_tenant_main_conf_t  *tmcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tenant_module);
    tmcf = ngx_http_get_module_main_conf(r, ngx_http_tenant_module);

    if (tlcf->agent == NULL || ctx->agent) {
        return NGX_OK;
    }

    if (ngx_http_complex_value(r, tlcf->agent, &id) != NGX_OK) {
        return NGX_ERROR;
    }

    switch (ngx_http_tenant_registry_agent(tmcf->registry, &id, &ctx->agent))
    {
    case NGX_OK:
        return NGX_OK;

    case NGX_DECLINED:
        ngx_http_tenant_refusal(&ctx->refusal, NGX_HTTP_TENANT_R_UNKNOWN_AGENT,
                                NGX_HTTP_NOT_FOUND, NULL,
                                "the agent is not known here");
        return NGX_DECLINED;

    default:
        ngx_http_tenant_refuse_registry(&ctx->refusal);
        return NGX_DECLINED;
    }
}


/*
 * An AgentCore runtime answers POST /invocations, GET /ping and the
 * WebSocket /ws; whatever else is sent to an agent is an invocation too, so
 * that no path escapes a policy written for it.
 */

static ngx_int_t
ngx_http_tenant_protocol_action(ngx_http_request_t *r,
    ngx_http_tenant_ctx_t *ctx)
{
    ngx_http_tenant_loc_conf_t  *tlcf;

    static ngx_str_t  ping = ngx_string("/ping");

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tenant_module);

    if (tlcf->action == NULL) {

        if ((r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))
            && r->uri.len >= ping.len
            && ngx_memcmp(r->uri.data + r->uri.len - ping.len, ping.data,
                          ping.len)
               == 0)
        {
            ngx_str_set(&ctx->action, "PingAgent");

        } else {
            ngx_str_set(&ctx->action, "InvokeAgent");
        }

        return NGX_OK;
    }

    if (ngx_http_complex_value(r, tlcf->action, &ctx->action) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ctx->action.len == 0
        || ctx->action.len > NGX_HTTP_TENANT_ACTION_LEN)
    {
        ngx_http_tenant_refusal(&ctx->refusal,
                                NGX_HTTP_TENANT_R_INVALID_REQUEST,
                                NGX_HTTP_BAD_REQUEST, NULL,
                                "the action is empty or too long");
        return NGX_DECLINED;
    }

    return NGX_OK;
}
