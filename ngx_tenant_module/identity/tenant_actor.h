/*
 * One name for (tenant, subject) that is safe as a partition key, a path
 * segment and a header value: [A-Za-z0-9-_:] only.  Two principals never
 * share one.
 *
 *   plain   tenant ":" subject, where [A-Za-z0-9-] of the subject stay and
 *           every other byte, "_" included, is "_HH" in upper hex
 *   long    tenant ":_x" SHA-256(subject) in lower hex, when the plain form
 *           would exceed 256 bytes
 *
 * The tenant holds no ":" and "_x" starts no plain form, so the forms cannot
 * meet and each can be read back to its tenant; the long form is injective
 * as far as SHA-256 is collision resistant.
 */

#ifndef TENANT_ACTOR_H
#define TENANT_ACTOR_H

#include <stddef.h>

#include "tenant_str.h"


#define TENANT_ACTOR_MAX         256   /* bytes */
#define TENANT_ACTOR_TENANT_MAX  63   /* bytes of a tenant id */


typedef enum {
    TENANT_ACTOR_OK = 0,
    TENANT_ACTOR_INVALID,           /* tenant not [a-z0-9][a-z0-9-]{0,62}, or
                                       subject empty */
    TENANT_ACTOR_FAULT              /* digest failed: no memory */
} tenant_actor_status_t;


/* Writes *len bytes to out, without a NUL. */
tenant_actor_status_t tenant_actor_encode(char out[TENANT_ACTOR_MAX],
    size_t *len, tenant_str_t tenant, tenant_str_t subject);


#endif /* TENANT_ACTOR_H */
