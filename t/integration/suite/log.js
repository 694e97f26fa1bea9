/* What nginx itself thought of all that went before. */

import assert from 'node:assert/strict';

import { test } from '../lib/runner.js';


test('the error log of the whole run has no alert and no crash',
     (world) => {
    assert.deepEqual(world.gateway.errorLog().split('\n').filter((line) =>
        /\[(alert|crit)\]|exited on signal/.test(line)), []);
});
