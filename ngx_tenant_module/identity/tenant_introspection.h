/*
 * Token introspection, RFC 7662: which tokens can be asked about, how they
 * stand in the request, and what the response says.
 */

#ifndef TENANT_INTROSPECTION_H
#define TENANT_INTROSPECTION_H

#include <stddef.h>

#include "tenant_json.h"
#include "tenant_str.h"
#include "tenant_value.h"


typedef enum {
    TENANT_TOKEN_MALFORMED = 0,     /* no b64token, RFC 6750 section 2.1 */
    TENANT_TOKEN_JWS,               /* three parts, the first of which is the
                                       base64url of "{...": for keys */
    TENANT_TOKEN_OPAQUE             /* anything else */
} tenant_token_form_t;


typedef enum {
    TENANT_INTROSPECTION_ACTIVE = 0,
    TENANT_INTROSPECTION_INACTIVE,
    TENANT_INTROSPECTION_JSON,      /* not strict JSON; *err says what */
    TENANT_INTROSPECTION_NO_ACTIVE, /* no "active", or it is no boolean */
    TENANT_INTROSPECTION_NO_MEMORY
} tenant_introspection_status_t;


/* Form alone; a JWS may still be malformed in many ways.  Takes no memory. */
tenant_token_form_t tenant_token_form(tenant_str_t token);


/*
 * Writes text as application/x-www-form-urlencoded has it, if out is not
 * NULL, and returns its bytes: at most three times text.len.
 */
size_t tenant_introspection_encode(char *out, tenant_str_t text);


/*
 * Reads len bytes of a response as tenant_value_read() does, and says what it
 * says; *response is NULL after JSON and NO_MEMORY.  *err is always written.
 */
tenant_introspection_status_t tenant_introspection_read(tenant_tape_t *tape,
    char *text, size_t len, const tenant_value_t **response,
    tenant_json_error_t *err);

/*
 * The claims set of an active response as compact JSON, without a NUL, to
 * dst, which may be NULL to learn the length that is returned.  If it names
 * no iss, that of the issuer that was asked stands there: RFC 7662 section
 * 2.2 leaves it out where nothing else can be meant.
 */
size_t tenant_introspection_claims(const tenant_value_t *response,
    tenant_str_t iss, char *dst);

/* A static description without any of the text's content. */
const char *tenant_introspection_reason(tenant_introspection_status_t status);


#endif /* TENANT_INTROSPECTION_H */
