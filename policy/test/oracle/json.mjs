/*
 * JSON as trees that can hold what JSON.parse would lose or refuse:
 * duplicate keys, number forms, lone surrogates, raw text.
 *
 *   { obj: [[key, tree], ...] }   { arr: [tree, ...] }   { str: string }
 *   { raw: text }                 numbers, literals, anything verbatim
 */

export const obj = (...pairs) => ({ obj: pairs });
export const arr = (items) => ({ arr: items });
export const str = (s) => ({ str: s });
export const raw = (text) => ({ raw: String(text) });

/* LF is left out: the batch protocol ends a line there */
const SPACES = [' ', '\t', '  ', '\r', ''];

const ODD_CHARS = [
  '"', '\\', '{', '}', '[', ']', ':', ',', '0', '1', '-', '.', 'e', 'null',
  'true', '\\u0000', '\\ud800', '\\udc00', '\\u00e9', '\\/', '\\x', '\x01',
  '\u00e9', '\ufeff', '\u00a0', ' ', '\t', '/*', '//', 'NaN', '\x7f',
];

/* \u escapes keep lone surrogates writable; an unescaped one never occurs */
function quote(rng, s) {
  let out = '"';

  for (const c of s) {
    const code = c.codePointAt(0);
    const unit = (n) => '\\u' + n.toString(16).padStart(4, '0');

    if (code >= 0xd800 && code <= 0xdfff) {
      out += unit(code);
    } else if (rng !== null && rng.chance(0.02)) {
      out += code > 0xffff ? unit(c.charCodeAt(0)) + unit(c.charCodeAt(1))
        : unit(code);
    } else if (c === '/' && rng !== null && rng.chance(0.1)) {
      out += '\\/';
    } else {
      out += JSON.stringify(c).slice(1, -1);
    }
  }
  return out + '"';
}


/* rng null: the plain form */
export function print(tree, rng = null, style = 0) {
  const gap = () => (style === 2 && rng.chance(0.3) ? rng.pick(SPACES) : '');

  if (tree.obj !== undefined) {
    return '{' + gap() + tree.obj.map(([k, v]) => gap() + quote(rng, k)
      + gap() + ':' + gap() + print(v, rng, style)).join(gap() + ',')
      + gap() + '}';
  }
  if (tree.arr !== undefined) {
    return '[' + gap() + tree.arr.map((v) => print(v, rng, style))
      .join(gap() + ',' + gap()) + gap() + ']';
  }
  return tree.str !== undefined ? quote(rng, tree.str) : tree.raw;
}


class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  match(re) {
    re.lastIndex = this.at;

    const m = re.exec(this.text);

    if (m === null) {
      throw new SyntaxError(`JSON at ${this.at}`);
    }
    this.at = re.lastIndex;
    return m[0];
  }

  space() {
    this.match(/[ \t\r\n]*/y);
  }

  string() {
    return JSON.parse(this.match(/"(?:[^"\\]|\\.)*"/y));
  }

  items(end, one) {
    const out = [];

    this.at++;
    this.space();
    if (this.text[this.at] === end) {
      this.at++;
      return out;
    }
    for (;;) {
      this.space();
      out.push(one());
      this.space();
      if (this.text[this.at] === end) {
        this.at++;
        return out;
      }
      this.match(/,/y);
    }
  }

  value() {
    this.space();
    switch (this.text[this.at]) {
      case '{':
        return { obj: this.items('}', () => {
          const key = this.string();

          this.space();
          this.match(/:/y);
          return [key, this.value()];
        }) };
      case '[':
        return { arr: this.items(']', () => this.value()) };
      case '"':
        return { str: this.string() };
      default:
        return { raw: this.match(/[-+.A-Za-z0-9]+/y) };
    }
  }
}


/* the tree of a text; throws SyntaxError where it is no JSON */
export function parse(text) {
  const reader = new Reader(text);
  const tree = reader.value();

  reader.space();
  if (reader.at !== text.length) {
    throw new SyntaxError(`JSON at ${reader.at}`);
  }
  return tree;
}


export function has_repeated_key(tree) {
  if (tree.obj !== undefined) {
    return new Set(tree.obj.map(([k]) => k)).size < tree.obj.length
      || tree.obj.some(([, v]) => has_repeated_key(v));
  }
  return tree.arr !== undefined && tree.arr.some(has_repeated_key);
}


/* whether JSON text writes a surrogate that has no partner; works on the
   text, since parsing would drop repeated keys */
export function has_lone_surrogate(text) {
  let open = -1;        /* where the partner of a high surrogate must be */

  for (const m of text.matchAll(/\\(?:u([0-9a-fA-F]{4})|[^])/g)) {
    const unit = m[1] === undefined ? 0 : parseInt(m[1], 16);
    const low = unit >= 0xdc00 && unit <= 0xdfff;

    if (open >= 0 ? !low || m.index !== open : low) {
      return true;
    }
    open = unit >= 0xd800 && unit <= 0xdbff ? m.index + 6 : -1;
  }
  return open >= 0;
}


/* Every inner place of a tree: [parent list, index, is pair] */
export function places(tree, out = []) {
  const list = tree.obj ?? tree.arr;

  if (list !== undefined) {
    list.forEach((item, i) => {
      out.push([list, i, tree.obj !== undefined]);
      places(tree.obj !== undefined ? item[1] : item, out);
    });
  }
  return out;
}


export function clone(tree) {
  if (tree.obj !== undefined) {
    return { obj: tree.obj.map(([k, v]) => [k, clone(v)]) };
  }
  return tree.arr !== undefined ? { arr: tree.arr.map(clone) } : { ...tree };
}


const entity = (t, i) => obj(['type', str(t)], ['id', str(i)]);
const extn = (f, a) => obj(['fn', str(f)], ['arg', a]);

/* values that sit at or beyond a rule's edge */
const ODD_VALUES = [
  () => raw('null'), () => raw('1.0'), () => raw('1e2'), () => raw('-0'),
  () => raw('0'), () => raw('1E0'), () => raw('-1'), () => raw('01'),
  () => raw('9223372036854775807'), () => raw('9223372036854775808'),
  () => raw('-9223372036854775808'), () => raw('-9223372036854775809'),
  () => raw('18446744073709551615'), () => raw('18446744073709551616'),
  () => raw('1e400'), () => raw('true'), () => raw('+1'), () => raw('.5'),
  () => str(''), () => str('a\0b'), () => str('\ud800'),
  () => str('\udc00\ud800'), () => arr([]), () => obj(),
  () => arr([raw('1'), raw('null')]),
  () => arr([raw('1'), str('1'), raw('true'), arr([])]),
  () => entity('User', 'alice'),
  () => obj(['__entity', entity('User', 'alice')]),
  () => obj(['__entity', entity('A b', 'x')]),
  () => obj(['__entity', entity('if', 'x')]),
  () => obj(['__entity', entity('A::', 'x')]),
  () => obj(['__entity', entity('', 'x')]),
  () => obj(['__entity', entity('N::User', 'x\0"\\')]),
  () => obj(['__entity', entity('__cedar::X', 'x')]),
  () => obj(['__entity', str('User::"alice"')]),
  () => obj(['__entity', obj(['type', str('User')])]),
  () => obj(['__entity', obj(['type', raw('1')], ['id', str('x')])]),
  () => obj(['__entity', entity('User', 'x')], ['more', raw('1')]),
  () => obj(['__entity', obj(['type', str('User')], ['id', str('x')],
    ['more', raw('null')])]),
  () => obj(['__entity', obj(['type', str('User')], ['id', str('x')],
    ['more', raw('1')])]),
  () => obj(['__entity', obj(['id', str('x')], ['type', str('User')],
    ['id', str('x')])]),
  () => obj(['__extn', extn('ip', str('10.0.0.1'))]),
  () => obj(['__extn', extn('ip', str('10.0.0.256'))]),
  () => obj(['__extn', extn('decimal', str('1.5'))]),
  () => obj(['__extn', extn('decimal', str('1'))]),
  () => obj(['__extn', extn('decimal', raw('1'))]),
  () => obj(['__extn', extn('datetime', str('2024-01-01'))]),
  () => obj(['__extn', extn('duration', str('1h'))]),
  () => obj(['__extn', extn('duration', str('h'))]),
  () => obj(['__extn', extn('nope', str('1'))]),
  () => obj(['__extn', extn('isIpv4', str('1'))]),
  () => obj(['__extn', extn('isIpv4',
    obj(['__extn', extn('ip', str('1.1.1.1'))]))]),
  () => obj(['__extn', extn('toDate',
    obj(['__extn', extn('datetime', str('2024-01-01T01:02:03Z'))]))]),
  () => obj(['__extn', obj(['fn', str('offset')], ['args', arr([
    obj(['__extn', extn('datetime', str('2024-01-01'))]),
    obj(['__extn', extn('duration', str('1d'))])])])]),
  () => obj(['__extn', obj(['fn', str('ip')],
    ['args', arr([str('::1')])])]),
  () => obj(['__extn', obj(['fn', str('ip')], ['args', arr([])])]),
  () => obj(['__extn', obj(['fn', str('ip')], ['args', str('::1')])]),
  () => obj(['__extn', obj(['fn', str('ip')])]),
  () => obj(['__extn', obj(['fn', str('ip')], ['arg', str('::1')],
    ['args', arr([str('1.1.1.1')])])]),
  () => obj(['__extn', obj(['fn', str('ip')], ['arg', str('::1')],
    ['more', raw('1')])]),
  () => obj(['__extn', extn('ip', str('::1'))], ['more', raw('1')]),
  () => obj(['__extn', str('ip("::1")')]),
  () => obj(['__expr', str('1 + 1')]),
  () => obj(['__expr', raw('1')]),
  () => obj(['__expr', str('1')], ['more', raw('1')]),
  () => obj(['fn', str('ip')], ['arg', str('::1')]),
];

const ODD_KEYS = [
  '', 'a', 'uid', 'attrs', 'parents', 'tags', 'type', 'id', '__entity',
  '__extn', '__expr', 'a\0b', 'if', '__cedar', '\ud800', 'é', 'fn', 'arg',
  'args', '\u{1f600}', 'Type', 'ID',
];


export function odd_value(rng) {
  return rng.pick(ODD_VALUES)();
}


/* One change at a random place; the tree is changed where it stands.
   maps: an object never becomes an array */
export function mutate(rng, tree, maps = false) {
  const all = places(tree);

  if (all.length === 0) {
    return odd_value(rng);
  }

  const [list, i, pair] = rng.pick(all);
  const value = pair ? list[i][1] : list[i];
  const odd = () => {
    const v = odd_value(rng);

    return maps && value.obj !== undefined && v.arr !== undefined
      ? raw('null') : v;
  };

  switch (rng.int(8)) {
    case 0:
      list.splice(i, 1);
      break;
    case 1:
      list.splice(i, 0, clone({ arr: [value] }).arr
        .map((v) => (pair ? [list[i][0], v] : v))[0]);
      break;
    case 2:
      if (pair) {
        list[i] = [rng.pick(ODD_KEYS), value];
      } else {
        list[i] = maps ? raw('0') : arr([value]);
      }
      break;
    case 3: {
      const extra = rng.chance(0.5) ? odd() : clone(value);

      list.splice(i, 0, pair ? [rng.pick(ODD_KEYS), extra] : extra);
      break;
    }
    case 4:
      if (pair) {
        list.splice(i, 0, [list[i][0], odd()]);
        break;
      }
      /* falls through */
    default:
      if (pair) {
        list[i] = [list[i][0], odd()];
      } else {
        list[i] = odd();
      }
  }
  return tree;
}


export const odd_chars = ODD_CHARS;
