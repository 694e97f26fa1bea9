/*
 * The balancer: a tenant's silo servers from the registry, or the pool, i.e.
 * the servers of the upstream block.
 */

#ifndef NGX_HTTP_TENANT_ROUTE_H
#define NGX_HTTP_TENANT_ROUTE_H


#include "../ngx_http_tenant_module.h"


/* Of an upstream block; its own conf, since only upstreams have one. */
typedef struct {
    ngx_http_upstream_init_pt        init_upstream;
    ngx_http_upstream_init_peer_pt   init_peer;
    ngx_http_upstream_srv_conf_t    *upstream;
    ngx_uint_t                       shared;    /* pool connections */
    ngx_array_t                     *sessions;  /* ngx_http_complex_value_t,
                                                   the first that is not
                                                   empty; NULL: none */
    ngx_http_complex_value_t        *learn;     /* session that a server has
                                                   made, or NULL */
    unsigned                         enabled:1;
    unsigned                         initialized:1;
} ngx_http_tenant_srv_conf_t;


/* What variables ask of a route. */
#define NGX_HTTP_TENANT_ROUTE_ORIGIN       0
#define NGX_HTTP_TENANT_ROUTE_SCHEME       1
#define NGX_HTTP_TENANT_ROUTE_SERVER_NAME  2
#define NGX_HTTP_TENANT_ROUTE_ENDPOINT     3
#define NGX_HTTP_TENANT_ROUTE_SESSION      4


/* The directive tenant_route. */
char *ngx_http_tenant_route_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * After all upstreams are initialized: another balancer may have replaced
 * ours, which would send every tenant to the pool.
 */
ngx_int_t ngx_http_tenant_route_check(ngx_conf_t *cf);

/*
 * Fills ctx->route.  NGX_DECLINED: there is none, ctx->refusal says so;
 * NGX_AGAIN: the request waits for a name to be resolved, and comes back.
 */
ngx_int_t ngx_http_tenant_route(ngx_http_request_t *r,
    ngx_http_tenant_ctx_t *ctx);

/* One of the above, of a pass with a route; empty if there is none. */
void ngx_http_tenant_route_text(ngx_http_request_t *r,
    ngx_http_tenant_ctx_t *ctx, ngx_uint_t what, ngx_str_t *text);

/* Whether routes may have host names: there is a resolver to ask. */
ngx_uint_t ngx_http_tenant_route_names_allowed(
    ngx_http_tenant_main_conf_t *tmcf);

/*
 * Where the tenant's requests to the agent go now, for people and programs:
 *
 *   {"model": "silo", "why": "tenant route", "tls": true, "server_name": "a",
 *    "servers": [{"address": "a:8443", "weight": 1, "backup": false,
 *                 "drain": false, "max_fails": 1, "fail_timeout": 10,
 *                 "resolved": "ok",
 *                 "addresses": [{"address": "10.0.0.1:8443", "fails": 1,
 *                                "down": true,
 *                                "down_until": "2026-01-01T12:00:10Z",
 *                                "failed": "2026-01-01T12:00:00Z"}]}]}
 *
 * "why" is one of ngx_http_tenant_origins[]; without a route "model" is
 * "none", and only a silo has more than these two.  "resolved" is there for
 * host names: "unknown" to this worker, "failing", "refused", "ok".  A server
 * that was down longer than until "down_until" is tried by the next request.
 *
 * For the event loop of a worker only, and a tenant that somebody refers to.
 * The caller owns *out.  NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_tenant_route_state(ngx_http_tenant_main_conf_t *tmcf,
    ngx_http_tenant_tenant_t *tenant, ngx_str_t *agent, json_t **out);


#endif /* NGX_HTTP_TENANT_ROUTE_H */
