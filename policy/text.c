/* Text: printing into fixed buffers, places in a text, UTF-8, errors. */

#include "arena.h"

#include <stdarg.h>
#include <string.h>


void
policy_print_init(policy_print_t *p, char *data, size_t size)
{
    p->data = data;
    p->size = size;
    p->len = 0;
}


void
policy_print_char(policy_print_t *p, char c)
{
    if (p->len < p->size) {
        p->data[p->len] = c;
    }

    p->len++;
}


void
policy_print_str(policy_print_t *p, const char *s)
{
    while (*s != '\0') {
        policy_print_char(p, *s++);
    }
}


void
policy_print_text(policy_print_t *p, policy_str_t s)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {
        policy_print_char(p, s.data[i]);
    }
}


void
policy_print_u64(policy_print_t *p, uint64_t n)
{
    int   i;
    char  digits[20];

    i = 0;

    do {
        digits[i++] = (char) ('0' + n % 10);
        n /= 10;
    } while (n != 0);

    while (i > 0) {
        policy_print_char(p, digits[--i]);
    }
}


void
policy_print_i64(policy_print_t *p, int64_t n)
{
    if (n < 0) {
        policy_print_char(p, '-');
        policy_print_u64(p, 0 - (uint64_t) n);
        return;
    }

    policy_print_u64(p, (uint64_t) n);
}


void
policy_print_escaped(policy_print_t *p, policy_str_t s)
{
    char         c;
    size_t       i;
    const char  *hex;

    hex = "0123456789abcdef";

    for (i = 0; i < s.len; i++) {
        c = s.data[i];

        if (c == '"' || c == '\\') {
            policy_print_char(p, '\\');
            policy_print_char(p, c);

        } else if (c == '\n') {
            policy_print_str(p, "\\n");

        } else if (c == '\r') {
            policy_print_str(p, "\\r");

        } else if (c == '\t') {
            policy_print_str(p, "\\t");

        } else if ((unsigned char) c < 0x20 || c == 0x7f) {
            policy_print_str(p, "\\x");
            policy_print_char(p, hex[(unsigned char) c >> 4]);
            policy_print_char(p, hex[(unsigned char) c & 15]);

        } else {
            policy_print_char(p, c);
        }
    }
}


size_t
policy_print_end(policy_print_t *p)
{
    size_t  end;

    if (p->size == 0) {
        return p->len;
    }

    end = p->len;

    if (end > p->size - 1) {
        end = p->size - 1;

        /* do not leave half a character before the NUL */

        while (end > 0 && ((unsigned char) p->data[end] & 0xc0) == 0x80) {
            end--;
        }
    }

    p->data[end] = '\0';

    return p->len;
}


void
policy_place(policy_str_t text, size_t offset, uint32_t *line,
    uint32_t *column)
{
    size_t  i;

    *line = 1;
    *column = 1;

    for (i = 0; i < offset && i < text.len; i++) {
        if (text.data[i] == '\n') {
            (*line)++;
            *column = 1;

        } else if (((unsigned char) text.data[i] & 0xc0) != 0x80) {
            (*column)++;
        }
    }
}


static void
format_message(policy_error_t *error, const char *format, va_list args)
{
    policy_print_t  p;

    policy_print_init(&p, error->message, sizeof(error->message));

    for ( /* void */ ; *format != '\0'; format++) {
        if (*format != '%') {
            policy_print_char(&p, *format);
            continue;
        }

        switch (*++format) {

        case 's':
            policy_print_str(&p, va_arg(args, const char *));
            break;

        case 'S':
            policy_print_escaped(&p, *va_arg(args, const policy_str_t *));
            break;

        default: /* 'u' */
            policy_print_u64(&p, va_arg(args, unsigned));
            break;
        }
    }

    policy_print_end(&p);
}


policy_status_t
policy_fail(policy_error_t *error, policy_status_t status, policy_str_t file,
    policy_str_t text, size_t offset, const char *format, ...)
{
    va_list         args;
    policy_print_t  p;

    if (error == NULL) {
        return status;
    }

    memset(error, 0, sizeof(policy_error_t));
    error->status = status;

    if (text.data != NULL) {
        error->offset = (uint32_t) offset;
        policy_place(text, offset, &error->line, &error->column);
    }

    policy_print_init(&p, error->file, sizeof(error->file));
    policy_print_text(&p, file);
    policy_print_end(&p);

    va_start(args, format);
    format_message(error, format, args);
    va_end(args);

    return status;
}


policy_status_t
policy_fail_plain(policy_error_t *error, policy_status_t status,
    const char *format, ...)
{
    va_list  args;

    if (error == NULL) {
        return status;
    }

    memset(error, 0, sizeof(policy_error_t));
    error->status = status;

    va_start(args, format);
    format_message(error, format, args);
    va_end(args);

    return status;
}


size_t
policy_utf8_decode(const char *s, size_t len, uint32_t *c)
{
    size_t                i, n;
    uint32_t              u, least;
    const unsigned char  *p;

    p = (const unsigned char *) s;
    u = p[0];

    if (u < 0x80) {
        *c = u;
        return 1;
    }

    if (u >= 0xc2 && u < 0xe0) {
        n = 2;
        u &= 0x1f;
        least = 0x80;

    } else if (u >= 0xe0 && u < 0xf0) {
        n = 3;
        u &= 0x0f;
        least = 0x800;

    } else if (u >= 0xf0 && u < 0xf5) {
        n = 4;
        u &= 0x07;
        least = 0x10000;

    } else {
        return 0;
    }

    if (len < n) {
        return 0;
    }

    for (i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }

        u = u << 6 | (p[i] & 0x3f);
    }

    if (u < least || u > 0x10ffff || (u >= 0xd800 && u < 0xe000)) {
        return 0;
    }

    *c = u;

    return n;
}


size_t
policy_utf8_encode(uint32_t c, char *out)
{
    if (c < 0x80) {
        out[0] = (char) c;
        return 1;
    }

    if (c < 0x800) {
        out[0] = (char) (0xc0 | c >> 6);
        out[1] = (char) (0x80 | (c & 0x3f));
        return 2;
    }

    if (c < 0x10000) {
        out[0] = (char) (0xe0 | c >> 12);
        out[1] = (char) (0x80 | (c >> 6 & 0x3f));
        out[2] = (char) (0x80 | (c & 0x3f));
        return 3;
    }

    out[0] = (char) (0xf0 | c >> 18);
    out[1] = (char) (0x80 | (c >> 12 & 0x3f));
    out[2] = (char) (0x80 | (c >> 6 & 0x3f));
    out[3] = (char) (0x80 | (c & 0x3f));

    return 4;
}


size_t
policy_utf8_valid(policy_str_t s)
{
    size_t    i, n;
    uint32_t  c;

    for (i = 0; i < s.len; i += n) {
        n = policy_utf8_decode(s.data + i, s.len - i, &c);

        if (n == 0) {
            break;
        }
    }

    return i;
}


const char *
policy_status_name(policy_status_t status)
{
    static const char *const  names[] = {
        "ok", "no memory", "syntax", "invalid", "duplicate", "cycle",
        "not found", "limit", "misuse"
    };

    if ((unsigned) status >= sizeof(names) / sizeof(names[0])) {
        return "unknown";
    }

    return names[status];
}
