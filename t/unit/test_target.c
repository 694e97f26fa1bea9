#include <string.h>

#include "tenant_target.h"
#include "unit.h"


static tenant_target_t  target;
static tenant_str_t     arg;
static char             buf[512];


static tenant_target_result_t
parse(const char *uri)
{
    const char  *mark = strchr(uri, '?');
    size_t       len = mark ? (size_t) (mark - uri) : strlen(uri);
    const char  *args = mark ? mark + 1 : uri + len;

    return tenant_target_parse(uri, len, args, strlen(args), buf, &target,
                               &arg);
}


static bool
is(tenant_str_t text, const char *expected)
{
    return text.len == strlen(expected)
           && memcmp(text.data, expected, text.len) == 0;
}


START_TEST(resources_are_told_apart)
{
    ck_assert_int_eq(parse("/v1/tenants"), TENANT_TARGET_OK);
    ck_assert_int_eq(target.resource, TENANT_TARGET_COLLECTION);
    ck_assert(is(target.collection, "tenants"));
    ck_assert_uint_eq(target.limit, TENANT_LIMIT_DEFAULT);

    ck_assert_int_eq(parse("/v1/tiers/gold"), TENANT_TARGET_OK);
    ck_assert_int_eq(target.resource, TENANT_TARGET_OBJECT);
    ck_assert(is(target.id, "gold"));

    ck_assert_int_eq(parse("/v1/tenants/acme/state"), TENANT_TARGET_OK);
    ck_assert_int_eq(target.resource, TENANT_TARGET_STATE);
    ck_assert(is(target.id, "acme"));

    ck_assert_int_eq(parse("/v1/tenants/acme:offboard"), TENANT_TARGET_OK);
    ck_assert_int_eq(target.resource, TENANT_TARGET_ACTION);
    ck_assert_int_eq(target.action, TENANT_ACTION_OFFBOARD);
    ck_assert(is(target.id, "acme"));

    ck_assert_int_eq(parse("/v1/export"), TENANT_TARGET_OK);
    ck_assert_int_eq(target.resource, TENANT_TARGET_EXPORT);
}
END_TEST


START_TEST(an_id_is_one_encoded_segment)
{
    ck_assert_int_eq(parse("/v1/issuers/https%3A%2F%2Fa.test%2fb"),
                     TENANT_TARGET_OK);
    ck_assert(is(target.id, "https://a.test/b"));

    ck_assert_int_eq(parse("/v1/issuers/https:%2F%2Fa.test"),
                     TENANT_TARGET_OK);
    ck_assert(is(target.id, "https://a.test"));

    /* "+" is a space in arguments alone */
    ck_assert_int_eq(parse("/v1/prices/a+b?after=a+b"), TENANT_TARGET_OK);
    ck_assert(is(target.id, "a+b"));
    ck_assert(is(target.after, "a b"));
}
END_TEST


START_TEST(what_is_nothing_is_not_found)
{
    static const char *const  uris[] = {
        "", "/", "/v1", "/v1/", "/v2/tenants", "/v1/planets", "/v1/tenants/",
        "/v1/tenants//state", "/v1/tenants/.", "/v1/tenants/..",
        "/v1/tenants/a/b", "/v1/tiers/a/state", "/v1/tenants/a:resume",
        "/v1/tenants/:suspend", "/v1/tenants/a:suspend:activate",
        "/v1/import/a", "/v1/exports", "/v1/tenants/a/state/"
    };

    ck_assert_int_eq(parse(uris[_i]), TENANT_TARGET_NONE);
}
END_TEST


START_TEST(broken_encoding_is_refused)
{
    static const char *const  uris[] = {
        "/v1/tiers/%", "/v1/tiers/a%2", "/v1/tiers/%zz", "/v1/tiers/%00",
        "/v1/tiers?after=%", "/v1/tiers?after=%0", "/v1/tiers?after=a%00"
    };

    ck_assert_int_eq(parse(uris[_i]), TENANT_TARGET_ENCODING);
}
END_TEST


START_TEST(arguments_are_read)
{
    ck_assert_int_eq(parse("/v1/tenants?limit=1000&&dry_run=true&prune=false"
                           "&tenant="),
                     TENANT_TARGET_OK);
    ck_assert_uint_eq(target.limit, 1000);
    ck_assert(target.dry_run && !target.prune && !target.atomic);
    ck_assert_uint_eq(target.given, TENANT_ARG_LIMIT|TENANT_ARG_DRY_RUN
                                    |TENANT_ARG_PRUNE|TENANT_ARG_TENANT);
    ck_assert_uint_eq(target.tenant.len, 0);
}
END_TEST


START_TEST(arguments_that_cannot_be_are_refused)
{
    static const struct {
        const char              *uri;
        tenant_target_result_t   result;
        const char              *arg;
    } cases[] = {
        { "/v1/tiers?limit=0", TENANT_TARGET_VALUE, "limit" },
        { "/v1/tiers?limit=1001", TENANT_TARGET_VALUE, "limit" },
        { "/v1/tiers?limit=", TENANT_TARGET_VALUE, "limit" },
        { "/v1/tiers?limit=1e2", TENANT_TARGET_VALUE, "limit" },
        { "/v1/tiers?limit=99999999999", TENANT_TARGET_VALUE, "limit" },
        { "/v1/tiers?dry_run", TENANT_TARGET_VALUE, "dry_run" },
        { "/v1/tiers?dry_run=1", TENANT_TARGET_VALUE, "dry_run" },
        { "/v1/tiers?after=a&after=b", TENANT_TARGET_REPEATED, "after" },
        { "/v1/tiers?Limit=1", TENANT_TARGET_UNKNOWN, "Limit" },
        { "/v1/tiers?=1", TENANT_TARGET_UNKNOWN, "" },
        { "/v1/tiers?limit=1&x", TENANT_TARGET_UNKNOWN, "x" }
    };

    ck_assert_int_eq(parse(cases[_i].uri), cases[_i].result);
    ck_assert(is(arg, cases[_i].arg));
}
END_TEST


Suite *
suite_target(void)
{
    Suite  *suite = suite_create("target");
    TCase  *tc = tcase_create("target");

    tcase_add_test(tc, resources_are_told_apart);
    tcase_add_test(tc, an_id_is_one_encoded_segment);
    tcase_add_loop_test(tc, what_is_nothing_is_not_found, 0, 18);
    tcase_add_loop_test(tc, broken_encoding_is_refused, 0, 7);
    tcase_add_test(tc, arguments_are_read);
    tcase_add_loop_test(tc, arguments_that_cannot_be_are_refused, 0, 11);
    suite_add_tcase(suite, tc);

    return suite;
}
