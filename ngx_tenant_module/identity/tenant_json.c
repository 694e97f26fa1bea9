/*
 * The text is read here and only the tree is jansson's: its own reader
 * ignores a failed allocation while it collects a string, so that a claim
 * could come out shorter than it was signed.
 */

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tenant_json_text.h"
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
 * To the byte that ends a run of bytes that stand for themselves: '"' or
 * '\\', or 0 with the error set.
 */
static int
tenant_json_run(tenant_json_reader_t *r, const uint8_t *open)
{
    tenant_json_code_t  code = tenant_json_plain(&r->p, r->end);

    if (code == TENANT_JSON_OK) {
        return *r->p;
    }

    (void) tenant_json_fail(r, code, code == TENANT_JSON_SYNTAX ? open
                                                                : r->p);
    return 0;
}


/*
 * r->p is at the opening quote.  A string without escapes is lent from the
 * text, one with escapes from the scratch; both stay until the end.
 */
static bool
tenant_json_quoted(tenant_json_reader_t *r, tenant_str_t *str)
{
    const uint8_t      *open = r->p, *run;
    tenant_json_code_t  code;
    char               *dst;
    size_t              n;
    int                 c;

    run = ++r->p;
    c = tenant_json_run(r, open);

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

        code = tenant_json_escape(&r->p, r->end, dst, &n);

        if (code != TENANT_JSON_OK) {
            return tenant_json_fail(r, code, r->p);
        }

        dst += n;
        run = r->p;
        c = tenant_json_run(r, open);

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

    return tenant_json_quoted(r, &str)
           ? tenant_json_made(r, json_stringn_nocheck(str.data, str.len))
           : NULL;
}


static json_t *
tenant_json_number_value(tenant_json_reader_t *r)
{
    const uint8_t  *first = r->p;
    int64_t         integer;
    double          value;
    bool            real;

    if (!tenant_json_number(&r->p, r->end, &real)) {
        return tenant_json_fail_null(r, TENANT_JSON_SYNTAX, r->p);
    }

    if (!real) {
        return tenant_json_integer(first, r->p, &integer)
               ? tenant_json_made(r, json_integer(integer))
               : tenant_json_fail_null(r, TENANT_JSON_NUMBER, first);
    }

    return tenant_json_real(first, r->p, &value)
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

    if (!tenant_json_quoted(r, &name)) {
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
        return tenant_json_number_value(r);
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


tenant_str_t
tenant_json_string(const json_t *value)
{
    if (!json_is_string(value)) {
        return (tenant_str_t) { NULL, 0 };
    }

    return (tenant_str_t) { json_string_value(value),
                            json_string_length(value) };
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
