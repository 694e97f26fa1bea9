/* What is known of a decision whatever its context: never more than that. */

#include "test.h"


#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))

static const char *const  scopes[] = {
    "principal,action,resource",
    "principal==U::\"a\",action,resource",
    "principal in G::\"h\",action,resource",
    "principal is U,action==Action::\"r\",resource is D",
    "principal in G::\"g\",action,resource in D::\"dir\""
};

/* Some ask for the context always, some never, most on one side only. */
static const char *const  conditions[] = {
    "true",
    "false",
    "1",
    "principal.level>2",
    "principal.level<2",
    "principal.no",
    "principal has no&&principal.no.more",
    "principal in G::\"top\"",
    "resource in [D::\"x\",D::\"dir\"]",
    "principal.friend.level==7",
    "principal.friend in resource",
    "context.a",
    "context.n==3",
    "context has a",
    "context has a&&context.a",
    "context=={a:true,n:3}",
    "principal.level>2&&context.a",
    "principal.level<2&&context.a",
    "principal.level>2||context.a",
    "principal.level<2||context has n",
    "if context has n then principal.level>2 else principal.no",
    "if principal.level>2 then resource.open else context.a",
    "[principal,context].contains(principal)",
    "[context].contains({a:true,n:3})",
    "{c:context,p:principal}.c has a",
    "{c:context,p:principal}.p.level==5",
    "context has who&&context.who in G::\"top\"",
    "context has who&&context.who==principal",
    "principal.hasTag(\"t\")&&principal.getTag(\"t\")==context.n",
    "resource.net.isInRange(context.ip)",
    "!(context has ip)||resource.net.isInRange(context.ip)",
    "context.n+principal.level>7",
    "principal.name like \"a*\"&&context.name like \"a*\""
};

static const char *const  keys[] = { "a", "n", "name", "who", "ip" };

#define USER(id)  "{\"__entity\":{\"type\":\"U\",\"id\":\"" id "\"}}"
#define IP(text)  "{\"__extn\":{\"fn\":\"ip\",\"arg\":\"" text "\"}}"

/* Values of the keys; NULL: the key is not there. */
static const char *const  contexts[][COUNT(keys)] = {
    { NULL, NULL, NULL, NULL, NULL },
    { "true", NULL, NULL, NULL, NULL },
    { "false", "3", NULL, NULL, NULL },
    { "true", "3", NULL, NULL, NULL },
    { NULL, "2", "\"abc\"", NULL, NULL },
    { "1", "\"3\"", NULL, NULL, NULL },
    { NULL, NULL, NULL, USER("a"), NULL },
    { NULL, "3", NULL, USER("f"), NULL },
    { "true", NULL, NULL, NULL, IP("10.0.0.0/8") },
    { NULL, NULL, NULL, NULL, IP("11.0.0.0/8") },
    { NULL, "3", "\"xyz\"", USER("a"), IP("10.0.0.0/8") }
};

static const char  entities[] =
    "[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{\"level\":5,"
    "\"name\":\"abc\",\"friend\":{\"__entity\":{\"type\":\"U\",\"id\":\"f\"}}},"
    "\"tags\":{\"t\":3},\"parents\":[{\"type\":\"G\",\"id\":\"g\"}]},"
    "{\"uid\":{\"type\":\"U\",\"id\":\"f\"},\"attrs\":{\"level\":7},"
    "\"parents\":[{\"type\":\"D\",\"id\":\"d\"}]},"
    "{\"uid\":{\"type\":\"G\",\"id\":\"g\"},\"attrs\":{},\"parents\":["
    "{\"type\":\"G\",\"id\":\"top\"}]},"
    "{\"uid\":{\"type\":\"D\",\"id\":\"d\"},\"attrs\":{\"open\":true,\"net\":"
    "{\"__extn\":{\"fn\":\"ip\",\"arg\":\"10.1.2.3\"}}},\"parents\":["
    "{\"type\":\"D\",\"id\":\"dir\"}]}]";

typedef struct {
    policy_uid_t           p;
    policy_uid_t           a;
    policy_uid_t           r;
    const policy_set_t    *set;
    const policy_store_t  *store;
    policy_request_t       request;
} world_t;


static void
make_world(world_t *w, const char *policies)
{
    memset(w, 0, sizeof(world_t));

    w->p = test_uid("U::\"a\"");
    w->a = test_uid("Action::\"r\"");
    w->r = test_uid("D::\"d\"");
    w->set = test_set(policies);
    w->store = test_store(entities);
    w->request.principal = &w->p;
    w->request.action = &w->a;
    w->request.resource = &w->r;
    w->request.sets = &w->set;
    w->request.nsets = 1;
    w->request.stores = &w->store;
    w->request.nstores = 1;
}


static void
drop_world(world_t *w)
{
    policy_set_destroy((policy_set_t *) (uintptr_t) w->set);
    policy_store_destroy((policy_store_t *) (uintptr_t) w->store);
}


/* Decides, without a context if that is NULL; what came out, as a text. */
static const char *
outcome(world_t *w, const char *context, policy_known_t *known,
    policy_result_t *result)
{
    policy_arena_t  *arena;
    static char      text[8192];

    arena = test_arena();
    memset(&w->request.context, 0, sizeof(policy_value_t));

    if (context != NULL) {
        ck_assert_int_eq(policy_json_context(arena, str(context),
                         &w->request.context, NULL), POLICY_OK);
    }

    w->request.known = known;
    ck_assert_int_eq(policy_authorize(&w->request, arena, result),
                     POLICY_OK);

    snprintf(text, sizeof(text), "%s [%s] [%s]",
             result->decision == POLICY_ALLOW ? "allow" : "deny",
             test_reasons(result), test_errors(result));

    return text;
}


static const char *
context_text(size_t i)
{
    size_t       k, n;
    static char  text[512];

    n = (size_t) sprintf(text, "{");

    for (k = 0; k < COUNT(keys); k++) {
        if (contexts[i][k] != NULL) {
            n += (size_t) sprintf(text + n, "%s\"%s\":%s",
                                  n > 1 ? "," : "", keys[k], contexts[i][k]);
        }
    }

    strcpy(text + n, "}");

    return text;
}


/* Whether the two have the same of what was asked for. */
static int
same(size_t i, size_t j, uint32_t asked)
{
    size_t       k;
    const char  *x, *y;

    for (k = 0; k < COUNT(keys); k++) {
        x = contexts[i][k];
        y = contexts[j][k];

        if ((asked & policy_known_bit(str(keys[k])))
            && (x == NULL || y == NULL ? x != y : strcmp(x, y) != 0))
        {
            return 0;
        }
    }

    return 1;
}


static char      expected[COUNT(contexts)][8192];
static unsigned  reused, refused;


static void
check(world_t *w, const char *policies, size_t now, size_t then,
    policy_known_t *known, policy_result_t *result)
{
    const char  *got;

    got = outcome(w, then == now ? context_text(now) : NULL, known, result);

    ck_assert_msg(strcmp(got, expected[now]) == 0,
                  "%s\ncontext %s, as context %zu: %s instead of %s",
                  policies, context_text(now), then, got, expected[now]);
}


/* What came out in one context, in all that have the same of it. */
static void
check_same(world_t *w, const char *policies, size_t then,
    policy_known_t *known)
{
    size_t           now;
    uint32_t         asked, flags;
    policy_result_t  result;

    asked = policy_known_asked(known);
    flags = w->request.flags;
    w->request.flags |= POLICY_SAME_CONTEXT;

    if (asked == UINT32_MAX) {
        ck_assert_int_eq(policy_authorize(&w->request, test_arena(),
                                          &result), POLICY_MISUSE);
        ck_assert_int_eq(result.decision, POLICY_DENY);
        refused++;
    }

    for (now = 0; now < COUNT(contexts) && asked != UINT32_MAX; now++) {
        if (now != then && same(then, now, asked)) {
            check(w, policies, now, then, known, &result);
            ck_assert_uint_eq(result.evaluated, 0);
            reused++;
        }
    }

    w->request.flags = flags;
}


/* Filled in any context, used in any other. */
static void
compare(world_t *w, const char *policies)
{
    size_t           first, i, k;
    policy_known_t   known;
    policy_result_t  result;
    uint32_t         looked[COUNT(contexts)];

    for (i = 0; i < COUNT(contexts); i++) {
        strcpy(expected[i], outcome(w, context_text(i), NULL, &result));
        looked[i] = result.evaluated;
    }

    for (first = 0; first < COUNT(contexts); first++) {
        memset(&known, 0, sizeof(known));

        for (i = first; i < first + 1 + COUNT(contexts); i++) {
            k = i % COUNT(contexts);

            check(w, policies, k, k, &known, &result);
            ck_assert_uint_le(result.evaluated, looked[k]);
            check_same(w, policies, k, &known);
        }
    }
}


START_TEST(test_any_context)
{
    char       text[8192], one[512];
    size_t     i, n;
    world_t    w;
    uint32_t   seed;

    seed = (uint32_t) _i * 7919 + 1;
    n = 1 + test_any(&seed, 20);
    text[0] = '\0';

    for (i = 0; i < n; i++) {
        snprintf(one, sizeof(one), "%s(%s)%s{%s};\n",
                 test_any(&seed, 4) == 0 ? "forbid" : "permit",
                 scopes[test_any(&seed, COUNT(scopes))],
                 test_any(&seed, 3) == 0 ? "unless" : "when",
                 conditions[test_any(&seed, COUNT(conditions))]);
        strcat(text, one);
    }

    make_world(&w, text);
    compare(&w, text);

    w.request.flags = POLICY_BY_INDEX;
    compare(&w, text);

    drop_world(&w);

    /* of both there are many in each hundred sets */

    ck_assert(_i % 100 != 99 || (reused > 100 && refused > 100));
}
END_TEST


/* Each condition by itself, as permit and as forbid. */
START_TEST(test_one_condition)
{
    char     text[1024];
    world_t  w;

    snprintf(text, sizeof(text), "permit(principal,action,resource)"
             "when{%s};permit(principal,action,resource);"
             "forbid(principal,action,resource)when{%s};",
             conditions[_i], conditions[_i]);

    make_world(&w, text);
    compare(&w, text);
    drop_world(&w);
}
END_TEST


START_TEST(test_evaluates_what_is_open)
{
    world_t          w;
    policy_known_t   known;
    policy_result_t  result;

    make_world(&w, "permit(principal,action,resource)"
               "when{principal.level>2};"
               "permit(principal,action,resource)when{principal.level<2};"
               "forbid(principal,action,resource)when{context.a};"
               "forbid(principal in G::\"h\",action,resource);");

    memset(&known, 0, sizeof(known));
    ck_assert_uint_eq(policy_known_asked(&known), UINT32_MAX);

    (void) outcome(&w, "{\"a\":false}", &known, &result);
    ck_assert_uint_eq(result.evaluated, 3);
    ck_assert_uint_eq(policy_known_asked(&known),
                      policy_known_bit(str("a")));

    ck_assert_str_eq(outcome(&w, "{\"a\":true}", &known, &result),
                     "deny [policy2] []");
    ck_assert_uint_eq(result.evaluated, 1);

    drop_world(&w);

    make_world(&w, "permit(principal,action,resource)"
               "when{principal.level>2||context.a};"
               "forbid(principal,action,resource)"
               "when{resource.open&&principal.level<2};");

    memset(&known, 0, sizeof(known));
    (void) outcome(&w, "{}", &known, &result);
    ck_assert_uint_eq(policy_known_asked(&known), 0);

    ck_assert_str_eq(outcome(&w, "{\"a\":true}", &known, &result),
                     "allow [policy0] []");
    ck_assert_uint_eq(result.evaluated, 0);

    drop_world(&w);
}
END_TEST


/* One policy more than there is room for: every decision looks at all. */
START_TEST(test_too_many)
{
    char             text[4096];
    int              i, n;
    world_t          w;
    policy_known_t   known;
    policy_result_t  result;

    for (n = POLICY_KNOWN_MAX; n <= POLICY_KNOWN_MAX + 1; n++) {
        text[0] = '\0';

        for (i = 0; i < n; i++) {
            strcat(text, i % 2 ? "permit(principal,action,resource);"
                               : "permit(principal,action,resource)"
                                 "when{context.a};");
        }

        make_world(&w, text);
        compare(&w, text);

        memset(&known, 0, sizeof(known));
        (void) outcome(&w, "{}", &known, &result);
        (void) outcome(&w, "{}", &known, &result);
        ck_assert_uint_eq(result.evaluated,
                          n > POLICY_KNOWN_MAX ? n : (n + 1) / 2);

        drop_world(&w);
    }
}
END_TEST


/* Positions that have no room in 15 bits. */
START_TEST(test_far_policies)
{
    char             *text, *p;
    size_t            i;
    world_t           w;
    policy_known_t    known;
    policy_result_t   result;

    text = malloc(32770 * 64);
    p = text;

    for (i = 0; i < 32767; i++) {
        p += sprintf(p, "permit(principal==U::\"b\",action,resource);");
    }

    for (i = 0; i < 2; i++) {
        strcpy(p, "permit(principal,action,resource)when{context.a};");
        p += strlen(p);
        make_world(&w, text);

        memset(&known, 0, sizeof(known));
        (void) outcome(&w, "{\"a\":false}", &known, &result);
        ck_assert_str_eq(outcome(&w, "{\"a\":true}", &known, &result),
                         (i == 0 ? "allow [policy32767] []"
                          : "allow [policy32767 policy32768] []"));
        ck_assert_uint_eq(result.evaluated, i == 0 ? 1 : 2);

        drop_world(&w);
    }

    free(text);
}
END_TEST


/* With any less work than it takes it is a limit, and that denies. */
static void
starve(world_t *w, policy_known_t *known, uint32_t work)
{
    policy_arena_t   *arena;
    policy_result_t   result;

    ck_assert_uint_gt(work, 1);

    w->request.known = known;

    for (w->request.work = 1; w->request.work < work; w->request.work++) {
        arena = test_arena();
        ck_assert_int_eq(policy_json_context(arena, str("{\"n\":3}"),
                         &w->request.context, NULL), POLICY_OK);

        ck_assert_int_eq(policy_authorize(&w->request, arena, &result),
                         POLICY_LIMIT);
        ck_assert_int_eq(result.decision, POLICY_DENY);
        ck_assert_uint_eq(policy_known_asked(known), UINT32_MAX);
    }

    w->request.work = 0;
}


/* What stopped half-way is not known; what is known is limited as well. */
START_TEST(test_limits)
{
    world_t          w;
    uint64_t         buffer[14];
    policy_arena_t  *small;
    policy_known_t   known;
    policy_result_t  result;

    make_world(&w, "permit(principal,action,resource);"
               "forbid(principal,action,resource)"
               "when{[1,2,3,4].containsAll([context.n,principal.level-1])};");

    memset(&known, 0, sizeof(known));

    (void) outcome(&w, "{\"n\":3}", NULL, &result);
    starve(&w, &known, result.work);

    ck_assert_str_eq(outcome(&w, "{\"n\":3}", &known, &result),
                     "deny [policy1] []");
    ck_assert_uint_eq(result.evaluated, 2);

    ck_assert_str_eq(outcome(&w, "{\"n\":3}", &known, &result),
                     "deny [policy1] []");
    ck_assert_uint_eq(result.evaluated, 1);
    starve(&w, &known, result.work);

    drop_world(&w);

    /* the same where there is no room for what is satisfied */

    make_world(&w, "permit(principal,action,resource)when{context has n};"
               "permit(principal,action,resource)when{!(context has a)};"
               "permit(principal,action,resource)when{true||context.a};"
               "permit(principal,action,resource)when{!(context has b)};");
    memset(&known, 0, sizeof(known));
    (void) outcome(&w, "{\"n\":3}", &known, &result);
    ck_assert_uint_eq(result.nreasons, 4);
    ck_assert_uint_ne(policy_known_asked(&known), UINT32_MAX);

    memset(&w.request.context, 0, sizeof(policy_value_t));
    small = policy_arena_init(buffer, sizeof(buffer));
    ck_assert_ptr_nonnull(small);
    ck_assert_int_eq(policy_authorize(&w.request, small, &result),
                     POLICY_LIMIT);
    ck_assert_uint_eq(policy_known_asked(&known), UINT32_MAX);

    /* of one set only */

    w.request.nsets = 0;
    ck_assert_int_eq(policy_authorize(&w.request, test_arena(), &result),
                     POLICY_MISUSE);

    drop_world(&w);
}
END_TEST


TCase *
known_case(void)
{
    TCase  *tcase;

    tcase = tcase_create("known");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, test_any_context, 0, 400);
    tcase_add_loop_test(tcase, test_one_condition, 0,
                        (int) COUNT(conditions));
    tcase_add_test(tcase, test_evaluates_what_is_open);
    tcase_add_test(tcase, test_too_many);
    tcase_add_test(tcase, test_far_policies);
    tcase_add_test(tcase, test_limits);

    return tcase;
}
