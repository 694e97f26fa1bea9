/* The clients: what callers of an agent do, with nothing hidden. */

import http from 'node:http';


export const SESSION = 'X-Amzn-Bedrock-AgentCore-Runtime-Session-Id';

const agent = new http.Agent({ keepAlive: true, maxSockets: 50 });

let sessions = 0;


/* A session id nobody used before, 33 characters or more as AWS has it. */
export function newSession()
{
    sessions += 1;
    return `session-${process.pid}-${String(sessions).padStart(40, '0')}`;
}


/* `keep` is false for a connection of its own, which nobody uses again. */
function open(url, { method = 'POST', token, headers = {}, body, accept,
                     keep = true })
{
    const fields = { ...headers };

    if (token) {
        fields.Authorization = `Bearer ${token}`;
    }

    if (accept) {
        fields.Accept = accept;
    }

    if (body) {
        fields['Content-Type'] ??= 'application/json';
        fields['Content-Length'] = Buffer.byteLength(body);
    }

    const request = http.request(url, {
        method, agent: keep && agent, headers: fields,
    });

    request.setTimeout(20000, () => request.destroy(
        new Error(`no answer from ${url}`)));
    request.end(body ?? undefined);

    return request;
}


/* One answer, complete: { status, headers, text, json }. */
export function call(url, options)
{
    return new Promise((resolve, reject) => {
        const request = open(url, options);

        request.once('error', reject);
        request.once('response', (response) => {
            const parts = [];

            response.once('error', reject);
            response.on('data', (part) => parts.push(part));
            response.once('end', () => {
                const text = Buffer.concat(parts).toString();
                const type = response.headers['content-type'] ?? '';

                resolve({
                    status: response.statusCode,
                    headers: response.headers,
                    text,
                    json: /[/+]json(;|$)/.test(type) && text
                        ? JSON.parse(text) : null,
                });
            });
        });
    });
}


/*
 * A stream of server-sent events: resolves with the response's head to
 * { status, headers, events, done, abort, pause, resume }; `events` grows as
 * they arrive, each { event, data }; `done` resolves to `events` when the
 * stream ended, and rejects when it broke.
 */
export function stream(url, options)
{
    return new Promise((resolve, reject) => {
        const request = open(url, { accept: 'text/event-stream',
                                    ...options });

        request.once('error', reject);
        request.once('response', (response) => {
            const events = [];
            let rest = '';

            response.setEncoding('utf8');
            response.on('data', (text) => {
                const blocks = (rest + text).split('\n\n');

                rest = blocks.pop();

                for (const block of blocks) {
                    const event = parseEvent(block);

                    if (event) {
                        events.push(event);
                    }
                }
            });

            const done = new Promise((ended, broken) => {
                response.once('end', () => ended(events));
                response.once('error', broken);
            });

            done.catch(() => {});

            resolve({
                status: response.statusCode,
                headers: response.headers,
                events,
                done,
                abort: () => request.destroy(),
                pause: () => response.pause(),
                resume: () => response.resume(),
            });
        });
    });
}


/* null for a block of comments, which are heartbeats */
function parseEvent(block)
{
    let event = 'message';
    const data = [];

    for (const line of block.split('\n')) {
        if (line.startsWith('event:')) {
            event = line.slice(6).trim();

        } else if (line.startsWith('data:')) {
            data.push(line.slice(5).replace(/^ /, ''));
        }
    }

    return data.length ? { event, data: JSON.parse(data.join('\n')) } : null;
}


/*
 * Gives up connections without a request: a worker that leaves closes them,
 * which a request on its way there would meet as a broken connection.
 */
export function closeIdle()
{
    for (const socket of Object.values(agent.freeSockets).flat()) {
        socket.destroy();
    }
}


export function close()
{
    agent.destroy();
}
