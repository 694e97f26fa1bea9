/*
 * The control plane: HTTP over the registry.  A request is read on the event
 * loop, worked on in a thread, answered on the event loop; what the thread
 * sees is in a pool of its own, so a client may go at any time.
 */

#ifndef NGX_HTTP_TENANT_API_H
#define NGX_HTTP_TENANT_API_H


#include "ngx_http_tenant_writer.h"
#include "tenant_target.h"


#define NGX_HTTP_TENANT_API_TEXT  32768        /* bytes of a buffer of text */


typedef struct ngx_http_tenant_api_s  ngx_http_tenant_api_t;

/* Text that grows, in buffers of a pool. */
typedef struct {
    ngx_pool_t    *pool;
    ngx_chain_t   *out;
    ngx_chain_t  **last;
    ngx_buf_t     *buf;                        /* the newest */
    off_t          size;
    unsigned       own:1;                      /* nothing else is in the
                                                  pool */
    unsigned       failed:1;                   /* no memory: all is lost */
} ngx_http_tenant_api_text_t;


struct ngx_http_tenant_api_s {
    ngx_http_tenant_job_t         job;
    ngx_pool_t                   *pool;
    ngx_http_request_t           *request;     /* NULL: gone */
    ngx_http_tenant_main_conf_t  *tmcf;

    ngx_uint_t                    method;
    ngx_str_t                     base;        /* of the location, without
                                                  the closing "/" */
    ngx_str_t                     path;        /* as it came, without args */
    tenant_target_t               target;
    ngx_uint_t                    kind;        /* of a collection, or 0 */
    ngx_str_t                     who;         /* the operator, or empty */
    ngx_str_t                     if_match;    /* data is NULL: none */
    ngx_str_t                     if_none_match;
    ngx_str_t                     idempotency_key;

    /* the body: in memory, or in a file of ours */
    ngx_str_t                     body;
    ngx_fd_t                      fd;          /* NGX_INVALID_FILE: memory */
    off_t                         body_size;

    /* the answer */
    ngx_uint_t                    status;
    const char                   *type;        /* NULL: no content */
    ngx_http_tenant_api_text_t    text;
    ngx_str_t                     etag;
    ngx_str_t                     location;
    ngx_str_t                     link;
    const char                   *allow;
    const char                   *reason;      /* of a problem, for the log */
    ngx_str_t                     note;        /* what was done, for the log */

    void                         *work;        /* of those with a file of
                                                  their own */
    void                        (*next)(ngx_http_tenant_api_t *api);
    unsigned                      busy:1;      /* a thread has it */
    unsigned                      replayed:1;
    unsigned                      started:1;   /* the header is sent */
    unsigned                      last:1;      /* nothing follows */
};


/* The directive tenant_api. */
char *ngx_http_tenant_api_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* The path and arguments of a request; NGX_DECLINED: they are none. */
tenant_target_result_t ngx_http_tenant_api_target(ngx_http_request_t *r,
    ngx_pool_t *pool, ngx_str_t *base, ngx_str_t *path,
    tenant_target_t *target, ngx_uint_t *kind, tenant_str_t *arg);

/* Before the handler: fills ctx->action and ctx->asked. */
ngx_int_t ngx_http_tenant_api_ask(ngx_http_request_t *r,
    ngx_http_tenant_ctx_t *ctx);

/* Of a request that has come to the handler. */
ngx_http_tenant_api_t *ngx_http_tenant_api_of(ngx_http_request_t *r);

/* Answers, with what the api has; nothing of it may be used afterwards. */
void ngx_http_tenant_api_answer(ngx_http_tenant_api_t *api);
void ngx_http_tenant_api_finish(ngx_http_tenant_api_t *api, ngx_int_t rc);
ngx_int_t ngx_http_tenant_api_header(ngx_http_tenant_api_t *api);

/* The job's end, for those that answer at once. */
void ngx_http_tenant_api_done(ngx_http_tenant_job_t *job);

/* Posts the job; answers 503 if that cannot be. */
void ngx_http_tenant_api_read(ngx_http_tenant_api_t *api);
void ngx_http_tenant_api_write(ngx_http_tenant_api_t *api);

/* In any thread: makes the answer. */
void ngx_http_tenant_api_problem(ngx_http_tenant_api_t *api,
    ngx_uint_t status, const char *reason, const char *fmt, ...);
void ngx_http_tenant_api_refuse(ngx_http_tenant_api_t *api, json_t *problem);
void ngx_http_tenant_api_json(ngx_http_tenant_api_t *api, ngx_uint_t status,
    json_t *value);
void ngx_http_tenant_api_etag(ngx_http_tenant_api_t *api, int64_t version);
void ngx_http_tenant_api_fault(ngx_http_tenant_api_t *api,
    ngx_uint_t status);

/* NULL: the answer is made, 400 with line and column. */
json_t *ngx_http_tenant_api_parse(ngx_http_tenant_api_t *api,
    const tenant_json_limits_t *limits);

/* The body into memory, in a thread; NGX_DECLINED: the answer is made. */
ngx_int_t ngx_http_tenant_api_load(ngx_http_tenant_api_t *api, off_t max);

/* pool: NULL: one of its own.  It is freed in the end. */
void ngx_http_tenant_api_text_init(ngx_http_tenant_api_text_t *text,
    ngx_pool_t *pool);
void ngx_http_tenant_api_text_add(ngx_http_tenant_api_text_t *text,
    const void *data, size_t len);
void ngx_http_tenant_api_text_json(ngx_http_tenant_api_text_t *text,
    json_t *value);

/* Empties it, and frees its memory if the pool is its own. */
void ngx_http_tenant_api_text_free(ngx_http_tenant_api_text_t *text);

/* For json_dump_callback(): ctx is a text. */
int ngx_http_tenant_api_text_dump(const char *data, size_t len, void *ctx);

/*
 * An object as it is stored, to the text, without an issuer's secrets; end:
 * -1: without the closing brace.
 */
ngx_int_t ngx_http_tenant_api_body(ngx_http_tenant_api_t *api,
    ngx_uint_t kind, ngx_str_t *body, ngx_int_t end);

/* Of an object, below the location. */
ngx_int_t ngx_http_tenant_api_path(ngx_http_tenant_api_t *api,
    ngx_uint_t kind, ngx_str_t *id, ngx_str_t *path);


/*
 * A piece of an answer that comes in pieces, with what the text has; "next"
 * is called when the client has taken it.  The text is emptied.
 */
void ngx_http_tenant_api_send(ngx_http_tenant_api_t *api,
    void (*next)(ngx_http_tenant_api_t *api));

/* A problem's pointers are below "prefix". */
void ngx_http_tenant_api_below(json_t *problem, const char *prefix);


/* What threads do; each makes the answer. */

ngx_int_t ngx_http_tenant_api_run_change(ngx_http_tenant_job_t *job,
    ngx_http_tenant_changes_t *changes);
ngx_int_t ngx_http_tenant_api_run_object(ngx_http_tenant_job_t *job,
    ngx_http_tenant_changes_t *changes);
ngx_int_t ngx_http_tenant_api_run_list(ngx_http_tenant_job_t *job,
    ngx_http_tenant_changes_t *changes);
ngx_int_t ngx_http_tenant_api_run_changes(ngx_http_tenant_job_t *job,
    ngx_http_tenant_changes_t *changes);
ngx_int_t ngx_http_tenant_api_run_health(ngx_http_tenant_job_t *job,
    ngx_http_tenant_changes_t *changes);

/* On the event loop. */
void ngx_http_tenant_api_state(ngx_http_tenant_api_t *api);
void ngx_http_tenant_api_export(ngx_http_tenant_api_t *api);
void ngx_http_tenant_api_import(ngx_http_tenant_api_t *api);
void ngx_http_tenant_api_apply(ngx_http_tenant_api_t *api);


/* Answers kept for an Idempotency-Key: ngx_http_tenant_api_replay.c */

/* NGX_OK: go on; NGX_DECLINED: the answer is made. */
ngx_int_t ngx_http_tenant_api_replay(ngx_http_tenant_api_t *api,
    ngx_http_tenant_changes_t *changes);
ngx_int_t ngx_http_tenant_api_keep(ngx_http_tenant_api_t *api,
    ngx_http_tenant_changes_t *changes, json_t *object);


#endif /* NGX_HTTP_TENANT_API_H */
