/* Types of extension functions and methods. */

#include "validate.h"
#include "ext.h"


/* ORDER KINDS of value.h, from POLICY_STRING on */
static unsigned
argument_kind(unsigned kind)
{
    switch (kind) {

    case POLICY_STRING:
        return TYPE_STRING;

    case POLICY_IP:
        return TYPE_IP;

    case POLICY_DECIMAL:
        return TYPE_DECIMAL;

    case POLICY_DATETIME:
        return TYPE_DATETIME;

    default:
        return TYPE_DURATION;
    }
}


static const struct {
    const char     *name;
    schema_kind_t   kind;
} results[] = {         /* all others are Bool */
    { "ip", TYPE_IP },
    { "decimal", TYPE_DECIMAL },
    { "datetime", TYPE_DATETIME },
    { "duration", TYPE_DURATION },
    { "offset", TYPE_DATETIME },
    { "durationSince", TYPE_DURATION },
    { "toDate", TYPE_DATETIME },
    { "toTime", TYPE_DURATION },
    { "toMilliseconds", TYPE_LONG },
    { "toSeconds", TYPE_LONG },
    { "toMinutes", TYPE_LONG },
    { "toHours", TYPE_LONG },
    { "toDays", TYPE_LONG }
};


static schema_kind_t
result_kind(const policy_ext_t *ext)
{
    size_t  i;

    for (i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
        if (ext->name.len == strlen(results[i].name)
            && memcmp(ext->name.data, results[i].name, ext->name.len) == 0)
        {
            return results[i].kind;
        }
    }

    return TYPE_BOOL;
}


/* A constructor wants a literal, which is read here and now. */
static void
check_literal(validate_t *v, const policy_ast_t *e, schema_kind_t kind)
{
    int          ok;
    int64_t      i;
    policy_ip_t  ip;

    if (e->op > AST_UID) {
        validate_report(v, POLICY_FINDING_ERROR, e->offset,
                        "expected a literal: else it may be no %A",
                        NULL, schema_basic(kind), NULL);
        return;
    }

    if (e->op != AST_STRING) {
        return;
    }

    switch (kind) {

    case TYPE_IP:
        ok = policy_ip_parse(e->u.text, &ip);
        break;

    case TYPE_DECIMAL:
        ok = policy_decimal_parse(e->u.text, &i);
        break;

    case TYPE_DATETIME:
        ok = policy_datetime_parse(e->u.text, &i);
        break;

    default:
        ok = policy_duration_parse(e->u.text, &i);
        break;
    }

    if (!ok) {
        validate_report(v, POLICY_FINDING_ERROR, e->offset, "\"%S\" is no %A",
                        &e->u.text, schema_basic(kind), NULL);
    }
}


validate_typed_t
validate_call(validate_t *v, const policy_ast_t *e,
    const validate_cap_t *prior)
{
    uint32_t             i;
    unsigned             want_kinds;
    const policy_ast_t  *kid;
    const policy_ext_t  *ext;
    schema_kind_t        result;

    ext = policy_ext_get(e->id);
    result = result_kind(ext);

    if (e->nkids != ext->nargs) {
        validate_report(v, POLICY_FINDING_ERROR, e->place,
                        "wrong number of arguments for `%S`", &ext->name,
                        NULL, NULL);
    }

    for (i = 0, kid = e->kids; kid != NULL; kid = kid->next, i++) {
        if (i >= ext->nargs) {
            validate_expr(v, kid, prior);
            continue;
        }

        want_kinds = VALIDATE_BIT(argument_kind(ext->kinds[i]));
        validate_want(v, kid, prior, want_kinds);

        if (!ext->method) {
            check_literal(v, kid, result);
        }
    }

    return validate_basic(result);
}
