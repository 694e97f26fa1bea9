/* Validation: findings, their places and ids. */

#include "test.h"


static const char  model[] =
    "entity Group; entity User in Group { age: Long, nick?: String, "
    "home: {zip?: Long, city: String}, tags: Set<String>, boss?: User, "
    "ip: ipaddr } tags Long; entity Color enum [\"red\"]; action all; "
    "action read in all appliesTo { principal: [User, Color], "
    "resource: Group, context: {size?: Long, now: datetime} }; "
    "action write appliesTo { principal: User, resource: User };";

#define SCOPE  "permit(principal is User, action == Action::\"read\", " \
               "resource)\nwhen { "


typedef struct {
    policy_finding_t  list[32];
    char              ids[32][32];
    size_t            n;
} findings_t;


static void
collect(void *data, const policy_finding_t *finding)
{
    findings_t  *f;

    f = data;
    ck_assert_uint_lt(f->n, 32);

    f->list[f->n] = *finding;
    snprintf(f->ids[f->n], 32, "%.*s", (int) finding->policy.len,
             finding->policy.data);
    f->n++;
}


static policy_schema_t *
test_schema(const policy_memory_t *memory, const char *text)
{
    policy_error_t    error;
    policy_schema_t  *schema;

    if (policy_schema_create(memory, str("s"), str(text), POLICY_SCHEMA_AUTO,
                             &schema, &error)
        != POLICY_OK)
    {
        ck_abort_msg("%u:%u: %s", error.line, error.column, error.message);
    }

    return schema;
}


/* The findings of a text, which can be parsed. */
static policy_validation_t
run(const char *schema_text, const char *text, findings_t *findings)
{
    test_memory_t        counts;
    policy_error_t       error;
    policy_memory_t      memory;
    policy_schema_t     *schema;
    policy_validation_t  validation;

    memset(&counts, 0, sizeof(counts));
    memory = test_memory(&counts);
    schema = test_schema(&memory, schema_text);

    memset(findings, 0, sizeof(findings_t));
    memset(&validation, 0, sizeof(validation));
    validation.schema = schema;
    validation.memory = memory;
    validation.options.id_annotation = 1;
    validation.report = collect;
    validation.data = findings;

    if (policy_validate(&validation, str("p"), str(text), &error)
        != POLICY_OK)
    {
        ck_abort_msg("%s: %s", text, error.message);
    }

    policy_schema_destroy(schema);
    ck_assert_uint_eq(counts.live, 0);
    ck_assert_uint_eq(findings->n, validation.errors + validation.warnings);

    return validation;
}


/* column: of the condition's line, the second, behind "when { " */
typedef struct {
    const char  *body;
    uint32_t     column;
    const char  *message;
} case_t;


static void
check_cases(const case_t *cases, size_t n)
{
    char                 text[512];
    size_t               i, k;
    findings_t           f;
    policy_validation_t  v;

    for (i = 0; i < n; i++) {
        snprintf(text, sizeof(text), SCOPE "%s };", cases[i].body);
        v = run(model, text, &f);

        if (cases[i].message == NULL) {
            ck_assert_msg(v.errors == 0, "%s: %s", cases[i].body,
                          f.list[0].message);
            continue;
        }

        ck_assert_msg(v.errors >= 1, "%s: no error", cases[i].body);

        for (k = 0; f.list[k].severity != POLICY_FINDING_ERROR; k++) {
            /* void */
        }

        ck_assert_msg(strstr(f.list[k].message, cases[i].message) != NULL,
                      "%s: %s", cases[i].body, f.list[k].message);
        ck_assert_msg(f.list[k].line == 2
                      && f.list[k].column == cases[i].column + 7,
                      "%s: at %u:%u", cases[i].body, f.list[k].line,
                      f.list[k].column);
        ck_assert_str_eq(f.ids[0], "policy0");
    }
}


START_TEST(test_types)
{
    static const case_t  cases[] = {
        { "principal.age == 1", 0, NULL },
        { "principal.name == 1", 11, "`name` is not declared for User" },
        { "principal.age == \"a\"", 15, "never equal: Long and String" },
        { "principal.age", 1, "expected a Bool, found Long" },
        { "1 < \"a\"", 5, "expected a Long, datetime or duration" },
        { "context.now < 1", 13, "cannot be ordered: datetime and Long" },
        { "principal.age + true == 1", 17, "expected a Long, found Bool" },
        { "principal.age like \"a\"", 1, "expected a String, found Long" },
        { "[1, \"a\"].contains(1)", 5, "elements of a set differ" },
        { "[].contains(1)", 1, "empty set" },
        { "principal.tags.contains(1)", 16, "a set of String" },
        { "principal.tags.containsAny([1])", 16,
          "Set<String> and Set<Long>" },
        { "principal.tags.isEmpty()", 0, NULL },
        { "principal.home == {city: \"x\"}", 16, "zip?: Long" },
        { "(if principal.age == 1 then 1 else \"a\") == 1", 1,
          "Long and String" },
        { "principal == resource", 0, NULL },
        { "principal in principal.age", 14, "a set of entities" },
        { "action.x == 1", 8, "not declared for Action" },
        { "principal is Nobody", 11, "`Nobody` is not declared" },
        { "false && principal == Nobody::\"x\"", 23,
          "`Nobody` is not declared" },
        { "action == Action::\"none\"", 11, "action `none`" },
        { "Color::\"red\" == Color::\"blue\"", 17,
          "`blue` is none of the ids of Color" }
    };

    check_cases(cases, sizeof(cases) / sizeof(cases[0]));
}
END_TEST


START_TEST(test_capabilities)
{
    static const case_t  cases[] = {
        { "principal.nick == \"a\"", 11, "wants `has`" },
        { "principal has nick && principal.nick == \"a\"", 0, NULL },
        { "principal[\"nick\"] == \"a\" && principal has nick", 11,
          "wants `has`" },
        { "principal has nick || principal.nick == \"a\"", 33, "wants" },
        { "(principal has nick || principal has nick) && "
          "principal.nick == \"\"", 0, NULL },
        { "if principal has nick then principal.nick == \"\" else true", 0,
          NULL },
        { "!(principal has nick) && principal.nick == \"\"", 36, "wants" },
        { "principal has boss.nick && principal.boss.nick == \"a\"", 0,
          NULL },
        { "principal has boss.age && principal.boss.nick == \"a\"", 42,
          "wants" },
        { "principal has age.x", 1, "an entity or a record, found Long" },
        { "context has size && context.size == 1", 0, NULL },
        { "resource has age && resource.age == 1", 0, NULL },
        { "principal.getTag(\"a\") == 1", 11, "wants `hasTag`" },
        { "principal.hasTag(\"a\") && principal.getTag(\"a\") == 1", 0,
          NULL },
        { "principal.hasTag(\"a\") && principal.getTag(\"b\") == 1", 36,
          "wants `hasTag`" },
        { "resource.getTag(\"a\") == 1", 10, "Group has no tags" },
        { "{a: principal, b: 1}.a has nick && "
          "{b: 1, a: principal}.a.nick == \"\"", 0, NULL }
    };

    check_cases(cases, sizeof(cases) / sizeof(cases[0]));
}
END_TEST


/* What is known to be false is not evaluated, and so not looked at. */
START_TEST(test_known)
{
    static const case_t  cases[] = {
        { "false && 1", 0, NULL },
        { "true || 1", 0, NULL },
        { "1 == 2 && principal.x", 0, NULL },
        { "principal is Group && principal.x", 0, NULL },
        { "principal == resource && principal.x", 0, NULL },
        { "principal has x && principal.x", 0, NULL },
        { "context has now || principal.x", 0, NULL },
        { "action in Action::\"all\" || principal.x", 0, NULL },
        { "action == Action::\"write\" && principal.x", 0, NULL },
        { "resource in User::\"a\" && principal.x", 0, NULL },
        { "resource.hasTag(\"a\") && principal.x", 0, NULL },
        { "if true then true else principal.x", 0, NULL },
        { "[1] == [2] && principal.x", 25, "`x` is not declared" },
        { "principal has age && principal.x", 32, "`x` is not declared" }
    };

    check_cases(cases, sizeof(cases) / sizeof(cases[0]));
}
END_TEST


START_TEST(test_extensions)
{
    static const case_t  cases[] = {
        { "principal.ip.isInRange(ip(\"10.0.0.0/8\"))", 0, NULL },
        { "principal.ip.isInRange(ip(\"10.0.0.0/99\"))", 27,
          "\"10.0.0.0/99\" is no ipaddr" },
        { "principal.ip.isInRange(\"10.0.0.0/8\")", 24,
          "expected an ipaddr, found String" },
        { "principal.ip.isInRange()", 14, "wrong number of arguments" },
        { "ip(principal.nick) == principal.ip", 4, "expected a literal" },
        { "decimal(\"1\").lessThan(decimal(\"1.0\"))", 9, "is no decimal" },
        { "datetime(\"2024-02-30\") < context.now", 10, "is no datetime" },
        { "context.now.offset(duration(\"1x\")) < context.now", 29,
          "is no duration" },
        { "context.now.toTime() < duration(\"1h\")", 0, NULL },
        { "context.now.durationSince(context.now).toDays() == 1", 0, NULL }
    };

    check_cases(cases, sizeof(cases) / sizeof(cases[0]));
}
END_TEST


START_TEST(test_scopes)
{
    findings_t           f;
    policy_validation_t  v;

    v = run(model, "permit(principal, action, resource)\nwhen { "
            "principal.age == 1 };", &f);
    ck_assert_uint_eq(v.errors, 1);
    ck_assert_ptr_nonnull(strstr(f.list[0].message, "Color"));
    ck_assert_uint_eq(f.list[0].column, 18);

    v = run(model, "permit(principal, action == Action::\"write\", resource) "
            "when { resource.age == 1 };", &f);
    ck_assert_uint_eq(v.errors, 0);

    v = run(model, "permit(principal == ?principal, action, resource in "
            "?resource) when { 1 };", &f);
    ck_assert_uint_eq(v.errors, 1);
    ck_assert_uint_eq(v.warnings, 0);

    v = run(model, "permit(principal, action in [], resource);", &f);
    ck_assert_uint_eq(v.errors, 1);
    ck_assert_ptr_nonnull(strstr(f.list[1].message, "list of actions"));
    ck_assert_uint_eq(f.list[1].column, 19);

    v = run(model, "\n @id(\"x\") permit(principal is Group, action, "
            "resource) when { 1 };", &f);
    ck_assert_uint_eq(v.errors, 0);
    ck_assert_uint_eq(v.warnings, 2);
    ck_assert_str_eq(f.ids[0], "x");
    ck_assert_uint_eq(f.list[0].line, 2);
    ck_assert_uint_eq(f.list[0].column, 2);
    ck_assert_int_eq(f.list[0].severity, POLICY_FINDING_WARNING);
    ck_assert_ptr_nonnull(strstr(f.list[0].message, "no action"));
}
END_TEST


/* A place is right whatever came before it in the text. */
START_TEST(test_places)
{
    size_t               i;
    findings_t           f;
    policy_validation_t  v;

    static const uint32_t  places[][2] = {
        { 1, 43 }, { 2, 44 }, { 4, 3 }, { 4, 8 }
    };

    v = run(model,
            "permit(principal, action, resource) when { 1 };\n"
            "permit(principal, action, resource) when { \"\xc3\xa9\" };"
            "permit(principal, action, resource);\n"
            "@id(\"last\") forbid(principal, action, resource) when {\n"
            "  1 || 2 };", &f);

    ck_assert_uint_eq(v.errors, 4);
    ck_assert_uint_eq(v.position, 4);

    for (i = 0; i < 4; i++) {
        ck_assert_uint_eq(f.list[i].line, places[i][0]);
        ck_assert_uint_eq(f.list[i].column, places[i][1] + (i == 0));
    }

    ck_assert_str_eq(f.ids[1], "policy1");
    ck_assert_str_eq(f.ids[3], "last");
}
END_TEST


START_TEST(test_links)
{
    findings_t           f;
    policy_set_t        *set;
    policy_uid_t         user, nobody, group;
    test_memory_t        counts;
    policy_memory_t      memory;
    policy_schema_t     *schema;
    policy_validation_t  v;

    memset(&counts, 0, sizeof(counts));
    memset(&f, 0, sizeof(f));
    memory = test_memory(&counts);
    schema = test_schema(&memory, model);

    ck_assert_int_eq(policy_set_create(&memory, NULL, &set), POLICY_OK);
    ck_assert_int_eq(policy_set_add(set, str("p"),
                                    str("permit(principal == ?principal, "
                                        "action, resource);"), NULL),
                     POLICY_OK);

    policy_uid_init(&user, str("User"), str("a"));
    policy_uid_init(&nobody, str("Nobody"), str("a"));
    policy_uid_init(&group, str("Group"), str("a"));

    ck_assert_int_eq(policy_set_link(set, str("policy0"), str("good"), &user,
                                     NULL, NULL), POLICY_OK);
    ck_assert_int_eq(policy_set_link(set, str("policy0"), str("bad"),
                                     &nobody, NULL, NULL), POLICY_OK);
    ck_assert_int_eq(policy_set_link(set, str("policy0"), str("idle"),
                                     &group, NULL, NULL), POLICY_OK);
    ck_assert_int_eq(policy_set_finish(set, NULL), POLICY_OK);

    memset(&v, 0, sizeof(v));
    v.schema = schema;
    v.memory = memory;
    v.report = collect;
    v.data = &f;

    ck_assert_int_eq(policy_validate_links(&v, set, NULL), POLICY_OK);
    ck_assert_uint_eq(v.errors, 1);
    ck_assert_uint_eq(v.warnings, 2);
    ck_assert_str_eq(f.ids[0], "bad");
    ck_assert_ptr_nonnull(strstr(f.list[0].message, "`Nobody`"));
    ck_assert_str_eq(f.ids[1], "bad");
    ck_assert_str_eq(f.ids[2], "idle");

    policy_set_destroy(set);
    policy_schema_destroy(schema);
    ck_assert_uint_eq(counts.live, 0);
}
END_TEST


START_TEST(test_faults)
{
    size_t               n;
    test_memory_t        counts;
    policy_error_t       error;
    policy_memory_t      memory;
    policy_schema_t     *schema;
    policy_status_t      rc;
    policy_validation_t  v;

    memset(&v, 0, sizeof(v));
    ck_assert_int_eq(policy_validate(&v, str("p"), str(""), &error),
                     POLICY_MISUSE);

    memset(&counts, 0, sizeof(counts));
    memory = test_memory(&counts);
    schema = test_schema(&memory, model);

    for (n = 1; n < 1000; n++) {
        memset(&v, 0, sizeof(v));
        v.schema = schema;
        v.memory = memory;
        counts.calls = 0;
        counts.fail_at = n;

        rc = policy_validate(&v, str("p"), str(
                "permit(principal, action, resource) when { [{a: 1}, {a: 2}]"
                ".contains({a: 3}) && principal has boss.nick && "
                "{b: true} == {b: principal is User} && 1 };\n"
                "permit(principal"), &error);

        if (rc != POLICY_NO_MEMORY) {
            break;
        }

        ck_assert_uint_eq(v.errors, 0);
    }

    counts.fail_at = 0;
    ck_assert_int_eq(rc, POLICY_SYNTAX);
    ck_assert_uint_eq(error.column, 17);
    ck_assert_uint_gt(n, 1);

    policy_schema_destroy(schema);
    ck_assert_uint_eq(counts.live, 0);
}
END_TEST


TCase *
validate_case(void)
{
    TCase  *tcase;

    tcase = tcase_create("validate");
    tcase_add_test(tcase, test_types);
    tcase_add_test(tcase, test_capabilities);
    tcase_add_test(tcase, test_known);
    tcase_add_test(tcase, test_extensions);
    tcase_add_test(tcase, test_scopes);
    tcase_add_test(tcase, test_places);
    tcase_add_test(tcase, test_links);
    tcase_add_test(tcase, test_faults);

    return tcase;
}
