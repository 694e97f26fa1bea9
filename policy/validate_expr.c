/*
 * Types of expressions, by the strict rules.
 *
 * A Bool may be known to be true or false; what then is not evaluated is
 * not looked at.  After an error checking goes on, so that more of them are
 * found in one run.
 */

#include "validate.h"
#include "ext.h"


typedef validate_typed_t  typed_t;

#define BIT(kind)   (1u << (kind))
#define BOOLS       (BIT(TYPE_BOOL) | BIT(TYPE_TRUE) | BIT(TYPE_FALSE))
#define ORDERED     (BIT(TYPE_LONG) | BIT(TYPE_DATETIME) \
                     | BIT(TYPE_DURATION))
#define HOLDERS     (BIT(TYPE_ENTITY) | BIT(TYPE_RECORD))

#define ERROR  POLICY_FINDING_ERROR


static typed_t check(validate_t *v, const policy_ast_t *e,
    const validate_cap_t *prior);


static typed_t
typed(const schema_type_t *type)
{
    typed_t  t;

    t.type = type;
    t.caps = NULL;

    return t;
}


static typed_t
basic(schema_kind_t kind)
{
    return typed(schema_basic(kind));
}


static typed_t
known(int truth)
{
    return basic(truth ? TYPE_TRUE : TYPE_FALSE);
}


static int
is_kind(const schema_type_t *type, schema_kind_t kind)
{
    return type != NULL && type->kind == kind;
}


static const char *
wanted_format(unsigned kinds)
{
    switch (kinds) {

    case BOOLS:
        return "expected a Bool, found %A";

    case BIT(TYPE_LONG):
        return "expected a Long, found %A";

    case BIT(TYPE_STRING):
        return "expected a String, found %A";

    case BIT(TYPE_ENTITY):
        return "expected an entity, found %A";

    case BIT(TYPE_SET):
        return "expected a set, found %A";

    case HOLDERS:
        return "expected an entity or a record, found %A";

    case ORDERED:
        return "expected a Long, datetime or duration, found %A";

    case BIT(TYPE_IP):
        return "expected an ipaddr, found %A";

    case BIT(TYPE_DECIMAL):
        return "expected a decimal, found %A";

    case BIT(TYPE_DATETIME):
        return "expected a datetime, found %A";

    default:
        return "expected a duration, found %A";
    }
}


/* Whether the type is one of kinds; reports when not. */
static int
is_wanted(validate_t *v, const policy_ast_t *e, const schema_type_t *type,
    unsigned kinds)
{
    if (type == NULL) {
        return 0;
    }

    if ((kinds & BIT(type->kind)) == 0) {
        validate_report(v, ERROR, e->offset, wanted_format(kinds), NULL,
                        type, NULL);
        return 0;
    }

    return 1;
}


/* Checks e; when its type is none of kinds it becomes NULL. */
static typed_t
want(validate_t *v, const policy_ast_t *e, const validate_cap_t *prior,
    unsigned kinds)
{
    typed_t  t;

    t = check(v, e, prior);

    return is_wanted(v, e, t.type, kinds) ? t : typed(NULL);
}


static typed_t
want_bool(validate_t *v, const policy_ast_t *e, const validate_cap_t *prior)
{
    typed_t  t;

    t = want(v, e, prior, BOOLS);

    return t.type != NULL ? t : basic(TYPE_BOOL);
}


/* The one type of a and b; NULL when there is none, reported with format. */
static const schema_type_t *
join(validate_t *v, uint32_t at, const schema_type_t *a,
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
        validate_report(v, ERROR, at, format, NULL, a, b);
    }

    return type;
}


/* The attribute as declared, or NULL. */
static const schema_field_t *
find_field(const schema_type_t *type, policy_str_t name)
{
    if (type->kind == TYPE_ENTITY) {
        type = type->u.entity->shape;
    }

    return type == NULL ? NULL : schema_field(type, name);
}


static typed_t
check_and(validate_t *v, const policy_ast_t *e, const validate_cap_t *prior)
{
    typed_t              t, right;
    const policy_ast_t  *kid;

    kid = e->kids;
    t = want_bool(v, kid, prior);

    for (kid = kid->next; kid != NULL; kid = kid->next) {
        if (is_kind(t.type, TYPE_FALSE)) {
            return basic(TYPE_FALSE);
        }

        right = want_bool(v, kid, validate_caps_join(v, prior, t.caps));

        if (is_kind(right.type, TYPE_FALSE)) {
            t = basic(TYPE_FALSE);

        } else if (is_kind(right.type, TYPE_TRUE)) {
            t.caps = validate_caps_join(v, t.caps, right.caps);

        } else if (is_kind(t.type, TYPE_TRUE)) {
            t = right;

        } else {
            t.caps = validate_caps_join(v, t.caps, right.caps);
        }
    }

    return t;
}


/* What one side knows, the other must know too, unless that is false. */
static typed_t
check_or(validate_t *v, const policy_ast_t *e, const validate_cap_t *prior)
{
    typed_t              t, right;
    const policy_ast_t  *kid;

    kid = e->kids;
    t = want_bool(v, kid, prior);

    for (kid = kid->next; kid != NULL; kid = kid->next) {
        if (is_kind(t.type, TYPE_TRUE)) {
            return t;
        }

        right = want_bool(v, kid, prior);

        if (is_kind(right.type, TYPE_TRUE) || is_kind(t.type, TYPE_FALSE)) {
            t = right;

        } else if (!is_kind(right.type, TYPE_FALSE)) {
            t.type = schema_basic(TYPE_BOOL);
            t.caps = validate_caps_common(v, right.caps, t.caps);
        }
    }

    return t;
}


static typed_t
check_if(validate_t *v, const policy_ast_t *e, const validate_cap_t *prior)
{
    typed_t                test, yes, no;
    const policy_ast_t    *then;
    const validate_cap_t  *inside;

    then = e->kids->next;
    test = want_bool(v, e->kids, prior);

    if (is_kind(test.type, TYPE_FALSE)) {
        return check(v, then->next, prior);
    }

    inside = validate_caps_join(v, prior, test.caps);
    yes = check(v, then, inside);
    yes.caps = validate_caps_join(v, yes.caps, test.caps);

    if (is_kind(test.type, TYPE_TRUE)) {
        return yes;
    }

    no = check(v, then->next, prior);

    yes.type = join(v, e->offset, yes.type, no.type,
                    "the branches of `if` have different types: %A and %B");
    yes.caps = validate_caps_common(v, yes.caps, no.caps);

    return yes;
}


static typed_t
check_not(validate_t *v, const policy_ast_t *e, const validate_cap_t *prior)
{
    typed_t  t;

    t = want_bool(v, e->kids, prior);

    return t.type->kind == TYPE_BOOL ? basic(TYPE_BOOL)
                                     : known(t.type->kind == TYPE_FALSE);
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


static typed_t
check_eq(validate_t *v, const policy_ast_t *e, const validate_cap_t *prior)
{
    int      equal;
    typed_t  a, b;

    a = check(v, e->kids, prior);
    b = check(v, e->kids->next, prior);

    equal = compare_literals(v, e->kids, e->kids->next);

    if (is_kind(a.type, TYPE_ENTITY) && is_kind(b.type, TYPE_ENTITY)
        && a.type->u.entity != b.type->u.entity)
    {
        equal = 0;
    }

    if (equal >= 0) {
        return known(equal == (e->op == AST_EQ));
    }

    join(v, e->place, a.type, b.type,
         "types that are never equal: %A and %B");

    return basic(TYPE_BOOL);
}


static typed_t
check_order(validate_t *v, const policy_ast_t *e,
    const validate_cap_t *prior)
{
    typed_t  a, b;

    a = want(v, e->kids, prior, ORDERED);
    b = want(v, e->kids->next, prior, ORDERED);

    if (a.type != NULL && b.type != NULL && a.type->kind != b.type->kind) {
        validate_report(v, ERROR, e->place,
                        "types that cannot be ordered: %A and %B", NULL,
                        a.type, b.type);
    }

    return basic(TYPE_BOOL);
}


/* Each kid a Long, and so the whole. */
static typed_t
check_longs(validate_t *v, const policy_ast_t *e,
    const validate_cap_t *prior)
{
    const policy_ast_t  *kid;

    for (kid = e->kids; kid != NULL; kid = kid->next) {
        want(v, kid, prior, BIT(TYPE_LONG));
    }

    return basic(TYPE_LONG);
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


static typed_t
check_in(validate_t *v, const policy_ast_t *e, const validate_cap_t *prior)
{
    int                   found;
    typed_t               a, b;
    const policy_ast_t   *group;
    const policy_uid_t   *uid;
    const schema_type_t  *of;

    group = e->kids->next;
    a = want(v, e->kids, prior, BIT(TYPE_ENTITY));
    b = check(v, group, prior);

    if (b.type == NULL) {
        return basic(TYPE_BOOL);
    }

    of = b.type->kind == TYPE_SET ? b.type->u.element : b.type;

    if (of->kind != TYPE_ENTITY) {
        validate_report(v, ERROR, group->offset,
                        "expected an entity or a set of entities, found %A",
                        NULL, b.type, NULL);
        return basic(TYPE_BOOL);
    }

    if (a.type == NULL) {
        return basic(TYPE_BOOL);
    }

    uid = literal_uid(v, e->kids);

    if (uid != NULL && a.type->u.entity->is_action) {
        found = action_in(v, uid, group);
        if (found >= 0) {
            return known(found);
        }
    }

    return schema_entity_under(a.type->u.entity, of->u.entity)
           ? basic(TYPE_BOOL) : basic(TYPE_FALSE);
}


/* The type of an attribute that is there, or NULL, reported. */
static const schema_type_t *
attr_type(validate_t *v, const policy_ast_t *on, const schema_type_t *type,
    policy_str_t name, uint32_t at, const validate_cap_t *prior)
{
    const schema_field_t  *field;

    field = find_field(type, name);

    if (field == NULL) {
        validate_report(v, ERROR, at, "attribute `%S` is not declared for %A",
                        &name, type, NULL);
        return NULL;
    }

    if (field->optional
        && !validate_caps_has(v, prior, validate_cap_attr(v, on, name)))
    {
        validate_report(v, ERROR, at, "attribute `%S` of %A may be missing: "
                        "it wants `has` before it", &name, type, NULL);
    }

    return field->type;
}


static typed_t
check_attr(validate_t *v, const policy_ast_t *e, const validate_cap_t *prior)
{
    typed_t  t;

    t = want(v, e->kids, prior, HOLDERS);

    if (t.type == NULL) {
        return t;
    }

    return typed(attr_type(v, e->kids, t.type, e->u.text, e->place, prior));
}


/*
 * A record has what it must have.  An entity may not exist, so that "has"
 * can be false of it, unless it was found to have the attribute before.
 */
static typed_t
check_has_one(validate_t *v, const policy_ast_t *on,
    const schema_type_t *type, policy_str_t name,
    const validate_cap_t *prior)
{
    typed_t                t;
    const schema_field_t  *field;

    field = find_field(type, name);

    if (field == NULL) {
        return basic(TYPE_FALSE);
    }

    t.caps = validate_cap_attr(v, on, name);
    t.type = schema_basic((!field->optional && type->kind == TYPE_RECORD)
                          || validate_caps_has(v, prior, t.caps)
                          ? TYPE_TRUE : TYPE_BOOL);

    return t;
}


/* kid.name as an expression of its own */
static const policy_ast_t *
make_attr(validate_t *v, const policy_ast_t *kid,
    const policy_ast_name_t *name)
{
    policy_ast_t  *e;

    e = policy_alloc(&v->env, sizeof(policy_ast_t));

    if (e == NULL) {
        v->status = POLICY_NO_MEMORY;
        return NULL;
    }

    memset(e, 0, sizeof(policy_ast_t));
    e->op = AST_ATTR;
    e->u.text = name->text;
    e->offset = kid->offset;
    e->place = name->offset;
    e->kids = (policy_ast_t *) (uintptr_t) kid;
    e->nkids = 1;

    return e;
}


/* x has a.b means x has a && x.a has b */
static typed_t
check_has(validate_t *v, const policy_ast_t *e, const validate_cap_t *prior)
{
    typed_t                   t, right;
    const policy_ast_t       *on;
    const schema_type_t      *type;
    const policy_ast_name_t  *name;

    on = e->kids;
    type = want(v, on, prior, HOLDERS).type;

    if (type == NULL) {
        return basic(TYPE_BOOL);
    }

    name = e->u.names;
    t = check_has_one(v, on, type, name->text, prior);

    for ( /* void */ ; name->next != NULL; name = name->next) {
        if (is_kind(t.type, TYPE_FALSE)) {
            return basic(TYPE_FALSE);
        }

        prior = validate_caps_join(v, prior, t.caps);
        type = attr_type(v, on, type, name->text, name->offset, prior);
        on = make_attr(v, on, name);

        if (type == NULL || on == NULL
            || !is_wanted(v, e, type, HOLDERS))
        {
            return basic(TYPE_BOOL);
        }

        right = check_has_one(v, on, type, name->next->text, prior);

        if (is_kind(right.type, TYPE_FALSE)) {
            t = basic(TYPE_FALSE);

        } else {
            t.type = is_kind(right.type, TYPE_TRUE) ? t.type : right.type;
            t.caps = validate_caps_join(v, t.caps, right.caps);
        }
    }

    return t;
}


/* e is T [in g], the latter meaning e is T && e in g */
static typed_t
check_is(validate_t *v, const policy_ast_t *e, const validate_cap_t *prior)
{
    typed_t  t, in;

    t = want(v, e->kids, prior, BIT(TYPE_ENTITY));

    if (t.type != NULL) {
        t = known(policy_str_equal(t.type->u.entity->name, e->u.text));
    } else {
        t = basic(TYPE_BOOL);
    }

    if (e->nkids < 2 || is_kind(t.type, TYPE_FALSE)) {
        return t;
    }

    in = check_in(v, e, prior);

    return is_kind(in.type, TYPE_TRUE) ? t : in;
}


static typed_t
check_set(validate_t *v, const policy_ast_t *e, const validate_cap_t *prior)
{
    schema_type_t        *set;
    const policy_ast_t   *kid;
    const schema_type_t  *type, *next;

    if (e->kids == NULL) {
        validate_report(v, ERROR, e->offset, "the type of an empty set "
                        "cannot be told", NULL, NULL, NULL);
        return typed(NULL);
    }

    type = check(v, e->kids, prior).type;

    for (kid = e->kids->next; kid != NULL; kid = kid->next) {
        next = check(v, kid, prior).type;
        type = join(v, kid->offset, type, next,
                    "the elements of a set have different types: %A and %B");
    }

    if (type == NULL) {
        return typed(NULL);
    }

    set = schema_new_type(&v->env, TYPE_SET, 0);
    if (set == NULL) {
        v->status = POLICY_NO_MEMORY;
        return typed(NULL);
    }

    set->resolved = 1;
    set->u.element = type;

    return typed(set);
}


static typed_t
check_record(validate_t *v, const policy_ast_t *e,
    const validate_cap_t *prior)
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
        return typed(NULL);
    }

    complete = 1;

    for (i = 0, kid = e->kids; kid != NULL; kid = kid->next) {
        field = &record->u.fields[i++];
        field->name = policy_name(kid->u.text);
        field->offset = kid->offset;
        field->optional = 0;
        field->type = check(v, kid->kids, prior).type;
        complete &= field->type != NULL;
    }

    schema_order_fields(record, NULL);

    return typed(complete ? record : NULL);
}


static typed_t
check_tag(validate_t *v, const policy_ast_t *e, const validate_cap_t *prior)
{
    int                   is_known;
    typed_t               t, name;
    const schema_type_t  *tags;

    t = want(v, e->kids, prior, BIT(TYPE_ENTITY));
    name = want(v, e->kids->next, prior, BIT(TYPE_STRING));

    if (t.type == NULL || name.type == NULL) {
        return typed(e->id == METHOD_HAS_TAG ? schema_basic(TYPE_BOOL)
                                             : NULL);
    }

    tags = t.type->u.entity->tags;
    t.caps = validate_cap_tag(v, e->kids, e->kids->next);
    is_known = validate_caps_has(v, prior, t.caps);

    if (e->id == METHOD_HAS_TAG) {
        t.type = schema_basic(tags == NULL ? TYPE_FALSE
                              : is_known ? TYPE_TRUE : TYPE_BOOL);
        return t;
    }

    if (tags == NULL) {
        validate_report(v, ERROR, e->place, "%A has no tags", NULL, t.type,
                        NULL);

    } else if (!is_known) {
        validate_report(v, ERROR, e->place, "the tag of %A may be missing: "
                        "it wants `hasTag` before it", NULL, t.type, NULL);
    }

    return typed(tags);
}


static typed_t
check_method(validate_t *v, const policy_ast_t *e,
    const validate_cap_t *prior)
{
    typed_t               a, b;
    const schema_type_t  *element;

    if (e->id == METHOD_HAS_TAG || e->id == METHOD_GET_TAG) {
        return check_tag(v, e, prior);
    }

    a = want(v, e->kids, prior, BIT(TYPE_SET));

    switch (e->id) {

    case METHOD_CONTAINS:
        b = check(v, e->kids->next, prior);
        element = a.type != NULL ? a.type->u.element : NULL;
        join(v, e->place, element, b.type,
             "a set of %A cannot contain %B");
        break;

    case METHOD_CONTAINS_ALL:
    case METHOD_CONTAINS_ANY:
        b = want(v, e->kids->next, prior, BIT(TYPE_SET));
        join(v, e->place, a.type, b.type,
             "sets of different types: %A and %B");
        break;

    default: /* METHOD_IS_EMPTY */
        break;
    }

    return basic(TYPE_BOOL);
}


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
    int           ok;
    int64_t       i;
    policy_ip_t   ip;

    if (e->op > AST_UID) {
        validate_report(v, ERROR, e->offset, "expected a literal: what is "
                        "computed may be no %A", NULL, schema_basic(kind),
                        NULL);
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
        validate_report(v, ERROR, e->offset, "\"%S\" is no %A", &e->u.text,
                        schema_basic(kind), NULL);
    }
}


static typed_t
check_call(validate_t *v, const policy_ast_t *e, const validate_cap_t *prior)
{
    uint32_t             i;
    unsigned             want_kinds;
    const policy_ast_t  *kid;
    const policy_ext_t  *ext;
    schema_kind_t        result;

    ext = policy_ext_get(e->id);
    result = result_kind(ext);

    if (e->nkids != ext->nargs) {
        validate_report(v, ERROR, e->place, "wrong number of arguments for "
                        "`%S`", &ext->name, NULL, NULL);
    }

    for (i = 0, kid = e->kids; kid != NULL; kid = kid->next, i++) {
        if (i >= ext->nargs) {
            check(v, kid, prior);
            continue;
        }

        want_kinds = BIT(argument_kind(ext->kinds[i]));
        want(v, kid, prior, want_kinds);

        if (!ext->method) {
            check_literal(v, kid, result);
        }
    }

    return basic(result);
}


/* A uid that the schema does not know is reported elsewhere. */
static typed_t
check_uid(validate_t *v, const policy_uid_t *uid)
{
    const schema_entity_t  *entity;

    entity = schema_find_entity(v->schema, policy_uid_type(uid));

    return typed(entity != NULL ? &entity->type : NULL);
}


static typed_t
check_variable(validate_t *v, const policy_ast_t *e)
{
    static const schema_type_t  empty = {
        TYPE_RECORD, 1, 1, 0, 0, { NULL }
    };

    switch (e->id) {

    case POLICY_PRINCIPAL:
        return typed(&v->principal->type);

    case POLICY_ACTION:
        return typed(&v->action->space->action_type->type);

    case POLICY_RESOURCE:
        return typed(&v->resource->type);

    default: /* POLICY_CONTEXT */
        return typed(v->action->context != NULL ? v->action->context
                                                : &empty);
    }
}


static typed_t
check(validate_t *v, const policy_ast_t *e, const validate_cap_t *prior)
{
    if (--v->work < 0 || v->status != POLICY_OK) {
        return typed(NULL);
    }

    switch (e->op) {

    case AST_BOOL:
        return known(e->u.i != 0);

    case AST_LONG:
        return basic(TYPE_LONG);

    case AST_STRING:
        return basic(TYPE_STRING);

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
        return check_has(v, e, prior);

    case AST_ATTR:
        return check_attr(v, e, prior);

    case AST_LIKE:
        want(v, e->kids, prior, BIT(TYPE_STRING));
        return basic(TYPE_BOOL);

    case AST_IS:
        return check_is(v, e, prior);

    case AST_METHOD:
        return check_method(v, e, prior);

    default: /* AST_CALL */
        return check_call(v, e, prior);
    }
}


validate_typed_t
validate_condition(validate_t *v, const policy_ast_t *body,
    const validate_cap_t *prior)
{
    return want_bool(v, body, prior);
}
