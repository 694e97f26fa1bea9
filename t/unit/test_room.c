#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sys/mman.h>
#include <sys/resource.h>

#include "tenant_cache.h"
#include "tenant_room.h"
#include "unit.h"


#define LARGE_PAGE  ((size_t) 2 << 20)


static tenant_room_t *
create(size_t size)
{
    tenant_room_t  *room = tenant_room_create(size);

    ck_assert_ptr_nonnull(room);
    return room;
}


static void *
take(tenant_room_t *room, size_t size)
{
    void  *p = tenant_room_alloc(room, size);

    ck_assert_ptr_nonnull(p);
    return p;
}


static tenant_room_stats_t
stats(const tenant_room_t *room)
{
    tenant_room_stats_t  s;

    tenant_room_stats(room, &s);
    return s;
}


/* Blocks of the size until one is malloc()'s; returns how many there are. */
static size_t
fill(tenant_room_t *room, size_t size, void **blocks, size_t max)
{
    size_t  n = 0, outside = stats(room).outside;

    while (stats(room).outside == outside) {
        ck_assert_uint_lt(n, max);
        blocks[n++] = take(room, size);
    }

    return n;
}


static void
give(tenant_room_t *room, void **blocks, size_t n)
{
    while (n > 0) {
        tenant_room_free(room, blocks[--n]);
    }
}


START_TEST(block_begins_with_a_line_and_is_of_its_size)
{
    tenant_room_t  *room = create(1 << 20);
    size_t          size, sum = 0;
    char           *p, *q;

    for (size = 1; size <= TENANT_ROOM_BLOCK; size++) {
        p = take(room, size);
        q = take(room, size);
        ck_assert_uint_eq((uintptr_t) p % 64, 0);
        ck_assert_uint_eq((uintptr_t) q % 64, 0);
        ck_assert(p + size <= q || q + size <= p);
        memset(p, 1, size);
        memset(q, 2, size);
        ck_assert_int_eq(p[0] + p[size - 1], 2);

        /* what it takes: a line and an eighth more at the most */
        ck_assert_uint_ge(tenant_room_size(room, size), size);
        ck_assert_uint_le(tenant_room_size(room, size), (size + 63) * 9 / 8);
        tenant_room_free(room, p);
        tenant_room_free(room, q);
    }

    /* a chunk of them is a chunk */
    for (size = 0; size < TENANT_ROOM_CHUNK / 896; size++) {
        sum += tenant_room_size(room, 833);
    }

    ck_assert_uint_ge(sum, TENANT_ROOM_CHUNK);
    ck_assert_uint_lt(sum, TENANT_ROOM_CHUNK + 64);
    ck_assert_uint_eq(stats(room).outside, 0);
    ck_assert_uint_eq(stats(room).blocks, 0);
    ck_assert_uint_eq(stats(room).taken, 0);
    tenant_room_destroy(room);
}
END_TEST


START_TEST(what_was_free_last_is_taken_first)
{
    tenant_room_t  *room = create(1 << 20);
    void           *blocks[100], *other, *p;
    size_t          i;

    for (i = 0; i < 100; i++) {
        blocks[i] = take(room, 900);
    }

    other = take(room, 896);
    tenant_room_free(room, blocks[90]);
    tenant_room_free(room, blocks[10]);
    ck_assert_ptr_eq(take(room, 897), blocks[10]);
    ck_assert_ptr_eq(take(room, 960), blocks[90]);

    /* be the chunk full or not, and those of other sizes what they may */
    tenant_room_free(room, blocks[10]);
    tenant_room_free(room, blocks[90]);
    p = take(room, 896);
    ck_assert_ptr_ne(p, blocks[90]);
    tenant_room_free(room, p);
    ck_assert_ptr_eq(take(room, 897), blocks[90]);
    blocks[10] = take(room, 900);

    give(room, blocks, 100);
    ck_assert_uint_eq(stats(room).blocks, 1);
    ck_assert_uint_eq(stats(room).taken, TENANT_ROOM_CHUNK);
    tenant_room_free(room, other);
    tenant_room_destroy(room);
}
END_TEST


START_TEST(room_that_is_full_is_no_failure)
{
    enum { MAX = 50000 };
    tenant_room_t   *room = create(4 << 20);
    void           **blocks = malloc(MAX * sizeof(void *)), *p, *q;
    size_t           n, size;

    n = fill(room, 896, blocks, MAX);
    ck_assert_uint_ge(n - 1, (4 << 20) / tenant_room_size(room, 896));
    ck_assert_uint_eq(stats(room).taken, stats(room).reserved);
    ck_assert_uint_le(stats(room).reserved,
                      (4 << 20) / 8 * 9 + 64 * TENANT_ROOM_CHUNK);

    /* the last one is malloc()'s, and so are those of other sizes */
    memset(blocks[n - 1], 1, 896);
    p = take(room, 64);
    q = take(room, TENANT_ROOM_CHUNK);
    memset(q, 1, TENANT_ROOM_CHUNK);
    ck_assert_uint_eq(stats(room).outside, 3);
    tenant_room_free(room, p);
    tenant_room_free(room, q);

    /* a free block is good for an eighth less as well */
    tenant_room_free(room, blocks[7]);

    for (size = 64; size <= TENANT_ROOM_BLOCK; size += 64) {
        p = take(room, size);
        ck_assert_int_eq(p == blocks[7], size >= 832 && size <= 896);
        tenant_room_free(room, p);
    }

    blocks[7] = take(room, 832);

    /* without memory it is */
    unit_fail_start(0, true);
    ck_assert_ptr_null(tenant_room_alloc(room, 896));
    ck_assert(unit_fail_stop());
    ck_assert_uint_eq(stats(room).blocks, n);
    ck_assert_uint_eq(stats(room).outside, 1);

    give(room, blocks, n);
    ck_assert_uint_eq(stats(room).blocks, 0);
    ck_assert_uint_eq(stats(room).outside, 0);
    ck_assert_uint_eq(stats(room).taken, 0);
    tenant_room_destroy(room);
    free(blocks);
}
END_TEST


START_TEST(memory_of_one_size_is_free_for_others)
{
    enum { MAX = 200000 };
    static const size_t  sizes[] = { 896, 64, 4096, 960, 2112, 128, 832 };
    tenant_room_t       *room = create(4 << 20);
    void               **blocks = malloc(MAX * sizeof(void *));
    size_t               i, n;

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        n = fill(room, sizes[i], blocks, MAX);
        ck_assert_uint_eq(stats(room).taken, stats(room).reserved);
        ck_assert_uint_ge((n - 1) * tenant_room_size(room, sizes[i]),
                          stats(room).reserved);
        give(room, blocks, n);
        ck_assert_uint_eq(stats(room).taken, 0);
    }

    tenant_room_destroy(room);
    free(blocks);
}
END_TEST


/* A table that doubles: what it leaves behind is good for blocks. */
START_TEST(whole_chunks_become_blocks)
{
    enum { MAX = 10000 };
    tenant_room_t   *room = create(4 << 20);
    void           **blocks = malloc(MAX * sizeof(void *)), *last = NULL, *p;
    size_t           n, size;

    for (size = TENANT_ROOM_CHUNK; size <= 1 << 20; size *= 2) {
        ck_assert_uint_eq(tenant_room_size(room, size), size);
        p = take(room, size);
        memset(p, (int) (size >> 15), size);
        ck_assert_uint_eq(((char *) p)[size - 1], size >> 15);
        ck_assert_uint_eq((uintptr_t) p % 64, 0);
        tenant_room_free(room, last);
        ck_assert_uint_eq(stats(room).taken, size);
        last = p;
    }

    ck_assert_uint_eq(stats(room).outside, 0);
    n = fill(room, 4096, blocks, MAX);
    ck_assert_uint_eq((n - 1) * 4096 + (1 << 20), stats(room).reserved);
    give(room, blocks, n);

    /* chunks that were blocks are no row, but single ones are */
    p = take(room, TENANT_ROOM_CHUNK);
    ck_assert_uint_eq(stats(room).outside, 0);
    tenant_room_free(room, take(room, 2 * TENANT_ROOM_CHUNK));
    tenant_room_free(room, p);
    tenant_room_free(room, last);
    ck_assert_uint_eq(stats(room).taken, 0);
    tenant_room_destroy(room);
    free(blocks);
}
END_TEST


START_TEST(random_steps_agree_with_a_model)
{
    enum { BLOCKS = 3000, STEPS = 300000 };
    struct { unsigned char *p; size_t size; unsigned char mark; } *model, *m;
    tenant_room_t  *room = create(1 << 20);
    size_t          i, live = 0;
    int             step;
    bool            full = false;

    model = calloc(BLOCKS, sizeof(*model));
    srandom(11);

    for (step = 0; step < STEPS; step++) {
        m = &model[random() % BLOCKS];

        if (m->p != NULL) {
            ck_assert_uint_eq(m->p[0], m->mark);
            ck_assert_uint_eq(m->p[m->size / 2], m->mark);
            ck_assert_uint_eq(m->p[m->size - 1], m->mark);
            tenant_room_free(room, m->p);
            m->p = NULL;
            live--;

        } else {
            /* mostly alike, as tokens are, and others of any size */
            m->size = random() % 8 ? 700 + (size_t) random() % 300
                      : random() % 100 ? 1 + (size_t) random() % 5000
                      : TENANT_ROOM_CHUNK * (1 + (size_t) random() % 3);
            m->mark = (unsigned char) step;
            m->p = take(room, m->size);
            memset(m->p, m->mark, m->size);
            live++;
        }

        ck_assert_uint_eq(stats(room).blocks, live);
        ck_assert_uint_le(stats(room).taken, stats(room).reserved);
        full |= stats(room).taken == stats(room).reserved;
    }

    ck_assert(full);

    for (i = 0; i < BLOCKS; i++) {
        tenant_room_free(room, model[i].p);
    }

    ck_assert_uint_eq(stats(room).blocks, 0);
    ck_assert_uint_eq(stats(room).outside, 0);
    ck_assert_uint_eq(stats(room).taken, 0);
    tenant_room_destroy(room);
    free(model);
}
END_TEST


/* A gigabyte is reserved, two megabytes are taken. */
START_TEST(pages_are_taken_when_they_are_needed)
{
    enum { SIZE = 1 << 30, PAGE = 4096 };
    static unsigned char  in_memory[SIZE / PAGE];
    tenant_room_t        *room = create(SIZE);
    void                 *blocks[1000];
    char                 *p;
    size_t                i, n = 0;

    for (i = 0; i < 1000; i++) {
        blocks[i] = take(room, 900);
        memset(blocks[i], 1, 900);
    }

    p = (char *) blocks[0] - (uintptr_t) blocks[0] % LARGE_PAGE;
    ck_assert_int_eq(mincore(p, SIZE, in_memory), 0);

    for (i = 0; i < SIZE / PAGE; i++) {
        n += in_memory[i] & 1;
    }

    ck_assert_uint_ge(n, 1000 * 900 / PAGE);
    ck_assert_uint_le(n, LARGE_PAGE / PAGE);
    give(room, blocks, 1000);
    tenant_room_destroy(room);
}
END_TEST


START_TEST(blocks_outlive_the_room)
{
    tenant_room_t  *room = create(1 << 20);
    char           *p = take(room, 900), *q = take(room, 5000);

    memset(p, 1, 900);
    tenant_room_destroy(room);
    memset(q, p[899], 5000);
    tenant_room_free(room, p);
    ck_assert_int_eq(q[4999], 1);
    tenant_room_free(room, q);
    tenant_room_destroy(NULL);
}
END_TEST


START_TEST(without_a_room_there_is_malloc)
{
    struct rlimit  limit, none;
    void          *p;

    /* what the kernel does not give (a sanitizer has its own by now) */
    tenant_room_destroy(create(1 << 20));
    ck_assert_int_eq(getrlimit(RLIMIT_AS, &limit), 0);
    none = limit;
    none.rlim_cur = 1 << 20;
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &none), 0);
    ck_assert_ptr_null(tenant_room_create(1 << 30));
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);

    /* what cannot be */
    ck_assert_ptr_null(tenant_room_create(SIZE_MAX));

    unit_fail_start(0, true);
    ck_assert_ptr_null(tenant_room_create(1 << 20));
    ck_assert(unit_fail_stop());

    p = take(NULL, 900);
    memset(p, 1, 900);
    ck_assert_uint_ge(tenant_room_size(NULL, 900), malloc_usable_size(p));
    tenant_room_free(NULL, p);
    tenant_room_free(NULL, NULL);
}
END_TEST


/* Where malloc says it, the sum of blocks is what was taken. */
START_TEST(size_of_a_block_is_what_malloc_takes)
{
    size_t  size;
    void   *p;

    for (size = 1; size < 5000; size++) {
        p = malloc(size);
        ck_assert_uint_ge(tenant_room_size(NULL, size),
                          malloc_usable_size(p) < size + 16
                          ? malloc_usable_size(p) : size);
        ck_assert_uint_le(tenant_room_size(NULL, size), size + 32);
        free(p);
    }
}
END_TEST


static void
release(void *value, void *data)
{
    tenant_room_free(data, value);
}


/*
 * A full cache of tokens of one size, then tokens of another size come, which
 * take the place of the first.  As long as there are some of the first, their
 * chunks are of no use for the second, of which some are malloc()'s.  In the
 * end the cache takes as much as it may, and nothing beside it.
 */
START_TEST(tokens_of_another_size_find_room)
{
    enum { MAX = 8 << 20 };
    static const size_t  sizes[] = { 896, 960, 1536, 832, 320 };
    tenant_room_t        *room = create(MAX);
    tenant_cache_conf_t   conf = { 1 << 20, MAX, room, release, room };
    tenant_cache_t       *cache = tenant_cache_create(&conf);
    tenant_cache_stats_t  s;
    tenant_cache_tag_t    tag = { 0, 0 };
    size_t                i, n, price, most;

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        price = tenant_room_size(room, sizes[i]);
        most = 0;

        for (n = 0; n < 12 * MAX / price; n++) {
            tag.first++;
            tag.second = (uint64_t) random() << 31 ^ (uint64_t) random();
            ck_assert_int_eq(tenant_cache_insert(cache, tag,
                                 take(room, sizes[i]), price, 2000, 1000),
                             TENANT_CACHE_OK);

            if (stats(room).outside > most) {
                most = stats(room).outside;
            }
        }

        tenant_cache_stats(cache, &s);
        ck_assert_uint_le(s.bytes, MAX);
        ck_assert_uint_le(most * price, MAX / 2);

        /* but for a small table, which is malloc()'s */
        ck_assert_uint_le(stats(room).outside, 1);
        ck_assert_uint_le(stats(room).taken, MAX + 4 * TENANT_ROOM_CHUNK);
    }

    tenant_cache_destroy(cache);
    ck_assert_uint_eq(stats(room).blocks, 0);
    tenant_room_destroy(room);
}
END_TEST


Suite *
suite_room(void)
{
    Suite  *s = suite_create("room");
    TCase  *t = tcase_create("room");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, block_begins_with_a_line_and_is_of_its_size);
    tcase_add_test(t, what_was_free_last_is_taken_first);
    tcase_add_test(t, room_that_is_full_is_no_failure);
    tcase_add_test(t, memory_of_one_size_is_free_for_others);
    tcase_add_test(t, whole_chunks_become_blocks);
    tcase_add_test(t, random_steps_agree_with_a_model);
    tcase_add_test(t, pages_are_taken_when_they_are_needed);
    tcase_add_test(t, blocks_outlive_the_room);
    tcase_add_test(t, without_a_room_there_is_malloc);
    tcase_add_test(t, size_of_a_block_is_what_malloc_takes);
    tcase_add_test(t, tokens_of_another_size_find_room);
    suite_add_tcase(s, t);
    return s;
}
