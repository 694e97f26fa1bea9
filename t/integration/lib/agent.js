/*
 * An agent as customers write them, in a bedrock-agentcore runtime:
 *
 *     node agent.js NAME PORT
 *
 * What it does is in the body: { "do": "echo" | "digest" | "stream" | "fail"
 * | "streams", ... }.  Its answers say what reached the agent's own code.
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

/* streams of this agent: still running, finished, ended early */
const streams = { running: 0, finished: 0, cut: 0 };


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


    /* `count` events `gap` milliseconds apart; breaks before `breakAt` */
    async *stream(body, context)
    {
        let n = 0;

        streams.running += 1;

        try {
            for (; n < body.count; n++) {
                if (n === body.breakAt) {
                    throw new Error('the model went away');
                }

                if (n) {
                    await sleep(body.gap ?? 50);
                }

                yield {
                    data: {
                        n,
                        produced: Date.now(),
                        agent: name,
                        session: context.sessionId,
                        tenant: context.headers[`${CUSTOM}id`] ?? null,
                    },
                };
            }

        } finally {
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
        return { agent: name, ...streams };
    },
};


new BedrockAgentCoreApp({
    invocationHandler: {
        async process(body, context) {
            const headers = wire.get(context.sessionId) ?? null;

            wire.delete(context.sessionId);

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
                        return {};
                    },
                },
            },
        },
    },
}).run({ port: Number(port), host: '127.0.0.1' });
