/* How the "introspection" of an issuer is read from JSON. */

#include "ngx_http_tenant_registry.h"


#define NGX_HTTP_TENANT_INTROSPECTION_TTL      60       /* seconds */
#define NGX_HTTP_TENANT_INTROSPECTION_TTL_MAX  3600


static ngx_int_t ngx_http_tenant_introspection_endpoint(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *issuer, const ngx_http_tenant_json_t *at,
    ngx_http_tenant_introspection_t *introspection,
    ngx_http_tenant_json_error_t *err);
static ngx_int_t ngx_http_tenant_introspection_secret(ngx_pool_t *pool,
    ngx_str_t *dir, const ngx_http_tenant_json_t *at,
    ngx_http_tenant_introspection_t *introspection,
    ngx_http_tenant_json_error_t *err);
static void ngx_http_tenant_introspection_wipe(void *data);
static ngx_int_t ngx_http_tenant_introspection_ttl(
    const ngx_http_tenant_json_t *at,
    ngx_http_tenant_introspection_t *introspection,
    ngx_http_tenant_json_error_t *err);


const ngx_str_t  ngx_http_tenant_client_auths[] = {
    ngx_string("client_secret_basic"),
    ngx_string("client_secret_post"),
    ngx_null_string
};


static const char *const  ngx_http_tenant_introspection_members[] = {
    "endpoint", "client_id", "client_secret", "client_secret_file", "auth",
    "ttl", NULL
};


ngx_int_t
ngx_http_tenant_introspection_read(ngx_pool_t *pool, ngx_str_t *dir,
    const ngx_http_tenant_json_t *issuer,
    ngx_http_tenant_introspection_t **introspection,
    ngx_http_tenant_json_error_t *err)
{
    ngx_http_tenant_json_t            at, child;
    ngx_http_tenant_introspection_t  *in;

    if (ngx_http_tenant_json_member(issuer, "introspection", &at) != NGX_OK) {
        return NGX_OK;
    }

    in = ngx_pcalloc(pool, sizeof(ngx_http_tenant_introspection_t));
    if (in == NULL) {
        return ngx_http_tenant_json_fail(&at, err, "no memory");
    }

    if (ngx_http_tenant_json_object(&at,
                                    ngx_http_tenant_introspection_members,
                                    err)
        != NGX_OK
        || ngx_http_tenant_introspection_endpoint(pool, issuer, &at, in, err)
           != NGX_OK
        || ngx_http_tenant_json_required(pool, &at, "client_id",
                                         &in->client_id, err)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (in->client_id.len == 0) {
        (void) ngx_http_tenant_json_member(&at, "client_id", &child);
        return ngx_http_tenant_json_fail(&child, err, "must not be empty");
    }

    if (ngx_http_tenant_json_enum(&at, "auth", ngx_http_tenant_client_auths,
                                  &in->auth, err)
        == NGX_ERROR
        || ngx_http_tenant_introspection_secret(pool, dir, &at, in, err)
           != NGX_OK
        || ngx_http_tenant_introspection_ttl(&at, in, err) != NGX_OK)
    {
        return NGX_ERROR;
    }

    *introspection = in;

    return NGX_OK;
}


/* Without one the issuer's discovery document has to name it. */

static ngx_int_t
ngx_http_tenant_introspection_endpoint(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *issuer, const ngx_http_tenant_json_t *at,
    ngx_http_tenant_introspection_t *introspection,
    ngx_http_tenant_json_error_t *err)
{
    ngx_int_t                rc;
    ngx_http_tenant_json_t   child;

    rc = ngx_http_tenant_json_string(pool, at, "endpoint",
                                     &introspection->endpoint, err);

    if (rc == NGX_DECLINED
        && ngx_http_tenant_json_member(issuer, "discovery", &child) != NGX_OK)
    {
        return ngx_http_tenant_json_fail(at, err, "has no \"endpoint\", and "
                                         "the issuer has no \"discovery\"");
    }

    return rc == NGX_ERROR ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_http_tenant_introspection_secret(ngx_pool_t *pool, ngx_str_t *dir,
    const ngx_http_tenant_json_t *at,
    ngx_http_tenant_introspection_t *introspection,
    ngx_http_tenant_json_error_t *err)
{
    ngx_int_t                rc;
    ngx_uint_t               n;
    ngx_pool_cleanup_t      *cln;
    ngx_http_tenant_json_t   child;

    rc = ngx_http_tenant_json_string(pool, at, "client_secret_file",
                                     &introspection->secret_file, err);
    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    n = (rc == NGX_OK);
    rc = ngx_http_tenant_json_member(at, "client_secret", &child);
    n += (rc == NGX_OK);

    if (n != 1) {
        return ngx_http_tenant_json_fail(at, err, "%s \"client_secret\" and "
                                         "\"client_secret_file\"",
                                         n ? "has both"
                                           : "needs one of");
    }

    if (rc != NGX_OK) {
        if (introspection->secret_file.len == 0
            || ngx_get_full_name(pool, dir, &introspection->secret_file)
               != NGX_OK)
        {
            (void) ngx_http_tenant_json_member(at, "client_secret_file",
                                               &child);
            return ngx_http_tenant_json_fail(&child, err,
                                             "is no file name");
        }

        return NGX_OK;
    }

    if (json_string_length(child.value) == 0) {
        return ngx_http_tenant_json_fail(&child, err,
                                         "must be a string that is not "
                                         "empty");
    }

    /* one copy, in the JSON, which goes when the last holder goes */

    cln = ngx_pool_cleanup_add(pool, 0);
    if (cln == NULL) {
        return ngx_http_tenant_json_fail(&child, err, "no memory");
    }

    cln->handler = ngx_http_tenant_introspection_wipe;
    cln->data = json_incref(child.value);

    introspection->secret.data = (u_char *) json_string_value(child.value);
    introspection->secret.len = json_string_length(child.value);

    return NGX_OK;
}


static void
ngx_http_tenant_introspection_wipe(void *data)
{
    json_t  *secret = data;

    if (secret->refcount == 1) {
        ngx_explicit_memzero((void *) json_string_value(secret),
                             json_string_length(secret));
    }

    json_decref(secret);
}


static ngx_int_t
ngx_http_tenant_introspection_ttl(const ngx_http_tenant_json_t *at,
    ngx_http_tenant_introspection_t *introspection,
    ngx_http_tenant_json_error_t *err)
{
    ngx_http_tenant_json_t  child;

    introspection->ttl = NGX_HTTP_TENANT_INTROSPECTION_TTL;

    if (ngx_http_tenant_json_member(at, "ttl", &child) != NGX_OK) {
        return NGX_OK;
    }

    if (!json_is_integer(child.value) || json_integer_value(child.value) < 1
        || json_integer_value(child.value)
           > NGX_HTTP_TENANT_INTROSPECTION_TTL_MAX)
    {
        return ngx_http_tenant_json_fail(&child, err, "must be an integer "
                                         "from 1 to %d",
                                         NGX_HTTP_TENANT_INTROSPECTION_TTL_MAX
                                         );
    }

    introspection->ttl = json_integer_value(child.value);

    return NGX_OK;
}
