/*
 * Memory for what a worker keeps of tokens: blocks that begin with a cache
 * line, in one piece of address space with large pages, where the kernel has
 * them.  Of many tokens each is seldom in the processor's caches; with pages
 * of 4 KB its address is not there either.
 *
 * A room is a row of chunks.  A chunk has blocks of one size, a multiple of
 * 64 bytes, and goes back to all sizes when the last of them is free; larger
 * ones are whole chunks.  When no chunk is left, a free block is taken that is
 * up to an eighth larger, or malloc()'s: nothing fails because of the room,
 * and of its memory no more is ever taken than was reserved.  When the sizes
 * that are asked for change, malloc()'s are as many as there are free blocks
 * of the old ones, and none when those have left.
 *
 * Everything is O(1).  For one thread.  NULL is a room without any memory of
 * its own: all is malloc()'s, aligned as that does.
 */

#ifndef TENANT_ROOM_H
#define TENANT_ROOM_H

#include <stddef.h>


#define TENANT_ROOM_CHUNK  ((size_t) 32768)
#define TENANT_ROOM_BLOCK  ((size_t) 4096)      /* a larger one is malloc()'s,
                                                   or whole chunks */

typedef struct tenant_room_s  tenant_room_t;


typedef struct {
    size_t  reserved;           /* bytes of address space, for blocks */
    size_t  taken;              /* bytes of chunks that have a block */
    size_t  blocks;             /* all that are not free */
    size_t  outside;            /* those of them that are malloc()'s */
} tenant_room_stats_t;


/*
 * Reserves address space for blocks of so many bytes, by tenant_room_size(),
 * and some more.  Pages are taken when they are first needed.  NULL: there is
 * none to have.
 */
tenant_room_t *tenant_room_create(size_t size);

/* The memory goes with the last block that is not free yet. */
void tenant_room_destroy(tenant_room_t *room);


/*
 * A block, or NULL: no memory.  Of its size the one that was freed last is
 * the next to be taken: it is still in the processor's caches.
 */
void *tenant_room_alloc(tenant_room_t *room, size_t size);

/* p of this room, or NULL. */
void tenant_room_free(tenant_room_t *room, void *p);


/*
 * Bytes that a block of size bytes takes: the part of a chunk, with what is
 * left over at its end.
 */
size_t tenant_room_size(const tenant_room_t *room, size_t size);

void tenant_room_stats(const tenant_room_t *room, tenant_room_stats_t *stats);


#endif /* TENANT_ROOM_H */
