/*
 * What the suites share.  A suite is one noun of the code under test.
 */

#ifndef UNIT_H
#define UNIT_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>


Suite *suite_actor(void);
Suite *suite_b64url(void);
Suite *suite_cache(void);
Suite *suite_claim_path(void);
Suite *suite_claims(void);
Suite *suite_discovery(void);
Suite *suite_health(void);
Suite *suite_introspection(void);
Suite *suite_json(void);
Suite *suite_jwks(void);
Suite *suite_jws(void);
Suite *suite_libjwt(void);
Suite *suite_rules(void);
Suite *suite_sessions(void);
Suite *suite_signature(void);
Suite *suite_siphash(void);
Suite *suite_vectors(void);


/*
 * From now on the nth allocation (counted from 0) of jansson, and with
 * openssl set of OpenSSL too, fails; only that one.  unit_fail_stop()
 * returns whether it was reached.
 */
void unit_fail_start(size_t nth, bool openssl);
bool unit_fail_stop(void);


#endif /* UNIT_H */
