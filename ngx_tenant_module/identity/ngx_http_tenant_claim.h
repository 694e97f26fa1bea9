/*
 * $tenant_claim_NAME: claims as text.  Those whose variables stand in the
 * configuration are kept with an identity, in the order of tmcf->claims.
 */

#ifndef NGX_HTTP_TENANT_CLAIM_H
#define NGX_HTTP_TENANT_CLAIM_H


#include "../ngx_http_tenant_module.h"
#include "tenant_value.h"


/* In a worker, when the configuration is whole: fills tmcf->claims. */
ngx_int_t ngx_http_tenant_claims_init_process(ngx_cycle_t *cycle,
    ngx_http_tenant_main_conf_t *tmcf);

/*
 * Writes to p what tmcf->claims are in a claims set, and says so in "texts",
 * one for each; absent ones have length 0.  Returns the length of all; with p
 * and texts NULL that is all.
 */
size_t ngx_http_tenant_claims_texts(ngx_http_tenant_main_conf_t *tmcf,
    ngx_http_tenant_issuer_t *issuer, const tenant_value_t *claims,
    ngx_str_t *texts, u_char *p);

/*
 * The texts of a claim, as of tenant_claim_texts() with its words, in a list
 * from the pool; absent or of another kind: none.  NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_tenant_claim_list(ngx_pool_t *pool,
    const tenant_value_t *claim, tenant_str_t **list, ngx_uint_t *n);

/*
 * The claim that a variable's name stands for, as text; length 0: none.  One
 * that the configuration does not name is looked for in the token again.
 */
ngx_int_t ngx_http_tenant_claim(ngx_http_request_t *r,
    ngx_http_tenant_caller_t *caller, ngx_str_t *name, ngx_str_t *text);


#endif /* NGX_HTTP_TENANT_CLAIM_H */
