#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "ngx_http_tenant_provisioner.h"
#include "../ngx_http_tenant_file.h"


#define NGX_HTTP_TENANT_PROVISIONER_FILE     4096  /* bytes */
#define NGX_HTTP_TENANT_PROVISIONER_SECRETS  4
#define NGX_HTTP_TENANT_PROVISIONER_TIMEOUT  10000 /* milliseconds */

/* "v1," and base64 of SHA-256, with a space between two */
#define NGX_HTTP_TENANT_PROVISIONER_SIGNATURE  (sizeof("v1, ") - 1 + 44)


static const char *ngx_http_tenant_provisioner_url(ngx_str_t *url);
static char *ngx_http_tenant_provisioner_parameter(ngx_conf_t *cf,
    ngx_http_tenant_provisioner_t *provisioner, ngx_str_t *value);
static char *ngx_http_tenant_provisioner_secrets(ngx_conf_t *cf,
    ngx_http_tenant_provisioner_t *provisioner, ngx_str_t *name);
static ngx_int_t ngx_http_tenant_provisioner_secret(ngx_conf_t *cf,
    ngx_http_tenant_provisioner_t *provisioner, ngx_str_t *line);
static ngx_uint_t ngx_http_tenant_provisioner_exposed(ngx_str_t *url);
static ngx_int_t ngx_http_tenant_provisioner_sign(
    ngx_http_tenant_provisioner_t *provisioner, ngx_pool_t *pool,
    ngx_str_t *id, time_t now, ngx_str_t *event, ngx_str_t *header);
static ngx_int_t ngx_http_tenant_provisioner_header(ngx_pool_t *pool,
    ngx_str_t *header, const char *name, ngx_str_t *value);


char *
ngx_http_tenant_provisioner_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_tenant_main_conf_t  *tmcf = conf;

    char                           *rv;
    ngx_str_t                      *value;
    ngx_uint_t                      i;
    const char                     *what;
    ngx_http_tenant_provisioner_t  *provisioner;

    if (tmcf->provisioner) {
        return "is duplicate";
    }

    provisioner = ngx_pcalloc(cf->pool,
                              sizeof(ngx_http_tenant_provisioner_t));

    if (provisioner == NULL
        || ngx_array_init(&provisioner->secrets, cf->pool, 2,
                          sizeof(ngx_str_t))
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    provisioner->url = value[1];
    provisioner->timeout = NGX_HTTP_TENANT_PROVISIONER_TIMEOUT;

    what = ngx_http_tenant_provisioner_url(&value[1]);

    if (what) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "tenant_provisioner: \"%V\" %s", &value[1], what);
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {
        rv = ngx_http_tenant_provisioner_parameter(cf, provisioner,
                                                   &value[i]);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    if (ngx_http_tenant_provisioner_exposed(&value[1])) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "tenant_provisioner: events go to \"%V\" without "
                           "TLS", &value[1]);
    }

    tmcf->provisioner = provisioner;

    return NGX_CONF_OK;
}


static const char *
ngx_http_tenant_provisioner_url(ngx_str_t *url)
{
    size_t  i;

    if (ngx_strncmp(url->data, "https://", 8) != 0
        && ngx_strncmp(url->data, "http://", 7) != 0)
    {
        return "is no http or https URL";
    }

    for (i = 0; i < url->len; i++) {
        if (url->data[i] <= 0x20 || url->data[i] >= 0x7f
            || url->data[i] == '#' || url->data[i] == '@')
        {
            return "has a space, a fragment or a user in it";
        }
    }

    return NULL;
}


static char *
ngx_http_tenant_provisioner_parameter(ngx_conf_t *cf,
    ngx_http_tenant_provisioner_t *provisioner, ngx_str_t *value)
{
    ngx_str_t   s;
    ngx_msec_t  ms;

    if (value->len > 7 && ngx_strncmp(value->data, "secret=", 7) == 0) {
        s.data = value->data + 7;
        s.len = value->len - 7;

        return ngx_http_tenant_provisioner_secrets(cf, provisioner, &s);
    }

    if (value->len > 8 && ngx_strncmp(value->data, "timeout=", 8) == 0) {
        s.data = value->data + 8;
        s.len = value->len - 8;

        ms = ngx_parse_time(&s, 0);

        if (ms != (ngx_msec_t) NGX_ERROR && ms >= 100 && ms <= 60000) {
            provisioner->timeout = ms;
            return NGX_CONF_OK;
        }
    }

    if (ngx_strcmp(value->data, "events=onboarding") == 0) {
        provisioner->onboarding = 1;
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value->data, "events=all") == 0) {
        provisioner->onboarding = 0;
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "tenant_provisioner: invalid parameter \"%V\"", value);

    return NGX_CONF_ERROR;
}


/* One key a line; while keys are changed there are two, and both sign. */

static char *
ngx_http_tenant_provisioner_secrets(ngx_conf_t *cf,
    ngx_http_tenant_provisioner_t *provisioner, ngx_str_t *name)
{
    u_char      *p, *last;
    ngx_int_t    rc;
    ngx_str_t    path, text, line;
    const char  *what;

    if (provisioner->secrets.nelts) {
        return "has more than one \"secret\"";
    }

    path = *name;

    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK
        || ngx_http_tenant_file_read(cf, "tenant_provisioner", &path,
                                     NGX_HTTP_TENANT_PROVISIONER_FILE, &text)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    rc = NGX_OK;
    p = text.data;
    last = p + text.len;

    while (p < last && rc == NGX_OK) {
        line.data = p;

        while (p < last && *p != LF) {
            p++;
        }

        line.len = p++ - line.data;

        while (line.len && (line.data[line.len - 1] == CR
                            || line.data[line.len - 1] == ' '))
        {
            line.len--;
        }

        if (line.len) {
            rc = ngx_http_tenant_provisioner_secret(cf, provisioner, &line);
        }
    }

    what = "a secret that is no base64";

    if (rc == NGX_OK && provisioner->secrets.nelts == 0) {
        rc = NGX_DECLINED;
        what = "no secret";
    }

    if (provisioner->secrets.nelts > NGX_HTTP_TENANT_PROVISIONER_SECRETS) {
        rc = NGX_DECLINED;
        what = "more than four secrets";
    }

    if (rc == NGX_DECLINED) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "tenant_provisioner: \"%V\" has %s", &path,
                           what);
    }

    ngx_explicit_memzero(text.data, text.len);
    ngx_free(text.data);

    return rc == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* Standard Webhooks: "whsec_" and base64; anything else is taken as is. */

static ngx_int_t
ngx_http_tenant_provisioner_secret(ngx_conf_t *cf,
    ngx_http_tenant_provisioner_t *provisioner, ngx_str_t *line)
{
    ngx_str_t  encoded, *key;

    key = ngx_array_push(&provisioner->secrets);
    if (key == NULL) {
        return NGX_ERROR;
    }

    key->len = line->len;
    key->data = ngx_pnalloc(cf->pool, line->len);

    if (key->data == NULL) {
        return NGX_ERROR;
    }

    if (line->len < 6 || ngx_strncmp(line->data, "whsec_", 6) != 0) {
        ngx_memcpy(key->data, line->data, line->len);
        return NGX_OK;
    }

    encoded.data = line->data + 6;
    encoded.len = line->len - 6;

    return ngx_decode_base64(key, &encoded) == NGX_OK && key->len
           ? NGX_OK : NGX_DECLINED;
}


/* What leaves the machine without TLS. */

static ngx_uint_t
ngx_http_tenant_provisioner_exposed(ngx_str_t *url)
{
    size_t      len;
    u_char     *host, *p, *last;
    ngx_uint_t  i;

    static const ngx_str_t  local[] = {
        ngx_string("127.0.0.1"),
        ngx_string("[::1]"),
        ngx_string("localhost")
    };

    if (ngx_strncmp(url->data, "http://", 7) != 0) {
        return 0;
    }

    host = url->data + 7;
    last = url->data + url->len;

    p = ngx_strlchr(host, last, '/');
    last = p ? p : last;

    for (i = 0; i < sizeof(local) / sizeof(local[0]); i++) {
        len = local[i].len;

        if ((size_t) (last - host) >= len
            && ngx_strncasecmp(host, local[i].data, len) == 0
            && (host + len == last || host[len] == ':'))
        {
            return 0;
        }
    }

    return 1;
}


ngx_int_t
ngx_http_tenant_provisioner_init(ngx_conf_t *cf,
    ngx_http_tenant_main_conf_t *tmcf)
{
    if (tmcf->provisioner == NULL) {
        return NGX_OK;
    }

    if (tmcf->registry == NULL
        || !ngx_http_tenant_registry_live(tmcf->registry))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "tenant_provisioner needs a \"tenant_registry\" "
                           "that is a database");
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_uint_t
ngx_http_tenant_provisioner_wants(ngx_http_tenant_provisioner_t *provisioner,
    const char *type)
{
    /* a new tenant waits for whoever will be told of it one day */

    if (ngx_strcmp(type, "onboarding") == 0) {
        return 1;
    }

    if (provisioner == NULL) {
        return 0;
    }

    return !provisioner->onboarding
           || (ngx_strcmp(type, "activated") != 0
               && ngx_strcmp(type, "suspended") != 0);
}


ngx_http_tenant_fetch_t *
ngx_http_tenant_provisioner_post(ngx_http_tenant_main_conf_t *tmcf,
    ngx_pool_t *pool, ngx_str_t *id, ngx_str_t *event,
    ngx_http_tenant_fetch_pt handler, void *data)
{
    time_t                          now;
    u_char                          seconds[NGX_TIME_T_LEN];
    ngx_str_t                       value, *line;
    ngx_array_t                     headers;
    ngx_http_tenant_fetch_conf_t    conf;
    ngx_http_tenant_provisioner_t  *provisioner;

    provisioner = tmcf->provisioner;
    now = ngx_time();

    value.data = seconds;
    value.len = ngx_sprintf(seconds, "%T", now) - seconds;

    if (ngx_array_init(&headers, pool, 3, sizeof(ngx_str_t)) != NGX_OK) {
        return NULL;
    }

    line = ngx_array_push_n(&headers, 2);

    if (ngx_http_tenant_provisioner_header(pool, &line[0], "webhook-id", id)
        != NGX_OK
        || ngx_http_tenant_provisioner_header(pool, &line[1],
                                              "webhook-timestamp", &value)
           != NGX_OK)
    {
        return NULL;
    }

    if (provisioner->secrets.nelts) {
        line = ngx_array_push(&headers);

        if (ngx_http_tenant_provisioner_sign(provisioner, pool, id, now,
                                             event, &value)
            != NGX_OK
            || ngx_http_tenant_provisioner_header(pool, line,
                                                  "webhook-signature", &value)
               != NGX_OK)
        {
            return NULL;
        }
    }

    ngx_memzero(&conf, sizeof(ngx_http_tenant_fetch_conf_t));

    conf.url = provisioner->url;
    conf.post = *event;
    conf.type = "application/cloudevents+json; charset=utf-8";
    conf.headers = &headers;
    conf.timeout = provisioner->timeout;
    conf.trusted = 1;
    conf.handler = handler;
    conf.data = data;

    return ngx_http_tenant_fetch_start(tmcf, &conf);
}


/* Standard Webhooks 1.0: over "id.timestamp.body", one by each key. */

static ngx_int_t
ngx_http_tenant_provisioner_sign(ngx_http_tenant_provisioner_t *provisioner,
    ngx_pool_t *pool, ngx_str_t *id, time_t now, ngx_str_t *event,
    ngx_str_t *header)
{
    u_char        mac[EVP_MAX_MD_SIZE], *p;
    unsigned      len;
    ngx_str_t    *key, text, signature, encoded;
    ngx_uint_t    i;

    text.data = ngx_pnalloc(pool, id->len + NGX_TIME_T_LEN + event->len + 2);
    p = ngx_pnalloc(pool, provisioner->secrets.nelts
                          * NGX_HTTP_TENANT_PROVISIONER_SIGNATURE);

    if (text.data == NULL || p == NULL) {
        return NGX_ERROR;
    }

    text.len = ngx_sprintf(text.data, "%V.%T.%V", id, now, event)
               - text.data;

    key = provisioner->secrets.elts;
    header->data = p;

    for (i = 0; i < provisioner->secrets.nelts; i++) {

        if (HMAC(EVP_sha256(), key[i].data, key[i].len, text.data, text.len,
                 mac, &len)
            == NULL)
        {
            return NGX_ERROR;
        }

        signature.data = mac;
        signature.len = len;

        p = ngx_cpymem(p, i ? " v1," : "v1,", i ? 4 : 3);

        encoded.data = p;
        ngx_encode_base64(&encoded, &signature);

        p += encoded.len;
    }

    header->len = p - header->data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_provisioner_header(ngx_pool_t *pool, ngx_str_t *header,
    const char *name, ngx_str_t *value)
{
    header->data = ngx_pnalloc(pool, ngx_strlen(name) + value->len + 3);
    if (header->data == NULL) {
        return NGX_ERROR;
    }

    header->len = ngx_sprintf(header->data, "%s: %V", name, value)
                  - header->data;
    header->data[header->len] = '\0';

    return NGX_OK;
}
