/*
 * The text of JSON, RFC 8259 sections 6 and 7, as both readers take it:
 * tenant_json.h makes jansson's tree of it, tenant_value.h a flat array.
 */

#ifndef TENANT_JSON_TEXT_H
#define TENANT_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tenant_json.h"


/*
 * Moves *p over bytes of a string that stand for themselves, to '"' or '\\'.
 * On any other code *p is at the byte in question; TENANT_JSON_SYNTAX: the
 * text has ended.
 */
tenant_json_code_t tenant_json_plain(const uint8_t **p, const uint8_t *end);

/*
 * *p is at a backslash: writes what the escape stands for, *n bytes of at
 * most 4 and fewer than the escape has, and moves behind it.  dst may be
 * *p.  On a code but TENANT_JSON_OK *p stays.
 */
tenant_json_code_t tenant_json_escape(const uint8_t **p, const uint8_t *end,
    char *dst, size_t *n);

/*
 * number = [ "-" ] int [ "." 1*DIGIT ] [ ( "e" / "E" ) [ "+" / "-" ] 1*DIGIT ]
 * int = "0" / ( DIGIT1-9 *DIGIT )
 *
 * Moves *p behind it; false: at the byte that is none of a number.  real: it
 * has a fraction or an exponent.
 */
bool tenant_json_number(const uint8_t **p, const uint8_t *end, bool *real);

/* What a number without and with them is; false: out of range. */
bool tenant_json_integer(const uint8_t *p, const uint8_t *end,
    int64_t *value);
bool tenant_json_real(const uint8_t *p, const uint8_t *end, double *value);


#endif /* TENANT_JSON_TEXT_H */
