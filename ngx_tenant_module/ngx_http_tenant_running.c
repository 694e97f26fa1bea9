/* Requests that run when their tenant changes. */

#include "ngx_http_tenant_module.h"
#include "identity/ngx_http_tenant_identity.h"


static void ngx_http_tenant_running_of(ngx_http_tenant_caller_t *caller,
    ngx_http_tenant_tenant_t *tenant);
static void ngx_http_tenant_running_end(ngx_http_tenant_caller_t *caller,
    ngx_http_tenant_refusal_t *refusal);
static ngx_uint_t ngx_http_tenant_running_silent(ngx_http_request_t *r);


ngx_http_tenant_hot
void
ngx_http_tenant_running_add(ngx_http_tenant_caller_t *caller,
    ngx_http_tenant_identity_t *identity)
{
    caller->identity = identity;

    ngx_http_tenant_running_of(caller, identity->tenant);
}


ngx_http_tenant_hot
void
ngx_http_tenant_running_remove(ngx_http_tenant_caller_t *caller)
{
    ngx_queue_remove(&caller->running);

    ngx_http_tenant_object_unref(&caller->tenant->object);
    ngx_http_tenant_identity_release(caller->identity);
}


static void
ngx_http_tenant_running_of(ngx_http_tenant_caller_t *caller,
    ngx_http_tenant_tenant_t *tenant)
{
    tenant->object.refs++;

    caller->tenant = tenant;

    ngx_queue_insert_tail(&tenant->running, &caller->running);
}


/*
 * Requests move to the object that is loaded now, as the next change will be
 * told of that; or end with a tenant that is suspended or gone.  One that is
 * offboarded finishes what it began, until it is gone.
 */

void
ngx_http_tenant_running_changed(void *data, ngx_http_tenant_tenant_t *tenant)
{
    ngx_http_tenant_main_conf_t  *tmcf = data;

    ngx_queue_t                 all, *q;
    ngx_http_tenant_tenant_t   *now;
    ngx_http_tenant_caller_t   *caller;
    ngx_http_tenant_refusal_t   refusal;

    ngx_http_tenant_refusal(&refusal, NGX_HTTP_TENANT_R_UNKNOWN_TENANT,
                            NGX_HTTP_FORBIDDEN, NULL,
                            "the tenant is not known here any more");

    if (ngx_http_tenant_registry_tenant(tmcf->registry, &tenant->sn.str, &now)
        != NGX_OK)
    {
        now = NULL;

    } else {
        refusal.status = 0;

        if (now->status == NGX_HTTP_TENANT_SUSPENDED) {
            ngx_http_tenant_refusal(&refusal,
                                    NGX_HTTP_TENANT_R_SUSPENDED_TENANT,
                                    NGX_HTTP_FORBIDDEN, NULL,
                                    "the tenant was suspended meanwhile");
        }
    }

    /* the end of one request may be the end of others */

    ngx_queue_init(&all);
    ngx_queue_add(&all, &tenant->running);
    ngx_queue_init(&tenant->running);

    while (!ngx_queue_empty(&all)) {
        q = ngx_queue_head(&all);
        caller = ngx_queue_data(q, ngx_http_tenant_caller_t, running);

        ngx_queue_remove(q);

        if (now == NULL) {
            ngx_queue_insert_tail(&tenant->running, q);

        } else {
            ngx_http_tenant_running_of(caller, now);
            ngx_http_tenant_object_unref(&tenant->object);
        }

        if (refusal.status) {
            ngx_http_tenant_running_end(caller, &refusal);
        }
    }

    if (now) {
        ngx_http_tenant_object_unref(&now->object);
    }
}


static void
ngx_http_tenant_running_end(ngx_http_tenant_caller_t *caller,
    ngx_http_tenant_refusal_t *refusal)
{
    ngx_int_t            rc;
    ngx_uint_t           silent;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = caller->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_log_error(NGX_LOG_WARN, c->log, 0,
                  "tenant request ended (%s): %s, tenant: \"%V\"",
                  ngx_http_tenant_reasons[refusal->reason], refusal->detail,
                  &caller->tenant->sn.str);

    silent = ngx_http_tenant_running_silent(r);

    if (r->upstream && r->upstream->cleanup) {

        /* its end takes one count, and must not be the end of the request */

        r->main->count++;

        (*r->upstream->cleanup)(r);
    }

    if (silent) {
        rc = ngx_http_tenant_refuse(r, refusal);

        /* as the phases take it: done is finalized */

        if (rc != NGX_DONE) {
            ngx_http_finalize_request(r, rc);
        }

    } else {

        /* no more of the answer: there is no other way to say so */

        c->error = 1;

        ngx_http_finalize_request(r, NGX_ERROR);
    }

    ngx_http_run_posted_requests(c);
}


/* Whether it waits for its agent, and the client has seen nothing yet. */

static ngx_uint_t
ngx_http_tenant_running_silent(ngx_http_request_t *r)
{
    return r->upstream && r->upstream->cleanup && !r->header_sent
           && !r->blocked && r->postponed == NULL && r->connection->data == r;
}
