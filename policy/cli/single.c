/* authorize: one request, answered as the official tool answers. */

#include "cli.h"

#include <string.h>


static policy_str_t
name_of(const char *path)
{
    return (policy_str_t) { path, strlen(path) };
}


/* Reads a file; 0 and a message when that fails. */
static int
read_file(const options_t *options, const char *path, policy_str_t *text)
{
    char         message[512];
    const char  *reason;

    *text = host_read(path, &reason);

    if (text->data == NULL) {
        snprintf(message, sizeof(message), "cannot read \"%s\": %s", path,
                 reason);
        report_message(options->format, "io", message);
        return 0;
    }

    return 1;
}


static int
load_set(const options_t *options, state_t *state)
{
    int              ok, in_links;
    const char      *path;
    policy_str_t     text, links;
    policy_error_t   error;

    path = options->policies != NULL ? options->policies : "-";
    links.data = NULL;
    links.len = 0;

    if (!read_file(options, path, &text)) {
        return 0;
    }

    if (options->links != NULL && !read_file(options, options->links, &links))
    {
        host_free(text);
        return 0;
    }

    path = strcmp(path, "-") == 0 ? "<stdin>" : path;

    ok = load_policies(state, name_of(path), text,
                       name_of(options->links != NULL ? options->links : ""),
                       links, &error, &in_links);

    if (!ok && in_links) {
        report_error(options->format, "links", options->links, links,
                     &error);

    } else if (!ok) {
        report_error(options->format, "policies", path, text, &error);
    }

    host_free(text);
    host_free(links);

    return ok;
}


static int
load_store(const options_t *options, state_t *state)
{
    int              ok;
    policy_str_t     text;
    policy_error_t   error;

    if (!read_file(options, options->entities, &text)) {
        return 0;
    }

    ok = load_entities(state, name_of(options->entities), text, &error);

    if (!ok) {
        /* found when all is read: the place is a line, not an offset */

        if (error.offset == 0) {
            text.len = 0;
        }

        report_error(options->format, "entities", options->entities,
                     text.len == 0 ? (policy_str_t) { NULL, 0 } : text,
                     &error);
    }

    host_free(text);

    return ok;
}


static int
read_uid_option(const options_t *options, request_t *request,
    const char *name, const char *text, policy_uid_t *uid)
{
    char            label[64];
    policy_error_t  error;

    if (text == NULL) {
        snprintf(label, sizeof(label), "--%s is missing", name);
        report_message(options->format, "request", label);
        return 0;
    }

    if (policy_uid_parse(request->arena, name_of(text), uid, &error)
        != POLICY_OK)
    {
        snprintf(label, sizeof(label), "--%s", name);
        report_error(options->format, "request", label, name_of(text),
                     &error);
        return 0;
    }

    return 1;
}


static int
read_context(const options_t *options, request_t *request,
    policy_str_t *context)
{
    policy_error_t  error;

    if (options->context == NULL) {
        return 1;
    }

    if (!read_file(options, options->context, context)) {
        return 0;
    }

    if (policy_json_context(request->arena, *context, &request->context,
                            &error)
        != POLICY_OK)
    {
        report_error(options->format, "request", options->context, *context,
                     &error);
        return 0;
    }

    return 1;
}


/* text: what the request borrows from, to be freed after it */
static int
load_request(const options_t *options, request_t *request,
    policy_str_t *text)
{
    int             ok;
    policy_error_t  error;

    text->data = NULL;
    text->len = 0;

    if (options->request == NULL) {
        if (!request_init(request, POLICY_MAX_TEXT / 4)) {
            report_message(options->format, "io", "out of memory");
            return 0;
        }

        ok = read_uid_option(options, request, "principal",
                             options->principal, &request->principal);
        ok &= read_uid_option(options, request, "action", options->action,
                              &request->action);
        ok &= read_uid_option(options, request, "resource",
                              options->resource, &request->resource);
        ok &= read_context(options, request, text);

        return ok;
    }

    if (!read_file(options, options->request, text)) {
        return 0;
    }

    if (!request_init(request, text->len)) {
        report_message(options->format, "io", "out of memory");
        return 0;
    }

    if (!request_read_object(request, *text, &error)) {
        report_error(options->format, "request", options->request, *text,
                     &error);
        return 0;
    }

    return 1;
}


static void
print_id(policy_ref_t ref)
{
    policy_info_t  info;

    policy_set_info(ref.set, ref.index, &info);
    fwrite(info.id.data, 1, info.id.len, stdout);
}


static void
print_result(const options_t *options, const policy_result_t *result)
{
    char    message[512];
    size_t  i;

    puts(result->decision == POLICY_ALLOW ? "ALLOW" : "DENY");

    for (i = 0; i < result->nerrors; i++) {
        policy_eval_error_print(&result->errors[i], message,
                                sizeof(message));
        printf("error while evaluating policy `");
        print_id(result->errors[i].policy);
        printf("`: %u:%u: %s\n", result->errors[i].line,
               result->errors[i].column, message);
    }

    if (!options->verbose) {
        return;
    }

    if (result->nreasons == 0) {
        puts("note: no policies applied to this request");
        return;
    }

    puts("note: this decision was due to the following policies:");

    for (i = 0; i < result->nreasons; i++) {
        printf("  ");
        print_id(result->reasons[i]);
        putchar('\n');
    }
}


static int
decide(const options_t *options, request_t *request, const state_t *state)
{
    uint64_t          ns;
    policy_result_t   result;
    policy_status_t   rc;

    rc = request_decide(request, state, options, &result, &ns);

    if (rc == POLICY_LIMIT) {
        report_message(options->format, "limit", result.limit);
        return EXIT_FAILURE_CODE;
    }

    if (rc != POLICY_OK) {
        report_message(options->format, "fault",
                       "the index and a full scan disagree");
        return EXIT_FAILURE_CODE;
    }

    print_result(options, &result);

    if (options->timing) {
        fprintf(stderr, "evaluation took %llu ns\n",
                (unsigned long long) ns);
    }

    return result.decision == POLICY_ALLOW ? EXIT_ALLOW : EXIT_DENY;
}


/* Policies, entities and request are all read before giving up. */
int
command_authorize(const options_t *options)
{
    int           ok, code;
    state_t       state;
    request_t     request;
    policy_str_t  text;

    memset(&state, 0, sizeof(state));
    memset(&request, 0, sizeof(request));

    if (options->entities == NULL) {
        report_message(options->format, "usage",
                       "authorize needs --entities");
        return EXIT_FAILURE_CODE;
    }

    ok = load_set(options, &state);
    ok &= load_store(options, &state);
    ok &= load_request(options, &request, &text);

    code = ok ? decide(options, &request, &state) : EXIT_FAILURE_CODE;

    request_free(&request);
    host_free(text);
    state_drop(&state);

    return code;
}


int
command_check_parse(const options_t *options)
{
    int               ok;
    state_t           state;
    policy_schema_t  *schema;

    memset(&state, 0, sizeof(state));
    ok = 1;

    if (options->schema != NULL) {
        schema = load_schema(options);
        ok = schema != NULL;
        policy_schema_destroy(schema);
    }

    /* data alone may be checked; then stdin is left alone */

    if (options->policies != NULL || options->links != NULL
        || (options->entities == NULL && options->schema == NULL))
    {
        ok &= load_set(options, &state);
    }

    if (options->entities != NULL) {
        ok &= load_store(options, &state);
    }

    state_drop(&state);

    return ok ? EXIT_ALLOW : EXIT_FAILURE_CODE;
}


/* For a batch: only what is named, stdin being the batch's. */
int
load_initial(const options_t *options, state_t *state)
{
    int  ok;

    ok = 1;

    if (options->policies != NULL) {
        ok = load_set(options, state);
    }

    if (options->entities != NULL) {
        ok &= load_store(options, state);
    }

    if (!ok) {
        state_drop(state);
    }

    return ok;
}
