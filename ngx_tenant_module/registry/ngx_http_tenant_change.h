/*
 * One change of the registry: validated whole, then written, within a
 * transaction of the caller's.  Nothing of HTTP but the numbers of statuses;
 * nothing of nginx's event loop: a change runs in any thread, over a
 * connection that is that thread's for the time.
 */

#ifndef NGX_HTTP_TENANT_CHANGE_H
#define NGX_HTTP_TENANT_CHANGE_H


#include "../ngx_http_tenant_module.h"


#define NGX_HTTP_TENANT_REFERRERS  100     /* named in a refusal, at most */


typedef enum {
    NGX_HTTP_TENANT_OP_PUT = 0,            /* make or replace */
    NGX_HTTP_TENANT_OP_CREATE,
    NGX_HTTP_TENANT_OP_PATCH,              /* RFC 7396 */
    NGX_HTTP_TENANT_OP_DELETE,
    NGX_HTTP_TENANT_OP_STATUS              /* of a tenant */
} ngx_http_tenant_op_t;


typedef enum {
    NGX_HTTP_TENANT_CHANGE_ROW = 0,        /* kind, id -> body, version,
                                              created, updated */
    NGX_HTTP_TENANT_CHANGE_USERS,          /* rkind, rid, limit -> kind, id;
                                              without revocations */
    NGX_HTTP_TENANT_CHANGE_NAMED,          /* kind, id, rkind -> rid */
    NGX_HTTP_TENANT_CHANGE_ISSUER,         /* iss -> tenant,
                                              subject_namespace, operators */
    NGX_HTTP_TENANT_CHANGE_CLASH,          /* iss, subject_namespace ->
                                              tenant, other iss */
    NGX_HTTP_TENANT_CHANGE_EVENT,          /* tenant, event, time */
    NGX_HTTP_TENANT_CHANGE_EVENTS,         /* tenant: forgets them */
    NGX_HTTP_TENANT_CHANGE_WAITING,        /* tenant -> number of events,
                                              and of the first: attempts,
                                              due, error */
    NGX_HTTP_TENANT_CHANGE_REQUESTS,       /* tenant: forgets answers */
    NGX_HTTP_TENANT_CHANGE_EXPIRED,        /* time, limit -> id */
    NGX_HTTP_TENANT_CHANGE_FORGET,         /* time: forgets answers */
    NGX_HTTP_TENANT_CHANGE_REQUEST,        /* key, time -> digest, status,
                                              headers, body */
    NGX_HTTP_TENANT_CHANGE_KEEP,           /* key, digest, status, headers,
                                              body, expires */
    NGX_HTTP_TENANT_CHANGE_EXPORT,         /* kind, after -> id, body */
    NGX_HTTP_TENANT_CHANGE_STMTS
} ngx_http_tenant_change_stmt_t;


/* What changes over one connection need. */
typedef struct {
    ngx_http_tenant_store_t      *store;
    ngx_http_tenant_main_conf_t  *tmcf;
    sqlite3_stmt                 *stmts[NGX_HTTP_TENANT_CHANGE_STMTS];
    ngx_str_t                     dir;     /* of the registry, with "/" */
    ngx_uint_t                    names;   /* of hosts are allowed */
    time_t                        now;     /* of the transaction */
} ngx_http_tenant_changes_t;


typedef struct {
    ngx_pool_t  *pool;                     /* outlives the change only */
    ngx_uint_t   op;
    ngx_uint_t   kind;
    ngx_uint_t   to;                       /* NGX_HTTP_TENANT_ACTIVE, … of
                                              OP_STATUS */
    ngx_str_t    id;                       /* empty: as the body says */
    ngx_str_t    if_match;                 /* as the header has it; data is
                                              NULL without one */
    ngx_str_t    if_none_match;
    json_t      *body;                     /* an object, or NULL; borrowed,
                                              and changed */
    ngx_uint_t   defer;                    /* leaves to the caller whether
                                              others fit to the object */

    /* the outcome */
    ngx_uint_t   status;                   /* HTTP */
    ngx_uint_t   unchanged;                /* was so already */
    int64_t      version;
    json_t      *result;                   /* the caller's: the object as it
                                              is now, a problem document, or
                                              NULL when it is gone */
} ngx_http_tenant_change_t;


/* A row of "objects". */
typedef struct {
    json_t   *body;                        /* NULL: there is none */
    int64_t   version;
    time_t    created;
    time_t    updated;
} ngx_http_tenant_row_t;


/* NULL: logged.  The store stays the caller's. */
ngx_http_tenant_changes_t *ngx_http_tenant_changes_create(
    ngx_http_tenant_store_t *store, ngx_http_tenant_main_conf_t *tmcf);
void ngx_http_tenant_changes_free(ngx_http_tenant_changes_t *changes);

/*
 * NGX_OK: done; NGX_DECLINED: refused, the result is the problem, and what
 * was written is to be rolled back; NGX_ERROR: the database failed (logged),
 * or there was no memory.
 */
ngx_int_t ngx_http_tenant_change(ngx_http_tenant_changes_t *changes,
    ngx_http_tenant_change_t *change);

/* Finds the id of a change whose body says it; returns as above. */
ngx_int_t ngx_http_tenant_change_identify(ngx_http_tenant_changes_t *changes,
    ngx_http_tenant_change_t *change);

/*
 * What was deferred, of an object as it is stored.  NGX_DECLINED fills err;
 * NGX_ERROR: as above.
 */
ngx_int_t ngx_http_tenant_change_links(ngx_http_tenant_changes_t *changes,
    ngx_pool_t *pool, ngx_uint_t kind, json_t *body,
    ngx_http_tenant_json_error_t *err);

/*
 * Removes a tenant and every trace of it: issuers bound to it, revocations,
 * events and answers; and, if "usage", what was counted of it.  NGX_ERROR: as
 * above.
 */
ngx_int_t ngx_http_tenant_change_purge(ngx_http_tenant_changes_t *changes,
    ngx_pool_t *pool, ngx_str_t *id, ngx_uint_t usage);

/* Revocations and answers whose time is over, some of them. */
ngx_int_t ngx_http_tenant_change_expire(ngx_http_tenant_changes_t *changes,
    ngx_pool_t *pool);

/* "id" or "iss". */
const char *ngx_http_tenant_change_key(ngx_uint_t kind);

/* The row, or one without body; NGX_ERROR: logged. */
ngx_int_t ngx_http_tenant_change_row(ngx_http_tenant_changes_t *changes,
    ngx_uint_t kind, ngx_str_t *id, ngx_http_tenant_row_t *row);

/* With version, created and updated, without secrets; NULL: no memory. */
json_t *ngx_http_tenant_change_represent(ngx_uint_t kind,
    ngx_http_tenant_row_t *row);
void ngx_http_tenant_change_strip(json_t *body);

/* RFC 3339, in UTC. */
json_t *ngx_http_tenant_change_time(time_t t);

/* NGX_DECLINED, with a problem; NGX_ERROR: no memory. */
ngx_int_t ngx_http_tenant_change_fail(ngx_http_tenant_change_t *change,
    json_t *problem);
ngx_int_t ngx_http_tenant_change_missing(ngx_http_tenant_change_t *change);
ngx_int_t ngx_http_tenant_change_invalid(ngx_http_tenant_change_t *change,
    ngx_http_tenant_json_error_t *err);

/* Whether an If-Match or If-None-Match names the version; 0: no object. */
ngx_uint_t ngx_http_tenant_change_match(ngx_str_t *value, int64_t version,
    ngx_uint_t weak);


/* Between objects: ngx_http_tenant_links.c */

/*
 * Before and after the object is written: NGX_DECLINED fills err.  old: what
 * the object was, or NULL.
 */
ngx_int_t ngx_http_tenant_links_before(ngx_http_tenant_changes_t *changes,
    ngx_uint_t kind, ngx_str_node_t *sn, const ngx_http_tenant_json_t *at,
    ngx_http_tenant_json_error_t *err);
ngx_int_t ngx_http_tenant_links_after(ngx_http_tenant_changes_t *changes,
    ngx_uint_t kind, ngx_str_node_t *sn, json_t *old,
    const ngx_http_tenant_json_t *at, ngx_http_tenant_json_error_t *err);


/* What becomes of a tenant: ngx_http_tenant_lifecycle.c */

/*
 * What a body leaves out, before it is read; NGX_DECLINED: it may not become
 * what it says.
 */
ngx_int_t ngx_http_tenant_lifecycle_complete(
    ngx_http_tenant_changes_t *changes, ngx_http_tenant_change_t *change,
    ngx_http_tenant_row_t *row, json_t *body);

/* What a new tenant begins as; tenant: of the body. */
ngx_int_t ngx_http_tenant_lifecycle_begin(ngx_http_tenant_changes_t *changes,
    ngx_http_tenant_row_t *row, ngx_http_tenant_tenant_t *tenant,
    json_t *body);

/* The body of the tenant with another status. */
ngx_int_t ngx_http_tenant_lifecycle_move(ngx_http_tenant_changes_t *changes,
    ngx_http_tenant_change_t *change, ngx_http_tenant_row_t *row,
    json_t *body);

/* Tells the provisioner; "from" has no body: it is new. */
ngx_int_t ngx_http_tenant_lifecycle_events(ngx_http_tenant_changes_t *changes,
    ngx_str_t *id, ngx_http_tenant_row_t *from, ngx_http_tenant_row_t *to);


#endif /* NGX_HTTP_TENANT_CHANGE_H */
