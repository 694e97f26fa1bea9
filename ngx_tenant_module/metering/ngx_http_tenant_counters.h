/*
 * Counters in shared memory: one slot a tenant, found once by a worker and
 * then added to without a lock; kept through reloads.
 */

#ifndef NGX_HTTP_TENANT_COUNTERS_H
#define NGX_HTTP_TENANT_COUNTERS_H


#include "../ngx_http_tenant_module.h"
#include "../ngx_http_tenant_zone.h"


#define NGX_HTTP_TENANT_BUCKETS  11         /* of duration, without +Inf */

#define NGX_HTTP_TENANT_DECIDED_NOTHING  0
#define NGX_HTTP_TENANT_DECIDED_ALLOW    1
#define NGX_HTTP_TENANT_DECIDED_DENY     2
#define NGX_HTTP_TENANT_DECIDED_SHADOW   3
#define NGX_HTTP_TENANT_DECIDED          4


/* A slot; registered tenants only, so clients cannot make labels. */
typedef struct {
    ngx_str_node_t           sn;            /* sn.str: tenant id */
    ngx_queue_t              queue;
    ngx_http_tenant_grave_t  grave;

    /* by class of status (0: none) and NGX_HTTP_TENANT_DECIDED_* */
    ngx_atomic_t     requests[6][NGX_HTTP_TENANT_DECIDED];
    ngx_atomic_t     server_failures[2];    /* by NGX_HTTP_TENANT_MODEL_ */
    ngx_atomic_t     received;              /* bytes from clients */
    ngx_atomic_t     sent;                  /* bytes to clients */
    ngx_atomic_t     duration;              /* sum, milliseconds */
    ngx_atomic_t     buckets[NGX_HTTP_TENANT_BUCKETS + 1];
} ngx_http_tenant_counters_t;


/*
 * What a worker counts in every request of every tenant: on a line of its
 * own, which no other worker's core has to give back first.
 */
#define NGX_HTTP_TENANT_CELLS  32

typedef struct {
    ngx_atomic_t     cache_hits;
    ngx_atomic_t     cache_misses;
    u_char           rest[64 - 2 * sizeof(ngx_atomic_t)];
} ngx_http_tenant_cell_t;


/* What is counted for all tenants together. */
typedef struct ngx_http_tenant_totals_s {
    ngx_rbtree_t       rbtree;
    ngx_rbtree_node_t  sentinel;
    ngx_queue_t        queue;               /* slots, oldest first */
    ngx_uint_t         slots;
    ngx_http_tenant_counters_t  *overflow;  /* when the zone is full */

    ngx_rbtree_t       issuers;             /* fetched key sets: identity/ */
    ngx_rbtree_node_t  issuers_sentinel;
    ngx_queue_t        issuer_queue;

    ngx_queue_t        graves;              /* what is freed later */
    ngx_atomic_t       provisioner_accepted;
    ngx_atomic_t       provisioner_failed;
    ngx_pid_t          provisioner_owner;   /* who delivers events */
    time_t             provisioner_lease;   /* until then, seconds */
    ngx_atomic_t       provisioner_backlog; /* events, when last looked at */
    time_t             provisioner_oldest;  /* of them; 0: there is none */

    ngx_pid_t          upkeep_owner;      /* who looks for deadlines */
    time_t             upkeep_lease;      /* until then, seconds */
    int64_t            removed;             /* newest change whose removal was
                                               done: the first worker that
                                               sees it does it for all */
    ngx_atomic_t       keys_generation;     /* moves when any of them does */
    ngx_atomic_t       registry_generation; /* after each commit */
    ngx_atomic_t       keys_fetched;
    ngx_atomic_t       keys_failed;

    struct ngx_http_tenant_shared_routes_s  *routes;    /* or NULL */

    ngx_rbtree_t       introspectors;       /* how endpoints are doing */
    ngx_rbtree_node_t  introspectors_sentinel;
    ngx_queue_t        introspector_queue;
    ngx_atomic_t       introspected_active;
    ngx_atomic_t       introspected_inactive;
    ngx_atomic_t       introspections_failed;

    ngx_atomic_t       refused[NGX_HTTP_TENANT_REASONS];
    ngx_atomic_t       tier_mismatches;
    ngx_atomic_t       policy_errors;

    ngx_http_tenant_cell_t  cells[NGX_HTTP_TENANT_CELLS];
} ngx_http_tenant_totals_t;

/* More workers than cells share them: additions are atomic. */
#define ngx_http_tenant_cell(totals)                                          \
    (&(totals)->cells[ngx_worker % NGX_HTTP_TENANT_CELLS])


extern const ngx_uint_t  ngx_http_tenant_bucket_ms[];


ngx_int_t ngx_http_tenant_counters_init_zone(ngx_shm_zone_t *shm_zone,
    void *data);

/* NULL when nothing is counted: no zone. */
ngx_http_tenant_totals_t *ngx_http_tenant_totals(ngx_http_request_t *r);

/* With the zone's mutex held: the tenant's counts are gone. */
void ngx_http_tenant_counters_forget(ngx_slab_pool_t *shpool,
    ngx_http_tenant_totals_t *totals, ngx_str_t *id);

/* In the log phase of a request that met the module. */
void ngx_http_tenant_count(ngx_http_request_t *r,
    ngx_http_tenant_caller_t *caller);

/* The content handler of tenant_metrics: Prometheus text format 0.0.4. */
ngx_int_t ngx_http_tenant_metrics_handler(ngx_http_request_t *r);


#endif /* NGX_HTTP_TENANT_COUNTERS_H */
