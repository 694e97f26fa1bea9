/* Answers of the control plane. */

#include "ngx_http_tenant_api.h"
#include "../identity/tenant_secret.h"


static void ngx_http_tenant_api_log(ngx_http_tenant_api_t *api);
static ngx_int_t ngx_http_tenant_api_add_header(ngx_http_request_t *r,
    const char *key, ngx_str_t *value);
static ngx_int_t ngx_http_tenant_api_add_text(ngx_http_request_t *r,
    const char *key, const char *value);


void
ngx_http_tenant_api_answer(ngx_http_tenant_api_t *api)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = api->request;

    if (api->text.failed) {
        ngx_http_tenant_api_finish(api, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_http_tenant_api_log(api);

    r->headers_out.content_length_n = api->type ? api->text.size : 0;

    rc = ngx_http_tenant_api_header(api);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only
        || api->text.size == 0)
    {
        ngx_http_tenant_api_finish(api, rc);
        return;
    }

    api->text.buf->last_buf = (r == r->main);
    api->text.buf->last_in_chain = 1;

    ngx_http_tenant_api_finish(api, ngx_http_output_filter(r, api->text.out));
}


void
ngx_http_tenant_api_finish(ngx_http_tenant_api_t *api, ngx_int_t rc)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = api->request;
    c = r->connection;

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}


ngx_int_t
ngx_http_tenant_api_header(ngx_http_tenant_api_t *api)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = api->request;

    r->headers_out.status = api->status;

    /* conditions were looked at already, with the change that they guard */

    r->disable_not_modified = 1;

    if (api->type) {
        r->headers_out.content_type.data = (u_char *) api->type;
        r->headers_out.content_type.len = ngx_strlen(api->type);
        r->headers_out.content_type_len = r->headers_out.content_type.len;

    } else {
        r->header_only = 1;
    }

    rc = ngx_http_tenant_api_add_text(r, "Cache-Control", "no-cache");

    if (rc == NGX_OK && api->etag.len) {
        rc = ngx_http_tenant_api_add_header(r, "ETag", &api->etag);
    }

    if (rc == NGX_OK && api->location.len) {
        rc = ngx_http_tenant_api_add_header(r, "Location", &api->location);
    }

    if (rc == NGX_OK && api->link.len) {
        rc = ngx_http_tenant_api_add_header(r, "Link", &api->link);
    }

    if (rc == NGX_OK && api->allow) {
        rc = ngx_http_tenant_api_add_text(r, "Allow", api->allow);
    }

    if (rc == NGX_OK && api->status == NGX_HTTP_UNSUPPORTED_MEDIA_TYPE
        && api->method == NGX_HTTP_PATCH)
    {
        rc = ngx_http_tenant_api_add_text(r, "Accept-Patch",
                                          "application/merge-patch+json");
    }

    if (rc == NGX_OK && api->job.dry) {
        rc = ngx_http_tenant_api_add_text(r, "Tenant-Dry-Run", "true");
    }

    if (rc == NGX_OK && api->status == NGX_HTTP_SERVICE_UNAVAILABLE) {
        rc = ngx_http_tenant_api_add_text(r, "Retry-After", "5");
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    api->started = 1;

    return ngx_http_send_header(r);
}


/* One line for a change, and one for a refusal. */

static void
ngx_http_tenant_api_log(ngx_http_tenant_api_t *api)
{
    ngx_log_t   *log;
    ngx_str_t    nobody = ngx_string("-"), *who;
    ngx_uint_t   level;

    log = api->request->connection->log;
    who = api->who.len ? &api->who : &nobody;

    if (api->reason) {
        level = api->status == NGX_HTTP_NOT_FOUND ? NGX_LOG_INFO
                : api->status >= NGX_HTTP_INTERNAL_SERVER_ERROR
                  ? NGX_LOG_ERR : NGX_LOG_WARN;

        ngx_log_error(level, log, 0, "tenant api refused (%s): %V, operator: \"%V\"",
                      api->reason, &api->note, who);
        return;
    }

    if (api->note.len && !api->job.dry && !api->replayed) {
        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "tenant api: %V, operator: \"%V\"", &api->note, who);
    }
}


static ngx_int_t
ngx_http_tenant_api_add_header(ngx_http_request_t *r, const char *key,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    ngx_http_tenant_header_end(h);
    h->key.data = (u_char *) key;
    h->key.len = ngx_strlen(key);
    h->value = *value;

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_api_add_text(ngx_http_request_t *r, const char *key,
    const char *value)
{
    ngx_str_t  text;

    text.data = (u_char *) value;
    text.len = ngx_strlen(value);

    return ngx_http_tenant_api_add_header(r, key, &text);
}


void
ngx_http_tenant_api_problem(ngx_http_tenant_api_t *api, ngx_uint_t status,
    const char *reason, const char *fmt, ...)
{
    u_char   *p;
    va_list   args;
    u_char    detail[1024];

    va_start(args, fmt);
    p = ngx_vslprintf(detail, detail + sizeof(detail) - 1, fmt, args);
    va_end(args);

    *p = '\0';

    ngx_http_tenant_api_refuse(api,
                               ngx_http_tenant_problem(status, reason, "%s",
                                                       detail));
}


/* Takes the problem, which may be NULL for want of memory. */

void
ngx_http_tenant_api_refuse(ngx_http_tenant_api_t *api, json_t *problem)
{
    size_t       len;
    ngx_str_t    type, detail;
    const char  *text;

    text = json_string_value(json_object_get(problem, "type"));
    type.data = (u_char *) (text ? text : "");
    type.len = ngx_strlen(type.data);

    text = json_string_value(json_object_get(problem, "detail"));
    detail.data = (u_char *) (text ? text : "");
    detail.len = ngx_strlen(detail.data);

    len = sizeof("urn:ngx-tenant:problem:") - 1;

    if (type.len > len) {
        type.data += len;
        type.len -= len;
    }

    api->reason = "fault";
    api->etag.len = 0;
    api->location.len = 0;
    api->link.len = 0;
    api->type = "application/problem+json";

    api->note.len = detail.len;
    api->note.data = ngx_pstrdup(api->pool, &detail);

    text = (char *) ngx_pnalloc(api->pool, type.len + 1);

    if (text == NULL || api->note.data == NULL || problem == NULL) {
        api->note.len = 0;
        api->text.failed = 1;
        json_decref(problem);
        return;
    }

    ngx_memcpy((u_char *) text, type.data, type.len + 1);

    api->reason = text;
    api->status = json_integer_value(json_object_get(problem, "status"));

    ngx_http_tenant_api_text_free(&api->text);
    ngx_http_tenant_api_text_json(&api->text, problem);

    json_decref(problem);
}


void
ngx_http_tenant_api_fault(ngx_http_tenant_api_t *api, ngx_uint_t status)
{
    switch (status) {

    case NGX_HTTP_SERVICE_UNAVAILABLE:
        ngx_http_tenant_api_problem(api, status, "registry-unavailable",
                                    "the registry cannot be used now");
        break;

    case NGX_HTTP_INSUFFICIENT_STORAGE:
        ngx_http_tenant_api_problem(api, status, "registry-full",
                                    "there is no space for the registry");
        break;

    default:
        ngx_http_tenant_api_problem(api, NGX_HTTP_INTERNAL_SERVER_ERROR,
                                    "fault", "an internal error");
    }
}


/* Takes the value. */

void
ngx_http_tenant_api_json(ngx_http_tenant_api_t *api, ngx_uint_t status,
    json_t *value)
{
    api->status = status;
    api->type = "application/json";

    if (value == NULL) {
        api->text.failed = 1;
        return;
    }

    ngx_http_tenant_api_text_json(&api->text, value);

    json_decref(value);
}


void
ngx_http_tenant_api_etag(ngx_http_tenant_api_t *api, int64_t version)
{
    api->etag.data = ngx_pnalloc(api->pool, NGX_INT64_LEN + 2);

    if (api->etag.data == NULL) {
        api->text.failed = 1;
        return;
    }

    api->etag.len = ngx_sprintf(api->etag.data, "\"%L\"", version)
                    - api->etag.data;
}


json_t *
ngx_http_tenant_api_parse(ngx_http_tenant_api_t *api,
    const tenant_json_limits_t *limits)
{
    size_t                i;
    json_t               *value, *problem;
    json_int_t            line, column;
    tenant_json_error_t   err;

    value = tenant_json_parse((char *) api->body.data, api->body.len, limits,
                              &err);

    if (value) {
        return value;
    }

    if (err.code == TENANT_JSON_NO_MEMORY) {
        ngx_http_tenant_api_fault(api, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NULL;
    }

    line = 1;
    column = 1;

    for (i = 0; i < err.offset && i < api->body.len; i++) {
        if (api->body.data[i] == LF) {
            line++;
            column = 1;
            continue;
        }

        column++;
    }

    problem = err.code == TENANT_JSON_TOO_LARGE
              ? ngx_http_tenant_problem(NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
                                        "too-large", "the body has more than "
                                        "%uz bytes", limits->max_bytes)
              : ngx_http_tenant_problem(NGX_HTTP_BAD_REQUEST, "invalid-json",
                                        "line %L column %L: %s",
                                        (int64_t) line, (int64_t) column,
                                        tenant_json_reason(err.code));

    if (err.code != TENANT_JSON_TOO_LARGE
        && (json_object_set_new(problem, "line", json_integer(line)) != 0
            || json_object_set_new(problem, "column", json_integer(column))
               != 0))
    {
        json_decref(problem);
        problem = NULL;
    }

    ngx_http_tenant_api_refuse(api, problem);

    return NULL;
}


ngx_int_t
ngx_http_tenant_api_load(ngx_http_tenant_api_t *api, off_t max)
{
    ssize_t  n;
    size_t   size;

    if (api->body_size > max) {
        ngx_http_tenant_api_problem(api, NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
                                    "too-large",
                                    "the body has more than %O bytes", max);
        return NGX_DECLINED;
    }

    if (api->fd == NGX_INVALID_FILE || api->body.data) {
        return NGX_OK;
    }

    size = api->body_size;

    api->body.data = ngx_pnalloc(api->pool, size + 1);
    if (api->body.data == NULL) {
        return NGX_ERROR;
    }

    for (api->body.len = 0; api->body.len < size; api->body.len += n) {
        n = pread(api->fd, api->body.data + api->body.len,
                  size - api->body.len, api->body.len);

        if (n <= 0) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, n ? ngx_errno : 0,
                          "pread() of a body failed");
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


void
ngx_http_tenant_api_text_init(ngx_http_tenant_api_text_t *text,
    ngx_pool_t *pool)
{
    ngx_memzero(text, sizeof(ngx_http_tenant_api_text_t));

    text->pool = pool;
    text->own = (pool == NULL);
    text->last = &text->out;
}


void
ngx_http_tenant_api_text_free(ngx_http_tenant_api_text_t *text)
{
    if (text->own) {
        if (text->pool) {
            ngx_destroy_pool(text->pool);
        }

        ngx_http_tenant_api_text_init(text, NULL);
        return;
    }

    ngx_http_tenant_api_text_init(text, text->pool);
}


void
ngx_http_tenant_api_text_add(ngx_http_tenant_api_text_t *text,
    const void *data, size_t len)
{
    size_t        n;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    if (text->pool == NULL) {
        text->pool = ngx_create_pool(NGX_HTTP_TENANT_API_TEXT / 8,
                                     ngx_cycle->log);
        text->failed = (text->pool == NULL);
    }

    while (len && !text->failed) {
        b = text->buf;

        if (b == NULL || b->last == b->end) {
            n = text->size ? NGX_HTTP_TENANT_API_TEXT : 1024;

            b = ngx_create_temp_buf(text->pool, ngx_max(n, ngx_min(len,
                                                NGX_HTTP_TENANT_API_TEXT)));
            cl = ngx_alloc_chain_link(text->pool);

            if (b == NULL || cl == NULL) {
                text->failed = 1;
                return;
            }

            cl->buf = b;
            cl->next = NULL;
            *text->last = cl;
            text->last = &cl->next;
            text->buf = b;
        }

        n = ngx_min(len, (size_t) (b->end - b->last));

        b->last = ngx_cpymem(b->last, data, n);
        data = (const u_char *) data + n;
        len -= n;
        text->size += n;
    }
}


int
ngx_http_tenant_api_text_dump(const char *data, size_t len, void *ctx)
{
    ngx_http_tenant_api_text_t  *text = ctx;

    ngx_http_tenant_api_text_add(text, data, len);

    return text->failed ? -1 : 0;
}


void
ngx_http_tenant_api_text_json(ngx_http_tenant_api_text_t *text,
    json_t *value)
{
    if (json_dump_callback(value, ngx_http_tenant_api_text_dump, text,
                           JSON_COMPACT)
        != 0)
    {
        text->failed = 1;
    }

    ngx_http_tenant_api_text_add(text, "\n", 1);
}


ngx_int_t
ngx_http_tenant_api_path(ngx_http_tenant_api_t *api, ngx_uint_t kind,
    ngx_str_t *id, ngx_str_t *path)
{
    u_char     *p;
    uintptr_t   escape;
    ngx_str_t  *collection;

    collection = (ngx_str_t *) &ngx_http_tenant_collections[kind];
    escape = ngx_escape_uri(NULL, id->data, id->len,
                            NGX_ESCAPE_URI_COMPONENT);

    p = ngx_pnalloc(api->pool, api->base.len + sizeof("/v1//")
                               + collection->len + id->len + 2 * escape);
    if (p == NULL) {
        return NGX_ERROR;
    }

    path->data = p;

    p = ngx_sprintf(p, "%V/v1/%V/", &api->base, collection);
    p = (u_char *) ngx_escape_uri(p, id->data, id->len,
                                  NGX_ESCAPE_URI_COMPONENT);

    path->len = p - path->data;

    return NGX_OK;
}


void
ngx_http_tenant_api_below(json_t *problem, const char *prefix)
{
    size_t       i;
    u_char       pointer[2 * NGX_HTTP_TENANT_POINTER_LEN];
    json_t      *error;
    const char  *text;

    json_array_foreach(json_object_get(problem, "errors"), i, error) {
        text = json_string_value(json_object_get(error, "pointer"));

        *ngx_snprintf(pointer, sizeof(pointer) - 1, "%s%s", prefix,
                      text ? text : "")
            = '\0';

        (void) json_object_set_new(error, "pointer",
                                   json_string((char *) pointer));
    }
}


ngx_int_t
ngx_http_tenant_api_body(ngx_http_tenant_api_t *api, ngx_uint_t kind,
    ngx_str_t *body, ngx_int_t end)
{
    char                 *text;
    json_t               *issuer;
    tenant_json_error_t   err;

    if (kind != NGX_HTTP_TENANT_KIND_ISSUER) {
        ngx_http_tenant_api_text_add(&api->text, body->data, body->len + end);
        return NGX_OK;
    }

    issuer = tenant_json_parse((char *) body->data, body->len,
                               &ngx_http_tenant_object_limits, &err);
    (void) tenant_secret_conceal(issuer);

    text = json_dumps(issuer, JSON_COMPACT);

    json_decref(issuer);

    if (text == NULL) {
        return NGX_ERROR;
    }

    ngx_http_tenant_api_text_add(&api->text, text, ngx_strlen(text) + end);

    free(text);

    return NGX_OK;
}
