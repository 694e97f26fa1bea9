#include "tenant_discovery.h"


const tenant_json_limits_t  tenant_discovery_limits = { 65536, 8, 4096 };


/* ORDER tenant_discovery_status_t */
static const char *const  tenant_discovery_reasons[] = {
    "valid",
    "is not valid JSON",
    "is of another issuer",
    "has no jwks_uri",
    "has no introspection_endpoint",
    "no memory for it",
};


const char *
tenant_discovery_reason(tenant_discovery_status_t status)
{
    return tenant_discovery_reasons[status];
}


/* data NULL if the member is absent, no string or empty */
static tenant_str_t
tenant_discovery_text(const json_t *root, const char *name)
{
    const json_t  *value = json_object_get(root, name);
    tenant_str_t   text = { json_string_value(value),
                            json_string_length(value) };

    return text.len != 0 ? text : (tenant_str_t) { NULL, 0 };
}


static tenant_discovery_status_t
tenant_discovery_read(tenant_discovery_t *discovery, const char *text,
    size_t len, tenant_str_t issuer, tenant_json_error_t *err)
{
    tenant_str_t  said;

    discovery->jwks_uri = (tenant_str_t) { NULL, 0 };
    discovery->introspection_endpoint = (tenant_str_t) { NULL, 0 };
    discovery->root = tenant_json_parse(text, len, &tenant_discovery_limits,
                                        err);

    if (discovery->root == NULL) {
        return err->code == TENANT_JSON_NO_MEMORY ? TENANT_DISCOVERY_NO_MEMORY
                                                  : TENANT_DISCOVERY_JSON;
    }

    said = tenant_discovery_text(discovery->root, "issuer");

    if (said.data == NULL || !tenant_str_eq(said, issuer)) {
        tenant_discovery_free(discovery);
        return TENANT_DISCOVERY_ISSUER;
    }

    discovery->jwks_uri = tenant_discovery_text(discovery->root, "jwks_uri");
    discovery->introspection_endpoint =
        tenant_discovery_text(discovery->root, "introspection_endpoint");

    return TENANT_DISCOVERY_OK;
}


tenant_discovery_status_t
tenant_discovery_parse(tenant_discovery_t *discovery, const char *text,
    size_t len, tenant_str_t issuer, tenant_json_error_t *err)
{
    tenant_discovery_status_t  status;

    status = tenant_discovery_read(discovery, text, len, issuer, err);

    if (status == TENANT_DISCOVERY_OK && discovery->jwks_uri.data == NULL) {
        tenant_discovery_free(discovery);
        status = TENANT_DISCOVERY_NO_JWKS_URI;
    }

    return status;
}


tenant_discovery_status_t
tenant_discovery_parse_introspection(tenant_discovery_t *discovery,
    const char *text, size_t len, tenant_str_t issuer,
    tenant_json_error_t *err)
{
    tenant_discovery_status_t  status;

    status = tenant_discovery_read(discovery, text, len, issuer, err);

    if (status == TENANT_DISCOVERY_OK
        && discovery->introspection_endpoint.data == NULL)
    {
        tenant_discovery_free(discovery);
        status = TENANT_DISCOVERY_NO_INTROSPECTION;
    }

    return status;
}


void
tenant_discovery_free(tenant_discovery_t *discovery)
{
    json_decref(discovery->root);

    discovery->root = NULL;
    discovery->jwks_uri = (tenant_str_t) { NULL, 0 };
    discovery->introspection_endpoint = (tenant_str_t) { NULL, 0 };
}
