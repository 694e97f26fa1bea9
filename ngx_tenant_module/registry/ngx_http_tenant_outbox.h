/*
 * Events for the provisioner, out of the database: CloudEvents over HTTP, at
 * least once, those of a tenant one after the other.
 */

#ifndef NGX_HTTP_TENANT_OUTBOX_H
#define NGX_HTTP_TENANT_OUTBOX_H


#include "../ngx_http_tenant_module.h"


/* The directive tenant_provisioner URL [secret=FILE]. */
struct ngx_http_tenant_provisioner_s {
    ngx_str_t    url;
    ngx_str_t    secret;     /* bytes; empty: requests are not signed */
};

typedef struct ngx_http_tenant_outbox_s  ngx_http_tenant_outbox_t;


char *ngx_http_tenant_provisioner_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* In a worker; NULL: no memory, or there is no provisioner. */
ngx_http_tenant_outbox_t *ngx_http_tenant_outbox_create(
    ngx_http_tenant_main_conf_t *tmcf, ngx_pool_t *pool);

/* Now and then, in one worker: begins with what is due. */
void ngx_http_tenant_outbox_look(ngx_http_tenant_outbox_t *outbox);


#endif /* NGX_HTTP_TENANT_OUTBOX_H */
