/* MCP sessions: clients of the official SDK, each at the server it began. */

import assert from 'node:assert/strict';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport }
    from '@modelcontextprotocol/sdk/client/streamableHttp.js';

import { test } from '../lib/runner.js';


async function connect(world, tenant)
{
    const { token } = world.tenants[tenant];
    const client = new Client({ name: tenant, version: '1.0.0' });

    await client.connect(new StreamableHTTPClientTransport(
        new URL(`${world.gateway.url}/mcp/support`),
        { requestInit: { headers: { Authorization: `Bearer ${token}` } } }));

    return client;
}


async function count(client)
{
    const { content: [{ text }] } = await client.callTool({ name: 'count' });

    return text;
}


test('an MCP session stays at the server that began it', async (world) => {
    const clients = await Promise.all(
        ['globex', 'stark', 'globex', 'stark', 'globex', 'stark']
            .map((tenant) => connect(world, tenant)));

    try {
        const seen = [];

        for (let call = 1; call <= 6; call++) {
            const answers = await Promise.all(clients.map(count));

            seen.push(answers.map((answer) => answer.split(' ')[0]));
            assert.deepEqual(answers.map((answer) => answer.split(' ')[1]),
                             clients.map(() => String(call)));
        }

        for (const names of seen) {
            assert.deepEqual(names, seen[0]);
        }

        assert.deepEqual([...new Set(seen[0])].sort(), ['mcp1', 'mcp2']);

    } finally {
        await Promise.all(clients.map((client) => client.close()));
    }
});


test('an MCP session that was ended is not found', async (world) => {
    const client = await connect(world, 'globex');

    await count(client);
    await client.transport.terminateSession();
    await assert.rejects(count(client));
    await client.close();
});
