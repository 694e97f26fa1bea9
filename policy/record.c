/* Builders: sets and records made by the host, in a store or a scratch. */

#include "value.h"


#define FEW_STRINGS  8      /* are put in order as they come */
#define FEW_PICKS    16     /* the same */

_Static_assert(sizeof(policy_field_t) == POLICY_RECORD_SIZE(1),
               "fields have the size that policy.h says");

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


/* NULL for none, which take no memory; size is small. */
static inline policy_status_t
take_room(policy_arena_t *arena, size_t n, size_t size, void **room)
{
    *room = NULL;

    if (n > POLICY_MAX_TEXT) {
        return POLICY_LIMIT;
    }

    if (n != 0) {
        *room = policy_alloc(arena, n * size);

        if (*room == NULL) {
            return full(arena);
        }
    }

    return POLICY_OK;
}


policy_status_t
policy_values(policy_arena_t *arena, const policy_value_t *values, size_t n,
    policy_value_t *value)
{
    void             *room;
    size_t            i;
    int64_t           work;
    policy_status_t   rc;
    policy_value_t   *copy;

    rc = take_room(arena, n, sizeof(policy_value_t), &room);
    if (rc != POLICY_OK) {
        return rc;
    }

    copy = room;

    for (i = 0; i < n; i++) {
        rc = take(arena, &values[i], &copy[i]);
        if (rc != POLICY_OK) {
            return rc;
        }
    }

    work = INT64_MAX;

    return policy_set_make(copy, n, &work, value);
}


/* Where value belongs among the n before it, in the order of sets. */
static size_t
insert_string(policy_value_t *values, size_t n, const policy_value_t *value)
{
    int     rc;
    size_t  i, k;

    for (i = n; i > 0; i--) {
        if (values[i - 1].len != value->len) {
            rc = values[i - 1].len < value->len ? -1 : 1;
        } else {
            rc = value->len == 0 ? 0 : memcmp(values[i - 1].u.p, value->u.p,
                                              value->len);
        }

        if (rc == 0) {
            return n;
        }

        if (rc < 0) {
            break;
        }
    }

    for (k = n; k > i; k--) {
        values[k] = values[k - 1];
    }

    values[i] = *value;

    return n + 1;
}


policy_status_t
policy_strings(policy_arena_t *arena, const policy_str_t *strings, size_t n,
    policy_value_t *value)
{
    void             *room;
    size_t            i, k;
    int64_t           work;
    policy_status_t   rc;
    policy_value_t   *copy, v;

    rc = take_room(arena, n, sizeof(policy_value_t), &room);
    if (rc != POLICY_OK) {
        return rc;
    }

    copy = room;

    k = 0;

    for (i = 0; i < n; i++) {
        v = policy_string(strings[i].data, strings[i].len);

        rc = take(arena, &v, &v);
        if (rc != POLICY_OK) {
            return rc;
        }

        if (n <= FEW_STRINGS) {
            k = insert_string(copy, k, &v);
        } else {
            copy[k++] = v;
        }
    }

    if (n <= FEW_STRINGS) {
        *value = policy_value_make_many(POLICY_SET, copy, k, 1);
        return POLICY_OK;
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


policy_status_t
policy_record(policy_arena_t *arena, const policy_str_t *names,
    const policy_value_t *values, size_t n, policy_value_t *record)
{
    void             *room;
    size_t            i;
    policy_str_t      name;
    policy_field_t   *fields;
    policy_status_t   rc;

    rc = take_room(arena, n, sizeof(policy_field_t), &room);
    if (rc != POLICY_OK) {
        return rc;
    }

    fields = room;

    for (i = 0; i < n; i++) {
        name = names[i];

        if (name.len > POLICY_MAX_TEXT) {
            return POLICY_LIMIT;
        }

        if (arena->copies) {
            name = policy_str_copy(arena, name);
            if (name.data == NULL) {
                return full(arena);
            }
        }

        rc = take(arena, &values[i], &fields[i].value);
        if (rc != POLICY_OK) {
            return rc;
        }

        fields[i].name = policy_name(name);
    }

    return policy_record_make(fields, n, NULL, record);
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


POLICY_HOT
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


int
policy_layout_find(const policy_layout_t *layout, policy_str_t name,
    uint32_t *place)
{
    policy_name_t          n;
    const policy_value_t  *value;

    if (name.len > POLICY_MAX_TEXT) {
        return 0;
    }

    n = policy_name(name);

    value = policy_field_find(layout->fields, layout->n, &n);
    if (value == NULL) {
        return 0;
    }

    *place = (uint32_t) ((const policy_field_t *)
                         ((const char *) value
                          - offsetof(policy_field_t, value))
                         - layout->fields);
    return 1;
}


static int
cmp_picks(const void *a, const void *b, void *data)
{
    const policy_pick_t  *x, *y;

    (void) data;

    x = a;
    y = b;

    return x->place < y->place ? -1 : x->place > y->place;
}


static void
order_picks(policy_pick_t *picks, size_t n)
{
    size_t         i, k;
    policy_pick_t  pick;

    if (n > FEW_PICKS) {
        policy_sort(picks, n, sizeof(policy_pick_t), cmp_picks, NULL);
        return;
    }

    for (i = 1; i < n; i++) {
        pick = picks[i];

        for (k = i; k > 0 && picks[k - 1].place > pick.place; k--) {
            picks[k] = picks[k - 1];
        }

        picks[k] = pick;
    }
}


policy_status_t
policy_record_pick(policy_arena_t *arena, const policy_layout_t *layout,
    policy_pick_t *picks, size_t n, policy_value_t *record)
{
    void            *room;
    size_t           i;
    unsigned         depth, kind;
    policy_field_t  *fields;
    policy_status_t  rc;

    if (arena->copies) {
        return POLICY_MISUSE;
    }

    rc = take_room(arena, n, sizeof(policy_field_t), &room);
    if (rc != POLICY_OK) {
        return rc;
    }

    fields = room;

    order_picks(picks, n);

    depth = 0;

    for (i = 0; i < n; i++) {
        kind = picks[i].value.kind;

        if (picks[i].place >= layout->n || kind == POLICY_NONE
            || kind >= POLICY_KINDS)
        {
            return POLICY_MISUSE;
        }

        if (i > 0 && picks[i].place == picks[i - 1].place) {
            return POLICY_DUPLICATE;
        }

        if (picks[i].value.depth > depth) {
            depth = picks[i].value.depth;
        }

        fields[i].name = layout->fields[picks[i].place].name;
        fields[i].value = picks[i].value;
    }

    if (depth >= POLICY_MAX_DEPTH) {
        return POLICY_LIMIT;
    }

    *record = policy_value_make_many(POLICY_RECORD, fields, n, depth + 1);

    return POLICY_OK;
}
