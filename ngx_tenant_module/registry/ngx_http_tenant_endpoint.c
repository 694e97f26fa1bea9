/* How a server of a silo is read from JSON. */

#include "ngx_http_tenant_registry.h"


/* what a UNIX-domain path may have, so that NUL and the tag fit behind it */

#define NGX_HTTP_TENANT_UNIX_LEN                                              \
    (sizeof(struct sockaddr_un) - offsetof(struct sockaddr_un, sun_path)      \
     - 1 - NGX_HTTP_TENANT_TAG_LEN)

#define NGX_HTTP_TENANT_HOST_LEN   253       /* RFC 1035, as text */
#define NGX_HTTP_TENANT_LABEL_LEN  63


static ngx_int_t ngx_http_tenant_endpoint_options(
    const ngx_http_tenant_json_t *at, ngx_http_tenant_endpoint_t *endpoint,
    ngx_http_tenant_json_error_t *err);
static ngx_int_t ngx_http_tenant_endpoint_address(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *at, ngx_http_tenant_endpoint_t *endpoint,
    ngx_http_tenant_json_error_t *err);
static ngx_int_t ngx_http_tenant_endpoint_name(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *at, ngx_url_t *u,
    ngx_http_tenant_endpoint_t *endpoint, ngx_http_tenant_json_error_t *err);


static const char *const  ngx_http_tenant_server_members[] = {
    "address", "weight", "max_fails", "fail_timeout", "backup", "drain", NULL
};


ngx_int_t
ngx_http_tenant_endpoint_read(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *at, ngx_http_tenant_endpoint_t *endpoint,
    ngx_http_tenant_json_error_t *err)
{
    ngx_http_tenant_json_t  address;

    endpoint->weight = 1;
    endpoint->max_fails = 1;
    endpoint->fail_timeout = 10;

    if (json_is_string(at->value)) {
        return ngx_http_tenant_endpoint_address(pool, at, endpoint, err);
    }

    if (!json_is_object(at->value)) {
        return ngx_http_tenant_json_fail(at, err, "must be a string or an "
                                         "object");
    }

    if (ngx_http_tenant_json_object(at, ngx_http_tenant_server_members, err)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_tenant_json_member(at, "address", &address) != NGX_OK) {
        return ngx_http_tenant_json_fail(at, err, "has no \"address\"");
    }

    if (!json_is_string(address.value)) {
        return ngx_http_tenant_json_fail(&address, err, "must be a string");
    }

    if (ngx_http_tenant_endpoint_options(at, endpoint, err) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_tenant_endpoint_address(pool, &address, endpoint, err);
}


static ngx_int_t
ngx_http_tenant_endpoint_options(const ngx_http_tenant_json_t *at,
    ngx_http_tenant_endpoint_t *endpoint, ngx_http_tenant_json_error_t *err)
{
    ngx_int_t   weight, max_fails, fail_timeout;
    ngx_uint_t  backup, drain;

    weight = endpoint->weight;
    max_fails = endpoint->max_fails;
    fail_timeout = endpoint->fail_timeout;
    backup = 0;
    drain = 0;

    if (ngx_http_tenant_json_integer(at, "weight", 1, 100, &weight, err)
        == NGX_ERROR
        || ngx_http_tenant_json_integer(at, "max_fails", 0, 1000, &max_fails,
                                        err)
           == NGX_ERROR
        || ngx_http_tenant_json_integer(at, "fail_timeout", 1, 86400,
                                        &fail_timeout, err)
           == NGX_ERROR
        || ngx_http_tenant_json_flag(at, "backup", &backup, err) == NGX_ERROR
        || ngx_http_tenant_json_flag(at, "drain", &drain, err) == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    endpoint->weight = weight;
    endpoint->max_fails = max_fails;
    endpoint->fail_timeout = fail_timeout;
    endpoint->backup = backup;
    endpoint->drain = drain;

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_endpoint_address(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *at, ngx_http_tenant_endpoint_t *endpoint,
    ngx_http_tenant_json_error_t *err)
{
    ngx_url_t         u;
    struct sockaddr  *sa;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url.len = json_string_length(at->value);
    u.url.data = ngx_pnalloc(pool, u.url.len + 1);

    if (u.url.data == NULL) {
        return ngx_http_tenant_json_fail(at, err, "no memory");
    }

    ngx_memcpy(u.url.data, json_string_value(at->value), u.url.len + 1);

    /* looking a name up here would be in the way of everything else */

    u.no_resolve = 1;

    /* parsed, so that it can be refused */

    u.uri_part = 1;

    if (ngx_parse_url(pool, &u) != NGX_OK) {
        return ngx_http_tenant_json_fail(at, err, "%s in \"%V\"",
                                         u.err ? u.err : "invalid address",
                                         &u.url);
    }

    if (u.wildcard) {
        return ngx_http_tenant_json_fail(at, err,
                                         "\"%V\" is no address of a server",
                                         &u.url);
    }

    if (u.no_port || u.uri.len) {
        return ngx_http_tenant_json_fail(at, err, u.no_port
                                         ? "\"%V\" has no port"
                                         : "\"%V\" has a path", &u.url);
    }

    endpoint->name = u.url;
    endpoint->port = u.port;

    if (u.naddrs == 0) {
        return ngx_http_tenant_endpoint_name(pool, at, &u, endpoint, err);
    }

    if (u.family == AF_UNIX) {
        ngx_str_set(&endpoint->host, "localhost");

    } else {
        endpoint->host = u.host;

        if (u.family == AF_INET6 && u.host.len > 2 && u.host.data[0] == '[') {
            endpoint->host.data++;
            endpoint->host.len -= 2;
        }
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

    endpoint->sockaddr = sa;
    endpoint->socklen = u.addrs[0].socklen;

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_endpoint_name(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *at, ngx_url_t *u,
    ngx_http_tenant_endpoint_t *endpoint, ngx_http_tenant_json_error_t *err)
{
    u_char     *p;
    ngx_str_t   host;

    host = u->host;

    if (ngx_http_tenant_host_valid(&host) != NGX_OK) {
        return ngx_http_tenant_json_fail(at, err,
                                         "\"%V\" is neither an IP address "
                                         "nor a host name, with a port",
                                         &u->url);
    }

    if (host.data[host.len - 1] == '.') {
        host.len--;
    }

    p = ngx_pnalloc(pool, host.len + 1);
    if (p == NULL) {
        return ngx_http_tenant_json_fail(at, err, "no memory");
    }

    ngx_strlow(p, host.data, host.len);
    p[host.len] = '\0';

    endpoint->host.data = p;
    endpoint->host.len = host.len;

    return NGX_OK;
}


/*
 * RFC 1123, section 2.1, and "_", which names of services have.  What ends
 * in a number is some spelling of an IPv4 address.
 */

ngx_int_t
ngx_http_tenant_host_valid(ngx_str_t *host)
{
    u_char      c;
    size_t      i, len, label;
    ngx_uint_t  digits;

    len = host->len;

    if (len && host->data[len - 1] == '.') {
        len--;
    }

    if (len == 0 || len > NGX_HTTP_TENANT_HOST_LEN) {
        return NGX_ERROR;
    }

    label = 0;
    digits = 1;

    for (i = 0; i < len; i++) {
        c = host->data[i];

        if (c == '.') {
            if (label == 0 || host->data[i - 1] == '-') {
                return NGX_ERROR;
            }

            label = 0;
            digits = 1;
            continue;
        }

        if (++label > NGX_HTTP_TENANT_LABEL_LEN
            || (c == '-' && label == 1)
            || !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                 || (c >= '0' && c <= '9') || c == '-' || c == '_'))
        {
            return NGX_ERROR;
        }

        digits = digits && c >= '0' && c <= '9';
    }

    if (label == 0 || digits || host->data[len - 1] == '-') {
        return NGX_ERROR;
    }

    return NGX_OK;
}
