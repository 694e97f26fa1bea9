/* How a tier, an agent, a tenant and an issuer are read from JSON. */

#include "ngx_http_tenant_registry.h"
#include "../authz/ngx_http_tenant_authz.h"


#define NGX_HTTP_TENANT_ID_LEN       63
#define NGX_HTTP_TENANT_AGENT_LEN    128


typedef ngx_int_t (*ngx_http_tenant_id_pt)(ngx_str_t *id);


static void ngx_http_tenant_object_init(ngx_http_tenant_object_t *object,
    ngx_uint_t kind, ngx_pool_t *pool);
static ngx_int_t ngx_http_tenant_id_valid(ngx_str_t *id);
static ngx_int_t ngx_http_tenant_object_id(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *at, ngx_http_tenant_id_pt valid,
    const char *rule, ngx_str_node_t *sn, ngx_http_tenant_json_error_t *err);
static ngx_int_t ngx_http_tenant_attributes_read(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *at, const char *const *reserved,
    json_t **attributes, ngx_http_tenant_json_error_t *err);
static ngx_int_t ngx_http_tenant_reserved(const ngx_http_tenant_json_t *at,
    const char *const *reserved, ngx_http_tenant_json_error_t *err);
static void ngx_http_tenant_attributes_cleanup(void *data);
static ngx_int_t ngx_http_tenant_offboarding_read(
    const ngx_http_tenant_json_t *at, ngx_http_tenant_tenant_t *tenant,
    ngx_http_tenant_json_error_t *err);
static ngx_int_t ngx_http_tenant_issuers_read(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *at, ngx_http_tenant_tenant_t *tenant,
    ngx_http_tenant_json_error_t *err);
static void ngx_http_tenant_issuer_cleanup(void *data);
static ngx_int_t ngx_http_tenant_issuer_keys(ngx_pool_t *pool,
    ngx_str_t *dir, const ngx_http_tenant_json_t *at,
    ngx_http_tenant_issuer_t *issuer, ngx_http_tenant_json_error_t *err);


const ngx_str_t  ngx_http_tenant_models[] = {
    ngx_string("pool"),
    ngx_string("silo"),
    ngx_null_string
};

const ngx_str_t  ngx_http_tenant_statuses[] = {
    ngx_string("provisioning"),
    ngx_string("active"),
    ngx_string("suspended"),
    ngx_string("offboarding"),
    ngx_null_string
};

const ngx_str_t  ngx_http_tenant_protocols[] = {
    ngx_string("http"),
    ngx_string("mcp"),
    ngx_string("a2a"),
    ngx_string("openai"),
    ngx_string("anthropic"),
    ngx_string("bedrock"),
    ngx_null_string
};


static const char *const  ngx_http_tenant_tier_members[] = {
    "id", "model", "routes", "attributes", NULL
};

static const char *const  ngx_http_tenant_agent_members[] = {
    "id", "protocol", "attributes", NULL
};

static const char *const  ngx_http_tenant_tenant_members[] = {
    "id", "name", "status", "tier", "issuers", "routes", "attributes",
    "offboarding", NULL
};

static const char *const  ngx_http_tenant_offboarding_members[] = {
    "deadline", "purge_usage", NULL
};

static const char *const  ngx_http_tenant_issuer_members[] = {
    "iss", "operators", "tenant", "tenant_claim", "subject_namespace", "jwks_file",
    "jwks", "jwks_uri", "discovery", "introspection", "algorithms",
    "audiences", "client_ids", "scopes", "token_use", "leeway", "max_age",
    "require_exp", "required_claims", "claims", NULL
};

/* the module's own attributes of the Cedar entities: not to be overlaid */

static const char *const  ngx_http_tenant_tenant_reserved[] = {
    "id", "tier", "status", "model", NULL
};

static const char *const  ngx_http_tenant_principal_reserved[] = {
    "tenant", "tier", "iss", "sub", "client_id", "scopes", "roles", NULL
};

static const char *const  ngx_http_tenant_agent_reserved[] = {
    "id", "protocol", NULL
};


ngx_http_tenant_tier_t *
ngx_http_tenant_tier_read(ngx_pool_t *pool, const ngx_http_tenant_json_t *at,
    ngx_http_tenant_json_error_t *err)
{
    ngx_http_tenant_tier_t  *tier;

    tier = ngx_pcalloc(pool, sizeof(ngx_http_tenant_tier_t));
    if (tier == NULL) {
        (void) ngx_http_tenant_json_fail(at, err, "no memory");
        return NULL;
    }

    ngx_http_tenant_object_init(&tier->object, NGX_HTTP_TENANT_KIND_TIER, pool);

    if (ngx_http_tenant_json_object(at, ngx_http_tenant_tier_members, err)
        != NGX_OK)
    {
        return NULL;
    }

    if (ngx_http_tenant_object_id(pool, at, ngx_http_tenant_id_valid,
                                  "[a-z0-9][a-z0-9-]{0,62}", &tier->sn, err)
        != NGX_OK)
    {
        return NULL;
    }

    switch (ngx_http_tenant_json_enum(at, "model", ngx_http_tenant_models,
                                      &tier->model, err))
    {
    case NGX_OK:
        break;

    case NGX_DECLINED:
        (void) ngx_http_tenant_json_fail(at, err, "has no \"model\"");
        return NULL;

    default:
        return NULL;
    }

    if (ngx_http_tenant_attributes_read(pool, at,
                                        ngx_http_tenant_tenant_reserved,
                                        &tier->attributes, err)
        != NGX_OK
        || ngx_http_tenant_routes_read(pool, at, &tier->sn.str,
                                       NGX_HTTP_TENANT_BY_TIER,
                                       &tier->routes, err)
           != NGX_OK)
    {
        return NULL;
    }

    tier->object.size = ngx_http_tenant_routes_size(&tier->routes);

    return tier;
}


ngx_http_tenant_agent_t *
ngx_http_tenant_agent_read(ngx_pool_t *pool, const ngx_http_tenant_json_t *at,
    ngx_http_tenant_json_error_t *err)
{
    ngx_http_tenant_agent_t  *agent;

    agent = ngx_pcalloc(pool, sizeof(ngx_http_tenant_agent_t));
    if (agent == NULL) {
        (void) ngx_http_tenant_json_fail(at, err, "no memory");
        return NULL;
    }

    ngx_http_tenant_object_init(&agent->object, NGX_HTTP_TENANT_KIND_AGENT, pool);

    if (ngx_http_tenant_json_object(at, ngx_http_tenant_agent_members, err)
        != NGX_OK)
    {
        return NULL;
    }

    if (ngx_http_tenant_object_id(pool, at, ngx_http_tenant_agent_id_valid,
                                  "[A-Za-z0-9][A-Za-z0-9_.-]{0,127}",
                                  &agent->sn, err)
        != NGX_OK)
    {
        return NULL;
    }

    if (ngx_http_tenant_json_enum(at, "protocol", ngx_http_tenant_protocols,
                                  &agent->protocol, err)
        == NGX_ERROR)
    {
        return NULL;
    }

    if (ngx_http_tenant_attributes_read(pool, at,
                                        ngx_http_tenant_agent_reserved,
                                        &agent->attributes, err)
        != NGX_OK)
    {
        return NULL;
    }

    return agent;
}


ngx_http_tenant_tenant_t *
ngx_http_tenant_tenant_read(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *at, ngx_str_t *tier,
    ngx_http_tenant_json_error_t *err)
{
    ngx_http_tenant_tenant_t  *tenant;

    tenant = ngx_pcalloc(pool, sizeof(ngx_http_tenant_tenant_t));
    if (tenant == NULL) {
        (void) ngx_http_tenant_json_fail(at, err, "no memory");
        return NULL;
    }

    tenant->status = NGX_HTTP_TENANT_ACTIVE;
    ngx_queue_init(&tenant->running);

    ngx_http_tenant_object_init(&tenant->object, NGX_HTTP_TENANT_KIND_TENANT, pool);

    if (ngx_http_tenant_json_object(at, ngx_http_tenant_tenant_members, err)
        != NGX_OK)
    {
        return NULL;
    }

    if (ngx_http_tenant_object_id(pool, at, ngx_http_tenant_id_valid,
                                  "[a-z0-9][a-z0-9-]{0,62}", &tenant->sn,
                                  err)
        != NGX_OK)
    {
        return NULL;
    }

    if (ngx_http_tenant_json_string(pool, at, "name", &tenant->name, err)
        == NGX_ERROR
        || ngx_http_tenant_json_enum(at, "status", ngx_http_tenant_statuses,
                                     &tenant->status, err)
           == NGX_ERROR
        || ngx_http_tenant_json_required(pool, at, "tier", tier, err)
           != NGX_OK
        || ngx_http_tenant_attributes_read(pool, at,
                                           ngx_http_tenant_tenant_reserved,
                                           &tenant->attributes, err)
           != NGX_OK
        || ngx_http_tenant_offboarding_read(at, tenant, err) != NGX_OK
        || ngx_http_tenant_issuers_read(pool, at, tenant, err) != NGX_OK
        || ngx_http_tenant_routes_read(pool, at, &tenant->sn.str,
                                       NGX_HTTP_TENANT_BY_TENANT,
                                       &tenant->routes, err)
           != NGX_OK)
    {
        return NULL;
    }

    tenant->object.size = ngx_http_tenant_routes_size(&tenant->routes);

    return tenant;
}


ngx_http_tenant_issuer_t *
ngx_http_tenant_issuer_read(ngx_pool_t *pool, ngx_str_t *dir,
    const ngx_http_tenant_json_t *at, ngx_http_tenant_json_error_t *err)
{
    ngx_str_t                  iss;
    tenant_rules_error_t       rerr;
    ngx_pool_cleanup_t        *cln;
    ngx_http_tenant_json_t     child, claims, attributes;
    ngx_http_tenant_issuer_t  *issuer;

    issuer = ngx_pcalloc(pool, sizeof(ngx_http_tenant_issuer_t));
    if (issuer == NULL) {
        (void) ngx_http_tenant_json_fail(at, err, "no memory");
        return NULL;
    }

    ngx_http_tenant_object_init(&issuer->object, NGX_HTTP_TENANT_KIND_ISSUER, pool);

    if (ngx_http_tenant_json_object(at, ngx_http_tenant_issuer_members, err)
        != NGX_OK
        || ngx_http_tenant_json_required(pool, at, "iss", &iss, err)
           != NGX_OK)
    {
        return NULL;
    }

    /*
     * "#" parts iss from the subject in the uid of a Cedar principal;
     * OpenID Connect Discovery 1.0, section 3: an issuer has no fragment
     */

    if (iss.len == 0 || ngx_strlchr(iss.data, iss.data + iss.len, '#')) {
        (void) ngx_http_tenant_json_member(at, "iss", &child);
        (void) ngx_http_tenant_json_fail(&child, err,
                                         "must be neither empty nor have a "
                                         "fragment (\"#\")");
        return NULL;
    }

    issuer->sn.str = iss;
    issuer->sn.node.key = ngx_http_tenant_name_key(&iss);

    if (ngx_http_tenant_json_string(pool, at, "tenant", &issuer->tenant, err)
        == NGX_ERROR
        || ngx_http_tenant_json_string(pool, at, "tenant_claim",
                                       &issuer->tenant_claim, err)
           == NGX_ERROR
        || ngx_http_tenant_json_string(pool, at, "subject_namespace",
                                       &issuer->subject_namespace, err)
           == NGX_ERROR)
    {
        return NULL;
    }

    if (ngx_http_tenant_json_member(at, "operators", &child) == NGX_OK) {

        if (!json_is_true(child.value)) {
            (void) ngx_http_tenant_json_fail(&child, err, "must be true");
            return NULL;
        }

        if (issuer->tenant.data || issuer->tenant_claim.data) {
            (void) ngx_http_tenant_json_fail(&child, err, "operators are no "
                                             "tenant's: no \"tenant\" and no "
                                             "\"tenant_claim\" with it");
            return NULL;
        }

        issuer->operators = 1;

    } else if (issuer->tenant.len == 0 && issuer->tenant_claim.len == 0) {
        (void) ngx_http_tenant_json_fail(at, err,
                                         "needs \"tenant\" (bound), "
                                         "\"tenant_claim\" or "
                                         "\"operators\"");
        return NULL;
    }

    if (issuer->tenant_claim.len == 0) {

        /* where a contradiction of the binding would stand */

        ngx_str_set(&issuer->tenant_claim, "custom:tenantId");
    }

    if (issuer->subject_namespace.data
        && ngx_http_tenant_id_valid(&issuer->subject_namespace) != NGX_OK)
    {
        (void) ngx_http_tenant_json_member(at, "subject_namespace", &child);
        (void) ngx_http_tenant_json_fail(&child, err,
                                         "must match "
                                         "[a-z0-9][a-z0-9-]{0,62}");
        return NULL;
    }

    if (ngx_http_tenant_json_member(at, "claims", &claims) == NGX_OK
        && ngx_http_tenant_json_member(&claims, "attributes", &attributes)
           == NGX_OK
        && ngx_http_tenant_reserved(&attributes,
                                    ngx_http_tenant_principal_reserved, err)
           != NGX_OK)
    {
        return NULL;
    }

    if (ngx_http_tenant_introspection_read(pool, dir, at,
                                           &issuer->introspection, err)
        != NGX_OK
        || ngx_http_tenant_issuer_keys(pool, dir, at, issuer, err) != NGX_OK)
    {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(pool, 0);
    if (cln == NULL) {
        (void) ngx_http_tenant_json_fail(at, err, "no memory");
        return NULL;
    }

    switch (tenant_claims_rules_parse(at->value, &issuer->rules, &rerr)) {

    case TENANT_RULES_OK:
        cln->handler = ngx_http_tenant_issuer_cleanup;
        cln->data = issuer;
        break;

    case TENANT_RULES_INVALID:
        (void) ngx_http_tenant_json_fail_below(at, rerr.pointer, err, "%s",
                                               rerr.reason);
        return NULL;

    default:
        (void) ngx_http_tenant_json_fail(at, err, "no memory");
        return NULL;
    }

    return issuer;
}


static void
ngx_http_tenant_object_init(ngx_http_tenant_object_t *object,
    ngx_uint_t kind, ngx_pool_t *pool)
{
    object->refs = 1;
    object->kind = kind;
    object->pool = pool;
}


ngx_uint_t
ngx_http_tenant_registry_issues(ngx_http_tenant_tenant_t *tenant,
    ngx_http_tenant_issuer_t *issuer)
{
    ngx_str_t   *iss;
    ngx_uint_t   i;

    if (issuer->tenant.len) {
        return issuer->tenant.len == tenant->sn.str.len
               && ngx_memcmp(issuer->tenant.data, tenant->sn.str.data,
                             tenant->sn.str.len)
                  == 0;
    }

    iss = tenant->issuers.elts;

    for (i = 0; i < tenant->issuers.nelts; i++) {
        if (iss[i].len == issuer->sn.str.len
            && ngx_memcmp(iss[i].data, issuer->sn.str.data, iss[i].len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static void
ngx_http_tenant_issuer_cleanup(void *data)
{
    ngx_http_tenant_issuer_t  *issuer = data;

    tenant_rules_free(&issuer->rules);
}


static ngx_int_t
ngx_http_tenant_issuer_keys(ngx_pool_t *pool, ngx_str_t *dir,
    const ngx_http_tenant_json_t *at, ngx_http_tenant_issuer_t *issuer,
    ngx_http_tenant_json_error_t *err)
{
    char                    *text;
    ngx_int_t                rc;
    ngx_uint_t               n;
    ngx_http_tenant_json_t   child;

    n = 0;

    rc = ngx_http_tenant_json_string(pool, at, "jwks_file",
                                     &issuer->jwks_file, err);
    n += (rc == NGX_OK);

    if (rc != NGX_ERROR) {
        rc = ngx_http_tenant_json_string(pool, at, "jwks_uri",
                                         &issuer->jwks_uri, err);
        n += (rc == NGX_OK);
    }

    if (rc != NGX_ERROR) {
        rc = ngx_http_tenant_json_string(pool, at, "discovery",
                                         &issuer->discovery, err);
        n += (rc == NGX_OK);
    }

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    rc = ngx_http_tenant_json_member(at, "jwks", &child);
    n += (rc == NGX_OK);

    /* whose tokens are all opaque needs no keys */

    if (n == 0 && issuer->introspection) {
        return NGX_OK;
    }

    if (n != 1) {
        return ngx_http_tenant_json_fail(at, err, "%s \"jwks_file\", "
                                         "\"jwks\", \"jwks_uri\" and "
                                         "\"discovery\"",
                                         n ? "has more than one of"
                                           : "has no keys: needs one of");
    }

    if (issuer->jwks_file.len
        && ngx_get_full_name(pool, dir, &issuer->jwks_file) != NGX_OK)
    {
        return ngx_http_tenant_json_fail(at, err, "no memory");
    }

    if (rc != NGX_OK) {
        return NGX_OK;
    }

    if (!json_is_object(child.value)) {
        return ngx_http_tenant_json_fail(&child, err, "must be an object");
    }

    text = json_dumps(child.value, JSON_COMPACT);
    if (text == NULL) {
        return ngx_http_tenant_json_fail(&child, err, "no memory");
    }

    issuer->jwks.len = ngx_strlen(text);
    issuer->jwks.data = ngx_pnalloc(pool, issuer->jwks.len);

    if (issuer->jwks.data == NULL) {
        free(text);
        return ngx_http_tenant_json_fail(&child, err, "no memory");
    }

    ngx_memcpy(issuer->jwks.data, text, issuer->jwks.len);
    free(text);

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_object_id(ngx_pool_t *pool, const ngx_http_tenant_json_t *at,
    ngx_http_tenant_id_pt valid, const char *rule, ngx_str_node_t *sn,
    ngx_http_tenant_json_error_t *err)
{
    ngx_http_tenant_json_t  child;

    if (ngx_http_tenant_json_required(pool, at, "id", &sn->str, err)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (valid(&sn->str) != NGX_OK) {
        (void) ngx_http_tenant_json_member(at, "id", &child);
        return ngx_http_tenant_json_fail(&child, err,
                                         "\"%V\" does not match %s",
                                         &sn->str, rule);
    }

    sn->node.key = ngx_http_tenant_name_key(&sn->str);

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_id_valid(ngx_str_t *id)
{
    u_char   c;
    size_t   i;

    if (id->len == 0 || id->len > NGX_HTTP_TENANT_ID_LEN
        || id->data[0] == '-')
    {
        return NGX_ERROR;
    }

    for (i = 0; i < id->len; i++) {
        c = id->data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_tenant_agent_id_valid(ngx_str_t *id)
{
    u_char   c;
    size_t   i;

    if (id->len == 0 || id->len > NGX_HTTP_TENANT_AGENT_LEN) {
        return NGX_ERROR;
    }

    for (i = 0; i < id->len; i++) {
        c = id->data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9')
              || (i && (c == '-' || c == '_' || c == '.'))))
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_attributes_read(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *at, const char *const *reserved,
    json_t **attributes, ngx_http_tenant_json_error_t *err)
{
    char                     message[NGX_HTTP_TENANT_MESSAGE_LEN];
    json_t                  *value;
    const char              *name;
    ngx_pool_cleanup_t      *cln;
    ngx_http_tenant_json_t   child, member;

    if (ngx_http_tenant_json_member(at, "attributes", &child) != NGX_OK) {
        return NGX_OK;
    }

    if (!json_is_object(child.value)) {
        return ngx_http_tenant_json_fail(&child, err, "must be an object");
    }

    if (ngx_http_tenant_reserved(&child, reserved, err) != NGX_OK) {
        return NGX_ERROR;
    }

    json_object_foreach(child.value, name, value) {
        if (ngx_http_tenant_attribute_check(value, message, sizeof(message))
            != NGX_OK)
        {
            (void) ngx_http_tenant_json_member(&child, name, &member);
            return ngx_http_tenant_json_fail(&member, err, "%s", message);
        }
    }

    cln = ngx_pool_cleanup_add(pool, 0);
    if (cln == NULL) {
        return ngx_http_tenant_json_fail(&child, err, "no memory");
    }

    cln->handler = ngx_http_tenant_attributes_cleanup;
    cln->data = json_incref(child.value);

    *attributes = child.value;

    return NGX_OK;
}


/* None of the module's own attributes may be overlaid. */

static ngx_int_t
ngx_http_tenant_reserved(const ngx_http_tenant_json_t *at,
    const char *const *reserved, ngx_http_tenant_json_error_t *err)
{
    ngx_http_tenant_json_t  member;

    for ( /* void */ ; *reserved; reserved++) {
        if (ngx_http_tenant_json_member(at, *reserved, &member) == NGX_OK) {
            return ngx_http_tenant_json_fail(&member, err,
                                             "is an attribute of the "
                                             "module's own");
        }
    }

    return NGX_OK;
}


static void
ngx_http_tenant_attributes_cleanup(void *data)
{
    json_decref(data);
}


/* Until when requests may last, and what is removed with the tenant then. */

static ngx_int_t
ngx_http_tenant_offboarding_read(const ngx_http_tenant_json_t *at,
    ngx_http_tenant_tenant_t *tenant, ngx_http_tenant_json_error_t *err)
{
    ngx_int_t               deadline;
    ngx_uint_t              purge;
    ngx_http_tenant_json_t  child;

    if (ngx_http_tenant_json_member(at, "offboarding", &child) != NGX_OK) {
        return NGX_OK;
    }

    if (tenant->status != NGX_HTTP_TENANT_OFFBOARDING) {
        return ngx_http_tenant_json_fail(&child, err, "belongs to the status "
                                         "\"offboarding\"");
    }

    if (ngx_http_tenant_json_object(&child,
                                    ngx_http_tenant_offboarding_members, err)
        != NGX_OK
        || ngx_http_tenant_json_flag(&child, "purge_usage", &purge, err)
           == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    switch (ngx_http_tenant_json_integer(&child, "deadline", 1,
                                         NGX_MAX_INT_T_VALUE, &deadline, err))
    {
    case NGX_OK:
        return NGX_OK;

    case NGX_DECLINED:
        return ngx_http_tenant_json_fail(&child, err, "has no \"deadline\"");

    default:
        return NGX_ERROR;
    }
}


static ngx_int_t
ngx_http_tenant_issuers_read(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *at, ngx_http_tenant_tenant_t *tenant,
    ngx_http_tenant_json_error_t *err)
{
    size_t                   i, n;
    ngx_str_t               *iss;
    ngx_http_tenant_json_t   list, item;

    n = 0;

    if (ngx_http_tenant_json_member(at, "issuers", &list) == NGX_OK) {
        if (!json_is_array(list.value)) {
            return ngx_http_tenant_json_fail(&list, err, "must be an array");
        }

        n = json_array_size(list.value);
    }

    if (ngx_array_init(&tenant->issuers, pool, n ? n : 1, sizeof(ngx_str_t))
        != NGX_OK)
    {
        return ngx_http_tenant_json_fail(at, err, "no memory");
    }

    for (i = 0; i < n; i++) {
        ngx_http_tenant_json_element(&list, i, &item);

        if (!json_is_string(item.value)) {
            return ngx_http_tenant_json_fail(&item, err, "must be a string");
        }

        iss = ngx_array_push(&tenant->issuers);

        iss->len = json_string_length(item.value);
        iss->data = ngx_pnalloc(pool, iss->len + 1);

        if (iss->data == NULL) {
            return ngx_http_tenant_json_fail(&item, err, "no memory");
        }

        ngx_memcpy(iss->data, json_string_value(item.value), iss->len + 1);
    }

    return NGX_OK;
}
