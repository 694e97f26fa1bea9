/*
 * A request on its way: who calls, whether it may, and what is noted of it.
 * Each handler is a table of contents; the rooms do the work.
 */

#include "ngx_http_tenant_module.h"
#include "authz/ngx_http_tenant_authz.h"
#include "context/ngx_http_tenant_context.h"
#include "identity/ngx_http_tenant_identity.h"
#include "identity/ngx_http_tenant_introspect.h"
#include "identity/ngx_http_tenant_metadata.h"
#include "identity/ngx_http_tenant_pending.h"
#include "metering/ngx_http_tenant_counters.h"
#include "protocol/ngx_http_tenant_protocol.h"
#include "registry/ngx_http_tenant_api.h"
#include "routing/ngx_http_tenant_route.h"


/* Most requests make one pass: it is allocated with the caller. */
typedef struct {
    ngx_http_tenant_caller_t  caller;
    ngx_http_tenant_ctx_t     pass;
} ngx_http_tenant_first_t;


static ngx_int_t ngx_http_tenant_wait(ngx_http_request_t *r,
    ngx_http_tenant_ctx_t *ctx);
static ngx_int_t ngx_http_tenant_decide(ngx_http_request_t *r,
    ngx_http_tenant_ctx_t *ctx);
static ngx_int_t ngx_http_tenant_permit(ngx_http_request_t *r,
    ngx_http_tenant_ctx_t *ctx);
static ngx_int_t ngx_http_tenant_stop(ngx_http_request_t *r,
    ngx_http_tenant_ctx_t *ctx);
static ngx_http_tenant_caller_t *ngx_http_tenant_caller_create(
    ngx_http_request_t *r);
static void ngx_http_tenant_caller_cleanup(void *data);
static ngx_http_tenant_ctx_t *ngx_http_tenant_ctx_create(
    ngx_http_request_t *r);


/*
 * Identity.  PREACCESS, so that limit_req and limit_conn, whose handlers run
 * after a dynamic module's, can use the variables.
 */

ngx_http_tenant_hot
ngx_int_t
ngx_http_tenant_preaccess_handler(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    ngx_str_t                    missing;
    ngx_http_tenant_ctx_t       *ctx;
    ngx_http_tenant_caller_t    *caller;
    ngx_http_tenant_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tenant_module);

    if (tlcf->auth == NGX_HTTP_TENANT_AUTH_OFF) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_tenant_module);

    if (ctx == NULL || ctx->waiter == NULL) {
        ctx = ngx_http_tenant_ctx_create(r);
        if (ctx == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    caller = ctx->caller;

    if (caller->pending) {
        rc = ngx_http_tenant_wait(r, ctx);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (ctx->refusal.status) {
        return ngx_http_tenant_stop(r, ctx);
    }

    if (caller->identity) {
        ngx_http_tenant_identity_status(caller->identity, tlcf->api,
                                        &ctx->refusal);

        if (tlcf->scopes && ctx->refusal.status == 0) {
            rc = ngx_http_tenant_scopes(r, caller->identity, &missing);

            if (rc == NGX_ERROR) {
                return NGX_HTTP_INTERNAL_SERVER_ERROR;
            }

            if (rc == NGX_DECLINED) {
                ngx_http_tenant_refusal(&ctx->refusal,
                                        NGX_HTTP_TENANT_R_INSUFFICIENT_SCOPE,
                                        NGX_HTTP_FORBIDDEN,
                                        "insufficient_scope",
                                        "the token lacks a scope");
                ctx->refusal.missing = missing;
            }
        }

    } else if (caller->refusal.status) {
        ctx->refusal = caller->refusal;

    } else if (tlcf->auth == NGX_HTTP_TENANT_AUTH_ON) {
        ngx_http_tenant_refusal(&ctx->refusal, NGX_HTTP_TENANT_R_NO_TOKEN,
                                NGX_HTTP_UNAUTHORIZED, NULL,
                                "a bearer token is needed");
    }

    return ctx->refusal.status ? ngx_http_tenant_stop(r, ctx) : NGX_DECLINED;
}


/*
 * NGX_OK: nothing to wait for any more, or refused.  It may have come while
 * the request was in earlier phases.
 */

static ngx_int_t
ngx_http_tenant_wait(ngx_http_request_t *r, ngx_http_tenant_ctx_t *ctx)
{
    ngx_int_t                  rc;
    ngx_http_tenant_waiter_t  *waiter;

    waiter = ctx->waiter;

    if (waiter == NULL || !waiter->waiting) {
        ngx_http_tenant_identify(r, ctx->caller);

        if (ctx->caller->pending == NULL) {
            return NGX_OK;
        }
    }

    rc = ngx_http_tenant_pending_park(r, ctx);

    return rc == NGX_DECLINED ? NGX_OK : rc;
}


/*
 * The decision.  PRECONTENT, after deny, auth_request and rewrites have had
 * their say; made anew in every pass, since a redirect changes what is asked.
 */

ngx_http_tenant_hot
ngx_int_t
ngx_http_tenant_precontent_handler(ngx_http_request_t *r)
{
    ngx_http_tenant_ctx_t       *ctx;
    ngx_http_tenant_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tenant_module);

    if (tlcf->auth == NGX_HTTP_TENANT_AUTH_OFF) {

        /*
         * A location that never heard of headers is left alone, unless a
         * redirect brought here what another location added.
         */

        if (tlcf->headers == NULL
            && (tlcf->header_set == NGX_CONF_UNSET_UINT
                || tlcf->header_set == NGX_HTTP_TENANT_HEADERS_NONE)
            && (!r->internal || ngx_http_tenant_caller_known(r) == NULL))
        {
            return NGX_DECLINED;
        }

        return ngx_http_tenant_headers(r, NULL) == NGX_OK
               ? NGX_DECLINED : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_tenant_module);

    if (ctx == NULL) {

        /* PREACCESS did not run: nobody was identified for this location */

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "tenant: request without identity phase");
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    switch (ngx_http_tenant_decide(r, ctx)) {

    case NGX_OK:
        return NGX_DECLINED;

    case NGX_DECLINED:
        return ngx_http_tenant_stop(r, ctx);

    case NGX_AGAIN:
        return NGX_AGAIN;

    default:
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
}


static ngx_int_t
ngx_http_tenant_decide(ngx_http_request_t *r, ngx_http_tenant_ctx_t *ctx)
{
    ngx_int_t  rc;

    /* what waited for the addresses of its server has been allowed */

    if (ctx->parked == NULL) {
        rc = ngx_http_tenant_permit(r, ctx);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    rc = ngx_http_tenant_route(r, ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_tenant_headers(r, ctx);
}


static ngx_int_t
ngx_http_tenant_permit(ngx_http_request_t *r, ngx_http_tenant_ctx_t *ctx)
{
    ngx_int_t                    rc;
    ngx_http_tenant_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tenant_module);

    rc = tlcf->api ? ngx_http_tenant_api_ask(r, ctx)
                   : ngx_http_tenant_protocol(r, ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    if (tlcf->policy != NGX_HTTP_TENANT_POLICY_OFF) {

        /* configuration checks cannot see every such place */

        if (tlcf->policies == NULL
            || (ctx->agent == NULL && ctx->asked == NULL))
        {
            ngx_http_tenant_refusal(&ctx->refusal, NGX_HTTP_TENANT_R_FAULT,
                                    NGX_HTTP_INTERNAL_SERVER_ERROR, NULL,
                                    "tenant_policy_file or tenant_agent is "
                                    "not set here");
            return NGX_DECLINED;
        }

        return ngx_http_tenant_authorize(r, ctx);
    }

    return NGX_OK;
}


ngx_http_tenant_hot
ngx_int_t
ngx_http_tenant_log_handler(ngx_http_request_t *r)
{
    ngx_http_tenant_caller_t  *caller;

    if (r != r->main) {
        return NGX_OK;
    }

    caller = ngx_http_tenant_caller_known(r);

    if (caller) {
        ngx_http_tenant_count(r, caller);
    }

    return NGX_OK;
}


/* One log line for a refusal, with what is known of the caller. */

static ngx_int_t
ngx_http_tenant_stop(ngx_http_request_t *r, ngx_http_tenant_ctx_t *ctx)
{
    ngx_str_t                    none = ngx_string("-");
    ngx_uint_t                   level;
    ngx_http_tenant_totals_t    *totals;
    ngx_http_tenant_refusal_t   *refusal;
    ngx_http_tenant_identity_t  *identity;

    refusal = &ctx->refusal;
    identity = ctx->caller->identity;

    level = refusal->status == NGX_HTTP_INTERNAL_SERVER_ERROR
            || refusal->reason == NGX_HTTP_TENANT_R_ISOLATION
            ? NGX_LOG_ERR : NGX_LOG_WARN;

    ngx_log_error(level, r->connection->log, 0,
                  "tenant refused (%s): %s, tenant: \"%V\"",
                  ngx_http_tenant_reasons[refusal->reason], refusal->detail,
                  identity ? &identity->tenant->sn.str : &none);

    totals = ngx_http_tenant_totals(r);

    if (totals) {
        (void) ngx_atomic_fetch_add(&totals->refused[refusal->reason], 1);
    }

    return ngx_http_tenant_refuse(r, refusal);
}


ngx_http_tenant_hot
ngx_http_tenant_caller_t *
ngx_http_tenant_caller_known(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t     *cln;
    ngx_http_tenant_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_tenant_module);

    if (ctx) {
        return ctx->caller;
    }

    /* redirects wipe r->ctx; subrequests share the pool of their parents */

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_tenant_caller_cleanup) {
            return cln->data;
        }
    }

    return NULL;
}


ngx_http_tenant_hot
ngx_http_tenant_caller_t *
ngx_http_tenant_caller(ngx_http_request_t *r)
{
    ngx_http_tenant_caller_t  *caller;

    caller = ngx_http_tenant_caller_known(r);

    return caller ? caller : ngx_http_tenant_caller_create(r);
}


ngx_http_tenant_hot
static ngx_http_tenant_caller_t *
ngx_http_tenant_caller_create(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t           *cln;
    ngx_http_tenant_caller_t     *caller;
    ngx_http_tenant_main_conf_t  *tmcf;

    tmcf = ngx_http_get_module_main_conf(r, ngx_http_tenant_module);

    if (tmcf->registry == NULL || tmcf->token_cache == NULL) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_tenant_first_t));
    if (cln == NULL) {
        return NULL;
    }

    caller = cln->data;
    ngx_memzero(caller, sizeof(ngx_http_tenant_first_t));

    caller->request = r->main;

    cln->handler = ngx_http_tenant_caller_cleanup;

    ngx_http_tenant_identify(r, caller);

    return caller;
}


ngx_http_tenant_hot
static void
ngx_http_tenant_caller_cleanup(void *data)
{
    ngx_http_tenant_caller_t  *caller = data;

    ngx_http_tenant_ctx_t  *ctx;

    for (ctx = caller->passes; ctx; ctx = ctx->next) {
        if (ctx->agent) {
            ngx_http_tenant_object_unref(&ctx->agent->object);
        }
    }

    if (caller->identity) {
        ngx_http_tenant_running_remove(caller);
    }
}


ngx_http_tenant_ctx_t *
ngx_http_tenant_ctx(ngx_http_request_t *r)
{
    ngx_http_tenant_ctx_t     *ctx;
    ngx_http_tenant_caller_t  *caller;

    ctx = ngx_http_get_module_ctx(r, ngx_http_tenant_module);

    if (ctx) {
        return ctx;
    }

    caller = ngx_http_tenant_caller_known(r);

    return caller ? caller->last : NULL;
}


static ngx_http_tenant_ctx_t *
ngx_http_tenant_ctx_create(ngx_http_request_t *r)
{
    ngx_http_tenant_ctx_t     *ctx;
    ngx_http_tenant_caller_t  *caller;

    caller = ngx_http_tenant_caller(r);

    /* of another one, so that nothing changes for who shares the first */

    if (caller && ngx_http_tenant_introspect_missing(r, caller)) {
        caller = ngx_http_tenant_caller_create(r);
    }

    if (caller == NULL) {
        return NULL;
    }

    if (caller->passes == NULL) {
        ctx = &((ngx_http_tenant_first_t *) caller)->pass;

    } else {
        ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_tenant_ctx_t));
        if (ctx == NULL) {
            return NULL;
        }
    }

    ctx->caller = caller;
    ctx->next = caller->passes;
    caller->passes = ctx;

    if (r == r->main) {
        caller->last = ctx;
    }

    ngx_http_set_ctx(r, ctx, ngx_http_tenant_module);

    return ctx;
}
