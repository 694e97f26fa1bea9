/*
 * Expressions and policies for the validator: well typed under strict
 * validation most of the time, with the idioms that capabilities rest on
 * (`has` before access, `hasTag` before `getTag`) in right and wrong form.
 */

import { Expressions, path_tokens, uid_tokens } from './expression.mjs';
import { action, annotations, conditions, party } from './policy.mjs';
import { literal } from './text.mjs';

const PRINCIPALS = [[75, 'User'], [10, 'Group'], [10, 'N::App'],
  [5, 'Level']];
const RESOURCES = [[80, 'Doc'], [20, 'Group']];


class TypedExpressions extends Expressions {
  constructor(world, broken) {
    super(world, broken);
    this.safe = new Map([...this.paths].map(([key, list]) => [key,
      list.filter(({ path }) => !path.some((n) => world.optional.has(n)))])
      .filter(([, list]) => list.length > 0));
  }

  leaf(type) {
    const { rng } = this;
    const list = rng.chance(0.02 + this.broken)
      ? this.paths.get(JSON.stringify(type))
      : this.safe.get(JSON.stringify(type));

    return list !== undefined && rng.chance(0.6)
      ? this.path(rng.pick(list)) : this.constant(type, 1);
  }

  uid(type) {
    const { ids } = this.world;

    return ids[type] === undefined || this.rng.chance(this.broken / 2)
      ? super.uid('Ghost') : this.world.uid(type);
  }

  constant(type, depth) {
    if (['ip', 'decimal', 'datetime', 'duration'].includes(type)
        && this.broken === 0) {
      const good = { ip: '10.0.0.0/8', decimal: '1.5',
        datetime: '2024-01-01', duration: '1h30m' };

      return this.call(type, [literal(this.rng, good[type])]);
    }
    return super.constant(type, depth);
  }

  set(type, depth) {
    const { rng } = this;
    const items = rng.many(rng.chance(this.broken) ? 0 : 1, 3,
      () => this.at(this.of(type, depth - 1), 0));

    return { t: this.list('[', items, ']'), p: 7 };
  }

  record(fields, depth) {
    const full = fields.filter(([k]) => !this.world.optional.has(k)
      || this.rng.chance(0.7));

    return super.record(full, depth);
  }

  compound(type, depth) {
    return (type === 'ip' || type === 'decimal') && !this.rng.chance(0.03)
      ? this.wrapped(type, depth - 1) : super.compound(type, depth);
  }

  /* a tag's value behind its test */
  tag(type, depth) {
    const { rng } = this;
    const e = this.of({ ent: type }, depth - 1);
    const key = [literal(rng, rng.pick(['k1', 'k2']))];
    const other = rng.chance(0.05) ? ['"k3"'] : key;
    const test = { t: [...this.at(e, 7), '.', 'hasTag', '(', ...key, ')'],
      p: 7 };
    const value = { t: [...this.at(e, 7), '.', 'getTag', '(', ...other,
      ')'], p: 7 };
    const value_type = this.world.types[type].tag;

    return rng.chance(0.03) ? value
      : { t: ['if', ...test.t, 'then', ...value.t, 'else',
        ...this.at(this.leaf(value_type), 0)], p: 0 };
  }

  is(depth) {
    const { rng } = this;
    const types = Object.keys(this.world.types);

    if (rng.chance(0.03)) {
      return super.is(depth);
    }

    const t = [...this.at(this.entity(depth), 4), 'is',
      ...path_tokens(rng, rng.pick(types))];

    if (rng.chance(0.3)) {
      t.push('in', ...this.at(this.group(depth), 4));
    }
    return { t, p: 3 };
  }

  bool(depth) {
    return this.rng.chance(0.2) ? this.capability(depth)
      : super.bool(depth);
  }

  /* the has test and an expression that needs it, or nothing to test */
  tested() {
    const { rng, world } = this;
    const found = [...this.paths].flatMap(([key, list]) => list
      .filter(({ path }) => world.optional.has(path[path.length - 1])
        && !path.slice(0, -1).some((n) => world.optional.has(n)))
      .map((p) => [JSON.parse(key), p]));

    if (found.length === 0) {
      return null;
    }

    const [type, { root, path }] = rng.pick(found);
    const base = this.path({ root, path: path.slice(0, -1) });
    const name = path[path.length - 1];
    const word = /^[_A-Za-z]\w*$/.test(name) && name !== 'if';
    const test = { t: [...base.t, 'has', word && rng.chance(0.8) ? name
      : literal(rng, name)], p: 3 };
    const value = this.access(base, name);
    const use = type === 'bool' && rng.chance(0.5) ? value
      : this.relation(rng.pick(['==', '!=']), value, this.leaf(type));

    return [test, use];
  }

  capability(depth) {
    const { rng } = this;
    const pair = this.tested();
    const other = this.of('bool', depth - 1);

    if (pair === null) {
      return other;
    }

    const [test, use] = pair;
    const and = (a, b) => this.binary(2, '&&', a, b);
    const or = (a, b) => this.binary(1, '||', a, b);
    const not = (a) => ({ t: ['!', ...this.at(a, 7)], p: 6 });

    switch (rng.int(14)) {
      case 0:
        return and(and(test, other), use);
      case 1:
        return and(test, and(other, use));
      case 2:
        return { t: ['if', ...test.t, 'then', ...use.t, 'else',
          ...other.t], p: 0 };
      case 3:
        return or(not(test), use);
      case 4:
        return and(or(test, other), use);
      case 5:
        return and(or(test, test), use);
      case 6:
        return and(use, test);
      case 7:
        return or(test, use);
      case 8:
        return and(test, or(use, other));
      case 9:
        return and(not(not(test)), use);
      case 10:
        return { t: ['if', ...and(test, other).t, 'then', ...use.t, 'else',
          ...this.at(other, 0)], p: 0 };
      case 11:
        return and({ t: ['if', ...this.at(other, 0), 'then', ...test.t,
          'else', 'false'], p: 0 }, use);
      default:
        return and(test, use);
    }
  }
}


/* a uid of a type, which a spoiled schema may have made up */
function known(world, type) {
  return world.ids[type] === undefined ? { type, id: 'x' }
    : world.uid(type);
}


/* A scope that names one environment, as careful authors write */
function scope(world) {
  const { rng } = world;
  const a = rng.pick(world.actions);
  const pick = (name, types) => {
    const type = types.length > 0 && rng.chance(0.9) ? rng.pick(types)
      : rng.pick(Object.keys(world.types));

    return rng.weighted([[30, () => [name]],
      [40, () => [name, 'is', ...path_tokens(rng, type)]],
      [15, () => [name, '==', ...uid_tokens(rng, known(world, type))]],
      [15, () => [name, 'is', ...path_tokens(rng, type), 'in',
        ...uid_tokens(rng, world.uid('Group'))]]])();
  };

  return [...pick('principal', a.principals), ',',
    'action', rng.pick(['==', 'in']), ...uid_tokens(rng, a.uid), ',',
    ...pick('resource', a.resources)];
}


/* the tokens of one policy; slots are rare but allowed */
export function typed_policy(world, ids) {
  const { rng } = world;
  const broken = rng.weighted([[70, 0], [30, 0.03]]);
  const slot = (name) => (rng.chance(0.03) ? ['?' + name] : null);
  const where = rng.chance(0.75) && world.actions.length > 0 ? scope(world)
    : [...party(world, 'principal', PRINCIPALS, slot('principal')), ',',
      ...action(world), ',',
      ...party(world, 'resource', RESOURCES, slot('resource'))];

  return [...annotations(rng, ids), rng.chance(0.7) ? 'permit' : 'forbid',
    '(', ...where, ')',
    ...conditions(rng, new TypedExpressions(world, broken)), ';'];
}
