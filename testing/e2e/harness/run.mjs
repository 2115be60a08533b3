// Runs every scenario with both official SDKs against one server and prints what passed.
//
//   node harness/run.mjs BINARY [--only TEXT] [--sdk NAME] [--coverage]
//
// A full run holds docs/sdk-coverage.md against what was called; with `--coverage` it writes it.
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { load, packages, sockets } from './browser.mjs';
import { Client } from './client.mjs';
import { Coverage } from './coverage.mjs';
import { Server } from './server.mjs';

const SCENARIO_LIMIT_MS = 90_000;
const here = dirname(fileURLToPath(import.meta.url));
const folder = join(here, '..', 'scenarios');
const coverageTable = join(here, '..', '..', '..', 'docs', 'sdk-coverage.md');

const [binary, ...rest] = process.argv.slice(2);
const option = (name) => (rest.includes(name) ? rest[rest.indexOf(name) + 1] : null);
const [only, onlySdk] = [option('--only'), option('--sdk')];

const scenarios = [];
for (const file of readdirSync(folder).filter((file) => file.endsWith('.mjs')).sort()) {
  const { default: list } = await import(pathToFileURL(join(folder, file)));
  for (const [name, run] of Object.entries(list)) scenarios.push({ name: `${file.slice(0, -4)}: ${name}`, run });
}

let counter = 0;
const coverage = new Coverage();

/** What a scenario works with: its own app, users nobody else uses, and the server. */
class World {
  constructor(sdkName, sdk, server) {
    this.sdkName = sdkName;
    this.sdk = sdk;
    this.server = server;
    this.clients = [];
    this.appKey = `e2e#app${++counter}`;
    this.app = server.createApp(this.appKey);
  }

  set(...settings) { this.server.cli('app', 'set', this.appKey, ...settings); }

  url(path) { return `${this.server.apiUrl}/${this.appKey.replace('#', '/')}${path}`; }

  /** A REST call as a back end makes it. */
  async rest(method, path, { token, body } = {}) {
    const headers = { 'Content-Type': 'application/json' };
    if (token) headers.Authorization = `Bearer ${token}`;
    const answer = await fetch(this.url(path), { method, headers, body: body && JSON.stringify(body) });
    return { status: answer.status, headers: answer.headers, body: await answer.json() };
  }

  async appToken() {
    const { client_id, client_secret } = this.app;
    const answer = await this.rest('POST', '/token', { body: { grant_type: 'client_credentials', client_id, client_secret } });
    return answer.body.access_token;
  }

  /** A connection that is not open yet. Each has its own device unless told otherwise. */
  client(name, options = {}) {
    const client = new Client(this.sdk, this.server, this.appKey, name, { deviceId: `d${++counter}`, ...options });
    client.connection = coverage.watch(this.sdkName, client.connection);
    this.clients.push(client);
    return client;
  }

  /** Registers a user through the SDK; the password is the name. */
  async register(name) {
    const client = this.client(name);
    return client.connection.registerUser({ username: name, password: name, nickname: name, apiUrl: this.server.apiUrl, appKey: this.appKey });
  }

  /** Registers (once) and logs in. */
  async online(name, options = {}) {
    this.known ??= new Set();
    if (!this.known.has(name)) {
      await this.register(name);
      this.known.add(name);
    }
    const client = this.client(name, options);
    await client.open({ pwd: name });
    return client;
  }

  end() {
    for (const client of this.clients) {
      try { client.close(); } catch { /* a connection that never opened */ }
    }
    for (const socket of sockets) socket.terminate();
  }
}

function limited(promise) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`not done within ${SCENARIO_LIMIT_MS} ms`)), SCENARIO_LIMIT_MS);
    promise.then(resolve, reject).finally(() => clearTimeout(late));
  });
}

let passed = 0;
let failed = 0;
// An SDK that throws outside of a promise has failed the scenario that runs.
let stray = null;
process.on('uncaughtException', (error) => { stray ??= error; });
process.on('unhandledRejection', (error) => { stray ??= error; });

const server = new Server(binary);
await server.start();
for (const name of packages.filter((name) => !onlySdk || name === onlySdk)) {
  const sdk = load(name);
  sdk.logger.disableAll?.();
  for (const scenario of scenarios.filter((scenario) => !only || scenario.name.includes(only))) {
    const world = new World(name, sdk, server);
    coverage.begin(scenario.name);
    stray = null;
    const began = Date.now();
    try {
      await limited(scenario.run(world));
      if (stray) throw stray;
      passed += 1;
      console.log(`ok    ${name}  ${scenario.name}  (${Date.now() - began} ms)`);
    } catch (error) {
      failed += 1;
      console.log(`FAIL  ${name}  ${scenario.name}`);
      console.log(String(error?.stack ?? JSON.stringify(error)).replace(/^/gm, '      '));
      console.log(server.log().split('\n').slice(-15).join('\n').replace(/^/gm, '      kith: '));
    }
    world.end();
  }
}
await server.remove();
console.log(`${passed} passed, ${failed} failed`);
if (!only && !onlySdk && !failed) {
  if (rest.includes('--coverage')) coverage.write(coverageTable, packages);
  const lies = coverage.lies(coverageTable, packages);
  for (const lie of lies) console.log(`docs/sdk-coverage.md: ${lie}`);
  failed += lies.length;
}
// 3: nothing was picked, which is for the caller to judge.
process.exit(failed ? 1 : passed ? 0 : 3);
