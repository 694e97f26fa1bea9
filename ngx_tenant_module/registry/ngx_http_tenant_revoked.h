/*
 * Revocations in a worker's memory: a question costs a few hashes, and none
 * when nothing is revoked.
 */

#ifndef NGX_HTTP_TENANT_REVOKED_H
#define NGX_HTTP_TENANT_REVOKED_H


#include "ngx_http_tenant_store.h"


typedef struct {
    uint64_t   key;         /* 0: free */
    int64_t    before;      /* tokens issued before, seconds since 1970; 0: all
                               tokens */
    int64_t    expires;     /* seconds since 1970; 0: withdrawn */
} ngx_http_tenant_revoked_entry_t;


/* Zeroed memory is an empty set. */
typedef struct {
    ngx_http_tenant_revoked_entry_t  *entries;
    size_t                            size;     /* a power of two */
    size_t                            used;     /* withdrawn ones included */
    uint64_t                          seed[2];
} ngx_http_tenant_revoked_t;


/* What of a token is looked for; texts need not be terminated. */
typedef struct {
    ngx_str_t   issuer;
    ngx_str_t   tenant;
    ngx_str_t   subject;
    uint64_t    jti;        /* ngx_http_tenant_revoked_jti(); 0: has none */
    int64_t     iat;        /* seconds since 1970; -1: has none */
} ngx_http_tenant_revoked_token_t;


/* Reads all that are in force; what the set had before is gone. */
ngx_int_t ngx_http_tenant_revoked_load(ngx_http_tenant_revoked_t *revoked,
    ngx_http_tenant_store_t *store, time_t now);
void ngx_http_tenant_revoked_free(ngx_http_tenant_revoked_t *revoked);

/* One of them was written or deleted. */
ngx_int_t ngx_http_tenant_revoked_changed(ngx_http_tenant_revoked_t *revoked,
    ngx_http_tenant_store_t *store, ngx_str_t *id, time_t now);

/*
 * The name of a token for the set: never 0.  To be kept with the token, since
 * its text need not be.
 */
uint64_t ngx_http_tenant_revoked_jti(
    const ngx_http_tenant_revoked_t *revoked, const ngx_str_t *issuer,
    const ngx_str_t *jti);

/* A token that does not say when it was issued was issued before. */
ngx_uint_t ngx_http_tenant_revoked_is(
    const ngx_http_tenant_revoked_t *revoked,
    const ngx_http_tenant_revoked_token_t *token, time_t now);


#endif /* NGX_HTTP_TENANT_REVOKED_H */
