/*
 * One JSON Web Key, RFC 7517 section 4 and RFC 7518 section 6, that may
 * verify signatures.  The key set's own: others use tenant_jwks.h.
 */

#ifndef TENANT_JWK_H
#define TENANT_JWK_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>
#include <openssl/evp.h>

#include "tenant_alg.h"
#include "tenant_jwks.h"
#include "tenant_str.h"


#define TENANT_JWK_RSA_BITS_MIN    2048     /* RFC 7518 section 3.3 */
#define TENANT_JWK_RSA_BITS_MAX    8192
#define TENANT_JWK_SECRET_MAX      1024     /* bytes */
#define TENANT_JWK_COORDINATE_MAX  66       /* bytes, P-521 */
#define TENANT_JWK_CONTEXTS        6        /* algorithms of an RSA key */


/* What was begun with the key of an OKP or oct is copied for each use. */
typedef union {
    EVP_PKEY_CTX    *pkey;          /* RSA, EC */
    EVP_MD_CTX      *md;            /* OKP */

    struct {
        EVP_MD_CTX  *inner;         /* RFC 2104 section 4 */
        EVP_MD_CTX  *outer;
    } hmac;                         /* oct: both or none */
} tenant_jwk_context_t;


typedef struct {
    tenant_algs_t         algs;     /* of one family: RSA, EC, OKP or oct */
    tenant_alg_t          first;    /* lowest algorithm of that family */
    tenant_str_t          kid;      /* own copy; data NULL: none */
    EVP_PKEY             *pkey;     /* NULL for oct */
    uint8_t              *secret;   /* oct only; wiped when freed */
    size_t                secret_len;
    size_t                sig_len;  /* bytes; 0 for oct: the digest's */

    /* EC: the order n of the base point, as long as a coordinate. */
    uint8_t               order[TENANT_JWK_COORDINATE_MAX];

    /* By alg - first; made at the first use, so that unused keys and
       algorithms cost nothing. */
    tenant_jwk_context_t  contexts[TENANT_JWK_CONTEXTS];
} tenant_jwk_t;


typedef enum {
    TENANT_JWK_OK = 0,
    TENANT_JWK_SKIP,                /* *reason says why */
    TENANT_JWK_NO_MEMORY
} tenant_jwk_status_t;


/*
 * Fills *jwk, which is all zero, from one element of "keys".  *reason is
 * static.  On any status the caller calls tenant_jwk_clear().
 */
tenant_jwk_status_t tenant_jwk_parse(const json_t *json, tenant_jwk_t *jwk,
    const char **reason);

void tenant_jwk_clear(tenant_jwk_t *jwk);

/* The "kid" of an element if it is one we would keep; data NULL otherwise. */
tenant_str_t tenant_jwk_kid(const json_t *json);


#endif /* TENANT_JWK_H */
