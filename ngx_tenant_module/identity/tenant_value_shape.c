#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "tenant_value_reader.h"
#include "tenant_value_shape.h"


/* bytes of the text of a member that are not its name: {"": */
#define TENANT_VALUE_SHAPE_AROUND  4


/* Whether it would stand in JSON as it is: it does not say how it did. */
static bool
tenant_value_shape_plain(tenant_str_t name)
{
    size_t  i;

    for (i = 0; i < name.len; i++) {
        if ((unsigned char) name.data[i] < 0x20 || name.data[i] == '"'
            || name.data[i] == '\\')
        {
            return false;
        }
    }

    return true;
}


/* The place in the table; those before it have theirs. */
static uint16_t
tenant_value_shape_slot(const tenant_value_shape_t *shape, size_t count,
    tenant_str_t name)
{
    unsigned  slot = tenant_value_slot(name.data, name.len);
    size_t    i = 0;

    while (i < count) {
        if (shape->members[i++].slot == slot) {
            slot = (slot + 1) % TENANT_VALUE_SLOTS;
            i = 0;
        }
    }

    return (uint16_t) slot;
}


/* Writes what comes before the value to p, of which there is enough. */
static void
tenant_value_shape_member(tenant_value_shape_member_t *member, char *p,
    tenant_str_t name, bool first)
{
    member->name.len = (uint32_t) name.len;
    member->name.kind = TENANT_VALUE_STRING;
    member->name.span = 1;

    member->len = (uint16_t) (name.len + TENANT_VALUE_SHAPE_AROUND);
    member->others = member->len < 32 ? UINT32_MAX << member->len : 0;

    *p++ = first ? '{' : ',';
    *p++ = '"';
    memcpy(p, name.data, name.len);
    p += name.len;
    *p++ = '"';
    *p = ':';
}


void
tenant_value_shape(tenant_value_shape_t *shape, const tenant_value_t *object)
{
    const tenant_value_t  *member = tenant_value_first(object);
    tenant_str_t           name;
    char                  *p = shape->text;
    size_t                 i, left = sizeof(shape->text);

    memset(shape, 0, sizeof(*shape));

    if (object->len > TENANT_VALUE_FEW) {
        return;
    }

    for (i = 0; i < object->len; i++) {
        name = tenant_value_text(member);

        /* 32 bytes are compared, so many there are behind the last name */
        if (left < 32 + TENANT_VALUE_SHAPE_AROUND
            || name.len > left - 32 - TENANT_VALUE_SHAPE_AROUND
            || !tenant_value_shape_plain(name))
        {
            return;
        }

        shape->members[i].slot = tenant_value_shape_slot(shape, i, name);
        tenant_value_shape_member(&shape->members[i], p, name, i == 0);

        p += shape->members[i].len;
        left -= shape->members[i].len;
        member = tenant_value_next(member + 1);
    }

    shape->count = object->len;
}


/* How far the members are read. */
typedef struct {
    const uint8_t                      *p;
    const char                         *text;       /* of the shape */
    const tenant_value_shape_member_t  *member;
    const tenant_value_shape_member_t  *stop;
    const tenant_value_shape_member_t  *last;
    uint16_t                           *table;
    size_t                              object;     /* on the tape */
    size_t                              spare;      /* values */
} tenant_value_walk_t;


static inline size_t
tenant_value_least(size_t a, size_t b)
{
    return a < b ? a : b;
}


/*
 * Members before the stop may come without further questions, each with a
 * value that has no others in it, but for some to spare: there is room for
 * them, and a place in the table for the names.
 */
static void
tenant_value_walk_on(tenant_value_walk_t *walk, const tenant_value_reader_t *r)
{
    size_t  n = (size_t) (walk->last - walk->member);
    size_t  room = (size_t) (r->last - r->next);
    size_t  behind = (size_t) (r->next - r->values) - walk->object;

    walk->stop = walk->member;
    walk->spare = 0;

    if (n * 2 > room || n > r->left || behind + n * 2 > UINT16_MAX) {
        return;
    }

    walk->stop = walk->last;

    /* that of a list is its depth */
    if (r->limits->max_depth > 1) {
        walk->spare = tenant_value_least(room - n * 2, r->left - n);
        walk->spare = tenant_value_least(walk->spare,
                                         UINT16_MAX - behind - n * 2);
    }
}


#ifdef __x86_64__

#define TENANT_VALUE_AVX2  __attribute__((target("avx2")))


/* Of 32 bytes, as bits, those that end what tenant_value_plain() goes over. */
static inline TENANT_VALUE_AVX2 uint32_t
tenant_value_ends_avx2(const uint8_t *p)
{
    __m256i  bytes = _mm256_loadu_si256((const __m256i *) p);

    return (uint32_t) _mm256_movemask_epi8(
        _mm256_or_si256(
            _mm256_or_si256(
                _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('"')),
                _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\\'))),
            _mm256_cmpgt_epi8(_mm256_set1_epi8(0x20), bytes)));
}


/*
 * The end of plain text from p on, or where it cannot be read further: from
 * safe on.
 */
static inline TENANT_VALUE_AVX2 const uint8_t *
tenant_value_text_avx2(const uint8_t *p, const uint8_t *safe)
{
    uint32_t  ends;

    for (; p <= safe; p += 32) {
        ends = tenant_value_ends_avx2(p);

        if (ends != 0) {
            return p + (unsigned) __builtin_ctz(ends);
        }
    }

    return p;
}


/* A quote, which is not behind the text. */
static inline bool
tenant_value_quote(const uint8_t *p, const uint8_t *end)
{
    return p < end && *p == '"';
}


/*
 * A list of plain texts, at most n of them, its bracket at p; NULL: it is
 * something else, or empty.
 */
static TENANT_VALUE_AVX2 const uint8_t *
tenant_value_list_avx2(tenant_value_t *list, const uint8_t *p,
    const uint8_t *safe, const uint8_t *end, size_t n)
{
    const uint8_t  *open;
    size_t          i = 0;

    do {
        open = p + 1;

        if (i == n || !tenant_value_quote(open, end)) {
            return NULL;
        }

        p = tenant_value_text_avx2(open + 1, safe);

        if (!tenant_value_quote(p, end)) {
            return NULL;
        }

        tenant_value_put_string(&list[++i], open, p++);
    } while (p < end && *p == ',');

    if (p == end || *p != ']') {
        return NULL;
    }

    list->u.integer = 0;
    list->len = (uint32_t) i;
    list->kind = TENANT_VALUE_ARRAY;
    list->span = (unsigned) i + 1;
    return p + 1;
}


/*
 * As many members as are compared and read 32 bytes at a time: to one that is
 * not as the shape says, or whose value is something else than plain text, a
 * list of it, or a date.
 */
static TENANT_VALUE_AVX2 void
tenant_value_walk_avx2(tenant_value_walk_t *walk, tenant_value_reader_t *r)
{
    const tenant_value_shape_member_t  *member = walk->member;
    const uint8_t                      *open, *q, *p = walk->p;
    const uint8_t                      *safe = r->readable - 32;
    const char                         *text = walk->text;
    tenant_value_t                     *next = r->next;
    uint64_t                            integer;
    uint32_t                            same;
    size_t                              behind, spare = walk->spare;

    behind = (size_t) (next - r->values) - walk->object;

    for (; member < walk->stop; member++) {
        if (p > safe || member->len > 32) {
            break;
        }

        same = (uint32_t) _mm256_movemask_epi8(
            _mm256_cmpeq_epi8(_mm256_loadu_si256((const __m256i *) p),
                              _mm256_loadu_si256((const __m256i *) text)));

        open = p + member->len;

        if ((same | member->others) != UINT32_MAX || open >= r->end) {
            break;
        }

        walk->table[member->slot] = (uint16_t) behind;
        *next = member->name;
        next->u.text = (const char *) p + 2;

        if (*open == '"') {
            q = tenant_value_text_avx2(open + 1, safe);

            if (!tenant_value_quote(q, r->end)) {
                break;
            }

            tenant_value_put_string(next + 1, open, q++);

        } else if (*open >= '1' && *open <= '9') {
            q = tenant_value_digits(open, r->end, &integer);

            if (q == NULL) {
                break;
            }

            tenant_value_put_integer(next + 1, integer);

        } else if (*open == '[') {
            q = tenant_value_list_avx2(next + 1, open, safe, r->end, spare);

            if (q == NULL) {
                break;
            }

            spare -= next[1].len;
            behind += next[1].len;
            next += next[1].len;

        } else {
            break;
        }

        text += member->len;
        p = q;
        next += 2;
        behind += 2;
    }

    /* each member had a value, and the rest are those of lists */
    r->left -= (size_t) (next - r->next) - (size_t) (member - walk->member);
    r->next = next;
    walk->member = member;
    walk->text = text;
    walk->p = p;
}

#endif


/* One member, as the shape says: what its value is does not matter. */
static bool
tenant_value_walk_one(tenant_value_walk_t *walk, tenant_value_reader_t *r)
{
    const tenant_value_shape_member_t  *member = walk->member;
    tenant_value_t                     *name = r->next++;
    const uint8_t                      *p = walk->p;

    *name = member->name;
    name->u.text = (const char *) p + 2;
    walk->table[member->slot] = (uint16_t) (name - &r->values[walk->object]);

    p += member->len;

    if (*p == '"') {
        r->left--;
        p = tenant_value_string(r, p);

    } else if (*p >= '1' && *p <= '9') {
        r->left--;
        p = tenant_value_natural(r, p);

    } else {
        p = tenant_value_other(r, p, 1);
    }

    walk->p = p;
    walk->text += member->len;
    walk->member++;
    return p != NULL;
}


const uint8_t *
tenant_value_shaped(tenant_value_reader_t *r, const uint8_t *p,
    uint16_t *table, size_t at)
{
    const tenant_value_shape_t  *shape = r->shape;
    tenant_value_walk_t          walk;

    walk.p = p;
    walk.text = shape->text;
    walk.member = shape->members;
    walk.last = walk.member + shape->count;
    walk.table = table;
    walk.object = at;

    for ( ;; ) {
        tenant_value_walk_on(&walk, r);

#ifdef __x86_64__
        if (__builtin_cpu_supports("avx2")) {
            tenant_value_walk_avx2(&walk, r);
        }
#endif

        /* of a value there is at least a byte */
        if (walk.member >= walk.stop
            || r->end - walk.p <= walk.member->len
            || !tenant_value_same((const char *) walk.p, walk.text,
                                  walk.member->len))
        {
            break;
        }

        if (!tenant_value_walk_one(&walk, r)) {
            return NULL;
        }
    }

    r->alike = (size_t) (walk.member - shape->members);
    return walk.p;
}
