/* docs/onboarding.md: what it says to do is done, and what it shows comes. */

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { once } from 'node:events';

import { Control, HTTP, MAIN } from '../lib/control.js';
import { test } from '../lib/runner.js';


const page = fs.readFileSync(
    new URL('../../../docs/onboarding.md', import.meta.url), 'utf8');

/* fenced blocks in order: { language, text, shown }, the output of sh */
const blocks = [...page.matchAll(/^```(\w*)\n(.*?)^```$/msg)]
    .map(([, language, text]) => ({ language, text, shown: '' }));

blocks.forEach(({ language, text }, i) => {
    if (language === '') {
        assert.equal(blocks[i - 1].language, 'sh');
        blocks[i - 1].shown = text;
    }
});

const of = (wanted) => blocks.filter(({ language }) => language === wanted);

/* a line that nothing prints: the end of a block's output */
const END = '-- the end of a block --';

const state = {};


/* An agent that says whom it speaks with; its port. */
async function startAgent(name)
{
    const server = http.createServer((request, response) => {
        request.resume();
        request.once('end', () => response.end(
            `${name} answers ${request.headers['x-tenant-id']}`));
    });

    server.unref();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');

    return server.address().port;
}


/* The page's configuration at the ports and with the files of the test. */
function configure(module, port, api, pool)
{
    const [{ text }] = of('nginx');
    const changes = [
        [/^# complete$/m, ''],
        [/load_module .*;/, `load_module ${module};\n${MAIN}`],
        [/^http \{$/m, `http {\n${HTTP}`],
        ['127.0.0.1:8080', `127.0.0.1:${port}`],
        ['127.0.0.1:8081', `127.0.0.1:${api}`],
        ['127.0.0.1:8100', `127.0.0.1:${pool}`],
    ];

    return changes.reduce((conf, [from, to]) => {
        const changed = conf.replace(from, to);

        assert.notEqual(changed, conf, `${from} is in the configuration`);
        return changed;
    }, text);
}


/* As a regular expression: "…" is any text within its line. */
function pattern(shown)
{
    const parts = shown.split('…').map((part) =>
        part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));

    return new RegExp(`^${parts.join('.*')}$`);
}


async function newPool(world, name)
{
    const pool = await world.cognito.createPool(name);

    await pool.createUser('user', { groups: ['agent-user'] });

    return pool;
}


test('the gateway of the onboarding guide starts', async (world) => {
    const [{ text }] = of('cedar');

    state.control = await Control.start({
        module: path.resolve(process.argv[2]),
        dir: path.join(world.dir, 'guide'),
        pool: await startAgent('the pool'),
        policies: text,
        configure,
    });
});


test('the steps of the onboarding guide give what it shows',
     async (world) => {
    const steps = of('sh');
    const pool = await newPool(world, 'guide-acme');
    const other = await newPool(world, 'guide-globex');
    const script = steps.map(({ text }) => `${text}\necho '${END}'\n`);

    const { status, output } = await state.control.shell(script.join(''), {
        GATEWAY: state.control.url,
        COGNITO: world.cognito.url,
        POOL: pool.id, CLIENT: pool.client,
        POOL2: other.id, CLIENT2: other.client,
        NAME: 'user@example.test', PASSWORD: pool.password,
        SERVER: `127.0.0.1:${await startAgent('a silo')}`,
    });
    const outputs = output.split(`${END}\n`);

    steps.forEach(({ text, shown }, i) => {
        assert.match(outputs[i] ?? '', pattern(shown),
                     `${text}\nprints\n\n${outputs[i]}`);
    });

    assert.equal(status, 0, output);
    assert.equal(outputs.length, steps.length + 1, output);

    /* whose request it was, and where it went, is not in the page */

    assert.match(output, /^the pool answers acme$/m);
    assert.match(output, /^a silo answers acme$/m);
    assert.match(output, /^the pool answers globex$/m);
});


test('the gateway of the onboarding guide has nothing to complain of',
     async () => {
    await state.control.stop();
    assert.deepEqual(state.control.errorLog().split('\n').filter((line) =>
        /\[(alert|crit|emerg)\]|exited on signal/.test(line)), []);
});
