/*
 * State: what the registry says, read in a thread, and what this worker makes
 * of it, which only the event loop may look at.
 */

#include "ngx_http_tenant_api.h"
#include "../identity/ngx_http_tenant_issuer_state.h"
#include "../routing/ngx_http_tenant_route.h"


#define NGX_HTTP_TENANT_STATE_AGENTS   1000    /* told of, at most */
#define NGX_HTTP_TENANT_STATE_ISSUERS  64


typedef struct {
    ngx_http_tenant_row_t  row;
    json_int_t             events;             /* that wait */
    json_t                *provisioning;       /* of the first; NULL: none */
    ngx_array_t            agents;             /* ngx_str_t */
} ngx_http_tenant_api_state_t;


static ngx_int_t ngx_http_tenant_api_run_state(ngx_http_tenant_job_t *job,
    ngx_http_tenant_changes_t *changes);
static ngx_int_t ngx_http_tenant_api_state_events(
    ngx_http_tenant_changes_t *changes, ngx_str_t *id,
    ngx_http_tenant_api_state_t *state);
static ngx_int_t ngx_http_tenant_api_state_agents(
    ngx_http_tenant_api_t *api, ngx_http_tenant_changes_t *changes,
    ngx_array_t *agents);
static void ngx_http_tenant_api_state_cleanup(void *data);
static void ngx_http_tenant_api_state_done(ngx_http_tenant_job_t *job);
static json_t *ngx_http_tenant_api_state_tenant(ngx_http_tenant_api_t *api,
    ngx_http_tenant_api_state_t *state, ngx_http_tenant_tenant_t *tenant);
static json_t *ngx_http_tenant_api_state_issuers(ngx_http_tenant_api_t *api,
    ngx_http_tenant_tenant_t *tenant);
static json_t *ngx_http_tenant_api_state_routes(ngx_http_tenant_api_t *api,
    ngx_http_tenant_api_state_t *state, ngx_http_tenant_tenant_t *tenant);
static json_t *ngx_http_tenant_api_state_issuer(ngx_http_tenant_api_t *api,
    ngx_http_tenant_api_state_t *state, ngx_http_tenant_issuer_t *issuer);


void
ngx_http_tenant_api_state(ngx_http_tenant_api_t *api)
{
    ngx_pool_cleanup_t           *cln;
    ngx_http_tenant_api_state_t  *state;

    cln = ngx_pool_cleanup_add(api->pool,
                               sizeof(ngx_http_tenant_api_state_t));
    if (cln == NULL) {
        ngx_http_tenant_api_finish(api, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    state = cln->data;
    ngx_memzero(state, sizeof(ngx_http_tenant_api_state_t));

    cln->handler = ngx_http_tenant_api_state_cleanup;

    api->work = state;
    api->job.run = ngx_http_tenant_api_run_state;
    api->job.done = ngx_http_tenant_api_state_done;

    ngx_http_tenant_api_read(api);
}


static void
ngx_http_tenant_api_state_cleanup(void *data)
{
    ngx_http_tenant_api_state_t  *state = data;

    json_decref(state->row.body);
    json_decref(state->provisioning);
}


static ngx_int_t
ngx_http_tenant_api_run_state(ngx_http_tenant_job_t *job,
    ngx_http_tenant_changes_t *changes)
{
    ngx_str_t                     id;
    ngx_http_tenant_api_t        *api;
    ngx_http_tenant_api_state_t  *state;

    api = job->data;
    state = api->work;

    id.data = (u_char *) api->target.id.data;
    id.len = api->target.id.len;

    if (ngx_http_tenant_change_row(changes, api->kind, &id, &state->row)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (state->row.body == NULL) {
        ngx_http_tenant_api_problem(api, NGX_HTTP_NOT_FOUND, "not-found",
                                    "there is no \"%V\" in %V", &id,
                                    &ngx_http_tenant_collections[api->kind]);
        return NGX_DECLINED;
    }

    if (api->kind == NGX_HTTP_TENANT_KIND_ISSUER) {
        return NGX_OK;
    }

    if (ngx_http_tenant_api_state_events(changes, &id, state)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_tenant_api_state_agents(api, changes, &state->agents);
}


static ngx_int_t
ngx_http_tenant_api_state_events(ngx_http_tenant_changes_t *changes,
    ngx_str_t *id, ngx_http_tenant_api_state_t *state)
{
    ngx_int_t      rc;
    sqlite3_stmt  *stmt;

    stmt = changes->stmts[NGX_HTTP_TENANT_CHANGE_WAITING];

    ngx_http_tenant_store_bind(stmt, 1, id);

    rc = ngx_http_tenant_store_step(changes->store, stmt);

    if (rc != NGX_OK) {
        return rc == NGX_DONE ? NGX_OK : NGX_ERROR;
    }

    state->events = sqlite3_column_int64(stmt, 0);
    state->provisioning = json_pack("{s:I, s:o, s:s?}", "attempts",
                              (json_int_t) sqlite3_column_int64(stmt, 1),
                              "next", ngx_http_tenant_change_time(
                                          sqlite3_column_int64(stmt, 2)),
                              "error", sqlite3_column_text(stmt, 3));

    (void) sqlite3_reset(stmt);

    return state->provisioning ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_tenant_api_state_agents(ngx_http_tenant_api_t *api,
    ngx_http_tenant_changes_t *changes, ngx_array_t *agents)
{
    ngx_int_t      rc;
    ngx_str_t      id, none, *agent;
    sqlite3_stmt  *stmt;

    if (ngx_array_init(agents, api->pool, 8, sizeof(ngx_str_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_str_set(&none, "");
    stmt = changes->store->stmts[NGX_HTTP_TENANT_STMT_IDS];

    (void) sqlite3_bind_int64(stmt, 1, NGX_HTTP_TENANT_KIND_AGENT);
    ngx_http_tenant_store_bind(stmt, 2, &none);
    (void) sqlite3_bind_int64(stmt, 3, NGX_HTTP_TENANT_STATE_AGENTS);

    while ((rc = ngx_http_tenant_store_step(changes->store, stmt)) == NGX_OK)
    {
        ngx_http_tenant_store_text(stmt, 0, &id);

        agent = ngx_array_push(agents);

        if (agent) {
            agent->len = id.len;
            agent->data = ngx_pnalloc(api->pool, id.len + 1);
        }

        if (agent == NULL || agent->data == NULL) {
            (void) sqlite3_reset(stmt);
            return NGX_ERROR;
        }

        ngx_cpystrn(agent->data, id.data, id.len + 1);
    }

    return rc == NGX_DONE ? NGX_OK : NGX_ERROR;
}


static void
ngx_http_tenant_api_state_done(ngx_http_tenant_job_t *job)
{
    json_t                       *answer;
    ngx_str_t                     id;
    ngx_http_tenant_api_t        *api;
    ngx_http_tenant_tenant_t     *tenant;
    ngx_http_tenant_issuer_t     *issuer;
    ngx_http_tenant_registry_t   *registry;
    ngx_http_tenant_api_state_t  *state;

    api = job->data;
    state = api->work;
    registry = api->tmcf->registry;

    if (job->rc != NGX_OK || api->request == NULL) {
        ngx_http_tenant_api_done(job);
        return;
    }

    id.data = (u_char *) api->target.id.data;
    id.len = api->target.id.len;

    answer = NULL;

    if (ngx_http_tenant_registry_sync(registry) != NGX_OK) {

        /* void */

    } else if (api->kind == NGX_HTTP_TENANT_KIND_TENANT) {

        if (ngx_http_tenant_registry_tenant(registry, &id, &tenant)
            == NGX_OK)
        {
            answer = ngx_http_tenant_api_state_tenant(api, state, tenant);
            ngx_http_tenant_object_unref(&tenant->object);
        }

    } else if (ngx_http_tenant_registry_issuer(registry, &id, &issuer)
               == NGX_OK)
    {
        answer = ngx_http_tenant_api_state_issuer(api, state, issuer);
        ngx_http_tenant_object_unref(&issuer->object);
    }

    if (answer) {
        ngx_http_tenant_api_json(api, NGX_HTTP_OK, answer);

    } else {

        /* gone meanwhile, most likely */

        job->rc = NGX_ERROR;
        job->status = NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    ngx_http_tenant_api_done(job);
}


static json_t *
ngx_http_tenant_api_state_tenant(ngx_http_tenant_api_t *api,
    ngx_http_tenant_api_state_t *state, ngx_http_tenant_tenant_t *tenant)
{
    json_t  *answer, *offboarding;

    answer = json_pack("{s:s%, s:s, s:s%, s:s, s:I, s:o, s:o, s:I, s:o, s:o}",
                       "id", tenant->sn.str.data, tenant->sn.str.len,
                       "status",
                       ngx_http_tenant_statuses[tenant->status].data,
                       "tier", tenant->tier->sn.str.data,
                       tenant->tier->sn.str.len,
                       "model",
                       ngx_http_tenant_models[tenant->tier->model].data,
                       "version", (json_int_t) state->row.version,
                       "created",
                       ngx_http_tenant_change_time(state->row.created),
                       "updated",
                       ngx_http_tenant_change_time(state->row.updated),
                       "events", state->events,
                       "issuers",
                       ngx_http_tenant_api_state_issuers(api, tenant),
                       "routes",
                       ngx_http_tenant_api_state_routes(api, state, tenant));

    if (answer && state->provisioning
        && json_object_set(answer, "provisioning", state->provisioning) != 0)
    {
        json_decref(answer);
        return NULL;
    }

    offboarding = json_object_get(state->row.body, "offboarding");

    if (answer && offboarding
        && json_object_set(answer, "offboarding", offboarding) != 0)
    {
        json_decref(answer);
        return NULL;
    }

    return answer;
}


static json_t *
ngx_http_tenant_api_state_issuers(ngx_http_tenant_api_t *api,
    ngx_http_tenant_tenant_t *tenant)
{
    json_t       *list;
    ngx_str_t    *iss;
    ngx_uint_t    i;
    ngx_array_t   names;

    if (ngx_array_init(&names, api->pool, 4, sizeof(ngx_str_t)) != NGX_OK
        || ngx_http_tenant_registry_issuers(api->tmcf->registry, tenant,
                                            NGX_HTTP_TENANT_STATE_ISSUERS,
                                            &names)
           != NGX_OK)
    {
        return NULL;
    }

    list = json_array();
    iss = names.elts;

    for (i = 0; i < names.nelts; i++) {
        if (json_array_append_new(list, json_stringn((char *) iss[i].data,
                                                     iss[i].len))
            != 0)
        {
            json_decref(list);
            return NULL;
        }
    }

    return list;
}


static json_t *
ngx_http_tenant_api_state_routes(ngx_http_tenant_api_t *api,
    ngx_http_tenant_api_state_t *state, ngx_http_tenant_tenant_t *tenant)
{
    json_t      *routes, *route;
    ngx_str_t   *agent;
    ngx_uint_t   i;

    routes = json_object();
    agent = state->agents.elts;

    for (i = 0; i < state->agents.nelts; i++) {
        if (ngx_http_tenant_route_state(api->tmcf, tenant, &agent[i], &route)
            != NGX_OK
            || json_object_set_new(routes, (char *) agent[i].data, route)
               != 0)
        {
            json_decref(routes);
            return NULL;
        }
    }

    return routes;
}


static json_t *
ngx_http_tenant_api_state_issuer(ngx_http_tenant_api_t *api,
    ngx_http_tenant_api_state_t *state, ngx_http_tenant_issuer_t *issuer)
{
    json_t  *answer, *head;

    if (ngx_http_tenant_issuer_state(api->tmcf, issuer, &answer) != NGX_OK) {
        return NULL;
    }

    head = json_pack("{s:s%, s:I, s:o, s:o}", "iss", issuer->sn.str.data,
                     issuer->sn.str.len, "version",
                     (json_int_t) state->row.version, "created",
                     ngx_http_tenant_change_time(state->row.created),
                     "updated",
                     ngx_http_tenant_change_time(state->row.updated));

    if (head == NULL
        || (issuer->tenant.len
            && json_object_set_new(head, "tenant",
                                   json_stringn((char *) issuer->tenant.data,
                                                issuer->tenant.len))
               != 0)
        || json_object_update(head, answer) != 0)
    {
        json_decref(head);
        head = NULL;
    }

    json_decref(answer);

    return head;
}
