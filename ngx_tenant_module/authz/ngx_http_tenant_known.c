/*
 * What the engine knows of decisions, kept with identities: when it holds,
 * and for whom.
 */

#include "ngx_http_tenant_policies.h"
#include "../identity/ngx_http_tenant_identity.h"


static ngx_http_tenant_known_t *ngx_http_tenant_known_kept(
    ngx_http_tenant_kin_t *kin, ngx_http_tenant_policies_t *policies,
    uint64_t asked);
static void ngx_http_tenant_known_client(ngx_http_request_t *r,
    ngx_http_tenant_client_t *client);


_Static_assert(sizeof(policy_known_t)
               <= sizeof(((ngx_http_tenant_known_t *) 0)->known),
               "what the engine knows fits");


/*
 * Nothing that it depends on changes under the same identity: its entity and
 * its tenant's are made once, and an agent that changed has an entity with
 * another number.  What came out for another user with the same principal
 * holds as well.
 */

policy_known_t *
ngx_http_tenant_known(ngx_http_tenant_identity_t *identity,
    ngx_http_tenant_policies_t *policies, ngx_uint_t action,
    ngx_http_tenant_entity_t *agent)
{
    uint64_t                  asked;
    ngx_http_tenant_known_t  *known, *kept;

    known = &identity->known;
    asked = agent->number * (NGX_HTTP_TENANT_ACTIONS + 1) + action;

    if (known->asked != asked || known->policies != policies) {
        kept = ngx_http_tenant_known_kept(identity->kin, policies, asked);

        if (kept) {
            *known = *kept;

        } else {
            ngx_memzero(known, sizeof(ngx_http_tenant_known_t));
            known->policies = policies;
            known->asked = asked;
        }
    }

    return (policy_known_t *) known->known;
}


static ngx_http_tenant_known_t *
ngx_http_tenant_known_kept(ngx_http_tenant_kin_t *kin,
    ngx_http_tenant_policies_t *policies, uint64_t asked)
{
    ngx_uint_t  i;

    for (i = 0; i < kin->nknown; i++) {
        if (kin->known[i].asked == asked
            && kin->known[i].policies == policies)
        {
            return &kin->known[i];
        }
    }

    return NULL;
}


ngx_uint_t
ngx_http_tenant_known_same(ngx_http_request_t *r,
    ngx_http_tenant_authz_t *authz, ngx_http_tenant_known_t *known)
{
    size_t                     len;
    uint32_t                   asked, *bits;
    const uint8_t             *address;
    ngx_http_tenant_client_t  *client;

    bits = authz->bits;
    client = &known->client;

    asked = policy_known_asked((policy_known_t *) known->known);

    if (asked & ~authz->comparable) {
        return 0;
    }

    if (asked & bits[NGX_HTTP_TENANT_CONTEXT_SOURCE_IP]) {
        len = ngx_http_tenant_client_address(r, &address);

        if (len != client->address_len
            || ngx_memcmp(address, client->address, len) != 0)
        {
            return 0;
        }
    }

    if ((asked & bits[NGX_HTTP_TENANT_CONTEXT_METHOD])
        && (client->method == NGX_HTTP_UNKNOWN || client->method != r->method))
    {
        return 0;
    }

    if ((asked & bits[NGX_HTTP_TENANT_CONTEXT_TLS])
        && client->tls != ngx_http_tenant_client_tls(r))
    {
        return 0;
    }

    return (asked & bits[NGX_HTTP_TENANT_CONTEXT_SESSION]) == 0
           || (!client->session && ngx_http_tenant_client_session(r) == NULL);
}


/*
 * Nothing is compared later if this decision looked at more than a client.
 * Of those who share a principal the first one that is decided about tells
 * the others, unless the agent's data may name one of them; what is known
 * longest is forgotten for it.
 */

void
ngx_http_tenant_known_note(ngx_http_request_t *r,
    ngx_http_tenant_authz_t *authz, ngx_http_tenant_identity_t *identity,
    ngx_http_tenant_entity_t *agent)
{
    ngx_http_tenant_kin_t    *kin;
    ngx_http_tenant_known_t  *known;

    kin = identity->kin;
    known = &identity->known;

    if ((policy_known_asked((policy_known_t *) known->known)
         & ~authz->comparable)
        == 0)
    {
        ngx_http_tenant_known_client(r, &known->client);
    }

    if (kin->shared && !agent->refers
        && ngx_http_tenant_known_kept(kin, known->policies, known->asked)
           == NULL)
    {
        kin->known[kin->next] = *known;
        kin->next = (kin->next + 1) % kin->nknown;
    }
}


static void
ngx_http_tenant_known_client(ngx_http_request_t *r,
    ngx_http_tenant_client_t *client)
{
    size_t          len;
    const uint8_t  *address;

    len = ngx_http_tenant_client_address(r, &address);

    client->address_len = (u_char) len;
    ngx_memcpy(client->address, address, len);

    client->tls = ngx_http_tenant_client_tls(r);
    client->session = ngx_http_tenant_client_session(r) != NULL;
    client->method = (uint32_t) r->method;
}


size_t
ngx_http_tenant_client_address(ngx_http_request_t *r, const uint8_t **address)
{
    struct sockaddr      *sa;
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    sa = r->connection->sockaddr;

    switch (sa->sa_family) {

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) sa;
        *address = sin6->sin6_addr.s6_addr;

        /* a dual-stack socket shows IPv4 clients so; policies write IPv4 */

        if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
            *address += 12;
            return 4;
        }

        return 16;
#endif

    case AF_INET:
        sin = (struct sockaddr_in *) sa;
        *address = (uint8_t *) &sin->sin_addr.s_addr;
        return 4;

    default:
        *address = (uint8_t *) "";
        return 0;
    }
}


ngx_table_elt_t *
ngx_http_tenant_client_session(ngx_http_request_t *r)
{
    ngx_uint_t        i, n;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    static ngx_str_t  names[] = {
        ngx_string("mcp-session-id"),
        ngx_string("x-amzn-bedrock-agentcore-runtime-session-id")
    };

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return NULL;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        for (n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
            if (h[i].key.len == names[n].len
                && ngx_strncmp(h[i].lowcase_key, names[n].data, names[n].len)
                   == 0)
            {
                return &h[i];
            }
        }
    }
}
