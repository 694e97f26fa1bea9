/*
 * A key as OpenSSL verifies with it: an EVP_PKEY, and for each algorithm that
 * has been used what is made once and used again.
 */

#ifndef TENANT_PREPARED_H
#define TENANT_PREPARED_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "tenant_jwk.h"


#define TENANT_PREPARED_CONTEXTS  6         /* algorithms of an RSA key */


/* What was begun with the key of an OKP or oct is copied for each use. */
typedef union {
    EVP_PKEY_CTX    *pkey;          /* RSA, EC */
    EVP_MD_CTX      *md;            /* OKP */

    struct {
        EVP_MD_CTX  *inner;         /* RFC 2104 section 4 */
        EVP_MD_CTX  *outer;
    } hmac;                         /* oct: both or none */
} tenant_prepared_context_t;


typedef struct tenant_prepared_s  tenant_prepared_t;


struct tenant_prepared_s {
    tenant_jwk_t               *jwk;
    EVP_PKEY                   *pkey;       /* NULL for oct */

    /* EC: the order n of the base point, as long as a coordinate. */
    uint8_t                     order[TENANT_JWK_COORDINATE_MAX];

    /* By alg - jwk->first; made at the first use, so that algorithms that
       are not used cost nothing. */
    tenant_prepared_context_t   contexts[TENANT_PREPARED_CONTEXTS];

    tenant_prepared_t          *newer;      /* the verifier's, by use */
    tenant_prepared_t          *older;
};


/*
 * NULL: OpenSSL makes no key of it, or has no memory; the reason is in its
 * error queue.  Borrows jwk, and does not put itself into it.
 */
tenant_prepared_t *tenant_prepared_create(tenant_jwk_t *jwk);

/* What the key was begun with is wiped. */
void tenant_prepared_free(tenant_prepared_t *prepared);


#endif /* TENANT_PREPARED_H */
