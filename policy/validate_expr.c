/*
 * Types of expressions, by the strict rules.
 *
 * A Bool may be known to be true or false; what then is not evaluated is
 * not looked at.  After an error checking goes on, so that more of them are
 * found in one run.
 */

#include "validate.h"
#include "ext.h"


static const char *
wanted_format(unsigned kinds)
{
    switch (kinds) {

    case VALIDATE_BOOLS:
        return "expected a Bool, found %A";

    case VALIDATE_BIT(TYPE_LONG):
        return "expected a Long, found %A";

    case VALIDATE_BIT(TYPE_STRING):
        return "expected a String, found %A";

    case VALIDATE_BIT(TYPE_ENTITY):
        return "expected an entity, found %A";

    case VALIDATE_BIT(TYPE_SET):
        return "expected a set, found %A";

    case VALIDATE_HOLDERS:
        return "expected an entity or a record, found %A";

    case VALIDATE_ORDERED:
        return "expected a Long, datetime or duration, found %A";

    case VALIDATE_BIT(TYPE_IP):
        return "expected an ipaddr, found %A";

    case VALIDATE_BIT(TYPE_DECIMAL):
        return "expected a decimal, found %A";

    case VALIDATE_BIT(TYPE_DATETIME):
        return "expected a datetime, found %A";

    default:
        return "expected a duration, found %A";
    }
}


/* Whether the type is one of kinds; reports when not. */
int
validate_is_wanted(validate_t *v, const policy_ast_t *e,
    const schema_type_t *type, unsigned kinds)
{
    if (type == NULL) {
        return 0;
    }

    if ((kinds & VALIDATE_BIT(type->kind)) == 0) {
        validate_report(v, POLICY_FINDING_ERROR, e->offset,
                        wanted_format(kinds), NULL, type, NULL);
        return 0;
    }

    return 1;
}


/* Checks e; when its type is none of kinds it becomes NULL. */
validate_typed_t
validate_want(validate_t *v, const policy_ast_t *e,
    const validate_cap_t *prior, unsigned kinds)
{
    validate_typed_t  t;

    t = validate_expr(v, e, prior);

    return validate_is_wanted(v, e, t.type, kinds) ? t : validate_typed(NULL);
}


static validate_typed_t
want_bool(validate_t *v, const policy_ast_t *e, const validate_cap_t *prior)
{
    validate_typed_t  t;

    t = validate_want(v, e, prior, VALIDATE_BOOLS);

    return t.type != NULL ? t : validate_basic(TYPE_BOOL);
}


/* The one type of a and b; NULL when there is none, reported with format. */
const schema_type_t *
validate_join(validate_t *v, uint32_t at, const schema_type_t *a,
    const schema_type_t *b, const char *format)
{
    int                   no_memory;
    const schema_type_t  *type;

    if (a == NULL || b == NULL) {
        return NULL;
    }

    no_memory = 0;
    type = schema_join(&v->env, a, b, &v->work, &no_memory);

    if (no_memory) {
        v->status = POLICY_NO_MEMORY;

    } else if (type == NULL && v->work >= 0) {
        validate_report(v, POLICY_FINDING_ERROR, at, format, NULL, a, b);
    }

    return type;
}


static validate_typed_t
check_and(validate_t *v, const policy_ast_t *e, const validate_cap_t *prior)
{
    validate_typed_t     t, right;
    const policy_ast_t  *kid;

    kid = e->kids;
    t = want_bool(v, kid, prior);

    for (kid = kid->next; kid != NULL; kid = kid->next) {
        if (validate_is_kind(t.type, TYPE_FALSE)) {
            return validate_basic(TYPE_FALSE);
        }

        right = want_bool(v, kid, validate_caps_join(v, prior, t.caps));

        if (validate_is_kind(right.type, TYPE_FALSE)) {
            t = validate_basic(TYPE_FALSE);

        } else if (validate_is_kind(right.type, TYPE_TRUE)) {
            t.caps = validate_caps_join(v, t.caps, right.caps);

        } else if (validate_is_kind(t.type, TYPE_TRUE)) {
            t = right;

        } else {
            t.caps = validate_caps_join(v, t.caps, right.caps);
        }
    }

    return t;
}


/* What one side knows, the other must know too, unless that is false. */
static validate_typed_t
check_or(validate_t *v, const policy_ast_t *e, const validate_cap_t *prior)
{
    validate_typed_t     t, right;
    const policy_ast_t  *kid;

    kid = e->kids;
    t = want_bool(v, kid, prior);

    for (kid = kid->next; kid != NULL; kid = kid->next) {
        if (validate_is_kind(t.type, TYPE_TRUE)) {
            return t;
        }

        right = want_bool(v, kid, prior);

        if (validate_is_kind(right.type, TYPE_TRUE)
            || validate_is_kind(t.type, TYPE_FALSE)) {
            t = right;

        } else if (!validate_is_kind(right.type, TYPE_FALSE)) {
            t.type = schema_basic(TYPE_BOOL);
            t.caps = validate_caps_common(v, right.caps, t.caps);
        }
    }

    return t;
}


static validate_typed_t
check_if(validate_t *v, const policy_ast_t *e, const validate_cap_t *prior)
{
    validate_typed_t       test, yes, no;
    const policy_ast_t    *then;
    const validate_cap_t  *inside;

    then = e->kids->next;
    test = want_bool(v, e->kids, prior);

    if (validate_is_kind(test.type, TYPE_FALSE)) {
        return validate_expr(v, then->next, prior);
    }

    inside = validate_caps_join(v, prior, test.caps);
    yes = validate_expr(v, then, inside);
    yes.caps = validate_caps_join(v, yes.caps, test.caps);

    if (validate_is_kind(test.type, TYPE_TRUE)) {
        return yes;
    }

    no = validate_expr(v, then->next, prior);

    yes.type = validate_join(v, e->offset, yes.type, no.type,
                             "the branches of `if` differ: %A and %B");
    yes.caps = validate_caps_common(v, yes.caps, no.caps);

    return yes;
}


static validate_typed_t
check_not(validate_t *v, const policy_ast_t *e, const validate_cap_t *prior)
{
    validate_typed_t  t;

    t = want_bool(v, e->kids, prior);

    return t.type->kind == TYPE_BOOL ? validate_basic(TYPE_BOOL)
           : validate_known(t.type->kind == TYPE_FALSE);
}


/* The uid that a literal or the variable `action` stands for, or NULL. */
static const policy_uid_t *
literal_uid(const validate_t *v, const policy_ast_t *e)
{
    if (e->op == AST_UID) {
        return e->u.uid;
    }

    return e->op == AST_VAR && e->id == POLICY_ACTION ? &v->action->uid
                                                      : NULL;
}


/* 1 or 0 when both are literals and so their equality is known, else -1 */
static int
compare_literals(const validate_t *v, const policy_ast_t *a,
    const policy_ast_t *b)
{
    int                  literal_a, literal_b;
    const policy_uid_t  *x, *y;

    x = literal_uid(v, a);
    y = literal_uid(v, b);
    literal_a = x != NULL || a->op <= AST_STRING;
    literal_b = y != NULL || b->op <= AST_STRING;

    if (!literal_a || !literal_b) {
        return -1;
    }

    if (x != NULL || y != NULL) {
        return x != NULL && y != NULL && policy_uid_same(x, y);
    }

    if (a->op != b->op) {
        return 0;
    }

    return a->op == AST_STRING ? policy_str_equal(a->u.text, b->u.text)
                               : a->u.i == b->u.i;
}


static validate_typed_t
check_eq(validate_t *v, const policy_ast_t *e, const validate_cap_t *prior)
{
    int               equal;
    validate_typed_t  a, b;

    a = validate_expr(v, e->kids, prior);
    b = validate_expr(v, e->kids->next, prior);

    equal = compare_literals(v, e->kids, e->kids->next);

    if (validate_is_kind(a.type, TYPE_ENTITY)
        && validate_is_kind(b.type, TYPE_ENTITY)
        && a.type->u.entity != b.type->u.entity)
    {
        equal = 0;
    }

    if (equal >= 0) {
        return validate_known(equal == (e->op == AST_EQ));
    }

    validate_join(v, e->place, a.type, b.type,
                  "types that are never equal: %A and %B");

    return validate_basic(TYPE_BOOL);
}


static validate_typed_t
check_order(validate_t *v, const policy_ast_t *e, const validate_cap_t *prior)
{
    validate_typed_t  a, b;

    a = validate_want(v, e->kids, prior, VALIDATE_ORDERED);
    b = validate_want(v, e->kids->next, prior, VALIDATE_ORDERED);

    if (a.type != NULL && b.type != NULL && a.type->kind != b.type->kind) {
        validate_report(v, POLICY_FINDING_ERROR, e->place,
                        "types that cannot be ordered: %A and %B", NULL,
                        a.type, b.type);
    }

    return validate_basic(TYPE_BOOL);
}


/* Each kid a Long, and so the whole. */
static validate_typed_t
check_longs(validate_t *v, const policy_ast_t *e, const validate_cap_t *prior)
{
    const policy_ast_t  *kid;

    for (kid = e->kids; kid != NULL; kid = kid->next) {
        validate_want(v, kid, prior, VALIDATE_BIT(TYPE_LONG));
    }

    return validate_basic(TYPE_LONG);
}


/*
 * An action in literals is known from the schema: 1, 0, or -1 when e is no
 * list of literals.  What is no action has no actions below it.
 */
static int
action_in(validate_t *v, const policy_uid_t *uid, const policy_ast_t *e)
{
    int                     found;
    const policy_ast_t     *item;
    const policy_uid_t     *group;
    const schema_action_t  *a, *b;

    if (e->op == AST_SET) {
        found = 0;

        for (item = e->kids; item != NULL; item = item->next) {
            if (literal_uid(v, item) == NULL) {
                return -1;
            }

            found |= action_in(v, uid, item);
        }

        return found;
    }

    group = literal_uid(v, e);
    if (group == NULL) {
        return -1;
    }

    a = schema_find_action(v->schema, uid);
    b = schema_find_action(v->schema, group);

    return a != NULL && b != NULL && schema_action_under(a, b);
}


static validate_typed_t
check_in(validate_t *v, const policy_ast_t *e, const validate_cap_t *prior)
{
    int                   found;
    validate_typed_t      a, b;
    const policy_ast_t   *group;
    const policy_uid_t   *uid;
    const schema_type_t  *of;

    group = e->kids->next;
    a = validate_want(v, e->kids, prior, VALIDATE_BIT(TYPE_ENTITY));
    b = validate_expr(v, group, prior);

    if (b.type == NULL) {
        return validate_basic(TYPE_BOOL);
    }

    of = b.type->kind == TYPE_SET ? b.type->u.element : b.type;

    if (of->kind != TYPE_ENTITY) {
        validate_report(v, POLICY_FINDING_ERROR, group->offset,
                        "expected an entity or a set of entities, found %A",
                        NULL, b.type, NULL);
        return validate_basic(TYPE_BOOL);
    }

    if (a.type == NULL) {
        return validate_basic(TYPE_BOOL);
    }

    uid = literal_uid(v, e->kids);

    if (uid != NULL && a.type->u.entity->is_action) {
        found = action_in(v, uid, group);
        if (found >= 0) {
            return validate_known(found);
        }
    }

    return schema_entity_under(a.type->u.entity, of->u.entity)
           ? validate_basic(TYPE_BOOL) : validate_basic(TYPE_FALSE);
}


/* e is T [in g], the latter meaning e is T && e in g */
static validate_typed_t
check_is(validate_t *v, const policy_ast_t *e, const validate_cap_t *prior)
{
    validate_typed_t  t, in;

    t = validate_want(v, e->kids, prior, VALIDATE_BIT(TYPE_ENTITY));

    if (t.type != NULL) {
        t = validate_known(policy_str_equal(t.type->u.entity->name,
                                            e->u.text));
    } else {
        t = validate_basic(TYPE_BOOL);
    }

    if (e->nkids < 2 || validate_is_kind(t.type, TYPE_FALSE)) {
        return t;
    }

    in = check_in(v, e, prior);

    return validate_is_kind(in.type, TYPE_TRUE) ? t : in;
}


static validate_typed_t
check_set(validate_t *v, const policy_ast_t *e, const validate_cap_t *prior)
{
    schema_type_t        *set;
    const policy_ast_t   *kid;
    const schema_type_t  *type, *next;

    if (e->kids == NULL) {
        validate_report(v, POLICY_FINDING_ERROR, e->offset,
                        "the type of an empty set cannot be told", NULL,
                        NULL, NULL);
        return validate_typed(NULL);
    }

    type = validate_expr(v, e->kids, prior).type;

    for (kid = e->kids->next; kid != NULL; kid = kid->next) {
        next = validate_expr(v, kid, prior).type;
        type = validate_join(v, kid->offset, type, next,
                             "the elements of a set differ: %A and %B");
    }

    if (type == NULL) {
        return validate_typed(NULL);
    }

    set = schema_new_type(&v->env, TYPE_SET, 0);
    if (set == NULL) {
        v->status = POLICY_NO_MEMORY;
        return validate_typed(NULL);
    }

    set->resolved = 1;
    set->u.element = type;

    return validate_typed(set);
}


static validate_typed_t
check_record(validate_t *v, const policy_ast_t *e, const validate_cap_t *prior)
{
    int                  complete;
    uint32_t             i;
    schema_type_t       *record;
    schema_field_t      *field;
    const policy_ast_t  *kid;

    record = schema_new_type(&v->env, TYPE_RECORD, 0);

    if (record != NULL) {
        record->n = e->nkids;
        record->resolved = 1;
        record->u.fields = policy_alloc_array(&v->env, e->nkids,
                                              sizeof(schema_field_t));
    }

    if (record == NULL || record->u.fields == NULL) {
        v->status = POLICY_NO_MEMORY;
        return validate_typed(NULL);
    }

    complete = 1;

    for (i = 0, kid = e->kids; kid != NULL; kid = kid->next) {
        field = &record->u.fields[i++];
        field->name = policy_name(kid->u.text);
        field->offset = kid->offset;
        field->optional = 0;
        field->type = validate_expr(v, kid->kids, prior).type;
        complete &= field->type != NULL;
    }

    schema_order_fields(record, NULL);

    return validate_typed(complete ? record : NULL);
}


static validate_typed_t
check_method(validate_t *v, const policy_ast_t *e, const validate_cap_t *prior)
{
    validate_typed_t      a, b;
    const schema_type_t  *element;

    if (e->id == METHOD_HAS_TAG || e->id == METHOD_GET_TAG) {
        return validate_tag(v, e, prior);
    }

    a = validate_want(v, e->kids, prior, VALIDATE_BIT(TYPE_SET));

    switch (e->id) {

    case METHOD_CONTAINS:
        b = validate_expr(v, e->kids->next, prior);
        element = a.type != NULL ? a.type->u.element : NULL;
        validate_join(v, e->place, element, b.type,
                      "a set of %A cannot contain %B");
        break;

    case METHOD_CONTAINS_ALL:
    case METHOD_CONTAINS_ANY:
        b = validate_want(v, e->kids->next, prior, VALIDATE_BIT(TYPE_SET));
        validate_join(v, e->place, a.type, b.type,
                      "sets of different types: %A and %B");
        break;

    default: /* METHOD_IS_EMPTY */
        break;
    }

    return validate_basic(TYPE_BOOL);
}


/* A uid that the schema does not know is reported elsewhere. */
static validate_typed_t
check_uid(validate_t *v, const policy_uid_t *uid)
{
    const schema_entity_t  *entity;

    entity = schema_find_entity(v->schema, policy_uid_type(uid));

    if (entity != NULL && entity->is_action
        && schema_find_action(v->schema, uid) == NULL)
    {
        entity = NULL;
    }

    return validate_typed(entity != NULL ? &entity->type : NULL);
}


static validate_typed_t
check_variable(validate_t *v, const policy_ast_t *e)
{
    static const schema_type_t  empty = {
        TYPE_RECORD, 1, 1, 0, 0, { NULL }
    };

    switch (e->id) {

    case POLICY_PRINCIPAL:
        return validate_typed(&v->principal->type);

    case POLICY_ACTION:
        return validate_typed(&v->action->space->action_type->type);

    case POLICY_RESOURCE:
        return validate_typed(&v->resource->type);

    default: /* POLICY_CONTEXT */
        return validate_typed(v->action->context != NULL ? v->action->context
                              : &empty);
    }
}


validate_typed_t
validate_expr(validate_t *v, const policy_ast_t *e,
    const validate_cap_t *prior)
{
    if (--v->work < 0 || v->status != POLICY_OK) {
        return validate_typed(NULL);
    }

    switch (e->op) {

    case AST_BOOL:
        return validate_known(e->u.i != 0);

    case AST_LONG:
        return validate_basic(TYPE_LONG);

    case AST_STRING:
        return validate_basic(TYPE_STRING);

    case AST_UID:
        return check_uid(v, e->u.uid);

    case AST_VAR:
        return check_variable(v, e);

    case AST_SET:
        return check_set(v, e, prior);

    case AST_RECORD:
        return check_record(v, e, prior);

    case AST_IF:
        return check_if(v, e, prior);

    case AST_AND:
        return check_and(v, e, prior);

    case AST_OR:
        return check_or(v, e, prior);

    case AST_NOT:
        return check_not(v, e, prior);

    case AST_NEG:
    case AST_SUM:
    case AST_PRODUCT:
        return check_longs(v, e, prior);

    case AST_EQ:
    case AST_NE:
        return check_eq(v, e, prior);

    case AST_LT:
    case AST_LE:
    case AST_GT:
    case AST_GE:
        return check_order(v, e, prior);

    case AST_IN:
        return check_in(v, e, prior);

    case AST_HAS:
        return validate_has(v, e, prior);

    case AST_ATTR:
        return validate_attr(v, e, prior);

    case AST_LIKE:
        validate_want(v, e->kids, prior, VALIDATE_BIT(TYPE_STRING));
        return validate_basic(TYPE_BOOL);

    case AST_IS:
        return check_is(v, e, prior);

    case AST_METHOD:
        return check_method(v, e, prior);

    default: /* AST_CALL */
        return validate_call(v, e, prior);
    }
}


validate_typed_t
validate_condition(validate_t *v, const policy_ast_t *body,
    const validate_cap_t *prior)
{
    return want_bool(v, body, prior);
}
