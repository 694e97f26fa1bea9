/*
 * Objects that a worker has loaded from the database: bounded, least used out
 * first, freed with their last reference.
 */

#include "ngx_http_tenant_live.h"
#include "../identity/tenant_json.h"


#define NGX_HTTP_TENANT_OBJECT_POOL   512             /* bytes of a block */
#define NGX_HTTP_TENANT_ISSUER_POOL   1024
#define NGX_HTTP_TENANT_OBJECT_SIZE   (1024 * 1024)     /* bytes of JSON */
#define NGX_HTTP_TENANT_EVICT_TURNS   64


static json_t *ngx_http_tenant_loaded_fetch(
    ngx_http_tenant_registry_t *registry, ngx_uint_t kind, ngx_str_t *id,
    uint64_t *version, size_t *size, ngx_int_t *rc);
static ngx_int_t ngx_http_tenant_loaded_parse(
    ngx_http_tenant_registry_t *registry, ngx_uint_t kind, json_t *root,
    ngx_pool_t *pool, ngx_str_node_t **sn);
static ngx_int_t ngx_http_tenant_loaded_read(
    ngx_http_tenant_registry_t *registry, ngx_uint_t kind,
    const ngx_http_tenant_json_t *at, ngx_pool_t *pool, ngx_str_node_t **sn,
    ngx_http_tenant_json_error_t *err);
static void ngx_http_tenant_loaded_keep(
    ngx_http_tenant_registry_t *registry, ngx_str_node_t *sn);
static void ngx_http_tenant_loaded_evict(
    ngx_http_tenant_registry_t *registry);
static void ngx_http_tenant_loaded_free(ngx_http_tenant_object_t *object);
static size_t ngx_http_tenant_loaded_size(ngx_pool_t *pool);


const tenant_json_limits_t  ngx_http_tenant_object_limits = {
    NGX_HTTP_TENANT_OBJECT_SIZE, 32, 65536
};


ngx_int_t
ngx_http_tenant_loaded_add(ngx_http_tenant_registry_t *registry,
    ngx_uint_t kind, ngx_str_t *id, ngx_str_node_t **sn)
{
    json_t                    *root;
    size_t                     size;
    uint64_t                   version;
    ngx_int_t                  rc;
    ngx_pool_t                *pool;
    ngx_http_tenant_object_t  *object;

    root = ngx_http_tenant_loaded_fetch(registry, kind, id, &version, &size,
                                          &rc);
    if (root == NULL) {
        return rc;
    }

    pool = ngx_create_pool(kind == NGX_HTTP_TENANT_KIND_ISSUER
                           ? NGX_HTTP_TENANT_ISSUER_POOL
                           : NGX_HTTP_TENANT_OBJECT_POOL, ngx_cycle->log);

    if (pool == NULL) {
        json_decref(root);
        return NGX_ERROR;
    }

    rc = ngx_http_tenant_loaded_parse(registry, kind, root, pool, sn);

    json_decref(root);

    if (rc != NGX_OK) {
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    object = ngx_http_tenant_object(*sn);

    object->version = version;
    object->registry = registry;
    object->size += ngx_http_tenant_loaded_size(pool) + 2 * size;

    if (kind == NGX_HTTP_TENANT_KIND_ISSUER
        && registry->hooks.start_issuer(registry->hooks.data,
                                        (ngx_http_tenant_issuer_t *) *sn)
           != NGX_OK)
    {
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    object->refs++;
    ngx_http_tenant_loaded_keep(registry, *sn);

    return NGX_OK;
}


/* Not a row is open afterwards: an object may need others to be complete. */

static json_t *
ngx_http_tenant_loaded_fetch(ngx_http_tenant_registry_t *registry,
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
ngx_http_tenant_loaded_parse(ngx_http_tenant_registry_t *registry,
    ngx_uint_t kind, json_t *root, ngx_pool_t *pool, ngx_str_node_t **sn)
{
    ngx_int_t                      rc;
    ngx_http_tenant_json_t         at;
    ngx_http_tenant_json_error_t   err;

    ngx_memzero(&at, sizeof(ngx_http_tenant_json_t));
    ngx_memzero(&err, sizeof(ngx_http_tenant_json_error_t));

    at.value = root;

    rc = ngx_http_tenant_loaded_read(registry, kind, &at, pool, sn, &err);

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
ngx_http_tenant_loaded_read(ngx_http_tenant_registry_t *registry,
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
ngx_http_tenant_loaded_keep(ngx_http_tenant_registry_t *registry,
    ngx_str_node_t *sn)
{
    ngx_http_tenant_object_t  *object;

    object = ngx_http_tenant_object(sn);

    ngx_rbtree_insert(&registry->indexes[object->kind].rbtree, &sn->node);
    ngx_queue_insert_head(&registry->queue, &object->queue);

    object->used = 1;
    registry->size += object->size;

    ngx_http_tenant_loaded_evict(registry);
}


/*
 * Second chance.  An object that others refer to stays as long as possible:
 * without it in the index a change could not be told to them, so it can only
 * go as stale, and they have to ask again.  Requests that run cannot ask.
 */

static void
ngx_http_tenant_loaded_evict(ngx_http_tenant_registry_t *registry)
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
                || ngx_http_tenant_loaded_busy(object))
            {
                object->used = 0;

                ngx_queue_remove(q);
                ngx_queue_insert_head(&registry->queue, q);
                continue;
            }
        }

        ngx_http_tenant_loaded_drop(registry,
                                      ngx_http_tenant_object_name(object));
    }
}


ngx_uint_t
ngx_http_tenant_loaded_busy(ngx_http_tenant_object_t *object)
{
    ngx_http_tenant_tenant_t  *tenant;

    if (object->kind != NGX_HTTP_TENANT_KIND_TENANT) {
        return 0;
    }

    tenant = (ngx_http_tenant_tenant_t *) ngx_http_tenant_object_name(object);

    return !ngx_queue_empty(&tenant->running);
}


void
ngx_http_tenant_loaded_drop(ngx_http_tenant_registry_t *registry,
    ngx_str_node_t *sn)
{
    ngx_http_tenant_object_t  *object;

    object = ngx_http_tenant_object(sn);

    ngx_http_tenant_registry_forget(registry, sn);
    ngx_queue_remove(&object->queue);

    registry->size -= object->size;
    object->stale = 1;

    ngx_http_tenant_object_unref(object);
}


void
ngx_http_tenant_object_grew(ngx_http_tenant_object_t *object, size_t size)
{
    object->size += size;

    if (object->registry && !object->stale) {
        object->registry->size += size;
    }
}


ngx_http_tenant_hot
void
ngx_http_tenant_object_unref(ngx_http_tenant_object_t *object)
{
    if (--object->refs == 0) {
        ngx_http_tenant_loaded_free(object);
    }
}


/* Objects of a document keep their first reference, and never come here. */

static void
ngx_http_tenant_loaded_free(ngx_http_tenant_object_t *object)
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


static size_t
ngx_http_tenant_loaded_size(ngx_pool_t *pool)
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
