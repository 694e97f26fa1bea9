/* OpenID providers and a gateway that fetches their keys. */

import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';

import * as jose from 'jose';
import { Provider } from 'oidc-provider';

import { call } from './http.js';
import { freePorts, start, stop } from './process.js';


/* each is the id of a client, too, whose tokens are signed with it */
export const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'];

/* another one, whose tokens say nothing; and who may ask about those */
export const OPAQUE = 'opaque';
export const ASKING = 'the gateway';

export const SECRET = 'a secret that only clients of the tests have';


async function newKeys()
{
    return Promise.all(ALGORITHMS.map(async (alg) => {
        const { privateKey } = await jose.generateKeyPair(
            alg, { extractable: true });
        const jwk = await jose.exportJWK(privateKey);

        return { ...jwk, alg, use: 'sig',
                 kid: await jose.calculateJwkThumbprint(jwk) };
    }));
}


/* An oidc-provider in this process, whose keys can be changed. */
export class Idp {

    static async start()
    {
        const idp = new Idp();

        await idp.rotate();

        idp.server = http.createServer((request, response) => {
            idp.requests.push(request.url);
            idp.handle(request, response);
        });
        idp.server.unref();

        await new Promise((resolve) =>
            idp.server.listen(idp.port, '127.0.0.1', resolve));

        return idp;
    }


    constructor()
    {
        this.requests = [];
        this.keys = [];
    }


    /* Signs with new keys; the ones before remain, those before them go. */
    async rotate()
    {
        if (!this.port) {
            [this.port] = await freePorts(1);
            this.iss = `http://127.0.0.1:${this.port}`;
        }

        this.keys = [...await newKeys(),
                     ...this.keys.slice(0, ALGORITHMS.length)];

        this.handle = new Provider(this.iss, {
            jwks: { keys: this.keys },
            scopes: ['mcp:tools', 'mcp:admin'],
            clients: [...ALGORITHMS, OPAQUE, ASKING].map((id) => ({
                client_id: id,
                client_secret: SECRET,
                grant_types: ['client_credentials'],
                redirect_uris: [],
                response_types: [],
            })),
            features: {
                devInteractions: { enabled: false },
                clientCredentials: { enabled: true },
                introspection: {
                    enabled: true,
                    allowedPolicy: (ctx, client) =>
                        client.clientId === ASKING,
                },
                revocation: { enabled: true },
                resourceIndicators: {
                    enabled: true,
                    getResourceServerInfo: (ctx, resource, client) => ({
                        scope: 'mcp:tools mcp:admin',
                        audience: resource,
                        accessTokenTTL: 600,
                        ...client.clientId === OPAQUE
                            ? { accessTokenFormat: 'opaque' }
                            : { accessTokenFormat: 'jwt',
                                jwt: { sign: { alg: client.clientId } } },
                    }),
                },
            },
        }).callback();
    }


    /* How often its keys were fetched, or what else is at a path. */
    fetches(path = '/jwks')
    {
        return this.requests.filter((url) => url === path).length;
    }


    stop()
    {
        this.server.closeAllConnections();
        this.server.close();
    }
}


/* A form as a client sends it: the answer. */
function post(endpoint, client, form)
{
    return call(endpoint, {
        headers: {
            'Content-Type': 'application/x-www-form-urlencoded',
            Authorization: 'Basic ' + Buffer.from(
                `${client}:${encodeURIComponent(SECRET)}`)
                .toString('base64'),
        },
        keep: false,
        body: new URLSearchParams(form).toString(),
    });
}


/* RFC 6749, section 4.4, with RFC 8707's resource. */
export function requestToken(endpoint, client, resource, scope)
{
    return post(endpoint, client, { grant_type: 'client_credentials',
                                    resource, scope });
}


/* RFC 7009 */
export function revokeToken(endpoint, client, token)
{
    return post(endpoint, client, { token });
}


function configuration(module, port, agent, opaque)
{
    return `
load_module ${module};

daemon            off;
worker_processes  2;
pid               nginx.pid;
error_log         error.log info;
${process.getuid() === 0 ? 'user root;' : ''}

events {
    worker_connections  1024;
}

http {
    access_log  off;

    client_body_temp_path  temp/body;
    proxy_temp_path        temp/proxy;
    fastcgi_temp_path      temp/fastcgi;
    uwsgi_temp_path        temp/uwsgi;
    scgi_temp_path         temp/scgi;

    tenant_registry          registry.json;
    tenant_policy            off;
    tenant_keys              min=1h interval=1s;
    tenant_fetch_allow       127.0.0.0/8;
    tenant_fetch_plain_http  on;

    server {
        listen  127.0.0.1:${port};

        location ~ "^/t/(?<t>[a-z0-9-]+)/mcp$" {
            tenant_auth                   on;
            tenant_resource               http://127.0.0.1:${port}/t/$t/mcp;
            tenant_scopes                 mcp:tools;
            tenant_authorization_servers  tenant=$t;

            proxy_pass  http://127.0.0.1:${agent};
        }

        location ~ "^/opaque/(?<t>[a-z0-9-]+)/mcp$" {
            tenant_auth           on;
            tenant_introspection  ${opaque};

            proxy_pass  http://127.0.0.1:${agent};
        }

        location ^~ /.well-known/oauth-protected-resource {
            tenant_metadata;
        }
    }

    server {
        listen  127.0.0.1:${agent};
        return  200 "$http_x_tenant_id $http_x_tenant_subject";
    }
}
`;
}


/*
 * nginx with a registry, whose first issuer can be asked about tokens; see
 * World's Gateway for the one before agents.
 */
export async function startGateway(dir, module, registry)
{
    const [port, agent] = await freePorts(2);
    const conf = path.join(dir, 'nginx.conf');

    fs.mkdirSync(path.join(dir, 'temp'), { recursive: true });
    fs.writeFileSync(conf, configuration(module, port, agent,
                                         registry.issuers[0].iss));
    fs.writeFileSync(path.join(dir, 'registry.json'),
                     JSON.stringify(registry));

    const child = await start('nginx', [
        '-p', `${dir}/`, '-e', path.join(dir, 'error.log'), '-c', conf,
    ], {
        log: path.join(dir, 'nginx.out'),
        ready: () => call(`http://127.0.0.1:${agent}/`,
                          { method: 'GET', keep: false })
            .then(() => true, () => false),
    });

    return {
        url: `http://127.0.0.1:${port}`,
        errorLog: () => fs.readFileSync(path.join(dir, 'error.log'), 'utf8'),
        stop: () => stop(child, 'SIGQUIT'),
    };
}
