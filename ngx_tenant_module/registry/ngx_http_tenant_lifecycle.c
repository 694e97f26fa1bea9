/*
 * What becomes of a tenant:
 *
 *   provisioning -> active, offboarding
 *   active       -> suspended, offboarding
 *   suspended    -> active, offboarding
 *   offboarding  -> removed
 *
 * and what the provisioner is told of it.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/rand.h>

#include "ngx_http_tenant_change.h"
#include "ngx_http_tenant_provisioner.h"


#define NGX_HTTP_TENANT_OFFBOARD_DEADLINE  300          /* seconds */
#define NGX_HTTP_TENANT_OFFBOARD_MAX       (30 * 86400)

#define NGX_HTTP_TENANT_STATUS_NONE        4            /* not there (yet) */


static ngx_uint_t ngx_http_tenant_lifecycle_status(json_t *body);
static ngx_int_t ngx_http_tenant_lifecycle_refuse(
    ngx_http_tenant_change_t *change, ngx_uint_t from, ngx_uint_t to);
static ngx_int_t ngx_http_tenant_lifecycle_offboard(
    ngx_http_tenant_changes_t *changes, json_t *body, json_int_t seconds,
    ngx_uint_t purge_usage);
static ngx_int_t ngx_http_tenant_lifecycle_served(
    ngx_http_tenant_changes_t *changes, json_t *body, ngx_uint_t *served);
static ngx_uint_t ngx_http_tenant_lifecycle_servers(json_t *routes);
static ngx_int_t ngx_http_tenant_lifecycle_event(
    ngx_http_tenant_changes_t *changes, ngx_str_t *id, const char *type,
    json_t *tenant);
static ngx_int_t ngx_http_tenant_purge_others(
    ngx_http_tenant_changes_t *changes, ngx_pool_t *pool, ngx_uint_t kind,
    ngx_uint_t rkind, ngx_str_t *rid);
static ngx_int_t ngx_http_tenant_purge_rows(
    ngx_http_tenant_changes_t *changes, ngx_uint_t stmt, ngx_str_t *id);


/* from -> to */

static const u_char  ngx_http_tenant_transitions[5][4] = {
    /*                   provisioning  active  suspended  offboarding */
    /* provisioning */ { 1,            1,      0,         1 },
    /* active */       { 0,            1,      1,         1 },
    /* suspended */    { 0,            1,      1,         1 },
    /* offboarding */  { 0,            0,      0,         1 },
    /* not there */    { 1,            1,      1,         1 }
};

static const char *const  ngx_http_tenant_offboard_members[] = {
    "deadline", "purge_usage", NULL
};


/* A status that is not said stays, and so does the deadline. */

ngx_int_t
ngx_http_tenant_lifecycle_complete(ngx_http_tenant_changes_t *changes,
    ngx_http_tenant_change_t *change, ngx_http_tenant_row_t *row,
    json_t *body)
{
    json_t      *value;
    ngx_uint_t   from, to;

    from = ngx_http_tenant_lifecycle_status(row->body);

    if (json_object_get(body, "status") == NULL) {
        value = json_string(from == NGX_HTTP_TENANT_STATUS_NONE
                            ? "active"
                            : (char *) ngx_http_tenant_statuses[from].data);

        if (json_object_set_new(body, "status", value) != 0) {
            return NGX_ERROR;
        }
    }

    to = ngx_http_tenant_lifecycle_status(body);

    if (to != NGX_HTTP_TENANT_STATUS_NONE
        && !ngx_http_tenant_transitions[from][to])
    {
        return ngx_http_tenant_lifecycle_refuse(change, from, to);
    }

    if (to != NGX_HTTP_TENANT_OFFBOARDING
        || json_object_get(body, "offboarding"))
    {
        return NGX_OK;
    }

    value = json_object_get(row->body, "offboarding");

    if (value) {
        return json_object_set(body, "offboarding", value) == 0 ? NGX_OK
                                                                : NGX_ERROR;
    }

    return ngx_http_tenant_lifecycle_offboard(changes, body,
               NGX_HTTP_TENANT_OFFBOARD_DEADLINE, 0);
}


ngx_int_t
ngx_http_tenant_lifecycle_begin(ngx_http_tenant_changes_t *changes,
    ngx_http_tenant_row_t *row, ngx_http_tenant_tenant_t *tenant,
    json_t *body)
{
    ngx_uint_t  served;

    if (row->body || tenant->status != NGX_HTTP_TENANT_ACTIVE) {
        return NGX_OK;
    }

    /* a new tenant waits for its servers, if it is to have its own */

    if (ngx_http_tenant_lifecycle_served(changes, body, &served) != NGX_OK) {
        return NGX_ERROR;
    }

    if (served) {
        return NGX_OK;
    }

    return json_object_set_new(body, "status", json_string("provisioning"))
           == 0 ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_tenant_lifecycle_move(ngx_http_tenant_changes_t *changes,
    ngx_http_tenant_change_t *change, ngx_http_tenant_row_t *row,
    json_t *body)
{
    ngx_int_t                     deadline;
    ngx_uint_t                    from, purge;
    ngx_http_tenant_json_t        at;
    ngx_http_tenant_json_error_t  err;

    from = ngx_http_tenant_lifecycle_status(row->body);

    if (!ngx_http_tenant_transitions[from][change->to]) {
        return ngx_http_tenant_lifecycle_refuse(change, from, change->to);
    }

    if (json_object_set_new(body, "status",
            json_string((char *) ngx_http_tenant_statuses[change->to].data))
        != 0)
    {
        return NGX_ERROR;
    }

    ngx_memzero(&at, sizeof(ngx_http_tenant_json_t));

    at.value = change->body;
    deadline = NGX_HTTP_TENANT_OFFBOARD_DEADLINE;
    purge = 0;

    if (change->to != NGX_HTTP_TENANT_OFFBOARDING) {

        if (change->body && json_object_size(change->body)) {
            (void) ngx_http_tenant_json_fail(&at, &err, "has to be empty");
            return ngx_http_tenant_change_invalid(change, &err);
        }

        return NGX_OK;
    }

    if (change->body
        && (ngx_http_tenant_json_object(&at, ngx_http_tenant_offboard_members,
                                        &err)
            != NGX_OK
            || ngx_http_tenant_json_integer(&at, "deadline", 0,
                                            NGX_HTTP_TENANT_OFFBOARD_MAX,
                                            &deadline, &err)
               == NGX_ERROR
            || ngx_http_tenant_json_flag(&at, "purge_usage", &purge, &err)
               == NGX_ERROR))
    {
        return ngx_http_tenant_change_invalid(change, &err);
    }

    if (from == NGX_HTTP_TENANT_OFFBOARDING
        && (change->body == NULL || json_object_size(change->body) == 0))
    {
        return NGX_OK;
    }

    return ngx_http_tenant_lifecycle_offboard(changes, body, deadline, purge);
}


ngx_int_t
ngx_http_tenant_lifecycle_events(ngx_http_tenant_changes_t *changes,
    ngx_str_t *id, ngx_http_tenant_row_t *from, ngx_http_tenant_row_t *to)
{
    json_t      *tenant;
    ngx_int_t    rc;
    ngx_uint_t   before, after;
    const char  *type;

    before = ngx_http_tenant_lifecycle_status(from->body);
    after = ngx_http_tenant_lifecycle_status(to->body);

    type = NULL;

    if (before != after) {
        type = after == NGX_HTTP_TENANT_PROVISIONING ? "onboarding"
               : after == NGX_HTTP_TENANT_ACTIVE ? "activated"
               : after == NGX_HTTP_TENANT_SUSPENDED ? "suspended"
                                                    : "offboarding";

    } else if (!json_equal(json_object_get(from->body, "tier"),
                           json_object_get(to->body, "tier")))
    {
        type = "updated";
    }

    if (type == NULL) {
        return NGX_OK;
    }

    tenant = ngx_http_tenant_change_represent(NGX_HTTP_TENANT_KIND_TENANT, to);
    if (tenant == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_tenant_lifecycle_event(changes, id, type, tenant);

    json_decref(tenant);

    return rc;
}


ngx_int_t
ngx_http_tenant_change_purge(ngx_http_tenant_changes_t *changes,
    ngx_pool_t *pool, ngx_str_t *id, ngx_uint_t usage)
{
    json_t     *tenant;
    int64_t     version;
    ngx_int_t   rc;

    if (ngx_http_tenant_purge_others(changes, pool,
                                     NGX_HTTP_TENANT_KIND_ISSUER,
                                     NGX_HTTP_TENANT_KIND_TENANT, id)
        != NGX_OK
        || ngx_http_tenant_purge_others(changes, pool,
                                        NGX_HTTP_TENANT_KIND_REVOCATION,
                                        NGX_HTTP_TENANT_KIND_TENANT, id)
           != NGX_OK
        || ngx_http_tenant_purge_rows(changes,
                                      NGX_HTTP_TENANT_CHANGE_EVENTS, id)
           != NGX_OK
        || ngx_http_tenant_purge_rows(changes,
                                      NGX_HTTP_TENANT_CHANGE_REQUESTS, id)
           != NGX_OK
        || ngx_http_tenant_store_delete(changes->store,
                                        NGX_HTTP_TENANT_KIND_TENANT, id,
                                        usage ? "purge" : "delete",
                                        changes->now, &version)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    tenant = json_pack("{s:s%}", "id", id->data, id->len);
    if (tenant == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_tenant_lifecycle_event(changes, id, "removed", tenant);

    json_decref(tenant);

    return rc;
}


static ngx_uint_t
ngx_http_tenant_lifecycle_status(json_t *body)
{
    ngx_uint_t   i;
    const char  *status;

    if (body == NULL) {
        return NGX_HTTP_TENANT_STATUS_NONE;
    }

    status = json_string_value(json_object_get(body, "status"));

    if (status == NULL) {
        return NGX_HTTP_TENANT_ACTIVE;
    }

    for (i = 0; ngx_http_tenant_statuses[i].len; i++) {
        if (ngx_strcmp(ngx_http_tenant_statuses[i].data, status) == 0) {
            return i;
        }
    }

    return NGX_HTTP_TENANT_STATUS_NONE;
}


static ngx_int_t
ngx_http_tenant_lifecycle_refuse(ngx_http_tenant_change_t *change,
    ngx_uint_t from, ngx_uint_t to)
{
    json_t     *problem;
    ngx_str_t  *names;

    names = (ngx_str_t *) ngx_http_tenant_statuses;

    problem = ngx_http_tenant_problem(NGX_HTTP_CONFLICT, "invalid-transition",
                                      "a tenant that is %V cannot become %V",
                                      &names[from], &names[to]);

    if (json_object_set_new(problem, "from",
                            json_string((char *) names[from].data))
        != 0
        || json_object_set_new(problem, "to",
                               json_string((char *) names[to].data))
           != 0)
    {
        json_decref(problem);
        problem = NULL;
    }

    return ngx_http_tenant_change_fail(change, problem);
}


static ngx_int_t
ngx_http_tenant_lifecycle_offboard(ngx_http_tenant_changes_t *changes,
    json_t *body, json_int_t seconds, ngx_uint_t purge_usage)
{
    json_t  *value;

    value = json_pack("{s:I, s:b}", "deadline",
                      (json_int_t) changes->now + seconds, "purge_usage",
                      (int) purge_usage);

    return json_object_set_new(body, "offboarding", value) == 0 ? NGX_OK
                                                                : NGX_ERROR;
}


/*
 * Whether there is something that serves the tenant: the pool, as its tier
 * says, or servers of its own or its tier's, or a route that was chosen.
 */

static ngx_int_t
ngx_http_tenant_lifecycle_served(ngx_http_tenant_changes_t *changes,
    json_t *body, ngx_uint_t *served)
{
    json_t                 *value;
    ngx_str_t               id;
    const char             *model;
    ngx_http_tenant_row_t   tier;

    *served = 1;

    if (ngx_http_tenant_lifecycle_servers(json_object_get(body, "routes"))) {
        return NGX_OK;
    }

    value = json_object_get(body, "tier");
    id.data = (u_char *) json_string_value(value);
    id.len = json_string_length(value);

    if (ngx_http_tenant_change_row(changes, NGX_HTTP_TENANT_KIND_TIER, &id,
                                   &tier)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    model = json_string_value(json_object_get(tier.body, "model"));

    *served = model == NULL || ngx_strcmp(model, "silo") != 0
              || ngx_http_tenant_lifecycle_servers(
                     json_object_get(tier.body, "routes"));

    json_decref(tier.body);

    return NGX_OK;
}


static ngx_uint_t
ngx_http_tenant_lifecycle_servers(json_t *routes)
{
    json_t      *route;
    const char  *agent, *model;

    json_object_foreach(routes, agent, route) {
        model = json_string_value(json_object_get(route, "model"));

        if (json_object_get(route, "servers")
            || (model && ngx_strcmp(model, "pool") == 0))
        {
            return 1;
        }
    }

    return 0;
}


/* CloudEvents 1.0, JSON format. */

static ngx_int_t
ngx_http_tenant_lifecycle_event(ngx_http_tenant_changes_t *changes,
    ngx_str_t *id, const char *type, json_t *tenant)
{
    u_char         random[16], hex[33], name[64];
    char          *text;
    json_t        *event;
    ngx_int_t      rc;
    sqlite3_stmt  *stmt;

    if (!ngx_http_tenant_provisioner_wants(changes->tmcf->provisioner, type)) {
        return NGX_OK;
    }

    if (RAND_bytes(random, sizeof(random)) != 1) {
        return NGX_ERROR;
    }

    *ngx_hex_dump(hex, random, sizeof(random)) = '\0';
    *ngx_snprintf(name, sizeof(name) - 1, "com.ngx-tenant.tenant.%s", type)
        = '\0';

    event = json_pack("{s:s, s:s, s:s, s:s, s:s%, s:o, s:s, s:{s:O}}",
                      "specversion", "1.0", "id", hex, "source",
                      "urn:ngx-tenant:registry", "type", name, "subject",
                      id->data, id->len, "time",
                      ngx_http_tenant_change_time(changes->now),
                      "datacontenttype", "application/json", "data",
                      "tenant", tenant);

    text = event ? json_dumps(event, JSON_COMPACT) : NULL;

    json_decref(event);

    if (text == NULL) {
        return NGX_ERROR;
    }

    stmt = changes->stmts[NGX_HTTP_TENANT_CHANGE_EVENT];

    ngx_http_tenant_store_bind(stmt, 1, id);
    (void) sqlite3_bind_text(stmt, 2, text, -1, SQLITE_STATIC);
    (void) sqlite3_bind_int64(stmt, 3, changes->now);

    rc = ngx_http_tenant_store_step(changes->store, stmt);

    free(text);

    return rc == NGX_DONE ? NGX_OK : NGX_ERROR;
}


/* Objects of a kind that name the one; of issuers, their revocations too. */

static ngx_int_t
ngx_http_tenant_purge_others(ngx_http_tenant_changes_t *changes,
    ngx_pool_t *pool, ngx_uint_t kind, ngx_uint_t rkind, ngx_str_t *rid)
{
    int64_t        version;
    ngx_int_t      rc;
    ngx_str_t      id, *copy;
    ngx_uint_t     i;
    ngx_array_t    ids;
    sqlite3_stmt  *stmt;

    if (ngx_array_init(&ids, pool, 4, sizeof(ngx_str_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    stmt = changes->store->stmts[NGX_HTTP_TENANT_STMT_REFERRERS];

    (void) sqlite3_bind_int64(stmt, 1, kind);
    (void) sqlite3_bind_int64(stmt, 2, rkind);
    ngx_http_tenant_store_bind(stmt, 3, rid);

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

        if (kind == NGX_HTTP_TENANT_KIND_ISSUER
            && ngx_http_tenant_purge_others(changes, pool,
                                            NGX_HTTP_TENANT_KIND_REVOCATION,
                                            NGX_HTTP_TENANT_KIND_ISSUER,
                                            &copy[i])
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (ngx_http_tenant_store_delete(changes->store, kind, &copy[i],
                                         "delete", changes->now, &version)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_purge_rows(ngx_http_tenant_changes_t *changes,
    ngx_uint_t stmt, ngx_str_t *id)
{
    ngx_http_tenant_store_bind(changes->stmts[stmt], 1, id);

    return ngx_http_tenant_store_step(changes->store, changes->stmts[stmt])
           == NGX_DONE ? NGX_OK : NGX_ERROR;
}
