#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/rand.h>

#include "ngx_http_tenant_silo.h"
#include "../metering/ngx_http_tenant_counters.h"


/* parts of the zone; a smaller one has no room to spare */

#define NGX_HTTP_TENANT_ZONE_SPARE     (256 * 1024)
#define NGX_HTTP_TENANT_ZONE_HEALTH    16
#define NGX_HTTP_TENANT_ZONE_SESSIONS  8


static void ngx_http_tenant_silo_cleanup(void *data);
#if (NGX_HTTP_SSL)
static void ngx_http_tenant_server_set_cleanup(void *data);
#endif
static ngx_uint_t ngx_http_tenant_silo_count(ngx_http_tenant_silo_t *silo);
static ngx_int_t ngx_http_tenant_silo_build(ngx_http_tenant_silo_t *silo);
static ngx_int_t ngx_http_tenant_server_init(ngx_http_tenant_silo_t *silo,
    ngx_pool_t *pool, ngx_uint_t n, ngx_sockaddr_t *resolved,
    ngx_http_tenant_server_t *server);
static ngx_http_tenant_server_t *ngx_http_tenant_server_weighted(
    ngx_http_tenant_server_set_t *set, const uint64_t *tried,
    ngx_uint_t backup, time_t now);
static ngx_http_tenant_server_t *ngx_http_tenant_server_scored(
    ngx_http_tenant_server_set_t *set, const uint64_t *tried,
    const tenant_hash_t *rank, ngx_uint_t backup, time_t now);
static ngx_http_tenant_server_t *ngx_http_tenant_server_last(
    ngx_http_tenant_server_set_t *set, const uint64_t *tried, time_t now);
static ngx_uint_t ngx_http_tenant_server_tried(
    ngx_http_tenant_server_set_t *set, const uint64_t *tried,
    ngx_http_tenant_server_t *server);


ngx_http_tenant_shared_routes_t *
ngx_http_tenant_routes_init_zone(ngx_slab_pool_t *shpool, size_t size)
{
    size_t                            n;
    ngx_http_tenant_shared_routes_t  *shared;

    if (size < NGX_HTTP_TENANT_ZONE_SPARE) {
        return NULL;
    }

    shared = ngx_slab_calloc(shpool, sizeof(ngx_http_tenant_shared_routes_t));
    if (shared == NULL) {
        return NULL;
    }

    if (RAND_bytes((u_char *) &shared->key, sizeof(tenant_hash_t)) != 1) {
        ngx_slab_free(shpool, shared);
        return NULL;
    }

    /* powers of two, and what stands before them */

    n = tenant_health_size(size / NGX_HTTP_TENANT_ZONE_HEALTH
                           + sizeof(tenant_health_table_t));
    shared->health = ngx_slab_calloc(shpool, n);

    if (shared->health) {
        tenant_health_init(shared->health, n);
    }

    n = tenant_sessions_size(size / NGX_HTTP_TENANT_ZONE_SESSIONS
                             + sizeof(tenant_sessions_t));
    shared->sessions = ngx_slab_calloc(shpool, n);

    if (shared->sessions) {
        tenant_sessions_init(shared->sessions, n);
    }

    return shared;
}


ngx_http_tenant_silo_t *
ngx_http_tenant_silo(ngx_http_tenant_main_conf_t *tmcf,
    ngx_http_tenant_route_t *route)
{
    ngx_uint_t                 i;
    ngx_pool_cleanup_t        *cln;
    ngx_http_tenant_silo_t    *silo;
    ngx_http_tenant_totals_t  *totals;

    static uint64_t  serial;

    if (route->silo) {
        return route->silo;
    }

    cln = ngx_pool_cleanup_add(route->pool, sizeof(ngx_http_tenant_silo_t));
    if (cln == NULL) {
        return NULL;
    }

    silo = cln->data;
    ngx_memzero(silo, sizeof(ngx_http_tenant_silo_t));

    totals = tmcf->zone ? tmcf->zone->data : NULL;

    silo->route = route;
    silo->names = tmcf->names;
    silo->shared = totals ? totals->routes : NULL;
    silo->serial = serial + 1;

    serial += route->nendpoints;

    if (route->names) {
        silo->name = ngx_pcalloc(route->pool, route->nendpoints
                                              * sizeof(void *));
        if (silo->name == NULL) {
            return NULL;
        }

        cln->handler = ngx_http_tenant_silo_cleanup;

        for (i = 0; i < route->nendpoints; i++) {
            if (route->endpoints[i].sockaddr) {
                continue;
            }

            silo->name[i] = ngx_http_tenant_name(tmcf->names,
                                                 &route->endpoints[i].host);
            if (silo->name[i] == NULL) {
                return NULL;
            }
        }
    }

    route->silo = silo;

    return silo;
}


static void
ngx_http_tenant_silo_cleanup(void *data)
{
    ngx_http_tenant_silo_t  *silo = data;

    ngx_uint_t  i;

    if (silo->set) {
        ngx_http_tenant_server_set_release(silo->set);
    }

    for (i = 0; i < silo->route->nendpoints; i++) {
        if (silo->name[i]) {
            ngx_http_tenant_name_release(silo->name[i]);
        }
    }
}


ngx_http_tenant_name_t *
ngx_http_tenant_silo_check(ngx_http_tenant_silo_t *silo)
{
    ngx_uint_t               i;
    ngx_http_tenant_name_t  *wait;

    if (silo->name == NULL) {
        return NULL;
    }

    wait = NULL;

    /* all of them, so that they are asked for at the same time */

    for (i = 0; i < silo->route->nendpoints; i++) {
        if (silo->name[i]
            && ngx_http_tenant_name_check(silo->name[i]) == NGX_AGAIN)
        {
            wait = silo->name[i];
        }
    }

    return wait;
}


ngx_http_tenant_server_set_t *
ngx_http_tenant_silo_set(ngx_http_tenant_silo_t *silo)
{
    if (silo->set
        && (silo->name == NULL
            || silo->generation == silo->names->generation))
    {
        return silo->set;
    }

    if (ngx_http_tenant_silo_build(silo) != NGX_OK) {
        return NULL;
    }

    return silo->set;
}


void
ngx_http_tenant_server_set_release(ngx_http_tenant_server_set_t *set)
{
    if (set->pool && --set->refs == 0) {
        ngx_destroy_pool(set->pool);
    }
}


static ngx_uint_t
ngx_http_tenant_silo_count(ngx_http_tenant_silo_t *silo)
{
    ngx_uint_t  i, n;

    n = 0;

    for (i = 0; i < silo->route->nendpoints; i++) {
        n += silo->name && silo->name[i] ? silo->name[i]->naddrs : 1;
    }

    return n;
}


static ngx_int_t
ngx_http_tenant_silo_build(ngx_http_tenant_silo_t *silo)
{
    ngx_uint_t                     i, j, n, naddrs;
    ngx_pool_t                    *pool;
    ngx_http_tenant_name_t        *name;
    ngx_http_tenant_server_set_t  *set;
#if (NGX_HTTP_SSL)
    ngx_pool_cleanup_t            *cln;
#endif

    pool = silo->route->pool;

    if (silo->name) {
        pool = ngx_create_pool(1024, ngx_cycle->log);
        if (pool == NULL) {
            return NGX_ERROR;
        }
    }

    n = ngx_http_tenant_silo_count(silo);

    set = ngx_pcalloc(pool, sizeof(ngx_http_tenant_server_set_t)
                            + n * sizeof(ngx_http_tenant_server_t));
    if (set == NULL) {
        goto failed;
    }

#if (NGX_HTTP_SSL)

    cln = ngx_pool_cleanup_add(pool, 0);
    if (cln == NULL) {
        goto failed;
    }

    cln->handler = ngx_http_tenant_server_set_cleanup;
    cln->data = set;

#endif

    for (i = 0; i < silo->route->nendpoints; i++) {
        name = silo->name ? silo->name[i] : NULL;
        naddrs = name ? name->naddrs : 1;

        for (j = 0; j < naddrs; j++) {

            if (set->nservers == NGX_HTTP_TENANT_SERVERS) {
                ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                              "tenant_route: \"%V\" has more than %d "
                              "addresses for agent \"%V\"",
                              silo->route->owner, NGX_HTTP_TENANT_SERVERS,
                              &silo->route->agent);
                break;
            }

            if (ngx_http_tenant_server_init(silo, pool, i,
                                            name ? &name->addrs[j] : NULL,
                                            &set->servers[set->nservers])
                != NGX_OK)
            {
                goto failed;
            }

            set->nservers++;
        }
    }

    if (silo->name) {
        set->pool = pool;
        set->refs = 1;

        if (silo->set) {
            ngx_http_tenant_server_set_release(silo->set);
        }
    }

    silo->set = set;
    silo->generation = silo->names->generation;

    return NGX_OK;

failed:

    if (silo->name) {
        ngx_destroy_pool(pool);
    }

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_tenant_server_init(ngx_http_tenant_silo_t *silo, ngx_pool_t *pool,
    ngx_uint_t n, ngx_sockaddr_t *resolved, ngx_http_tenant_server_t *server)
{
    u_char                      *p;
    tenant_hash_t                key;
    tenant_siphash_t             state;
    ngx_http_tenant_route_t     *route;
    ngx_http_tenant_endpoint_t  *e;

    static const tenant_hash_t  zero;

    route = silo->route;
    e = &route->endpoints[n];

    server->endpoint = e;
    server->serial = silo->serial + n;
    server->effective_weight = e->weight;

    if (resolved) {
        server->sockaddr = ngx_palloc(pool, sizeof(ngx_sockaddr_t));
        p = ngx_pnalloc(pool, NGX_SOCKADDR_STRLEN);

        if (server->sockaddr == NULL || p == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(server->sockaddr, resolved, sizeof(ngx_sockaddr_t));
        ngx_inet_set_port(server->sockaddr, e->port);

        server->socklen = resolved->sockaddr.sa_family == AF_INET
                          ? sizeof(struct sockaddr_in)
                          : sizeof(struct sockaddr_in6);
        server->name.data = p;
        server->name.len = ngx_sock_ntop(server->sockaddr, server->socklen, p,
                                         NGX_SOCKADDR_STRLEN, 1);

    } else {
        server->sockaddr = e->sockaddr;
        server->socklen = e->socklen;
        server->name = e->name;
    }

    /* an id is the same in every worker, and on every gateway */

    tenant_siphash_init(&state, &zero);
    tenant_siphash_text(&state, e->name.data, e->name.len);
    tenant_siphash_text(&state, server->name.data, server->name.len);
    server->id = tenant_siphash_final(&state).lo | 1;

    key = silo->shared ? silo->shared->key : zero;

    tenant_siphash_init(&state, &key);
    tenant_siphash_text(&state,
                        route->origin == NGX_HTTP_TENANT_BY_TIER ? "t" : "",
                        route->origin == NGX_HTTP_TENANT_BY_TIER);
    tenant_siphash_text(&state, route->owner->data, route->owner->len);
    tenant_siphash_text(&state, route->agent.data, route->agent.len);
    tenant_siphash_text(&state, server->name.data, server->name.len);

    server->health.table = silo->shared ? silo->shared->health : NULL;
    server->health.key = tenant_siphash_final(&state).lo | 1;
    server->health.max_fails = e->max_fails;
    server->health.fail_timeout = e->fail_timeout;

    return NGX_OK;
}


ngx_http_tenant_server_t *
ngx_http_tenant_server_kept(ngx_http_tenant_server_set_t *set,
    const uint64_t *tried, uint64_t id, int *trial)
{
    ngx_uint_t                 i;
    ngx_http_tenant_server_t  *server;

    for (i = 0; i < set->nservers; i++) {
        server = &set->servers[i];

        if (server->id == id
            && !ngx_http_tenant_server_tried(set, tried, server))
        {
            *trial = tenant_health_take(&server->health, ngx_time());

            return *trial == -1 ? NULL : server;
        }
    }

    return NULL;
}


/*
 * Servers that are up, then the backups, then also those that are down: a
 * silo is never given up while it has a server left.
 */

ngx_http_tenant_server_t *
ngx_http_tenant_server_choose(ngx_http_tenant_server_set_t *set,
    const uint64_t *tried, const tenant_hash_t *rank, int *trial)
{
    time_t                     now;
    ngx_uint_t                 backup;
    ngx_http_tenant_server_t  *server;

    now = ngx_time();

    for (backup = 0; backup < 2; backup++) {

        /* a trial that another worker has taken: what is left is up */

        do {
            server = rank ? ngx_http_tenant_server_scored(set, tried, rank,
                                                          backup, now)
                          : ngx_http_tenant_server_weighted(set, tried,
                                                            backup, now);
            if (server == NULL) {
                break;
            }

            *trial = tenant_health_take(&server->health, now);

        } while (*trial == -1);

        if (server) {
            return server;
        }
    }

    server = ngx_http_tenant_server_last(set, tried, now);

    if (server) {
        *trial = tenant_health_force(&server->health, now);
    }

    return server;
}


/* nginx's smooth weighted round robin. */

static ngx_http_tenant_server_t *
ngx_http_tenant_server_weighted(ngx_http_tenant_server_set_t *set,
    const uint64_t *tried, ngx_uint_t backup, time_t now)
{
    ngx_int_t                  total;
    ngx_uint_t                 i;
    ngx_http_tenant_server_t  *server, *best;

    best = NULL;
    total = 0;

    for (i = 0; i < set->nservers; i++) {
        server = &set->servers[i];

        if (server->endpoint->backup != backup || server->endpoint->drain
            || ngx_http_tenant_server_tried(set, tried, server)
            || tenant_health_state(&server->health, now)
               == TENANT_HEALTH_DOWN)
        {
            continue;
        }

        server->current_weight += server->effective_weight;
        total += server->effective_weight;

        if (server->effective_weight < (ngx_int_t) server->endpoint->weight) {
            server->effective_weight++;
        }

        if (best == NULL || server->current_weight > best->current_weight) {
            best = server;
        }
    }

    if (best) {
        best->current_weight -= total;
    }

    return best;
}


static ngx_http_tenant_server_t *
ngx_http_tenant_server_scored(ngx_http_tenant_server_set_t *set,
    const uint64_t *tried, const tenant_hash_t *rank, ngx_uint_t backup,
    time_t now)
{
    double                     score, highest;
    ngx_uint_t                 i;
    ngx_http_tenant_server_t  *server, *best;

    best = NULL;
    highest = 0;

    for (i = 0; i < set->nservers; i++) {
        server = &set->servers[i];

        if (server->endpoint->backup != backup || server->endpoint->drain
            || ngx_http_tenant_server_tried(set, tried, server)
            || tenant_health_state(&server->health, now)
               == TENANT_HEALTH_DOWN)
        {
            continue;
        }

        score = tenant_sessions_score(rank, server->id,
                                      server->endpoint->weight);

        if (best == NULL || score > highest) {
            highest = score;
            best = server;
        }
    }

    return best;
}


/* The one that has been left alone longest. */

static ngx_http_tenant_server_t *
ngx_http_tenant_server_last(ngx_http_tenant_server_set_t *set,
    const uint64_t *tried, time_t now)
{
    uint64_t                   oldest;
    ngx_uint_t                 i;
    tenant_health_slot_t       slot;
    ngx_http_tenant_server_t  *server, *best;

    best = NULL;
    oldest = 0;

    for (i = 0; i < set->nservers; i++) {
        server = &set->servers[i];

        if (server->endpoint->drain
            || ngx_http_tenant_server_tried(set, tried, server))
        {
            continue;
        }

        tenant_health_read(&server->health, now, &slot);

        if (best == NULL || slot.checked < oldest) {
            oldest = slot.checked;
            best = server;
        }
    }

    return best;
}


static ngx_uint_t
ngx_http_tenant_server_tried(ngx_http_tenant_server_set_t *set,
    const uint64_t *tried, ngx_http_tenant_server_t *server)
{
    ngx_uint_t  n;

    n = server - set->servers;

    return (tried[n / 64] >> (n % 64)) & 1;
}


void
ngx_http_tenant_server_failed(ngx_http_tenant_server_t *server)
{
    ngx_http_tenant_endpoint_t  *e;

    e = server->endpoint;

    tenant_health_failed(&server->health, ngx_time());

    if (e->max_fails) {
        server->effective_weight -= e->weight / e->max_fails;
        server->effective_weight = ngx_max(server->effective_weight, 0);
    }
}


#if (NGX_HTTP_SSL)

ngx_int_t
ngx_http_tenant_server_resume(ngx_http_tenant_server_t *server,
    ngx_http_upstream_t *u, ngx_connection_t *c)
{
    if (server->tls_session == NULL || server->tls != u->conf->ssl
        || server->tls_name != ngx_crc32_long(u->ssl_name.data,
                                              u->ssl_name.len))
    {
        return NGX_OK;
    }

    return ngx_ssl_set_session(c, server->tls_session);
}


void
ngx_http_tenant_server_resumable(ngx_http_tenant_server_t *server,
    ngx_http_upstream_t *u, ngx_connection_t *c)
{
    ngx_ssl_session_t  *session;

    session = ngx_ssl_get_session(c);
    if (session == NULL) {
        return;
    }

    if (server->tls_session) {
        ngx_ssl_free_session(server->tls_session);
    }

    server->tls_session = session;
    server->tls = u->conf->ssl;
    server->tls_name = ngx_crc32_long(u->ssl_name.data, u->ssl_name.len);
}


static void
ngx_http_tenant_server_set_cleanup(void *data)
{
    ngx_http_tenant_server_set_t  *set = data;

    ngx_uint_t  i;

    for (i = 0; i < set->nservers; i++) {
        if (set->servers[i].tls_session) {
            ngx_ssl_free_session(set->servers[i].tls_session);
        }
    }
}

#endif
