#include <openssl/crypto.h>

#include "tenant_verify.h"


tenant_verifier_t *
tenant_verifier_create(size_t max)
{
    tenant_verifier_t  *verifier = OPENSSL_zalloc(sizeof(*verifier));

    if (verifier != NULL) {
        verifier->max = max;
    }

    return verifier;
}


void
tenant_verifier_free(tenant_verifier_t *verifier)
{
    size_t  i;

    if (verifier == NULL) {
        return;
    }

    while (verifier->oldest != NULL) {
        tenant_verifier_drop(verifier, verifier->oldest->jwk);
    }

    for (i = 0; i < 3; i++) {
        EVP_MD_CTX_free(verifier->begun[i]);
        EVP_MD_free(verifier->md[i]);
    }

    EVP_MD_CTX_free(verifier->work);
    OPENSSL_free(verifier);
}


size_t
tenant_verifier_count(const tenant_verifier_t *verifier)
{
    return verifier->count;
}


static void
tenant_verifier_unlink(tenant_verifier_t *verifier,
    tenant_prepared_t *prepared)
{
    if (prepared->newer != NULL) {
        prepared->newer->older = prepared->older;

    } else {
        verifier->newest = prepared->older;
    }

    if (prepared->older != NULL) {
        prepared->older->newer = prepared->newer;

    } else {
        verifier->oldest = prepared->newer;
    }
}


static void
tenant_verifier_link(tenant_verifier_t *verifier,
    tenant_prepared_t *prepared)
{
    prepared->newer = NULL;
    prepared->older = verifier->newest;

    if (prepared->older != NULL) {
        prepared->older->newer = prepared;

    } else {
        verifier->oldest = prepared;
    }

    verifier->newest = prepared;
}


static tenant_prepared_t *
tenant_verifier_add(tenant_verifier_t *verifier, tenant_jwk_t *jwk)
{
    tenant_prepared_t  *prepared;

    /* before, so that there are never more */
    if (verifier->count == verifier->max) {
        tenant_verifier_drop(verifier, verifier->oldest->jwk);
    }

    prepared = tenant_prepared_create(jwk);

    if (prepared == NULL) {
        return NULL;
    }

    tenant_verifier_link(verifier, prepared);
    verifier->count++;
    jwk->prepared = prepared;
    return prepared;
}


tenant_prepared_t *
tenant_verifier_key(tenant_verifier_t *verifier, tenant_jwk_t *jwk)
{
    tenant_prepared_t  *prepared = jwk->prepared;

    if (prepared == NULL) {
        return tenant_verifier_add(verifier, jwk);
    }

    if (prepared != verifier->newest) {
        tenant_verifier_unlink(verifier, prepared);
        tenant_verifier_link(verifier, prepared);
    }

    return prepared;
}


void
tenant_verifier_drop(tenant_verifier_t *verifier, tenant_jwk_t *jwk)
{
    tenant_prepared_t  *prepared = jwk->prepared;

    if (prepared == NULL) {
        return;
    }

    tenant_verifier_unlink(verifier, prepared);
    verifier->count--;
    jwk->prepared = NULL;
    tenant_prepared_free(prepared);
}
