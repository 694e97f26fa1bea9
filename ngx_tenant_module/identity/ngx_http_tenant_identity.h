/*
 * From a bearer token to an identity: verified once, kept in the worker's
 * token cache, shared by the requests that bring the same token.
 */

#ifndef NGX_HTTP_TENANT_IDENTITY_H
#define NGX_HTTP_TENANT_IDENTITY_H


#include "../ngx_http_tenant_module.h"
#include "tenant_claims.h"


/* Immutable once made, but for what the rooms hang on it. */
struct ngx_http_tenant_identity_s {
    ngx_uint_t                  refs;
    ngx_http_tenant_issuer_t   *issuer;     /* references */
    ngx_http_tenant_tenant_t   *tenant;
    unsigned                    introspected:1; /* not verified by keys */

    json_t                     *claims;     /* owned */
    tenant_identity_t           names;      /* borrows from claims */

    ngx_str_t                   principal;  /* iss "#" subject */
    ngx_str_t                   actor_id;
    ngx_str_t                   subject_header;  /* encoded for a header */

    /* authz/ keeps the principal's entity here and says how to drop it */
    void                       *authz;
    void                      (*authz_free)(void *authz);
};


/*
 * Looks for the request's token and fills caller->identity, or
 * caller->refusal, or caller->pending: what is on its way; ask again after a
 * wait for it.  None of it: there is no token.  What is wrong is not logged
 * here, since not every asker refuses.
 */
void ngx_http_tenant_identify(ngx_http_request_t *r,
    ngx_http_tenant_caller_t *caller);

/*
 * From the worker's cache, with a reference; NULL: not there, or not good any
 * more.
 */
ngx_http_tenant_identity_t *ngx_http_tenant_identity_cached(
    ngx_http_request_t *r, ngx_str_t *key);

/* Keeps it in the cache; the caller's reference stays the caller's. */
void ngx_http_tenant_identity_keep(ngx_http_request_t *r, ngx_str_t *key,
    ngx_http_tenant_identity_t *identity, int64_t expires);

/*
 * Holds a claims set that is known to be the issuer's against its rules: a
 * new identity with one reference, which takes over the one to claims; or
 * NULL and the refusal.
 */
ngx_http_tenant_identity_t *ngx_http_tenant_identity_claimed(
    ngx_http_request_t *r, ngx_http_tenant_issuer_t *issuer, json_t *claims,
    tenant_identity_t *names, ngx_http_tenant_refusal_t *refusal);

/* Drops a reference; NULL is allowed. */
void ngx_http_tenant_identity_release(ngx_http_tenant_identity_t *identity);

/* Whether the tenant of the identity may be served now. */
void ngx_http_tenant_identity_status(ngx_http_tenant_identity_t *identity,
    ngx_http_tenant_refusal_t *refusal);

/* Reads the keys of every issuer; logs what is wrong. */
ngx_int_t ngx_http_tenant_identity_init_keys(ngx_conf_t *cf,
    ngx_http_tenant_registry_t *registry);

/* In a worker, before requests; and when the worker ends. */
ngx_int_t ngx_http_tenant_identity_init_process(ngx_cycle_t *cycle,
    ngx_http_tenant_main_conf_t *tmcf);
void ngx_http_tenant_identity_exit_process(
    ngx_http_tenant_main_conf_t *tmcf);

/* Adds WWW-Authenticate, RFC 6750 section 3. */
ngx_int_t ngx_http_tenant_challenge(ngx_http_request_t *r,
    const ngx_http_tenant_refusal_t *refusal);


#endif /* NGX_HTTP_TENANT_IDENTITY_H */
