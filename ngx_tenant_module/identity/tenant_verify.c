#include <stdbool.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "tenant_verify.h"


/*
 * SEQUENCE of two INTEGERs: tag and length, three bytes at most for the
 * outer one, and each INTEGER with a zero before a set top bit.
 */
#define TENANT_VERIFY_DER_MAX  (3 + 2 * (3 + TENANT_JWK_COORDINATE_MAX))

#define TENANT_VERIFY_BLOCK_MAX  128        /* bytes, of SHA-384 and SHA-512 */
#define TENANT_VERIFY_IPAD       0x36       /* RFC 2104 section 2 */
#define TENANT_VERIFY_OPAD       0x5c


/* ORDER tenant_verifier_t */
static const char *const  tenant_verify_digests[] = {
    "SHA256", "SHA384", "SHA512",
};


/* Index into the verifier's digests; alg is not EdDSA. */
static unsigned
tenant_verify_digest_index(tenant_alg_t alg)
{
    return tenant_alg_digest_len(alg) / 16 - 2;
}


/*
 * What it means that OpenSSL did not answer 1.  Its return value is the same
 * for a bad signature and for want of memory, but the error queue differs:
 * RSA names what is wrong with a bad signature, the others do so since
 * OpenSSL 3.5 and stay silent about one before.  Whatever is no such verdict
 * is a fault.
 */
static tenant_verify_t
tenant_verify_refused(tenant_alg_t alg)
{
    unsigned long  code;
    bool           any = false, named = false, no_memory = false;

    while ((code = ERR_get_error()) != 0) {
        any = true;
        named |= (ERR_GET_LIB(code) == ERR_LIB_RSA || alg >= TENANT_ALG_ES256)
                 && !ERR_COMMON_ERROR(code);
        no_memory |= ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE;
    }

    if (!any) {
        return alg >= TENANT_ALG_ES256 ? TENANT_VERIFY_BAD
                                       : TENANT_VERIFY_FAULT;
    }

    return named && !no_memory ? TENANT_VERIFY_BAD : TENANT_VERIFY_FAULT;
}


/* A digest of the first len bytes of what is to come; NULL is a fault. */
static EVP_MD_CTX *
tenant_verify_begin(const EVP_MD *md, const uint8_t *first, size_t len)
{
    EVP_MD_CTX  *ctx = EVP_MD_CTX_new();

    if (ctx == NULL || EVP_DigestInit_ex2(ctx, md, NULL) != 1
        || EVP_DigestUpdate(ctx, first, len) != 1)
    {
        EVP_MD_CTX_free(ctx);
        return NULL;
    }

    return ctx;
}


/* What alg needs of the verifier; false is a fault. */
static bool
tenant_verify_ready(tenant_verifier_t *verifier, tenant_alg_t alg)
{
    unsigned  i;

    if (verifier->work == NULL) {
        verifier->work = EVP_MD_CTX_new();
    }

    if (alg == TENANT_ALG_EDDSA) {
        return verifier->work != NULL;
    }

    i = tenant_verify_digest_index(alg);

    if (verifier->md[i] == NULL) {
        verifier->md[i] = EVP_MD_fetch(NULL, tenant_verify_digests[i], NULL);
    }

    if (verifier->begun[i] == NULL && verifier->md[i] != NULL) {
        verifier->begun[i] = tenant_verify_begin(verifier->md[i], NULL, 0);
    }

    return verifier->work != NULL && verifier->begun[i] != NULL;
}


/* A digest that was begun, of len bytes more; false is a fault. */
static bool
tenant_verify_digest(EVP_MD_CTX *work, const EVP_MD_CTX *begun,
    const void *data, size_t len, uint8_t *digest)
{
    return EVP_MD_CTX_copy_ex(work, begun) == 1
           && EVP_DigestUpdate(work, data, len) == 1
           && EVP_DigestFinal_ex(work, digest, NULL) == 1;
}


/* RFC 7518 section 3.5: salt and MGF1 use the algorithm's own digest */
static bool
tenant_verify_set_padding(EVP_PKEY_CTX *ctx, tenant_alg_t alg)
{
    if (alg < TENANT_ALG_PS256) {
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
    }

    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1
           && EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST)
              == 1;
}


/* The key's context for alg, ready for EVP_PKEY_verify() again and again. */
static EVP_PKEY_CTX *
tenant_verify_pkey_context(tenant_verifier_t *verifier,
    tenant_prepared_t *key, tenant_alg_t alg)
{
    EVP_PKEY_CTX  **kept = &key->contexts[alg - key->jwk->first].pkey;
    EVP_PKEY_CTX   *ctx;

    if (*kept != NULL) {
        return *kept;
    }

    ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);

    if (ctx == NULL || EVP_PKEY_verify_init(ctx) != 1
        || (alg < TENANT_ALG_ES256 && !tenant_verify_set_padding(ctx, alg))
        || EVP_PKEY_CTX_set_signature_md(ctx,
               verifier->md[tenant_verify_digest_index(alg)]) != 1)
    {
        EVP_PKEY_CTX_free(ctx);
        return NULL;
    }

    *kept = ctx;
    return ctx;
}


static tenant_verify_t
tenant_verify_pkey(tenant_verifier_t *verifier, tenant_prepared_t *key,
    tenant_alg_t alg, const char *msg, size_t msg_len, const uint8_t *sig,
    size_t sig_len)
{
    unsigned       i = tenant_verify_digest_index(alg);
    EVP_PKEY_CTX  *ctx;
    uint8_t        digest[EVP_MAX_MD_SIZE];

    ctx = tenant_verify_pkey_context(verifier, key, alg);

    if (ctx == NULL
        || !tenant_verify_digest(verifier->work, verifier->begun[i], msg,
                                 msg_len, digest))
    {
        return TENANT_VERIFY_FAULT;
    }

    return EVP_PKEY_verify(ctx, sig, sig_len, digest,
                           tenant_alg_digest_len(alg)) == 1
           ? TENANT_VERIFY_OK : tenant_verify_refused(alg);
}


/* Length of the unsigned big-endian number n without zeroes before it. */
static size_t
tenant_verify_integer_len(const uint8_t *n, size_t len)
{
    while (len > 1 && *n == 0) {
        n++;
        len--;
    }

    return len;
}


/* INTEGER of the unsigned big-endian number n; returns its end. */
static uint8_t *
tenant_verify_put_integer(uint8_t *der, const uint8_t *n, size_t len)
{
    *der++ = 0x02;
    *der++ = (uint8_t) (len + (*n >> 7));

    if (*n & 0x80) {
        *der++ = 0;
    }

    memcpy(der, n, len);
    return der + len;
}


/* Ecdsa-Sig-Value, RFC 3279 section 2.2.3, from r || s of len bytes each */
static size_t
tenant_verify_put_der(uint8_t *der, const uint8_t *sig, size_t len)
{
    size_t          r_len = tenant_verify_integer_len(sig, len);
    size_t          s_len = tenant_verify_integer_len(sig + len, len);
    const uint8_t  *r = sig + len - r_len, *s = sig + 2 * len - s_len;
    uint8_t        *p = der;
    size_t          n = 4 + r_len + (*r >> 7) + s_len + (*s >> 7);

    *p++ = 0x30;

    if (n > 127) {
        *p++ = 0x81;
    }

    *p++ = (uint8_t) n;
    p = tenant_verify_put_integer(p, r, r_len);
    p = tenant_verify_put_integer(p, s, s_len);
    return (size_t) (p - der);
}


/* 0 < n < order, both big-endian of len bytes; none of them is secret */
static bool
tenant_verify_in_range(const uint8_t *n, const uint8_t *order, size_t len)
{
    size_t  i;

    for (i = 0; i < len && n[i] == 0; i++) { /* void */ }

    return i != len && memcmp(n, order, len) < 0;
}


/* RFC 7518 section 3.4, with the ranges of FIPS 186-4 section 6.4.2 */
static tenant_verify_t
tenant_verify_ecdsa(tenant_verifier_t *verifier, tenant_prepared_t *key,
    tenant_alg_t alg, const char *msg, size_t msg_len, const uint8_t *sig)
{
    uint8_t  der[TENANT_VERIFY_DER_MAX];
    size_t   len = key->jwk->sig_len / 2;

    if (!tenant_verify_in_range(sig, key->order, len)
        || !tenant_verify_in_range(sig + len, key->order, len))
    {
        return TENANT_VERIFY_BAD;
    }

    return tenant_verify_pkey(verifier, key, alg, msg, msg_len, der,
                              tenant_verify_put_der(der, sig, len));
}


/*
 * EdDSA has no digest to be kept apart, and a used context is not promised
 * to verify again, so each verification works on a copy of the template.
 */
static tenant_verify_t
tenant_verify_eddsa(tenant_verifier_t *verifier, tenant_prepared_t *key,
    const char *msg, size_t msg_len, const uint8_t *sig)
{
    EVP_MD_CTX  *ctx;

    if (key->contexts[0].md == NULL) {
        ctx = EVP_MD_CTX_new();

        if (ctx == NULL
            || EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key->pkey) != 1)
        {
            EVP_MD_CTX_free(ctx);
            return TENANT_VERIFY_FAULT;
        }

        key->contexts[0].md = ctx;
    }

    if (EVP_MD_CTX_copy_ex(verifier->work, key->contexts[0].md) != 1) {
        return TENANT_VERIFY_FAULT;
    }

    return EVP_DigestVerify(verifier->work, sig, key->jwk->sig_len,
                            (const uint8_t *) msg, msg_len) == 1
           ? TENANT_VERIFY_OK : tenant_verify_refused(TENANT_ALG_EDDSA);
}


/* RFC 2104 section 2: a key as a block, zeroes after it; false is a fault */
static bool
tenant_verify_hmac_block(const EVP_MD *md, const tenant_jwk_t *jwk,
    uint8_t *block, size_t size)
{
    memset(block, 0, size);

    if (jwk->len > size) {
        return EVP_Digest(jwk->bytes, jwk->len, block, NULL, md, NULL) == 1;
    }

    memcpy(block, jwk->bytes, jwk->len);
    return true;
}


/* The two digests of alg that begin with the key. */
static bool
tenant_verify_hmac_begin(const EVP_MD *md, const tenant_jwk_t *jwk,
    tenant_prepared_context_t *ctx)
{
    uint8_t  block[TENANT_VERIFY_BLOCK_MAX];
    size_t   i, size = (size_t) EVP_MD_get_block_size(md);

    if (tenant_verify_hmac_block(md, jwk, block, size)) {

        for (i = 0; i < size; i++) {
            block[i] ^= TENANT_VERIFY_IPAD;
        }

        ctx->hmac.inner = tenant_verify_begin(md, block, size);

        for (i = 0; i < size; i++) {
            block[i] ^= TENANT_VERIFY_IPAD ^ TENANT_VERIFY_OPAD;
        }

        ctx->hmac.outer = tenant_verify_begin(md, block, size);
    }

    OPENSSL_cleanse(block, sizeof(block));

    if (ctx->hmac.inner == NULL || ctx->hmac.outer == NULL) {
        EVP_MD_CTX_free(ctx->hmac.inner);
        EVP_MD_CTX_free(ctx->hmac.outer);
        memset(ctx, 0, sizeof(*ctx));
        return false;
    }

    return true;
}


/*
 * RFC 7518 section 3.2; the comparison takes the same time for all inputs.
 * OpenSSL's EVP_MAC keeps the two digests as well, and spends as much as one
 * of the copies on parameters and sizes that never change here.
 */
static tenant_verify_t
tenant_verify_hmac(tenant_verifier_t *verifier, tenant_prepared_t *key,
    tenant_alg_t alg, const char *msg, size_t msg_len, const uint8_t *sig,
    size_t sig_len)
{
    const EVP_MD               *md;
    uint8_t                     mac[EVP_MAX_MD_SIZE];
    int                         differ;
    tenant_prepared_context_t  *ctx;

    md = verifier->md[tenant_verify_digest_index(alg)];
    ctx = &key->contexts[alg - key->jwk->first];

    if ((ctx->hmac.inner == NULL
         && !tenant_verify_hmac_begin(md, key->jwk, ctx))
        || !tenant_verify_digest(verifier->work, ctx->hmac.inner, msg,
                                 msg_len, mac)
        || !tenant_verify_digest(verifier->work, ctx->hmac.outer, mac,
                                 sig_len, mac))
    {
        return TENANT_VERIFY_FAULT;
    }

    differ = CRYPTO_memcmp(mac, sig, sig_len);
    OPENSSL_cleanse(mac, sizeof(mac));
    return differ ? TENANT_VERIFY_BAD : TENANT_VERIFY_OK;
}


static tenant_verify_t
tenant_verify_asymmetric(tenant_verifier_t *verifier, tenant_prepared_t *key,
    tenant_alg_t alg, const char *msg, size_t msg_len, const uint8_t *sig,
    size_t sig_len)
{
    /*
     * What others left in the queue must not be taken for our failure.  To
     * clear what is empty costs more than to look.
     */
    if (ERR_peek_error() != 0) {
        ERR_clear_error();
    }

    if (alg == TENANT_ALG_EDDSA) {
        return tenant_verify_eddsa(verifier, key, msg, msg_len, sig);
    }

    if (alg >= TENANT_ALG_ES256) {
        return tenant_verify_ecdsa(verifier, key, alg, msg, msg_len, sig);
    }

    return tenant_verify_pkey(verifier, key, alg, msg, msg_len, sig, sig_len);
}


tenant_verify_t
tenant_verify(tenant_verifier_t *verifier, tenant_jwk_t *jwk,
    tenant_alg_t alg, const char *msg, size_t msg_len, const uint8_t *sig,
    size_t sig_len)
{
    tenant_prepared_t  *key = NULL;
    tenant_verify_t     result;

    /* before anything is made for it, and a key in use leaves */
    if (sig_len != (jwk->sig_len ? jwk->sig_len : tenant_alg_digest_len(alg)))
    {
        return TENANT_VERIFY_BAD;
    }

    if (tenant_verify_ready(verifier, alg)) {
        key = tenant_verifier_key(verifier, jwk);
    }

    if (key == NULL) {
        result = TENANT_VERIFY_FAULT;

    } else if (jwk->algs & TENANT_ALGS_HMAC) {
        result = tenant_verify_hmac(verifier, key, alg, msg, msg_len, sig,
                                    sig_len);

    } else {
        result = tenant_verify_asymmetric(verifier, key, alg, msg, msg_len,
                                          sig, sig_len);
    }

    if (result == TENANT_VERIFY_FAULT) {
        ERR_clear_error();
    }

    return result;
}
