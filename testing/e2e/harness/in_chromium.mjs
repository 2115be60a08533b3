// Runs scenarios in Chromium: the same files as in Node, each in a frame of its own that loads the vendors' file as an
// app's page does. The page comes from another port than the server's, so every call to the server crosses origins.
//
// No driver is needed: the page asks this process for the next scenario and says what came of it (`page/`).
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

// A page that says nothing for so long is hung: the limit of a scenario in it is shorter.
const SILENCE_LIMIT_MS = 120_000;
const STARTS_WITHIN_MS = 60_000;
const PROGRAMS = [process.env.KITH_CHROMIUM, 'chromium', 'chromium-browser', 'google-chrome'].filter(Boolean);

const folder = join(dirname(fileURLToPath(import.meta.url)), '..');
const TYPES = { '.html': 'text/html; charset=utf-8', '.mjs': 'text/javascript; charset=utf-8', '.js': 'text/javascript; charset=utf-8' };

const FLAGS = [
  '--headless=new', '--disable-gpu', '--no-first-run', '--no-default-browser-check', '--mute-audio', '--disable-extensions', '--disable-sync',
  '--disable-background-networking', '--disable-component-update', '--disable-default-apps', '--disable-dev-shm-usage', '--no-proxy-server',
  // Nothing is slowed down because no screen shows it.
  '--disable-background-timer-throttling', '--disable-renderer-backgrounding', '--disable-backgrounding-occluded-windows',
  '--enable-logging=stderr', '--v=0',
];

export class InChromium {
  name = 'chromium';
  #server;
  #site = null;
  #browser = null;
  #profile = null;
  #console = [];
  // At most one of each: the page that waits for a scenario, and the scenario that waits for its result.
  #idlePage = null;
  #given = null;
  #pageIsThere = () => {};

  constructor(server) {
    this.#server = server;
  }

  async start() {
    this.#site = createServer((request, answer) => {
      this.#serve(request, answer).catch((error) => {
        answer.writeHead(500);
        answer.end(String(error?.stderr || error));
      });
    });
    // The page waits for its next scenario as long as that takes.
    this.#site.requestTimeout = 0;
    await new Promise((resolve) => this.#site.listen(0, '127.0.0.1', resolve));
  }

  async end() {
    await this.#quit();
    this.#site?.closeAllConnections();
    this.#site?.close();
  }

  /** Rejects with what the page says went wrong, and what its console said. */
  async run(sdkName, scenario, worldName) {
    if (!this.#browser) await this.#launch();
    await this.#idle();
    this.#console = [];
    const job = {
      sdkName, sdk: `/node_modules/${sdkName}/${sdkFile(sdkName)}`, file: `/scenarios/${scenario.file}`, scenario: scenario.title, worldName,
      apiUrl: this.#server.apiUrl, socketUrl: this.#server.socketUrl,
    };
    const failure = await new Promise((resolve) => {
      const silent = setTimeout(() => {
        this.#given = null;
        this.#quit().then(() => resolve('the page hangs'));
      }, SILENCE_LIMIT_MS);
      this.#given = (result) => { clearTimeout(silent); resolve(result.failure); };
      json(this.#idlePage, job);
      this.#idlePage = null;
    });
    if (failure !== null) {
      const error = new Error('failed in the page');
      error.stack = [failure, ...this.#console.slice(-15).map((line) => `console: ${line}`)].join('\n');
      throw error;
    }
  }

  async #launch() {
    this.#profile = mkdtempSync(join(tmpdir(), 'kith-chromium-'));
    const flags = [...FLAGS, `--user-data-dir=${this.#profile}`, ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])];
    const address = `http://localhost:${this.#site.address().port}/harness/page/index.html`;
    let failed = null;
    for (const program of PROGRAMS) {
      const browser = spawn(program, [...flags, address], { stdio: ['ignore', 'ignore', 'pipe'] });
      failed = await new Promise((resolve) => { browser.once('spawn', () => resolve(null)); browser.once('error', resolve); });
      if (failed) continue;
      browser.stderr.setEncoding('utf8').on('data', (text) => this.#console.push(...text.split('\n').filter(Boolean)));
      browser.once('exit', (code, signal) => {
        if (this.#browser !== browser) return;
        this.#browser = null;
        this.#idlePage = null;
        this.#take({ failure: `Chromium ended (${code ?? signal})` });
      });
      this.#browser = browser;
      return;
    }
    throw new Error(`no Chromium (${PROGRAMS.join(', ')}): install it, or name it in KITH_CHROMIUM (${failed})`);
  }

  /** Hands the result to the scenario that waits for one. */
  #take(result) {
    const given = this.#given;
    this.#given = null;
    given?.(result);
  }

  /** Waits until a page asks for a scenario. */
  #idle() {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`no page asks for a scenario\n${this.#console.join('\n')}`)), STARTS_WITHIN_MS);
      this.#pageIsThere = () => { clearTimeout(late); resolve(); };
      if (this.#idlePage) this.#pageIsThere();
    });
  }

  async #quit() {
    const browser = this.#browser;
    this.#browser = null;
    this.#idlePage = null;
    if (!browser) return;
    const ended = new Promise((resolve) => browser.once('close', resolve));
    browser.kill('SIGKILL');
    await ended;
    // Its helper processes may write for a moment longer.
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

  async #serve(request, answer) {
    const { pathname } = new URL(request.url, 'http://localhost');
    if (pathname === '/next') {
      this.#idlePage = answer;
      this.#pageIsThere();
    } else if (pathname === '/result') {
      this.#take(await body(request));
      json(answer, {});
    } else if (pathname === '/server') {
      const { method, args } = await body(request);
      if (!['cli', 'createApp', 'start', 'stop', 'metrics'].includes(method)) throw new Error(`the page may not call ${method}`);
      json(answer, { value: await this.#server[method](...args) });
    } else {
      file(pathname, answer);
    }
  }
}

function sdkFile(name) {
  const { main } = JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8'));
  return main.endsWith('.js') ? main : `${main}.js`;
}

function file(pathname, answer) {
  const path = normalize(join(folder, pathname));
  const type = TYPES[extname(path)];
  if (!path.startsWith(folder) || !type) {
    answer.writeHead(404);
    answer.end();
    return;
  }
  const bytes = readFileSync(path);
  answer.writeHead(200, { 'Content-Type': type });
  answer.end(bytes);
}

function json(answer, value) {
  answer.writeHead(200, { 'Content-Type': 'application/json' });
  answer.end(JSON.stringify(value));
}

async function body(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return JSON.parse(Buffer.concat(parts).toString());
}
