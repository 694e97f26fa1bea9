#include "ngx_http_tenant_route.h"
#include "../identity/ngx_http_tenant_identity.h"


#define NGX_HTTP_TENANT_FAIL_TIMEOUT  10    /* seconds a failed server rests */


typedef struct {
    ngx_http_tenant_srv_conf_t  *conf;
    ngx_http_tenant_tenant_t    *tenant;
    ngx_http_tenant_route_t     *route;

    /* of a silo */
    ngx_http_tenant_endpoint_t  *current;
    uint64_t                     tried;     /* one bit an endpoint */

    /* of the pool: what the wrapped balancer has */
    void                        *data;
    ngx_event_get_peer_pt        get;
    ngx_event_free_peer_pt       free;
    ngx_event_notify_peer_pt     notify;
#if (NGX_SSL || NGX_COMPAT)
    ngx_event_set_peer_session_pt   set_session;
    ngx_event_save_peer_session_pt  save_session;
#endif

    ngx_sockaddr_t               sockaddr;  /* tagged */
} ngx_http_tenant_peer_t;


static ngx_int_t ngx_http_tenant_route_init(ngx_conf_t *cf,
    ngx_http_upstream_srv_conf_t *us);
static ngx_int_t ngx_http_tenant_route_init_peer(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us);
static ngx_int_t ngx_http_tenant_route_get_silo(ngx_peer_connection_t *pc,
    void *data);
static void ngx_http_tenant_route_free_silo(ngx_peer_connection_t *pc,
    void *data, ngx_uint_t state);
static ngx_int_t ngx_http_tenant_route_get_pool(ngx_peer_connection_t *pc,
    void *data);
static void ngx_http_tenant_route_free_pool(ngx_peer_connection_t *pc,
    void *data, ngx_uint_t state);
static void ngx_http_tenant_route_notify_pool(ngx_peer_connection_t *pc,
    void *data, ngx_uint_t type);
#if (NGX_SSL || NGX_COMPAT)
static ngx_int_t ngx_http_tenant_route_set_session(
    ngx_peer_connection_t *pc, void *data);
static void ngx_http_tenant_route_save_session(ngx_peer_connection_t *pc,
    void *data);
#endif
static ngx_int_t ngx_http_tenant_route_tag(ngx_http_tenant_peer_t *peer,
    ngx_peer_connection_t *pc, struct sockaddr *sockaddr, socklen_t socklen);


char *
ngx_http_tenant_route_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_tenant_srv_conf_t  *tscf = conf;

    ngx_str_t                     *value;
    ngx_http_upstream_srv_conf_t  *uscf;

#if (NGX_HTTP_TENANT_KEEPALIVE_ORDER)
    ngx_uint_t                     i;
    ngx_uint_t                    *keepalive;
    ngx_module_t                  *module;
#endif

    if (tscf->enabled) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2) {
        if (ngx_strcmp(value[1].data, "keepalive=shared") == 0) {
            tscf->shared = 1;

        } else if (ngx_strcmp(value[1].data, "keepalive=tenant") != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "tenant_route: invalid parameter \"%V\"",
                               &value[1]);
            return NGX_CONF_ERROR;
        }
    }

    uscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_upstream_module);

#if (NGX_HTTP_TENANT_KEEPALIVE_ORDER)

    /*
     * keepalive wraps the balancer it finds: before this directive it would
     * not see silo connections.  Its module is not exported; the first
     * member of its configuration is the number of connections.
     */

    for (i = 0; cf->cycle->modules[i]; i++) {
        module = cf->cycle->modules[i];

        if (ngx_strcmp(module->name, "ngx_http_upstream_keepalive_module")
            == 0)
        {
            keepalive = uscf->srv_conf[module->ctx_index];

            if (keepalive && *keepalive) {
                return "must come before \"keepalive\"";
            }
        }
    }

#endif

    tscf->enabled = 1;
    tscf->upstream = uscf;
    tscf->init_upstream = uscf->peer.init_upstream
                          ? uscf->peer.init_upstream
                          : ngx_http_upstream_init_round_robin;

    uscf->peer.init_upstream = ngx_http_tenant_route_init;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_tenant_route_init(ngx_conf_t *cf, ngx_http_upstream_srv_conf_t *us)
{
    ngx_http_tenant_srv_conf_t  *tscf;

    tscf = ngx_http_conf_upstream_srv_conf(us, ngx_http_tenant_module);

    if (tscf->init_upstream(cf, us) != NGX_OK) {
        return NGX_ERROR;
    }

    tscf->init_peer = us->peer.init;
    tscf->initialized = 1;

    us->peer.init = ngx_http_tenant_route_init_peer;

    return NGX_OK;
}


ngx_int_t
ngx_http_tenant_route_check(ngx_conf_t *cf)
{
    ngx_uint_t                       i;
    ngx_http_tenant_srv_conf_t      *tscf;
    ngx_http_upstream_srv_conf_t   **uscfp;
    ngx_http_upstream_main_conf_t   *umcf;

    umcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_upstream_module);
    uscfp = umcf->upstreams.elts;

    for (i = 0; i < umcf->upstreams.nelts; i++) {

        if (uscfp[i]->srv_conf == NULL) {
            continue;
        }

        tscf = ngx_http_conf_upstream_srv_conf(uscfp[i],
                                               ngx_http_tenant_module);

        if (tscf->enabled && tscf->upstream == uscfp[i]
            && !tscf->initialized)
        {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"tenant_route\" is overridden by another "
                          "balancing method in upstream \"%V\" in %s:%ui: "
                          "put it after that method", &uscfp[i]->host,
                          uscfp[i]->file_name, uscfp[i]->line);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_tenant_route(ngx_http_request_t *r, ngx_http_tenant_ctx_t *ctx)
{
    if (ctx->caller->identity == NULL || ctx->agent == NULL) {
        return NGX_OK;
    }

    ctx->route =
        ngx_http_tenant_registry_route(ctx->caller->identity->tenant,
                                       &ctx->agent->sn.str);

    if (ctx->route == NULL) {
        ngx_http_tenant_refusal(&ctx->refusal, NGX_HTTP_TENANT_R_NO_ROUTE,
                                NGX_HTTP_SERVICE_UNAVAILABLE, NULL,
                                "the tenant has no server for this agent");
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_route_init_peer(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us)
{
    ngx_http_upstream_t         *u;
    ngx_http_tenant_ctx_t       *ctx;
    ngx_http_tenant_peer_t      *peer;
    ngx_http_tenant_srv_conf_t  *tscf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_tenant_module);

    if (ctx == NULL || ctx->route == NULL) {

        /* no decision was made here about whose servers these may be */

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "tenant_route: no tenant or no agent in this "
                      "location, upstream \"%V\" refused", &us->host);
        return NGX_ERROR;
    }

    tscf = ngx_http_conf_upstream_srv_conf(us, ngx_http_tenant_module);

    peer = ngx_palloc(r->pool, sizeof(ngx_http_tenant_peer_t));
    if (peer == NULL) {
        return NGX_ERROR;
    }

    peer->conf = tscf;
    peer->tenant = ctx->caller->identity->tenant;
    peer->route = ctx->route;
    peer->current = NULL;
    peer->tried = 0;

    u = r->upstream;

    if (ctx->route->model == NGX_HTTP_TENANT_MODEL_SILO) {
        u->peer.data = peer;
        u->peer.get = ngx_http_tenant_route_get_silo;
        u->peer.free = ngx_http_tenant_route_free_silo;
        u->peer.tries = ctx->route->nendpoints;
        u->peer.notify = NULL;

#if (NGX_SSL || NGX_COMPAT)
        /* round robin's would take our data for its own */
        u->peer.set_session = ngx_http_tenant_route_set_session;
        u->peer.save_session = ngx_http_tenant_route_save_session;
#endif

        return NGX_OK;
    }

    if (tscf->init_peer(r, us) != NGX_OK) {
        return NGX_ERROR;
    }

    peer->data = u->peer.data;
    peer->get = u->peer.get;
    peer->free = u->peer.free;
    peer->notify = u->peer.notify;

    u->peer.data = peer;
    u->peer.get = ngx_http_tenant_route_get_pool;
    u->peer.free = ngx_http_tenant_route_free_pool;

    if (peer->notify) {
        u->peer.notify = ngx_http_tenant_route_notify_pool;
    }

#if (NGX_SSL || NGX_COMPAT)
    peer->set_session = u->peer.set_session;
    peer->save_session = u->peer.save_session;

    u->peer.set_session = ngx_http_tenant_route_set_session;
    u->peer.save_session = ngx_http_tenant_route_save_session;
#endif

    return NGX_OK;
}


/*
 * Round robin over the endpoints that have not failed lately, then over
 * those that have: a silo is never given up while it has a server left.
 */

static ngx_int_t
ngx_http_tenant_route_get_silo(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_tenant_peer_t  *peer = data;

    time_t                       now;
    ngx_uint_t                   i, n, best;
    ngx_http_tenant_route_t     *route;
    ngx_http_tenant_endpoint_t  *e;

    route = peer->route;
    now = ngx_time();
    best = route->nendpoints;

    for (i = 0; i < route->nendpoints; i++) {
        n = (route->next + i) % route->nendpoints;

        if (peer->tried & ((uint64_t) 1 << n)) {
            continue;
        }

        e = &route->endpoints[n];

        if (e->fails == 0 || now - e->failed >= NGX_HTTP_TENANT_FAIL_TIMEOUT)
        {
            best = n;
            break;
        }

        if (best == route->nendpoints) {
            best = n;
        }
    }

    if (best == route->nendpoints) {
        pc->name = &peer->tenant->sn.str;
        return NGX_BUSY;
    }

    route->next = (best + 1) % route->nendpoints;
    peer->tried |= (uint64_t) 1 << best;

    e = &route->endpoints[best];
    peer->current = e;

    pc->cached = 0;
    pc->connection = NULL;
    pc->name = &e->name;

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, pc->log, 0,
                   "tenant route: silo of \"%V\", server %V",
                   &peer->tenant->sn.str, &e->name);

    return ngx_http_tenant_route_tag(peer, pc, e->sockaddr, e->socklen);
}


static void
ngx_http_tenant_route_free_silo(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t state)
{
    ngx_http_tenant_peer_t  *peer = data;

    ngx_uint_t  i;

    if (peer->current) {

        if ((state & NGX_PEER_FAILED) && pc->cached) {

            /*
             * The server may have closed a kept connection at any time,
             * which says nothing of the server: a new one may be tried.
             */

            i = peer->current - peer->route->endpoints;
            peer->tried &= ~((uint64_t) 1 << i);

        } else if (state & NGX_PEER_FAILED) {
            peer->current->fails++;
            peer->current->failed = ngx_time();

            ngx_log_error(NGX_LOG_WARN, pc->log, 0,
                          "tenant \"%V\": silo server %V failed",
                          &peer->tenant->sn.str, &peer->current->name);

        } else {
            peer->current->fails = 0;
        }

        peer->current = NULL;
    }

    if (pc->tries) {
        pc->tries--;
    }
}


static ngx_int_t
ngx_http_tenant_route_get_pool(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_tenant_peer_t  *peer = data;

    ngx_int_t  rc;

    rc = peer->get(pc, peer->data);

    if (rc != NGX_OK || peer->conf->shared) {
        return rc;
    }

    return ngx_http_tenant_route_tag(peer, pc, pc->sockaddr, pc->socklen);
}


static void
ngx_http_tenant_route_free_pool(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t state)
{
    ngx_http_tenant_peer_t  *peer = data;

    if (state & NGX_PEER_FAILED) {
        ngx_log_error(NGX_LOG_WARN, pc->log, 0,
                      "tenant \"%V\": pool server %V failed",
                      &peer->tenant->sn.str, pc->name);
    }

    peer->free(pc, peer->data, state);
}


static void
ngx_http_tenant_route_notify_pool(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t type)
{
    ngx_http_tenant_peer_t  *peer = data;

    peer->notify(pc, peer->data, type);
}


#if (NGX_SSL || NGX_COMPAT)

/* TLS sessions of a silo are not resumed: nothing to keep apart. */

static ngx_int_t
ngx_http_tenant_route_set_session(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_tenant_peer_t  *peer = data;

    if (peer->route->model == NGX_HTTP_TENANT_MODEL_SILO) {
        return NGX_OK;
    }

    return peer->set_session(pc, peer->data);
}


static void
ngx_http_tenant_route_save_session(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_tenant_peer_t  *peer = data;

    if (peer->route->model != NGX_HTTP_TENANT_MODEL_SILO) {
        peer->save_session(pc, peer->data);
    }
}

#endif


/*
 * nginx's keepalive cache compares addresses, and only those: two tenants
 * behind one address would share a connection, with its TLS name and
 * whatever state it has.  The tenant's tag makes them two.  It stands where
 * connect() does not look: behind the address of its family, and behind the
 * NUL of a UNIX-domain path, as nothing may follow a sockaddr_un.
 */

static ngx_int_t
ngx_http_tenant_route_tag(ngx_http_tenant_peer_t *peer,
    ngx_peer_connection_t *pc, struct sockaddr *sockaddr, socklen_t socklen)
{
    size_t  at;

    at = socklen;

#if (NGX_HAVE_UNIX_DOMAIN)

    if (sockaddr->sa_family == AF_UNIX) {
        at = offsetof(struct sockaddr_un, sun_path) + 1
             + ngx_strlen(((struct sockaddr_un *) sockaddr)->sun_path);

        if (at + sizeof(uint64_t) > sizeof(struct sockaddr_un)) {
            ngx_log_error(NGX_LOG_ERR, pc->log, 0,
                          "tenant_route: the path of %V is too long",
                          pc->name);
            return NGX_ERROR;
        }
    }

#endif

    ngx_memcpy(&peer->sockaddr, sockaddr, socklen);
    ngx_memcpy((u_char *) &peer->sockaddr + at, &peer->tenant->object.version,
               sizeof(uint64_t));

    pc->sockaddr = &peer->sockaddr.sockaddr;
    pc->socklen = ngx_max(socklen, at + sizeof(uint64_t));

    return NGX_OK;
}
