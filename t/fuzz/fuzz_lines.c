/*
 * Lines of a text: the longest that is taken, the room there is besides, and
 * the sizes of the pieces in which it comes, one byte each; then the text.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tenant_lines.h"


#define PIECES  4


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


typedef struct {
    const char     *pos;
    const char     *last;
    const uint8_t  *pieces;
    size_t          n;
} source_t;


static void
must(int ok)
{
    if (!ok) {
        abort();
    }
}


static ssize_t
read_piece(void *data, char *dst, size_t len)
{
    source_t  *source = data;
    size_t     left = (size_t) (source->last - source->pos);
    size_t     piece = (size_t) source->pieces[source->n++ % PIECES] + 1;

    must(len != 0);

    len = len < left ? len : left;
    len = len < piece ? len : piece;

    /* all of it is written: the sanitizer sees what is not there */
    memcpy(dst, source->pos, len);
    source->pos += len;
    return (ssize_t) len;
}


/* The next line as it would be without pieces; false: there is none. */
static int
expect(const char **pos, const char *last, size_t max, size_t *number,
    tenant_str_t *line, int *too_long)
{
    const char  *end;

    while (*pos != last) {
        end = *pos;

        while (end != last && *end != '\n') {
            end++;
        }

        *line = (tenant_str_t) { *pos, (size_t) (end - *pos) };
        *pos = end != last ? end + 1 : end;
        *too_long = line->len > max;
        (*number)++;

        while (line->len != 0 && (line->data[line->len - 1] == '\r'
                                  || line->data[line->len - 1] == ' '))
        {
            line->len--;
        }

        if (*too_long || line->len != 0) {
            return 1;
        }
    }

    return 0;
}


static void
check(tenant_lines_t *lines, const char *text, size_t len, size_t max)
{
    tenant_lines_result_t   result;
    tenant_str_t            line, wanted;
    const char             *pos = text;
    size_t                  number = 0;
    int                     too_long;

    while (expect(&pos, text + len, max, &number, &wanted, &too_long)) {
        result = tenant_lines_next(lines, &line);

        must(result == (too_long ? TENANT_LINES_TOO_LONG
                                 : TENANT_LINES_LINE));
        must(lines->number == number);
        must(too_long ? line.data == NULL : tenant_str_eq(line, wanted));
    }

    must(tenant_lines_next(lines, &line) == TENANT_LINES_END);
    must(tenant_lines_next(lines, &line) == TENANT_LINES_END);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tenant_lines_t  lines;
    source_t        source;
    size_t          max, room, len;
    char           *text, *buf;

    if (size < 2 + PIECES) {
        return 0;
    }

    max = (size_t) data[0] + 1;
    room = max + data[1] + 1;
    len = size - 2 - PIECES;

    /* exactly as long as said, for the sanitizer to see */
    text = malloc(len ? len : 1);
    buf = malloc(room);
    must(text != NULL && buf != NULL);
    memcpy(text, data + 2 + PIECES, len);

    tenant_lines_text(&lines, text, len, max);
    check(&lines, text, len, max);

    source = (source_t) { text, text + len, data + 2, 0 };
    tenant_lines_pieces(&lines, buf, room, max, read_piece, &source);
    check(&lines, text, len, max);

    free(text);
    free(buf);
    return 0;
}
