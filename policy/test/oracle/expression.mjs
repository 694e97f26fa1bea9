/*
 * Typed expressions as tokens. Most are well typed, so that conditions come
 * out true and false; a small share is broken on purpose in one node.
 *
 * A result is { t: tokens, p: precedence }, lowest first:
 *   0 if   1 ||   2 &&   3 relation   4 + -   5 *   6 unary   7 member
 */

import { literal, pattern_literal } from './text.mjs';
import {
  EDGE_LONGS, extension_string, extra_fields, long, set_size, string,
} from './world.mjs';

const SIMPLE = ['bool', 'long', 'string', 'ip', 'decimal', 'datetime',
  'duration'];

const RESERVED = new Set(['if', 'then', 'else', 'true', 'false', 'in', 'is',
  'has', 'like', '__cedar']);


function key_of(type) {
  return JSON.stringify(type);
}


export function path_tokens(rng, type) {
  const out = [];

  type.split('::').forEach((part, i) => {
    if (i > 0) {
      out.push('::');
    }
    out.push(part);
  });
  return out;
}


export function uid_tokens(rng, u) {
  return [...path_tokens(rng, u.type), '::', literal(rng, u.id)];
}


function is_name(s) {
  return /^[_A-Za-z][_A-Za-z0-9]*$/.test(s) && !RESERVED.has(s);
}


export class Expressions {
  /* broken: chance that a node gets the wrong type, name or count */
  constructor(world, broken) {
    this.world = world;
    this.rng = world.rng;
    this.broken = broken;
    this.variables = {
      principal: { ent: 'User' }, resource: { ent: 'Doc' },
      action: { ent: 'Action' }, context: world.context,
    };
    this.paths = this.find_paths();
    this.types = [...this.paths.keys()].map((k) => JSON.parse(k));
  }

  fields_of(type) {
    return type.rec ?? this.world.types[type.ent]?.attrs ?? null;
  }

  /* every way to a type: Map of type key -> [{ root, path }], at most three
     attributes deep */
  find_paths() {
    const out = new Map();
    const visit = (root, type, path) => {
      const key = key_of(type);

      if (!out.has(key)) {
        out.set(key, []);
      }
      out.get(key).push({ root, path });
      if (path.length < 3) {
        for (const [k, t] of Object.entries(this.fields_of(type) ?? {})) {
          visit(root, t, [...path, k]);
        }
      }
    };

    for (const [root, type] of Object.entries(this.variables)) {
      visit(root, type, []);
    }
    return out;
  }

  /* the tokens of e where precedence p is needed */
  at(e, p) {
    const { rng } = this;
    const need = e.p < p ? !rng.chance(0.004) : rng.chance(0.03);

    return need ? ['(', ...e.t, ')'] : e.t;
  }

  binary(p, op, a, b) {
    return { t: [...this.at(a, p), op, ...this.at(b, p + 1)], p };
  }

  relation(op, a, b) {
    return { t: [...this.at(a, 4), op, ...this.at(b, 4)], p: 3 };
  }

  list(open, items, close) {
    const t = [open];

    items.forEach((item, i) => {
      if (i > 0) {
        t.push(',');
      }
      t.push(...item);
    });
    if (items.length > 0 && this.rng.chance(0.05)) {
      t.push(',');
    }
    t.push(close);
    return t;
  }

  access(e, name) {
    const { rng } = this;
    const t = this.at(e, 7);

    if (is_name(name) && rng.chance(0.85)) {
      return { t: [...t, '.', name], p: 7 };
    }
    return { t: [...t, '[', literal(rng, name), ']'], p: 7 };
  }

  method(e, name, args) {
    const { rng } = this;
    const given = args.map((a) => this.at(a, 0));

    if (rng.chance(this.broken * 0.5)) {
      if (rng.chance(0.5)) {
        given.pop();
      } else {
        given.push(this.at(this.any(0), 0));
      }
    }
    return { t: [...this.at(e, 7), '.', name, ...this.list('(', given, ')')],
      p: 7 };
  }

  call(name, arg) {
    const given = [arg];

    if (this.rng.chance(this.broken * 0.3)) {
      given[this.rng.chance(0.5) ? 'pop' : 'push'](['"1"']);
    }
    return { t: [name, ...this.list('(', given, ')')], p: 7 };
  }

  /* an expression of any type */
  any(depth) {
    return this.of(this.rng.pick(this.types), depth);
  }

  /* a type's expression, sometimes of another type */
  of(type, depth) {
    const { rng } = this;

    if (rng.chance(this.broken)) {
      return this.exactly(rng.chance(0.6) ? rng.pick(SIMPLE)
        : rng.pick(this.types), depth - 1);
    }
    return this.exactly(type, depth);
  }

  exactly(type, depth) {
    const { rng } = this;

    if (depth > 0 && rng.chance(0.08)) {
      return this.conditional(type, depth);
    }
    if (type === 'bool') {
      return depth <= 0 ? this.leaf(type) : this.bool(depth);
    }
    if (depth > 0 && rng.chance(type === 'long' ? 0.55 : 0.35)) {
      return this.compound(type, depth);
    }
    return this.leaf(type);
  }

  conditional(type, depth) {
    const c = this.of('bool', depth - 1);
    const a = this.of(type, depth - 1);
    const b = this.of(type, depth - 1);

    return { t: ['if', ...this.at(c, 0), 'then', ...this.at(a, 0), 'else',
      ...this.at(b, 0)], p: 0 };
  }

  leaf(type) {
    const { rng } = this;
    const paths = this.paths.get(key_of(type));

    if (paths !== undefined && rng.chance(0.55)) {
      return this.path(rng.pick(paths));
    }
    return this.constant(type, 1);
  }

  path({ root, path }) {
    const { rng } = this;
    let e = { t: [root], p: 7 };

    for (const name of path) {
      e = this.access(e, rng.chance(this.broken * 0.6)
        ? rng.pick(['missing', 'name', 'meta', 'a', 'f3']) : name);
    }
    return e;
  }

  constant(type, depth) {
    const { rng } = this;

    switch (type) {
      case 'bool':
        return { t: [rng.chance(0.5) ? 'true' : 'false'], p: 7 };
      case 'long':
        return this.number(long(rng));
      case 'string':
        return { t: [literal(rng, string(rng))], p: 7 };
      case 'ip':
      case 'decimal':
      case 'datetime':
      case 'duration': {
        const s = extension_string(rng, type, 0.02 + this.broken * 2);

        return this.call(type, [literal(rng, s)]);
      }
      default:
    }
    if (type.ent !== undefined) {
      return { t: uid_tokens(rng, this.uid(type.ent)), p: 7 };
    }
    if (type.set !== undefined) {
      return this.set(type.set, depth);
    }
    return this.record(Object.entries(type.rec), depth);
  }

  uid(type) {
    const { rng } = this;

    if (this.world.ids[type] === undefined || rng.chance(0.02)) {
      return { type: rng.pick(['Ghost', 'A::B', type]), id: 'nobody' };
    }
    return this.world.uid(type);
  }

  number(text) {
    const { rng } = this;
    const minus = text.startsWith('-');
    let digits = minus ? text.slice(1) : text;

    if (rng.chance(0.03)) {
      digits = '00' + digits;
    }
    return minus ? { t: ['-', digits], p: 6 } : { t: [digits], p: 7 };
  }

  set(type, depth) {
    const { rng } = this;
    const items = rng.many(...set_size(rng), () => this.at(
      this.of(rng.chance(0.03) ? rng.pick(SIMPLE) : type, depth - 1), 0));

    return { t: this.list('[', items, ']'), p: 7 };
  }

  record(fields, depth) {
    const { rng } = this;
    const items = rng.shuffle(fields).map(([k, type]) => [
      is_name(k) && rng.chance(0.7) ? k : literal(rng, k), ':',
      ...this.at(this.of(type, depth - 1), 0)]);

    for (const k of extra_fields(rng)) {
      items.push([k, ':', long(rng).replace('-', '')
        .replace('9223372036854775808', '1')]);
    }
    if (rng.chance(0.02)) {
      items.push([rng.pick(['a', 'if', '"if"', 'when', '""', '"\\0"']), ':',
        '1']);
    }
    if (items.length > 0 && rng.chance(0.01)) {
      items.push(rng.pick(items));
    }
    return { t: this.list('{', items, '}'), p: 7 };
  }

  /* a value made from others */
  compound(type, depth) {
    const { rng } = this;
    const d = depth - 1;

    switch (type) {
      case 'long':
        return this.arithmetic(d);
      case 'datetime':
        return rng.chance(0.5)
          ? this.method(this.of('datetime', d), 'offset',
            [this.of('duration', d)])
          : this.method(this.of('datetime', d), 'toDate', []);
      case 'duration':
        return rng.chance(0.5)
          ? this.method(this.of('datetime', d), 'durationSince',
            [this.of('datetime', d)])
          : this.method(this.of('datetime', d), 'toTime', []);
      case 'string':
        return this.tag('User', d);
      case 'ip':
      case 'decimal':
        return this.call(type, this.at(this.of('string', d), 0));
      default:
    }
    if (type.set !== undefined || type.rec !== undefined) {
      return rng.chance(0.7) ? this.constant(type, depth)
        : this.wrapped(type, d);
    }
    return this.wrapped(type, d);
  }

  /* a value put into a record and taken out again */
  wrapped(type, depth) {
    const { rng } = this;
    const key = rng.pick(['a', 'b', 'x y', 'permit']);
    const fields = [[key, type], ['c', 'long'], ['d', 'string']];

    return this.access(this.record(fields, depth), key);
  }

  tag(type, depth) {
    const { rng } = this;
    const key = rng.chance(0.8)
      ? { t: [literal(rng, rng.pick(['k1', 'k2', 'name', 'a', '']))], p: 7 }
      : this.of('string', depth - 1);

    return this.method(this.of({ ent: type }, depth - 1), 'getTag', [key]);
  }

  arithmetic(depth) {
    const { rng } = this;
    const a = rng.chance(0.12) ? this.number(rng.pick(EDGE_LONGS))
      : this.of('long', depth);
    const b = this.of('long', depth);

    switch (rng.int(7)) {
      case 0:
      case 1:
        return this.binary(4, '+', a, b);
      case 2:
        return this.binary(4, '-', a, b);
      case 3:
        return this.binary(5, '*', a, b);
      case 4:
        return { t: [...Array(rng.weighted([[60, 1], [20, 2], [10, 3],
          [8, 4], [1, 5]])).fill('-'), ...this.at(a, 7)], p: 6 };
      case 5:
        return this.method(this.of('duration', depth),
          rng.pick(['toMilliseconds', 'toSeconds', 'toMinutes', 'toHours',
            'toDays']), []);
      default:
        return this.tag('Group', depth);
    }
  }

  bool(depth) {
    const { rng } = this;
    const d = depth - 1;

    switch (rng.weighted([[13, 'eq'], [12, 'order'], [9, 'and'], [9, 'or'],
      [6, 'not'], [8, 'has'], [6, 'like'], [6, 'is'], [10, 'in'],
      [11, 'set'], [5, 'ip'], [4, 'decimal'], [4, 'tag'], [8, 'leaf'],
      [3, 'guard']])) {
      case 'eq':
        return this.equality(d);
      case 'order':
        return this.order(d);
      case 'and':
      case 'or':
        return this.chain(d);
      case 'not':
        return { t: [...Array(rng.weighted([[80, 1], [12, 2], [5, 3],
          [2, 4], [1, 5]])).fill('!'), ...this.at(this.of('bool', d), 7)],
        p: 6 };
      case 'has':
        return this.has(d);
      case 'like':
        return this.like(d);
      case 'is':
        return this.is(d);
      case 'in':
        return this.in(d);
      case 'set':
        return this.sets(d);
      case 'ip':
        return this.ips(d);
      case 'decimal':
        return this.method(this.of('decimal', d),
          rng.pick(['lessThan', 'lessThanOrEqual', 'greaterThan',
            'greaterThanOrEqual']), [this.of('decimal', d)]);
      case 'tag':
        return this.method(this.entity(d), 'hasTag',
          [rng.chance(0.8) ? { t: ['"k1"'], p: 7 } : this.of('string', d)]);
      case 'guard':
        return this.guard();
      default:
        return this.leaf('bool');
    }
  }

  entity(depth) {
    const { rng } = this;

    return this.of({ ent: rng.weighted([[50, 'User'], [30, 'Doc'],
      [10, 'Action'], [5, 'Group'], [5, 'N::App']]) }, depth);
  }

  chain(depth) {
    const { rng } = this;
    const op = rng.pick(['&&', '||']);
    const p = op === '&&' ? 2 : 1;
    let e = this.of('bool', depth);

    for (let i = rng.weighted([[70, 1], [20, 2], [10, 4]]); i > 0; i--) {
      e = this.binary(p, op, e, this.of('bool', depth));
    }
    return e;
  }

  equality(depth) {
    const { rng } = this;
    const type = rng.chance(0.6) ? rng.pick(SIMPLE) : rng.pick(this.types);
    const a = this.of(type, depth);
    const b = rng.chance(0.15) ? a : this.of(type, depth);

    return this.relation(rng.chance(0.65) ? '==' : '!=', a, b);
  }

  order(depth) {
    const { rng } = this;
    const type = rng.weighted([[60, 'long'], [20, 'datetime'],
      [18, 'duration'], [1, 'decimal'], [1, 'string']]);

    return this.relation(rng.pick(['<', '<=', '>', '>=']),
      this.of(type, depth), this.of(type, depth));
  }

  has(depth) {
    const { rng } = this;
    const base = rng.weighted([[30, { ent: 'User' }], [25, { ent: 'Doc' }],
      [30, this.world.context], [10, { ent: 'N::App' }],
      [5, { ent: 'Group' }]]);
    const t = this.at(this.of(base, depth), 4);
    const names = [];
    let type = base;

    do {
      const fields = Object.keys(this.fields_of(type) ?? {});
      const name = fields.length === 0 || rng.chance(0.15)
        ? rng.pick(['missing', 'name', 'a', 'permit', 'f7'])
        : rng.pick(fields);

      names.push(name);
      type = (this.fields_of(type) ?? {})[name] ?? 'long';
    } while (names.length < 4
      && rng.chance(this.fields_of(type) !== null ? 0.6 : 0.06));
    if (names.every(is_name) && rng.chance(0.9)) {
      return { t: [...t, 'has', ...names.join(' . ').split(' ')], p: 3 };
    }
    return { t: [...t, 'has', literal(rng, names[0])], p: 3 };
  }

  like(depth) {
    const { rng } = this;
    const parts = Array.from(string(rng)).slice(0, 12);

    for (let i = rng.weighted([[15, 0], [45, 1], [30, 2], [10, 5]]); i > 0;
      i--) {
      const at = rng.int(parts.length + 1);

      parts.splice(at, rng.weighted([[50, 0], [25, 1], [25, 5]]), null);
    }
    return { t: [...this.at(this.of('string', depth), 4), 'like',
      pattern_literal(rng, parts)], p: 3 };
  }

  is(depth) {
    const { rng } = this;
    const t = [...this.at(this.entity(depth), 4), 'is',
      ...path_tokens(rng, rng.weighted([[40, 'User'], [30, 'Doc'],
        [10, 'N::App'], [10, 'Action'], [5, 'Ghost'], [5, 'principal']]))];

    if (rng.chance(0.35)) {
      t.push('in', ...this.at(this.group(depth), 4));
    }
    return { t, p: 3 };
  }

  /* the right side of `in` */
  group(depth) {
    const { rng } = this;
    const type = { ent: rng.weighted([[45, 'Group'], [20, 'User'],
      [15, 'Doc'], [15, 'Action'], [5, 'N::App']]) };

    return this.of(rng.chance(0.65) ? type : { set: type }, depth);
  }

  in(depth) {
    return this.relation('in', this.entity(depth), this.group(depth));
  }

  sets(depth) {
    const { rng } = this;
    const type = rng.pick(['string', 'string', 'long', { ent: 'User' },
      { ent: 'Group' }, 'ip', 'bool']);
    const s = this.of({ set: type }, depth);

    switch (rng.int(4)) {
      case 0:
        return this.method(s, 'contains', [this.of(type, depth)]);
      case 1:
        return this.method(s, 'containsAll', [this.of({ set: type }, depth)]);
      case 2:
        return this.method(s, 'containsAny', [this.of({ set: type }, depth)]);
      default:
        return this.method(s, 'isEmpty', []);
    }
  }

  ips(depth) {
    const { rng } = this;
    const name = rng.pick(['isIpv4', 'isIpv6', 'isLoopback', 'isMulticast',
      'isInRange', 'isInRange', 'isInRange']);

    return this.method(this.of('ip', depth), name,
      name === 'isInRange' ? [this.of('ip', depth)] : []);
  }

  /* x has a && x.a ..., the idiom policies use */
  guard() {
    const { rng } = this;
    const [root, type] = rng.pick(Object.entries(this.variables)
      .filter(([, t]) => Object.keys(this.fields_of(t)).length > 0));
    const [name, t] = rng.pick(Object.entries(this.fields_of(type)));
    const e = this.access({ t: [root], p: 7 }, name);
    const has = { t: [root, 'has', is_name(name) ? name
      : literal(rng, name)], p: 3 };

    return this.binary(2, '&&', has, t === 'bool' ? e
      : this.relation(rng.pick(['==', '!=']), e, this.constant(t, 1)));
  }
}
