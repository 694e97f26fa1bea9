/*
 * Why a tag may stand for a token.  The token is cut into pairs of 64-bit
 * words, the last one may overlap the one before it, and each word is joined
 * with one of the key; the products of the pairs are summed up.  That is NH
 * (Black, Halevi, Krawczyk, Krovetz, Rogaway, "UMAC", 1999): two different
 * tokens of one length collide with probability 2^-64 over the choice of the
 * key.  A second pass with the words of the key moved on by two (their
 * Toeplitz construction) is as good as an independent one: where the tokens
 * differ last, its words of the key are none that the first pass has there
 * or before.  2^-128 for both.
 *
 * Products without carries (Lemire and Kaser, "Faster 64-bit universal
 * hashing using carry-less multiplications", 2015) do the same: where the
 * first words of the pair differ, the sums are equal for one value of the
 * key's second word at most, since polynomials have no divisors of zero.
 *
 * The 256 bits and the length then go through two strongly universal hashes
 * with keys of their own (Lemire and Kaser, "Strongly universal string
 * hashing is fast", 2014), of 64 bits each: another 2^-128, also for tokens
 * of different lengths.
 *
 * A token that was not verified is thus taken for one that was with
 * probability 2^-127 for each entry, below 2^-103 for the largest cache.
 * This is over the key, of which nothing must get out: a tag never leaves
 * the worker.
 */

#include <string.h>

#include <openssl/rand.h>

#include "tenant_cache_hash.h"
#include "tenant_str.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define TENANT_CACHE_X86  1
#include <immintrin.h>
#endif


#define TENANT_CACHE_BLOCK  16              /* bytes: a pair of words */


static inline uint64_t
tenant_cache_load(const char *p)
{
    uint64_t  word;

    memcpy(&word, p, sizeof(word));
    return word;
}


static inline void
tenant_cache_pair(const char *p, const uint64_t *words,
    tenant_uint128_t *sums)
{
    uint64_t  a = tenant_cache_load(p), b = tenant_cache_load(p + 8);

    sums[0] += (tenant_uint128_t) (a + words[0]) * (b + words[1]);
    sums[1] += (tenant_uint128_t) (a + words[2]) * (b + words[3]);
}


static void
tenant_cache_sum(const uint64_t *words, const char *token, size_t len,
    tenant_uint128_t *sums)
{
    const char  *p = token, *end = token + len;

    for ( /* void */ ; p + TENANT_CACHE_BLOCK <= end;
         p += TENANT_CACHE_BLOCK)
    {
        tenant_cache_pair(p, words, sums);
        words += 2;
    }

    if (p < end) {
        tenant_cache_pair(end - TENANT_CACHE_BLOCK, words, sums);
    }
}


#if (TENANT_CACHE_X86)

#define TENANT_CACHE_PAIR(p, words, x, y)                                     \
    do {                                                                      \
        __m128i  m = _mm_loadu_si128((const void *) (p));                     \
        __m128i  a = _mm_xor_si128(m,                                         \
                         _mm_loadu_si128((const void *) (words)));            \
        __m128i  b = _mm_xor_si128(m,                                         \
                         _mm_loadu_si128((const void *) ((words) + 2)));      \
                                                                              \
        x = _mm_xor_si128(x, _mm_clmulepi64_si128(a, a, 0x10));               \
        y = _mm_xor_si128(y, _mm_clmulepi64_si128(b, b, 0x10));               \
    } while (0)


TENANT_HOT __attribute__((target("avx,pclmul")))
static void
tenant_cache_sum_clmul(const uint64_t *words, const char *token, size_t len,
    tenant_uint128_t *sums)
{
    __m128i      x = _mm_setzero_si128(), y = x;
    const char  *p = token, *end = token + len;

    for ( /* void */ ; p + 4 * TENANT_CACHE_BLOCK <= end;
         p += 4 * TENANT_CACHE_BLOCK)
    {
        TENANT_CACHE_PAIR(p, words, x, y);
        TENANT_CACHE_PAIR(p + 16, words + 2, x, y);
        TENANT_CACHE_PAIR(p + 32, words + 4, x, y);
        TENANT_CACHE_PAIR(p + 48, words + 6, x, y);
        words += 8;
    }

    for ( /* void */ ; p + TENANT_CACHE_BLOCK <= end;
         p += TENANT_CACHE_BLOCK)
    {
        TENANT_CACHE_PAIR(p, words, x, y);
        words += 2;
    }

    if (p < end) {
        TENANT_CACHE_PAIR(end - TENANT_CACHE_BLOCK, words, x, y);
    }

    _mm_storeu_si128((void *) &sums[0], x);
    _mm_storeu_si128((void *) &sums[1], y);
}


#define TENANT_CACHE_PAIRS(p, words, x, y)                                    \
    do {                                                                      \
        __m256i  m = _mm256_loadu_si256((const void *) (p));                  \
        __m256i  a = _mm256_xor_si256(m,                                      \
                         _mm256_loadu_si256((const void *) (words)));         \
        __m256i  b = _mm256_xor_si256(m,                                      \
                         _mm256_loadu_si256((const void *) ((words) + 2)));   \
                                                                              \
        x = _mm256_xor_si256(x, _mm256_clmulepi64_epi128(a, a, 0x10));        \
        y = _mm256_xor_si256(y, _mm256_clmulepi64_epi128(b, b, 0x10));        \
    } while (0)


/* One block may be left over before the last. */
TENANT_HOT __attribute__((target("avx2,pclmul,vpclmulqdq")))
static void
tenant_cache_sum_vclmul(const uint64_t *words, const char *token, size_t len,
    tenant_uint128_t *sums)
{
    __m256i      v = _mm256_setzero_si256(), w = v;
    __m128i      x, y;
    const char  *p = token, *end = token + len;

    for ( /* void */ ; p + 8 * TENANT_CACHE_BLOCK <= end;
         p += 8 * TENANT_CACHE_BLOCK)
    {
        TENANT_CACHE_PAIRS(p, words, v, w);
        TENANT_CACHE_PAIRS(p + 32, words + 4, v, w);
        TENANT_CACHE_PAIRS(p + 64, words + 8, v, w);
        TENANT_CACHE_PAIRS(p + 96, words + 12, v, w);
        words += 16;
    }

    for ( /* void */ ; p + 2 * TENANT_CACHE_BLOCK <= end;
         p += 2 * TENANT_CACHE_BLOCK)
    {
        TENANT_CACHE_PAIRS(p, words, v, w);
        words += 4;
    }

    x = _mm_xor_si128(_mm256_castsi256_si128(v),
                      _mm256_extracti128_si256(v, 1));
    y = _mm_xor_si128(_mm256_castsi256_si128(w),
                      _mm256_extracti128_si256(w, 1));

    if (p + TENANT_CACHE_BLOCK <= end) {
        TENANT_CACHE_PAIR(p, words, x, y);
        p += TENANT_CACHE_BLOCK;
        words += 2;
    }

    if (p < end) {
        TENANT_CACHE_PAIR(end - TENANT_CACHE_BLOCK, words, x, y);
    }

    _mm_storeu_si128((void *) &sums[0], x);
    _mm_storeu_si128((void *) &sums[1], y);
}

#endif


bool
tenant_cache_way_known(tenant_cache_way_t way)
{
    switch (way) {

    case TENANT_CACHE_PORTABLE:
        return true;

#if (TENANT_CACHE_X86)

    case TENANT_CACHE_CLMUL:
        return __builtin_cpu_supports("avx")
               && __builtin_cpu_supports("pclmul");

    case TENANT_CACHE_VCLMUL:
        return __builtin_cpu_supports("avx2")
               && __builtin_cpu_supports("pclmul")
               && __builtin_cpu_supports("vpclmulqdq");

#endif

    default:
        return false;
    }
}


bool
tenant_cache_key_init(tenant_cache_key_t *key)
{
    if (RAND_priv_bytes((unsigned char *) key, sizeof(*key)) != 1) {
        return false;
    }

    key->way = TENANT_CACHE_VCLMUL;

    while (!tenant_cache_way_known(key->way)) {
        key->way--;
    }

    return true;
}


static inline uint64_t
tenant_cache_last(const tenant_uint128_t *key, const tenant_uint128_t *sums,
    size_t len)
{
    tenant_uint128_t  sum;

    sum = (uint64_t) sums[0] * key[0] + (uint64_t) (sums[0] >> 64) * key[1]
          + (uint64_t) sums[1] * key[2] + (uint64_t) (sums[1] >> 64) * key[3]
          + len * key[4] + key[5];

    return (uint64_t) (sum >> 64);
}


TENANT_HOT
tenant_cache_tag_t
tenant_cache_hash(const tenant_cache_key_t *key, const char *token,
    size_t len)
{
    tenant_uint128_t    sums[2] = { 0, 0 };
    tenant_cache_tag_t  tag = { 0, 0 };
    char                block[TENANT_CACHE_BLOCK] = { 0 };
    size_t              n = len;

    if (len > TENANT_CACHE_TOKEN_MAX) {
        return tag;
    }

    if (len < TENANT_CACHE_BLOCK) {
        memcpy(block, token, len);
        token = block;
        n = TENANT_CACHE_BLOCK;
    }

    switch (key->way) {

#if (TENANT_CACHE_X86)

    case TENANT_CACHE_VCLMUL:
        tenant_cache_sum_vclmul(key->words, token, n, sums);
        break;

    case TENANT_CACHE_CLMUL:
        tenant_cache_sum_clmul(key->words, token, n, sums);
        break;

#endif

    default:
        tenant_cache_sum(key->words, token, n, sums);
    }

    tag.first = tenant_cache_last(key->last[0], sums, len);
    tag.second = tenant_cache_last(key->last[1], sums, len);
    return tag;
}
