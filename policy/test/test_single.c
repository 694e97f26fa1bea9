/*
 * Stores made at one go against those of the builder: the same entity, the
 * same answers, of any principal.
 */

#include "test.h"

#include "entity.h"


#define NAMES     24
#define PARENTS   40
#define ROUNDS    4000
#define DEPTH     3
#define FIELDS    12

static const char  policies[] =
    "permit(principal in Tenant::\"t\",action,resource);"
    "permit(principal in Tier::\"x\",action,resource);"
    "permit(principal,action,resource)"
    "when{principal in[Role::\"r3\",Group::\"h\"]};"
    "permit(principal is User,action,resource)"
    "unless{principal in Role::\"top\"};"
    "permit(principal,action,resource)"
    "when{principal.a==principal.b||principal.c==principal.d};"
    "permit(principal,action,resource)when{principal.b.a==principal.c.a};"
    "permit(principal,action,resource)"
    "when{principal has e&&principal.e.contains(\"s2\")};"
    "permit(principal,action,resource)"
    "when{principal.hasTag(\"a\")&&principal.getTag(\"a\")==principal.a};"
    "permit(principal,action,resource)"
    "when{principal.getTag(\"b\").containsAny([1,\"s1\",true])};"
    "permit(principal,action,resource)when{principal.f.n==3};"
    "permit(principal,action,resource)when{principal.g in Tenant::\"t\"};"
    "permit(principal,action,resource)"
    "when{principal==User::\"u0\"||resource in principal};";

static const char  base_entities[] =
    "[{\"uid\":{\"type\":\"Tenant\",\"id\":\"t\"},\"attrs\":{\"n\":3},"
    "\"parents\":[{\"type\":\"Tier\",\"id\":\"x\"}]},"
    "{\"uid\":{\"type\":\"Tier\",\"id\":\"x\"},\"attrs\":{},\"parents\":[]},"
    "{\"uid\":{\"type\":\"Group\",\"id\":\"g\"},\"attrs\":{\"n\":3},"
    "\"parents\":[{\"type\":\"Group\",\"id\":\"h\"}]},"
    "{\"uid\":{\"type\":\"Group\",\"id\":\"h\"},\"attrs\":{},\"parents\":["
    "{\"type\":\"Tenant\",\"id\":\"t\"}]},"
    "{\"uid\":{\"type\":\"Role\",\"id\":\"r3\"},\"attrs\":{},\"parents\":["
    "{\"type\":\"Tier\",\"id\":\"x\"}]},"
    "{\"uid\":{\"type\":\"Odd\",\"id\":\"o\"},\"attrs\":{},\"parents\":["
    "{\"type\":\"Elsewhere\",\"id\":\"e\"}]},"
    "{\"uid\":{\"type\":\"Loop\",\"id\":\"l\"},\"attrs\":{},\"parents\":["
    "{\"type\":\"User\",\"id\":\"u0\"},{\"type\":\"Tier\",\"id\":\"x\"}]}]";

static const char  others[] =
    "[{\"uid\":{\"type\":\"Role\",\"id\":\"r1\"},\"attrs\":{},\"parents\":["
    "{\"type\":\"Role\",\"id\":\"top\"}]},"
    "{\"uid\":{\"type\":\"Doc\",\"id\":\"d\"},\"attrs\":{},\"parents\":["
    "{\"type\":\"User\",\"id\":\"u0\"}]}]";

static const char *const  kin[] = {
    "Tenant::\"t\"", "Tier::\"x\"", "Group::\"g\"", "Group::\"h\"",
    "Role::\"r3\"", "Odd::\"o\"", "Loop::\"l\"", "Role::\"r1\"",
    "Role::\"r2\"", "Role::\"\"", "Elsewhere::\"e\"", "User::\"u1\"",
    "Action::\"a\"", "N::Action::\"a\""
};

static const char *const  people[] = {
    "User::\"u0\"", "User::\"u1\"", "Operator::\"u0\"", "User::\"\"",
    "Action::\"a\"", "N::Action::\"b\"", "Tenant::\"t\"",
    "User::\"https://shared.idp.test#00000001-0000-4000-8000-000000000001\""
};

#define COUNT(a)  (sizeof(a) / sizeof(a[0]))


/* A principal as it comes from a token; values are made again from seeds. */
typedef struct {
    policy_uid_t           uid;
    policy_uid_t           parents[PARENTS];
    size_t                 nparents;
    size_t                 nattrs;
    uint32_t               attrs[FIELDS];       /* which names */
    uint64_t               attr_seeds[FIELDS];
    size_t                 ntags;
    uint32_t               tags[FIELDS];
    uint64_t               tag_seeds[FIELDS];
    const policy_store_t  *base;
} person_t;

/* How values are made, and the bytes that this takes in a fixed arena. */
typedef struct {
    policy_arena_t      *arena;
    size_t               size;
    int                  by_builder;
    const policy_uid_t  *self;
} maker_t;

static policy_str_t       names[NAMES];
static policy_uid_t       kin_uids[COUNT(kin)];
static policy_uid_t       people_uids[COUNT(people)];
static policy_layout_t   *layout;
static uint64_t           block[16384];
static test_memory_t      counts;


static uint64_t
next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;

    return *seed;
}


static size_t
below(uint64_t *seed, size_t n)
{
    return (size_t) ((next(seed) >> 20) % n);
}


static void
set_up(void)
{
    size_t           i;
    policy_memory_t  memory;
    static char      texts[NAMES][40];

    memset(&counts, 0, sizeof(counts));

    for (i = 0; i < NAMES; i++) {
        snprintf(texts[i], sizeof(texts[i]), i < 20 ? "%c" : "%c%0*u",
                 (char) ('a' + i), (int) i, 7u);
        names[i] = str(texts[i]);
    }

    names[NAMES - 1] = str("");

    for (i = 0; i < COUNT(kin); i++) {
        kin_uids[i] = test_uid(kin[i]);
    }

    for (i = 0; i < COUNT(people); i++) {
        people_uids[i] = test_uid(people[i]);
    }

    memory = test_memory(&counts);
    ck_assert_int_eq(policy_layout_create(&memory, names, NAMES, &layout),
                     POLICY_OK);
}


static void
tear_down(void)
{
    policy_layout_destroy(layout);
    ck_assert_uint_eq(counts.live, 0);
}


static policy_value_t make_value(maker_t *maker, uint64_t *seed, int depth);


static policy_value_t
make_strings(maker_t *maker, uint64_t *seed)
{
    size_t              i, n;
    policy_str_t        list[20];
    policy_value_t      v;
    static const char  *words[] = { "s1", "s2", "", "longer", "s3", "a" };

    n = below(seed, below(seed, 4) == 0 ? 20 : 5);

    for (i = 0; i < n; i++) {
        list[i] = str(words[below(seed, 6)]);
    }

    maker->size += POLICY_SET_SIZE(n);
    ck_assert_int_eq(policy_strings(maker->arena, list, n, &v), POLICY_OK);

    return v;
}


static policy_value_t
make_set(maker_t *maker, uint64_t *seed, int depth)
{
    size_t          i, n;
    policy_value_t  list[6], v;

    n = below(seed, 6);

    for (i = 0; i < n; i++) {
        list[i] = make_value(maker, seed, depth - 1);
    }

    maker->size += POLICY_SET_SIZE(n);
    ck_assert_int_eq(policy_values(maker->arena, list, n, &v), POLICY_OK);

    return v;
}


/* By one call, or name by name. */
static policy_value_t
make_record(maker_t *maker, uint64_t *seed, int depth)
{
    size_t            i, n, first;
    policy_str_t      list[5];
    policy_value_t    values[5], v;
    policy_record_t  *record;

    n = below(seed, 6);
    first = below(seed, NAMES);

    for (i = 0; i < n; i++) {
        list[i] = names[(first + i * 4 + below(seed, 4)) % NAMES];
        values[i] = make_value(maker, seed, depth - 1);
    }

    maker->size += POLICY_RECORD_SIZE(n);

    if (!maker->by_builder) {
        ck_assert_int_eq(policy_record(maker->arena, list, values, n, &v),
                         POLICY_OK);
        return v;
    }

    ck_assert_int_eq(policy_record_begin(maker->arena, &record), POLICY_OK);

    for (i = 0; i < n; i++) {
        ck_assert_int_eq(policy_record_set(record, list[i], values[i]),
                         POLICY_OK);
    }

    ck_assert_int_eq(policy_record_end(record, &v), POLICY_OK);

    return v;
}


static policy_value_t
make_value(maker_t *maker, uint64_t *seed, int depth)
{
    policy_value_t        v;
    static const uint8_t  address[16] = { 0x20, 1, 0xd, 0xb8, 7 };

    switch (below(seed, depth > 0 ? 14 : 10)) {

    case 0:
        return policy_bool((int) below(seed, 2));

    case 1:
        return policy_decimal((int64_t) below(seed, 3) - 1);

    case 2:
        return policy_datetime((int64_t) below(seed, 2));

    case 3:
        return policy_duration((int64_t) below(seed, 2));

    case 4:
        ck_assert_int_eq(policy_ip(address, below(seed, 2) ? 4 : 16, 24, &v),
                         POLICY_OK);
        return v;

    case 5:
        return policy_entity(&kin_uids[below(seed, COUNT(kin))]);

    case 6:
        return policy_entity(maker->self);

    case 7:
    case 8:
        return policy_string("s1s2s3", below(seed, 7));

    case 10:
        return make_strings(maker, seed);

    case 11:
    case 12:
        return make_set(maker, seed, depth);

    case 13:
        return make_record(maker, seed, depth);

    default:
        return policy_long((int64_t) below(seed, 4));
    }
}


static size_t
make_fields(uint64_t *seed, uint32_t *which, uint64_t *seeds)
{
    size_t  i, n, first, step;

    n = below(seed, FIELDS + 1);
    first = below(seed, NAMES);
    step = below(seed, 2) == 0 ? 1 : 23;

    for (i = 0; i < n; i++) {
        which[i] = (uint32_t) ((first + i * step) % NAMES);
        seeds[i] = next(seed);
    }

    return n;
}


static void
make_person(person_t *person, uint64_t *seed)
{
    size_t  i;

    person->uid = people_uids[below(seed, COUNT(people))];
    person->nparents = below(seed, below(seed, 4) == 0 ? PARENTS : 6);

    /* of people most are in no action */

    for (i = 0; i < person->nparents; i++) {
        person->parents[i] = kin_uids[below(seed, COUNT(kin)
                                            - (below(seed, 8) ? 3 : 0))];
    }

    person->nattrs = make_fields(seed, person->attrs, person->attr_seeds);
    person->ntags = make_fields(seed, person->tags, person->tag_seeds);
}


/* In general: entry by entry, finished, packed.  NULL: *rc says why. */
static policy_store_t *
build(const person_t *person, policy_status_t *rc)
{
    size_t            i;
    maker_t           maker;
    uint64_t          seed;
    policy_entry_t   *entry;
    policy_store_t   *store, *packed;
    policy_memory_t   memory;

    memory = test_memory(&counts);

    ck_assert_int_eq(policy_store_create(&memory, &store), POLICY_OK);
    ck_assert_int_eq(policy_store_seal(store), POLICY_OK);

    if (person->base != NULL) {
        ck_assert_int_eq(policy_store_base(store, person->base), POLICY_OK);
    }

    ck_assert_int_eq(policy_store_add(store, &person->uid, &entry),
                     POLICY_OK);

    for (i = 0; i < person->nparents; i++) {
        ck_assert_int_eq(policy_entry_parent(entry, &person->parents[i]),
                         POLICY_OK);
    }

    maker.arena = policy_store_arena(store);
    maker.by_builder = 1;
    maker.self = &person->uid;

    for (i = 0; i < person->nattrs; i++) {
        seed = person->attr_seeds[i];
        ck_assert_int_eq(policy_entry_attr(entry, names[person->attrs[i]],
                         make_value(&maker, &seed, DEPTH)), POLICY_OK);
    }

    for (i = 0; i < person->ntags; i++) {
        seed = person->tag_seeds[i];
        ck_assert_int_eq(policy_entry_tag(entry, names[person->tags[i]],
                         make_value(&maker, &seed, DEPTH)), POLICY_OK);
    }

    packed = NULL;

    *rc = policy_store_finish(store, NULL);

    if (*rc == POLICY_OK) {
        ck_assert_int_eq(policy_store_pack(store, &memory, &packed),
                         POLICY_OK);
    }

    policy_store_destroy(store);

    return packed;
}


static policy_status_t
pick(maker_t *maker, const uint32_t *which, const uint64_t *seeds, size_t n,
    policy_value_t *record)
{
    size_t         i;
    uint64_t       seed;
    policy_pick_t  picks[FIELDS];

    for (i = 0; i < n; i++) {
        seed = seeds[i];
        ck_assert(policy_layout_find(layout, names[which[i]],
                                     &picks[i].place));
        picks[i].value = make_value(maker, &seed, DEPTH);
    }

    maker->size += POLICY_RECORD_SIZE(n);

    return policy_record_pick(maker->arena, layout, picks, n, record);
}


static policy_status_t
name_all(maker_t *maker, const uint32_t *which, const uint64_t *seeds,
    size_t n, policy_value_t *record)
{
    size_t          i;
    uint64_t        seed;
    policy_str_t    list[FIELDS];
    policy_value_t  values[FIELDS];

    for (i = 0; i < n; i++) {
        seed = seeds[i];
        list[i] = names[which[i]];
        values[i] = make_value(maker, &seed, DEPTH);
    }

    maker->size += POLICY_RECORD_SIZE(n);

    return policy_record(maker->arena, list, values, n, record);
}


/* At one go, in as many bytes as it says and not one word less. */
static policy_store_t *
build_single(const person_t *person, policy_status_t *rc)
{
    size_t            size, fields;
    maker_t           maker;
    policy_store_t   *store;
    policy_single_t   single;
    static uint64_t   head[64];

    memset(&single, 0, sizeof(single));

    single.uid = person->uid;
    single.base = person->base;
    single.parents = person->parents;
    single.nparents = person->nparents;

    size = policy_single_measure(&single);

    maker.arena = policy_arena_init(head, sizeof(head));
    maker.size = 0;
    maker.by_builder = 0;
    maker.self = &person->uid;

    ck_assert_int_eq(policy_arena_aim(maker.arena, block, sizeof(block)),
                     POLICY_OK);
    ck_assert_int_eq(pick(&maker, person->attrs, person->attr_seeds,
                     person->nattrs, &single.attrs), POLICY_OK);
    ck_assert_int_eq(name_all(&maker, person->tags, person->tag_seeds,
                     person->ntags, &single.tags), POLICY_OK);

    fields = policy_arena_mark(maker.arena);
    ck_assert_uint_eq(fields, maker.size);
    ck_assert_uint_le(fields + size, sizeof(block));

    /* where it is, with no room behind it; what is before stays */

    ck_assert_int_eq(policy_arena_aim(maker.arena,
                     (char *) block + fields, size - 8), POLICY_OK);
    ck_assert_int_eq(policy_store_single(maker.arena, &single, &store),
                     POLICY_LIMIT);
    ck_assert_int_eq(policy_arena_aim(maker.arena,
                     (char *) block + fields, size), POLICY_OK);

    *rc = policy_store_single(maker.arena, &single, &store);

    if (*rc != POLICY_OK) {
        return NULL;
    }

    ck_assert_uint_eq(policy_store_memory(store), size);
    ck_assert_uint_eq(policy_arena_mark(maker.arena), size);

    return store;
}


static void
same_fields(const policy_field_t *a, const policy_field_t *b, size_t n)
{
    size_t   i;
    int64_t  work;

    work = INT64_MAX;

    for (i = 0; i < n; i++) {
        ck_assert(policy_name_same(&a[i].name, &b[i].name));
        ck_assert_int_eq(a[i].value.depth, b[i].value.depth);
        ck_assert(policy_value_equal(&a[i].value, &b[i].value, &work));
    }
}


static void
same_entities(const policy_store_t *a, const policy_store_t *b)
{
    uint32_t                i;
    const policy_entity_t  *x, *y;

    ck_assert_uint_eq(policy_store_count(a), 1);
    ck_assert_uint_eq(policy_store_count(b), 1);
    ck_assert_uint_eq(a->types, b->types);
    ck_assert(a->packed && a->finished && !a->failed && a->table == NULL);

    x = policy_store_at(a, 0);
    y = policy_store_at(b, 0);

    ck_assert(policy_uid_equal(&x->uid, &y->uid));
    ck_assert_ptr_eq(policy_store_find(a, &y->uid), x);
    ck_assert_uint_eq(x->nattrs, y->nattrs);
    ck_assert_uint_eq(x->ntags, y->ntags);
    same_fields(x->attrs, y->attrs, x->nattrs);
    same_fields(x->tags, y->tags, x->ntags);

    ck_assert_uint_eq(x->nopen, 0);
    ck_assert_uint_eq(y->nopen, 0);
    ck_assert_uint_eq(x->nancestors, y->nancestors);

    for (i = 0; i < x->nancestors; i++) {
        ck_assert_uint_eq(x->ancestors[i].hash, x->ancestors[i].uid->hash);
        ck_assert(policy_uid_equal(x->ancestors[i].uid,
                                   y->ancestors[i].uid));
    }
}


/* Decision, reasons and errors as text. */
static const char *
answer(const policy_set_t *set, const policy_store_t *store,
    const person_t *person, const policy_store_t *other)
{
    policy_uid_t           action, resource;
    policy_result_t        result;
    policy_request_t       request;
    const policy_store_t  *stores[3];
    static char            text[4096];

    memset(&request, 0, sizeof(request));

    action = test_uid("Action::\"x\"");
    resource = test_uid("Doc::\"d\"");

    stores[request.nstores++] = store;

    if (person->base != NULL) {
        stores[request.nstores++] = person->base;
    }

    stores[request.nstores++] = other;

    request.principal = policy_store_uid(store, 0);
    request.action = &action;
    request.resource = &resource;
    request.stores = stores;
    request.sets = &set;
    request.nsets = 1;

    ck_assert_int_eq(policy_authorize(&request, test_arena(), &result),
                     POLICY_OK);

    snprintf(text, sizeof(text), "%d %s %s", result.decision,
             test_reasons(&result), test_errors(&result));

    return text;
}


/* 0: sealed or not, 2: packed or not */
static policy_store_t *
make_base(unsigned kind)
{
    policy_store_t   *store, *packed;
    policy_memory_t   memory;

    memory = test_memory(&counts);

    ck_assert_int_eq(policy_store_create(&memory, &store), POLICY_OK);
    ck_assert_int_eq(policy_store_json(store, str("base"),
                     str(base_entities), NULL), POLICY_OK);

    if (kind & 1) {
        ck_assert_int_eq(policy_store_seal(store), POLICY_OK);
    }

    ck_assert_int_eq(policy_store_finish(store, NULL), POLICY_OK);

    if ((kind & 2) == 0) {
        return store;
    }

    ck_assert_int_eq(policy_store_pack(store, &memory, &packed), POLICY_OK);
    policy_store_destroy(store);

    return packed;
}


START_TEST(test_any_person)
{
    char             wanted[4096];
    unsigned         i, seen[POLICY_MISUSE + 1];
    uint64_t         seed;
    person_t         person;
    policy_set_t    *set;
    policy_store_t  *bases[5], *other, *a, *b;
    policy_status_t  rc, rc_single;
    policy_memory_t  memory;

    set_up();
    memset(seen, 0, sizeof(seen));

    memory = test_memory(&counts);
    set = test_set(policies);
    other = test_store(others);
    bases[4] = NULL;

    for (i = 0; i < 4; i++) {
        bases[i] = make_base(i);
    }

    seed = 0x9e3779b97f4a7c15u;

    for (i = 0; i < ROUNDS; i++) {
        make_person(&person, &seed);
        person.base = bases[i % 5];

        b = build(&person, &rc);
        a = build_single(&person, &rc_single);

        ck_assert_int_eq(rc_single, rc);
        seen[rc]++;

        if (rc != POLICY_OK) {
            continue;
        }

        same_entities(a, b);

        snprintf(wanted, sizeof(wanted), "%s",
                 answer(set, b, &person, other));
        ck_assert_str_eq(answer(set, a, &person, other), wanted);

        memory.free(memory.data, b, policy_store_memory(b));
    }

    /* what can go wrong was among it, and mostly nothing did */

    ck_assert_uint_gt(seen[POLICY_OK], ROUNDS / 2);
    ck_assert_uint_gt(seen[POLICY_CYCLE], 0);
    ck_assert_uint_gt(seen[POLICY_INVALID], 0);

    for (i = 0; i < 4; i++) {
        if (i & 2) {
            memory.free(memory.data, bases[i],
                        policy_store_memory(bases[i]));
        } else {
            policy_store_destroy(bases[i]);
        }
    }

    policy_store_destroy(other);
    policy_set_destroy(set);
    tear_down();
}
END_TEST


/* How many roles a person may be in; ids are numbers. */
static policy_status_t
in_many(const policy_uid_t *parents, size_t n)
{
    size_t                  i, size;
    void                   *memory;
    policy_arena_t         *arena;
    policy_store_t         *store;
    policy_single_t         single;
    policy_status_t         rc;
    const policy_entity_t  *e;
    static uint64_t         head[64];

    memset(&single, 0, sizeof(single));

    single.uid = test_uid("User::\"a\"");
    single.parents = parents;
    single.nparents = n;

    size = policy_single_measure(&single);
    memory = malloc(size);
    arena = policy_arena_init(head, sizeof(head));

    ck_assert_ptr_nonnull(memory);
    ck_assert_int_eq(policy_arena_aim(arena, memory, size), POLICY_OK);

    rc = policy_store_single(arena, &single, &store);

    if (rc == POLICY_OK) {
        e = policy_store_at(store, 0);
        ck_assert_uint_eq(e->nancestors, n);

        for (i = 0; i < n; i++) {
            ck_assert(policy_ancestors_have(e->ancestors, n, &parents[i]));
        }
    }

    free(memory);

    return rc;
}


/* More than are put in order as they come, and more than there may be. */
START_TEST(test_many_parents)
{
    size_t               i;
    policy_uid_t        *parents;
    static char          ids[16 * POLICY_MAX_ANCESTORS + 1][8];
    static const size_t  good[] = {
        0, 1, 15, 16, 17, 1000, POLICY_MAX_ANCESTORS
    };

    parents = calloc(COUNT(ids), sizeof(policy_uid_t));
    ck_assert_ptr_nonnull(parents);

    for (i = 0; i < COUNT(ids); i++) {
        snprintf(ids[i], sizeof(ids[i]), "%zu", i);
        ck_assert_int_eq(policy_uid_init(&parents[i], str("Role"),
                         str(ids[i])), POLICY_OK);
    }

    for (i = 0; i < COUNT(good); i++) {
        ck_assert_int_eq(in_many(parents, good[i]), POLICY_OK);
    }

    ck_assert_int_eq(in_many(parents, POLICY_MAX_ANCESTORS + 1),
                     POLICY_LIMIT);

    /* as of the builder: that few of them differ is not looked at */

    for (i = 0; i < COUNT(ids); i++) {
        parents[i] = parents[0];
    }

    ck_assert_int_eq(in_many(parents, COUNT(ids)), POLICY_LIMIT);

    free(parents);
}
END_TEST


/* Wrong arguments are refused, and write nowhere. */
START_TEST(test_misuse)
{
    policy_uid_t      parents[2];
    policy_arena_t   *arena;
    policy_store_t   *store, *open;
    policy_single_t   single;
    policy_memory_t   memory;
    static uint64_t   head[64], small[32];

    memset(&counts, 0, sizeof(counts));
    memory = test_memory(&counts);
    memset(&single, 0, sizeof(single));

    parents[0] = test_uid("Role::\"a\"");
    parents[1] = test_uid("Role::\"b\"");

    single.uid = test_uid("User::\"a\"");
    single.parents = parents;
    single.nparents = 2;

    ck_assert_int_eq(policy_store_create(&memory, &open), POLICY_OK);
    arena = policy_arena_init(head, sizeof(head));

    ck_assert_uint_le(policy_single_measure(&single), sizeof(small));

    ck_assert_int_eq(policy_store_single(policy_store_arena(open), &single,
                     &store), POLICY_MISUSE);
    ck_assert_int_eq(policy_arena_aim(policy_store_arena(open), small, 8),
                     POLICY_MISUSE);
    ck_assert_int_eq(policy_arena_aim(arena, (char *) small + 4, 8),
                     POLICY_MISUSE);
    ck_assert_int_eq(policy_arena_aim(arena, NULL, 0), POLICY_MISUSE);

    ck_assert_int_eq(policy_arena_aim(arena, small, sizeof(small)),
                     POLICY_OK);

    single.attrs = policy_long(1);
    ck_assert_int_eq(policy_store_single(arena, &single, &store),
                     POLICY_MISUSE);

    memset(&single.attrs, 0, sizeof(single.attrs));
    single.tags = policy_long(1);
    policy_arena_reset(arena);
    ck_assert_int_eq(policy_store_single(arena, &single, &store),
                     POLICY_MISUSE);

    memset(&single.tags, 0, sizeof(single.tags));
    single.base = open;
    policy_arena_reset(arena);
    ck_assert_int_eq(policy_store_single(arena, &single, &store),
                     POLICY_MISUSE);

    /* measured with fewer parents, or not at all */

    single.base = NULL;
    single.nparents = 1;
    policy_single_measure(&single);
    single.nparents = 2;
    policy_arena_reset(arena);
    ck_assert_int_eq(policy_store_single(arena, &single, &store),
                     POLICY_MISUSE);

    single.nuids = 2;
    policy_arena_reset(arena);
    ck_assert_int_eq(policy_store_single(arena, &single, &store),
                     POLICY_MISUSE);

    single.nancestors = 2;
    single.nuids = 1;
    policy_arena_reset(arena);
    ck_assert_int_eq(policy_store_single(arena, &single, &store),
                     POLICY_MISUSE);

    single.nancestors = 0;
    policy_arena_reset(arena);
    ck_assert_int_eq(policy_store_single(arena, &single, &store),
                     POLICY_MISUSE);

    policy_single_measure(&single);
    policy_arena_reset(arena);
    ck_assert_int_eq(policy_store_single(arena, &single, &store), POLICY_OK);

    policy_store_destroy(store);        /* leaves it alone */
    ck_assert_uint_eq(policy_store_count(store), 1);

    policy_store_destroy(open);
    ck_assert_uint_eq(counts.live, 0);
}
END_TEST


TCase *
single_case(void)
{
    TCase  *tcase;

    tcase = tcase_create("single");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_any_person);
    tcase_add_test(tcase, test_many_parents);
    tcase_add_test(tcase, test_misuse);

    return tcase;
}
