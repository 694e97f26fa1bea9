#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "jws_fixture.h"
#include "unit.h"


START_TEST(every_algorithm_verifies_its_own_key_only)
{
    tenant_alg_t    alg = (tenant_alg_t) _i;
    mint_key_t     *key = mint_key_for(alg), *wrong = mint_key_for(alg);
    tenant_jwks_t  *set = jws_keys(mint_jwk(key, ",\"kid\":\"k\""));
    char            header[64];
    size_t          index;
    int             i;

    snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"k\"}",
             tenant_alg_name(alg));

    for (i = 0; i < 3; i++) {
        mint_token(fx.token, key, alg, header, PAYLOAD);
        ck_assert_int_eq(jws_check_set(set), TENANT_JWS_OK);
        index = 99;
        ck_assert_int_eq(tenant_jws_verify(&fx.jws, set, TENANT_ALG_BIT(alg),
                                           &index), TENANT_JWS_OK);
        ck_assert_uint_eq(index, 0);

        mint_token(fx.token, wrong, alg, header, PAYLOAD);
        ck_assert_int_eq(jws_check_set(set), TENANT_JWS_BAD_SIGNATURE);
    }

    tenant_jwks_free(set);
    mint_key_free(key);
    mint_key_free(wrong);
}
END_TEST


START_TEST(ed448_verifies_and_is_not_taken_for_ed25519)
{
    mint_key_t     *ed448 = mint_okp("ED448");
    mint_key_t     *ed25519 = mint_okp("ED25519");
    tenant_jwks_t  *large = jws_keys(mint_jwk(ed448, ",\"kid\":\"k\""));
    tenant_jwks_t  *small = jws_keys(mint_jwk(ed25519, ",\"kid\":\"k\""));

    mint_token(fx.token, ed448, TENANT_ALG_EDDSA,
               "{\"alg\":\"EdDSA\",\"kid\":\"k\"}", PAYLOAD);
    ck_assert_int_eq(jws_check_set(large), TENANT_JWS_OK);
    ck_assert_int_eq(jws_check_set(small), TENANT_JWS_BAD_SIGNATURE);

    tenant_jwks_free(large);
    tenant_jwks_free(small);
    mint_key_free(ed448);
    mint_key_free(ed25519);
}
END_TEST


/* RFC 7518 section 3.5: the salt is as long as the digest, never shorter */
START_TEST(pss_salt_of_another_length_is_refused)
{
    static const int  salts[] = { 0, 20, 31, 33, RSA_PSS_SALTLEN_MAX };
    uint8_t           sig[MINT_SIG_MAX];
    EVP_PKEY_CTX     *pctx;
    EVP_MD_CTX       *ctx;
    size_t            i, n, len;

    mint_token(fx.token, fx.rsa, TENANT_ALG_PS256,
               "{\"alg\":\"PS256\",\"kid\":\"r\"}", PAYLOAD);
    ck_assert_int_eq(jws_check(fx.token), TENANT_JWS_OK);
    n = (size_t) (strrchr(fx.token, '.') - fx.token);

    for (i = 0; i < sizeof(salts) / sizeof(salts[0]); i++) {
        ctx = EVP_MD_CTX_new();
        len = sizeof(sig);
        ck_assert(EVP_DigestSignInit(ctx, &pctx, EVP_sha256(), NULL,
                                     fx.rsa->pkey) == 1
                  && EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING)
                     == 1
                  && EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, salts[i]) == 1
                  && EVP_DigestSign(ctx, sig, &len, (uint8_t *) fx.token, n)
                     == 1);
        EVP_MD_CTX_free(ctx);
        strcpy(fx.token + n + 1, mint_b64url(sig, len));
        ck_assert_int_eq(jws_check(fx.token), TENANT_JWS_BAD_SIGNATURE);
    }
}
END_TEST


/* HS256 keyed with what everybody can fetch: PEM, DER and JWK text */
START_TEST(rs_hs_confusion_is_refused)
{
    uint8_t      sig[MINT_SIG_MAX], *der = NULL;
    char         jwk[MINT_JWK_MAX], *pem;
    const char  *secrets[3];
    size_t       lens[3], i, n;
    unsigned     mac_len;
    BIO         *bio = BIO_new(BIO_s_mem());

    PEM_write_bio_PUBKEY(bio, fx.rsa->pkey);
    lens[0] = (size_t) BIO_get_mem_data(bio, &pem);
    secrets[0] = pem;
    lens[1] = (size_t) i2d_PUBKEY(fx.rsa->pkey, &der);
    secrets[1] = (const char *) der;
    strcpy(jwk, mint_jwk(fx.rsa, ""));
    lens[2] = strlen(jwk);
    secrets[2] = jwk;

    for (i = 0; i < 6; i++) {
        mint_token(fx.token, fx.oct, TENANT_ALG_HS256,
                   i < 3 ? "{\"alg\":\"HS256\",\"kid\":\"r\"}"
                         : "{\"alg\":\"HS256\"}", PAYLOAD);
        n = (size_t) (strrchr(fx.token, '.') - fx.token);
        HMAC(EVP_sha256(), secrets[i % 3], (int) lens[i % 3],
             (uint8_t *) fx.token, n, sig, &mac_len);
        strcpy(fx.token + n + 1, mint_b64url(sig, mac_len));
        ck_assert_int_eq(jws_check(fx.token), i < 3 ? TENANT_JWS_NO_KEY
                                             : TENANT_JWS_BAD_SIGNATURE);
    }

    OPENSSL_free(der);
    BIO_free(bio);
    jws_assert_good_token_passes();
}
END_TEST


START_TEST(alg_none_in_any_case_and_other_names_are_refused)
{
    static const char *const  names[] = {
        "none", "None", "NONE", "nOnE", "", "rs256", "Rs256", "RS256 ",
        " RS256", "RS257", "HS1", "RS256\\u0020", "dir", "A128KW",
    };
    char    header[128];
    size_t  i, n;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"r\"}",
                 names[i]);
        ck_assert_int_eq(jws_check_header(header), TENANT_JWS_UNSUPPORTED_ALG);

        /* without a signature, and with one byte for one */
        n = (size_t) (strrchr(fx.token, '.') - fx.token);
        fx.token[n + 1] = '\0';
        ck_assert_int_eq(jws_check(fx.token), TENANT_JWS_MALFORMED);
        strcpy(fx.token + n + 1, "AA");
        ck_assert_int_eq(jws_check(fx.token), TENANT_JWS_UNSUPPORTED_ALG);

        jws_assert_good_token_passes();
    }
}
END_TEST


START_TEST(alg_that_is_no_string_is_refused)
{
    static const char *const  values[] = {
        "1", "null", "true", "[\"RS256\"]", "{\"RS256\":1}",
    };
    char    header[128];
    size_t  i;

    for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        snprintf(header, sizeof(header), "{\"alg\":%s}", values[i]);
        jws_assert_refused(jws_check_header(header),
                       "alg is missing or not a string");
    }

    jws_assert_refused(jws_check_header("{\"kid\":\"r\"}"),
                   "alg is missing or not a string");
    jws_assert_good_token_passes();
}
END_TEST


START_TEST(alg_that_the_key_does_not_allow_is_refused)
{
    static const char *const  headers[] = {
        "{\"alg\":\"ES256\",\"kid\":\"r\"}",
        "{\"alg\":\"EdDSA\",\"kid\":\"r\"}",
        "{\"alg\":\"HS256\",\"kid\":\"r\"}",
        "{\"alg\":\"ES384\",\"kid\":\"e\"}",
        "{\"alg\":\"ES256K\",\"kid\":\"e\"}",
        "{\"alg\":\"RS256\",\"kid\":\"e\"}",
        "{\"alg\":\"RS256\",\"kid\":\"o\"}",
        "{\"alg\":\"ES384\"}",
        "{\"alg\":\"EdDSA\"}",
    };
    size_t  i;

    for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        ck_assert_int_eq(jws_check_header(headers[i]), TENANT_JWS_NO_KEY);
    }

    /* the algorithm of the signature is not the key's one */
    ck_assert_int_eq(jws_check_header("{\"alg\":\"RS512\",\"kid\":\"r\"}"),
                     TENANT_JWS_BAD_SIGNATURE);
    ck_assert_int_eq(jws_check_header("{\"alg\":\"PS256\",\"kid\":\"r\"}"),
                     TENANT_JWS_BAD_SIGNATURE);
    jws_assert_good_token_passes();
}
END_TEST


START_TEST(alg_outside_the_issuers_list_is_refused)
{
    jws_assert_good_token_passes();
    ck_assert_int_eq(tenant_jws_verify(&fx.jws, fx.jwks,
                                       TENANT_ALG_BIT(TENANT_ALG_ES256),
                                       NULL), TENANT_JWS_ALG_NOT_ALLOWED);
    ck_assert_int_eq(tenant_jws_verify(&fx.jws, fx.jwks, 0, NULL),
                     TENANT_JWS_ALG_NOT_ALLOWED);

    mint_token(fx.token, fx.oct, TENANT_ALG_HS256,
               "{\"alg\":\"HS256\",\"kid\":\"o\"}", PAYLOAD);
    ck_assert_int_eq(jws_check(fx.token), TENANT_JWS_OK);
    ck_assert_int_eq(tenant_jws_verify(&fx.jws, fx.jwks, TENANT_ALGS_DEFAULT,
                                       NULL), TENANT_JWS_ALG_NOT_ALLOWED);
}
END_TEST


/* The signature part is replaced by len bytes of sig. */
static tenant_jws_result_t
check_sig(const uint8_t *sig, size_t len)
{
    strcpy(strrchr(fx.token, '.') + 1, mint_b64url(sig, len));
    return jws_check(fx.token);
}


START_TEST(ecdsa_signature_of_wrong_length_is_refused)
{
    uint8_t     sig[MINT_SIG_MAX] = { 0 }, *der = NULL;
    size_t      n, len;
    ECDSA_SIG  *parsed = ECDSA_SIG_new();
    int         der_len;

    mint_token(fx.token, fx.ec, TENANT_ALG_ES256,
               "{\"alg\":\"ES256\",\"kid\":\"e\"}", PAYLOAD);
    ck_assert_int_eq(jws_check(fx.token), TENANT_JWS_OK);
    memcpy(sig, fx.jws.sig, fx.jws.sig_len);
    n = fx.jws.sig_len;
    ck_assert_uint_eq(n, 64);

    for (len = 1; len < 140; len++) {
        ck_assert_int_eq(check_sig(sig, len),
                         len == n ? TENANT_JWS_OK : TENANT_JWS_BAD_SIGNATURE);
    }

    /* the right r and s, but as DER */
    ECDSA_SIG_set0(parsed, BN_bin2bn(sig, 32, NULL),
                   BN_bin2bn(sig + 32, 32, NULL));
    der_len = i2d_ECDSA_SIG(parsed, &der);
    ck_assert_int_gt(der_len, 64);
    ck_assert_int_eq(check_sig(der, (size_t) der_len),
                     TENANT_JWS_BAD_SIGNATURE);
    OPENSSL_free(der);
    ECDSA_SIG_free(parsed);
}
END_TEST


START_TEST(ecdsa_r_or_s_of_zero_or_not_below_n_is_refused)
{
    static const struct {
        const char    *crv;
        tenant_alg_t   alg;
    } curves[] = {
        { "P-256", TENANT_ALG_ES256 }, { "P-384", TENANT_ALG_ES384 },
        { "P-521", TENANT_ALG_ES512 }, { "secp256k1", TENANT_ALG_ES256K },
    };
    mint_key_t     *key = mint_ec(curves[_i].crv);
    tenant_jwks_t  *set = jws_keys(mint_jwk(key, ""));
    uint8_t         sig[132], n[66], good[132];
    BIGNUM         *order = NULL;
    char            header[32];
    size_t          len, half, i;
    int             carry;

    snprintf(header, sizeof(header), "{\"alg\":\"%s\"}",
             tenant_alg_name(curves[_i].alg));
    mint_token(fx.token, key, curves[_i].alg, header, PAYLOAD);
    ck_assert_int_eq(jws_check_set(set), TENANT_JWS_OK);
    len = fx.jws.sig_len;
    half = len / 2;
    memcpy(good, fx.jws.sig, len);

    ck_assert(EVP_PKEY_get_bn_param(key->pkey, "order", &order));
    BN_bn2binpad(order, n, (int) half);
    BN_free(order);

    for (i = 0; i < 2; i++) {
        uint8_t  *part = sig + i * half;
        size_t    at = half;

        memcpy(sig, good, len);
        memset(part, 0, half);
        check_sig(sig, len);
        ck_assert_int_eq(jws_check_set(set), TENANT_JWS_BAD_SIGNATURE);

        memcpy(part, n, half);
        check_sig(sig, len);
        ck_assert_int_eq(jws_check_set(set), TENANT_JWS_BAD_SIGNATURE);

        memset(part, 0xff, half);
        check_sig(sig, len);
        ck_assert_int_eq(jws_check_set(set), TENANT_JWS_BAD_SIGNATURE);

        /* the value plus n is the same modulo n, yet another spelling */
        memcpy(sig, good, len);

        for (carry = 0; at-- > 0; ) {
            carry += part[at] + n[at];
            part[at] = (uint8_t) carry;
            carry >>= 8;
        }

        check_sig(sig, len);
        ck_assert_int_eq(jws_check_set(set), TENANT_JWS_BAD_SIGNATURE);
    }

    check_sig(good, len);
    ck_assert_int_eq(jws_check_set(set), TENANT_JWS_OK);
    tenant_jwks_free(set);
    mint_key_free(key);
}
END_TEST


START_TEST(rsa_and_hmac_signatures_of_wrong_length_are_refused)
{
    uint8_t  sig[300] = { 0 }, good[300] = { 0 };
    size_t   n;

    jws_assert_good_token_passes();
    n = fx.jws.sig_len;
    memcpy(good, fx.jws.sig, n);

    ck_assert_int_eq(check_sig(good, n - 1), TENANT_JWS_BAD_SIGNATURE);
    ck_assert_int_eq(check_sig(good, n + 1), TENANT_JWS_BAD_SIGNATURE);
    memcpy(sig + 1, good, n);
    ck_assert_int_eq(check_sig(sig, n + 1), TENANT_JWS_BAD_SIGNATURE);
    ck_assert_int_eq(check_sig(sig, 1), TENANT_JWS_BAD_SIGNATURE);
    ck_assert_int_eq(check_sig(good, n), TENANT_JWS_OK);

    mint_token(fx.token, fx.oct, TENANT_ALG_HS512,
               "{\"alg\":\"HS512\",\"kid\":\"o\"}", PAYLOAD);
    ck_assert_int_eq(jws_check(fx.token), TENANT_JWS_OK);
    memcpy(good, fx.jws.sig, 64);

    for (n = 1; n < 64; n++) {
        ck_assert_int_eq(check_sig(good, n), TENANT_JWS_BAD_SIGNATURE);
    }

    ck_assert_int_eq(check_sig(good, 64), TENANT_JWS_OK);
}
END_TEST


/* An attacker brings the key along; only the issuer's count. */
START_TEST(jwk_jku_x5u_x5c_in_the_header_are_no_source_of_keys)
{
    char                      header[4096];
    size_t                    i;
    static const char *const  kids[] = { "r", "new" };
    static const tenant_jws_result_t  results[] = {
        TENANT_JWS_BAD_SIGNATURE, TENANT_JWS_UNKNOWN_KID,
    };

    for (i = 0; i < 2; i++) {
        snprintf(header, sizeof(header), "{\"alg\":\"RS256\",\"kid\":\"%s\","
                 "\"jwk\":%s,\"jku\":\"http://127.0.0.1/jwks\","
                 "\"x5u\":\"http://127.0.0.1/x5u\",\"x5c\":[\"MIIB\"],"
                 "\"x5t\":\"AA\",\"x5t#S256\":\"AA\"}", kids[i],
                 mint_jwk(fx.other_rsa, ""));
        mint_token(fx.token, fx.other_rsa, TENANT_ALG_RS256, header, PAYLOAD);
        ck_assert_int_eq(jws_check(fx.token), results[i]);
    }

    /* and they do not stand in the way of the right key either */
    snprintf(header, sizeof(header), "{\"alg\":\"RS256\",\"kid\":\"r\","
             "\"jwk\":%s,\"x5c\":[\"MIIB\"]}", mint_jwk(fx.other_rsa, ""));
    ck_assert_int_eq(jws_check_header(header), TENANT_JWS_OK);
}
END_TEST


START_TEST(kid_with_path_nul_sql_or_of_wrong_type_or_length_is_refused)
{
    static const char *const  unknown[] = {
        "\"../../../../dev/null\"", "\"/etc/passwd\"",
        "\"r' OR '1'='1\"", "\"r; DROP TABLE keys\"", "\"R\"", "\"r \"",
        "\"http://127.0.0.1/\"", "\"|/bin/id\"", "\"\\u00e9\"",
    };
    static const char *const  malformed[] = {
        "\"\"", "1", "null", "true", "[\"r\"]", "{\"r\":1}",
        "\"r\\u0000\"", "\"r\\n\"", "\"\\u001b[31m\"", "\"\\u007f\"",
    };
    char    header[11000];
    size_t  i;

    for (i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        snprintf(header, sizeof(header), "{\"alg\":\"RS256\",\"kid\":%s}",
                 unknown[i]);
        ck_assert_int_eq(jws_check_header(header), TENANT_JWS_UNKNOWN_KID);
    }

    for (i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
        snprintf(header, sizeof(header), "{\"alg\":\"RS256\",\"kid\":%s}",
                 malformed[i]);
        ck_assert_int_eq(jws_check_header(header), TENANT_JWS_MALFORMED);
        ck_assert_ptr_null(fx.jws.kid.data);
    }

    snprintf(header, sizeof(header), "{\"alg\":\"RS256\",\"kid\":\"%0256d\"}",
             1);
    ck_assert_int_eq(jws_check_header(header), TENANT_JWS_UNKNOWN_KID);
    ck_assert_uint_eq(fx.jws.kid.len, 256);
    snprintf(header, sizeof(header), "{\"alg\":\"RS256\",\"kid\":\"%0257d\"}",
             1);
    ck_assert_int_eq(jws_check_header(header), TENANT_JWS_MALFORMED);
    snprintf(header, sizeof(header),
             "{\"alg\":\"RS256\",\"kid\":\"%010240d\"}", 1);
    ck_assert_int_eq(jws_check_header(header), TENANT_JWS_MALFORMED);
    ck_assert_ptr_null(fx.jws.kid.data);
}
END_TEST


START_TEST(escaped_kid_is_the_kid_it_spells)
{
    ck_assert_int_eq(jws_check_header("{\"alg\":\"RS256\","
                                      "\"kid\":\"\\u0072\"}"),
                     TENANT_JWS_OK);
    ck_assert(tenant_str_eq(fx.jws.kid, tenant_str("r")));
}
END_TEST


START_TEST(no_kid_tries_each_key_that_may_verify)
{
    char            list[16 * 512];
    mint_key_t     *key[12];
    tenant_jwks_t  *set;
    size_t          i, index, n = 0;

    /* a key of another type in front and in between takes no try */
    n += (size_t) sprintf(list, "%s", mint_jwk(fx.oct, ""));

    for (i = 0; i < 12; i++) {
        key[i] = mint_ec("P-256");
        n += (size_t) sprintf(list + n, ",%s", mint_jwk(key[i], ""));
    }

    set = jws_keys(list);
    ck_assert_uint_eq(tenant_jwks_count(set), 13);

    for (i = 0; i < 12; i++) {
        mint_token(fx.token, key[i], TENANT_ALG_ES256, "{\"alg\":\"ES256\"}",
                   PAYLOAD);

        if (i >= TENANT_JWS_TRIES_MAX) {
            ck_assert_int_eq(jws_check_set(set), TENANT_JWS_BAD_SIGNATURE);
            continue;
        }

        ck_assert_int_eq(jws_check_set(set), TENANT_JWS_OK);
        ck_assert_int_eq(tenant_jws_verify(&fx.jws, set, TENANT_ALGS_ALL,
                                           &index), TENANT_JWS_OK);
        ck_assert_uint_eq(index, i + 1);
    }

    tenant_jwks_free(set);

    for (i = 0; i < 12; i++) {
        mint_key_free(key[i]);
    }
}
END_TEST


START_TEST(keys_of_one_kid_are_alternatives)
{
    char            list[MINT_JWK_MAX * 3];
    tenant_jwks_t  *set;
    size_t          index;

    snprintf(list, sizeof(list), "%s,%s,%s", mint_jwk(fx.ec, ",\"kid\":\"r\""),
             mint_jwk(fx.other_rsa, ",\"kid\":\"r\""),
             mint_jwk(fx.rsa, ",\"kid\":\"r\""));
    set = jws_keys(list);
    mint_token(fx.token, fx.rsa, TENANT_ALG_RS256,
               "{\"alg\":\"RS256\",\"kid\":\"r\"}", PAYLOAD);
    ck_assert_int_eq(jws_check_set(set), TENANT_JWS_OK);
    ck_assert_int_eq(tenant_jws_verify(&fx.jws, set, TENANT_ALGS_ALL, &index),
                     TENANT_JWS_OK);
    ck_assert_uint_eq(index, 2);
    tenant_jwks_free(set);
}
END_TEST


START_TEST(same_kid_of_two_issuers_is_two_keys)
{
    tenant_jwks_t  *other = jws_keys(mint_jwk(fx.other_rsa, ",\"kid\":\"r\""));

    mint_token(fx.token, fx.other_rsa, TENANT_ALG_RS256,
               "{\"alg\":\"RS256\",\"kid\":\"r\"}", PAYLOAD);
    ck_assert_int_eq(jws_check_set(other), TENANT_JWS_OK);
    ck_assert_int_eq(jws_check(fx.token), TENANT_JWS_BAD_SIGNATURE);

    mint_token(fx.token, fx.rsa, TENANT_ALG_RS256,
               "{\"alg\":\"RS256\",\"kid\":\"r\"}", PAYLOAD);
    ck_assert_int_eq(jws_check_set(other), TENANT_JWS_BAD_SIGNATURE);
    tenant_jwks_free(other);
}
END_TEST


START_TEST(key_removed_from_the_set_is_an_unknown_kid)
{
    tenant_jwks_t  *empty = jws_keys("");

    jws_assert_good_token_passes();
    ck_assert_int_eq(jws_check_set(empty), TENANT_JWS_UNKNOWN_KID);

    mint_token(fx.token, fx.rsa, TENANT_ALG_RS256, "{\"alg\":\"RS256\"}",
               PAYLOAD);
    ck_assert_int_eq(jws_check_set(empty), TENANT_JWS_NO_KEY);
    tenant_jwks_free(empty);
}
END_TEST


START_TEST(crit_and_b64_are_refused)
{
    static const char *const  crits[] = {
        "[\"exp\"]", "[\"b64\"]", "[]", "null", "\"x\"", "[\"alg\"]",
    };
    char    header[128];
    size_t  i;

    for (i = 0; i < sizeof(crits) / sizeof(crits[0]); i++) {
        snprintf(header, sizeof(header), "{\"alg\":\"RS256\",\"kid\":\"r\","
                 "\"crit\":%s}", crits[i]);
        jws_assert_refused(jws_check_header(header),
                           "crit names extensions and none is understood");
    }

    jws_assert_refused(jws_check_header("{\"alg\":\"RS256\",\"b64\":false}"),
                   "b64 is not supported");
    jws_assert_refused(jws_check_header("{\"alg\":\"RS256\",\"b64\":true}"),
                   "b64 is not supported");
    jws_assert_refused(jws_check_header("{\"alg\":\"RS256\",\"b64\":false,"
                                "\"crit\":[\"b64\"]}"),
                   "crit names extensions and none is understood");
}
END_TEST


/*
 * Any allocation of jansson or OpenSSL may fail: a bad token is never let
 * in, and a good one is a fault, not a bad signature.
 */
START_TEST(failed_allocation_is_a_fault)
{
    tenant_alg_t           alg = (tenant_alg_t) _i;
    mint_key_t            *key = mint_key_for(alg);
    tenant_verifier_t     *verifier;
    tenant_jwks_t         *set;
    tenant_jws_result_t    result;
    char                   header[64], bad[MINT_TOKEN_MAX], jwk[MINT_JWK_MAX];
    const char            *text;
    size_t                 n, reached = 0;
    int                    good;
    bool                   failed;

    strcpy(jwk, mint_jwk(key, ",\"kid\":\"k\""));
    snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"k\"}",
             tenant_alg_name(alg));
    mint_token(fx.token, key, alg, header, PAYLOAD);
    mint_token(bad, key, alg, header, "{}");
    strcpy(strrchr(bad, '.'), strrchr(fx.token, '.'));

    for (good = 0; good < 2; good++) {
        text = good ? fx.token : bad;
        failed = true;

        for (n = 0; failed; n++) {
            /* new each time: contexts are made at the first use */
            verifier = tenant_verifier_create(1);
            set = jws_keys_with(verifier, jwk);
            unit_fail_start(n, true);
            result = jws_check_with(text, strlen(text), set, &any_token);
            failed = unit_fail_stop();
            reached += failed;

            if (good) {
                /* EdDSA: see tenant_verify.h */
                ck_assert_msg(result == TENANT_JWS_OK
                              || result == TENANT_JWS_FAULT
                              || (result == TENANT_JWS_BAD_SIGNATURE
                                  && alg == TENANT_ALG_EDDSA),
                              "allocation %zu: %s", n, fx.jws.reason);

            } else {
                ck_assert_msg(result == TENANT_JWS_BAD_SIGNATURE
                              || result == TENANT_JWS_FAULT,
                              "allocation %zu: %d", n, result);
            }

            /* the failure leaves nothing half made behind */
            ck_assert_int_eq(jws_check_set(set), TENANT_JWS_OK);
            tenant_jwks_free(set);
            tenant_verifier_free(verifier);
        }
    }

    ck_assert_uint_gt(reached, 20);
    mint_key_free(key);
}
END_TEST


Suite *
suite_signature(void)
{
    Suite  *s = suite_create("signature");
    TCase  *t = tcase_create("signature");

    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, jws_fixture_setup, jws_fixture_teardown);
    tcase_add_loop_test(t, every_algorithm_verifies_its_own_key_only, 0,
                        TENANT_ALG_COUNT);
    tcase_add_test(t, ed448_verifies_and_is_not_taken_for_ed25519);
    tcase_add_test(t, pss_salt_of_another_length_is_refused);
    tcase_add_test(t, rs_hs_confusion_is_refused);
    tcase_add_test(t, alg_none_in_any_case_and_other_names_are_refused);
    tcase_add_test(t, alg_that_is_no_string_is_refused);
    tcase_add_test(t, alg_that_the_key_does_not_allow_is_refused);
    tcase_add_test(t, alg_outside_the_issuers_list_is_refused);
    tcase_add_test(t, ecdsa_signature_of_wrong_length_is_refused);
    tcase_add_loop_test(t, ecdsa_r_or_s_of_zero_or_not_below_n_is_refused, 0,
                        4);
    tcase_add_test(t, rsa_and_hmac_signatures_of_wrong_length_are_refused);
    tcase_add_test(t, jwk_jku_x5u_x5c_in_the_header_are_no_source_of_keys);
    tcase_add_test(t,
        kid_with_path_nul_sql_or_of_wrong_type_or_length_is_refused);
    tcase_add_test(t, escaped_kid_is_the_kid_it_spells);
    tcase_add_test(t, no_kid_tries_each_key_that_may_verify);
    tcase_add_test(t, keys_of_one_kid_are_alternatives);
    tcase_add_test(t, same_kid_of_two_issuers_is_two_keys);
    tcase_add_test(t, key_removed_from_the_set_is_an_unknown_kid);
    tcase_add_test(t, crit_and_b64_are_refused);
    tcase_add_loop_test(t, failed_allocation_is_a_fault, 0,
                        TENANT_ALG_COUNT);
    suite_add_tcase(s, t);
    return s;
}
