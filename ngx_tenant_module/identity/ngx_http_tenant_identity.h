/*
 * From a bearer token to an identity: verified once, kept in the worker's
 * token cache, shared by the requests that bring the same token.
 */

#ifndef NGX_HTTP_TENANT_IDENTITY_H
#define NGX_HTTP_TENANT_IDENTITY_H


#include "../ngx_http_tenant_module.h"
#include "tenant_cache.h"
#include "tenant_claims.h"
#include "../authz/ngx_http_tenant_authz.h"


/*
 * Immutable once made, but for refs and known.  One block of memory holds all
 * of it but the principal's Cedar entity: the texts, the claims that the
 * configuration asks for.  What every request reads comes first: of many
 * tokens most are not in the processor's caches.
 */
struct ngx_http_tenant_identity_s {
    uint32_t                    refs;
    unsigned                    introspected:1; /* not verified by keys */
    ngx_http_tenant_issuer_t   *issuer;     /* references */
    ngx_http_tenant_tenant_t   *tenant;
    ngx_http_tenant_known_t     known;      /* of decisions */
    ngx_http_tenant_kin_t      *kin;        /* NULL: there are no policies */
    ngx_str_t                   subject_header;  /* encoded for a header */
    ngx_str_t                   actor_id;
    tenant_room_t              *room;       /* where it stands */
    size_t                      size;       /* of the block */

    ngx_str_t                   subject;
    ngx_str_t                   client_id;  /* empty: none */
    ngx_str_t                   scopes;     /* each with a NUL behind it */
    ngx_str_t                  *claims;     /* as tmcf->claims */

    uint64_t                    jti;        /* for revocations, 0: has none */
    int64_t                     iat;        /* seconds; -1: has none */
};


/*
 * Looks for the request's token and fills caller->identity, or
 * caller->refusal, or caller->pending: what is on its way; ask again after a
 * wait for it.  None of it: there is no token.  What is wrong is not logged
 * here, since not every asker refuses.
 */
void ngx_http_tenant_identify(ngx_http_request_t *r,
    ngx_http_tenant_caller_t *caller);

/* What a token, or what stands for it, is found by in the worker's cache. */
tenant_cache_tag_t ngx_http_tenant_identity_tag(ngx_http_request_t *r,
    ngx_str_t *key);

/*
 * From the worker's cache, with a reference; NULL: not there, or not good any
 * more.
 */
ngx_http_tenant_identity_t *ngx_http_tenant_identity_cached(
    ngx_http_request_t *r, tenant_cache_tag_t tag);

/* Keeps it in the cache; the caller's reference stays the caller's. */
void ngx_http_tenant_identity_keep(ngx_http_request_t *r,
    tenant_cache_tag_t tag, ngx_http_tenant_identity_t *identity,
    int64_t expires);

/*
 * Holds a claims set that is known to be the issuer's against its rules: a
 * new identity with one reference, which needs the claims no more; or NULL
 * and the refusal.
 */
ngx_http_tenant_identity_t *ngx_http_tenant_identity_claimed(
    ngx_http_request_t *r, ngx_http_tenant_issuer_t *issuer,
    const tenant_value_t *claims, tenant_identity_t *names,
    ngx_http_tenant_refusal_t *refusal);

/* take() of a tape whose data is a pool. */
void *ngx_http_tenant_identity_take(void *pool, size_t size);

/* Drops a reference; NULL is allowed. */
void ngx_http_tenant_identity_release(ngx_http_tenant_identity_t *identity);

/*
 * Whether the tenant of the identity may be served now, and there: operators
 * by the control plane (api) alone, and nobody else by that.
 */
void ngx_http_tenant_identity_status(ngx_http_tenant_identity_t *identity,
    ngx_uint_t api, ngx_http_tenant_refusal_t *refusal);

/* Whether the identity "value" is revoked in the registry "data". */
bool ngx_http_tenant_identity_revoked(const void *value, void *data);

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
