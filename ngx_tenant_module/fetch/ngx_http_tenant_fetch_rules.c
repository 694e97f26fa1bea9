/* What may be fetched: URLs, addresses, and what the directives say. */

#include "ngx_http_tenant_fetch.h"


const char *
ngx_http_tenant_fetch_check(ngx_http_tenant_main_conf_t *tmcf,
    ngx_str_t *url)
{
    size_t       i;
    const char  *scheme;

    if (url->len > 8 && ngx_strncmp(url->data, "https://", 8) == 0) {
        scheme = NULL;

    } else if (url->len > 7 && ngx_strncmp(url->data, "http://", 7) == 0) {
        scheme = tmcf->fetch_plain ? NULL
                 : "must be https (tenant_fetch_plain_http is off)";

    } else {
        scheme = "must be an https URL";
    }

    if (scheme) {
        return scheme;
    }

    for (i = 0; i < url->len; i++) {
        if (url->data[i] <= 0x20 || url->data[i] >= 0x7f
            || url->data[i] == '#' || url->data[i] == '@')
        {
            return "must have neither spaces, fragment nor user";
        }
    }

    return NULL;
}


ngx_int_t
ngx_http_tenant_fetch_init(ngx_conf_t *cf,
    ngx_http_tenant_main_conf_t *tmcf)
{
    ngx_file_info_t  fi;

    if (tmcf->fetch_timeout == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "tenant_fetch_timeout must not be 0");
        return NGX_ERROR;
    }

    if (tmcf->fetch_ca.len == 0) {
        return NGX_OK;
    }

    if (ngx_conf_full_name(cf->cycle, &tmcf->fetch_ca, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_file_info(tmcf->fetch_ca.data, &fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "tenant_fetch_trusted_certificate: cannot find "
                           "\"%V\"", &tmcf->fetch_ca);
        return NGX_ERROR;
    }

    tmcf->fetch_ca_dir = ngx_is_dir(&fi);

    return NGX_OK;
}


ngx_uint_t
ngx_http_tenant_fetch_private(struct sockaddr *sa)
{
    u_char                *b;
    in_addr_t              a;
    struct sockaddr_in    *sin;
#if (NGX_HAVE_INET6)
    struct in6_addr       *a6;
#endif

    switch (sa->sa_family) {

    case AF_INET:
        sin = (struct sockaddr_in *) sa;
        a = ntohl(sin->sin_addr.s_addr);
        break;

#if (NGX_HAVE_INET6)
    case AF_INET6:
        a6 = &((struct sockaddr_in6 *) sa)->sin6_addr;
        b = a6->s6_addr;

        if (!IN6_IS_ADDR_V4MAPPED(a6)) {

            /* all of it that is not 2000::/3, and documentation, 6to4,
             * Teredo and NAT64, which carry IPv4 addresses within */

            return (b[0] & 0xe0) != 0x20
                   || (b[0] == 0x20 && b[1] == 0x02)
                   || (b[0] == 0x20 && b[1] == 0x01 && b[2] == 0x0d
                       && b[3] == 0xb8)
                   || (b[0] == 0x20 && b[1] == 0x01 && b[2] < 0x02);
        }

        a = ((in_addr_t) b[12] << 24) | (b[13] << 16) | (b[14] << 8) | b[15];
        break;
#endif

    default:
        return 1;
    }

    return (a >> 24) == 0 || (a >> 24) == 10 || (a >> 24) == 127
           || (a >> 22) == (0x64400000 >> 22)        /* 100.64/10 */
           || (a >> 16) == 0xa9fe                    /* 169.254/16 */
           || (a >> 20) == (0xac100000 >> 20)        /* 172.16/12 */
           || (a >> 16) == 0xc0a8                    /* 192.168/16 */
           || (a >> 8) == 0xc00000                   /* 192.0.0/24 */
           || (a >> 8) == 0xc00002                   /* 192.0.2/24 */
           || (a >> 17) == (0xc6120000 >> 17)        /* 198.18/15 */
           || (a >> 8) == 0xc63364                   /* 198.51.100/24 */
           || (a >> 8) == 0xcb0071                   /* 203.0.113/24 */
           || (a >> 28) >= 0xe;                      /* multicast, reserved */
}
