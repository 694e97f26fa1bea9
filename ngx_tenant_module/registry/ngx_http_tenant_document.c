/*
 * The registry as one JSON document, read when nginx reads its
 * configuration: {"tiers", "tenants", "issuers", "agents", "prices",
 * "revocations"}, each an array of objects.  A broken document fails the configuration, so a reload with one
 * leaves the running configuration in place.
 */

#include <ngx_http.h>

#include "ngx_http_tenant_document.h"
#include "ngx_http_tenant_price.h"
#include "ngx_http_tenant_revocation.h"
#include "../ngx_http_tenant_file.h"
#include "../identity/tenant_json.h"
#include "../routing/ngx_http_tenant_route.h"


#define NGX_HTTP_TENANT_DOCUMENT_SIZE    (64 * 1024 * 1024)  /* bytes */
#define NGX_HTTP_TENANT_ISSUERS          32    /* of one tenant */


typedef ngx_int_t (*ngx_http_tenant_document_pt)(
    ngx_http_tenant_document_t *doc, const ngx_http_tenant_json_t *at);


static json_t *ngx_http_tenant_document_parse(ngx_conf_t *cf,
    ngx_str_t *path);
static ngx_int_t ngx_http_tenant_document_each(
    ngx_http_tenant_document_t *doc, const ngx_http_tenant_json_t *root,
    const char *name, ngx_http_tenant_document_pt read);
static ngx_int_t ngx_http_tenant_document_tier(
    ngx_http_tenant_document_t *doc, const ngx_http_tenant_json_t *at);
static ngx_int_t ngx_http_tenant_document_agent(
    ngx_http_tenant_document_t *doc, const ngx_http_tenant_json_t *at);
static ngx_int_t ngx_http_tenant_document_tenant(
    ngx_http_tenant_document_t *doc, const ngx_http_tenant_json_t *at);
static ngx_int_t ngx_http_tenant_document_routes(
    ngx_http_tenant_document_t *doc, const ngx_http_tenant_json_t *at,
    ngx_array_t *routes);
static ngx_int_t ngx_http_tenant_document_issuer(
    ngx_http_tenant_document_t *doc, const ngx_http_tenant_json_t *at);
static ngx_int_t ngx_http_tenant_document_links(
    ngx_http_tenant_document_t *doc, const ngx_http_tenant_json_t *at);
static ngx_int_t ngx_http_tenant_document_price(
    ngx_http_tenant_document_t *doc, const ngx_http_tenant_json_t *at);
static ngx_int_t ngx_http_tenant_document_revocation(
    ngx_http_tenant_document_t *doc, const ngx_http_tenant_json_t *at);


const char *const  ngx_http_tenant_document_members[] = {
    "tiers", "tenants", "issuers", "agents", "prices", "revocations", NULL
};

const tenant_json_limits_t  ngx_http_tenant_document_limits = {
    NGX_HTTP_TENANT_DOCUMENT_SIZE, 32, 16 * 1024 * 1024
};


ngx_uint_t
ngx_http_tenant_document_name(ngx_str_t *path)
{
    return path->len > sizeof(".json") - 1
           && ngx_memcmp(path->data + path->len - (sizeof(".json") - 1),
                         ".json", sizeof(".json") - 1)
              == 0;
}


json_t *
ngx_http_tenant_document_read(ngx_conf_t *cf,
    ngx_http_tenant_document_t *doc, ngx_str_t *path)
{
    json_t                       *root;
    ngx_uint_t                    i;
    ngx_http_tenant_json_t        at;
    ngx_http_tenant_main_conf_t  *tmcf;

    /* the order follows the references; links need all of them */

    static const struct {
        const char                   *name;
        ngx_http_tenant_document_pt   read;
    } lists[] = {
        { "agents", ngx_http_tenant_document_agent },
        { "tiers", ngx_http_tenant_document_tier },
        { "tenants", ngx_http_tenant_document_tenant },
        { "issuers", ngx_http_tenant_document_issuer },
        { "tenants", ngx_http_tenant_document_links },
        { "prices", ngx_http_tenant_document_price },
        { "revocations", ngx_http_tenant_document_revocation }
    };

    doc->registry = ngx_http_tenant_registry_create(doc->pool);
    if (doc->registry == NULL) {
        return NULL;
    }

    root = ngx_http_tenant_document_parse(cf, path);
    if (root == NULL) {
        return NULL;
    }

    ngx_memzero(&at, sizeof(ngx_http_tenant_json_t));
    ngx_memzero(&doc->err, sizeof(ngx_http_tenant_json_error_t));

    tmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_tenant_module);

    at.value = root;
    doc->names = ngx_http_tenant_route_names_allowed(tmcf);
    doc->dir = *path;

    while (doc->dir.len && doc->dir.data[doc->dir.len - 1] != '/') {
        doc->dir.len--;
    }

    if (ngx_http_tenant_json_object(&at, ngx_http_tenant_document_members,
                                    &doc->err)
        != NGX_OK)
    {
        goto failed;
    }

    for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        if (ngx_http_tenant_document_each(doc, &at, lists[i].name,
                                          lists[i].read)
            != NGX_OK)
        {
            goto failed;
        }
    }

    return root;

failed:

    json_decref(root);

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "tenant_registry \"%V\": "
                       "\"%s\" %s", path, doc->err.pointer,
                       doc->err.message);

    return NULL;
}


static json_t *
ngx_http_tenant_document_parse(ngx_conf_t *cf, ngx_str_t *path)
{
    size_t                i;
    json_t               *root;
    ngx_str_t             text;
    ngx_uint_t            line, column;
    tenant_json_error_t   err;

    if (ngx_http_tenant_file_read(cf, "tenant_registry", path,
                                  NGX_HTTP_TENANT_DOCUMENT_SIZE, &text)
        != NGX_OK)
    {
        return NULL;
    }

    root = tenant_json_parse((char *) text.data, text.len,
                             &ngx_http_tenant_document_limits, &err);

    if (root == NULL) {
        line = 1;
        column = 1;

        for (i = 0; i < err.offset && i < text.len; i++) {
            if (text.data[i] == LF) {
                line++;
                column = 1;
                continue;
            }

            column++;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "tenant_registry \"%V\" line %ui column %ui: %s",
                           path, line, column,
                           tenant_json_reason(err.code));
    }

    ngx_free(text.data);

    return root;
}


static ngx_int_t
ngx_http_tenant_document_each(ngx_http_tenant_document_t *doc,
    const ngx_http_tenant_json_t *root, const char *name,
    ngx_http_tenant_document_pt read)
{
    size_t                  i, n;
    ngx_http_tenant_json_t  list, item;

    if (ngx_http_tenant_json_member(root, name, &list) != NGX_OK) {
        return NGX_OK;
    }

    if (!json_is_array(list.value)) {
        return ngx_http_tenant_json_fail(&list, &doc->err,
                                         "must be an array");
    }

    n = json_array_size(list.value);

    for (i = 0; i < n; i++) {
        ngx_http_tenant_json_element(&list, i, &item);

        if (read(doc, &item) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_document_tier(ngx_http_tenant_document_t *doc,
    const ngx_http_tenant_json_t *at)
{
    ngx_http_tenant_tier_t  *tier;

    tier = ngx_http_tenant_tier_read(doc->pool, at, &doc->err);

    if (tier == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_tenant_registry_add(doc->registry, &tier->sn)
        != NGX_OK)
    {
        return ngx_http_tenant_json_fail(at, &doc->err,
                                         "repeats the tier \"%V\"",
                                         &tier->sn.str);
    }

    return ngx_http_tenant_document_routes(doc, at, &tier->routes);
}


static ngx_int_t
ngx_http_tenant_document_agent(ngx_http_tenant_document_t *doc,
    const ngx_http_tenant_json_t *at)
{
    ngx_http_tenant_agent_t  *agent;

    agent = ngx_http_tenant_agent_read(doc->pool, at, &doc->err);

    if (agent == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_tenant_registry_add(doc->registry, &agent->sn)
        != NGX_OK)
    {
        return ngx_http_tenant_json_fail(at, &doc->err,
                                         "repeats the agent \"%V\"",
                                         &agent->sn.str);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_document_tenant(ngx_http_tenant_document_t *doc,
    const ngx_http_tenant_json_t *at)
{
    ngx_str_t                  tier;
    ngx_http_tenant_json_t     child;
    ngx_http_tenant_tenant_t  *tenant;

    tenant = ngx_http_tenant_tenant_read(doc->pool, at, &tier,
                                         &doc->err);
    if (tenant == NULL) {
        return NGX_ERROR;
    }

    tenant->tier = (ngx_http_tenant_tier_t *)
                       ngx_http_tenant_registry_peek(doc->registry,
                           NGX_HTTP_TENANT_KIND_TIER, &tier);
    if (tenant->tier == NULL) {
        (void) ngx_http_tenant_json_member(at, "tier", &child);
        return ngx_http_tenant_json_fail(&child, &doc->err,
                                         "names no tier: \"%V\"", &tier);
    }

    if (ngx_http_tenant_registry_add(doc->registry, &tenant->sn)
        != NGX_OK)
    {
        return ngx_http_tenant_json_fail(at, &doc->err,
                                         "repeats the tenant \"%V\"",
                                         &tenant->sn.str);
    }

    return ngx_http_tenant_document_routes(doc, at, &tenant->routes);
}


static ngx_int_t
ngx_http_tenant_document_routes(ngx_http_tenant_document_t *doc,
    const ngx_http_tenant_json_t *at, ngx_array_t *routes)
{
    ngx_uint_t                i;
    ngx_http_tenant_json_t    list, child;
    ngx_http_tenant_route_t  *route;

    route = routes->elts;

    for (i = 0; i < routes->nelts; i++) {
        if (ngx_http_tenant_registry_peek(doc->registry,
                                          NGX_HTTP_TENANT_KIND_AGENT,
                                          &route[i].agent)
            == NULL)
        {
            (void) ngx_http_tenant_json_member(at, "routes", &list);
            (void) ngx_http_tenant_json_member(&list,
                                               (char *) route[i].agent.data,
                                               &child);
            return ngx_http_tenant_json_fail(&child, &doc->err,
                                             "names no agent: \"%V\"",
                                             &route[i].agent);
        }
    }

    if (doc->names) {
        return NGX_OK;
    }

    return ngx_http_tenant_routes_literal(at, routes, &doc->err);
}


static ngx_int_t
ngx_http_tenant_document_issuer(ngx_http_tenant_document_t *doc,
    const ngx_http_tenant_json_t *at)
{
    ngx_str_t                 *iss;
    ngx_uint_t                 i;
    ngx_http_tenant_json_t     child;
    ngx_http_tenant_tenant_t  *tenant;
    ngx_http_tenant_issuer_t  *issuer;

    issuer = ngx_http_tenant_issuer_read(doc->pool, &doc->dir, at,
                                         &doc->err);
    if (issuer == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_tenant_registry_add(doc->registry, &issuer->sn)
        != NGX_OK)
    {
        return ngx_http_tenant_json_fail(at, &doc->err,
                                         "repeats the issuer \"%V\"",
                                         &issuer->sn.str);
    }

    if (issuer->tenant.len == 0) {
        return NGX_OK;
    }

    tenant = (ngx_http_tenant_tenant_t *)
                 ngx_http_tenant_registry_peek(doc->registry,
                                               NGX_HTTP_TENANT_KIND_TENANT,
                                               &issuer->tenant);

    if (tenant == NULL) {
        (void) ngx_http_tenant_json_member(at, "tenant", &child);
        return ngx_http_tenant_json_fail(&child, &doc->err,
                                         "names no tenant: \"%V\"",
                                         &issuer->tenant);
    }

    /* a bound issuer need not be listed */

    iss = tenant->issuers.elts;

    for (i = 0; i < tenant->issuers.nelts; i++) {
        if (iss[i].len == issuer->sn.str.len
            && ngx_memcmp(iss[i].data, issuer->sn.str.data, iss[i].len) == 0)
        {
            return NGX_OK;
        }
    }

    iss = ngx_array_push(&tenant->issuers);
    if (iss == NULL) {
        return ngx_http_tenant_json_fail(at, &doc->err, "no memory");
    }

    *iss = issuer->sn.str;

    return NGX_OK;
}


/*
 * What a tenant says of issuers, once both are known.  "alice" of one issuer
 * is not "alice" of another: where two can speak for one tenant, their
 * subjects need name spaces that differ.
 */

static ngx_int_t
ngx_http_tenant_document_links(ngx_http_tenant_document_t *doc,
    const ngx_http_tenant_json_t *at)
{
    ngx_str_t                  id, *iss, *ns;
    ngx_uint_t                 i, j;
    ngx_http_tenant_json_t     list, item;
    ngx_http_tenant_tenant_t  *tenant;
    ngx_http_tenant_issuer_t  *issuer[NGX_HTTP_TENANT_ISSUERS];

    id.data = (u_char *) json_string_value(json_object_get(at->value, "id"));
    id.len = ngx_strlen(id.data);

    tenant = (ngx_http_tenant_tenant_t *)
                 ngx_http_tenant_registry_peek(doc->registry,
                                               NGX_HTTP_TENANT_KIND_TENANT,
                                               &id);

    (void) ngx_http_tenant_json_member(at, "issuers", &list);
    iss = tenant->issuers.elts;

    if (tenant->issuers.nelts > NGX_HTTP_TENANT_ISSUERS) {
        return ngx_http_tenant_json_fail(at, &doc->err,
                                         "has more than %d issuers",
                                         NGX_HTTP_TENANT_ISSUERS);
    }

    for (i = 0; i < tenant->issuers.nelts; i++) {
        if (list.value && i < json_array_size(list.value)) {
            ngx_http_tenant_json_element(&list, i, &item);

        } else {
            item = *at;
        }

        issuer[i] = (ngx_http_tenant_issuer_t *)
                        ngx_http_tenant_registry_peek(doc->registry,
                            NGX_HTTP_TENANT_KIND_ISSUER, &iss[i]);

        if (issuer[i] == NULL) {
            return ngx_http_tenant_json_fail(&item, &doc->err,
                                             "names no issuer: \"%V\"",
                                             &iss[i]);
        }

        if (issuer[i]->operators) {
            return ngx_http_tenant_json_fail(&item, &doc->err,
                                             "is an issuer of operators: "
                                             "\"%V\"", &iss[i]);
        }

        if (issuer[i]->tenant.len
            && (issuer[i]->tenant.len != id.len
                || ngx_memcmp(issuer[i]->tenant.data, id.data, id.len) != 0))
        {
            return ngx_http_tenant_json_fail(&item, &doc->err,
                                             "is bound to another tenant: "
                                             "\"%V\"", &issuer[i]->tenant);
        }

        ns = &issuer[i]->subject_namespace;

        for (j = 0; j < i; j++) {
            if (issuer[j]->subject_namespace.len == ns->len
                && (ns->len == 0
                    || ngx_memcmp(issuer[j]->subject_namespace.data,
                                  ns->data, ns->len)
                       == 0))
            {
                return ngx_http_tenant_json_fail(&item, &doc->err,
                                                 "issuers \"%V\" and \"%V\" "
                                                 "need different "
                                                 "\"subject_namespace\"s",
                                                 &iss[j], &iss[i]);
            }
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_document_price(ngx_http_tenant_document_t *doc,
    const ngx_http_tenant_json_t *at)
{
    ngx_http_tenant_price_t  *price;

    price = ngx_http_tenant_price_read(doc->pool, at, &doc->err);

    if (price == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_tenant_registry_add(doc->registry, &price->sn) != NGX_OK) {
        return ngx_http_tenant_json_fail(at, &doc->err,
                                         "repeats the price \"%V\"",
                                         &price->sn.str);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_document_revocation(ngx_http_tenant_document_t *doc,
    const ngx_http_tenant_json_t *at)
{
    const char                    *name;
    ngx_str_t                     *id;
    ngx_uint_t                     kind;
    ngx_http_tenant_json_t         child;
    ngx_http_tenant_revocation_t  *rev;

    rev = ngx_http_tenant_revocation_read(doc->pool, at, &doc->err);

    if (rev == NULL) {
        return NGX_ERROR;
    }

    /* what it names is its key, in whatever keeps it */

    if (json_object_set_new(at->value, "id",
                            json_stringn((char *) rev->sn.str.data,
                                         rev->sn.str.len))
        != 0)
    {
        return ngx_http_tenant_json_fail(at, &doc->err, "no memory");
    }

    if (rev->expires == 0) {
        return ngx_http_tenant_json_fail(at, &doc->err,
                                         "has no \"expires\"");
    }

    name = rev->tenant.len ? "tenant" : "issuer";
    id = rev->tenant.len ? &rev->tenant : &rev->issuer;
    kind = rev->tenant.len ? NGX_HTTP_TENANT_KIND_TENANT
                           : NGX_HTTP_TENANT_KIND_ISSUER;

    if (ngx_http_tenant_registry_peek(doc->registry, kind, id) == NULL) {
        (void) ngx_http_tenant_json_member(at, name, &child);
        return ngx_http_tenant_json_fail(&child, &doc->err,
                                         "names no %s: \"%V\"", name, id);
    }

    if (ngx_http_tenant_registry_add(doc->registry, &rev->sn) != NGX_OK) {
        return ngx_http_tenant_json_fail(at, &doc->err,
                                         "repeats the revocation \"%V\"",
                                         &rev->sn.str);
    }

    return NGX_OK;
}
