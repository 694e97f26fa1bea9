#include <stdlib.h>
#include <string.h>

#include "tenant_b64url.h"
#include "unit.h"


static const char  digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";


/* Both ways of decoding, and they must agree. */
static bool
decode(uint8_t *out, size_t *n, const char *text, size_t len)
{
    uint8_t  portable[256];
    size_t   portable_n;
    bool     valid;

    valid = tenant_b64url_decode_portable(portable, &portable_n, text, len);
    ck_assert(tenant_b64url_decode(out, n, text, len) == valid);

    if (valid) {
        ck_assert_uint_eq(*n, portable_n);
        ck_assert_mem_eq(out, portable, portable_n);
    }

    return valid;
}


static bool
decodes(const char *text, size_t len)
{
    uint8_t  out[256];
    size_t   n;

    return decode(out, &n, text, len);
}


START_TEST(rfc4648_section_10_without_padding)
{
    static const struct {
        const char  *plain;
        const char  *text;
    } rows[] = {
        { "", "" }, { "f", "Zg" }, { "fo", "Zm8" }, { "foo", "Zm9v" },
        { "foob", "Zm9vYg" }, { "fooba", "Zm9vYmE" },
        { "foobar", "Zm9vYmFy" },
    };
    uint8_t  out[16];
    char     text[16];
    size_t   i, n;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        n = tenant_b64url_encode(text, (const uint8_t *) rows[i].plain,
                                 strlen(rows[i].plain));
        ck_assert_uint_eq(n, strlen(rows[i].text));
        ck_assert_mem_eq(text, rows[i].text, n);

        ck_assert(decode(out, &n, rows[i].text, strlen(rows[i].text)));
        ck_assert_uint_eq(n, strlen(rows[i].plain));
        ck_assert_mem_eq(out, rows[i].plain, n);
    }
}
END_TEST


START_TEST(every_length_survives_the_way_there_and_back)
{
    uint8_t  in[200], out[200];
    char     text[300];
    size_t   i, len, n;

    for (len = 0; len < sizeof(in); len++) {
        for (i = 0; i < len; i++) {
            in[i] = (uint8_t) (i * 151 + len * 7);
        }

        n = tenant_b64url_encode(text, in, len);
        ck_assert_uint_eq(n, TENANT_B64URL_ENCODED(len));
        ck_assert_uint_eq(len, TENANT_B64URL_DECODED(n));
        ck_assert(decode(out, &n, text, n));
        ck_assert_uint_eq(n, len);
        ck_assert_mem_eq(in, out, len);
    }
}
END_TEST


/* each digit at each place, so that no table has a wrong entry */
START_TEST(every_digit_has_its_value_anywhere)
{
    uint8_t   out[96];
    char      text[128], again[128];
    size_t    len, at, n;
    unsigned  value;

    for (len = 4; len <= sizeof(text); len += 4) {
        for (at = 0; at < len; at++) {
            for (value = 0; value < 64; value++) {
                memset(text, 'A', sizeof(text));
                text[at] = digits[value];
                ck_assert(decode(out, &n, text, len));
                ck_assert_uint_eq(tenant_b64url_encode(again, out, n), len);
                ck_assert_mem_eq(again, text, len);
            }
        }
    }
}
END_TEST


/* no byte behind the result, and none behind the text is looked at */
START_TEST(decoding_keeps_within_its_memory)
{
    uint8_t  *out;
    char     *text;
    size_t    len, n, size;

    for (len = 0; len < 150; len++) {
        if (len % 4 == 1) {
            continue;
        }

        size = TENANT_B64URL_DECODED(len);
        text = malloc(len ? len : 1);
        out = malloc(size ? size : 1);
        memset(text, 'A', len);
        ck_assert(tenant_b64url_decode(out, &n, text, len));
        ck_assert_uint_eq(n, size);
        free(text);
        free(out);
    }
}
END_TEST


START_TEST(decoding_over_its_own_text_is_allowed)
{
    char     text[] = "Zm9vYmFyZm9vYmE", large[300];
    uint8_t  in[200];
    size_t   i, len, n;

    ck_assert(tenant_b64url_decode((uint8_t *) text, &n, text, 15));
    ck_assert_uint_eq(n, 11);
    ck_assert_mem_eq(text, "foobarfooba", 11);

    for (len = 0; len < sizeof(in); len++) {
        for (i = 0; i < len; i++) {
            in[i] = (uint8_t) (i * 83 + len);
        }

        i = tenant_b64url_encode(large, in, len);
        ck_assert(tenant_b64url_decode((uint8_t *) large, &n, large, i));
        ck_assert_uint_eq(n, len);
        ck_assert_mem_eq(large, in, len);
    }
}
END_TEST


/* padding, "+", "/", white space, NUL, 8-bit: at any place of any length */
START_TEST(byte_outside_the_alphabet_is_refused_anywhere)
{
    char    text[80];
    size_t  len, at;
    int     c;

    for (len = 2; len <= sizeof(text); len++) {
        if (len % 4 == 1) {
            continue;
        }

        for (at = 0; at < len; at++) {
            for (c = 0; c < 256; c++) {
                memset(text, 'A', sizeof(text));
                text[at] = (char) c;

                if (c != 0 && strchr(digits, c) != NULL) {
                    continue;
                }

                ck_assert_msg(!decodes(text, len), "byte %d at %zu of %zu",
                              c, at, len);
            }
        }
    }
}
END_TEST


START_TEST(length_of_1_modulo_4_is_refused)
{
    ck_assert(!decodes("A", 1));
    ck_assert(!decodes("AAAAA", 5));
    ck_assert(!decodes("AAAAAAAAA", 9));
}
END_TEST


/* one spelling per byte string: as many accepted texts as byte strings */
START_TEST(trailing_bits_that_are_set_are_refused)
{
    char    text[99], *end;
    size_t  before, i, j, k, two, three;

    memset(text, 'A', sizeof(text));

    for (before = 0; before <= 96; before += 48) {
        end = text + before;
        two = three = 0;

        for (i = 0; i < 64; i++) {
            for (j = 0; j < 64; j++) {
                end[0] = digits[i];
                end[1] = digits[j];
                two += decodes(text, before + 2);

                for (k = 0; k < 64; k++) {
                    end[2] = digits[k];
                    three += decodes(text, before + 3);
                }
            }
        }

        ck_assert_uint_eq(two, 256);
        ck_assert_uint_eq(three, 65536);
        memset(end, 'A', 3);
    }
}
END_TEST


Suite *
suite_b64url(void)
{
    Suite  *s = suite_create("b64url");
    TCase  *t = tcase_create("b64url");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, rfc4648_section_10_without_padding);
    tcase_add_test(t, every_length_survives_the_way_there_and_back);
    tcase_add_test(t, every_digit_has_its_value_anywhere);
    tcase_add_test(t, decoding_keeps_within_its_memory);
    tcase_add_test(t, decoding_over_its_own_text_is_allowed);
    tcase_add_test(t, byte_outside_the_alphabet_is_refused_anywhere);
    tcase_add_test(t, length_of_1_modulo_4_is_refused);
    tcase_add_test(t, trailing_bits_that_are_set_are_refused);
    suite_add_tcase(s, t);
    return s;
}
