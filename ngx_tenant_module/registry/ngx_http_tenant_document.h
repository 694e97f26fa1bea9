/*
 * The registry as one JSON document: {"tiers", "tenants", "issuers",
 * "agents", "prices", "revocations"}, each an array of objects.
 */

#ifndef NGX_HTTP_TENANT_DOCUMENT_H
#define NGX_HTTP_TENANT_DOCUMENT_H


#include "ngx_http_tenant_registry.h"


typedef struct {
    ngx_pool_t                    *pool;        /* the caller's, for objects */
    ngx_http_tenant_registry_t    *registry;    /* made by reading */
    ngx_str_t                      dir;
    ngx_uint_t                     names;       /* of hosts are allowed */
    ngx_http_tenant_json_error_t   err;
} ngx_http_tenant_document_t;


extern const tenant_json_limits_t  ngx_http_tenant_document_limits;
extern const char *const           ngx_http_tenant_document_members[];

/* Whether the name is a document's: it ends with ".json". */
ngx_uint_t ngx_http_tenant_document_name(ngx_str_t *path);

/*
 * Reads and checks the document, fills doc->registry, and returns the text as
 * a value to be freed, or NULL: what is wrong has been logged with line and
 * column, or the JSON Pointer of the place.
 */
json_t *ngx_http_tenant_document_read(ngx_conf_t *cf,
    ngx_http_tenant_document_t *doc, ngx_str_t *path);


#endif /* NGX_HTTP_TENANT_DOCUMENT_H */
