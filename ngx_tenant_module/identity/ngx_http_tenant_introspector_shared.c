/* How an issuer's endpoint is doing, as all workers know: where it is kept. */

#include "ngx_http_tenant_introspect.h"
#include "../metering/ngx_http_tenant_counters.h"


void
ngx_http_tenant_introspector_start(
    ngx_http_tenant_introspector_t *introspector)
{
    u_char                                 *p;
    ngx_str_t                              *iss;
    ngx_slab_pool_t                        *shpool;
    ngx_http_tenant_totals_t               *totals;
    ngx_http_tenant_shared_introspector_t  *sh;

    if (introspector == NULL) {
        return;
    }

    iss = &introspector->issuer->sn.str;
    totals = introspector->tmcf->zone->data;
    shpool = (ngx_slab_pool_t *) introspector->tmcf->zone->shm.addr;

    ngx_shmtx_lock(&shpool->mutex);

    sh = (ngx_http_tenant_shared_introspector_t *)
             ngx_str_rbtree_lookup(&totals->introspectors, iss,
                                   introspector->issuer->sn.node.key);

    if (sh == NULL) {
        ngx_http_tenant_zone_dig(shpool, &totals->graves);

        sh = ngx_slab_calloc_locked(shpool,
                                sizeof(ngx_http_tenant_shared_introspector_t)
                                + iss->len);
        if (sh) {
            p = (u_char *) sh + sizeof(ngx_http_tenant_shared_introspector_t);
            ngx_memcpy(p, iss->data, iss->len);

            sh->sn.str.data = p;
            sh->sn.str.len = iss->len;
            sh->sn.node.key = introspector->issuer->sn.node.key;

            ngx_rbtree_insert(&totals->introspectors, &sh->sn.node);
            ngx_queue_insert_tail(&totals->introspector_queue, &sh->queue);
        }
    }

    ngx_shmtx_unlock(&shpool->mutex);

    /* without room each worker finds out for itself */

    introspector->shared = sh ? sh : &introspector->local;
}


void
ngx_http_tenant_introspector_retire(
    ngx_http_tenant_introspector_t *introspector)
{
    if (introspector) {
        introspector->shared = &introspector->local;
    }
}


void
ngx_http_tenant_introspector_forget(ngx_slab_pool_t *shpool,
    ngx_http_tenant_totals_t *totals, ngx_str_t *iss)
{
    ngx_http_tenant_shared_introspector_t  *sh;

    sh = (ngx_http_tenant_shared_introspector_t *)
             ngx_str_rbtree_lookup(&totals->introspectors, iss,
                                   ngx_http_tenant_name_key(iss));
    if (sh == NULL) {
        return;
    }

    ngx_rbtree_delete(&totals->introspectors, &sh->sn.node);
    ngx_queue_remove(&sh->queue);

    ngx_http_tenant_zone_bury(shpool, &totals->graves, &sh->grave, sh, NULL);
}
