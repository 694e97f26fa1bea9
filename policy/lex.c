/* Cedar text to tokens. */

#include "lex.h"

#include <string.h>


/* ORDER TOKENS */
static const char *const  token_names[] = {
    "end of text", "identifier", "integer", "string", "slot", "\"@\"",
    "\".\"", "\",\"", "\";\"", "\":\"", "\"::\"", "\"(\"", "\")\"",
    "\"{\"", "\"}\"", "\"[\"", "\"]\"", "\"==\"", "\"!=\"", "\"<\"",
    "\"<=\"", "\">\"", "\">=\"", "\"||\"", "\"&&\"", "\"+\"", "\"-\"",
    "\"*\"", "\"/\"", "\"%\"", "\"!\"", "\"=\""
};


const char *
policy_token_name(policy_token_kind_t kind)
{
    return token_names[kind];
}


policy_status_t
policy_lex_init(policy_lex_t *lex, policy_str_t file, policy_str_t text,
    policy_error_t *error)
{
    size_t  valid;

    lex->file = file;
    lex->text = text;
    lex->at = 0;
    lex->bare_slot = 0;
    lex->error = error;
    lex->bare_slot = 0;

    if (text.len > POLICY_MAX_TEXT) {
        return policy_fail(error, POLICY_LIMIT, file, text, 0,
                           "text is longer than %u bytes", POLICY_MAX_TEXT);
    }

    valid = policy_utf8_valid(text);

    if (valid < text.len) {
        return policy_fail(error, POLICY_SYNTAX, file, text, valid,
                           "invalid UTF-8");
    }

    return POLICY_OK;
}


static policy_status_t
refuse(policy_lex_t *lex, size_t offset, const char *message)
{
    return policy_fail(lex->error, POLICY_SYNTAX, lex->file, lex->text,
                       offset, "%s", message);
}


/* Unicode White_Space */
static int
is_space(uint32_t c)
{
    return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0
           || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028
           || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}


static int
is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'
           || (c >= '0' && c <= '9');
}


/* { space | "//" to LF or CR } */
static void
skip_space(policy_lex_t *lex)
{
    size_t       n, len;
    uint32_t     c;
    const char  *s;

    s = lex->text.data;
    len = lex->text.len;

    while (lex->at < len) {
        n = policy_utf8_decode(s + lex->at, len - lex->at, &c);

        if (is_space(c)) {
            lex->at += n;
            continue;
        }

        if (c != '/' || len - lex->at < 2 || s[lex->at + 1] != '/') {
            return;
        }

        while (lex->at < len && s[lex->at] != '\n' && s[lex->at] != '\r') {
            lex->at++;
        }
    }
}


/* A backslash takes the next character, but no LF; a raw CR is refused. */
static policy_status_t
lex_string(policy_lex_t *lex, policy_token_t *token)
{
    char         c;
    size_t       i;
    const char  *s;

    s = lex->text.data;

    for (i = lex->at + 1; i < lex->text.len; i++) {
        c = s[i];

        if (c == '"') {
            token->kind = TOKEN_STRING;
            token->text.len = i + 1 - lex->at;
            return POLICY_OK;
        }

        if (c == '\r') {
            return refuse(lex, i, "carriage return in a string");
        }

        if (c == '\\') {
            i++;

            if (i < lex->text.len && (s[i] == '\n' || s[i] == '\r')) {
                return refuse(lex, i - 1, "line break after a backslash");
            }
        }
    }

    return refuse(lex, lex->at, "string is not closed");
}


static policy_token_kind_t
one_or_two(const policy_lex_t *lex, char second, policy_token_kind_t two,
    policy_token_kind_t one, size_t *len)
{
    if (lex->at + 1 < lex->text.len
        && lex->text.data[lex->at + 1] == second)
    {
        *len = 2;
        return two;
    }

    *len = 1;

    return one;
}


static policy_status_t
lex_punctuation(policy_lex_t *lex, policy_token_t *token)
{
    size_t               len;
    const char          *p;
    policy_token_kind_t  kind;

    /* in the order of TOKEN_AT .. TOKEN_ASSIGN; spaces: two characters */
    static const char  single[] = "@.,;: (){}[]            ";

    len = 1;

    switch (lex->text.data[lex->at]) {

    case ':':
        kind = one_or_two(lex, ':', TOKEN_PATH, TOKEN_COLON, &len);
        break;

    case '=':
        kind = one_or_two(lex, '=', TOKEN_EQ, TOKEN_ASSIGN, &len);
        break;

    case '!':
        kind = one_or_two(lex, '=', TOKEN_NE, TOKEN_NOT, &len);
        break;

    case '<':
        kind = one_or_two(lex, '=', TOKEN_LE, TOKEN_LT, &len);
        break;

    case '>':
        kind = one_or_two(lex, '=', TOKEN_GE, TOKEN_GT, &len);
        break;

    case '|':
        kind = one_or_two(lex, '|', TOKEN_OR, TOKEN_END, &len);
        break;

    case '&':
        kind = one_or_two(lex, '&', TOKEN_AND, TOKEN_END, &len);
        break;

    case '+':
        kind = TOKEN_PLUS;
        break;

    case '-':
        kind = TOKEN_MINUS;
        break;

    case '*':
        kind = TOKEN_STAR;
        break;

    case '/':
        kind = TOKEN_SLASH;
        break;

    case '%':
        kind = TOKEN_PERCENT;
        break;

    case '\0':
    case ' ':
        kind = TOKEN_END;
        break;

    default:
        p = strchr(single, lex->text.data[lex->at]);
        kind = p == NULL ? TOKEN_END
                         : (policy_token_kind_t) (TOKEN_AT + (p - single));
        break;
    }

    if (kind == TOKEN_END) {
        return refuse(lex, lex->at, "unexpected character");
    }

    token->kind = kind;
    token->text.len = len;

    return POLICY_OK;
}


policy_status_t
policy_lex_next(policy_lex_t *lex, policy_token_t *token)
{
    char             c;
    size_t           i;
    const char      *s;
    policy_status_t  rc;

    skip_space(lex);

    s = lex->text.data;

    token->kind = TOKEN_END;
    token->offset = (uint32_t) lex->at;
    token->text.data = s + lex->at;
    token->text.len = 0;

    if (lex->at == lex->text.len) {
        return POLICY_OK;
    }

    c = s[lex->at];
    i = lex->at + 1;

    if (c >= '0' && c <= '9') {
        while (i < lex->text.len && s[i] >= '0' && s[i] <= '9') {
            i++;
        }

        token->kind = TOKEN_INT;
        token->text.len = i - lex->at;

    } else if (c == '?' && lex->bare_slot) {
        token->kind = TOKEN_SLOT;
        token->text.len = 1;

    } else if (is_word(c) || c == '?') {
        while (i < lex->text.len && is_word(s[i])) {
            i++;
        }

        if (c == '?' && !lex->bare_slot
            && (i == lex->at + 1
                || (s[lex->at + 1] >= '0' && s[lex->at + 1] <= '9')))
        {
            return refuse(lex, lex->at, "\"?\" wants the name of a slot");
        }

        token->kind = c == '?' ? TOKEN_SLOT : TOKEN_IDENT;
        token->text.len = i - lex->at;

    } else {
        rc = c == '"' ? lex_string(lex, token) : lex_punctuation(lex, token);
        if (rc != POLICY_OK) {
            return rc;
        }
    }

    lex->at += token->text.len;

    return POLICY_OK;
}


static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}


/* "u{" HEX { HEX | "_" } "}" after the backslash; 1-6 digits; 0: bad */
static size_t
unescape_u(const char *s, size_t len, uint32_t *c)
{
    size_t    i;
    uint32_t  v;
    unsigned  digits;

    if (len < 4 || s[1] != '{' || hex_digit(s[2]) < 0) {
        return 0;
    }

    v = 0;
    digits = 0;

    for (i = 2; i < len && s[i] != '}'; i++) {
        if (s[i] == '_') {
            continue;
        }

        if (hex_digit(s[i]) < 0 || ++digits > 6) {
            return 0;
        }

        v = v << 4 | (uint32_t) hex_digit(s[i]);
    }

    if (i == len || v > 0x10ffff || (v >= 0xd800 && v < 0xe000)) {
        return 0;
    }

    *c = v;

    return i + 1;
}


/* Reads one escape after its backslash; returns its length, 0: bad. */
static size_t
unescape_one(const char *s, size_t len, uint32_t *c)
{
    int  high, low;

    *c = 0;

    switch (s[0]) {

    case 'n':
        *c = '\n';
        return 1;

    case 'r':
        *c = '\r';
        return 1;

    case 't':
        *c = '\t';
        return 1;

    case '0':
        return 1;

    case '\\':
    case '\'':
    case '"':
        *c = (unsigned char) s[0];
        return 1;

    case 'x':
        high = len > 1 ? hex_digit(s[1]) : -1;
        low = len > 2 ? hex_digit(s[2]) : -1;

        if (high < 0 || high > 7 || low < 0) {
            return 0;
        }

        *c = (uint32_t) (high << 4 | low);
        return 3;

    case 'u':
        return unescape_u(s, len, c);

    default:
        return 0;
    }
}


static policy_status_t
unescape(policy_lex_t *lex, const policy_token_t *token,
    policy_arena_t *arena, int pattern, policy_str_t *s)
{
    char          *out, *p;
    size_t         i, n;
    uint32_t       c;
    policy_str_t   in;

    in.data = token->text.data + 1;
    in.len = token->text.len - 2;

    if (!pattern && memchr(in.data, '\\', in.len) == NULL) {
        *s = in;
        return POLICY_OK;
    }

    /* no escape is shorter than what it stands for */

    out = policy_alloc(arena, in.len + 1);
    if (out == NULL) {
        return arena->base != NULL
               ? policy_fail_plain(lex->error, POLICY_LIMIT, "arena is full")
               : policy_fail_plain(lex->error, POLICY_NO_MEMORY,
                                   "no memory");
    }

    p = out;

    for (i = 0; i < in.len; i += n) {
        n = 1;

        if (in.data[i] != '\\') {
            *p++ = pattern && in.data[i] == '*' ? POLICY_WILDCARD
                                                : in.data[i];
            continue;
        }

        if (pattern && in.data[i + 1] == '*') {
            *p++ = '*';
            n = 2;
            continue;
        }

        n = unescape_one(in.data + i + 1, in.len - i - 1, &c);
        if (n == 0) {
            return refuse(lex, token->offset + 1 + i, "unknown escape");
        }

        n++;

        /* a star written \u{2a} or \x2a is a wildcard too */

        if (pattern && c == '*') {
            *p++ = POLICY_WILDCARD;
        } else {
            p += policy_utf8_encode(c, p);
        }
    }

    s->data = out;
    s->len = (size_t) (p - out);

    return POLICY_OK;
}


policy_status_t
policy_lex_string(policy_lex_t *lex, const policy_token_t *token,
    policy_arena_t *arena, policy_str_t *s)
{
    return unescape(lex, token, arena, 0, s);
}


policy_status_t
policy_lex_pattern(policy_lex_t *lex, const policy_token_t *token,
    policy_arena_t *arena, policy_str_t *s)
{
    return unescape(lex, token, arena, 1, s);
}
