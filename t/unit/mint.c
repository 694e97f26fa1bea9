#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "mint.h"


static void
must(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "mint: %s failed\n", what);
        abort();
    }
}


static mint_key_t *
mint_new(const char *kty, const char *crv, EVP_PKEY *pkey)
{
    mint_key_t  *key = calloc(1, sizeof(*key));

    must(key != NULL, "calloc");
    key->kty = kty;
    key->crv = crv;
    key->pkey = pkey;
    return key;
}


mint_key_t *
mint_rsa(unsigned bits)
{
    EVP_PKEY  *pkey = EVP_RSA_gen(bits);

    must(pkey != NULL, "RSA key");
    return mint_new("RSA", NULL, pkey);
}


mint_key_t *
mint_ec(const char *crv)
{
    EVP_PKEY  *pkey = EVP_EC_gen(crv);

    must(pkey != NULL, "EC key");
    return mint_new("EC", crv, pkey);
}


mint_key_t *
mint_okp(const char *crv)
{
    EVP_PKEY  *pkey = EVP_PKEY_Q_keygen(NULL, NULL, crv);

    must(pkey != NULL, "OKP key");
    return mint_new("OKP", crv, pkey);
}


mint_key_t *
mint_oct(size_t len)
{
    mint_key_t  *key = mint_new("oct", NULL, NULL);

    must(len <= sizeof(key->secret), "oct key");
    must(RAND_bytes(key->secret, (int) len) == 1, "RAND_bytes");
    key->secret_len = len;
    return key;
}


mint_key_t *
mint_key_for(tenant_alg_t alg)
{
    switch (alg) {
    case TENANT_ALG_HS256:
    case TENANT_ALG_HS384:
    case TENANT_ALG_HS512:
        return mint_oct(64);
    case TENANT_ALG_ES256:
        return mint_ec("P-256");
    case TENANT_ALG_ES384:
        return mint_ec("P-384");
    case TENANT_ALG_ES512:
        return mint_ec("P-521");
    case TENANT_ALG_ES256K:
        return mint_ec("secp256k1");
    case TENANT_ALG_EDDSA:
        return mint_okp("ED25519");
    default:
        return mint_rsa(2048);
    }
}


void
mint_key_free(mint_key_t *key)
{
    EVP_PKEY_free(key->pkey);
    free(key);
}


const char *
mint_b64url(const void *data, size_t len)
{
    static char      text[4][MINT_TOKEN_MAX];
    static unsigned  turn;
    char            *p = text[turn++ % 4];
    int              n;

    must(len < MINT_TOKEN_MAX * 3 / 4 - 4, "base64url");
    n = EVP_EncodeBlock((unsigned char *) p, data, (int) len);

    while (n > 0 && p[n - 1] == '=') {
        n--;
    }

    p[n] = '\0';

    for (n = 0; p[n]; n++) {
        p[n] = p[n] == '+' ? '-' : p[n] == '/' ? '_' : p[n];
    }

    return p;
}


static const char *
mint_bn(const EVP_PKEY *pkey, const char *param, int len)
{
    uint8_t   buf[1024];
    BIGNUM   *bn = NULL;

    must(EVP_PKEY_get_bn_param(pkey, param, &bn), param);
    len = len ? len : BN_num_bytes(bn);
    must(BN_bn2binpad(bn, buf, len) == len, param);
    BN_free(bn);
    return mint_b64url(buf, (size_t) len);
}


const char *
mint_jwk(const mint_key_t *key, const char *extra)
{
    static char      text[4][MINT_JWK_MAX];
    static unsigned  turn;
    char            *p = text[turn++ % 4];
    uint8_t          raw[64];
    size_t           len = sizeof(raw);
    int              n;

    if (strcmp(key->kty, "RSA") == 0) {
        snprintf(p, MINT_JWK_MAX, "{\"kty\":\"RSA\",\"n\":\"%s\","
                 "\"e\":\"%s\"%s}",
                 mint_bn(key->pkey, OSSL_PKEY_PARAM_RSA_N, 0),
                 mint_bn(key->pkey, OSSL_PKEY_PARAM_RSA_E, 0), extra);

    } else if (strcmp(key->kty, "EC") == 0) {
        n = (EVP_PKEY_get_bits(key->pkey) + 7) / 8;
        snprintf(p, MINT_JWK_MAX, "{\"kty\":\"EC\",\"crv\":\"%s\","
                 "\"x\":\"%s\",\"y\":\"%s\"%s}", key->crv,
                 mint_bn(key->pkey, OSSL_PKEY_PARAM_EC_PUB_X, n),
                 mint_bn(key->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, n), extra);

    } else if (strcmp(key->kty, "OKP") == 0) {
        must(EVP_PKEY_get_raw_public_key(key->pkey, raw, &len), "raw key");
        snprintf(p, MINT_JWK_MAX, "{\"kty\":\"OKP\",\"crv\":\"%s\","
                 "\"x\":\"%s\"%s}", len == 32 ? "Ed25519" : "Ed448",
                 mint_b64url(raw, len), extra);

    } else {
        snprintf(p, MINT_JWK_MAX, "{\"kty\":\"oct\",\"k\":\"%s\"%s}",
                 mint_b64url(key->secret, key->secret_len), extra);
    }

    return p;
}


static const char *
mint_digest(tenant_alg_t alg)
{
    switch (tenant_alg_digest_len(alg)) {
    case 32:
        return "SHA256";
    case 48:
        return "SHA384";
    case 64:
        return "SHA512";
    default:
        return NULL;
    }
}


/* DER to r || s of len bytes each, by OpenSSL's own reader */
static size_t
mint_raw_ecdsa(uint8_t *sig, size_t der_len, int len)
{
    const uint8_t  *p = sig;
    ECDSA_SIG      *parsed = d2i_ECDSA_SIG(NULL, &p, (long) der_len);

    must(parsed != NULL, "d2i_ECDSA_SIG");
    BN_bn2binpad(ECDSA_SIG_get0_r(parsed), sig, len);
    BN_bn2binpad(ECDSA_SIG_get0_s(parsed), sig + len, len);
    ECDSA_SIG_free(parsed);
    return (size_t) len * 2;
}


size_t
mint_sign(const mint_key_t *key, tenant_alg_t alg, const char *msg,
    size_t len, uint8_t sig[MINT_SIG_MAX])
{
    EVP_PKEY_CTX  *pctx;
    EVP_MD_CTX    *ctx;
    unsigned       mac_len;
    size_t         sig_len = MINT_SIG_MAX;

    if (key->pkey == NULL) {
        must(HMAC(EVP_get_digestbyname(mint_digest(alg)), key->secret,
                  (int) key->secret_len, (const uint8_t *) msg, len, sig,
                  &mac_len) != NULL, "HMAC");
        return mac_len;
    }

    ctx = EVP_MD_CTX_new();
    must(EVP_DigestSignInit_ex(ctx, &pctx, mint_digest(alg), NULL, NULL,
                               key->pkey, NULL), "EVP_DigestSignInit");

    if (alg >= TENANT_ALG_PS256 && alg <= TENANT_ALG_PS512) {
        must(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1
             && EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST)
                == 1, "PSS");
    }

    must(EVP_DigestSign(ctx, sig, &sig_len, (const uint8_t *) msg, len),
         "EVP_DigestSign");
    EVP_MD_CTX_free(ctx);

    return strcmp(key->kty, "EC") == 0
           ? mint_raw_ecdsa(sig, sig_len,
                            (EVP_PKEY_get_bits(key->pkey) + 7) / 8)
           : sig_len;
}


char *
mint_token(char token[MINT_TOKEN_MAX], const mint_key_t *key,
    tenant_alg_t alg, const char *header, const char *payload)
{
    uint8_t  sig[MINT_SIG_MAX];
    size_t   len, n;

    snprintf(token, MINT_TOKEN_MAX, "%s.%s",
             mint_b64url(header, strlen(header)),
             mint_b64url(payload, strlen(payload)));
    len = strlen(token);
    n = mint_sign(key, alg, token, len, sig);
    snprintf(token + len, MINT_TOKEN_MAX - len, ".%s", mint_b64url(sig, n));
    return token;
}
