/*
 * base64url without padding, RFC 4648 section 5 as RFC 7515 section 2 uses
 * it.  Decoding is strict: a byte string has exactly one spelling, so a
 * signed token cannot be respelled into another cache key.
 */

#ifndef TENANT_B64URL_H
#define TENANT_B64URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>


/* Exact sizes in bytes, for a valid input of n bytes. */
#define TENANT_B64URL_DECODED(n)  ((n) / 4 * 3 + (n) % 4 * 3 / 4)
#define TENANT_B64URL_ENCODED(n)  ((n) / 3 * 4 + ((n) % 3 * 4 + 2) / 3)


/*
 * Decodes len bytes of src into dst, which has room for
 * TENANT_B64URL_DECODED(len) bytes and may be src itself.
 *
 * Returns false, with dst undefined, on a byte outside [A-Za-z0-9_-]
 * (padding and white space included), on a length of 1 modulo 4, and on
 * trailing bits that are not zero (RFC 4648 section 3.5).
 */
bool tenant_b64url_decode(uint8_t *dst, size_t *dst_len, const char *src,
    size_t len);

/* The same without the instructions that only some processors have. */
bool tenant_b64url_decode_portable(uint8_t *dst, size_t *dst_len,
    const char *src, size_t len);


/*
 * Writes TENANT_B64URL_ENCODED(len) bytes to dst, without a NUL, and returns
 * that number.  dst and src must not overlap.
 */
size_t tenant_b64url_encode(char *dst, const uint8_t *src, size_t len);


#endif /* TENANT_B64URL_H */
