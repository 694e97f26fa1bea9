/* Claims as Cedar values, in a block that is measured before it is made. */

#include "ngx_http_tenant_policies.h"


#define NGX_HTTP_TENANT_CLAIM_DEPTH  8      /* of nested claims */


static ngx_int_t ngx_http_tenant_claim_measure_at(
    ngx_http_tenant_claim_room_t *room, const tenant_value_t *claim,
    ngx_uint_t depth);
static ngx_int_t ngx_http_tenant_claim_measure_array(
    ngx_http_tenant_claim_room_t *room, const tenant_value_t *claim,
    ngx_uint_t depth);
static ngx_int_t ngx_http_tenant_claim_measure_object(
    ngx_http_tenant_claim_room_t *room, const tenant_value_t *claim,
    ngx_uint_t depth);
static ngx_uint_t ngx_http_tenant_claim_kept(
    ngx_http_tenant_claim_room_t *room, const char *data, size_t len);
static ngx_int_t ngx_http_tenant_claim_write_at(
    ngx_http_tenant_claim_room_t *room, const tenant_value_t *claim,
    ngx_uint_t depth, policy_value_t *value);
static ngx_int_t ngx_http_tenant_claim_write_array(
    ngx_http_tenant_claim_room_t *room, const tenant_value_t *claim,
    ngx_uint_t depth, policy_value_t *value);
static ngx_int_t ngx_http_tenant_claim_write_object(
    ngx_http_tenant_claim_room_t *room, const tenant_value_t *claim,
    ngx_uint_t depth, policy_value_t *value);
static ngx_int_t ngx_http_tenant_claim_scalar(const tenant_value_t *claim,
    policy_value_t *value);


ngx_int_t
ngx_http_tenant_claim_measure(ngx_http_tenant_claim_room_t *room,
    const tenant_value_t *claim)
{
    return ngx_http_tenant_claim_measure_at(room, claim, 0);
}


static ngx_int_t
ngx_http_tenant_claim_measure_at(ngx_http_tenant_claim_room_t *room,
    const tenant_value_t *claim, ngx_uint_t depth)
{
    size_t          size, texts;
    ngx_int_t       rc;
    policy_value_t  v;

    if (depth > NGX_HTTP_TENANT_CLAIM_DEPTH) {
        return NGX_DECLINED;
    }

    size = room->size;
    texts = room->texts;

    switch (claim->kind) {

    case TENANT_VALUE_STRING:
        ngx_http_tenant_claim_measure_text(room, claim->u.text, claim->len);
        return NGX_OK;

    case TENANT_VALUE_ARRAY:
        rc = ngx_http_tenant_claim_measure_array(room, claim, depth);
        break;

    case TENANT_VALUE_OBJECT:
        rc = ngx_http_tenant_claim_measure_object(room, claim, depth);
        break;

    default:
        return ngx_http_tenant_claim_scalar(claim, &v);
    }

    if (rc != NGX_OK) {
        room->size = size;
        room->texts = texts;
    }

    return rc;
}


/* All elements, or none: a set without some would be another one. */

static ngx_int_t
ngx_http_tenant_claim_measure_array(ngx_http_tenant_claim_room_t *room,
    const tenant_value_t *claim, ngx_uint_t depth)
{
    uint32_t               i;
    const tenant_value_t  *item;

    room->size += POLICY_SET_SIZE(claim->len);

    item = tenant_value_first(claim);

    for (i = 0; i < claim->len; i++) {
        if (ngx_http_tenant_claim_measure_at(room, item, depth + 1)
            != NGX_OK)
        {
            return NGX_DECLINED;
        }

        item = tenant_value_next(item);
    }

    return NGX_OK;
}


/* A member that Cedar cannot hold is left out: "has" says so. */

static ngx_int_t
ngx_http_tenant_claim_measure_object(ngx_http_tenant_claim_room_t *room,
    const tenant_value_t *claim, ngx_uint_t depth)
{
    uint32_t               i;
    const tenant_value_t  *item;

    item = tenant_value_first(claim);

    for (i = 0; i < claim->len; i++) {
        if (ngx_http_tenant_claim_measure_at(room, item + 1, depth + 1)
            == NGX_OK)
        {
            room->size += POLICY_RECORD_SIZE(1);
            ngx_http_tenant_claim_measure_text(room, item->u.text,
                                               item->len);
        }

        item = tenant_value_next(item + 1);
    }

    return NGX_OK;
}


void
ngx_http_tenant_claim_measure_text(ngx_http_tenant_claim_room_t *room,
    const char *data, size_t len)
{
    if (!ngx_http_tenant_claim_kept(room, data, len)) {
        room->texts += len;
    }
}


/* Its number, from 1, or 0.  The very text, not one like it. */

static ngx_uint_t
ngx_http_tenant_claim_kept(ngx_http_tenant_claim_room_t *room,
    const char *data, size_t len)
{
    ngx_uint_t               i;
    ngx_http_tenant_kept_t  *kept;

    kept = room->kept;

    for (i = 0; i < sizeof(room->kept) / sizeof(room->kept[0]); i++) {
        if (kept[i].from.data == data && kept[i].from.len == len) {
            return i + 1;
        }
    }

    return 0;
}


const char *
ngx_http_tenant_claim_text(ngx_http_tenant_claim_room_t *room,
    const char *data, size_t len)
{
    char        *p;
    ngx_uint_t   n;

    n = ngx_http_tenant_claim_kept(room, data, len);

    if (n) {
        return room->kept[n - 1].to;
    }

    p = room->text;

    if ((size_t) (room->last - p) < len) {
        return NULL;
    }

    room->text = (char *) ngx_cpymem(p, data, len);

    return p;
}


ngx_int_t
ngx_http_tenant_claim_write(ngx_http_tenant_claim_room_t *room,
    const tenant_value_t *claim, policy_value_t *value)
{
    return ngx_http_tenant_claim_write_at(room, claim, 0, value);
}


static ngx_int_t
ngx_http_tenant_claim_write_at(ngx_http_tenant_claim_room_t *room,
    const tenant_value_t *claim, ngx_uint_t depth, policy_value_t *value)
{
    const char  *text;

    if (depth > NGX_HTTP_TENANT_CLAIM_DEPTH) {
        return NGX_DECLINED;
    }

    switch (claim->kind) {

    case TENANT_VALUE_STRING:
        text = ngx_http_tenant_claim_text(room, claim->u.text, claim->len);
        if (text == NULL) {
            return NGX_ERROR;
        }

        *value = policy_string(text, claim->len);
        return NGX_OK;

    case TENANT_VALUE_ARRAY:
        return ngx_http_tenant_claim_write_array(room, claim, depth, value);

    case TENANT_VALUE_OBJECT:
        return ngx_http_tenant_claim_write_object(room, claim, depth, value);

    default:
        return ngx_http_tenant_claim_scalar(claim, value);
    }
}


static ngx_int_t
ngx_http_tenant_claim_write_array(ngx_http_tenant_claim_room_t *room,
    const tenant_value_t *claim, ngx_uint_t depth, policy_value_t *value)
{
    uint32_t               i;
    ngx_int_t              rc;
    policy_value_t        *list;
    const tenant_value_t  *item;

    list = ngx_palloc(room->pool, (claim->len + 1) * sizeof(policy_value_t));
    if (list == NULL) {
        return NGX_ERROR;
    }

    item = tenant_value_first(claim);

    for (i = 0; i < claim->len; i++) {
        rc = ngx_http_tenant_claim_write_at(room, item, depth + 1, &list[i]);
        if (rc != NGX_OK) {
            return rc;
        }

        item = tenant_value_next(item);
    }

    return policy_values(room->arena, list, claim->len, value) == POLICY_OK
           ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_tenant_claim_write_object(ngx_http_tenant_claim_room_t *room,
    const tenant_value_t *claim, ngx_uint_t depth, policy_value_t *value)
{
    char                  *text;
    size_t                 mark;
    uint32_t               i, n;
    ngx_int_t              rc;
    policy_str_t          *names;
    policy_value_t        *values;
    const tenant_value_t  *item;

    names = ngx_palloc(room->pool, (claim->len + 1)
                                   * (sizeof(policy_str_t)
                                      + sizeof(policy_value_t)));
    if (names == NULL) {
        return NGX_ERROR;
    }

    values = (policy_value_t *) &names[claim->len + 1];
    item = tenant_value_first(claim);
    n = 0;

    for (i = 0; i < claim->len; i++) {
        mark = policy_arena_mark(room->arena);
        text = room->text;

        rc = ngx_http_tenant_claim_write_at(room, item + 1, depth + 1,
                                            &values[n]);

        if (rc == NGX_OK) {
            names[n].data = ngx_http_tenant_claim_text(room, item->u.text,
                                                       item->len);
            names[n].len = item->len;

            if (names[n++].data == NULL) {
                return NGX_ERROR;
            }

        } else if (rc == NGX_DECLINED) {

            /* of an array, say, of which the last is no value */

            policy_arena_release(room->arena, mark);
            room->text = text;

        } else {
            return NGX_ERROR;
        }

        item = tenant_value_next(item + 1);
    }

    return policy_record(room->arena, names, values, n, value) == POLICY_OK
           ? NGX_OK : NGX_ERROR;
}


/* What needs no memory; NGX_DECLINED: no value of Cedar's */

static ngx_int_t
ngx_http_tenant_claim_scalar(const tenant_value_t *claim,
    policy_value_t *value)
{
    double   real;
    int64_t  scaled;

    switch (claim->kind) {

    case TENANT_VALUE_INTEGER:
        *value = policy_long(claim->u.integer);
        return NGX_OK;

    case TENANT_VALUE_TRUE:
    case TENANT_VALUE_FALSE:
        *value = policy_bool(claim->kind == TENANT_VALUE_TRUE);
        return NGX_OK;

    case TENANT_VALUE_REAL:
        real = tenant_value_number(claim);

        /* beyond it four digits are no longer apart in a double */

        if (real < -9e11 || real > 9e11) {
            return NGX_DECLINED;
        }

        /* 0.57 * 10000 is not quite 5700: the nearest one must be it */

        scaled = (int64_t) (real * 10000.0 + (real < 0 ? -0.5 : 0.5));

        if ((double) scaled / 10000.0 != real) {
            return NGX_DECLINED;
        }

        *value = policy_decimal(scaled);
        return NGX_OK;

    default: /* TENANT_VALUE_NULL */
        return NGX_DECLINED;
    }
}
