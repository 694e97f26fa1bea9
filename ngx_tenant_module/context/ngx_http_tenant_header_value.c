/*
 * Values of headers: put together, and encoded so that no value can be
 * taken for another, or for more than a value.
 */

#include "ngx_http_tenant_context.h"
#include "../identity/ngx_http_tenant_identity.h"


#define NGX_HTTP_TENANT_FIELD_NONE      0
#define NGX_HTTP_TENANT_FIELD_ID        1
#define NGX_HTTP_TENANT_FIELD_TIER      2
#define NGX_HTTP_TENANT_FIELD_ACTOR_ID  3
#define NGX_HTTP_TENANT_FIELD_AGENT     4


/* A text and the field that follows it. */
struct ngx_http_tenant_part_s {
    ngx_str_t    text;
    ngx_uint_t   field;
};


static ngx_int_t ngx_http_tenant_header_parts(ngx_conf_t *cf,
    ngx_str_t *source, ngx_http_tenant_header_t *h);
static ngx_uint_t ngx_http_tenant_header_field(ngx_str_t *source, size_t *at);
static ngx_str_t *ngx_http_tenant_header_known(ngx_http_tenant_ctx_t *ctx,
    ngx_uint_t field);
static ngx_int_t ngx_http_tenant_header_complex(ngx_http_request_t *r,
    ngx_http_tenant_header_t *h, ngx_str_t *value);
static ngx_uint_t ngx_http_tenant_header_plain(u_char *src, size_t len);


/* Fields whose alphabets need no encoding. */

static ngx_str_t  ngx_http_tenant_header_fields[] = {
    ngx_null_string,
    ngx_string("tenant_id"),
    ngx_string("tenant_tier"),
    ngx_string("tenant_actor_id"),
    ngx_string("tenant_agent")
};

#define NGX_HTTP_TENANT_FIELDS                                                \
    (sizeof(ngx_http_tenant_header_fields) / sizeof(ngx_str_t))


ngx_int_t
ngx_http_tenant_header_compile(ngx_conf_t *cf, ngx_str_t *source,
    ngx_http_tenant_header_t *h)
{
    ngx_int_t                          rc;
    ngx_http_compile_complex_value_t   ccv;

    h->parts = NULL;
    h->nparts = 0;

    rc = ngx_http_tenant_header_parts(cf, source, h);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = source;
    ccv.complex_value = &h->value;

    return ngx_http_compile_complex_value(&ccv);
}


/*
 * Most values are a text with what the module itself knows of the caller:
 * these do without a script, a lookup for each variable and a search for
 * what needs encoding.  NGX_DECLINED: there is something else in it.
 */

static ngx_int_t
ngx_http_tenant_header_parts(ngx_conf_t *cf, ngx_str_t *source,
    ngx_http_tenant_header_t *h)
{
    size_t                   i, start;
    ngx_uint_t               n;
    ngx_http_tenant_part_t  *part;

    n = 1;

    for (i = 0; i < source->len; i++) {
        n += source->data[i] == '$';
    }

    part = ngx_palloc(cf->pool, n * sizeof(ngx_http_tenant_part_t));
    if (part == NULL) {
        return NGX_ERROR;
    }

    n = 0;
    i = 0;

    for ( ;; ) {
        start = i;

        /* a space may be one at an end, which depends on the whole value */

        while (i < source->len && source->data[i] != '$') {
            if (source->data[i] <= ' ' || source->data[i] >= 0x7f
                || source->data[i] == '%')
            {
                return NGX_DECLINED;
            }

            i++;
        }

        part[n].text.data = source->data + start;
        part[n].text.len = i - start;
        part[n].field = NGX_HTTP_TENANT_FIELD_NONE;

        if (i == source->len) {
            n += part[n].text.len != 0;
            break;
        }

        part[n].field = ngx_http_tenant_header_field(source, &i);

        if (part[n++].field == NGX_HTTP_TENANT_FIELD_NONE) {
            return NGX_DECLINED;
        }
    }

    h->parts = part;
    h->nparts = n;

    return NGX_OK;
}


/* At a "$": the field of that name, and *at behind it. */

static ngx_uint_t
ngx_http_tenant_header_field(ngx_str_t *source, size_t *at)
{
    u_char      c;
    size_t      i, start;
    ngx_str_t   name, *field;
    ngx_uint_t  n, braced;

    i = *at + 1;
    braced = i < source->len && source->data[i] == '{';
    i += braced;
    start = i;

    for ( /* void */ ; i < source->len; i++) {
        c = source->data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || c == '_'))
        {
            break;
        }
    }

    name.data = source->data + start;
    name.len = i - start;

    if (braced && (i == source->len || source->data[i++] != '}')) {
        return NGX_HTTP_TENANT_FIELD_NONE;
    }

    *at = i;

    for (n = 1; n < NGX_HTTP_TENANT_FIELDS; n++) {
        field = &ngx_http_tenant_header_fields[n];

        if (field->len == name.len
            && ngx_strncasecmp(field->data, name.data, name.len) == 0)
        {
            return n;
        }
    }

    return NGX_HTTP_TENANT_FIELD_NONE;
}


ngx_http_tenant_hot
ngx_int_t
ngx_http_tenant_header_value(ngx_http_request_t *r,
    ngx_http_tenant_ctx_t *ctx, ngx_http_tenant_header_t *h,
    ngx_str_t *value)
{
    u_char                  *p;
    size_t                   len;
    ngx_str_t               *field;
    ngx_uint_t               i;
    ngx_http_tenant_part_t  *part;

    part = h->parts;

    if (part == NULL) {
        return ngx_http_tenant_header_complex(r, h, value);
    }

    if (h->nparts == 1 && part->text.len == 0) {
        *value = *ngx_http_tenant_header_known(ctx, part->field);
        return NGX_OK;
    }

    len = 0;

    for (i = 0; i < h->nparts; i++) {
        len += part[i].text.len
               + ngx_http_tenant_header_known(ctx, part[i].field)->len;
    }

    value->len = len;

    value->data = ngx_pnalloc(r->pool, len);
    if (value->data == NULL) {
        return NGX_ERROR;
    }

    p = value->data;

    for (i = 0; i < h->nparts; i++) {
        field = ngx_http_tenant_header_known(ctx, part[i].field);

        p = ngx_cpymem(p, part[i].text.data, part[i].text.len);
        p = ngx_cpymem(p, field->data, field->len);
    }

    return NGX_OK;
}


/* The caller has an identity. */

static ngx_str_t *
ngx_http_tenant_header_known(ngx_http_tenant_ctx_t *ctx, ngx_uint_t field)
{
    ngx_http_tenant_identity_t  *identity;

    static ngx_str_t  none = ngx_string("");

    identity = ctx->caller->identity;

    switch (field) {

    case NGX_HTTP_TENANT_FIELD_ID:
        return &identity->tenant->sn.str;

    case NGX_HTTP_TENANT_FIELD_TIER:
        return &identity->tenant->tier->sn.str;

    case NGX_HTTP_TENANT_FIELD_ACTOR_ID:
        return &identity->actor_id;

    case NGX_HTTP_TENANT_FIELD_AGENT:
        return ctx->agent ? &ctx->agent->sn.str : &none;

    default:
        return &none;
    }
}


static ngx_int_t
ngx_http_tenant_header_complex(ngx_http_request_t *r,
    ngx_http_tenant_header_t *h, ngx_str_t *value)
{
    u_char  *p;
    size_t   len;

    if (ngx_http_complex_value(r, &h->value, value) != NGX_OK) {
        return NGX_ERROR;
    }

    if (value->len == 0) {
        return NGX_OK;
    }

    len = ngx_http_tenant_header_escape(NULL, value->data, value->len);

    if (len == value->len) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_http_tenant_header_escape(p, value->data, value->len);

    value->data = p;
    value->len = len;

    return NGX_OK;
}


/*
 * Eight bytes at a time: none below 0x20, above 0x7e, or "%"; no space at an
 * end.  May say no to a value that needs nothing, never the reverse.
 */

static ngx_uint_t
ngx_http_tenant_header_plain(u_char *src, size_t len)
{
    size_t    i;
    uint64_t  w, x, y, bad;

    static const uint64_t  ones = 0x0101010101010101ULL;
    static const uint64_t  high = 0x8080808080808080ULL;

    if (len < 8 || src[0] == ' ' || src[len - 1] == ' ') {
        return 0;
    }

    bad = 0;

    for (i = 0; i < len; i += 8) {

        /* the last eight may overlap those before */

        ngx_memcpy(&w, src + ngx_min(i, len - 8), 8);

        x = w ^ (ones * '%');
        y = w ^ (ones * 0x7f);

        bad |= w | (w - ones * 0x20) | ((x - ones) & ~x) | ((y - ones) & ~y);
    }

    return (bad & high) == 0;
}


/*
 * RFC 9110, section 5.5: visible ASCII with spaces between, none around.
 * Everything else is percent-encoded, and "%" with it, so that two values
 * stay two.
 */

size_t
ngx_http_tenant_header_escape(u_char *dst, u_char *src, size_t len)
{
    u_char   c;
    size_t   i, n;

    static const u_char  hex[] = "0123456789ABCDEF";

    /* one bit a byte: 0x00-0x1f, "%", 0x7f and above */

    static const uint32_t  unsafe[] = {
        0xffffffff, 0x00000020, 0x00000000, 0x80000000,
        0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff
    };

    if (dst == NULL && ngx_http_tenant_header_plain(src, len)) {
        return len;
    }

    for (i = 0, n = 0; i < len; i++) {
        c = src[i];

        if (!((unsafe[c >> 5] >> (c & 0x1f)) & 1)
            && (c != ' ' || (i && i < len - 1)))
        {
            if (dst) {
                dst[n] = c;
            }

            n++;
            continue;
        }

        if (dst) {
            dst[n] = '%';
            dst[n + 1] = hex[c >> 4];
            dst[n + 2] = hex[c & 0xf];
        }

        n += 3;
    }

    return n;
}
