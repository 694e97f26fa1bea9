#include "ngx_http_tenant_counters.h"
#include "../identity/ngx_http_tenant_identity.h"
#include "../routing/ngx_http_tenant_silo.h"


static ngx_http_tenant_counters_t *ngx_http_tenant_counters_slot(
    ngx_http_tenant_main_conf_t *tmcf, ngx_http_tenant_tenant_t *tenant);
static ngx_http_tenant_counters_t *ngx_http_tenant_counters_create(
    ngx_slab_pool_t *shpool, ngx_http_tenant_totals_t *totals,
    ngx_str_t *id);


/* seconds .005 .01 .025 .05 .1 .25 .5 1 2.5 5 10, as client libraries have */

const ngx_uint_t  ngx_http_tenant_bucket_ms[NGX_HTTP_TENANT_BUCKETS] = {
    5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000
};


ngx_int_t
ngx_http_tenant_counters_init_zone(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_str_t                  name;
    ngx_slab_pool_t           *shpool;
    ngx_http_tenant_totals_t  *totals;

    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (data) {
        /* a reload: the old configuration's counters go on */
        shm_zone->data = data;
        return NGX_OK;
    }

    if (shm_zone->shm.exists) {
        shm_zone->data = shpool->data;
        return NGX_OK;
    }

    totals = ngx_slab_calloc(shpool, sizeof(ngx_http_tenant_totals_t));
    if (totals == NULL) {
        return NGX_ERROR;
    }

    ngx_rbtree_init(&totals->rbtree, &totals->sentinel,
                    ngx_str_rbtree_insert_value);
    ngx_queue_init(&totals->queue);

    ngx_rbtree_init(&totals->issuers, &totals->issuers_sentinel,
                    ngx_str_rbtree_insert_value);
    ngx_queue_init(&totals->issuer_queue);
    ngx_queue_init(&totals->graves);

    ngx_rbtree_init(&totals->introspectors, &totals->introspectors_sentinel,
                    ngx_str_rbtree_insert_value);
    ngx_queue_init(&totals->introspector_queue);

    /* no tenant id starts with "_" */

    ngx_str_set(&name, "_overflow");

    totals->overflow = ngx_http_tenant_counters_create(shpool, totals, &name);
    if (totals->overflow == NULL) {
        return NGX_ERROR;
    }

    /* a full zone is a state with a counter of its own, not an error */

    shpool->log_nomem = 0;

    totals->routes = ngx_http_tenant_routes_init_zone(shpool,
                                                      shm_zone->shm.size);

    shpool->data = totals;
    shm_zone->data = totals;

    return NGX_OK;
}


ngx_http_tenant_hot
ngx_http_tenant_totals_t *
ngx_http_tenant_totals(ngx_http_request_t *r)
{
    ngx_http_tenant_main_conf_t  *tmcf;

    tmcf = ngx_http_get_module_main_conf(r, ngx_http_tenant_module);

    return tmcf->zone ? tmcf->zone->data : NULL;
}


ngx_http_tenant_hot
void
ngx_http_tenant_count(ngx_http_request_t *r,
    ngx_http_tenant_caller_t *caller)
{
    ngx_uint_t                    i, status, decided;
    ngx_msec_int_t                ms;
    ngx_time_t                   *tp;
    ngx_http_tenant_ctx_t        *ctx;
    ngx_http_tenant_counters_t   *slot;
    ngx_http_tenant_main_conf_t  *tmcf;

    tmcf = ngx_http_get_module_main_conf(r, ngx_http_tenant_module);

    if (tmcf->zone == NULL || caller->identity == NULL) {
        return;
    }


    slot = ngx_http_tenant_counters_slot(tmcf, caller->identity->tenant);

    status = r->err_status ? r->err_status : r->headers_out.status;

    ctx = caller->last;

    decided = ctx == NULL || !ctx->decided ? NGX_HTTP_TENANT_DECIDED_NOTHING
              : ctx->allowed ? NGX_HTTP_TENANT_DECIDED_ALLOW
              : ctx->shadowed ? NGX_HTTP_TENANT_DECIDED_SHADOW
                              : NGX_HTTP_TENANT_DECIDED_DENY;

    /* an atomic addition takes as long as 50 plain ones: the fewer */

    i = status / 100;
    (void) ngx_atomic_fetch_add(&slot->requests[i < 6 ? i : 0][decided], 1);

    if (ctx && ctx->server_failures) {
        (void) ngx_atomic_fetch_add(&slot->server_failures[ctx->route->model],
                                    ctx->server_failures);
    }

    tp = ngx_timeofday();

    ms = (ngx_msec_int_t) ((tp->sec - r->start_sec) * 1000
                           + (tp->msec - r->start_msec));
    ms = ngx_max(ms, 0);

    for (i = 0; i < NGX_HTTP_TENANT_BUCKETS; i++) {
        if ((ngx_uint_t) ms <= ngx_http_tenant_bucket_ms[i]) {
            break;
        }
    }

    (void) ngx_atomic_fetch_add(&slot->buckets[i], 1);

    if (ms) {
        (void) ngx_atomic_fetch_add(&slot->duration, ms);
    }

    (void) ngx_atomic_fetch_add(&slot->received, r->request_length);
    (void) ngx_atomic_fetch_add(&slot->sent, r->connection->sent);
}


void
ngx_http_tenant_counters_forget(ngx_slab_pool_t *shpool,
    ngx_http_tenant_totals_t *totals, ngx_str_t *id)
{
    ngx_http_tenant_counters_t  *slot;

    slot = (ngx_http_tenant_counters_t *)
               ngx_str_rbtree_lookup(&totals->rbtree, id,
                                     ngx_http_tenant_name_key(id));
    if (slot == NULL) {
        return;
    }

    ngx_rbtree_delete(&totals->rbtree, &slot->sn.node);
    ngx_queue_remove(&slot->queue);
    totals->slots--;

    ngx_http_tenant_zone_bury(shpool, &totals->graves, &slot->grave, slot,
                              NULL);
}


/* The only lock: once for a tenant in a worker. */

static ngx_http_tenant_counters_t *
ngx_http_tenant_counters_slot(ngx_http_tenant_main_conf_t *tmcf,
    ngx_http_tenant_tenant_t *tenant)
{
    ngx_slab_pool_t             *shpool;
    ngx_http_tenant_totals_t    *totals;
    ngx_http_tenant_counters_t  *slot;

    if (tenant->counters) {
        return tenant->counters;
    }

    totals = tmcf->zone->data;
    shpool = (ngx_slab_pool_t *) tmcf->zone->shm.addr;

    ngx_shmtx_lock(&shpool->mutex);

    slot = (ngx_http_tenant_counters_t *)
               ngx_str_rbtree_lookup(&totals->rbtree, &tenant->sn.str,
                                     tenant->sn.node.key);

    if (slot == NULL) {
        slot = ngx_http_tenant_counters_create(shpool, totals,
                                               &tenant->sn.str);
    }

    ngx_shmtx_unlock(&shpool->mutex);

    if (slot == NULL) {
        slot = totals->overflow;
    }

    tenant->counters = slot;

    return slot;
}


/* With the zone's mutex held, or before anyone else knows the zone. */

static ngx_http_tenant_counters_t *
ngx_http_tenant_counters_create(ngx_slab_pool_t *shpool,
    ngx_http_tenant_totals_t *totals, ngx_str_t *id)
{
    u_char                      *p;
    ngx_http_tenant_counters_t  *slot;

    ngx_http_tenant_zone_dig(shpool, &totals->graves);

    slot = ngx_slab_calloc_locked(shpool,
                                  sizeof(ngx_http_tenant_counters_t)
                                  + id->len);
    if (slot == NULL) {
        return NULL;
    }

    p = (u_char *) slot + sizeof(ngx_http_tenant_counters_t);
    ngx_memcpy(p, id->data, id->len);

    slot->sn.str.data = p;
    slot->sn.str.len = id->len;
    slot->sn.node.key = ngx_http_tenant_name_key(&slot->sn.str);

    ngx_rbtree_insert(&totals->rbtree, &slot->sn.node);
    ngx_queue_insert_tail(&totals->queue, &slot->queue);
    totals->slots++;

    return slot;
}
