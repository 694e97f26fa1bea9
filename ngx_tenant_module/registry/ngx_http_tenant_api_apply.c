/*
 * Apply: the registry becomes what a document says, in one transaction.
 * Objects may refer to each other in any direction, so whether they fit is
 * looked at when all of them are written.
 */

#include "ngx_http_tenant_api.h"
#include "ngx_http_tenant_document.h"
#include "../identity/tenant_secret.h"


#define NGX_HTTP_TENANT_APPLY_PAGE  1000       /* ids looked at, at a time */


typedef struct {
    json_t      *root;                         /* the document */
    json_t      *changes;                      /* what was done, an array */
    json_int_t   unchanged;
} ngx_http_tenant_apply_t;


static ngx_int_t ngx_http_tenant_api_run_parse(ngx_http_tenant_job_t *job,
    ngx_http_tenant_changes_t *changes);
static void ngx_http_tenant_api_parse_done(ngx_http_tenant_job_t *job);
static ngx_int_t ngx_http_tenant_api_run_apply(ngx_http_tenant_job_t *job,
    ngx_http_tenant_changes_t *changes);
static ngx_int_t ngx_http_tenant_apply_all(ngx_http_tenant_api_t *api,
    ngx_http_tenant_changes_t *changes);
static ngx_int_t ngx_http_tenant_apply_check(ngx_http_tenant_api_t *api,
    json_t *root);
static ngx_int_t ngx_http_tenant_apply_list(ngx_http_tenant_api_t *api,
    ngx_http_tenant_changes_t *changes, ngx_uint_t kind);
static ngx_int_t ngx_http_tenant_apply_item(ngx_http_tenant_api_t *api,
    ngx_http_tenant_changes_t *changes, ngx_uint_t kind, size_t index,
    json_t *item, json_t *seen);
static ngx_int_t ngx_http_tenant_apply_object(ngx_http_tenant_api_t *api,
    ngx_http_tenant_changes_t *changes, ngx_http_tenant_change_t *change,
    json_t *seen);
static ngx_int_t ngx_http_tenant_apply_note(ngx_http_tenant_api_t *api,
    const char *op, ngx_http_tenant_change_t *change, json_t *patch,
    json_t *before);
static json_t *ngx_http_tenant_apply_diff(json_t *from, json_t *to);
static ngx_int_t ngx_http_tenant_apply_links(ngx_http_tenant_api_t *api,
    ngx_http_tenant_changes_t *changes, ngx_uint_t kind);
static ngx_int_t ngx_http_tenant_apply_prune(ngx_http_tenant_api_t *api,
    ngx_http_tenant_changes_t *changes, ngx_uint_t kind);
static json_t *ngx_http_tenant_apply_ids(ngx_http_tenant_api_t *api,
    ngx_uint_t kind);
static ngx_int_t ngx_http_tenant_apply_page(ngx_http_tenant_api_t *api,
    ngx_http_tenant_changes_t *changes, ngx_uint_t kind, json_t *wanted,
    ngx_str_t *after, ngx_array_t *ids);
static ngx_int_t ngx_http_tenant_apply_delete(ngx_http_tenant_api_t *api,
    ngx_http_tenant_changes_t *changes, ngx_uint_t kind, ngx_str_t *id);
static void ngx_http_tenant_apply_cleanup(void *data);


/* What a tenant's status depends on comes before it. */

static const ngx_uint_t  ngx_http_tenant_apply_order[] = {
    NGX_HTTP_TENANT_KIND_AGENT,
    NGX_HTTP_TENANT_KIND_TIER,
    NGX_HTTP_TENANT_KIND_TENANT,
    NGX_HTTP_TENANT_KIND_ISSUER,
    NGX_HTTP_TENANT_KIND_PRICE,
    NGX_HTTP_TENANT_KIND_REVOCATION
};

#define NGX_HTTP_TENANT_APPLY_KINDS                                           \
    (sizeof(ngx_http_tenant_apply_order) / sizeof(ngx_uint_t))


void
ngx_http_tenant_api_apply(ngx_http_tenant_api_t *api)
{
    ngx_pool_cleanup_t       *cln;
    ngx_http_tenant_apply_t  *apply;

    cln = ngx_pool_cleanup_add(api->pool, sizeof(ngx_http_tenant_apply_t));
    if (cln == NULL) {
        ngx_http_tenant_api_finish(api, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    apply = cln->data;
    ngx_memzero(apply, sizeof(ngx_http_tenant_apply_t));

    cln->handler = ngx_http_tenant_apply_cleanup;

    api->work = apply;

    /* a large document is parsed while others can write */

    api->job.run = ngx_http_tenant_api_run_parse;
    api->job.done = ngx_http_tenant_api_parse_done;

    ngx_http_tenant_api_read(api);
}


static void
ngx_http_tenant_apply_cleanup(void *data)
{
    ngx_http_tenant_apply_t  *apply = data;

    json_decref(apply->root);
    json_decref(apply->changes);
}


static ngx_int_t
ngx_http_tenant_api_run_parse(ngx_http_tenant_job_t *job,
    ngx_http_tenant_changes_t *changes)
{
    ngx_int_t                 rc;
    ngx_http_tenant_api_t    *api;
    ngx_http_tenant_apply_t  *apply;

    api = job->data;
    apply = api->work;

    rc = ngx_http_tenant_api_load(api,
                                  ngx_http_tenant_document_limits.max_bytes);
    if (rc != NGX_OK) {
        return rc;
    }

    apply->root = ngx_http_tenant_api_parse(api,
                                            &ngx_http_tenant_document_limits);

    return apply->root ? ngx_http_tenant_apply_check(api, apply->root)
                       : NGX_DECLINED;
}


static ngx_int_t
ngx_http_tenant_apply_check(ngx_http_tenant_api_t *api, json_t *root)
{
    ngx_int_t                      rc;
    ngx_uint_t                     kind;
    ngx_http_tenant_json_t         at, list;
    ngx_http_tenant_change_t       change;
    ngx_http_tenant_json_error_t   err;

    ngx_memzero(&at, sizeof(ngx_http_tenant_json_t));
    ngx_memzero(&change, sizeof(ngx_http_tenant_change_t));

    at.value = root;

    rc = ngx_http_tenant_json_object(&at, ngx_http_tenant_document_members,
                                     &err);

    for (kind = 1; rc == NGX_OK && kind < NGX_HTTP_TENANT_KINDS; kind++) {

        if (ngx_http_tenant_json_member(&at,
                           (char *) ngx_http_tenant_collections[kind].data,
                                        &list)
            == NGX_OK && !json_is_array(list.value))
        {
            rc = ngx_http_tenant_json_fail(&list, &err, "must be an array");
        }
    }

    if (rc == NGX_OK) {
        return NGX_OK;
    }

    rc = ngx_http_tenant_change_invalid(&change, &err);

    ngx_http_tenant_api_refuse(api, change.result);

    return rc;
}


static void
ngx_http_tenant_api_parse_done(ngx_http_tenant_job_t *job)
{
    ngx_http_tenant_api_t  *api;

    api = job->data;

    job->done = ngx_http_tenant_api_done;

    if (job->rc != NGX_OK || api->request == NULL) {
        job->done(job);
        return;
    }

    job->run = ngx_http_tenant_api_run_apply;

    ngx_http_tenant_api_write(api);
}


static ngx_int_t
ngx_http_tenant_api_run_apply(ngx_http_tenant_job_t *job,
    ngx_http_tenant_changes_t *changes)
{
    json_t                   *answer;
    ngx_int_t                 rc;
    ngx_http_tenant_api_t    *api;
    ngx_http_tenant_apply_t  *apply;

    api = job->data;
    apply = api->work;

    rc = ngx_http_tenant_api_replay(api, changes);
    if (rc != NGX_OK) {
        return rc;
    }

    apply->changes = json_array();

    rc = ngx_http_tenant_apply_all(api, changes);

    if (rc != NGX_OK) {
        return rc;
    }

    answer = json_pack("{s:O, s:I}", "changes", apply->changes, "unchanged",
                       apply->unchanged);

    if (json_array_size(apply->changes)) {
        api->note.data = ngx_pnalloc(api->pool, 64);

        if (api->note.data == NULL) {
            json_decref(answer);
            return NGX_ERROR;
        }

        api->note.len = ngx_sprintf(api->note.data,
                                    "applied a document: %uz changes",
                                    json_array_size(apply->changes))
                        - api->note.data;
    }

    ngx_http_tenant_api_json(api, NGX_HTTP_OK, answer);

    if (api->text.failed) {
        return NGX_ERROR;
    }

    return ngx_http_tenant_api_keep(api, changes, NULL);
}


static ngx_int_t
ngx_http_tenant_apply_all(ngx_http_tenant_api_t *api,
    ngx_http_tenant_changes_t *changes)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_TENANT_APPLY_KINDS; i++) {
        rc = ngx_http_tenant_apply_list(api, changes,
                                        ngx_http_tenant_apply_order[i]);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    /* the other way round: who refers to others goes first */

    for (i = NGX_HTTP_TENANT_APPLY_KINDS; api->target.prune && i > 0; i--) {
        rc = ngx_http_tenant_apply_prune(api, changes,
                                         ngx_http_tenant_apply_order[i - 1]);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    for (i = 0; i < NGX_HTTP_TENANT_APPLY_KINDS; i++) {
        rc = ngx_http_tenant_apply_links(api, changes,
                                         ngx_http_tenant_apply_order[i]);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_apply_list(ngx_http_tenant_api_t *api,
    ngx_http_tenant_changes_t *changes, ngx_uint_t kind)
{
    size_t                    i;
    json_t                   *item, *seen;
    ngx_int_t                 rc;
    ngx_http_tenant_apply_t  *apply;

    apply = api->work;
    rc = NGX_OK;

    seen = json_object();
    if (seen == NULL) {
        return NGX_ERROR;
    }

    json_array_foreach(json_object_get(apply->root,
                           (char *) ngx_http_tenant_collections[kind].data),
                       i, item)
    {
        rc = ngx_http_tenant_apply_item(api, changes, kind, i, item, seen);

        if (rc != NGX_OK) {
            break;
        }
    }

    json_decref(seen);

    return rc;
}


static ngx_int_t
ngx_http_tenant_apply_item(ngx_http_tenant_api_t *api,
    ngx_http_tenant_changes_t *changes, ngx_uint_t kind, size_t index,
    json_t *item, json_t *seen)
{
    u_char                         place[64];
    ngx_int_t                      rc;
    ngx_http_tenant_json_t         at;
    ngx_http_tenant_change_t       change;
    ngx_http_tenant_json_error_t   err;

    ngx_memzero(&change, sizeof(ngx_http_tenant_change_t));
    ngx_memzero(&at, sizeof(ngx_http_tenant_json_t));

    change.pool = ngx_create_pool(2048, ngx_cycle->log);
    if (change.pool == NULL) {
        return NGX_ERROR;
    }

    change.op = NGX_HTTP_TENANT_OP_PUT;
    change.kind = kind;
    change.body = item;
    change.defer = 1;

    if (json_is_object(item)) {
        rc = ngx_http_tenant_apply_object(api, changes, &change, seen);

    } else {
        at.value = item;
        (void) ngx_http_tenant_json_fail(&at, &err, "must be an object");
        rc = ngx_http_tenant_change_invalid(&change, &err);
    }

    if (rc == NGX_DECLINED) {
        *ngx_snprintf(place, sizeof(place) - 1, "/%V/%uz",
                      &ngx_http_tenant_collections[kind], index)
            = '\0';

        ngx_http_tenant_api_below(change.result, (char *) place);
        ngx_http_tenant_api_refuse(api, change.result);

    } else {
        json_decref(change.result);
    }

    ngx_destroy_pool(change.pool);

    return rc;
}


static ngx_int_t
ngx_http_tenant_apply_object(ngx_http_tenant_api_t *api,
    ngx_http_tenant_changes_t *changes, ngx_http_tenant_change_t *change,
    json_t *seen)
{
    json_t                        *patch, *before;
    ngx_int_t                      rc;
    ngx_http_tenant_row_t          row;
    ngx_http_tenant_json_t         at;
    ngx_http_tenant_apply_t       *apply;
    ngx_http_tenant_json_error_t   err;

    apply = api->work;

    rc = ngx_http_tenant_change_identify(changes, change);
    if (rc != NGX_OK) {
        return rc;
    }

    if (json_object_getn(seen, (char *) change->id.data, change->id.len)) {
        ngx_memzero(&at, sizeof(ngx_http_tenant_json_t));
        (void) ngx_http_tenant_json_fail(&at, &err, "repeats \"%V\"",
                                         &change->id);
        return ngx_http_tenant_change_invalid(change, &err);
    }

    if (json_object_setn_new(seen, (char *) change->id.data, change->id.len,
                             json_true())
        != 0)
    {
        return NGX_ERROR;
    }

    if (ngx_http_tenant_change_row(changes, change->kind, &change->id, &row)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_http_tenant_change(changes, change);

    if (rc != NGX_OK) {
        json_decref(row.body);
        return rc;
    }

    if (change->unchanged) {
        apply->unchanged++;
        json_decref(row.body);
        return NGX_OK;
    }

    patch = NULL;
    before = NULL;

    if (row.body) {
        if (change->kind == NGX_HTTP_TENANT_KIND_ISSUER) {
            (void) tenant_secret_conceal(row.body);
        }

        patch = ngx_http_tenant_apply_diff(row.body, change->result);
        before = ngx_http_tenant_apply_diff(change->result, row.body);

        ngx_http_tenant_change_strip(patch);
        ngx_http_tenant_change_strip(before);
        json_decref(row.body);

        if (patch == NULL || before == NULL) {
            json_decref(patch);
            json_decref(before);
            return NGX_ERROR;
        }
    }

    return ngx_http_tenant_apply_note(api, patch ? "update" : "create",
                                      change, patch, before);
}


/* Takes the patches, both or neither. */

static ngx_int_t
ngx_http_tenant_apply_note(ngx_http_tenant_api_t *api, const char *op,
    ngx_http_tenant_change_t *change, json_t *patch, json_t *before)
{
    int                       rc;
    json_t                   *note;
    ngx_http_tenant_apply_t  *apply;

    apply = api->work;

    note = json_pack("{s:s, s:s, s:s%}", "op", op, "kind",
                     ngx_http_tenant_collections[change->kind].data, "id",
                     change->id.data, change->id.len);

    if (patch) {

        /* each belongs to the note, or is freed, before the next may fail */

        rc = json_object_set_new(note, "patch", patch);
        rc |= json_object_set_new(note, "before", before);

        if (rc != 0) {
            json_decref(note);
            return NGX_ERROR;
        }
    }

    if (change->version
        && json_object_set_new(note, "version",
                               json_integer(change->version))
           != 0)
    {
        json_decref(note);
        return NGX_ERROR;
    }

    return json_array_append_new(apply->changes, note) == 0 ? NGX_OK
                                                            : NGX_ERROR;
}


/* A merge patch (RFC 7396) that leads from one object to the other. */

static json_t *
ngx_http_tenant_apply_diff(json_t *from, json_t *to)
{
    json_t      *patch, *value, *old;
    const char  *name;

    patch = json_object();

    json_object_foreach(to, name, value) {
        old = json_object_get(from, name);

        if (old && json_equal(old, value)) {
            continue;
        }

        value = json_is_object(old) && json_is_object(value)
                ? ngx_http_tenant_apply_diff(old, value) : json_incref(value);

        if (json_object_set_new(patch, name, value) != 0) {
            json_decref(patch);
            return NULL;
        }
    }

    json_object_foreach(from, name, value) {

        if (json_object_get(to, name) == NULL
            && json_object_set_new(patch, name, json_null()) != 0)
        {
            json_decref(patch);
            return NULL;
        }
    }

    return patch;
}


/* What was written fits to what is there now, and the other way round. */

static ngx_int_t
ngx_http_tenant_apply_links(ngx_http_tenant_api_t *api,
    ngx_http_tenant_changes_t *changes, ngx_uint_t kind)
{
    u_char                         place[64];
    size_t                         i;
    json_t                        *item;
    ngx_int_t                      rc;
    ngx_str_t                      id;
    ngx_pool_t                    *pool;
    ngx_http_tenant_row_t          row;
    ngx_http_tenant_json_t         at;
    ngx_http_tenant_apply_t       *apply;
    ngx_http_tenant_change_t       change;
    ngx_http_tenant_json_error_t   err;

    apply = api->work;

    json_array_foreach(json_object_get(apply->root,
                           (char *) ngx_http_tenant_collections[kind].data),
                       i, item)
    {
        item = json_object_get(item, ngx_http_tenant_change_key(kind));

        id.data = (u_char *) json_string_value(item);
        id.len = json_string_length(item);

        if (ngx_http_tenant_change_row(changes, kind, &id, &row) != NGX_OK) {
            return NGX_ERROR;
        }

        pool = ngx_create_pool(2048, ngx_cycle->log);

        if (pool == NULL) {
            json_decref(row.body);
            return NGX_ERROR;
        }

        if (row.body) {
            rc = ngx_http_tenant_change_links(changes, pool, kind, row.body,
                                              &err);

        } else {
            ngx_memzero(&at, sizeof(ngx_http_tenant_json_t));
            (void) ngx_http_tenant_json_fail(&at, &err, "is gone with its "
                                             "tenant, which the document "
                                             "does not have");
            rc = NGX_DECLINED;
        }

        ngx_destroy_pool(pool);
        json_decref(row.body);

        if (rc == NGX_DECLINED) {
            ngx_memzero(&change, sizeof(ngx_http_tenant_change_t));

            *ngx_snprintf(place, sizeof(place) - 1, "/%V/%uz",
                          &ngx_http_tenant_collections[kind], i)
                = '\0';

            rc = ngx_http_tenant_change_invalid(&change, &err);

            ngx_http_tenant_api_below(change.result, (char *) place);
            ngx_http_tenant_api_refuse(api, change.result);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_apply_prune(ngx_http_tenant_api_t *api,
    ngx_http_tenant_changes_t *changes, ngx_uint_t kind)
{
    json_t                   *wanted;
    ngx_int_t                 rc;
    ngx_str_t                 after, *id;
    ngx_uint_t                i;
    ngx_array_t               ids;
    ngx_http_tenant_apply_t  *apply;

    apply = api->work;

    if (json_object_get(apply->root,
                        (char *) ngx_http_tenant_collections[kind].data)
        == NULL)
    {
        return NGX_OK;
    }

    wanted = ngx_http_tenant_apply_ids(api, kind);
    if (wanted == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&after, "");

    do {
        rc = NGX_ERROR;

        if (ngx_array_init(&ids, api->pool, 16, sizeof(ngx_str_t)) != NGX_OK)
        {
            break;
        }

        rc = ngx_http_tenant_apply_page(api, changes, kind, wanted, &after,
                                        &ids);
        id = ids.elts;

        for (i = 0; rc != NGX_ERROR && i < ids.nelts; i++) {

            if (ngx_http_tenant_apply_delete(api, changes, kind, &id[i])
                != NGX_OK)
            {
                json_decref(wanted);
                return api->reason ? NGX_DECLINED : NGX_ERROR;
            }
        }

    } while (rc == NGX_OK);

    json_decref(wanted);

    return rc == NGX_DONE ? NGX_OK : NGX_ERROR;
}


/* As the members of an object. */

static json_t *
ngx_http_tenant_apply_ids(ngx_http_tenant_api_t *api, ngx_uint_t kind)
{
    size_t                    i;
    json_t                   *ids, *item, *id;
    ngx_http_tenant_apply_t  *apply;

    apply = api->work;
    ids = json_object();

    json_array_foreach(json_object_get(apply->root,
                           (char *) ngx_http_tenant_collections[kind].data),
                       i, item)
    {
        id = json_object_get(item, ngx_http_tenant_change_key(kind));

        if (json_object_set_new(ids, json_string_value(id), json_true())
            != 0)
        {
            json_decref(ids);
            return NULL;
        }
    }

    return ids;
}


/* NGX_DONE: these are the last. */

static ngx_int_t
ngx_http_tenant_apply_page(ngx_http_tenant_api_t *api,
    ngx_http_tenant_changes_t *changes, ngx_uint_t kind, json_t *wanted,
    ngx_str_t *after, ngx_array_t *ids)
{
    ngx_int_t      rc;
    ngx_str_t      id, last, *copy;
    ngx_uint_t     n;
    sqlite3_stmt  *stmt;

    stmt = changes->store->stmts[NGX_HTTP_TENANT_STMT_IDS];

    (void) sqlite3_bind_int64(stmt, 1, kind);
    ngx_http_tenant_store_bind(stmt, 2, after);
    (void) sqlite3_bind_int64(stmt, 3, NGX_HTTP_TENANT_APPLY_PAGE);

    n = 0;
    last = *after;

    while ((rc = ngx_http_tenant_store_step(changes->store, stmt)) == NGX_OK)
    {
        ngx_http_tenant_store_text(stmt, 0, &id);

        n++;

        if (n < NGX_HTTP_TENANT_APPLY_PAGE
            && json_object_get(wanted, (char *) id.data))
        {
            continue;
        }

        last.len = id.len;
        last.data = ngx_pstrdup(api->pool, &id);

        copy = json_object_get(wanted, (char *) id.data)
               ? &last : ngx_array_push(ids);

        if (last.data == NULL || copy == NULL) {
            (void) sqlite3_reset(stmt);
            return NGX_ERROR;
        }

        *copy = last;
    }

    if (rc != NGX_DONE) {
        return NGX_ERROR;
    }

    *after = last;

    return n == NGX_HTTP_TENANT_APPLY_PAGE ? NGX_OK : NGX_DONE;
}


static ngx_int_t
ngx_http_tenant_apply_delete(ngx_http_tenant_api_t *api,
    ngx_http_tenant_changes_t *changes, ngx_uint_t kind, ngx_str_t *id)
{
    ngx_int_t                 rc;
    ngx_http_tenant_change_t  change;

    ngx_memzero(&change, sizeof(ngx_http_tenant_change_t));

    change.pool = api->pool;
    change.op = NGX_HTTP_TENANT_OP_DELETE;
    change.kind = kind;
    change.id = *id;

    rc = ngx_http_tenant_change(changes, &change);

    if (rc == NGX_DECLINED
        && json_integer_value(json_object_get(change.result, "status"))
           == NGX_HTTP_NOT_FOUND)
    {
        /* went with a tenant */

        json_decref(change.result);
        return NGX_OK;
    }

    if (rc == NGX_DECLINED) {
        ngx_http_tenant_api_refuse(api, change.result);
        return NGX_DECLINED;
    }

    return rc == NGX_OK
           ? ngx_http_tenant_apply_note(api, "delete", &change, NULL, NULL)
           : NGX_ERROR;
}
