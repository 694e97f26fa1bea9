#include "ngx_http_tenant_introspect.h"
#include "ngx_http_tenant_identity.h"
#include "tenant_introspection.h"
#include "tenant_jws.h"

#include <openssl/sha.h>


static ngx_int_t ngx_http_tenant_introspect_wanted(ngx_http_request_t *r,
    ngx_str_t *token, ngx_str_t *iss);
static void ngx_http_tenant_introspect_token(ngx_http_request_t *r,
    ngx_http_tenant_caller_t *caller);
static ngx_http_tenant_issuer_t *ngx_http_tenant_introspect_issuer(
    ngx_http_request_t *r, ngx_http_tenant_caller_t *caller);
static void ngx_http_tenant_introspect_ask(ngx_http_request_t *r,
    ngx_http_tenant_caller_t *caller, ngx_http_tenant_issuer_t *issuer,
    ngx_str_t *key);
static void ngx_http_tenant_introspect_accept(ngx_http_request_t *r,
    ngx_http_tenant_caller_t *caller, ngx_http_tenant_issuer_t *issuer,
    ngx_str_t *key, ngx_http_tenant_introspection_entry_t *entry);
static void ngx_http_tenant_introspect_invalid(
    ngx_http_tenant_caller_t *caller, const char *detail);
static void ngx_http_tenant_introspect_fault(
    ngx_http_tenant_caller_t *caller);


ngx_http_tenant_hot
ngx_int_t
ngx_http_tenant_introspect(ngx_http_request_t *r,
    ngx_http_tenant_caller_t *caller)
{
    ngx_int_t  rc;

    rc = ngx_http_tenant_introspect_wanted(r, &caller->token,
                                           &caller->introspected);

    if (rc == NGX_OK) {
        ngx_http_tenant_introspect_token(r, caller);

    } else if (rc == NGX_ERROR) {
        ngx_http_tenant_introspect_fault(caller);
        rc = NGX_OK;
    }

    return rc;
}


ngx_http_tenant_hot
ngx_uint_t
ngx_http_tenant_introspect_missing(ngx_http_request_t *r,
    ngx_http_tenant_caller_t *caller)
{
    ngx_str_t  iss;

    if (caller->token.len == 0) {
        return 0;
    }

    switch (ngx_http_tenant_introspect_wanted(r, &caller->token, &iss)) {

    case NGX_OK:
        return iss.len != caller->introspected.len
               || ngx_memcmp(iss.data, caller->introspected.data, iss.len)
                  != 0;

    case NGX_DECLINED:
        return 0;

    default:
        return 1;
    }
}


/*
 * NGX_OK and whose endpoint the location has for such a token, NGX_DECLINED,
 * or NGX_ERROR.
 */

ngx_http_tenant_hot
static ngx_int_t
ngx_http_tenant_introspect_wanted(ngx_http_request_t *r, ngx_str_t *token,
    ngx_str_t *iss)
{
    tenant_str_t                        text;
    ngx_http_tenant_loc_conf_t         *tlcf;
    ngx_http_tenant_introspect_conf_t  *conf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tenant_module);
    conf = tlcf->introspection;

    if (conf == NULL || conf->iss == NULL) {
        return NGX_DECLINED;
    }

    text.data = (char *) token->data;
    text.len = token->len;

    /* what is no JWS has no other way to be accepted */

    if (!conf->jwt && tenant_token_form(text) == TENANT_TOKEN_JWS) {
        return NGX_DECLINED;
    }

    if (ngx_http_complex_value(r, conf->iss, iss) != NGX_OK) {
        return NGX_ERROR;
    }

    return iss->len ? NGX_OK : NGX_DECLINED;
}


static void
ngx_http_tenant_introspect_token(ngx_http_request_t *r,
    ngx_http_tenant_caller_t *caller)
{
    u_char                      *p;
    ngx_str_t                    key;
    tenant_str_t                 text;
    ngx_http_tenant_issuer_t    *issuer;
    ngx_http_tenant_identity_t  *identity;

    if (caller->token.len > TENANT_JWS_LEN_DEFAULT) {
        ngx_http_tenant_introspect_invalid(caller,
                                  tenant_jws_describe(TENANT_JWS_TOO_LARGE));
        return;
    }

    /*
     * Not the token alone: the same text may be another issuer's, or a JWT
     * that keys verified.  No token has a line feed in it.
     */

    key.len = caller->introspected.len + 1 + caller->token.len;
    key.data = ngx_pnalloc(r->pool, key.len);

    if (key.data == NULL) {
        ngx_http_tenant_introspect_fault(caller);
        return;
    }

    p = ngx_cpymem(key.data, caller->introspected.data,
                   caller->introspected.len);
    *p++ = LF;
    ngx_memcpy(p, caller->token.data, caller->token.len);

    identity = ngx_http_tenant_identity_cached(r,
                                   ngx_http_tenant_identity_tag(r, &key));

    if (identity) {
        ngx_http_tenant_running_add(caller, identity);
        return;
    }

    text.data = (char *) caller->token.data;
    text.len = caller->token.len;

    if (tenant_token_form(text) == TENANT_TOKEN_MALFORMED) {
        ngx_http_tenant_introspect_invalid(caller,
                                 tenant_jws_describe(TENANT_JWS_MALFORMED));
        return;
    }

    issuer = ngx_http_tenant_introspect_issuer(r, caller);

    if (issuer) {
        ngx_http_tenant_introspect_ask(r, caller, issuer, &key);
        ngx_http_tenant_object_unref(&issuer->object);
    }
}


/* Returns a reference to one that can be asked, or NULL and the refusal. */

static ngx_http_tenant_issuer_t *
ngx_http_tenant_introspect_issuer(ngx_http_request_t *r,
    ngx_http_tenant_caller_t *caller)
{
    ngx_http_tenant_issuer_t     *issuer;
    ngx_http_tenant_main_conf_t  *tmcf;

    tmcf = ngx_http_get_module_main_conf(r, ngx_http_tenant_module);

    switch (ngx_http_tenant_registry_issuer(tmcf->registry,
                                            &caller->introspected, &issuer))
    {
    case NGX_OK:
        break;

    case NGX_DECLINED:
        ngx_http_tenant_introspect_invalid(caller,
                                           "the issuer is not known here");
        return NULL;

    default:
        ngx_http_tenant_refuse_registry(&caller->refusal);
        return NULL;
    }

    if (issuer->introspector) {
        return issuer;
    }

    if (issuer->introspection) {

        /* its entry is not usable, and the log has said why */

        ngx_http_tenant_refusal(&caller->refusal,
                                NGX_HTTP_TENANT_R_NO_INTROSPECTION,
                                NGX_HTTP_SERVICE_UNAVAILABLE, NULL,
                                ngx_http_tenant_introspection_failed);

    } else {
        ngx_http_tenant_introspect_invalid(caller,
                                  "the issuer is not asked about tokens here");
    }

    ngx_http_tenant_object_unref(&issuer->object);

    return NULL;
}


static void
ngx_http_tenant_introspect_ask(ngx_http_request_t *r,
    ngx_http_tenant_caller_t *caller, ngx_http_tenant_issuer_t *issuer,
    ngx_str_t *key)
{
    u_char                                  digest[SHA256_DIGEST_LENGTH];
    SHA256_CTX                              sha;
    ngx_http_tenant_main_conf_t            *tmcf;
    ngx_http_tenant_introspection_entry_t  *entry;

    /* an issuer that changed since is another one to ask */

    (void) SHA256_Init(&sha);
    (void) SHA256_Update(&sha, &issuer->object.version,
                         sizeof(issuer->object.version));
    (void) SHA256_Update(&sha, key->data, key->len);
    (void) SHA256_Final(digest, &sha);

    tmcf = ngx_http_get_module_main_conf(r, ngx_http_tenant_module);

    entry = ngx_http_tenant_introspections_find(tmcf, digest);

    if (entry == NULL) {
        switch (ngx_http_tenant_introspections_ask(issuer->introspector,
                                                   digest, &caller->token,
                                                   &entry, &caller->refusal))
        {
        case NGX_AGAIN:
            break;

        case NGX_DECLINED:
            return;

        default:
            ngx_http_tenant_introspect_fault(caller);
            return;
        }
    }

    switch (entry->state) {

    case NGX_HTTP_TENANT_INTROSPECTION_ACTIVE:
        ngx_http_tenant_introspect_accept(r, caller, issuer, key, entry);
        return;

    case NGX_HTTP_TENANT_INTROSPECTION_REFUSED:
        caller->refusal = entry->refusal;
        return;

    default:
        caller->pending = &entry->pending;
    }
}


/*
 * What the issuer says of the token is held against the same rules as what a
 * JWT says of itself.
 */

static void
ngx_http_tenant_introspect_accept(ngx_http_request_t *r,
    ngx_http_tenant_caller_t *caller, ngx_http_tenant_issuer_t *issuer,
    ngx_str_t *key, ngx_http_tenant_introspection_entry_t *entry)
{
    char                        *text;
    tenant_tape_t                tape;
    tenant_value_t               values[TENANT_TAPE_ROOM];
    tenant_identity_t            names;
    tenant_json_error_t          err;
    const tenant_value_t        *claims;
    ngx_http_tenant_identity_t  *identity;

    /* reading changes it */

    text = ngx_pnalloc(r->pool, entry->claims.len);
    if (text == NULL) {
        ngx_http_tenant_introspect_fault(caller);
        return;
    }

    ngx_memcpy(text, entry->claims.data, entry->claims.len);

    tape.values = values;
    tape.room = TENANT_TAPE_ROOM;
    tape.take = ngx_http_tenant_identity_take;
    tape.data = r->pool;

    claims = tenant_value_read(&tape, text, entry->claims.len,
                               &tenant_json_token_limits, &err);

    if (claims == NULL && err.code != TENANT_JSON_NO_MEMORY) {

        /* with the issuer in it, it may be more than is read */

        ngx_http_tenant_introspect_invalid(caller,
                                           tenant_json_reason(err.code));
        return;
    }

    if (claims == NULL) {
        ngx_http_tenant_introspect_fault(caller);
        return;
    }

    identity = ngx_http_tenant_identity_claimed(r, issuer, claims, &names,
                                                &caller->refusal);
    if (identity == NULL) {
        return;
    }

    identity->introspected = 1;
    entry->accepted = 1;

    ngx_http_tenant_running_add(caller, identity);

    ngx_http_tenant_identity_keep(r, ngx_http_tenant_identity_tag(r, key),
                                  identity,
                                  ngx_min(names.expires, entry->good));
}


static void
ngx_http_tenant_introspect_invalid(ngx_http_tenant_caller_t *caller,
    const char *detail)
{
    ngx_http_tenant_refusal(&caller->refusal, NGX_HTTP_TENANT_R_INVALID_TOKEN,
                            NGX_HTTP_UNAUTHORIZED, "invalid_token", detail);
}


static void
ngx_http_tenant_introspect_fault(ngx_http_tenant_caller_t *caller)
{
    ngx_http_tenant_refusal(&caller->refusal, NGX_HTTP_TENANT_R_FAULT,
                            NGX_HTTP_INTERNAL_SERVER_ERROR, NULL,
                            "no memory");
}


char *
ngx_http_tenant_introspect_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_tenant_loc_conf_t  *tlcf = conf;

    ngx_str_t                          *value;
    ngx_http_compile_complex_value_t    ccv;
    ngx_http_tenant_introspect_conf_t  *introspect;

    if (tlcf->introspection != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    introspect = ngx_pcalloc(cf->pool,
                             sizeof(ngx_http_tenant_introspect_conf_t));
    if (introspect == NULL) {
        return NGX_CONF_ERROR;
    }

    tlcf->introspection = introspect;
    value = cf->args->elts;

    if (cf->args->nelts == 3) {
        if (ngx_strcmp(value[2].data, "jwt=introspect") != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "tenant_introspection: invalid parameter "
                               "\"%V\"", &value[2]);
            return NGX_CONF_ERROR;
        }

        introspect->jwt = 1;

    } else if (ngx_strcmp(value[1].data, "off") == 0) {
        return NGX_CONF_OK;
    }

    introspect->iss = ngx_pcalloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (introspect->iss == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &value[1];
    ccv.complex_value = introspect->iss;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_tenant_introspect_check(ngx_conf_t *cf,
    ngx_http_tenant_main_conf_t *tmcf, ngx_http_tenant_loc_conf_t *tlcf)
{
    ngx_str_t                          *iss;
    ngx_http_tenant_issuer_t           *issuer;
    ngx_http_tenant_introspect_conf_t  *conf;

    conf = tlcf->introspection;

    if (conf == NULL || conf->iss == NULL || conf->iss->lengths) {
        return NGX_OK;
    }

    iss = &conf->iss->value;
    issuer = (ngx_http_tenant_issuer_t *)
                 ngx_http_tenant_registry_peek(tmcf->registry,
                                               NGX_HTTP_TENANT_KIND_ISSUER,
                                               iss);

    if (issuer && issuer->introspection) {
        return NGX_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "tenant_introspection: %s \"%V\"%s",
                       issuer ? "issuer" : "the registry has no issuer", iss,
                       issuer ? " has no \"introspection\"" : "");
    return NGX_ERROR;
}
