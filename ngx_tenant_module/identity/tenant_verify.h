/*
 * Signature verification with contexts that are made once.  OpenSSL 3 spends
 * more on fetching, initialising and duplicating than a short digest costs,
 * so digests and key contexts are kept and used again.  The verifier's own:
 * others use tenant_jwks.h.
 */

#ifndef TENANT_VERIFY_H
#define TENANT_VERIFY_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "tenant_jwk.h"
#include "tenant_prepared.h"
#include "tenant_verifier.h"


/* All zero at first, filled when needed. */
struct tenant_verifier_s {
    EVP_MD             *md[3];      /* SHA-256, SHA-384, SHA-512 */
    EVP_MD_CTX         *begun[3];   /* of nothing yet: copied for each use */
    EVP_MD_CTX         *work;       /* a copy of what was begun */

    tenant_prepared_t  *newest;     /* by use */
    tenant_prepared_t  *oldest;
    size_t              count;
    size_t              max;
};


/*
 * The key as OpenSSL has it, made now if it is not there; the one that was
 * not used for longest leaves for it.  Good until the next call of anything
 * here; NULL: no memory.
 */
tenant_prepared_t *tenant_verifier_key(tenant_verifier_t *verifier,
    tenant_jwk_t *jwk);

/* The key is about to go: nothing is kept of it. */
void tenant_verifier_drop(tenant_verifier_t *verifier, tenant_jwk_t *jwk);

/*
 * As tenant_jwks_verify(); alg is in jwk->algs.  One limit: OpenSSL's EdDSA
 * hides a failed allocation of its own, which then reads as a bad signature.
 */
tenant_verify_t tenant_verify(tenant_verifier_t *verifier, tenant_jwk_t *jwk,
    tenant_alg_t alg, const char *msg, size_t msg_len, const uint8_t *sig,
    size_t sig_len);


#endif /* TENANT_VERIFY_H */
