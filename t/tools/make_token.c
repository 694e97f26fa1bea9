/*
 * Mints tokens and keys for trying things out and for tests.  Signing is
 * libjwt's, so the module's verification meets another implementation.
 */

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>
#include <jwt.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>


#define KEY_FILE_MAX  65536         /* bytes */
#define PATH_BYTES    4096


static const char  usage[] =
"Usage: make-token --key FILE [option]...\n"
"       make-token keygen --kid KID --out DIR [--alg ALG] [--name NAME]\n"
"\n"
"Writes a signed token to standard output.\n"
"\n"
"  --key FILE              PEM private key; for HS* the secret's bytes\n"
"  --alg ALG               HS|RS|ES 256|384|512; default RS256\n"
"  --kid KID               key id in the header\n"
"  --iss URL --sub TEXT    issuer and subject\n"
"  --aud TEXT              audience; several become an array\n"
"  --exp WHEN              default +3600\n"
"  --nbf WHEN --iat WHEN   default: none, and now\n"
"  --claim NAME=TEXT       a claim with a text value\n"
"  --claim-json NAME=JSON  a claim with any JSON value\n"
"  --header NAME=TEXT      a header parameter; not alg and typ, which\n"
"                          libjwt writes itself\n"
"\n"
"WHEN is +SECONDS or -SECONDS from now, a number of seconds since 1970, or\n"
"\"none\" to leave the claim out.  A later option replaces an earlier one.\n"
"\n"
"keygen writes a new private key to DIR/NAME.pem, readable by its owner\n"
"only, and the public key as a JWK Set to DIR/NAME.jwks.  NAME is the KID\n"
"unless given; ALG is RS256 (default) or ES256.\n"
"\n"
"  make-token keygen --kid k1 --out keys\n"
"  make-token --key keys/k1.pem --kid k1 --iss https://idp.example \\\n"
"      --sub alice --aud agents --claim custom:tenantId=acme \\\n"
"      --claim-json 'roles=[\"admin\"]'\n";


typedef struct {
    const char  *key, *alg, *kid, *out, *name;
    json_t      *claims;
    json_t      *headers;
} options_t;


static void fail(const char *format, ...)
    __attribute__((noreturn, format(printf, 1, 2)));


static void
fail(const char *format, ...)
{
    va_list  args;

    fputs("make-token: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(EXIT_FAILURE);
}


static void
set(json_t *object, const char *name, json_t *value)
{
    if (json_object_set_new(object, name, value) != 0) {
        fail("\"%s\": not UTF-8, or out of memory", name);
    }
}


/* Cuts NAME=VALUE at its first "=" and returns VALUE. */
static char *
split(const char *option, char *text)
{
    char  *value = strchr(text, '=');

    if (value == NULL || value == text) {
        fail("%s needs NAME=VALUE, not \"%s\"", option, text);
    }

    *value = '\0';
    return value + 1;
}


static void
set_json(json_t *object, const char *name, const char *text)
{
    json_error_t  err;
    json_t       *value = json_loads(text, JSON_DECODE_ANY, &err);

    if (value == NULL) {
        fail("--claim-json %s: %s at byte %d of '%s'", name, err.text,
             err.position, text);
    }

    set(object, name, value);
}


static void
set_date(json_t *object, const char *name, const char *text)
{
    json_int_t  when;
    char       *end;

    if (strcmp(text, "none") == 0) {
        json_object_del(object, name);
        return;
    }

    errno = 0;
    when = strtoll(text, &end, 10);

    if (*text == '\0' || isspace((unsigned char) *text) || *end != '\0'
        || errno != 0)
    {
        fail("--%s: \"%s\" is not +SECONDS, -SECONDS, SECONDS or none", name,
             text);
    }

    if (*text == '+' || *text == '-') {
        when += time(NULL);
    }

    set(object, name, json_integer(when));
}


/* One audience is a text, several are an array (RFC 7519 section 4.1.3). */
static void
add_audience(json_t *claims, const char *text)
{
    json_t  *aud = json_object_get(claims, "aud");

    if (aud == NULL) {
        set(claims, "aud", json_string(text));
        return;
    }

    aud = json_is_array(aud) ? json_incref(aud) : json_pack("[O]", aud);

    if (json_array_append_new(aud, json_string(text)) != 0) {
        fail("--aud: not UTF-8, or out of memory");
    }

    set(claims, "aud", aud);
}


/* Options that only keep their text; NULL if it is none of them. */
static const char **
text_option(options_t *o, const char *name)
{
    static const char *const  names[] = {
        "--key", "--alg", "--kid", "--out", "--name",
    };
    const char **const  texts[] = {
        &o->key, &o->alg, &o->kid, &o->out, &o->name,
    };
    size_t  i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0) {
            return texts[i];
        }
    }

    return NULL;
}


static void
claim_option(options_t *o, const char *name, char *text)
{
    char  *value;

    if (strcmp(name, "--iss") == 0 || strcmp(name, "--sub") == 0) {
        set(o->claims, name + 2, json_string(text));

    } else if (strcmp(name, "--exp") == 0 || strcmp(name, "--nbf") == 0
               || strcmp(name, "--iat") == 0)
    {
        set_date(o->claims, name + 2, text);

    } else if (strcmp(name, "--aud") == 0) {
        add_audience(o->claims, text);

    } else if (strcmp(name, "--claim") == 0) {
        value = split(name, text);
        set(o->claims, text, json_string(value));

    } else if (strcmp(name, "--claim-json") == 0) {
        value = split(name, text);
        set_json(o->claims, text, value);

    } else if (strcmp(name, "--header") == 0) {
        value = split(name, text);

        if (strcmp(text, "alg") == 0 || strcmp(text, "typ") == 0) {
            fail("--header %s: libjwt writes it itself", text);
        }

        set(o->headers, text, json_string(value));

    } else {
        fail("unknown option %s; see --help", name);
    }
}


static void
read_options(options_t *o, int argc, char **argv)
{
    const char  **text;
    int           i;

    for (i = 0; i < argc; i += 2) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(usage, stdout);
            exit(EXIT_SUCCESS);
        }

        if (strncmp(argv[i], "--", 2) != 0) {
            fail("\"%s\" is not an option; see --help", argv[i]);
        }

        if (i + 1 == argc) {
            fail("%s needs a value", argv[i]);
        }

        text = text_option(o, argv[i]);

        if (text != NULL) {
            *text = argv[i + 1];

        } else {
            claim_option(o, argv[i], argv[i + 1]);
        }
    }
}


static size_t
read_key(const char *path, unsigned char *key)
{
    FILE    *file = fopen(path, "rb");
    size_t   n;

    if (file == NULL) {
        fail("%s: %s", path, strerror(errno));
    }

    n = fread(key, 1, KEY_FILE_MAX, file);

    if (ferror(file) || n == 0 || n == KEY_FILE_MAX) {
        fail("%s: cannot be read, is empty or too large", path);
    }

    fclose(file);
    key[n] = '\0';
    return n;
}


static jwt_alg_t
find_alg(const char *name)
{
    jwt_alg_t  alg = jwt_str_alg(name);

    /* libjwt takes any case and "none"; what it writes is neither */
    if (alg == JWT_ALG_INVAL || alg == JWT_ALG_NONE
        || strcmp(jwt_alg_str(alg), name) != 0)
    {
        fail("--alg %s: not one of HS, RS, ES with 256, 384, 512", name);
    }

    return alg;
}


static void
mint(const options_t *o)
{
    static unsigned char  key[KEY_FILE_MAX + 1];
    jwt_alg_t             alg;
    jwt_t                *jwt;
    char                 *claims, *headers, *token;
    size_t                len;

    if (o->key == NULL) {
        fail("--key is missing; see --help");
    }

    alg = find_alg(o->alg != NULL ? o->alg : "RS256");
    len = read_key(o->key, key);
    claims = json_dumps(o->claims, JSON_COMPACT);
    headers = json_dumps(o->headers, JSON_COMPACT);

    if (claims == NULL || headers == NULL || jwt_new(&jwt) != 0
        || jwt_add_grants_json(jwt, claims) != 0
        || jwt_add_headers_json(jwt, headers) != 0
        || jwt_set_alg(jwt, alg, key, (int) len) != 0)
    {
        fail("the token cannot be put together: %s", strerror(errno));
    }

    token = jwt_encode_str(jwt);

    if (token == NULL) {
        fail("%s: not a private key for %s", o->key, jwt_alg_str(alg));
    }

    puts(token);
    free(token);
    jwt_free(jwt);
    free(claims);
    free(headers);
}


/* base64url (RFC 7515 section 2) of the number param, at least len bytes */
static json_t *
key_number(const EVP_PKEY *pkey, const char *param, int len)
{
    unsigned char  bytes[1024], text[1400];
    BIGNUM        *n = NULL;
    int            i;

    if (!EVP_PKEY_get_bn_param(pkey, param, &n)) {
        fail("OpenSSL does not show the key's %s", param);
    }

    len = BN_num_bytes(n) > len ? BN_num_bytes(n) : len;
    BN_bn2binpad(n, bytes, len);
    BN_free(n);

    for (i = EVP_EncodeBlock(text, bytes, len); text[i - 1] == '='; i--) {
        /* void */
    }

    text[i] = '\0';

    while (i-- > 0) {
        text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
    }

    return json_string((char *) text);
}


static json_t *
public_jwk(const EVP_PKEY *pkey, const char *alg, const char *kid)
{
    json_t  *jwk = json_pack("{s:s, s:s, s:s}", "use", "sig", "alg", alg,
                             "kid", kid);

    if (jwk == NULL) {
        fail("--kid: not UTF-8, or out of memory");
    }

    if (EVP_PKEY_is_a(pkey, "RSA")) {
        set(jwk, "kty", json_string("RSA"));
        set(jwk, "n", key_number(pkey, OSSL_PKEY_PARAM_RSA_N, 0));
        set(jwk, "e", key_number(pkey, OSSL_PKEY_PARAM_RSA_E, 0));
        return jwk;
    }

    set(jwk, "kty", json_string("EC"));
    set(jwk, "crv", json_string("P-256"));
    set(jwk, "x", key_number(pkey, OSSL_PKEY_PARAM_EC_PUB_X, 32));
    set(jwk, "y", key_number(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, 32));
    return jwk;
}


/* A new file DIR/NAME.ext; a key in use is not to be lost by a slip. */
static FILE *
create(const options_t *o, const char *ext, mode_t mode)
{
    char   path[PATH_BYTES];
    FILE  *file;
    int    fd, n;

    n = snprintf(path, sizeof(path), "%s/%s.%s", o->out,
                 o->name != NULL ? o->name : o->kid, ext);

    if (n < 0 || (size_t) n >= sizeof(path)) {
        fail("--out: too long");
    }

    fd = open(path, O_WRONLY | O_CREAT | O_EXCL, mode);
    file = fd >= 0 ? fdopen(fd, "w") : NULL;

    if (file == NULL) {
        fail("%s: %s", path, strerror(errno));
    }

    return file;
}


static void
check_keygen(const options_t *o)
{
    const char  *name = o->name != NULL ? o->name : o->kid;

    if (o->kid == NULL || o->out == NULL) {
        fail("keygen needs --kid and --out; see --help");
    }

    if (*name == '\0' || strchr(name, '/') != NULL) {
        fail("\"%s\" is no file name; give one with --name", name);
    }

    if (mkdir(o->out, 0777) != 0 && errno != EEXIST) {
        fail("%s: %s", o->out, strerror(errno));
    }
}


static void
keygen(const options_t *o)
{
    const char  *alg = o->alg != NULL ? o->alg : "RS256";
    EVP_PKEY    *pkey = NULL;
    json_t      *jwks;
    FILE        *file;

    check_keygen(o);

    if (strcmp(alg, "RS256") == 0) {
        pkey = EVP_RSA_gen(2048);

    } else if (strcmp(alg, "ES256") == 0) {
        pkey = EVP_EC_gen("P-256");

    } else {
        fail("keygen makes RS256 and ES256 keys, not %s", alg);
    }

    if (pkey == NULL) {
        fail("OpenSSL makes no key");
    }

    file = create(o, "pem", 0600);

    if (!PEM_write_PrivateKey(file, pkey, NULL, NULL, 0, NULL, NULL)
        || fclose(file) != 0)
    {
        fail("the private key cannot be written");
    }

    jwks = json_pack("{s:[o]}", "keys", public_jwk(pkey, alg, o->kid));
    file = create(o, "jwks", 0666);

    if (json_dumpf(jwks, file, JSON_INDENT(2)) != 0
        || fputc('\n', file) == EOF || fclose(file) != 0)
    {
        fail("the key set cannot be written");
    }

    json_decref(jwks);
    EVP_PKEY_free(pkey);
}


int
main(int argc, char **argv)
{
    options_t  o;
    bool       keys = argc > 1 && strcmp(argv[1], "keygen") == 0;

    memset(&o, 0, sizeof(o));
    o.claims = json_object();
    o.headers = json_object();

    if (o.claims == NULL || o.headers == NULL) {
        fail("out of memory");
    }

    set_date(o.claims, "iat", "+0");
    set_date(o.claims, "exp", "+3600");
    read_options(&o, argc - 1 - keys, argv + 1 + keys);

    if (o.kid != NULL) {
        set(o.headers, "kid", json_string(o.kid));
    }

    if (keys) {
        keygen(&o);

    } else {
        mint(&o);
    }

    json_decref(o.claims);
    json_decref(o.headers);
    return EXIT_SUCCESS;
}
