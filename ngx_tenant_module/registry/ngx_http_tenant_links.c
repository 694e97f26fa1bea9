/*
 * What has to hold between objects of a database.  The document has the same
 * rules, of all its objects at once: ngx_http_tenant_document.c.
 */

#include "ngx_http_tenant_change.h"
#include "ngx_http_tenant_revocation.h"


#define NGX_HTTP_TENANT_LINKS_ISSUERS  32      /* of one tenant */


/* An issuer that can speak for a tenant. */
typedef struct {
    ngx_str_t  iss;
    ngx_str_t  tenant;                         /* bound to it, or empty */
    ngx_str_t  ns;                             /* subject_namespace */
    unsigned   operators:1;
} ngx_http_tenant_speaker_t;


static ngx_int_t ngx_http_tenant_links_exists(
    ngx_http_tenant_changes_t *changes, ngx_uint_t kind, ngx_str_t *id,
    const ngx_http_tenant_json_t *at, const char *what,
    ngx_http_tenant_json_error_t *err);
static ngx_int_t ngx_http_tenant_links_routes(
    ngx_http_tenant_changes_t *changes, const ngx_http_tenant_json_t *at,
    ngx_array_t *routes, ngx_http_tenant_json_error_t *err);
static ngx_int_t ngx_http_tenant_links_speakers(
    ngx_http_tenant_changes_t *changes, ngx_pool_t *pool, ngx_str_t *tenant,
    const ngx_http_tenant_json_t *at, ngx_array_t *listed,
    ngx_http_tenant_json_error_t *err);
static ngx_int_t ngx_http_tenant_links_speaker(
    ngx_http_tenant_changes_t *changes, ngx_pool_t *pool, ngx_str_t *iss,
    ngx_http_tenant_speaker_t *speaker);
static ngx_int_t ngx_http_tenant_links_ids(ngx_http_tenant_changes_t *changes,
    ngx_pool_t *pool, ngx_uint_t kind, ngx_uint_t rkind, ngx_str_t *rid,
    ngx_uint_t max, ngx_array_t *ids);
static ngx_int_t ngx_http_tenant_links_listed(
    ngx_http_tenant_changes_t *changes, ngx_http_tenant_issuer_t *issuer,
    const ngx_http_tenant_json_t *at, ngx_http_tenant_json_error_t *err);
static ngx_int_t ngx_http_tenant_links_clash(
    ngx_http_tenant_changes_t *changes, ngx_http_tenant_issuer_t *issuer,
    const ngx_http_tenant_json_t *at, ngx_http_tenant_json_error_t *err);
static ngx_uint_t ngx_http_tenant_links_member(json_t *a, json_t *b,
    const char *name);
static ngx_uint_t ngx_http_tenant_links_same(ngx_str_t *a, ngx_str_t *b);


ngx_int_t
ngx_http_tenant_links_before(ngx_http_tenant_changes_t *changes,
    ngx_uint_t kind, ngx_str_node_t *sn, const ngx_http_tenant_json_t *at,
    ngx_http_tenant_json_error_t *err)
{
    ngx_int_t                      rc;
    ngx_str_t                      tier;
    ngx_http_tenant_json_t         child;
    ngx_http_tenant_tier_t        *t;
    ngx_http_tenant_tenant_t      *tenant;
    ngx_http_tenant_issuer_t      *issuer;
    ngx_http_tenant_revocation_t  *rev;

    switch (kind) {

    case NGX_HTTP_TENANT_KIND_TIER:
        t = (ngx_http_tenant_tier_t *) sn;
        return ngx_http_tenant_links_routes(changes, at, &t->routes, err);

    case NGX_HTTP_TENANT_KIND_TENANT:
        tenant = (ngx_http_tenant_tenant_t *) sn;

        (void) ngx_http_tenant_json_member(at, "tier", &child);

        tier.data = (u_char *) json_string_value(child.value);
        tier.len = json_string_length(child.value);

        rc = ngx_http_tenant_links_exists(changes, NGX_HTTP_TENANT_KIND_TIER,
                                          &tier, &child, "tier", err);
        if (rc != NGX_OK) {
            return rc;
        }

        return ngx_http_tenant_links_routes(changes, at, &tenant->routes,
                                            err);

    case NGX_HTTP_TENANT_KIND_ISSUER:
        issuer = (ngx_http_tenant_issuer_t *) sn;

        if (issuer->tenant.len == 0) {
            return NGX_OK;
        }

        (void) ngx_http_tenant_json_member(at, "tenant", &child);

        return ngx_http_tenant_links_exists(changes,
                                            NGX_HTTP_TENANT_KIND_TENANT,
                                            &issuer->tenant, &child,
                                            "tenant", err);

    case NGX_HTTP_TENANT_KIND_REVOCATION:
        rev = (ngx_http_tenant_revocation_t *) sn;

        if (rev->tenant.len) {
            (void) ngx_http_tenant_json_member(at, "tenant", &child);
            return ngx_http_tenant_links_exists(changes,
                                                NGX_HTTP_TENANT_KIND_TENANT,
                                                &rev->tenant, &child,
                                                "tenant", err);
        }

        (void) ngx_http_tenant_json_member(at, "issuer", &child);

        return ngx_http_tenant_links_exists(changes,
                                            NGX_HTTP_TENANT_KIND_ISSUER,
                                            &rev->issuer, &child, "issuer",
                                            err);

    default:
        return NGX_OK;
    }
}


ngx_int_t
ngx_http_tenant_links_after(ngx_http_tenant_changes_t *changes,
    ngx_uint_t kind, ngx_str_node_t *sn, json_t *old,
    const ngx_http_tenant_json_t *at, ngx_http_tenant_json_error_t *err)
{
    ngx_int_t                  rc;
    ngx_pool_t                *pool;
    ngx_http_tenant_tenant_t  *tenant;
    ngx_http_tenant_issuer_t  *issuer;

    switch (kind) {

    case NGX_HTTP_TENANT_KIND_TENANT:
        tenant = (ngx_http_tenant_tenant_t *) sn;

        return ngx_http_tenant_links_speakers(changes, tenant->object.pool,
                                              &sn->str, at, &tenant->issuers,
                                              err);

    case NGX_HTTP_TENANT_KIND_ISSUER:
        issuer = (ngx_http_tenant_issuer_t *) sn;
        pool = issuer->object.pool;

        rc = ngx_http_tenant_links_listed(changes, issuer, at, err);

        if (rc != NGX_OK) {
            return rc;
        }

        if (issuer->tenant.len == 0) {

            /* all of the tenants that list it would have to be looked at */

            if (old
                && ngx_http_tenant_links_member(old, at->value,
                                                "subject_namespace")
                && ngx_http_tenant_links_member(old, at->value, "tenant"))
            {
                return NGX_OK;
            }

            return ngx_http_tenant_links_clash(changes, issuer, at, err);
        }

        return ngx_http_tenant_links_speakers(changes, pool, &issuer->tenant,
                                              at, NULL, err);

    default:
        return NGX_OK;
    }
}


static ngx_int_t
ngx_http_tenant_links_exists(ngx_http_tenant_changes_t *changes,
    ngx_uint_t kind, ngx_str_t *id, const ngx_http_tenant_json_t *at,
    const char *what, ngx_http_tenant_json_error_t *err)
{
    ngx_int_t      rc;
    sqlite3_stmt  *stmt;

    stmt = changes->store->stmts[NGX_HTTP_TENANT_STMT_OBJECT];

    (void) sqlite3_bind_int64(stmt, 1, kind);
    ngx_http_tenant_store_bind(stmt, 2, id);

    rc = ngx_http_tenant_store_step(changes->store, stmt);

    if (rc == NGX_OK) {
        (void) sqlite3_reset(stmt);
        return NGX_OK;
    }

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    (void) ngx_http_tenant_json_fail(at, err, "names no %s: \"%V\"", what,
                                     id);
    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_tenant_links_routes(ngx_http_tenant_changes_t *changes,
    const ngx_http_tenant_json_t *at, ngx_array_t *routes,
    ngx_http_tenant_json_error_t *err)
{
    ngx_int_t                 rc;
    ngx_uint_t                i;
    ngx_http_tenant_json_t    list, child;
    ngx_http_tenant_route_t  *route;

    route = routes->elts;

    for (i = 0; i < routes->nelts; i++) {
        (void) ngx_http_tenant_json_member(at, "routes", &list);
        (void) ngx_http_tenant_json_member(&list,
                                           (char *) route[i].agent.data,
                                           &child);

        rc = ngx_http_tenant_links_exists(changes, NGX_HTTP_TENANT_KIND_AGENT,
                                          &route[i].agent, &child, "agent",
                                          err);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (changes->names
        || ngx_http_tenant_routes_literal(at, routes, err) == NGX_OK)
    {
        return NGX_OK;
    }

    return NGX_DECLINED;
}


/*
 * All issuers that can speak for the tenant, as they are written now: not
 * bound to another, not operators', and no two with one name space.  listed:
 * of the body at "at"; NULL: the body is that of an issuer.
 */

static ngx_int_t
ngx_http_tenant_links_speakers(ngx_http_tenant_changes_t *changes,
    ngx_pool_t *pool, ngx_str_t *tenant, const ngx_http_tenant_json_t *at,
    ngx_array_t *listed, ngx_http_tenant_json_error_t *err)
{
    ngx_int_t                   rc;
    ngx_str_t                  *iss;
    ngx_uint_t                  i, j;
    ngx_array_t                 bound;
    ngx_http_tenant_json_t      list, item;
    ngx_http_tenant_speaker_t  *s, speakers[NGX_HTTP_TENANT_LINKS_ISSUERS];

    if (ngx_array_init(&bound, pool, 4, sizeof(ngx_str_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    if (listed == NULL) {
        listed = ngx_array_create(pool, 4, sizeof(ngx_str_t));

        if (listed == NULL
            || ngx_http_tenant_links_ids(changes, pool,
                                         NGX_HTTP_TENANT_KIND_TENANT,
                                         NGX_HTTP_TENANT_KIND_ISSUER, tenant,
                                         0, listed)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        ngx_memzero(&list, sizeof(ngx_http_tenant_json_t));

    } else {
        (void) ngx_http_tenant_json_member(at, "issuers", &list);
    }

    /* bound ones that are listed, too, count once */

    if (ngx_http_tenant_links_ids(changes, pool, NGX_HTTP_TENANT_KIND_ISSUER,
                                  NGX_HTTP_TENANT_KIND_TENANT, tenant,
                                  NGX_HTTP_TENANT_LINKS_ISSUERS + 1, &bound)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    iss = bound.elts;

    for (i = 0; i < bound.nelts; i++) {
        ngx_str_t  *known, *add;

        known = listed->elts;

        for (j = 0; j < listed->nelts; j++) {
            if (ngx_http_tenant_links_same(&known[j], &iss[i])) {
                break;
            }
        }

        if (j == listed->nelts) {
            add = ngx_array_push(listed);
            if (add == NULL) {
                return NGX_ERROR;
            }

            *add = iss[i];
        }
    }

    if (listed->nelts > NGX_HTTP_TENANT_LINKS_ISSUERS) {
        (void) ngx_http_tenant_json_fail(at, err,
                                         "has more than %d issuers",
                                         NGX_HTTP_TENANT_LINKS_ISSUERS);
        return NGX_DECLINED;
    }

    iss = listed->elts;

    for (i = 0; i < listed->nelts; i++) {
        s = &speakers[i];

        if (list.value && i < json_array_size(list.value)) {
            ngx_http_tenant_json_element(&list, i, &item);

        } else {
            item = *at;
        }

        rc = ngx_http_tenant_links_speaker(changes, pool, &iss[i], s);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_DECLINED) {
            (void) ngx_http_tenant_json_fail(&item, err,
                                             "names no issuer: \"%V\"",
                                             &iss[i]);
            return NGX_DECLINED;
        }

        if (s->operators) {
            (void) ngx_http_tenant_json_fail(&item, err,
                                             "is an issuer of operators: "
                                             "\"%V\"", &iss[i]);
            return NGX_DECLINED;
        }

        if (s->tenant.len && !ngx_http_tenant_links_same(&s->tenant, tenant))
        {
            (void) ngx_http_tenant_json_fail(&item, err,
                                             "is bound to another tenant: "
                                             "\"%V\"", &s->tenant);
            return NGX_DECLINED;
        }

        for (j = 0; j < i; j++) {
            if (ngx_http_tenant_links_same(&speakers[j].ns, &s->ns)) {
                (void) ngx_http_tenant_json_fail(&item, err,
                                                 "issuers \"%V\" and \"%V\" "
                                                 "need different "
                                                 "\"subject_namespace\"s",
                                                 &iss[j], &iss[i]);
                return NGX_DECLINED;
            }
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_links_speaker(ngx_http_tenant_changes_t *changes,
    ngx_pool_t *pool, ngx_str_t *iss, ngx_http_tenant_speaker_t *speaker)
{
    ngx_int_t      rc;
    ngx_str_t      text;
    sqlite3_stmt  *stmt;

    ngx_memzero(speaker, sizeof(ngx_http_tenant_speaker_t));

    stmt = changes->stmts[NGX_HTTP_TENANT_CHANGE_ISSUER];

    ngx_http_tenant_store_bind(stmt, 1, iss);

    rc = ngx_http_tenant_store_step(changes->store, stmt);

    if (rc != NGX_OK) {
        return rc == NGX_DONE ? NGX_DECLINED : NGX_ERROR;
    }

    speaker->iss = *iss;

    ngx_http_tenant_store_text(stmt, 0, &text);

    speaker->tenant.len = text.len;
    speaker->tenant.data = text.len ? ngx_pstrdup(pool, &text) : NULL;

    ngx_http_tenant_store_text(stmt, 1, &text);

    speaker->ns.len = text.len;
    speaker->ns.data = text.len ? ngx_pstrdup(pool, &text) : NULL;

    speaker->operators = sqlite3_column_int64(stmt, 2) != 0;

    (void) sqlite3_reset(stmt);

    return (speaker->tenant.len && speaker->tenant.data == NULL)
           || (speaker->ns.len && speaker->ns.data == NULL) ? NGX_ERROR
                                                            : NGX_OK;
}


/*
 * Objects of a kind that name the one; and, with max 0, of issuers the other
 * way round: those that the tenant "rid" names.
 */

static ngx_int_t
ngx_http_tenant_links_ids(ngx_http_tenant_changes_t *changes,
    ngx_pool_t *pool, ngx_uint_t kind, ngx_uint_t rkind, ngx_str_t *rid,
    ngx_uint_t max, ngx_array_t *ids)
{
    ngx_int_t      rc;
    ngx_str_t      id, *copy;
    sqlite3_stmt  *stmt;

    if (max == 0) {
        stmt = changes->stmts[NGX_HTTP_TENANT_CHANGE_NAMED];

        (void) sqlite3_bind_int64(stmt, 1, kind);
        ngx_http_tenant_store_bind(stmt, 2, rid);
        (void) sqlite3_bind_int64(stmt, 3, rkind);

        max = NGX_HTTP_TENANT_LINKS_ISSUERS + 1;

    } else {
        stmt = changes->store->stmts[NGX_HTTP_TENANT_STMT_REFERRERS];

        (void) sqlite3_bind_int64(stmt, 1, kind);
        (void) sqlite3_bind_int64(stmt, 2, rkind);
        ngx_http_tenant_store_bind(stmt, 3, rid);
    }

    while ((rc = ngx_http_tenant_store_step(changes->store, stmt)) == NGX_OK)
    {
        if (ids->nelts == max) {
            (void) sqlite3_reset(stmt);
            return NGX_OK;
        }

        ngx_http_tenant_store_text(stmt, 0, &id);

        copy = ngx_array_push(ids);

        if (copy == NULL || (copy->data = ngx_pstrdup(pool, &id)) == NULL) {
            (void) sqlite3_reset(stmt);
            return NGX_ERROR;
        }

        copy->len = id.len;
    }

    return rc == NGX_DONE ? NGX_OK : NGX_ERROR;
}


/* Tenants that list the issuer, though it may not speak for them. */

static ngx_int_t
ngx_http_tenant_links_listed(ngx_http_tenant_changes_t *changes,
    ngx_http_tenant_issuer_t *issuer, const ngx_http_tenant_json_t *at,
    ngx_http_tenant_json_error_t *err)
{
    ngx_str_t               *id;
    ngx_uint_t               i;
    ngx_array_t              ids;
    ngx_pool_t              *pool;
    ngx_http_tenant_json_t   child;

    if (issuer->tenant.len == 0 && !issuer->operators) {
        return NGX_OK;
    }

    pool = issuer->object.pool;

    if (ngx_array_init(&ids, pool, 2, sizeof(ngx_str_t)) != NGX_OK
        || ngx_http_tenant_links_ids(changes, pool,
                                     NGX_HTTP_TENANT_KIND_TENANT,
                                     NGX_HTTP_TENANT_KIND_ISSUER,
                                     &issuer->sn.str, 2, &ids)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    id = ids.elts;

    for (i = 0; i < ids.nelts; i++) {
        if (!ngx_http_tenant_links_same(&id[i], &issuer->tenant)) {
            (void) ngx_http_tenant_json_member(at, issuer->operators
                                                   ? "operators" : "tenant",
                                               &child);
            (void) ngx_http_tenant_json_fail(&child, err,
                                             "cannot be: the tenant \"%V\" "
                                             "lists the issuer", &id[i]);
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_links_clash(ngx_http_tenant_changes_t *changes,
    ngx_http_tenant_issuer_t *issuer, const ngx_http_tenant_json_t *at,
    ngx_http_tenant_json_error_t *err)
{
    ngx_int_t                rc;
    ngx_str_t                tenant, other, none;
    sqlite3_stmt            *stmt;
    ngx_http_tenant_json_t   child;

    ngx_str_set(&none, "");

    stmt = changes->stmts[NGX_HTTP_TENANT_CHANGE_CLASH];

    ngx_http_tenant_store_bind(stmt, 1, &issuer->sn.str);
    ngx_http_tenant_store_bind(stmt, 2, issuer->subject_namespace.len
                                        ? &issuer->subject_namespace : &none);

    rc = ngx_http_tenant_store_step(changes->store, stmt);

    if (rc != NGX_OK) {
        return rc == NGX_DONE ? NGX_OK : NGX_ERROR;
    }

    ngx_http_tenant_store_text(stmt, 0, &tenant);
    ngx_http_tenant_store_text(stmt, 1, &other);

    if (ngx_http_tenant_json_member(at, "subject_namespace", &child)
        != NGX_OK)
    {
        child = *at;
    }

    (void) ngx_http_tenant_json_fail(&child, err,
                                     "has to differ from that of \"%V\", "
                                     "which speaks for \"%V\" too", &other,
                                     &tenant);

    (void) sqlite3_reset(stmt);

    return NGX_DECLINED;
}


/* Whether both have the member alike, or neither has it. */

static ngx_uint_t
ngx_http_tenant_links_member(json_t *a, json_t *b, const char *name)
{
    a = json_object_get(a, name);
    b = json_object_get(b, name);

    return a == b || json_equal(a, b);
}


static ngx_uint_t
ngx_http_tenant_links_same(ngx_str_t *a, ngx_str_t *b)
{
    return a->len == b->len
           && (a->len == 0 || ngx_memcmp(a->data, b->data, a->len) == 0);
}
