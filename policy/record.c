/* Builders: sets and records made by the host, in a store or a scratch. */

#include "value.h"


typedef struct field_link_s  field_link_t;

struct field_link_s {
    field_link_t    *next;
    policy_field_t   field;
};

struct policy_record_s {
    policy_arena_t  *arena;     /* of values and of the finished fields */
    policy_arena_t  *links;
    field_link_t    *last;      /* newest first */
    size_t           n;
};

/* Names in the order of records; of each, where its value is given. */
struct policy_layout_s {
    policy_memory_t   memory;
    policy_arena_t    arena;
    policy_field_t   *fields;       /* values are policy_long(position) */
    size_t            n;
};


static policy_status_t
full(const policy_arena_t *arena)
{
    return arena->base != NULL ? POLICY_LIMIT : POLICY_NO_MEMORY;
}


static policy_status_t
take(policy_arena_t *arena, const policy_value_t *value, policy_value_t *to)
{
    policy_status_t  rc;

    if (value->kind == POLICY_NONE || value->kind >= POLICY_KINDS) {
        return POLICY_MISUSE;
    }

    if (!arena->copies) {
        *to = *value;
        return POLICY_OK;
    }

    rc = policy_value_copy(arena, value, to);

    return rc == POLICY_NO_MEMORY ? full(arena) : rc;
}


policy_status_t
policy_values(policy_arena_t *arena, const policy_value_t *values, size_t n,
    policy_value_t *value)
{
    size_t            i;
    int64_t           work;
    policy_status_t   rc;
    policy_value_t   *copy;

    if (n > POLICY_MAX_TEXT) {
        return POLICY_LIMIT;
    }

    copy = policy_alloc_array(arena, n, sizeof(policy_value_t));
    if (copy == NULL) {
        return full(arena);
    }

    for (i = 0; i < n; i++) {
        rc = take(arena, &values[i], &copy[i]);
        if (rc != POLICY_OK) {
            return rc;
        }
    }

    work = INT64_MAX;

    return policy_set_make(copy, n, &work, value);
}


policy_status_t
policy_strings(policy_arena_t *arena, const policy_str_t *strings, size_t n,
    policy_value_t *value)
{
    size_t            i;
    int64_t           work;
    policy_status_t   rc;
    policy_value_t   *copy, v;

    if (n > POLICY_MAX_TEXT) {
        return POLICY_LIMIT;
    }

    copy = policy_alloc_array(arena, n, sizeof(policy_value_t));
    if (copy == NULL) {
        return full(arena);
    }

    for (i = 0; i < n; i++) {
        v = policy_string(strings[i].data, strings[i].len);

        rc = take(arena, &v, &copy[i]);
        if (rc != POLICY_OK) {
            return rc;
        }
    }

    work = INT64_MAX;

    return policy_set_make(copy, n, &work, value);
}


policy_status_t
policy_record_begin(policy_arena_t *arena, policy_record_t **record)
{
    return policy_record_begin_in(arena, arena, record);
}


policy_status_t
policy_record_begin_in(policy_arena_t *arena, policy_arena_t *links,
    policy_record_t **record)
{
    policy_record_t  *r;

    r = policy_alloc(links, sizeof(policy_record_t));
    if (r == NULL) {
        return full(links);
    }

    r->arena = arena;
    r->links = links;
    r->last = NULL;
    r->n = 0;

    *record = r;

    return POLICY_OK;
}


policy_status_t
policy_record_set(policy_record_t *record, policy_str_t name,
    policy_value_t value)
{
    field_link_t     *link;
    policy_status_t   rc;

    if (name.len > POLICY_MAX_TEXT) {
        return POLICY_LIMIT;
    }

    link = policy_alloc(record->links, sizeof(field_link_t));
    if (link == NULL) {
        return full(record->links);
    }

    if (record->arena->copies) {
        name = policy_str_copy(record->arena, name);
        if (name.data == NULL) {
            return full(record->arena);
        }
    }

    rc = take(record->arena, &value, &link->field.value);
    if (rc != POLICY_OK) {
        return rc;
    }

    link->field.name = policy_name(name);
    link->next = record->last;
    record->last = link;
    record->n++;

    return POLICY_OK;
}


policy_status_t
policy_record_end(policy_record_t *record, policy_value_t *value)
{
    size_t           i;
    field_link_t    *link;
    policy_field_t  *fields;

    fields = policy_alloc_array(record->arena, record->n,
                                sizeof(policy_field_t));
    if (fields == NULL) {
        return full(record->arena);
    }

    i = record->n;

    for (link = record->last; link != NULL; link = link->next) {
        fields[--i] = link->field;
    }

    return policy_record_make(fields, record->n, NULL, value);
}


static policy_status_t
lay_out(policy_layout_t *layout, const policy_str_t *names, size_t n)
{
    size_t         i;
    policy_str_t   name;

    layout->fields = policy_alloc_array(&layout->arena, n,
                                        sizeof(policy_field_t));
    if (layout->fields == NULL) {
        return POLICY_NO_MEMORY;
    }

    for (i = 0; i < n; i++) {
        if (names[i].len > POLICY_MAX_TEXT) {
            return POLICY_LIMIT;
        }

        name = policy_str_copy(&layout->arena, names[i]);
        if (name.data == NULL) {
            return POLICY_NO_MEMORY;
        }

        layout->fields[i].name = policy_name(name);
        layout->fields[i].value = policy_long((int64_t) i);
    }

    layout->n = n;

    return policy_fields_order(layout->fields, n) == n ? POLICY_OK
                                                       : POLICY_DUPLICATE;
}


policy_status_t
policy_layout_create(const policy_memory_t *memory,
    const policy_str_t *names, size_t n, policy_layout_t **layout)
{
    policy_layout_t  *l;
    policy_status_t   rc;

    if (n > POLICY_MAX_TEXT) {
        return POLICY_LIMIT;
    }

    l = policy_memory_alloc(memory, sizeof(policy_layout_t));
    if (l == NULL) {
        return POLICY_NO_MEMORY;
    }

    l->memory = *memory;
    policy_arena_start(&l->arena, memory, 512);

    rc = lay_out(l, names, n);
    if (rc != POLICY_OK) {
        policy_layout_destroy(l);
        return rc;
    }

    *layout = l;

    return POLICY_OK;
}


void
policy_layout_destroy(policy_layout_t *layout)
{
    if (layout == NULL) {
        return;
    }

    policy_arena_stop(&layout->arena);
    policy_memory_free(&layout->memory, layout, sizeof(policy_layout_t));
}


policy_status_t
policy_record_fill(policy_arena_t *arena, const policy_layout_t *layout,
    const policy_value_t *values, policy_value_t *record)
{
    size_t                 i, n;
    unsigned               depth;
    policy_field_t        *fields, *to;
    const policy_field_t  *from;
    const policy_value_t  *value;

    if (arena->copies) {
        return POLICY_MISUSE;
    }

    n = layout->n;

    fields = policy_alloc(arena, n * sizeof(policy_field_t));
    if (fields == NULL) {
        return full(arena);
    }

    to = fields;
    depth = 0;

    for (i = 0, from = layout->fields; i < n; i++, from++) {
        value = &values[from->value.u.i];

        if (value->kind == POLICY_NONE) {
            continue;
        }

        if (value->kind >= POLICY_KINDS) {
            return POLICY_MISUSE;
        }

        if (value->depth > depth) {
            depth = value->depth;
        }

        to->name = from->name;
        to->value = *value;
        to++;
    }

    if (depth >= POLICY_MAX_DEPTH) {
        return POLICY_LIMIT;
    }

    *record = policy_value_make_many(POLICY_RECORD, fields,
                                     (size_t) (to - fields), depth + 1);

    return POLICY_OK;
}
