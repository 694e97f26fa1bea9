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
    tenant_jws_conf_t  conf = { 0, types, 2, NULL };
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


static tenant_jws_headers_t     headers;
static const tenant_jws_conf_t  keeping = { 0, NULL, 0, &headers };


/* A token with that header, and whether the header was kept before it. */
static tenant_jws_result_t
check_kept(const char *header, bool *kept)
{
    tenant_tape_t   tape;
    tenant_value_t  values[TENANT_TAPE_ROOM];
    tenant_jws_t    jws;
    uint8_t         scratch[TENANT_JWS_SCRATCH(1024)];
    size_t          len;

    tape = (tenant_tape_t) { values, TENANT_TAPE_ROOM, NULL, NULL };
    mint_token(fx.token, fx.rsa, TENANT_ALG_RS256, header, PAYLOAD);
    len = strlen(fx.token);

    /* nothing else takes the place of the header in the scratch */
    *kept = tenant_jws_parse(&jws, &tape, fx.token, len, &keeping, scratch,
                             sizeof(scratch)) == TENANT_JWS_OK
            && jws.payload.data == (char *) scratch;

    return jws_check_with(fx.token, len, fx.jwks, &keeping);
}


START_TEST(header_of_a_verified_token_is_kept)
{
    static const char  header[] = "{\"alg\":\"RS256\",\"kid\":\"r\"}";
    bool               kept;
    char               refused[MINT_TOKEN_MAX], *digit;

    memset(&headers, 0, sizeof(headers));
    ck_assert_int_eq(check_kept(header, &kept), TENANT_JWS_OK);
    ck_assert(!kept);
    ck_assert_int_eq(check_kept(header, &kept), TENANT_JWS_OK);
    ck_assert(kept);
    ck_assert_uint_eq(fx.jws.kid.len, 1);
    ck_assert_int_eq(fx.jws.kid.data[0], 'r');
    ck_assert_int_eq(fx.jws.alg, TENANT_ALG_RS256);

    /* another spelling is another header */
    ck_assert_int_eq(check_kept("{\"alg\":\"RS256\",\"kid\":\"r\" }", &kept),
                     TENANT_JWS_OK);
    ck_assert(!kept);

    /* one without kid; and nothing of the other is left in it */
    ck_assert_int_eq(check_kept("{\"alg\":\"RS256\"}", &kept), TENANT_JWS_OK);
    ck_assert_int_eq(check_kept("{\"alg\":\"RS256\"}", &kept), TENANT_JWS_OK);
    ck_assert(kept);
    ck_assert_ptr_null(fx.jws.kid.data);

    /* the rest of the token is looked at as ever */
    ck_assert_int_eq(check_kept(header, &kept), TENANT_JWS_OK);
    strcpy(refused, fx.token);
    digit = strrchr(refused, '.') + 3;
    *digit = *digit == 'A' ? 'B' : 'A';
    ck_assert_int_eq(jws_check_with(refused, strlen(refused), fx.jwks,
                                    &keeping), TENANT_JWS_BAD_SIGNATURE);
    strcat(refused, "=");
    jws_assert_refused(jws_check_with(refused, strlen(refused), fx.jwks,
                                      &keeping),
                       "a part is not canonical base64url");
    strcpy(refused, fx.token);
    strchr(refused, '.')[1] = '+';
    jws_assert_refused(jws_check_with(refused, strlen(refused), fx.jwks,
                                      &keeping),
                       "a part is not canonical base64url");
}
END_TEST


START_TEST(keys_that_changed_are_asked_for_a_kept_header_too)
{
    static const char  header[] = "{\"alg\":\"RS256\",\"kid\":\"r\"}";
    tenant_jwks_t     *none = jws_keys("");
    bool               kept;

    memset(&headers, 0, sizeof(headers));
    (void) check_kept(header, &kept);
    ck_assert_int_eq(check_kept(header, &kept), TENANT_JWS_OK);
    ck_assert(kept);

    ck_assert_int_eq(jws_check_with(fx.token, strlen(fx.token), none,
                                    &keeping), TENANT_JWS_UNKNOWN_KID);
    ck_assert_int_eq(tenant_jws_verify(&fx.jws, fx.jwks,
                                       TENANT_ALGS_HMAC, NULL),
                     TENANT_JWS_ALG_NOT_ALLOWED);
    tenant_jwks_free(none);
}
END_TEST


START_TEST(header_of_a_refused_token_is_not_kept)
{
    static const char  header[] = "{\"alg\":\"RS256\",\"kid\":\"r\"}";
    tenant_jwks_t     *none = jws_keys("");
    bool               kept;

    memset(&headers, 0, sizeof(headers));
    mint_token(fx.token, fx.other_rsa, TENANT_ALG_RS256, header, PAYLOAD);
    ck_assert_int_eq(jws_check_with(fx.token, strlen(fx.token), fx.jwks,
                                    &keeping), TENANT_JWS_BAD_SIGNATURE);
    ck_assert_int_eq(jws_check_with(fx.token, strlen(fx.token), none,
                                    &keeping), TENANT_JWS_UNKNOWN_KID);
    ck_assert_int_eq(check_kept(header, &kept), TENANT_JWS_OK);
    ck_assert(!kept);

    /* nor one that says what is refused */
    ck_assert_int_eq(check_kept("{\"alg\":\"none\"}", &kept),
                     TENANT_JWS_UNSUPPORTED_ALG);
    ck_assert_int_eq(check_kept("{\"alg\":\"none\"}", &kept),
                     TENANT_JWS_UNSUPPORTED_ALG);
    ck_assert(!kept);
    tenant_jwks_free(none);
}
END_TEST


/* more than there is room for, and each is read for what it is */
START_TEST(headers_take_the_places_of_others)
{
    char      header[256];
    unsigned  i, turn, found = 0;
    bool      kept;

    memset(&headers, 0, sizeof(headers));

    for (turn = 0; turn < 2; turn++) {
        for (i = 0; i < 150; i++) {
            snprintf(header, sizeof(header), "{\"alg\":\"RS256\"%s,"
                     "\"x\":%u}", i % 2 ? "" : ",\"kid\":\"r\"", i % 75);
            ck_assert_int_eq(check_kept(header, &kept), TENANT_JWS_OK);
            ck_assert_uint_eq(fx.jws.kid.len, i % 2 ? 0 : 1);
            found += kept;
        }
    }

    ck_assert_uint_gt(found, 0);
    ck_assert_uint_lt(found, 150 + 64);
}
END_TEST


/* The one header that is kept. */
static const tenant_jws_header_t *
only_kept(void)
{
    const tenant_jws_header_t  *found = NULL;
    size_t                      i;

    for (i = 0; i < TENANT_JWS_HEADERS; i++) {
        if (headers.kept[i].len != 0) {
            ck_assert_ptr_null(found);
            found = &headers.kept[i];
        }
    }

    ck_assert_ptr_nonnull(found);
    return found;
}


/* where the parts end is known of such a token before its dots are seen */
START_TEST(token_of_a_kept_header_has_two_dots_too)
{
    static const char  three[] = "not three parts with two dots";
    bool               kept;
    char               token[MINT_TOKEN_MAX];
    size_t             i, len;

    memset(&headers, 0, sizeof(headers));
    ck_assert_int_eq(check_kept("{\"alg\":\"RS256\",\"kid\":\"r\"}", &kept),
                     TENANT_JWS_OK);
    len = strlen(fx.token);

    for (i = 0; i < len; i++) {
        strcpy(token, fx.token);
        token[i] = '.';

        if (fx.token[i] == '.') {
            ck_assert_int_eq(jws_check_with(token, len, fx.jwks, &keeping),
                             TENANT_JWS_OK);
            token[i] = 'A';
        }

        jws_assert_refused(jws_check_with(token, len, fx.jwks, &keeping),
                           three);
        ck_assert_ptr_null(fx.jws.kid.data);
    }

    for (i = 0; i < len; i++) {
        ck_assert_int_eq(jws_check_with(fx.token, i, fx.jwks, &keeping)
                         == TENANT_JWS_OK, false);
    }

    /* a header and what is as long as a signature, with nothing between */
    strcpy(token, fx.token);
    strcpy(strchr(token, '.') + 1, strrchr(fx.token, '.'));
    jws_assert_refused(jws_check_with(token, strlen(token), fx.jwks,
                                      &keeping), three);
}
END_TEST


static tenant_jws_result_t
check_claims(mint_key_t *key, const char *payload)
{
    mint_token(fx.token, key, TENANT_ALG_RS256,
               "{\"alg\":\"RS256\",\"kid\":\"r\"}", payload);
    return jws_check_with(fx.token, strlen(fx.token), fx.jwks, &keeping);
}


START_TEST(shape_of_claims_is_that_of_verified_ones)
{
    size_t  i;

    memset(&headers, 0, sizeof(headers));
    ck_assert_int_eq(check_claims(fx.rsa, "{\"a\":1,\"b\":2}"),
                     TENANT_JWS_OK);
    ck_assert_uint_eq(fx.jws.alike, 0);
    ck_assert_uint_eq(only_kept()->shape.count, 2);

    ck_assert_int_eq(check_claims(fx.rsa, "{\"a\":3,\"b\":4,\"c\":5}"),
                     TENANT_JWS_OK);
    ck_assert_uint_eq(fx.jws.alike, 2);

    /* strangers change nothing, however often they come */
    for (i = 0; i < 100; i++) {
        ck_assert_int_eq(check_claims(fx.other_rsa, "{\"x\":3}"),
                         TENANT_JWS_BAD_SIGNATURE);
    }

    ck_assert_uint_eq(only_kept()->shape.count, 2);

    /* nor do a few in between, which are read all the same */
    for (i = 0; i < 100; i++) {
        ck_assert_int_eq(check_claims(fx.rsa, i % 3 ? "{\"x\":3,\"a\":4}"
                                                    : "{\"a\":5,\"b\":6}"),
                         TENANT_JWS_OK);
        ck_assert_uint_eq(fx.jws.alike, i % 3 ? 0 : 2);
        ck_assert_uint_eq(fx.jws.claims->len, 2);
    }

    /* many in a row are the usual from then on */
    for (i = 0; fx.jws.alike != 3; i++) {
        ck_assert_uint_lt(i, 10);
        ck_assert_int_eq(check_claims(fx.rsa, "{\"x\":1,\"y\":2,\"z\":3}"),
                         TENANT_JWS_OK);
    }

    ck_assert_uint_gt(i, 2);
    ck_assert_uint_eq(only_kept()->shape.count, 3);
    ck_assert_uint_eq(only_kept()->shape.members[2].name.len, 1);
}
END_TEST


START_TEST(header_that_is_too_long_is_read_each_time)
{
    char    header[256];
    size_t  len, n;
    bool    kept;

    for (len = 140; len < 150; len++) {
        memset(&headers, 0, sizeof(headers));
        n = (size_t) snprintf(header, sizeof(header),
                              "{\"alg\":\"RS256\",\"x\":\"");
        memset(header + n, 'x', len - n - 2);
        memcpy(header + len - 2, "\"}", 3);

        ck_assert_int_eq(check_kept(header, &kept), TENANT_JWS_OK);
        ck_assert_int_eq(check_kept(header, &kept), TENANT_JWS_OK);
        ck_assert(kept == (len <= TENANT_JWS_HEADER_MAX / 4 * 3));
    }
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
    tenant_jws_conf_t  conf = { 0, NULL, 0, NULL };
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
    tcase_add_test(t, header_of_a_verified_token_is_kept);
    tcase_add_test(t, keys_that_changed_are_asked_for_a_kept_header_too);
    tcase_add_test(t, header_of_a_refused_token_is_not_kept);
    tcase_add_test(t, headers_take_the_places_of_others);
    tcase_add_test(t, token_of_a_kept_header_has_two_dots_too);
    tcase_add_test(t, shape_of_claims_is_that_of_verified_ones);
    tcase_add_test(t, header_that_is_too_long_is_read_each_time);
    tcase_add_test(t, padding_white_space_plus_and_slash_are_refused);
    tcase_add_test(t, token_has_one_spelling);
    tcase_add_test(t, anything_but_three_non_empty_parts_is_refused);
    tcase_add_test(t, token_above_the_limit_is_refused_before_parsing);
    tcase_add_test(t, scratch_that_is_too_small_is_a_fault);
    tcase_add_test(t, header_and_payload_must_be_strict_json);
    suite_add_tcase(s, t);
    return s;
}
