/*
 * Protected resource metadata, RFC 9728: how a client that was answered 401
 * finds where to get a token, without having been told anything before.
 */

#ifndef NGX_HTTP_TENANT_METADATA_H
#define NGX_HTTP_TENANT_METADATA_H


#include "../ngx_http_tenant_module.h"


/* tenant_authorization_servers [tenant=VALUE] [URL ...] */
struct ngx_http_tenant_servers_s {
    ngx_http_complex_value_t  *tenant;      /* NULL: not by tenant */
    ngx_array_t                urls;        /* ngx_str_t */
};


char *ngx_http_tenant_servers_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_tenant_scopes_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_tenant_metadata_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * In the REWRITE phase, before anything of the location runs: answers a
 * request that the handler of tenant_metadata sent here.
 */
ngx_int_t ngx_http_tenant_metadata_phase(ngx_http_request_t *r);

/*
 * The URL of the location's metadata, RFC 9728, section 3.1.  NGX_DECLINED:
 * the location is no protected resource.
 */
ngx_int_t ngx_http_tenant_metadata_url(ngx_http_request_t *r,
    ngx_str_t *url);

/*
 * Whether the identity has the scopes of the location: NGX_OK, or
 * NGX_DECLINED with the missing ones in *missing, separated by spaces.
 */
ngx_int_t ngx_http_tenant_scopes(ngx_http_request_t *r,
    ngx_http_tenant_identity_t *identity, ngx_str_t *missing);


#endif /* NGX_HTTP_TENANT_METADATA_H */
