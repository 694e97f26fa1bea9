#include <stdbool.h>
#include <stdint.h>

#include <sys/mman.h>

#include <openssl/crypto.h>

#include "tenant_room.h"

#if defined(__SANITIZE_ADDRESS__)
#define TENANT_ROOM_ASAN  1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TENANT_ROOM_ASAN  1
#endif
#endif

#if (TENANT_ROOM_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, size)    ((void) (p), (void) (size))
#define ASAN_UNPOISON_MEMORY_REGION(p, size)  ((void) (p), (void) (size))
#endif


#define TENANT_ROOM_PAGE     ((size_t) 2 << 20)     /* a large one */
#define TENANT_ROOM_LINE     ((size_t) 64)
#define TENANT_ROOM_SIZES    (TENANT_ROOM_BLOCK / TENANT_ROOM_LINE)

#define TENANT_ROOM_MAX      ((size_t) 1 << 46)     /* bytes: 2^31 chunks */
#define TENANT_ROOM_NONE     UINT32_MAX             /* no chunk */


/* A block that is free: whatever was in it. */
typedef struct tenant_room_free_s  tenant_room_free_t;

struct tenant_room_free_s {
    tenant_room_free_t  *next;
};


typedef struct {
    tenant_room_free_t  *free;
    uint32_t             next;      /* with free blocks of this size, or free;
                                       of whole chunks: their number */
    uint32_t             prev;
    uint16_t             lines;     /* of a block; 0: whole chunks */
    uint16_t             room;      /* for so many blocks */
    uint16_t             fresh;     /* blocks that were ever taken */
    uint16_t             used;      /* blocks that are not free */
} tenant_room_chunk_t;


struct tenant_room_s {
    char                 *data;         /* chunks */
    tenant_room_chunk_t  *chunks;       /* before them, in the same page */
    size_t                nchunks;
    size_t                nfresh;       /* chunks that were ever taken */
    size_t                ntaken;       /* chunks that are not free */
    size_t                blocks;
    size_t                outside;
    bool                  destroyed;

    uint64_t              some;         /* bits: sizes with a free block */
    uint32_t              free;         /* chunks */
    uint32_t              sizes[TENANT_ROOM_SIZES]; /* chunks with a free
                                                       block */
    void                 *map;
    size_t                map_size;
};


static size_t
tenant_room_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}


tenant_room_t *
tenant_room_create(size_t size)
{
    size_t          n, i, table, bytes, head;
    char           *map;
    tenant_room_t  *room;

    if (size > TENANT_ROOM_MAX) {
        return NULL;
    }

    /* each size may have one chunk that is not full, and an eighth more */
    n = (size + size / 8) / TENANT_ROOM_CHUNK + TENANT_ROOM_SIZES;
    table = tenant_room_up(n * sizeof(tenant_room_chunk_t), TENANT_ROOM_LINE);
    bytes = tenant_room_up(table + n * TENANT_ROOM_CHUNK, TENANT_ROOM_PAGE);

    room = OPENSSL_zalloc(sizeof(*room));

    if (room == NULL) {
        return NULL;
    }

    map = mmap(NULL, bytes + TENANT_ROOM_PAGE, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (map == MAP_FAILED) {
        OPENSSL_free(room);
        return NULL;
    }

    /* large pages are those that begin with one */
    head = (TENANT_ROOM_PAGE - (uintptr_t) map % TENANT_ROOM_PAGE)
           % TENANT_ROOM_PAGE;

    if (head > 0) {
        (void) munmap(map, head);
    }

    (void) munmap(map + head + bytes, TENANT_ROOM_PAGE - head);

    room->map = map + head;
    room->map_size = bytes;
    room->chunks = room->map;
    room->data = (char *) room->map + table;
    room->nchunks = n;
    room->free = TENANT_ROOM_NONE;

    for (i = 0; i < TENANT_ROOM_SIZES; i++) {
        room->sizes[i] = TENANT_ROOM_NONE;
    }

#ifdef MADV_HUGEPAGE
    /* a kernel without them is as good */
    (void) madvise(room->map, room->map_size, MADV_HUGEPAGE);
#endif

    ASAN_POISON_MEMORY_REGION(room->data, n * TENANT_ROOM_CHUNK);

#if (TENANT_ROOM_ASAN)
    __lsan_register_root_region(room->map, room->map_size);
#endif

    return room;
}


static void
tenant_room_unmap(tenant_room_t *room)
{
#if (TENANT_ROOM_ASAN)
    __lsan_unregister_root_region(room->map, room->map_size);
#endif

    ASAN_UNPOISON_MEMORY_REGION(room->map, room->map_size);

    (void) munmap(room->map, room->map_size);
    OPENSSL_free(room);
}


void
tenant_room_destroy(tenant_room_t *room)
{
    if (room == NULL) {
        return;
    }

    room->destroyed = true;

    if (room->blocks == 0) {
        tenant_room_unmap(room);
    }
}


/* Puts the chunk before the others of its size that have a free block. */
static void
tenant_room_link(tenant_room_t *room, uint32_t i)
{
    tenant_room_chunk_t  *chunk = &room->chunks[i];
    uint32_t             *first = &room->sizes[chunk->lines - 1];

    chunk->next = *first;
    chunk->prev = TENANT_ROOM_NONE;

    if (*first != TENANT_ROOM_NONE) {
        room->chunks[*first].prev = i;
    }

    *first = i;
    room->some |= UINT64_C(1) << (chunk->lines - 1);
}


static void
tenant_room_unlink(tenant_room_t *room, uint32_t i)
{
    tenant_room_chunk_t  *chunk = &room->chunks[i];
    uint32_t             *first = &room->sizes[chunk->lines - 1];

    if (chunk->next != TENANT_ROOM_NONE) {
        room->chunks[chunk->next].prev = chunk->prev;
    }

    if (chunk->prev != TENANT_ROOM_NONE) {
        room->chunks[chunk->prev].next = chunk->next;
        return;
    }

    *first = chunk->next;

    if (*first == TENANT_ROOM_NONE) {
        room->some &= ~(UINT64_C(1) << (chunk->lines - 1));
    }
}


/*
 * A row of free chunks; TENANT_ROOM_NONE: there is none.  Of those that were
 * taken before only a single one.
 */
static uint32_t
tenant_room_take(tenant_room_t *room, size_t n)
{
    uint32_t  i = room->free;

    if (n == 1 && i != TENANT_ROOM_NONE) {
        room->free = room->chunks[i].next;

    } else if (n <= room->nchunks - room->nfresh) {
        i = (uint32_t) room->nfresh;
        room->nfresh += n;

    } else {
        return TENANT_ROOM_NONE;
    }

    room->ntaken += n;
    return i;
}


static void
tenant_room_give(tenant_room_t *room, uint32_t i, size_t n)
{
    room->ntaken -= n;

    /* the first is the next to be taken */
    while (n-- > 0) {
        room->chunks[i + n].next = room->free;
        room->free = i + (uint32_t) n;
    }
}


static void *
tenant_room_outside(tenant_room_t *room, size_t size)
{
    void  *p = OPENSSL_malloc(size);

    if (p != NULL && room != NULL) {
        room->blocks++;
        room->outside++;
    }

    return p;
}


static void *
tenant_room_whole(tenant_room_t *room, size_t size)
{
    void      *p;
    size_t     n = size / TENANT_ROOM_CHUNK;
    uint32_t   i = tenant_room_take(room, n);

    if (i == TENANT_ROOM_NONE) {
        return tenant_room_outside(room, size);
    }

    room->chunks[i].lines = 0;
    room->chunks[i].next = (uint32_t) n;
    room->blocks++;

    p = room->data + i * TENANT_ROOM_CHUNK;
    ASAN_UNPOISON_MEMORY_REGION(p, size);
    return p;
}


/*
 * A chunk with a free block of so many lines, or of an eighth more: were it
 * of any size, chunks of sizes that are not in use any more would not get
 * free.
 */
static uint32_t
tenant_room_chunk(tenant_room_t *room, size_t lines)
{
    uint64_t              larger;
    uint32_t              i = tenant_room_take(room, 1);
    tenant_room_chunk_t  *chunk;

    if (i != TENANT_ROOM_NONE) {
        chunk = &room->chunks[i];
        chunk->free = NULL;
        chunk->lines = (uint16_t) lines;
        chunk->room = (uint16_t) (TENANT_ROOM_CHUNK
                                  / (lines * TENANT_ROOM_LINE));
        chunk->fresh = 0;
        chunk->used = 0;
        tenant_room_link(room, i);
        return i;
    }

    larger = room->some >> (lines - 1);

    if (larger == 0 || (size_t) __builtin_ctzll(larger) > lines / 8) {
        return TENANT_ROOM_NONE;
    }

    return room->sizes[lines - 1 + (size_t) __builtin_ctzll(larger)];
}


void *
tenant_room_alloc(tenant_room_t *room, size_t size)
{
    void                 *p;
    size_t                lines;
    uint32_t              i;
    tenant_room_chunk_t  *chunk;

    if (room == NULL) {
        return tenant_room_outside(NULL, size);
    }

    if (size == 0 || size > TENANT_ROOM_BLOCK) {
        return size > 0 && size % TENANT_ROOM_CHUNK == 0
               ? tenant_room_whole(room, size)
               : tenant_room_outside(room, size);
    }

    lines = (size + TENANT_ROOM_LINE - 1) / TENANT_ROOM_LINE;
    i = room->sizes[lines - 1];

    if (i == TENANT_ROOM_NONE) {
        i = tenant_room_chunk(room, lines);

        if (i == TENANT_ROOM_NONE) {
            return tenant_room_outside(room, size);
        }
    }

    chunk = &room->chunks[i];
    p = chunk->free;

    if (p != NULL) {
        ASAN_UNPOISON_MEMORY_REGION(p, sizeof(tenant_room_free_t));
        chunk->free = chunk->free->next;
        ASAN_POISON_MEMORY_REGION(p, sizeof(tenant_room_free_t));

    } else {
        p = room->data + i * TENANT_ROOM_CHUNK
            + (size_t) chunk->fresh++ * chunk->lines * TENANT_ROOM_LINE;
    }

    if (++chunk->used == chunk->room) {
        tenant_room_unlink(room, i);
    }

    room->blocks++;
    ASAN_UNPOISON_MEMORY_REGION(p, size);
    return p;
}


static void
tenant_room_free_block(tenant_room_t *room, uint32_t i, void *p)
{
    tenant_room_chunk_t  *chunk = &room->chunks[i];
    tenant_room_free_t   *block = p;

    ASAN_UNPOISON_MEMORY_REGION(block, sizeof(*block));
    block->next = chunk->free;
    chunk->free = block;
    ASAN_POISON_MEMORY_REGION(block, chunk->lines * TENANT_ROOM_LINE);

    if (chunk->used-- == chunk->room) {
        tenant_room_link(room, i);

    } else if (room->sizes[chunk->lines - 1] != i) {
        tenant_room_unlink(room, i);
        tenant_room_link(room, i);
    }

    if (chunk->used == 0) {
        tenant_room_unlink(room, i);
        tenant_room_give(room, i, 1);
    }
}


void
tenant_room_free(tenant_room_t *room, void *p)
{
    size_t    n, at;
    uint32_t  i;

    if (room == NULL || p == NULL) {
        OPENSSL_free(p);
        return;
    }

    at = (size_t) ((uintptr_t) p - (uintptr_t) room->data);
    i = (uint32_t) (at / TENANT_ROOM_CHUNK);

    if (at / TENANT_ROOM_CHUNK >= room->nchunks) {
        OPENSSL_free(p);
        room->outside--;

    } else if (room->chunks[i].lines > 0) {
        tenant_room_free_block(room, i, p);

    } else {
        n = room->chunks[i].next;
        ASAN_POISON_MEMORY_REGION(p, n * TENANT_ROOM_CHUNK);
        tenant_room_give(room, i, n);
    }

    if (--room->blocks == 0 && room->destroyed) {
        tenant_room_unmap(room);
    }
}


size_t
tenant_room_size(const tenant_room_t *room, size_t size)
{
    size_t  lines, n;

    if (room != NULL && size > 0 && size <= TENANT_ROOM_BLOCK) {
        lines = (size + TENANT_ROOM_LINE - 1) / TENANT_ROOM_LINE;
        n = TENANT_ROOM_CHUNK / (lines * TENANT_ROOM_LINE);
        return (TENANT_ROOM_CHUNK + n - 1) / n;
    }

    if (room != NULL && size > 0 && size % TENANT_ROOM_CHUNK == 0) {
        return size;
    }

    /* glibc's, of which others are not far: a word, and multiples of 16 */
    return size < 24 ? 32 : (size + sizeof(size_t) + 15) & ~(size_t) 15;
}


void
tenant_room_stats(const tenant_room_t *room, tenant_room_stats_t *stats)
{
    stats->reserved = room->nchunks * TENANT_ROOM_CHUNK;
    stats->taken = room->ntaken * TENANT_ROOM_CHUNK;
    stats->blocks = room->blocks;
    stats->outside = room->outside;
}
