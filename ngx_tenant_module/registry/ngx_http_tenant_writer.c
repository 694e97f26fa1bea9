#include <ngx_thread_pool.h>

#include "ngx_http_tenant_document.h"
#include "ngx_http_tenant_writer.h"
#include "../metering/ngx_http_tenant_counters.h"


#define NGX_HTTP_TENANT_WRITER_BUSY      5000  /* milliseconds for a lock */
#define NGX_HTTP_TENANT_WRITER_EXPIRE    60    /* seconds between sweeps */
#define NGX_HTTP_TENANT_READERS          4     /* connections of a worker */
#define NGX_HTTP_TENANT_WRITER_HOLD      60000 /* milliseconds */


struct ngx_http_tenant_reader_s {
    ngx_queue_t                   queue;    /* of those that are idle */
    ngx_http_tenant_store_t      *store;
    ngx_http_tenant_changes_t    *changes;
    ngx_http_tenant_job_t        *job;      /* under way */
    ngx_http_tenant_main_conf_t  *tmcf;
    ngx_thread_task_t            *task;
    unsigned                      reading:1;    /* in a transaction */
};


struct ngx_http_tenant_writer_s {
    ngx_http_tenant_main_conf_t  *tmcf;
    ngx_http_tenant_store_t      *store;
    ngx_http_tenant_changes_t    *changes;
    ngx_thread_task_t            *task;
    ngx_queue_t                   queue;    /* jobs that wait */
    ngx_queue_t                   batch;    /* jobs of the task */
    time_t                        expired;  /* when last looked for */
    ngx_pool_t                   *pool;

    ngx_http_tenant_reader_t      readers[NGX_HTTP_TENANT_READERS];
    ngx_queue_t                   idle;     /* readers */
    ngx_queue_t                   reads;    /* jobs that wait for one */

    unsigned                      busy:1;   /* the task is under way */
};


static struct ngx_http_tenant_writer_s *ngx_http_tenant_writer(
    ngx_http_tenant_main_conf_t *tmcf);
static ngx_int_t ngx_http_tenant_writer_post(
    struct ngx_http_tenant_writer_s *writer);
static ngx_int_t ngx_http_tenant_writer_start(
    ngx_http_tenant_main_conf_t *tmcf, ngx_thread_task_t *task);
static ngx_uint_t ngx_http_tenant_writer_ended(ngx_event_t *ev);
static void ngx_http_tenant_writer_thread(void *data, ngx_log_t *log);
static ngx_uint_t ngx_http_tenant_writer_batch(
    struct ngx_http_tenant_writer_s *writer);
static void ngx_http_tenant_writer_job(
    struct ngx_http_tenant_writer_s *writer, ngx_http_tenant_job_t *job);
static void ngx_http_tenant_writer_sweep(
    struct ngx_http_tenant_writer_s *writer);
static ngx_int_t ngx_http_tenant_writer_expire(ngx_http_tenant_job_t *job,
    ngx_http_tenant_changes_t *changes);
static void ngx_http_tenant_writer_failed(
    struct ngx_http_tenant_writer_s *writer, ngx_uint_t status);
static void ngx_http_tenant_writer_close(
    struct ngx_http_tenant_writer_s *writer);
static void ngx_http_tenant_writer_done(ngx_event_t *ev);
static ngx_int_t ngx_http_tenant_reader_post(
    ngx_http_tenant_reader_t *reader, ngx_http_tenant_job_t *job);
static void ngx_http_tenant_reader_thread(void *data, ngx_log_t *log);
static ngx_int_t ngx_http_tenant_reader_open(
    ngx_http_tenant_reader_t *reader, ngx_log_t *log);
static void ngx_http_tenant_reader_done(ngx_event_t *ev);
static void ngx_http_tenant_reader_idle(ngx_http_tenant_reader_t *reader);
static void ngx_http_tenant_reader_close(ngx_http_tenant_reader_t *reader);
static ngx_uint_t ngx_http_tenant_writer_status(
    ngx_http_tenant_store_t *store);


ngx_int_t
ngx_http_tenant_writer_init(ngx_conf_t *cf, ngx_http_tenant_main_conf_t *tmcf)
{
    tmcf->thread_pool = ngx_thread_pool_add(cf, NULL);

    return tmcf->thread_pool ? NGX_OK : NGX_ERROR;
}


/* Threads have ended by now: their pool is nginx's own, and was first. */

void
ngx_http_tenant_writer_exit(ngx_http_tenant_main_conf_t *tmcf)
{
    ngx_uint_t                        i;
    struct ngx_http_tenant_writer_s  *writer;

    writer = tmcf->writer;

    if (writer == NULL) {
        return;
    }

    ngx_http_tenant_writer_close(writer);

    for (i = 0; i < NGX_HTTP_TENANT_READERS; i++) {
        ngx_http_tenant_reader_close(&writer->readers[i]);
    }

    ngx_destroy_pool(writer->pool);
    tmcf->writer = NULL;
}


static struct ngx_http_tenant_writer_s *
ngx_http_tenant_writer(ngx_http_tenant_main_conf_t *tmcf)
{
    ngx_pool_t                       *pool;
    ngx_uint_t                        i, n;
    ngx_http_tenant_reader_t         *reader;
    struct ngx_http_tenant_writer_s  *writer;

    if (tmcf->writer || tmcf->thread_pool == NULL) {
        return tmcf->writer;
    }

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    writer = ngx_pcalloc(pool, sizeof(struct ngx_http_tenant_writer_s));
    if (writer == NULL) {
        goto failed;
    }

    writer->tmcf = tmcf;
    writer->pool = pool;

    ngx_queue_init(&writer->queue);
    ngx_queue_init(&writer->batch);
    ngx_queue_init(&writer->idle);
    ngx_queue_init(&writer->reads);

    writer->task = ngx_thread_task_alloc(pool, 0);
    if (writer->task == NULL) {
        goto failed;
    }

    writer->task->ctx = writer;
    writer->task->handler = ngx_http_tenant_writer_thread;
    writer->task->event.handler = ngx_http_tenant_writer_done;
    writer->task->event.data = writer;
    writer->task->event.log = ngx_cycle->log;

    /* a document is read into memory, once */

    n = ngx_http_tenant_registry_live(tmcf->registry)
        ? NGX_HTTP_TENANT_READERS : 1;

    for (i = 0; i < n; i++) {
        reader = &writer->readers[i];

        reader->tmcf = tmcf;
        reader->task = ngx_thread_task_alloc(pool, 0);

        if (reader->task == NULL) {
            goto failed;
        }

        reader->task->ctx = reader;
        reader->task->handler = ngx_http_tenant_reader_thread;
        reader->task->event.handler = ngx_http_tenant_reader_done;
        reader->task->event.data = reader;
        reader->task->event.log = ngx_cycle->log;

        ngx_queue_insert_tail(&writer->idle, &reader->queue);
    }

    tmcf->writer = writer;

    return writer;

failed:

    ngx_destroy_pool(pool);

    return NULL;
}


ngx_int_t
ngx_http_tenant_write(ngx_http_tenant_main_conf_t *tmcf,
    ngx_http_tenant_job_t *job)
{
    struct ngx_http_tenant_writer_s  *writer;

    writer = ngx_http_tenant_writer(tmcf);

    if (writer == NULL) {
        return NGX_ERROR;
    }

    ngx_queue_insert_tail(&writer->queue, &job->queue);

    if (writer->busy || ngx_http_tenant_writer_post(writer) == NGX_OK) {
        return NGX_OK;
    }

    ngx_queue_remove(&job->queue);

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_tenant_writer_post(struct ngx_http_tenant_writer_s *writer)
{
    ngx_queue_add(&writer->batch, &writer->queue);
    ngx_queue_init(&writer->queue);

    if (ngx_http_tenant_writer_start(writer->tmcf, writer->task) != NGX_OK) {
        ngx_queue_add(&writer->queue, &writer->batch);
        ngx_queue_init(&writer->batch);
        return NGX_ERROR;
    }

    writer->busy = 1;

    return NGX_OK;
}


/* A worker that is to quit lives as long as it has timers. */

static ngx_int_t
ngx_http_tenant_writer_start(ngx_http_tenant_main_conf_t *tmcf,
    ngx_thread_task_t *task)
{
    if (ngx_thread_task_post(tmcf->thread_pool, task) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_add_timer(&task->event, NGX_HTTP_TENANT_WRITER_HOLD);

    return NGX_OK;
}


static ngx_uint_t
ngx_http_tenant_writer_ended(ngx_event_t *ev)
{
    if (ev->timedout) {
        ev->timedout = 0;
        ngx_add_timer(ev, NGX_HTTP_TENANT_WRITER_HOLD);
        return 0;
    }

    ngx_del_timer(ev);

    return 1;
}


static void
ngx_http_tenant_writer_thread(void *data, ngx_log_t *log)
{
    struct ngx_http_tenant_writer_s *writer = data;

    ngx_uint_t                    status;
    ngx_http_tenant_totals_t     *totals;
    ngx_http_tenant_main_conf_t  *tmcf;

    tmcf = writer->tmcf;

    if (ngx_http_tenant_registry_frozen(tmcf->registry)) {

        /* others read it as a file that does not change */

        ngx_http_tenant_writer_failed(writer, NGX_HTTP_SERVICE_UNAVAILABLE);
        return;
    }

    if (writer->store == NULL) {
        writer->store = ngx_http_tenant_store_open(&tmcf->registry_path, 0,
                                                   NGX_HTTP_TENANT_WRITER_BUSY,
                                                   ngx_cycle->log);
        if (writer->store == NULL) {
            ngx_http_tenant_writer_failed(writer,
                                          NGX_HTTP_SERVICE_UNAVAILABLE);
            return;
        }

        writer->changes = ngx_http_tenant_changes_create(writer->store, tmcf);

        if (writer->changes == NULL) {
            ngx_http_tenant_writer_close(writer);
            ngx_http_tenant_writer_failed(writer,
                                          NGX_HTTP_SERVICE_UNAVAILABLE);
            return;
        }
    }

    status = ngx_http_tenant_writer_batch(writer);

    if (status == NGX_HTTP_OK) {

        /* before the answers: what they say is in force everywhere */

        totals = tmcf->zone->data;
        (void) ngx_atomic_fetch_add(&totals->registry_generation, 1);

    } else if (status >= NGX_HTTP_BAD_REQUEST) {
        ngx_http_tenant_writer_failed(writer, status);

        /* another connection may find the disk in a better state */

        ngx_http_tenant_writer_close(writer);
    }
}


/* 200: committed; 0: nothing was to be written; else what has failed. */

static ngx_uint_t
ngx_http_tenant_writer_batch(struct ngx_http_tenant_writer_s *writer)
{
    ngx_uint_t                written;
    ngx_queue_t              *q;
    ngx_http_tenant_job_t    *job;
    ngx_http_tenant_store_t  *store;

    store = writer->store;
    written = 0;

    writer->changes->now = ngx_time();

    if (ngx_http_tenant_store_exec(store, "BEGIN IMMEDIATE") != NGX_OK) {
        return ngx_http_tenant_writer_status(store);
    }

    for (q = ngx_queue_head(&writer->batch);
         q != ngx_queue_sentinel(&writer->batch);
         q = ngx_queue_next(q))
    {
        job = ngx_queue_data(q, ngx_http_tenant_job_t, queue);

        ngx_http_tenant_writer_job(writer, job);

        written |= (job->rc == NGX_OK && !job->dry);

        if (sqlite3_get_autocommit(store->db)) {

            /* a disk that is full ends the whole transaction */

            return ngx_http_tenant_writer_status(store);
        }
    }

    if (written) {
        ngx_http_tenant_writer_sweep(writer);
    }

    if (!sqlite3_get_autocommit(store->db)
        && ngx_http_tenant_store_exec(store, written ? "COMMIT" : "ROLLBACK")
           == NGX_OK)
    {
        return written ? NGX_HTTP_OK : 0;
    }

    return ngx_http_tenant_writer_status(store);
}


static void
ngx_http_tenant_writer_job(struct ngx_http_tenant_writer_s *writer,
    ngx_http_tenant_job_t *job)
{
    ngx_http_tenant_store_t  *store;

    store = writer->store;

    if (ngx_http_tenant_store_exec(store, "SAVEPOINT job") != NGX_OK) {
        job->rc = NGX_ERROR;
        job->status = ngx_http_tenant_writer_status(store);
        return;
    }

    store->code = SQLITE_OK;

    job->rc = job->run(job, writer->changes);

    if (job->rc == NGX_ERROR) {
        job->status = ngx_http_tenant_writer_status(store);
    }

    if (sqlite3_get_autocommit(store->db)) {
        return;
    }

    if ((job->rc != NGX_OK || job->dry)
        && ngx_http_tenant_store_exec(store, "ROLLBACK TO job") != NGX_OK)
    {
        (void) sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
        return;
    }

    (void) ngx_http_tenant_store_exec(store, "RELEASE job");
}


/* Now and then a batch takes away what is over. */

static void
ngx_http_tenant_writer_sweep(struct ngx_http_tenant_writer_s *writer)
{
    ngx_pool_t             *pool;
    ngx_http_tenant_job_t   job;

    if (writer->changes->now
        < writer->expired + NGX_HTTP_TENANT_WRITER_EXPIRE)
    {
        return;
    }

    writer->expired = writer->changes->now;

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return;
    }

    ngx_memzero(&job, sizeof(ngx_http_tenant_job_t));

    job.data = pool;
    job.run = ngx_http_tenant_writer_expire;

    ngx_http_tenant_writer_job(writer, &job);

    ngx_destroy_pool(pool);
}


static ngx_int_t
ngx_http_tenant_writer_expire(ngx_http_tenant_job_t *job,
    ngx_http_tenant_changes_t *changes)
{
    return ngx_http_tenant_change_expire(changes, job->data);
}


static void
ngx_http_tenant_writer_failed(struct ngx_http_tenant_writer_s *writer,
    ngx_uint_t status)
{
    ngx_queue_t            *q;
    ngx_http_tenant_job_t  *job;

    for (q = ngx_queue_head(&writer->batch);
         q != ngx_queue_sentinel(&writer->batch);
         q = ngx_queue_next(q))
    {
        job = ngx_queue_data(q, ngx_http_tenant_job_t, queue);

        job->rc = NGX_ERROR;
        job->status = status;
    }
}


static void
ngx_http_tenant_writer_close(struct ngx_http_tenant_writer_s *writer)
{
    if (writer->changes) {
        ngx_http_tenant_changes_free(writer->changes);
        writer->changes = NULL;
    }

    if (writer->store) {
        ngx_http_tenant_store_close(writer->store);
        writer->store = NULL;
    }
}


static void
ngx_http_tenant_writer_done(ngx_event_t *ev)
{
    ngx_queue_t                       jobs, *q;
    ngx_http_tenant_job_t            *job;
    struct ngx_http_tenant_writer_s  *writer;

    if (!ngx_http_tenant_writer_ended(ev)) {
        return;
    }

    writer = ev->data;
    writer->busy = 0;

    ngx_queue_init(&jobs);
    ngx_queue_add(&jobs, &writer->batch);
    ngx_queue_init(&writer->batch);

    /* the next ones need not wait until these are answered */

    if (!ngx_queue_empty(&writer->queue)
        && ngx_http_tenant_writer_post(writer) != NGX_OK)
    {
        while (!ngx_queue_empty(&writer->queue)) {
            q = ngx_queue_head(&writer->queue);
            ngx_queue_remove(q);
            ngx_queue_insert_tail(&jobs, q);

            job = ngx_queue_data(q, ngx_http_tenant_job_t, queue);
            job->rc = NGX_ERROR;
            job->status = NGX_HTTP_SERVICE_UNAVAILABLE;
        }
    }

    while (!ngx_queue_empty(&jobs)) {
        q = ngx_queue_head(&jobs);
        ngx_queue_remove(q);

        job = ngx_queue_data(q, ngx_http_tenant_job_t, queue);
        job->done(job);
    }
}


ngx_int_t
ngx_http_tenant_read(ngx_http_tenant_main_conf_t *tmcf,
    ngx_http_tenant_job_t *job)
{
    ngx_queue_t                      *q;
    ngx_http_tenant_reader_t         *reader;
    struct ngx_http_tenant_writer_s  *writer;

    writer = ngx_http_tenant_writer(tmcf);

    if (writer == NULL) {
        return NGX_ERROR;
    }

    if (job->reader) {
        return ngx_http_tenant_reader_post(job->reader, job);
    }

    if (ngx_queue_empty(&writer->idle)) {
        ngx_queue_insert_tail(&writer->reads, &job->queue);
        return NGX_OK;
    }

    q = ngx_queue_last(&writer->idle);
    ngx_queue_remove(q);

    reader = ngx_queue_data(q, ngx_http_tenant_reader_t, queue);

    if (ngx_http_tenant_reader_post(reader, job) != NGX_OK) {
        ngx_queue_insert_tail(&writer->idle, &reader->queue);
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_http_tenant_read_end(ngx_http_tenant_main_conf_t *tmcf,
    ngx_http_tenant_job_t *job)
{
    ngx_http_tenant_reader_t  *reader;

    reader = job->reader;

    if (reader == NULL) {
        return;
    }

    job->reader = NULL;

    if (reader->reading) {

        /* of a transaction that has only read: no system call but unlocks */

        (void) ngx_http_tenant_store_exec(reader->store, "ROLLBACK");
        reader->reading = 0;
    }

    ngx_http_tenant_reader_idle(reader);
}


static ngx_int_t
ngx_http_tenant_reader_post(ngx_http_tenant_reader_t *reader,
    ngx_http_tenant_job_t *job)
{
    reader->job = job;
    job->reader = reader;

    if (ngx_http_tenant_writer_start(reader->tmcf, reader->task) != NGX_OK) {
        job->reader = NULL;
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_tenant_reader_thread(void *data, ngx_log_t *log)
{
    ngx_http_tenant_reader_t *reader = data;

    ngx_http_tenant_job_t    *job;
    ngx_http_tenant_store_t  *store;

    job = reader->job;

    if (reader->store == NULL
        && ngx_http_tenant_reader_open(reader, ngx_cycle->log) != NGX_OK)
    {
        job->rc = NGX_ERROR;
        job->status = NGX_HTTP_SERVICE_UNAVAILABLE;
        return;
    }

    store = reader->store;
    store->code = SQLITE_OK;
    reader->changes->now = ngx_time();

    if (!reader->reading) {
        if (ngx_http_tenant_store_exec(store, "BEGIN") != NGX_OK) {
            job->rc = NGX_ERROR;
            job->status = ngx_http_tenant_writer_status(store);
            return;
        }

        reader->reading = 1;
    }

    job->rc = job->run(job, reader->changes);

    if (job->rc == NGX_ERROR) {
        job->status = ngx_http_tenant_writer_status(store);
    }

    if (job->keep && job->rc != NGX_ERROR) {
        return;
    }

    (void) ngx_http_tenant_store_exec(store, "ROLLBACK");
    reader->reading = 0;
}


static ngx_int_t
ngx_http_tenant_reader_open(ngx_http_tenant_reader_t *reader, ngx_log_t *log)
{
    ngx_http_tenant_main_conf_t  *tmcf;

    tmcf = reader->tmcf;

    reader->store = ngx_http_tenant_registry_live(tmcf->registry)
                    ? ngx_http_tenant_store_open(&tmcf->registry_path,
                          ngx_http_tenant_registry_frozen(tmcf->registry),
                          NGX_HTTP_TENANT_WRITER_BUSY, log)
                    : ngx_http_tenant_store_document(tmcf->registry,
                          ngx_http_tenant_registry_document(tmcf->registry),
                          &tmcf->registry_path, log);

    if (reader->store == NULL) {
        return NGX_ERROR;
    }

    reader->changes = ngx_http_tenant_changes_create(reader->store, tmcf);

    if (reader->changes == NULL) {
        ngx_http_tenant_reader_close(reader);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_tenant_reader_done(ngx_event_t *ev)
{
    ngx_http_tenant_job_t     *job;
    ngx_http_tenant_reader_t  *reader;

    if (!ngx_http_tenant_writer_ended(ev)) {
        return;
    }

    reader = ev->data;
    job = reader->job;
    reader->job = NULL;

    if (!reader->reading) {
        job->reader = NULL;
        ngx_http_tenant_reader_idle(reader);
    }

    job->done(job);
}


static void
ngx_http_tenant_reader_idle(ngx_http_tenant_reader_t *reader)
{
    ngx_queue_t                      *q;
    ngx_http_tenant_job_t            *job;
    struct ngx_http_tenant_writer_s  *writer;

    writer = reader->tmcf->writer;

    while (!ngx_queue_empty(&writer->reads)) {
        q = ngx_queue_head(&writer->reads);
        ngx_queue_remove(q);

        job = ngx_queue_data(q, ngx_http_tenant_job_t, queue);

        if (ngx_http_tenant_reader_post(reader, job) == NGX_OK) {
            return;
        }

        job->rc = NGX_ERROR;
        job->status = NGX_HTTP_SERVICE_UNAVAILABLE;
        job->done(job);
    }

    ngx_queue_insert_tail(&writer->idle, &reader->queue);
}


static void
ngx_http_tenant_reader_close(ngx_http_tenant_reader_t *reader)
{
    if (reader->changes) {
        ngx_http_tenant_changes_free(reader->changes);
        reader->changes = NULL;
    }

    if (reader->store) {
        ngx_http_tenant_store_close(reader->store);
        reader->store = NULL;
    }
}


static ngx_uint_t
ngx_http_tenant_writer_status(ngx_http_tenant_store_t *store)
{
    switch (store->code & 0xff) {

    case SQLITE_FULL:
        return NGX_HTTP_INSUFFICIENT_STORAGE;

    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_READONLY:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return NGX_HTTP_SERVICE_UNAVAILABLE;

    default:
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
}
