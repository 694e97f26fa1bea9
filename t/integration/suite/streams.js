/* Server-sent events: as they are produced, to whom they belong. */

import assert from 'node:assert/strict';

import { newSession } from '../lib/http.js';
import { eventually } from '../lib/process.js';
import { test } from '../lib/runner.js';
import { SERVED } from '../lib/world.js';


for (const name of ['acme', 'globex']) {
    test(`a stream of ${name} arrives while it is produced`,
         async (world) => {
        const session = newSession();
        const runtime = name === 'acme' ? 'acme' : 'pool';
        const { status, headers, events, done } = await world.listen(
            name, { count: 5, held: true }, { session });

        assert.equal(status, 200);
        assert.match(headers['content-type'], /^text\/event-stream/);

        /* the agent makes the next when this one is here, not before */

        for (let n = 0; n < 5; n++) {
            assert.ok(await eventually(() => events.length > n),
                      `event ${n} is held back`);
            assert.equal(events.length, n + 1);

            if (n < 4) {
                assert.equal(await world.release(runtime, session, 1), true);
            }
        }

        await done;

        assert.deepEqual(events.map(({ data }) => data.n),
                         [0, 1, 2, 3, 4]);

        for (const { data } of events) {
            assert.equal(data.tenant, name);
            assert.equal(data.session, session);
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
            count: 100000, gap: 50,
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


test('a client that leaves a silent stream frees the connection at once',
     async (world) => {
    for (const [name, runtime] of [['acme', 'acme'], ['globex', 'pool']]) {
        const session = newSession();
        const { events, abort } = await world.listen(name, {
            count: 2, held: true,
        }, { session });

        assert.ok(await eventually(() => events.length === 1));
        assert.equal(await world.connected(runtime, session), true);

        abort();

        assert.ok(await eventually(async () =>
            !await world.connected(runtime, session)));
        assert.equal(events.length, 1);

        await world.release(runtime, session);
    }
});


test('a client that reads slowly slows its agent down, nothing is stored',
     async (world) => {
    const count = 1500;
    const fill = 65536;
    const from = world.gateway.errorLog().length;
    const before = await world.streams('acme');
    const { done, pause, resume } = await world.listen('acme',
                                                       { count, fill });

    /* sockets take some megabytes, the whole is about 100 */

    pause();

    assert.ok(await eventually(async () =>
        (await world.streams('acme')).idle > 1000));
    assert.ok((await world.streams('acme')).events < before.events + count);

    resume();

    const events = await done;

    assert.deepEqual(events.map(({ data }) => data.n),
                     Array.from({ length: count }, (_, n) => n));
    assert.ok(events.every(({ data }) => data.fill.length === fill));
    assert.doesNotMatch(world.gateway.errorLog().slice(from),
                        /buffered to a temporary file/);
});


test('a long stream holds up nobody else', async (world) => {
    const session = newSession();
    const { events, done } = await world.listen('globex', {
        count: 3, held: true,
    }, { session });

    assert.ok(await eventually(() => events.length === 1));

    for (let i = 0; i < 10; i++) {
        const answer = await world.ask('initech', { do: 'echo' });

        assert.equal(answer.status, 200);
    }

    assert.equal(events.length, 1);
    assert.equal(await world.release('pool', session), true);
    assert.equal((await done).length, 3);
});
