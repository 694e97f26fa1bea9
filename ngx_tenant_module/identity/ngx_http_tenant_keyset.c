#include "ngx_http_tenant_keyset.h"
#include "ngx_http_tenant_identity.h"
#include "tenant_cache.h"
#include "tenant_discovery.h"
#include "../metering/ngx_http_tenant_counters.h"


#define NGX_HTTP_TENANT_WAITERS        4096  /* of one issuer in a worker */
#define NGX_HTTP_TENANT_BACKOFF_MAX    300   /* seconds */
#define NGX_HTTP_TENANT_POLL           20    /* milliseconds, for another
                                                worker's fetch */
#define NGX_HTTP_TENANT_HOLD           500   /* milliseconds, for our own */


static ngx_int_t ngx_http_tenant_keyset_load(
    ngx_http_tenant_keyset_t *keyset);
static ngx_int_t ngx_http_tenant_keyset_lease(
    ngx_http_tenant_keyset_t *keyset);
static ngx_int_t ngx_http_tenant_keyset_fetch(
    ngx_http_tenant_keyset_t *keyset);
static void ngx_http_tenant_keyset_discovered(void *data,
    ngx_http_tenant_answer_t *answer);
static void ngx_http_tenant_keyset_fetched(void *data,
    ngx_http_tenant_answer_t *answer);
static void ngx_http_tenant_keyset_publish(ngx_http_tenant_keyset_t *keyset,
    ngx_http_tenant_answer_t *answer);
static void ngx_http_tenant_keyset_failed(ngx_http_tenant_keyset_t *keyset,
    ngx_uint_t status, const char *what, const char *error);
static void ngx_http_tenant_keyset_wait(ngx_http_tenant_pending_t *pending,
    ngx_http_tenant_waiter_t *waiter);
static void ngx_http_tenant_keyset_timer(ngx_event_t *ev);
static void ngx_http_tenant_keyset_arm(ngx_http_tenant_keyset_t *keyset);
static void ngx_http_tenant_keyset_skipped(void *data, size_t index,
    tenant_str_t kid, const char *reason);
static bool ngx_http_tenant_keyset_is_issuer(const void *value, void *data);
static time_t ngx_http_tenant_keyset_jitter(time_t seconds);


ngx_int_t
ngx_http_tenant_keyset_ready(ngx_http_tenant_keyset_t *keyset)
{
    time_t                           now;
    ngx_http_tenant_shared_keys_t   *sh;

    sh = keyset->shared;

    if (sh == NULL) {
        return keyset->jwks ? NGX_OK : NGX_DECLINED;
    }

    if (keyset->generation != sh->generation && sh->text
        && ngx_http_tenant_keyset_load(keyset) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    now = ngx_time();

    /* kept when they are over: the provider may come back with the same */

    if (keyset->jwks && !ngx_http_tenant_keyset_over(keyset)) {
        return NGX_OK;
    }

    if (keyset->fetch || sh->lease > now) {
        return NGX_AGAIN;
    }

    if (sh->failures && now < sh->refresh) {
        return NGX_DECLINED;
    }

    return ngx_http_tenant_keyset_fetch(keyset);
}


ngx_int_t
ngx_http_tenant_keyset_unknown_kid(ngx_http_tenant_keyset_t *keyset)
{
    time_t                           now;
    ngx_http_tenant_shared_keys_t   *sh;

    sh = keyset->shared;

    if (sh == NULL) {
        return NGX_DECLINED;
    }

    now = ngx_time();

    if (keyset->fetch || sh->lease > now) {
        return NGX_AGAIN;
    }

    /* kid is anybody's input: it may not make us fetch more often */

    if (now < sh->attempted + keyset->tmcf->keys_interval) {
        return NGX_DECLINED;
    }

    return ngx_http_tenant_keyset_fetch(keyset);
}


ngx_http_tenant_hot
ngx_uint_t
ngx_http_tenant_keyset_over(ngx_http_tenant_keyset_t *keyset)
{
    /* read without a lock: the time only moves forward */

    return keyset->shared
           && ngx_time() >= keyset->shared->expires
                            + keyset->tmcf->keys_stale;
}


ngx_uint_t
ngx_http_tenant_issuer_keyless(ngx_http_tenant_issuer_t *issuer)
{
    return issuer->introspection
           && issuer->jwks_uri.len == 0 && issuer->discovery.len == 0
           && issuer->jwks_file.len == 0 && issuer->jwks.len == 0;
}


ngx_str_t *
ngx_http_tenant_keyset_status(ngx_http_tenant_keyset_t *keyset)
{
    static ngx_str_t  fixed = ngx_string("static");
    static ngx_str_t  fresh = ngx_string("fresh");
    static ngx_str_t  stale = ngx_string("stale");
    static ngx_str_t  none = ngx_string("none");

    if (keyset->jwks == NULL || ngx_http_tenant_keyset_over(keyset)) {
        return &none;
    }

    if (keyset->shared == NULL) {
        return &fixed;
    }

    return ngx_time() < keyset->shared->expires ? &fresh : &stale;
}


static void
ngx_http_tenant_keyset_wait(ngx_http_tenant_pending_t *pending,
    ngx_http_tenant_waiter_t *waiter)
{
    ngx_http_tenant_keyset_t  *keyset;

    keyset = ngx_queue_data(pending, ngx_http_tenant_keyset_t, pending);

    waiter->mark = keyset->shared->attempts;
    waiter->deadline = ngx_time() + 1
                       + 2 * (keyset->tmcf->fetch_timeout / 1000 + 1);

    ngx_http_tenant_keyset_arm(keyset);
}


ngx_http_tenant_hot
void
ngx_http_tenant_keysets_sync(ngx_http_tenant_main_conf_t *tmcf)
{
    ngx_atomic_uint_t            generation;
    ngx_queue_t                 *q;
    ngx_http_tenant_totals_t    *totals;
    ngx_http_tenant_keyset_t    *keyset;

    totals = tmcf->zone->data;
    generation = totals->keys_generation;

    if (generation == tmcf->keys_generation) {
        return;
    }

    tmcf->keys_generation = generation;

    for (q = ngx_queue_head(&tmcf->keysets);
         q != ngx_queue_sentinel(&tmcf->keysets);
         q = ngx_queue_next(q))
    {
        keyset = ngx_queue_data(q, ngx_http_tenant_keyset_t, queue);

        if (keyset->generation != keyset->shared->generation) {
            (void) ngx_http_tenant_keyset_load(keyset);
        }
    }
}


/*
 * Makes this worker's keys from the shared text, and forgets the tokens that
 * the old ones verified: their key may be gone.
 */

static ngx_int_t
ngx_http_tenant_keyset_load(ngx_http_tenant_keyset_t *keyset)
{
    size_t                           len;
    u_char                          *text;
    ngx_uint_t                       generation;
    tenant_jwks_t                   *jwks;
    ngx_slab_pool_t                 *shpool;
    tenant_jwks_status_t             rc;
    ngx_http_tenant_main_conf_t     *tmcf;
    ngx_http_tenant_shared_keys_t   *sh;

    tmcf = keyset->tmcf;
    sh = keyset->shared;
    shpool = (ngx_slab_pool_t *) tmcf->zone->shm.addr;

    ngx_shmtx_lock(&shpool->mutex);

    len = sh->text ? sh->text->len : 0;
    generation = sh->generation;
    text = len ? ngx_alloc(len, ngx_cycle->log) : NULL;

    if (text) {
        ngx_memcpy(text, sh->text->data, len);
    }

    ngx_shmtx_unlock(&shpool->mutex);

    if (text == NULL) {
        return NGX_ERROR;
    }

    rc = tenant_jwks_parse((char *) text, len, tmcf->verifier, NULL, NULL,
                           &jwks, NULL);

    ngx_free(text);

    if (rc != TENANT_JWKS_OK) {
        /* it was parsed before it was published: no memory */
        return NGX_ERROR;
    }

    tenant_jwks_free(keyset->jwks);

    keyset->jwks = jwks;
    keyset->generation = generation;

    (void) tenant_cache_drop_if(tmcf->token_cache,
                                ngx_http_tenant_keyset_is_issuer,
                                keyset->issuer);

    ngx_http_tenant_keyset_arm(keyset);

    return NGX_OK;
}


static bool
ngx_http_tenant_keyset_is_issuer(const void *value, void *data)
{
    const ngx_http_tenant_identity_t  *identity = value;

    return identity->issuer == data;
}


/*
 * NGX_OK: the fetch is ours to make; NGX_DECLINED: somebody else's;
 * NGX_ERROR: nobody's.
 */

static ngx_int_t
ngx_http_tenant_keyset_lease(ngx_http_tenant_keyset_t *keyset)
{
    time_t                           now;
    ngx_int_t                        rc;
    ngx_slab_pool_t                 *shpool;
    ngx_http_tenant_main_conf_t     *tmcf;
    ngx_http_tenant_shared_keys_t   *sh;

    tmcf = keyset->tmcf;
    sh = keyset->shared;
    shpool = (ngx_slab_pool_t *) tmcf->zone->shm.addr;
    now = ngx_time();
    rc = NGX_DECLINED;

    ngx_shmtx_lock(&shpool->mutex);

    if (sh->source != keyset->source) {

        /* a newer configuration has another URL: ours is nobody's now */

        rc = NGX_ERROR;

    } else if (sh->lease <= now) {

        /* discovery and keys; a worker that dies loses it by itself */

        sh->lease = now + 1 + 2 * (tmcf->fetch_timeout / 1000 + 1);
        sh->attempted = now;
        rc = NGX_OK;
    }

    ngx_shmtx_unlock(&shpool->mutex);

    return rc;
}


/* NGX_AGAIN, or NGX_DECLINED: it could not even be started. */

static ngx_int_t
ngx_http_tenant_keyset_fetch(ngx_http_tenant_keyset_t *keyset)
{
    ngx_int_t                      rc;
    ngx_http_tenant_issuer_t      *issuer;
    ngx_http_tenant_fetch_conf_t   conf;

    rc = ngx_http_tenant_keyset_lease(keyset);

    if (rc != NGX_OK) {
        return rc == NGX_ERROR ? NGX_DECLINED : NGX_AGAIN;
    }

    issuer = keyset->issuer;

    ngx_memzero(&conf, sizeof(ngx_http_tenant_fetch_conf_t));

    conf.data = keyset;

    if (issuer->jwks_uri.len) {
        conf.url = issuer->jwks_uri;
        conf.max_size = tenant_json_jwks_limits.max_bytes;
        conf.handler = ngx_http_tenant_keyset_fetched;

    } else {
        conf.url = issuer->discovery;
        conf.max_size = tenant_discovery_limits.max_bytes;
        conf.handler = ngx_http_tenant_keyset_discovered;
    }

    keyset->fetch = ngx_http_tenant_fetch_start(keyset->tmcf, &conf);

    if (keyset->fetch == NULL) {
        ngx_http_tenant_keyset_failed(keyset, 0, "keys", "cannot be fetched");
        return NGX_DECLINED;
    }

    return NGX_AGAIN;
}


static void
ngx_http_tenant_keyset_discovered(void *data,
    ngx_http_tenant_answer_t *answer)
{
    ngx_http_tenant_keyset_t  *keyset = data;

    const char                    *error;
    tenant_str_t                   iss;
    tenant_discovery_t             discovery;
    tenant_json_error_t            err;
    tenant_discovery_status_t      rc;
    ngx_http_tenant_fetch_conf_t   conf;

    keyset->fetch = NULL;

    if (answer->error) {
        ngx_http_tenant_keyset_failed(keyset, answer->status,
                                      "discovery document", answer->error);
        return;
    }

    iss.data = (char *) keyset->issuer->sn.str.data;
    iss.len = keyset->issuer->sn.str.len;

    rc = tenant_discovery_parse(&discovery, (char *) answer->body.data,
                                answer->body.len, iss, &err);

    if (rc != TENANT_DISCOVERY_OK) {
        ngx_http_tenant_keyset_failed(keyset, answer->status,
                                      "discovery document",
                                      rc == TENANT_DISCOVERY_JSON
                                      ? tenant_json_reason(err.code)
                                      : tenant_discovery_reason(rc));
        return;
    }

    error = NULL;

    ngx_memzero(&conf, sizeof(ngx_http_tenant_fetch_conf_t));

    conf.url.data = (u_char *) discovery.jwks_uri.data;
    conf.url.len = discovery.jwks_uri.len;

    if (ngx_http_tenant_fetch_check(keyset->tmcf, &conf.url)) {
        error = "has a jwks_uri that may not be fetched";

    } else {
        conf.data = keyset;
        conf.max_size = tenant_json_jwks_limits.max_bytes;
        conf.handler = ngx_http_tenant_keyset_fetched;

        keyset->fetch = ngx_http_tenant_fetch_start(keyset->tmcf, &conf);

        if (keyset->fetch == NULL) {
            error = "leads to keys that cannot be fetched";
        }
    }

    tenant_discovery_free(&discovery);

    if (error) {
        ngx_http_tenant_keyset_failed(keyset, answer->status,
                                      "discovery document", error);
    }
}


static void
ngx_http_tenant_keyset_fetched(void *data, ngx_http_tenant_answer_t *answer)
{
    ngx_http_tenant_keyset_t  *keyset = data;

    size_t                 count;
    tenant_jwks_t         *jwks;
    tenant_json_error_t    err;
    tenant_jwks_status_t   rc;

    keyset->fetch = NULL;

    if (answer->error) {
        ngx_http_tenant_keyset_failed(keyset, answer->status, "key set",
                                      answer->error);
        return;
    }

    /* nothing is published that has not been parsed */

    rc = tenant_jwks_parse((char *) answer->body.data, answer->body.len, NULL,
                           ngx_http_tenant_keyset_skipped, keyset, &jwks,
                           &err);

    if (rc != TENANT_JWKS_OK) {
        ngx_http_tenant_keyset_failed(keyset, answer->status, "key set",
                                      rc == TENANT_JWKS_JSON
                                      ? tenant_json_reason(err.code)
                                      : tenant_jwks_reason(rc));
        return;
    }

    count = tenant_jwks_count(jwks);
    tenant_jwks_free(jwks);

    if (count == 0) {
        ngx_http_tenant_keyset_failed(keyset, answer->status, "key set",
                                      "no usable key");
        return;
    }

    ngx_http_tenant_keyset_publish(keyset, answer);
}


static void
ngx_http_tenant_keyset_publish(ngx_http_tenant_keyset_t *keyset,
    ngx_http_tenant_answer_t *answer)
{
    time_t                           now, ttl;
    ngx_uint_t                       changed, level;
    ngx_slab_pool_t                 *shpool;
    ngx_http_tenant_totals_t        *totals;
    ngx_http_tenant_main_conf_t     *tmcf;
    ngx_http_tenant_shared_keys_t   *sh;
    ngx_http_tenant_shared_text_t   *text, *old;

    tmcf = keyset->tmcf;
    totals = tmcf->zone->data;
    sh = keyset->shared;
    shpool = (ngx_slab_pool_t *) tmcf->zone->shm.addr;
    now = ngx_time();

    ttl = answer->max_age < 0 ? tmcf->keys_min_ttl * 12 : answer->max_age;
    ttl = ngx_max(ttl, tmcf->keys_min_ttl);
    ttl = ngx_min(ttl, tmcf->keys_max_ttl);

    ngx_shmtx_lock(&shpool->mutex);

    if (sh->source != keyset->source) {
        ngx_shmtx_unlock(&shpool->mutex);
        ngx_http_tenant_pending_resume(&keyset->pending);
        return;
    }

    changed = sh->text == NULL || sh->text->len != answer->body.len
              || ngx_memcmp(sh->text->data, answer->body.data,
                            answer->body.len)
                 != 0;

    if (changed) {
        text = ngx_slab_alloc_locked(shpool,
                                     sizeof(ngx_http_tenant_shared_text_t)
                                     + answer->body.len);

        if (text == NULL) {
            ngx_shmtx_unlock(&shpool->mutex);
            ngx_http_tenant_keyset_failed(keyset, answer->status, "key set",
                                          "tenant_zone is full");
            return;
        }

        text->len = answer->body.len;
        ngx_memcpy(text->data, answer->body.data, text->len);

        /* one store: a worker that is killed here leaves the old or the new */

        old = sh->text;
        sh->text = text;
        sh->generation++;

        if (old) {
            ngx_slab_free_locked(shpool, old);
        }
    }

    sh->fetched = now;
    sh->expires = now + ttl;
    sh->refresh = now + ttl - ngx_http_tenant_keyset_jitter(ttl / 5);
    sh->failures = 0;
    sh->status = answer->status;
    sh->lease = 0;
    sh->attempts++;

    ngx_shmtx_unlock(&shpool->mutex);

    if (changed) {
        (void) ngx_atomic_fetch_add(&totals->keys_generation, 1);
    }

    (void) ngx_atomic_fetch_add(&totals->keys_fetched, 1);

    level = changed ? NGX_LOG_NOTICE : NGX_LOG_INFO;

    ngx_log_error(level, ngx_cycle->log, 0,
                  "tenant: key set of issuer \"%V\" fetched%s, good for %T "
                  "seconds", &keyset->issuer->sn.str,
                  changed ? " and changed" : "", ttl);

    if (keyset->generation != sh->generation) {
        (void) ngx_http_tenant_keyset_load(keyset);
    }

    ngx_http_tenant_keyset_arm(keyset);
    ngx_http_tenant_pending_resume(&keyset->pending);
}


/* What was known stays in force for the stale period. */

static void
ngx_http_tenant_keyset_failed(ngx_http_tenant_keyset_t *keyset,
    ngx_uint_t status, const char *what, const char *error)
{
    time_t                           now, wait;
    ngx_uint_t                       failures;
    ngx_slab_pool_t                 *shpool;
    ngx_http_tenant_totals_t        *totals;
    ngx_http_tenant_main_conf_t     *tmcf;
    ngx_http_tenant_shared_keys_t   *sh;

    tmcf = keyset->tmcf;
    totals = tmcf->zone->data;
    sh = keyset->shared;
    shpool = (ngx_slab_pool_t *) tmcf->zone->shm.addr;
    now = ngx_time();

    ngx_shmtx_lock(&shpool->mutex);

    if (sh->source != keyset->source) {
        ngx_shmtx_unlock(&shpool->mutex);
        ngx_http_tenant_pending_resume(&keyset->pending);
        return;
    }

    failures = ++sh->failures;
    wait = failures > 8 ? NGX_HTTP_TENANT_BACKOFF_MAX
                        : ngx_min((time_t) 1 << failures,
                                  NGX_HTTP_TENANT_BACKOFF_MAX);
    sh->refresh = now + wait + ngx_http_tenant_keyset_jitter(wait / 4);
    sh->status = status;
    sh->lease = 0;
    sh->attempts++;

    ngx_shmtx_unlock(&shpool->mutex);

    (void) ngx_atomic_fetch_add(&totals->keys_failed, 1);

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "tenant: %s of issuer \"%V\": %s (status %ui), next try in "
                  "%T seconds, %s keys", what, &keyset->issuer->sn.str, error,
                  status, sh->refresh - now,
                  sh->text ? "going on with the known" : "no");

    ngx_http_tenant_keyset_arm(keyset);
    ngx_http_tenant_pending_resume(&keyset->pending);
}


/* Refresh ahead of expiry; and the end of another worker's fetch. */

static void
ngx_http_tenant_keyset_timer(ngx_event_t *ev)
{
    time_t                           now;
    ngx_queue_t                     *q;
    ngx_http_tenant_keyset_t        *keyset;
    ngx_http_tenant_waiter_t        *waiter;
    ngx_http_tenant_shared_keys_t   *sh;

    keyset = ev->data;
    sh = keyset->shared;
    now = ngx_time();

    if (keyset->fetch) {
        ngx_http_tenant_keyset_arm(keyset);
        return;
    }

    if (keyset->generation != sh->generation) {
        (void) ngx_http_tenant_keyset_load(keyset);
    }

    if (!ngx_queue_empty(&keyset->pending.waiters)) {
        q = ngx_queue_head(&keyset->pending.waiters);
        waiter = ngx_queue_data(q, ngx_http_tenant_waiter_t, queue);

        /* the attempt is over, or its worker is */

        if (waiter->mark != sh->attempts || now >= waiter->deadline
            || sh->lease <= now)
        {
            ngx_http_tenant_keyset_arm(keyset);
            ngx_http_tenant_pending_resume(&keyset->pending);
            return;
        }

    } else if (now >= sh->refresh && (sh->fetched || sh->failures)
               && sh->lease <= now)
    {
        (void) ngx_http_tenant_keyset_fetch(keyset);
    }

    ngx_http_tenant_keyset_arm(keyset);
}


static void
ngx_http_tenant_keyset_arm(ngx_http_tenant_keyset_t *keyset)
{
    time_t                           now, wait;
    ngx_http_tenant_shared_keys_t   *sh;

    sh = keyset->shared;

    if (keyset->timer.timer_set) {
        ngx_del_timer(&keyset->timer);
    }

    if (!ngx_queue_empty(&keyset->pending.waiters)) {

        /*
         * Nobody tells us of the end of another worker's fetch.  And a worker
         * that is to quit goes on as long as this timer is set: it answers
         * first.
         */

        keyset->timer.cancelable = 0;
        ngx_add_timer(&keyset->timer, keyset->fetch
                                      ? NGX_HTTP_TENANT_HOLD
                                      : NGX_HTTP_TENANT_POLL);
        return;
    }

    keyset->timer.cancelable = 1;

    if (keyset->fetch || ngx_exiting || ngx_terminate) {
        return;
    }

    if (sh->fetched == 0 && sh->failures == 0) {
        return;
    }

    /* not all workers at once: most find it done by another */

    now = ngx_time();
    wait = sh->refresh > now ? sh->refresh - now : 0;

    ngx_add_timer(&keyset->timer,
                  (ngx_msec_t) wait * 1000 + 100 + ngx_random() % 900);
}


ngx_int_t
ngx_http_tenant_keyset_start(ngx_http_tenant_keyset_t *keyset)
{
    ngx_str_t  *url;

    if (keyset->issuer->jwks_uri.len == 0
        && keyset->issuer->discovery.len == 0)
    {
        return NGX_OK;
    }

    url = keyset->issuer->jwks_uri.len ? &keyset->issuer->jwks_uri
                                       : &keyset->issuer->discovery;

    keyset->source = (uint64_t) ngx_crc32_long(url->data, url->len) << 32
                     | ngx_murmur_hash2(url->data, url->len);

    keyset->shared = ngx_http_tenant_keyset_shared(keyset);

    if (keyset->shared == NULL) {

        /* this issuer's tokens are answered 503, the others' as ever */

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "tenant: no room for the keys of issuer \"%V\": "
                      "tenant_zone is full", &keyset->issuer->sn.str);
        return NGX_OK;
    }

    ngx_queue_init(&keyset->pending.waiters);
    keyset->pending.max = NGX_HTTP_TENANT_WAITERS;
    keyset->pending.object = &keyset->issuer->object;
    keyset->pending.begin = ngx_http_tenant_keyset_wait;
    keyset->pending.reason = NGX_HTTP_TENANT_R_NO_KEYS;
    keyset->pending.detail = "the keys of the issuer are not available";

    ngx_queue_insert_tail(&keyset->tmcf->keysets, &keyset->queue);

    keyset->timer.handler = ngx_http_tenant_keyset_timer;
    keyset->timer.data = keyset;
    keyset->timer.log = ngx_cycle->log;
    ngx_http_tenant_keyset_arm(keyset);

    return NGX_OK;
}


void
ngx_http_tenant_keyset_stop(ngx_http_tenant_keyset_t *keyset)
{
    if (keyset->shared) {
        if (keyset->timer.timer_set) {
            ngx_del_timer(&keyset->timer);
        }

        if (keyset->fetch) {
            ngx_http_tenant_fetch_cancel(keyset->fetch);
            keyset->fetch = NULL;

            /* for the workers that come, or stay */

            keyset->shared->lease = 0;
        }

        ngx_queue_remove(&keyset->queue);
        keyset->shared = NULL;
    }

    tenant_jwks_free(keyset->jwks);
    keyset->jwks = NULL;
}


void
ngx_http_tenant_keyset_retire(ngx_http_tenant_keyset_t *keyset)
{
    if (keyset->shared) {
        ngx_http_tenant_keyset_stop(keyset);
        ngx_http_tenant_pending_resume(&keyset->pending);
    }
}


static time_t
ngx_http_tenant_keyset_jitter(time_t seconds)
{
    return seconds > 0 ? ngx_random() % (seconds + 1) : 0;
}


static void
ngx_http_tenant_keyset_skipped(void *data, size_t index, tenant_str_t kid,
    const char *reason)
{
    ngx_http_tenant_keyset_t  *keyset = data;

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "tenant: key %uz of issuer \"%V\" is not used: %s", index,
                  &keyset->issuer->sn.str, reason);
}
