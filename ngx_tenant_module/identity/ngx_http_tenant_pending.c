#include "ngx_http_tenant_pending.h"


static void ngx_http_tenant_pending_parked(ngx_http_request_t *r);
static void ngx_http_tenant_pending_again(void *data);
static void ngx_http_tenant_pending_leave(void *data);


ngx_int_t
ngx_http_tenant_pending_wait(ngx_http_tenant_pending_t *pending,
    ngx_http_tenant_waiter_t *waiter)
{
    if (pending->nwaiters >= pending->max) {
        return NGX_DECLINED;
    }

    pending->nwaiters++;
    pending->object->refs++;

    waiter->pending = pending;
    waiter->waiting = 1;

    ngx_queue_insert_tail(&pending->waiters, &waiter->queue);

    pending->begin(pending, waiter);

    return NGX_OK;
}


void
ngx_http_tenant_waiter_cancel(ngx_http_tenant_waiter_t *waiter)
{
    if (waiter->waiting) {
        waiter->waiting = 0;
        waiter->pending->nwaiters--;
        ngx_queue_remove(&waiter->queue);
        ngx_http_tenant_object_unref(waiter->pending->object);
    }
}


void
ngx_http_tenant_pending_resume(ngx_http_tenant_pending_t *pending)
{
    ngx_queue_t                all, *q;
    ngx_http_tenant_waiter_t  *waiter;

    if (ngx_queue_empty(&pending->waiters)) {
        return;
    }

    /* whoever resumes may wait again: for the next time, not in this loop */

    ngx_queue_init(&all);
    ngx_queue_add(&all, &pending->waiters);
    ngx_queue_init(&pending->waiters);

    while (!ngx_queue_empty(&all)) {
        q = ngx_queue_head(&all);
        waiter = ngx_queue_data(q, ngx_http_tenant_waiter_t, queue);

        ngx_http_tenant_waiter_cancel(waiter);
        waiter->resume(waiter->data);
    }
}


ngx_int_t
ngx_http_tenant_pending_park(ngx_http_request_t *r,
    ngx_http_tenant_ctx_t *ctx)
{
    ngx_pool_cleanup_t         *cln;
    ngx_http_tenant_waiter_t   *waiter;
    ngx_http_tenant_pending_t  *pending;

    pending = ctx->caller->pending;
    waiter = ctx->waiter;

    if (waiter == NULL) {
        cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_tenant_waiter_t));
        if (cln == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        waiter = cln->data;
        ngx_memzero(waiter, sizeof(ngx_http_tenant_waiter_t));

        waiter->resume = ngx_http_tenant_pending_again;
        waiter->data = r;

        cln->handler = ngx_http_tenant_pending_leave;
        ctx->waiter = waiter;

    } else if (waiter->waiting) {

        /* an event of the client's, not of what is pending */

        return NGX_AGAIN;
    }

    if ((waiter->deadline && ngx_time() > waiter->deadline)
        || ngx_http_tenant_pending_wait(pending, waiter) != NGX_OK)
    {
        ngx_http_tenant_refusal(&ctx->refusal, pending->reason,
                                NGX_HTTP_SERVICE_UNAVAILABLE, NULL,
                                pending->detail);
        return NGX_DECLINED;
    }

    ctx->caller->waited = 1;

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "tenant: waiting, or else: %s", pending->detail);

    /* a client that goes away must not be waited for */

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_tenant_pending_parked;

    return NGX_AGAIN;
}


static void
ngx_http_tenant_pending_parked(ngx_http_request_t *r)
{
    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "tenant: still waiting");
}


static void
ngx_http_tenant_pending_again(void *data)
{
    ngx_http_request_t  *r = data;

    ngx_connection_t  *c;

    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_core_run_phases;

    ngx_http_core_run_phases(r);
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_tenant_pending_leave(void *data)
{
    ngx_http_tenant_waiter_cancel(data);
}
