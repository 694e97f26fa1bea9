/* Policy sets: ids, annotations, templates, what they look at. */

#include "test.h"


#define P  "permit(principal,action,resource)"

static test_memory_t  counts;


static policy_set_t *
new_set(const char *prefix, int annotation)
{
    policy_set_t          *set;
    policy_memory_t        memory;
    policy_set_options_t   options;

    memset(&counts, 0, sizeof(counts));
    memory = test_memory(&counts);
    options.id_prefix = str(prefix);
    options.id_annotation = annotation;

    ck_assert_int_eq(policy_set_create(&memory, &options, &set), POLICY_OK);

    return set;
}


static void
add(policy_set_t *set, const char *text)
{
    policy_error_t  error;

    ck_assert_msg(policy_set_add(set, str("f"), str(text), &error)
                  == POLICY_OK, "%s: %s", text, error.message);
}


static const char *
id_of(const policy_set_t *set, size_t index)
{
    policy_info_t  info;

    ck_assert_int_eq(policy_set_info(set, index, &info), POLICY_OK);

    return info.id.data;
}


START_TEST(test_ids)
{
    size_t            index;
    policy_set_t     *set;
    policy_info_t     info;
    policy_error_t    error;

    set = new_set("t1/", 1);
    add(set, P ";@id(\"x\")" P ";");
    add(set, "permit(principal==?principal,action,resource);" P ";");
    ck_assert_int_eq(policy_set_finish(set, NULL), POLICY_OK);
    ck_assert_uint_eq(policy_set_count(set), 4);
    ck_assert_str_eq(id_of(set, 0), "t1/policy0");
    ck_assert_str_eq(id_of(set, 1), "t1/x");
    ck_assert_str_eq(id_of(set, 2), "t1/policy2");
    ck_assert_str_eq(id_of(set, 3), "t1/policy3");
    ck_assert_int_eq(policy_set_find(set, str("t1/x"), &index), POLICY_OK);
    ck_assert_uint_eq(index, 1);
    ck_assert_int_eq(policy_set_find(set, str("x"), &index),
                     POLICY_NOT_FOUND);
    ck_assert_int_eq(policy_set_info(set, 4, &info), POLICY_NOT_FOUND);
    ck_assert_int_eq(policy_set_add(set, str("f"), str(P ";"), &error),
                     POLICY_MISUSE);
    ck_assert_int_eq(policy_set_finish(set, &error), POLICY_MISUSE);
    ck_assert_uint_eq(policy_set_memory(set), counts.live);
    policy_set_destroy(set);
    policy_set_destroy(NULL);
    ck_assert_uint_eq(counts.live, 0);

    set = new_set("", 0);
    ck_assert_int_eq(policy_set_find(set, str("x"), &index),
                     POLICY_NOT_FOUND);
    add(set, "@id(\"x\")" P ";@id(\"x\")" P ";");
    ck_assert_str_eq(id_of(set, 1), "policy1");
    policy_set_destroy(set);

    set = new_set("", 1);
    add(set, P ";");
    ck_assert_int_eq(policy_set_add(set, str("g"),
                     str("\n @id(\"policy0\")" P ";"), &error),
                     POLICY_DUPLICATE);
    ck_assert_str_eq(error.file, "g");
    ck_assert_uint_eq(error.line, 2);
    ck_assert_uint_eq(error.column, 2);
    ck_assert_str_eq(error.message, "policy id `policy0` is taken");
    policy_set_destroy(set);

    /* a missing id is the empty string, which is an id as well */

    set = new_set("", 1);
    add(set, "@id " P ";");
    ck_assert_int_eq(policy_set_find(set, str(""), &index), POLICY_OK);
    policy_set_destroy(set);
    ck_assert_uint_eq(counts.live, 0);
}
END_TEST


START_TEST(test_annotations)
{
    policy_str_t   name, value;
    policy_set_t  *set;

    set = new_set("", 0);
    add(set, "@a(\"1\\n\")@b @if(\"\")forbid(principal,action,resource);");
    ck_assert_int_eq(policy_set_finish(set, NULL), POLICY_OK);

    ck_assert_int_eq(policy_annotation(set, 0, str("a"), &value), POLICY_OK);
    ck_assert_str_eq(value.data, "1\n");
    ck_assert_int_eq(policy_annotation(set, 0, str("b"), &value), POLICY_OK);
    ck_assert_uint_eq(value.len, 0);
    ck_assert_int_eq(policy_annotation(set, 0, str("c"), &value),
                     POLICY_NOT_FOUND);
    ck_assert_int_eq(policy_annotation(set, 1, str("a"), &value),
                     POLICY_NOT_FOUND);
    ck_assert_int_eq(policy_annotation_at(set, 0, 2, &name, &value),
                     POLICY_OK);
    ck_assert_str_eq(name.data, "if");
    ck_assert_int_eq(policy_annotation_at(set, 0, 3, &name, &value),
                     POLICY_NOT_FOUND);
    ck_assert_int_eq(policy_annotation_at(set, 1, 0, &name, &value),
                     POLICY_NOT_FOUND);
    policy_set_destroy(set);
}
END_TEST


static const char  templates[] =
    "@who(\"me\")permit(principal==?principal,action,resource)"
    "when{context.ok};"
    "forbid(principal in?principal,action,resource is Doc in?resource);"
    P ";";


START_TEST(test_links)
{
    policy_uid_t       u, d, g;
    policy_str_t       value;
    policy_set_t      *set;
    policy_info_t      info;
    policy_store_t    *store;
    policy_result_t    result;

    u = test_uid("User::\"a\"");
    g = test_uid("Group::\"g\"");
    d = test_uid("Dir::\"d\"");

    set = new_set("", 0);
    add(set, templates);
    ck_assert_int_eq(policy_set_link(set, str("policy0"), str("l0"), &u,
                     NULL, NULL), POLICY_OK);
    ck_assert_int_eq(policy_set_link(set, str("policy1"), str("l1"), &g, &d,
                     NULL), POLICY_OK);
    ck_assert_int_eq(policy_set_finish(set, NULL), POLICY_OK);

    ck_assert_int_eq(policy_set_info(set, 0, &info), POLICY_OK);
    ck_assert(info.is_template);
    ck_assert_int_eq(policy_set_info(set, 4, &info), POLICY_OK);
    ck_assert(!info.is_template);
    ck_assert_str_eq(info.template_id.data, "policy1");
    ck_assert_int_eq(info.effect, POLICY_FORBID);
    ck_assert_int_eq(policy_annotation(set, 3, str("who"), &value),
                     POLICY_OK);
    ck_assert_str_eq(value.data, "me");

    store = test_store("[{\"uid\":{\"type\":\"User\",\"id\":\"b\"},"
                       "\"attrs\":{},\"parents\":[{\"type\":\"Group\","
                       "\"id\":\"g\"}]},{\"uid\":{\"type\":\"Doc\","
                       "\"id\":\"x\"},\"attrs\":{},\"parents\":["
                       "{\"type\":\"Dir\",\"id\":\"d\"}]}]");

    ck_assert_int_eq(test_decide(set, store, "User::\"a\"", "Action::\"r\"",
                                 "Doc::\"x\"", "{\"ok\":true}", &result),
                     POLICY_OK);
    ck_assert_str_eq(test_reasons(&result), "policy2 l0");
    ck_assert_int_eq(result.decision, POLICY_ALLOW);

    ck_assert_int_eq(test_decide(set, store, "User::\"b\"", "Action::\"r\"",
                                 "Doc::\"x\"", "{}", &result), POLICY_OK);
    ck_assert_str_eq(test_reasons(&result), "l1");
    ck_assert_int_eq(result.decision, POLICY_DENY);

    ck_assert_int_eq(test_decide(set, store, "User::\"a\"", "Action::\"r\"",
                                 "Doc::\"x\"", "{}", &result), POLICY_OK);
    ck_assert_str_eq(test_errors(&result), "l0:attr:1:69");
    policy_store_destroy(store);
    policy_set_destroy(set);
    ck_assert_uint_eq(counts.live, 0);
}
END_TEST


typedef struct {
    const char       *json;
    uint32_t          column;
    const char       *message;
    policy_status_t   status;
} link_case_t;

#define L(t, i, a)  "{\"template_id\":\"" t "\",\"link_id\":\"" i            \
                    "\",\"args\":" a "}"
#define A  "{\"?principal\":\"U::\\\"a\\\"\"}"

static const link_case_t  links[] = {
    { "[]", 0, "", POLICY_OK },
    { "[" L("policy0", "x", A) ",{\"more\":[1]," "\"args\":" A
      ",\"link_id\":\"y\",\"template_id\":\"policy0\"}]", 0, "", POLICY_OK },
    { "{}", 1, "expected \"[\"", POLICY_SYNTAX },
    { "[1]", 2, "expected \"{\"", POLICY_SYNTAX },
    { "[{}]", 2, "a link needs", POLICY_INVALID },
    { "[" L("none", "x", A) "]", 2, "no template `none`",
      POLICY_NOT_FOUND },
    { "[" L("policy2", "x", A) "]", 2, "is no template", POLICY_INVALID },
    { "[" L("policy0", "x", "{}") "]", 2, "does not fill", POLICY_INVALID },
    { "[" L("policy0", "x", "{\"?resource\":\"U::\\\"a\\\"\"}") "]", 2,
      "does not fill", POLICY_INVALID },
    { "[" L("policy0", "x", "{\"?principal\":\"U::\\\"a\\\"\","
      "\"?resource\":\"U::\\\"a\\\"\"}") "]", 2, "does not have",
      POLICY_INVALID },
    { "[" L("policy0", "policy1", A) "]", 2, "`policy1` is taken",
      POLICY_DUPLICATE },
    { "[" L("policy0", "x", A) "," L("policy0", "x", A) "]", 75,
      "`x` is taken", POLICY_DUPLICATE },
    { "[" L("policy0", "x", "{\"?principal\":\"U\"}") "]", 62,
      "expected an entity uid", POLICY_SYNTAX },
    { "[" L("policy0", "x", "{\"?principal\":1}") "]", 62,
      "expected a string", POLICY_SYNTAX },
    { "[" L("policy0", "x", "{\"?action\":\"U::\\\"a\\\"\"}") "]", 49,
      "expected one", POLICY_INVALID },
    { "[" L("policy0", "x", "[]") "]", 48, "expected \"{\"",
      POLICY_SYNTAX },
    { "[{\"args\":{},\"args\":{}}]", 13, "repeated", POLICY_DUPLICATE },
    { "[{\"x\":1,\"x\":1}]", 2, "repeated key", POLICY_DUPLICATE },
    { "[" L("policy0", "x", A) "]x", 75, "after the end", POLICY_SYNTAX },
    { "[" L("policy0", "x", A) " 1]", 75, "expected \"]\"",
      POLICY_SYNTAX }
};

START_TEST(test_link_json)
{
    policy_set_t        *set;
    policy_error_t       error;
    policy_status_t      rc;
    const link_case_t   *c;

    c = &links[_i];
    set = new_set("", 0);
    add(set, templates);

    rc = policy_set_link_json(set, str("l"), str(c->json), &error);
    test_error(c->json, rc, &error, c->status, 1, c->column, c->message);

    policy_set_destroy(set);
    ck_assert_uint_eq(counts.live, 0);
}
END_TEST


START_TEST(test_link_misuse)
{
    policy_uid_t     u;
    policy_set_t    *set;
    policy_error_t   error;

    u = test_uid("U::\"a\"");
    set = new_set("", 0);
    add(set, templates);
    ck_assert_int_eq(policy_set_link(set, str("policy1"), str("x"), &u,
                     NULL, &error), POLICY_INVALID);
    ck_assert_uint_eq(error.line, 0);
    ck_assert_int_eq(policy_set_link(set, str("policy0"), str("x"), &u,
                     NULL, &error), POLICY_MISUSE);
    ck_assert_int_eq(policy_set_link_json(set, str(""), str("[]"), &error),
                     POLICY_MISUSE);
    policy_set_destroy(set);
}
END_TEST


START_TEST(test_uses)
{
    size_t               i, n;
    char                 text[1024];
    policy_set_t        *set;
    const policy_use_t  *uses;

    set = new_set("", 0);
    ck_assert_int_eq(policy_set_uses(set, &uses, &n), POLICY_MISUSE);
    add(set, P "when{principal.a.b==1&&principal has c.d"
        "&&context.e.f&&resource.getTag(\"t\")==principal.getTag(context.g)"
        "&&(if true then resource else action).h"
        "&&action.i.getTag(\"u\")==[principal]};");
    ck_assert_int_eq(policy_set_finish(set, NULL), POLICY_OK);
    ck_assert_int_eq(policy_set_uses(set, &uses, &n), POLICY_OK);

    text[0] = '\0';

    for (i = 0; i < n; i++) {
        snprintf(text + strlen(text), sizeof(text) - strlen(text),
                 "%d%d%.*s ", uses[i].variable, uses[i].kind,
                 (int) uses[i].name.len, uses[i].name.data);
    }

    ck_assert_str_eq(text, "00a 00c 02 10i 21t 30e 30g 40b 40d 40f 40h 41u ");
    ck_assert(policy_set_uses_attr(set, POLICY_PRINCIPAL, str("a")));
    ck_assert(policy_set_uses_attr(set, POLICY_RESOURCE, str("h")));
    ck_assert(!policy_set_uses_attr(set, POLICY_RESOURCE, str("a")));
    ck_assert(policy_set_uses_attr(set, POLICY_CONTEXT, str("e")));
    ck_assert(!policy_set_uses_attr(set, POLICY_CONTEXT, str("h")));
    ck_assert(policy_set_uses_tag(set, POLICY_PRINCIPAL, str("z")));
    ck_assert(policy_set_uses_tag(set, POLICY_RESOURCE, str("t")));
    ck_assert(policy_set_uses_tag(set, POLICY_RESOURCE, str("u")));
    ck_assert(!policy_set_uses_tag(set, POLICY_RESOURCE, str("z")));
    policy_set_destroy(set);

    set = new_set("", 0);
    add(set, P "when{context==principal.x};");
    ck_assert_int_eq(policy_set_finish(set, NULL), POLICY_OK);
    ck_assert(policy_set_uses_attr(set, POLICY_CONTEXT, str("any")));
    policy_set_destroy(set);
}
END_TEST


#define COUNT(a)  ((int) (sizeof(a) / sizeof((a)[0])))

TCase *
set_case(void)
{
    TCase  *tcase;

    tcase = tcase_create("set");
    tcase_add_test(tcase, test_ids);
    tcase_add_test(tcase, test_annotations);
    tcase_add_test(tcase, test_links);
    tcase_add_loop_test(tcase, test_link_json, 0, COUNT(links));
    tcase_add_test(tcase, test_link_misuse);
    tcase_add_test(tcase, test_uses);

    return tcase;
}
