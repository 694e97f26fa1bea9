/* authorize --batch: one JSON object a line in, one answer a line out. */

#include "cli.h"

#include "json.h"

#include <stdlib.h>


/* ORDER FIELDS */
enum {
    FIELD_ID = 0,
    FIELD_POLICIES,
    FIELD_POLICIES_FILE,
    FIELD_LINKS,
    FIELD_ENTITIES,
    FIELD_ENTITIES_FILE,
    FIELD_PRINCIPAL,
    FIELD_ACTION,
    FIELD_RESOURCE,
    FIELD_CONTEXT,
    FIELD_SCHEMA_FILE,
    FIELDS
};

/* ORDER FIELDS */
static const char *const  names[FIELDS] = {
    "id", "policies", "policiesFile", "templateLinks", "entities",
    "entitiesFile", "principal", "action", "resource", "context",
    "schemaFile"
};

typedef struct {
    const options_t  *options;
    state_t           state;
    int               set_failed;
    int               store_failed;
    policy_str_t      line;
    request_t         work;             /* the line's memory */
    policy_str_t      fields[FIELDS];   /* JSON text; data NULL: absent */
    policy_error_t    error;
} batch_t;


/* The id is echoed as it is, so it must be JSON. */
static int
split(batch_t *b, policy_str_t line)
{
    int              ok;
    policy_json_t    json;
    policy_value_t   ignored;

    ok = members_split(b->work.arena, line, names, FIELDS, b->fields,
                       &b->error);

    if (b->fields[FIELD_ID].data == NULL) {
        return ok;
    }

    if (policy_json_init(&json, b->work.arena, POLICY_STR(""),
                         b->fields[FIELD_ID], &b->error)
        != POLICY_OK
        || policy_json_read(&json, &ignored) != POLICY_OK
        || policy_json_end(&json) != POLICY_OK)
    {
        b->fields[FIELD_ID].data = NULL;
        ok = 0;
    }

    policy_json_stop(&json);

    return ok;
}


static void
print_id(const batch_t *b)
{
    fputs("{\"id\":", stdout);

    if (b->fields[FIELD_ID].data != NULL) {
        fwrite(b->fields[FIELD_ID].data, 1, b->fields[FIELD_ID].len, stdout);
    } else {
        fputs("null", stdout);
    }
}


/* prefix: what stands before "error" */
static void
print_error(const batch_t *b, const char *prefix, const char *kind)
{
    char                   message[sizeof(b->error.message) + 64];
    const policy_error_t  *error;

    error = &b->error;

    if (error->status == POLICY_LIMIT) {
        kind = "limit";
    }

    if (error->line != 0) {
        snprintf(message, sizeof(message), "%u:%u: %s", error->line,
                 error->column, error->message);
    } else {
        snprintf(message, sizeof(message), "%s", error->message);
    }

    print_id(b);
    printf(",%s\"error\":{\"kind\":\"%s\",\"message\":", prefix, kind);
    print_json_string(stdout, (policy_str_t) { message, strlen(message) });
    fputs("}}\n", stdout);
}


static void
set_error(batch_t *b, const char *message)
{
    memset(&b->error, 0, sizeof(b->error));
    b->error.status = POLICY_INVALID;
    snprintf(b->error.message, sizeof(b->error.message), "%s", message);
}


static int
refuse_state(const batch_t *b, const char *kind)
{
    print_error(b, "\"ok\":false,", kind);

    return 0;
}


/* The field as a string. */
static int
string_of(batch_t *b, int field, policy_str_t *s)
{
    int              ok;
    policy_json_t    json;
    policy_status_t  rc;

    rc = policy_json_init(&json, b->work.arena, POLICY_STR(""),
                          b->fields[field], &b->error);
    ok = rc == POLICY_OK && policy_json_string(&json, s) == POLICY_OK;
    policy_json_stop(&json);

    return ok;
}


/* The text of a field, or of the file another field names; *file: to be
 * freed.  0: refused and answered. */
static int
text_of(batch_t *b, int field, int file_field, int is_string,
    const char *kind, policy_str_t *text, policy_str_t *file)
{
    char          message[256], path[4096];
    const char   *reason;
    policy_str_t  s;

    file->data = NULL;
    file->len = 0;

    if (b->fields[field].data != NULL) {
        *text = b->fields[field];
        return !is_string || string_of(b, field, text)
               || refuse_state(b, kind);
    }

    if (!string_of(b, file_field, &s)) {
        return refuse_state(b, kind);
    }

    snprintf(path, sizeof(path), "%.*s", (int) s.len, s.data);

    *text = host_read(path, &reason);
    *file = *text;

    if (text->data == NULL) {
        snprintf(message, sizeof(message), "cannot read \"%.100s\": %.100s",
                 path, reason);
        set_error(b, message);
        return refuse_state(b, "io");
    }

    return 1;
}


static int
set_policies(batch_t *b)
{
    int           ok, in_links;
    policy_str_t  text, file;

    b->set_failed = 1;
    policy_set_destroy(b->state.set);
    b->state.set = NULL;

    if (!text_of(b, FIELD_POLICIES, FIELD_POLICIES_FILE, 1, "policies",
                 &text, &file))
    {
        return 0;
    }

    ok = load_policies(&b->state, POLICY_STR("policies"), text,
                       POLICY_STR("templateLinks"), b->fields[FIELD_LINKS],
                       &b->error, &in_links);
    host_free(file);

    if (!ok) {
        return refuse_state(b, in_links ? "links" : "policies");
    }

    b->set_failed = 0;

    return 1;
}


static int
set_entities(batch_t *b)
{
    int           ok;
    policy_str_t  text, file;

    b->store_failed = 1;
    policy_store_destroy(b->state.store);
    b->state.store = NULL;

    if (!text_of(b, FIELD_ENTITIES, FIELD_ENTITIES_FILE, 0, "entities",
                 &text, &file))
    {
        return 0;
    }

    ok = load_entities(&b->state, POLICY_STR("entities"), text, &b->error);
    host_free(file);

    if (!ok) {
        return refuse_state(b, "entities");
    }

    b->store_failed = 0;

    return 1;
}


static int
set_schema(batch_t *b)
{
    if (policy_str_equal(b->fields[FIELD_SCHEMA_FILE], POLICY_STR("null"))) {
        return 1;
    }

    set_error(b, "schemas are not supported");

    return refuse_state(b, "schema");
}


/* All state fields are tried, so that none keeps an older state; the answer
 * is that of the first refusal. */
static int
set_state(batch_t *b)
{
    if (b->fields[FIELD_SCHEMA_FILE].data != NULL && !set_schema(b)) {
        return 0;
    }

    if ((b->fields[FIELD_POLICIES].data != NULL
         || b->fields[FIELD_POLICIES_FILE].data != NULL)
        && !set_policies(b))
    {
        /* refused: what came with it must not stay half set */

        if (b->fields[FIELD_ENTITIES].data != NULL
            || b->fields[FIELD_ENTITIES_FILE].data != NULL)
        {
            b->store_failed = 1;
        }

        return 0;
    }

    return (b->fields[FIELD_ENTITIES].data == NULL
            && b->fields[FIELD_ENTITIES_FILE].data == NULL)
           || set_entities(b);
}


static void
print_policy_id(policy_ref_t ref)
{
    policy_info_t  info;

    policy_set_info(ref.set, ref.index, &info);
    print_json_string(stdout, info.id);
}


static void
print_result(const batch_t *b, const policy_result_t *result, uint64_t ns)
{
    char    message[512];
    size_t  i, n;

    print_id(b);
    printf(",\"decision\":\"%s\",\"reason\":[",
           result->decision == POLICY_ALLOW ? "allow" : "deny");

    for (i = 0; i < result->nreasons; i++) {
        fputs(i == 0 ? "" : ",", stdout);
        print_policy_id(result->reasons[i]);
    }

    fputs("],\"errors\":[", stdout);

    for (i = 0; i < result->nerrors; i++) {
        fputs(i == 0 ? "{\"policy\":" : ",{\"policy\":", stdout);
        print_policy_id(result->errors[i].policy);
        printf(",\"kind\":\"%s\",\"message\":",
               policy_error_kind_name(result->errors[i].kind));

        n = (size_t) snprintf(message, sizeof(message), "%u:%u: ",
                              result->errors[i].line,
                              result->errors[i].column);
        policy_eval_error_print(&result->errors[i], message + n,
                                sizeof(message) - n);
        print_json_string(stdout, (policy_str_t) { message,
                                                   strlen(message) });
        putchar('}');
    }

    putchar(']');

    if (b->options->timing) {
        printf(",\"ns\":%llu", (unsigned long long) ns);
    }

    puts("}");
}


static void
answer_request(batch_t *b)
{
    uint64_t          ns;
    members_t         members;
    policy_result_t   result;
    policy_status_t   rc;

    if (b->set_failed || b->store_failed) {
        set_error(b, b->set_failed ? "the last policies were refused"
                                   : "the last entities were refused");
        print_error(b, "", "state");
        return;
    }

    members.principal = b->fields[FIELD_PRINCIPAL];
    members.action = b->fields[FIELD_ACTION];
    members.resource = b->fields[FIELD_RESOURCE];
    members.context = b->fields[FIELD_CONTEXT];

    if (!request_read(&b->work, b->line, &members, &b->error)) {
        print_error(b, "", "request");
        return;
    }

    rc = request_decide(&b->work, &b->state, b->options, &result, &ns);

    if (rc == POLICY_OK) {
        print_result(b, &result, ns);
        return;
    }

    set_error(b, rc == POLICY_LIMIT ? result.limit
                                    : "the index and a full scan disagree");
    print_error(b, "", rc == POLICY_LIMIT ? "limit" : "fault");
}


static void
answer(batch_t *b, policy_str_t line)
{
    int  has_request, has_state;

    b->line = line;

    if (!split(b, line)) {
        print_error(b, "\"ok\":false,", "json");
        return;
    }

    has_request = b->fields[FIELD_PRINCIPAL].data != NULL
                  || b->fields[FIELD_ACTION].data != NULL
                  || b->fields[FIELD_RESOURCE].data != NULL
                  || b->fields[FIELD_CONTEXT].data != NULL;
    has_state = b->fields[FIELD_POLICIES].data != NULL
                || b->fields[FIELD_POLICIES_FILE].data != NULL
                || b->fields[FIELD_ENTITIES].data != NULL
                || b->fields[FIELD_ENTITIES_FILE].data != NULL
                || b->fields[FIELD_SCHEMA_FILE].data != NULL;

    if (has_state && !set_state(b)) {
        return;
    }

    if (has_request) {
        answer_request(b);
        return;
    }

    print_id(b);
    puts(",\"ok\":true}");
}


static int
is_blank(policy_str_t line)
{
    size_t  i;

    for (i = 0; i < line.len; i++) {
        if (line.data[i] != ' ' && line.data[i] != '\t'
            && line.data[i] != '\r')
        {
            return 0;
        }
    }

    return 1;
}


/* A line without its LF; data NULL at the end.  Grows *buffer. */
static policy_str_t
read_line(FILE *in, char **buffer, size_t *size)
{
    int           c;
    char         *more;
    policy_str_t  line;

    line.data = NULL;
    line.len = 0;

    while ((c = getc(in)) != EOF) {
        if (line.len == *size) {
            *size = *size == 0 ? 4096 : *size * 2;

            more = realloc(*buffer, *size);
            if (more == NULL) {
                return line;
            }

            *buffer = more;
        }

        if (c == '\n') {
            break;
        }

        (*buffer)[line.len++] = (char) c;
    }

    if (c != EOF || line.len != 0) {
        line.data = *buffer;
    }

    return line;
}


static int
answer_lines(const options_t *options, FILE *in, line_pt answer_line,
    void *data)
{
    int            ok;
    char          *buffer;
    size_t         size;
    policy_str_t   line;

    buffer = NULL;
    size = 0;
    ok = 1;

    while (ok) {
        line = read_line(in, &buffer, &size);

        if (line.data == NULL) {
            break;
        }

        if (is_blank(line)) {
            continue;
        }

        ok = answer_line(data, line);

        if (!ok) {
            report_message(options->format, "io", "out of memory");
        }

        fflush(stdout);
    }

    free(buffer);

    return ok && !ferror(in) ? EXIT_ALLOW : EXIT_FAILURE_CODE;
}


int
batch_lines(const options_t *options, line_pt answer_line, void *data)
{
    int    code;
    FILE  *in;

    in = strcmp(options->batch, "-") == 0 ? stdin
                                          : fopen(options->batch, "rb");
    if (in == NULL) {
        report_message(options->format, "io", "cannot read the batch file");
        return EXIT_FAILURE_CODE;
    }

    code = answer_lines(options, in, answer_line, data);

    if (in != stdin) {
        fclose(in);
    }

    return code;
}


static int
answer_decision(void *data, policy_str_t line)
{
    batch_t  *b;

    b = data;

    if (!request_init(&b->work, line.len)) {
        return 0;
    }

    answer(b, line);
    request_free(&b->work);

    return 1;
}


int
command_batch(const options_t *options)
{
    int      code;
    batch_t  b;

    memset(&b, 0, sizeof(b));
    b.options = options;

    if (!load_initial(options, &b.state)) {
        return EXIT_FAILURE_CODE;
    }

    code = batch_lines(options, answer_decision, &b);

    state_drop(&b.state);

    return code;
}
