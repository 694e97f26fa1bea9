/*
 * The command line tool: a thin host of the engine.  Text in, decision out.
 */

#ifndef POLICY_CLI_H
#define POLICY_CLI_H

#include "policy.h"

#include <stdio.h>


/* Exit codes, as the official tool has them. */
enum {
    EXIT_ALLOW = 0,
    EXIT_FAILURE_CODE = 1,
    EXIT_DENY = 2,
    EXIT_VALIDATION = 3
};

typedef enum {
    FORMAT_HUMAN = 0,       /* with the source line and a caret */
    FORMAT_PLAIN,
    FORMAT_JSON
} format_t;

typedef struct {
    const char   *policies;
    const char   *links;
    const char   *entities;
    const char   *schema;
    policy_schema_format_t  schema_format;
    const char   *principal;
    const char   *action;
    const char   *resource;
    const char   *context;
    const char   *request;
    const char   *batch;            /* NULL: not in batch mode; "-": stdin */
    unsigned long repeat;
    int           verbose;
    int           timing;
    int           check_index;      /* compare with evaluating everything */
    format_t      format;
} options_t;


/* options.c */

/* argv from the command's name on; 0: usage error, already reported. */
int options_parse(int argc, char **argv, options_t *options);


/* host.c: files and memory */

extern const policy_memory_t  host_memory;

/* "-": stdin.  data is NULL, and a message printed, when that fails. */
policy_str_t host_read(const char *path, const char **reason);
void host_free(policy_str_t text);
uint64_t host_nanoseconds(void);


/* report.c */

/* An error of loading; text is what it is in, or empty. */
void report_error(format_t format, const char *kind, const char *file,
    policy_str_t text, const policy_error_t *error);
void report_message(format_t format, const char *kind, const char *message);

void print_json_string(FILE *out, policy_str_t s);


/* load.c: the state of the tool */

typedef struct {
    policy_set_t      *set;
    policy_store_t    *store;
} state_t;

/*
 * Each replaces what was there.  On failure, what was there is gone,
 * *error tells why, and 0 is returned.  files name texts in messages.
 */
int load_policies(state_t *state, policy_str_t file, policy_str_t text,
    policy_str_t links_file, policy_str_t links, policy_error_t *error,
    int *in_links);
int load_entities(state_t *state, policy_str_t file, policy_str_t text,
    policy_error_t *error);
void state_drop(state_t *state);

/* A uid from JSON: Cedar syntax in a string, or an object. */
policy_status_t load_uid(policy_arena_t *arena, policy_str_t json,
    policy_uid_t *uid, policy_error_t *error);


/* members.c: pieces[i] is the value of names[i]; data NULL: absent */
int members_split(policy_arena_t *arena, policy_str_t text,
    const char *const *names, size_t n, policy_str_t *pieces,
    policy_error_t *error);


/* request.c */

typedef struct {
    policy_uid_t      principal;
    policy_uid_t      action;
    policy_uid_t      resource;
    policy_value_t    context;
    policy_arena_t   *arena;
    void             *buffer;
} request_t;

/* The members of a JSON object that make a request; data NULL: absent. */
typedef struct {
    policy_str_t  principal;
    policy_str_t  action;
    policy_str_t  resource;
    policy_str_t  context;
} members_t;

/* An arena wide enough for a request of len bytes; 0: no memory. */
int request_init(request_t *request, size_t len);
void request_free(request_t *request);

/* text: what the members are pieces of; errors tell the place in it */
int request_read(request_t *request, policy_str_t text,
    const members_t *members, policy_error_t *error);

/* The text of a file with such an object. */
int request_read_object(request_t *request, policy_str_t text,
    policy_error_t *error);

/*
 * Decides; *ns is the mean of repeat runs.  With check_index the result is
 * compared to that of a full scan: POLICY_MISUSE when they differ.
 */
policy_status_t request_decide(request_t *request, const state_t *state,
    const options_t *options, policy_result_t *result, uint64_t *ns);


/* single.c: what the options name for a batch; 0: reported. */
int load_initial(const options_t *options, state_t *state);


/* batch.c: answers each line that is not blank; 0 from it: no memory. */
typedef int (*line_pt)(void *data, policy_str_t line);

int batch_lines(const options_t *options, line_pt answer_line, void *data);


/* validate.c: the schema that the options name; NULL: reported. */
policy_schema_t *load_schema(const options_t *options);


/* Commands: each returns an exit code. */
int command_authorize(const options_t *options);
int command_batch(const options_t *options);
int command_check_parse(const options_t *options);
int command_validate(const options_t *options);


#endif /* POLICY_CLI_H */
