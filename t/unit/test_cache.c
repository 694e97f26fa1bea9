#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tenant_cache.h"
#include "unit.h"


/* Values are counters of their releases. */
static int  released[4096];


static void
release(void *value, void *data)
{
    ck_assert_ptr_eq(data, released);
    ++*(int *) value;
}


static tenant_cache_t *
create(size_t entries, size_t bytes)
{
    tenant_cache_conf_t  conf = { entries, bytes, NULL, release, released };
    tenant_cache_t      *cache = tenant_cache_create(&conf);

    ck_assert_ptr_nonnull(cache);
    memset(released, 0, sizeof(released));
    return cache;
}


static void *
find(tenant_cache_t *cache, const char *token, size_t len, int64_t now)
{
    return tenant_cache_find(cache, tenant_cache_tag(cache, token, len), now);
}


static tenant_cache_status_t
insert(tenant_cache_t *cache, const char *token, size_t len, void *value,
    size_t size, int64_t expires, int64_t now)
{
    return tenant_cache_insert(cache, tenant_cache_tag(cache, token, len),
                               value, size, expires, now);
}


static tenant_cache_status_t
put(tenant_cache_t *cache, const char *token, int i, int64_t expires)
{
    return insert(cache, token, strlen(token), &released[i], 100,
                               expires, 1000);
}


/* The index of the value, or -1. */
static int
get(tenant_cache_t *cache, const char *token, int64_t now)
{
    int  *value = find(cache, token, strlen(token), now);

    return value != NULL ? (int) (value - released) : -1;
}


/* Bytes of an empty cache. */
static size_t
empty_bytes(void)
{
    return tenant_room_size(NULL, 64 * tenant_cache_entry_size());
}


static tenant_cache_stats_t
stats(const tenant_cache_t *cache)
{
    tenant_cache_stats_t  s;

    tenant_cache_stats(cache, &s);
    return s;
}


START_TEST(token_is_found_only_whole_and_in_time)
{
    tenant_cache_t  *cache = create(8, 65536);

    ck_assert_int_eq(put(cache, "a.b.c", 1, 1100), TENANT_CACHE_OK);
    ck_assert_int_eq(get(cache, "a.b.c", 1000), 1);
    ck_assert_int_eq(get(cache, "a.b.c", 1099), 1);
    ck_assert_int_eq(get(cache, "a.b.", 1000), -1);
    ck_assert_int_eq(get(cache, "a.b.cc", 1000), -1);
    ck_assert_int_eq(get(cache, "a.b.d", 1000), -1);
    ck_assert_int_eq(get(cache, "", 1000), -1);
    ck_assert_uint_eq(stats(cache).hits, 2);
    ck_assert_uint_eq(stats(cache).misses, 4);

    /* at its end it leaves, even if the clock steps back */
    ck_assert_int_eq(get(cache, "a.b.c", 1100), -1);
    ck_assert_int_eq(released[1], 1);
    ck_assert_int_eq(get(cache, "a.b.c", 1000), -1);
    ck_assert_uint_eq(stats(cache).expired, 1);
    ck_assert_uint_eq(stats(cache).misses, 6);
    ck_assert_uint_eq(stats(cache).entries, 0);
    ck_assert_uint_eq(stats(cache).bytes, empty_bytes());
    tenant_cache_destroy(cache);
    ck_assert_int_eq(released[1], 1);
}
END_TEST


/* every length around the blocks of the hash, every byte of each */
START_TEST(tokens_that_differ_in_one_byte_are_two)
{
    tenant_cache_t  *cache = create(4096, 16 << 20);
    char             token[80];
    size_t           len, at;

    memset(token, 'A', sizeof(token));

    for (len = 0; len < sizeof(token); len++) {
        ck_assert_int_eq(insert(cache, token, len,
                                             &released[len], 0, 2000, 1000),
                         TENANT_CACHE_OK);
    }

    for (len = 0; len < sizeof(token); len++) {
        ck_assert_ptr_eq(find(cache, token, len, 1000),
                         &released[len]);

        for (at = 0; at < len; at++) {
            token[at] = 'B';
            ck_assert_ptr_null(find(cache, token, len, 1000));
            token[at] = 'A';
        }
    }

    tenant_cache_destroy(cache);

    for (len = 0; len < sizeof(token); len++) {
        ck_assert_int_eq(released[len], 1);
    }
}
END_TEST


START_TEST(what_was_not_found_since_leaves_first)
{
    tenant_cache_t  *cache = create(3, 65536);

    put(cache, "a", 1, 2000);
    put(cache, "b", 2, 2000);
    put(cache, "c", 3, 2000);
    ck_assert_int_eq(get(cache, "a", 1000), 1);
    ck_assert_int_eq(get(cache, "c", 1000), 3);
    put(cache, "d", 4, 2000);

    ck_assert_int_eq(get(cache, "b", 1000), -1);
    ck_assert_int_eq(released[2], 1);
    ck_assert_int_eq(get(cache, "a", 1000), 1);
    ck_assert_int_eq(get(cache, "c", 1000), 3);
    ck_assert_int_eq(get(cache, "d", 1000), 4);
    ck_assert_uint_eq(stats(cache).evictions, 1);
    ck_assert_uint_eq(stats(cache).entries, 3);

    /* when all were found, one of them goes, and not the new one */
    put(cache, "e", 5, 2000);
    ck_assert_int_eq(get(cache, "e", 1000), 5);
    ck_assert_uint_eq(stats(cache).entries, 3);
    ck_assert_uint_eq(stats(cache).evictions, 2);
    tenant_cache_destroy(cache);
}
END_TEST


START_TEST(what_is_over_leaves_before_what_is_not)
{
    tenant_cache_t  *cache = create(3, 65536);

    put(cache, "a", 1, 2000);
    put(cache, "b", 2, 1500);
    put(cache, "c", 3, 2000);
    ck_assert_int_eq(get(cache, "a", 1400), 1);
    ck_assert_int_eq(get(cache, "b", 1400), 2);
    ck_assert_int_eq(get(cache, "c", 1400), 3);
    ck_assert_int_eq(insert(cache, "d", 1, &released[4], 100,
                                         2000, 1600), TENANT_CACHE_OK);
    ck_assert_int_eq(released[1] + released[3], 0);
    ck_assert_int_eq(released[2], 1);
    tenant_cache_destroy(cache);
}
END_TEST


/* Most of those in use stay while others come and go. */
START_TEST(tokens_in_use_survive_a_flood_of_others)
{
    tenant_cache_t  *cache = create(100, 1 << 20);
    char             token[16];
    int              i, n, kept = 0;

    for (i = 0; i < 50; i++) {
        snprintf(token, sizeof(token), "u%d", i);
        put(cache, token, i, 2000);
    }

    for (n = 0; n < 2000; n++) {
        snprintf(token, sizeof(token), "flood%d", n);
        put(cache, token, 1000 + n, 2000);
        snprintf(token, sizeof(token), "u%d", n % 50);
        (void) get(cache, token, 1000);
    }

    for (i = 0; i < 50; i++) {
        snprintf(token, sizeof(token), "u%d", i);
        kept += get(cache, token, 1000) == i;
    }

    ck_assert_int_ge(kept, 45);
    tenant_cache_destroy(cache);
}
END_TEST


/*
 * New tokens only, three in four slots taken: what is old leaves everywhere
 * in the table.  Chance makes rows of 200 slots.
 */
START_TEST(rows_stay_short_when_tokens_come_once)
{
    enum { ENTRIES = 3000 };
    tenant_cache_t  *cache = create(ENTRIES, 1 << 20);
    char             token[16];
    int              i;

    for (i = 0; i < 10 * ENTRIES; i++) {
        snprintf(token, sizeof(token), "once%d", i);
        ck_assert_int_eq(put(cache, token, i % 4096, 2000), TENANT_CACHE_OK);

        if (i % ENTRIES == 0) {
            ck_assert_uint_le(tenant_cache_row(cache), 600);
        }
    }

    ck_assert_uint_eq(stats(cache).entries, ENTRIES);
    ck_assert_uint_eq(stats(cache).evictions, 9 * ENTRIES);
    tenant_cache_destroy(cache);
}
END_TEST


/* The newest is no more likely to be the next than others are. */
START_TEST(what_is_new_is_not_the_first_to_leave)
{
    enum { ENTRIES = 48, TOKENS = 20000 };
    tenant_cache_t  *cache = create(ENTRIES, 65536);
    char             token[16];
    int              i, before, first = 0;

    for (i = 1; i < TOKENS; i++) {
        snprintf(token, sizeof(token), "new%d", i);
        before = released[(i - 1) % 4096];
        ck_assert_int_eq(put(cache, token, i % 4096, 2000), TENANT_CACHE_OK);
        first += released[(i - 1) % 4096] != before;
    }

    ck_assert_int_lt(first, TOKENS / ENTRIES / 2);
    tenant_cache_destroy(cache);
}
END_TEST


START_TEST(bytes_are_bounded_with_table_and_values)
{
    size_t           table = empty_bytes(), max = table + 300;
    tenant_cache_t  *cache = create(100, max);
    char             token[11];
    int              i;

    for (i = 0; i < 10; i++) {
        snprintf(token, sizeof(token), "%010d", i);
        ck_assert_int_eq(put(cache, token, i, 2000), TENANT_CACHE_OK);
        ck_assert_uint_le(stats(cache).bytes, max);
    }

    ck_assert_uint_eq(stats(cache).entries, 3);
    ck_assert_uint_eq(stats(cache).bytes, max);
    ck_assert_uint_eq(stats(cache).evictions, 7);

    /* a large one pushes out all the others */
    ck_assert_int_eq(insert(cache, "x", 1, &released[50], 300,
                                         2000, 1000), TENANT_CACHE_OK);
    ck_assert_uint_eq(stats(cache).entries, 1);
    ck_assert_uint_eq(stats(cache).bytes, max);

    /* one that can never fit pushes out none, and stays the caller's */
    ck_assert_int_eq(insert(cache, "yy", 2, &released[51], 301,
                                         2000, 1000), TENANT_CACHE_TOO_LARGE);
    ck_assert_int_eq(insert(cache, "y", 1, &released[51],
                     SIZE_MAX, 2000, 1000), TENANT_CACHE_TOO_LARGE);
    ck_assert_uint_eq(stats(cache).entries, 1);
    tenant_cache_destroy(cache);
    ck_assert_int_eq(released[50], 1);
    ck_assert_int_eq(released[51], 0);

    /* a table that fills all of it holds nothing */
    cache = create(100, table - 1);
    ck_assert_int_eq(put(cache, "a", 1, 2000), TENANT_CACHE_TOO_LARGE);
    tenant_cache_destroy(cache);
}
END_TEST


START_TEST(table_grows_as_far_as_there_is_room)
{
    tenant_cache_t  *cache = create(4096, 1 << 20);
    char             token[16];
    int              i;

    for (i = 0; i < 3000; i++) {
        snprintf(token, sizeof(token), "t%d", i);
        put(cache, token, i, 2000);
    }

    ck_assert_uint_eq(stats(cache).entries, 3000);
    ck_assert_uint_eq(stats(cache).evictions, 0);
    ck_assert_uint_eq(stats(cache).bytes, 3000 * 100
                      + tenant_room_size(NULL,
                                         4096 * tenant_cache_entry_size()));

    for (i = 0; i < 3000; i++) {
        snprintf(token, sizeof(token), "t%d", i);
        ck_assert_int_eq(get(cache, token, 1000), i);
    }

    tenant_cache_destroy(cache);

    /* without room for a larger table the old one is enough */
    cache = create(4096, empty_bytes() + 4900);

    for (i = 0; i < 1000; i++) {
        snprintf(token, sizeof(token), "t%d", i);
        ck_assert_int_eq(put(cache, token, i, 2000), TENANT_CACHE_OK);
    }

    ck_assert_uint_eq(stats(cache).entries, 48);
    ck_assert_uint_eq(stats(cache).bytes, empty_bytes() + 4800);
    tenant_cache_destroy(cache);
}
END_TEST


START_TEST(token_above_the_limit_and_stale_one_are_not_kept)
{
    tenant_cache_t  *cache = create(4, 1 << 20);
    char            *token = malloc(TENANT_CACHE_TOKEN_MAX + 1);

    memset(token, 'A', TENANT_CACHE_TOKEN_MAX + 1);
    ck_assert_int_eq(insert(cache, token,
                     TENANT_CACHE_TOKEN_MAX + 1, &released[1], 0, 2000, 1000),
                     TENANT_CACHE_TOO_LARGE);
    ck_assert_ptr_null(find(cache, token,
                       TENANT_CACHE_TOKEN_MAX + 1, 1000));
    ck_assert_int_eq(insert(cache, token,
                     TENANT_CACHE_TOKEN_MAX, &released[1], 0, 2000, 1000),
                     TENANT_CACHE_OK);
    ck_assert_ptr_nonnull(find(cache, token,
                          TENANT_CACHE_TOKEN_MAX, 1000));

    ck_assert_int_eq(put(cache, "a", 2, 1000), TENANT_CACHE_STALE);
    ck_assert_int_eq(put(cache, "a", 2, 999), TENANT_CACHE_STALE);
    ck_assert_int_eq(put(cache, "a", 2, 1001), TENANT_CACHE_OK);
    tenant_cache_destroy(cache);
    ck_assert_int_eq(released[2], 1);
    free(token);
}
END_TEST


START_TEST(same_token_replaces_its_value)
{
    tenant_cache_t  *cache = create(2, 65536);

    put(cache, "a", 1, 2000);
    put(cache, "b", 2, 2000);
    put(cache, "a", 3, 3000);
    ck_assert_int_eq(released[1], 1);
    ck_assert_int_eq(get(cache, "a", 2500), 3);
    ck_assert_int_eq(get(cache, "b", 1000), 2);
    ck_assert_uint_eq(stats(cache).entries, 2);
    ck_assert_uint_eq(stats(cache).evictions, 0);
    tenant_cache_destroy(cache);
    ck_assert_int_eq(released[1] + released[2] + released[3], 3);
}
END_TEST


static bool
is_odd(const void *value, void *data)
{
    ck_assert_ptr_eq(data, released);
    return ((const int *) value - released) % 2;
}


START_TEST(drop_if_drops_what_the_predicate_names)
{
    tenant_cache_t  *cache = create(100, 65536);
    char             token[8];
    int              i;

    for (i = 0; i < 20; i++) {
        snprintf(token, sizeof(token), "t%d", i);
        put(cache, token, i, 2000);
    }

    ck_assert_uint_eq(tenant_cache_drop_if(cache, is_odd, released), 10);
    ck_assert_uint_eq(tenant_cache_drop_if(cache, is_odd, released), 0);
    ck_assert_uint_eq(stats(cache).dropped, 10);
    ck_assert_uint_eq(stats(cache).entries, 10);

    for (i = 0; i < 20; i++) {
        snprintf(token, sizeof(token), "t%d", i);
        ck_assert_int_eq(get(cache, token, 1000), i % 2 ? -1 : i);
        ck_assert_int_eq(released[i], i % 2);
    }

    tenant_cache_destroy(cache);
}
END_TEST


/*
 * Against a plain array: 200,000 random steps.  What the cache has is what
 * was put there last; what it has not is over, or was pushed out.
 */
START_TEST(random_steps_agree_with_a_model)
{
    enum { TOKENS = 300, ENTRIES = 200 };
    struct { int value; int64_t expires; } model[TOKENS];
    tenant_cache_t  *cache = create(ENTRIES, 1 << 20);
    char             token[16];
    int64_t          now = 1000, expires;
    int              i, step, got, serial = 0, gone = 0, total = 0;

    for (i = 0; i < TOKENS; i++) {
        model[i].value = -1;
    }

    srandom(7);

    for (step = 0; step < 200000; step++) {
        i = (int) (random() % TOKENS);
        snprintf(token, sizeof(token), "token-%d", i);
        now += random() % 20 == 0;

        if (random() % 3) {
            got = get(cache, token, now);

            if (got >= 0) {
                ck_assert_int_eq(got, model[i].value);
                ck_assert_int_lt(now, model[i].expires);

            } else if (model[i].value >= 0) {
                gone += now < model[i].expires;
                model[i].value = -1;
            }

            continue;
        }

        expires = now + random() % 400;
        serial = (serial + 1) % 4096;

        if (expires <= now) {
            ck_assert_int_eq(insert(cache, token, strlen(token),
                             &released[serial], 0, expires, now),
                             TENANT_CACHE_STALE);
            continue;
        }

        ck_assert_int_eq(insert(cache, token, strlen(token),
                         &released[serial], 0, expires, now),
                         TENANT_CACHE_OK);
        ck_assert_uint_le(stats(cache).entries, ENTRIES);
        model[i].value = serial;
        model[i].expires = expires;
        total++;
    }

    /* none was lost but by eviction, none released twice or never */
    ck_assert_int_le(gone, (int) stats(cache).evictions);
    ck_assert_uint_gt(stats(cache).evictions, 1000);
    ck_assert_uint_gt(stats(cache).expired, 500);
    ck_assert_uint_gt(stats(cache).hits, 1000);
    tenant_cache_destroy(cache);

    for (i = 0; i < 4096; i++) {
        total -= released[i];
    }

    ck_assert_int_eq(total, 0);
}
END_TEST


START_TEST(limits_out_of_range_make_no_cache)
{
    tenant_cache_conf_t  conf = { 0, 65536, NULL, NULL, NULL };
    tenant_cache_t      *cache;

    ck_assert_ptr_null(tenant_cache_create(&conf));
    conf.max_entries = ((size_t) 1 << 24) + 1;
    ck_assert_ptr_null(tenant_cache_create(&conf));

    /* nobody has to release, and one entry is a cache too */
    conf.max_entries = 1;
    cache = tenant_cache_create(&conf);
    ck_assert_int_eq(put(cache, "a", 1, 2000), TENANT_CACHE_OK);
    ck_assert_int_eq(put(cache, "b", 2, 2000), TENANT_CACHE_OK);
    ck_assert_int_eq(get(cache, "a", 1000), -1);
    ck_assert_int_eq(get(cache, "b", 1000), 2);
    tenant_cache_destroy(cache);
    tenant_cache_destroy(NULL);
}
END_TEST


static int  *visited;


static bool
visit(const void *value, void *data)
{
    ck_assert_ptr_eq(data, released);
    *visited++ = (int) ((const int *) value - released);
    return false;
}


/* The same token, another key: nobody can work out a second one for both. */
START_TEST(caches_have_keys_of_their_own)
{
    tenant_cache_t  *cache = create(100, 65536), *other = create(100, 65536);
    char             token[8];
    int              i, order[2][20];

    for (i = 0; i < 20; i++) {
        snprintf(token, sizeof(token), "t%d", i);
        put(cache, token, i, 2000);
        put(other, token, i, 2000);
    }

    /* the order of the slots is what is seen of it */
    visited = order[0];
    tenant_cache_drop_if(cache, visit, released);
    visited = order[1];
    tenant_cache_drop_if(other, visit, released);
    ck_assert_int_ne(memcmp(order[0], order[1], sizeof(order[0])), 0);
    tenant_cache_destroy(cache);
    tenant_cache_destroy(other);
}
END_TEST


START_TEST(entry_of_a_token_is_small)
{
    ck_assert_uint_eq(tenant_cache_entry_size(), 32);
}
END_TEST


START_TEST(failed_allocation_leaves_a_cache_that_works)
{
    tenant_cache_conf_t  conf = { 4, 65536, NULL, release, released };
    tenant_cache_t      *cache = create(4096, 1 << 20), *other;
    char                 token[16];
    size_t               n;
    int                  i;
    bool                 failed = true;

    for (i = 0; i < 48; i++) {
        snprintf(token, sizeof(token), "t%d", i);
        put(cache, token, i, 2000);
    }

    /* the table cannot grow now: another one has to leave */
    unit_fail_start(0, true);
    ck_assert_int_eq(put(cache, "new", 100, 2000), TENANT_CACHE_OK);
    ck_assert(unit_fail_stop());
    ck_assert_int_eq(get(cache, "new", 1000), 100);
    ck_assert_uint_eq(stats(cache).entries, 48);
    ck_assert_uint_eq(stats(cache).evictions, 1);
    tenant_cache_destroy(cache);

    for (n = 0; failed; n++) {
        unit_fail_start(n, true);
        other = tenant_cache_create(&conf);
        failed = unit_fail_stop();
        ck_assert(failed || other != NULL);
        tenant_cache_destroy(other);
    }

    ck_assert_uint_gt(n, 2);
}
END_TEST


Suite *
suite_cache(void)
{
    Suite  *s = suite_create("cache");
    TCase  *t = tcase_create("cache");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, token_is_found_only_whole_and_in_time);
    tcase_add_test(t, tokens_that_differ_in_one_byte_are_two);
    tcase_add_test(t, what_was_not_found_since_leaves_first);
    tcase_add_test(t, what_is_over_leaves_before_what_is_not);
    tcase_add_test(t, tokens_in_use_survive_a_flood_of_others);
    tcase_add_test(t, rows_stay_short_when_tokens_come_once);
    tcase_add_test(t, what_is_new_is_not_the_first_to_leave);
    tcase_add_test(t, bytes_are_bounded_with_table_and_values);
    tcase_add_test(t, table_grows_as_far_as_there_is_room);
    tcase_add_test(t, token_above_the_limit_and_stale_one_are_not_kept);
    tcase_add_test(t, same_token_replaces_its_value);
    tcase_add_test(t, drop_if_drops_what_the_predicate_names);
    tcase_add_test(t, random_steps_agree_with_a_model);
    tcase_add_test(t, limits_out_of_range_make_no_cache);
    tcase_add_test(t, caches_have_keys_of_their_own);
    tcase_add_test(t, entry_of_a_token_is_small);
    tcase_add_test(t, failed_allocation_leaves_a_cache_that_works);
    suite_add_tcase(s, t);
    return s;
}
