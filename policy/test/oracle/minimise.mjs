/*
 * Makes a failing case small. `fails` is asked with a changed case and
 * tells whether it still disagrees in the same way.
 */

import * as json from './json.mjs';
import { split } from './reference.mjs';

const BUDGET = 600;     /* questions to both engines */

const TOKENS = new RegExp([/\/\/[^\n\r]*/, /"(?:[^"\\]|\\[^])*"/,
  /[_A-Za-z]\w*/, /\d+/, /::/, /&&/, /\|\|/, /[=!<>]=/, /\s+/, /[^]/]
  .map((re) => re.source).join('|'), 'gu');


class Spent extends Error {}


/* ddmin over a list: chunks are left out while the case still fails */
async function shrink_list(list, fails) {
  let size = Math.ceil(list.length / 2);

  while (size >= 1) {
    let removed = false;

    for (let at = 0; at < list.length;) {
      const less = [...list.slice(0, at), ...list.slice(at + size)];

      if (less.length < list.length && await fails(less)) {
        list = less;
        removed = true;
      } else {
        at += size;
      }
    }
    if (size === 1 && !removed) {
      break;
    }
    size = size === 1 ? 1 : Math.ceil(size / 2);
  }
  return list;
}


export async function shrink_text(text, fails) {
  const pieces = split(text);
  let out = text;

  if (pieces.length > 1) {
    out = (await shrink_list(pieces.map((p) => p.text),
      (l) => fails(l.join('')))).join('');
  }
  out = (await shrink_list(out.match(TOKENS) ?? [],
    (l) => fails(l.join('')))).join('');
  if (out.length < 200) {
    out = (await shrink_list(Array.from(out), (l) => fails(l.join(''))))
      .join('');
  }
  return out;
}


/* leaves out members of the tree one by one, outermost first */
export async function shrink_json(text, fails) {
  let tree;

  try {
    tree = json.parse(text);
  } catch {
    return text;
  }

  let out = json.print(tree);

  if (!await fails(out)) {
    return text;
  }
  for (let n = 0; n < json.places(tree).length;) {
    const less = json.clone(tree);
    const [list, i] = json.places(less)[n];

    list.splice(i, 1);
    if (await fails(json.print(less))) {
      tree = less;
      out = json.print(tree);
    } else {
      n++;
    }
  }
  return out;
}


/* stage: the difference's; returns the smallest case found */
export async function minimise(c, stage, still_fails) {
  let best = c;
  let left = BUDGET;
  const attempt = async (changes) => {
    const next = { ...best, ...changes };

    if (left-- <= 0) {
      throw new Spent();
    }
    if (!await still_fails(next)) {
      return false;
    }
    best = next;
    return true;
  };
  const field = (name, shrink) => (best[name] === null ? null
    : shrink(best[name], (text) => attempt({ [name]: text })));
  const request = async (name) => {
    const r = best.requests[0];

    if (r?.[name] !== undefined) {
      await shrink_json(r[name], (text) => attempt(
        { requests: [{ ...best.requests[0], [name]: text }] }));
    }
  };

  try {
    await attempt({ requests: typeof stage === 'number'
      ? [c.requests[stage]] : [] });
    await attempt({ links: null });
    await attempt({ policies: '' });
    await attempt({ entities: '[]' });
    await attempt({ requests: best.requests.map((r) => (
      { ...r, context: undefined })) });
    await field('policies', shrink_text);
    await field('entities', shrink_json);
    await field('links', shrink_json);
    await request('context');
    await field('policies', shrink_text);
  } catch (e) {
    if (!(e instanceof Spent)) {
      throw e;
    }
  }
  return best;
}
