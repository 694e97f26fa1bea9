/* A gateway with a registry that is empty at first, and its control plane. */

import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { call, newSession, SESSION, stream } from './http.js';
import { freePorts, start, stop } from './process.js';


const ROOT = fileURLToPath(new URL('../../..', import.meta.url));


/* What every nginx of a test needs; providers that are here. */
export const MAIN = `
daemon            off;
worker_processes  2;
pid               nginx.pid;
error_log         error.log info;
${process.getuid() === 0 ? 'user root;' : ''}
`;

export const HTTP = `
    access_log  off;

    client_body_temp_path  temp/body;
    proxy_temp_path        temp/proxy;
    fastcgi_temp_path      temp/fastcgi;
    uwsgi_temp_path        temp/uwsgi;
    scgi_temp_path         temp/scgi;

    # cognito-local is here, and speaks no TLS
    tenant_fetch_allow       127.0.0.0/8;
    tenant_fetch_plain_http  on;
`;


function configuration(module, port, api, pool)
{
    return `
load_module ${module};
${MAIN}
events {
    worker_connections  1024;
}

http {
${HTTP}
    tenant_registry     registry/registry.db;
    tenant_policy_file  policies/*.cedar;

    upstream agents {
        tenant_route;
        server     127.0.0.1:${pool};
        keepalive  32;
    }

    server {
        listen  127.0.0.1:${port};

        location ~ "^/agents/(?<agent>[A-Za-z0-9_.-]+)(?<rest>/.*)$" {
            tenant_auth     on;
            tenant_agent    $agent;
            tenant_headers  agentcore;

            proxy_pass            http://agents$rest$is_args$args;
            proxy_http_version    1.1;
            proxy_set_header      Connection "";
            proxy_buffering       off;
            proxy_ignore_headers  X-Accel-Buffering;
        }
    }

    server {
        listen  127.0.0.1:${api};

        location / {
            tenant_api;
        }
    }
}
`;
}


export class Control {

    /*
     * `pool` is the port of the pool's agent; `dir` is made.  `configure`
     * makes another configuration of (module, port, api, pool).
     */
    static async start({ module, dir, pool, configure = configuration,
                         policies = 'permit (principal, action, resource);' })
    {
        const [port, api] = await freePorts(2);
        const control = new Control(dir, port, api);
        const conf = path.join(dir, 'nginx.conf');

        for (const sub of ['temp', 'policies']) {
            fs.mkdirSync(path.join(dir, sub), { recursive: true });
        }

        fs.writeFileSync(conf, configure(module, port, api, pool));
        fs.writeFileSync(path.join(dir, 'policies/some.cedar'), policies);

        control.child = await start('nginx', [
            '-p', `${dir}/`, '-e', path.join(dir, 'error.log'), '-c', conf,
        ], {
            log: path.join(dir, 'nginx.out'),
            ready: () => control.get('/health')
                .then(({ status }) => status === 200, () => false),
        });

        return control;
    }


    constructor(dir, port, api)
    {
        this.dir = dir;
        this.url = `http://127.0.0.1:${port}`;
        this.api = `http://127.0.0.1:${api}`;
    }


    get env()
    {
        return {
            ...process.env,
            PATH: `${ROOT}scripts:${process.env.PATH}`,
            TENANTCTL_API: this.api,
        };
    }


    get(resource)
    {
        return call(`${this.api}/v1${resource}`,
                    { method: 'GET', keep: false });
    }


    /* scripts/tenantctl: { status, stdout, stderr } */
    ctl(...args)
    {
        return new Promise((resolve) => {
            execFile(`${ROOT}scripts/tenantctl`, args, { env: this.env },
                     (error, stdout, stderr) => {
                resolve({ status: error?.code ?? 0, stdout, stderr });
            });
        });
    }


    /* A shell that runs a script given as text: { status, output }. */
    shell(script, env = {})
    {
        return new Promise((resolve, reject) => {
            const child = spawn('bash', ['-euo', 'pipefail', '-c', script], {
                cwd: this.dir, env: { ...this.env, ...env },
                stdio: ['ignore', 'pipe', 'pipe'],
            });
            let output = '';

            for (const out of [child.stdout, child.stderr]) {
                out.setEncoding('utf8').on('data', (text) => {
                    output += text;
                });
            }

            child.once('error', reject);
            child.once('close', (status) => resolve({ status, output }));
        });
    }


    /* One answer of an agent, over a connection of its own. */
    ask(token, body = { do: 'echo' }, agent = 'support')
    {
        return call(`${this.url}/agents/${agent}/invocations`, {
            token,
            headers: { [SESSION]: newSession() },
            body: JSON.stringify(body),
            keep: false,
        });
    }


    listen(token, body, { session = newSession(), agent = 'support' } = {})
    {
        return stream(`${this.url}/agents/${agent}/invocations`, {
            token,
            headers: { [SESSION]: session },
            body: JSON.stringify({ do: 'stream', ...body }),
            keep: false,
        });
    }


    errorLog()
    {
        return fs.readFileSync(path.join(this.dir, 'error.log'), 'utf8');
    }


    stop()
    {
        return stop(this.child, 'SIGQUIT');
    }
}
