#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <openssl/evp.h>

#include "tenant_actor.h"


#define TENANT_ACTOR_DIGEST  32     /* bytes, SHA-256 */


static bool
tenant_actor_tenant_valid(tenant_str_t tenant)
{
    size_t  i;
    char    c;

    if (tenant.len == 0 || tenant.len > TENANT_ACTOR_TENANT_MAX
        || tenant.data[0] == '-')
    {
        return false;
    }

    for (i = 0; i < tenant.len; i++) {
        c = tenant.data[i];

        if (c >= 'a' && c <= 'z') {
            continue;
        }

        if (!((c >= '0' && c <= '9') || c == '-')) {
            return false;
        }
    }

    return true;
}


static bool
tenant_actor_stays(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
           || (c >= '0' && c <= '9') || c == '-';
}


/* Eight bytes at a time: bits 7 of those that do not stay. */
static uint64_t
tenant_actor_encoded(uint64_t w)
{
    static const uint64_t  ones = 0x0101010101010101ULL;
    uint64_t               x, lower, letter, digit, dash;

    /* below 0x80 no sum reaches the next byte */
    x = w & (ones * 0x7f);
    lower = x | (ones * 0x20);

    letter = (lower + ones * (0x80 - 'a')) & ~(lower + ones * (0x7f - 'z'));
    digit = (x + ones * (0x80 - '0')) & ~(x + ones * (0x7f - '9'));
    dash = ~((x ^ (ones * '-')) + ones * 0x7f);

    return (w | ~(letter | digit | dash)) & (ones * 0x80);
}


/* May say no to a subject that stays as it is, never the reverse. */
static bool
tenant_actor_all_stay(tenant_str_t subject)
{
    uint64_t  w, encoded = 0;
    size_t    i;

    if (subject.len < 8) {
        return false;
    }

    for (i = 0; i < subject.len - 8; i += 8) {
        memcpy(&w, subject.data + i, 8);
        encoded |= tenant_actor_encoded(w);
    }

    /* these may overlap those before */
    memcpy(&w, subject.data + subject.len - 8, 8);

    return (encoded | tenant_actor_encoded(w)) == 0;
}


/* The plain form of the subject; NULL if it does not end by end. */
static char *
tenant_actor_put_plain(char *out, const char *end, tenant_str_t subject)
{
    static const char  hex[] = "0123456789ABCDEF";
    unsigned char      c;
    size_t             i;

    if (subject.len <= (size_t) (end - out)
        && tenant_actor_all_stay(subject))
    {
        memcpy(out, subject.data, subject.len);
        return out + subject.len;
    }

    for (i = 0; i < subject.len; i++) {
        c = (unsigned char) subject.data[i];

        if (end - out < (tenant_actor_stays(c) ? 1 : 3)) {
            return NULL;
        }

        if (tenant_actor_stays(c)) {
            *out++ = (char) c;
            continue;
        }

        *out++ = '_';
        *out++ = hex[c >> 4];
        *out++ = hex[c & 0x0f];
    }

    return out;
}


/* The long form of the subject; NULL if the digest failed. */
static char *
tenant_actor_put_digest(char *out, tenant_str_t subject)
{
    static const char  hex[] = "0123456789abcdef";
    uint8_t            digest[TENANT_ACTOR_DIGEST];
    size_t             i;

    if (EVP_Digest(subject.data, subject.len, digest, NULL, EVP_sha256(),
                   NULL) != 1)
    {
        return NULL;
    }

    *out++ = '_';
    *out++ = 'x';

    for (i = 0; i < sizeof(digest); i++) {
        *out++ = hex[digest[i] >> 4];
        *out++ = hex[digest[i] & 0x0f];
    }

    return out;
}


tenant_actor_status_t
tenant_actor_encode(char out[TENANT_ACTOR_MAX], size_t *len,
    tenant_str_t tenant, tenant_str_t subject)
{
    char  *start, *end;

    if (!tenant_actor_tenant_valid(tenant) || subject.len == 0) {
        return TENANT_ACTOR_INVALID;
    }

    memcpy(out, tenant.data, tenant.len);
    start = out + tenant.len;
    *start++ = ':';

    end = tenant_actor_put_plain(start, out + TENANT_ACTOR_MAX, subject);

    if (end == NULL) {
        end = tenant_actor_put_digest(start, subject);
    }

    if (end == NULL) {
        return TENANT_ACTOR_FAULT;
    }

    *len = (size_t) (end - out);
    return TENANT_ACTOR_OK;
}
