#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tenant_claim_path.h"
#include "unit.h"


#define S(text)  ((tenant_str_t) { (text), strlen(text) })


static const char  document[] =
    "{\"sub\":\"alice\",\"custom:tenantId\":\"acme\","
    "\"https://x/roles\":[\"a\",\"b\"],\"cognito:groups\":[\"g\"],"
    "\"a.b\":\"dotted name\",\"a\":{\"b\":\"nested\",\"c\":{\"d\":7},"
    "\"e/f\":1,\"m~n\":2,\"\":3},\"list\":[10,[11,{\"x\":12}]],"
    "\"/abs\":\"slash name\",\"abs\":\"not this\","
    "\"realm_access\":{\"roles\":[\"admin\",\"user\"]}}";


START_TEST(name_wins_over_path_and_path_over_nothing)
{
    static const struct {
        const char  *path;
        const char  *found;         /* JSON text; NULL: nothing */
    } rows[] = {
        { "sub", "\"alice\"" },
        { "custom:tenantId", "\"acme\"" },
        { "https://x/roles", "[\"a\",\"b\"]" },
        { "cognito:groups", "[\"g\"]" },
        { "a.b", "\"dotted name\"" },
        { "a.c.d", "7" },
        { "a.c", "{\"d\":7}" },
        { "realm_access.roles", "[\"admin\",\"user\"]" },
        { "/abs", "\"slash name\"" },
        { "/a/b", "\"nested\"" },
        { "/a/c/d", "7" },
        { "/a.b", "\"dotted name\"" },
        { "/a/e~1f", "1" },
        { "/a/m~0n", "2" },
        { "/a/", "3" },
        { "a.", "3" },
        { "/list/0", "10" },
        { "/list/1/1/x", "12" },
        { "/realm_access/roles/1", "\"user\"" },

        { "SUB", NULL }, { "su", NULL }, { "sub.x", NULL }, { ".", NULL },
        { "a..d", NULL }, { "a.c.d.e", NULL }, { "list.0", NULL },
        { "/", NULL }, { "/list/2", NULL }, { "/list/01", NULL },
        { "/list/-", NULL }, { "/list/1x", NULL }, { "/list/", NULL },
        { "/list/18446744073709551616", NULL }, { "/sub/0", NULL },
        { "/a/c/d/", NULL }, { "", NULL }, { "//", NULL },
    };
    const tenant_value_t  *claims = unit_claims(document), *found;
    char                   text[256];
    size_t                 i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        found = tenant_claim_find(claims, S(rows[i].path));

        if (rows[i].found == NULL) {
            ck_assert_msg(found == NULL, "%s", rows[i].path);
            continue;
        }

        ck_assert_ptr_nonnull(found);
        text[tenant_value_print(found, text)] = '\0';
        ck_assert_msg(strcmp(text, rows[i].found) == 0, "%s: %s",
                      rows[i].path, text);
    }
}
END_TEST


START_TEST(path_is_bounded_and_well_formed)
{
    char  text[300];

    memset(text, 'a', sizeof(text));
    ck_assert(tenant_claim_path_valid((tenant_str_t) { text, 1 }));
    ck_assert(tenant_claim_path_valid((tenant_str_t) { text, 256 }));
    ck_assert(!tenant_claim_path_valid((tenant_str_t) { text, 257 }));
    ck_assert(!tenant_claim_path_valid((tenant_str_t) { NULL, 0 }));
    ck_assert(!tenant_claim_path_valid(S("a\nb")));
    ck_assert(!tenant_claim_path_valid(S("a\x7f")));
    ck_assert(!tenant_claim_path_valid((tenant_str_t) { "a\0b", 3 }));
    ck_assert(tenant_claim_path_valid(S("/a/~0/~1")));
    ck_assert(!tenant_claim_path_valid(S("/a~")));
    ck_assert(!tenant_claim_path_valid(S("/a~2")));
    ck_assert(tenant_claim_path_valid(S("a~2")));
}
END_TEST


/* The texts of a value, joined with "|". */
static const char *
joined(const char *json, bool words)
{
    static char           out[256];
    tenant_claim_texts_t  texts;
    tenant_str_t          text;
    char                  object[256];
    size_t                n = 0;

    snprintf(object, sizeof(object), "{\"v\":%s}", json);

    if (!tenant_claim_texts(&texts, tenant_value_get(unit_claims(object),
                                                     S("v")), words))
    {
        return NULL;
    }

    while (tenant_claim_texts_next(&texts, &text)) {
        memcpy(out + n, text.data, text.len);
        n += text.len;
        out[n++] = '|';
    }

    ck_assert(!tenant_claim_texts_next(&texts, &text));
    out[n] = '\0';
    return out;
}


START_TEST(texts_of_strings_and_arrays)
{
    ck_assert_str_eq(joined("\"a b\"", false), "a b|");
    ck_assert_str_eq(joined("\"a b\"", true), "a|b|");
    ck_assert_str_eq(joined("\"  a   b \"", true), "a|b|");
    ck_assert_str_eq(joined("\"\"", true), "");
    ck_assert_str_eq(joined("\"  \"", true), "");
    ck_assert_str_eq(joined("\"\"", false), "|");
    ck_assert_str_eq(joined("\"a b c\"", true), "a|b|c|");
    ck_assert_str_eq(joined("[\"a\",\"b c\"]", true), "a|b c|");
    ck_assert_str_eq(joined("[\"a\",\"\"]", true), "a||");
    ck_assert_str_eq(joined("[]", false), "");
    ck_assert_ptr_null(joined("[\"a\",1]", false));
    ck_assert_ptr_null(joined("[[\"a\"]]", false));
    ck_assert_ptr_null(joined("{\"a\":\"b\"}", false));
    ck_assert_ptr_null(joined("1", false));
    ck_assert_ptr_null(joined("null", false));
}
END_TEST


START_TEST(glob_matches_the_whole_text)
{
    static const struct {
        const char  *pattern;
        const char  *text;
        bool         match;
    } rows[] = {
        { "", "", true }, { "", "a", false }, { "a", "", false },
        { "*", "", true }, { "*", "abc", true }, { "**", "abc", true },
        { "abc", "abc", true }, { "abc", "abcd", false },
        { "ab", "abc", false }, { "a*c", "ac", true },
        { "a*c", "abbbc", true }, { "a*c", "abcd", false },
        { "a?c", "abc", true }, { "a?c", "ac", false },
        { "*@acme.example", "bob@acme.example", true },
        { "*@acme.example", "bob@acme.example.evil", false },
        { "*a*b*c*", "xxaxxbxxcxx", true }, { "*a*b*c*", "xcxbxa", false },
        { "a\\*c", "a*c", true }, { "a\\*c", "abc", false },
        { "a\\?c", "a?c", true }, { "a\\?c", "abc", false },
        { "a\\\\c", "a\\c", true }, { "a\\", "a\\", true },
        { "*ab", "aab", true }, { "*aab", "aaab", true },
        { "?", "\xc3\xa9", false }, { "??", "\xc3\xa9", true },
        { "Abc", "abc", false },
    };
    char    text[2001], pattern[64];
    size_t  i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_msg(tenant_claim_glob(S(rows[i].pattern), S(rows[i].text))
                      == rows[i].match, "%s %s", rows[i].pattern,
                      rows[i].text);
    }

    /* would take for ever with a retry for each star */
    memset(text, 'a', 2000);
    text[2000] = '\0';

    for (i = 0; i < 60; i += 2) {
        memcpy(pattern + i, "*a", 2);
    }

    memcpy(pattern + i, "b", 2);
    ck_assert(!tenant_claim_glob(S(pattern), S(text)));
}
END_TEST


Suite *
suite_claim_path(void)
{
    Suite  *s = suite_create("claim_path");
    TCase  *t = tcase_create("claim_path");

    tcase_add_test(t, name_wins_over_path_and_path_over_nothing);
    tcase_add_test(t, path_is_bounded_and_well_formed);
    tcase_add_test(t, texts_of_strings_and_arrays);
    tcase_add_test(t, glob_matches_the_whole_text);
    suite_add_tcase(s, t);
    return s;
}
