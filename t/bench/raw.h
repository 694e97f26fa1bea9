/*
 * The yardstick for a token never seen: one verification of its algorithm,
 * by itself (bench-verify) and in a gateway that does nothing more (module/).
 */

#ifndef RAW_H
#define RAW_H

#include <stdbool.h>


typedef struct raw_s  raw_t;


/*
 * alg: RS256, ES256, EdDSA, HS256; key: a file with the public key in PEM,
 * or the secret; tokens: a file with one in each line.  Ends the process if
 * anything is wrong.
 */
raw_t *raw_open(const char *alg, const char *key, const char *tokens);

/* Of the next token; after the last comes the first. */
bool raw_verify(raw_t *raw);


#endif /* RAW_H */
