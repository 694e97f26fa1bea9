/*
 * The shape of a claims set: the names of its members, in their order.  An
 * issuer writes nearly all of its claims sets with the same ones, so that the
 * next is compared with the last instead of being taken apart.  What is read
 * is the same with any shape, and so is what is refused: where a text is not
 * as the shape says, the reader goes on without it.
 */

#ifndef TENANT_VALUE_SHAPE_H
#define TENANT_VALUE_SHAPE_H

#include <stddef.h>
#include <stdint.h>

#include "tenant_value.h"


#define TENANT_VALUE_SHAPE_TEXT  640    /* bytes */


typedef struct {
    tenant_value_t  name;           /* but for its text */
    uint16_t        len;            /* of its part of the shape's text */
    uint16_t        slot;           /* where the table of names has it */
    uint32_t        others;         /* of the first 32 bytes those that are not
                                       its own, as bits */
} tenant_value_shape_member_t;


/* Zeroed memory is an empty one.  Holds nothing to release. */
typedef struct {
    size_t                       count;     /* members; 0: no shape */
    tenant_value_shape_member_t  members[TENANT_VALUE_FEW];

    /* of each member what comes before its value, such as ,"exp": */
    char                         text[TENANT_VALUE_SHAPE_TEXT];
} tenant_value_shape_t;


/*
 * Makes it the shape of an object that was read as the outermost one.  Empty
 * if a name is none that stands in JSON as it is, or if all are too long or
 * too many.
 */
void tenant_value_shape(tenant_value_shape_t *shape,
    const tenant_value_t *object);

/*
 * As tenant_value_read(), with a shape to compare with; NULL: none.  *alike
 * is how many members, from the first, are as it says.  There are "behind"
 * bytes after the text, which may be read but change nothing: with 32 or more
 * all is compared the fast way.
 */
const tenant_value_t *tenant_value_read_as(tenant_tape_t *tape, char *text,
    size_t len, size_t behind, const tenant_json_limits_t *limits,
    const tenant_value_shape_t *shape, size_t *alike,
    tenant_json_error_t *err);


#endif /* TENANT_VALUE_SHAPE_H */
