#include "ngx_http_tenant_delivery.h"
#include "ngx_http_tenant_outbox.h"
#include "ngx_http_tenant_provisioner.h"
#include "ngx_http_tenant_writer.h"
#include "../metering/ngx_http_tenant_counters.h"


#define NGX_HTTP_TENANT_DELIVERY_TICK     100  /* milliseconds */
#define NGX_HTTP_TENANT_DELIVERY_LEASE    2    /* seconds */
#define NGX_HTTP_TENANT_DELIVERY_MARGIN   2    /* seconds after timeout */
#define NGX_HTTP_TENANT_DELIVERY_PAUSE    2    /* seconds, when the database
                                                  fails */
#define NGX_HTTP_TENANT_DELIVERY_ERROR    200  /* bytes */
#define NGX_HTTP_TENANT_DELIVERY_SAY      10   /* attempts a line in the log */

/* seconds until the next attempt, doubled each time */

#define NGX_HTTP_TENANT_DELIVERY_RETRY        1
#define NGX_HTTP_TENANT_DELIVERY_RETRY_MAX    300
#define NGX_HTTP_TENANT_DELIVERY_REFUSED      60     /* of a refusal */
#define NGX_HTTP_TENANT_DELIVERY_REFUSED_MAX  3600
#define NGX_HTTP_TENANT_DELIVERY_AFTER_MAX    86400  /* of Retry-After */

#define NGX_HTTP_TENANT_DELIVERY_EARLY  425    /* RFC 8470 */

#define NGX_HTTP_TENANT_DELIVERY_DOWN      8   /* tenants in a row */
#define NGX_HTTP_TENANT_DELIVERY_DOWN_MAX  30  /* seconds between attempts */


/* Of a worker. */
typedef struct ngx_http_tenant_courier_s {
    ngx_http_tenant_main_conf_t  *tmcf;
    ngx_event_t                   timer;
    ngx_connection_t              dummy;

    ngx_queue_t                   flights;
    ngx_uint_t                    nflights;
    ngx_queue_t                   finished;   /* outcomes to be written */

    ngx_atomic_uint_t             generation; /* newest looked at */
    time_t                        next;       /* something is due */
    time_t                        after;      /* the database failed: not
                                                 before */
    time_t                        quiet;      /* nobody answers: nothing is
                                                 sent before */

    uint32_t                      unheard[NGX_HTTP_TENANT_DELIVERY_DOWN];
    ngx_uint_t                    nunheard;   /* tenants since the newest
                                                 answer: hashes of ids */
    ngx_uint_t                    pauses;

    ngx_http_tenant_job_t         job;
    ngx_http_tenant_outbox_t      outbox;     /* the job's, while it is
                                                 busy */
    unsigned                      busy:1;
    unsigned                      owner:1;
} ngx_http_tenant_courier_t;


static void ngx_http_tenant_delivery_timer(ngx_event_t *ev);
static ngx_uint_t ngx_http_tenant_delivery_lease(
    ngx_http_tenant_courier_t *courier);
static void ngx_http_tenant_delivery_release(
    ngx_http_tenant_courier_t *courier);
static void ngx_http_tenant_delivery_turn(ngx_http_tenant_courier_t *courier);
static void ngx_http_tenant_delivery_hold(
    ngx_http_tenant_courier_t *courier);
static ngx_uint_t ngx_http_tenant_delivery_room(
    ngx_http_tenant_courier_t *courier);
static ngx_int_t ngx_http_tenant_delivery_run(ngx_http_tenant_job_t *job,
    ngx_http_tenant_changes_t *changes);
static void ngx_http_tenant_delivery_done(ngx_http_tenant_job_t *job);
static void ngx_http_tenant_delivery_send(ngx_http_tenant_courier_t *courier,
    ngx_http_tenant_delivery_t *delivery);
static void ngx_http_tenant_delivery_answer(void *data,
    ngx_http_tenant_answer_t *answer);
static void ngx_http_tenant_delivery_failed(
    ngx_http_tenant_delivery_t *delivery, ngx_http_tenant_answer_t *answer);
static void ngx_http_tenant_delivery_unheard(
    ngx_http_tenant_courier_t *courier, ngx_str_t *tenant);
static time_t ngx_http_tenant_delivery_wait(
    ngx_http_tenant_answer_t *answer, ngx_uint_t refused,
    ngx_int_t attempts);


ngx_int_t
ngx_http_tenant_delivery_init_process(ngx_cycle_t *cycle,
    ngx_http_tenant_main_conf_t *tmcf)
{
    ngx_http_tenant_courier_t  *courier;

    if (tmcf->provisioner == NULL) {
        return NGX_OK;
    }

    courier = ngx_pcalloc(cycle->pool, sizeof(ngx_http_tenant_courier_t));
    if (courier == NULL) {
        return NGX_ERROR;
    }

    courier->tmcf = tmcf;

    ngx_queue_init(&courier->flights);
    ngx_queue_init(&courier->finished);
    ngx_queue_init(&courier->outbox.outcomes);
    ngx_queue_init(&courier->outbox.taken);

    courier->dummy.fd = (ngx_socket_t) -1;
    courier->dummy.data = courier;

    courier->timer.handler = ngx_http_tenant_delivery_timer;
    courier->timer.data = &courier->dummy;
    courier->timer.log = cycle->log;
    courier->timer.cancelable = 1;

    ngx_add_timer(&courier->timer, NGX_HTTP_TENANT_DELIVERY_TICK);

    tmcf->courier = courier;

    return NGX_OK;
}


void
ngx_http_tenant_delivery_exit_process(ngx_http_tenant_main_conf_t *tmcf)
{
    ngx_http_tenant_courier_t  *courier;

    courier = tmcf->courier;

    if (courier == NULL) {
        return;
    }

    ngx_http_tenant_delivery_release(courier);

    if (courier->timer.timer_set) {
        ngx_del_timer(&courier->timer);
    }

    /* rows of deliveries that are cut off are due again before long */

    ngx_http_tenant_outbox_free(&courier->flights);
    ngx_http_tenant_outbox_free(&courier->finished);
    ngx_http_tenant_outbox_free(&courier->outbox.outcomes);
    ngx_http_tenant_outbox_free(&courier->outbox.taken);

    tmcf->courier = NULL;
}


static void
ngx_http_tenant_delivery_timer(ngx_event_t *ev)
{
    ngx_uint_t                  wanted;
    ngx_connection_t           *dummy;
    ngx_atomic_uint_t           generation;
    ngx_http_tenant_totals_t   *totals;
    ngx_http_tenant_courier_t  *courier;

    dummy = ev->data;
    courier = dummy->data;
    totals = courier->tmcf->zone->data;

    if (ngx_exiting) {

        /* what has begun comes to its end here, the rest is another's */

        ngx_http_tenant_delivery_release(courier);

        if (!courier->busy && !ngx_queue_empty(&courier->finished)
            && ngx_time() >= courier->after)
        {
            ngx_http_tenant_delivery_turn(courier);
        }

        ngx_http_tenant_delivery_hold(courier);

        if (!ev->cancelable) {
            ngx_add_timer(ev, NGX_HTTP_TENANT_DELIVERY_TICK);
        }

        return;
    }

    ngx_add_timer(ev, NGX_HTTP_TENANT_DELIVERY_TICK);

    if (!ngx_http_tenant_delivery_lease(courier)) {

        if (courier->busy || ngx_queue_empty(&courier->finished)) {
            return;
        }

        /* the lease was lost on the way */

        ngx_http_tenant_delivery_turn(courier);
        return;
    }

    if (courier->busy || ngx_time() < courier->after) {
        return;
    }

    generation = totals->registry_generation;

    wanted = generation != courier->generation
             || ngx_time() >= courier->next;

    if (!ngx_queue_empty(&courier->finished)
        || (wanted && ngx_http_tenant_delivery_room(courier)))
    {
        courier->generation = generation;
        ngx_http_tenant_delivery_turn(courier);
    }
}


/* One worker for all, as long as it is there. */

static ngx_uint_t
ngx_http_tenant_delivery_lease(ngx_http_tenant_courier_t *courier)
{
    time_t                     now;
    ngx_uint_t                 ours;
    ngx_slab_pool_t           *shpool;
    ngx_http_tenant_totals_t  *totals;

    now = ngx_time();
    totals = courier->tmcf->zone->data;

    if (totals->provisioner_owner != ngx_pid
        && totals->provisioner_lease > now)
    {
        courier->owner = 0;
        return 0;
    }

    shpool = (ngx_slab_pool_t *) courier->tmcf->zone->shm.addr;

    ngx_shmtx_lock(&shpool->mutex);

    ours = totals->provisioner_owner == ngx_pid
           || totals->provisioner_lease <= now;

    if (ours) {
        totals->provisioner_owner = ngx_pid;
        totals->provisioner_lease = now + NGX_HTTP_TENANT_DELIVERY_LEASE;
    }

    ngx_shmtx_unlock(&shpool->mutex);

    if (ours && !courier->owner) {

        /* nothing is known of what the one before has left */

        courier->next = 0;
    }

    courier->owner = ours;

    return ours;
}


static void
ngx_http_tenant_delivery_release(ngx_http_tenant_courier_t *courier)
{
    ngx_slab_pool_t           *shpool;
    ngx_http_tenant_totals_t  *totals;

    if (!courier->owner) {
        return;
    }

    totals = courier->tmcf->zone->data;
    shpool = (ngx_slab_pool_t *) courier->tmcf->zone->shm.addr;

    ngx_shmtx_lock(&shpool->mutex);

    if (totals->provisioner_owner == ngx_pid) {
        totals->provisioner_lease = 0;
    }

    ngx_shmtx_unlock(&shpool->mutex);

    courier->owner = 0;
}


/* Writes outcomes and takes what is due, in one commit. */

static void
ngx_http_tenant_delivery_turn(ngx_http_tenant_courier_t *courier)
{
    ngx_queue_t                 *q;
    ngx_http_tenant_outbox_t    *outbox;
    ngx_http_tenant_delivery_t  *delivery;

    ngx_queue_add(&courier->outbox.outcomes, &courier->finished);
    ngx_queue_init(&courier->finished);

    /* the thread may not look at what comes to its end meanwhile */

    outbox = &courier->outbox;
    outbox->nbusy = 0;

    for (q = ngx_queue_head(&courier->flights);
         q != ngx_queue_sentinel(&courier->flights);
         q = ngx_queue_next(q))
    {
        delivery = ngx_queue_data(q, ngx_http_tenant_delivery_t, queue);
        outbox->busy[outbox->nbusy++] = delivery->tenant;
    }

    outbox->room = ngx_http_tenant_delivery_room(courier);
    outbox->hold = (courier->tmcf->provisioner->timeout + 999) / 1000
                   + NGX_HTTP_TENANT_DELIVERY_MARGIN;

    ngx_memzero(&courier->job, sizeof(ngx_http_tenant_job_t));

    courier->job.run = ngx_http_tenant_delivery_run;
    courier->job.done = ngx_http_tenant_delivery_done;
    courier->job.data = courier;

    if (ngx_http_tenant_write(courier->tmcf, &courier->job) == NGX_OK) {
        courier->busy = 1;
        ngx_http_tenant_delivery_hold(courier);
        return;
    }

    ngx_queue_add(&courier->finished, &courier->outbox.outcomes);
    ngx_queue_init(&courier->outbox.outcomes);

    courier->after = ngx_time() + NGX_HTTP_TENANT_DELIVERY_PAUSE;
}


/* A worker that is to quit stays until what it has begun is written. */

static void
ngx_http_tenant_delivery_hold(ngx_http_tenant_courier_t *courier)
{
    courier->timer.cancelable = !courier->busy && courier->nflights == 0
                                && ngx_queue_empty(&courier->finished);
}


/* How many may be on their way besides those that are. */

static ngx_uint_t
ngx_http_tenant_delivery_room(ngx_http_tenant_courier_t *courier)
{
    if (!courier->owner || ngx_exiting || ngx_time() < courier->quiet) {
        return 0;
    }

    if (courier->nunheard == NGX_HTTP_TENANT_DELIVERY_DOWN) {
        return courier->nflights == 0;
    }

    return NGX_HTTP_TENANT_DELIVERIES - courier->nflights;
}


static ngx_int_t
ngx_http_tenant_delivery_run(ngx_http_tenant_job_t *job,
    ngx_http_tenant_changes_t *changes)
{
    ngx_http_tenant_courier_t *courier = job->data;

    return ngx_http_tenant_outbox_turn(&courier->outbox, changes);
}


static void
ngx_http_tenant_delivery_done(ngx_http_tenant_job_t *job)
{
    ngx_http_tenant_courier_t *courier = job->data;

    ngx_queue_t                 *q;
    ngx_http_tenant_totals_t    *totals;
    ngx_http_tenant_delivery_t  *delivery;

    courier->busy = 0;

    if (job->rc == NGX_ERROR) {

        /* nothing was taken, and outcomes are still to be written */

        ngx_http_tenant_outbox_free(&courier->outbox.taken);

        ngx_queue_add(&courier->finished, &courier->outbox.outcomes);
        ngx_queue_init(&courier->outbox.outcomes);

        if (ngx_exiting) {

            /* at least once: the next worker delivers them again */

            ngx_http_tenant_outbox_free(&courier->finished);
        }

        courier->after = ngx_time() + NGX_HTTP_TENANT_DELIVERY_PAUSE;

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "tenant_provisioner: the tenant_registry failed, the "
                      "next try is soon");

        ngx_http_tenant_delivery_hold(courier);
        return;
    }

    ngx_http_tenant_outbox_free(&courier->outbox.outcomes);

    courier->next = courier->outbox.next;

    totals = courier->tmcf->zone->data;
    totals->provisioner_backlog = courier->outbox.backlog;
    totals->provisioner_oldest = courier->outbox.oldest;

    while (!ngx_queue_empty(&courier->outbox.taken)) {
        q = ngx_queue_head(&courier->outbox.taken);
        ngx_queue_remove(q);

        delivery = ngx_queue_data(q, ngx_http_tenant_delivery_t, queue);

        ngx_http_tenant_delivery_send(courier, delivery);
    }

    if (!ngx_queue_empty(&courier->finished)
        && ngx_time() >= courier->after)
    {
        ngx_http_tenant_delivery_turn(courier);
    }

    ngx_http_tenant_delivery_hold(courier);
}


static void
ngx_http_tenant_delivery_send(ngx_http_tenant_courier_t *courier,
    ngx_http_tenant_delivery_t *delivery)
{
    ngx_http_tenant_answer_t  answer;

    ngx_queue_insert_tail(&courier->flights, &delivery->queue);
    courier->nflights++;

    delivery->data = courier;

    if (ngx_http_tenant_provisioner_post(courier->tmcf, delivery->pool,
                                         &delivery->id, &delivery->event,
                                         ngx_http_tenant_delivery_answer,
                                         delivery)
        != NULL)
    {
        return;
    }

    ngx_memzero(&answer, sizeof(ngx_http_tenant_answer_t));

    answer.error = "the request cannot be made";

    ngx_http_tenant_delivery_answer(delivery, &answer);
}


static void
ngx_http_tenant_delivery_answer(void *data, ngx_http_tenant_answer_t *answer)
{
    ngx_http_tenant_delivery_t  *delivery = data;

    ngx_uint_t                  level;
    ngx_http_tenant_totals_t   *totals;
    ngx_http_tenant_courier_t  *courier;

    courier = delivery->data;
    totals = courier->tmcf->zone->data;

    ngx_queue_remove(&delivery->queue);
    ngx_queue_insert_tail(&courier->finished, &delivery->queue);
    courier->nflights--;

    if (answer->status) {
        courier->nunheard = 0;
        courier->pauses = 0;
        courier->quiet = 0;

    } else {
        ngx_http_tenant_delivery_unheard(courier, &delivery->tenant);
    }

    if (answer->error == NULL) {
        delivery->accepted = 1;

        (void) ngx_atomic_fetch_add(&totals->provisioner_accepted, 1);

        level = delivery->attempts > 1 ? NGX_LOG_NOTICE : NGX_LOG_INFO;

        ngx_log_error(level, ngx_cycle->log, 0,
                      "tenant_provisioner: event \"%V\" of tenant \"%V\" is "
                      "accepted, attempt %i", &delivery->id,
                      &delivery->tenant, delivery->attempts);

    } else {
        ngx_http_tenant_delivery_failed(delivery, answer);
    }

    /* as many as came together are written together, unless that waits */

    if (!courier->busy && ngx_time() >= courier->after) {
        ngx_http_tenant_delivery_turn(courier);
    }
}


static void
ngx_http_tenant_delivery_failed(ngx_http_tenant_delivery_t *delivery,
    ngx_http_tenant_answer_t *answer)
{
    size_t                      i, size;
    u_char                     *p;
    time_t                      wait;
    ngx_uint_t                  refused;
    ngx_http_tenant_totals_t   *totals;
    ngx_http_tenant_courier_t  *courier;

    static ngx_str_t  none = ngx_string("no memory");

    courier = delivery->data;
    totals = courier->tmcf->zone->data;

    /* what the receiver does not want will hardly be better soon */

    refused = answer->status >= 300 && answer->status < 500
              && answer->status != NGX_HTTP_REQUEST_TIME_OUT
              && answer->status != NGX_HTTP_TENANT_DELIVERY_EARLY
              && answer->status != NGX_HTTP_TOO_MANY_REQUESTS;

    (void) ngx_atomic_fetch_add(&totals->provisioner_failed, 1);

    wait = ngx_http_tenant_delivery_wait(answer, refused, delivery->attempts);

    delivery->due = ngx_time() + wait;
    delivery->error = none;

    p = ngx_pnalloc(delivery->pool, NGX_HTTP_TENANT_DELIVERY_ERROR);

    if (p) {
        size = NGX_HTTP_TENANT_DELIVERY_ERROR;

        delivery->error.data = p;
        delivery->error.len = (answer->status
                               ? ngx_snprintf(p, size, "status %ui",
                                              answer->status)
                               : ngx_snprintf(p, size, "%s", answer->error))
                              - p;

        for (i = 0; i < delivery->error.len; i++) {
            if (p[i] < 0x20 || p[i] >= 0x7f) {
                p[i] = '?';
            }
        }
    }

    /* a refusal is rare and wants somebody to look; else once in a while */

    if (!refused && delivery->attempts % NGX_HTTP_TENANT_DELIVERY_SAY != 1) {
        return;
    }

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "tenant_provisioner: an event of tenant \"%V\" was not "
                  "accepted: %V; attempt %i, the next one in %T seconds",
                  &delivery->tenant, &delivery->error, delivery->attempts,
                  wait);
}


/*
 * Nobody answers: if that is so for one tenant after the other, one attempt
 * now and then tells as much as thousands.
 */

static void
ngx_http_tenant_delivery_unheard(ngx_http_tenant_courier_t *courier,
    ngx_str_t *tenant)
{
    time_t      wait;
    uint32_t    hash;
    ngx_uint_t  i;

    hash = ngx_crc32_short(tenant->data, tenant->len);

    for (i = 0; i < courier->nunheard; i++) {
        if (courier->unheard[i] == hash) {
            break;
        }
    }

    if (i == courier->nunheard && i < NGX_HTTP_TENANT_DELIVERY_DOWN) {
        courier->unheard[courier->nunheard++] = hash;
    }

    if (courier->nunheard < NGX_HTTP_TENANT_DELIVERY_DOWN) {
        return;
    }

    wait = courier->pauses > 4 ? NGX_HTTP_TENANT_DELIVERY_DOWN_MAX
                              : (time_t) 1 << courier->pauses;
    courier->pauses++;
    courier->quiet = ngx_time() + wait;
}


static time_t
ngx_http_tenant_delivery_wait(ngx_http_tenant_answer_t *answer,
    ngx_uint_t refused, ngx_int_t attempts)
{
    time_t  wait, max;

    if (answer->retry_after > 0) {
        return ngx_min(answer->retry_after,
                       NGX_HTTP_TENANT_DELIVERY_AFTER_MAX);
    }

    wait = refused ? NGX_HTTP_TENANT_DELIVERY_REFUSED
                   : NGX_HTTP_TENANT_DELIVERY_RETRY;
    max = refused ? NGX_HTTP_TENANT_DELIVERY_REFUSED_MAX
                  : NGX_HTTP_TENANT_DELIVERY_RETRY_MAX;

    wait = attempts > 16 ? max : ngx_min(wait << (attempts - 1), max);

    /* not all that failed together come again together */

    return wait + ngx_random() % (wait / 4 + 1);
}
