/**
 * Breaks down the time of a training step: by operator, by operator and shape of its outputs, and the slowest nodes.
 *
 *     npx tsx scripts/bench/profile.ts MODEL.onnx [TRAINABLE] [--batch 16] [--steps 8] [--top 15] [--threads N] [--classes N] [--least]
 *
 * Times are from ONNX Runtime's own profiler, in milliseconds per step, without the first steps. On a busy machine, `--least` with
 * `--threads 1` takes the fastest step of each node instead of the mean.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ThawError } from '../../src/errors.ts';
import { elementCount, tensor } from '../../src/onnx/index.ts';
import { Random } from '../../src/random.ts';
import type { Runtime } from '../../src/runtime/index.ts';
import { compileStage } from './workers/stage.ts';
import { cpuRuntime, openNetwork } from './workers/thaw-network.ts';

const WARMUP = 3;

/** An entry of the profile, which is Chrome's trace format. */
interface TraceEvent {
  readonly cat: string;
  readonly name: string;
  /** Start and length in microseconds. */
  readonly ts: number;
  readonly dur: number;
  readonly args: { readonly op_name?: string; readonly output_type_shape?: readonly object[] };
}

interface Spent {
  readonly name: string;
  /** Of the outputs. */
  readonly shape: string;
  readonly operator: string;
  readonly milliseconds: number;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    batch: { type: 'string', default: '16' },
    steps: { type: 'string', default: '8' },
    top: { type: 'string', default: '15' },
    threads: { type: 'string', default: String(availableParallelism()) },
    classes: { type: 'string' },
    least: { type: 'boolean', default: false },
  },
});
const [file, selection = 'all'] = positionals;

try {
  if (file === undefined) throw new ThawError('bad-config', 'no model is given', 'Name an .onnx file');
  await main(file);
} catch (error) {
  console.error(error instanceof ThawError ? error.line : error);
  process.exitCode = 1;
}

async function main(path: string): Promise<void> {
  const steps = Number(values.steps);
  const folder = await mkdtemp(join(tmpdir(), 'thaw-profile-'));
  try {
    const seconds = await train(path, steps, join(folder, 'session'));
    console.log(
      `${path}, ${selection}: ${(seconds * 1000).toFixed(1)} ms a step of ${values.batch}, profiling included`,
    );
    for (const name of (await readdir(folder)).sort()) {
      const spent = await readProfile(join(folder, name), steps);
      if (spent.length > 0) print(spent);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** @returns seconds per step */
async function train(path: string, steps: number, profile: string): Promise<number> {
  const plain = cpuRuntime(Number(values.threads));
  const classes = values.classes === undefined ? undefined : Number(values.classes);
  const prepared = await openNetwork(path, plain, classes);
  const stage = await compileStage(prepared, { selection, lr: 1e-4 }, profilingRuntime(plain, profile));
  // All sizes but the batch are numbers: `prepareModel` refuses a model that leaves them open.
  const { inputs } = prepared.network.model.graph;
  const count = Number(values.batch);
  const shape = inputs[0].shape!.map((d, i) => (i === 0 ? count : d)) as number[];
  const random = new Random(0, 'profile');
  const images = Float32Array.from({ length: elementCount(shape) }, () => random.between(-1, 1));
  const labels = BigInt64Array.from({ length: count }, (_, i) => BigInt(i % prepared.anatomy.head.classes));
  let began = 0;
  for (let step = 1; step <= WARMUP + steps; step++) {
    if (step === WARMUP + 1) began = performance.now();
    const indices = Array.from({ length: count }, (_, i) => step * count + i);
    await stage.train([{ batch: { inputs: [tensor('float32', shape, images)], labels, indices }, lr: 1e-4, step }]);
  }
  const seconds = (performance.now() - began) / 1000 / steps;
  await stage.release();
  return seconds;
}

/** A runtime whose sessions each write a profile. ONNX Runtime's default names differ by the second only, so they would clash. */
function profilingRuntime(plain: Runtime, prefix: string): Runtime {
  let count = 0;
  return {
    ...plain,
    load(model, options) {
      const profile = { enableProfiling: true, profileFilePrefix: `${prefix}-${count++}` };
      return cpuRuntime(Number(values.threads), profile).load(model, options);
    },
  };
}

/** Time of each node of a session, without the warm-up; empty if it never ran. */
async function readProfile(path: string, steps: number): Promise<Spent[]> {
  const events = JSON.parse(await readFile(path, 'utf8')) as TraceEvent[];
  const kernels = events.filter(({ cat, name }) => cat === 'Node' && name.endsWith('_kernel_time'));
  const own = ownTimes(kernels);
  const byNode = groupBy(kernels, ({ name }) => name.replace(/_kernel_time$/, ''));
  return [...byNode].map(([name, runs]) => {
    // A node of a loop's body runs several times per step.
    const each = runs.length / (WARMUP + steps);
    const counted = runs.slice(Math.round(WARMUP * each));
    const { op_name: operator = '', output_type_shape: outputs = [] } = runs[0].args;
    const times = Array.from({ length: steps }, () => 0);
    counted.forEach((event, i) => {
      times[Math.min(steps - 1, Math.floor(i / each))] += own.get(event)! / 1000;
    });
    const milliseconds = values.least ? Math.min(...times) : times.reduce((all, time) => all + time, 0) / steps;
    return { name, operator, milliseconds, shape: outputs.map(describeType).join(' ') };
  });
}

/** Microseconds of each event without the events inside it: a loop's time includes its body's nodes. */
function ownTimes(events: readonly TraceEvent[]): Map<TraceEvent, number> {
  const own = new Map(events.map((event) => [event, event.dur]));
  const around: TraceEvent[] = [];
  for (const event of [...events].sort((a, b) => a.ts - b.ts || b.dur - a.dur)) {
    while (around.length > 0 && around.at(-1)!.ts + around.at(-1)!.dur <= event.ts) around.pop();
    const outer = around.at(-1);
    if (outer) own.set(outer, own.get(outer)! - event.dur);
    around.push(event);
  }
  return own;
}

/** `{ "float": [16, 64, 56, 56] }` as `16x64x56x56`. */
function describeType(type: object): string {
  return Object.values(type)
    .map((dims: readonly number[]) => dims.join('x'))
    .join(' ');
}

function print(spent: readonly Spent[]): void {
  const total = sum(spent);
  const table = (rows: readonly (readonly string[])[]) =>
    console.log(rows.map(([time, ...rest]) => `${time.padStart(9)}  ${rest.join('  ')}`).join('\n'));
  console.log(`\n${total.toFixed(1)} ms in ${spent.length} nodes\n`);
  const most = <T extends { readonly milliseconds: number }>(all: readonly T[]) =>
    [...all].sort((a, b) => b.milliseconds - a.milliseconds);
  const grouped = (keyOf: (node: Spent) => string) =>
    most([...groupBy(spent, keyOf)].map(([key, nodes]) => ({ key, milliseconds: sum(nodes), count: nodes.length })));
  const tableOf = (groups: ReturnType<typeof grouped>, width: number) =>
    table(
      groups.map(({ key, milliseconds, count }) => [
        milliseconds.toFixed(2),
        `${((100 * milliseconds) / total).toFixed(1)} %`.padStart(7),
        key.padEnd(width),
        `${count} nodes`,
      ]),
    );
  const top = Number(values.top);
  tableOf(
    grouped(({ operator }) => operator),
    24,
  );
  console.log();
  tableOf(grouped(({ operator, shape }) => `${operator.padEnd(24)}  ${shape}`).slice(0, top), 48);
  console.log();
  table(
    most(spent)
      .slice(0, top)
      .map(({ milliseconds, operator, shape, name }) => [milliseconds.toFixed(2), operator.padEnd(24), shape, name]),
  );
}

function groupBy<T>(all: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of all) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}

function sum(spent: readonly Spent[]): number {
  return spent.reduce((all, { milliseconds }) => all + milliseconds, 0);
}
