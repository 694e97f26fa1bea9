/* The body of a change: what it leaves out, what it says, what is kept. */

#ifndef NGX_HTTP_TENANT_CHANGE_BODY_H
#define NGX_HTTP_TENANT_CHANGE_BODY_H


#include "ngx_http_tenant_change.h"


/* Adds what a body need not say; returns as ngx_http_tenant_change() does. */
ngx_int_t ngx_http_tenant_change_complete(
    ngx_http_tenant_changes_t *changes, ngx_http_tenant_change_t *change,
    ngx_http_tenant_row_t *row, json_t *body);

/*
 * *sn: the object that the body describes, in the change's pool.  Names of
 * files in the body become whole ones.  NGX_DECLINED fills err.
 */
ngx_int_t ngx_http_tenant_change_read(
    ngx_http_tenant_changes_t *changes, ngx_http_tenant_change_t *change,
    const ngx_http_tenant_json_t *at, ngx_str_node_t **sn,
    ngx_http_tenant_json_error_t *err);

/*
 * RFC 7396, section 2, as deep as the parser lets both be: takes "target",
 * returns what is the caller's, or NULL without memory.
 */
json_t *ngx_http_tenant_change_merge(json_t *target, json_t *patch);

/* What is stored has to be within what is loaded; returns as complete(). */
ngx_int_t ngx_http_tenant_change_fits(
    ngx_http_tenant_change_t *change, json_t *body);


#endif /* NGX_HTTP_TENANT_CHANGE_BODY_H */
