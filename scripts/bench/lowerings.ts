/**
 * Times every lowering of the convolution and pooling gradients on layers of common networks with batch 16: the minimum time of a few
 * runs, and in brackets the CPU time of all threads, which depends less on other work on the machine. A star marks the lowering that Thaw
 * chooses.
 *
 *     npx tsx scripts/bench/lowerings.ts [part of a layer's name] [part of an adjoint's name] [--wasm]
 *
 * `--wasm` runs onnxruntime-web, as pages do, on the same number of threads.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import * as adjoint from '../../src/compiler/autodiff/adjoint.ts';
import { FAMILIES } from '../../src/compiler/kernels/families.ts';
import { lower, prune } from '../../src/compiler/kernels/index.ts';
import type { Machine } from '../../src/compiler/kernels/lowering.ts';
import { convolvedShape, GraphBuilder, plainAttributes, tensor, type Value, writeModel } from '../../src/onnx/index.ts';
import { machineOf } from '../../src/runtime/index.ts';
import { wasmRuntime } from '../../src/runtime/node/wasm.ts';
import { cpuRuntime } from './workers/thaw-network.ts';

const {
  values: { wasm },
  positionals: [layerFilter = '', adjointFilter = ''],
} = parseArgs({ allowPositionals: true, options: { wasm: { type: 'boolean' } } });

const threads = availableParallelism();
// A thread that spins while it waits would count as working.
const still = { session: { intra_op: { allow_spinning: '0' } } };
const runtime = wasm ? wasmRuntime(threads) : cpuRuntime(threads, { extra: still });
// The standard layout, also on a processor with kernels for blocks.
const machine: Machine = { ...(await machineOf(runtime)), block: undefined };

const BATCH = 16;
const REPEATS = 5;

interface Layer {
  readonly channels: number;
  readonly size: number;
  readonly kernel: number;
  readonly filters?: number;
  readonly stride?: number;
  readonly group?: number;
  /** A pooling instead of a convolution. */
  readonly pool?: true;
}

const LAYERS: Readonly<Record<string, Layer>> = {
  'stem 7x7/2 3>64 224': { channels: 3, size: 224, kernel: 7, filters: 64, stride: 2 },
  'stem 3x3/2 3>32 224': { channels: 3, size: 224, kernel: 3, filters: 32, stride: 2 },
  '3x3 64 56': { channels: 64, size: 56, kernel: 3 },
  '3x3 128 28': { channels: 128, size: 28, kernel: 3 },
  '3x3 256 14': { channels: 256, size: 14, kernel: 3 },
  '3x3 512 7': { channels: 512, size: 7, kernel: 3 },
  '3x3/2 64>128 56': { channels: 64, size: 56, kernel: 3, filters: 128, stride: 2 },
  '3x3/2 256>512 14': { channels: 256, size: 14, kernel: 3, filters: 512, stride: 2 },
  '1x1 96>32 56': { channels: 96, size: 56, kernel: 1, filters: 32 },
  '1x1 32>192 28': { channels: 32, size: 28, kernel: 1, filters: 192 },
  '1x1 160>960 7': { channels: 160, size: 7, kernel: 1, filters: 960 },
  '1x1/2 64>128 56': { channels: 64, size: 56, kernel: 1, filters: 128, stride: 2 },
  'grouped 3x3 128/32 56': { channels: 128, size: 56, kernel: 3, group: 32 },
  'depthwise 3x3 144 56': { channels: 144, size: 56, kernel: 3, group: 144 },
  'depthwise 3x3/2 96 112': { channels: 96, size: 112, kernel: 3, stride: 2, group: 96 },
  'depthwise 5x5 480 14': { channels: 480, size: 14, kernel: 5, group: 480 },
  'depthwise 3x3 32 112': { channels: 32, size: 112, kernel: 3, group: 32 },
  'depthwise 3x3/2 144 56': { channels: 144, size: 56, kernel: 3, stride: 2, group: 144 },
  'depthwise 3x3 192 28': { channels: 192, size: 28, kernel: 3, group: 192 },
  'depthwise 3x3/2 192 28': { channels: 192, size: 28, kernel: 3, stride: 2, group: 192 },
  'depthwise 3x3 384 14': { channels: 384, size: 14, kernel: 3, group: 384 },
  'depthwise 3x3 960 7': { channels: 960, size: 7, kernel: 3, group: 960 },
  'pool 3x3/2 64 112': { channels: 64, size: 112, kernel: 3, stride: 2, pool: true },
  'pool 2x2/2 128 56': { channels: 128, size: 56, kernel: 2, stride: 2, pool: true },
};

interface Time {
  /** Milliseconds. */
  readonly wall: number;
  readonly cpu: number;
}

type Emit = (b: GraphBuilder) => { readonly inputs: readonly Value[]; readonly output: Value };

function adjointsOf({ channels, size, kernel, filters = channels, stride = 1, group = 1, pool }: Layer) {
  const pad = pool && kernel === 2 ? 0 : kernel >> 1;
  const a = { group, strides: [stride, stride], dilations: [1, 1], pads: [pad, pad, pad, pad] };
  const out = convolvedShape([size, size], [kernel, kernel], a);
  const values = (b: GraphBuilder) => ({
    x: b.input('x', 'float32', ['batch', channels, size, size]),
    dy: b.input('dy', 'float32', ['batch', filters, ...out]),
    y: b.input('y', 'float32', ['batch', filters, ...out]),
    w: b.input('w', 'float32', [filters, channels / group, kernel, kernel]),
  });
  const emits: Record<string, (b: GraphBuilder, v: ReturnType<typeof values>) => Value> = pool
    ? {
        max: (b, { x, dy, y }) => adjoint.maxPoolGradient(b, dy, x, y, { ...a, kernel_shape: [kernel, kernel] }),
        average: (b, { x, dy }) =>
          adjoint.averagePoolGradient(b, dy, x, { ...a, kernel_shape: [kernel, kernel], count_include_pad: 0 }),
      }
    : {
        dX: (b, { x, dy, w }) => adjoint.convInputGradient(b, dy, w, x, a),
        dW: (b, { x, dy, w }) => adjoint.convWeightGradient(b, x, dy, w, a),
        sum: (b, { dy }) => adjoint.channelSum(b, dy),
      };
  return Object.entries(emits).map(([name, emit]): [string, Emit] => [
    name,
    (b) => {
      const v = values(b);
      return { output: emit(b, v), inputs: Object.values(v) };
    },
  ]);
}

function namesOf(emit: Emit): string[] {
  const b = new GraphBuilder();
  emit(b);
  const node = b.nodes.at(-1)!;
  const call = {
    op: node.op,
    inputs: node.inputs.map((name) => b.value(name)),
    attributes: plainAttributes(node),
    machine,
  };
  const all = FAMILIES[node.op](call);
  const chosen = all.find(({ suits }) => suits)?.name;
  return all.map(({ name }) => (name === chosen ? `*${name}` : name));
}

/** Prepares a lowering and returns a function that runs it once, in milliseconds. */
async function prepared(emit: Emit, lowering: string): Promise<() => Promise<Time>> {
  const b = new GraphBuilder();
  const { inputs, output } = emit(b);
  lower(b, [output.name], { machine, choose: (_, all) => all.find(({ name }) => name === lowering)! });
  // Reads only a corner of the result, because a result that ends in a `Reshape` would have to be copied.
  const corner = output.shape.reduce(
    (rest: Value, _, i) => (i === 0 ? rest : b.slice(rest, i, 0, 1)),
    b.value(output.name),
  );
  prune(b, [corner.name]);
  const read = new Set(b.nodes.flatMap((node) => node.inputs));
  const fed = inputs.filter(({ name }) => read.has(name));
  const graph = b.graph('bench', fed, [corner]);
  const opsets = { '': 18, 'com.microsoft': 1 };
  const model = { irVersion: 9, opsets, producerName: 'thaw', producerVersion: '', graph, metadata: {} };
  const session = await runtime.load(writeModel(model));
  const tensorFor = ({ shape }: Value) => {
    const sizes = shape.map((d) => (typeof d === 'number' ? d : BATCH));
    const data = Float32Array.from({ length: sizes.reduce((all, d) => all * d, 1) }, (_, i) => Math.sin(i));
    return tensor('float32', sizes, data);
  };
  const feeds = Object.fromEntries(fed.map((value) => [value.name, tensorFor(value)]));
  const fetches = { [corner.name]: tensorFor(corner) };
  return async () => {
    const [start, used] = [performance.now(), process.cpuUsage()];
    await session.run(feeds, fetches);
    const { user, system } = process.cpuUsage(used);
    return { wall: performance.now() - start, cpu: (user + system) / 1000 };
  };
}

for (const [layer, sizes] of Object.entries(LAYERS)) {
  if (!layer.includes(layerFilter)) continue;
  for (const [name, emit] of adjointsOf(sizes)) {
    if (!name.includes(adjointFilter)) continue;
    const names = namesOf(emit);
    const runs = await Promise.all(names.map((lowering) => prepared(emit, lowering.replace('*', ''))));
    const times = runs.map((): Time[] => []);
    for (let i = -2; i < REPEATS; i++) {
      for (const [k, run] of runs.entries()) {
        const time = await run();
        if (i >= 0) times[k].push(time);
      }
    }
    const least = (k: number, kind: keyof Time) => Math.min(...times[k].map((time) => time[kind])).toFixed(1);
    const row = names.map((lowering, k) => `${lowering} ${least(k, 'wall')} (${least(k, 'cpu')})`);
    console.log(`${layer.padEnd(24)} ${name.padEnd(8)} ${row.join('   ')}`);
  }
}
