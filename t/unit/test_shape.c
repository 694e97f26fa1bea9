#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "tenant_value_shape.h"
#include "unit.h"


#define ROOM  1024


/* A text that was read, with what stood behind it. */
typedef struct {
    char                   text[4096];
    tenant_value_t         values[ROOM];
    const tenant_value_t  *object;
    tenant_json_error_t    err;
    size_t                 alike;
} reading_t;


static reading_t             plain, shaped;
static tenant_value_shape_t  shape;


static void
read_as(reading_t *reading, const char *text, size_t len, const char *behind,
    size_t nbehind, const tenant_value_shape_t *as,
    const tenant_json_limits_t *limits)
{
    tenant_tape_t  tape = { reading->values, ROOM, NULL, NULL };
    char          *copy = malloc(len + nbehind + 1);

    /* at the end of its memory, for the sanitizers */
    ck_assert_uint_le(len, sizeof(reading->text));
    memcpy(copy, text, len);
    memcpy(copy + len, behind, nbehind);
    copy = realloc(copy, len + nbehind ? len + nbehind : 1);

    memset(reading->values, 0, sizeof(reading->values));
    reading->object = tenant_value_read_as(&tape, copy, len, nbehind, limits,
                                           as, &reading->alike,
                                           &reading->err);
    ck_assert(memcmp(copy + len, behind, nbehind) == 0);

    if (reading->object != NULL) {
        const tenant_value_t  *value = reading->object;
        tenant_value_t        *v;

        /* from here on texts are distances */
        for (v = reading->values + TENANT_TAPE_TABLE;
             v < value + value->span; v++)
        {
            if (v->kind == TENANT_VALUE_STRING
                || v->kind == TENANT_VALUE_REAL)
            {
                v->u.integer = v->u.text - copy;
            }
        }
    }

    memcpy(reading->text, copy, len);
    free(copy);
}


/* Whether the text is accepted: with the shape as without it. */
static bool
agree(const char *text, size_t len, const char *behind, size_t nbehind,
    const tenant_json_limits_t *limits)
{
    size_t  i, span;

    read_as(&plain, text, len, behind, nbehind, NULL, limits);
    read_as(&shaped, text, len, behind, nbehind, &shape, limits);

    ck_assert_msg((plain.object != NULL) == (shaped.object != NULL)
                  && plain.err.code == shaped.err.code
                  && plain.err.offset == shaped.err.offset,
                  "%.*s: %s at %zu, not %s at %zu", (int) len, text,
                  tenant_json_reason(shaped.err.code), shaped.err.offset,
                  tenant_json_reason(plain.err.code), plain.err.offset);

    if (plain.object == NULL) {
        return false;
    }

    ck_assert(memcmp(plain.text, shaped.text, len) == 0);
    ck_assert_uint_eq(shaped.object->span, plain.object->span);
    span = plain.object->span + TENANT_TAPE_TABLE;

    for (i = 0; i < span; i++) {
        ck_assert_msg(memcmp(&plain.values[i], &shaped.values[i],
                             sizeof(plain.values[i])) == 0,
                      "%.*s: value %zu", (int) len, text, i);
    }

    return true;
}


/* Makes the shape of text, which is good. */
static void
shape_of(const char *text)
{
    tenant_value_shape(&shape, unit_claims(text));
}


static bool
agree_with(const char *text)
{
    return agree(text, strlen(text), "", 0, &tenant_json_token_limits);
}


static const char *const  seeds[] = {
    "{}",
    "{\"a\":1}",
    "{\"\":\"\"}",
    "{\"aud\":\"agents\",\"exp\":1795692100,\"iss\":\"https://idp.test\","
    "\"groups\":[\"a\",\"b\"],\"jti\":\"00000001-1111-4111-8111-000000000001\""
    ",\"scope\":\"agents/use agents/read\",\"sub\":\"someone\"}",
    "{\"https://gateway.example.com/claims/of/a/tenant/id\":\"globex\","
    "\"https://gateway.example.com/tier\":\"basic\",\"exp\":1700003600.5,"
    "\"iat\":0,\"nbf\":-5,\"on\":true,\"off\":false,\"none\":null}",
    "{\"a\":{\"a\":{\"a\":1},\"b\":[]},\"b\":\"\\u00e9\",\"c\":\"\xc3\xa9\","
    "\"d\":\"a\\\\b\\\"c\",\"e\":[{\"a\":\"\\n\"},1,2,\"x\"],\"f\":\"\"}",
    "{\"auth_time\":1795519300,\"client_id\":\"1example23456789\","
    "\"cognito:groups\":[\"support\",\"billing\"],\"custom:tenantId\":\"acme\""
    ",\"exp\":1795692100,\"iat\":1795519300,\"iss\":\"https://idp.test\","
    "\"token_use\":\"access\",\"username\":\"u\"}",
};

#define SEEDS  (sizeof(seeds) / sizeof(seeds[0]))


static const char *const  pieces[] = {
    "\"", "\\", "}", ",", ":", " ", "\\u0061", "\xff", "\x01", "\xc3\xa9",
    "12", ".5", "0", "e1", "null", "[]", "{}", ",\"exp\":1", ",\"a\":1",
    "\"a\":1,", "\"b\":2,", "longer than anything that was there before",
};


/* Texts that are as a shape says, nearly so, and not at all. */
START_TEST(text_reads_the_same_with_any_shape)
{
    static const char  behind[] = "\"}]},\"exp\":1,\"a\":\"b\"}0123456789abcde";
    char               text[2048];
    size_t             len, whole = 0, partly = 0, accepted = 0;
    unsigned           i, n, count = 100000;

    srandom(17);

    for (i = 0; i < count; i++) {
        const char  *seed = seeds[change_below(SEEDS)];

        shape_of(change_below(8) ? seed : seeds[change_below(SEEDS)]);
        len = strlen(seed);
        memcpy(text, seed, len);

        for (n = (unsigned) change_below(4); n != 0 && len != 0; n--) {
            len = change_text(text, len, sizeof(text), pieces,
                              sizeof(pieces) / sizeof(pieces[0]));
        }

        if (agree(text, len, behind, change_below(sizeof(behind)),
                  &tenant_json_token_limits))
        {
            accepted++;
            whole += shape.count != 0 && shaped.alike == shape.count
                     && shaped.alike == shaped.object->len;
            partly += shaped.alike != 0 && shaped.alike < shape.count;
        }
    }

    ck_assert_uint_gt(accepted, count / 4);
    ck_assert_uint_lt(accepted, count / 2);
    ck_assert_uint_gt(whole, count / 8);
    ck_assert_uint_gt(partly, count / 100);
}
END_TEST


/* What is behind a text would make it whole. */
START_TEST(what_is_behind_a_text_is_no_part_of_it)
{
    size_t  i, len, whole;

    for (i = 0; i < SEEDS; i++) {
        shape_of(seeds[i]);
        whole = strlen(seeds[i]);

        for (len = 0; len < whole; len++) {
            ck_assert(!agree(seeds[i], len, seeds[i] + len, whole - len,
                             &tenant_json_token_limits));
        }
    }
}
END_TEST


START_TEST(each_good_text_is_as_its_own_shape_says)
{
    char    behind[64];
    size_t  i, n;

    memset(behind, '"', sizeof(behind));

    for (i = 0; i < SEEDS; i++) {
        shape_of(seeds[i]);

        for (n = 0; n <= sizeof(behind); n++) {
            ck_assert(agree(seeds[i], strlen(seeds[i]), behind, n,
                            &tenant_json_token_limits));
            ck_assert_uint_eq(shaped.alike, shape.count);
            ck_assert_uint_eq(shaped.alike, shaped.object->len);
        }
    }
}
END_TEST


/* strings of every length, with each end and each kind of byte in them */
START_TEST(values_are_read_whole_wherever_they_end)
{
    static const char  bytes[] = "x\"\\\x1f\x7f\x80,";
    char               text[512], value[128];
    size_t             len, n, at, i;

    shape_of("{\"a\":\"x\",\"bc\":\"y\",\"exp\":12}");

    for (n = 1; n < 100; n++) {
        for (at = 0; at < n; at++) {
            for (i = 0; i < sizeof(bytes) - 1; i++) {
                memset(value, 'v', n);
                value[at] = bytes[i];
                len = (size_t) snprintf(text, sizeof(text), "{\"a\":\"%.*s\","
                                        "\"bc\":\"%.*s\",\"exp\":%zu}",
                                        (int) at, value, (int) n, value,
                                        n * 1234567);
                ck_assert(agree(text, len, text, 40,
                                &tenant_json_token_limits)
                          == (bytes[i] == 'x' || bytes[i] == '\x7f'
                              || bytes[i] == ','));
            }
        }
    }
}
END_TEST


/* lists of every length, whole and not, of plain texts and of others */
START_TEST(lists_are_read_whole_wherever_they_end)
{
    static const char *const  others[] = {
        "\"\"", "\"x\"", "1", " \"x\"", "\"x\" ", "\"\\u00e9\"", "\"\\q\"",
        "\"\xff\"", "\"x", "x\"", "[]", "", "\"a list of which this is long,"
        " and does not end before it has more than two steps of text\"",
    };
    static const char  *const tails[] = { "]}", "],\"b\":\"c\"}", "}", ",]}",
                                          "] }", "]" , "", "]]" };
    char               text[1024];
    size_t             n, at, i, k, len, whole = 0;
    unsigned           accepted = 0;

    shape_of("{\"a\":[\"x\"],\"b\":\"y\"}");

    for (n = 0; n < 12; n++) {
        for (at = 0; at < n || at == 0; at++) {
            for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
                len = (size_t) sprintf(text, "{\"a\":[");

                for (k = 0; k < n; k++) {
                    len += (size_t) sprintf(text + len, "%s%s", k ? "," : "",
                                            k == at ? others[i] : "\"list\"");
                }

                for (k = 0; k < sizeof(tails) / sizeof(tails[0]); k++) {
                    strcpy(text + len, tails[k]);
                    accepted += agree(text, strlen(text), "],\"b\":\"d\"}]]]]"
                                      "                                    ",
                                      40, &tenant_json_token_limits);
                    whole += shaped.object != NULL && shaped.alike == 2;
                }
            }
        }
    }

    ck_assert_uint_gt(accepted, 1000);
    ck_assert_uint_gt(whole, 300);
}
END_TEST


START_TEST(limits_hold_with_a_shape)
{
    static const char     text[] = "{\"a\":1,\"b\":[2,3],\"c\":\"d\","
                                   "\"e\":{\"f\":[4]},\"g\":5,\"h\":6,"
                                   "\"i\":[\"j\",\"k\"],\"l\":\"m\"}";
    static const char     list[] = "{\"a\":[\"b\"]}";
    tenant_json_limits_t  limits = { 4096, 4, 100 };
    size_t                n;

    shape_of(text);

    for (n = 1; n < 17; n++) {
        limits.max_values = n;
        ck_assert(agree(text, sizeof(text) - 1, text, sizeof(text) - 1,
                        &limits) == (n >= 15));
    }

    for (n = 1; n < 5; n++) {
        limits.max_depth = (unsigned) n;
        ck_assert(agree(text, sizeof(text) - 1, text, sizeof(text) - 1,
                        &limits) == (n >= 3));
    }

    /* a list by itself, too */
    shape_of(list);

    for (n = 1; n < 4; n++) {
        limits.max_depth = (unsigned) n;
        ck_assert(agree(list, sizeof(list) - 1, text, sizeof(text) - 1,
                        &limits) == (n >= 2));
    }

    for (n = 0; n < sizeof(text); n++) {
        limits.max_bytes = n;
        ck_assert(agree(text, sizeof(text) - 1, "", 0, &limits)
                  == (n >= sizeof(text) - 1));
    }
}
END_TEST


/* the first value takes so many values that the names behind it have no
   place in the table */
START_TEST(names_behind_very_many_values_have_no_shape)
{
    static char            text[200000];
    static tenant_value_t  values[70000];
    tenant_tape_t          tape = { values, 70000, NULL, NULL };
    tenant_json_limits_t   limits = { sizeof(text), 16, 100000 };
    tenant_json_error_t    err;
    const tenant_value_t  *object;
    size_t                 i, len, alike, zeros;

    shape_of("{\"a\":[],\"b\":1,\"c\":2}");

    for (zeros = 65500; zeros < 65540; zeros++) {
        len = 6;
        memcpy(text, "{\"a\":[", 6);

        for (i = 0; i < zeros; i++) {
            memcpy(text + len, "0,", 2);
            len += 2;
        }

        memcpy(text + len - 1, "],\"b\":1,\"c\":2}", 14);
        object = tenant_value_read_as(&tape, text, len + 13, 0, &limits,
                                      &shape, &alike, &err);
        ck_assert_ptr_nonnull(object);
        ck_assert_int_eq(tenant_value_get(object, tenant_str("b"))->u.integer,
                         1);
        ck_assert_int_eq(tenant_value_get(object, tenant_str("c"))->u.integer,
                         2);
        ck_assert_ptr_null(tenant_value_get(object, tenant_str("d")));
        ck_assert((alike == 3) == (zeros < 65529));
    }
}
END_TEST


START_TEST(tape_grows_with_a_shape)
{
    tenant_tape_t          tape = { NULL, 0, unit_take, NULL };
    tenant_json_error_t    err;
    const tenant_value_t  *object;
    char                   text[512];
    size_t                 n, alike, len = strlen(seeds[3]);
    bool                   failed = true;

    shape_of(seeds[3]);

    for (n = 0; failed; n++) {
        (void) unit_claims("{}");       /* gives back what was taken */
        memcpy(text, seeds[3], len);
        tape.room = 0;
        tape.values = NULL;

        unit_fail_start(n, false);
        object = tenant_value_read_as(&tape, text, len, 0,
                                      &tenant_json_token_limits, &shape,
                                      &alike, &err);
        failed = unit_fail_stop();
        ck_assert(failed == (object == NULL));
        ck_assert_int_eq(err.code, failed ? TENANT_JSON_NO_MEMORY
                                          : TENANT_JSON_OK);
    }

    ck_assert_uint_eq(n, 2);
}
END_TEST


/* a tape that has room for some of the members only, and no more */
START_TEST(short_tape_is_no_memory_with_a_shape_too)
{
    tenant_value_t         values[64];
    tenant_tape_t          tape = { values, 0, NULL, NULL };
    tenant_json_error_t    err;
    const tenant_value_t  *object;
    char                   text[512];
    size_t                 room, alike, len = strlen(seeds[3]);

    shape_of(seeds[3]);

    for (room = 0; room < 64; room++) {
        memcpy(text, seeds[3], len);
        tape.room = room;
        object = tenant_value_read_as(&tape, text, len, 0,
                                      &tenant_json_token_limits, &shape,
                                      &alike, &err);
        ck_assert((object != NULL) == (room >= TENANT_TAPE_TABLE + 17));
        ck_assert_int_eq(err.code, object != NULL ? TENANT_JSON_OK
                                                  : TENANT_JSON_NO_MEMORY);
    }
}
END_TEST


START_TEST(only_names_that_stand_as_they_are_make_a_shape)
{
    static const struct {
        const char  *text;
        size_t       count;
    } rows[] = {
        { "{}", 0 },
        { "{\"a\":1}", 1 },
        { "{\"\\u0061\":1,\"\xc3\xa9\":2}", 2 },
        { "{\"a\\\"b\":1}", 0 },
        { "{\"a\":1,\"b\\\\\":1}", 0 },
        { "{\"a\\u0001\":1}", 0 },
        { "{\"a\\\":1,\\\"b\":1}", 0 },
    };
    char    large[4096];
    size_t  i, n, members;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        shape_of(rows[i].text);
        ck_assert_msg(shape.count == rows[i].count, "%s", rows[i].text);
    }

    /* a name with a quote in it must not be taken for two */
    shape_of("{\"a\\\":1,\\\"b\":1}");
    ck_assert(agree_with("{\"a\":1,\"b\":1}"));

    for (members = 30; members < 35; members++) {
        for (i = 0, n = 0; i < members; i++) {
            n += (size_t) snprintf(large + n, sizeof(large) - n, "%c\"%zu\":1",
                                   i ? ',' : '{', i);
        }

        strcpy(large + n, "}");
        shape_of(large);
        ck_assert_uint_eq(shape.count, members <= TENANT_VALUE_FEW ? members
                                                                   : 0);
        ck_assert(agree_with(large));
    }

    for (n = 1; n < 1000; n++) {
        memset(large, 'n', sizeof(large));
        memcpy(large, "{\"", 2);
        strcpy(large + 2 + n, "\":1,\"b\":\"c\"}");
        shape_of(large);
        ck_assert_uint_eq(shape.count, n <= TENANT_VALUE_SHAPE_TEXT - 41
                                       ? 2 : 0);
        ck_assert(agree_with(large));
    }
}
END_TEST


/* names of one slot, which stand one behind the other, around the end too */
START_TEST(names_of_one_slot_have_the_places_of_the_reader)
{
    char      text[1024];
    unsigned  slot, i, n, found;

    for (slot = 0; slot < TENANT_VALUE_SLOTS; slot++) {
        for (i = 0, n = 0, found = 0; found < 8; i++) {
            char    name[16];
            size_t  len = (size_t) snprintf(name, sizeof(name), "n%u", i);

            if (tenant_value_slot(name, len) == slot) {
                n += (unsigned) snprintf(text + n, sizeof(text) - n,
                                         "%c\"%s\":%u", found++ ? ',' : '{',
                                         name, i);
            }
        }

        strcpy(text + n, "}");
        shape_of(text);
        ck_assert(agree_with(text));
        ck_assert_uint_eq(shaped.alike, 8);
    }
}
END_TEST


Suite *
suite_shape(void)
{
    Suite  *s = suite_create("shape");
    TCase  *t = tcase_create("shape");

    tcase_set_timeout(t, 120);
    tcase_add_test(t, text_reads_the_same_with_any_shape);
    tcase_add_test(t, what_is_behind_a_text_is_no_part_of_it);
    tcase_add_test(t, each_good_text_is_as_its_own_shape_says);
    tcase_add_test(t, values_are_read_whole_wherever_they_end);
    tcase_add_test(t, lists_are_read_whole_wherever_they_end);
    tcase_add_test(t, limits_hold_with_a_shape);
    tcase_add_test(t, names_behind_very_many_values_have_no_shape);
    tcase_add_test(t, tape_grows_with_a_shape);
    tcase_add_test(t, short_tape_is_no_memory_with_a_shape_too);
    tcase_add_test(t, only_names_that_stand_as_they_are_make_a_shape);
    tcase_add_test(t, names_of_one_slot_have_the_places_of_the_reader);
    suite_add_tcase(s, t);
    return s;
}
