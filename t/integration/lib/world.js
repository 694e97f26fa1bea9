/*
 * Everything that is there: a user pool for each tenant, the runtimes, and
 * the gateway between.
 *
 *   acme      premium: everything in its own silo
 *   globex    basic: in the pool
 *   initech   basic: in the pool, comes with id tokens
 *   umbrella  basic, bridged: analyst in its silo, the rest in the pool
 *   stark     basic, id tokens of any client
 *   wayne     basic, any client; its analyst is a silo that is down
 *   hooli     basic, suspended
 *   soylent   has a pool from the start, but no tenant until it is added
 */

import fs from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Cognito, claims } from './cognito.js';
import { Gateway } from './gateway.js';
import { call, newSession, SESSION, stream } from './http.js';
import { freePorts, start, stop } from './process.js';


const TENANTS = {
    acme: { tier: 'premium', model: 'silo', use: 'access' },
    globex: { tier: 'basic', model: 'pool', use: 'access' },
    initech: { tier: 'basic', model: 'pool', use: 'id' },
    umbrella: { tier: 'basic', model: 'pool', use: 'access' },
    stark: { tier: 'basic', model: 'pool', use: 'id' },
    wayne: { tier: 'basic', model: 'pool', use: 'access' },
    hooli: { tier: 'basic', model: 'pool', use: 'access' },
    soylent: { tier: 'basic', model: 'pool', use: 'access' },
};

/* those that get an answer of the agent "support" */
export const SERVED = ['acme', 'globex', 'initech', 'umbrella', 'stark',
                       'wayne'];

const CUSTOM = 'x-amzn-bedrock-agentcore-runtime-custom-tenant-';


export class World {

    /* `dir` is empty and takes every file of the run. */
    static async start(dir, module)
    {
        const world = new World(dir);
        const [idp, gateway, pool, acme, umbrella, down, mcp1, mcp2] =
            await freePorts(8);

        world.ports = { idp, gateway, pool, acme, umbrella, down,
                        mcp1, mcp2 };

        for (const sub of ['cognito', 'gateway/keys', 'log']) {
            fs.mkdirSync(join(dir, sub), { recursive: true });
        }

        const [cognito, agents] = await Promise.all([
            Cognito.start(idp, join(dir, 'cognito'),
                          join(dir, 'log/cognito')),
            Promise.all(['pool', 'acme', 'umbrella'].map((name) =>
                world.startAgent(name))),
            Promise.all(['mcp1', 'mcp2'].map((name) =>
                world.startAgent(name, 'mcp.js'))),
        ]);

        world.cognito = cognito;
        world.agents = Object.fromEntries(agents);

        for (const name of Object.keys(TENANTS)) {
            await world.addTenant(name);
        }

        world.module = module;
        world.gateway = await Gateway.start({
            module, dir: join(dir, 'gateway'), port: gateway, pool,
            mcp: [mcp1, mcp2], registry: world.registry(),
        });

        return world;
    }


    constructor(dir)
    {
        this.dir = dir;
        this.tenants = {};
    }


    /* [name, process] of the runtime with that name */
    async startAgent(name, program = 'agent.js')
    {
        const port = this.ports[name];

        const child = await start(process.execPath, [
            fileURLToPath(new URL(program, import.meta.url)), name, port,
        ], {
            log: join(this.dir, 'log', `agent-${name}`),
            ready: () => call(`http://127.0.0.1:${port}/ping`,
                              { method: 'GET', keep: false })
                .then((answer) => answer.status === 200, () => false),
        });

        return [name, child];
    }


    stopAgent(name)
    {
        return stop(this.agents[name], 'SIGKILL');
    }


    async restartAgent(name)
    {
        [, this.agents[name]] = await this.startAgent(name);
    }


    /* A pool with the user "user", signed in. */
    async addTenant(name)
    {
        const pool = await this.cognito.createPool(name);

        await pool.createUser('user', {
            groups: name === 'umbrella' || name === 'wayne'
                    ? ['analyst'] : [],
        });

        fs.writeFileSync(
            join(this.dir, 'gateway/keys', `${name}.jwks`),
            await pool.jwks());

        const tokens = await pool.signIn('user');

        this.tenants[name] = {
            name, pool, tokens, ...TENANTS[name],
            token: tokens[TENANTS[name].use],
            sub: claims(tokens.access).sub,
            clients: [pool.client],
        };
    }


    /* The registry; `changes` of tenants by id, e.g. { status }. */
    registry({ without = ['soylent'], changes = {} } = {})
    {
        const here = Object.values(this.tenants)
            .filter(({ name }) => !without.includes(name));
        const silo = (port) => ({ model: 'silo',
                                  servers: [`127.0.0.1:${port}`] });
        const anyClient = ['stark', 'wayne'];
        const routes = {
            acme: { support: silo(this.ports.acme) },
            umbrella: { analyst: silo(this.ports.umbrella) },
            wayne: { analyst: silo(this.ports.down) },
        };

        return {
            tiers: [{ id: 'premium', model: 'silo' },
                    { id: 'basic', model: 'pool' }],
            tenants: here.map(({ name, tier }) => ({
                id: name,
                tier,
                status: name === 'hooli' ? 'suspended' : 'active',
                routes: routes[name] ?? {},
                ...changes[name],
            })),
            issuers: here.map(({ name, pool, use, clients }) => ({
                iss: pool.iss,
                tenant: name,
                jwks_file: `keys/${name}.jwks`,
                algorithms: ['RS256'],
                token_use: use,
                claims: { roles: 'cognito:groups' },
                ...(anyClient.includes(name) ? {}
                    : use === 'id' ? { audiences: clients }
                                   : { client_ids: clients }),
            })),
            agents: [{ id: 'support' }, { id: 'analyst' }],
        };
    }


    /*
     * One answer of an agent for the tenant, or for `token`;
     * without a body if that is null.
     */
    ask(tenant, body, { agent = 'support', session = newSession(),
                        headers = {}, path, ...rest } = {})
    {
        return call(this.gateway.agent(agent, path), {
            token: this.tenants[tenant]?.token,
            headers: { [SESSION]: session, ...headers },
            body: body && JSON.stringify(body),
            ...rest,
        });
    }


    /* The same as a stream. */
    listen(tenant, body, { agent = 'support', session = newSession(),
                           ...rest } = {})
    {
        return stream(this.gateway.agent(agent), {
            token: this.tenants[tenant].token,
            headers: { [SESSION]: session },
            body: JSON.stringify({ do: 'stream', ...body }),
            ...rest,
        });
    }


    /* What a runtime does and answers without the gateway. */
    async direct(name, body)
    {
        const answer = await call(
            `http://127.0.0.1:${this.ports[name]}/invocations`, {
                headers: { [SESSION]: newSession() },
                body: JSON.stringify(body),
                keep: false,
            });

        return answer.json;
    }


    streams(name)
    {
        return this.direct(name, { do: 'streams' });
    }


    /* Lets `events` of a held stream go, or all; false if it is over. */
    async release(name, session, events)
    {
        const { released } = await this.direct(name, {
            do: 'release', of: session, events,
        });

        return released;
    }


    async connected(name, session)
    {
        const { connected } = await this.direct(name, {
            do: 'connected', of: session,
        });

        return connected;
    }


    /* The tenant headers that agent code has to see, by their short names. */
    expected(tenant, { agent = 'support', model } = {})
    {
        const { name, tier, sub } = this.tenants[tenant];

        return {
            id: name,
            tier,
            model: model ?? this.tenants[tenant].model,
            subject: sub,
            'actor-id': `${name}:${sub}`,
            agent,
        };
    }
}


/* The tenant headers among those that agent code saw, by short names. */
export function seen(headers)
{
    return Object.fromEntries(Object.entries(headers)
        .filter(([name]) => name.startsWith(CUSTOM))
        .map(([name, value]) => [name.slice(CUSTOM.length), value]));
}
