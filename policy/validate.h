/*
 * The validator's inside: one policy in one environment at a time.
 */

#ifndef POLICY_VALIDATE_H
#define POLICY_VALIDATE_H

#include "ast.h"
#include "schema.h"


/*
 * What is known where an expression stands: that an attribute or tag is
 * there.  Lists share their tails and live in the checker's arena.
 */
typedef struct validate_cap_s  validate_cap_t;

struct validate_cap_s {
    const validate_cap_t  *next;
    uint64_t               hash;
    const policy_ast_t    *on;      /* the expression that has it */
    const policy_ast_t    *tag;     /* its name as an expression, or NULL: */
    policy_str_t           attr;    /*   an attribute, of this name */
};


typedef struct validate_note_s  validate_note_t;

struct validate_note_s {
    validate_note_t    *next;
    const char         *format;
    policy_severity_t   severity;
    uint32_t            offset;
    policy_str_t        message;
};


typedef struct {
    const policy_schema_t  *schema;
    policy_validation_t    *validation;
    policy_arena_t          trees;      /* of the policy */
    policy_arena_t          env;        /* of the environment */
    int64_t                 work;
    policy_status_t         status;     /* a fault: give up */

    const schema_entity_t  *principal;  /* the environment */
    const schema_action_t  *action;
    const schema_entity_t  *resource;

    validate_note_t        *notes;      /* of the policy, by offset */
    uint32_t                nnotes;
} validate_t;


/* The type is NULL when the expression has none; then it was reported. */
typedef struct {
    const schema_type_t   *type;
    const validate_cap_t  *caps;    /* known wherever it is true */
} validate_typed_t;


/*
 * validate.c: notes a finding, once for each place and format.  The format
 * knows %S (name), %A and %B (a, b); each may be NULL when not used.
 */
void validate_report(validate_t *v, policy_severity_t severity,
    uint32_t offset, const char *format, const policy_str_t *name,
    const schema_type_t *a, const schema_type_t *b);

/* validate_expr.c: the type of a condition; it is to be a Bool. */
validate_typed_t validate_condition(validate_t *v, const policy_ast_t *body,
    const validate_cap_t *prior);

validate_typed_t validate_expr(validate_t *v, const policy_ast_t *e,
    const validate_cap_t *prior);


/* Sets of type kinds, for the functions below. */

#define VALIDATE_BIT(kind)  (1u << (kind))
#define VALIDATE_BOOLS      (VALIDATE_BIT(TYPE_BOOL) \
                             | VALIDATE_BIT(TYPE_TRUE) \
                             | VALIDATE_BIT(TYPE_FALSE))
#define VALIDATE_ORDERED    (VALIDATE_BIT(TYPE_LONG) \
                             | VALIDATE_BIT(TYPE_DATETIME) \
                             | VALIDATE_BIT(TYPE_DURATION))
#define VALIDATE_HOLDERS    (VALIDATE_BIT(TYPE_ENTITY) \
                             | VALIDATE_BIT(TYPE_RECORD))

/* Whether the type is one of kinds; reports when not. */
int validate_is_wanted(validate_t *v, const policy_ast_t *e,
    const schema_type_t *type, unsigned kinds);

/* Checks e; when its type is none of kinds it becomes NULL. */
validate_typed_t validate_want(validate_t *v, const policy_ast_t *e,
    const validate_cap_t *prior, unsigned kinds);

/* The one type of a and b; NULL when there is none, reported with format. */
const schema_type_t *validate_join(validate_t *v, uint32_t at,
    const schema_type_t *a, const schema_type_t *b, const char *format);


/* validate_attr.c, validate_call.c: nodes of these kinds */

validate_typed_t validate_attr(validate_t *v, const policy_ast_t *e,
    const validate_cap_t *prior);
validate_typed_t validate_has(validate_t *v, const policy_ast_t *e,
    const validate_cap_t *prior);
validate_typed_t validate_tag(validate_t *v, const policy_ast_t *e,
    const validate_cap_t *prior);
validate_typed_t validate_call(validate_t *v, const policy_ast_t *e,
    const validate_cap_t *prior);


static inline validate_typed_t
validate_typed(const schema_type_t *type)
{
    validate_typed_t  t;

    t.type = type;
    t.caps = NULL;

    return t;
}


static inline validate_typed_t
validate_basic(schema_kind_t kind)
{
    return validate_typed(schema_basic(kind));
}


static inline validate_typed_t
validate_known(int truth)
{
    return validate_basic(truth ? TYPE_TRUE : TYPE_FALSE);
}


static inline int
validate_is_kind(const schema_type_t *type, schema_kind_t kind)
{
    return type != NULL && type->kind == kind;
}


/* validate_caps.c; NULL is the empty list, a fault is in v->status */

const validate_cap_t *validate_cap_attr(validate_t *v,
    const policy_ast_t *on, policy_str_t attr);
const validate_cap_t *validate_cap_tag(validate_t *v, const policy_ast_t *on,
    const policy_ast_t *tag);
int validate_caps_has(validate_t *v, const validate_cap_t *caps,
    const validate_cap_t *cap);
const validate_cap_t *validate_caps_join(validate_t *v,
    const validate_cap_t *a, const validate_cap_t *b);
const validate_cap_t *validate_caps_common(validate_t *v,
    const validate_cap_t *a, const validate_cap_t *b);


#endif /* POLICY_VALIDATE_H */
