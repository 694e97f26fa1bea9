/*
 * The durable registry: one SQLite database in WAL mode.
 *
 *   objects  one row an object; "body" is its JSON text, as in the registry
 *            document and the API, without members that the store keeps in
 *            columns of their own (version, created, updated)
 *   refs     which object names which: issuers and tenants, tenants and
 *            tiers, routes and agents
 *   changes  one row a change, in the order of commits; workers follow it,
 *            and so could other machines
 *   outbox   events that wait for the provisioner
 *   requests answers to POSTs that had an Idempotency-Key
 *
 * A connection is for one thread at a time, and never survives a fork.
 */

#ifndef NGX_HTTP_TENANT_STORE_H
#define NGX_HTTP_TENANT_STORE_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <jansson.h>
#include <sqlite3.h>


#define NGX_HTTP_TENANT_STORE_ID       0x6e67746d    /* PRAGMA application_id:
                                                        "ngtm" */
#define NGX_HTTP_TENANT_STORE_SCHEMA   1     /* PRAGMA user_version */

#define NGX_HTTP_TENANT_STORE_CHANGES  100000    /* rows kept of "changes" */


typedef struct ngx_http_tenant_registry_s  ngx_http_tenant_registry_t;

/* What else has to hold of a document; NGX_ERROR: logged. */
typedef ngx_int_t (*ngx_http_tenant_check_pt)(ngx_conf_t *cf,
    ngx_http_tenant_registry_t *registry);


/* Objects of the registry; the numbers stand in databases: never reused. */
typedef enum {
    NGX_HTTP_TENANT_KIND_TIER = 1,
    NGX_HTTP_TENANT_KIND_AGENT = 2,
    NGX_HTTP_TENANT_KIND_TENANT = 3,
    NGX_HTTP_TENANT_KIND_ISSUER = 4,
    NGX_HTTP_TENANT_KIND_PRICE = 5,
    NGX_HTTP_TENANT_KIND_REVOCATION = 6,
    NGX_HTTP_TENANT_KINDS
} ngx_http_tenant_kind_t;


/* "tiers", "agents", …; "" for 0.  As in the document and in the API. */
extern const ngx_str_t  ngx_http_tenant_collections[];


/* The statements that look-ups use; made with the connection. */
typedef enum {
    NGX_HTTP_TENANT_STMT_OBJECT = 0, /* kind, id -> body, version */
    NGX_HTTP_TENANT_STMT_CHANGES,    /* seq -> seq, kind, id, op; ascending */
    NGX_HTTP_TENANT_STMT_CHANGED,    /* -> oldest, newest seq; 0: none */
    NGX_HTTP_TENANT_STMT_REFERRERS,  /* kind, rkind, rid -> id; ascending */
    NGX_HTTP_TENANT_STMT_IDS,        /* kind, after, limit -> id; ascending */
    NGX_HTTP_TENANT_STMT_ISSUERS,    /* limit -> id, none of operators */
    NGX_HTTP_TENANT_STMT_VERSION,    /* -> changes by other connections */
    NGX_HTTP_TENANT_STMT_REVOCATIONS, /* time -> id, before, expires */
    NGX_HTTP_TENANT_STMT_REVOCATION, /* time, id -> the same */
    NGX_HTTP_TENANT_STMT_DUE,        /* time, limit -> id of tenants */
    NGX_HTTP_TENANT_STMT_CHANGE,     /* kind, id, op, time */
    NGX_HTTP_TENANT_STMT_PUT,        /* kind, id, seq, time, status, expires,
                                        body */
    NGX_HTTP_TENANT_STMT_DELETE,     /* kind, id */
    NGX_HTTP_TENANT_STMT_UNREFER,    /* kind, id */
    NGX_HTTP_TENANT_STMT_REFER,      /* kind, id, rkind, rid */
    NGX_HTTP_TENANT_STMTS
} ngx_http_tenant_stmt_t;


typedef struct {
    sqlite3       *db;
    sqlite3_stmt  *stmts[NGX_HTTP_TENANT_STMTS];
    ngx_log_t     *log;
    ngx_str_t      path;
    int            code;          /* SQLite's, of the last failure */
    unsigned       readonly:1;
} ngx_http_tenant_store_t;


/*
 * With the configuration: creates the database and fills it from the
 * document "seed" (or not, if that is empty) when there is none, and brings
 * an older schema up to date.  What is made belongs to the user of the
 * workers.  "nginx -t" creates nothing, but checks as much.  What is wrong
 * is logged.  *frozen: 1 if nobody here can write next to the file, so that
 * all of the cycle open it as such.
 */
ngx_int_t ngx_http_tenant_store_prepare(ngx_conf_t *cf, ngx_str_t *path,
    ngx_str_t *seed, ngx_http_tenant_check_pt check, ngx_uint_t *frozen);

/* A database in memory, of what the document "root" says; NULL: logged. */
ngx_http_tenant_store_t *ngx_http_tenant_store_document(
    ngx_http_tenant_registry_t *registry, json_t *root, ngx_str_t *path,
    ngx_log_t *log);

/*
 * A connection, or NULL (logged).  path: NUL-terminated, and "log" as well
 * as it outlive the connection.  frozen: of prepare().  busy: milliseconds to
 * wait for a lock.
 */
ngx_http_tenant_store_t *ngx_http_tenant_store_open(ngx_str_t *path,
    ngx_uint_t frozen, int busy, ngx_log_t *log);

/* What SQLite is asked for by both; the caller closes *db, also on errors. */
int ngx_http_tenant_store_connect(ngx_str_t *path, ngx_uint_t frozen,
    int flags, sqlite3 **db);
void ngx_http_tenant_store_close(ngx_http_tenant_store_t *store);

/* The same over a connection that is open, and stays open afterwards. */
ngx_http_tenant_store_t *ngx_http_tenant_store_attach(sqlite3 *db,
    ngx_str_t *path, ngx_log_t *log);
void ngx_http_tenant_store_detach(ngx_http_tenant_store_t *store);

/* SQL without results; NGX_ERROR: logged. */
ngx_int_t ngx_http_tenant_store_exec(ngx_http_tenant_store_t *store,
    const char *sql);

/*
 * NGX_OK: a row; NGX_DONE: no (further) row, and the statement has been
 * reset; NGX_ERROR: logged, and reset.  Reset it after the last row wanted.
 */
ngx_int_t ngx_http_tenant_store_step(ngx_http_tenant_store_t *store,
    sqlite3_stmt *stmt);

/*
 * Within a transaction of the caller: writes the object with a row in
 * "changes" and its references, or deletes it.  The body must have been
 * validated; "version" is set to the number of the change.  op: "delete", or
 * "purge" if what was counted of it is to go too.
 */
ngx_int_t ngx_http_tenant_store_put(ngx_http_tenant_store_t *store,
    ngx_uint_t kind, ngx_str_t *id, json_t *body, time_t now,
    int64_t *version);
ngx_int_t ngx_http_tenant_store_delete(ngx_http_tenant_store_t *store,
    ngx_uint_t kind, ngx_str_t *id, const char *op, time_t now,
    int64_t *version);

/* Text of a column: valid until the next step or reset. */
void ngx_http_tenant_store_text(sqlite3_stmt *stmt, int column,
    ngx_str_t *text);

/* Binds a text that stays where it is until the statement is reset. */
void ngx_http_tenant_store_bind(sqlite3_stmt *stmt, int parameter,
    ngx_str_t *text);


#endif /* NGX_HTTP_TENANT_STORE_H */
