/*
 * Runs generated cases through the tool and the reference and reports where
 * they disagree.
 *
 *   node compare.mjs --tool build/tenant-policy --cases 100000 --seed 1
 *
 * --out DIR        a folder for each difference (policies, links, entities,
 *                  request, both answers)
 * --findings DIR   one JSON file for each kind of difference
 * --case S-N       only case N of seed S, with both answers printed
 * --replay FILE    the case of a findings file
 * --flag WORD      one more argument for the tool
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { make_case } from './generate.mjs';
import { Reference } from './reference.mjs';
import { Tool, ToolError } from './tool.mjs';
import { comparable, differences, lines } from './difference.mjs';
import { minimise } from './minimise.mjs';
import { options } from './options.mjs';

const WINDOW = 64;          /* cases under way in the tool */
const KEEP = 2;             /* minimised cases for each kind of difference */

/* A run of this many cases must have met every outcome this often, or it
   proves less than its count says */
const HEALTHY = 2000;
const SHARE = {
  allow: 0.05, deny: 0.2, 'policies refused': 0.05, 'links refused': 0.001,
  'entities refused': 0.03, 'request refused': 0.03, 'error attr': 0.02,
  'error entity': 0.02, 'error type': 0.01, 'error tag': 0.005,
  'error extension': 0.01, 'error arity': 0.001, 'error overflow': 0.002,
};

const opt = options({
  tool: '../../../build/tenant-policy', cases: 5000, seed: 1, first: 0,
  out: '', findings: '', case: '', replay: '', quiet: false, flag: '',
});

const reference = new Reference();
const tool = new Tool([opt.tool, 'authorize', '--batch',
  ...(opt.flag === '' ? [] : [opt.flag])]);
const met = new Map();
const kinds = new Map();    /* signature -> { count, kept } */


function meet(what) {
  met.set(what, (met.get(what) ?? 0) + 1);
}


function count(r) {
  if (r.policies.kind !== undefined) {
    meet(`${r.policies.kind} refused`);
  }
  if (r.entities.kind !== undefined) {
    meet('entities refused');
  }
  for (const q of r.requests) {
    meet(q.decision ?? (q.kind === 'state' ? 'not asked'
      : 'request refused'));
    for (const e of q.errors ?? []) {
      meet(`error ${e.kind}`);
    }
  }
}


/* The answers of a case, or the ToolError that kept them away */
async function ask(c) {
  try {
    return await Promise.all(lines(c).map(({ text }) => tool.ask(text)));
  } catch (e) {
    if (e instanceof ToolError) {
      return e;
    }
    throw e;
  }
}


function judge(c, answers, r) {
  if (answers instanceof ToolError) {
    return [{ stage: 'tool', signature: `tool: ${answers.message
      .slice(0, 40)}`, ours: answers.message, reference: r }];
  }
  return differences(c, answers, r);
}


async function still(c, signature) {
  const r = reference.run(c);

  return judge(c, await ask(c), r).some((d) => d.signature === signature);
}


function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2) + '\n';
  } catch {
    return text;
  }
}


/* A case as files: what the tool would be given, and both answers */
function write_folder(dir, c, d) {
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'policies.cedar'), c.policies);
  writeFileSync(join(dir, 'entities.json'), c.entities);
  if (c.links !== null) {
    writeFileSync(join(dir, 'links.json'), c.links);
  }
  c.requests.forEach((r, i) => writeFileSync(
    join(dir, i > 0 ? `request-${i}.json` : 'request.json'),
    `{${Object.entries(r).filter(([, text]) => text !== undefined)
      .map(([k, text]) => `"${k}":${text}`).join(',')}}`));
  writeFileSync(join(dir, 'reference.json'),
    pretty(JSON.stringify(d.reference)));
  writeFileSync(join(dir, 'tool.json'), pretty(JSON.stringify(d.ours)));
}


function write_finding(dir, c, d, number) {
  const name = d.signature.toLowerCase().replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '').slice(0, 60);

  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, `${name}-${number}.json`), pretty(JSON.stringify({
    signature: d.signature, case: c.name, input: {
      policies: c.policies, links: c.links, entities: c.entities,
      requests: c.requests }, ours: d.ours, reference: d.reference,
    made: c.made, together: c.together })));
}


async function report(c, d) {
  const seen = kinds.get(d.signature) ?? { count: 0, kept: 0 };

  kinds.set(d.signature, seen);
  seen.count++;
  if (seen.kept >= KEEP) {
    return;
  }
  seen.kept++;

  const small = await minimise(c, d.stage, (n) => still(n, d.signature));
  const r = reference.run(small);
  const again = judge(small, await ask(small), r)
    .find((x) => x.signature === d.signature) ?? d;

  console.log(`\n${d.signature}   (case ${c.name})`);
  console.log(`  policies   ${JSON.stringify(small.policies)}`);
  console.log(`  links      ${small.links}`);
  console.log(`  entities   ${small.entities.slice(0, 600)}`);
  for (const q of small.requests) {
    console.log(`  request    ${JSON.stringify(q).slice(0, 600)}`);
  }
  console.log(`  tool       ${JSON.stringify(again.ours).slice(0, 600)}`);
  console.log(`  reference  ${JSON.stringify(again.reference)
    .slice(0, 600)}`);
  if (opt.out !== '') {
    write_folder(join(opt.out, c.name), small, again);
  }
  if (opt.findings !== '') {
    write_finding(opt.findings, small, again, seen.kept);
  }
}


/* Both engines on some cases; the tool works while the reference does */
async function compare(cases, totals) {
  const pending = cases.map(ask);
  let crash = null;       /* the first ToolError, until a case repeats it */
  let crashed = false;

  await new Promise(setImmediate);

  const judged = cases.map((c) => reference.run(c));

  for (const [i, c] of cases.entries()) {
    const r = judged[i];
    let answers = await pending[i];

    /* a dead process takes its neighbours' answers along: ask one by one */
    if (answers instanceof ToolError && !crashed) {
      crashed = true;
      crash = { c, answers, r };
    }
    if (crashed) {
      answers = await ask(c);
      crash = answers instanceof ToolError ? null : crash;
    }
    count(r);
    if (!comparable(r) && !(answers instanceof ToolError)) {
      totals.unknown++;
      continue;
    }

    const found = judge(c, answers, r);

    totals[found.length > 0 ? 'failed' : 'passed']++;
    for (const d of found.slice(0, 1)) {
      await report(c, d);
    }
  }
  if (crash !== null) {
    totals.failed++;
    await report(crash.c, judge(crash.c, crash.answers, crash.r)[0]);
  }
}


function unhealthy(total) {
  return total < HEALTHY ? [] : Object.entries(SHARE)
    .filter(([what, share]) => (met.get(what) ?? 0) < share * total)
    .map(([what]) => `too few of: ${what} (${met.get(what) ?? 0})`);
}


async function run() {
  const totals = { passed: 0, failed: 0, unknown: 0 };
  const started = Date.now();

  for (let i = 0; i < opt.cases; i += WINDOW) {
    const n = Math.min(WINDOW, opt.cases - i);

    await compare(Array.from({ length: n }, (_, k) => make_case(opt.seed,
      opt.first + i + k)), totals);
  }

  const status = await tool.stop();
  const trouble = unhealthy(totals.passed + totals.failed);

  if (status !== 0) {
    trouble.push(`the tool left with ${status}`);
  }
  if (!opt.quiet) {
    for (const [what, n] of [...met].sort((a, b) => b[1] - a[1])) {
      console.log(`${String(n).padStart(9)} ${what}`);
    }
  }
  for (const [signature, { count: n }] of [...kinds]
    .sort((a, b) => b[1].count - a[1].count)) {
    console.log(`${String(n).padStart(9)} times: ${signature}`);
  }
  for (const t of trouble) {
    console.log(`not ok: ${t}`);
  }
  console.log(`seed ${opt.seed}, ${totals.unknown} beyond the reference's `
    + `limits, ${((Date.now() - started) / 1000).toFixed(1)} s`);
  totals.failed += trouble.length;
  console.log(`${totals.passed} passed, ${totals.failed} failed`);
  return totals.failed === 0 && totals.passed > 0 ? 0 : 1;
}


async function show(c) {
  const r = reference.run(c);
  const answers = await ask(c);

  console.log(c.policies);
  lines(c).forEach(({ stage, text }, i) => console.log(
    `\n${stage}: ${text}\n  tool ${JSON.stringify(answers[i])}`));
  console.log('\nreference', JSON.stringify(r, null, 2));

  const found = judge(c, answers, r);

  for (const d of found) {
    console.log(`differs: ${d.signature}`);
  }
  await tool.stop();
  console.log(`${found.length > 0 ? 0 : 1} passed, ${found.length} failed`);
  return found.length === 0 ? 0 : 1;
}


function find_case() {
  if (opt.replay !== '') {
    const f = JSON.parse(readFileSync(opt.replay, 'utf8'));

    return { name: f.case, ...f.input, made: f.made, together: f.together };
  }

  const [seed, index] = opt.case.split('-').map(Number);

  return make_case(seed, index);
}


process.exitCode = await (opt.case !== '' || opt.replay !== ''
  ? show(find_case()) : run());
