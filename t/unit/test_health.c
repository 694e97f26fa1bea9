#include <stdlib.h>
#include <string.h>

#include "tenant_health.h"
#include "unit.h"


#define NOW  1000000


static tenant_health_table_t *
table_of(size_t size)
{
    size_t                  n = tenant_health_size(size);
    tenant_health_table_t  *table = aligned_alloc(64, (n + 63) & ~63UL);

    ck_assert_uint_gt(n, 0);
    memset(table, 0, n);
    tenant_health_init(table, n);

    return table;
}


static tenant_health_t
server(tenant_health_table_t *table, uint64_t key)
{
    tenant_health_t  health;

    memset(&health, 0, sizeof(health));
    health.table = table;
    health.key = key;
    health.max_fails = 1;
    health.fail_timeout = 10;

    return health;
}


START_TEST(what_one_worker_sees_the_other_knows)
{
    tenant_health_table_t  *table = table_of(4096);
    tenant_health_t         one = server(table, 5), two = server(table, 5);
    tenant_health_t         other = server(table, 13);

    ck_assert_int_eq(tenant_health_state(&two, NOW), TENANT_HEALTH_UP);
    tenant_health_failed(&one, NOW);
    ck_assert_int_eq(tenant_health_state(&two, NOW), TENANT_HEALTH_DOWN);
    ck_assert_int_eq(tenant_health_state(&other, NOW), TENANT_HEALTH_UP);
    free(table);
}
END_TEST


START_TEST(a_server_that_is_down_gets_one_trial_at_a_time)
{
    tenant_health_table_t  *table = table_of(4096);
    tenant_health_t         one = server(table, 5), two = server(table, 5);
    uint64_t                later = NOW + 11;

    tenant_health_failed(&one, NOW);
    ck_assert_int_eq(tenant_health_take(&one, NOW + 10), -1);

    ck_assert_int_eq(tenant_health_state(&one, later), TENANT_HEALTH_TRIAL);
    ck_assert_int_eq(tenant_health_state(&two, later), TENANT_HEALTH_TRIAL);
    ck_assert_int_eq(tenant_health_take(&one, later), 1);
    ck_assert_int_eq(tenant_health_state(&two, later), TENANT_HEALTH_DOWN);
    ck_assert_int_eq(tenant_health_take(&two, later), -1);

    /* the trial fails: it is left alone again */
    tenant_health_failed(&one, later);
    ck_assert_int_eq(tenant_health_take(&two, later + 10), -1);
    ck_assert_int_eq(tenant_health_take(&two, later + 11), 1);

    /* ... and when it works everyone may come */
    ck_assert_int_eq(tenant_health_worked(&two, 1, later + 11), 1);
    ck_assert_int_eq(tenant_health_take(&one, later + 11), 0);
    free(table);
}
END_TEST


START_TEST(a_request_from_before_does_not_bring_a_server_back)
{
    tenant_health_table_t  *table = table_of(4096);
    tenant_health_t         health = server(table, 5);

    tenant_health_failed(&health, NOW);
    ck_assert_int_eq(tenant_health_worked(&health, 0, NOW + 60), 0);
    ck_assert_int_eq(tenant_health_state(&health, NOW + 5),
                     TENANT_HEALTH_DOWN);
    free(table);
}
END_TEST


START_TEST(failures_count_within_the_timeout_only)
{
    tenant_health_table_t  *table = table_of(4096);
    tenant_health_t         health = server(table, 5);

    health.max_fails = 3;

    tenant_health_failed(&health, NOW);
    tenant_health_failed(&health, NOW + 1);
    tenant_health_worked(&health, 0, NOW + 2);
    ck_assert_int_eq(tenant_health_state(&health, NOW + 2),
                     TENANT_HEALTH_UP);
    tenant_health_failed(&health, NOW + 3);
    ck_assert_int_eq(tenant_health_state(&health, NOW + 3),
                     TENANT_HEALTH_DOWN);

    health = server(table, 6);
    health.max_fails = 3;

    tenant_health_failed(&health, NOW);
    tenant_health_failed(&health, NOW + 1);
    tenant_health_worked(&health, 0, NOW + 12);
    tenant_health_failed(&health, NOW + 13);
    ck_assert_int_eq(tenant_health_state(&health, NOW + 13),
                     TENANT_HEALTH_UP);
    free(table);
}
END_TEST


START_TEST(max_fails_of_0_is_never_down)
{
    tenant_health_t  health = server(NULL, 5);

    health.max_fails = 0;
    tenant_health_failed(&health, NOW);
    ck_assert_int_eq(tenant_health_state(&health, NOW), TENANT_HEALTH_UP);
    ck_assert_int_eq(tenant_health_take(&health, NOW), 0);
}
END_TEST


START_TEST(without_room_a_worker_has_its_own)
{
    tenant_health_table_t  *table = table_of(600);      /* one set */
    tenant_health_t         one[TENANT_HEALTH_WAYS + 1], two;
    unsigned                i;

    for (i = 0; i <= TENANT_HEALTH_WAYS; i++) {
        one[i] = server(table, i + 1);
        tenant_health_failed(&one[i], NOW);
    }

    for (i = 0; i <= TENANT_HEALTH_WAYS; i++) {
        ck_assert_int_eq(tenant_health_state(&one[i], NOW),
                         TENANT_HEALTH_DOWN);
        two = server(table, i + 1);
        ck_assert_int_eq(tenant_health_state(&two, NOW),
                         i < TENANT_HEALTH_WAYS ? TENANT_HEALTH_DOWN
                                                : TENANT_HEALTH_UP);
    }

    two = server(NULL, 1);
    tenant_health_failed(&two, NOW);
    ck_assert_int_eq(tenant_health_state(&two, NOW), TENANT_HEALTH_DOWN);
    free(table);
}
END_TEST


START_TEST(a_slot_that_nobody_asks_for_changes_hands)
{
    tenant_health_table_t  *table = table_of(600);
    tenant_health_t         old[TENANT_HEALTH_WAYS], new, again;
    tenant_health_slot_t    slot;
    unsigned                i;
    uint64_t                later = NOW + TENANT_HEALTH_IDLE + 1;

    for (i = 0; i < TENANT_HEALTH_WAYS; i++) {
        old[i] = server(table, i + 1);
        tenant_health_failed(&old[i], NOW + (i != 3));
    }

    new = server(table, 99);
    ck_assert_int_eq(tenant_health_state(&new, later), TENANT_HEALTH_UP);
    again = server(table, 99);
    tenant_health_failed(&new, later);
    ck_assert_int_eq(tenant_health_state(&again, later), TENANT_HEALTH_DOWN);

    /* whose it was begins anew, and does not write into what is another's */
    for (i = 0; i < TENANT_HEALTH_WAYS; i++) {
        tenant_health_read(&old[i], NOW + 2, &slot);
        ck_assert_uint_eq(slot.fails, i == 3 ? 0 : 1);
    }

    tenant_health_failed(&old[3], later);
    tenant_health_read(&again, later, &slot);
    ck_assert_uint_eq(slot.fails, 1);
    free(table);
}
END_TEST


START_TEST(a_table_fits_into_what_it_was_given)
{
    size_t  size;

    ck_assert_uint_eq(tenant_health_size(0), 0);
    ck_assert_uint_eq(tenant_health_size(575), 0);

    for (size = 576; size < 100000; size += 97) {
        ck_assert_uint_le(tenant_health_size(size), size);
        ck_assert_uint_gt(tenant_health_size(size) * 2 + 64, size);
    }

    /* as documented for a zone of 4 MB */
    size = 256 * 1024 + sizeof(tenant_health_table_t);
    ck_assert_uint_eq(tenant_health_size(size),
                      sizeof(tenant_health_table_t)
                      + 4096 * sizeof(tenant_health_slot_t));
}
END_TEST


Suite *
suite_health(void)
{
    Suite  *s = suite_create("health");
    TCase  *t = tcase_create("health");

    tcase_add_test(t, what_one_worker_sees_the_other_knows);
    tcase_add_test(t, a_server_that_is_down_gets_one_trial_at_a_time);
    tcase_add_test(t, a_request_from_before_does_not_bring_a_server_back);
    tcase_add_test(t, failures_count_within_the_timeout_only);
    tcase_add_test(t, max_fails_of_0_is_never_down);
    tcase_add_test(t, without_room_a_worker_has_its_own);
    tcase_add_test(t, a_slot_that_nobody_asks_for_changes_hands);
    tcase_add_test(t, a_table_fits_into_what_it_was_given);
    suite_add_tcase(s, t);
    return s;
}
