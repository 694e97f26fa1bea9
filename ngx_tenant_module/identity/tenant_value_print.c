/* A value of a token as JSON again. */

#include <string.h>

#include "tenant_value.h"


typedef struct {
    char    *dst;                   /* NULL: only counted */
    size_t   len;
} tenant_value_out_t;


static void
tenant_value_put(tenant_value_out_t *out, const char *data, size_t len)
{
    if (out->dst != NULL && len != 0) {
        memcpy(out->dst + out->len, data, len);
    }

    out->len += len;
}


static void
tenant_value_put_integer(tenant_value_out_t *out, int64_t integer)
{
    char      digits[20], *p = digits + sizeof(digits);
    uint64_t  n = integer < 0 ? 0 - (uint64_t) integer : (uint64_t) integer;

    do {
        *--p = (char) ('0' + n % 10);
        n /= 10;
    } while (n != 0);

    if (integer < 0) {
        *--p = '-';
    }

    tenant_value_put(out, p, (size_t) (digits + sizeof(digits) - p));
}


/* RFC 8259 section 7: what must be escaped, and nothing else */
static void
tenant_value_put_string(tenant_value_out_t *out, tenant_str_t text)
{
    static const char  hex[] = "0123456789ABCDEF";
    static const char  shorts[] = "btn\0fr";        /* from U+0008 on */
    char               escape[6] = "\\u00";
    unsigned char      c;
    size_t             i, run = 0;

    tenant_value_put(out, "\"", 1);

    for (i = 0; i < text.len; i++) {
        c = (unsigned char) text.data[i];

        if (c >= 0x20 && c != '"' && c != '\\') {
            continue;
        }

        tenant_value_put(out, text.data + run, i - run);
        run = i + 1;

        if (c >= 0x20) {
            tenant_value_put(out, "\\", 1);
            tenant_value_put(out, text.data + i, 1);

        } else if (c >= 8 && c <= 13 && shorts[c - 8] != '\0') {
            tenant_value_put(out, "\\", 1);
            tenant_value_put(out, &shorts[c - 8], 1);

        } else {
            escape[4] = hex[c >> 4];
            escape[5] = hex[c & 0x0f];
            tenant_value_put(out, escape, sizeof(escape));
        }
    }

    tenant_value_put(out, text.data + run, text.len - run);
    tenant_value_put(out, "\"", 1);
}


static void tenant_value_put_any(tenant_value_out_t *out,
    const tenant_value_t *value);


static void
tenant_value_put_container(tenant_value_out_t *out,
    const tenant_value_t *value)
{
    const tenant_value_t  *item = tenant_value_first(value);
    bool                   object = value->kind == TENANT_VALUE_OBJECT;
    uint32_t               i;

    tenant_value_put(out, object ? "{" : "[", 1);

    for (i = 0; i < value->len; i++) {
        if (i != 0) {
            tenant_value_put(out, ",", 1);
        }

        if (object) {
            tenant_value_put_string(out, tenant_value_text(item));
            tenant_value_put(out, ":", 1);
            item++;
        }

        tenant_value_put_any(out, item);
        item = tenant_value_next(item);
    }

    tenant_value_put(out, object ? "}" : "]", 1);
}


/* No deeper than reading lets it be. */
static void
tenant_value_put_any(tenant_value_out_t *out, const tenant_value_t *value)
{
    switch ((tenant_value_kind_t) value->kind) {
    case TENANT_VALUE_NULL:
        tenant_value_put(out, "null", 4);
        break;
    case TENANT_VALUE_FALSE:
        tenant_value_put(out, "false", 5);
        break;
    case TENANT_VALUE_TRUE:
        tenant_value_put(out, "true", 4);
        break;
    case TENANT_VALUE_INTEGER:
        tenant_value_put_integer(out, value->u.integer);
        break;
    case TENANT_VALUE_REAL:
        tenant_value_put(out, value->u.text, value->len);
        break;
    case TENANT_VALUE_STRING:
        tenant_value_put_string(out, tenant_value_text(value));
        break;
    case TENANT_VALUE_ARRAY:
    case TENANT_VALUE_OBJECT:
        tenant_value_put_container(out, value);
        break;
    }
}


size_t
tenant_value_print(const tenant_value_t *value, char *dst)
{
    tenant_value_out_t  out = { dst, 0 };

    tenant_value_put_any(&out, value);
    return out.len;
}
