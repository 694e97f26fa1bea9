/* validate: policies against a schema, one set or a batch. */

#define _POSIX_C_SOURCE  200809L

#include "cli.h"

#include "json.h"

#include <stdlib.h>


static policy_str_t
name_of(const char *path)
{
    return (policy_str_t) { path, strlen(path) };
}


/* 0: reported */
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


policy_schema_t *
load_schema(const options_t *options)
{
    policy_str_t      text;
    policy_error_t    error;
    policy_schema_t  *schema;

    if (!read_file(options, options->schema, &text)) {
        return NULL;
    }

    if (policy_schema_create(&host_memory, name_of(options->schema), text,
                             options->schema_format, &schema, &error)
        != POLICY_OK)
    {
        report_error(options->format, "schema", options->schema, text,
                     &error);
    }

    host_free(text);

    return schema;
}


/* One set */

typedef struct {
    const options_t  *options;
    policy_str_t      text;
} report_t;


static void
print_finding(void *data, const policy_finding_t *finding)
{
    char            message[512], id[128];
    const char     *file;
    report_t       *report;
    policy_error_t  error;

    report = data;

    snprintf(id, sizeof(id), "%.*s",
             (int) (finding->policy.len < 100 ? finding->policy.len : 100),
             finding->policy.data);
    snprintf(message, sizeof(message), "policy `%s`: %s", id,
             finding->message);

    memset(&error, 0, sizeof(error));
    error.line = finding->line;
    error.column = finding->column;
    error.offset = finding->offset;
    snprintf(error.message, sizeof(error.message), "%.255s", message);

    file = finding->line == 0 ? report->options->links
           : report->options->policies != NULL ? report->options->policies
                                               : "<stdin>";

    report_error(report->options->format,
                 finding->severity == POLICY_FINDING_ERROR ? "validation"
                                                           : "warning",
                 file != NULL ? file : "", report->text, &error);
}


static int
validate_set(const options_t *options, const policy_schema_t *schema,
    policy_str_t file, policy_str_t text, const policy_set_t *set)
{
    report_t             report;
    policy_error_t       error;
    policy_validation_t  validation;

    memset(&validation, 0, sizeof(validation));
    validation.schema = schema;
    validation.memory = host_memory;
    validation.options.id_annotation = 1;
    validation.report = print_finding;
    validation.data = &report;

    report.options = options;
    report.text = text;

    if (policy_validate(&validation, file, text, &error) != POLICY_OK
        || policy_validate_links(&validation, set, &error) != POLICY_OK)
    {
        report_error(options->format, "validation",
                     options->policies != NULL ? options->policies
                                               : "<stdin>", text, &error);
        return EXIT_FAILURE_CODE;
    }

    return validation.errors == 0 ? EXIT_ALLOW : EXIT_VALIDATION;
}


static int
validate_files(const options_t *options, const policy_schema_t *schema)
{
    int             code, in_links;
    state_t         state;
    const char     *path;
    policy_str_t    text, links;
    policy_error_t  error;

    memset(&state, 0, sizeof(state));
    links.data = NULL;
    links.len = 0;
    path = options->policies != NULL ? options->policies : "-";

    if (!read_file(options, path, &text)) {
        return EXIT_FAILURE_CODE;
    }

    if (options->links != NULL && !read_file(options, options->links, &links))
    {
        host_free(text);
        return EXIT_FAILURE_CODE;
    }

    path = options->policies != NULL ? path : "<stdin>";

    if (load_policies(&state, name_of(path), text,
                      name_of(options->links != NULL ? options->links : ""),
                      links, &error, &in_links))
    {
        code = validate_set(options, schema, name_of(path), text, state.set);

    } else {
        report_error(options->format, in_links ? "links" : "policies",
                     in_links ? options->links : path,
                     in_links ? links : text, &error);
        code = EXIT_FAILURE_CODE;
    }

    host_free(text);
    host_free(links);
    state_drop(&state);

    return code;
}


/* Batch: {"id", "schema" or "schemaJson", "policies"} */

/* ORDER FIELDS */
enum { FIELD_ID = 0, FIELD_SCHEMA, FIELD_SCHEMA_JSON, FIELD_POLICIES, FIELDS };

/* ORDER FIELDS */
static const char *const  names[FIELDS] = {
    "id", "schema", "schemaJson", "policies"
};

typedef struct {
    request_t         work;             /* the line's memory */
    policy_str_t      fields[FIELDS];   /* JSON text; data NULL: absent */
    policy_schema_t  *schema;           /* of the command line, or NULL */
    policy_error_t    error;
    FILE             *out[2];           /* findings, by severity */
    char             *text[2];
    size_t            size[2];
} line_t;


static void
print_id(const line_t *line)
{
    fputs("{\"id\":", stdout);

    if (line->fields[FIELD_ID].data != NULL) {
        fwrite(line->fields[FIELD_ID].data, 1, line->fields[FIELD_ID].len,
               stdout);
    } else {
        fputs("null", stdout);
    }
}


static void
print_error(const line_t *line, const char *kind)
{
    char                   message[512];
    const policy_error_t  *error;

    error = &line->error;

    if (error->line != 0) {
        snprintf(message, sizeof(message), "%u:%u: %s", error->line,
                 error->column, error->message);
    } else {
        snprintf(message, sizeof(message), "%s", error->message);
    }

    print_id(line);
    printf(",\"ok\":false,\"error\":{\"kind\":\"%s\",\"message\":",
           error->status == POLICY_LIMIT ? "limit" : kind);
    print_json_string(stdout, name_of(message));
    fputs("}}\n", stdout);
}


static void
refuse(line_t *line, const char *kind, const char *message)
{
    memset(&line->error, 0, sizeof(line->error));
    line->error.status = POLICY_INVALID;
    snprintf(line->error.message, sizeof(line->error.message), "%s",
             message);
    print_error(line, kind);
}


/* The id is echoed as it is, so it must be JSON. */
static int
check_id(line_t *line)
{
    int             ok;
    policy_json_t   json;
    policy_value_t  ignored;

    if (line->fields[FIELD_ID].data == NULL) {
        return 1;
    }

    ok = policy_json_init(&json, line->work.arena, POLICY_STR(""),
                          line->fields[FIELD_ID], &line->error)
         == POLICY_OK
         && policy_json_read(&json, &ignored) == POLICY_OK
         && policy_json_end(&json) == POLICY_OK;

    policy_json_stop(&json);

    if (!ok) {
        line->fields[FIELD_ID].data = NULL;
    }

    return ok;
}


static int
string_of(line_t *line, int field, policy_str_t *s)
{
    int              ok;
    policy_json_t    json;
    policy_status_t  rc;

    rc = policy_json_init(&json, line->work.arena, POLICY_STR(""),
                          line->fields[field], &line->error);
    ok = rc == POLICY_OK && policy_json_string(&json, s) == POLICY_OK;
    policy_json_stop(&json);

    return ok;
}


/* Of the line, or that of the command line; NULL: answered. */
static const policy_schema_t *
schema_of(line_t *line, policy_schema_t **own)
{
    policy_str_t            text;
    policy_schema_format_t  format;

    *own = NULL;
    format = POLICY_SCHEMA_JSON;
    text = line->fields[FIELD_SCHEMA_JSON];

    if (text.data != NULL && line->fields[FIELD_SCHEMA].data != NULL) {
        refuse(line, "schema", "`schema` and `schemaJson` exclude each "
               "other");
        return NULL;
    }

    if (line->fields[FIELD_SCHEMA].data != NULL) {
        format = POLICY_SCHEMA_TEXT;

        if (!string_of(line, FIELD_SCHEMA, &text)) {
            print_error(line, "schema");
            return NULL;
        }
    }

    if (text.data == NULL) {
        if (line->schema == NULL) {
            refuse(line, "schema", "there is no schema");
        }

        return line->schema;
    }

    if (policy_schema_create(&host_memory, POLICY_STR("schema"), text,
                             format, own, &line->error)
        != POLICY_OK)
    {
        print_error(line, "schema");
    }

    return *own;
}


static void
collect(void *data, const policy_finding_t *finding)
{
    FILE    *out;
    line_t  *line;

    line = data;
    out = line->out[finding->severity];

    fputs(ftell(out) > 0 ? ",{\"policy\":" : "{\"policy\":", out);
    print_json_string(out, finding->policy);
    fputs(",\"message\":", out);
    print_json_string(out, name_of(finding->message));
    fprintf(out, ",\"line\":%u,\"column\":%u}", finding->line,
            finding->column);
}


static void
print_findings(const line_t *line, size_t errors)
{
    print_id(line);

    if (errors == 0) {
        fputs(",\"ok\":true", stdout);
    } else {
        printf(",\"ok\":false,\"error\":{\"kind\":\"validation\","
               "\"message\":\"%zu %s\"},\"errors\":[%s]", errors,
               errors == 1 ? "error" : "errors",
               line->text[POLICY_FINDING_ERROR]);
    }

    if (errors != 0 || line->size[POLICY_FINDING_WARNING] != 0) {
        printf(",\"warnings\":[%s]", line->text[POLICY_FINDING_WARNING]);
    }

    puts("}");
}


static void
answer_policies(line_t *line, const policy_schema_t *schema,
    policy_str_t text)
{
    int                  i;
    policy_status_t      rc;
    policy_validation_t  validation;

    memset(&validation, 0, sizeof(validation));
    validation.schema = schema;
    validation.memory = host_memory;
    validation.options.id_annotation = 1;
    validation.report = collect;
    validation.data = line;

    for (i = 0; i < 2; i++) {
        line->text[i] = NULL;
        line->out[i] = open_memstream(&line->text[i], &line->size[i]);
    }

    if (line->out[0] != NULL && line->out[1] != NULL) {
        rc = policy_validate(&validation, POLICY_STR("policies"), text,
                             &line->error);
    } else {
        rc = policy_fail_plain(&line->error, POLICY_NO_MEMORY, "no memory");
    }

    for (i = 0; i < 2; i++) {
        if (line->out[i] != NULL) {
            fclose(line->out[i]);
        }
    }

    if (rc == POLICY_OK) {
        print_findings(line, validation.errors);
    } else {
        print_error(line, "validation");
    }

    free(line->text[0]);
    free(line->text[1]);
}


/* Policies are loaded as for decisions, so that all refusals are one. */
static void
answer_schema(line_t *line, const policy_schema_t *schema)
{
    int           in_links;
    state_t       state;
    policy_str_t  text;

    memset(&state, 0, sizeof(state));

    if (line->fields[FIELD_POLICIES].data == NULL) {
        refuse(line, "policies", "there are no policies");
        return;
    }

    if (!string_of(line, FIELD_POLICIES, &text)
        || !load_policies(&state, POLICY_STR("policies"), text,
                          POLICY_STR(""), (policy_str_t) { NULL, 0 },
                          &line->error, &in_links))
    {
        print_error(line, "policies");
        return;
    }

    answer_policies(line, schema, text);
    state_drop(&state);
}


static int
answer_line(void *data, policy_str_t text)
{
    line_t                 *line;
    policy_schema_t        *own;
    const policy_schema_t  *schema;

    line = data;

    if (!request_init(&line->work, text.len)) {
        return 0;
    }

    if (!members_split(line->work.arena, text, names, FIELDS, line->fields,
                       &line->error)
        || !check_id(line))
    {
        print_error(line, "json");

    } else {
        schema = schema_of(line, &own);

        if (schema != NULL) {
            answer_schema(line, schema);
        }

        policy_schema_destroy(own);
    }

    request_free(&line->work);

    return 1;
}


int
command_validate(const options_t *options)
{
    int               code;
    line_t            line;
    policy_schema_t  *schema;

    schema = NULL;

    if (options->schema != NULL) {
        schema = load_schema(options);

        if (schema == NULL) {
            return EXIT_FAILURE_CODE;
        }
    }

    if (options->batch != NULL) {
        memset(&line, 0, sizeof(line));
        line.schema = schema;
        code = batch_lines(options, answer_line, &line);

    } else if (schema != NULL) {
        code = validate_files(options, schema);

    } else {
        report_message(options->format, "usage", "validate needs --schema");
        code = EXIT_FAILURE_CODE;
    }

    policy_schema_destroy(schema);

    return code;
}
