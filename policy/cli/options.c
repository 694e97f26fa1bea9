/* Command line options, named as the official tool names them. */

#include "cli.h"

#include <stdlib.h>
#include <string.h>


typedef struct {
    char         letter;
    const char  *name;
    int          takes_value;
} option_t;

static const option_t  known[] = {
    { 'p', "policies", 1 },
    { 'k', "template-linked", 1 },
    { 'e', "entities", 1 },         /* long form only */
    { 's', "schema", 1 },
    { 'l', "principal", 1 },
    { 'a', "action", 1 },
    { 'r', "resource", 1 },
    { 'c', "context", 1 },
    { 'j', "request-json", 1 },     /* long form only */
    { 'f', "error-format", 1 },
    { 'v', "verbose", 0 },
    { 't', "timing", 0 },
    { 'B', "batch", 2 },            /* value after "=" only; long form */
    { 'R', "repeat", 1 },           /* long form only */
    { 'I', "check-index", 0 },      /* long form only */
    { 'F', "schema-format", 1 }     /* long form only */
};

#define SHORT  "pkslarcfvt"


static const option_t *
find(const char *arg, const char **value)
{
    size_t       i, n;
    const char  *equals;

    *value = NULL;

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (arg[0] == '-' && arg[1] == known[i].letter
            && strchr(SHORT, known[i].letter) != NULL)
        {
            *value = arg[2] != '\0' ? arg + 2 : NULL;
            return &known[i];
        }

        if (strncmp(arg, "--", 2) != 0) {
            continue;
        }

        equals = strchr(arg, '=');
        n = equals == NULL ? strlen(arg + 2) : (size_t) (equals - arg - 2);

        if (strlen(known[i].name) == n
            && memcmp(known[i].name, arg + 2, n) == 0)
        {
            *value = equals == NULL ? NULL : equals + 1;
            return &known[i];
        }
    }

    return NULL;
}


static int
set_format(options_t *options, const char *value)
{
    if (strcmp(value, "human") == 0) {
        options->format = FORMAT_HUMAN;

    } else if (strcmp(value, "plain") == 0) {
        options->format = FORMAT_PLAIN;

    } else if (strcmp(value, "json") == 0) {
        options->format = FORMAT_JSON;

    } else {
        fprintf(stderr, "unknown error format \"%s\"\n", value);
        return 0;
    }

    return 1;
}


static int
set_repeat(options_t *options, const char *value)
{
    char  *end;

    options->repeat = strtoul(value, &end, 10);

    if (*end != '\0' || options->repeat == 0
        || options->repeat > 100000000)
    {
        fprintf(stderr, "bad number of repetitions \"%s\"\n", value);
        return 0;
    }

    return 1;
}


static int
set_schema_format(options_t *options, const char *value)
{
    if (strcmp(value, "cedar") == 0) {
        options->schema_format = POLICY_SCHEMA_TEXT;

    } else if (strcmp(value, "json") == 0) {
        options->schema_format = POLICY_SCHEMA_JSON;

    } else {
        fprintf(stderr, "unknown schema format \"%s\"\n", value);
        return 0;
    }

    return 1;
}


static int
set(options_t *options, char letter, const char *value)
{
    switch (letter) {

    case 'p':
        options->policies = value;
        return 1;

    case 'k':
        options->links = value;
        return 1;

    case 'e':
        options->entities = value;
        return 1;

    case 's':
        options->schema = value;
        return 1;

    case 'l':
        options->principal = value;
        return 1;

    case 'a':
        options->action = value;
        return 1;

    case 'r':
        options->resource = value;
        return 1;

    case 'c':
        options->context = value;
        return 1;

    case 'j':
        options->request = value;
        return 1;

    case 'f':
        return set_format(options, value);

    case 'v':
        options->verbose = 1;
        return 1;

    case 't':
        options->timing = 1;
        return 1;

    case 'B':
        options->batch = value != NULL ? value : "-";
        return 1;

    case 'I':
        options->check_index = 1;
        return 1;

    case 'F':
        return set_schema_format(options, value);

    default: /* 'R' */
        return set_repeat(options, value);
    }
}


int
options_parse(int argc, char **argv, options_t *options)
{
    int              i;
    const char      *value;
    const option_t  *option;

    memset(options, 0, sizeof(options_t));
    options->repeat = 1;

    for (i = 1; i < argc; i++) {
        option = find(argv[i], &value);

        if (option == NULL) {
            fprintf(stderr, "unknown argument \"%s\"; see --help\n",
                    argv[i]);
            return 0;
        }

        if (option->takes_value == 0 && value != NULL) {
            fprintf(stderr, "\"%s\": this option takes no value\n",
                    argv[i]);
            return 0;
        }

        if (option->takes_value == 1 && value == NULL) {
            if (++i == argc) {
                fprintf(stderr, "option --%s needs a value\n", option->name);
                return 0;
            }

            value = argv[i];
        }

        if (!set(options, option->letter, value)) {
            return 0;
        }
    }

    return 1;
}
