/* Whole files, read while nginx reads its configuration. */

#ifndef NGX_HTTP_TENANT_FILE_H
#define NGX_HTTP_TENANT_FILE_H


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Reads a file of at most max bytes.  name ends in NUL; text->data is from
 * ngx_alloc(), never NULL, and the caller's to ngx_free().  On NGX_ERROR the
 * log has a line that begins with what and names the file.
 */
ngx_int_t ngx_http_tenant_file_read(ngx_conf_t *cf, const char *what,
    ngx_str_t *name, size_t max, ngx_str_t *text);

/*
 * The same outside of configuration.  error: memory of the caller's with its
 * size, filled when NGX_ERROR is returned; err: of the system, or 0.
 */
ngx_int_t ngx_http_tenant_file_load(ngx_str_t *name, size_t max,
    ngx_log_t *log, ngx_str_t *text, ngx_str_t *error, ngx_err_t *err);


#endif /* NGX_HTTP_TENANT_FILE_H */
