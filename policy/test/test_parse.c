/* What is a policy, and where it is not. */

#include "test.h"


#define P     "permit(principal,action,resource)"
#define W(e)  P "when{" e "};"


/* each is a set of its own */
static const char *const  accepted[] = {
    "",
    "// nothing",
    P ";",
    P ";" P ";",
    "forbid ( principal , action , resource , ) ;",
    "@a @b(\"\") @if(\"x\")" P ";",
    "permit(principal==User::\"a\",action==Action::\"b\",resource==D::\"c\");",
    "permit(principal in N :: User //\n :: \"a\",action,resource);",
    "permit(principal==(((User::\"a\"))),action,resource);",
    "permit(principal==(?principal),action,resource in ?resource);",
    "permit(principal is User,action,resource is N::D in ?resource);",
    "permit(principal is principal,action,resource);",
    "permit(principal is User in Group::\"g\",action,resource);",
    "permit(principal,action in[],resource);",
    "permit(principal,action in[Action::\"a\",N::Action::\"b\",],resource);",
    "permit(principal,action in([(Action::\"a\")]),resource);",
    "permit(principal,action in Action::\"a\",resource);",
    P "when{true}unless{false}when{1};",
    W("if true then 1 else if false then 2 else 3"),
    W("1+2-3*4==-5&&!true||!!!!false"),
    W("----5==5"),
    W("-9223372036854775808<0"),
    W("9223372036854775807>0"),
    W("00000000000000000000000000001==1"),
    W("-5.a"),
    W("principal.permit&&{when:1}has when"),
    W("principal has a.b.c||principal has\"if\""),
    W("principal[\"if\"]like\"a*\\*b\""),
    W("principal is User in[Group::\"g\"]"),
    W("permit::\"a\"in principal"),
    W("{a:1,\"if\":2,}=={}"),
    W("[1,\"a\",[],{},]==[]"),
    W("ip(\"1.1.1.1\").isInRange(ip(\"1.0.0.0/8\",),)"),
    W("ip()"),
    W("decimal(1,2,3).lessThan()"),
    W("[].contains(1)&&[].containsAll([])&&[].containsAny([])"),
    W("[].isEmpty()&&principal.hasTag(\"a\")&&principal.getTag(\"a\")"),
    W("(1 has a)has b"),
    W("(1==1)==(2==2)"),
    W("1==(if true then 1 else 2)"),
    W("context.a.b[\"c\"].d.contains(1)")
};

START_TEST(test_accepted)
{
    policy_set_destroy(test_set(accepted[_i]));
}
END_TEST


typedef struct {
    const char       *text;
    uint32_t          column;
    const char       *message;
    policy_status_t   status;
} refused_t;

#define S  POLICY_SYNTAX
#define I  POLICY_INVALID
#define D  POLICY_DUPLICATE

/* columns of W(): the expression begins at 39 */
static const refused_t  refused[] = {
    { "x", 1, "permit or forbid, found `x`", S },
    { ";", 1, "permit or forbid, found \";\"", S },
    { "permit", 7, "expected \"(\", found end of text", S },
    { P, 34, "when, unless or \";\"", S },
    { P "when{true}", 44, "expected \";\"", S },
    { P "when{};", 39, "expression, found \"}\"", S },
    { P "when true;", 39, "expected \"{\"", S },
    { P "when{true;", 43, "expected \"}\"", S },
    { "permit(action,principal,resource);", 8, "principal, found", S },
    { "permit(principal,resource,action);", 18, "action, found", S },
    { "permit(principal,action);", 24, "expected \",\"", S },
    { "permit(principal,action,resource,,);", 34, "expected \")\"", S },
    { "permit(principal:User,action,resource);", 17, "found \":\"", S },
    { "permit(principal=User::\"a\",action,resource);", 17, "\"=\"", S },
    { "permit(principal==User,action,resource);", 19, "found `User`", S },
    { "permit(principal==\"a\",action,resource);", 19, "found string", S },
    { "permit(principal in[User::\"a\"],action,resource);", 20, "uid", S },
    { "permit(principal==?resource,action,resource);", 19, "?principal", S },
    { "permit(principal,action,resource==?principal);", 35, "?resource", S },
    { "permit(principal,action==?action,resource);", 26, "uid", S },
    { "permit(principal==if::\"a\",action,resource);", 19, "reserved", S },
    { "permit(principal==User::in::\"a\",action,resource);", 25, "reserved",
      S },
    { "permit(principal==User::(\"a\"),action,resource);", 25, "name or a",
      S },
    { "permit(principal is User::\"a\",action,resource);", 27, "name", S },
    { "permit(principal is (User),action,resource);", 21, "name", S },
    { "permit(principal is?principal,action,resource);", 20, "name", S },
    { "permit(principal==(User::\"a\",action,resource);", 29, "\")\"", S },
    { "permit(principal,action is A,resource);", 25, "expected \",\"", S },
    { "permit(principal,action==User::\"a\",resource);", 26, "no action", I },
    { "permit(principal,action in[Action::\"a\",Xaction::\"b\"],resource);",
      40, "Xaction", I },
    { "permit(principal,action==[Action::\"a\"],resource);", 26, "uid", S },
    { "permit(principal,action in[,],resource);", 28, "uid", S },
    { "permit(principal,action in[Action::\"a\" Action::\"b\"],resource);",
      40, "\",\"", S },
    { "@a @a " P ";", 4, "repeated", D },
    { "@" P ";", 9, "a string", S },
    { "@\"a\"" P ";", 2, "annotation", S },
    { "@a(b)" P ";", 4, "a string", S },
    { "@a(\"b\"" P ";", 7, "\")\"", S },
    { "@a(\"\\q\")" P ";", 5, "escape", S },
    { W("a"), 39, "unknown variable `a`", I },
    { W("A::b"), 39, "unknown variable `A::b`", I },
    { W("1+"), 41, "expression", S },
    { W("1 2"), 41, "expected \"}\"", S },
    { W("1==2==3"), 43, "parentheses", S },
    { W("1==2 has a"), 44, "parentheses", S },
    { W("1 in 2 in 3"), 46, "parentheses", S },
    { W("1 has a like \"b\""), 47, "parentheses", S },
    { W("1 is A is B"), 46, "parentheses", S },
    { W("true&&if 1 then 2 else 3"), 45, "needs parentheses", S },
    { W("if 1 else 2"), 44, "then", S },
    { W("if 1 then 2"), 50, "else", S },
    { W("1/2"), 40, "no operator `/`", I },
    { W("1%2"), 40, "no operator `%`", I },
    { W("!!!!!true"), 43, "more than four", S },
    { W("-----1"), 43, "more than four", S },
    { W("!-1"), 40, "expression", S },
    { W("-!true"), 40, "expression", S },
    { W("9223372036854775808"), 39, "too large", I },
    { W("-9223372036854775809"), 40, "too large", I },
    { W("-(9223372036854775808)"), 41, "too large", I },
    { W("-9223372036854775808.a"), 40, "too large", I },
    { W("principal has if"), 53, "reserved", S },
    { W("principal has a.if"), 55, "reserved", S },
    { W("principal has a.\"b\""), 55, "a name", S },
    { W("principal has \"a\".b"), 56, "expected \"}\"", S },
    { W("principal has (a)"), 53, "name or a string", S },
    { W("principal has 1"), 53, "name or a string", S },
    { W("principal.if"), 49, "reserved", S },
    { W("principal.1"), 49, "name of an attribute", S },
    { W("principal[a]"), 49, "a string", S },
    { W("principal[\"a\""), 52, "\"]\"", S },
    { W("principal like a"), 54, "pattern", S },
    { W("principal like (\"a\")"), 54, "pattern", S },
    { W("principal is \"A\""), 52, "a name", S },
    { W("principal is true"), 52, "reserved", S },
    { W("{if:1}"), 40, "reserved", S },
    { W("{1:1}"), 40, "name or a string", S },
    { W("{a 1}"), 42, "expected \":\"", S },
    { W("{a:1 b:2}"), 44, "\",\" or", S },
    { W("{,}"), 40, "name or a string", S },
    { W("{a:1,\"\\x61\":2}"), 44, "key `a` is repeated", D },
    { W("[1 2]"), 42, "\",\" or \"]\"", S },
    { W("[,]"), 40, "expression", S },
    { W("ip(\"a\""), 45, "\",\" or \")\"", S },
    { W("foo(1)"), 39, "unknown function `foo`", I },
    { W("N::ip(1)"), 39, "unknown function `N::ip`", I },
    { W("isIpv4(1)"), 39, "is a method", I },
    { W("principal(1)"), 39, "is no function", I },
    { W("1.foo()"), 41, "unknown method `foo`", I },
    { W("1.ip()"), 41, "is a function", I },
    { W("1.contains()"), 41, "takes one argument", I },
    { W("1.contains(1,2)"), 41, "takes one argument", I },
    { W("1.isEmpty(1)"), 41, "takes no arguments", I },
    { W("1.a(2)(3)"), 41, "unknown method", I },
    { W("(principal)(1)"), 50, "expected \"}\"", S },
    { W("?principal"), 39, "slots", S },
    { W("\"a\\q\""), 41, "escape", S },
    { W("User::\"\\q\""), 46, "escape", S },
    { W("*"), 39, "expression", S },
    { W("then"), 39, "expression", S },
    { W("__cedar::\"a\""), 39, "expression", S }
};

START_TEST(test_refused)
{
    policy_set_t      *set;
    test_memory_t      counts;
    policy_error_t     error;
    policy_status_t    rc;
    policy_memory_t    memory;
    const refused_t   *c;

    c = &refused[_i];

    memset(&counts, 0, sizeof(counts));
    memory = test_memory(&counts);

    ck_assert_int_eq(policy_set_create(&memory, NULL, &set), POLICY_OK);

    rc = policy_set_add(set, str("file"), str(c->text), &error);
    test_error(c->text, rc, &error, c->status, 1, c->column, c->message);
    ck_assert_str_eq(error.file, "file");

    /* a set that failed can only be destroyed */

    ck_assert_int_eq(policy_set_finish(set, &error), POLICY_MISUSE);
    policy_set_destroy(set);
    ck_assert_uint_eq(counts.live, 0);
}
END_TEST


START_TEST(test_lines_and_columns)
{
    policy_set_t     *set;
    test_memory_t     counts;
    policy_info_t     info;
    policy_error_t    error;
    policy_status_t   rc;
    policy_memory_t   memory;

    memset(&counts, 0, sizeof(counts));
    memory = test_memory(&counts);

    ck_assert_int_eq(policy_set_create(&memory, NULL, &set), POLICY_OK);
    ck_assert_int_eq(policy_set_add(set, str("one"), str("// \xc3\xa9\n  "
                     P ";\n\n\"\xc3\xa9\""), &error), POLICY_SYNTAX);
    ck_assert_uint_eq(error.line, 4);
    ck_assert_uint_eq(error.column, 1);
    policy_set_destroy(set);

    ck_assert_int_eq(policy_set_create(&memory, NULL, &set), POLICY_OK);
    ck_assert_int_eq(policy_set_add(set, str("one"), str(P ";"), &error),
                     POLICY_OK);
    ck_assert_int_eq(policy_set_add(set, str("two"),
                     str("\n@x(\"\xc3\xa9\") " P "; @y " P ";"), &error),
                     POLICY_OK);
    ck_assert_int_eq(policy_set_finish(set, &error), POLICY_OK);

    ck_assert_int_eq(policy_set_info(set, 2, &info), POLICY_OK);
    ck_assert_int_eq(strncmp(info.file.data, "two", 4), 0);
    ck_assert_uint_eq(info.line, 2);
    ck_assert_uint_eq(info.column, 44);
    ck_assert_int_eq(strncmp(info.id.data, "policy2", 8), 0);
    policy_set_destroy(set);

    /* without an error structure */

    ck_assert_int_eq(policy_set_create(&memory, NULL, &set), POLICY_OK);
    rc = policy_set_add(set, str("one"), str("x"), NULL);
    ck_assert_int_eq(rc, POLICY_SYNTAX);
    policy_set_destroy(set);
    ck_assert_uint_eq(counts.live, 0);
}
END_TEST


typedef struct {
    const char       *text;
    policy_status_t   status;
    uint32_t          column;
    const char       *type;
    const char       *id;
} uid_case_t;

static const uid_case_t  uids[] = {
    { "User::\"a\"", POLICY_OK, 0, "User", "a" },
    { " N :: M::User//x\n::\"a\\u{62}\" ", POLICY_OK, 0, "N::M::User",
      "ab" },
    { "User", POLICY_SYNTAX, 1, "", "" },
    { "", POLICY_SYNTAX, 1, "", "" },
    { "(User::\"a\")", POLICY_SYNTAX, 1, "", "" },
    { "User::\"a\" x", POLICY_SYNTAX, 11, "", "" },
    { "in::\"a\"", POLICY_SYNTAX, 1, "", "" },
    { "User::\"a", POLICY_SYNTAX, 7, "", "" }
};

START_TEST(test_uid_text)
{
    policy_uid_t       uid, made;
    policy_error_t     error;
    policy_status_t    rc;
    const uid_case_t  *c;

    c = &uids[_i];
    rc = policy_uid_parse(test_arena(), str(c->text), &uid, &error);
    test_error(c->text, rc, &error, c->status, 1, c->column, "");

    if (rc == POLICY_OK) {
        ck_assert_int_eq(policy_uid_init(&made, str(c->type), str(c->id)),
                         POLICY_OK);
        ck_assert(policy_uid_equal(&uid, &made));
    }
}
END_TEST


START_TEST(test_uid_types)
{
    policy_uid_t  uid;

    ck_assert_int_eq(policy_uid_init(&uid, str("A::B"), str("")), POLICY_OK);
    ck_assert_int_eq(policy_uid_init(&uid, str(""), str("")),
                     POLICY_INVALID);
    ck_assert_int_eq(policy_uid_init(&uid, str("A::"), str("")),
                     POLICY_INVALID);
    ck_assert_int_eq(policy_uid_init(&uid, str("A:B"), str("")),
                     POLICY_INVALID);
    ck_assert_int_eq(policy_uid_init(&uid, str("A:"), str("")),
                     POLICY_INVALID);
    ck_assert_int_eq(policy_uid_init(&uid, str("A ::B"), str("")),
                     POLICY_INVALID);
    ck_assert_int_eq(policy_uid_init(&uid, str("1"), str("")),
                     POLICY_INVALID);
    ck_assert_int_eq(policy_uid_init(&uid, str("has"), str("")),
                     POLICY_INVALID);
    ck_assert_int_eq(policy_uid_init(&uid, str("A::__cedar"), str("")),
                     POLICY_INVALID);
}
END_TEST


#define COUNT(a)  ((int) (sizeof(a) / sizeof((a)[0])))

TCase *
parse_case(void)
{
    TCase  *tcase;

    tcase = tcase_create("parse");
    tcase_add_loop_test(tcase, test_accepted, 0, COUNT(accepted));
    tcase_add_loop_test(tcase, test_refused, 0, COUNT(refused));
    tcase_add_test(tcase, test_lines_and_columns);
    tcase_add_loop_test(tcase, test_uid_text, 0, COUNT(uids));
    tcase_add_test(tcase, test_uid_types);

    return tcase;
}
