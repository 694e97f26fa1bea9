/*
 * One long-lived batch process: lines in, answers out in the same order.
 * A process that dies or stays silent is reported to whoever waits and is
 * started again for the next line.
 */

import { spawn } from 'node:child_process';
import { line_stream } from './stream.mjs';

const SILENCE = 20000;      /* milliseconds without any answer */


export class ToolError extends Error {}


export class Tool {
  /* command: program and arguments */
  constructor(command) {
    this.command = command;
    this.waiting = [];
    this.child = null;
  }

  start() {
    const [program, ...args] = this.command;
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    let noise = '';

    this.child = child;
    child.stderr.on('data', (d) => {
      noise = (noise + d).slice(0, 4000);
    });
    child.stdin.on('error', () => {});
    this.listen(child).catch((e) => this.fail(child, e.message));
    child.on('error', (e) => this.fail(child, `cannot run: ${e.message}`));
    child.on('close', (code, signal) => this.fail(child,
      `ended early, ${signal ?? `status ${code}`}: ${noise}`));
  }

  async listen(child) {
    for await (const line of line_stream(child.stdout)) {
      if (this.child === child) {
        this.answer(line);
      }
    }
  }

  answer(line) {
    const first = this.waiting.shift();

    this.watch();
    if (first === undefined) {
      this.fail(this.child, `an answer too many: ${line}`);
      return;
    }
    try {
      first.resolve(JSON.parse(line));
    } catch {
      first.reject(new ToolError(`answer is no JSON: ${line}`));
    }
  }

  watch() {
    clearTimeout(this.timer);
    if (this.waiting.length > 0) {
      this.timer = setTimeout(() => this.fail(this.child,
        `no answer for ${SILENCE / 1000} s`), SILENCE);
    }
  }

  fail(child, message) {
    if (this.child !== child || child === null) {
      return;
    }
    this.child = null;
    clearTimeout(this.timer);
    child.kill('SIGKILL');
    for (const w of this.waiting.splice(0)) {
      w.reject(new ToolError(message));
    }
  }

  /* Sends one line, a string or bytes without LF; resolves to its answer,
     rejects with ToolError */
  ask(line) {
    if (this.child === null) {
      this.start();
    }
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      if (this.waiting.length === 1) {
        this.watch();
      }
      this.child.stdin.write(line);
      this.child.stdin.write('\n');
    });
  }

  /* resolves to the exit status after the input ended */
  stop() {
    const { child } = this;

    if (child === null) {
      return Promise.resolve(0);
    }
    this.child = null;
    clearTimeout(this.timer);
    child.stdin.end();
    child.stdout.resume();
    return new Promise((resolve) => {
      child.on('close', (code) => resolve(code));
    });
  }
}
