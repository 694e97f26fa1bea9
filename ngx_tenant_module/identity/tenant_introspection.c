#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "tenant_introspection.h"


/* ORDER tenant_introspection_status_t */
static const char *const  tenant_introspection_reasons[] = {
    "active",
    "not active",
    "is not valid JSON",
    "has no \"active\" that is true or false",
    "no memory for it",
};


const char *
tenant_introspection_reason(tenant_introspection_status_t status)
{
    return tenant_introspection_reasons[status];
}


static bool
tenant_token_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9');
}


/* b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=" */
static bool
tenant_token_b64(tenant_str_t token)
{
    size_t  i = 0;

    while (i < token.len
           && (tenant_token_alnum(token.data[i]) || token.data[i] == '-'
               || token.data[i] == '.' || token.data[i] == '_'
               || token.data[i] == '~' || token.data[i] == '+'
               || token.data[i] == '/'))
    {
        i++;
    }

    if (i == 0) {
        return false;
    }

    while (i < token.len && token.data[i] == '=') {
        i++;
    }

    return i == token.len;
}


/* -1: not a digit of base64url */
static int
tenant_token_digit(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }

    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }

    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }

    return c == '-' ? 62 : c == '_' ? 63 : -1;
}


/* Whether the text that len digits stand for is white space and then "{". */
static bool
tenant_token_object(const char *digits, size_t len)
{
    uint32_t  bits = 0;
    size_t    i, have = 0;
    bool      object = false;
    char      c;
    int       digit;

    for (i = 0; i < len; i++) {
        digit = tenant_token_digit(digits[i]);

        if (digit < 0) {
            return false;
        }

        if (object) {
            continue;
        }

        bits = bits << 6 | (uint32_t) digit;
        have += 6;

        if (have < 8) {
            continue;
        }

        have -= 8;
        c = (char) (bits >> have & 0xff);
        object = c == '{';

        if (!object && c != ' ' && c != '\t' && c != '\n' && c != '\r') {
            return false;
        }
    }

    return object;
}


tenant_token_form_t
tenant_token_form(tenant_str_t token)
{
    const char  *end, *dot, *p;
    size_t       dots = 0;

    if (!tenant_token_b64(token)) {
        return TENANT_TOKEN_MALFORMED;
    }

    end = token.data + token.len;
    dot = memchr(token.data, '.', token.len);

    for (p = dot; p != NULL; p = memchr(p + 1, '.', (size_t) (end - p - 1))) {
        dots++;
    }

    return dots == 2 && tenant_token_object(token.data,
                                            (size_t) (dot - token.data))
           ? TENANT_TOKEN_JWS : TENANT_TOKEN_OPAQUE;
}


size_t
tenant_introspection_encode(char *out, tenant_str_t text)
{
    static const char  hex[] = "0123456789ABCDEF";
    size_t             i, len = 0;
    unsigned char      c;

    for (i = 0; i < text.len; i++) {
        c = (unsigned char) text.data[i];

        if (tenant_token_alnum((char) c) || c == '-' || c == '.' || c == '_'
            || c == '~')
        {
            if (out != NULL) {
                out[len] = (char) c;
            }

            len++;
            continue;
        }

        if (out != NULL) {
            out[len] = '%';
            out[len + 1] = hex[c >> 4];
            out[len + 2] = hex[c & 15];
        }

        len += 3;
    }

    return len;
}


tenant_introspection_status_t
tenant_introspection_read(tenant_tape_t *tape, char *text, size_t len,
    const tenant_value_t **response, tenant_json_error_t *err)
{
    const tenant_value_t  *active;

    *response = tenant_value_read(tape, text, len, &tenant_json_token_limits,
                                  err);

    if (*response == NULL) {
        return err->code == TENANT_JSON_NO_MEMORY
               ? TENANT_INTROSPECTION_NO_MEMORY : TENANT_INTROSPECTION_JSON;
    }

    active = tenant_value_get(*response, tenant_str("active"));

    if (tenant_value_is(active, TENANT_VALUE_TRUE)) {
        return TENANT_INTROSPECTION_ACTIVE;
    }

    return tenant_value_is(active, TENANT_VALUE_FALSE)
           ? TENANT_INTROSPECTION_INACTIVE : TENANT_INTROSPECTION_NO_ACTIVE;
}


size_t
tenant_introspection_claims(const tenant_value_t *response, tenant_str_t iss,
    char *dst)
{
    static const char  before[] = "{\"iss\":";
    tenant_value_t     value = { .u.text = iss.data,
                                 .len = (uint32_t) iss.len,
                                 .kind = TENANT_VALUE_STRING, .span = 1 };
    size_t             len, n;

    if (tenant_value_get(response, tenant_str("iss")) != NULL) {
        return tenant_value_print(response, dst);
    }

    len = sizeof(before) - 1;
    n = len + tenant_value_print(&value, NULL);

    if (dst == NULL) {
        return n + tenant_value_print(response, NULL);
    }

    /* its "{" becomes the comma: there is "active" in any case */

    memcpy(dst, before, len);
    (void) tenant_value_print(&value, dst + len);
    len = n + tenant_value_print(response, dst + n);
    dst[n] = ',';

    return len;
}
