/* Every allocation fails once; a decision allocates nothing. */

#include "test.h"


static const char  policies[] =
    "@id(\"first\")@note(\"n\\n\")permit(principal in Group::\"g\",action in["
    "Action::\"r\",Action::\"w\"],resource is Doc)when{"
    "context.ip.isInRange(ip(\"2001:db8::/32\"))&&[1,2,3].contains(context.n)"
    "&&{a:1,b:[\"x\"]}==context.r&&principal.s like\"a*\\*\"}"
    "unless{principal has a.b.c||resource.getTag(\"t\")==\"v\"};"
    "forbid(principal==?principal,action,resource in?resource)when{"
    "if context.b then 1+2*context.n==7 else principal is User in"
    "[Group::\"g\",resource]};"
    "permit(principal is N::\n User,action,resource)when{{x:context.n,"
    "\"y\\n\":[context.n]}.x==-context.n};";

static const char  links[] =
    "[{\"template_id\":\"policy1\",\"link_id\":\"l\",\"args\":{"
    "\"?principal\":\"User::\\\"\\\\u{61}\\\"\","
    "\"?resource\":\"Dir::\\\"d\\\"\"}}]";

static const char  entities[] =
    "[{\"uid\":{\"type\":\"User\",\"id\":\"\\u0061\"},\"attrs\":{"
    "\"s\":\"a\\n\",\"ip\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"::1\"}},"
    "\"e\":{\"__entity\":{\"type\":\"User\",\"id\":\"b\"}},\"set\":[1,[2]]},"
    "\"parents\":[{\"type\":\"Group\",\"id\":\"g\"},"
    "{\"type\":\"Group\",\"id\":\"h\"}],\"tags\":{\"t\":\"v\"}},"
    "{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{"
    "\"s\":\"a\\n\",\"ip\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"::1\"}},"
    "\"e\":{\"__entity\":{\"type\":\"User\",\"id\":\"b\"}},\"set\":[1,[2]]},"
    "\"parents\":[{\"type\":\"Group\",\"id\":\"g\"},"
    "{\"type\":\"Group\",\"id\":\"h\"}],\"tags\":{\"t\":\"v\"}},"
    "{\"uid\":{\"type\":\"Group\",\"id\":\"g\"},\"attrs\":{},\"parents\":["
    "{\"type\":\"Group\",\"id\":\"top\"}]}]";


static policy_status_t
build_set(const policy_memory_t *memory, policy_set_t **set)
{
    policy_uid_t           uid;
    policy_status_t        rc;
    policy_set_options_t   options;

    options.id_prefix = str("p/");
    options.id_annotation = 1;
    *set = NULL;

    rc = policy_set_create(memory, &options, set);
    if (rc != POLICY_OK) {
        return rc;
    }

    policy_uid_init(&uid, str("Dir"), str("e"));

    if ((rc = policy_set_add(*set, str("f"), str(policies), NULL))
        != POLICY_OK
        || (rc = policy_set_add(*set, str("g"), str(policies + 12), NULL))
           != POLICY_OK)
    {
        return rc;
    }

    rc = policy_set_link(*set, str("p/policy1"), str("l2"), &uid, &uid,
                         NULL);

    return rc == POLICY_OK ? policy_set_finish(*set, NULL) : rc;
}


START_TEST(test_set_without_memory)
{
    size_t             n, spared;
    policy_set_t      *set;
    test_memory_t      counts;
    policy_memory_t    memory;
    policy_status_t    rc;

    spared = 0;

    for (n = 1; /* void */; n++) {
        memset(&counts, 0, sizeof(counts));
        counts.fail_at = n;
        memory = test_memory(&counts);

        rc = build_set(&memory, &set);
        policy_set_destroy(set);
        ck_assert_uint_eq(counts.live, 0);

        if (counts.calls < n) {
            break;
        }

        spared += rc == POLICY_OK;
        ck_assert_msg(rc == POLICY_NO_MEMORY || rc == POLICY_OK,
                      "call %zu: %s", n, policy_status_name(rc));
    }

    /* only giving room back may fail without harm */

    ck_assert_int_eq(rc, POLICY_OK);
    ck_assert_uint_gt(n, 8);
    ck_assert_uint_le(spared, 1);
}
END_TEST


START_TEST(test_links_without_memory)
{
    size_t             n;
    policy_set_t      *set;
    test_memory_t      counts;
    policy_memory_t    memory;
    policy_status_t    rc;

    for (n = 1; /* void */; n++) {
        memset(&counts, 0, sizeof(counts));
        memory = test_memory(&counts);

        ck_assert_int_eq(policy_set_create(&memory, NULL, &set), POLICY_OK);
        ck_assert_int_eq(policy_set_add(set, str("f"), str(policies), NULL),
                         POLICY_OK);

        counts.fail_at = counts.calls + n;
        rc = policy_set_link_json(set, str("l"), str(links), NULL);

        if (rc == POLICY_OK) {
            rc = policy_set_finish(set, NULL);
        }

        policy_set_destroy(set);
        ck_assert_uint_eq(counts.live, 0);

        if (rc == POLICY_OK) {
            break;
        }

        ck_assert_int_eq(rc, POLICY_NO_MEMORY);
    }

    ck_assert_uint_gt(n, 2);
}
END_TEST


static policy_status_t
build_store(const policy_memory_t *memory, policy_store_t **store)
{
    unsigned          i;
    char              name[16], big[600];
    policy_uid_t      uid;
    policy_value_t    v;
    policy_entry_t   *entry;
    policy_status_t   rc;
    policy_record_t  *record;

    *store = NULL;

    rc = policy_store_create(memory, store);
    if (rc != POLICY_OK) {
        return rc;
    }

    rc = policy_store_json(*store, str("e"), str(entities), NULL);
    if (rc != POLICY_OK) {
        return rc;
    }

    policy_uid_init(&uid, str("User"), str("built"));

    if ((rc = policy_store_add(*store, &uid, &entry)) != POLICY_OK
        || (rc = policy_record_begin(policy_store_arena(*store), &record))
           != POLICY_OK)
    {
        return rc;
    }

    memset(big, 'x', sizeof(big));
    v = policy_string(big, sizeof(big));

    for (i = 0; i < 40; i++) {
        snprintf(name, sizeof(name), "n%u", i);

        if ((rc = policy_record_set(record, str(name), v)) != POLICY_OK
            || (rc = policy_entry_attr(entry, str(name), v)) != POLICY_OK
            || (rc = policy_entry_tag(entry, str(name), v)) != POLICY_OK
            || (rc = policy_entry_parent(entry, &uid - (i > 99)))
               != POLICY_OK)
        {
            return rc;
        }

        policy_uid_init(&uid, str("Group"), str(i % 2 ? "g" : "z"));
    }

    rc = policy_record_end(record, &v);

    if (rc == POLICY_OK) {
        rc = policy_entry_attr(entry, str("record"), v);
    }

    return rc == POLICY_OK ? policy_store_finish(*store, NULL) : rc;
}


START_TEST(test_store_without_memory)
{
    size_t             n;
    test_memory_t      counts;
    policy_store_t    *store;
    policy_memory_t    memory;
    policy_status_t    rc;

    for (n = 1; /* void */; n++) {
        memset(&counts, 0, sizeof(counts));
        counts.fail_at = n;
        memory = test_memory(&counts);

        rc = build_store(&memory, &store);
        policy_store_destroy(store);
        ck_assert_uint_eq(counts.live, 0);

        if (counts.calls < n) {
            break;
        }

        ck_assert_msg(rc == POLICY_NO_MEMORY, "call %zu: %s", n,
                      policy_status_name(rc));
    }

    /* the entity built is its own parent */

    ck_assert_int_eq(rc, POLICY_CYCLE);
    ck_assert_uint_gt(n, 8);
}
END_TEST


typedef struct {
    size_t    used;
    uint64_t  bytes[1 << 17];
} pool_t;

static void *
pool_alloc(void *data, size_t size)
{
    void    *p;
    pool_t  *pool;

    pool = data;
    size = (size + 7) / 8;

    if (size > sizeof(pool->bytes) / 8 - pool->used) {
        return NULL;
    }

    p = &pool->bytes[pool->used];
    pool->used += size;

    return p;
}


/* A pool gives nothing back; what it holds is dropped as a whole. */
START_TEST(test_without_free)
{
    size_t             used;
    policy_set_t      *set;
    policy_store_t    *store;
    policy_result_t    result;
    policy_memory_t    memory;
    static pool_t      pool;

    memory.alloc = pool_alloc;
    memory.free = NULL;
    memory.data = &pool;

    ck_assert_int_eq(build_set(&memory, &set), POLICY_OK);
    ck_assert_int_eq(policy_store_create(&memory, &store), POLICY_OK);
    ck_assert_int_eq(policy_store_json(store, str("e"), str(entities), NULL),
                     POLICY_OK);
    ck_assert_int_eq(policy_store_finish(store, NULL), POLICY_OK);

    used = pool.used;
    ck_assert_int_eq(test_decide(set, store, "User::\"a\"", "Action::\"r\"",
                     "Doc::\"d\"", "{}", &result), POLICY_OK);
    ck_assert_uint_eq(pool.used, used);
    ck_assert_uint_gt(result.nerrors, 0);

    policy_set_destroy(set);
    policy_store_destroy(store);
}
END_TEST


START_TEST(test_decision_allocates_nothing)
{
    size_t             before;
    policy_set_t      *set;
    test_memory_t      counts;
    policy_store_t    *store;
    policy_result_t    result;
    policy_memory_t    memory;

    memset(&counts, 0, sizeof(counts));
    memory = test_memory(&counts);

    ck_assert_int_eq(build_set(&memory, &set), POLICY_OK);
    ck_assert_int_eq(policy_store_create(&memory, &store), POLICY_OK);
    ck_assert_int_eq(policy_store_json(store, str("e"), str(entities), NULL),
                     POLICY_OK);
    ck_assert_int_eq(policy_store_finish(store, NULL), POLICY_OK);

    before = counts.calls;

    ck_assert_int_eq(test_decide(set, store, "User::\"a\"", "Action::\"r\"",
                     "Doc::\"d\"", "{\"n\":2,\"b\":true,\"ip\":{\"__extn\":{"
                     "\"fn\":\"ip\",\"arg\":\"2001:db8::1\"}},"
                     "\"r\":{\"a\":1,\"b\":[\"x\"]}}", &result), POLICY_OK);
    ck_assert_uint_gt(result.evaluated, 0);
    ck_assert_uint_gt(result.work, 0);
    ck_assert_uint_eq(counts.calls, before);

    policy_set_destroy(set);
    policy_store_destroy(store);
    ck_assert_uint_eq(counts.live, 0);
}
END_TEST


TCase *
memory_case(void)
{
    TCase  *tcase;

    tcase = tcase_create("memory");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_set_without_memory);
    tcase_add_test(tcase, test_links_without_memory);
    tcase_add_test(tcase, test_store_without_memory);
    tcase_add_test(tcase, test_without_free);
    tcase_add_test(tcase, test_decision_allocates_nothing);

    return tcase;
}
