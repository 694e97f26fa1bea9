/*
 * Where functions stand.  Between two requests the kernel and nginx have
 * filled the caches with their own: what a request with a token that is
 * known runs stands together, on ten pages in place of thirty, and what
 * refuses or logs, with the branches that lead there, apart from it.  A tenth
 * of the time that the module takes depends on that.
 */

#ifndef NGX_HTTP_TENANT_HOT_H
#define NGX_HTTP_TENANT_HOT_H


#include <ngx_config.h>
#include <ngx_core.h>


#if (__GNUC__)
#define ngx_http_tenant_hot   __attribute__((hot))
#define ngx_http_tenant_cold  __attribute__((cold))
#else
#define ngx_http_tenant_hot
#define ngx_http_tenant_cold
#endif


void ngx_http_tenant_cold ngx_log_error_core(ngx_uint_t level, ngx_log_t *log,
    ngx_err_t err, const char *fmt, ...);


#endif /* NGX_HTTP_TENANT_HOT_H */
