/* Shared by the files of authz/ alone: what a compiled set is here. */

#ifndef NGX_HTTP_TENANT_POLICIES_H
#define NGX_HTTP_TENANT_POLICIES_H


#include "ngx_http_tenant_authz.h"
#include "policy.h"


/* Keys of the Cedar context, in the order of the table of their names. */
#define NGX_HTTP_TENANT_CONTEXT_METHOD     0
#define NGX_HTTP_TENANT_CONTEXT_PATH       1
#define NGX_HTTP_TENANT_CONTEXT_SOURCE_IP  2
#define NGX_HTTP_TENANT_CONTEXT_NOW        3
#define NGX_HTTP_TENANT_CONTEXT_TLS        4
#define NGX_HTTP_TENANT_CONTEXT_SESSION    5
#define NGX_HTTP_TENANT_CONTEXT_KEYS       6


struct ngx_http_tenant_policies_s {
    policy_set_t  *set;
    u_char         context[NGX_HTTP_TENANT_CONTEXT_KEYS];  /* is used */
    unsigned       any_tag:1;       /* tags are looked up by computed name */
};


extern const policy_str_t     ngx_http_tenant_context_keys[];
extern const policy_memory_t  ngx_http_tenant_policy_memory;


/* Cedar entities of authz/: a uid and the store that has its record. */
typedef struct {
    const policy_uid_t  *uid;       /* the store's own */
    policy_store_t      *store;
} ngx_http_tenant_entity_t;


/*
 * Made at the first decision that needs them and kept with the object they
 * describe.  NULL: no memory, or data that is no Cedar value; logged.
 */
ngx_http_tenant_entity_t *ngx_http_tenant_entity_principal(
    ngx_http_request_t *r, ngx_http_tenant_identity_t *identity);
ngx_http_tenant_entity_t *ngx_http_tenant_entity_agent(
    ngx_http_request_t *r, ngx_http_tenant_agent_t *agent);


/* What a worker keeps for its decisions. */
typedef struct ngx_http_tenant_authz_s {
    policy_arena_t   *arena;
    policy_layout_t  *layout;       /* of the context */
    policy_uid_t      anonymous;
    policy_uid_t      invoke;
    policy_uid_t      ping;
} ngx_http_tenant_authz_t;


/* Writes the decision where the location wants it. */
void ngx_http_tenant_decision_log(ngx_http_request_t *r,
    ngx_http_tenant_ctx_t *ctx, const policy_request_t *request,
    const policy_result_t *result);


#endif /* NGX_HTTP_TENANT_POLICIES_H */
