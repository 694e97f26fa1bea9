/*
 * Principals that a set does not tell apart: whoever of them asks, the
 * outcome is the same.
 */

#include "test.h"


#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))

#define ANYONE  "principal,action,resource"

/* A policy's scopes or conditions, and whether they see which user it is. */
typedef struct {
    const char  *text;
    int          tells;
} part_t;

static const part_t  scopes[] = {
    { ANYONE, 0 },
    { "principal is U,action,resource is D", 0 },
    { "principal in G::\"g\",action in [Action::\"r\"],resource", 0 },
    { "principal is U in G::\"top\",action==Action::\"r\",resource", 0 },
    { "principal==O::\"a\",action,resource in D::\"dir\"", 0 },
    { "principal==U::\"a\",action,resource", 1 },
    { "principal==U::\"\",action,resource", 1 },
    { "principal in U::\"a\",action,resource", 1 },
    { "principal is U in U::\"a\",action,resource", 1 },
    { "principal,action,resource==U::\"z\"", 1 },
    { "principal,action,resource in U::\"z\"", 1 }
};

static const part_t  conditions[] = {
    { "principal.level>2", 0 },
    { "principal.name like \"a*\"", 0 },
    { "principal.friend.level==7", 0 },
    { "principal.friend in resource", 0 },
    { "principal.friend==G::\"g\"", 0 },
    { "principal.nobody", 0 },
    { "principal has level&&principal has x.y", 0 },
    { "principal in G::\"top\"", 0 },
    { "principal in [G::\"x\",G::\"g\"]", 0 },
    { "principal in resource", 0 },
    { "principal in resource.group", 0 },
    { "principal in {a:[D::\"dir\"]}.a", 0 },
    { "principal is U&&!(principal is O in G::\"g\")", 0 },
    { "principal.hasTag(\"t\")&&principal.getTag(\"t\")==3", 0 },
    { "principal.hasTag(context.tag)", 0 },
    { "{a:principal.level}.a==5", 0 },
    { "resource in D::\"dir\"&&[resource].contains(resource)", 0 },
    { "context in principal.friend", 0 },
    { "(if principal.level>2 then resource else action) in D::\"dir\"", 0 },
    { "principal==resource", 1 },
    { "resource!=principal", 1 },
    { "principal==principal", 1 },
    { "principal in principal", 1 },
    { "resource in principal", 1 },
    { "resource in [D::\"x\",principal]", 1 },
    { "principal in U::\"a\"", 1 },
    { "principal in [G::\"x\",U::\"a\"]", 1 },
    { "principal==U::\"a\"", 1 },
    { "[1,principal].contains(principal)", 1 },
    { "{a:principal}.a.level==5", 1 },
    { "{a:principal}.a in G::\"g\"", 1 },
    { "(if resource.open then principal else resource) in G::\"g\"", 1 },
    { "(if resource.open then principal else resource) is U", 1 },
    { "(if resource.open then principal else resource).hasTag(\"t\")", 1 },
    { "(if resource.open then principal else resource).level==5", 1 },
    { "[principal,action].isEmpty()", 1 },
    { "ip(principal).isIpv4()", 1 },
    { "principal", 1 },
    { "-principal<1", 1 },
    { "principal like \"a\"", 1 },
    { "context.who==principal", 1 },
    { "U::\"a\".level==5", 1 },
    { "[U::\"b\"].contains(resource)", 1 },
    { "resource is D in U::\"b\"", 1 }
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


/*
 * Each user as it is, and under the name of another: renaming is always
 * right, and where the set tells nobody apart all have the same outcome.
 * Returns whether they have.
 */
static int
compare(const policy_set_t *set, const char *text)
{
    int              tells, same;
    char             first[8192], expected[8192];
    size_t           i, k;
    policy_uid_t     uid;
    policy_store_t  *rest, *store[COUNT(ids)];

    tells = policy_set_tells_apart(set, str("U"));
    rest = test_store(things);
    same = 1;

    for (i = 0; i < COUNT(ids); i++) {
        store[i] = person_store(ids[i]);
    }

    for (i = 0; i < COUNT(ids); i++) {
        uid = person_uid(ids[i]);
        strcpy(expected, outcome(set, store[i], rest, &uid, 0));

        if (i == 0) {
            strcpy(first, expected);
        }

        same = same && strcmp(first, expected) == 0;
        ck_assert_msg(tells || same, "%s\n%s: %s, %s: %s", text, ids[0],
                      first, ids[i], expected);

        for (k = 0; k < COUNT(ids); k++) {
            ck_assert_str_eq(outcome(set, store[k], rest, &uid, 1),
                             expected);
        }
    }

    for (i = 0; i < COUNT(ids); i++) {
        free(store[i]);
    }

    policy_store_destroy(rest);

    return same;
}


static void
check_one(const char *text, int tells)
{
    policy_set_t  *set;

    set = test_set(text);
    ck_assert_msg(policy_set_tells_apart(set, str("U")) == tells,
                  "%s should%s tell users apart", text, tells ? "" : " not");
    (void) compare(set, text);
    policy_set_destroy(set);
}


START_TEST(test_scope)
{
    char  text[1024];

    snprintf(text, sizeof(text), "permit(%s);", scopes[_i].text);
    check_one(text, scopes[_i].tells);
}
END_TEST


START_TEST(test_condition)
{
    char  text[1024];

    snprintf(text, sizeof(text), "permit(" ANYONE ")when{%s};"
             "forbid(" ANYONE ")unless{true&&%s};",
             conditions[_i].text, conditions[_i].text);
    check_one(text, conditions[_i].tells);
}
END_TEST


static uint32_t
any(uint32_t *seed, size_t n)
{
    *seed = *seed * 1664525 + 1013904223;

    return (uint32_t) ((uint64_t) *seed * n >> 32);
}


/* Of sets that may tell them apart there are many that do. */
START_TEST(test_sets)
{
    int              tells;
    char             text[8192], one[512];
    size_t           i, n;
    uint32_t         seed;
    policy_set_t    *set;
    const part_t    *scope, *condition;
    static unsigned  blind, seeing, differing;

    seed = (uint32_t) _i * 7919 + 1;
    n = 1 + any(&seed, 6);
    text[0] = '\0';
    tells = 0;

    for (i = 0; i < n; i++) {
        scope = &scopes[any(&seed, any(&seed, 3) ? 5 : COUNT(scopes))];
        condition = &conditions[any(&seed, any(&seed, 3) ? 19
                                           : COUNT(conditions))];
        tells |= scope->tells | condition->tells;

        snprintf(one, sizeof(one), "%s(%s)%s{%s};\n",
                 any(&seed, 4) == 0 ? "forbid" : "permit", scope->text,
                 any(&seed, 3) == 0 ? "unless" : "when", condition->text);
        strcat(text, one);
    }

    set = test_set(text);
    ck_assert_int_eq(policy_set_tells_apart(set, str("U")), tells);
    ck_assert_int_eq(policy_set_tells_apart(set, str("O")),
                     strstr(text, "O::\"") != NULL
                     || policy_set_tells_apart(set, str("Unnamed")));
    *(tells ? &seeing : &blind) += 1;
    differing += !compare(set, text);
    policy_set_destroy(set);

    ck_assert(_i != 399 || (blind > 50 && seeing > 50 && differing > 10));
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
        ck_assert(policy_set_tells_apart(set, str("U")));
        ck_assert_int_eq(policy_set_link(set, str("policy0"), str("x"), &who,
                         NULL, NULL), POLICY_OK);
        ck_assert_int_eq(policy_set_finish(set, NULL), POLICY_OK);
        ck_assert_int_eq(policy_set_tells_apart(set, str("U")), named);
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
apart_case(void)
{
    TCase  *tcase;

    tcase = tcase_create("apart");
    tcase_add_loop_test(tcase, test_scope, 0, (int) COUNT(scopes));
    tcase_add_loop_test(tcase, test_condition, 0, (int) COUNT(conditions));
    tcase_add_loop_test(tcase, test_sets, 0, 400);
    tcase_add_test(tcase, test_links);
    tcase_add_test(tcase, test_renamed_refuses);

    return tcase;
}
