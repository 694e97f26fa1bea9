/* The path of a request to the control plane, a "?", and its arguments. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tenant_target.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
must(int ok)
{
    if (!ok) {
        abort();
    }
}


/* What was decoded stands in the buffer, and has no NUL. */
static void
check_text(tenant_str_t text, const char *buf, size_t size)
{
    if (text.data == NULL) {
        must(text.len == 0);
        return;
    }

    must(text.data >= buf && text.data + text.len <= buf + size);
    must(text.len == 0 || memchr(text.data, '\0', text.len) == NULL);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tenant_target_result_t  result;
    tenant_target_t         target;
    const uint8_t          *mark = size ? memchr(data, '?', size) : NULL;
    tenant_str_t            arg;
    size_t                  len = mark ? (size_t) (mark - data) : size;
    size_t                  rest = mark ? size - len - 1 : 0;
    char                   *path, *args, *buf;

    /* no request line has a NUL; each exactly as long as said */

    if (size && memchr(data, '\0', size)) {
        return 0;
    }

    path = malloc(len ? len : 1);
    args = malloc(rest ? rest : 1);
    buf = malloc(len + rest ? len + rest : 1);
    must(path && args && buf);

    memcpy(path, data, len);
    memcpy(args, data + len + (mark != NULL), rest);

    result = tenant_target_parse(path, len, args, rest, buf, &target, &arg);

    if (result == TENANT_TARGET_OK) {
        must(len >= 4 && memcmp(path, "/v1/", 4) == 0);
        must(target.limit >= 1 && target.limit <= TENANT_LIMIT_MAX);

        if (target.resource == TENANT_TARGET_OBJECT
            || target.resource == TENANT_TARGET_ACTION
            || target.resource == TENANT_TARGET_STATE)
        {
            must(target.id.len != 0 && target.collection.len != 0);
        }

        check_text(target.id, buf, len + rest);
        check_text(target.after, buf, len + rest);
        check_text(target.status, buf, len + rest);
        check_text(target.tier, buf, len + rest);
        check_text(target.prefix, buf, len + rest);
        check_text(target.issuer, buf, len + rest);
        check_text(target.tenant, buf, len + rest);
    }

    if (arg.data) {
        must(arg.data >= args && arg.data + arg.len <= args + rest);
    }

    free(path);
    free(args);
    free(buf);

    return 0;
}
