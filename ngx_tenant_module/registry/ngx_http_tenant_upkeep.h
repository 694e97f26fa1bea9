/*
 * What a database needs to have done, by one worker for all: tenants whose
 * deadline is over are removed, with every trace of them, and changes that
 * everybody has followed long ago are forgotten.
 */

#ifndef NGX_HTTP_TENANT_UPKEEP_H
#define NGX_HTTP_TENANT_UPKEEP_H


#include "../ngx_http_tenant_module.h"


/* In a worker: nothing to do without a database. */
ngx_int_t ngx_http_tenant_upkeep_init_process(ngx_cycle_t *cycle,
    ngx_http_tenant_main_conf_t *tmcf);


#endif /* NGX_HTTP_TENANT_UPKEEP_H */
