/* Child processes and ports of 127.0.0.1; everything started is stopped. */

import { spawn } from 'node:child_process';
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
export async function start(program, args, { log, ready, seconds = 20,
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


/* Ports that were free a moment ago, all different. */
export async function freePorts(count)
{
    const servers = await Promise.all(Array.from({ length: count }, () =>
        new Promise((resolve, reject) => {
            const server = net.createServer();

            server.once('error', reject);
            server.listen(0, '127.0.0.1', () => resolve(server));
        })));
    const ports = servers.map((server) => server.address().port);

    await Promise.all(servers.map((server) =>
        new Promise((resolve) => server.close(resolve))));

    return ports;
}


/* How many connections a server on that port has. */
export function connections(port)
{
    const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;

    return fs.readFileSync('/proc/net/tcp', 'utf8').split('\n')
        .map((line) => line.trim().split(/\s+/))
        .filter(([, address, , state]) =>
            address?.endsWith(local) && state === '01')
        .length;
}


/* True as soon as `condition` is; false if it is not within `seconds`. */
export async function eventually(condition, seconds = 5)
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
