/* Runs the engine's unit tests; what they share. */

#include "test.h"


static void *
count_alloc(void *data, size_t size)
{
    test_memory_t  *counts;

    counts = data;
    counts->calls++;

    if (counts->calls == counts->fail_at) {
        return NULL;
    }

    counts->live += size;

    if (counts->live > counts->peak) {
        counts->peak = counts->live;
    }

    return malloc(size);
}


static void
count_free(void *data, void *chunk, size_t size)
{
    test_memory_t  *counts;

    counts = data;
    counts->live -= size;

    free(chunk);
}


policy_memory_t
test_memory(test_memory_t *counts)
{
    policy_memory_t  memory;

    memory.alloc = count_alloc;
    memory.free = count_free;
    memory.data = counts;

    return memory;
}


static test_memory_t  shared;


policy_str_t
str(const char *s)
{
    return (policy_str_t) { s, strlen(s) };
}


policy_set_t *
test_set(const char *text)
{
    policy_set_t     *set;
    policy_error_t    error;
    policy_memory_t   memory;

    memory = test_memory(&shared);

    ck_assert_int_eq(policy_set_create(&memory, NULL, &set), POLICY_OK);

    if (policy_set_add(set, str("test"), str(text), &error) != POLICY_OK
        || policy_set_finish(set, &error) != POLICY_OK)
    {
        ck_abort_msg("%s: %u:%u: %s", text, error.line, error.column,
                     error.message);
    }

    return set;
}


policy_store_t *
test_store(const char *json)
{
    policy_error_t    error;
    policy_store_t   *store;
    policy_memory_t   memory;

    memory = test_memory(&shared);

    ck_assert_int_eq(policy_store_create(&memory, &store), POLICY_OK);

    if (policy_store_json(store, str("test"), str(json), &error) != POLICY_OK
        || policy_store_finish(store, &error) != POLICY_OK)
    {
        ck_abort_msg("%s: %u:%u: %s", json, error.line, error.column,
                     error.message);
    }

    return store;
}


policy_arena_t *
test_arena(void)
{
    static uint64_t  buffer[POLICY_SCRATCH / 8];

    return policy_arena_init(buffer, sizeof(buffer));
}


policy_uid_t
test_uid(const char *text)
{
    policy_uid_t            uid;
    policy_error_t          error;
    static uint64_t         buffer[8192];
    static policy_arena_t  *arena;

    /* what parsing unescapes outlives the test that asked */

    if (arena == NULL) {
        arena = policy_arena_init(buffer, sizeof(buffer));
    }

    ck_assert_msg(policy_uid_parse(arena, str(text), &uid, &error)
                  == POLICY_OK, "%s: %s", text, error.message);

    return uid;
}


uint32_t
test_any(uint32_t *seed, size_t n)
{
    *seed = *seed * 1664525 + 1013904223;

    return (uint32_t) ((uint64_t) *seed * n >> 32);
}


policy_status_t
test_decide(const policy_set_t *set, const policy_store_t *store,
    const char *principal, const char *action, const char *resource,
    const char *context, policy_result_t *result)
{
    policy_error_t        error;
    policy_arena_t       *arena;
    policy_request_t      request;
    static policy_uid_t   p, a, r;      /* errors borrow them */

    arena = test_arena();
    p = test_uid(principal);
    a = test_uid(action);
    r = test_uid(resource);

    memset(&request, 0, sizeof(request));
    request.principal = &p;
    request.action = &a;
    request.resource = &r;
    request.sets = &set;
    request.nsets = 1;
    request.stores = &store;
    request.nstores = store != NULL;

    ck_assert_msg(policy_json_context(arena, str(context), &request.context,
                                      &error) == POLICY_OK,
                  "%s: %s", context, error.message);

    return policy_authorize(&request, arena, result);
}


const char *
test_reasons(const policy_result_t *result)
{
    size_t         i, n;
    policy_info_t  info;
    static char    text[1024];

    text[0] = '\0';
    n = 0;

    for (i = 0; i < result->nreasons && n < sizeof(text); i++) {
        ck_assert_int_eq(policy_set_info(result->reasons[i].set,
                                         result->reasons[i].index, &info),
                         POLICY_OK);
        n += (size_t) snprintf(text + n, sizeof(text) - n, "%s%.*s",
                               i == 0 ? "" : " ", (int) info.id.len,
                               info.id.data);
    }

    return text;
}


const char *
test_errors(const policy_result_t *result)
{
    size_t                      i, n;
    policy_info_t               info;
    const policy_eval_error_t  *e;
    static char                 text[1024];

    text[0] = '\0';
    n = 0;

    for (i = 0; i < result->nerrors && n < sizeof(text); i++) {
        e = &result->errors[i];

        ck_assert_int_eq(policy_set_info(e->policy.set, e->policy.index,
                                         &info), POLICY_OK);
        n += (size_t) snprintf(text + n, sizeof(text) - n,
                               "%s%.*s:%s:%u:%u", i == 0 ? "" : " ",
                               (int) info.id.len, info.id.data,
                               policy_error_kind_name(e->kind), e->line,
                               e->column);
    }

    return text;
}


void
test_error(const char *what, policy_status_t rc,
    const policy_error_t *error, policy_status_t status, uint32_t line,
    uint32_t column, const char *message)
{
    ck_assert_msg(rc == status, "%.200s: %s (%s) instead of %s", what,
                  policy_status_name(rc), rc == POLICY_OK ? ""
                  : error->message, policy_status_name(status));

    if (rc == POLICY_OK) {
        return;
    }

    ck_assert_int_eq(error->status, rc);
    ck_assert_msg(error->line == line && error->column == column,
                  "%.200s: at %u:%u (%s) instead of %u:%u", what,
                  error->line, error->column, error->message, line, column);
    ck_assert_msg(strstr(error->message, message) != NULL,
                  "%.200s: \"%s\" instead of \"%s\"", what, error->message,
                  message);
}


int
main(void)
{
    int       total, failed;
    Suite    *suite;
    SRunner  *runner;

    suite = suite_create("policy");
    suite_add_tcase(suite, lex_case());
    suite_add_tcase(suite, parse_case());
    suite_add_tcase(suite, eval_case());
    suite_add_tcase(suite, ext_case());
    suite_add_tcase(suite, json_case());
    suite_add_tcase(suite, store_case());
    suite_add_tcase(suite, pack_case());
    suite_add_tcase(suite, single_case());
    suite_add_tcase(suite, parts_case());
    suite_add_tcase(suite, set_case());
    suite_add_tcase(suite, authorize_case());
    suite_add_tcase(suite, known_case());
    suite_add_tcase(suite, named_case());
    suite_add_tcase(suite, memory_case());
    suite_add_tcase(suite, hostile_case());
    suite_add_tcase(suite, schema_case());
    suite_add_tcase(suite, validate_case());

    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);

    total = srunner_ntests_run(runner);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);

    if (shared.live != 0) {
        printf("%zu bytes were not returned\n", shared.live);
        failed++;
    }

    printf("%d passed, %d failed\n", total - failed, failed);

    return failed != 0;
}
