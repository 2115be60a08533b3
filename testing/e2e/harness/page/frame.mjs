// Runs one scenario in this frame and tells the page above what came of it.
import { World, limited, shown } from '../world.mjs';
import { PageServer } from './server.mjs';
import { loadSdk } from './sdk.mjs';

// As in Node: what an SDK throws outside of a promise fails the scenario that runs.
let stray = null;
addEventListener('error', (event) => { stray ??= event.error ?? event.message; });
addEventListener('unhandledrejection', (event) => { stray ??= event.reason; });

async function run(job) {
  localStorage.clear();
  const sdk = await loadSdk(window, job.sdk);
  const world = new World({ name: job.worldName, sdkName: job.sdkName, sdk, server: new PageServer(job) });
  world.sdkAddress = job.sdk;
  try {
    const { default: scenarios } = await import(job.file);
    await limited(scenarios[job.scenario](world));
    if (stray) throw stray;
  } finally {
    world.end();
  }
}

const job = JSON.parse(decodeURIComponent(location.hash.slice(1)));
const failure = await run(job).then(() => null, (error) => shown(error) || 'failed without a word');
parent.postMessage({ failure });
