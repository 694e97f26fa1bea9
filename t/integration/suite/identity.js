/* Who the caller is: the bound issuer says so, whatever else tokens say. */

import assert from 'node:assert/strict';

import { altered, claims } from '../lib/cognito.js';
import { eventually } from '../lib/process.js';
import { test } from '../lib/runner.js';
import { SERVED, seen } from '../lib/world.js';


/*
 * Asks as the tenant, or with options.token, for an answer with `status`, a
 * problem that matches `reason`, and one line in the error log, `log`.
 */
async function refused(world, tenant, options, status, reason, log)
{
    const before = world.gateway.errorLog().length;
    const answer = await world.ask(tenant, { do: 'echo' }, options);
    const lines = world.gateway.errorLog().slice(before).split('\n')
        .filter((line) => /tenant refused/.test(line));

    assert.equal(answer.status, status);

    if (status === 401) {
        assert.match(answer.headers['www-authenticate'],
                     /^Bearer realm="tenant", error="invalid_token"/);
    }

    assert.match(answer.text, reason);
    assert.equal(lines.length, 1);
    assert.match(lines[0], log);
    assert.ok(!lines[0].includes('eyJ'), 'no token in the log');
}


test('access tokens of Cognito name no tenant and no audience', (world) => {
    const token = claims(world.tenants.acme.tokens.access);

    assert.equal(token.token_use, 'access');
    assert.equal(token.client_id, world.tenants.acme.pool.client);
    assert.equal(token.aud, undefined);
    assert.deepEqual(Object.keys(token).filter((name) => /tenant/.test(name)),
                     []);
});


test('all pools sign with one key: only the issuer tells them apart',
     async (world) => {
    const sets = await Promise.all(Object.values(world.tenants)
        .map(({ pool }) => pool.jwks()));

    assert.equal(new Set(sets).size, 1);
    assert.equal(new Set(Object.values(world.tenants)
        .map(({ pool }) => pool.iss)).size, sets.length);
});


for (const name of SERVED) {
    test(`a user of ${name} reaches the agent as ${name}`, async (world) => {
        const answer = await world.ask(name, { do: 'echo' });

        assert.equal(answer.status, 200);
        assert.equal(answer.json.agent, name === 'acme' ? 'acme' : 'pool');
        assert.deepEqual(seen(answer.json.headers), world.expected(name));
    });
}


test('an id token is refused where access tokens are asked for',
     async (world) => {
    await refused(world, 'wayne', { token: world.tenants.wayne.tokens.id },
                  401, /invalid-token/, /token use is not accepted/);
});


test('an access token is refused where id tokens are asked for',
     async (world) => {
    await refused(world, 'stark', { token: world.tenants.stark.tokens.access },
                  401, /invalid-token/, /token use is not accepted/);
});


test('a token of another client of the same pool is refused',
     async (world) => {
    const { pool } = world.tenants.globex;
    const { access } = await pool.signIn('user',
                                         await pool.createClient('other'));

    await refused(world, 'globex', { token: access },
                  401, /invalid-token/, /client is not accepted/);
});


test('an id token for another client of the same pool is refused',
     async (world) => {
    const { pool } = world.tenants.initech;
    const { id } = await pool.signIn('user', await pool.createClient('other'));

    await refused(world, 'initech', { token: id },
                  401, /invalid-token/, /audience is not accepted/);
});


test('a token of pool A whose issuer is changed to B is refused',
     async (world) => {
    for (const name of SERVED.filter((other) => other !== 'globex')) {
        const { pool, clients, use } = world.tenants[name];
        const token = altered(world.tenants.globex.tokens[use], {
            iss: pool.iss,
            [use === 'id' ? 'aud' : 'client_id']: clients[0],
        });

        await refused(world, null, { token },
                      401, /invalid-token/, /signature/);
    }
});


test('a token of pool A at every agent and header of B is still A',
     async (world) => {
    const answer = await world.ask('globex', { do: 'echo' }, {
        headers: {
            'X-Tenant-Id': 'acme',
            'X-Amzn-Bedrock-AgentCore-Runtime-Custom-Tenant-Id': 'acme',
        },
    });

    assert.equal(answer.json.agent, 'pool');
    assert.equal(seen(answer.json.headers).id, 'globex');
    assert.equal(seen(answer.json.headers)['actor-id'],
                 `globex:${world.tenants.globex.sub}`);

    /* umbrella's silo is for umbrella */

    assert.equal((await world.ask('acme', { do: 'echo' },
                                  { agent: 'analyst' })).status, 403);
});


test('a pool that no tenant is bound to is refused, though the key is known',
     async (world) => {
    await refused(world, 'soylent', {}, 401, /invalid-token/,
                  /issuer/);
});


test('an id token that claims another tenant than its issuer is refused',
     async (world) => {
    const { pool } = world.tenants.initech;

    await pool.createUser('mallory', {
        attributes: { 'custom:tenantId': 'acme' },
    });

    const { id } = await pool.signIn('mallory');

    assert.equal(claims(id)['custom:tenantId'], 'acme');
    await refused(world, 'initech', { token: id },
                  403, /tenant-isolation/, /\[error\].*isolation/);
});


test('an id token that claims the tenant of its issuer is that tenant',
     async (world) => {
    const { pool } = world.tenants.initech;

    await pool.createUser('carol', {
        attributes: { 'custom:tenantId': 'initech' },
    });

    const { id } = await pool.signIn('carol');
    const answer = await world.ask('initech', { do: 'echo' }, { token: id });

    assert.equal(answer.status, 200);
    assert.equal(seen(answer.json.headers).id, 'initech');
    assert.equal(seen(answer.json.headers).subject, claims(id).sub);
});


test('groups of Cognito are roles of the policy', async (world) => {
    const { pool } = world.tenants.umbrella;

    await pool.createUser('frank');

    const { access } = await pool.signIn('frank');

    await refused(world, 'umbrella', { agent: 'analyst', token: access },
                  403, /policy-denied/, /policy-denied.*tenant: "umbrella"/);

    const analyst = await world.ask('umbrella', { do: 'echo' },
                                    { agent: 'analyst' });

    assert.equal(analyst.status, 200);
});


test('a suspended tenant is refused', async (world) => {
    await refused(world, 'hooli', {},
                  403, /tenant-suspended/, /tenant: "hooli"/);
});


test('a deleted user signs in no more, and his token ends with its time',
     async (world) => {
    const { pool } = world.tenants.wayne;
    const client = await pool.createClient('short', 6);

    await pool.createUser('dave');

    const token = (await pool.signIn('dave', client)).access;
    const ask = () => world.ask('wayne', { do: 'echo' }, { token });

    assert.equal((await ask()).status, 200);

    await pool.deleteUser('dave');
    await assert.rejects(() => pool.signIn('dave', client),
                         { code: /NotAuthorized|UserNotFound/ });

    assert.ok(await eventually(async () => (await ask()).status === 401));
    await refused(world, 'wayne', { token },
                  401, /invalid-token/, /expired/);
});


test('without a token nobody gets in', async (world) => {
    const answer = await world.ask(null, { do: 'echo' });

    assert.equal(answer.status, 401);
    assert.equal(answer.headers['www-authenticate'], 'Bearer realm="tenant"');
});
