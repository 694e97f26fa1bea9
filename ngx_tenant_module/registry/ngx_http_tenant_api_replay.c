/*
 * Idempotency-Key: what was answered to a POST is kept for a day, in the
 * transaction of the change, and answered again.  Refusals change nothing and
 * are not kept: what was wrong may be right the next time.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/evp.h>

#include "ngx_http_tenant_api.h"


#define NGX_HTTP_TENANT_REPLAY_TTL     86400   /* seconds */
#define NGX_HTTP_TENANT_REPLAY_DIGEST  32


static ngx_int_t ngx_http_tenant_api_replay_digest(
    ngx_http_tenant_api_t *api, u_char *digest);
static ngx_int_t ngx_http_tenant_api_replay_key(ngx_http_tenant_api_t *api,
    ngx_str_t *key);
static ngx_int_t ngx_http_tenant_api_replay_row(ngx_http_tenant_api_t *api,
    sqlite3_stmt *stmt, u_char *digest);
static ngx_int_t ngx_http_tenant_api_replay_header(
    ngx_http_tenant_api_t *api, json_t *headers, const char *name,
    ngx_str_t *value);
static json_t *ngx_http_tenant_api_replay_headers(ngx_http_tenant_api_t *api,
    json_t *object);


ngx_int_t
ngx_http_tenant_api_replay(ngx_http_tenant_api_t *api,
    ngx_http_tenant_changes_t *changes)
{
    u_char         digest[NGX_HTTP_TENANT_REPLAY_DIGEST];
    ngx_int_t      rc;
    ngx_str_t      key;
    sqlite3_stmt  *stmt;

    if (api->idempotency_key.len == 0) {
        return NGX_OK;
    }

    if (ngx_http_tenant_api_replay_digest(api, digest) != NGX_OK
        || ngx_http_tenant_api_replay_key(api, &key) != NGX_OK)
    {
        return NGX_ERROR;
    }

    stmt = changes->stmts[NGX_HTTP_TENANT_CHANGE_REQUEST];

    ngx_http_tenant_store_bind(stmt, 1, &key);
    (void) sqlite3_bind_int64(stmt, 2, changes->now);

    rc = ngx_http_tenant_store_step(changes->store, stmt);

    if (rc != NGX_OK) {
        return rc == NGX_DONE ? NGX_OK : NGX_ERROR;
    }

    rc = ngx_http_tenant_api_replay_row(api, stmt, digest);

    (void) sqlite3_reset(stmt);

    return rc;
}


static ngx_int_t
ngx_http_tenant_api_replay_row(ngx_http_tenant_api_t *api,
    sqlite3_stmt *stmt, u_char *digest)
{
    json_t     *headers;
    ngx_int_t   rc;
    ngx_str_t   text;

    if (sqlite3_column_bytes(stmt, 0) != NGX_HTTP_TENANT_REPLAY_DIGEST
        || ngx_memcmp(sqlite3_column_blob(stmt, 0), digest,
                      NGX_HTTP_TENANT_REPLAY_DIGEST)
           != 0)
    {
        ngx_http_tenant_api_problem(api, 422, "idempotency-key-reused",
                                    "the Idempotency-Key was used for "
                                    "another request");
        return NGX_DECLINED;
    }

    headers = json_loads((char *) sqlite3_column_text(stmt, 2), 0, NULL);

    rc = ngx_http_tenant_api_replay_header(api, headers, "etag", &api->etag);

    if (rc == NGX_OK) {
        rc = ngx_http_tenant_api_replay_header(api, headers, "location",
                                               &api->location);
    }

    json_decref(headers);

    ngx_http_tenant_store_text(stmt, 3, &text);
    ngx_http_tenant_api_text_add(&api->text, text.data, text.len);

    api->status = sqlite3_column_int(stmt, 1);
    api->type = "application/json";
    api->replayed = 1;

    return rc == NGX_OK ? NGX_DECLINED : rc;
}


static ngx_int_t
ngx_http_tenant_api_replay_header(ngx_http_tenant_api_t *api,
    json_t *headers, const char *name, ngx_str_t *value)
{
    json_t     *text;
    ngx_str_t   s;

    text = json_object_get(headers, name);

    if (!json_is_string(text)) {
        return NGX_OK;
    }

    s.data = (u_char *) json_string_value(text);
    s.len = json_string_length(text);

    value->len = s.len;
    value->data = ngx_pstrdup(api->pool, &s);

    return value->data ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_tenant_api_keep(ngx_http_tenant_api_t *api,
    ngx_http_tenant_changes_t *changes, json_t *object)
{
    char          *headers;
    u_char         digest[NGX_HTTP_TENANT_REPLAY_DIGEST], *p;
    json_t        *value;
    ngx_int_t      rc;
    ngx_str_t      key, body;
    ngx_chain_t   *cl;
    sqlite3_stmt  *stmt;

    if (api->idempotency_key.len == 0) {
        return NGX_OK;
    }

    value = ngx_http_tenant_api_replay_headers(api, object);
    headers = json_dumps(value, JSON_COMPACT);

    json_decref(value);

    body.len = api->text.size;
    body.data = ngx_pnalloc(api->pool, body.len + 1);

    if (headers == NULL || body.data == NULL
        || ngx_http_tenant_api_replay_digest(api, digest) != NGX_OK
        || ngx_http_tenant_api_replay_key(api, &key) != NGX_OK)
    {
        free(headers);
        return NGX_ERROR;
    }

    p = body.data;

    for (cl = api->text.out; cl; cl = cl->next) {
        p = ngx_cpymem(p, cl->buf->pos, cl->buf->last - cl->buf->pos);
    }

    stmt = changes->stmts[NGX_HTTP_TENANT_CHANGE_KEEP];

    ngx_http_tenant_store_bind(stmt, 1, &key);
    (void) sqlite3_bind_blob(stmt, 2, digest, sizeof(digest), SQLITE_STATIC);
    (void) sqlite3_bind_int64(stmt, 3, api->status);
    (void) sqlite3_bind_text(stmt, 4, headers, -1, SQLITE_STATIC);
    ngx_http_tenant_store_bind(stmt, 5, &body);
    (void) sqlite3_bind_int64(stmt, 6,
                              changes->now + NGX_HTTP_TENANT_REPLAY_TTL);

    rc = ngx_http_tenant_store_step(changes->store, stmt);

    free(headers);

    return rc == NGX_DONE ? NGX_OK : NGX_ERROR;
}


/* And whose it is, so that it goes with the tenant. */

static json_t *
ngx_http_tenant_api_replay_headers(ngx_http_tenant_api_t *api,
    json_t *object)
{
    json_t  *headers, *tenant;

    headers = json_object();

    if (api->etag.len) {
        (void) json_object_set_new(headers, "etag",
                                   json_stringn((char *) api->etag.data,
                                                api->etag.len));
    }

    if (api->location.len) {
        (void) json_object_set_new(headers, "location",
                                   json_stringn((char *) api->location.data,
                                                api->location.len));
    }

    tenant = json_object_get(object, api->kind == NGX_HTTP_TENANT_KIND_TENANT
                                     ? "id" : "tenant");

    if (json_is_string(tenant)) {
        (void) json_object_set(headers, "tenant", tenant);
    }

    return headers;
}


static ngx_int_t
ngx_http_tenant_api_replay_key(ngx_http_tenant_api_t *api, ngx_str_t *key)
{
    key->data = ngx_pnalloc(api->pool,
                            NGX_SIZE_T_LEN + 2 + api->who.len
                            + api->idempotency_key.len);
    if (key->data == NULL) {
        return NGX_ERROR;
    }

    /* nobody's key can be made to look like another one's */

    key->len = ngx_sprintf(key->data, "%uz:%V:%V", api->who.len, &api->who,
                           &api->idempotency_key)
               - key->data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_api_replay_digest(ngx_http_tenant_api_t *api, u_char *digest)
{
    ngx_int_t    rc;
    EVP_MD_CTX  *md;

    md = EVP_MD_CTX_new();
    if (md == NULL) {
        return NGX_ERROR;
    }

    rc = EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1
         && EVP_DigestUpdate(md, api->path.data, api->path.len) == 1
         && EVP_DigestUpdate(md, api->target.prune ? "?p\n" : "?\n",
                             api->target.prune ? 3 : 2)
            == 1
         && EVP_DigestUpdate(md, api->body.data, api->body.len) == 1
         && EVP_DigestFinal_ex(md, digest, NULL) == 1
         ? NGX_OK : NGX_ERROR;

    EVP_MD_CTX_free(md);

    return rc;
}
