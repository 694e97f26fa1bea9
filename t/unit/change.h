/* Texts that are nearly right, made by chance; srandom() says which. */

#ifndef CHANGE_H
#define CHANGE_H

#include <stddef.h>


/* From 0 to n - 1. */
size_t change_below(size_t n);

/*
 * One change of a text of len bytes, in room bytes: a byte, a piece put in or
 * over, some of it cut or doubled.  Returns how long it is then.
 */
size_t change_text(char *text, size_t len, size_t room,
    const char *const *pieces, size_t npieces);


#endif /* CHANGE_H */
