#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "tenant_siphash.h"
#include "unit.h"


/* key 00 01 .. 0f, of the reference implementation */
static const tenant_hash_t  key = {
    0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL
};


static tenant_hash_t
hash(const void *data, size_t len)
{
    tenant_siphash_t  state;

    tenant_siphash_init(&state, &key);
    tenant_siphash_update(&state, data, len);

    return tenant_siphash_final(&state);
}


static tenant_hash_t
openssl_hash(const void *data, size_t len)
{
    size_t          n, size = 16;
    uint8_t         bytes[16], out[16];
    EVP_MAC        *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
    EVP_MAC_CTX    *ctx = EVP_MAC_CTX_new(mac);
    OSSL_PARAM      params[2];
    tenant_hash_t   result;

    for (n = 0; n < 16; n++) {
        bytes[n] = n;
    }

    params[0] = OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size);
    params[1] = OSSL_PARAM_construct_end();

    ck_assert_int_eq(EVP_MAC_init(ctx, bytes, sizeof(bytes), params), 1);
    ck_assert_int_eq(EVP_MAC_update(ctx, data, len), 1);
    ck_assert_int_eq(EVP_MAC_final(ctx, out, &n, sizeof(out)), 1);
    ck_assert_uint_eq(n, 16);

    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(mac);

    memcpy(&result.lo, out, 8);
    memcpy(&result.hi, out + 8, 8);

    return result;
}


START_TEST(every_length_is_hashed_as_openssl_does)
{
    uint8_t        data[130];
    size_t         i;
    tenant_hash_t  ours, theirs;

    for (i = 0; i < sizeof(data); i++) {
        data[i] = i * 7;
    }

    for (i = 0; i <= sizeof(data); i++) {
        ours = hash(data, i);
        theirs = openssl_hash(data, i);
        ck_assert_uint_eq(ours.lo, theirs.lo);
        ck_assert_uint_eq(ours.hi, theirs.hi);
    }
}
END_TEST


START_TEST(pieces_make_the_whole)
{
    static const char  text[] = "one and another";
    size_t             i;
    tenant_hash_t      whole = hash(text, sizeof(text)), parts;
    tenant_siphash_t   state;

    for (i = 0; i <= sizeof(text); i++) {
        tenant_siphash_init(&state, &key);
        tenant_siphash_update(&state, text, i);
        tenant_siphash_update(&state, text + i, sizeof(text) - i);
        parts = tenant_siphash_final(&state);
        ck_assert_uint_eq(parts.lo, whole.lo);
        ck_assert_uint_eq(parts.hi, whole.hi);
    }
}
END_TEST


START_TEST(texts_stay_apart)
{
    tenant_hash_t     one, two;
    tenant_siphash_t  state;

    tenant_siphash_init(&state, &key);
    tenant_siphash_text(&state, "ab", 2);
    tenant_siphash_text(&state, "c", 1);
    one = tenant_siphash_final(&state);

    tenant_siphash_init(&state, &key);
    tenant_siphash_text(&state, "a", 1);
    tenant_siphash_text(&state, "bc", 2);
    two = tenant_siphash_final(&state);

    ck_assert_uint_ne(one.lo, two.lo);
}
END_TEST


Suite *
suite_siphash(void)
{
    Suite  *s = suite_create("siphash");
    TCase  *t = tcase_create("siphash");

    tcase_add_test(t, every_length_is_hashed_as_openssl_does);
    tcase_add_test(t, pieces_make_the_whole);
    tcase_add_test(t, texts_stay_apart);
    suite_add_tcase(s, t);
    return s;
}
