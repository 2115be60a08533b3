// One official SDK connection and what it told its app, in order.

const WAIT_MS = 10_000;

const EVENTS = [
  'onConnected', 'onDisconnected', 'onError', 'onTextMessage', 'onImageMessage', 'onVideoMessage', 'onAudioMessage',
  'onFileMessage', 'onLocationMessage', 'onCmdMessage', 'onCustomMessage', 'onCombineMessage', 'onDeliveredMessage',
  'onReadMessage', 'onChannelMessage', 'onRecallMessage', 'onReceivedMessage', 'onOfflineMessageSyncStart',
  'onOfflineMessageSyncFinish', 'onTokenWillExpire', 'onTokenExpired', 'onReconnecting', 'onMultiDeviceEvent',
  'onContactInvited', 'onContactAgreed', 'onContactAdded', 'onContactRefuse', 'onContactDeleted', 'onPresenceStatusChange', 'onGroupEvent', 'onChatThreadChange',
  'onModifiedMessage', 'onStreamMessage', 'onReactionChange', 'onMessagePinEvent',
];

export class Client {
  constructor(sdk, server, appKey, name, options = {}) {
    this.sdk = sdk;
    this.name = name;
    this.deviceId = options.deviceId;
    this.appKey = appKey;
    this.events = [];
    this.#waiting = [];
    // The SDKs keep their device's name in the browser's storage and read it at each login. All clients have one storage,
    // and one that reconnects must not take the name of another: who was given a name keeps to it.
    this.connection = new sdk.connection({
      appKey, apiUrl: server.apiUrl, url: server.socketUrl, isHttpDNS: false, isFixedDeviceId: !options.deviceId, ...options,
    });
    const handlers = {};
    for (const type of EVENTS) handlers[type] = (detail) => this.#record(type, detail);
    this.connection.addEventHandler('e2e', handlers);
  }

  #waiting;

  #record(type, detail) {
    const event = { type, detail };
    this.events.push(event);
    for (const waiter of [...this.#waiting]) waiter(event);
  }

  /** Logs in and waits for the connection. */
  async open(credentials) {
    const connected = this.next('onConnected');
    connected.catch(() => {});
    const answer = await this.connection.open({ user: this.name, ...credentials });
    await connected;
    return answer;
  }

  close() { this.connection.close(); }

  /** Closes, and waits until the SDK has no connection any more and so takes nothing more. */
  async closed() {
    this.close();
    await this.next('onDisconnected');
  }

  /** Details of all events of a type so far. */
  all(type) { return this.events.filter((event) => event.type === type).map((event) => event.detail); }

  /** The first event of a type (and form), already there or still to come. */
  next(type, matches = () => true, waitMs = WAIT_MS) {
    const known = this.events.find((event) => event.type === type && matches(event.detail));
    if (known) return Promise.resolve(known.detail);
    return new Promise((resolve, reject) => {
      const give = () => {
        this.#waiting = this.#waiting.filter((waiter) => waiter !== take);
        const seen = this.events.map((event) => event.type).join(', ');
        reject(new Error(`${this.name}: no ${type} within ${waitMs} ms; seen: ${seen || 'nothing'}`));
      };
      const late = setTimeout(give, waitMs);
      const take = (event) => {
        if (event.type !== type || !matches(event.detail)) return;
        clearTimeout(late);
        this.#waiting = this.#waiting.filter((waiter) => waiter !== take);
        resolve(event.detail);
      };
      this.#waiting.push(take);
    });
  }

  /** Waits until `count` events of a type are there, and returns their details. */
  async atLeast(type, count, waitMs = WAIT_MS) {
    const end = Date.now() + waitMs;
    while (this.all(type).length < count) {
      if (Date.now() > end) throw new Error(`${this.name}: ${this.all(type).length} of ${count} ${type}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return this.all(type);
  }

  message(fields) { return this.sdk.message.create({ chatType: 'singleChat', ...fields }); }

  send(fields) { return this.connection.send(this.message(fields)); }

  text(to, msg, more = {}) { return this.send({ type: 'txt', to, msg, ...more }); }
}

/** What a promise was rejected with; fails when it was not. */
export async function rejection(promise) {
  let value;
  try { value = await promise; } catch (error) { return error; }
  throw new Error(`expected a refusal, got ${JSON.stringify(value)}`);
}
