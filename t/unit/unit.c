#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/crypto.h>

#include "unit.h"


static struct {
    bool    on;
    bool    openssl;
    bool    failed;
    size_t  left;
} unit_fail;


void
unit_fail_start(size_t nth, bool openssl)
{
    unit_fail.on = true;
    unit_fail.openssl = openssl;
    unit_fail.failed = false;
    unit_fail.left = nth;
}


bool
unit_fail_stop(void)
{
    unit_fail.on = false;
    return unit_fail.failed;
}


static bool
unit_fails_now(void)
{
    if (!unit_fail.on || unit_fail.failed) {
        return false;
    }

    if (unit_fail.left-- != 0) {
        return false;
    }

    unit_fail.failed = true;
    return true;
}


static void *
unit_malloc(size_t size)
{
    return unit_fails_now() ? NULL : malloc(size);
}


static void *
unit_openssl_malloc(size_t size, const char *file, int line)
{
    (void) file;
    (void) line;
    return unit_fail.openssl && unit_fails_now() ? NULL : malloc(size);
}


static void *
unit_openssl_realloc(void *p, size_t size, const char *file, int line)
{
    (void) file;
    (void) line;
    return unit_fail.openssl && unit_fails_now() ? NULL : realloc(p, size);
}


static void
unit_openssl_free(void *p, const char *file, int line)
{
    (void) file;
    (void) line;
    free(p);
}


/* What is to be given back: a text and the tapes. */
static void    *unit_taken[16];
static size_t   unit_ntaken;


void *
unit_take(void *data, size_t size)
{
    (void) data;

    if (unit_fails_now()) {
        return NULL;
    }

    ck_assert_uint_lt(unit_ntaken, sizeof(unit_taken) / sizeof(void *));
    return unit_taken[unit_ntaken++] = malloc(size);
}


const tenant_value_t *
unit_read(const char *text, size_t len, const tenant_json_limits_t *limits,
    tenant_json_error_t *err)
{
    tenant_tape_t   tape = { NULL, 0, unit_take, NULL };
    char           *copy;

    while (unit_ntaken != 0) {
        free(unit_taken[--unit_ntaken]);
    }

    copy = malloc(len ? len : 1);
    unit_taken[unit_ntaken++] = copy;
    memcpy(copy, text, len);
    return tenant_value_read(&tape, copy, len, limits, err);
}


const tenant_value_t *
unit_claims(const char *text)
{
    tenant_json_error_t    err;
    const tenant_value_t  *claims;

    claims = unit_read(text, strlen(text), &tenant_json_token_limits, &err);
    ck_assert_msg(claims != NULL, "%s: %s", text,
                  tenant_json_reason(err.code));
    return claims;
}


int
main(void)
{
    SRunner  *runner;
    int       run, failed;

    /* before anything of OpenSSL takes memory, or it will not be let in */
    if (CRYPTO_set_mem_functions(unit_openssl_malloc, unit_openssl_realloc,
                                 unit_openssl_free) != 1)
    {
        fprintf(stderr, "OpenSSL took memory before main()\n");
        return EXIT_FAILURE;
    }

    json_set_alloc_funcs(unit_malloc, free);

    runner = srunner_create(suite_b64url());
    srunner_add_suite(runner, suite_json());
    srunner_add_suite(runner, suite_value());
    srunner_add_suite(runner, suite_shape());
    srunner_add_suite(runner, suite_vectors());
    srunner_add_suite(runner, suite_jwks());
    srunner_add_suite(runner, suite_signature());
    srunner_add_suite(runner, suite_verify());
    srunner_add_suite(runner, suite_libjwt());
    srunner_add_suite(runner, suite_jws());
    srunner_add_suite(runner, suite_claim_path());
    srunner_add_suite(runner, suite_room());
    srunner_add_suite(runner, suite_rules());
    srunner_add_suite(runner, suite_claims());
    srunner_add_suite(runner, suite_discovery());
    srunner_add_suite(runner, suite_target());
    srunner_add_suite(runner, suite_lines());
    srunner_add_suite(runner, suite_introspection());
    srunner_add_suite(runner, suite_secret());
    srunner_add_suite(runner, suite_actor());
    srunner_add_suite(runner, suite_cache());
    srunner_add_suite(runner, suite_cache_hash());
    srunner_add_suite(runner, suite_siphash());
    srunner_add_suite(runner, suite_health());
    srunner_add_suite(runner, suite_sessions());

    srunner_run_all(runner, CK_ENV);
    run = srunner_ntests_run(runner);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);

    printf("%d passed, %d failed\n", run - failed, failed);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
