/*
 * Where in a claims set a value stands.  Providers use names that look like
 * paths (https://x/roles, cognito:groups, app.tenant), so a top-level member
 * of exactly that name always wins over the path reading.
 */

#ifndef TENANT_CLAIM_PATH_H
#define TENANT_CLAIM_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "tenant_str.h"
#include "tenant_value.h"


#define TENANT_CLAIM_PATH_MAX  256  /* bytes */


/*
 * Whether text can be a path: 1 to TENANT_CLAIM_PATH_MAX bytes, no control
 * characters, and as a JSON pointer (leading "/") no "~" but in "~0", "~1".
 */
bool tenant_claim_path_valid(tenant_str_t path);

/*
 * Finds, in this order:
 *   1. the top-level member named path;
 *   2. if path starts with "/": what it points to, RFC 6901, array indexes
 *      included;
 *   3. otherwise, if it has dots: the member reached by its parts.
 *
 * Returns a value borrowed from claims, or NULL.  Takes no memory.
 */
const tenant_value_t *tenant_claim_find(const tenant_value_t *claims,
    tenant_str_t path);


/*
 * Walks the texts of a value: a string is one text, or with words set its
 * space-separated words (the "scope" form, RFC 8693 section 4.2); an array
 * gives its strings.
 */
typedef struct {
    const tenant_value_t  *next;    /* of an array, whose strings are in a */
    uint32_t               left;    /*   row, or a string by itself */
    tenant_str_t           words;   /* what is left of them */
} tenant_claim_texts_t;

/* False if value is neither a string nor an array of nothing but strings. */
bool tenant_claim_texts(tenant_claim_texts_t *texts,
    const tenant_value_t *value, bool words);

/* Takes the next word off words, which spaces separate; false: no word. */
bool tenant_claim_words_next(tenant_str_t *words, tenant_str_t *text);

/* The next text, borrowed from value; false at the end. */
static inline bool
tenant_claim_texts_next(tenant_claim_texts_t *texts, tenant_str_t *text)
{
    if (texts->left == 0) {
        return texts->words.len != 0
               && tenant_claim_words_next(&texts->words, text);
    }

    /* a string, as tenant_claim_texts() has seen */
    *text = (tenant_str_t) { texts->next->u.text, texts->next->len };

    texts->next++;
    texts->left--;
    return true;
}


/*
 * Shell-like match of the whole of text: "*" is any run of bytes, "?" one
 * byte, a backslash takes the next byte literally.  At most pattern times
 * text steps, no recursion.
 */
bool tenant_claim_glob(tenant_str_t pattern, tenant_str_t text);


#endif /* TENANT_CLAIM_PATH_H */
