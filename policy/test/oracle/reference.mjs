/*
 * The reference implementation (cedar-wasm) behind the answers of the batch
 * protocol. The README lists where the two interfaces differ and how this
 * file bridges them.
 */

import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { readFileSync } from 'node:fs';
import vm from 'node:vm';
import { has_lone_surrogate, has_repeated_key, parse } from './json.mjs';

const require = createRequire(import.meta.url);
const GLUE = require.resolve('@cedar-policy/cedar-wasm/nodejs');
const SOURCE = readFileSync(GLUE, 'utf8');

/* JSON text that reaches the reference's own reader as it stands */
export class Raw {
  constructor(text) {
    this.text = text;
  }
}


/*
 * A fresh instance. The package's glue turns each argument into text with
 * JSON.stringify and has Rust read it; it gets a JSON of its own here, so
 * that a Raw keeps duplicate keys, number forms and lone surrogates.
 */
export function load() {
  const module = { exports: {} };
  const json = {
    parse: JSON.parse,
    stringify: (v) => (v instanceof Raw ? v.text : JSON.stringify(v)),
  };

  vm.compileFunction(SOURCE, ['exports', 'require', 'module', '__filename',
    '__dirname', 'JSON'], { filename: GLUE })(module.exports,
    createRequire(GLUE), module, GLUE, dirname(GLUE), json);
  return module.exports;
}


/* evaluation errors, by the beginning of the reference's message */
const KINDS = [
  [/^type error: /, 'type'],
  [/^entity `[^]*` does not exist$/, 'entity'],
  [/does not have the attribute/, 'attr'],
  [/does not have the tag/, 'tag'],
  [/^integer overflow/, 'overflow'],
  [/^error while evaluating `\w+` extension function/, 'extension'],
  [/^wrong number of arguments/, 'arity'],
  [/recursion limit/, 'limit'],
];

export function error_kind(message) {
  return KINDS.find(([re]) => re.test(message))?.[1] ?? 'other';
}


/*
 * Text the reference accepts, cut after each policy: `;` ends a policy and
 * occurs nowhere else outside strings and comments.
 */
export function split(text) {
  const out = [];
  let from = 0;
  let code = '';

  for (const [token] of text.matchAll(
    /\/\/[^\n\r]*|"(?:[^"\\]|\\[^])*"|[^]/gu)) {
    from += token.length;
    code += token.startsWith('//') ? '' : token;
    if (token === ';') {
      out.push({ end: from, code });
      code = '';
    }
  }
  return out.map(({ end, code: c }, i) => ({
    text: text.slice(i > 0 ? out[i - 1].end : 0, end),
    template: /\?(principal|resource)/.test(
      c.replace(/"(?:[^"\\]|\\[^])*"/g, '""')),
    annotated: c.includes('@'),
  }));
}


function first_message(errors) {
  const list = errors.flatMap((e) => [e, ...(e.related ?? [])]);

  return list.map((e) => e.message).join('; ');
}


/* a validation case's schema as JSON: the text, or the JSON form */
export function schema_of(c) {
  return c.schema !== undefined ? JSON.stringify(c.schema) : c.schemaJson;
}


/* Nothing can be said about a text that exhausts the reference's stack or
   its JSON depth: kind 'unknown'. */
function unknown(e) {
  return { kind: 'unknown', message: String(e.message ?? e) };
}


export class Reference {
  constructor() {
    this.cedar = load();
    this.lost = false;      /* a fresh instance knows no policy set */
  }

  /* the answer of one call, or { type: 'thrown', message } where its JSON
     was refused; throws RangeError where the reference gives up */
  call(name, ...args) {
    try {
      return this.cedar[name](...args);
    } catch (e) {
      if (e instanceof RangeError || e instanceof WebAssembly.RuntimeError) {
        this.cedar = load();
        this.lost = true;
        throw new RangeError(e.message);
      }

      const message = e instanceof Error ? e.message : String(e);

      if (message.includes('recursion limit')) {
        throw new RangeError(message);
      }
      return { type: 'thrown', message };
    }
  }

  /* the uid that Cedar text names, or null */
  uid(text) {
    const code = text.replace(/\/\/[^\n\r]*|"(?:[^"\\]|\\[^])*"/g, '');

    /* what a scope allows and a uid alone does not */
    if (/[;()]/.test(code)) {
      return null;
    }

    const answer = this.call('policyToJson',
      `permit(principal == ${text}\n, action, resource);`);

    return answer.json?.principal.entity ?? null;
  }

  /* The ids that the command line gives: position, or the @id annotation */
  named(pieces) {
    const out = [];

    for (const [i, piece] of pieces.entries()) {
      let id = `policy${i}`;

      if (piece.annotated) {
        const answer = this.call(piece.template ? 'templateToJson'
          : 'policyToJson', piece.text);
        const found = answer.json.annotations ?? {};

        if (Object.hasOwn(found, 'id')) {
          id = found.id ?? '';
        }
      }
      out.push({ ...piece, id });
    }
    return out;
  }

  /* Link files hold no Cedar values, so JSON.parse reads them; what it would
     let through is refused here. */
  links(text) {
    const list = JSON.parse(text);
    const refuse = (message) => {
      throw new SyntaxError(message);
    };

    if (has_repeated_key(parse(text)) || has_lone_surrogate(text)) {
      refuse('repeated key or lone surrogate');
    }
    if (!Array.isArray(list)) {
      refuse('not an array');
    }
    return list.map((item) => {
      if (typeof item?.template_id !== 'string'
          || typeof item.link_id !== 'string' || item.args === null
          || typeof item.args !== 'object' || Array.isArray(item.args)) {
        refuse('not a link');
      }

      const values = {};

      for (const [slot, arg] of Object.entries(item.args)) {
        const uid = typeof arg === 'string' ? this.uid(arg) : null;

        if (uid === null || !/^\?(principal|resource)$/.test(slot)) {
          refuse(`bad argument ${slot}`);
        }
        values[slot] = uid;
      }
      return { templateId: item.template_id, newId: item.link_id, values };
    });
  }

  /* Takes a policy set: {} or { kind, message } */
  policies(text, links = null) {
    try {
      return this.set(text, links);
    } catch (e) {
      if (e instanceof SyntaxError) {
        return { kind: 'links', message: e.message };
      }
      if (e instanceof RangeError) {
        return unknown(e);
      }
      throw e;
    }
  }

  /* Text as the reference's policy set with the command line's ids, or
     { kind, message } */
  parts(text) {
    const whole = this.call('policySetTextToParts', text);

    if (whole.type !== 'success') {
      return { kind: 'policies', message: first_message(whole.errors) };
    }

    const pieces = this.named(split(text));
    const ids = new Set(pieces.map((p) => p.id));
    const fixed = pieces.filter((p) => !p.template);

    if (fixed.length !== whole.policies.length
        || pieces.length - fixed.length !== whole.policy_templates.length) {
      throw new Error(`split differs from the reference: ${text}`);
    }
    if (ids.size !== pieces.length) {
      return { kind: 'policies', message: 'duplicate id' };
    }

    const by_id = (list) => Object.fromEntries(list
      .map((p) => [p.id, p.text]));

    return { staticPolicies: by_id(fixed),
      templates: by_id(pieces.filter((p) => p.template)) };
  }

  set(text, links) {
    this.lost = false;
    if (links === null && !/[@?]/.test(text)) {
      const answer = this.call('preparsePolicySet', 'set',
        { staticPolicies: text });

      return answer.type === 'success' ? {} : { kind: 'policies',
        message: answer.message ?? first_message(answer.errors) };
    }

    const set = this.parts(text);

    if (set.kind !== undefined) {
      return set;
    }
    set.templateLinks = links === null ? [] : this.links(links);

    const answer = this.call('preparsePolicySet', 'set', set);

    if (answer.type !== 'success') {
      return { kind: 'links', message: answer.message
        ?? first_message(answer.errors) };
    }
    return {};
  }

  /* Takes entities: {} or { kind, message } */
  entities(text) {
    try {
      JSON.parse(text);
    } catch (e) {
      return { kind: 'json', message: e.message };
    }
    try {
      const answer = this.call('checkParseEntities',
        new Raw(`{"entities":${text}}`));

      return answer.type === 'success' ? {} : { kind: 'entities',
        message: answer.message ?? first_message(answer.errors) };
    } catch (e) {
      return unknown(e);
    }
  }

  /* one uid of a request as the reference takes it, or null */
  request_uid(text) {
    const value = JSON.parse(text);

    if (typeof value !== 'string') {
      return text;
    }

    const uid = this.uid(value);

    return uid === null ? null : JSON.stringify(uid);
  }

  /* A decision over the set taken last; entities is text it accepts */
  request(entities, r) {
    const uids = {};

    if (this.lost) {
      return unknown(new RangeError('the policy set is gone'));
    }

    try {
      for (const name of ['principal', 'action', 'resource']) {
        uids[name] = this.request_uid(r[name]);
        if (uids[name] === null) {
          return { kind: 'request', message: `${name} is no uid` };
        }
      }
      JSON.parse(r.context ?? '{}');
      JSON.parse(entities);
    } catch (e) {
      return e instanceof RangeError ? unknown(e)
        : { kind: 'json', message: e.message };
    }
    try {
      return this.decide(entities, uids, r.context ?? '{}');
    } catch (e) {
      return unknown(e);
    }
  }

  decide(entities, uids, context) {
    const answer = this.call('statefulIsAuthorized', new Raw(
      `{"principal":${uids.principal},"action":${uids.action},`
      + `"resource":${uids.resource},"context":${context},`
      + `"preparsedPolicySetId":"set","entities":${entities}}`));

    if (answer.type !== 'success') {
      return { kind: 'request', message: answer.message
        ?? first_message(answer.errors) };
    }

    const { decision, diagnostics } = answer.response;

    return {
      decision,
      reason: diagnostics.reason.slice().sort(),
      errors: diagnostics.errors.map(({ policyId, error }) => ({
        policy: policyId, kind: error_kind(error.message),
        message: error.message,
      })),
    };
  }

  /*
   * Strict validation of { schema or schemaJson (text), policies }:
   * { kind: 'accepted' 'schema' 'policies' 'validation' 'json' 'unknown',
   *   policies: ids with errors, message }
   */
  validate(c) {
    try {
      JSON.parse(schema_of(c));
    } catch (e) {
      return { kind: 'json', message: e.message };
    }
    try {
      return this.strict(c);
    } catch (e) {
      if (e instanceof RangeError) {
        return unknown(e);
      }
      throw e;
    }
  }

  strict(c) {
    const schema = schema_of(c);
    const parsed = this.call('checkParseSchema', new Raw(schema));

    if (parsed.type !== 'success') {
      return { kind: 'schema', message: parsed.message
        ?? first_message(parsed.errors) };
    }

    const set = this.parts(c.policies);

    if (set.kind !== undefined) {
      return set;
    }

    const answer = this.call('validate', new Raw(
      `{"validationSettings":{"mode":"strict"},"schema":${schema},`
      + `"policies":${JSON.stringify(set)}}`));

    if (answer.type !== 'success') {
      return { kind: 'policies', message: answer.message
        ?? first_message(answer.errors) };
    }

    const found = answer.validationErrors;

    return {
      kind: found.length > 0 ? 'validation' : 'accepted',
      policies: [...new Set(found.map((e) => e.policyId))].sort(),
      message: found.map((e) => e.error.message).join('; '),
    };
  }

  /* All answers of a case: { policies, entities, requests } */
  run(c) {
    const policies = this.policies(c.policies, c.links);
    const requests = [];
    let entities;

    /* a decision shows that the entities are good, which saves a reading */
    if (policies.kind === undefined && c.requests.length > 0) {
      requests.push(this.request(c.entities, c.requests[0]));
    }
    entities = requests[0]?.decision !== undefined ? {}
      : this.entities(c.entities);

    const bad = policies.kind ?? entities.kind;

    if (bad !== undefined) {
      return { policies, entities, requests: c.requests.map(() => ({
        kind: bad === 'unknown' ? 'unknown' : 'state', message: '' })) };
    }
    for (const r of c.requests.slice(requests.length)) {
      requests.push(this.request(c.entities, r));
    }
    return { policies, entities, requests };
  }
}
