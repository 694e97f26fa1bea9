/*
 * Host names of silo servers, resolved with nginx's resolver: known to one
 * worker, shared by the routes that have them, asked for again when a
 * request needs them after they ran out.
 */

#ifndef NGX_HTTP_TENANT_NAMES_H
#define NGX_HTTP_TENANT_NAMES_H


#include "../ngx_http_tenant_module.h"


#define NGX_HTTP_TENANT_NAME_ADDRS  64       /* of one name */


/* Of the configuration; what it knows is of one worker. */
typedef struct ngx_http_tenant_names_s {
    ngx_resolver_t      *resolver;           /* NULL: no names */
    ngx_msec_t           timeout;
    time_t               stale;              /* seconds */
    ngx_array_t         *allow;              /* ngx_cidr_t, or NULL */

    ngx_rbtree_t         rbtree;
    ngx_rbtree_node_t    sentinel;
    ngx_uint_t           generation;         /* moves when addresses do */
} ngx_http_tenant_names_t;


typedef struct {
    ngx_str_node_t            sn;            /* sn.str: host */
    ngx_http_tenant_names_t  *names;
    ngx_uint_t                refs;

    ngx_uint_t                naddrs;
    ngx_sockaddr_t           *addrs;         /* without port, in order */
    time_t                    valid;         /* as the answer has it; 0:
                                                never answered */
    time_t                    retry;         /* not before, after a failure */
    ngx_resolver_ctx_t       *resolving;
    ngx_queue_t               waiters;

    unsigned                  asked:1;       /* and answered or failed */
    unsigned                  failing:1;
    unsigned                  refused:1;     /* has no address but such that
                                                are not allowed */
} ngx_http_tenant_name_t;


/* A request that waits; zeroed by whoever has it. */
typedef struct {
    ngx_queue_t   queue;
    void        (*resume)(void *data);
    void         *data;
    unsigned      waiting:1;
} ngx_http_tenant_name_waiter_t;


/* The directive tenant_route_stale TIME */
char *ngx_http_tenant_names_stale_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* Once the http block has been read: whether it has a resolver. */
ngx_int_t ngx_http_tenant_names_init(ngx_conf_t *cf,
    ngx_http_tenant_main_conf_t *tmcf);

/* A reference to be released; NULL: no memory. */
ngx_http_tenant_name_t *ngx_http_tenant_name(ngx_http_tenant_names_t *names,
    ngx_str_t *host);
void ngx_http_tenant_name_release(ngx_http_tenant_name_t *name);

/*
 * Has the name resolved if that is due.  NGX_AGAIN: a request that needs it
 * should wait for the answer; NGX_OK: what is known is what there is.
 */
ngx_int_t ngx_http_tenant_name_check(ngx_http_tenant_name_t *name);

/* Resumed once, and in the end even when nothing answers. */
void ngx_http_tenant_name_wait(ngx_http_tenant_name_t *name,
    ngx_http_tenant_name_waiter_t *waiter);
void ngx_http_tenant_name_cancel(ngx_http_tenant_name_waiter_t *waiter);


#endif /* NGX_HTTP_TENANT_NAMES_H */
