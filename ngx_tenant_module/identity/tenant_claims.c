#include "tenant_claims.h"


#define TENANT_CLAIMS_DATE_MAX  253402300799    /* 9999-12-31T23:59:59Z */


/* RFC 7519 section 2: seconds since 1970, fractions allowed. */
typedef struct {
    double  seconds;                /* exact: far below 2^53 */
    bool    present;
} tenant_claims_date_t;


typedef struct {
    unsigned     status;
    const char  *error;             /* RFC 6750 section 3.1 */
    const char  *description;
} tenant_claims_answer_t;


/* ORDER tenant_claims_result_t */
static const tenant_claims_answer_t  tenant_claims_answers[] = {
    { 200, "", "valid" },
    { 401, "invalid_token", "a claim has the wrong type or range" },
    { 401, "invalid_token", "the issuer is not accepted" },
    { 401, "invalid_token", "the token has no expiry" },
    { 401, "invalid_token", "the token has expired" },
    { 401, "invalid_token", "the token is not valid yet" },
    { 401, "invalid_token", "the token was issued in the future" },
    { 401, "invalid_token", "the token is too old" },
    { 401, "invalid_token", "the audience is not accepted" },
    { 401, "invalid_token", "the client is not accepted" },
    { 401, "invalid_token", "the token use is not accepted" },
    { 401, "invalid_token", "the token has no subject" },
    { 401, "invalid_token", "a required claim does not hold" },
    { 403, "insufficient_scope", "a required scope is missing" },
    { 403, "insufficient_scope", "the token names no tenant" },
};


const char *
tenant_claims_error(tenant_claims_result_t result)
{
    return tenant_claims_answers[result].error;
}


unsigned
tenant_claims_http_status(tenant_claims_result_t result)
{
    return tenant_claims_answers[result].status;
}


const char *
tenant_claims_describe(tenant_claims_result_t result)
{
    return tenant_claims_answers[result].description;
}


/* False if the claim is there and is no NumericDate. */
static inline bool
tenant_claims_date(const tenant_value_t *value, tenant_claims_date_t *date)
{
    date->present = value != NULL;
    date->seconds = 0;

    if (value == NULL) {
        return true;
    }

    if (value->kind == TENANT_VALUE_INTEGER) {
        date->seconds = (double) value->u.integer;
        return value->u.integer >= 0
               && value->u.integer <= TENANT_CLAIMS_DATE_MAX;
    }

    date->seconds = tenant_value_number(value);
    return value->kind == TENANT_VALUE_REAL && date->seconds >= 0
           && date->seconds <= (double) TENANT_CLAIMS_DATE_MAX;
}


/* RFC 7519 section 4.1.4; also the first second that is too late */
static tenant_claims_result_t
tenant_claims_check_exp(const tenant_rules_t *rules,
    const tenant_claims_date_t *exp, int64_t now, int64_t *expires)
{
    if (!exp->present) {
        *expires = INT64_MAX;
        return rules->require_exp ? TENANT_CLAIMS_NO_EXP : TENANT_CLAIMS_OK;
    }

    *expires = (int64_t) exp->seconds;

    if ((double) *expires < exp->seconds) {
        (*expires)++;
    }

    *expires += rules->leeway;

    return now >= *expires ? TENANT_CLAIMS_EXPIRED : TENANT_CLAIMS_OK;
}


static tenant_claims_result_t
tenant_claims_check_age(const tenant_rules_t *rules,
    const tenant_claims_date_t *iat, int64_t now, int64_t *expires)
{
    int64_t  too_old;

    if (iat->present && iat->seconds > (double) (now + rules->leeway)) {
        return TENANT_CLAIMS_FUTURE;
    }

    if (rules->max_age == 0) {
        return TENANT_CLAIMS_OK;
    }

    if (!iat->present) {
        return TENANT_CLAIMS_TOO_OLD;
    }

    too_old = (int64_t) iat->seconds + rules->max_age + rules->leeway + 1;

    if (too_old < *expires) {
        *expires = too_old;
    }

    return now >= too_old ? TENANT_CLAIMS_TOO_OLD : TENANT_CLAIMS_OK;
}


static tenant_claims_result_t
tenant_claims_check_dates(const tenant_rules_t *rules,
    const tenant_value_t *claims, int64_t now, tenant_identity_t *identity)
{
    tenant_claims_result_t  result;
    tenant_claims_date_t    exp, nbf, iat;

    if (!tenant_claims_date(tenant_value_get(claims, tenant_str("exp")), &exp)
        || !tenant_claims_date(tenant_value_get(claims, tenant_str("nbf")),
                               &nbf)
        || !tenant_claims_date(tenant_value_get(claims, tenant_str("iat")),
                               &iat))
    {
        return TENANT_CLAIMS_MALFORMED;
    }

    identity->has_iat = iat.present;
    identity->iat = (int64_t) iat.seconds;

    result = tenant_claims_check_exp(rules, &exp, now, &identity->expires);

    if (result != TENANT_CLAIMS_OK) {
        return result;
    }

    if (nbf.present && nbf.seconds > (double) (now + rules->leeway)) {
        return TENANT_CLAIMS_NOT_YET;
    }

    return tenant_claims_check_age(rules, &iat, now, &identity->expires);
}


static bool
tenant_claims_listed(const tenant_str_list_t *list, tenant_str_t text)
{
    size_t  i;

    for (i = 0; i < list->count; i++) {
        if (tenant_str_eq(list->items[i], text)) {
            return true;
        }
    }

    return false;
}


/*
 * RFC 7519 section 4.1.3.  The form is checked even if any audience will do.
 */
static tenant_claims_result_t
tenant_claims_check_aud(const tenant_rules_t *rules,
    const tenant_value_t *claims)
{
    const tenant_value_t  *aud;
    tenant_claim_texts_t   texts;
    tenant_str_t           text;
    bool                   any = false, listed = false;

    aud = tenant_value_get(claims, tenant_str("aud"));

    if (aud == NULL) {
        return rules->audiences.count ? TENANT_CLAIMS_AUDIENCE
                                      : TENANT_CLAIMS_OK;
    }

    if (!tenant_claim_texts(&texts, aud, false)) {
        return TENANT_CLAIMS_MALFORMED;
    }

    while (tenant_claim_texts_next(&texts, &text)) {
        any = true;
        listed |= tenant_claims_listed(&rules->audiences, text);
    }

    if (!any) {
        return TENANT_CLAIMS_MALFORMED;
    }

    return rules->audiences.count == 0 || listed ? TENANT_CLAIMS_OK
                                                 : TENANT_CLAIMS_AUDIENCE;
}


/* RFC 9068 section 2.2, or OpenID Connect's azp */
static tenant_claims_result_t
tenant_claims_check_client(const tenant_rules_t *rules,
    const tenant_value_t *claims, tenant_str_t *client_id)
{
    const tenant_value_t  *value;

    if (rules->client_path.data != NULL) {
        value = tenant_claim_find(claims, rules->client_path);

    } else {
        value = tenant_value_get(claims, tenant_str("client_id"));

        if (value == NULL) {
            value = tenant_value_get(claims, tenant_str("azp"));
        }
    }

    *client_id = tenant_value_text(value);

    if (value != NULL && client_id->data == NULL) {
        return TENANT_CLAIMS_MALFORMED;
    }

    if (rules->client_ids.count == 0) {
        return TENANT_CLAIMS_OK;
    }

    return client_id->data != NULL
           && tenant_claims_listed(&rules->client_ids, *client_id)
           ? TENANT_CLAIMS_OK : TENANT_CLAIMS_CLIENT;
}


static bool
tenant_claims_contain(const tenant_value_t *claim, tenant_str_t wanted)
{
    tenant_claim_texts_t  texts;
    tenant_str_t          text;

    if (!tenant_claim_texts(&texts, claim, true)) {
        return false;
    }

    while (tenant_claim_texts_next(&texts, &text)) {
        if (tenant_str_eq(text, wanted)) {
            return true;
        }
    }

    return false;
}


/* value is one that a rule may name: a string, an integer, a boolean */
static bool
tenant_claims_equal(const tenant_value_t *claim, const json_t *value)
{
    if (claim == NULL) {
        return false;
    }

    switch ((tenant_value_kind_t) claim->kind) {
    case TENANT_VALUE_FALSE:
        return json_is_false(value);
    case TENANT_VALUE_TRUE:
        return json_is_true(value);
    case TENANT_VALUE_INTEGER:
        return json_is_integer(value)
               && json_integer_value(value) == claim->u.integer;
    case TENANT_VALUE_STRING:
        return json_is_string(value)
               && tenant_str_eq(tenant_json_string(value),
                                tenant_value_text(claim));
    default:
        return false;
    }
}


static bool
tenant_claims_one_of(const tenant_value_t *claim, const json_t *values)
{
    size_t  i;

    for (i = 0; i < json_array_size(values); i++) {
        if (tenant_claims_equal(claim, json_array_get(values, i))) {
            return true;
        }
    }

    return false;
}


static bool
tenant_claims_required_holds(const tenant_required_claim_t *required,
    const tenant_value_t *claims)
{
    const tenant_value_t  *claim = tenant_claim_find(claims, required->path);
    tenant_str_t           text;

    switch (required->op) {
    case TENANT_REQUIRED_EQUALS:
        return tenant_claims_equal(claim, required->value);
    case TENANT_REQUIRED_ONE_OF:
        return tenant_claims_one_of(claim, required->value);
    case TENANT_REQUIRED_CONTAINS:
        return tenant_claims_contain(claim,
                                     tenant_json_string(required->value));
    case TENANT_REQUIRED_MATCHES:
        text = tenant_value_text(claim);
        return text.data != NULL
               && tenant_claim_glob(tenant_json_string(required->value),
                                    text);
    case TENANT_REQUIRED_PRESENT:
        return (claim != NULL) == json_is_true(required->value);
    }

    return false;
}


static tenant_claims_result_t
tenant_claims_check_required(const tenant_rules_t *rules,
    const tenant_value_t *claims)
{
    tenant_str_t  token_use;
    size_t        i;

    if (rules->token_use.data != NULL) {
        token_use = tenant_value_text(
                        tenant_value_get(claims, tenant_str("token_use")));

        if (!tenant_str_eq(rules->token_use, token_use)) {
            return TENANT_CLAIMS_TOKEN_USE;
        }
    }

    for (i = 0; i < rules->nrequired; i++) {
        if (!tenant_claims_required_holds(&rules->required[i], claims)) {
            return TENANT_CLAIMS_REQUIRED;
        }
    }

    return TENANT_CLAIMS_OK;
}


/*
 * scope as RFC 8693 section 4.2 and RFC 9068 have it, else scp as Entra
 * (string) and Okta (array) issue it
 */
static tenant_claims_result_t
tenant_claims_check_scopes(const tenant_rules_t *rules,
    const tenant_value_t *claims, const tenant_value_t **scopes)
{
    const tenant_value_t  *value;
    tenant_claim_texts_t   texts;
    size_t                 i;

    value = tenant_value_get(claims, tenant_str("scope"));

    if (value == NULL) {
        value = tenant_value_get(claims, tenant_str("scp"));
    }

    *scopes = value;

    if (value != NULL && !tenant_claim_texts(&texts, value, true)) {
        return TENANT_CLAIMS_MALFORMED;
    }

    for (i = 0; i < rules->scopes.count; i++) {
        if (!tenant_claims_contain(value, rules->scopes.items[i])) {
            return TENANT_CLAIMS_SCOPE;
        }
    }

    return TENANT_CLAIMS_OK;
}


/* A text at a configured path; data NULL if absent, empty or no string. */
static tenant_str_t
tenant_claims_text(const tenant_value_t *claims, tenant_str_t path)
{
    tenant_str_t  text = { NULL, 0 };

    if (path.data != NULL) {
        text = tenant_value_text(tenant_claim_find(claims, path));
    }

    return text.len != 0 ? text : (tenant_str_t) { NULL, 0 };
}


static tenant_claims_result_t
tenant_claims_roles(const tenant_rules_t *rules, const tenant_value_t *claims,
    const tenant_value_t **roles)
{
    tenant_claim_texts_t  texts;

    *roles = NULL;

    if (rules->roles_path.data != NULL) {
        *roles = tenant_claim_find(claims, rules->roles_path);
    }

    /* a role that cannot be read must not be dropped: a policy may forbid
       by it */
    return *roles == NULL || tenant_claim_texts(&texts, *roles, false)
           ? TENANT_CLAIMS_OK : TENANT_CLAIMS_MALFORMED;
}


static tenant_claims_result_t
tenant_claims_tenant(const tenant_rules_t *rules, const tenant_value_t *claims,
    tenant_str_t *tenant)
{
    const tenant_value_t  *value = NULL;

    if (rules->tenant_path.data != NULL) {
        value = tenant_claim_find(claims, rules->tenant_path);
    }

    *tenant = tenant_value_text(value);

    if (tenant->len != 0) {
        return TENANT_CLAIMS_OK;
    }

    *tenant = (tenant_str_t) { NULL, 0 };

    /* a bound issuer needs no claim, but one that is there must be read */
    return rules->bound && value == NULL ? TENANT_CLAIMS_OK
                                         : TENANT_CLAIMS_TENANT;
}


/* RFC 7519 section 4.1.7: what revocation names a token by */
static tenant_claims_result_t
tenant_claims_jti(const tenant_value_t *claims, tenant_str_t *jti)
{
    const tenant_value_t  *value = tenant_value_get(claims,
                                                    tenant_str("jti"));

    *jti = tenant_value_text(value);

    return value == NULL || jti->data != NULL ? TENANT_CLAIMS_OK
                                              : TENANT_CLAIMS_MALFORMED;
}


/* Who it is, once the token is known to be good. */
static tenant_claims_result_t
tenant_claims_identify(const tenant_rules_t *rules,
    const tenant_value_t *claims, tenant_identity_t *identity)
{
    tenant_claims_result_t  result;

    identity->subject = tenant_claims_text(claims, rules->subject_path);

    if (identity->subject.data == NULL) {
        return TENANT_CLAIMS_SUBJECT;
    }

    identity->tier = tenant_claims_text(claims, rules->tier_path);
    result = tenant_claims_roles(rules, claims, &identity->roles);

    if (result == TENANT_CLAIMS_OK) {
        result = tenant_claims_check_scopes(rules, claims,
                                            &identity->scopes);
    }

    if (result == TENANT_CLAIMS_OK) {
        result = tenant_claims_jti(claims, &identity->jti);
    }

    if (result == TENANT_CLAIMS_OK) {
        result = tenant_claims_tenant(rules, claims, &identity->tenant);
    }

    return result;
}


tenant_claims_result_t
tenant_claims_check(const tenant_rules_t *rules, const tenant_value_t *claims,
    int64_t now, tenant_identity_t *identity)
{
    tenant_claims_result_t  result;

    identity->iss = tenant_value_text(tenant_value_get(claims,
                                                       tenant_str("iss")));

    if (!tenant_str_eq(identity->iss, rules->iss)) {
        return TENANT_CLAIMS_ISS;
    }

    result = tenant_claims_check_dates(rules, claims, now, identity);

    if (result == TENANT_CLAIMS_OK) {
        result = tenant_claims_check_aud(rules, claims);
    }

    if (result == TENANT_CLAIMS_OK) {
        result = tenant_claims_check_client(rules, claims,
                                            &identity->client_id);
    }

    if (result == TENANT_CLAIMS_OK) {
        result = tenant_claims_check_required(rules, claims);
    }

    if (result == TENANT_CLAIMS_OK) {
        result = tenant_claims_identify(rules, claims, identity);
    }

    return result;
}
