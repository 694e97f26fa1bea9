#include "ngx_http_tenant_identity.h"
#include "ngx_http_tenant_bearer.h"
#include "ngx_http_tenant_claim.h"
#include "ngx_http_tenant_introspect.h"
#include "ngx_http_tenant_keyset.h"
#include "tenant_actor.h"
#include "tenant_jws.h"
#include "../authz/ngx_http_tenant_authz.h"
#include "../context/ngx_http_tenant_context.h"
#include "../metering/ngx_http_tenant_counters.h"


/* bytes of an identity that are asked for before they are needed: most */
#define NGX_HTTP_TENANT_PREFETCH       384
#define NGX_HTTP_TENANT_LINE           64


/* tenant ":" subject, and what of the issuer stands between them. */
typedef struct {
    char         id[TENANT_ACTOR_MAX];
    size_t       len;
    size_t       tenant;            /* with the ":" */
    ngx_str_t   *ns;
} ngx_http_tenant_actor_t;


static ngx_http_tenant_identity_t *ngx_http_tenant_identity_verify(
    ngx_http_request_t *r, ngx_str_t *token, tenant_identity_t *names,
    ngx_http_tenant_caller_t *caller);
static ngx_uint_t ngx_http_tenant_identity_valid(
    ngx_http_tenant_identity_t *identity);
static ngx_http_tenant_issuer_t *ngx_http_tenant_identity_issuer(
    ngx_http_tenant_main_conf_t *tmcf, const tenant_value_t *claims,
    ngx_http_tenant_refusal_t *refusal);
static ngx_int_t ngx_http_tenant_identity_signature(tenant_jws_t *jws,
    ngx_http_tenant_issuer_t *issuer, ngx_http_tenant_caller_t *caller);
static ngx_http_tenant_tenant_t *ngx_http_tenant_identity_tenant(
    ngx_http_request_t *r, ngx_http_tenant_issuer_t *issuer,
    const tenant_value_t *claims, tenant_identity_t *names,
    ngx_http_tenant_refusal_t *refusal);
static ngx_http_tenant_identity_t *ngx_http_tenant_identity_create(
    ngx_http_request_t *r, ngx_http_tenant_issuer_t *issuer,
    ngx_http_tenant_tenant_t *tenant, const tenant_value_t *claims,
    tenant_identity_t *names);
static size_t ngx_http_tenant_identity_put_scopes(
    ngx_http_tenant_user_t *user, u_char *p);
static ngx_int_t ngx_http_tenant_identity_actor(
    ngx_http_tenant_actor_t *actor, ngx_http_tenant_user_t *user);
static size_t ngx_http_tenant_identity_encoded(
    ngx_http_tenant_actor_t *actor, tenant_str_t subject);
static size_t ngx_http_tenant_identity_put_actor(
    ngx_http_tenant_actor_t *actor, u_char *p);
static void ngx_http_tenant_identity_claims(
    ngx_http_tenant_refusal_t *refusal, tenant_claims_result_t checked);


ngx_http_tenant_hot
void
ngx_http_tenant_identify(ngx_http_request_t *r,
    ngx_http_tenant_caller_t *caller)
{
    tenant_identity_t             names;
    tenant_cache_tag_t            tag;
    ngx_http_tenant_identity_t   *identity;
    ngx_http_tenant_main_conf_t  *tmcf;

    tmcf = ngx_http_get_module_main_conf(r, ngx_http_tenant_module);

    caller->pending = NULL;

    if (ngx_http_tenant_registry_sync(tmcf->registry) != NGX_OK) {
        ngx_http_tenant_refuse_registry(&caller->refusal);
        return;
    }

    if (ngx_http_tenant_bearer(r, caller) != NGX_OK) {
        return;
    }

    if (ngx_http_tenant_introspect(r, caller) == NGX_OK) {
        return;
    }

    tag = ngx_http_tenant_identity_tag(r, &caller->token);
    identity = ngx_http_tenant_identity_cached(r, tag);

    if (identity) {
        ngx_http_tenant_running_add(caller, identity);
        return;
    }

    identity = ngx_http_tenant_identity_verify(r, &caller->token, &names,
                                               caller);
    if (identity == NULL) {
        return;
    }

    ngx_http_tenant_running_add(caller, identity);

    ngx_http_tenant_identity_keep(r, tag, identity, names.expires);
}


ngx_http_tenant_hot
tenant_cache_tag_t
ngx_http_tenant_identity_tag(ngx_http_request_t *r, ngx_str_t *key)
{
    ngx_http_tenant_main_conf_t  *tmcf;

    tmcf = ngx_http_get_module_main_conf(r, ngx_http_tenant_module);

    return tenant_cache_tag(tmcf->token_cache, (char *) key->data, key->len);
}


ngx_http_tenant_hot
ngx_http_tenant_identity_t *
ngx_http_tenant_identity_cached(ngx_http_request_t *r, tenant_cache_tag_t tag)
{
    ngx_uint_t                    i;
    ngx_http_tenant_cell_t       *cell;
    ngx_http_tenant_identity_t   *identity;
    ngx_http_tenant_main_conf_t  *tmcf;

    tmcf = ngx_http_get_module_main_conf(r, ngx_http_tenant_module);
    cell = ngx_http_tenant_cell(ngx_http_tenant_totals(r));

    ngx_http_tenant_keysets_sync(tmcf);

    identity = tenant_cache_find(tmcf->token_cache, tag, ngx_time());

    if (identity) {

        /*
         * Of many tokens most are in memory only; this is needed, but later.
         * How large it is stands there, too: what is behind it does no harm.
         */

        for (i = NGX_HTTP_TENANT_LINE; i < NGX_HTTP_TENANT_PREFETCH;
             i += NGX_HTTP_TENANT_LINE)
        {
            __builtin_prefetch((u_char *) identity + i);
        }
    }

    if (identity && ngx_http_tenant_identity_valid(identity)) {
        (void) ngx_atomic_fetch_add(&cell->cache_hits, 1);

        identity->refs++;
        return identity;
    }

    (void) ngx_atomic_fetch_add(&cell->cache_misses, 1);

    return NULL;
}


/* Whether what was verified once holds still. */

static ngx_uint_t
ngx_http_tenant_identity_valid(ngx_http_tenant_identity_t *identity)
{
    return !identity->tenant->object.stale
           && !identity->issuer->object.stale
           && (identity->introspected
               || !ngx_http_tenant_keyset_over(identity->issuer->keys));
}


void
ngx_http_tenant_identity_keep(ngx_http_request_t *r, tenant_cache_tag_t tag,
    ngx_http_tenant_identity_t *identity, int64_t expires)
{
    size_t                        size;
    ngx_http_tenant_tenant_t     *tenant;
    ngx_http_tenant_main_conf_t  *tmcf;

    tmcf = ngx_http_get_module_main_conf(r, ngx_http_tenant_module);

    /* the first token of a tenant keeps the tenant, and pays for both */

    tenant = identity->tenant;
    size = tenant_room_size(identity->room, identity->size)
           + ngx_http_tenant_kin_own(identity->kin)
           + (tenant->tokens ? 0 : tenant->object.size);

    /* a reference each for the caller and for the cache */

    if (tenant_cache_insert(tmcf->token_cache, tag, identity, size, expires,
                            ngx_time())
        == TENANT_CACHE_OK)
    {
        identity->refs++;
        tenant->tokens++;
    }
}


/* Returns a new identity with one reference, or NULL and the refusal. */

static ngx_http_tenant_identity_t *
ngx_http_tenant_identity_verify(ngx_http_request_t *r, ngx_str_t *token,
    tenant_identity_t *names, ngx_http_tenant_caller_t *caller)
{
    uint8_t                      *scratch;
    tenant_jws_t                  jws;
    tenant_tape_t                 tape;
    tenant_value_t                values[TENANT_TAPE_ROOM];
    tenant_jws_conf_t             conf;
    tenant_jws_result_t           rc;
    const tenant_value_t         *claims;
    ngx_http_tenant_issuer_t     *issuer;
    ngx_http_tenant_refusal_t    *refusal;
    ngx_http_tenant_identity_t   *identity;
    ngx_http_tenant_main_conf_t  *tmcf;

    refusal = &caller->refusal;
    tmcf = ngx_http_get_module_main_conf(r, ngx_http_tenant_module);

    if (token->len > TENANT_JWS_LEN_DEFAULT) {
        ngx_http_tenant_refusal(refusal, NGX_HTTP_TENANT_R_INVALID_TOKEN,
                                NGX_HTTP_UNAUTHORIZED, "invalid_token",
                                tenant_jws_describe(TENANT_JWS_TOO_LARGE));
        return NULL;
    }

    /* nothing of the decoded token is needed when its identity is made */

    scratch = tmcf->token_scratch;

    ngx_memzero(&conf, sizeof(tenant_jws_conf_t));
    conf.headers = tmcf->token_headers;

    tape.values = values;
    tape.room = TENANT_TAPE_ROOM;
    tape.take = ngx_http_tenant_identity_take;
    tape.data = r->pool;

    rc = tenant_jws_parse(&jws, &tape, (char *) token->data, token->len,
                          &conf, scratch,
                          TENANT_JWS_SCRATCH(TENANT_JWS_LEN_DEFAULT));

    if (rc == TENANT_JWS_OK) {
        rc = tenant_jws_claims(&jws, &tape, &claims, NULL);
    }

    if (rc == TENANT_JWS_FAULT) {
        goto fault;
    }

    if (rc != TENANT_JWS_OK) {
        ngx_http_tenant_refusal(refusal, NGX_HTTP_TENANT_R_INVALID_TOKEN,
                                NGX_HTTP_UNAUTHORIZED, "invalid_token",
                                rc == TENANT_JWS_MALFORMED && jws.reason
                                ? jws.reason : tenant_jws_describe(rc));
        return NULL;
    }

    issuer = ngx_http_tenant_identity_issuer(tmcf, claims, refusal);

    if (issuer
        && ngx_http_tenant_identity_signature(&jws, issuer, caller) == NGX_OK)
    {
        identity = ngx_http_tenant_identity_claimed(r, issuer, claims, names,
                                                    refusal);
    } else {
        identity = NULL;
    }

    if (issuer) {
        ngx_http_tenant_object_unref(&issuer->object);
    }

    return identity;

fault:

    ngx_http_tenant_refusal(refusal, NGX_HTTP_TENANT_R_FAULT,
                            NGX_HTTP_INTERNAL_SERVER_ERROR, NULL,
                            "no memory");

    return NULL;
}


ngx_http_tenant_identity_t *
ngx_http_tenant_identity_claimed(ngx_http_request_t *r,
    ngx_http_tenant_issuer_t *issuer, const tenant_value_t *claims,
    tenant_identity_t *names, ngx_http_tenant_refusal_t *refusal)
{
    tenant_claims_result_t        checked;
    ngx_http_tenant_tenant_t     *tenant;
    ngx_http_tenant_identity_t   *identity;
    ngx_http_tenant_main_conf_t  *tmcf;

    checked = tenant_claims_check(&issuer->rules, claims, ngx_time(), names);

    if (checked != TENANT_CLAIMS_OK) {
        ngx_http_tenant_identity_claims(refusal, checked);
        return NULL;
    }

    tenant = ngx_http_tenant_identity_tenant(r, issuer, claims, names,
                                             refusal);
    if (tenant == NULL) {
        return NULL;
    }

    identity = ngx_http_tenant_identity_create(r, issuer, tenant, claims,
                                               names);

    ngx_http_tenant_object_unref(&tenant->object);

    if (identity == NULL) {
        ngx_http_tenant_refusal(refusal, NGX_HTTP_TENANT_R_FAULT,
                                NGX_HTTP_INTERNAL_SERVER_ERROR, NULL,
                                "no memory");
        return NULL;
    }

    tmcf = ngx_http_get_module_main_conf(r, ngx_http_tenant_module);

    if (ngx_http_tenant_identity_revoked(identity, tmcf->registry)) {
        ngx_http_tenant_identity_release(identity);
        ngx_http_tenant_refusal(refusal, NGX_HTTP_TENANT_R_INVALID_TOKEN,
                                NGX_HTTP_UNAUTHORIZED, "invalid_token",
                                "the token was revoked");
        return NULL;
    }

    /* the registry outranks the token, but whoever issues should know */

    if (names->tier.data
        && (names->tier.len != identity->tenant->tier->sn.str.len
            || ngx_memcmp(names->tier.data, identity->tenant->tier->sn.str.data,
                          names->tier.len)
               != 0))
    {
        (void) ngx_atomic_fetch_add(
                   &ngx_http_tenant_totals(r)->tier_mismatches, 1);
    }

    return identity;
}


/*
 * The claims are unverified here: they only choose whose keys to try.
 * Returns a reference.
 */

static ngx_http_tenant_issuer_t *
ngx_http_tenant_identity_issuer(ngx_http_tenant_main_conf_t *tmcf,
    const tenant_value_t *claims, ngx_http_tenant_refusal_t *refusal)
{
    ngx_str_t                  iss;
    tenant_str_t               text;
    ngx_http_tenant_issuer_t  *issuer;

    text = tenant_value_text(tenant_value_get(claims, tenant_str("iss")));

    if (text.data == NULL) {
        ngx_http_tenant_refusal(refusal, NGX_HTTP_TENANT_R_INVALID_TOKEN,
                                NGX_HTTP_UNAUTHORIZED, "invalid_token",
                                "the token names no issuer");
        return NULL;
    }

    iss.data = (u_char *) text.data;
    iss.len = text.len;

    switch (ngx_http_tenant_registry_issuer(tmcf->registry, &iss, &issuer)) {

    case NGX_OK:
        return issuer;

    case NGX_DECLINED:
        ngx_http_tenant_refusal(refusal, NGX_HTTP_TENANT_R_INVALID_TOKEN,
                                NGX_HTTP_UNAUTHORIZED, "invalid_token",
                                "the issuer is not known here");
        return NULL;

    default:
        ngx_http_tenant_refuse_registry(refusal);
        return NULL;
    }
}


static ngx_int_t
ngx_http_tenant_identity_signature(tenant_jws_t *jws,
    ngx_http_tenant_issuer_t *issuer, ngx_http_tenant_caller_t *caller)
{
    tenant_jws_result_t         rc;
    ngx_http_tenant_keyset_t   *keyset;
    ngx_http_tenant_refusal_t  *refusal;

    keyset = issuer->keys;
    refusal = &caller->refusal;

    if (ngx_http_tenant_issuer_keyless(issuer)) {
        ngx_http_tenant_refusal(refusal, NGX_HTTP_TENANT_R_INVALID_TOKEN,
                                NGX_HTTP_UNAUTHORIZED, "invalid_token",
                                "the issuer has no keys here");
        return NGX_ERROR;
    }

    switch (ngx_http_tenant_keyset_ready(keyset)) {

    case NGX_OK:
        break;

    case NGX_AGAIN:
        caller->pending = &keyset->pending;
        return NGX_AGAIN;

    default:
        ngx_http_tenant_refusal(refusal, NGX_HTTP_TENANT_R_NO_KEYS,
                                NGX_HTTP_SERVICE_UNAVAILABLE, NULL,
                                "the keys of the issuer are not available");
        return NGX_ERROR;
    }

    rc = tenant_jws_verify(jws, keyset->jwks, issuer->rules.algs, NULL);

    if (rc == TENANT_JWS_UNKNOWN_KID && !caller->waited
        && ngx_http_tenant_keyset_unknown_kid(keyset) == NGX_AGAIN)
    {
        /* the provider may have new keys, which the token is signed with */

        caller->pending = &keyset->pending;
        return NGX_AGAIN;
    }

    if (rc == TENANT_JWS_OK) {
        return NGX_OK;
    }

    if (rc == TENANT_JWS_FAULT) {
        ngx_http_tenant_refusal(refusal, NGX_HTTP_TENANT_R_FAULT,
                                NGX_HTTP_INTERNAL_SERVER_ERROR, NULL,
                                "no memory");
        return NGX_ERROR;
    }

    ngx_http_tenant_refusal(refusal, NGX_HTTP_TENANT_R_INVALID_TOKEN,
                            NGX_HTTP_UNAUTHORIZED, "invalid_token",
                            tenant_jws_describe(rc));

    return NGX_ERROR;
}


/*
 * A bound issuer produces its own tenant and no other, whatever its tokens
 * claim; an unbound one only tenants that list it.  Returns a reference.
 */

static ngx_http_tenant_tenant_t *
ngx_http_tenant_identity_tenant(ngx_http_request_t *r,
    ngx_http_tenant_issuer_t *issuer, const tenant_value_t *claims,
    tenant_identity_t *names, ngx_http_tenant_refusal_t *refusal)
{
    ngx_int_t                     rc;
    ngx_str_t                     id;
    tenant_str_t                  claimed, path;
    const tenant_value_t         *value;
    ngx_http_tenant_tenant_t     *tenant;
    ngx_http_tenant_main_conf_t  *tmcf;

    tmcf = ngx_http_get_module_main_conf(r, ngx_http_tenant_module);

    if (issuer->operators) {
        tenant = ngx_http_tenant_registry_operators(tmcf->registry);
        tenant->object.refs++;

        return tenant;
    }

    claimed = names->tenant;

    if (issuer->tenant.len && claimed.data == NULL) {

        /* the binding needs no claim, but none may contradict it */

        path.data = (char *) issuer->tenant_claim.data;
        path.len = issuer->tenant_claim.len;

        value = tenant_claim_find(claims, path);

        if (value) {
            claimed = tenant_value_text(value);

            if (claimed.data == NULL) {
                /* no string: nothing the binding could agree with */
                claimed = tenant_str("");
            }
        }
    }

    if (issuer->tenant.len) {
        if (claimed.data
            && (claimed.len != issuer->tenant.len
                || ngx_memcmp(claimed.data, issuer->tenant.data,
                              claimed.len)
                   != 0))
        {
            ngx_http_tenant_refusal(refusal, NGX_HTTP_TENANT_R_ISOLATION,
                                    NGX_HTTP_FORBIDDEN, NULL,
                                    "isolation violation: the token claims "
                                    "a tenant its issuer is not bound to");
            return NULL;
        }

        id = issuer->tenant;

    } else {
        id.data = (u_char *) claimed.data;
        id.len = claimed.len;
    }

    rc = id.len ? ngx_http_tenant_registry_tenant(tmcf->registry, &id,
                                                  &tenant)
                : NGX_DECLINED;

    if (rc == NGX_ERROR) {
        ngx_http_tenant_refuse_registry(refusal);
        return NULL;
    }

    if (rc == NGX_DECLINED) {
        ngx_http_tenant_refusal(refusal, NGX_HTTP_TENANT_R_UNKNOWN_TENANT,
                                NGX_HTTP_FORBIDDEN, NULL,
                                "the tenant is not known here");
        return NULL;
    }

    if (!ngx_http_tenant_registry_issues(tenant, issuer)) {
        ngx_http_tenant_refusal(refusal, NGX_HTTP_TENANT_R_ISOLATION,
                                NGX_HTTP_FORBIDDEN, NULL,
                                "isolation violation: the tenant does not "
                                "accept this issuer");
        ngx_http_tenant_object_unref(&tenant->object);
        return NULL;
    }

    return tenant;
}


/* One block: the identity, its claims, all texts. */

static ngx_http_tenant_identity_t *
ngx_http_tenant_identity_create(ngx_http_request_t *r,
    ngx_http_tenant_issuer_t *issuer, ngx_http_tenant_tenant_t *tenant,
    const tenant_value_t *claims, tenant_identity_t *names)
{
    u_char                       *p, *subject;
    size_t                        prefix, size, encoded;
    ngx_str_t                     jti;
    ngx_http_tenant_kin_t        *kin;
    ngx_http_tenant_user_t        user;
    ngx_http_tenant_actor_t       actor;
    ngx_http_tenant_identity_t   *identity;
    ngx_http_tenant_main_conf_t  *tmcf;

    tmcf = ngx_http_get_module_main_conf(r, ngx_http_tenant_module);

    user.issuer = issuer;
    user.tenant = tenant;
    user.names = names;
    user.claims = claims;

    if (ngx_http_tenant_identity_actor(&actor, &user) != NGX_OK
        || ngx_http_tenant_claim_list(r->pool, names->scopes, &user.scopes,
                                      &user.nscopes)
           != NGX_OK
        || ngx_http_tenant_kin(r, &user, &kin) != NGX_OK)
    {
        return NULL;
    }

    /* most subjects need no encoding and stand there once */

    encoded = ngx_http_tenant_identity_encoded(&actor, names->subject);

    prefix = sizeof(ngx_http_tenant_identity_t)
             + tmcf->claims.nelts * sizeof(ngx_str_t);

    subject = ngx_http_tenant_kin_subject(kin, names->subject.len);

    size = prefix + (subject ? 0 : names->subject.len) + names->client_id.len
           + ngx_http_tenant_identity_put_scopes(&user, NULL)
           + ngx_http_tenant_identity_put_actor(&actor, NULL)
           + (encoded != names->subject.len ? encoded : 0)
           + ngx_http_tenant_claims_texts(tmcf, issuer, claims, NULL, NULL);

    identity = tenant_room_alloc(tmcf->token_room, size);
    if (identity == NULL) {
        ngx_http_tenant_kin_release(kin);
        return NULL;
    }

    ngx_memzero(identity, sizeof(ngx_http_tenant_identity_t));

    identity->refs = 1;
    identity->room = tmcf->token_room;
    identity->size = size;
    identity->issuer = issuer;
    identity->tenant = tenant;
    identity->kin = kin;
    identity->claims = (ngx_str_t *) &identity[1];

    if (names->jti.data) {
        jti.data = (u_char *) names->jti.data;
        jti.len = names->jti.len;

        identity->jti = ngx_http_tenant_revoked_jti(
                            ngx_http_tenant_registry_revoked(tmcf->registry),
                            &issuer->sn.str, &jti);
    }

    identity->iat = names->has_iat ? names->iat : -1;

    p = (u_char *) identity + prefix;

    if (subject == NULL) {
        subject = p;
        p = ngx_cpymem(p, names->subject.data, names->subject.len);
    }

    identity->subject.data = subject;
    identity->subject.len = names->subject.len;
    identity->subject_header = identity->subject;

    identity->actor_id.data = p;
    identity->actor_id.len = ngx_http_tenant_identity_put_actor(&actor, p);
    p += identity->actor_id.len;

    if (encoded != names->subject.len) {
        identity->subject_header.data = p;
        identity->subject_header.len = encoded;
        p += ngx_http_tenant_header_escape(p, identity->subject.data,
                                           identity->subject.len);
    }

    p += ngx_http_tenant_claims_texts(tmcf, issuer, claims, identity->claims,
                                      p);

    identity->scopes.data = p;
    identity->scopes.len = ngx_http_tenant_identity_put_scopes(&user, p);
    p += identity->scopes.len;

    if (names->client_id.len) {
        identity->client_id.data = p;
        identity->client_id.len = names->client_id.len;
        ngx_memcpy(p, names->client_id.data, names->client_id.len);
    }

    issuer->object.refs++;
    tenant->object.refs++;

    return identity;
}


void *
ngx_http_tenant_identity_take(void *pool, size_t size)
{
    return ngx_palloc(pool, size);
}


/* Returns their length; p NULL: only that.  No text of a token has a NUL. */

static size_t
ngx_http_tenant_identity_put_scopes(ngx_http_tenant_user_t *user, u_char *p)
{
    size_t         len;
    ngx_uint_t     i;
    tenant_str_t  *scope;

    len = user->nscopes;
    scope = user->scopes;

    for (i = 0; i < user->nscopes; i++) {
        len += scope[i].len;

        if (p) {
            p = ngx_cpymem(p, scope[i].data, scope[i].len);
            *p++ = '\0';
        }
    }

    return len;
}


/* NGX_ERROR: no memory for a digest */

static ngx_int_t
ngx_http_tenant_identity_actor(ngx_http_tenant_actor_t *actor,
    ngx_http_tenant_user_t *user)
{
    tenant_str_t  id;

    id.data = (char *) user->tenant->sn.str.data;
    id.len = user->tenant->sn.str.len;

    if (user->issuer->operators) {

        /* theirs is no id; nor does an operator ever get to an agent */

        id.data++;
        id.len--;
    }

    actor->tenant = id.len + 1;
    actor->ns = &user->issuer->subject_namespace;

    return tenant_actor_encode(actor->id, &actor->len, id,
                               user->names->subject)
           == TENANT_ACTOR_OK ? NGX_OK : NGX_ERROR;
}


/*
 * The length of the subject in a header.  An actor whose name has it as it is
 * says that it is made of letters, digits and dashes.
 */

static size_t
ngx_http_tenant_identity_encoded(ngx_http_tenant_actor_t *actor,
    tenant_str_t subject)
{
    if (actor->len - actor->tenant == subject.len
        && ngx_memcmp(actor->id + actor->tenant, subject.data, subject.len)
           == 0)
    {
        return subject.len;
    }

    return ngx_http_tenant_header_escape(NULL, (u_char *) subject.data,
                                         subject.len);
}


/* tenant ":" [ namespace ":" ] subject; p NULL: only the length */

static size_t
ngx_http_tenant_identity_put_actor(ngx_http_tenant_actor_t *actor, u_char *p)
{
    size_t  len;

    len = actor->ns->len ? actor->ns->len + 1 : 0;

    if (p == NULL) {
        return actor->len + len;
    }

    if (len == 0) {
        ngx_memcpy(p, actor->id, actor->len);
        return actor->len;
    }

    p = ngx_cpymem(p, actor->id, actor->tenant);
    p = ngx_cpymem(p, actor->ns->data, actor->ns->len);
    *p++ = ':';
    ngx_memcpy(p, actor->id + actor->tenant, actor->len - actor->tenant);

    return actor->len + len;
}


ngx_http_tenant_hot
void
ngx_http_tenant_identity_release(ngx_http_tenant_identity_t *identity)
{
    if (identity == NULL || --identity->refs) {
        return;
    }

    ngx_http_tenant_kin_release(identity->kin);
    ngx_http_tenant_object_unref(&identity->tenant->object);
    ngx_http_tenant_object_unref(&identity->issuer->object);

    tenant_room_free(identity->room, identity);
}


ngx_http_tenant_hot
void
ngx_http_tenant_identity_status(ngx_http_tenant_identity_t *identity,
    ngx_uint_t api, ngx_http_tenant_refusal_t *refusal)
{
    if (identity->issuer->operators != (api ? 1 : 0)) {
        ngx_http_tenant_refusal(refusal, NGX_HTTP_TENANT_R_ISOLATION,
                                NGX_HTTP_FORBIDDEN, NULL, api
                                ? "isolation violation: the control plane is "
                                  "for tokens of operators"
                                : "isolation violation: a token of an "
                                  "operator is for the control plane");
        return;
    }

    switch (identity->tenant->status) {

    case NGX_HTTP_TENANT_ACTIVE:
        return;

    case NGX_HTTP_TENANT_SUSPENDED:
        ngx_http_tenant_refusal(refusal, NGX_HTTP_TENANT_R_SUSPENDED_TENANT,
                                NGX_HTTP_FORBIDDEN, NULL,
                                "the tenant is suspended");
        return;

    case NGX_HTTP_TENANT_PROVISIONING:
        ngx_http_tenant_refusal(refusal,
                                NGX_HTTP_TENANT_R_PROVISIONING_TENANT,
                                NGX_HTTP_FORBIDDEN, NULL,
                                "the tenant is still being provisioned");
        return;

    default:
        ngx_http_tenant_refusal(refusal, NGX_HTTP_TENANT_R_OFFBOARDING_TENANT,
                                NGX_HTTP_FORBIDDEN, NULL,
                                "the tenant is being offboarded");
    }
}


static void
ngx_http_tenant_identity_claims(ngx_http_tenant_refusal_t *refusal,
    tenant_claims_result_t checked)
{
    const char  *detail;

    detail = tenant_claims_describe(checked);

    switch (checked) {

    case TENANT_CLAIMS_TENANT:

        /* a good token of nobody's: no other token would be asked for */

        ngx_http_tenant_refusal(refusal, NGX_HTTP_TENANT_R_NO_TENANT,
                                NGX_HTTP_FORBIDDEN, NULL, detail);
        return;

    case TENANT_CLAIMS_SCOPE:
        ngx_http_tenant_refusal(refusal,
                                NGX_HTTP_TENANT_R_INSUFFICIENT_SCOPE,
                                NGX_HTTP_FORBIDDEN, "insufficient_scope",
                                detail);
        return;

    default:
        ngx_http_tenant_refusal(refusal, NGX_HTTP_TENANT_R_INVALID_TOKEN,
                                tenant_claims_http_status(checked),
                                tenant_claims_error(checked), detail);
    }
}
