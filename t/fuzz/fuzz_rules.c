/* An issuer object, a line feed, and a claims set to hold against it. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tenant_actor.h"
#include "tenant_claims.h"
#include "tenant_json.h"


#define NOW  1700000000


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
must(int ok)
{
    if (!ok) {
        abort();
    }
}


static void
check_identity(const tenant_rules_t *rules, const tenant_value_t *claims,
    const tenant_identity_t *identity)
{
    tenant_identity_t  later;
    char               actor[TENANT_ACTOR_MAX];
    size_t             i, len;

    must(tenant_str_eq(identity->iss, rules->iss));
    must(identity->subject.len != 0);
    must(identity->tenant.len != 0 || rules->bound);
    must(identity->expires > NOW);

    for (i = 0; i < rules->nattributes; i++) {
        (void) tenant_claim_find(claims, rules->attributes[i].path);
    }

    /* a cache may keep it until then and not longer */
    if (identity->expires != INT64_MAX) {
        must(tenant_claims_check(rules, claims, identity->expires - 1, &later)
             == TENANT_CLAIMS_OK);
        must(tenant_claims_check(rules, claims, identity->expires, &later)
             != TENANT_CLAIMS_OK);
    }

    if (tenant_actor_encode(actor, &len, tenant_str("acme"),
                            identity->subject) == TENANT_ACTOR_OK)
    {
        must(len > 5 && len <= sizeof(actor));
    }
}


static void
check_claims(const tenant_rules_t *rules, const char *text, size_t len)
{
    tenant_claims_result_t  result;
    tenant_json_error_t     err;
    tenant_identity_t       identity;
    tenant_value_t         *values = malloc((len + 16) * sizeof(*values));
    tenant_tape_t           tape = { values, len + 16, NULL, NULL };
    const tenant_value_t   *claims;
    char                   *copy = malloc(len + 1);

    memcpy(copy, text, len);
    claims = tenant_value_read(&tape, copy, len, &tenant_json_token_limits,
                               &err);
    must((claims == NULL) == (err.code != TENANT_JSON_OK));
    must(err.offset <= len);

    if (claims != NULL) {
        result = tenant_claims_check(rules, claims, NOW, &identity);
        must(tenant_claims_describe(result) != NULL);

        if (result == TENANT_CLAIMS_OK) {
            check_identity(rules, claims, &identity);
        }
    }

    free(values);
    free(copy);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tenant_rules_status_t  status;
    tenant_rules_error_t   rules_err;
    tenant_json_error_t    err;
    tenant_rules_t         rules;
    const uint8_t         *lf = size ? memchr(data, '\n', size) : NULL;
    json_t                *issuer;

    if (lf == NULL) {
        return 0;
    }

    issuer = tenant_json_parse((const char *) data, (size_t) (lf - data),
                               &tenant_json_jwks_limits, &err);

    if (issuer == NULL) {
        return 0;
    }

    status = tenant_claims_rules_parse(issuer, &rules, &rules_err);
    json_decref(issuer);

    if (status == TENANT_RULES_OK) {
        check_claims(&rules, (const char *) lf + 1,
                     (size_t) (data + size - lf - 1));

    } else {
        must(status == TENANT_RULES_INVALID && rules_err.reason != NULL);
        must(strlen(rules_err.pointer) < sizeof(rules_err.pointer));
    }

    tenant_rules_free(&rules);
    return 0;
}
