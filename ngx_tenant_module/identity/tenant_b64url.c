#include <string.h>

#ifdef __x86_64__
#include <immintrin.h>
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


bool
tenant_b64url_decode_portable(uint8_t *dst, size_t *dst_len, const char *src,
    size_t len)
{
    const uint8_t  *value = tenant_b64url_value;
    const uint8_t  *p = (const uint8_t *) src;
    uint32_t        a, b, c, d, bad = 0, group;
    size_t          n;

    if (len % 4 == 1) {
        return false;
    }

    *dst_len = TENANT_B64URL_DECODED(len);

    for (n = len / 4; n != 0; n--) {
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


#ifdef __x86_64__

#define TENANT_B64URL_AVX2  __attribute__((target("avx2")))

/* Sixteen bytes, for each half of a register. */
#define TENANT_B64URL_TWICE(...)  _mm256_setr_epi8(__VA_ARGS__, __VA_ARGS__)


/*
 * Thirty-two digits to the 24 bytes they stand for, and eight more.  A byte
 * that is no digit leaves bits in *bad.
 */
static inline TENANT_B64URL_AVX2 __m256i
tenant_b64url_decode_step(__m256i digits, __m256i *bad)
{
    /* of each upper half of a byte: its kind, as a bit */
    const __m256i  upper = TENANT_B64URL_TWICE(
        0x20, 0x20, 0x01, 0x02, 0x04, 0x08, 0x04, 0x10,
        0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20);

    /* of each lower half: the kinds with which it makes no digit */
    const __m256i  lower = TENANT_B64URL_TWICE(
        0x25, 0x21, 0x21, 0x21, 0x21, 0x21, 0x21, 0x21,
        0x21, 0x21, 0x23, 0x3b, 0x3b, 0x3a, 0x3b, 0x33);

    /* what makes a digit of that upper half its value; "_" aside */
    const __m256i  shift = TENANT_B64URL_TWICE(
        0, 0, 62 - '-', 52 - '0', -'A', -'A', 26 - 'a', 26 - 'a',
        0, 0, 0, 0, 0, 0, 0, 0);

    /* the three bytes of each four, the highest first */
    const __m256i  order = TENANT_B64URL_TWICE(
        2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);

    /* twelve of each half, side by side */
    const __m256i  join = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7);

    const __m256i  low = _mm256_set1_epi8(0x0f);
    __m256i        high, under, values;

    high = _mm256_and_si256(_mm256_srli_epi32(digits, 4), low);

    *bad = _mm256_or_si256(*bad, _mm256_and_si256(
        _mm256_shuffle_epi8(upper, high),
        _mm256_shuffle_epi8(lower, _mm256_and_si256(digits, low))));

    under = _mm256_and_si256(_mm256_cmpeq_epi8(digits, _mm256_set1_epi8('_')),
                             _mm256_set1_epi8(63 - '_' + 'A'));
    values = _mm256_add_epi8(_mm256_add_epi8(digits, under),
                             _mm256_shuffle_epi8(shift, high));

    /* a, b, c, d of each four bytes: a << 6 | b and c << 6 | d, then both */
    values = _mm256_maddubs_epi16(values, _mm256_set1_epi32(0x01400140));
    values = _mm256_madd_epi16(values, _mm256_set1_epi32(0x00011000));

    return _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(values, order),
                                       join);
}


/* The 24 bytes and no more. */
static inline TENANT_B64URL_AVX2 void
tenant_b64url_decode_put(uint8_t *dst, __m256i bytes)
{
    _mm_storeu_si128((__m128i *) dst, _mm256_castsi256_si128(bytes));
    _mm_storel_epi64((__m128i *) (dst + 16),
                     _mm256_extracti128_si256(bytes, 1));
}


/*
 * len is at least 32.  The last of the whole groups are decoded in one step,
 * some of them a second time.  dst may be src: what is written is never ahead
 * of what was read, if the digits of that step are read first.
 */
static TENANT_B64URL_AVX2 bool
tenant_b64url_decode_avx2(uint8_t *dst, const uint8_t *src, size_t len)
{
    const uint8_t  *p = src, *whole = src + len / 4 * 4;
    uint8_t        *last = dst + len / 4 * 3;
    __m256i         digits, bytes, bad = _mm256_setzero_si256();
    bool            good;

    digits = _mm256_loadu_si256((const __m256i *) (whole - 32));

    /* a step writes 32 bytes, which the rest needs, too: twelve digits */
    for (; whole - p >= 32 + 12; p += 32, dst += 24) {
        bytes = tenant_b64url_decode_step(
                    _mm256_loadu_si256((const __m256i *) p), &bad);
        _mm256_storeu_si256((__m256i *) dst, bytes);
    }

    if (whole - p > 32) {
        bytes = tenant_b64url_decode_step(
                    _mm256_loadu_si256((const __m256i *) p), &bad);
        tenant_b64url_decode_put(dst, bytes);
    }

    bytes = tenant_b64url_decode_step(digits, &bad);
    tenant_b64url_decode_put(last - 24, bytes);

    good = _mm256_testz_si256(bad, bad) != 0;

    /*
     * The compiler leaves this out before a call that ends the function; the
     * next instruction of the old kind then takes 0.15 us, on some processors
     */
    _mm256_zeroupper();

    return good
           && (len % 4 == 0
               || tenant_b64url_decode_tail(last, whole, len % 4));
}

#endif


bool
tenant_b64url_decode(uint8_t *dst, size_t *dst_len, const char *src,
    size_t len)
{
#ifdef __x86_64__
    if (len >= 32 && len % 4 != 1 && __builtin_cpu_supports("avx2")) {
        *dst_len = TENANT_B64URL_DECODED(len);
        return tenant_b64url_decode_avx2(dst, (const uint8_t *) src, len);
    }
#endif

    return tenant_b64url_decode_portable(dst, dst_len, src, len);
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
