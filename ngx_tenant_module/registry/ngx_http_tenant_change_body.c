#include "ngx_http_tenant_change_body.h"
#include "ngx_http_tenant_price.h"
#include "ngx_http_tenant_revocation.h"
#include "../identity/ngx_http_tenant_keyset.h"
#include "../identity/tenant_json.h"
#include "../identity/tenant_secret.h"


#define NGX_HTTP_TENANT_CHANGE_KEYS    2048    /* bytes: what is wrong */


static ngx_int_t ngx_http_tenant_change_issuer(
    ngx_http_tenant_changes_t *changes, ngx_http_tenant_issuer_t *issuer,
    const ngx_http_tenant_json_t *at, ngx_http_tenant_json_error_t *err);
static ngx_int_t ngx_http_tenant_change_revocation(
    ngx_http_tenant_changes_t *changes, ngx_http_tenant_change_t *change,
    ngx_http_tenant_revocation_t *rev, const ngx_http_tenant_json_t *at,
    ngx_http_tenant_json_error_t *err);


ngx_int_t
ngx_http_tenant_change_complete(ngx_http_tenant_changes_t *changes,
    ngx_http_tenant_change_t *change, ngx_http_tenant_row_t *row,
    json_t *body)
{
    json_t                        *value;
    const char                    *key;
    ngx_http_tenant_json_t         at, child;
    ngx_http_tenant_json_error_t   err;

    key = ngx_http_tenant_change_key(change->kind);
    value = json_object_get(body, key);

    if (value == NULL) {
        value = json_stringn((char *) change->id.data, change->id.len);

        if (value == NULL) {
            return ngx_http_tenant_change_missing(change);
        }

        if (json_object_set_new(body, key, value) != 0) {
            return NGX_ERROR;
        }

    } else if (json_is_string(value)
               && (json_string_length(value) != change->id.len
                   || ngx_memcmp(json_string_value(value), change->id.data,
                                 change->id.len)
                      != 0))
    {
        ngx_memzero(&at, sizeof(ngx_http_tenant_json_t));
        at.value = body;

        (void) ngx_http_tenant_json_member(&at, key, &child);
        (void) ngx_http_tenant_json_fail(&child, &err,
                                         "is not \"%V\", as the URL says",
                                         &change->id);
        return ngx_http_tenant_change_invalid(change, &err);
    }

    if (change->kind == NGX_HTTP_TENANT_KIND_TENANT) {
        return ngx_http_tenant_lifecycle_complete(changes, change, row,
                                                  body);
    }

    if (change->kind == NGX_HTTP_TENANT_KIND_ISSUER && row->body
        && !tenant_secret_keep(body, row->body))
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_tenant_change_read(ngx_http_tenant_changes_t *changes,
    ngx_http_tenant_change_t *change, const ngx_http_tenant_json_t *at,
    ngx_str_node_t **sn, ngx_http_tenant_json_error_t *err)
{
    ngx_int_t    rc;
    ngx_str_t    tier;
    ngx_pool_t  *pool;

    rc = NGX_OK;
    pool = change->pool;

    switch (change->kind) {

    case NGX_HTTP_TENANT_KIND_TIER:
        *sn = (ngx_str_node_t *) ngx_http_tenant_tier_read(pool, at, err);
        break;

    case NGX_HTTP_TENANT_KIND_AGENT:
        *sn = (ngx_str_node_t *) ngx_http_tenant_agent_read(pool, at, err);
        break;

    case NGX_HTTP_TENANT_KIND_TENANT:
        *sn = (ngx_str_node_t *) ngx_http_tenant_tenant_read(pool, at, &tier,
                                                             err);
        break;

    case NGX_HTTP_TENANT_KIND_ISSUER:
        *sn = (ngx_str_node_t *) ngx_http_tenant_issuer_read(pool,
                                                             &changes->dir,
                                                             at, err);
        if (*sn) {
            rc = ngx_http_tenant_change_issuer(changes,
                     (ngx_http_tenant_issuer_t *) *sn, at, err);
        }

        break;

    case NGX_HTTP_TENANT_KIND_PRICE:
        *sn = (ngx_str_node_t *) ngx_http_tenant_price_read(pool, at, err);
        break;

    default: /* NGX_HTTP_TENANT_KIND_REVOCATION */
        *sn = (ngx_str_node_t *) ngx_http_tenant_revocation_read(pool, at,
                                                                 err);
        if (*sn) {
            rc = ngx_http_tenant_change_revocation(changes, change,
                     (ngx_http_tenant_revocation_t *) *sn, at, err);
        }
    }

    if (*sn) {
        return rc;
    }

    /* a fault is no verdict */

    return ngx_strcmp(err->message, "no memory") == 0 ? NGX_ERROR
                                                      : NGX_DECLINED;
}


/* Files get their whole names, and keys have to be of use. */

static ngx_int_t
ngx_http_tenant_change_issuer(ngx_http_tenant_changes_t *changes,
    ngx_http_tenant_issuer_t *issuer, const ngx_http_tenant_json_t *at,
    ngx_http_tenant_json_error_t *err)
{
    u_char                            buf[NGX_HTTP_TENANT_CHANGE_KEYS];
    ngx_str_t                         error;
    ngx_http_tenant_introspection_t  *introspection;

    introspection = issuer->introspection;

    if (introspection && introspection->secret_file.len
        && json_object_set_new(json_object_get(at->value, "introspection"),
               "client_secret_file",
               json_string((char *) introspection->secret_file.data))
           != 0)
    {
        return NGX_ERROR;
    }

    if (issuer->jwks_file.len
        && json_object_set_new(at->value, "jwks_file",
               json_string((char *) issuer->jwks_file.data))
           != 0)
    {
        return NGX_ERROR;
    }

    error.data = buf;
    error.len = sizeof(buf);

    if (ngx_http_tenant_keys_check(changes->tmcf, issuer,
                                   changes->store->log, &error)
        != NGX_OK)
    {
        if (error.len == 0) {
            return NGX_ERROR;
        }

        (void) ngx_http_tenant_json_fail(at, err, "%V", &error);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_change_revocation(ngx_http_tenant_changes_t *changes,
    ngx_http_tenant_change_t *change, ngx_http_tenant_revocation_t *rev,
    const ngx_http_tenant_json_t *at, ngx_http_tenant_json_error_t *err)
{
    ngx_http_tenant_json_t  child;

    if (change->id.len
        && (rev->sn.str.len != change->id.len
            || ngx_memcmp(rev->sn.str.data, change->id.data, change->id.len)
               != 0))
    {
        (void) ngx_http_tenant_json_fail(at, err, "is the revocation \"%V\"",
                                         &rev->sn.str);
        return NGX_DECLINED;
    }

    if (rev->expires == 0) {
        return json_object_set_new(at->value, "expires",
                   json_integer(changes->now
                                + NGX_HTTP_TENANT_REVOCATION_TTL))
               == 0 ? NGX_OK : NGX_ERROR;
    }

    if (rev->expires <= changes->now
        || rev->expires > changes->now + NGX_HTTP_TENANT_REVOCATION_MAX)
    {
        (void) ngx_http_tenant_json_member(at, "expires", &child);
        (void) ngx_http_tenant_json_fail(&child, err, "must be in the next "
                                         "ten years");
        return NGX_DECLINED;
    }

    return NGX_OK;
}


json_t *
ngx_http_tenant_change_merge(json_t *target, json_t *patch)
{
    json_t      *value, *old;
    const char  *name;

    if (!json_is_object(patch)) {
        json_decref(target);
        return json_incref(patch);
    }

    if (!json_is_object(target)) {
        json_decref(target);
        target = json_object();

        if (target == NULL) {
            return NULL;
        }
    }

    json_object_foreach(patch, name, value) {

        if (json_is_null(value)) {
            (void) json_object_del(target, name);
            continue;
        }

        old = json_incref(json_object_get(target, name));
        value = ngx_http_tenant_change_merge(old ? old : json_null(),
                                             value);

        if (json_object_set_new(target, name, value) != 0) {
            json_decref(target);
            return NULL;
        }
    }

    return target;
}


ngx_int_t
ngx_http_tenant_change_fits(ngx_http_tenant_change_t *change, json_t *body)
{
    char                 *text;
    size_t                len;
    json_t               *copy;
    tenant_json_error_t   err;

    text = json_dumps(body, JSON_COMPACT);
    if (text == NULL) {
        return NGX_ERROR;
    }

    err.code = TENANT_JSON_OK;
    len = ngx_strlen(text);

    if (len > ngx_http_tenant_object_limits.max_bytes) {
        err.code = TENANT_JSON_TOO_LARGE;

    } else if (change->op == NGX_HTTP_TENANT_OP_PATCH) {
        copy = tenant_json_parse(text, len, &ngx_http_tenant_object_limits,
                                 &err);
        json_decref(copy);
    }

    free(text);

    if (err.code == TENANT_JSON_OK) {
        return NGX_OK;
    }

    return ngx_http_tenant_change_fail(change,
               ngx_http_tenant_problem(NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
                   "too-large", "the object would be too large: %s",
                   tenant_json_reason(err.code)));
}


/* So that what was got can be edited and put. */

void
ngx_http_tenant_change_strip(json_t *body)
{
    (void) json_object_del(body, "version");
    (void) json_object_del(body, "created");
    (void) json_object_del(body, "updated");
}
