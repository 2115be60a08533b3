// What Easemob's build for small programs (WeChat, uni-app, Alipay ...) expects of its host, on top of Node: just enough,
// and nothing that knows Kith. The build is loaded unmodified, and sees the host's object where a page has its window.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { compileFunction } from 'node:vm';
import WebSocket from 'ws';

const require = createRequire(import.meta.url);

/** What a page has and a small program has not. */
const PAGE_ONLY = ['window', 'self', 'document', 'navigator', 'location', 'localStorage', 'sessionStorage', 'XMLHttpRequest', 'WebSocket',
  'FileReader', 'FormData', 'Blob', 'fetch', 'addEventListener', 'indexedDB'];
const HOSTS = ['wx', 'uni', 'my', 'dd', 'qq', 'tt', 'swan'];

/** The build, inside the host of that name: `wx`, `uni` or `my`. Each load is a program of its own. */
export function loadMini(name, path = 'easemob-websdk/miniProgram/Easemob-chat.js') {
  const file = require.resolve(path);
  const names = ['module', 'exports', ...PAGE_ONLY, ...HOSTS];
  const build = compileFunction(readFileSync(file, 'utf8'), names, { filename: file });
  const module = { exports: {} };
  const host = name === 'my' ? alipay() : wechat();
  const given = { module, exports: module.exports, [name]: host };
  build.call(module.exports, ...names.map((known) => given[known]));
  const sdk = module.exports.default ?? module.exports;
  return { sdk, host };
}

/** Files of a small program lie in folders of its own, under names that its host gives. */
class Files {
  #files = new Map();
  #drawn = 0;

  /** A file as a dialogue of the host gives it to the program. */
  picked(bytes, suffix) {
    const path = `wxfile://tmp_${++this.#drawn}.${suffix}`;
    this.#files.set(path, new Uint8Array(bytes));
    return path;
  }

  get manager() {
    return {
      writeFile: ({ filePath, data, success }) => { this.#files.set(filePath, new Uint8Array(data)); success({ errMsg: 'writeFile:ok' }); },
      readFile: ({ filePath, success, fail }) => {
        const bytes = this.#files.get(filePath);
        if (bytes) success({ data: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) });
        else fail({ errMsg: 'readFile:fail no such file' });
      },
    };
  }

  read(path) { return this.#files.get(path); }
}

/** A host reads JSON wherever it is JSON, whatever its label. */
function parsed(text) {
  try { return JSON.parse(text); } catch { return text; }
}

/** One socket as all hosts have it. */
function socketTask(url) {
  const socket = new WebSocket(url);
  socket.binaryType = 'arraybuffer';
  return {
    socket,
    onOpen: (listener) => socket.addEventListener('open', () => listener({})),
    onMessage: (listener) => socket.addEventListener('message', ({ data }) => listener({ data })),
    onClose: (listener) => socket.addEventListener('close', ({ code, reason }) => listener({ code, reason })),
    onError: (listener) => socket.addEventListener('error', ({ message }) => listener({ errMsg: message })),
    send: ({ data, success, fail }) => socket.send(data, (error) => (error ? fail?.({ errMsg: error.message }) : success?.({ errMsg: 'ok' }))),
    close: () => socket.close(),
  };
}

async function requested({ url, method = 'GET', data, timeout }, headers = {}) {
  const isForm = Object.entries(headers).some(([name, value]) => name.toLowerCase() === 'content-type' && value.includes('urlencoded'));
  const written = () => (typeof data === 'string' ? data : isForm ? new URLSearchParams(data).toString() : JSON.stringify(data));
  const body = data === undefined || data === null || method === 'GET' ? undefined : written();
  const answer = await fetch(url, { method, headers, body, signal: AbortSignal.timeout(timeout ?? 60_000) });
  return { status: answer.status, headers: Object.fromEntries(answer.headers), data: parsed(await answer.text()) };
}

/** A form with one file; its own label is the host's doing, whatever the program says. */
async function uploaded(files, { url, filePath, name, formData = {} }, headers = {}) {
  const form = new FormData();
  for (const [field, value] of Object.entries(formData)) form.append(field, String(value));
  form.append(name, new Blob([files.read(filePath)]), filePath.split('/').pop());
  const own = Object.fromEntries(Object.entries(headers).filter(([header]) => header.toLowerCase() !== 'content-type'));
  const answer = await fetch(url, { method: 'POST', headers: own, body: form });
  return { statusCode: answer.status, data: await answer.text() };
}

const SYSTEM = { platform: 'devtools', system: 'iOS 17.0', brand: 'devtools', model: 'iPhone 15', version: '8.0.50', SDKVersion: '3.7.0' };

function common(files) {
  return {
    env: { USER_DATA_PATH: 'wxfile://usr' },
    canIUse: () => true,
    getSystemInfo: ({ success } = {}) => { success?.(SYSTEM); return Promise.resolve(SYSTEM); },
    getSystemInfoSync: () => SYSTEM,
    getNetworkType: ({ success }) => success({ networkType: 'wifi' }),
    onNetworkStatusChange() {},
    offNetworkStatusChange() {},
    onAppShow() {},
    onAppHide() {},
    getFileSystemManager: () => files.manager,
    files,
  };
}

/** `wx` and, with the same members, `uni`. */
function wechat() {
  const files = new Files();
  const stored = new Map();
  let socket = null;
  return {
    ...common(files),
    /** Ends the connection as a broken link does. */
    cut: () => socket.terminate(),
    request(options) {
      requested(options, options.header)
        .then(({ status, headers, data }) => options.success?.({ statusCode: status, header: headers, data, errMsg: 'request:ok' }))
        .catch((error) => options.fail?.({ errMsg: error.name === 'TimeoutError' ? 'request:fail timeout' : `request:fail ${error.message}` }));
    },
    uploadFile(options) {
      uploaded(files, options, options.header).then(options.success).catch((error) => options.fail?.({ errMsg: `uploadFile:fail ${error.message}` }));
    },
    downloadFile({ url, header, success, fail }) {
      fetch(url, { headers: header })
        .then(async (answer) => success({ statusCode: answer.status, tempFilePath: files.picked(await answer.arrayBuffer(), 'tmp') }))
        .catch((error) => fail?.({ errMsg: `downloadFile:fail ${error.message}` }));
    },
    connectSocket({ url, success }) {
      const task = socketTask(url);
      socket = task.socket;
      success?.({ errMsg: 'connectSocket:ok' });
      return task;
    },
    getStorageSync: (key) => stored.get(key) ?? '',
    setStorage: ({ key, data, success }) => { stored.set(key, data); success?.({ errMsg: 'setStorage:ok' }); },
  };
}

/** `my`: one socket for the whole program, bytes as Base64, other names for headers and statuses. */
function alipay() {
  const files = new Files();
  const stored = new Map();
  const heard = { open: new Set(), message: new Set(), close: new Set(), error: new Set() };
  const tell = (type, detail) => { for (const listener of [...heard[type]]) listener(detail); };
  const on = (type) => (listener) => { heard[type].add(listener); };
  const off = (type) => (listener) => { if (listener) heard[type].delete(listener); else heard[type].clear(); };
  let task = null;
  return {
    ...common(files),
    cut: () => task.socket.terminate(),
    request(options) {
      requested(options, options.headers).then(({ status, headers, data }) => {
        if (status < 400) options.success?.({ status, headers, data });
        else options.fail?.({ status, headers, data, error: 19, errorMessage: 'http status error' });
      }).catch((error) => options.fail?.({ error: 12, errorMessage: error.message }));
    },
    uploadFile(options) {
      uploaded(files, { ...options, name: options.fileName ?? options.name }, options.header ?? options.headers)
        .then(options.success).catch((error) => options.fail?.({ error: 12, errorMessage: error.message }));
    },
    connectSocket({ url, success }) {
      task = socketTask(url);
      task.onOpen((detail) => tell('open', detail));
      task.onMessage(({ data }) => tell('message', typeof data === 'string' ? { data, isBuffer: false } : { data: Buffer.from(data).toString('base64'), isBuffer: true }));
      task.onClose((detail) => tell('close', detail));
      task.onError((detail) => tell('error', detail));
      success?.({});
    },
    sendSocketMessage({ data, isBuffer, success, fail }) {
      task.send({ data: isBuffer ? Buffer.from(data, 'base64') : data, success, fail });
    },
    closeSocket() { task?.close(); },
    onSocketOpen: on('open'), onSocketMessage: on('message'), onSocketClose: on('close'), onSocketError: on('error'),
    offSocketOpen: off('open'), offSocketMessage: off('message'), offSocketClose: off('close'), offSocketError: off('error'),
    getStorageSync: ({ key }) => ({ data: stored.get(key) ?? null }),
    setStorage: ({ key, data, success }) => { stored.set(key, data); success?.({}); },
  };
}
