#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <openssl/evp.h>

#include "tenant_actor.h"


#define TENANT_ACTOR_DIGEST  32     /* bytes, SHA-256 */


/* Eight bytes: bits 7 of those that are no letter, digit or dash. */
static uint64_t
tenant_actor_encoded(uint64_t w, uint64_t either_case)
{
    static const uint64_t  ones = 0x0101010101010101ULL;
    uint64_t               x, lower, letter, digit, dash;

    /* below 0x80 no sum reaches the next byte */
    x = w & (ones * 0x7f);
    lower = x | either_case;

    letter = (lower + ones * (0x80 - 'a')) & ~(lower + ones * (0x7f - 'z'));
    digit = (x + ones * (0x80 - '0')) & ~(x + ones * (0x7f - '9'));
    dash = ~((x ^ (ones * '-')) + ones * 0x7f);

    return (w | ~(letter | digit | dash)) & (ones * 0x80);
}


static uint64_t
tenant_actor_eight(const char *p)
{
    uint64_t  w;

    memcpy(&w, p, sizeof(w));
    return w;
}


/* Every byte of a short text, some of them more than once. */
static uint64_t
tenant_actor_short(tenant_str_t text)
{
    uint32_t  first, last;

    if (text.len < 4) {
        return (uint64_t) (unsigned char) text.data[0] * 0x010101
               | (uint64_t) (unsigned char) text.data[text.len / 2] << 24
               | (uint64_t) (unsigned char) text.data[text.len - 1]
                 * 0x0101010100000000ULL;
    }

    memcpy(&first, text.data, sizeof(first));
    memcpy(&last, text.data + text.len - 4, sizeof(last));
    return first | (uint64_t) last << 32;
}


/* Whether a text, not empty, has nothing in it but those. */
static bool
tenant_actor_plain(tenant_str_t text, uint64_t either_case)
{
    uint64_t  encoded;
    size_t    i;

    if (text.len < 8) {
        return tenant_actor_encoded(tenant_actor_short(text), either_case)
               == 0;
    }

    /* these may overlap those before */
    encoded = tenant_actor_encoded(
                  tenant_actor_eight(text.data + text.len - 8), either_case);

    for (i = 0; i < text.len - 8; i += 8) {
        encoded |= tenant_actor_encoded(tenant_actor_eight(text.data + i),
                                        either_case);
    }

    return encoded == 0;
}


static bool
tenant_actor_tenant_valid(tenant_str_t tenant)
{
    return tenant.len != 0 && tenant.len <= TENANT_ACTOR_TENANT_MAX
           && tenant.data[0] != '-' && tenant_actor_plain(tenant, 0);
}


#ifdef __SSE2__

/* Of sixteen bytes, which stay. */
static __m128i
tenant_actor_sixteen(const char *p)
{
    __m128i  bytes = _mm_loadu_si128((const __m128i *) p);
    __m128i  lower = _mm_or_si128(bytes, _mm_set1_epi8(0x20));

    /* bytes from 0x80 on are negative */
    return _mm_or_si128(
        _mm_or_si128(
            _mm_and_si128(_mm_cmpgt_epi8(lower, _mm_set1_epi8('a' - 1)),
                          _mm_cmplt_epi8(lower, _mm_set1_epi8('z' + 1))),
            _mm_and_si128(_mm_cmpgt_epi8(bytes, _mm_set1_epi8('0' - 1)),
                          _mm_cmplt_epi8(bytes, _mm_set1_epi8('9' + 1)))),
        _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-')));
}


/* Whether all of the subject, not empty, stays. */
static bool
tenant_actor_all_stay(tenant_str_t subject)
{
    __m128i  stay;
    size_t   i;

    if (subject.len < 16) {
        return tenant_actor_plain(subject, 0x2020202020202020ULL);
    }

    stay = tenant_actor_sixteen(subject.data + subject.len - 16);

    for (i = 0; i < subject.len - 16; i += 16) {
        stay = _mm_and_si128(stay, tenant_actor_sixteen(subject.data + i));
    }

    return _mm_movemask_epi8(stay) == 0xffff;
}

#else

static bool
tenant_actor_all_stay(tenant_str_t subject)
{
    return tenant_actor_plain(subject, 0x2020202020202020ULL);
}

#endif


static bool
tenant_actor_stays(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
           || (c >= '0' && c <= '9') || c == '-';
}


/* The plain form of the subject; NULL if it does not end by end. */
static char *
tenant_actor_put_plain(char *out, const char *end, tenant_str_t subject)
{
    static const char  hex[] = "0123456789ABCDEF";
    unsigned char      c;
    size_t             i;

    if (subject.len <= (size_t) (end - out)
        && tenant_actor_all_stay(subject))
    {
        memcpy(out, subject.data, subject.len);
        return out + subject.len;
    }

    for (i = 0; i < subject.len; i++) {
        c = (unsigned char) subject.data[i];

        if (end - out < (tenant_actor_stays(c) ? 1 : 3)) {
            return NULL;
        }

        if (tenant_actor_stays(c)) {
            *out++ = (char) c;
            continue;
        }

        *out++ = '_';
        *out++ = hex[c >> 4];
        *out++ = hex[c & 0x0f];
    }

    return out;
}


/* The long form of the subject; NULL if the digest failed. */
static char *
tenant_actor_put_digest(char *out, tenant_str_t subject)
{
    static const char  hex[] = "0123456789abcdef";
    uint8_t            digest[TENANT_ACTOR_DIGEST];
    size_t             i;

    if (EVP_Digest(subject.data, subject.len, digest, NULL, EVP_sha256(),
                   NULL) != 1)
    {
        return NULL;
    }

    *out++ = '_';
    *out++ = 'x';

    for (i = 0; i < sizeof(digest); i++) {
        *out++ = hex[digest[i] >> 4];
        *out++ = hex[digest[i] & 0x0f];
    }

    return out;
}


tenant_actor_status_t
tenant_actor_encode(char out[TENANT_ACTOR_MAX], size_t *len,
    tenant_str_t tenant, tenant_str_t subject)
{
    char  *start, *end;

    if (!tenant_actor_tenant_valid(tenant) || subject.len == 0) {
        return TENANT_ACTOR_INVALID;
    }

    memcpy(out, tenant.data, tenant.len);
    start = out + tenant.len;
    *start++ = ':';

    end = tenant_actor_put_plain(start, out + TENANT_ACTOR_MAX, subject);

    if (end == NULL) {
        end = tenant_actor_put_digest(start, subject);
    }

    if (end == NULL) {
        return TENANT_ACTOR_FAULT;
    }

    *len = (size_t) (end - out);
    return TENANT_ACTOR_OK;
}
