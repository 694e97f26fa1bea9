/*
 * Schemas, text and JSON: read or refused with a place.  With what can be
 * read, policies are checked; a 0 byte in the input parts the two.
 */

#include "fuzz.h"


static const char  policies[] =
    "permit(principal, action, resource) when { principal has a.b && "
    "principal.a.b == context.c && resource.hasTag(\"t\") && "
    "resource.getTag(\"t\") == \"x\" && {x: principal} == {x: resource} };"
    "forbid(principal in G::\"g\", action in [Action::\"a\"], resource is U "
    "in ?resource) unless { [principal.s, context.d].contains(resource) || "
    "action in resource.acts || (if context.b then context else {}) has b };";


static void
collect(void *data, const policy_finding_t *finding)
{
    size_t  *n;

    n = data;
    (*n)++;

    FUZZ_ASSERT(finding->line != 0 && finding->column != 0);
    FUZZ_ASSERT(finding->message[0] != '\0');
    FUZZ_ASSERT(memchr(finding->message, '\0', sizeof(finding->message))
                != NULL);
}


static void
check(const policy_schema_t *schema, policy_str_t text)
{
    size_t               n;
    policy_error_t       error;
    policy_status_t      rc;
    policy_validation_t  validation;

    n = 0;
    memset(&validation, 0, sizeof(validation));
    validation.schema = schema;
    validation.memory = fuzz_memory;
    validation.report = collect;
    validation.data = &n;

    rc = policy_validate(&validation, POLICY_STR("fuzz"), text, &error);

    FUZZ_ASSERT(rc != POLICY_NO_MEMORY && rc != POLICY_MISUSE);
    FUZZ_ASSERT(n == validation.errors + validation.warnings);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char       *part;
    policy_str_t      text, rest;
    policy_error_t    error;
    policy_status_t   rc;
    policy_schema_t  *schema;

    text.data = (const char *) data;
    text.len = size;
    rest = POLICY_STR(policies);

    part = size != 0 ? memchr(data, '\0', size) : NULL;

    if (part != NULL) {
        text.len = (size_t) (part - text.data);
        rest.data = part + 1;
        rest.len = size - text.len - 1;
    }

    rc = policy_schema_create(&fuzz_memory, POLICY_STR("fuzz"), text,
                              POLICY_SCHEMA_AUTO, &schema, &error);

    if (rc == POLICY_OK) {
        check(schema, rest);
    } else {
        FUZZ_ASSERT(rc != POLICY_NO_MEMORY && rc != POLICY_MISUSE);
        FUZZ_ASSERT(schema == NULL && error.message[0] != '\0');
        FUZZ_ASSERT(error.offset <= size);
    }

    policy_schema_destroy(schema);

    return 0;
}
