// Runs the scenarios with both official SDKs against one server and prints what passed: every scenario in Node, and those
// of `browser_list.mjs` in Chromium again.
//
//   node harness/run.mjs BINARY [--only TEXT] [--sdk NAME] [--where node|chromium] [--coverage]
//
// A full run holds docs/sdk-coverage.md against what was called; with `--coverage` it writes it.
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { BROWSER_LIST } from './browser_list.mjs';
import { Coverage } from './coverage.mjs';
import { InChromium } from './in_chromium.mjs';
import { InNode } from './in_node.mjs';
import { packages } from './node_as_browser.mjs';
import { Server } from './server.mjs';
import { shown } from './world.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const folder = join(here, '..', 'scenarios');
const coverageTable = join(here, '..', '..', '..', 'docs', 'sdk-coverage.md');

const [binary, ...rest] = process.argv.slice(2);
const option = (name) => (rest.includes(name) ? rest[rest.indexOf(name) + 1] : null);
const [only, onlySdk, where] = [option('--only'), option('--sdk'), option('--where')];

const scenarios = [];
for (const file of readdirSync(folder).filter((file) => file.endsWith('.mjs')).sort()) {
  const { default: list, onlyInPage = false } = await import(pathToFileURL(join(folder, file)));
  const listed = BROWSER_LIST[file.slice(0, -4)] ?? [];
  for (const title of listed) if (!list[title]) throw new Error(`browser_list.mjs names what is not there: ${file}: ${title}`);
  for (const [title, run] of Object.entries(list)) {
    const places = onlyInPage ? ['chromium'] : ['node', ...(listed.includes(title) ? ['chromium'] : [])];
    scenarios.push({ name: `${file.slice(0, -4)}: ${title}`, file, title, run, places });
  }
}

const server = new Server(binary);
const coverage = new Coverage();
let [passed, failed, counter] = [0, 0, 0];

async function runIn(place) {
  const picked = scenarios.filter((scenario) => scenario.places.includes(place.name) && (!only || scenario.name.includes(only)));
  if (!picked.length) return;
  const began = Date.now();
  await place.start();
  for (const name of packages.filter((name) => !onlySdk || name === onlySdk)) {
    for (const scenario of picked) {
      const label = `${place.name}  ${name}  ${scenario.name}`;
      const from = Date.now();
      try {
        await place.run(name, scenario, `app${++counter}`);
        passed += 1;
        console.log(`ok    ${label}  (${Date.now() - from} ms)`);
      } catch (error) {
        failed += 1;
        console.log(`FAIL  ${label}`);
        console.log(shown(error).replace(/^/gm, '      '));
        console.log(server.log().split('\n').slice(-15).join('\n').replace(/^/gm, '      kith: '));
      }
    }
  }
  await place.end();
  console.log(`${place.name}: ${((Date.now() - began) / 1000).toFixed(1)} s`);
}

await server.start();
for (const place of [new InNode(server, coverage), new InChromium(server)]) {
  if (!where || where === place.name) await runIn(place);
}
await server.remove();
console.log(`${passed} passed, ${failed} failed`);
if (!only && !onlySdk && where !== 'chromium' && !failed) {
  if (rest.includes('--coverage')) coverage.write(coverageTable, packages);
  const lies = coverage.lies(coverageTable, packages);
  for (const lie of lies) console.log(`docs/sdk-coverage.md: ${lie}`);
  failed += lies.length;
}
// 3: nothing was picked, which is for the caller to judge.
process.exit(failed ? 1 : passed ? 0 : 3);
