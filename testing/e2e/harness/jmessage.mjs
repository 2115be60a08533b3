// A client that speaks what JMessage's web SDK speaks: socket.io 4 over engine.io 3, written from the protocol's
// description. The SDK itself is in no registry, so what it does by itself stands here: acknowledging, repeating, syncing.
import { createHash, randomInt } from 'node:crypto';
import WebSocket from 'ws';

const WAIT_MS = 10_000;

export const md5 = (text) => createHash('md5').update(text).digest('hex');

export class JMessage {
  constructor(server, app, name) {
    this.url = `${server.socketUrl.replace(/\/ws$/, '')}/socket.io/?EIO=3&transport=websocket`;
    this.appkey = app.jmessage_appkey;
    this.secret = app.jmessage_master_secret;
    this.name = name;
    this.heard = [];
    this.waiting = [];
  }

  /** Opens the socket and waits for the two packets that the server begins with. */
  async connect() {
    this.socket = new WebSocket(this.url, { origin: 'http://page.example' });
    this.closed = new Promise((resolve) => this.socket.on('close', resolve));
    this.socket.on('message', (data, isBinary) => this.#packet(isBinary ? '' : data.toString()));
    this.socket.on('error', () => {});
    await this.next('open');
    await this.next('connected');
  }

  /** Signs for the app. */
  init(changes = {}) {
    const [timestamp, random_str] = [Date.now(), '022cd9fd995849b58b3ef0e943421ed9'];
    const signature = md5(`appkey=${this.appkey}&timestamp=${timestamp}&random_str=${random_str}&key=${this.secret}`);
    return this.ask('c_init', { appkey: this.appkey, timestamp, random_str, signature, flag: 0, fromPlatForm: 'j', ...changes });
  }

  /** Connects, initialises, logs in and asks for what was missed; by `flag` 1 also for what it had. */
  async online(password = this.name, flag = 0) {
    await this.connect();
    await this.init({ flag });
    const answer = await this.ask('login', { username: this.name, password: md5(password), is_md5: true, version: '2.6.0' });
    await this.sync(flag);
    return answer;
  }

  sync(sync_type = 0) { return this.ask('sync_check', { sync_key: 0, sync_type, sync_event_key: 0, msg_receipt_key: 0 }); }

  /** Sends a request; gives the answer of the same number. `code` 0 unless told otherwise. */
  async ask(name, data = {}, code = 0, rid = randomInt(1, 2 ** 31 - 1)) {
    const answers = name === 's_across_single_text' ? 's_single_text' : name;
    this.say(name, { ...data, rid });
    await this.next('ack', (ack) => ack.rid === rid);
    const answer = await this.next(answers, (body) => body.rid === rid && 'code' in body);
    if (answer.code !== code) throw new Error(`${this.name}: ${name} was answered with ${JSON.stringify(answer)}`);
    return answer;
  }

  say(name, data) { this.socket.send(`42${JSON.stringify([name, data])}`); }

  #packet(text) {
    if (text.startsWith('0')) this.#hear('open', JSON.parse(text.slice(1)));
    else if (text === '40') this.#hear('connected', {});
    else if (text.startsWith('3')) this.#hear('pong', text.slice(1));
    else if (text.startsWith('42')) {
      this.take(...JSON.parse(text.slice(2)));
    }
  }

  /** An event of the server's. */
  take(name, body) {
    this.#hear(name, body);
    this.#acknowledge(name, body);
  }

  #acknowledge(name, body) {
    const rid = randomInt(1, 2 ** 31 - 1);
    if (name === 'msg_sync') {
      for (const { msg_id, msg_type, from_uid, from_gid } of body.messages) {
        this.say('msg_recv_v2', { rid: randomInt(1, 2 ** 31 - 1), msg_id, msg_type, from_uid, from_gid });
      }
    } else if (/^sync_(conversation|event|receipt)$/.test(name)) {
      this.say(`${name}_ack`, { rid, sync_key: body.sync_key });
    }
  }

  #hear(name, body) {
    this.heard.push([name, body]);
    for (const waiter of [...this.waiting]) waiter(name, body);
  }

  /** The first event of a name (and form), already there or still to come. */
  next(name, matches = () => true, waitMs = WAIT_MS) {
    const known = this.heard.find(([heard, body]) => heard === name && matches(body));
    if (known) return Promise.resolve(known[1]);
    return new Promise((resolve, reject) => {
      const done = (end, value) => {
        clearTimeout(late);
        this.waiting = this.waiting.filter((waiter) => waiter !== take);
        end(value);
      };
      const late = setTimeout(() => {
        const seen = this.heard.map(([heard]) => heard).join(', ');
        done(reject, new Error(`${this.name}: no ${name} within ${waitMs} ms; seen: ${seen}`));
      }, waitMs);
      const take = (heard, body) => { if (heard === name && matches(body)) done(resolve, body); };
      this.waiting.push(take);
    });
  }

  /** The `content` of the next message of a type, live or missed. */
  async message(msgType) {
    const is = (message) => message.content.msg_type === msgType;
    const live = this.next('msg_sync', (body) => body.messages.some(is)).then((body) => body.messages.find(is));
    const missed = this.next('sync_conversation', (body) => body.messages.some(({ msgs }) => msgs.some(is)))
      .then((body) => body.messages.flatMap(({ msgs }) => msgs).find(is));
    live.catch(() => {});
    missed.catch(() => {});
    return Promise.any([live, missed]);
  }

  /** The next event of section 5 of a type. */
  async event(type, matches = () => true) {
    const is = (event) => event.event_type === type && matches(event);
    const live = this.next('event_notification', is);
    const missed = this.next('sync_event', (body) => body.events.some(is)).then((body) => body.events.find(is));
    live.catch(() => {});
    missed.catch(() => {});
    return Promise.any([live, missed]);
  }

  send(to, msg_type, msg_body, more = {}) {
    const content = {
      version: 1, target_type: 'single', from_platform: 'web', target_id: to, from_id: this.name,
      create_time: Date.now(), msg_type, msg_body,
    };
    return this.ask('s_across_single_text', {
      content, target_id: to, no_offline: false, no_notification: false, appkey: this.appkey, ...more,
    });
  }

  sendGroup(gid, msg_type, msg_body, more = {}) {
    const content = {
      version: 1, target_type: 'group', from_platform: 'web', target_id: String(gid), from_id: this.name,
      create_time: Date.now(), msg_type, msg_body,
    };
    return this.ask('send_group_msg', { content, target_gid: gid, no_offline: false, no_notification: false, ...more });
  }

  /** Uploads as the SDK does: a token over the connection, then a form. Gives what messages say of the file. */
  async upload(type, name, bytes, changes = {}) {
    const { uptoken } = await this.ask('get_upload_token');
    const form = new FormData();
    form.append(name, new Blob([bytes]), name);
    const authorization = `Basic ${btoa(`${this.name}:${uptoken}`)}`;
    const headers = { authorization, 'x-app-key': this.appkey, 'jm-channel': 'w', origin: 'http://page.example', ...changes };
    const url = this.url.replace(/^ws/, 'http').replace(/\/socket\.io.*/, '');
    const answer = await fetch(`${url}/resource?type=${type}`, { method: 'POST', headers, body: form });
    const body = await answer.json();
    if (answer.status !== 200) throw new Error(`${answer.status} ${JSON.stringify(body)}`);
    return body;
  }

  text(to, text, more) { return this.send(to, 'text', { text }, more); }

  close() { this.socket?.close(); }
}

/**
 * The same over the library that the web SDK is built on, unmodified (socket.io-client 2), where there are no WebSockets
 * (`['polling']`), or where a proxy lets them through only later (`['polling', 'websocket']`).
 */
export class PollingJMessage extends JMessage {
  constructor(server, app, name, transports = ['polling']) {
    super(server, app, name);
    this.options = { transports, reconnection: false, forceNew: true };
    this.url = this.url.replace(/^ws/, 'http').replace(/\/socket\.io.*/, '');
  }

  async connect() {
    // Here, so that the other scenarios run where it is not installed.
    const { default: io } = await import('socket.io-client');
    this.socket = io(this.url, this.options);
    this.closed = new Promise((resolve) => this.socket.on('disconnect', resolve));
    this.socket.io.on('packet', ({ type, data }) => { if (type === 2) this.take(...data); });
    await new Promise((resolve, reject) => {
      this.socket.on('connect', resolve);
      this.socket.on('connect_error', reject);
    });
  }

  say(name, data) { this.socket.emit(name, data); }

  /** The library's engine, for what a test does to its transport. */
  get engine() { return this.socket.io.engine; }
}
