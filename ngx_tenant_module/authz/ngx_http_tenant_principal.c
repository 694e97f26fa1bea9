/*
 * The principal of a verified token as a Cedar entity: measured, then written
 * straight to where it is kept, with the identity.
 */

#include "ngx_http_tenant_policies.h"
#include "../identity/ngx_http_tenant_claim.h"
#include "../identity/tenant_claim_path.h"
#include "../identity/tenant_claims.h"


/* Texts of a token that more than one value has. */
#define NGX_HTTP_TENANT_KEPT_SUBJECT    0
#define NGX_HTTP_TENANT_KEPT_ISS        1
#define NGX_HTTP_TENANT_KEPT_CLIENT_ID  2


/* A claim that becomes an attribute or a tag. */
typedef struct {
    const tenant_value_t          *claim;
    uint32_t                       place;   /* in the layout, unless any_tag */
} ngx_http_tenant_mapped_t;


/* What measuring finds out, for writing. */
typedef struct {
    ngx_http_tenant_claim_room_t   room;
    policy_single_t                single;

    policy_uid_t                  *parents; /* the tenant, then roles */
    tenant_str_t                  *roles;
    ngx_uint_t                     nroles;
    policy_str_t                  *texts;   /* enough for roles or scopes */

    ngx_http_tenant_mapped_t      *attrs;
    ngx_uint_t                     nattrs;
    ngx_http_tenant_mapped_t      *tags;
    ngx_uint_t                     ntags;
    policy_pick_t                 *picks;   /* enough for either */
} ngx_http_tenant_plan_t;


static ngx_http_tenant_plan_t *ngx_http_tenant_plan_create(ngx_pool_t *pool,
    ngx_http_tenant_users_t *users, ngx_http_tenant_user_t *user);
static ngx_int_t ngx_http_tenant_plan_roles(ngx_http_tenant_plan_t *plan,
    ngx_http_tenant_users_t *users);
static void ngx_http_tenant_plan_attrs(ngx_http_tenant_plan_t *plan,
    ngx_http_tenant_users_t *users, ngx_http_tenant_user_t *user);
static void ngx_http_tenant_plan_tags(ngx_http_tenant_plan_t *plan,
    ngx_http_tenant_users_t *users, const tenant_value_t *claims);
static ngx_int_t ngx_http_tenant_plan_tag(ngx_http_tenant_plan_t *plan,
    const tenant_value_t *claim, uint32_t place);
static ngx_int_t ngx_http_tenant_principal_uids(ngx_http_tenant_plan_t *plan,
    ngx_http_tenant_users_t *users, ngx_http_tenant_user_t *user);
static ngx_int_t ngx_http_tenant_principal_attrs(ngx_http_tenant_plan_t *plan,
    ngx_http_tenant_users_t *users, ngx_http_tenant_user_t *user);
static ngx_uint_t ngx_http_tenant_principal_own(ngx_http_tenant_plan_t *plan,
    ngx_http_tenant_users_t *users, ngx_http_tenant_user_t *user);
static ngx_int_t ngx_http_tenant_principal_tags(ngx_http_tenant_plan_t *plan,
    ngx_http_tenant_users_t *users);
static ngx_int_t ngx_http_tenant_principal_any_tags(
    ngx_http_tenant_plan_t *plan, ngx_http_tenant_users_t *users);
static policy_value_t ngx_http_tenant_principal_texts(
    ngx_http_tenant_plan_t *plan, tenant_str_t *texts, ngx_uint_t n);


/* Its tenant has a store of its own, which that of the principal stands on. */

ngx_int_t
ngx_http_tenant_principal_measure(ngx_http_request_t *r,
    ngx_http_tenant_user_t *user)
{
    ngx_http_tenant_plan_t       *plan;
    ngx_http_tenant_users_t      *users;
    ngx_http_tenant_main_conf_t  *tmcf;

    tmcf = ngx_http_get_module_main_conf(r, ngx_http_tenant_module);

    user->plan = NULL;

    if (tmcf->policies.nelts == 0) {
        user->size = user->names->subject.len;
        return NGX_OK;
    }

    users = tmcf->users;

    if (user->tenant->authz == NULL
        && ngx_http_tenant_entity_tenant(user->tenant) == NULL)
    {
        return NGX_ERROR;
    }

    plan = ngx_http_tenant_plan_create(r->pool, users, user);

    if (plan == NULL || ngx_http_tenant_plan_roles(plan, users) != NGX_OK) {
        return NGX_ERROR;
    }

    /* iss "#" subject */

    plan->room.texts += user->issuer->sn.str.len + 1
                        + user->names->subject.len;

    ngx_http_tenant_plan_attrs(plan, users, user);
    ngx_http_tenant_plan_tags(plan, users, user->claims);

    plan->room.size += policy_single_measure(&plan->single);

    user->plan = plan;
    user->size = plan->room.size + plan->room.texts;

    return NGX_OK;
}


static ngx_http_tenant_plan_t *
ngx_http_tenant_plan_create(ngx_pool_t *pool, ngx_http_tenant_users_t *users,
    ngx_http_tenant_user_t *user)
{
    ngx_uint_t                 attrs, tags, nroles, texts;
    tenant_str_t              *roles;
    ngx_http_tenant_kept_t    *kept;
    ngx_http_tenant_plan_t    *plan;
    ngx_http_tenant_entity_t  *tenant;

    if (ngx_http_tenant_claim_list(pool, user->names->roles, &roles, &nroles)
        != NGX_OK)
    {
        return NULL;
    }

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

    tenant = user->tenant->authz;

    plan->roles = roles;
    plan->nroles = nroles;
    plan->parents[0] = *tenant->uid;

    plan->single.base = tenant->store;
    plan->single.parents = plan->parents;
    plan->single.nparents = nroles + 1;

    plan->room.pool = pool;
    plan->room.arena = users->arena;
    plan->room.size = 0;
    plan->room.texts = 0;

    kept = plan->room.kept;
    kept[NGX_HTTP_TENANT_KEPT_SUBJECT].from = user->names->subject;
    kept[NGX_HTTP_TENANT_KEPT_ISS].from = user->names->iss;
    kept[NGX_HTTP_TENANT_KEPT_CLIENT_ID].from = user->names->client_id;

    return plan;
}


static ngx_int_t
ngx_http_tenant_plan_roles(ngx_http_tenant_plan_t *plan,
    ngx_http_tenant_users_t *users)
{
    ngx_uint_t    i;
    policy_str_t  id;

    for (i = 0; i < plan->nroles; i++) {
        id.data = plan->roles[i].data;
        id.len = plan->roles[i].len;

        if (policy_uid_again(&users->role, id, &plan->parents[i + 1])
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
ngx_http_tenant_plan_attrs(ngx_http_tenant_plan_t *plan,
    ngx_http_tenant_users_t *users, ngx_http_tenant_user_t *user)
{
    size_t                 i;
    uint32_t               place;
    policy_str_t           name;
    tenant_rules_t        *rules;
    tenant_attribute_t    *attribute;
    const tenant_value_t  *claim;

    plan->room.size += POLICY_RECORD_SIZE(users->nown);

    for (i = 0; i < users->nown; i++) {
        switch (users->own[i]) {

        case NGX_HTTP_TENANT_USER_CLIENT_ID:
            if (user->names->client_id.data == NULL) {
                plan->room.size -= POLICY_RECORD_SIZE(1);
            }

            break;

        case NGX_HTTP_TENANT_USER_SCOPES:
            plan->room.size += POLICY_SET_SIZE(user->nscopes);
            break;

        case NGX_HTTP_TENANT_USER_ROLES:
            plan->room.size += POLICY_SET_SIZE(plan->nroles);
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


/*
 * Claims are tags of the principal, as far as a policy could ask for them.
 * A claim that Cedar cannot hold (null, a fraction beyond four digits) is
 * left out: hasTag() says so.
 */

static void
ngx_http_tenant_plan_tags(ngx_http_tenant_plan_t *plan,
    ngx_http_tenant_users_t *users, const tenant_value_t *claims)
{
    uint32_t               place;
    ngx_uint_t             i;
    policy_str_t          *tag;
    tenant_str_t           name;
    const tenant_value_t  *member, *claim;

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

ngx_int_t
ngx_http_tenant_principal_write(ngx_http_request_t *r,
    ngx_http_tenant_user_t *user, u_char *p)
{
    policy_store_t               *store;
    ngx_http_tenant_plan_t       *plan;
    ngx_http_tenant_users_t      *users;
    ngx_http_tenant_main_conf_t  *tmcf;

    plan = user->plan;
    user->entity = NULL;
    user->subject.len = user->names->subject.len;

    if (plan == NULL) {
        user->subject.data = p;
        ngx_memcpy(p, user->names->subject.data, user->subject.len);
        return NGX_OK;
    }

    tmcf = ngx_http_get_module_main_conf(r, ngx_http_tenant_module);
    users = tmcf->users;

    plan->room.text = (char *) p + plan->room.size;
    plan->room.last = (char *) p + user->size;

    if (policy_arena_aim(users->arena, p, plan->room.size) != POLICY_OK
        || ngx_http_tenant_principal_uids(plan, users, user) != NGX_OK
        || ngx_http_tenant_principal_attrs(plan, users, user) != NGX_OK
        || ngx_http_tenant_principal_tags(plan, users) != NGX_OK
        || policy_store_single(users->arena, &plan->single, &store)
           != POLICY_OK)
    {
        return NGX_ERROR;
    }

    user->entity = store;

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_principal_uids(ngx_http_tenant_plan_t *plan,
    ngx_http_tenant_users_t *users, ngx_http_tenant_user_t *user)
{
    char                    *p;
    size_t                   len;
    ngx_str_t               *iss;
    ngx_uint_t               i;
    policy_str_t             id;
    tenant_str_t            *role;
    ngx_http_tenant_kept_t  *kept;

    /* as these are measured, there is room for them */

    p = plan->room.text;
    iss = &user->issuer->sn.str;
    len = user->subject.len;

    id.data = p;
    id.len = iss->len + 1 + len;

    p = (char *) ngx_cpymem(p, iss->data, iss->len);
    *p++ = '#';

    user->subject.data = (u_char *) p;
    p = (char *) ngx_cpymem(p, user->names->subject.data, len);

    for (i = 0; i < plan->nroles; i++) {
        role = &plan->roles[i];

        ngx_memcpy(p, role->data, role->len);
        role->data = p;
        p += role->len;

        policy_uid_moved(&plan->parents[i + 1], role->data);
    }

    plan->room.text = p;

    kept = plan->room.kept;
    kept[NGX_HTTP_TENANT_KEPT_SUBJECT].to = (char *) user->subject.data;
    kept[NGX_HTTP_TENANT_KEPT_ISS].to = (char *) iss->data;
    kept[NGX_HTTP_TENANT_KEPT_CLIENT_ID].to = user->client_id.data;

    return policy_uid_again(user->issuer->operators ? &users->operator
                                                    : &users->user,
                            id, &plan->single.uid)
           == POLICY_OK ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_tenant_principal_attrs(ngx_http_tenant_plan_t *plan,
    ngx_http_tenant_users_t *users, ngx_http_tenant_user_t *user)
{
    ngx_uint_t      i, n;
    policy_pick_t  *pick;

    n = ngx_http_tenant_principal_own(plan, users, user);

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

    return policy_record_pick(users->arena, users->attrs, plan->picks, n,
                              &plan->single.attrs)
           == POLICY_OK ? NGX_OK : NGX_ERROR;
}


/* Returns how many there are. */

static ngx_uint_t
ngx_http_tenant_principal_own(ngx_http_tenant_plan_t *plan,
    ngx_http_tenant_users_t *users, ngx_http_tenant_user_t *user)
{
    ngx_str_t                 *tier;
    ngx_uint_t                 i, n;
    policy_value_t             v;
    ngx_http_tenant_entity_t  *tenant;

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
            v = policy_string((char *) user->issuer->sn.str.data,
                              user->issuer->sn.str.len);
            break;

        case NGX_HTTP_TENANT_USER_SUB:
            v = policy_string((char *) user->subject.data,
                              user->subject.len);
            break;

        case NGX_HTTP_TENANT_USER_CLIENT_ID:
            if (user->client_id.data == NULL) {
                continue;
            }

            v = policy_string(user->client_id.data, user->client_id.len);
            break;

        /* sets of strings are always there: nobody need ask with "has" */

        case NGX_HTTP_TENANT_USER_SCOPES:
            v = ngx_http_tenant_principal_texts(plan, user->scopes,
                                                user->nscopes);
            break;

        default: /* NGX_HTTP_TENANT_USER_ROLES */
            v = ngx_http_tenant_principal_texts(plan, plan->roles,
                                                plan->nroles);
        }

        plan->picks[n].place = users->places[i];
        plan->picks[n++].value = v;
    }

    return n;
}


static ngx_int_t
ngx_http_tenant_principal_tags(ngx_http_tenant_plan_t *plan,
    ngx_http_tenant_users_t *users)
{
    ngx_uint_t      i;
    policy_pick_t  *pick;

    if (plan->ntags == 0) {
        ngx_memzero(&plan->single.tags, sizeof(policy_value_t));
        return NGX_OK;
    }

    if (users->any_tag) {
        return ngx_http_tenant_principal_any_tags(plan, users);
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

    return policy_record_pick(users->arena, users->tags, plan->picks,
                              plan->ntags, &plan->single.tags)
           == POLICY_OK ? NGX_OK : NGX_ERROR;
}


/* By the names of their claims, which no layout knows. */

static ngx_int_t
ngx_http_tenant_principal_any_tags(ngx_http_tenant_plan_t *plan,
    ngx_http_tenant_users_t *users)
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

    return policy_record(users->arena, names, values, plan->ntags,
                         &plan->single.tags)
           == POLICY_OK ? NGX_OK : NGX_ERROR;
}


/* One that failed is no value: the record will not take it. */

static policy_value_t
ngx_http_tenant_principal_texts(ngx_http_tenant_plan_t *plan,
    tenant_str_t *texts, ngx_uint_t n)
{
    ngx_uint_t      i;
    policy_value_t  set;

    for (i = 0; i < n; i++) {
        plan->texts[i].data = texts[i].data;
        plan->texts[i].len = texts[i].len;
    }

    ngx_memzero(&set, sizeof(policy_value_t));

    (void) policy_strings(plan->room.arena, plan->texts, n, &set);

    return set;
}
