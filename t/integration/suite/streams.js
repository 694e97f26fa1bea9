/* Server-sent events: as they are produced, to whom they belong. */

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { newSession } from '../lib/http.js';
import { eventually } from '../lib/process.js';
import { test } from '../lib/runner.js';
import { SERVED } from '../lib/world.js';


for (const name of ['acme', 'globex']) {
    test(`a stream of ${name} arrives while it is produced`,
         async (world) => {
        const session = newSession();
        const { status, headers, events, done } = await world.listen(
            name, { count: 8, gap: 100 }, { session });

        assert.equal(status, 200);
        assert.match(headers['content-type'], /^text\/event-stream/);
        await done;

        assert.deepEqual(events.map(({ data }) => data.n),
                         [0, 1, 2, 3, 4, 5, 6, 7]);

        /* one machine, one clock */

        const last = events.at(-1).data.produced;

        assert.ok(events[0].arrived < last, 'first before the last was made');

        for (const { data, arrived } of events) {
            assert.equal(data.tenant, name);
            assert.equal(data.session, session);
            assert.ok(arrived - data.produced < 90,
                      `event ${data.n}: ${arrived - data.produced} ms`);
        }
    });
}


test('streams of all tenants at once stay apart', async (world) => {
    const wanted = Array.from({ length: 24 }, (_, i) => ({
        name: SERVED[i % SERVED.length], session: newSession(),
    }));

    await Promise.all(wanted.map(async ({ name, session }) => {
        const { done } = await world.listen(name, { count: 10, gap: 20 },
                                            { session });
        const events = await done;

        assert.equal(events.length, 10);

        for (const { data } of events) {
            assert.equal(data.tenant, name);
            assert.equal(data.session, session);
            assert.equal(data.agent, name === 'acme' ? 'acme' : 'pool');
        }
    }));
});


test('an error in a stream is its last event', async (world) => {
    const { status, done } = await world.listen('globex', {
        count: 9, gap: 10, breakAt: 2,
    });
    const events = await done;

    assert.equal(status, 200);
    assert.deepEqual(events.map(({ event }) => event),
                     ['message', 'message', 'error']);
    assert.equal(events[2].data.error, 'the model went away');
});


test('an agent that fails is the agent\'s 500', async (world) => {
    const answer = await world.ask('acme', { do: 'fail' });

    assert.equal(answer.status, 500);
    assert.deepEqual(answer.json, { error: 'no model today' });
});


test('a stream nobody accepts is the runtime\'s 406', async (world) => {
    const answer = await world.ask('initech', { do: 'stream', count: 2 });

    assert.equal(answer.status, 406);
});


test('a client that goes away ends the work of the agent', async (world) => {
    for (const [name, runtime] of [['acme', 'acme'], ['globex', 'pool']]) {
        const before = await world.streams(runtime);
        const { events, abort } = await world.listen(name, {
            count: 400, gap: 50,
        });

        assert.ok(await eventually(() => events.length > 1));
        assert.equal((await world.streams(runtime)).running,
                     before.running + 1);

        abort();

        assert.ok(await eventually(async () =>
            (await world.streams(runtime)).running === before.running));

        const after = await world.streams(runtime);

        assert.equal(after.cut, before.cut + 1);
        assert.equal(after.finished, before.finished);
    }
});


test('a long stream holds up nobody else', async (world) => {
    const { done } = await world.listen('globex', { count: 20, gap: 50 });
    const begun = Date.now();

    for (let i = 0; i < 10; i++) {
        const answer = await world.ask('initech', { do: 'echo' });

        assert.equal(answer.status, 200);
        await sleep(5);
    }

    assert.ok(Date.now() - begun < 900, 'answers while the stream goes on');
    assert.equal((await done).length, 20);
});
