/*
 * The cases: policy set, template links, entities and requests, all as the
 * exact text that both engines read.
 *
 *   node generate.mjs --seed 1 --index 17     prints one case
 *   node generate.mjs --seed 1 --stats 5000   how the reference takes them
 */

import { Random } from './random.mjs';
import { policy_set, uid_form } from './policy.mjs';
import { World, uid_tree } from './world.mjs';
import * as json from './json.mjs';
import { mutate_chars } from './text.mjs';
import { is_main, options } from './options.mjs';


/* a tree as text: as it is, changed in the tree, or changed in the text */
function document(rng, tree, { broken, spoiled }) {
  const style = rng.chance(0.3) ? 2 : 0;
  let kind = 'valid';

  if (rng.chance(broken)) {
    for (let n = rng.weighted([[75, 1], [25, 2]]); n > 0; n--) {
      tree = json.mutate(rng, tree);
    }
    kind = 'tree';
  }

  let text = json.print(tree, rng, style);

  if (rng.chance(spoiled)) {
    text = mutate_chars(rng, text, json.odd_chars);
    kind = 'chars';
  }
  return { text, kind };
}


/* What a store may get wrong as a whole; the tree is changed */
function disturb(rng, tree) {
  const list = tree.arr;

  if (list.length === 0) {
    return tree;
  }

  const one = rng.pick(list);
  const part = (e, name) => e.obj.find(([k]) => k === name)[1];
  const plain = (e) => {
    const u = part(e, 'uid');

    return u.obj[0][0] === '__entity' ? u.obj[0][1] : u;
  };

  switch (rng.int(7)) {
    case 0:
      list.splice(rng.int(list.length), 0, json.clone(one));
      break;
    case 1: {
      const twin = json.clone(one);

      part(twin, 'attrs').obj.push(['more', json.raw('1')]);
      list.push(twin);
      break;
    }
    case 2:
      part(one, 'parents').arr.push(json.clone(plain(one)));
      break;
    case 3: {
      const chain = rng.shuffle(list).slice(0, rng.range(2, 5));

      chain.forEach((e, i) => part(e, 'parents').arr
        .push(json.clone(plain(chain[(i + 1) % chain.length]))));
      break;
    }
    case 4:
      part(one, 'parents').arr.push(rng.pick([
        uid_tree({ type: 'User', id: 'dangling' }),
        uid_tree({ type: 'Action', id: 'dangling' }),
        ...part(one, 'parents').arr]));
      break;
    case 5: {
      const twin = json.clone(one);

      twin.obj.reverse();
      part(twin, 'attrs').obj.reverse();
      part(twin, 'parents').arr.reverse();
      list.push(twin);
      break;
    }
    default:
      one.obj.push([rng.pick(['tags', 'more', 'uid', 'attrs']), json.obj()]);
  }
  return tree;
}


function deep_value(rng) {
  const n = rng.weighted([[60, rng.range(10, 50)], [40, rng.range(140, 900)]]);
  const [open, core, close] = rng.pick([['[', '', ']'], ['{"a":', '1', '}']]);

  return json.raw(open.repeat(n) + core + close.repeat(n));
}


function entities(world) {
  const { rng } = world;
  let tree = world.entities();

  if (rng.chance(0.06)) {
    tree = disturb(rng, tree);
  }
  if (rng.chance(0.003)) {
    const one = json.obj(['uid', uid_tree({ type: 'Deep', id: '' })],
      ['attrs', json.obj(['a', deep_value(rng)])], ['parents', json.arr([])]);

    tree.arr.push(one);
  }
  return document(rng, tree, { broken: 0.07, spoiled: 0.015 });
}


function request(world) {
  const { rng } = world;
  const uids = world.request();
  const out = {};

  for (const name of ['principal', 'action', 'resource']) {
    out[name] = document(rng, uid_form(rng, uids[name]),
      { broken: 0.004, spoiled: 0 }).text;
  }
  if (rng.chance(0.93)) {
    const tree = world.context_value();

    if (rng.chance(0.002)) {
      tree.obj.push(['deep', deep_value(rng)]);
    }
    out.context = document(rng, rng.chance(0.003) ? json.odd_value(rng)
      : tree, { broken: 0.04, spoiled: 0.006 }).text;
  }
  return out;
}


/*
 * Case number index of a seed:
 *   { name, policies, links, entities, requests: [{ principal, action,
 *     resource, context }], together, made: { policies, entities, depth } }
 * All texts; links and context may be missing. together: policies and
 * entities travel in one line. made: how the parts came about.
 */
export function make_case(seed, index) {
  const rng = new Random(seed, index);
  const world = new World(rng);
  const set = policy_set(world);
  const store = entities(world);

  return {
    name: `${seed}-${index}`,
    policies: set.text,
    links: set.links,
    entities: store.text,
    requests: rng.many(1, rng.weighted([[50, 1], [30, 3], [20, 5]]),
      () => request(world)),
    together: rng.chance(0.1),
    made: { policies: set.kind, entities: store.kind, depth: set.depth ?? 0 },
  };
}


async function statistics(seed, count) {
  const { Reference } = await import('./reference.mjs');
  const reference = new Reference();
  const seen = new Map();
  const count_up = (key) => seen.set(key, (seen.get(key) ?? 0) + 1);
  const started = Date.now();

  for (let i = 0; i < count; i++) {
    const c = make_case(seed, i);
    const answer = reference.run(c);

    count_up(`policies (${c.made.policies}) ${answer.policies.kind ?? 'ok'}`);
    count_up(`entities (${c.made.entities}) ${answer.entities.kind ?? 'ok'}`);
    for (const r of answer.requests) {
      count_up(`request ${r.kind ?? r.decision}`);
      for (const e of r.errors ?? []) {
        count_up(`policy error ${e.kind}`);
        if (e.kind === 'other') {
          count_up(`other: ${e.message.slice(0, 70)}`);
        }
      }
      if (r.decision !== undefined) {
        count_up(`request with ${r.errors.length > 0 ? 'some' : 'no'} error`);
        count_up(`request decided by ${Math.min(r.reason.length, 3)}`);
      }
    }
  }
  for (const [key, n] of [...seen].sort()) {
    console.log(String(n).padStart(8), key);
  }
  console.log(`${((Date.now() - started) / count).toFixed(3)} ms a case`);
}


if (is_main(import.meta.url)) {
  const opt = options({ seed: 1, index: 0, stats: 0 });

  if (opt.stats > 0) {
    await statistics(opt.seed, opt.stats);
  } else {
    const c = make_case(opt.seed, opt.index);

    console.log(c.policies);
    console.log('--', c.made, c.links ?? 'no links');
    console.log(c.entities);
    console.log(c.requests);
  }
}
