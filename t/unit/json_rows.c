#include "json_rows.h"


#define REFUSED(text, code, offset)                                           \
    { text, sizeof(text) - 1, TENANT_JSON_ ## code, offset }


const json_row_t  json_rows[] = {
    REFUSED("", SYNTAX, 0),
    REFUSED("   ", SYNTAX, 3),
    REFUSED("\xef\xbb\xbf{}", BOM, 0),
    REFUSED("\xff\xfe{\0}\0", SYNTAX, 0),
    REFUSED("[]", NOT_OBJECT, 0),
    REFUSED("\"a\"", NOT_OBJECT, 0),
    REFUSED(" 1", NOT_OBJECT, 1),
    REFUSED("null", NOT_OBJECT, 0),
    REFUSED("<html>", SYNTAX, 0),
    REFUSED("{", SYNTAX, 1),
    REFUSED("{\"a\"", SYNTAX, 4),
    REFUSED("{\"a\":", SYNTAX, 5),
    REFUSED("{\"a\":1", SYNTAX, 6),
    REFUSED("{\"a\":1,", SYNTAX, 7),
    REFUSED("{\"a\":1,}", SYNTAX, 7),
    REFUSED("{,}", SYNTAX, 1),
    REFUSED("{a:1}", SYNTAX, 1),
    REFUSED("{'a':1}", SYNTAX, 1),
    REFUSED("{\"a\":1]", SYNTAX, 6),
    REFUSED("{\"a\":[1,]}", SYNTAX, 8),
    REFUSED("{\"a\":[1 2]}", SYNTAX, 8),
    REFUSED("{\"a\" 1}", SYNTAX, 5),
    REFUSED("{\"a\":tru}", SYNTAX, 5),
    REFUSED("{\"a\":nul", SYNTAX, 5),
    REFUSED("{\"a\":True}", SYNTAX, 5),
    REFUSED("{\"a\":NaN}", SYNTAX, 5),
    REFUSED("{\"a\":Infinity}", SYNTAX, 5),
    REFUSED("{\"a\":/**/1}", SYNTAX, 5),
    REFUSED("{\"a\":\v1}", SYNTAX, 5),
    REFUSED("{\"a\":\0001}", SYNTAX, 5),

    /* strings */
    REFUSED("{\"a", SYNTAX, 1),
    REFUSED("{\"a\":\"b", SYNTAX, 5),
    REFUSED("{\"a\":\"b\\", SYNTAX, 7),
    REFUSED("{\"a\":\"\\x41\"}", SYNTAX, 6),
    REFUSED("{\"a\":\"\\\0\"}", SYNTAX, 6),
    REFUSED("{\"a\":\"\\u12\"}", SYNTAX, 6),
    REFUSED("{\"a\":\"\\u12g4\"}", SYNTAX, 6),
    REFUSED("{\"a\":\"\\u", SYNTAX, 6),
    REFUSED("{\"a\":\"x\ny\"}", CONTROL, 7),
    REFUSED("{\"a\":\"x\037y\"}", CONTROL, 7),
    REFUSED("{\"a\":\"x\0y\"}", NUL, 7),
    REFUSED("{\"a\":\"x\\u0000y\"}", NUL, 7),
    REFUSED("{\"\\u0000\":1}", NUL, 2),
    REFUSED("{\"a\":\"\\ud800\"}", SURROGATE, 6),
    REFUSED("{\"a\":\"\\udc00\"}", SURROGATE, 6),
    REFUSED("{\"a\":\"\\ud800x\"}", SURROGATE, 6),
    REFUSED("{\"a\":\"\\ud800\\u0041\"}", SURROGATE, 6),
    REFUSED("{\"a\":\"\\ud800\\ud800\"}", SURROGATE, 6),
    REFUSED("{\"a\":\"\\udc00\\ud800\"}", SURROGATE, 6),
    REFUSED("{\"a\":\"\\ud800\\u12\"}", SURROGATE, 6),

    /* UTF-8: stray, overlong, surrogate, above U+10FFFF, cut short */
    REFUSED("{\"a\":\"x\x80\"}", UTF8, 7),
    REFUSED("{\"a\":\"\xff\"}", UTF8, 6),
    REFUSED("{\"a\":\"\xc0\x80\"}", UTF8, 6),
    REFUSED("{\"a\":\"\xc1\xbf\"}", UTF8, 6),
    REFUSED("{\"a\":\"\xe0\x9f\xbf\"}", UTF8, 6),
    REFUSED("{\"a\":\"\xed\xa0\x80\"}", UTF8, 6),
    REFUSED("{\"a\":\"\xf0\x8f\xbf\xbf\"}", UTF8, 6),
    REFUSED("{\"a\":\"\xf4\x90\x80\x80\"}", UTF8, 6),
    REFUSED("{\"a\":\"\xf5\x80\x80\x80\"}", UTF8, 6),
    REFUSED("{\"a\":\"\xe2\x82\"}", UTF8, 6),
    REFUSED("{\"a\":\"\xe2\x82", UTF8, 6),
    REFUSED("{\"a\":\"\xf0\x9f\x98(\"}", UTF8, 6),
    REFUSED("{\"\xff\":1}", UTF8, 2),

    /* numbers */
    REFUSED("{\"a\":01}", SYNTAX, 6),
    REFUSED("{\"a\":+1}", SYNTAX, 5),
    REFUSED("{\"a\":-}", SYNTAX, 6),
    REFUSED("{\"a\":1.}", SYNTAX, 7),
    REFUSED("{\"a\":.5}", SYNTAX, 5),
    REFUSED("{\"a\":1e}", SYNTAX, 7),
    REFUSED("{\"a\":1e+}", SYNTAX, 8),
    REFUSED("{\"a\":0x10}", SYNTAX, 6),
    REFUSED("{\"a\":9223372036854775808}", NUMBER, 5),
    REFUSED("{\"a\":-9223372036854775809}", NUMBER, 5),
    REFUSED("{\"a\":1e309}", NUMBER, 5),
    REFUSED("{\"a\":-1e309}", NUMBER, 5),
    REFUSED("{\"a\":100000000000000000000000000000001}", NUMBER, 5),
    REFUSED("{\"a\":1.0000000000000000000000000000001}", NUMBER, 5),

    /* names twice, as sent and with escapes */
    REFUSED("{\"a\":1,\"a\":1}", DUPLICATE, 7),
    REFUSED("{\"sub\":1,\"\\u0073ub\":2}", DUPLICATE, 9),
    REFUSED("{\"\\u0073\\u0075b\":1,\"sub\":2}", DUPLICATE, 19),
    REFUSED("{\"a\":{\"b\":1,\"\\u0062\":1}}", DUPLICATE, 12),
    REFUSED("{\"\":1,\"\":1}", DUPLICATE, 6),

    /* behind the object */
    REFUSED("{}x", TRAILING, 2),
    REFUSED("{}{}", TRAILING, 2),
    REFUSED("{} ,", TRAILING, 3),
    REFUSED("{}\0", TRAILING, 2),
};

const size_t  json_rows_count = sizeof(json_rows) / sizeof(json_rows[0]);
