/* JSON text: space, strings, numbers, words. */

#include "json.h"

#include <float.h>
#include <stdlib.h>


policy_status_t
policy_json_fail(policy_json_t *json, policy_status_t status, size_t offset,
    const char *message)
{
    return policy_fail(json->error, status, json->file, json->text, offset,
                       "%s", message);
}


policy_status_t
policy_json_no_memory(policy_json_t *json)
{
    if (json->arena->base != NULL) {
        return policy_json_fail(json, POLICY_LIMIT, json->at,
                                "arena is full");
    }

    return policy_fail_plain(json->error, POLICY_NO_MEMORY, "no memory");
}


policy_status_t
policy_json_init(policy_json_t *json, policy_arena_t *arena, policy_str_t file,
    policy_str_t text, policy_error_t *error)
{
    size_t  valid;

    memset(json, 0, sizeof(policy_json_t));

    json->file = file;
    json->text = text;
    json->error = error;
    json->arena = arena;

    if (text.len > POLICY_MAX_TEXT) {
        return policy_json_fail(json, POLICY_LIMIT, 0, "text is too long");
    }

    valid = policy_utf8_valid(text);

    if (valid < text.len) {
        return policy_json_fail(json, POLICY_SYNTAX, valid,
                                "invalid UTF-8");
    }

    /* in a fixed arena the stack borrows the upper half for the while */

    if (arena->base != NULL) {
        json->stack_size = (size_t) (arena->end - arena->cur) / 2
                           & ~(size_t) (POLICY_ALIGN - 1);
        arena->end -= json->stack_size;
        json->stack = arena->end;
    }

    return POLICY_OK;
}


void
policy_json_stop(policy_json_t *json)
{
    if (json->arena->base != NULL) {
        json->arena->end += json->stack_size;
    } else {
        policy_memory_free(&json->arena->memory, json->stack,
                           json->stack_size);
    }

    json->stack = NULL;
    json->stack_size = 0;
}


int
policy_json_peek(policy_json_t *json)
{
    char  c;

    for ( /* void */ ; json->at < json->text.len; json->at++) {
        c = json->text.data[json->at];

        if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
            return (unsigned char) c;
        }
    }

    return 0;
}


policy_status_t
policy_json_expect(policy_json_t *json, char c)
{
    char  message[] = "expected \"?\"";

    if (policy_json_peek(json) == (unsigned char) c) {
        json->at++;
        return POLICY_OK;
    }

    message[10] = c;

    return policy_json_fail(json, POLICY_SYNTAX, json->at, message);
}


policy_status_t
policy_json_end(policy_json_t *json)
{
    policy_json_peek(json);

    return json->at == json->text.len
           ? POLICY_OK
           : policy_json_fail(json, POLICY_SYNTAX, json->at,
                              "text after the end of the value");
}


/* four hex digits at s; -1: not that */
static int32_t
hex4(const char *s, size_t len)
{
    char      c;
    size_t    i;
    int32_t   v;

    if (len < 4) {
        return -1;
    }

    v = 0;

    for (i = 0; i < 4; i++) {
        c = s[i];

        if (c >= '0' && c <= '9') {
            v = v << 4 | (c - '0');

        } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
            v = v << 4 | ((c | 0x20) - 'a' + 10);

        } else {
            return -1;
        }
    }

    return v;
}


/* \uXXXX, the "u" being s[0]; a pair of surrogates is one; 0: bad */
static size_t
unescape_u(const char *s, size_t len, uint32_t *c)
{
    int32_t  high, low;

    high = hex4(s + 1, len - 1);

    if (high < 0 || (high >= 0xdc00 && high < 0xe000)) {
        return 0;
    }

    if (high < 0xd800 || high > 0xdbff) {
        *c = (uint32_t) high;
        return 5;
    }

    if (len < 11 || s[5] != '\\' || s[6] != 'u') {
        return 0;
    }

    low = hex4(s + 7, len - 7);

    if (low < 0xdc00 || low > 0xdfff) {
        return 0;
    }

    *c = (uint32_t) (0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));

    return 11;
}


static size_t
unescape_one(const char *s, size_t len, uint32_t *c)
{
    static const char  letters[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    const char        *p;

    if (s[0] == 'u') {
        return unescape_u(s, len, c);
    }

    p = s[0] == '\0' ? NULL : strchr(letters, s[0]);
    if (p == NULL) {
        return 0;
    }

    *c = (unsigned char) bytes[p - letters];

    return 1;
}


static policy_status_t
unescape(policy_json_t *json, policy_str_t in, policy_str_t *s)
{
    char      *out, *p;
    size_t     i, n;
    uint32_t   c;

    out = policy_alloc(json->arena, in.len + 1);
    if (out == NULL) {
        return policy_json_no_memory(json);
    }

    p = out;

    for (i = 0; i < in.len; i += n) {
        if (in.data[i] != '\\') {
            *p++ = in.data[i];
            n = 1;
            continue;
        }

        n = unescape_one(in.data + i + 1, in.len - i - 1, &c);

        if (n == 0) {
            return policy_json_fail(json, POLICY_SYNTAX,
                                    (size_t) (in.data + i - json->text.data),
                                    "bad escape in a string");
        }

        n++;
        p += policy_utf8_encode(c, p);
    }

    s->data = out;
    s->len = (size_t) (p - out);

    return POLICY_OK;
}


policy_status_t
policy_json_string(policy_json_t *json, policy_str_t *s)
{
    char          c;
    int           escaped;
    size_t        i, start;
    policy_str_t  in;

    if (policy_json_peek(json) != '"') {
        return policy_json_fail(json, POLICY_SYNTAX, json->at,
                                "expected a string");
    }

    start = json->at;
    escaped = 0;

    for (i = start + 1; i < json->text.len; i++) {
        c = json->text.data[i];

        if (c == '"') {
            break;
        }

        if ((unsigned char) c < 0x20) {
            return policy_json_fail(json, POLICY_SYNTAX, i,
                                    "control character in a string");
        }

        if (c == '\\') {
            escaped = 1;
            i++;
        }
    }

    if (i >= json->text.len) {
        return policy_json_fail(json, POLICY_SYNTAX, start,
                                "string is not closed");
    }

    in.data = json->text.data + start + 1;
    in.len = i - start - 1;
    json->at = i + 1;

    if (escaped) {
        return unescape(json, in, s);
    }

    *s = in;

    if (json->arena->copies) {
        *s = policy_str_copy(json->arena, in);
        if (s->data == NULL) {
            return policy_json_no_memory(json);
        }
    }

    return POLICY_OK;
}


static size_t
skip_digits(policy_json_t *json)
{
    size_t  start;

    for (start = json->at;
         json->at < json->text.len && json->text.data[json->at] >= '0'
         && json->text.data[json->at] <= '9';
         json->at++)
    {
        /* void */
    }

    return json->at - start;
}


/*
 * Whether a well-formed number is a finite double.  Decided by the decimal
 * exponent of its first digit; only at the very edge by the digits.
 */
static int
is_finite(const char *s, size_t len)
{
    int      point, minus;
    char     edge[32];
    size_t   i, n;
    int64_t  place, exponent;

    point = 0;
    place = -1;         /* exponent of the last digit before the point */
    n = 0;

    for (i = s[0] == '-'; i < len && (s[i] | 0x20) != 'e'; i++) {
        if (s[i] == '.') {
            point = 1;
            continue;
        }

        if (n == 0 && s[i] == '0') {
            place -= point;
            continue;
        }

        if (n < 20) {
            edge[n++] = s[i];
        }

        place += !point;
    }

    exponent = 0;
    minus = i + 1 < len && s[i + 1] == '-';

    for (i++; i < len; i++) {
        if (s[i] >= '0' && s[i] <= '9' && exponent < 100000000) {
            exponent = exponent * 10 + (s[i] - '0');
        }
    }

    place += minus ? -exponent : exponent;

    if (n == 0 || place != 308) {
        return n == 0 || place < 308;
    }

    /* d ddd...e(308 - digits behind the first) */

    memcpy(edge + n, "e000", 5);
    n = 308 - (n - 1);
    i = strlen(edge);
    edge[i - 3] = (char) ('0' + n / 100);
    edge[i - 2] = (char) ('0' + n / 10 % 10);
    edge[i - 1] = (char) ('0' + n % 10);

    return strtod(edge, NULL) <= DBL_MAX;
}


/* "-"? ("0" | [1-9][0-9]*) ("." [0-9]+)? ([eE] [+-]? [0-9]+)? */
policy_status_t
policy_json_number(policy_json_t *json, policy_value_t *value)
{
    int          minus, whole;
    size_t       i, start, first, n;
    int64_t      v;
    const char  *s;

    s = json->text.data;
    start = json->at;
    minus = s[json->at] == '-';
    json->at += (size_t) minus;
    first = json->at;
    n = skip_digits(json);

    if (n == 0 || (n > 1 && s[first] == '0')) {
        return policy_json_fail(json, POLICY_SYNTAX, start, "bad number");
    }

    v = 0;
    whole = !(minus && n == 1 && s[first] == '0');      /* "-0" is a float */

    for (i = first; i < json->at; i++) {
        if (__builtin_mul_overflow(v, 10, &v)
            || __builtin_sub_overflow(v, s[i] - '0', &v))
        {
            whole = 0;
            break;
        }
    }

    if (!minus && __builtin_sub_overflow(0, v, &v)) {
        whole = 0;
    }

    if (json->at < json->text.len && s[json->at] == '.') {
        whole = 0;
        json->at++;

        if (skip_digits(json) == 0) {
            return policy_json_fail(json, POLICY_SYNTAX, start,
                                    "bad number");
        }
    }

    if (json->at < json->text.len && (s[json->at] | 0x20) == 'e') {
        whole = 0;
        json->at++;

        if (json->at < json->text.len
            && (s[json->at] == '+' || s[json->at] == '-'))
        {
            json->at++;
        }

        if (skip_digits(json) == 0) {
            return policy_json_fail(json, POLICY_SYNTAX, start,
                                    "bad number");
        }
    }

    if (!whole && !is_finite(s + start, json->at - start)) {
        return policy_json_fail(json, POLICY_INVALID, start,
                                "number is out of range");
    }

    if (!whole && json->strict) {
        return policy_json_fail(json, POLICY_INVALID, start,
                                "number is no 64-bit integer");
    }

    *value = whole ? policy_long(v)
                   : policy_value_make(JSON_NUMBER, (int64_t) start);

    return POLICY_OK;
}


policy_status_t
policy_json_word(policy_json_t *json, const char *word, policy_value_t v,
    policy_value_t *value)
{
    size_t  n;

    n = strlen(word);

    if (json->text.len - json->at < n
        || memcmp(json->text.data + json->at, word, n) != 0)
    {
        return policy_json_fail(json, POLICY_SYNTAX, json->at,
                                "expected a value");
    }

    json->at += n;
    *value = v;

    return POLICY_OK;
}
