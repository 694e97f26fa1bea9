/*
 * Tokens that keys cannot verify, by RFC 7662: the issuer's endpoint is asked,
 * once for all requests of a worker that bring the token, and what it says is
 * kept for a while.
 *
 *     introspect      the request: which tokens, and what becomes of them
 *     introspections  what was asked lately, of this worker
 *     answer          what came of one of those
 *     introspector    an issuer's endpoint: whether and how it can be asked,
 *                     where it is, and what all workers know of it
 */

#ifndef NGX_HTTP_TENANT_INTROSPECT_H
#define NGX_HTTP_TENANT_INTROSPECT_H


#include "../ngx_http_tenant_module.h"
#include "../ngx_http_tenant_zone.h"
#include "../fetch/ngx_http_tenant_fetch.h"
#include "ngx_http_tenant_pending.h"


#define NGX_HTTP_TENANT_INTROSPECTION_DIGEST  32    /* SHA-256 */


typedef struct ngx_http_tenant_introspector_s  ngx_http_tenant_introspector_t;


/* The directive tenant_introspection; iss NULL: off. */
struct ngx_http_tenant_introspect_conf_s {
    ngx_http_complex_value_t  *iss;
    unsigned                   jwt:1;       /* JWTs are asked about, too */
};


/* Of an issuer, in shared memory; plain stores: it is only advice. */
typedef struct {
    ngx_str_node_t           sn;     /* sn.str: iss */
    ngx_queue_t              queue;
    ngx_http_tenant_grave_t  grave;

    ngx_atomic_t     failures;       /* since the newest answer */
    time_t           retry;          /* not before, after a failure */
    time_t           answered;       /* newest answer; 0: none yet */
    ngx_uint_t       status;         /* HTTP status of the newest attempt */
} ngx_http_tenant_shared_introspector_t;


/* Of an issuer, in a worker. */
struct ngx_http_tenant_introspector_s {
    ngx_http_tenant_issuer_t               *issuer;
    ngx_http_tenant_main_conf_t            *tmcf;

    /* form-urlencoded; wiped with the configuration */
    ngx_str_t                               userpwd;    /* "id:secret" */
    ngx_str_t                               form;       /* "&client_id=..." */

    /* where the registry names no endpoint */
    ngx_str_t                               endpoint;   /* empty: not known
                                                           (any more) */
    ngx_http_tenant_fetch_t                *fetch;      /* of discovery */
    time_t                                  refresh;    /* the next is due */
    time_t                                  expires;    /* of the endpoint */

    ngx_http_tenant_shared_introspector_t  *shared;
    ngx_http_tenant_shared_introspector_t   local;  /* the zone is full */

    ngx_uint_t                              running;
    ngx_uint_t                              nwaiting;
    ngx_queue_t                             waiting;    /* introspections */
    ngx_queue_t                             queue;      /* while some wait */
};


typedef enum {
    NGX_HTTP_TENANT_INTROSPECTION_WAITS = 0,    /* for its turn */
    NGX_HTTP_TENANT_INTROSPECTION_RUNS,
    NGX_HTTP_TENANT_INTROSPECTION_ACTIVE,
    NGX_HTTP_TENANT_INTROSPECTION_REFUSED
} ngx_http_tenant_introspection_state_t;


/* Of a token at an issuer. */
typedef struct {
    ngx_rbtree_node_t                       node;
    u_char                                  digest[
                                         NGX_HTTP_TENANT_INTROSPECTION_DIGEST];
    ngx_queue_t                             queue;
    ngx_http_tenant_pending_t               pending;
    ngx_http_tenant_introspector_t         *introspector;   /* until there is
                                                    an answer; its issuer is
                                                    referred to as long */
    struct ngx_http_tenant_introspections_s  *all;

    ngx_http_tenant_introspection_state_t   state;
    ngx_str_t                               post;       /* while it waits */
    ngx_http_tenant_fetch_t                *fetch;      /* while it runs */
    ngx_str_t                               claims;     /* if active: JSON */
    ngx_http_tenant_refusal_t               refusal;    /* if refused */
    time_t                                  deadline;   /* of waiting */
    time_t                                  good;       /* until when claims
                                                           are */
    time_t                                  expires;    /* of the entry */
    unsigned                                accepted:1; /* cached as a token */
    unsigned                                kept:1;     /* nobody waits */
} ngx_http_tenant_introspection_entry_t;


/* A worker's. */
typedef struct ngx_http_tenant_introspections_s {
    ngx_rbtree_t                            tree;
    ngx_rbtree_node_t                       sentinel;
    ngx_queue_t                             running;
    ngx_queue_t                             kept;       /* oldest first */
    ngx_queue_t                             busy;       /* introspectors */
    ngx_uint_t                              nrunning;
    ngx_uint_t                              nwaiting;
    ngx_uint_t                              nkept;
    ngx_event_t                             timer;
    ngx_http_tenant_main_conf_t            *tmcf;
} ngx_http_tenant_introspections_t;


/*
 * NGX_OK: the token is the location's endpoint's to judge, and the caller has
 * an identity, a refusal or something pending; NGX_DECLINED: it is not.
 */
ngx_int_t ngx_http_tenant_introspect(ngx_http_request_t *r,
    ngx_http_tenant_caller_t *caller);

/*
 * Whether the location wants an endpoint to be asked about the token that has
 * not been: the caller was identified where less was asked for.
 */
ngx_uint_t ngx_http_tenant_introspect_missing(ngx_http_request_t *r,
    ngx_http_tenant_caller_t *caller);

/* The directive tenant_introspection ISS [jwt=introspect] | off */
char *ngx_http_tenant_introspect_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* A literal issuer of the directive has to be there. */
ngx_int_t ngx_http_tenant_introspect_check(ngx_conf_t *cf,
    ngx_http_tenant_main_conf_t *tmcf, ngx_http_tenant_loc_conf_t *tlcf);


/* NULL: not known (any more). */
ngx_http_tenant_introspection_entry_t *ngx_http_tenant_introspections_find(
    ngx_http_tenant_main_conf_t *tmcf, u_char *digest);

/*
 * Asks about the token.  NGX_AGAIN: *entry is pending; NGX_DECLINED: it
 * cannot be asked now, *refusal says why; NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_tenant_introspections_ask(
    ngx_http_tenant_introspector_t *introspector, u_char *digest,
    ngx_str_t *token, ngx_http_tenant_introspection_entry_t **entry,
    ngx_http_tenant_refusal_t *refusal);

/*
 * The endpoint of those that wait has become known, or it has turned out that
 * they cannot be asked about now.  The caller holds the issuer.
 */
void ngx_http_tenant_introspections_settle(
    ngx_http_tenant_introspector_t *introspector);

/*
 * Sets state, claims or refusal, and how long they are kept, by an answer;
 * or as if there were none.
 */
void ngx_http_tenant_introspection_answer(
    ngx_http_tenant_introspection_entry_t *entry,
    ngx_http_tenant_answer_t *answer);
void ngx_http_tenant_introspection_unavailable(
    ngx_http_tenant_introspection_entry_t *entry);

extern const char  ngx_http_tenant_introspection_failed[];


ngx_int_t ngx_http_tenant_introspections_init_process(ngx_cycle_t *cycle,
    ngx_http_tenant_main_conf_t *tmcf);
void ngx_http_tenant_introspections_exit_process(
    ngx_http_tenant_main_conf_t *tmcf);


/*
 * Of an issuer that has "introspection": reads the secret.  NGX_ERROR: what is
 * wrong was written to *error, which has room for NGX_HTTP_TENANT_KEYS_ERROR
 * bytes.  The check makes nothing of it.
 */
ngx_int_t ngx_http_tenant_introspector_create(
    ngx_http_tenant_main_conf_t *tmcf, ngx_http_tenant_issuer_t *issuer,
    ngx_log_t *log, ngx_str_t *error);
ngx_int_t ngx_http_tenant_introspector_check(
    ngx_http_tenant_main_conf_t *tmcf, ngx_http_tenant_issuer_t *issuer,
    ngx_log_t *log, ngx_str_t *error);

/* In a worker: finds the shared part.  NULL is allowed in both. */
void ngx_http_tenant_introspector_start(
    ngx_http_tenant_introspector_t *introspector);
void ngx_http_tenant_introspector_stop(
    ngx_http_tenant_introspector_t *introspector);

/*
 * The issuer changed, or went, while somebody holds it: no pointer into shared
 * memory.  NULL is allowed.
 */
void ngx_http_tenant_introspector_retire(
    ngx_http_tenant_introspector_t *introspector);

/* With the zone's mutex held: the issuer is gone. */
struct ngx_http_tenant_totals_s;
void ngx_http_tenant_introspector_forget(ngx_slab_pool_t *shpool,
    struct ngx_http_tenant_totals_s *totals, ngx_str_t *iss);

/*
 * NGX_OK: may be asked now; NGX_BUSY: when others are done, or the endpoint is
 * known; NGX_DECLINED: an attempt has failed lately.
 */
ngx_int_t ngx_http_tenant_introspector_ready(
    ngx_http_tenant_introspector_t *introspector);

/*
 * Makes sure that the endpoint becomes known, and stays so: starts to fetch
 * the discovery document if that is due.  NGX_ERROR: it is not known, and the
 * fetch could not be started.
 */
ngx_int_t ngx_http_tenant_introspector_discover(
    ngx_http_tenant_introspector_t *introspector);

/* The URL to ask at, in place; empty: not known (yet). */
ngx_str_t *ngx_http_tenant_introspector_endpoint(
    ngx_http_tenant_introspector_t *introspector);

/* The body of a question about the token; to be wiped.  NULL: no memory. */
u_char *ngx_http_tenant_introspector_post(
    ngx_http_tenant_introspector_t *introspector, ngx_str_t *token,
    size_t *len);

/* What came of an attempt: a logged change of state, the back-off. */
void ngx_http_tenant_introspector_answered(
    ngx_http_tenant_introspector_t *introspector);
void ngx_http_tenant_introspector_failed(
    ngx_http_tenant_introspector_t *introspector, ngx_uint_t status,
    const char *error);

/* For ngx_http_tenant_issuer_state(): a new reference; NULL: no memory. */
json_t *ngx_http_tenant_introspector_state(
    ngx_http_tenant_introspector_t *introspector);


#endif /* NGX_HTTP_TENANT_INTROSPECT_H */
