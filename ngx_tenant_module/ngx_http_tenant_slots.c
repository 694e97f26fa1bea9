/* How directives are read that belong to no room, or to several. */

#include "ngx_http_tenant_slots.h"
#include "metering/ngx_http_tenant_counters.h"
#include "registry/ngx_http_tenant_document.h"


char *
ngx_http_tenant_registry_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_tenant_main_conf_t  *tmcf = conf;

    ngx_str_t  *value;

    if (tmcf->registry_path.len) {
        return "is duplicate";
    }

    value = cf->args->elts;
    tmcf->registry_path = value[1];

    if (ngx_conf_full_name(cf->cycle, &tmcf->registry_path, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    if (value[2].len <= sizeof("seed=") - 1
        || ngx_memcmp(value[2].data, "seed=", sizeof("seed=") - 1) != 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "tenant_registry: invalid parameter \"%V\"",
                           &value[2]);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_tenant_document_name(&tmcf->registry_path)) {
        return "is a document itself: it takes no \"seed\"";
    }

    tmcf->registry_seed.len = value[2].len - (sizeof("seed=") - 1);
    tmcf->registry_seed.data = value[2].data + sizeof("seed=") - 1;

    if (ngx_conf_full_name(cf->cycle, &tmcf->registry_seed, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_tenant_policy_file_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_tenant_loc_conf_t  *tlcf = conf;

    ngx_str_t  *value, *file;

    if (tlcf->policy_files == NULL) {
        tlcf->policy_files = ngx_array_create(cf->pool, 4,
                                              sizeof(ngx_str_t));
        if (tlcf->policy_files == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    file = ngx_array_push(tlcf->policy_files);
    if (file == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;
    *file = value[1];

    if (ngx_conf_full_name(cf->cycle, file, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_tenant_policy_schema_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_tenant_loc_conf_t  *tlcf = conf;

    ngx_str_t  *value;

    if (tlcf->policy_schema.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        ngx_str_set(&tlcf->policy_schema, "");
        return NGX_CONF_OK;
    }

    tlcf->policy_schema = value[1];

    if (ngx_conf_full_name(cf->cycle, &tlcf->policy_schema, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_tenant_metrics_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_tenant_loc_conf_t  *tlcf = conf;

    ngx_http_core_loc_conf_t  *clcf;

    if (tlcf->metrics) {
        return "is duplicate";
    }

    tlcf->metrics = 1;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_tenant_metrics_handler;

    return NGX_CONF_OK;
}


char *
ngx_http_tenant_cidr_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_int_t      rc;
    ngx_str_t     *value;
    ngx_uint_t     i;
    ngx_cidr_t    *cidr;
    ngx_array_t  **list;

    list = (ngx_array_t **) (p + cmd->offset);

    if (*list == NULL) {
        *list = ngx_array_create(cf->pool, 4, sizeof(ngx_cidr_t));
        if (*list == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        cidr = ngx_array_push(*list);
        if (cidr == NULL) {
            return NGX_CONF_ERROR;
        }

        rc = ngx_ptocidr(&value[i], cidr);

        if (rc == NGX_ERROR) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "%V: invalid address \"%V\"", &cmd->name,
                               &value[i]);
            return NGX_CONF_ERROR;
        }

        if (rc == NGX_DONE) {
            ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                               "%V: low address bits of \"%V\" are "
                               "meaningless", &cmd->name, &value[i]);
        }
    }

    return NGX_CONF_OK;
}
