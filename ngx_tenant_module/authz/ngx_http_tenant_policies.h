/* Shared by the files of authz/ alone: what a compiled set is here. */

#ifndef NGX_HTTP_TENANT_POLICIES_H
#define NGX_HTTP_TENANT_POLICIES_H


#include "ngx_http_tenant_authz.h"
#include "policy.h"
#include "../identity/tenant_cache.h"


/* Keys of the Cedar context, in the order of the table of their names. */
#define NGX_HTTP_TENANT_CONTEXT_METHOD     0
#define NGX_HTTP_TENANT_CONTEXT_PATH       1
#define NGX_HTTP_TENANT_CONTEXT_SOURCE_IP  2
#define NGX_HTTP_TENANT_CONTEXT_NOW        3
#define NGX_HTTP_TENANT_CONTEXT_TLS        4
#define NGX_HTTP_TENANT_CONTEXT_SESSION    5
#define NGX_HTTP_TENANT_CONTEXT_KEYS       6


struct ngx_http_tenant_policies_s {
    policy_set_t     *set;
    policy_layout_t  *layout;       /* of the context: the keys that are */
    ngx_uint_t        nkeys;        /*   used, NGX_HTTP_TENANT_CONTEXT_* */
    u_char            keys[NGX_HTTP_TENANT_CONTEXT_KEYS];
    unsigned          any_tag:1;    /* tags are looked up by computed name */
};


extern const policy_str_t     ngx_http_tenant_context_keys[];
extern const policy_memory_t  ngx_http_tenant_policy_memory;


/* Cedar entities of authz/: a uid and the store that has its record. */
typedef struct {
    const policy_uid_t  *uid;       /* the store's own */
    policy_store_t      *store;
    uint64_t             number;    /* from 1, none twice in a worker */
    unsigned             packed:1;  /* the store is one block */
    unsigned             refers:1;  /* its data names entities */
} ngx_http_tenant_entity_t;


/*
 * Made when first needed and kept with the object that they describe.  The
 * store of a tenant holds its tier, too: principals stand on it.  NULL: no
 * memory, or data that is no Cedar value.
 */
ngx_http_tenant_entity_t *ngx_http_tenant_entity_tenant(
    ngx_http_tenant_tenant_t *tenant);
ngx_http_tenant_entity_t *ngx_http_tenant_entity_agent(
    ngx_http_request_t *r, ngx_http_tenant_agent_t *agent);


/* A text of a token, and where it stands when the token is gone. */
typedef struct {
    tenant_str_t      from;
    const char       *to;
} ngx_http_tenant_kept_t;

/*
 * Claims as Cedar values, in memory of known size: measured, then written.
 * What is written needs the claims no more.
 */
typedef struct {
    ngx_pool_t              *pool;      /* of the request */
    policy_arena_t          *arena;     /* fixed */
    ngx_http_tenant_kept_t   kept[2];   /* not written once more */

    size_t                   size;      /* measured: of the arena */
    size_t                   texts;     /* and of texts */

    char                    *text;      /* written: the next goes here, */
    char                    *last;      /*   and ends before */
} ngx_http_tenant_claim_room_t;

/* Adds to room->size and texts.  NGX_DECLINED: no value of Cedar's */
ngx_int_t ngx_http_tenant_claim_measure(ngx_http_tenant_claim_room_t *room,
    const tenant_value_t *claim);

/* A text by itself, such as a name. */
void ngx_http_tenant_claim_measure_text(ngx_http_tenant_claim_room_t *room,
    const char *data, size_t len);

/* NGX_ERROR: no memory, or not that which was measured. */
ngx_int_t ngx_http_tenant_claim_write(ngx_http_tenant_claim_room_t *room,
    const tenant_value_t *claim, policy_value_t *value);

/* NULL: not that which was measured */
const char *ngx_http_tenant_claim_text(ngx_http_tenant_claim_room_t *room,
    const char *data, size_t len);


/* Attributes of a principal, in the order of the table of their names. */
#define NGX_HTTP_TENANT_USER_TENANT     0
#define NGX_HTTP_TENANT_USER_TIER       1
#define NGX_HTTP_TENANT_USER_ISS        2
#define NGX_HTTP_TENANT_USER_SUB        3
#define NGX_HTTP_TENANT_USER_CLIENT_ID  4
#define NGX_HTTP_TENANT_USER_SCOPES     5
#define NGX_HTTP_TENANT_USER_ROLES      6
#define NGX_HTTP_TENANT_USER_ATTRS      7

#define NGX_HTTP_TENANT_KIN_RECENT  64

/* What a worker knows for making principals. */
struct ngx_http_tenant_users_s {
    policy_uid_t      user;         /* uids of the types, */
    policy_uid_t      operator;     /*   with no id */
    policy_uid_t      role;

    policy_layout_t  *attrs;        /* that policies look at; */
    ngx_uint_t        nown;         /*   the principal's own among them: */
    uint8_t           own[NGX_HTTP_TENANT_USER_ATTRS];
    uint32_t          places[NGX_HTTP_TENANT_USER_ATTRS];

    policy_layout_t  *tags;         /* the same, */
    ngx_array_t       tag_names;    /*   policy_str_t */
    unsigned          any_tag:1;    /* if one has a computed name: all */

    policy_arena_t   *arena;        /* aimed at the block of a principal */

    unsigned          apart:1;      /* no two have the same attributes */
    unsigned          named:1;      /* a policy names one or the other */
    tenant_cache_t   *kin;          /* what is shared; NULL: nothing is */
    ngx_http_tenant_kin_t  *recent[NGX_HTTP_TENANT_KIN_RECENT];
                                    /* references: of some tenants the one
                                       found last */
    tenant_room_t    *room;         /* for principals */
};


/* Of how many pairs of agent and action decisions are known to all. */
#define NGX_HTTP_TENANT_KIN_KNOWN  4

/* Immutable once made, but for refs and what is known.  One block. */
struct ngx_http_tenant_kin_s {
    policy_store_t            *store;       /* of the principal alone */
    ngx_http_tenant_tenant_t  *tenant;      /* a reference: lends to store */
    tenant_room_t             *room;        /* where it stands */
    uint32_t                   refs;
    unsigned                   size:24;     /* of the block */
    unsigned                   shared:1;    /* the principal's id is empty */
    unsigned                   nknown:3;    /* NGX_HTTP_TENANT_KIN_KNOWN or
                                               none */
    unsigned                   next:3;      /* of known, to be taken */
    uint32_t                   key_len;     /* of what it is found by, at the
                                               end of the block */
    ngx_http_tenant_known_t    known[];
};


/* release() of users->kin; and all that is shared, when the worker ends. */
void ngx_http_tenant_kin_drop(void *value, void *data);
void ngx_http_tenant_kin_exit(ngx_http_tenant_users_t *users);


/*
 * Makes the principal: measures it, then writes it to a block.  It lends from
 * the tenant, which must outlive it.
 */
typedef struct ngx_http_tenant_plan_s  ngx_http_tenant_plan_t;

/* size: bytes of the block.  NULL: no memory.  shared: of nobody's id */
ngx_http_tenant_plan_t *ngx_http_tenant_principal_measure(ngx_pool_t *pool,
    ngx_http_tenant_users_t *users, ngx_http_tenant_user_t *user,
    ngx_uint_t shared, size_t *size);

/* To p, aligned to 8.  NULL: no memory. */
policy_store_t *ngx_http_tenant_principal_write(ngx_http_tenant_plan_t *plan,
    u_char *p);


/* Whether any policy of the configuration names the entity. */
ngx_uint_t ngx_http_tenant_policies_name(ngx_http_tenant_main_conf_t *tmcf,
    const policy_uid_t *uid);

/* What making principals needs to know of the policies. */
ngx_int_t ngx_http_tenant_principal_init_process(ngx_cycle_t *cycle,
    ngx_http_tenant_main_conf_t *tmcf);


/*
 * Names of actions that are hashed once: the two usual ones, and the first
 * that tenant_action makes.
 */
#define NGX_HTTP_TENANT_ACTIONS      16
#define NGX_HTTP_TENANT_ACTION_KEPT  64      /* bytes; longer ones are not */

/* What a worker keeps for its decisions. */
typedef struct ngx_http_tenant_authz_s {
    policy_arena_t  *arena;
    policy_uid_t     anonymous;
    uint32_t         bits[NGX_HTTP_TENANT_CONTEXT_KEYS];
    uint32_t         comparable;    /* bits of no key but those of a client */
    ngx_uint_t       nactions;
    policy_uid_t     actions[NGX_HTTP_TENANT_ACTIONS];
    char             names[NGX_HTTP_TENANT_ACTIONS]
                          [NGX_HTTP_TENANT_ACTION_KEPT];
} ngx_http_tenant_authz_t;


/*
 * What the engine knows of this decision from an earlier one, or is to note
 * of it.  action: the number of one that is kept.
 */
policy_known_t *ngx_http_tenant_known(ngx_http_tenant_identity_t *identity,
    ngx_http_tenant_policies_t *policies, ngx_uint_t action,
    ngx_http_tenant_entity_t *agent);

/*
 * Whether all that the last decision looked at of its context is as it was:
 * then so is the decision.  Time and path never are, nor is a session.
 */
ngx_uint_t ngx_http_tenant_known_same(ngx_http_request_t *r,
    ngx_http_tenant_authz_t *authz, ngx_http_tenant_known_t *known);

/* A decision was made, and is known: of which client, and for whom else. */
void ngx_http_tenant_known_note(ngx_http_request_t *r,
    ngx_http_tenant_authz_t *authz, ngx_http_tenant_identity_t *identity,
    ngx_http_tenant_entity_t *agent);


/* What the context says of a client. */

#if (NGX_HTTP_SSL)
#define ngx_http_tenant_client_tls(r)  ((r)->connection->ssl != NULL)
#else
#define ngx_http_tenant_client_tls(r)  0
#endif

/* 4 or 16 bytes; 0: a UNIX-domain socket has none */
size_t ngx_http_tenant_client_address(ngx_http_request_t *r,
    const uint8_t **address);

/* NULL: no session */
ngx_table_elt_t *ngx_http_tenant_client_session(ngx_http_request_t *r);


/* Writes the decision where the location wants it. */
void ngx_http_tenant_decision_log(ngx_http_request_t *r,
    ngx_http_tenant_ctx_t *ctx, const policy_request_t *request,
    const policy_result_t *result);


#endif /* NGX_HTTP_TENANT_POLICIES_H */
