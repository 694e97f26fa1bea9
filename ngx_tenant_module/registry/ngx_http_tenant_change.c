#include "ngx_http_tenant_change_body.h"
#include "../identity/tenant_secret.h"
#include "../routing/ngx_http_tenant_route.h"


#define NGX_HTTP_TENANT_CHANGE_SWEEP   1000    /* rows at a time */


static ngx_int_t ngx_http_tenant_change_write(
    ngx_http_tenant_changes_t *changes, ngx_http_tenant_change_t *change,
    ngx_http_tenant_row_t *row);
static ngx_int_t ngx_http_tenant_change_store(
    ngx_http_tenant_changes_t *changes, ngx_http_tenant_change_t *change,
    ngx_http_tenant_row_t *row, ngx_str_node_t *sn, json_t *body);
static ngx_int_t ngx_http_tenant_change_put(
    ngx_http_tenant_changes_t *changes, ngx_http_tenant_change_t *change,
    ngx_http_tenant_row_t *row, json_t *body);
static ngx_int_t ngx_http_tenant_change_delete(
    ngx_http_tenant_changes_t *changes, ngx_http_tenant_change_t *change,
    ngx_http_tenant_row_t *row);
static ngx_int_t ngx_http_tenant_change_move(
    ngx_http_tenant_changes_t *changes, ngx_http_tenant_change_t *change,
    ngx_http_tenant_row_t *row);
static ngx_int_t ngx_http_tenant_change_conditions(
    ngx_http_tenant_change_t *change, ngx_http_tenant_row_t *row);
static ngx_int_t ngx_http_tenant_change_unused(
    ngx_http_tenant_changes_t *changes, ngx_http_tenant_change_t *change);


static const char *const  ngx_http_tenant_change_sql[] = {

    "SELECT body, version, created, updated FROM objects"
    " WHERE kind = ? AND id = ?",

    "SELECT kind, id FROM refs WHERE rkind = ?1 AND rid = ?2 AND kind <> 6"
    " ORDER BY kind, id LIMIT ?3",

    "SELECT rid FROM refs WHERE kind = ? AND id = ? AND rkind = ?",

    "SELECT json_extract(body, '$.tenant'),"
    " json_extract(body, '$.subject_namespace'),"
    " json_extract(body, '$.operators')"
    " FROM objects WHERE kind = 4 AND id = ?",

    /* tenants that list the issuer, and list or own another of that name */

    /* CROSS JOIN: in this order, as the issuer's tenants are few */

    "SELECT t.id, o.id FROM refs t"
    " CROSS JOIN refs j ON j.kind = 3 AND j.id = t.id AND j.rkind = 4"
    " AND j.rid <> ?1"
    " CROSS JOIN objects o ON o.kind = 4 AND o.id = j.rid"
    " WHERE t.rkind = 4 AND t.rid = ?1 AND t.kind = 3"
    " AND ifnull(json_extract(o.body, '$.subject_namespace'), '') = ?2"
    " UNION ALL"
    " SELECT t.id, o.id FROM refs t"
    " CROSS JOIN refs j ON j.rkind = 3 AND j.rid = t.id AND j.kind = 4"
    " CROSS JOIN objects o ON o.kind = 4 AND o.id = j.id AND o.id <> ?1"
    " WHERE t.rkind = 4 AND t.rid = ?1 AND t.kind = 3"
    " AND ifnull(json_extract(o.body, '$.subject_namespace'), '') = ?2"
    " LIMIT 1",

    "INSERT INTO outbox (tenant, event, created, due)"
    " VALUES (?1, ?2, ?3, ?3)",

    "DELETE FROM outbox WHERE tenant = ?",

    "SELECT (SELECT count(*) FROM outbox WHERE tenant = ?1), attempts, due,"
    " error FROM outbox WHERE tenant = ?1 ORDER BY seq LIMIT 1",

    "DELETE FROM requests WHERE tenant = ?",

    "SELECT id FROM objects INDEXED BY objects_expires"
    " WHERE expires <= ?1 AND kind = 6 LIMIT ?2",

    "DELETE FROM requests WHERE expires <= ?1",

    "SELECT digest, status, headers, body FROM requests"
    " WHERE key = ? AND expires > ?",

    "INSERT OR REPLACE INTO requests (key, digest, status, headers, body,"
    " expires, tenant) VALUES (?1, ?2, ?3, ?4, ?5, ?6,"
    " json_extract(?4, '$.tenant'))",

    "SELECT id, body FROM objects WHERE kind = ? AND id > ?"
    " AND (kind <> 6 OR expires > unixepoch()) ORDER BY id"
};


ngx_http_tenant_changes_t *
ngx_http_tenant_changes_create(ngx_http_tenant_store_t *store,
    ngx_http_tenant_main_conf_t *tmcf)
{
    ngx_uint_t                  i;
    ngx_http_tenant_changes_t  *changes;

    changes = ngx_calloc(sizeof(ngx_http_tenant_changes_t), store->log);
    if (changes == NULL) {
        return NULL;
    }

    changes->store = store;
    changes->tmcf = tmcf;
    changes->names = ngx_http_tenant_route_names_allowed(tmcf);
    changes->now = ngx_time();

    changes->dir = tmcf->registry_path;

    while (changes->dir.len
           && changes->dir.data[changes->dir.len - 1] != '/')
    {
        changes->dir.len--;
    }

    for (i = 0; i < NGX_HTTP_TENANT_CHANGE_STMTS; i++) {
        if (sqlite3_prepare_v3(store->db, ngx_http_tenant_change_sql[i], -1,
                               SQLITE_PREPARE_PERSISTENT, &changes->stmts[i],
                               NULL)
            != SQLITE_OK)
        {
            ngx_log_error(NGX_LOG_ERR, store->log, 0,
                          "tenant_registry \"%V\": %s", &store->path,
                          sqlite3_errmsg(store->db));
            ngx_http_tenant_changes_free(changes);
            return NULL;
        }
    }

    return changes;
}


void
ngx_http_tenant_changes_free(ngx_http_tenant_changes_t *changes)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_TENANT_CHANGE_STMTS; i++) {
        (void) sqlite3_finalize(changes->stmts[i]);
    }

    ngx_free(changes);
}


ngx_int_t
ngx_http_tenant_change(ngx_http_tenant_changes_t *changes,
    ngx_http_tenant_change_t *change)
{
    ngx_int_t              rc;
    ngx_http_tenant_row_t  row;

    change->status = 0;
    change->unchanged = 0;
    change->version = 0;
    change->result = NULL;

    rc = ngx_http_tenant_change_identify(changes, change);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_tenant_change_row(changes, change->kind, &change->id, &row)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (row.body == NULL && change->op != NGX_HTTP_TENANT_OP_PUT
        && change->op != NGX_HTTP_TENANT_OP_CREATE)
    {
        rc = ngx_http_tenant_change_missing(change);

    } else {
        rc = ngx_http_tenant_change_conditions(change, &row);
    }

    if (rc == NGX_OK) {

        switch (change->op) {

        case NGX_HTTP_TENANT_OP_DELETE:
            rc = ngx_http_tenant_change_delete(changes, change, &row);
            break;

        case NGX_HTTP_TENANT_OP_STATUS:
            rc = ngx_http_tenant_change_move(changes, change, &row);
            break;

        default:
            rc = ngx_http_tenant_change_write(changes, change, &row);
        }
    }

    json_decref(row.body);

    return rc;
}


static ngx_int_t
ngx_http_tenant_change_write(ngx_http_tenant_changes_t *changes,
    ngx_http_tenant_change_t *change, ngx_http_tenant_row_t *row)
{
    json_t                        *body;
    ngx_int_t                      rc;
    ngx_str_node_t                *sn;
    ngx_http_tenant_json_t         at;
    ngx_http_tenant_json_error_t   err;

    if (change->op == NGX_HTTP_TENANT_OP_CREATE && row->body) {
        return ngx_http_tenant_change_fail(change,
                   ngx_http_tenant_problem(NGX_HTTP_CONFLICT, "exists",
                       "there is \"%V\" in %V already", &change->id,
                       &ngx_http_tenant_collections[change->kind]));
    }

    if (change->op == NGX_HTTP_TENANT_OP_PATCH) {
        body = json_deep_copy(row->body);

        /* to what the client has seen */

        if (change->kind == NGX_HTTP_TENANT_KIND_ISSUER) {
            (void) tenant_secret_conceal(body);
        }

        body = body ? ngx_http_tenant_change_merge(body, change->body)
                    : NULL;

    } else {
        body = json_incref(change->body);
    }

    if (body == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&at, sizeof(ngx_http_tenant_json_t));
    ngx_memzero(&err, sizeof(ngx_http_tenant_json_error_t));

    at.value = body;

    ngx_http_tenant_change_strip(body);

    rc = ngx_http_tenant_change_complete(changes, change, row, body);

    if (rc == NGX_OK) {
        rc = ngx_http_tenant_change_read(changes, change, &at, &sn, &err);
    }

    if (rc == NGX_OK && change->kind == NGX_HTTP_TENANT_KIND_TENANT) {
        rc = ngx_http_tenant_lifecycle_begin(changes, row,
                                             (ngx_http_tenant_tenant_t *) sn,
                                             body);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_tenant_change_store(changes, change, row, sn, body);
    }

    if (rc == NGX_DECLINED && change->result == NULL) {
        rc = ngx_http_tenant_change_invalid(change, &err);
    }

    json_decref(body);

    return rc;
}


/* What was read and may be so is written, unless it is so. */

static ngx_int_t
ngx_http_tenant_change_store(ngx_http_tenant_changes_t *changes,
    ngx_http_tenant_change_t *change, ngx_http_tenant_row_t *row,
    ngx_str_node_t *sn, json_t *body)
{
    ngx_int_t                     rc;
    ngx_http_tenant_json_t        at;
    ngx_http_tenant_json_error_t  err;

    if (row->body && json_equal(row->body, body)) {
        change->status = NGX_HTTP_OK;
        change->unchanged = 1;
        change->version = row->version;
        change->result = ngx_http_tenant_change_represent(change->kind, row);

        return change->result ? NGX_OK : NGX_ERROR;
    }

    ngx_memzero(&at, sizeof(ngx_http_tenant_json_t));
    ngx_memzero(&err, sizeof(ngx_http_tenant_json_error_t));

    at.value = body;

    rc = ngx_http_tenant_change_fits(change, body);
    if (rc != NGX_OK) {
        return rc;
    }

    if (change->defer) {
        return ngx_http_tenant_change_put(changes, change, row, body);
    }

    rc = ngx_http_tenant_links_before(changes, change->kind, sn, &at, &err);

    if (rc == NGX_OK) {
        rc = ngx_http_tenant_change_put(changes, change, row, body);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_tenant_links_after(changes, change->kind, sn, row->body,
                                         &at, &err);
    }

    if (rc == NGX_DECLINED) {
        json_decref(change->result);
        rc = ngx_http_tenant_change_invalid(change, &err);
    }

    return rc;
}


static ngx_int_t
ngx_http_tenant_change_put(ngx_http_tenant_changes_t *changes,
    ngx_http_tenant_change_t *change, ngx_http_tenant_row_t *row,
    json_t *body)
{
    ngx_http_tenant_row_t  now;

    now.body = body;
    now.created = row->body ? row->created : changes->now;
    now.updated = changes->now;

    if (ngx_http_tenant_store_put(changes->store, change->kind, &change->id,
                                  body, changes->now, &now.version)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (change->kind == NGX_HTTP_TENANT_KIND_TENANT
        && ngx_http_tenant_lifecycle_events(changes, &change->id, row, &now)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    change->status = row->body ? NGX_HTTP_OK : NGX_HTTP_CREATED;
    change->version = now.version;
    change->result = ngx_http_tenant_change_represent(change->kind,
                                                      &now);

    return change->result ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_tenant_change_delete(ngx_http_tenant_changes_t *changes,
    ngx_http_tenant_change_t *change, ngx_http_tenant_row_t *row)
{
    json_t      *problem;
    ngx_int_t    rc;
    ngx_uint_t   usage;
    const char  *status;

    if (change->kind == NGX_HTTP_TENANT_KIND_TENANT) {
        status = json_string_value(json_object_get(row->body, "status"));

        if (status == NULL || ngx_strcmp(status, "active") == 0) {
            problem = ngx_http_tenant_problem(NGX_HTTP_CONFLICT,
                          "invalid-transition",
                          "the tenant \"%V\" is active: it is suspended "
                          "or offboarded before it is removed", &change->id);

            if (json_object_set_new(problem, "from", json_string("active"))
                != 0
                || json_object_set_new(problem, "to", json_string("removed"))
                   != 0)
            {
                json_decref(problem);
                return NGX_ERROR;
            }

            return ngx_http_tenant_change_fail(change, problem);
        }

        usage = json_is_true(json_object_get(json_object_get(row->body,
                                                             "offboarding"),
                                             "purge_usage"));

        rc = ngx_http_tenant_change_purge(changes, change->pool, &change->id,
                                          usage);

    } else {
        rc = ngx_http_tenant_change_unused(changes, change);

        if (rc == NGX_OK) {
            rc = ngx_http_tenant_store_delete(changes->store, change->kind,
                                              &change->id, "delete",
                                              changes->now,
                                              &change->version);
        }
    }

    if (rc == NGX_OK) {
        change->status = NGX_HTTP_NO_CONTENT;
    }

    return rc;
}


static ngx_int_t
ngx_http_tenant_change_move(ngx_http_tenant_changes_t *changes,
    ngx_http_tenant_change_t *change, ngx_http_tenant_row_t *row)
{
    json_t     *body;
    ngx_int_t   rc;

    body = json_copy(row->body);
    if (body == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_tenant_lifecycle_move(changes, change, row, body);

    if (rc == NGX_OK) {
        if (json_equal(row->body, body)) {
            change->status = NGX_HTTP_OK;
            change->unchanged = 1;
            change->version = row->version;
            change->result = ngx_http_tenant_change_represent(change->kind, row);
            rc = change->result ? NGX_OK : NGX_ERROR;

        } else {
            rc = ngx_http_tenant_change_put(changes, change, row, body);
        }
    }

    json_decref(body);

    return rc;
}


ngx_int_t
ngx_http_tenant_change_links(ngx_http_tenant_changes_t *changes,
    ngx_pool_t *pool, ngx_uint_t kind, json_t *body,
    ngx_http_tenant_json_error_t *err)
{
    ngx_int_t                  rc;
    ngx_str_node_t            *sn;
    ngx_http_tenant_json_t     at;
    ngx_http_tenant_change_t   change;

    ngx_memzero(&at, sizeof(ngx_http_tenant_json_t));
    ngx_memzero(&change, sizeof(ngx_http_tenant_change_t));

    at.value = body;
    change.pool = pool;
    change.kind = kind;

    rc = ngx_http_tenant_change_read(changes, &change, &at, &sn, err);

    if (rc == NGX_OK) {
        rc = ngx_http_tenant_links_before(changes, kind, sn, &at, err);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_tenant_links_after(changes, kind, sn, NULL, &at, err);
    }

    return rc;
}


/* The id: of the path, of the body, or of what the body names. */

ngx_int_t
ngx_http_tenant_change_identify(ngx_http_tenant_changes_t *changes,
    ngx_http_tenant_change_t *change)
{
    json_t                        *name;
    ngx_int_t                      rc;
    ngx_str_node_t                *sn;
    ngx_http_tenant_json_t         at;
    ngx_http_tenant_json_error_t   err;

    if (change->id.len) {
        return NGX_OK;
    }

    ngx_http_tenant_change_strip(change->body);

    name = json_object_get(change->body,
                           ngx_http_tenant_change_key(change->kind));

    if (json_is_string(name)
        && (change->kind != NGX_HTTP_TENANT_KIND_REVOCATION
            || change->op == NGX_HTTP_TENANT_OP_DELETE))
    {
        change->id.len = json_string_length(name);
        change->id.data = ngx_pnalloc(change->pool, change->id.len + 1);

        if (change->id.data == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(change->id.data, json_string_value(name),
                   change->id.len + 1);

        return NGX_OK;
    }

    ngx_memzero(&at, sizeof(ngx_http_tenant_json_t));
    ngx_memzero(&err, sizeof(ngx_http_tenant_json_error_t));

    at.value = change->body;

    if (change->op == NGX_HTTP_TENANT_OP_DELETE
        && change->kind != NGX_HTTP_TENANT_KIND_REVOCATION)
    {
        (void) ngx_http_tenant_json_fail(&at, &err, "has no \"%s\"",
                   ngx_http_tenant_change_key(change->kind));
        return ngx_http_tenant_change_invalid(change, &err);
    }

    rc = ngx_http_tenant_change_read(changes, change, &at, &sn, &err);

    if (rc == NGX_DECLINED) {
        return ngx_http_tenant_change_invalid(change, &err);
    }

    if (rc == NGX_OK) {
        change->id = sn->str;
    }

    return rc;
}


static ngx_int_t
ngx_http_tenant_change_conditions(ngx_http_tenant_change_t *change,
    ngx_http_tenant_row_t *row)
{
    const char  *header;

    /* RFC 9110, section 13.2.2 */

    header = NULL;

    if (change->if_match.data
        && !ngx_http_tenant_change_match(&change->if_match, row->version, 0))
    {
        header = "If-Match";

    } else if (change->if_none_match.data
               && ngx_http_tenant_change_match(&change->if_none_match,
                                               row->version, 1))
    {
        header = "If-None-Match";
    }

    if (header == NULL) {
        return NGX_OK;
    }

    if (row->body == NULL) {
        return ngx_http_tenant_change_fail(change,
                   ngx_http_tenant_problem(NGX_HTTP_PRECONDITION_FAILED,
                       "precondition-failed",
                       "%s does not hold: there is no \"%V\" in %V", header,
                       &change->id,
                       &ngx_http_tenant_collections[change->kind]));
    }

    return ngx_http_tenant_change_fail(change,
               ngx_http_tenant_problem(NGX_HTTP_PRECONDITION_FAILED,
                   "precondition-failed",
                   "%s does not hold: the version is %L", header,
                   row->version));
}


ngx_int_t
ngx_http_tenant_change_missing(ngx_http_tenant_change_t *change)
{
    return ngx_http_tenant_change_fail(change,
               ngx_http_tenant_problem(NGX_HTTP_NOT_FOUND, "not-found",
                   "there is no \"%V\" in %V", &change->id,
                   &ngx_http_tenant_collections[change->kind]));
}


static ngx_int_t
ngx_http_tenant_change_unused(ngx_http_tenant_changes_t *changes,
    ngx_http_tenant_change_t *change)
{
    json_t        *users, *user, *problem;
    ngx_int_t      rc;
    ngx_uint_t     kind;
    ngx_str_t      id;
    sqlite3_stmt  *stmt;

    stmt = changes->stmts[NGX_HTTP_TENANT_CHANGE_USERS];

    (void) sqlite3_bind_int64(stmt, 1, change->kind);
    ngx_http_tenant_store_bind(stmt, 2, &change->id);
    (void) sqlite3_bind_int64(stmt, 3, NGX_HTTP_TENANT_REFERRERS);

    users = json_array();

    while ((rc = ngx_http_tenant_store_step(changes->store, stmt)) == NGX_OK)
    {
        kind = sqlite3_column_int64(stmt, 0);
        ngx_http_tenant_store_text(stmt, 1, &id);

        user = json_pack("{s:s, s:s%}", "kind",
                         ngx_http_tenant_collections[kind].data, "id",
                         id.data, id.len);

        if (json_array_append_new(users, user) != 0) {
            (void) sqlite3_reset(stmt);
            json_decref(users);
            return NGX_ERROR;
        }
    }

    if (rc != NGX_DONE || json_array_size(users) == 0) {
        json_decref(users);
        return rc == NGX_DONE ? NGX_OK : NGX_ERROR;
    }

    problem = ngx_http_tenant_problem(NGX_HTTP_CONFLICT, "in-use",
                                      "\"%V\" is referred to by others",
                                      &change->id);

    if (json_object_set_new(problem, "referrers", users) != 0) {
        json_decref(problem);
        return NGX_ERROR;
    }

    return ngx_http_tenant_change_fail(change, problem);
}


ngx_int_t
ngx_http_tenant_change_row(ngx_http_tenant_changes_t *changes,
    ngx_uint_t kind, ngx_str_t *id, ngx_http_tenant_row_t *row)
{
    ngx_int_t             rc;
    ngx_str_t             text;
    sqlite3_stmt         *stmt;
    tenant_json_error_t   err;

    ngx_memzero(row, sizeof(ngx_http_tenant_row_t));

    stmt = changes->stmts[NGX_HTTP_TENANT_CHANGE_ROW];

    (void) sqlite3_bind_int64(stmt, 1, kind);
    ngx_http_tenant_store_bind(stmt, 2, id);

    rc = ngx_http_tenant_store_step(changes->store, stmt);

    if (rc != NGX_OK) {
        return rc == NGX_DONE ? NGX_OK : NGX_ERROR;
    }

    ngx_http_tenant_store_text(stmt, 0, &text);

    row->body = tenant_json_parse((char *) text.data, text.len,
                                  &ngx_http_tenant_object_limits, &err);
    row->version = sqlite3_column_int64(stmt, 1);
    row->created = sqlite3_column_int64(stmt, 2);
    row->updated = sqlite3_column_int64(stmt, 3);

    (void) sqlite3_reset(stmt);

    if (row->body == NULL) {
        ngx_log_error(NGX_LOG_ERR, changes->store->log, 0,
                      "tenant_registry \"%V\": an object of %V is broken: %s",
                      &changes->store->path,
                      &ngx_http_tenant_collections[kind],
                      tenant_json_reason(err.code));
        return NGX_ERROR;
    }

    return NGX_OK;
}


json_t *
ngx_http_tenant_change_represent(ngx_uint_t kind, ngx_http_tenant_row_t *row)
{
    json_t  *object;

    if (kind == NGX_HTTP_TENANT_KIND_ISSUER) {
        object = json_deep_copy(row->body);
        (void) tenant_secret_conceal(object);

    } else {
        object = json_copy(row->body);
    }

    if (object == NULL
        || json_object_set_new(object, "version", json_integer(row->version))
           != 0
        || json_object_set_new(object, "created",
                               ngx_http_tenant_change_time(row->created))
           != 0
        || json_object_set_new(object, "updated",
                               ngx_http_tenant_change_time(row->updated))
           != 0)
    {
        json_decref(object);
        return NULL;
    }

    return object;
}


json_t *
ngx_http_tenant_change_time(time_t t)
{
    u_char    buf[sizeof("1970-09-28T12:00:00Z")];
    ngx_tm_t  tm;

    ngx_gmtime(t, &tm);

    *ngx_snprintf(buf, sizeof(buf) - 1, "%4d-%02d-%02dT%02d:%02d:%02dZ",
                  tm.ngx_tm_year, tm.ngx_tm_mon, tm.ngx_tm_mday,
                  tm.ngx_tm_hour, tm.ngx_tm_min, tm.ngx_tm_sec) = '\0';

    return json_string((char *) buf);
}


const char *
ngx_http_tenant_change_key(ngx_uint_t kind)
{
    return kind == NGX_HTTP_TENANT_KIND_ISSUER ? "iss" : "id";
}


ngx_int_t
ngx_http_tenant_change_fail(ngx_http_tenant_change_t *change, json_t *problem)
{
    change->result = problem;

    if (problem == NULL) {
        return NGX_ERROR;
    }

    change->status = json_integer_value(json_object_get(problem, "status"));

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_tenant_change_invalid(ngx_http_tenant_change_t *change,
    ngx_http_tenant_json_error_t *err)
{
    json_t  *problem, *errors;

    problem = ngx_http_tenant_problem(422, "invalid-object", "\"%s\" %s",
                                      err->pointer, err->message);
    errors = json_pack("[{s:s, s:s}]", "pointer", err->pointer, "detail",
                       err->message);

    if (json_object_set_new(problem, "errors", errors) != 0) {
        json_decref(problem);
        problem = NULL;
    }

    return ngx_http_tenant_change_fail(change, problem);
}


/* RFC 9110, section 13.1: "*" / #entity-tag */

ngx_uint_t
ngx_http_tenant_change_match(ngx_str_t *value, int64_t version,
    ngx_uint_t weak)
{
    u_char  *p, *last, *end, tag[NGX_INT64_LEN + 3];
    size_t   len;

    p = value->data;
    last = p + value->len;

    if (value->len == 1 && *p == '*') {
        return version != 0;
    }

    if (version == 0) {
        return 0;
    }

    len = ngx_sprintf(tag, "\"%L\"", version) - tag;

    while (p < last) {
        if (*p == ' ' || *p == '\t' || *p == ',') {
            p++;
            continue;
        }

        end = p;

        if (last - p > 2 && p[0] == 'W' && p[1] == '/') {
            p += weak ? 2 : 0;
            end += 2;
        }

        if (*end == '"') {
            for (end++; end < last && *end != '"'; end++) { /* void */ }
            end += (end < last);

        } else {
            while (end < last && *end != ',') {
                end++;
            }
        }

        if ((size_t) (end - p) == len && ngx_memcmp(p, tag, len) == 0) {
            return 1;
        }

        p = end;
    }

    return 0;
}


ngx_int_t
ngx_http_tenant_change_expire(ngx_http_tenant_changes_t *changes,
    ngx_pool_t *pool)
{
    int64_t        version;
    ngx_int_t      rc;
    ngx_str_t      id, *copy;
    ngx_uint_t     i;
    ngx_array_t    ids;
    sqlite3_stmt  *stmt;

    if (ngx_array_init(&ids, pool, 16, sizeof(ngx_str_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    stmt = changes->stmts[NGX_HTTP_TENANT_CHANGE_EXPIRED];

    (void) sqlite3_bind_int64(stmt, 1, changes->now);
    (void) sqlite3_bind_int64(stmt, 2, NGX_HTTP_TENANT_CHANGE_SWEEP);

    while ((rc = ngx_http_tenant_store_step(changes->store, stmt)) == NGX_OK)
    {
        ngx_http_tenant_store_text(stmt, 0, &id);

        copy = ngx_array_push(&ids);

        if (copy == NULL || (copy->data = ngx_pstrdup(pool, &id)) == NULL) {
            (void) sqlite3_reset(stmt);
            return NGX_ERROR;
        }

        copy->len = id.len;
    }

    if (rc != NGX_DONE) {
        return NGX_ERROR;
    }

    copy = ids.elts;

    for (i = 0; i < ids.nelts; i++) {
        if (ngx_http_tenant_store_delete(changes->store,
                                         NGX_HTTP_TENANT_KIND_REVOCATION,
                                         &copy[i], "delete", changes->now,
                                         &version)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    stmt = changes->stmts[NGX_HTTP_TENANT_CHANGE_FORGET];

    (void) sqlite3_bind_int64(stmt, 1, changes->now);

    return ngx_http_tenant_store_step(changes->store, stmt) == NGX_DONE
           ? NGX_OK : NGX_ERROR;
}
