// What a scenario works with: its own app, users nobody else uses, and the server. It runs in Node and in a page alike.
import { Client } from './client.mjs';

const SCENARIO_LIMIT_MS = 90_000;
const STATE_LIMIT_MS = 10_000;

export class World {
  /**
   * `name` tells this world's app from all others at the server; `sdkName` is the SDK's package; `sockets` holds what can be
   * cut, where that is possible;
   * `watch` may wrap a connection.
   */
  constructor({ name, sdkName, sdk, server, sockets = new Set(), watch = (connection) => connection }) {
    this.sdkName = sdkName;
    this.sdk = sdk;
    this.server = server;
    this.sockets = sockets;
    this.watch = watch;
    this.clients = [];
    this.devices = 0;
    this.appKey = `e2e#${name}`;
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

  /** Waits for something that nobody is told of. Use this, and not a pause, wherever something has to have happened. */
  async until(what, holds) {
    const end = Date.now() + STATE_LIMIT_MS;
    while (!(await holds())) {
      if (Date.now() > end) throw new Error(`not within ${STATE_LIMIT_MS} ms: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Waits until the server knows and has written that a user has all his messages: a new device begins behind them. */
  async hasTaken(name) {
    const token = await this.appToken();
    const waiting = async () => (await this.rest('GET', `/users/${name}/offline_msg_count`, { token })).body.data[name];
    await this.until(`${name} has all messages`, async () => (await waiting()) === 0);
  }

  /** A connection that is not open yet. Each has its own device unless told otherwise. */
  client(name, { sdk = this.sdk, ...options } = {}) {
    const client = new Client(sdk, this.server, this.appKey, name, { deviceId: `d${++this.devices}`, ...options });
    client.connection = this.watch(client.connection);
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
    for (const socket of this.sockets) socket.terminate();
  }
}

/** A scenario's promise; rejected when the scenario takes longer than any may. */
export function limited(promise) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`not done within ${SCENARIO_LIMIT_MS} ms`)), SCENARIO_LIMIT_MS);
    promise.then(resolve, reject).finally(() => clearTimeout(late));
  });
}

/** What a failure shows: SDKs also throw plain objects. */
export function shown(error) {
  if (!(error instanceof Error)) return JSON.stringify(error) ?? String(error);
  const stack = error.stack ?? '';
  return stack.includes(error.message) ? stack : `${error.name}: ${error.message}\n${stack}`;
}
