/* Types of attributes and tags, and of asking for them. */

#include "validate.h"


/* The attribute as declared, or NULL. */
static const schema_field_t *
find_field(const schema_type_t *type, policy_str_t name)
{
    if (type->kind == TYPE_ENTITY) {
        type = type->u.entity->shape;
    }

    return type == NULL ? NULL : schema_field(type, name);
}


/* The type of an attribute that is there, or NULL, reported. */
static const schema_type_t *
attr_type(validate_t *v, const policy_ast_t *on, const schema_type_t *type,
    policy_str_t name, uint32_t at, const validate_cap_t *prior)
{
    const schema_field_t  *field;

    field = find_field(type, name);

    if (field == NULL) {
        validate_report(v, POLICY_FINDING_ERROR, at,
                        "attribute `%S` is not declared for %A", &name, type,
                        NULL);
        return NULL;
    }

    if (field->optional && !validate_caps_has(v, prior,
                                              validate_cap_attr(v, on, name)))
    {
        validate_report(v, POLICY_FINDING_ERROR, at,
                        "attribute `%S` of %A may be missing: "
                        "it wants `has` before it", &name, type, NULL);
    }

    return field->type;
}


validate_typed_t
validate_attr(validate_t *v, const policy_ast_t *e,
    const validate_cap_t *prior)
{
    validate_typed_t  t;

    t = validate_want(v, e->kids, prior, VALIDATE_HOLDERS);

    if (t.type == NULL) {
        return t;
    }

    return validate_typed(attr_type(v, e->kids, t.type, e->u.text, e->place,
                                    prior));
}


/*
 * A record has what it must have.  An entity may not exist, so that "has"
 * can be false of it, unless it was found to have the attribute before.
 */
static validate_typed_t
check_has_one(validate_t *v, const policy_ast_t *on, const schema_type_t *type,
    policy_str_t name, const validate_cap_t *prior)
{
    validate_typed_t       t;
    const schema_field_t  *field;

    field = find_field(type, name);

    if (field == NULL) {
        return validate_basic(TYPE_FALSE);
    }

    t.caps = validate_cap_attr(v, on, name);
    t.type = schema_basic((!field->optional && type->kind == TYPE_RECORD)
                          || validate_caps_has(v, prior, t.caps) ? TYPE_TRUE
                          : TYPE_BOOL);

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
validate_typed_t
validate_has(validate_t *v, const policy_ast_t *e, const validate_cap_t *prior)
{
    validate_typed_t          t, right;
    const policy_ast_t       *on;
    const schema_type_t      *type;
    const policy_ast_name_t  *name;

    on = e->kids;
    type = validate_want(v, on, prior, VALIDATE_HOLDERS).type;

    if (type == NULL) {
        return validate_basic(TYPE_BOOL);
    }

    name = e->u.names;
    t = check_has_one(v, on, type, name->text, prior);

    for ( /* void */ ; name->next != NULL; name = name->next) {
        if (validate_is_kind(t.type, TYPE_FALSE)) {
            return validate_basic(TYPE_FALSE);
        }

        prior = validate_caps_join(v, prior, t.caps);
        type = attr_type(v, on, type, name->text, name->offset, prior);
        on = make_attr(v, on, name);

        if (type == NULL || on == NULL
            || !validate_is_wanted(v, e, type, VALIDATE_HOLDERS))
        {
            return validate_basic(TYPE_BOOL);
        }

        right = check_has_one(v, on, type, name->next->text, prior);

        if (validate_is_kind(right.type, TYPE_FALSE)) {
            t = validate_basic(TYPE_FALSE);

        } else {
            t.type = validate_is_kind(right.type, TYPE_TRUE) ? t.type
                     : right.type;
            t.caps = validate_caps_join(v, t.caps, right.caps);
        }
    }

    return t;
}


validate_typed_t
validate_tag(validate_t *v, const policy_ast_t *e, const validate_cap_t *prior)
{
    int                   is_known;
    validate_typed_t      t, name;
    const schema_type_t  *tags;

    t = validate_want(v, e->kids, prior, VALIDATE_BIT(TYPE_ENTITY));
    name = validate_want(v, e->kids->next, prior, VALIDATE_BIT(TYPE_STRING));

    if (t.type == NULL || name.type == NULL) {
        return validate_typed(e->id == METHOD_HAS_TAG ? schema_basic(TYPE_BOOL)
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
        validate_report(v, POLICY_FINDING_ERROR, e->place, "%A has no tags",
                        NULL, t.type, NULL);

    } else if (!is_known) {
        validate_report(v, POLICY_FINDING_ERROR, e->place,
                        "the tag of %A may be missing: "
                        "it wants `hasTag` before it", NULL, t.type, NULL);
    }

    return validate_typed(tags);
}
