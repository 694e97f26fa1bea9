#include "ngx_http_tenant_peer.h"


static ngx_int_t ngx_http_tenant_peer_header_filter(ngx_http_request_t *r);
static ngx_int_t ngx_http_tenant_peer_answered(ngx_http_request_t *r,
    ngx_http_tenant_peer_t *peer);
static void ngx_http_tenant_peer_hash(ngx_http_tenant_peer_t *peer,
    const tenant_hash_t *key, ngx_str_t *session, tenant_hash_t *hash);
static void ngx_http_tenant_peer_store(ngx_http_tenant_peer_t *peer,
    const tenant_hash_t *session);


static const tenant_hash_t  ngx_http_tenant_peer_unkeyed;

static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;


void
ngx_http_tenant_peer_init_filter(void)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_tenant_peer_header_filter;
}


ngx_http_tenant_hot
static ngx_int_t
ngx_http_tenant_peer_header_filter(ngx_http_request_t *r)
{
    ngx_http_tenant_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_tenant_module);

    if (ctx && ctx->peer && ctx->peer->at && r->upstream
        && ctx->peer->request == r
        && ngx_http_tenant_peer_answered(r, ctx->peer) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_next_header_filter(r);
}


/* A stream may go on for hours: that its server works is known now. */

static ngx_int_t
ngx_http_tenant_peer_answered(ngx_http_request_t *r,
    ngx_http_tenant_peer_t *peer)
{
    ngx_str_t      created;
    tenant_hash_t  key;

    ngx_http_tenant_peer_worked(peer);

    if (peer->shared == NULL || peer->shared->sessions == NULL
        || r->upstream->headers_in.status_n >= NGX_HTTP_BAD_REQUEST)
    {
        return NGX_OK;
    }

    if (peer->affinity != NGX_HTTP_TENANT_SESSION_NONE
        && peer->kept != peer->at)
    {
        ngx_http_tenant_peer_store(peer, &peer->key);
    }

    if (peer->conf->learn == NULL) {
        return NGX_OK;
    }

    if (ngx_http_complex_value(r, peer->conf->learn, &created) != NGX_OK) {
        return NGX_ERROR;
    }

    /* servers repeat the session of a request in their answer */

    if (created.len == 0
        || (created.len == peer->session.len
            && ngx_memcmp(created.data, peer->session.data, created.len)
               == 0))
    {
        return NGX_OK;
    }

    peer->affinity = NGX_HTTP_TENANT_SESSION_CREATED;

    ngx_http_tenant_peer_hash(peer, &peer->shared->key, &created, &key);
    ngx_http_tenant_peer_store(peer, &key);

    return NGX_OK;
}


ngx_int_t
ngx_http_tenant_peer_session(ngx_http_tenant_peer_t *peer)
{
    ngx_str_t                 *session;
    ngx_uint_t                 i;
    ngx_http_complex_value_t  *cv;

    cv = peer->conf->sessions->elts;
    session = &peer->session;

    for (i = 0; i < peer->conf->sessions->nelts; i++) {
        if (ngx_http_complex_value(peer->request, &cv[i], session)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (session->len) {
            break;
        }
    }

    if (session->len == 0) {
        return NGX_OK;
    }

    peer->affinity = NGX_HTTP_TENANT_SESSION_NEW;

    if (peer->shared == NULL || peer->shared->sessions == NULL) {
        return NGX_OK;
    }

    ngx_http_tenant_peer_hash(peer, &peer->shared->key, session, &peer->key);

    peer->kept = tenant_sessions_find(peer->shared->sessions, &peer->key,
                                      (uint32_t) ngx_time());

    return NGX_OK;
}


const tenant_hash_t *
ngx_http_tenant_peer_rank(ngx_http_tenant_peer_t *peer)
{
    if (peer->session.len == 0) {
        return NULL;
    }

    if (!peer->ranked) {
        ngx_http_tenant_peer_hash(peer, &ngx_http_tenant_peer_unkeyed,
                                  &peer->session, &peer->rank);
        peer->ranked = 1;
    }

    return &peer->rank;
}


/* Equal sessions of two tenants, or of two agents, are two sessions. */

static void
ngx_http_tenant_peer_hash(ngx_http_tenant_peer_t *peer,
    const tenant_hash_t *key, ngx_str_t *session, tenant_hash_t *hash)
{
    tenant_siphash_t  state;

    tenant_siphash_init(&state, key);
    tenant_siphash_text(&state, peer->tenant->sn.str.data,
                        peer->tenant->sn.str.len);
    tenant_siphash_text(&state, peer->agent->data, peer->agent->len);
    tenant_siphash_update(&state, session->data, session->len);

    *hash = tenant_siphash_final(&state);
}


static void
ngx_http_tenant_peer_store(ngx_http_tenant_peer_t *peer,
    const tenant_hash_t *session)
{
    tenant_sessions_store(peer->shared->sessions, session, peer->at,
                          peer->tenant->sn.node.key, (uint32_t) ngx_time());
}


void
ngx_http_tenant_peer_at(ngx_http_tenant_peer_t *peer, uint64_t id,
    ngx_str_t *name)
{
    peer->at = id;
    peer->name = *name;

    if (peer->affinity != NGX_HTTP_TENANT_SESSION_NONE && peer->kept) {
        peer->affinity = peer->kept == id ? NGX_HTTP_TENANT_SESSION_KEPT
                                          : NGX_HTTP_TENANT_SESSION_MOVED;
    }
}


void
ngx_http_tenant_peer_worked(ngx_http_tenant_peer_t *peer)
{
    if (peer->current == NULL) {
        return;
    }

    if (tenant_health_worked(&peer->current->health, peer->trial,
                             ngx_time()))
    {
        ngx_log_error(NGX_LOG_NOTICE, peer->request->connection->log, 0,
                      "tenant \"%V\": silo server %V works again",
                      &peer->tenant->sn.str, &peer->current->name);
    }
}


/*
 * nginx's keepalive cache compares addresses, and only those: two tenants
 * behind one address would share a connection, with its TLS name and
 * whatever state it has.  The tag makes them two: it is of the tenant and of
 * the server in its route, whose TLS name may have changed.  It stands where
 * connect() does not look: behind the address of its family, and behind the
 * NUL of a UNIX-domain path, as nothing may follow a sockaddr_un.
 */

ngx_http_tenant_hot
ngx_int_t
ngx_http_tenant_peer_tag(ngx_http_tenant_peer_t *peer,
    ngx_peer_connection_t *pc, struct sockaddr *sockaddr, socklen_t socklen,
    uint64_t serial)
{
    size_t    at;
    uint64_t  tag[2];

    tag[0] = peer->tenant->object.version;
    tag[1] = serial;
    at = socklen;

#if (NGX_HAVE_UNIX_DOMAIN)

    if (sockaddr->sa_family == AF_UNIX) {
        at = offsetof(struct sockaddr_un, sun_path) + 1
             + ngx_strlen(((struct sockaddr_un *) sockaddr)->sun_path);

        if (at + sizeof(tag) > sizeof(struct sockaddr_un)) {
            ngx_log_error(NGX_LOG_ERR, pc->log, 0,
                          "tenant_route: the path of %V is too long",
                          pc->name);
            return NGX_ERROR;
        }
    }

#endif

    ngx_memcpy(&peer->sockaddr, sockaddr, socklen);
    ngx_memcpy((u_char *) &peer->sockaddr + at, tag, sizeof(tag));

    pc->sockaddr = &peer->sockaddr.sockaddr;
    pc->socklen = ngx_max(socklen, at + sizeof(tag));

    return NGX_OK;
}
