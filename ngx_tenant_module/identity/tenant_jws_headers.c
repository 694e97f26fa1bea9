#include <string.h>

#include "tenant_jws_headers.h"


/* claims sets that change nothing: a shape costs more than it saves once */
#define TENANT_JWS_UNLIKE  4


static uint64_t
tenant_jws_headers_mix(uint64_t hash, const char *bytes)
{
    uint64_t  word;

    memcpy(&word, bytes, sizeof(word));
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 32;
}


/* Where a header is, or would be. */
static size_t
tenant_jws_headers_place(tenant_str_t header)
{
    uint64_t  hash = header.len;
    size_t    i;

    if (header.len < sizeof(hash)) {
        return 0;                           /* none that is a header */
    }

    for (i = 0; i < header.len - sizeof(hash); i += sizeof(hash)) {
        hash = tenant_jws_headers_mix(hash, header.data + i);
    }

    hash = tenant_jws_headers_mix(hash,
                                  header.data + header.len - sizeof(hash));

    return hash % TENANT_JWS_HEADERS;
}


tenant_jws_header_t *
tenant_jws_headers_again(tenant_jws_headers_t *headers, const char *token,
    size_t len)
{
    tenant_jws_header_t  *header = &headers->kept[headers->last];

    return header->len != 0 && header->len < len && token[header->len] == '.'
           && memcmp(header->text, token, header->len) == 0 ? header : NULL;
}


tenant_jws_header_t *
tenant_jws_headers_find(tenant_jws_headers_t *headers, tenant_str_t text)
{
    size_t  i = tenant_jws_headers_place(text);

    if (headers->kept[i].len != text.len
        || memcmp(headers->kept[i].text, text.data, text.len) != 0)
    {
        return NULL;
    }

    headers->last = (uint8_t) i;
    return &headers->kept[i];
}


tenant_jws_header_t *
tenant_jws_headers_keep(tenant_jws_headers_t *headers, tenant_str_t text,
    tenant_alg_t alg, tenant_str_t kid)
{
    size_t                i = tenant_jws_headers_place(text);
    tenant_jws_header_t  *header = &headers->kept[i];

    header->len = (uint16_t) text.len;
    header->kid_len = (uint16_t) kid.len;
    header->alg = alg;
    memcpy(header->text, text.data, text.len);

    if (kid.len != 0) {
        memcpy(header->kid, kid.data, kid.len);
    }

    header->unlike = 0;
    header->shape.count = 0;
    headers->last = (uint8_t) i;
    return header;
}


void
tenant_jws_header_claims(tenant_jws_header_t *header,
    const tenant_value_t *claims, size_t alike)
{
    if (alike != 0 && alike == header->shape.count && alike == claims->len) {
        header->unlike = TENANT_JWS_UNLIKE;
        return;
    }

    if (header->unlike != 0) {
        header->unlike--;
        return;
    }

    header->unlike = TENANT_JWS_UNLIKE;
    tenant_value_shape(&header->shape, claims);
}
