/*
 * The tenant context as others see it: variables for nginx.conf, headers for
 * the agent.
 */

#ifndef NGX_HTTP_TENANT_CONTEXT_H
#define NGX_HTTP_TENANT_CONTEXT_H


#include "../ngx_http_tenant_module.h"


typedef struct ngx_http_tenant_part_s  ngx_http_tenant_part_t;


typedef struct {
    ngx_str_t                  name;
    ngx_str_t                  lowcase;
    ngx_uint_t                 hash;
    ngx_http_tenant_part_t    *parts;       /* of the value, or NULL: */
    ngx_uint_t                 nparts;
    ngx_http_complex_value_t   value;       /*   anything else */
} ngx_http_tenant_header_t;


ngx_int_t ngx_http_tenant_add_variables(ngx_conf_t *cf);

/* Fills all but the value of h; the name is copied by reference. */
ngx_int_t ngx_http_tenant_header_name(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_str_t *name, ngx_http_tenant_header_t *h);

/* The directive tenant_header NAME VALUE. */
char *ngx_http_tenant_header_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* With the location's directives merged: what is looked for in requests. */
void ngx_http_tenant_headers_init(ngx_http_tenant_loc_conf_t *tlcf);

/* Makes value and parts of h from the text of the directive. */
ngx_int_t ngx_http_tenant_header_compile(ngx_conf_t *cf, ngx_str_t *source,
    ngx_http_tenant_header_t *h);

/* The value for a caller with an identity, encoded. */
ngx_int_t ngx_http_tenant_header_value(ngx_http_request_t *r,
    ngx_http_tenant_ctx_t *ctx, ngx_http_tenant_header_t *h,
    ngx_str_t *value);

/*
 * Removes from the request whatever could be taken for ours, in any spelling
 * that nginx forwards, then adds ours if the caller is known.
 */
ngx_int_t ngx_http_tenant_headers(ngx_http_request_t *r,
    ngx_http_tenant_ctx_t *ctx);


/*
 * Percent-encodes what cannot stand in a header value.  dst has room for the
 * result; NULL: nothing is written.  Returns the length of the result, which
 * is src's if there is nothing to encode.
 */
size_t ngx_http_tenant_header_escape(u_char *dst, u_char *src, size_t len);


#endif /* NGX_HTTP_TENANT_CONTEXT_H */
