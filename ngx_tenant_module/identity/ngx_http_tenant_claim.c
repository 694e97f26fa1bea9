#include "ngx_http_tenant_claim.h"
#include "ngx_http_tenant_identity.h"
#include "tenant_claim_path.h"
#include "tenant_jws.h"


static const tenant_value_t *ngx_http_tenant_claim_named(
    ngx_http_tenant_issuer_t *issuer, const tenant_value_t *claims,
    ngx_str_t *name);
static ngx_uint_t ngx_http_tenant_claim_alike(tenant_str_t claim,
    ngx_str_t *name);
static ngx_int_t ngx_http_tenant_claim_again(ngx_http_request_t *r,
    ngx_http_tenant_caller_t *caller, ngx_str_t *name, ngx_str_t *text);
static size_t ngx_http_tenant_claim_print(const tenant_value_t *claim,
    u_char *p);
static size_t ngx_http_tenant_claim_item(u_char *p, tenant_str_t *item);


static ngx_str_t  ngx_http_tenant_claim_prefix = ngx_string("tenant_claim_");


ngx_int_t
ngx_http_tenant_claims_init_process(ngx_cycle_t *cycle,
    ngx_http_tenant_main_conf_t *tmcf)
{
    ngx_str_t                  **name, *prefix;
    ngx_uint_t                   i;
    ngx_http_variable_t         *v;
    ngx_http_core_main_conf_t   *cmcf;

    if (ngx_array_init(&tmcf->claims, cycle->pool, 4, sizeof(ngx_str_t *))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    cmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_core_module);

    prefix = &ngx_http_tenant_claim_prefix;
    v = cmcf->variables.elts;

    for (i = 0; i < cmcf->variables.nelts; i++) {
        if (v[i].name.len <= prefix->len
            || ngx_strncmp(v[i].name.data, prefix->data, prefix->len) != 0)
        {
            continue;
        }

        name = ngx_array_push(&tmcf->claims);
        if (name == NULL) {
            return NGX_ERROR;
        }

        *name = &v[i].name;
    }

    return NGX_OK;
}


size_t
ngx_http_tenant_claims_texts(ngx_http_tenant_main_conf_t *tmcf,
    ngx_http_tenant_issuer_t *issuer, const tenant_value_t *claims,
    ngx_str_t *texts, u_char *p)
{
    size_t                  len, size;
    ngx_str_t             **names;
    ngx_uint_t              i;
    const tenant_value_t   *claim;

    names = tmcf->claims.elts;
    size = 0;

    for (i = 0; i < tmcf->claims.nelts; i++) {
        claim = ngx_http_tenant_claim_named(issuer, claims, names[i]);
        len = claim ? ngx_http_tenant_claim_print(claim, p) : 0;

        if (p) {
            texts[i].data = p;
            texts[i].len = len;
            p += len;
        }

        size += len;
    }

    return size;
}


ngx_int_t
ngx_http_tenant_claim_list(ngx_pool_t *pool, const tenant_value_t *claim,
    tenant_str_t **list, ngx_uint_t *n)
{
    size_t                max;
    tenant_str_t          text;
    tenant_claim_texts_t  texts;

    *list = NULL;
    *n = 0;

    if (!tenant_claim_texts(&texts, claim, 1)) {
        return NGX_OK;
    }

    /* of words at most every other byte begins one */

    max = texts.left + (texts.words.len + 1) / 2;

    if (max == 0) {
        return NGX_OK;
    }

    *list = ngx_palloc(pool, max * sizeof(tenant_str_t));
    if (*list == NULL) {
        return NGX_ERROR;
    }

    while (tenant_claim_texts_next(&texts, &text)) {
        (*list)[(*n)++] = text;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_tenant_claim(ngx_http_request_t *r, ngx_http_tenant_caller_t *caller,
    ngx_str_t *name, ngx_str_t *text)
{
    ngx_str_t                    **names;
    ngx_uint_t                     i;
    ngx_http_tenant_main_conf_t   *tmcf;

    tmcf = ngx_http_get_module_main_conf(r, ngx_http_tenant_module);

    names = tmcf->claims.elts;

    for (i = 0; i < tmcf->claims.nelts; i++) {

        /* a variable of the configuration is asked by its own name */

        if (names[i] == name) {
            *text = caller->identity->claims[i];
            return NGX_OK;
        }
    }

    return ngx_http_tenant_claim_again(r, caller, name, text);
}


/*
 * Names that nobody could foresee (of SSI, say) are rare: the token, which
 * has been verified, is read again for them.  One that its issuer was asked
 * about has not been: what it says of itself counts for nothing.
 */

static ngx_int_t
ngx_http_tenant_claim_again(ngx_http_request_t *r,
    ngx_http_tenant_caller_t *caller, ngx_str_t *name, ngx_str_t *text)
{
    u_char                *p;
    ngx_str_t             *token;
    tenant_jws_t           jws;
    tenant_tape_t          tape;
    tenant_value_t         values[TENANT_TAPE_ROOM];
    const tenant_value_t  *claims, *claim;

    static const tenant_jws_conf_t  conf = { 0, NULL, 0, NULL };

    ngx_str_null(text);

    if (caller->identity->introspected) {
        return NGX_OK;
    }

    token = &caller->token;

    tape.values = values;
    tape.room = TENANT_TAPE_ROOM;
    tape.take = ngx_http_tenant_identity_take;
    tape.data = r->pool;

    p = ngx_palloc(r->pool, TENANT_JWS_SCRATCH(token->len));
    if (p == NULL) {
        return NGX_ERROR;
    }

    /* a token that is no JWS has no claims to be read */

    if (tenant_jws_parse(&jws, &tape, (char *) token->data, token->len, &conf,
                         p, TENANT_JWS_SCRATCH(token->len))
        != TENANT_JWS_OK
        || tenant_jws_claims(&jws, &tape, &claims, NULL) != TENANT_JWS_OK)
    {
        return NGX_OK;
    }

    claim = ngx_http_tenant_claim_named(caller->identity->issuer, claims,
                                        name);
    if (claim == NULL) {
        return NGX_OK;
    }

    text->len = ngx_http_tenant_claim_print(claim, NULL);

    text->data = ngx_pnalloc(r->pool, text->len + 1);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_http_tenant_claim_print(claim, text->data);

    return NGX_OK;
}


/*
 * Names of variables have neither ":" nor "-" nor "/": a claim is found by
 * its exact name, or by what the issuer's claim map calls it, or else by its
 * name with all of those as "_".
 */

static const tenant_value_t *
ngx_http_tenant_claim_named(ngx_http_tenant_issuer_t *issuer,
    const tenant_value_t *claims, ngx_str_t *var)
{
    size_t                 i;
    ngx_str_t              name;
    tenant_str_t           exact;
    tenant_attribute_t    *attribute;
    const tenant_value_t  *value;

    name.data = var->data + ngx_http_tenant_claim_prefix.len;
    name.len = var->len - ngx_http_tenant_claim_prefix.len;

    exact.data = (char *) name.data;
    exact.len = name.len;

    value = tenant_claim_find(claims, exact);

    if (value) {
        return value;
    }

    attribute = issuer->rules.attributes;

    for (i = 0; i < issuer->rules.nattributes; i++) {
        if (attribute[i].name.len == name.len
            && ngx_strncasecmp((u_char *) attribute[i].name.data, name.data,
                               name.len)
               == 0)
        {
            return tenant_claim_find(claims, attribute[i].path);
        }
    }

    value = tenant_value_first(claims);

    for (i = 0; i < claims->len; i++) {
        if (ngx_http_tenant_claim_alike(tenant_value_text(value), &name)) {
            return value + 1;
        }

        value = tenant_value_next(value + 1);
    }

    return NULL;
}


static ngx_uint_t
ngx_http_tenant_claim_alike(tenant_str_t claim, ngx_str_t *name)
{
    u_char  c;
    size_t  i;

    if (claim.len != name->len) {
        return 0;
    }

    for (i = 0; i < name->len; i++) {
        c = claim.data[i];

        if (ngx_tolower(c) == ngx_tolower(name->data[i])) {
            continue;
        }

        if (name->data[i] != '_'
            || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9'))
        {
            return 0;
        }
    }

    return 1;
}


/*
 * A string as it is, an array of strings joined by ",", the rest as JSON,
 * and null as nothing.  p NULL: only the length.
 */

static size_t
ngx_http_tenant_claim_print(const tenant_value_t *claim, u_char *p)
{
    size_t                n, len;
    tenant_str_t          item;
    tenant_claim_texts_t  texts;

    if (claim->kind == TENANT_VALUE_NULL) {
        return 0;
    }

    if (claim->kind == TENANT_VALUE_STRING) {
        if (p) {
            ngx_memcpy(p, claim->u.text, claim->len);
        }

        return claim->len;
    }

    if (!tenant_claim_texts(&texts, claim, 0)) {
        return tenant_value_print(claim, (char *) p);
    }

    len = 0;

    for (n = 0; tenant_claim_texts_next(&texts, &item); n++) {
        if (n) {
            if (p) {
                p[len] = ',';
            }

            len++;
        }

        len += ngx_http_tenant_claim_item(p ? p + len : NULL, &item);
    }

    return len;
}


/* One group named "a,admin" must not read as two. */

static size_t
ngx_http_tenant_claim_item(u_char *p, tenant_str_t *item)
{
    size_t  i, n;

    for (i = 0, n = 0; i < item->len; i++) {
        switch (item->data[i]) {

        case ',':
        case '%':
            if (p) {
                ngx_memcpy(p + n, item->data[i] == ',' ? "%2C" : "%25", 3);
            }

            n += 3;
            break;

        default:
            if (p) {
                p[n] = item->data[i];
            }

            n++;
        }
    }

    return n;
}
