#include "ngx_http_tenant_context.h"
#include "../identity/ngx_http_tenant_bearer.h"
#include "../identity/ngx_http_tenant_identity.h"


#define NGX_HTTP_TENANT_HEADERS_MAX  8      /* of a ready set */


/* A header of a ready set: its last words, and where its value is. */
typedef struct {
    ngx_str_t    name;
    ngx_str_t    lowcase;
    ngx_uint_t   hash;
} ngx_http_tenant_ready_t;


static ngx_uint_t ngx_http_tenant_header_ours(ngx_http_request_t *r,
    ngx_table_elt_t *h);
static ngx_uint_t ngx_http_tenant_header_forged(
    ngx_http_tenant_loc_conf_t *tlcf, ngx_table_elt_t *h);
static ngx_uint_t ngx_http_tenant_header_is(ngx_table_elt_t *h,
    ngx_str_t *name, ngx_uint_t prefix);
static ngx_uint_t ngx_http_tenant_headers_check(ngx_http_request_t *r,
    ngx_http_tenant_loc_conf_t *tlcf);
static ngx_http_tenant_source_t *ngx_http_tenant_headers_token(
    ngx_http_tenant_loc_conf_t *tlcf, ngx_http_tenant_ctx_t *ctx);
static ngx_int_t ngx_http_tenant_headers_strip(ngx_http_request_t *r,
    ngx_http_tenant_loc_conf_t *tlcf, ngx_http_tenant_source_t *source);
static ngx_int_t ngx_http_tenant_headers_ready(ngx_http_request_t *r,
    ngx_http_tenant_ctx_t *ctx, ngx_http_tenant_ready_t *ready);
static ngx_int_t ngx_http_tenant_headers_own(ngx_http_request_t *r,
    ngx_array_t *headers);
static ngx_int_t ngx_http_tenant_headers_note(ngx_http_request_t *r,
    ngx_array_t *headers);
static void ngx_http_tenant_headers_noted(void *data);
static ngx_uint_t ngx_http_tenant_header_plain(u_char *src, size_t len);
static ngx_int_t ngx_http_tenant_header_push(ngx_http_request_t *r,
    ngx_str_t *name, ngx_str_t *lowcase, ngx_uint_t *hash,
    ngx_str_t *value);


/* the order is that of the values in ngx_http_tenant_headers_ready() */

static ngx_http_tenant_ready_t  ngx_http_tenant_ready_default[] = {
    { ngx_string("X-Tenant-Id"), ngx_string("x-tenant-id"), 0 },
    { ngx_string("X-Tenant-Tier"), ngx_string("x-tenant-tier"), 0 },
    { ngx_string("X-Tenant-Model"), ngx_string("x-tenant-model"), 0 },
    { ngx_string("X-Tenant-Subject"), ngx_string("x-tenant-subject"), 0 },
    { ngx_string("X-Tenant-Actor-Id"), ngx_string("x-tenant-actor-id"), 0 },
    { ngx_string("X-Tenant-Agent"), ngx_string("x-tenant-agent"), 0 },
    { ngx_null_string, ngx_null_string, 0 }
};

#define ngx_http_tenant_agentcore(name, low)                                  \
    { ngx_string("X-Amzn-Bedrock-AgentCore-Runtime-Custom-Tenant-" name),     \
      ngx_string("x-amzn-bedrock-agentcore-runtime-custom-tenant-" low), 0 }

static ngx_http_tenant_ready_t  ngx_http_tenant_ready_agentcore[] = {
    ngx_http_tenant_agentcore("Id", "id"),
    ngx_http_tenant_agentcore("Tier", "tier"),
    ngx_http_tenant_agentcore("Model", "model"),
    ngx_http_tenant_agentcore("Subject", "subject"),
    ngx_http_tenant_agentcore("Actor-Id", "actor-id"),
    ngx_http_tenant_agentcore("Agent", "agent"),
    { ngx_null_string, ngx_null_string, 0 }
};


/*
 * What no client may send past the module: the ready sets, and what an
 * AgentCore runtime takes for the caller's identity.
 */

static ngx_str_t  ngx_http_tenant_forged_prefixes[] = {
    ngx_string("x-tenant-"),
    ngx_string("x-amzn-bedrock-agentcore-runtime-custom-tenant-"),
    ngx_null_string
};

static ngx_str_t  ngx_http_tenant_forged_names[] = {
    ngx_string("x-amzn-bedrock-agentcore-runtime-user-id"),
    ngx_string("x-amz-bedrock-agentcore-identity-wat"),
    ngx_string("workloadaccesstoken"),
    ngx_null_string
};


/* Framing, and what nginx makes itself: a value here would be ignored or
 * would break the request. */

static ngx_str_t  ngx_http_tenant_header_refused[] = {
    ngx_string("host"),
    ngx_string("connection"),
    ngx_string("keep-alive"),
    ngx_string("transfer-encoding"),
    ngx_string("content-length"),
    ngx_string("te"),
    ngx_string("trailer"),
    ngx_string("upgrade"),
    ngx_string("expect"),
    ngx_null_string
};


char *
ngx_http_tenant_header_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_tenant_loc_conf_t  *tlcf = conf;

    ngx_str_t                         *value;
    ngx_http_tenant_header_t          *h;
    ngx_http_compile_complex_value_t   ccv;

    value = cf->args->elts;

    if (tlcf->headers == NGX_CONF_UNSET_PTR) {
        tlcf->headers = ngx_array_create(cf->pool, 4,
                                         sizeof(ngx_http_tenant_header_t));
        if (tlcf->headers == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    h = ngx_array_push(tlcf->headers);

    if (h == NULL
        || ngx_http_tenant_header_name(cf, cmd, &value[1], h) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &value[2];
    ccv.complex_value = &h->value;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_tenant_header_name(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_str_t *name, ngx_http_tenant_header_t *h)
{
    u_char      c;
    size_t      i;
    ngx_str_t  *refused;

    for (i = 0; i < name->len; i++) {
        c = name->data[i];

        /* "_" would be taken for "-" by CGI-like backends, or dropped */

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || c == '-'))
        {
            break;
        }
    }

    if (name->len == 0 || i < name->len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%V: invalid name \"%V\": only letters, digits "
                           "and \"-\"", &cmd->name, name);
        return NGX_ERROR;
    }

    h->name = *name;
    h->lowcase.len = name->len;
    h->lowcase.data = ngx_pnalloc(cf->pool, name->len);

    if (h->lowcase.data == NULL) {
        return NGX_ERROR;
    }

    h->hash = ngx_hash_strlow(h->lowcase.data, name->data, name->len);

    for (refused = ngx_http_tenant_header_refused; refused->len; refused++) {
        if (refused->len == h->lowcase.len
            && ngx_memcmp(refused->data, h->lowcase.data, refused->len) == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "%V: \"%V\" is nginx's own to set",
                               &cmd->name, name);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_tenant_headers(ngx_http_request_t *r, ngx_http_tenant_ctx_t *ctx)
{
    ngx_http_tenant_ready_t           *ready;
    ngx_http_tenant_header_t          *moved;
    ngx_http_tenant_source_t          *source;
    ngx_http_tenant_loc_conf_t        *tlcf;
    ngx_http_tenant_token_upstream_t  *up;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tenant_module);

    /*
     * A subrequest has a copy of its parent's list head: adding to it would
     * write into the parent's.  It gets a list of its own, and after an
     * internal redirect what another location added is taken out.
     */

    source = ngx_http_tenant_headers_token(tlcf, ctx);

    if ((r != r->main || r->internal || source
         || ngx_http_tenant_headers_check(r, tlcf))
        && ngx_http_tenant_headers_strip(r, tlcf, source) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx == NULL || ctx->caller->identity == NULL) {
        return NGX_OK;
    }

    up = tlcf->token_upstream;

    if (up && up->mode == NGX_HTTP_TENANT_TOKEN_MOVE) {
        moved = up->moved->elts;

        if (ngx_http_tenant_headers_note(r, up->moved) != NGX_OK
            || ngx_http_tenant_header_push(r, &moved->name, &moved->lowcase,
                                           &moved->hash, &ctx->caller->token)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    switch (tlcf->header_set) {

    case NGX_HTTP_TENANT_HEADERS_NONE:
        ready = NULL;
        break;

    case NGX_HTTP_TENANT_HEADERS_AGENTCORE:
        ready = ngx_http_tenant_ready_agentcore;
        break;

    default: /* NGX_HTTP_TENANT_HEADERS_DEFAULT, or not set */
        ready = ngx_http_tenant_ready_default;
    }

    if (ready && ngx_http_tenant_headers_ready(r, ctx, ready) != NGX_OK) {
        return NGX_ERROR;
    }

    return tlcf->headers ? ngx_http_tenant_headers_own(r, tlcf->headers)
                         : NGX_OK;
}


/* Where the token has to be taken away, or NULL. */

static ngx_http_tenant_source_t *
ngx_http_tenant_headers_token(ngx_http_tenant_loc_conf_t *tlcf,
    ngx_http_tenant_ctx_t *ctx)
{
    if (ctx == NULL || tlcf->token_upstream == NULL
        || tlcf->token_upstream->mode == NGX_HTTP_TENANT_TOKEN_PASS)
    {
        return NULL;
    }

    return ctx->caller->source;
}


static ngx_uint_t
ngx_http_tenant_headers_check(ngx_http_request_t *r,
    ngx_http_tenant_loc_conf_t *tlcf)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return 0;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (ngx_http_tenant_header_forged(tlcf, &h[i])) {
            return 1;
        }
    }
}


/*
 * nginx keeps pointers to well-known headers, so elements must not move:
 * those that stay are copied to a new list, the old ones stay readable.
 */

static ngx_int_t
ngx_http_tenant_headers_strip(ngx_http_request_t *r,
    ngx_http_tenant_loc_conf_t *tlcf, ngx_http_tenant_source_t *source)
{
    ngx_uint_t        i;
    ngx_list_t        list;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h, *copy;

    if (ngx_list_init(&list, r->pool, 20, sizeof(ngx_table_elt_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (ngx_http_tenant_header_ours(r, &h[i])) {
            continue;
        }

        if (ngx_http_tenant_header_forged(tlcf, &h[i])) {

            if (r == r->main) {
                ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                              "tenant: removed the client's header \"%V\"",
                              &h[i].key);
            }

            continue;
        }

        if (source && ngx_http_tenant_bearer_carries(source, &h[i])) {
            continue;
        }

        copy = ngx_list_push(&list);
        if (copy == NULL) {
            return NGX_ERROR;
        }

        *copy = h[i];

        if (source && ngx_http_tenant_bearer_cut(r, source, copy) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (source && ngx_http_tenant_bearer_cut(r, source, NULL) != NGX_OK) {
        return NGX_ERROR;
    }

    r->headers_in.headers = list;

    if (list.last == &list.part) {
        /* the first part is embedded in the list: it moved */
        r->headers_in.headers.last = &r->headers_in.headers.part;
    }

    return NGX_OK;
}


/*
 * Added by an earlier pass of this client request: the name in lower case is
 * the configuration's or static, and nothing of the client's points there.
 */

static ngx_uint_t
ngx_http_tenant_header_ours(ngx_http_request_t *r, ngx_table_elt_t *h)
{
    ngx_uint_t                 i;
    ngx_array_t               *headers;
    ngx_pool_cleanup_t        *cln;
    ngx_http_tenant_header_t  *own;
    ngx_http_tenant_ready_t   *ready;

    for (ready = ngx_http_tenant_ready_default; ready->name.len; ready++) {
        if (h->lowcase_key == ready->lowcase.data) {
            return 1;
        }
    }

    for (ready = ngx_http_tenant_ready_agentcore; ready->name.len; ready++) {
        if (h->lowcase_key == ready->lowcase.data) {
            return 1;
        }
    }

    for (cln = r->pool->cleanup; cln; cln = cln->next) {

        if (cln->handler != ngx_http_tenant_headers_noted) {
            continue;
        }

        headers = cln->data;
        own = headers->elts;

        for (i = 0; i < headers->nelts; i++) {
            if (h->lowcase_key == own[i].lowcase.data) {
                return 1;
            }
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_tenant_header_forged(ngx_http_tenant_loc_conf_t *tlcf,
    ngx_table_elt_t *h)
{
    u_char                     c;
    ngx_str_t                 *name;
    ngx_uint_t                 i;
    ngx_http_tenant_header_t  *own;

    c = h->key.len ? h->lowcase_key[0] : '\0';

    if (c == 'x' || c == 'w') {

        for (name = ngx_http_tenant_forged_prefixes; name->len; name++) {
            if (ngx_http_tenant_header_is(h, name, 1)) {
                return 1;
            }
        }

        for (name = ngx_http_tenant_forged_names; name->len; name++) {
            if (ngx_http_tenant_header_is(h, name, 0)) {
                return 1;
            }
        }
    }

    if (tlcf->token_upstream && tlcf->token_upstream->moved) {
        own = tlcf->token_upstream->moved->elts;

        if (ngx_http_tenant_header_is(h, &own->lowcase, 0)) {
            return 1;
        }
    }

    if (tlcf->headers == NULL) {
        return 0;
    }

    own = tlcf->headers->elts;

    for (i = 0; i < tlcf->headers->nelts; i++) {
        if (ngx_http_tenant_header_is(h, &own[i].lowcase, 0)) {
            return 1;
        }
    }

    return 0;
}


/*
 * With underscores_in_headers or ignore_invalid_headers off nginx forwards
 * X_Tenant_Id and worse, which many backends read as X-Tenant-Id: whatever
 * is neither letter nor digit counts as "-".
 */

static ngx_uint_t
ngx_http_tenant_header_is(ngx_table_elt_t *h, ngx_str_t *name,
    ngx_uint_t prefix)
{
    u_char  c;
    size_t  i;

    if (prefix ? h->key.len < name->len : h->key.len != name->len) {
        return 0;
    }

    for (i = 0; i < name->len; i++) {
        c = h->lowcase_key[i];

        if (c == name->data[i]) {
            continue;
        }

        if (name->data[i] != '-'
            || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
        {
            return 0;
        }
    }

    return 1;
}


static ngx_int_t
ngx_http_tenant_headers_ready(ngx_http_request_t *r,
    ngx_http_tenant_ctx_t *ctx, ngx_http_tenant_ready_t *ready)
{
    ngx_str_t                    values[NGX_HTTP_TENANT_HEADERS_MAX];
    ngx_uint_t                   i;
    ngx_http_tenant_identity_t  *identity;

    identity = ctx->caller->identity;

    ngx_memzero(values, sizeof(values));

    values[0] = identity->tenant->sn.str;
    values[1] = identity->tenant->tier->sn.str;

    if (ctx->route) {
        values[2] = ngx_http_tenant_models[ctx->route->model];
    }

    /* the others are of alphabets that need no encoding */

    values[3] = identity->subject_header;
    values[4] = identity->actor_id;

    if (ctx->agent) {
        values[5] = ctx->agent->sn.str;
    }

    for (i = 0; ready[i].name.len; i++) {
        if (values[i].len
            && ngx_http_tenant_header_push(r, &ready[i].name,
                                           &ready[i].lowcase,
                                           &ready[i].hash, &values[i])
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* An empty value is not sent, as with proxy_set_header. */

static ngx_int_t
ngx_http_tenant_headers_own(ngx_http_request_t *r, ngx_array_t *headers)
{
    u_char                    *p;
    size_t                     len;
    ngx_str_t                  value;
    ngx_uint_t                 i;
    ngx_http_tenant_header_t  *h;

    if (ngx_http_tenant_headers_note(r, headers) != NGX_OK) {
        return NGX_ERROR;
    }

    h = headers->elts;

    for (i = 0; i < headers->nelts; i++) {

        if (ngx_http_complex_value(r, &h[i].value, &value) != NGX_OK) {
            return NGX_ERROR;
        }

        if (value.len == 0) {
            continue;
        }

        len = ngx_http_tenant_header_escape(NULL, value.data, value.len);

        if (len != value.len) {
            p = ngx_pnalloc(r->pool, len);
            if (p == NULL) {
                return NGX_ERROR;
            }

            (void) ngx_http_tenant_header_escape(p, value.data, value.len);

            value.data = p;
            value.len = len;
        }

        if (ngx_http_tenant_header_push(r, &h[i].name, &h[i].lowcase,
                                        &h[i].hash, &value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * Keeps in mind that headers of this list were added.  Redirects wipe r->ctx
 * and subrequests have none at first, but all share the pool.
 */

static ngx_int_t
ngx_http_tenant_headers_note(ngx_http_request_t *r, ngx_array_t *headers)
{
    ngx_pool_cleanup_t  *cln;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_tenant_headers_noted
            && cln->data == headers)
        {
            return NGX_OK;
        }
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_tenant_headers_noted;
    cln->data = headers;

    return NGX_OK;
}


/* The list is the configuration's: its address is all that was kept. */

static void
ngx_http_tenant_headers_noted(void *data)
{
}


static ngx_int_t
ngx_http_tenant_header_push(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *lowcase, ngx_uint_t *hash, ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    if (*hash == 0) {
        *hash = ngx_hash_key(lowcase->data, lowcase->len);
    }

    h = ngx_list_push(&r->headers_in.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->key = *name;
    h->lowcase_key = lowcase->data;
    h->hash = *hash;
    h->value = *value;
    ngx_http_tenant_header_end(h);

    return NGX_OK;
}


/*
 * Eight bytes at a time: none below 0x20, above 0x7e, or "%"; no space at an
 * end.  May say no to a value that needs nothing, never the reverse.
 */

static ngx_uint_t
ngx_http_tenant_header_plain(u_char *src, size_t len)
{
    size_t    i;
    uint64_t  w, x, y, bad;

    static const uint64_t  ones = 0x0101010101010101ULL;
    static const uint64_t  high = 0x8080808080808080ULL;

    if (len < 8 || src[0] == ' ' || src[len - 1] == ' ') {
        return 0;
    }

    bad = 0;

    for (i = 0; i < len; i += 8) {

        /* the last eight may overlap those before */

        ngx_memcpy(&w, src + ngx_min(i, len - 8), 8);

        x = w ^ (ones * '%');
        y = w ^ (ones * 0x7f);

        bad |= w | (w - ones * 0x20) | ((x - ones) & ~x) | ((y - ones) & ~y);
    }

    return (bad & high) == 0;
}


/*
 * RFC 9110, section 5.5: visible ASCII with spaces between, none around.
 * Everything else is percent-encoded, and "%" with it, so that two values
 * stay two.
 */

size_t
ngx_http_tenant_header_escape(u_char *dst, u_char *src, size_t len)
{
    u_char   c;
    size_t   i, n;

    static const u_char  hex[] = "0123456789ABCDEF";

    /* one bit a byte: 0x00-0x1f, "%", 0x7f and above */

    static const uint32_t  unsafe[] = {
        0xffffffff, 0x00000020, 0x00000000, 0x80000000,
        0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff
    };

    if (dst == NULL && ngx_http_tenant_header_plain(src, len)) {
        return len;
    }

    for (i = 0, n = 0; i < len; i++) {
        c = src[i];

        if (!((unsafe[c >> 5] >> (c & 0x1f)) & 1)
            && (c != ' ' || (i && i < len - 1)))
        {
            if (dst) {
                dst[n] = c;
            }

            n++;
            continue;
        }

        if (dst) {
            dst[n] = '%';
            dst[n + 1] = hex[c >> 4];
            dst[n + 2] = hex[c & 0xf];
        }

        n += 3;
    }

    return n;
}
