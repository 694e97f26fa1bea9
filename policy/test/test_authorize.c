/* Decisions: effects, the index, several sets, limits. */

#include "test.h"


typedef struct {
    const char  *policies;
    const char  *decision;      /* "allow" or "deny" */
    const char  *reasons;
    const char  *errors;
} decision_t;

#define COUNT(a)  ((int) (sizeof(a) / sizeof((a)[0])))

#define ANY     "(principal,action,resource)"
#define TRUE    "permit" ANY ";"
#define FALSE   "permit" ANY "when{false};"
#define ERROR   "permit" ANY "when{1};"
#define FORBID  "forbid" ANY ";"
#define F_ERR   "forbid" ANY "when{context.no};"

static const decision_t  decisions[] = {
    { "", "deny", "", "" },
    { TRUE, "allow", "policy0", "" },
    { FALSE, "deny", "", "" },
    { TRUE FALSE TRUE, "allow", "policy0 policy2", "" },
    { FORBID, "deny", "policy0", "" },
    { TRUE FORBID TRUE FORBID, "deny", "policy1 policy3", "" },
    { FORBID TRUE, "deny", "policy0", "" },
    { ERROR, "deny", "", "policy0:type:1:39" },
    { TRUE F_ERR, "allow", "policy0", "policy1:attr:1:81" },
    { FORBID F_ERR TRUE, "deny", "policy0", "policy1:attr:1:81" },
    { "permit" ANY "when{true}unless{false};", "allow", "policy0", "" },
    { "permit" ANY "unless{true};", "deny", "", "" },
    { "permit" ANY "unless{1};", "deny", "", "policy0:type:1:41" },
    { "permit" ANY "when{false}when{1};", "deny", "", "" },
    { "permit" ANY "when{1}when{false};", "deny", "", "policy0:type:1:39" },

    /* every form of scope, met and missed; a miss hides errors */
    { "permit(principal==U::\"a\",action,resource);"
      "permit(principal==U::\"b\",action,resource)when{1};"
      "permit(principal in G::\"g\",action,resource);"
      "permit(principal in G::\"h\",action,resource)when{1};"
      "permit(principal in U::\"a\",action,resource);"
      "permit(principal is U,action,resource);"
      "permit(principal is G,action,resource)when{1};"
      "permit(principal is U in G::\"top\",action,resource);"
      "permit(principal is U in G::\"h\",action,resource)when{1};"
      "permit(principal is G in G::\"g\",action,resource)when{1};",
      "allow", "policy0 policy2 policy4 policy5 policy7", "" },
    { "permit(principal,action,resource==D::\"d\");"
      "permit(principal,action,resource==D::\"e\")when{1};"
      "permit(principal,action,resource in D::\"dir\");"
      "permit(principal,action,resource in D::\"x\")when{1};"
      "permit(principal,action,resource is D);"
      "permit(principal,action,resource is U)when{1};"
      "permit(principal,action,resource is D in D::\"dir\");",
      "allow", "policy0 policy2 policy4 policy6", "" },
    { "permit(principal,action==Action::\"r\",resource);"
      "permit(principal,action==Action::\"w\",resource)when{1};"
      "permit(principal,action==Action::\"all\",resource)when{1};"
      "permit(principal,action in Action::\"all\",resource);"
      "permit(principal,action in[Action::\"r\",Action::\"all\"],resource);"
      "permit(principal,action in[Action::\"all\",Action::\"w\","
      "Action::\"r\",Action::\"r\"],resource);"
      "permit(principal,action in[Action::\"w\"],resource)when{1};"
      "permit(principal,action in[],resource)when{1};",
      "allow", "policy0 policy3 policy4 policy5", "" },
    { "forbid(principal in G::\"top\",action in[Action::\"r\","
      "Action::\"all\"],resource in D::\"dir\")when{context.no};"
      "permit(principal==U::\"a\",action==Action::\"r\",resource==D::\"d\");"
      "permit(principal==U::\"a\",action==Action::\"r\",resource==D::\"e\");"
      "permit(principal==U::\"a\",action==Action::\"w\",resource==D::\"d\");"
      "permit(principal==U::\"b\",action==Action::\"r\",resource==D::\"d\");",
      "allow", "policy1", "policy0:attr:1:101" }
};

static const char  entities[] =
    "[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{},\"parents\":["
    "{\"type\":\"G\",\"id\":\"g\"}]},"
    "{\"uid\":{\"type\":\"G\",\"id\":\"g\"},\"attrs\":{},\"parents\":["
    "{\"type\":\"G\",\"id\":\"top\"}]},"
    "{\"uid\":{\"type\":\"D\",\"id\":\"d\"},\"attrs\":{},\"parents\":["
    "{\"type\":\"D\",\"id\":\"dir\"}]},"
    "{\"uid\":{\"type\":\"Action\",\"id\":\"r\"},\"attrs\":{},\"parents\":["
    "{\"type\":\"Action\",\"id\":\"all\"}]}]";


static void
decide(const policy_request_t *request, const decision_t *c)
{
    policy_result_t  result;

    ck_assert_int_eq(policy_authorize(request, test_arena(), &result),
                     POLICY_OK);
    ck_assert_msg(strcmp(test_reasons(&result), c->reasons) == 0,
                  "%s: \"%s\" instead of \"%s\"", c->policies,
                  test_reasons(&result), c->reasons);
    ck_assert_msg(strcmp(test_errors(&result), c->errors) == 0,
                  "%s: \"%s\" instead of \"%s\"", c->policies,
                  test_errors(&result), c->errors);
    ck_assert_int_eq(result.decision == POLICY_ALLOW,
                     strcmp(c->decision, "allow") == 0);
    ck_assert_ptr_null(result.limit);
}


typedef struct {
    policy_uid_t           p;
    policy_uid_t           a;
    policy_uid_t           r;
    policy_request_t       request;
    const policy_set_t    *sets[POLICY_MAX_SETS + 1];
    const policy_store_t  *stores[POLICY_MAX_STORES + 1];
} world_t;

static void
make_world(world_t *w, const char *policies)
{
    memset(w, 0, sizeof(world_t));

    w->p = test_uid("U::\"a\"");
    w->a = test_uid("Action::\"r\"");
    w->r = test_uid("D::\"d\"");
    w->sets[0] = test_set(policies);
    w->stores[0] = test_store(entities);
    w->request.principal = &w->p;
    w->request.action = &w->a;
    w->request.resource = &w->r;
    w->request.sets = w->sets;
    w->request.nsets = 1;
    w->request.stores = w->stores;
    w->request.nstores = 1;
}


static void
drop_world(world_t *w)
{
    policy_set_destroy((policy_set_t *) (uintptr_t) w->sets[0]);
    policy_store_destroy((policy_store_t *) (uintptr_t) w->stores[0]);
}


START_TEST(test_decision)
{
    world_t            w;
    const decision_t  *c;

    c = &decisions[_i];
    make_world(&w, c->policies);

    decide(&w.request, c);
    w.request.flags = POLICY_FULL_SCAN;
    decide(&w.request, c);
    w.request.flags = POLICY_BY_INDEX;
    decide(&w.request, c);

    drop_world(&w);
}
END_TEST


START_TEST(test_several_sets)
{
    world_t             w;
    policy_set_t       *tenant;
    policy_result_t     result;

    make_world(&w, TRUE ERROR);
    tenant = test_set(ERROR FORBID);
    w.sets[1] = tenant;

    ck_assert_int_eq(policy_authorize(&w.request, test_arena(), &result),
                     POLICY_OK);
    ck_assert_int_eq(result.decision, POLICY_ALLOW);

    w.request.nsets = 2;
    ck_assert_int_eq(policy_authorize(&w.request, test_arena(), &result),
                     POLICY_OK);
    ck_assert_int_eq(result.decision, POLICY_DENY);
    ck_assert_uint_eq(result.nreasons, 1);
    ck_assert_ptr_eq(result.reasons[0].set, tenant);
    ck_assert_uint_eq(result.reasons[0].index, 1);
    ck_assert_uint_eq(result.nerrors, 2);
    ck_assert_ptr_eq(result.errors[0].policy.set, w.sets[0]);
    ck_assert_ptr_eq(result.errors[1].policy.set, tenant);

    /* a dropped tenant leaves the principal as good as it was */

    policy_set_destroy(tenant);
    tenant = test_set(TRUE);
    w.sets[1] = w.sets[0];
    w.sets[0] = tenant;
    ck_assert_int_eq(policy_authorize(&w.request, test_arena(), &result),
                     POLICY_OK);
    ck_assert_uint_eq(result.nreasons, 2);
    ck_assert_ptr_eq(result.reasons[0].set, tenant);

    w.sets[0] = w.sets[1];
    policy_set_destroy(tenant);
    drop_world(&w);
}
END_TEST


START_TEST(test_misuse)
{
    world_t            w;
    uint64_t           buffer[64];
    policy_set_t      *unfinished;
    test_memory_t      counts;
    policy_store_t    *open;
    policy_result_t    result;
    policy_memory_t    memory;
    policy_request_t   request;

    memset(&counts, 0, sizeof(counts));
    memory = test_memory(&counts);
    make_world(&w, TRUE);

#define REFUSES(change)                                                      \
    request = w.request;                                                     \
    change;                                                                  \
    result.decision = POLICY_ALLOW;                                          \
    ck_assert_int_eq(policy_authorize(&request, test_arena(), &result),      \
                     POLICY_MISUSE);                                         \
    ck_assert_int_eq(result.decision, POLICY_DENY)

    REFUSES(request.principal = NULL);
    REFUSES(request.action = NULL);
    REFUSES(request.resource = NULL);
    REFUSES(request.context = policy_long(1));
    REFUSES(request.nsets = POLICY_MAX_SETS + 1);
    REFUSES(request.nstores = POLICY_MAX_STORES + 1);
    REFUSES(request.nsets = 2);         /* the second is NULL */
    REFUSES(request.nstores = 2);

    ck_assert_int_eq(policy_set_create(&memory, NULL, &unfinished),
                     POLICY_OK);
    w.sets[1] = unfinished;
    REFUSES(request.nsets = 2);
    policy_set_destroy(unfinished);

    ck_assert_int_eq(policy_store_create(&memory, &open), POLICY_OK);
    w.stores[1] = open;
    REFUSES(request.nstores = 2);
    policy_store_destroy(open);

    ck_assert_int_eq(policy_authorize(&w.request, NULL, &result),
                     POLICY_MISUSE);

    /* an arena wants room and alignment */

    ck_assert_ptr_null(policy_arena_init(NULL, 100));
    ck_assert_ptr_null(policy_arena_init(buffer, 16));
    ck_assert_ptr_null(policy_arena_init((char *) buffer + 1, 400));

    /* no sets deny, no stores are fine */

    request = w.request;
    request.nsets = 0;
    ck_assert_int_eq(policy_authorize(&request, test_arena(), &result),
                     POLICY_OK);
    ck_assert_int_eq(result.decision, POLICY_DENY);
    request = w.request;
    request.nstores = 0;
    ck_assert_int_eq(policy_authorize(&request, test_arena(), &result),
                     POLICY_OK);
    ck_assert_int_eq(result.decision, POLICY_ALLOW);

    drop_world(&w);
    ck_assert_uint_eq(counts.live, 0);
}
END_TEST


/* A forbid that was not evaluated must not turn into an allow. */
START_TEST(test_limits_deny)
{
    char               text[4096];
    size_t             n, size;
    world_t            w;
    uint64_t           buffer[1024];
    policy_arena_t    *arena;
    policy_status_t    rc;
    policy_result_t    result;

    make_world(&w, TRUE "forbid" ANY "when{[1,2,3,context.a].containsAll("
               "[context.a,9])||{a:[context.a],b:ip(context.s)}=={}};");

    snprintf(text, sizeof(text), "{\"a\":4,\"s\":\"::1\"}");
    arena = test_arena();
    ck_assert_int_eq(policy_json_context(arena, str(text),
                     &w.request.context, NULL), POLICY_OK);

    /* work: as little as does, and anything less */

    ck_assert_int_eq(policy_authorize(&w.request, arena, &result),
                     POLICY_OK);
    ck_assert_int_eq(result.decision, POLICY_ALLOW);
    ck_assert_uint_gt(result.work, 5);
    size = result.work;

    for (n = 1; n <= size; n++) {
        w.request.work = (uint32_t) n;
        rc = policy_authorize(&w.request, arena, &result);

        if (n < size) {
            ck_assert_int_eq(rc, POLICY_LIMIT);
            ck_assert_int_eq(result.decision, POLICY_DENY);
            ck_assert_str_eq(result.limit, "work budget");
            ck_assert_uint_eq(result.nreasons, 0);
        } else {
            ck_assert_int_eq(rc, POLICY_OK);
        }
    }

    /* memory: the same */

    w.request.work = 0;
    n = 0;

    for (size = 128; size <= sizeof(buffer); size += 8) {
        arena = policy_arena_init(buffer, size);

        if (arena == NULL || policy_json_context(arena, str(text),
                                                 &w.request.context, NULL)
                             != POLICY_OK)
        {
            continue;
        }

        rc = policy_authorize(&w.request, arena, &result);

        if (rc == POLICY_OK) {
            ck_assert_int_eq(result.decision, POLICY_ALLOW);
            break;
        }

        ck_assert_int_eq(rc, POLICY_LIMIT);
        ck_assert_int_eq(result.decision, POLICY_DENY);
        ck_assert_str_eq(result.limit, "scratch memory");
        n++;
    }

    ck_assert_uint_gt(n, 0);
    ck_assert_uint_lt(size, sizeof(buffer));
    drop_world(&w);
}
END_TEST


/* More satisfied policies or errors than the arena holds. */
START_TEST(test_full_of_results)
{
    char              *text;
    size_t             i, n;
    world_t            w;
    uint64_t           buffer[256];
    policy_result_t    result;

    n = 200;
    text = malloc(n * 64);
    text[0] = '\0';

    for (i = 0; i < n; i++) {
        strcat(text, TRUE);
    }

    make_world(&w, text);
    ck_assert_int_eq(policy_authorize(&w.request, policy_arena_init(buffer,
                     sizeof(buffer)), &result), POLICY_LIMIT);
    ck_assert_int_eq(result.decision, POLICY_DENY);
    ck_assert_int_eq(policy_authorize(&w.request, test_arena(), &result),
                     POLICY_OK);
    ck_assert_uint_eq(result.nreasons, n);
    drop_world(&w);

    text[0] = '\0';

    for (i = 0; i < n; i++) {
        strcat(text, ERROR);
    }

    make_world(&w, text);
    ck_assert_int_eq(policy_authorize(&w.request, policy_arena_init(buffer,
                     sizeof(buffer)), &result), POLICY_LIMIT);
    ck_assert_int_eq(policy_authorize(&w.request, test_arena(), &result),
                     POLICY_OK);
    ck_assert_uint_eq(result.nerrors, n);

    for (i = 1; i < n; i++) {
        ck_assert_uint_lt(result.errors[i - 1].policy.index,
                          result.errors[i].policy.index);
    }

    drop_world(&w);
    free(text);
}
END_TEST


/* The cost of a decision follows the policies that could apply. */
START_TEST(test_index_is_used)
{
    char              *text, one[128];
    size_t             i;
    world_t            w;
    policy_result_t    result;

    text = malloc(2000 * 128);
    text[0] = '\0';

    for (i = 0; i < 1000; i++) {
        snprintf(one, sizeof(one), "permit(principal==U::\"%zu\",action,"
                 "resource);permit(principal in G::\"g\",action,resource=="
                 "D::\"%zu\");", i, i);
        strcat(text, one);
    }

    strcat(text, "permit(principal==U::\"a\",action,resource);");
    make_world(&w, text);

    ck_assert_int_eq(policy_authorize(&w.request, test_arena(), &result),
                     POLICY_OK);
    ck_assert_int_eq(result.decision, POLICY_ALLOW);
    ck_assert_uint_eq(result.evaluated, 1);

    w.request.flags = POLICY_FULL_SCAN;
    ck_assert_int_eq(policy_authorize(&w.request, test_arena(), &result),
                     POLICY_OK);
    ck_assert_uint_eq(result.evaluated, 2001);
    ck_assert_str_eq(test_reasons(&result), "policy2000");

    drop_world(&w);
    free(text);

    /* of few policies those are looked at that the scopes let through */

    make_world(&w, "permit(principal==U::\"b\",action,resource);"
               "permit(principal==U::\"a\",action,resource);");

    ck_assert_int_eq(policy_authorize(&w.request, test_arena(), &result),
                     POLICY_OK);
    ck_assert_uint_eq(result.evaluated, 1);
    ck_assert_str_eq(test_reasons(&result), "policy1");

    w.request.flags = POLICY_FULL_SCAN;
    ck_assert_int_eq(policy_authorize(&w.request, test_arena(), &result),
                     POLICY_OK);
    ck_assert_uint_eq(result.evaluated, 2);

    w.request.flags = POLICY_BY_INDEX;
    ck_assert_int_eq(policy_authorize(&w.request, test_arena(), &result),
                     POLICY_OK);
    ck_assert_uint_eq(result.evaluated, 1);
    ck_assert_str_eq(test_reasons(&result), "policy1");

    drop_world(&w);
}
END_TEST


static const char *const  scopes[] = {
    "principal==U::\"a\",action,resource is D",
    "principal in G::\"top\",action in[Action::\"w\",Action::\"r\"],resource",
    "principal in G::\"h\",action,resource",
    "principal is U,action==Action::\"r\",resource==D::\"d\"",
    "principal is U in G::\"g\",action,resource in D::\"dir\"",
    "principal is U in G::\"h\",action,resource",
    "principal,action in Action::\"all\",resource is D in D::\"dir\"",
    "principal,action in[],resource",
    "principal==?principal,action,resource",
    "principal is G,action==Action::\"w\",resource==D::\"e\""
};

/* Small sets, large ones, and few and many ancestors: one result. */
START_TEST(test_sizes)
{
    char             *text, name[16];
    size_t            i, n, many;
    world_t           w;
    policy_uid_t      uid;
    const char       *all;
    test_memory_t     counts;
    policy_entry_t   *entry;
    policy_store_t   *store;
    policy_result_t   result;
    policy_memory_t   memory;
    static char       expected[8192];

    text = malloc(200 * 128);

    for (n = 1; n <= 130; n += n < 60 || n > 70 ? 9 : 1) {
        text[0] = '\0';

        for (i = 0; i < n; i++) {
            strcat(text, "permit(");
            strcat(text, scopes[(i * 7) % COUNT(scopes)]);
            strcat(text, ");");
        }

        make_world(&w, text);

        for (many = 0; many < 2; many++) {
            memset(&counts, 0, sizeof(counts));
            memory = test_memory(&counts);
            ck_assert_int_eq(policy_store_create(&memory, &store),
                             POLICY_OK);
            ck_assert_int_eq(policy_store_add(store, &w.p, &entry),
                             POLICY_OK);

            for (i = 0; i < 100; i++) {
                snprintf(name, sizeof(name), "%zu", i);
                policy_uid_init(&uid, str("Other"), str(name));
                ck_assert_int_eq(policy_entry_parent(entry, &uid),
                                 POLICY_OK);
            }

            uid = test_uid("G::\"g\"");
            ck_assert_int_eq(policy_entry_parent(entry, &uid), POLICY_OK);
            ck_assert_int_eq(policy_store_finish(store, NULL), POLICY_OK);

            if (many) {
                w.stores[1] = w.stores[0];
                w.stores[0] = store;
                w.request.nstores = 2;
            }

            w.request.flags = POLICY_FULL_SCAN;
            ck_assert_int_eq(policy_authorize(&w.request, test_arena(),
                             &result), POLICY_OK);
            all = test_reasons(&result);
            snprintf(expected, sizeof(expected), "%s", all);

            w.request.flags = POLICY_BY_INDEX;
            ck_assert_int_eq(policy_authorize(&w.request, test_arena(),
                             &result), POLICY_OK);
            ck_assert_str_eq(test_reasons(&result), expected);

            w.request.flags = 0;
            ck_assert_int_eq(policy_authorize(&w.request, test_arena(),
                             &result), POLICY_OK);
            ck_assert_str_eq(test_reasons(&result), expected);

            if (!many && n <= 64) {
                ck_assert_uint_le(result.evaluated,
                                  result.nreasons + n / COUNT(scopes) + 1);
            }

            if (many) {
                w.stores[0] = w.stores[1];
            }

            policy_store_destroy(store);
            ck_assert_uint_eq(counts.live, 0);
        }

        drop_world(&w);
    }

    free(text);
}
END_TEST


/* A layout makes the record that setting name after name makes. */
START_TEST(test_layout)
{
    size_t             i, n;
    world_t            w;
    test_memory_t      counts;
    policy_str_t       names[12];
    policy_value_t     values[12], set, filled;
    policy_arena_t    *arena;
    policy_memory_t    memory;
    policy_result_t    result;
    policy_layout_t   *layout;
    policy_record_t   *record;
    static char        text[12];
    static uint64_t    small[16];

    make_world(&w, "permit(principal,action,resource)"
               "when{context.set==context.filled};"
               "permit(principal,action,resource)"
               "when{context.filled has l&&context.filled.l==11};"
               "permit(principal,action,resource)"
               "when{context.filled has f};");
    arena = test_arena();
    memset(&counts, 0, sizeof(counts));
    memory = test_memory(&counts);

    for (i = 0; i < 12; i++) {
        text[i] = (char) ('a' + i);
        names[i] = (policy_str_t) { &text[i], 1 };
    }

    ck_assert_int_eq(policy_layout_create(&memory, names, 12, &layout),
                     POLICY_OK);

    for (n = 0; n <= 12; n++) {
        policy_arena_reset(arena);
        memset(values, 0, sizeof(values));
        ck_assert_int_eq(policy_record_begin(arena, &record), POLICY_OK);

        for (i = 0; i < n; i++) {
            if (i != 5) {
                values[i] = policy_long((int64_t) i);
                policy_record_set(record, names[i], values[i]);
            }
        }

        ck_assert_int_eq(policy_record_end(record, &set), POLICY_OK);
        ck_assert_int_eq(policy_record_fill(arena, layout, values, &filled),
                         POLICY_OK);

        ck_assert_int_eq(policy_record_begin(arena, &record), POLICY_OK);
        policy_record_set(record, str("set"), set);
        policy_record_set(record, str("filled"), filled);
        ck_assert_int_eq(policy_record_end(record, &w.request.context),
                         POLICY_OK);

        ck_assert_int_eq(policy_authorize(&w.request, arena, &result),
                         POLICY_OK);
        ck_assert_str_eq(test_errors(&result), "");
        ck_assert_str_eq(test_reasons(&result),
                         n == 12 ? "policy0 policy1" : "policy0");
    }

    /* what cannot be filled in, and where */

    ck_assert_int_eq(policy_record_fill(
                         policy_arena_init(small, sizeof(small)), layout,
                         values, &filled), POLICY_LIMIT);
    policy_layout_destroy(layout);

    values[0] = policy_long(1);
    ck_assert_int_eq(policy_layout_create(&memory, names, 1, &layout),
                     POLICY_OK);
    ck_assert_int_eq(policy_record_fill(
                         policy_store_arena((policy_store_t *) (uintptr_t)
                                            w.stores[0]),
                         layout, values, &filled), POLICY_MISUSE);
    values[0].kind = 99;
    ck_assert_int_eq(policy_record_fill(arena, layout, values, &filled),
                     POLICY_MISUSE);
    policy_layout_destroy(layout);

    names[1] = names[0];
    ck_assert_int_eq(policy_layout_create(&memory, names, 2, &layout),
                     POLICY_DUPLICATE);

    policy_layout_destroy(NULL);
    ck_assert_uint_eq(counts.live, 0);

    drop_world(&w);
}
END_TEST


START_TEST(test_context_builder)
{
    size_t             mark;
    world_t            w;
    uint64_t           small[17];
    policy_str_t       strings[2];
    policy_arena_t    *arena;
    policy_value_t     v, list[2];
    policy_record_t   *record;
    policy_result_t    result;

    make_world(&w, "permit" ANY "when{context.n==1&&context.s==\"x\""
               "&&context.set.contains(\"b\")&&context.r.q==[1,2]"
               "&&context.j=={a:[\"z\"]}};");
    arena = test_arena();

    strings[0] = str("b");
    strings[1] = str("a");
    list[0] = policy_long(2);
    list[1] = policy_long(1);

    ck_assert_int_eq(policy_record_begin(arena, &record), POLICY_OK);
    policy_record_set(record, str("n"), policy_long(1));
    policy_record_set(record, str("s"), policy_string("x", 1));
    ck_assert_int_eq(policy_strings(arena, strings, 2, &v), POLICY_OK);
    policy_record_set(record, str("set"), v);

    {
        policy_value_t    inner;
        policy_record_t  *r;

        ck_assert_int_eq(policy_values(arena, list, 2, &inner), POLICY_OK);
        ck_assert_int_eq(policy_record_begin(arena, &r), POLICY_OK);
        policy_record_set(r, str("q"), inner);
        ck_assert_int_eq(policy_record_end(r, &inner), POLICY_OK);
        policy_record_set(record, str("r"), inner);
    }

    ck_assert_int_eq(policy_json(arena, str("{\"a\":[\"z\"]}"), &v, NULL),
                     POLICY_OK);
    policy_record_set(record, str("j"), v);
    ck_assert_int_eq(policy_record_end(record, &w.request.context),
                     POLICY_OK);

    mark = policy_arena_mark(arena);
    ck_assert_int_eq(policy_authorize(&w.request, arena, &result),
                     POLICY_OK);
    ck_assert_int_eq(result.decision, POLICY_ALLOW);

    /* the context built before a mark serves again */

    policy_arena_release(arena, mark);
    ck_assert_int_eq(policy_authorize(&w.request, arena, &result),
                     POLICY_OK);
    ck_assert_int_eq(result.decision, POLICY_ALLOW);
    ck_assert_str_eq(test_errors(&result), "");
    policy_arena_reset(arena);
    ck_assert_uint_eq(policy_arena_mark(arena), 0);

    ck_assert_int_eq(policy_record_begin(arena, &record), POLICY_OK);
    policy_record_set(record, str("n"), policy_long(1));
    policy_record_set(record, str("n"), policy_long(1));
    ck_assert_int_eq(policy_record_end(record, &v), POLICY_DUPLICATE);
    memset(&v, 0, sizeof(v));
    ck_assert_int_eq(policy_record_set(record, str("x"), v), POLICY_MISUSE);
    ck_assert_int_eq(policy_values(arena, &v, 1, &v), POLICY_MISUSE);
    ck_assert_int_eq(policy_values(arena, &v, (size_t) POLICY_MAX_TEXT + 1,
                     &v), POLICY_LIMIT);
    ck_assert_int_eq(policy_strings(arena, strings,
                     (size_t) POLICY_MAX_TEXT + 1, &v), POLICY_LIMIT);

    /* a full arena says so, everywhere */

    arena = policy_arena_init(small, sizeof(small));
    ck_assert_ptr_nonnull(arena);
    ck_assert_int_eq(policy_record_begin(arena, &record), POLICY_OK);
    ck_assert_int_eq(policy_record_set(record, str("a"), policy_long(1)),
                     POLICY_LIMIT);
    ck_assert_int_eq(policy_strings(arena, strings, 2, &v), POLICY_LIMIT);
    ck_assert_int_eq(policy_values(arena, list, 2, &v), POLICY_LIMIT);
    ck_assert_int_eq(policy_record_begin(arena, &record), POLICY_LIMIT);
    ck_assert_int_eq(policy_json(arena, str("[1]"), &v, NULL),
                     POLICY_LIMIT);
    ck_assert_int_eq(policy_uid_parse(arena, str("A::\"\\n 16 bytes, more\""),
                     &w.p, NULL), POLICY_LIMIT);

    drop_world(&w);
}
END_TEST



TCase *
authorize_case(void)
{
    TCase  *tcase;

    tcase = tcase_create("authorize");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, test_decision, 0, COUNT(decisions));
    tcase_add_test(tcase, test_several_sets);
    tcase_add_test(tcase, test_layout);
    tcase_add_test(tcase, test_misuse);
    tcase_add_test(tcase, test_limits_deny);
    tcase_add_test(tcase, test_full_of_results);
    tcase_add_test(tcase, test_index_is_used);
    tcase_add_test(tcase, test_sizes);
    tcase_add_test(tcase, test_context_builder);

    return tcase;
}
