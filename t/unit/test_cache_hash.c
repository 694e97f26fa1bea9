#include <stdlib.h>
#include <string.h>

#include "tenant_cache_hash.h"
#include "unit.h"


static tenant_cache_key_t  key;


/* A token of len bytes at the end of its memory: sanitizers look behind. */
static char *
token_of(size_t len, unsigned seed)
{
    char    *token = malloc(len ? len : 1);
    size_t   i;

    ck_assert_ptr_nonnull(token);

    for (i = 0; i < len; i++) {
        seed = seed * 1664525 + 1013904223;
        token[i] = (char) (seed >> 24);
    }

    return token;
}


static int
same(tenant_cache_tag_t a, tenant_cache_tag_t b)
{
    return a.first == b.first && a.second == b.second;
}


/* Polynomials over GF(2), bit by bit. */
static tenant_uint128_t
product(uint64_t a, uint64_t b)
{
    tenant_uint128_t  sum = 0;
    int               i;

    for (i = 0; i < 64; i++) {
        if ((b >> i) & 1) {
            sum ^= (tenant_uint128_t) a << i;
        }
    }

    return sum;
}


/* The hash as its comment defines it, with or without carries. */
static tenant_cache_tag_t
defined(const char *token, size_t len, int carries)
{
    tenant_uint128_t    sums[2] = { 0, 0 }, last;
    uint64_t            pair[2], tag[2];
    const uint64_t     *k = key.words;
    size_t              at;
    int                 i;

    for (at = 0; at < len || at == 0; at += 16) {
        memset(pair, 0, sizeof(pair));

        if (len < 16) {
            memcpy(pair, token, len);
        } else {
            memcpy(pair, token + (at + 16 > len ? len - 16 : at), 16);
        }

        for (i = 0; i < 2; i++) {
            if (carries) {
                sums[i] += (tenant_uint128_t) (pair[0] + k[2 * i])
                           * (pair[1] + k[2 * i + 1]);
            } else {
                sums[i] ^= product(pair[0] ^ k[2 * i],
                                   pair[1] ^ k[2 * i + 1]);
            }
        }

        k += 2;
    }

    for (i = 0; i < 2; i++) {
        last = key.last[i][5] + len * key.last[i][4];
        last += (uint64_t) sums[0] * key.last[i][0];
        last += (uint64_t) (sums[0] >> 64) * key.last[i][1];
        last += (uint64_t) sums[1] * key.last[i][2];
        last += (uint64_t) (sums[1] >> 64) * key.last[i][3];
        tag[i] = (uint64_t) (last >> 64);
    }

    return (tenant_cache_tag_t) { tag[0], tag[1] };
}


/* Of a processor that has not all of them the others are tested. */
START_TEST(every_way_is_the_hash_that_is_argued_for)
{
    static const size_t  lengths[] = {
        0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 143, 144,
        159, 160, 175, 176, 255, 256, 900, 1023, 4096, 16383, 16384
    };
    tenant_cache_way_t   way = (tenant_cache_way_t) _i;
    size_t               i;
    char                *token;

    ck_assert(tenant_cache_key_init(&key));
    ck_assert(tenant_cache_way_known(key.way));

    if (!tenant_cache_way_known(way)) {
        ck_assert_int_lt(key.way, way);
        return;
    }

    key.way = way;

    for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        token = token_of(lengths[i], (unsigned) i);
        ck_assert_msg(same(tenant_cache_hash(&key, token, lengths[i]),
                           defined(token, lengths[i],
                                   way == TENANT_CACHE_PORTABLE)),
                      "way %d, %zu bytes", _i, lengths[i]);
        free(token);
    }
}
END_TEST


START_TEST(every_byte_and_the_length_count)
{
    tenant_cache_way_t   way = (tenant_cache_way_t) _i;
    tenant_cache_tag_t   tag, before = { 0, 0 };
    size_t               len, at;
    char                *token;

    ck_assert(tenant_cache_key_init(&key));

    if (tenant_cache_way_known(way)) {
        key.way = way;
    }

    for (len = 0; len < 300; len++) {
        token = calloc(1, len + 1);
        ck_assert_ptr_nonnull(token);
        tag = tenant_cache_hash(&key, token, len);
        ck_assert(!same(tag, before));
        before = tag;

        for (at = 0; at < len; at++) {
            token[at] = 1;
            ck_assert(!same(tenant_cache_hash(&key, token, len), tag));
            token[at] = 0;
        }

        free(token);
    }
}
END_TEST


START_TEST(token_too_long_has_no_tag)
{
    char                *token = token_of(TENANT_CACHE_TOKEN_MAX + 1, 7);
    tenant_cache_tag_t   none = { 0, 0 };

    ck_assert(tenant_cache_key_init(&key));
    ck_assert(same(tenant_cache_hash(&key, token,
                                     TENANT_CACHE_TOKEN_MAX + 1), none));
    ck_assert(!same(tenant_cache_hash(&key, token, TENANT_CACHE_TOKEN_MAX),
                    none));
    free(token);
}
END_TEST


START_TEST(no_two_keys_are_alike)
{
    tenant_cache_tag_t   tag;
    char                *token = token_of(900, 3);

    ck_assert(tenant_cache_key_init(&key));
    tag = tenant_cache_hash(&key, token, 900);
    ck_assert(tenant_cache_key_init(&key));
    ck_assert(!same(tenant_cache_hash(&key, token, 900), tag));
    free(token);
}
END_TEST


Suite *
suite_cache_hash(void)
{
    Suite  *suite = suite_create("cache_hash");
    TCase  *tc = tcase_create("hash");

    tcase_add_loop_test(tc, every_way_is_the_hash_that_is_argued_for,
                        TENANT_CACHE_PORTABLE, TENANT_CACHE_VCLMUL + 1);
    tcase_add_loop_test(tc, every_byte_and_the_length_count,
                        TENANT_CACHE_PORTABLE, TENANT_CACHE_VCLMUL + 1);
    tcase_add_test(tc, token_too_long_has_no_tag);
    tcase_add_test(tc, no_two_keys_are_alike);
    suite_add_tcase(suite, tc);
    return suite;
}
