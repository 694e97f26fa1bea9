/*
 * The registry as one document, in pieces: rows of one snapshot, a range of
 * ids at a time.
 */

#include "ngx_http_tenant_api.h"


#define NGX_HTTP_TENANT_EXPORT_SIZE  131072    /* bytes of a piece, about */


typedef struct {
    ngx_uint_t   kind;                         /* of what comes next */
    ngx_str_t    after;
    ngx_uint_t   rows;                         /* of the kind, so far */
} ngx_http_tenant_export_t;


static ngx_int_t ngx_http_tenant_api_run_export(ngx_http_tenant_job_t *job,
    ngx_http_tenant_changes_t *changes);
static ngx_int_t ngx_http_tenant_api_export_rows(ngx_http_tenant_api_t *api,
    ngx_http_tenant_changes_t *changes, sqlite3_stmt *stmt);
static ngx_int_t ngx_http_tenant_api_export_after(
    ngx_http_tenant_api_t *api, ngx_str_t *id);
static void ngx_http_tenant_api_export_done(ngx_http_tenant_job_t *job);


void
ngx_http_tenant_api_export(ngx_http_tenant_api_t *api)
{
    ngx_http_tenant_export_t  *export;

    export = ngx_pcalloc(api->pool, sizeof(ngx_http_tenant_export_t));
    if (export == NULL) {
        ngx_http_tenant_api_finish(api, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    export->kind = 1;

    api->work = export;
    api->status = NGX_HTTP_OK;
    api->type = "application/json";
    api->job.keep = 1;
    api->job.run = ngx_http_tenant_api_run_export;
    api->job.done = ngx_http_tenant_api_export_done;

    ngx_http_tenant_api_text_init(&api->text, NULL);
    ngx_http_tenant_api_text_add(&api->text, "{", 1);

    ngx_http_tenant_api_read(api);
}


static ngx_int_t
ngx_http_tenant_api_run_export(ngx_http_tenant_job_t *job,
    ngx_http_tenant_changes_t *changes)
{
    ngx_int_t                  rc;
    sqlite3_stmt              *stmt;
    ngx_http_tenant_api_t     *api;
    ngx_http_tenant_export_t  *export;

    api = job->data;
    export = api->work;
    stmt = changes->stmts[NGX_HTTP_TENANT_CHANGE_EXPORT];

    (void) sqlite3_bind_int64(stmt, 1, export->kind);
    (void) sqlite3_bind_text(stmt, 2, export->after.len
                                      ? (char *) export->after.data : "",
                             export->after.len, SQLITE_STATIC);

    rc = ngx_http_tenant_api_export_rows(api, changes, stmt);

    (void) sqlite3_reset(stmt);

    return api->text.failed ? NGX_ERROR : rc;
}


static ngx_int_t
ngx_http_tenant_api_export_rows(ngx_http_tenant_api_t *api,
    ngx_http_tenant_changes_t *changes, sqlite3_stmt *stmt)
{
    u_char                     head[64], *p;
    ngx_int_t                  rc;
    ngx_str_t                  id, body;
    ngx_http_tenant_export_t  *export;

    export = api->work;

    if (export->rows == 0) {
        p = ngx_snprintf(head, sizeof(head), "%s\"%V\":[",
                         export->kind == 1 ? "" : "],\n",
                         &ngx_http_tenant_collections[export->kind]);
        ngx_http_tenant_api_text_add(&api->text, head, p - head);
    }

    while ((rc = ngx_http_tenant_store_step(changes->store, stmt)) == NGX_OK)
    {
        ngx_http_tenant_store_text(stmt, 0, &id);
        ngx_http_tenant_store_text(stmt, 1, &body);

        ngx_http_tenant_api_text_add(&api->text, export->rows ? ",\n" : "\n",
                                     export->rows ? 2 : 1);

        if (ngx_http_tenant_api_body(api, api->target.secrets
                                          ? 0 : export->kind, &body, 0)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        export->rows++;

        if (api->text.size >= NGX_HTTP_TENANT_EXPORT_SIZE) {
            return ngx_http_tenant_api_export_after(api, &id);
        }
    }

    if (rc != NGX_DONE) {
        return NGX_ERROR;
    }

    export->kind++;
    export->rows = 0;
    export->after.len = 0;

    if (export->kind == NGX_HTTP_TENANT_KINDS) {
        ngx_http_tenant_api_text_add(&api->text, "]}\n", 3);
        api->last = 1;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_api_export_after(ngx_http_tenant_api_t *api, ngx_str_t *id)
{
    ngx_http_tenant_export_t  *export;

    export = api->work;

    /* ids are short, and so is the memory that they leave behind */

    if (export->after.data == NULL || export->after.len < id->len) {
        export->after.data = ngx_pnalloc(api->pool, id->len);

        if (export->after.data == NULL) {
            return NGX_ERROR;
        }
    }

    export->after.len = id->len;
    ngx_memcpy(export->after.data, id->data, id->len);

    return NGX_OK;
}


static void
ngx_http_tenant_api_export_done(ngx_http_tenant_job_t *job)
{
    ngx_http_tenant_api_t  *api;

    api = job->data;

    if (job->rc != NGX_OK || api->request == NULL) {

        if (api->started && api->request) {

            /* what was sent is no document: nor is it ended as one */

            api->busy = 0;
            ngx_http_tenant_api_finish(api, NGX_ERROR);
            return;
        }

        ngx_http_tenant_api_done(job);
        return;
    }

    api->busy = 0;

    api->request->headers_out.content_length_n = -1;

    ngx_http_tenant_api_send(api, ngx_http_tenant_api_read);
}
