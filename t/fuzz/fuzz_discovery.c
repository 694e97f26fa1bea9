/* The issuer that was asked, a line feed, and its discovery document. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tenant_discovery.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
must(int ok)
{
    if (!ok) {
        abort();
    }
}


/* What was accepted says what jansson alone would read in it. */
static void
check_document(const tenant_discovery_t *discovery, tenant_str_t issuer,
    const char *text, size_t len)
{
    tenant_str_t   said;
    const json_t  *value;
    json_t        *root;

    must(len <= tenant_discovery_limits.max_bytes);
    must(discovery->jwks_uri.len != 0);
    must(strlen(discovery->jwks_uri.data) == discovery->jwks_uri.len);

    root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    must(root != NULL);

    value = json_object_get(root, "issuer");
    said.data = json_string_value(value);
    said.len = json_string_length(value);
    must(said.data != NULL && tenant_str_eq(said, issuer));

    value = json_object_get(root, "jwks_uri");
    must(json_is_string(value)
         && strcmp(json_string_value(value), discovery->jwks_uri.data) == 0);

    json_decref(root);
}


/* The same of who is only asked about tokens. */
static void
check_endpoint(const char *text, size_t len, tenant_str_t issuer)
{
    tenant_discovery_status_t  status;
    tenant_json_error_t        err = { TENANT_JSON_OK, 0 };
    tenant_discovery_t         discovery;
    const json_t              *value;
    json_t                    *root;

    status = tenant_discovery_parse_introspection(&discovery, text, len,
                                                  issuer, &err);

    must(status != TENANT_DISCOVERY_NO_MEMORY);
    must((status == TENANT_DISCOVERY_OK) == (discovery.root != NULL));
    must((status == TENANT_DISCOVERY_JSON) == (err.code != TENANT_JSON_OK));

    if (status != TENANT_DISCOVERY_OK) {
        return;
    }

    root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    must(root != NULL);

    value = json_object_get(root, "introspection_endpoint");
    must(json_string_length(value) != 0
         && strcmp(json_string_value(value),
                   discovery.introspection_endpoint.data) == 0);

    json_decref(root);
    tenant_discovery_free(&discovery);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tenant_discovery_status_t  status;
    tenant_json_error_t        err = { TENANT_JSON_OK, 0 };
    tenant_discovery_t         discovery;
    tenant_str_t               issuer;
    const uint8_t             *lf = size ? memchr(data, '\n', size) : NULL;
    size_t                     len;
    char                      *text;

    if (lf == NULL) {
        return 0;
    }

    issuer.data = (const char *) data;
    issuer.len = (size_t) (lf - data);
    len = (size_t) (data + size - lf - 1);

    /* exactly as long as said, for the sanitizer to see */
    text = malloc(len ? len : 1);
    memcpy(text, lf + 1, len);

    check_endpoint(text, len, issuer);

    status = tenant_discovery_parse(&discovery, text, len, issuer, &err);

    must(status != TENANT_DISCOVERY_NO_MEMORY);
    must((status == TENANT_DISCOVERY_OK) == (discovery.root != NULL));
    must((status == TENANT_DISCOVERY_JSON) == (err.code != TENANT_JSON_OK));
    must(err.offset <= len);
    must(tenant_discovery_reason(status) != NULL);

    if (status == TENANT_DISCOVERY_OK) {
        check_document(&discovery, issuer, text, len);
        tenant_discovery_free(&discovery);
    }

    free(text);
    return 0;
}
