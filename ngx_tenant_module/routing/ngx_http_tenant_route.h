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
    unsigned                         enabled:1;
    unsigned                         initialized:1;
} ngx_http_tenant_srv_conf_t;


/* The directive tenant_route [keepalive=tenant|shared]. */
char *ngx_http_tenant_route_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * After all upstreams are initialized: another balancer may have replaced
 * ours, which would send every tenant to the pool.
 */
ngx_int_t ngx_http_tenant_route_check(ngx_conf_t *cf);

/* Fills ctx->route.  NGX_DECLINED: there is none, ctx->refusal says so. */
ngx_int_t ngx_http_tenant_route(ngx_http_request_t *r,
    ngx_http_tenant_ctx_t *ctx);


#endif /* NGX_HTTP_TENANT_ROUTE_H */
