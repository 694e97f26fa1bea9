/*
 * What the rooms of the module share: configuration, the caller of a client
 * request, and the context of one pass through the phases.
 */

#ifndef NGX_HTTP_TENANT_MODULE_H
#define NGX_HTTP_TENANT_MODULE_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_tenant_compat.h"
#include "ngx_http_tenant_hot.h"
#include "registry/ngx_http_tenant_registry.h"


#define NGX_HTTP_TENANT_AUTH_OFF        0
#define NGX_HTTP_TENANT_AUTH_ON         1
#define NGX_HTTP_TENANT_AUTH_OPTIONAL   2

#define NGX_HTTP_TENANT_POLICY_OFF      0
#define NGX_HTTP_TENANT_POLICY_SHADOW   1
#define NGX_HTTP_TENANT_POLICY_ENFORCE  2

#define NGX_HTTP_TENANT_HEADERS_NONE       0
#define NGX_HTTP_TENANT_HEADERS_DEFAULT    1
#define NGX_HTTP_TENANT_HEADERS_AGENTCORE  2


typedef struct ngx_http_tenant_identity_s      ngx_http_tenant_identity_t;
typedef struct ngx_http_tenant_policies_s      ngx_http_tenant_policies_t;
typedef struct ngx_http_tenant_users_s         ngx_http_tenant_users_t;
typedef struct ngx_http_tenant_decision_log_s  ngx_http_tenant_decision_log_t;
typedef struct ngx_http_tenant_keyset_s        ngx_http_tenant_keyset_t;
typedef struct ngx_http_tenant_pending_s       ngx_http_tenant_pending_t;
typedef struct ngx_http_tenant_source_s        ngx_http_tenant_source_t;
typedef struct ngx_http_tenant_servers_s       ngx_http_tenant_servers_t;
typedef struct ngx_http_tenant_introspect_conf_s
                                        ngx_http_tenant_introspect_conf_t;
typedef struct ngx_http_tenant_ctx_s           ngx_http_tenant_ctx_t;
typedef struct ngx_http_tenant_provisioner_s   ngx_http_tenant_provisioner_t;


typedef struct {
    ngx_pool_t                      *pool;      /* of the configuration */

    ngx_str_t                        registry_path;
    ngx_str_t                        registry_seed;
    ngx_http_tenant_provisioner_t   *provisioner;       /* NULL: none */
    struct ngx_http_tenant_courier_s  *courier;     /* of this worker */
    size_t                           registry_cache_size;   /* a worker */
    ngx_http_tenant_registry_t      *registry;
    struct ngx_thread_pool_s        *thread_pool;   /* NULL: no work for it */
    struct ngx_http_tenant_writer_s  *writer;       /* of this worker */

    ngx_shm_zone_t                  *zone;
    size_t                           zone_size;

    size_t                           token_cache_size;  /* bytes, a worker */
    struct tenant_cache_s           *token_cache;       /* of this worker */
    struct tenant_room_s            *token_room;        /* NULL: malloc()'s */
    u_char                          *token_scratch;     /* the same: a token
                                                           is decoded here */
    void                            *token_headers;     /* the same: those of
                                                           verified tokens */

    struct tenant_verifier_s        *verifier;  /* of this worker: keys that
                                                   are in use */
    void                            *curl;      /* of fetch, this worker */
    ngx_queue_t                      keysets;   /* fetched, this worker */
    ngx_atomic_uint_t                keys_generation;   /* newest seen */
    struct ngx_http_tenant_introspections_s  *introspections;

    time_t                           keys_min_ttl;      /* seconds */
    time_t                           keys_max_ttl;
    time_t                           keys_stale;
    time_t                           keys_interval;

    ngx_msec_t                       fetch_timeout;
    ngx_str_t                        fetch_ca;
    ngx_uint_t                       fetch_ca_dir;
    ngx_array_t                     *fetch_allow;       /* ngx_cidr_t */
    ngx_flag_t                       fetch_plain;

    struct ngx_http_tenant_names_s  *names;     /* of routing/ */
    ngx_array_t                     *route_allow;       /* ngx_cidr_t */

    ngx_array_t                      policies;  /* every compiled set:
                                                   ngx_http_tenant_policies_t
                                                   pointers */
    struct ngx_http_tenant_authz_s  *authz;     /* of authz/, this worker */
    ngx_http_tenant_users_t         *users;     /* the same */

    ngx_array_t                      claims;    /* ngx_str_t pointers: names
                                                   of $tenant_claim_* in the
                                                   configuration */
    ngx_buf_t                       *header_names;      /* of tenant_header:
                                                           blocks by shadow */
} ngx_http_tenant_main_conf_t;


typedef struct {
    ngx_uint_t                       auth;
    ngx_str_t                        realm;

    ngx_array_t                     *sources;   /* ngx_http_tenant_source_t;
                                                   NULL: Authorization */
    struct ngx_http_tenant_token_upstream_s  *token_upstream;
    ngx_http_tenant_introspect_conf_t  *introspection;

    ngx_http_complex_value_t        *resource;  /* of RFC 9728; NULL: none */
    ngx_http_tenant_servers_t       *servers;   /* NULL: all issuers */
    ngx_array_t                     *scopes;    /* ngx_str_t, all needed */

    ngx_http_complex_value_t        *agent;
    ngx_http_complex_value_t        *action;
    ngx_uint_t                       no_route;  /* HTTP status */

    ngx_uint_t                       policy;
    ngx_array_t                     *policy_files;      /* ngx_str_t */
    ngx_str_t                        policy_schema;     /* full path, or "" */
    ngx_http_tenant_policies_t      *policies;
    ngx_http_tenant_decision_log_t  *decision_log;      /* NULL: off */

    ngx_uint_t                       header_set;
    ngx_array_t                     *headers;   /* ngx_http_tenant_header_t */
    uint64_t                         header_first;  /* one bit for each first
                                                       letter of those that
                                                       are removed */

    ngx_uint_t                       metrics;
    ngx_uint_t                       api;
} ngx_http_tenant_loc_conf_t;


/*
 * Why a request goes no further.  The names (ngx_http_tenant_reasons[]) are
 * the last part of the problem type and a label of the metrics.
 */
typedef enum {
    NGX_HTTP_TENANT_R_NONE = 0,
    NGX_HTTP_TENANT_R_NO_TOKEN,
    NGX_HTTP_TENANT_R_INVALID_REQUEST,
    NGX_HTTP_TENANT_R_INVALID_TOKEN,
    NGX_HTTP_TENANT_R_NO_KEYS,
    NGX_HTTP_TENANT_R_NO_INTROSPECTION,
    NGX_HTTP_TENANT_R_INSUFFICIENT_SCOPE,
    NGX_HTTP_TENANT_R_NO_TENANT,
    NGX_HTTP_TENANT_R_UNKNOWN_TENANT,
    NGX_HTTP_TENANT_R_ISOLATION,
    NGX_HTTP_TENANT_R_SUSPENDED_TENANT,
    NGX_HTTP_TENANT_R_PROVISIONING_TENANT,
    NGX_HTTP_TENANT_R_OFFBOARDING_TENANT,
    NGX_HTTP_TENANT_R_UNKNOWN_AGENT,
    NGX_HTTP_TENANT_R_POLICY_DENIED,
    NGX_HTTP_TENANT_R_NO_ROUTE,
    NGX_HTTP_TENANT_R_NO_REGISTRY,
    NGX_HTTP_TENANT_R_FAULT,
    NGX_HTTP_TENANT_REASONS
} ngx_http_tenant_reason_t;


/* The texts but for the scopes are static; nothing is of the token. */
typedef struct {
    ngx_http_tenant_reason_t  reason;
    ngx_uint_t                status;    /* HTTP; 0: not refused */
    const char               *error;     /* RFC 6750 code, or NULL */
    const char               *detail;    /* for the client and the log */
    ngx_str_t                 missing;   /* scopes, separated by spaces */
} ngx_http_tenant_refusal_t;


/*
 * Who calls: found once for a client request, kept through internal
 * redirects and shared by subrequests.
 */
typedef struct {
    ngx_http_tenant_identity_t      *identity;  /* NULL: no token, or a
                                                   refused one */
    ngx_http_tenant_refusal_t        refusal;   /* of the token */
    ngx_str_t                        token;     /* as it came */
    ngx_http_tenant_source_t        *source;    /* where it stood */
    ngx_str_t                        introspected;  /* by this issuer */
    ngx_http_tenant_pending_t       *pending;   /* what the token has to wait
                                                   for */
    ngx_http_tenant_ctx_t           *last;      /* newest pass of the main
                                                   request */
    ngx_http_tenant_ctx_t           *passes;    /* all of them */
    ngx_http_request_t              *request;   /* the client's */
    ngx_http_tenant_tenant_t        *tenant;    /* whose running request it
                                                   is: a reference */
    ngx_queue_t                      running;
    unsigned                         waited:1;
    unsigned                         metadata:1;    /* is what is asked for */
} ngx_http_tenant_caller_t;


/* Of a request to the control plane: the resource that a policy sees. */
typedef struct {
    const char                      *type;
    ngx_str_t                        id;
} ngx_http_tenant_asked_t;


/* One pass of a request or subrequest through the phases. */
struct ngx_http_tenant_ctx_s {
    ngx_http_tenant_caller_t        *caller;
    ngx_http_tenant_ctx_t           *next;      /* of the caller's passes */
    ngx_http_tenant_agent_t         *agent;     /* a reference */
    ngx_http_tenant_asked_t         *asked;     /* in its place, of the API */
    ngx_http_tenant_route_t         *route;

    ngx_http_tenant_refusal_t        refusal;
    ngx_str_t                        action;

    /* determining policies: policy_ref_t, in the request's pool */
    void                            *reasons;
    ngx_uint_t                       nreasons;

    void                            *waiter;    /* for what is pending */
    struct ngx_http_tenant_peer_s   *peer;      /* of routing/: NULL until a
                                                   server is asked */
    void                            *parked;    /* once it waited for names */
    ngx_uint_t                       origin;    /* of the route */
    ngx_uint_t                       server_failures;   /* attempts that
                                                           failed */

    unsigned                         decided:1;
    unsigned                         allowed:1;
    unsigned                         shadowed:1;  /* denied, but only said */
};


extern ngx_module_t  ngx_http_tenant_module;


/* Handlers of the phases; only ngx_http_tenant_module.c registers them. */
ngx_int_t ngx_http_tenant_preaccess_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_tenant_precontent_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_tenant_log_handler(ngx_http_request_t *r);


/*
 * The caller, looked for now if nobody asked yet; NULL: no memory, or no
 * registry.
 */
ngx_http_tenant_caller_t *ngx_http_tenant_caller(ngx_http_request_t *r);

/* The same, but NULL when nobody asked yet. */
ngx_http_tenant_caller_t *ngx_http_tenant_caller_known(
    ngx_http_request_t *r);

/* Of this pass, or of the newest one before a redirect; may be NULL. */
ngx_http_tenant_ctx_t *ngx_http_tenant_ctx(ngx_http_request_t *r);


/*
 * Sets the identity, a reference of the caller's, and makes the request known
 * to its tenant; and the end of both.
 */
void ngx_http_tenant_running_add(ngx_http_tenant_caller_t *caller,
    ngx_http_tenant_identity_t *identity);
void ngx_http_tenant_running_remove(ngx_http_tenant_caller_t *caller);

/*
 * The registry's hooks: requests of a tenant end that is not served any more;
 * what is shared under the name of something that is gone is freed.
 */
void ngx_http_tenant_running_changed(void *data,
    ngx_http_tenant_tenant_t *tenant);
void ngx_http_tenant_changed_issuer(void *data,
    ngx_http_tenant_issuer_t *issuer);
void ngx_http_tenant_removed(void *data, ngx_uint_t kind, ngx_str_t *id,
    ngx_uint_t counts, int64_t seq);


extern const char *const  ngx_http_tenant_reasons[];

void ngx_http_tenant_cold ngx_http_tenant_refusal(
    ngx_http_tenant_refusal_t *refusal,
    ngx_http_tenant_reason_t reason, ngx_uint_t status, const char *error,
    const char *detail);

/* The registry cannot be read: 503. */
void ngx_http_tenant_cold ngx_http_tenant_refuse_registry(
    ngx_http_tenant_refusal_t *refusal);

/* Of a problem document: the reason phrase of RFC 9110. */
const char *ngx_http_tenant_problem_title(ngx_uint_t status);

/*
 * A problem document (RFC 9457), the caller's; "fmt" as ngx_sprintf takes
 * it.  NULL: no memory.
 */
json_t *ngx_http_tenant_problem(ngx_uint_t status, const char *reason,
    const char *fmt, ...);

/*
 * Answers with the refusal: a problem document (RFC 9457), or what
 * error_page says for the status.  Returns what a phase handler returns.
 */
ngx_int_t ngx_http_tenant_cold ngx_http_tenant_refuse(ngx_http_request_t *r,
    const ngx_http_tenant_refusal_t *refusal);


#endif /* NGX_HTTP_TENANT_MODULE_H */
