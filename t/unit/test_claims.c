#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tenant_claims.h"
#include "tenant_json.h"
#include "unit.h"


#define NOW  1700000000

/* The rest of an issuer object and of a claims set that fit each other. */
#define ISSUER  "\"iss\":\"https://i.example\",\"tenant\":\"acme\""
#define CLAIMS  "\"iss\":\"https://i.example\",\"sub\":\"alice\""
#define EXP     ",\"exp\":1700000100"


static tenant_identity_t  identity;


static tenant_claims_result_t
check_at(const char *issuer_text, const char *claims_text, int64_t now)
{
    tenant_claims_result_t  result;
    tenant_rules_error_t    rules_err;
    tenant_rules_t          rules;
    json_t                 *issuer = json_loads(issuer_text, 0, NULL);

    ck_assert_msg(tenant_claims_rules_parse(issuer, &rules, &rules_err)
                  == TENANT_RULES_OK, "%s: %s", issuer_text,
                  rules_err.pointer);

    memset(&identity, 0xa5, sizeof(identity));
    result = tenant_claims_check(&rules, unit_claims(claims_text), now,
                                 &identity);
    tenant_rules_free(&rules);
    json_decref(issuer);
    return result;
}


static tenant_claims_result_t
check(const char *issuer, const char *claims_text)
{
    return check_at(issuer, claims_text, NOW);
}


static bool
is(tenant_str_t text, const char *wanted)
{
    return tenant_str_eq(text, (tenant_str_t) { wanted, strlen(wanted) });
}


START_TEST(iss_is_compared_exactly)
{
    static const char *const  others[] = {
        "https://i.exampl", "https://i.example/", "https://i.example ",
        "https://I.example", "HTTPS://i.example", "http://i.example",
        "https://i.example.evil", "i.example", "",
    };
    char    text[256];
    size_t  i;

    ck_assert_int_eq(check("{" ISSUER "}", "{" CLAIMS EXP "}"),
                     TENANT_CLAIMS_OK);
    ck_assert(is(identity.iss, "https://i.example"));

    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        snprintf(text, sizeof(text), "{\"iss\":\"%s\",\"sub\":\"a\"" EXP "}",
                 others[i]);
        ck_assert_int_eq(check("{" ISSUER "}", text), TENANT_CLAIMS_ISS);
    }

    ck_assert_int_eq(check("{" ISSUER "}", "{\"sub\":\"a\"" EXP "}"),
                     TENANT_CLAIMS_ISS);
    ck_assert_int_eq(check("{" ISSUER "}", "{\"iss\":[\"https://i.example\"]"
                           EXP "}"), TENANT_CLAIMS_ISS);
}
END_TEST


static const struct {
    const char              *issuer;    /* further members */
    const char              *claims;
    tenant_claims_result_t   result;
    int64_t                  expires;   /* from NOW; checked when OK */
} dates[] = {
    { "", ",\"exp\":1700000001", TENANT_CLAIMS_OK, 1 },
    { "", ",\"exp\":1700000000", TENANT_CLAIMS_EXPIRED, 0 },
    { "", ",\"exp\":1699999999", TENANT_CLAIMS_EXPIRED, 0 },
    { "", ",\"exp\":0", TENANT_CLAIMS_EXPIRED, 0 },
    { "", ",\"exp\":1700000000.5", TENANT_CLAIMS_OK, 1 },
    { "", ",\"exp\":1700000001.0", TENANT_CLAIMS_OK, 1 },
    { "", ",\"exp\":1.7000001e9", TENANT_CLAIMS_OK, 100 },
    { "", ",\"exp\":1699999999.5", TENANT_CLAIMS_EXPIRED, 0 },
    { "", "", TENANT_CLAIMS_NO_EXP, 0 },
    { ",\"require_exp\":false", "", TENANT_CLAIMS_OK, INT64_MAX - NOW },
    { ",\"require_exp\":false", ",\"exp\":1699999999",
      TENANT_CLAIMS_EXPIRED, 0 },

    /* no NumericDate: negative, text, 2^63 and what else there is */
    { "", ",\"exp\":-1", TENANT_CLAIMS_MALFORMED, 0 },
    { "", ",\"exp\":-0.5", TENANT_CLAIMS_MALFORMED, 0 },
    { "", ",\"exp\":\"1700000100\"", TENANT_CLAIMS_MALFORMED, 0 },
    { "", ",\"exp\":9223372036854775807", TENANT_CLAIMS_MALFORMED, 0 },
    { "", ",\"exp\":9223372036854775808.0", TENANT_CLAIMS_MALFORMED, 0 },
    { "", ",\"exp\":253402300800", TENANT_CLAIMS_MALFORMED, 0 },
    { "", ",\"exp\":253402300799", TENANT_CLAIMS_OK, 253402300799 - NOW },
    { "", ",\"exp\":1e300", TENANT_CLAIMS_MALFORMED, 0 },
    { "", ",\"exp\":null", TENANT_CLAIMS_MALFORMED, 0 },
    { "", ",\"exp\":true", TENANT_CLAIMS_MALFORMED, 0 },
    { "", ",\"exp\":[1700000100]", TENANT_CLAIMS_MALFORMED, 0 },
    { ",\"require_exp\":false", ",\"exp\":null", TENANT_CLAIMS_MALFORMED, 0 },
    { "", EXP ",\"nbf\":\"1\"", TENANT_CLAIMS_MALFORMED, 0 },
    { "", EXP ",\"nbf\":-1", TENANT_CLAIMS_MALFORMED, 0 },
    { "", EXP ",\"iat\":\"1\"", TENANT_CLAIMS_MALFORMED, 0 },
    { "", EXP ",\"iat\":1e18", TENANT_CLAIMS_MALFORMED, 0 },

    { "", EXP ",\"nbf\":1700000000", TENANT_CLAIMS_OK, 100 },
    { "", EXP ",\"nbf\":1700000001", TENANT_CLAIMS_NOT_YET, 0 },
    { "", EXP ",\"nbf\":1700000000.5", TENANT_CLAIMS_NOT_YET, 0 },
    { "", EXP ",\"iat\":1700000000", TENANT_CLAIMS_OK, 100 },
    { "", EXP ",\"iat\":1700000001", TENANT_CLAIMS_FUTURE, 0 },
    { "", EXP ",\"iat\":1700000000.5", TENANT_CLAIMS_FUTURE, 0 },

    /* both edges of the leeway */
    { ",\"leeway\":60", ",\"exp\":1699999941", TENANT_CLAIMS_OK, 1 },
    { ",\"leeway\":60", ",\"exp\":1699999940", TENANT_CLAIMS_EXPIRED, 0 },
    { ",\"leeway\":60", ",\"exp\":1699999940.5", TENANT_CLAIMS_OK, 1 },
    { ",\"leeway\":60", EXP ",\"nbf\":1700000060", TENANT_CLAIMS_OK, 160 },
    { ",\"leeway\":60", EXP ",\"nbf\":1700000061", TENANT_CLAIMS_NOT_YET, 0 },
    { ",\"leeway\":60", EXP ",\"iat\":1700000060", TENANT_CLAIMS_OK, 160 },
    { ",\"leeway\":60", EXP ",\"iat\":1700000061", TENANT_CLAIMS_FUTURE, 0 },

    { ",\"max_age\":10", EXP ",\"iat\":1699999990", TENANT_CLAIMS_OK, 1 },
    { ",\"max_age\":10", EXP ",\"iat\":1699999989", TENANT_CLAIMS_TOO_OLD,
      0 },
    { ",\"max_age\":10", EXP ",\"iat\":1699999989.5", TENANT_CLAIMS_TOO_OLD,
      0 },
    { ",\"max_age\":10", EXP ",\"iat\":1699999990.5", TENANT_CLAIMS_OK, 1 },
    { ",\"max_age\":10,\"leeway\":5", EXP ",\"iat\":1699999985",
      TENANT_CLAIMS_OK, 1 },
    { ",\"max_age\":10,\"leeway\":5", EXP ",\"iat\":1699999984",
      TENANT_CLAIMS_TOO_OLD, 0 },
    { ",\"max_age\":1000", EXP ",\"iat\":1700000000", TENANT_CLAIMS_OK, 100 },
    { ",\"max_age\":10", EXP, TENANT_CLAIMS_TOO_OLD, 0 },
    { ",\"max_age\":10,\"require_exp\":false", ",\"iat\":1700000000",
      TENANT_CLAIMS_OK, 11 },
};


START_TEST(dates_are_held_to_the_second)
{
    char                    issuer[256], text[256];
    tenant_claims_result_t  result;

    snprintf(issuer, sizeof(issuer), "{" ISSUER "%s}", dates[_i].issuer);
    snprintf(text, sizeof(text), "{" CLAIMS "%s}", dates[_i].claims);
    result = check(issuer, text);
    ck_assert_msg(result == dates[_i].result, "%s %s: %s", issuer, text,
                  tenant_claims_describe(result));

    if (result != TENANT_CLAIMS_OK) {
        return;
    }

    /* what a cache relies on: OK until expires, and not at expires */
    ck_assert_int_eq(identity.expires, dates[_i].expires + NOW);

    if (identity.expires != INT64_MAX) {
        ck_assert_int_eq(check_at(issuer, text, identity.expires - 1),
                         TENANT_CLAIMS_OK);
        ck_assert_int_ne(check_at(issuer, text, identity.expires),
                         TENANT_CLAIMS_OK);
    }
}
END_TEST


static const struct {
    const char              *issuer;
    const char              *claims;
    tenant_claims_result_t   result;
} rows[] = {
    /* aud: string or array; its form counts even if any will do */
    { "", ",\"aud\":\"x\"", TENANT_CLAIMS_OK },
    { "", ",\"aud\":[]", TENANT_CLAIMS_MALFORMED },
    { "", ",\"aud\":1", TENANT_CLAIMS_MALFORMED },
    { "", ",\"aud\":null", TENANT_CLAIMS_MALFORMED },
    { "", ",\"aud\":{\"a\":1}", TENANT_CLAIMS_MALFORMED },
    { "", ",\"aud\":[\"a\",1]", TENANT_CLAIMS_MALFORMED },
    { ",\"audiences\":[\"a\",\"b\"]", ",\"aud\":\"b\"", TENANT_CLAIMS_OK },
    { ",\"audiences\":[\"a\",\"b\"]", ",\"aud\":[\"x\",\"a\"]",
      TENANT_CLAIMS_OK },
    { ",\"audiences\":[\"a\",\"b\"]", ",\"aud\":[\"a\",1]",
      TENANT_CLAIMS_MALFORMED },
    { ",\"audiences\":[\"a\",\"b\"]", ",\"aud\":[]",
      TENANT_CLAIMS_MALFORMED },
    { ",\"audiences\":[\"a\",\"b\"]", ",\"aud\":\"a b\"",
      TENANT_CLAIMS_AUDIENCE },
    { ",\"audiences\":[\"a\",\"b\"]", ",\"aud\":\"A\"",
      TENANT_CLAIMS_AUDIENCE },
    { ",\"audiences\":[\"a\",\"b\"]", ",\"aud\":[\"x\"]",
      TENANT_CLAIMS_AUDIENCE },
    { ",\"audiences\":[\"a\",\"b\"]", "", TENANT_CLAIMS_AUDIENCE },

    /* the client: client_id, azp, or where the issuer says */
    { ",\"client_ids\":[\"c\"]", ",\"client_id\":\"c\"", TENANT_CLAIMS_OK },
    { ",\"client_ids\":[\"c\"]", ",\"azp\":\"c\"", TENANT_CLAIMS_OK },
    { ",\"client_ids\":[\"c\"]", ",\"client_id\":\"d\",\"azp\":\"c\"",
      TENANT_CLAIMS_CLIENT },
    { ",\"client_ids\":[\"c\"]", "", TENANT_CLAIMS_CLIENT },
    { ",\"client_ids\":[\"c\"]", ",\"aud\":\"c\"", TENANT_CLAIMS_CLIENT },
    { ",\"client_ids\":[\"c\"]", ",\"client_id\":[\"c\"]",
      TENANT_CLAIMS_MALFORMED },
    { "", ",\"client_id\":1", TENANT_CLAIMS_MALFORMED },
    { ",\"client_ids\":[\"c\"],\"claims\":{\"client_id\":\"cid\"}",
      ",\"cid\":\"c\"", TENANT_CLAIMS_OK },
    { ",\"client_ids\":[\"c\"],\"claims\":{\"client_id\":\"cid\"}",
      ",\"client_id\":\"c\"", TENANT_CLAIMS_CLIENT },

    /* Cognito: access without aud, id with aud; one issuer takes one */
    { ",\"client_ids\":[\"c\"],\"token_use\":\"access\"",
      ",\"client_id\":\"c\",\"token_use\":\"access\"", TENANT_CLAIMS_OK },
    { ",\"client_ids\":[\"c\"],\"token_use\":\"access\"",
      ",\"aud\":\"c\",\"client_id\":\"c\",\"token_use\":\"id\"",
      TENANT_CLAIMS_TOKEN_USE },
    { ",\"audiences\":[\"c\"],\"token_use\":\"id\"",
      ",\"aud\":\"c\",\"token_use\":\"id\"", TENANT_CLAIMS_OK },
    { ",\"audiences\":[\"c\"],\"token_use\":\"id\"",
      ",\"aud\":\"c\",\"client_id\":\"c\",\"token_use\":\"access\"",
      TENANT_CLAIMS_TOKEN_USE },
    { ",\"token_use\":\"id\"", "", TENANT_CLAIMS_TOKEN_USE },
    { ",\"token_use\":\"id\"", ",\"token_use\":[\"id\"]",
      TENANT_CLAIMS_TOKEN_USE },

    /* scope string, scp string (Entra) or array (Okta) */
    { ",\"scopes\":[\"read\"]", ",\"scope\":\"write read\"",
      TENANT_CLAIMS_OK },
    { ",\"scopes\":[\"read\"]", ",\"scp\":\"read\"", TENANT_CLAIMS_OK },
    { ",\"scopes\":[\"read\"]", ",\"scp\":[\"x\",\"read\"]",
      TENANT_CLAIMS_OK },
    { ",\"scopes\":[\"read\"]", ",\"scope\":[\"read\"]", TENANT_CLAIMS_OK },
    { ",\"scopes\":[\"read\",\"write\"]", ",\"scope\":\"read\"",
      TENANT_CLAIMS_SCOPE },
    { ",\"scopes\":[\"read\"]", ",\"scope\":\"reader\"",
      TENANT_CLAIMS_SCOPE },
    { ",\"scopes\":[\"read\"]", ",\"scope\":\"READ\"", TENANT_CLAIMS_SCOPE },
    { ",\"scopes\":[\"read\"]", ",\"scope\":\"\"", TENANT_CLAIMS_SCOPE },
    { ",\"scopes\":[\"read\"]", "", TENANT_CLAIMS_SCOPE },
    { ",\"scopes\":[\"read\"]", ",\"scope\":\"x\",\"scp\":\"read\"",
      TENANT_CLAIMS_SCOPE },
    { ",\"scopes\":[\"read\"]", ",\"scope\":1", TENANT_CLAIMS_MALFORMED },
    { "", ",\"scp\":[\"read\",1]", TENANT_CLAIMS_MALFORMED },

#define REQUIRE(entry)  ",\"required_claims\":[{" entry "}]"

    { REQUIRE("\"claim\":\"p\",\"equals\":\"gold\""), ",\"p\":\"gold\"",
      TENANT_CLAIMS_OK },
    { REQUIRE("\"claim\":\"p\",\"equals\":\"gold\""), ",\"p\":\"Gold\"",
      TENANT_CLAIMS_REQUIRED },
    { REQUIRE("\"claim\":\"p\",\"equals\":\"gold\""), ",\"p\":[\"gold\"]",
      TENANT_CLAIMS_REQUIRED },
    { REQUIRE("\"claim\":\"p\",\"equals\":\"gold\""), "",
      TENANT_CLAIMS_REQUIRED },
    { REQUIRE("\"claim\":\"p\",\"equals\":true"), ",\"p\":true",
      TENANT_CLAIMS_OK },
    { REQUIRE("\"claim\":\"p\",\"equals\":true"), ",\"p\":\"true\"",
      TENANT_CLAIMS_REQUIRED },
    { REQUIRE("\"claim\":\"p\",\"equals\":1"), ",\"p\":1",
      TENANT_CLAIMS_OK },
    { REQUIRE("\"claim\":\"p\",\"equals\":1"), ",\"p\":\"1\"",
      TENANT_CLAIMS_REQUIRED },
    { REQUIRE("\"claim\":\"a.p\",\"equals\":1"), ",\"a\":{\"p\":1}",
      TENANT_CLAIMS_OK },
    { REQUIRE("\"claim\":\"p\",\"one_of\":[\"x\",2]"), ",\"p\":2",
      TENANT_CLAIMS_OK },
    { REQUIRE("\"claim\":\"p\",\"one_of\":[\"x\",2]"), ",\"p\":\"y\"",
      TENANT_CLAIMS_REQUIRED },
    { REQUIRE("\"claim\":\"p\",\"one_of\":[\"x\",2]"), "",
      TENANT_CLAIMS_REQUIRED },
    { REQUIRE("\"claim\":\"g\",\"contains\":\"a\""), ",\"g\":[\"b\",\"a\"]",
      TENANT_CLAIMS_OK },
    { REQUIRE("\"claim\":\"g\",\"contains\":\"a\""), ",\"g\":\"b a\"",
      TENANT_CLAIMS_OK },
    { REQUIRE("\"claim\":\"g\",\"contains\":\"a\""), ",\"g\":\"ba\"",
      TENANT_CLAIMS_REQUIRED },
    { REQUIRE("\"claim\":\"g\",\"contains\":\"a\""), ",\"g\":[\"ba\"]",
      TENANT_CLAIMS_REQUIRED },
    { REQUIRE("\"claim\":\"g\",\"contains\":\"a\""), ",\"g\":{\"a\":1}",
      TENANT_CLAIMS_REQUIRED },
    { REQUIRE("\"claim\":\"m\",\"matches\":\"*@x.org\""),
      ",\"m\":\"a@x.org\"", TENANT_CLAIMS_OK },
    { REQUIRE("\"claim\":\"m\",\"matches\":\"*@x.org\""),
      ",\"m\":\"a@x.org.evil\"", TENANT_CLAIMS_REQUIRED },
    { REQUIRE("\"claim\":\"m\",\"matches\":\"*\""), ",\"m\":7",
      TENANT_CLAIMS_REQUIRED },
    { REQUIRE("\"claim\":\"m\",\"matches\":\"*\""), "",
      TENANT_CLAIMS_REQUIRED },
    { REQUIRE("\"claim\":\"m\",\"present\":true"), ",\"m\":false",
      TENANT_CLAIMS_OK },
    { REQUIRE("\"claim\":\"m\",\"present\":true"), "",
      TENANT_CLAIMS_REQUIRED },
    { REQUIRE("\"claim\":\"m\",\"present\":false"), "", TENANT_CLAIMS_OK },
    { REQUIRE("\"claim\":\"m\",\"present\":false"), ",\"m\":null",
      TENANT_CLAIMS_REQUIRED },
    { REQUIRE("\"claim\":\"m\",\"present\":true},{\"claim\":\"n\","
              "\"present\":true"), ",\"m\":1", TENANT_CLAIMS_REQUIRED },

    /* the subject */
    { ",\"claims\":{\"subject\":\"email\"}", ",\"email\":\"a@b\"",
      TENANT_CLAIMS_OK },
    { ",\"claims\":{\"subject\":\"email\"}", "", TENANT_CLAIMS_SUBJECT },
    { ",\"claims\":{\"subject\":\"email\"}", ",\"email\":\"\"",
      TENANT_CLAIMS_SUBJECT },
    { ",\"claims\":{\"subject\":\"uid\"}", ",\"uid\":7",
      TENANT_CLAIMS_SUBJECT },

    /* roles: none is fine, one that cannot be read is not */
    { ",\"claims\":{\"roles\":\"r\"}", "", TENANT_CLAIMS_OK },
    { ",\"claims\":{\"roles\":\"r\"}", ",\"r\":\"a\"", TENANT_CLAIMS_OK },
    { ",\"claims\":{\"roles\":\"r\"}", ",\"r\":[]", TENANT_CLAIMS_OK },
    { ",\"claims\":{\"roles\":\"r\"}", ",\"r\":[\"a\",1]",
      TENANT_CLAIMS_MALFORMED },
    { ",\"claims\":{\"roles\":\"r\"}", ",\"r\":{\"a\":1}",
      TENANT_CLAIMS_MALFORMED },

    /* a bound issuer's tenant claim may be missing, not unreadable */
    { ",\"claims\":{\"tenant\":\"t\"}", "", TENANT_CLAIMS_OK },
    { ",\"claims\":{\"tenant\":\"t\"}", ",\"t\":\"other\"",
      TENANT_CLAIMS_OK },
    { ",\"claims\":{\"tenant\":\"t\"}", ",\"t\":1", TENANT_CLAIMS_TENANT },
    { ",\"claims\":{\"tenant\":\"t\"}", ",\"t\":\"\"",
      TENANT_CLAIMS_TENANT },
};


START_TEST(claims_are_held_to_the_issuers_rules)
{
    char                    issuer[512], text[512];
    tenant_claims_result_t  result;

    snprintf(issuer, sizeof(issuer), "{" ISSUER "%s}", rows[_i].issuer);
    snprintf(text, sizeof(text), "{" CLAIMS EXP "%s}", rows[_i].claims);
    result = check(issuer, text);
    ck_assert_msg(result == rows[_i].result, "%s %s: %s", issuer, text,
                  tenant_claims_describe(result));
}
END_TEST


START_TEST(missing_sub_is_refused)
{
    ck_assert_int_eq(check("{" ISSUER "}",
                           "{\"iss\":\"https://i.example\"" EXP "}"),
                     TENANT_CLAIMS_SUBJECT);
    ck_assert_int_eq(check("{" ISSUER "}",
                           "{\"iss\":\"https://i.example\",\"sub\":1" EXP
                           "}"), TENANT_CLAIMS_SUBJECT);
}
END_TEST


START_TEST(shared_issuer_needs_its_tenant_claim)
{
    static const char  issuer[] = "{\"iss\":\"https://i.example\","
                                  "\"tenant_claim\":\"custom:tenantId\"}";

    ck_assert_int_eq(check(issuer, "{" CLAIMS EXP
                           ",\"custom:tenantId\":\"acme\"}"),
                     TENANT_CLAIMS_OK);
    ck_assert(is(identity.tenant, "acme"));
    ck_assert_int_eq(check(issuer, "{" CLAIMS EXP "}"),
                     TENANT_CLAIMS_TENANT);
    ck_assert_int_eq(check(issuer, "{" CLAIMS EXP
                           ",\"custom:tenantId\":[\"acme\"]}"),
                     TENANT_CLAIMS_TENANT);
    ck_assert_int_eq(check(issuer, "{" CLAIMS EXP
                           ",\"custom:tenantId\":null}"),
                     TENANT_CLAIMS_TENANT);

    /* neither bound nor told where: nothing to go by */
    ck_assert_int_eq(check("{\"iss\":\"https://i.example\"}",
                           "{" CLAIMS EXP ",\"tenant\":\"acme\"}"),
                     TENANT_CLAIMS_TENANT);
}
END_TEST


START_TEST(identity_holds_what_the_token_says)
{
    ck_assert_int_eq(check("{" ISSUER ",\"claims\":{\"tenant\":"
                           "\"app.tenant\",\"tier\":\"tier\",\"roles\":"
                           "\"cognito:groups\"}}",
                           "{" CLAIMS EXP ",\"client_id\":\"c\",\"scope\":"
                           "\"a b\",\"app\":{\"tenant\":\"acme\"},"
                           "\"tier\":\"gold\",\"cognito:groups\":[\"g\"]}"),
                     TENANT_CLAIMS_OK);
    ck_assert(is(identity.iss, "https://i.example"));
    ck_assert(is(identity.subject, "alice"));
    ck_assert(is(identity.client_id, "c"));
    ck_assert(is(identity.tenant, "acme"));
    ck_assert(is(identity.tier, "gold"));
    ck_assert_uint_eq(identity.roles->len, 1);
    ck_assert(is(tenant_value_text(identity.scopes), "a b"));
    ck_assert_int_eq(identity.expires, 1700000100);

    ck_assert_int_eq(check("{" ISSUER "}", "{" CLAIMS EXP "}"),
                     TENANT_CLAIMS_OK);
    ck_assert_ptr_null(identity.client_id.data);
    ck_assert_ptr_null(identity.tenant.data);
    ck_assert_ptr_null(identity.tier.data);
    ck_assert_ptr_null(identity.roles);
    ck_assert_ptr_null(identity.scopes);
}
END_TEST


START_TEST(refusals_have_a_code_a_status_and_a_description)
{
    tenant_claims_result_t  r;
    const char             *error, *p;

    for (r = TENANT_CLAIMS_MALFORMED; r <= TENANT_CLAIMS_TENANT; r++) {
        error = tenant_claims_error(r);

        if (r == TENANT_CLAIMS_SCOPE || r == TENANT_CLAIMS_TENANT) {
            ck_assert_str_eq(error, "insufficient_scope");
            ck_assert_uint_eq(tenant_claims_http_status(r), 403);

        } else {
            ck_assert_str_eq(error, "invalid_token");
            ck_assert_uint_eq(tenant_claims_http_status(r), 401);
        }

        /* RFC 6750 section 3: safe inside a quoted string */
        for (p = tenant_claims_describe(r); *p; p++) {
            ck_assert(*p >= 0x20 && *p < 0x7f && *p != '"' && *p != '\\');
        }
    }
}
END_TEST


Suite *
suite_claims(void)
{
    Suite  *s = suite_create("claims");
    TCase  *t = tcase_create("claims");

    tcase_add_test(t, iss_is_compared_exactly);
    tcase_add_loop_test(t, dates_are_held_to_the_second, 0,
                        sizeof(dates) / sizeof(dates[0]));
    tcase_add_loop_test(t, claims_are_held_to_the_issuers_rules, 0,
                        sizeof(rows) / sizeof(rows[0]));
    tcase_add_test(t, missing_sub_is_refused);
    tcase_add_test(t, shared_issuer_needs_its_tenant_claim);
    tcase_add_test(t, identity_holds_what_the_token_says);
    tcase_add_test(t, refusals_have_a_code_a_status_and_a_description);
    suite_add_tcase(s, t);
    return s;
}
