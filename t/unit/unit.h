/*
 * What the suites share.  A suite is one noun of the code under test.
 */

#ifndef UNIT_H
#define UNIT_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>

#include "tenant_value.h"


Suite *suite_actor(void);
Suite *suite_b64url(void);
Suite *suite_cache(void);
Suite *suite_cache_hash(void);
Suite *suite_claim_path(void);
Suite *suite_claims(void);
Suite *suite_discovery(void);
Suite *suite_target(void);
Suite *suite_health(void);
Suite *suite_introspection(void);
Suite *suite_json(void);
Suite *suite_jwks(void);
Suite *suite_jws(void);
Suite *suite_libjwt(void);
Suite *suite_lines(void);
Suite *suite_room(void);
Suite *suite_rules(void);
Suite *suite_secret(void);
Suite *suite_sessions(void);
Suite *suite_shape(void);
Suite *suite_signature(void);
Suite *suite_siphash(void);
Suite *suite_value(void);
Suite *suite_vectors(void);
Suite *suite_verify(void);


/*
 * From now on the nth allocation (counted from 0) of jansson, and with
 * openssl set of OpenSSL too, fails; only that one.  unit_fail_stop()
 * returns whether it was reached.
 */
void unit_fail_start(size_t nth, bool openssl);
bool unit_fail_stop(void);


/*
 * What a JSON object of at most 64 KB reads as; good until the next call.
 * The text is copied, and ends where the memory ends.
 */
const tenant_value_t *unit_read(const char *text, size_t len,
    const tenant_json_limits_t *limits, tenant_json_error_t *err);
const tenant_value_t *unit_claims(const char *text);

/* A tape's take(): from what the next unit_read() gives back. */
void *unit_take(void *data, size_t size);


#endif /* UNIT_H */
