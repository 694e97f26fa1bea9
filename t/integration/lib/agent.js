/*
 * An agent as customers write them, in a bedrock-agentcore runtime:
 *
 *     node agent.js NAME PORT
 *
 * What it does is in the body: { "do": "echo" | "digest" | "stream" | "fail",
 * ... }, and for those who test, "streams" | "release" | "connected"
 * | "carried".  Its answers say what reached the agent's own code.
 */

import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { BedrockAgentCoreApp } from 'bedrock-agentcore/runtime';


const CUSTOM = 'x-amzn-bedrock-agentcore-runtime-custom-tenant-';
const SESSION = 'x-amzn-bedrock-agentcore-runtime-session-id';

const [, , name, port] = process.argv;

/*
 * All headers of requests under way, by session: the runtime shows its agent
 * only some of them, so the rest is seen through its log.
 */
const wire = new Map();

/* connections of streams, by session, to tell whether they still are */
const sockets = new Map();

/* held streams, by session: what lets the next event go */
const held = new Map();

/* the tenants whose requests a connection has carried */
const carried = new Map();

/* streams of this agent: still running, finished, ended early */
const streams = { running: 0, finished: 0, cut: 0 };

/* events of all streams, and when the last was produced, milliseconds */
const produced = { events: 0, last: 0 };


const deeds = {

    echo(body, context, headers)
    {
        return {
            agent: name,
            session: context.sessionId,
            tenant: context.headers[`${CUSTOM}id`] ?? null,
            headers: context.headers,
            workload: context.workloadAccessToken ?? null,
            wire: headers,
        };
    },


    digest(body, context)
    {
        return {
            agent: name,
            tenant: context.headers[`${CUSTOM}id`] ?? null,
            length: body.text.length,
            sha256: createHash('sha256').update(body.text).digest('hex'),
        };
    },


    /*
     * `count` events, `gap` milliseconds apart or, with `held`, each but the
     * first when it is released; `fill` more bytes in each; breaks before
     * `breakAt`
     */
    async *stream(body, context)
    {
        let n = 0;

        const fill = 'x'.repeat(body.fill ?? 0);
        const gate = body.held ? hold(context.sessionId) : null;

        streams.running += 1;

        try {
            for (; n < body.count; n++) {
                if (n === body.breakAt) {
                    throw new Error('the model went away');
                }

                if (n) {
                    await (gate ? gate() : body.gap && sleep(body.gap));
                }

                produced.events += 1;
                produced.last = Date.now();

                yield {
                    data: {
                        n,
                        agent: name,
                        session: context.sessionId,
                        tenant: context.headers[`${CUSTOM}id`] ?? null,
                        fill,
                    },
                };
            }

        } finally {
            held.delete(context.sessionId);
            streams.running -= 1;
            streams[n === body.count ? 'finished' : 'cut'] += 1;
        }
    },


    fail()
    {
        throw new Error('no model today');
    },


    streams()
    {
        return {
            agent: name, ...streams,
            events: produced.events,
            idle: Date.now() - produced.last,
        };
    },


    /* Lets `events` events of a held stream go, or all that are left. */
    release(body)
    {
        held.get(body.of)?.(body.events ?? Infinity);

        return { released: held.has(body.of) };
    },


    /* Whether the connection of a session's stream is still there. */
    connected(body)
    {
        return { connected: sockets.get(body.of)?.destroyed === false };
    },


    /* How many connections carried requests of how many tenants each. */
    carried()
    {
        return { tenants: [...carried.values()].map((ids) => ids.size) };
    },
};


/* Holds a session's stream: a function to wait for the next release. */
function hold(session)
{
    let released = 0;
    let wake = null;

    held.set(session, (events) => {
        released += events;
        wake?.();
    });

    return async () => {
        while (released < 1) {
            await new Promise((resolve) => { wake = resolve; });
        }

        released -= 1;
    };
}


function carry(socket, tenant)
{
    if (!socket || !tenant) {
        return;
    }

    if (!carried.has(socket)) {
        carried.set(socket, new Set());
    }

    carried.get(socket).add(tenant);
}


new BedrockAgentCoreApp({
    invocationHandler: {
        async process(body, context) {
            const headers = wire.get(context.sessionId) ?? null;

            wire.delete(context.sessionId);
            carry(sockets.get(context.sessionId),
                  context.headers[`${CUSTOM}id`]);

            if (body.do !== 'stream') {
                sockets.delete(context.sessionId);
            }

            return deeds[body.do](body, context, headers);
        },
    },

    config: {
        logging: {
            options: {
                level: 'info',
                stream: { write() {} },
                serializers: {
                    req(request) {
                        wire.set(request.headers[SESSION], request.headers);
                        sockets.set(request.headers[SESSION],
                                    request.raw.socket);
                        return {};
                    },
                },
            },
        },
    },
}).run({ port: Number(port), host: '127.0.0.1' });
