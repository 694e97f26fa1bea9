/*
 * A price: what a model's tokens cost.  The id is the name of a model, or a
 * pattern in which "*" is any run of characters.
 */

#ifndef NGX_HTTP_TENANT_PRICE_H
#define NGX_HTTP_TENANT_PRICE_H


#include "ngx_http_tenant_registry.h"


#define NGX_HTTP_TENANT_PRICE_NONE  -1

/* USD per million tokens are kept in units of 10^-9. */
#define NGX_HTTP_TENANT_PRICE_UNIT  1000000000


typedef struct {
    ngx_str_node_t            sn;              /* sn.str: id */
    ngx_http_tenant_object_t  object;
    int64_t                   input;
    int64_t                   output;
    int64_t                   cache_read;      /* NONE: as input */
    int64_t                   cache_write;     /* NONE: as input */
} ngx_http_tenant_price_t;


ngx_http_tenant_price_t *ngx_http_tenant_price_read(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *at, ngx_http_tenant_json_error_t *err);


#endif /* NGX_HTTP_TENANT_PRICE_H */
