#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tenant_rules.h"
#include "unit.h"


#define ISS  "\"iss\":\"https://i\""


static tenant_rules_t        rules;
static tenant_rules_error_t  error;


static tenant_rules_status_t
parse(const char *text)
{
    tenant_rules_status_t  status;
    json_t                *issuer = json_loads(text, JSON_DECODE_ANY, NULL);

    ck_assert_msg(issuer != NULL, "%s", text);
    status = tenant_claims_rules_parse(issuer, &rules, &error);
    json_decref(issuer);
    return status;
}


START_TEST(issuer_without_more_gets_the_documented_defaults)
{
    ck_assert_int_eq(parse("{" ISS ",\"jwks_uri\":\"x\",\"else\":1}"),
                     TENANT_RULES_OK);
    ck_assert(tenant_str_eq(rules.iss, tenant_str("https://i")));
    ck_assert_uint_eq(rules.algs, TENANT_ALGS_DEFAULT);
    ck_assert_uint_eq(rules.algs & TENANT_ALGS_HMAC, 0);
    ck_assert_uint_eq(rules.audiences.count + rules.client_ids.count
                      + rules.scopes.count + rules.nrequired
                      + rules.nattributes, 0);
    ck_assert_ptr_null(rules.token_use.data);
    ck_assert_int_eq(rules.leeway, 0);
    ck_assert_int_eq(rules.max_age, 0);
    ck_assert(rules.require_exp);
    ck_assert(!rules.bound);
    ck_assert(tenant_str_eq(rules.subject_path, tenant_str("sub")));
    ck_assert_ptr_null(rules.tenant_path.data);
    ck_assert_ptr_null(rules.client_path.data);
    ck_assert_ptr_null(rules.roles_path.data);
    tenant_rules_free(&rules);
    tenant_rules_free(&rules);
}
END_TEST


static const char  whole[] =
    "{" ISS ",\"tenant\":\"acme\",\"algorithms\":[\"RS256\",\"HS256\"],"
    "\"audiences\":[\"a\",\"b\"],\"client_ids\":[\"c\"],"
    "\"scopes\":[\"s\"],\"token_use\":\"access\",\"leeway\":600,"
    "\"max_age\":31536000,\"require_exp\":false,\"required_claims\":["
    "{\"claim\":\"p\",\"equals\":1},{\"claim\":\"q\",\"one_of\":[\"x\",true]},"
    "{\"claim\":\"r\",\"contains\":\"x\"},{\"matches\":\"*\",\"claim\":\"s\"},"
    "{\"claim\":\"t\",\"present\":false}],\"claims\":{\"tenant\":\"ten\","
    "\"tier\":\"tie\",\"subject\":\"sbj\",\"roles\":\"rol\","
    "\"client_id\":\"cli\",\"attributes\":{\"dept\":\"a.b\"}}}";


START_TEST(every_member_is_read)
{
    static const tenant_required_op_t  ops[] = {
        TENANT_REQUIRED_EQUALS, TENANT_REQUIRED_ONE_OF,
        TENANT_REQUIRED_CONTAINS, TENANT_REQUIRED_MATCHES,
        TENANT_REQUIRED_PRESENT,
    };
    size_t  i;

    ck_assert_int_eq(parse(whole), TENANT_RULES_OK);
    ck_assert_uint_eq(rules.algs, TENANT_ALG_BIT(TENANT_ALG_RS256)
                                  | TENANT_ALG_BIT(TENANT_ALG_HS256));
    ck_assert_uint_eq(rules.audiences.count, 2);
    ck_assert(tenant_str_eq(rules.audiences.items[1], tenant_str("b")));
    ck_assert(tenant_str_eq(rules.client_ids.items[0], tenant_str("c")));
    ck_assert(tenant_str_eq(rules.scopes.items[0], tenant_str("s")));
    ck_assert(tenant_str_eq(rules.token_use, tenant_str("access")));
    ck_assert_int_eq(rules.leeway, 600);
    ck_assert_int_eq(rules.max_age, 31536000);
    ck_assert(!rules.require_exp);
    ck_assert(rules.bound);
    ck_assert(tenant_str_eq(rules.tenant_path, tenant_str("ten")));
    ck_assert(tenant_str_eq(rules.tier_path, tenant_str("tie")));
    ck_assert(tenant_str_eq(rules.subject_path, tenant_str("sbj")));
    ck_assert(tenant_str_eq(rules.roles_path, tenant_str("rol")));
    ck_assert(tenant_str_eq(rules.client_path, tenant_str("cli")));
    ck_assert_uint_eq(rules.nattributes, 1);
    ck_assert(tenant_str_eq(rules.attributes[0].name, tenant_str("dept")));
    ck_assert(tenant_str_eq(rules.attributes[0].path, tenant_str("a.b")));
    ck_assert_uint_eq(rules.nrequired, 5);

    for (i = 0; i < 5; i++) {
        ck_assert_int_eq(rules.required[i].op, ops[i]);
        ck_assert_uint_eq(rules.required[i].path.len, 1);
        ck_assert_int_eq(rules.required[i].path.data[0], (int) ('p' + i));
    }

    tenant_rules_free(&rules);
}
END_TEST


START_TEST(tenant_claim_is_short_for_claims_tenant)
{
    ck_assert_int_eq(parse("{" ISS ",\"tenant_claim\":\"custom:t\"}"),
                     TENANT_RULES_OK);
    ck_assert(tenant_str_eq(rules.tenant_path, tenant_str("custom:t")));
    tenant_rules_free(&rules);
}
END_TEST


static const struct {
    const char  *issuer;
    const char  *pointer;
    const char  *reason;
} invalid[] = {
    { "[]", "", "not an object" },
    { "1", "", "not an object" },
    { "{}", "/iss", "not a string of 1 to 2048 bytes" },
    { "{\"iss\":\"\"}", "/iss", "not a string of 1 to 2048 bytes" },
    { "{\"iss\":7}", "/iss", "not a string of 1 to 2048 bytes" },
    { "{" ISS ",\"algorithms\":\"RS256\"}", "/algorithms",
      "not an array of 1 to 64 entries" },
    { "{" ISS ",\"algorithms\":[]}", "/algorithms",
      "not an array of 1 to 64 entries" },
    { "{" ISS ",\"algorithms\":[\"RS256\",\"none\"]}", "/algorithms/1",
      "not a supported signature algorithm" },
    { "{" ISS ",\"algorithms\":[\"rs256\"]}", "/algorithms/0",
      "not a supported signature algorithm" },
    { "{" ISS ",\"algorithms\":[1]}", "/algorithms/0",
      "not a supported signature algorithm" },
    { "{" ISS ",\"audiences\":[]}", "/audiences",
      "not an array of 1 to 64 entries" },
    { "{" ISS ",\"audiences\":\"a\"}", "/audiences",
      "not an array of 1 to 64 entries" },
    { "{" ISS ",\"audiences\":null}", "/audiences",
      "not an array of 1 to 64 entries" },
    { "{" ISS ",\"audiences\":[\"a\",\"\"]}", "/audiences/1",
      "not a string of 1 to 2048 bytes" },
    { "{" ISS ",\"client_ids\":[\"0\",\"1\",\"2\",\"3\",\"4\",\"5\",\"6\","
      "\"7\",\"8\",\"9\",\"10\",\"11\",12]}", "/client_ids/12",
      "not a string of 1 to 2048 bytes" },
    { "{" ISS ",\"scopes\":[\"a\",\"b c\"]}", "/scopes/1",
      "a scope has no spaces" },
    { "{" ISS ",\"token_use\":\"\"}", "/token_use",
      "not a string of 1 to 2048 bytes" },
    { "{" ISS ",\"token_use\":\"acess\"}", "/token_use",
      "neither \"access\" nor \"id\"" },
    { "{" ISS ",\"leeway\":-1}", "/leeway",
      "not an integer of 0 to 600 seconds" },
    { "{" ISS ",\"leeway\":601}", "/leeway",
      "not an integer of 0 to 600 seconds" },
    { "{" ISS ",\"leeway\":\"60\"}", "/leeway",
      "not an integer of 0 to 600 seconds" },
    { "{" ISS ",\"leeway\":1.5}", "/leeway",
      "not an integer of 0 to 600 seconds" },
    { "{" ISS ",\"max_age\":0}", "/max_age",
      "not an integer of 1 to 31536000 seconds" },
    { "{" ISS ",\"max_age\":31536001}", "/max_age",
      "not an integer of 1 to 31536000 seconds" },
    { "{" ISS ",\"require_exp\":\"false\"}", "/require_exp",
      "not a boolean" },
    { "{" ISS ",\"required_claims\":[]}", "/required_claims",
      "not an array of 1 to 64 entries" },
    { "{" ISS ",\"required_claims\":[1]}", "/required_claims/0",
      "not an object" },
    { "{" ISS ",\"required_claims\":[{\"claim\":\"a\"}]}",
      "/required_claims/0", "needs \"claim\" and one operator" },
    { "{" ISS ",\"required_claims\":[{\"equals\":\"a\"}]}",
      "/required_claims/0", "needs \"claim\" and one operator" },
    { "{" ISS ",\"required_claims\":[{\"claim\":\"a\",\"equals\":1,"
      "\"present\":true}]}", "/required_claims/0/present",
      "more than one operator" },
    { "{" ISS ",\"required_claims\":[{\"claim\":\"a\",\"like\":1}]}",
      "/required_claims/0/like", "unknown member" },
    { "{" ISS ",\"required_claims\":[{\"claim\":\"a\",\"x/y~z\":1}]}",
      "/required_claims/0/x~1y~0z", "unknown member" },
    { "{" ISS ",\"required_claims\":[{\"claim\":\"\"}]}",
      "/required_claims/0/claim",
      "not a claim name or path of 1 to 256 bytes" },
    { "{" ISS ",\"required_claims\":[{\"claim\":\"a\",\"equals\":[1]}]}",
      "/required_claims/0/equals", "not a string, integer or boolean" },
    { "{" ISS ",\"required_claims\":[{\"claim\":\"a\",\"equals\":1.5}]}",
      "/required_claims/0/equals", "not a string, integer or boolean" },
    { "{" ISS ",\"required_claims\":[{\"claim\":\"a\",\"one_of\":\"x\"}]}",
      "/required_claims/0/one_of", "not an array of 1 to 64 entries" },
    { "{" ISS ",\"required_claims\":[{\"claim\":\"a\","
      "\"one_of\":[1,null]}]}", "/required_claims/0/one_of/1",
      "not a string, integer or boolean" },
    { "{" ISS ",\"required_claims\":[{\"claim\":\"a\",\"contains\":1}]}",
      "/required_claims/0/contains", "not a string of 1 to 2048 bytes" },
    { "{" ISS ",\"required_claims\":[{\"claim\":\"a\",\"matches\":\"\"}]}",
      "/required_claims/0/matches", "not a string of 1 to 2048 bytes" },
    { "{" ISS ",\"required_claims\":[{\"claim\":\"a\",\"present\":1}]}",
      "/required_claims/0/present", "not a boolean" },
    { "{" ISS ",\"claims\":[]}", "/claims", "not an object" },
    { "{" ISS ",\"claims\":{\"sub\":\"x\"}}", "/claims/sub",
      "unknown member" },
    { "{" ISS ",\"claims\":{\"subject\":\"\"}}", "/claims/subject",
      "not a claim name or path of 1 to 256 bytes" },
    { "{" ISS ",\"claims\":{\"roles\":[\"r\"]}}", "/claims/roles",
      "not a claim name or path of 1 to 256 bytes" },
    { "{" ISS ",\"claims\":{\"tenant\":\"/a~\"}}", "/claims/tenant",
      "not a claim name or path of 1 to 256 bytes" },
    { "{" ISS ",\"claims\":{\"attributes\":{}}}", "/claims/attributes",
      "not an object of 1 to 64 members" },
    { "{" ISS ",\"claims\":{\"attributes\":{\"a/b\":1}}}",
      "/claims/attributes/a~1b",
      "not a claim name or path of 1 to 256 bytes" },
    { "{" ISS ",\"claims\":{\"attributes\":{\"\":\"x\"}}}",
      "/claims/attributes/", "name not of 1 to 2048 bytes" },
    { "{" ISS ",\"tenant_claim\":1}", "/tenant_claim",
      "not a claim name or path of 1 to 256 bytes" },
    { "{" ISS ",\"tenant_claim\":\"a\",\"claims\":{\"tenant\":\"a\"}}",
      "/tenant_claim", "claims.tenant says it already" },
};


START_TEST(invalid_member_is_refused_with_its_pointer)
{
    ck_assert_msg(parse(invalid[_i].issuer) == TENANT_RULES_INVALID, "%s",
                  invalid[_i].issuer);
    ck_assert_str_eq(error.pointer, invalid[_i].pointer);
    ck_assert_str_eq(error.reason, invalid[_i].reason);

    /* nothing is left to be released */
    ck_assert_ptr_null(rules.source);
    ck_assert_ptr_null(rules.audiences.items);
    ck_assert_ptr_null(rules.required);
}
END_TEST


START_TEST(long_pointer_is_cut_and_long_lists_are_refused)
{
    char  text[8192];
    int   i, n;

    n = sprintf(text, "{" ISS ",\"claims\":{\"%01000d\":\"x\"}}", 1);
    ck_assert_int_gt(n, 1000);
    ck_assert_int_eq(parse(text), TENANT_RULES_INVALID);
    ck_assert_uint_eq(strlen(error.pointer), sizeof(error.pointer) - 1);
    ck_assert_str_eq(error.reason, "unknown member");

    n = sprintf(text, "{" ISS ",\"audiences\":[\"a\"");

    for (i = 1; i < 65; i++) {
        n += sprintf(text + n, ",\"a\"");

        if (i == 63) {
            strcpy(text + n, "]}");
            ck_assert_int_eq(parse(text), TENANT_RULES_OK);
            ck_assert_uint_eq(rules.audiences.count, 64);
            tenant_rules_free(&rules);
        }
    }

    strcpy(text + n, "]}");
    ck_assert_int_eq(parse(text), TENANT_RULES_INVALID);
    ck_assert_str_eq(error.pointer, "/audiences");

    sprintf(text, "{\"iss\":\"%02048d\"}", 1);
    ck_assert_int_eq(parse(text), TENANT_RULES_OK);
    tenant_rules_free(&rules);
    sprintf(text, "{\"iss\":\"%02049d\"}", 1);
    ck_assert_int_eq(parse(text), TENANT_RULES_INVALID);
}
END_TEST


START_TEST(failed_allocation_gives_no_rules)
{
    json_t  *issuer = json_loads(whole, 0, NULL);
    size_t   n;
    bool     failed = true;
    tenant_rules_status_t  status;

    for (n = 0; failed; n++) {
        unit_fail_start(n, false);
        status = tenant_claims_rules_parse(issuer, &rules, &error);
        failed = unit_fail_stop();
        ck_assert_int_eq(status, failed ? TENANT_RULES_NO_MEMORY
                                        : TENANT_RULES_OK);
        tenant_rules_free(&rules);
    }

    ck_assert_uint_gt(n, 5);
    json_decref(issuer);
}
END_TEST


Suite *
suite_rules(void)
{
    Suite  *s = suite_create("rules");
    TCase  *t = tcase_create("rules");

    tcase_add_test(t, issuer_without_more_gets_the_documented_defaults);
    tcase_add_test(t, every_member_is_read);
    tcase_add_test(t, tenant_claim_is_short_for_claims_tenant);
    tcase_add_loop_test(t, invalid_member_is_refused_with_its_pointer, 0,
                        sizeof(invalid) / sizeof(invalid[0]));
    tcase_add_test(t, long_pointer_is_cut_and_long_lists_are_refused);
    tcase_add_test(t, failed_allocation_gives_no_rules);
    suite_add_tcase(s, t);
    return s;
}
