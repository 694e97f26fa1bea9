/*
 * Where an issuer's keys are, and where it is asked about tokens, as it says
 * itself: the document of OpenID Connect Discovery 1.0, section 3, or RFC
 * 8414, section 2.
 */

#ifndef TENANT_DISCOVERY_H
#define TENANT_DISCOVERY_H

#include <stddef.h>

#include <jansson.h>

#include "tenant_json.h"
#include "tenant_str.h"


typedef enum {
    TENANT_DISCOVERY_OK = 0,
    TENANT_DISCOVERY_JSON,          /* not strict JSON; *err says what */
    TENANT_DISCOVERY_ISSUER,        /* none, or another one's */
    TENANT_DISCOVERY_NO_JWKS_URI,   /* none, or not a string, or empty */
    TENANT_DISCOVERY_NO_INTROSPECTION,  /* no introspection_endpoint, or the
                                       like */
    TENANT_DISCOVERY_NO_MEMORY
} tenant_discovery_status_t;


typedef struct {
    /* borrowed from root; not checked for being URLs, NUL-terminated; data
     * NULL: none, or not a string, or empty */
    tenant_str_t   jwks_uri;
    tenant_str_t   introspection_endpoint;
    json_t        *root;            /* owned */
} tenant_discovery_t;


/* 64 KB, 8 deep, 4,096 values. */
extern const tenant_json_limits_t  tenant_discovery_limits;


/*
 * Reads len bytes of text for the issuer that was asked, with which the
 * document's own has to be identical (Discovery, section 4.3; RFC 8414,
 * section 3.3), and which has to have a jwks_uri.  After OK
 * tenant_discovery_free() is due; otherwise nothing is.  *err is always
 * written.
 */
tenant_discovery_status_t tenant_discovery_parse(
    tenant_discovery_t *discovery, const char *text, size_t len,
    tenant_str_t issuer, tenant_json_error_t *err);

/* The same for who wants the introspection_endpoint, with or without keys. */
tenant_discovery_status_t tenant_discovery_parse_introspection(
    tenant_discovery_t *discovery, const char *text, size_t len,
    tenant_str_t issuer, tenant_json_error_t *err);

void tenant_discovery_free(tenant_discovery_t *discovery);


/* A static description without any of the text's content. */
const char *tenant_discovery_reason(tenant_discovery_status_t status);


#endif /* TENANT_DISCOVERY_H */
