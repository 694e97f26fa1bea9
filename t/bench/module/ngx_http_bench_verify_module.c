/*
 * bench_verify ALG KEYFILE TOKENFILE: a gateway that does one verification
 * of a signature for each request, and nothing else.  What it is beside the
 * full gateway tells what we add to that; the sum of a gateway and of a
 * verification in a loop would tell less, since the processor knows the loop
 * and a gateway that takes longer is waited for by others, who have to be
 * woken.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "raw.h"


typedef struct {
    ngx_array_t  *args;
    raw_t        *raw;          /* of the worker */
} ngx_http_bench_verify_conf_t;


static ngx_int_t ngx_http_bench_verify_handler(ngx_http_request_t *r);
static void *ngx_http_bench_verify_create_conf(ngx_conf_t *cf);
static char *ngx_http_bench_verify(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_http_bench_verify_init(ngx_conf_t *cf);
static ngx_int_t ngx_http_bench_verify_init_process(ngx_cycle_t *cycle);


static ngx_command_t  ngx_http_bench_verify_commands[] = {

    { ngx_string("bench_verify"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE3,
      ngx_http_bench_verify,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_bench_verify_module_ctx = {
    NULL,                                  /* preconfiguration */
    ngx_http_bench_verify_init,            /* postconfiguration */

    ngx_http_bench_verify_create_conf,     /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_http_bench_verify_module = {
    NGX_MODULE_V1,
    &ngx_http_bench_verify_module_ctx,     /* module context */
    ngx_http_bench_verify_commands,        /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_http_bench_verify_init_process,    /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_bench_verify_handler(ngx_http_request_t *r)
{
    ngx_http_bench_verify_conf_t  *conf;

    conf = ngx_http_get_module_main_conf(r, ngx_http_bench_verify_module);

    if (conf->raw == NULL) {
        return NGX_DECLINED;
    }

    return raw_verify(conf->raw) ? NGX_DECLINED
                                 : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


static void *
ngx_http_bench_verify_create_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_http_bench_verify_conf_t));
}


static char *
ngx_http_bench_verify(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_bench_verify_conf_t  *bvcf = conf;

    /* the names outlive the array that they stand in */

    bvcf->args = ngx_array_create(cf->pool, 4, sizeof(ngx_str_t));
    if (bvcf->args == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memcpy(ngx_array_push_n(bvcf->args, 4), cf->args->elts,
               4 * sizeof(ngx_str_t));

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_bench_verify_init(ngx_conf_t *cf)
{
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PREACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_bench_verify_handler;

    return NGX_OK;
}


static ngx_int_t
ngx_http_bench_verify_init_process(ngx_cycle_t *cycle)
{
    ngx_str_t                     *args;
    ngx_http_bench_verify_conf_t  *conf;

    conf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_bench_verify_module);

    if (conf && conf->args) {
        args = conf->args->elts;
        conf->raw = raw_open((char *) args[1].data, (char *) args[2].data,
                             (char *) args[3].data);
    }

    return NGX_OK;
}
