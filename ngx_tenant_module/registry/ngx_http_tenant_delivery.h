/*
 * The delivery of events to the provisioner: at least once, and one tenant's
 * in their order, by one worker for all; another takes over when it is gone.
 */

#ifndef NGX_HTTP_TENANT_DELIVERY_H
#define NGX_HTTP_TENANT_DELIVERY_H


#include "../ngx_http_tenant_module.h"


/* In a worker: nothing to do without a provisioner. */
ngx_int_t ngx_http_tenant_delivery_init_process(ngx_cycle_t *cycle,
    ngx_http_tenant_main_conf_t *tmcf);

/* After the threads, before libcurl. */
void ngx_http_tenant_delivery_exit_process(
    ngx_http_tenant_main_conf_t *tmcf);


#endif /* NGX_HTTP_TENANT_DELIVERY_H */
