/* What agent code is told, and what a client cannot tell it. */

import assert from 'node:assert/strict';

import { newSession } from '../lib/http.js';
import { test } from '../lib/runner.js';
import { seen } from '../lib/world.js';


const RUNTIME = 'X-Amzn-Bedrock-AgentCore-Runtime-';
const PING = { method: 'GET', path: '/ping' };

/* names as they reach a program, however they are written */
const plain = (name) => name.toLowerCase().replaceAll('_', '-');


test('tenant headers a client forges never reach the agent', async (world) => {
    const forged = {};

    for (const short of ['Id', 'Tier', 'Model', 'Subject', 'Actor-Id',
                         'Agent', 'Anything'])
    {
        const name = `${RUNTIME}Custom-Tenant-${short}`;

        forged[name] = ['forged', 'forged too'];
        forged[name.replaceAll('-', '_').toUpperCase()] = 'forged';
        forged[name.replace('Tenant-', 'Tenant_').toLowerCase()] = 'forged';
        forged[`X-Tenant-${short}`] = 'forged';
        forged[`x_tenant_${short}`] = 'forged';
    }

    const { json } = await world.ask('globex', { do: 'echo' },
                                     { headers: forged });

    assert.deepEqual(seen(json.headers), world.expected('globex'));
    assert.deepEqual(Object.entries(json.wire)
        .filter(([, value]) => /forged/.test(value)), []);
    assert.deepEqual(Object.keys(json.wire)
        .filter((name) => plain(name).startsWith('x-tenant-')), []);
});


test('workload tokens and user ids of a client are removed',
     async (world) => {
    const forged = {
        WorkloadAccessToken: 'forged',
        workloadaccesstoken: ['forged'],
        'X-Amz-Bedrock-AgentCore-Identity-WAT': 'forged',
        'X_Amz_Bedrock_AgentCore_Identity_WAT': 'forged',
        [`${RUNTIME}User-Id`]: 'forged',
        [`${RUNTIME}User_Id`]: 'forged',
    };

    const { json } = await world.ask('acme', { do: 'echo' },
                                     { headers: forged });

    assert.equal(json.workload, null);
    assert.deepEqual(Object.entries(json.wire)
        .filter(([, value]) => /forged/.test(value)), []);
});


test('other custom headers of a client do reach the agent', async (world) => {
    const name = `${RUNTIME}Custom-Locale`;
    const { json } = await world.ask('acme', { do: 'echo' },
                                     { headers: { [name]: 'de-CH' } });

    assert.equal(json.headers[name.toLowerCase()], 'de-CH');
});


test('the session id passes as it is, in header or body', async (world) => {
    const session = newSession();
    const header = await world.ask('umbrella', { do: 'echo' }, { session });

    assert.equal(header.json.session, session);
    assert.equal(header.json.wire[`${RUNTIME}Session-Id`.toLowerCase()],
                 session);

    const body = await world.ask('umbrella', {
        do: 'echo', sessionId: 'of-the-body',
    }, { headers: { [`${RUNTIME}Session-Id`]: '' } });

    assert.equal(body.json.session, 'of-the-body');
});


test('the missing session is the runtime\'s refusal, passed on',
     async (world) => {
    const answer = await world.ask('globex', { do: 'echo' }, {
        headers: { [`${RUNTIME}Session-Id`]: '' },
    });

    assert.equal(answer.status, 400);
    assert.match(answer.json.error, /sessionId/);
});


test('ping is answered by the tenant\'s own runtime', async (world) => {
    for (const name of ['acme', 'initech']) {
        const answer = await world.ask(name, null, PING);

        assert.equal(answer.status, 200);
        assert.equal(answer.json.status, 'Healthy');
        assert.ok(answer.json.time_of_last_update > 1e9);
    }
});


test('ping without a token is refused', async (world) => {
    const answer = await world.ask(null, null, PING);

    assert.equal(answer.status, 401);
});
