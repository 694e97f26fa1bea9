/*
 * The members of a JSON object as pieces of its text.  What is in them is
 * judged by whoever takes them, so that an error names the member.
 */

#include "cli.h"

#include "json.h"


/* Past a value, by its strings and brackets alone. */
static policy_status_t
skip(policy_json_t *json)
{
    char    c;
    size_t  depth, start;

    depth = 0;
    start = json->at;

    for ( /* void */ ; json->at < json->text.len; json->at++) {
        c = json->text.data[json->at];

        if (depth == 0 && (c == ',' || c == '}' || c == ']')) {
            break;
        }

        if (c == '{' || c == '[') {
            depth++;

        } else if (c == '}' || c == ']') {
            depth--;

        } else if (c == '"') {
            for (json->at++;
                 json->at < json->text.len
                 && json->text.data[json->at] != '"';
                 json->at++)
            {
                json->at += json->text.data[json->at] == '\\';
            }
        }
    }

    if (json->at >= json->text.len || json->at == start) {
        json->at = start;
        return policy_json_fail(json, POLICY_SYNTAX, start,
                                "expected a value");
    }

    return POLICY_OK;
}


static policy_status_t
read_member(policy_json_t *json, const char *const *names, size_t n,
    policy_str_t *pieces)
{
    size_t           i, start;
    policy_str_t     key;
    policy_value_t   ignored;
    policy_status_t  rc;

    if ((rc = policy_json_string(json, &key)) != POLICY_OK
        || (rc = policy_json_expect(json, ':')) != POLICY_OK
        || (rc = policy_json_note_key(json, key)) != POLICY_OK)
    {
        return rc;
    }

    policy_json_peek(json);
    start = json->at;

    for (i = 0; i < n; i++) {
        if (policy_str_equal(key, (policy_str_t) { names[i],
                                                   strlen(names[i]) }))
        {
            break;
        }
    }

    if (i == n) {
        return policy_json_read(json, &ignored);
    }

    if (pieces[i].data != NULL) {
        return policy_json_fail(json, POLICY_DUPLICATE, start,
                                "field is repeated");
    }

    rc = skip(json);
    if (rc == POLICY_OK) {
        pieces[i].data = json->text.data + start;
        pieces[i].len = json->at - start;
    }

    return rc;
}


static policy_status_t
read_object(policy_json_t *json, const char *const *names, size_t n,
    policy_str_t *pieces)
{
    policy_status_t  rc;

    rc = policy_json_expect(json, '{');

    if (rc == POLICY_OK && policy_json_peek(json) == '}') {
        json->at++;
        return policy_json_end(json);
    }

    while (rc == POLICY_OK) {
        rc = read_member(json, names, n, pieces);

        if (rc == POLICY_OK && policy_json_peek(json) != ',') {
            rc = policy_json_expect(json, '}');
            break;
        }

        json->at++;
    }

    if (rc == POLICY_OK) {
        rc = policy_json_check_keys(json, 0, 0);
    }

    return rc == POLICY_OK ? policy_json_end(json) : rc;
}


int
members_split(policy_arena_t *arena, policy_str_t text,
    const char *const *names, size_t n, policy_str_t *pieces,
    policy_error_t *error)
{
    size_t           mark;
    policy_json_t    json;
    policy_status_t  rc;

    memset(pieces, 0, n * sizeof(policy_str_t));

    mark = policy_arena_mark(arena);

    rc = policy_json_init(&json, arena, POLICY_STR(""), text, error);
    if (rc == POLICY_OK) {
        rc = read_object(&json, names, n, pieces);
    }

    policy_json_stop(&json);
    policy_arena_release(arena, mark);

    return rc == POLICY_OK;
}
