/* Errors for a person, for a log, for a program. */

#include "cli.h"

#include <string.h>


void
print_json_string(FILE *out, policy_str_t s)
{
    size_t         i;
    unsigned char  c;

    putc('"', out);

    for (i = 0; i < s.len; i++) {
        c = (unsigned char) s.data[i];

        if (c == '"' || c == '\\') {
            putc('\\', out);
            putc(c, out);

        } else if (c < 0x20) {
            fprintf(out, "\\u%04x", c);

        } else {
            putc(c, out);
        }
    }

    putc('"', out);
}


static void
print_json_text(FILE *out, const char *s)
{
    print_json_string(out, (policy_str_t) { s, strlen(s) });
}


#define LINE_SHOWN  72

/*
 * The source line, and a caret under the character meant.  Of a long line
 * only what is around it is shown.
 */
static void
print_caret(policy_str_t text, const policy_error_t *error)
{
    size_t    start, end, at, i, first;
    unsigned  width;

    at = error->offset > text.len ? text.len : error->offset;

    for (start = at; start > 0 && text.data[start - 1] != '\n'; start--) {
        /* void */
    }

    for (end = at; end < text.len && text.data[end] != '\n'; end++) {
        /* void */
    }

    first = at - start > LINE_SHOWN ? at - LINE_SHOWN / 2 : start;

    while (first > start && ((unsigned char) text.data[first] & 0xc0) == 0x80)
    {
        first--;
    }

    if (end - first > 2 * LINE_SHOWN) {
        end = first + 2 * LINE_SHOWN;
    }

    while (end < text.len && ((unsigned char) text.data[end] & 0xc0) == 0x80)
    {
        end--;
    }

    width = (unsigned) fprintf(stderr, "%6u | ", error->line);

    for (i = first; i < end; i++) {
        putc((unsigned char) text.data[i] < 0x20 ? ' ' : text.data[i],
             stderr);
    }

    fprintf(stderr, "\n%*s", (int) width, "");

    for (i = first; i < at; i++) {
        if (((unsigned char) text.data[i] & 0xc0) != 0x80) {
            putc(' ', stderr);
        }
    }

    fputs("^\n", stderr);
}


void
report_error(format_t format, const char *kind, const char *file,
    policy_str_t text, const policy_error_t *error)
{
    const char  *word;

    if (format == FORMAT_JSON) {
        fputs("{\"kind\":", stderr);
        print_json_text(stderr, kind);
        fputs(",\"file\":", stderr);
        print_json_text(stderr, file);
        fprintf(stderr, ",\"line\":%u,\"column\":%u,\"message\":",
                error->line, error->column);
        print_json_text(stderr, error->message);
        fputs("}\n", stderr);
        return;
    }

    word = strcmp(kind, "warning") == 0 ? "warning" : "error";

    if (error->line == 0) {
        fprintf(stderr, "%s: %s: %s\n", file, word, error->message);
        return;
    }

    fprintf(stderr, "%s:%u:%u: %s: %s\n", file, error->line,
            error->column, word, error->message);

    if (format == FORMAT_HUMAN && text.data != NULL) {
        print_caret(text, error);
    }
}


void
report_message(format_t format, const char *kind, const char *message)
{
    if (format == FORMAT_JSON) {
        fputs("{\"kind\":", stderr);
        print_json_text(stderr, kind);
        fputs(",\"message\":", stderr);
        print_json_text(stderr, message);
        fputs("}\n", stderr);
        return;
    }

    fprintf(stderr, "error: %s\n", message);
}
