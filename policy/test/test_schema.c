/* Schemas: what is taken, what is refused and where. */

#include "test.h"


typedef struct {
    const char       *text;
    policy_status_t   status;
    uint32_t          line;
    uint32_t          column;
    const char       *message;
} refusal_t;


static policy_status_t
read_schema(const char *text, policy_schema_format_t format,
    policy_error_t *error)
{
    test_memory_t     counts;
    policy_memory_t   memory;
    policy_schema_t  *schema;
    policy_status_t   rc;

    memset(&counts, 0, sizeof(counts));
    memory = test_memory(&counts);

    rc = policy_schema_create(&memory, str("s"), str(text), format, &schema,
                              error);

    ck_assert_msg((rc == POLICY_OK) == (schema != NULL), "%s", text);

    if (rc == POLICY_OK) {
        ck_assert_uint_eq(policy_schema_memory(schema), counts.live);
        policy_schema_destroy(schema);
    }

    ck_assert_uint_eq(counts.live, 0);

    return rc;
}


static void
check_refusals(const refusal_t *refusals, size_t n,
    policy_schema_format_t format)
{
    size_t           i;
    policy_error_t   error;
    policy_status_t  rc;

    for (i = 0; i < n; i++) {
        memset(&error, 0, sizeof(error));
        rc = read_schema(refusals[i].text, format, &error);

        test_error(refusals[i].text, rc, &error, refusals[i].status,
                   refusals[i].line, refusals[i].column,
                   refusals[i].message);
        ck_assert_str_eq(error.file, "s");
    }
}


static void
check_accepted(const char *const *texts, size_t n,
    policy_schema_format_t format)
{
    size_t          i;
    policy_error_t  error;

    for (i = 0; i < n; i++) {
        if (read_schema(texts[i], format, &error) != POLICY_OK) {
            ck_abort_msg("%s: %u:%u: %s", texts[i], error.line,
                         error.column, error.message);
        }
    }
}


START_TEST(test_text)
{
    static const char *const  accepted[] = {
        "",
        "entity A;",
        "entity A, B in [A, B] = {a: Long, \"b c\"?: Set<Set<String>>,} "
            "tags Bool;",
        "entity A enum [\"x\", \"y\"]; entity B in A;",
        "@doc(\"x\") @if entity A { @a n: Long };",
        "entity A; action a, \"b c\" in [d, Action::\"e\"] appliesTo "
            "{ principal: [A], resource: A, context: {n: Long}, }; "
            "action d; action e attributes {};",
        "type C = {n: A}; entity A; action a appliesTo "
            "{context: C, resource: A, principal: A};",
        "namespace N { entity A in B; entity B; type T = A; action a; } "
            "entity C in N::A { t: N::T, a: N::Action };",
        "entity ipaddr; entity A {a: ipaddr, b: __cedar::ipaddr};",
        "type decimal = {}; entity A {a: decimal};",
        "type A = Long; entity A; entity B in A {a: A};",
        "entity entity, namespace, type, action, Set, Long;",
        "entity A {a: Long, a: String};",
        "entity A // comment\n{ a ? : Long };",
        "type A = {a: B}; type B = Set<C>; type C = Bool;",
        "entity A in B; entity B in A;"
    };

    check_accepted(accepted, sizeof(accepted) / sizeof(accepted[0]),
                   POLICY_SCHEMA_AUTO);
}
END_TEST


START_TEST(test_text_refused)
{
    static const refusal_t  refusals[] = {
        { "entity A", POLICY_SYNTAX, 1, 9, "expected \";\"" },
        { "entity A,;", POLICY_SYNTAX, 1, 10, "expected a name" },
        { "entity if;", POLICY_SYNTAX, 1, 8, "`if` is a reserved word" },
        { "entity A::B;", POLICY_SYNTAX, 1, 9, "expected \";\"" },
        { "entity \"A\";", POLICY_SYNTAX, 1, 8, "expected a name" },
        { "entity A {a: Long b: Long};", POLICY_SYNTAX, 1, 19,
          "expected \",\" or \"}\", found `b`" },
        { "entity A {a Long};", POLICY_SYNTAX, 1, 13,
          "expected \"?\" or \":\"" },
        { "entity A {a??: Long};", POLICY_SYNTAX, 1, 13, "expected \":\"" },
        { "entity A {a: Set<Long};", POLICY_SYNTAX, 1, 22,
          "expected \">\"" },
        { "entity A {\n  a: 1};", POLICY_SYNTAX, 2, 6, "expected a type" },
        { "entity A = T;", POLICY_SYNTAX, 1, 12, "expected \"{\"" },
        { "entity A enum [];", POLICY_SYNTAX, 1, 16, "expected a string" },
        { "entity A tags Long {};", POLICY_SYNTAX, 1, 20, "expected \";\"" },
        { "entity A {\"\\q\": Long};", POLICY_SYNTAX, 1, 12, "escape" },
        { "entity A !", POLICY_SYNTAX, 1, 10, "expected \";\"" },
        { "@a @a entity A;", POLICY_DUPLICATE, 1, 4, "`a` is repeated" },
        { "@a", POLICY_SYNTAX, 1, 3, "found end of text" },
        { "namespace N { namespace M {} }", POLICY_SYNTAX, 1, 15,
          "expected entity, action, type" },
        { "namespace N {", POLICY_SYNTAX, 1, 14, "found end of text" },
        { "namespace A::__cedar {}", POLICY_INVALID, 1, 11, "is reserved" },
        { "namespace N {} namespace N {}", POLICY_DUPLICATE, 1, 26,
          "`N` is declared twice" },
        { "entity A; entity A;", POLICY_DUPLICATE, 1, 18,
          "`A` is declared twice" },
        { "action a, a;", POLICY_DUPLICATE, 1, 11, "`a` is declared twice" },
        { "type T = Long; type T = Long;", POLICY_DUPLICATE, 1, 21,
          "`T` is declared twice" },
        { "entity Action;", POLICY_INVALID, 1, 8, "the type of actions" },
        { "type Long = String;", POLICY_INVALID, 1, 6, "`Long` cannot" },
        { "type __cedar = Long;", POLICY_SYNTAX, 1, 6, "reserved" },
        { "entity A in B;", POLICY_NOT_FOUND, 1, 13,
          "entity type `B` is not declared" },
        { "entity A in Action; action a;", POLICY_NOT_FOUND, 1, 13,
          "`Action` is not declared" },
        { "entity A {a: B};", POLICY_NOT_FOUND, 1, 14,
          "type `B` is not declared" },
        { "entity A tags __cedar::Set;", POLICY_NOT_FOUND, 1, 15,
          "`__cedar::Set` is not declared" },
        { "namespace N { entity A; } entity B in A;", POLICY_NOT_FOUND, 1,
          39, "`A` is not declared" },
        { "type A = Set<B>; type B = {a: A};", POLICY_CYCLE, 1, 31,
          "`A` contains itself" },
        { "entity A; type A = A;", POLICY_CYCLE, 1, 20,
          "`A` contains itself" },
        { "action a in b; action b in a;", POLICY_CYCLE, 1, 8,
          "`a` is its own ancestor" },
        { "action a in b;", POLICY_NOT_FOUND, 1, 13,
          "action `b` is not declared" },
        { "action a in N::b;", POLICY_SYNTAX, 1, 13, "wants the id" },
        { "entity A; action a appliesTo {principal: A};", POLICY_INVALID, 1,
          20, "does not say which resource" },
        { "entity A; action a appliesTo {principal: [], resource: A};",
          POLICY_INVALID, 1, 31, "`principal` names no entity type" },
        { "entity A; action a appliesTo {principal: A, principal: A};",
          POLICY_DUPLICATE, 1, 45, "`principal` is repeated" },
        { "action a appliesTo {};", POLICY_SYNTAX, 1, 21,
          "expected principal, resource or context" },
        { "entity A; action a appliesTo {principal: A, resource: A, "
          "context: Long};", POLICY_INVALID, 1, 67, "is no record" },
        { "entity A; action a appliesTo {principal: A, resource: A, "
          "context: A};", POLICY_NOT_FOUND, 1, 67,
          "common type `A` is not declared" },
        { "action a attributes {b: 1};", POLICY_SYNTAX, 1, 22,
          "expected \"}\"" },
        { "entity A; namespace N { entity A; }", POLICY_INVALID, 1, 32,
          "`N::A` shadows" },
        { "type A = Long; namespace N { entity A; }", POLICY_INVALID, 1, 37,
          "`N::A` shadows" },
        { "action a; namespace N { action a; }", POLICY_INVALID, 1, 32,
          "shadows" }
    };

    check_refusals(refusals, sizeof(refusals) / sizeof(refusals[0]),
                   POLICY_SCHEMA_TEXT);
}
END_TEST


#define SPACE(entities, actions)                                             \
    "{\"\":{\"entityTypes\":{" entities "},\"actions\":{" actions "}}}"
#define TAGS(type)  SPACE("\"A\":{\"tags\":" type "}", "")


START_TEST(test_json)
{
    static const char *const  accepted[] = {
        "{}",
        " \n{\"N::M\":{\"actions\":{},\"entityTypes\":{},\"annotations\":"
            "{\"a\":null,\"if\":\"\"}}}",
        SPACE("\"A\":{\"memberOfTypes\":[\"A\"],\"shape\":{\"type\":"
              "\"Record\",\"attributes\":{\"a\":{\"type\":\"Long\","
              "\"required\":false,\"annotations\":{}}}}}", ""),
        SPACE("\"A\":{\"enum\":[\"a\"]}", ""),
        SPACE("\"A\":{}", "\"a\":{\"memberOf\":[{\"id\":\"b\",\"type\":null}"
              "],\"attributes\":null},\"b\":{\"appliesTo\":{"
              "\"principalTypes\":[],\"resourceTypes\":[\"A\"],"
              "\"context\":{\"type\":\"Record\",\"attributes\":{}}}}"),
        TAGS("{\"type\":\"Boolean\"}"),
        TAGS("{\"type\":\"Bool\"}"),
        TAGS("{\"element\":{\"name\":\"A\",\"type\":\"Entity\"},"
             "\"type\":\"Set\"}"),
        TAGS("{\"type\":\"Extension\",\"name\":\"decimal\"}"),
        TAGS("{\"type\":\"EntityOrCommon\",\"name\":\"__cedar::Long\"}"),
        "{\"\":{\"entityTypes\":{},\"actions\":{},\"commonTypes\":"
            "{\"T\":{\"type\":\"String\",\"annotations\":{}}}}}"
    };

    check_accepted(accepted, sizeof(accepted) / sizeof(accepted[0]),
                   POLICY_SCHEMA_AUTO);
}
END_TEST


START_TEST(test_json_refused)
{
    static const refusal_t  refusals[] = {
        { "[]", POLICY_INVALID, 1, 1, "expected an object" },
        { "{\"\":{\"actions\":{}}}", POLICY_INVALID, 1, 2,
          "`entityTypes` is missing" },
        { "{\"a b\":{}}", POLICY_INVALID, 1, 2, "no name of a namespace" },
        { "{\"\":{\"x\":1}}", POLICY_INVALID, 1, 6, "unknown field `x`" },
        { "{\"\":{\"actions\":{},\"actions\":{}}}", POLICY_DUPLICATE, 1, 19,
          "field `actions` is repeated" },
        { SPACE("\"A\":{},\"A\":{}", ""), POLICY_DUPLICATE, 1, 28,
          "`A` is declared twice" },
        { SPACE("\"A::B\":{}", ""), POLICY_INVALID, 1, 21, "`A::B` cannot" },
        { SPACE("\"A\":null", ""), POLICY_INVALID, 1, 25,
          "expected an object" },
        { SPACE("\"A\":{\"enum\":[]}", ""), POLICY_INVALID, 1, 33,
          "is empty" },
        { SPACE("\"A\":{\"enum\":[\"a\"],\"shape\":1}", ""), POLICY_INVALID,
          1, 39, "nothing but its ids" },
        { SPACE("\"A\":{\"memberOfTypes\":[\"B\"]}", ""), POLICY_NOT_FOUND,
          1, 43, "`B` is not declared" },
        { TAGS("{}"), POLICY_INVALID, 1, 33, "`type` is missing" },
        { TAGS("{\"type\":\"Set\"}"), POLICY_INVALID, 1, 33,
          "`element` is missing" },
        { TAGS("{\"type\":\"Long\",\"name\":\"x\"}"), POLICY_INVALID, 1, 33,
          "does not fit the type `Long`" },
        { TAGS("{\"type\":\"Long\",\"required\":true}"), POLICY_INVALID, 1,
          48, "unknown field `required`" },
        { TAGS("{\"type\":\"Extension\",\"name\":\"x\"}"), POLICY_INVALID, 1,
          60, "no extension type" },
        { TAGS("{\"type\":\"A\"}"), POLICY_NOT_FOUND, 1, 33,
          "common type `A` is not declared" },
        { TAGS("{\"type\":\"Record\",\"attributes\":{\"a\":{\"type\":"
               "\"Long\"},\"a\":{\"type\":\"Long\"}}}"),
          POLICY_DUPLICATE, 1, 84, "attribute `a` is repeated" },
        { TAGS("{\"type\":\"Record\",\"attributes\":{},"
               "\"additionalAttributes\":true}"), POLICY_INVALID, 1, 66,
          "not supported" },
        { SPACE("", "\"a\":{\"attributes\":{}}"), POLICY_INVALID, 1, 39,
          "no attributes" },
        { SPACE("", "\"a\":{\"appliesTo\":{}}"), POLICY_INVALID, 1, 51,
          "`principalTypes` is missing" },
        { SPACE("", "\"a\":{\"memberOf\":[{\"id\":\"b\"}]}"),
          POLICY_NOT_FOUND, 1, 51, "`b` is not declared" },
        { "{\"\":{\"entityTypes\":{},\"actions\":{},\"annotations\":"
          "{\"a\":null}}}", POLICY_INVALID, 1, 36, "no annotations" },
        { "{} x", POLICY_SYNTAX, 1, 4, "" }
    };

    check_refusals(refusals, sizeof(refusals) / sizeof(refusals[0]),
                   POLICY_SCHEMA_JSON);
}
END_TEST


/* A schema of head, n times part (with the number for each %u), tail. */
static char *
repeat(const char *head, const char *part, unsigned n, const char *tail)
{
    char     *text, *p;
    unsigned  i;

    text = malloc(strlen(head) + strlen(tail)
                  + n * (strlen(part) + 30) + 1);
    ck_assert_ptr_nonnull(text);

    p = text + sprintf(text, "%s", head);

    for (i = 0; i < n; i++) {
        p += sprintf(p, part, i, i + 1);
    }

    strcpy(p, tail);

    return text;
}


static void
check_limit(char *text, policy_status_t expected, const char *message)
{
    policy_error_t   error;
    policy_status_t  rc;

    memset(&error, 0, sizeof(error));
    rc = read_schema(text, POLICY_SCHEMA_AUTO, &error);

    ck_assert_msg(rc == expected, "%s: %s", policy_status_name(rc),
                  error.message);

    if (rc != POLICY_OK) {
        ck_assert_ptr_nonnull(strstr(error.message, message));
    }

    free(text);
}


START_TEST(test_limits)
{
    check_limit(repeat("", "entity E%u;", POLICY_MAX_DECLARED, ""),
                POLICY_OK, "");
    check_limit(repeat("", "entity E%u;", POLICY_MAX_DECLARED + 1, ""),
                POLICY_LIMIT, "too many entity types");
    check_limit(repeat("", "action a%u;", POLICY_MAX_DECLARED + 1, ""),
                POLICY_LIMIT, "too many actions");
    check_limit(repeat("", "type T%u = Long;", POLICY_MAX_DECLARED + 1, ""),
                POLICY_LIMIT, "too many common types");
    check_limit(repeat("", "namespace N%u {}", POLICY_MAX_DECLARED, ""),
                POLICY_LIMIT, "too many namespaces");

    check_limit(repeat("type T = ", "Set<", POLICY_MAX_NESTING, "Long"),
                POLICY_LIMIT, "nesting is too deep");
    check_limit(repeat("", "type T%u = Set<T%u>;", 190, "type T190 = Long;"),
                POLICY_OK, "");
    check_limit(repeat("", "type T%u = Set<T%u>;", 250, "type T250 = Long;"),
                POLICY_LIMIT, "type is too deep");
    check_limit(repeat("", "type T%u = T%u;", 2000, "type T2000 = Long;"),
                POLICY_LIMIT, "type is too deep");

    /* shared parts are not walked again and again */

    check_limit(repeat("", "type T%1$u = {a: T%2$u, b: T%2$u};", 190,
                       "type T190 = Long; entity E {t: T0};"),
                POLICY_OK, "");
}
END_TEST


static const char  texts[] =
    "@a(\"\\n\") namespace N { type T = {a?: Set<U>, \"\\u{62}\": ipaddr};"
    "entity U in [V, N :: V] = {t: T} tags T; entity V enum [\"x\"];"
    "action a, \"b\" in [c, N::Action::\"d\"] appliesTo {principal: U,"
    "resource: [U, V], context: T}; action c; action d; }";

static const char  jsons[] =
    "{\"N\":{\"annotations\":{\"a\":\"\\n\"},\"commonTypes\":{\"T\":{\"type\""
    ":\"Record\",\"attributes\":{\"\\u0061\":{\"type\":\"Set\",\"element\":{"
    "\"type\":\"Entity\",\"name\":\"U\"}}}}},\"entityTypes\":{\"U\":{"
    "\"memberOfTypes\":[\"V\"],\"shape\":{\"type\":\"T\"}},\"V\":{\"enum\":["
    "\"x\"]}},\"actions\":{\"a\":{\"memberOf\":[{\"id\":\"b\"}],"
    "\"appliesTo\":{\"principalTypes\":[\"U\"],\"resourceTypes\":[\"V\"]}},"
    "\"b\":{}}}}";


static void
fail_each(const char *text)
{
    size_t            n;
    test_memory_t     counts;
    policy_error_t    error;
    policy_memory_t   memory;
    policy_schema_t  *schema;
    policy_status_t   rc;

    for (n = 1; n < 1000; n++) {
        memset(&counts, 0, sizeof(counts));
        counts.fail_at = n;
        memory = test_memory(&counts);

        rc = policy_schema_create(&memory, str("s"), str(text),
                                  POLICY_SCHEMA_AUTO, &schema, &error);

        policy_schema_destroy(schema);
        ck_assert_uint_eq(counts.live, 0);

        if (rc == POLICY_OK) {
            break;
        }

        ck_assert_msg(rc == POLICY_NO_MEMORY, "%zu: %s: %s", n,
                      policy_status_name(rc), error.message);
    }

    ck_assert_uint_gt(n, 1);
    ck_assert_uint_lt(n, 1000);
}


START_TEST(test_without_memory)
{
    char  *text;

    fail_each(texts);
    fail_each(jsons);

    text = repeat(texts, "entity E%u {a: N::T, b: Set<E%u>};", 200,
                  "entity E200;");
    fail_each(text);
    free(text);
}
END_TEST


TCase *
schema_case(void)
{
    TCase  *tcase;

    tcase = tcase_create("schema");
    tcase_add_test(tcase, test_text);
    tcase_add_test(tcase, test_text_refused);
    tcase_add_test(tcase, test_json);
    tcase_add_test(tcase, test_json_refused);
    tcase_add_test(tcase, test_limits);
    tcase_add_test(tcase, test_without_memory);

    return tcase;
}
