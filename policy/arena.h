/*
 * Memory and text: arenas, hashes, a printer into fixed buffers, UTF-8.
 */

#ifndef POLICY_ARENA_H
#define POLICY_ARENA_H

#include "policy.h"


/*
 * What the engine's own headers declare is not for other objects: in a
 * shared one, nginx's module say, calls between its files then go straight.
 */
#pragma GCC visibility push(hidden)

/* What decisions run stands together, and what refuses apart from it. */
#if defined(__GNUC__)
#define POLICY_HOT   __attribute__((hot))
#define POLICY_COLD  __attribute__((cold, noinline))
#else
#define POLICY_HOT
#define POLICY_COLD
#endif

typedef struct policy_chunk_s  policy_chunk_t;

struct policy_chunk_s {
    policy_chunk_t  *next;
    size_t           size;      /* with this header */
};


/*
 * Fixed: cut from one buffer, base..end, never grows.  Growing: takes
 * chunks of rising size; base is NULL.  copies says whether builders must
 * copy the strings they are given (a store) or may borrow them (a scratch).
 */
struct policy_arena_s {
    char             *cur;
    char             *end;
    char             *base;
    char             *limit;    /* of a fixed arena: end of the buffer */
    policy_chunk_t   *chunks;
    policy_memory_t   memory;
    size_t            next;     /* bytes of the next chunk */
    size_t            taken;    /* bytes of all chunks */
    int               copies;
};


#define POLICY_ALIGN  8u


void policy_arena_start(policy_arena_t *arena, const policy_memory_t *memory,
    size_t first);
void policy_arena_stop(policy_arena_t *arena);

/* Empties a growing arena but keeps its largest chunk. */
void policy_arena_clear(policy_arena_t *arena);

void *policy_arena_grow(policy_arena_t *arena, size_t size);


/* Aligned to 8, contents undefined; NULL only when there is no more, also
 * for a size of 0. */
static inline void *
policy_alloc(policy_arena_t *arena, size_t size)
{
    char  *p;

    size = (size + (size == 0) + POLICY_ALIGN - 1)
           & ~(size_t) (POLICY_ALIGN - 1);

    if (size > (size_t) (arena->end - arena->cur)) {
        return policy_arena_grow(arena, size);
    }

    p = arena->cur;
    arena->cur = p + size;

    return p;
}


/* n items of size bytes; NULL also when the product overflows. */
void *policy_alloc_array(policy_arena_t *arena, size_t n, size_t size);

/* A copy in the arena; data is NULL on failure, never NULL on success. */
policy_str_t policy_str_copy(policy_arena_t *arena, policy_str_t s);

int policy_str_equal(policy_str_t a, policy_str_t b);


/* Memory straight from the callbacks, for arrays that grow and shrink. */
void *policy_memory_alloc(const policy_memory_t *memory, size_t size);
void policy_memory_free(const policy_memory_t *memory, void *p, size_t size);


uint64_t policy_hash(uint64_t seed, const void *data, size_t len);

/* Spreads a hash again, so that one key can be used in several roles. */
static inline uint64_t
policy_hash_mix(uint64_t h, uint64_t role)
{
    h = (h ^ role) * 0x9e3779b97f4a7c15u;

    return h ^ (h >> 29);
}


/* Printer: writes what fits, counts what would have been written. */

typedef struct {
    char    *data;
    size_t   size;
    size_t   len;
} policy_print_t;

void policy_print_init(policy_print_t *p, char *data, size_t size);
void policy_print_char(policy_print_t *p, char c);
void policy_print_str(policy_print_t *p, const char *s);
void policy_print_text(policy_print_t *p, policy_str_t s);
void policy_print_u64(policy_print_t *p, uint64_t n);
void policy_print_i64(policy_print_t *p, int64_t n);

/* As a Cedar string, escapes where needed, without the quotes. */
void policy_print_escaped(policy_print_t *p, policy_str_t s);

/* Ends with NUL, cutting at a character; returns the full length. */
size_t policy_print_end(policy_print_t *p);


/*
 * Fills error (may be NULL) and returns status.  text and offset give line
 * and column; text.data NULL: no place.  format knows %s (const char *),
 * %S (const policy_str_t *), %u (unsigned), and nothing else.
 */
policy_status_t policy_fail(policy_error_t *error, policy_status_t status,
    policy_str_t file, policy_str_t text, size_t offset, const char *format,
    ...);

/* The same, without a place. */
policy_status_t policy_fail_plain(policy_error_t *error,
    policy_status_t status, const char *format, ...);

/* 1-based line and column, in characters, of a byte offset. */
void policy_place(policy_str_t text, size_t offset, uint32_t *line,
    uint32_t *column);


/*
 * One character at s (len > 0).  Returns its length and stores the code
 * point, or returns 0: not UTF-8 (overlong, surrogate, cut off, > 10FFFF).
 */
size_t policy_utf8_decode(const char *s, size_t len, uint32_t *c);
size_t policy_utf8_encode(uint32_t c, char *out);

/* Length of the longest valid prefix. */
size_t policy_utf8_valid(policy_str_t s);


#pragma GCC visibility pop

#endif /* POLICY_ARENA_H */
