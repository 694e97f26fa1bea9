/*
 * Values, names and uids as the engine sees them.
 */

#ifndef POLICY_VALUE_H
#define POLICY_VALUE_H

#include "arena.h"

#include <string.h>

#pragma GCC visibility push(hidden)


/* ORDER KINDS: names in kind_names of value.c */
enum {
    POLICY_NONE = 0,
    POLICY_BOOL,            /* u.i */
    POLICY_LONG,            /* u.i */
    POLICY_STRING,          /* u.p, len bytes */
    POLICY_SET,             /* u.p: len policy_value_t, ordered, distinct */
    POLICY_RECORD,          /* u.p: len policy_field_t, ordered */
    POLICY_ENTITY,          /* u.p: policy_uid_t */
    POLICY_IP,              /* flag 4: u.i; flag 6: u.p 16 bytes; len: bits */
    POLICY_DECIMAL,         /* u.i, ten-thousandths */
    POLICY_DATETIME,        /* u.i, ms since 1970 */
    POLICY_DURATION,        /* u.i, ms */
    POLICY_KINDS
};


/* An attribute, tag or key name with its hash. */
typedef struct {
    const char  *name;
    uint32_t     len;
    uint32_t     hash;
} policy_name_t;

typedef struct {
    policy_name_t   name;
    policy_value_t  value;
} policy_field_t;

typedef struct {
    uint64_t     hash;
    const char  *name;
    size_t       len;
} policy_type_t;


const char *policy_kind_name(unsigned kind);

policy_name_t policy_name(policy_str_t s);
uint64_t policy_type_hash(policy_str_t type);

/* A normalized path: identifiers, none reserved, joined by "::". */
int policy_is_path(policy_str_t s);
int policy_is_ident(policy_str_t s);
int policy_is_reserved(policy_str_t s);

/* Whether the last part of a type path is "Action". */
int policy_is_action_type(policy_str_t type);

/* For a type that is known to be a path. */
void policy_uid_make(policy_uid_t *uid, policy_str_t type, policy_str_t id);

/* uid and its strings, all in the arena; NULL: full. */
policy_uid_t *policy_uid_copy(policy_arena_t *arena, const policy_uid_t *uid);


static inline uint64_t
policy_load64(const char *p)
{
    uint64_t  v;

    memcpy(&v, p, 8);

    return v;
}


static inline uint32_t
policy_load32(const char *p)
{
    uint32_t  v;

    memcpy(&v, p, 4);

    return v;
}


/*
 * Whether n bytes are the same.  Names mostly have 4 to 16: two loads that
 * may overlap, where memcmp() takes a call through a table.
 */
static inline int
policy_bytes_same(const char *a, const char *b, size_t n)
{
    if (n > 16) {
        return memcmp(a, b, n) == 0;
    }

    if (n >= 8) {
        return policy_load64(a) == policy_load64(b)
               && policy_load64(a + n - 8) == policy_load64(b + n - 8);
    }

    if (n >= 4) {
        return policy_load32(a) == policy_load32(b)
               && policy_load32(a + n - 4) == policy_load32(b + n - 4);
    }

    while (n > 0) {
        n--;

        if (a[n] != b[n]) {
            return 0;
        }
    }

    return 1;
}


/* Equal but for the hash, which the caller has compared. */
int policy_uid_alike(const policy_uid_t *a, const policy_uid_t *b);

static inline int
policy_uid_same(const policy_uid_t *a, const policy_uid_t *b)
{
    return a->hash == b->hash && (a == b || policy_uid_alike(a, b));
}


static inline int
policy_name_same(const policy_name_t *a, const policy_name_t *b)
{
    return a->hash == b->hash && a->len == b->len
           && (a->name == b->name
               || policy_bytes_same(a->name, b->name, a->len));
}


static inline int
policy_uid_is(const policy_uid_t *uid, const policy_type_t *type)
{
    return uid->type_hash == type->hash && uid->type_len == type->len
           && policy_bytes_same(uid->type, type->name, type->len);
}


static inline policy_str_t
policy_uid_type(const policy_uid_t *uid)
{
    return (policy_str_t) { uid->type, uid->type_len };
}


static inline policy_str_t
policy_uid_id(const policy_uid_t *uid)
{
    return (policy_str_t) { uid->id, uid->id_len };
}


static inline policy_str_t
policy_value_text(const policy_value_t *v)
{
    return (policy_str_t) { v->u.p, v->len };
}


/*
 * A total order over all values, not Cedar's "<": only equality and
 * consistency matter.  Each step is taken off *work; once that is negative
 * the result means nothing and the caller must give up.
 */
int policy_value_cmp(const policy_value_t *a, const policy_value_t *b,
    int64_t *work);

static inline int
policy_value_equal(const policy_value_t *a, const policy_value_t *b,
    int64_t *work)
{
    return a->kind == b->kind && policy_value_cmp(a, b, work) == 0;
}


/* Sorts in place and drops duplicates; returns how many remain. */
size_t policy_values_order(policy_value_t *values, size_t n, int64_t *work);

int policy_set_has(const policy_value_t *set, const policy_value_t *value,
    int64_t *work);

/* Whether set a has all, any, elements of set b. */
int policy_set_has_all(const policy_value_t *a, const policy_value_t *b,
    int64_t *work);
int policy_set_has_any(const policy_value_t *a, const policy_value_t *b,
    int64_t *work);

/* Orders fields; returns the index of a duplicate, or n when there is none. */
size_t policy_fields_order(policy_field_t *fields, size_t n);

/* By halving.  NULL: no such field. */
const policy_value_t *policy_field_search(const policy_field_t *fields,
    size_t n, const policy_name_t *name);

/* The same: few fields are faster looked at one by one. */
static inline const policy_value_t *
policy_field_find(const policy_field_t *fields, size_t n,
    const policy_name_t *name)
{
    const policy_field_t  *f;

    if (n > 8) {
        return policy_field_search(fields, n, name);
    }

    for (f = fields; n > 0; f++, n--) {
        if (policy_name_same(&f->name, name)) {
            return &f->value;
        }
    }

    return NULL;
}


/* The deep copy owns its strings, uids and addresses. */
policy_status_t policy_value_copy(policy_arena_t *arena,
    const policy_value_t *value, policy_value_t *copy);


/* Heapsort: no memory, no worst case. */
typedef int (*policy_cmp_pt)(const void *a, const void *b, void *data);
void policy_sort(void *base, size_t n, size_t size, policy_cmp_pt cmp,
    void *data);


/* Composite values; items are taken as they are (ordered, distinct). */

static inline policy_value_t
policy_value_make(unsigned kind, int64_t i)
{
    policy_value_t  v;

    v.kind = (uint8_t) kind;
    v.flag = 0;
    v.depth = 0;
    v.len = 0;
    v.u.i = i;

    return v;
}


static inline policy_value_t
policy_value_make_many(unsigned kind, const void *items, size_t n,
    unsigned depth)
{
    policy_value_t  v;

    v.kind = (uint8_t) kind;
    v.flag = 0;
    v.depth = (uint16_t) depth;
    v.len = (uint32_t) n;
    v.u.p = items;

    return v;
}


/* Orders a set in place; POLICY_LIMIT: nested too deep or out of work. */
policy_status_t policy_set_make(policy_value_t *values, size_t n,
    int64_t *work, policy_value_t *set);

/* *duplicate, when not NULL, names the repeated key of POLICY_DUPLICATE. */
policy_status_t policy_record_make(policy_field_t *fields, size_t n,
    policy_name_t *duplicate, policy_value_t *record);

/* As policy_record_begin(), with what only building needs kept apart. */
policy_status_t policy_record_begin_in(policy_arena_t *arena,
    policy_arena_t *links, policy_record_t **record);


#pragma GCC visibility pop

#endif /* POLICY_VALUE_H */
