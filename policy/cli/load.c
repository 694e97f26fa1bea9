/* Policies and entities of the tool. */

#include "cli.h"

#include "json.h"


static policy_status_t
build_set(policy_set_t *set, policy_str_t file, policy_str_t text,
    policy_str_t links_file, policy_str_t links, policy_error_t *error,
    int *in_links)
{
    policy_status_t  rc;

    rc = policy_set_add(set, file, text, error);
    if (rc != POLICY_OK) {
        return rc;
    }

    if (links.data != NULL) {
        *in_links = 1;

        rc = policy_set_link_json(set, links_file, links, error);
        if (rc != POLICY_OK) {
            return rc;
        }
    }

    return policy_set_finish(set, error);
}


int
load_policies(state_t *state, policy_str_t file, policy_str_t text,
    policy_str_t links_file, policy_str_t links, policy_error_t *error,
    int *in_links)
{
    policy_set_t          *set;
    policy_set_options_t   options;

    policy_set_destroy(state->set);
    state->set = NULL;

    *in_links = 0;
    memset(error, 0, sizeof(policy_error_t));
    memset(&options, 0, sizeof(options));
    options.id_annotation = 1;

    if (policy_set_create(&host_memory, &options, &set) != POLICY_OK) {
        snprintf(error->message, sizeof(error->message), "no memory");
        return 0;
    }

    if (build_set(set, file, text, links_file, links, error, in_links)
        != POLICY_OK)
    {
        policy_set_destroy(set);
        return 0;
    }

    state->set = set;

    return 1;
}


int
load_entities(state_t *state, policy_str_t file, policy_str_t text,
    policy_error_t *error)
{
    policy_store_t  *store;

    policy_store_destroy(state->store);
    state->store = NULL;

    memset(error, 0, sizeof(policy_error_t));

    if (policy_store_create(&host_memory, &store) != POLICY_OK) {
        snprintf(error->message, sizeof(error->message), "no memory");
        return 0;
    }

    if (policy_store_json(store, file, text, error) != POLICY_OK
        || policy_store_finish(store, error) != POLICY_OK)
    {
        policy_store_destroy(store);
        return 0;
    }

    state->store = store;

    return 1;
}


void
state_drop(state_t *state)
{
    policy_set_destroy(state->set);
    policy_store_destroy(state->store);

    state->set = NULL;
    state->store = NULL;
}


policy_status_t
load_uid(policy_arena_t *arena, policy_str_t text, policy_uid_t *uid,
    policy_error_t *error)
{
    policy_json_t        json;
    policy_value_t       value;
    policy_status_t      rc;
    const policy_uid_t  *found;

    rc = policy_json_init(&json, arena, POLICY_STR(""), text, error);

    if (rc == POLICY_OK) {
        rc = policy_json_read(&json, &value);
    }

    if (rc == POLICY_OK) {
        rc = policy_json_end(&json);
    }

    if (rc == POLICY_OK && value.kind == POLICY_STRING) {
        rc = policy_uid_parse(arena, policy_value_text(&value), uid, error);
        error->offset = 0;      /* that of the string, not in it */

    } else if (rc == POLICY_OK) {
        found = policy_json_uid(&json, &value);

        if (found != NULL) {
            *uid = *found;
        } else {
            rc = policy_json_fail(&json, POLICY_INVALID, 0,
                                  "expected an entity uid");
        }
    }

    policy_json_stop(&json);

    return rc;
}
