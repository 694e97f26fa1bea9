#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "json_rows.h"
#include "tenant_json_text.h"
#include "tenant_value.h"
#include "unit.h"


#define S(text)  ((tenant_str_t) { (text), strlen(text) })


static bool same(const tenant_value_t *value, const json_t *json);


static bool
same_object(const tenant_value_t *value, json_t *json)
{
    const tenant_value_t  *name = tenant_value_first(value);
    const char            *key;
    json_t                *member;

    json_object_foreach(json, key, member) {
        if (!tenant_str_eq(tenant_value_text(name), S(key))
            || tenant_value_get(value, S(key)) != name + 1
            || !same(name + 1, member))
        {
            return false;
        }

        name = tenant_value_next(name + 1);
    }

    return value->len == json_object_size(json)
           && name == tenant_value_next(value);
}


static bool
same_array(const tenant_value_t *value, const json_t *json)
{
    size_t  i;

    for (i = 0; i < json_array_size(json); i++) {
        if (!same(tenant_value_at(value, i), json_array_get(json, i))) {
            return false;
        }
    }

    return value->len == json_array_size(json)
           && tenant_value_at(value, i) == NULL;
}


static bool
same(const tenant_value_t *value, const json_t *json)
{
    if (value == NULL) {
        return false;
    }

    switch (json_typeof(json)) {
    case JSON_NULL:
        return value->kind == TENANT_VALUE_NULL;
    case JSON_FALSE:
        return value->kind == TENANT_VALUE_FALSE;
    case JSON_TRUE:
        return value->kind == TENANT_VALUE_TRUE;
    case JSON_INTEGER:
        return value->kind == TENANT_VALUE_INTEGER
               && value->u.integer == json_integer_value(json);
    case JSON_REAL:
        return value->kind == TENANT_VALUE_REAL
               && tenant_value_number(value) == json_real_value(json);
    case JSON_STRING:
        return value->kind == TENANT_VALUE_STRING
               && tenant_str_eq(tenant_value_text(value),
                                tenant_json_string(json));
    case JSON_ARRAY:
        return value->kind == TENANT_VALUE_ARRAY && same_array(value, json);
    default:
        return value->kind == TENANT_VALUE_OBJECT
               && same_object(value, (json_t *) json);
    }
}


/* Text is printed with what no terminal likes as dots. */
static const char *
shown(const char *text, size_t len)
{
    static char  out[512];
    size_t       i;

    for (i = 0; i < len && i < sizeof(out) - 1; i++) {
        out[i] = text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '.';
    }

    out[i] = '\0';
    return out;
}


/*
 * Both readers, on memory that ends with the text: the same verdict, and the
 * same values or else the same code and place, if exactly is set.  In large
 * objects a name that comes twice is found later than what is wrong behind
 * it.  Returns whether it was accepted.
 */
static bool
agree(const char *text, size_t len, const tenant_json_limits_t *limits,
    bool exactly)
{
    tenant_json_error_t    err, wanted;
    const tenant_value_t  *value;
    json_t                *json;

    json = tenant_json_parse(text, len, limits, &wanted);
    value = unit_read(text, len, limits, &err);

    if (json != NULL) {
        ck_assert_msg(value != NULL, "%s: %s at %zu", shown(text, len),
                      tenant_json_reason(err.code), err.offset);
        ck_assert_msg(same(value, json), "%s", shown(text, len));
        json_decref(json);
        return true;
    }

    ck_assert_msg(value == NULL, "%s: accepted, not %s at %zu",
                  shown(text, len), tenant_json_reason(wanted.code),
                  wanted.offset);

    ck_assert_msg(!exactly || (err.code == wanted.code
                               && err.offset == wanted.offset),
                  "%s: %s at %zu, not %s at %zu", shown(text, len),
                  tenant_json_reason(err.code), err.offset,
                  tenant_json_reason(wanted.code), wanted.offset);
    return false;
}


START_TEST(bad_text_is_refused_as_the_other_reader_does)
{
    const json_row_t     *row = &json_rows[_i];
    tenant_json_error_t   err;

    ck_assert_ptr_null(unit_read(row->text, row->len,
                                 &tenant_json_token_limits, &err));
    ck_assert_msg(err.code == row->code, "%s: %s, not %s", row->text,
                  tenant_json_reason(err.code),
                  tenant_json_reason(row->code));
    ck_assert_msg(err.offset == row->offset, "%s: at %zu, not %zu",
                  row->text, err.offset, row->offset);
}
END_TEST


static const char *const  seeds[] = {
    "{}", " { } ", "{\"a\":[]}", "{\"a\":{}}", "{\"\":\"\"}",
    "{\"a\":1,\"b\":-1,\"c\":0,\"d\":-0}",
    "{\"max\":9223372036854775807,\"min\":-9223372036854775808}",
    "{\"a\":1.5,\"b\":-2e3,\"c\":1E-2,\"d\":1e308,\"e\":0.1e+1}",
    "{\"t\":true,\"f\":false,\"n\":null}",
    "{\"s\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}",
    "{\"s\":\"a\\u00e9\\u20ac\\ud83d\\ude00\\uFFFFz\"}",
    "{\"s\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 and then some ASCII\"}",
    "{\"\\u0061b\":{\"\\u0063\":[\"\\u0064\",\"e\"],\"f\":\"\\u0067\"}}",
    "{\"a\" :\t[ 1 ,\n2 , [ [ ] ] ]\r}",
    "{\"iss\":\"https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab\","
    "\"sub\":\"0d8f5c9e-3c40-4a51-9ce0-5f0f5b6d7a10\",\"aud\":[\"a\",\"b\"],"
    "\"cognito:groups\":[\"support\",\"billing\"],\"exp\":1700003600,"
    "\"custom\":{\"level\":2.5,\"on\":true,\"none\":null},"
    "\"scope\":\"agents\\/invoke agents\\/read\"}",
};


START_TEST(good_text_reads_as_the_other_reader_reads_it)
{
    size_t  i;

    for (i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++) {
        ck_assert_msg(agree(seeds[i], strlen(seeds[i]),
                            &tenant_json_token_limits, true), "%s", seeds[i]);
    }
}
END_TEST


static const char *const  pieces[] = {
    "\"", "\\", "{", "}", "[", "]", ",", ":", "\\u0061", "\\u0000",
    "\\ud83d", "\\ude00", "\\n", "\xc3\xa9", "\xed\xa0\x80", "\xff",
    "\xef\xbb\xbf", "0", "1e9", "-", ".5", "99999999999", "true", "null",
    " ", "\n", "\x01", "\"a\":1,", ",\"a\":1", "\"s\":\"\",", "{\"a\":",
    "[[[[",
};


/* A document and one to four changes: 150,000 texts, the same each time. */
START_TEST(changed_text_gets_the_verdict_of_the_other_reader)
{
    char      text[2048];
    size_t    len;
    unsigned  i, n, accepted = 0, count = 150000;

    srandom(11);

    for (i = 0; i < count; i++) {
        const char  *seed = seeds[change_below(sizeof(seeds) / sizeof(seeds[0]))];

        len = strlen(seed);
        memcpy(text, seed, len);

        for (n = 1 + (unsigned) change_below(4); n != 0; n--) {
            len = change_text(text, len, sizeof(text), pieces,
                              sizeof(pieces) / sizeof(pieces[0]));
        }

        accepted += agree(text, len, &tenant_json_token_limits, true);
    }

    ck_assert_uint_gt(accepted, count / 20);
    ck_assert_uint_lt(accepted, count / 2);
}
END_TEST


START_TEST(every_prefix_is_refused_as_the_other_reader_does)
{
    size_t  i, len;

    for (i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++) {
        for (len = 0; len < strlen(seeds[i]); len++) {
            (void) agree(seeds[i], len, &tenant_json_token_limits, true);
        }
    }
}
END_TEST


START_TEST(limits_are_those_of_the_other_reader)
{
    tenant_json_limits_t  limits = { 20, 3, 4 };
    char                  deep[8192];
    size_t                i;

    ck_assert(agree("{\"a\":[1,2]}         ", 20, &limits, true));
    ck_assert(!agree("{\"a\":[1,2]}          ", 21, &limits, true));
    ck_assert(!agree("{\"a\":[1,2,3]}", 13, &limits, true));
    ck_assert(agree("{\"a\":[{}]}", 10, &limits, true));
    ck_assert(!agree("{\"a\":[{\"b\":[]}]}", 16, &limits, true));

    for (i = 0; i < 1000; i++) {
        memcpy(deep + i * 5, "{\"a\":", 5);
    }

    /* a caller's larger limit does not lift the one that guards the stack */
    limits = (tenant_json_limits_t) { 65536, 1000000, 100000 };
    ck_assert(!agree(deep, 5000, &tenant_json_token_limits, true));
    ck_assert(!agree(deep, 5000, &limits, true));
}
END_TEST


/* members many names, of which the one at index repeats that at of. */
static size_t
large_object(char *text, size_t size, unsigned members, unsigned index,
    unsigned of)
{
    size_t    n = 1;
    unsigned  i;

    text[0] = '{';

    for (i = 0; i < members; i++) {
        n += (size_t) snprintf(text + n, size - n, "\"%s%u\":[%u,{}],",
                               i % 3 ? "m" : "\\u006d", i == index ? of : i,
                               i);
    }

    text[n - 1] = '}';
    return n;
}


START_TEST(names_are_told_apart_in_large_objects_too)
{
    static const unsigned  sizes[] = { 1, 2, 31, 32, 33, 34, 100, 1300 };
    static char            text[65536];
    unsigned               i, n, index, members;
    size_t                 len;

    srandom(5);

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        members = sizes[i];
        len = large_object(text, sizeof(text), members, members, 0);
        ck_assert(agree(text, len, &tenant_json_token_limits, true));

        for (n = 0; members > 1 && n < 40; n++) {
            index = 1 + (unsigned) change_below(members - 1);
            len = large_object(text, sizeof(text), members, index,
                               (unsigned) change_below(index));
            ck_assert(!agree(text, len, &tenant_json_token_limits, true));
        }
    }
}
END_TEST


/* Behind so many values a name has no place in the table. */
START_TEST(names_are_told_apart_behind_very_many_values)
{
    static const char      *const tails[] = {
        "],\"b\":1}", "],\"b\":1,\"b\":1}", "],\"a\":1}",
    };
    static char            text[200000];
    tenant_json_limits_t   limits = { sizeof(text), 16, 100000 };
    size_t                 i, len, zeros;

    for (zeros = 65530; zeros < 65536; zeros++) {
        len = 6;
        memcpy(text, "{\"a\":[", 6);

        for (i = 0; i < zeros; i++) {
            memcpy(text + len, "0,", 2);
            len += 2;
        }

        for (i = 0; i < 3; i++) {
            strcpy(text + len - 1, tails[i]);
            ck_assert(agree(text, len - 1 + strlen(tails[i]), &limits, true)
                      == (i == 0));
        }
    }
}
END_TEST


/* each byte at each of eight places, beside others that may spill over */
START_TEST(ends_of_plain_text_are_found_in_words)
{
    static const char  others[] = "a\"\\\x1f\x00\xff\x7f\x80 #";
    uint8_t            word[8];
    uint64_t           ends;
    size_t             at, i, k;
    bool               end;
    int                c;

    for (i = 0; i < sizeof(others) - 1; i++) {
        for (at = 0; at < 8; at++) {
            for (c = 0; c < 256; c++) {
                memset(word, others[i], sizeof(word));
                word[at] = (uint8_t) c;
                ends = tenant_json_ends_portable(word);
                ck_assert_uint_eq(ends >> 8, 0);

                for (k = 0; k < 8; k++) {
                    end = word[k] < 0x20 || word[k] >= 0x80
                          || word[k] == '"' || word[k] == '\\';
                    ck_assert_uint_eq(ends >> k & 1, end);
                }
            }
        }
    }
}
END_TEST


START_TEST(numbers_are_read_whole_wherever_they_end)
{
    static const char  behind[] = ",.eE-+/:0x ]";
    char               text[64], digits[24];
    size_t             i, k, n;

    for (n = 1; n < 22; n++) {
        for (i = 0; i < 10; i++) {
            for (k = 0; k < n; k++) {
                digits[k] = (char) ('0' + (i * 7 + k * 3) % 10);
            }

            for (k = 0; k < sizeof(behind) - 1; k++) {
                (void) agree(text, (size_t) snprintf(text, sizeof(text),
                                                     "{\"a\":%.*s%c1}",
                                                     (int) n, digits,
                                                     behind[k]),
                             &tenant_json_token_limits, true);
            }

            (void) agree(text, (size_t) snprintf(text, sizeof(text),
                                                 "{\"a\":%.*s}", (int) n,
                                                 digits),
                         &tenant_json_token_limits, true);
            (void) agree(text, (size_t) snprintf(text, sizeof(text),
                                                 "{\"a\":%.*s", (int) n,
                                                 digits),
                         &tenant_json_token_limits, true);
        }
    }
}
END_TEST


/* a byte that is no digit, at each place of the first eight */
START_TEST(numbers_have_digits_only)
{
    char      text[32];
    size_t    at;
    unsigned  accepted = 0;
    int       c;

    for (at = 0; at < 10; at++) {
        for (c = 0; c < 256; c++) {
            memcpy(text, "{\"a\":1795519759,\"b\":1}", 22);
            text[5 + at] = (char) c;
            accepted += agree(text, 22, &tenant_json_token_limits, true);
        }
    }

    ck_assert_uint_gt(accepted, 100);
    ck_assert_uint_lt(accepted, 200);
}
END_TEST


START_TEST(tape_grows_and_says_when_it_cannot)
{
    static char            text[16384];
    static tenant_value_t  few[2];
    tenant_tape_t          tape = { few, 2, NULL, NULL };
    tenant_json_error_t    err;
    const tenant_value_t  *value;
    size_t                 len, n;
    bool                   failed = true;

    memcpy(text, "{\"a\":1}", 7);
    ck_assert_ptr_null(tenant_value_read(&tape, text, 7,
                                         &tenant_json_token_limits, &err));
    ck_assert_int_eq(err.code, TENANT_JSON_NO_MEMORY);

    for (n = 0; failed; n++) {
        len = large_object(text, sizeof(text), 600, 600, 0);
        unit_fail_start(n, false);
        value = unit_read(text, len, &tenant_json_token_limits, &err);
        failed = unit_fail_stop();
        ck_assert(failed == (value == NULL));
        ck_assert_int_eq(err.code, failed ? TENANT_JSON_NO_MEMORY
                                          : TENANT_JSON_OK);
    }

    ck_assert_uint_gt(n, 4);
}
END_TEST


START_TEST(values_print_as_compact_json)
{
    static const char *const  rows[][2] = {
        { "{ }", "{}" }, { "{\"a\" : [ ] }", "{\"a\":[]}" },
        { "{\"a\":[1 , -2,\t\"b\",{\"c\":null}],\"d\":true,\"e\":false}",
          "{\"a\":[1,-2,\"b\",{\"c\":null}],\"d\":true,\"e\":false}" },
        { "{\"a\":-9223372036854775808,\"b\":9223372036854775807}",
          "{\"a\":-9223372036854775808,\"b\":9223372036854775807}" },
        { "{\"a\":1.50,\"b\":1e2}", "{\"a\":1.50,\"b\":1e2}" },
        { "{\"\\u0061\":\"\\u00e9\\/\\\"\\\\\\b\\t\\n\\u000b\\f\\r\\u001f~\"}",
          "{\"a\":\"\xc3\xa9/\\\"\\\\\\b\\t\\n\\u000B\\f\\r\\u001F~\"}" },
    };
    const tenant_value_t  *value;
    char                   text[256];
    size_t                 i, len;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        value = unit_claims(rows[i][0]);
        len = tenant_value_print(value, NULL);
        ck_assert_uint_eq(len, strlen(rows[i][1]));
        ck_assert_uint_eq(tenant_value_print(value, text), len);
        text[len] = '\0';
        ck_assert_str_eq(text, rows[i][1]);
    }
}
END_TEST


START_TEST(absent_values_are_taken_for_nothing)
{
    const tenant_value_t  *object = unit_claims("{\"a\":\"x\",\"b\":[1]}");
    const tenant_value_t  *a = tenant_value_get(object, S("a"));

    ck_assert_ptr_null(tenant_value_get(NULL, S("a")));
    ck_assert_ptr_null(tenant_value_get(a, S("a")));
    ck_assert_ptr_null(tenant_value_get(object, S("c")));
    ck_assert_ptr_null(tenant_value_get(object, S("")));
    ck_assert_ptr_null(tenant_value_at(NULL, 0));
    ck_assert_ptr_null(tenant_value_at(object, 0));
    ck_assert_ptr_null(tenant_value_at(tenant_value_get(object, S("b")), 1));
    ck_assert_ptr_null(tenant_value_text(NULL).data);
    ck_assert_ptr_null(tenant_value_text(object).data);
    ck_assert(tenant_value_number(NULL) == 0);
    ck_assert(tenant_value_number(a) == 0);
    ck_assert(!tenant_value_is(NULL, TENANT_VALUE_NULL));
}
END_TEST


Suite *
suite_value(void)
{
    Suite  *s = suite_create("value");
    TCase  *t = tcase_create("value");

    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, bad_text_is_refused_as_the_other_reader_does, 0,
                        (int) json_rows_count);
    tcase_add_test(t, good_text_reads_as_the_other_reader_reads_it);
    tcase_add_test(t, changed_text_gets_the_verdict_of_the_other_reader);
    tcase_add_test(t, every_prefix_is_refused_as_the_other_reader_does);
    tcase_add_test(t, limits_are_those_of_the_other_reader);
    tcase_add_test(t, names_are_told_apart_in_large_objects_too);
    tcase_add_test(t, names_are_told_apart_behind_very_many_values);
    tcase_add_test(t, ends_of_plain_text_are_found_in_words);
    tcase_add_test(t, numbers_are_read_whole_wherever_they_end);
    tcase_add_test(t, numbers_have_digits_only);
    tcase_add_test(t, tape_grows_and_says_when_it_cannot);
    tcase_add_test(t, values_print_as_compact_json);
    tcase_add_test(t, absent_values_are_taken_for_nothing);
    suite_add_tcase(s, t);
    return s;
}
