/* Many requests of many tenants: no answer is another's. */

import assert from 'node:assert/strict';

import { newSession } from '../lib/http.js';
import { eventually } from '../lib/process.js';
import { test } from '../lib/runner.js';
import { SERVED, seen } from '../lib/world.js';


const REQUESTS = 5000;
const CONNECTIONS = 50;


function total(metrics, tenant)
{
    return metrics.get(
        `tenant_requests_total{tenant="${tenant}",code="2xx"}`) ?? 0;
}


test(`${REQUESTS} requests of ${SERVED.length} tenants over ${CONNECTIONS} `
     + 'connections: each answer is the asking tenant\'s',
     async (world) => {
    const before = await world.gateway.metrics();
    const sent = Object.fromEntries(SERVED.map((name) => [name, 0]));
    const begun = Date.now();
    let left = REQUESTS;

    /* neighbours on a connection are of different tenants */

    async function connection(first)
    {
        for (let i = first; left > 0; i++) {
            left -= 1;

            const name = SERVED[(i * 5 + (i >> 2)) % SERVED.length];
            const session = newSession();
            const { status, json } = await world.ask(name, { do: 'echo' },
                                                     { session });

            assert.equal(status, 200);
            assert.equal(json.session, session);
            assert.equal(json.agent, name === 'acme' ? 'acme' : 'pool');
            assert.deepEqual(seen(json.headers), world.expected(name));
            assert.equal(json.headers.authorization,
                         `Bearer ${world.tenants[name].token}`);
            sent[name] += 1;
        }
    }

    await Promise.all(Array.from({ length: CONNECTIONS },
                                 (_, i) => connection(i)));

    const seconds = (Date.now() - begun) / 1000;

    console.log(`# ${Math.round(REQUESTS / seconds)} requests a second, `
                + 'the agents included');

    /* a connection to the pool's agent stays one tenant's */

    const { tenants } = await world.direct('pool', { do: 'carried' });

    assert.ok(tenants.length >= SERVED.length - 1);
    assert.ok(tenants.every((count) => count === 1));

    /* the counters agree, tenant by tenant */

    let after;

    /* a request counts when it is over: for its client, a little earlier */

    await eventually(async () => {
        after = await world.gateway.metrics();

        return SERVED.every((name) =>
            total(after, name) - total(before, name) >= sent[name]);
    });

    for (const name of SERVED) {
        assert.ok(sent[name] > REQUESTS / SERVED.length / 2, name);
        assert.equal(total(after, name) - total(before, name), sent[name]);
    }
});
