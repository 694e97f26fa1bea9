/*
 * Look-ups.  What a document has is all loaded with the configuration; of a
 * database each worker keeps what it was asked for, until a change names it.
 */

#include "ngx_http_tenant_document.h"
#include "ngx_http_tenant_live.h"


/* Of a look-up of issuers. */
typedef struct {
    ngx_uint_t    max;
    ngx_array_t  *list;
} ngx_http_tenant_issuers_t;


static ngx_inline ngx_uint_t ngx_http_tenant_registry_place(
    const ngx_str_t *id);
static ngx_int_t ngx_http_tenant_registry_find(
    ngx_http_tenant_registry_t *registry, ngx_uint_t kind, ngx_str_t *id,
    ngx_str_node_t **sn);
static ngx_int_t ngx_http_tenant_registry_listed(void *data,
    ngx_str_node_t *sn);
static ngx_int_t ngx_http_tenant_registry_names(
    ngx_http_tenant_registry_t *registry, sqlite3_stmt *stmt, ngx_uint_t max,
    ngx_array_t *list);
static ngx_int_t ngx_http_tenant_registry_name(ngx_array_t *list,
    ngx_str_t *name);


static void ngx_http_tenant_registry_document_cleanup(void *data);


ngx_http_tenant_registry_t *
ngx_http_tenant_registry_open(ngx_conf_t *cf, ngx_str_t *path,
    ngx_str_t *seed, ngx_http_tenant_check_pt check)
{
    json_t                      *root;
    ngx_uint_t                   frozen;
    ngx_pool_cleanup_t          *cln;
    ngx_http_tenant_document_t   doc;
    ngx_http_tenant_registry_t  *registry;

    if (ngx_http_tenant_document_name(path)) {
        doc.pool = cf->pool;

        root = ngx_http_tenant_document_read(cf, &doc, path);
        if (root == NULL) {
            return NULL;
        }

        cln = ngx_pool_cleanup_add(cf->pool, 0);
        if (cln == NULL) {
            json_decref(root);
            return NULL;
        }

        cln->handler = ngx_http_tenant_registry_document_cleanup;
        cln->data = root;

        doc.registry->document = root;

        return check(cf, doc.registry) == NGX_OK ? doc.registry : NULL;
    }

    frozen = 0;

    if (ngx_http_tenant_store_prepare(cf, path, seed, check, &frozen)
        != NGX_OK)
    {
        return NULL;
    }

    registry = ngx_http_tenant_registry_create(cf->pool);
    if (registry == NULL) {
        return NULL;
    }

    registry->path = *path;
    registry->frozen = frozen;

    return registry;
}


static void
ngx_http_tenant_registry_document_cleanup(void *data)
{
    json_decref(data);
}


json_t *
ngx_http_tenant_registry_document(ngx_http_tenant_registry_t *registry)
{
    return registry->document;
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

    /* "_" begins no id; its objects have a reference that nobody drops */

    registry->nowhere.object.refs = 1;
    registry->nowhere.object.kind = NGX_HTTP_TENANT_KIND_TIER;
    registry->nowhere.object.pool = pool;
    registry->nowhere.object.registry = registry;
    ngx_str_set(&registry->nowhere.sn.str, "_operators");

    registry->operators.object = registry->nowhere.object;
    registry->operators.object.kind = NGX_HTTP_TENANT_KIND_TENANT;
    registry->operators.tier = &registry->nowhere;
    registry->operators.status = NGX_HTTP_TENANT_ACTIVE;
    registry->operators.sn.str = registry->nowhere.sn.str;
    registry->operators.sn.node.key =
                        ngx_http_tenant_name_key(&registry->operators.sn.str);
    ngx_queue_init(&registry->operators.running);

    ngx_queue_init(&registry->queue);
    ngx_queue_init(&registry->retired);

    return registry;
}


ngx_uint_t
ngx_http_tenant_registry_live(ngx_http_tenant_registry_t *registry)
{
    return registry->path.len != 0;
}


ngx_uint_t
ngx_http_tenant_registry_frozen(ngx_http_tenant_registry_t *registry)
{
    return registry->frozen;
}


ngx_http_tenant_tenant_t *
ngx_http_tenant_registry_operators(ngx_http_tenant_registry_t *registry)
{
    return &registry->operators;
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


ngx_http_tenant_hot
ngx_str_node_t *
ngx_http_tenant_registry_peek(ngx_http_tenant_registry_t *registry,
    ngx_uint_t kind, ngx_str_t *id)
{
    ngx_str_node_t           *sn, **recent;
    ngx_http_tenant_index_t  *index;

    index = &registry->indexes[kind];
    recent = &index->recent[ngx_http_tenant_registry_place(id)];
    sn = *recent;

    if (sn && sn->str.len == id->len
        && ngx_memcmp(sn->str.data, id->data, id->len) == 0)
    {
        return sn;
    }

    sn = ngx_str_rbtree_lookup(&index->rbtree, id,
                               ngx_http_tenant_name_key(id));
    if (sn) {
        *recent = sn;
    }

    return sn;
}


void
ngx_http_tenant_registry_forget(ngx_http_tenant_registry_t *registry,
    ngx_str_node_t *sn)
{
    ngx_str_node_t           **recent;
    ngx_http_tenant_index_t   *index;

    index = &registry->indexes[ngx_http_tenant_object(sn)->kind];
    recent = &index->recent[ngx_http_tenant_registry_place(&sn->str)];

    if (*recent == sn) {
        *recent = NULL;
    }

    ngx_rbtree_delete(&index->rbtree, &sn->node);
}


/* Names differ at their ends.  Those of one place only cost a search. */

static ngx_inline ngx_uint_t
ngx_http_tenant_registry_place(const ngx_str_t *id)
{
    size_t    n;
    uint64_t  w;
    uint32_t  first, last;

    if (id->len >= 8) {
        ngx_memcpy(&w, id->data + id->len - 8, 8);

    } else if (id->len >= 4) {
        ngx_memcpy(&first, id->data, 4);
        ngx_memcpy(&last, id->data + id->len - 4, 4);

        w = (uint64_t) first << 32 | last;

    } else {
        w = 0;

        for (n = 0; n < id->len; n++) {
            w = w << 8 | id->data[n];
        }
    }

    return ((w ^ id->len) * 0x9e3779b97f4a7c15ULL) >> 32
           & (NGX_HTTP_TENANT_RECENT - 1);
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


ngx_http_tenant_hot
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

    return ngx_http_tenant_loaded_add(registry, kind, id, sn);
}


ngx_int_t
ngx_http_tenant_registry_issuers(ngx_http_tenant_registry_t *registry,
    ngx_http_tenant_tenant_t *tenant, ngx_uint_t max, ngx_array_t *list)
{
    ngx_str_t                  *iss;
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
                                             ngx_http_tenant_registry_listed,
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
        stmt = registry->store->stmts[NGX_HTTP_TENANT_STMT_ISSUERS];

        (void) sqlite3_bind_int64(stmt, 1, max);
    }

    return ngx_http_tenant_registry_names(registry, stmt, max, list);
}


ngx_int_t
ngx_http_tenant_registry_due(ngx_http_tenant_registry_t *registry,
    time_t now, ngx_uint_t max, ngx_array_t *list)
{
    sqlite3_stmt  *stmt;

    if (registry->store == NULL || registry->broken) {
        return NGX_ERROR;
    }

    stmt = registry->store->stmts[NGX_HTTP_TENANT_STMT_DUE];

    (void) sqlite3_bind_int64(stmt, 1, now);
    (void) sqlite3_bind_int64(stmt, 2, max);

    return ngx_http_tenant_registry_names(registry, stmt, max, list);
}


/* The first column of all rows, as far as there is room. */

static ngx_int_t
ngx_http_tenant_registry_names(ngx_http_tenant_registry_t *registry,
    sqlite3_stmt *stmt, ngx_uint_t max, ngx_array_t *list)
{
    ngx_int_t  rc;
    ngx_str_t  name;

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
ngx_http_tenant_registry_listed(void *data, ngx_str_node_t *sn)
{
    ngx_http_tenant_issuers_t  *ctx = data;

    ngx_http_tenant_issuer_t  *issuer;

    issuer = (ngx_http_tenant_issuer_t *) sn;

    if (issuer->operators) {
        return NGX_OK;
    }

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
