// Runs a scenario in Node, with the SDKs on top of what `node_as_browser.mjs` gives them.
import { load, sockets } from './node_as_browser.mjs';
import { World, limited } from './world.mjs';

// An SDK that throws outside of a promise has failed the scenario that runs.
let stray = null;
process.on('uncaughtException', (error) => { stray ??= error; });
process.on('unhandledRejection', (error) => { stray ??= error; });

export class InNode {
  name = 'node';
  #server;
  #coverage;

  constructor(server, coverage) {
    this.#server = server;
    this.#coverage = coverage;
  }

  async start() { /* this process is there already */ }
  async end() { /* and stays */ }

  /** Rejects with what went wrong. */
  async run(sdkName, scenario, worldName) {
    const sdk = load(sdkName);
    sdk.logger.disableAll?.();
    this.#coverage.begin(scenario.name);
    stray = null;
    const watch = (connection) => this.#coverage.watch(sdkName, connection);
    const world = new World({ name: worldName, sdkName, sdk, server: this.#server, sockets, watch });
    try {
      await limited(scenario.run(world));
      if (stray) throw stray;
    } finally {
      world.end();
    }
  }
}
