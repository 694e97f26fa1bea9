/*
 * Who is told what becomes of tenants: CloudEvents 1.0 over HTTP, signed as
 * Standard Webhooks does it.
 */

#ifndef NGX_HTTP_TENANT_PROVISIONER_H
#define NGX_HTTP_TENANT_PROVISIONER_H


#include "../ngx_http_tenant_module.h"
#include "../fetch/ngx_http_tenant_fetch.h"


struct ngx_http_tenant_provisioner_s {
    ngx_str_t     url;
    ngx_array_t   secrets;      /* ngx_str_t: keys; none: nothing is signed */
    ngx_msec_t    timeout;      /* of one request */
    ngx_uint_t    onboarding;   /* not of activations and suspensions */
};


/* The directive tenant_provisioner URL [secret=] [timeout=] [events=] */
char *ngx_http_tenant_provisioner_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* Checks what the directives say together. */
ngx_int_t ngx_http_tenant_provisioner_init(ngx_conf_t *cf,
    ngx_http_tenant_main_conf_t *tmcf);

/* Whether the event, "onboarding" and so on, is kept for the provisioner. */
ngx_uint_t ngx_http_tenant_provisioner_wants(
    ngx_http_tenant_provisioner_t *provisioner, const char *type);

/* POSTs an event; NULL: it could not even be started. */
ngx_http_tenant_fetch_t *ngx_http_tenant_provisioner_post(
    ngx_http_tenant_main_conf_t *tmcf, ngx_pool_t *pool, ngx_str_t *id,
    ngx_str_t *event, ngx_http_tenant_fetch_pt handler, void *data);


#endif /* NGX_HTTP_TENANT_PROVISIONER_H */
