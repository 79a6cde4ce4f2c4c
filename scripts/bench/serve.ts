/**
 * Measures `thaw serve` with autocannon, with and without batches, in turns:
 *
 *   npx tsx scripts/bench/serve.ts IMAGE.jpg MODEL [MODEL …] [--labels FILE] [--seconds 4] [--rounds 3] [--connections 1,8,32] [--batch 4]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism, loadavg } from 'node:os';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
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

/** It has no types. */
const autocannon = createRequire(import.meta.url)('autocannon') as (options: object) => Promise<{
  readonly requests: { readonly average: number };
  readonly latency: { readonly p50: number; readonly p99: number };
  readonly errors: number;
  readonly non2xx: number;
}>;

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

async function turn(url: string, connections: number): Promise<Turn> {
  const headers = { 'content-type': 'image/jpeg' };
  const request = { url: `${url}/predict?top=1`, method: 'POST', headers, body: image, timeout: 60 };
  const { requests, latency, errors, non2xx } = await autocannon({ ...request, connections, duration: seconds });
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
    batch: { type: 'string', default: '4' },
  },
});
const [file, ...models] = positionals;
if (!models.length) throw new Error('give an image and a model');
const image = await readFile(file);
const seconds = Number(values.seconds);
const sizes = [Number(values.batch), 1];
const loads: number[] = [];
const rows: string[][] = [];
for (const model of models) {
  const labels = model === 'default' ? undefined : values.labels;
  const servers = await Promise.all(sizes.map((batch) => start(model, batch, labels)));
  try {
    for (const { url } of servers) await turn(url, 4);
    for (const connections of values.connections.split(',').map(Number))
      rows.push([model, String(connections), ...(await compare(servers, connections))]);
  } finally {
    await Promise.all(servers.map(({ end }) => end()));
  }
}

/** Cells of both servers, and their ratio. */
async function compare(servers: readonly { readonly url: string }[], connections: number): Promise<string[]> {
  const turns: Turn[][] = sizes.map(() => []);
  for (let round = 0; round < Number(values.rounds); round++)
    for (const [i, { url }] of servers.entries()) {
      loads.push(loadavg()[0]);
      turns[i].push(await turn(url, connections));
    }
  const middle = (all: readonly Turn[], key: keyof Turn) => median(all.map((one) => one[key]));
  const cells = turns.flatMap((all) => [
    middle(all, 'requests').toFixed(1),
    `${middle(all, 'p50').toFixed(0)} / ${middle(all, 'p99').toFixed(0)} ms`,
  ]);
  return [...cells, ratio(middle(turns[0], 'requests'), middle(turns[1], 'requests'))];
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
