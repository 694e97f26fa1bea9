/* Requests: reading and deciding them. */

#include "cli.h"

#include "json.h"

#include <stdlib.h>


int
request_init(request_t *request, size_t len)
{
    size_t  size;

    memset(request, 0, sizeof(request_t));

    if (len > POLICY_MAX_TEXT) {
        len = POLICY_MAX_TEXT;
    }

    size = (size_t) 1048576 + 96 * len;

    request->buffer = malloc(size);
    request->arena = policy_arena_init(request->buffer, size);

    return request->arena != NULL;
}


void
request_free(request_t *request)
{
    free(request->buffer);
    request->buffer = NULL;
    request->arena = NULL;
}


static int
read_member(request_t *request, const char *name, policy_str_t text,
    policy_uid_t *uid, policy_error_t *error)
{
    char  message[sizeof(error->message)];

    if (text.data == NULL) {
        memset(error, 0, sizeof(policy_error_t));
        error->status = POLICY_INVALID;
        snprintf(error->message, sizeof(error->message),
                 "`%s` is missing", name);
        return 0;
    }

    if (load_uid(request->arena, text, uid, error) == POLICY_OK) {
        return 1;
    }

    snprintf(message, sizeof(message), "`%s`: %.200s", name, error->message);
    memcpy(error->message, message, sizeof(message));

    return 0;
}


int
request_read(request_t *request, const members_t *members,
    policy_error_t *error)
{
    char  message[sizeof(error->message)];

    if (!read_member(request, "principal", members->principal,
                     &request->principal, error)
        || !read_member(request, "action", members->action,
                        &request->action, error)
        || !read_member(request, "resource", members->resource,
                        &request->resource, error))
    {
        return 0;
    }

    if (members->context.data == NULL) {
        memset(&request->context, 0, sizeof(request->context));
        return 1;
    }

    if (policy_json_context(request->arena, members->context,
                            &request->context, error) == POLICY_OK)
    {
        return 1;
    }

    snprintf(message, sizeof(message), "`context`: %.200s", error->message);
    memcpy(error->message, message, sizeof(message));

    return 0;
}


static policy_status_t
split(policy_json_t *json, members_t *members)
{
    size_t            i, start;
    policy_str_t      key, *to;
    policy_value_t    ignored;
    policy_status_t   rc;

    static const char *const  names[] = {
        "principal", "action", "resource", "context"
    };

    to = &members->principal;
    rc = policy_json_expect(json, '{');

    if (rc == POLICY_OK && policy_json_peek(json) == '}') {
        json->at++;
        return policy_json_end(json);
    }

    while (rc == POLICY_OK) {
        if ((rc = policy_json_string(json, &key)) != POLICY_OK
            || (rc = policy_json_expect(json, ':')) != POLICY_OK)
        {
            break;
        }

        policy_json_peek(json);
        start = json->at;

        rc = policy_json_read(json, &ignored);

        for (i = 0; rc == POLICY_OK && i < 4; i++) {
            if (key.len != strlen(names[i])
                || memcmp(key.data, names[i], key.len) != 0)
            {
                continue;
            }

            if (to[i].data != NULL) {
                return policy_json_fail(json, POLICY_DUPLICATE, start,
                                        "field is repeated");
            }

            to[i].data = json->text.data + start;
            to[i].len = json->at - start;
        }

        if (rc == POLICY_OK && policy_json_peek(json) != ',') {
            rc = policy_json_expect(json, '}');
            break;
        }

        json->at++;
    }

    return rc == POLICY_OK ? policy_json_end(json) : rc;
}


int
request_read_object(request_t *request, policy_str_t text,
    policy_error_t *error)
{
    members_t        members;
    policy_json_t    json;
    policy_status_t  rc;

    memset(&members, 0, sizeof(members));

    rc = policy_json_init(&json, request->arena, POLICY_STR(""), text,
                          error);
    if (rc == POLICY_OK) {
        rc = split(&json, &members);
    }

    policy_json_stop(&json);

    return rc == POLICY_OK && request_read(request, &members, error);
}


static int
same_results(const policy_result_t *a, const policy_result_t *b)
{
    size_t  i;

    if (a->decision != b->decision || a->nreasons != b->nreasons
        || a->nerrors != b->nerrors)
    {
        return 0;
    }

    for (i = 0; i < a->nreasons; i++) {
        if (a->reasons[i].index != b->reasons[i].index) {
            return 0;
        }
    }

    for (i = 0; i < a->nerrors; i++) {
        if (a->errors[i].policy.index != b->errors[i].policy.index
            || a->errors[i].kind != b->errors[i].kind
            || a->errors[i].line != b->errors[i].line
            || a->errors[i].column != b->errors[i].column)
        {
            return 0;
        }
    }

    return 1;
}


policy_status_t
request_decide(request_t *request, const state_t *state,
    const options_t *options, policy_result_t *result, uint64_t *ns)
{
    size_t                 mark;
    uint64_t               start;
    unsigned long          i;
    policy_result_t        full;
    policy_status_t        rc;
    policy_request_t       r;
    const policy_set_t    *sets[1];
    const policy_store_t  *stores[1];

    sets[0] = state->set;
    stores[0] = state->store;

    memset(&r, 0, sizeof(r));
    r.principal = &request->principal;
    r.action = &request->action;
    r.resource = &request->resource;
    r.context = request->context;
    r.sets = sets;
    r.nsets = state->set != NULL;
    r.stores = stores;
    r.nstores = state->store != NULL;

    mark = policy_arena_mark(request->arena);
    rc = POLICY_OK;
    start = host_nanoseconds();

    for (i = 0; i < options->repeat; i++) {
        policy_arena_release(request->arena, mark);
        rc = policy_authorize(&r, request->arena, result);
    }

    *ns = (host_nanoseconds() - start) / options->repeat;

    if (rc == POLICY_OK && options->check_index) {
        r.flags = POLICY_FULL_SCAN;
        rc = policy_authorize(&r, request->arena, &full);

        if (rc == POLICY_OK && !same_results(result, &full)) {
            return POLICY_MISUSE;
        }
    }

    return rc;
}
