/* Types: making, comparing, joining and printing them. */

#include "schema.h"


#define PRINT_DEPTH   3         /* of a type in a message */
#define PRINT_FIELDS  6

static const char *const  type_names[] = {
    "Bool", "Bool", "Bool", "Long", "String", "ipaddr", "decimal",
    "datetime", "duration"
};

#define BASIC(k)  { k, 1, 1, 0, 0, { NULL } }

/* ORDER TYPES */
static const schema_type_t  basic[] = {
    BASIC(TYPE_BOOL), BASIC(TYPE_TRUE), BASIC(TYPE_FALSE), BASIC(TYPE_LONG),
    BASIC(TYPE_STRING), BASIC(TYPE_IP), BASIC(TYPE_DECIMAL),
    BASIC(TYPE_DATETIME), BASIC(TYPE_DURATION)
};


schema_type_t *
schema_new_type(policy_arena_t *arena, schema_kind_t kind, uint32_t at)
{
    schema_type_t  *type;

    type = policy_alloc(arena, sizeof(schema_type_t));

    if (type != NULL) {
        memset(type, 0, sizeof(schema_type_t));
        type->kind = (uint8_t) kind;
        type->depth = 1;
        type->offset = at;
    }

    return type;
}


const schema_type_t *
schema_basic(schema_kind_t kind)
{
    return &basic[kind];
}


const schema_type_t *
schema_builtin(policy_str_t name)
{
    size_t  i;

    for (i = 0; i <= TYPE_DURATION; i++) {
        if (i != TYPE_TRUE && i != TYPE_FALSE
            && name.len == strlen(type_names[i])
            && memcmp(name.data, type_names[i], name.len) == 0)
        {
            return &basic[i];
        }
    }

    return NULL;
}


static int
cmp_names(const policy_name_t *a, const policy_name_t *b)
{
    if (a->hash != b->hash) {
        return a->hash < b->hash ? -1 : 1;
    }

    if (a->len != b->len) {
        return a->len < b->len ? -1 : 1;
    }

    return memcmp(a->name, b->name, a->len);
}


static int
cmp_fields(const void *a, const void *b, void *data)
{
    int                    c;
    const schema_field_t  *x, *y;

    (void) data;

    x = a;
    y = b;
    c = cmp_names(&x->name, &y->name);

    return c != 0 ? c : x->offset < y->offset ? -1 : x->offset > y->offset;
}


void
schema_order_fields(schema_type_t *record, const schema_field_t **repeated)
{
    uint32_t         i, n;
    schema_field_t  *fields;

    if (repeated != NULL) {
        *repeated = NULL;
    }

    if (record->n == 0) {
        return;
    }

    fields = record->u.fields;
    policy_sort(fields, record->n, sizeof(schema_field_t), cmp_fields, NULL);

    n = 0;

    for (i = 1; i < record->n; i++) {
        if (cmp_names(&fields[i].name, &fields[n].name) != 0) {
            n++;

        } else if (repeated != NULL) {
            *repeated = &fields[i];
        }

        fields[n] = fields[i];
    }

    record->n = n + 1;
}


const schema_field_t *
schema_field(const schema_type_t *record, policy_str_t name)
{
    int            c;
    uint32_t       low, high, middle;
    policy_name_t  key;

    key = policy_name(name);
    low = 0;
    high = record->n;

    while (low < high) {
        middle = low + (high - low) / 2;
        c = cmp_names(&key, &record->u.fields[middle].name);

        if (c == 0) {
            return &record->u.fields[middle];
        }

        if (c < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }

    return NULL;
}


static int
is_bool(const schema_type_t *type)
{
    return type->kind <= TYPE_FALSE;
}


static const schema_type_t *
join_sets(policy_arena_t *arena, const schema_type_t *a,
    const schema_type_t *b, int64_t *work, int *no_memory)
{
    schema_type_t        *type;
    const schema_type_t  *element;

    element = schema_join(arena, a->u.element, b->u.element, work,
                          no_memory);

    if (element == NULL || element == a->u.element) {
        return element == NULL ? NULL : a;
    }

    type = schema_new_type(arena, TYPE_SET, 0);
    if (type == NULL) {
        *no_memory = 1;
        return NULL;
    }

    type->resolved = 1;
    type->depth = a->depth;
    type->u.element = element;

    return type;
}


static schema_type_t *
copy_record(policy_arena_t *arena, const schema_type_t *a)
{
    schema_type_t  *type;

    type = schema_new_type(arena, TYPE_RECORD, 0);
    if (type == NULL) {
        return NULL;
    }

    *type = *a;
    type->u.fields = policy_alloc_array(arena, a->n, sizeof(schema_field_t));
    if (type->u.fields == NULL) {
        return NULL;
    }

    memcpy(type->u.fields, a->u.fields, a->n * sizeof(schema_field_t));

    return type;
}


static const schema_type_t *
join_records(policy_arena_t *arena, const schema_type_t *a,
    const schema_type_t *b, int64_t *work, int *no_memory)
{
    uint32_t               i;
    schema_type_t         *type;
    const schema_type_t   *joined;
    const schema_field_t  *x, *y;

    if (a->n != b->n) {
        return NULL;
    }

    type = NULL;

    for (i = 0; i < a->n; i++) {
        x = &a->u.fields[i];
        y = &b->u.fields[i];

        if (x->optional != y->optional || cmp_names(&x->name, &y->name) != 0)
        {
            return NULL;
        }

        joined = schema_join(arena, x->type, y->type, work, no_memory);
        if (joined == NULL) {
            return NULL;
        }

        if (joined == x->type) {
            continue;
        }

        if (type == NULL) {
            type = copy_record(arena, a);

            if (type == NULL) {
                *no_memory = 1;
                return NULL;
            }
        }

        type->u.fields[i].type = joined;
    }

    return type != NULL ? type : a;
}


const schema_type_t *
schema_join(policy_arena_t *arena, const schema_type_t *a,
    const schema_type_t *b, int64_t *work, int *no_memory)
{
    if (--*work < 0) {
        return NULL;
    }

    if (a == b) {
        return a;
    }

    if (is_bool(a) && is_bool(b)) {
        return a->kind == b->kind ? a : schema_basic(TYPE_BOOL);
    }

    if (a->kind != b->kind) {
        return NULL;
    }

    switch (a->kind) {

    case TYPE_ENTITY:
        return a->u.entity == b->u.entity ? a : NULL;

    case TYPE_SET:
        return join_sets(arena, a, b, work, no_memory);

    case TYPE_RECORD:
        return join_records(arena, a, b, work, no_memory);

    default:
        return a;
    }
}


static void
print_type(policy_print_t *p, const schema_type_t *type, unsigned depth)
{
    uint32_t               i;
    policy_str_t           name;
    const schema_field_t  *field;

    switch (type->kind) {

    case TYPE_ENTITY:
        policy_print_text(p, type->u.entity->name);
        return;

    case TYPE_SET:
        policy_print_str(p, "Set<");

        if (depth == PRINT_DEPTH) {
            policy_print_str(p, "...");
        } else {
            print_type(p, type->u.element, depth + 1);
        }

        policy_print_char(p, '>');
        return;

    case TYPE_RECORD:
        break;

    default:
        policy_print_str(p, type_names[type->kind]);
        return;
    }

    policy_print_char(p, '{');

    for (i = 0; i < type->n; i++) {
        if (i == PRINT_FIELDS || depth == PRINT_DEPTH) {
            policy_print_str(p, i == 0 ? "..." : ", ...");
            break;
        }

        field = &type->u.fields[i];
        name.data = field->name.name;
        name.len = field->name.len;

        policy_print_str(p, i == 0 ? "" : ", ");
        policy_print_escaped(p, name);
        policy_print_str(p, field->optional ? "?: " : ": ");
        print_type(p, field->type, depth + 1);
    }

    policy_print_char(p, '}');
}


void
schema_print_type(policy_print_t *p, const schema_type_t *type)
{
    print_type(p, type, 0);
}
