/* What expressions are, and how they fail. */

#include "test.h"


static const char  entities[] =
    "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},"
    "\"attrs\":{\"n\":5,\"s\":\"str*ing\",\"t\":[1,\"x\",2],"
    "\"r\":{\"a\":{\"b\":1},"
    "\"u\":{\"__entity\":{\"type\":\"User\",\"id\":\"b\"}}},"
    "\"self\":{\"__entity\":{\"type\":\"User\",\"id\":\"a\"}},"
    "\"ip\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"10.1.2.3\"}},"
    "\"es\":[{\"__entity\":{\"type\":\"Group\",\"id\":\"g\"}},"
    "{\"__entity\":{\"type\":\"Group\",\"id\":\"z\"}}]},"
    "\"parents\":[{\"type\":\"Group\",\"id\":\"g\"}],"
    "\"tags\":{\"k\":\"v\",\"m\":1}},"
    "{\"uid\":{\"type\":\"User\",\"id\":\"b\"},\"attrs\":{\"n\":6},"
    "\"parents\":[{\"type\":\"Group\",\"id\":\"h\"}]},"
    "{\"uid\":{\"type\":\"Group\",\"id\":\"g\"},\"attrs\":{},"
    "\"parents\":[{\"type\":\"Group\",\"id\":\"top\"}]}]";

static const char  context[] =
    "{\"i\":7,\"b\":true,\"s\":\"h\\u00e9llo\",\"r\":{\"x\":1,\"y\":2},"
    "\"e\":{\"__entity\":{\"type\":\"User\",\"id\":\"b\"}},"
    "\"set\":[1,2,3],\"strs\":[\"a\",\"b\"],\"mixed\":"
    "[1,{\"__entity\":{\"type\":\"Group\",\"id\":\"g\"}}],\"empty\":[],"
    "\"big\":9223372036854775807,\"c\":{\"__entity\":"
    "{\"type\":\"Group\",\"id\":\"top\"}}}";

/* "T", "F", or "kind:column", column 1 being the expression's first */
typedef struct {
    const char  *text;
    const char  *result;
} expression_t;

static const expression_t  expressions[] = {
    /* booleans, order of evaluation */
    { "true", "T" },
    { "!true", "F" },
    { "!!context.b", "T" },
    { "false && 1", "F" },
    { "true || 1", "T" },
    { "true && 1", "type:9" },
    { "1 && true", "type:1" },
    { "1 || true", "type:1" },
    { "context.b && context.i", "type:22" },
    { "context.b || context.none", "T" },
    { "context.none && false", "attr:9" },
    { "!1", "type:2" },
    { "context.b && true && context.b", "T" },
    { "false || false || context.b", "T" },
    { "if context.b then true else 1", "T" },
    { "if !context.b then 1 else true", "T" },
    { "if context.i then true else true", "type:12" },
    { "if true then 1 else true", "type:14" },
    { "(if context.b then 1 else 2) == 1", "T" },
    { "(if true then 1 else principal.none) == 1", "T" },
    { "context.i", "type:9" },

    /* arithmetic */
    { "1 + 2 - 4 == -1", "T" },
    { "context.i - 2 - 2 == 3", "T" },
    { "2 * 3 * context.i == 42", "T" },
    { "-context.i == -7", "T" },
    { "--context.i == 7", "T" },
    { "1 + 2 * 3 == 7", "T" },
    { "context.big + 1 == 0", "overflow:13" },
    { "-9223372036854775807 - 2 == 0", "overflow:22" },
    { "-9223372036854775808 - 1 == 0", "overflow:22" },
    { "context.big * 2 == 0", "overflow:13" },
    { "--9223372036854775808 == 0", "overflow:1" },
    { "context.i + \"a\" == 1", "type:11" },
    { "\"a\" - context.i == 1", "type:5" },
    { "context.i * true == 1", "type:11" },
    { "\"a\" * 2 == 1", "type:5" },
    { "-context.s == 1", "type:1" },
    { "1 + context.none + \"a\" == 1", "attr:13" },

    /* order */
    { "context.i < 8", "T" },
    { "context.i <= 7", "T" },
    { "context.i > 7", "F" },
    { "context.i >= 7", "T" },
    { "1 < 2", "T" },
    { "context.i < \"a\"", "type:11" },
    { "context.s < context.i", "type:11" },
    { "\"a\" < \"b\"", "type:5" },
    { "decimal(\"1.0\") < decimal(\"2.0\")", "type:16" },
    { "datetime(\"2024-01-01\") < datetime(\"2024-01-02\")", "T" },
    { "duration(\"1h\") > duration(\"59m\")", "T" },
    { "duration(\"1h\") > datetime(\"2024-01-01\")", "type:16" },

    /* equality */
    { "1 == \"1\"", "F" },
    { "context.s == \"h\\u{e9}llo\"", "T" },
    { "context.s != \"hello\"", "T" },
    { "\"x\" == context.s", "F" },
    { "[1, 2, 2, 3] == context.set", "T" },
    { "[context.i, 2] == [2, 7]", "T" },
    { "[context.i, 2] == [2, 7, 8]", "F" },
    { "{y: 2, x: 1} == context.r", "T" },
    { "{x: context.i} == {\"x\": 7}", "T" },
    { "{x: context.i} == {y: 7}", "F" },
    { "{} == {a: 1}", "F" },
    { "[] == context.empty", "T" },
    { "principal == User::\"a\"", "T" },
    { "principal == resource", "F" },
    { "principal.self == principal", "T" },
    { "User::\"a\" == user::\"a\"", "F" },
    { "decimal(\"1.0\") == decimal(\"1.00\")", "T" },
    { "ip(\"1.1.1.1\") == ip(\"1.1.1.1/32\")", "T" },
    { "ip(\"10.0.0.1/24\") == ip(\"10.0.0.0/24\")", "F" },
    { "ip(\"::1\") == ip(\"0:0:0:0:0:0:0:1\")", "T" },
    { "ip(\"::1\") == ip(\"0.0.0.1\")", "F" },

    /* attributes */
    { "principal.n == 5", "T" },
    { "principal[\"n\"] == 5", "T" },
    { "principal.r.a.b == 1", "T" },
    { "principal.r.u.n == 6", "T" },
    { "principal.self.self.n == 5", "T" },
    { "(if context.b then principal else resource).n == 5", "T" },
    { "{a: {b: context.i}}.a.b == 7", "T" },
    { "{a: 1}.a == 1", "T" },
    { "principal.none == 1", "attr:11" },
    { "principal.r.none.b == 1", "attr:13" },
    { "{a: 1}.none == 1", "attr:8" },
    { "principal.n.x == 1", "type:13" },
    { "\"a\".x == 1", "type:5" },
    { "resource.x == 1", "entity:10" },
    { "Doc::\"d\".x == 1", "entity:10" },
    { "(if context.b then resource else resource).x == 1", "entity:44" },

    /* has */
    { "principal has n", "T" },
    { "principal has none", "F" },
    { "principal has \"n\"", "T" },
    { "principal has r.a.b", "T" },
    { "principal has r.none.b", "F" },
    { "principal has r.u.n", "T" },
    { "principal has r.u.none", "F" },
    { "principal has n.x", "type:17" },
    { "principal has s.x.y", "type:17" },
    { "resource has x", "F" },
    { "resource has x.y", "F" },
    { "context has i && context has r.x", "T" },
    { "{a: 1} has a", "T" },
    { "[] has a", "type:8" },
    { "context.none has a", "attr:9" },

    /* in */
    { "principal in Group::\"g\"", "T" },
    { "principal in Group::\"top\"", "T" },
    { "principal in Group::\"z\"", "F" },
    { "principal in principal", "T" },
    { "resource in resource", "T" },
    { "resource in Group::\"g\"", "F" },
    { "context.e in Group::\"h\"", "T" },
    { "context.e in Group::\"g\"", "F" },
    { "principal in context.c", "T" },
    { "principal in [Group::\"z\", Group::\"top\"]", "T" },
    { "context.e in [Group::\"z\", Group::\"h\"]", "T" },
    { "principal in principal.es", "T" },
    { "resource in principal.es", "F" },
    { "principal in []", "F" },
    { "principal in [Group::\"g\", 1]", "type:11" },
    { "principal in context.mixed", "type:11" },
    { "principal in 1", "type:11" },
    { "1 in principal", "type:3" },
    { "\"a\" in Group::\"g\"", "type:5" },
    { "Group::\"g\" in Group::\"top\"", "T" },
    { "Nobody::\"n\" in Group::\"top\"", "F" },
    { "1 in context.none", "attr:14" },

    /* is */
    { "principal is User", "T" },
    { "principal is N::User", "F" },
    { "principal is Use", "F" },
    { "User::\"q\" is User", "T" },
    { "1 is User", "type:3" },
    { "principal is User in Group::\"g\"", "T" },
    { "principal is User in Group::\"z\"", "F" },
    { "principal is Group in context.none", "F" },
    { "principal is User in context.none", "attr:30" },
    { "principal is User in 1", "type:11" },

    /* like */
    { "principal.s like \"str\\*i*g\"", "T" },
    { "context.s like \"h*\"", "T" },
    { "context.s like \"*llo\"", "T" },
    { "context.s like \"*\\u{e9}l*\"", "T" },
    { "context.s like \"h*x*o\"", "F" },
    { "context.s like \"hello\"", "F" },
    { "context.s like \"\"", "F" },
    { "\"\" like \"*\"", "T" },
    { "\"\" like \"\"", "T" },
    { "\"ab\" like \"*ab*ab*\"", "F" },
    { "\"aab\" like \"a*ab\"", "T" },
    { "\"a\" like \"a*a\"", "F" },
    { "\"abcbd\" like \"*b*bd\"", "T" },
    { "\"xay\" like \"x\\u{2a}y\"", "T" },
    { "\"x*y\" like \"x\\*y\"", "T" },
    { "\"xzy\" like \"x\\*y\"", "F" },
    { "context.i like \"*\"", "type:11" },

    /* sets */
    { "context.set.contains(2)", "T" },
    { "context.set.contains(\"2\")", "F" },
    { "[1, 2].contains(context.i)", "F" },
    { "[[1], [2]].contains([2])", "T" },
    { "context.set.containsAll([3, 1])", "T" },
    { "context.set.containsAll([3, 4])", "F" },
    { "context.set.containsAny([9, 1])", "T" },
    { "context.set.containsAny([9, 8])", "F" },
    { "[9, 8, 7, 6, 1].containsAny(context.set)", "T" },
    { "[].containsAll([])", "T" },
    { "[].containsAny([])", "F" },
    { "context.set.containsAny([])", "F" },
    { "context.empty.isEmpty()", "T" },
    { "context.set.isEmpty()", "F" },
    { "context.i.contains(1)", "type:11" },
    { "context.i.isEmpty()", "type:11" },
    { "context.set.containsAll(1)", "type:13" },
    { "context.i.containsAny([])", "type:11" },
    { "context.none.contains(1)", "attr:9" },
    { "context.set.contains(context.none)", "attr:30" },

    /* tags */
    { "principal.hasTag(\"k\")", "T" },
    { "principal.hasTag(\"n\")", "F" },
    { "resource.hasTag(\"k\")", "F" },
    { "principal.getTag(\"k\") == \"v\"", "T" },
    { "principal.getTag(\"n\") == \"v\"", "tag:11" },
    { "resource.getTag(\"k\") == \"v\"", "entity:10" },
    { "context.r.hasTag(\"k\")", "type:11" },
    { "principal.hasTag(1)", "type:11" },
    { "principal.getTag(1) == 1", "type:11" },
    { "principal has k", "F" },
    { "principal.hasTag(context.none)", "attr:26" },

    /* extension functions */
    { "principal.ip.isInRange(ip(\"10.0.0.0/8\"))", "T" },
    { "principal.ip.isIpv4() && !principal.ip.isIpv6()", "T" },
    { "ip(\"127.0.0.1\").isLoopback()", "T" },
    { "ip(\"ff02::1\").isMulticast()", "T" },
    { "ip(\"nonsense\").isIpv4()", "extension:1" },
    { "decimal(\"1\") == decimal(\"1.0\")", "extension:1" },
    { "datetime(context.s) == datetime(\"2024-01-01\")", "extension:1" },
    { "duration(\"1x\") == duration(\"1h\")", "extension:1" },
    { "ip(1).isIpv4()", "type:1" },
    { "1.isIpv4()", "type:3" },
    { "principal.ip.isInRange(1)", "type:14" },
    { "ip() == 1", "arity:1" },
    { "ip(\"1.1.1.1\", 2) == 1", "arity:1" },
    { "principal.ip.isInRange()", "arity:14" },
    { "principal.ip.isIpv4(1)", "arity:14" },
    { "decimal(\"1.5\").lessThan(decimal(\"1.6\"))", "T" },
    { "decimal(\"1.5\").lessThanOrEqual(decimal(\"1.5\"))", "T" },
    { "decimal(\"1.5\").greaterThan(decimal(\"1.5\"))", "F" },
    { "decimal(\"1.5\").greaterThanOrEqual(decimal(\"1.5\"))", "T" },
    { "datetime(\"2024-01-01\").offset(duration(\"1d\"))"
      " == datetime(\"2024-01-02\")", "T" },
    { "datetime(\"2024-01-02\").durationSince(datetime(\"2024-01-01\"))"
      " == duration(\"24h\")", "T" },
    { "datetime(\"2024-01-01T10:00:00Z\").toDate()"
      " == datetime(\"2024-01-01\")", "T" },
    { "datetime(\"1969-12-31T10:00:00Z\").toDate()"
      " == datetime(\"1969-12-31\")", "T" },
    { "datetime(\"1969-12-31T10:00:00Z\").toTime() == duration(\"10h\")",
      "T" },
    { "duration(\"-90s\").toMinutes() == -1", "T" },
    { "duration(\"1d1h1m1s1ms\").toMilliseconds() == 90061001", "T" },
    { "duration(\"1d1h1m1s1ms\").toSeconds() == 90061", "T" },
    { "duration(\"1d1h1m1s1ms\").toHours() == 25", "T" },
    { "duration(\"1d1h1m1s1ms\").toDays() == 1", "T" },
    { "datetime(\"2024-01-01\").offset(duration(\"9223372036854775807ms\"))"
      " == 1", "extension:24" },
    { "datetime(\"1969-01-01\").offset(duration(\"-9223372036854775808ms\"))"
      ".toDate() == 1", "extension:24" },
    { "datetime(\"1970-01-01\").offset(duration(\"-9223372036854775808ms\"))"
      ".toDate() == 1", "extension:67" },
    { "datetime(\"1970-01-01\").offset(duration(\"-9223372036854775808ms\"))"
      ".durationSince(datetime(\"1970-01-02\")) == 1", "extension:67" },

    /* records evaluate in the order of their keys */
    { "{b: context.none, a: 1 + \"\"} == {}", "type:24" },
    { "{a: context.none, b: 1 + \"\"} == {}", "attr:13" },
    { "context == {}", "F" },
    { "context has none || context.b", "T" }
};


static const char *
outcome(const policy_result_t *result)
{
    const policy_eval_error_t  *e;
    static char                 text[64];

    if (result->nerrors == 0) {
        return result->decision == POLICY_ALLOW ? "T" : "F";
    }

    e = &result->errors[0];

    if (e->line != 2) {
        return "wrong line";
    }

    snprintf(text, sizeof(text), "%s:%u", policy_error_kind_name(e->kind),
             e->column);

    return text;
}


static void
evaluate(const char *text, const char *expected)
{
    char                   policy[1024], message[256];
    policy_set_t          *set;
    policy_store_t        *store;
    policy_result_t        result;

    snprintf(policy, sizeof(policy),
             "permit(principal, action, resource) when {\n%s\n};", text);

    set = test_set(policy);
    store = test_store(entities);

    ck_assert_int_eq(test_decide(set, store, "User::\"a\"", "Action::\"x\"",
                                 "Doc::\"d\"", context, &result), POLICY_OK);
    ck_assert_msg(strcmp(outcome(&result), expected) == 0,
                  "%s: %s instead of %s", text, outcome(&result), expected);

    if (result.nerrors != 0) {
        ck_assert_uint_gt(policy_eval_error_print(&result.errors[0], message,
                                                  sizeof(message)), 5);
        ck_assert_msg(strchr(message, '\n') == NULL, "%s", message);
    }

    policy_store_destroy(store);
    policy_set_destroy(set);
}


START_TEST(test_expression)
{
    evaluate(expressions[_i].text, expressions[_i].result);
}
END_TEST


/* the same without constants: what is folded must mean what it meant */
START_TEST(test_expression_unfolded)
{
    char  text[1024];

    if (strncmp(expressions[_i].result, "T", 1) != 0
        && strncmp(expressions[_i].result, "F", 1) != 0)
    {
        return;
    }

    snprintf(text, sizeof(text), "if context.b then (%s) else false",
             expressions[_i].text);
    evaluate(text, expressions[_i].result);

    snprintf(text, sizeof(text), "[context.b].contains(%s)",
             expressions[_i].text);
    evaluate(text, expressions[_i].result);

    snprintf(text, sizeof(text), "(%s) == context.b", expressions[_i].text);
    evaluate(text, expressions[_i].result);
}
END_TEST


typedef struct {
    const char  *text;
    const char  *message;
} message_t;

static const message_t  messages[] = {
    { "1 < \"a\"", "type error: expected long, got string" },
    { "\"a\" < 1",
      "type error: expected long, datetime or duration, got string" },
    { "1 in principal", "type error: expected entity, got long" },
    { "principal in 1", "type error: expected set or entity, got long" },
    { "principal.none", "User::\"a\" does not have the attribute `none`" },
    { "context.none", "record does not have the attribute `none`" },
    { "principal.getTag(\"q\\\"\")",
      "User::\"a\" does not have the tag `q\\\"`" },
    { "resource.x", "entity Doc::\"d\" does not exist" },
    { "context.big + 1 == 1", "integer overflow in `+`" },
    { "ip(\"x\") == 1", "\"x\" is no IP address" },
    { "decimal(\"x\") == 1", "\"x\" is no decimal" },
    { "datetime(\"x\") == 1", "\"x\" is no datetime" },
    { "duration(\"x\") == 1", "\"x\" is no duration" },
    { "ip() == 1", "`ip` takes 1 arguments, not 0" },
    { "datetime(\"2024-01-01\").offset(duration(\"9223372036854775807ms\"))"
      " == 1", "result of `offset` is out of range" }
};

START_TEST(test_message)
{
    char              policy[512], text[256];
    policy_set_t     *set;
    policy_store_t   *store;
    policy_result_t   result;

    snprintf(policy, sizeof(policy),
             "permit(principal, action, resource) when { %s };",
             messages[_i].text);

    set = test_set(policy);
    store = test_store(entities);

    ck_assert_int_eq(test_decide(set, store, "User::\"a\"", "Action::\"x\"",
                                 "Doc::\"d\"", context, &result), POLICY_OK);
    ck_assert_uint_eq(result.nerrors, 1);

    policy_eval_error_print(&result.errors[0], text, sizeof(text));
    ck_assert_str_eq(text, messages[_i].message);

    policy_store_destroy(store);
    policy_set_destroy(set);
}
END_TEST


#define COUNT(a)  ((int) (sizeof(a) / sizeof((a)[0])))

TCase *
eval_case(void)
{
    TCase  *tcase;

    tcase = tcase_create("eval");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, test_expression, 0, COUNT(expressions));
    tcase_add_loop_test(tcase, test_expression_unfolded, 0,
                        COUNT(expressions));
    tcase_add_loop_test(tcase, test_message, 0, COUNT(messages));

    return tcase;
}
