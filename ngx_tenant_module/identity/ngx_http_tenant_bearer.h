/*
 * Where in a request the token is, and what becomes of it upstream.
 */

#ifndef NGX_HTTP_TENANT_BEARER_H
#define NGX_HTTP_TENANT_BEARER_H


#include "../ngx_http_tenant_module.h"


#define NGX_HTTP_TENANT_TOKEN_BEARER  0     /* Authorization: Bearer */
#define NGX_HTTP_TENANT_TOKEN_HEADER  1
#define NGX_HTTP_TENANT_TOKEN_COOKIE  2
#define NGX_HTTP_TENANT_TOKEN_ARG     3

#define NGX_HTTP_TENANT_TOKEN_PASS    0
#define NGX_HTTP_TENANT_TOKEN_DROP    1
#define NGX_HTTP_TENANT_TOKEN_MOVE    2


struct ngx_http_tenant_source_s {
    ngx_uint_t   kind;
    ngx_str_t    name;      /* of a header in lower case */
};


/* What becomes of the token upstream. */
typedef struct ngx_http_tenant_token_upstream_s {
    ngx_uint_t    mode;
    ngx_array_t  *moved;    /* to this one ngx_http_tenant_header_t */
} ngx_http_tenant_token_upstream_t;


/* The directives tenant_token and tenant_token_upstream. */
char *ngx_http_tenant_token_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_tenant_token_upstream_slot(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);

/*
 * NGX_OK: caller->token and caller->source, borrowed from the request;
 * NGX_DECLINED: there is none; NGX_ERROR: caller->refusal.
 */
ngx_int_t ngx_http_tenant_bearer(ngx_http_request_t *r,
    ngx_http_tenant_caller_t *caller);

/* Whether the header carries the token, and nothing else. */
ngx_uint_t ngx_http_tenant_bearer_carries(ngx_http_tenant_source_t *source,
    ngx_table_elt_t *h);

/*
 * Takes the token out of what stays: a pair of a Cookie header ("h" is the
 * copy for the upstream), or an argument of the request line (h is NULL).
 */
ngx_int_t ngx_http_tenant_bearer_cut(ngx_http_request_t *r,
    ngx_http_tenant_source_t *source, ngx_table_elt_t *h);


#endif /* NGX_HTTP_TENANT_BEARER_H */
