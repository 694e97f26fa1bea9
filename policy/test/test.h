/*
 * What the engine's test suites share.
 */

#ifndef POLICY_TEST_H
#define POLICY_TEST_H

#include "policy.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


/* Counts calls and bytes; fails the fail_at-th call when that is not 0. */
typedef struct {
    size_t  calls;
    size_t  fail_at;
    size_t  live;
    size_t  peak;
} test_memory_t;

policy_memory_t test_memory(test_memory_t *counts);

policy_str_t str(const char *s);

/* A finished set or store, or the test fails with the message. */
policy_set_t *test_set(const char *text);
policy_store_t *test_store(const char *json);

/* An arena of POLICY_SCRATCH bytes, one for all tests, emptied. */
policy_arena_t *test_arena(void);

policy_uid_t test_uid(const char *text);

/* A number below n, by chance: the same from the same seed. */
uint32_t test_any(uint32_t *seed, size_t n);

/* One decision over one set and store; uids in Cedar syntax. */
policy_status_t test_decide(const policy_set_t *set,
    const policy_store_t *store, const char *principal, const char *action,
    const char *resource, const char *context, policy_result_t *result);

/* "policy0 policy2", errors as "policy1:attr:1:20" */
const char *test_reasons(const policy_result_t *result);
const char *test_errors(const policy_result_t *result);

/* Fails unless status, line, column and a part of the message agree. */
void test_error(const char *what, policy_status_t rc,
    const policy_error_t *error, policy_status_t status, uint32_t line,
    uint32_t column, const char *message);


TCase *lex_case(void);
TCase *parse_case(void);
TCase *eval_case(void);
TCase *ext_case(void);
TCase *json_case(void);
TCase *store_case(void);
TCase *pack_case(void);
TCase *single_case(void);
TCase *parts_case(void);
TCase *set_case(void);
TCase *authorize_case(void);
TCase *known_case(void);
TCase *named_case(void);
TCase *memory_case(void);
TCase *hostile_case(void);
TCase *schema_case(void);
TCase *validate_case(void);


#endif /* POLICY_TEST_H */
