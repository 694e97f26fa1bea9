/* Tenants that come and go: from no registry to the first request. */

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { claims } from '../lib/cognito.js';
import { Control } from '../lib/control.js';
import { newSession } from '../lib/http.js';
import { eventually } from '../lib/process.js';
import { test } from '../lib/runner.js';
import { seen } from '../lib/world.js';


const CATALOGUE = {
    tiers: [{ id: 'basic', model: 'pool' }, { id: 'premium', model: 'silo' }],
    agents: [{ id: 'support' }],
};

const state = {};


/* What tenantctl prints, when it ends as it should. */
async function ctl(args, status = 0)
{
    const result = await state.control.ctl(...args);

    assert.equal(result.status, status, result.stdout + result.stderr);

    return result.stdout + result.stderr;
}


/* A user pool with a user, and the options that onboard it. */
async function newPool(world, name)
{
    const pool = await world.cognito.createPool(name);

    await pool.createUser('user');

    return {
        pool,
        options: ['--issuer', pool.iss,
                  '--jwks-uri', `${pool.iss}/.well-known/jwks.json`,
                  '--client-id', pool.client, '--token-use', 'access'],
    };
}


async function statuses(token, count = 8)
{
    const answers = await Promise.all(
        Array.from({ length: count }, () => state.control.ask(token)));

    return [...new Set(answers.map(({ status }) => status))];
}


test('a registry begins empty and gets its tiers and agents',
     async (world) => {
    state.control = await Control.start({
        module: path.resolve(process.argv[2]),
        dir: path.join(world.dir, 'control'),
        pool: world.ports.pool,
    });

    const file = path.join(world.dir, 'control/catalogue.json');

    fs.writeFileSync(file, JSON.stringify(CATALOGUE));
    assert.match(await ctl(['apply', file, '--yes']), /3 changes applied/);
});


test('a tenant with a new pool is served from its first request on',
     async (world) => {
    const { pool, options } = await newPool(world, 'oceanic');
    const { access } = await pool.signIn('user');

    assert.equal((await state.control.ask(access)).status, 401);

    assert.match(await ctl(['onboard', 'oceanic', '--tier', 'basic',
                            '--name', 'Oceanic Airlines', ...options]),
                 /^tenant oceanic: active$/m);

    const { status, json, text } = await state.control.ask(access);

    assert.equal(status, 200, text);
    assert.equal(json.agent, 'pool');
    assert.equal(seen(json.headers).id, 'oceanic');
    assert.equal(seen(json.headers).subject, claims(access).sub);

    state.oceanic = { pool, access };
});


test('tokens of a pool that nobody onboarded are refused', async (world) => {
    const { status } = await state.control.ask(world.tenants.acme.token);

    assert.equal(status, 401);
});


test('an id token, and one for another client, are not what was asked for',
     async () => {
    const { pool } = state.oceanic;
    const other = await pool.createClient('other');
    const { id } = await pool.signIn('user');
    const { access } = await pool.signIn('user', other);

    assert.equal((await state.control.ask(id)).status, 401);
    assert.equal((await state.control.ask(access)).status, 401);
});


test('a silo tenant waits for its servers and is never in the pool',
     async (world) => {
    const { pool, options } = await newPool(world, 'virtucon');
    const { access } = await pool.signIn('user');

    assert.match(await ctl(['onboard', 'virtucon', '--tier', 'premium',
                            ...options]),
                 /^tenant virtucon: provisioning$/m);
    assert.deepEqual(await statuses(access), [403]);

    await ctl(['set', 'tenant', 'virtucon', 'routes.support.model=silo',
               `routes.support.servers=["127.0.0.1:${world.ports.acme}"]`,
               'status=active']);

    const { status, json } = await state.control.ask(access);

    assert.equal(status, 200);
    assert.equal(json.agent, 'acme');
    assert.equal(seen(json.headers).id, 'virtucon');
});


test('tenants that are onboarded at the same time are each their own',
     async (world) => {
    const names = Array.from({ length: 8 }, (_, n) => `dharma-${n}`);

    await Promise.all(names.map(async (name) => {
        const { pool, options } = await newPool(world, name);
        const { access } = await pool.signIn('user');

        await ctl(['onboard', name, '--tier', 'basic', ...options]);

        const { status, json } = await state.control.ask(access);

        assert.equal(status, 200);
        assert.equal(seen(json.headers).id, name);
    }));

    const { json } = await state.control.get('/tenants?prefix=dharma-');

    assert.deepEqual(json.items.map(({ id }) => id), names);
});


test('a tenant is suspended: its next request and its stream end',
     async (world) => {
    const { access } = state.oceanic;
    const session = newSession();
    const { status, events, done } = await state.control.listen(
        access, { count: 1000, held: true }, { session });

    assert.equal(status, 200);
    assert.ok(await eventually(() => events.length === 1));

    await ctl(['suspend', 'oceanic']);
    assert.deepEqual(await statuses(access), [403]);

    /* cut: it rejects, or ends without what was to come */

    await done.catch(() => {});
    assert.ok(events.length < 1000);
    assert.ok(await eventually(async () =>
        !await world.connected('pool', session)));

    await ctl(['activate', 'oceanic']);
    assert.deepEqual(await statuses(access), [200]);
});


test('tokens from before a time are revoked, a new sign-in is not',
     async () => {
    const { pool, access } = state.oceanic;

    /* iat and the revocation are whole seconds */

    await sleep(1100);
    await ctl(['revoke', '--issuer', pool.iss, '--issued-before', 'now']);
    assert.deepEqual(await statuses(access), [401]);

    state.oceanic.access = (await pool.signIn('user')).access;
    assert.deepEqual(await statuses(state.oceanic.access), [200]);
});


test('an offboarded tenant finishes what runs, and then is gone',
     async (world) => {
    const { pool, access } = state.oceanic;
    const session = newSession();
    const { events, done } = await state.control.listen(
        access, { count: 3, held: true }, { session });

    assert.ok(await eventually(() => events.length === 1));
    assert.match(await ctl(['offboard', 'oceanic', '--deadline', '10m']),
                 /being offboarded/);
    assert.deepEqual(await statuses(access), [403]);

    await world.release('pool', session);
    await done;
    assert.equal(events.length, 3);

    await ctl(['remove', 'tenant', 'oceanic']);
    await ctl(['show', 'tenant', 'oceanic'], 1);
    await ctl(['show', 'issuer', pool.iss], 1);
    assert.deepEqual(await statuses(access), [401]);
});


test('without a deadline nothing is waited for', async () => {
    assert.match(await ctl(['offboard', 'dharma-0', '--deadline', '0',
                            '--wait=30']),
                 /^tenant dharma-0 is removed$/m);
    await ctl(['show', 'tenant', 'dharma-0'], 1);
    assert.equal((await state.control.get('/tenants/dharma-1')).status, 200);
});


test('a tenant that is gone can be onboarded anew', async (world) => {
    const { pool, options } = await newPool(world, 'oceanic');
    const { access } = await pool.signIn('user');

    await ctl(['onboard', 'oceanic', '--tier', 'basic', ...options]);
    assert.deepEqual(await statuses(access), [200]);

    /* the pool before is not its issuer any more */

    assert.deepEqual(await statuses(state.oceanic.access), [401]);
});


test('the gateway that tenants came to and left has nothing to complain of',
     async () => {
    await state.control.stop();
    assert.deepEqual(state.control.errorLog().split('\n').filter((line) =>
        /\[(alert|crit|emerg)\]|exited on signal/.test(line)), []);
});
