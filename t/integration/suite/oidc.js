/* A live OpenID provider: its algorithms, its rotation, and MCP's login. */

import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import * as jose from 'jose';

import { call } from '../lib/http.js';
import {
    ALGORITHMS, ASKING, Idp, OPAQUE, SECRET, requestToken, revokeToken,
    startGateway,
} from '../lib/oidc.js';
import { test } from '../lib/runner.js';


const ED448 = 'https://ed448.idp.test';
const ed448 = generateKeyPairSync('ed448');

/* all that jose signs with; ES256K it has no more, see t/algorithms.t */
const JOSE = 'https://jose.idp.test';
const JOSE_ALGORITHMS = [
    'HS256', 'HS384', 'HS512', 'RS256', 'RS384', 'RS512',
    'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA',
];

const state = {};


const endpoint = () => `${state.idp.iss}/token`;
const resource = (tenant = 'acme') => `${state.gateway.url}/t/${tenant}/mcp`;


async function newToken(client, scope = 'mcp:tools', audience = resource())
{
    const { status, json, text } = await requestToken(endpoint(), client,
                                                      audience, scope);

    assert.equal(status, 200, text);

    return json.access_token;
}


/* { alg: { key, jwk } }: what jose signs with, what the gateway verifies with */
async function joseKeys()
{
    const entries = JOSE_ALGORITHMS.map(async (alg) => {
        const options = { extractable: true };
        const pair = alg.startsWith('HS')
            ? await jose.generateSecret(alg, options)
            : await jose.generateKeyPair(alg, options);

        return [alg, {
            key: pair.privateKey ?? pair,
            jwk: { ...await jose.exportJWK(pair.publicKey ?? pair),
                   alg, kid: alg },
        }];
    });

    return Object.fromEntries(await Promise.all(entries));
}


function ask(token, url = resource())
{
    return call(url, { token, body: '{}', keep: false });
}


/* WWW-Authenticate as { parameter: value } */
function challenge({ headers })
{
    return Object.fromEntries(
        [...headers['www-authenticate'].matchAll(/(\w+)="([^"]*)"/g)]
            .map(([, name, value]) => [name, value]));
}


test('a provider is found by discovery and its keys are fetched once',
     async (world) => {
    state.idp = await Idp.start();
    state.jose = await joseKeys();
    state.gateway = await startGateway(
        path.join(world.dir, 'oidc'), path.resolve(process.argv[2]), {
            tiers: [{ id: 'basic', model: 'pool' }],
            tenants: [{ id: 'acme', tier: 'basic' },
                      { id: 'globex', tier: 'basic' },
                      { id: 'initech', tier: 'basic' }],
            issuers: [{
                iss: state.idp.iss,
                tenant: 'acme',
                discovery: `${state.idp.iss}/.well-known/`
                           + 'openid-configuration',
                introspection: {
                    endpoint: `${state.idp.iss}/token/introspection`,
                    client_id: ASKING,
                    client_secret: SECRET,
                    ttl: 1,
                },

                /* a service has no sub where its token says nothing */
                claims: { subject: 'client_id' },
            }, {
                iss: ED448,
                tenant: 'globex',
                jwks: { keys: [{ ...ed448.publicKey.export({
                    format: 'jwk' }), kid: 'ed448' }] },
            }, {
                iss: JOSE,
                tenant: 'initech',
                algorithms: JOSE_ALGORITHMS,
                jwks: { keys: JOSE_ALGORITHMS.map((alg) =>
                    state.jose[alg].jwk) },
            }],
            agents: [],
        });

    const token = await newToken('RS256');
    const answers = await Promise.all(
        Array.from({ length: 20 }, () => ask(token)));

    assert.deepEqual([...new Set(answers.map(({ status }) => status))],
                     [200]);
    assert.equal(state.idp.fetches(), 1);
});


for (const alg of ALGORITHMS) {
    test(`a client's token signed with ${alg} is accepted`, async () => {
        const token = await newToken(alg);
        const header = JSON.parse(Buffer.from(token.split('.')[0],
                                              'base64url'));

        assert.equal(header.alg, alg);

        const { status, text } = await ask(token);

        assert.equal(status, 200);
        assert.equal(text, `acme ${alg}`);

        const [head, claims, signature] = token.split('.');
        const spoilt = Buffer.from(signature, 'base64url');

        spoilt[20] ^= 1;

        const refused = await ask(
            `${head}.${claims}.${spoilt.toString('base64url')}`);

        assert.equal(refused.status, 401);
        assert.equal(challenge(refused).error, 'invalid_token');
    });
}


test('a token signed with Ed448 is accepted', async () => {
    const part = (value) =>
        Buffer.from(JSON.stringify(value)).toString('base64url');
    const now = Math.floor(Date.now() / 1000);
    const signed = `${part({ alg: 'EdDSA', kid: 'ed448' })}.${part({
        iss: ED448, sub: 'user', exp: now + 60, scope: 'mcp:tools' })}`;
    const signature = sign(null, Buffer.from(signed), ed448.privateKey);
    const token = `${signed}.${signature.toString('base64url')}`;

    const { status, text } = await ask(token, resource('globex'));

    assert.equal(status, 200);
    assert.equal(text, 'globex user');

    signature[50] ^= 1;

    const refused = await ask(`${signed}.${signature.toString('base64url')}`,
                              resource('globex'));

    assert.equal(refused.status, 401);
});


for (const alg of JOSE_ALGORITHMS) {
    test(`a token that jose signs with ${alg} is accepted`, async () => {
        const token = await new jose.SignJWT({ scope: 'mcp:tools' })
            .setProtectedHeader({ alg, kid: alg, typ: 'JWT' })
            .setIssuer(JOSE).setSubject(`${alg} user`)
            .setIssuedAt().setExpirationTime('1m')
            .sign(state.jose[alg].key);
        const { status, text } = await ask(token, resource('initech'));

        assert.equal(status, 200);
        assert.equal(text, `initech ${alg} user`);

        const [head, claims, signature] = token.split('.');
        const spoilt = Buffer.from(signature, 'base64url');

        spoilt[spoilt.length - 1] ^= 1;

        const refused = await ask(
            `${head}.${claims}.${spoilt.toString('base64url')}`,
            resource('initech'));

        assert.equal(refused.status, 401);
    });
}


test('keys rotate under load and no valid token is refused', async () => {
    const fetches = state.idp.fetches();
    const statuses = new Map();
    let running = true;

    const clients = ALGORITHMS.map(async (alg) => {
        while (running) {
            const token = await newToken(alg);

            for (let i = 0; i < 5; i += 1) {
                const { status } = await ask(token);

                statuses.set(status, (statuses.get(status) ?? 0) + 1);
            }
        }
    });

    for (let i = 0; i < 2; i += 1) {

        /* more than an interval after the fetch before */

        await sleep(2100);
        await state.idp.rotate();
    }

    await sleep(500);
    running = false;
    await Promise.all(clients);

    assert.deepEqual([...statuses.keys()], [200]);
    assert.equal(state.idp.fetches(), fetches + 2);
});


test('a token of a key that is gone is refused', async () => {
    const token = await newToken('ES256');

    assert.equal((await ask(token)).status, 200);

    /* twice: the key signs no more, then is not there any more */

    for (let i = 0; i < 2; i += 1) {
        await sleep(2100);
        await state.idp.rotate();
        assert.equal((await ask(await newToken('ES256'))).status, 200);
    }

    for (let i = 0; i < 10; i += 1) {
        assert.equal((await ask(token)).status, 401);
    }
});


test('an MCP client logs in with nothing but the 401', async () => {
    const first = await ask(null);

    assert.equal(first.status, 401);

    const { resource_metadata: metadata, scope, error } = challenge(first);

    assert.equal(error, undefined);
    assert.ok(metadata);

    const get = (url) => call(url, { method: 'GET', keep: false });
    const resourceAnswer = await get(metadata);

    assert.equal(resourceAnswer.status, 200);

    const { resource: id, authorization_servers: servers,
            scopes_supported: scopes } = resourceAnswer.json;

    /* RFC 9728, section 3.3: it has to be what the client asked for */

    assert.equal(id, resource());
    assert.deepEqual(scopes, scope.split(' '));
    assert.deepEqual(servers, [state.idp.iss]);

    /* RFC 8414, and OpenID Connect Discovery where that is not served */

    let server = await get(
        `${servers[0]}/.well-known/oauth-authorization-server`);

    if (server.status !== 200) {
        server = await get(`${servers[0]}/.well-known/openid-configuration`);
    }

    assert.equal(server.json.issuer, servers[0]);

    const granted = await requestToken(server.json.token_endpoint, 'ES256',
                                       id, scope);

    assert.equal(granted.status, 200, granted.text);

    const { status, text } = await ask(granted.json.access_token);

    assert.equal(status, 200);
    assert.equal(text, 'acme ES256');
});


test('a token without the scope learns which one to ask for', async () => {
    const answer = await ask(await newToken('ES256', 'mcp:admin'));

    assert.equal(answer.status, 403);
    assert.equal(challenge(answer).error, 'insufficient_scope');
    assert.equal(challenge(answer).scope, 'mcp:tools');
    assert.match(challenge(answer).error_description, /: mcp:tools$/);

    const { status } = await ask(
        await newToken('ES256', challenge(answer).scope));

    assert.equal(status, 200);
});


test('an opaque token is accepted, and asked about once', async () => {
    state.opaque = await newToken(OPAQUE);

    assert.doesNotMatch(state.opaque, /\./);

    const url = `${state.gateway.url}/opaque/acme/mcp`;
    const answers = await Promise.all(
        Array.from({ length: 20 }, () => ask(state.opaque, url)));

    for (const { status, text } of answers) {
        assert.equal(status, 200);
        assert.equal(text, `acme ${OPAQUE}`);
    }

    /* by each of two workers, and anew when a second is over */

    assert.ok(state.idp.fetches('/token/introspection') <= 4);
    assert.equal((await ask(await newToken('ES256'), url)).status, 200);
    assert.equal((await ask(state.opaque)).status, 401);
});


test('a token that nobody issued is refused', async () => {
    const answer = await ask('nobody-issued-this',
                             `${state.gateway.url}/opaque/acme/mcp`);

    assert.equal(answer.status, 401);
    assert.equal(challenge(answer).error, 'invalid_token');
    assert.equal(challenge(answer).error_description,
                 'the token is not active');
});


test('an opaque token that is revoked is refused after its ttl',
     async () => {
    const url = `${state.gateway.url}/opaque/acme/mcp`;

    assert.equal((await ask(state.opaque, url)).status, 200);

    const revoked = await revokeToken(`${endpoint()}/revocation`, OPAQUE,
                                      state.opaque);

    assert.equal(revoked.status, 200);
    await sleep(2100);

    const answers = await Promise.all(
        Array.from({ length: 10 }, () => ask(state.opaque, url)));

    assert.deepEqual([...new Set(answers.map(({ status }) => status))],
                     [401]);
    assert.equal(challenge(answers[0]).error, 'invalid_token');
});


test('without the provider its tokens go on, and nothing is an alert',
     async () => {
    const token = await newToken('PS256');

    state.idp.stop();

    const { status } = await ask(token);

    assert.equal(status, 200);
    await state.gateway.stop();
    assert.doesNotMatch(state.gateway.errorLog(), /\[(alert|emerg)\]/);
});
