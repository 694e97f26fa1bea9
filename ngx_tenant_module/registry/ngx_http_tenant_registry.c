/*
 * Look-ups.  What a document has is all loaded with the configuration; of a
 * database each worker keeps what it was asked for, bounded, until that is
 * named by a change.
 */

#include <ngx_event.h>

#include "ngx_http_tenant_registry.h"
#include "ngx_http_tenant_document.h"
#include "ngx_http_tenant_store.h"
#include "../identity/tenant_json.h"


#define NGX_HTTP_TENANT_OBJECT_POOL     1024   /* bytes, first block */
#define NGX_HTTP_TENANT_OBJECT_SIZE     (1024 * 1024)     /* bytes of JSON */
#define NGX_HTTP_TENANT_STORE_BUSY      250    /* milliseconds */
#define NGX_HTTP_TENANT_EVICT_TURNS     64
#define NGX_HTTP_TENANT_REGISTRY_TICK   100    /* milliseconds */
#define NGX_HTTP_TENANT_REGISTRY_LOOK   10     /* ticks, for changes by
                                                  others */


typedef struct {
    ngx_rbtree_t        rbtree;
    ngx_rbtree_node_t   sentinel;
} ngx_http_tenant_index_t;


struct ngx_http_tenant_registry_s {
    ngx_http_tenant_index_t            indexes[NGX_HTTP_TENANT_KINDS];

    /* of a database, in a worker */
    ngx_str_t                          path;    /* empty: a document */
    ngx_http_tenant_store_t           *store;
    ngx_atomic_t                      *generation;
    ngx_atomic_uint_t                  seen;    /* of generation */
    int64_t                            seq;     /* newest change known */
    int64_t                            data_version;
    ngx_uint_t                         ticks;
    ngx_queue_t                        queue;   /* objects, newest first */
    ngx_queue_t                        retired; /* changed issuers, and
                                                   tenants with requests */
    size_t                             size;    /* of them, bytes */
    size_t                             max;
    ngx_http_tenant_revoked_t          revoked;
    ngx_http_tenant_registry_hooks_t   hooks;
    ngx_event_t                        timer;
    ngx_connection_t                   dummy;   /* for the timer's log */
    unsigned                           broken:1;
    unsigned                           revocations:1;   /* there are new
                                                           ones */
};


/* Of a look-up of issuers. */
typedef struct {
    ngx_uint_t    max;
    ngx_array_t  *list;
} ngx_http_tenant_issuers_t;


static ngx_int_t ngx_http_tenant_registry_find(
    ngx_http_tenant_registry_t *registry, ngx_uint_t kind, ngx_str_t *id,
    ngx_str_node_t **sn);
static ngx_int_t ngx_http_tenant_registry_load(
    ngx_http_tenant_registry_t *registry, ngx_uint_t kind, ngx_str_t *id,
    ngx_str_node_t **sn);
static json_t *ngx_http_tenant_registry_fetch(
    ngx_http_tenant_registry_t *registry, ngx_uint_t kind, ngx_str_t *id,
    uint64_t *version, size_t *size, ngx_int_t *rc);
static ngx_int_t ngx_http_tenant_registry_parse(
    ngx_http_tenant_registry_t *registry, ngx_uint_t kind, json_t *root,
    ngx_pool_t *pool, ngx_str_node_t **sn);
static ngx_int_t ngx_http_tenant_registry_read(
    ngx_http_tenant_registry_t *registry, ngx_uint_t kind,
    const ngx_http_tenant_json_t *at, ngx_pool_t *pool, ngx_str_node_t **sn,
    ngx_http_tenant_json_error_t *err);
static void ngx_http_tenant_registry_keep(
    ngx_http_tenant_registry_t *registry, ngx_str_node_t *sn);
static void ngx_http_tenant_registry_evict(
    ngx_http_tenant_registry_t *registry);
static ngx_uint_t ngx_http_tenant_registry_busy(
    ngx_http_tenant_object_t *object);
static void ngx_http_tenant_registry_drop(
    ngx_http_tenant_registry_t *registry, ngx_str_node_t *sn);
static void ngx_http_tenant_registry_retire(
    ngx_http_tenant_registry_t *registry, ngx_str_node_t *sn);
static void ngx_http_tenant_registry_tell(
    ngx_http_tenant_registry_t *registry);
static ngx_int_t ngx_http_tenant_registry_follow(
    ngx_http_tenant_registry_t *registry);
static void ngx_http_tenant_registry_changed(
    ngx_http_tenant_registry_t *registry, ngx_uint_t kind, ngx_str_t *id);
static void ngx_http_tenant_registry_removed(
    ngx_http_tenant_registry_t *registry, ngx_uint_t kind, ngx_str_t *id,
    ngx_str_t *op, int64_t seq);
static void ngx_http_tenant_registry_drop_all(
    ngx_http_tenant_registry_t *registry, ngx_uint_t kind,
    ngx_http_tenant_tier_t *tier);
static void ngx_http_tenant_registry_timer(ngx_event_t *ev);
static ngx_int_t ngx_http_tenant_registry_issuer_name(void *data,
    ngx_str_node_t *sn);
static ngx_int_t ngx_http_tenant_registry_name(ngx_array_t *list,
    ngx_str_t *name);
static void ngx_http_tenant_object_free(ngx_http_tenant_object_t *object);
static size_t ngx_http_tenant_pool_size(ngx_pool_t *pool);


static const tenant_json_limits_t  ngx_http_tenant_object_limits = {
    NGX_HTTP_TENANT_OBJECT_SIZE, 32, 65536
};


static ngx_inline ngx_http_tenant_object_t *
ngx_http_tenant_object(ngx_str_node_t *sn)
{
    /* every kind of object begins with the two */

    return (ngx_http_tenant_object_t *) (sn + 1);
}


static ngx_inline ngx_str_node_t *
ngx_http_tenant_object_name(ngx_http_tenant_object_t *object)
{
    return (ngx_str_node_t *) object - 1;
}


ngx_http_tenant_registry_t *
ngx_http_tenant_registry_open(ngx_conf_t *cf, ngx_str_t *path,
    ngx_str_t *seed, ngx_http_tenant_check_pt check)
{
    json_t                      *root;
    ngx_http_tenant_document_t   doc;
    ngx_http_tenant_registry_t  *registry;

    if (ngx_http_tenant_document_name(path)) {
        doc.pool = cf->pool;

        root = ngx_http_tenant_document_read(cf, &doc, path);
        if (root == NULL) {
            return NULL;
        }

        json_decref(root);

        return check(cf, doc.registry) == NGX_OK ? doc.registry : NULL;
    }

    if (ngx_http_tenant_store_prepare(cf, path, seed, check) != NGX_OK) {
        return NULL;
    }

    registry = ngx_http_tenant_registry_create(cf->pool);
    if (registry == NULL) {
        return NULL;
    }

    registry->path = *path;

    return registry;
}


ngx_http_tenant_registry_t *
ngx_http_tenant_registry_create(ngx_pool_t *pool)
{
    ngx_uint_t                   i;
    ngx_http_tenant_index_t     *index;
    ngx_http_tenant_registry_t  *registry;

    registry = ngx_pcalloc(pool, sizeof(ngx_http_tenant_registry_t));
    if (registry == NULL) {
        return NULL;
    }

    for (i = 0; i < NGX_HTTP_TENANT_KINDS; i++) {
        index = &registry->indexes[i];
        ngx_rbtree_init(&index->rbtree, &index->sentinel,
                        ngx_str_rbtree_insert_value);
    }

    ngx_queue_init(&registry->queue);
    ngx_queue_init(&registry->retired);

    return registry;
}


ngx_uint_t
ngx_http_tenant_registry_live(ngx_http_tenant_registry_t *registry)
{
    return registry->path.len != 0;
}


ngx_int_t
ngx_http_tenant_registry_add(ngx_http_tenant_registry_t *registry,
    ngx_str_node_t *sn)
{
    static uint64_t            version;
    ngx_http_tenant_object_t  *object;

    object = ngx_http_tenant_object(sn);

    if (ngx_http_tenant_registry_peek(registry, object->kind, &sn->str)) {
        return NGX_DECLINED;
    }

    /* of a document: whatever is read is another object */

    object->version = ++version;
    object->registry = registry;

    ngx_rbtree_insert(&registry->indexes[object->kind].rbtree, &sn->node);

    return NGX_OK;
}


ngx_str_node_t *
ngx_http_tenant_registry_peek(ngx_http_tenant_registry_t *registry,
    ngx_uint_t kind, ngx_str_t *id)
{
    return ngx_str_rbtree_lookup(&registry->indexes[kind].rbtree, id,
                                 ngx_crc32_long(id->data, id->len));
}


ngx_int_t
ngx_http_tenant_registry_each(ngx_http_tenant_registry_t *registry,
    ngx_uint_t kind, ngx_http_tenant_object_pt each, void *data)
{
    ngx_int_t           rc;
    ngx_rbtree_t       *tree;
    ngx_rbtree_node_t  *node, *next;

    tree = &registry->indexes[kind].rbtree;

    if (tree->root == tree->sentinel) {
        return NGX_OK;
    }

    for (node = ngx_rbtree_min(tree->root, tree->sentinel);
         node;
         node = next)
    {
        next = ngx_rbtree_next(tree, node);

        rc = each(data, (ngx_str_node_t *) node);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_tenant_registry_tenant(ngx_http_tenant_registry_t *registry,
    ngx_str_t *id, ngx_http_tenant_tenant_t **tenant)
{
    return ngx_http_tenant_registry_find(registry,
                                         NGX_HTTP_TENANT_KIND_TENANT, id,
                                         (ngx_str_node_t **) tenant);
}


ngx_int_t
ngx_http_tenant_registry_issuer(ngx_http_tenant_registry_t *registry,
    ngx_str_t *iss, ngx_http_tenant_issuer_t **issuer)
{
    return ngx_http_tenant_registry_find(registry,
                                         NGX_HTTP_TENANT_KIND_ISSUER, iss,
                                         (ngx_str_node_t **) issuer);
}


ngx_int_t
ngx_http_tenant_registry_agent(ngx_http_tenant_registry_t *registry,
    ngx_str_t *id, ngx_http_tenant_agent_t **agent)
{
    return ngx_http_tenant_registry_find(registry,
                                         NGX_HTTP_TENANT_KIND_AGENT, id,
                                         (ngx_str_node_t **) agent);
}


ngx_int_t
ngx_http_tenant_registry_tier(ngx_http_tenant_registry_t *registry,
    ngx_str_t *id, ngx_http_tenant_tier_t **tier)
{
    return ngx_http_tenant_registry_find(registry, NGX_HTTP_TENANT_KIND_TIER,
                                         id, (ngx_str_node_t **) tier);
}


static ngx_int_t
ngx_http_tenant_registry_find(ngx_http_tenant_registry_t *registry,
    ngx_uint_t kind, ngx_str_t *id, ngx_str_node_t **sn)
{
    ngx_http_tenant_object_t  *object;

    *sn = ngx_http_tenant_registry_peek(registry, kind, id);

    if (*sn) {
        object = ngx_http_tenant_object(*sn);
        object->refs++;
        object->used = 1;
        return NGX_OK;
    }

    if (registry->path.len == 0) {
        return NGX_DECLINED;
    }

    return ngx_http_tenant_registry_load(registry, kind, id, sn);
}


static ngx_int_t
ngx_http_tenant_registry_load(ngx_http_tenant_registry_t *registry,
    ngx_uint_t kind, ngx_str_t *id, ngx_str_node_t **sn)
{
    json_t                    *root;
    size_t                     size;
    uint64_t                   version;
    ngx_int_t                  rc;
    ngx_pool_t                *pool;
    ngx_http_tenant_object_t  *object;

    root = ngx_http_tenant_registry_fetch(registry, kind, id, &version, &size,
                                          &rc);
    if (root == NULL) {
        return rc;
    }

    pool = ngx_create_pool(NGX_HTTP_TENANT_OBJECT_POOL, ngx_cycle->log);

    if (pool == NULL) {
        json_decref(root);
        return NGX_ERROR;
    }

    rc = ngx_http_tenant_registry_parse(registry, kind, root, pool, sn);

    json_decref(root);

    if (rc != NGX_OK) {
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    object = ngx_http_tenant_object(*sn);

    object->version = version;
    object->registry = registry;
    object->size = ngx_http_tenant_pool_size(pool) + 2 * size;

    if (kind == NGX_HTTP_TENANT_KIND_ISSUER
        && registry->hooks.start_issuer(registry->hooks.data,
                                        (ngx_http_tenant_issuer_t *) *sn)
           != NGX_OK)
    {
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    object->refs++;
    ngx_http_tenant_registry_keep(registry, *sn);

    return NGX_OK;
}


/* Not a row is open afterwards: an object may need others to be complete. */

static json_t *
ngx_http_tenant_registry_fetch(ngx_http_tenant_registry_t *registry,
    ngx_uint_t kind, ngx_str_t *id, uint64_t *version, size_t *size,
    ngx_int_t *rc)
{
    json_t               *root;
    ngx_str_t             body;
    sqlite3_stmt         *stmt;
    tenant_json_error_t   err;

    *rc = NGX_ERROR;

    if (registry->store == NULL || registry->broken) {
        return NULL;
    }

    stmt = registry->store->stmts[NGX_HTTP_TENANT_STMT_OBJECT];

    (void) sqlite3_bind_int64(stmt, 1, kind);
    ngx_http_tenant_store_bind(stmt, 2, id);

    *rc = ngx_http_tenant_store_step(registry->store, stmt);

    if (*rc != NGX_OK) {
        *rc = *rc == NGX_DONE ? NGX_DECLINED : NGX_ERROR;
        return NULL;
    }

    ngx_http_tenant_store_text(stmt, 0, &body);

    *version = sqlite3_column_int64(stmt, 1);
    *size = body.len;

    root = tenant_json_parse((char *) body.data, body.len,
                             &ngx_http_tenant_object_limits, &err);

    (void) sqlite3_reset(stmt);

    if (root == NULL) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "tenant_registry \"%V\": an object of %V is broken: %s",
                      &registry->path, &ngx_http_tenant_collections[kind],
                      tenant_json_reason(err.code));
        *rc = NGX_ERROR;
    }

    return root;
}


static ngx_int_t
ngx_http_tenant_registry_parse(ngx_http_tenant_registry_t *registry,
    ngx_uint_t kind, json_t *root, ngx_pool_t *pool, ngx_str_node_t **sn)
{
    ngx_int_t                      rc;
    ngx_http_tenant_json_t         at;
    ngx_http_tenant_json_error_t   err;

    ngx_memzero(&at, sizeof(ngx_http_tenant_json_t));
    ngx_memzero(&err, sizeof(ngx_http_tenant_json_error_t));

    at.value = root;

    rc = ngx_http_tenant_registry_read(registry, kind, &at, pool, sn, &err);

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "tenant_registry \"%V\": an object of %V is broken: "
                      "\"%s\" %s", &registry->path,
                      &ngx_http_tenant_collections[kind], err.pointer,
                      err.message);
    }

    return rc;
}


static ngx_int_t
ngx_http_tenant_registry_read(ngx_http_tenant_registry_t *registry,
    ngx_uint_t kind, const ngx_http_tenant_json_t *at, ngx_pool_t *pool,
    ngx_str_node_t **sn, ngx_http_tenant_json_error_t *err)
{
    ngx_str_t                  tier, dir;
    ngx_http_tenant_tenant_t  *tenant;

    switch (kind) {

    case NGX_HTTP_TENANT_KIND_TIER:
        *sn = (ngx_str_node_t *) ngx_http_tenant_tier_read(pool, at, err);
        break;

    case NGX_HTTP_TENANT_KIND_AGENT:
        *sn = (ngx_str_node_t *) ngx_http_tenant_agent_read(pool, at, err);
        break;

    case NGX_HTTP_TENANT_KIND_TENANT:
        tenant = ngx_http_tenant_tenant_read(pool, at, &tier, err);
        *sn = (ngx_str_node_t *) tenant;

        if (tenant == NULL) {
            break;
        }

        if (ngx_http_tenant_registry_tier(registry, &tier, &tenant->tier)
            != NGX_OK)
        {
            return ngx_http_tenant_json_fail(at, err, "the tier \"%V\" cannot "
                                             "be read", &tier);
        }

        break;

    default: /* NGX_HTTP_TENANT_KIND_ISSUER */

        /* the paths of files were made whole when the object was written */

        ngx_str_set(&dir, "/");

        *sn = (ngx_str_node_t *) ngx_http_tenant_issuer_read(pool, &dir, at,
                                                             err);
    }

    return *sn ? NGX_OK : NGX_ERROR;
}


static void
ngx_http_tenant_registry_keep(ngx_http_tenant_registry_t *registry,
    ngx_str_node_t *sn)
{
    ngx_http_tenant_object_t  *object;

    object = ngx_http_tenant_object(sn);

    ngx_rbtree_insert(&registry->indexes[object->kind].rbtree, &sn->node);
    ngx_queue_insert_head(&registry->queue, &object->queue);

    object->used = 1;
    registry->size += object->size;

    ngx_http_tenant_registry_evict(registry);
}


/*
 * Second chance.  An object that others refer to stays as long as possible:
 * without it in the index a change could not be told to them, so it can only
 * go as stale, and they have to ask again.  Requests that run cannot ask.
 */

static void
ngx_http_tenant_registry_evict(ngx_http_tenant_registry_t *registry)
{
    ngx_uint_t                 turns;
    ngx_queue_t               *q;
    ngx_http_tenant_object_t  *object;

    for (turns = 0; registry->size > registry->max; turns++) {

        q = ngx_queue_last(&registry->queue);

        if (q == ngx_queue_head(&registry->queue)) {
            return;
        }

        object = ngx_queue_data(q, ngx_http_tenant_object_t, queue);

        if (object->used || object->refs > 1) {

            if (turns == NGX_HTTP_TENANT_EVICT_TURNS) {
                return;
            }

            if (object->used || turns < NGX_HTTP_TENANT_EVICT_TURNS / 2
                || ngx_http_tenant_registry_busy(object))
            {
                object->used = 0;

                ngx_queue_remove(q);
                ngx_queue_insert_head(&registry->queue, q);
                continue;
            }
        }

        ngx_http_tenant_registry_drop(registry,
                                      ngx_http_tenant_object_name(object));
    }
}


static ngx_uint_t
ngx_http_tenant_registry_busy(ngx_http_tenant_object_t *object)
{
    ngx_http_tenant_tenant_t  *tenant;

    if (object->kind != NGX_HTTP_TENANT_KIND_TENANT) {
        return 0;
    }

    tenant = (ngx_http_tenant_tenant_t *) ngx_http_tenant_object_name(object);

    return !ngx_queue_empty(&tenant->running);
}


static void
ngx_http_tenant_registry_drop(ngx_http_tenant_registry_t *registry,
    ngx_str_node_t *sn)
{
    ngx_http_tenant_object_t  *object;

    object = ngx_http_tenant_object(sn);

    ngx_rbtree_delete(&registry->indexes[object->kind].rbtree, &sn->node);
    ngx_queue_remove(&object->queue);

    registry->size -= object->size;
    object->stale = 1;

    ngx_http_tenant_object_unref(object);
}


/* Drops what has changed, and remembers whom to tell. */

static void
ngx_http_tenant_registry_retire(ngx_http_tenant_registry_t *registry,
    ngx_str_node_t *sn)
{
    ngx_uint_t                 busy;
    ngx_http_tenant_object_t  *object;

    object = ngx_http_tenant_object(sn);
    busy = object->kind == NGX_HTTP_TENANT_KIND_ISSUER
           || ngx_http_tenant_registry_busy(object);

    object->refs += busy;

    ngx_http_tenant_registry_drop(registry, sn);

    if (busy) {
        ngx_queue_insert_tail(&registry->retired, &object->queue);
    }
}


/* Requests may end here, and others begin: nothing else is under way. */

static void
ngx_http_tenant_registry_tell(ngx_http_tenant_registry_t *registry)
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


void
ngx_http_tenant_object_unref(ngx_http_tenant_object_t *object)
{
    if (--object->refs == 0) {
        ngx_http_tenant_object_free(object);
    }
}


/* Objects of a document keep their first reference, and never come here. */

static void
ngx_http_tenant_object_free(ngx_http_tenant_object_t *object)
{
    ngx_http_tenant_tenant_t    *tenant;
    ngx_http_tenant_issuer_t    *issuer;
    ngx_http_tenant_registry_t  *registry;

    registry = object->registry;

    switch (object->kind) {

    case NGX_HTTP_TENANT_KIND_TENANT:
        tenant = (ngx_http_tenant_tenant_t *)
                     ngx_http_tenant_object_name(object);
        ngx_http_tenant_object_unref(&tenant->tier->object);
        break;

    case NGX_HTTP_TENANT_KIND_ISSUER:
        issuer = (ngx_http_tenant_issuer_t *)
                     ngx_http_tenant_object_name(object);
        registry->hooks.stop_issuer(registry->hooks.data, issuer);
        break;
    }

    ngx_destroy_pool(object->pool);
}


ngx_int_t
ngx_http_tenant_registry_start(ngx_http_tenant_registry_t *registry,
    ngx_atomic_t *generation, size_t max,
    ngx_http_tenant_registry_hooks_t *hooks, ngx_cycle_t *cycle)
{
    sqlite3_stmt  *stmt;

    registry->hooks = *hooks;

    if (registry->path.len == 0) {
        return NGX_OK;
    }

    registry->generation = generation;
    registry->seen = *generation;
    registry->max = max;

    registry->store = ngx_http_tenant_store_open(&registry->path, 0,
                                                 NGX_HTTP_TENANT_STORE_BUSY,
                                                 cycle->log);
    if (registry->store == NULL) {
        return NGX_ERROR;
    }

    stmt = registry->store->stmts[NGX_HTTP_TENANT_STMT_CHANGED];

    if (ngx_http_tenant_store_step(registry->store, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    registry->seq = sqlite3_column_int64(stmt, 1);

    (void) sqlite3_reset(stmt);

    if (ngx_http_tenant_revoked_load(&registry->revoked, registry->store,
                                     ngx_time())
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    registry->dummy.fd = (ngx_socket_t) -1;

    registry->timer.handler = ngx_http_tenant_registry_timer;
    registry->timer.data = &registry->dummy;
    registry->timer.log = cycle->log;
    registry->timer.cancelable = 1;
    registry->dummy.data = registry;

    ngx_add_timer(&registry->timer, NGX_HTTP_TENANT_REGISTRY_TICK);

    return NGX_OK;
}


void
ngx_http_tenant_registry_stop(ngx_http_tenant_registry_t *registry)
{
    if (registry->store == NULL) {
        return;
    }

    if (registry->timer.timer_set) {
        ngx_del_timer(&registry->timer);
    }

    while (!ngx_queue_empty(&registry->queue)) {
        ngx_http_tenant_registry_drop(registry,
            ngx_http_tenant_object_name(
                ngx_queue_data(ngx_queue_head(&registry->queue),
                               ngx_http_tenant_object_t, queue)));
    }

    ngx_http_tenant_revoked_free(&registry->revoked);
    ngx_http_tenant_store_close(registry->store);
    registry->store = NULL;
}


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

    if (ngx_http_tenant_registry_follow(registry) != NGX_OK) {
        registry->broken = 1;
        return NGX_ERROR;
    }

    /* read before the changes were: what comes meanwhile is looked at again */

    registry->seen = generation;
    registry->broken = 0;

    ngx_http_tenant_registry_tell(registry);

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_registry_follow(ngx_http_tenant_registry_t *registry)
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
            ngx_http_tenant_registry_drop_all(registry, kind, NULL);
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

            ngx_http_tenant_registry_changed(registry, kind, &id);
            ngx_http_tenant_registry_removed(registry, kind, &id, &op, seq);
        }
    }

    if (rc != NGX_DONE) {
        return NGX_ERROR;
    }

    registry->seq = seq;

    return NGX_OK;
}


static void
ngx_http_tenant_registry_changed(ngx_http_tenant_registry_t *registry,
    ngx_uint_t kind, ngx_str_t *id)
{
    ngx_str_node_t  *sn;

    sn = ngx_http_tenant_registry_peek(registry, kind, id);

    if (sn == NULL) {
        return;
    }

    if (kind == NGX_HTTP_TENANT_KIND_TIER) {

        /* its tenants refer to it, and what they made of it is in use */

        ngx_http_tenant_registry_drop_all(registry,
                                          NGX_HTTP_TENANT_KIND_TENANT,
                                          (ngx_http_tenant_tier_t *) sn);
    }

    ngx_http_tenant_registry_retire(registry, sn);
}


static void
ngx_http_tenant_registry_removed(ngx_http_tenant_registry_t *registry,
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
ngx_http_tenant_registry_drop_all(ngx_http_tenant_registry_t *registry,
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
            ngx_http_tenant_registry_retire(registry, sn);
        }
    }
}


/*
 * A worker without requests follows too: streams of a suspended tenant have
 * to end.  And now and then it looks for changes by somebody who does not
 * share the memory with the generation, as after a binary upgrade.
 */

static void
ngx_http_tenant_registry_timer(ngx_event_t *ev)
{
    int64_t                      version;
    sqlite3_stmt                *stmt;
    ngx_connection_t            *dummy;
    ngx_http_tenant_registry_t  *registry;

    dummy = ev->data;
    registry = dummy->data;

    if (++registry->ticks % NGX_HTTP_TENANT_REGISTRY_LOOK == 0) {
        stmt = registry->store->stmts[NGX_HTTP_TENANT_STMT_VERSION];

        if (ngx_http_tenant_store_step(registry->store, stmt) == NGX_OK) {
            version = sqlite3_column_int64(stmt, 0);

            (void) sqlite3_reset(stmt);

            if (version != registry->data_version) {
                registry->data_version = version;
                registry->seen = *registry->generation - 1;
            }
        }
    }

    (void) ngx_http_tenant_registry_sync(registry);

    if (!ngx_exiting) {
        ngx_add_timer(ev, NGX_HTTP_TENANT_REGISTRY_TICK);
    }
}


const ngx_http_tenant_revoked_t *
ngx_http_tenant_registry_revoked(ngx_http_tenant_registry_t *registry)
{
    return &registry->revoked;
}


ngx_int_t
ngx_http_tenant_registry_issuers(ngx_http_tenant_registry_t *registry,
    ngx_http_tenant_tenant_t *tenant, ngx_uint_t max, ngx_array_t *list)
{
    ngx_int_t                   rc;
    ngx_str_t                  *iss, name, none;
    ngx_uint_t                  i;
    sqlite3_stmt               *stmt;
    ngx_http_tenant_issuers_t   ctx;

    if (tenant) {
        iss = tenant->issuers.elts;

        for (i = 0; i < tenant->issuers.nelts && i < max; i++) {
            if (ngx_http_tenant_registry_name(list, &iss[i]) != NGX_OK) {
                return NGX_ERROR;
            }
        }
    }

    if (registry->path.len == 0) {

        /* a document adds the bound ones to the tenant's list */

        if (tenant) {
            return NGX_OK;
        }

        ctx.max = max;
        ctx.list = list;

        return ngx_http_tenant_registry_each(registry,
                                             NGX_HTTP_TENANT_KIND_ISSUER,
                                             ngx_http_tenant_registry_issuer_name,
                                             &ctx)
               == NGX_ERROR ? NGX_ERROR : NGX_OK;
    }

    if (registry->store == NULL || registry->broken) {
        return NGX_ERROR;
    }

    if (tenant) {
        stmt = registry->store->stmts[NGX_HTTP_TENANT_STMT_REFERRERS];

        (void) sqlite3_bind_int64(stmt, 1, NGX_HTTP_TENANT_KIND_ISSUER);
        (void) sqlite3_bind_int64(stmt, 2, NGX_HTTP_TENANT_KIND_TENANT);
        ngx_http_tenant_store_bind(stmt, 3, &tenant->sn.str);

    } else {
        ngx_str_set(&none, "");
        stmt = registry->store->stmts[NGX_HTTP_TENANT_STMT_IDS];

        (void) sqlite3_bind_int64(stmt, 1, NGX_HTTP_TENANT_KIND_ISSUER);
        ngx_http_tenant_store_bind(stmt, 2, &none);
        (void) sqlite3_bind_int64(stmt, 3, max);
    }

    while ((rc = ngx_http_tenant_store_step(registry->store, stmt))
           == NGX_OK)
    {
        ngx_http_tenant_store_text(stmt, 0, &name);

        if (list->nelts == max
            || ngx_http_tenant_registry_name(list, &name) != NGX_OK)
        {
            break;
        }
    }

    (void) sqlite3_reset(stmt);

    return rc == NGX_DONE || list->nelts == max ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_tenant_registry_issuer_name(void *data, ngx_str_node_t *sn)
{
    ngx_http_tenant_issuers_t  *ctx = data;

    if (ctx->list->nelts == ctx->max) {
        return NGX_DECLINED;
    }

    return ngx_http_tenant_registry_name(ctx->list, &sn->str);
}


static ngx_int_t
ngx_http_tenant_registry_name(ngx_array_t *list, ngx_str_t *name)
{
    ngx_str_t  *copy;

    copy = ngx_array_push(list);
    if (copy == NULL) {
        return NGX_ERROR;
    }

    copy->len = name->len;
    copy->data = ngx_pstrdup(list->pool, name);

    return copy->data ? NGX_OK : NGX_ERROR;
}


static size_t
ngx_http_tenant_pool_size(ngx_pool_t *pool)
{
    size_t             size;
    ngx_pool_t        *p;
    ngx_pool_large_t  *l;

    size = 0;

    for (p = pool; p; p = p->d.next) {
        size += p->d.end - (u_char *) p;
    }

    for (l = pool->large; l; l = l->next) {
        size += l->alloc ? pool->max : 0;
    }

    return size;
}
