#include "ngx_http_tenant_names.h"


#define NGX_HTTP_TENANT_NAME_GRACE  30   /* seconds of use after the answer
                                            ran out, while asking again */
#define NGX_HTTP_TENANT_NAME_RETRY  1    /* seconds after a failure */


static void ngx_http_tenant_name_resolve(ngx_http_tenant_name_t *name);
static void ngx_http_tenant_name_resolved(ngx_resolver_ctx_t *ctx);
static void ngx_http_tenant_name_answer(ngx_http_tenant_name_t *name,
    ngx_resolver_ctx_t *ctx);
static void ngx_http_tenant_name_failed(ngx_http_tenant_name_t *name,
    const char *reason);
static void ngx_http_tenant_name_set(ngx_http_tenant_name_t *name,
    ngx_sockaddr_t *addrs, ngx_uint_t n);
static void ngx_http_tenant_name_wake(ngx_http_tenant_name_t *name);
static ngx_uint_t ngx_http_tenant_name_refused(
    ngx_http_tenant_names_t *names, struct sockaddr *sa);
static ngx_uint_t ngx_http_tenant_inaddr_local(in_addr_t a);
static int ngx_libc_cdecl ngx_http_tenant_name_compare(const void *one,
    const void *two);


char *
ngx_http_tenant_names_stale_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_tenant_main_conf_t  *tmcf = conf;

    ngx_str_t  *value;

    if (tmcf->names->stale != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;

    tmcf->names->stale = ngx_parse_time(&value[1], 1);

    return tmcf->names->stale == (time_t) NGX_ERROR ? "invalid value"
                                                    : NGX_CONF_OK;
}


ngx_int_t
ngx_http_tenant_names_init(ngx_conf_t *cf, ngx_http_tenant_main_conf_t *tmcf)
{
    ngx_http_tenant_names_t   *names;
    ngx_http_core_loc_conf_t  *clcf;

    names = tmcf->names;

    names->allow = tmcf->route_allow;
    ngx_conf_init_value(names->stale, 3600);

    ngx_rbtree_init(&names->rbtree, &names->sentinel,
                    ngx_str_rbtree_insert_value);

    /* of the http block itself: names are not those of any location */

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    names->timeout = clcf->resolver_timeout;
    ngx_conf_init_msec_value(names->timeout, 30000);

    if (clcf->resolver && clcf->resolver->connections.nelts) {
        names->resolver = clcf->resolver;
    }

    return NGX_OK;
}


ngx_http_tenant_name_t *
ngx_http_tenant_name(ngx_http_tenant_names_t *names, ngx_str_t *host)
{
    uint32_t                 hash;
    ngx_http_tenant_name_t  *name;

    hash = ngx_crc32_long(host->data, host->len);

    name = (ngx_http_tenant_name_t *)
               ngx_str_rbtree_lookup(&names->rbtree, host, hash);

    if (name) {
        name->refs++;
        return name;
    }

    name = ngx_calloc(sizeof(ngx_http_tenant_name_t) + host->len,
                      ngx_cycle->log);
    if (name == NULL) {
        return NULL;
    }

    name->sn.str.data = (u_char *) name + sizeof(ngx_http_tenant_name_t);
    name->sn.str.len = host->len;
    ngx_memcpy(name->sn.str.data, host->data, host->len);

    name->sn.node.key = hash;
    name->names = names;
    name->refs = 1;

    ngx_queue_init(&name->waiters);
    ngx_rbtree_insert(&names->rbtree, &name->sn.node);

    return name;
}


/* Whoever waits has a reference: there are no waiters left. */

void
ngx_http_tenant_name_release(ngx_http_tenant_name_t *name)
{
    if (--name->refs) {
        return;
    }

    if (name->resolving) {
        ngx_resolve_name_done(name->resolving);
    }

    ngx_rbtree_delete(&name->names->rbtree, &name->sn.node);

    if (name->addrs) {
        ngx_free(name->addrs);
    }

    ngx_free(name);
}


ngx_int_t
ngx_http_tenant_name_check(ngx_http_tenant_name_t *name)
{
    time_t  now;

    now = ngx_time();

    if (now < name->valid) {
        return NGX_OK;
    }

    if (name->resolving == NULL && now >= name->retry) {
        ngx_http_tenant_name_resolve(name);
    }

    if (name->naddrs && name->failing && name->valid
        && now >= name->valid + name->names->stale)
    {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "tenant_route: addresses of \"%V\" are too old to go "
                      "on with", &name->sn.str);

        ngx_http_tenant_name_set(name, NULL, 0);
    }

    if (name->resolving == NULL) {
        return NGX_OK;
    }

    /* a resolver that fails makes nobody wait but the first */

    if (name->asked
        && (name->failing
            || now < name->valid + NGX_HTTP_TENANT_NAME_GRACE))
    {
        return NGX_OK;
    }

    return NGX_AGAIN;
}


void
ngx_http_tenant_name_wait(ngx_http_tenant_name_t *name,
    ngx_http_tenant_name_waiter_t *waiter)
{
    waiter->waiting = 1;
    ngx_queue_insert_tail(&name->waiters, &waiter->queue);

    /* a worker that is to quit stays for requests, not for a mere refresh */

    if (name->resolving && name->resolving->event) {
        name->resolving->event->cancelable = 0;
    }
}


void
ngx_http_tenant_name_cancel(ngx_http_tenant_name_waiter_t *waiter)
{
    if (waiter->waiting) {
        waiter->waiting = 0;
        ngx_queue_remove(&waiter->queue);
    }
}


static void
ngx_http_tenant_name_resolve(ngx_http_tenant_name_t *name)
{
    ngx_resolver_ctx_t       *ctx;
    ngx_http_tenant_names_t  *names;

    names = name->names;

    if (names->resolver == NULL) {
        ngx_http_tenant_name_failed(name, "there is no \"resolver\"");
        return;
    }

    ctx = ngx_resolve_start(names->resolver, NULL);

    if (ctx == NULL || ctx == NGX_NO_RESOLVER) {
        ngx_http_tenant_name_failed(name, "no memory");
        return;
    }

    ctx->name = name->sn.str;
    ctx->handler = ngx_http_tenant_name_resolved;
    ctx->data = name;
    ctx->timeout = names->timeout;
    ctx->cancelable = 1;

    name->resolving = ctx;

    /* a cached answer is given before this returns */

    if (ngx_resolve_name(ctx) != NGX_OK) {
        name->resolving = NULL;
        ngx_http_tenant_name_failed(name, "the resolver cannot be asked");
    }
}


static void
ngx_http_tenant_name_resolved(ngx_resolver_ctx_t *ctx)
{
    ngx_http_tenant_name_t  *name = ctx->data;

    name->resolving = NULL;

    switch (ctx->state) {

    case NGX_OK:
        ngx_http_tenant_name_answer(name, ctx);
        break;

    case NGX_RESOLVE_NXDOMAIN:

        /* an answer too: the name is gone */

        ngx_http_tenant_name_set(name, NULL, 0);
        name->valid = 0;

        /* fall through */

    default:
        ngx_http_tenant_name_failed(name, ngx_resolver_strerror(ctx->state));
    }

    ngx_resolve_name_done(ctx);

    ngx_http_tenant_name_wake(name);
}


static void
ngx_http_tenant_name_answer(ngx_http_tenant_name_t *name,
    ngx_resolver_ctx_t *ctx)
{
    size_t            len;
    u_char            text[NGX_SOCKADDR_STRLEN];
    ngx_uint_t        i, n;
    ngx_sockaddr_t    addrs[NGX_HTTP_TENANT_NAME_ADDRS];
    struct sockaddr  *sa;

    n = 0;

    for (i = 0; i < ctx->naddrs && n < NGX_HTTP_TENANT_NAME_ADDRS; i++) {
        sa = ctx->addrs[i].sockaddr;

        if (ngx_http_tenant_name_refused(name->names, sa)) {
            len = ngx_sock_ntop(sa, ctx->addrs[i].socklen, text,
                                NGX_SOCKADDR_STRLEN, 0);

            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "tenant_route: \"%V\" has the address %*s, which "
                          "tenant_route_allow does not have",
                          &name->sn.str, len, text);
            continue;
        }

        ngx_memzero(&addrs[n], sizeof(ngx_sockaddr_t));
        ngx_memcpy(&addrs[n], sa, ctx->addrs[i].socklen);
        n++;
    }

    /* the resolver turns them round: that is no change */

    ngx_qsort(addrs, n, sizeof(ngx_sockaddr_t),
              ngx_http_tenant_name_compare);

    ngx_http_tenant_name_set(name, addrs, n);

    name->valid = ngx_max(ctx->valid, ngx_time() + 1);
    name->asked = 1;
    name->failing = 0;
    name->refused = n == 0 && ctx->naddrs;

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, ngx_cycle->log, 0,
                   "tenant route: \"%V\" has %ui addresses for %T s",
                   &name->sn.str, n, name->valid - ngx_time());
}


static void
ngx_http_tenant_name_failed(ngx_http_tenant_name_t *name, const char *reason)
{
    name->asked = 1;
    name->failing = 1;
    name->retry = ngx_time() + NGX_HTTP_TENANT_NAME_RETRY;

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "tenant_route: \"%V\" could not be resolved (%s)%s",
                  &name->sn.str, reason,
                  name->naddrs ? ", going on with its last addresses" : "");
}


static void
ngx_http_tenant_name_set(ngx_http_tenant_name_t *name, ngx_sockaddr_t *addrs,
    ngx_uint_t n)
{
    size_t           size;
    ngx_sockaddr_t  *copy;

    size = n * sizeof(ngx_sockaddr_t);

    if (n == name->naddrs
        && (n == 0 || ngx_memcmp(addrs, name->addrs, size) == 0))
    {
        return;
    }

    copy = NULL;

    if (n) {
        copy = ngx_alloc(size, ngx_cycle->log);
        if (copy == NULL) {
            n = 0;

        } else {
            ngx_memcpy(copy, addrs, size);
        }
    }

    if (name->addrs) {
        ngx_free(name->addrs);
    }

    name->addrs = copy;
    name->naddrs = n;
    name->names->generation++;
}


/* Each may do anything, also release the name or wait again. */

static void
ngx_http_tenant_name_wake(ngx_http_tenant_name_t *name)
{
    ngx_queue_t                     all, *q;
    ngx_http_tenant_name_waiter_t  *waiter;

    if (ngx_queue_empty(&name->waiters)) {
        return;
    }

    ngx_queue_init(&all);
    ngx_queue_add(&all, &name->waiters);
    ngx_queue_init(&name->waiters);

    while (!ngx_queue_empty(&all)) {
        q = ngx_queue_head(&all);
        waiter = ngx_queue_data(q, ngx_http_tenant_name_waiter_t, queue);

        ngx_http_tenant_name_cancel(waiter);
        waiter->resume(waiter->data);
    }
}


/*
 * What a name must not lead to: the gateway itself, its link and the
 * metadata services there, nobody, everybody.
 */

static ngx_uint_t
ngx_http_tenant_name_refused(ngx_http_tenant_names_t *names,
    struct sockaddr *sa)
{
    u_char      *b;
    in_addr_t    a;
    ngx_uint_t   local;

    switch (sa->sa_family) {

    case AF_INET:
        a = ntohl(((struct sockaddr_in *) sa)->sin_addr.s_addr);
        local = ngx_http_tenant_inaddr_local(a);
        break;

#if (NGX_HAVE_INET6)
    case AF_INET6:
        b = ((struct sockaddr_in6 *) sa)->sin6_addr.s6_addr;
        a = ((in_addr_t) b[12] << 24) | (b[13] << 16) | (b[14] << 8) | b[15];

        /*
         * ::/64 has ::, ::1, and IPv4 addresses, compatible and mapped;
         * 64:ff9b::/96 (NAT64) and 2002::/16 (6to4) lead to IPv4 ones
         */

        if (ngx_memcmp(b, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) == 0
            || ngx_memcmp(b, "\0\x64\xff\x9b\0\0\0\0\0\0\0\0", 12) == 0)
        {
            local = ngx_http_tenant_inaddr_local(a);
            break;
        }

        if (b[0] == 0x20 && b[1] == 0x02) {
            a = ((in_addr_t) b[2] << 24) | (b[3] << 16) | (b[4] << 8) | b[5];
            local = ngx_http_tenant_inaddr_local(a);
            break;
        }

        local = ngx_memcmp(b, "\0\0\0\0\0\0\0\0", 8) == 0
                || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80)
                || b[0] == 0xff;
        break;
#endif

    default:
        return 1;
    }

    return local && (names->allow == NULL
                     || ngx_cidr_match(sa, names->allow) != NGX_OK);
}


static ngx_uint_t
ngx_http_tenant_inaddr_local(in_addr_t a)
{
    return (a >> 24) == 0 || (a >> 24) == 127
           || (a >> 16) == 0xa9fe                    /* 169.254/16 */
           || (a >> 28) >= 0xe;                      /* multicast, reserved */
}


static int ngx_libc_cdecl
ngx_http_tenant_name_compare(const void *one, const void *two)
{
    return ngx_memcmp(one, two, sizeof(ngx_sockaddr_t));
}
