/*
 * Names of a schema: who is declared, what names mean, hierarchies.
 *
 * A name without "::" means what its namespace declares, else what the empty
 * namespace declares; a common type before an entity type.  The basic and
 * extension types count as declared in the empty namespace unless an entity
 * type or common type there has their name; `__cedar::` always reaches them.
 */

#include "schema.h"


#define SEED  0x736368656d61u

static const policy_str_t  no_name = { "", 0 };


static uint64_t
name_hash(unsigned of, policy_str_t name)
{
    return policy_hash(SEED + of, name.data, name.len);
}


static int
slot_has(const schema_slot_t *slot, unsigned of, policy_str_t name,
    policy_str_t id)
{
    const schema_space_t   *space;
    const schema_entity_t  *entity;
    const schema_action_t  *action;
    const schema_common_t  *common;

    switch (of) {

    case SCHEMA_SPACE:
        space = slot->item;
        return policy_str_equal(space->name, name);

    case SCHEMA_ENTITY:
        entity = slot->item;
        return policy_str_equal(entity->name, name);

    case SCHEMA_COMMON:
        common = slot->item;
        return policy_str_equal(common->name, name);

    default: /* SCHEMA_ACTION */
        action = slot->item;
        return policy_str_equal(policy_uid_type(&action->uid), name)
               && policy_str_equal(policy_uid_id(&action->uid), id);
    }
}


/* Where the name stands or would stand; the table is never full. */
static schema_slot_t *
find_slot(const policy_schema_t *schema, unsigned of, uint64_t hash,
    policy_str_t name, policy_str_t id)
{
    uint32_t        i;
    schema_slot_t  *slot;

    for (i = (uint32_t) hash & (schema->nslots - 1);
         /* void */;
         i = (i + 1) & (schema->nslots - 1))
    {
        slot = &schema->slots[i];

        if (slot->item == NULL
            || (slot->of == of && slot->hash == hash
                && slot_has(slot, of, name, id)))
        {
            return slot;
        }
    }
}


static void *
find(const policy_schema_t *schema, unsigned of, policy_str_t name)
{
    return find_slot(schema, of, name_hash(of, name), name, no_name)->item;
}


static schema_action_t *
find_action(const policy_schema_t *schema, policy_str_t type,
    policy_str_t id)
{
    policy_uid_t  uid;

    policy_uid_make(&uid, type, id);

    return find_slot(schema, SCHEMA_ACTION, uid.hash, type, id)->item;
}


const schema_entity_t *
schema_find_entity(const policy_schema_t *schema, policy_str_t name)
{
    return find(schema, SCHEMA_ENTITY, name);
}


const schema_action_t *
schema_find_action(const policy_schema_t *schema, const policy_uid_t *uid)
{
    return find_slot(schema, SCHEMA_ACTION, uid->hash, policy_uid_type(uid),
                     policy_uid_id(uid))->item;
}


static policy_status_t
enter(policy_schema_t *schema, unsigned of, uint64_t hash, policy_str_t name,
    policy_str_t id, void *item, uint32_t at)
{
    schema_slot_t  *slot;

    slot = find_slot(schema, of, hash, name, id);

    if (slot->item != NULL) {
        return schema_fail(schema, POLICY_DUPLICATE, at,
                           "`%S` is declared twice",
                           of == SCHEMA_ACTION ? id : name);
    }

    slot->hash = hash;
    slot->of = of;
    slot->item = item;

    return POLICY_OK;
}


static policy_status_t
enter_all(policy_schema_t *schema)
{
    policy_status_t   rc;
    schema_space_t   *space;
    schema_entity_t  *entity;
    schema_action_t  *action;
    schema_common_t  *common;

    rc = POLICY_OK;

    for (space = schema->spaces; rc == POLICY_OK && space != NULL;
         space = space->next)
    {
        rc = enter(schema, SCHEMA_SPACE,
                   name_hash(SCHEMA_SPACE, space->name), space->name,
                   no_name, space, space->offset);
    }

    for (entity = schema->entities; rc == POLICY_OK && entity != NULL;
         entity = entity->next)
    {
        rc = enter(schema, SCHEMA_ENTITY,
                   name_hash(SCHEMA_ENTITY, entity->name), entity->name,
                   no_name, entity, entity->offset);
    }

    for (common = schema->commons; rc == POLICY_OK && common != NULL;
         common = common->next)
    {
        rc = enter(schema, SCHEMA_COMMON,
                   name_hash(SCHEMA_COMMON, common->name), common->name,
                   no_name, common, common->offset);
    }

    for (action = schema->actions; rc == POLICY_OK && action != NULL;
         action = action->next)
    {
        rc = enter(schema, SCHEMA_ACTION, action->uid.hash,
                   policy_uid_type(&action->uid),
                   policy_uid_id(&action->uid), action, action->offset);
    }

    return rc;
}


static policy_status_t
make_table(policy_schema_t *schema)
{
    size_t  n;

    n = schema->nspaces + schema->nentities + schema->nactions
        + schema->ncommons;

    for (schema->nslots = 16; schema->nslots < 2 * n; /* void */) {
        schema->nslots *= 2;
    }

    schema->slots = policy_alloc_array(&schema->arena, schema->nslots,
                                       sizeof(schema_slot_t));
    if (schema->slots == NULL) {
        return schema_no_memory(schema);
    }

    memset(schema->slots, 0, schema->nslots * sizeof(schema_slot_t));

    return enter_all(schema);
}


/*
 * What the empty namespace declares cannot be declared in another one: a
 * name there would silently change its meaning.
 */
static policy_status_t
check_shadowing(policy_schema_t *schema)
{
    const schema_entity_t  *entity, *outer;
    const schema_action_t  *action;
    const schema_common_t  *common;

    for (entity = schema->entities; entity != NULL; entity = entity->next) {
        if (entity->space->name.len == 0 || entity->is_action) {
            continue;
        }

        outer = find(schema, SCHEMA_ENTITY, entity->base);

        if (outer != NULL || find(schema, SCHEMA_COMMON, entity->base)) {
            return schema_fail(schema, POLICY_INVALID, entity->offset,
                               "`%S` shadows a type of the empty namespace",
                               entity->name);
        }
    }

    for (common = schema->commons; common != NULL; common = common->next) {
        if (common->space->name.len == 0) {
            continue;
        }

        outer = find(schema, SCHEMA_ENTITY, common->base);

        if ((outer != NULL && !outer->is_action)
            || find(schema, SCHEMA_COMMON, common->base))
        {
            return schema_fail(schema, POLICY_INVALID, common->offset,
                               "`%S` shadows a type of the empty namespace",
                               common->name);
        }
    }

    for (action = schema->actions; action != NULL; action = action->next) {
        if (action->space->name.len != 0
            && find_action(schema, POLICY_STR("Action"),
                           policy_uid_id(&action->uid)) != NULL)
        {
            return schema_fail(schema, POLICY_INVALID, action->offset,
                               "action `%S` shadows one of the empty "
                               "namespace", policy_uid_id(&action->uid));
        }
    }

    return POLICY_OK;
}


/* Types */

enum { COMMON_NEW = 0, COMMON_OPEN, COMMON_DONE };


typedef struct {
    policy_schema_t        *schema;
    const schema_space_t   *space;      /* where the names are used */
    unsigned                depth;      /* of types and common types */
} resolver_t;

static policy_status_t resolve_type(resolver_t *r,
    const schema_type_t **type);


static policy_status_t
resolve_common(resolver_t *r, schema_common_t *common, uint32_t at)
{
    policy_status_t        rc;
    const schema_space_t  *space;

    if (common->state == COMMON_DONE) {
        return POLICY_OK;
    }

    if (common->state == COMMON_OPEN) {
        return schema_fail(r->schema, POLICY_CYCLE, at,
                           "common type `%S` contains itself", common->name);
    }

    common->state = COMMON_OPEN;

    space = r->space;
    r->space = common->space;
    rc = resolve_type(r, &common->type);
    r->space = space;

    common->state = COMMON_DONE;

    return rc;
}


/* Whether what the name means by itself, or behind prefix, is found. */
static policy_status_t
look_up(resolver_t *r, const schema_type_t *ref, policy_str_t name,
    const schema_type_t **found)
{
    int                     is_common, is_entity;
    policy_status_t         rc;
    schema_common_t        *common;
    const schema_entity_t  *entity;

    static const char  own[] = "__cedar::";

    *found = NULL;
    is_common = ref->kind != TYPE_NAME_ENTITY;
    is_entity = ref->kind != TYPE_NAME_COMMON;

    common = find(r->schema, SCHEMA_COMMON, name);

    if (is_common && common != NULL) {
        rc = resolve_common(r, common, ref->offset);
        *found = rc == POLICY_OK ? common->type : NULL;
        return rc;
    }

    entity = schema_find_entity(r->schema, name);

    if (entity != NULL) {
        *found = is_entity ? &entity->type : NULL;
        return POLICY_OK;
    }

    if (is_common) {
        if (name.len > sizeof(own) - 1
            && memcmp(name.data, own, sizeof(own) - 1) == 0)
        {
            name.data += sizeof(own) - 1;
            name.len -= sizeof(own) - 1;
        }

        *found = schema_builtin(name);
    }

    return POLICY_OK;
}


/* NULL: no memory */
static const char *
prefix(policy_schema_t *schema, const schema_space_t *space,
    policy_str_t name, policy_str_t *full)
{
    char  *p;

    full->len = space->name.len + 2 + name.len;
    full->data = p = policy_alloc(&schema->arena, full->len);

    if (p != NULL) {
        memcpy(p, space->name.data, space->name.len);
        memcpy(p + space->name.len, "::", 2);
        memcpy(p + space->name.len + 2, name.data, name.len);
    }

    return p;
}


static int
is_local(const schema_space_t *space, policy_str_t name)
{
    return space->name.len != 0 && memchr(name.data, ':', name.len) == NULL;
}


static policy_status_t
resolve_name(resolver_t *r, const schema_type_t **type)
{
    policy_str_t          full;
    policy_status_t       rc;
    const schema_type_t  *ref, *found;

    ref = *type;
    found = NULL;
    rc = POLICY_OK;

    if (is_local(r->space, ref->u.name)) {
        if (prefix(r->schema, r->space, ref->u.name, &full) == NULL) {
            return schema_no_memory(r->schema);
        }

        rc = look_up(r, ref, full, &found);
    }

    if (rc == POLICY_OK && found == NULL) {
        rc = look_up(r, ref, ref->u.name, &found);
    }

    if (rc != POLICY_OK) {
        return rc;
    }

    if (found == NULL) {
        return schema_fail(r->schema, POLICY_NOT_FOUND, ref->offset,
                           ref->kind == TYPE_NAME_ENTITY
                           ? "entity type `%S` is not declared"
                           : ref->kind == TYPE_NAME_COMMON
                             ? "common type `%S` is not declared"
                             : "type `%S` is not declared", ref->u.name);
    }

    *type = found;

    return POLICY_OK;
}


static policy_status_t
resolve_fields(resolver_t *r, schema_type_t *record)
{
    uint32_t         i;
    schema_field_t  *field;
    policy_status_t  rc;

    for (i = 0; i < record->n; i++) {
        field = &record->u.fields[i];

        rc = resolve_type(r, &field->type);
        if (rc != POLICY_OK) {
            return rc;
        }

        if (field->type->depth >= record->depth) {
            record->depth = (uint16_t) (field->type->depth + 1);
        }
    }

    return POLICY_OK;
}


static policy_status_t
resolve_parts(resolver_t *r, schema_type_t *type)
{
    policy_status_t  rc;

    if (type->kind == TYPE_RECORD) {
        rc = resolve_fields(r, type);

    } else {
        rc = resolve_type(r, &type->u.element);

        if (rc == POLICY_OK) {
            type->depth = (uint16_t) (type->u.element->depth + 1);
        }
    }

    if (rc == POLICY_OK && type->depth > SCHEMA_DEPTH) {
        return schema_fail(r->schema, POLICY_LIMIT, type->offset,
                           "type is too deep", no_name);
    }

    type->resolved = 1;

    return rc;
}


static policy_status_t
resolve_type(resolver_t *r, const schema_type_t **type)
{
    policy_status_t  rc;

    if ((*type)->resolved) {
        return POLICY_OK;
    }

    /* common types may refer to one another in a chain of any length */

    if (r->depth == 4 * SCHEMA_DEPTH) {
        return schema_fail(r->schema, POLICY_LIMIT, (*type)->offset,
                           "type is too deep", no_name);
    }

    r->depth++;

    /* what is not resolved was made by a reader, which allows to write */

    rc = (*type)->kind == TYPE_SET || (*type)->kind == TYPE_RECORD
         ? resolve_parts(r, (schema_type_t *) (uintptr_t) *type)
         : resolve_name(r, type);

    r->depth--;

    return rc;
}


/* Lists of entity types; actions are no members of these. */
static policy_status_t
resolve_refs(policy_schema_t *schema, const schema_space_t *space,
    schema_ref_t *ref)
{
    policy_str_t  full;

    for ( /* void */ ; ref != NULL; ref = ref->next) {
        if (is_local(space, ref->name)) {
            if (prefix(schema, space, ref->name, &full) == NULL) {
                return schema_no_memory(schema);
            }

            ref->entity = find(schema, SCHEMA_ENTITY, full);
        }

        if (ref->entity == NULL) {
            ref->entity = find(schema, SCHEMA_ENTITY, ref->name);
        }

        if (ref->entity == NULL || ref->entity->is_action) {
            return schema_fail(schema, POLICY_NOT_FOUND, ref->offset,
                               "entity type `%S` is not declared",
                               ref->name);
        }
    }

    return POLICY_OK;
}


static policy_status_t
resolve_action_refs(policy_schema_t *schema, const schema_action_t *action)
{
    policy_str_t   type, full;
    schema_ref_t  *ref;

    for (ref = action->parents; ref != NULL; ref = ref->next) {
        type = ref->name.len != 0 ? ref->name : POLICY_STR("Action");

        if (is_local(action->space, type)) {
            if (prefix(schema, action->space, type, &full) == NULL) {
                return schema_no_memory(schema);
            }

            ref->action = find_action(schema, full, ref->id);
        }

        if (ref->action == NULL) {
            ref->action = find_action(schema, type, ref->id);
        }

        if (ref->action == NULL) {
            return schema_fail(schema, POLICY_NOT_FOUND, ref->offset,
                               "action `%S` is not declared", ref->id);
        }
    }

    return POLICY_OK;
}


static policy_status_t
need_record(policy_schema_t *schema, const schema_type_t *type, uint32_t at,
    const char *message, policy_str_t name)
{
    return type == NULL || type->kind == TYPE_RECORD
           ? POLICY_OK
           : schema_fail(schema, POLICY_INVALID, at, message, name);
}


static policy_status_t
resolve_entity(resolver_t *r, schema_entity_t *entity)
{
    uint32_t         at;
    policy_status_t  rc;

    r->space = entity->space;

    rc = resolve_refs(r->schema, r->space, entity->parents);

    if (rc == POLICY_OK && entity->shape != NULL) {
        at = entity->shape->offset;
        rc = resolve_type(r, &entity->shape);

        if (rc == POLICY_OK) {
            rc = need_record(r->schema, entity->shape, at,
                             "the shape of `%S` is no record",
                             entity->name);
        }
    }

    if (rc == POLICY_OK && entity->tags != NULL) {
        rc = resolve_type(r, &entity->tags);
    }

    return rc;
}


static policy_status_t
resolve_action(resolver_t *r, schema_action_t *action)
{
    uint32_t         at;
    policy_status_t  rc;

    r->space = action->space;

    if ((rc = resolve_action_refs(r->schema, action)) != POLICY_OK
        || (rc = resolve_refs(r->schema, r->space, action->principals))
           != POLICY_OK
        || (rc = resolve_refs(r->schema, r->space, action->resources))
           != POLICY_OK)
    {
        return rc;
    }

    if (action->context != NULL) {
        at = action->context->offset;
        rc = resolve_type(r, &action->context);

        if (rc == POLICY_OK) {
            rc = need_record(r->schema, action->context, at,
                             "the context of action `%S` is no record",
                             policy_uid_id(&action->uid));
        }
    }

    return rc;
}


static policy_status_t
resolve_all(policy_schema_t *schema)
{
    resolver_t        r;
    policy_status_t   rc;
    schema_entity_t  *entity;
    schema_action_t  *action;
    schema_common_t  *common;

    r.schema = schema;
    r.space = NULL;
    r.depth = 0;
    rc = POLICY_OK;

    for (common = schema->commons; rc == POLICY_OK && common != NULL;
         common = common->next)
    {
        rc = resolve_common(&r, common, common->offset);
    }

    for (entity = schema->entities; rc == POLICY_OK && entity != NULL;
         entity = entity->next)
    {
        rc = resolve_entity(&r, entity);
    }

    for (action = schema->actions; rc == POLICY_OK && action != NULL;
         action = action->next)
    {
        rc = resolve_action(&r, action);
    }

    return rc;
}


/* Hierarchies: sets of bits, closed under "is an ancestor of an ancestor" */

static uint64_t *
new_bits(policy_schema_t *schema, uint32_t n)
{
    size_t     words;
    uint64_t  *bits;

    words = n / 64 + 1;
    bits = policy_alloc_array(&schema->arena, words, sizeof(uint64_t));

    if (bits != NULL) {
        memset(bits, 0, words * sizeof(uint64_t));
    }

    return bits;
}


/* rows[i] bit k: k is an ancestor of i */
static void
close_rows(uint64_t **rows, uint32_t n)
{
    size_t    w, words;
    uint32_t  i, k;

    words = n / 64 + 1;

    for (k = 0; k < n; k++) {
        for (i = 0; i < n; i++) {
            if (rows[i][k / 64] >> k % 64 & 1) {
                for (w = 0; w < words; w++) {
                    rows[i][w] |= rows[k][w];
                }
            }
        }
    }
}


static policy_status_t
close_entities(policy_schema_t *schema)
{
    uint64_t        **rows;
    schema_ref_t     *ref;
    schema_entity_t  *entity;

    rows = policy_alloc_array(&schema->arena, schema->nentities,
                              sizeof(uint64_t *));
    if (rows == NULL) {
        return schema_no_memory(schema);
    }

    for (entity = schema->entities; entity != NULL; entity = entity->next) {
        entity->ancestors = new_bits(schema, schema->nentities);
        if (entity->ancestors == NULL) {
            return schema_no_memory(schema);
        }

        rows[entity->index] = entity->ancestors;

        for (ref = entity->parents; ref != NULL; ref = ref->next) {
            entity->ancestors[ref->entity->index / 64]
                |= UINT64_C(1) << ref->entity->index % 64;
        }
    }

    close_rows(rows, schema->nentities);

    return POLICY_OK;
}


/* Types of actions relate as some of their actions do. */
static void
relate_action_types(policy_schema_t *schema)
{
    const schema_entity_t  *group;
    const schema_action_t  *a, *b;

    for (a = schema->actions; a != NULL; a = a->next) {
        for (b = schema->actions; b != NULL; b = b->next) {
            if (a->space == b->space || !schema_action_under(a, b)) {
                continue;
            }

            group = b->space->action_type;
            a->space->action_type->ancestors[group->index / 64]
                |= UINT64_C(1) << group->index % 64;
        }
    }
}


static policy_status_t
close_actions(policy_schema_t *schema)
{
    uint64_t        **rows;
    schema_ref_t     *ref;
    schema_action_t  *action;

    rows = policy_alloc_array(&schema->arena, schema->nactions,
                              sizeof(uint64_t *));
    if (rows == NULL) {
        return schema_no_memory(schema);
    }

    for (action = schema->actions; action != NULL; action = action->next) {
        action->ancestors = new_bits(schema, schema->nactions);
        if (action->ancestors == NULL) {
            return schema_no_memory(schema);
        }

        rows[action->index] = action->ancestors;

        for (ref = action->parents; ref != NULL; ref = ref->next) {
            action->ancestors[ref->action->index / 64]
                |= UINT64_C(1) << ref->action->index % 64;
        }
    }

    close_rows(rows, schema->nactions);
    relate_action_types(schema);

    for (action = schema->actions; action != NULL; action = action->next) {
        if (action->ancestors[action->index / 64] >> action->index % 64 & 1)
        {
            return schema_fail(schema, POLICY_CYCLE, action->offset,
                               "action `%S` is its own ancestor",
                               policy_uid_id(&action->uid));
        }
    }

    return POLICY_OK;
}


policy_status_t
schema_resolve(policy_schema_t *schema)
{
    policy_status_t  rc;

    if ((rc = make_table(schema)) != POLICY_OK
        || (rc = check_shadowing(schema)) != POLICY_OK
        || (rc = resolve_all(schema)) != POLICY_OK
        || (rc = close_entities(schema)) != POLICY_OK)
    {
        return rc;
    }

    return close_actions(schema);
}
