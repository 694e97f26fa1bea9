/*
 * What differs between the nginx versions this module compiles against
 * (1.22 to 1.31).  Nothing outside this file looks at nginx_version.
 */

#ifndef NGX_HTTP_TENANT_COMPAT_H
#define NGX_HTTP_TENANT_COMPAT_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/*
 * 1.23.0 chained equal headers through ngx_table_elt_t.next; an element
 * pushed by hand must end its chain.
 */
#if (nginx_version >= 1023000)
#define ngx_http_tenant_header_end(h)  (h)->next = NULL
#define ngx_http_tenant_header_repeated(h)  ((h)->next != NULL)
#else
#define ngx_http_tenant_header_end(h)
#define ngx_http_tenant_header_repeated(h)  0
#endif


/*
 * Until 1.29.6 the order of "keepalive" and a balancer in an upstream block
 * matters; later versions wrap keepalive round the finished balancer.
 */
#if (nginx_version < 1029007)
#define NGX_HTTP_TENANT_KEEPALIVE_ORDER  1
#else
#define NGX_HTTP_TENANT_KEEPALIVE_ORDER  0
#endif


/*
 * Since 1.27.3 a server taken from the list is counted, and the list may
 * have been replaced since the request began, which then is not ours to use.
 */
#if (NGX_HTTP_UPSTREAM_ZONE) && defined(ngx_http_upstream_rr_peer_ref)
#define ngx_http_tenant_rr_peer_ref(peers, peer)                              \
    ngx_http_upstream_rr_peer_ref(peers, peer)
#define ngx_http_tenant_rr_peers_replaced(rrp)                                \
    ((rrp)->peers->config && (rrp)->config != *(rrp)->peers->config)
#else
#define ngx_http_tenant_rr_peer_ref(peers, peer)
#define ngx_http_tenant_rr_peers_replaced(rrp)  0
#endif


#endif /* NGX_HTTP_TENANT_COMPAT_H */
