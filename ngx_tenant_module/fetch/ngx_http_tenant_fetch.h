/*
 * HTTP requests of the module's own, by libcurl's multi interface inside the
 * worker's event loop: nothing here ever blocks it.
 *
 * TLS is verified, redirects are not followed, proxies are not used, answers
 * are bounded, and addresses in private ranges are refused unless
 * tenant_fetch_allow names them: URLs come from the registry, which tenants'
 * administrators may write.
 */

#ifndef NGX_HTTP_TENANT_FETCH_H
#define NGX_HTTP_TENANT_FETCH_H


#include "../ngx_http_tenant_module.h"


typedef struct ngx_http_tenant_fetch_s  ngx_http_tenant_fetch_t;


typedef struct {
    ngx_uint_t    status;       /* of the answer; 0: there is none */
    ngx_str_t     body;         /* valid during the callback */
    ngx_uint_t    json;         /* it says that it is application/json */
    time_t        max_age;      /* seconds, from Cache-Control; -1: not said,
                                   0: no-store and no-cache too */
    time_t        retry_after;  /* seconds; 0: not said */
    const char   *error;        /* without the URL; NULL if status is 2xx */
} ngx_http_tenant_answer_t;


/*
 * Called once, unless cancelled: never from within fetch_start().  The fetch
 * is gone when it returns.
 */
typedef void (*ngx_http_tenant_fetch_pt)(void *data,
    ngx_http_tenant_answer_t *answer);


typedef struct {
    ngx_str_t                  url;         /* copied */
    ngx_str_t                  post;        /* data NULL: GET; copied, and
                                               the copy wiped */
    const char                *type;        /* of post; static */
    ngx_str_t                  userpwd;     /* "id:secret", Basic; copied,
                                               and the copy wiped */
    ngx_array_t               *headers;     /* further ones: ngx_str_t lines
                                               that end in NUL; or NULL */
    size_t                     max_size;    /* bytes of body; 0: none is
                                               wanted, however long */
    ngx_msec_t                 timeout;     /* 0: tenant_fetch_timeout */
    ngx_http_tenant_fetch_pt   handler;
    void                      *data;
    unsigned                   trusted:1;   /* the URL is of nginx.conf: any
                                               address, and http too */
} ngx_http_tenant_fetch_conf_t;


/* Scheme and form of a URL that may be fetched; NULL, or what is wrong. */
const char *ngx_http_tenant_fetch_check(ngx_http_tenant_main_conf_t *tmcf,
    ngx_str_t *url);

/* What the IANA special-purpose registries (RFC 6890) call not global. */
ngx_uint_t ngx_http_tenant_fetch_private(struct sockaddr *sa);

/* NULL: could not even be started (logged). */
ngx_http_tenant_fetch_t *ngx_http_tenant_fetch_start(
    ngx_http_tenant_main_conf_t *tmcf, ngx_http_tenant_fetch_conf_t *conf);

/* The callback will not be called. */
void ngx_http_tenant_fetch_cancel(ngx_http_tenant_fetch_t *fetch);

/* Checks what the directives say together. */
ngx_int_t ngx_http_tenant_fetch_init(ngx_conf_t *cf,
    ngx_http_tenant_main_conf_t *tmcf);

ngx_int_t ngx_http_tenant_fetch_init_process(ngx_cycle_t *cycle,
    ngx_http_tenant_main_conf_t *tmcf);
void ngx_http_tenant_fetch_exit_process(ngx_http_tenant_main_conf_t *tmcf);


#endif /* NGX_HTTP_TENANT_FETCH_H */
