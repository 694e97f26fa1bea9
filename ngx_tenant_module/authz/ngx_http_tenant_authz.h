/*
 * The policy decision: builds the Cedar request from caller, agent and
 * request, and asks the engine in policy/.  Nobody else includes policy.h.
 */

#ifndef NGX_HTTP_TENANT_AUTHZ_H
#define NGX_HTTP_TENANT_AUTHZ_H


#include "../ngx_http_tenant_module.h"
#include "../identity/tenant_value.h"


/*
 * Compiles the files ("files": ngx_str_t, full paths, globs allowed) into a
 * set that lives as long as the configuration, and validates them if there
 * is a schema (full path, or empty).  What is wrong is logged with file,
 * line and column.
 */
ngx_http_tenant_policies_t *ngx_http_tenant_policies_compile(ngx_conf_t *cf,
    ngx_http_tenant_main_conf_t *tmcf, ngx_array_t *files,
    ngx_str_t *schema);

/*
 * Whether a value of the registry can be a Cedar attribute; if not, why, cut
 * to size bytes with the closing NUL.
 */
ngx_int_t ngx_http_tenant_attribute_check(json_t *value, char *message,
    size_t size);

/* What a verified token says of its user. */
typedef struct {
    ngx_http_tenant_issuer_t        *issuer;
    ngx_http_tenant_tenant_t        *tenant;
    const struct tenant_identity_s  *names;
    const tenant_value_t            *claims;
    tenant_str_t                    *scopes;
    ngx_uint_t                       nscopes;
    tenant_str_t                    *roles;
    ngx_uint_t                       nroles;
} ngx_http_tenant_user_t;

/*
 * A user's principal in Cedar, with all that policies look at.  Users whom
 * they cannot tell apart have one together.
 */
typedef struct ngx_http_tenant_kin_s  ngx_http_tenant_kin_t;

/*
 * That of the user, with a reference; NULL: there are no policies.  It needs
 * nothing of the token any more.  NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_tenant_kin(ngx_http_request_t *r,
    ngx_http_tenant_user_t *user, ngx_http_tenant_kin_t **kin);

/* NULL is allowed. */
void ngx_http_tenant_kin_release(ngx_http_tenant_kin_t *kin);

/* Where the subject, of that length, stands in it; NULL: nowhere. */
u_char *ngx_http_tenant_kin_subject(ngx_http_tenant_kin_t *kin, size_t len);

/* The bytes that it takes for this user alone. */
size_t ngx_http_tenant_kin_own(ngx_http_tenant_kin_t *kin);

/* What of a context can be compared with that of an earlier request. */
typedef struct {
    u_char                           address[16];
    u_char                           address_len;
    u_char                           tls;
    u_char                           session;   /* there was one */
    uint32_t                         method;    /* NGX_HTTP_GET and others */
} ngx_http_tenant_client_t;

/*
 * What is known of the decisions about an identity: of the last policies,
 * action and agent that it met, and of the client in the last of them.
 * Zeroed with the identity, and authz/'s own from then on.
 */
typedef struct {
    ngx_http_tenant_policies_t      *policies;  /* NULL: nothing is known */
    uint64_t                         asked;     /* action and agent */
    uint64_t                         known[4];  /* of the engine */
    ngx_http_tenant_client_t         client;
} ngx_http_tenant_known_t;

/* Memory for the worker's decisions; when the worker ends. */
ngx_int_t ngx_http_tenant_authz_init_process(ngx_cycle_t *cycle,
    ngx_http_tenant_main_conf_t *tmcf);
void ngx_http_tenant_authz_exit_process(ngx_http_tenant_main_conf_t *tmcf);

/*
 * Decides for ctx->caller, ctx->agent, ctx->action and notes the decision in
 * ctx.  NGX_OK: go on (allowed, or denied in shadow mode); NGX_DECLINED: the
 * refusal says why not.
 */
ngx_int_t ngx_http_tenant_authorize(ngx_http_request_t *r,
    ngx_http_tenant_ctx_t *ctx);

/* Ids of the determining policies, joined by ","; from the pool. */
ngx_int_t ngx_http_tenant_authz_policy_ids(ngx_pool_t *pool,
    ngx_http_tenant_ctx_t *ctx, ngx_str_t *ids);


/* The directive tenant_decision_log: PATH [deny] [buffer=] [flush=] | off */
char *ngx_http_tenant_decision_log_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#endif /* NGX_HTTP_TENANT_AUTHZ_H */
