#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include "jws_fixture.h"
#include "tenant_verify.h"
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


/* r and s become INTEGERs, which have no zeroes before them. */
START_TEST(ecdsa_with_r_or_s_shorter_than_the_order)
{
    mint_key_t     *key = mint_key_for((tenant_alg_t) _i);
    tenant_jwks_t  *set = jws_keys(mint_jwk(key, ""));
    uint8_t         sig[MINT_SIG_MAX];
    size_t          len, tries, short_r = 0, short_s = 0;

    for (tries = 0; tries < 5000 && (!short_r || !short_s); tries++) {
        len = mint_sign(key, (tenant_alg_t) _i, MSG, strlen(MSG), sig);
        short_r += sig[0] == 0;
        short_s += sig[len / 2] == 0;
        ck_assert_int_eq(verify(set, (tenant_alg_t) _i, MSG, sig, len),
                         TENANT_VERIFY_OK);
    }

    ck_assert(short_r && short_s);
    tenant_jwks_free(set);
    mint_key_free(key);
}
END_TEST


/*
 * Other parts of a process leave errors in OpenSSL's queue: with them a bad
 * signature is no fault, and a fault no bad signature.
 */
START_TEST(errors_of_others_are_not_taken_for_ours)
{
    tenant_alg_t        alg = (tenant_alg_t) _i;
    mint_key_t         *key = mint_key_for(alg);
    char                jwk[MINT_JWK_MAX];
    uint8_t             good[MINT_SIG_MAX], bad[MINT_SIG_MAX];
    size_t              good_len, bad_len, n;
    tenant_verifier_t  *verifier;
    tenant_jwks_t      *set;
    tenant_verify_t     verdict;
    bool                failed = true;

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
        verifier = tenant_verifier_create(1);
        set = jws_keys_with(verifier, jwk);
        ERR_raise(ERR_LIB_RSA, RSA_R_BAD_SIGNATURE);
        unit_fail_start(n, true);
        verdict = verify(set, alg, MSG, good, good_len);
        failed = unit_fail_stop();

        /* EdDSA: see tenant_verify.h */
        ck_assert_msg(verdict == TENANT_VERIFY_OK
                      || verdict == TENANT_VERIFY_FAULT
                      || alg == TENANT_ALG_EDDSA, "allocation %zu", n);
        tenant_jwks_free(set);
        tenant_verifier_free(verifier);
    }

    ck_assert_uint_gt(n, 2);
    ERR_clear_error();
    mint_key_free(key);
}
END_TEST


/* Neither a verdict nor a fault leaves what the next one takes for its own. */
START_TEST(no_verdict_leaves_an_error_behind)
{
    tenant_alg_t        alg = (tenant_alg_t) _i;
    mint_key_t         *key = mint_key_for(alg);
    char                jwk[MINT_JWK_MAX];
    uint8_t             sig[MINT_SIG_MAX];
    size_t              len, n;
    tenant_verifier_t  *verifier;
    tenant_jwks_t      *set;
    bool                failed = true;

    strcpy(jwk, mint_jwk(key, ""));
    len = mint_sign(key, alg, MSG ".", strlen(MSG) + 1, sig);

    for (n = 0; failed; n++) {
        verifier = tenant_verifier_create(1);
        set = jws_keys_with(verifier, jwk);
        unit_fail_start(n, true);
        ck_assert_int_ne(verify(set, alg, MSG, sig, len), TENANT_VERIFY_OK);
        failed = unit_fail_stop();
        ck_assert_uint_eq(ERR_peek_error(), 0);
        tenant_jwks_free(set);
        tenant_verifier_free(verifier);
    }

    mint_key_free(key);
}
END_TEST


/* Keys of several issuers, one of a kind each, and their verifier. */
#define KEYS  5

typedef struct {
    tenant_verifier_t  *verifier;
    tenant_jwk_t        jwk[KEYS];
} pool_t;

static const tenant_alg_t  pool_algs[KEYS] = {
    TENANT_ALG_ES256, TENANT_ALG_EDDSA, TENANT_ALG_HS256, TENANT_ALG_RS256,
    TENANT_ALG_ES384,
};

static mint_key_t  *pool_keys[KEYS];


static void
pool_setup(void)
{
    size_t  i;

    for (i = 0; i < KEYS; i++) {
        pool_keys[i] = mint_key_for(pool_algs[i]);
    }
}


static void
pool_teardown(void)
{
    size_t  i;

    for (i = 0; i < KEYS; i++) {
        mint_key_free(pool_keys[i]);
    }
}


static void
pool_open(pool_t *p, size_t max)
{
    const char  *reason;
    json_t      *json;
    size_t       i;

    memset(p, 0, sizeof(*p));
    p->verifier = tenant_verifier_create(max);

    for (i = 0; i < KEYS; i++) {
        json = json_loads(mint_jwk(pool_keys[i], ",\"kid\":\"k\""), 0,
                          NULL);
        ck_assert_int_eq(tenant_jwk_parse(json, &p->jwk[i], &reason),
                         TENANT_JWK_OK);
        json_decref(json);
    }
}


static void
pool_close(pool_t *p)
{
    size_t  i;

    for (i = 0; i < KEYS; i++) {
        tenant_verifier_drop(p->verifier, &p->jwk[i]);
        tenant_jwk_clear(&p->jwk[i]);
    }

    ck_assert_uint_eq(tenant_verifier_count(p->verifier), 0);
    tenant_verifier_free(p->verifier);
}


/* The key's own signature holds, and another does not. */
static void
pool_use(pool_t *p, size_t i)
{
    uint8_t  sig[MINT_SIG_MAX];
    size_t   len;

    len = mint_sign(pool_keys[i], pool_algs[i], MSG, strlen(MSG), sig);
    ck_assert_int_eq(tenant_verify(p->verifier, &p->jwk[i], pool_algs[i], MSG,
                                   strlen(MSG), sig, len), TENANT_VERIFY_OK);
    sig[len - 1] ^= 1;
    ck_assert_int_eq(tenant_verify(p->verifier, &p->jwk[i], pool_algs[i], MSG,
                                   strlen(MSG), sig, len), TENANT_VERIFY_BAD);
}


/* As digits, in the order of their last use, the newest first. */
static const char *
pool_prepared(const pool_t *p)
{
    static char         text[KEYS + 1];
    tenant_prepared_t  *key, *newer = NULL;
    size_t              n = 0;

    for (key = p->verifier->newest; key != NULL; key = key->older) {
        ck_assert_uint_lt(n, KEYS);
        ck_assert_ptr_eq(key->newer, newer);
        ck_assert_ptr_eq(key->jwk->prepared, key);
        text[n++] = (char) ('0' + (key->jwk - p->jwk));
        newer = key;
    }

    ck_assert_ptr_eq(p->verifier->oldest, newer);
    ck_assert_uint_eq(tenant_verifier_count(p->verifier), n);
    text[n] = '\0';
    return text;
}


static void
assert_prepared(const pool_t *p, const char *digits)
{
    size_t  i;

    ck_assert_str_eq(pool_prepared(p), digits);

    for (i = 0; i < KEYS; i++) {
        ck_assert_int_eq(p->jwk[i].prepared != NULL,
                         strchr(digits, (int) ('0' + i)) != NULL);
    }
}


START_TEST(keys_are_prepared_by_their_first_use)
{
    pool_t  p;

    pool_open(&p, 3);
    assert_prepared(&p, "");
    pool_use(&p, 1);
    assert_prepared(&p, "1");
    pool_use(&p, 0);
    pool_use(&p, 2);
    assert_prepared(&p, "201");
    pool_close(&p);
}
END_TEST


START_TEST(key_that_was_not_used_for_longest_leaves)
{
    pool_t              p;
    tenant_prepared_t  *kept;

    pool_open(&p, 3);
    pool_use(&p, 0);
    pool_use(&p, 1);
    pool_use(&p, 2);
    kept = p.jwk[0].prepared;
    pool_use(&p, 0);
    assert_prepared(&p, "021");
    ck_assert_ptr_eq(p.jwk[0].prepared, kept);
    pool_use(&p, 2);
    pool_use(&p, 2);
    assert_prepared(&p, "201");

    pool_use(&p, 3);
    assert_prepared(&p, "320");
    pool_use(&p, 4);
    assert_prepared(&p, "432");
    pool_use(&p, 0);
    assert_prepared(&p, "043");
    pool_use(&p, 1);
    assert_prepared(&p, "104");
    pool_close(&p);
}
END_TEST


/* Every key verifies, however few are prepared and in whatever order. */
START_TEST(more_keys_than_may_be_prepared)
{
    size_t  max, i;
    pool_t  p;

    for (max = 1; max <= KEYS + 1; max++) {
        pool_open(&p, max);

        for (i = 0; i < 60; i++) {
            pool_use(&p, (i * i + i / 7) % KEYS);
            ck_assert_uint_le(strlen(pool_prepared(&p)), max);
        }

        pool_close(&p);
    }
}
END_TEST


/* Nobody's tokens can take the place of keys in use by their form alone. */
START_TEST(signature_of_wrong_length_prepares_nothing)
{
    uint8_t  sig[MINT_SIG_MAX] = { 1 };
    pool_t   p;
    size_t   i, len;

    pool_open(&p, 1);
    pool_use(&p, 0);

    for (i = 1; i < KEYS; i++) {
        len = mint_sign(pool_keys[i], pool_algs[i], MSG, strlen(MSG), sig);
        ck_assert_int_eq(tenant_verify(p.verifier, &p.jwk[i], pool_algs[i],
                                       MSG, strlen(MSG), sig, len - 1),
                         TENANT_VERIFY_BAD);
        ck_assert_int_eq(tenant_verify(p.verifier, &p.jwk[i], pool_algs[i],
                                       MSG, strlen(MSG), sig, len + 1),
                         TENANT_VERIFY_BAD);
    }

    assert_prepared(&p, "0");
    pool_close(&p);
}
END_TEST


START_TEST(dropped_key_leaves_the_others)
{
    static const char *const  left[] = { "21", "20", "10" };
    pool_t                    p;
    size_t                    i;

    for (i = 0; i < 3; i++) {
        pool_open(&p, 3);
        pool_use(&p, 0);
        pool_use(&p, 1);
        pool_use(&p, 2);
        tenant_verifier_drop(p.verifier, &p.jwk[i]);
        assert_prepared(&p, left[i]);
        tenant_verifier_drop(p.verifier, &p.jwk[i]);
        assert_prepared(&p, left[i]);
        pool_use(&p, i);
        ck_assert_uint_eq(tenant_verifier_count(p.verifier), 3);
        pool_close(&p);
    }
}
END_TEST


/* The keys of a set that is replaced are nobody's any more. */
START_TEST(replaced_set_leaves_nothing_prepared)
{
    tenant_verifier_t  *verifier = tenant_verifier_create(4);
    mint_key_t         *old = mint_ec("P-256"), *new = mint_ec("P-256");
    uint8_t             sig[2][MINT_SIG_MAX];
    size_t              len[2];
    tenant_jwks_t      *before, *after;

    len[0] = mint_sign(old, TENANT_ALG_ES256, MSG, strlen(MSG), sig[0]);
    len[1] = mint_sign(new, TENANT_ALG_ES256, MSG, strlen(MSG), sig[1]);

    before = jws_keys_with(verifier, mint_jwk(old, ",\"kid\":\"k\""));
    ck_assert_int_eq(verify(before, TENANT_ALG_ES256, MSG, sig[0], len[0]),
                     TENANT_VERIFY_OK);

    /* of the same kid: what was prepared for the one is not the other's */
    after = jws_keys_with(verifier, mint_jwk(new, ",\"kid\":\"k\""));
    ck_assert_int_eq(verify(after, TENANT_ALG_ES256, MSG, sig[0], len[0]),
                     TENANT_VERIFY_BAD);
    ck_assert_int_eq(verify(after, TENANT_ALG_ES256, MSG, sig[1], len[1]),
                     TENANT_VERIFY_OK);
    ck_assert_uint_eq(tenant_verifier_count(verifier), 2);

    tenant_jwks_free(before);
    ck_assert_uint_eq(tenant_verifier_count(verifier), 1);
    ck_assert_int_eq(verify(after, TENANT_ALG_ES256, MSG, sig[1], len[1]),
                     TENANT_VERIFY_OK);
    ck_assert_int_eq(verify(after, TENANT_ALG_ES256, MSG, sig[0], len[0]),
                     TENANT_VERIFY_BAD);

    /* and the other way round: the set stays behind */
    tenant_verifier_free(verifier);
    tenant_jwks_free(after);
    mint_key_free(old);
    mint_key_free(new);
}
END_TEST


START_TEST(set_without_a_verifier_is_only_looked_at)
{
    mint_key_t     *key = mint_ec("P-256");
    tenant_jwks_t  *set = jws_keys_with(NULL, mint_jwk(key, ""));
    uint8_t         sig[MINT_SIG_MAX];
    size_t          len;

    len = mint_sign(key, TENANT_ALG_ES256, MSG, strlen(MSG), sig);
    ck_assert_uint_eq(tenant_jwks_count(set), 1);
    ck_assert_int_eq(verify(set, TENANT_ALG_ES256, MSG, sig, len),
                     TENANT_VERIFY_FAULT);
    tenant_jwks_free(set);
    mint_key_free(key);
}
END_TEST


/* A key that could not be prepared is a fault, and the next time it can be. */
START_TEST(key_that_finds_no_memory_is_not_in_the_way)
{
    uint8_t          sig[MINT_SIG_MAX];
    pool_t           p;
    size_t           i, n, len, reached = 0;
    tenant_verify_t  verdict;

    for (i = 1; i < KEYS; i++) {

        for (n = 0; n < 1000; n++) {
            pool_open(&p, 1);
            pool_use(&p, 0);
            len = mint_sign(pool_keys[i], pool_algs[i], MSG, strlen(MSG), sig);

            unit_fail_start(n, true);
            verdict = tenant_verify(p.verifier, &p.jwk[i], pool_algs[i], MSG,
                                    strlen(MSG), sig, len);
            if (!unit_fail_stop()) {
                ck_assert_int_eq(verdict, TENANT_VERIFY_OK);
                pool_close(&p);
                break;
            }

            reached++;
            ck_assert_uint_le(strlen(pool_prepared(&p)), 1);
            pool_use(&p, i);
            pool_use(&p, 0);
            pool_close(&p);
        }

        ck_assert_uint_lt(n, 1000);
    }

    ck_assert_uint_gt(reached, 40);
}
END_TEST


Suite *
suite_verify(void)
{
    Suite  *s = suite_create("verify");
    TCase  *t = tcase_create("verify");

    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, pool_setup, pool_teardown);
    tcase_add_test(t, hmac_keys_of_every_length);
    tcase_add_test(t, hmac_key_is_not_cut_to_a_block);
    tcase_add_loop_test(t, ecdsa_with_r_or_s_shorter_than_the_order,
                        TENANT_ALG_ES256, TENANT_ALG_ES256K + 1);
    tcase_add_loop_test(t, errors_of_others_are_not_taken_for_ours, 0,
                        TENANT_ALG_COUNT);
    tcase_add_loop_test(t, no_verdict_leaves_an_error_behind, 0,
                        TENANT_ALG_COUNT);
    tcase_add_test(t, keys_are_prepared_by_their_first_use);
    tcase_add_test(t, key_that_was_not_used_for_longest_leaves);
    tcase_add_test(t, more_keys_than_may_be_prepared);
    tcase_add_test(t, signature_of_wrong_length_prepares_nothing);
    tcase_add_test(t, dropped_key_leaves_the_others);
    tcase_add_test(t, replaced_set_leaves_nothing_prepared);
    tcase_add_test(t, set_without_a_verifier_is_only_looked_at);
    tcase_add_test(t, key_that_finds_no_memory_is_not_in_the_way);
    suite_add_tcase(s, t);
    return s;
}
