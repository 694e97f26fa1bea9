#include "ngx_http_tenant_json.h"


static size_t ngx_http_tenant_json_pointer(const ngx_http_tenant_json_t *at,
    char *buf, size_t size);
static size_t ngx_http_tenant_json_append(char *buf, size_t len, size_t size,
    const char *s);
static ngx_int_t ngx_http_tenant_json_copy(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *at, ngx_str_t *value,
    ngx_http_tenant_json_error_t *err);


ngx_int_t
ngx_http_tenant_json_fail(const ngx_http_tenant_json_t *at,
    ngx_http_tenant_json_error_t *err, const char *fmt, ...)
{
    u_char   *p;
    va_list   args;

    (void) ngx_http_tenant_json_pointer(at, err->pointer,
                                        sizeof(err->pointer));

    va_start(args, fmt);
    p = ngx_vslprintf((u_char *) err->message,
                      (u_char *) err->message + sizeof(err->message) - 1,
                      fmt, args);
    va_end(args);
    *p = '\0';

    return NGX_ERROR;
}


ngx_int_t
ngx_http_tenant_json_fail_below(const ngx_http_tenant_json_t *at,
    const char *suffix, ngx_http_tenant_json_error_t *err, const char *fmt,
    ...)
{
    size_t    len;
    u_char   *p;
    va_list   args;

    len = ngx_http_tenant_json_pointer(at, err->pointer,
                                       sizeof(err->pointer));

    (void) ngx_http_tenant_json_append(err->pointer, len,
                                       sizeof(err->pointer), suffix);

    va_start(args, fmt);
    p = ngx_vslprintf((u_char *) err->message,
                      (u_char *) err->message + sizeof(err->message) - 1,
                      fmt, args);
    va_end(args);
    *p = '\0';

    return NGX_ERROR;
}


ngx_int_t
ngx_http_tenant_json_object(const ngx_http_tenant_json_t *at,
    const char *const *known, ngx_http_tenant_json_error_t *err)
{
    json_t                  *value;
    const char              *name;
    const char *const       *k;
    ngx_http_tenant_json_t   child;

    if (!json_is_object(at->value)) {
        return ngx_http_tenant_json_fail(at, err, "must be an object");
    }

    json_object_foreach(at->value, name, value) {
        for (k = known; *k; k++) {
            if (ngx_strcmp(*k, name) == 0) {
                break;
            }
        }

        if (*k == NULL) {
            child.value = value;
            child.parent = at;
            child.name = name;
            return ngx_http_tenant_json_fail(&child, err, "unknown member");
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_tenant_json_member(const ngx_http_tenant_json_t *at,
    const char *name, ngx_http_tenant_json_t *child)
{
    child->value = json_object_get(at->value, name);
    child->parent = at;
    child->name = name;
    child->index = 0;

    return child->value ? NGX_OK : NGX_DECLINED;
}


void
ngx_http_tenant_json_element(const ngx_http_tenant_json_t *at, size_t index,
    ngx_http_tenant_json_t *child)
{
    child->value = json_array_get(at->value, index);
    child->parent = at;
    child->name = NULL;
    child->index = index;
}


ngx_int_t
ngx_http_tenant_json_string(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *at, const char *name, ngx_str_t *value,
    ngx_http_tenant_json_error_t *err)
{
    ngx_http_tenant_json_t  child;

    if (ngx_http_tenant_json_member(at, name, &child) != NGX_OK) {
        return NGX_DECLINED;
    }

    return ngx_http_tenant_json_copy(pool, &child, value, err);
}


ngx_int_t
ngx_http_tenant_json_required(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *at, const char *name, ngx_str_t *value,
    ngx_http_tenant_json_error_t *err)
{
    ngx_http_tenant_json_t  child;

    if (ngx_http_tenant_json_member(at, name, &child) != NGX_OK) {
        return ngx_http_tenant_json_fail(at, err, "has no \"%s\"", name);
    }

    return ngx_http_tenant_json_copy(pool, &child, value, err);
}


static ngx_int_t
ngx_http_tenant_json_copy(ngx_pool_t *pool, const ngx_http_tenant_json_t *at,
    ngx_str_t *value, ngx_http_tenant_json_error_t *err)
{
    size_t   len;
    u_char  *p;

    if (!json_is_string(at->value)) {
        return ngx_http_tenant_json_fail(at, err, "must be a string");
    }

    len = json_string_length(at->value);

    p = ngx_pnalloc(pool, len + 1);
    if (p == NULL) {
        return ngx_http_tenant_json_fail(at, err, "no memory");
    }

    ngx_memcpy(p, json_string_value(at->value), len);
    p[len] = '\0';

    value->data = p;
    value->len = len;

    return NGX_OK;
}


ngx_int_t
ngx_http_tenant_json_enum(const ngx_http_tenant_json_t *at, const char *name,
    const ngx_str_t *names, ngx_uint_t *value,
    ngx_http_tenant_json_error_t *err)
{
    ngx_uint_t              i;
    const char             *s;
    ngx_http_tenant_json_t  child;

    if (ngx_http_tenant_json_member(at, name, &child) != NGX_OK) {
        return NGX_DECLINED;
    }

    s = json_string_value(child.value);

    if (s == NULL) {
        return ngx_http_tenant_json_fail(&child, err, "must be a string");
    }

    for (i = 0; names[i].len; i++) {
        if (ngx_strcmp(names[i].data, s) == 0) {
            *value = i;
            return NGX_OK;
        }
    }

    return ngx_http_tenant_json_fail(&child, err, "unknown value \"%s\"", s);
}


ngx_int_t
ngx_http_tenant_json_integer(const ngx_http_tenant_json_t *at,
    const char *name, ngx_int_t min, ngx_int_t max, ngx_int_t *value,
    ngx_http_tenant_json_error_t *err)
{
    json_int_t              n;
    ngx_http_tenant_json_t  child;

    if (ngx_http_tenant_json_member(at, name, &child) != NGX_OK) {
        return NGX_DECLINED;
    }

    n = json_integer_value(child.value);

    if (!json_is_integer(child.value) || n < min || n > max) {
        return ngx_http_tenant_json_fail(&child, err,
                                         "must be an integer from %i to %i",
                                         min, max);
    }

    *value = n;

    return NGX_OK;
}


ngx_int_t
ngx_http_tenant_json_flag(const ngx_http_tenant_json_t *at, const char *name,
    ngx_uint_t *value, ngx_http_tenant_json_error_t *err)
{
    ngx_http_tenant_json_t  child;

    if (ngx_http_tenant_json_member(at, name, &child) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (!json_is_boolean(child.value)) {
        return ngx_http_tenant_json_fail(&child, err,
                                         "must be true or false");
    }

    *value = json_is_true(child.value);

    return NGX_OK;
}


static size_t
ngx_http_tenant_json_pointer(const ngx_http_tenant_json_t *at, char *buf,
    size_t size)
{
    size_t       len;
    u_char      *p;
    const char  *s;
    char         part[4];

    if (at->parent == NULL) {
        buf[0] = '\0';
        return 0;
    }

    len = ngx_http_tenant_json_pointer(at->parent, buf, size);
    len = ngx_http_tenant_json_append(buf, len, size, "/");

    if (at->name == NULL) {
        p = ngx_slprintf((u_char *) buf + len, (u_char *) buf + size - 1,
                         "%uz", at->index);
        *p = '\0';
        return p - (u_char *) buf;
    }

    /* RFC 6901, section 3: "~" and "/" are escaped in a reference token */

    for (s = at->name; *s; s++) {
        part[0] = *s;
        part[1] = '\0';

        len = ngx_http_tenant_json_append(buf, len, size,
                                          *s == '~' ? "~0"
                                          : *s == '/' ? "~1" : part);
    }

    return len;
}


static size_t
ngx_http_tenant_json_append(char *buf, size_t len, size_t size,
    const char *s)
{
    while (*s && len < size - 1) {
        buf[len++] = *s++;
    }

    buf[len] = '\0';

    return len;
}
