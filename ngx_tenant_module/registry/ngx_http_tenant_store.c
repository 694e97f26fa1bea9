#include "ngx_http_tenant_store.h"


static ngx_int_t ngx_http_tenant_store_pragma(ngx_http_tenant_store_t *store,
    const char *sql, sqlite3_int64 *value);
static ngx_int_t ngx_http_tenant_store_change(ngx_http_tenant_store_t *store,
    ngx_uint_t kind, ngx_str_t *id, const char *op, time_t now,
    int64_t *version);
static ngx_int_t ngx_http_tenant_store_refs(ngx_http_tenant_store_t *store,
    ngx_uint_t kind, ngx_str_t *id, json_t *body);
static ngx_int_t ngx_http_tenant_store_refer(ngx_http_tenant_store_t *store,
    ngx_uint_t kind, ngx_str_t *id, ngx_uint_t rkind, const char *rid);


const ngx_str_t  ngx_http_tenant_collections[] = {
    ngx_string(""),
    ngx_string("tiers"),
    ngx_string("agents"),
    ngx_string("tenants"),
    ngx_string("issuers"),
    ngx_string("prices"),
    ngx_string("revocations"),
    ngx_null_string
};


static const char *const  ngx_http_tenant_store_sql[] = {

    "SELECT body, version FROM objects WHERE kind = ? AND id = ?",

    "SELECT seq, kind, id, op FROM changes WHERE seq > ? ORDER BY seq",

    /* one search each; both in one would be a scan */

    "SELECT ifnull((SELECT min(seq) FROM changes), 0),"
    " ifnull((SELECT max(seq) FROM changes), 0)",

    "SELECT id FROM refs WHERE rkind = ?2 AND rid = ?3 AND kind = ?1"
    " ORDER BY id",

    "SELECT id FROM objects WHERE kind = ? AND id > ? ORDER BY id LIMIT ?",

    "SELECT id FROM objects WHERE kind = 4"
    " AND json_extract(body, '$.operators') IS NULL ORDER BY id LIMIT ?",

    "PRAGMA data_version",

    "SELECT id, ifnull(json_extract(body, '$.issued_before'), 0), expires"
    " FROM objects WHERE kind = 6 AND expires > ?1",

    "SELECT id, ifnull(json_extract(body, '$.issued_before'), 0), expires"
    " FROM objects WHERE kind = 6 AND id = ?2 AND expires > ?1",

    "SELECT id FROM objects INDEXED BY objects_expires"
    " WHERE expires <= ?1 AND kind = 3 AND status = 'offboarding'"
    " ORDER BY expires LIMIT ?2",

    "INSERT INTO changes (kind, id, op, time) VALUES (?, ?, ?, ?)",

    "INSERT INTO objects (kind, id, version, created, updated, status,"
    " expires, body) VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7)"
    " ON CONFLICT (kind, id) DO UPDATE SET version = ?3, updated = ?4,"
    " status = ?5, expires = ?6, body = ?7",

    "DELETE FROM objects WHERE kind = ? AND id = ?",

    "DELETE FROM refs WHERE kind = ? AND id = ?",

    "INSERT OR IGNORE INTO refs (kind, id, rkind, rid) VALUES (?, ?, ?, ?)"
};


ngx_http_tenant_store_t *
ngx_http_tenant_store_open(ngx_str_t *path, ngx_uint_t frozen, int busy,
    ngx_log_t *log)
{
    int                       rc;
    sqlite3                  *db;
    sqlite3_int64             id;
    ngx_http_tenant_store_t  *store;

    rc = ngx_http_tenant_store_connect(path, frozen,
                                       SQLITE_OPEN_READWRITE
                                       |SQLITE_OPEN_NOMUTEX, &db);

    if (rc != SQLITE_OK) {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "tenant_registry \"%V\" cannot be opened: %s", path,
                      db ? sqlite3_errmsg(db) : sqlite3_errstr(rc));
        (void) sqlite3_close(db);
        return NULL;
    }

    (void) sqlite3_busy_timeout(db, busy);

    store = ngx_http_tenant_store_attach(db, path, log);

    if (store == NULL) {
        (void) sqlite3_close(db);
        return NULL;
    }

    /* a commit is on the disk before it is answered */

    if (ngx_http_tenant_store_exec(store,
                                   "PRAGMA synchronous = FULL;"
                                   "PRAGMA trusted_schema = OFF;"
                                   "PRAGMA temp_store = MEMORY")
        != NGX_OK
        || ngx_http_tenant_store_pragma(store, "PRAGMA application_id", &id)
           != NGX_OK)
    {
        ngx_http_tenant_store_close(store);
        return NULL;
    }

    if (id != NGX_HTTP_TENANT_STORE_ID) {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "tenant_registry \"%V\" is no tenant registry", path);
        ngx_http_tenant_store_close(store);
        return NULL;
    }

    return store;
}


int
ngx_http_tenant_store_connect(ngx_str_t *path, ngx_uint_t frozen, int flags,
    sqlite3 **db)
{
    int      rc;
    u_char  *uri, *p;

    if (!frozen) {

        /* SQLite itself falls back to reading when it must not write */

        return sqlite3_open_v2((char *) path->data, db, flags, NULL);
    }

    *db = NULL;

    uri = sqlite3_malloc(sizeof("file:?immutable=1") + path->len * 3);
    if (uri == NULL) {
        return SQLITE_NOMEM;
    }

    p = ngx_cpymem(uri, "file:", 5);
    p = (u_char *) ngx_escape_uri(p, path->data, path->len,
                                  NGX_ESCAPE_URI);
    ngx_memcpy(p, "?immutable=1", sizeof("?immutable=1"));

    flags &= ~(SQLITE_OPEN_READWRITE|SQLITE_OPEN_CREATE);

    rc = sqlite3_open_v2((char *) uri, db,
                         flags|SQLITE_OPEN_READONLY|SQLITE_OPEN_URI, NULL);

    sqlite3_free(uri);

    return rc;
}


void
ngx_http_tenant_store_close(ngx_http_tenant_store_t *store)
{
    sqlite3  *db;

    db = store->db;

    ngx_http_tenant_store_detach(store);

    (void) sqlite3_close(db);
}


ngx_http_tenant_store_t *
ngx_http_tenant_store_attach(sqlite3 *db, ngx_str_t *path, ngx_log_t *log)
{
    ngx_uint_t                i;
    ngx_http_tenant_store_t  *store;

    store = ngx_calloc(sizeof(ngx_http_tenant_store_t), log);
    if (store == NULL) {
        return NULL;
    }

    store->db = db;
    store->log = log;
    store->path = *path;
    store->readonly = sqlite3_db_readonly(db, "main") == 1;

    for (i = 0; i < NGX_HTTP_TENANT_STMTS; i++) {
        if (sqlite3_prepare_v3(db, ngx_http_tenant_store_sql[i], -1,
                               SQLITE_PREPARE_PERSISTENT, &store->stmts[i],
                               NULL)
            != SQLITE_OK)
        {
            ngx_log_error(NGX_LOG_EMERG, log, 0,
                          "tenant_registry \"%V\": %s", path,
                          sqlite3_errmsg(db));
            ngx_http_tenant_store_detach(store);
            return NULL;
        }
    }

    return store;
}


void
ngx_http_tenant_store_detach(ngx_http_tenant_store_t *store)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_TENANT_STMTS; i++) {
        (void) sqlite3_finalize(store->stmts[i]);
    }

    ngx_free(store);
}


ngx_int_t
ngx_http_tenant_store_exec(ngx_http_tenant_store_t *store, const char *sql)
{
    if (sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK) {
        return NGX_OK;
    }

    store->code = sqlite3_errcode(store->db);

    ngx_log_error(NGX_LOG_ERR, store->log, 0, "tenant_registry \"%V\": %s",
                  &store->path, sqlite3_errmsg(store->db));

    return NGX_ERROR;
}


ngx_int_t
ngx_http_tenant_store_step(ngx_http_tenant_store_t *store,
    sqlite3_stmt *stmt)
{
    switch (sqlite3_step(stmt)) {

    case SQLITE_ROW:
        return NGX_OK;

    case SQLITE_DONE:
        (void) sqlite3_reset(stmt);
        return NGX_DONE;

    default:
        store->code = sqlite3_errcode(store->db);

        ngx_log_error(NGX_LOG_ERR, store->log, 0,
                      "tenant_registry \"%V\": %s", &store->path,
                      sqlite3_errmsg(store->db));
        (void) sqlite3_reset(stmt);
        return NGX_ERROR;
    }
}


void
ngx_http_tenant_store_text(sqlite3_stmt *stmt, int column, ngx_str_t *text)
{
    text->data = (u_char *) sqlite3_column_text(stmt, column);
    text->len = sqlite3_column_bytes(stmt, column);
}


void
ngx_http_tenant_store_bind(sqlite3_stmt *stmt, int parameter,
    ngx_str_t *text)
{
    /* no text is longer than an int: requests and documents are bounded */

    (void) sqlite3_bind_text(stmt, parameter, (char *) text->data,
                             (int) text->len, SQLITE_STATIC);
}


ngx_int_t
ngx_http_tenant_store_put(ngx_http_tenant_store_t *store, ngx_uint_t kind,
    ngx_str_t *id, json_t *body, time_t now, int64_t *version)
{
    char          *text;
    json_t        *status, *expires;
    ngx_int_t      rc;
    sqlite3_stmt  *stmt;

    if (ngx_http_tenant_store_change(store, kind, id, "put", now, version)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    text = json_dumps(body, JSON_COMPACT);
    if (text == NULL) {
        return NGX_ERROR;
    }

    status = json_object_get(body, "status");
    expires = json_object_get(body, "expires");

    if (kind == NGX_HTTP_TENANT_KIND_TENANT) {
        expires = json_object_get(json_object_get(body, "offboarding"),
                                  "deadline");
    }

    stmt = store->stmts[NGX_HTTP_TENANT_STMT_PUT];

    (void) sqlite3_bind_int64(stmt, 1, kind);
    ngx_http_tenant_store_bind(stmt, 2, id);
    (void) sqlite3_bind_int64(stmt, 3, *version);
    (void) sqlite3_bind_int64(stmt, 4, now);
    (void) sqlite3_bind_text(stmt, 5, json_string_value(status), -1,
                             SQLITE_STATIC);

    if (json_is_integer(expires)) {
        (void) sqlite3_bind_int64(stmt, 6, json_integer_value(expires));

    } else {
        (void) sqlite3_bind_null(stmt, 6);
    }

    (void) sqlite3_bind_text(stmt, 7, text, -1, SQLITE_STATIC);

    rc = ngx_http_tenant_store_step(store, stmt);

    free(text);

    if (rc != NGX_DONE) {
        return NGX_ERROR;
    }

    return ngx_http_tenant_store_refs(store, kind, id, body);
}


ngx_int_t
ngx_http_tenant_store_delete(ngx_http_tenant_store_t *store, ngx_uint_t kind,
    ngx_str_t *id, const char *op, time_t now, int64_t *version)
{
    sqlite3_stmt  *stmt;

    if (ngx_http_tenant_store_change(store, kind, id, op, now, version)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    stmt = store->stmts[NGX_HTTP_TENANT_STMT_DELETE];

    (void) sqlite3_bind_int64(stmt, 1, kind);
    ngx_http_tenant_store_bind(stmt, 2, id);

    if (ngx_http_tenant_store_step(store, stmt) != NGX_DONE) {
        return NGX_ERROR;
    }

    return ngx_http_tenant_store_refs(store, kind, id, NULL);
}


static ngx_int_t
ngx_http_tenant_store_change(ngx_http_tenant_store_t *store, ngx_uint_t kind,
    ngx_str_t *id, const char *op, time_t now, int64_t *version)
{
    sqlite3_stmt  *stmt;

    stmt = store->stmts[NGX_HTTP_TENANT_STMT_CHANGE];

    (void) sqlite3_bind_int64(stmt, 1, kind);
    ngx_http_tenant_store_bind(stmt, 2, id);
    (void) sqlite3_bind_text(stmt, 3, op, -1, SQLITE_STATIC);
    (void) sqlite3_bind_int64(stmt, 4, now);

    if (ngx_http_tenant_store_step(store, stmt) != NGX_DONE) {
        return NGX_ERROR;
    }

    *version = sqlite3_last_insert_rowid(store->db);

    return NGX_OK;
}


/* What the object names, in place of what it named; NULL: nothing. */

static ngx_int_t
ngx_http_tenant_store_refs(ngx_http_tenant_store_t *store, ngx_uint_t kind,
    ngx_str_t *id, json_t *body)
{
    size_t         i;
    json_t        *value;
    ngx_uint_t     n;
    const char    *agent;
    sqlite3_stmt  *stmt;

    static const struct {
        const char  *member;
        ngx_uint_t   kind;
    } names[] = {
        { "tier", NGX_HTTP_TENANT_KIND_TIER },
        { "tenant", NGX_HTTP_TENANT_KIND_TENANT },
        { "issuer", NGX_HTTP_TENANT_KIND_ISSUER }
    };

    stmt = store->stmts[NGX_HTTP_TENANT_STMT_UNREFER];

    (void) sqlite3_bind_int64(stmt, 1, kind);
    ngx_http_tenant_store_bind(stmt, 2, id);

    if (ngx_http_tenant_store_step(store, stmt) != NGX_DONE) {
        return NGX_ERROR;
    }

    for (n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        value = json_object_get(body, names[n].member);

        if (json_is_string(value)
            && ngx_http_tenant_store_refer(store, kind, id, names[n].kind,
                                           json_string_value(value))
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    json_array_foreach(json_object_get(body, "issuers"), i, value) {
        if (ngx_http_tenant_store_refer(store, kind, id,
                                        NGX_HTTP_TENANT_KIND_ISSUER,
                                        json_string_value(value))
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    json_object_foreach(json_object_get(body, "routes"), agent, value) {
        if (ngx_http_tenant_store_refer(store, kind, id,
                                        NGX_HTTP_TENANT_KIND_AGENT, agent)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_store_refer(ngx_http_tenant_store_t *store, ngx_uint_t kind,
    ngx_str_t *id, ngx_uint_t rkind, const char *rid)
{
    sqlite3_stmt  *stmt;

    stmt = store->stmts[NGX_HTTP_TENANT_STMT_REFER];

    (void) sqlite3_bind_int64(stmt, 1, kind);
    ngx_http_tenant_store_bind(stmt, 2, id);
    (void) sqlite3_bind_int64(stmt, 3, rkind);
    (void) sqlite3_bind_text(stmt, 4, rid, -1, SQLITE_STATIC);

    return ngx_http_tenant_store_step(store, stmt) == NGX_DONE ? NGX_OK
                                                               : NGX_ERROR;
}


static ngx_int_t
ngx_http_tenant_store_pragma(ngx_http_tenant_store_t *store, const char *sql,
    sqlite3_int64 *value)
{
    ngx_int_t      rc;
    sqlite3_stmt  *stmt;

    if (sqlite3_prepare_v2(store->db, sql, -1, &stmt, NULL) != SQLITE_OK) {
        ngx_log_error(NGX_LOG_ERR, store->log, 0,
                      "tenant_registry \"%V\": %s", &store->path,
                      sqlite3_errmsg(store->db));
        return NGX_ERROR;
    }

    rc = ngx_http_tenant_store_step(store, stmt);

    if (rc == NGX_OK) {
        *value = sqlite3_column_int64(stmt, 0);
    }

    (void) sqlite3_finalize(stmt);

    return rc == NGX_OK ? NGX_OK : NGX_ERROR;
}
