/*
 * Conditions that put one rule under the glass: many texts of one extension
 * type, patterns against strings of two letters, sums at the limits. Each
 * is a whole expression as text; general expressions rarely come so close.
 */

import { literal, pattern_literal } from './text.mjs';
import { EDGE_LONGS, extension_string, long } from './world.mjs';

const EXTENSIONS = ['ip', 'decimal', 'datetime', 'duration'];

/* characters each type's texts are made of */
const ALPHABET = {
  ip: '0123456789abcdefF.:/', decimal: '0123456789.-+', datetime:
    '0123456789-T:Z.+', duration: '0123456789dhms-',
};

const DURATIONS = ['0ms', '1ms', '-1ms', '999ms', '1s', '59s', '1m', '1h',
  '23h59m59s999ms', '1d', '-1d', '365d', '106751991167d',
  '9223372036854775807ms', '-9223372036854775808ms',
  '9223372036854775806ms', '-9223372036854775807ms', '253402300799999ms',
  '-62167219200000ms'];


function extension_text(rng, type) {
  let s = extension_string(rng, type, 0.4);

  for (let n = rng.weighted([[50, 0], [35, 1], [15, 2]]); n > 0; n--) {
    const at = rng.int(s.length + 1);
    const c = rng.pick(Array.from(ALPHABET[type]));

    s = s.slice(0, at) + rng.weighted([[60, c], [25, ''], [15, c + c]])
      + s.slice(at + rng.int(2));
  }
  return s;
}


function made(rng, type) {
  return `${type}(${literal(rng, extension_text(rng, type), 0)})`;
}


function extension(rng) {
  const type = rng.pick(EXTENSIONS);
  const a = made(rng, type);
  const b = made(rng, type);

  if (rng.chance(0.3)) {
    return `${a} ${rng.pick(['==', '!='])} ${b}`;
  }
  switch (type) {
    case 'ip':
      return rng.chance(0.5) ? `${a}.isInRange(${b})`
        : `${a}.${rng.pick(['isIpv4', 'isIpv6', 'isLoopback',
          'isMulticast'])}()`;
    case 'decimal':
      return `${a}.${rng.pick(['lessThan', 'lessThanOrEqual', 'greaterThan',
        'greaterThanOrEqual'])}(${b})`;
    default:
      return `${a} ${rng.pick(['<', '<=', '>', '>='])} ${b}`;
  }
}


function span(rng) {
  return rng.chance(0.7) ? `duration("${rng.pick(DURATIONS)}")`
    : made(rng, 'duration');
}


function instant(rng, depth) {
  if (depth === 0 || rng.chance(0.4)) {
    return rng.chance(0.7)
      ? `datetime("${rng.pick(['1970-01-01', '0000-01-01', '9999-12-31',
        '2024-02-29', '1969-12-31T23:59:59.999Z',
        '9999-12-31T23:59:59.999-2359', '0000-01-01T00:00:00+2359'])}")`
      : made(rng, 'datetime');
  }
  return rng.chance(0.8)
    ? `${instant(rng, depth - 1)}.offset(${span(rng)})`
    : `${instant(rng, depth - 1)}.toDate()`;
}


function times(rng) {
  const a = instant(rng, 3);

  switch (rng.int(5)) {
    case 0:
      return `${a} ${rng.pick(['<', '<=', '==', '>'])} ${instant(rng, 2)}`;
    case 1:
      return `${a}.toTime() ${rng.pick(['<', '>=', '=='])} ${span(rng)}`;
    case 2:
      return `${a}.durationSince(${instant(rng, 2)}) ${
        rng.pick(['<', '>=', '=='])} ${span(rng)}`;
    case 3:
      return `${a}.toDate().offset(${a}.toTime()) == ${a}`;
    default:
      return `${span(rng)}.${rng.pick(['toMilliseconds', 'toSeconds',
        'toMinutes', 'toHours', 'toDays'])}() ${rng.pick(['==', '<', '>'])
      } ${number(rng)}`;
  }
}


function like(rng) {
  const letters = rng.pick([['a', 'b'], ['a', '*'], ['a', 'é', '😀']]);
  const word = (n) => rng.many(0, n, () => rng.pick(letters));
  const parts = rng.many(0, 10,
    () => (rng.chance(0.4) ? null : rng.pick(letters)));

  return `${literal(rng, word(14).join(''), 0)} like ${
    pattern_literal(rng, parts)}`;
}


function number(rng) {
  const n = rng.chance(0.5) ? rng.pick(EDGE_LONGS) : long(rng);

  return rng.chance(0.1) ? `-${n.replace('-', '')}` : n;
}


function sum(rng, depth) {
  if (depth === 0 || rng.chance(0.2)) {
    const n = number(rng);

    return n.startsWith('-') ? `(${n})` : n;
  }
  if (rng.chance(0.1)) {
    return `-(${sum(rng, depth - 1)})`;
  }

  const inner = `${sum(rng, depth - 1)} ${rng.pick(['+', '-', '*'])} ${
    sum(rng, depth - 1)}`;

  return rng.chance(0.5) ? `(${inner})` : inner;
}


const ESCAPES = ['\\n', '\\r', '\\t', '\\\\', '\\0', "\\'", '\\"', '\\x41',
  '\\x7f', '\\x80', '\\x4', '\\xg0', '\\u{41}', '\\u{0}', '\\u{10ffff}',
  '\\u{110000}', '\\u{d7ff}', '\\u{d800}', '\\u{dfff}', '\\u{e000}',
  '\\u{4_1}', '\\u{_41}', '\\u{41_}', '\\u{4__1}', '\\u{000041}',
  '\\u{0000041}', '\\u{}', '\\u41', '\\u{41', '\\a', '\\*', '\\$', '\\\n',
  '\\ ', '\\u{2a}', '\\x2a', '\n', '\t', '\0', '\r', '*', 'A', 'é', "'",
  '\\u{+41}', '\\u{ 41}', '\\u{1F600}', '\\U{41}', '\\X41', '\\u{fffe}'];

function string(rng) {
  const quote = () => `"${rng.many(0, 3, () => rng.pick(ESCAPES)).join('')}"`;

  return `${quote()} ${rng.pick(['==', 'like', 'like', '!='])} ${quote()}`;
}


function sets(rng) {
  const type = rng.pick(EXTENSIONS);
  const element = () => rng.weighted([[40, () => long(rng)],
    [20, () => rng.pick(['"a"', '"b"', 'true', 'User::"a"', '[1]', '[]',
      '{a: 1}', '{a: 1, b: 2}', '{b: 2, a: 1}'])],
    [30, () => `${type}("${extension_string(rng, type, 0)}")`],
    [10, () => `[${long(rng)}, ${long(rng)}]`]])();
  const set = () => `[${rng.many(0, rng.pick([3, 3, 20]), element)
    .join(', ')}]`;
  const a = set();

  switch (rng.int(6)) {
    case 0:
      return `${a}.contains(${element()})`;
    case 1:
      return `${a}.containsAll(${set()})`;
    case 2:
      return `${a}.containsAny(${set()})`;
    case 3:
      return `${a} == ${rng.chance(0.5) ? set() : `[${rng.shuffle(
        a.slice(1, -1).split(', ')).join(', ')}]`}`;
    case 4:
      return `User::"a" in ${rng.chance(0.5) ? set()
        : '[User::"a", Group::"b"]'}`;
    default:
      return `${set()}.isEmpty()`;
  }
}


/* the text of one condition */
export function focus(rng) {
  return rng.weighted([[30, extension], [20, times], [15, like],
    [12, (r) => `${sum(r, 3)} ${r.pick(['==', '<', '>='])} ${sum(r, 2)}`],
    [10, string], [13, sets]])(rng);
}
