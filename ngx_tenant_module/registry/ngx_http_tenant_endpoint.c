/* How a server of a silo is read from JSON. */

#include "ngx_http_tenant_registry.h"


/* what a UNIX-domain path may have, so that NUL and the tag fit behind it */

#define NGX_HTTP_TENANT_UNIX_LEN                                              \
    (sizeof(struct sockaddr_un) - offsetof(struct sockaddr_un, sun_path)      \
     - 1 - sizeof(uint64_t))


ngx_int_t
ngx_http_tenant_endpoint_read(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *at, ngx_http_tenant_endpoint_t *endpoint,
    ngx_http_tenant_json_error_t *err)
{
    ngx_url_t         u;
    struct sockaddr  *sa;

    if (!json_is_string(at->value)) {
        return ngx_http_tenant_json_fail(at, err, "must be a string");
    }

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url.len = json_string_length(at->value);
    u.url.data = ngx_pnalloc(pool, u.url.len + 1);

    if (u.url.data == NULL) {
        return ngx_http_tenant_json_fail(at, err, "no memory");
    }

    ngx_memcpy(u.url.data, json_string_value(at->value), u.url.len + 1);

    /* a host name would be looked up in the way of everything else */

    u.no_resolve = 1;

    /* parsed, so that it can be refused */

    u.uri_part = 1;

    if (ngx_parse_url(pool, &u) != NGX_OK) {
        return ngx_http_tenant_json_fail(at, err, "%s in \"%V\"",
                                         u.err ? u.err : "invalid address",
                                         &u.url);
    }

    if (u.naddrs == 0 || u.wildcard) {
        return ngx_http_tenant_json_fail(at, err,
                                         "\"%V\" is no IP address with port",
                                         &u.url);
    }

    if (u.no_port || u.uri.len) {
        return ngx_http_tenant_json_fail(at, err, u.no_port
                                         ? "\"%V\" has no port"
                                         : "\"%V\" has a path", &u.url);
    }

    if (u.family == AF_UNIX
        && ngx_strlen(((struct sockaddr_un *)
                           u.addrs[0].sockaddr)->sun_path)
           > NGX_HTTP_TENANT_UNIX_LEN)
    {
        return ngx_http_tenant_json_fail(at, err, "\"%V\": the path is "
                                         "longer than %d bytes", &u.url,
                                         (int) NGX_HTTP_TENANT_UNIX_LEN);
    }

    /* routing writes a tag of the tenant behind the address: NUL for now */

    sa = ngx_pcalloc(pool, sizeof(ngx_sockaddr_t));
    if (sa == NULL) {
        return ngx_http_tenant_json_fail(at, err, "no memory");
    }

    ngx_memcpy(sa, u.addrs[0].sockaddr, u.addrs[0].socklen);

    endpoint->name = u.url;
    endpoint->sockaddr = sa;
    endpoint->socklen = u.addrs[0].socklen;

    return NGX_OK;
}
