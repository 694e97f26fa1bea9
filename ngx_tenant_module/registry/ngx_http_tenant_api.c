/* Requests to the control plane: what is asked, and who does it. */

#include "ngx_http_tenant_api.h"
#include "../identity/ngx_http_tenant_identity.h"


#define NGX_HTTP_TENANT_API_POOL    4096
#define NGX_HTTP_TENANT_API_OBJECT  (1024 * 1024)      /* bytes of a body */
#define NGX_HTTP_TENANT_API_KEY     255

#define NGX_HTTP_TENANT_API_READ    (NGX_HTTP_GET|NGX_HTTP_HEAD)


static ngx_int_t ngx_http_tenant_api_handler(ngx_http_request_t *r);
static ngx_http_tenant_api_t *ngx_http_tenant_api_create(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_tenant_api_who(ngx_http_tenant_api_t *api);
static void ngx_http_tenant_api_cleanup(void *data);
static void ngx_http_tenant_api_free(ngx_http_tenant_api_t *api);
static ngx_uint_t ngx_http_tenant_api_check(ngx_http_tenant_api_t *api);
static ngx_uint_t ngx_http_tenant_api_method(ngx_http_tenant_api_t *api);
static ngx_uint_t ngx_http_tenant_api_arguments(ngx_http_tenant_api_t *api);
static ngx_uint_t ngx_http_tenant_api_media(ngx_http_tenant_api_t *api);
static ngx_uint_t ngx_http_tenant_api_headers(ngx_http_tenant_api_t *api);
static ngx_int_t ngx_http_tenant_api_find_header(ngx_http_tenant_api_t *api,
    const char *name, size_t len, ngx_str_t *value);
static void ngx_http_tenant_api_body_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_tenant_api_take_body(ngx_http_tenant_api_t *api);
static void ngx_http_tenant_api_start(ngx_http_tenant_api_t *api);


/* What can be done with a resource, and said of it in the query. */

static const struct {
    ngx_uint_t   methods;
    const char  *allow;
    unsigned     read;                  /* arguments */
    unsigned     write;
} ngx_http_tenant_api_resources[] = {

    { NGX_HTTP_TENANT_API_READ|NGX_HTTP_POST, "GET, HEAD, POST",
      TENANT_ARG_LIMIT|TENANT_ARG_AFTER, TENANT_ARG_DRY_RUN },

    { NGX_HTTP_TENANT_API_READ|NGX_HTTP_PUT|NGX_HTTP_PATCH|NGX_HTTP_DELETE,
      "GET, HEAD, PUT, PATCH, DELETE", 0, TENANT_ARG_DRY_RUN },

    { NGX_HTTP_POST, "POST", 0, TENANT_ARG_DRY_RUN },

    { NGX_HTTP_TENANT_API_READ, "GET, HEAD", 0, 0 },

    { NGX_HTTP_POST, "POST", 0, TENANT_ARG_DRY_RUN|TENANT_ARG_ATOMIC },

    { NGX_HTTP_POST, "POST", 0, TENANT_ARG_DRY_RUN|TENANT_ARG_PRUNE },

    { NGX_HTTP_TENANT_API_READ, "GET, HEAD", TENANT_ARG_SECRETS, 0 },

    { NGX_HTTP_TENANT_API_READ, "GET, HEAD",
      TENANT_ARG_LIMIT|TENANT_ARG_AFTER, 0 },

    { NGX_HTTP_TENANT_API_READ, "GET, HEAD", 0, 0 }
};


char *
ngx_http_tenant_api_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_tenant_loc_conf_t  *tlcf = conf;

    ngx_http_core_loc_conf_t     *clcf;
    ngx_http_tenant_main_conf_t  *tmcf;

    if (tlcf->api) {
        return "is duplicate";
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->name.len == 0 || clcf->name.data[0] != '/' || clcf->exact_match
#if (NGX_PCRE)
        || clcf->regex
#endif
        )
    {
        return "belongs to a location that is given by a prefix";
    }

    tmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_tenant_module);

    if (tmcf->thread_pool == NULL
        && ngx_http_tenant_writer_init(cf, tmcf) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    tlcf->api = 1;
    clcf->handler = ngx_http_tenant_api_handler;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_tenant_api_handler(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_http_tenant_api_t  *api;

    api = ngx_http_tenant_api_create(r);
    if (api == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (!ngx_http_tenant_api_check(api)) {
        rc = ngx_http_discard_request_body(r);
        if (rc != NGX_OK) {
            return rc;
        }

        r->main->count++;
        ngx_http_tenant_api_answer(api);

        return NGX_DONE;
    }

    if (r->method & NGX_HTTP_TENANT_API_READ) {
        rc = ngx_http_discard_request_body(r);
        if (rc != NGX_OK) {
            return rc;
        }

        r->main->count++;
        ngx_http_tenant_api_start(api);

        return NGX_DONE;
    }

    rc = ngx_http_read_client_request_body(r,
                                           ngx_http_tenant_api_body_handler);

    return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}


static ngx_http_tenant_api_t *
ngx_http_tenant_api_create(ngx_http_request_t *r)
{
    ngx_pool_t             *pool;
    ngx_pool_cleanup_t     *cln;
    ngx_http_tenant_api_t  *api;

    /* threads take from it: nothing of the request's is there */

    pool = ngx_create_pool(NGX_HTTP_TENANT_API_POOL, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    api = ngx_pcalloc(pool, sizeof(ngx_http_tenant_api_t));
    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (api == NULL || cln == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    api->pool = pool;
    api->request = r;
    api->method = r->method;
    api->fd = NGX_INVALID_FILE;
    api->tmcf = ngx_http_get_module_main_conf(r, ngx_http_tenant_module);
    api->job.data = api;
    api->job.done = ngx_http_tenant_api_done;

    ngx_http_tenant_api_text_init(&api->text, pool);

    if (ngx_http_tenant_api_who(api) != NGX_OK) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    cln->handler = ngx_http_tenant_api_cleanup;
    cln->data = api;

    return api;
}


/* Who asks, for the log and for keys of repeated requests. */

static ngx_int_t
ngx_http_tenant_api_who(ngx_http_tenant_api_t *api)
{
    ngx_str_t                   *iss, *subject;
    ngx_http_tenant_caller_t    *caller;

    caller = ngx_http_tenant_caller_known(api->request);

    if (caller == NULL || caller->identity == NULL) {
        return NGX_OK;
    }

    /* encoded as for a header: a log is no place for its bytes either */

    iss = &caller->identity->issuer->sn.str;
    subject = &caller->identity->subject_header;

    api->who.data = ngx_pnalloc(api->pool, iss->len + 1 + subject->len);
    if (api->who.data == NULL) {
        return NGX_ERROR;
    }

    api->who.len = ngx_sprintf(api->who.data, "%V#%V", iss, subject)
                   - api->who.data;

    return NGX_OK;
}


/* The request is over; a thread may still be at it. */

static void
ngx_http_tenant_api_cleanup(void *data)
{
    ngx_http_tenant_api_t  *api = data;

    api->request = NULL;

    if (!api->busy) {
        ngx_http_tenant_api_free(api);
    }
}


ngx_http_tenant_api_t *
ngx_http_tenant_api_of(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t  *cln;

    /* the module's context is that of the phases */

    for (cln = r->pool->cleanup;
         cln->handler != ngx_http_tenant_api_cleanup;
         cln = cln->next)
    {
        /* void */
    }

    return cln->data;
}


static void
ngx_http_tenant_api_free(ngx_http_tenant_api_t *api)
{
    ngx_http_tenant_read_end(api->tmcf, &api->job);

    if (api->fd != NGX_INVALID_FILE
        && ngx_close_file(api->fd) == NGX_FILE_ERROR)
    {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      ngx_close_file_n " of a body failed");
    }

    ngx_http_tenant_api_text_free(&api->text);
    ngx_destroy_pool(api->pool);
}


/* Whether it may go on; if not, the answer is made. */

static ngx_uint_t
ngx_http_tenant_api_check(ngx_http_tenant_api_t *api)
{
    tenant_str_t             arg;
    tenant_target_result_t   rc;
    const char              *what;

    rc = ngx_http_tenant_api_target(api->request, api->pool, &api->base,
                                    &api->path, &api->target, &api->kind,
                                    &arg);

    switch (rc) {

    case TENANT_TARGET_OK:
        return ngx_http_tenant_api_method(api)
               && ngx_http_tenant_api_arguments(api)
               && ngx_http_tenant_api_media(api)
               && ngx_http_tenant_api_headers(api);

    case TENANT_TARGET_NONE:
        ngx_http_tenant_api_problem(api, NGX_HTTP_NOT_FOUND, "not-found",
                                    "there is no such resource");
        return 0;

    case TENANT_TARGET_ENCODING:
        what = "the %-encoding is broken";
        break;

    case TENANT_TARGET_UNKNOWN:
        what = "unknown argument";
        break;

    case TENANT_TARGET_REPEATED:
        what = "repeated argument";
        break;

    default:
        what = "the value of the argument cannot be";
    }

    if (arg.len > 64) {
        arg.len = 64;
    }

    ngx_http_tenant_api_problem(api, NGX_HTTP_BAD_REQUEST, "invalid-request",
                                "%s%s%*s%s", what, arg.len ? " \"" : "",
                                arg.len, arg.data ? arg.data : "",
                                arg.len ? "\"" : "");

    return 0;
}


static ngx_uint_t
ngx_http_tenant_api_method(ngx_http_tenant_api_t *api)
{
    ngx_uint_t  resource;

    resource = api->target.resource;

    if (!(api->method & ngx_http_tenant_api_resources[resource].methods)) {
        api->allow = ngx_http_tenant_api_resources[resource].allow;
        ngx_http_tenant_api_problem(api, NGX_HTTP_NOT_ALLOWED,
                                    "method-not-allowed",
                                    "only %s here", api->allow);
        return 0;
    }

    if (!(api->method & NGX_HTTP_TENANT_API_READ)
        && !ngx_http_tenant_registry_live(api->tmcf->registry))
    {
        api->allow = "GET, HEAD";
        ngx_http_tenant_api_problem(api, NGX_HTTP_NOT_ALLOWED,
                                    "registry-read-only",
                                    "the registry is a document: change the "
                                    "file, and reload");
        return 0;
    }

    return 1;
}


static ngx_uint_t
ngx_http_tenant_api_arguments(ngx_http_tenant_api_t *api)
{
    unsigned     allowed, wrong;
    ngx_uint_t   resource;

    resource = api->target.resource;

    if (api->method & NGX_HTTP_TENANT_API_READ) {
        allowed = ngx_http_tenant_api_resources[resource].read;

        if (resource == TENANT_TARGET_COLLECTION) {

            switch (api->kind) {

            case NGX_HTTP_TENANT_KIND_TENANT:
                allowed |= TENANT_ARG_STATUS|TENANT_ARG_TIER
                           |TENANT_ARG_PREFIX;
                break;

            case NGX_HTTP_TENANT_KIND_ISSUER:
                allowed |= TENANT_ARG_TENANT;
                break;

            case NGX_HTTP_TENANT_KIND_REVOCATION:
                allowed |= TENANT_ARG_TENANT|TENANT_ARG_ISSUER;
                break;
            }
        }

    } else {
        allowed = ngx_http_tenant_api_resources[resource].write;
    }

    wrong = api->target.given & ~allowed;

    if (wrong) {
        ngx_http_tenant_api_problem(api, NGX_HTTP_BAD_REQUEST,
                                    "invalid-request",
                                    "an argument does not belong here");
        return 0;
    }

    api->job.dry = api->target.dry_run;

    return 1;
}


/* RFC 9110, section 8.3: parameters do not change what these types are. */

static ngx_uint_t
ngx_http_tenant_api_media(ngx_http_tenant_api_t *api)
{
    size_t               len;
    u_char              *p;
    const char          *type;
    ngx_table_elt_t     *h;
    ngx_http_request_t  *r;

    if (api->method & (NGX_HTTP_TENANT_API_READ|NGX_HTTP_DELETE)) {
        return 1;
    }

    r = api->request;
    h = r->headers_in.content_type;

    type = api->method == NGX_HTTP_PATCH ? "application/merge-patch+json"
           : api->target.resource == TENANT_TARGET_IMPORT
             ? "application/x-ndjson" : "application/json";

    if (api->target.resource == TENANT_TARGET_ACTION && h == NULL) {
        return 1;
    }

    if (h) {
        p = ngx_strlchr(h->value.data, h->value.data + h->value.len, ';');
        len = p ? (size_t) (p - h->value.data) : h->value.len;

        while (len && (h->value.data[len - 1] == ' '
                       || h->value.data[len - 1] == '\t'))
        {
            len--;
        }

        if (len == ngx_strlen(type)
            && ngx_strncasecmp(h->value.data, (u_char *) type, len) == 0)
        {
            return 1;
        }
    }

    ngx_http_tenant_api_problem(api, NGX_HTTP_UNSUPPORTED_MEDIA_TYPE,
                                "unsupported-media-type",
                                "the body has to be %s", type);

    return 0;
}


static ngx_uint_t
ngx_http_tenant_api_headers(ngx_http_tenant_api_t *api)
{
    ngx_table_elt_t  *h;

    h = api->request->headers_in.if_match;

    if (h && (api->if_match.data = ngx_pstrdup(api->pool, &h->value))) {
        api->if_match.len = h->value.len;
    }

    h = api->request->headers_in.if_none_match;

    if (h && (api->if_none_match.data = ngx_pstrdup(api->pool, &h->value))) {
        api->if_none_match.len = h->value.len;
    }

    if (api->method != NGX_HTTP_POST) {
        return 1;
    }

    switch (ngx_http_tenant_api_find_header(api, "idempotency-key",
                                            sizeof("idempotency-key") - 1,
                                            &api->idempotency_key))
    {
    case NGX_DECLINED:
        return 1;

    case NGX_OK:
        break;

    default:
        goto refused;
    }

    if (api->idempotency_key.len == 0
        || api->idempotency_key.len > NGX_HTTP_TENANT_API_KEY
        || api->target.resource == TENANT_TARGET_IMPORT)
    {
        goto refused;
    }

    return 1;

refused:

    ngx_http_tenant_api_problem(api, NGX_HTTP_BAD_REQUEST, "invalid-request",
                                api->target.resource == TENANT_TARGET_IMPORT
                                ? "an import takes no Idempotency-Key: "
                                  "repeating it changes nothing more"
                                : "Idempotency-Key has to be one, of 1 to "
                                  "255 bytes");

    return 0;
}


/* NGX_DECLINED: there is none; NGX_ERROR: there are two. */

static ngx_int_t
ngx_http_tenant_api_find_header(ngx_http_tenant_api_t *api, const char *name,
    size_t len, ngx_str_t *value)
{
    ngx_int_t         rc;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    rc = NGX_DECLINED;
    part = &api->request->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return rc;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len != len
            || ngx_strncasecmp(h[i].key.data, (u_char *) name, len) != 0)
        {
            continue;
        }

        if (rc == NGX_OK) {
            return NGX_ERROR;
        }

        value->len = h[i].value.len;
        value->data = ngx_pstrdup(api->pool, &h[i].value);

        if (value->data == NULL) {
            return NGX_ERROR;
        }

        rc = NGX_OK;
    }
}


tenant_target_result_t
ngx_http_tenant_api_target(ngx_http_request_t *r, ngx_pool_t *pool,
    ngx_str_t *base, ngx_str_t *path, tenant_target_t *target,
    ngx_uint_t *kind, tenant_str_t *arg)
{
    u_char                    *p, *last;
    char                      *buf;
    ngx_str_t                  uri;
    ngx_uint_t                 i;
    tenant_target_result_t     rc;
    ngx_http_core_loc_conf_t  *clcf;

    /*
     * As it came, since an id may have an encoded "/".  What does not spell
     * the location as the configuration does is not found.
     */

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    *base = clcf->name;

    if (base->len && base->data[base->len - 1] == '/') {
        base->len--;
    }

    ngx_memzero(arg, sizeof(tenant_str_t));
    ngx_memzero(target, sizeof(tenant_target_t));
    *kind = 0;

    uri.len = r->unparsed_uri.len;
    uri.data = ngx_pstrdup(pool, &r->unparsed_uri);
    buf = ngx_pnalloc(pool, uri.len + 1);

    if (uri.data == NULL || buf == NULL || uri.len < base->len
        || ngx_memcmp(uri.data, base->data, base->len) != 0)
    {
        return TENANT_TARGET_NONE;
    }

    last = uri.data + uri.len;
    p = ngx_strlchr(uri.data, last, '?');

    path->data = uri.data;
    path->len = (p ? p : last) - uri.data;

    if (path->len < base->len) {
        return TENANT_TARGET_NONE;
    }

    rc = tenant_target_parse((char *) path->data + base->len,
                             path->len - base->len,
                             p ? (char *) p + 1 : (char *) last,
                             p ? last - p - 1 : 0, buf, target, arg);

    for (i = 1; i < NGX_HTTP_TENANT_KINDS; i++) {
        if (target->collection.len == ngx_http_tenant_collections[i].len
            && ngx_memcmp(target->collection.data,
                          ngx_http_tenant_collections[i].data,
                          target->collection.len)
               == 0)
        {
            *kind = i;
        }
    }

    return rc;
}


static void
ngx_http_tenant_api_body_handler(ngx_http_request_t *r)
{
    ngx_http_tenant_api_t  *api;

    api = ngx_http_tenant_api_of(r);

    if (ngx_http_tenant_api_take_body(api) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_http_tenant_api_start(api);
}


/* The thread outlives the request, so what it reads must, too. */

static ngx_int_t
ngx_http_tenant_api_take_body(ngx_http_tenant_api_t *api)
{
    u_char                   *p;
    size_t                    len;
    ngx_buf_t                *b;
    ngx_chain_t              *cl;
    ngx_http_request_body_t  *rb;

    rb = api->request->request_body;

    if (rb == NULL) {
        api->body.data = (u_char *) "";
        return NGX_OK;
    }

    if (rb->temp_file) {
        api->fd = dup(rb->temp_file->file.fd);
        api->body_size = rb->temp_file->file.offset;

        return api->fd == NGX_INVALID_FILE ? NGX_ERROR : NGX_OK;
    }

    len = 0;

    for (cl = rb->bufs; cl; cl = cl->next) {
        len += cl->buf->last - cl->buf->pos;
    }

    p = ngx_pnalloc(api->pool, len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    api->body.data = p;
    api->body.len = len;
    api->body_size = len;

    for (cl = rb->bufs; cl; cl = cl->next) {
        b = cl->buf;

        /* a body without a byte is a buffer without memory */

        if (b->last != b->pos) {
            p = ngx_cpymem(p, b->pos, b->last - b->pos);
        }
    }

    return NGX_OK;
}


static void
ngx_http_tenant_api_start(ngx_http_tenant_api_t *api)
{
    ngx_uint_t  read;

    read = api->method & NGX_HTTP_TENANT_API_READ;

    switch (api->target.resource) {

    case TENANT_TARGET_COLLECTION:
        api->job.run = read ? ngx_http_tenant_api_run_list
                            : ngx_http_tenant_api_run_change;
        break;

    case TENANT_TARGET_OBJECT:
        api->job.run = read ? ngx_http_tenant_api_run_object
                            : ngx_http_tenant_api_run_change;
        break;

    case TENANT_TARGET_ACTION:
        api->job.run = ngx_http_tenant_api_run_change;
        break;

    case TENANT_TARGET_STATE:
        ngx_http_tenant_api_state(api);
        return;

    case TENANT_TARGET_IMPORT:
        ngx_http_tenant_api_import(api);
        return;

    case TENANT_TARGET_APPLY:
        ngx_http_tenant_api_apply(api);
        return;

    case TENANT_TARGET_EXPORT:
        ngx_http_tenant_api_export(api);
        return;

    case TENANT_TARGET_CHANGES:
        api->job.run = ngx_http_tenant_api_run_changes;
        break;

    default: /* TENANT_TARGET_HEALTH */
        api->job.run = ngx_http_tenant_api_run_health;
    }

    if (read) {
        ngx_http_tenant_api_read(api);

    } else {
        ngx_http_tenant_api_write(api);
    }
}


void
ngx_http_tenant_api_read(ngx_http_tenant_api_t *api)
{
    api->busy = 1;

    if (ngx_http_tenant_read(api->tmcf, &api->job) != NGX_OK) {
        api->busy = 0;
        ngx_http_tenant_api_fault(api, NGX_HTTP_SERVICE_UNAVAILABLE);
        ngx_http_tenant_api_answer(api);
    }
}


void
ngx_http_tenant_api_write(ngx_http_tenant_api_t *api)
{
    api->busy = 1;

    if (ngx_http_tenant_write(api->tmcf, &api->job) != NGX_OK) {
        api->busy = 0;
        ngx_http_tenant_api_fault(api, NGX_HTTP_SERVICE_UNAVAILABLE);
        ngx_http_tenant_api_answer(api);
    }
}


void
ngx_http_tenant_api_done(ngx_http_tenant_job_t *job)
{
    ngx_http_tenant_api_t  *api;

    api = job->data;
    api->busy = 0;

    if (api->request == NULL) {
        ngx_http_tenant_api_free(api);
        return;
    }

    if (job->rc == NGX_ERROR) {
        ngx_http_tenant_api_fault(api, job->status);
    }

    ngx_http_tenant_api_answer(api);
}
