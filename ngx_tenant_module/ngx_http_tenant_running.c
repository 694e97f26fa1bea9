/* Requests that run when their tenant changes. */

#include "ngx_http_tenant_module.h"
#include "identity/ngx_http_tenant_identity.h"


static void ngx_http_tenant_running_of(ngx_http_tenant_caller_t *caller,
    ngx_http_tenant_tenant_t *tenant);
static void ngx_http_tenant_running_end(ngx_http_tenant_caller_t *caller,
    ngx_http_tenant_tenant_t *tenant);


void
ngx_http_tenant_running_add(ngx_http_tenant_caller_t *caller,
    ngx_http_tenant_identity_t *identity)
{
    caller->identity = identity;

    ngx_http_tenant_running_of(caller, identity->tenant);
}


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

    ngx_queue_t                all, *q;
    ngx_http_tenant_tenant_t  *now;
    ngx_http_tenant_caller_t  *caller;

    if (ngx_http_tenant_registry_tenant(tmcf->registry, &tenant->sn.str, &now)
        != NGX_OK)
    {
        now = NULL;
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

        if (now == NULL || now->status == NGX_HTTP_TENANT_SUSPENDED) {
            ngx_http_tenant_running_end(caller, tenant);
        }
    }

    if (now) {
        ngx_http_tenant_object_unref(&now->object);
    }
}


static void
ngx_http_tenant_running_end(ngx_http_tenant_caller_t *caller,
    ngx_http_tenant_tenant_t *tenant)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = caller->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_log_error(NGX_LOG_WARN, c->log, 0,
                  "tenant \"%V\" is not served any more: its request ends",
                  &tenant->sn.str);

    /* whatever it waits for: no answer, or no more of it */

    ngx_http_finalize_request(r, NGX_HTTP_CLOSE);
    ngx_http_run_posted_requests(c);
}
