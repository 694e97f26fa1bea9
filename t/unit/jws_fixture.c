#include <stdio.h>
#include <string.h>

#include "jws_fixture.h"
#include "unit.h"


jws_fixture_t            fx;
const tenant_jws_conf_t  any_token = { 0, NULL, 0, NULL };


tenant_verifier_t *
jws_verifier(void)
{
    static tenant_verifier_t  *verifier;

    if (verifier == NULL) {
        verifier = tenant_verifier_create(2);
        ck_assert_ptr_nonnull(verifier);
    }

    return verifier;
}


tenant_jwks_t *
jws_keys_with(tenant_verifier_t *verifier, const char *list)
{
    static char     text[65536];
    tenant_jwks_t  *set;

    snprintf(text, sizeof(text), "{\"keys\":[%s]}", list);
    ck_assert_int_eq(tenant_jwks_parse(text, strlen(text), verifier, NULL,
                                       NULL, &set, NULL), TENANT_JWKS_OK);
    return set;
}


tenant_jwks_t *
jws_keys(const char *list)
{
    return jws_keys_with(jws_verifier(), list);
}


void
jws_fixture_setup(void)
{
    char  list[MINT_JWK_MAX * 3];

    fx.rsa = mint_rsa(2048);
    fx.other_rsa = mint_rsa(2048);
    fx.ec = mint_ec("P-256");
    fx.oct = mint_oct(64);

    snprintf(list, sizeof(list), "%s,%s,%s",
             mint_jwk(fx.rsa, ",\"kid\":\"r\""),
             mint_jwk(fx.ec, ",\"kid\":\"e\""),
             mint_jwk(fx.oct, ",\"kid\":\"o\""));
    fx.jwks = jws_keys(list);
    ck_assert_uint_eq(tenant_jwks_count(fx.jwks), 3);
}


void
jws_fixture_teardown(void)
{
    tenant_jwks_free(fx.jwks);
    mint_key_free(fx.rsa);
    mint_key_free(fx.other_rsa);
    mint_key_free(fx.ec);
    mint_key_free(fx.oct);
}


tenant_jws_result_t
jws_check_with(const char *text, size_t len, tenant_jwks_t *set,
    const tenant_jws_conf_t *conf)
{
    static uint8_t         scratch[TENANT_JWS_SCRATCH(TENANT_JWS_LEN_MAX)];
    static tenant_value_t  values[1024];
    tenant_tape_t          tape = { values, 1024, NULL, NULL };
    tenant_jws_result_t    result;
    const tenant_value_t  *claims = NULL;

    result = tenant_jws_parse(&fx.jws, &tape, text, len, conf, scratch,
                              TENANT_JWS_SCRATCH(len) < sizeof(scratch)
                              ? TENANT_JWS_SCRATCH(len) : sizeof(scratch));

    if (result == TENANT_JWS_OK) {
        result = tenant_jws_claims(&fx.jws, &tape, &claims, NULL);
    }

    if (result == TENANT_JWS_OK) {
        ck_assert(tenant_value_is(claims, TENANT_VALUE_OBJECT));
        result = tenant_jws_verify(&fx.jws, set, TENANT_ALGS_ALL, NULL);
    }

    ck_assert((result == TENANT_JWS_OK) == (fx.jws.reason == NULL));
    return result;
}


/*
 * Once as it is, and twice with the headers of all tests so far: one that
 * is kept changes nothing.
 */
static tenant_jws_result_t
jws_check_thrice(const char *text, tenant_jwks_t *set, size_t max_len)
{
    static tenant_jws_headers_t  headers;
    tenant_jws_conf_t            conf = { 0, NULL, 0, NULL };
    tenant_jws_result_t          result;
    tenant_jws_t                 jws;
    size_t                       len = strlen(text);
    int                          i;

    conf.max_len = max_len;
    result = jws_check_with(text, len, set, &conf);
    jws = fx.jws;
    conf.headers = &headers;

    for (i = 0; i < 2; i++) {
        ck_assert_int_eq(jws_check_with(text, len, set, &conf), result);
        ck_assert_ptr_eq(fx.jws.reason, jws.reason);

        if (result != TENANT_JWS_MALFORMED) {
            ck_assert_int_eq(fx.jws.alg, jws.alg);
            ck_assert_uint_eq(fx.jws.kid.len, jws.kid.len);
        }
    }

    return result;
}


tenant_jws_result_t
jws_check(const char *text)
{
    return jws_check_thrice(text, fx.jwks, TENANT_JWS_LEN_MAX);
}


tenant_jws_result_t
jws_check_set(tenant_jwks_t *set)
{
    return jws_check_thrice(fx.token, set, 0);
}


tenant_jws_result_t
jws_check_header(const char *header)
{
    mint_token(fx.token, fx.rsa, TENANT_ALG_RS256, header, PAYLOAD);
    return jws_check(fx.token);
}


void
jws_assert_refused(tenant_jws_result_t result, const char *reason)
{
    ck_assert_int_ne(result, TENANT_JWS_OK);
    ck_assert_str_eq(fx.jws.reason, reason);
}


void
jws_assert_good_token_passes(void)
{
    ck_assert_int_eq(jws_check_header("{\"alg\":\"RS256\","
                                      "\"kid\":\"r\"}"), TENANT_JWS_OK);
}
