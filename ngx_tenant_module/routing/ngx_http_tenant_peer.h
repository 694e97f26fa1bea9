/* What the balancer knows of one request, through all of its attempts. */

#ifndef NGX_HTTP_TENANT_PEER_H
#define NGX_HTTP_TENANT_PEER_H


#include "ngx_http_tenant_route.h"
#include "ngx_http_tenant_silo.h"


/* What became of the session of a request. */
#define NGX_HTTP_TENANT_SESSION_NONE     0   /* it has none */
#define NGX_HTTP_TENANT_SESSION_KEPT     1
#define NGX_HTTP_TENANT_SESSION_NEW      2   /* not known: chosen by hash */
#define NGX_HTTP_TENANT_SESSION_MOVED    3   /* its server is not available */
#define NGX_HTTP_TENANT_SESSION_CREATED  4   /* by the answer */


typedef struct ngx_http_tenant_peer_s {
    ngx_http_request_t              *request;
    ngx_http_tenant_ctx_t           *ctx;
    ngx_http_upstream_srv_conf_t    *upstream;
    ngx_http_tenant_srv_conf_t      *conf;
    ngx_http_tenant_tenant_t        *tenant;
    ngx_http_tenant_route_t         *route;
    ngx_str_t                       *agent;
    ngx_http_tenant_shared_routes_t *shared;     /* NULL: none */

    /* of a silo */
    ngx_http_tenant_server_set_t    *set;
    ngx_http_tenant_server_t        *current;    /* while it is asked */
    int                              trial;
    uint64_t                         tried[NGX_HTTP_TENANT_SERVERS / 64];

    /* of the pool: what the wrapped balancer has */
    void                            *data;
    ngx_event_get_peer_pt            get;
    ngx_event_free_peer_pt           free;
    ngx_event_notify_peer_pt         notify;
#if (NGX_SSL || NGX_COMPAT)
    ngx_event_set_peer_session_pt    set_session;
    ngx_event_save_peer_session_pt   save_session;
#endif

    ngx_str_t                        session;    /* as the request has it */
    tenant_hash_t                    key;        /* of it in the table */
    tenant_hash_t                    rank;       /* the same everywhere */
    uint64_t                         kept;       /* id of its server, or 0 */
    uint64_t                         at;         /* id of the one asked */
    ngx_str_t                        name;       /* of it, for variables */
    ngx_uint_t                       affinity;   /* NGX_HTTP_TENANT_SESSION_
                                                    ... */
    unsigned                         ranked:1;

    ngx_sockaddr_t                   sockaddr;   /* tagged */
} ngx_http_tenant_peer_t;


/* The session of the request, and where it is. */
ngx_int_t ngx_http_tenant_peer_session(ngx_http_tenant_peer_t *peer);

/* What servers are scored with; NULL: without a session, not at all. */
const tenant_hash_t *ngx_http_tenant_peer_rank(ngx_http_tenant_peer_t *peer);

/* A server is about to be asked. */
void ngx_http_tenant_peer_at(ngx_http_tenant_peer_t *peer, uint64_t id,
    ngx_str_t *name);

/* It has answered, or a connection was no failure at least. */
void ngx_http_tenant_peer_worked(ngx_http_tenant_peer_t *peer);

/* Puts the tenant's tag behind the address of a connection. */
ngx_int_t ngx_http_tenant_peer_tag(ngx_http_tenant_peer_t *peer,
    ngx_peer_connection_t *pc, struct sockaddr *sockaddr, socklen_t socklen,
    uint64_t serial);

/* The pool: wraps what the block's own balancer has put into u->peer. */
ngx_int_t ngx_http_tenant_pool_init_peer(ngx_http_tenant_peer_t *peer);

/* A header filter: sessions that servers make, servers that work. */
void ngx_http_tenant_peer_init_filter(void);


#endif /* NGX_HTTP_TENANT_PEER_H */
