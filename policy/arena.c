/* Arenas: memory that is only given back as a whole. */

#include "arena.h"

#include <string.h>


#define CHUNK_MAX  262144u


void *
policy_memory_alloc(const policy_memory_t *memory, size_t size)
{
    return memory->alloc(memory->data, size);
}


void
policy_memory_free(const policy_memory_t *memory, void *p, size_t size)
{
    if (p != NULL && memory->free != NULL) {
        memory->free(memory->data, p, size);
    }
}


policy_arena_t *
policy_arena_init(void *buffer, size_t size)
{
    size_t           header;
    policy_arena_t  *arena;

    header = (sizeof(policy_arena_t) + POLICY_ALIGN - 1)
             & ~(size_t) (POLICY_ALIGN - 1);

    if (buffer == NULL || size < header
        || (uintptr_t) buffer % POLICY_ALIGN != 0)
    {
        return NULL;
    }

    arena = buffer;
    memset(arena, 0, sizeof(policy_arena_t));

    arena->base = (char *) buffer + header;
    arena->cur = arena->base;
    arena->limit = arena->base
                   + ((size - header) & ~(size_t) (POLICY_ALIGN - 1));
    arena->end = arena->limit;

    return arena;
}


POLICY_HOT
void
policy_arena_reset(policy_arena_t *arena)
{
    if (arena->base != NULL) {
        arena->cur = arena->base;
        arena->end = arena->limit;
    }
}


policy_status_t
policy_arena_aim(policy_arena_t *arena, void *buffer, size_t size)
{
    if (arena->base == NULL || buffer == NULL
        || (uintptr_t) buffer % POLICY_ALIGN != 0)
    {
        return POLICY_MISUSE;
    }

    arena->base = buffer;
    arena->cur = buffer;
    arena->limit = (char *) buffer + (size & ~(size_t) (POLICY_ALIGN - 1));
    arena->end = arena->limit;

    return POLICY_OK;
}


POLICY_HOT
size_t
policy_arena_mark(const policy_arena_t *arena)
{
    return arena->base != NULL ? (size_t) (arena->cur - arena->base) : 0;
}


void
policy_arena_release(policy_arena_t *arena, size_t mark)
{
    if (arena->base != NULL && mark <= (size_t) (arena->cur - arena->base)) {
        arena->cur = arena->base + mark;
        arena->end = arena->limit;
    }
}


void
policy_arena_start(policy_arena_t *arena, const policy_memory_t *memory,
    size_t first)
{
    memset(arena, 0, sizeof(policy_arena_t));

    arena->memory = *memory;
    arena->next = first;
    arena->copies = 1;
}


static void
chunks_free(policy_arena_t *arena, policy_chunk_t *chunk)
{
    policy_chunk_t  *next;

    for ( /* void */ ; chunk != NULL; chunk = next) {
        next = chunk->next;
        arena->taken -= chunk->size;
        policy_memory_free(&arena->memory, chunk, chunk->size);
    }
}


void
policy_arena_stop(policy_arena_t *arena)
{
    chunks_free(arena, arena->chunks);

    arena->chunks = NULL;
    arena->cur = NULL;
    arena->end = NULL;
}


void
policy_arena_clear(policy_arena_t *arena)
{
    policy_chunk_t  *chunk;

    chunk = arena->chunks;

    if (chunk == NULL) {
        return;
    }

    chunks_free(arena, chunk->next);
    chunk->next = NULL;

    arena->cur = (char *) (chunk + 1);
    arena->end = (char *) chunk + chunk->size;
}


void *
policy_arena_grow(policy_arena_t *arena, size_t size)
{
    size_t           want;
    policy_chunk_t  *chunk;

    if (arena->base != NULL || arena->memory.alloc == NULL
        || size > SIZE_MAX / 2)
    {
        return NULL;
    }

    want = size + sizeof(policy_chunk_t);

    if (want < arena->next) {
        want = arena->next;
    }

    chunk = policy_memory_alloc(&arena->memory, want);
    if (chunk == NULL) {
        return NULL;
    }

    chunk->size = want;
    arena->taken += want;

    if (arena->next < CHUNK_MAX) {
        arena->next *= 2;
    }

    chunk->next = arena->chunks;
    arena->chunks = chunk;

    arena->cur = (char *) (chunk + 1) + size;
    arena->end = (char *) chunk + want;

    return chunk + 1;
}


void *
policy_alloc_array(policy_arena_t *arena, size_t n, size_t size)
{
    if (size != 0 && n > SIZE_MAX / 4 / size) {
        return NULL;
    }

    return policy_alloc(arena, n * size);
}


policy_str_t
policy_str_copy(policy_arena_t *arena, policy_str_t s)
{
    char          *p;
    policy_str_t   copy;

    copy.data = NULL;
    copy.len = 0;

    p = policy_alloc(arena, s.len + 1);

    if (p != NULL) {
        if (s.len != 0) {
            memcpy(p, s.data, s.len);
        }

        p[s.len] = '\0';
        copy.data = p;
        copy.len = s.len;
    }

    return copy;
}


int
policy_str_equal(policy_str_t a, policy_str_t b)
{
    return a.len == b.len
           && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}


static inline uint64_t
fold(uint64_t a, uint64_t b)
{
    unsigned __int128  m;

    m = (unsigned __int128) a * b;

    return (uint64_t) m ^ (uint64_t) (m >> 64);
}


static inline uint64_t
load(const unsigned char *p, size_t n)
{
    uint64_t  v;

    v = 0;
    memcpy(&v, p, n);

    return v;
}


/*
 * Multiply and fold, 16 bytes a step.  Collisions cost time only: whoever
 * compares hashes compares the text as well.
 */
uint64_t
policy_hash(uint64_t seed, const void *data, size_t len)
{
    size_t                n;
    uint64_t              h;
    const unsigned char  *p;

    p = data;
    h = seed ^ 0x2d358dccaa6c78a5u;

    for (n = len; n > 16; n -= 16, p += 16) {
        h = fold(load(p, 8) ^ 0x8bb84b93962eacc9u ^ h,
                 load(p + 8, 8) ^ 0x4b33a62ed433d4a3u);
    }

    if (n > 8) {
        h = fold(load(p, 8) ^ 0x8bb84b93962eacc9u ^ h,
                 load(p + 8, n - 8) ^ 0x4b33a62ed433d4a3u);

    } else if (n > 0) {
        h = fold(load(p, n) ^ 0x8bb84b93962eacc9u, h ^ 0x4d5a2da51de1aa47u);
    }

    return fold(h ^ 0xa0761d6478bd642fu, len ^ 0xe7037ed1a0b428dbu);
}
