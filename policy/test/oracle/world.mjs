/*
 * The world a case talks about: entity types with typed attributes, a typed
 * context, and values of each type as JSON. Each case gets a small cut of
 * the stock below, and its expressions are drawn from the same pools as its
 * data, so that scopes match and comparisons are often true.
 *
 * A type is 'bool' 'long' 'string' 'ip' 'decimal' 'datetime' 'duration',
 * { set: type }, { rec: { key: type } } or { ent: 'Type::Path' }.
 */

import { obj, arr, str, raw } from './json.mjs';

const set = (t) => ({ set: t });
const ent = (t) => ({ ent: t });
const rec = (fields) => ({ rec: fields });

const META = rec({
  level: 'long',
  note: 'string',
  inner: rec({ flag: 'bool', labels: set('string') }),
});

const ENTITY_TYPES = {
  User: {
    attrs: {
      name: 'string', age: 'long', active: 'bool', role: 'string',
      roles: set('string'), manager: ent('User'), groups: set(ent('Group')),
      addr: rec({
        city: 'string', zip: 'long',
        geo: rec({ lat: 'decimal', lon: 'decimal' }),
      }),
      ip: 'ip', joined: 'datetime', ttl: 'duration', score: 'decimal',
      nums: set('long'), 'odd key': 'long', if: 'bool', '': 'string',
    },
    tag: 'string',
  },
  Group: {
    attrs: { name: 'string', size: 'long', open: 'bool', meta: META },
    tag: 'long',
  },
  Doc: {
    attrs: {
      owner: ent('User'), public: 'bool', size: 'long', title: 'string',
      path: 'string', labels: set('string'), net: 'ip', created: 'datetime',
      lifetime: 'duration', price: 'decimal', acl: set(ent('User')),
      meta: META, when: 'long', permit: 'bool', prices: set('decimal'),
      matrix: set(set('long')),
      items: set(rec({ key: 'string', n: 'long' })),
    },
    tag: set('string'),
  },
  'N::App': {
    attrs: {
      name: 'string', nets: set('ip'), limits: rec({ rate: 'long' }),
      trusted: 'bool', owner: ent('User'),
    },
    tag: 'string',
  },
  Action: { attrs: { risk: 'long', safe: 'bool' }, tag: 'string' },
  'N::Action': { attrs: { risk: 'long' }, tag: 'string' },
};

const CONTEXT = rec({
  mfa: 'bool', ip: 'ip', now: 'datetime', count: 'long', risk: 'decimal',
  tool: 'string', tags: set('string'), session: 'duration',
  actor: ent('User'), nums: set('long'), doc: ent('Doc'),
  device: rec({ os: 'string', trusted: 'bool', ver: rec({ major: 'long' }) }),
});

const IDS = {
  User: ['alice', 'bob', 'carol', 'dave', '', 'a\0b', 'ali"ce\\', 'é'],
  Group: ['admin', 'staff', 'all', 'x y'],
  Doc: ['d1', 'd2', 'd3', 'a/b*c', 'permit'],
  'N::App': ['app', 'agent', 'alice'],
  Action: ['view', 'edit', 'delete', 'read', 'all'],
  'N::Action': ['view', 'call'],
};

const STRINGS = [
  '', 'a', 'b', 'ab', 'alice', 'admin', 'staff', 'view', 'a*b', '*', 'aab',
  'abab', 'aaaaaaaaab', 'e\u0301', '\u00e9', '\u{1f600}', 'x\0y', 'a\nb',
  'tab\t', 'q"q', "it's", 'back\\slash', 'A', 'os', 'linux', 'name', 'size',
  '/docs/a/b.txt', '/docs/', 'long '.repeat(80), 'k1', 'k2', '\r', '日本語', '0', '\u{10ffff}',
];

const LONGS = ['0', '1', '2', '3', '5', '7', '10', '42', '100', '-1', '-2',
  '-7', '2024', '86400000'];
export const EDGE_LONGS = ['9223372036854775807', '-9223372036854775808',
  '9223372036854775806', '-9223372036854775807', '4611686018427387904',
  '3037000500', '4294967296', '2147483648', '-3037000500'];


/* an integer as decimal text */
export function long(rng) {
  return rng.chance(0.12) ? rng.pick(EDGE_LONGS) : rng.pick(LONGS);
}


export function string(rng) {
  return rng.pick(STRINGS);
}


const IPS = ['10.0.0.1', '10.0.0.0/8', '10.1.2.3/24', '127.0.0.1',
  '127.0.0.0/8', '127.0.0.1/7', '192.168.1.1', '0.0.0.0/0', '224.0.0.1',
  '224.0.0.0/4', '224.0.0.0/3', '255.255.255.255', '::1', '::', '::/0',
  '::1/127', '::1/128', 'ff00::/8', 'ff02::1', 'ff00::/7', '2001:db8::1',
  '2001:DB8::/32', '1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7::', '::ffff:7f00:1',
  '::2:3:4:5:6:7:8', '1::8', '10.0.0.1/32', '10.0.0.1/31', 'fe80::/10',
  '0:0:0:0:0:0:0:1'];
const ODD_IPS = ['10.0.0.256', '10.0.0', '10.0.0.1.2', '010.0.0.1',
  '10.0.0.1/33', '10.0.0.1/032', '10.0.0.1/', '/8', '::ffff:127.0.0.1',
  '1::2::3', ':::', ':1', '1:', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9',
  '1:2:3:4:5:6:7:8::', 'fe80::1%eth0', '[::1]', '::g', '12345::', '',
  ' 10.0.0.1', '10.0.0.1 ', '::1/129', '::1/0128', '::1/00', '10.0.0.0/00',
  '10.0.0.1/+8', '10.0.0.1/-1', '1.1.1.1/8/8', '0x10.0.0.1', '1:2:3::4::',
  '10.00.0.1', '１.1.1.1', '1111:2222:3333:4444:5555:6666:7777:8888/128',
  '::0000:0000:0000:0000:0000:0000:0001/0128', '1.1.1.1\0', '00.0.0.0',
  '::00001', '1.2.3.4::', '::/', '0.0.0.0/0', '0.0.0.0/1'];


const DECIMALS = ['0.0', '1.0', '1.00', '1.5', '-1.5', '0.5', '-0.5',
  '0.0001', '12.34', '100.0', '-0.0', '00001.5', '1.5000',
  '922337203685477.5807', '-922337203685477.5808'];
const ODD_DECIMALS = ['1', '1.', '.5', '1.00000', '+1.0', '1.0.0', '-.5',
  '922337203685477.5808', '-922337203685477.5809', '1e2', '1,5', '', '--1.0',
  ' 1.0', '1.0 ', '-', '1.-5', '99999999999999999999.0', '0x1.0', '1.0\0',
  '000000000000000000000000000001.0', '١.0', '922337203685478.0', '-1.',
  '1_0.0', '1.0e1', 'NaN', 'inf'];


function two(n) {
  return String(n).padStart(2, '0');
}


function datetime(rng) {
  const year = rng.weighted([[60, '2024'], [20, '2025'], [5, '1970'],
    [5, '1969'], [3, '0000'], [3, '9999'], [4, '2000'], [4, '1900']]);
  const date = `${year}-${two(rng.range(1, 12))}-${two(rng.range(1, 28))}`;
  const zone = rng.weighted([[70, 'Z'], [10, '+0100'], [10, '-0530'],
    [5, '+2359'], [5, '-0000']]);

  if (rng.chance(0.5)) {
    return date;
  }
  return `${date}T${two(rng.int(24))}:${two(rng.int(60))}:`
    + `${two(rng.int(60))}${rng.chance(0.3) ? '.' + String(rng.int(1000))
      .padStart(3, '0') : ''}${zone}`;
}

const ODD_DATETIMES = ['2024-02-29', '2023-02-29', '1900-02-29',
  '2000-02-29', '2024-13-01', '2024-00-10', '2024-01-00', '2024-01-32',
  '2024-04-31', '2024-1-1', '24-01-01', '02024-01-01', '-2024-01-01',
  '2024-01-01T00:00:00', '2024-01-01T24:00:00Z', '2024-01-01T23:59:60Z',
  '2024-01-01T00:60:00Z', '2024-01-01T00:00:00z', '2024-01-01t00:00:00Z',
  '2024-01-01T00:00:00.1Z', '2024-01-01T00:00:00.1234Z',
  '2024-01-01T00:00:00.Z', '2024-01-01T00:00Z', '2024-01-01T00:00:00+01:00',
  '2024-01-01T00:00:00+2400', '2024-01-01T00:00:00+0060', '2024-01-01Z',
  '2024-01-01T00:00:00+01', '2024-01-01 00:00:00Z', '20240101', '',
  '2024-01-01T', '2024-01-01T00:00:00.123', '2024-01-01T00:00:00.000-2359',
  '0000-01-01T00:00:00+2359', '9999-12-31T23:59:59.999-2359',
  '2024-01-01T00:00:00 Z', '２024-01-01', '2024-01-01\0', '+2024-01-01',
  '2024-01-01T00:00:00.000+0000Z', '2024-12-31T23:59:59.999Z'];


const UNITS = ['d', 'h', 'm', 's', 'ms'];

function duration(rng) {
  const units = UNITS.filter(() => rng.chance(0.35));

  if (units.length === 0) {
    units.push(rng.pick(UNITS));
  }
  return (rng.chance(0.2) ? '-' : '') + units
    .map((u) => rng.pick(['0', '1', '2', '5', '30', '90', '0024']) + u)
    .join('');
}

const ODD_DURATIONS = ['', '-', '1', 'd', '1d1d', '1h1d', '1ms1s', '+1d',
  '--1d', '1.5h', '1 d', ' 1d', '1d ', '1D', '1w', '1d-1h', '1e2s',
  '9223372036854775807ms', '9223372036854775808ms', '-9223372036854775808ms',
  '-9223372036854775809ms', '106751991167d', '106751991168d',
  '-106751991168d', '99999999999999999999d', '106751991167d7h12m55s807ms',
  '106751991167d7h12m55s808ms', '-106751991167d7h12m55s808ms', '1m1ms',
  '1s1m', '0d0h0m0s0ms', '00000000000000000000001d', '1d\0', '١d', '1dh',
  '1_0d', '-0ms', '1mss', '9223372036854775807ms1d'];


/* the string that makes a value of an extension type; odd: chance of one
   that may be refused */
export function extension_string(rng, type, odd) {
  const broken = rng.chance(odd);
  let s;

  switch (type) {
    case 'ip':
      s = rng.pick(broken ? ODD_IPS : IPS);
      break;
    case 'decimal':
      s = rng.pick(broken ? ODD_DECIMALS : DECIMALS);
      break;
    case 'datetime':
      s = broken ? rng.pick(ODD_DATETIMES) : datetime(rng);
      break;
    default:
      s = broken ? rng.pick(ODD_DURATIONS) : duration(rng);
  }
  if (broken && rng.chance(0.25)) {
    const at = rng.int(s.length + 1);

    s = s.slice(0, at) + rng.pick(['0', '1', '.', ':', '-', '/', 'd', ''])
      + s.slice(at + rng.int(2));
  }
  return s;
}


export function uid_tree(u) {
  return obj(['type', str(u.type)], ['id', str(u.id)]);
}


/* The types an entity may have as parents */
const PARENTS = {
  User: ['Group', 'Group', 'N::App'], Group: ['Group'],
  Doc: ['Doc', 'Group'], 'N::App': ['Group'],
  Action: ['Action', 'N::Action'], 'N::Action': ['N::Action'],
};


/* up to n of a record's fields */
function cut(rng, fields, n) {
  return Object.fromEntries(rng.shuffle(Object.entries(fields)).slice(0, n));
}


/* Few elements as a rule; sometimes more than a scan would be used for */
export function set_size(rng) {
  return rng.weighted([[96, [0, 4]], [4, [14, 40]]]);
}


/* names of fields that no type knows; sometimes enough for bisection */
export function extra_fields(rng) {
  const n = rng.weighted([[97, 0], [1, 1], [2, rng.range(7, 24)]]);

  return rng.shuffle(Array.from({ length: n }, (_, i) => `f${i}`));
}


/* a sub-world of its own: cases with a deep hierarchy */
const MANY_GROUPS = 0.04;


export class World {
  constructor(rng) {
    this.rng = rng;
    this.ids = {};
    this.types = {};
    for (const [type, ids] of Object.entries(IDS)) {
      const { attrs, tag } = ENTITY_TYPES[type];
      const small = !['User', 'Doc'].includes(type);

      this.ids[type] = rng.shuffle(ids).slice(0, rng.range(1, 2));
      this.types[type] = { attrs: cut(rng, attrs, small ? 2 : 5), tag };
    }
    if (rng.chance(MANY_GROUPS)) {
      this.ids.Group.push(...Array.from({ length: rng.range(6, 60) },
        (_, i) => `h${i}`));
    }
    this.context = rec(cut(rng, CONTEXT.rec, rng.range(2, 6)));
  }

  uid(type) {
    return { type, id: this.rng.pick(this.ids[type]) };
  }

  fields(fields, missing) {
    return Object.entries(fields).filter(() => !this.rng.chance(missing))
      .map(([k, t]) => [k, this.value(t, missing)]);
  }

  /* a value of a type as JSON; missing: chance that a record lacks a field */
  value(type, missing = 0.08) {
    const { rng } = this;

    switch (type) {
      case 'bool':
        return raw(rng.chance(0.6));
      case 'long':
        return raw(long(rng));
      case 'string':
        return str(string(rng));
      case 'ip':
      case 'decimal':
      case 'datetime':
      case 'duration':
        return obj(['__extn', obj(['fn', str(type)],
          ['arg', str(extension_string(rng, type, 0))])]);
      default:
    }
    if (type.set !== undefined) {
      const items = rng.many(...set_size(rng),
        () => this.value(type.set, missing));

      if (rng.chance(0.03)) {
        items.push(this.value(rng.pick(['long', 'string', 'bool', 'ip'])));
      }
      return arr(items);
    }
    if (type.ent !== undefined) {
      return obj(['__entity', uid_tree(this.uid(type.ent))]);
    }
    return { obj: [...this.fields(type.rec, missing),
      ...extra_fields(rng).map((k) => [k, raw(long(rng))])] };
  }

  tags(type) {
    const keys = ['k1', 'k2', 'name', 'a', '']
      .filter(() => this.rng.chance(0.4));

    return { obj: keys.map((k) => [k, this.value(type)]) };
  }

  /* the order of ids within a type keeps the hierarchy free of cycles */
  parents(self) {
    const { rng, ids } = this;
    const rank = (u) => ids[u.type].indexOf(u.id);
    const at = rank(self);
    const next = ids[self.type].length > 4 && rng.chance(0.9)
      ? ids[self.type].slice(at + 1, at + 2) : [];

    return arr(rng.many(0, 2, () => this.uid(rng.pick(PARENTS[self.type])))
      .filter((p) => p.type !== self.type || rank(p) > at)
      .concat(next.map((id) => ({ type: self.type, id })))
      .map((p) => (rng.chance(0.2) ? obj(['__entity', uid_tree(p)])
        : uid_tree(p))));
  }

  entity(self) {
    const { rng } = this;
    const shape = this.types[self.type];
    const missing = rng.weighted([[70, 0], [24, 0.1], [6, 0.5]]);
    const parts = [
      ['uid', rng.chance(0.2) ? obj(['__entity', uid_tree(self)])
        : uid_tree(self)],
      ['attrs', { obj: this.fields(shape.attrs, missing) }],
      ['parents', this.parents(self)],
    ];

    if (rng.chance(0.4)) {
      parts.push(['tags', this.tags(shape.tag)]);
    }
    return { obj: rng.chance(0.3) ? rng.shuffle(parts) : parts };
  }

  /* A store: most uids of this world, each at most once */
  entities() {
    const { rng } = this;
    const density = rng.weighted([[50, 1], [35, 0.85], [15, 0.3]]);
    const out = [];

    for (const [type, ids] of Object.entries(this.ids)) {
      for (const id of ids) {
        if (rng.chance(density)) {
          out.push(this.entity({ type, id }));
        }
      }
    }
    return arr(rng.shuffle(out));
  }

  context_value() {
    return this.value(this.context,
      this.rng.weighted([[80, 0], [20, 0.15]]));
  }

  /* principal, action and resource of a request */
  request() {
    const { rng } = this;
    const one = (list) => this.uid(rng.weighted(list));
    const out = {
      principal: one([[88, 'User'], [8, 'N::App'], [2, 'Group'],
        [2, 'Doc']]),
      action: one([[88, 'Action'], [12, 'N::Action']]),
      resource: one([[88, 'Doc'], [6, 'Group'], [4, 'N::App'],
        [2, 'User']]),
    };

    if (rng.chance(0.03)) {
      out[rng.pick(['principal', 'resource', 'action'])]
        = rng.pick([{ type: 'Ghost', id: 'g' },
          { type: 'User', id: 'nobody' }, { type: 'A::B::C', id: '' },
          { type: 'principal', id: 'x' }]);
    }
    return out;
  }
}
