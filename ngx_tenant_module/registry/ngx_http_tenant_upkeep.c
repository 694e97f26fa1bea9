#include "ngx_http_tenant_upkeep.h"
#include "ngx_http_tenant_writer.h"
#include "../metering/ngx_http_tenant_counters.h"


#define NGX_HTTP_TENANT_UPKEEP_TICK   250     /* milliseconds */
#define NGX_HTTP_TENANT_UPKEEP_LEASE  2       /* seconds */
#define NGX_HTTP_TENANT_UPKEEP_BATCH  64      /* tenants of a commit */
#define NGX_HTTP_TENANT_UPKEEP_TRIM   60      /* seconds between */
#define NGX_HTTP_TENANT_UPKEEP_PAUSE  5       /* seconds after a failure */


/* Of a worker. */
typedef struct {
    ngx_http_tenant_main_conf_t  *tmcf;
    ngx_http_tenant_job_t         job;
    ngx_pool_t                   *pool;     /* while the job runs */
    ngx_array_t                   due;      /* ngx_str_t */
    ngx_event_t                   timer;
    ngx_connection_t              dummy;
    time_t                        trim;     /* next time */
    time_t                        after;    /* a failure: not before */
    unsigned                      busy:1;
} ngx_http_tenant_upkeep_t;


static void ngx_http_tenant_upkeep_timer(ngx_event_t *ev);
static void ngx_http_tenant_upkeep_look(
    ngx_http_tenant_upkeep_t *upkeep);
static ngx_uint_t ngx_http_tenant_upkeep_lease(
    ngx_http_tenant_main_conf_t *tmcf);
static ngx_int_t ngx_http_tenant_upkeep_run(ngx_http_tenant_job_t *job,
    ngx_http_tenant_changes_t *changes);
static void ngx_http_tenant_upkeep_done(ngx_http_tenant_job_t *job);


ngx_int_t
ngx_http_tenant_upkeep_init_process(ngx_cycle_t *cycle,
    ngx_http_tenant_main_conf_t *tmcf)
{
    ngx_http_tenant_upkeep_t  *upkeep;

    if (!ngx_http_tenant_registry_live(tmcf->registry)) {
        return NGX_OK;
    }

    upkeep = ngx_pcalloc(cycle->pool, sizeof(ngx_http_tenant_upkeep_t));
    if (upkeep == NULL) {
        return NGX_ERROR;
    }

    upkeep->tmcf = tmcf;
    upkeep->trim = ngx_time() + NGX_HTTP_TENANT_UPKEEP_TRIM;
    upkeep->dummy.fd = (ngx_socket_t) -1;
    upkeep->dummy.data = upkeep;

    upkeep->timer.handler = ngx_http_tenant_upkeep_timer;
    upkeep->timer.data = &upkeep->dummy;
    upkeep->timer.log = cycle->log;
    upkeep->timer.cancelable = 1;

    ngx_add_timer(&upkeep->timer, NGX_HTTP_TENANT_UPKEEP_TICK);

    return NGX_OK;
}


static void
ngx_http_tenant_upkeep_timer(ngx_event_t *ev)
{
    ngx_connection_t            *dummy;
    ngx_http_tenant_upkeep_t  *upkeep;

    dummy = ev->data;
    upkeep = dummy->data;

    if (ngx_exiting) {
        return;
    }

    if (!upkeep->busy && ngx_time() >= upkeep->after
        && ngx_http_tenant_upkeep_lease(upkeep->tmcf)) {
        ngx_http_tenant_upkeep_look(upkeep);
    }

    ngx_add_timer(ev, NGX_HTTP_TENANT_UPKEEP_TICK);
}


/* One worker does it for all; another takes over when it is gone. */

static ngx_uint_t
ngx_http_tenant_upkeep_lease(ngx_http_tenant_main_conf_t *tmcf)
{
    time_t                     now;
    ngx_uint_t                 ours;
    ngx_slab_pool_t           *shpool;
    ngx_http_tenant_totals_t  *totals;

    now = ngx_time();
    totals = tmcf->zone->data;

    if (totals->upkeep_owner != ngx_pid && totals->upkeep_lease > now) {
        return 0;
    }

    shpool = (ngx_slab_pool_t *) tmcf->zone->shm.addr;

    ngx_shmtx_lock(&shpool->mutex);

    ours = totals->upkeep_owner == ngx_pid || totals->upkeep_lease <= now;

    if (ours) {
        totals->upkeep_owner = ngx_pid;
        totals->upkeep_lease = now + NGX_HTTP_TENANT_UPKEEP_LEASE;
    }

    ngx_shmtx_unlock(&shpool->mutex);

    return ours;
}


/* The look is a search in an index; only what is due makes work. */

static void
ngx_http_tenant_upkeep_look(ngx_http_tenant_upkeep_t *upkeep)
{
    ngx_pool_t  *pool;

    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, ngx_cycle->log);
    if (pool == NULL) {
        return;
    }

    if (ngx_array_init(&upkeep->due, pool, 8, sizeof(ngx_str_t)) != NGX_OK
        || ngx_http_tenant_registry_due(upkeep->tmcf->registry, ngx_time(),
                                        NGX_HTTP_TENANT_UPKEEP_BATCH,
                                        &upkeep->due)
           != NGX_OK
        || (upkeep->due.nelts == 0 && ngx_time() < upkeep->trim))
    {
        ngx_destroy_pool(pool);
        return;
    }

    upkeep->pool = pool;
    upkeep->busy = 1;

    ngx_memzero(&upkeep->job, sizeof(ngx_http_tenant_job_t));

    upkeep->job.run = ngx_http_tenant_upkeep_run;
    upkeep->job.done = ngx_http_tenant_upkeep_done;
    upkeep->job.data = upkeep;

    if (ngx_http_tenant_write(upkeep->tmcf, &upkeep->job) != NGX_OK) {
        upkeep->busy = 0;
        ngx_destroy_pool(pool);
    }
}


static ngx_int_t
ngx_http_tenant_upkeep_run(ngx_http_tenant_job_t *job,
    ngx_http_tenant_changes_t *changes)
{
    ngx_http_tenant_upkeep_t  *upkeep = job->data;

    char                       sql[128];
    ngx_int_t                  rc;
    ngx_str_t                 *id;
    ngx_uint_t                 i;
    ngx_http_tenant_change_t   change;

    id = upkeep->due.elts;

    for (i = 0; i < upkeep->due.nelts; i++) {
        ngx_memzero(&change, sizeof(ngx_http_tenant_change_t));

        change.pool = upkeep->pool;
        change.op = NGX_HTTP_TENANT_OP_DELETE;
        change.kind = NGX_HTTP_TENANT_KIND_TENANT;
        change.id = id[i];

        rc = ngx_http_tenant_change(changes, &change);

        json_decref(change.result);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_DECLINED) {

            /* somebody was faster */

            id[i].len = 0;
        }
    }

    if (changes->now < upkeep->trim) {
        return NGX_OK;
    }

    upkeep->trim = changes->now + NGX_HTTP_TENANT_UPKEEP_TRIM;

    *ngx_snprintf((u_char *) sql, sizeof(sql) - 1,
                  "DELETE FROM changes WHERE seq <= "
                  "(SELECT max(seq) FROM changes) - %d",
                  NGX_HTTP_TENANT_STORE_CHANGES) = '\0';

    return ngx_http_tenant_store_exec(changes->store, sql);
}


static void
ngx_http_tenant_upkeep_done(ngx_http_tenant_job_t *job)
{
    ngx_http_tenant_upkeep_t  *upkeep = job->data;

    ngx_str_t   *id;
    ngx_uint_t   i;

    id = upkeep->due.elts;

    for (i = 0; i < upkeep->due.nelts && job->rc == NGX_OK; i++) {
        if (id[i].len) {
            ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                          "tenant \"%V\" was offboarded and is removed",
                          &id[i]);
        }
    }

    if (job->rc != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "upkeep of the tenant_registry failed, tenants that "
                      "were offboarded are still there: the next try is "
                      "soon");

        upkeep->after = ngx_time() + NGX_HTTP_TENANT_UPKEEP_PAUSE;
        upkeep->trim = ngx_time() + NGX_HTTP_TENANT_UPKEEP_TRIM;
    }

    upkeep->busy = 0;

    ngx_destroy_pool(upkeep->pool);
}
