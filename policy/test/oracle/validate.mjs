/*
 * Compares `validate --batch` with the reference's strict validator on
 * generated schemas and policies.
 *
 *   node validate.mjs --tool build/tenant-policy --cases 20000 --seed 1
 *
 * --findings DIR   one JSON file for each kind of difference
 * --case S-N       only case N of seed S, with both answers printed
 * --stats          the reference alone, and how it took the cases
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from './random.mjs';
import { World } from './world.mjs';
import {
  SchemaJson, SchemaText, schema_model, spoil_model,
} from './schema.mjs';
import { typed_policy } from './typed.mjs';
import { Reference, schema_of } from './reference.mjs';
import { Tool, ToolError } from './tool.mjs';
import { shrink_json, shrink_text } from './minimise.mjs';
import * as json from './json.mjs';
import * as text from './text.mjs';
import { options } from './options.mjs';

const WINDOW = 32;
const KEEP = 2;
const HEALTHY = 2000;
const SHARE = { accepted: 0.2, schema: 0.05, policies: 0.02,
  validation: 0.15 };

const opt = options({
  tool: '../../../build/tenant-policy', cases: 3000, seed: 1, findings: '',
  case: '', stats: false,
});
const reference = new Reference();
const tool = new Tool([opt.tool, 'validate', '--batch']);
const met = new Map();
const kinds = new Map();


function make_world(rng) {
  const world = new World(rng);
  const names = Object.values(world.types)
    .flatMap((t) => Object.keys(t.attrs))
    .concat(Object.keys(world.context.rec), ['inner', 'ver', 'geo', 'note']);

  world.optional = new Set(names.filter(() => rng.chance(0.25)));
  for (const type of ['Action', 'N::Action']) {
    world.types[type].attrs = {};
  }
  if (rng.chance(0.97)) {
    /* an action of a namespace may not have an outer action's name */
    world.ids['N::Action'] = rng.pick([['call'], ['invoke', 'call'],
      ['list']]);
  }
  world.ids.Level = ['low', 'high'];
  world.types.Level = { attrs: {}, tag: 'string', choice: ['low', 'high'] };
  if (rng.chance(0.3)) {
    world.types.User.attrs.level = { ent: 'Level' };
  }
  return world;
}


function schema_text(world, model) {
  const { rng } = world;
  let tokens = new SchemaText(world).tokens(model);

  if (rng.chance(0.06)) {
    tokens = text.mutate_tokens(rng, tokens);
  }

  const out = text.join(rng, tokens, rng.weighted([[60, 0], [25, 1],
    [15, 2]]));

  return rng.chance(0.04) ? text.mutate_chars(rng, out) : out;
}


function schema_json(world, model) {
  const { rng } = world;
  let tree = json.parse(JSON.stringify(new SchemaJson(world).value(model)));

  if (rng.chance(0.1)) {
    tree = json.mutate(rng, tree, true);
  }
  return json.print(tree, rng, 0);
}


/* { name, schema or schemaJson (texts), policies } */
function make_case(seed, index) {
  const rng = new Random(seed, index);
  const world = make_world(rng);
  const model = schema_model(world);
  const ids = { next: 0 };
  const out = { name: `${seed}-${index}` };

  if (rng.chance(0.1)) {
    spoil_model(rng, model);
  }
  if (rng.chance(0.55)) {
    out.schema = schema_text(world, model);
  } else {
    out.schemaJson = schema_json(world, model);
  }

  let tokens = rng.many(1, rng.weighted([[60, 1], [30, 2], [10, 4]]),
    () => typed_policy(world, ids)).flat();

  if (rng.chance(0.03)) {
    tokens = text.mutate_tokens(rng, tokens);
  }
  out.policies = text.join(rng, tokens, rng.weighted([[70, 0], [20, 1],
    [10, 2]]));
  return out;
}


function line(c) {
  const name = c.schema !== undefined ? 'schema' : 'schemaJson';

  return `{"id":${JSON.stringify(c.name)},"${name}":${schema_of(c)},`
    + `"policies":${JSON.stringify(c.policies)}}`;
}


function plain(message) {
  return message.replace(/`[^`]*`|"[^"]*"/g, '…').slice(0, 70);
}


/* null, or the signature of a disagreement */
function differs(answer, r) {
  if (answer instanceof ToolError) {
    return `tool: ${answer.message.slice(0, 40)}`;
  }
  if (r.kind === 'unknown') {
    return null;
  }

  const got = answer.ok === true ? 'accepted'
    : answer.error?.kind ?? 'nothing';
  const fits = r.kind === 'json' ? ['json', 'schema']
    : r.kind === 'schema' ? ['json', 'schema'] : [r.kind];

  if (!fits.includes(got)) {
    return `reference ${r.kind}, tool ${got}: ${plain(
      r.kind === 'accepted' ? answer.error?.message ?? '' : r.message)}`;
  }
  if (r.kind === 'validation') {
    const ours = [...new Set(answer.errors?.map((e) => e.policy))].sort();

    if (JSON.stringify(ours) !== JSON.stringify(r.policies)) {
      return 'policies with validation errors';
    }
  }
  return null;
}


async function ask(c) {
  try {
    return await tool.ask(line(c));
  } catch (e) {
    if (e instanceof ToolError) {
      return e;
    }
    throw e;
  }
}


async function small(c, signature) {
  let best = c;
  let left = 500;
  const attempt = async (name, value) => {
    const next = { ...best, [name]: value };

    if (left-- <= 0
        || differs(await ask(next), reference.validate(next)) !== signature) {
      return false;
    }
    best = next;
    return true;
  };

  await shrink_text(best.policies, (v) => attempt('policies', v));
  if (best.schema !== undefined) {
    await shrink_text(best.schema, (v) => attempt('schema', v));
  } else {
    await shrink_json(best.schemaJson, (v) => attempt('schemaJson', v));
  }
  return best;
}


async function report(c, signature) {
  const seen = kinds.get(signature) ?? { count: 0, kept: 0 };

  kinds.set(signature, seen);
  if (++seen.count > KEEP) {
    return;
  }

  const best = await small(c, signature);
  const answer = await ask(best);
  const ours = answer instanceof ToolError ? answer.message : answer;
  const theirs = reference.validate(best);

  console.log(`\n${signature}   (case ${c.name})`);
  console.log(`  ${schema_of(best).slice(0, 1500)}`);
  console.log(`  ${JSON.stringify(best.policies).slice(0, 1000)}`);
  console.log(`  tool       ${JSON.stringify(ours).slice(0, 600)}`);
  console.log(`  reference  ${JSON.stringify(theirs).slice(0, 600)}`);
  if (opt.findings !== '') {
    const name = 'validate-' + signature.toLowerCase()
      .replace(/[^a-z0-9]+/g, '-').slice(0, 60);

    mkdirSync(opt.findings, { recursive: true });
    writeFileSync(join(opt.findings, `${name}-${seen.count}.json`),
      JSON.stringify({ signature, case: c.name, input: best, ours,
        reference: theirs }, null, 2) + '\n');
  }
}


function meet(what) {
  met.set(what, (met.get(what) ?? 0) + 1);
}


function unhealthy() {
  return opt.cases < HEALTHY ? [] : Object.entries(SHARE)
    .filter(([what, share]) => (met.get(what) ?? 0) < share * opt.cases)
    .map(([what]) => `too few of: ${what} (${met.get(what) ?? 0})`);
}


async function compare(cases, totals) {
  const pending = opt.stats ? [] : cases.map(ask);

  await new Promise(setImmediate);

  const judged = cases.map((c) => reference.validate(c));

  for (const [i, c] of cases.entries()) {
    const r = judged[i];

    meet(r.kind);
    if (opt.stats) {
      if (r.kind !== 'accepted') {
        meet(`${r.kind}: ${plain(r.message)}`);
      }
      continue;
    }

    let answer = await pending[i];

    if (answer instanceof ToolError) {
      const again = await ask(c);

      totals.lost ??= answer;
      if (again instanceof ToolError) {
        totals.lost = undefined;
      }
      answer = again;
    }

    const signature = differs(answer, r);

    totals[signature === null ? 'passed' : 'failed']++;
    if (signature !== null) {
      await report(c, signature);
    }
  }
  if (totals.lost !== undefined) {
    console.log(`not ok: ${totals.lost.message}, not again alone`);
    totals.failed++;
    totals.lost = undefined;
  }
}


async function run() {
  const totals = { passed: 0, failed: 0, lost: undefined };

  for (let i = 0; i < opt.cases; i += WINDOW) {
    await compare(Array.from({ length: Math.min(WINDOW, opt.cases - i) },
      (_, k) => make_case(opt.seed, i + k)), totals);
  }

  const status = await tool.stop();

  for (const [what, n] of [...met].sort((a, b) => b[1] - a[1])) {
    console.log(`${String(n).padStart(9)} ${what}`);
  }
  for (const [signature, { count }] of kinds) {
    console.log(`${String(count).padStart(9)} times: ${signature}`);
  }
  for (const t of [...unhealthy(),
    ...(status === 0 ? [] : [`the tool left with ${status}`])]) {
    console.log(`not ok: ${t}`);
    totals.failed++;
  }
  console.log(`${totals.passed} passed, ${totals.failed} failed`);
  return totals.failed === 0 && (totals.passed > 0 || opt.stats) ? 0 : 1;
}


async function show() {
  const [seed, index] = opt.case.split('-').map(Number);
  const c = make_case(seed, index);
  const answer = opt.stats ? null : await ask(c);
  const r = reference.validate(c);

  console.log(c.schema ?? c.schemaJson);
  console.log(c.policies);
  console.log('tool', answer instanceof ToolError ? answer.message
    : JSON.stringify(answer));
  console.log('reference', JSON.stringify(r));
  await tool.stop();
  return opt.stats || differs(answer, r) === null ? 0 : 1;
}


process.exitCode = await (opt.case !== '' ? show() : run());
