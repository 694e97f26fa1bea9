/*
 * What a worker verifies with: digests, and the keys that it used last, as
 * OpenSSL has them.  A key takes 0.4 KB as it was read and some 5 KB more as
 * long as it is prepared; there are as many of the latter as tokens of
 * different keys come, and not as many as there are issuers.
 *
 * A verifier belongs to one thread.
 */

#ifndef TENANT_VERIFIER_H
#define TENANT_VERIFIER_H

#include <stddef.h>


/*
 * Prepared keys of a worker, 1.3 MB: with a thousand issuers whose tokens all
 * come, an issuer takes less than 4 KB.  With new tokens of more keys than that
 * in turns each verification prepares its key, which takes less than the
 * verification itself, and only for a token that was not seen yet: there is
 * nothing to set here.
 */
#define TENANT_VERIFIER_KEYS  256


typedef struct tenant_verifier_s  tenant_verifier_t;


/* max: prepared keys at a time, at least 1.  NULL: no memory. */
tenant_verifier_t *tenant_verifier_create(size_t max);

/* NULL is allowed.  Sets that are left may be freed and nothing else. */
void tenant_verifier_free(tenant_verifier_t *verifier);

/* Keys that are prepared now. */
size_t tenant_verifier_count(const tenant_verifier_t *verifier);


#endif /* TENANT_VERIFIER_H */
