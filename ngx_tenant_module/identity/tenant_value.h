/*
 * JSON of tokens: JOSE headers, claims sets, answers about tokens.  The text
 * is read once into a flat array of values, in memory of the caller's, and
 * nothing is copied: strings stand where they stood in the text, unescaped
 * in place.  What is refused is what tenant_json.h refuses, with the same
 * codes and places.
 *
 *     {"a":[1,"x"]}    object 1  "a"  array 2  1  "x"
 *
 * A member is two values, its name and its value; span is the number of
 * values that one and all in it take, so value + value->span is the next.
 * Before the outermost object stands a table of its names, unless they are
 * very many.
 */

#ifndef TENANT_VALUE_H
#define TENANT_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tenant_json.h"
#include "tenant_str.h"


typedef enum {
    TENANT_VALUE_NULL = 0,
    TENANT_VALUE_FALSE,
    TENANT_VALUE_TRUE,
    TENANT_VALUE_INTEGER,
    TENANT_VALUE_REAL,
    TENANT_VALUE_STRING,
    TENANT_VALUE_ARRAY,
    TENANT_VALUE_OBJECT
} tenant_value_kind_t;


typedef struct {
    union {
        const char  *text;          /* string; real, as it was written */
        int64_t      integer;
        bool         indexed;       /* object: a table of names is before it */
    } u;

    uint32_t         len;           /* bytes of text; elements; members */
    unsigned         kind:3;        /* tenant_value_kind_t */
    unsigned         span:29;
} tenant_value_t;


/*
 * Where the values go.  The room given at first is enough for most tokens;
 * if it is not, take() is asked for more, which need not be given back
 * before the values are no longer needed.
 */
typedef struct {
    tenant_value_t   *values;
    size_t            room;         /* values */
    void           *(*take)(void *data, size_t size);   /* NULL: no more */
    void             *data;
} tenant_tape_t;

#define TENANT_TAPE_ROOM  104       /* values: 1.6 KB */
#define TENANT_TAPE_TABLE  8        /* of them, for the table of names */

/*
 * The table: for each name how many values behind the object it is, two
 * bytes, in the slot that is its own or in one of the next; 0 is free.
 */
#define TENANT_VALUE_SLOTS  64
#define TENANT_VALUE_FEW    32      /* names that are put there */


/*
 * Reads len bytes of text, which must be one JSON object, and changes them.
 * Returns the object, or NULL with *err filled in.  Values and text have to
 * stay as long as it is used; the tape can be used again only after that.
 */
const tenant_value_t *tenant_value_read(tenant_tape_t *tape, char *text,
    size_t len, const tenant_json_limits_t *limits,
    tenant_json_error_t *err);


/*
 * All of the following take NULL for a value that is absent.
 */

/*
 * The member of that name; NULL: none, or no object.  slot is that of the
 * name; tenant_value_get() finds it, for a literal when it is compiled.
 */
const tenant_value_t *tenant_value_find(const tenant_value_t *object,
    tenant_str_t name, unsigned slot);

static inline const tenant_value_t *tenant_value_get(
    const tenant_value_t *object, tenant_str_t name);

/* The element, from 0; NULL: none, or no array.  Walks from the first. */
const tenant_value_t *tenant_value_at(const tenant_value_t *array,
    size_t index);

/* An integer or a real as a double; 0 if it is neither. */
double tenant_value_number(const tenant_value_t *value);


static inline bool
tenant_value_is(const tenant_value_t *value, tenant_value_kind_t kind)
{
    return value != NULL && value->kind == kind;
}


/* The bytes of a string; data NULL if it is none. */
static inline tenant_str_t
tenant_value_text(const tenant_value_t *value)
{
    if (!tenant_value_is(value, TENANT_VALUE_STRING)) {
        return (tenant_str_t) { NULL, 0 };
    }

    return (tenant_str_t) { value->u.text, value->len };
}


/* From a container: its first element, or the name of its first member. */
static inline const tenant_value_t *
tenant_value_first(const tenant_value_t *container)
{
    return container + 1;
}


/* After an element the next one; after a name use it with name + 1. */
static inline const tenant_value_t *
tenant_value_next(const tenant_value_t *value)
{
    return value + value->span;
}


/*
 * The slot of a name.  Whoever makes up names of one slot gains nothing, as
 * so few are in a table.
 */
static inline unsigned
tenant_value_slot(const char *name, size_t len)
{
    uint64_t  first = 0, last = 0;
    uint32_t  part;

    if (len >= sizeof(first)) {
        memcpy(&first, name, sizeof(first));
        memcpy(&last, name + len - sizeof(last), sizeof(last));

    } else if (len >= sizeof(part)) {
        memcpy(&part, name, sizeof(part));
        first = part;
        memcpy(&part, name + len - sizeof(part), sizeof(part));
        last = part;

    } else if (len != 0) {
        first = (unsigned char) name[0]
                | (uint64_t) (unsigned char) name[len / 2] << 8
                | (uint64_t) (unsigned char) name[len - 1] << 16;
    }

    first ^= (last << 29 | last >> 35) ^ len;
    first *= UINT64_C(0x9e3779b97f4a7c15);

    return (unsigned) (first >> 58) % TENANT_VALUE_SLOTS;
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


/* What the table before an object that has one has in a slot. */
static inline unsigned
tenant_value_behind(const tenant_value_t *object, unsigned slot)
{
    uint16_t  behind;

    memcpy(&behind, (const char *) (object - TENANT_TAPE_TABLE)
                    + slot * sizeof(behind), sizeof(behind));
    return behind;
}


/*
 * Most names are absent, or stand in their own slot; of a literal all that is
 * known when it is compiled.
 */
static inline __attribute__((always_inline)) const tenant_value_t *
tenant_value_get(const tenant_value_t *object, tenant_str_t name)
{
    unsigned               slot = tenant_value_slot(name.data, name.len);
    unsigned               behind;
    const tenant_value_t  *member;

    if (__builtin_constant_p(name.len)
        && tenant_value_is(object, TENANT_VALUE_OBJECT) && object->u.indexed)
    {
        behind = tenant_value_behind(object, slot);

        if (behind == 0) {
            return NULL;
        }

        member = object + behind;

        if (member->len == name.len
            && tenant_value_same(member->u.text, name.data, name.len))
        {
            return member + 1;
        }
    }

    return tenant_value_find(object, name, slot);
}


/*
 * Compact JSON of a value, without a NUL, to dst, which may be NULL to learn
 * the length that is returned.  Reals are written as they were read.
 */
size_t tenant_value_print(const tenant_value_t *value, char *dst);

/* Of the reader: n names, at least one, so that equal ones are neighbours. */
void tenant_value_sort(tenant_value_t *names, size_t n);


#endif /* TENANT_VALUE_H */
