/* What a worker knows for making principals: what policies look at. */

#include "ngx_http_tenant_policies.h"


/* bytes of an arena's beginning, before it is aimed at a block */
#define NGX_HTTP_TENANT_ARENA_SIZE      1024

/* of what is shared: as many, and this part of the token cache's bytes more */
#define NGX_HTTP_TENANT_KIN_ENTRIES     1048576
#define NGX_HTTP_TENANT_KIN_PART        4


static ngx_int_t ngx_http_tenant_users_kin(ngx_http_tenant_users_t *users,
    ngx_http_tenant_main_conf_t *tmcf);
static ngx_int_t ngx_http_tenant_users_names(ngx_cycle_t *cycle,
    ngx_http_tenant_main_conf_t *tmcf, policy_use_kind_t kind,
    ngx_array_t *names);
static ngx_int_t ngx_http_tenant_users_name(ngx_array_t *names,
    policy_str_t name);
static void *ngx_http_tenant_users_alloc(void *data, size_t size);


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
    void                         *buffer;
    ngx_uint_t                    i;
    ngx_array_t                   names;
    policy_memory_t               memory;
    ngx_http_tenant_users_t      *users;
    ngx_http_tenant_policies_t  **policies;

    users = ngx_pcalloc(cycle->pool, sizeof(ngx_http_tenant_users_t));
    buffer = ngx_palloc(cycle->pool, NGX_HTTP_TENANT_ARENA_SIZE);

    if (users == NULL || buffer == NULL
        || ngx_http_tenant_users_names(cycle, tmcf, POLICY_USE_ATTR, &names)
           != NGX_OK
        || ngx_http_tenant_users_names(cycle, tmcf, POLICY_USE_TAG,
                                       &users->tag_names)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    memory.alloc = ngx_http_tenant_users_alloc;
    memory.free = NULL;
    memory.data = cycle->pool;

    users->arena = policy_arena_init(buffer, NGX_HTTP_TENANT_ARENA_SIZE);

    if (users->arena == NULL
        || policy_layout_create(&memory, names.elts, names.nelts,
                                &users->attrs)
           != POLICY_OK
        || policy_layout_create(&memory, users->tag_names.elts,
                                users->tag_names.nelts, &users->tags)
           != POLICY_OK
        || policy_uid_init(&users->user, POLICY_STR("User"), POLICY_STR(""))
           != POLICY_OK
        || policy_uid_init(&users->operator, POLICY_STR("Operator"),
                           POLICY_STR(""))
           != POLICY_OK
        || policy_uid_init(&users->role, POLICY_STR("Role"), POLICY_STR(""))
           != POLICY_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < NGX_HTTP_TENANT_USER_ATTRS; i++) {
        if (policy_layout_find(users->attrs, ngx_http_tenant_user_attrs[i],
                               &users->places[users->nown]))
        {
            users->own[users->nown++] = (uint8_t) i;

            if (i == NGX_HTTP_TENANT_USER_SUB) {
                users->apart = 1;
            }
        }
    }

    policies = tmcf->policies.elts;

    for (i = 0; i < tmcf->policies.nelts; i++) {
        if (policies[i]->any_tag) {
            users->any_tag = 1;
            users->apart = 1;
        }

        if (policy_set_names_type(policies[i]->set, POLICY_STR("User"))
            || policy_set_names_type(policies[i]->set,
                                     POLICY_STR("Operator")))
        {
            users->named = 1;
        }
    }

    /* whoever has no id of its own has this one */

    if (ngx_http_tenant_policies_name(tmcf, &users->user)
        || ngx_http_tenant_policies_name(tmcf, &users->operator))
    {
        users->apart = 1;
    }

    users->room = tmcf->token_room;
    tmcf->users = users;

    return users->apart ? NGX_OK : ngx_http_tenant_users_kin(users, tmcf);
}


/* Takes the room that tokens need less. */

static ngx_int_t
ngx_http_tenant_users_kin(ngx_http_tenant_users_t *users,
    ngx_http_tenant_main_conf_t *tmcf)
{
    tenant_cache_conf_t  conf;

    ngx_memzero(&conf, sizeof(tenant_cache_conf_t));

    conf.max_entries = NGX_HTTP_TENANT_KIN_ENTRIES;
    conf.max_bytes = tmcf->token_cache_size / NGX_HTTP_TENANT_KIN_PART;
    conf.room = tmcf->token_room;
    conf.release = ngx_http_tenant_kin_drop;

    users->kin = tenant_cache_create(&conf);

    return users->kin ? NGX_OK : NGX_ERROR;
}


/*
 * Names that some policy looks at: of the principal, or of an entity that may
 * turn out to be it.
 */

static ngx_int_t
ngx_http_tenant_users_names(ngx_cycle_t *cycle,
    ngx_http_tenant_main_conf_t *tmcf, policy_use_kind_t kind,
    ngx_array_t *names)
{
    size_t                        n, k;
    ngx_uint_t                    i;
    const policy_use_t           *uses;
    ngx_http_tenant_policies_t  **policies;

    if (ngx_array_init(names, cycle->pool, 8, sizeof(policy_str_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    policies = tmcf->policies.elts;

    for (i = 0; i < tmcf->policies.nelts; i++) {

        if (policy_set_uses(policies[i]->set, &uses, &n) != POLICY_OK) {
            return NGX_ERROR;
        }

        for (k = 0; k < n; k++) {
            if (uses[k].kind == kind
                && (uses[k].variable == POLICY_PRINCIPAL
                    || uses[k].variable == POLICY_OTHER)
                && ngx_http_tenant_users_name(names, uses[k].name) != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


/* Two sets, or two ways to it within one, may look at the same name. */

static ngx_int_t
ngx_http_tenant_users_name(ngx_array_t *names, policy_str_t name)
{
    ngx_uint_t     i;
    policy_str_t  *known;

    known = names->elts;

    for (i = 0; i < names->nelts; i++) {
        if (known[i].len == name.len
            && ngx_memcmp(known[i].data, name.data, name.len) == 0)
        {
            return NGX_OK;
        }
    }

    known = ngx_array_push(names);
    if (known == NULL) {
        return NGX_ERROR;
    }

    *known = name;

    return NGX_OK;
}


ngx_uint_t
ngx_http_tenant_policies_name(ngx_http_tenant_main_conf_t *tmcf,
    const policy_uid_t *uid)
{
    ngx_uint_t                    i;
    ngx_http_tenant_policies_t  **policies;

    policies = tmcf->policies.elts;

    for (i = 0; i < tmcf->policies.nelts; i++) {
        if (policy_set_names(policies[i]->set, uid)) {
            return 1;
        }
    }

    return 0;
}


static void *
ngx_http_tenant_users_alloc(void *data, size_t size)
{
    return ngx_palloc(data, size);
}
