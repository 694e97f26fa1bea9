/*
 * What of an issuer object is secret: the secret of the client that asks
 * about tokens, symmetric and private keys.  Whoever may see the object, as
 * in an answer of the control plane, does not see these; and whoever sends
 * such an object back has not changed them.
 */

#ifndef TENANT_SECRET_H
#define TENANT_SECRET_H

#include <stdbool.h>

#include <jansson.h>


/*
 * Takes the secrets out of the object, which must be nobody else's: a deep
 * copy.  True if there were any.
 */
bool tenant_secret_conceal(json_t *issuer);


/*
 * Puts the secrets that the object had before back where it has none: that
 * of the client if endpoint (or the discovery URL, where that names it) and
 * client_id are the same, as a secret is for whom it was given for; and that of a symmetric key if its kid is the same.
 * False: no memory.  A merge patch is applied to what was concealed, so that
 * another endpoint does not come by the secret either.
 */
bool tenant_secret_keep(json_t *issuer, const json_t *before);


#endif /* TENANT_SECRET_H */
