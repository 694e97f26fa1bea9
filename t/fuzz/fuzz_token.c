/*
 * A token, either as it is or, if there is a line feed, as a header and a
 * payload that are signed here so that what comes after the signature is
 * reached too.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "tenant_b64url.h"
#include "tenant_claims.h"
#include "tenant_jws.h"


static const char  key_set[] =
    "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-E"
    "stJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\",\"kid\":\"o\"},"
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e"
    "8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"},"
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvP"
    "apiMlrwIaaPcHURo\"}]}";

static tenant_verifier_t  *verifier;
static tenant_jwks_t      *jwks;
static tenant_rules_t      rules;


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
must(int ok)
{
    if (!ok) {
        abort();
    }
}


static void
setup(void)
{
    tenant_rules_error_t  err;
    json_t               *issuer;

    verifier = tenant_verifier_create(2);
    must(verifier != NULL);
    must(tenant_jwks_parse(key_set, sizeof(key_set) - 1, verifier, NULL, NULL,
                           &jwks, NULL) == TENANT_JWKS_OK);
    must(tenant_jwks_count(jwks) == 3);

    issuer = json_loads("{\"iss\":\"joe\",\"tenant_claim\":\"t\","
                        "\"require_exp\":false,\"scopes\":[\"a\"]}", 0, NULL);
    must(tenant_claims_rules_parse(issuer, &rules, &err) == TENANT_RULES_OK);
    json_decref(issuer);
}


/* Every accepted part is the one spelling of its bytes. */
static void
check_spelling(const char *token, size_t len)
{
    const char  *end = token + len, *dot;
    uint8_t     *bytes = malloc(len + 1);
    char        *again = malloc(len + 3);
    size_t       n;

    while (token < end) {
        dot = memchr(token, '.', (size_t) (end - token));
        dot = dot != NULL ? dot : end;
        must(tenant_b64url_decode(bytes, &n, token, (size_t) (dot - token)));
        must(tenant_b64url_encode(again, bytes, n) == (size_t) (dot - token));
        must(memcmp(again, token, (size_t) (dot - token)) == 0);
        token = dot + 1;
    }

    free(bytes);
    free(again);
}


static tenant_jws_result_t
check_with(const char *token, size_t len, tenant_jws_headers_t *headers)
{
    const tenant_jws_conf_t         conf = { 0, NULL, 0, headers };
    tenant_identity_t               identity;
    tenant_jws_result_t             result;
    tenant_jws_t                    jws;
    tenant_value_t                 *values;
    tenant_tape_t                   tape;
    const tenant_value_t           *claims = NULL;
    uint8_t                        *scratch;

    /* a value takes two bytes of text or more, sorting names the same again */
    tape.room = len + 16;
    tape.values = values = malloc(tape.room * sizeof(*values));
    tape.take = NULL;

    scratch = malloc(TENANT_JWS_SCRATCH(len));
    result = tenant_jws_parse(&jws, &tape, token, len, &conf, scratch,
                              TENANT_JWS_SCRATCH(len));

    if (result == TENANT_JWS_OK) {
        check_spelling(token, len);
        result = tenant_jws_claims(&jws, &tape, &claims, NULL);
    }

    if (result == TENANT_JWS_OK) {
        result = tenant_jws_verify(&jws, jwks, TENANT_ALGS_ALL, NULL);
    }

    if (result == TENANT_JWS_OK
        && tenant_claims_check(&rules, claims, 1300000000, &identity)
           == TENANT_CLAIMS_OK)
    {
        must(identity.subject.len != 0 && identity.tenant.len != 0);
        must(identity.expires > 1300000000);
    }

    must(result != TENANT_JWS_FAULT);
    must(headers != NULL || jws.headers == NULL);
    free(values);
    free(scratch);
    return result;
}


/* True if the signature held.  What came before changes nothing. */
static bool
check(const char *token, size_t len)
{
    static tenant_jws_headers_t  headers;
    tenant_jws_result_t          result = check_with(token, len, NULL);

    must(check_with(token, len, &headers) == result);
    must(check_with(token, len, &headers) == result);
    return result == TENANT_JWS_OK;
}


static void
check_signed(const uint8_t *data, size_t size, const uint8_t *lf)
{
    uint8_t   secret[64], mac[32];
    char     *token = malloc(TENANT_B64URL_ENCODED(size) + 100);
    size_t    n, len;

    must(tenant_b64url_decode(secret, &n,
                              strstr(key_set, "AyM1"), 86) && n == 64);
    len = tenant_b64url_encode(token, data, (size_t) (lf - data));
    token[len++] = '.';
    len += tenant_b64url_encode(token + len, lf + 1,
                                (size_t) (data + size - lf - 1));
    must(HMAC(EVP_sha256(), secret, 64, (uint8_t *) token, len, mac, NULL)
         != NULL);
    token[len++] = '.';
    len += tenant_b64url_encode(token + len, mac, 32);

    if (check(token, len)) {
        /* the same token with another last digit is another token */
        token[len - 1] = token[len - 1] == 'A' ? 'E' : 'A';
        must(!check(token, len));
    }

    free(token);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t  *lf = size ? memchr(data, '\n', size) : NULL;
    char           *copy;

    if (jwks == NULL) {
        setup();
    }

    if (lf != NULL) {
        check_signed(data, size, lf);
        return 0;
    }

    copy = malloc(size + 1);
    memcpy(copy, data, size);
    (void) check(copy, size);
    free(copy);
    return 0;
}
