/* Tokens: places, strings, escapes, patterns, white space. */

#include "test.h"

#include "lex.h"


typedef struct {
    const char           *text;
    policy_token_kind_t   kind;
    uint32_t              offset;
    size_t                len;
} token_case_t;

/* the first token of the text */
static const token_case_t  tokens[] = {
    { "", TOKEN_END, 0, 0 },
    { " \t\n\v\f\r", TOKEN_END, 6, 0 },
    { "// all comment", TOKEN_END, 14, 0 },
    { "// to CR\rx", TOKEN_IDENT, 9, 1 },
    { "\xc2\x85\xc2\xa0\xe1\x9a\x80\xe2\x80\x80\xe2\x80\x8a\xe2\x80\xa8"
      "\xe2\x80\xa9\xe2\x80\xaf\xe2\x81\x9f\xe3\x80\x80x", TOKEN_IDENT, 28,
      1 },
    { "_a9 ", TOKEN_IDENT, 0, 3 },
    { "007a", TOKEN_INT, 0, 3 },
    { "?principal,", TOKEN_SLOT, 0, 10 },
    { "\"a\\\"b\"c", TOKEN_STRING, 0, 6 },
    { "\"a\nb\tc\"", TOKEN_STRING, 0, 7 },
    { "@x", TOKEN_AT, 0, 1 },
    { ".", TOKEN_DOT, 0, 1 },
    { ",", TOKEN_COMMA, 0, 1 },
    { ";", TOKEN_SEMICOLON, 0, 1 },
    { ":a", TOKEN_COLON, 0, 1 },
    { ":::", TOKEN_PATH, 0, 2 },
    { "(", TOKEN_LPAREN, 0, 1 },
    { ")", TOKEN_RPAREN, 0, 1 },
    { "{", TOKEN_LBRACE, 0, 1 },
    { "}", TOKEN_RBRACE, 0, 1 },
    { "[", TOKEN_LBRACKET, 0, 1 },
    { "]", TOKEN_RBRACKET, 0, 1 },
    { "===", TOKEN_EQ, 0, 2 },
    { "=", TOKEN_ASSIGN, 0, 1 },
    { "!=", TOKEN_NE, 0, 2 },
    { "!!", TOKEN_NOT, 0, 1 },
    { "<=", TOKEN_LE, 0, 2 },
    { "<<", TOKEN_LT, 0, 1 },
    { ">=", TOKEN_GE, 0, 2 },
    { ">", TOKEN_GT, 0, 1 },
    { "||", TOKEN_OR, 0, 2 },
    { "&&", TOKEN_AND, 0, 2 },
    { "+", TOKEN_PLUS, 0, 1 },
    { "-", TOKEN_MINUS, 0, 1 },
    { "*", TOKEN_STAR, 0, 1 },
    { "/", TOKEN_SLASH, 0, 1 },
    { "%", TOKEN_PERCENT, 0, 1 }
};

START_TEST(test_token)
{
    policy_lex_t         lex;
    policy_token_t       token;
    const token_case_t  *c;

    c = &tokens[_i];

    ck_assert_int_eq(policy_lex_init(&lex, str("f"), str(c->text), NULL),
                     POLICY_OK);
    ck_assert_int_eq(policy_lex_next(&lex, &token), POLICY_OK);
    ck_assert_msg(token.kind == c->kind && token.offset == c->offset
                  && token.text.len == c->len,
                  "%s: %s at %u, %zu bytes", c->text,
                  policy_token_name(token.kind), token.offset,
                  token.text.len);
}
END_TEST


typedef struct {
    policy_str_t   text;
    uint32_t       line;
    uint32_t       column;
    const char    *message;
} bad_token_t;

#define TEXT(s)  { s, sizeof(s) - 1 }

static const bad_token_t  bad_tokens[] = {
    { TEXT("\0"), 1, 1, "unexpected character" },
    { TEXT("\xef\xbb\xbfx"), 1, 1, "unexpected character" },
    { TEXT("\xe2\x80\x8bx"), 1, 1, "unexpected character" },
    { TEXT("\n \xc3\xa9"), 2, 2, "unexpected character" },
    { TEXT("|x"), 1, 1, "unexpected character" },
    { TEXT("&"), 1, 1, "unexpected character" },
    { TEXT("'a'"), 1, 1, "unexpected character" },
    { TEXT("#"), 1, 1, "unexpected character" },
    { TEXT("? x"), 1, 1, "slot" },
    { TEXT("?1"), 1, 1, "slot" },
    { TEXT("\"abc"), 1, 1, "not closed" },
    { TEXT("\"abc\\\""), 1, 1, "not closed" },
    { TEXT("\"abc\\"), 1, 1, "not closed" },
    { TEXT("\"\xc3\xa9\r\""), 1, 3, "carriage return" },
    { TEXT("\"a\\\nb\""), 1, 3, "line break" },
    { TEXT("a\xc3"), 1, 2, "UTF-8" },
    { TEXT("\n\"\xed\xa0\x80\""), 2, 2, "UTF-8" },
    { TEXT("\xc0\x80"), 1, 1, "UTF-8" },
    { TEXT("\xf4\x90\x80\x80"), 1, 1, "UTF-8" },
    { TEXT("\xe2\x82"), 1, 1, "UTF-8" },
    { TEXT("\xf8"), 1, 1, "UTF-8" },
    { TEXT("\xe2(\xa1"), 1, 1, "UTF-8" }
};

START_TEST(test_bad_token)
{
    policy_lex_t        lex;
    policy_error_t      error;
    policy_token_t      token;
    policy_status_t     rc;
    const bad_token_t  *c;

    c = &bad_tokens[_i];
    rc = policy_lex_init(&lex, str("f"), c->text, &error);

    while (rc == POLICY_OK) {
        rc = policy_lex_next(&lex, &token);

        ck_assert_msg(rc != POLICY_OK || token.kind != TOKEN_END,
                      "\"%s\" is accepted", c->text.data);
    }

    test_error(c->text.data, rc, &error, POLICY_SYNTAX, c->line, c->column,
               c->message);
    ck_assert_str_eq(error.file, "f");
}
END_TEST


typedef struct {
    const char    *text;
    policy_str_t   value;       /* data NULL: refused */
    uint32_t       column;
    int            pattern;
} string_case_t;

#define REFUSED  { NULL, 0 }

static const string_case_t  strings[] = {
    { "\"\"", TEXT(""), 0, 0 },
    { "\"a b\"", TEXT("a b"), 0, 0 },
    { "\"\\n\\r\\t\\\\\\0\\'\\\"\"", TEXT("\n\r\t\\\0'\""), 0, 0 },
    { "\"\\x41\\x7f\\x00\"", TEXT("A\x7f\0"), 0, 0 },
    { "\"\\u{41}\\u{e9}\\u{20ac}\\u{1F600}\"",
      TEXT("A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), 0, 0 },
    { "\"\\u{0_0_4_1_}\"", TEXT("A"), 0, 0 },
    { "\"\\u{10FFFF}\"", TEXT("\xf4\x8f\xbf\xbf"), 0, 0 },
    { "\"a*\\x2a\"", TEXT("a**"), 0, 0 },
    { "\"\\x80\"", REFUSED, 2, 0 },
    { "\"\\x4\"", REFUSED, 2, 0 },
    { "\"\\xg0\"", REFUSED, 2, 0 },
    { "\"a\\q\"", REFUSED, 3, 0 },
    { "\"\\*\"", REFUSED, 2, 0 },
    { "\"\\u{}\"", REFUSED, 2, 0 },
    { "\"\\u{_1}\"", REFUSED, 2, 0 },
    { "\"\\u{1234567}\"", REFUSED, 2, 0 },
    { "\"\\u{d800}\"", REFUSED, 2, 0 },
    { "\"\\u{dfff}\"", REFUSED, 2, 0 },
    { "\"\\u{110000}\"", REFUSED, 2, 0 },
    { "\"\\u{41\"", REFUSED, 2, 0 },
    { "\"\\u{4g}\"", REFUSED, 2, 0 },
    { "\"\\u0041\"", REFUSED, 2, 0 },
    { "\"\\u\"", REFUSED, 2, 0 },
    { "\"a*b\"", TEXT("a\xff" "b"), 0, 1 },
    { "\"\\*\"", TEXT("*"), 0, 1 },
    { "\"\\u{2a}\\x2a\"", TEXT("\xff\xff"), 0, 1 },
    { "\"\\\\*\"", TEXT("\\\xff"), 0, 1 },
    { "\"\\q\"", REFUSED, 2, 1 }
};

START_TEST(test_string)
{
    policy_lex_t          lex;
    policy_str_t          s;
    policy_error_t        error;
    policy_token_t        token;
    policy_status_t       rc;
    const string_case_t  *c;

    c = &strings[_i];

    ck_assert_int_eq(policy_lex_init(&lex, str("f"), str(c->text), &error),
                     POLICY_OK);
    ck_assert_int_eq(policy_lex_next(&lex, &token), POLICY_OK);
    ck_assert_int_eq(token.kind, TOKEN_STRING);

    rc = c->pattern ? policy_lex_pattern(&lex, &token, test_arena(), &s)
                    : policy_lex_string(&lex, &token, test_arena(), &s);

    if (c->value.data == NULL) {
        test_error(c->text, rc, &error, POLICY_SYNTAX, 1, c->column,
                   "unknown escape");
        return;
    }

    ck_assert_int_eq(rc, POLICY_OK);
    ck_assert_msg(policy_str_equal(s, c->value), "%s", c->text);
}
END_TEST


START_TEST(test_print_cuts_at_a_character)
{
    char            buffer[8];
    policy_uid_t    uid;
    policy_print_t  p;

    policy_print_init(&p, buffer, 4);
    policy_print_str(&p, "ab\xe2\x82\xac");
    ck_assert_uint_eq(policy_print_end(&p), 5);
    ck_assert_str_eq(buffer, "ab");

    policy_print_init(&p, buffer, 0);
    policy_print_i64(&p, INT64_MIN);
    ck_assert_uint_eq(policy_print_end(&p), 20);

    uid = test_uid("N::T::\"a\\n\\r\\t\\\"\\\\\\0\\x7f\"");
    ck_assert_uint_eq(policy_uid_print(&uid, buffer, sizeof(buffer)), 27);
    ck_assert_str_eq(buffer, "N::T::\"");
}
END_TEST


START_TEST(test_status_names)
{
    ck_assert_str_eq(policy_status_name(POLICY_OK), "ok");
    ck_assert_str_eq(policy_status_name(POLICY_MISUSE), "misuse");
    ck_assert_str_eq(policy_status_name((policy_status_t) 99), "unknown");
    ck_assert_str_eq(policy_error_kind_name(POLICY_ERROR_LIMIT), "limit");
    ck_assert_str_eq(policy_error_kind_name((policy_error_kind_t) 99),
                     "none");
}
END_TEST


#define COUNT(a)  ((int) (sizeof(a) / sizeof((a)[0])))

TCase *
lex_case(void)
{
    TCase  *tcase;

    tcase = tcase_create("lex");
    tcase_add_loop_test(tcase, test_token, 0, COUNT(tokens));
    tcase_add_loop_test(tcase, test_bad_token, 0, COUNT(bad_tokens));
    tcase_add_loop_test(tcase, test_string, 0, COUNT(strings));
    tcase_add_test(tcase, test_print_cuts_at_a_character);
    tcase_add_test(tcase, test_status_names);

    return tcase;
}
