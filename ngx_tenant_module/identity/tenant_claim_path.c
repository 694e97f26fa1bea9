#include "tenant_claim_path.h"


tenant_str_t
tenant_claim_string(const json_t *value)
{
    if (!json_is_string(value)) {
        return (tenant_str_t) { NULL, 0 };
    }

    return (tenant_str_t) { json_string_value(value),
                            json_string_length(value) };
}


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
static const json_t *
tenant_claim_element(const json_t *array, const char *token, size_t len)
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

    return json_array_get(array, index);
}


/* One reference token of a JSON pointer, still escaped. */
static const json_t *
tenant_claim_step(const json_t *value, const char *token, size_t len)
{
    char    name[TENANT_CLAIM_PATH_MAX];
    size_t  i, n = 0;

    if (json_is_array(value)) {
        return tenant_claim_element(value, token, len);
    }

    for (i = 0; i < len; i++) {
        name[n] = token[i];

        if (token[i] == '~' && i + 1 < len) {
            name[n] = token[++i] == '1' ? '/' : '~';
        }

        n++;
    }

    return json_object_getn(value, name, n);
}


static const json_t *
tenant_claim_pointer(const json_t *value, tenant_str_t path)
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


static const json_t *
tenant_claim_dotted(const json_t *value, tenant_str_t path)
{
    const char  *p = path.data, *end = path.data + path.len, *part;

    for ( ;; ) {
        part = p;

        while (p < end && *p != '.') {
            p++;
        }

        value = json_object_getn(value, part, (size_t) (p - part));

        if (value == NULL || p == end) {
            return value;
        }

        p++;
    }
}


const json_t *
tenant_claim_find(const json_t *claims, tenant_str_t path)
{
    const json_t  *value;

    value = json_object_getn(claims, path.data, path.len);

    if (value != NULL || path.len == 0 || path.len > TENANT_CLAIM_PATH_MAX) {
        return value;
    }

    if (path.data[0] == '/') {
        return tenant_claim_pointer(claims, path);
    }

    return tenant_claim_dotted(claims, path);
}


bool
tenant_claim_texts(tenant_claim_texts_t *texts, const json_t *value,
    bool words)
{
    size_t  i;

    texts->value = value;
    texts->pos = 0;
    texts->words = words;

    if (json_is_string(value)) {
        return true;
    }

    if (!json_is_array(value)) {
        return false;
    }

    for (i = 0; i < json_array_size(value); i++) {
        if (!json_is_string(json_array_get(value, i))) {
            return false;
        }
    }

    return true;
}


static bool
tenant_claim_word_next(tenant_claim_texts_t *texts, tenant_str_t *text)
{
    tenant_str_t  all = tenant_claim_string(texts->value);
    size_t        first;

    while (texts->pos < all.len && all.data[texts->pos] == ' ') {
        texts->pos++;
    }

    first = texts->pos;

    while (texts->pos < all.len && all.data[texts->pos] != ' ') {
        texts->pos++;
    }

    text->data = all.data + first;
    text->len = texts->pos - first;
    return text->len != 0;
}


bool
tenant_claim_texts_next(tenant_claim_texts_t *texts, tenant_str_t *text)
{
    if (json_is_array(texts->value)) {
        if (texts->pos == json_array_size(texts->value)) {
            return false;
        }

        *text = tenant_claim_string(json_array_get(texts->value,
                                                   texts->pos++));
        return true;
    }

    if (texts->words) {
        return tenant_claim_word_next(texts, text);
    }

    if (texts->pos != 0) {
        return false;
    }

    texts->pos = 1;
    *text = tenant_claim_string(texts->value);
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
