// Which methods of the SDKs' connections the scenarios call, and what came of it: the table in docs/sdk-coverage.md.
import { readFileSync, writeFileSync } from 'node:fs';

// The SDKs' number, and HTTP's where an SDK passes that on.
const NOT_ENABLED = [505, 403];

// Public in the objects, not in the SDKs' documentation: timers, ids and the insides of the connection.
const INSIDES = new Set([
  'constructor', 'clear', 'clearTokenTimeout', 'closeByTokenExpired', 'compareTokenExpireTime', 'getChatFilesUrl', 'getTokenExpireTimestamp',
  'getUniqueId', 'heartBeat', 'onShow', 'reconnect', 'rejectMessage', 'resetConnState', 'sendLogout', 'stopHeartBeat', 'tokenExpireTimeCountDown', 'usePlugin',
]);

const HEAD = `# What the official web SDKs can do here

Every public method of the connection object, in both SDKs. A line with several names is one function of the SDK.
*Works*: a scenario of \`testing/e2e\` calls it with the unmodified SDK and passes only if it succeeds; the first such scenario is named.
*Not enabled*: it is refused with the SDK's error for a service that is switched off, and a scenario shows that.
*No scenario*: nothing is promised.

Written by \`cargo run -p e2e -- --coverage\`; every full run of the scenarios fails if they show less than the table says.

`;

const LINE = /^\| `(.+)` \| (.+) \| (.+) \| (.*) \|$/;

export class Coverage {
  #results = new Map();
  #names = new Map();

  /** The connection, with every call from outside noted. What it calls in itself is not. */
  watch(sdkName, connection) {
    if (!this.#names.has(sdkName)) this.#names.set(sdkName, methods(connection));
    return new Proxy(connection, {
      get: (target, name) => {
        const value = target[name];
        if (typeof value !== 'function' || typeof name !== 'string') return value;
        return (...values) => this.#call(sdkName, name, () => value.apply(target, values));
      },
    });
  }

  /** Forgets nothing and names what is called from now on. */
  begin(scenario) {
    this.scenario = scenario;
  }

  #call(sdkName, name, call) {
    const scenario = this.scenario;
    const note = (result) => {
      const key = `${sdkName} ${name}`;
      const known = this.#results.get(key);
      if (!known || (known.result !== 'works' && result === 'works')) this.#results.set(key, { result, scenario });
    };
    const answer = call();
    if (typeof answer?.then !== 'function') {
      note('works');
      return answer;
    }
    answer.then(
      () => note('works'),
      (error) => { if (NOT_ENABLED.includes(error?.type)) note('not enabled'); },
    );
    return answer;
  }

  /** The rows: names, the result for each SDK, and where it is shown. */
  rows() {
    const rows = new Map();
    for (const [sdkName, groups] of this.#names) {
      for (const names of groups) {
        const shown = names.map((name) => this.#results.get(`${sdkName} ${name}`)).filter(Boolean);
        const best = shown.find(({ result }) => result === 'works') ?? shown[0];
        const row = rows.get(names[0]) ?? { names: new Set(), results: {}, scenario: '' };
        for (const name of names) row.names.add(name);
        row.results[sdkName] = best?.result ?? 'no scenario';
        row.scenario ||= best?.scenario ?? '';
        rows.set(names[0], row);
      }
    }
    return [...rows.values()];
  }

  text(packages) {
    const lines = [`| method | ${packages.join(' | ')} | shown by |`, `|---|${packages.map(() => '---|').join('')}---|`];
    for (const { names, results, scenario } of this.rows()) {
      const cells = packages.map((name) => results[name] ?? 'not in it');
      lines.push(`| \`${[...names].sort().join('`, `')}\` | ${cells.join(' | ')} | ${scenario} |`);
    }
    return `${HEAD}${lines.join('\n')}\n`;
  }

  /** Writes the table. */
  write(path, packages) {
    writeFileSync(path, this.text(packages));
  }

  /** What the written table says and the scenarios do not show; a method that it leaves out, too. */
  lies(path, packages) {
    const shown = table(this.text(packages));
    const written = table(readFileSync(path, 'utf8'));
    const lies = [];
    for (const [names, cells] of shown) {
      if (!written.has(names)) lies.push(`${names} is missing`);
      else written.get(names).forEach((cell, index) => {
        if (cell === 'works' && cells[index] !== 'works') lies.push(`${names} is said to work with ${packages[index]}`);
      });
    }
    return lies;
  }
}

/** The public methods, grouped by the function that stands behind them. */
function methods(connection) {
  const byFunction = new Map();
  for (let part = connection; part && part !== Object.prototype; part = Object.getPrototypeOf(part)) {
    for (const name of Object.getOwnPropertyNames(part)) {
      if (INSIDES.has(name) || typeof connection[name] !== 'function') continue;
      const names = byFunction.get(connection[name]) ?? new Set();
      byFunction.set(connection[name], names.add(name));
    }
  }
  return [...byFunction.values()].map((names) => [...names].sort()).sort((a, b) => (a[0] < b[0] ? -1 : 1));
}

function table(text) {
  const rows = text.split('\n').map((line) => LINE.exec(line)).filter(Boolean);
  return new Map(rows.map(([, names, ...cells]) => [names, cells.slice(0, 2)]));
}
