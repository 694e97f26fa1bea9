/*
 * Keys and signatures made with OpenSSL directly, so that no test asks the
 * code under test what is right.
 */

#ifndef MINT_H
#define MINT_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "tenant_alg.h"


#define MINT_TOKEN_MAX  32768       /* bytes, NUL included */
#define MINT_JWK_MAX    4096
#define MINT_SIG_MAX    1024


typedef struct {
    const char  *kty;
    const char  *crv;               /* JWK name; NULL for RSA and oct */
    EVP_PKEY    *pkey;              /* NULL for oct */
    uint8_t      secret[64];        /* oct */
    size_t       secret_len;
} mint_key_t;


/* New random keys.  Any failure of OpenSSL ends the program. */
mint_key_t *mint_rsa(unsigned bits);
mint_key_t *mint_ec(const char *crv);
mint_key_t *mint_okp(const char *crv);
mint_key_t *mint_oct(size_t len);
void mint_key_free(mint_key_t *key);

/* A key of the kind that alg needs. */
mint_key_t *mint_key_for(tenant_alg_t alg);


/*
 * The public JWK; extra is JSON text of further members with a leading
 * comma, or "".  The result is static and good for four calls.
 */
const char *mint_jwk(const mint_key_t *key, const char *extra);

/* base64url of data; static, good for four calls. */
const char *mint_b64url(const void *data, size_t len);

/* JWS signature of msg, ECDSA as r || s. Returns its length. */
size_t mint_sign(const mint_key_t *key, tenant_alg_t alg, const char *msg,
    size_t len, uint8_t sig[MINT_SIG_MAX]);

/* Compact serialisation; returns token. */
char *mint_token(char token[MINT_TOKEN_MAX], const mint_key_t *key,
    tenant_alg_t alg, const char *header, const char *payload);


#endif /* MINT_H */
