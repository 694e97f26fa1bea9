/*
 * Work on the database, in nginx's thread pool and never on the event loop.
 *
 * Writes of a worker wait in one queue, and a task takes all that are in it:
 * one transaction, each in a savepoint of its own, one commit.  Reads have
 * connections of their own, a few, and see a snapshot.
 */

#ifndef NGX_HTTP_TENANT_WRITER_H
#define NGX_HTTP_TENANT_WRITER_H


#include "ngx_http_tenant_change.h"


typedef struct ngx_http_tenant_job_s     ngx_http_tenant_job_t;
typedef struct ngx_http_tenant_reader_s  ngx_http_tenant_reader_t;

typedef ngx_int_t (*ngx_http_tenant_job_run_pt)(ngx_http_tenant_job_t *job,
    ngx_http_tenant_changes_t *changes);
typedef void (*ngx_http_tenant_job_done_pt)(ngx_http_tenant_job_t *job);


/* The caller's, until "done" was called. */
struct ngx_http_tenant_job_s {
    /*
     * In a thread.  NGX_OK; NGX_DECLINED: what it wrote is rolled back;
     * NGX_ERROR: the same, the database failed.
     */
    ngx_http_tenant_job_run_pt    run;

    /* on the event loop, after the commit */
    ngx_http_tenant_job_done_pt   done;

    void                         *data;
    ngx_int_t                     rc;       /* of run, or NGX_ERROR when it
                                               was not committed */
    ngx_uint_t                    status;   /* of NGX_ERROR: 500, 503, 507 */
    ngx_queue_t                   queue;
    ngx_http_tenant_reader_t     *reader;   /* kept between reads */
    unsigned                      dry:1;    /* roll back, whatever is done */
    unsigned                      keep:1;   /* the snapshot, for a next read */
};


/* With the configuration: writes need threads. */
ngx_int_t ngx_http_tenant_writer_init(ngx_conf_t *cf,
    ngx_http_tenant_main_conf_t *tmcf);
void ngx_http_tenant_writer_exit(ngx_http_tenant_main_conf_t *tmcf);

/* On the event loop.  NGX_ERROR: "done" will not be called. */
ngx_int_t ngx_http_tenant_write(ngx_http_tenant_main_conf_t *tmcf,
    ngx_http_tenant_job_t *job);
ngx_int_t ngx_http_tenant_read(ngx_http_tenant_main_conf_t *tmcf,
    ngx_http_tenant_job_t *job);

/* After reads that kept their snapshot. */
void ngx_http_tenant_read_end(ngx_http_tenant_main_conf_t *tmcf,
    ngx_http_tenant_job_t *job);


#endif /* NGX_HTTP_TENANT_WRITER_H */
