/* The part of a key set that workers share: where it is, and whose. */

#include "ngx_http_tenant_keyset.h"
#include "../metering/ngx_http_tenant_counters.h"


static void ngx_http_tenant_keyset_moved(ngx_http_tenant_keyset_t *keyset,
    ngx_http_tenant_shared_keys_t *sh);


ngx_http_tenant_shared_keys_t *
ngx_http_tenant_keyset_shared(ngx_http_tenant_keyset_t *keyset)
{
    u_char                          *p;
    ngx_str_t                       *iss;
    ngx_slab_pool_t                 *shpool;
    ngx_http_tenant_totals_t        *totals;
    ngx_http_tenant_shared_keys_t   *sh;

    iss = &keyset->issuer->sn.str;
    totals = keyset->tmcf->zone->data;
    shpool = (ngx_slab_pool_t *) keyset->tmcf->zone->shm.addr;

    ngx_shmtx_lock(&shpool->mutex);

    sh = (ngx_http_tenant_shared_keys_t *)
             ngx_str_rbtree_lookup(&totals->issuers, iss,
                                   keyset->issuer->sn.node.key);

    if (sh == NULL) {
        ngx_http_tenant_zone_dig(shpool, &totals->graves);

        sh = ngx_slab_calloc_locked(shpool,
                                    sizeof(ngx_http_tenant_shared_keys_t)
                                    + iss->len);
        if (sh) {
            p = (u_char *) sh + sizeof(ngx_http_tenant_shared_keys_t);
            ngx_memcpy(p, iss->data, iss->len);

            sh->sn.str.data = p;
            sh->sn.str.len = iss->len;
            sh->sn.node.key = keyset->issuer->sn.node.key;

            ngx_rbtree_insert(&totals->issuers, &sh->sn.node);
            ngx_queue_insert_tail(&totals->issuer_queue, &sh->queue);
        }
    }

    if (sh && sh->source != keyset->source) {
        ngx_http_tenant_keyset_moved(keyset, sh);
    }

    ngx_shmtx_unlock(&shpool->mutex);

    return sh;
}


void
ngx_http_tenant_keyset_forget(ngx_slab_pool_t *shpool,
    ngx_http_tenant_totals_t *totals, ngx_str_t *iss)
{
    ngx_http_tenant_shared_keys_t  *sh;

    sh = (ngx_http_tenant_shared_keys_t *)
             ngx_str_rbtree_lookup(&totals->issuers, iss,
                                   ngx_http_tenant_name_key(iss));
    if (sh == NULL) {
        return;
    }

    ngx_rbtree_delete(&totals->issuers, &sh->sn.node);
    ngx_queue_remove(&sh->queue);

    /* who is still fetching finds it to be of nobody's */

    sh->source = 0;

    ngx_http_tenant_zone_bury(shpool, &totals->graves, &sh->grave, sh,
                              sh->text);
}


/*
 * With the zone's mutex held: the registry names another URL for the issuer,
 * so what came from the one before is no longer its keys.
 */

static void
ngx_http_tenant_keyset_moved(ngx_http_tenant_keyset_t *keyset,
    ngx_http_tenant_shared_keys_t *sh)
{
    ngx_slab_pool_t                *shpool;
    ngx_http_tenant_shared_text_t  *text;

    shpool = (ngx_slab_pool_t *) keyset->tmcf->zone->shm.addr;

    text = sh->text;
    sh->text = NULL;

    if (text) {
        ngx_slab_free_locked(shpool, text);
    }

    sh->source = keyset->source;
    sh->generation++;
    sh->lease = 0;
    sh->attempted = 0;
    sh->fetched = 0;
    sh->refresh = 0;
    sh->expires = 0;
    sh->failures = 0;
}
