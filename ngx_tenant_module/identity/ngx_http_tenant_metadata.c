#include "ngx_http_tenant_metadata.h"
#include "ngx_http_tenant_identity.h"


#define NGX_HTTP_TENANT_SERVERS_MAX  64     /* listed without being told */


static ngx_int_t ngx_http_tenant_metadata_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_tenant_metadata_send(ngx_http_request_t *r);
static json_t *ngx_http_tenant_metadata_document(ngx_http_request_t *r,
    ngx_str_t *resource);
static ngx_int_t ngx_http_tenant_metadata_servers(ngx_http_request_t *r,
    json_t *list);
static ngx_int_t ngx_http_tenant_metadata_issuers(ngx_http_request_t *r,
    ngx_http_tenant_tenant_t *tenant, json_t *list);
static ngx_int_t ngx_http_tenant_metadata_append(json_t *list,
    ngx_str_t *text);
static ngx_uint_t ngx_http_tenant_granted(
    ngx_http_tenant_identity_t *identity, ngx_str_t *scope);


static ngx_str_t  ngx_http_tenant_well_known =
    ngx_string("/.well-known/oauth-protected-resource");


char *
ngx_http_tenant_servers_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_tenant_loc_conf_t  *tlcf = conf;

    ngx_str_t                         *value, *url, s;
    ngx_uint_t                         i;
    ngx_http_tenant_servers_t         *servers;
    ngx_http_compile_complex_value_t   ccv;

    if (tlcf->servers != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    servers = ngx_pcalloc(cf->pool, sizeof(ngx_http_tenant_servers_t));
    if (servers == NULL
        || ngx_array_init(&servers->urls, cf->pool, 2, sizeof(ngx_str_t))
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    tlcf->servers = servers;
    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (value[i].len > 7 && ngx_memcmp(value[i].data, "tenant=", 7) == 0)
        {
            s.data = value[i].data + 7;
            s.len = value[i].len - 7;

            servers->tenant = ngx_palloc(cf->pool,
                                         sizeof(ngx_http_complex_value_t));
            if (servers->tenant == NULL) {
                return NGX_CONF_ERROR;
            }

            ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

            ccv.cf = cf;
            ccv.value = &s;
            ccv.complex_value = servers->tenant;

            if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
                return NGX_CONF_ERROR;
            }

            continue;
        }

        if (ngx_strncmp(value[i].data, "http://", 7) != 0
            && ngx_strncmp(value[i].data, "https://", 8) != 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "tenant_authorization_servers: \"%V\" is no "
                               "URL", &value[i]);
            return NGX_CONF_ERROR;
        }

        url = ngx_array_push(&servers->urls);
        if (url == NULL) {
            return NGX_CONF_ERROR;
        }

        *url = value[i];
    }

    return NGX_CONF_OK;
}


char *
ngx_http_tenant_scopes_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_tenant_loc_conf_t  *tlcf = conf;

    u_char       c;
    size_t       n;
    ngx_str_t   *value, *scope;
    ngx_uint_t   i;

    if (tlcf->scopes != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    tlcf->scopes = ngx_array_create(cf->pool, cf->args->nelts - 1,
                                    sizeof(ngx_str_t));
    if (tlcf->scopes == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        /* RFC 6749, section 3.3: scope-token */

        for (n = 0; n < value[i].len; n++) {
            c = value[i].data[n];

            if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\\') {
                break;
            }
        }

        if (value[i].len == 0 || n < value[i].len) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "tenant_scopes: \"%V\" is no scope",
                               &value[i]);
            return NGX_CONF_ERROR;
        }

        scope = ngx_array_push(tlcf->scopes);
        *scope = value[i];
    }

    return NGX_CONF_OK;
}


char *
ngx_http_tenant_metadata_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler) {
        return "is duplicate";
    }

    clcf->handler = ngx_http_tenant_metadata_handler;

    return NGX_CONF_OK;
}


/*
 * What follows the location's name is the path of the resource: its location
 * answers, since it alone knows its scopes and servers.
 */

static ngx_int_t
ngx_http_tenant_metadata_handler(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_str_t                  path;
    ngx_http_core_loc_conf_t  *clcf;
    ngx_http_tenant_caller_t  *caller;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (r != r->main || r->internal || r->uri.len < clcf->name.len
        || ngx_memcmp(r->uri.data, clcf->name.data, clcf->name.len) != 0)
    {
        return NGX_HTTP_NOT_FOUND;
    }

    path.data = r->uri.data + clcf->name.len;
    path.len = r->uri.len - clcf->name.len;

    if (path.len == 0) {
        ngx_str_set(&path, "/");
    }

    if (path.data[0] != '/') {
        return NGX_HTTP_NOT_FOUND;
    }

    caller = ngx_http_tenant_caller(r);
    if (caller == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    caller->metadata = 1;

    return ngx_http_internal_redirect(r, &path, NULL);
}


ngx_http_tenant_hot
ngx_int_t
ngx_http_tenant_metadata_phase(ngx_http_request_t *r)
{
    ngx_http_tenant_caller_t    *caller;
    ngx_http_tenant_loc_conf_t  *tlcf;

    if (!r->internal || r != r->main) {
        return NGX_DECLINED;
    }

    caller = ngx_http_tenant_caller_known(r);

    if (caller == NULL || !caller->metadata) {
        return NGX_DECLINED;
    }

    /* one answer, whatever becomes of it; error pages go their way */

    caller->metadata = 0;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tenant_module);

    if (tlcf->auth == NGX_HTTP_TENANT_AUTH_OFF || tlcf->resource == NULL) {
        return NGX_HTTP_NOT_FOUND;
    }

    return ngx_http_tenant_metadata_send(r);
}


static ngx_int_t
ngx_http_tenant_metadata_send(ngx_http_request_t *r)
{
    char                        *text;
    json_t                      *root;
    ngx_str_t                    resource;
    ngx_http_complex_value_t     cv;
    ngx_http_tenant_loc_conf_t  *tlcf;

    static ngx_str_t  type = ngx_string("application/json");

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tenant_module);

    if (ngx_http_complex_value(r, tlcf->resource, &resource) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    root = ngx_http_tenant_metadata_document(r, &resource);
    if (root == NULL) {
        return NGX_HTTP_NOT_FOUND;
    }

    text = json_dumps(root, JSON_COMPACT);
    json_decref(root);

    if (text == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memzero(&cv, sizeof(ngx_http_complex_value_t));

    cv.value.len = ngx_strlen(text);
    cv.value.data = ngx_pnalloc(r->pool, cv.value.len);

    if (cv.value.data == NULL) {
        free(text);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memcpy(cv.value.data, text, cv.value.len);
    free(text);

    ngx_http_finalize_request(r, ngx_http_send_response(r, NGX_HTTP_OK,
                                                        &type, &cv));
    return NGX_DONE;
}


/*
 * NULL: no memory, or a resource that is no text, or a tenant that is not
 * known: nothing to say.
 */

static json_t *
ngx_http_tenant_metadata_document(ngx_http_request_t *r, ngx_str_t *resource)
{
    int                          rc;
    json_t                      *root, *servers, *scopes, *methods;
    ngx_str_t                   *scope;
    ngx_uint_t                   i;
    ngx_http_tenant_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tenant_module);

    root = json_object();
    servers = json_array();
    methods = json_array();

    /* each belongs to the document, or is freed, before the next may fail */

    rc = json_object_set_new(root, "authorization_servers", servers);
    rc |= json_object_set_new(root, "bearer_methods_supported", methods);

    /* made of variables, which need not be UTF-8 */

    rc |= json_object_set_new(root, "resource",
                              json_stringn((char *) resource->data,
                                           resource->len));

    if (rc != 0
        || json_array_append_new(methods, json_string("header")) != 0
        || ngx_http_tenant_metadata_servers(r, servers) != NGX_OK)
    {
        goto failed;
    }

    if (tlcf->scopes == NULL) {
        return root;
    }

    scopes = json_array();

    if (json_object_set_new(root, "scopes_supported", scopes) != 0) {
        goto failed;
    }

    scope = tlcf->scopes->elts;

    for (i = 0; i < tlcf->scopes->nelts; i++) {
        if (ngx_http_tenant_metadata_append(scopes, &scope[i]) != NGX_OK) {
            goto failed;
        }
    }

    return root;

failed:

    json_decref(root);

    return NULL;
}


static ngx_int_t
ngx_http_tenant_metadata_servers(ngx_http_request_t *r, json_t *list)
{
    ngx_int_t                     rc;
    ngx_str_t                     id, *iss;
    ngx_uint_t                    i;
    ngx_http_tenant_tenant_t     *tenant;
    ngx_http_tenant_servers_t    *servers;
    ngx_http_tenant_loc_conf_t   *tlcf;
    ngx_http_tenant_main_conf_t  *tmcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tenant_module);
    tmcf = ngx_http_get_module_main_conf(r, ngx_http_tenant_module);

    servers = tlcf->servers;

    if (ngx_http_tenant_registry_sync(tmcf->registry) != NGX_OK) {
        return NGX_ERROR;
    }

    if (servers == NULL) {
        return ngx_http_tenant_metadata_issuers(r, NULL, list);
    }

    iss = servers->urls.elts;

    for (i = 0; i < servers->urls.nelts; i++) {
        if (ngx_http_tenant_metadata_append(list, &iss[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (servers->tenant == NULL) {
        return NGX_OK;
    }

    if (ngx_http_complex_value(r, servers->tenant, &id) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_tenant_registry_tenant(tmcf->registry, &id, &tenant)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_http_tenant_metadata_issuers(r, tenant, list);

    ngx_http_tenant_object_unref(&tenant->object);

    return rc;
}


static ngx_int_t
ngx_http_tenant_metadata_issuers(ngx_http_request_t *r,
    ngx_http_tenant_tenant_t *tenant, json_t *list)
{
    ngx_str_t                    *iss;
    ngx_uint_t                    i;
    ngx_array_t                   names;
    ngx_http_tenant_main_conf_t  *tmcf;

    tmcf = ngx_http_get_module_main_conf(r, ngx_http_tenant_module);

    if (ngx_array_init(&names, r->pool, 8, sizeof(ngx_str_t)) != NGX_OK
        || ngx_http_tenant_registry_issuers(tmcf->registry, tenant,
                                            NGX_HTTP_TENANT_SERVERS_MAX,
                                            &names)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    iss = names.elts;

    for (i = 0; i < names.nelts; i++) {
        if (ngx_http_tenant_metadata_append(list, &iss[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_metadata_append(json_t *list, ngx_str_t *text)
{
    return json_array_append_new(list,
                                 json_stringn((char *) text->data, text->len))
           == 0 ? NGX_OK : NGX_ERROR;
}


/*
 * Section 3.1: between host and path of the resource.  "https://a.example"
 * and "https://a.example/" have the bare well-known path.
 */

ngx_int_t
ngx_http_tenant_metadata_url(ngx_http_request_t *r, ngx_str_t *url)
{
    u_char                      *p, *last, *path;
    ngx_str_t                    resource;
    ngx_http_tenant_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tenant_module);

    if (tlcf->resource == NULL) {
        return NGX_DECLINED;
    }

    if (ngx_http_complex_value(r, tlcf->resource, &resource) != NGX_OK) {
        return NGX_ERROR;
    }

    last = resource.data + resource.len;

    /* it is made of variables: it must not end the quoted string */

    for (p = resource.data; p < last; p++) {
        if (*p <= 0x20 || *p >= 0x7f || *p == '"' || *p == '\\') {
            return NGX_DECLINED;
        }
    }

    p = ngx_strlcasestrn(resource.data, last, (u_char *) "://", 3 - 1);
    if (p == NULL) {
        return NGX_DECLINED;
    }

    path = ngx_strlchr(p + 3, last, '/');
    if (path == NULL || path + 1 == last) {
        last = path ? path : last;
        path = last;
    }

    url->data = ngx_pnalloc(r->pool,
                            resource.len + ngx_http_tenant_well_known.len);
    if (url->data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(url->data, resource.data, path - resource.data);
    p = ngx_cpymem(p, ngx_http_tenant_well_known.data,
                   ngx_http_tenant_well_known.len);
    p = ngx_cpymem(p, path, last - path);

    url->len = p - url->data;

    return NGX_OK;
}


static ngx_uint_t
ngx_http_tenant_granted(ngx_http_tenant_identity_t *identity,
    ngx_str_t *scope)
{
    size_t   len;
    u_char  *p, *last;

    p = identity->scopes.data;
    last = p + identity->scopes.len;

    for ( /* void */ ; p < last; p += len + 1) {
        len = ngx_strlen(p);

        if (len == scope->len && ngx_memcmp(p, scope->data, len) == 0) {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_http_tenant_scopes(ngx_http_request_t *r,
    ngx_http_tenant_identity_t *identity, ngx_str_t *missing)
{
    u_char                      *p;
    size_t                       len;
    ngx_str_t                   *scope;
    ngx_uint_t                   i;
    ngx_http_tenant_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tenant_module);

    scope = tlcf->scopes->elts;
    ngx_str_null(missing);

    for (i = 0, len = 0; i < tlcf->scopes->nelts; i++) {
        len += scope[i].len + 1;
    }

    for (i = 0; i < tlcf->scopes->nelts; i++) {

        if (ngx_http_tenant_granted(identity, &scope[i])) {
            continue;
        }

        if (missing->data == NULL) {
            missing->data = ngx_pnalloc(r->pool, len);
            if (missing->data == NULL) {
                return NGX_ERROR;
            }
        }

        p = missing->data + missing->len;

        if (missing->len) {
            *p++ = ' ';
        }

        p = ngx_cpymem(p, scope[i].data, scope[i].len);
        missing->len = p - missing->data;
    }

    return missing->len ? NGX_DECLINED : NGX_OK;
}
