/*
 * Events on their way to the provisioner: rows of the database until they are
 * accepted.  Everything here is a thread's.
 *
 * A row that is taken is due again only after the time that a delivery can
 * take, whoever looks; the commit that says so comes before the delivery.  So
 * an event of a worker that is gone is delivered by another, and one tenant's
 * events stay in order.
 */

#ifndef NGX_HTTP_TENANT_OUTBOX_H
#define NGX_HTTP_TENANT_OUTBOX_H


#include "ngx_http_tenant_change.h"


#define NGX_HTTP_TENANT_DELIVERIES  32     /* of a worker, at a time */


/* An event that was taken; in a pool of its own. */
typedef struct {
    ngx_queue_t               queue;
    ngx_pool_t               *pool;
    void                     *data;        /* of whoever delivers */

    int64_t                   seq;
    ngx_str_t                 tenant;
    ngx_str_t                 id;          /* of the event */
    ngx_str_t                 event;
    ngx_int_t                 attempts;    /* with this one */

    /* the outcome */
    ngx_str_t                 error;
    time_t                    due;
    unsigned                  accepted:1;
} ngx_http_tenant_delivery_t;


/* What is done in one transaction. */
typedef struct {
    ngx_queue_t               outcomes;    /* deliveries, to be written */
    ngx_uint_t                room;        /* events to take, at most */
    time_t                    hold;        /* seconds a delivery can take */
    ngx_str_t                 busy[NGX_HTTP_TENANT_DELIVERIES];
    ngx_uint_t                nbusy;       /* tenants that have one */

    ngx_queue_t               taken;       /* deliveries */
    time_t                    next;        /* when something will be due */
    int64_t                   backlog;     /* events */
    time_t                    oldest;      /* of them; 0: there is none */

    sqlite3_stmt             *stmts[8];
} ngx_http_tenant_outbox_t;


/*
 * NGX_OK: written; NGX_DECLINED: there was nothing to write or to take;
 * NGX_ERROR: the database failed (logged), or there was no memory.  What was
 * taken counts only after the commit.
 */
ngx_int_t ngx_http_tenant_outbox_turn(ngx_http_tenant_outbox_t *outbox,
    ngx_http_tenant_changes_t *changes);

/* Frees deliveries. */
void ngx_http_tenant_outbox_free(ngx_queue_t *deliveries);


#endif /* NGX_HTTP_TENANT_OUTBOX_H */
