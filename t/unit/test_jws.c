#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jws_fixture.h"
#include "unit.h"


START_TEST(typ_is_compared_when_asked_for)
{
    static const tenant_str_t  types[] = { { "at+jwt", 6 }, { "JWT", 3 } };
    static const struct {
        const char  *header;
        bool         accepted;
    } rows[] = {
        { "{\"alg\":\"RS256\",\"kid\":\"r\",\"typ\":\"at+jwt\"}", true },
        { "{\"alg\":\"RS256\",\"kid\":\"r\",\"typ\":\"AT+JWT\"}", true },
        { "{\"alg\":\"RS256\",\"kid\":\"r\",\"typ\":\"jwt\"}", true },
        { "{\"alg\":\"RS256\",\"kid\":\"r\","
          "\"typ\":\"application/at+jwt\"}", true },
        { "{\"alg\":\"RS256\",\"kid\":\"r\","
          "\"typ\":\"Application/JWT\"}", true },
        { "{\"alg\":\"RS256\",\"kid\":\"r\",\"typ\":\"text/jwt\"}", false },
        { "{\"alg\":\"RS256\",\"kid\":\"r\",\"typ\":\"at+jw\"}", false },
        { "{\"alg\":\"RS256\",\"kid\":\"r\",\"typ\":\"\"}", false },
        { "{\"alg\":\"RS256\",\"kid\":\"r\",\"typ\":\"logout+jwt\"}", false },
        { "{\"alg\":\"RS256\",\"kid\":\"r\"}", false },
    };
    tenant_jws_conf_t  conf = { 0, types, 2 };
    size_t             i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_int_eq(jws_check_header(rows[i].header), TENANT_JWS_OK);
        ck_assert_msg(jws_check_with(fx.token, strlen(fx.token), fx.jwks,
                                     &conf)
                      == (rows[i].accepted ? TENANT_JWS_OK
                                           : TENANT_JWS_MALFORMED),
                      "%s", rows[i].header);
    }

    jws_assert_refused(jws_check_header("{\"alg\":\"RS256\",\"typ\":1}"),
                   "typ is not a string");
}
END_TEST


START_TEST(cty_of_a_nested_token_is_refused)
{
    static const char  reason[] = "cty is not a string or names a nested"
                                  " token";

    jws_assert_refused(jws_check_header("{\"alg\":\"RS256\",\"cty\":\"JWT\"}"),
                   reason);
    jws_assert_refused(jws_check_header("{\"alg\":\"RS256\",\"cty\":\"jwt\"}"),
                   reason);
    jws_assert_refused(jws_check_header("{\"alg\":\"RS256\",\"cty\":1}"),
                       reason);
    ck_assert_int_eq(jws_check_header("{\"alg\":\"RS256\",\"kid\":\"r\","
                                  "\"cty\":\"json\"}"), TENANT_JWS_OK);
}
END_TEST


START_TEST(padding_white_space_plus_and_slash_are_refused)
{
    static const char  bad[] = "=+/ \n\t\r%,~\"";
    char               copy[MINT_TOKEN_MAX + 3];
    size_t             i, at, len, parts[3];

    jws_assert_good_token_passes();
    len = strlen(fx.token);
    parts[0] = 3;
    parts[1] = (size_t) (strchr(fx.token, '.') - fx.token) + 2;
    parts[2] = (size_t) (strrchr(fx.token, '.') - fx.token) + 5;

    for (i = 0; i < sizeof(bad); i++) {
        for (at = 0; at < 3; at++) {
            memcpy(copy, fx.token, len);
            copy[parts[at]] = bad[i];
            ck_assert_int_eq(jws_check_with(copy, len, fx.jwks, &any_token),
                             TENANT_JWS_MALFORMED);
        }
    }

    /* in front, at the end, and padding that would be right elsewhere */
    snprintf(copy, sizeof(copy), " %s", fx.token);
    ck_assert_int_eq(jws_check(copy), TENANT_JWS_MALFORMED);
    snprintf(copy, sizeof(copy), "%s\n", fx.token);
    ck_assert_int_eq(jws_check(copy), TENANT_JWS_MALFORMED);
    snprintf(copy, sizeof(copy), "%s==", fx.token);
    ck_assert_int_eq(jws_check(copy), TENANT_JWS_MALFORMED);
    ck_assert_int_eq(jws_check_with(fx.token, len + 1, fx.jwks,
                                &any_token),
                     TENANT_JWS_MALFORMED);
}
END_TEST


/* 256 bytes of RSA signature end in a digit with four unused bits */
START_TEST(token_has_one_spelling)
{
    static const char  digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t             i, len, accepted = 0;

    jws_assert_good_token_passes();
    len = strlen(fx.token);

    for (i = 0; i < 64; i++) {
        fx.token[len - 1] = digits[i];
        accepted += jws_check(fx.token) == TENANT_JWS_OK;
    }

    ck_assert_uint_eq(accepted, 1);
}
END_TEST


START_TEST(anything_but_three_non_empty_parts_is_refused)
{
    static const char  reason[] = "not three parts with two dots";
    static const char *const  texts[] = {
        "", ".", "..", "...", "a", "a.", ".a", "a.b", "a.b.", ".b.c", "a..c",
        "a.b.c.", ".a.b.c", "a.b.c.d", "a.b.c.d.e", "....",
        "eyJhbGciOiJSU0EtT0FFUCJ9.AA.AA.AA.AA",
    };
    char    dots[2048];
    size_t  i;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        jws_assert_refused(jws_check(texts[i]), reason);
        ck_assert_int_eq(jws_check(texts[i]), TENANT_JWS_MALFORMED);
    }

    memset(dots, '.', 1000);
    dots[1000] = '\0';
    jws_assert_refused(jws_check(dots), reason);

    for (i = 0; i < 2000; i++) {
        dots[i] = i % 2 ? '.' : 'A';
    }

    dots[2000] = '\0';
    jws_assert_refused(jws_check(dots), reason);
}
END_TEST


START_TEST(token_above_the_limit_is_refused_before_parsing)
{
    tenant_jws_conf_t  conf = { 0, NULL, 0 };
    size_t             len = 1 << 20;
    char              *large = malloc(len);

    /* nothing of it is valid, so any parsing would say malformed */
    memset(large, '!', len);
    ck_assert_int_eq(jws_check_with(large, 8192, fx.jwks, &conf),
                     TENANT_JWS_MALFORMED);
    ck_assert_int_eq(jws_check_with(large, 8193, fx.jwks, &conf),
                     TENANT_JWS_TOO_LARGE);
    ck_assert_int_eq(jws_check_with(large, 65536, fx.jwks, &conf),
                     TENANT_JWS_TOO_LARGE);
    ck_assert_int_eq(jws_check_with(large, len, fx.jwks, &conf),
                     TENANT_JWS_TOO_LARGE);

    conf.max_len = 100;
    ck_assert_int_eq(jws_check_with(large, 100, fx.jwks, &conf),
                     TENANT_JWS_MALFORMED);
    ck_assert_int_eq(jws_check_with(large, 101, fx.jwks, &conf),
                     TENANT_JWS_TOO_LARGE);

    conf.max_len = len;
    ck_assert_int_eq(jws_check_with(large, TENANT_JWS_LEN_MAX, fx.jwks, &conf),
                     TENANT_JWS_MALFORMED);
    ck_assert_int_eq(jws_check_with(large, TENANT_JWS_LEN_MAX + 1, fx.jwks,
                                    &conf),
                     TENANT_JWS_TOO_LARGE);
    free(large);
}
END_TEST


START_TEST(scratch_that_is_too_small_is_a_fault)
{
    tenant_tape_t  tape = { NULL, 0, NULL, NULL };
    uint8_t        scratch[64];

    ck_assert_int_eq(tenant_jws_parse(&fx.jws, &tape, "a.b.c", 5, &any_token,
                                      scratch,
                                      TENANT_JWS_SCRATCH(5) - 1),
                     TENANT_JWS_FAULT);
}
END_TEST


/* what tenant_json refuses, in either part, signed or not */
START_TEST(header_and_payload_must_be_strict_json)
{
    static const char *const  tails[] = {
        "\"a\":1,\"a\":1}", "\"a\":1,\"\\u0061\":1}", "\"a\":1}x",
        "\"a\":\"\\ud800\"}", "\"a\":\"\\u0000\"}", "\"a\":\"\xff\"}",
        "\"a\":9223372036854775808}", "\"a\":1e999}", "\"a\":1",
        "\"a\":[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]}",
    };
    char    text[256];
    size_t  i;

    for (i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        snprintf(text, sizeof(text), "{\"alg\":\"RS256\",\"kid\":\"r\",%s",
                 tails[i]);
        jws_assert_refused(jws_check_header(text),
                           "header is not strict JSON");

        snprintf(text, sizeof(text), "{%s", tails[i]);
        mint_token(fx.token, fx.rsa, TENANT_ALG_RS256,
                   "{\"alg\":\"RS256\",\"kid\":\"r\"}", text);
        ck_assert_int_eq(jws_check(fx.token), TENANT_JWS_MALFORMED);
    }

    mint_token(fx.token, fx.rsa, TENANT_ALG_RS256,
               "\xef\xbb\xbf{\"alg\":\"RS256\",\"kid\":\"r\"}", PAYLOAD);
    ck_assert_int_eq(jws_check(fx.token), TENANT_JWS_MALFORMED);
    mint_token(fx.token, fx.rsa, TENANT_ALG_RS256,
               "{\"alg\":\"RS256\",\"kid\":\"r\"}", "[]");
    ck_assert_int_eq(jws_check(fx.token), TENANT_JWS_MALFORMED);
    jws_assert_good_token_passes();
}
END_TEST


Suite *
suite_jws(void)
{
    Suite  *s = suite_create("jws");
    TCase  *t = tcase_create("jws");

    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, jws_fixture_setup, jws_fixture_teardown);
    tcase_add_test(t, typ_is_compared_when_asked_for);
    tcase_add_test(t, cty_of_a_nested_token_is_refused);
    tcase_add_test(t, padding_white_space_plus_and_slash_are_refused);
    tcase_add_test(t, token_has_one_spelling);
    tcase_add_test(t, anything_but_three_non_empty_parts_is_refused);
    tcase_add_test(t, token_above_the_limit_is_refused_before_parsing);
    tcase_add_test(t, scratch_that_is_too_small_is_a_fault);
    tcase_add_test(t, header_and_payload_must_be_strict_json);
    suite_add_tcase(s, t);
    return s;
}
