/* What the rooms do when objects of the registry change or go. */

#include "ngx_http_tenant_module.h"
#include "identity/ngx_http_tenant_introspect.h"
#include "identity/ngx_http_tenant_keyset.h"
#include "metering/ngx_http_tenant_counters.h"


void
ngx_http_tenant_changed_issuer(void *data, ngx_http_tenant_issuer_t *issuer)
{
    ngx_http_tenant_introspector_retire(issuer->introspector);
    ngx_http_tenant_keyset_retire(issuer->keys);
}


/* The first worker that gets here does it for all. */

void
ngx_http_tenant_removed(void *data, ngx_uint_t kind, ngx_str_t *id,
    ngx_uint_t counts, int64_t seq)
{
    ngx_http_tenant_main_conf_t  *tmcf = data;

    ngx_slab_pool_t           *shpool;
    ngx_http_tenant_totals_t  *totals;

    totals = tmcf->zone->data;
    shpool = (ngx_slab_pool_t *) tmcf->zone->shm.addr;

    ngx_shmtx_lock(&shpool->mutex);

    if (seq > totals->removed) {
        totals->removed = seq;

        if (kind == NGX_HTTP_TENANT_KIND_ISSUER) {
            ngx_http_tenant_keyset_forget(shpool, totals, id);
            ngx_http_tenant_introspector_forget(shpool, totals, id);
        }

        if (kind == NGX_HTTP_TENANT_KIND_TENANT && counts) {
            ngx_http_tenant_counters_forget(shpool, totals, id);
        }
    }

    ngx_shmtx_unlock(&shpool->mutex);
}
