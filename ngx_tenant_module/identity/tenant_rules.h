/*
 * What an issuer's tokens must say: the token related members of an issuer
 * object of the registry, parsed into a plain struct.
 *
 *   "iss"              exact issuer identifier; required
 *   "algorithms"       ["RS256", ...]; default: all but HS*
 *   "audiences"        [...]: one of them must be in aud
 *   "client_ids"       [...]: the client must be one of them
 *   "scopes"           [...]: all of them must be granted
 *   "token_use"        "access" or "id", compared with the claim
 *   "leeway"           seconds, 0 to 600, default 0
 *   "max_age"          seconds since iat, 1 to 31536000, default none
 *   "require_exp"      boolean, default true
 *   "required_claims"  [{"claim": PATH, OPERATOR: VALUE}, ...]
 *   "tenant"           makes the tenant claim optional (a bound issuer)
 *   "operators"        the same
 *   "tenant_claim"     short for claims.tenant
 *   "claims"           {"tenant", "tier", "subject", "roles", "client_id":
 *                      PATH, "attributes": {NAME: PATH}}
 *
 * OPERATOR, exactly one of:
 *   "equals"    the claim is this string, integer or boolean
 *   "one_of"    the claim is one of these strings, integers, booleans
 *   "contains"  the claim is an array with this string in it, or a
 *               space-separated string with it as a word
 *   "matches"   the claim is a string that this pattern matches
 *               (tenant_claim_glob)
 *   "present"   true: the claim exists; false: it does not
 *
 * Other members of the issuer are the registry's and are not looked at;
 * unknown members inside "claims" and "required_claims" are refused.
 */

#ifndef TENANT_RULES_H
#define TENANT_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "tenant_alg.h"
#include "tenant_str.h"


#define TENANT_RULES_LIST_MAX     64        /* entries of any list or map */
#define TENANT_RULES_TEXT_MAX     2048      /* bytes of any string */
#define TENANT_RULES_LEEWAY_MAX   600       /* seconds */
#define TENANT_RULES_MAX_AGE_MAX  31536000  /* seconds */


typedef struct {
    tenant_str_t  *items;
    size_t         count;           /* 0: not configured */
} tenant_str_list_t;


typedef enum {
    TENANT_REQUIRED_EQUALS = 0,
    TENANT_REQUIRED_ONE_OF,
    TENANT_REQUIRED_CONTAINS,
    TENANT_REQUIRED_MATCHES,
    TENANT_REQUIRED_PRESENT
} tenant_required_op_t;


typedef struct {
    tenant_str_t          path;
    tenant_required_op_t  op;
    const json_t         *value;    /* borrowed from rules->source */
} tenant_required_claim_t;


typedef struct {
    tenant_str_t  name;
    tenant_str_t  path;
} tenant_attribute_t;


/*
 * Immutable after parsing.  Strings belong to source, the lists to the
 * rules; tenant_rules_free() releases both.
 */
typedef struct {
    json_t                   *source;
    tenant_str_t              iss;
    tenant_algs_t             algs;
    tenant_str_list_t         audiences;
    tenant_str_list_t         client_ids;
    tenant_str_list_t         scopes;
    tenant_str_t              token_use;    /* data NULL: any */
    int64_t                   leeway;       /* seconds */
    int64_t                   max_age;      /* seconds; 0: none */
    bool                      require_exp;
    bool                      bound;        /* issuer has a "tenant" */

    tenant_required_claim_t  *required;
    size_t                    nrequired;

    tenant_str_t              tenant_path;  /* data NULL: not configured */
    tenant_str_t              tier_path;
    tenant_str_t              subject_path; /* default "sub" */
    tenant_str_t              roles_path;
    tenant_str_t              client_path;  /* NULL: client_id, then azp */
    tenant_attribute_t       *attributes;
    size_t                    nattributes;
} tenant_rules_t;


/* pointer: RFC 6901 into the issuer object, NUL terminated, cut if long. */
typedef struct {
    const char  *reason;            /* static */
    char         pointer[256];
} tenant_rules_error_t;


typedef enum {
    TENANT_RULES_OK = 0,
    TENANT_RULES_INVALID,           /* *err says where and why */
    TENANT_RULES_NO_MEMORY
} tenant_rules_status_t;


/*
 * Fills *rules from an issuer object, of which it takes a reference; the
 * object must not be changed while the rules live.  On any status but OK
 * *rules holds nothing.
 */
tenant_rules_status_t tenant_claims_rules_parse(json_t *issuer,
    tenant_rules_t *rules, tenant_rules_error_t *err);

/* Releases what parsing took and zeroes *rules; a zeroed one is allowed. */
void tenant_rules_free(tenant_rules_t *rules);


#endif /* TENANT_RULES_H */
