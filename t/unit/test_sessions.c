#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tenant_sessions.h"
#include "unit.h"


#define NOW   1000
#define SET   (sizeof(tenant_sessions_t)                                      \
               + TENANT_SESSIONS_WAYS * sizeof(tenant_session_t))


static tenant_sessions_t *
table_of(size_t size)
{
    size_t              n = tenant_sessions_size(size);
    tenant_sessions_t  *table = calloc(1, n);

    ck_assert_uint_gt(n, 0);
    tenant_sessions_init(table, n);

    return table;
}


static tenant_hash_t
session(unsigned n)
{
    tenant_siphash_t  state;

    static const tenant_hash_t  key = { 1, 2 };

    tenant_siphash_init(&state, &key);
    tenant_siphash_update(&state, &n, sizeof(n));

    return tenant_siphash_final(&state);
}


START_TEST(a_session_is_found_where_it_was_last)
{
    tenant_sessions_t  *table = table_of(100000);
    tenant_hash_t       s;
    unsigned            i;

    for (i = 0; i < 500; i++) {
        s = session(i);
        ck_assert_uint_eq(tenant_sessions_find(table, &s, NOW), 0);
        tenant_sessions_store(table, &s, i + 1, 7, NOW);
    }

    for (i = 0; i < 500; i++) {
        s = session(i);
        ck_assert_uint_eq(tenant_sessions_find(table, &s, NOW), i + 1);
        tenant_sessions_store(table, &s, 9000 + i, 7, NOW);
        ck_assert_uint_eq(tenant_sessions_find(table, &s, NOW), 9000 + i);
    }

    free(table);
}
END_TEST


START_TEST(the_least_recently_used_makes_room)
{
    tenant_sessions_t  *table = table_of(SET);
    tenant_hash_t       s;
    unsigned            i;

    for (i = 0; i < TENANT_SESSIONS_WAYS; i++) {
        s = session(i);
        tenant_sessions_store(table, &s, 1, i, NOW + i);
    }

    s = session(0);
    ck_assert_uint_eq(tenant_sessions_find(table, &s, NOW + 100), 1);

    s = session(100);
    tenant_sessions_store(table, &s, 2, 100, NOW + 101);

    for (i = 0; i < TENANT_SESSIONS_WAYS; i++) {
        s = session(i);
        ck_assert_uint_eq(tenant_sessions_find(table, &s, NOW + 102),
                          i == 1 ? 0 : 1);
    }

    free(table);
}
END_TEST


START_TEST(a_flood_of_one_owner_leaves_half_of_a_set_to_others)
{
    tenant_sessions_t  *table = table_of(SET);
    tenant_hash_t       s;
    unsigned            i, left = 0;

    for (i = 0; i < TENANT_SESSIONS_WAYS; i++) {
        s = session(i);
        tenant_sessions_store(table, &s, 1, 7, NOW);
    }

    for (i = 100; i < 1000; i++) {
        s = session(i);
        tenant_sessions_store(table, &s, 2, 8, NOW + i);
        ck_assert_uint_eq(tenant_sessions_find(table, &s, NOW + i), 2);
    }

    for (i = 0; i < TENANT_SESSIONS_WAYS; i++) {
        s = session(i);
        left += tenant_sessions_find(table, &s, NOW) == 1;
    }

    ck_assert_uint_eq(left, TENANT_SESSIONS_WAYS / 2);
    free(table);
}
END_TEST


START_TEST(an_entry_that_two_wrote_at_a_time_is_nobodys)
{
    tenant_sessions_t  *table = table_of(SET);
    tenant_hash_t       one = session(1), two = session(2);

    tenant_sessions_store(table, &one, 11, 7, NOW);
    table->entries[0].server = 22;      /* the value of another writer */

    ck_assert_uint_eq(tenant_sessions_find(table, &one, NOW), 0);

    table->entries[0].lo = two.lo ^ 22;     /* ... and half of its key */
    ck_assert_uint_eq(tenant_sessions_find(table, &one, NOW), 0);
    ck_assert_uint_eq(tenant_sessions_find(table, &two, NOW), 0);
    free(table);
}
END_TEST


static unsigned
highest(unsigned n, const unsigned *weights, unsigned count)
{
    double         score, best = 0;
    unsigned       i, server = 0;
    tenant_hash_t  s = session(n);

    for (i = 0; i < count; i++) {
        if (weights[i] == 0) {
            continue;
        }

        score = tenant_sessions_score(&s, 0x9e3779b97f4a7c15ULL * (i + 1),
                                      weights[i]);
        ck_assert(score > 0);

        if (score > best) {
            best = score;
            server = i;
        }
    }

    return server;
}


START_TEST(sessions_are_spread_by_weight)
{
    static const unsigned  weights[] = { 1, 2, 5 };
    unsigned               n, count[3] = { 0, 0, 0 };

    for (n = 0; n < 8000; n++) {
        count[highest(n, weights, 3)]++;
    }

    /* 1000, 2000, 5000: five standard deviations */
    ck_assert_int_lt(abs((int) count[0] - 1000), 150);
    ck_assert_int_lt(abs((int) count[1] - 2000), 195);
    ck_assert_int_lt(abs((int) count[2] - 5000), 220);
}
END_TEST


START_TEST(a_server_that_goes_moves_only_its_own_sessions)
{
    static const unsigned  with[] = { 1, 2, 5, 3 };
    static const unsigned  without[] = { 1, 2, 0, 3 };
    static const unsigned  heavier[] = { 1, 2, 9, 3 };
    unsigned               n, before, after;

    for (n = 0; n < 5000; n++) {
        before = highest(n, with, 4);

        after = highest(n, without, 4);
        ck_assert(before == 2 ? after != 2 : after == before);

        after = highest(n, heavier, 4);
        ck_assert(after == before || after == 2);
    }
}
END_TEST


START_TEST(a_table_fits_into_what_it_was_given)
{
    size_t  size;

    ck_assert_uint_eq(tenant_sessions_size(0), 0);
    ck_assert_uint_eq(tenant_sessions_size(SET - 1), 0);

    for (size = SET; size < 100000; size += 97) {
        ck_assert_uint_le(tenant_sessions_size(size), size);
        ck_assert_uint_gt(tenant_sessions_size(size) * 2 + 8, size);
    }

    /* as documented for a zone of 4 MB */
    size = 512 * 1024 + sizeof(tenant_sessions_t);
    ck_assert_uint_eq(tenant_sessions_size(size),
                      sizeof(tenant_sessions_t)
                      + 16384 * sizeof(tenant_session_t));
}
END_TEST


Suite *
suite_sessions(void)
{
    Suite  *s = suite_create("sessions");
    TCase  *t = tcase_create("sessions");

    tcase_add_test(t, a_session_is_found_where_it_was_last);
    tcase_add_test(t, the_least_recently_used_makes_room);
    tcase_add_test(t, a_flood_of_one_owner_leaves_half_of_a_set_to_others);
    tcase_add_test(t, an_entry_that_two_wrote_at_a_time_is_nobodys);
    tcase_add_test(t, sessions_are_spread_by_weight);
    tcase_add_test(t, a_server_that_goes_moves_only_its_own_sessions);
    tcase_add_test(t, a_table_fits_into_what_it_was_given);
    suite_add_tcase(s, t);
    return s;
}
