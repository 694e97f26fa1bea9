/*
 * One JSON Web Key, RFC 7517 section 4 and RFC 7518 section 6, that may
 * verify signatures.  The key set's own: others use tenant_jwks.h.
 */

#ifndef TENANT_JWK_H
#define TENANT_JWK_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "tenant_alg.h"
#include "tenant_jwks.h"
#include "tenant_str.h"


#define TENANT_JWK_RSA_BITS_MIN    2048     /* RFC 7518 section 3.3 */
#define TENANT_JWK_RSA_BITS_MAX    8192
#define TENANT_JWK_SECRET_MAX      1024     /* bytes */
#define TENANT_JWK_COORDINATE_MAX  66       /* bytes, P-521 */


/*
 * The numbers of a key and what they may be used for: a few hundred bytes.
 * What OpenSSL makes of them takes ten times as much and is there while the
 * key is in use, see tenant_verifier.h.
 */
typedef struct {
    tenant_algs_t              algs;    /* of one family: RSA, EC, OKP, oct */
    tenant_alg_t               first;   /* lowest algorithm of that family */
    const char                *type;    /* OpenSSL's name; NULL for oct */
    const char                *group;   /* EC: OpenSSL's name of the curve */
    tenant_str_t               kid;     /* own copy; data NULL: none */

    /* RSA: n, then e; EC: the point, uncompressed; OKP: x; oct: k.  Own
       copy, wiped when freed. */
    uint8_t                   *bytes;
    size_t                     len;
    size_t                     e_len;   /* RSA: bytes of e */
    size_t                     sig_len; /* 0 for oct: the digest's */

    struct tenant_prepared_s  *prepared;    /* the verifier's; NULL: not
                                               prepared (any more) */
} tenant_jwk_t;


typedef enum {
    TENANT_JWK_OK = 0,
    TENANT_JWK_SKIP,                /* *reason says why */
    TENANT_JWK_NO_MEMORY
} tenant_jwk_status_t;


/*
 * Fills *jwk, which is all zero, from one element of "keys".  OpenSSL has
 * made a key of it once: one that it refuses is skipped here and not at its
 * first use.  *reason is static.  On any status the caller calls
 * tenant_jwk_clear().
 */
tenant_jwk_status_t tenant_jwk_parse(const json_t *json, tenant_jwk_t *jwk,
    const char **reason);

/* jwk->prepared is NULL. */
void tenant_jwk_clear(tenant_jwk_t *jwk);

/* The "kid" of an element if it is one we would keep; data NULL otherwise. */
tenant_str_t tenant_jwk_kid(const json_t *json);


#endif /* TENANT_JWK_H */
