/**
 * Whole networks with PyTorch's loss and gradients, from `fixtures/networks` (written by scripts/reference/networks.py).
 * Weights and input are not stored: both sides compute them by the formula in scripts/reference/generator.py.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { readModel, writeModel } from '../src/onnx/index.ts';

/** What pins a gradient without storing it. */
export interface GradientSummary {
  /** Of the float64 gradient. */
  readonly norm: number;
  readonly sum: number;
  /** Dot products with the sign vectors of `seed`. */
  readonly projections: readonly number[];
  /** ‖g₃₂ − g₆₄‖ / ‖g₆₄‖ of PyTorch's own float32 run. */
  readonly float32: number;
  readonly shape: readonly number[];
  readonly seed: number;
}

export interface ReferenceNetwork {
  /** The complete ONNX model: input `input`, output `logits`. */
  readonly model: Uint8Array;
  readonly input: { readonly name: string; readonly shape: readonly number[]; readonly data: Float32Array };
  readonly labels: readonly number[];
  /** Mean cross-entropy. */
  readonly loss: number;
  readonly logits: readonly (readonly number[])[];
  /** By initializer name, all parameters; running statistics are not among them. */
  readonly gradients: Readonly<Record<string, GradientSummary>>;
}

interface Formula {
  readonly name: string;
  readonly shape: readonly number[];
  readonly seed: number;
  readonly low: number;
  readonly high: number;
}

interface Fixture {
  readonly input: Formula;
  readonly labels: number[];
  readonly loss: number;
  readonly logits: number[][];
  readonly parameters: (Formula & { readonly gradient?: Omit<GradientSummary, 'shape' | 'seed'> })[];
}

const FOLDER = new URL('./fixtures/networks/', import.meta.url);

/** Names such as `resnet18-folded` and `resnet18-kept` (batch norm folded, or kept with frozen statistics). */
export const networkNames: readonly string[] = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.onnx'))
  .map((file) => file.slice(0, -'.onnx'.length));

export function loadNetwork(name: string): ReferenceNetwork {
  const fixture: Fixture = JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), 'utf8'));
  const model = readModel(readFileSync(new URL(`${name}.onnx`, FOLDER)));
  const gradients: Record<string, GradientSummary> = {};
  for (const parameter of fixture.parameters) {
    const { shape, seed, gradient } = parameter;
    model.graph.initializers.set(parameter.name, { type: 'float32', shape, data: uniform(parameter) });
    if (gradient) gradients[parameter.name] = { ...gradient, shape, seed };
  }
  const { input, labels, loss, logits } = fixture;
  return {
    model: writeModel(model),
    input: { name: input.name, shape: input.shape, data: uniform(input) },
    labels,
    loss,
    logits,
    gradients,
  };
}

/**
 * Compares a gradient with its reference. `relative` estimates ‖g − g₀‖ / ‖g₀‖: the sign vectors' dot products with g − g₀
 * have its squared norm as their mean square; the difference of the norms is a lower bound of it. `cosine` follows from it.
 */
export function compareGradient(summary: GradientSummary, tensor: Float32Array): { relative: number; cosine: number } {
  const size = elementCount(summary.shape);
  if (tensor.length !== size) throw new Error(`a gradient of ${tensor.length} elements where ${size} belong`);
  const { norm, projections } = project(tensor, summary.seed, summary.projections.length);
  const squares = projections.reduce((all, p, k) => all + (p - summary.projections[k]) ** 2, 0) / projections.length;
  const difference = Math.max(Math.sqrt(squares), Math.abs(norm - summary.norm));
  return {
    relative: difference / summary.norm,
    cosine: (norm ** 2 + summary.norm ** 2 - difference ** 2) / (2 * norm * summary.norm),
  };
}

/** Norm and dot products with the sign vectors of a seed, in float64. */
function project(tensor: Float32Array, seed: number, count: number): { norm: number; projections: number[] } {
  const start = Math.imul(seed, 0x9e3779b9) + 0x7f4a7c15;
  const negative = new Float64Array(count);
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < tensor.length; i++) {
    const value = tensor[i];
    const bits = hash(i + start);
    sum += value;
    squares += value * value;
    for (let k = 0; k < count; k++) if ((bits >>> k) & 1) negative[k] += value;
  }
  return { norm: Math.sqrt(squares), projections: Array.from(negative, (part) => sum - 2 * part) };
}

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

const elementCount = (shape: readonly number[]): number => shape.reduce((all, d) => all * d, 1);
