/* Whole policies as tokens, policy sets as text, and template links. */

import { Expressions, path_tokens, uid_tokens } from './expression.mjs';
import { focus } from './focus.mjs';
import * as text from './text.mjs';
import { obj, arr, str, raw, mutate, print } from './json.mjs';

const ANNOTATIONS = ['note', 'if', 'permit', 'in', '__cedar', 'reason', '_',
  'a1', 'has'];

const PRINCIPALS = [[70, 'User'], [20, 'Group'], [10, 'N::App']];
const RESOURCES = [[75, 'Doc'], [17, 'Group'], [8, 'N::App']];
const ACTIONS = [[85, 'Action'], [15, 'N::Action']];


export function annotations(rng, ids) {
  const out = [];

  if (rng.chance(0.12)) {
    const id = rng.chance(0.9) ? `p${ids.next++}`
      : rng.pick(['policy0', 'policy1', 'policy2', 'p0', '', 'é\0']);

    out.push(['@', 'id', ...(rng.chance(0.97)
      ? ['(', text.literal(rng, id), ')'] : [])]);
  }
  while (rng.chance(0.12)) {
    const value = rng.chance(0.7)
      ? ['(', text.literal(rng, rng.pick(['', 'x', 'a\nb', '@id'])), ')'] : [];

    out.push(['@', rng.pick(ANNOTATIONS), ...value]);
  }
  return rng.shuffle(out).flat();
}


/* where principal and resource may be compared; slot: null or its name */
function reference(world, types, slot) {
  const { rng } = world;
  const t = slot ?? uid_tokens(rng, world.uid(rng.weighted(types)));

  return rng.chance(0.02) ? ['(', ...t, ')'] : t;
}


export function party(world, name, types, slot) {
  const { rng } = world;
  const form = slot !== null ? rng.pick(['==', 'in', 'is in'])
    : rng.weighted([[55, 'any'], [11, '=='], [13, 'in'], [15, 'is'],
      [6, 'is in']]);
  const type = () => path_tokens(rng, rng.weighted(types));

  switch (form) {
    case 'any':
      return [name];
    case 'is':
      return [name, 'is', ...type()];
    case 'is in':
      return [name, 'is', ...type(), 'in', ...reference(world, types, slot)];
    default:
      return [name, form, ...reference(world, types, slot)];
  }
}


export function action(world) {
  const { rng } = world;
  const one = () => uid_tokens(rng, rng.chance(0.995)
    ? world.uid(rng.weighted(ACTIONS)) : { type: 'User', id: 'view' });

  switch (rng.weighted([[58, 'any'], [14, '=='], [12, 'in'], [16, 'list']])) {
    case 'any':
      return ['action'];
    case '==':
      return ['action', '==', ...one()];
    case 'in':
      return ['action', 'in', ...one()];
    default: {
      const items = rng.many(0, 4, one);
      const t = items.flatMap((item, i) => (i > 0 ? [',', ...item] : item));

      if (items.length > 0 && rng.chance(0.1)) {
        t.push(',');
      }
      return ['action', 'in', '[', ...t, ']'];
    }
  }
}


/* depth spends nodes; a policy far from a request's shape costs nothing */
export function conditions(rng, exprs) {
  const count = rng.weighted([[12, 0], [62, 1], [20, 2], [6, 3]]);

  return Array.from({ length: count }, () => {
    const depth = rng.weighted([[25, 1], [40, 2], [28, 3], [7, 5]]);

    return [rng.chance(0.75) ? 'when' : 'unless', '{',
      ...exprs.at(exprs.of('bool', depth), 0), '}'];
  }).flat();
}


/* { tokens, slots }; bare: a scope without conditions */
function policy(world, ids, { templates, bare }) {
  const { rng } = world;
  const broken = rng.weighted([[55, 0], [30, 0.02], [15, 0.08]]);
  const exprs = new Expressions(world, broken);
  const slots = { principal: null, resource: null };

  if (templates && rng.chance(0.5)) {
    const which = rng.weighted([[40, ['principal']], [40, ['resource']],
      [20, ['principal', 'resource']]]);

    for (const name of which) {
      slots[name] = ['?' + name];
    }
  }

  const tokens = [
    ...annotations(rng, ids),
    rng.chance(0.68) ? 'permit' : 'forbid', '(',
    ...party(world, 'principal', PRINCIPALS, slots.principal), ',',
    ...action(world), ',',
    ...party(world, 'resource', RESOURCES, slots.resource),
    ...(rng.chance(0.04) ? [','] : []), ')',
    ...(bare ? [] : conditions(rng, exprs)), ';',
  ];

  return { tokens, slots: Object.keys(slots).filter((s) => slots[s]) };
}


function id_of(tokens, at) {
  const i = tokens.findIndex((t, n) => t === 'id' && tokens[n - 1] === '@');

  if (i < 0 || tokens[i + 1] !== '(') {
    return `policy${at}`;
  }
  try {
    return JSON.parse(tokens[i + 2]);
  } catch {
    return `policy${at}`;
  }
}


function link(world, template, at) {
  const { rng } = world;
  const args = template.slots.map((slot) => {
    const u = world.uid(rng.weighted(slot === 'principal' ? PRINCIPALS
      : RESOURCES));
    const t = uid_tokens(rng, u);

    return ['?' + slot, str(text.join(rng, t, rng.weighted([[80, 1],
      [10, 0], [10, 2]])))];
  });

  return obj(['template_id', str(template.id)], ['link_id', str(`link${at}`)],
    ['args', { obj: args }]);
}


const ODD_ARGS = ['', 'User', 'User::', 'User::"a" ', ' User::"a"',
  'User::"a";', 'User::"\\u{41}"', 'if::"a"', '?principal', '"a"',
  'User::a', 'User :: "a"', 'User//\n::"a"', 'N::User::"a\\0"', 'User::"\\x"',
  'User::"a", User::"b"', 'User::"a"//', '1', 'principal'];

function break_links(rng, links) {
  const list = links.arr;

  switch (rng.int(6)) {
    case 0:
      list.push(obj(['template_id', str(rng.pick(['policy0', 'policy9', '']))],
        ['link_id', str('extra')], ['args', obj()]));
      break;
    case 1:
      if (list.length > 0) {
        list.push(rng.pick(list));
      }
      break;
    case 2:
      for (const item of list) {
        item.obj[1][1] = str(rng.pick(['policy0', 'policy1', 'link0', '']));
      }
      break;
    case 3:
      for (const item of list) {
        item.obj[2][1].obj.push(
          [rng.pick(['?principal', '?resource', 'principal', '?x']),
            str(rng.pick(['User::"a"', 'x']))]);
      }
      break;
    case 4:
      for (const item of list) {
        for (const pair of item.obj[2][1].obj) {
          pair[1] = str(rng.pick(ODD_ARGS));
        }
      }
      break;
    default:
      return mutate(rng, links);
  }
  return links;
}


/* deep: parentheses, lists, negations; below and beyond 100 levels */
function nested(rng) {
  const [open, core, close] = rng.pick([
    ['(', 'true', ')'], ['[', '', ']'], ['{a:', '1', '}'],
    ['!(', 'true', ')'], ['if true then ', 'true', ' else false'],
    ['if ', 'true', ' then true else true'], ['[].contains(', '1', ')'],
    ['principal in [', '', ']'],
  ]);
  /* the reference's stack holds more levels of the plain forms */
  const n = rng.weighted([[50, rng.range(10, open === '(' ? 80 : 35)],
    [20, rng.range(90, 125)], [30, rng.range(150, 3000)]]);

  return { depth: n, text: 'permit(principal, action, resource) when { '
    + `${open.repeat(n)}${core}${close.repeat(n)} };` };
}


/* long chains, which no nesting limit should touch */
function long_chain(rng) {
  const n = rng.range(50, 400);
  const [first, next] = rng.pick([
    ['true', ' && true'], ['false', ' || false'], ['1', ' + 1'],
    ['1', ' - 1'], ['1', ' * 1'], ['principal', '.manager'],
    ['context has a', '.a'], ['[1', ', 1'], ['context', '["a"]'],
  ]);
  const tail = first.startsWith('[') ? ']' : '';

  return `permit(principal, action, resource) when { ${first}${
    next.repeat(n)}${tail} == 1 };`;
}


/*
 * A policy set: { text, links, kind, depth }. links is JSON text or null;
 * kind is 'valid' 'tokens' 'chars' 'soup' 'nested' 'chain' 'focus', how it
 * was made; depth is the nesting made on purpose, if any.
 */
export function policy_set(world) {
  const { rng } = world;
  const kind = rng.weighted([[740, 'valid'], [120, 'tokens'], [100, 'chars'],
    [20, 'soup'], [3, 'nested'], [3, 'chain'],
    [80, 'focus']]);

  if (kind === 'nested') {
    return { ...nested(rng), links: null, kind };
  }
  if (kind === 'chain') {
    return { text: long_chain(rng), links: null, kind };
  }
  if (kind === 'focus') {
    /* one refused text hides the others, hence few of them */
    return { text: rng.many(1, 6, () => `${rng.pick(['permit', 'forbid'])
    }(principal, action, resource) when { ${focus(rng)} };`).join('\n'),
    links: null, kind };
  }

  const ids = { next: 0 };
  const templates = rng.chance(0.12);
  const bare = rng.chance(0.03);
  const list = bare
    ? rng.many(10, 80, () => policy(world, ids, { templates,
      bare: rng.chance(0.9) }))
    : rng.many(rng.chance(0.02) ? 0 : 1,
      rng.weighted([[60, 2], [35, 5], [5, 12]]),
      () => policy(world, ids, { templates, bare: false }));
  const style = rng.weighted([[45, 0], [25, 1], [30, 2]]);
  let out;

  if (kind === 'soup') {
    out = text.join(rng, text.soup(rng), style);
  } else {
    let tokens = list.flatMap((p) => p.tokens);

    if (kind === 'tokens') {
      tokens = text.mutate_tokens(rng, tokens);
    }
    out = text.join(rng, tokens, style);
    if (kind === 'chars') {
      out = text.mutate_chars(rng, out);
    }
  }

  let links = null;

  if (templates && rng.chance(0.95)) {
    const found = list.map((p, i) => ({ id: id_of(p.tokens, i),
      slots: p.slots })).filter((p) => p.slots.length > 0);

    links = arr(rng.many(0, 3, () => null)
      .flatMap((_, i) => (found.length === 0 ? []
        : [link(world, rng.pick(found), i)])));
    if (rng.chance(0.15)) {
      links = break_links(rng, links);
    }
    links = print(links);
  }
  return { text: out, links, kind };
}


/* Forms a request may name its entities in: Cedar text or JSON */
export function uid_form(rng, u) {
  const plain = obj(['type', str(u.type)], ['id', str(u.id)]);

  switch (rng.weighted([[50, 'text'], [30, 'plain'], [14, 'escape'],
    [2, 'odd'], [4, 'spaced']])) {
    case 'text':
      return str(text.join(rng, uid_tokens(rng, u), 1));
    case 'spaced':
      return str(text.join(rng, uid_tokens(rng, u), 2));
    case 'plain':
      return plain;
    case 'escape':
      return obj(['__entity', plain]);
    default:
      return rng.chance(0.6) ? str(rng.pick(ODD_ARGS))
        : rng.pick([raw('null'), raw('1'), obj(), arr([plain])]);
  }
}
