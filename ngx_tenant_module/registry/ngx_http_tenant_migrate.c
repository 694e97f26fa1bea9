/*
 * The database file: made, filled from a document, brought up to date.  Runs
 * with the configuration, in the master.
 */

#include "ngx_http_tenant_registry.h"
#include "ngx_http_tenant_document.h"
#include "ngx_http_tenant_store.h"


static ngx_int_t ngx_http_tenant_store_directory(ngx_conf_t *cf,
    ngx_str_t *path);
static ngx_uid_t ngx_http_tenant_store_user(ngx_conf_t *cf);
static ngx_uint_t ngx_http_tenant_store_frozen(ngx_conf_t *cf,
    ngx_str_t *path, sqlite3 *db);
static ngx_int_t ngx_http_tenant_store_migrate(ngx_conf_t *cf, sqlite3 *db,
    ngx_str_t *path, ngx_str_t *seed, ngx_http_tenant_check_pt check);
static ngx_int_t ngx_http_tenant_store_integer(sqlite3 *db, const char *sql,
    sqlite3_int64 *value);
static ngx_int_t ngx_http_tenant_store_import(ngx_conf_t *cf, sqlite3 *db,
    ngx_str_t *path, ngx_str_t *seed, ngx_http_tenant_check_pt check);
static ngx_int_t ngx_http_tenant_store_fill(ngx_http_tenant_store_t *store,
    ngx_http_tenant_registry_t *registry, json_t *root);
static ngx_int_t ngx_http_tenant_store_import_kind(
    ngx_http_tenant_store_t *store, ngx_http_tenant_registry_t *registry,
    json_t *root, ngx_uint_t kind, const char *key);
static ngx_int_t ngx_http_tenant_store_complete(
    ngx_http_tenant_registry_t *registry, ngx_uint_t kind, ngx_str_t *id,
    json_t *item);
static ngx_int_t ngx_http_tenant_store_own(ngx_conf_t *cf, ngx_str_t *path);


/* One step a schema version: the script at i leads from version i to i + 1. */

static const char *const  ngx_http_tenant_store_scripts[] = {

    "CREATE TABLE objects ("
    " kind INTEGER NOT NULL,"
    " id TEXT NOT NULL,"
    " version INTEGER NOT NULL,"            /* changes.seq of the last write */
    " created INTEGER NOT NULL,"            /* seconds since 1970 */
    " updated INTEGER NOT NULL,"
    " status TEXT,"                         /* of a tenant */
    " expires INTEGER,"                     /* seconds since 1970, or NULL */
    " body TEXT NOT NULL,"                  /* JSON */
    " PRIMARY KEY (kind, id)"
    ") WITHOUT ROWID;"

    "CREATE INDEX objects_status ON objects (kind, status, id)"
    " WHERE status IS NOT NULL;"

    "CREATE INDEX objects_expires ON objects (expires)"
    " WHERE expires IS NOT NULL;"

    /* nobody counts a million rows to say how many there are */

    "CREATE TABLE counts (kind INTEGER PRIMARY KEY, n INTEGER NOT NULL);"
    "INSERT INTO counts VALUES (1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0);"

    "CREATE TRIGGER counts_more AFTER INSERT ON objects BEGIN"
    " UPDATE counts SET n = n + 1 WHERE kind = NEW.kind; END;"

    "CREATE TRIGGER counts_less AFTER DELETE ON objects BEGIN"
    " UPDATE counts SET n = n - 1 WHERE kind = OLD.kind; END;"

    "CREATE TABLE refs ("
    " kind INTEGER NOT NULL,"
    " id TEXT NOT NULL,"
    " rkind INTEGER NOT NULL,"
    " rid TEXT NOT NULL,"
    " PRIMARY KEY (kind, id, rkind, rid)"
    ") WITHOUT ROWID;"

    "CREATE INDEX refs_target ON refs (rkind, rid, kind, id);"

    "CREATE TABLE changes ("
    " seq INTEGER PRIMARY KEY AUTOINCREMENT,"
    " kind INTEGER NOT NULL,"
    " id TEXT NOT NULL,"
    " op TEXT NOT NULL,"                    /* "put", "delete" */
    " time INTEGER NOT NULL"
    ");"

    "CREATE TABLE outbox ("
    " seq INTEGER PRIMARY KEY AUTOINCREMENT,"
    " tenant TEXT NOT NULL,"
    " event TEXT NOT NULL,"                 /* CloudEvents, JSON */
    " created INTEGER NOT NULL,"
    " attempts INTEGER NOT NULL DEFAULT 0,"
    " due INTEGER NOT NULL,"                /* seconds since 1970 */
    " error TEXT"                           /* of the newest attempt */
    ");"

    "CREATE INDEX outbox_tenant ON outbox (tenant, seq);"
    "CREATE INDEX outbox_due ON outbox (due);"

    "CREATE TABLE requests ("
    " key TEXT PRIMARY KEY,"                /* whose, and Idempotency-Key */
    " digest BLOB NOT NULL,"                /* of the request */
    " status INTEGER NOT NULL,"
    " headers TEXT NOT NULL,"               /* of the answer, JSON */
    " body TEXT NOT NULL,"
    " expires INTEGER NOT NULL,"
    " tenant TEXT"                          /* that the answer names */
    ") WITHOUT ROWID;"

    "CREATE INDEX requests_expires ON requests (expires);"

    "CREATE INDEX requests_tenant ON requests (tenant)"
    " WHERE tenant IS NOT NULL;"
};


ngx_int_t
ngx_http_tenant_store_prepare(ngx_conf_t *cf, ngx_str_t *path,
    ngx_str_t *seed, ngx_http_tenant_check_pt check, ngx_uint_t *frozen)
{
    int              rc, flags;
    sqlite3         *db;
    ngx_int_t        result;
    ngx_uint_t       exists;
    ngx_file_info_t  fi;

    exists = ngx_file_info(path->data, &fi) != NGX_FILE_ERROR
             && ngx_file_size(&fi) > 0;

    if (exists && !ngx_is_file(&fi)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "tenant_registry: \"%V\" is not a file", path);
        return NGX_ERROR;
    }

    if (ngx_http_tenant_store_directory(cf, path) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_test_config && !exists) {

        /* what would be made of it, in memory */

        rc = sqlite3_open(":memory:", &db);

    } else {
        flags = ngx_test_config ? SQLITE_OPEN_READONLY
                                : SQLITE_OPEN_READWRITE|SQLITE_OPEN_CREATE;

        rc = ngx_http_tenant_store_connect(path, 0, flags, &db);

        if (rc == SQLITE_OK && exists
            && ngx_http_tenant_store_frozen(cf, path, db))
        {
            (void) sqlite3_close(db);

            *frozen = 1;
            rc = ngx_http_tenant_store_connect(path, 1, flags, &db);
        }
    }

    if (rc != SQLITE_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "tenant_registry \"%V\" cannot be opened: %s",
                           path, db ? sqlite3_errmsg(db)
                                    : sqlite3_errstr(rc));
        (void) sqlite3_close(db);
        return NGX_ERROR;
    }

    (void) sqlite3_busy_timeout(db, 10000);

    result = ngx_http_tenant_store_migrate(cf, db, path, seed, check);

    (void) sqlite3_close(db);

    if (result == NGX_OK && !ngx_test_config) {
        result = ngx_http_tenant_store_own(cf, path);
    }

    return result;
}


/*
 * A WAL database is read with the help of a file next to it.  Where that
 * cannot be made, as on a read-only file system, SQLite reads the file only
 * if told that nothing changes it; whoever writes it nevertheless is not
 * noticed, so that is for a whole cycle, and no worker of it writes.
 */

static ngx_uint_t
ngx_http_tenant_store_frozen(ngx_conf_t *cf, ngx_str_t *path, sqlite3 *db)
{
    int               rc;
    u_char           *wal;
    ngx_file_info_t   fi;

    if (sqlite3_db_readonly(db, "main") != 1) {
        return 0;
    }

    rc = sqlite3_exec(db, "SELECT 1 FROM sqlite_schema LIMIT 1", NULL, NULL,
                      NULL);

    /* one that is locked or broken is none that nobody writes */

    if ((rc & 0xff) != SQLITE_READONLY && (rc & 0xff) != SQLITE_CANTOPEN) {
        return 0;
    }

    wal = ngx_pnalloc(cf->temp_pool, path->len + sizeof("-wal"));
    if (wal == NULL) {
        return 0;
    }

    *ngx_sprintf(wal, "%V-wal", path) = '\0';

    if (ngx_file_info(wal, &fi) != NGX_FILE_ERROR && ngx_file_size(&fi) > 0) {

        /* the newest changes are in there, and SQLite says what is missing */

        return 0;
    }

    ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                       "tenant_registry \"%V\" cannot be written: changes "
                       "are refused until a start or a reload with one that "
                       "can", path);

    return 1;
}


static ngx_int_t
ngx_http_tenant_store_migrate(ngx_conf_t *cf, sqlite3 *db, ngx_str_t *path,
    ngx_str_t *seed, ngx_http_tenant_check_pt check)
{
    char            sql[256];
    ngx_uint_t      fresh;
    sqlite3_int64   id, version, tables;

    if (ngx_http_tenant_store_integer(db, "PRAGMA application_id", &id)
        != NGX_OK
        || ngx_http_tenant_store_integer(db, "PRAGMA user_version", &version)
           != NGX_OK
        || ngx_http_tenant_store_integer(db,
                                         "SELECT count(*) FROM sqlite_schema",
                                         &tables)
           != NGX_OK)
    {
        goto failed;
    }

    fresh = (id == 0 && version == 0 && tables == 0);

    if (!fresh && id != NGX_HTTP_TENANT_STORE_ID) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "tenant_registry \"%V\" is a database of another "
                           "program", path);
        return NGX_ERROR;
    }

    if (version > NGX_HTTP_TENANT_STORE_SCHEMA) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "tenant_registry \"%V\" has schema %L of a newer "
                           "version of the module, this one knows %d", path,
                           (int64_t) version, NGX_HTTP_TENANT_STORE_SCHEMA);
        return NGX_ERROR;
    }

    if (version == NGX_HTTP_TENANT_STORE_SCHEMA) {
        return NGX_OK;
    }

    if (ngx_test_config && !fresh) {

        /* the start that follows will do it */

        return NGX_OK;
    }

    if (sqlite3_exec(db, "PRAGMA journal_mode = WAL;"
                         "PRAGMA synchronous = FULL;"
                         "BEGIN IMMEDIATE", NULL, NULL, NULL)
        != SQLITE_OK)
    {
        goto failed;
    }

    for ( /* void */ ; version < NGX_HTTP_TENANT_STORE_SCHEMA; version++) {
        if (sqlite3_exec(db, ngx_http_tenant_store_scripts[version], NULL,
                         NULL, NULL)
            != SQLITE_OK)
        {
            goto failed;
        }
    }

    if (fresh && seed->len
        && ngx_http_tenant_store_import(cf, db, path, seed, check) != NGX_OK)
    {
        (void) sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
        return NGX_ERROR;
    }

    *ngx_snprintf((u_char *) sql, sizeof(sql) - 1,
                  "PRAGMA application_id = %d;"
                  "PRAGMA user_version = %d;"
                  "COMMIT", NGX_HTTP_TENANT_STORE_ID,
                  NGX_HTTP_TENANT_STORE_SCHEMA) = '\0';

    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        goto failed;
    }

    return NGX_OK;

failed:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "tenant_registry \"%V\": %s",
                       path, sqlite3_errmsg(db));
    (void) sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_tenant_store_integer(sqlite3 *db, const char *sql,
    sqlite3_int64 *value)
{
    int            rc;
    sqlite3_stmt  *stmt;

    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK) {
        return NGX_ERROR;
    }

    rc = sqlite3_step(stmt);
    *value = sqlite3_column_int64(stmt, 0);

    (void) sqlite3_finalize(stmt);

    return rc == SQLITE_ROW ? NGX_OK : NGX_ERROR;
}


/* Within the transaction that makes the tables. */

static ngx_int_t
ngx_http_tenant_store_import(ngx_conf_t *cf, sqlite3 *db, ngx_str_t *path,
    ngx_str_t *seed, ngx_http_tenant_check_pt check)
{
    json_t                      *root;
    ngx_int_t                    rc;
    ngx_http_tenant_store_t     *store;
    ngx_http_tenant_document_t   doc;

    /* the objects go with a pool of their own, the text is what is kept */

    doc.pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, cf->log);
    if (doc.pool == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_ERROR;
    root = ngx_http_tenant_document_read(cf, &doc, seed);

    if (root == NULL) {
        ngx_destroy_pool(doc.pool);
        return NGX_ERROR;
    }

    store = check(cf, doc.registry) == NGX_OK
            ? ngx_http_tenant_store_attach(db, path, cf->log) : NULL;

    if (store) {
        rc = ngx_http_tenant_store_fill(store, doc.registry, root);
    }

    if (store) {
        ngx_http_tenant_store_detach(store);
    }

    json_decref(root);
    ngx_destroy_pool(doc.pool);

    return rc;
}


static ngx_int_t
ngx_http_tenant_store_fill(ngx_http_tenant_store_t *store,
    ngx_http_tenant_registry_t *registry, json_t *root)
{
    ngx_uint_t  i;

    static const struct {
        ngx_uint_t   kind;
        const char  *key;
    } lists[] = {
        { NGX_HTTP_TENANT_KIND_TIER, "id" },
        { NGX_HTTP_TENANT_KIND_AGENT, "id" },
        { NGX_HTTP_TENANT_KIND_TENANT, "id" },
        { NGX_HTTP_TENANT_KIND_ISSUER, "iss" },
        { NGX_HTTP_TENANT_KIND_PRICE, "id" },
        { NGX_HTTP_TENANT_KIND_REVOCATION, "id" }
    };

    for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        if (ngx_http_tenant_store_import_kind(store, registry, root,
                                              lists[i].kind, lists[i].key)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_http_tenant_store_t *
ngx_http_tenant_store_document(ngx_http_tenant_registry_t *registry,
    json_t *root, ngx_str_t *path, ngx_log_t *log)
{
    sqlite3                  *db;
    ngx_uint_t                i;
    ngx_http_tenant_store_t  *store;

    if (sqlite3_open(":memory:", &db) != SQLITE_OK) {
        goto failed;
    }

    for (i = 0; i < NGX_HTTP_TENANT_STORE_SCHEMA; i++) {
        if (sqlite3_exec(db, ngx_http_tenant_store_scripts[i], NULL, NULL,
                         NULL)
            != SQLITE_OK)
        {
            goto failed;
        }
    }

    store = ngx_http_tenant_store_attach(db, path, log);
    if (store == NULL) {
        goto failed;
    }

    store->readonly = 1;

    if (ngx_http_tenant_store_exec(store, "BEGIN") == NGX_OK
        && ngx_http_tenant_store_fill(store, registry, root) == NGX_OK
        && ngx_http_tenant_store_exec(store, "DELETE FROM changes; COMMIT")
           == NGX_OK)
    {
        return store;
    }

    ngx_http_tenant_store_close(store);

    return NULL;

failed:

    ngx_log_error(NGX_LOG_ERR, log, 0, "tenant_registry \"%V\": %s", path,
                  sqlite3_errmsg(db));
    (void) sqlite3_close(db);

    return NULL;
}


static ngx_int_t
ngx_http_tenant_store_import_kind(ngx_http_tenant_store_t *store,
    ngx_http_tenant_registry_t *registry, json_t *root, ngx_uint_t kind,
    const char *key)
{
    size_t      i;
    json_t     *item, *name;
    int64_t     version;
    ngx_str_t   id;

    json_array_foreach(json_object_get(root,
                           (char *) ngx_http_tenant_collections[kind].data),
                       i, item)
    {
        name = json_object_get(item, key);

        id.data = (u_char *) json_string_value(name);
        id.len = json_string_length(name);

        if (ngx_http_tenant_store_complete(registry, kind, &id, item) != NGX_OK
            || ngx_http_tenant_store_put(store, kind, &id, item, ngx_time(),
                                         &version)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* What a document says by leaving it out, or by where it stands. */

static ngx_int_t
ngx_http_tenant_store_complete(ngx_http_tenant_registry_t *registry,
    ngx_uint_t kind, ngx_str_t *id, json_t *item)
{
    ngx_http_tenant_issuer_t  *issuer;

    switch (kind) {

    case NGX_HTTP_TENANT_KIND_TENANT:
        if (json_object_get(item, "status")) {
            return NGX_OK;
        }

        return json_object_set_new(item, "status", json_string("active")) == 0
               ? NGX_OK : NGX_ERROR;

    case NGX_HTTP_TENANT_KIND_ISSUER:
        issuer = (ngx_http_tenant_issuer_t *)
                     ngx_http_tenant_registry_peek(registry, kind, id);

        if (issuer->introspection && issuer->introspection->secret_file.len
            && json_object_set_new(json_object_get(item, "introspection"),
                                   "client_secret_file",
                   json_string((char *)
                               issuer->introspection->secret_file.data))
               != 0)
        {
            return NGX_ERROR;
        }

        if (issuer->jwks_file.len == 0) {
            return NGX_OK;
        }

        return json_object_set_new(item, "jwks_file",
                           json_string((char *) issuer->jwks_file.data))
               == 0 ? NGX_OK : NGX_ERROR;

    default:
        return NGX_OK;
    }
}


/*
 * Workers make files beside the database (its write-ahead log), so the
 * directory has to be theirs to write.
 */

static ngx_int_t
ngx_http_tenant_store_directory(ngx_conf_t *cf, ngx_str_t *path)
{
    int              rc;
    size_t           n;
    u_char          *dir;
    ngx_uid_t        user;
    ngx_file_info_t  fi;

    for (n = path->len; n > 1 && path->data[n - 1] != '/'; n--) { /* void */ }

    dir = ngx_pnalloc(cf->pool, n + 1);
    if (dir == NULL) {
        return NGX_ERROR;
    }

    ngx_cpystrn(dir, path->data, n > 1 ? n : n + 1);

    user = ngx_http_tenant_store_user(cf);

    if (ngx_file_info(dir, &fi) == NGX_FILE_ERROR && ngx_errno == NGX_ENOENT
        && !ngx_test_config)
    {
        if (ngx_create_dir(dir, 0700) == NGX_FILE_ERROR
            || (user != (ngx_uid_t) NGX_CONF_UNSET
                && chown((char *) dir, user, -1) == -1))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                               "tenant_registry: cannot make the directory "
                               "\"%s\"", dir);
            return NGX_ERROR;
        }
    }

    if (ngx_file_info(dir, &fi) == NGX_FILE_ERROR) {

        if (ngx_test_config && ngx_errno == NGX_ENOENT) {
            return NGX_OK;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "tenant_registry: cannot use the directory "
                           "\"%s\"", dir);
        return NGX_ERROR;
    }

    if (user == (ngx_uid_t) NGX_CONF_UNSET || user == 0) {
        return NGX_OK;
    }

    /* asked as the user of the workers */

    if (seteuid(user) == -1) {
        return NGX_OK;
    }

    rc = faccessat(AT_FDCWD, (char *) dir, W_OK|X_OK, AT_EACCESS);

    if (seteuid(0) == -1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno, "seteuid(0) failed");
        return NGX_ERROR;
    }

    if (rc == -1) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "tenant_registry: the workers cannot write to the "
                           "directory \"%s\": the registry will be read-only",
                           dir);
    }

    return NGX_OK;
}


/* Of the workers, if that is not who we are. */

static ngx_uid_t
ngx_http_tenant_store_user(ngx_conf_t *cf)
{
    struct passwd    *pwd;
    ngx_core_conf_t  *ccf;

    if (geteuid() != 0) {
        return (ngx_uid_t) NGX_CONF_UNSET;
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                           ngx_core_module);

    if (ccf->user != (ngx_uid_t) NGX_CONF_UNSET_UINT) {
        return ccf->user;
    }

    pwd = getpwnam(NGX_USER);

    return pwd ? pwd->pw_uid : (ngx_uid_t) NGX_CONF_UNSET;
}


static ngx_int_t
ngx_http_tenant_store_own(ngx_conf_t *cf, ngx_str_t *path)
{
    u_char      *name;
    ngx_uid_t    user;
    ngx_uint_t   i;

    static const char *const  suffixes[] = { "", "-wal", "-shm" };

    user = ngx_http_tenant_store_user(cf);

    if (user == (ngx_uid_t) NGX_CONF_UNSET) {
        return NGX_OK;
    }

    name = ngx_pnalloc(cf->pool, path->len + sizeof("-wal"));
    if (name == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        *ngx_sprintf(name, "%V%s", path, suffixes[i]) = '\0';

        if (chown((char *) name, user, -1) == -1 && ngx_errno != NGX_ENOENT
            && ngx_errno != EROFS)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                               "tenant_registry: chown(\"%s\") failed", name);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
