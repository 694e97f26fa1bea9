/* Setters of directives that belong to no room, or to several. */

#ifndef NGX_HTTP_TENANT_SLOTS_H
#define NGX_HTTP_TENANT_SLOTS_H


#include "ngx_http_tenant_module.h"


/* The directive tenant_registry PATH [seed=DOCUMENT] */
char *ngx_http_tenant_registry_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* The directives tenant_policy_file PATH, tenant_policy_schema PATH | off */
char *ngx_http_tenant_policy_file_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_tenant_policy_schema_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* The directive tenant_metrics */
char *ngx_http_tenant_metrics_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * ADDRESS | CIDR ..., appended to the array of ngx_cidr_t whose pointer, NULL
 * at first, stands at cmd->offset.
 */
char *ngx_http_tenant_cidr_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#endif /* NGX_HTTP_TENANT_SLOTS_H */
