/* tenant-policy: lints and tries Cedar policies. */

#include "cli.h"

#include <string.h>


static const char  usage[] =
"usage: tenant-policy COMMAND [OPTION...]\n"
"\n"
"commands\n"
"  authorize            decide one request, or many with --batch\n"
"  check-parse          read policies, links, entities and schema, report "
"errors\n"
"  validate             check policies against a schema\n"
"\n"
"options\n"
"  -p, --policies FILE  Cedar policies; \"-\" or absent: stdin\n"
"  -k, --template-linked FILE\n"
"                       JSON [{\"template_id\",\"link_id\",\"args\"}]\n"
"      --entities FILE  entities, JSON\n"
"  -l, --principal UID  such as 'User::\"alice\"'\n"
"  -a, --action UID\n"
"  -r, --resource UID\n"
"  -c, --context FILE   JSON object; absent: {}\n"
"      --request-json FILE\n"
"                       {\"principal\",\"action\",\"resource\",\"context\"}\n"
"  -v, --verbose        also print the determining policies\n"
"  -t, --timing         print how long the evaluation took\n"
"  -f, --error-format human|plain|json\n"
"  -s, --schema FILE    Cedar schema text or JSON\n"
"      --schema-format cedar|json\n"
"                       absent: by the first character\n"
"      --batch[=FILE]   one JSON object a line in, one answer a line out\n"
"      --repeat N       evaluate N times, -t gives the mean\n"
"      --check-index    compare each result with a full scan\n"
"      --version, --help\n"
"\n"
"exit codes: 0 ALLOW or success, 2 DENY, 1 failure, 3 invalid policies\n";


typedef struct {
    const char  *name;
    int        (*run)(const options_t *options);
} command_t;

static const command_t  commands[] = {
    { "authorize", command_authorize },
    { "check-parse", command_check_parse },
    { "validate", command_validate }
};


static int
run(const command_t *command, int argc, char **argv)
{
    options_t  options;

    if (!options_parse(argc, argv, &options)) {
        return EXIT_FAILURE_CODE;
    }

    if (options.schema != NULL && command->run == command_authorize) {
        report_message(options.format, "schema",
                       "schemas are not supported by this command");
        return EXIT_FAILURE_CODE;
    }

    if (options.batch != NULL && command->run == command_authorize) {
        return command_batch(&options);
    }

    return command->run(&options);
}


int
main(int argc, char **argv)
{
    size_t  i;

    if (argc < 2) {
        fputs(usage, stderr);
        return EXIT_FAILURE_CODE;
    }

    for (i = 1; i < (size_t) argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(usage, stdout);
            return EXIT_ALLOW;
        }

        if (strcmp(argv[i], "--version") == 0) {
            puts("tenant-policy " POLICY_VERSION " (Cedar language "
                 POLICY_LANGUAGE ")");
            return EXIT_ALLOW;
        }
    }

    for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return run(&commands[i], argc - 1, argv + 1);
        }
    }

    fprintf(stderr, "unknown command \"%s\"; see --help\n", argv[1]);

    return EXIT_FAILURE_CODE;
}
