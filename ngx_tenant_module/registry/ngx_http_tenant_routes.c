/* How the routes of a tenant or tier are read from JSON, and looked up. */

#include "ngx_http_tenant_registry.h"


#define NGX_HTTP_TENANT_ENDPOINTS    64      /* of one route */

#define NGX_HTTP_TENANT_SERVER_SIZE  384     /* bytes that routing/ adds */
#define NGX_HTTP_TENANT_TLS_SIZE     3072    /* a session with its chain */


static ngx_int_t ngx_http_tenant_route_read(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *at, ngx_http_tenant_route_t *route,
    ngx_http_tenant_json_error_t *err);
static ngx_int_t ngx_http_tenant_route_tls(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *at, ngx_http_tenant_route_t *route,
    ngx_http_tenant_json_error_t *err);
static ngx_int_t ngx_http_tenant_route_servers(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *servers, ngx_http_tenant_route_t *route,
    ngx_http_tenant_json_error_t *err);
static ngx_http_tenant_route_t *ngx_http_tenant_routes_find(
    ngx_array_t *routes, ngx_str_t *agent);


const ngx_str_t  ngx_http_tenant_route_models[] = {
    ngx_string("pool"),
    ngx_string("silo"),
    ngx_string("none"),
    ngx_null_string
};

const ngx_str_t  ngx_http_tenant_origins[] = {
    ngx_string("tenant route"),
    ngx_string("tier route"),
    ngx_string("tier model"),
    ngx_null_string
};


static const char *const  ngx_http_tenant_route_members[] = {
    "model", "servers", "tls", "server_name", NULL
};


ngx_http_tenant_hot
ngx_http_tenant_route_t *
ngx_http_tenant_registry_route(ngx_http_tenant_tenant_t *tenant,
    ngx_str_t *agent, ngx_uint_t *origin)
{
    ngx_uint_t                by;
    ngx_http_tenant_route_t  *route;

    static ngx_http_tenant_route_t  pool = {
        .origin = NGX_HTTP_TENANT_BY_TIER_MODEL,
        .model = NGX_HTTP_TENANT_MODEL_POOL
    };

    by = NGX_HTTP_TENANT_BY_TENANT;
    route = ngx_http_tenant_routes_find(&tenant->routes, agent);

    if (route == NULL) {
        by = NGX_HTTP_TENANT_BY_TIER;
        route = ngx_http_tenant_routes_find(&tenant->tier->routes, agent);
    }

    if (route == NULL) {
        by = NGX_HTTP_TENANT_BY_TIER_MODEL;

        if (tenant->tier->model == NGX_HTTP_TENANT_MODEL_POOL) {
            route = &pool;
        }
    }

    if (origin) {
        *origin = by;
    }

    /* a tier's silo without servers waits for those of the tenant */

    if (route == NULL
        || route->model == NGX_HTTP_TENANT_MODEL_NONE
        || (route->model == NGX_HTTP_TENANT_MODEL_SILO
            && route->nendpoints == 0))
    {
        return NULL;
    }

    return route;
}


static ngx_http_tenant_route_t *
ngx_http_tenant_routes_find(ngx_array_t *routes, ngx_str_t *agent)
{
    ngx_uint_t                i;
    ngx_http_tenant_route_t  *route;

    route = routes->elts;

    for (i = 0; i < routes->nelts; i++) {
        if (route[i].agent.len == agent->len
            && ngx_memcmp(route[i].agent.data, agent->data, agent->len) == 0)
        {
            return &route[i];
        }
    }

    return NULL;
}


ngx_int_t
ngx_http_tenant_routes_read(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *at, ngx_str_t *owner, ngx_uint_t origin,
    ngx_array_t *routes, ngx_http_tenant_json_error_t *err)
{
    size_t                    n;
    json_t                   *value;
    const char               *name;
    ngx_str_t                 agent;
    ngx_http_tenant_json_t    list, child;
    ngx_http_tenant_route_t  *route;

    n = 0;

    if (ngx_http_tenant_json_member(at, "routes", &list) == NGX_OK) {
        if (!json_is_object(list.value)) {
            return ngx_http_tenant_json_fail(&list, err,
                                             "must be an object");
        }

        n = json_object_size(list.value);
    }

    if (n == 0) {
        return NGX_OK;
    }

    if (ngx_array_init(routes, pool, n, sizeof(ngx_http_tenant_route_t))
        != NGX_OK)
    {
        return ngx_http_tenant_json_fail(at, err, "no memory");
    }

    json_object_foreach(list.value, name, value) {
        child.value = value;
        child.parent = &list;
        child.name = name;

        agent.len = ngx_strlen(name);
        agent.data = (u_char *) name;

        if (ngx_http_tenant_agent_id_valid(&agent) != NGX_OK) {
            return ngx_http_tenant_json_fail(&child, err,
                                             "\"%V\" is no agent id",
                                             &agent);
        }

        route = ngx_array_push(routes);
        ngx_memzero(route, sizeof(ngx_http_tenant_route_t));

        route->owner = owner;
        route->origin = origin;
        route->pool = pool;

        route->agent.len = agent.len;
        route->agent.data = ngx_pnalloc(pool, agent.len + 1);

        if (route->agent.data == NULL) {
            return ngx_http_tenant_json_fail(&child, err, "no memory");
        }

        ngx_memcpy(route->agent.data, name, agent.len + 1);

        if (ngx_http_tenant_route_read(pool, &child, route, err) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_route_read(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *at, ngx_http_tenant_route_t *route,
    ngx_http_tenant_json_error_t *err)
{
    const char *const       *name;
    ngx_http_tenant_json_t   child;

    if (ngx_http_tenant_json_object(at, ngx_http_tenant_route_members, err)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    switch (ngx_http_tenant_json_enum(at, "model",
                                      ngx_http_tenant_route_models,
                                      &route->model, err))
    {
    case NGX_OK:
        break;

    case NGX_DECLINED:
        return ngx_http_tenant_json_fail(at, err, "has no \"model\"");

    default:
        return NGX_ERROR;
    }

    if (route->model != NGX_HTTP_TENANT_MODEL_SILO) {
        name = ngx_http_tenant_route_members;

        for (name++; *name; name++) {
            if (ngx_http_tenant_json_member(at, *name, &child) == NGX_OK) {
                return ngx_http_tenant_json_fail(&child, err,
                                                 "belongs to a silo; the "
                                                 "pool's servers stand in "
                                                 "the upstream block");
            }
        }

        return NGX_OK;
    }

    if (ngx_http_tenant_route_tls(pool, at, route, err) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_tenant_json_member(at, "servers", &child) == NGX_OK) {
        return ngx_http_tenant_route_servers(pool, &child, route, err);
    }

    if (route->origin == NGX_HTTP_TENANT_BY_TIER) {
        return NGX_OK;
    }

    return ngx_http_tenant_json_fail(at, err, "is a silo without "
                                     "\"servers\"");
}


static ngx_int_t
ngx_http_tenant_route_tls(ngx_pool_t *pool, const ngx_http_tenant_json_t *at,
    ngx_http_tenant_route_t *route, ngx_http_tenant_json_error_t *err)
{
    ngx_uint_t              tls;
    ngx_http_tenant_json_t  child;

    tls = 0;

    if (ngx_http_tenant_json_flag(at, "tls", &tls, err) == NGX_ERROR) {
        return NGX_ERROR;
    }

    route->tls = tls;

    switch (ngx_http_tenant_json_string(pool, at, "server_name",
                                        &route->server_name, err))
    {
    case NGX_DECLINED:
        return NGX_OK;

    case NGX_OK:
        break;

    default:
        return NGX_ERROR;
    }

    if (ngx_http_tenant_host_valid(&route->server_name) != NGX_OK) {
        (void) ngx_http_tenant_json_member(at, "server_name", &child);
        return ngx_http_tenant_json_fail(&child, err,
                                         "\"%V\" is no host name",
                                         &route->server_name);
    }

    /* certificates have names without the dot of the root */

    if (route->server_name.data[route->server_name.len - 1] == '.') {
        route->server_name.len--;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_route_servers(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *servers, ngx_http_tenant_route_t *route,
    ngx_http_tenant_json_error_t *err)
{
    size_t                       i, n;
    ngx_uint_t                   backups;
    ngx_http_tenant_json_t       item;
    ngx_http_tenant_endpoint_t  *e;

    n = json_array_size(servers->value);

    if (n == 0 || n > NGX_HTTP_TENANT_ENDPOINTS) {
        return ngx_http_tenant_json_fail(servers, err,
                                         "must be an array of 1 to %d "
                                         "servers", NGX_HTTP_TENANT_ENDPOINTS);
    }

    e = ngx_pcalloc(pool, n * sizeof(ngx_http_tenant_endpoint_t));
    if (e == NULL) {
        return ngx_http_tenant_json_fail(servers, err, "no memory");
    }

    route->endpoints = e;
    route->nendpoints = n;
    backups = 0;

    for (i = 0; i < n; i++) {
        ngx_http_tenant_json_element(servers, i, &item);

        if (ngx_http_tenant_endpoint_read(pool, &item, &e[i], err)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        route->names |= (e[i].sockaddr == NULL);
        backups += e[i].backup;
    }

    if (backups == n) {
        return ngx_http_tenant_json_fail(servers, err,
                                         "has nothing but backup servers");
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_tenant_routes_literal(const ngx_http_tenant_json_t *at,
    ngx_array_t *routes, ngx_http_tenant_json_error_t *err)
{
    ngx_uint_t                i, n;
    ngx_http_tenant_json_t    list, child, servers, item;
    ngx_http_tenant_route_t  *route;

    route = routes->elts;

    for (i = 0; i < routes->nelts; i++) {
        if (!route[i].names) {
            continue;
        }

        for (n = 0; route[i].endpoints[n].sockaddr; n++) { /* void */ }

        (void) ngx_http_tenant_json_member(at, "routes", &list);
        (void) ngx_http_tenant_json_member(&list,
                                           (char *) route[i].agent.data,
                                           &child);
        (void) ngx_http_tenant_json_member(&child, "servers", &servers);
        ngx_http_tenant_json_element(&servers, n, &item);

        return ngx_http_tenant_json_fail(&item, err,
                                         "\"%V\" is a host name, which needs "
                                         "\"resolver\" in the http block",
                                         &route[i].endpoints[n].host);
    }

    return NGX_OK;
}


size_t
ngx_http_tenant_routes_size(ngx_array_t *routes)
{
    size_t                    size;
    ngx_uint_t                i;
    ngx_http_tenant_route_t  *route;

    size = 0;
    route = routes->elts;

    for (i = 0; i < routes->nelts; i++) {
        size += route[i].nendpoints
                * (NGX_HTTP_TENANT_SERVER_SIZE
                   + (route[i].tls ? NGX_HTTP_TENANT_TLS_SIZE : 0));
    }

    return size;
}
