#include "ngx_http_tenant_context.h"
#include "../authz/ngx_http_tenant_authz.h"
#include "../identity/ngx_http_tenant_claim.h"
#include "../identity/ngx_http_tenant_identity.h"
#include "../identity/ngx_http_tenant_keyset.h"
#include "../routing/ngx_http_tenant_route.h"


#define NGX_HTTP_TENANT_VAR_ID         0
#define NGX_HTTP_TENANT_VAR_TIER       1
#define NGX_HTTP_TENANT_VAR_STATUS     2
#define NGX_HTTP_TENANT_VAR_SUBJECT    3
#define NGX_HTTP_TENANT_VAR_ISSUER     4
#define NGX_HTTP_TENANT_VAR_CLIENT_ID  5
#define NGX_HTTP_TENANT_VAR_ACTOR_ID   6
#define NGX_HTTP_TENANT_VAR_NAME       7

#define NGX_HTTP_TENANT_VAR_MODEL      0
#define NGX_HTTP_TENANT_VAR_AGENT      1
#define NGX_HTTP_TENANT_VAR_ACTION     2
#define NGX_HTTP_TENANT_VAR_DECISION   3
#define NGX_HTTP_TENANT_VAR_POLICIES   4


static ngx_int_t ngx_http_tenant_identity_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_tenant_ctx_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_tenant_route_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_tenant_keys_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_tenant_refusal_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_tenant_claim_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static void ngx_http_tenant_variable_text(ngx_http_variable_value_t *v,
    ngx_str_t *text);


static ngx_http_variable_t  ngx_http_tenant_vars[] = {

    { ngx_string("tenant_id"), NULL, ngx_http_tenant_identity_variable,
      NGX_HTTP_TENANT_VAR_ID, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("tenant_name"), NULL, ngx_http_tenant_identity_variable,
      NGX_HTTP_TENANT_VAR_NAME, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("tenant_tier"), NULL, ngx_http_tenant_identity_variable,
      NGX_HTTP_TENANT_VAR_TIER, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("tenant_status"), NULL, ngx_http_tenant_identity_variable,
      NGX_HTTP_TENANT_VAR_STATUS, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("tenant_subject"), NULL, ngx_http_tenant_identity_variable,
      NGX_HTTP_TENANT_VAR_SUBJECT, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("tenant_issuer"), NULL, ngx_http_tenant_identity_variable,
      NGX_HTTP_TENANT_VAR_ISSUER, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("tenant_client_id"), NULL,
      ngx_http_tenant_identity_variable,
      NGX_HTTP_TENANT_VAR_CLIENT_ID, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("tenant_actor_id"), NULL, ngx_http_tenant_identity_variable,
      NGX_HTTP_TENANT_VAR_ACTOR_ID, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("tenant_model"), NULL, ngx_http_tenant_ctx_variable,
      NGX_HTTP_TENANT_VAR_MODEL, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("tenant_route"), NULL, ngx_http_tenant_route_variable,
      NGX_HTTP_TENANT_ROUTE_ORIGIN, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("tenant_scheme"), NULL, ngx_http_tenant_route_variable,
      NGX_HTTP_TENANT_ROUTE_SCHEME, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("tenant_server_name"), NULL, ngx_http_tenant_route_variable,
      NGX_HTTP_TENANT_ROUTE_SERVER_NAME, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("tenant_endpoint"), NULL, ngx_http_tenant_route_variable,
      NGX_HTTP_TENANT_ROUTE_ENDPOINT, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("tenant_session"), NULL, ngx_http_tenant_route_variable,
      NGX_HTTP_TENANT_ROUTE_SESSION, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("tenant_agent"), NULL, ngx_http_tenant_ctx_variable,
      NGX_HTTP_TENANT_VAR_AGENT, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("tenant_action"), NULL, ngx_http_tenant_ctx_variable,
      NGX_HTTP_TENANT_VAR_ACTION, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("tenant_decision"), NULL, ngx_http_tenant_ctx_variable,
      NGX_HTTP_TENANT_VAR_DECISION, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("tenant_policy_ids"), NULL, ngx_http_tenant_ctx_variable,
      NGX_HTTP_TENANT_VAR_POLICIES, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("tenant_keys_status"), NULL,
      ngx_http_tenant_keys_variable,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("tenant_refusal"), NULL, ngx_http_tenant_refusal_variable,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("tenant_claim_"), NULL, ngx_http_tenant_claim_variable,
      0, NGX_HTTP_VAR_NOCACHEABLE|NGX_HTTP_VAR_PREFIX, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_tenant_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_tenant_vars; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


/* Asking verifies the token if nothing has yet: "map" works in any phase. */

static ngx_int_t
ngx_http_tenant_identity_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t                    text;
    ngx_http_tenant_tenant_t    *tenant;
    ngx_http_tenant_caller_t    *caller;
    ngx_http_tenant_identity_t  *identity;

    caller = ngx_http_tenant_caller(r);

    if (caller == NULL || caller->identity == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    identity = caller->identity;
    tenant = identity->tenant;

    switch (data) {

    case NGX_HTTP_TENANT_VAR_ID:
        text = tenant->sn.str;
        break;

    case NGX_HTTP_TENANT_VAR_NAME:
        text = tenant->name;
        break;

    case NGX_HTTP_TENANT_VAR_TIER:
        text = tenant->tier->sn.str;
        break;

    case NGX_HTTP_TENANT_VAR_STATUS:
        text = ngx_http_tenant_statuses[tenant->status];
        break;

    case NGX_HTTP_TENANT_VAR_SUBJECT:
        text = identity->subject;
        break;

    case NGX_HTTP_TENANT_VAR_ISSUER:
        text = identity->issuer->sn.str;
        break;

    case NGX_HTTP_TENANT_VAR_CLIENT_ID:
        text = identity->client_id;
        break;

    default: /* NGX_HTTP_TENANT_VAR_ACTOR_ID */
        text = identity->actor_id;
    }

    ngx_http_tenant_variable_text(v, &text);

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_ctx_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t               text;
    ngx_http_tenant_ctx_t  *ctx;

    ctx = ngx_http_tenant_ctx(r);

    if (ctx == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    ngx_str_null(&text);

    switch (data) {

    case NGX_HTTP_TENANT_VAR_MODEL:
        if (ctx->route) {
            text = ngx_http_tenant_models[ctx->route->model];
        }

        break;

    case NGX_HTTP_TENANT_VAR_AGENT:
        if (ctx->agent) {
            text = ctx->agent->sn.str;
        }

        break;

    case NGX_HTTP_TENANT_VAR_ACTION:
        text = ctx->action;
        break;

    case NGX_HTTP_TENANT_VAR_DECISION:
        if (!ctx->decided) {
            break;
        }

        if (ctx->allowed) {
            ngx_str_set(&text, "allow");

        } else if (ctx->shadowed) {
            ngx_str_set(&text, "shadow_deny");

        } else {
            ngx_str_set(&text, "deny");
        }

        break;

    default: /* NGX_HTTP_TENANT_VAR_POLICIES */
        if (ctx->nreasons
            && ngx_http_tenant_authz_policy_ids(r->pool, ctx, &text)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    ngx_http_tenant_variable_text(v, &text);

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_route_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t               text;
    ngx_http_tenant_ctx_t  *ctx;

    ctx = ngx_http_tenant_ctx(r);

    if (ctx == NULL || ctx->route == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    ngx_http_tenant_route_text(r, ctx, data, &text);
    ngx_http_tenant_variable_text(v, &text);

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_keys_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t                  text;
    ngx_http_tenant_caller_t  *caller;

    caller = ngx_http_tenant_caller(r);

    if (caller == NULL || caller->identity == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    text = *ngx_http_tenant_keyset_status(caller->identity->issuer->keys);

    ngx_http_tenant_variable_text(v, &text);

    return NGX_OK;
}


/* The reason of a refusal, as in problem types and metrics. */

static ngx_int_t
ngx_http_tenant_refusal_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t               text;
    ngx_http_tenant_ctx_t  *ctx;

    ctx = ngx_http_tenant_ctx(r);

    if (ctx == NULL || ctx->refusal.status == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    text.data = (u_char *) ngx_http_tenant_reasons[ctx->refusal.reason];
    text.len = ngx_strlen(text.data);

    ngx_http_tenant_variable_text(v, &text);

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_claim_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t                 *var = (ngx_str_t *) data;

    ngx_str_t                  text;
    ngx_http_tenant_caller_t  *caller;

    caller = ngx_http_tenant_caller(r);

    if (caller == NULL || caller->identity == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    if (ngx_http_tenant_claim(r, caller, var, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_tenant_variable_text(v, &text);

    return NGX_OK;
}


static void
ngx_http_tenant_variable_text(ngx_http_variable_value_t *v, ngx_str_t *text)
{
    if (text->len == 0) {
        v->not_found = 1;
        return;
    }

    v->data = text->data;
    v->len = text->len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
}
