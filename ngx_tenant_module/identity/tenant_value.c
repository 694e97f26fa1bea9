#include <string.h>

#include "tenant_json_text.h"
#include "tenant_value.h"


/* Members that are compared one by one as they come; more are sorted. */
#define TENANT_VALUE_FEW  32


typedef struct {
    char                        *start;
    const uint8_t               *p;
    const uint8_t               *end;
    const tenant_json_limits_t  *limits;
    tenant_tape_t               *tape;
    size_t                       used;      /* of the tape */
    size_t                       values;    /* names do not count */
    tenant_json_error_t         *err;
} tenant_value_reader_t;


static bool tenant_value_any(tenant_value_reader_t *r, unsigned depth);


static bool
tenant_value_fail(tenant_value_reader_t *r, tenant_json_code_t code,
    const uint8_t *at)
{
    r->err->code = code;
    r->err->offset = (size_t) (at - (uint8_t *) r->start);
    return false;
}


/* Values refer to one another by distance only, so they may move. */
static bool
tenant_value_grow(tenant_value_reader_t *r)
{
    tenant_tape_t   *tape = r->tape;
    tenant_value_t  *values = NULL;
    size_t           room = tape->room < 48 ? 96 : tape->room * 2;

    if (tape->take != NULL) {
        values = tape->take(tape->data, room * sizeof(*values));
    }

    if (values == NULL) {
        return tenant_value_fail(r, TENANT_JSON_NO_MEMORY, r->p);
    }

    if (r->used != 0) {
        memcpy(values, tape->values, r->used * sizeof(*values));
    }

    tape->values = values;
    tape->room = room;
    return true;
}


/* The next value of the tape, NULL is no memory. */
static tenant_value_t *
tenant_value_add(tenant_value_reader_t *r, tenant_value_kind_t kind)
{
    tenant_value_t  *value;

    if (r->used == r->tape->room && !tenant_value_grow(r)) {
        return NULL;
    }

    value = &r->tape->values[r->used++];
    value->u.text = NULL;
    value->len = 0;
    value->kind = kind;
    value->span = 1;
    return value;
}


/* ws = *( SP / HT / LF / CR ); returns the byte after it, or -1 at the end */
static inline int
tenant_value_peek(tenant_value_reader_t *r)
{
    while (r->p < r->end) {
        switch (*r->p) {
        case ' ':
        case '\t':
        case '\n':
        case '\r':
            r->p++;
            break;
        default:
            return *r->p;
        }
    }

    return -1;
}


/*
 * r->p is at the first backslash of a string that starts at first.  What it
 * stands for is never longer, so the text is its own buffer.
 */
static bool
tenant_value_unescape(tenant_value_reader_t *r, const uint8_t *open,
    char *first, size_t *len)
{
    const uint8_t       *run;
    tenant_json_code_t   code;
    char                *dst = r->start + (r->p - (uint8_t *) r->start);
    size_t               n;

    while (*r->p == '\\') {
        code = tenant_json_escape(&r->p, r->end, dst, &n);

        if (code != TENANT_JSON_OK) {
            return tenant_value_fail(r, code, r->p);
        }

        dst += n;
        run = r->p;
        code = tenant_json_plain(&r->p, r->end);

        if (code != TENANT_JSON_OK) {
            return tenant_value_fail(r, code, code == TENANT_JSON_SYNTAX
                                              ? open : r->p);
        }

        n = (size_t) (r->p - run);
        memmove(dst, run, n);
        dst += n;
    }

    *len = (size_t) (dst - first);
    return true;
}


/* r->p is at the opening quote. */
static bool
tenant_value_string(tenant_value_reader_t *r)
{
    const uint8_t       *open = r->p++;
    tenant_json_code_t   code;
    tenant_value_t      *value;
    char                *first = r->start + (r->p - (uint8_t *) r->start);
    size_t               len;

    code = tenant_json_plain(&r->p, r->end);

    if (code != TENANT_JSON_OK) {
        return tenant_value_fail(r, code, code == TENANT_JSON_SYNTAX ? open
                                                                     : r->p);
    }

    len = (size_t) (r->p - open - 1);

    if (*r->p == '\\' && !tenant_value_unescape(r, open, first, &len)) {
        return false;
    }

    r->p++;
    value = tenant_value_add(r, TENANT_VALUE_STRING);

    if (value == NULL) {
        return false;
    }

    value->u.text = first;
    value->len = (uint32_t) len;
    return true;
}


static bool
tenant_value_numeral(tenant_value_reader_t *r)
{
    const uint8_t   *first = r->p;
    tenant_value_t  *value;
    int64_t          integer = 0;
    double           number;
    bool             real;

    if (!tenant_json_number(&r->p, r->end, &real)) {
        return tenant_value_fail(r, TENANT_JSON_SYNTAX, r->p);
    }

    if (real ? !tenant_json_real(first, r->p, &number)
             : !tenant_json_integer(first, r->p, &integer))
    {
        return tenant_value_fail(r, TENANT_JSON_NUMBER, first);
    }

    value = tenant_value_add(r, real ? TENANT_VALUE_REAL
                                     : TENANT_VALUE_INTEGER);

    if (value == NULL) {
        return false;
    }

    if (!real) {
        value->u.integer = integer;
        return true;
    }

    value->u.text = (const char *) first;
    value->len = (uint32_t) (r->p - first);
    return true;
}


static bool
tenant_value_literal(tenant_value_reader_t *r, tenant_str_t word,
    tenant_value_kind_t kind)
{
    if ((size_t) (r->end - r->p) < word.len
        || memcmp(r->p, word.data, word.len) != 0)
    {
        return tenant_value_fail(r, TENANT_JSON_SYNTAX, r->p);
    }

    r->p += word.len;
    return tenant_value_add(r, kind) != NULL;
}


/* The byte after an element: true for "," and for the closing one. */
static bool
tenant_value_separator(tenant_value_reader_t *r, int close, bool *last)
{
    int  c = tenant_value_peek(r);

    if (c != ',' && c != close) {
        return tenant_value_fail(r, TENANT_JSON_SYNTAX, r->p);
    }

    r->p++;
    *last = c == close;
    return true;
}


static bool
tenant_value_same_name(const tenant_value_t *a, const tenant_value_t *b)
{
    return a->len == b->len
           && (a->len == 0 || memcmp(a->u.text, b->u.text, a->len) == 0);
}


/*
 * Whether the object has the name that was just read.  seen has a bit for
 * each of the names before, so that most of them are not looked at.
 */
static bool
tenant_value_repeated(tenant_value_reader_t *r, size_t object,
    uint64_t *seen, size_t members)
{
    const tenant_value_t  *name = &r->tape->values[r->used - 1], *other;
    uint64_t               bit;
    size_t                 len = name->len;

    bit = len == 0 ? 0
                   : (unsigned char) name->u.text[0] * 7
                     + (unsigned char) name->u.text[len / 2] * 3
                     + (unsigned char) name->u.text[len - 1] + len;
    bit = UINT64_C(1) << (bit & 63);

    if (!(*seen & bit)) {
        *seen |= bit;
        return false;
    }

    if (members >= TENANT_VALUE_FEW) {
        return false;                       /* tenant_value_unique() tells */
    }

    for (other = tenant_value_first(&r->tape->values[object]); other < name;
         other = tenant_value_next(other + 1))
    {
        if (tenant_value_same_name(other, name)) {
            return true;
        }
    }

    return false;
}


/* Any order of names in which equal ones are neighbours will do. */
static int
tenant_value_order(const tenant_value_t *a, const tenant_value_t *b)
{
    int  rc;

    if (a->len != b->len) {
        return a->len < b->len ? -1 : 1;
    }

    rc = a->len != 0 ? memcmp(a->u.text, b->u.text, a->len) : 0;

    return rc != 0 ? rc : (a->u.text < b->u.text ? -1 : 1);
}


/* Restores the heap below root, of which only root may be out of order. */
static void
tenant_value_sift(tenant_value_t *names, size_t root, size_t n)
{
    tenant_value_t  name = names[root];
    size_t          child;

    while ((child = root * 2 + 1) < n) {
        if (child + 1 < n
            && tenant_value_order(&names[child], &names[child + 1]) < 0)
        {
            child++;
        }

        if (tenant_value_order(&name, &names[child]) >= 0) {
            break;
        }

        names[root] = names[child];
        root = child;
    }

    names[root] = name;
}


static void
tenant_value_sort(tenant_value_t *names, size_t n)
{
    tenant_value_t  last;
    size_t          i;

    for (i = n / 2; i != 0; i--) {
        tenant_value_sift(names, i - 1, n);
    }

    for (i = n - 1; i != 0; i--) {
        last = names[i];
        names[i] = names[0];
        names[0] = last;
        tenant_value_sift(names, 0, i);
    }
}


/*
 * The same for an object of many members, once it is read: comparing all
 * names with all would be the square of what a stranger may send.  They are
 * sorted behind the object, where the tape is free.
 */
static bool
tenant_value_unique(tenant_value_reader_t *r, size_t object, size_t members)
{
    const tenant_value_t  *name;
    tenant_value_t        *names;
    const char            *first = NULL;
    size_t                 i;

    while (r->tape->room - r->used < members) {
        if (!tenant_value_grow(r)) {
            return false;
        }
    }

    names = &r->tape->values[r->used];
    name = tenant_value_first(&r->tape->values[object]);

    for (i = 0; i < members; i++) {
        names[i] = *name;
        name = tenant_value_next(name + 1);
    }

    tenant_value_sort(names, members);

    for (i = 1; i < members; i++) {
        if (tenant_value_same_name(&names[i - 1], &names[i])
            && (first == NULL || names[i].u.text < first))
        {
            first = names[i].u.text;
        }
    }

    return first == NULL
           || tenant_value_fail(r, TENANT_JSON_DUPLICATE,
                                (const uint8_t *) first - 1);
}


/* object = "{" [ member *( "," member ) ] "}", member = string ":" value */
static bool
tenant_value_members(tenant_value_reader_t *r, size_t object, unsigned depth,
    size_t *members)
{
    const uint8_t  *at;
    uint64_t        seen = 0;
    bool            last = false;

    if (tenant_value_peek(r) == '}') {
        r->p++;
        return true;
    }

    while (!last) {
        if (tenant_value_peek(r) != '"') {
            return tenant_value_fail(r, TENANT_JSON_SYNTAX, r->p);
        }

        at = r->p;

        if (!tenant_value_string(r)) {
            return false;
        }

        if (tenant_value_repeated(r, object, &seen, *members)) {
            return tenant_value_fail(r, TENANT_JSON_DUPLICATE, at);
        }

        if (tenant_value_peek(r) != ':') {
            return tenant_value_fail(r, TENANT_JSON_SYNTAX, r->p);
        }

        r->p++;

        if (!tenant_value_any(r, depth)
            || !tenant_value_separator(r, '}', &last))
        {
            return false;
        }

        (*members)++;
    }

    return *members <= TENANT_VALUE_FEW
           || tenant_value_unique(r, object, *members);
}


/* array = "[" [ value *( "," value ) ] "]" */
static bool
tenant_value_elements(tenant_value_reader_t *r, unsigned depth,
    size_t *elements)
{
    bool  last = false;

    if (tenant_value_peek(r) == ']') {
        r->p++;
        return true;
    }

    while (!last) {
        if (!tenant_value_any(r, depth)
            || !tenant_value_separator(r, ']', &last))
        {
            return false;
        }

        (*elements)++;
    }

    return true;
}


/* r->p is at the opening bracket; depth counts the containers around it. */
static bool
tenant_value_container(tenant_value_reader_t *r, unsigned depth)
{
    tenant_value_t  *value;
    size_t           at = r->used, n = 0;
    bool             object = *r->p == '{';

    if (depth >= r->limits->max_depth || depth >= TENANT_JSON_DEPTH_MAX) {
        return tenant_value_fail(r, TENANT_JSON_TOO_DEEP, r->p);
    }

    if (tenant_value_add(r, object ? TENANT_VALUE_OBJECT
                                   : TENANT_VALUE_ARRAY) == NULL)
    {
        return false;
    }

    r->p++;

    if (!(object ? tenant_value_members(r, at, depth + 1, &n)
                 : tenant_value_elements(r, depth + 1, &n)))
    {
        return false;
    }

    value = &r->tape->values[at];
    value->len = (uint32_t) n;
    value->span = (unsigned) (r->used - at);
    return true;
}


static bool
tenant_value_any(tenant_value_reader_t *r, unsigned depth)
{
    int  c = tenant_value_peek(r);

    if (++r->values > r->limits->max_values) {
        return tenant_value_fail(r, TENANT_JSON_TOO_MANY, r->p);
    }

    switch (c) {
    case '{':
    case '[':
        return tenant_value_container(r, depth);
    case '"':
        return tenant_value_string(r);
    case 't':
        return tenant_value_literal(r, tenant_str("true"),
                                    TENANT_VALUE_TRUE);
    case 'f':
        return tenant_value_literal(r, tenant_str("false"),
                                    TENANT_VALUE_FALSE);
    case 'n':
        return tenant_value_literal(r, tenant_str("null"),
                                    TENANT_VALUE_NULL);
    case '-':
    case '0': case '1': case '2': case '3': case '4':
    case '5': case '6': case '7': case '8': case '9':
        return tenant_value_numeral(r);
    default:
        return tenant_value_fail(r, TENANT_JSON_SYNTAX, r->p);
    }
}


static bool
tenant_value_root(tenant_value_reader_t *r)
{
    int  c;

    if (r->end - r->p >= 3 && memcmp(r->p, "\xef\xbb\xbf", 3) == 0) {
        return tenant_value_fail(r, TENANT_JSON_BOM, r->p);
    }

    c = tenant_value_peek(r);

    if (c != '{') {
        return tenant_value_fail(r, c > 0 && strchr("[\"-0123456789tfn", c)
                                    ? TENANT_JSON_NOT_OBJECT
                                    : TENANT_JSON_SYNTAX, r->p);
    }

    if (!tenant_value_any(r, 0)) {
        return false;
    }

    return tenant_value_peek(r) == -1
           || tenant_value_fail(r, TENANT_JSON_TRAILING, r->p);
}


const tenant_value_t *
tenant_value_read(tenant_tape_t *tape, char *text, size_t len,
    const tenant_json_limits_t *limits, tenant_json_error_t *err)
{
    tenant_value_reader_t  r;

    r.start = text;
    r.p = (const uint8_t *) text;
    r.end = r.p + len;
    r.limits = limits;
    r.tape = tape;
    r.used = 0;
    r.values = 0;
    r.err = err;

    err->code = TENANT_JSON_OK;
    err->offset = 0;

    if (len > limits->max_bytes) {
        (void) tenant_value_fail(&r, TENANT_JSON_TOO_LARGE,
                                 r.p + limits->max_bytes);
        return NULL;
    }

    return tenant_value_root(&r) ? tape->values : NULL;
}


const tenant_value_t *
tenant_value_get(const tenant_value_t *object, tenant_str_t name)
{
    const tenant_value_t  *member;
    uint32_t               n;

    if (!tenant_value_is(object, TENANT_VALUE_OBJECT)) {
        return NULL;
    }

    member = tenant_value_first(object);

    for (n = object->len; n != 0; n--) {

        /* names of one length mostly differ in the first byte */
        if (member->len == name.len
            && (name.len == 0
                || (member->u.text[0] == name.data[0]
                    && memcmp(member->u.text, name.data, name.len) == 0)))
        {
            return member + 1;
        }

        member = tenant_value_next(member + 1);
    }

    return NULL;
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


tenant_str_t
tenant_value_text(const tenant_value_t *value)
{
    if (!tenant_value_is(value, TENANT_VALUE_STRING)) {
        return (tenant_str_t) { NULL, 0 };
    }

    return (tenant_str_t) { value->u.text, value->len };
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
