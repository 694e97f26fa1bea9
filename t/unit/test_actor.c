#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tenant_actor.h"
#include "unit.h"


#define S(text)  ((tenant_str_t) { (text), strlen(text) })


typedef struct {
    char    text[TENANT_ACTOR_MAX];
    size_t  len;
} actor_t;


static actor_t
encode(tenant_str_t tenant, tenant_str_t subject)
{
    actor_t  actor;

    /* what is not written stays recognisable */
    memset(&actor, '!', sizeof(actor));
    ck_assert_int_eq(tenant_actor_encode(actor.text, &actor.len, tenant,
                                         subject), TENANT_ACTOR_OK);
    ck_assert_uint_le(actor.len, TENANT_ACTOR_MAX);
    return actor;
}


static void
assert_actor(const char *tenant, const char *subject, const char *wanted)
{
    actor_t  actor = encode(S(tenant), S(subject));

    ck_assert_uint_eq(actor.len, strlen(wanted));
    ck_assert_mem_eq(actor.text, wanted, actor.len);
}


START_TEST(plain_form_keeps_letters_digits_and_dash)
{
    assert_actor("acme", "alice", "acme:alice");
    assert_actor("a-1", "Az09-", "a-1:Az09-");
    assert_actor("acme", "a_b", "acme:a_5Fb");
    assert_actor("acme", "auth0|123", "acme:auth0_7C123");
    assert_actor("acme", "a@b.c", "acme:a_40b_2Ec");
    assert_actor("acme", "x:y", "acme:x_3Ay");
    assert_actor("acme", "\xc3\xa9\r\n", "acme:_C3_A9_0D_0A");
    assert_actor("acme", "_3A", "acme:_5F3A");
}
END_TEST


START_TEST(tenant_and_subject_are_checked)
{
    static const char *const  bad[] = {
        "", "-a", "A", "a_b", "a:b", "a.b", "a b", "\xc3\xa9",
        "a123456789012345678901234567890123456789012345678901234567890123",
    };
    char    out[TENANT_ACTOR_MAX];
    size_t  i, len;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_int_eq(tenant_actor_encode(out, &len, S(bad[i]), S("s")),
                         TENANT_ACTOR_INVALID);
    }

    ck_assert_int_eq(tenant_actor_encode(out, &len, S("a"), S("")),
                     TENANT_ACTOR_INVALID);
    ck_assert_int_eq(tenant_actor_encode(out, &len,
        S("a12345678901234567890123456789012345678901234567890123456789012"),
        S("s")), TENANT_ACTOR_OK);
}
END_TEST


/* each byte at each place of names of all lengths */
START_TEST(tenant_has_lower_case_digits_and_dashes_only)
{
    static const char  good[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    char               out[TENANT_ACTOR_MAX], name[TENANT_ACTOR_TENANT_MAX];
    size_t             len, at, n;
    int                c;

    for (len = 1; len <= sizeof(name); len += len < 20 ? 1 : 43) {
        for (at = 0; at < len; at++) {
            for (c = 0; c < 256; c++) {
                memset(name, 'z', len);
                name[len / 2] = '0';
                name[at] = (char) c;
                ck_assert((tenant_actor_encode(out, &n,
                               (tenant_str_t) { name, len }, S("s"))
                           == TENANT_ACTOR_OK)
                          == (c != 0 && strchr(good, c) != NULL
                              && (at != 0 || c != '-')));
            }
        }
    }
}
END_TEST


/* SHA-256 of 252 times "a", from another implementation */
START_TEST(long_form_begins_where_the_plain_one_would_not_fit)
{
    static const char  digest[] =
        "acme:_x"
        "03aaf5773717feae6f704bf2637ae0a9"
        "af8b1b26c3493ef29553818378773a04";
    char               subject[300];
    actor_t            actor;

    memset(subject, 'a', sizeof(subject));
    actor = encode(S("acme"), (tenant_str_t) { subject, 251 });
    ck_assert_uint_eq(actor.len, 256);
    ck_assert_mem_eq(actor.text, "acme:aaaa", 9);

    actor = encode(S("acme"), (tenant_str_t) { subject, 252 });
    ck_assert_uint_eq(actor.len, sizeof(digest) - 1);
    ck_assert_mem_eq(actor.text, digest, actor.len);

    /* three bytes each: 83 fit in 251, 84 do not */
    memset(subject, '.', sizeof(subject));
    actor = encode(S("acme"), (tenant_str_t) { subject, 83 });
    ck_assert_uint_eq(actor.len, 5 + 249);
    actor = encode(S("acme"), (tenant_str_t) { subject, 84 });
    ck_assert_uint_eq(actor.len, 5 + 66);
}
END_TEST


/* The inverse, by the rule in the header; false if text has no such form. */
static bool
decode(const actor_t *actor, char *subject, size_t *len)
{
    const char  *p = memchr(actor->text, ':', actor->len);
    const char  *end = actor->text + actor->len;
    char         hex[3] = { 0 };

    ck_assert_ptr_nonnull(p);

    for (p++, *len = 0; p < end; (*len)++) {
        if (*p != '_') {
            subject[*len] = *p++;
            continue;
        }

        if (end - p < 3 || p[1] == 'x') {
            return false;
        }

        memcpy(hex, p + 1, 2);
        subject[*len] = (char) strtol(hex, NULL, 16);
        p += 3;
    }

    return true;
}


/* A way back proves that no two subjects share a name. */
START_TEST(every_plain_name_reads_back_to_its_subject)
{
    static const char  alphabet[] = "a_:|@.-Zx5F\xff\0";
    char               subject[300], back[300];
    actor_t            actor;
    size_t             i, j, len, n, plain = 0;

    srandom(20240611);

    for (i = 0; i < 200000; i++) {
        len = 1 + (size_t) random() % (i % 10 ? 12 : 290);

        for (j = 0; j < len; j++) {
            subject[j] = i % 2 ? alphabet[random() % 13]
                               : (char) (random() & 0xff);
        }

        actor = encode(S("t-1"), (tenant_str_t) { subject, len });

        for (j = 0; j < actor.len; j++) {
            ck_assert(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrs"
                             "tuvwxyz0123456789-_:", actor.text[j]));
        }

        if (decode(&actor, back, &n)) {
            ck_assert_uint_eq(n, len);
            ck_assert_mem_eq(back, subject, len);
            plain++;

        } else {
            ck_assert_uint_eq(actor.len, 4 + 66);
            ck_assert_uint_gt(len, 80);
        }
    }

    ck_assert_uint_gt(plain, 180000);
}
END_TEST


/* Wherever it stands in subjects that are looked at by words. */
START_TEST(each_byte_stays_or_is_encoded_at_every_place)
{
    static const char  stay[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "abcdefghijklmnopqrstuvwxyz0123456789-";
    char               subject[50], wanted[64];
    actor_t            actor;
    size_t             len, at;
    int                c;

    for (len = 1; len <= sizeof(subject); len++) {
        for (at = 0; at < len; at++) {
            for (c = 0; c < 256; c++) {
                memcpy(subject, "zZaA09-zZaA09-zZaA09-zZ9-zZaA09-zZaA09-zZ"
                       "aA09-zZ9X", len);
                subject[at] = (char) c;

                if (c != 0 && strchr(stay, c)) {
                    snprintf(wanted, sizeof(wanted), "t:%.*s", (int) len,
                             subject);
                } else {
                    snprintf(wanted, sizeof(wanted), "t:%.*s_%02X%.*s",
                             (int) at, subject, c, (int) (len - at - 1),
                             subject + at + 1);
                }

                actor = encode(S("t"), (tenant_str_t) { subject, len });
                ck_assert_uint_eq(actor.len, strlen(wanted));
                ck_assert_mem_eq(actor.text, wanted, actor.len);
            }
        }
    }
}
END_TEST


START_TEST(tenants_never_share_a_name)
{
    actor_t  a = encode(S("a"), S("b:c")), b = encode(S("a-b"), S("c"));

    ck_assert(a.len != b.len || memcmp(a.text, b.text, a.len) != 0);
    assert_actor("a", "b", "a:b");
    assert_actor("a", ":b", "a:_3Ab");
}
END_TEST


Suite *
suite_actor(void)
{
    Suite  *s = suite_create("actor");
    TCase  *t = tcase_create("actor");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, plain_form_keeps_letters_digits_and_dash);
    tcase_add_test(t, tenant_and_subject_are_checked);
    tcase_add_test(t, tenant_has_lower_case_digits_and_dashes_only);
    tcase_add_test(t, long_form_begins_where_the_plain_one_would_not_fit);
    tcase_add_test(t, every_plain_name_reads_back_to_its_subject);
    tcase_add_test(t, each_byte_stays_or_is_encoded_at_every_place);
    tcase_add_test(t, tenants_never_share_a_name);
    suite_add_tcase(s, t);
    return s;
}
