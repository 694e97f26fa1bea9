/*
 * Policy text: from token lists to characters, and the ways it can be odd
 * or broken. A token is a string as it stands in the text; string literals
 * are tokens with their quotes.
 */

const SPACES = [
  ' ', ' ', ' ', '\n', '\t', '  ', '\r\n', '\r', '\v', '\f', '\u0085',
  '\u00a0', '\u1680', '\u2003', '\u2028', '\u2029', '\u202f', '\u205f',
  '\u3000', '// c\n', '//\n', '// "quote\r', '// permit(;)\r\n',
  '// \u00e9 */ /* \\\n',
];

/* what single characters are put into valid text */
const ODD_CHARS = [
  '"', "'", '\\', '(', ')', '[', ']', '{', '}', ';', ',', '.', ':', '@',
  '?', '!', '=', '<', '>', '&', '|', '+', '-', '*', '/', '%', '_', '$',
  '#', '~', '^', '`', '0', '9', 'a', 'x', 'u', 'n', 'Z', '\n', '\r', '\t',
  ' ', '\0', '\x01', '\x7f', '\u00e9', '\ufeff', '\u200b', '\u180e',
  '\u2028', '\u0085', '\u{1f600}', '\ufffd', '\uffff', '//', '/*', '::',
  '&&', '||', '==', '\\u{', '\\x', '\\0', '\\*', '\\u{2a}', '\\u{d800}',
  '\\u{110000}', '\\u{10ffff}', '\\x80', '\\x7f', '\\u{_1}', '\\u{1_}',
  '\\u{0000041}', '\\u{1_2_3}', '\\u{}',
];

/* what single tokens are put into valid token lists */
const ODD_TOKENS = [
  'if', 'then', 'else', 'true', 'false', 'in', 'is', 'has', 'like',
  '__cedar', 'permit', 'forbid', 'when', 'unless', 'principal', 'action',
  'resource', 'context', '?principal', '?resource', '?x', '? principal',
  'ip', 'decimal', 'datetime', 'duration', 'contains', 'isEmpty', 'getTag',
  'lessThan', 'offset', 'toDate', 'foo', '__entity', 'User', 'Action',
  '@', '.', ',', ';', ':', '::', '(', ')', '{', '}', '[', ']', '==', '!=',
  '<', '<=', '>', '>=', '||', '&&', '|', '&', '+', '-', '*', '/', '%', '!',
  '=', '0', '1', '007', '9223372036854775807', '9223372036854775808',
  '99999999999999999999', '1.0', '1e2', '0x1', '1a', '""', '"a"', '"*"',
  '"\\*"', '"\\u{2a}"', '\'a\'', '"\\q"', 'User::"a"', 'Action::"view"',
  'template', 'error', 'true', 'None', 'N::foo', 'N::ip',
];


/* Characters that could run together with a neighbour */
function wordish(c) {
  return /[A-Za-z0-9_?]/.test(c);
}


function needs_space(a, b) {
  const x = a[a.length - 1];
  const y = b[0];

  if (wordish(x) && wordish(y)) {
    return true;
  }
  return '=!<>&|:/'.includes(x) && '=&|:/'.includes(y);
}


/* style 0: one blank between tokens; 1: as little as possible;
   2: anything that is white space, comments included */
export function join(rng, tokens, style) {
  let out = '';

  for (let i = 0; i < tokens.length; i++) {
    const prev = tokens[i - 1];

    if (i > 0) {
      if (style === 0) {
        out += ' ';
      } else if (needs_space(prev, tokens[i])) {
        out += style === 1 ? ' ' : rng.pick(SPACES);
      }
    }
    if (style === 2 && rng.chance(0.12)) {
      out += rng.pick(SPACES);
    }
    out += tokens[i];
  }
  if (style === 2) {
    out += rng.pick(SPACES);
    if (rng.chance(0.1)) {
      out += '// no line end';
    }
  }
  return out;
}


const SHORT = {
  '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\', '\0': '\\0',
  '"': '\\"',
};

function unicode_escape(rng, c) {
  let hex = c.codePointAt(0).toString(16);

  if (rng.chance(0.3)) {
    hex = hex.padStart(rng.range(1, 6), '0');
  }
  if (rng.chance(0.2)) {
    hex = hex.toUpperCase();
  }
  if (hex.length > 1 && rng.chance(0.2)) {
    const at = rng.range(1, hex.length);

    hex = hex.slice(0, at) + '_' + hex.slice(at);
  }
  return `\\u{${hex}}`;
}


/* One character inside quotes; raw LF, TAB and NUL are allowed, raw CR is
   not and therefore always escaped. odd: chance of an unneeded escape. */
function literal_char(rng, c, odd) {
  const code = c.codePointAt(0);

  if (rng.chance(odd)) {
    if (code < 0x80 && rng.chance(0.5)) {
      return '\\x' + code.toString(16).padStart(2, '0');
    }
    return unicode_escape(rng, c);
  }
  if (c === "'" && rng.chance(0.3)) {
    return "\\'";
  }
  if (c === '"' || c === '\\' || c === '\r') {
    return SHORT[c];
  }
  if (SHORT[c] && rng.chance(0.8)) {
    return SHORT[c];
  }
  return c;
}


/* a string literal token for s (no lone surrogates) */
export function literal(rng, s, odd = 0.03) {
  let out = '"';

  for (const c of s) {
    out += literal_char(rng, c, odd);
  }
  return out + '"';
}


/* a pattern token; parts: characters of the text, or null for a wildcard */
export function pattern_literal(rng, parts) {
  let out = '"';

  for (const c of parts) {
    if (c === null) {
      out += rng.chance(0.04) ? rng.pick(['\\u{2a}', '\\x2a']) : '*';
    } else if (c === '*') {
      out += '\\*';
    } else {
      out += literal_char(rng, c, 0.03);
    }
  }
  return out + '"';
}


export function mutate_tokens(rng, tokens) {
  const out = tokens.slice();
  const times = rng.weighted([[70, 1], [20, 2], [10, 3]]);

  for (let i = 0; i < times && out.length > 0; i++) {
    const at = rng.int(out.length);
    const to = rng.int(out.length);

    switch (rng.int(7)) {
      case 0:
        out.splice(at, 1);
        break;
      case 1:
        out.splice(at, 0, out[at]);
        break;
      case 2:
        out.splice(at, 0, rng.pick(ODD_TOKENS));
        break;
      case 3:
        [out[at], out[to]] = [out[to], out[at]];
        break;
      case 4:
        out.splice(at, 0, out[to]);
        break;
      case 5:
        out.splice(at, rng.range(1, 4));
        break;
      default:
        out[at] = rng.pick(ODD_TOKENS);
    }
  }
  return out;
}


/* Works on UTF-16 units but never cuts a pair: the reference takes strings
   only as valid UTF-8. */
export function mutate_chars(rng, text, odd = ODD_CHARS) {
  const out = Array.from(text);
  const times = rng.weighted([[70, 1], [20, 2], [10, 4]]);

  for (let i = 0; i < times; i++) {
    const at = rng.int(out.length + 1);

    switch (rng.int(5)) {
      case 0:
        out.splice(at, 1);
        break;
      case 1:
        out.splice(at, 0, rng.pick(odd));
        break;
      case 2:
        out.splice(at, 1, rng.pick(odd));
        break;
      case 3:
        out.splice(at, rng.range(1, 6));
        break;
      default:
        out.splice(at, 0, ...out.slice(at, at + rng.range(1, 6)));
    }
  }
  return out.join('');
}


/* grammar soup: tokens without any plan, round a policy's frame */
export function soup(rng) {
  const words = rng.many(1, 12, () => rng.pick(ODD_TOKENS));

  if (rng.chance(0.8)) {
    return ['permit', '(', 'principal', ',', 'action', ',', 'resource', ')',
      'when', '{', ...words, '}', ';'];
  }
  return words;
}
