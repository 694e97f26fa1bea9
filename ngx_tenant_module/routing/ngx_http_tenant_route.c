#include "ngx_http_tenant_peer.h"
#include "../identity/ngx_http_tenant_identity.h"
#include "../metering/ngx_http_tenant_counters.h"


typedef struct {
    ngx_http_tenant_name_waiter_t   waiter;
    ngx_http_request_t             *request;
} ngx_http_tenant_parked_t;


static ngx_int_t ngx_http_tenant_route_parameter(ngx_conf_t *cf,
    ngx_http_tenant_srv_conf_t *tscf, ngx_str_t *value);
static ngx_int_t ngx_http_tenant_route_value(ngx_conf_t *cf,
    ngx_str_t *value, size_t skip, ngx_http_complex_value_t *cv);
static ngx_int_t ngx_http_tenant_route_init(ngx_conf_t *cf,
    ngx_http_upstream_srv_conf_t *us);
static ngx_int_t ngx_http_tenant_route_park(ngx_http_request_t *r,
    ngx_http_tenant_ctx_t *ctx, ngx_http_tenant_name_t *name);
static void ngx_http_tenant_route_parked(ngx_http_request_t *r);
static void ngx_http_tenant_route_resume(void *data);
static void ngx_http_tenant_route_leave(void *data);
static ngx_int_t ngx_http_tenant_route_init_peer(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us);
static ngx_int_t ngx_http_tenant_route_init_silo(
    ngx_http_tenant_peer_t *peer);
static void ngx_http_tenant_route_release(void *data);
static ngx_int_t ngx_http_tenant_route_get_silo(ngx_peer_connection_t *pc,
    void *data);
static void ngx_http_tenant_route_free_silo(ngx_peer_connection_t *pc,
    void *data, ngx_uint_t state);
#if (NGX_SSL || NGX_COMPAT)
static ngx_int_t ngx_http_tenant_route_set_session(
    ngx_peer_connection_t *pc, void *data);
static void ngx_http_tenant_route_save_session(ngx_peer_connection_t *pc,
    void *data);
#endif


char *
ngx_http_tenant_route_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_tenant_srv_conf_t  *tscf = conf;

    ngx_str_t                     *value;
    ngx_uint_t                     i;
    ngx_http_upstream_srv_conf_t  *uscf;

#if (NGX_HTTP_TENANT_KEEPALIVE_ORDER)
    ngx_uint_t                    *keepalive;
    ngx_module_t                  *module;
#endif

    if (tscf->enabled) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_http_tenant_route_parameter(cf, tscf, &value[i]) != NGX_OK) {
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
ngx_http_tenant_route_parameter(ngx_conf_t *cf,
    ngx_http_tenant_srv_conf_t *tscf, ngx_str_t *value)
{
    ngx_http_complex_value_t  *cv;

    if (ngx_strcmp(value->data, "keepalive=shared") == 0) {
        tscf->shared = 1;
        return NGX_OK;
    }

    if (ngx_strcmp(value->data, "keepalive=tenant") == 0) {
        tscf->shared = 0;
        return NGX_OK;
    }

    if (ngx_strncmp(value->data, "session=", 8) == 0) {

        if (tscf->sessions == NULL) {
            tscf->sessions = ngx_array_create(cf->pool, 2,
                                           sizeof(ngx_http_complex_value_t));
            if (tscf->sessions == NULL) {
                return NGX_ERROR;
            }
        }

        cv = ngx_array_push(tscf->sessions);
        if (cv == NULL) {
            return NGX_ERROR;
        }

        return ngx_http_tenant_route_value(cf, value, 8, cv);
    }

    if (ngx_strncmp(value->data, "learn=", 6) == 0 && tscf->learn == NULL) {

        tscf->learn = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
        if (tscf->learn == NULL) {
            return NGX_ERROR;
        }

        return ngx_http_tenant_route_value(cf, value, 6, tscf->learn);
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "tenant_route: invalid parameter \"%V\"", value);

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_tenant_route_value(ngx_conf_t *cf, ngx_str_t *value, size_t skip,
    ngx_http_complex_value_t *cv)
{
    ngx_str_t                          text;
    ngx_http_compile_complex_value_t   ccv;

    text.len = value->len - skip;
    text.data = value->data + skip;

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &text;
    ccv.complex_value = cv;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_ERROR;
    }

    /* one session for all would be one server for all */

    if (cv->lengths == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "tenant_route: \"%V\" has no variable", value);
        return NGX_ERROR;
    }

    return NGX_OK;
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


ngx_uint_t
ngx_http_tenant_route_names_allowed(ngx_http_tenant_main_conf_t *tmcf)
{
    return tmcf->names->resolver != NULL;
}


ngx_http_tenant_hot
ngx_int_t
ngx_http_tenant_route(ngx_http_request_t *r, ngx_http_tenant_ctx_t *ctx)
{
    ngx_http_tenant_name_t       *name;
    ngx_http_tenant_silo_t       *silo;
    ngx_http_tenant_loc_conf_t   *tlcf;
    ngx_http_tenant_main_conf_t  *tmcf;

    if (ctx->caller->identity == NULL || ctx->agent == NULL) {
        return NGX_OK;
    }

    ctx->route =
        ngx_http_tenant_registry_route(ctx->caller->identity->tenant,
                                       &ctx->agent->sn.str, &ctx->origin);

    if (ctx->route == NULL) {
        tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tenant_module);

        ngx_http_tenant_refusal(&ctx->refusal, NGX_HTTP_TENANT_R_NO_ROUTE,
                                tlcf->no_route, NULL,
                                "the tenant has no server for this agent");
        return NGX_DECLINED;
    }

    if (!ctx->route->names) {
        return NGX_OK;
    }

    tmcf = ngx_http_get_module_main_conf(r, ngx_http_tenant_module);

    silo = ngx_http_tenant_silo(tmcf, ctx->route);
    if (silo == NULL) {
        return NGX_ERROR;
    }

    name = ngx_http_tenant_silo_check(silo);

    return name ? ngx_http_tenant_route_park(r, ctx, name) : NGX_OK;
}


/* The request waits for a name to be resolved, and then comes back here. */

static ngx_int_t
ngx_http_tenant_route_park(ngx_http_request_t *r, ngx_http_tenant_ctx_t *ctx,
    ngx_http_tenant_name_t *name)
{
    ngx_pool_cleanup_t        *cln;
    ngx_http_tenant_parked_t  *parked;

    parked = ctx->parked;

    if (parked == NULL) {
        cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_tenant_parked_t));
        if (cln == NULL) {
            return NGX_ERROR;
        }

        parked = cln->data;
        ngx_memzero(parked, sizeof(ngx_http_tenant_parked_t));

        parked->request = r;
        parked->waiter.resume = ngx_http_tenant_route_resume;
        parked->waiter.data = parked;

        cln->handler = ngx_http_tenant_route_leave;
        ctx->parked = parked;

    } else if (parked->waiter.waiting) {

        /* an event of the client's, not of the resolver */

        return NGX_AGAIN;
    }

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "tenant route: waiting for the addresses of \"%V\"",
                   &name->sn.str);

    ngx_http_tenant_name_wait(name, &parked->waiter);

    /* a client that goes away must not be waited for */

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_tenant_route_parked;

    return NGX_AGAIN;
}


static void
ngx_http_tenant_route_parked(ngx_http_request_t *r)
{
    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "tenant route: still waiting for addresses");
}


static void
ngx_http_tenant_route_resume(void *data)
{
    ngx_http_tenant_parked_t  *parked = data;

    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = parked->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_core_run_phases;

    ngx_http_core_run_phases(r);
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_tenant_route_leave(void *data)
{
    ngx_http_tenant_parked_t  *parked = data;

    ngx_http_tenant_name_cancel(&parked->waiter);
}


ngx_http_tenant_hot
static ngx_int_t
ngx_http_tenant_route_init_peer(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us)
{
    ngx_http_tenant_ctx_t     *ctx;
    ngx_http_tenant_peer_t    *peer;
    ngx_http_tenant_totals_t  *totals;

    ctx = ngx_http_get_module_ctx(r, ngx_http_tenant_module);

    if (ctx == NULL || ctx->route == NULL) {

        /* no decision was made here about whose servers these may be */

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "tenant_route: no tenant or no agent in this "
                      "location, upstream \"%V\" refused", &us->host);
        return NGX_ERROR;
    }

    peer = ngx_pcalloc(r->pool, sizeof(ngx_http_tenant_peer_t));
    if (peer == NULL) {
        return NGX_ERROR;
    }

    totals = ngx_http_tenant_totals(r);

    peer->request = r;
    peer->ctx = ctx;
    peer->upstream = us;
    peer->conf = ngx_http_conf_upstream_srv_conf(us, ngx_http_tenant_module);
    peer->tenant = ctx->caller->identity->tenant;
    peer->route = ctx->route;
    peer->agent = &ctx->agent->sn.str;
    peer->shared = totals ? totals->routes : NULL;

    ctx->peer = peer;

    if (peer->conf->sessions
        && ngx_http_tenant_peer_session(peer) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx->route->model == NGX_HTTP_TENANT_MODEL_SILO) {
        return ngx_http_tenant_route_init_silo(peer);
    }

    return ngx_http_tenant_pool_init_peer(peer);
}


static ngx_int_t
ngx_http_tenant_route_init_silo(ngx_http_tenant_peer_t *peer)
{
    ngx_http_request_t           *r;
    ngx_pool_cleanup_t           *cln;
    ngx_http_upstream_t          *u;
    ngx_http_tenant_silo_t       *silo;
    ngx_http_tenant_main_conf_t  *tmcf;

    r = peer->request;
    u = r->upstream;

#if (NGX_HTTP_SSL || NGX_COMPAT)

    if (peer->route->tls && !u->ssl) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "tenant \"%V\": the silo has \"tls\", but this "
                      "location has no https in its proxy_pass",
                      &peer->tenant->sn.str);
        return NGX_ERROR;
    }

#endif

    tmcf = ngx_http_get_module_main_conf(r, ngx_http_tenant_module);

    silo = ngx_http_tenant_silo(tmcf, peer->route);
    if (silo == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_http_tenant_silo_check(silo);

    peer->set = ngx_http_tenant_silo_set(silo);
    if (peer->set == NULL) {
        return NGX_ERROR;
    }

    if (peer->set->pool) {
        cln = ngx_pool_cleanup_add(r->pool, 0);
        if (cln == NULL) {
            return NGX_ERROR;
        }

        cln->handler = ngx_http_tenant_route_release;
        cln->data = peer->set;
        peer->set->refs++;
    }

    u->peer.data = peer;
    u->peer.get = ngx_http_tenant_route_get_silo;
    u->peer.free = ngx_http_tenant_route_free_silo;
    u->peer.tries = peer->set->nservers;
    u->peer.notify = NULL;

#if (NGX_SSL || NGX_COMPAT)
    /* round robin's would take our data for its own */
    u->peer.set_session = ngx_http_tenant_route_set_session;
    u->peer.save_session = ngx_http_tenant_route_save_session;
#endif

    return NGX_OK;
}


static void
ngx_http_tenant_route_release(void *data)
{
    ngx_http_tenant_server_set_release(data);
}


static ngx_int_t
ngx_http_tenant_route_get_silo(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_tenant_peer_t  *peer = data;

    ngx_uint_t                 n;
    ngx_http_tenant_server_t  *server;

    server = peer->kept
             ? ngx_http_tenant_server_kept(peer->set, peer->tried,
                                           peer->kept, &peer->trial)
             : NULL;

    if (server == NULL) {
        server = ngx_http_tenant_server_choose(peer->set, peer->tried,
                     ngx_http_tenant_peer_rank(peer), &peer->trial);
    }

    if (server == NULL) {
        pc->name = &peer->tenant->sn.str;
        return NGX_BUSY;
    }

    n = server - peer->set->servers;
    peer->tried[n / 64] |= (uint64_t) 1 << (n % 64);
    peer->current = server;

    ngx_http_tenant_peer_at(peer, server->id, &server->endpoint->name);

    pc->cached = 0;
    pc->connection = NULL;
    pc->name = &server->name;

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, pc->log, 0,
                   "tenant route: silo of \"%V\", server %V",
                   &peer->tenant->sn.str, &server->name);

    return ngx_http_tenant_peer_tag(peer, pc, server->sockaddr,
                                    server->socklen, server->serial);
}


static void
ngx_http_tenant_route_free_silo(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t state)
{
    ngx_http_tenant_peer_t  *peer = data;

    ngx_uint_t                 n;
    ngx_http_tenant_server_t  *server;

    server = peer->current;

    if (server == NULL) {
        goto done;
    }

    if ((state & NGX_PEER_FAILED) && pc->cached) {

        /*
         * The server may have closed a kept connection at any time, which
         * says nothing of the server: a new one may be tried.
         */

        n = server - peer->set->servers;
        peer->tried[n / 64] &= ~((uint64_t) 1 << (n % 64));

    } else if (state & NGX_PEER_FAILED) {
        ngx_http_tenant_server_failed(server);
        peer->ctx->server_failures++;

        if (server->endpoint->sockaddr) {
            ngx_log_error(NGX_LOG_WARN, pc->log, 0,
                          "tenant \"%V\": silo server %V failed",
                          &peer->tenant->sn.str, &server->name);

        } else {
            ngx_log_error(NGX_LOG_WARN, pc->log, 0,
                          "tenant \"%V\": silo server %V (%V) failed",
                          &peer->tenant->sn.str, &server->name,
                          &server->endpoint->name);
        }

    } else {
        ngx_http_tenant_peer_worked(peer);
    }

    peer->current = NULL;

done:

    peer->at = 0;

    if (pc->tries) {
        pc->tries--;
    }
}


#if (NGX_SSL || NGX_COMPAT)

/*
 * A tenant's own silo resumes TLS sessions with its servers.  A tier's has
 * many tenants, and sessions are not shared between them.
 */

static ngx_int_t
ngx_http_tenant_route_set_session(ngx_peer_connection_t *pc, void *data)
{
#if (NGX_HTTP_SSL)
    ngx_http_tenant_peer_t  *peer = data;

    if (peer->current && peer->route->origin == NGX_HTTP_TENANT_BY_TENANT) {
        return ngx_http_tenant_server_resume(peer->current,
                                             peer->request->upstream,
                                             pc->connection);
    }
#endif

    return NGX_OK;
}


static void
ngx_http_tenant_route_save_session(ngx_peer_connection_t *pc, void *data)
{
#if (NGX_HTTP_SSL)
    ngx_http_tenant_peer_t  *peer = data;

    if (peer->current && peer->route->origin == NGX_HTTP_TENANT_BY_TENANT) {
        ngx_http_tenant_server_resumable(peer->current,
                                         peer->request->upstream,
                                         pc->connection);
    }
#endif
}

#endif
