/*
 * A JWK Set, RFC 7517 section 5, parsed and checked once.  The key decides
 * what it may verify: kty, crv, alg, use, key_ops and size become a set of
 * algorithms when the key is parsed, and the token's alg can only choose from
 * that set.
 *
 * What OpenSSL makes of a key is the verifier's, which has the keys that were
 * used last; so a set belongs to the verifier's thread (one nginx worker).
 * Nothing here is shared through globals.
 */

#ifndef TENANT_JWKS_H
#define TENANT_JWKS_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "tenant_alg.h"
#include "tenant_json.h"
#include "tenant_str.h"
#include "tenant_verifier.h"


#define TENANT_JWKS_KEYS_MAX  256
#define TENANT_JWK_KID_MAX    256   /* bytes */


typedef struct tenant_jwks_s  tenant_jwks_t;


typedef enum {
    TENANT_JWKS_OK = 0,
    TENANT_JWKS_JSON,               /* see the tenant_json_error_t */
    TENANT_JWKS_NOT_A_SET,          /* "keys" missing or not an array */
    TENANT_JWKS_TOO_MANY_KEYS,      /* more than TENANT_JWKS_KEYS_MAX */
    TENANT_JWKS_NO_MEMORY           /* a fault: keep what you have */
} tenant_jwks_status_t;


typedef enum {
    TENANT_VERIFY_OK = 0,
    TENANT_VERIFY_BAD,              /* the signature is not this key's */
    TENANT_VERIFY_FAULT             /* no memory; says nothing about it */
} tenant_verify_t;


/*
 * Told about each key that is left out: its index in "keys", its kid if it
 * has a usable one (len 0 otherwise; may hold any UTF-8, so escape it when
 * logging), and a static reason.
 */
typedef void (*tenant_jwks_skip_pt)(void *data, size_t index, tenant_str_t kid,
    const char *reason);


/*
 * Parses text of at most 512 KB (tenant_json_jwks_limits) into a new set in
 * *jwks, to be released with tenant_jwks_free().  The text is not needed
 * afterwards.  Keys that cannot verify are skipped and told to skip(), which
 * may be NULL; a set without any usable key is OK and has count 0.
 *
 * The set verifies with the verifier, which is borrowed until the set is
 * freed or the verifier is.  NULL: the set is only looked at, in any thread.
 *
 * On any other status *jwks is NULL.  err may be NULL; it is written when
 * the status is TENANT_JWKS_JSON.
 */
tenant_jwks_status_t tenant_jwks_parse(const char *text, size_t len,
    tenant_verifier_t *verifier, tenant_jwks_skip_pt skip, void *data,
    tenant_jwks_t **jwks, tenant_json_error_t *err);

/* The same from parsed JSON (an issuer's inline "jwks"); root is borrowed. */
tenant_jwks_status_t tenant_jwks_from_json(const json_t *root,
    tenant_verifier_t *verifier, tenant_jwks_skip_pt skip, void *data,
    tenant_jwks_t **jwks);

/* NULL is allowed.  Symmetric keys are wiped. */
void tenant_jwks_free(tenant_jwks_t *jwks);

/* A static description. */
const char *tenant_jwks_reason(tenant_jwks_status_t status);


/* Usable keys, 0 to TENANT_JWKS_KEYS_MAX. */
size_t tenant_jwks_count(const tenant_jwks_t *jwks);

/* Borrowed from the set; data NULL if the key has no kid.  index < count. */
tenant_str_t tenant_jwks_kid(const tenant_jwks_t *jwks, size_t index);

/* What the key may verify; never empty.  index < count. */
tenant_algs_t tenant_jwks_algs(const tenant_jwks_t *jwks, size_t index);

/*
 * The next key at or after index from whose kid is exactly kid (RFC 7517
 * section 4.5 lets alternatives share one), or count if there is none.
 */
size_t tenant_jwks_find(const tenant_jwks_t *jwks, tenant_str_t kid,
    size_t from);

/*
 * Verifies sig over msg.  alg must be in the key's set; if not, the answer is
 * TENANT_VERIFY_BAD.  Without a verifier it is TENANT_VERIFY_FAULT.  Nothing
 * of ours is in the OpenSSL error queue afterwards.
 */
tenant_verify_t tenant_jwks_verify(tenant_jwks_t *jwks, size_t index,
    tenant_alg_t alg, const char *msg, size_t msg_len, const uint8_t *sig,
    size_t sig_len);


#endif /* TENANT_JWKS_H */
