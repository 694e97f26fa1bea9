#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_rows.h"
#include "unit.h"


static json_t *
parse(const char *text, size_t len, tenant_json_error_t *err)
{
    return tenant_json_parse(text, len, &tenant_json_token_limits, err);
}


START_TEST(bad_text_is_refused_with_its_reason_and_place)
{
    const json_row_t     *row = &json_rows[_i];
    tenant_json_error_t   err;
    char                 *copy;

    /* no byte behind the text, so that reading one is seen */
    copy = malloc(row->len ? row->len : 1);
    memcpy(copy, row->text, row->len);

    ck_assert_ptr_null(parse(copy, row->len, &err));
    ck_assert_msg(err.code == row->code, "%s: %s, not %s", row->text,
                  tenant_json_reason(err.code),
                  tenant_json_reason(row->code));
    ck_assert_msg(err.offset == row->offset, "%s: at %zu, not %zu",
                  row->text, err.offset, row->offset);
    free(copy);
}
END_TEST


START_TEST(values_come_out_as_jansson_reads_them)
{
    static const char *const  texts[] = {
        "{}", " { } ", "{\"a\":[]}", "{\"a\":{}}", "{\"\":\"\"}",
        "{\"a\":1,\"b\":-1,\"c\":0,\"d\":-0}",
        "{\"max\":9223372036854775807,\"min\":-9223372036854775808}",
        "{\"a\":1.5,\"b\":-2e3,\"c\":1E-2,\"d\":1e308,\"e\":0.1e+1}",
        "{\"t\":true,\"f\":false,\"n\":null}",
        "{\"s\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}",
        "{\"s\":\"a\\u00e9\\u20ac\\ud83d\\ude00\\uFFFFz\"}",
        "{\"s\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"}",
        "{\"\\u0061b\":{\"\\u0063\":[\"\\u0064\",\"e\"],\"f\":\"\\u0067\"}}",
        "{\"a\" :\t[ 1 ,\n2 , [ [ ] ] ]\r}",
    };
    tenant_json_error_t  err;
    json_t              *ours, *theirs;
    size_t               i;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        ours = parse(texts[i], strlen(texts[i]), &err);
        theirs = json_loads(texts[i], 0, NULL);
        ck_assert_msg(ours != NULL, "%s: %s at %zu", texts[i],
                      tenant_json_reason(err.code), err.offset);
        ck_assert_int_eq(err.code, TENANT_JSON_OK);
        ck_assert_ptr_nonnull(theirs);
        ck_assert_msg(json_equal(ours, theirs), "%s", texts[i]);
        json_decref(ours);
        json_decref(theirs);
    }
}
END_TEST


/* 1,000 deep is refused at the limit, whatever opens the nesting */
START_TEST(nesting_is_bounded)
{
    tenant_json_limits_t  limits = { 65536, 3, 100 };
    tenant_json_error_t   err;
    char                  deep[8192];
    json_t               *json;
    size_t                i;

    json = tenant_json_parse("{\"a\":[{}]}", 10, &limits, &err);
    ck_assert_ptr_nonnull(json);
    json_decref(json);

    ck_assert_ptr_null(tenant_json_parse("{\"a\":[{\"b\":[]}]}", 16, &limits,
                                         &err));
    ck_assert_int_eq(err.code, TENANT_JSON_TOO_DEEP);
    ck_assert_uint_eq(err.offset, 11);

    memcpy(deep, "{\"a\":", 5);
    memset(deep + 5, '[', 1000);
    ck_assert_ptr_null(parse(deep, 1005, &err));
    ck_assert_int_eq(err.code, TENANT_JSON_TOO_DEEP);
    ck_assert_uint_eq(err.offset, 5 + 15);

    for (i = 0; i < 1000; i++) {
        memcpy(deep + i * 5, "{\"a\":", 5);
    }

    ck_assert_ptr_null(parse(deep, 5000, &err));
    ck_assert_int_eq(err.code, TENANT_JSON_TOO_DEEP);
    ck_assert_uint_eq(err.offset, 16 * 5);

    /* a caller's larger limit does not lift the one that guards the stack */
    limits.max_depth = 1000000;
    ck_assert_ptr_null(tenant_json_parse(deep, 5000, &limits, &err));
    ck_assert_int_eq(err.code, TENANT_JSON_TOO_DEEP);
    ck_assert_uint_eq(err.offset, TENANT_JSON_DEPTH_MAX * 5);
}
END_TEST


START_TEST(size_and_number_of_values_are_bounded)
{
    tenant_json_limits_t  limits = { 20, 8, 4 };
    tenant_json_error_t   err;
    json_t               *json;

    json = tenant_json_parse("{\"a\":[1,2]}         ", 20, &limits, &err);
    ck_assert_ptr_nonnull(json);
    json_decref(json);

    ck_assert_ptr_null(tenant_json_parse("{\"a\":[1,2]}          ", 21,
                                         &limits, &err));
    ck_assert_int_eq(err.code, TENANT_JSON_TOO_LARGE);
    ck_assert_uint_eq(err.offset, 20);

    ck_assert_ptr_null(tenant_json_parse("{\"a\":[1,2,3]}", 13, &limits,
                                         &err));
    ck_assert_int_eq(err.code, TENANT_JSON_TOO_MANY);
    ck_assert_uint_eq(err.offset, 10);
}
END_TEST


START_TEST(every_prefix_of_a_document_is_refused)
{
    static const char    text[] =
        "{\"a\":[1,-2.5e3,\"\\u00e9\\ud83d\\ude00\xc3\xa9\"],"
        "\"b\":{\"c\":true}}";
    tenant_json_error_t  err;
    json_t              *json;
    char                *copy;
    size_t               len;

    for (len = 0; len < sizeof(text) - 1; len++) {
        copy = malloc(len + 1);
        memcpy(copy, text, len);
        copy = realloc(copy, len ? len : 1);
        ck_assert_msg(parse(copy, len, &err) == NULL, "%zu bytes", len);
        ck_assert_int_ne(err.code, TENANT_JSON_OK);
        ck_assert_uint_le(err.offset, len);
        free(copy);
    }

    json = parse(text, sizeof(text) - 1, &err);
    ck_assert_ptr_nonnull(json);
    json_decref(json);
}
END_TEST


/*
 * jansson's own reader drops bytes of a string when its buffer cannot grow:
 * no result may differ from the one with memory.
 */
START_TEST(failed_allocation_is_no_memory_and_nothing_else)
{
    char                 text[600];
    tenant_json_error_t  err;
    json_t              *whole, *json;
    size_t               n;
    bool                 failed = true;

    snprintf(text, sizeof(text),
             "{\"\\u0061\":\"\\u0062%0200d\",\"c\":[1,2.5,\"d\",{\"e\":"
             "\"f\"},3,4,5,6,7,8,9,10,11,12],\"g1\":1,\"g2\":2,\"g3\":3,"
             "\"g4\":4,\"g5\":5,\"g6\":6,\"g7\":7,\"g8\":8,\"g9\":9}", 7);
    whole = parse(text, strlen(text), &err);
    ck_assert_ptr_nonnull(whole);

    for (n = 0; failed; n++) {
        unit_fail_start(n, false);
        json = parse(text, strlen(text), &err);
        failed = unit_fail_stop();

        if (failed) {
            ck_assert_msg(json == NULL, "allocation %zu", n);
            ck_assert_int_eq(err.code, TENANT_JSON_NO_MEMORY);

        } else {
            ck_assert(json_equal(json, whole));
            json_decref(json);
        }
    }

    ck_assert_uint_gt(n, 40);
    json_decref(whole);
}
END_TEST


Suite *
suite_json(void)
{
    Suite  *s = suite_create("json");
    TCase  *t = tcase_create("json");

    tcase_add_loop_test(t, bad_text_is_refused_with_its_reason_and_place, 0,
                        (int) json_rows_count);
    tcase_add_test(t, values_come_out_as_jansson_reads_them);
    tcase_add_test(t, nesting_is_bounded);
    tcase_add_test(t, size_and_number_of_values_are_bounded);
    tcase_add_test(t, every_prefix_of_a_document_is_refused);
    tcase_add_test(t, failed_allocation_is_no_memory_and_nothing_else);
    suite_add_tcase(s, t);
    return s;
}
