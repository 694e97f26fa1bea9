/*
 * Token introspection, RFC 7662: which tokens can be asked about, how they
 * stand in the request, and what the response says.
 */

#ifndef TENANT_INTROSPECTION_H
#define TENANT_INTROSPECTION_H

#include <stddef.h>

#include <jansson.h>

#include "tenant_json.h"
#include "tenant_str.h"


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
 * Reads len bytes of a response.  ACTIVE: a new reference to its claims set
 * in *claims, into which iss was put if it names none (RFC 7662 section 2.2
 * leaves that to the server, who is the issuer that was asked); otherwise
 * *claims is NULL.  *err is always written.
 */
tenant_introspection_status_t tenant_introspection_parse(const char *text,
    size_t len, tenant_str_t iss, json_t **claims, tenant_json_error_t *err);

/* A static description without any of the text's content. */
const char *tenant_introspection_reason(tenant_introspection_status_t status);


#endif /* TENANT_INTROSPECTION_H */
