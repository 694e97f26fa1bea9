/*
 * Principals that a set does not name: whoever of them asks, the outcome is
 * the same, if all else about them is.
 */

#include "test.h"


#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))

#define ANYONE  "principal,action,resource"

/* The first ones name no user. */
static const char *const  scopes[] = {
    ANYONE,
    "principal is U,action,resource is D",
    "principal in G::\"g\",action in [Action::\"r\"],resource",
    "principal is U in G::\"top\",action==Action::\"r\",resource",
    "principal==O::\"a\",action,resource in D::\"dir\"",
    "principal==U::\"a\",action,resource",
    "principal==U::\"\",action,resource",
    "principal in U::\"a\",action,resource",
    "principal is U in U::\"a\",action,resource",
    "principal,action,resource==U::\"z\"",
    "principal,action,resource in U::\"z\""
};


static const char *const  conditions[] = {
    "principal.level>2",
    "principal.name like \"a*\"",
    "principal.friend.level==7",
    "principal.friend in resource",
    "principal.friend==G::\"g\"",
    "principal.nobody",
    "principal has level&&principal has x.y",
    "principal in G::\"top\"",
    "principal in [G::\"x\",G::\"g\"]",
    "principal in resource",
    "principal in resource.group",
    "principal in {a:[D::\"dir\"]}.a",
    "principal is U&&!(principal is O in G::\"g\")",
    "principal.hasTag(\"t\")&&principal.getTag(\"t\")==3",
    "principal.hasTag(context.tag)",
    "{a:principal.level}.a==5",
    "resource in D::\"dir\"&&[resource].contains(resource)",
    "context in principal.friend",
    "(if principal.level>2 then resource else action) in D::\"dir\"",
    "principal==resource",
    "resource!=principal",
    "principal==principal",
    "principal in principal",
    "resource in principal",
    "resource in [D::\"x\",principal]",
    "principal in U::\"a\"",
    "principal in [G::\"x\",U::\"a\"]",
    "principal==U::\"a\"",
    "[1,principal].contains(principal)",
    "{a:principal}.a.level==5",
    "{a:principal}.a in G::\"g\"",
    "(if resource.open then principal else resource) in G::\"g\"",
    "(if resource.open then principal else resource) is U",
    "(if resource.open then principal else resource).hasTag(\"t\")",
    "(if resource.open then principal else resource).level==5",
    "[principal,action].isEmpty()",
    "ip(principal).isIpv4()",
    "principal",
    "-principal<1",
    "principal like \"a\"",
    "context.who==principal",
    "U::\"a\".level==5",
    "[U::\"b\"].contains(resource)",
    "resource is D in U::\"b\""
};

static const char *const  ids[] = {
    "a", "", "b", "z", "https://idp.test#00000001-0000-4000-8000-000000000001"
};

#define WHO  "{\"type\":\"U\",\"id\":\"%s\"}"

static const char  person[] =
    "[{\"uid\":" WHO ",\"attrs\":{\"level\":5,\"name\":\"abc\",\"friend\":"
    "{\"__entity\":{\"type\":\"G\",\"id\":\"g\"}}},\"tags\":{\"t\":3},"
    "\"parents\":[{\"type\":\"G\",\"id\":\"g\"},{\"type\":\"R\",\"id\":\"1\"}]}]";

static const char  things[] =
    "[{\"uid\":{\"type\":\"G\",\"id\":\"g\"},\"attrs\":{\"level\":7},"
    "\"parents\":[{\"type\":\"G\",\"id\":\"top\"},"
    "{\"type\":\"D\",\"id\":\"d\"}]},"
    "{\"uid\":{\"type\":\"D\",\"id\":\"d\"},\"attrs\":{\"open\":true,\"group\":"
    "{\"__entity\":{\"type\":\"G\",\"id\":\"top\"}}},\"parents\":["
    "{\"type\":\"D\",\"id\":\"dir\"}]}]";


/* A packed store of the one user. */
static policy_store_t *
person_store(const char *id)
{
    char             text[1024];
    policy_store_t  *store, *packed;
    policy_memory_t  memory;
    static test_memory_t  counts;

    memory = test_memory(&counts);
    snprintf(text, sizeof(text), person, id);
    store = test_store(text);
    ck_assert_int_eq(policy_store_pack(store, &memory, &packed), POLICY_OK);
    policy_store_destroy(store);

    return packed;
}


static policy_uid_t
person_uid(const char *id)
{
    policy_uid_t  uid;

    ck_assert_int_eq(policy_uid_init(&uid, str("U"), str(id)), POLICY_OK);

    return uid;
}


/* What comes out for the user, whose store may be a renamed one. */
static const char *
outcome(const policy_set_t *set, const policy_store_t *store,
    const policy_store_t *rest, const policy_uid_t *who, int rename)
{
    policy_uid_t           action, resource;
    policy_arena_t        *arena;
    policy_store_t        *renamed;
    policy_result_t        result;
    policy_request_t       request;
    const policy_store_t  *stores[2];
    static char            text[8192];

    arena = test_arena();
    action = test_uid("Action::\"r\"");
    resource = test_uid("D::\"d\"");

    if (rename) {
        ck_assert_int_eq(policy_store_renamed(arena, store, who, &renamed),
                         POLICY_OK);
        store = renamed;
    }

    stores[0] = store;
    stores[1] = rest;

    memset(&request, 0, sizeof(request));
    request.principal = who;
    request.action = &action;
    request.resource = &resource;
    request.stores = stores;
    request.nstores = 2;
    request.sets = &set;
    request.nsets = 1;

    ck_assert_int_eq(policy_json_context(arena, str("{\"tag\":\"t\"}"),
                     &request.context, NULL), POLICY_OK);
    ck_assert_int_eq(policy_authorize(&request, arena, &result), POLICY_OK);

    snprintf(text, sizeof(text), "%s [%s] [%s]",
             result.decision == POLICY_ALLOW ? "allow" : "deny",
             test_reasons(&result), test_errors(&result));

    return text;
}


static int
mentions(const char *text, const char *id)
{
    char  name[128];

    snprintf(name, sizeof(name), "U::\"%s\"", id);

    return strstr(text, name) != NULL;
}


/*
 * Each user as it is, and under the name of another: renaming is always
 * right, and all that the set does not name have the same outcome.  Returns
 * whether one that it names has another.
 */
static int
compare(const policy_set_t *set, const char *text)
{
    int              differs;
    char             common[8192], expected[8192];
    size_t           i, k;
    policy_uid_t     uid;
    policy_store_t  *rest, *store[COUNT(ids)];

    rest = test_store(things);
    differs = 0;
    uid = person_uid("nobody");
    store[0] = person_store("nobody");
    strcpy(common, outcome(set, store[0], rest, &uid, 0));
    free(store[0]);

    for (i = 0; i < COUNT(ids); i++) {
        store[i] = person_store(ids[i]);
    }

    for (i = 0; i < COUNT(ids); i++) {
        uid = person_uid(ids[i]);
        strcpy(expected, outcome(set, store[i], rest, &uid, 0));

        ck_assert_int_eq(policy_set_names(set, &uid), mentions(text, ids[i]));

        if (strcmp(common, expected) != 0) {
            differs = 1;
            ck_assert_msg(policy_set_names(set, &uid),
                          "%s\n%s: %s, not %s", text, ids[i], expected,
                          common);
        }

        for (k = 0; k < COUNT(ids); k++) {
            ck_assert_str_eq(outcome(set, store[k], rest, &uid, 1),
                             expected);
        }
    }

    for (i = 0; i < COUNT(ids); i++) {
        free(store[i]);
    }

    policy_store_destroy(rest);

    return differs;
}


static void
check(const char *text)
{
    policy_set_t  *set;

    set = test_set(text);
    (void) compare(set, text);
    policy_set_destroy(set);
}


START_TEST(test_scope)
{
    char  text[1024];

    snprintf(text, sizeof(text), "permit(%s);", scopes[_i]);
    check(text);
}
END_TEST


START_TEST(test_condition)
{
    char  text[1024];

    snprintf(text, sizeof(text), "permit(" ANYONE ")when{%s};"
             "forbid(" ANYONE ")unless{true&&%s};",
             conditions[_i], conditions[_i]);
    check(text);
}
END_TEST


START_TEST(test_sets)
{
    char             text[8192], one[512];
    size_t           i, n;
    uint32_t         seed;
    policy_set_t    *set;
    static unsigned  differing;

    seed = (uint32_t) _i * 7919 + 1;
    n = 1 + test_any(&seed, 6);
    text[0] = '\0';

    for (i = 0; i < n; i++) {
        snprintf(one, sizeof(one), "%s(%s)%s{%s};\n",
                 test_any(&seed, 4) == 0 ? "forbid" : "permit",
                 scopes[test_any(&seed, COUNT(scopes))],
                 test_any(&seed, 3) == 0 ? "unless" : "when",
                 conditions[test_any(&seed, COUNT(conditions))]);
        strcat(text, one);
    }

    set = test_set(text);
    ck_assert_int_eq(policy_set_names_type(set, str("U")),
                     strstr(text, "U::\"") != NULL);
    ck_assert_int_eq(policy_set_names_type(set, str("O")),
                     strstr(text, "O::\"") != NULL);
    differing += compare(set, text);
    policy_set_destroy(set);

    ck_assert(_i != 399 || differing > 20);
}
END_TEST


START_TEST(test_links)
{
    policy_set_t     *set;
    policy_uid_t      who;
    policy_memory_t   memory;
    test_memory_t     counts;
    int               named;

    for (named = 0; named < 2; named++) {
        memset(&counts, 0, sizeof(counts));
        memory = test_memory(&counts);
        who = test_uid(named ? "U::\"a\"" : "G::\"g\"");

        ck_assert_int_eq(policy_set_create(&memory, NULL, &set), POLICY_OK);
        ck_assert_int_eq(policy_set_add(set, str(""),
                         str("permit(principal in ?principal,action,"
                             "resource);"), NULL), POLICY_OK);
        ck_assert(policy_set_names_type(set, str("U")));
        ck_assert(policy_set_names(set, &who));
        ck_assert_int_eq(policy_set_link(set, str("policy0"), str("x"), &who,
                         NULL, NULL), POLICY_OK);
        ck_assert_int_eq(policy_set_finish(set, NULL), POLICY_OK);
        ck_assert_int_eq(policy_set_names_type(set, str("U")), named);
        ck_assert(policy_set_names(set, &who));
        policy_set_destroy(set);
    }
}
END_TEST


START_TEST(test_renamed_refuses)
{
    uint64_t         buffer[16];
    policy_uid_t     uid, other;
    policy_store_t  *rest, *store, *renamed;

    uid = person_uid("b");
    other = test_uid("O::\"a\"");
    rest = test_store(things);
    store = person_store("a");

    ck_assert_int_eq(policy_store_renamed(test_arena(), rest, &uid,
                     &renamed), POLICY_MISUSE);
    ck_assert_int_eq(policy_store_renamed(test_arena(), store, &other,
                     &renamed), POLICY_MISUSE);
    ck_assert_int_eq(policy_store_renamed(policy_arena_init(buffer,
                     sizeof(buffer)), store, &uid, &renamed), POLICY_LIMIT);

    free(store);
    policy_store_destroy(rest);
}
END_TEST


TCase *
named_case(void)
{
    TCase  *tcase;

    tcase = tcase_create("named");
    tcase_add_loop_test(tcase, test_scope, 0, (int) COUNT(scopes));
    tcase_add_loop_test(tcase, test_condition, 0, (int) COUNT(conditions));
    tcase_add_loop_test(tcase, test_sets, 0, 400);
    tcase_add_test(tcase, test_links);
    tcase_add_test(tcase, test_renamed_refuses);

    return tcase;
}
