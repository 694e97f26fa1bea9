#include <string.h>

#include "tenant_target.h"


/* Where the next decoded text goes. */
typedef struct {
    char  *next;
} tenant_target_buf_t;


static tenant_target_result_t tenant_target_path(tenant_target_t *target,
    const char *p, const char *last, tenant_target_buf_t *buf);
static tenant_target_result_t tenant_target_object(tenant_target_t *target,
    const char *p, const char *last, tenant_target_buf_t *buf);
static bool tenant_target_action(tenant_target_t *target, const char *p,
    const char **last);
static tenant_target_result_t tenant_target_args(tenant_target_t *target,
    const char *p, const char *last, tenant_target_buf_t *buf,
    tenant_str_t *arg);
static tenant_target_result_t tenant_target_arg(tenant_target_t *target,
    const tenant_str_t *name, const char *p, const char *last,
    tenant_target_buf_t *buf);
static bool tenant_target_limit(const tenant_str_t *text, unsigned *limit);
static bool tenant_target_decode(const char *p, const char *last, bool plus,
    tenant_target_buf_t *buf, tenant_str_t *text);
static int tenant_target_hex(char c);
static bool tenant_target_is(const char *p, const char *last,
    const char *word);


static const char *const  tenant_target_collections[] = {
    "tiers", "agents", "tenants", "issuers", "prices", "revocations", NULL
};

static const struct {
    const char         *name;
    tenant_resource_t   resource;
} tenant_target_singles[] = {
    { "import", TENANT_TARGET_IMPORT },
    { "apply", TENANT_TARGET_APPLY },
    { "export", TENANT_TARGET_EXPORT },
    { "changes", TENANT_TARGET_CHANGES },
    { "health", TENANT_TARGET_HEALTH },
    { NULL, 0 }
};

/* in the order of tenant_action_t */

static const char *const  tenant_target_actions[] = {
    "activate", "suspend", "offboard", NULL
};

static const struct {
    const char  *name;
    unsigned     bit;
    size_t       offset;        /* of a bool or a text */
} tenant_target_arguments[] = {
    { "dry_run", TENANT_ARG_DRY_RUN, offsetof(tenant_target_t, dry_run) },
    { "atomic", TENANT_ARG_ATOMIC, offsetof(tenant_target_t, atomic) },
    { "prune", TENANT_ARG_PRUNE, offsetof(tenant_target_t, prune) },
    { "secrets", TENANT_ARG_SECRETS, offsetof(tenant_target_t, secrets) },
    { "limit", TENANT_ARG_LIMIT, offsetof(tenant_target_t, limit) },
    { "after", TENANT_ARG_AFTER, offsetof(tenant_target_t, after) },
    { "status", TENANT_ARG_STATUS, offsetof(tenant_target_t, status) },
    { "tier", TENANT_ARG_TIER, offsetof(tenant_target_t, tier) },
    { "prefix", TENANT_ARG_PREFIX, offsetof(tenant_target_t, prefix) },
    { "issuer", TENANT_ARG_ISSUER, offsetof(tenant_target_t, issuer) },
    { "tenant", TENANT_ARG_TENANT, offsetof(tenant_target_t, tenant) },
    { NULL, 0, 0 }
};

#define TENANT_ARG_FLAGS                                                      \
    (TENANT_ARG_DRY_RUN|TENANT_ARG_ATOMIC|TENANT_ARG_PRUNE                     \
     |TENANT_ARG_SECRETS)


tenant_target_result_t
tenant_target_parse(const char *path, size_t len, const char *args,
    size_t args_len, char *buf, tenant_target_t *target, tenant_str_t *arg)
{
    tenant_target_buf_t     b;
    tenant_target_result_t  rc;

    memset(target, 0, sizeof(tenant_target_t));
    memset(arg, 0, sizeof(tenant_str_t));

    target->limit = TENANT_LIMIT_DEFAULT;
    b.next = buf;

    rc = tenant_target_path(target, path, path + len, &b);

    if (rc != TENANT_TARGET_OK) {
        return rc;
    }

    return tenant_target_args(target, args, args + args_len, &b, arg);
}


/* path := "/v1/" ( collection [ "/" object ] | single ) */

static tenant_target_result_t
tenant_target_path(tenant_target_t *target, const char *p, const char *last,
    tenant_target_buf_t *buf)
{
    size_t       i;
    const char  *end;

    if (last - p < 4 || memcmp(p, "/v1/", 4) != 0) {
        return TENANT_TARGET_NONE;
    }

    p += 4;

    end = memchr(p, '/', last - p);

    for (i = 0; end == NULL && tenant_target_singles[i].name; i++) {
        if (tenant_target_is(p, last, tenant_target_singles[i].name)) {
            target->resource = tenant_target_singles[i].resource;
            return TENANT_TARGET_OK;
        }
    }

    for (i = 0; tenant_target_collections[i]; i++) {
        if (tenant_target_is(p, end ? end : last,
                             tenant_target_collections[i]))
        {
            target->collection.data = tenant_target_collections[i];
            target->collection.len = strlen(tenant_target_collections[i]);

            if (end == NULL) {
                target->resource = TENANT_TARGET_COLLECTION;
                return TENANT_TARGET_OK;
            }

            return tenant_target_object(target, end + 1, last, buf);
        }
    }

    return TENANT_TARGET_NONE;
}


/* object := id [ ":" action | "/state" ]; a tenant's id has no ":" */

static tenant_target_result_t
tenant_target_object(tenant_target_t *target, const char *p,
    const char *last, tenant_target_buf_t *buf)
{
    bool         tenants, issuers;
    const char  *end;

    tenants = strcmp(target->collection.data, "tenants") == 0;
    issuers = strcmp(target->collection.data, "issuers") == 0;

    target->resource = TENANT_TARGET_OBJECT;

    end = memchr(p, '/', last - p);

    if (end) {
        if (!(tenants || issuers) || !tenant_target_is(end, last, "/state")) {
            return TENANT_TARGET_NONE;
        }

        target->resource = TENANT_TARGET_STATE;
        last = end;

    } else if (tenants && memchr(p, ':', last - p)) {
        if (!tenant_target_action(target, p, &last)) {
            return TENANT_TARGET_NONE;
        }

        target->resource = TENANT_TARGET_ACTION;
    }

    if (p == last || tenant_target_is(p, last, ".")
        || tenant_target_is(p, last, ".."))
    {
        return TENANT_TARGET_NONE;
    }

    return tenant_target_decode(p, last, false, buf, &target->id)
           ? TENANT_TARGET_OK : TENANT_TARGET_ENCODING;
}


static bool
tenant_target_action(tenant_target_t *target, const char *p,
    const char **last)
{
    size_t       i;
    const char  *colon;

    colon = memchr(p, ':', *last - p);

    for (i = 0; tenant_target_actions[i]; i++) {
        if (tenant_target_is(colon + 1, *last, tenant_target_actions[i])) {
            target->action = (tenant_action_t) i;
            *last = colon;
            return true;
        }
    }

    return false;
}


/* args := [ arg *( "&" arg ) ]; arg := name "=" value */

static tenant_target_result_t
tenant_target_args(tenant_target_t *target, const char *p, const char *last,
    tenant_target_buf_t *buf, tenant_str_t *arg)
{
    const char              *end, *value;
    tenant_target_result_t   rc;

    while (p < last) {
        end = memchr(p, '&', last - p);

        if (end == NULL) {
            end = last;
        }

        if (end > p) {
            value = memchr(p, '=', end - p);

            arg->data = p;
            arg->len = (value ? value : end) - p;

            rc = tenant_target_arg(target, arg, value ? value + 1 : end, end,
                                   buf);
            if (rc != TENANT_TARGET_OK) {
                return rc;
            }
        }

        p = end + 1;
    }

    return TENANT_TARGET_OK;
}


static tenant_target_result_t
tenant_target_arg(tenant_target_t *target, const tenant_str_t *name,
    const char *p, const char *last, tenant_target_buf_t *buf)
{
    size_t         i;
    unsigned       bit;
    tenant_str_t   text;
    char          *field;

    for (i = 0; tenant_target_arguments[i].name; i++) {
        if (tenant_target_is(name->data, name->data + name->len,
                             tenant_target_arguments[i].name))
        {
            break;
        }
    }

    if (tenant_target_arguments[i].name == NULL) {
        return TENANT_TARGET_UNKNOWN;
    }

    bit = tenant_target_arguments[i].bit;

    if (target->given & bit) {
        return TENANT_TARGET_REPEATED;
    }

    target->given |= bit;

    if (!tenant_target_decode(p, last, true, buf, &text)) {
        return TENANT_TARGET_ENCODING;
    }

    field = (char *) target + tenant_target_arguments[i].offset;

    if (bit & TENANT_ARG_FLAGS) {
        *(bool *) field = tenant_target_is(text.data, text.data + text.len,
                                           "true");

        return *(bool *) field
               || tenant_target_is(text.data, text.data + text.len, "false")
               ? TENANT_TARGET_OK : TENANT_TARGET_VALUE;
    }

    if (bit == TENANT_ARG_LIMIT) {
        return tenant_target_limit(&text, &target->limit)
               ? TENANT_TARGET_OK : TENANT_TARGET_VALUE;
    }

    *(tenant_str_t *) field = text;

    return TENANT_TARGET_OK;
}


static bool
tenant_target_limit(const tenant_str_t *text, unsigned *limit)
{
    size_t  i;

    if (text->len == 0 || text->len > 4) {
        return false;
    }

    *limit = 0;

    for (i = 0; i < text->len; i++) {
        if (text->data[i] < '0' || text->data[i] > '9') {
            return false;
        }

        *limit = *limit * 10 + (unsigned) (text->data[i] - '0');
    }

    return *limit >= 1 && *limit <= TENANT_LIMIT_MAX;
}


/* RFC 3986, section 2.1; plus: "+" is a space, as forms have it. */

static bool
tenant_target_decode(const char *p, const char *last, bool plus,
    tenant_target_buf_t *buf, tenant_str_t *text)
{
    int  high, low;

    text->data = buf->next;

    for ( /* void */ ; p < last; p++) {

        if (*p == '%') {
            if (last - p < 3) {
                return false;
            }

            high = tenant_target_hex(p[1]);
            low = tenant_target_hex(p[2]);

            if (high < 0 || low < 0 || (high == 0 && low == 0)) {
                return false;
            }

            *buf->next++ = (char) (high << 4 | low);
            p += 2;
            continue;
        }

        *buf->next++ = plus && *p == '+' ? ' ' : *p;
    }

    text->len = (size_t) (buf->next - text->data);

    return true;
}


static int
tenant_target_hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}


static bool
tenant_target_is(const char *p, const char *last, const char *word)
{
    size_t  len;

    len = strlen(word);

    return (size_t) (last - p) == len && memcmp(p, word, len) == 0;
}
