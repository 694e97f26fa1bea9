/*
 * Schemas in JSON: {namespace: {entityTypes, actions, commonTypes,
 * annotations}}.  Nothing is ignored: an unknown field is refused, and so
 * is an array in place of an object, which the reference's reader takes for
 * the object's fields in its own order.
 */

#include "schema_json.h"


static const policy_str_t  no_name = { "", 0 };


/* Lists of names */

static policy_status_t
read_entity_ref(schema_json_t *r, void *data)
{
    uint32_t         at;
    policy_str_t     name;
    schema_ref_t  ***last;
    policy_status_t  rc;

    last = data;
    at = schema_json_place(r);

    rc = schema_json_string(r, &name);
    if (rc != POLICY_OK) {
        return rc;
    }

    if (!schema_is_path(name)) {
        return schema_fail(r->schema, POLICY_INVALID, at,
                           "`%S` is no name of an entity type", name);
    }

    **last = schema_new_ref(r->schema, name, no_name, at);
    if (**last == NULL) {
        return schema_no_memory(r->schema);
    }

    *last = &(**last)->next;

    return POLICY_OK;
}


typedef struct {
    unsigned       seen;
    policy_str_t   id;
    policy_str_t   type;
} action_ref_t;

static policy_status_t
read_action_ref_member(schema_json_t *r, void *data, policy_str_t key,
    uint32_t at)
{
    int              is_null;
    unsigned         found;
    action_ref_t    *ref;
    policy_status_t  rc;

    static const char *const  names[] = { "id", "type" };

    ref = data;

    rc = schema_json_key(r, key, at, names, 2, &ref->seen, &found);
    if (rc != POLICY_OK) {
        return rc;
    }

    if (found == 0) {
        return schema_json_string(r, &ref->id);
    }

    rc = schema_json_null(r, &is_null);

    if (rc == POLICY_OK && !is_null) {
        at = schema_json_place(r);
        rc = schema_json_string(r, &ref->type);

        if (rc == POLICY_OK && !schema_is_path(ref->type)) {
            rc = schema_fail(r->schema, POLICY_INVALID, at,
                             "`%S` is no name of an entity type", ref->type);
        }
    }

    return rc;
}


static policy_status_t
read_action_ref(schema_json_t *r, void *data)
{
    uint32_t         at;
    action_ref_t     ref;
    schema_ref_t  ***last;
    policy_status_t  rc;

    last = data;
    at = schema_json_place(r);
    memset(&ref, 0, sizeof(ref));
    ref.type = no_name;

    rc = schema_json_object(r, read_action_ref_member, &ref);

    if (rc == POLICY_OK && (ref.seen & 1) == 0) {
        rc = schema_json_refuse(r, POLICY_INVALID, at,
                                "field `id` is missing");
    }

    if (rc != POLICY_OK) {
        return rc;
    }

    **last = schema_new_ref(r->schema, ref.type, ref.id, at);
    if (**last == NULL) {
        return schema_no_memory(r->schema);
    }

    *last = &(**last)->next;

    return POLICY_OK;
}


static policy_status_t
read_choice(schema_json_t *r, void *data)
{
    uint32_t         at;
    policy_str_t     id;
    schema_ref_t  ***last;
    policy_status_t  rc;

    last = data;
    at = schema_json_place(r);

    rc = schema_json_string(r, &id);
    if (rc != POLICY_OK) {
        return rc;
    }

    **last = schema_new_ref(r->schema, no_name, id, at);
    if (**last == NULL) {
        return schema_no_memory(r->schema);
    }

    *last = &(**last)->next;

    return POLICY_OK;
}


static policy_status_t
read_choices(schema_json_t *r, schema_entity_t *entity)
{
    uint32_t         at, i;
    schema_ref_t    *refs, *ref, **last;
    policy_status_t  rc;

    refs = NULL;
    last = &refs;
    at = schema_json_place(r);

    rc = schema_json_array(r, read_choice, &last);
    if (rc != POLICY_OK) {
        return rc;
    }

    for (ref = refs; ref != NULL; ref = ref->next) {
        entity->nchoices++;
    }

    if (refs == NULL) {
        return schema_json_refuse(r, POLICY_INVALID, at,
                                  "the enumeration is empty");
    }

    entity->is_enum = 1;
    entity->choices = policy_alloc_array(&r->schema->arena, entity->nchoices,
                                         sizeof(policy_str_t));
    if (entity->choices == NULL) {
        return schema_no_memory(r->schema);
    }

    for (i = 0, ref = refs; ref != NULL; ref = ref->next) {
        entity->choices[i++] = ref->id;
    }

    return POLICY_OK;
}


/* Declarations */

typedef struct {
    schema_entity_t  *entity;
    schema_action_t  *action;
    unsigned          seen;
} declared_t;

static policy_status_t
read_entity_member(schema_json_t *r, void *data, policy_str_t key, uint32_t at)
{
    unsigned         found;
    declared_t      *d;
    schema_ref_t   **last;
    policy_status_t  rc;

    static const char *const  names[] = {
        "enum", "memberOfTypes", "shape", "tags", "annotations"
    };

    d = data;

    rc = schema_json_key(r, key, at, names, 5, &d->seen, &found);
    if (rc != POLICY_OK) {
        return rc;
    }

    if ((d->seen & 1) && (d->seen & 14)) {
        return schema_fail(r->schema, POLICY_INVALID, at,
                           "an enumeration has nothing but its ids: `%S`",
                           key);
    }

    switch (found) {

    case 0:
        return read_choices(r, d->entity);

    case 1:
        last = &d->entity->parents;
        return schema_json_array(r, read_entity_ref, &last);

    case 2:
        return schema_json_type(r, &d->entity->shape);

    case 3:
        return schema_json_type(r, &d->entity->tags);

    default:
        return schema_json_notes(r, NULL);
    }
}


static policy_status_t
read_entity(schema_json_t *r, void *data, policy_str_t key, uint32_t at)
{
    declared_t       d;
    policy_status_t  rc;

    (void) data;

    if (!schema_is_declarable(key)
        || policy_str_equal(key, POLICY_STR("Action")))
    {
        return schema_fail(r->schema, POLICY_INVALID, at,
                           "`%S` cannot be declared as an entity type", key);
    }

    memset(&d, 0, sizeof(d));

    rc = schema_add_entity(r->schema, r->space, key, at, &d.entity);

    return rc == POLICY_OK ? schema_json_object(r, read_entity_member, &d)
           : rc;
}


static policy_status_t
read_applies_member(schema_json_t *r, void *data, policy_str_t key,
    uint32_t at)
{
    unsigned         found;
    declared_t      *d;
    schema_ref_t   **last;
    policy_status_t  rc;

    static const char *const  names[] = {
        "principalTypes", "resourceTypes", "context"
    };

    d = data;

    rc = schema_json_key(r, key, at, names, 3, &d->seen, &found);
    if (rc != POLICY_OK) {
        return rc;
    }

    if (found == 2) {
        return schema_json_type(r, &d->action->context);
    }

    last = found == 0 ? &d->action->principals : &d->action->resources;

    return schema_json_array(r, read_entity_ref, &last);
}


static policy_status_t
read_applies(schema_json_t *r, schema_action_t *action)
{
    uint32_t         at;
    declared_t       d;
    policy_status_t  rc;

    at = schema_json_place(r);
    memset(&d, 0, sizeof(d));
    d.action = action;

    rc = schema_json_object(r, read_applies_member, &d);

    if (rc == POLICY_OK && (d.seen & 3) != 3) {
        return schema_json_refuse(r, POLICY_INVALID, at, d.seen & 1
                                  ? "field `resourceTypes` is missing"
                                  : "field `principalTypes` is missing");
    }

    return rc;
}


static policy_status_t
read_action_member(schema_json_t *r, void *data, policy_str_t key, uint32_t at)
{
    int              is_null;
    unsigned         found;
    declared_t      *d;
    schema_ref_t   **last;
    policy_status_t  rc;

    static const char *const  names[] = {
        "appliesTo", "memberOf", "attributes", "annotations"
    };

    d = data;

    rc = schema_json_key(r, key, at, names, 4, &d->seen, &found);
    if (rc != POLICY_OK) {
        return rc;
    }

    if (found == 3) {
        return schema_json_notes(r, NULL);
    }

    rc = schema_json_null(r, &is_null);
    if (rc != POLICY_OK || is_null) {
        return rc;
    }

    switch (found) {

    case 0:
        return read_applies(r, d->action);

    case 1:
        last = &d->action->parents;
        return schema_json_array(r, read_action_ref, &last);

    default:
        return schema_json_refuse(r, POLICY_INVALID, at,
                                  "actions have no attributes");
    }
}


static policy_status_t
read_action(schema_json_t *r, void *data, policy_str_t key, uint32_t at)
{
    declared_t       d;
    policy_status_t  rc;

    (void) data;

    memset(&d, 0, sizeof(d));

    rc = schema_add_action(r->schema, r->space, key, at, &d.action);

    return rc == POLICY_OK ? schema_json_object(r, read_action_member, &d)
           : rc;
}


static policy_status_t
read_common(schema_json_t *r, void *data, policy_str_t key, uint32_t at)
{
    policy_status_t   rc;
    schema_common_t  *common;

    (void) data;

    if (!schema_is_declarable(key) || !schema_is_common_base(key)) {
        return schema_fail(r->schema, POLICY_INVALID, at,
                           "`%S` cannot be declared as a common type", key);
    }

    rc = schema_add_common(r->schema, r->space, key, at, &common);

    return rc == POLICY_OK ? schema_json_common_type(r, &common->type) : rc;
}


static policy_status_t
read_space_member(schema_json_t *r, void *data, policy_str_t key, uint32_t at)
{
    unsigned         found, n;
    unsigned        *seen;
    policy_status_t  rc;

    static const char *const  names[] = {
        "entityTypes", "actions", "commonTypes", "annotations"
    };

    seen = data;

    rc = schema_json_key(r, key, at, names, 4, seen, &found);
    if (rc != POLICY_OK) {
        return rc;
    }

    switch (found) {

    case 0:
        return schema_json_object(r, read_entity, NULL);

    case 1:
        return schema_json_object(r, read_action, NULL);

    case 2:
        return schema_json_object(r, read_common, NULL);

    default:
        rc = schema_json_notes(r, &n);

        if (rc == POLICY_OK && n != 0 && r->space->name.len == 0) {
            rc = schema_json_refuse(r, POLICY_INVALID, at,
                                    "the empty namespace has no annotations");
        }

        return rc;
    }
}


static policy_status_t
read_space(schema_json_t *r, void *data, policy_str_t key, uint32_t at)
{
    unsigned         seen;
    policy_status_t  rc;

    (void) data;

    seen = 0;

    if (key.len != 0 && !policy_is_path(key)) {
        return schema_fail(r->schema, POLICY_INVALID, at,
                           "`%S` is no name of a namespace", key);
    }

    rc = schema_add_space(r->schema, key, at, &r->space);

    if (rc == POLICY_OK) {
        rc = schema_json_object(r, read_space_member, &seen);
    }

    if (rc == POLICY_OK && (seen & 3) != 3) {
        rc = schema_json_refuse(r, POLICY_INVALID, at, seen & 1
                                ? "field `actions` is missing"
                                : "field `entityTypes` is missing");
    }

    return rc;
}


policy_status_t
schema_read_json(policy_schema_t *schema)
{
    schema_json_t    r;
    policy_status_t  rc;

    memset(&r, 0, sizeof(r));
    r.schema = schema;

    rc = policy_json_init(&r.json, &schema->arena, schema->file,
                          schema->text, schema->error);

    if (rc == POLICY_OK) {
        rc = schema_json_object(&r, read_space, NULL);
    }

    if (rc == POLICY_OK) {
        rc = policy_json_end(&r.json);
    }

    policy_json_stop(&r.json);

    return rc;
}
