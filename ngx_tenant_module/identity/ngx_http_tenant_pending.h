/*
 * Something that is on its way from elsewhere, and the requests that wait for
 * it: keys, the answer of an introspection.
 */

#ifndef NGX_HTTP_TENANT_PENDING_H
#define NGX_HTTP_TENANT_PENDING_H


#include "../ngx_http_tenant_module.h"


typedef struct ngx_http_tenant_waiter_s  ngx_http_tenant_waiter_t;

/*
 * Embedded in what is on its way.  A caller's pointer to one is good only
 * right after ngx_http_tenant_identify() set it: by the next event it may be
 * over and gone.
 */
struct ngx_http_tenant_pending_s {
    ngx_queue_t                  waiters;
    ngx_uint_t                   nwaiters;
    ngx_uint_t                   max;       /* of waiters */
    ngx_http_tenant_object_t    *object;    /* stays while somebody waits */

    /* Somebody begins to wait: sets the deadline and what it needs else. */
    void                       (*begin)(ngx_http_tenant_pending_t *pending,
                                        ngx_http_tenant_waiter_t *waiter);

    /* why a request that cannot wait (any longer) is answered 503 */
    ngx_http_tenant_reason_t     reason;
    const char                  *detail;
};


/*
 * A request that waits.  Embedded in whatever waits; resume() is called once,
 * from an event of its own, unless it is cancelled before.
 */
struct ngx_http_tenant_waiter_s {
    ngx_queue_t                  queue;
    ngx_http_tenant_pending_t   *pending;   /* while it waits */
    ngx_uint_t                   mark;      /* of what is pending: when the
                                               waiting began */
    time_t                       deadline;
    void                       (*resume)(void *data);
    void                        *data;
    unsigned                     waiting:1;
};


/* NGX_DECLINED: too many wait already. */
ngx_int_t ngx_http_tenant_pending_wait(ngx_http_tenant_pending_t *pending,
    ngx_http_tenant_waiter_t *waiter);
void ngx_http_tenant_waiter_cancel(ngx_http_tenant_waiter_t *waiter);

/*
 * It is there, or will not come: resumes all that wait now.  With the last of
 * them the object may go, and what is pending with it.
 */
void ngx_http_tenant_pending_resume(ngx_http_tenant_pending_t *pending);

/*
 * Parks the request until caller->pending may have changed, then runs its
 * phases again from where it is.  NGX_AGAIN, or NGX_DECLINED with
 * ctx->refusal, or what a handler returns.
 */
ngx_int_t ngx_http_tenant_pending_park(ngx_http_request_t *r,
    ngx_http_tenant_ctx_t *ctx);


#endif /* NGX_HTTP_TENANT_PENDING_H */
