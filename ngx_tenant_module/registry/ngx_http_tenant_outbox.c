#include "ngx_http_tenant_outbox.h"
#include "ngx_http_tenant_live.h"
#include "ngx_http_tenant_writer.h"
#include "../identity/ngx_http_tenant_fetch.h"
#include "../metering/ngx_http_tenant_counters.h"
#include "../ngx_http_tenant_file.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>


#define NGX_HTTP_TENANT_OUTBOX_RUNNING   8        /* deliveries at a time */
#define NGX_HTTP_TENANT_OUTBOX_BACKOFF   300      /* seconds, at most */
#define NGX_HTTP_TENANT_OUTBOX_SLOW      60       /* after a 4xx, at least */
#define NGX_HTTP_TENANT_OUTBOX_AFTER     3600     /* of Retry-After, at most */
#define NGX_HTTP_TENANT_OUTBOX_ANSWER    65536    /* bytes, not looked at */
#define NGX_HTTP_TENANT_OUTBOX_SECRET    4096     /* bytes of the file */


/* An event on its way; its tenant's next one waits for it. */
typedef struct {
    ngx_http_tenant_outbox_t   *outbox;
    ngx_http_tenant_job_t       job;
    ngx_pool_t                 *pool;     /* NULL: free */
    ngx_str_t                   tenant;
    ngx_str_t                   event;
    int64_t                     seq;
    ngx_uint_t                  attempts;
    time_t                      due;      /* of the next attempt */
    u_char                      error[256];
    unsigned                    accepted:1;
} ngx_http_tenant_delivery_t;


struct ngx_http_tenant_outbox_s {
    ngx_http_tenant_main_conf_t  *tmcf;
    ngx_uint_t                    failing;  /* said once */
    ngx_http_tenant_delivery_t    running[NGX_HTTP_TENANT_OUTBOX_RUNNING];
};


static ngx_http_tenant_delivery_t *ngx_http_tenant_outbox_free(
    ngx_http_tenant_outbox_t *outbox);
static ngx_uint_t ngx_http_tenant_outbox_busy(
    ngx_http_tenant_outbox_t *outbox, ngx_str_t *tenant);
static ngx_int_t ngx_http_tenant_delivery_init(
    ngx_http_tenant_delivery_t *delivery, sqlite3_stmt *stmt);
static ngx_int_t ngx_http_tenant_delivery_start(
    ngx_http_tenant_delivery_t *delivery);
static ngx_int_t ngx_http_tenant_delivery_headers(
    ngx_http_tenant_delivery_t *delivery, ngx_array_t *headers);
static ngx_int_t ngx_http_tenant_delivery_sign(
    ngx_http_tenant_delivery_t *delivery, ngx_str_t *id, time_t now,
    ngx_str_t *signature);
static void ngx_http_tenant_delivery_answered(void *data,
    ngx_http_tenant_answer_t *answer);
static void ngx_http_tenant_delivery_judge(
    ngx_http_tenant_delivery_t *delivery, ngx_http_tenant_answer_t *answer);
static void ngx_http_tenant_delivery_note(
    ngx_http_tenant_delivery_t *delivery);
static ngx_int_t ngx_http_tenant_delivery_run(ngx_http_tenant_job_t *job,
    ngx_http_tenant_changes_t *changes);
static void ngx_http_tenant_delivery_done(ngx_http_tenant_job_t *job);


char *
ngx_http_tenant_provisioner_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_tenant_main_conf_t  *tmcf = conf;

    ngx_str_t                        *value, path, text, part;
    ngx_http_tenant_provisioner_t    *provisioner;

    if (tmcf->provisioner) {
        return "is duplicate";
    }

    provisioner = ngx_pcalloc(cf->pool,
                              sizeof(ngx_http_tenant_provisioner_t));
    if (provisioner == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;
    provisioner->url = value[1];

    if (ngx_strncmp(value[1].data, "https://", 8) != 0
        && ngx_strncmp(value[1].data, "http://", 7) != 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "tenant_provisioner: \"%V\" "
                           "is no http or https URL", &value[1]);
        return NGX_CONF_ERROR;
    }

    tmcf->provisioner = provisioner;

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    if (value[2].len <= sizeof("secret=") - 1
        || ngx_strncmp(value[2].data, "secret=", sizeof("secret=") - 1) != 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "tenant_provisioner: invalid parameter \"%V\"",
                           &value[2]);
        return NGX_CONF_ERROR;
    }

    path.len = value[2].len - (sizeof("secret=") - 1);
    path.data = value[2].data + sizeof("secret=") - 1;

    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK
        || ngx_http_tenant_file_read(cf, "tenant_provisioner", &path,
                                     NGX_HTTP_TENANT_OUTBOX_SECRET, &text)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    part = text;

    while (part.len && part.data[part.len - 1] <= ' ') {
        part.len--;
    }

    /* Standard Webhooks: "whsec_" and base64; anything else is taken as is */

    provisioner->secret.data = ngx_pnalloc(cf->pool, part.len + 1);

    if (provisioner->secret.data == NULL) {
        ngx_free(text.data);
        return NGX_CONF_ERROR;
    }

    provisioner->secret.len = part.len;

    if (part.len > 6 && ngx_strncmp(part.data, "whsec_", 6) == 0) {
        part.data += 6;
        part.len -= 6;

        if (ngx_decode_base64(&provisioner->secret, &part) != NGX_OK) {
            provisioner->secret.len = 0;
        }

    } else {
        ngx_memcpy(provisioner->secret.data, part.data, part.len);
    }

    ngx_explicit_memzero(text.data, text.len);
    ngx_free(text.data);

    if (provisioner->secret.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "tenant_provisioner: \"%V\" has no secret", &path);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


ngx_http_tenant_outbox_t *
ngx_http_tenant_outbox_create(ngx_http_tenant_main_conf_t *tmcf,
    ngx_pool_t *pool)
{
    ngx_uint_t                 i;
    ngx_http_tenant_outbox_t  *outbox;

    if (tmcf->provisioner == NULL) {
        return NULL;
    }

    outbox = ngx_pcalloc(pool, sizeof(ngx_http_tenant_outbox_t));
    if (outbox == NULL) {
        return NULL;
    }

    outbox->tmcf = tmcf;

    for (i = 0; i < NGX_HTTP_TENANT_OUTBOX_RUNNING; i++) {
        outbox->running[i].outbox = outbox;
    }

    return outbox;
}


/* The first event of each tenant, where its time has come. */

void
ngx_http_tenant_outbox_look(ngx_http_tenant_outbox_t *outbox)
{
    ngx_int_t                    rc;
    ngx_str_t                    tenant;
    sqlite3_stmt                *stmt;
    ngx_http_tenant_store_t     *store;
    ngx_http_tenant_delivery_t  *delivery;

    store = outbox->tmcf->registry->store;

    if (store == NULL || ngx_http_tenant_outbox_free(outbox) == NULL) {
        return;
    }

    stmt = store->stmts[NGX_HTTP_TENANT_STMT_OUTBOX];

    (void) sqlite3_bind_int64(stmt, 1, ngx_time());
    (void) sqlite3_bind_int64(stmt, 2, 2 * NGX_HTTP_TENANT_OUTBOX_RUNNING);

    while ((rc = ngx_http_tenant_store_step(store, stmt)) == NGX_OK) {

        ngx_http_tenant_store_text(stmt, 1, &tenant);

        if (ngx_http_tenant_outbox_busy(outbox, &tenant)) {
            continue;
        }

        delivery = ngx_http_tenant_outbox_free(outbox);

        if (delivery == NULL
            || ngx_http_tenant_delivery_init(delivery, stmt) != NGX_OK)
        {
            break;
        }
    }

    (void) sqlite3_reset(stmt);
}


static ngx_http_tenant_delivery_t *
ngx_http_tenant_outbox_free(ngx_http_tenant_outbox_t *outbox)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_TENANT_OUTBOX_RUNNING; i++) {
        if (outbox->running[i].pool == NULL) {
            return &outbox->running[i];
        }
    }

    return NULL;
}


static ngx_uint_t
ngx_http_tenant_outbox_busy(ngx_http_tenant_outbox_t *outbox,
    ngx_str_t *tenant)
{
    ngx_uint_t                   i;
    ngx_http_tenant_delivery_t  *d;

    for (i = 0; i < NGX_HTTP_TENANT_OUTBOX_RUNNING; i++) {
        d = &outbox->running[i];

        if (d->pool && d->tenant.len == tenant->len
            && ngx_memcmp(d->tenant.data, tenant->data, tenant->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_tenant_delivery_init(ngx_http_tenant_delivery_t *delivery,
    sqlite3_stmt *stmt)
{
    ngx_str_t    tenant, event;
    ngx_pool_t  *pool;

    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, ngx_cycle->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    ngx_http_tenant_store_text(stmt, 1, &tenant);
    ngx_http_tenant_store_text(stmt, 2, &event);

    delivery->seq = sqlite3_column_int64(stmt, 0);
    delivery->attempts = sqlite3_column_int64(stmt, 3);
    delivery->tenant.len = tenant.len;
    delivery->tenant.data = ngx_pstrdup(pool, &tenant);
    delivery->event.len = event.len;
    delivery->event.data = ngx_pstrdup(pool, &event);
    delivery->accepted = 0;

    if (delivery->tenant.data == NULL || delivery->event.data == NULL) {
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    delivery->pool = pool;

    if (ngx_http_tenant_delivery_start(delivery) != NGX_OK) {
        ngx_destroy_pool(pool);
        delivery->pool = NULL;
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_delivery_start(ngx_http_tenant_delivery_t *delivery)
{
    ngx_array_t                    headers;
    ngx_http_tenant_main_conf_t   *tmcf;
    ngx_http_tenant_fetch_conf_t   conf;

    tmcf = delivery->outbox->tmcf;

    if (ngx_http_tenant_delivery_headers(delivery, &headers) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_memzero(&conf, sizeof(ngx_http_tenant_fetch_conf_t));

    conf.url = tmcf->provisioner->url;
    conf.post = delivery->event;
    conf.type = "application/cloudevents+json; charset=utf-8";
    conf.headers = &headers;
    conf.max_size = NGX_HTTP_TENANT_OUTBOX_ANSWER;
    conf.handler = ngx_http_tenant_delivery_answered;
    conf.data = delivery;

    /* of the configuration, not of a registry that others write to */

    conf.trusted = 1;

    return ngx_http_tenant_fetch_start(tmcf, &conf) ? NGX_OK : NGX_ERROR;
}


/* Standard Webhooks: what is signed is id "." timestamp "." body. */

static ngx_int_t
ngx_http_tenant_delivery_headers(ngx_http_tenant_delivery_t *delivery,
    ngx_array_t *headers)
{
    time_t      now;
    json_t     *root;
    ngx_str_t   id, signature, *line;
    ngx_int_t   rc;

    if (ngx_array_init(headers, delivery->pool, 3, sizeof(ngx_str_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    root = json_loadb((char *) delivery->event.data, delivery->event.len, 0,
                      NULL);

    id.data = (u_char *) json_string_value(json_object_get(root, "id"));

    if (id.data == NULL) {
        json_decref(root);
        return NGX_ERROR;
    }

    now = ngx_time();
    id.len = ngx_strlen(id.data);
    rc = NGX_OK;

    line = ngx_array_push_n(headers, 2);

    line[0].data = ngx_pnalloc(delivery->pool,
                               sizeof("webhook-id: ") + id.len);
    line[1].data = ngx_pnalloc(delivery->pool,
                               sizeof("webhook-timestamp: ") + NGX_TIME_T_LEN);

    if (line[0].data == NULL || line[1].data == NULL) {
        rc = NGX_ERROR;

    } else {
        line[0].len = ngx_sprintf(line[0].data, "webhook-id: %V", &id)
                      - line[0].data;
        line[1].len = ngx_sprintf(line[1].data, "webhook-timestamp: %T", now)
                      - line[1].data;
        line[0].data[line[0].len] = '\0';
        line[1].data[line[1].len] = '\0';
    }

    if (rc == NGX_OK && delivery->outbox->tmcf->provisioner->secret.len) {
        rc = ngx_http_tenant_delivery_sign(delivery, &id, now, &signature);

        if (rc == NGX_OK) {
            *(ngx_str_t *) ngx_array_push(headers) = signature;
        }
    }

    json_decref(root);

    return rc;
}


static ngx_int_t
ngx_http_tenant_delivery_sign(ngx_http_tenant_delivery_t *delivery,
    ngx_str_t *id, time_t now, ngx_str_t *signature)
{
    u_char     *text, mac[EVP_MAX_MD_SIZE];
    unsigned    len;
    ngx_str_t   in, out, *secret;

    secret = &delivery->outbox->tmcf->provisioner->secret;

    text = ngx_pnalloc(delivery->pool, id->len + NGX_TIME_T_LEN + 2
                                       + delivery->event.len);
    signature->data = ngx_pnalloc(delivery->pool,
                                  sizeof("webhook-signature: v1,")
                                  + ngx_base64_encoded_length(sizeof(mac)));

    if (text == NULL || signature->data == NULL) {
        return NGX_ERROR;
    }

    in.data = text;
    in.len = ngx_sprintf(text, "%V.%T.%V", id, now, &delivery->event) - text;

    if (HMAC(EVP_sha256(), secret->data, secret->len, in.data, in.len, mac,
             &len)
        == NULL)
    {
        return NGX_ERROR;
    }

    in.data = mac;
    in.len = len;

    out.data = ngx_sprintf(signature->data, "webhook-signature: v1,");
    ngx_encode_base64(&out, &in);

    signature->len = out.data + out.len - signature->data;
    signature->data[signature->len] = '\0';

    return NGX_OK;
}


static void
ngx_http_tenant_delivery_answered(void *data,
    ngx_http_tenant_answer_t *answer)
{
    ngx_http_tenant_delivery_t  *delivery = data;

    ngx_http_tenant_delivery_judge(delivery, answer);
    ngx_http_tenant_delivery_note(delivery);

    ngx_memzero(&delivery->job, sizeof(ngx_http_tenant_job_t));

    delivery->job.run = ngx_http_tenant_delivery_run;
    delivery->job.done = ngx_http_tenant_delivery_done;
    delivery->job.data = delivery;

    if (ngx_http_tenant_write(delivery->outbox->tmcf, &delivery->job)
        != NGX_OK)
    {
        /* it is still there, and due: it will be sent again */

        ngx_http_tenant_delivery_done(&delivery->job);
    }
}


/* Nothing is ever given up: a 4xx may be mended on the other side. */

static void
ngx_http_tenant_delivery_judge(ngx_http_tenant_delivery_t *delivery,
    ngx_http_tenant_answer_t *answer)
{
    time_t  wait;

    delivery->attempts++;

    if (answer->status / 100 == 2) {
        delivery->accepted = 1;
        return;
    }

    wait = delivery->attempts > 8 ? NGX_HTTP_TENANT_OUTBOX_BACKOFF
           : ngx_min((time_t) 1 << (delivery->attempts - 1),
                     NGX_HTTP_TENANT_OUTBOX_BACKOFF);

    if (answer->status / 100 == 4 && answer->status != 408
        && answer->status != 425 && answer->status != 429)
    {
        wait = ngx_max(wait, NGX_HTTP_TENANT_OUTBOX_SLOW);
    }

    wait += ngx_random() % (wait / 4 + 1);

    if (answer->retry_after > wait) {
        wait = ngx_min(answer->retry_after, NGX_HTTP_TENANT_OUTBOX_AFTER);
    }

    delivery->due = ngx_time() + wait;

    *ngx_snprintf(delivery->error, sizeof(delivery->error) - 1,
                  answer->status ? "%s (status %ui)" : "%s",
                  answer->error ? answer->error : "refused", answer->status)
        = '\0';
}


static void
ngx_http_tenant_delivery_note(ngx_http_tenant_delivery_t *delivery)
{
    ngx_http_tenant_totals_t  *totals;
    ngx_http_tenant_outbox_t  *outbox;

    outbox = delivery->outbox;
    totals = outbox->tmcf->zone->data;

    (void) ngx_atomic_fetch_add(delivery->accepted
                                ? &totals->provisioner_accepted
                                : &totals->provisioner_failed, 1);

    if (!delivery->accepted && !outbox->failing) {
        outbox->failing = 1;
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "tenant_provisioner: an event of tenant \"%V\" was not "
                      "accepted: %s; it is sent again, and others like it "
                      "are not logged", &delivery->tenant, delivery->error);
    }

    if (delivery->accepted && outbox->failing) {
        outbox->failing = 0;
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "tenant_provisioner accepts events again");
    }
}


static ngx_int_t
ngx_http_tenant_delivery_run(ngx_http_tenant_job_t *job,
    ngx_http_tenant_changes_t *changes)
{
    ngx_http_tenant_delivery_t  *delivery = job->data;

    sqlite3_stmt  *stmt;

    if (delivery->accepted) {
        stmt = changes->stmts[NGX_HTTP_TENANT_CHANGE_ACCEPTED];

        (void) sqlite3_bind_int64(stmt, 1, delivery->seq);

    } else {
        stmt = changes->stmts[NGX_HTTP_TENANT_CHANGE_POSTPONED];

        (void) sqlite3_bind_int64(stmt, 1, delivery->seq);
        (void) sqlite3_bind_int64(stmt, 2, delivery->due);
        (void) sqlite3_bind_text(stmt, 3, (char *) delivery->error, -1,
                                 SQLITE_STATIC);
    }

    return ngx_http_tenant_store_step(changes->store, stmt) == NGX_DONE
           ? NGX_OK : NGX_ERROR;
}


static void
ngx_http_tenant_delivery_done(ngx_http_tenant_job_t *job)
{
    ngx_http_tenant_delivery_t  *delivery = job->data;

    ngx_destroy_pool(delivery->pool);
    delivery->pool = NULL;
}
