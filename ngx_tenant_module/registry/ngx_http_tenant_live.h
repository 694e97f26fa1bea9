/*
 * A registry in a database, in a worker: what is loaded, and what follows the
 * changes.  Of registry/ alone.
 */

#ifndef NGX_HTTP_TENANT_LIVE_H
#define NGX_HTTP_TENANT_LIVE_H


#include <ngx_event.h>

#include "ngx_http_tenant_registry.h"


#define NGX_HTTP_TENANT_RECENT  64      /* a power of two */


typedef struct {
    ngx_rbtree_t        rbtree;
    ngx_rbtree_node_t   sentinel;

    /* of those in the tree some that were asked for, by name; or NULL */
    ngx_str_node_t     *recent[NGX_HTTP_TENANT_RECENT];
} ngx_http_tenant_index_t;


struct ngx_http_tenant_registry_s {
    ngx_http_tenant_index_t            indexes[NGX_HTTP_TENANT_KINDS];

    json_t                            *document;    /* NULL: a database */

    ngx_http_tenant_tier_t             nowhere;     /* of operators */
    ngx_http_tenant_tenant_t           operators;

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
    unsigned                           frozen:1;    /* cannot be written */
    unsigned                           broken:1;
    unsigned                           revocations:1;   /* there are new
                                                           ones */
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


/* As the look-ups of ngx_http_tenant_registry.h, of what is not loaded yet. */
ngx_int_t ngx_http_tenant_loaded_add(ngx_http_tenant_registry_t *registry,
    ngx_uint_t kind, ngx_str_t *id, ngx_str_node_t **sn);

/* Takes it out of the index, whatever holds it. */
void ngx_http_tenant_registry_forget(ngx_http_tenant_registry_t *registry,
    ngx_str_node_t *sn);

/* Out of the index: whoever holds it finds it stale. */
void ngx_http_tenant_loaded_drop(ngx_http_tenant_registry_t *registry,
    ngx_str_node_t *sn);

/* Whether somebody has to be told when the object changes. */
ngx_uint_t ngx_http_tenant_loaded_busy(ngx_http_tenant_object_t *object);


#endif /* NGX_HTTP_TENANT_LIVE_H */
