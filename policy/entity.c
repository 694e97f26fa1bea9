/* Entity stores: building, reading JSON, looking up. */

#include "entity.h"
#include "json.h"


/* NULL: a packed store has none. */
static policy_builder_t *
builder_of(policy_store_t *store)
{
    return store->packed ? NULL : (policy_builder_t *) store;
}


static int
is_closed(const policy_builder_t *builder)
{
    return builder == NULL || builder->store.finished
           || builder->store.failed;
}


static policy_status_t
no_memory(policy_builder_t *builder, policy_error_t *error)
{
    builder->store.failed = 1;

    return policy_fail_plain(error, POLICY_NO_MEMORY, "no memory");
}


policy_status_t
policy_store_create(const policy_memory_t *memory, policy_store_t **store)
{
    policy_builder_t  *b;

    b = policy_memory_alloc(memory, sizeof(policy_builder_t));
    if (b == NULL) {
        return POLICY_NO_MEMORY;
    }

    memset(b, 0, sizeof(policy_builder_t));

    b->memory = *memory;
    b->last = &b->entries;
    policy_arena_start(&b->main, memory, 1024);
    policy_arena_start(&b->temp, memory, 1024);

    *store = &b->store;

    return POLICY_OK;
}


void
policy_store_destroy(policy_store_t *store)
{
    policy_builder_t  *builder;

    if (store == NULL || store->packed) {
        return;
    }

    builder = builder_of(store);

    policy_arena_stop(&builder->main);
    policy_arena_stop(&builder->temp);
    policy_memory_free(&builder->memory, builder, sizeof(policy_builder_t));
}


policy_status_t
policy_store_base(policy_store_t *store, const policy_store_t *base)
{
    policy_builder_t  *builder;

    builder = builder_of(store);

    if (is_closed(builder) || !base->finished) {
        return POLICY_MISUSE;
    }

    builder->base = base;

    return POLICY_OK;
}


policy_status_t
policy_store_seal(policy_store_t *store)
{
    policy_builder_t  *builder;

    builder = builder_of(store);

    if (is_closed(builder)) {
        return POLICY_MISUSE;
    }

    builder->sealed = 1;

    return POLICY_OK;
}


policy_arena_t *
policy_store_arena(policy_store_t *store)
{
    return store->packed ? NULL : &builder_of(store)->main;
}


size_t
policy_store_count(const policy_store_t *store)
{
    return store->n;
}


size_t
policy_store_memory(const policy_store_t *store)
{
    const policy_builder_t  *builder;

    if (store->packed) {
        return store->size;
    }

    builder = (const policy_builder_t *) store;

    return sizeof(policy_builder_t) + builder->main.taken
           + builder->temp.taken;
}


static policy_status_t
new_entry(policy_builder_t *builder, policy_entry_t **entry)
{
    policy_entry_t  *e;

    if (is_closed(builder)) {
        return POLICY_MISUSE;
    }

    if (builder->nentries == POLICY_MAX_ENTITIES) {
        builder->store.failed = 1;
        return POLICY_LIMIT;
    }

    e = policy_alloc(&builder->temp, sizeof(policy_entry_t));
    if (e == NULL) {
        return no_memory(builder, NULL);
    }

    memset(e, 0, sizeof(policy_entry_t));
    e->builder = builder;

    *builder->last = e;
    builder->last = &e->next;
    builder->nentries++;

    *entry = e;

    return POLICY_OK;
}


static int
copy_uid(policy_arena_t *arena, const policy_uid_t *uid, policy_uid_t *copy)
{
    policy_str_t  type, id;

    type = policy_str_copy(arena, policy_uid_type(uid));
    id = policy_str_copy(arena, policy_uid_id(uid));

    *copy = *uid;
    copy->type = type.data;
    copy->id = id.data;

    return type.data != NULL && id.data != NULL;
}


policy_status_t
policy_store_add(policy_store_t *store, const policy_uid_t *uid,
    policy_entry_t **entry)
{
    policy_entry_t    *e;
    policy_status_t    rc;
    policy_builder_t  *builder;

    builder = builder_of(store);

    rc = new_entry(builder, &e);
    if (rc != POLICY_OK) {
        return rc;
    }

    e->attrs_value = policy_value_make_many(POLICY_RECORD, NULL, 0, 1);
    e->tags_value = e->attrs_value;

    if (!copy_uid(&builder->main, uid, &e->uid)) {
        return no_memory(builder, NULL);
    }

    *entry = e;

    return POLICY_OK;
}


static policy_status_t
set_field(policy_entry_t *entry, policy_record_t **record,
    policy_str_t name, policy_value_t value)
{
    policy_status_t    rc;
    policy_builder_t  *builder;

    builder = entry->builder;

    if (is_closed(builder)) {
        return POLICY_MISUSE;
    }

    rc = POLICY_OK;

    if (*record == NULL) {
        rc = policy_record_begin_in(&builder->main, &builder->temp, record);
    }

    if (rc == POLICY_OK) {
        rc = policy_record_set(*record, name, value);
    }

    if (rc != POLICY_OK) {
        builder->store.failed = 1;
    }

    return rc;
}


policy_status_t
policy_entry_attr(policy_entry_t *entry, policy_str_t name,
    policy_value_t value)
{
    return set_field(entry, &entry->attrs, name, value);
}


policy_status_t
policy_entry_tag(policy_entry_t *entry, policy_str_t name,
    policy_value_t value)
{
    return set_field(entry, &entry->tags, name, value);
}


policy_status_t
policy_entry_parent(policy_entry_t *entry, const policy_uid_t *parent)
{
    policy_parent_t  *link;

    if (is_closed(entry->builder)) {
        return POLICY_MISUSE;
    }

    link = policy_alloc(&entry->builder->temp, sizeof(policy_parent_t));

    if (link == NULL
        || !copy_uid(&entry->builder->temp, parent, &link->uid))
    {
        return no_memory(entry->builder, NULL);
    }

    link->next = entry->parents;
    entry->parents = link;
    entry->nparents++;

    return POLICY_OK;
}


static policy_status_t
read_uid(policy_json_t *json, const policy_uid_t **uid)
{
    size_t           at;
    policy_value_t   v;
    policy_status_t  rc;

    policy_json_peek(json);
    at = json->at;

    rc = policy_json_read(json, &v);
    if (rc != POLICY_OK) {
        return rc;
    }

    *uid = policy_json_uid(json, &v);
    if (*uid != NULL) {
        return POLICY_OK;
    }

    if (v.kind >= POLICY_KINDS) {
        return policy_json_check(json, &v);
    }

    return policy_json_fail(json, POLICY_INVALID, at,
                            "expected an entity uid: {\"type\", \"id\"} "
                            "with a type that is a path");
}


static policy_status_t
read_parents(policy_json_t *json, policy_entry_t *entry)
{
    policy_status_t      rc;
    policy_parent_t     *link;
    const policy_uid_t  *uid;

    rc = policy_json_expect(json, '[');
    if (rc != POLICY_OK) {
        return rc;
    }

    if (policy_json_peek(json) == ']') {
        json->at++;
        return POLICY_OK;
    }

    for ( ;; ) {
        rc = read_uid(json, &uid);
        if (rc != POLICY_OK) {
            return rc;
        }

        link = policy_alloc(&entry->builder->temp, sizeof(policy_parent_t));
        if (link == NULL) {
            return no_memory(entry->builder, json->error);
        }

        link->uid = *uid;
        link->next = entry->parents;
        entry->parents = link;
        entry->nparents++;

        if (policy_json_peek(json) != ',') {
            return policy_json_expect(json, ']');
        }

        json->at++;
    }
}


static policy_status_t
read_checked_record(policy_json_t *json, policy_value_t *record)
{
    policy_status_t  rc;

    json->strict = 1;
    rc = policy_json_read_record(json, record);
    json->strict = 0;

    return rc == POLICY_OK ? policy_json_check(json, record) : rc;
}


#define HAS_UID      1u
#define HAS_ATTRS    2u
#define HAS_PARENTS  4u
#define HAS_TAGS     8u

static policy_status_t
read_member(policy_json_t *json, policy_entry_t *entry, unsigned *seen)
{
    size_t               at;
    unsigned             bit;
    policy_str_t         key;
    policy_value_t       ignored;
    policy_status_t      rc;
    const policy_uid_t  *uid;

    policy_json_peek(json);
    at = json->at;

    if ((rc = policy_json_string(json, &key)) != POLICY_OK
        || (rc = policy_json_expect(json, ':')) != POLICY_OK
        || (rc = policy_json_note_key(json, key)) != POLICY_OK)
    {
        return rc;
    }

    bit = policy_str_equal(key, POLICY_STR("uid")) ? HAS_UID
        : policy_str_equal(key, POLICY_STR("attrs")) ? HAS_ATTRS
        : policy_str_equal(key, POLICY_STR("parents")) ? HAS_PARENTS
        : policy_str_equal(key, POLICY_STR("tags")) ? HAS_TAGS : 0;

    if (*seen & bit) {
        return policy_json_fail(json, POLICY_DUPLICATE, at,
                                "field is repeated");
    }

    *seen |= bit;

    switch (bit) {

    case HAS_UID:
        rc = read_uid(json, &uid);
        if (rc == POLICY_OK) {
            entry->uid = *uid;
        }

        return rc;

    case HAS_ATTRS:
        return read_checked_record(json, &entry->attrs_value);

    case HAS_PARENTS:
        return read_parents(json, entry);

    case HAS_TAGS:
        return read_checked_record(json, &entry->tags_value);

    default:
        return policy_json_read(json, &ignored);
    }
}


/* {"uid", "attrs", "parents" [, "tags"]}, in any order */
static policy_status_t
read_entity(policy_json_t *json, policy_builder_t *builder,
    policy_str_t file)
{
    size_t            at, start;
    unsigned          seen;
    policy_entry_t   *entry;
    policy_status_t   rc;

    rc = new_entry(builder, &entry);
    if (rc != POLICY_OK) {
        return policy_fail_plain(json->error, rc, rc == POLICY_LIMIT
                                 ? "too many entities" : "no memory");
    }

    entry->tags_value = policy_value_make_many(POLICY_RECORD, NULL, 0, 1);
    entry->file = file;

    policy_json_peek(json);
    at = json->at;

    entry->line = (uint32_t) at;    /* an offset until the array is read */

    rc = policy_json_expect(json, '{');
    if (rc != POLICY_OK) {
        return rc;
    }

    seen = 0;
    start = json->stack_len;

    if (policy_json_peek(json) == '}') {
        json->at++;

    } else {
        for ( ;; ) {
            rc = read_member(json, entry, &seen);
            if (rc != POLICY_OK) {
                return rc;
            }

            if (policy_json_peek(json) != ',') {
                break;
            }

            json->at++;
        }

        rc = policy_json_expect(json, '}');
        if (rc != POLICY_OK) {
            return rc;
        }
    }

    rc = policy_json_check_keys(json, start, at);
    if (rc != POLICY_OK) {
        return rc;
    }

    if ((seen & HAS_UID) == 0) {
        return policy_json_fail(json, POLICY_INVALID, at,
                                "entity has no `uid`");
    }

    if ((seen & HAS_ATTRS) == 0) {
        return policy_json_fail(json, POLICY_INVALID, at,
                                "entity has no `attrs`");
    }

    if ((seen & HAS_PARENTS) == 0) {
        return policy_json_fail(json, POLICY_INVALID, at,
                                "entity has no `parents`");
    }

    return POLICY_OK;
}


/* Offsets of the entries from first on to lines and columns, in one pass. */
static void
place_entries(policy_entry_t *first, policy_str_t text)
{
    size_t    i, target;
    uint32_t  line, column;

    i = 0;
    line = 1;
    column = 1;

    for ( /* void */ ; first != NULL; first = first->next) {
        target = first->line;

        for ( /* void */ ; i < target && i < text.len; i++) {
            if (text.data[i] == '\n') {
                line++;
                column = 1;

            } else if (((unsigned char) text.data[i] & 0xc0) != 0x80) {
                column++;
            }
        }

        first->line = line;
        first->column = column;
    }
}


static policy_status_t
read_entities(policy_json_t *json, policy_builder_t *builder,
    policy_str_t file)
{
    policy_status_t  rc;

    rc = policy_json_expect(json, '[');
    if (rc != POLICY_OK) {
        return rc;
    }

    if (policy_json_peek(json) == ']') {
        json->at++;
        return policy_json_end(json);
    }

    for ( ;; ) {
        rc = read_entity(json, builder, file);
        if (rc != POLICY_OK) {
            return rc;
        }

        if (policy_json_peek(json) != ',') {
            break;
        }

        json->at++;
    }

    rc = policy_json_expect(json, ']');

    return rc == POLICY_OK ? policy_json_end(json) : rc;
}


policy_status_t
policy_store_json(policy_store_t *store, policy_str_t file,
    policy_str_t text, policy_error_t *error)
{
    policy_json_t      json;
    policy_entry_t   **first;
    policy_status_t    rc;
    policy_builder_t  *builder;

    builder = builder_of(store);

    if (is_closed(builder)) {
        return policy_fail_plain(error, POLICY_MISUSE,
                                 "store is finished or failed");
    }

    file = policy_str_copy(&builder->temp, file);
    if (file.data == NULL) {
        return no_memory(builder, error);
    }

    first = builder->last;

    rc = policy_json_init(&json, &builder->main, file, text, error);
    if (rc == POLICY_OK) {
        rc = read_entities(&json, builder, file);
    }

    policy_json_stop(&json);

    if (rc == POLICY_OK) {
        place_entries(*first, text);
    } else {
        store->failed = 1;
    }

    return rc;
}


/* format has one %S, the uid */
policy_status_t
policy_entry_fail(const policy_entry_t *entry, policy_error_t *error,
    policy_status_t status, const char *format)
{
    char             text[128];
    size_t           n;
    policy_str_t     uid;
    policy_print_t   file;

    n = policy_uid_print(&entry->uid, text, sizeof(text));
    uid.data = text;
    uid.len = n < sizeof(text) ? n : strlen(text);

    policy_fail_plain(error, status, format, &uid);

    if (error != NULL && entry->line != 0) {
        error->line = entry->line;
        error->column = entry->column;

        policy_print_init(&file, error->file, sizeof(error->file));
        policy_print_text(&file, entry->file);
        policy_print_end(&file);
    }

    return status;
}


static policy_status_t
end_record(policy_record_t *record, policy_value_t *value)
{
    return record == NULL ? POLICY_OK : policy_record_end(record, value);
}


policy_status_t
policy_store_finish(policy_store_t *store, policy_error_t *error)
{
    policy_entry_t    *entry;
    policy_status_t    rc;
    policy_builder_t  *builder;

    builder = builder_of(store);

    if (is_closed(builder)) {
        return policy_fail_plain(error, POLICY_MISUSE,
                                 "store is finished or failed");
    }

    rc = POLICY_OK;

    for (entry = builder->entries; entry != NULL; entry = entry->next) {
        rc = end_record(entry->attrs, &entry->attrs_value);

        if (rc == POLICY_OK) {
            rc = end_record(entry->tags, &entry->tags_value);
        }

        if (rc != POLICY_OK) {
            policy_entry_fail(entry, error, rc, rc == POLICY_DUPLICATE
                              ? "%S has an attribute or tag twice"
                              : "%S: no memory");
            break;
        }
    }

    if (rc == POLICY_OK) {
        rc = policy_store_close(builder, error);
    }

    policy_arena_stop(&builder->temp);
    builder->entries = NULL;
    builder->sources = NULL;
    store->failed = rc != POLICY_OK;
    store->finished = rc == POLICY_OK;

    return rc;
}


POLICY_HOT
const policy_uid_t *
policy_store_uid(const policy_store_t *store, size_t n)
{
    return n < store->n ? &store->entities[n].uid : NULL;
}


const policy_entity_t *
policy_store_at(const policy_store_t *store, size_t n)
{
    return n < store->n ? &store->entities[n] : NULL;
}
