/**
 * Seconds and peak memory of Thaw's commands on a model of several gigabytes, which the script creates and removes afterwards:
 *
 *     npm run build && npx tsx scripts/bench/large-model.ts [--layers 39] [--inline] [--folder DIR] [--keep]
 *
 * A layer is a product with a matrix of 64 MiB: 39 of them make 2.7 GB, which needs external data, and 19 make 1.3 GB, which fits into one
 * file (`--inline`). Linux only: peak memory is the kernel's VmHWM of the largest process.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { writeModelFile } from '../../src/node/models/files.ts';
import { deferredTensor, type Model, type Tensor } from '../../src/onnx/index.ts';
import { type NodeLine, smallModel, weights } from '../../test/small-models.ts';

const WIDTH = 4096;
const SIDE = 64;
const CLASSES = 10;

const { values: options } = parseArgs({
  options: {
    layers: { type: 'string', default: '39' },
    inline: { type: 'boolean', default: false },
    folder: { type: 'string' },
    keep: { type: 'boolean', default: false },
    thaw: { type: 'string', default: join(import.meta.dirname, '..', '..', 'dist', 'node', 'main.js') },
  },
});

/** A matrix of noise, generated when it is written. */
function noise(seed: number): Tensor {
  const length = WIDTH * WIDTH * 4;
  const row = new Float32Array(WIDTH);
  let state = seed;
  function* pieces() {
    state = seed;
    for (let i = 0; i < WIDTH; i++) {
      for (let k = 0; k < WIDTH; k++) {
        state = (Math.imul(state, 1664525) + 1013904223) | 0;
        row[k] = (state / 2 ** 31) * 0.005;
      }
      yield new Uint8Array(row.buffer);
    }
  }
  return deferredTensor('float32', [WIDTH, WIDTH], { length, pieces, read: () => Buffer.concat([...pieces()]) });
}

/** Patches, a chain of residual layers, a head. */
function largeModel(layers: number): Model {
  const initializers: Record<string, Tensor> = {
    'stem.weight': weights([WIDTH, 3, 32, 32]),
    'head.weight': weights([WIDTH, CLASSES]),
    'head.bias': weights([CLASSES]),
  };
  const nodes: NodeLine[] = [
    ['Conv', ['pixel_values', 'stem.weight'], ['patches'], { kernel_shape: [32, 32], strides: [32, 32] }],
    ['GlobalAveragePool', ['patches'], ['pooled']],
    ['Flatten', ['pooled'], ['h0'], { axis: 1 }],
  ];
  for (let i = 0; i < layers; i++) {
    initializers[`layer${i}.weight`] = noise(i + 1);
    nodes.push(['MatMul', [`h${i}`, `layer${i}.weight`], [`m${i}`]]);
    nodes.push(['Relu', [`m${i}`], [`r${i}`]], ['Add', [`h${i}`, `r${i}`], [`h${i + 1}`]]);
  }
  nodes.push(['MatMul', [`h${layers}`, 'head.weight'], ['scores']], ['Add', ['scores', 'head.bias'], ['logits']]);
  return smallModel({
    ...{ nodes, initializers },
    inputs: { pixel_values: ['batch', 3, SIDE, SIDE] },
    outputs: { logits: ['batch', CLASSES] },
  });
}

async function images(folder: string): Promise<void> {
  for (const [i, name] of ['dark', 'light'].entries()) {
    mkdirSync(join(folder, name), { recursive: true });
    for (let k = 0; k < 8; k++) {
      const [red, green, blue] = [60 + 120 * i + 5 * k, 60 + 120 * i, 60 + 120 * i - 5 * k];
      const image = sharp({
        create: { width: SIDE, height: SIDE, channels: 3, background: { r: red, g: green, b: blue } },
      });
      await image.png().toFile(join(folder, name, `${k}.png`));
    }
  }
}

/** A process and its children. */
function family(pid: number): number[] {
  try {
    const tasks = readdirSync(`/proc/${pid}/task`);
    const children = tasks.flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' '));
    return [pid, ...children.filter((child) => child.trim()).flatMap((child) => family(Number(child)))];
  } catch {
    return [];
  }
}

function peakOf(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** Runs a program and prints a line of the table. */
async function measured(what: string, args: readonly string[]): Promise<void> {
  const began = performance.now();
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (said += part));
  const peaks = new Map<number, number>();
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  while (child.exitCode === null && child.signalCode === null) {
    for (const pid of family(child.pid as number)) peaks.set(pid, Math.max(peaks.get(pid) ?? 0, peakOf(pid)));
    await sleep(20);
  }
  const code = await ended;
  const seconds = (performance.now() - began) / 1000;
  const memory = Math.max(...peaks.values()) / 1e9;
  process.stdout.write(`| ${what} | ${seconds.toFixed(1)} s | ${memory.toFixed(2)} GB |\n`);
  if (code !== 0) throw new Error(`${what} ended with ${code}:\n${said}`);
}

const STEP = `
const { InferenceSession, Tensor } = require('onnxruntime-node');
const { readFileSync } = require('node:fs');
(async () => {
  const session = await InferenceSession.create(process.argv[1] + '/training_model.onnx');
  const float = (shape) => new Tensor('float32', new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.1), shape);
  const { loss } = await session.run({
    pixel_values: float([4, 3, ${SIDE}, ${SIDE}]),
    labels: new Tensor('int64', BigInt64Array.of(0n, 1n, 2n, 3n), [4]),
    'head.weight': float([${WIDTH}, ${CLASSES}]),
    'head.bias': float([${CLASSES}]),
  });
  if (!Number.isFinite(loss.data[0])) throw new Error('the loss is ' + loss.data[0]);
})();
`;

const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'thaw-large-'));
try {
  const model = join(folder, 'model.onnx');
  await writeModelFile(model, largeModel(Number(options.layers)), { externalData: !options.inline });
  await images(join(folder, 'images'));
  const [artifacts, run] = [join(folder, 'artifacts'), join(folder, 'run')];
  await measured('inspect', [options.thaw, 'inspect', model]);
  await measured('artifacts', [options.thaw, 'artifacts', model, '--out', artifacts, '--trainable', 'head']);
  await measured('a step of the artifacts', ['-e', STEP, artifacts]);
  const settings = ['--out', run, '--trainable', 'head', '--epochs', '2', '--size', String(SIDE), '--no-artifacts'];
  await measured('train', [options.thaw, 'train', model, join(folder, 'images'), ...settings]);
  const lora = [
    '--out',
    join(folder, 'lora'),
    '--lora',
    '8',
    '--epochs',
    '2',
    '--size',
    String(SIDE),
    '--no-artifacts',
  ];
  await measured('train, LoRA', [options.thaw, 'train', model, join(folder, 'images'), ...lora]);
  rmSync(join(folder, 'lora'), { recursive: true });
  await measured('export', [options.thaw, 'export', run, '--out', join(folder, 'exported.onnx')]);
} finally {
  if (!options.keep) rmSync(folder, { recursive: true, force: true });
}
