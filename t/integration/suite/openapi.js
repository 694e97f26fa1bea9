/*
 * The control plane keeps what docs/openapi.json says: bodies are made from
 * its schemas, valid ones and ones that break each constraint once, and every
 * answer is held to what the document has for it.
 */

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';

import Ajv from 'ajv/dist/2020.js';

import { call } from '../lib/http.js';
import { freePorts, start, stop } from '../lib/process.js';
import { test } from '../lib/runner.js';


const document = JSON.parse(fs.readFileSync(
    new URL('../../../docs/openapi.json', import.meta.url)));
const ajv = new Ajv.default({ strict: false, allErrors: false });

/* RFC 3339 as the API writes it; references are not looked at */
ajv.addFormat('date-time', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
for (const format of ['uri', 'uri-reference']) {
    ajv.addFormat(format, true);
}

ajv.addSchema({ $id: 'openapi', components: document.components });

const ISS = 'https://shared.idp.test';
const JWKS = { keys: [{ kty: 'OKP', crv: 'Ed25519', kid: 'a',
                        x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }] };

/* one good object of each kind, with every member that it may have */
const GOOD = {
    tiers: { id: 'gold', model: 'silo', attributes: { long: true },
             routes: { support: { model: 'silo',
                                  servers: ['127.0.0.1:9000'] } } },
    agents: { id: 'analyst', protocol: 'mcp', attributes: { level: 2 } },
    tenants: { id: 'acme', name: 'Acme', tier: 'basic', status: 'suspended',
               issuers: [ISS], attributes: { seats: 12 },
               routes: { support: { model: 'silo', tls: true,
                                    server_name: 'agents.acme.test',
                                    servers: [
                   '127.0.0.1:9000',
                   { address: '[::1]:9000', weight: 5, max_fails: 2,
                     fail_timeout: 7, backup: true, drain: false }] } } },
    issuers: { iss: 'https://acme.idp.test', tenant: 'initech', jwks: JWKS,
               algorithms: ['RS256', 'EdDSA'], audiences: ['agents'],
               client_ids: ['one'], scopes: ['use'], token_use: 'access',
               leeway: 30, max_age: 3600, require_exp: true,
               subject_namespace: 'acme',
               required_claims: [{ claim: 'plan', one_of: ['a', 'b'] }],
               claims: { roles: 'groups', subject: 'sub',
                         attributes: { unit: 'org.unit' } } },
    prices: { id: 'model-*', input: 3, output: '15.25', cache_read: 0.3,
              cache_write: '3.75' },
    revocations: { issuer: ISS, sub: 'bob', issued_before: 1700000000,
                   expires: Math.floor(Date.now() / 1000) + 3600,
                   reason: 'left' },
};

const KEY = { issuers: 'iss' };
const SCHEMA = { tiers: 'Tier', agents: 'Agent', tenants: 'Tenant',
                 issuers: 'Issuer', prices: 'Price',
                 revocations: 'Revocation' };

let api;


/* The API with a database of its own, once for all tests here. */
async function server(world)
{
    if (api) {
        return api;
    }

    const dir = fs.mkdtempSync(path.join(world.dir, 'openapi-'));
    const [port] = await freePorts(1);
    const conf = path.join(dir, 'nginx.conf');

    fs.mkdirSync(path.join(dir, 'temp'));
    fs.writeFileSync(path.join(dir, 'seed.json'), JSON.stringify({
        tiers: [{ id: 'basic', model: 'pool' }],
        tenants: [{ id: 'initech', tier: 'basic' }],
        issuers: [{ iss: ISS, tenant_claim: 'tenant', jwks: JWKS }],
        agents: [{ id: 'support' }],
    }));
    fs.writeFileSync(conf, `
load_module ${world.module};
daemon            off;
worker_processes  2;
pid               nginx.pid;
error_log         error.log info;
${process.getuid() === 0 ? 'user root;' : ''}
events { worker_connections 256; }
http {
    access_log  off;
    client_body_temp_path  temp/body;
    proxy_temp_path        temp/proxy;
    fastcgi_temp_path      temp/fastcgi;
    uwsgi_temp_path        temp/uwsgi;
    scgi_temp_path         temp/scgi;
    tenant_registry  registry/registry.db  seed=seed.json;
    server {
        listen  127.0.0.1:${port};
        location / { tenant_api; }
    }
}
`);

    const url = `http://127.0.0.1:${port}`;

    api = { url, dir };
    api.child = await start('nginx', [
        '-p', `${dir}/`, '-e', path.join(dir, 'error.log'), '-c', conf,
    ], {
        log: path.join(dir, 'nginx.out'),
        ready: () => call(`${url}/v1/health`, { method: 'GET' })
            .then(({ status }) => status === 200, () => false),
    });

    return api;
}


/* The template of a path in the document. */
function template(target)
{
    const [plain] = target.split('?');
    const found = Object.keys(document.paths).find((name) => new RegExp(
        `^${name.replace(/\{[^}]*\}/g, '[^/:]+')}$`).test(plain));

    assert.ok(found, `no path in the document for ${plain}`);
    return found;
}


function resolve(object)
{
    return object?.$ref
        ? resolve(object.$ref.split('/').slice(1)
            .reduce((at, name) => at[name], document))
        : object;
}


const compiled = new Map();

function validator(schema)
{
    const text = JSON.stringify(schema)
        .replaceAll('"#/components/', '"openapi#/components/');

    if (!compiled.has(text)) {
        compiled.set(text, ajv.compile(JSON.parse(text)));
    }

    return compiled.get(text);
}


/* A request whose answer is what the document says of it. */
async function ask(world, method, target, body, { headers = {}, type } = {})
{
    const { url } = await server(world);
    const operation = document.paths[template(target)][method.toLowerCase()];
    const answer = await call(url + target, {
        method, headers: body === undefined ? headers : {
            'Content-Type': type ?? (method === 'PATCH'
                ? 'application/merge-patch+json' : 'application/json'),
            ...headers,
        },
        body: body === undefined ? undefined
            : typeof body === 'string' ? body : JSON.stringify(body),
    });
    const where = `${method} ${target}: ${answer.status}`;

    assert.ok(operation, `${where}: the document has no such operation`);

    const response = resolve(operation.responses[answer.status]);

    assert.ok(response, `${where} is not in the document: ${answer.text}`);

    const media = (answer.headers['content-type'] ?? '').split(';')[0];

    if (!response.content) {
        assert.equal(answer.text, '', `${where} has a body`);
        return answer;
    }

    if (method !== 'HEAD') {
        const content = response.content[media];

        assert.ok(content, `${where}: "${media}" is not in the document`);

        if (content.schema && /[/+]json$/.test(media)) {
            const valid = validator(content.schema);

            assert.ok(valid(JSON.parse(answer.text)),
                      `${where}: ${ajv.errorsText(valid.errors)}`
                      + `\n${answer.text}`);
        }
    }

    for (const [name, header] of Object.entries(response.headers ?? {})) {
        if (resolve(header).required) {
            assert.ok(answer.headers[name.toLowerCase()],
                      `${where} has no ${name}`);
        }
    }

    return answer;
}


function schemaOf(kind)
{
    return { $ref: `#/components/schemas/${SCHEMA[kind]}` };
}


/*
 * Values that are like `value` but for one place: each of a wrong type, out
 * of bounds, too much or too little.  Whether one is wrong is for the schema
 * to say.
 */
function* variants(value)
{
    const wrong = [null, true, 7, -1, 1.5, 1e30, '', 'x', 'X y', '-', 'é',
                   'a'.repeat(300), [], [7], ['x', 'x'], {}, { x: 1 }];

    for (const other of wrong) {
        if (JSON.stringify(other) !== JSON.stringify(value)) {
            yield other;
        }
    }

    if (Array.isArray(value)) {
        yield [...value, ...Array(70).fill(value[0])];

        for (const i of value.keys()) {
            for (const item of variants(value[i])) {
                yield value.with(i, item);
            }
        }

    } else if (value !== null && typeof value === 'object') {
        yield { ...value, unknown: 1 };

        for (const name of Object.keys(value)) {
            const { [name]: _, ...rest } = value;

            yield rest;

            for (const item of variants(value[name])) {
                yield { ...value, [name]: item };
            }
        }
    }
}


for (const kind of Object.keys(GOOD)) {
    const key = KEY[kind] ?? 'id';
    const good = GOOD[kind];

    test(`openapi: ${kind} that are good are taken, and come back`,
         async (world) => {
        assert.ok(validator(schemaOf(kind))(good),
                  ajv.errorsText(validator(schemaOf(kind)).errors));

        const made = await ask(world, 'POST', `/v1/${kind}`, good);

        assert.equal(made.status, 201, made.text);

        const id = encodeURIComponent(made.json[key]);
        const target = `/v1/${kind}/${id}`;

        assert.equal((await ask(world, 'POST', `/v1/${kind}`, good)).status,
                     409);

        const got = await ask(world, 'GET', target);

        assert.equal(got.status, 200);

        for (const name of Object.keys(good)) {
            assert.deepEqual(got.json[name], good[name], name);
        }

        const { etag } = got.headers;

        assert.equal((await ask(world, 'GET', target, undefined,
            { headers: { 'If-None-Match': etag } })).status, 304);
        assert.equal((await ask(world, 'HEAD', target)).status, 200);
        assert.equal((await ask(world, 'PUT', target, got.json,
            { headers: { 'If-Match': '"1"' } })).status, 412);
        assert.equal((await ask(world, 'PUT', target, got.json,
            { headers: { 'If-Match': etag } })).status, 200);
        assert.equal((await ask(world, 'PATCH', target, {})).status, 200);
        assert.equal((await ask(world, 'PUT', target, good,
            { type: 'text/plain' })).status, 415);
        assert.equal((await ask(world, 'PUT', target, '{"a":')).status, 400);
        assert.equal((await ask(world, 'GET', `/v1/${kind}?limit=1`)).status,
                     200);
        assert.equal((await ask(world, 'GET', `/v1/${kind}?limit=x`)).status,
                     400);
        assert.equal((await ask(world, 'GET', `/v1/${kind}?what=x`)).status,
                     400);
        assert.equal((await ask(world, 'DELETE',
            `${target}?dry_run=true`)).status, 204);
        assert.equal((await ask(world, 'DELETE', target)).status, 204);
        assert.equal((await ask(world, 'GET', target)).status, 404);
        assert.equal((await ask(world, 'DELETE', target)).status, 404);
    });


    test(`openapi: ${kind} that the schema refuses are refused`,
         async (world) => {
        const valid = validator(schemaOf(kind));
        const taken = [];
        let refused = 0;

        for (const body of variants(good)) {
            const answer = await ask(world, 'POST',
                                     `/v1/${kind}?dry_run=true`, body);

            if (!valid(body)) {
                refused += 1;

                if (answer.status < 400) {
                    taken.push(`${ajv.errorsText(valid.errors)}: `
                               + JSON.stringify(body).slice(0, 300));
                }

            } else if (answer.status >= 500) {
                taken.push(`${answer.status}: ${JSON.stringify(body)}`);
            }
        }

        assert.deepEqual(taken, []);
        assert.ok(refused > 20, `${refused} were refused`);
    });
}


test('openapi: many at once, and states', async (world) => {
    const lines = [{ kind: 'tenants', object: { id: 'umbrella',
                                                tier: 'basic' } },
                   { kind: 'tenants', object: { id: 'Not An Id' } },
                   { kind: 'nothing', object: {} }];
    const report = await ask(world, 'POST', '/v1/import',
        lines.map((line) => JSON.stringify(line)).join('\n'),
        { type: 'application/x-ndjson' });
    const result = validator({ $ref: '#/components/schemas/ImportResult' });
    const said = report.text.trim().split('\n').map((line) =>
        JSON.parse(line));

    for (const line of said) {
        assert.ok(result(line), ajv.errorsText(result.errors));
    }

    assert.deepEqual(said.map(({ status }) => status), [201, 422, 422]);

    const exported = await ask(world, 'GET', '/v1/export');

    assert.equal(exported.status, 200);

    const plan = await ask(world, 'POST', '/v1/apply?dry_run=true',
                           exported.text);

    assert.deepEqual(plan.json.changes, []);

    for (const target of ['/v1/health', '/v1/changes?after=0',
                          '/v1/tenants/umbrella/state',
                          `/v1/issuers/${encodeURIComponent(ISS)}/state`]) {
        assert.equal((await ask(world, 'GET', target)).status, 200, target);
    }

    for (const [action, body, status] of [
        ['suspend', undefined, 200], ['activate', undefined, 200],
        ['offboard', { deadline: -1 }, 422],
        ['offboard', { deadline: 600 }, 200], ['activate', undefined, 409]]) {
        const answer = await ask(world, 'POST',
                                 `/v1/tenants/umbrella:${action}`, body);

        assert.equal(answer.status, status, answer.text);
    }

    assert.equal((await ask(world, 'DELETE', '/v1/tenants/umbrella')).status,
                 204);
});


test('openapi: the server of these tests ends', async () => {
    const log = fs.readFileSync(path.join(api.dir, 'error.log'), 'utf8');

    await stop(api.child, 'SIGQUIT');
    assert.doesNotMatch(log, /\[(alert|crit|emerg)\]/);
});
