/*
 * What a principal is put together of at one go: records, sets of strings,
 * uids.
 */

#include "test.h"

#include "entity.h"


#define NAMES  24

static test_memory_t  counts;


/* Of one byte each, some longer, and the empty one. */
static void
make_names(policy_str_t *names)
{
    size_t       i;
    static char  texts[NAMES][40];

    for (i = 0; i < NAMES - 1; i++) {
        snprintf(texts[i], sizeof(texts[i]), i < 20 ? "%c" : "%c%0*u",
                 (char) ('a' + i), (int) i, 7u);
        names[i] = str(texts[i]);
    }

    names[NAMES - 1] = str("");
}


static size_t
below(uint64_t *seed, size_t n)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;

    return (size_t) ((*seed >> 20) % n);
}


/* Names of a layout: each once, and no others. */
START_TEST(test_picks)
{
    size_t                 i, n;
    uint32_t               place;
    policy_name_t          name;
    policy_pick_t          picks[NAMES + 1];
    policy_str_t           names[NAMES];
    policy_value_t         v;
    policy_arena_t        *arena;
    policy_store_t        *store;
    policy_layout_t       *layout;
    policy_memory_t        memory;
    const policy_value_t  *found;
    static uint64_t        head[64], block[2048];

    memset(&counts, 0, sizeof(counts));
    memory = test_memory(&counts);
    make_names(names);
    ck_assert_int_eq(policy_layout_create(&memory, names, NAMES, &layout),
                     POLICY_OK);
    arena = policy_arena_init(head, sizeof(head));

    ck_assert(!policy_layout_find(layout, str("none"), &place));
    ck_assert(!policy_layout_find(layout, str("aa"), &place));

    /* as few as are put in order by hand, and more */

    for (n = 0; n <= NAMES; n++) {
        for (i = 0; i < n; i++) {
            ck_assert(policy_layout_find(layout, names[i],
                                         &picks[i].place));
            picks[i].value = policy_long((int64_t) i);
        }

        ck_assert_int_eq(policy_arena_aim(arena, block,
                         POLICY_RECORD_SIZE(n)), POLICY_OK);
        ck_assert_int_eq(policy_record_pick(arena, layout, picks, n, &v),
                         POLICY_OK);
        ck_assert_uint_eq(v.len, n);

        for (i = 0; i < n; i++) {
            name = policy_name(names[i]);
            found = policy_field_find(v.u.p, v.len, &name);
            ck_assert_ptr_nonnull(found);
            ck_assert_int_eq(found->u.i, i);
        }

        if (n == 0) {
            continue;
        }

        ck_assert_int_eq(policy_arena_aim(arena, block,
                         POLICY_RECORD_SIZE(n) - 8), POLICY_OK);
        ck_assert_int_eq(policy_record_pick(arena, layout, picks, n, &v),
                         POLICY_LIMIT);

        ck_assert_int_eq(policy_arena_aim(arena, block, sizeof(block)),
                         POLICY_OK);
        picks[n] = picks[n / 2];
        ck_assert_int_eq(policy_record_pick(arena, layout, picks, n + 1,
                         &v), POLICY_DUPLICATE);
    }

    picks[0].place = NAMES;
    ck_assert_int_eq(policy_record_pick(arena, layout, picks, 1, &v),
                     POLICY_MISUSE);

    picks[0].place = 0;
    memset(&picks[0].value, 0, sizeof(policy_value_t));
    ck_assert_int_eq(policy_record_pick(arena, layout, picks, 1, &v),
                     POLICY_MISUSE);

    ck_assert_int_eq(policy_store_create(&memory, &store), POLICY_OK);
    ck_assert_int_eq(policy_record_pick(policy_store_arena(store), layout,
                     picks, 0, &v), POLICY_MISUSE);
    policy_store_destroy(store);

    policy_layout_destroy(layout);
    ck_assert_uint_eq(counts.live, 0);
}
END_TEST


/* A record by one call: in a scratch, and in a store, which copies. */
START_TEST(test_record_at_once)
{
    char              name[8];
    policy_str_t      list[2];
    policy_value_t    values[2], v, w, x;
    policy_arena_t   *arena;
    policy_store_t   *store;
    policy_memory_t   memory;
    int64_t           work;

    memset(&counts, 0, sizeof(counts));
    memory = test_memory(&counts);
    work = 1000;

    ck_assert_int_eq(policy_store_create(&memory, &store), POLICY_OK);

    strcpy(name, "z");
    list[0] = str(name);
    list[1] = str("y");
    values[0] = policy_string(name, 1);
    values[1] = policy_long(2);
    arena = test_arena();

    ck_assert_int_eq(policy_record(arena, list, values, 2, &v), POLICY_OK);
    ck_assert_int_eq(policy_record(policy_store_arena(store), list, values,
                     2, &w), POLICY_OK);
    ck_assert(policy_value_equal(&v, &w, &work));

    strcpy(name, "a");
    ck_assert_int_eq(policy_record(arena, list, values, 2, &x), POLICY_OK);
    ck_assert(!policy_value_equal(&x, &w, &work));

    list[1] = list[0];
    ck_assert_int_eq(policy_record(arena, list, values, 2, &v),
                     POLICY_DUPLICATE);

    memset(&values[1], 0, sizeof(policy_value_t));
    ck_assert_int_eq(policy_record(arena, list, values, 2, &v),
                     POLICY_MISUSE);

    list[0].len = POLICY_MAX_TEXT + 1;
    ck_assert_int_eq(policy_record(arena, list, values, 1, &v),
                     POLICY_LIMIT);

    policy_store_destroy(store);
    ck_assert_uint_eq(counts.live, 0);
}
END_TEST


/* Sets of strings, few or many, are the sets of their values. */
START_TEST(test_strings)
{
    size_t           i, n;
    int64_t          work;
    uint64_t         seed;
    policy_str_t     list[12];
    policy_value_t   values[12], v, w;
    policy_arena_t  *arena;
    static char      texts[12][4];

    seed = 88172645463325252u;

    for (n = 0; n < 1200; n++) {
        for (i = 0; i < n % 12; i++) {
            memset(texts[i], 'a' + (int) below(&seed, 2), 3);
            texts[i][below(&seed, 4)] = '\0';
            list[i] = str(texts[i]);
            values[i] = policy_string(list[i].data, list[i].len);
        }

        arena = test_arena();
        ck_assert_int_eq(policy_strings(arena, list, i, &v), POLICY_OK);
        ck_assert_int_eq(policy_values(arena, values, i, &w), POLICY_OK);

        work = 1000;
        ck_assert_uint_eq(v.depth, w.depth);
        ck_assert(policy_value_equal(&v, &w, &work));
    }
}
END_TEST


/* The uid of a type that is known, and of an id that moves. */
START_TEST(test_uid_again)
{
    char          text[8];
    policy_uid_t  type, a, b;
    policy_str_t  long_id;

    ck_assert_int_eq(policy_uid_init(&type, str("N::Role"), str("")),
                     POLICY_OK);
    ck_assert_int_eq(policy_uid_init(&b, str("N::Role"), str("r")),
                     POLICY_OK);

    strcpy(text, "r");
    ck_assert_int_eq(policy_uid_again(&type, str(text), &a), POLICY_OK);
    ck_assert(policy_uid_equal(&a, &b));

    policy_uid_moved(&a, "r");
    strcpy(text, "s");
    ck_assert(policy_uid_equal(&a, &b));

    ck_assert_int_eq(policy_uid_again(&a, str(text), &a), POLICY_OK);
    ck_assert(!policy_uid_equal(&a, &b));

    long_id = (policy_str_t) { text, (size_t) POLICY_MAX_TEXT + 1 };
    ck_assert_int_eq(policy_uid_again(&type, long_id, &a), POLICY_LIMIT);
}
END_TEST


TCase *
parts_case(void)
{
    TCase  *tcase;

    tcase = tcase_create("parts");
    tcase_add_test(tcase, test_picks);
    tcase_add_test(tcase, test_record_at_once);
    tcase_add_test(tcase, test_strings);
    tcase_add_test(tcase, test_uid_again);

    return tcase;
}
