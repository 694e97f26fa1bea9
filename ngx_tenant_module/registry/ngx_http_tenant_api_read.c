/* What the control plane tells: what a thread does of it. */

#include "ngx_http_tenant_api.h"


#define NGX_HTTP_TENANT_API_SQL  1024


/* A page: what stands where in the query is always the same number. */
typedef struct {
    u_char         sql[NGX_HTTP_TENANT_API_SQL];
    ngx_str_t      after;
    ngx_str_t      status;              /* ?3 */
    ngx_str_t      prefix;              /* ?4 */
    ngx_uint_t     rkind;               /* ?5 */
    ngx_str_t      rid;                 /* ?6 */
} ngx_http_tenant_api_page_t;


static ngx_int_t ngx_http_tenant_api_page_filter(ngx_http_tenant_api_t *api,
    ngx_http_tenant_api_page_t *page);
static ngx_int_t ngx_http_tenant_api_page_prepare(ngx_http_tenant_api_t *api,
    ngx_http_tenant_changes_t *changes, sqlite3_stmt **stmt);
static ngx_int_t ngx_http_tenant_api_page_items(ngx_http_tenant_api_t *api,
    ngx_http_tenant_changes_t *changes, sqlite3_stmt *stmt, ngx_str_t *next);
static ngx_int_t ngx_http_tenant_api_next(ngx_http_tenant_api_t *api,
    ngx_str_t *after);
static u_char *ngx_http_tenant_api_next_arg(u_char *p, const char *name,
    tenant_str_t *value);
static ngx_int_t ngx_http_tenant_api_changes_window(
    ngx_http_tenant_api_t *api, ngx_http_tenant_changes_t *changes,
    int64_t after);
static ngx_int_t ngx_http_tenant_api_changes_items(
    ngx_http_tenant_api_t *api, ngx_http_tenant_changes_t *changes,
    int64_t after, ngx_str_t *next);
static ngx_int_t ngx_http_tenant_api_query(ngx_http_tenant_changes_t *changes,
    const char *sql, sqlite3_stmt **stmt);
static ngx_int_t ngx_http_tenant_api_number(
    ngx_http_tenant_changes_t *changes, const char *sql, json_int_t *number);


ngx_int_t
ngx_http_tenant_api_run_object(ngx_http_tenant_job_t *job,
    ngx_http_tenant_changes_t *changes)
{
    ngx_str_t               id;
    ngx_http_tenant_api_t  *api;
    ngx_http_tenant_row_t   row;

    api = job->data;

    id.data = (u_char *) api->target.id.data;
    id.len = api->target.id.len;

    if (ngx_http_tenant_change_row(changes, api->kind, &id, &row) != NGX_OK) {
        return NGX_ERROR;
    }

    if (row.body == NULL) {
        ngx_http_tenant_api_problem(api, NGX_HTTP_NOT_FOUND, "not-found",
                                    "there is no \"%V\" in %V", &id,
                                    &ngx_http_tenant_collections[api->kind]);
        return NGX_DECLINED;
    }

    if (api->if_none_match.data
        && ngx_http_tenant_change_match(&api->if_none_match, row.version, 1))
    {
        api->status = NGX_HTTP_NOT_MODIFIED;
        api->type = NULL;

    } else {
        ngx_http_tenant_api_json(api, NGX_HTTP_OK,
                                 ngx_http_tenant_change_represent(api->kind,
                                                                  &row));
    }

    ngx_http_tenant_api_etag(api, row.version);

    json_decref(row.body);

    return NGX_OK;
}


ngx_int_t
ngx_http_tenant_api_run_list(ngx_http_tenant_job_t *job,
    ngx_http_tenant_changes_t *changes)
{
    ngx_int_t               rc;
    ngx_str_t               next;
    sqlite3_stmt           *stmt;
    ngx_http_tenant_api_t  *api;

    api = job->data;

    ngx_str_null(&next);

    rc = ngx_http_tenant_api_page_prepare(api, changes, &stmt);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_tenant_api_text_add(&api->text, "{\"items\":[",
                                 sizeof("{\"items\":[") - 1);

    rc = ngx_http_tenant_api_page_items(api, changes, stmt, &next);

    (void) sqlite3_finalize(stmt);

    if (rc != NGX_OK) {
        return rc;
    }

    api->status = NGX_HTTP_OK;
    api->type = "application/json";

    ngx_http_tenant_api_text_add(&api->text, "]", 1);

    if (next.data && ngx_http_tenant_api_next(api, &next) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_tenant_api_text_add(&api->text, "}\n", 2);

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_api_page_prepare(ngx_http_tenant_api_t *api,
    ngx_http_tenant_changes_t *changes, sqlite3_stmt **stmt)
{
    ngx_http_tenant_api_page_t  page;

    if (ngx_http_tenant_api_page_filter(api, &page) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (ngx_http_tenant_api_query(changes, (char *) page.sql, stmt)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* what the filters point to is the request's, and outlives it all */

    (void) sqlite3_bind_int64(*stmt, 1, api->kind);
    (void) sqlite3_bind_text(*stmt, 2, page.after.len
                                       ? (char *) page.after.data : "",
                             page.after.len, SQLITE_TRANSIENT);
    ngx_http_tenant_store_bind(*stmt, 3, &page.status);
    ngx_http_tenant_store_bind(*stmt, 4, &page.prefix);
    (void) sqlite3_bind_int64(*stmt, 5, page.rkind);
    ngx_http_tenant_store_bind(*stmt, 6, &page.rid);
    (void) sqlite3_bind_int64(*stmt, 7, api->target.limit + 1);

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_api_page_filter(ngx_http_tenant_api_t *api,
    ngx_http_tenant_api_page_t *page)
{
    u_char           *p, *last;
    const char       *from, *also;
    tenant_target_t  *t;
    ngx_uint_t        i;

    t = &api->target;
    ngx_memzero(page, sizeof(ngx_http_tenant_api_page_t));

    page->after.data = (u_char *) t->after.data;
    page->after.len = t->after.len;

    from = "objects o WHERE o.kind = ?1 AND o.id > ?2";
    also = "";

    if (t->given & (TENANT_ARG_TIER|TENANT_ARG_ISSUER)
        || (t->given & TENANT_ARG_TENANT
            && api->kind == NGX_HTTP_TENANT_KIND_REVOCATION))
    {
        /* in the order of the index of those who refer to it */

        from = "refs r CROSS JOIN objects o ON o.kind = r.kind AND"
               " o.id = r.id WHERE r.rkind = ?5 AND r.rid = ?6"
               " AND r.kind = ?1 AND r.id > ?2";

        page->rkind = t->given & TENANT_ARG_TIER ? NGX_HTTP_TENANT_KIND_TIER
                      : t->given & TENANT_ARG_ISSUER
                        ? NGX_HTTP_TENANT_KIND_ISSUER
                        : NGX_HTTP_TENANT_KIND_TENANT;

        page->rid.data = (u_char *) (t->given & TENANT_ARG_TIER
                                     ? t->tier.data
                                     : t->given & TENANT_ARG_ISSUER
                                       ? t->issuer.data : t->tenant.data);
        page->rid.len = t->given & TENANT_ARG_TIER ? t->tier.len
                        : t->given & TENANT_ARG_ISSUER ? t->issuer.len
                                                       : t->tenant.len;

        if (t->given & TENANT_ARG_ISSUER && t->given & TENANT_ARG_TENANT) {
            ngx_http_tenant_api_problem(api, NGX_HTTP_BAD_REQUEST,
                                        "invalid-request",
                                        "\"issuer\" and \"tenant\" exclude "
                                        "each other: a revocation has one");
            return NGX_DECLINED;
        }

    } else if (t->given & TENANT_ARG_TENANT) {
        also = " AND o.id IN (SELECT id FROM refs WHERE rkind = 3"
               " AND rid = ?6 AND kind = 4 UNION ALL SELECT rid FROM refs"
               " WHERE kind = 3 AND id = ?6 AND rkind = 4)";
        page->rid.data = (u_char *) t->tenant.data;
        page->rid.len = t->tenant.len;
    }

    if (t->given & TENANT_ARG_STATUS) {
        page->status.data = (u_char *) t->status.data;
        page->status.len = t->status.len;

        for (i = 0; ngx_http_tenant_statuses[i].len; i++) {
            if (ngx_http_tenant_statuses[i].len == t->status.len
                && ngx_memcmp(ngx_http_tenant_statuses[i].data,
                              t->status.data, t->status.len)
                   == 0)
            {
                break;
            }
        }

        if (ngx_http_tenant_statuses[i].len == 0) {
            ngx_http_tenant_api_problem(api, NGX_HTTP_BAD_REQUEST,
                                        "invalid-request",
                                        "no such \"status\"");
            return NGX_DECLINED;
        }
    }

    if (t->given & TENANT_ARG_PREFIX) {
        page->prefix.data = (u_char *) t->prefix.data;
        page->prefix.len = t->prefix.len;

        /* where ids with the prefix begin */

        if (page->after.len < page->prefix.len
            || ngx_memcmp(page->after.data, page->prefix.data,
                          page->prefix.len)
               < 0)
        {
            page->after.len = 0;
        }
    }

    p = page->sql;
    last = p + NGX_HTTP_TENANT_API_SQL - 1;

    p = ngx_slprintf(p, last, "SELECT o.id, o.body, o.version, o.created,"
                     " o.updated FROM %s%s%s%s ORDER BY o.id LIMIT ?7",
                     from, also,
                     t->given & TENANT_ARG_STATUS ? " AND o.status = ?3" : "",
                     t->given & TENANT_ARG_PREFIX
                     ? " AND o.id >= ?4 AND o.id < ?4 || char(1114111)"
                     : "");
    *p = '\0';

    return NGX_OK;
}


/*
 * Objects as they are stored, with what columns have put in: a body is the
 * compact text of an object that is never empty.
 */

static ngx_int_t
ngx_http_tenant_api_page_items(ngx_http_tenant_api_t *api,
    ngx_http_tenant_changes_t *changes, sqlite3_stmt *stmt, ngx_str_t *next)
{
    u_char      buf[128], *p;
    ngx_int_t   rc;
    ngx_str_t   id, body;
    ngx_uint_t  n;
    ngx_tm_t    created, updated;

    n = 0;

    while ((rc = ngx_http_tenant_store_step(changes->store, stmt)) == NGX_OK)
    {
        ngx_http_tenant_store_text(stmt, 0, &id);

        if (n == api->target.limit) {
            return NGX_OK;
        }

        if (++n == api->target.limit) {
            next->len = id.len;
            next->data = ngx_pstrdup(api->pool, &id);

            if (next->data == NULL) {
                return NGX_ERROR;
            }
        }

        ngx_http_tenant_store_text(stmt, 1, &body);
        ngx_gmtime(sqlite3_column_int64(stmt, 3), &created);
        ngx_gmtime(sqlite3_column_int64(stmt, 4), &updated);

        if (n > 1) {
            ngx_http_tenant_api_text_add(&api->text, ",", 1);
        }

        if (ngx_http_tenant_api_body(api, api->kind, &body, -1) != NGX_OK) {
            return NGX_ERROR;
        }

        p = ngx_snprintf(buf, sizeof(buf), ",\"version\":%L,"
                         "\"created\":\"%4d-%02d-%02dT%02d:%02d:%02dZ\","
                         "\"updated\":\"%4d-%02d-%02dT%02d:%02d:%02dZ\"}",
                         (int64_t) sqlite3_column_int64(stmt, 2),
                         created.ngx_tm_year, created.ngx_tm_mon,
                         created.ngx_tm_mday, created.ngx_tm_hour,
                         created.ngx_tm_min, created.ngx_tm_sec,
                         updated.ngx_tm_year, updated.ngx_tm_mon,
                         updated.ngx_tm_mday, updated.ngx_tm_hour,
                         updated.ngx_tm_min, updated.ngx_tm_sec);

        ngx_http_tenant_api_text_add(&api->text, buf, p - buf);
    }

    next->data = NULL;

    return rc == NGX_DONE ? NGX_OK : NGX_ERROR;
}


/* The member "next", and RFC 8288's Link. */

static ngx_int_t
ngx_http_tenant_api_next(ngx_http_tenant_api_t *api, ngx_str_t *after)
{
    u_char           *p;
    size_t            len;
    json_t           *text;
    ngx_str_t         url;
    tenant_str_t      cursor;
    tenant_target_t  *t;

    t = &api->target;
    cursor.data = (char *) after->data;
    cursor.len = after->len;

    len = api->path.len + sizeof("?limit=1000&after=&status=&tier=&prefix="
                                 "&issuer=&tenant=")
          + 3 * (after->len + t->status.len + t->tier.len + t->prefix.len
                 + t->issuer.len + t->tenant.len);

    url.data = ngx_pnalloc(api->pool, len);
    api->link.data = ngx_pnalloc(api->pool, len + sizeof("<>; rel=\"next\""));

    if (url.data == NULL || api->link.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(url.data, "%V?limit=%ud", &api->path, t->limit);
    p = ngx_http_tenant_api_next_arg(p, "after", &cursor);
    p = ngx_http_tenant_api_next_arg(p, "status", &t->status);
    p = ngx_http_tenant_api_next_arg(p, "tier", &t->tier);
    p = ngx_http_tenant_api_next_arg(p, "prefix", &t->prefix);
    p = ngx_http_tenant_api_next_arg(p, "issuer", &t->issuer);
    p = ngx_http_tenant_api_next_arg(p, "tenant", &t->tenant);

    url.len = p - url.data;

    api->link.len = ngx_sprintf(api->link.data, "<%V>; rel=\"next\"", &url)
                    - api->link.data;

    text = json_stringn((char *) url.data, url.len);

    ngx_http_tenant_api_text_add(&api->text, ",\"next\":", 8);

    if (text == NULL) {
        return NGX_ERROR;
    }

    if (json_dump_callback(text, ngx_http_tenant_api_text_dump, &api->text,
                           JSON_ENCODE_ANY)
        != 0)
    {
        api->text.failed = 1;
    }

    json_decref(text);

    return NGX_OK;
}


static u_char *
ngx_http_tenant_api_next_arg(u_char *p, const char *name,
    tenant_str_t *value)
{
    if (value->data == NULL) {
        return p;
    }

    p = ngx_sprintf(p, "&%s=", name);

    return (u_char *) ngx_escape_uri(p, (u_char *) value->data, value->len,
                                     NGX_ESCAPE_URI_COMPONENT);
}


ngx_int_t
ngx_http_tenant_api_run_changes(ngx_http_tenant_job_t *job,
    ngx_http_tenant_changes_t *changes)
{
    ngx_int_t               rc;
    ngx_str_t               next;
    ngx_int_t               after;
    ngx_http_tenant_api_t  *api;

    api = job->data;
    after = 0;

    if (api->target.given & TENANT_ARG_AFTER) {
        after = ngx_atoi((u_char *) api->target.after.data,
                         api->target.after.len);

        if (after == NGX_ERROR) {
            ngx_http_tenant_api_problem(api, NGX_HTTP_BAD_REQUEST,
                                        "invalid-request",
                                        "\"after\" has to be the number of a "
                                        "change");
            return NGX_DECLINED;
        }
    }

    rc = ngx_http_tenant_api_changes_window(api, changes, after);
    if (rc != NGX_OK) {
        return rc;
    }

    api->status = NGX_HTTP_OK;
    api->type = "application/json";

    ngx_str_null(&next);

    if (ngx_http_tenant_api_changes_items(api, changes, after, &next)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (next.data && ngx_http_tenant_api_next(api, &next) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_tenant_api_text_add(&api->text, "}\n", 2);

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_api_changes_window(ngx_http_tenant_api_t *api,
    ngx_http_tenant_changes_t *changes, int64_t after)
{
    u_char         buf[128], *p;
    int64_t        oldest, newest;
    sqlite3_stmt  *stmt;

    stmt = changes->store->stmts[NGX_HTTP_TENANT_STMT_CHANGED];

    if (ngx_http_tenant_store_step(changes->store, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    oldest = sqlite3_column_int64(stmt, 0);
    newest = sqlite3_column_int64(stmt, 1);

    (void) sqlite3_reset(stmt);

    if (after && (after > newest || after < oldest - 1)) {
        ngx_http_tenant_api_problem(api, 410, "changes-gone",
                                    "changes %L to %L are known: start anew "
                                    "from an export", oldest, newest);
        return NGX_DECLINED;
    }

    p = ngx_snprintf(buf, sizeof(buf),
                     "{\"oldest\":%L,\"newest\":%L,\"items\":[", oldest,
                     newest);

    ngx_http_tenant_api_text_add(&api->text, buf, p - buf);

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_api_changes_items(ngx_http_tenant_api_t *api,
    ngx_http_tenant_changes_t *changes, int64_t after, ngx_str_t *next)
{
    json_t        *item;
    int64_t        seq;
    ngx_int_t      rc;
    ngx_str_t      id;
    ngx_uint_t     n, kind;
    sqlite3_stmt  *stmt;

    if (ngx_http_tenant_api_query(changes,
                                  "SELECT seq, kind, id, op, time"
                                  " FROM changes WHERE seq > ?1"
                                  " ORDER BY seq LIMIT ?2", &stmt)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    (void) sqlite3_bind_int64(stmt, 1, after);
    (void) sqlite3_bind_int64(stmt, 2, api->target.limit);

    n = 0;
    seq = 0;

    while ((rc = ngx_http_tenant_store_step(changes->store, stmt)) == NGX_OK)
    {
        seq = sqlite3_column_int64(stmt, 0);
        kind = sqlite3_column_int64(stmt, 1);
        ngx_http_tenant_store_text(stmt, 2, &id);

        if (kind == 0 || kind >= NGX_HTTP_TENANT_KINDS) {
            continue;
        }

        item = json_pack("{s:I, s:s, s:s%, s:s, s:o}", "seq",
                         (json_int_t) seq, "kind",
                         ngx_http_tenant_collections[kind].data, "id",
                         id.data, id.len, "op",
                         sqlite3_column_text(stmt, 3), "time",
                         ngx_http_tenant_change_time(
                             sqlite3_column_int64(stmt, 4)));

        if (item == NULL) {
            rc = NGX_ERROR;
            break;
        }

        if (n++) {
            ngx_http_tenant_api_text_add(&api->text, ",", 1);
        }

        ngx_http_tenant_api_text_json(&api->text, item);
        json_decref(item);
    }

    (void) sqlite3_finalize(stmt);

    ngx_http_tenant_api_text_add(&api->text, "]", 1);

    if (rc == NGX_DONE && n == api->target.limit) {
        next->data = ngx_pnalloc(api->pool, NGX_INT64_LEN);

        if (next->data == NULL) {
            return NGX_ERROR;
        }

        next->len = ngx_sprintf(next->data, "%L", seq) - next->data;
    }

    return rc == NGX_DONE ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_tenant_api_run_health(ngx_http_tenant_job_t *job,
    ngx_http_tenant_changes_t *changes)
{
    json_t                 *health, *objects;
    ngx_int_t               rc;
    json_int_t              newest, waiting;
    ngx_uint_t              kind, live;
    sqlite3_stmt           *stmt;
    ngx_http_tenant_api_t  *api;

    api = job->data;
    live = ngx_http_tenant_registry_live(api->tmcf->registry);

    if (ngx_http_tenant_api_number(changes,
                                   "SELECT ifnull(max(seq), 0) FROM changes",
                                   &newest)
        != NGX_OK
        || ngx_http_tenant_api_number(changes, "SELECT count(*) FROM outbox",
                                      &waiting)
           != NGX_OK
        || ngx_http_tenant_api_query(changes,
                                     "SELECT kind, n FROM counts", &stmt)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    objects = json_object();

    for (kind = 1; kind < NGX_HTTP_TENANT_KINDS; kind++) {
        (void) json_object_set_new(objects,
                           (char *) ngx_http_tenant_collections[kind].data,
                           json_integer(0));
    }

    while ((rc = ngx_http_tenant_store_step(changes->store, stmt)) == NGX_OK)
    {
        kind = sqlite3_column_int64(stmt, 0);

        if (kind && kind < NGX_HTTP_TENANT_KINDS) {
            (void) json_object_set_new(objects,
                           (char *) ngx_http_tenant_collections[kind].data,
                           json_integer(sqlite3_column_int64(stmt, 1)));
        }
    }

    (void) sqlite3_finalize(stmt);

    health = json_pack("{s:s, s:{s:s, s:i, s:I, s:I, s:o}}", "status",
                       changes->store->readonly ? "read-only" : "ok",
                       "registry", "kind", live ? "database" : "document",
                       "schema", NGX_HTTP_TENANT_STORE_SCHEMA, "changes",
                       newest, "outbox", waiting, "objects", objects);

    ngx_http_tenant_api_json(api, NGX_HTTP_OK, health);

    return rc == NGX_DONE && health ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_tenant_api_query(ngx_http_tenant_changes_t *changes, const char *sql,
    sqlite3_stmt **stmt)
{
    ngx_http_tenant_store_t  *store;

    store = changes->store;

    if (sqlite3_prepare_v2(store->db, sql, -1, stmt, NULL) == SQLITE_OK) {
        return NGX_OK;
    }

    store->code = sqlite3_errcode(store->db);

    ngx_log_error(NGX_LOG_ERR, store->log, 0, "tenant_registry \"%V\": %s",
                  &store->path, sqlite3_errmsg(store->db));

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_tenant_api_number(ngx_http_tenant_changes_t *changes,
    const char *sql, json_int_t *number)
{
    ngx_int_t      rc;
    sqlite3_stmt  *stmt;

    if (ngx_http_tenant_api_query(changes, sql, &stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_http_tenant_store_step(changes->store, stmt);

    if (rc == NGX_OK) {
        *number = sqlite3_column_int64(stmt, 0);
    }

    (void) sqlite3_finalize(stmt);

    return rc;
}
