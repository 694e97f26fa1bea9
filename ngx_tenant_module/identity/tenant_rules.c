#include <string.h>

#include "tenant_claim_path.h"
#include "tenant_json.h"
#include "tenant_rules.h"


/* Where in the issuer object we are; the pointer grows and shrinks. */
typedef struct {
    tenant_rules_t        *rules;
    tenant_rules_error_t  *err;
    size_t                 len;     /* of err->pointer, without its NUL */
} tenant_rules_parser_t;


typedef tenant_rules_status_t (*tenant_rules_member_pt)(
    tenant_rules_parser_t *parser, const json_t *value);


typedef struct {
    const char              *name;
    tenant_rules_member_pt   parse;
} tenant_rules_member_t;


static tenant_rules_status_t tenant_rules_algorithms(
    tenant_rules_parser_t *parser, const json_t *value);
static tenant_rules_status_t tenant_rules_audiences(
    tenant_rules_parser_t *parser, const json_t *value);
static tenant_rules_status_t tenant_rules_client_ids(
    tenant_rules_parser_t *parser, const json_t *value);
static tenant_rules_status_t tenant_rules_scopes(
    tenant_rules_parser_t *parser, const json_t *value);
static tenant_rules_status_t tenant_rules_token_use(
    tenant_rules_parser_t *parser, const json_t *value);
static tenant_rules_status_t tenant_rules_leeway(
    tenant_rules_parser_t *parser, const json_t *value);
static tenant_rules_status_t tenant_rules_max_age(
    tenant_rules_parser_t *parser, const json_t *value);
static tenant_rules_status_t tenant_rules_require_exp(
    tenant_rules_parser_t *parser, const json_t *value);
static tenant_rules_status_t tenant_rules_required_claims(
    tenant_rules_parser_t *parser, const json_t *value);
static tenant_rules_status_t tenant_rules_claims(
    tenant_rules_parser_t *parser, const json_t *value);
static tenant_rules_status_t tenant_rules_tenant_claim(
    tenant_rules_parser_t *parser, const json_t *value);


/* claims comes before tenant_claim, which may not repeat it */
static const tenant_rules_member_t  tenant_rules_members[] = {
    { "algorithms", tenant_rules_algorithms },
    { "audiences", tenant_rules_audiences },
    { "client_ids", tenant_rules_client_ids },
    { "scopes", tenant_rules_scopes },
    { "token_use", tenant_rules_token_use },
    { "leeway", tenant_rules_leeway },
    { "max_age", tenant_rules_max_age },
    { "require_exp", tenant_rules_require_exp },
    { "required_claims", tenant_rules_required_claims },
    { "claims", tenant_rules_claims },
    { "tenant_claim", tenant_rules_tenant_claim },
};

/* ORDER tenant_required_op_t */
static const char *const  tenant_rules_operators[] = {
    "equals", "one_of", "contains", "matches", "present",
};

#define TENANT_RULES_COUNT(array)  (sizeof(array) / sizeof((array)[0]))


static tenant_rules_status_t
tenant_rules_invalid(tenant_rules_parser_t *parser, const char *reason)
{
    parser->err->reason = reason;
    return TENANT_RULES_INVALID;
}


static void
tenant_rules_put(tenant_rules_parser_t *parser, char c)
{
    if (parser->len + 1 < sizeof(parser->err->pointer)) {
        parser->err->pointer[parser->len++] = c;
        parser->err->pointer[parser->len] = '\0';
    }
}


/* "/" name, escaped as RFC 6901 section 3 says; returns what to go back to */
static size_t
tenant_rules_enter(tenant_rules_parser_t *parser, const char *name)
{
    size_t  before = parser->len;

    tenant_rules_put(parser, '/');

    for (; *name; name++) {
        if (*name == '~' || *name == '/') {
            tenant_rules_put(parser, '~');
            tenant_rules_put(parser, *name == '~' ? '0' : '1');

        } else {
            tenant_rules_put(parser, *name);
        }
    }

    return before;
}


/* index is below TENANT_RULES_LIST_MAX */
static size_t
tenant_rules_enter_index(tenant_rules_parser_t *parser, size_t index)
{
    char  digits[3], *p = digits;

    if (index >= 10) {
        *p++ = (char) ('0' + index / 10);
    }

    *p++ = (char) ('0' + index % 10);
    *p = '\0';
    return tenant_rules_enter(parser, digits);
}


static void
tenant_rules_leave(tenant_rules_parser_t *parser, size_t before)
{
    parser->len = before;
    parser->err->pointer[before] = '\0';
}


/* Zeroed, from jansson's allocator; NULL is no memory. */
static void *
tenant_rules_take(size_t n, size_t size)
{
    json_malloc_t  take;
    json_free_t    give;
    void          *p;

    json_get_alloc_funcs(&take, &give);
    p = take(n * size);

    return p != NULL ? memset(p, 0, n * size) : NULL;
}


static void
tenant_rules_give(void *p)
{
    json_malloc_t  take;
    json_free_t    give;

    json_get_alloc_funcs(&take, &give);

    if (p != NULL) {
        give(p);
    }
}


static tenant_rules_status_t
tenant_rules_text(tenant_rules_parser_t *parser, const json_t *value,
    tenant_str_t *text)
{
    *text = tenant_json_string(value);

    return text->len != 0 && text->len <= TENANT_RULES_TEXT_MAX
           ? TENANT_RULES_OK
           : tenant_rules_invalid(parser, "not a string of 1 to 2048 bytes");
}


static tenant_rules_status_t
tenant_rules_path(tenant_rules_parser_t *parser, const json_t *value,
    tenant_str_t *path)
{
    *path = tenant_json_string(value);

    return tenant_claim_path_valid(*path)
           ? TENANT_RULES_OK
           : tenant_rules_invalid(parser, "not a claim name or path of 1 to"
                                          " 256 bytes");
}


/* An empty list is refused: it reads both as "any" and as "none". */
static tenant_rules_status_t
tenant_rules_array(tenant_rules_parser_t *parser, const json_t *value)
{
    size_t  n = json_array_size(value);

    return json_is_array(value) && n != 0 && n <= TENANT_RULES_LIST_MAX
           ? TENANT_RULES_OK
           : tenant_rules_invalid(parser, "not an array of 1 to 64 entries");
}


static tenant_rules_status_t
tenant_rules_texts(tenant_rules_parser_t *parser, const json_t *value,
    tenant_str_list_t *list)
{
    tenant_rules_status_t  status;
    size_t                 i, before;

    status = tenant_rules_array(parser, value);

    if (status != TENANT_RULES_OK) {
        return status;
    }

    list->items = tenant_rules_take(json_array_size(value),
                                    sizeof(tenant_str_t));

    if (list->items == NULL) {
        return TENANT_RULES_NO_MEMORY;
    }

    for (i = 0; i < json_array_size(value); i++) {
        before = tenant_rules_enter_index(parser, i);
        status = tenant_rules_text(parser, json_array_get(value, i),
                                   &list->items[i]);

        if (status != TENANT_RULES_OK) {
            return status;
        }

        tenant_rules_leave(parser, before);
        list->count++;
    }

    return TENANT_RULES_OK;
}


static tenant_rules_status_t
tenant_rules_algorithms(tenant_rules_parser_t *parser, const json_t *value)
{
    tenant_rules_status_t  status;
    tenant_alg_t           alg;
    size_t                 i, before;

    status = tenant_rules_array(parser, value);

    if (status != TENANT_RULES_OK) {
        return status;
    }

    parser->rules->algs = 0;

    for (i = 0; i < json_array_size(value); i++) {
        before = tenant_rules_enter_index(parser, i);

        if (!tenant_alg_find(tenant_json_string(json_array_get(value, i)),
                             &alg))
        {
            return tenant_rules_invalid(parser, "not a supported signature"
                                                " algorithm");
        }

        tenant_rules_leave(parser, before);
        parser->rules->algs |= TENANT_ALG_BIT(alg);
    }

    return TENANT_RULES_OK;
}


static tenant_rules_status_t
tenant_rules_audiences(tenant_rules_parser_t *parser, const json_t *value)
{
    return tenant_rules_texts(parser, value, &parser->rules->audiences);
}


static tenant_rules_status_t
tenant_rules_client_ids(tenant_rules_parser_t *parser, const json_t *value)
{
    return tenant_rules_texts(parser, value, &parser->rules->client_ids);
}


static tenant_rules_status_t
tenant_rules_scopes(tenant_rules_parser_t *parser, const json_t *value)
{
    tenant_rules_status_t  status;
    tenant_str_list_t     *scopes = &parser->rules->scopes;
    size_t                 i;

    status = tenant_rules_texts(parser, value, scopes);

    for (i = 0; status == TENANT_RULES_OK && i < scopes->count; i++) {
        if (memchr(scopes->items[i].data, ' ', scopes->items[i].len)) {
            (void) tenant_rules_enter_index(parser, i);
            return tenant_rules_invalid(parser, "a scope has no spaces");
        }
    }

    return status;
}


static tenant_rules_status_t
tenant_rules_token_use(tenant_rules_parser_t *parser, const json_t *value)
{
    tenant_str_t           *use = &parser->rules->token_use;
    tenant_rules_status_t   status = tenant_rules_text(parser, value, use);

    /* a slip of the pen would refuse every token */

    if (status == TENANT_RULES_OK
        && !tenant_str_eq(*use, tenant_str("access"))
        && !tenant_str_eq(*use, tenant_str("id")))
    {
        return tenant_rules_invalid(parser, "neither \"access\" nor \"id\"");
    }

    return status;
}


static tenant_rules_status_t
tenant_rules_leeway(tenant_rules_parser_t *parser, const json_t *value)
{
    parser->rules->leeway = json_integer_value(value);

    return json_is_integer(value) && parser->rules->leeway >= 0
           && parser->rules->leeway <= TENANT_RULES_LEEWAY_MAX
           ? TENANT_RULES_OK
           : tenant_rules_invalid(parser, "not an integer of 0 to 600"
                                          " seconds");
}


static tenant_rules_status_t
tenant_rules_max_age(tenant_rules_parser_t *parser, const json_t *value)
{
    parser->rules->max_age = json_integer_value(value);

    return json_is_integer(value) && parser->rules->max_age >= 1
           && parser->rules->max_age <= TENANT_RULES_MAX_AGE_MAX
           ? TENANT_RULES_OK
           : tenant_rules_invalid(parser, "not an integer of 1 to 31536000"
                                          " seconds");
}


static tenant_rules_status_t
tenant_rules_require_exp(tenant_rules_parser_t *parser, const json_t *value)
{
    parser->rules->require_exp = json_is_true(value);

    return json_is_boolean(value)
           ? TENANT_RULES_OK
           : tenant_rules_invalid(parser, "not a boolean");
}


static bool
tenant_rules_is_scalar(const json_t *value)
{
    return (json_is_string(value)
            && json_string_length(value) <= TENANT_RULES_TEXT_MAX)
           || json_is_integer(value) || json_is_boolean(value);
}


static tenant_rules_status_t
tenant_rules_one_of(tenant_rules_parser_t *parser, const json_t *value)
{
    tenant_rules_status_t  status;
    size_t                 i;

    status = tenant_rules_array(parser, value);

    for (i = 0; status == TENANT_RULES_OK && i < json_array_size(value); i++) {
        if (!tenant_rules_is_scalar(json_array_get(value, i))) {
            (void) tenant_rules_enter_index(parser, i);
            return tenant_rules_invalid(parser, "not a string, integer or"
                                                " boolean");
        }
    }

    return status;
}


static tenant_rules_status_t
tenant_rules_operand(tenant_rules_parser_t *parser, tenant_required_op_t op,
    const json_t *value)
{
    tenant_str_t  text;

    switch (op) {
    case TENANT_REQUIRED_EQUALS:
        return tenant_rules_is_scalar(value)
               ? TENANT_RULES_OK
               : tenant_rules_invalid(parser, "not a string, integer or"
                                              " boolean");
    case TENANT_REQUIRED_ONE_OF:
        return tenant_rules_one_of(parser, value);
    case TENANT_REQUIRED_PRESENT:
        return json_is_boolean(value)
               ? TENANT_RULES_OK
               : tenant_rules_invalid(parser, "not a boolean");
    default:                        /* contains, matches */
        return tenant_rules_text(parser, value, &text);
    }
}


/* The operator of that name, or the number of operators. */
static unsigned
tenant_rules_operator(const char *name)
{
    unsigned  i;

    for (i = 0; i < TENANT_RULES_COUNT(tenant_rules_operators); i++) {
        if (strcmp(name, tenant_rules_operators[i]) == 0) {
            break;
        }
    }

    return i;
}


static tenant_rules_status_t
tenant_rules_required_member(tenant_rules_parser_t *parser,
    tenant_required_claim_t *required, const char *name, const json_t *value)
{
    unsigned  op;

    if (strcmp(name, "claim") == 0) {
        return tenant_rules_path(parser, value, &required->path);
    }

    op = tenant_rules_operator(name);

    if (op == TENANT_RULES_COUNT(tenant_rules_operators)) {
        return tenant_rules_invalid(parser, "unknown member");
    }

    if (required->value != NULL) {
        return tenant_rules_invalid(parser, "more than one operator");
    }

    required->op = (tenant_required_op_t) op;
    required->value = value;
    return tenant_rules_operand(parser, required->op, value);
}


static tenant_rules_status_t
tenant_rules_required_claim(tenant_rules_parser_t *parser,
    const json_t *entry, tenant_required_claim_t *required)
{
    tenant_rules_status_t  status;
    const char            *name;
    json_t                *value;
    size_t                 before;

    if (!json_is_object(entry)) {
        return tenant_rules_invalid(parser, "not an object");
    }

    json_object_foreach((json_t *) entry, name, value) {
        before = tenant_rules_enter(parser, name);
        status = tenant_rules_required_member(parser, required, name, value);

        if (status != TENANT_RULES_OK) {
            return status;
        }

        tenant_rules_leave(parser, before);
    }

    return required->path.data != NULL && required->value != NULL
           ? TENANT_RULES_OK
           : tenant_rules_invalid(parser, "needs \"claim\" and one operator");
}


static tenant_rules_status_t
tenant_rules_required_claims(tenant_rules_parser_t *parser,
    const json_t *value)
{
    tenant_rules_t         *rules = parser->rules;
    tenant_rules_status_t   status;
    size_t                  i, before;

    status = tenant_rules_array(parser, value);

    if (status != TENANT_RULES_OK) {
        return status;
    }

    rules->required = tenant_rules_take(json_array_size(value),
                                        sizeof(tenant_required_claim_t));

    if (rules->required == NULL) {
        return TENANT_RULES_NO_MEMORY;
    }

    for (i = 0; i < json_array_size(value); i++) {
        before = tenant_rules_enter_index(parser, i);
        status = tenant_rules_required_claim(parser, json_array_get(value, i),
                                             &rules->required[i]);

        if (status != TENANT_RULES_OK) {
            return status;
        }

        tenant_rules_leave(parser, before);
        rules->nrequired++;
    }

    return TENANT_RULES_OK;
}


static tenant_rules_status_t
tenant_rules_attributes(tenant_rules_parser_t *parser, const json_t *value)
{
    tenant_rules_t         *rules = parser->rules;
    tenant_rules_status_t   status;
    tenant_attribute_t     *attribute;
    const char             *name;
    json_t                 *path;
    size_t                  before, n = json_object_size(value);

    if (!json_is_object(value) || n == 0 || n > TENANT_RULES_LIST_MAX) {
        return tenant_rules_invalid(parser, "not an object of 1 to 64"
                                            " members");
    }

    rules->attributes = tenant_rules_take(n, sizeof(tenant_attribute_t));

    if (rules->attributes == NULL) {
        return TENANT_RULES_NO_MEMORY;
    }

    json_object_foreach((json_t *) value, name, path) {
        before = tenant_rules_enter(parser, name);
        attribute = &rules->attributes[rules->nattributes];
        attribute->name.data = name;
        attribute->name.len = strlen(name);

        if (attribute->name.len == 0
            || attribute->name.len > TENANT_RULES_TEXT_MAX)
        {
            return tenant_rules_invalid(parser, "name not of 1 to 2048"
                                                " bytes");
        }

        status = tenant_rules_path(parser, path, &attribute->path);

        if (status != TENANT_RULES_OK) {
            return status;
        }

        tenant_rules_leave(parser, before);
        rules->nattributes++;
    }

    return TENANT_RULES_OK;
}


static tenant_rules_status_t
tenant_rules_claims_member(tenant_rules_parser_t *parser, const char *name,
    const json_t *value)
{
    tenant_rules_t  *rules = parser->rules;

    if (strcmp(name, "tenant") == 0) {
        return tenant_rules_path(parser, value, &rules->tenant_path);
    }

    if (strcmp(name, "tier") == 0) {
        return tenant_rules_path(parser, value, &rules->tier_path);
    }

    if (strcmp(name, "subject") == 0) {
        return tenant_rules_path(parser, value, &rules->subject_path);
    }

    if (strcmp(name, "roles") == 0) {
        return tenant_rules_path(parser, value, &rules->roles_path);
    }

    if (strcmp(name, "client_id") == 0) {
        return tenant_rules_path(parser, value, &rules->client_path);
    }

    if (strcmp(name, "attributes") == 0) {
        return tenant_rules_attributes(parser, value);
    }

    return tenant_rules_invalid(parser, "unknown member");
}


static tenant_rules_status_t
tenant_rules_claims(tenant_rules_parser_t *parser, const json_t *value)
{
    tenant_rules_status_t  status;
    const char            *name;
    json_t                *member;
    size_t                 before;

    if (!json_is_object(value)) {
        return tenant_rules_invalid(parser, "not an object");
    }

    json_object_foreach((json_t *) value, name, member) {
        before = tenant_rules_enter(parser, name);
        status = tenant_rules_claims_member(parser, name, member);

        if (status != TENANT_RULES_OK) {
            return status;
        }

        tenant_rules_leave(parser, before);
    }

    return TENANT_RULES_OK;
}


static tenant_rules_status_t
tenant_rules_tenant_claim(tenant_rules_parser_t *parser, const json_t *value)
{
    if (parser->rules->tenant_path.data != NULL) {
        return tenant_rules_invalid(parser, "claims.tenant says it already");
    }

    return tenant_rules_path(parser, value, &parser->rules->tenant_path);
}


static tenant_rules_status_t
tenant_rules_issuer(tenant_rules_parser_t *parser, const json_t *issuer)
{
    const tenant_rules_member_t  *member;
    tenant_rules_status_t         status;
    const json_t                 *value;
    size_t                        i, before;

    if (!json_is_object(issuer)) {
        return tenant_rules_invalid(parser, "not an object");
    }

    before = tenant_rules_enter(parser, "iss");
    status = tenant_rules_text(parser, json_object_get(issuer, "iss"),
                               &parser->rules->iss);

    if (status != TENANT_RULES_OK) {
        return status;
    }

    tenant_rules_leave(parser, before);

    for (i = 0; i < TENANT_RULES_COUNT(tenant_rules_members); i++) {
        member = &tenant_rules_members[i];
        value = json_object_get(issuer, member->name);

        if (value == NULL) {
            continue;
        }

        before = tenant_rules_enter(parser, member->name);
        status = member->parse(parser, value);

        if (status != TENANT_RULES_OK) {
            return status;
        }

        tenant_rules_leave(parser, before);
    }

    return TENANT_RULES_OK;
}


tenant_rules_status_t
tenant_claims_rules_parse(json_t *issuer, tenant_rules_t *rules,
    tenant_rules_error_t *err)
{
    tenant_rules_parser_t  parser;
    tenant_rules_status_t  status;

    memset(rules, 0, sizeof(*rules));
    rules->algs = TENANT_ALGS_DEFAULT;
    rules->require_exp = true;
    rules->bound = json_object_get(issuer, "tenant") != NULL
                   || json_object_get(issuer, "operators") != NULL;
    rules->subject_path = tenant_str("sub");
    rules->source = json_incref(issuer);

    err->reason = NULL;
    err->pointer[0] = '\0';

    parser.rules = rules;
    parser.err = err;
    parser.len = 0;

    status = tenant_rules_issuer(&parser, issuer);

    if (status != TENANT_RULES_OK) {
        tenant_rules_free(rules);
    }

    return status;
}


void
tenant_rules_free(tenant_rules_t *rules)
{
    tenant_rules_give(rules->audiences.items);
    tenant_rules_give(rules->client_ids.items);
    tenant_rules_give(rules->scopes.items);
    tenant_rules_give(rules->required);
    tenant_rules_give(rules->attributes);
    json_decref(rules->source);
    memset(rules, 0, sizeof(*rules));
}
