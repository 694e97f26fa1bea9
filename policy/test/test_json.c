/* JSON as values: what it becomes, what is refused and where. */

#include "test.h"

#include "value.h"


typedef struct {
    const char  *json;
    const char  *cedar;         /* the value must equal this literal */
} value_case_t;

static const value_case_t  values[] = {
    { "true", "true" },
    { " false ", "false" },
    { "0", "0" },
    { "-9223372036854775808", "-9223372036854775808" },
    { "9223372036854775807", "9223372036854775807" },
    { "\"\"", "\"\"" },
    { "\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"",
      "\"a\\\"\\\\/\\x08\\x0c\\n\\r\\t\\u{e9}\\u{1F600}\"" },
    { "\"a\\u0000b\"", "\"a\\0b\"" },
    { "[]", "[]" },
    { "[3,1,2,1]", "[1,2,3]" },
    { "[[1],[1],\"a\"]", "[\"a\",[1]]" },
    { "{}", "{}" },
    { "{\"\":1,\"a\\u0000\":2}", "{\"\":1,\"a\\0\":2}" },
    { "{\"__entity\":{\"type\":\"N::U\",\"id\":\"\\u0000\"}}",
      "N::U::\"\\0\"" },
    { "{\"__entity\":{\"type\":\"U\",\"id\":\"a\",\"x\":null}}",
      "U::\"a\"" },
    { "{\"type\":\"U\",\"id\":\"a\"}", "{type:\"U\",id:\"a\"}" },
    { "{\"__entity\":{\"type\":\"U\"}}", "{\"__entity\":{type:\"U\"}}" },
    { "{\"__entity\":{\"type\":\"U\",\"id\":\"a\"},\"b\":1}",
      "{\"__entity\":{type:\"U\",id:\"a\"},b:1}" },
    { "{\"__extn\":{\"fn\":\"decimal\",\"arg\":\"1.5\"}}",
      "decimal(\"1.5\")" },
    { "{\"__extn\":{\"fn\":\"ip\",\"args\":[\"::1\"]}}", "ip(\"::1\")" },
    { "{\"__extn\":{\"fn\":\"offset\",\"args\":["
      "{\"__extn\":{\"fn\":\"datetime\",\"arg\":\"2024-01-01\"}},"
      "{\"__extn\":{\"fn\":\"duration\",\"arg\":\"1d\"}}]}}",
      "datetime(\"2024-01-02\")" },
    { "{\"__extn\":{\"fn\":\"ip\"}}", "{\"__extn\":{fn:\"ip\"}}" },
    { "{\"__extn\":{\"fn\":1,\"args\":[2,1,2]}}",
      "{\"__extn\":{fn:1,args:[1,2]}}" },
    { "{\"__extn\":{\"fn\":\"ip\",\"args\":[2,1,2]},\"a\":1}",
      "{\"__extn\":{fn:\"ip\",args:[1,2]},a:1}" },
    { "{\"__expr\":1}", "{\"__expr\":1}" },
    { "{\"a\":{\"b\":[{\"c\":1}]}}", "{a:{b:[{c:1}]}}" }
};

START_TEST(test_value)
{
    char               text[512];
    policy_set_t      *set;
    policy_result_t    result;

    snprintf(text, sizeof(text),
             "permit(principal,action,resource) when { context.v == %s };",
             values[_i].cedar);
    set = test_set(text);

    snprintf(text, sizeof(text), "{\"v\":%s}", values[_i].json);
    ck_assert_int_eq(test_decide(set, NULL, "U::\"a\"", "Action::\"x\"",
                                 "D::\"d\"", text, &result), POLICY_OK);
    ck_assert_msg(result.decision == POLICY_ALLOW, "%s is not %s",
                  values[_i].json, values[_i].cedar);

    policy_set_destroy(set);
}
END_TEST


typedef struct {
    const char       *json;
    uint32_t          column;
    const char       *message;
    policy_status_t   status;
} refused_t;

#define S  POLICY_SYNTAX
#define I  POLICY_INVALID
#define D  POLICY_DUPLICATE

static const refused_t  contexts[] = {
    { "", 1, "expected a value", S },
    { "{", 2, "expected a string", S },
    { "{}x", 3, "after the end", S },
    { "[]", 1, "must be an object", I },
    { "1", 1, "must be an object", I },
    { "{\"__entity\":{\"type\":\"U\",\"id\":\"a\"}}", 1, "object", I },
    { "{\"a\":null}", 6, "no null", I },
    { "{\"a\":[1,null]}", 9, "no null", I },
    { "{\"a\":{\"b\":null}}", 11, "no null", I },
    { "{\"a\":nul}", 6, "expected a value", S },
    { "{\"a\":True}", 6, "expected a value", S },
    { "{\"a\":1.0}", 6, "64-bit", I },
    { "{\"a\":1e2}", 6, "64-bit", I },
    { "{\"a\":1E+2}", 6, "64-bit", I },
    { "{\"a\":-0}", 6, "64-bit", I },
    { "{\"a\":9223372036854775808}", 6, "64-bit", I },
    { "{\"a\":-9223372036854775809}", 6, "64-bit", I },
    { "{\"a\":{\"__entity\":{\"type\":\"U\",\"id\":\"a\",\"x\":1.5}}}", 43,
      "64-bit", I },
    { "{\"a\":01}", 6, "bad number", S },
    { "{\"a\":-}", 6, "bad number", S },
    { "{\"a\":1.}", 6, "64-bit", S },
    { "{\"a\":1e}", 6, "64-bit", S },
    { "{\"a\":+1}", 6, "expected a value", S },
    { "{\"a\":.5}", 6, "expected a value", S },
    { "{\"a\":\"b}", 6, "not closed", S },
    { "{\"a\":\"\\", 6, "not closed", S },
    { "{\"a\":\"\t\"}", 7, "control character", S },
    { "{\"a\":\"b\\q\"}", 8, "bad escape", S },
    { "{\"a\":\"\\ud800\"}", 7, "bad escape", S },
    { "{\"a\":\"\\ud800\\u0041\"}", 7, "bad escape", S },
    { "{\"a\":\"\\udc00\"}", 7, "bad escape", S },
    { "{\"a\":\"\\u12g4\"}", 7, "bad escape", S },
    { "{\"a\":\"\\u12\"}", 7, "bad escape", S },
    { "{\"a\":\"\xff\"}", 7, "UTF-8", S },
    { "{\"a\" 1}", 6, "expected \":\"", S },
    { "{\"a\":1,}", 8, "expected a string", S },
    { "{\"a\":1 \"b\":2}", 8, "expected \"}\"", S },
    { "{a:1}", 2, "expected a string", S },
    { "{\"a\":[1,]}", 9, "expected a value", S },
    { "{\"a\":[1 2]}", 9, "expected \"]\"", S },
    { "{\"a\":1,\"\\u0061\":2}", 1, "repeated key", D },
    { "{\"r\":{\"a\":1,\"a\":1}}", 6, "repeated key", D },
    { "{\"a\":{\"__expr\":\"x\"}}", 6, "__expr", I },
    { "{\"a\":{\"__entity\":{\"type\":\"U V\",\"id\":\"a\"}}}", 6,
      "no entity type", I },
    { "{\"a\":{\"__entity\":{\"type\":\"has\",\"id\":\"a\"}}}", 6,
      "no entity type", I },
    { "{\"a\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"x\"}}}", 6,
      "\"x\" is no IP address", I },
    { "{\"a\":{\"__extn\":{\"fn\":\"foo\",\"arg\":\"x\"}}}", 6,
      "bad extension value", I },
    { "{\"a\":{\"__extn\":{\"fn\":\"ip\",\"arg\":1}}}", 6, "type error", I },
    { "{\"a\":{\"__extn\":{\"fn\":\"ip\",\"args\":[\"::\",1]}}}", 6,
      "arguments", I },
    { "{\"a\":{\"__extn\":{\"fn\":\"ip\",\"arg\":null}}}", 6, "type error",
      I }
};

START_TEST(test_context_refused)
{
    policy_value_t     value;
    policy_error_t     error;
    policy_status_t    rc;
    const refused_t   *c;

    c = &contexts[_i];
    rc = policy_json_context(test_arena(), str(c->json), &value, &error);

    ck_assert_msg(rc == c->status || c->status == S, "%s: %s", c->json,
                  policy_status_name(rc));
    ck_assert_msg(rc != POLICY_OK, "%s is accepted", c->json);
    ck_assert_msg(error.line == 1 && error.column == c->column,
                  "%s: at %u:%u: %s", c->json, error.line, error.column,
                  error.message);

    if (rc == c->status) {
        ck_assert_msg(strstr(error.message, c->message) != NULL
                      || strstr(error.message, "bad number") != NULL,
                      "%s: %s", c->json, error.message);
    }
}
END_TEST


#define E(u, a, p)  "{\"uid\":" u ",\"attrs\":" a ",\"parents\":" p "}"
#define U(id)       "{\"type\":\"U\",\"id\":\"" id "\"}"

static const refused_t  stores[] = {
    { "", 1, "expected \"[\"", S },
    { "{}", 1, "expected \"[\"", S },
    { "[", 2, "expected \"{\"", S },
    { "[1]", 2, "expected \"{\"", S },
    { "[{}]", 2, "no `uid`", I },
    { "[{\"uid\":" U("a") "}]", 2, "no `attrs`", I },
    { "[{\"uid\":" U("a") ",\"attrs\":{}}]", 2, "no `parents`", I },
    { "[{\"uid\":" U("a") ",\"uid\":" U("a") "}]", 31, "repeated", D },
    { "[{\"uid\":\"U::\\\"a\\\"\"}]", 9, "expected an entity uid", I },
    { "[{\"uid\":{\"type\":\"U\"}}]", 9, "expected an entity uid", I },
    { "[{\"uid\":{\"type\":\"U \",\"id\":\"a\"}}]", 9, "entity uid", I },
    { "[{\"uid\":{\"type\":1,\"id\":\"a\"}}]", 9, "entity uid", I },
    { "[{\"uid\":{\"__expr\":\"U\",\"type\":\"U\",\"id\":\"a\"}}]", 9,
      "entity uid", I },
    { "[{\"uid\":{\"__entity\":{\"type\":\"if\",\"id\":\"a\"}}}]", 9,
      "no entity type", I },
    { "[{\"uid\":null}]", 9, "no null", I },
    { "[" E(U("a"), "[]", "[]") "]", 39, "expected an object", I },
    { "[" E(U("a"), "{\"x\":null}", "[]") "]", 44, "no null", I },
    { "[" E(U("a"), "{}", "{}") "]", 52, "expected \"[\"", S },
    { "[" E(U("a"), "{}", "[1]") "]", 53, "entity uid", I },
    { "[" E(U("a"), "{}", "[" U("b") " " U("c") "]") "]", 75,
      "expected \"]\"", S },
    { "[{\"x\":1,\"y\":{},\"x\":2}]", 2, "repeated key", D },
    { "[{\"x\":{\"k\":1,\"k\":2}}]", 7, "repeated key", D },
    { "[{\"x\":1e309}]", 7, "out of range", I },
    { "[{\"x\":-1.8e308}]", 7, "out of range", I },
    { "[{\"x\":17976931348623159e292}]", 7, "out of range", I },
    { "[{\"x\":[0.00001e314]}]", 8, "out of range", I },
    { "[{\"x\":1797693134862315700000e287}]", 2, "no `uid`", I },
    { "[{\"x\":1.7976931348623157e308}]", 2, "no `uid`", I },
    { "[{\"x\":0.0e99999999999}]", 2, "no `uid`", I },
    { "[{\"x\":1e-99999999999}]", 2, "no `uid`", I },
    { "[{\"x\":0.00001e312}]", 2, "no `uid`", I },
    { "[{\"x\":123456789012345678901234567890}]", 2, "no `uid`", I },
    { "[" E(U("a"), "{}", "[]") "x]", 55, "expected \"]\"", S },
    { "[" E(U("a"), "{}", "[]") "]x", 56, "after the end", S },
    { "[" E(U("a"), "{}", "[]") "," E(U("a"), "{\"x\":1}", "[]") "]", 56,
      "U::\\\"a\\\" is stated twice", D },
    { "[" E(U("a"), "{}", "[" U("a") "]") "]", 2, "its own ancestor",
      POLICY_CYCLE },
    { "[" E("{\"type\":\"Action\",\"id\":\"a\"}", "{}", "[" U("b") "]") "]",
      2, "no action", I }
};

START_TEST(test_store_refused)
{
    test_memory_t      counts;
    policy_error_t     error;
    policy_store_t    *store;
    policy_status_t    rc;
    policy_memory_t    memory;
    const refused_t   *c;

    c = &stores[_i];
    memset(&counts, 0, sizeof(counts));
    memory = test_memory(&counts);

    ck_assert_int_eq(policy_store_create(&memory, &store), POLICY_OK);

    rc = policy_store_json(store, str("e.json"), str(c->json), &error);

    if (rc == POLICY_OK) {
        rc = policy_store_finish(store, &error);
    } else {
        ck_assert_int_eq(policy_store_finish(store, NULL), POLICY_MISUSE);
    }

    test_error(c->json, rc, &error, c->status, 1, c->column, c->message);
    ck_assert_str_eq(error.file, "e.json");

    policy_store_destroy(store);
    ck_assert_uint_eq(counts.live, 0);
}
END_TEST


START_TEST(test_places_in_entities)
{
    policy_error_t   error;
    test_memory_t    counts;
    policy_store_t  *store;
    policy_memory_t  memory;

    memset(&counts, 0, sizeof(counts));
    memory = test_memory(&counts);

    ck_assert_int_eq(policy_store_create(&memory, &store), POLICY_OK);
    ck_assert_int_eq(policy_store_json(store, str("f"), str("[\n"
                     E(U("\xc3\xa9"), "{}", "[]") ",\n  "
                     E(U("b"), "{}", "[" U("c") "]") ", "
                     E(U("c"), "{}", "[" U("b") "]") "]"), &error),
                     POLICY_OK);
    ck_assert_int_eq(policy_store_finish(store, &error), POLICY_CYCLE);
    ck_assert_uint_eq(error.line, 3);
    ck_assert_uint_eq(error.column, 3);
    policy_store_destroy(store);
}
END_TEST


#define COUNT(a)  ((int) (sizeof(a) / sizeof((a)[0])))

TCase *
json_case(void)
{
    TCase  *tcase;

    tcase = tcase_create("json");
    tcase_add_loop_test(tcase, test_value, 0, COUNT(values));
    tcase_add_loop_test(tcase, test_context_refused, 0, COUNT(contexts));
    tcase_add_loop_test(tcase, test_store_refused, 0, COUNT(stores));
    tcase_add_test(tcase, test_places_in_entities);

    return tcase;
}
