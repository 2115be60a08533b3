// What the official SDKs expect of a browser, on top of Node: just enough, and nothing that knows Kith.
// Both SDKs are loaded unmodified from node_modules.
import { createRequire } from 'node:module';
import http from 'node:http';
import WebSocket from 'ws';

const require = createRequire(import.meta.url);

class LocalStorage {
  #items = new Map();
  get length() { return this.#items.size; }
  key(index) { return [...this.#items.keys()][index] ?? null; }
  getItem(name) { return this.#items.get(String(name)) ?? null; }
  setItem(name, value) { this.#items.set(String(name), String(value)); }
  removeItem(name) { this.#items.delete(String(name)); }
  clear() { this.#items.clear(); }
}

// XMLHttpRequest over node:http: asynchronous requests with a text or no answer, as the SDKs make them.
class XMLHttpRequest {
  readyState = 0;
  status = 0;
  statusText = '';
  responseType = '';
  responseText = '';
  response = '';
  responseURL = '';
  timeout = 0;
  withCredentials = false;
  upload = new EventTarget();
  #headers = {};
  #listeners = new Map();
  #request = null;
  #answerHeaders = {};

  open(method, url) {
    this.method = method.toUpperCase();
    this.url = url;
    this.#move(1);
  }

  /** A header that is set twice, in whatever spelling, has both values, as a browser sends it. */
  setRequestHeader(name, value) {
    const known = Object.keys(this.#headers).find((header) => header.toLowerCase() === name.toLowerCase());
    if (known) this.#headers[known] += `, ${value}`;
    else this.#headers[name] = String(value);
  }
  getResponseHeader(name) { return this.#answerHeaders[name.toLowerCase()] ?? null; }
  getAllResponseHeaders() {
    return Object.entries(this.#answerHeaders).map(([name, value]) => `${name}: ${value}\r\n`).join('');
  }
  addEventListener(type, listener) {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }
  removeEventListener(type, listener) {
    this.#listeners.set(type, (this.#listeners.get(type) ?? []).filter((known) => known !== listener));
  }
  abort() { this.#request?.destroy(); }

  async send(body) {
    let bytes = null;
    if (body instanceof FormData) {
      const encoded = new Response(body);
      this.#headers['Content-Type'] = encoded.headers.get('content-type');
      bytes = Buffer.from(await encoded.arrayBuffer());
    } else if (body !== undefined && body !== null) {
      bytes = Buffer.from(String(body));
      // A browser labels a text body that nobody labelled.
      if (!Object.keys(this.#headers).some((name) => name.toLowerCase() === 'content-type')) {
        this.#headers['Content-Type'] = 'text/plain;charset=UTF-8';
      }
    }
    if (bytes) this.#headers['Content-Length'] = bytes.length;
    this.responseURL = this.url;
    this.#request = http.request(this.url, { method: this.method, headers: this.#headers, agent: false }, (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('end', () => {
        const all = Buffer.concat(parts);
        this.status = answer.statusCode;
        this.statusText = answer.statusMessage;
        this.#answerHeaders = answer.headers;
        if (this.responseType === 'blob') this.response = new Blob([all]);
        else if (this.responseType === 'arraybuffer') this.response = all.buffer;
        else this.response = this.responseText = all.toString('utf8');
        this.#move(4);
        this.#fire('load');
        this.#fire('loadend');
      });
    });
    if (this.timeout) this.#request.setTimeout(this.timeout, () => { this.#fire('timeout'); this.abort(); });
    this.#request.on('error', (error) => {
      if (this.readyState === 4) return;
      this.#move(4);
      this.#fire('error', error);
    });
    this.#request.end(bytes ?? undefined);
  }

  #move(state) {
    this.readyState = state;
    this.#fire('readystatechange');
  }
  #fire(type, detail) {
    const event = { type, target: this, currentTarget: this, detail };
    this[`on${type}`]?.call(this, event);
    for (const listener of this.#listeners.get(type) ?? []) listener.call(this, event);
  }
}

// What the SDKs read a downloaded Blob with.
class FileReader extends EventTarget {
  result = null;
  onload = null;
  onerror = null;

  readAsArrayBuffer(blob) { this.#read(blob.arrayBuffer()); }
  readAsText(blob) { this.#read(blob.text()); }

  async #read(promise) {
    try {
      this.result = await promise;
      this.#fire('load');
    } catch {
      this.#fire('error');
    }
    this.#fire('loadend');
  }

  // An event of Node has its target once it is dispatched, as a browser's has.
  #fire(type) {
    const event = new Event(type);
    this.addEventListener(type, (seen) => this[`on${type}`]?.(seen), { once: true });
    this.dispatchEvent(event);
  }
}

// Every socket that an SDK opens, so that a scenario can cut one.
export const sockets = new Set();

class BrowserSocket extends WebSocket {
  constructor(url, protocols) {
    super(url, protocols);
    sockets.add(this);
    // To a page an error that it does not listen for is nothing. `ws` would throw it, and never say that the socket is closed.
    this.addEventListener('error', () => {});
    this.addEventListener('close', () => sockets.delete(this));
  }
}

function install() {
  const define = (name, value) =>
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  define('self', globalThis);
  define('window', globalThis);
  define('localStorage', new LocalStorage());
  define('sessionStorage', new LocalStorage());
  define('location', { protocol: 'http:', host: 'localhost', hostname: 'localhost', href: 'http://localhost/', origin: 'http://localhost', search: '' });
  define('navigator', { userAgent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36', onLine: true, language: 'en', platform: 'Linux x86_64' });
  define('document', {
    hidden: false, visibilityState: 'visible', cookie: '',
    addEventListener() {}, removeEventListener() {}, createElement: () => ({ style: {} }), getElementsByTagName: () => [],
    documentElement: { style: {} }, body: {},
  });
  define('XMLHttpRequest', XMLHttpRequest);
  define('FileReader', FileReader);
  define('WebSocket', BrowserSocket);
  if (!globalThis.addEventListener) {
    define('addEventListener', () => {});
    define('removeEventListener', () => {});
  }
}

install();

export const packages = ['easemob-websdk', 'agora-chat'];

export function load(name) {
  const loaded = require(name);
  return loaded.default ?? loaded;
}
