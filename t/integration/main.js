/*
 * node main.js MODULE [SUITE...]: the tests, or the named files of suite/.
 * The last line is "N passed, N failed".
 */

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { close } from './lib/http.js';
import { stopAll } from './lib/process.js';
import { runTests } from './lib/runner.js';
import { World } from './lib/world.js';


/* after the others, in this order: the later ones disturb more */
const LAST = ['routing', 'mixed', 'reload', 'log', 'oidc'];

const suites = fs.readdirSync(new URL('suite', import.meta.url))
    .filter((name) => name.endsWith('.js'))
    .map((name) => path.basename(name, '.js'))
    .filter((name) => !LAST.includes(name))
    .sort()
    .concat(LAST);

const [, , module, ...named] = process.argv;
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'tenant-integration-'));

let failed = 1;


async function finish()
{
    close();
    await stopAll();

    if (process.env.KEEP) {
        console.log(`# kept: ${dir}`);

    } else {
        fs.rmSync(dir, { recursive: true, force: true });
    }
}


for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.once(signal, async () => {
        await finish();
        process.exit(1);
    });
}

/* who reads the output may leave, as head does: the run goes on */
process.stdout.on('error', () => {});

/* a promise nobody waited for: the run is not what it seems */
let broken = false;

process.on('uncaughtException', async (error) => {
    console.log(error.stack ?? String(error));

    /* the end of one often brings others, which must not cut it short */

    if (broken) {
        return;
    }

    broken = true;
    await finish();
    console.log('0 passed, 1 failed');
    process.exit(1);
});

try {
    const world = await World.start(dir, path.resolve(module));

    for (const suite of named.length ? named : suites) {
        await import(`./suite/${suite}.js`);
    }

    const totals = await runTests(world);

    ({ failed } = totals);
    await finish();
    console.log(`${totals.passed} passed, ${failed} failed`);

} catch (error) {
    console.log(error.stack ?? String(error));
    await finish();
    console.log('0 passed, 1 failed');
}

process.exitCode = failed ? 1 : 0;
