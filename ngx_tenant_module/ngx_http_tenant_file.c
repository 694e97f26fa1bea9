#include "ngx_http_tenant_file.h"


ngx_int_t
ngx_http_tenant_file_read(ngx_conf_t *cf, const char *what, ngx_str_t *name,
    size_t max, ngx_str_t *text)
{
    size_t            size;
    ssize_t           n;
    ngx_file_t        file;
    ngx_file_info_t   fi;

    ngx_memzero(&file, sizeof(ngx_file_t));

    text->data = NULL;
    file.name = *name;
    file.log = cf->log;

    file.fd = ngx_open_file(name->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (file.fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "%s: cannot open \"%V\"", what, name);
        return NGX_ERROR;
    }

    if (ngx_fd_info(file.fd, &fi) == NGX_FILE_ERROR || !ngx_is_file(&fi)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s: \"%V\" is not a file",
                           what, name);
        goto failed;
    }

    size = ngx_file_size(&fi);

    if (size > max) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%s: \"%V\" is larger than %uz bytes", what, name,
                           max);
        goto failed;
    }

    text->data = ngx_alloc(size ? size : 1, cf->log);
    if (text->data == NULL) {
        goto failed;
    }

    n = ngx_read_file(&file, text->data, size, 0);

    if (n == NGX_ERROR || (size_t) n != size) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s: cannot read \"%V\"",
                           what, name);
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

    return NGX_ERROR;
}
