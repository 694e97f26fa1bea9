#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "tenant_b64url.h"


/* Any value above 63: one OR over a group tells whether all were digits. */
#define XX  0x80

/* RFC 4648 table 2, by byte. */
static const uint8_t  tenant_b64url_value[256] = {
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, 62, XX, XX,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, XX, XX, XX, XX, XX, XX,
    XX,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, XX, XX, XX, XX, 63,
    XX, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, XX, XX, XX, XX, XX,
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
};

#undef XX

static const char  tenant_b64url_digit[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";


/*
 * The last two or three digits.  The bits that fill up the last digit must
 * be zero: any other value would be a second spelling of the same bytes.
 */
static bool
tenant_b64url_decode_tail(uint8_t *dst, const uint8_t *src, size_t len)
{
    const uint8_t  *value = tenant_b64url_value;
    uint32_t        a, b, c;

    a = value[src[0]];
    b = value[src[1]];

    if (len == 2) {
        if (((a | b) & 0x80) || (b & 0x0f)) {
            return false;
        }

        dst[0] = (uint8_t) (a << 2 | b >> 4);
        return true;
    }

    c = value[src[2]];

    if (((a | b | c) & 0x80) || (c & 0x03)) {
        return false;
    }

    dst[0] = (uint8_t) (a << 2 | b >> 4);
    dst[1] = (uint8_t) (b << 4 | c >> 2);
    return true;
}


#ifdef __SSE2__

#define TENANT_B64URL_STEP  16      /* digits, of 12 bytes */


/* 0xff in each byte that is within first..last; both are ASCII. */
static inline __m128i
tenant_b64url_within(__m128i digits, char first, char last)
{
    return _mm_and_si128(_mm_cmpgt_epi8(digits, _mm_set1_epi8(first - 1)),
                         _mm_cmplt_epi8(digits, _mm_set1_epi8(last + 1)));
}


/*
 * Sixteen digits at src to twelve bytes at dst, which may be src, and which
 * has room for thirteen.  Returns false on a byte that is no digit.
 */
static inline bool
tenant_b64url_decode_step(uint8_t *dst, const uint8_t *src)
{
    __m128i   digits = _mm_loadu_si128((const __m128i *) src);
    __m128i   upper, lower, number, minus, under, any, values;
    uint64_t  pair;
    uint32_t  group;
    int       i;

    upper = tenant_b64url_within(digits, 'A', 'Z');
    lower = tenant_b64url_within(digits, 'a', 'z');
    number = tenant_b64url_within(digits, '0', '9');
    minus = _mm_cmpeq_epi8(digits, _mm_set1_epi8('-'));
    under = _mm_cmpeq_epi8(digits, _mm_set1_epi8('_'));

    any = _mm_or_si128(_mm_or_si128(upper, lower),
                       _mm_or_si128(number, _mm_or_si128(minus, under)));

    if (_mm_movemask_epi8(any) != 0xffff) {
        return false;
    }

    /* what has to be added to a digit for its value */
    values = _mm_or_si128(
        _mm_or_si128(_mm_and_si128(upper, _mm_set1_epi8(-'A')),
                     _mm_and_si128(lower, _mm_set1_epi8(26 - 'a'))),
        _mm_or_si128(_mm_and_si128(number, _mm_set1_epi8(52 - '0')),
                     _mm_or_si128(
                         _mm_and_si128(minus, _mm_set1_epi8(62 - '-')),
                         _mm_and_si128(under, _mm_set1_epi8(63 - '_')))));
    values = _mm_add_epi8(digits, values);

    /* a, b, c, d of each four bytes: a << 6 | b and c << 6 | d, then both */
    values = _mm_or_si128(
        _mm_slli_epi16(_mm_and_si128(values, _mm_set1_epi16(0xff)), 6),
        _mm_srli_epi16(values, 8));
    values = _mm_madd_epi16(values, _mm_set1_epi32(0x00011000));

    for (i = 0; i < 2; i++) {
        pair = (uint64_t) _mm_cvtsi128_si64(values);
        values = _mm_unpackhi_epi64(values, values);

        group = __builtin_bswap32((uint32_t) pair << 8);
        memcpy(dst, &group, 4);
        group = __builtin_bswap32((uint32_t) (pair >> 32) << 8);
        memcpy(dst + 3, &group, 4);
        dst += 6;
    }

    return true;
}

#endif


bool
tenant_b64url_decode(uint8_t *dst, size_t *dst_len, const char *src,
    size_t len)
{
    const uint8_t  *value = tenant_b64url_value;
    const uint8_t  *p = (const uint8_t *) src;
    uint32_t        a, b, c, d, bad, group;
    size_t          n;

    if (len % 4 == 1) {
        return false;
    }

    *dst_len = TENANT_B64URL_DECODED(len);

    n = len / 4;

#ifdef __SSE2__

    /* the byte too many of a step is within what is written next */
    for (; n > TENANT_B64URL_STEP / 4; n -= TENANT_B64URL_STEP / 4) {
        if (!tenant_b64url_decode_step(dst, p)) {
            return false;
        }

        p += TENANT_B64URL_STEP;
        dst += TENANT_B64URL_STEP / 4 * 3;
    }

#endif

    bad = 0;

    for (; n != 0; n--) {
        a = value[p[0]];
        b = value[p[1]];
        c = value[p[2]];
        d = value[p[3]];
        p += 4;

        bad |= a | b | c | d;
        group = a << 18 | b << 12 | c << 6 | d;

        dst[0] = (uint8_t) (group >> 16);
        dst[1] = (uint8_t) (group >> 8);
        dst[2] = (uint8_t) group;
        dst += 3;
    }

    if (bad & 0x80) {
        return false;
    }

    return len % 4 == 0 || tenant_b64url_decode_tail(dst, p, len % 4);
}


size_t
tenant_b64url_encode(char *dst, const uint8_t *src, size_t len)
{
    const char  *digit = tenant_b64url_digit;
    uint32_t     group;
    size_t       total;

    total = TENANT_B64URL_ENCODED(len);

    for (; len >= 3; len -= 3) {
        group = (uint32_t) src[0] << 16 | (uint32_t) src[1] << 8 | src[2];
        src += 3;

        *dst++ = digit[group >> 18];
        *dst++ = digit[group >> 12 & 0x3f];
        *dst++ = digit[group >> 6 & 0x3f];
        *dst++ = digit[group & 0x3f];
    }

    if (len == 0) {
        return total;
    }

    group = (uint32_t) src[0] << 16;

    if (len == 2) {
        group |= (uint32_t) src[1] << 8;
    }

    *dst++ = digit[group >> 18];
    *dst++ = digit[group >> 12 & 0x3f];

    if (len == 2) {
        *dst = digit[group >> 6 & 0x3f];
    }

    return total;
}
