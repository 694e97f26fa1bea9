#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tenant_json_text.h"


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


tenant_json_code_t
tenant_json_plain(const uint8_t **pos, const uint8_t *end)
{
    const uint8_t  *p = *pos;
    uint64_t        ends;
    size_t          n;

    for ( ;; ) {
        for (; end - p >= TENANT_JSON_STEP; p += TENANT_JSON_STEP) {
            ends = tenant_json_ends(p);

            if (ends != 0) {
                p += __builtin_ctzll(ends);
                break;
            }
        }

        *pos = p;

        if (p == end) {
            return TENANT_JSON_SYNTAX;
        }

        if (*p == '"' || *p == '\\') {
            return TENANT_JSON_OK;
        }

        if (*p < 0x20) {
            return *p ? TENANT_JSON_CONTROL : TENANT_JSON_NUL;
        }

        n = *p < 0x80 ? 1 : tenant_json_utf8_len(p, end);

        if (n == 0) {
            return TENANT_JSON_UTF8;
        }

        p += n;
    }
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


/* *pos is at the backslash of "\u". */
static tenant_json_code_t
tenant_json_unicode_escape(const uint8_t **pos, const uint8_t *end, char *dst,
    size_t *n)
{
    const uint8_t  *p = *pos + 2;
    int32_t         high, low;

    high = tenant_json_unit(p, end);

    if (high <= 0) {
        return high == 0 ? TENANT_JSON_NUL : TENANT_JSON_SYNTAX;
    }

    p += 4;

    if (high < 0xd800 || high > 0xdfff) {
        *pos = p;
        *n = tenant_json_put_utf8(dst, (uint32_t) high);
        return TENANT_JSON_OK;
    }

    low = -1;

    if (high < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
        low = tenant_json_unit(p + 2, end);
    }

    if (low < 0xdc00 || low > 0xdfff) {
        return TENANT_JSON_SURROGATE;
    }

    *pos = p + 6;
    *n = tenant_json_put_utf8(dst, 0x10000 + ((uint32_t) (high & 0x3ff) << 10
                                              | (uint32_t) (low & 0x3ff)));
    return TENANT_JSON_OK;
}


tenant_json_code_t
tenant_json_escape(const uint8_t **pos, const uint8_t *end, char *dst,
    size_t *n)
{
    static const char  from[] = "\"\\/bfnrt";
    static const char  to[] = "\"\\/\b\f\n\r\t";
    const uint8_t     *p = *pos;
    const char        *found;

    if (end - p < 2) {
        return TENANT_JSON_SYNTAX;
    }

    if (p[1] == 'u') {
        return tenant_json_unicode_escape(pos, end, dst, n);
    }

    found = p[1] ? strchr(from, p[1]) : NULL;

    if (found == NULL) {
        return TENANT_JSON_SYNTAX;
    }

    *pos = p + 2;
    *dst = to[found - from];
    *n = 1;
    return TENANT_JSON_OK;
}


/* 1*DIGIT; false if there is none */
static bool
tenant_json_digits(const uint8_t **p, const uint8_t *end)
{
    const uint8_t  *first = *p;

    while (*p < end && **p >= '0' && **p <= '9') {
        (*p)++;
    }

    return *p != first;
}


bool
tenant_json_number(const uint8_t **p, const uint8_t *end, bool *real)
{
    *real = false;

    if (**p == '-') {
        (*p)++;
    }

    if (*p < end && **p == '0') {
        (*p)++;

    } else if (!tenant_json_digits(p, end)) {
        return false;
    }

    if (*p < end && **p == '.') {
        *real = true;
        (*p)++;

        if (!tenant_json_digits(p, end)) {
            return false;
        }
    }

    if (*p < end && (**p == 'e' || **p == 'E')) {
        *real = true;
        (*p)++;

        if (*p < end && (**p == '+' || **p == '-')) {
            (*p)++;
        }

        return tenant_json_digits(p, end);
    }

    return true;
}


bool
tenant_json_integer(const uint8_t *p, const uint8_t *end, int64_t *value)
{
    bool     negative = *p == '-';
    int64_t  v = 0;

    if (end - p > TENANT_JSON_NUMBER_MAX) {
        return false;
    }

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


bool
tenant_json_real(const uint8_t *p, const uint8_t *end, double *value)
{
    char    text[TENANT_JSON_NUMBER_MAX + 1], *point;
    size_t  len = (size_t) (end - p);

    if (len > TENANT_JSON_NUMBER_MAX) {
        return false;
    }

    memcpy(text, p, len);
    text[len] = '\0';
    point = strchr(text, '.');

    if (point != NULL) {
        /* strtod() reads the locale's point, JSON knows one only */
        *point = localeconv()->decimal_point[0];
    }

    *value = strtod(text, NULL);
    return isfinite(*value);
}
