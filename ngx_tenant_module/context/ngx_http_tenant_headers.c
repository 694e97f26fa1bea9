#include "ngx_http_tenant_context.h"
#include "../identity/ngx_http_tenant_bearer.h"
#include "../identity/ngx_http_tenant_identity.h"


#define NGX_HTTP_TENANT_HEADERS_READY  6    /* of a ready set */
#define NGX_HTTP_TENANT_NAMES          2048 /* bytes of a block of names */


static u_char *ngx_http_tenant_header_room(ngx_conf_t *cf, size_t len);
static uint64_t ngx_http_tenant_header_bit(ngx_str_t *name);
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
    ngx_http_tenant_ctx_t *ctx, ngx_table_elt_t *ready);
static ngx_int_t ngx_http_tenant_headers_own(ngx_http_request_t *r,
    ngx_http_tenant_ctx_t *ctx, ngx_array_t *headers);


/*
 * What is copied into a request's list, but for the value; the order is that
 * of the values in ngx_http_tenant_headers_ready().
 */

#define ngx_http_tenant_ready(name, low)                                      \
    { .key = ngx_string(name), .lowcase_key = (u_char *) low }

static ngx_table_elt_t
    ngx_http_tenant_ready_default[NGX_HTTP_TENANT_HEADERS_READY] =
{
    ngx_http_tenant_ready("X-Tenant-Id", "x-tenant-id"),
    ngx_http_tenant_ready("X-Tenant-Tier", "x-tenant-tier"),
    ngx_http_tenant_ready("X-Tenant-Model", "x-tenant-model"),
    ngx_http_tenant_ready("X-Tenant-Subject", "x-tenant-subject"),
    ngx_http_tenant_ready("X-Tenant-Actor-Id", "x-tenant-actor-id"),
    ngx_http_tenant_ready("X-Tenant-Agent", "x-tenant-agent")
};

#define ngx_http_tenant_agentcore(name, low)                                  \
    ngx_http_tenant_ready(                                                    \
        "X-Amzn-Bedrock-AgentCore-Runtime-Custom-Tenant-" name,               \
        "x-amzn-bedrock-agentcore-runtime-custom-tenant-" low)

static ngx_table_elt_t
    ngx_http_tenant_ready_agentcore[NGX_HTTP_TENANT_HEADERS_READY] =
{
    ngx_http_tenant_agentcore("Id", "id"),
    ngx_http_tenant_agentcore("Tier", "tier"),
    ngx_http_tenant_agentcore("Model", "model"),
    ngx_http_tenant_agentcore("Subject", "subject"),
    ngx_http_tenant_agentcore("Actor-Id", "actor-id"),
    ngx_http_tenant_agentcore("Agent", "agent")
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


/* The usual case of ngx_list_push() is here: the last part has room. */

static ngx_inline ngx_int_t
ngx_http_tenant_header_push(ngx_list_t *list, ngx_str_t *name,
    u_char *lowcase, ngx_uint_t hash, ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    if (list->last->nelts < list->nalloc) {
        h = (ngx_table_elt_t *) list->last->elts + list->last->nelts++;

    } else {
        h = ngx_list_push(list);
        if (h == NULL) {
            return NGX_ERROR;
        }
    }

    h->hash = hash;
    h->key = *name;
    h->value = *value;
    h->lowcase_key = lowcase;
    ngx_http_tenant_header_end(h);

    return NGX_OK;
}


char *
ngx_http_tenant_header_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_tenant_loc_conf_t  *tlcf = conf;

    ngx_str_t                 *value;
    ngx_http_tenant_header_t  *h;

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

    return ngx_http_tenant_header_compile(cf, &value[2], h) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
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
    h->lowcase.data = ngx_http_tenant_header_room(cf, name->len);

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


/*
 * Names in lower case stand together in a few blocks, so that a header of
 * ours is known again by where its name is.
 */

static u_char *
ngx_http_tenant_header_room(ngx_conf_t *cf, size_t len)
{
    u_char                       *p;
    ngx_buf_t                    *block;
    ngx_http_tenant_main_conf_t  *tmcf;

    tmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_tenant_module);
    block = tmcf->header_names;

    if (block == NULL || (size_t) (block->end - block->last) < len) {
        block = ngx_create_temp_buf(cf->pool,
                                    ngx_max(len, NGX_HTTP_TENANT_NAMES));
        if (block == NULL) {
            return NULL;
        }

        block->shadow = tmcf->header_names;
        tmcf->header_names = block;
    }

    p = block->last;
    block->last += len;

    return p;
}


void
ngx_http_tenant_headers_init(ngx_http_tenant_loc_conf_t *tlcf)
{
    ngx_str_t        *name;
    ngx_uint_t        i;
    ngx_table_elt_t  *ready;

    for (i = 0; i < NGX_HTTP_TENANT_HEADERS_READY; i++) {
        ready = &ngx_http_tenant_ready_default[i];
        ready->hash = ngx_hash_key(ready->lowcase_key, ready->key.len);

        ready = &ngx_http_tenant_ready_agentcore[i];
        ready->hash = ngx_hash_key(ready->lowcase_key, ready->key.len);
    }

    tlcf->header_first = 0;

    for (name = ngx_http_tenant_forged_prefixes; name->len; name++) {
        tlcf->header_first |= ngx_http_tenant_header_bit(name);
    }

    for (name = ngx_http_tenant_forged_names; name->len; name++) {
        tlcf->header_first |= ngx_http_tenant_header_bit(name);
    }

    if (tlcf->token_upstream && tlcf->token_upstream->moved) {
        name = &((ngx_http_tenant_header_t *)
                 tlcf->token_upstream->moved->elts)->lowcase;
        tlcf->header_first |= ngx_http_tenant_header_bit(name);
    }

    for (i = 0; tlcf->headers && i < tlcf->headers->nelts; i++) {
        name = &((ngx_http_tenant_header_t *)
                 tlcf->headers->elts)[i].lowcase;
        tlcf->header_first |= ngx_http_tenant_header_bit(name);
    }
}


/* What a client may write for "-" has any bit. */

static uint64_t
ngx_http_tenant_header_bit(ngx_str_t *name)
{
    return name->data[0] == '-' ? ~(uint64_t) 0
                                : (uint64_t) 1 << (name->data[0] & 63);
}


ngx_http_tenant_hot
ngx_int_t
ngx_http_tenant_headers(ngx_http_request_t *r, ngx_http_tenant_ctx_t *ctx)
{
    ngx_table_elt_t                   *ready;
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

        if (ngx_http_tenant_header_push(&r->headers_in.headers, &moved->name,
                                        moved->lowcase.data, moved->hash,
                                        &ctx->caller->token)
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

    return tlcf->headers ? ngx_http_tenant_headers_own(r, ctx, tlcf->headers)
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
    u_char            c;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h, *end;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;
        end = h + part->nelts;

        for ( /* void */ ; h < end; h++) {
            c = h->key.len ? h->lowcase_key[0] : '\0';

            /* most begin like none of those that are removed */

            if (((tlcf->header_first >> (c & 63)) & 1)
                && ngx_http_tenant_header_forged(tlcf, h))
            {
                return 1;
            }
        }
    }

    return 0;
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
    ngx_buf_t                    *block;
    ngx_uint_t                    i;
    ngx_http_tenant_main_conf_t  *tmcf;

    for (i = 0; i < NGX_HTTP_TENANT_HEADERS_READY; i++) {
        if (h->lowcase_key == ngx_http_tenant_ready_default[i].lowcase_key
            || h->lowcase_key
               == ngx_http_tenant_ready_agentcore[i].lowcase_key)
        {
            return 1;
        }
    }

    tmcf = ngx_http_get_module_main_conf(r, ngx_http_tenant_module);

    for (block = tmcf->header_names; block; block = block->shadow) {
        if (h->lowcase_key >= block->start && h->lowcase_key < block->last) {
            return 1;
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
    ngx_http_tenant_ctx_t *ctx, ngx_table_elt_t *ready)
{
    ngx_str_t                   *values[NGX_HTTP_TENANT_HEADERS_READY];
    ngx_uint_t                   i, room;
    ngx_list_t                  *list;
    ngx_table_elt_t             *h;
    ngx_http_tenant_identity_t  *identity;

    static ngx_str_t  none = ngx_null_string;

    identity = ctx->caller->identity;

    /* the subject is encoded, the others are of harmless alphabets */

    values[0] = &identity->tenant->sn.str;
    values[1] = &identity->tenant->tier->sn.str;
    values[2] = ctx->route
                ? (ngx_str_t *) &ngx_http_tenant_models[ctx->route->model]
                : &none;
    values[3] = &identity->subject_header;
    values[4] = &identity->actor_id;
    values[5] = ctx->agent ? &ctx->agent->sn.str : &none;

    list = &r->headers_in.headers;
    room = list->nalloc - list->last->nelts;

    if (room < NGX_HTTP_TENANT_HEADERS_READY) {

        for (i = 0; i < NGX_HTTP_TENANT_HEADERS_READY; i++) {
            if (values[i]->len
                && ngx_http_tenant_header_push(list, &ready[i].key,
                                               ready[i].lowcase_key,
                                               ready[i].hash, values[i])
                   != NGX_OK)
            {
                return NGX_ERROR;
            }
        }

        return NGX_OK;
    }

    /* the usual case: all of them go into the last part */

    h = (ngx_table_elt_t *) list->last->elts + list->last->nelts;

    for (i = 0; i < NGX_HTTP_TENANT_HEADERS_READY; i++) {
        if (values[i]->len) {
            *h = ready[i];
            h->value = *values[i];
            h++;
        }
    }

    list->last->nelts = h - (ngx_table_elt_t *) list->last->elts;

    return NGX_OK;
}


/* An empty value is not sent, as with proxy_set_header. */

static ngx_int_t
ngx_http_tenant_headers_own(ngx_http_request_t *r,
    ngx_http_tenant_ctx_t *ctx, ngx_array_t *headers)
{
    ngx_str_t                  value;
    ngx_uint_t                 i;
    ngx_http_tenant_header_t  *h;

    h = headers->elts;

    for (i = 0; i < headers->nelts; i++) {

        if (ngx_http_tenant_header_value(r, ctx, &h[i], &value) != NGX_OK
            || (value.len
                && ngx_http_tenant_header_push(&r->headers_in.headers,
                                               &h[i].name, h[i].lowcase.data,
                                               h[i].hash, &value)
                   != NGX_OK))
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
