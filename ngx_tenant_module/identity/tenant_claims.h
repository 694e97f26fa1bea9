/*
 * A verified claims set against an issuer's rules, RFC 7519 section 4.1, and
 * the identity that results.
 */

#ifndef TENANT_CLAIMS_H
#define TENANT_CLAIMS_H

#include <stdint.h>

#include "tenant_claim_path.h"
#include "tenant_rules.h"
#include "tenant_str.h"
#include "tenant_value.h"


typedef enum {
    TENANT_CLAIMS_OK = 0,
    TENANT_CLAIMS_MALFORMED,        /* wrong type or range of a claim */
    TENANT_CLAIMS_ISS,              /* not exactly the issuer's */
    TENANT_CLAIMS_NO_EXP,
    TENANT_CLAIMS_EXPIRED,
    TENANT_CLAIMS_NOT_YET,          /* nbf */
    TENANT_CLAIMS_FUTURE,           /* iat */
    TENANT_CLAIMS_TOO_OLD,          /* max_age, or iat missing for it */
    TENANT_CLAIMS_AUDIENCE,
    TENANT_CLAIMS_CLIENT,
    TENANT_CLAIMS_TOKEN_USE,
    TENANT_CLAIMS_SUBJECT,          /* none, or not a string */
    TENANT_CLAIMS_REQUIRED,         /* a required claim does not hold */
    TENANT_CLAIMS_SCOPE,            /* 403 */
    TENANT_CLAIMS_TENANT            /* 403: none, or not a string */
} tenant_claims_result_t;


/* Borrowed from the claims set; absent texts have data NULL. */
typedef struct tenant_identity_s {
    tenant_str_t   iss;
    tenant_str_t   subject;         /* never absent, never empty */
    tenant_str_t   client_id;
    tenant_str_t   tenant;          /* what the token says; for a bound
                                       issuer the caller must compare */
    tenant_str_t   tier;            /* what the token says; the registry
                                       outranks it */
    const tenant_value_t  *roles;   /* NULL, a string or strings */
    const tenant_value_t  *scopes;  /* NULL, a string (split at spaces) or
                                       strings: tenant_claim_texts() with
                                       words set */
    tenant_str_t   jti;
    int64_t        iat;             /* whole seconds, if has_iat */
    bool           has_iat;
    int64_t        expires;         /* first second, since 1970, at which
                                       this check would refuse for age;
                                       INT64_MAX if never */
} tenant_identity_t;


/*
 * Checks claims at time now (seconds since 1970) and fills *identity on OK.
 * The claims must come from a verified signature.  Takes no memory.
 *
 * NumericDates may be integers or floats in 0 to 253402300799 (the year
 * 9999).  A token is valid while now < exp + leeway and now + leeway >= nbf.
 */
tenant_claims_result_t tenant_claims_check(const tenant_rules_t *rules,
    const tenant_value_t *claims, int64_t now, tenant_identity_t *identity);


/*
 * For WWW-Authenticate: the RFC 6750 section 3.1 error code, its status (401
 * or 403) and a static description without any token content.  Not for OK.
 */
const char *tenant_claims_error(tenant_claims_result_t result);
unsigned tenant_claims_http_status(tenant_claims_result_t result);
const char *tenant_claims_describe(tenant_claims_result_t result);


#endif /* TENANT_CLAIMS_H */
