#include <string.h>

#include "tenant_json_text.h"
#include "tenant_value.h"


typedef uint16_t  tenant_value_table_t[TENANT_VALUE_SLOTS];

_Static_assert(sizeof(tenant_value_table_t)
               == TENANT_TAPE_TABLE * sizeof(tenant_value_t),
               "TENANT_TAPE_TABLE is the size of a table");


typedef struct {
    char                        *start;
    const uint8_t               *end;
    const tenant_json_limits_t  *limits;
    tenant_tape_t               *tape;
    tenant_value_t              *values;    /* of the tape */
    tenant_value_t              *next;      /* those that are free */
    tenant_value_t              *last;      /*   are before this */
    size_t                       left;      /* values that may come; names do
                                               not count */
    tenant_json_error_t         *err;
} tenant_value_reader_t;


/*
 * What follows reads at p and returns where it ends, or NULL with the error
 * set.  What reads the usual is part of its callers: a call takes as long as
 * most names and values do.  The unusual has functions of its own, so that
 * it takes none of the registers.
 */

#define TENANT_VALUE_USUAL    static inline __attribute__((always_inline))
#define TENANT_VALUE_UNUSUAL  static __attribute__((noinline))

static const uint8_t *tenant_value_object(tenant_value_reader_t *r,
    const uint8_t *p, unsigned depth);
static const uint8_t *tenant_value_array(tenant_value_reader_t *r,
    const uint8_t *p, unsigned depth);


TENANT_VALUE_UNUSUAL const uint8_t *
tenant_value_fail(tenant_value_reader_t *r, tenant_json_code_t code,
    const uint8_t *at)
{
    r->err->code = code;
    r->err->offset = (size_t) (at - (uint8_t *) r->start);
    return NULL;
}


/*
 * Values refer to one another by distance only, so they may move.  p is
 * where the text was when there was no room.
 */
TENANT_VALUE_UNUSUAL bool
tenant_value_grow(tenant_value_reader_t *r, const uint8_t *p)
{
    tenant_tape_t   *tape = r->tape;
    tenant_value_t  *values = NULL;
    size_t           used = tape->room - (size_t) (r->last - r->next);
    size_t           room = tape->room < 48 ? 96 : tape->room * 2;

    if (tape->take != NULL) {
        values = tape->take(tape->data, room * sizeof(*values));
    }

    if (values == NULL) {
        (void) tenant_value_fail(r, TENANT_JSON_NO_MEMORY, p);
        return false;
    }

    if (used != 0) {
        memcpy(values, tape->values, used * sizeof(*values));
    }

    tape->values = values;
    tape->room = room;
    r->values = values;
    r->next = values + used;
    r->last = values + room;
    return true;
}


/* Whether r->next can be written; if not, no memory is the error. */
TENANT_VALUE_USUAL bool
tenant_value_room(tenant_value_reader_t *r, const uint8_t *p)
{
    return r->next != r->last || tenant_value_grow(r, p);
}


/* ws = *( SP / HT / LF / CR ) */
TENANT_VALUE_UNUSUAL const uint8_t *
tenant_value_space(const tenant_value_reader_t *r, const uint8_t *p)
{
    while (p < r->end
           && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
    {
        p++;
    }

    return p;
}


/* Moves *p behind white space and returns the byte there, or -1: the end. */
TENANT_VALUE_USUAL int
tenant_value_peek(const tenant_value_reader_t *r, const uint8_t **p)
{
    if (*p < r->end && **p > ' ') {
        return **p;
    }

    *p = tenant_value_space(r, *p);
    return *p < r->end ? **p : -1;
}


/* The same as below, further than a step. */
TENANT_VALUE_UNUSUAL const uint8_t *
tenant_value_plain_on(const tenant_value_reader_t *r, const uint8_t *p)
{
    uint64_t  ends;
    size_t    seen;

    for (; r->end - p >= TENANT_JSON_STEP; p += TENANT_JSON_STEP) {
        ends = tenant_json_ends(p);

        if (ends != 0) {
            return p + (unsigned) __builtin_ctzll(ends);
        }
    }

    if (p == r->end || r->end - (uint8_t *) r->start < TENANT_JSON_STEP) {
        return p;
    }

    /* less than a step is left: with bytes that were seen it is one */

    seen = TENANT_JSON_STEP - (size_t) (r->end - p);
    ends = tenant_json_ends(p - seen) >> seen;

    return ends != 0 ? p + (unsigned) __builtin_ctzll(ends) : r->end;
}


/* To the byte that ends a run of ASCII that stands for itself. */
TENANT_VALUE_USUAL const uint8_t *
tenant_value_plain(const tenant_value_reader_t *r, const uint8_t *p)
{
    uint64_t  ends;

    if (r->end - p >= TENANT_JSON_STEP) {
        ends = tenant_json_ends(p);

        if (ends != 0) {
            return p + (unsigned) __builtin_ctzll(ends);
        }
    }

    return tenant_value_plain_on(r, p);
}


TENANT_VALUE_USUAL const uint8_t *
tenant_value_add_string(tenant_value_reader_t *r, const uint8_t *open,
    size_t len, const uint8_t *p)
{
    tenant_value_t  *value;

    if (!tenant_value_room(r, p)) {
        return NULL;
    }

    value = r->next++;
    value->u.text = (const char *) open + 1;
    value->len = (uint32_t) len;
    value->kind = TENANT_VALUE_STRING;
    value->span = 1;
    return p;
}


/*
 * A string that has more than ASCII in it, or does not end: all from open to
 * p stands for itself.  What an escape stands for is never longer, so the
 * text is its own buffer.
 */
TENANT_VALUE_UNUSUAL const uint8_t *
tenant_value_unescape(tenant_value_reader_t *r, const uint8_t *open,
    const uint8_t *p)
{
    const uint8_t       *run = p;
    tenant_json_code_t   code;
    char                *dst = r->start + (p - (uint8_t *) r->start);
    size_t               n;

    for ( ;; ) {
        code = tenant_json_plain(&p, r->end);

        if (code != TENANT_JSON_OK) {
            return tenant_value_fail(r, code, code == TENANT_JSON_SYNTAX
                                              ? open : p);
        }

        n = (size_t) (p - run);

        if (dst != (const char *) run) {
            memmove(dst, run, n);
        }

        dst += n;

        if (*p == '"') {
            n = (size_t) (dst - (const char *) open - 1);
            return tenant_value_add_string(r, open, n, p + 1);
        }

        code = tenant_json_escape(&p, r->end, dst, &n);

        if (code != TENANT_JSON_OK) {
            return tenant_value_fail(r, code, p);
        }

        dst += n;
        run = p;
    }
}


/* p is at the opening quote. */
TENANT_VALUE_USUAL const uint8_t *
tenant_value_string(tenant_value_reader_t *r, const uint8_t *open)
{
    const uint8_t  *p = tenant_value_plain(r, open + 1);

    if (p == r->end || *p != '"') {
        return tenant_value_unescape(r, open, p);
    }

    return tenant_value_add_string(r, open, (size_t) (p - open - 1), p + 1);
}


/* Any number, of which the first byte is one. */
TENANT_VALUE_UNUSUAL const uint8_t *
tenant_value_numeral(tenant_value_reader_t *r, const uint8_t *first)
{
    const uint8_t   *p = first;
    tenant_value_t  *value;
    int64_t          integer = 0;
    double           number;
    bool             real;

    if (!tenant_json_number(&p, r->end, &real)) {
        return tenant_value_fail(r, TENANT_JSON_SYNTAX, p);
    }

    if (real ? !tenant_json_real(first, p, &number)
             : !tenant_json_integer(first, p, &integer))
    {
        return tenant_value_fail(r, TENANT_JSON_NUMBER, first);
    }

    if (!tenant_value_room(r, p)) {
        return NULL;
    }

    value = r->next++;

    if (real) {
        value->u.text = (const char *) first;
        value->len = (uint32_t) (p - first);
        value->kind = TENANT_VALUE_REAL;

    } else {
        value->u.integer = integer;
        value->len = 0;
        value->kind = TENANT_VALUE_INTEGER;
    }

    value->span = 1;
    return p;
}


/*
 * Most numbers are dates: up to 18 digits, the first of them none of "0",
 * with nothing behind them that a number could have.
 */
TENANT_VALUE_USUAL const uint8_t *
tenant_value_natural(tenant_value_reader_t *r, const uint8_t *first)
{
    const uint8_t   *p = first, *end = r->end;
    tenant_value_t  *value;
    uint64_t         integer = 0;

    if (end - p > 18) {
        end = p + 18;
    }

    if (end - p >= 8 && tenant_json_eight(p, &integer)) {
        p += 8;
    }

    while (p < end && (uint8_t) (*p - '0') <= 9) {
        integer = integer * 10 + (uint64_t) (*p++ - '0');
    }

    if (p == end || *p == '.' || (*p | 0x20) == 'e') {
        return tenant_value_numeral(r, first);
    }

    if (!tenant_value_room(r, p)) {
        return NULL;
    }

    value = r->next++;

    value->u.integer = (int64_t) integer;
    value->len = 0;
    value->kind = TENANT_VALUE_INTEGER;
    value->span = 1;
    return p;
}


TENANT_VALUE_UNUSUAL const uint8_t *
tenant_value_literal(tenant_value_reader_t *r, const uint8_t *p,
    tenant_str_t word, tenant_value_kind_t kind)
{
    tenant_value_t  *value;

    if ((size_t) (r->end - p) < word.len
        || memcmp(p, word.data, word.len) != 0)
    {
        return tenant_value_fail(r, TENANT_JSON_SYNTAX, p);
    }

    p += word.len;
    if (!tenant_value_room(r, p)) {
        return NULL;
    }

    value = r->next++;

    value->u.text = NULL;
    value->len = 0;
    value->kind = kind;
    value->span = 1;
    return p;
}


/* Of the eight bytes at a and b those bits that differ. */
static inline uint64_t
tenant_value_differ(const char *a, const char *b)
{
    uint64_t  x, y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return x ^ y;
}


/* Whether a and b, of len bytes each, are the same; names are short. */
static inline bool
tenant_value_same(const char *a, const char *b, size_t len)
{
    uint64_t  differ;
    size_t    i;

    if (len >= 8) {
        differ = tenant_value_differ(a + len - 8, b + len - 8);

        for (i = 0; i < len - 8; i += 8) {
            differ |= tenant_value_differ(a + i, b + i);
        }

        return differ == 0;
    }

    if (len >= 4) {
        return memcmp(a, b, 4) == 0
               && memcmp(a + len - 4, b + len - 4, 4) == 0;
    }

    return len == 0
           || (a[0] == b[0] && a[len - 1] == b[len - 1]
               && a[len / 2] == b[len / 2]);
}


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
TENANT_VALUE_UNUSUAL bool
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
    case 't':
        return tenant_value_literal(r, p, tenant_str("true"),
                                    TENANT_VALUE_TRUE);
    case 'f':
        return tenant_value_literal(r, p, tenant_str("false"),
                                    TENANT_VALUE_FALSE);
    case 'n':
        return tenant_value_literal(r, p, tenant_str("null"),
                                    TENANT_VALUE_NULL);
    default:
        return tenant_value_fail(r, TENANT_JSON_SYNTAX, p);
    }
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


/* object = "{" [ member *( "," member ) ] "}", member = string ":" value */
TENANT_VALUE_USUAL const uint8_t *
tenant_value_members(tenant_value_reader_t *r, const uint8_t *p,
    unsigned depth, uint16_t *table, size_t at, size_t *members)
{
    const uint8_t  *name;
    int             c;

    p++;

    if (tenant_value_peek(r, &p) == '}') {
        return p + 1;
    }

    do {
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
    } while (c == ',');

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
    tenant_value_reader_t  r;

    r.start = text;
    r.end = (const uint8_t *) text + len;
    r.limits = limits;
    r.tape = tape;
    r.values = tape->values;
    r.next = tape->values;
    r.last = tape->values + tape->room;
    r.left = limits->max_values;
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

    return tenant_value_root(&r) ? tape->values + TENANT_TAPE_TABLE : NULL;
}


/* What the table before the object has in a slot. */
static inline uint16_t
tenant_value_behind(const tenant_value_t *object, unsigned slot)
{
    uint16_t  values;

    memcpy(&values, (const char *) (object - TENANT_TAPE_TABLE)
                    + slot * sizeof(values), sizeof(values));
    return values;
}


/* The member of an object that has no table. */
TENANT_VALUE_UNUSUAL const tenant_value_t *
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
