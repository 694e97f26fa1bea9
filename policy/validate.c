/*
 * Validation of policies: each of them, in each environment that the schema
 * allows and the policy's scope does not rule out.
 */

#include "validate.h"
#include "set.h"


#define FIRST_CHUNK  16384

static const policy_str_t  no_name = { "", 0 };


/* Findings */

static void
print_message(policy_print_t *p, const char *format, const policy_str_t *name,
    const schema_type_t *a, const schema_type_t *b)
{
    for ( /* void */ ; *format != '\0'; format++) {
        if (*format != '%') {
            policy_print_char(p, *format);
            continue;
        }

        switch (*++format) {

        case 'S':
            policy_print_escaped(p, *name);
            break;

        case 'A':
            schema_print_type(p, a);
            break;

        default: /* 'B' */
            schema_print_type(p, b);
            break;
        }
    }
}


void
validate_report(validate_t *v, policy_severity_t severity, uint32_t offset,
    const char *format, const policy_str_t *name, const schema_type_t *a,
    const schema_type_t *b)
{
    char               buffer[sizeof(((policy_finding_t *) 0)->message)];
    policy_print_t     p;
    validate_note_t  **place, *note;

    for (place = &v->notes; *place != NULL; place = &(*place)->next) {
        if ((*place)->offset > offset) {
            break;
        }

        if ((*place)->offset == offset && (*place)->format == format) {
            return;
        }
    }

    if (v->nnotes == POLICY_MAX_FINDINGS) {
        return;
    }

    note = policy_alloc(&v->trees, sizeof(validate_note_t));
    if (note == NULL) {
        v->status = POLICY_NO_MEMORY;
        return;
    }

    policy_print_init(&p, buffer, sizeof(buffer));
    print_message(&p, format, name, a, b);
    policy_print_end(&p);

    note->message.data = buffer;
    note->message.len = strlen(buffer);
    note->message = policy_str_copy(&v->trees, note->message);

    if (note->message.data == NULL) {
        v->status = POLICY_NO_MEMORY;
        return;
    }

    note->format = format;
    note->severity = severity;
    note->offset = offset;
    note->next = *place;
    *place = note;
    v->nnotes++;
}


/* Where a finding of the text stands; offsets rise from call to call but
 * for small steps back, which begin at the text's begin again. */
typedef struct {
    policy_str_t  text;
    size_t        at;           /* the begin of a line, */
    uint32_t      line;         /*   which is this one */
} cursor_t;


static void
place_finding(cursor_t *cursor, uint32_t offset, policy_finding_t *finding)
{
    size_t        i;
    uint32_t      line;
    policy_str_t  rest;

    if (offset < cursor->at) {
        cursor->at = 0;
        cursor->line = 1;
    }

    for (i = cursor->at; i < offset; i++) {
        if (cursor->text.data[i] == '\n') {
            cursor->at = i + 1;
            cursor->line++;
        }
    }

    rest.data = cursor->text.data + cursor->at;
    rest.len = cursor->text.len - cursor->at;

    policy_place(rest, offset - cursor->at, &line, &finding->column);
    finding->line = cursor->line;
    finding->offset = offset;
}


static void
count(policy_validation_t *validation, const policy_finding_t *finding)
{
    if (finding->severity == POLICY_FINDING_ERROR) {
        validation->errors++;
    } else {
        validation->warnings++;
    }

    if (validation->report != NULL) {
        validation->report(validation->data, finding);
    }
}


static void
deliver(validate_t *v, cursor_t *cursor, policy_str_t file, policy_str_t id)
{
    policy_finding_t        finding;
    const validate_note_t  *note;

    for (note = v->notes; note != NULL; note = note->next) {
        memset(&finding, 0, sizeof(finding));
        finding.severity = note->severity;
        finding.policy = id;
        finding.file = file;
        place_finding(cursor, note->offset, &finding);
        memcpy(finding.message, note->message.data, note->message.len);

        count(v->validation, &finding);
    }

    v->notes = NULL;
    v->nnotes = 0;
}


/* The id that a set gives; data is NULL: no memory. */
static policy_str_t
make_id(validate_t *v, const policy_ast_policy_t *ast)
{
    char                      digits[32], *p;
    policy_str_t              id, prefix, all;
    policy_print_t            print;
    const policy_ast_note_t  *note;

    policy_print_init(&print, digits, sizeof(digits));
    policy_print_str(&print, "policy");
    policy_print_u64(&print, v->validation->position);

    id.data = digits;
    id.len = policy_print_end(&print);

    for (note = ast->notes;
         v->validation->options.id_annotation && note != NULL;
         note = note->next)
    {
        if (policy_str_equal(note->name, POLICY_STR("id"))) {
            id = note->value;
        }
    }

    prefix = v->validation->options.id_prefix;
    all.len = prefix.len + id.len;
    all.data = p = policy_alloc(&v->trees, all.len);

    if (p == NULL) {
        return all;
    }

    if (prefix.len != 0) {
        memcpy(p, prefix.data, prefix.len);
    }

    if (id.len != 0) {
        memcpy(p + prefix.len, id.data, id.len);
    }

    return all;
}


/* What the schema must know, wherever in the policy it is named */

static void
check_type_name(validate_t *v, policy_str_t name, uint32_t at)
{
    if (!policy_is_action_type(name)
        && schema_find_entity(v->schema, name) == NULL)
    {
        validate_report(v, POLICY_FINDING_ERROR, at,
                        "entity type `%S` is not declared", &name, NULL,
                        NULL);
    }
}


static void
check_uid_name(validate_t *v, const policy_uid_t *uid, uint32_t at)
{
    uint32_t                i;
    policy_str_t            id;
    const schema_entity_t  *entity;

    id = policy_uid_id(uid);

    if (policy_is_action_type(policy_uid_type(uid))) {
        if (schema_find_action(v->schema, uid) == NULL) {
            validate_report(v, POLICY_FINDING_ERROR, at,
                            "action `%S` is not declared", &id, NULL, NULL);
        }

        return;
    }

    check_type_name(v, policy_uid_type(uid), at);

    entity = schema_find_entity(v->schema, policy_uid_type(uid));

    if (entity == NULL || !entity->is_enum) {
        return;
    }

    for (i = 0; i < entity->nchoices; i++) {
        if (policy_str_equal(entity->choices[i], id)) {
            return;
        }
    }

    validate_report(v, POLICY_FINDING_ERROR, at,
                    "`%S` is none of the ids of %A", &id, &entity->type,
                    NULL);
}


/* Returns the variables used, as bits. */
static unsigned
check_names(validate_t *v, const policy_ast_t *e)
{
    uint32_t             i;
    unsigned             used;
    const policy_ast_t  *kid;

    v->work--;
    used = 0;

    if (e->op == AST_UID) {
        check_uid_name(v, e->u.uid, e->offset);

    } else if (e->op == AST_IS) {
        check_type_name(v, e->u.text, e->place);

    } else if (e->op == AST_VAR) {
        used = 1u << e->id;
    }

    for (i = 0, kid = e->kids; i < e->nkids; i++, kid = kid->next) {
        used |= check_names(v, kid);
    }

    return used;
}


static void
check_scope_names(validate_t *v, const policy_ast_scope_t *scope)
{
    const policy_ast_ref_t  *ref;

    if (scope->op == SCOPE_IS || scope->op == SCOPE_IS_IN) {
        check_type_name(v, scope->type, scope->type_offset);
    }

    for (ref = scope->refs; ref != NULL; ref = ref->next) {
        check_uid_name(v, &ref->uid, ref->offset);
    }
}


/* Scopes */

/* The test, filled or not; a slot takes what fits. */
typedef struct {
    uint8_t              op;
    const policy_uid_t  *uid;       /* NULL: a slot, or no uid */
    policy_str_t         type;
} scope_t;


static int
is_under(const policy_schema_t *schema, const schema_entity_t *entity,
    const policy_uid_t *uid)
{
    const schema_entity_t  *group;

    if (uid == NULL) {
        return 1;
    }

    group = schema_find_entity(schema, policy_uid_type(uid));

    return group != NULL && schema_entity_under(entity, group);
}


/* Whether some entity of the type can pass the test. */
static int
scope_fits(const policy_schema_t *schema, const scope_t *scope,
    const schema_entity_t *entity)
{
    switch (scope->op) {

    case SCOPE_EQ:
        return scope->uid == NULL
               || policy_str_equal(policy_uid_type(scope->uid),
                                   entity->name);

    case SCOPE_IN:
        return is_under(schema, entity, scope->uid);

    case SCOPE_IS:
        return policy_str_equal(scope->type, entity->name);

    case SCOPE_IS_IN:
        return policy_str_equal(scope->type, entity->name)
               && is_under(schema, entity, scope->uid);

    default: /* SCOPE_ANY */
        return 1;
    }
}


static scope_t
scope_of(const policy_ast_scope_t *ast)
{
    scope_t  scope;

    scope.op = ast->op;
    scope.uid = ast->refs != NULL ? &ast->refs->uid : NULL;
    scope.type = ast->type;

    return scope;
}


static int
action_fits(const policy_schema_t *schema, unsigned op,
    const policy_uid_t *uid, const schema_action_t *action)
{
    const schema_action_t  *group;

    if (op == SCOPE_EQ) {
        return policy_uid_same(uid, &action->uid);
    }

    group = schema_find_action(schema, uid);

    return group != NULL && schema_action_under(action, group);
}


static int
actions_fit(const validate_t *v, const policy_ast_scope_t *scope,
    const schema_action_t *action)
{
    const policy_ast_ref_t  *ref;

    if (scope->op == SCOPE_ANY) {
        return 1;
    }

    for (ref = scope->refs; ref != NULL; ref = ref->next) {
        if (action_fits(v->schema, scope->op, &ref->uid, action)) {
            return 1;
        }
    }

    return 0;
}


/*
 * A list of actions is a set, whose elements have one type; 0 when it is
 * not such a set.  As the test of the principal comes first, the list is
 * looked at only where some principal passes.
 */
static int
check_action_list(validate_t *v, const policy_ast_scope_t *scope)
{
    const policy_ast_ref_t  *ref;
    const schema_entity_t   *a, *b;

    if (scope->op != SCOPE_IN) {
        return 1;
    }

    if (scope->refs == NULL) {
        validate_report(v, POLICY_FINDING_ERROR, scope->offset,
                        "the list of actions is empty", NULL, NULL, NULL);
        return 0;
    }

    a = schema_find_entity(v->schema, policy_uid_type(&scope->refs->uid));

    for (ref = scope->refs->next; ref != NULL; ref = ref->next) {
        b = schema_find_entity(v->schema, policy_uid_type(&ref->uid));

        if (a != NULL && b != NULL && a != b) {
            validate_report(v, POLICY_FINDING_ERROR, ref->offset,
                            "the actions of a list have different types: "
                            "%A and %B", NULL, &a->type, &b->type);
            return 0;
        }
    }

    return 1;
}


/* One policy */

typedef struct {
    const policy_ast_policy_t  *ast;
    scope_t                     principal;
    scope_t                     resource;
    unsigned                    used;       /* bits of variables */
    int                         applies;    /* some environment fits */
    int                         possible;   /* and is not always false */
} subject_t;


/* The conditions in the environment of v; 0: they are always false. */
static int
check_conditions(validate_t *v, const policy_ast_policy_t *ast)
{
    int                       is_false;
    validate_typed_t          t;
    const validate_cap_t     *caps;
    const policy_ast_cond_t  *cond;

    caps = NULL;

    for (cond = ast->conds; cond != NULL; cond = cond->next) {
        t = validate_condition(v, cond->body, caps);
        is_false = t.type->kind == (cond->unless ? TYPE_TRUE : TYPE_FALSE);

        if (is_false) {
            return 0;
        }

        if (!cond->unless) {
            caps = validate_caps_join(v, caps, t.caps);
        }
    }

    return 1;
}


static policy_status_t
check_environment(validate_t *v, subject_t *subject)
{
    policy_arena_clear(&v->env);

    subject->possible |= check_conditions(v, subject->ast);

    if (v->status == POLICY_OK && v->work < 0) {
        v->status = POLICY_LIMIT;
    }

    return v->status;
}


#define USES(subject, variable)  ((subject)->used & 1u << (variable))

/*
 * The principals and resources of v->action.  Where the conditions do not
 * look at a variable, one type of it stands for all.
 */
static policy_status_t
check_action(validate_t *v, subject_t *subject)
{
    int                  action_ok, fits;
    policy_status_t      rc;
    const schema_ref_t  *p, *r;

    fits = actions_fit(v, &subject->ast->action, v->action);

    for (p = v->action->principals; p != NULL; p = p->next) {
        if (!scope_fits(v->schema, &subject->principal, p->entity)) {
            continue;
        }

        action_ok = check_action_list(v, &subject->ast->action);

        if (action_ok && !fits) {
            return v->status;
        }

        for (r = v->action->resources; r != NULL; r = r->next) {
            v->work--;

            if (!scope_fits(v->schema, &subject->resource, r->entity)) {
                continue;
            }

            subject->applies |= fits;
            v->principal = p->entity;
            v->resource = r->entity;

            rc = check_environment(v, subject);
            if (rc != POLICY_OK) {
                return rc;
            }

            if (!USES(subject, POLICY_RESOURCE)) {
                break;
            }
        }

        if (!USES(subject, POLICY_PRINCIPAL) && r != NULL) {
            break;
        }
    }

    return v->status;
}


static void
report_scope(validate_t *v, const subject_t *subject)
{
    uint32_t  at;

    at = subject->ast->offset;

    if (!subject->applies) {
        validate_report(v, POLICY_FINDING_WARNING, at, "no action of the "
                        "schema applies to this scope", NULL, NULL, NULL);
    }

    if (!subject->possible) {
        validate_report(v, POLICY_FINDING_WARNING, at, "the policy is false "
                        "for all requests that the schema allows", NULL,
                        NULL, NULL);
    }
}


static policy_status_t
check_policy(validate_t *v, const policy_ast_policy_t *ast)
{
    subject_t                 subject;
    const policy_ast_cond_t  *cond;

    memset(&subject, 0, sizeof(subject));
    subject.ast = ast;
    subject.principal = scope_of(&ast->principal);
    subject.resource = scope_of(&ast->resource);

    check_scope_names(v, &ast->principal);
    check_scope_names(v, &ast->action);
    check_scope_names(v, &ast->resource);

    for (cond = ast->conds; cond != NULL; cond = cond->next) {
        subject.used |= check_names(v, cond->body);
    }

    for (v->action = v->schema->actions;
         v->status == POLICY_OK && v->action != NULL;
         v->action = v->action->next)
    {
        check_action(v, &subject);
    }

    if (v->status == POLICY_OK) {
        report_scope(v, &subject);
    }

    return v->status;
}


static policy_status_t
fault(const validate_t *v, policy_error_t *error)
{
    switch (v->status) {

    case POLICY_OK:
        return POLICY_OK;

    case POLICY_LIMIT:
        return policy_fail_plain(error, POLICY_LIMIT, "validation takes more "
                                 "than %u steps", POLICY_MAX_CHECKS);

    default:
        return policy_fail_plain(error, v->status, "no memory");
    }
}


static policy_status_t
check_text(validate_t *v, policy_str_t file, policy_str_t text,
    policy_error_t *error)
{
    cursor_t              cursor;
    policy_str_t          id;
    policy_parser_t       parser;
    policy_status_t       rc;
    policy_ast_policy_t  *ast;

    cursor.text = text;
    cursor.at = 0;
    cursor.line = 1;

    rc = policy_parser_init(&parser, file, text, error);

    while (rc == POLICY_OK) {
        policy_arena_clear(&v->trees);

        rc = policy_parser_next(&parser, &v->trees, &ast);
        if (rc != POLICY_OK || ast == NULL) {
            break;
        }

        id = make_id(v, ast);
        if (id.data == NULL) {
            v->status = POLICY_NO_MEMORY;
        } else {
            check_policy(v, ast);
        }

        rc = fault(v, error);

        if (rc == POLICY_OK) {
            deliver(v, &cursor, file, id);
            v->validation->position++;
        }
    }

    return rc;
}


static policy_status_t
is_usable(const policy_validation_t *validation, policy_error_t *error)
{
    if (validation->schema == NULL || validation->memory.alloc == NULL) {
        return policy_fail_plain(error, POLICY_MISUSE,
                                 "validation wants a schema and memory");
    }

    return POLICY_OK;
}


policy_status_t
policy_validate(policy_validation_t *validation, policy_str_t file,
    policy_str_t text, policy_error_t *error)
{
    validate_t       v;
    policy_status_t  rc;

    rc = is_usable(validation, error);
    if (rc != POLICY_OK) {
        return rc;
    }

    memset(&v, 0, sizeof(v));
    v.validation = validation;
    v.schema = validation->schema;
    v.work = POLICY_MAX_CHECKS;

    policy_arena_start(&v.trees, &validation->memory, FIRST_CHUNK);
    policy_arena_start(&v.env, &validation->memory, FIRST_CHUNK);

    rc = check_text(&v, file, text, error);

    policy_arena_stop(&v.trees);
    policy_arena_stop(&v.env);

    return rc;
}


/* Links */

static void
report_link(policy_validation_t *validation, policy_severity_t severity,
    policy_str_t id, const char *message, policy_str_t name)
{
    policy_print_t    p;
    policy_finding_t  finding;

    memset(&finding, 0, sizeof(finding));
    finding.severity = severity;
    finding.policy = id;
    finding.file = no_name;

    policy_print_init(&p, finding.message, sizeof(finding.message));
    print_message(&p, message, &name, NULL, NULL);
    policy_print_end(&p);

    count(validation, &finding);
}


static scope_t
filled_scope(const policy_scope_t *set_scope)
{
    scope_t  scope;

    scope.op = set_scope->op;
    scope.uid = set_scope->uid;
    scope.type = no_name;

    if (set_scope->type != NULL) {
        scope.type.data = set_scope->type->name;
        scope.type.len = set_scope->type->len;
    }

    return scope;
}


static int
rule_has_action(const policy_schema_t *schema, const policy_rule_t *rule,
    const schema_action_t *action)
{
    uint32_t  i;

    for (i = 0; i < rule->nactions; i++) {
        if (action_fits(schema, rule->action_op, rule->actions[i], action)) {
            return 1;
        }
    }

    return rule->action_op == SCOPE_ANY;
}


static int
link_applies(const policy_schema_t *schema, const policy_rule_t *rule)
{
    int                     fits;
    scope_t                 principal, resource;
    const schema_ref_t     *ref;
    const schema_action_t  *action;

    principal = filled_scope(&rule->principal);
    resource = filled_scope(&rule->resource);

    for (action = schema->actions; action != NULL; action = action->next) {
        if (!rule_has_action(schema, rule, action)) {
            continue;
        }

        fits = 0;

        for (ref = action->principals; ref != NULL && !fits; ref = ref->next)
        {
            fits = scope_fits(schema, &principal, ref->entity);
        }

        for (ref = action->resources; ref != NULL && fits; ref = ref->next) {
            if (scope_fits(schema, &resource, ref->entity)) {
                return 1;
            }
        }
    }

    return 0;
}


static void
check_filled(policy_validation_t *validation, const policy_rule_t *rule,
    const policy_scope_t *slot, const policy_scope_t *filled)
{
    policy_str_t  type;

    if (!slot->is_slot) {
        return;
    }

    type = policy_uid_type(filled->uid);

    if (!policy_is_action_type(type)
        && schema_find_entity(validation->schema, type) == NULL)
    {
        report_link(validation, POLICY_FINDING_ERROR, rule->id,
                    "entity type `%S` is not declared", type);
    }
}


policy_status_t
policy_validate_links(policy_validation_t *validation,
    const policy_set_t *set, policy_error_t *error)
{
    uint32_t              i;
    policy_status_t       rc;
    const policy_rule_t  *rule, *template;

    rc = is_usable(validation, error);

    for (i = 0; rc == POLICY_OK && i < set->n; i++) {
        rule = &set->rules[i];

        if (rule->linked == 0) {
            continue;
        }

        template = &set->rules[rule->linked - 1];

        check_filled(validation, rule, &template->principal,
                     &rule->principal);
        check_filled(validation, rule, &template->resource, &rule->resource);

        if (!link_applies(validation->schema, rule)) {
            report_link(validation, POLICY_FINDING_WARNING, rule->id,
                        "no action of the schema applies to this scope",
                        no_name);
        }
    }

    return rc;
}
