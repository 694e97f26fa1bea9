/*
 * Cedar entities: the principal from a verified token, tenants and agents
 * from the registry.  Each is made once and kept with what it describes.
 */

#include "ngx_http_tenant_policies.h"
#include "../identity/ngx_http_tenant_identity.h"


#define NGX_HTTP_TENANT_CLAIM_DEPTH  8      /* of nested claims */


typedef struct {
    policy_store_t   *store;
    policy_entry_t   *entry;
    policy_arena_t   *arena;
} ngx_http_tenant_entity_build_t;


static ngx_http_tenant_entity_t *ngx_http_tenant_entity_create(
    const char *type, ngx_str_t *id, ngx_http_tenant_entity_build_t *build);
static ngx_int_t ngx_http_tenant_entity_finish(
    ngx_http_tenant_entity_t *entity, ngx_http_tenant_entity_build_t *build);
static ngx_http_tenant_entity_t *ngx_http_tenant_entity_keep(
    ngx_pool_t *pool, ngx_http_tenant_entity_t *entity);
static void ngx_http_tenant_entity_free(void *data);
static ngx_int_t ngx_http_tenant_entity_string(
    ngx_http_tenant_entity_build_t *build, const char *name,
    const char *data, size_t len);
static ngx_int_t ngx_http_tenant_entity_parent(
    ngx_http_tenant_entity_build_t *build, const char *type,
    const char *id, size_t len);
static ngx_int_t ngx_http_tenant_entity_belongs(
    ngx_http_tenant_entity_build_t *build, ngx_str_t *tenant);
static ngx_int_t ngx_http_tenant_entity_tenant(
    ngx_http_tenant_entity_build_t *build, ngx_http_tenant_tenant_t *tenant);
static ngx_int_t ngx_http_tenant_entity_record(
    ngx_http_tenant_entity_build_t *build, const char *type, const char *id,
    size_t len);
static ngx_int_t ngx_http_tenant_entity_texts(
    ngx_http_tenant_entity_build_t *build, const char *name,
    const json_t *value);
static ngx_int_t ngx_http_tenant_entity_roles(
    ngx_http_tenant_entity_build_t *build, const json_t *roles);
static ngx_int_t ngx_http_tenant_entity_attributes(
    ngx_http_tenant_entity_build_t *build, json_t *attributes,
    json_t *unless);
static ngx_int_t ngx_http_tenant_entity_mapped(
    ngx_http_tenant_entity_build_t *build,
    ngx_http_tenant_identity_t *identity);
static ngx_int_t ngx_http_tenant_entity_tags(ngx_http_request_t *r,
    ngx_http_tenant_entity_build_t *build, json_t *claims);
static ngx_int_t ngx_http_tenant_entity_claim(policy_arena_t *arena,
    json_t *claim, ngx_uint_t depth, policy_value_t *value);
static ngx_uint_t ngx_http_tenant_tag_used(
    ngx_http_tenant_main_conf_t *tmcf, policy_str_t name);


ngx_http_tenant_entity_t *
ngx_http_tenant_entity_principal(ngx_http_request_t *r,
    ngx_http_tenant_identity_t *identity)
{
    tenant_identity_t               *names;
    ngx_http_tenant_tenant_t        *tenant;
    ngx_http_tenant_entity_t        *entity;
    ngx_http_tenant_entity_build_t   build;

    if (identity->authz) {
        return identity->authz;
    }

    entity = ngx_http_tenant_entity_create("User", &identity->principal,
                                           &build);
    if (entity == NULL) {
        return NULL;
    }

    names = &identity->names;
    tenant = identity->tenant;

    if (ngx_http_tenant_entity_belongs(&build, &tenant->sn.str) != NGX_OK
        || ngx_http_tenant_entity_string(&build, "tier",
                                         (char *) tenant->tier->sn.str.data,
                                         tenant->tier->sn.str.len)
           != NGX_OK
        || ngx_http_tenant_entity_string(&build, "iss", names->iss.data,
                                         names->iss.len)
           != NGX_OK
        || ngx_http_tenant_entity_string(&build, "sub", names->subject.data,
                                         names->subject.len)
           != NGX_OK
        || ngx_http_tenant_entity_string(&build, "client_id",
                                         names->client_id.data,
                                         names->client_id.len)
           != NGX_OK
        || ngx_http_tenant_entity_texts(&build, "scopes", names->scopes)
           != NGX_OK
        || ngx_http_tenant_entity_texts(&build, "roles", names->roles)
           != NGX_OK
        || ngx_http_tenant_entity_roles(&build, names->roles) != NGX_OK
        || ngx_http_tenant_entity_mapped(&build, identity) != NGX_OK
        || ngx_http_tenant_entity_tags(r, &build, identity->claims)
           != NGX_OK
        || ngx_http_tenant_entity_tenant(&build, tenant) != NGX_OK
        || ngx_http_tenant_entity_finish(entity, &build) != NGX_OK)
    {
        ngx_http_tenant_entity_free(entity);
        return NULL;
    }

    identity->authz = entity;
    identity->authz_free = ngx_http_tenant_entity_free;

    return entity;
}


/*
 * The tenant's record stands beside the principal's, and its tier and the
 * roles have empty ones: a decision finds all ancestors of the principal
 * computed, and looks for none in other stores.
 */

static ngx_int_t
ngx_http_tenant_entity_tenant(ngx_http_tenant_entity_build_t *build,
    ngx_http_tenant_tenant_t *tenant)
{
    ngx_str_t               *status;
    ngx_http_tenant_tier_t  *tier;

    tier = tenant->tier;
    status = (ngx_str_t *) &ngx_http_tenant_statuses[tenant->status];

    if (ngx_http_tenant_entity_record(build, "Tier",
                                      (char *) tier->sn.str.data,
                                      tier->sn.str.len)
        != NGX_OK
        || ngx_http_tenant_entity_record(build, "Tenant",
                                         (char *) tenant->sn.str.data,
                                         tenant->sn.str.len)
           != NGX_OK
        || ngx_http_tenant_entity_parent(build, "Tier",
                                         (char *) tier->sn.str.data,
                                         tier->sn.str.len)
           != NGX_OK
        || ngx_http_tenant_entity_string(build, "id",
                                         (char *) tenant->sn.str.data,
                                         tenant->sn.str.len)
           != NGX_OK
        || ngx_http_tenant_entity_string(build, "tier",
                                         (char *) tier->sn.str.data,
                                         tier->sn.str.len)
           != NGX_OK
        || ngx_http_tenant_entity_string(build, "status",
                                         (char *) status->data, status->len)
           != NGX_OK
        || ngx_http_tenant_entity_attributes(build, tenant->attributes, NULL)
           != NGX_OK
        || ngx_http_tenant_entity_attributes(build, tier->attributes,
                                             tenant->attributes)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* A further entity of the store; what is set next is set of it. */

static ngx_int_t
ngx_http_tenant_entity_record(ngx_http_tenant_entity_build_t *build,
    const char *type, const char *id, size_t len)
{
    policy_str_t  t, i;
    policy_uid_t  uid;

    t.data = type;
    t.len = ngx_strlen(type);
    i.data = id;
    i.len = len;

    if (policy_uid_init(&uid, t, i) != POLICY_OK
        || policy_store_add(build->store, &uid, &build->entry) != POLICY_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_http_tenant_entity_t *
ngx_http_tenant_entity_agent(ngx_http_request_t *r,
    ngx_http_tenant_agent_t *agent)
{
    ngx_str_t                       *protocol;
    ngx_http_tenant_entity_t        *entity;
    ngx_http_tenant_entity_build_t   build;

    if (agent->authz) {
        return agent->authz;
    }

    entity = ngx_http_tenant_entity_create("Agent", &agent->sn.str, &build);
    if (entity == NULL) {
        return NULL;
    }

    protocol = (ngx_str_t *) &ngx_http_tenant_protocols[agent->protocol];

    if (ngx_http_tenant_entity_string(&build, "id",
                                      (char *) agent->sn.str.data,
                                      agent->sn.str.len)
        != NGX_OK
        || ngx_http_tenant_entity_string(&build, "protocol",
                                         (char *) protocol->data,
                                         protocol->len)
           != NGX_OK
        || ngx_http_tenant_entity_attributes(&build, agent->attributes, NULL)
           != NGX_OK
        || ngx_http_tenant_entity_finish(entity, &build) != NGX_OK)
    {
        ngx_http_tenant_entity_free(entity);
        return NULL;
    }

    agent->authz = ngx_http_tenant_entity_keep(agent->object.pool, entity);

    return agent->authz;
}


static ngx_http_tenant_entity_t *
ngx_http_tenant_entity_create(const char *type, ngx_str_t *id,
    ngx_http_tenant_entity_build_t *build)
{
    policy_str_t               t, i;
    policy_uid_t               uid;
    ngx_http_tenant_entity_t  *entity;

    entity = calloc(1, sizeof(ngx_http_tenant_entity_t));
    if (entity == NULL) {
        return NULL;
    }

    t.data = type;
    t.len = ngx_strlen(type);
    i.data = (char *) id->data;
    i.len = id->len;

    if (policy_uid_init(&uid, t, i) != POLICY_OK
        || policy_store_create(&ngx_http_tenant_policy_memory,
                               &entity->store)
           != POLICY_OK
        || policy_store_add(entity->store, &uid, &build->entry)
           != POLICY_OK)
    {
        ngx_http_tenant_entity_free(entity);
        return NULL;
    }

    build->store = entity->store;
    build->arena = policy_store_arena(entity->store);

    return entity;
}


static ngx_int_t
ngx_http_tenant_entity_finish(ngx_http_tenant_entity_t *entity,
    ngx_http_tenant_entity_build_t *build)
{
    if (policy_store_finish(entity->store, NULL) != POLICY_OK) {
        return NGX_ERROR;
    }

    /* the entity itself was added first */

    entity->uid = policy_store_uid(entity->store, 0);

    return NGX_OK;
}


/* An entity goes with the object of the registry that it describes. */

static ngx_http_tenant_entity_t *
ngx_http_tenant_entity_keep(ngx_pool_t *pool,
    ngx_http_tenant_entity_t *entity)
{
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(pool, 0);
    if (cln == NULL) {
        ngx_http_tenant_entity_free(entity);
        return NULL;
    }

    cln->handler = ngx_http_tenant_entity_free;
    cln->data = entity;

    return entity;
}


static void
ngx_http_tenant_entity_free(void *data)
{
    ngx_http_tenant_entity_t  *entity = data;

    if (entity->store) {
        policy_store_destroy(entity->store);
    }

    free(entity);
}


/* An absent text is an absent attribute. */

static ngx_int_t
ngx_http_tenant_entity_string(ngx_http_tenant_entity_build_t *build,
    const char *name, const char *data, size_t len)
{
    policy_str_t  n;

    if (data == NULL) {
        return NGX_OK;
    }

    n.data = name;
    n.len = ngx_strlen(name);

    return policy_entry_attr(build->entry, n, policy_string(data, len))
           == POLICY_OK ? NGX_OK : NGX_ERROR;
}


/* A parent, for "in", and an attribute, for principal.tenant.plan. */

static ngx_int_t
ngx_http_tenant_entity_belongs(ngx_http_tenant_entity_build_t *build,
    ngx_str_t *tenant)
{
    policy_str_t  id;
    policy_uid_t  uid;

    id.data = (char *) tenant->data;
    id.len = tenant->len;

    if (policy_uid_init(&uid, POLICY_STR("Tenant"), id) != POLICY_OK
        || policy_entry_parent(build->entry, &uid) != POLICY_OK
        || policy_entry_attr(build->entry, POLICY_STR("tenant"),
                             policy_entity(&uid))
           != POLICY_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_entity_parent(ngx_http_tenant_entity_build_t *build,
    const char *type, const char *id, size_t len)
{
    policy_str_t  t, i;
    policy_uid_t  uid;

    t.data = type;
    t.len = ngx_strlen(type);
    i.data = id;
    i.len = len;

    if (policy_uid_init(&uid, t, i) != POLICY_OK
        || policy_entry_parent(build->entry, &uid) != POLICY_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* A set of strings, always there: policies may ask without "has". */

static ngx_int_t
ngx_http_tenant_entity_texts(ngx_http_tenant_entity_build_t *build,
    const char *name, const json_t *value)
{
    size_t                n;
    policy_str_t          key, *list;
    tenant_str_t          text;
    policy_value_t        set;
    policy_status_t       rc;
    tenant_claim_texts_t  texts;

    key.data = name;
    key.len = ngx_strlen(name);
    list = NULL;
    n = 0;

    if (value && tenant_claim_texts(&texts, value, 1)) {
        while (tenant_claim_texts_next(&texts, &text)) {
            n++;
        }
    }

    if (n) {
        list = malloc(n * sizeof(policy_str_t));
        if (list == NULL) {
            return NGX_ERROR;
        }

        n = 0;
        (void) tenant_claim_texts(&texts, value, 1);

        while (tenant_claim_texts_next(&texts, &text)) {
            list[n].data = text.data;
            list[n].len = text.len;
            n++;
        }
    }

    rc = policy_strings(build->arena, list, n, &set);

    if (rc == POLICY_OK) {
        rc = policy_entry_attr(build->entry, key, set);
    }

    free(list);

    return rc == POLICY_OK ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_tenant_entity_roles(ngx_http_tenant_entity_build_t *build,
    const json_t *roles)
{
    tenant_str_t           text;
    policy_entry_t        *principal;
    tenant_claim_texts_t   texts;

    if (roles == NULL || !tenant_claim_texts(&texts, roles, 1)) {
        return NGX_OK;
    }

    principal = build->entry;

    while (tenant_claim_texts_next(&texts, &text)) {
        build->entry = principal;

        if (ngx_http_tenant_entity_parent(build, "Role", text.data, text.len)
            != NGX_OK
            || ngx_http_tenant_entity_record(build, "Role", text.data,
                                             text.len)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    build->entry = principal;

    return NGX_OK;
}


/* Those of "attributes" that "unless" does not have. */

static ngx_int_t
ngx_http_tenant_entity_attributes(ngx_http_tenant_entity_build_t *build,
    json_t *attributes, json_t *unless)
{
    char             *json;
    json_t           *value;
    const char       *name;
    policy_str_t      key, text;
    policy_value_t    v;
    policy_status_t   rc;

    json_object_foreach(attributes, name, value) {

        if (json_object_get(unless, name)) {
            continue;
        }

        json = json_dumps(value, JSON_COMPACT|JSON_ENCODE_ANY);
        if (json == NULL) {
            return NGX_ERROR;
        }

        key.data = name;
        key.len = ngx_strlen(name);
        text.data = json;
        text.len = ngx_strlen(json);

        rc = policy_json(build->arena, text, &v, NULL);

        if (rc == POLICY_OK) {
            rc = policy_entry_attr(build->entry, key, v);
        }

        free(json);

        if (rc != POLICY_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_tenant_attribute_check(json_t *value, char *message, size_t size)
{
    char             *json;
    u_char           *p;
    ngx_int_t         rc;
    policy_str_t      text;
    policy_value_t    v;
    policy_error_t    err;
    policy_arena_t   *arena;
    uint64_t          buf[POLICY_SCRATCH / sizeof(uint64_t)];

    json = json_dumps(value, JSON_COMPACT|JSON_ENCODE_ANY);
    arena = policy_arena_init(buf, sizeof(buf));

    if (json == NULL || arena == NULL) {
        free(json);
        p = ngx_slprintf((u_char *) message, (u_char *) message + size - 1,
                         "no memory");
        *p = '\0';
        return NGX_ERROR;
    }

    text.data = json;
    text.len = ngx_strlen(json);
    rc = NGX_OK;

    if (policy_json(arena, text, &v, &err) != POLICY_OK) {
        p = ngx_slprintf((u_char *) message, (u_char *) message + size - 1,
                         "is no Cedar value: %s", err.message);
        *p = '\0';
        rc = NGX_ERROR;
    }

    free(json);

    return rc;
}


/* What the issuer's claim map makes attributes of; absent claims are none. */

static ngx_int_t
ngx_http_tenant_entity_mapped(ngx_http_tenant_entity_build_t *build,
    ngx_http_tenant_identity_t *identity)
{
    size_t               i;
    ngx_int_t            rc;
    policy_str_t         key;
    const json_t        *claim;
    policy_value_t       value;
    tenant_attribute_t  *attribute;

    attribute = identity->issuer->rules.attributes;

    for (i = 0; i < identity->issuer->rules.nattributes; i++) {
        claim = tenant_claim_find(identity->claims, attribute[i].path);

        if (claim == NULL) {
            continue;
        }

        rc = ngx_http_tenant_entity_claim(build->arena, (json_t *) claim, 0,
                                          &value);
        if (rc == NGX_DECLINED) {
            continue;
        }

        key.data = attribute[i].name.data;
        key.len = attribute[i].name.len;

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
ngx_http_tenant_entity_tags(ngx_http_request_t *r,
    ngx_http_tenant_entity_build_t *build, json_t *claims)
{
    json_t                       *claim;
    ngx_int_t                     rc;
    const char                   *name;
    policy_str_t                  key;
    policy_value_t                value;
    ngx_http_tenant_main_conf_t  *tmcf;

    tmcf = ngx_http_get_module_main_conf(r, ngx_http_tenant_module);

    json_object_foreach(claims, name, claim) {
        key.data = name;
        key.len = ngx_strlen(name);

        if (!ngx_http_tenant_tag_used(tmcf, key)) {
            continue;
        }

        rc = ngx_http_tenant_entity_claim(build->arena, claim, 0, &value);

        if (rc == NGX_DECLINED) {
            continue;
        }

        if (rc != NGX_OK
            || policy_entry_tag(build->entry, key, value) != POLICY_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_entity_claim(policy_arena_t *arena, json_t *claim,
    ngx_uint_t depth, policy_value_t *value)
{
    double            real;
    size_t            i, n;
    json_t           *member;
    int64_t           scaled;
    ngx_int_t         rc;
    const char       *name;
    policy_str_t      key;
    policy_value_t    v, *list;
    policy_record_t  *record;

    if (depth > NGX_HTTP_TENANT_CLAIM_DEPTH) {
        return NGX_DECLINED;
    }

    switch (json_typeof(claim)) {

    case JSON_STRING:
        *value = policy_string(json_string_value(claim),
                               json_string_length(claim));
        return NGX_OK;

    case JSON_INTEGER:
        *value = policy_long(json_integer_value(claim));
        return NGX_OK;

    case JSON_TRUE:
    case JSON_FALSE:
        *value = policy_bool(json_is_true(claim));
        return NGX_OK;

    case JSON_REAL:
        real = json_real_value(claim);

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

    case JSON_ARRAY:
        n = json_array_size(claim);

        list = malloc((n ? n : 1) * sizeof(policy_value_t));
        if (list == NULL) {
            return NGX_ERROR;
        }

        for (i = 0; i < n; i++) {
            rc = ngx_http_tenant_entity_claim(arena, json_array_get(claim, i),
                                              depth + 1, &list[i]);
            if (rc != NGX_OK) {
                free(list);
                return rc;
            }
        }

        rc = policy_values(arena, list, n, value) == POLICY_OK ? NGX_OK
                                                               : NGX_ERROR;
        free(list);
        return rc;

    case JSON_OBJECT:
        if (policy_record_begin(arena, &record) != POLICY_OK) {
            return NGX_ERROR;
        }

        json_object_foreach(claim, name, member) {
            rc = ngx_http_tenant_entity_claim(arena, member, depth + 1, &v);

            if (rc == NGX_DECLINED) {
                continue;
            }

            key.data = name;
            key.len = ngx_strlen(name);

            if (rc != NGX_OK
                || policy_record_set(record, key, v) != POLICY_OK)
            {
                return NGX_ERROR;
            }
        }

        return policy_record_end(record, value) == POLICY_OK ? NGX_OK
                                                             : NGX_ERROR;

    default: /* JSON_NULL */
        return NGX_DECLINED;
    }
}


static ngx_uint_t
ngx_http_tenant_tag_used(ngx_http_tenant_main_conf_t *tmcf,
    policy_str_t name)
{
    ngx_uint_t                    i;
    ngx_http_tenant_policies_t  **policies;

    policies = tmcf->policies.elts;

    for (i = 0; i < tmcf->policies.nelts; i++) {
        if (policies[i]->any_tag
            || policy_set_uses_tag(policies[i]->set, POLICY_PRINCIPAL, name))
        {
            return 1;
        }
    }

    return 0;
}
