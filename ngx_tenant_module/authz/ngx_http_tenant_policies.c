/* Policy files, compiled when nginx reads its configuration. */

#include "ngx_http_tenant_authz.h"
#include "ngx_http_tenant_policies.h"
#include "../ngx_http_tenant_file.h"


/* Without a schema v.schema is NULL, and nothing is validated. */
typedef struct {
    policy_validation_t    v;
    ngx_conf_t            *cf;
} ngx_http_tenant_validation_t;


static ngx_int_t ngx_http_tenant_policies_add(ngx_conf_t *cf,
    ngx_http_tenant_policies_t *policies,
    ngx_http_tenant_validation_t *validation, ngx_str_t *pattern);
static ngx_int_t ngx_http_tenant_policies_file(ngx_conf_t *cf,
    ngx_http_tenant_policies_t *policies,
    ngx_http_tenant_validation_t *validation, ngx_str_t *name);
static ngx_int_t ngx_http_tenant_schema_open(ngx_conf_t *cf,
    ngx_str_t *path, policy_set_options_t *options,
    ngx_http_tenant_validation_t *validation);
static void ngx_http_tenant_schema_finding(void *data,
    const policy_finding_t *finding);
static policy_status_t ngx_http_tenant_policies_uses(
    ngx_http_tenant_policies_t *policies);
static void ngx_http_tenant_policies_cleanup(void *data);
static void *ngx_http_tenant_chunk_alloc(void *data, size_t size);
static void ngx_http_tenant_chunk_free(void *data, void *chunk, size_t size);


const policy_memory_t  ngx_http_tenant_policy_memory = {
    ngx_http_tenant_chunk_alloc,
    ngx_http_tenant_chunk_free,
    NULL
};


ngx_http_tenant_policies_t *
ngx_http_tenant_policies_compile(ngx_conf_t *cf,
    ngx_http_tenant_main_conf_t *tmcf, ngx_array_t *files,
    ngx_str_t *schema)
{
    ngx_str_t                      *name;
    ngx_uint_t                      i;
    policy_error_t                  err;
    ngx_pool_cleanup_t             *cln;
    policy_set_options_t            options;
    ngx_http_tenant_policies_t     *policies, **slot;
    ngx_http_tenant_validation_t    validation;

    policies = ngx_pcalloc(cf->pool, sizeof(ngx_http_tenant_policies_t));
    if (policies == NULL) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    slot = ngx_array_push(&tmcf->policies);
    if (slot == NULL) {
        return NULL;
    }

    *slot = policies;

    ngx_memzero(&options, sizeof(policy_set_options_t));
    options.id_annotation = 1;

    if (policy_set_create(&ngx_http_tenant_policy_memory, &options,
                          &policies->set)
        != POLICY_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "tenant_policy_file: no memory");
        return NULL;
    }

    cln->handler = ngx_http_tenant_policies_cleanup;
    cln->data = policies;

    if (ngx_http_tenant_schema_open(cf, schema, &options, &validation)
        != NGX_OK)
    {
        return NULL;
    }

    name = files->elts;

    for (i = 0; i < files->nelts; i++) {
        if (ngx_http_tenant_policies_add(cf, policies, &validation, &name[i])
            != NGX_OK)
        {
            break;
        }
    }

    if (validation.v.schema) {
        policy_schema_destroy((policy_schema_t *) validation.v.schema);
    }

    if (i < files->nelts || validation.v.errors) {
        return NULL;
    }

    if (policy_set_finish(policies->set, &err) != POLICY_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "tenant_policy_file: "
                           "%s:%uD:%uD: %s", err.file, err.line, err.column,
                           err.message);
        return NULL;
    }

    if (policy_set_count(policies->set) == 0) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0, "tenant_policy_file \"%V\": "
                           "no policy in it, everything is denied",
                           &name[0]);
    }

    if (ngx_http_tenant_policies_uses(policies) != POLICY_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "tenant_policy_file: no memory");
        return NULL;
    }

    return policies;
}


static ngx_int_t
ngx_http_tenant_policies_add(ngx_conf_t *cf,
    ngx_http_tenant_policies_t *policies,
    ngx_http_tenant_validation_t *validation, ngx_str_t *pattern)
{
    ngx_int_t    rc;
    ngx_str_t    name;
    ngx_uint_t   n;
    ngx_glob_t   gl;

    if (strpbrk((char *) pattern->data, "*?[") == NULL) {
        return ngx_http_tenant_policies_file(cf, policies, validation,
                                             pattern);
    }

    ngx_memzero(&gl, sizeof(ngx_glob_t));

    gl.pattern = pattern->data;
    gl.log = cf->log;
    gl.test = 1;

    if (ngx_open_glob(&gl) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_glob_n " \"%s\" failed", gl.pattern);
        return NGX_ERROR;
    }

    for (n = 0; /* void */ ; n++) {
        rc = ngx_read_glob(&gl, &name);

        if (rc != NGX_OK) {
            break;
        }

        /* glob's strings go away with it, and are its own: copy */

        name.data = ngx_pstrdup(cf->pool, &name);
        if (name.data == NULL) {
            ngx_close_glob(&gl);
            return NGX_ERROR;
        }

        if (ngx_http_tenant_policies_file(cf, policies, validation, &name)
            != NGX_OK)
        {
            ngx_close_glob(&gl);
            return NGX_ERROR;
        }
    }

    ngx_close_glob(&gl);

    if (n == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "tenant_policy_file: no file matches \"%V\"",
                           pattern);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_policies_file(ngx_conf_t *cf,
    ngx_http_tenant_policies_t *policies,
    ngx_http_tenant_validation_t *validation, ngx_str_t *name)
{
    u_char           *path;
    ngx_str_t         content;
    policy_str_t      file, text;
    policy_error_t    err;
    policy_status_t   rc;

    path = ngx_pnalloc(cf->temp_pool, name->len + 1);
    if (path == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(path, name->data, name->len);
    path[name->len] = '\0';

    file.data = (char *) path;
    file.len = name->len;
    name->data = path;

    if (ngx_http_tenant_file_read(cf, "tenant_policy_file", name,
                                  POLICY_MAX_TEXT, &content)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    text.data = (char *) content.data;
    text.len = content.len;

    rc = policy_set_add(policies->set, file, text, &err);

    if (rc == POLICY_OK && validation->v.schema) {
        rc = policy_validate(&validation->v, file, text, &err);
    }

    ngx_free(content.data);

    if (rc == POLICY_OK) {
        return NGX_OK;
    }

    if (err.line) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "tenant_policy_file: %V:%uD:%uD: %s", name,
                           err.line, err.column, err.message);

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "tenant_policy_file: %V: %s", name, err.message);
    }

    return NGX_ERROR;
}


/* The path is full, or empty: no schema. */

static ngx_int_t
ngx_http_tenant_schema_open(ngx_conf_t *cf, ngx_str_t *path,
    policy_set_options_t *options, ngx_http_tenant_validation_t *validation)
{
    ngx_str_t          content;
    policy_str_t       file, text;
    policy_error_t     err;
    policy_status_t    rc;
    policy_schema_t   *schema;

    ngx_memzero(validation, sizeof(ngx_http_tenant_validation_t));

    if (path->len == 0) {
        return NGX_OK;
    }

    if (ngx_http_tenant_file_read(cf, "tenant_policy_schema", path,
                                  POLICY_MAX_TEXT, &content)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    text.data = (char *) content.data;
    text.len = content.len;

    file.data = (char *) path->data;
    file.len = path->len;

    rc = policy_schema_create(&ngx_http_tenant_policy_memory, file, text,
                              POLICY_SCHEMA_AUTO, &schema, &err);

    ngx_free(content.data);

    if (rc != POLICY_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "tenant_policy_schema: %V:%uD:%uD: %s", path,
                           err.line, err.column, err.message);
        return NGX_ERROR;
    }

    validation->v.schema = schema;
    validation->v.memory = ngx_http_tenant_policy_memory;
    validation->v.options = *options;
    validation->v.report = ngx_http_tenant_schema_finding;
    validation->v.data = validation;
    validation->cf = cf;

    return NGX_OK;
}


static void
ngx_http_tenant_schema_finding(void *data, const policy_finding_t *finding)
{
    ngx_http_tenant_validation_t  *validation = data;

    ngx_str_t   file, id;
    ngx_uint_t  level;

    file.data = (u_char *) finding->file.data;
    file.len = finding->file.len;
    id.data = (u_char *) finding->policy.data;
    id.len = finding->policy.len;

    level = finding->severity == POLICY_FINDING_ERROR ? NGX_LOG_EMERG
                                                      : NGX_LOG_WARN;

    ngx_conf_log_error(level, validation->cf, 0,
                       "tenant_policy_schema: %V:%uD:%uD: policy \"%V\": %s",
                       &file, finding->line, finding->column, &id,
                       finding->message);
}


/* A context key that no policy looks at is not built. */

static policy_status_t
ngx_http_tenant_policies_uses(ngx_http_tenant_policies_t *policies)
{
    size_t               i, n;
    ngx_uint_t           whole;
    policy_str_t         names[NGX_HTTP_TENANT_CONTEXT_KEYS];
    policy_status_t      rc;
    const policy_use_t  *uses;

    rc = policy_set_uses(policies->set, &uses, &n);
    if (rc != POLICY_OK) {
        return rc;
    }

    whole = 0;

    for (i = 0; i < n; i++) {
        if (uses[i].kind == POLICY_USE_ANY_TAG) {
            policies->any_tag = 1;
        }

        if (uses[i].variable == POLICY_CONTEXT
            && uses[i].kind == POLICY_USE_WHOLE)
        {
            whole = 1;
        }
    }

    for (i = 0; i < NGX_HTTP_TENANT_CONTEXT_KEYS; i++) {
        if (whole
            || policy_set_uses_attr(policies->set, POLICY_CONTEXT,
                                    ngx_http_tenant_context_keys[i]))
        {
            names[policies->nkeys] = ngx_http_tenant_context_keys[i];
            policies->keys[policies->nkeys++] = (u_char) i;
        }
    }

    return policy_layout_create(&ngx_http_tenant_policy_memory, names,
                                policies->nkeys, &policies->layout);
}


static void
ngx_http_tenant_policies_cleanup(void *data)
{
    ngx_http_tenant_policies_t  *policies = data;

    policy_layout_destroy(policies->layout);
    policy_set_destroy(policies->set);
}


static void *
ngx_http_tenant_chunk_alloc(void *data, size_t size)
{
    return malloc(size);
}


static void
ngx_http_tenant_chunk_free(void *data, void *chunk, size_t size)
{
    free(chunk);
}
