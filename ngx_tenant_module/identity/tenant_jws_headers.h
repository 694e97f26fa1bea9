/*
 * What the headers of verified tokens said, and what their claims sets looked
 * like.  Nearly all tokens of a key have the same header, which then is
 * compared instead of read.  That it is here says nothing of the next token
 * with it: which keys there are, which algorithms the issuer may use, whether
 * the signature holds is asked anew.
 */

#ifndef TENANT_JWS_HEADERS_H
#define TENANT_JWS_HEADERS_H

#include <stddef.h>
#include <stdint.h>

#include "tenant_alg.h"
#include "tenant_str.h"
#include "tenant_value_shape.h"


#define TENANT_JWS_HEADERS      64      /* kept; a power of two */
#define TENANT_JWS_HEADER_MAX   192     /* digits of one that is kept */


typedef struct {
    uint16_t              len;          /* digits; 0: free */
    uint16_t              kid_len;      /* bytes; 0: none */
    uint16_t              sig_len;      /* digits of the signature */
    uint16_t              unlike;       /* claims sets that may be, before
                                           one of them makes another shape */
    tenant_alg_t          alg;
    tenant_value_shape_t  shape;        /* of a claims set under it */
    char                  text[TENANT_JWS_HEADER_MAX];      /* as sent */
    char                  kid[TENANT_JWS_HEADER_MAX / 4 * 3];
} tenant_jws_header_t;


/*
 * Zeroed memory is an empty one; it belongs to one thread, and to one
 * tenant_jws_conf_t, by which the headers were accepted.
 */
typedef struct {
    tenant_jws_header_t   kept[TENANT_JWS_HEADERS];
    uint8_t               last;         /* of them, the last that was found */
} tenant_jws_headers_t;


/*
 * The one that was found last, if a token begins with it and a dot, or NULL.
 */
tenant_jws_header_t *tenant_jws_headers_again(tenant_jws_headers_t *headers,
    const char *token, size_t len);

/* The one of that text, or NULL. */
tenant_jws_header_t *tenant_jws_headers_find(tenant_jws_headers_t *headers,
    tenant_str_t text);

/*
 * Keeps one of at most TENANT_JWS_HEADER_MAX digits, in the place of whatever
 * was there, and returns it.  To be called for verified tokens only: so
 * strangers cannot push out others.
 */
tenant_jws_header_t *tenant_jws_headers_keep(tenant_jws_headers_t *headers,
    tenant_str_t text, tenant_alg_t alg, tenant_str_t kid);

/*
 * A claims set that was verified under it, of which the first members, alike
 * of them, were as its shape says.  Another shape takes its place when several
 * in a row were unlike it.
 */
void tenant_jws_header_claims(tenant_jws_header_t *header,
    const tenant_value_t *claims, size_t alike);


#endif /* TENANT_JWS_HEADERS_H */
