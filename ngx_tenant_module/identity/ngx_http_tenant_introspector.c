/* An issuer's introspection endpoint: credentials, and how it is doing. */

#include "ngx_http_tenant_introspect.h"
#include "ngx_http_tenant_issuer_state.h"
#include "tenant_introspection.h"
#include "../ngx_http_tenant_file.h"


#define NGX_HTTP_TENANT_INTROSPECTOR_RUNNING  16    /* in a worker */
#define NGX_HTTP_TENANT_INTROSPECTOR_BACKOFF  30    /* seconds, at most */
#define NGX_HTTP_TENANT_INTROSPECTOR_SECRET   4096  /* bytes, of a file */


static ngx_int_t ngx_http_tenant_introspector_url(
    ngx_http_tenant_main_conf_t *tmcf, ngx_http_tenant_issuer_t *issuer,
    ngx_str_t *error);
static ngx_int_t ngx_http_tenant_introspector_secret(
    ngx_http_tenant_issuer_t *issuer, ngx_log_t *log, ngx_str_t *text,
    ngx_str_t *error);
static ngx_int_t ngx_http_tenant_introspector_credentials(
    ngx_http_tenant_introspector_t *introspector, ngx_str_t *secret);
static void ngx_http_tenant_introspector_wipe(void *data);


ngx_int_t
ngx_http_tenant_introspector_create(ngx_http_tenant_main_conf_t *tmcf,
    ngx_http_tenant_issuer_t *issuer, ngx_log_t *log, ngx_str_t *error)
{
    ngx_int_t                        rc;
    ngx_str_t                        secret, text;
    ngx_pool_t                      *pool;
    ngx_pool_cleanup_t              *cln;
    ngx_http_tenant_introspector_t  *introspector;

    if (issuer->introspection == NULL) {
        return NGX_OK;
    }

    if (ngx_http_tenant_introspector_url(tmcf, issuer, error) != NGX_OK) {
        return NGX_ERROR;
    }

    pool = issuer->object.pool;

    introspector = ngx_pcalloc(pool, sizeof(ngx_http_tenant_introspector_t));
    cln = ngx_pool_cleanup_add(pool, 0);

    if (introspector == NULL || cln == NULL) {
        error->len = 0;
        return NGX_ERROR;
    }

    cln->handler = ngx_http_tenant_introspector_wipe;
    cln->data = introspector;

    introspector->issuer = issuer;
    introspector->tmcf = tmcf;
    introspector->shared = &introspector->local;
    ngx_queue_init(&introspector->waiting);

    issuer->introspector = introspector;

    ngx_str_null(&text);
    secret = issuer->introspection->secret;

    if (issuer->introspection->secret_file.len) {
        if (ngx_http_tenant_introspector_secret(issuer, log, &text, error)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        /* editors end the last line */

        secret = text;

        if (secret.len && secret.data[secret.len - 1] == LF) {
            secret.len--;
        }

        if (secret.len && secret.data[secret.len - 1] == CR) {
            secret.len--;
        }
    }

    if (secret.len == 0) {
        error->len = ngx_snprintf(error->data, error->len,
                                  "client secret of issuer \"%V\": \"%V\" "
                                  "is empty", &issuer->sn.str,
                                  &issuer->introspection->secret_file)
                     - error->data;
        rc = NGX_ERROR;

    } else {
        rc = ngx_http_tenant_introspector_credentials(introspector, &secret);

        if (rc != NGX_OK) {
            error->len = 0;
        }
    }

    if (text.data) {
        ngx_explicit_memzero(text.data, text.len);
        ngx_free(text.data);
    }

    return rc;
}


ngx_int_t
ngx_http_tenant_introspector_check(ngx_http_tenant_main_conf_t *tmcf,
    ngx_http_tenant_issuer_t *issuer, ngx_log_t *log, ngx_str_t *error)
{
    ngx_int_t  rc;

    /* the pool is the issuer's, and goes with it */

    rc = ngx_http_tenant_introspector_create(tmcf, issuer, log, error);

    issuer->introspector = NULL;

    return rc;
}


static ngx_int_t
ngx_http_tenant_introspector_url(ngx_http_tenant_main_conf_t *tmcf,
    ngx_http_tenant_issuer_t *issuer, ngx_str_t *error)
{
    ngx_str_t   *url;
    const char  *what;

    url = &issuer->introspection->endpoint;

    if (url->data == NULL) {

        /* that of the discovery document is judged as one of keys */

        return NGX_OK;
    }

    what = ngx_http_tenant_fetch_check(tmcf, url);

    if (what == NULL) {
        return NGX_OK;
    }

    error->len = ngx_snprintf(error->data, error->len,
                              "introspection of issuer \"%V\": \"%V\" %s",
                              &issuer->sn.str, url, what)
                 - error->data;

    return NGX_ERROR;
}


/* The text is to be wiped and freed. */

static ngx_int_t
ngx_http_tenant_introspector_secret(ngx_http_tenant_issuer_t *issuer,
    ngx_log_t *log, ngx_str_t *text, ngx_str_t *error)
{
    u_char     *p, *last;
    ngx_err_t   sys;
    ngx_str_t   reason;

    last = error->data + error->len;

    reason.data = ngx_slprintf(error->data, last,
                               "client secret of issuer \"%V\": ",
                               &issuer->sn.str);
    reason.len = last - reason.data;

    if (ngx_http_tenant_file_load(&issuer->introspection->secret_file,
                                  NGX_HTTP_TENANT_INTROSPECTOR_SECRET, log,
                                  text, &reason, &sys)
        == NGX_OK)
    {
        return NGX_OK;
    }

    p = reason.data + reason.len;

    if (sys) {
        p = ngx_slprintf(p, last, " (%d: ", sys);
        p = ngx_strerror(sys, p, last - p);
        p = ngx_slprintf(p, last, ")");
    }

    error->len = p - error->data;

    return NGX_ERROR;
}


/* RFC 6749, section 2.3.1: both are form-urlencoded, also for Basic. */

static ngx_int_t
ngx_http_tenant_introspector_credentials(
    ngx_http_tenant_introspector_t *introspector, ngx_str_t *secret)
{
    u_char                           *p;
    size_t                            len;
    ngx_str_t                        *text;
    const char                       *before, *between;
    tenant_str_t                      id, key;
    ngx_http_tenant_introspection_t  *in;

    in = introspector->issuer->introspection;

    id.data = (char *) in->client_id.data;
    id.len = in->client_id.len;
    key.data = (char *) secret->data;
    key.len = secret->len;

    if (in->auth == NGX_HTTP_TENANT_CLIENT_BASIC) {
        text = &introspector->userpwd;
        before = "";
        between = ":";

    } else {
        text = &introspector->form;
        before = "&client_id=";
        between = "&client_secret=";
    }

    len = ngx_strlen(before) + tenant_introspection_encode(NULL, id)
          + ngx_strlen(between) + tenant_introspection_encode(NULL, key);

    p = ngx_pnalloc(introspector->issuer->object.pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text->data = p;
    text->len = len;

    p = ngx_cpymem(p, before, ngx_strlen(before));
    p += tenant_introspection_encode((char *) p, id);
    p = ngx_cpymem(p, between, ngx_strlen(between));
    (void) tenant_introspection_encode((char *) p, key);

    return NGX_OK;
}


static void
ngx_http_tenant_introspector_wipe(void *data)
{
    ngx_http_tenant_introspector_t  *introspector = data;

    if (introspector->userpwd.len) {
        ngx_explicit_memzero(introspector->userpwd.data,
                             introspector->userpwd.len);
    }

    if (introspector->form.len) {
        ngx_explicit_memzero(introspector->form.data,
                             introspector->form.len);
    }

    if (introspector->endpoint.data) {
        ngx_free(introspector->endpoint.data);
    }
}


ngx_int_t
ngx_http_tenant_introspector_ready(
    ngx_http_tenant_introspector_t *introspector)
{
    ngx_uint_t                              known, trying;
    ngx_http_tenant_shared_introspector_t  *sh;

    sh = introspector->shared;

    known = (ngx_http_tenant_introspector_endpoint(introspector)->len != 0);
    trying = known ? introspector->running != 0
                   : introspector->fetch != NULL;

    /* after a failure one request finds out whether it is over */

    if (sh->failures && (ngx_time() < sh->retry || trying)) {
        return NGX_DECLINED;
    }

    return known
           && introspector->running < NGX_HTTP_TENANT_INTROSPECTOR_RUNNING
           ? NGX_OK : NGX_BUSY;
}


u_char *
ngx_http_tenant_introspector_post(
    ngx_http_tenant_introspector_t *introspector, ngx_str_t *token,
    size_t *len)
{
    u_char        *p, *post;
    tenant_str_t   text;

    static const char  before[] = "token=";
    static const char  after[] = "&token_type_hint=access_token";

    text.data = (char *) token->data;
    text.len = token->len;

    *len = sizeof(before) - 1 + tenant_introspection_encode(NULL, text)
           + sizeof(after) - 1 + introspector->form.len;

    post = ngx_alloc(*len, ngx_cycle->log);
    if (post == NULL) {
        return NULL;
    }

    p = ngx_cpymem(post, before, sizeof(before) - 1);
    p += tenant_introspection_encode((char *) p, text);
    p = ngx_cpymem(p, after, sizeof(after) - 1);

    if (introspector->form.len) {
        ngx_memcpy(p, introspector->form.data, introspector->form.len);
    }

    return post;
}


void
ngx_http_tenant_introspector_answered(
    ngx_http_tenant_introspector_t *introspector)
{
    ngx_atomic_uint_t                       failures;
    ngx_http_tenant_shared_introspector_t  *sh;

    sh = introspector->shared;

    sh->answered = ngx_time();
    sh->status = NGX_HTTP_OK;

    failures = sh->failures;

    if (failures && ngx_atomic_cmp_set(&sh->failures, failures, 0)) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "tenant: introspection at issuer \"%V\" works again "
                      "after %uA failures", &introspector->issuer->sn.str,
                      failures);
    }
}


void
ngx_http_tenant_introspector_failed(
    ngx_http_tenant_introspector_t *introspector, ngx_uint_t status,
    const char *error)
{
    time_t                                  wait;
    ngx_uint_t                              level;
    ngx_atomic_uint_t                       failures;
    ngx_http_tenant_shared_introspector_t  *sh;

    sh = introspector->shared;

    failures = sh->failures;

    /* many fail at once where one is down: that is one failure */

    if (failures && ngx_time() < sh->retry) {
        return;
    }

    failures = ngx_atomic_fetch_add(&sh->failures, 1);

    wait = failures > 5 ? NGX_HTTP_TENANT_INTROSPECTOR_BACKOFF
                        : ngx_min((time_t) 1 << failures,
                                  NGX_HTTP_TENANT_INTROSPECTOR_BACKOFF);
    wait += ngx_random() % (wait / 4 + 1);

    sh->retry = ngx_time() + wait;
    sh->status = status;

    /* once for a change; requests that are refused have lines of their own */

    level = failures ? NGX_LOG_INFO : NGX_LOG_ERR;

    ngx_log_error(level, ngx_cycle->log, 0,
                  "tenant: introspection at issuer \"%V\": %s (status %ui), "
                  "next try in %T seconds", &introspector->issuer->sn.str,
                  error, status, wait);
}


json_t *
ngx_http_tenant_introspector_state(
    ngx_http_tenant_introspector_t *introspector)
{
    json_t                                 *state;
    ngx_str_t                              *url;
    ngx_http_tenant_shared_introspector_t  *sh;

    url = ngx_http_tenant_introspector_endpoint(introspector);
    sh = introspector->shared;

    state = json_object();

    if (state == NULL
        || json_object_set_new(state, "endpoint",
                               url->len ? json_stringn((char *) url->data,
                                                       url->len)
                                        : json_null())
           != 0
        || json_object_set_new(state, "status",
                               json_string(sh->failures ? "failing"
                                           : sh->answered ? "ok" : "unknown"))
           != 0
        || json_object_set_new(state, "answered",
                               ngx_http_tenant_state_time(sh->answered))
           != 0
        || json_object_set_new(state, "retry",
                               ngx_http_tenant_state_time(sh->failures
                                                          ? sh->retry : 0))
           != 0
        || json_object_set_new(state, "failures", json_integer(sh->failures))
           != 0
        || json_object_set_new(state, "http_status",
                               json_integer(sh->status))
           != 0)
    {
        json_decref(state);
        return NULL;
    }

    return state;
}
