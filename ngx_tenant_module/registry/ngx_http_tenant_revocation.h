/*
 * A revocation: tokens that are refused although their signatures and times
 * are right.  It names exactly one of
 *
 *   {"issuer", "jti"}                   one token
 *   {"issuer", "sub", "issued_before"?} tokens of one subject
 *   {"issuer", "issued_before"}         old tokens of the issuer
 *   {"tenant", "issued_before"}         old tokens of the tenant's callers
 *
 * and its id is derived from what it names.
 */

#ifndef NGX_HTTP_TENANT_REVOCATION_H
#define NGX_HTTP_TENANT_REVOCATION_H


#include "ngx_http_tenant_registry.h"


#define NGX_HTTP_TENANT_REVOCATION_TTL  (7 * 86400)    /* seconds, default */
#define NGX_HTTP_TENANT_REVOCATION_MAX  (10 * 365 * 86400)


typedef struct {
    ngx_str_node_t            sn;              /* sn.str: id, as below */
    ngx_http_tenant_object_t  object;
    ngx_str_t                 issuer;          /* one of the two */
    ngx_str_t                 tenant;
    ngx_str_t                 jti;
    ngx_str_t                 sub;
    int64_t                   issued_before;   /* NumericDate; 0: any */
    int64_t                   expires;         /* NumericDate; 0: not said */
} ngx_http_tenant_revocation_t;


ngx_http_tenant_revocation_t *ngx_http_tenant_revocation_read(
    ngx_pool_t *pool, const ngx_http_tenant_json_t *at,
    ngx_http_tenant_json_error_t *err);

/*
 * "jti:<iss> <jti>", "sub:<iss> <sub>", "issuer:<iss>", "tenant:<id>": of the
 * first that are not NULL.  NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_tenant_revocation_id(ngx_pool_t *pool, ngx_str_t *issuer,
    ngx_str_t *jti, ngx_str_t *sub, ngx_str_t *tenant, ngx_str_t *id);


#endif /* NGX_HTTP_TENANT_REVOCATION_H */
