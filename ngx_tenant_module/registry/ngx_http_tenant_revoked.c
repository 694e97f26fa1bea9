#include "ngx_http_tenant_revoked.h"

#include <openssl/rand.h>


#define NGX_HTTP_TENANT_REVOKED_MIN    64   /* entries */

/* bytes that are hashed at a time: most names; of uint64_t */
#define NGX_HTTP_TENANT_REVOKED_BLOCK  256


/* Of text that comes in parts, the same for any parts that make it up. */
typedef struct {
    uint64_t   state;
    size_t     len;         /* bytes so far */
    size_t     used;        /* of them, in the block */
    u_char     block[NGX_HTTP_TENANT_REVOKED_BLOCK + sizeof(uint64_t)];
} ngx_http_tenant_revoked_hash_t;


static ngx_int_t ngx_http_tenant_revoked_create(
    ngx_http_tenant_revoked_t *revoked, size_t size);
static ngx_int_t ngx_http_tenant_revoked_put(
    ngx_http_tenant_revoked_t *revoked, uint64_t key, int64_t before,
    int64_t expires, time_t now);
static ngx_int_t ngx_http_tenant_revoked_grow(
    ngx_http_tenant_revoked_t *revoked, time_t now);
static ngx_http_tenant_revoked_entry_t *ngx_http_tenant_revoked_find(
    const ngx_http_tenant_revoked_t *revoked, uint64_t key);
static ngx_uint_t ngx_http_tenant_revoked_match(
    const ngx_http_tenant_revoked_t *revoked, uint64_t key, int64_t iat,
    time_t now);
static uint64_t ngx_http_tenant_revoked_name(
    const ngx_http_tenant_revoked_t *revoked, const char *kind,
    const ngx_str_t *first, const ngx_str_t *second);
static ngx_inline void ngx_http_tenant_revoked_hash(
    ngx_http_tenant_revoked_hash_t *hash, const u_char *data, size_t len);
static void ngx_http_tenant_revoked_hash_long(
    ngx_http_tenant_revoked_hash_t *hash, const u_char *data, size_t len);
static void ngx_http_tenant_revoked_hash_block(
    ngx_http_tenant_revoked_hash_t *hash);
static ngx_inline uint64_t ngx_http_tenant_revoked_mix(uint64_t state,
    uint64_t word);


ngx_int_t
ngx_http_tenant_revoked_load(ngx_http_tenant_revoked_t *revoked,
    ngx_http_tenant_store_t *store, time_t now)
{
    ngx_int_t      rc;
    ngx_str_t      id, none;
    sqlite3_stmt  *stmt;

    ngx_http_tenant_revoked_free(revoked);

    if (revoked->seed[0] == 0
        && RAND_bytes((u_char *) revoked->seed, sizeof(revoked->seed)) != 1)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&none, "");

    stmt = store->stmts[NGX_HTTP_TENANT_STMT_REVOCATIONS];

    (void) sqlite3_bind_int64(stmt, 1, now);

    while ((rc = ngx_http_tenant_store_step(store, stmt)) == NGX_OK) {
        ngx_http_tenant_store_text(stmt, 0, &id);

        if (ngx_http_tenant_revoked_put(revoked,
                ngx_http_tenant_revoked_name(revoked, "", &id, &none),
                sqlite3_column_int64(stmt, 1), sqlite3_column_int64(stmt, 2),
                now)
            != NGX_OK)
        {
            (void) sqlite3_reset(stmt);
            return NGX_ERROR;
        }
    }

    return rc == NGX_DONE ? NGX_OK : NGX_ERROR;
}


void
ngx_http_tenant_revoked_free(ngx_http_tenant_revoked_t *revoked)
{
    if (revoked->entries) {
        ngx_free(revoked->entries);
    }

    revoked->entries = NULL;
    revoked->size = 0;
    revoked->used = 0;
}


ngx_int_t
ngx_http_tenant_revoked_changed(ngx_http_tenant_revoked_t *revoked,
    ngx_http_tenant_store_t *store, ngx_str_t *id, time_t now)
{
    int64_t        before, expires;
    uint64_t       key;
    ngx_int_t      rc;
    ngx_str_t      none;
    sqlite3_stmt  *stmt;

    ngx_str_set(&none, "");

    key = ngx_http_tenant_revoked_name(revoked, "", id, &none);
    stmt = store->stmts[NGX_HTTP_TENANT_STMT_REVOCATION];

    (void) sqlite3_bind_int64(stmt, 1, now);
    ngx_http_tenant_store_bind(stmt, 2, id);

    rc = ngx_http_tenant_store_step(store, stmt);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    before = 0;
    expires = 0;

    if (rc == NGX_OK) {
        before = sqlite3_column_int64(stmt, 1);
        expires = sqlite3_column_int64(stmt, 2);

        (void) sqlite3_reset(stmt);

    } else if (revoked->size == 0
               || ngx_http_tenant_revoked_find(revoked, key)->key == 0)
    {
        return NGX_OK;
    }

    return ngx_http_tenant_revoked_put(revoked, key, before, expires, now);
}


uint64_t
ngx_http_tenant_revoked_jti(const ngx_http_tenant_revoked_t *revoked,
    const ngx_str_t *issuer, const ngx_str_t *jti)
{
    return ngx_http_tenant_revoked_name(revoked, "jti:", issuer, jti);
}


ngx_uint_t
ngx_http_tenant_revoked_is(const ngx_http_tenant_revoked_t *revoked,
    const ngx_http_tenant_revoked_token_t *token, time_t now)
{
    ngx_str_t  none;

    if (revoked->used == 0) {
        return 0;
    }

    ngx_str_set(&none, "");

    return (token->jti
            && ngx_http_tenant_revoked_match(revoked, token->jti, token->iat,
                                             now))
           || ngx_http_tenant_revoked_match(revoked,
                  ngx_http_tenant_revoked_name(revoked, "sub:",
                                               &token->issuer,
                                               &token->subject),
                  token->iat, now)
           || ngx_http_tenant_revoked_match(revoked,
                  ngx_http_tenant_revoked_name(revoked, "issuer:",
                                               &token->issuer, &none),
                  token->iat, now)
           || ngx_http_tenant_revoked_match(revoked,
                  ngx_http_tenant_revoked_name(revoked, "tenant:",
                                               &token->tenant, &none),
                  token->iat, now);
}


static ngx_uint_t
ngx_http_tenant_revoked_match(const ngx_http_tenant_revoked_t *revoked,
    uint64_t key, int64_t iat, time_t now)
{
    ngx_http_tenant_revoked_entry_t  *entry;

    entry = ngx_http_tenant_revoked_find(revoked, key);

    return entry->key && entry->expires > now
           && (entry->before == 0 || iat < entry->before);
}


static ngx_int_t
ngx_http_tenant_revoked_put(ngx_http_tenant_revoked_t *revoked, uint64_t key,
    int64_t before, int64_t expires, time_t now)
{
    ngx_http_tenant_revoked_entry_t  *entry;

    /* at most three quarters are used, so that a search ends */

    if ((revoked->used + 1) * 4 > revoked->size * 3
        && ngx_http_tenant_revoked_grow(revoked, now) != NGX_OK)
    {
        return NGX_ERROR;
    }

    entry = ngx_http_tenant_revoked_find(revoked, key);

    if (entry->key == 0) {
        entry->key = key;
        revoked->used++;
    }

    entry->before = before;
    entry->expires = expires;

    return NGX_OK;
}


/* Leaves behind what is over. */

static ngx_int_t
ngx_http_tenant_revoked_grow(ngx_http_tenant_revoked_t *revoked, time_t now)
{
    size_t                            i, live, size;
    ngx_http_tenant_revoked_t         old;
    ngx_http_tenant_revoked_entry_t  *entry, *to;

    old = *revoked;
    live = 0;

    for (i = 0; i < old.size; i++) {
        live += old.entries[i].key && old.entries[i].expires > now;
    }

    size = NGX_HTTP_TENANT_REVOKED_MIN;

    while (size < live * 2 + 2) {
        size *= 2;
    }

    if (ngx_http_tenant_revoked_create(revoked, size) != NGX_OK) {
        *revoked = old;
        return NGX_ERROR;
    }

    for (i = 0; i < old.size; i++) {
        entry = &old.entries[i];

        if (entry->key && entry->expires > now) {
            to = ngx_http_tenant_revoked_find(revoked, entry->key);
            *to = *entry;
            revoked->used++;
        }
    }

    if (old.entries) {
        ngx_free(old.entries);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_revoked_create(ngx_http_tenant_revoked_t *revoked,
    size_t size)
{
    revoked->entries = ngx_calloc(
                           size * sizeof(ngx_http_tenant_revoked_entry_t),
                           ngx_cycle->log);
    if (revoked->entries == NULL) {
        return NGX_ERROR;
    }

    revoked->size = size;
    revoked->used = 0;

    return NGX_OK;
}


/* The entry of the key, or the free one where it would be. */

static ngx_http_tenant_revoked_entry_t *
ngx_http_tenant_revoked_find(const ngx_http_tenant_revoked_t *revoked,
    uint64_t key)
{
    size_t  i;

    i = key & (revoked->size - 1);

    while (revoked->entries[i].key && revoked->entries[i].key != key) {
        i = (i + 1) & (revoked->size - 1);
    }

    return &revoked->entries[i];
}


/*
 * A hash of the id that the revocation would have: kind, first, a space and
 * second, unless that is empty.
 */

static uint64_t
ngx_http_tenant_revoked_name(const ngx_http_tenant_revoked_t *revoked,
    const char *kind, const ngx_str_t *first, const ngx_str_t *second)
{
    uint64_t                        key;
    ngx_http_tenant_revoked_hash_t  hash;

    hash.state = revoked->seed[0];
    hash.len = 0;
    hash.used = 0;

    ngx_http_tenant_revoked_hash(&hash, (u_char *) kind, ngx_strlen(kind));
    ngx_http_tenant_revoked_hash(&hash, first->data, first->len);

    if (second->len) {
        ngx_http_tenant_revoked_hash(&hash, (u_char *) " ", 1);
        ngx_http_tenant_revoked_hash(&hash, second->data, second->len);
    }

    ngx_http_tenant_revoked_hash_block(&hash);

    key = ngx_http_tenant_revoked_mix(hash.state,
                                      hash.len ^ revoked->seed[1]);

    return key ? key : 1;
}


static ngx_inline void
ngx_http_tenant_revoked_hash(ngx_http_tenant_revoked_hash_t *hash,
    const u_char *data, size_t len)
{
    size_t  i;

    hash->len += len;

    if (len > NGX_HTTP_TENANT_REVOKED_BLOCK - hash->used) {
        ngx_http_tenant_revoked_hash_long(hash, data, len);
        return;
    }

    /* words are put there whole, if there are any: there is room for one */

    if (len < sizeof(uint64_t)) {
        for (i = 0; i < len; i++) {
            hash->block[hash->used + i] = data[i];
        }

    } else {
        for (i = 0; i < len - sizeof(uint64_t); i += sizeof(uint64_t)) {
            ngx_memcpy(hash->block + hash->used + i, data + i,
                       sizeof(uint64_t));
        }

        i = len - sizeof(uint64_t);
        ngx_memcpy(hash->block + hash->used + i, data + i, sizeof(uint64_t));
    }

    hash->used += len;
}


static void
ngx_http_tenant_revoked_hash_long(ngx_http_tenant_revoked_hash_t *hash,
    const u_char *data, size_t len)
{
    size_t  n;

    while (len > NGX_HTTP_TENANT_REVOKED_BLOCK - hash->used) {
        n = NGX_HTTP_TENANT_REVOKED_BLOCK - hash->used;

        ngx_memcpy(hash->block + hash->used, data, n);
        data += n;
        len -= n;

        hash->used += n;
        ngx_http_tenant_revoked_hash_block(hash);
    }

    ngx_memcpy(hash->block + hash->used, data, len);
    hash->used += len;
}


/* A block that is not full is the last one: zeros make its last word whole. */

static void
ngx_http_tenant_revoked_hash_block(ngx_http_tenant_revoked_hash_t *hash)
{
    u_char    *p, *last;
    uint64_t   word, state;

    ngx_memzero(hash->block + hash->used, sizeof(uint64_t));

    state = hash->state;
    last = hash->block + hash->used;

    for (p = hash->block; p < last; p += sizeof(uint64_t)) {
        ngx_memcpy(&word, p, sizeof(uint64_t));
        state = ngx_http_tenant_revoked_mix(state, word);
    }

    hash->state = state;
    hash->used = 0;
}


static ngx_inline uint64_t
ngx_http_tenant_revoked_mix(uint64_t state, uint64_t word)
{
    state = (state ^ word) * 0x9e3779b97f4a7c15;

    return state ^ (state >> 32);
}
