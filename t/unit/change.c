#include <stdlib.h>
#include <string.h>

#include "change.h"


size_t
change_below(size_t n)
{
    return (size_t) random() % n;
}


size_t
change_text(char *text, size_t len, size_t room, const char *const *pieces,
    size_t npieces)
{
    const char  *piece = pieces[change_below(npieces)];
    size_t       at = change_below(len + 1), n = strlen(piece);

    switch (change_below(5)) {
    case 0:
        if (at < len) {
            text[at] = (char) random();
        }

        return len;

    case 1:
        n = change_below(len - at + 1);
        n = n > 8 ? change_below(8) : n;
        memmove(text + at, text + at + n, len - at - n);
        return len - n;

    case 2:
        n = change_below(len - at + 1);
        n = n > 24 ? change_below(24) : n;

        if (len + n > room) {
            return len;
        }

        memmove(text + at + n, text + at, len - at);
        return len + n;

    case 3:
        if (at + n <= len) {
            memcpy(text + at, piece, n);
        }

        return len;

    default:
        if (len + n > room) {
            return len;
        }

        memmove(text + at + n, text + at, len - at);
        memcpy(text + at, piece, n);
        return len + n;
    }
}
