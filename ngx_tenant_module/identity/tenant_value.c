#include "tenant_value_reader.h"


typedef uint16_t  tenant_value_table_t[TENANT_VALUE_SLOTS];

_Static_assert(sizeof(tenant_value_table_t)
               == TENANT_TAPE_TABLE * sizeof(tenant_value_t),
               "TENANT_TAPE_TABLE is the size of a table");


static const uint8_t *tenant_value_object(tenant_value_reader_t *r,
    const uint8_t *p, unsigned depth);
static const uint8_t *tenant_value_array(tenant_value_reader_t *r,
    const uint8_t *p, unsigned depth);


static inline bool
tenant_value_same_name(const tenant_value_t *member, tenant_str_t name)
{
    return member->len == name.len
           && tenant_value_same(member->u.text, name.data, name.len);
}


/*
 * Adds the last value read to the table, as a name of the object that is at
 * values behind the first of the tape; false if that has it already.
 */
TENANT_VALUE_USUAL bool
tenant_value_index(const tenant_value_reader_t *r, uint16_t *table, size_t at,
    size_t behind)
{
    const tenant_value_t  *name = r->next - 1, *object;
    unsigned               slot = tenant_value_slot(name->u.text, name->len);

    while (table[slot] != 0) {
        object = &r->values[at];

        if (tenant_value_same_name(&object[table[slot]],
                                   tenant_value_text(name)))
        {
            return false;
        }

        slot = (slot + 1) % TENANT_VALUE_SLOTS;
    }

    table[slot] = (uint16_t) behind;
    return true;
}


/*
 * Whether an object of many members has each name once: comparing all with
 * all would be the square of what a stranger may send.  They are sorted
 * behind the object, where the tape is free.
 */
static __attribute__((noinline)) bool
tenant_value_unique(tenant_value_reader_t *r, const uint8_t *p,
    size_t object, size_t members)
{
    const tenant_value_t  *name;
    tenant_value_t        *names;
    const char            *first = NULL;
    size_t                 i;

    while ((size_t) (r->last - r->next) < members) {
        if (!tenant_value_grow(r, p)) {
            return false;
        }
    }

    names = r->next;
    name = tenant_value_first(&r->values[object]);

    for (i = 0; i < members; i++) {
        names[i] = *name;
        name = tenant_value_next(name + 1);
    }

    tenant_value_sort(names, members);

    for (i = 1; i < members; i++) {
        if (tenant_value_same_name(&names[i - 1],
                                   tenant_value_text(&names[i]))
            && (first == NULL || names[i].u.text < first))
        {
            first = names[i].u.text;
        }
    }

    if (first != NULL) {
        (void) tenant_value_fail(r, TENANT_JSON_DUPLICATE,
                                 (const uint8_t *) first - 1);
    }

    return first == NULL;
}


/* p may be at white space before the value. */
TENANT_VALUE_USUAL const uint8_t *
tenant_value_any(tenant_value_reader_t *r, const uint8_t *p, unsigned depth)
{
    int  c = tenant_value_peek(r, &p);

    if (r->left-- == 0) {
        return tenant_value_fail(r, TENANT_JSON_TOO_MANY, p);
    }

    if (c == '"') {
        return tenant_value_string(r, p);
    }

    switch (c) {
    case '1': case '2': case '3': case '4': case '5':
    case '6': case '7': case '8': case '9':
        return tenant_value_natural(r, p);
    case '-':
    case '0':
        return tenant_value_numeral(r, p);
    case '[':
        return tenant_value_array(r, p, depth);
    case '{':
        return tenant_value_object(r, p, depth);
    case 't': case 'f': case 'n':
        return tenant_value_literal(r, p);
    default:
        return tenant_value_fail(r, TENANT_JSON_SYNTAX, p);
    }
}


const uint8_t *
tenant_value_other(tenant_value_reader_t *r, const uint8_t *p, unsigned depth)
{
    return tenant_value_any(r, p, depth);
}


/*
 * What stands for a container until its end is known.  p is at its bracket,
 * depth counts those around it.  *at is its place on the tape.
 */
TENANT_VALUE_USUAL bool
tenant_value_open(tenant_value_reader_t *r, const uint8_t *p, unsigned depth,
    size_t *at)
{
    if (depth >= r->limits->max_depth || depth >= TENANT_JSON_DEPTH_MAX) {
        (void) tenant_value_fail(r, TENANT_JSON_TOO_DEEP, p);
        return false;
    }

    if (!tenant_value_room(r, p)) {
        return false;
    }

    *at = (size_t) (r->next - r->values);
    r->next++;
    return true;
}


TENANT_VALUE_USUAL tenant_value_t *
tenant_value_close(tenant_value_reader_t *r, size_t at,
    tenant_value_kind_t kind, size_t n)
{
    tenant_value_t  *value = &r->values[at];

    value->u.integer = 0;
    value->len = (uint32_t) n;
    value->kind = kind;
    value->span = (unsigned) (r->next - value);
    return value;
}


/*
 * Of the object at that place on the tape, whose last name was just read.
 * False: it has that name already.  Names that have no place in the table
 * are looked at when the object is read.
 */
TENANT_VALUE_USUAL bool
tenant_value_name(const tenant_value_reader_t *r, uint16_t *table, size_t at,
    size_t members)
{
    size_t  behind = (size_t) (r->next - r->values) - 1 - at;

    return members >= TENANT_VALUE_FEW || behind > UINT16_MAX
           || tenant_value_index(r, table, at, behind);
}


/*
 * object = "{" [ member *( "," member ) ] "}", member = string ":" value
 *
 * p is at the bracket, or behind the last of members that were read.
 */
TENANT_VALUE_USUAL const uint8_t *
tenant_value_members(tenant_value_reader_t *r, const uint8_t *p,
    unsigned depth, uint16_t *table, size_t at, size_t *members)
{
    const uint8_t  *name;
    int             c;

    if (*members == 0) {
        p++;

        if (tenant_value_peek(r, &p) == '}') {
            return p + 1;
        }

        c = ',';

    } else {
        c = tenant_value_peek(r, &p);
        p++;
    }

    while (c == ',') {
        if (tenant_value_peek(r, &p) != '"') {
            return tenant_value_fail(r, TENANT_JSON_SYNTAX, p);
        }

        name = p;
        p = tenant_value_string(r, p);

        if (p == NULL) {
            return NULL;
        }

        if (!tenant_value_name(r, table, at, *members)) {
            return tenant_value_fail(r, TENANT_JSON_DUPLICATE, name);
        }

        if (tenant_value_peek(r, &p) != ':') {
            return tenant_value_fail(r, TENANT_JSON_SYNTAX, p);
        }

        p = tenant_value_any(r, p + 1, depth);

        if (p == NULL) {
            return NULL;
        }

        (*members)++;
        c = tenant_value_peek(r, &p);
        p++;
    }

    return c == '}' ? p : tenant_value_fail(r, TENANT_JSON_SYNTAX, p - 1);
}


static const uint8_t *
tenant_value_object(tenant_value_reader_t *r, const uint8_t *p,
    unsigned depth)
{
    tenant_value_table_t   table = { 0 };
    tenant_value_t        *object;
    size_t                 at, members = 0;

    if (!tenant_value_open(r, p, depth, &at)) {
        return NULL;
    }

    if (depth == 0 && r->shape != NULL) {
        p = tenant_value_shaped(r, p, table, at);

        if (p == NULL) {
            return NULL;
        }

        members = r->alike;
    }

    p = tenant_value_members(r, p, depth + 1, table, at, &members);

    if (p == NULL) {
        return NULL;
    }

    object = tenant_value_close(r, at, TENANT_VALUE_OBJECT, members);

    if (members > TENANT_VALUE_FEW || object->span > UINT16_MAX) {
        return tenant_value_unique(r, p, at, members) ? p : NULL;
    }

    if (depth == 0) {
        memcpy(r->values, table, sizeof(table));
        object->u.indexed = true;
    }

    return p;
}


/* array = "[" [ value *( "," value ) ] "]" */
static const uint8_t *
tenant_value_array(tenant_value_reader_t *r, const uint8_t *p, unsigned depth)
{
    size_t  at, n = 0;
    int     c;

    if (!tenant_value_open(r, p, depth, &at)) {
        return NULL;
    }

    p++;

    if (tenant_value_peek(r, &p) == ']') {
        (void) tenant_value_close(r, at, TENANT_VALUE_ARRAY, 0);
        return p + 1;
    }

    do {
        p = tenant_value_any(r, p, depth + 1);

        if (p == NULL) {
            return NULL;
        }

        n++;
        c = tenant_value_peek(r, &p);
        p++;
    } while (c == ',');

    if (c != ']') {
        return tenant_value_fail(r, TENANT_JSON_SYNTAX, p - 1);
    }

    (void) tenant_value_close(r, at, TENANT_VALUE_ARRAY, n);
    return p;
}


static bool
tenant_value_root(tenant_value_reader_t *r)
{
    const uint8_t  *p = (const uint8_t *) r->start;
    int             c;

    if (r->end - p >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) {
        (void) tenant_value_fail(r, TENANT_JSON_BOM, p);
        return false;
    }

    c = tenant_value_peek(r, &p);

    if (c != '{') {
        (void) tenant_value_fail(r, c > 0 && strchr("[\"-0123456789tfn", c)
                                    ? TENANT_JSON_NOT_OBJECT
                                    : TENANT_JSON_SYNTAX, p);
        return false;
    }

    p = tenant_value_any(r, p, 0);

    if (p == NULL) {
        return false;
    }

    if (tenant_value_peek(r, &p) != -1) {
        (void) tenant_value_fail(r, TENANT_JSON_TRAILING, p);
        return false;
    }

    return true;
}


const tenant_value_t *
tenant_value_read(tenant_tape_t *tape, char *text, size_t len,
    const tenant_json_limits_t *limits, tenant_json_error_t *err)
{
    size_t  alike;

    return tenant_value_read_as(tape, text, len, 0, limits, NULL, &alike,
                                err);
}


const tenant_value_t *
tenant_value_read_as(tenant_tape_t *tape, char *text, size_t len,
    size_t behind, const tenant_json_limits_t *limits,
    const tenant_value_shape_t *shape, size_t *alike,
    tenant_json_error_t *err)
{
    tenant_value_reader_t  r;

    r.start = text;
    r.end = (const uint8_t *) text + len;
    r.readable = r.end + behind;
    r.limits = limits;
    r.tape = tape;
    r.values = tape->values;
    r.next = tape->values;
    r.last = tape->values + tape->room;
    r.left = limits->max_values;
    r.shape = shape;
    r.alike = 0;
    r.err = err;

    err->code = TENANT_JSON_OK;
    err->offset = 0;

    if (len > limits->max_bytes) {
        (void) tenant_value_fail(&r, TENANT_JSON_TOO_LARGE,
                                 (const uint8_t *) text + limits->max_bytes);
        return NULL;
    }

    if (tape->room < TENANT_TAPE_TABLE
        && !tenant_value_grow(&r, (const uint8_t *) text))
    {
        return NULL;
    }

    r.next += TENANT_TAPE_TABLE;

    if (!tenant_value_root(&r)) {
        return NULL;
    }

    *alike = r.alike;
    return tape->values + TENANT_TAPE_TABLE;
}


/* The member of an object that has no table. */
static __attribute__((noinline)) const tenant_value_t *
tenant_value_walk(const tenant_value_t *object, tenant_str_t name)
{
    const tenant_value_t  *member = tenant_value_first(object);
    uint32_t               n;

    for (n = object->len; n != 0; n--) {
        if (tenant_value_same_name(member, name)) {
            return member + 1;
        }

        member = tenant_value_next(member + 1);
    }

    return NULL;
}


const tenant_value_t *
tenant_value_find(const tenant_value_t *object, tenant_str_t name,
    unsigned slot)
{
    const tenant_value_t  *member;
    unsigned               n;

    if (!tenant_value_is(object, TENANT_VALUE_OBJECT)) {
        return NULL;
    }

    if (!object->u.indexed) {
        return tenant_value_walk(object, name);
    }

    for ( ;; ) {
        n = tenant_value_behind(object, slot);

        if (n == 0) {
            return NULL;
        }

        member = &object[n];

        if (tenant_value_same_name(member, name)) {
            return member + 1;
        }

        slot = (slot + 1) % TENANT_VALUE_SLOTS;
    }
}


const tenant_value_t *
tenant_value_at(const tenant_value_t *array, size_t index)
{
    const tenant_value_t  *value;

    if (!tenant_value_is(array, TENANT_VALUE_ARRAY) || index >= array->len) {
        return NULL;
    }

    for (value = tenant_value_first(array); index != 0; index--) {
        value = tenant_value_next(value);
    }

    return value;
}


double
tenant_value_number(const tenant_value_t *value)
{
    double  number = 0;

    if (tenant_value_is(value, TENANT_VALUE_INTEGER)) {
        return (double) value->u.integer;
    }

    if (tenant_value_is(value, TENANT_VALUE_REAL)) {
        (void) tenant_json_real((const uint8_t *) value->u.text,
                                (const uint8_t *) value->u.text + value->len,
                                &number);
    }

    return number;
}
