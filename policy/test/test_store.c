/* Entity stores by the builder: values, layers, ancestors. */

#include "test.h"

#include "entity.h"


static const char  any[] = "permit(principal,action,resource) when { %s };";


static policy_store_t *
new_store(test_memory_t *counts)
{
    policy_store_t   *store;
    policy_memory_t   memory;

    memset(counts, 0, sizeof(test_memory_t));
    memory = test_memory(counts);

    ck_assert_int_eq(policy_store_create(&memory, &store), POLICY_OK);

    return store;
}


static policy_entry_t *
add(policy_store_t *store, const char *uid)
{
    policy_uid_t     u;
    policy_entry_t  *entry;

    u = test_uid(uid);
    ck_assert_int_eq(policy_store_add(store, &u, &entry), POLICY_OK);

    return entry;
}


static void
parent(policy_entry_t *entry, const char *uid)
{
    policy_uid_t  u;

    u = test_uid(uid);
    ck_assert_int_eq(policy_entry_parent(entry, &u), POLICY_OK);
}


static int
holds(const char *expression, const policy_store_t *const *stores, size_t n)
{
    char                 text[1024];
    policy_uid_t         p, a, r;
    policy_set_t        *set;
    policy_result_t      result;
    policy_request_t     request;
    const policy_set_t  *sets[1];

    snprintf(text, sizeof(text), any, expression);
    set = test_set(text);
    sets[0] = set;
    p = test_uid("User::\"a\"");
    a = test_uid("Action::\"x\"");
    r = test_uid("Doc::\"d\"");

    memset(&request, 0, sizeof(request));
    request.principal = &p;
    request.action = &a;
    request.resource = &r;
    request.stores = stores;
    request.nstores = n;
    request.sets = sets;
    request.nsets = 1;

    ck_assert_int_eq(policy_authorize(&request, test_arena(), &result),
                     POLICY_OK);
    ck_assert_msg(result.nerrors == 0, "%s", expression);
    policy_set_destroy(set);

    return result.decision == POLICY_ALLOW;
}


START_TEST(test_every_type)
{
    char                   name[16];
    uint8_t                v4[4] = { 10, 0, 0, 1 };
    uint8_t                v6[16] = { 0x20, 1 };
    policy_str_t           list[3];
    policy_uid_t           uid;
    test_memory_t          counts;
    policy_value_t         v;
    policy_entry_t        *entry;
    policy_store_t        *store;
    policy_record_t       *record;
    const policy_store_t  *stores[1];

    store = new_store(&counts);
    stores[0] = store;
    entry = add(store, "User::\"a\"");

    ck_assert_int_eq(policy_entry_attr(entry, str("b"), policy_bool(7)),
                     POLICY_OK);
    ck_assert_int_eq(policy_entry_attr(entry, str("i"), policy_long(-1)),
                     POLICY_OK);

    /* the store copies: what it was given may change */

    memcpy(name, "text", 5);
    ck_assert_int_eq(policy_entry_attr(entry, (policy_str_t) { name, 4 },
                     policy_string(name, 4)), POLICY_OK);
    memcpy(name, "xxxx", 5);

    policy_ip(v4, 4, 24, &v);
    ck_assert_int_eq(policy_entry_attr(entry, str("ip"), v), POLICY_OK);
    policy_ip(v6, 16, 16, &v);
    ck_assert_int_eq(policy_entry_attr(entry, str("ip6"), v), POLICY_OK);
    v6[0] = 0;

    ck_assert_int_eq(policy_entry_attr(entry, str("dec"),
                     policy_decimal(15000)), POLICY_OK);
    ck_assert_int_eq(policy_entry_attr(entry, str("time"),
                     policy_datetime(86400000)), POLICY_OK);
    ck_assert_int_eq(policy_entry_attr(entry, str("dur"),
                     policy_duration(1000)), POLICY_OK);

    uid = test_uid("User::\"b\"");
    ck_assert_int_eq(policy_entry_attr(entry, str("e"),
                     policy_entity(&uid)), POLICY_OK);

    list[0] = str("y");
    list[1] = str("x");
    list[2] = str("y");
    ck_assert_int_eq(policy_strings(policy_store_arena(store), list, 3, &v),
                     POLICY_OK);
    ck_assert_int_eq(policy_entry_attr(entry, str("set"), v), POLICY_OK);

    ck_assert_int_eq(policy_record_begin(policy_store_arena(store),
                     &record), POLICY_OK);
    ck_assert_int_eq(policy_record_set(record, str("q"), v), POLICY_OK);
    ck_assert_int_eq(policy_record_end(record, &v), POLICY_OK);
    ck_assert_int_eq(policy_entry_attr(entry, str("r"), v), POLICY_OK);

    ck_assert_int_eq(policy_json(policy_store_arena(store),
                     str("{\"deep\":[1,{\"a\":\"b\"}]}"), &v, NULL),
                     POLICY_OK);
    ck_assert_int_eq(policy_entry_tag(entry, str("json"), v), POLICY_OK);
    parent(entry, "Group::\"g\"");

    ck_assert_int_eq(policy_store_finish(store, NULL), POLICY_OK);
    ck_assert_uint_eq(policy_store_count(store), 1);
    ck_assert_uint_eq(policy_store_memory(store), counts.live);

    ck_assert(holds("principal.b && principal.i == -1", stores, 1));
    ck_assert(holds("principal.text == \"text\"", stores, 1));
    ck_assert(holds("principal.ip == ip(\"10.0.0.1/24\")", stores, 1));
    ck_assert(holds("principal.ip6 == ip(\"2001::/16\")", stores, 1));
    ck_assert(holds("principal.dec == decimal(\"1.5\")", stores, 1));
    ck_assert(holds("principal.time == datetime(\"1970-01-02\")", stores,
                    1));
    ck_assert(holds("principal.dur == duration(\"1s\")", stores, 1));
    ck_assert(holds("principal.e == User::\"b\"", stores, 1));
    ck_assert(holds("principal.set == [\"x\", \"y\"]", stores, 1));
    ck_assert(holds("principal.r.q.contains(\"x\")", stores, 1));
    ck_assert(holds("principal.getTag(\"json\") == {deep:[{a:\"b\"},1]}",
                    stores, 1));
    ck_assert(holds("principal in Group::\"g\"", stores, 1));
    ck_assert(!holds("principal has json", stores, 1));

    policy_store_destroy(store);
    ck_assert_uint_eq(counts.live, 0);
}
END_TEST


START_TEST(test_misuse)
{
    policy_uid_t      uid;
    test_memory_t     counts;
    policy_entry_t   *entry, *late;
    policy_store_t   *store;
    policy_value_t    none;

    store = new_store(&counts);
    entry = add(store, "User::\"a\"");
    ck_assert_int_eq(policy_store_finish(store, NULL), POLICY_OK);

    uid = test_uid("User::\"b\"");
    ck_assert_int_eq(policy_store_add(store, &uid, &late), POLICY_MISUSE);
    ck_assert_int_eq(policy_store_json(store, str(""), str("[]"), NULL),
                     POLICY_MISUSE);
    ck_assert_int_eq(policy_store_finish(store, NULL), POLICY_MISUSE);
    policy_store_destroy(store);
    policy_store_destroy(NULL);

    /* a value that is none spoils the store: it cannot be left out */

    store = new_store(&counts);
    entry = add(store, "User::\"a\"");
    memset(&none, 0, sizeof(none));
    ck_assert_int_eq(policy_entry_attr(entry, str("x"), none),
                     POLICY_MISUSE);
    ck_assert_int_eq(policy_entry_tag(entry, str("x"), policy_long(1)),
                     POLICY_MISUSE);
    ck_assert_int_eq(policy_entry_parent(entry, &uid), POLICY_MISUSE);
    ck_assert_int_eq(policy_store_finish(store, NULL), POLICY_MISUSE);
    policy_store_destroy(store);

    ck_assert_int_eq(policy_string("", (size_t) POLICY_MAX_TEXT + 1).kind,
                     POLICY_NONE);

    store = new_store(&counts);
    entry = add(store, "User::\"a\"");
    policy_entry_attr(entry, str("x"), policy_long(1));
    policy_entry_attr(entry, str("x"), policy_long(1));
    ck_assert_int_eq(policy_store_finish(store, NULL), POLICY_DUPLICATE);
    policy_store_destroy(store);
    ck_assert_uint_eq(counts.live, 0);
}
END_TEST


START_TEST(test_stated_twice)
{
    test_memory_t     counts;
    policy_entry_t   *entry;
    policy_store_t   *store;

    store = new_store(&counts);
    entry = add(store, "User::\"a\"");
    policy_entry_attr(entry, str("x"), policy_long(1));
    parent(entry, "Group::\"g\"");
    parent(entry, "Group::\"h\"");
    entry = add(store, "User::\"a\"");
    policy_entry_attr(entry, str("x"), policy_long(1));
    parent(entry, "Group::\"h\"");
    parent(entry, "Group::\"g\"");
    parent(entry, "Group::\"g\"");
    ck_assert_int_eq(policy_store_finish(store, NULL), POLICY_OK);
    ck_assert_uint_eq(policy_store_count(store), 1);
    ck_assert_ptr_nonnull(policy_store_at(store, 0));
    ck_assert_ptr_null(policy_store_at(store, 1));
    policy_store_destroy(store);

    store = new_store(&counts);
    entry = add(store, "User::\"a\"");
    parent(entry, "Group::\"g\"");
    entry = add(store, "User::\"a\"");
    parent(entry, "Group::\"h\"");
    ck_assert_int_eq(policy_store_finish(store, NULL), POLICY_DUPLICATE);
    policy_store_destroy(store);

    store = new_store(&counts);
    entry = add(store, "User::\"a\"");
    policy_entry_tag(entry, str("x"), policy_long(1));
    add(store, "User::\"a\"");
    ck_assert_int_eq(policy_store_finish(store, NULL), POLICY_DUPLICATE);
    policy_store_destroy(store);
    ck_assert_uint_eq(counts.live, 0);
}
END_TEST


START_TEST(test_layers)
{
    test_memory_t          c1, c2, c3;
    policy_entry_t        *entry;
    policy_store_t        *token, *groups, *tops;
    const policy_store_t  *stores[3];

    token = new_store(&c1);
    entry = add(token, "User::\"a\"");
    policy_entry_attr(entry, str("from"), policy_long(1));
    parent(entry, "Group::\"g\"");
    parent(entry, "Group::\"h\"");
    ck_assert_int_eq(policy_store_finish(token, NULL), POLICY_OK);

    groups = new_store(&c2);
    parent(add(groups, "Group::\"g\""), "Top::\"t\"");
    add(groups, "Group::\"h\"");
    entry = add(groups, "User::\"a\"");
    policy_entry_attr(entry, str("from"), policy_long(2));
    parent(entry, "Group::\"hidden\"");
    ck_assert_int_eq(policy_store_finish(groups, NULL), POLICY_OK);

    /* a cycle over two stores ends */

    tops = new_store(&c3);
    entry = add(tops, "Top::\"t\"");
    parent(entry, "Root::\"r\"");
    parent(entry, "Group::\"g\"");
    ck_assert_int_eq(policy_store_finish(tops, NULL), POLICY_OK);

    stores[0] = token;
    stores[1] = groups;
    stores[2] = tops;

    ck_assert(holds("principal.from == 1", stores, 3));
    ck_assert(holds("principal in Group::\"g\"", stores, 1));
    ck_assert(!holds("principal in Top::\"t\"", stores, 1));
    ck_assert(holds("principal in Top::\"t\"", stores, 2));
    ck_assert(!holds("principal in Root::\"r\"", stores, 2));
    ck_assert(holds("principal in Root::\"r\"", stores, 3));
    ck_assert(holds("Group::\"g\" in Root::\"r\"", stores, 3));
    ck_assert(holds("Group::\"g\" in [Root::\"r\"]", stores, 3));
    ck_assert(!holds("Group::\"h\" in Root::\"r\"", stores, 3));
    ck_assert(!holds("principal in Group::\"hidden\"", stores, 3));

    stores[0] = groups;
    stores[1] = token;
    ck_assert(holds("principal.from == 2", stores, 2));

    policy_store_destroy(token);
    policy_store_destroy(groups);
    policy_store_destroy(tops);
}
END_TEST


/* a user in 300 groups, found by search rather than by looking at all */
START_TEST(test_many_ancestors)
{
    char                   uid[64], expression[128];
    unsigned               i;
    test_memory_t          counts;
    policy_entry_t        *entry;
    policy_store_t        *store;
    policy_uid_t           u;
    const policy_store_t  *stores[1];

    store = new_store(&counts);
    entry = add(store, "User::\"a\"");

    for (i = 0; i < 300; i++) {
        snprintf(uid, sizeof(uid), "g%u", i);
        ck_assert_int_eq(policy_uid_init(&u, str("Group"), str(uid)),
                         POLICY_OK);
        ck_assert_int_eq(policy_entry_parent(entry, &u), POLICY_OK);
    }

    ck_assert_int_eq(policy_store_finish(store, NULL), POLICY_OK);
    stores[0] = store;

    for (i = 0; i < 310; i += 31) {
        snprintf(expression, sizeof(expression), "principal in Group::\"g%u\"",
                 i);
        ck_assert_int_eq(holds(expression, stores, 1), i < 300);
    }

    policy_store_destroy(store);
    ck_assert_uint_eq(counts.live, 0);
}
END_TEST


START_TEST(test_chain)
{
    char              a[32], b[32];
    unsigned          i, n;
    policy_uid_t      u, v;
    test_memory_t     counts;
    policy_error_t    error;
    policy_entry_t   *entry;
    policy_store_t   *store;

    for (n = 1000; n <= 12000; n += 11000) {
        store = new_store(&counts);

        for (i = 0; i < n; i++) {
            snprintf(a, sizeof(a), "%u", i);
            snprintf(b, sizeof(b), "%u", i + 1);
            policy_uid_init(&u, str("U"), str(a));
            policy_uid_init(&v, str("U"), str(b));
            ck_assert_int_eq(policy_store_add(store, &u, &entry), POLICY_OK);
            ck_assert_int_eq(policy_entry_parent(entry, &v), POLICY_OK);
        }

        ck_assert_int_eq(policy_store_finish(store, &error),
                         n == 1000 ? POLICY_OK : POLICY_LIMIT);
        ck_assert_uint_lt(counts.peak, 400u << 20);
        policy_store_destroy(store);
    }
}
END_TEST


TCase *
store_case(void)
{
    TCase  *tcase;

    tcase = tcase_create("store");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_every_type);
    tcase_add_test(tcase, test_misuse);
    tcase_add_test(tcase, test_stated_twice);
    tcase_add_test(tcase, test_layers);
    tcase_add_test(tcase, test_many_ancestors);
    tcase_add_test(tcase, test_chain);

    return tcase;
}
