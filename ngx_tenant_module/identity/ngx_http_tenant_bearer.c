#include "ngx_http_tenant_bearer.h"
#include "../context/ngx_http_tenant_context.h"


static ngx_int_t ngx_http_tenant_bearer_look(ngx_http_request_t *r,
    ngx_http_tenant_source_t *source, ngx_str_t *token, ngx_uint_t *found);
static ngx_int_t ngx_http_tenant_bearer_scheme(ngx_str_t *value,
    ngx_str_t *token);
static u_char *ngx_http_tenant_bearer_pair(u_char *p, u_char *last,
    u_char separator, ngx_str_t *name, ngx_str_t *value);


/* RFC 6750, section 2.1: what everybody uses unless told otherwise */

static ngx_http_tenant_source_t  ngx_http_tenant_default_source = {
    NGX_HTTP_TENANT_TOKEN_BEARER, ngx_string("authorization")
};


char *
ngx_http_tenant_token_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_tenant_loc_conf_t  *tlcf = conf;

    ngx_str_t                 *value;
    ngx_uint_t                 i, n;
    ngx_http_tenant_source_t  *source;

    static ngx_str_t  kinds[] = {
        ngx_string("bearer"),
        ngx_string("header="),
        ngx_string("cookie="),
        ngx_string("arg=")
    };

    if (tlcf->sources != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    tlcf->sources = ngx_array_create(cf->pool, 2,
                                     sizeof(ngx_http_tenant_source_t));
    if (tlcf->sources == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        for (n = 0; n < sizeof(kinds) / sizeof(kinds[0]); n++) {
            if (n == NGX_HTTP_TENANT_TOKEN_BEARER
                ? ngx_strcmp(value[i].data, kinds[n].data) == 0
                : (value[i].len > kinds[n].len
                   && ngx_memcmp(value[i].data, kinds[n].data, kinds[n].len)
                      == 0))
            {
                break;
            }
        }

        if (n == sizeof(kinds) / sizeof(kinds[0])) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "tenant_token: invalid source \"%V\"",
                               &value[i]);
            return NGX_CONF_ERROR;
        }

        source = ngx_array_push(tlcf->sources);
        if (source == NULL) {
            return NGX_CONF_ERROR;
        }

        *source = ngx_http_tenant_default_source;
        source->kind = n;

        if (n == NGX_HTTP_TENANT_TOKEN_BEARER) {
            continue;
        }

        source->name.data = value[i].data + kinds[n].len;
        source->name.len = value[i].len - kinds[n].len;

        if (n == NGX_HTTP_TENANT_TOKEN_HEADER) {
            ngx_strlow(source->name.data, source->name.data,
                       source->name.len);
        }
    }

    return NGX_CONF_OK;
}


char *
ngx_http_tenant_token_upstream_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_tenant_loc_conf_t  *tlcf = conf;

    ngx_str_t                         *value, name;
    ngx_http_tenant_token_upstream_t  *up;

    if (tlcf->token_upstream != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    up = ngx_pcalloc(cf->pool, sizeof(ngx_http_tenant_token_upstream_t));
    if (up == NULL) {
        return NGX_CONF_ERROR;
    }

    tlcf->token_upstream = up;
    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "pass") == 0) {
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value[1].data, "drop") == 0) {
        up->mode = NGX_HTTP_TENANT_TOKEN_DROP;
        return NGX_CONF_OK;
    }

    if (value[1].len > 7 && ngx_memcmp(value[1].data, "header=", 7) == 0) {
        up->mode = NGX_HTTP_TENANT_TOKEN_MOVE;

        up->moved = ngx_array_create(cf->pool, 1,
                                     sizeof(ngx_http_tenant_header_t));
        if (up->moved == NULL) {
            return NGX_CONF_ERROR;
        }

        name.data = value[1].data + 7;
        name.len = value[1].len - 7;

        if (ngx_http_tenant_header_name(cf, cmd, &name,
                                        ngx_array_push(up->moved))
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "tenant_token_upstream: invalid value \"%V\"",
                       &value[1]);
    return NGX_CONF_ERROR;
}


ngx_http_tenant_hot
ngx_int_t
ngx_http_tenant_bearer(ngx_http_request_t *r,
    ngx_http_tenant_caller_t *caller)
{
    ngx_int_t                    rc;
    ngx_uint_t                   i, n, found;
    ngx_http_tenant_source_t    *source;
    ngx_http_tenant_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tenant_module);

    if (tlcf->sources) {
        source = tlcf->sources->elts;
        n = tlcf->sources->nelts;

    } else {
        source = &ngx_http_tenant_default_source;
        n = 1;
    }

    found = 0;

    for (i = 0; i < n; i++) {
        rc = ngx_http_tenant_bearer_look(r, &source[i], &caller->token,
                                         &found);

        if (rc == NGX_OK) {
            caller->source = &source[i];
        }
    }

    if (found == 0) {
        return NGX_DECLINED;
    }

    /* RFC 6750, section 2: one method in a request, and one token */

    if (found > 1) {
        ngx_http_tenant_refusal(&caller->refusal,
                                NGX_HTTP_TENANT_R_INVALID_REQUEST,
                                NGX_HTTP_BAD_REQUEST, "invalid_request",
                                "more than one token");
        return NGX_ERROR;
    }

    if (caller->token.len == 0) {
        ngx_http_tenant_refusal(&caller->refusal,
                                NGX_HTTP_TENANT_R_INVALID_REQUEST,
                                NGX_HTTP_BAD_REQUEST, "invalid_request",
                                "empty bearer token");
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* Adds to *found; NGX_OK: here is one, the newest stands in *token. */

static ngx_int_t
ngx_http_tenant_bearer_look(ngx_http_request_t *r,
    ngx_http_tenant_source_t *source, ngx_str_t *token, ngx_uint_t *found)
{
    u_char           *p, *last;
    ngx_str_t         value;
    ngx_uint_t        i, before;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    before = *found;

    switch (source->kind) {

    case NGX_HTTP_TENANT_TOKEN_BEARER:

        /* nginx itself refuses a second one, or chains it */

        h = r->headers_in.authorization;

        if (h && ngx_http_tenant_bearer_scheme(&h->value, token) == NGX_OK) {
            *found += ngx_http_tenant_header_repeated(h) ? 2 : 1;
        }

        break;

    case NGX_HTTP_TENANT_TOKEN_ARG:
        p = r->args.data;
        last = p + r->args.len;

        while (p < last) {
            p = ngx_http_tenant_bearer_pair(p, last, '&', &source->name,
                                            &value);
            if (value.data) {
                *token = value;
                (*found)++;
            }
        }

        break;

    default: /* NGX_HTTP_TENANT_TOKEN_HEADER, NGX_HTTP_TENANT_TOKEN_COOKIE */

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

            if (source->kind == NGX_HTTP_TENANT_TOKEN_HEADER) {
                if (ngx_http_tenant_bearer_carries(source, &h[i])) {

                    /* with or without the scheme */

                    if (ngx_http_tenant_bearer_scheme(&h[i].value, token)
                        != NGX_OK)
                    {
                        *token = h[i].value;
                    }

                    (*found)++;
                }

                continue;
            }

            if (h[i].key.len != 6
                || ngx_memcmp(h[i].lowcase_key, "cookie", 6) != 0)
            {
                continue;
            }

            p = h[i].value.data;
            last = p + h[i].value.len;

            while (p < last) {
                p = ngx_http_tenant_bearer_pair(p, last, ';', &source->name,
                                                &value);
                if (value.data) {
                    *token = value;
                    (*found)++;
                }
            }
        }
    }

    return *found > before ? NGX_OK : NGX_DECLINED;
}


/* The scheme is case-insensitive (RFC 9110, section 11.1). */

ngx_http_tenant_hot
static ngx_int_t
ngx_http_tenant_bearer_scheme(ngx_str_t *value, ngx_str_t *token)
{
    u_char  *p, *last;

    p = value->data;

    if (value->len < sizeof("Bearer ") - 1
        || (p[0] | 0x20) != 'b' || (p[1] | 0x20) != 'e'
        || (p[2] | 0x20) != 'a' || (p[3] | 0x20) != 'r'
        || (p[4] | 0x20) != 'e' || (p[5] | 0x20) != 'r' || p[6] != ' ')
    {
        /* another scheme: as if there were no credentials */
        return NGX_DECLINED;
    }

    p = value->data + sizeof("Bearer ") - 1;
    last = value->data + value->len;

    while (p < last && *p == ' ') {
        p++;
    }

    token->data = p;
    token->len = last - p;

    return NGX_OK;
}


/*
 * One pair name=value; value->data is NULL if it is another name's.  Returns
 * where the next pair begins.
 */

static u_char *
ngx_http_tenant_bearer_pair(u_char *p, u_char *last, u_char separator,
    ngx_str_t *name, ngx_str_t *value)
{
    u_char  *end;

    while (separator == ';' && p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    end = ngx_strlchr(p, last, separator);
    if (end == NULL) {
        end = last;
    }

    ngx_str_null(value);

    if ((size_t) (end - p) > name->len && p[name->len] == '='
        && ngx_memcmp(p, name->data, name->len) == 0)
    {
        value->data = p + name->len + 1;
        value->len = end - value->data;
    }

    return end < last ? end + 1 : last;
}


ngx_uint_t
ngx_http_tenant_bearer_carries(ngx_http_tenant_source_t *source,
    ngx_table_elt_t *h)
{
    if (source->kind != NGX_HTTP_TENANT_TOKEN_BEARER
        && source->kind != NGX_HTTP_TENANT_TOKEN_HEADER)
    {
        return 0;
    }

    return h->key.len == source->name.len
           && ngx_memcmp(h->lowcase_key, source->name.data, h->key.len) == 0;
}


ngx_int_t
ngx_http_tenant_bearer_cut(ngx_http_request_t *r,
    ngx_http_tenant_source_t *source, ngx_table_elt_t *h)
{
    u_char      *p, *last, *next, *out, separator;
    ngx_str_t    from, value;

    if (h == NULL) {
        if (source->kind != NGX_HTTP_TENANT_TOKEN_ARG) {
            return NGX_OK;
        }

        from = r->args;
        separator = '&';

    } else {
        if (source->kind != NGX_HTTP_TENANT_TOKEN_COOKIE
            || h->key.len != 6
            || ngx_memcmp(h->lowcase_key, "cookie", 6) != 0)
        {
            return NGX_OK;
        }

        from = h->value;
        separator = ';';
    }

    out = ngx_pnalloc(r->pool, from.len ? from.len : 1);
    if (out == NULL) {
        return NGX_ERROR;
    }

    last = from.data + from.len;
    from.len = 0;

    for (p = from.data; p < last; p = next) {
        next = ngx_http_tenant_bearer_pair(p, last, separator, &source->name,
                                           &value);

        if (value.data == NULL) {
            ngx_memcpy(out + from.len, p, next - p);
            from.len += next - p;
        }
    }

    /* what stood before the last pair, if that is gone */

    while (from.len && (out[from.len - 1] == separator
                        || out[from.len - 1] == ' '))
    {
        from.len--;
    }

    if (h) {
        h->value.data = out;
        h->value.len = from.len;
        return NGX_OK;
    }

    r->args.data = out;
    r->args.len = from.len;

    /* or proxy_pass would send the request line as it came */

    r->valid_unparsed_uri = 0;

    return NGX_OK;
}
