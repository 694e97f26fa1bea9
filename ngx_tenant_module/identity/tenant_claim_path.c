#include "tenant_claim_path.h"


bool
tenant_claim_path_valid(tenant_str_t path)
{
    size_t  i;

    if (path.len == 0 || path.len > TENANT_CLAIM_PATH_MAX) {
        return false;
    }

    for (i = 0; i < path.len; i++) {
        if ((unsigned char) path.data[i] < 0x20 || path.data[i] == 0x7f) {
            return false;
        }

        if (path.data[0] == '/' && path.data[i] == '~'
            && (i + 1 == path.len
                || (path.data[i + 1] != '0' && path.data[i + 1] != '1')))
        {
            return false;
        }
    }

    return true;
}


/* array-index = "0" / ( "1"-"9" *DIGIT ), RFC 6901 section 4 */
static const tenant_value_t *
tenant_claim_element(const tenant_value_t *array, const char *token,
    size_t len)
{
    size_t  i, index = 0;

    /* six digits are above any array that was let in, and cannot overflow */
    if (len == 0 || len > 6 || (token[0] == '0' && len != 1)) {
        return NULL;
    }

    for (i = 0; i < len; i++) {
        if (token[i] < '0' || token[i] > '9') {
            return NULL;
        }

        index = index * 10 + (size_t) (token[i] - '0');
    }

    return tenant_value_at(array, index);
}


/* One reference token of a JSON pointer, still escaped. */
static const tenant_value_t *
tenant_claim_step(const tenant_value_t *value, const char *token, size_t len)
{
    char    name[TENANT_CLAIM_PATH_MAX];
    size_t  i, n = 0;

    if (tenant_value_is(value, TENANT_VALUE_ARRAY)) {
        return tenant_claim_element(value, token, len);
    }

    for (i = 0; i < len; i++) {
        name[n] = token[i];

        if (token[i] == '~' && i + 1 < len) {
            name[n] = token[++i] == '1' ? '/' : '~';
        }

        n++;
    }

    return tenant_value_get(value, (tenant_str_t) { name, n });
}


static const tenant_value_t *
tenant_claim_pointer(const tenant_value_t *value, tenant_str_t path)
{
    const char  *p = path.data, *end = path.data + path.len, *token;

    while (value != NULL && p < end) {
        token = ++p;

        while (p < end && *p != '/') {
            p++;
        }

        value = tenant_claim_step(value, token, (size_t) (p - token));
    }

    return value;
}


static const tenant_value_t *
tenant_claim_dotted(const tenant_value_t *value, tenant_str_t path)
{
    const char  *p = path.data, *end = path.data + path.len, *part;

    for ( ;; ) {
        part = p;

        while (p < end && *p != '.') {
            p++;
        }

        value = tenant_value_get(value,
                                 (tenant_str_t) { part,
                                                  (size_t) (p - part) });

        if (value == NULL || p == end) {
            return value;
        }

        p++;
    }
}


const tenant_value_t *
tenant_claim_find(const tenant_value_t *claims, tenant_str_t path)
{
    const tenant_value_t  *value;

    value = tenant_value_get(claims, path);

    if (value != NULL || path.len == 0 || path.len > TENANT_CLAIM_PATH_MAX) {
        return value;
    }

    if (path.data[0] == '/') {
        return tenant_claim_pointer(claims, path);
    }

    return tenant_claim_dotted(claims, path);
}


bool
tenant_claim_texts(tenant_claim_texts_t *texts, const tenant_value_t *value,
    bool words)
{
    const tenant_value_t  *item;
    uint32_t               i;

    texts->next = NULL;
    texts->left = 0;
    texts->words = (tenant_str_t) { NULL, 0 };

    if (tenant_value_is(value, TENANT_VALUE_STRING)) {
        if (words) {
            texts->words = tenant_value_text(value);

        } else {
            texts->next = value;
            texts->left = 1;
        }

        return true;
    }

    if (!tenant_value_is(value, TENANT_VALUE_ARRAY)) {
        return false;
    }

    item = tenant_value_first(value);

    for (i = 0; i < value->len; i++) {
        if (item[i].kind != TENANT_VALUE_STRING) {
            return false;
        }
    }

    texts->next = item;
    texts->left = value->len;
    return true;
}


bool
tenant_claim_words_next(tenant_str_t *words, tenant_str_t *text)
{
    const char  *p = words->data, *end = words->data + words->len, *space;

    while (p < end && *p == ' ') {
        p++;
    }

    if (p == end) {
        words->len = 0;
        return false;
    }

    space = memchr(p, ' ', (size_t) (end - p));

    if (space == NULL) {
        space = end;
    }

    text->data = p;
    text->len = (size_t) (space - p);
    words->data = space;
    words->len = (size_t) (end - space);
    return true;
}


/* Whether the pattern's next character is c; *len is how long it is. */
static bool
tenant_claim_glob_one(tenant_str_t pattern, size_t at, char c, size_t *len)
{
    *len = 1;

    if (pattern.data[at] == '\\' && at + 1 < pattern.len) {
        *len = 2;
        return pattern.data[at + 1] == c;
    }

    return pattern.data[at] == '?' || pattern.data[at] == c;
}


bool
tenant_claim_glob(tenant_str_t pattern, tenant_str_t text)
{
    size_t  p = 0, t = 0, len, star = 0, retry = 0;
    bool    starred = false;

    while (t < text.len) {
        if (p < pattern.len && pattern.data[p] == '*') {
            /* only the last star needs to be tried again */
            starred = true;
            star = ++p;
            retry = t;

        } else if (p < pattern.len
                   && tenant_claim_glob_one(pattern, p, text.data[t], &len))
        {
            p += len;
            t++;

        } else if (starred) {
            p = star;
            t = ++retry;

        } else {
            return false;
        }
    }

    while (p < pattern.len && pattern.data[p] == '*') {
        p++;
    }

    return p == pattern.len;
}
