#include <string.h>

#include "tenant_introspection.h"
#include "unit.h"


#define ISS  "https://i.example"


static json_t               *claims;
static tenant_json_error_t   err;


static tenant_introspection_status_t
parse(const char *text)
{
    claims = (json_t *) &err;
    return tenant_introspection_parse(text, strlen(text), tenant_str(ISS),
                                      &claims, &err);
}


static tenant_str_t
str(const char *text)
{
    return (tenant_str_t) { text, strlen(text) };
}


static const struct {
    const char           *token;
    tenant_token_form_t   form;
} tokens[] = {
    { "eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2ln", TENANT_TOKEN_JWS },
    { "eyJhbGciOiJSUzI1NiJ9..c2ln", TENANT_TOKEN_JWS },
    { "eyJhbGciOiJSUzI1NiJ9..", TENANT_TOKEN_JWS },
    { "eyJhbGciOiJSUzI1NiJ9.~.+/==", TENANT_TOKEN_JWS },
    { "ew.a.b", TENANT_TOKEN_JWS },                 /* { */
    { "IHs.a.b", TENANT_TOKEN_JWS },                /* white space { */
    { "DQoJIHsi.a.b", TENANT_TOKEN_JWS },

    { "2YotnFZFEjr1zCsicMWpAA", TENANT_TOKEN_OPAQUE },
    { "a", TENANT_TOKEN_OPAQUE },
    { "ya29.a0AfH6SMC-x_y~z+/==", TENANT_TOKEN_OPAQUE },
    { "abc.def.ghi", TENANT_TOKEN_OPAQUE },         /* no object */
    { "W10.a.b", TENANT_TOKEN_OPAQUE },             /* [] */
    { "eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ", TENANT_TOKEN_OPAQUE },
    { "eyJhbGciOiJSUzI1NiJ9.a.b.c.d", TENANT_TOKEN_OPAQUE },    /* JWE */
    { "eyJh+GciOiJSUzI1NiJ9.a.b", TENANT_TOKEN_OPAQUE },
    { ".a.b", TENANT_TOKEN_OPAQUE },
    { "e.a.b", TENANT_TOKEN_OPAQUE },
    { "ICAg.a.b", TENANT_TOKEN_OPAQUE },            /* white space alone */
    { "..", TENANT_TOKEN_OPAQUE },

    { "", TENANT_TOKEN_MALFORMED },
    { "=", TENANT_TOKEN_MALFORMED },
    { "==", TENANT_TOKEN_MALFORMED },
    { "a=b", TENANT_TOKEN_MALFORMED },
    { "a b", TENANT_TOKEN_MALFORMED },
    { "a\"", TENANT_TOKEN_MALFORMED },
    { "a&b", TENANT_TOKEN_MALFORMED },
    { "a%41", TENANT_TOKEN_MALFORMED },
    { "a\nb", TENANT_TOKEN_MALFORMED },
    { "t\xc3\xb6ken", TENANT_TOKEN_MALFORMED },
    { "eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2ln,", TENANT_TOKEN_MALFORMED },
};


START_TEST(a_token_is_a_jws_or_opaque_or_neither)
{
    ck_assert_msg(tenant_token_form(str(tokens[_i].token)) == tokens[_i].form,
                  "%s", tokens[_i].token);
}
END_TEST


START_TEST(what_is_not_unreserved_is_encoded)
{
    static const struct {
        const char  *text;
        const char  *encoded;
    } rows[] = {
        { "", "" },
        { "azAZ09-._~", "azAZ09-._~" },
        { "a+b/c==", "a%2Bb%2Fc%3D%3D" },
        { "s3cr:t &%\n\xff", "s3cr%3At%20%26%25%0A%FF" },
    };
    char    out[64];
    size_t  i, len;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        len = tenant_introspection_encode(NULL, str(rows[i].text));
        ck_assert_uint_eq(len, strlen(rows[i].encoded));
        memset(out, 0x5a, sizeof(out));
        ck_assert_uint_eq(tenant_introspection_encode(out, str(rows[i].text)),
                          len);
        ck_assert_mem_eq(out, rows[i].encoded, len);
        ck_assert_int_eq(out[len], 0x5a);
    }
}
END_TEST


static const struct {
    const char                     *text;
    tenant_introspection_status_t   status;
} rows[] = {
    { "{\"active\":true}", TENANT_INTROSPECTION_ACTIVE },
    { " {\"sub\":\"a\",\"active\":true,\"iss\":\"https://j.example\"} ",
      TENANT_INTROSPECTION_ACTIVE },
    { "{\"active\":false}", TENANT_INTROSPECTION_INACTIVE },
    { "{\"active\":false,\"sub\":\"a\",\"exp\":1}",
      TENANT_INTROSPECTION_INACTIVE },

    { "{}", TENANT_INTROSPECTION_NO_ACTIVE },
    { "{\"active\":null}", TENANT_INTROSPECTION_NO_ACTIVE },
    { "{\"active\":1}", TENANT_INTROSPECTION_NO_ACTIVE },
    { "{\"active\":\"true\"}", TENANT_INTROSPECTION_NO_ACTIVE },
    { "{\"active\":[true]}", TENANT_INTROSPECTION_NO_ACTIVE },
    { "{\"Active\":true}", TENANT_INTROSPECTION_NO_ACTIVE },
    { "{\"token\":{\"active\":true}}", TENANT_INTROSPECTION_NO_ACTIVE },

    { "", TENANT_INTROSPECTION_JSON },
    { "true", TENANT_INTROSPECTION_JSON },
    { "[{\"active\":true}]", TENANT_INTROSPECTION_JSON },
    { "{\"active\":true}{}", TENANT_INTROSPECTION_JSON },
    { "{\"active\":false,\"active\":true}", TENANT_INTROSPECTION_JSON },
    { "{\"active\":true,\"\\u0061ctive\":false}",
      TENANT_INTROSPECTION_JSON },
    { "{\"active\":true", TENANT_INTROSPECTION_JSON },
    { "eyJhbGciOiJSUzI1NiJ9.eyJhY3RpdmUiOnRydWV9.c2ln",
      TENANT_INTROSPECTION_JSON },
};


START_TEST(only_active_true_is_active)
{
    tenant_introspection_status_t  status = parse(rows[_i].text);

    ck_assert_msg(status == rows[_i].status, "%s: %s", rows[_i].text,
                  tenant_introspection_reason(status));
    ck_assert_int_eq(status == TENANT_INTROSPECTION_JSON,
                     err.code != TENANT_JSON_OK);
    ck_assert_int_eq(status == TENANT_INTROSPECTION_ACTIVE, claims != NULL);
    json_decref(claims);
}
END_TEST


static void
assert_iss(const char *text, const char *iss)
{
    ck_assert_int_eq(parse(text), TENANT_INTROSPECTION_ACTIVE);
    ck_assert_str_eq(json_string_value(json_object_get(claims, "iss")), iss);
    json_decref(claims);
}


START_TEST(an_absent_iss_is_the_one_that_was_asked)
{
    assert_iss("{\"active\":true}", ISS);
    assert_iss("{\"active\":true,\"iss\":\"https://j.example\"}",
               "https://j.example");

    /* there but no issuer: left for the rules to refuse */
    ck_assert_int_eq(parse("{\"active\":true,\"iss\":null}"),
                     TENANT_INTROSPECTION_ACTIVE);
    ck_assert(json_is_null(json_object_get(claims, "iss")));
    json_decref(claims);
}
END_TEST


START_TEST(no_memory_is_not_a_verdict_on_the_response)
{
    tenant_introspection_status_t  status;
    size_t                         i;

    for (i = 0; /* void */ ; i++) {
        unit_fail_start(i, false);
        status = parse("{\"active\":true,\"sub\":\"alice\"}");

        if (!unit_fail_stop()) {
            break;
        }

        ck_assert_int_eq(status, TENANT_INTROSPECTION_NO_MEMORY);
        ck_assert_ptr_null(claims);
    }

    ck_assert_uint_gt(i, 0);
    ck_assert_int_eq(status, TENANT_INTROSPECTION_ACTIVE);
    json_decref(claims);
}
END_TEST


Suite *
suite_introspection(void)
{
    Suite  *s = suite_create("introspection");
    TCase  *t = tcase_create("introspection");

    tcase_add_loop_test(t, a_token_is_a_jws_or_opaque_or_neither, 0,
                        sizeof(tokens) / sizeof(tokens[0]));
    tcase_add_test(t, what_is_not_unreserved_is_encoded);
    tcase_add_loop_test(t, only_active_true_is_active, 0,
                        sizeof(rows) / sizeof(rows[0]));
    tcase_add_test(t, an_absent_iss_is_the_one_that_was_asked);
    tcase_add_test(t, no_memory_is_not_a_verdict_on_the_response);
    suite_add_tcase(s, t);
    return s;
}
