/*
 * What of a case both engines can be asked, and where their answers
 * disagree. A difference is
 *   { stage, signature, ours, reference }
 * whose signature names the kind of disagreement, not the case.
 */

import { has_lone_surrogate } from './json.mjs';

/* nesting from which the tool may answer `limit` */
const LIMIT_DEPTH = 90;


function is_json(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}


/* whether a line that carries text is JSON to the last byte */
function clean(text) {
  return text === null || (is_json(text) && !has_lone_surrogate(text));
}


/* brackets that are open at once, at most */
function nesting(text) {
  let depth = 0;
  let most = 0;

  for (const c of (text ?? '').replace(/"(?:[^"\\]|\\[^])*"/g, '')) {
    depth += '[{'.includes(c) ? 1 : ']}'.includes(c) ? -1 : 0;
    most = Math.max(most, depth);
  }
  return most;
}


/* A line's fields from JSON texts; a missing text leaves its field out */
function line(id, fields) {
  const parts = Object.entries(fields)
    .filter(([, text]) => text !== null && text !== undefined)
    .map(([k, text]) => `"${k}":${text}`);

  return `{"id":${JSON.stringify(id)},${parts.join(',')}}`;
}


/*
 * The lines of a case: [{ stage, text }]; stage is 'policies' 'entities'
 * 'state' (both at once) or a request's number. A line that is no JSON
 * leaves the tool's state as it was, so nothing is asked after it.
 */
export function lines(c) {
  const policies = JSON.stringify(c.policies);
  const out = [];

  if (c.together) {
    out.push({ stage: 'state', text: line(c.name, { policies,
      templateLinks: c.links, entities: c.entities }) });
  } else {
    out.push({ stage: 'policies', text: line(c.name, { policies,
      templateLinks: c.links }) });
    out.push({ stage: 'entities', text: line(c.name,
      { entities: c.entities }) });
  }
  if (clean(c.links) && clean(c.entities)) {
    c.requests.forEach((r, i) => out.push({ stage: i,
      text: line(c.name, r) }));
  }
  return out;
}


/* { kind, message } of a refusal, or null */
function refusal(answer) {
  return answer.error ?? null;
}


function difference(stage, what, ours, reference) {
  return { stage, signature: `${typeof stage === 'number' ? 'request' : stage
  }: ${what}`, ours, reference };
}


/* expected: the kinds that fit a refusal; empty where the text is good */
function compare_state(stage, answer, expected, reference, depth) {
  const error = refusal(answer);
  const got = error?.kind ?? 'accepted';

  if (answer.ok !== (error === null)) {
    return difference(stage, 'answer without ok or error', answer, reference);
  }
  if (got === 'limit' && depth >= LIMIT_DEPTH) {
    return null;
  }
  if (expected.length === 0 ? error === null : expected.includes(got)) {
    return null;
  }
  return difference(stage, `reference ${expected.join('/') || 'accepts'}, `
    + `tool ${got}`, answer, reference);
}


function refusals(c, r) {
  const out = [];

  if (r.policies.kind !== undefined) {
    out.push(r.policies.kind);
    if (!clean(c.links)) {
      out.push('json');
    }
  }
  return out;
}


function entity_refusals(c, r) {
  if (r.entities.kind === undefined) {
    return [];
  }
  return clean(c.entities) ? ['entities'] : ['json', 'entities'];
}


function error_map(list) {
  return new Map(list.map((e) => [e.policy, e.kind]));
}


function compare_decision(stage, answer, r) {
  if (answer.decision !== r.decision) {
    return difference(stage, `reference ${r.decision}, tool ${
      answer.decision ?? refusal(answer)?.kind ?? 'nothing'}`, answer, r);
  }
  if (!Array.isArray(answer.reason) || !Array.isArray(answer.errors)
      || JSON.stringify(answer.reason.slice().sort())
        !== JSON.stringify(r.reason)) {
    return difference(stage, 'determining policies', answer, r);
  }

  const ours = error_map(answer.errors);
  const theirs = error_map(r.errors);

  if (ours.size !== answer.errors.length) {
    return difference(stage, 'a policy with two errors', answer, r);
  }
  for (const id of new Set([...ours.keys(), ...theirs.keys()])) {
    const a = ours.get(id) ?? 'no error';
    const b = theirs.get(id) ?? 'no error';

    if (a !== b && b !== 'other') {
      return difference(stage, `error: reference ${b}, tool ${a}`, answer, r);
    }
  }
  return null;
}


function compare_request(stage, c, answer, r, bad) {
  const kind = refusal(answer)?.kind;
  const texts = Object.values(c.requests[stage]);

  if (r.kind === 'unknown' || (kind === 'limit'
      && Math.max(c.made.depth, ...texts.map(nesting)) >= LIMIT_DEPTH)) {
    return null;
  }
  if (!texts.every(clean)) {
    return kind === 'json' || kind === 'request' || (bad && kind === 'state')
      ? null : difference(stage, `no JSON, tool ${kind ?? 'accepts'}`, answer,
        r);
  }
  if (bad) {
    return kind === 'state' || kind === 'request' ? null
      : difference(stage, `after a refused state: tool ${kind ?? 'decides'}`,
        answer, r);
  }
  if (r.kind !== undefined) {
    return kind === r.kind ? null : difference(stage,
      `reference ${r.kind}, tool ${kind ?? 'decides'}`, answer, r);
  }
  return compare_decision(stage, answer, r);
}


/* Differences of a case; answers: as many as lines(c), r: Reference.run */
export function differences(c, answers, r) {
  const unknown = [r.policies.kind, r.entities.kind].includes('unknown');
  const out = [];
  let limited = false;

  lines(c).forEach(({ stage }, i) => {
    const answer = answers[i];
    const wanted = { policies: refusals(c, r),
      entities: entity_refusals(c, r),
      state: [...refusals(c, r), ...entity_refusals(c, r)] };

    /* a line that could not be read to its end may have no id */
    if (answer.id !== c.name
        && !['json', 'limit'].includes(refusal(answer)?.kind)) {
      out.push(difference(stage, 'id not echoed', answer, r));
    } else if (typeof stage !== 'number') {
      limited ||= refusal(answer)?.kind === 'limit';
      if (!unknown) {
        out.push(compare_state(stage, answer, wanted[stage],
          stage === 'policies' ? r.policies : stage === 'entities'
            ? r.entities : { policies: r.policies, entities: r.entities },
          Math.max(c.made.depth, nesting(c.entities), nesting(c.links))));
      }
    } else if (!limited) {
      out.push(compare_request(stage, c, answer, r.requests[stage],
        !unknown && wanted.state.length > 0));
    }
  });
  return out.filter((d) => d !== null);
}


/* whether the reference could judge a case */
export function comparable(r) {
  return r.policies.kind !== 'unknown' && r.entities.kind !== 'unknown';
}
