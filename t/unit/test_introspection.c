#include <string.h>

#include "tenant_introspection.h"
#include "unit.h"


#define ISS  "https://i.example"


static char                   copy[1024];
static const tenant_value_t  *response;
static tenant_json_error_t    err;


static void *
none(void *data, size_t size)
{
    (void) data;
    (void) size;
    return NULL;
}


static tenant_introspection_status_t
read_with(const char *text, size_t room)
{
    static tenant_value_t  values[TENANT_TAPE_ROOM];
    tenant_tape_t          tape = { values, room, none, NULL };

    ck_assert_uint_lt(strlen(text), sizeof(copy));
    memcpy(copy, text, strlen(text));
    response = (const tenant_value_t *) copy;
    return tenant_introspection_read(&tape, copy, strlen(text), &response,
                                     &err);
}


static tenant_introspection_status_t
read(const char *text)
{
    return read_with(text, TENANT_TAPE_ROOM);
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
    tenant_introspection_status_t  status = read(rows[_i].text);

    ck_assert_msg(status == rows[_i].status, "%s: %s", rows[_i].text,
                  tenant_introspection_reason(status));
    ck_assert_int_eq(status == TENANT_INTROSPECTION_JSON,
                     err.code != TENANT_JSON_OK);
    ck_assert_int_eq(status == TENANT_INTROSPECTION_JSON, response == NULL);
}
END_TEST


START_TEST(an_absent_iss_is_the_one_that_was_asked)
{
    static const struct {
        const char  *text;
        const char  *claims;
    } sets[] = {
        { "{\"active\":true}", "{\"iss\":\"" ISS "\",\"active\":true}" },
        { " { \"a\" : [1.50, {}] , \"active\" : true } ",
          "{\"iss\":\"" ISS "\",\"a\":[1.50,{}],\"active\":true}" },
        { "{\"active\":true,\"iss\":\"https://j.example\"}",
          "{\"active\":true,\"iss\":\"https://j.example\"}" },

        /* there but no issuer: left for the rules to refuse */
        { "{\"iss\":null,\"active\":true}", "{\"iss\":null,\"active\":true}" },
        { "{\"x\":{\"iss\":\"a\"},\"active\":true}",
          "{\"iss\":\"" ISS "\",\"x\":{\"iss\":\"a\"},\"active\":true}" },
    };
    char    out[256];
    size_t  i, len;

    for (i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        ck_assert_int_eq(read(sets[i].text), TENANT_INTROSPECTION_ACTIVE);

        len = tenant_introspection_claims(response, tenant_str(ISS), NULL);
        ck_assert_uint_eq(len, strlen(sets[i].claims));
        memset(out, 0x5a, sizeof(out));
        ck_assert_uint_eq(tenant_introspection_claims(response,
                                                      tenant_str(ISS), out),
                          len);
        ck_assert_mem_eq(out, sets[i].claims, len);
        ck_assert_int_eq(out[len], 0x5a);
    }
}
END_TEST


START_TEST(an_issuer_is_escaped)
{
    char    out[64];
    size_t  len;

    ck_assert_int_eq(read("{\"active\":true}"), TENANT_INTROSPECTION_ACTIVE);
    len = tenant_introspection_claims(response, tenant_str("a\"\\b"), out);
    ck_assert_uint_eq(len, strlen("{\"iss\":\"a\\\"\\\\b\",\"active\":true}"));
    ck_assert_mem_eq(out, "{\"iss\":\"a\\\"\\\\b\",\"active\":true}", len);
}
END_TEST


START_TEST(no_memory_is_not_a_verdict_on_the_response)
{
    size_t  room;

    for (room = 1; room < TENANT_TAPE_TABLE + 5; room++) {
        ck_assert_int_eq(read_with("{\"active\":true,\"sub\":\"a\"}", room),
                         TENANT_INTROSPECTION_NO_MEMORY);
        ck_assert_ptr_null(response);
    }

    ck_assert_int_eq(read_with("{\"active\":true,\"sub\":\"a\"}", room),
                     TENANT_INTROSPECTION_ACTIVE);
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
    tcase_add_test(t, an_issuer_is_escaped);
    tcase_add_test(t, no_memory_is_not_a_verdict_on_the_response);
    suite_add_tcase(s, t);
    return s;
}
