/* Policy sets: loading, ids, what is known of each policy. */

#include "set.h"


#define SEED_ID  5


policy_status_t
policy_set_no_memory(policy_set_t *set, policy_error_t *error)
{
    set->failed = 1;

    return policy_fail_plain(error, POLICY_NO_MEMORY, "no memory");
}


policy_status_t
policy_set_create(const policy_memory_t *memory,
    const policy_set_options_t *options, policy_set_t **set)
{
    policy_set_t  *s;

    s = policy_memory_alloc(memory, sizeof(policy_set_t));
    if (s == NULL) {
        return POLICY_NO_MEMORY;
    }

    memset(s, 0, sizeof(policy_set_t));

    s->memory = *memory;
    policy_arena_start(&s->main, memory, 1024);
    policy_arena_start(&s->temp, memory, 4096);

    if (options != NULL) {
        s->id_annotation = options->id_annotation;

        if (options->id_prefix.len != 0) {
            s->prefix = policy_str_copy(&s->main, options->id_prefix);

            if (s->prefix.data == NULL) {
                policy_set_destroy(s);
                return POLICY_NO_MEMORY;
            }
        }
    }

    *set = s;

    return POLICY_OK;
}


static void
free_symbols(policy_set_t *set)
{
    policy_memory_free(&set->memory, set->symbols.slots,
                       set->symbols.size * sizeof(policy_symbol_t));
    memset(&set->symbols, 0, sizeof(policy_symbols_t));
}


void
policy_set_destroy(policy_set_t *set)
{
    if (set == NULL) {
        return;
    }

    free_symbols(set);
    policy_memory_free(&set->memory, set->rules,
                       set->size * sizeof(policy_rule_t));
    policy_memory_free(&set->memory, set->ids,
                       set->ids_size * sizeof(uint32_t));
    policy_arena_stop(&set->main);
    policy_arena_stop(&set->temp);
    policy_memory_free(&set->memory, set, sizeof(policy_set_t));
}


size_t
policy_set_count(const policy_set_t *set)
{
    return set->n;
}


size_t
policy_set_memory(const policy_set_t *set)
{
    return sizeof(policy_set_t) + set->main.taken + set->temp.taken
           + set->symbols.size * sizeof(policy_symbol_t)
           + set->size * sizeof(policy_rule_t)
           + set->ids_size * sizeof(uint32_t);
}


static int
resize_rules(policy_set_t *set, uint32_t size)
{
    policy_rule_t  *rules;

    rules = policy_memory_alloc(&set->memory, size * sizeof(policy_rule_t));
    if (rules == NULL) {
        return 0;
    }

    if (set->n != 0) {
        memcpy(rules, set->rules, set->n * sizeof(policy_rule_t));
    }

    policy_memory_free(&set->memory, set->rules,
                       set->size * sizeof(policy_rule_t));
    set->rules = rules;
    set->size = size;

    return 1;
}


policy_rule_t *
policy_set_new_rule(policy_set_t *set)
{
    if (set->n == set->size
        && !resize_rules(set, set->size == 0 ? 4 : set->size * 2))
    {
        return NULL;
    }

    memset(&set->rules[set->n], 0, sizeof(policy_rule_t));

    return &set->rules[set->n++];
}


/* The slot of id; *slot 0: free. */
static uint32_t *
id_slot(const policy_set_t *set, policy_str_t id)
{
    uint32_t  at, i;

    for (at = (uint32_t) policy_hash(SEED_ID, id.data, id.len)
              & (set->ids_size - 1);
         (i = set->ids[at]) != 0;
         at = (at + 1) & (set->ids_size - 1))
    {
        if (policy_str_equal(set->rules[i - 1].id, id)) {
            break;
        }
    }

    return &set->ids[at];
}


static int
grow_ids(policy_set_t *set)
{
    uint32_t   i, size, old_size, *old;

    old = set->ids;
    old_size = set->ids_size;
    size = old_size == 0 ? 8 : old_size * 2;

    set->ids = policy_memory_alloc(&set->memory, size * sizeof(uint32_t));
    if (set->ids == NULL) {
        set->ids = old;
        return 0;
    }

    memset(set->ids, 0, size * sizeof(uint32_t));
    set->ids_size = size;

    for (i = 0; i + 1 < set->n; i++) {
        *id_slot(set, set->rules[i].id) = i + 1;
    }

    policy_memory_free(&set->memory, old, old_size * sizeof(uint32_t));

    return 1;
}


policy_status_t
policy_set_new_id(policy_set_t *set)
{
    uint32_t  *slot;

    if (set->n * 2 > set->ids_size && !grow_ids(set)) {
        return POLICY_NO_MEMORY;
    }

    slot = id_slot(set, set->rules[set->n - 1].id);

    if (*slot != 0) {
        return POLICY_DUPLICATE;
    }

    *slot = set->n;

    return POLICY_OK;
}


/* prefix + (value of @id, or policyN) */
static policy_str_t
make_id(policy_set_t *set, const policy_ast_policy_t *ast)
{
    char                      digits[32];
    policy_str_t              id, all;
    policy_print_t            p;
    const policy_ast_note_t  *note;

    policy_print_init(&p, digits, sizeof(digits));
    policy_print_str(&p, "policy");
    policy_print_u64(&p, set->position);

    id.data = digits;
    id.len = policy_print_end(&p);

    for (note = ast->notes; set->id_annotation && note != NULL;
         note = note->next)
    {
        if (policy_str_equal(note->name, POLICY_STR("id"))) {
            id = note->value;
        }
    }

    if (set->prefix.len == 0) {
        return policy_str_copy(&set->main, id);
    }

    all.len = set->prefix.len + id.len;
    all.data = policy_alloc(&set->main, all.len + 1);

    if (all.data != NULL) {
        memcpy((char *) (uintptr_t) all.data, set->prefix.data,
               set->prefix.len);

        if (id.len != 0) {
            memcpy((char *) (uintptr_t) all.data + set->prefix.len, id.data,
                   id.len);
        }

        ((char *) (uintptr_t) all.data)[all.len] = '\0';
    }

    return all;
}


static int
copy_notes(policy_set_t *set, const policy_ast_policy_t *ast,
    policy_rule_t *rule)
{
    policy_note_t            *notes;
    const policy_name_t      *name;
    const policy_ast_note_t  *note;

    if (ast->nnotes == 0) {
        return 1;
    }

    notes = policy_alloc_array(&set->main, ast->nnotes,
                               sizeof(policy_note_t));
    if (notes == NULL) {
        return 0;
    }

    rule->notes = notes;

    for (note = ast->notes; note != NULL; note = note->next) {
        name = policy_set_name(set, note->name);
        if (name == NULL) {
            return 0;
        }

        notes->name.data = name->name;
        notes->name.len = name->len;

        name = policy_set_name(set, note->value);
        if (name == NULL) {
            return 0;
        }

        notes->value.data = name->name;
        notes->value.len = name->len;
        notes++;
        rule->nnotes++;
    }

    return 1;
}


static int
copy_scope(policy_set_t *set, const policy_ast_scope_t *ast,
    policy_scope_t *scope)
{
    scope->op = ast->op;
    scope->is_slot = ast->is_slot;

    if (ast->refs != NULL) {
        scope->uid = policy_set_uid(set, &ast->refs->uid);
        if (scope->uid == NULL) {
            return 0;
        }
    }

    if (ast->op == SCOPE_IS || ast->op == SCOPE_IS_IN) {
        scope->type = policy_set_type(set, ast->type);
        if (scope->type == NULL) {
            return 0;
        }
    }

    return 1;
}


static int
cmp_pointers(const void *a, const void *b, void *data)
{
    uintptr_t  x, y;

    (void) data;

    x = (uintptr_t) *(const void *const *) a;
    y = (uintptr_t) *(const void *const *) b;

    return x < y ? -1 : x > y;
}


/* uids are interned, so equal ones have equal pointers */
static int
copy_actions(policy_set_t *set, const policy_ast_scope_t *ast,
    policy_rule_t *rule)
{
    uint32_t                  i, n;
    const policy_ast_ref_t   *ref;

    rule->action_op = ast->op;

    rule->actions = policy_alloc_array(&set->main, ast->nrefs,
                                       sizeof(policy_uid_t *));
    if (rule->actions == NULL) {
        return 0;
    }

    n = 0;

    for (ref = ast->refs; ref != NULL; ref = ref->next) {
        rule->actions[n] = policy_set_uid(set, &ref->uid);
        if (rule->actions[n++] == NULL) {
            return 0;
        }
    }

    policy_sort(rule->actions, n, sizeof(policy_uid_t *), cmp_pointers,
                NULL);

    for (i = 0; i < n; i++) {
        if (i == 0 || rule->actions[i] != rule->actions[i - 1]) {
            rule->actions[rule->nactions++] = rule->actions[i];
        }
    }

    return 1;
}


static policy_status_t
add_policy(policy_set_t *set, policy_str_t file, policy_cursor_t *cursor,
    const policy_ast_policy_t *ast, policy_error_t *error)
{
    policy_rule_t    *rule;
    policy_status_t   rc;

    if (set->n == POLICY_MAX_POLICIES) {
        return policy_fail(error, POLICY_LIMIT, file, cursor->text,
                           ast->offset, "too many policies");
    }

    rule = policy_set_new_rule(set);
    if (rule == NULL) {
        return policy_set_no_memory(set, error);
    }

    rule->effect = (uint8_t) ast->effect;
    rule->file = file;
    rule->place = policy_cursor_place(cursor, ast->offset);
    rule->is_template = ast->principal.is_slot || ast->resource.is_slot;
    rule->id = make_id(set, ast);
    set->position++;

    if (rule->id.data == NULL
        || !copy_notes(set, ast, rule)
        || !copy_scope(set, &ast->principal, &rule->principal)
        || !copy_scope(set, &ast->resource, &rule->resource)
        || !copy_actions(set, &ast->action, rule)
        || policy_compile(set, cursor, ast, &rule->root) != POLICY_OK)
    {
        return policy_set_no_memory(set, error);
    }

    rc = policy_set_new_id(set);

    if (rc == POLICY_DUPLICATE) {
        return policy_fail(error, rc, file, cursor->text, ast->offset,
                           "policy id `%S` is taken", &rule->id);
    }

    return rc == POLICY_OK ? POLICY_OK : policy_set_no_memory(set, error);
}


policy_status_t
policy_set_add(policy_set_t *set, policy_str_t file, policy_str_t text,
    policy_error_t *error)
{
    policy_cursor_t       cursor;
    policy_parser_t       parser;
    policy_status_t       rc;
    policy_ast_policy_t  *ast;

    if (set->finished || set->failed) {
        return policy_fail_plain(error, POLICY_MISUSE,
                                 "set is finished or failed");
    }

    file = policy_str_copy(&set->main, file);
    if (file.data == NULL) {
        return policy_set_no_memory(set, error);
    }

    cursor.text = text;
    cursor.at = 0;
    cursor.line = 1;
    cursor.column = 1;

    rc = policy_parser_init(&parser, file, text, error);

    while (rc == POLICY_OK) {
        policy_arena_clear(&set->temp);

        rc = policy_parser_next(&parser, &set->temp, &ast);
        if (rc != POLICY_OK || ast == NULL) {
            break;
        }

        rc = add_policy(set, file, &cursor, ast, error);
    }

    policy_arena_stop(&set->temp);
    set->failed = rc != POLICY_OK;

    return rc;
}


static int
cmp_uses(const void *a, const void *b, void *data)
{
    int                  rc;
    size_t               n;
    const policy_use_t  *x, *y;

    (void) data;

    x = a;
    y = b;

    if (x->variable != y->variable) {
        return x->variable < y->variable ? -1 : 1;
    }

    if (x->kind != y->kind) {
        return x->kind < y->kind ? -1 : 1;
    }

    n = x->name.len < y->name.len ? x->name.len : y->name.len;
    rc = n == 0 ? 0 : memcmp(x->name.data, y->name.data, n);

    return rc != 0 ? rc : x->name.len < y->name.len ? -1
                        : x->name.len > y->name.len;
}


policy_status_t
policy_set_finish(policy_set_t *set, policy_error_t *error)
{
    size_t              i;
    policy_use_link_t  *link;

    if (set->finished || set->failed) {
        return policy_fail_plain(error, POLICY_MISUSE,
                                 "set is finished or failed");
    }

    set->uses = policy_alloc_array(&set->main, set->nuses,
                                   sizeof(policy_use_t));
    if (set->uses == NULL) {
        return policy_set_no_memory(set, error);
    }

    i = 0;

    for (link = set->use_links; link != NULL; link = link->next) {
        set->uses[i++] = link->use;
    }

    policy_sort(set->uses, i, sizeof(policy_use_t), cmp_uses, NULL);

    if (!policy_set_named(set)) {
        return policy_set_no_memory(set, error);
    }

    /* growing has left room for as many policies again */

    if (set->n != 0 && set->n < set->size) {
        resize_rules(set, set->n);
    }

    free_symbols(set);

    if (policy_index_build(set) != POLICY_OK
        || policy_masks_build(set) != POLICY_OK)
    {
        return policy_set_no_memory(set, error);
    }

    policy_arena_stop(&set->temp);
    set->finished = 1;

    return POLICY_OK;
}


policy_status_t
policy_set_info(const policy_set_t *set, size_t index, policy_info_t *info)
{
    const policy_rule_t  *rule;

    if (index >= set->n) {
        return POLICY_NOT_FOUND;
    }

    rule = &set->rules[index];

    memset(info, 0, sizeof(policy_info_t));
    info->id = rule->id;
    info->file = rule->file;
    info->line = rule->place.line;
    info->column = rule->place.column;
    info->effect = (policy_effect_t) rule->effect;
    info->is_template = rule->is_template;
    info->annotations = rule->nnotes;

    if (rule->linked != 0) {
        info->template_id = set->rules[rule->linked - 1].id;
    }

    return POLICY_OK;
}


policy_status_t
policy_set_find(const policy_set_t *set, policy_str_t id, size_t *index)
{
    uint32_t  i;

    if (set->ids_size == 0) {
        return POLICY_NOT_FOUND;
    }

    i = *id_slot(set, id);

    if (i == 0) {
        return POLICY_NOT_FOUND;
    }

    *index = i - 1;

    return POLICY_OK;
}


policy_status_t
policy_annotation(const policy_set_t *set, size_t index, policy_str_t name,
    policy_str_t *value)
{
    uint32_t              i;
    const policy_rule_t  *rule;

    if (index >= set->n) {
        return POLICY_NOT_FOUND;
    }

    rule = &set->rules[index];

    for (i = 0; i < rule->nnotes; i++) {
        if (policy_str_equal(rule->notes[i].name, name)) {
            *value = rule->notes[i].value;
            return POLICY_OK;
        }
    }

    return POLICY_NOT_FOUND;
}


policy_status_t
policy_annotation_at(const policy_set_t *set, size_t index, size_t n,
    policy_str_t *name, policy_str_t *value)
{
    if (index >= set->n || n >= set->rules[index].nnotes) {
        return POLICY_NOT_FOUND;
    }

    *name = set->rules[index].notes[n].name;
    *value = set->rules[index].notes[n].value;

    return POLICY_OK;
}


policy_status_t
policy_set_uses(const policy_set_t *set, const policy_use_t **uses,
    size_t *n)
{
    if (!set->finished) {
        return POLICY_MISUSE;
    }

    *uses = set->uses;
    *n = set->nuses;

    return POLICY_OK;
}


static int
has_use(const policy_set_t *set, policy_variable_t variable,
    policy_use_kind_t kind, policy_str_t name)
{
    int           rc;
    size_t        low, high, mid;
    policy_use_t  key;

    key.variable = variable;
    key.kind = kind;
    key.name = name;
    low = 0;
    high = set->finished ? set->nuses : 0;

    while (low < high) {
        mid = low + (high - low) / 2;
        rc = cmp_uses(&key, &set->uses[mid], NULL);

        if (rc == 0) {
            return 1;
        }

        if (rc < 0) {
            high = mid;
        } else {
            low = mid + 1;
        }
    }

    return 0;
}


int
policy_set_uses_attr(const policy_set_t *set, policy_variable_t variable,
    policy_str_t name)
{
    if (has_use(set, variable, POLICY_USE_ATTR, name)) {
        return 1;
    }

    if (variable == POLICY_CONTEXT) {
        return has_use(set, variable, POLICY_USE_WHOLE, POLICY_STR(""));
    }

    return has_use(set, POLICY_OTHER, POLICY_USE_ATTR, name);
}


int
policy_set_uses_tag(const policy_set_t *set, policy_variable_t variable,
    policy_str_t name)
{
    return has_use(set, variable, POLICY_USE_TAG, name)
           || has_use(set, variable, POLICY_USE_ANY_TAG, POLICY_STR(""))
           || has_use(set, POLICY_OTHER, POLICY_USE_TAG, name)
           || has_use(set, POLICY_OTHER, POLICY_USE_ANY_TAG, POLICY_STR(""));
}


int
policy_set_names_type(const policy_set_t *set, policy_str_t type)
{
    return !set->finished
           || has_use(set, POLICY_OTHER, POLICY_USE_NAMED, type);
}


int
policy_set_names(const policy_set_t *set, const policy_uid_t *uid)
{
    size_t  low, high, mid;

    low = 0;
    high = set->nnamed;

    while (low < high) {
        mid = low + (high - low) / 2;

        if (set->named[mid] == uid->hash) {
            return 1;
        }

        if (set->named[mid] < uid->hash) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }

    return !set->finished;
}
