/*
 * An MCP server of the official SDK, with sessions:
 *
 *     node mcp.js NAME PORT
 *
 * Its tool "count" says NAME and how often its session has called it: the
 * number is in this process only, as sessions of the SDK are.
 */

import { randomUUID } from 'node:crypto';
import http from 'node:http';

import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport }
    from '@modelcontextprotocol/sdk/server/streamableHttp.js';


const [, , name, port] = process.argv;
const sessions = new Map();


async function open()
{
    const server = new McpServer({ name, version: '1.0.0' });
    const transport = new StreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        onsessioninitialized: (id) => sessions.set(id, transport),
    });
    let calls = 0;

    server.registerTool('count', { description: 'counts its calls' },
                        async () => ({
        content: [{ type: 'text', text: `${name} ${calls += 1}` }],
    }));

    transport.onclose = () => sessions.delete(transport.sessionId);
    await server.connect(transport);

    return transport;
}


http.createServer(async (request, response) => {
    if (request.url === '/ping') {
        response.end('pong');
        return;
    }

    const id = request.headers['mcp-session-id'];
    const transport = id ? sessions.get(id) : await open();

    /* the protocol's answer to a session that is not there */

    if (!transport) {
        response.writeHead(404).end();
        return;
    }

    await transport.handleRequest(request, response);

}).listen(Number(port), '127.0.0.1');
