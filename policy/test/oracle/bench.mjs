/*
 * The reference's time for one decision, as JSON lines:
 *
 *   {"shape":"principal_eq","policies":100,"ns":12345,"runs":210}
 *
 * --emit DIR writes the same inputs as files instead, so that the engine is
 * measured on exactly what the reference was: SHAPE-N.cedar, entities.json
 * and request.json. --budget MS: time for each shape and size.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Reference } from './reference.mjs';
import { is_main, options } from './options.mjs';

export const SIZES = [1, 10, 100, 1000, 10000];

const WHEN = 'when { context.count < 10 && resource.public };';

/* Policy number i; the request meets number 0 only, except where every
   policy's scope fits */
export const SHAPES = {
  principal_eq: (i) => `permit(principal == User::"u${i}", action, resource) `
    + WHEN,
  principal_in: (i) => `permit(principal in Group::"g${i}", action, resource) `
    + WHEN,
  action: (i) => `permit(principal, action == Action::"a${i}", resource) `
    + WHEN,
  unscoped: (i) => `permit(principal, action, resource) when { `
    + `principal.number == ${i} && context.count < 10 && resource.public };`,
};

export const ENTITIES = [
  { uid: { type: 'User', id: 'u0' }, attrs: { number: 0 },
    parents: [{ type: 'Group', id: 'g0' }] },
  { uid: { type: 'Group', id: 'g0' }, attrs: {}, parents: [] },
  { uid: { type: 'Doc', id: 'd0' }, attrs: { public: true }, parents: [] },
];

export const REQUEST = {
  principal: { type: 'User', id: 'u0' },
  action: { type: 'Action', id: 'a0' },
  resource: { type: 'Doc', id: 'd0' },
  context: { count: 1 },
};


export function policies(shape, size) {
  return Array.from({ length: size }, (_, i) => SHAPES[shape](i)).join('\n');
}


function median(list) {
  return list.sort((a, b) => a - b)[list.length >> 1];
}


/* The preparsed policy set is reused; request and entities are read in
   each call, which the interface leaves no way round. */
function measure(cedar, budget, expected) {
  const call = { ...REQUEST, preparsedPolicySetId: 'set',
    entities: ENTITIES };
  const times = [];
  const until = performance.now() + budget;

  do {
    const start = process.hrtime.bigint();
    const answer = cedar.statefulIsAuthorized(call);

    times.push(Number(process.hrtime.bigint() - start));
    if (answer.response?.decision !== expected) {
      throw new Error(`no decision: ${JSON.stringify(answer)}`);
    }
  } while (performance.now() < until || times.length < 5);
  return { ns: median(times), runs: times.length };
}


function emit(dir) {
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'entities.json'), JSON.stringify(ENTITIES));
  writeFileSync(join(dir, 'request.json'), JSON.stringify(REQUEST));
  for (const shape of Object.keys(SHAPES)) {
    for (const size of SIZES) {
      writeFileSync(join(dir, `${shape}-${size}.cedar`),
        policies(shape, size) + '\n');
    }
  }
}


function print(shape, size, text, budget) {
  const reference = new Reference();
  const taken = reference.policies(text);

  if (taken.kind !== undefined) {
    throw new Error(taken.message);
  }
  console.log(JSON.stringify({ shape, policies: size,
    ...measure(reference.cedar, budget, size > 0 ? 'allow' : 'deny') }));
}


function run(budget) {
  print('empty', 0, '', budget);
  for (const shape of Object.keys(SHAPES)) {
    for (const size of SIZES) {
      print(shape, size, policies(shape, size), budget);
    }
  }
}


if (is_main(import.meta.url)) {
  const opt = options({ emit: '', budget: 500 });

  if (opt.emit !== '') {
    emit(opt.emit);
  } else {
    run(opt.budget);
  }
}
