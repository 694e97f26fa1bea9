#include <string.h>

#include "tenant_discovery.h"
#include "unit.h"


#define ISS  "https://i.example/a"
#define URI  "https://i.example/a/keys"
#define ASK  "https://i.example/a/ask"


static tenant_discovery_t   discovery;
static tenant_json_error_t  err;


static tenant_discovery_status_t
parse(const char *text)
{
    memset(&discovery, 0xa5, sizeof(discovery));
    return tenant_discovery_parse(&discovery, text, strlen(text),
                                  tenant_str(ISS), &err);
}


static const struct {
    const char                 *text;
    tenant_discovery_status_t   status;
} rows[] = {
    { "{\"issuer\":\"" ISS "\",\"jwks_uri\":\"" URI "\"}",
      TENANT_DISCOVERY_OK },
    { "{\"jwks_uri\":\"" URI "\",\"x\":[{}],\"issuer\":\""
      "https:\\/\\/i.\\u0065xample/a\"}", TENANT_DISCOVERY_OK },

    /* Simple String Comparison: what only looks alike is another issuer */
    { "{\"issuer\":\"" ISS "/\",\"jwks_uri\":\"" URI "\"}",
      TENANT_DISCOVERY_ISSUER },
    { "{\"issuer\":\"https://i.example/\",\"jwks_uri\":\"" URI "\"}",
      TENANT_DISCOVERY_ISSUER },
    { "{\"issuer\":\"https://I.example/a\",\"jwks_uri\":\"" URI "\"}",
      TENANT_DISCOVERY_ISSUER },
    { "{\"issuer\":[\"" ISS "\"],\"jwks_uri\":\"" URI "\"}",
      TENANT_DISCOVERY_ISSUER },
    { "{\"issuer\":null,\"jwks_uri\":\"" URI "\"}", TENANT_DISCOVERY_ISSUER },
    { "{\"issuer\":\"\",\"jwks_uri\":\"" URI "\"}", TENANT_DISCOVERY_ISSUER },
    { "{\"Issuer\":\"" ISS "\",\"jwks_uri\":\"" URI "\"}",
      TENANT_DISCOVERY_ISSUER },
    { "{\"jwks_uri\":\"" URI "\"}", TENANT_DISCOVERY_ISSUER },
    { "{}", TENANT_DISCOVERY_ISSUER },

    { "{\"issuer\":\"" ISS "\"}", TENANT_DISCOVERY_NO_JWKS_URI },
    { "{\"issuer\":\"" ISS "\",\"jwks_uri\":\"\"}",
      TENANT_DISCOVERY_NO_JWKS_URI },
    { "{\"issuer\":\"" ISS "\",\"jwks_uri\":[\"" URI "\"]}",
      TENANT_DISCOVERY_NO_JWKS_URI },
    { "{\"issuer\":\"" ISS "\",\"jwks_uri\":{}}",
      TENANT_DISCOVERY_NO_JWKS_URI },

    { "", TENANT_DISCOVERY_JSON },
    { "<html>", TENANT_DISCOVERY_JSON },
    { "[{\"issuer\":\"" ISS "\",\"jwks_uri\":\"" URI "\"}]",
      TENANT_DISCOVERY_JSON },
    { "{\"issuer\":\"" ISS "\",\"jwks_uri\":\"" URI "\"}{}",
      TENANT_DISCOVERY_JSON },
    { "{\"issuer\":\"https://e.example\",\"issuer\":\"" ISS "\","
      "\"jwks_uri\":\"" URI "\"}", TENANT_DISCOVERY_JSON },
    { "{\"issuer\":\"" ISS "\\u0000\",\"jwks_uri\":\"" URI "\"}",
      TENANT_DISCOVERY_JSON },
    { "{\"issuer\":\"" ISS "\",\"jwks_uri\":\"" URI "\","
      "\"a\":[[[[[[[[1]]]]]]]]}", TENANT_DISCOVERY_JSON },
};


START_TEST(a_document_is_of_exactly_its_issuer)
{
    tenant_discovery_status_t  status = parse(rows[_i].text);

    ck_assert_msg(status == rows[_i].status, "%s: %s", rows[_i].text,
                  tenant_discovery_reason(status));
    ck_assert_int_eq(status == TENANT_DISCOVERY_JSON,
                     err.code != TENANT_JSON_OK);

    if (status == TENANT_DISCOVERY_OK) {
        ck_assert(tenant_str_eq(discovery.jwks_uri, tenant_str(URI)));
        tenant_discovery_free(&discovery);
    }

    ck_assert_ptr_null(discovery.root);
    ck_assert_ptr_null(discovery.jwks_uri.data);
}
END_TEST


static const struct {
    const char                 *text;
    tenant_discovery_status_t   status;
} endpoints[] = {
    { "{\"issuer\":\"" ISS "\",\"jwks_uri\":\"" URI "\","
      "\"introspection_endpoint\":\"" ASK "\"}", TENANT_DISCOVERY_OK },
    { "{\"issuer\":\"" ISS "\",\"introspection_endpoint\":\""
      "https:\\/\\/i.\\u0065xample/a/ask\",\"jwks_uri\":1}",
      TENANT_DISCOVERY_OK },

    { "{\"issuer\":\"" ISS "/\",\"introspection_endpoint\":\"" ASK "\"}",
      TENANT_DISCOVERY_ISSUER },
    { "{\"introspection_endpoint\":\"" ASK "\"}", TENANT_DISCOVERY_ISSUER },

    { "{\"issuer\":\"" ISS "\",\"jwks_uri\":\"" URI "\"}",
      TENANT_DISCOVERY_NO_INTROSPECTION },
    { "{\"issuer\":\"" ISS "\",\"introspection_endpoint\":\"\"}",
      TENANT_DISCOVERY_NO_INTROSPECTION },
    { "{\"issuer\":\"" ISS "\",\"introspection_endpoint\":[\"" ASK "\"]}",
      TENANT_DISCOVERY_NO_INTROSPECTION },
    { "{\"issuer\":\"" ISS "\",\"introspection_endpoint\":null}",
      TENANT_DISCOVERY_NO_INTROSPECTION },
    { "{\"issuer\":\"" ISS "\",\"Introspection_endpoint\":\"" ASK "\"}",
      TENANT_DISCOVERY_NO_INTROSPECTION },

    { "{\"issuer\":\"" ISS "\",\"introspection_endpoint\":\"" ASK "\"",
      TENANT_DISCOVERY_JSON },
    { "{\"issuer\":\"" ISS "\",\"introspection_endpoint\":\"" ASK "\","
      "\"introspection_endpoint\":\"https://e.example\"}",
      TENANT_DISCOVERY_JSON },
};


START_TEST(who_is_asked_about_tokens_needs_no_keys)
{
    const char                 *text = endpoints[_i].text;
    tenant_discovery_status_t   status;

    memset(&discovery, 0xa5, sizeof(discovery));
    status = tenant_discovery_parse_introspection(&discovery, text,
                                                  strlen(text),
                                                  tenant_str(ISS), &err);

    ck_assert_msg(status == endpoints[_i].status, "%s: %s", text,
                  tenant_discovery_reason(status));

    if (status == TENANT_DISCOVERY_OK) {
        ck_assert(tenant_str_eq(discovery.introspection_endpoint,
                                tenant_str(ASK)));
        tenant_discovery_free(&discovery);
    }

    ck_assert_ptr_null(discovery.root);
    ck_assert_ptr_null(discovery.introspection_endpoint.data);
}
END_TEST


START_TEST(a_document_of_more_than_64_kb_is_refused)
{
    static char  text[65536 + 2];

    memset(text, ' ', sizeof(text) - 1);
    memcpy(text, "{\"issuer\":\"" ISS "\",\"jwks_uri\":\"" URI "\"}",
           sizeof("{\"issuer\":\"" ISS "\",\"jwks_uri\":\"" URI "\"}") - 1);

    ck_assert_int_eq(parse(text), TENANT_DISCOVERY_JSON);
    ck_assert_int_eq(err.code, TENANT_JSON_TOO_LARGE);

    text[65536] = '\0';
    ck_assert_int_eq(parse(text), TENANT_DISCOVERY_OK);
    tenant_discovery_free(&discovery);
}
END_TEST


START_TEST(no_memory_is_not_a_verdict_on_the_document)
{
    tenant_discovery_status_t  status;
    size_t                     i;

    for (i = 0; /* void */ ; i++) {
        unit_fail_start(i, false);
        status = parse(rows[0].text);

        if (!unit_fail_stop()) {
            break;
        }

        ck_assert_int_eq(status, TENANT_DISCOVERY_NO_MEMORY);
        ck_assert_ptr_null(discovery.root);
    }

    ck_assert_uint_gt(i, 0);
    ck_assert_int_eq(status, TENANT_DISCOVERY_OK);
    tenant_discovery_free(&discovery);
}
END_TEST


START_TEST(every_status_has_a_reason)
{
    int  i;

    for (i = 0; i <= TENANT_DISCOVERY_NO_MEMORY; i++) {
        ck_assert_uint_gt(strlen(tenant_discovery_reason(i)), 4);
    }
}
END_TEST


Suite *
suite_discovery(void)
{
    Suite  *s = suite_create("discovery");
    TCase  *t = tcase_create("discovery");

    tcase_add_loop_test(t, a_document_is_of_exactly_its_issuer, 0,
                        sizeof(rows) / sizeof(rows[0]));
    tcase_add_loop_test(t, who_is_asked_about_tokens_needs_no_keys, 0,
                        sizeof(endpoints) / sizeof(endpoints[0]));
    tcase_add_test(t, a_document_of_more_than_64_kb_is_refused);
    tcase_add_test(t, no_memory_is_not_a_verdict_on_the_document);
    tcase_add_test(t, every_status_has_a_reason);
    suite_add_tcase(s, t);
    return s;
}
