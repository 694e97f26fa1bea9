/*
 * Schemas for a world, as Cedar schema text and as JSON, both with the
 * variety the two formats allow and the mistakes people make in them.
 *
 * The model: [{ name, common: [[name, type]], entities: [[name, { parents,
 * attrs, tag, choice }]], actions: [[id, { parents, applies }]] }], one
 * element for each namespace; types as in world.mjs, plus { common: name }.
 */

import { literal } from './text.mjs';

const PARENTS = {
  User: ['Group', 'N::App'], Group: ['Group'], Doc: ['Doc', 'Group'],
  'N::App': ['Group'], Level: [],
};

const TEXT_NAMES = {
  bool: ['Bool', 'Bool', '__cedar::Bool'], long: ['Long', '__cedar::Long'],
  string: ['String', 'String', '__cedar::String'],
  ip: ['ipaddr', '__cedar::ipaddr'], decimal: ['decimal'],
  datetime: ['datetime'], duration: ['duration'],
};

const JSON_NAMES = {
  bool: ['Boolean', 'Boolean', 'Bool'], long: ['Long'], string: ['String'],
};

const MISTAKES = ['Nowhere', 'N::Nowhere', 'Set', 'Record', 'Entity',
  'Extension', 'Boolean', 'Bool', 'Long', 'String', '__cedar::Long',
  '__cedar::Nowhere', 'ipaddr', 'if', 'in', 'Action', 'action', 'T0', 'N::T0',
  'User', 'principal', 'permit'];


/* hoists some types into named ones; path: its namespace */
class Common {
  constructor(rng) {
    this.rng = rng;
    this.types = [];
  }

  wrap(type) {
    const { rng } = this;
    let out = type;

    if (type.set !== undefined) {
      out = { set: this.wrap(type.set) };
    } else if (type.rec !== undefined) {
      out = this.fields(type);
    }
    if (rng.chance(out.rec !== undefined ? 0.2 : 0.04)) {
      const name = rng.chance(0.99) ? `T${this.types.length}`
        : rng.pick(MISTAKES);

      this.types.push([name, out]);
      return { common: name };
    }
    return out;
  }

  /* a record whose fields are wrapped but which is none itself */
  fields(type) {
    return { rec: Object.fromEntries(Object.entries(type.rec)
      .map(([k, t]) => [k, this.wrap(t)])) };
  }
}


function strip(name, space) {
  return space !== '' && name.startsWith(space + '::')
    ? name.slice(space.length + 2) : name;
}


/* The actions of a namespace; world.actions collects what policies may
   name: { uid, principals, resources } */
function actions(world, space, common) {
  const { rng } = world;
  const type = space === '' ? 'Action' : `${space}::Action`;

  return world.ids[type].map((id, i) => {
    const principals = rng.weighted([[75, ['User']],
      [20, ['User', 'N::App']], [5, ['N::App']]]);
    const resources = rng.weighted([[75, ['Doc']], [15, ['Doc', 'Group']],
      [10, ['Group', 'Doc', 'User']]]);
    const context = rng.chance(0.85) ? common.wrap(world.context)
      : rng.pick([null, { rec: {} }, { rec: { other: 'long' } }]);
    const applies = rng.chance(0.93) ? { principals, resources, context }
      : null;

    if (applies !== null) {
      world.actions.push({ uid: { type, id }, principals, resources });
    }
    return [id, {
      parents: space !== '' && rng.chance(0.1)
        ? [{ type: 'Action', id: world.ids.Action[0] }]
        : i > 0 && rng.chance(0.5)
        ? [{ type: rng.chance(0.3) ? type : null,
          id: world.ids[type][rng.int(i)] }] : [],
      applies,
    }];
  });
}


/* fills world.actions and world.optional; returns the model */
export function schema_model(world) {
  const { rng } = world;
  const common = new Common(rng);
  const spaces = [{ name: '', entities: [] }, { name: 'N', entities: [] }];

  world.actions = [];
  for (const [type, { attrs, tag, choice }] of Object.entries(world.types)) {
    if (type.endsWith('Action')) {
      continue;
    }

    const space = spaces[type.startsWith('N::') ? 1 : 0];

    space.entities.push([strip(type, space.name), {
      parents: PARENTS[type].filter(() => rng.chance(0.8)),
      attrs: rng.chance(0.01) ? common.wrap({ rec: attrs })
        : common.fields({ rec: attrs }),
      tag: rng.chance(0.7) ? common.wrap(tag) : null,
      choice: choice ?? null,
    }]);
  }
  for (const space of spaces) {
    space.actions = actions(world, space.name, common);
    space.common = [];
  }
  spaces[0].common = common.types;
  return spaces;
}


/* Mistakes in the model itself */
export function spoil_model(rng, model) {
  const space = rng.pick(model);
  const [, entity] = rng.pick(space.entities);
  const [id, action] = rng.pick(space.actions);

  switch (rng.int(9)) {
    case 0:
      entity.parents.push(rng.pick(MISTAKES));
      break;
    case 1:
      (entity.attrs.rec ?? {}).extra = { ent: rng.pick(MISTAKES) };
      break;
    case 2:
      action.parents.push({ type: null, id: rng.pick([id, 'nowhere']) });
      break;
    case 3:
      if (action.applies !== null) {
        action.applies[rng.pick(['principals', 'resources'])]
          .push(rng.pick(MISTAKES));
      }
      break;
    case 4:
      if (action.applies !== null) {
        action.applies.context = rng.pick(['long', { ent: 'User' },
          { common: 'T0' }, { common: 'Nowhere' }]);
      }
      break;
    case 5:
      space.common.push([rng.pick(MISTAKES), rng.pick(['long',
        { common: 'T0' }, { rec: {} }])]);
      break;
    case 6:
      space.common.push(['C0', { common: rng.pick(['C0', 'C1']) }],
        ['C1', { set: { common: 'C0' } }]);
      break;
    case 7:
      space.entities.push([rng.pick(MISTAKES), { ...entity }]);
      break;
    default:
      if (action.applies !== null) {
        action.applies[rng.pick(['principals', 'resources'])] = [];
      }
  }
  return model;
}


const RESERVED = ['if', 'then', 'else', 'true', 'false', 'in', 'is', 'has',
  'like', '__cedar'];

function is_name(s) {
  return /^[_A-Za-z][_A-Za-z0-9]*$/.test(s) && !RESERVED.includes(s);
}


/* A model as schema tokens */
export class SchemaText {
  constructor(world) {
    this.world = world;
    this.rng = world.rng;
  }

  path(name) {
    return name.split('::').flatMap((p, i) => (i > 0 ? ['::', p] : [p]));
  }

  type(t) {
    const { rng } = this;

    if (typeof t === 'string') {
      return this.path(rng.pick(TEXT_NAMES[t]));
    }
    if (t.common !== undefined) {
      return this.path(t.common);
    }
    if (t.ent !== undefined) {
      return this.path(t.ent);
    }
    return t.set !== undefined ? ['Set', '<', ...this.type(t.set), '>']
      : this.record(t);
  }

  /* more: chance of a comma at the end */
  commas(items, more = 0.005) {
    const t = items.flatMap((x, i) => (i > 0 ? [',', ...x] : x));

    if (items.length > 0 && this.rng.chance(more)) {
      t.push(',');
    }
    return t;
  }

  name(s) {
    const bare = is_name(s) ? 0.8 : 0.002;

    return this.rng.chance(bare) ? s : literal(this.rng, s, 0);
  }

  record(t) {
    const fields = Object.entries(t.rec).map(([k, f]) => [
      ...this.annotations(), this.name(k),
      ...(this.world.optional.has(k) ? ['?'] : []), ':', ...this.type(f)]);

    return ['{', ...this.commas(fields, 0.2), '}'];
  }

  annotations() {
    return this.rng.chance(0.03) ? ['@', this.rng.pick(['doc', 'if', 'id']),
      ...(this.rng.chance(0.7) ? ['(', '"x"', ')'] : [])] : [];
  }

  /* one name bare, or any number in brackets */
  some(list, always = false) {
    if (list.length === 1 && !always && this.rng.chance(0.5)) {
      return this.path(list[0]);
    }
    return ['[', ...this.commas(list.map((n) => this.path(n))), ']'];
  }

  entity([name, e]) {
    const { rng } = this;

    if (e.choice !== null) {
      const choice = rng.chance(0.02) ? rng.pick([[], ['a', 'a'], ['']])
        : e.choice;

      return ['entity', name, 'enum', '[', ...this.commas(choice
        .map((c) => [literal(rng, c, 0)])), ']', ';'];
    }
    /* several names at once, and an empty shape */
    const names = rng.chance(0.02) ? [name, ',', rng.pick(['Other', name])]
      : [name];

    if (rng.chance(0.01)) {
      return ['entity', ...names, ';'];
    }
    return ['entity', ...names,
      ...(e.parents.length > 0 ? ['in', ...this.some(e.parents)] : []),
      ...(rng.chance(0.3) ? ['='] : []), ...this.type(e.attrs),
      ...(e.tag !== null ? ['tags', ...this.type(e.tag)] : []), ';'];
  }

  action([id, a]) {
    const parents = a.parents.map((p) => (p.type === null
      ? [this.name(p.id)] : [...this.path(p.type), '::',
        literal(this.rng, p.id, 0)]));
    const t = ['action', this.name(id)];

    if (this.rng.chance(0.02)) {
      t.push(',', this.rng.pick(['other', '"o t"', this.name(id)]));
    }

    if (parents.length > 0) {
      t.push('in', ...(this.rng.chance(0.5) ? parents[0]
        : ['[', ...this.commas(parents), ']']));
    }
    if (a.applies !== null) {
      const parts = [['principal', ':', ...this.some(a.applies.principals)],
        ['resource', ':', ...this.some(a.applies.resources)]];

      if (a.applies.context !== null) {
        parts.push(['context', ':', ...this.type(a.applies.context)]);
      }
      t.push('appliesTo', '{', ...this.commas(this.rng.chance(0.2)
        ? this.rng.shuffle(parts) : parts, 0.2), '}');
    }
    if (this.rng.chance(0.01)) {
      t.push('attributes', '{', '}');
    }
    return [...t, ';'];
  }

  tokens(model) {
    return model.flatMap((space) => {
      const inner = this.rng.shuffle([
        ...space.common.map(([name, t]) => ['type', name, '=',
          ...this.type(t), ';']),
        ...space.entities.map((e) => this.entity(e)),
        ...space.actions.map((a) => this.action(a)),
      ]).flatMap((t) => [...this.annotations(), ...t]);

      if (space.name === '') {
        return inner;
      }
      return [...this.annotations(), 'namespace', ...this.path(space.name),
        '{', ...inner, '}', ...(this.rng.chance(0.01) ? ['namespace',
          this.rng.pick(['M', 'N', 'if', 'N::M', '__cedar']), '{', '}']
          : [])];
    });
  }
}


function is_note(s) {
  return /^[_A-Za-z]\w*$/.test(s);
}


/* A model as a JSON value (plain, for JSON.stringify) */
export class SchemaJson {
  constructor(world) {
    this.world = world;
    this.rng = world.rng;
  }

  /* value with annotations, now and then */
  noted(value, share = 0.02) {
    const { rng } = this;

    if (rng.chance(share)) {
      value.annotations = Object.fromEntries(rng.many(0, 2, () => [
        rng.pick(['doc', 'id', 'if', 'in', '_a', 'a b', '', '1']),
        rng.pick(['', 'x', 'é', null])]).filter(([k]) => is_note(k)
        || rng.chance(0.2)));
    }
    return value;
  }

  type(t) {
    const { rng } = this;

    if (t === 'bool' || t === 'long' || t === 'string') {
      return { type: rng.pick(JSON_NAMES[t]) };
    }
    if (typeof t === 'string') {
      return rng.chance(0.7)
        ? { type: 'Extension', name: TEXT_NAMES[t][0] }
        : { type: 'EntityOrCommon', name: TEXT_NAMES[t][0] };
    }
    if (t.common !== undefined) {
      return rng.chance(0.7) ? { type: t.common }
        : { type: 'EntityOrCommon', name: t.common };
    }
    if (t.ent !== undefined) {
      return { type: rng.chance(0.7) ? 'Entity' : 'EntityOrCommon',
        name: t.ent };
    }
    return t.set !== undefined
      ? { type: 'Set', element: this.type(t.set) } : this.record(t);
  }

  record(t) {
    const out = { type: 'Record', attributes: {} };

    for (const [k, f] of Object.entries(t.rec)) {
      out.attributes[k] = this.noted(this.type(f), 0.01);
      if (this.world.optional.has(k)) {
        out.attributes[k].required = false;
      } else if (this.rng.chance(0.2)) {
        out.attributes[k].required = true;
      }
    }
    if (this.rng.chance(0.01)) {
      out.additionalAttributes = this.rng.chance(0.3);
    }
    return out;
  }

  entity(e) {
    if (e.choice !== null) {
      return this.noted({ enum: this.rng.chance(0.02)
        ? this.rng.pick([[], ['a', 'a'], ['']]) : e.choice,
      ...(this.rng.chance(0.02) ? { memberOfTypes: [] } : {}) });
    }

    const out = this.noted({});

    if (e.parents.length > 0 || this.rng.chance(0.5)) {
      out.memberOfTypes = e.parents;
    }
    if (e.attrs.common !== undefined
        || Object.keys(e.attrs.rec).length > 0 || this.rng.chance(0.5)) {
      out.shape = this.type(e.attrs);
    }
    if (e.tag !== null) {
      out.tags = this.type(e.tag);
    }
    return out;
  }

  action(a) {
    const out = this.noted({});

    if (this.rng.chance(0.02)) {
      out.attributes = this.rng.pick([{}, { a: 1 }, null]);
    }
    if (a.parents.length > 0 || this.rng.chance(0.2)) {
      out.memberOf = a.parents.map((p) => (p.type === null ? { id: p.id }
        : { id: p.id, type: p.type }));
    }
    if (a.applies !== null) {
      out.appliesTo = { principalTypes: a.applies.principals,
        resourceTypes: a.applies.resources };
      if (a.applies.context !== null) {
        out.appliesTo.context = this.type(a.applies.context);
      }
    }
    return out;
  }

  value(model) {
    return Object.fromEntries(model.map((space) => {
      const out = {
        entityTypes: Object.fromEntries(space.entities
          .map(([n, e]) => [n, this.entity(e)])),
        actions: Object.fromEntries(space.actions
          .map(([id, a]) => [id, this.action(a)])),
      };

      if (space.common.length > 0) {
        out.commonTypes = Object.fromEntries(space.common
          .map(([n, t]) => [n, this.noted(this.type(t))]));
      }
      return [space.name, this.noted(out)];
    }));
  }
}
