/*
 * A strict front to jansson for text that nobody has vouched for: documents
 * of the registry, JWK Sets, discovery.  RFC 8259 with the cautions of RFC
 * 7493 and RFC 8725 section 2.4 made into refusals.  Tokens are read by the
 * same rules, and without memory, by tenant_value.h.
 */

#ifndef TENANT_JSON_H
#define TENANT_JSON_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "tenant_str.h"


typedef enum {
    TENANT_JSON_OK = 0,
    TENANT_JSON_TOO_LARGE,          /* more bytes than max_bytes */
    TENANT_JSON_TOO_DEEP,           /* more nesting than max_depth */
    TENANT_JSON_TOO_MANY,           /* more values than max_values */
    TENANT_JSON_BOM,                /* RFC 8259 section 8.1 */
    TENANT_JSON_SYNTAX,
    TENANT_JSON_UTF8,               /* includes overlong and surrogates */
    TENANT_JSON_SURROGATE,          /* \uD800 without its other half */
    TENANT_JSON_NUL,                /* \u0000, or a NUL byte in a string */
    TENANT_JSON_CONTROL,            /* unescaped control character */
    TENANT_JSON_NUMBER,             /* outside int64 or double, or too long */
    TENANT_JSON_DUPLICATE,          /* member name twice, escapes resolved */
    TENANT_JSON_TRAILING,           /* text after the value */
    TENANT_JSON_NOT_OBJECT,         /* the outermost value is no object */
    TENANT_JSON_NO_MEMORY           /* a fault, not a verdict on the text */
} tenant_json_code_t;


typedef struct {
    tenant_json_code_t  code;
    size_t              offset;     /* bytes from the start of the text */
} tenant_json_error_t;


typedef struct {
    size_t    max_bytes;
    unsigned  max_depth;            /* objects and arrays; {} has depth 1;
                                       at most TENANT_JSON_DEPTH_MAX */
    size_t    max_values;           /* objects, arrays, strings, ...; names
                                       do not count */
} tenant_json_limits_t;

#define TENANT_JSON_DEPTH_MAX   64
#define TENANT_JSON_NUMBER_MAX  32  /* bytes of one number's text */


/* A JOSE header or a claims set: 64 KB, 16 deep, 4,096 values. */
extern const tenant_json_limits_t  tenant_json_token_limits;

/* A JWK Set: 512 KB, 8 deep, 16,384 values. */
extern const tenant_json_limits_t  tenant_json_jwks_limits;


/*
 * Parses len bytes of text, which must be one JSON object.  Returns a new
 * reference that the caller releases with json_decref(), or NULL with *err
 * filled in.  The text is not needed afterwards.  *err is always written.
 *
 * Numbers without fraction or exponent become integers and must fit int64;
 * the others become finite doubles.
 */
json_t *tenant_json_parse(const char *text, size_t len,
    const tenant_json_limits_t *limits, tenant_json_error_t *err);


/* The bytes of a JSON string, borrowed; data NULL if value is no string. */
tenant_str_t tenant_json_string(const json_t *value);


/* A static description without any of the text's content. */
const char *tenant_json_reason(tenant_json_code_t code);


#endif /* TENANT_JSON_H */
