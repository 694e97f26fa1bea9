/* Child processes and ports of 127.0.0.1; everything started is stopped. */

import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';


const children = new Set();


/*
 * Starts a program with its output in the file `log`, waits until `ready`,
 * which is asked again and again, is true.  A program that ends before, or
 * is not ready in `seconds`, is an error with the end of its log.
 */
export async function start(program, args, { log, ready, seconds = 60,
                                             cwd, env = {} })
{
    const out = fs.openSync(log, 'a');
    const child = spawn(program, args, {
        cwd, stdio: ['ignore', out, out], env: { ...process.env, ...env },
    });
    const until = Date.now() + seconds * 1000;

    fs.closeSync(out);
    children.add(child);
    child.once('exit', () => children.delete(child));
    child.once('error', () => children.delete(child));

    while (!await ready()) {
        if (!children.has(child) || Date.now() > until) {
            await stop(child);
            throw new Error(`${program} ${args.join(' ')} does not start:\n`
                            + fs.readFileSync(log, 'utf8').slice(-2000));
        }

        await sleep(50);
    }

    return child;
}


/* Ends a process that start() returned: asks, and after 5 seconds insists. */
export async function stop(child, signal = 'SIGTERM')
{
    if (!children.has(child)) {
        return;
    }

    const gone = once(child, 'exit');
    const insist = setTimeout(() => child.kill('SIGKILL'), 5000);

    child.kill(signal);
    await gone;
    clearTimeout(insist);
}


export async function stopAll()
{
    await Promise.all([...children].map((child) => stop(child)));
}


/*
 * Ports that were free a moment ago, all different.  The kernel gives none of
 * them to a client meanwhile: they are below those it chooses from.
 */
export async function freePorts(count)
{
    const [first] = fs.readFileSync(
        '/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s/);
    const lowest = 10000;
    const servers = [];

    for (let tries = 0; servers.length < count && tries < 1000; tries++) {
        const server = net.createServer();
        const port = randomInt(lowest, Math.max(lowest + 1000, first));

        try {
            server.listen(port, '127.0.0.1');
            await once(server, 'listening');
            servers.push(server);

        } catch (error) {
            if (error.code !== 'EADDRINUSE') {
                throw error;
            }
        }
    }

    const ports = servers.map((server) => server.address().port);

    await Promise.all(servers.map((server) =>
        new Promise((resolve) => server.close(resolve))));

    return ports;
}


/*
 * True as soon as `condition` is; false if it is not within `seconds`, which
 * only what fails waits for.
 */
export async function eventually(condition, seconds = 20)
{
    const until = Date.now() + seconds * 1000;

    while (!await condition()) {
        if (Date.now() > until) {
            return false;
        }

        await sleep(20);
    }

    return true;
}
