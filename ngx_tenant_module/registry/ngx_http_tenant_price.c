#include "ngx_http_tenant_price.h"


#define NGX_HTTP_TENANT_PRICE_ID_LEN    256
#define NGX_HTTP_TENANT_PRICE_MAX       1000000    /* USD, a million tokens */
#define NGX_HTTP_TENANT_PRICE_DIGITS    9          /* behind the point */


static ngx_int_t ngx_http_tenant_price_id(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *at, ngx_str_node_t *sn,
    ngx_http_tenant_json_error_t *err);
static ngx_int_t ngx_http_tenant_price_decimal(
    const ngx_http_tenant_json_t *at, const char *name, int64_t *value,
    ngx_http_tenant_json_error_t *err);
static int64_t ngx_http_tenant_price_number(const json_t *value);
static int64_t ngx_http_tenant_price_text(const char *s);


static const char *const  ngx_http_tenant_price_members[] = {
    "id", "input", "output", "cache_read", "cache_write", NULL
};


ngx_http_tenant_price_t *
ngx_http_tenant_price_read(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *at, ngx_http_tenant_json_error_t *err)
{
    const char               *missing;
    ngx_http_tenant_price_t  *price;

    price = ngx_pcalloc(pool, sizeof(ngx_http_tenant_price_t));
    if (price == NULL) {
        (void) ngx_http_tenant_json_fail(at, err, "no memory");
        return NULL;
    }

    price->object.refs = 1;
    price->object.kind = NGX_HTTP_TENANT_KIND_PRICE;
    price->object.pool = pool;

    price->input = NGX_HTTP_TENANT_PRICE_NONE;
    price->output = NGX_HTTP_TENANT_PRICE_NONE;
    price->cache_read = NGX_HTTP_TENANT_PRICE_NONE;
    price->cache_write = NGX_HTTP_TENANT_PRICE_NONE;

    if (ngx_http_tenant_json_object(at, ngx_http_tenant_price_members, err)
        != NGX_OK
        || ngx_http_tenant_price_id(pool, at, &price->sn, err) != NGX_OK
        || ngx_http_tenant_price_decimal(at, "input", &price->input, err)
           != NGX_OK
        || ngx_http_tenant_price_decimal(at, "output", &price->output, err)
           != NGX_OK
        || ngx_http_tenant_price_decimal(at, "cache_read",
                                         &price->cache_read, err)
           != NGX_OK
        || ngx_http_tenant_price_decimal(at, "cache_write",
                                         &price->cache_write, err)
           != NGX_OK)
    {
        return NULL;
    }

    missing = price->input == NGX_HTTP_TENANT_PRICE_NONE ? "input"
              : price->output == NGX_HTTP_TENANT_PRICE_NONE ? "output" : NULL;

    if (missing) {
        (void) ngx_http_tenant_json_fail(at, err, "has no \"%s\"", missing);
        return NULL;
    }

    return price;
}


static ngx_int_t
ngx_http_tenant_price_id(ngx_pool_t *pool, const ngx_http_tenant_json_t *at,
    ngx_str_node_t *sn, ngx_http_tenant_json_error_t *err)
{
    size_t                  i;
    ngx_http_tenant_json_t  child;

    if (ngx_http_tenant_json_required(pool, at, "id", &sn->str, err)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    (void) ngx_http_tenant_json_member(at, "id", &child);

    if (sn->str.len == 0 || sn->str.len > NGX_HTTP_TENANT_PRICE_ID_LEN) {
        return ngx_http_tenant_json_fail(&child, err,
                                         "must have 1 to %d bytes",
                                         NGX_HTTP_TENANT_PRICE_ID_LEN);
    }

    for (i = 0; i < sn->str.len; i++) {
        if (sn->str.data[i] < '!' || sn->str.data[i] > '~') {
            return ngx_http_tenant_json_fail(&child, err,
                                             "must be printable ASCII "
                                             "without spaces");
        }
    }

    sn->node.key = ngx_http_tenant_name_key(&sn->str);

    return NGX_OK;
}


/* A string keeps what was written; a number is what jansson made of it. */

static ngx_int_t
ngx_http_tenant_price_decimal(const ngx_http_tenant_json_t *at,
    const char *name, int64_t *value, ngx_http_tenant_json_error_t *err)
{
    ngx_http_tenant_json_t  child;

    if (ngx_http_tenant_json_member(at, name, &child) != NGX_OK) {
        return NGX_OK;
    }

    *value = json_is_string(child.value)
             ? ngx_http_tenant_price_text(json_string_value(child.value))
             : ngx_http_tenant_price_number(child.value);

    if (*value == NGX_HTTP_TENANT_PRICE_NONE) {
        return ngx_http_tenant_json_fail(&child, err,
                                         "must be 0 to %d USD, with at most "
                                         "%d decimals",
                                         NGX_HTTP_TENANT_PRICE_MAX,
                                         NGX_HTTP_TENANT_PRICE_DIGITS);
    }

    return NGX_OK;
}


static int64_t
ngx_http_tenant_price_number(const json_t *value)
{
    double  n;

    if (!json_is_number(value)) {
        return NGX_HTTP_TENANT_PRICE_NONE;
    }

    n = json_number_value(value);

    if (!(n >= 0 && n <= NGX_HTTP_TENANT_PRICE_MAX)) {
        return NGX_HTTP_TENANT_PRICE_NONE;
    }

    return (int64_t) (n * NGX_HTTP_TENANT_PRICE_UNIT + 0.5);
}


/* decimal := ( "0" | [1-9][0-9]* ) [ "." [0-9]+ ] */

static int64_t
ngx_http_tenant_price_text(const char *s)
{
    int64_t     n;
    ngx_uint_t  digits;

    if (*s < '0' || *s > '9' || (*s == '0' && s[1] != '.' && s[1] != '\0')) {
        return NGX_HTTP_TENANT_PRICE_NONE;
    }

    for (n = 0; *s >= '0' && *s <= '9'; s++) {
        n = n * 10 + *s - '0';

        if (n >= NGX_HTTP_TENANT_PRICE_MAX) {
            return NGX_HTTP_TENANT_PRICE_NONE;
        }
    }

    digits = 0;

    if (*s == '.') {
        for (s++; *s >= '0' && *s <= '9'; s++) {
            if (++digits > NGX_HTTP_TENANT_PRICE_DIGITS) {
                return NGX_HTTP_TENANT_PRICE_NONE;
            }

            n = n * 10 + *s - '0';
        }

        if (digits == 0) {
            return NGX_HTTP_TENANT_PRICE_NONE;
        }
    }

    if (*s) {
        return NGX_HTTP_TENANT_PRICE_NONE;
    }

    for ( /* void */ ; digits < NGX_HTTP_TENANT_PRICE_DIGITS; digits++) {
        n *= 10;
    }

    return n;
}
