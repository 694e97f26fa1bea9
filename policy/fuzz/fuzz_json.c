/*
 * JSON: entities in a store, a value in an arena of an odd size; links.
 */

#include "fuzz.h"


static void
read_store(policy_str_t text)
{
    policy_error_t    error;
    policy_store_t   *store;
    policy_status_t   rc;

    FUZZ_ASSERT(policy_store_create(&fuzz_memory, &store) == POLICY_OK);
    rc = policy_store_json(store, POLICY_STR("fuzz"), text, &error);

    if (rc == POLICY_OK) {
        rc = policy_store_finish(store, &error);
    }

    FUZZ_ASSERT(rc != POLICY_NO_MEMORY && rc != POLICY_MISUSE);

    if (rc != POLICY_OK) {
        FUZZ_ASSERT(error.line != 0 && error.offset <= text.len);
    }

    policy_store_destroy(store);
}


static void
read_value(policy_str_t text)
{
    policy_error_t     error;
    policy_value_t     value;
    policy_arena_t    *arena;
    policy_status_t    rc;
    static uint64_t    buffer[512];

    arena = policy_arena_init(buffer, 256 + 8 * (text.len % 400));
    rc = policy_json_context(arena, text, &value, &error);

    FUZZ_ASSERT(rc != POLICY_NO_MEMORY && rc != POLICY_MISUSE);
    FUZZ_ASSERT(rc == POLICY_OK || error.line != 0);
}


static void
read_links(policy_str_t text)
{
    policy_set_t     *set;
    policy_error_t    error;
    policy_status_t   rc;

    FUZZ_ASSERT(policy_set_create(&fuzz_memory, NULL, &set) == POLICY_OK);
    FUZZ_ASSERT(policy_set_add(set, POLICY_STR("t"), POLICY_STR(
                "permit(principal==?principal,action,resource);"), NULL)
                == POLICY_OK);

    rc = policy_set_link_json(set, POLICY_STR("fuzz"), text, &error);
    FUZZ_ASSERT(rc != POLICY_NO_MEMORY && rc != POLICY_MISUSE);
    FUZZ_ASSERT(rc == POLICY_OK || error.line != 0);

    policy_set_destroy(set);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    policy_str_t  text;

    text.data = (const char *) data;
    text.len = size;

    read_store(text);
    read_value(text);
    read_links(text);

    return 0;
}
