/*
 * Import: a change a line.  Some lines are a job, and a commit; their answers
 * are sent before the next ones are worked on, so that neither bodies nor
 * answers have to be in memory.  All or nothing, and dry runs, are one job.
 */

#include "ngx_http_tenant_api.h"
#include "tenant_lines.h"


#define NGX_HTTP_TENANT_IMPORT_LINES   500     /* of a job */
#define NGX_HTTP_TENANT_IMPORT_SINGLE  100000  /* of one job that is all */
#define NGX_HTTP_TENANT_IMPORT_READ    65536   /* bytes */

/* a line has an object, and the words around it */
#define NGX_HTTP_TENANT_IMPORT_LINE    (1024 * 1024 + 4096)


typedef struct {
    tenant_lines_t   lines;                    /* of the body */
    ngx_fd_t         fd;                       /* if it is in a file */
    off_t            offset;                   /* of what is read next */
    ngx_uint_t       first;                    /* line of the job */
    ngx_uint_t       refused;
    ngx_uint_t       done;                     /* changes of the job */
    ngx_uint_t       total;                    /* of all */
    unsigned         single:1;
    unsigned         end:1;                    /* of the body */
} ngx_http_tenant_import_t;


static ngx_int_t ngx_http_tenant_api_run_import(ngx_http_tenant_job_t *job,
    ngx_http_tenant_changes_t *changes);
static ngx_int_t ngx_http_tenant_api_import_single(
    ngx_http_tenant_api_t *api);
static ssize_t ngx_http_tenant_api_import_piece(void *data, char *dst,
    size_t len);
static ngx_int_t ngx_http_tenant_api_import_change(
    ngx_http_tenant_api_t *api, ngx_http_tenant_changes_t *changes,
    tenant_str_t line);
static ngx_int_t ngx_http_tenant_api_import_do(
    ngx_http_tenant_changes_t *changes, ngx_http_tenant_change_t *change);
static ngx_int_t ngx_http_tenant_api_import_read(
    ngx_http_tenant_change_t *change, tenant_str_t line, json_t **root);
static void ngx_http_tenant_api_import_result(ngx_http_tenant_api_t *api,
    ngx_uint_t line, ngx_http_tenant_change_t *change);
static void ngx_http_tenant_api_import_done(ngx_http_tenant_job_t *job);
static void ngx_http_tenant_api_import_fault(ngx_http_tenant_api_t *api,
    ngx_uint_t status);


static const char *const  ngx_http_tenant_import_members[] = {
    "kind", "op", "object", NULL
};

static const ngx_str_t  ngx_http_tenant_import_ops[] = {
    ngx_string("put"),
    ngx_string("create"),
    ngx_string("delete"),
    ngx_null_string
};


void
ngx_http_tenant_api_import(ngx_http_tenant_api_t *api)
{
    char                      *buf;
    size_t                     room;
    ngx_http_tenant_import_t  *import;

    import = ngx_pcalloc(api->pool, sizeof(ngx_http_tenant_import_t));
    if (import == NULL) {
        ngx_http_tenant_api_finish(api, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    api->work = import;

    import->single = api->target.atomic || api->target.dry_run;

    if (api->fd == NGX_INVALID_FILE) {
        tenant_lines_text(&import->lines, (char *) api->body.data,
                          api->body.len, NGX_HTTP_TENANT_IMPORT_LINE);

    } else {
        room = NGX_HTTP_TENANT_IMPORT_LINE + NGX_HTTP_TENANT_IMPORT_READ;

        buf = ngx_palloc(api->pool, room);
        if (buf == NULL) {
            ngx_http_tenant_api_finish(api, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return;
        }

        import->fd = api->fd;

        tenant_lines_pieces(&import->lines, buf, room,
                            NGX_HTTP_TENANT_IMPORT_LINE,
                            ngx_http_tenant_api_import_piece, import);
    }

    api->status = NGX_HTTP_OK;
    api->type = "application/x-ndjson";
    api->job.run = ngx_http_tenant_api_run_import;
    api->job.done = ngx_http_tenant_api_import_done;

    ngx_http_tenant_api_text_init(&api->text, NULL);

    ngx_http_tenant_api_write(api);
}


static ngx_int_t
ngx_http_tenant_api_run_import(ngx_http_tenant_job_t *job,
    ngx_http_tenant_changes_t *changes)
{
    ngx_int_t                  rc;
    ngx_uint_t                 max;
    tenant_str_t               line;
    ngx_http_tenant_api_t     *api;
    ngx_http_tenant_import_t  *import;

    api = job->data;
    import = api->work;

    import->first = import->lines.number + 1;
    import->done = 0;

    max = import->single ? NGX_HTTP_TENANT_IMPORT_SINGLE
                         : NGX_HTTP_TENANT_IMPORT_LINES;

    while (import->lines.number - import->first + 1 < max) {

        switch (tenant_lines_next(&import->lines, &line)) {

        case TENANT_LINES_LINE:
        case TENANT_LINES_TOO_LONG:
            rc = ngx_http_tenant_api_import_change(api, changes, line);
            break;

        case TENANT_LINES_END:
            import->end = 1;
            rc = NGX_DONE;
            break;

        default:
            rc = NGX_ERROR;
        }

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_DONE) {
            break;
        }
    }

    if (api->text.failed) {
        return NGX_ERROR;
    }

    return import->single ? ngx_http_tenant_api_import_single(api) : NGX_OK;
}


static ngx_int_t
ngx_http_tenant_api_import_single(ngx_http_tenant_api_t *api)
{
    ngx_http_tenant_import_t  *import;

    import = api->work;

    if (!import->end) {
        ngx_http_tenant_api_problem(api, NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
                                    "too-large",
                                    "an atomic import and a dry run take at "
                                    "most %d lines",
                                    NGX_HTTP_TENANT_IMPORT_SINGLE);
        import->end = 1;
        return NGX_DECLINED;
    }

    if (import->refused == 0 || !api->target.atomic) {
        return NGX_OK;
    }

    api->status = 422;

    return NGX_DECLINED;
}


static ssize_t
ngx_http_tenant_api_import_piece(void *data, char *dst, size_t len)
{
    ngx_http_tenant_import_t  *import = data;

    ssize_t  n;

    n = pread(import->fd, dst, len, import->offset);

    if (n == -1) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, ngx_errno,
                      "pread() of a body failed");
        return -1;
    }

    import->offset += n;

    return n;
}


/* A line without data is one that is too long. */

static ngx_int_t
ngx_http_tenant_api_import_change(ngx_http_tenant_api_t *api,
    ngx_http_tenant_changes_t *changes, tenant_str_t line)
{
    json_t                    *root;
    ngx_int_t                  rc;
    ngx_http_tenant_import_t  *import;
    ngx_http_tenant_change_t   change;

    import = api->work;
    root = NULL;

    ngx_memzero(&change, sizeof(ngx_http_tenant_change_t));

    change.pool = ngx_create_pool(2048, ngx_cycle->log);
    if (change.pool == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_tenant_api_import_read(&change, line, &root);

    if (rc == NGX_OK) {
        rc = ngx_http_tenant_api_import_do(changes, &change);

        if (rc == NGX_DECLINED) {
            ngx_http_tenant_api_below(change.result, "/object");
        }
    }

    if (rc != NGX_ERROR) {
        import->refused += (rc == NGX_DECLINED);
        import->done += (rc == NGX_OK && !change.unchanged);

        if (rc == NGX_DECLINED && api->target.atomic
            && import->refused == 1)
        {
            /* what was done so far will not have been done */

            ngx_http_tenant_api_text_free(&api->text);
        }

        if (rc == NGX_DECLINED || import->refused == 0
            || !api->target.atomic)
        {
            ngx_http_tenant_api_import_result(api, import->lines.number,
                                              &change);
        }
    }

    json_decref(change.result);
    json_decref(root);
    ngx_destroy_pool(change.pool);

    return rc;
}


/* A line that is refused leaves the others of the job as they are. */

static ngx_int_t
ngx_http_tenant_api_import_do(ngx_http_tenant_changes_t *changes,
    ngx_http_tenant_change_t *change)
{
    ngx_int_t                 rc;
    ngx_http_tenant_store_t  *store;

    store = changes->store;

    if (ngx_http_tenant_store_exec(store, "SAVEPOINT line") != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_http_tenant_change(changes, change);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED
        && ngx_http_tenant_store_exec(store, "ROLLBACK TO line") != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_tenant_store_exec(store, "RELEASE line") != NGX_OK) {
        return NGX_ERROR;
    }

    return rc;
}


static ngx_int_t
ngx_http_tenant_api_import_read(ngx_http_tenant_change_t *change,
    tenant_str_t line, json_t **root)
{
    tenant_json_error_t            jerr;
    ngx_http_tenant_json_t         at, object;
    ngx_http_tenant_json_error_t   err;

    static const tenant_json_limits_t  limits = {
        NGX_HTTP_TENANT_IMPORT_LINE, 33, 65600
    };

    static const ngx_uint_t  ops[] = {
        NGX_HTTP_TENANT_OP_PUT,
        NGX_HTTP_TENANT_OP_CREATE,
        NGX_HTTP_TENANT_OP_DELETE
    };

    ngx_memzero(&at, sizeof(ngx_http_tenant_json_t));
    ngx_memzero(&err, sizeof(ngx_http_tenant_json_error_t));

    if (line.data == NULL) {
        return ngx_http_tenant_change_fail(change,
                   ngx_http_tenant_problem(NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
                       "too-large", "the line has more than %d bytes",
                       NGX_HTTP_TENANT_IMPORT_LINE));
    }

    *root = tenant_json_parse(line.data, line.len, &limits, &jerr);

    if (*root == NULL) {
        if (jerr.code == TENANT_JSON_NO_MEMORY) {
            return NGX_ERROR;
        }

        return ngx_http_tenant_change_fail(change,
                   ngx_http_tenant_problem(NGX_HTTP_BAD_REQUEST,
                       "invalid-json", "column %uz: %s", jerr.offset + 1,
                       tenant_json_reason(jerr.code)));
    }

    at.value = *root;

    if (ngx_http_tenant_json_object(&at, ngx_http_tenant_import_members, &err)
        != NGX_OK
        || ngx_http_tenant_json_enum(&at, "op", ngx_http_tenant_import_ops,
                                     &change->op, &err)
           == NGX_ERROR)
    {
        return ngx_http_tenant_change_invalid(change, &err);
    }

    change->op = ops[change->op];

    switch (ngx_http_tenant_json_enum(&at, "kind",
                                      ngx_http_tenant_collections + 1,
                                      &change->kind, &err))
    {
    case NGX_OK:
        change->kind++;
        break;

    case NGX_DECLINED:
        (void) ngx_http_tenant_json_fail(&at, &err, "has no \"kind\"");

        /* fall through */

    default:
        return ngx_http_tenant_change_invalid(change, &err);
    }

    if (ngx_http_tenant_json_member(&at, "object", &object) != NGX_OK) {
        (void) ngx_http_tenant_json_fail(&at, &err, "has no \"object\"");
        return ngx_http_tenant_change_invalid(change, &err);
    }

    if (!json_is_object(object.value)) {
        (void) ngx_http_tenant_json_fail(&object, &err, "must be an object");
        return ngx_http_tenant_change_invalid(change, &err);
    }

    change->body = object.value;

    return NGX_OK;
}


static void
ngx_http_tenant_api_import_result(ngx_http_tenant_api_t *api,
    ngx_uint_t line, ngx_http_tenant_change_t *change)
{
    json_t  *result;

    result = json_pack("{s:I, s:I}", "line", (json_int_t) line, "status",
                       (json_int_t) change->status);

    if (change->kind) {
        (void) json_object_set_new(result, "kind",
            json_string((char *)
                        ngx_http_tenant_collections[change->kind].data));
    }

    if (change->id.len) {
        (void) json_object_set_new(result, "id",
                                   json_stringn((char *) change->id.data,
                                                change->id.len));
    }

    if (change->status >= NGX_HTTP_BAD_REQUEST) {
        (void) json_object_set(result, "problem", change->result);

    } else if (change->version) {
        (void) json_object_set_new(result, "version",
                                   json_integer(change->version));
    }

    ngx_http_tenant_api_text_json(&api->text, result);

    json_decref(result);
}


static void
ngx_http_tenant_api_import_done(ngx_http_tenant_job_t *job)
{
    ngx_uint_t                 level;
    ngx_http_tenant_api_t     *api;
    ngx_http_tenant_import_t  *import;

    api = job->data;
    import = api->work;

    if (api->request == NULL) {

        /* what was read of the body is done, and the rest is not */

        ngx_http_tenant_api_done(job);
        return;
    }

    api->busy = 0;

    if (api->reason) {
        ngx_http_tenant_api_answer(api);
        return;
    }

    if (job->rc == NGX_ERROR) {
        ngx_http_tenant_api_import_fault(api, job->status);
        return;
    }

    if (job->rc == NGX_OK) {
        import->total += import->done;
    }

    if (import->end) {
        api->last = 1;

        level = import->refused ? NGX_LOG_WARN : NGX_LOG_NOTICE;

        ngx_log_error(level, api->request->connection->log, 0,
                      "tenant api: imported %ui lines, %ui changes, "
                      "%ui refused%s", (ngx_uint_t) import->lines.number,
                      import->total, import->refused,
                      job->dry ? ", dry run" : "");
    }

    api->request->headers_out.content_length_n = -1;

    ngx_http_tenant_api_send(api, ngx_http_tenant_api_write);
}


/* Nothing of this job's lines is written: their answers are void. */

static void
ngx_http_tenant_api_import_fault(ngx_http_tenant_api_t *api,
    ngx_uint_t status)
{
    json_t                    *problem, *result;
    ngx_http_tenant_import_t  *import;

    import = api->work;

    if (!api->started) {
        ngx_http_tenant_api_fault(api, status);
        ngx_http_tenant_api_answer(api);
        return;
    }

    problem = status == NGX_HTTP_INSUFFICIENT_STORAGE
              ? ngx_http_tenant_problem(status, "registry-full",
                    "there is no space for the registry: neither this line "
                    "nor any that follows is written")
              : ngx_http_tenant_problem(status, "registry-unavailable",
                    "the registry cannot be used now: neither this line nor "
                    "any that follows is written");

    result = json_pack("{s:I, s:I, s:o}", "line", (json_int_t) import->first,
                       "status", (json_int_t) status, "problem", problem);

    ngx_http_tenant_api_text_free(&api->text);
    ngx_http_tenant_api_text_json(&api->text, result);

    json_decref(result);

    ngx_log_error(NGX_LOG_ERR, api->request->connection->log, 0,
                  "tenant api: import failed at line %ui", import->first);

    api->last = 1;

    ngx_http_tenant_api_send(api, NULL);
}
