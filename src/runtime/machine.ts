import { GraphBuilder, tensor } from '../onnx/index.ts';
import { probeModel } from './probe-model.ts';
import type { Runtime } from './session.ts';

const CHANNELS = 64;

/** Properties of a machine that affect the graphs written for it. */
export interface MachineTraits {
  /**
   * Channels per block in the layout of the fastest kernels of ONNX Runtime's CPU provider (16 with AVX-512, 8 with AVX2). Undefined
   * without such kernels: WebAssembly, GPUs, some ARM. Probed by reordering a tensor, because there is no API for it.
   */
  readonly block?: number;
  /** Grouped convolutions produce a multiple of this many channels per group; see `Machine` in src/compiler/kernels. */
  readonly copies?: number;
  /** Whether sums over the last axis add one number at a time; see `Machine` in src/compiler/kernels. */
  readonly scalarSums?: boolean;
  /** Whether the runtime writes outputs directly into given tensors. */
  readonly inPlace?: boolean;
  /** Whether the runtime loads large models without a copy of their weights. */
  readonly mapsLarge?: boolean;
}

/** The traits of a runtime's machine, probed once. */
export function machineOf(runtime: Runtime): Promise<MachineTraits> {
  const found = machines.get(runtime) ?? traitsOf(runtime);
  machines.set(runtime, found);
  return found;
}

const machines = new WeakMap<Runtime, Promise<MachineTraits>>();

const traitsOf = async (runtime: Runtime): Promise<MachineTraits> => ({
  block: await probe(runtime),
  copies: runtime.device === 'webgpu' ? 4 : undefined,
  // Eigen, which adds up the elements, has no vector instructions for WebAssembly.
  scalarSums: runtime.device === 'wasm',
  inPlace: runtime.device === 'cpu',
  mapsLarge: runtime.device === 'cpu' && runtime.loadLarge !== undefined,
});

async function probe(runtime: Runtime): Promise<number | undefined> {
  if (runtime.device !== 'cpu') return undefined;
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', [1, CHANNELS, 1, 2]);
  const outputs = b.emit('ReorderInput', [x], [x], {}, { domain: 'com.microsoft.nchwc' });
  const model = probeModel(b.graph('blocks', [x], outputs), { 'com.microsoft.nchwc': 1 });
  const session = await runtime.load(model).catch(() => undefined);
  if (!session) return undefined;
  // Channel c at position p has the value 2c + p.
  const data = Float32Array.from({ length: 2 * CHANNELS }, (_, i) => i);
  const results = await session.run({ x: tensor('float32', x.shape, data) }).catch(() => undefined);
  await session.release();
  const found = results?.[outputs[0].name].data as Float32Array | undefined;
  const size = found?.indexOf(1) ?? -1;
  const expected = (i: number) => 2 * (size * Math.floor(i / (2 * size)) + (i % size)) + (Math.floor(i / size) % 2);
  return size > 1 && CHANNELS % size === 0 && found!.every((value, i) => value === expected(i)) ? size : undefined;
}

/** Enough steps to amortize moving the state to the device and back. All their batches are on the device at once. */
const SEVERAL = 8;

/**
 * The best number of training steps per run. CUDA in Node keeps no tensors on the device between runs, and has a kernel for `Scan`. A
 * provider without that kernel would move the state back in every step anyway.
 */
export const stepsPerRun = ({ device }: Runtime): number => (device === 'cuda' ? SEVERAL : 1);
