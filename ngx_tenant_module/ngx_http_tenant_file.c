#include "ngx_http_tenant_file.h"


static ngx_int_t ngx_http_tenant_file_failed(ngx_str_t *error,
    const char *fmt, ...);


ngx_int_t
ngx_http_tenant_file_read(ngx_conf_t *cf, const char *what, ngx_str_t *name,
    size_t max, ngx_str_t *text)
{
    ngx_err_t   err;
    ngx_str_t   error;
    u_char      buf[NGX_MAX_CONF_ERRSTR];

    error.data = buf;
    error.len = sizeof(buf);

    if (ngx_http_tenant_file_load(name, max, cf->log, text, &error, &err)
        == NGX_OK)
    {
        return NGX_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, err, "%s: %V", what, &error);

    return NGX_ERROR;
}


ngx_int_t
ngx_http_tenant_file_load(ngx_str_t *name, size_t max, ngx_log_t *log,
    ngx_str_t *text, ngx_str_t *error, ngx_err_t *err)
{
    size_t            size;
    ssize_t           n;
    ngx_int_t         rc;
    ngx_file_t        file;
    ngx_file_info_t   fi;

    ngx_memzero(&file, sizeof(ngx_file_t));

    *err = 0;
    text->data = NULL;
    file.name = *name;
    file.log = log;

    file.fd = ngx_open_file(name->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (file.fd == NGX_INVALID_FILE) {
        *err = ngx_errno;
        return ngx_http_tenant_file_failed(error, "cannot open \"%V\"", name);
    }

    if (ngx_fd_info(file.fd, &fi) == NGX_FILE_ERROR || !ngx_is_file(&fi)) {
        rc = ngx_http_tenant_file_failed(error, "\"%V\" is not a file", name);
        goto failed;
    }

    size = ngx_file_size(&fi);

    if (size > max) {
        rc = ngx_http_tenant_file_failed(error, "\"%V\" is larger than %uz "
                                         "bytes", name, max);
        goto failed;
    }

    text->data = ngx_alloc(size ? size : 1, log);

    if (text->data == NULL) {
        rc = ngx_http_tenant_file_failed(error, "no memory for \"%V\"", name);
        goto failed;
    }

    n = ngx_read_file(&file, text->data, size, 0);

    if (n == NGX_ERROR || (size_t) n != size) {
        rc = ngx_http_tenant_file_failed(error, "cannot read \"%V\"", name);
        goto failed;
    }

    text->len = size;
    (void) ngx_close_file(file.fd);

    return NGX_OK;

failed:

    if (text->data) {
        ngx_free(text->data);
    }

    (void) ngx_close_file(file.fd);

    return rc;
}


/* Into the caller's memory, of error->len bytes; cut where it does not fit. */

static ngx_int_t
ngx_http_tenant_file_failed(ngx_str_t *error, const char *fmt, ...)
{
    u_char   *last;
    va_list   args;

    va_start(args, fmt);
    last = ngx_vslprintf(error->data, error->data + error->len, fmt, args);
    va_end(args);

    error->len = last - error->data;

    return NGX_ERROR;
}
