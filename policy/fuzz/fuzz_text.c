/*
 * Policy text: loads or is refused with a place; what loads decides alike
 * with the index and without.
 */

#include "fuzz.h"


static const char  entities[] =
    "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1,"
    "\"s\":\"abc\",\"r\":{\"a\":[1,2]}},\"parents\":[{\"type\":\"Group\","
    "\"id\":\"g\"}],\"tags\":{\"t\":\"v\"}},{\"uid\":{\"type\":\"Doc\","
    "\"id\":\"d\"},\"attrs\":{\"owner\":{\"__entity\":{\"type\":\"User\","
    "\"id\":\"a\"}}},\"parents\":[]}]";

static const char  context[] =
    "{\"n\":2,\"s\":\"x*y\",\"b\":true,\"set\":[1,\"a\",[]],"
    "\"ip\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"10.0.0.1\"}}}";


static policy_store_t *
make_store(void)
{
    policy_store_t  *store;

    FUZZ_ASSERT(policy_store_create(&fuzz_memory, &store) == POLICY_OK);
    FUZZ_ASSERT(policy_store_json(store, POLICY_STR("e"),
                                  POLICY_STR(entities), NULL) == POLICY_OK);
    FUZZ_ASSERT(policy_store_finish(store, NULL) == POLICY_OK);

    return store;
}


static void
decide(const policy_set_t *set, const policy_store_t *store)
{
    size_t                  i;
    char                    message[64];
    policy_uid_t            uids[3];
    policy_arena_t         *arena;
    policy_status_t         rc;
    policy_result_t         a, b;
    policy_request_t        request;
    static uint64_t         buffer[POLICY_SCRATCH / 4];

    arena = policy_arena_init(buffer, sizeof(buffer));

    memset(&request, 0, sizeof(request));
    policy_uid_init(&uids[0], POLICY_STR("User"), POLICY_STR("a"));
    policy_uid_init(&uids[1], POLICY_STR("Action"), POLICY_STR("r"));
    policy_uid_init(&uids[2], POLICY_STR("Doc"), POLICY_STR("d"));
    FUZZ_ASSERT(policy_json_context(arena, POLICY_STR(context),
                                    &request.context, NULL) == POLICY_OK);

    request.principal = &uids[0];
    request.action = &uids[1];
    request.resource = &uids[2];
    request.sets = &set;
    request.nsets = 1;
    request.stores = &store;
    request.nstores = 1;

    request.flags = POLICY_BY_INDEX;
    rc = policy_authorize(&request, arena, &a);
    FUZZ_ASSERT(rc == POLICY_OK || rc == POLICY_LIMIT);

    if (rc == POLICY_LIMIT) {
        FUZZ_ASSERT(a.decision == POLICY_DENY && a.limit != NULL);
        return;
    }

    for (i = 0; i < a.nerrors; i++) {
        policy_eval_error_print(&a.errors[i], message, sizeof(message));
        FUZZ_ASSERT(a.errors[i].line != 0 && a.errors[i].column != 0);
    }

    request.flags = POLICY_FULL_SCAN;
    rc = policy_authorize(&request, arena, &b);

    if (rc == POLICY_OK) {
        FUZZ_ASSERT(a.decision == b.decision);
        FUZZ_ASSERT(a.nreasons == b.nreasons && a.nerrors == b.nerrors);

        for (i = 0; i < a.nreasons; i++) {
            FUZZ_ASSERT(a.reasons[i].index == b.reasons[i].index);
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    policy_set_t           *set;
    policy_str_t            text;
    policy_error_t          error;
    policy_status_t         rc;
    static policy_store_t  *store;

    if (store == NULL) {
        store = make_store();
    }

    text.data = (const char *) data;
    text.len = size;

    FUZZ_ASSERT(policy_set_create(&fuzz_memory, NULL, &set) == POLICY_OK);
    rc = policy_set_add(set, POLICY_STR("fuzz"), text, &error);

    if (rc == POLICY_OK) {
        FUZZ_ASSERT(policy_set_finish(set, &error) == POLICY_OK);
        decide(set, store);

    } else {
        FUZZ_ASSERT(rc != POLICY_NO_MEMORY && rc != POLICY_MISUSE);
        FUZZ_ASSERT(error.line != 0 && error.column != 0);
        FUZZ_ASSERT(error.offset <= size);
    }

    policy_set_destroy(set);

    return 0;
}
