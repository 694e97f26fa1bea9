/* Names: attribute names, type paths, entity uids. */

#include "value.h"


#define SEED_NAME  1
#define SEED_TYPE  2

static const policy_str_t  reserved[] = {
    { "if", 2 }, { "then", 4 }, { "else", 4 }, { "true", 4 }, { "false", 5 },
    { "in", 2 }, { "is", 2 }, { "has", 3 }, { "like", 4 }, { "__cedar", 7 }
};


policy_name_t
policy_name(policy_str_t s)
{
    uint64_t       h;
    policy_name_t  name;

    h = policy_hash(SEED_NAME, s.data, s.len);

    name.name = s.data;
    name.len = (uint32_t) s.len;
    name.hash = (uint32_t) (h ^ h >> 32);

    return name;
}


int
policy_is_reserved(policy_str_t s)
{
    size_t  i;

    for (i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        if (policy_str_equal(s, reserved[i])) {
            return 1;
        }
    }

    return 0;
}


int
policy_is_ident(policy_str_t s)
{
    char    c;
    size_t  i;

    for (i = 0; i < s.len; i++) {
        c = s.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'
              || (i > 0 && c >= '0' && c <= '9')))
        {
            return 0;
        }
    }

    return s.len > 0;
}


int
policy_is_path(policy_str_t s)
{
    size_t        n;
    policy_str_t  part;

    for ( ;; ) {
        for (n = 0; n < s.len && s.data[n] != ':'; n++) { /* void */ }

        part.data = s.data;
        part.len = n;

        if (!policy_is_ident(part) || policy_is_reserved(part)) {
            return 0;
        }

        if (n == s.len) {
            return 1;
        }

        if (s.len - n < 2 || s.data[n + 1] != ':') {
            return 0;
        }

        s.data += n + 2;
        s.len -= n + 2;
    }
}


int
policy_is_action_type(policy_str_t type)
{
    static const char  word[] = "Action";
    size_t             n;

    n = sizeof(word) - 1;

    if (type.len < n || memcmp(type.data + type.len - n, word, n) != 0) {
        return 0;
    }

    return type.len == n || type.data[type.len - n - 1] == ':';
}


uint64_t
policy_type_hash(policy_str_t type)
{
    return policy_hash(SEED_TYPE, type.data, type.len);
}


void
policy_uid_make(policy_uid_t *uid, policy_str_t type, policy_str_t id)
{
    uid->type = type.data;
    uid->type_len = (uint32_t) type.len;
    uid->id = id.data;
    uid->id_len = (uint32_t) id.len;
    uid->type_hash = policy_type_hash(type);
    uid->hash = policy_hash(uid->type_hash, id.data, id.len);
}


policy_status_t
policy_uid_init(policy_uid_t *uid, policy_str_t type, policy_str_t id)
{
    if (type.len > POLICY_MAX_TEXT || id.len > POLICY_MAX_TEXT) {
        return POLICY_LIMIT;
    }

    if (!policy_is_path(type)) {
        return POLICY_INVALID;
    }

    policy_uid_make(uid, type, id);

    return POLICY_OK;
}


policy_status_t
policy_uid_again(const policy_uid_t *of, policy_str_t id, policy_uid_t *uid)
{
    if (id.len > POLICY_MAX_TEXT) {
        return POLICY_LIMIT;
    }

    *uid = *of;

    uid->id = id.data;
    uid->id_len = (uint32_t) id.len;
    uid->hash = policy_hash(uid->type_hash, id.data, id.len);

    return POLICY_OK;
}


void
policy_uid_moved(policy_uid_t *uid, const char *id)
{
    uid->id = id;
}


int
policy_uid_equal(const policy_uid_t *a, const policy_uid_t *b)
{
    return policy_uid_same(a, b);
}


int
policy_uid_alike(const policy_uid_t *a, const policy_uid_t *b)
{
    return a->type_len == b->type_len && a->id_len == b->id_len
           && (a->id == b->id || policy_bytes_same(a->id, b->id, a->id_len))
           && (a->type == b->type
               || policy_bytes_same(a->type, b->type, a->type_len));
}


size_t
policy_uid_print(const policy_uid_t *uid, char *buffer, size_t size)
{
    policy_print_t  p;

    policy_print_init(&p, buffer, size);
    policy_print_text(&p, policy_uid_type(uid));
    policy_print_str(&p, "::\"");
    policy_print_escaped(&p, policy_uid_id(uid));
    policy_print_char(&p, '"');

    return policy_print_end(&p);
}


policy_uid_t *
policy_uid_copy(policy_arena_t *arena, const policy_uid_t *uid)
{
    policy_str_t   type, id;
    policy_uid_t  *copy;

    copy = policy_alloc(arena, sizeof(policy_uid_t));
    type = policy_str_copy(arena, policy_uid_type(uid));
    id = policy_str_copy(arena, policy_uid_id(uid));

    if (copy == NULL || type.data == NULL || id.data == NULL) {
        return NULL;
    }

    *copy = *uid;
    copy->type = type.data;
    copy->id = id.data;

    return copy;
}
