#include <stdbool.h>
#include <string.h>

#include "tenant_lines.h"


void
tenant_lines_text(tenant_lines_t *lines, char *text, size_t len, size_t max)
{
    *lines = (tenant_lines_t) { .max = max, .pos = text,
                                .last = len != 0 ? text + len : text };
}


void
tenant_lines_pieces(tenant_lines_t *lines, char *buf, size_t room, size_t max,
    tenant_lines_read_pt read, void *data)
{
    *lines = (tenant_lines_t) { .max = max, .pos = buf, .last = buf,
                                .buf = buf, .room = room, .read = read,
                                .data = data };
}


/* As read does; what is there moves to the front, and is at most max. */
static ssize_t
tenant_lines_fill(tenant_lines_t *lines)
{
    size_t   len = (size_t) (lines->last - lines->pos);
    ssize_t  n;

    if (lines->buf == NULL) {
        return 0;
    }

    if (lines->pos != lines->buf) {
        memmove(lines->buf, lines->pos, len);
        lines->pos = lines->buf;
        lines->last = lines->buf + len;
    }

    n = lines->read(lines->data, lines->last, lines->room - len);

    if (n > 0) {
        lines->last += n;
    }

    return n;
}


/*
 * Sets *end to where the line at pos is over, and moves pos behind it.  Of
 * what is too long only the end is left, if anything.
 */
static tenant_lines_result_t
tenant_lines_take(tenant_lines_t *lines, char **begin, char **end)
{
    char     *lf = NULL;
    size_t    len, seen = 0;
    ssize_t   n;
    bool      too_long = false;

    for ( ;; ) {
        len = (size_t) (lines->last - lines->pos);

        if (len != seen) {
            lf = memchr(lines->pos + seen, '\n', len - seen);
        }

        if (lf != NULL) {
            break;
        }

        seen = len;

        if (seen > lines->max) {
            too_long = true;
            lines->pos = lines->last;
            seen = 0;
        }

        n = tenant_lines_fill(lines);

        if (n < 0) {
            return TENANT_LINES_FAILED;
        }

        if (n == 0) {
            break;
        }
    }

    if (lf == NULL && lines->pos == lines->last && !too_long) {
        return TENANT_LINES_END;
    }

    *begin = lines->pos;
    *end = lf != NULL ? lf : lines->last;
    lines->pos = lf != NULL ? lf + 1 : lines->last;
    lines->number++;

    return too_long || (size_t) (*end - *begin) > lines->max
           ? TENANT_LINES_TOO_LONG : TENANT_LINES_LINE;
}


tenant_lines_result_t
tenant_lines_next(tenant_lines_t *lines, tenant_str_t *line)
{
    tenant_lines_result_t   result;
    char                   *begin, *end;

    *line = (tenant_str_t) { NULL, 0 };

    for ( ;; ) {
        result = tenant_lines_take(lines, &begin, &end);

        if (result != TENANT_LINES_LINE) {
            return result;
        }

        while (end != begin && (end[-1] == '\r' || end[-1] == ' ')) {
            end--;
        }

        if (end != begin) {
            *line = (tenant_str_t) { begin, (size_t) (end - begin) };
            return TENANT_LINES_LINE;
        }
    }
}
