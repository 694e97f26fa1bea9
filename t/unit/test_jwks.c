#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jws_fixture.h"
#include "unit.h"


/* What the last parse skipped. */
static struct {
    size_t       count;
    size_t       index;
    char         kid[TENANT_JWK_KID_MAX + 1];
    const char  *reason;
} skipped;

static mint_key_t  *rsa, *ec;


static void
setup(void)
{
    rsa = mint_rsa(2048);
    ec = mint_ec("P-256");
}


static void
teardown(void)
{
    mint_key_free(rsa);
    mint_key_free(ec);
}


static void
skip(void *data, size_t index, tenant_str_t kid, const char *reason)
{
    ck_assert_ptr_eq(data, &skipped);
    skipped.count++;
    skipped.index = index;
    skipped.reason = reason;
    ck_assert_uint_le(kid.len, TENANT_JWK_KID_MAX);
    memcpy(skipped.kid, kid.data ? kid.data : "", kid.len);
    skipped.kid[kid.len] = '\0';
}


static tenant_jwks_status_t
parse(const char *text, tenant_jwks_t **jwks)
{
    memset(&skipped, 0, sizeof(skipped));
    return tenant_jwks_parse(text, strlen(text), jws_verifier(), skip,
                             &skipped, jwks, NULL);
}


/* The set of one key, or of none if it was skipped. */
static tenant_jwks_t *
parse_key(const char *jwk)
{
    char            text[MINT_JWK_MAX];
    tenant_jwks_t  *jwks;

    snprintf(text, sizeof(text), "{\"keys\":[%s]}", jwk);
    ck_assert_int_eq(parse(text, &jwks), TENANT_JWKS_OK);
    ck_assert_uint_eq(tenant_jwks_count(jwks) + skipped.count, 1);
    return jwks;
}


static tenant_algs_t
algs_of(const char *jwk)
{
    tenant_jwks_t  *jwks = parse_key(jwk);
    tenant_algs_t   algs;

    algs = tenant_jwks_count(jwks) ? tenant_jwks_algs(jwks, 0) : 0;
    tenant_jwks_free(jwks);
    return algs;
}


static void
assert_skipped(const char *jwk, const char *reason)
{
    tenant_jwks_t  *jwks = parse_key(jwk);

    ck_assert_msg(tenant_jwks_count(jwks) == 0, "%s", jwk);
    ck_assert_str_eq(skipped.reason, reason);
    tenant_jwks_free(jwks);
}


START_TEST(key_type_curve_and_alg_decide_the_algorithms)
{
    static const struct {
        const char     *crv;
        tenant_alg_t    alg;
    } curves[] = {
        { "P-256", TENANT_ALG_ES256 }, { "P-384", TENANT_ALG_ES384 },
        { "P-521", TENANT_ALG_ES512 }, { "secp256k1", TENANT_ALG_ES256K },
    };
    mint_key_t  *key;
    size_t       i;

    ck_assert_uint_eq(algs_of(mint_jwk(rsa, "")), TENANT_ALGS_RSA);
    ck_assert_uint_eq(algs_of(mint_jwk(rsa, ",\"alg\":\"PS384\"")),
                      TENANT_ALG_BIT(TENANT_ALG_PS384));

    for (i = 0; i < 4; i++) {
        key = mint_ec(curves[i].crv);
        ck_assert_uint_eq(algs_of(mint_jwk(key, "")),
                          TENANT_ALG_BIT(curves[i].alg));
        mint_key_free(key);
    }

    for (i = 0; i < 2; i++) {
        key = mint_okp(i ? "ED448" : "ED25519");
        ck_assert_uint_eq(algs_of(mint_jwk(key, ",\"alg\":\"EdDSA\"")),
                          TENANT_ALG_BIT(TENANT_ALG_EDDSA));
        mint_key_free(key);
    }
}
END_TEST


START_TEST(alg_that_does_not_fit_the_key_is_skipped)
{
    static const char  misfit[] = "alg does not fit the key";

    assert_skipped(mint_jwk(rsa, ",\"alg\":\"ES256\""), misfit);
    assert_skipped(mint_jwk(rsa, ",\"alg\":\"HS256\""), misfit);
    assert_skipped(mint_jwk(ec, ",\"alg\":\"ES384\""), misfit);
    assert_skipped(mint_jwk(ec, ",\"alg\":\"ES256K\""), misfit);
    assert_skipped(mint_jwk(ec, ",\"alg\":\"EdDSA\""), misfit);
    assert_skipped(mint_jwk(rsa, ",\"alg\":\"RSA-OAEP\""),
                   "alg is not a supported signature algorithm");
    assert_skipped(mint_jwk(rsa, ",\"alg\":\"rs256\""),
                   "alg is not a supported signature algorithm");
    assert_skipped(mint_jwk(rsa, ",\"alg\":\"none\""),
                   "alg is not a supported signature algorithm");
    assert_skipped(mint_jwk(rsa, ",\"alg\":null"),
                   "alg is not a supported signature algorithm");
}
END_TEST


START_TEST(use_enc_is_not_used_for_verification)
{
    assert_skipped(mint_jwk(rsa, ",\"use\":\"enc\""), "use is not \"sig\"");
    assert_skipped(mint_jwk(rsa, ",\"use\":\"SIG\""), "use is not \"sig\"");
    assert_skipped(mint_jwk(rsa, ",\"use\":1"), "use is not \"sig\"");
    ck_assert_uint_ne(algs_of(mint_jwk(rsa, ",\"use\":\"sig\"")), 0);
}
END_TEST


START_TEST(key_ops_without_verify_is_not_used_for_verification)
{
    static const char  reason[] = "key_ops without \"verify\"";

    assert_skipped(mint_jwk(ec, ",\"key_ops\":[]"), reason);
    assert_skipped(mint_jwk(ec, ",\"key_ops\":[\"sign\"]"), reason);
    assert_skipped(mint_jwk(ec, ",\"key_ops\":\"verify\""), reason);
    assert_skipped(mint_jwk(ec, ",\"key_ops\":[\"verify\",1]"), reason);
    assert_skipped(mint_jwk(ec, ",\"use\":\"sig\",\"key_ops\":[\"sign\"]"),
                   reason);
    ck_assert_uint_ne(algs_of(mint_jwk(ec, ",\"key_ops\":[\"sign\","
                                           "\"verify\"]")), 0);
}
END_TEST


START_TEST(private_parts_in_a_key_set_are_not_used)
{
    static const char *const  parts[] = {
        "d", "p", "q", "dp", "dq", "qi", "oth",
    };
    char    extra[64];
    size_t  i;

    for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        snprintf(extra, sizeof(extra), ",\"%s\":\"AQAB\"", parts[i]);
        assert_skipped(mint_jwk(rsa, extra), "private key in a key set");
    }

    assert_skipped(mint_jwk(ec, ",\"d\":\"AQAB\""),
                   "private key in a key set");
}
END_TEST


START_TEST(zero_length_or_short_hmac_key_is_skipped)
{
    static const struct {
        size_t          len;
        const char     *extra;
        tenant_algs_t   algs;
    } rows[] = {
        { 31, "", 0 },
        { 32, "", TENANT_ALG_BIT(TENANT_ALG_HS256) },
        { 47, ",\"alg\":\"HS384\"", 0 },
        { 48, ",\"alg\":\"HS384\"", TENANT_ALG_BIT(TENANT_ALG_HS384) },
        { 63, ",\"alg\":\"HS512\"", 0 },
        { 64, "", TENANT_ALGS_HMAC },
        { 64, ",\"alg\":\"RS256\"", 0 },
    };
    mint_key_t  *key;
    size_t       i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        key = mint_oct(rows[i].len);
        ck_assert_uint_eq(algs_of(mint_jwk(key, rows[i].extra)),
                          rows[i].algs);
        mint_key_free(key);
    }

    assert_skipped("{\"kty\":\"oct\",\"k\":\"\"}",
                   "k is missing, empty, not base64url or too long");
    assert_skipped("{\"kty\":\"oct\"}",
                   "k is missing, empty, not base64url or too long");
    assert_skipped("{\"kty\":\"oct\",\"k\":\"AQAB\"}",
                   "k is shorter than 32 bytes");
}
END_TEST


START_TEST(unknown_or_missing_kty_is_skipped)
{
    static const char  reason[] = "kty is not RSA, EC, OKP or oct";

    assert_skipped("{}", reason);
    assert_skipped("{\"kty\":\"rsa\"}", reason);
    assert_skipped("{\"kty\":1}", reason);
    assert_skipped("{\"kty\":\"AKP\"}", reason);
    assert_skipped("{\"kty\":\"EC\",\"crv\":\"P-192\"}",
                   "crv is not a supported EC curve");
    assert_skipped("{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AA\"}",
                   "crv is not Ed25519 or Ed448");
    assert_skipped("1", "not an object");
    assert_skipped("null", "not an object");
}
END_TEST


START_TEST(point_off_the_curve_is_skipped)
{
    static const char  off[] = "EC point is not on its curve";
    static const char  length[] =
        "x or y is missing or not of the curve's length";
    char               jwk[512];
    uint8_t            zero[66] = { 0 }, ones[66];

    memset(ones, 0xff, sizeof(ones));

    snprintf(jwk, sizeof(jwk), "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
             "\"%s\",\"y\":\"%s\"}", mint_b64url(zero, 32),
             mint_b64url(zero, 32));
    assert_skipped(jwk, off);

    /* not below the field's prime */
    snprintf(jwk, sizeof(jwk), "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":"
             "\"%s\",\"y\":\"%s\"}", mint_b64url(ones, 48),
             mint_b64url(ones, 48));
    assert_skipped(jwk, off);

    snprintf(jwk, sizeof(jwk), "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
             "\"%s\",\"y\":\"%s\"}", mint_b64url(ones, 31),
             mint_b64url(ones, 32));
    assert_skipped(jwk, length);

    /* a P-256 point under another curve's name */
    snprintf(jwk, sizeof(jwk), "%s", mint_jwk(ec, ""));
    memcpy(strstr(jwk, "P-256"), "P-384", 5);
    assert_skipped(jwk, length);

    snprintf(jwk, sizeof(jwk), "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
             "\"%s\"}", mint_b64url(ones, 57));
    assert_skipped(jwk, "x is missing or not of the curve's length");
}
END_TEST


static void
assert_rsa_skipped(const uint8_t *n, size_t n_len, const char *e,
    const char *reason)
{
    char  jwk[4096];

    snprintf(jwk, sizeof(jwk), "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"}",
             mint_b64url(n, n_len), e);
    assert_skipped(jwk, reason);
}


START_TEST(unsafe_rsa_numbers_are_skipped)
{
    static const char  exponent[] =
        "RSA exponent is even, 1 or above 64 bits";
    static const char  bits[] = "RSA modulus not of 2048 to 8192 bits";
    uint8_t            n[1100];

    memset(n, 0xff, sizeof(n));

    assert_rsa_skipped(n, 256, "AQ", exponent);                 /* 1 */
    assert_rsa_skipped(n, 256, "AQAA", exponent);               /* even */
    assert_rsa_skipped(n, 256, "AA", exponent);                 /* 0 */
    assert_rsa_skipped(n, 256, "AQAAAAAAAAAB", exponent);       /* 2^64 + 1 */
    assert_rsa_skipped(n, 255, "AQAB", bits);
    assert_rsa_skipped(n, 128, "AQAB", bits);
    assert_rsa_skipped(n, 1025, "AQAB", bits);
    assert_rsa_skipped(n, 1100, "AQAB",
                       "n is missing, not base64url or too long");
    assert_rsa_skipped(n, 0, "AQAB",
                       "n is missing, not base64url or too long");
    assert_rsa_skipped(n, 256, "AQ==",
                       "e is missing, not base64url or too long");

    n[255] = 0xfe;
    assert_rsa_skipped(n, 256, "AQAB", "RSA modulus is even");

    /* a key for signatures of another length must not be mistaken */
    n[0] = 0x7f;
    n[255] = 0xff;
    assert_rsa_skipped(n, 256, "AQAB", bits);
}
END_TEST


START_TEST(kid_that_is_no_short_string_is_skipped)
{
    static const char  reason[] = "kid is not a string of 1 to 256 bytes";
    char               extra[400];

    assert_skipped(mint_jwk(rsa, ",\"kid\":1"), reason);
    assert_skipped(mint_jwk(rsa, ",\"kid\":\"\""), reason);
    assert_skipped(mint_jwk(rsa, ",\"kid\":null"), reason);

    snprintf(extra, sizeof(extra), ",\"kid\":\"%0256d\"", 1);
    ck_assert_uint_ne(algs_of(mint_jwk(rsa, extra)), 0);
    snprintf(extra, sizeof(extra), ",\"kid\":\"%0257d\"", 1);
    assert_skipped(mint_jwk(rsa, extra), reason);
}
END_TEST


START_TEST(skip_is_told_index_and_kid)
{
    char            text[8192];
    tenant_jwks_t  *jwks;

    snprintf(text, sizeof(text), "{\"keys\":[%s,%s,%s]}",
             mint_jwk(rsa, ",\"kid\":\"a\""),
             mint_jwk(ec, ",\"kid\":\"b\",\"use\":\"enc\""),
             mint_jwk(ec, ",\"kid\":\"c\""));
    ck_assert_int_eq(parse(text, &jwks), TENANT_JWKS_OK);
    ck_assert_uint_eq(tenant_jwks_count(jwks), 2);
    ck_assert_uint_eq(skipped.count, 1);
    ck_assert_uint_eq(skipped.index, 1);
    ck_assert_str_eq(skipped.kid, "b");
    tenant_jwks_free(jwks);

    /* nobody has to listen */
    ck_assert_int_eq(tenant_jwks_parse(text, strlen(text), NULL, NULL, NULL,
                                       &jwks, NULL), TENANT_JWKS_OK);
    tenant_jwks_free(jwks);
}
END_TEST


START_TEST(keys_are_found_by_exact_kid)
{
    char            text[8192];
    tenant_jwks_t  *jwks;
    size_t          i;

    snprintf(text, sizeof(text), "{\"keys\":[%s,%s,%s,%s]}",
             mint_jwk(rsa, ""), mint_jwk(ec, ",\"kid\":\"k1\""),
             mint_jwk(ec, ",\"kid\":\"k2\""),
             mint_jwk(rsa, ",\"kid\":\"k1\""));
    ck_assert_int_eq(parse(text, &jwks), TENANT_JWKS_OK);
    ck_assert_uint_eq(tenant_jwks_count(jwks), 4);

    i = tenant_jwks_find(jwks, tenant_str("k1"), 0);
    ck_assert_uint_eq(i, 1);
    i = tenant_jwks_find(jwks, tenant_str("k1"), i + 1);
    ck_assert_uint_eq(i, 3);
    ck_assert_uint_eq(tenant_jwks_find(jwks, tenant_str("k1"), i + 1), 4);
    ck_assert_uint_eq(tenant_jwks_find(jwks, tenant_str("K1"), 0), 4);
    ck_assert_uint_eq(tenant_jwks_find(jwks, tenant_str("k"), 0), 4);
    ck_assert_uint_eq(tenant_jwks_find(jwks, tenant_str("k11"), 0), 4);
    ck_assert_uint_eq(tenant_jwks_find(jwks, tenant_str(""), 0), 4);
    tenant_jwks_free(jwks);
}
END_TEST


/* The key's own set decides, whoever calls. */
START_TEST(key_verifies_no_algorithm_outside_its_set)
{
    tenant_jwks_t  *jwks = parse_key(mint_jwk(rsa, ",\"alg\":\"RS256\""));
    uint8_t         sig[MINT_SIG_MAX];
    tenant_alg_t    alg;
    size_t          len;

    for (alg = TENANT_ALG_RS256; alg <= TENANT_ALG_PS512; alg++) {
        len = mint_sign(rsa, alg, "a.b", 3, sig);
        ck_assert_int_eq(tenant_jwks_verify(jwks, 0, alg, "a.b", 3, sig, len),
                         alg == TENANT_ALG_RS256 ? TENANT_VERIFY_OK
                                                 : TENANT_VERIFY_BAD);
    }

    tenant_jwks_free(jwks);
}
END_TEST


static tenant_jwks_status_t
status_of(const char *text, size_t len)
{
    tenant_jwks_t        *jwks = (tenant_jwks_t *) text;
    tenant_jwks_status_t  status;

    status = tenant_jwks_parse(text, len, NULL, NULL, NULL, &jwks, NULL);

    if (status != TENANT_JWKS_OK) {
        ck_assert_ptr_null(jwks);
    }

    tenant_jwks_free(jwks);
    return status;
}


START_TEST(documents_that_are_no_key_set_are_refused)
{
    static const char  html[] = "<!DOCTYPE html><html></html>";

    ck_assert_int_eq(status_of(html, strlen(html)), TENANT_JWKS_JSON);
    ck_assert_int_eq(status_of("", 0), TENANT_JWKS_JSON);
    ck_assert_int_eq(status_of("{\"keys\":", 8), TENANT_JWKS_JSON);
    ck_assert_int_eq(status_of("[]", 2), TENANT_JWKS_JSON);
    ck_assert_int_eq(status_of("{}", 2), TENANT_JWKS_NOT_A_SET);
    ck_assert_int_eq(status_of("{\"keys\":{}}", 11), TENANT_JWKS_NOT_A_SET);
    ck_assert_int_eq(status_of("{\"error\":1}", 11), TENANT_JWKS_NOT_A_SET);
    ck_assert_int_eq(status_of("{\"keys\":[]}", 11), TENANT_JWKS_OK);
}
END_TEST


/* 10 MB, 10,000 keys */
START_TEST(size_of_a_key_set_is_bounded)
{
    size_t  i, len = 10 << 20;
    char   *text = malloc(len), *p;

    memset(text, ' ', len);
    memcpy(text, "{\"keys\":[]", 10);
    text[len - 1] = '}';
    ck_assert_int_eq(status_of(text, len), TENANT_JWKS_JSON);

    text[512 * 1024 - 1] = '}';
    ck_assert_int_eq(status_of(text, 512 * 1024), TENANT_JWKS_OK);
    ck_assert_int_eq(status_of(text, 512 * 1024 + 1), TENANT_JWKS_JSON);

    p = text + sprintf(text, "{\"keys\":[{}");

    for (i = 1; i < 10000; i++) {
        p += sprintf(p, ",{}");

        if (i + 1 == TENANT_JWKS_KEYS_MAX) {
            memcpy(p, "]}", 2);
            ck_assert_int_eq(status_of(text, (size_t) (p + 2 - text)),
                             TENANT_JWKS_OK);
        }

        if (i == TENANT_JWKS_KEYS_MAX) {
            memcpy(p, "]}", 2);
            ck_assert_int_eq(status_of(text, (size_t) (p + 2 - text)),
                             TENANT_JWKS_TOO_MANY_KEYS);
        }
    }

    p += sprintf(p, "]}");
    ck_assert_int_eq(status_of(text, (size_t) (p - text)),
                     TENANT_JWKS_TOO_MANY_KEYS);
    free(text);
}
END_TEST


/*
 * A key must not be skipped as invalid for want of memory: the set would
 * look complete without it.
 */
START_TEST(failed_allocation_is_a_fault_of_the_whole_set)
{
    char                  text[8192];
    tenant_jwks_t        *jwks;
    tenant_jwks_status_t  status;
    mint_key_t           *okp = mint_okp("ED25519"), *oct = mint_oct(32);
    size_t                n, failures = 0;
    bool                  failed = true;

    snprintf(text, sizeof(text), "{\"keys\":[%s,%s,%s,%s]}",
             mint_jwk(rsa, ",\"kid\":\"a\""), mint_jwk(ec, ""),
             mint_jwk(okp, ""), mint_jwk(oct, ",\"kid\":\"b\""));
    ck_assert_int_eq(parse(text, &jwks), TENANT_JWKS_OK);
    ck_assert_uint_eq(tenant_jwks_count(jwks), 4);
    tenant_jwks_free(jwks);

    for (n = 0; failed; n++) {
        unit_fail_start(n, true);
        status = parse(text, &jwks);
        failed = unit_fail_stop();

        if (status == TENANT_JWKS_OK) {
            /* OpenSSL may do without the one that failed, we may not */
            ck_assert_msg(tenant_jwks_count(jwks) == 4, "allocation %zu: %s",
                          n, skipped.reason);

        } else {
            ck_assert_int_eq(status, TENANT_JWKS_NO_MEMORY);
            failures++;
        }

        tenant_jwks_free(jwks);
    }

    ck_assert_uint_gt(failures, 50);
    mint_key_free(okp);
    mint_key_free(oct);
}
END_TEST


Suite *
suite_jwks(void)
{
    Suite  *s = suite_create("jwks");
    TCase  *t = tcase_create("jwks");

    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, setup, teardown);
    tcase_add_test(t, key_type_curve_and_alg_decide_the_algorithms);
    tcase_add_test(t, alg_that_does_not_fit_the_key_is_skipped);
    tcase_add_test(t, use_enc_is_not_used_for_verification);
    tcase_add_test(t, key_ops_without_verify_is_not_used_for_verification);
    tcase_add_test(t, private_parts_in_a_key_set_are_not_used);
    tcase_add_test(t, zero_length_or_short_hmac_key_is_skipped);
    tcase_add_test(t, unknown_or_missing_kty_is_skipped);
    tcase_add_test(t, point_off_the_curve_is_skipped);
    tcase_add_test(t, unsafe_rsa_numbers_are_skipped);
    tcase_add_test(t, kid_that_is_no_short_string_is_skipped);
    tcase_add_test(t, skip_is_told_index_and_kid);
    tcase_add_test(t, keys_are_found_by_exact_kid);
    tcase_add_test(t, key_verifies_no_algorithm_outside_its_set);
    tcase_add_test(t, documents_that_are_no_key_set_are_refused);
    tcase_add_test(t, size_of_a_key_set_is_bounded);
    tcase_add_test(t, failed_allocation_is_a_fault_of_the_whole_set);
    suite_add_tcase(s, t);
    return s;
}
