#include "ngx_http_tenant_policies.h"
#include "../identity/ngx_http_tenant_identity.h"
#include "../metering/ngx_http_tenant_counters.h"


#define NGX_HTTP_TENANT_ERROR_LEN  512      /* of one evaluation error */


static const policy_uid_t *ngx_http_tenant_authz_action(
    ngx_http_tenant_authz_t *authz, ngx_str_t *name, policy_uid_t *uid,
    ngx_uint_t *number);
static ngx_int_t ngx_http_tenant_authz_principal(ngx_http_request_t *r,
    policy_arena_t *arena, ngx_http_tenant_identity_t *identity,
    policy_uid_t *uid, const policy_store_t **store);
static ngx_int_t ngx_http_tenant_authz_asked(
    ngx_http_tenant_main_conf_t *tmcf, ngx_http_tenant_ctx_t *ctx,
    ngx_http_tenant_tenant_t **held, policy_uid_t *uid);
static ngx_int_t ngx_http_tenant_authz_context(ngx_http_request_t *r,
    ngx_http_tenant_policies_t *policies, policy_arena_t *arena,
    policy_value_t *context);
static ngx_int_t ngx_http_tenant_authz_key(ngx_http_request_t *r,
    ngx_uint_t key, policy_value_t *value);
static ngx_int_t ngx_http_tenant_authz_source_ip(ngx_http_request_t *r,
    policy_value_t *value);
static ngx_int_t ngx_http_tenant_authz_note(ngx_http_request_t *r,
    ngx_http_tenant_ctx_t *ctx, policy_result_t *result);
static void ngx_http_tenant_authz_errors(ngx_http_request_t *r,
    policy_result_t *result);


/* the order is that of NGX_HTTP_TENANT_CONTEXT_* */

const policy_str_t  ngx_http_tenant_context_keys[] = {
    { "method", 6 },
    { "path", 4 },
    { "source_ip", 9 },
    { "now", 3 },
    { "tls", 3 },
    { "session", 7 }
};


ngx_int_t
ngx_http_tenant_authz_init_process(ngx_cycle_t *cycle,
    ngx_http_tenant_main_conf_t *tmcf)
{
    void                     *buffer;
    ngx_uint_t                i, number;
    policy_uid_t              uid;
    ngx_http_tenant_authz_t  *authz;

    static ngx_str_t  invoke = ngx_string("InvokeAgent");
    static ngx_str_t  ping = ngx_string("PingAgent");

    authz = ngx_pcalloc(cycle->pool, sizeof(ngx_http_tenant_authz_t));
    buffer = ngx_palloc(cycle->pool, POLICY_SCRATCH);

    if (authz == NULL || buffer == NULL) {
        return NGX_ERROR;
    }

    authz->arena = policy_arena_init(buffer, POLICY_SCRATCH);

    if (authz->arena == NULL
        || policy_uid_init(&authz->anonymous, POLICY_STR("Anonymous"),
                           POLICY_STR("anonymous"))
           != POLICY_OK
        || ngx_http_tenant_authz_action(authz, &invoke, &uid, &number) == NULL
        || ngx_http_tenant_authz_action(authz, &ping, &uid, &number) == NULL)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < NGX_HTTP_TENANT_CONTEXT_KEYS; i++) {
        authz->bits[i] = policy_known_bit(ngx_http_tenant_context_keys[i]);
    }

    /* two keys may have one bit */

    authz->comparable = (authz->bits[NGX_HTTP_TENANT_CONTEXT_SOURCE_IP]
                         | authz->bits[NGX_HTTP_TENANT_CONTEXT_TLS]
                         | authz->bits[NGX_HTTP_TENANT_CONTEXT_SESSION]
                         | authz->bits[NGX_HTTP_TENANT_CONTEXT_METHOD])
                        & ~(authz->bits[NGX_HTTP_TENANT_CONTEXT_PATH]
                            | authz->bits[NGX_HTTP_TENANT_CONTEXT_NOW]);

    tmcf->authz = authz;

    return ngx_http_tenant_principal_init_process(cycle, tmcf);
}


void
ngx_http_tenant_authz_exit_process(ngx_http_tenant_main_conf_t *tmcf)
{
    if (tmcf->users) {
        ngx_http_tenant_kin_exit(tmcf->users);
        tmcf->users = NULL;
    }
}


/*
 * One of the worker's own, with its number from 1; or, with 0, what is made
 * in "uid" of the name.  NULL: no Cedar entity can have that name.
 */

ngx_http_tenant_hot
static const policy_uid_t *
ngx_http_tenant_authz_action(ngx_http_tenant_authz_t *authz, ngx_str_t *name,
    policy_uid_t *uid, ngx_uint_t *number)
{
    ngx_uint_t     i;
    policy_str_t   id;
    policy_uid_t  *action;

    action = authz->actions;

    for (i = 0; i < authz->nactions; i++) {
        if (name->len == action[i].id_len
            && ngx_memcmp(name->data, action[i].id, name->len) == 0)
        {
            *number = i + 1;
            return &action[i];
        }
    }

    id.data = (char *) name->data;
    id.len = name->len;
    *number = 0;

    if (i < NGX_HTTP_TENANT_ACTIONS
        && name->len <= NGX_HTTP_TENANT_ACTION_KEPT)
    {
        ngx_memcpy(authz->names[i], name->data, name->len);
        id.data = authz->names[i];

        if (policy_uid_init(&action[i], POLICY_STR("Action"), id)
            != POLICY_OK)
        {
            return NULL;
        }

        authz->nactions = i + 1;
        *number = i + 1;

        return &action[i];
    }

    return policy_uid_init(uid, POLICY_STR("Action"), id) == POLICY_OK
           ? uid : NULL;
}


/* The user's own uid and a store for it, where the principal is shared. */

static ngx_int_t
ngx_http_tenant_authz_principal(ngx_http_request_t *r, policy_arena_t *arena,
    ngx_http_tenant_identity_t *identity, policy_uid_t *uid,
    const policy_store_t **store)
{
    u_char          *p;
    ngx_str_t       *iss;
    policy_str_t     id;
    policy_store_t  *renamed;

    iss = &identity->issuer->sn.str;
    id.len = iss->len + 1 + identity->subject.len;

    p = ngx_pnalloc(r->pool, id.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    id.data = (char *) p;

    p = ngx_cpymem(p, iss->data, iss->len);
    *p++ = '#';
    ngx_memcpy(p, identity->subject.data, identity->subject.len);

    if (policy_uid_again(policy_store_uid(identity->kin->store, 0), id, uid)
        != POLICY_OK
        || policy_store_renamed(arena, identity->kin->store, uid, &renamed)
           != POLICY_OK)
    {
        return NGX_ERROR;
    }

    *store = renamed;

    return NGX_OK;
}


ngx_http_tenant_hot
ngx_int_t
ngx_http_tenant_authorize(ngx_http_request_t *r, ngx_http_tenant_ctx_t *ctx)
{
    ngx_uint_t                    n, shared;
    policy_uid_t                  user, action, resource;
    policy_status_t               rc;
    policy_arena_t               *arena;
    policy_result_t               result;
    policy_request_t              request;
    const policy_set_t           *set;
    const policy_store_t         *stores[3];
    ngx_http_tenant_tenant_t     *held;
    ngx_http_tenant_entity_t     *tenant, *agent;
    ngx_http_tenant_policies_t   *policies;
    ngx_http_tenant_identity_t   *identity;
    ngx_http_tenant_loc_conf_t   *tlcf;
    ngx_http_tenant_main_conf_t  *tmcf;

    held = NULL;
    agent = NULL;

    tmcf = ngx_http_get_module_main_conf(r, ngx_http_tenant_module);
    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tenant_module);

    policies = tlcf->policies;
    arena = tmcf->authz->arena;
    identity = ctx->caller->identity;

    ngx_memzero(&request, sizeof(policy_request_t));

    policy_arena_reset(arena);

    if (identity) {
        tenant = identity->tenant->authz;

        stores[request.nstores++] = identity->kin->store;
        stores[request.nstores++] = tenant->store;

    } else {
        request.principal = &tmcf->authz->anonymous;
    }

    if (ctx->asked) {
        switch (ngx_http_tenant_authz_asked(tmcf, ctx, &held, &resource)) {

        case NGX_OK:
            request.resource = &resource;
            break;

        case NGX_DECLINED:
            return NGX_DECLINED;

        default:
            goto fault;
        }

        if (held) {
            tenant = held->authz;
            stores[request.nstores++] = tenant->store;
            request.resource = tenant->uid;
        }

    } else {
        agent = ngx_http_tenant_entity_agent(r, ctx->agent);
        if (agent == NULL) {
            goto fault;
        }

        stores[request.nstores++] = agent->store;
        request.resource = agent->uid;
    }

    /* by the name of none of those who share it, unless that may be asked */

    shared = identity && identity->kin->shared;

    if (shared && (agent == NULL || agent->refers || tlcf->decision_log)) {
        if (ngx_http_tenant_authz_principal(r, arena, identity, &user,
                                            &stores[0])
            != NGX_OK)
        {
            goto fault;
        }

        request.principal = &user;
    }

    request.action = ngx_http_tenant_authz_action(tmcf->authz, &ctx->action,
                                                  &action, &n);
    if (request.action == NULL) {
        goto fault;
    }

    if (identity && agent && n) {
        request.known = ngx_http_tenant_known(identity, policies, n, agent);
    }

    if (request.known
        && ngx_http_tenant_known_same(r, tmcf->authz, &identity->known))
    {
        request.flags = POLICY_SAME_CONTEXT;

    } else if (ngx_http_tenant_authz_context(r, policies, arena,
                                             &request.context)
               != NGX_OK)
    {
        goto fault;
    }

    /* what nobody asks for is left where it is, in memory */

    if (request.principal == NULL
        && (request.flags == 0 || tlcf->decision_log))
    {
        request.principal = policy_store_uid(identity->kin->store, 0);
    }

    set = policies->set;
    request.stores = stores;
    request.sets = &set;
    request.nsets = 1;

    rc = policy_authorize(&request, arena, &result);

    /* messages of errors are about the user */

    if (result.nerrors && shared && request.principal != &user) {
        if (ngx_http_tenant_authz_principal(r, arena, identity, &user,
                                            &stores[0])
            != NGX_OK)
        {
            goto fault;
        }

        request.principal = &user;

        rc = policy_authorize(&request, arena, &result);
    }

    if (rc == POLICY_OK && request.known && request.flags == 0) {
        ngx_http_tenant_known_note(r, tmcf->authz, identity, agent);
    }

    ctx->decided = 1;
    ctx->allowed = (rc == POLICY_OK && result.decision == POLICY_ALLOW);

    if (result.nerrors) {
        ngx_http_tenant_authz_errors(r, &result);
    }

    if (ngx_http_tenant_authz_note(r, ctx, &result) != NGX_OK) {
        goto fault;
    }

    if (tlcf->decision_log) {
        ngx_http_tenant_decision_log(r, ctx, &request, &result);
    }

    if (held) {
        ngx_http_tenant_object_unref(&held->object);
    }

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "tenant decision: %s, %uD policies looked at, %s",
                   ctx->allowed ? "allow" : "deny", result.evaluated,
                   policy_status_name(rc));

    if (rc != POLICY_OK) {

        /* what was not evaluated may be a forbid: no mode lets it pass */

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "tenant policy: engine stopped: %s%s%s",
                      policy_status_name(rc), result.limit ? " of " : "",
                      result.limit ? result.limit : "");

        ngx_http_tenant_refusal(&ctx->refusal, NGX_HTTP_TENANT_R_FAULT,
                                NGX_HTTP_INTERNAL_SERVER_ERROR, NULL,
                                rc == POLICY_LIMIT
                                ? "the policy engine met a limit"
                                : "the policy engine failed");
        return NGX_DECLINED;
    }

    if (ctx->allowed) {
        return NGX_OK;
    }

    if (tlcf->policy == NGX_HTTP_TENANT_POLICY_SHADOW) {
        ctx->shadowed = 1;
        return NGX_OK;
    }

    ngx_http_tenant_refusal(&ctx->refusal, NGX_HTTP_TENANT_R_POLICY_DENIED,
                            NGX_HTTP_FORBIDDEN, NULL,
                            result.nreasons
                            ? "a policy forbids this"
                            : "no policy permits this");

    return NGX_DECLINED;

fault:

    if (held) {
        ngx_http_tenant_object_unref(&held->object);
    }

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "tenant policy: cannot build the request");

    ngx_http_tenant_refusal(&ctx->refusal, NGX_HTTP_TENANT_R_FAULT,
                            NGX_HTTP_INTERNAL_SERVER_ERROR, NULL,
                            "the policy engine failed");

    return NGX_DECLINED;
}


/*
 * A tenant that is there is asked about with what the registry has of it, as
 * a forbid may depend on that: "held" is a reference and has its entity.  All
 * else is no more than a uid.  NGX_DECLINED: the refusal says why.
 */

static ngx_int_t
ngx_http_tenant_authz_asked(ngx_http_tenant_main_conf_t *tmcf,
    ngx_http_tenant_ctx_t *ctx, ngx_http_tenant_tenant_t **held,
    policy_uid_t *uid)
{
    ngx_int_t                 rc;
    policy_str_t              type, id;
    ngx_http_tenant_asked_t  *asked;

    asked = ctx->asked;

    if (ngx_strcmp(asked->type, "Tenant") == 0) {
        rc = ngx_http_tenant_registry_tenant(tmcf->registry, &asked->id,
                                             held);

        if (rc == NGX_ERROR) {
            *held = NULL;
            ngx_http_tenant_refuse_registry(&ctx->refusal);
            return NGX_DECLINED;
        }

        if (rc == NGX_OK) {
            return ngx_http_tenant_entity_tenant(*held) ? NGX_OK : NGX_ERROR;
        }

        *held = NULL;
    }

    type.data = asked->type;
    type.len = ngx_strlen(type.data);
    id.data = (char *) asked->id.data;
    id.len = asked->id.len;

    return policy_uid_init(uid, type, id) == POLICY_OK ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_tenant_authz_context(ngx_http_request_t *r,
    ngx_http_tenant_policies_t *policies, policy_arena_t *arena,
    policy_value_t *context)
{
    ngx_uint_t      i;
    policy_value_t  values[NGX_HTTP_TENANT_CONTEXT_KEYS];

    for (i = 0; i < policies->nkeys; i++) {
        if (ngx_http_tenant_authz_key(r, policies->keys[i], &values[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return policy_record_fill(arena, policies->layout, values, context)
           == POLICY_OK ? NGX_OK : NGX_ERROR;
}


/* What stays zero is absent: a string too long must not become that. */

static ngx_int_t
ngx_http_tenant_authz_key(ngx_http_request_t *r, ngx_uint_t key,
    policy_value_t *value)
{
    ngx_str_t        *text;
    ngx_time_t       *tp;
    ngx_table_elt_t  *h;

    ngx_memzero(value, sizeof(policy_value_t));

    switch (key) {

    case NGX_HTTP_TENANT_CONTEXT_METHOD:
        text = &r->method_name;
        break;

    case NGX_HTTP_TENANT_CONTEXT_PATH:
        text = &r->uri;
        break;

    case NGX_HTTP_TENANT_CONTEXT_SOURCE_IP:
        return ngx_http_tenant_authz_source_ip(r, value) == NGX_ERROR
               ? NGX_ERROR : NGX_OK;

    case NGX_HTTP_TENANT_CONTEXT_NOW:
        tp = ngx_timeofday();
        *value = policy_datetime((int64_t) tp->sec * 1000 + tp->msec);
        return NGX_OK;

    case NGX_HTTP_TENANT_CONTEXT_TLS:
        *value = policy_bool(ngx_http_tenant_client_tls(r));
        return NGX_OK;

    default: /* NGX_HTTP_TENANT_CONTEXT_SESSION */
        h = ngx_http_tenant_client_session(r);
        if (h == NULL) {
            return NGX_OK;
        }

        text = &h->value;
    }

    if (text->len > POLICY_MAX_TEXT) {
        return NGX_ERROR;
    }

    *value = policy_string((char *) text->data, text->len);

    return NGX_OK;
}


/* NGX_DECLINED: the client came by a UNIX-domain socket, the key is absent */

static ngx_int_t
ngx_http_tenant_authz_source_ip(ngx_http_request_t *r, policy_value_t *value)
{
    size_t          len;
    const uint8_t  *address;

    len = ngx_http_tenant_client_address(r, &address);

    if (len == 0) {
        return NGX_DECLINED;
    }

    return policy_ip(address, len, (unsigned) len * 8, value) == POLICY_OK
           ? NGX_OK : NGX_ERROR;
}


/* The result stands in the arena, which the next request resets. */

static ngx_int_t
ngx_http_tenant_authz_note(ngx_http_request_t *r, ngx_http_tenant_ctx_t *ctx,
    policy_result_t *result)
{
    size_t  size;

    if (result->nreasons == 0) {
        return NGX_OK;
    }

    size = result->nreasons * sizeof(policy_ref_t);

    ctx->reasons = ngx_palloc(r->pool, size);
    if (ctx->reasons == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(ctx->reasons, result->reasons, size);
    ctx->nreasons = result->nreasons;

    return NGX_OK;
}


ngx_int_t
ngx_http_tenant_authz_policy_ids(ngx_pool_t *pool,
    ngx_http_tenant_ctx_t *ctx, ngx_str_t *ids)
{
    u_char        *p;
    size_t         len;
    ngx_uint_t     i;
    policy_ref_t  *ref;
    policy_info_t  info;

    ref = ctx->reasons;
    len = 0;

    for (i = 0; i < ctx->nreasons; i++) {
        if (policy_set_info(ref[i].set, ref[i].index, &info) != POLICY_OK) {
            return NGX_ERROR;
        }

        len += info.id.len + 1;
    }

    ids->len = 0;

    ids->data = ngx_pnalloc(pool, len ? len : 1);
    if (ids->data == NULL) {
        return NGX_ERROR;
    }

    p = ids->data;

    for (i = 0; i < ctx->nreasons; i++) {
        (void) policy_set_info(ref[i].set, ref[i].index, &info);

        if (i) {
            *p++ = ',';
        }

        p = ngx_cpymem(p, info.id.data, info.id.len);
    }

    ids->len = p - ids->data;

    return NGX_OK;
}


static void
ngx_http_tenant_authz_errors(ngx_http_request_t *r, policy_result_t *result)
{
    size_t         i;
    ngx_str_t      id;
    policy_info_t  info;
    char           message[NGX_HTTP_TENANT_ERROR_LEN];

    (void) ngx_atomic_fetch_add(&ngx_http_tenant_totals(r)->policy_errors,
                                result->nerrors);

    for (i = 0; i < result->nerrors; i++) {
        (void) policy_eval_error_print(&result->errors[i], message,
                                       sizeof(message));

        ngx_str_null(&id);

        if (policy_set_info(result->errors[i].policy.set,
                            result->errors[i].policy.index, &info)
            == POLICY_OK)
        {
            id.data = (u_char *) info.id.data;
            id.len = info.id.len;
        }

        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "tenant policy \"%V\" failed and was skipped: %s: %s",
                      &id,
                      policy_error_kind_name(result->errors[i].kind),
                      message);
    }
}
