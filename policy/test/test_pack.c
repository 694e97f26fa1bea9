/* Packed stores, bases, seals: smaller or faster, never another answer. */

#include "test.h"

#include "entity.h"


static const char  every_type[] =
    "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{"
    "\"b\":true,\"i\":-7,\"s\":\"some text\",\"part\":\"text\",\"no\":\"\","
    "\"e\":{\"__entity\":{\"type\":\"User\",\"id\":\"b\"}},"
    "\"self\":{\"__entity\":{\"type\":\"User\",\"id\":\"a\"}},"
    "\"ip\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"10.0.0.0/8\"}},"
    "\"ip6\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"2001:db8::/32\"}},"
    "\"dec\":{\"__extn\":{\"fn\":\"decimal\",\"arg\":\"1.5\"}},"
    "\"set\":[1,[\"x\",{\"y\":\"text\"}],\"z\"],\"none\":[],"
    "\"r\":{\"q\":{\"deep\":[\"some\"]}}},"
    "\"tags\":{\"t\":\"v\",\"s\":[\"text\"]},"
    "\"parents\":[{\"type\":\"Group\",\"id\":\"g\"},"
    "{\"type\":\"Group\",\"id\":\"unknown\"}]},"
    "{\"uid\":{\"type\":\"Group\",\"id\":\"g\"},\"attrs\":{\"n\":1},"
    "\"parents\":[{\"type\":\"Top\",\"id\":\"t\"}]}]";

static const char *const  expressions[] = {
    "principal.b && principal.i == -7",
    "principal.s == \"some text\" && principal.part == \"text\"",
    "principal.no == \"\" && principal.none.isEmpty()",
    "principal.e == User::\"b\" && principal.self == principal",
    "principal.ip.isInRange(ip(\"10.0.0.0/8\"))",
    "principal.ip6 == ip(\"2001:db8::/32\")",
    "principal.dec == decimal(\"1.5\")",
    "principal.set == [[{\"y\":\"text\"}, \"x\"], \"z\", 1]",
    "principal.r == {q: {deep: [\"some\"]}}",
    "principal.getTag(\"t\") == \"v\"",
    "principal.getTag(\"s\").contains(\"text\")",
    "principal in Group::\"g\" && principal in Group::\"unknown\"",
    "principal in Top::\"t\"",
    "Group::\"g\".n == 1 && !(principal has n)"
};

#define EXPRESSIONS  (sizeof(expressions) / sizeof(expressions[0]))


static policy_store_t *
new_store(test_memory_t *counts)
{
    policy_store_t   *store;
    policy_memory_t   memory;

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


static void
text(policy_entry_t *entry, const char *name, const char *value)
{
    ck_assert_int_eq(policy_entry_attr(entry, str(name),
                     policy_string(value, strlen(value))), POLICY_OK);
}


/* Packs and destroys the store; the block has the size it says. */
static policy_store_t *
pack(policy_store_t *store)
{
    test_memory_t     counts;
    policy_store_t   *packed;
    policy_memory_t   memory;

    memset(&counts, 0, sizeof(counts));
    memory = test_memory(&counts);

    ck_assert_int_eq(policy_store_pack(store, &memory, &packed), POLICY_OK);
    ck_assert_uint_eq(counts.calls, 1);
    ck_assert_uint_eq(policy_store_memory(packed), counts.live);
    ck_assert_uint_eq(policy_store_count(packed), policy_store_count(store));
    policy_store_destroy(store);

    return packed;
}


static int
holds_in(const char *expression, const policy_store_t *a,
    const policy_store_t *b)
{
    char                   source[256];
    policy_uid_t           p, x, r;
    policy_set_t          *set;
    policy_result_t        result;
    policy_request_t       request;
    const policy_set_t    *sets[1];
    const policy_store_t  *stores[2];

    snprintf(source, sizeof(source),
             "permit(principal,action,resource)when{%s};", expression);

    set = test_set(source);
    sets[0] = set;
    stores[0] = a;
    stores[1] = b;
    p = test_uid("User::\"a\"");
    x = test_uid("Action::\"x\"");
    r = test_uid("Doc::\"d\"");

    memset(&request, 0, sizeof(request));
    request.principal = &p;
    request.action = &x;
    request.resource = &r;
    request.stores = stores;
    request.nstores = b == NULL ? 1 : 2;
    request.sets = sets;
    request.nsets = 1;

    ck_assert_int_eq(policy_authorize(&request, test_arena(), &result),
                     POLICY_OK);
    ck_assert_msg(result.nerrors == 0, "%s", expression);
    policy_set_destroy(set);

    return result.decision == POLICY_ALLOW;
}


/* Whether the store's first entity has the ancestor. */
static int
holds_uid(const policy_store_t *store, const char *ancestor)
{
    policy_uid_t            uid;
    const policy_entity_t  *e;

    uid = test_uid(ancestor);
    e = policy_store_at(store, 0);

    return policy_ancestors_have(e->ancestors, e->nancestors, &uid);
}


START_TEST(test_same_answers)
{
    size_t           i;
    policy_uid_t     uid;
    policy_store_t  *store;

    store = pack(test_store(every_type));

    for (i = 0; i < EXPRESSIONS; i++) {
        ck_assert_msg(holds_in(expressions[i], store, NULL), "%s",
                      expressions[i]);
    }

    uid = test_uid("Group::\"g\"");
    ck_assert(policy_uid_equal(policy_store_uid(store, 1), &uid));
    ck_assert_ptr_null(policy_store_uid(store, 2));

    free(store);
}
END_TEST


/* more than are looked at one by one, with attributes of their own */
START_TEST(test_many_entities)
{
    char              name[32];
    unsigned          i, n;
    test_memory_t     counts;
    policy_entry_t   *entry;
    policy_store_t   *store;

    for (n = 1; n <= 600; n = n < 8 ? n + 1 : n * 8) {
        memset(&counts, 0, sizeof(counts));
        store = new_store(&counts);

        for (i = 0; i < n; i++) {
            snprintf(name, sizeof(name), "N::U::\"%u\"", i);
            entry = add(store, name);
            policy_entry_attr(entry, str("i"), policy_long(i));
            snprintf(name, sizeof(name), "G::\"%u\"", i % 40);
            parent(entry, name);
        }

        ck_assert_int_eq(policy_store_finish(store, NULL), POLICY_OK);
        store = pack(store);
        ck_assert_uint_eq(counts.live, 0);

        for (i = 0; i <= n; i++) {
            snprintf(name, sizeof(name), "N::U::\"%u\".i == %u", i, i);

            if (i < n) {
                ck_assert(holds_in(name, store, NULL));
            }

            snprintf(name, sizeof(name), "N::U::\"%u\" in G::\"%u\"", i,
                     i % 40);
            ck_assert_int_eq(holds_in(name, store, NULL), i < n);
        }

        free(store);
    }
}
END_TEST


/* what nginx keeps with a token, and what of it the tenant's store has */
START_TEST(test_principal_is_small)
{
    policy_uid_t       uid;
    policy_str_t       roles[2];
    test_memory_t      counts;
    policy_entry_t    *entry;
    policy_store_t    *tenant, *store;
    policy_value_t     v;
    const char        *iss, *user;

    memset(&counts, 0, sizeof(counts));
    iss = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_acme1acme";
    user = "User::\"https://cognito-idp.eu-west-1.amazonaws.com/"
           "eu-west-1_acme1acme#2f9e7d0a-5c1b-4f3e-9f0e-1d2c3b4a5f60\"";

    tenant = new_store(&counts);
    add(tenant, "Tier::\"premium\"");
    parent(add(tenant, "Tenant::\"acme\""), "Tier::\"premium\"");
    ck_assert_int_eq(policy_store_finish(tenant, NULL), POLICY_OK);
    tenant = pack(tenant);

    store = new_store(&counts);
    ck_assert_int_eq(policy_store_base(store, tenant), POLICY_OK);
    ck_assert_int_eq(policy_store_seal(store), POLICY_OK);

    entry = add(store, user);
    parent(entry, "Tenant::\"acme\"");
    parent(entry, "Role::\"agent-user\"");
    parent(entry, "Role::\"billing\"");
    uid = test_uid("Tenant::\"acme\"");
    policy_entry_attr(entry, str("tenant"), policy_entity(&uid));
    text(entry, "tier", "premium");
    text(entry, "iss", iss);
    text(entry, "sub", "2f9e7d0a-5c1b-4f3e-9f0e-1d2c3b4a5f60");
    text(entry, "client_id", "4l2b1v5c8d9e0f1a2b3c4d5e6f");
    roles[0] = str("agent-user");
    roles[1] = str("billing");
    ck_assert_int_eq(policy_strings(policy_store_arena(store), roles, 2,
                     &v), POLICY_OK);
    policy_entry_attr(entry, str("roles"), v);
    policy_entry_attr(entry, str("scopes"), v);
    ck_assert_int_eq(policy_store_finish(store, NULL), POLICY_OK);
    ck_assert_uint_gt(policy_store_memory(store), 2000);

    store = pack(store);
    ck_assert_uint_eq(counts.live, 0);
    ck_assert_uint_le(policy_store_memory(store), 800);

    ck_assert(holds_uid(store, "Role::\"billing\""));
    ck_assert(holds_uid(store, "Tier::\"premium\""));

    free(store);
    free(tenant);
}
END_TEST


START_TEST(test_base)
{
    unsigned                i;
    test_memory_t           counts;
    policy_entry_t         *entry;
    policy_store_t         *base, *store;
    const policy_entity_t  *e;

    /* 0: no base; 1: one; 2: packed; 3: packed, and the base as well */

    for (i = 0; i < 4; i++) {
        memset(&counts, 0, sizeof(counts));

        base = new_store(&counts);
        parent(add(base, "Tenant::\"t\""), "Tier::\"x\"");
        add(base, "Tier::\"x\"");
        parent(add(base, "Odd::\"o\""), "Elsewhere::\"e\"");
        parent(add(base, "Again::\"n\""), "Group::\"g\"");
        add(base, "Group::\"g\"");
        ck_assert_int_eq(policy_store_finish(base, NULL), POLICY_OK);
        base = i == 3 ? pack(base) : base;

        store = new_store(&counts);

        if (i > 0) {
            ck_assert_int_eq(policy_store_base(store, base), POLICY_OK);
        }

        entry = add(store, "User::\"a\"");
        parent(entry, "Tenant::\"t\"");
        parent(entry, "Odd::\"o\"");
        parent(entry, "Again::\"n\"");
        parent(entry, "Nowhere::\"n\"");

        /* the first store's record of it counts */

        parent(add(store, "Group::\"g\""), "Mine::\"m\"");

        entry = add(store, "Child::\"c\"");
        parent(entry, "User::\"a\"");

        entry = add(store, "Plain::\"p\"");
        parent(entry, "Tenant::\"t\"");
        ck_assert_int_eq(policy_store_finish(store, NULL), POLICY_OK);

        store = i > 1 ? pack(store) : store;

        ck_assert(holds_in("principal in Tenant::\"t\"", store, base));
        ck_assert(holds_in("principal in Tier::\"x\"", store, base));
        ck_assert(holds_in("principal in Elsewhere::\"e\"", store, base));
        ck_assert(holds_in("principal in Nowhere::\"n\"", store, base));
        ck_assert(holds_in("principal in Mine::\"m\"", store, base));
        ck_assert(holds_in("Child::\"c\" in Tier::\"x\"", store, base));
        ck_assert(holds_in("Child::\"c\" in Mine::\"m\"", store, base));
        ck_assert(holds_in("Plain::\"p\" in Tier::\"x\"", store, base));
        ck_assert(!holds_in("Plain::\"p\" in Mine::\"m\"", store, base));

        /* nothing is left to look for, and the uids are the base's */

        e = policy_store_at(store, 3);
        ck_assert_uint_eq(e->nopen, i == 0);
        ck_assert_uint_eq(e->nancestors, i == 0 ? 1 : 2);

        if (i > 1) {
            ck_assert(e->ancestors[0].uid == policy_store_uid(base, 0)
                      || e->ancestors[0].uid == policy_store_uid(base, 1));
        }

        if (i > 1) {
            free(store);
        } else {
            policy_store_destroy(store);
        }

        if (i == 3) {
            free(base);
        } else {
            policy_store_destroy(base);
        }

        ck_assert_uint_eq(counts.live, 0);
    }
}
END_TEST


START_TEST(test_seal)
{
    unsigned         sealed;
    test_memory_t    counts;
    policy_store_t  *store, *other;

    memset(&counts, 0, sizeof(counts));

    other = new_store(&counts);
    parent(add(other, "Role::\"r\""), "Role::\"top\"");
    ck_assert_int_eq(policy_store_finish(other, NULL), POLICY_OK);

    for (sealed = 0; sealed < 2; sealed++) {
        store = new_store(&counts);
        parent(add(store, "User::\"a\""), "Role::\"r\"");

        if (sealed) {
            ck_assert_int_eq(policy_store_seal(store), POLICY_OK);
        }

        ck_assert_int_eq(policy_store_finish(store, NULL), POLICY_OK);
        store = pack(store);

        ck_assert(holds_in("principal in Role::\"r\"", store, other));
        ck_assert_int_eq(holds_in("principal in Role::\"top\"", store,
                                  other), !sealed);
        ck_assert(!holds_in("principal in Role::\"top\"", store, NULL));
        free(store);
    }

    policy_store_destroy(other);
    ck_assert_uint_eq(counts.live, 0);
}
END_TEST


/* A short list of parents that takes many copies: scratch has to grow. */
START_TEST(test_scratch_grows)
{
    char              name[400], id[300];
    unsigned          i;
    test_memory_t     counts;
    policy_store_t   *base, *store;
    policy_entry_t   *entry;

    memset(&counts, 0, sizeof(counts));
    memset(id, 'x', sizeof(id));
    id[sizeof(id) - 1] = '\0';

    base = new_store(&counts);
    entry = add(base, "Team::\"t\"");

    for (i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "Far::\"%u%s\"", i, id);
        parent(entry, name);
    }

    ck_assert_int_eq(policy_store_seal(base), POLICY_OK);
    ck_assert_int_eq(policy_store_finish(base, NULL), POLICY_OK);

    store = new_store(&counts);
    ck_assert_int_eq(policy_store_base(store, base), POLICY_OK);
    ck_assert_int_eq(policy_store_seal(store), POLICY_OK);
    parent(add(store, "User::\"a\""), "Team::\"t\"");
    ck_assert_int_eq(policy_store_finish(store, NULL), POLICY_OK);
    ck_assert_uint_eq(policy_store_at(store, 0)->nancestors, 101);

    store = pack(store);
    ck_assert_uint_gt(policy_store_memory(store), 30000);
    ck_assert_uint_eq(policy_store_at(store, 0)->nancestors, 101);
    snprintf(name, sizeof(name), "Far::\"7%s\"", id);
    ck_assert(holds_uid(store, name));

    free(store);
    policy_store_destroy(base);
    ck_assert_uint_eq(counts.live, 0);
}
END_TEST


START_TEST(test_misuse)
{
    test_memory_t     counts;
    policy_uid_t      uid;
    policy_entry_t   *entry;
    policy_store_t   *store, *open, *packed, *again;
    policy_memory_t   memory;

    memset(&counts, 0, sizeof(counts));
    memory = test_memory(&counts);

    open = new_store(&counts);
    store = new_store(&counts);
    add(store, "User::\"a\"");

    ck_assert_int_eq(policy_store_pack(store, &memory, &packed),
                     POLICY_MISUSE);
    ck_assert_int_eq(policy_store_base(store, open), POLICY_MISUSE);
    ck_assert_int_eq(policy_store_finish(store, NULL), POLICY_OK);
    ck_assert_int_eq(policy_store_base(store, store), POLICY_MISUSE);
    ck_assert_int_eq(policy_store_seal(store), POLICY_MISUSE);
    policy_store_destroy(open);

    packed = pack(store);
    uid = test_uid("User::\"b\"");

    ck_assert_int_eq(policy_store_pack(packed, &memory, &again),
                     POLICY_MISUSE);
    ck_assert_int_eq(policy_store_add(packed, &uid, &entry), POLICY_MISUSE);
    ck_assert_int_eq(policy_store_json(packed, str(""), str("[]"), NULL),
                     POLICY_MISUSE);
    ck_assert_int_eq(policy_store_base(packed, packed), POLICY_MISUSE);
    ck_assert_int_eq(policy_store_seal(packed), POLICY_MISUSE);
    ck_assert_int_eq(policy_store_finish(packed, NULL), POLICY_MISUSE);
    ck_assert_ptr_null(policy_store_arena(packed));

    policy_store_destroy(packed);       /* leaves it alone */
    ck_assert_uint_eq(policy_store_count(packed), 1);
    free(packed);
    ck_assert_uint_eq(counts.live, 0);
}
END_TEST


START_TEST(test_empty_store)
{
    test_memory_t    counts;
    policy_store_t  *store;

    memset(&counts, 0, sizeof(counts));

    store = new_store(&counts);
    ck_assert_int_eq(policy_store_finish(store, NULL), POLICY_OK);
    store = pack(store);

    ck_assert(!holds_in("principal has a", store, NULL));
    ck_assert_ptr_null(policy_store_uid(store, 0));
    free(store);
}
END_TEST


/* Own memory and the block's: each allocation fails once. */
START_TEST(test_without_memory)
{
    size_t             n, live;
    test_memory_t      counts;
    policy_store_t    *store, *packed;
    policy_memory_t    memory;
    policy_status_t    rc;

    for (n = 1; /* void */; n++) {
        memset(&counts, 0, sizeof(counts));
        memory = test_memory(&counts);

        store = new_store(&counts);
        ck_assert_int_eq(policy_store_json(store, str("e"), str(every_type),
                         NULL), POLICY_OK);
        ck_assert_int_eq(policy_store_finish(store, NULL), POLICY_OK);

        live = counts.live;
        counts.fail_at = counts.calls + n;
        rc = policy_store_pack(store, &memory, &packed);

        if (rc == POLICY_OK) {
            memory.free(memory.data, packed, policy_store_memory(packed));
        }

        /* the store is as before */

        ck_assert_uint_eq(counts.live, live);
        ck_assert_uint_eq(policy_store_memory(store), live);
        ck_assert(holds_in(expressions[0], store, NULL));
        policy_store_destroy(store);
        ck_assert_uint_eq(counts.live, 0);

        if (rc == POLICY_OK) {
            break;
        }

        ck_assert_int_eq(rc, POLICY_NO_MEMORY);
    }

    ck_assert_uint_eq(n, 3);
}
END_TEST


TCase *
pack_case(void)
{
    TCase  *tcase;

    tcase = tcase_create("pack");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_same_answers);
    tcase_add_test(tcase, test_many_entities);
    tcase_add_test(tcase, test_principal_is_small);
    tcase_add_test(tcase, test_base);
    tcase_add_test(tcase, test_seal);
    tcase_add_test(tcase, test_scratch_grows);
    tcase_add_test(tcase, test_misuse);
    tcase_add_test(tcase, test_empty_store);
    tcase_add_test(tcase, test_without_memory);

    return tcase;
}
