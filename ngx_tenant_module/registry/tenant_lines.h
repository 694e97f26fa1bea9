/*
 * The lines of a text, all of which is there or comes in pieces.  Plain C, and
 * no byte of it trusted.
 */

#ifndef TENANT_LINES_H
#define TENANT_LINES_H

#include <stddef.h>

#include <sys/types.h>

#include "../identity/tenant_str.h"


typedef enum {
    TENANT_LINES_LINE = 0,
    TENANT_LINES_TOO_LONG,          /* it is over: the next one follows */
    TENANT_LINES_END,               /* there is no more */
    TENANT_LINES_FAILED             /* reading failed: the end of all */
} tenant_lines_result_t;


/* At most len bytes to dst: how many; 0: that was all; -1: failed. */
typedef ssize_t (*tenant_lines_read_pt)(void *data, char *dst, size_t len);


/* Made by one of the two functions below; "number" is for reading. */
typedef struct {
    size_t                 number;  /* of the newest line, from 1; empty ones
                                       count */
    size_t                 max;     /* bytes of a line */
    char                  *pos;     /* what has not been looked at */
    char                  *last;
    char                  *buf;     /* NULL: all is there */
    size_t                 room;    /* bytes of buf */
    tenant_lines_read_pt   read;
    void                  *data;
} tenant_lines_t;


/* Of len bytes of text, which is borrowed. */
void tenant_lines_text(tenant_lines_t *lines, char *text, size_t len,
    size_t max);

/* Of what is read to buf, which is borrowed and has room for more than max. */
void tenant_lines_pieces(tenant_lines_t *lines, char *buf, size_t room,
    size_t max, tenant_lines_read_pt read, void *data);

/*
 * The next line, without the line feed, and without carriage returns and
 * spaces before it; valid until the next call.  A line of which nothing is
 * left is passed over.  One with more than max bytes before its line feed is
 * not looked into at all, however it comes.  The last line needs no line feed.
 */
tenant_lines_result_t tenant_lines_next(tenant_lines_t *lines,
    tenant_str_t *line);


#endif /* TENANT_LINES_H */
