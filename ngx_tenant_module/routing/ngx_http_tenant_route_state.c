/* What a route is, told to variables and to operators. */

#include "ngx_http_tenant_peer.h"


static void ngx_http_tenant_upstream_host(ngx_http_upstream_t *u,
    ngx_str_t *host);
static json_t *ngx_http_tenant_state_servers(ngx_http_tenant_silo_t *silo);
static json_t *ngx_http_tenant_state_server(ngx_http_tenant_silo_t *silo,
    ngx_http_tenant_server_set_t *set, ngx_http_tenant_endpoint_t *e);
static json_t *ngx_http_tenant_state_address(
    ngx_http_tenant_server_t *server, time_t now);
static json_t *ngx_http_tenant_state_time(time_t t);
static json_t *ngx_http_tenant_state_text(ngx_str_t *text);


static const char *const  ngx_http_tenant_sessions[] = {
    "", "kept", "new", "moved", "created"
};


void
ngx_http_tenant_route_text(ngx_http_request_t *r, ngx_http_tenant_ctx_t *ctx,
    ngx_uint_t what, ngx_str_t *text)
{
    ngx_http_tenant_peer_t   *peer;
    ngx_http_tenant_route_t  *route;

    peer = ctx->peer;
    route = ctx->route;

    ngx_str_null(text);

    switch (what) {

    case NGX_HTTP_TENANT_ROUTE_ORIGIN:
        *text = ngx_http_tenant_origins[ctx->origin];
        break;

    case NGX_HTTP_TENANT_ROUTE_SCHEME:
        if (route->tls) {
            ngx_str_set(text, "https");

        } else {
            ngx_str_set(text, "http");
        }

        break;

    case NGX_HTTP_TENANT_ROUTE_SERVER_NAME:
        if (route->server_name.len) {
            *text = route->server_name;

        } else if (peer && peer->current) {
            *text = peer->current->endpoint->host;

        } else if (route->nendpoints) {
            *text = route->endpoints[0].host;

        } else if (r->upstream) {
            ngx_http_tenant_upstream_host(r->upstream, text);
        }

        break;

    case NGX_HTTP_TENANT_ROUTE_ENDPOINT:
        if (peer) {
            *text = peer->name;
        }

        break;

    default: /* NGX_HTTP_TENANT_ROUTE_SESSION */
        if (peer) {
            text->data = (u_char *) ngx_http_tenant_sessions[peer->affinity];
            text->len = ngx_strlen(text->data);
        }
    }
}


/* Also before the block is looked up, when headers are made. */

static void
ngx_http_tenant_upstream_host(ngx_http_upstream_t *u, ngx_str_t *host)
{
    if (u->upstream) {
        *host = u->upstream->host;

    } else if (u->resolved) {
        *host = u->resolved->host;

    } else if (u->conf->upstream) {
        *host = u->conf->upstream->host;
    }
}


ngx_int_t
ngx_http_tenant_route_state(ngx_http_tenant_main_conf_t *tmcf,
    ngx_http_tenant_tenant_t *tenant, ngx_str_t *agent, json_t **out)
{
    json_t                   *state;
    ngx_uint_t                origin;
    ngx_http_tenant_silo_t   *silo;
    ngx_http_tenant_route_t  *route;

    route = ngx_http_tenant_registry_route(tenant, agent, &origin);

    state = json_pack("{s:s, s:s}", "model",
                      route ? (char *)
                              ngx_http_tenant_route_models[route->model].data
                            : "none",
                      "why", (char *) ngx_http_tenant_origins[origin].data);
    if (state == NULL) {
        return NGX_ERROR;
    }

    if (route == NULL || route->model != NGX_HTTP_TENANT_MODEL_SILO) {
        *out = state;
        return NGX_OK;
    }

    silo = ngx_http_tenant_silo(tmcf, route);

    if (silo == NULL
        || json_object_set_new(state, "tls", json_boolean(route->tls)) != 0
        || json_object_set_new(state, "server_name",
                               route->server_name.len
                               ? ngx_http_tenant_state_text(
                                     &route->server_name)
                               : json_null())
           != 0
        || json_object_set_new(state, "servers",
                               ngx_http_tenant_state_servers(silo))
           != 0)
    {
        json_decref(state);
        return NGX_ERROR;
    }

    *out = state;

    return NGX_OK;
}


static json_t *
ngx_http_tenant_state_servers(ngx_http_tenant_silo_t *silo)
{
    json_t                        *servers;
    ngx_uint_t                     i;
    ngx_http_tenant_route_t       *route;
    ngx_http_tenant_server_set_t  *set;

    set = ngx_http_tenant_silo_set(silo);
    servers = json_array();

    if (set == NULL || servers == NULL) {
        json_decref(servers);
        return NULL;
    }

    route = silo->route;

    for (i = 0; i < route->nendpoints; i++) {
        if (json_array_append_new(servers,
                                  ngx_http_tenant_state_server(silo, set,
                                                      &route->endpoints[i]))
            != 0)
        {
            json_decref(servers);
            return NULL;
        }
    }

    return servers;
}


static json_t *
ngx_http_tenant_state_server(ngx_http_tenant_silo_t *silo,
    ngx_http_tenant_server_set_t *set, ngx_http_tenant_endpoint_t *e)
{
    json_t                  *server, *addresses;
    ngx_uint_t               i;
    ngx_http_tenant_name_t  *name;

    addresses = json_array();

    for (i = 0; i < set->nservers; i++) {
        if (set->servers[i].endpoint == e
            && json_array_append_new(addresses,
                                     ngx_http_tenant_state_address(
                                         &set->servers[i], ngx_time()))
               != 0)
        {
            json_decref(addresses);
            return NULL;
        }
    }

    server = json_pack("{s:s#, s:i, s:i, s:i, s:b, s:b, s:o}",
                       "address", (char *) e->name.data, (int) e->name.len,
                       "weight", (int) e->weight,
                       "max_fails", (int) e->max_fails,
                       "fail_timeout", (int) e->fail_timeout,
                       "backup", (int) e->backup, "drain", (int) e->drain,
                       "addresses", addresses);

    if (server == NULL || e->sockaddr) {
        return server;
    }

    name = silo->name[e - silo->route->endpoints];

    if (json_object_set_new(server, "resolved",
                            json_string(!name->asked ? "unknown"
                                        : name->failing ? "failing"
                                        : name->refused ? "refused" : "ok"))
        != 0)
    {
        json_decref(server);
        return NULL;
    }

    return server;
}


static json_t *
ngx_http_tenant_state_address(ngx_http_tenant_server_t *server, time_t now)
{
    uint64_t              until;
    ngx_uint_t            down;
    tenant_health_slot_t  slot;

    tenant_health_read(&server->health, now, &slot);

    down = server->health.max_fails
           && slot.fails >= server->health.max_fails;
    until = slot.checked + server->health.fail_timeout;

    return json_pack("{s:s#, s:I, s:b, s:o, s:o}",
                     "address", (char *) server->name.data,
                     (int) server->name.len,
                     "fails", (json_int_t) slot.fails,
                     "down", (int) down,
                     "down_until", ngx_http_tenant_state_time(down ? until
                                                                   : 0),
                     "failed", ngx_http_tenant_state_time(slot.failed));
}


/* RFC 3339; 0: null. */

static json_t *
ngx_http_tenant_state_time(time_t t)
{
    u_char    *p;
    u_char     text[sizeof("1970-01-01T00:00:00Z")];
    ngx_tm_t   tm;

    if (t == 0) {
        return json_null();
    }

    ngx_gmtime(t, &tm);

    p = ngx_sprintf(text, "%4d-%02d-%02dT%02d:%02d:%02dZ", tm.ngx_tm_year,
                    tm.ngx_tm_mon, tm.ngx_tm_mday, tm.ngx_tm_hour,
                    tm.ngx_tm_min, tm.ngx_tm_sec);

    return json_stringn((char *) text, p - text);
}


static json_t *
ngx_http_tenant_state_text(ngx_str_t *text)
{
    return json_stringn((char *) text->data, text->len);
}
