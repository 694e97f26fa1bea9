/* Values: construction, order, sets, copies. */

#include "value.h"


/* ORDER KINDS */
static const char *const  kind_names[POLICY_KINDS] = {
    "nothing", "bool", "long", "string", "set", "record", "entity",
    "ipaddr", "decimal", "datetime", "duration"
};


const char *
policy_kind_name(unsigned kind)
{
    return kind < POLICY_KINDS ? kind_names[kind] : "nothing";
}


POLICY_HOT
policy_value_t
policy_bool(int b)
{
    return policy_value_make(POLICY_BOOL, b != 0);
}


policy_value_t
policy_long(int64_t i)
{
    return policy_value_make(POLICY_LONG, i);
}


policy_value_t
policy_decimal(int64_t ten_thousandths)
{
    return policy_value_make(POLICY_DECIMAL, ten_thousandths);
}


policy_value_t
policy_datetime(int64_t ms_since_1970)
{
    return policy_value_make(POLICY_DATETIME, ms_since_1970);
}


policy_value_t
policy_duration(int64_t ms)
{
    return policy_value_make(POLICY_DURATION, ms);
}


policy_value_t
policy_string(const char *data, size_t len)
{
    if (len > POLICY_MAX_TEXT) {
        return policy_value_make(POLICY_NONE, 0);
    }

    return policy_value_make_many(POLICY_STRING, data, len, 0);
}


policy_value_t
policy_entity(const policy_uid_t *uid)
{
    return policy_value_make_many(POLICY_ENTITY, uid, 0, 0);
}


POLICY_HOT
policy_status_t
policy_ip(const uint8_t *addr, size_t len, unsigned prefix,
    policy_value_t *value)
{
    if (len == 4 && prefix <= 32) {
        *value = policy_value_make(POLICY_IP,
                                   (int64_t) ((uint32_t) addr[0] << 24
                                              | (uint32_t) addr[1] << 16
                                              | (uint32_t) addr[2] << 8
                                              | addr[3]));
        value->flag = 4;
        value->len = prefix;
        return POLICY_OK;
    }

    if (len == 16 && prefix <= 128) {
        *value = policy_value_make_many(POLICY_IP, addr, prefix, 0);
        value->flag = 6;
        return POLICY_OK;
    }

    return POLICY_MISUSE;
}


static int
cmp_u64(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}


static int
cmp_bytes(const void *a, const void *b, size_t len, int64_t *work)
{
    *work -= (int64_t) (len / 64);

    return len == 0 || a == b ? 0 : memcmp(a, b, len);
}


static int
cmp_uids(const policy_uid_t *a, const policy_uid_t *b, int64_t *work)
{
    int  rc;

    if (a == b) {
        return 0;
    }

    if (a->hash != b->hash) {
        return cmp_u64(a->hash, b->hash);
    }

    if (a->type_len != b->type_len) {
        return cmp_u64(a->type_len, b->type_len);
    }

    if (a->id_len != b->id_len) {
        return cmp_u64(a->id_len, b->id_len);
    }

    rc = cmp_bytes(a->type, b->type, a->type_len, work);

    return rc != 0 ? rc : cmp_bytes(a->id, b->id, a->id_len, work);
}


static int
cmp_names(const policy_name_t *a, const policy_name_t *b)
{
    if (a->hash != b->hash) {
        return a->hash < b->hash ? -1 : 1;
    }

    if (a->len != b->len) {
        return a->len < b->len ? -1 : 1;
    }

    return a->len == 0 ? 0 : memcmp(a->name, b->name, a->len);
}


static int
cmp_many(const policy_value_t *a, const policy_value_t *b, int64_t *work)
{
    int                    rc;
    uint32_t               i;
    const policy_field_t  *f, *g;
    const policy_value_t  *v, *w;

    if (a->u.p == b->u.p) {
        return 0;
    }

    if (a->kind == POLICY_SET) {
        v = a->u.p;
        w = b->u.p;

        for (i = 0; i < a->len; i++) {
            rc = policy_value_cmp(&v[i], &w[i], work);
            if (rc != 0 || *work < 0) {
                return rc;
            }
        }

        return 0;
    }

    f = a->u.p;
    g = b->u.p;

    for (i = 0; i < a->len; i++) {
        rc = cmp_names(&f[i].name, &g[i].name);
        if (rc == 0) {
            rc = policy_value_cmp(&f[i].value, &g[i].value, work);
        }

        if (rc != 0 || *work < 0) {
            return rc;
        }
    }

    return 0;
}


POLICY_HOT
int
policy_value_cmp(const policy_value_t *a, const policy_value_t *b,
    int64_t *work)
{
    (*work)--;

    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }

    if (a->len != b->len) {
        return a->len < b->len ? -1 : 1;
    }

    switch (a->kind) {

    case POLICY_STRING:
        return cmp_bytes(a->u.p, b->u.p, a->len, work);

    case POLICY_ENTITY:
        return cmp_uids(a->u.p, b->u.p, work);

    case POLICY_SET:
    case POLICY_RECORD:
        return cmp_many(a, b, work);

    case POLICY_IP:
        if (a->flag != b->flag) {
            return a->flag < b->flag ? -1 : 1;
        }

        if (a->flag == 6) {
            return memcmp(a->u.p, b->u.p, 16);
        }

        break;

    default:
        break;
    }

    return a->u.i < b->u.i ? -1 : a->u.i > b->u.i;
}


static void
sift(char *base, size_t root, size_t n, size_t size, policy_cmp_pt cmp,
    void *data)
{
    char    tmp[64];
    size_t  kid;

    while ((kid = 2 * root + 1) < n) {
        if (kid + 1 < n
            && cmp(base + kid * size, base + (kid + 1) * size, data) < 0)
        {
            kid++;
        }

        if (cmp(base + root * size, base + kid * size, data) >= 0) {
            return;
        }

        memcpy(tmp, base + root * size, size);
        memcpy(base + root * size, base + kid * size, size);
        memcpy(base + kid * size, tmp, size);

        root = kid;
    }
}


/* size is at most 64 */
void
policy_sort(void *base, size_t n, size_t size, policy_cmp_pt cmp, void *data)
{
    char    tmp[64], *p;
    size_t  i;

    p = base;

    /* data often comes in order */

    for (i = 1; i < n; i++) {
        if (cmp(p + (i - 1) * size, p + i * size, data) > 0) {
            break;
        }
    }

    if (i >= n) {
        return;
    }

    for (i = n / 2; i > 0; i--) {
        sift(p, i - 1, n, size, cmp, data);
    }

    for (i = n - 1; i > 0; i--) {
        memcpy(tmp, p, size);
        memcpy(p, p + i * size, size);
        memcpy(p + i * size, tmp, size);

        sift(p, 0, i, size, cmp, data);
    }
}


static int
cmp_values(const void *a, const void *b, void *data)
{
    return policy_value_cmp(a, b, data);
}


size_t
policy_values_order(policy_value_t *values, size_t n, int64_t *work)
{
    size_t  i, k;

    if (n < 2) {
        return n;
    }

    policy_sort(values, n, sizeof(policy_value_t), cmp_values, work);

    k = 1;

    for (i = 1; i < n; i++) {
        if (policy_value_cmp(&values[i], &values[k - 1], work) != 0) {
            values[k++] = values[i];
        }
    }

    return k;
}


POLICY_HOT
int
policy_set_has(const policy_value_t *set, const policy_value_t *value,
    int64_t *work)
{
    int                    rc;
    size_t                 low, high, mid;
    const policy_value_t  *items;

    items = set->u.p;
    low = 0;
    high = set->len;

    /* few: most are told apart by their length */

    if (high <= 8 && value->len <= 64
        && (value->kind == POLICY_STRING
            || value->kind == POLICY_LONG))
    {
        (*work)--;

        for ( /* void */ ; low < high; low++) {
            if (items[low].kind == value->kind
                && items[low].len == value->len
                && (value->kind == POLICY_LONG
                    ? items[low].u.i == value->u.i
                    : policy_bytes_same(items[low].u.p, value->u.p,
                                        value->len)))
            {
                return 1;
            }
        }

        return 0;
    }

    while (low < high && *work >= 0) {
        mid = low + (high - low) / 2;
        rc = policy_value_cmp(value, &items[mid], work);

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
policy_set_has_all(const policy_value_t *a, const policy_value_t *b,
    int64_t *work)
{
    uint32_t               i;
    const policy_value_t  *items;

    items = b->u.p;

    for (i = 0; i < b->len && *work >= 0; i++) {
        if (!policy_set_has(a, &items[i], work)) {
            return 0;
        }
    }

    return 1;
}


int
policy_set_has_any(const policy_value_t *a, const policy_value_t *b,
    int64_t *work)
{
    uint32_t               i;
    const policy_value_t  *items, *small;

    small = a->len < b->len ? a : b;
    a = small == a ? b : a;
    items = small->u.p;

    for (i = 0; i < small->len && *work >= 0; i++) {
        if (policy_set_has(a, &items[i], work)) {
            return 1;
        }
    }

    return 0;
}


static int
cmp_fields(const void *a, const void *b, void *data)
{
    (void) data;

    return cmp_names(&((const policy_field_t *) a)->name,
                     &((const policy_field_t *) b)->name);
}


size_t
policy_fields_order(policy_field_t *fields, size_t n)
{
    size_t  i;

    policy_sort(fields, n, sizeof(policy_field_t), cmp_fields, NULL);

    for (i = 1; i < n; i++) {
        if (cmp_fields(&fields[i - 1], &fields[i], NULL) == 0) {
            return i;
        }
    }

    return n;
}


const policy_value_t *
policy_field_search(const policy_field_t *fields, size_t n,
    const policy_name_t *name)
{
    int     rc;
    size_t  low, mid;

    low = 0;

    while (low < n) {
        mid = low + (n - low) / 2;
        rc = cmp_names(name, &fields[mid].name);

        if (rc == 0) {
            return &fields[mid].value;
        }

        if (rc < 0) {
            n = mid;
        } else {
            low = mid + 1;
        }
    }

    return NULL;
}


policy_status_t
policy_set_make(policy_value_t *values, size_t n, int64_t *work,
    policy_value_t *set)
{
    size_t    i;
    unsigned  depth;

    depth = 0;

    for (i = 0; i < n; i++) {
        if (values[i].depth > depth) {
            depth = values[i].depth;
        }
    }

    if (depth >= POLICY_MAX_DEPTH) {
        return POLICY_LIMIT;
    }

    n = policy_values_order(values, n, work);
    *set = policy_value_make_many(POLICY_SET, values, n, depth + 1);

    return *work < 0 ? POLICY_LIMIT : POLICY_OK;
}


policy_status_t
policy_record_make(policy_field_t *fields, size_t n,
    policy_name_t *duplicate, policy_value_t *record)
{
    size_t    i;
    unsigned  depth;

    depth = 0;

    for (i = 0; i < n; i++) {
        if (fields[i].value.depth > depth) {
            depth = fields[i].value.depth;
        }
    }

    if (depth >= POLICY_MAX_DEPTH) {
        return POLICY_LIMIT;
    }

    i = policy_fields_order(fields, n);

    if (i < n) {
        if (duplicate != NULL) {
            *duplicate = fields[i].name;
        }

        return POLICY_DUPLICATE;
    }

    *record = policy_value_make_many(POLICY_RECORD, fields, n, depth + 1);

    return POLICY_OK;
}


static policy_status_t
copy_bytes(policy_arena_t *arena, const policy_value_t *value, size_t len,
    policy_value_t *copy)
{
    policy_str_t  s;

    s = policy_str_copy(arena, (policy_str_t) { value->u.p, len });
    copy->u.p = s.data;

    return s.data != NULL ? POLICY_OK : POLICY_NO_MEMORY;
}


static policy_status_t
copy_set(policy_arena_t *arena, const policy_value_t *value,
    policy_value_t *copy)
{
    uint32_t               i;
    policy_status_t        rc;
    policy_value_t        *to;
    const policy_value_t  *from;

    from = value->u.p;

    to = policy_alloc_array(arena, value->len, sizeof(policy_value_t));
    if (to == NULL) {
        return POLICY_NO_MEMORY;
    }

    for (i = 0; i < value->len; i++) {
        rc = policy_value_copy(arena, &from[i], &to[i]);
        if (rc != POLICY_OK) {
            return rc;
        }
    }

    copy->u.p = to;

    return POLICY_OK;
}


static policy_status_t
copy_record(policy_arena_t *arena, const policy_value_t *value,
    policy_value_t *copy)
{
    uint32_t               i;
    policy_str_t           s;
    policy_status_t        rc;
    policy_field_t        *to;
    const policy_field_t  *from;

    from = value->u.p;

    to = policy_alloc_array(arena, value->len, sizeof(policy_field_t));
    if (to == NULL) {
        return POLICY_NO_MEMORY;
    }

    for (i = 0; i < value->len; i++) {
        s = policy_str_copy(arena, (policy_str_t) { from[i].name.name,
                                                    from[i].name.len });
        if (s.data == NULL) {
            return POLICY_NO_MEMORY;
        }

        to[i].name = from[i].name;
        to[i].name.name = s.data;

        rc = policy_value_copy(arena, &from[i].value, &to[i].value);
        if (rc != POLICY_OK) {
            return rc;
        }
    }

    copy->u.p = to;

    return POLICY_OK;
}


policy_status_t
policy_value_copy(policy_arena_t *arena, const policy_value_t *value,
    policy_value_t *copy)
{
    policy_value_t  v;

    v = *value;
    *copy = v;

    switch (v.kind) {

    case POLICY_STRING:
        return copy_bytes(arena, &v, v.len, copy);

    case POLICY_IP:
        return v.flag == 6 ? copy_bytes(arena, &v, 16, copy) : POLICY_OK;

    case POLICY_ENTITY:
        copy->u.p = policy_uid_copy(arena, v.u.p);
        return copy->u.p != NULL ? POLICY_OK : POLICY_NO_MEMORY;

    case POLICY_SET:
        return copy_set(arena, &v, copy);

    case POLICY_RECORD:
        return copy_record(arena, &v, copy);

    default:
        return POLICY_OK;
    }
}
