/*
 * The pool: the servers of the upstream block, chosen by the block's own
 * balancer, or by the session.
 */

#include "ngx_http_tenant_peer.h"


static ngx_int_t ngx_http_tenant_pool_get(ngx_peer_connection_t *pc,
    void *data);
static void ngx_http_tenant_pool_free(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t state);
static void ngx_http_tenant_pool_notify(ngx_peer_connection_t *pc,
    void *data, ngx_uint_t type);
static ngx_int_t ngx_http_tenant_pool_choose(ngx_http_tenant_peer_t *peer,
    ngx_peer_connection_t *pc);
static ngx_http_upstream_rr_peer_t *ngx_http_tenant_pool_best(
    ngx_http_tenant_peer_t *peer, ngx_http_upstream_rr_peer_data_t *rrp,
    time_t now, ngx_uint_t *n);
static ngx_uint_t ngx_http_tenant_pool_usable(
    ngx_http_upstream_rr_peer_data_t *rrp, ngx_http_upstream_rr_peer_t *p,
    ngx_uint_t n, time_t now);
static uint64_t ngx_http_tenant_pool_id(ngx_str_t *name);
#if (NGX_SSL || NGX_COMPAT)
static ngx_int_t ngx_http_tenant_pool_set_session(ngx_peer_connection_t *pc,
    void *data);
static void ngx_http_tenant_pool_save_session(ngx_peer_connection_t *pc,
    void *data);
#endif


ngx_http_tenant_hot
ngx_int_t
ngx_http_tenant_pool_init_peer(ngx_http_tenant_peer_t *peer)
{
    ngx_http_upstream_t  *u;

    if (peer->conf->init_peer(peer->request, peer->upstream) != NGX_OK) {
        return NGX_ERROR;
    }

    u = peer->request->upstream;

    peer->data = u->peer.data;
    peer->get = u->peer.get;
    peer->free = u->peer.free;
    peer->notify = u->peer.notify;

    u->peer.data = peer;
    u->peer.get = ngx_http_tenant_pool_get;
    u->peer.free = ngx_http_tenant_pool_free;

    if (peer->notify) {
        u->peer.notify = ngx_http_tenant_pool_notify;
    }

#if (NGX_SSL || NGX_COMPAT)
    peer->set_session = u->peer.set_session;
    peer->save_session = u->peer.save_session;

    u->peer.set_session = ngx_http_tenant_pool_set_session;
    u->peer.save_session = ngx_http_tenant_pool_save_session;
#endif

    return NGX_OK;
}


ngx_http_tenant_hot
static ngx_int_t
ngx_http_tenant_pool_get(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_tenant_peer_t  *peer = data;

    ngx_int_t  rc;

    rc = NGX_DECLINED;

    if (peer->affinity != NGX_HTTP_TENANT_SESSION_NONE) {
        rc = ngx_http_tenant_pool_choose(peer, pc);
    }

    if (rc == NGX_DECLINED) {
        rc = peer->get(pc, peer->data);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (peer->conf->sessions || peer->conf->learn) {
        ngx_http_tenant_peer_at(peer, ngx_http_tenant_pool_id(pc->name),
                                pc->name);

    } else {
        peer->name = *pc->name;
    }

    if (peer->conf->shared) {
        return NGX_OK;
    }

    return ngx_http_tenant_peer_tag(peer, pc, pc->sockaddr, pc->socklen, 0);
}


/*
 * The server of the session, as ip_hash takes one: the data of every
 * balancer of nginx begin with those of round robin.
 */

static ngx_int_t
ngx_http_tenant_pool_choose(ngx_http_tenant_peer_t *peer,
    ngx_peer_connection_t *pc)
{
    time_t                             now;
    ngx_uint_t                         n;
    ngx_http_upstream_rr_peer_t       *best;
    ngx_http_upstream_rr_peers_t      *peers;
    ngx_http_upstream_rr_peer_data_t  *rrp;

    rrp = peer->data;
    peers = rrp->peers;
    now = ngx_time();

    ngx_http_upstream_rr_peers_wlock(peers);

    best = NULL;

    if (!ngx_http_tenant_rr_peers_replaced(rrp)) {
        best = ngx_http_tenant_pool_best(peer, rrp, now, &n);
    }

    if (best == NULL) {
        ngx_http_upstream_rr_peers_unlock(peers);
        return NGX_DECLINED;
    }

    pc->cached = 0;
    pc->connection = NULL;
    pc->sockaddr = best->sockaddr;
    pc->socklen = best->socklen;
    pc->name = &best->name;

    best->conns++;
    ngx_http_tenant_rr_peer_ref(peers, best);

    if (now - best->checked > best->fail_timeout) {
        best->checked = now;
    }

    rrp->current = best;

    ngx_http_upstream_rr_peers_unlock(peers);

    rrp->tried[n / (8 * sizeof(uintptr_t))] |=
                              (uintptr_t) 1 << n % (8 * sizeof(uintptr_t));

    return NGX_OK;
}


static ngx_http_upstream_rr_peer_t *
ngx_http_tenant_pool_best(ngx_http_tenant_peer_t *peer,
    ngx_http_upstream_rr_peer_data_t *rrp, time_t now, ngx_uint_t *n)
{
    double                        score, highest;
    uint64_t                      id;
    ngx_uint_t                    i;
    const tenant_hash_t          *rank;
    ngx_http_upstream_rr_peer_t  *p, *best;

    p = rrp->peers->peer;

    for (i = 0; peer->kept && p; p = p->next, i++) {
        if (ngx_http_tenant_pool_id(&p->name) == peer->kept) {
            *n = i;

            if (ngx_http_tenant_pool_usable(rrp, p, i, now)) {
                return p;
            }

            break;
        }
    }

    rank = ngx_http_tenant_peer_rank(peer);
    highest = 0;
    best = NULL;

    for (p = rrp->peers->peer, i = 0; p; p = p->next, i++) {

        if (!ngx_http_tenant_pool_usable(rrp, p, i, now)) {
            continue;
        }

        id = ngx_http_tenant_pool_id(&p->name);
        score = tenant_sessions_score(rank, id, p->weight);

        if (best == NULL || score > highest) {
            highest = score;
            best = p;
            *n = i;
        }
    }

    return best;
}


static ngx_uint_t
ngx_http_tenant_pool_usable(ngx_http_upstream_rr_peer_data_t *rrp,
    ngx_http_upstream_rr_peer_t *p, ngx_uint_t n, time_t now)
{
    uintptr_t  m;

    m = (uintptr_t) 1 << n % (8 * sizeof(uintptr_t));

    if (rrp->tried[n / (8 * sizeof(uintptr_t))] & m) {
        return 0;
    }

    if (p->down || (p->max_conns && p->conns >= p->max_conns)) {
        return 0;
    }

    return p->max_fails == 0 || p->fails < p->max_fails
           || now - p->checked > p->fail_timeout;
}


/* Computed for each server at each request: names are the operator's. */

static uint64_t
ngx_http_tenant_pool_id(ngx_str_t *name)
{
    return ((uint64_t) ngx_murmur_hash2(name->data, name->len) << 32
            | ngx_crc32_short(name->data, name->len))
           | 1;
}


ngx_http_tenant_hot
static void
ngx_http_tenant_pool_free(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t state)
{
    ngx_http_tenant_peer_t  *peer = data;

    if ((state & NGX_PEER_FAILED) && !pc->cached) {
        peer->ctx->server_failures++;

        ngx_log_error(NGX_LOG_WARN, pc->log, 0,
                      "tenant \"%V\": pool server %V failed",
                      &peer->tenant->sn.str, pc->name);
    }

    peer->at = 0;

    peer->free(pc, peer->data, state);
}


static void
ngx_http_tenant_pool_notify(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t type)
{
    ngx_http_tenant_peer_t  *peer = data;

    peer->notify(pc, peer->data, type);
}


#if (NGX_SSL || NGX_COMPAT)

/* A TLS session belongs to one tenant as a connection does. */

static ngx_int_t
ngx_http_tenant_pool_set_session(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_tenant_peer_t  *peer = data;

    return peer->conf->shared ? peer->set_session(pc, peer->data) : NGX_OK;
}


static void
ngx_http_tenant_pool_save_session(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_tenant_peer_t  *peer = data;

    if (peer->conf->shared) {
        peer->save_session(pc, peer->data);
    }
}

#endif
