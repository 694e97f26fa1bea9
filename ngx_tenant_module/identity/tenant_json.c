/*
 * The text is read here and only the tree is jansson's: its own reader
 * ignores a failed allocation while it collects a string, so that a claim
 * could come out shorter than it was signed.
 */

#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tenant_json.h"
#include "tenant_str.h"


typedef struct {
    const uint8_t               *start;
    const uint8_t               *p;
    const uint8_t               *end;
    const tenant_json_limits_t  *limits;
    size_t                       values;

    /*
     * Decoded strings that had escapes, one behind the other: a member name
     * stays while its value is read.  As large as the text, which is enough
     * for all of them since decoding never lengthens.  Taken at the first
     * escape, from jansson's allocator.
     */
    char                        *scratch;
    size_t                       used;

    tenant_json_error_t         *err;
} tenant_json_reader_t;


static json_t *tenant_json_value(tenant_json_reader_t *r, unsigned depth);


const tenant_json_limits_t  tenant_json_token_limits = { 65536, 16, 4096 };
const tenant_json_limits_t  tenant_json_jwks_limits = { 524288, 8, 16384 };


/* ORDER tenant_json_code_t */
static const char *const  tenant_json_reasons[] = {
    "valid",
    "too large",
    "nested too deep",
    "too many values",
    "byte order mark",
    "syntax error",
    "invalid UTF-8",
    "lone surrogate",
    "NUL in a string",
    "control character in a string",
    "number out of range",
    "duplicate member name",
    "text after the value",
    "not an object",
    "no memory",
};


const char *
tenant_json_reason(tenant_json_code_t code)
{
    return tenant_json_reasons[code];
}


static bool
tenant_json_fail(tenant_json_reader_t *r, tenant_json_code_t code,
    const uint8_t *at)
{
    r->err->code = code;
    r->err->offset = (size_t) (at - r->start);
    return false;
}


static json_t *
tenant_json_fail_null(tenant_json_reader_t *r, tenant_json_code_t code,
    const uint8_t *at)
{
    (void) tenant_json_fail(r, code, at);
    return NULL;
}


/* For results of jansson's constructors, where NULL is no memory. */
static json_t *
tenant_json_made(tenant_json_reader_t *r, json_t *value)
{
    if (value == NULL) {
        (void) tenant_json_fail(r, TENANT_JSON_NO_MEMORY, r->p);
    }

    return value;
}


/* ws = *( SP / HT / LF / CR ); returns the byte after it, or -1 at the end */
static int
tenant_json_peek(tenant_json_reader_t *r)
{
    while (r->p < r->end) {
        switch (*r->p) {
        case ' ':
        case '\t':
        case '\n':
        case '\r':
            r->p++;
            break;
        default:
            return *r->p;
        }
    }

    return -1;
}


/* Bytes of the UTF-8 sequence at p (RFC 3629 section 4), 0 if invalid. */
static size_t
tenant_json_utf8_len(const uint8_t *p, const uint8_t *end)
{
    uint8_t  low = 0x80, high = 0xbf;
    size_t   i, len;

    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        len = 2;

    } else if ((p[0] & 0xf0) == 0xe0) {
        len = 3;
        low = p[0] == 0xe0 ? 0xa0 : 0x80;
        high = p[0] == 0xed ? 0x9f : 0xbf;

    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        len = 4;
        low = p[0] == 0xf0 ? 0x90 : 0x80;
        high = p[0] == 0xf4 ? 0x8f : 0xbf;

    } else {
        return 0;
    }

    if ((size_t) (end - p) < len || p[1] < low || p[1] > high) {
        return 0;
    }

    for (i = 2; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }

    return len;
}


static int
tenant_json_hex(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}


/* The four hex digits after \u at p; -1 if they are not four. */
static int32_t
tenant_json_unit(const uint8_t *p, const uint8_t *end)
{
    int32_t  unit = 0;
    int      i, digit;

    if (end - p < 4) {
        return -1;
    }

    for (i = 0; i < 4; i++) {
        digit = tenant_json_hex(p[i]);

        if (digit < 0) {
            return -1;
        }

        unit = unit << 4 | digit;
    }

    return unit;
}


static size_t
tenant_json_put_utf8(char *dst, uint32_t c)
{
    if (c < 0x80) {
        dst[0] = (char) c;
        return 1;
    }

    if (c < 0x800) {
        dst[0] = (char) (0xc0 | c >> 6);
        dst[1] = (char) (0x80 | (c & 0x3f));
        return 2;
    }

    if (c < 0x10000) {
        dst[0] = (char) (0xe0 | c >> 12);
        dst[1] = (char) (0x80 | (c >> 6 & 0x3f));
        dst[2] = (char) (0x80 | (c & 0x3f));
        return 3;
    }

    dst[0] = (char) (0xf0 | c >> 18);
    dst[1] = (char) (0x80 | (c >> 12 & 0x3f));
    dst[2] = (char) (0x80 | (c >> 6 & 0x3f));
    dst[3] = (char) (0x80 | (c & 0x3f));
    return 4;
}


/* r->p is behind "\u"; writes the code point and moves behind it. */
static bool
tenant_json_unicode_escape(tenant_json_reader_t *r, char *dst, size_t *n)
{
    const uint8_t  *at = r->p - 2;
    int32_t         high, low;

    high = tenant_json_unit(r->p, r->end);

    if (high < 0) {
        return tenant_json_fail(r, TENANT_JSON_SYNTAX, at);
    }

    if (high == 0) {
        return tenant_json_fail(r, TENANT_JSON_NUL, at);
    }

    r->p += 4;

    if (high < 0xd800 || high > 0xdfff) {
        *n = tenant_json_put_utf8(dst, (uint32_t) high);
        return true;
    }

    low = -1;

    if (high < 0xdc00 && r->end - r->p >= 6 && r->p[0] == '\\'
        && r->p[1] == 'u')
    {
        low = tenant_json_unit(r->p + 2, r->end);
    }

    if (low < 0xdc00 || low > 0xdfff) {
        return tenant_json_fail(r, TENANT_JSON_SURROGATE, at);
    }

    r->p += 6;
    *n = tenant_json_put_utf8(dst, 0x10000 + ((uint32_t) (high & 0x3ff) << 10
                                              | (uint32_t) (low & 0x3ff)));
    return true;
}


/* r->p is at the backslash; writes at most 4 bytes and moves behind it. */
static bool
tenant_json_escape(tenant_json_reader_t *r, char *dst, size_t *n)
{
    static const char  from[] = "\"\\/bfnrt";
    static const char  to[] = "\"\\/\b\f\n\r\t";
    const char        *found;

    if (r->end - r->p < 2) {
        return tenant_json_fail(r, TENANT_JSON_SYNTAX, r->p);
    }

    if (r->p[1] == 'u') {
        r->p += 2;
        return tenant_json_unicode_escape(r, dst, n);
    }

    found = r->p[1] ? strchr(from, r->p[1]) : NULL;

    if (found == NULL) {
        return tenant_json_fail(r, TENANT_JSON_SYNTAX, r->p);
    }

    *dst = to[found - from];
    *n = 1;
    r->p += 2;
    return true;
}


static bool
tenant_json_scratch(tenant_json_reader_t *r)
{
    json_malloc_t  take;
    json_free_t    give;

    if (r->scratch == NULL) {
        json_get_alloc_funcs(&take, &give);
        r->scratch = take((size_t) (r->end - r->start));
    }

    return r->scratch != NULL
           || tenant_json_fail(r, TENANT_JSON_NO_MEMORY, r->p);
}


/*
 * Moves over bytes that stand for themselves.  Returns the byte that ends
 * the run, '"' or '\\', or 0 with the error set.
 */
static int
tenant_json_plain(tenant_json_reader_t *r, const uint8_t *open)
{
    size_t  n;

    while (r->p < r->end) {
        if (*r->p == '"' || *r->p == '\\') {
            return *r->p;
        }

        if (*r->p < 0x20) {
            (void) tenant_json_fail(r, *r->p ? TENANT_JSON_CONTROL
                                             : TENANT_JSON_NUL, r->p);
            return 0;
        }

        if (*r->p < 0x80) {
            r->p++;
            continue;
        }

        n = tenant_json_utf8_len(r->p, r->end);

        if (n == 0) {
            (void) tenant_json_fail(r, TENANT_JSON_UTF8, r->p);
            return 0;
        }

        r->p += n;
    }

    (void) tenant_json_fail(r, TENANT_JSON_SYNTAX, open);
    return 0;
}


/*
 * r->p is at the opening quote.  A string without escapes is lent from the
 * text, one with escapes from the scratch; both stay until the end.
 */
static bool
tenant_json_string(tenant_json_reader_t *r, tenant_str_t *str)
{
    const uint8_t  *open = r->p, *run;
    char           *dst;
    size_t          n;
    int             c;

    run = ++r->p;
    c = tenant_json_plain(r, open);

    if (c == '"') {
        str->data = (const char *) run;
        str->len = (size_t) (r->p - run);
        r->p++;
        return true;
    }

    if (c == 0 || !tenant_json_scratch(r)) {
        return false;
    }

    dst = r->scratch + r->used;
    str->data = dst;

    for ( ;; ) {
        n = (size_t) (r->p - run);
        memcpy(dst, run, n);
        dst += n;

        if (c == '"') {
            break;
        }

        if (!tenant_json_escape(r, dst, &n)) {
            return false;
        }

        dst += n;
        run = r->p;
        c = tenant_json_plain(r, open);

        if (c == 0) {
            return false;
        }
    }

    r->p++;
    str->len = (size_t) (dst - str->data);
    r->used += str->len;
    return true;
}


static json_t *
tenant_json_string_value(tenant_json_reader_t *r)
{
    tenant_str_t  str;

    return tenant_json_string(r, &str)
           ? tenant_json_made(r, json_stringn_nocheck(str.data, str.len))
           : NULL;
}


/* 1*DIGIT; false if there is none */
static bool
tenant_json_digits(tenant_json_reader_t *r)
{
    const uint8_t  *first = r->p;

    while (r->p < r->end && *r->p >= '0' && *r->p <= '9') {
        r->p++;
    }

    return r->p != first;
}


/*
 * number = [ "-" ] int [ "." 1*DIGIT ] [ ( "e" / "E" ) [ "+" / "-" ] 1*DIGIT ]
 * int = "0" / ( DIGIT1-9 *DIGIT )
 */
static bool
tenant_json_number_text(tenant_json_reader_t *r, bool *real)
{
    *real = false;

    if (*r->p == '-') {
        r->p++;
    }

    if (r->p < r->end && *r->p == '0') {
        r->p++;

    } else if (!tenant_json_digits(r)) {
        return false;
    }

    if (r->p < r->end && *r->p == '.') {
        *real = true;
        r->p++;

        if (!tenant_json_digits(r)) {
            return false;
        }
    }

    if (r->p < r->end && (*r->p == 'e' || *r->p == 'E')) {
        *real = true;
        r->p++;

        if (r->p < r->end && (*r->p == '+' || *r->p == '-')) {
            r->p++;
        }

        return tenant_json_digits(r);
    }

    return true;
}


static bool
tenant_json_integer(const uint8_t *p, const uint8_t *end, int64_t *value)
{
    bool     negative = *p == '-';
    int64_t  v = 0;

    /* below zero all the way: INT64_MIN has no positive counterpart */
    for (p += negative; p < end; p++) {
        if (__builtin_mul_overflow(v, 10, &v)
            || __builtin_sub_overflow(v, *p - '0', &v))
        {
            return false;
        }
    }

    *value = v;
    return negative || !__builtin_sub_overflow((int64_t) 0, v, value);
}


static json_t *
tenant_json_number(tenant_json_reader_t *r)
{
    const uint8_t  *first = r->p;
    char            text[TENANT_JSON_NUMBER_MAX + 1], *point;
    int64_t         integer;
    double          value;
    size_t          len;
    bool            real;

    if (!tenant_json_number_text(r, &real)) {
        return tenant_json_fail_null(r, TENANT_JSON_SYNTAX, r->p);
    }

    len = (size_t) (r->p - first);

    if (len > TENANT_JSON_NUMBER_MAX) {
        return tenant_json_fail_null(r, TENANT_JSON_NUMBER, first);
    }

    if (!real) {
        return tenant_json_integer(first, r->p, &integer)
               ? tenant_json_made(r, json_integer(integer))
               : tenant_json_fail_null(r, TENANT_JSON_NUMBER, first);
    }

    memcpy(text, first, len);
    text[len] = '\0';
    point = strchr(text, '.');

    if (point != NULL) {
        /* strtod() reads the locale's point, JSON knows one only */
        *point = localeconv()->decimal_point[0];
    }

    value = strtod(text, NULL);

    return isfinite(value)
           ? tenant_json_made(r, json_real(value))
           : tenant_json_fail_null(r, TENANT_JSON_NUMBER, first);
}


static json_t *
tenant_json_literal(tenant_json_reader_t *r, const char *word, json_t *value)
{
    size_t  len = strlen(word);

    if ((size_t) (r->end - r->p) < len || memcmp(r->p, word, len) != 0) {
        return tenant_json_fail_null(r, TENANT_JSON_SYNTAX, r->p);
    }

    r->p += len;
    return value;
}


/* The byte after an element: true for "," and for the closing one. */
static bool
tenant_json_separator(tenant_json_reader_t *r, int close, bool *last)
{
    int  c = tenant_json_peek(r);

    if (c != ',' && c != close) {
        return tenant_json_fail(r, TENANT_JSON_SYNTAX, r->p);
    }

    r->p++;
    *last = c == close;
    return true;
}


/* member = string ":" value; the name is refused if object has it */
static bool
tenant_json_member(tenant_json_reader_t *r, json_t *object, unsigned depth)
{
    const uint8_t  *at;
    tenant_str_t    name;
    json_t         *value;

    if (tenant_json_peek(r) != '"') {
        return tenant_json_fail(r, TENANT_JSON_SYNTAX, r->p);
    }

    at = r->p;

    if (!tenant_json_string(r, &name)) {
        return false;
    }

    if (json_object_getn(object, name.data, name.len) != NULL) {
        return tenant_json_fail(r, TENANT_JSON_DUPLICATE, at);
    }

    if (tenant_json_peek(r) != ':') {
        return tenant_json_fail(r, TENANT_JSON_SYNTAX, r->p);
    }

    r->p++;
    value = tenant_json_value(r, depth);

    if (value == NULL) {
        return false;
    }

    if (json_object_setn_new_nocheck(object, name.data, name.len, value)
        != 0)
    {
        return tenant_json_fail(r, TENANT_JSON_NO_MEMORY, at);
    }

    return true;
}


/* object = "{" [ member *( "," member ) ] "}" */
static bool
tenant_json_members(tenant_json_reader_t *r, json_t *object, unsigned depth)
{
    bool  last = false;

    if (tenant_json_peek(r) == '}') {
        r->p++;
        return true;
    }

    while (!last) {
        if (!tenant_json_member(r, object, depth)
            || !tenant_json_separator(r, '}', &last))
        {
            return false;
        }
    }

    return true;
}


/* array = "[" [ value *( "," value ) ] "]" */
static bool
tenant_json_elements(tenant_json_reader_t *r, json_t *array, unsigned depth)
{
    json_t  *value;
    bool     last = false;

    if (tenant_json_peek(r) == ']') {
        r->p++;
        return true;
    }

    while (!last) {
        value = tenant_json_value(r, depth);

        if (value == NULL) {
            return false;
        }

        if (json_array_append_new(array, value) != 0) {
            return tenant_json_fail(r, TENANT_JSON_NO_MEMORY, r->p);
        }

        if (!tenant_json_separator(r, ']', &last)) {
            return false;
        }
    }

    return true;
}


/* r->p is at the opening bracket; depth counts the containers around it. */
static json_t *
tenant_json_container(tenant_json_reader_t *r, unsigned depth)
{
    json_t  *value;
    bool     object = *r->p == '{';

    if (depth >= r->limits->max_depth || depth >= TENANT_JSON_DEPTH_MAX) {
        return tenant_json_fail_null(r, TENANT_JSON_TOO_DEEP, r->p);
    }

    value = tenant_json_made(r, object ? json_object() : json_array());

    if (value == NULL) {
        return NULL;
    }

    r->p++;

    if (!(object ? tenant_json_members(r, value, depth + 1)
                 : tenant_json_elements(r, value, depth + 1)))
    {
        json_decref(value);
        return NULL;
    }

    return value;
}


static json_t *
tenant_json_value(tenant_json_reader_t *r, unsigned depth)
{
    int  c = tenant_json_peek(r);

    if (++r->values > r->limits->max_values) {
        return tenant_json_fail_null(r, TENANT_JSON_TOO_MANY, r->p);
    }

    switch (c) {
    case '{':
    case '[':
        return tenant_json_container(r, depth);
    case '"':
        return tenant_json_string_value(r);
    case 't':
        return tenant_json_literal(r, "true", json_true());
    case 'f':
        return tenant_json_literal(r, "false", json_false());
    case 'n':
        return tenant_json_literal(r, "null", json_null());
    case '-':
    case '0': case '1': case '2': case '3': case '4':
    case '5': case '6': case '7': case '8': case '9':
        return tenant_json_number(r);
    default:
        return tenant_json_fail_null(r, TENANT_JSON_SYNTAX, r->p);
    }
}


static json_t *
tenant_json_root(tenant_json_reader_t *r)
{
    json_t  *root;
    int      c;

    if (r->end - r->p >= 3 && memcmp(r->p, "\xef\xbb\xbf", 3) == 0) {
        return tenant_json_fail_null(r, TENANT_JSON_BOM, r->p);
    }

    c = tenant_json_peek(r);

    if (c != '{') {
        return tenant_json_fail_null(r, c > 0 && strchr("[\"-0123456789tfn", c)
                                        ? TENANT_JSON_NOT_OBJECT
                                        : TENANT_JSON_SYNTAX, r->p);
    }

    root = tenant_json_value(r, 0);

    if (root != NULL && tenant_json_peek(r) != -1) {
        json_decref(root);
        return tenant_json_fail_null(r, TENANT_JSON_TRAILING, r->p);
    }

    return root;
}


json_t *
tenant_json_parse(const char *text, size_t len,
    const tenant_json_limits_t *limits, tenant_json_error_t *err)
{
    tenant_json_reader_t  r;
    json_malloc_t         take;
    json_free_t           give;
    json_t               *root;

    memset(&r, 0, sizeof(r));
    r.start = (const uint8_t *) text;
    r.p = r.start;
    r.end = r.start + len;
    r.limits = limits;
    r.err = err;

    err->code = TENANT_JSON_OK;
    err->offset = 0;

    if (len > limits->max_bytes) {
        return tenant_json_fail_null(&r, TENANT_JSON_TOO_LARGE,
                                     r.start + limits->max_bytes);
    }

    root = tenant_json_root(&r);

    if (r.scratch != NULL) {
        json_get_alloc_funcs(&take, &give);
        give(r.scratch);
    }

    return root;
}
