/*
 * Principals that policies cannot tell apart are one: users of a tenant with
 * the same roles, say, whom none of them names.  A token never seen before then finds its principal
 * made, and what is known of the decisions about it.
 *
 * It is found by all that would be in it: that of the last token of a tenant is
 * compared, others are in a table like that of tokens, by a keyed hash of 128
 * bits.
 */

#include "ngx_http_tenant_policies.h"
#include "../identity/ngx_http_tenant_claim.h"
#include "../identity/tenant_claim_path.h"
#include "../identity/tenant_claims.h"


#define NGX_HTTP_TENANT_KIN_KEY  1024   /* bytes; with more it is not shared */
#define NGX_HTTP_TENANT_KIN_MAX  ((size_t) 1 << 24)     /* bytes of one */


/* A key being written: each piece says how long it is. */
typedef struct {
    u_char      *pos;           /* NULL: there was no room */
    u_char      *last;
    u_char       start[NGX_HTTP_TENANT_KIN_KEY];
} ngx_http_tenant_kin_key_t;


static ngx_uint_t ngx_http_tenant_kin_key(ngx_http_tenant_main_conf_t *tmcf,
    ngx_http_tenant_user_t *user, ngx_http_tenant_kin_key_t *key);
static ngx_http_tenant_kin_t *ngx_http_tenant_kin_find(
    ngx_http_tenant_users_t *users, ngx_http_tenant_user_t *user,
    ngx_http_tenant_kin_key_t *key);
static void ngx_http_tenant_kin_start(ngx_http_tenant_kin_key_t *key);
static ngx_uint_t ngx_http_tenant_kin_named(ngx_http_tenant_main_conf_t *tmcf,
    ngx_http_tenant_user_t *user);
static void ngx_http_tenant_kin_own_key(ngx_http_tenant_kin_key_t *key,
    ngx_http_tenant_users_t *users, ngx_http_tenant_user_t *user);
static void ngx_http_tenant_kin_claims_key(ngx_http_tenant_kin_key_t *key,
    ngx_http_tenant_users_t *users, ngx_http_tenant_user_t *user);
static void ngx_http_tenant_kin_put(ngx_http_tenant_kin_key_t *key,
    const void *data, size_t len);
static void ngx_http_tenant_kin_put_number(ngx_http_tenant_kin_key_t *key,
    uint64_t number);
static void ngx_http_tenant_kin_put_text(ngx_http_tenant_kin_key_t *key,
    const char *data, size_t len);
static void ngx_http_tenant_kin_put_claim(ngx_http_tenant_kin_key_t *key,
    const tenant_value_t *claim);
static ngx_http_tenant_kin_t *ngx_http_tenant_kin_create(ngx_pool_t *pool,
    ngx_http_tenant_users_t *users, ngx_http_tenant_user_t *user,
    ngx_http_tenant_kin_key_t *key);
static void ngx_http_tenant_kin_keep(ngx_http_tenant_users_t *users,
    ngx_http_tenant_kin_t *kin);
static tenant_cache_tag_t ngx_http_tenant_kin_tag(
    ngx_http_tenant_users_t *users, u_char *key, size_t len);
static void ngx_http_tenant_kin_recall(ngx_http_tenant_kin_t **recent,
    ngx_http_tenant_kin_t *kin);


ngx_int_t
ngx_http_tenant_kin(ngx_http_request_t *r, ngx_http_tenant_user_t *user,
    ngx_http_tenant_kin_t **kin)
{
    ngx_uint_t                    shared;
    ngx_http_tenant_kin_t        *k;
    ngx_http_tenant_users_t      *users;
    ngx_http_tenant_kin_key_t     key;
    ngx_http_tenant_main_conf_t  *tmcf;

    tmcf = ngx_http_get_module_main_conf(r, ngx_http_tenant_module);

    *kin = NULL;

    if (tmcf->policies.nelts == 0) {
        return NGX_OK;
    }

    users = tmcf->users;

    if (user->tenant->authz == NULL
        && ngx_http_tenant_entity_tenant(user->tenant) == NULL)
    {
        return NGX_ERROR;
    }

    shared = ngx_http_tenant_kin_key(tmcf, user, &key);

    if (shared) {
        k = ngx_http_tenant_kin_find(users, user, &key);

        if (k) {
            k->refs++;
            *kin = k;
            return NGX_OK;
        }
    }

    if (ngx_http_tenant_claim_list(r->pool, user->names->roles, &user->roles,
                                   &user->nroles)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    k = ngx_http_tenant_kin_create(r->pool, users, user,
                                   shared ? &key : NULL);
    if (k == NULL) {
        return NGX_ERROR;
    }

    if (shared) {
        ngx_http_tenant_kin_keep(users, k);
    }

    *kin = k;

    return NGX_OK;
}


/* 0: the user has to have a principal of its own */

static ngx_uint_t
ngx_http_tenant_kin_key(ngx_http_tenant_main_conf_t *tmcf,
    ngx_http_tenant_user_t *user, ngx_http_tenant_kin_key_t *key)
{
    ngx_http_tenant_users_t   *users;
    ngx_http_tenant_entity_t  *tenant;

    users = tmcf->users;
    tenant = user->tenant->authz;

    /* an entity that the tenant's data refers to may be this very user */

    if (users->kin == NULL || tenant->refers
        || (users->named && ngx_http_tenant_kin_named(tmcf, user)))
    {
        return 0;
    }

    ngx_http_tenant_kin_start(key);

    ngx_http_tenant_kin_put_number(key, tenant->number);
    ngx_http_tenant_kin_put_number(key, user->issuer->operators);

    ngx_http_tenant_kin_put_claim(key, user->names->roles);
    ngx_http_tenant_kin_own_key(key, users, user);
    ngx_http_tenant_kin_claims_key(key, users, user);

    return key->pos != NULL;
}


static void
ngx_http_tenant_kin_start(ngx_http_tenant_kin_key_t *key)
{
    key->pos = key->start;
    key->last = key->start + sizeof(key->start);
}


static ngx_http_tenant_kin_t *
ngx_http_tenant_kin_find(ngx_http_tenant_users_t *users,
    ngx_http_tenant_user_t *user, ngx_http_tenant_kin_key_t *key)
{
    size_t                      len;
    ngx_http_tenant_kin_t      *kin, **recent;
    ngx_http_tenant_entity_t   *tenant;

    len = key->pos - key->start;
    tenant = user->tenant->authz;

    recent = &users->recent[tenant->number % NGX_HTTP_TENANT_KIN_RECENT];
    kin = *recent;

    if (kin && kin->key_len == len
        && ngx_memcmp((u_char *) kin + kin->size - len, key->start, len) == 0)
    {
        return kin;
    }

    kin = tenant_cache_find(users->kin,
                            ngx_http_tenant_kin_tag(users, key->start, len),
                            ngx_time());
    if (kin) {
        ngx_http_tenant_kin_recall(recent, kin);
    }

    return kin;
}


static tenant_cache_tag_t
ngx_http_tenant_kin_tag(ngx_http_tenant_users_t *users, u_char *key,
    size_t len)
{
    return tenant_cache_tag(users->kin, (char *) key, len);
}


static void
ngx_http_tenant_kin_recall(ngx_http_tenant_kin_t **recent,
    ngx_http_tenant_kin_t *kin)
{
    if (kin) {
        kin->refs++;
    }

    ngx_http_tenant_kin_release(*recent);

    *recent = kin;
}


/* Whether a policy names the user, or may. */

static ngx_uint_t
ngx_http_tenant_kin_named(ngx_http_tenant_main_conf_t *tmcf,
    ngx_http_tenant_user_t *user)
{
    ngx_str_t                 *iss;
    tenant_str_t               subject;
    policy_str_t               id;
    policy_uid_t               uid;
    ngx_http_tenant_users_t   *users;
    ngx_http_tenant_kin_key_t  key;

    users = tmcf->users;
    iss = &user->issuer->sn.str;
    subject = user->names->subject;

    ngx_http_tenant_kin_start(&key);

    ngx_http_tenant_kin_put(&key, iss->data, iss->len);
    ngx_http_tenant_kin_put(&key, "#", 1);
    ngx_http_tenant_kin_put(&key, subject.data, subject.len);

    if (key.pos == NULL) {
        return 1;
    }

    id.data = (char *) key.start;
    id.len = key.pos - key.start;

    return policy_uid_again(user->issuer->operators ? &users->operator
                                                    : &users->user,
                            id, &uid)
           != POLICY_OK
           || ngx_http_tenant_policies_name(tmcf, &uid);
}


/*
 * The attributes that are neither the tenant's nor the roles.  Claims of
 * several texts stand as they came: the same, in another order, are not found.
 */

static void
ngx_http_tenant_kin_own_key(ngx_http_tenant_kin_key_t *key,
    ngx_http_tenant_users_t *users, ngx_http_tenant_user_t *user)
{
    ngx_str_t     *iss;
    ngx_uint_t     i;
    tenant_str_t   client_id;

    for (i = 0; i < users->nown; i++) {
        switch (users->own[i]) {

        case NGX_HTTP_TENANT_USER_ISS:
            iss = &user->issuer->sn.str;
            ngx_http_tenant_kin_put_text(key, (char *) iss->data, iss->len);
            break;

        case NGX_HTTP_TENANT_USER_CLIENT_ID:
            client_id = user->names->client_id;
            ngx_http_tenant_kin_put_number(key, client_id.data != NULL);

            if (client_id.data) {
                ngx_http_tenant_kin_put_text(key, client_id.data,
                                             client_id.len);
            }

            break;

        case NGX_HTTP_TENANT_USER_SCOPES:
            ngx_http_tenant_kin_put_claim(key, user->names->scopes);
        }
    }
}


/* Claims that become attributes, each with its place, and then tags. */

static void
ngx_http_tenant_kin_claims_key(ngx_http_tenant_kin_key_t *key,
    ngx_http_tenant_users_t *users, ngx_http_tenant_user_t *user)
{
    size_t               i;
    uint32_t             place;
    policy_str_t         name, *tag;
    tenant_str_t         tag_name;
    tenant_rules_t      *rules;
    tenant_attribute_t  *attribute;

    rules = &user->issuer->rules;
    attribute = rules->attributes;

    for (i = 0; i < rules->nattributes; i++) {
        name.data = attribute[i].name.data;
        name.len = attribute[i].name.len;

        if (policy_layout_find(users->attrs, name, &place)) {
            ngx_http_tenant_kin_put_number(key, place);
            ngx_http_tenant_kin_put_claim(key,
                        tenant_claim_find(user->claims, attribute[i].path));
        }
    }

    ngx_http_tenant_kin_put_number(key, (uint64_t) -1);

    tag = users->tag_names.elts;

    for (i = 0; i < users->tag_names.nelts; i++) {
        tag_name.data = tag[i].data;
        tag_name.len = tag[i].len;

        ngx_http_tenant_kin_put_claim(key, tenant_value_get(user->claims,
                                                            tag_name));
    }
}


static void
ngx_http_tenant_kin_put(ngx_http_tenant_kin_key_t *key, const void *data,
    size_t len)
{
    if (key->pos == NULL || (size_t) (key->last - key->pos) < len) {
        key->pos = NULL;
        return;
    }

    key->pos = ngx_cpymem(key->pos, data, len);
}


static void
ngx_http_tenant_kin_put_number(ngx_http_tenant_kin_key_t *key,
    uint64_t number)
{
    ngx_http_tenant_kin_put(key, &number, sizeof(uint64_t));
}


static void
ngx_http_tenant_kin_put_text(ngx_http_tenant_kin_key_t *key,
    const char *data, size_t len)
{
    ngx_http_tenant_kin_put_number(key, len);
    ngx_http_tenant_kin_put(key, data, len);
}


/* With all that is in it; NULL: there is no such claim */

static void
ngx_http_tenant_kin_put_claim(ngx_http_tenant_kin_key_t *key,
    const tenant_value_t *claim)
{
    const tenant_value_t  *v, *last;

    if (claim == NULL) {
        ngx_http_tenant_kin_put_number(key, (uint64_t) -1);
        return;
    }

    last = tenant_value_next(claim);

    for (v = claim; v < last; v++) {
        ngx_http_tenant_kin_put_number(key, v->kind);

        switch (v->kind) {

        case TENANT_VALUE_STRING:
        case TENANT_VALUE_REAL:
            ngx_http_tenant_kin_put_text(key, v->u.text, v->len);
            break;

        case TENANT_VALUE_INTEGER:
            ngx_http_tenant_kin_put_number(key, (uint64_t) v->u.integer);
            break;

        default: /* how many values are in an array, an object */
            ngx_http_tenant_kin_put_number(key, v->len);
        }
    }
}


/* key: of one that is shared, or NULL */

static ngx_http_tenant_kin_t *
ngx_http_tenant_kin_create(ngx_pool_t *pool, ngx_http_tenant_users_t *users,
    ngx_http_tenant_user_t *user, ngx_http_tenant_kin_key_t *key)
{
    size_t                   head, size, len;
    ngx_uint_t               nknown;
    ngx_http_tenant_kin_t   *kin;
    ngx_http_tenant_plan_t  *plan;

    plan = ngx_http_tenant_principal_measure(pool, users, user, key != NULL,
                                             &size);
    if (plan == NULL) {
        return NULL;
    }

    len = key ? key->pos - key->start : 0;
    nknown = key ? NGX_HTTP_TENANT_KIN_KNOWN : 0;
    head = sizeof(ngx_http_tenant_kin_t)
           + nknown * sizeof(ngx_http_tenant_known_t);

    /* a token of 16 KB makes no such thing */

    if (head + size + len >= NGX_HTTP_TENANT_KIN_MAX) {
        return NULL;
    }

    kin = tenant_room_alloc(users->room, head + size + len);
    if (kin == NULL) {
        return NULL;
    }

    ngx_memzero(kin, head);

    kin->store = ngx_http_tenant_principal_write(plan, (u_char *) kin + head);
    if (kin->store == NULL) {
        tenant_room_free(users->room, kin);
        return NULL;
    }

    kin->refs = 1;
    kin->room = users->room;
    kin->size = head + size + len;
    kin->shared = key ? 1 : 0;
    kin->nknown = nknown;
    kin->tenant = user->tenant;
    kin->tenant->object.refs++;

    if (key) {
        kin->key_len = (uint32_t) len;
        ngx_memcpy((u_char *) kin + head + size, key->start, len);
    }

    return kin;
}


/* The table has a reference, and pays for the tenant, which it may keep. */

static void
ngx_http_tenant_kin_keep(ngx_http_tenant_users_t *users,
    ngx_http_tenant_kin_t *kin)
{
    size_t               size;
    tenant_cache_tag_t   tag;

    size = tenant_room_size(kin->room, kin->size) + kin->tenant->object.size;

    tag = ngx_http_tenant_kin_tag(users, (u_char *) kin + kin->size
                                         - kin->key_len, kin->key_len);

    if (tenant_cache_insert(users->kin, tag, kin, size, INT64_MAX,
                            ngx_time())
        == TENANT_CACHE_OK)
    {
        kin->refs++;
    }
}


void
ngx_http_tenant_kin_drop(void *value, void *data)
{
    ngx_http_tenant_kin_release(value);
}


void
ngx_http_tenant_kin_exit(ngx_http_tenant_users_t *users)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_TENANT_KIN_RECENT; i++) {
        ngx_http_tenant_kin_recall(&users->recent[i], NULL);
    }

    tenant_cache_destroy(users->kin);
    users->kin = NULL;
}


void
ngx_http_tenant_kin_release(ngx_http_tenant_kin_t *kin)
{
    if (kin == NULL || --kin->refs) {
        return;
    }

    ngx_http_tenant_object_unref(&kin->tenant->object);

    tenant_room_free(kin->room, kin);
}


u_char *
ngx_http_tenant_kin_subject(ngx_http_tenant_kin_t *kin, size_t len)
{
    const policy_uid_t  *uid;

    if (kin == NULL || kin->shared) {
        return NULL;
    }

    uid = policy_store_uid(kin->store, 0);

    return (u_char *) uid->id + uid->id_len - len;
}


size_t
ngx_http_tenant_kin_own(ngx_http_tenant_kin_t *kin)
{
    return kin == NULL || kin->shared
           ? 0 : tenant_room_size(kin->room, kin->size);
}
