/*
 * Cedar entities of what is in the registry: tenants and agents.  Each is
 * made once and kept with what it describes.
 */

#include "ngx_http_tenant_policies.h"


/* Entities under construction; what is set is set of the entry. */
typedef struct {
    policy_store_t   *store;
    policy_entry_t   *entry;
    policy_arena_t   *arena;
    unsigned          refers:1;
} ngx_http_tenant_entity_build_t;


static ngx_http_tenant_entity_t *ngx_http_tenant_entity_create(
    const char *type, ngx_str_t *id, ngx_http_tenant_entity_build_t *build);
static ngx_int_t ngx_http_tenant_entity_finish(
    ngx_http_tenant_entity_t *entity, ngx_http_tenant_entity_build_t *build);
static ngx_http_tenant_entity_t *ngx_http_tenant_entity_keep(
    ngx_http_tenant_object_t *object, ngx_http_tenant_entity_t *entity);
static void ngx_http_tenant_entity_free(void *data);
static ngx_int_t ngx_http_tenant_entity_add(
    ngx_http_tenant_entity_build_t *build, const char *type, const char *id,
    size_t len);
static ngx_int_t ngx_http_tenant_entity_string(
    ngx_http_tenant_entity_build_t *build, const char *name,
    const char *data, size_t len);
static ngx_int_t ngx_http_tenant_entity_parent(
    ngx_http_tenant_entity_build_t *build, const char *type, const char *id,
    size_t len);
static ngx_int_t ngx_http_tenant_entity_attributes(
    ngx_http_tenant_entity_build_t *build, json_t *attributes,
    json_t *unless);


/* Tenant and tier: what all principals of a tenant stand on. */

ngx_http_tenant_entity_t *
ngx_http_tenant_entity_tenant(ngx_http_tenant_tenant_t *tenant)
{
    ngx_str_t                       *status, *tier;
    ngx_http_tenant_entity_t        *entity;
    ngx_http_tenant_entity_build_t   build;

    if (tenant->authz) {
        return tenant->authz;
    }

    entity = ngx_http_tenant_entity_create("Tenant", &tenant->sn.str, &build);
    if (entity == NULL) {
        return NULL;
    }

    tier = &tenant->tier->sn.str;
    status = (ngx_str_t *) &ngx_http_tenant_statuses[tenant->status];

    if (ngx_http_tenant_entity_parent(&build, "Tier", (char *) tier->data,
                                      tier->len)
        != NGX_OK
        || ngx_http_tenant_entity_string(&build, "id",
                                         (char *) tenant->sn.str.data,
                                         tenant->sn.str.len)
           != NGX_OK
        || ngx_http_tenant_entity_string(&build, "tier", (char *) tier->data,
                                         tier->len)
           != NGX_OK
        || ngx_http_tenant_entity_string(&build, "status",
                                         (char *) status->data, status->len)
           != NGX_OK
        || ngx_http_tenant_entity_attributes(&build, tenant->attributes,
                                             NULL)
           != NGX_OK
        || ngx_http_tenant_entity_attributes(&build, tenant->tier->attributes,
                                             tenant->attributes)
           != NGX_OK
        || ngx_http_tenant_entity_add(&build, "Tier", (char *) tier->data,
                                      tier->len)
           != NGX_OK
        || ngx_http_tenant_entity_finish(entity, &build) != NGX_OK)
    {
        ngx_http_tenant_entity_free(entity);
        return NULL;
    }

    tenant->authz = ngx_http_tenant_entity_keep(&tenant->object, entity);

    return tenant->authz;
}


/* A further entity of the store; what is set next is set of it. */

static ngx_int_t
ngx_http_tenant_entity_add(ngx_http_tenant_entity_build_t *build,
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


ngx_http_tenant_hot
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

    agent->authz = ngx_http_tenant_entity_keep(&agent->object, entity);

    return agent->authz;
}


static ngx_http_tenant_entity_t *
ngx_http_tenant_entity_create(const char *type, ngx_str_t *id,
    ngx_http_tenant_entity_build_t *build)
{
    policy_str_t               t, i;
    policy_uid_t               uid;
    ngx_http_tenant_entity_t  *entity;

    static uint64_t  number;

    entity = calloc(1, sizeof(ngx_http_tenant_entity_t));
    if (entity == NULL) {
        return NULL;
    }

    entity->number = ++number;

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

    build->refers = 0;
    build->store = entity->store;
    build->arena = policy_store_arena(entity->store);

    return entity;
}


static ngx_int_t
ngx_http_tenant_entity_finish(ngx_http_tenant_entity_t *entity,
    ngx_http_tenant_entity_build_t *build)
{
    policy_store_t  *packed;

    /* it is kept for long: as one block of the least size */

    if (policy_store_finish(entity->store, NULL) != POLICY_OK
        || policy_store_pack(entity->store, &ngx_http_tenant_policy_memory,
                             &packed)
           != POLICY_OK)
    {
        return NGX_ERROR;
    }

    policy_store_destroy(entity->store);

    entity->store = packed;
    entity->packed = 1;
    entity->refers = build->refers;

    /* the entity itself was added first */

    entity->uid = policy_store_uid(entity->store, 0);

    return NGX_OK;
}


/* An entity goes with the object of the registry that it describes. */

static ngx_http_tenant_entity_t *
ngx_http_tenant_entity_keep(ngx_http_tenant_object_t *object,
    ngx_http_tenant_entity_t *entity)
{
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(object->pool, 0);
    if (cln == NULL) {
        ngx_http_tenant_entity_free(entity);
        return NULL;
    }

    cln->handler = ngx_http_tenant_entity_free;
    cln->data = entity;

    ngx_http_tenant_object_grew(object, sizeof(ngx_http_tenant_entity_t)
                                        + policy_store_memory(entity->store));

    return entity;
}


static void
ngx_http_tenant_entity_free(void *data)
{
    ngx_http_tenant_entity_t  *entity = data;

    if (entity->packed) {
        free(entity->store);

    } else if (entity->store) {
        policy_store_destroy(entity->store);
    }

    free(entity);
}


static ngx_int_t
ngx_http_tenant_entity_string(ngx_http_tenant_entity_build_t *build,
    const char *name, const char *data, size_t len)
{
    policy_str_t  n;

    n.data = name;
    n.len = ngx_strlen(name);

    return policy_entry_attr(build->entry, n, policy_string(data, len))
           == POLICY_OK ? NGX_OK : NGX_ERROR;
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

        /* of which type, or whether it is a string, does not matter */

        if (ngx_strstr(json, "__entity")) {
            build->refers = 1;
        }

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
