/* The registry changes with a reload; what is under way goes on. */

import assert from 'node:assert/strict';

import { newSession } from '../lib/http.js';
import { eventually } from '../lib/process.js';
import { test } from '../lib/runner.js';
import { seen } from '../lib/world.js';


test('a tenant is added by a reload while a stream goes on',
     async (world) => {
    const { soylent } = world.tenants;
    const session = newSession();
    const { events, done } = await world.listen('acme', {
        count: 20, held: true,
    }, { session });

    assert.ok(await eventually(() => events.length === 1));
    assert.equal((await world.ask('soylent', { do: 'echo' })).status, 401);

    await world.gateway.reload(world.registry({ without: [] }));

    const { access } = await soylent.pool.signIn('user');
    const { status, json } = await world.ask('soylent', { do: 'echo' },
                                             { token: access });

    assert.equal(status, 200);
    assert.deepEqual(seen(json.headers), world.expected('soylent'));
    assert.equal(await world.release('acme', session), true);
    await done;

    assert.deepEqual(events.map(({ data }) => data.n),
                     Array.from({ length: 20 }, (_, n) => n));
    assert.ok(events.every(({ data }) => data.tenant === 'acme'));
});


test('a tenant that is removed is unknown after the reload',
     async (world) => {
    await world.gateway.reload(world.registry());

    const answer = await world.ask('soylent', { do: 'echo' });

    assert.equal(answer.status, 401);
});


test('a tenant is suspended and activated by reloads', async (world) => {
    await world.gateway.reload(world.registry({
        changes: { globex: { status: 'suspended' } },
    }));

    assert.equal((await world.ask('globex', { do: 'echo' })).status, 403);
    assert.equal((await world.ask('initech', { do: 'echo' })).status, 200);

    await world.gateway.reload(world.registry());

    assert.equal((await world.ask('globex', { do: 'echo' })).status, 200);
});


test('requests during reloads are all answered, each as its tenant',
     async (world) => {
    let over = false;
    let answers = 0;

    /* a connection each: one that is kept may be closed by its old worker */

    async function client(name)
    {
        while (!over) {
            const { status, json } = await world.ask(name, { do: 'echo' },
                                                     { keep: false });

            assert.equal(status, 200);
            assert.deepEqual(seen(json.headers), world.expected(name));
            answers += 1;
        }
    }

    const clients = Promise.all(['acme', 'globex', 'umbrella', 'initech']
        .map(client));

    clients.catch(() => { over = true; });

    for (let i = 0; i < 3; i++) {
        const sofar = answers;

        await world.gateway.reload(world.registry());
        assert.ok(over || await eventually(() => over || answers > sofar));
    }

    over = true;
    await clients;
    assert.ok(answers >= 3);
});


test('a tenant moves from the pool to a silo by a reload', async (world) => {
    const server = `127.0.0.1:${world.ports.umbrella}`;

    await world.gateway.reload(world.registry({
        changes: {
            globex: {
                routes: { support: { model: 'silo', servers: [server] } },
            },
        },
    }));

    const { json } = await world.ask('globex', { do: 'echo' });

    assert.equal(json.agent, 'umbrella');
    assert.deepEqual(seen(json.headers),
                     world.expected('globex', { model: 'silo' }));

    await world.gateway.reload(world.registry());
});


test('a broken registry is refused and the old one serves on',
     async (world) => {
    const registry = world.registry();

    registry.tenants[1].tier = 'gold';
    world.gateway.write(registry);

    const { status, stderr } = world.gateway.check();

    assert.notEqual(status, 0);
    assert.match(stderr, /\/tenants\/1\/tier/);

    /* the old one is what it was, workers that finish streams aside */

    const before = world.gateway.workers();
    const from = world.gateway.errorLog().length;

    world.gateway.signalHangup();

    assert.ok(await world.gateway.logged(/\[emerg\].*\/tenants\/1\/tier/,
                                         from));
    assert.deepEqual(world.gateway.workers().filter((pid) =>
        !before.includes(pid)), []);
    assert.equal((await world.ask('globex', { do: 'echo' })).status, 200);

    world.gateway.write(world.registry());
});
