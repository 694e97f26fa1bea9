#!/usr/bin/env -S node --stack-size=3900
/*
 * The reference behind the batch protocol: a tool that must agree, and with
 * ORACLE_FAULT set, one that must not. It shows that compare.mjs finds what
 * it should; the engine is not involved. The larger stack keeps it from
 * giving up where the comparing process does not.
 *
 * ORACLE_FAULT: decision, reason, kind, accept, entities, crash, lenient
 */

import { has_lone_surrogate } from './json.mjs';
import { Reference } from './reference.mjs';
import { line_stream } from './stream.mjs';

const fault = process.env.ORACLE_FAULT ?? '';
const reference = new Reference();
const state = { policies: {}, entities: {}, text: '[]' };
let count = 0;
let decided = 0;


/* the exact text of a member, which JSON.parse would lose */
function member(line, name) {
  const mark = `"${name}":`;
  const order = ['id', 'schema', 'schemaJson', 'policies', 'templateLinks',
    'entities', 'principal', 'action', 'resource', 'context'];
  const at = line.indexOf(mark);
  const later = order.slice(order.indexOf(name) + 1)
    .map((n) => line.indexOf(`,"${n}":`, at)).filter((n) => n > 0);

  /* outermost members come in this order; inner ones of the same name are
     told apart by what still parses */
  for (const end of [...later.sort((a, b) => a - b), line.length - 1]) {
    const text = line.slice(at + mark.length, end);

    try {
      JSON.parse(text);
      return text;
    } catch {
      continue;
    }
  }
  return null;
}


/* what the reference cannot say, a tool would call a limit */
function name_kind(kind) {
  return kind === 'unknown' ? 'limit' : kind;
}


function refuse(id, { kind, message }) {
  return { id, ok: false, error: { kind: name_kind(kind), message } };
}


function take(line, value) {
  if ('policies' in value) {
    state.policies = reference.policies(value.policies,
      'templateLinks' in value ? member(line, 'templateLinks') : null);
    if (fault === 'accept' && /like/.test(value.policies)) {
      state.policies = {};
    }
  }
  if ('entities' in value) {
    state.text = member(line, 'entities');
    state.entities = fault === 'entities' ? {}
      : reference.entities(state.text);
  }
  for (const name of ['policies', 'entities']) {
    if (name in value && state[name].kind !== undefined) {
      return refuse(value.id, state[name]);
    }
  }
  return { id: value.id, ok: true };
}


function validate(line, value) {
  const r = reference.validate({ schema: value.schema,
    schemaJson: 'schemaJson' in value ? member(line, 'schemaJson')
      : undefined, policies: value.policies });
  const ok = r.kind === 'accepted'
    || (fault === 'lenient' && /optional/.test(r.message));

  return ok ? { id: value.id, ok: true }
    : { ...refuse(value.id, r), errors: (r.policies ?? [])
      .map((policy) => ({ policy, message: '' })), warnings: [] };
}


function spoil(answer) {
  if (fault === 'decision' && ++decided % 100 === 7) {
    answer.decision = answer.decision === 'allow' ? 'deny' : 'allow';
  }
  if (fault === 'reason' && answer.reason?.length > 1) {
    answer.reason.pop();
  }
  if (fault === 'kind') {
    answer.errors?.forEach((e) => {
      e.kind = e.kind === 'tag' ? 'attr' : e.kind;
    });
  }
  return answer;
}


function respond(line) {
  let value;

  count++;
  if (fault === 'crash' && count === 900) {
    process.abort();
  }
  try {
    value = JSON.parse(line);
    if (has_lone_surrogate(line)) {
      throw new SyntaxError('lone surrogate');
    }
  } catch (e) {
    return refuse(null, { kind: 'json', message: e.message });
  }
  if (process.argv[2] === 'validate') {
    return validate(line, value);
  }
  if (!('principal' in value)) {
    return take(line, value);
  }
  if (state.policies.kind ?? state.entities.kind) {
    return { id: value.id, error: { kind: 'state', message: '' } };
  }

  const r = reference.request(state.text, Object.fromEntries(
    ['principal', 'action', 'resource', 'context']
      .filter((n) => n in value).map((n) => [n, member(line, n)])));

  return r.kind !== undefined
    ? { id: value.id, error: { kind: name_kind(r.kind),
      message: r.message } }
    : spoil({ id: value.id, ...r });
}


for await (const line of line_stream(process.stdin)) {
  process.stdout.write(JSON.stringify(respond(line)) + '\n');
}
