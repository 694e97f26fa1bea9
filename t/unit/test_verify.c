#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include "jws_fixture.h"
#include "unit.h"


#define MSG  "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9"


static tenant_verify_t
verify(tenant_jwks_t *set, tenant_alg_t alg, const char *msg,
    const uint8_t *sig, size_t len)
{
    return tenant_jwks_verify(set, 0, alg, msg, strlen(msg), sig, len);
}


/* Of MSG by that secret; OpenSSL's HMAC() says what is right. */
static void
assert_hmac(tenant_jwks_t *set, tenant_alg_t alg, const uint8_t *secret,
    size_t len)
{
    const EVP_MD  *md = alg == TENANT_ALG_HS256 ? EVP_sha256()
                        : alg == TENANT_ALG_HS384 ? EVP_sha384()
                                                  : EVP_sha512();
    uint8_t        mac[EVP_MAX_MD_SIZE];
    unsigned       n;

    ck_assert(HMAC(md, secret, (int) len, (const uint8_t *) MSG, strlen(MSG),
                   mac, &n) != NULL);
    ck_assert_msg(verify(set, alg, MSG, mac, n) == TENANT_VERIFY_OK,
                  "%s, a key of %zu bytes", tenant_alg_name(alg), len);
    ck_assert_int_eq(verify(set, alg, MSG ".", mac, n), TENANT_VERIFY_BAD);
    ck_assert_int_eq(verify(set, alg, MSG, mac, n - 1), TENANT_VERIFY_BAD);

    mac[n - 1] ^= 1;
    ck_assert_int_eq(verify(set, alg, MSG, mac, n), TENANT_VERIFY_BAD);
    mac[n - 1] ^= 1;
    mac[0] ^= 0x80;
    ck_assert_int_eq(verify(set, alg, MSG, mac, n), TENANT_VERIFY_BAD);
    mac[0] ^= 0x80;
    ck_assert_int_eq(verify(set, alg, MSG, mac, n), TENANT_VERIFY_OK);
}


/* RFC 2104 section 2: a block is 64 or 128 bytes, a longer key is hashed */
START_TEST(hmac_keys_of_every_length)
{
    uint8_t         secret[1024];
    char            jwk[2048];
    tenant_alg_t    alg;
    tenant_jwks_t  *set;
    size_t          len, i;

    for (i = 0; i < sizeof(secret); i++) {
        secret[i] = (uint8_t) (i * 167 + 1);
    }

    for (len = 32; len <= 1024; len += len < 200 ? 1 : 103) {
        snprintf(jwk, sizeof(jwk), "{\"kty\":\"oct\",\"k\":\"%s\"}",
                 mint_b64url(secret, len));
        set = jws_keys(jwk);
        ck_assert_uint_eq(tenant_jwks_count(set), 1);

        for (alg = TENANT_ALG_HS256; alg <= TENANT_ALG_HS512; alg++) {
            if (tenant_jwks_algs(set, 0) & TENANT_ALG_BIT(alg)) {
                assert_hmac(set, alg, secret, len);
            }
        }

        tenant_jwks_free(set);
    }
}
END_TEST


/* A key that is longer than a block is not the block that it begins with. */
START_TEST(hmac_key_is_not_cut_to_a_block)
{
    uint8_t         secret[65] = { 1 }, mac[32];
    char            jwk[256];
    tenant_jwks_t  *set;

    snprintf(jwk, sizeof(jwk), "{\"kty\":\"oct\",\"k\":\"%s\"}",
             mint_b64url(secret, 65));
    set = jws_keys(jwk);
    HMAC(EVP_sha256(), secret, 64, (const uint8_t *) MSG, strlen(MSG), mac,
         NULL);
    ck_assert_int_eq(verify(set, TENANT_ALG_HS256, MSG, mac, 32),
                     TENANT_VERIFY_BAD);
    tenant_jwks_free(set);
}
END_TEST


/*
 * Other parts of a process leave errors in OpenSSL's queue: with them a bad
 * signature is no fault, and a fault no bad signature.
 */
START_TEST(errors_of_others_are_not_taken_for_ours)
{
    tenant_alg_t      alg = (tenant_alg_t) _i;
    mint_key_t       *key = mint_key_for(alg);
    char              jwk[MINT_JWK_MAX];
    uint8_t           good[MINT_SIG_MAX], bad[MINT_SIG_MAX];
    size_t            good_len, bad_len, n;
    tenant_jwks_t    *set;
    tenant_verify_t   verdict;
    bool              failed = true;

    strcpy(jwk, mint_jwk(key, ""));
    good_len = mint_sign(key, alg, MSG, strlen(MSG), good);
    bad_len = mint_sign(key, alg, MSG ".", strlen(MSG) + 1, bad);

    set = jws_keys(jwk);
    ERR_raise(ERR_LIB_EVP, ERR_R_MALLOC_FAILURE);
    ck_assert_int_eq(verify(set, alg, MSG, bad, bad_len), TENANT_VERIFY_BAD);
    ERR_raise(ERR_LIB_EVP, ERR_R_MALLOC_FAILURE);
    ck_assert_int_eq(verify(set, alg, MSG, good, good_len),
                     TENANT_VERIFY_OK);
    tenant_jwks_free(set);

    for (n = 0; failed; n++) {
        set = jws_keys(jwk);
        ERR_raise(ERR_LIB_RSA, RSA_R_BAD_SIGNATURE);
        unit_fail_start(n, true);
        verdict = verify(set, alg, MSG, good, good_len);
        failed = unit_fail_stop();

        /* EdDSA: see tenant_verify.h */
        ck_assert_msg(verdict == TENANT_VERIFY_OK
                      || verdict == TENANT_VERIFY_FAULT
                      || alg == TENANT_ALG_EDDSA, "allocation %zu", n);
        tenant_jwks_free(set);
    }

    ck_assert_uint_gt(n, 2);
    ERR_clear_error();
    mint_key_free(key);
}
END_TEST


/* Neither a verdict nor a fault leaves what the next one could take for his. */
START_TEST(no_verdict_leaves_an_error_behind)
{
    tenant_alg_t    alg = (tenant_alg_t) _i;
    mint_key_t     *key = mint_key_for(alg);
    char            jwk[MINT_JWK_MAX];
    uint8_t         sig[MINT_SIG_MAX];
    size_t          len, n;
    tenant_jwks_t  *set;
    bool            failed = true;

    strcpy(jwk, mint_jwk(key, ""));
    len = mint_sign(key, alg, MSG ".", strlen(MSG) + 1, sig);

    for (n = 0; failed; n++) {
        set = jws_keys(jwk);
        unit_fail_start(n, true);
        ck_assert_int_ne(verify(set, alg, MSG, sig, len), TENANT_VERIFY_OK);
        failed = unit_fail_stop();
        ck_assert_uint_eq(ERR_peek_error(), 0);
        tenant_jwks_free(set);
    }

    mint_key_free(key);
}
END_TEST


Suite *
suite_verify(void)
{
    Suite  *s = suite_create("verify");
    TCase  *t = tcase_create("verify");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, hmac_keys_of_every_length);
    tcase_add_test(t, hmac_key_is_not_cut_to_a_block);
    tcase_add_loop_test(t, errors_of_others_are_not_taken_for_ours, 0,
                        TENANT_ALG_COUNT);
    tcase_add_loop_test(t, no_verdict_leaves_an_error_behind, 0,
                        TENANT_ALG_COUNT);
    suite_add_tcase(s, t);
    return s;
}
