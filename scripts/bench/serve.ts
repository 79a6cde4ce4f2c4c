/**
 * Measures `thaw serve` with autocannon, with and without batches, in turns:
 *
 *   npx tsx scripts/bench/serve.ts IMAGE.jpg MODEL [MODEL …] [--labels FILE] [--seconds 4] [--rounds 3] [--connections 1,8,32]
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { availableParallelism, loadavg } from 'node:os';
import { createInterface } from 'node:readline';
import { parseArgs, promisify } from 'node:util';
import { describeMachine } from './machine.ts';
import { median } from './statistics.ts';
import { markdownTable, ratio } from './tables.ts';

interface Turn {
  /** In a second. */
  readonly requests: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

const AUTOCANNON = createRequire(import.meta.url).resolve('autocannon');
const BATCHES = [16, 1] as const;

/** Starts the command line. @returns its address, and a function that ends it */
async function start(model: string, batch: number, labels: string | undefined) {
  const flags = ['--port', '0', '--batch', String(batch), '--json', ...(labels ? ['--labels', labels] : [])];
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', 'serve', model, ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout });
  for await (const line of lines) {
    const { type, url } = JSON.parse(line);
    if (type !== 'listening') throw new Error(`${model}: ${line}`);
    child.stdout.resume();
    return {
      url: url as string,
      async end() {
        child.kill();
        await once(child, 'close');
      },
    };
  }
  throw new Error(`${model}: the server ended`);
}

async function turn(url: string, image: string, connections: number, seconds: number): Promise<Turn> {
  const request = ['-m', 'POST', '-H', 'Content-Type: image/jpeg', '-i', image, `${url}/predict?top=1`];
  const args = [AUTOCANNON, '-j', '-c', String(connections), '-d', String(seconds), ...request];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const { requests, latency, errors, non2xx } = JSON.parse(stdout);
  if (errors || non2xx) throw new Error(`${errors} errors, ${non2xx} answers with an error`);
  return { requests: requests.average, p50: latency.p50, p99: latency.p99 };
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    labels: { type: 'string' },
    seconds: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '1,8,32' },
  },
});
const [image, ...models] = positionals;
if (!models.length) throw new Error('give an image and a model');
const seconds = Number(values.seconds);
const loads: number[] = [];
const rows: string[][] = [];
for (const model of models) {
  const labels = model === 'default' ? undefined : values.labels;
  const servers = await Promise.all(BATCHES.map((batch) => start(model, batch, labels)));
  for (const { url } of servers) await turn(url, image, 4, 1);
  for (const connections of values.connections.split(',').map(Number)) {
    const turns: Turn[][] = BATCHES.map(() => []);
    for (let round = 0; round < Number(values.rounds); round++)
      for (const [i, { url }] of servers.entries()) {
        loads.push(loadavg()[0]);
        turns[i].push(await turn(url, image, connections, seconds));
      }
    const [own, single] = turns.map((all) =>
      (['requests', 'p50', 'p99'] as const).map((key) => median(all.map((t) => t[key]))),
    );
    const cells = [own, single].flatMap(([requests, p50, p99]) => [
      requests.toFixed(1),
      `${p50.toFixed(0)} / ${p99.toFixed(0)} ms`,
    ]);
    rows.push([model, String(connections), ...cells, ratio(own[0], single[0])]);
    console.error(rows.at(-1)!.join('  '));
  }
  await Promise.all(servers.map(({ end }) => end()));
}
const head = [
  'model',
  'connections',
  'requests/s',
  'p50 / p99',
  'one at a time: requests/s',
  'p50 / p99',
  'ratio of requests/s',
];
console.log(markdownTable(head, rows));
console.log(
  `\n${describeMachine(availableParallelism())}. Medians of ${values.rounds} turns of ${seconds} s each, in turn; load average ${median(loads).toFixed(1)} (${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}), with the clients on the same machine.`,
);
