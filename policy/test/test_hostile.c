/* Input made to hurt: a located error, bounded time and memory. */

#include "test.h"

#include <time.h>


#define BIG  (10u << 20)

static test_memory_t  counts;


/* head, then body as often as fits size (0: times), then tail */
static char *
repeat(const char *head, const char *body, size_t times, const char *tail)
{
    char    *text, *p;
    size_t   n, i;

    n = strlen(body);
    text = malloc(strlen(head) + n * times + strlen(tail) + 1);
    ck_assert_ptr_nonnull(text);

    p = text + strlen(head);
    memcpy(text, head, strlen(head));

    for (i = 0; i < times; i++, p += n) {
        memcpy(p, body, n);
    }

    strcpy(p, tail);

    return text;
}


static policy_status_t
load(const char *text, policy_error_t *error)
{
    policy_set_t     *set;
    policy_memory_t   memory;
    policy_status_t   rc;

    memset(&counts, 0, sizeof(counts));
    memory = test_memory(&counts);

    ck_assert_int_eq(policy_set_create(&memory, NULL, &set), POLICY_OK);
    rc = policy_set_add(set, str("f"), str(text), error);

    if (rc == POLICY_OK) {
        rc = policy_set_finish(set, error);
    }

    policy_set_destroy(set);
    ck_assert_uint_eq(counts.live, 0);

    return rc;
}


typedef struct {
    const char       *head;
    const char       *body;
    const char       *tail;
    size_t            times;    /* 0: BIG bytes */
    policy_status_t   status;
    uint32_t          column;   /* of the error; 0: not fixed */
} text_case_t;

#define W  "permit(principal,action,resource)when{"

static const text_case_t  texts[] = {
    { "", " ", "", 0, POLICY_OK, 0 },
    { "", "\n", "x", 0, POLICY_SYNTAX, 1 },
    { "//", "x", "", 0, POLICY_OK, 0 },
    { "@a(\"", "x", "\")" W "true};", 0, POLICY_OK, 0 },
    { "@a(\"", "\\n", "\")" W "true};", 0, POLICY_OK, 0 },
    { "@a(\"", "x", "", 0, POLICY_SYNTAX, 4 },
    { "", "x", "", 0, POLICY_SYNTAX, 1 },
    { "", "permit(principal,action,resource);", "", 0, POLICY_OK, 0 },
    { "", "@a", W "true};", 0, POLICY_DUPLICATE, 3 },
    { W, "(", "", 10000, POLICY_LIMIT, 139 },
    { W, "[", "", 10000, POLICY_LIMIT, 139 },
    { W, "{a:", "", 10000, POLICY_LIMIT, 339 },
    { W, "if ", "", 10000, POLICY_LIMIT, 339 },
    { W, "if true then 1 else ", "1};", 10000, POLICY_LIMIT, 0 },
    { W "principal", ".a", "};", 10000, POLICY_LIMIT, 0 },
    { W "principal", "[\"a\"]", "};", 10000, POLICY_LIMIT, 0 },
    { W "principal", ".isIpv4()", "};", 10000, POLICY_LIMIT, 0 },
    { W, "ip(", "", 10000, POLICY_LIMIT, 0 },
    { W, "!(", "", 10000, POLICY_LIMIT, 0 },
    { W "a::", "a::", "\"\"==1};", 10000, POLICY_LIMIT, 0 },
    { "permit(principal==", "(", "", 10000, POLICY_LIMIT, 119 },
    { "permit(principal,action in", "(", "", 10000, POLICY_LIMIT, 127 },
    { W "true", "&&true", "};", 0, POLICY_OK, 0 },
    { W "false", "||context.b", "};", 0, POLICY_OK, 0 },
    { W "1", "+context.i", "==1};", 0, POLICY_OK, 0 },
    { W "1", "*1", "==1};", 0, POLICY_OK, 0 },
    { W "context has a", ".a", "};", 0, POLICY_OK, 0 },
    { W "[", "1,", "].contains(context.i)};", 0, POLICY_OK, 0 },
    { W "[", "context.i,", "].contains(1)};", 0, POLICY_OK, 0 },
    { W "context.s like \"", "*a", "\"};", 0, POLICY_OK, 0 },
    { W "ip(", "1,", ")==1};", 0, POLICY_OK, 0 },
    { W "true}", "when{true}", ";", 0, POLICY_OK, 0 },
    { W "\"", "\\u{10ffff}", "\"==1};", 0, POLICY_OK, 0 },
    { W "99999", "9", "==1};", 0, POLICY_INVALID, 39 },
    { "permit(principal,action in[", "Action::\"a\",", "],resource);", 0,
      POLICY_OK, 0 },
    { "permit(principal,action in[", "Action::\"a\",", "],resource)", 0,
      POLICY_SYNTAX, 0 }
};

START_TEST(test_text)
{
    char                *text;
    clock_t              start;
    size_t               times;
    policy_error_t       error;
    policy_status_t      rc;
    const text_case_t   *c;

    c = &texts[_i];
    times = c->times != 0 ? c->times : BIG / strlen(c->body);

    text = repeat(c->head, c->body, times, c->tail);
    start = clock();
    rc = load(text, &error);

    ck_assert_msg(rc == c->status, "%.40s%.10s: %s: %s", c->head, c->body,
                  policy_status_name(rc), rc == POLICY_OK ? ""
                  : error.message);

    if (rc != POLICY_OK) {
        ck_assert_uint_ge(error.line, 1);
        ck_assert_uint_ge(error.column, 1);
    }

    if (c->column != 0) {
        ck_assert_uint_eq(error.column, c->column);
    }

    ck_assert_msg(clock() - start < 20 * CLOCKS_PER_SEC, "%.40s: slow",
                  c->head);
    ck_assert_uint_lt(counts.peak, 1500u << 20);
    free(text);
}
END_TEST


START_TEST(test_too_long)
{
    char            *text;
    policy_error_t   error;

    text = repeat("", " ", (size_t) POLICY_MAX_TEXT + 1, "");
    ck_assert_int_eq(load(text, &error), POLICY_LIMIT);
    ck_assert_int_eq(policy_json(test_arena(), str(text),
                     &(policy_value_t) { 0 }, &error), POLICY_LIMIT);
    free(text);
}
END_TEST


/* Every prefix of a good text is refused, none reads past its end. */
START_TEST(test_truncated)
{
    char               *copy;
    size_t              n, len;
    policy_set_t       *set;
    policy_memory_t     memory;
    policy_error_t      error;
    policy_status_t     rc;
    static const char   text[] =
        "@a(\"x\\n\")forbid(principal is N::U in ?principal,action in["
        "Action::\"a\"],resource==D::\"\\u{e9}\")when{if context.a then-1<2 "
        "else principal has a.b}unless{[1,{a:2}].contains(ip(\"::\"))};";

    memset(&counts, 0, sizeof(counts));
    memory = test_memory(&counts);
    len = sizeof(text) - 1;

    for (n = 1; n <= len; n++) {
        copy = malloc(n);
        memcpy(copy, text, n);

        ck_assert_int_eq(policy_set_create(&memory, NULL, &set), POLICY_OK);
        rc = policy_set_add(set, str("f"), (policy_str_t) { copy, n },
                            &error);
        ck_assert_msg(n == len ? rc == POLICY_OK
                      : rc == POLICY_SYNTAX || rc == POLICY_INVALID,
                      "%.*s: %s", (int) n, text, policy_status_name(rc));
        policy_set_destroy(set);
        free(copy);
    }
}
END_TEST


START_TEST(test_truncated_json)
{
    char               *copy;
    size_t              n, len;
    policy_error_t      error;
    policy_store_t     *store;
    policy_memory_t     memory;
    policy_status_t     rc;
    static const char   text[] =
        "[{\"uid\":{\"type\":\"U\",\"id\":\"\\u00e9\\ud83d\\ude00\"},"
        "\"attrs\":{\"a\":[1,-2,true,false],\"b\":{\"__extn\":{\"fn\":\"ip\","
        "\"args\":[\"::1\"]}}},\"parents\":[{\"__entity\":{\"type\":\"U\","
        "\"id\":\"b\"}}],\"tags\":{\"t\":\"v\"},\"other\":[null,1.5e3]}]";

    memset(&counts, 0, sizeof(counts));
    memory = test_memory(&counts);
    len = sizeof(text) - 1;

    for (n = 0; n <= len; n++) {
        copy = malloc(n + 1);
        memcpy(copy, text, n);

        ck_assert_int_eq(policy_store_create(&memory, &store), POLICY_OK);
        rc = policy_store_json(store, str("f"), (policy_str_t) { copy, n },
                               &error);
        ck_assert_msg(n == len ? rc == POLICY_OK
                      : rc == POLICY_SYNTAX || rc == POLICY_INVALID,
                      "%.*s: %s", (int) n, text, policy_status_name(rc));
        policy_store_destroy(store);
        free(copy);
    }

    ck_assert_uint_eq(counts.live, 0);
}
END_TEST


typedef struct {
    const char       *head;
    const char       *body;
    const char       *tail;
    size_t            times;
    policy_status_t   status;
} json_case_t;

#define E  "[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"parents\":[],\"attrs\":"

static const json_case_t  jsons[] = {
    { E "{\"a\":", "[", "", 10000, POLICY_LIMIT },
    { E "{\"a\":", "{\"b\":", "", 10000, POLICY_LIMIT },
    { E "{\"a\":", "{\"__extn\":{\"fn\":\"ip\",\"args\":[", "", 10000,
      POLICY_LIMIT },
    { E "{\"a\":[", "1,", "1]}}]", 0, POLICY_OK },
    { E "{\"a\":\"", "\\n", "\"}}]", 0, POLICY_OK },
    { E "{\"a\":\"", "x", "\"}}]", 0, POLICY_OK },
    { E "{\"a\":", " ", "1}}]", 0, POLICY_OK },
    { E "{\"a\":1", "1", "}}]", 0, POLICY_INVALID },
    { E "{", "\"a\":1,", "\"b\":1}}]", 0, POLICY_DUPLICATE },
    { "[", E, "]", 1000, POLICY_SYNTAX },
    { "[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{},\"parents\":[",
      "{\"type\":\"U\",\"id\":\"b\"},", "{\"type\":\"U\",\"id\":\"b\"}]}]",
      6000, POLICY_OK },
    { "[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{},\"parents\":[",
      "{\"type\":\"U\",\"id\":\"b\"},", "{\"type\":\"U\",\"id\":\"b\"}]}]",
      0, POLICY_LIMIT },
    { "[{\"uid\":{\"type\":\"", "a::", "b\",\"id\":\"\"},\"attrs\":{},"
      "\"parents\":[]}]", 0, POLICY_OK }
};

START_TEST(test_json)
{
    char               *text;
    policy_error_t      error;
    policy_store_t     *store;
    policy_memory_t     memory;
    policy_status_t     rc;
    const json_case_t  *c;

    c = &jsons[_i];
    memset(&counts, 0, sizeof(counts));
    memory = test_memory(&counts);
    text = repeat(c->head, c->body,
                  c->times != 0 ? c->times : BIG / strlen(c->body), c->tail);

    ck_assert_int_eq(policy_store_create(&memory, &store), POLICY_OK);
    rc = policy_store_json(store, str("f"), str(text), &error);

    if (rc == POLICY_OK) {
        rc = policy_store_finish(store, &error);
    }

    ck_assert_msg(rc == c->status, "%.60s: %s: %s", c->body,
                  policy_status_name(rc), rc == POLICY_OK ? ""
                  : error.message);
    ck_assert_uint_lt(counts.peak, 1000u << 20);

    if (rc != POLICY_OK) {
        ck_assert_uint_ge(error.line, 1);
    }

    policy_store_destroy(store);
    ck_assert_uint_eq(counts.live, 0);
    free(text);
}
END_TEST


/* each would take long, and does not: the budget is spent first */
static const char *const  work_policies[] = {
    "permit(principal,action,resource);"
    "forbid(principal,action,resource)when{context.s like"
    "\"*aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac*\"};",

    /* building the set compares its elements, a megabyte each */

    "permit(principal,action,resource);"
    "forbid(principal,action,resource)when{"
    "[context.s,context.s,context.s,context.s,context.s,context.s,"
    "context.s,context.s,context.s,context.s,context.s,context.s]"
    ".contains(context.l)};"
};


START_TEST(test_work)
{
    char                *s, *list;
    policy_set_t        *set;
    policy_uid_t         u;
    policy_value_t       v;
    policy_arena_t      *arena;
    policy_record_t     *record;
    policy_result_t      result;
    policy_request_t     request;
    const policy_set_t  *sets[1];
    static uint64_t      buffer[1 << 19];

    s = repeat("", "a", 1 << 20, "b");
    list = repeat("[", "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",", 1000,
                  "0]");
    set = test_set(work_policies[_i]);
    sets[0] = set;
    u = test_uid("Action::\"a\"");
    arena = policy_arena_init(buffer, sizeof(buffer));

    ck_assert_int_eq(policy_record_begin(arena, &record), POLICY_OK);
    policy_record_set(record, str("s"), policy_string(s, strlen(s)));
    ck_assert_int_eq(policy_json(arena, str(list), &v, NULL), POLICY_OK);
    policy_record_set(record, str("l"), v);

    memset(&request, 0, sizeof(request));
    ck_assert_int_eq(policy_record_end(record, &request.context), POLICY_OK);
    request.work = 100000;
    request.principal = &u;
    request.action = &u;
    request.resource = &u;
    request.sets = sets;
    request.nsets = 1;

    ck_assert_int_eq(policy_authorize(&request, arena, &result),
                     POLICY_LIMIT);
    ck_assert_int_eq(result.decision, POLICY_DENY);
    ck_assert_str_eq(result.limit, "work budget");

    policy_set_destroy(set);
    free(s);
    free(list);
}
END_TEST


#define COUNT(a)  ((int) (sizeof(a) / sizeof((a)[0])))

TCase *
hostile_case(void)
{
    TCase  *tcase;

    tcase = tcase_create("hostile");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, test_text, 0, COUNT(texts));
    tcase_add_test(tcase, test_too_long);
    tcase_add_test(tcase, test_truncated);
    tcase_add_test(tcase, test_truncated_json);
    tcase_add_loop_test(tcase, test_json, 0, COUNT(jsons));
    tcase_add_loop_test(tcase, test_work, 0, COUNT(work_policies));

    return tcase;
}
