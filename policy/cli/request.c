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


/* Names the member, and turns the place in it into one in the text. */
static void
explain(policy_error_t *error, const char *name, policy_str_t text,
    policy_str_t piece)
{
    char  message[sizeof(error->message)];

    snprintf(message, sizeof(message), "`%s`: %.200s", name, error->message);
    memcpy(error->message, message, sizeof(message));

    error->offset += (uint32_t) (piece.data - text.data);
    policy_place(text, error->offset, &error->line, &error->column);
}


static int
read_member(request_t *request, const char *name, policy_str_t text,
    policy_str_t piece, policy_uid_t *uid, policy_error_t *error)
{
    if (piece.data == NULL) {
        memset(error, 0, sizeof(policy_error_t));
        error->status = POLICY_INVALID;
        snprintf(error->message, sizeof(error->message),
                 "`%s` is missing", name);
        return 0;
    }

    if (load_uid(request->arena, piece, uid, error) == POLICY_OK) {
        return 1;
    }

    explain(error, name, text, piece);

    return 0;
}


int
request_read(request_t *request, policy_str_t text,
    const members_t *members, policy_error_t *error)
{
    if (!read_member(request, "principal", text, members->principal,
                     &request->principal, error)
        || !read_member(request, "action", text, members->action,
                        &request->action, error)
        || !read_member(request, "resource", text, members->resource,
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

    explain(error, "context", text, members->context);

    return 0;
}


int
request_read_object(request_t *request, policy_str_t text,
    policy_error_t *error)
{
    members_t     members;
    policy_str_t  pieces[4];

    static const char *const  names[] = {
        "principal", "action", "resource", "context"
    };

    if (!members_split(request->arena, text, names, 4, pieces, error)) {
        return 0;
    }

    members.principal = pieces[0];
    members.action = pieces[1];
    members.resource = pieces[2];
    members.context = pieces[3];

    return request_read(request, text, &members, error);
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
    policy_result_t        other;
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

    for (i = 0; i < 2 && rc == POLICY_OK && options->check_index; i++) {
        r.flags = i == 0 ? POLICY_FULL_SCAN : POLICY_BY_INDEX;
        rc = policy_authorize(&r, request->arena, &other);

        if (rc == POLICY_OK && !same_results(result, &other)) {
            return POLICY_MISUSE;
        }
    }

    return rc;
}
