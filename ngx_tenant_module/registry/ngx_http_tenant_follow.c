/*
 * A worker follows what is written to the database: the number of the newest
 * commit, in shared memory, tells when to look.
 */

#include "ngx_http_tenant_live.h"


#define NGX_HTTP_TENANT_STORE_BUSY    250   /* milliseconds */
#define NGX_HTTP_TENANT_FOLLOW_TICK   100   /* milliseconds */
#define NGX_HTTP_TENANT_FOLLOW_LOOK   10    /* ticks, for changes by others */


static ngx_int_t ngx_http_tenant_follow_connect(
    ngx_http_tenant_registry_t *registry);
static void ngx_http_tenant_follow_retire(
    ngx_http_tenant_registry_t *registry, ngx_str_node_t *sn);
static void ngx_http_tenant_follow_tell(
    ngx_http_tenant_registry_t *registry);
static ngx_int_t ngx_http_tenant_follow_changes(
    ngx_http_tenant_registry_t *registry);
static void ngx_http_tenant_follow_changed(
    ngx_http_tenant_registry_t *registry, ngx_uint_t kind, ngx_str_t *id);
static void ngx_http_tenant_follow_removed(
    ngx_http_tenant_registry_t *registry, ngx_uint_t kind, ngx_str_t *id,
    ngx_str_t *op, int64_t seq);
static void ngx_http_tenant_follow_drop_all(
    ngx_http_tenant_registry_t *registry, ngx_uint_t kind,
    ngx_http_tenant_tier_t *tier);
static void ngx_http_tenant_follow_timer(ngx_event_t *ev);
static void ngx_http_tenant_follow_others(
    ngx_http_tenant_registry_t *registry);


ngx_int_t
ngx_http_tenant_registry_start(ngx_http_tenant_registry_t *registry,
    ngx_atomic_t *generation, size_t max,
    ngx_http_tenant_registry_hooks_t *hooks, ngx_cycle_t *cycle)
{
    registry->hooks = *hooks;

    if (registry->path.len == 0) {
        return NGX_OK;
    }

    registry->generation = generation;
    registry->max = max;
    registry->broken = 1;

    /* until it can be opened, all that needs it is refused */

    (void) ngx_http_tenant_follow_connect(registry);

    registry->dummy.fd = (ngx_socket_t) -1;

    registry->timer.handler = ngx_http_tenant_follow_timer;
    registry->timer.data = &registry->dummy;
    registry->timer.log = cycle->log;
    registry->timer.cancelable = 1;
    registry->dummy.data = registry;

    ngx_add_timer(&registry->timer, NGX_HTTP_TENANT_FOLLOW_TICK);

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_follow_connect(ngx_http_tenant_registry_t *registry)
{
    sqlite3_stmt             *stmt;
    ngx_atomic_uint_t         generation;
    ngx_http_tenant_store_t  *store;

    generation = *registry->generation;

    store = ngx_http_tenant_store_open(&registry->path, registry->frozen,
                                       NGX_HTTP_TENANT_STORE_BUSY,
                                       ngx_cycle->log);
    if (store == NULL) {
        return NGX_ERROR;
    }

    stmt = store->stmts[NGX_HTTP_TENANT_STMT_CHANGED];

    if (ngx_http_tenant_store_step(store, stmt) != NGX_OK) {
        goto failed;
    }

    registry->seq = sqlite3_column_int64(stmt, 1);

    (void) sqlite3_reset(stmt);

    if (ngx_http_tenant_revoked_load(&registry->revoked, store, ngx_time())
        != NGX_OK)
    {
        goto failed;
    }

    registry->store = store;
    registry->seen = generation;
    registry->broken = 0;

    return NGX_OK;

failed:

    ngx_http_tenant_store_close(store);

    return NGX_ERROR;
}


void
ngx_http_tenant_registry_stop(ngx_http_tenant_registry_t *registry)
{
    if (registry->generation == NULL) {
        return;
    }

    if (registry->timer.timer_set) {
        ngx_del_timer(&registry->timer);
    }

    while (!ngx_queue_empty(&registry->queue)) {
        ngx_http_tenant_loaded_drop(registry,
            ngx_http_tenant_object_name(
                ngx_queue_data(ngx_queue_head(&registry->queue),
                               ngx_http_tenant_object_t, queue)));
    }

    ngx_http_tenant_revoked_free(&registry->revoked);

    if (registry->store) {
        ngx_http_tenant_store_close(registry->store);
        registry->store = NULL;
    }

    registry->generation = NULL;
}


ngx_http_tenant_hot
ngx_int_t
ngx_http_tenant_registry_sync(ngx_http_tenant_registry_t *registry)
{
    ngx_atomic_uint_t  generation;

    if (registry->generation == NULL) {
        return NGX_OK;
    }

    generation = *registry->generation;

    if (generation == registry->seen && !registry->broken) {
        return NGX_OK;
    }

    if (registry->store == NULL
        || ngx_http_tenant_follow_changes(registry) != NGX_OK)
    {
        registry->broken = 1;
        return NGX_ERROR;
    }

    /* read before the changes were: what comes meanwhile is looked at again */

    registry->seen = generation;
    registry->broken = 0;

    ngx_http_tenant_follow_tell(registry);

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_follow_changes(ngx_http_tenant_registry_t *registry)
{
    int64_t                   oldest, newest, seq;
    ngx_int_t                 rc;
    ngx_str_t                 id, op;
    ngx_uint_t                kind;
    sqlite3_stmt             *stmt;
    ngx_http_tenant_store_t  *store;

    store = registry->store;
    stmt = store->stmts[NGX_HTTP_TENANT_STMT_CHANGED];

    if (ngx_http_tenant_store_step(store, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    oldest = sqlite3_column_int64(stmt, 0);
    newest = sqlite3_column_int64(stmt, 1);

    (void) sqlite3_reset(stmt);

    if (newest < registry->seq || oldest > registry->seq + 1) {

        /* another database was put in place, or we slept too long */

        for (kind = 1; kind < NGX_HTTP_TENANT_KINDS; kind++) {
            ngx_http_tenant_follow_drop_all(registry, kind, NULL);
        }

        registry->seq = newest;
        registry->revocations = 1;

        return ngx_http_tenant_revoked_load(&registry->revoked, store,
                                            ngx_time());
    }

    stmt = store->stmts[NGX_HTTP_TENANT_STMT_CHANGES];
    seq = registry->seq;

    (void) sqlite3_bind_int64(stmt, 1, seq);

    while ((rc = ngx_http_tenant_store_step(store, stmt)) == NGX_OK) {
        seq = sqlite3_column_int64(stmt, 0);
        kind = sqlite3_column_int64(stmt, 1);
        ngx_http_tenant_store_text(stmt, 2, &id);

        if (kind == NGX_HTTP_TENANT_KIND_REVOCATION) {
            registry->revocations = 1;

            if (ngx_http_tenant_revoked_changed(&registry->revoked, store,
                                                &id, ngx_time())
                != NGX_OK)
            {
                (void) sqlite3_reset(stmt);
                return NGX_ERROR;
            }

        } else if (kind && kind < NGX_HTTP_TENANT_KINDS) {
            ngx_http_tenant_store_text(stmt, 3, &op);

            ngx_http_tenant_follow_changed(registry, kind, &id);
            ngx_http_tenant_follow_removed(registry, kind, &id, &op, seq);
        }
    }

    if (rc != NGX_DONE) {
        return NGX_ERROR;
    }

    registry->seq = seq;

    return NGX_OK;
}


static void
ngx_http_tenant_follow_changed(ngx_http_tenant_registry_t *registry,
    ngx_uint_t kind, ngx_str_t *id)
{
    ngx_str_node_t  *sn;

    sn = ngx_http_tenant_registry_peek(registry, kind, id);

    if (sn == NULL) {
        return;
    }

    if (kind == NGX_HTTP_TENANT_KIND_TIER) {

        /* its tenants refer to it, and what they made of it is in use */

        ngx_http_tenant_follow_drop_all(registry,
                                          NGX_HTTP_TENANT_KIND_TENANT,
                                          (ngx_http_tenant_tier_t *) sn);
    }

    ngx_http_tenant_follow_retire(registry, sn);
}


static void
ngx_http_tenant_follow_removed(ngx_http_tenant_registry_t *registry,
    ngx_uint_t kind, ngx_str_t *id, ngx_str_t *op, int64_t seq)
{
    ngx_uint_t  counts;

    counts = op->len == sizeof("purge") - 1
             && ngx_memcmp(op->data, "purge", op->len) == 0;

    if (counts
        || (op->len == sizeof("delete") - 1
            && ngx_memcmp(op->data, "delete", op->len) == 0))
    {
        registry->hooks.removed(registry->hooks.data, kind, id, counts,
                                seq);
    }
}


/* All of a kind; of tenants, those of "tier" unless that is NULL. */

static void
ngx_http_tenant_follow_drop_all(ngx_http_tenant_registry_t *registry,
    ngx_uint_t kind, ngx_http_tenant_tier_t *tier)
{
    ngx_queue_t               *q, *next;
    ngx_str_node_t            *sn;
    ngx_http_tenant_object_t  *object;

    for (q = ngx_queue_head(&registry->queue);
         q != ngx_queue_sentinel(&registry->queue);
         q = next)
    {
        next = ngx_queue_next(q);
        object = ngx_queue_data(q, ngx_http_tenant_object_t, queue);
        sn = ngx_http_tenant_object_name(object);

        if (object->kind == kind
            && (tier == NULL
                || ((ngx_http_tenant_tenant_t *) sn)->tier == tier))
        {
            ngx_http_tenant_follow_retire(registry, sn);
        }
    }
}


/* Drops what has changed, and remembers whom to tell. */

static void
ngx_http_tenant_follow_retire(ngx_http_tenant_registry_t *registry,
    ngx_str_node_t *sn)
{
    ngx_uint_t                 busy;
    ngx_http_tenant_object_t  *object;

    object = ngx_http_tenant_object(sn);
    busy = object->kind == NGX_HTTP_TENANT_KIND_ISSUER
           || ngx_http_tenant_loaded_busy(object);

    object->refs += busy;

    ngx_http_tenant_loaded_drop(registry, sn);

    if (busy) {
        ngx_queue_insert_tail(&registry->retired, &object->queue);
    }
}


/* Requests may end here, and others begin: nothing else is under way. */

static void
ngx_http_tenant_follow_tell(ngx_http_tenant_registry_t *registry)
{
    ngx_queue_t               *q;
    ngx_http_tenant_object_t  *object;

    if (registry->revocations) {
        registry->revocations = 0;
        registry->hooks.revoked(registry->hooks.data);
    }

    while (!ngx_queue_empty(&registry->retired)) {
        q = ngx_queue_head(&registry->retired);
        object = ngx_queue_data(q, ngx_http_tenant_object_t, queue);

        ngx_queue_remove(q);

        if (object->kind == NGX_HTTP_TENANT_KIND_ISSUER) {
            registry->hooks.changed_issuer(registry->hooks.data,
                (ngx_http_tenant_issuer_t *)
                    ngx_http_tenant_object_name(object));

        } else {
            registry->hooks.changed_tenant(registry->hooks.data,
                (ngx_http_tenant_tenant_t *)
                    ngx_http_tenant_object_name(object));
        }

        ngx_http_tenant_object_unref(object);
    }
}


/*
 * A worker without requests follows too: streams of a suspended tenant have
 * to end, also in a worker that is to quit and waits for them.
 */

static void
ngx_http_tenant_follow_timer(ngx_event_t *ev)
{
    ngx_connection_t            *dummy;
    ngx_http_tenant_registry_t  *registry;

    dummy = ev->data;
    registry = dummy->data;

    if (++registry->ticks % NGX_HTTP_TENANT_FOLLOW_LOOK == 0) {
        ngx_http_tenant_follow_others(registry);
    }

    (void) ngx_http_tenant_registry_sync(registry);

    ngx_add_timer(ev, NGX_HTTP_TENANT_FOLLOW_TICK);
}


/*
 * Somebody may write who does not share the memory with the generation, as
 * both do during a binary upgrade.
 */

static void
ngx_http_tenant_follow_others(ngx_http_tenant_registry_t *registry)
{
    int64_t        version;
    sqlite3_stmt  *stmt;

    if (registry->store == NULL) {
        (void) ngx_http_tenant_follow_connect(registry);
        return;
    }

    stmt = registry->store->stmts[NGX_HTTP_TENANT_STMT_VERSION];

    if (ngx_http_tenant_store_step(registry->store, stmt) != NGX_OK) {
        return;
    }

    version = sqlite3_column_int64(stmt, 0);

    (void) sqlite3_reset(stmt);

    if (version != registry->data_version) {
        registry->data_version = version;
        registry->seen = *registry->generation - 1;
    }
}


const ngx_http_tenant_revoked_t *
ngx_http_tenant_registry_revoked(ngx_http_tenant_registry_t *registry)
{
    return &registry->revoked;
}
