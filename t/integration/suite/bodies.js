/* Bodies up to what a runtime takes, 1 MiB. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';

import { test } from '../lib/runner.js';


const MIB = 1024 * 1024;


/* A body of exactly `bytes`, and the text in it. */
function sized(bytes)
{
    const frame = JSON.stringify({ do: 'digest', text: '' }).length;
    const text = 'The quick brown fox. '.repeat(bytes / 20)
        .slice(0, bytes - frame);

    return { do: 'digest', text };
}


for (const bytes of [100, 64 * 1024, MIB - 1, MIB]) {
    test(`a body of ${bytes} bytes arrives whole`, async (world) => {
        const body = sized(bytes);

        assert.equal(JSON.stringify(body).length, bytes);

        for (const name of ['acme', 'globex']) {
            const { status, json } = await world.ask(name, body);

            assert.equal(status, 200);
            assert.equal(json.tenant, name);
            assert.equal(json.sha256, createHash('sha256')
                .update(body.text).digest('hex'));
        }
    });
}


// The runtime answers at once and closes with most of the body unread: its
// answer may be lost in the reset, which is nginx's 502 then.
test('what is too much for the runtime is refused, the next is not',
    async (world) => {
        const { status } = await world.ask('globex', sized(MIB + 1));

        assert.ok([413, 502].includes(status), `status ${status}`);

        const { json } = await world.ask('globex', sized(1000));

        assert.equal(json.tenant, 'globex');
    });


test('large bodies of several tenants at once stay apart', async (world) => {
    const names = ['acme', 'globex', 'initech', 'umbrella'];

    await Promise.all([...names, ...names, ...names].map(async (name, i) => {
        const body = sized(300000 + i);
        const { json } = await world.ask(name, body);

        assert.equal(json.tenant, name);
        assert.equal(json.length, body.text.length);
        assert.equal(json.sha256, createHash('sha256')
            .update(body.text).digest('hex'));
    }));
});
