/* Tokens of another implementation: what libjwt signs, we verify. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jwt.h>
#include <openssl/pem.h>

#include "jws_fixture.h"
#include "unit.h"


static const struct {
    tenant_alg_t  ours;
    jwt_alg_t     theirs;
} algs[] = {
    { TENANT_ALG_HS256, JWT_ALG_HS256 }, { TENANT_ALG_HS384, JWT_ALG_HS384 },
    { TENANT_ALG_HS512, JWT_ALG_HS512 }, { TENANT_ALG_RS256, JWT_ALG_RS256 },
    { TENANT_ALG_RS384, JWT_ALG_RS384 }, { TENANT_ALG_RS512, JWT_ALG_RS512 },
    { TENANT_ALG_ES256, JWT_ALG_ES256 }, { TENANT_ALG_ES384, JWT_ALG_ES384 },
    { TENANT_ALG_ES512, JWT_ALG_ES512 },
};


/* The private key as libjwt takes it: PEM, or the secret itself. */
static size_t
export_key(const mint_key_t *key, unsigned char out[4096])
{
    BIO   *bio;
    char  *pem;
    long   len;

    if (key->pkey == NULL) {
        memcpy(out, key->secret, key->secret_len);
        return key->secret_len;
    }

    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL);
    len = BIO_get_mem_data(bio, &pem);
    ck_assert_int_lt(len, 4096);
    memcpy(out, pem, (size_t) len);
    BIO_free(bio);
    return (size_t) len;
}


START_TEST(token_signed_by_libjwt_verifies)
{
    mint_key_t     *key = mint_key_for(algs[_i].ours);
    tenant_jwks_t  *set = jws_keys(mint_jwk(key, ",\"kid\":\"k\""));
    unsigned char   secret[4096];
    size_t          len = export_key(key, secret);
    jwt_t          *jwt;
    char           *text;
    int             i;

    /* ECDSA numbers with leading zeros turn up within a few hundred */
    for (i = 0; i < (key->crv != NULL ? 300 : 5); i++) {
        ck_assert_int_eq(jwt_new(&jwt), 0);
        ck_assert_int_eq(jwt_add_header(jwt, "kid", "k"), 0);
        ck_assert_int_eq(jwt_add_grant(jwt, "iss", "https://i.example"), 0);
        ck_assert_int_eq(jwt_add_grant_int(jwt, "exp", 1700000000 + i), 0);
        ck_assert_int_eq(jwt_set_alg(jwt, algs[_i].theirs, secret,
                                     (int) len), 0);
        text = jwt_encode_str(jwt);
        ck_assert_ptr_nonnull(text);
        ck_assert_int_eq(jws_check_with(text, strlen(text), set, &any_token),
                         TENANT_JWS_OK);
        ck_assert_int_eq(fx.jws.alg, algs[_i].ours);
        free(text);
        jwt_free(jwt);
    }

    tenant_jwks_free(set);
    mint_key_free(key);
}
END_TEST


Suite *
suite_libjwt(void)
{
    Suite  *s = suite_create("libjwt");
    TCase  *t = tcase_create("libjwt");

    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, token_signed_by_libjwt_verifies, 0,
                        sizeof(algs) / sizeof(algs[0]));
    suite_add_tcase(s, t);
    return s;
}
