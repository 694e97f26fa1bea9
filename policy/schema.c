/* Schemas: making, finding, destroying. */

#include "schema.h"


#define FIRST_CHUNK  8192

static const policy_str_t  no_name = { "", 0 };


policy_status_t
schema_no_memory(policy_schema_t *schema)
{
    return policy_fail_plain(schema->error, POLICY_NO_MEMORY, "no memory");
}


policy_status_t
schema_fail(policy_schema_t *schema, policy_status_t status, uint32_t at,
    const char *message, policy_str_t name)
{
    if (name.len > 100) {
        name.len = 100;
    }

    return policy_fail(schema->error, status, schema->file, schema->text, at,
                       message, &name);
}


/* base behind the namespace */
static policy_str_t
qualify(policy_schema_t *schema, const schema_space_t *space,
    policy_str_t base)
{
    char         *p;
    policy_str_t  name;

    if (space->name.len == 0) {
        return base;
    }

    name.len = space->name.len + 2 + base.len;
    name.data = p = policy_alloc(&schema->arena, name.len);

    if (p != NULL) {
        memcpy(p, space->name.data, space->name.len);
        memcpy(p + space->name.len, "::", 2);
        memcpy(p + space->name.len + 2, base.data, base.len);
    }

    return name;
}


static policy_status_t
too_many(policy_schema_t *schema, uint32_t at, const char *what)
{
    return schema_fail(schema, POLICY_LIMIT, at, what, no_name);
}


policy_status_t
schema_add_space(policy_schema_t *schema, policy_str_t name, uint32_t at,
    schema_space_t **space)
{
    if (schema->nspaces == POLICY_MAX_DECLARED) {
        return too_many(schema, at, "too many namespaces");
    }

    *space = policy_alloc(&schema->arena, sizeof(schema_space_t));
    if (*space == NULL) {
        return schema_no_memory(schema);
    }

    memset(*space, 0, sizeof(schema_space_t));
    (*space)->name = name;
    (*space)->offset = at;

    *schema->last_space = *space;
    schema->last_space = &(*space)->next;
    schema->nspaces++;

    return POLICY_OK;
}


policy_status_t
schema_add_entity(policy_schema_t *schema, schema_space_t *space,
    policy_str_t base, uint32_t at, schema_entity_t **entity)
{
    schema_entity_t  *e;

    if (schema->nentities == POLICY_MAX_DECLARED) {
        return too_many(schema, at, "too many entity types");
    }

    e = policy_alloc(&schema->arena, sizeof(schema_entity_t));
    if (e == NULL) {
        return schema_no_memory(schema);
    }

    memset(e, 0, sizeof(schema_entity_t));
    e->space = space;
    e->base = base;
    e->offset = at;
    e->index = schema->nentities++;

    e->name = qualify(schema, space, base);
    if (e->name.data == NULL) {
        return schema_no_memory(schema);
    }

    e->hash = policy_type_hash(e->name);
    e->type.kind = TYPE_ENTITY;
    e->type.resolved = 1;
    e->type.depth = 1;
    e->type.u.entity = e;

    *schema->last_entity = e;
    schema->last_entity = &e->next;
    *entity = e;

    return POLICY_OK;
}


/* The type of a namespace's actions, once for each. */
static policy_status_t
add_action_type(policy_schema_t *schema, schema_space_t *space, uint32_t at)
{
    policy_status_t  rc;

    if (space->action_type != NULL) {
        return POLICY_OK;
    }

    rc = schema_add_entity(schema, space, POLICY_STR("Action"), at,
                           &space->action_type);
    if (rc == POLICY_OK) {
        space->action_type->is_action = 1;
    }

    return rc;
}


policy_status_t
schema_add_action(policy_schema_t *schema, schema_space_t *space,
    policy_str_t id, uint32_t at, schema_action_t **action)
{
    policy_status_t   rc;
    schema_action_t  *a;

    if (schema->nactions == POLICY_MAX_DECLARED) {
        return too_many(schema, at, "too many actions");
    }

    rc = add_action_type(schema, space, at);
    if (rc != POLICY_OK) {
        return rc;
    }

    a = policy_alloc(&schema->arena, sizeof(schema_action_t));
    if (a == NULL) {
        return schema_no_memory(schema);
    }

    memset(a, 0, sizeof(schema_action_t));
    a->space = space;
    a->offset = at;
    a->index = schema->nactions++;
    policy_uid_make(&a->uid, space->action_type->name, id);

    *schema->last_action = a;
    schema->last_action = &a->next;
    *action = a;

    return POLICY_OK;
}


policy_status_t
schema_add_common(policy_schema_t *schema, schema_space_t *space,
    policy_str_t base, uint32_t at, schema_common_t **common)
{
    schema_common_t  *c;

    if (schema->ncommons == POLICY_MAX_DECLARED) {
        return too_many(schema, at, "too many common types");
    }

    c = policy_alloc(&schema->arena, sizeof(schema_common_t));
    if (c == NULL) {
        return schema_no_memory(schema);
    }

    memset(c, 0, sizeof(schema_common_t));
    c->space = space;
    c->base = base;
    c->offset = at;

    c->name = qualify(schema, space, base);
    if (c->name.data == NULL) {
        return schema_no_memory(schema);
    }

    *schema->last_common = c;
    schema->last_common = &c->next;
    schema->ncommons++;
    *common = c;

    return POLICY_OK;
}


schema_ref_t *
schema_new_ref(policy_schema_t *schema, policy_str_t name, policy_str_t id,
    uint32_t at)
{
    schema_ref_t  *ref;

    ref = policy_alloc(&schema->arena, sizeof(schema_ref_t));

    if (ref != NULL) {
        memset(ref, 0, sizeof(schema_ref_t));
        ref->name = name;
        ref->id = id;
        ref->offset = at;
    }

    return ref;
}


int
schema_is_declarable(policy_str_t s)
{
    return policy_is_ident(s) && !policy_is_reserved(s);
}


/* Words that the JSON form uses for types of its own. */
int
schema_is_common_base(policy_str_t s)
{
    size_t  i;

    static const char *const  taken[] = {
        "Bool", "Boolean", "Entity", "Extension", "Long", "Record", "Set",
        "String"
    };

    for (i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        if (s.len == strlen(taken[i]) && memcmp(s.data, taken[i], s.len) == 0)
        {
            return 0;
        }
    }

    return 1;
}


int
schema_is_path(policy_str_t s)
{
    static const char  own[] = "__cedar::";

    if (s.len >= sizeof(own) - 1
        && memcmp(s.data, own, sizeof(own) - 1) == 0)
    {
        s.data += sizeof(own) - 1;
        s.len -= sizeof(own) - 1;
    }

    return policy_is_path(s);
}


int
schema_entity_under(const schema_entity_t *a, const schema_entity_t *b)
{
    return a == b || (a->ancestors[b->index / 64] >> b->index % 64 & 1);
}


int
schema_action_under(const schema_action_t *a, const schema_action_t *b)
{
    return a == b || (a->ancestors[b->index / 64] >> b->index % 64 & 1);
}


static policy_schema_format_t
guess_format(policy_str_t text)
{
    size_t  i;

    for (i = 0; i < text.len; i++) {
        if (strchr(" \t\r\n", text.data[i]) == NULL || text.data[i] == '\0')
        {
            break;
        }
    }

    return i < text.len && text.data[i] == '{' ? POLICY_SCHEMA_JSON
                                               : POLICY_SCHEMA_TEXT;
}


static policy_status_t
read_schema(policy_schema_t *schema, policy_schema_format_t format)
{
    policy_status_t  rc;

    if (schema->text.len > POLICY_MAX_TEXT) {
        return policy_fail_plain(schema->error, POLICY_LIMIT,
                                 "text is too long");
    }

    /* names borrow from it for as long as the schema lives */

    schema->text = policy_str_copy(&schema->arena, schema->text);
    if (schema->text.data == NULL) {
        return schema_no_memory(schema);
    }

    if (format == POLICY_SCHEMA_AUTO) {
        format = guess_format(schema->text);
    }

    rc = format == POLICY_SCHEMA_JSON ? schema_read_json(schema)
                                      : schema_read_text(schema);

    return rc == POLICY_OK ? schema_resolve(schema) : rc;
}


policy_status_t
policy_schema_create(const policy_memory_t *memory, policy_str_t file,
    policy_str_t text, policy_schema_format_t format,
    policy_schema_t **schema, policy_error_t *error)
{
    policy_status_t   rc;
    policy_schema_t  *s;

    *schema = NULL;

    s = policy_memory_alloc(memory, sizeof(policy_schema_t));
    if (s == NULL) {
        return policy_fail_plain(error, POLICY_NO_MEMORY, "no memory");
    }

    memset(s, 0, sizeof(policy_schema_t));
    s->memory = *memory;
    policy_arena_start(&s->arena, memory, FIRST_CHUNK);

    s->file = file;
    s->text = text;
    s->error = error;
    s->last_space = &s->spaces;
    s->last_entity = &s->entities;
    s->last_action = &s->actions;
    s->last_common = &s->commons;

    rc = read_schema(s, format);

    if (rc != POLICY_OK) {
        policy_schema_destroy(s);
        return rc;
    }

    s->file = no_name;
    s->error = NULL;
    *schema = s;

    return POLICY_OK;
}


void
policy_schema_destroy(policy_schema_t *schema)
{
    if (schema != NULL) {
        policy_arena_stop(&schema->arena);
        policy_memory_free(&schema->memory, schema, sizeof(policy_schema_t));
    }
}


size_t
policy_schema_memory(const policy_schema_t *schema)
{
    return sizeof(policy_schema_t) + schema->arena.taken;
}
