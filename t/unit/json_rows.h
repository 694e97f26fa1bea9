/* Text that both readers of JSON refuse, for the same reason and place. */

#ifndef JSON_ROWS_H
#define JSON_ROWS_H

#include <stddef.h>

#include "tenant_json.h"


typedef struct {
    const char          *text;
    size_t               len;
    tenant_json_code_t   code;
    size_t               offset;
} json_row_t;


extern const json_row_t  json_rows[];
extern const size_t      json_rows_count;


#endif /* JSON_ROWS_H */
