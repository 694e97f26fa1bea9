#include "ngx_http_tenant_outbox.h"


#define NGX_HTTP_TENANT_OUTBOX_SLEEP  5       /* seconds at most: somebody may
                                                 write who does not share
                                                 the zone */
#define NGX_HTTP_TENANT_OUTBOX_ID     128     /* bytes */


typedef enum {
    NGX_HTTP_TENANT_OUTBOX_HEADS = 0,  /* time, limit -> seq, tenant, event,
                                          attempts */
    NGX_HTTP_TENANT_OUTBOX_TAKE,       /* seq, time */
    NGX_HTTP_TENANT_OUTBOX_FOLLOW,     /* tenant, seq, time */
    NGX_HTTP_TENANT_OUTBOX_ACCEPTED,   /* seq */
    NGX_HTTP_TENANT_OUTBOX_RELEASE,    /* tenant, time */
    NGX_HTTP_TENANT_OUTBOX_FAILED,     /* seq, time, error */
    NGX_HTTP_TENANT_OUTBOX_NEXT,       /* -> time */
    NGX_HTTP_TENANT_OUTBOX_BACKLOG,    /* -> number, time of the oldest */
    NGX_HTTP_TENANT_OUTBOX_STMTS           /* as many as stmts[] has */
} ngx_http_tenant_outbox_stmt_t;


static ngx_int_t ngx_http_tenant_outbox_prepare(
    ngx_http_tenant_outbox_t *outbox, ngx_http_tenant_store_t *store);
static ngx_int_t ngx_http_tenant_outbox_write(
    ngx_http_tenant_outbox_t *outbox, ngx_http_tenant_store_t *store,
    time_t now);
static ngx_int_t ngx_http_tenant_outbox_take(
    ngx_http_tenant_outbox_t *outbox, ngx_http_tenant_store_t *store,
    time_t now);
static ngx_int_t ngx_http_tenant_outbox_claim(
    ngx_http_tenant_outbox_t *outbox, ngx_http_tenant_store_t *store,
    ngx_http_tenant_delivery_t *delivery, time_t until);
static ngx_int_t ngx_http_tenant_outbox_look(
    ngx_http_tenant_outbox_t *outbox, ngx_http_tenant_store_t *store,
    time_t now);
static ngx_http_tenant_delivery_t *ngx_http_tenant_outbox_delivery(
    sqlite3_stmt *stmt);
static void ngx_http_tenant_outbox_id(ngx_http_tenant_delivery_t *delivery);
static ngx_int_t ngx_http_tenant_outbox_text(ngx_pool_t *pool,
    sqlite3_stmt *stmt, int column, ngx_str_t *text);


static const char *const  ngx_http_tenant_outbox_sql[] = {

    /* a tenant's next event only, never one behind it */

    "SELECT seq, tenant, event, attempts FROM outbox o"
    " WHERE due <= ?1 AND NOT EXISTS (SELECT 1 FROM outbox p"
    " WHERE p.tenant = o.tenant AND p.seq < o.seq)"
    " ORDER BY due, seq LIMIT ?2",

    "UPDATE outbox SET attempts = attempts + 1, due = ?2 WHERE seq = ?1",

    /* those behind it would only be looked at in vain */

    "UPDATE outbox SET due = ?3 WHERE tenant = ?1 AND seq > ?2"
    " AND due < ?3",

    "DELETE FROM outbox WHERE seq = ?1",

    "UPDATE outbox SET due = ?2 WHERE tenant = ?1 AND due > ?2",

    "UPDATE outbox SET due = ?2, error = ?3 WHERE seq = ?1",

    "SELECT due FROM outbox o WHERE NOT EXISTS (SELECT 1 FROM outbox p"
    " WHERE p.tenant = o.tenant AND p.seq < o.seq) ORDER BY due LIMIT 1",

    "SELECT count(*), ifnull((SELECT created FROM outbox ORDER BY seq"
    " LIMIT 1), 0) FROM outbox"
};


ngx_int_t
ngx_http_tenant_outbox_turn(ngx_http_tenant_outbox_t *outbox,
    ngx_http_tenant_changes_t *changes)
{
    time_t                    now;
    ngx_int_t                 rc;
    ngx_uint_t                i;
    ngx_http_tenant_store_t  *store;

    store = changes->store;
    now = changes->now;
    rc = NGX_ERROR;

    ngx_queue_init(&outbox->taken);

    if (ngx_http_tenant_outbox_prepare(outbox, store) == NGX_OK
        && ngx_http_tenant_outbox_write(outbox, store, now) == NGX_OK
        && ngx_http_tenant_outbox_take(outbox, store, now) == NGX_OK
        && ngx_http_tenant_outbox_look(outbox, store, now) == NGX_OK)
    {
        rc = ngx_queue_empty(&outbox->outcomes)
             && ngx_queue_empty(&outbox->taken) ? NGX_DECLINED : NGX_OK;
    }

    for (i = 0; i < NGX_HTTP_TENANT_OUTBOX_STMTS; i++) {
        (void) sqlite3_finalize(outbox->stmts[i]);
        outbox->stmts[i] = NULL;
    }

    return rc;
}


static ngx_int_t
ngx_http_tenant_outbox_prepare(ngx_http_tenant_outbox_t *outbox,
    ngx_http_tenant_store_t *store)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_TENANT_OUTBOX_STMTS; i++) {
        if (sqlite3_prepare_v2(store->db, ngx_http_tenant_outbox_sql[i], -1,
                               &outbox->stmts[i], NULL)
            != SQLITE_OK)
        {
            ngx_log_error(NGX_LOG_ERR, store->log, 0,
                          "tenant_registry \"%V\": %s", &store->path,
                          sqlite3_errmsg(store->db));
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_outbox_write(ngx_http_tenant_outbox_t *outbox,
    ngx_http_tenant_store_t *store, time_t now)
{
    ngx_queue_t                 *q;
    sqlite3_stmt                *stmt, *others;
    ngx_http_tenant_delivery_t  *delivery;

    for (q = ngx_queue_head(&outbox->outcomes);
         q != ngx_queue_sentinel(&outbox->outcomes);
         q = ngx_queue_next(q))
    {
        delivery = ngx_queue_data(q, ngx_http_tenant_delivery_t, queue);

        if (delivery->accepted) {
            stmt = outbox->stmts[NGX_HTTP_TENANT_OUTBOX_ACCEPTED];
            others = outbox->stmts[NGX_HTTP_TENANT_OUTBOX_RELEASE];

            ngx_http_tenant_store_bind(others, 1, &delivery->tenant);
            (void) sqlite3_bind_int64(others, 2, now);

        } else {
            stmt = outbox->stmts[NGX_HTTP_TENANT_OUTBOX_FAILED];
            others = outbox->stmts[NGX_HTTP_TENANT_OUTBOX_FOLLOW];

            (void) sqlite3_bind_int64(stmt, 2, delivery->due);
            ngx_http_tenant_store_bind(stmt, 3, &delivery->error);

            ngx_http_tenant_store_bind(others, 1, &delivery->tenant);
            (void) sqlite3_bind_int64(others, 2, delivery->seq);
            (void) sqlite3_bind_int64(others, 3, delivery->due);
        }

        (void) sqlite3_bind_int64(stmt, 1, delivery->seq);

        if (ngx_http_tenant_store_step(store, stmt) != NGX_DONE
            || ngx_http_tenant_store_step(store, others) != NGX_DONE)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_outbox_take(ngx_http_tenant_outbox_t *outbox,
    ngx_http_tenant_store_t *store, time_t now)
{
    time_t                       until;
    ngx_int_t                    rc;
    ngx_str_t                    tenant;
    ngx_uint_t                   i, n;
    ngx_queue_t                 *q;
    sqlite3_stmt                *stmt;
    ngx_http_tenant_delivery_t  *delivery;

    if (outbox->room == 0) {
        return NGX_OK;
    }

    n = 0;
    stmt = outbox->stmts[NGX_HTTP_TENANT_OUTBOX_HEADS];

    (void) sqlite3_bind_int64(stmt, 1, now);
    (void) sqlite3_bind_int64(stmt, 2, outbox->room + outbox->nbusy);

    while ((rc = ngx_http_tenant_store_step(store, stmt)) == NGX_OK
           && n < outbox->room)
    {
        /* a tenant that was removed while an event of it was on its way */

        ngx_http_tenant_store_text(stmt, 1, &tenant);

        for (i = 0; i < outbox->nbusy; i++) {
            if (outbox->busy[i].len == tenant.len
                && ngx_memcmp(outbox->busy[i].data, tenant.data,
                              tenant.len)
                   == 0)
            {
                break;
            }
        }

        if (i < outbox->nbusy) {
            continue;
        }

        delivery = ngx_http_tenant_outbox_delivery(stmt);

        if (delivery == NULL) {
            rc = NGX_ERROR;
            break;
        }

        ngx_queue_insert_tail(&outbox->taken, &delivery->queue);
        n++;
    }

    (void) sqlite3_reset(stmt);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    until = now + outbox->hold;

    for (q = ngx_queue_head(&outbox->taken);
         q != ngx_queue_sentinel(&outbox->taken);
         q = ngx_queue_next(q))
    {
        delivery = ngx_queue_data(q, ngx_http_tenant_delivery_t, queue);

        if (ngx_http_tenant_outbox_claim(outbox, store, delivery, until)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_outbox_claim(ngx_http_tenant_outbox_t *outbox,
    ngx_http_tenant_store_t *store, ngx_http_tenant_delivery_t *delivery,
    time_t until)
{
    sqlite3_stmt  *stmt;

    stmt = outbox->stmts[NGX_HTTP_TENANT_OUTBOX_TAKE];

    (void) sqlite3_bind_int64(stmt, 1, delivery->seq);
    (void) sqlite3_bind_int64(stmt, 2, until);

    if (ngx_http_tenant_store_step(store, stmt) != NGX_DONE) {
        return NGX_ERROR;
    }

    stmt = outbox->stmts[NGX_HTTP_TENANT_OUTBOX_FOLLOW];

    ngx_http_tenant_store_bind(stmt, 1, &delivery->tenant);
    (void) sqlite3_bind_int64(stmt, 2, delivery->seq);
    (void) sqlite3_bind_int64(stmt, 3, until);

    return ngx_http_tenant_store_step(store, stmt) == NGX_DONE ? NGX_OK
                                                               : NGX_ERROR;
}


/* When there will be something to do, and how much waits. */

static ngx_int_t
ngx_http_tenant_outbox_look(ngx_http_tenant_outbox_t *outbox,
    ngx_http_tenant_store_t *store, time_t now)
{
    ngx_int_t      rc;
    sqlite3_stmt  *stmt;

    outbox->next = now + NGX_HTTP_TENANT_OUTBOX_SLEEP;

    stmt = outbox->stmts[NGX_HTTP_TENANT_OUTBOX_NEXT];
    rc = ngx_http_tenant_store_step(store, stmt);

    if (rc == NGX_OK) {
        outbox->next = ngx_min(outbox->next,
                                     sqlite3_column_int64(stmt, 0));
        (void) sqlite3_reset(stmt);
    }

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    stmt = outbox->stmts[NGX_HTTP_TENANT_OUTBOX_BACKLOG];

    if (ngx_http_tenant_store_step(store, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    outbox->backlog = sqlite3_column_int64(stmt, 0);
    outbox->oldest = sqlite3_column_int64(stmt, 1);

    (void) sqlite3_reset(stmt);

    return NGX_OK;
}


static ngx_http_tenant_delivery_t *
ngx_http_tenant_outbox_delivery(sqlite3_stmt *stmt)
{
    ngx_pool_t                  *pool;
    ngx_http_tenant_delivery_t  *delivery;

    pool = ngx_create_pool(1024, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    delivery = ngx_pcalloc(pool, sizeof(ngx_http_tenant_delivery_t));

    if (delivery == NULL
        || ngx_http_tenant_outbox_text(pool, stmt, 1, &delivery->tenant)
           != NGX_OK
        || ngx_http_tenant_outbox_text(pool, stmt, 2, &delivery->event)
           != NGX_OK)
    {
        ngx_destroy_pool(pool);
        return NULL;
    }

    delivery->pool = pool;
    delivery->seq = sqlite3_column_int64(stmt, 0);
    delivery->attempts = sqlite3_column_int64(stmt, 3) + 1;

    ngx_http_tenant_outbox_id(delivery);

    if (delivery->id.data == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    return delivery;
}


/* That of the event, which goes into a header. */

static void
ngx_http_tenant_outbox_id(ngx_http_tenant_delivery_t *delivery)
{
    size_t       i, len;
    json_t      *event;
    const char  *id;

    event = json_loadb((char *) delivery->event.data, delivery->event.len, 0,
                       NULL);

    id = json_string_value(json_object_get(event, "id"));
    len = id ? ngx_strlen(id) : 0;

    for (i = 0; i < len; i++) {
        if (id[i] <= 0x20 || id[i] >= 0x7f) {
            break;
        }
    }

    if (len && i == len && len <= NGX_HTTP_TENANT_OUTBOX_ID) {
        delivery->id.data = ngx_pnalloc(delivery->pool, len);
        delivery->id.len = len;

        if (delivery->id.data) {
            ngx_memcpy(delivery->id.data, id, len);
        }

    } else {
        delivery->id.data = ngx_pnalloc(delivery->pool,
                                        sizeof("event-") + NGX_INT64_LEN);
        if (delivery->id.data) {
            delivery->id.len = ngx_sprintf(delivery->id.data, "event-%L",
                                           delivery->seq)
                               - delivery->id.data;
        }
    }

    json_decref(event);
}


static ngx_int_t
ngx_http_tenant_outbox_text(ngx_pool_t *pool, sqlite3_stmt *stmt, int column,
    ngx_str_t *text)
{
    ngx_str_t  value;

    ngx_http_tenant_store_text(stmt, column, &value);

    text->len = value.len;
    text->data = ngx_pnalloc(pool, value.len + 1);

    if (text->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(text->data, value.data, value.len);
    text->data[value.len] = '\0';

    return NGX_OK;
}


void
ngx_http_tenant_outbox_free(ngx_queue_t *deliveries)
{
    ngx_queue_t                 *q;
    ngx_http_tenant_delivery_t  *delivery;

    while (!ngx_queue_empty(deliveries)) {
        q = ngx_queue_head(deliveries);
        ngx_queue_remove(q);

        delivery = ngx_queue_data(q, ngx_http_tenant_delivery_t, queue);
        ngx_destroy_pool(delivery->pool);
    }
}
