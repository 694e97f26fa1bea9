/*
 * What the suites about tokens share: an issuer with an RSA, an EC and an
 * HMAC key, and a way to check a token as a caller does.
 */

#ifndef JWS_FIXTURE_H
#define JWS_FIXTURE_H

#include "mint.h"
#include "tenant_jws.h"


#define PAYLOAD  "{\"iss\":\"https://issuer.example\",\"sub\":\"alice\"}"


typedef struct {
    mint_key_t     *rsa, *other_rsa, *ec, *oct;
    tenant_jwks_t  *jwks;           /* rsa as "r", ec as "e", oct as "o" */
    char            token[MINT_TOKEN_MAX];
    tenant_jws_t    jws;            /* of the last check */
} jws_fixture_t;


extern jws_fixture_t            fx;
extern const tenant_jws_conf_t  any_token;      /* default size, any typ */


/* Unchecked fixture: the keys are made once for all tests of a case. */
void jws_fixture_setup(void);
void jws_fixture_teardown(void);

/*
 * Never freed, and of two prepared keys: a test with more of them makes them
 * anew all the time.
 */
tenant_verifier_t *jws_verifier(void);

/* A set of the JWKs in list, which are separated by commas. */
tenant_jwks_t *jws_keys(const char *list);
tenant_jwks_t *jws_keys_with(tenant_verifier_t *verifier, const char *list);

/* Form, claims and signature; any algorithm is allowed. */
tenant_jws_result_t jws_check_with(const char *text, size_t len,
    tenant_jwks_t *set, const tenant_jws_conf_t *conf);

/* The same with the fixture's keys, up to the largest token. */
tenant_jws_result_t jws_check(const char *text);

/* fx.token with the keys of set. */
tenant_jws_result_t jws_check_set(tenant_jwks_t *set);

/* fx.token is signed by fx.rsa as RS256 under that header. */
tenant_jws_result_t jws_check_header(const char *header);

void jws_assert_refused(tenant_jws_result_t result, const char *reason);

/* No refusal may spoil what comes after it. */
void jws_assert_good_token_passes(void);


#endif /* JWS_FIXTURE_H */
