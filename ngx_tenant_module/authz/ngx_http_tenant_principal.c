/*
 * The principal of a verified token as a Cedar entity: put together once, in
 * a scratch, and kept with the identity at its final size.
 */

#include "ngx_http_tenant_policies.h"
#include "../identity/tenant_claim_path.h"
#include "../identity/tenant_claims.h"


#define NGX_HTTP_TENANT_CLAIM_DEPTH  8      /* of nested claims */

/* bytes in which a principal is put together, without the heap */
#define NGX_HTTP_TENANT_SCRATCH      32768

/* Attributes of a principal, in the order of the table of their names. */
#define NGX_HTTP_TENANT_USER_TENANT     0
#define NGX_HTTP_TENANT_USER_TIER       1
#define NGX_HTTP_TENANT_USER_ISS        2
#define NGX_HTTP_TENANT_USER_SUB        3
#define NGX_HTTP_TENANT_USER_CLIENT_ID  4
#define NGX_HTTP_TENANT_USER_SCOPES     5
#define NGX_HTTP_TENANT_USER_ROLES      6
#define NGX_HTTP_TENANT_USER_ATTRS      7


/* What a worker knows for making principals. */
struct ngx_http_tenant_users_s {
    unsigned          uses[NGX_HTTP_TENANT_USER_ATTRS];
    unsigned          any_tag:1;
    ngx_array_t       tags;       /* policy_str_t: those that are looked at */

    u_char           *scratch;
    size_t            used;
};


static ngx_int_t ngx_http_tenant_principal_user(ngx_http_tenant_users_t *users,
    ngx_http_tenant_main_conf_t *tmcf, ngx_http_tenant_user_t *user,
    ngx_http_tenant_entity_build_t *build);
static ngx_int_t ngx_http_tenant_principal_pack(
    ngx_http_tenant_entity_build_t *build, ngx_http_tenant_user_t *user);
static void *ngx_http_tenant_user_alloc(void *data, size_t size);
static void *ngx_http_tenant_scratch_alloc(void *data, size_t size);
static void ngx_http_tenant_scratch_free(void *data, void *p, size_t size);
static ngx_int_t ngx_http_tenant_principal_belongs(
    ngx_http_tenant_entity_build_t *build, ngx_http_tenant_users_t *users,
    const policy_uid_t *tenant);
static ngx_int_t ngx_http_tenant_principal_texts(
    ngx_http_tenant_entity_build_t *build, const char *name,
    const tenant_value_t *value);
static ngx_int_t ngx_http_tenant_principal_roles(
    ngx_http_tenant_entity_build_t *build, const tenant_value_t *roles);
static ngx_int_t ngx_http_tenant_principal_mapped(
    ngx_http_tenant_entity_build_t *build, ngx_http_tenant_main_conf_t *tmcf,
    tenant_rules_t *rules, const tenant_value_t *claims);
static ngx_int_t ngx_http_tenant_principal_tags(
    ngx_http_tenant_entity_build_t *build, ngx_http_tenant_users_t *users,
    const tenant_value_t *claims);
static ngx_int_t ngx_http_tenant_principal_tag(
    ngx_http_tenant_entity_build_t *build, tenant_str_t name,
    const tenant_value_t *claim);
static ngx_int_t ngx_http_tenant_principal_claim(
    ngx_http_tenant_entity_build_t *build, const tenant_value_t *claim,
    ngx_uint_t depth, policy_value_t *value);
static ngx_uint_t ngx_http_tenant_attr_used(
    ngx_http_tenant_main_conf_t *tmcf, policy_str_t name);


static const policy_str_t  ngx_http_tenant_user_attrs[] = {
    { "tenant", 6 },
    { "tier", 4 },
    { "iss", 3 },
    { "sub", 3 },
    { "client_id", 9 },
    { "scopes", 6 },
    { "roles", 5 }
};


ngx_int_t
ngx_http_tenant_principal_init_process(ngx_cycle_t *cycle,
    ngx_http_tenant_main_conf_t *tmcf)
{
    size_t                        n, k;
    ngx_uint_t                    i;
    policy_str_t                 *tag;
    const policy_use_t           *uses;
    ngx_http_tenant_users_t      *users;
    ngx_http_tenant_policies_t  **policies;

    users = ngx_pcalloc(cycle->pool, sizeof(ngx_http_tenant_users_t));

    if (users == NULL
        || ngx_array_init(&users->tags, cycle->pool, 8, sizeof(policy_str_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    users->scratch = ngx_palloc(cycle->pool, NGX_HTTP_TENANT_SCRATCH);
    if (users->scratch == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < NGX_HTTP_TENANT_USER_ATTRS; i++) {
        users->uses[i] = ngx_http_tenant_attr_used(tmcf,
                                              ngx_http_tenant_user_attrs[i]);
    }

    policies = tmcf->policies.elts;

    for (i = 0; i < tmcf->policies.nelts; i++) {

        if (policies[i]->any_tag) {
            users->any_tag = 1;
        }

        if (policy_set_uses(policies[i]->set, &uses, &n) != POLICY_OK) {
            return NGX_ERROR;
        }

        for (k = 0; k < n; k++) {
            if (uses[k].kind != POLICY_USE_TAG
                || (uses[k].variable != POLICY_PRINCIPAL
                    && uses[k].variable != POLICY_OTHER))
            {
                continue;
            }

            /* one that is there twice is set once, see below */

            tag = ngx_array_push(&users->tags);
            if (tag == NULL) {
                return NGX_ERROR;
            }

            *tag = uses[k].name;
        }
    }

    tmcf->users = users;

    return NGX_OK;
}


/*
 * The principal is put together in the scratch and moves, at its final size,
 * behind what the caller wants in front of it.  Its tenant has a store of
 * its own, which that of the principal stands on.
 */

ngx_int_t
ngx_http_tenant_principal(ngx_http_request_t *r,
    ngx_http_tenant_user_t *user)
{
    u_char                          *p;
    ngx_int_t                        rc;
    policy_str_t                     type, id;
    policy_uid_t                     uid;
    policy_memory_t                  memory;
    ngx_http_tenant_users_t         *users;
    ngx_http_tenant_entity_t        *tenant;
    ngx_http_tenant_main_conf_t     *tmcf;
    ngx_http_tenant_entity_build_t   build;

    tmcf = ngx_http_get_module_main_conf(r, ngx_http_tenant_module);

    user->block = NULL;
    user->entity = NULL;

    if (tmcf->policies.nelts == 0) {
        return ngx_http_tenant_user_alloc(user, 0) ? NGX_OK : NGX_ERROR;
    }

    users = tmcf->users;
    users->used = 0;

    memory.alloc = ngx_http_tenant_scratch_alloc;
    memory.free = ngx_http_tenant_scratch_free;
    memory.data = users;

    tenant = ngx_http_tenant_entity_tenant(user->tenant);

    id.len = user->issuer->sn.str.len + 1 + user->names->subject.len;
    p = ngx_pnalloc(r->pool, id.len);

    if (tenant == NULL || p == NULL) {
        return NGX_ERROR;
    }

    /* iss "#" subject */

    id.data = (char *) p;
    p = ngx_cpymem(p, user->issuer->sn.str.data, user->issuer->sn.str.len);
    *p++ = '#';
    ngx_memcpy(p, user->names->subject.data, user->names->subject.len);

    ngx_memzero(&build, sizeof(ngx_http_tenant_entity_build_t));

    build.pool = r->pool;

    type = user->issuer->operators ? POLICY_STR("Operator")
                                   : POLICY_STR("User");
    rc = NGX_ERROR;

    if (policy_uid_init(&uid, type, id) == POLICY_OK
        && policy_store_create(&memory, &build.store) == POLICY_OK
        && policy_store_base(build.store, tenant->store) == POLICY_OK
        && policy_store_seal(build.store) == POLICY_OK
        && policy_store_add(build.store, &uid, &build.entry) == POLICY_OK)
    {
        build.arena = policy_store_arena(build.store);

        rc = ngx_http_tenant_principal_user(users, tmcf, user, &build);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_tenant_principal_pack(&build, user);
    }

    if (build.store) {
        policy_store_destroy(build.store);
    }

    return rc;
}


/* Roles have no parents, which is why the store is sealed. */

static ngx_int_t
ngx_http_tenant_principal_user(ngx_http_tenant_users_t *users,
    ngx_http_tenant_main_conf_t *tmcf, ngx_http_tenant_user_t *user,
    ngx_http_tenant_entity_build_t *build)
{
    ngx_str_t                 *tier;
    ngx_http_tenant_entity_t  *tenant;
    const tenant_identity_t   *names;

    names = user->names;
    tenant = user->tenant->authz;
    tier = &user->tenant->tier->sn.str;

    if (ngx_http_tenant_principal_belongs(build, users, tenant->uid)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (users->uses[NGX_HTTP_TENANT_USER_TIER]
        && ngx_http_tenant_entity_string(build, "tier", (char *) tier->data,
                                         tier->len)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (users->uses[NGX_HTTP_TENANT_USER_ISS]
        && ngx_http_tenant_entity_string(build, "iss", names->iss.data,
                                         names->iss.len)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (users->uses[NGX_HTTP_TENANT_USER_SUB]
        && ngx_http_tenant_entity_string(build, "sub", names->subject.data,
                                         names->subject.len)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (users->uses[NGX_HTTP_TENANT_USER_CLIENT_ID]
        && ngx_http_tenant_entity_string(build, "client_id",
                                         names->client_id.data,
                                         names->client_id.len)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (users->uses[NGX_HTTP_TENANT_USER_SCOPES]
        && ngx_http_tenant_principal_texts(build, "scopes", names->scopes)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (users->uses[NGX_HTTP_TENANT_USER_ROLES]
        && ngx_http_tenant_principal_texts(build, "roles", names->roles)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_tenant_principal_roles(build, names->roles) != NGX_OK
        || ngx_http_tenant_principal_mapped(build, tmcf, &user->issuer->rules,
                                         user->claims)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_tenant_principal_tags(build, users, user->claims);
}


static ngx_int_t
ngx_http_tenant_principal_pack(ngx_http_tenant_entity_build_t *build,
    ngx_http_tenant_user_t *user)
{
    policy_memory_t   memory;
    policy_store_t   *packed;

    memory.alloc = ngx_http_tenant_user_alloc;
    memory.free = NULL;
    memory.data = user;

    if (policy_store_finish(build->store, NULL) == POLICY_OK
        && policy_store_pack(build->store, &memory, &packed) == POLICY_OK)
    {
        user->entity = packed;
        return NGX_OK;
    }

    if (user->block) {
        ngx_free(user->block);
        user->block = NULL;
    }

    return NGX_ERROR;
}


static void *
ngx_http_tenant_user_alloc(void *data, size_t size)
{
    ngx_http_tenant_user_t  *user = data;

    user->size = user->prefix + size;

    user->block = ngx_alloc(user->size, ngx_cycle->log);

    return user->block ? (u_char *) user->block + user->prefix : NULL;
}


static void *
ngx_http_tenant_scratch_alloc(void *data, size_t size)
{
    ngx_http_tenant_users_t  *users = data;

    u_char  *p;

    size = ngx_align(size, 16);

    if (size > NGX_HTTP_TENANT_SCRATCH - users->used) {
        return malloc(size);
    }

    p = users->scratch + users->used;
    users->used += size;

    return p;
}


static void
ngx_http_tenant_scratch_free(void *data, void *p, size_t size)
{
    ngx_http_tenant_users_t  *users = data;

    if ((u_char *) p < users->scratch
        || (u_char *) p >= users->scratch + NGX_HTTP_TENANT_SCRATCH)
    {
        free(p);
    }
}


/* A parent, for "in", and an attribute, for principal.tenant.plan. */

static ngx_int_t
ngx_http_tenant_principal_belongs(ngx_http_tenant_entity_build_t *build,
    ngx_http_tenant_users_t *users, const policy_uid_t *tenant)
{
    if (policy_entry_parent(build->entry, tenant) != POLICY_OK) {
        return NGX_ERROR;
    }

    if (!users->uses[NGX_HTTP_TENANT_USER_TENANT]) {
        return NGX_OK;
    }

    return policy_entry_attr(build->entry, POLICY_STR("tenant"),
                             policy_entity(tenant))
           == POLICY_OK ? NGX_OK : NGX_ERROR;
}


/* A set of strings, always there: policies may ask without "has". */

static ngx_int_t
ngx_http_tenant_principal_texts(ngx_http_tenant_entity_build_t *build,
    const char *name, const tenant_value_t *value)
{
    size_t                 n;
    policy_str_t           key, *list;
    tenant_str_t           text;
    policy_value_t         set;
    tenant_claim_texts_t   texts, count;

    key.data = name;
    key.len = ngx_strlen(name);
    list = NULL;
    n = 0;

    if (value && tenant_claim_texts(&texts, value, 1)) {
        count = texts;

        while (tenant_claim_texts_next(&count, &text)) {
            n++;
        }

        list = ngx_palloc(build->pool, (n + 1) * sizeof(policy_str_t));
        if (list == NULL) {
            return NGX_ERROR;
        }

        n = 0;

        while (tenant_claim_texts_next(&texts, &text)) {
            list[n].data = text.data;
            list[n].len = text.len;
            n++;
        }
    }

    if (policy_strings(build->arena, list, n, &set) != POLICY_OK
        || policy_entry_attr(build->entry, key, set) != POLICY_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_principal_roles(ngx_http_tenant_entity_build_t *build,
    const tenant_value_t *roles)
{
    tenant_str_t          text;
    tenant_claim_texts_t  texts;

    if (roles == NULL || !tenant_claim_texts(&texts, roles, 1)) {
        return NGX_OK;
    }

    while (tenant_claim_texts_next(&texts, &text)) {
        if (ngx_http_tenant_entity_parent(build, "Role", text.data, text.len)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* What the issuer's claim map makes attributes of; absent claims are none. */

static ngx_int_t
ngx_http_tenant_principal_mapped(ngx_http_tenant_entity_build_t *build,
    ngx_http_tenant_main_conf_t *tmcf, tenant_rules_t *rules,
    const tenant_value_t *claims)
{
    size_t                 i;
    ngx_int_t              rc;
    policy_str_t           key;
    policy_value_t         value;
    tenant_attribute_t    *attribute;
    const tenant_value_t  *claim;

    attribute = rules->attributes;

    for (i = 0; i < rules->nattributes; i++) {
        key.data = attribute[i].name.data;
        key.len = attribute[i].name.len;

        claim = tenant_claim_find(claims, attribute[i].path);

        if (claim == NULL || !ngx_http_tenant_attr_used(tmcf, key)) {
            continue;
        }

        rc = ngx_http_tenant_principal_claim(build, claim, 0, &value);

        if (rc == NGX_DECLINED) {
            continue;
        }

        if (rc != NGX_OK
            || policy_entry_attr(build->entry, key, value) != POLICY_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * Claims are tags of the principal, as far as a policy could ask for them.
 * A claim that Cedar cannot hold (null, a fraction beyond four digits) is
 * left out: hasTag() says so.
 */

static ngx_int_t
ngx_http_tenant_principal_tags(ngx_http_tenant_entity_build_t *build,
    ngx_http_tenant_users_t *users, const tenant_value_t *claims)
{
    ngx_uint_t             i, k;
    policy_str_t          *tag;
    tenant_str_t           name;
    const tenant_value_t  *member;

    if (users->any_tag) {
        member = tenant_value_first(claims);

        for (i = 0; i < claims->len; i++) {
            if (ngx_http_tenant_principal_tag(build, tenant_value_text(member),
                                           member + 1)
                != NGX_OK)
            {
                return NGX_ERROR;
            }

            member = tenant_value_next(member + 1);
        }

        return NGX_OK;
    }

    tag = users->tags.elts;

    for (i = 0; i < users->tags.nelts; i++) {

        /* two sets, or two ways to it within one, may name the same tag */

        for (k = 0; k < i; k++) {
            if (tag[k].len == tag[i].len
                && ngx_memcmp(tag[k].data, tag[i].data, tag[i].len) == 0)
            {
                break;
            }
        }

        if (k < i) {
            continue;
        }

        name.data = tag[i].data;
        name.len = tag[i].len;

        member = tenant_value_get(claims, name);

        if (member
            && ngx_http_tenant_principal_tag(build, name, member) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_principal_tag(ngx_http_tenant_entity_build_t *build,
    tenant_str_t name, const tenant_value_t *claim)
{
    ngx_int_t       rc;
    policy_str_t    key;
    policy_value_t  value;

    rc = ngx_http_tenant_principal_claim(build, claim, 0, &value);

    if (rc != NGX_OK) {
        return rc == NGX_DECLINED ? NGX_OK : NGX_ERROR;
    }

    key.data = name.data;
    key.len = name.len;

    return policy_entry_tag(build->entry, key, value) == POLICY_OK
           ? NGX_OK : NGX_ERROR;
}


/* NGX_DECLINED: no value of Cedar's */

static ngx_int_t
ngx_http_tenant_principal_claim(ngx_http_tenant_entity_build_t *build,
    const tenant_value_t *claim, ngx_uint_t depth, policy_value_t *value)
{
    double                 real;
    uint32_t               i;
    int64_t                scaled;
    ngx_int_t              rc;
    policy_str_t           key;
    policy_value_t         v, *list;
    policy_record_t       *record;
    const tenant_value_t  *item;

    if (depth > NGX_HTTP_TENANT_CLAIM_DEPTH) {
        return NGX_DECLINED;
    }

    switch (claim->kind) {

    case TENANT_VALUE_STRING:
        *value = policy_string(claim->u.text, claim->len);
        return NGX_OK;

    case TENANT_VALUE_INTEGER:
        *value = policy_long(claim->u.integer);
        return NGX_OK;

    case TENANT_VALUE_TRUE:
    case TENANT_VALUE_FALSE:
        *value = policy_bool(claim->kind == TENANT_VALUE_TRUE);
        return NGX_OK;

    case TENANT_VALUE_REAL:
        real = tenant_value_number(claim);

        /* beyond it four digits are no longer apart in a double */

        if (real < -9e11 || real > 9e11) {
            return NGX_DECLINED;
        }

        /* 0.57 * 10000 is not quite 5700: the nearest one must be it */

        scaled = (int64_t) (real * 10000.0 + (real < 0 ? -0.5 : 0.5));

        if ((double) scaled / 10000.0 != real) {
            return NGX_DECLINED;
        }

        *value = policy_decimal(scaled);
        return NGX_OK;

    case TENANT_VALUE_ARRAY:
        list = ngx_palloc(build->pool,
                          (claim->len + 1) * sizeof(policy_value_t));
        if (list == NULL) {
            return NGX_ERROR;
        }

        item = tenant_value_first(claim);

        for (i = 0; i < claim->len; i++) {
            rc = ngx_http_tenant_principal_claim(build, item, depth + 1,
                                              &list[i]);
            if (rc != NGX_OK) {
                return rc;
            }

            item = tenant_value_next(item);
        }

        return policy_values(build->arena, list, claim->len, value)
               == POLICY_OK ? NGX_OK : NGX_ERROR;

    case TENANT_VALUE_OBJECT:
        if (policy_record_begin(build->arena, &record) != POLICY_OK) {
            return NGX_ERROR;
        }

        item = tenant_value_first(claim);

        for (i = 0; i < claim->len; i++) {
            key.data = item->u.text;
            key.len = item->len;
            item++;

            rc = ngx_http_tenant_principal_claim(build, item, depth + 1, &v);

            if (rc == NGX_ERROR
                || (rc == NGX_OK
                    && policy_record_set(record, key, v) != POLICY_OK))
            {
                return NGX_ERROR;
            }

            item = tenant_value_next(item);
        }

        return policy_record_end(record, value) == POLICY_OK ? NGX_OK
                                                             : NGX_ERROR;

    default: /* TENANT_VALUE_NULL */
        return NGX_DECLINED;
    }
}


static ngx_uint_t
ngx_http_tenant_attr_used(ngx_http_tenant_main_conf_t *tmcf,
    policy_str_t name)
{
    ngx_uint_t                    i;
    ngx_http_tenant_policies_t  **policies;

    policies = tmcf->policies.elts;

    for (i = 0; i < tmcf->policies.nelts; i++) {
        if (policy_set_uses_attr(policies[i]->set, POLICY_PRINCIPAL, name)) {
            return 1;
        }
    }

    return 0;
}
