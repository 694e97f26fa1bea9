/*
 * Bytes that are not UTF-8. The reference takes strings only, so there is
 * nothing to compare: RFC 8259 and the Cedar grammar want UTF-8, and a tool
 * must refuse anything else, in lines and in files.
 *
 *   node bytes.mjs --tool build/tenant-policy
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { Tool } from './tool.mjs';
import { options } from './options.mjs';

const BAD = {
  'lone continuation': [0x80], 'overlong NUL': [0xc0, 0x80],
  'overlong slash': [0xe0, 0x80, 0xaf], 'high surrogate': [0xed, 0xa0, 0x80],
  'low surrogate': [0xed, 0xbf, 0xbf], 'beyond 10FFFF': [0xf4, 0x90, 0x80,
    0x80], 'five bytes': [0xf8, 0x88, 0x80, 0x80, 0x80], 'cut short': [0xe2,
    0x82], 'never a byte': [0xff],
};
const GOOD = { 'U+0080': [0xc2, 0x80], 'U+D7FF': [0xed, 0x9f, 0xbf],
  'U+FFFF': [0xef, 0xbf, 0xbf], 'U+10FFFF': [0xf4, 0x8f, 0xbf, 0xbf] };

/* %% stands where the bytes go */
const POLICIES = {
  comment: '// %%\npermit(principal, action, resource);',
  string: 'permit(principal, action, resource) when { "%%" == "" };',
  'uid id': 'permit(principal == User::"%%", action, resource);',
  'end comment': 'permit(principal, action, resource);// %%',
};
const ENTITIES = {
  id: '[{"uid":{"type":"User","id":"%%"},"attrs":{},"parents":[]}]',
  key: '[{"uid":{"type":"U","id":""},"attrs":{"%%":1},"parents":[]}]',
  value: '[{"uid":{"type":"U","id":""},"attrs":{"a":"%%"},"parents":[]}]',
};

const opt = options({ tool: '../../../build/tenant-policy' });
const tool = new Tool([opt.tool, 'authorize', '--batch']);
const folder = mkdtempSync(join(tmpdir(), 'oracle-'));
let passed = 0;
let failed = 0;


function fill(template, bytes) {
  const [before, after] = template.split('%%');

  return Buffer.concat([Buffer.from(before), Buffer.from(bytes),
    Buffer.from(after)]);
}


async function check(name, line, kinds) {
  const answer = await tool.ask(line);
  const got = answer.ok === true ? 'accepted' : answer.error?.kind;

  if (kinds.includes(got)) {
    passed++;
  } else {
    failed++;
    console.log(`not ok: ${name}: ${JSON.stringify(answer)}`);
  }
}


async function check_all(what, templates, field, kind) {
  for (const [place, template] of Object.entries(templates)) {
    for (const [name, bytes] of Object.entries({ ...BAD, ...GOOD })) {
      const fine = GOOD[name] !== undefined;
      const file = join(folder, 'input');
      const title = `${what}, ${place}, ${name}`;

      writeFileSync(file, fill(template, bytes));
      await check(`${title}, file`, JSON.stringify({ id: 1,
        [`${field}File`]: file }), fine ? ['accepted'] : [kind, 'json']);

      const inline = field === 'policies' ? JSON.stringify(template)
        : template;

      await check(`${title}, line`, fill(`{"id":1,"${field}":${inline}}`,
        bytes), fine ? ['accepted'] : ['json', kind]);
    }
  }
}


try {
  await check_all('policies', POLICIES, 'policies', 'policies');
  await check_all('entities', ENTITIES, 'entities', 'entities');
} finally {
  rmSync(folder, { recursive: true });
}
await tool.stop();
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
