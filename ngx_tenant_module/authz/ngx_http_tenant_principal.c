/*
 * The principal of a verified token as a Cedar entity: measured, then written
 * straight to where it is kept.
 */

#include "ngx_http_tenant_policies.h"
#include "../identity/ngx_http_tenant_claim.h"
#include "../identity/tenant_claim_path.h"
#include "../identity/tenant_claims.h"


/* Texts of a token that the uid has as well. */
#define NGX_HTTP_TENANT_KEPT_SUBJECT  0
#define NGX_HTTP_TENANT_KEPT_ISS      1


/* A claim that becomes an attribute or a tag. */
typedef struct {
    const tenant_value_t          *claim;
    uint32_t                       place;   /* in the layout, unless any_tag */
} ngx_http_tenant_mapped_t;


/* What measuring finds out, for writing. */
struct ngx_http_tenant_plan_s {
    ngx_http_tenant_users_t       *users;
    ngx_http_tenant_user_t        *user;
    unsigned                       shared:1;

    ngx_http_tenant_claim_room_t   room;
    policy_single_t                single;
    tenant_str_t                   subject; /* written: of the uid */

    policy_uid_t                  *parents; /* the tenant, then roles */
    policy_str_t                  *texts;   /* enough for roles or scopes */

    ngx_http_tenant_mapped_t      *attrs;
    ngx_uint_t                     nattrs;
    ngx_http_tenant_mapped_t      *tags;
    ngx_uint_t                     ntags;
    policy_pick_t                 *picks;   /* enough for either */
};


static ngx_http_tenant_plan_t *ngx_http_tenant_plan_create(ngx_pool_t *pool,
    ngx_http_tenant_users_t *users, ngx_http_tenant_user_t *user);
static ngx_int_t ngx_http_tenant_plan_uids(ngx_http_tenant_plan_t *plan);
static void ngx_http_tenant_plan_attrs(ngx_http_tenant_plan_t *plan);
static size_t ngx_http_tenant_plan_texts(tenant_str_t *texts, ngx_uint_t n);
static void ngx_http_tenant_plan_tags(ngx_http_tenant_plan_t *plan);
static ngx_int_t ngx_http_tenant_plan_tag(ngx_http_tenant_plan_t *plan,
    const tenant_value_t *claim, uint32_t place);
static ngx_int_t ngx_http_tenant_principal_uids(ngx_http_tenant_plan_t *plan);
static ngx_int_t ngx_http_tenant_principal_attrs(
    ngx_http_tenant_plan_t *plan);
static ngx_uint_t ngx_http_tenant_principal_own(ngx_http_tenant_plan_t *plan);
static ngx_int_t ngx_http_tenant_principal_tags(ngx_http_tenant_plan_t *plan);
static ngx_int_t ngx_http_tenant_principal_any_tags(
    ngx_http_tenant_plan_t *plan);
static policy_value_t ngx_http_tenant_principal_texts(
    ngx_http_tenant_plan_t *plan, tenant_str_t *texts, ngx_uint_t n);
static const char *ngx_http_tenant_principal_text(
    ngx_http_tenant_plan_t *plan, const char *data, size_t len);


/* Its tenant has a store of its own, which that of the principal stands on. */

ngx_http_tenant_plan_t *
ngx_http_tenant_principal_measure(ngx_pool_t *pool,
    ngx_http_tenant_users_t *users, ngx_http_tenant_user_t *user,
    ngx_uint_t shared, size_t *size)
{
    ngx_http_tenant_plan_t  *plan;

    plan = ngx_http_tenant_plan_create(pool, users, user);
    if (plan == NULL) {
        return NULL;
    }

    plan->shared = shared ? 1 : 0;

    if (ngx_http_tenant_plan_uids(plan) != NGX_OK) {
        return NULL;
    }

    ngx_http_tenant_plan_attrs(plan);
    ngx_http_tenant_plan_tags(plan);

    plan->room.size += policy_single_measure(&plan->single);

    *size = plan->room.size + plan->room.texts;

    return plan;
}


static ngx_http_tenant_plan_t *
ngx_http_tenant_plan_create(ngx_pool_t *pool, ngx_http_tenant_users_t *users,
    ngx_http_tenant_user_t *user)
{
    ngx_uint_t                 attrs, tags, nroles, texts;
    ngx_http_tenant_plan_t    *plan;
    ngx_http_tenant_entity_t  *tenant;

    nroles = user->nroles;
    attrs = user->issuer->rules.nattributes;
    tags = users->any_tag ? user->claims->len : users->tag_names.nelts;
    texts = ngx_max(nroles, user->nscopes);

    plan = ngx_palloc(pool, sizeof(ngx_http_tenant_plan_t)
                            + (nroles + 1) * sizeof(policy_uid_t)
                            + texts * sizeof(policy_str_t)
                            + (NGX_HTTP_TENANT_USER_ATTRS + attrs + tags)
                              * sizeof(policy_pick_t)
                            + (attrs + tags)
                              * sizeof(ngx_http_tenant_mapped_t));
    if (plan == NULL) {
        return NULL;
    }

    plan->parents = (policy_uid_t *) &plan[1];
    plan->texts = (policy_str_t *) &plan->parents[nroles + 1];
    plan->picks = (policy_pick_t *) &plan->texts[texts];
    plan->attrs = (ngx_http_tenant_mapped_t *)
                  &plan->picks[NGX_HTTP_TENANT_USER_ATTRS + attrs + tags];
    plan->tags = &plan->attrs[attrs];
    plan->nattrs = 0;
    plan->ntags = 0;

    plan->users = users;
    plan->user = user;

    tenant = user->tenant->authz;

    plan->parents[0] = *tenant->uid;

    plan->single.base = tenant->store;
    plan->single.parents = plan->parents;
    plan->single.nparents = nroles + 1;

    plan->room.pool = pool;
    plan->room.arena = users->arena;
    plan->room.size = 0;
    plan->room.texts = 0;

    ngx_memzero(plan->room.kept, sizeof(plan->room.kept));

    return plan;
}


/* iss "#" subject, unless nobody could tell; and the roles. */

static ngx_int_t
ngx_http_tenant_plan_uids(ngx_http_tenant_plan_t *plan)
{
    ngx_uint_t               i;
    policy_str_t             id;
    ngx_http_tenant_kept_t  *kept;
    ngx_http_tenant_user_t  *user;

    user = plan->user;

    if (!plan->shared) {
        kept = plan->room.kept;
        kept[NGX_HTTP_TENANT_KEPT_SUBJECT].from = user->names->subject;
        kept[NGX_HTTP_TENANT_KEPT_ISS].from = user->names->iss;

        plan->room.texts += user->issuer->sn.str.len + 1
                            + user->names->subject.len;
    }

    for (i = 0; i < user->nroles; i++) {
        id.data = user->roles[i].data;
        id.len = user->roles[i].len;

        if (policy_uid_again(&plan->users->role, id, &plan->parents[i + 1])
            != POLICY_OK)
        {
            return NGX_ERROR;
        }

        plan->room.texts += id.len;
    }

    return NGX_OK;
}


/*
 * Those that a policy looks at: the principal's own, then what the issuer's
 * claim map makes attributes of; absent claims are none.
 */

static void
ngx_http_tenant_plan_attrs(ngx_http_tenant_plan_t *plan)
{
    size_t                    i;
    uint32_t                  place;
    policy_str_t              name;
    tenant_rules_t           *rules;
    tenant_attribute_t       *attribute;
    const tenant_value_t     *claim;
    ngx_http_tenant_user_t   *user;
    ngx_http_tenant_users_t  *users;

    user = plan->user;
    users = plan->users;

    plan->room.size += POLICY_RECORD_SIZE(users->nown);

    for (i = 0; i < users->nown; i++) {
        switch (users->own[i]) {

        case NGX_HTTP_TENANT_USER_ISS:
            plan->room.texts += user->issuer->sn.str.len;
            break;

        case NGX_HTTP_TENANT_USER_CLIENT_ID:
            if (user->names->client_id.data == NULL) {
                plan->room.size -= POLICY_RECORD_SIZE(1);
            }

            plan->room.texts += user->names->client_id.len;
            break;

        case NGX_HTTP_TENANT_USER_SCOPES:
            plan->room.size += POLICY_SET_SIZE(user->nscopes);
            plan->room.texts += ngx_http_tenant_plan_texts(user->scopes,
                                                           user->nscopes);
            break;

        case NGX_HTTP_TENANT_USER_ROLES:
            plan->room.size += POLICY_SET_SIZE(user->nroles);
        }
    }

    rules = &user->issuer->rules;
    attribute = rules->attributes;

    for (i = 0; i < rules->nattributes; i++) {
        name.data = attribute[i].name.data;
        name.len = attribute[i].name.len;

        if (!policy_layout_find(users->attrs, name, &place)) {
            continue;
        }

        claim = tenant_claim_find(user->claims, attribute[i].path);

        if (claim
            && ngx_http_tenant_claim_measure(&plan->room, claim) == NGX_OK)
        {
            plan->attrs[plan->nattrs].claim = claim;
            plan->attrs[plan->nattrs++].place = place;
            plan->room.size += POLICY_RECORD_SIZE(1);
        }
    }
}


static size_t
ngx_http_tenant_plan_texts(tenant_str_t *texts, ngx_uint_t n)
{
    size_t      len;
    ngx_uint_t  i;

    len = 0;

    for (i = 0; i < n; i++) {
        len += texts[i].len;
    }

    return len;
}


/*
 * Claims are tags of the principal, as far as a policy could ask for them.
 * A claim that Cedar cannot hold (null, a fraction beyond four digits) is
 * left out: hasTag() says so.
 */

static void
ngx_http_tenant_plan_tags(ngx_http_tenant_plan_t *plan)
{
    uint32_t                  place;
    ngx_uint_t                i;
    policy_str_t             *tag;
    tenant_str_t              name;
    const tenant_value_t     *claims, *member, *claim;
    ngx_http_tenant_users_t  *users;

    users = plan->users;
    claims = plan->user->claims;

    if (users->any_tag) {
        member = tenant_value_first(claims);

        for (i = 0; i < claims->len; i++) {
            claim = member + 1;

            if (ngx_http_tenant_plan_tag(plan, claim, 0) == NGX_OK) {
                ngx_http_tenant_claim_measure_text(&plan->room,
                                                   member->u.text,
                                                   member->len);
            }

            member = tenant_value_next(claim);
        }

        return;
    }

    tag = users->tag_names.elts;

    for (i = 0; i < users->tag_names.nelts; i++) {
        name.data = tag[i].data;
        name.len = tag[i].len;

        claim = tenant_value_get(claims, name);

        if (claim && policy_layout_find(users->tags, tag[i], &place)) {
            (void) ngx_http_tenant_plan_tag(plan, claim, place);
        }
    }
}


/* NGX_DECLINED: the claim is left out */

static ngx_int_t
ngx_http_tenant_plan_tag(ngx_http_tenant_plan_t *plan,
    const tenant_value_t *claim, uint32_t place)
{
    if (ngx_http_tenant_claim_measure(&plan->room, claim) != NGX_OK) {
        return NGX_DECLINED;
    }

    plan->tags[plan->ntags].claim = claim;
    plan->tags[plan->ntags++].place = place;
    plan->room.size += POLICY_RECORD_SIZE(1);

    return NGX_OK;
}


/*
 * Roles have no parents, which is why the store may be sealed: what stands
 * behind it in a request has no record of them.
 */

policy_store_t *
ngx_http_tenant_principal_write(ngx_http_tenant_plan_t *plan, u_char *p)
{
    policy_arena_t  *arena;
    policy_store_t  *store;

    arena = plan->room.arena;

    plan->room.text = (char *) p + plan->room.size;
    plan->room.last = plan->room.text + plan->room.texts;

    if (policy_arena_aim(arena, p, plan->room.size) != POLICY_OK
        || ngx_http_tenant_principal_uids(plan) != NGX_OK
        || ngx_http_tenant_principal_attrs(plan) != NGX_OK
        || ngx_http_tenant_principal_tags(plan) != NGX_OK
        || policy_store_single(arena, &plan->single, &store) != POLICY_OK)
    {
        return NULL;
    }

    return store;
}


static ngx_int_t
ngx_http_tenant_principal_uids(ngx_http_tenant_plan_t *plan)
{
    char                     *p;
    ngx_str_t                *iss;
    ngx_uint_t                i;
    policy_str_t              id;
    tenant_str_t             *role, subject;
    ngx_http_tenant_kept_t   *kept;
    ngx_http_tenant_user_t   *user;
    ngx_http_tenant_users_t  *users;

    /* as these are measured, there is room for them */

    p = plan->room.text;
    user = plan->user;
    users = plan->users;

    id.data = "";
    id.len = 0;

    if (!plan->shared) {
        iss = &user->issuer->sn.str;
        subject = user->names->subject;

        id.data = p;
        id.len = iss->len + 1 + subject.len;

        p = (char *) ngx_cpymem(p, iss->data, iss->len);
        *p++ = '#';

        plan->subject.data = p;
        plan->subject.len = subject.len;

        p = (char *) ngx_cpymem(p, subject.data, subject.len);

        kept = plan->room.kept;
        kept[NGX_HTTP_TENANT_KEPT_SUBJECT].to = plan->subject.data;
        kept[NGX_HTTP_TENANT_KEPT_ISS].to = id.data;
    }

    for (i = 0; i < user->nroles; i++) {
        role = &user->roles[i];

        ngx_memcpy(p, role->data, role->len);
        role->data = p;
        p += role->len;

        policy_uid_moved(&plan->parents[i + 1], role->data);
    }

    plan->room.text = p;

    return policy_uid_again(user->issuer->operators ? &users->operator
                                                    : &users->user,
                            id, &plan->single.uid)
           == POLICY_OK ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_tenant_principal_attrs(ngx_http_tenant_plan_t *plan)
{
    ngx_uint_t      i, n;
    policy_pick_t  *pick;

    n = ngx_http_tenant_principal_own(plan);

    for (i = 0; i < plan->nattrs; i++) {
        pick = &plan->picks[n++];
        pick->place = plan->attrs[i].place;

        if (ngx_http_tenant_claim_write(&plan->room, plan->attrs[i].claim,
                                        &pick->value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return policy_record_pick(plan->room.arena, plan->users->attrs,
                              plan->picks, n, &plan->single.attrs)
           == POLICY_OK ? NGX_OK : NGX_ERROR;
}


/* Returns how many there are. */

static ngx_uint_t
ngx_http_tenant_principal_own(ngx_http_tenant_plan_t *plan)
{
    ngx_str_t                 *tier, *iss;
    ngx_uint_t                 i, n;
    tenant_str_t               client_id;
    policy_value_t             v;
    ngx_http_tenant_user_t    *user;
    ngx_http_tenant_users_t   *users;
    ngx_http_tenant_entity_t  *tenant;

    user = plan->user;
    users = plan->users;
    n = 0;

    for (i = 0; i < users->nown; i++) {
        switch (users->own[i]) {

        case NGX_HTTP_TENANT_USER_TENANT:

            /* a parent, for "in", and this, for principal.tenant.plan */

            tenant = user->tenant->authz;
            v = policy_entity(tenant->uid);
            break;

        case NGX_HTTP_TENANT_USER_TIER:
            tier = &user->tenant->tier->sn.str;
            v = policy_string((char *) tier->data, tier->len);
            break;

        case NGX_HTTP_TENANT_USER_ISS:
            iss = &user->issuer->sn.str;
            v = policy_string(ngx_http_tenant_principal_text(plan,
                                            (char *) iss->data, iss->len),
                              iss->len);
            break;

        /* to look at it is to tell users apart: it is in the uid */

        case NGX_HTTP_TENANT_USER_SUB:
            v = policy_string(plan->subject.data, plan->subject.len);
            break;

        case NGX_HTTP_TENANT_USER_CLIENT_ID:
            client_id = user->names->client_id;

            if (client_id.data == NULL) {
                continue;
            }

            v = policy_string(ngx_http_tenant_principal_text(plan,
                                            client_id.data, client_id.len),
                              client_id.len);
            break;

        /* sets of strings are always there: nobody need ask with "has" */

        case NGX_HTTP_TENANT_USER_SCOPES:
            v = ngx_http_tenant_principal_texts(plan, user->scopes,
                                                user->nscopes);
            break;

        default: /* NGX_HTTP_TENANT_USER_ROLES: the uids have the texts */
            v = ngx_http_tenant_principal_texts(plan, user->roles,
                                                user->nroles);
        }

        plan->picks[n].place = users->places[i];
        plan->picks[n++].value = v;
    }

    return n;
}


static ngx_int_t
ngx_http_tenant_principal_tags(ngx_http_tenant_plan_t *plan)
{
    ngx_uint_t                i;
    policy_pick_t            *pick;
    ngx_http_tenant_users_t  *users;

    users = plan->users;

    if (plan->ntags == 0) {
        ngx_memzero(&plan->single.tags, sizeof(policy_value_t));
        return NGX_OK;
    }

    if (users->any_tag) {
        return ngx_http_tenant_principal_any_tags(plan);
    }

    for (i = 0; i < plan->ntags; i++) {
        pick = &plan->picks[i];
        pick->place = plan->tags[i].place;

        if (ngx_http_tenant_claim_write(&plan->room, plan->tags[i].claim,
                                        &pick->value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return policy_record_pick(plan->room.arena, users->tags, plan->picks,
                              plan->ntags, &plan->single.tags)
           == POLICY_OK ? NGX_OK : NGX_ERROR;
}


/* By the names of their claims, which no layout knows. */

static ngx_int_t
ngx_http_tenant_principal_any_tags(ngx_http_tenant_plan_t *plan)
{
    ngx_uint_t             i;
    policy_str_t          *names;
    policy_value_t        *values;
    const tenant_value_t  *name;

    names = ngx_palloc(plan->room.pool, (plan->ntags + 1)
                                        * (sizeof(policy_str_t)
                                           + sizeof(policy_value_t)));
    if (names == NULL) {
        return NGX_ERROR;
    }

    values = (policy_value_t *) &names[plan->ntags + 1];

    for (i = 0; i < plan->ntags; i++) {
        name = plan->tags[i].claim - 1;

        names[i].data = ngx_http_tenant_claim_text(&plan->room, name->u.text,
                                                   name->len);
        names[i].len = name->len;

        if (names[i].data == NULL
            || ngx_http_tenant_claim_write(&plan->room, plan->tags[i].claim,
                                           &values[i])
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return policy_record(plan->room.arena, names, values, plan->ntags,
                         &plan->single.tags)
           == POLICY_OK ? NGX_OK : NGX_ERROR;
}


/*
 * Scopes are written here; a role stands there already, and stays.  One that
 * failed is no value: the record will not take it.
 */

static policy_value_t
ngx_http_tenant_principal_texts(ngx_http_tenant_plan_t *plan,
    tenant_str_t *texts, ngx_uint_t n)
{
    ngx_uint_t      i;
    policy_value_t  set;

    for (i = 0; i < n; i++) {
        plan->texts[i].len = texts[i].len;
        plan->texts[i].data = texts == plan->user->roles
                              ? texts[i].data
                              : ngx_http_tenant_principal_text(plan,
                                            texts[i].data, texts[i].len);
    }

    ngx_memzero(&set, sizeof(policy_value_t));

    (void) policy_strings(plan->room.arena, plan->texts, n, &set);

    return set;
}


/* It was measured. */

static const char *
ngx_http_tenant_principal_text(ngx_http_tenant_plan_t *plan,
    const char *data, size_t len)
{
    char  *p;

    p = plan->room.text;
    plan->room.text = (char *) ngx_cpymem(p, data, len);

    return p;
}
