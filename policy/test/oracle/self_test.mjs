/*
 * Shows that the comparison can fail: the reference agrees with itself, and
 * a reference with a planted fault is found out.
 */

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { dirname } from 'node:path';

const FOLDER = dirname(fileURLToPath(import.meta.url));
let passed = 0;
let failed = 0;


function check(fault, wanted, script, cases) {
  const { status, stdout, stderr } = spawnSync(process.execPath,
    [script, '--tool', './stand_in.mjs', '--cases', cases],
    { cwd: FOLDER, encoding: 'utf8',
      env: { ...process.env, ORACLE_FAULT: fault } });

  if (status === wanted) {
    passed++;
    return;
  }
  failed++;
  console.log(`not ok: ${script} with fault '${fault}' left with ${status}`);
  console.log(stdout.slice(-2000) + stderr.slice(-2000));
}


check('', 0, 'compare.mjs', '600');
for (const fault of ['decision', 'reason', 'kind', 'accept', 'entities',
  'crash']) {
  check(fault, 1, 'compare.mjs', '600');
}
check('', 0, 'validate.mjs', '300');
check('lenient', 1, 'validate.mjs', '300');
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
