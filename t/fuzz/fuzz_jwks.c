/* A JWK Set.  No key may verify a signature that nobody made. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tenant_jwks.h"


/* Fewer keys than a set has: they take turns. */
static tenant_verifier_t  *verifier;


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
must(int ok)
{
    if (!ok) {
        abort();
    }
}


static void
skip(void *data, size_t index, tenant_str_t kid, const char *reason)
{
    must(index < TENANT_JWKS_KEYS_MAX && kid.len <= TENANT_JWK_KID_MAX);
    must(reason != NULL);
    ++*(size_t *) data;
}


static void
check_key(tenant_jwks_t *jwks, size_t i)
{
    static const size_t  lens[] = { 32, 48, 64, 96, 114, 132, 256, 1024 };
    uint8_t              sig[1024];
    tenant_str_t         kid = tenant_jwks_kid(jwks, i);
    tenant_algs_t        algs = tenant_jwks_algs(jwks, i);
    tenant_alg_t         alg;
    size_t               n;

    must(algs != 0 && (algs & ~TENANT_ALGS_ALL) == 0);
    must(kid.data == NULL || tenant_jwks_find(jwks, kid, 0) <= i);
    memset(sig, 0x5a, sizeof(sig));

    for (alg = TENANT_ALG_HS256; alg < TENANT_ALG_COUNT; alg++) {
        for (n = 0; n < sizeof(lens) / sizeof(lens[0]); n++) {
            must(tenant_jwks_verify(jwks, i, alg, "a.b", 3, sig, lens[n])
                 == TENANT_VERIFY_BAD);
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tenant_jwks_status_t  status;
    tenant_json_error_t   err = { TENANT_JSON_OK, 0 };
    tenant_jwks_t        *jwks;
    size_t                i, skipped = 0;
    char                 *copy = malloc(size + 1);

    if (verifier == NULL) {
        verifier = tenant_verifier_create(2);
        must(verifier != NULL);
    }

    /* exactly as long as said, for the sanitizer to see */
    copy = realloc(memcpy(copy, data, size), size ? size : 1);
    status = tenant_jwks_parse(copy, size, verifier, skip, &skipped, &jwks,
                               &err);
    free(copy);

    must(status != TENANT_JWKS_NO_MEMORY);
    must((status == TENANT_JWKS_OK) == (jwks != NULL));
    must((status == TENANT_JWKS_JSON) == (err.code != TENANT_JSON_OK));
    must(err.offset <= size);

    if (jwks != NULL) {
        for (i = 0; i < tenant_jwks_count(jwks) && i < 4; i++) {
            check_key(jwks, i);
        }

        must(tenant_jwks_count(jwks) + skipped <= TENANT_JWKS_KEYS_MAX);
        must(tenant_verifier_count(verifier) <= 2);
    }

    tenant_jwks_free(jwks);
    must(tenant_verifier_count(verifier) == 0);
    return 0;
}
