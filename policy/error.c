/* Evaluation errors as sentences; only made when somebody asks. */

#include "ext.h"


static const char *const  kind_names[] = {
    "none", "type", "attr", "tag", "entity", "overflow", "extension",
    "arity", "limit"
};


const char *
policy_error_kind_name(policy_error_kind_t kind)
{
    if ((unsigned) kind >= sizeof(kind_names) / sizeof(kind_names[0])) {
        return "none";
    }

    return kind_names[kind];
}


static void
print_uid(policy_print_t *p, const policy_uid_t *uid)
{
    policy_print_text(p, policy_uid_type(uid));
    policy_print_str(p, "::\"");
    policy_print_escaped(p, policy_uid_id(uid));
    policy_print_char(p, '"');
}


static void
print_quoted(policy_print_t *p, policy_str_t s)
{
    policy_print_char(p, '`');
    policy_print_escaped(p, s);
    policy_print_char(p, '`');
}


/* "expected long, datetime or duration, got string" */
static void
print_type(policy_print_t *p, const policy_eval_error_t *error)
{
    unsigned  kind, left;

    policy_print_str(p, "type error: expected ");
    left = error->want;

    for (kind = 0; kind < POLICY_KINDS && left != 0; kind++) {
        if ((left & 1u << kind) == 0) {
            continue;
        }

        left &= ~(1u << kind);
        policy_print_str(p, policy_kind_name(kind));

        if (left != 0) {
            policy_print_str(p, (left & (left - 1)) != 0 ? ", " : " or ");
        }
    }

    policy_print_str(p, ", got ");
    policy_print_str(p, policy_kind_name(error->got));
}


/* ORDER DETAILS */
static void
print_extension(policy_print_t *p, const policy_eval_error_t *error)
{
    static const char *const  what[POLICY_DETAILS] = {
        "extension value", "IP address", "decimal", "datetime", "duration",
        ""
    };

    if (error->detail == POLICY_DETAIL_RANGE) {
        policy_print_str(p, "result of ");
        print_quoted(p, error->name);
        policy_print_str(p, " is out of range");
        return;
    }

    policy_print_str(p, "\"");
    policy_print_escaped(p, error->name);
    policy_print_str(p, "\" is no ");
    policy_print_str(p, what[error->detail]);
}


static void
print_missing(policy_print_t *p, const policy_eval_error_t *error,
    const char *what)
{
    if (error->uid != NULL) {
        print_uid(p, error->uid);
    } else {
        policy_print_str(p, "record");
    }

    policy_print_str(p, " does not have the ");
    policy_print_str(p, what);
    policy_print_char(p, ' ');
    print_quoted(p, error->name);
}


size_t
policy_eval_error_print(const policy_eval_error_t *error, char *buffer,
    size_t size)
{
    policy_print_t  p;

    policy_print_init(&p, buffer, size);

    switch (error->kind) {

    case POLICY_ERROR_TYPE:
        print_type(&p, error);
        break;

    case POLICY_ERROR_ATTR:
        print_missing(&p, error, "attribute");
        break;

    case POLICY_ERROR_TAG:
        print_missing(&p, error, "tag");
        break;

    case POLICY_ERROR_ENTITY:
        policy_print_str(&p, "entity ");
        print_uid(&p, error->uid);
        policy_print_str(&p, " does not exist");
        break;

    case POLICY_ERROR_OVERFLOW:
        policy_print_str(&p, "integer overflow in ");
        print_quoted(&p, error->name);
        break;

    case POLICY_ERROR_EXTENSION:
        print_extension(&p, error);
        break;

    case POLICY_ERROR_ARITY:
        print_quoted(&p, error->name);
        policy_print_str(&p, " takes ");
        policy_print_u64(&p, error->want);
        policy_print_str(&p, " arguments, not ");
        policy_print_u64(&p, error->got);
        break;

    default:
        policy_print_str(&p, "limit");
        break;
    }

    return policy_print_end(&p);
}
