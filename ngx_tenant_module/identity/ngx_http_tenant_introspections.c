/*
 * What a worker asks introspection endpoints, has asked, and has yet to ask.
 * Bounded everywhere: tokens are anybody's input.
 */

#include "ngx_http_tenant_introspect.h"
#include "tenant_json.h"


#define NGX_HTTP_TENANT_INTROSPECTIONS_RUNNING  48   /* leaves connections to
                                                        the fetches of keys */
#define NGX_HTTP_TENANT_INTROSPECTIONS_WAITING  1024
#define NGX_HTTP_TENANT_INTROSPECTIONS_ISSUER   256  /* of those, of one */
#define NGX_HTTP_TENANT_INTROSPECTIONS_KEPT     1024
#define NGX_HTTP_TENANT_INTROSPECTIONS_REQUESTS 1024 /* wait for one */

#define NGX_HTTP_TENANT_INTROSPECTIONS_TICK     500  /* milliseconds */


static ngx_int_t ngx_http_tenant_introspections_run(
    ngx_http_tenant_introspection_entry_t *entry);
static void ngx_http_tenant_introspections_wait(
    ngx_http_tenant_introspection_entry_t *entry);
static void ngx_http_tenant_introspections_unwait(
    ngx_http_tenant_introspection_entry_t *entry);
static void ngx_http_tenant_introspections_done(void *data,
    ngx_http_tenant_answer_t *answer);
static void ngx_http_tenant_introspections_release(
    ngx_http_tenant_introspection_entry_t *entry);
static void ngx_http_tenant_introspections_finish(
    ngx_http_tenant_introspection_entry_t *entry);
static void ngx_http_tenant_introspections_next(
    ngx_http_tenant_introspections_t *all);
static void ngx_http_tenant_introspections_begin(
    ngx_http_tenant_pending_t *pending, ngx_http_tenant_waiter_t *waiter);
static void ngx_http_tenant_introspections_arm(
    ngx_http_tenant_introspections_t *all);
static void ngx_http_tenant_introspections_timer(ngx_event_t *ev);
static void ngx_http_tenant_introspections_free(
    ngx_http_tenant_introspection_entry_t *entry);
static void ngx_http_tenant_introspections_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel);
static ngx_int_t ngx_http_tenant_introspections_compare(
    ngx_rbtree_key_t key, u_char *digest, ngx_rbtree_node_t *node);


ngx_http_tenant_introspection_entry_t *
ngx_http_tenant_introspections_find(ngx_http_tenant_main_conf_t *tmcf,
    u_char *digest)
{
    ngx_int_t                               rc;
    ngx_rbtree_key_t                        key;
    ngx_rbtree_node_t                      *node, *sentinel;
    ngx_http_tenant_introspections_t       *all;
    ngx_http_tenant_introspection_entry_t  *entry;

    all = tmcf->introspections;
    node = all->tree.root;
    sentinel = all->tree.sentinel;

    ngx_memcpy(&key, digest, sizeof(ngx_rbtree_key_t));

    while (node != sentinel) {
        rc = ngx_http_tenant_introspections_compare(key, digest, node);

        if (rc != 0) {
            node = rc < 0 ? node->left : node->right;
            continue;
        }

        entry = (ngx_http_tenant_introspection_entry_t *) node;

        if (entry->kept && ngx_time() >= entry->expires) {
            ngx_http_tenant_introspections_free(entry);
            return NULL;
        }

        return entry;
    }

    return NULL;
}


ngx_int_t
ngx_http_tenant_introspections_ask(
    ngx_http_tenant_introspector_t *introspector, u_char *digest,
    ngx_str_t *token, ngx_http_tenant_introspection_entry_t **out,
    ngx_http_tenant_refusal_t *refusal)
{
    ngx_int_t                               rc;
    const char                             *detail;
    ngx_http_tenant_introspections_t       *all;
    ngx_http_tenant_introspection_entry_t  *entry;

    all = introspector->tmcf->introspections;
    detail = NULL;

    rc = ngx_http_tenant_introspector_ready(introspector);

    if (rc == NGX_DECLINED
        || ngx_http_tenant_introspector_discover(introspector) != NGX_OK)
    {
        detail = ngx_http_tenant_introspection_failed;

    } else if (rc == NGX_OK
               && all->nrunning >= NGX_HTTP_TENANT_INTROSPECTIONS_RUNNING)
    {
        rc = NGX_BUSY;
    }

    if (rc == NGX_BUSY
        && (all->nwaiting >= NGX_HTTP_TENANT_INTROSPECTIONS_WAITING
            || introspector->nwaiting
               >= NGX_HTTP_TENANT_INTROSPECTIONS_ISSUER))
    {
        detail = "too many tokens wait to be asked about";
    }

    if (detail) {
        ngx_http_tenant_refusal(refusal, NGX_HTTP_TENANT_R_NO_INTROSPECTION,
                                NGX_HTTP_SERVICE_UNAVAILABLE, NULL, detail);
        return NGX_DECLINED;
    }

    entry = ngx_calloc(sizeof(ngx_http_tenant_introspection_entry_t),
                       ngx_cycle->log);
    if (entry == NULL) {
        return NGX_ERROR;
    }

    entry->post.data = ngx_http_tenant_introspector_post(introspector, token,
                                                         &entry->post.len);
    if (entry->post.data == NULL) {
        ngx_free(entry);
        return NGX_ERROR;
    }

    ngx_memcpy(entry->digest, digest, sizeof(entry->digest));
    ngx_memcpy(&entry->node.key, digest, sizeof(ngx_rbtree_key_t));

    entry->introspector = introspector;
    entry->all = all;
    entry->deadline = ngx_time() + 1
                      + 2 * (introspector->tmcf->fetch_timeout / 1000 + 1);

    ngx_queue_init(&entry->pending.waiters);
    entry->pending.max = NGX_HTTP_TENANT_INTROSPECTIONS_REQUESTS;
    entry->pending.object = &introspector->issuer->object;
    entry->pending.begin = ngx_http_tenant_introspections_begin;
    entry->pending.reason = NGX_HTTP_TENANT_R_NO_INTROSPECTION;
    entry->pending.detail = ngx_http_tenant_introspection_failed;

    ngx_rbtree_insert(&all->tree, &entry->node);

    introspector->issuer->object.refs++;

    if (rc == NGX_BUSY) {
        ngx_http_tenant_introspections_wait(entry);

    } else if (ngx_http_tenant_introspections_run(entry) != NGX_OK) {
        ngx_http_tenant_introspections_free(entry);
        return NGX_ERROR;
    }

    ngx_http_tenant_introspections_arm(all);

    *out = entry;

    return NGX_AGAIN;
}


/* The entry is in no queue before, and in that of the running ones after. */

static ngx_int_t
ngx_http_tenant_introspections_run(
    ngx_http_tenant_introspection_entry_t *entry)
{
    ngx_http_tenant_fetch_conf_t       conf;
    ngx_http_tenant_introspector_t    *introspector;
    ngx_http_tenant_introspections_t  *all;

    introspector = entry->introspector;
    all = entry->all;

    ngx_memzero(&conf, sizeof(ngx_http_tenant_fetch_conf_t));

    conf.url = *ngx_http_tenant_introspector_endpoint(introspector);
    conf.post = entry->post;
    conf.type = "application/x-www-form-urlencoded";
    conf.userpwd = introspector->userpwd;
    conf.max_size = tenant_json_token_limits.max_bytes;
    conf.handler = ngx_http_tenant_introspections_done;
    conf.data = entry;

    entry->fetch = ngx_http_tenant_fetch_start(introspector->tmcf, &conf);

    ngx_explicit_memzero(entry->post.data, entry->post.len);
    ngx_free(entry->post.data);
    ngx_str_null(&entry->post);

    entry->state = NGX_HTTP_TENANT_INTROSPECTION_RUNS;
    ngx_queue_insert_tail(&all->running, &entry->queue);
    introspector->running++;
    all->nrunning++;

    return entry->fetch ? NGX_OK : NGX_ERROR;
}


static void
ngx_http_tenant_introspections_wait(
    ngx_http_tenant_introspection_entry_t *entry)
{
    ngx_http_tenant_introspector_t    *introspector;
    ngx_http_tenant_introspections_t  *all;

    introspector = entry->introspector;
    all = entry->all;

    if (introspector->nwaiting++ == 0) {
        ngx_queue_insert_tail(&all->busy, &introspector->queue);
    }

    all->nwaiting++;

    entry->state = NGX_HTTP_TENANT_INTROSPECTION_WAITS;
    ngx_queue_insert_tail(&introspector->waiting, &entry->queue);
}


static void
ngx_http_tenant_introspections_unwait(
    ngx_http_tenant_introspection_entry_t *entry)
{
    ngx_http_tenant_introspector_t    *introspector;
    ngx_http_tenant_introspections_t  *all;

    introspector = entry->introspector;
    all = entry->all;

    ngx_queue_remove(&entry->queue);
    all->nwaiting--;

    if (--introspector->nwaiting == 0) {
        ngx_queue_remove(&introspector->queue);
    }
}


static void
ngx_http_tenant_introspections_done(void *data,
    ngx_http_tenant_answer_t *answer)
{
    ngx_http_tenant_introspection_entry_t  *entry = data;

    ngx_http_tenant_introspector_t    *introspector;
    ngx_http_tenant_introspections_t  *all;

    introspector = entry->introspector;
    all = entry->all;

    introspector->issuer->object.refs++;

    entry->fetch = NULL;
    ngx_queue_remove(&entry->queue);
    introspector->running--;
    all->nrunning--;

    ngx_http_tenant_introspection_answer(entry, answer);
    ngx_http_tenant_introspections_finish(entry);

    ngx_http_tenant_introspections_settle(introspector);

    ngx_http_tenant_object_unref(&introspector->issuer->object);
}


void
ngx_http_tenant_introspections_settle(
    ngx_http_tenant_introspector_t *introspector)
{
    ngx_queue_t                            *q;
    ngx_http_tenant_introspection_entry_t  *entry;

    /* those who wait for their turn would only learn the same, later */

    while (introspector->nwaiting
           && ngx_http_tenant_introspector_ready(introspector)
              == NGX_DECLINED)
    {
        q = ngx_queue_head(&introspector->waiting);
        entry = ngx_queue_data(q, ngx_http_tenant_introspection_entry_t,
                               queue);

        ngx_http_tenant_introspections_unwait(entry);
        ngx_http_tenant_introspection_unavailable(entry);
        ngx_http_tenant_introspections_finish(entry);
    }

    ngx_http_tenant_introspections_next(introspector->tmcf->introspections);
}


/*
 * Tells those who wait, at once: they find the entry.  What is accepted is in
 * the token cache then; the rest is kept here for a while.
 */

static void
ngx_http_tenant_introspections_finish(
    ngx_http_tenant_introspection_entry_t *entry)
{
    ngx_queue_t                            *q;
    ngx_http_tenant_introspections_t       *all;
    ngx_http_tenant_introspection_entry_t  *oldest;

    all = entry->all;

    ngx_http_tenant_pending_resume(&entry->pending);
    ngx_http_tenant_introspections_release(entry);

    entry->kept = 1;
    ngx_queue_insert_tail(&all->kept, &entry->queue);
    all->nkept++;

    if (entry->accepted || ngx_time() >= entry->expires) {
        ngx_http_tenant_introspections_free(entry);
        return;
    }

    if (all->nkept > NGX_HTTP_TENANT_INTROSPECTIONS_KEPT) {
        q = ngx_queue_head(&all->kept);
        oldest = ngx_queue_data(q, ngx_http_tenant_introspection_entry_t,
                                queue);
        ngx_http_tenant_introspections_free(oldest);
    }
}


static void
ngx_http_tenant_introspections_release(
    ngx_http_tenant_introspection_entry_t *entry)
{
    ngx_http_tenant_object_t  *object;

    object = &entry->introspector->issuer->object;
    entry->introspector = NULL;

    ngx_http_tenant_object_unref(object);
}


/* One after the other of the issuers for which some wait. */

static void
ngx_http_tenant_introspections_next(ngx_http_tenant_introspections_t *all)
{
    ngx_uint_t                              n;
    ngx_queue_t                            *q, *first;
    ngx_http_tenant_introspector_t         *introspector;
    ngx_http_tenant_introspection_entry_t  *entry;

    first = NULL;

    for (n = all->nwaiting; n; n--) {

        if (all->nrunning >= NGX_HTTP_TENANT_INTROSPECTIONS_RUNNING
            || ngx_queue_empty(&all->busy))
        {
            return;
        }

        q = ngx_queue_head(&all->busy);

        if (q == first) {
            return;
        }

        introspector = ngx_queue_data(q, ngx_http_tenant_introspector_t,
                                      queue);

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&all->busy, q);

        if (ngx_http_tenant_introspector_ready(introspector) != NGX_OK) {
            first = first ? first : q;
            continue;
        }

        first = NULL;

        q = ngx_queue_head(&introspector->waiting);
        entry = ngx_queue_data(q, ngx_http_tenant_introspection_entry_t,
                               queue);

        ngx_http_tenant_introspections_unwait(entry);

        if (ngx_http_tenant_introspections_run(entry) != NGX_OK) {
            ngx_queue_remove(&entry->queue);
            introspector->running--;
            all->nrunning--;

            ngx_http_tenant_introspection_unavailable(entry);
            ngx_http_tenant_introspections_finish(entry);
        }
    }
}


static void
ngx_http_tenant_introspections_begin(ngx_http_tenant_pending_t *pending,
    ngx_http_tenant_waiter_t *waiter)
{
    ngx_http_tenant_introspection_entry_t  *entry;

    entry = ngx_queue_data(pending, ngx_http_tenant_introspection_entry_t,
                           pending);

    waiter->deadline = entry->deadline;

    /* a worker that is to quit goes on as long as this is set */

    entry->all->timer.cancelable = 0;
}


static void
ngx_http_tenant_introspections_arm(ngx_http_tenant_introspections_t *all)
{
    if (!all->timer.timer_set && all->nrunning + all->nwaiting) {
        ngx_add_timer(&all->timer, NGX_HTTP_TENANT_INTROSPECTIONS_TICK);
    }
}


/* The fetches end by themselves; what waits for its turn must not for ever. */

static void
ngx_http_tenant_introspections_timer(ngx_event_t *ev)
{
    ngx_uint_t                              waiters;
    ngx_queue_t                            *q, *e, *next;
    ngx_http_tenant_introspector_t         *introspector;
    ngx_http_tenant_introspections_t       *all;
    ngx_http_tenant_introspection_entry_t  *entry;

    all = ev->data;
    waiters = 0;

    for (q = ngx_queue_head(&all->running);
         q != ngx_queue_sentinel(&all->running);
         q = ngx_queue_next(q))
    {
        entry = ngx_queue_data(q, ngx_http_tenant_introspection_entry_t,
                               queue);
        waiters += entry->pending.nwaiters;
    }

again:

    for (q = ngx_queue_head(&all->busy);
         q != ngx_queue_sentinel(&all->busy);
         q = next)
    {
        next = ngx_queue_next(q);
        introspector = ngx_queue_data(q, ngx_http_tenant_introspector_t,
                                      queue);

        e = ngx_queue_head(&introspector->waiting);
        entry = ngx_queue_data(e, ngx_http_tenant_introspection_entry_t,
                               queue);

        if (ngx_time() < entry->deadline) {
            waiters++;
            continue;
        }

        /* whoever is told may change the queues */

        ngx_http_tenant_introspections_unwait(entry);
        ngx_http_tenant_introspection_unavailable(entry);
        ngx_http_tenant_introspections_finish(entry);

        goto again;
    }

    all->timer.cancelable = (waiters == 0);

    ngx_http_tenant_introspections_next(all);
    ngx_http_tenant_introspections_arm(all);
}


/* Takes it out of wherever it is; nobody waits for it. */

static void
ngx_http_tenant_introspections_free(
    ngx_http_tenant_introspection_entry_t *entry)
{
    ngx_http_tenant_introspections_t  *all;

    all = entry->all;

    if (entry->kept) {
        ngx_queue_remove(&entry->queue);
        all->nkept--;

    } else if (entry->state == NGX_HTTP_TENANT_INTROSPECTION_WAITS) {
        ngx_http_tenant_introspections_unwait(entry);

    } else {
        if (entry->fetch) {
            ngx_http_tenant_fetch_cancel(entry->fetch);
        }

        ngx_queue_remove(&entry->queue);
        entry->introspector->running--;
        all->nrunning--;
    }

    if (entry->introspector) {
        ngx_http_tenant_introspections_release(entry);
    }

    ngx_rbtree_delete(&all->tree, &entry->node);

    if (entry->post.data) {
        ngx_explicit_memzero(entry->post.data, entry->post.len);
        ngx_free(entry->post.data);
    }

    if (entry->claims.data) {
        ngx_free(entry->claims.data);
    }

    ngx_free(entry);
}


static void
ngx_http_tenant_introspections_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel)
{
    u_char              *digest;
    ngx_rbtree_node_t  **p;

    digest = ((ngx_http_tenant_introspection_entry_t *) node)->digest;

    for ( ;; ) {
        p = ngx_http_tenant_introspections_compare(node->key, digest, temp)
            < 0 ? &temp->left : &temp->right;

        if (*p == sentinel) {
            break;
        }

        temp = *p;
    }

    *p = node;
    node->parent = temp;
    node->left = sentinel;
    node->right = sentinel;
    ngx_rbt_red(node);
}


static ngx_int_t
ngx_http_tenant_introspections_compare(ngx_rbtree_key_t key, u_char *digest,
    ngx_rbtree_node_t *node)
{
    if (key != node->key) {
        return key < node->key ? -1 : 1;
    }

    return ngx_memcmp(digest,
                      ((ngx_http_tenant_introspection_entry_t *) node)->digest,
                      NGX_HTTP_TENANT_INTROSPECTION_DIGEST);
}


ngx_int_t
ngx_http_tenant_introspections_init_process(ngx_cycle_t *cycle,
    ngx_http_tenant_main_conf_t *tmcf)
{
    ngx_http_tenant_introspections_t  *all;

    all = ngx_pcalloc(cycle->pool, sizeof(ngx_http_tenant_introspections_t));
    if (all == NULL) {
        return NGX_ERROR;
    }

    ngx_rbtree_init(&all->tree, &all->sentinel,
                    ngx_http_tenant_introspections_insert);
    ngx_queue_init(&all->running);
    ngx_queue_init(&all->kept);
    ngx_queue_init(&all->busy);

    all->timer.handler = ngx_http_tenant_introspections_timer;
    all->timer.data = all;
    all->timer.log = cycle->log;
    all->timer.cancelable = 1;
    all->tmcf = tmcf;

    tmcf->introspections = all;

    return NGX_OK;
}


void
ngx_http_tenant_introspections_exit_process(
    ngx_http_tenant_main_conf_t *tmcf)
{
    ngx_http_tenant_introspections_t  *all;

    all = tmcf->introspections;

    if (all == NULL) {
        return;
    }

    if (all->timer.timer_set) {
        ngx_del_timer(&all->timer);
    }

    while (all->tree.root != all->tree.sentinel) {
        ngx_http_tenant_introspections_free(
            (ngx_http_tenant_introspection_entry_t *) all->tree.root);
    }

    tmcf->introspections = NULL;
}
