/*
 * JWS signature algorithms: RFC 7518 section 3, RFC 8037 (EdDSA), RFC 8812
 * (ES256K).  "none" has no number here, so nothing can allow it.
 */

#ifndef TENANT_ALG_H
#define TENANT_ALG_H

#include <stdbool.h>
#include <stdint.h>

#include "tenant_str.h"


typedef enum {
    TENANT_ALG_HS256 = 0,
    TENANT_ALG_HS384,
    TENANT_ALG_HS512,
    TENANT_ALG_RS256,
    TENANT_ALG_RS384,
    TENANT_ALG_RS512,
    TENANT_ALG_PS256,
    TENANT_ALG_PS384,
    TENANT_ALG_PS512,
    TENANT_ALG_ES256,
    TENANT_ALG_ES384,
    TENANT_ALG_ES512,
    TENANT_ALG_ES256K,
    TENANT_ALG_EDDSA,
    TENANT_ALG_COUNT
} tenant_alg_t;


/* A set of algorithms, one bit each. */
typedef uint32_t  tenant_algs_t;

#define TENANT_ALG_BIT(alg)  ((tenant_algs_t) 1 << (alg))

#define TENANT_ALGS_HMAC                                                      \
    (TENANT_ALG_BIT(TENANT_ALG_HS256) | TENANT_ALG_BIT(TENANT_ALG_HS384)      \
     | TENANT_ALG_BIT(TENANT_ALG_HS512))

#define TENANT_ALGS_RSA                                                       \
    (TENANT_ALG_BIT(TENANT_ALG_RS256) | TENANT_ALG_BIT(TENANT_ALG_RS384)      \
     | TENANT_ALG_BIT(TENANT_ALG_RS512) | TENANT_ALG_BIT(TENANT_ALG_PS256)    \
     | TENANT_ALG_BIT(TENANT_ALG_PS384) | TENANT_ALG_BIT(TENANT_ALG_PS512))

#define TENANT_ALGS_ALL  (TENANT_ALG_BIT(TENANT_ALG_COUNT) - 1)

/*
 * What an issuer may use unless it says otherwise.  Symmetric keys have to
 * be asked for: whoever can verify with one can also sign.
 */
#define TENANT_ALGS_DEFAULT  (TENANT_ALGS_ALL & ~TENANT_ALGS_HMAC)


/* Exact, case-sensitive (RFC 7515 section 4.1.1); false: not one of ours. */
bool tenant_alg_find(tenant_str_t name, tenant_alg_t *alg);

/* The registered name; static. */
const char *tenant_alg_name(tenant_alg_t alg);

/* Digest of the algorithm in bytes: 32, 48, 64; 0 for EdDSA. */
unsigned tenant_alg_digest_len(tenant_alg_t alg);


#endif /* TENANT_ALG_H */
