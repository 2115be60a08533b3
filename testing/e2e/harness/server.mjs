// A real kith process on a free port and a temporary folder.
import { spawn, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const READY_WITHIN_MS = 30_000;

export class Server {
  #binary;
  #data;
  #process = null;
  #log = [];

  constructor(binary) {
    this.#binary = binary;
    this.#data = mkdtempSync(join(tmpdir(), 'kith-e2e-'));
  }

  /** Starts the server; a restart takes the port that it had before. */
  async start() {
    const address = this.http ?? '127.0.0.1:0';
    const args = ['serve', '--ready-json', '--data', this.#data, '--http', address, '--tcp', '127.0.0.1:0'];
    const child = spawn(this.#binary, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process = child;
    createInterface({ input: child.stderr }).on('line', (line) => {
      this.#log.push(line);
      if (this.#log.length > 400) this.#log.shift();
    });
    const line = await new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`kith is not ready\n${this.log()}`)), READY_WITHIN_MS);
      createInterface({ input: child.stdout }).once('line', (line) => { clearTimeout(late); resolve(line); });
      child.once('exit', (code) => { clearTimeout(late); reject(new Error(`kith ended with ${code}\n${this.log()}`)); });
    });
    this.http = JSON.parse(line).http;
  }

  get apiUrl() { return `http://${this.http}`; }
  get socketUrl() { return `ws://${this.http}/ws`; }
  log() { return this.#log.join('\n'); }

  /** The server's own counts, as Prometheus reads them. */
  async metrics() { return (await fetch(`${this.apiUrl}/metrics`)).text(); }

  /** Runs the command line against this server; returns standard output. */
  cli(...args) {
    return execFileSync(this.#binary, [...args, '--data', this.#data], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** Creates an app; `settings` are `name=value` texts. */
  createApp(key, ...settings) {
    const app = JSON.parse(this.cli('app', 'create', key, '--open-registration', '--jmessage', '--json'));
    if (settings.length) this.cli('app', 'set', key, ...settings);
    return app;
  }

  /** Ends the process and waits for it: SIGTERM drains, SIGKILL does not. */
  async stop(signal = 'SIGTERM') {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }

  async remove() {
    await this.stop('SIGKILL');
    rmSync(this.#data, { recursive: true, force: true });
  }
}
