/**
 * Whole networks with PyTorch's loss and gradients, from `fixtures/networks` (written by scripts/reference/networks.py).
 * Weights and inputs are not stored: both sides compute them by the formula in scripts/reference/generator.py.
 */
import { readdirSync, readFileSync } from 'node:fs';
import type { LossName } from '../src/compiler/losses/index.ts';
import { elementCount, readModel, type Tensor, tensor, writeModel } from '../src/onnx/index.ts';

/** What pins a tensor without storing it. */
export interface TensorSummary {
  /** Of the float64 tensor. */
  readonly norm: number;
  readonly sum: number;
  /** Dot products with the sign vectors of `seed`. */
  readonly projections: readonly number[];
  readonly shape: readonly number[];
  readonly seed: number;
}

export interface GradientSummary extends TensorSummary {
  /** ‖g₃₂ − g₆₄‖ / ‖g₆₄‖ of PyTorch's own float32 run. */
  readonly float32: number;
}

/** One batch, and what PyTorch makes of it. */
export interface ReferenceRun {
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly labels: Tensor;
  readonly loss: number;
  /** The scores `[N][C]`, or where the result is a map, what pins it. */
  readonly output: readonly (readonly number[])[] | TensorSummary;
  /** By initializer name, all parameters but those whose gradient is zero; running statistics are not among them. */
  readonly gradients: Readonly<Record<string, GradientSummary>>;
}

export interface ReferenceNetwork {
  readonly network: string;
  /** How it was exported. */
  readonly flavour: string;
  /** Where its definition is from. */
  readonly source: string;
  /** What PyTorch ran: the module that was exported, or the ONNX graph. */
  readonly oracle: 'module' | 'graph';
  readonly loss: LossName;
  /** The complete ONNX model: output `logits`. */
  readonly model: Uint8Array;
  readonly parameters: readonly string[];
  /** Parameters on which the loss does not depend, such as the bias of an attention's keys. */
  readonly vanishing: readonly string[];
  readonly runs: readonly ReferenceRun[];
}

interface Formula {
  readonly name: string;
  readonly shape: readonly number[];
  readonly seed: number;
  readonly low: number;
  readonly high: number;
}

interface WholeNumbers {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

type Pinned = Omit<GradientSummary, 'shape' | 'seed'>;

interface Fixture extends Pick<ReferenceNetwork, 'network' | 'flavour' | 'source' | 'oracle' | 'loss'> {
  readonly runs: readonly {
    readonly inputs: readonly (Formula | WholeNumbers)[];
    readonly labels: readonly number[] | Formula;
    readonly loss: number;
    readonly logits?: number[][];
    readonly output?: TensorSummary;
  }[];
  /** `gradients`: one a run. */
  readonly parameters: readonly (Formula & { readonly gradients?: readonly Pinned[]; readonly vanishes?: boolean })[];
}

const FOLDER = new URL('./fixtures/networks/', import.meta.url);

/** Names such as `resnet18-kept`: the network, and how it was exported. */
export const networkNames: readonly string[] = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.onnx'))
  .map((file) => file.slice(0, -'.onnx'.length));

export function loadNetwork(name: string): ReferenceNetwork {
  const fixture: Fixture = JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), 'utf8'));
  const model = readModel(readFileSync(new URL(`${name}.onnx`, FOLDER)));
  for (const parameter of fixture.parameters) model.graph.initializers.set(parameter.name, contents(parameter));
  const trained = fixture.parameters.filter(({ gradients }) => gradients);
  const vanishing = fixture.parameters.filter(({ vanishes }) => vanishes).map((parameter) => parameter.name);
  const { network, flavour, source, oracle, loss } = fixture;
  return {
    network,
    flavour,
    source,
    oracle,
    loss,
    model: writeModel(model),
    parameters: [...trained.map((parameter) => parameter.name), ...vanishing],
    vanishing,
    runs: fixture.runs.map((run, i) => ({
      inputs: Object.fromEntries(run.inputs.map((input) => [input.name, contents(input)])),
      labels: Array.isArray(run.labels)
        ? wholeNumbers([run.labels.length], run.labels)
        : contents(run.labels as Formula),
      loss: run.loss,
      output: (run.logits ?? run.output)!,
      gradients: Object.fromEntries(
        trained.map((parameter) => {
          const { shape, seed, gradients } = parameter;
          return [parameter.name, { ...gradients![i], shape, seed }];
        }),
      ),
    })),
  };
}

/**
 * Compares a tensor with its reference. `relative` estimates ‖g − g₀‖ / ‖g₀‖: the sign vectors' dot products with g − g₀
 * have its squared norm as their mean square; the difference of the norms is a lower bound of it. `cosine` follows from it.
 */
export function compareTensor(summary: TensorSummary, values: Float32Array): { relative: number; cosine: number } {
  const size = elementCount(summary.shape);
  if (values.length !== size) throw new Error(`a tensor of ${values.length} elements where ${size} belong`);
  const { norm, projections } = project(values, summary.seed, summary.projections.length);
  const squares = projections.reduce((all, p, k) => all + (p - summary.projections[k]) ** 2, 0) / projections.length;
  const difference = Math.max(Math.sqrt(squares), Math.abs(norm - summary.norm));
  return {
    relative: difference / summary.norm,
    cosine: (norm ** 2 + summary.norm ** 2 - difference ** 2) / (2 * norm * summary.norm),
  };
}

/** Norm and dot products with the sign vectors of a seed, in float64. */
function project(values: Float32Array, seed: number, count: number): { norm: number; projections: number[] } {
  const start = Math.imul(seed, 0x9e3779b9) + 0x7f4a7c15;
  const negative = new Float64Array(count);
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    const bits = hash(i + start);
    sum += value;
    squares += value * value;
    for (let k = 0; k < count; k++) if ((bits >>> k) & 1) negative[k] += value;
  }
  return { norm: Math.sqrt(squares), projections: Array.from(negative, (part) => sum - 2 * part) };
}

const contents = (entry: Formula | WholeNumbers): Tensor =>
  'values' in entry ? wholeNumbers(entry.shape, entry.values) : tensor('float32', entry.shape, uniform(entry));

const wholeNumbers = (shape: readonly number[], values: readonly number[]): Tensor =>
  tensor('int64', shape, BigInt64Array.from(values, BigInt));

function uniform({ shape, seed, low, high }: Formula): Float32Array {
  const start = Math.imul(seed, 0x9e3779b9);
  const data = new Float32Array(elementCount(shape));
  for (let i = 0; i < data.length; i++) data[i] = low + (high - low) * (hash(i + start) / 0x1_0000_0000);
  return data;
}

/** The finaliser of MurmurHash3 (Appleby). */
function hash(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
