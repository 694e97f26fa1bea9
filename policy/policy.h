/*
 * policy.h: a Cedar policy engine (language 4.5).
 *
 * The engine answers one question: may this principal do this action on
 * this resource, in this context?  It reads Cedar policies and entity data,
 * compiles them into immutable objects, and decides requests from them.
 *
 *     policy_set_t     policies, templates and links; compiled, indexed
 *     policy_store_t   entities: attributes, tags, parents
 *     policy_arena_t   one request's values and results, in a fixed buffer
 *     policy_schema_t  what there may be, to validate policies against
 *
 * LIFE.  A set or store is created, filled, finished; from then on nothing
 * changes it, and any number of threads or forked processes may read it.
 * Before it is finished it belongs to one thread.  Nothing is global: a
 * dropped set leaves nothing behind, and sets and stores know nothing of
 * one another (but for a store that was given a base).  Entities and requests are compared by content (through
 * hashes made once), so a principal built with a token works with every set
 * loaded before or after it.
 *
 * MEMORY.  A set or store takes chunks from its policy_memory_t and returns
 * them all in its destroy function (or the caller drops the pool behind the
 * callbacks).  A store that is one of many can be packed into a block.  policy_authorize() calls no allocator; it uses the arena.
 *
 * RESULTS.  Functions return a status; the result goes to the last
 * parameter but for the error description, which may be NULL.  After a
 * failed set or store function the object may only be destroyed.
 *
 * THREE OUTCOMES stay apart: a policy that is false, a policy whose
 * evaluation failed (Cedar skips it and reports it in the result), and an
 * engine fault (status other than POLICY_OK; the decision is then always
 * POLICY_DENY, because what was not evaluated could have been a forbid).
 *
 * TEXT is UTF-8 by pointer and length and need not end in NUL.
 */

#ifndef POLICY_H
#define POLICY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif


#define POLICY_VERSION       "0.1.0"
#define POLICY_LANGUAGE      "4.5"

/* Limits.  Beyond them a function returns POLICY_LIMIT. */

#define POLICY_MAX_TEXT      (16u << 20)  /* bytes of one text or JSON */
#define POLICY_MAX_NESTING   100    /* brackets, ifs, JSON levels */
#define POLICY_MAX_DEPTH     500    /* of one expression, with .a.b.c */
#define POLICY_MAX_POLICIES  1000000     /* of one set, links included */
#define POLICY_MAX_ENTITIES  1000000     /* of one store */
#define POLICY_MAX_ANCESTORS 10000       /* of one entity, all levels */
#define POLICY_MAX_STORES    8           /* of one request */
#define POLICY_MAX_SETS      8           /* of one request */
#define POLICY_MAX_WORK      1000000     /* default budget of a decision */
#define POLICY_SCRATCH       65536       /* advised arena size, bytes */


typedef enum {
    POLICY_OK = 0,
    POLICY_NO_MEMORY,     /* the alloc callback returned NULL */
    POLICY_SYNTAX,        /* text is not Cedar, or not JSON */
    POLICY_INVALID,       /* well formed, but refused; see the message */
    POLICY_DUPLICATE,     /* policy id, entity, key or annotation */
    POLICY_CYCLE,         /* an entity is its own ancestor */
    POLICY_NOT_FOUND,
    POLICY_LIMIT,         /* one of the limits above, or a full arena */
    POLICY_MISUSE         /* wrong argument or wrong order of calls */
} policy_status_t;


/* A name for logs: "ok", "syntax", "limit", ...  Never NULL. */
const char *policy_status_name(policy_status_t status);


typedef struct {
    const char  *data;
    size_t       len;
} policy_str_t;

#define POLICY_STR(literal)  ((policy_str_t) { literal, sizeof(literal) - 1 })


/*
 * Where an operation failed.  line and column start at 1 (0: no place);
 * column counts characters; offset counts bytes from 0.  file is the name
 * given by the caller, cut to fit.  message is a sentence without position
 * and without newline, always NUL terminated.
 */
typedef struct {
    policy_status_t  status;
    uint32_t         line;
    uint32_t         column;
    uint32_t         offset;
    char             file[128];
    char             message[256];
} policy_error_t;


/*
 * Chunk memory.  alloc returns size bytes aligned for any type, or NULL.
 * free may be NULL when the caller drops everything at once (a pool).  The
 * structure is copied; data must outlive the objects made with it.
 */
typedef struct {
    void  *(*alloc)(void *data, size_t size);
    void   (*free)(void *data, void *chunk, size_t size);
    void    *data;
} policy_memory_t;


/* Arenas */

/*
 * A fixed buffer from which one request's values and results are cut.  The
 * arena lives in the buffer (about 100 bytes of it) and is valid as long as
 * the buffer is.  Values put into it borrow what they are given: names,
 * strings and uids must outlive the arena's use.
 */
typedef struct policy_arena_s  policy_arena_t;

/* buffer: aligned to 8 bytes; NULL is returned when size is too small. */
policy_arena_t *policy_arena_init(void *buffer, size_t size);

/* Forgets all values and results in the arena, in constant time. */
void policy_arena_reset(policy_arena_t *arena);

/*
 * Goes on in another buffer, aligned to 8, and forgets what is in the one it
 * had: nothing of the arena is in the new one, which values can be made to
 * fill to the byte.  POLICY_MISUSE: not aligned, or the arena of a store.
 */
policy_status_t policy_arena_aim(policy_arena_t *arena, void *buffer,
    size_t size);

/*
 * Position in the arena, and return to it: what is built before a mark
 * (say, a context) can serve several decisions.
 */
size_t policy_arena_mark(const policy_arena_t *arena);
void policy_arena_release(policy_arena_t *arena, size_t mark);


/* Entity uids */

/*
 * The name of an entity.  The members are private; the strings are
 * borrowed.  Build it once per token, location or agent, and reuse it.
 */
typedef struct {
    uint64_t     hash;
    uint64_t     type_hash;
    const char  *type;
    const char  *id;
    uint32_t     type_len;
    uint32_t     id_len;
} policy_uid_t;

/*
 * type is a path as Cedar writes it: "User", "Acme::User".  id is any
 * string.  POLICY_INVALID when type is no path.
 */
policy_status_t policy_uid_init(policy_uid_t *uid, policy_str_t type,
    policy_str_t id);

/*
 * Another uid of the type that a uid has: neither checked nor hashed again.
 * uid and of may be the same.
 */
policy_status_t policy_uid_again(const policy_uid_t *of, policy_str_t id,
    policy_uid_t *uid);

/* The id has been copied: id is where, the same bytes. */
void policy_uid_moved(policy_uid_t *uid, const char *id);

/* Cedar syntax, User::"alice"; what it unescapes is kept in the arena. */
policy_status_t policy_uid_parse(policy_arena_t *arena, policy_str_t text,
    policy_uid_t *uid, policy_error_t *error);

int policy_uid_equal(const policy_uid_t *a, const policy_uid_t *b);

/*
 * Writes the uid in Cedar syntax, at most size bytes with the closing NUL,
 * and returns the length it would have needed without NUL (as snprintf).
 */
size_t policy_uid_print(const policy_uid_t *uid, char *buffer, size_t size);


/* Values */

/*
 * A Cedar value, 16 bytes, passed by value.  The members are private.  A
 * zeroed value is "none" and refused wherever a value is wanted, but for
 * the context of a request, where it means the empty record.
 */
typedef struct {
    uint8_t   kind;
    uint8_t   flag;
    uint16_t  depth;
    uint32_t  len;
    union {
        int64_t      i;
        const void  *p;
    } u;
} policy_value_t;

policy_value_t policy_bool(int b);
policy_value_t policy_long(int64_t i);
policy_value_t policy_decimal(int64_t ten_thousandths);
policy_value_t policy_datetime(int64_t ms_since_1970);
policy_value_t policy_duration(int64_t ms);

/*
 * Strings longer than POLICY_MAX_TEXT give a none value, which setters
 * refuse.  UTF-8 is not checked: strings compare by bytes, and "like" takes
 * a stray byte for one character.
 */
policy_value_t policy_string(const char *data, size_t len);
policy_value_t policy_entity(const policy_uid_t *uid);

/* addr: 4 or 16 bytes in network order, borrowed if 16; prefix in bits. */
policy_status_t policy_ip(const uint8_t *addr, size_t len, unsigned prefix,
    policy_value_t *value);

/*
 * A set of n values, duplicates dropped; of n strings.  The elements are
 * copied into the arena, what they point to is borrowed.
 */
policy_status_t policy_values(policy_arena_t *arena,
    const policy_value_t *values, size_t n, policy_value_t *value);
policy_status_t policy_strings(policy_arena_t *arena,
    const policy_str_t *strings, size_t n, policy_value_t *value);

/* The bytes of an arena that a set of n values takes. */
#define POLICY_SET_SIZE(n)  ((n) * sizeof(policy_value_t))

/*
 * A value from JSON in Cedar's entity format (booleans, integers, strings,
 * arrays, objects, __entity, __extn; neither null nor floats).  Unescaped
 * text is kept in the arena, the rest is borrowed from text.
 */
policy_status_t policy_json(policy_arena_t *arena, policy_str_t text,
    policy_value_t *value, policy_error_t *error);

/* The same for a context: an object, and no escape at the top. */
policy_status_t policy_json_context(policy_arena_t *arena, policy_str_t text,
    policy_value_t *value, policy_error_t *error);

/*
 * A record under construction: begin, set each name once, end.  Records may
 * be built side by side.  POLICY_DUPLICATE comes from end.
 */
typedef struct policy_record_s  policy_record_t;

policy_status_t policy_record_begin(policy_arena_t *arena,
    policy_record_t **record);
policy_status_t policy_record_set(policy_record_t *record, policy_str_t name,
    policy_value_t value);
policy_status_t policy_record_end(policy_record_t *record,
    policy_value_t *value);

/*
 * A record of n names with a value each, all at once.  In a fixed arena it
 * takes POLICY_RECORD_SIZE(n) bytes and no more.
 */
policy_status_t policy_record(policy_arena_t *arena,
    const policy_str_t *names, const policy_value_t *values, size_t n,
    policy_value_t *value);

#define POLICY_RECORD_SIZE(n)  ((n) * (16 + sizeof(policy_value_t)))

/*
 * The keys of a record that is built again and again, as a context is:
 * hashed and ordered once.  Names are copied.  POLICY_DUPLICATE: one comes
 * twice.  A layout is immutable and needs destroying, or its pool dropped.
 */
typedef struct policy_layout_s  policy_layout_t;

policy_status_t policy_layout_create(const policy_memory_t *memory,
    const policy_str_t *names, size_t n, policy_layout_t **layout);
void policy_layout_destroy(policy_layout_t *layout);

/*
 * A record with one value for each name of the layout, in the order they
 * were given; "none" leaves the name out.  The layout must outlive the use
 * of the record, which cannot be built in a store's arena: POLICY_MISUSE.
 */
policy_status_t policy_record_fill(policy_arena_t *arena,
    const policy_layout_t *layout, const policy_value_t *values,
    policy_value_t *record);

/* The place of a name in the layout; false: it is none of the layout's. */
int policy_layout_find(const policy_layout_t *layout, policy_str_t name,
    uint32_t *place);

/*
 * A record with a few of the names of a layout.  picks, which change their
 * order, come in any; no place may come twice: POLICY_DUPLICATE.  The record
 * takes POLICY_RECORD_SIZE(n) bytes and is otherwise as that of
 * policy_record_fill().
 */
typedef struct {
    uint32_t        place;
    policy_value_t  value;
} policy_pick_t;

policy_status_t policy_record_pick(policy_arena_t *arena,
    const policy_layout_t *layout, policy_pick_t *picks, size_t n,
    policy_value_t *record);


/* Entity stores */

typedef struct policy_store_s   policy_store_t;
typedef struct policy_entry_s   policy_entry_t;

policy_status_t policy_store_create(const policy_memory_t *memory,
    policy_store_t **store);

/*
 * Adds the entities of a JSON array [{"uid","attrs","parents","tags"}].
 * Text and file name are copied as far as needed.
 */
policy_status_t policy_store_json(policy_store_t *store, policy_str_t file,
    policy_str_t text, policy_error_t *error);

/*
 * Adds one entity.  A store copies names, strings and uids it is given.
 * The entry is valid until the store is finished.  Stating an entity twice
 * is fine when both statements are equal, else finish returns
 * POLICY_DUPLICATE.
 */
policy_status_t policy_store_add(policy_store_t *store,
    const policy_uid_t *uid, policy_entry_t **entry);
policy_status_t policy_entry_attr(policy_entry_t *entry, policy_str_t name,
    policy_value_t value);
policy_status_t policy_entry_tag(policy_entry_t *entry, policy_str_t name,
    policy_value_t value);
policy_status_t policy_entry_parent(policy_entry_t *entry,
    const policy_uid_t *parent);

/*
 * An arena whose memory is the store's, for policy_values(), policy_json()
 * and records that become attributes.  Not to be reset or released.
 */
policy_arena_t *policy_store_arena(policy_store_t *store);

/*
 * Names a finished store that stands behind this one: it outlives this one
 * and follows it in every request, with none between them that states the
 * same entities.  What it knows of a parent is then put together when this
 * store is finished and not in each decision, and a packed copy borrows its
 * uids.  Decisions are the same without.  Before finish; the last one named
 * holds.
 */
policy_status_t policy_store_base(policy_store_t *store,
    const policy_store_t *base);

/*
 * Says that no other store of a request knows parents of the parents that
 * have no record here: decisions take them for entities without parents,
 * and do not look.  Before finish.
 */
policy_status_t policy_store_seal(policy_store_t *store);

/* Computes ancestors, refuses cycles; the store is immutable afterwards. */
policy_status_t policy_store_finish(policy_store_t *store,
    policy_error_t *error);

/* A packed store is left alone: its block is the caller's. */
void policy_store_destroy(policy_store_t *store);

/*
 * Copies a finished store into one block of the least size, taken by one
 * call of memory's alloc; *packed is where the block begins.  The copy is
 * finished, borrows from the base alone, and lives until the caller frees
 * the block: policy_store_destroy() does not.  The store itself is as before
 * and is usually destroyed now; what needs memory meanwhile is taken from
 * its own callbacks and given back.  POLICY_MISUSE: not finished, or packed.
 * POLICY_LIMIT: more than 1 GB.
 */
policy_status_t policy_store_pack(policy_store_t *store,
    const policy_memory_t *memory, policy_store_t **packed);

/*
 * A store of one entity, sealed and packed, made at one go: as the principal
 * of each token is.  attrs and tags are records, or none.  parents, of which
 * each may come several times, need not be in the base, a finished store or
 * NULL.  The members below are private.
 */
typedef struct {
    policy_uid_t           uid;
    policy_value_t         attrs;
    policy_value_t         tags;
    const policy_store_t  *base;
    const policy_uid_t    *parents;
    size_t                 nparents;
    size_t                 nancestors;
    size_t                 nuids;
} policy_single_t;

/*
 * Bytes that the store will take; base and parents must be known, and stay
 * as they are but for policy_uid_moved().
 */
size_t policy_single_measure(policy_single_t *single);

/*
 * Makes the store in a fixed arena, once it is measured.  It is what
 * policy_store_pack() returns of such a store, but that it borrows all texts,
 * the attributes and tags, and that it lives in memory of the caller's, whom
 * policy_store_destroy() leaves it to as well.  Parents are copied without
 * their texts.  POLICY_MISUSE: the arena is that of a store, attrs or tags
 * are no records, the base is not finished.
 */
policy_status_t policy_store_single(policy_arena_t *arena,
    const policy_single_t *single, policy_store_t **store);

/*
 * The same store under another uid, of the same type and not among the
 * ancestors: a copy in the arena that borrows all else.  POLICY_MISUSE: the
 * store was not made by policy_store_single().  POLICY_LIMIT: the arena is
 * full.
 */
policy_status_t policy_store_renamed(policy_arena_t *arena,
    const policy_store_t *store, const policy_uid_t *uid,
    policy_store_t **renamed);

size_t policy_store_count(const policy_store_t *store);

/*
 * Uid of the n-th entity of a finished store, from 0, in order of addition
 * (an entity stated again counts once); NULL: there are not so many.  It
 * lives as long as the store; a request with this very uid finds the entity
 * without comparing texts.
 */
const policy_uid_t *policy_store_uid(const policy_store_t *store, size_t n);

/* Bytes taken from the memory callbacks and not returned; of a block. */
size_t policy_store_memory(const policy_store_t *store);


/* Policy sets */

typedef struct policy_set_s     policy_set_t;

typedef struct {
    policy_str_t  id_prefix;      /* put before every id; copied */
    int           id_annotation;  /* @id("x") replaces policyN by x */
} policy_set_options_t;

/* options may be NULL: no prefix, ids are policyN only. */
policy_status_t policy_set_create(const policy_memory_t *memory,
    const policy_set_options_t *options, policy_set_t **set);

/*
 * Adds the policies and templates of one text.  May be called for several
 * files; positions count on from file to file (policy0, policy1, ...).
 * Text is not kept.
 */
policy_status_t policy_set_add(policy_set_t *set, policy_str_t file,
    policy_str_t text, policy_error_t *error);

/*
 * Links a template.  principal and resource fill its slots: NULL for a slot
 * the template does not have, never for one it has.  Ids are used as given:
 * template_id with, link_id without the set's prefix.
 */
policy_status_t policy_set_link(policy_set_t *set, policy_str_t template_id,
    policy_str_t link_id, const policy_uid_t *principal,
    const policy_uid_t *resource, policy_error_t *error);

/* [{"template_id","link_id","args":{"?principal":"User::\"a\""}}] */
policy_status_t policy_set_link_json(policy_set_t *set, policy_str_t file,
    policy_str_t text, policy_error_t *error);

/* Refuses equal ids, builds the index; the set is immutable afterwards. */
policy_status_t policy_set_finish(policy_set_t *set, policy_error_t *error);

void policy_set_destroy(policy_set_t *set);

/* Policies of the set: static, templates, links, in order of addition. */
size_t policy_set_count(const policy_set_t *set);

size_t policy_set_memory(const policy_set_t *set);


typedef enum {
    POLICY_PERMIT = 0,
    POLICY_FORBID
} policy_effect_t;

typedef struct {
    policy_str_t     id;
    policy_str_t     file;          /* of a link: of its template */
    uint32_t         line;          /* where the effect word or @ stands */
    uint32_t         column;
    policy_effect_t  effect;
    int              is_template;
    policy_str_t     template_id;   /* of a link, else empty */
    size_t           annotations;   /* how many */
} policy_info_t;

/* Strings live as long as the set. */
policy_status_t policy_set_info(const policy_set_t *set, size_t index,
    policy_info_t *info);

/* POLICY_NOT_FOUND when no policy has the id. */
policy_status_t policy_set_find(const policy_set_t *set, policy_str_t id,
    size_t *index);

/* Value of the annotation; a link has those of its template. */
policy_status_t policy_annotation(const policy_set_t *set, size_t index,
    policy_str_t name, policy_str_t *value);

/* The n-th annotation, from 0, in the order of the text. */
policy_status_t policy_annotation_at(const policy_set_t *set, size_t index,
    size_t n, policy_str_t *name, policy_str_t *value);


/* What the policies of a set look at, so that only that need be supplied. */

typedef enum {
    POLICY_PRINCIPAL = 0,
    POLICY_ACTION,
    POLICY_RESOURCE,
    POLICY_CONTEXT,
    POLICY_OTHER            /* an entity or record reached otherwise, which
                               may turn out to be one of the above */
} policy_variable_t;

typedef enum {
    POLICY_USE_ATTR = 0,    /* attribute or context key `name` */
    POLICY_USE_TAG,         /* tag `name` */
    POLICY_USE_ANY_TAG,     /* a tag whose name is computed */
    POLICY_USE_WHOLE,       /* the context as a value: every key matters */
    POLICY_USE_NAMED        /* an entity of the type `name` is named */
} policy_use_kind_t;

typedef struct {
    policy_variable_t  variable;
    policy_use_kind_t  kind;
    policy_str_t       name;
} policy_use_t;

/* Sorted, without duplicates; lives as long as the (finished) set. */
policy_status_t policy_set_uses(const policy_set_t *set,
    const policy_use_t **uses, size_t *n);

/*
 * Whether the set looks at the attribute (tag) of the variable, directly or
 * possibly by another way.
 */
int policy_set_uses_attr(const policy_set_t *set, policy_variable_t variable,
    policy_str_t name);
int policy_set_uses_tag(const policy_set_t *set, policy_variable_t variable,
    policy_str_t name);

/*
 * Whether a policy names the entity, which for its hash may seem so; names
 * one of the type.  Sets that are not finished do.
 *
 * Two principals of a type that have the same attributes, tags and ancestors,
 * as far as a set looks at them, and that it does not name are the same to
 * it: one can stand for the other in requests whose action, resource, stores
 * and context have no entity of the type but the principal.  The result is
 * the same but for the uid in the messages of errors.
 */
int policy_set_names(const policy_set_t *set, const policy_uid_t *uid);
int policy_set_names_type(const policy_set_t *set, policy_str_t type);


/* Decisions */

/*
 * Which policies are looked at: by default those that the scopes leave over,
 * exactly in a set of up to 64, else those that the index of scopes brings
 * forth.  The result is the same but for `evaluated` and `work`; flags are
 * for tests of that.
 */
#define POLICY_FULL_SCAN  1u  /* all, however many */
#define POLICY_BY_INDEX   2u  /* by the index, however few */

/* Not for tests: see policy_known_asked(). */
#define POLICY_SAME_CONTEXT  4u

/*
 * What is known of a decision whatever its context: which policies are
 * satisfied, which are not, and which look at the context.  The first call
 * with a zeroed one fills it, later calls evaluate the policies that are
 * left open and no other.  It may be used again as long as principal,
 * action, resource, what stands in the stores, and the only set are the
 * same; to keep track of that is the caller's part.  The result is the same
 * but for `evaluated` and `work`.  It holds no pointers.
 */
#define POLICY_KNOWN_MAX  12

typedef struct {
    uint8_t   state;            /* 0: nothing is known yet */
    uint8_t   nsatisfied;       /* policies[0 .. nsatisfied) */
    uint8_t   nopen;            /* the last ones of policies[] */
    uint32_t  asked;            /* see policy_known_asked() */
    uint16_t  policies[POLICY_KNOWN_MAX];
} policy_known_t;

/*
 * Which keys of the context the last decision looked at: the bits of their
 * names, all ones when that cannot be said.  Where those keys are there, or
 * not, as they were then, and have the same values, POLICY_SAME_CONTEXT may
 * be set: no policy is evaluated, and the context need not be given.
 */
static inline uint32_t
policy_known_asked(const policy_known_t *known)
{
    return known->state == 1 ? known->asked : UINT32_MAX;
}

/* The bit of a key; others may have the same. */
uint32_t policy_known_bit(policy_str_t name);

/*
 * Stores are layers: an entity is looked up in their order, and the first
 * that has it gives its attributes, tags and parents.  Ancestors go on in
 * the other stores where a store has no record of a parent.  Sets are
 * evaluated as if they were one; ids may repeat between them.
 *
 * All pointers are borrowed for the call; the result borrows from them and
 * from the arena.
 */
typedef struct {
    const policy_uid_t            *principal;
    const policy_uid_t            *action;
    const policy_uid_t            *resource;
    policy_value_t                 context;    /* record, or none for {} */
    const policy_store_t *const   *stores;
    size_t                         nstores;    /* may be 0 */
    const policy_set_t *const     *sets;
    size_t                         nsets;      /* may be 0: denies */
    uint32_t                       flags;
    uint32_t                       work;       /* 0: POLICY_MAX_WORK */
    policy_known_t                *known;      /* or NULL; nsets is 1 then */
} policy_request_t;

typedef enum {
    POLICY_DENY = 0,
    POLICY_ALLOW
} policy_decision_t;

typedef struct {
    const policy_set_t  *set;
    size_t               index;     /* for policy_set_info() */
} policy_ref_t;

typedef enum {
    POLICY_ERROR_TYPE = 1,
    POLICY_ERROR_ATTR,
    POLICY_ERROR_TAG,
    POLICY_ERROR_ENTITY,
    POLICY_ERROR_OVERFLOW,
    POLICY_ERROR_EXTENSION,
    POLICY_ERROR_ARITY,
    POLICY_ERROR_LIMIT
} policy_error_kind_t;

/* "type", "attr", "tag", "entity", "overflow", "extension", ... */
const char *policy_error_kind_name(policy_error_kind_t kind);

/*
 * An evaluation error, and where the failing expression stands: a line and
 * a column of at most 65535, both from 1.  The members below are private.
 */
typedef struct {
    policy_ref_t         policy;
    policy_error_kind_t  kind;
    uint32_t             line;
    uint32_t             column;
    uint8_t              detail;
    uint8_t              got;
    uint16_t             want;
    policy_str_t         name;
    const policy_uid_t  *uid;
} policy_eval_error_t;

/*
 * Renders the message (no position, no newline), at most size bytes with
 * NUL; returns the length it would have needed, as snprintf.
 */
size_t policy_eval_error_print(const policy_eval_error_t *error,
    char *buffer, size_t size);

typedef struct {
    policy_decision_t           decision;
    const policy_ref_t         *reasons;     /* determining policies, in */
    size_t                      nreasons;    /*   order of set and index */
    const policy_eval_error_t  *errors;      /* one per failed policy */
    size_t                      nerrors;
    const char                 *limit;       /* with POLICY_LIMIT: which;
                                                else NULL */
    uint32_t                    evaluated;   /* policies looked at */
    uint32_t                    work;        /* spent of the budget */
} policy_result_t;

/*
 * Decides.  POLICY_OK: the decision stands.  POLICY_LIMIT: the arena or the
 * work budget did not suffice; the decision is POLICY_DENY and must be
 * enforced as such.  POLICY_MISUSE: bad arguments; POLICY_DENY as well.
 * Takes no locks, allocates nothing, makes no system call.
 */
policy_status_t policy_authorize(const policy_request_t *request,
    policy_arena_t *arena, policy_result_t *result);


/* Schemas */

/*
 * What entity types, attributes, actions and contexts there are, read from
 * Cedar's schema text or its JSON form.  A schema is immutable from the
 * start, and knows nothing of sets and stores.  Names resolve as in the
 * language: in a namespace first what is declared there, then what is in
 * the empty one, common types before entity types; nothing may shadow what
 * the empty namespace declares.
 */
typedef struct policy_schema_s  policy_schema_t;

/* Entity types, actions, common types and namespaces: so many of each. */
#define POLICY_MAX_DECLARED  4096

typedef enum {
    POLICY_SCHEMA_AUTO = 0,     /* JSON when it begins with "{" */
    POLICY_SCHEMA_TEXT,
    POLICY_SCHEMA_JSON
} policy_schema_format_t;

/*
 * The texts are copied.  Refused is what the reference refuses: syntax,
 * undeclared names, cycles of common types or of actions, shadowing,
 * reserved names, a shape or context that is no record.
 */
policy_status_t policy_schema_create(const policy_memory_t *memory,
    policy_str_t file, policy_str_t text, policy_schema_format_t format,
    policy_schema_t **schema, policy_error_t *error);

void policy_schema_destroy(policy_schema_t *schema);

/* Bytes taken from the memory callbacks and not returned. */
size_t policy_schema_memory(const policy_schema_t *schema);


/* Validation: would a policy err, were requests and entities as declared? */

#define POLICY_MAX_FINDINGS  100        /* of one policy; more are dropped */
#define POLICY_MAX_CHECKS    500000000  /* of one text: work of the checker */

typedef enum {
    POLICY_FINDING_ERROR = 0,   /* the policy is to be refused */
    POLICY_FINDING_WARNING      /* such as: it can never apply */
} policy_severity_t;

/* Valid during the call that reports it. */
typedef struct {
    policy_severity_t  severity;
    policy_str_t       policy;      /* id */
    policy_str_t       file;        /* of a link: empty, as is its place */
    uint32_t           line;        /* from 1 */
    uint32_t           column;      /* characters, from 1 */
    uint32_t           offset;      /* bytes, from 0 */
    char               message[256];
} policy_finding_t;

typedef void (*policy_finding_pt)(void *data,
    const policy_finding_t *finding);

/*
 * A run of the validator over any number of texts.  The caller fills the
 * first five members and zeroes the rest.  Ids are those that a set with
 * the same options gives to the same texts.
 */
typedef struct {
    const policy_schema_t  *schema;
    policy_memory_t         memory;
    policy_set_options_t    options;
    policy_finding_pt       report;     /* may be NULL */
    void                   *data;
    size_t                  position;   /* policies seen: policyN */
    size_t                  errors;     /* findings so far */
    size_t                  warnings;
} policy_validation_t;

/*
 * Checks the policies and templates of a text by the language's strict
 * rules, in each combination of principal type, action and resource type
 * that the schema allows.  Findings come in the order of the text.  Look-
 * alike characters, of which the reference warns, are not looked for.
 * POLICY_OK says that the check was complete, not that nothing was found:
 * look at errors.  Otherwise *error tells why: the text cannot be parsed,
 * no memory, or POLICY_LIMIT; policies must then be taken for invalid.
 */
policy_status_t policy_validate(policy_validation_t *validation,
    policy_str_t file, policy_str_t text, policy_error_t *error);

/* Checks what fills the slots of the links of a set. */
policy_status_t policy_validate_links(policy_validation_t *validation,
    const policy_set_t *set, policy_error_t *error);


#ifdef __cplusplus
}
#endif

#endif /* POLICY_H */
