#include <stdbool.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/param_build.h>

#include "tenant_prepared.h"


/* A public key of parameters collected in bld, or NULL. */
static EVP_PKEY *
tenant_prepared_fromdata(const tenant_jwk_t *jwk, OSSL_PARAM_BLD *bld)
{
    EVP_PKEY      *pkey = NULL;
    OSSL_PARAM    *params;
    EVP_PKEY_CTX  *ctx;

    params = OSSL_PARAM_BLD_to_param(bld);
    ctx = EVP_PKEY_CTX_new_from_name(NULL, jwk->type, NULL);

    if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1
        || EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
    {
        EVP_PKEY_free(pkey);
        pkey = NULL;
    }

    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    return pkey;
}


static EVP_PKEY *
tenant_prepared_rsa(const tenant_jwk_t *jwk)
{
    size_t           n_len = jwk->len - jwk->e_len;
    BIGNUM          *n = BN_bin2bn(jwk->bytes, (int) n_len, NULL);
    BIGNUM          *e = BN_bin2bn(jwk->bytes + n_len, (int) jwk->e_len,
                                   NULL);
    EVP_PKEY        *pkey = NULL;
    OSSL_PARAM_BLD  *bld = OSSL_PARAM_BLD_new();

    if (n != NULL && e != NULL && bld != NULL
        && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n)
        && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e))
    {
        pkey = tenant_prepared_fromdata(jwk, bld);
    }

    OSSL_PARAM_BLD_free(bld);
    BN_free(n);
    BN_free(e);
    return pkey;
}


/* Reading the point checks that it is on the curve. */
static EVP_PKEY *
tenant_prepared_ec(const tenant_jwk_t *jwk)
{
    EVP_PKEY        *pkey = NULL;
    OSSL_PARAM_BLD  *bld = OSSL_PARAM_BLD_new();

    if (bld != NULL
        && OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME,
                                           jwk->group, 0)
        && OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY,
                                            jwk->bytes, jwk->len))
    {
        pkey = tenant_prepared_fromdata(jwk, bld);
    }

    OSSL_PARAM_BLD_free(bld);
    return pkey;
}


static EVP_PKEY *
tenant_prepared_pkey(const tenant_jwk_t *jwk)
{
    if (jwk->algs & TENANT_ALGS_RSA) {
        return tenant_prepared_rsa(jwk);
    }

    if (jwk->group != NULL) {
        return tenant_prepared_ec(jwk);
    }

    return EVP_PKEY_new_raw_public_key_ex(NULL, jwk->type, NULL, jwk->bytes,
                                          jwk->len);
}


/* n of the curve, for the range check of r and s */
static bool
tenant_prepared_order(tenant_prepared_t *prepared)
{
    int      len = (int) prepared->jwk->sig_len / 2;
    BIGNUM  *order = NULL;
    bool     done;

    done = EVP_PKEY_get_bn_param(prepared->pkey, OSSL_PKEY_PARAM_EC_ORDER,
                                 &order)
           && BN_bn2binpad(order, prepared->order, len) == len;
    BN_free(order);
    return done;
}


tenant_prepared_t *
tenant_prepared_create(tenant_jwk_t *jwk)
{
    tenant_prepared_t  *prepared = OPENSSL_zalloc(sizeof(*prepared));

    if (prepared == NULL) {
        return NULL;
    }

    prepared->jwk = jwk;

    if (jwk->algs & TENANT_ALGS_HMAC) {
        return prepared;
    }

    prepared->pkey = tenant_prepared_pkey(jwk);

    if (prepared->pkey == NULL
        || (jwk->group != NULL && !tenant_prepared_order(prepared)))
    {
        tenant_prepared_free(prepared);
        return NULL;
    }

    return prepared;
}


static void
tenant_prepared_clear(const tenant_prepared_t *prepared,
    tenant_prepared_context_t *ctx)
{
    if (prepared->jwk->algs & TENANT_ALGS_HMAC) {
        EVP_MD_CTX_free(ctx->hmac.inner);
        EVP_MD_CTX_free(ctx->hmac.outer);

    } else if (prepared->jwk->algs & TENANT_ALG_BIT(TENANT_ALG_EDDSA)) {
        EVP_MD_CTX_free(ctx->md);

    } else {
        EVP_PKEY_CTX_free(ctx->pkey);
    }
}


void
tenant_prepared_free(tenant_prepared_t *prepared)
{
    size_t  i;

    for (i = 0; i < TENANT_PREPARED_CONTEXTS; i++) {
        tenant_prepared_clear(prepared, &prepared->contexts[i]);
    }

    EVP_PKEY_free(prepared->pkey);
    OPENSSL_free(prepared);
}
