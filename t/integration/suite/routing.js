/* Each tenant at its own agent, and nowhere else when that is down. */

import assert from 'node:assert/strict';

import { test } from '../lib/runner.js';
import { seen } from '../lib/world.js';


test('a bridged tenant is in its silo for one agent, pooled for another',
     async (world) => {
    const analyst = await world.ask('umbrella', { do: 'echo' },
                                    { agent: 'analyst' });

    assert.equal(analyst.json.agent, 'umbrella');
    assert.deepEqual(seen(analyst.json.headers),
                     world.expected('umbrella',
                                    { agent: 'analyst', model: 'silo' }));

    const support = await world.ask('umbrella', { do: 'echo' });

    assert.equal(support.json.agent, 'pool');
    assert.deepEqual(seen(support.json.headers), world.expected('umbrella'));
});


test('an agent nobody registered is not found', async (world) => {
    const answer = await world.ask('acme', { do: 'echo' },
                                   { agent: 'nobody' });

    assert.equal(answer.status, 404);
    assert.match(answer.text, /unknown-agent/);
});


test('a silo tenant without a server for an agent is never pooled',
     async (world) => {
    const { pool } = world.tenants.acme;

    await pool.createUser('grace', { groups: ['analyst'] });

    const { access } = await pool.signIn('grace');
    const answer = await world.ask('acme', { do: 'echo' },
                                   { agent: 'analyst', token: access });

    assert.equal(answer.status, 503);
    assert.match(answer.text, /no-route/);
});


test('a silo that is down is a 502 that names the tenant, never the pool',
     async (world) => {
    const before = world.gateway.errorLog().length;

    for (let i = 0; i < 5; i++) {
        const answer = await world.ask('wayne', { do: 'echo' },
                                       { agent: 'analyst' });

        assert.equal(answer.status, 502);
    }

    assert.ok(await world.gateway.logged(new RegExp(
        'tenant "wayne": silo server 127\\.0\\.0\\.1:'
        + `${world.ports.down} failed`), before));

    assert.equal((await world.ask('wayne', { do: 'echo' })).json.agent,
                 'pool');
});


test('a pool that dies takes no silo with it, and comes back',
     async (world) => {
    const before = world.gateway.errorLog().length;

    await world.stopAgent('pool');

    try {
        assert.equal((await world.ask('globex', { do: 'echo' })).status, 502);
        assert.equal((await world.ask('umbrella', { do: 'echo' })).status,
                     502);
        assert.ok(await world.gateway.logged(new RegExp(
            `tenant "globex": pool server 127\\.0\\.0\\.1:${
                world.ports.pool} failed`), before));

        const acme = await world.ask('acme', { do: 'echo' });

        assert.equal(acme.json.agent, 'acme');
        assert.equal((await world.ask('umbrella', { do: 'echo' },
                                      { agent: 'analyst' })).json.agent,
                     'umbrella');

    } finally {
        await world.restartAgent('pool');
    }

    const { status, json } = await world.ask('globex', { do: 'echo' });

    assert.equal(status, 200);
    assert.equal(json.tenant, 'globex');
});
