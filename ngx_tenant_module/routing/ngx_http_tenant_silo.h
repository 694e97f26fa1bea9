/*
 * The servers of a route as one worker uses them: made of the route when it
 * is first needed, with what names resolve to, weights, health.
 *
 * A silo lives in the pool of the tenant or tier that has the route.  Its
 * set of servers is replaced when a name gets other addresses; a request
 * keeps the set that it began with.
 */

#ifndef NGX_HTTP_TENANT_SILO_H
#define NGX_HTTP_TENANT_SILO_H


#include "../ngx_http_tenant_module.h"
#include "ngx_http_tenant_names.h"
#include "tenant_health.h"
#include "tenant_sessions.h"


#define NGX_HTTP_TENANT_SERVERS  256     /* of a set, names resolved */


/* What workers share, in the zone; parts are NULL if it is too small. */
typedef struct ngx_http_tenant_shared_routes_s {
    tenant_hash_t             key;       /* random */
    tenant_health_table_t    *health;
    tenant_sessions_t        *sessions;
} ngx_http_tenant_shared_routes_t;


/* One address. */
typedef struct {
    ngx_http_tenant_endpoint_t  *endpoint;
    struct sockaddr             *sockaddr;
    socklen_t                    socklen;
    ngx_str_t                    name;       /* the address as text */
    uint64_t                     id;         /* of sessions; not 0 */
    uint64_t                     serial;     /* of the endpoint: no kept
                                                connection outlives it */
    ngx_int_t                    effective_weight;
    ngx_int_t                    current_weight;
    tenant_health_t              health;
#if (NGX_HTTP_SSL)
    ngx_ssl_session_t           *tls_session;
    ngx_ssl_t                   *tls;        /* under whose settings */
    uint32_t                     tls_name;   /* and by which name, hashed */
#endif
} ngx_http_tenant_server_t;


typedef struct {
    ngx_pool_t                  *pool;       /* NULL: that of the silo */
    ngx_uint_t                   refs;
    ngx_uint_t                   nservers;
    ngx_http_tenant_server_t     servers[1];
} ngx_http_tenant_server_set_t;


typedef struct {
    ngx_http_tenant_route_t         *route;
    ngx_http_tenant_names_t         *names;
    ngx_http_tenant_shared_routes_t *shared;
    ngx_http_tenant_name_t         **name;   /* by endpoint; NULL: literal */
    uint64_t                         serial; /* of the first endpoint */
    ngx_uint_t                       generation;     /* of names */
    ngx_http_tenant_server_set_t    *set;
} ngx_http_tenant_silo_t;


/* Allocates the shared part out of a new zone; what does not fit is NULL. */
ngx_http_tenant_shared_routes_t *ngx_http_tenant_routes_init_zone(
    ngx_slab_pool_t *shpool, size_t size);

/* The silo of a route with servers; NULL: no memory. */
ngx_http_tenant_silo_t *ngx_http_tenant_silo(
    ngx_http_tenant_main_conf_t *tmcf, ngx_http_tenant_route_t *route);

/*
 * Has names resolved that need it.  NULL: the set is as good as it gets;
 * otherwise a name that a request should wait for.
 */
ngx_http_tenant_name_t *ngx_http_tenant_silo_check(
    ngx_http_tenant_silo_t *silo);

/* The newest set; NULL: no memory. */
ngx_http_tenant_server_set_t *ngx_http_tenant_silo_set(
    ngx_http_tenant_silo_t *silo);
void ngx_http_tenant_server_set_release(ngx_http_tenant_server_set_t *set);

/*
 * The server for the next attempt: "tried" has a bit a server, "trial" is for
 * tenant_health_worked(), NULL is none.  The one with the id, if it is up; or
 * else one by weight, or by session and weight ("rank" may be NULL).
 */
ngx_http_tenant_server_t *ngx_http_tenant_server_kept(
    ngx_http_tenant_server_set_t *set, const uint64_t *tried, uint64_t id,
    int *trial);
ngx_http_tenant_server_t *ngx_http_tenant_server_choose(
    ngx_http_tenant_server_set_t *set, const uint64_t *tried,
    const tenant_hash_t *rank, int *trial);

void ngx_http_tenant_server_failed(ngx_http_tenant_server_t *server);

#if (NGX_HTTP_SSL)

/*
 * TLS sessions, resumed with the same server of the same route, by the same
 * name, from locations that verify alike.
 */
ngx_int_t ngx_http_tenant_server_resume(ngx_http_tenant_server_t *server,
    ngx_http_upstream_t *u, ngx_connection_t *c);
void ngx_http_tenant_server_resumable(ngx_http_tenant_server_t *server,
    ngx_http_upstream_t *u, ngx_connection_t *c);

#endif


#endif /* NGX_HTTP_TENANT_SILO_H */
