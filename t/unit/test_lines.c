#include <string.h>

#include "tenant_lines.h"
#include "unit.h"


#define MAX   8
#define ROOM  11


/* A text that is read in pieces of at most so many bytes. */
typedef struct {
    const char  *text;
    size_t       piece;
    size_t       fail;              /* bytes that can be read; 0: all */
    size_t       pos;
} source_t;


static ssize_t
read_piece(void *data, char *dst, size_t len)
{
    source_t  *source = data;
    size_t     left = strlen(source->text + source->pos);

    if (source->fail != 0 && source->pos >= source->fail) {
        return -1;
    }

    len = len < left ? len : left;
    len = len < source->piece ? len : source->piece;

    memcpy(dst, source->text + source->pos, len);
    source->pos += len;
    return (ssize_t) len;
}


/* What the lines are, each in brackets with its number; "!" is too long. */
static const char *
listed(tenant_lines_t *lines)
{
    static char             out[512];
    tenant_lines_result_t   result;
    tenant_str_t            line;
    char                   *p = out;

    for ( ;; ) {
        result = tenant_lines_next(lines, &line);

        if (result == TENANT_LINES_END) {
            *p = '\0';
            return out;
        }

        if (result == TENANT_LINES_TOO_LONG) {
            ck_assert_ptr_null(line.data);
            p += sprintf(p, "%zu!", lines->number);
            continue;
        }

        ck_assert_int_eq(result, TENANT_LINES_LINE);
        ck_assert_uint_gt(line.len, 0);
        ck_assert_uint_le(line.len, MAX);
        p += sprintf(p, "%zu[%.*s]", lines->number, (int) line.len,
                     line.data);
    }
}


static const struct {
    const char  *text;
    const char  *lines;
} rows[] = {
    { "", "" },
    { "\n", "" },
    { " \r\n\r\n  ", "" },
    { "a", "1[a]" },
    { "a\n", "1[a]" },
    { "a\nb", "1[a]2[b]" },
    { "a \r\r\n\n b\r", "1[a]3[ b]" },
    { "a\rb\n\tc\t\n", "1[a\rb]2[\tc\t]" },
    { "12345678\n12345678", "1[12345678]2[12345678]" },

    /* one byte too many, at all places, spaces too */
    { "123456789\na", "1!2[a]" },
    { "123456789", "1!" },
    { "a\n123456789", "1[a]2!" },
    { "12345678 \na", "1!2[a]" },
    { "         \na", "1!2[a]" },
    { "         ", "1!" },

    /* longer than all the room: no part of it is a line */
    { "12345678901234567890\na\n", "1!2[a]" },
    { "123456789012345678901234567890", "1!" },
    { "           a          b\nc", "1!2[c]" },
    { "123456789012345678901\n123456789012345678901\nb\n", "1!2!3[b]" },
};


START_TEST(lines_are_the_same_in_all_pieces)
{
    tenant_lines_t  lines;
    source_t        source = { .text = rows[_i].text };
    char            text[64], buf[ROOM];
    size_t          room;

    strcpy(text, rows[_i].text);
    tenant_lines_text(&lines, text, strlen(text), MAX);
    ck_assert_str_eq(listed(&lines), rows[_i].lines);

    for (room = MAX + 1; room <= ROOM; room++) {
        for (source.piece = 1; source.piece <= ROOM; source.piece++) {
            source.pos = 0;
            tenant_lines_pieces(&lines, buf, room, MAX, read_piece, &source);
            ck_assert_str_eq(listed(&lines), rows[_i].lines);
        }
    }
}
END_TEST


START_TEST(nothing_is_no_text)
{
    tenant_lines_t  lines;
    tenant_str_t    line;

    tenant_lines_text(&lines, NULL, 0, MAX);
    ck_assert_int_eq(tenant_lines_next(&lines, &line), TENANT_LINES_END);
    ck_assert_int_eq(tenant_lines_next(&lines, &line), TENANT_LINES_END);
    ck_assert_uint_eq(lines.number, 0);
}
END_TEST


START_TEST(what_cannot_be_read_is_no_end)
{
    tenant_lines_t  lines;
    source_t        source = { .text = "a\nb\nc", .piece = 3, .fail = 3 };
    tenant_str_t    line;
    char            buf[ROOM];

    tenant_lines_pieces(&lines, buf, sizeof(buf), MAX, read_piece, &source);
    ck_assert_int_eq(tenant_lines_next(&lines, &line), TENANT_LINES_LINE);
    ck_assert(tenant_str_eq(line, tenant_str("a")));
    ck_assert_int_eq(tenant_lines_next(&lines, &line), TENANT_LINES_FAILED);
    ck_assert_ptr_null(line.data);
}
END_TEST


Suite *
suite_lines(void)
{
    Suite  *s = suite_create("lines");
    TCase  *t = tcase_create("lines");

    tcase_add_loop_test(t, lines_are_the_same_in_all_pieces, 0,
                        sizeof(rows) / sizeof(rows[0]));
    tcase_add_test(t, nothing_is_no_text);
    tcase_add_test(t, what_cannot_be_read_is_no_end);
    suite_add_tcase(s, t);
    return s;
}
