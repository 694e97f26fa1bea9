/* Templates: linking them, one by one or from JSON. */

#include "set.h"
#include "json.h"


typedef struct {
    policy_json_t  *json;       /* where to say what is wrong, or NULL */
    size_t          at;
    policy_error_t *error;
} where_t;


static policy_status_t
refuse(policy_set_t *set, const where_t *where, policy_status_t status,
    const char *format, policy_str_t id)
{
    set->failed = 1;

    if (id.len > 100) {
        id.len = 100;
    }

    if (where->json == NULL) {
        return policy_fail_plain(where->error, status, format, &id);
    }

    return policy_fail(where->error, status, where->json->file,
                       where->json->text, where->at, format, &id);
}


static policy_status_t
fill(policy_set_t *set, const where_t *where, policy_scope_t *scope,
    const policy_uid_t *uid, policy_str_t link_id)
{
    if (scope->is_slot && uid == NULL) {
        return refuse(set, where, POLICY_INVALID,
                      "link `%S` does not fill a slot of its template",
                      link_id);
    }

    if (!scope->is_slot && uid != NULL) {
        return refuse(set, where, POLICY_INVALID,
                      "link `%S` fills a slot its template does not have",
                      link_id);
    }

    if (uid == NULL) {
        return POLICY_OK;
    }

    scope->is_slot = 0;
    scope->uid = policy_set_uid(set, uid);

    return scope->uid != NULL ? POLICY_OK
                              : policy_set_no_memory(set, where->error);
}


static policy_status_t
link_one(policy_set_t *set, const where_t *where, policy_str_t template_id,
    policy_str_t link_id, const policy_uid_t *principal,
    const policy_uid_t *resource)
{
    size_t            index;
    policy_rule_t    *rule;
    policy_status_t   rc;

    if (policy_set_find(set, template_id, &index) != POLICY_OK) {
        return refuse(set, where, POLICY_NOT_FOUND,
                      "there is no template `%S`", template_id);
    }

    if (!set->rules[index].is_template) {
        return refuse(set, where, POLICY_INVALID,
                      "policy `%S` is no template", template_id);
    }

    if (set->n == POLICY_MAX_POLICIES) {
        return refuse(set, where, POLICY_LIMIT, "too many policies",
                      link_id);
    }

    rule = policy_set_new_rule(set);
    if (rule == NULL) {
        return policy_set_no_memory(set, where->error);
    }

    *rule = set->rules[index];
    rule->is_template = 0;
    rule->linked = (uint32_t) index + 1;

    rule->id = policy_str_copy(&set->main, link_id);
    if (rule->id.data == NULL) {
        return policy_set_no_memory(set, where->error);
    }

    if ((rc = fill(set, where, &rule->principal, principal, link_id))
        != POLICY_OK
        || (rc = fill(set, where, &rule->resource, resource, link_id))
           != POLICY_OK)
    {
        return rc;
    }

    rc = policy_set_new_id(set);

    if (rc == POLICY_DUPLICATE) {
        return refuse(set, where, rc, "policy id `%S` is taken", link_id);
    }

    return rc == POLICY_OK ? POLICY_OK
                           : policy_set_no_memory(set, where->error);
}


policy_status_t
policy_set_link(policy_set_t *set, policy_str_t template_id,
    policy_str_t link_id, const policy_uid_t *principal,
    const policy_uid_t *resource, policy_error_t *error)
{
    where_t  where;

    if (set->finished || set->failed) {
        return policy_fail_plain(error, POLICY_MISUSE,
                                 "set is finished or failed");
    }

    where.json = NULL;
    where.at = 0;
    where.error = error;

    return link_one(set, &where, template_id, link_id, principal, resource);
}


typedef struct {
    unsigned       seen;
    policy_str_t   template_id;
    policy_str_t   link_id;
    policy_uid_t   uids[2];         /* principal, resource */
} link_t;

#define SEEN_TEMPLATE   1u
#define SEEN_ID         2u
#define SEEN_ARGS       4u
#define SEEN_PRINCIPAL  8u
#define SEEN_RESOURCE   16u


static policy_status_t
read_arg(policy_json_t *json, link_t *link)
{
    size_t            at;
    unsigned          bit;
    policy_str_t      key, text;
    policy_error_t    error;
    policy_status_t   rc;

    policy_json_peek(json);
    at = json->at;

    if ((rc = policy_json_string(json, &key)) != POLICY_OK
        || (rc = policy_json_expect(json, ':')) != POLICY_OK)
    {
        return rc;
    }

    bit = policy_str_equal(key, POLICY_STR("?principal")) ? SEEN_PRINCIPAL
        : policy_str_equal(key, POLICY_STR("?resource")) ? SEEN_RESOURCE : 0;

    if (bit == 0 || (link->seen & bit)) {
        return policy_json_fail(json, POLICY_INVALID, at,
                                "expected one `?principal` or `?resource`");
    }

    link->seen |= bit;

    policy_json_peek(json);
    at = json->at;

    rc = policy_json_string(json, &text);
    if (rc != POLICY_OK) {
        return rc;
    }

    rc = policy_parse_uid_text(json->arena, json->file, text,
                               &link->uids[bit == SEEN_RESOURCE], &error);

    return rc == POLICY_OK
           ? POLICY_OK : policy_json_fail(json, rc, at, error.message);
}


static policy_status_t
read_args(policy_json_t *json, link_t *link)
{
    policy_status_t  rc;

    rc = policy_json_expect(json, '{');

    if (rc == POLICY_OK && policy_json_peek(json) == '}') {
        json->at++;
        return POLICY_OK;
    }

    while (rc == POLICY_OK) {
        rc = read_arg(json, link);

        if (rc == POLICY_OK) {
            if (policy_json_peek(json) != ',') {
                return policy_json_expect(json, '}');
            }

            json->at++;
        }
    }

    return rc;
}


static policy_status_t
read_member(policy_json_t *json, link_t *link)
{
    size_t           at;
    unsigned         bit;
    policy_str_t     key;
    policy_value_t   ignored;
    policy_status_t  rc;

    policy_json_peek(json);
    at = json->at;

    if ((rc = policy_json_string(json, &key)) != POLICY_OK
        || (rc = policy_json_expect(json, ':')) != POLICY_OK
        || (rc = policy_json_note_key(json, key)) != POLICY_OK)
    {
        return rc;
    }

    bit = policy_str_equal(key, POLICY_STR("template_id")) ? SEEN_TEMPLATE
        : policy_str_equal(key, POLICY_STR("link_id")) ? SEEN_ID
        : policy_str_equal(key, POLICY_STR("args")) ? SEEN_ARGS : 0;

    if (link->seen & bit) {
        return policy_json_fail(json, POLICY_DUPLICATE, at,
                                "field is repeated");
    }

    link->seen |= bit;

    switch (bit) {

    case SEEN_TEMPLATE:
        return policy_json_string(json, &link->template_id);

    case SEEN_ID:
        return policy_json_string(json, &link->link_id);

    case SEEN_ARGS:
        return read_args(json, link);

    default:
        return policy_json_read(json, &ignored);
    }
}


/* {"template_id", "link_id", "args"} */
static policy_status_t
read_link(policy_json_t *json, policy_set_t *set)
{
    size_t           start;
    link_t           link;
    where_t          where;
    policy_status_t  rc;

    memset(&link, 0, sizeof(link));

    policy_json_peek(json);
    where.json = json;
    where.at = json->at;
    where.error = json->error;
    start = json->stack_len;

    rc = policy_json_expect(json, '{');

    if (rc == POLICY_OK && policy_json_peek(json) == '}') {
        json->at++;

    } else {
        while (rc == POLICY_OK) {
            rc = read_member(json, &link);

            if (rc == POLICY_OK && policy_json_peek(json) != ',') {
                rc = policy_json_expect(json, '}');
                break;
            }

            json->at++;
        }
    }

    if (rc == POLICY_OK) {
        rc = policy_json_check_keys(json, start, where.at);
    }

    if (rc != POLICY_OK) {
        return rc;
    }

    if ((link.seen & SEEN_TEMPLATE) == 0 || (link.seen & SEEN_ID) == 0
        || (link.seen & SEEN_ARGS) == 0)
    {
        return policy_json_fail(json, POLICY_INVALID, where.at,
                                "a link needs `template_id`, `link_id` and "
                                "`args`");
    }

    return link_one(set, &where, link.template_id, link.link_id,
                    link.seen & SEEN_PRINCIPAL ? &link.uids[0] : NULL,
                    link.seen & SEEN_RESOURCE ? &link.uids[1] : NULL);
}


static policy_status_t
read_links(policy_json_t *json, policy_set_t *set)
{
    policy_status_t  rc;

    rc = policy_json_expect(json, '[');

    if (rc == POLICY_OK && policy_json_peek(json) == ']') {
        json->at++;
        return policy_json_end(json);
    }

    while (rc == POLICY_OK) {
        rc = read_link(json, set);

        if (rc == POLICY_OK) {
            if (policy_json_peek(json) != ',') {
                break;
            }

            json->at++;
        }
    }

    if (rc == POLICY_OK) {
        rc = policy_json_expect(json, ']');
    }

    return rc == POLICY_OK ? policy_json_end(json) : rc;
}


policy_status_t
policy_set_link_json(policy_set_t *set, policy_str_t file, policy_str_t text,
    policy_error_t *error)
{
    policy_json_t    json;
    policy_status_t  rc;

    if (set->finished || set->failed) {
        return policy_fail_plain(error, POLICY_MISUSE,
                                 "set is finished or failed");
    }

    rc = policy_json_init(&json, &set->temp, file, text, error);

    if (rc == POLICY_OK) {
        rc = read_links(&json, set);
    }

    policy_json_stop(&json);
    policy_arena_stop(&set->temp);
    set->failed = rc != POLICY_OK;

    return rc;
}
