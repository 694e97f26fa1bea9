/* nginx with the module, its configuration and its registry. */

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

import { call, closeIdle } from './http.js';
import { eventually, start, stop } from './process.js';


const POLICIES = `
@id("everyone-may-use-support")
permit (
    principal,
    action in [Action::"InvokeAgent", Action::"PingAgent"],
    resource
)
unless { resource == Agent::"analyst" };

@id("analysts-may-use-the-analyst")
permit (
    principal in Role::"analyst",
    action in [Action::"InvokeAgent", Action::"PingAgent"],
    resource == Agent::"analyst"
);
`;


function configuration(module, port, pool, mcp)
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

    tenant_registry      registry.json;
    tenant_policy_file   policies.cedar;
    tenant_decision_log  decisions.log flush=100ms;

    upstream agents {
        tenant_route;
        server     127.0.0.1:${pool};
        keepalive  32;
    }

    upstream mcp {
        tenant_route  session=$http_mcp_session_id
                      learn=$upstream_http_mcp_session_id;
        ${mcp.map((p) => `server 127.0.0.1:${p};`).join('\n        ')}
        keepalive     32;
    }

    server {
        listen  127.0.0.1:${port};

        # forged headers come in every spelling
        underscores_in_headers  on;

        client_max_body_size     4m;
        client_body_buffer_size  64k;

        location ~ "^/agents/(?<agent>[A-Za-z0-9_.-]+)(?<rest>/.*)$" {
            tenant_auth     on;
            tenant_agent    $agent;
            tenant_headers  agentcore;

            proxy_pass            http://agents$rest$is_args$args;
            proxy_http_version    1.1;
            proxy_set_header      Connection "";
            proxy_buffering       off;

            # this runtime turns buffering off itself, others do not
            proxy_ignore_headers  X-Accel-Buffering;

            proxy_next_upstream   off;
        }

        location ~ "^/mcp/(?<mcp>[A-Za-z0-9_.-]+)$" {
            tenant_auth   on;
            tenant_agent  $mcp;

            proxy_pass          http://mcp;
            proxy_http_version  1.1;
            proxy_set_header    Connection "";
            proxy_buffering     off;
        }

        location = /metrics {
            tenant_metrics;
        }
    }
}
`;
}


export class Gateway {

    /*
     * `pool` is the port of the pool's agent, `mcp` are those of its MCP
     * servers; the registry is an object.
     */
    static async start({ module, dir, port, pool, mcp, registry })
    {
        const gateway = new Gateway(dir, port);
        const conf = path.join(dir, 'nginx.conf');

        fs.mkdirSync(path.join(dir, 'temp'), { recursive: true });
        fs.writeFileSync(conf, configuration(module, port, pool, mcp));
        fs.writeFileSync(path.join(dir, 'policies.cedar'), POLICIES);
        gateway.write(registry);

        gateway.child = await start('nginx', [
            '-p', `${dir}/`, '-e', path.join(dir, 'error.log'), '-c', conf,
        ], {
            log: path.join(dir, 'nginx.out'),
            ready: () => gateway.metrics().then(() => true, () => false),
        });

        return gateway;
    }


    constructor(dir, port)
    {
        this.dir = dir;
        this.url = `http://127.0.0.1:${port}`;
    }


    write(registry)
    {
        fs.writeFileSync(path.join(this.dir, 'registry.json'),
                         JSON.stringify(registry, null, 2));
    }


    /* The URL of an agent's invocations, or of another path of it. */
    agent(id, rest = '/invocations')
    {
        return `${this.url}/agents/${id}${rest}`;
    }


    /* The exit status and messages of nginx -t with what is on disk. */
    check()
    {
        return spawnSync('nginx', [
            '-t', '-p', `${this.dir}/`, '-e', 'stderr',
            '-c', path.join(this.dir, 'nginx.conf'),
        ], { encoding: 'utf8' });
    }


    /*
     * nginx -s reload with another registry; resolves when new workers
     * serve, while old ones finish what they have.
     */
    async reload(registry)
    {
        const before = this.workers();

        this.write(registry);
        this.signalReload();

        if (!await eventually(() => this.workers().length
                              && this.workers().some((pid) =>
                                  !before.includes(pid))))
        {
            throw new Error('the gateway did not reload:\n'
                            + this.errorLog().slice(-2000));
        }

        /* a listening socket is shared: wait until old workers let go of it */

        if (!await eventually(() => before.every((pid) =>
                this.leaving(pid))))
        {
            throw new Error('old workers do not leave');
        }

        closeIdle();
    }


    signalReload()
    {
        const { status, stderr } = spawnSync('nginx', [
            '-s', 'reload', '-p', `${this.dir}/`, '-e', 'stderr',
            '-c', path.join(this.dir, 'nginx.conf'),
        ], { encoding: 'utf8' });

        if (status !== 0) {
            throw new Error(`nginx -s reload: ${stderr}`);
        }
    }


    /* As an operator who did not check would: straight to the master. */
    signalHangup()
    {
        this.child.kill('SIGHUP');
    }


    workers()
    {
        const pid = this.child.pid;

        return fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
            .trim().split(' ').filter((worker) => worker !== '');
    }


    /* A worker gone, or finishing requests without taking new ones. */
    leaving(pid)
    {
        try {
            return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8')
                .includes('shutting down');

        } catch {
            return true;
        }
    }


    /* True when a line matches that was written after `from` bytes. */
    logged(line, from = 0)
    {
        return eventually(() => this.errorLog().slice(from).split('\n')
            .some((text) => line.test(text)));
    }


    errorLog()
    {
        return fs.readFileSync(path.join(this.dir, 'error.log'), 'utf8');
    }


    /* Counters by name and labels as they are written: Map. */
    async metrics()
    {
        const { text } = await call(`${this.url}/metrics`,
                                    { method: 'GET' });

        return new Map(text.split('\n')
            .filter((line) => line && !line.startsWith('#'))
            .map((line) => {
                const at = line.lastIndexOf(' ');

                return [line.slice(0, at), Number(line.slice(at + 1))];
            }));
    }


    stop()
    {
        return stop(this.child, 'SIGQUIT');
    }
}
