/*
 * Reading registry documents: a cursor that knows where it stands, so that
 * every complaint carries a JSON Pointer (RFC 6901).
 */

#ifndef NGX_HTTP_TENANT_JSON_H
#define NGX_HTTP_TENANT_JSON_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <jansson.h>


#define NGX_HTTP_TENANT_POINTER_LEN  512
#define NGX_HTTP_TENANT_MESSAGE_LEN  512


/* A cursor lives on the stack of the function that reads its value. */
typedef struct ngx_http_tenant_json_s  ngx_http_tenant_json_t;

struct ngx_http_tenant_json_s {
    json_t                        *value;
    const ngx_http_tenant_json_t  *parent;  /* NULL: the document itself */
    const char                    *name;    /* NULL: an array element */
    size_t                         index;
};


/* Both are NUL-terminated and cut where they would not fit. */
typedef struct {
    char  pointer[NGX_HTTP_TENANT_POINTER_LEN];
    char  message[NGX_HTTP_TENANT_MESSAGE_LEN];
} ngx_http_tenant_json_error_t;


/* Fills the error for the place "at"; "fmt" as ngx_sprintf takes it. */
ngx_int_t ngx_http_tenant_json_fail(const ngx_http_tenant_json_t *at,
    ngx_http_tenant_json_error_t *err, const char *fmt, ...);

/* As above, with "suffix" (a JSON Pointer or "") appended to the place. */
ngx_int_t ngx_http_tenant_json_fail_below(const ngx_http_tenant_json_t *at,
    const char *suffix, ngx_http_tenant_json_error_t *err, const char *fmt,
    ...);

/* The value must be an object with no members but "known" (NULL ends). */
ngx_int_t ngx_http_tenant_json_object(const ngx_http_tenant_json_t *at,
    const char *const *known, ngx_http_tenant_json_error_t *err);

/* NGX_OK and the child, or NGX_DECLINED when there is no such member. */
ngx_int_t ngx_http_tenant_json_member(const ngx_http_tenant_json_t *at,
    const char *name, ngx_http_tenant_json_t *child);

/* The element "index" of an array, as a cursor. */
void ngx_http_tenant_json_element(const ngx_http_tenant_json_t *at,
    size_t index, ngx_http_tenant_json_t *child);

/*
 * Copies the string member into the pool, NUL-terminated.  NGX_DECLINED:
 * absent (and then "value" is untouched); NGX_ERROR: not a string.
 */
ngx_int_t ngx_http_tenant_json_string(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *at, const char *name, ngx_str_t *value,
    ngx_http_tenant_json_error_t *err);

/* The same for a member that has to be there: absent is NGX_ERROR. */
ngx_int_t ngx_http_tenant_json_required(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *at, const char *name, ngx_str_t *value,
    ngx_http_tenant_json_error_t *err);

/* The member as one of "names" (an empty name ends); value is its index. */
ngx_int_t ngx_http_tenant_json_enum(const ngx_http_tenant_json_t *at,
    const char *name, const ngx_str_t *names, ngx_uint_t *value,
    ngx_http_tenant_json_error_t *err);

/* An integer within the bounds; NGX_DECLINED: absent, value untouched. */
ngx_int_t ngx_http_tenant_json_integer(const ngx_http_tenant_json_t *at,
    const char *name, ngx_int_t min, ngx_int_t max, ngx_int_t *value,
    ngx_http_tenant_json_error_t *err);

/* true or false; NGX_DECLINED: absent, value untouched. */
ngx_int_t ngx_http_tenant_json_flag(const ngx_http_tenant_json_t *at,
    const char *name, ngx_uint_t *value, ngx_http_tenant_json_error_t *err);


#endif /* NGX_HTTP_TENANT_JSON_H */
