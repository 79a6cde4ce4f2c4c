/** Compares one export in `thaw artifacts --trainable all` with PyTorch. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Manifest, readSafetensors } from '../../../src/compiler/step/index.ts';
import { ThawError } from '../../../src/errors.ts';
import { writeArtifacts } from '../../../src/node/commands/artifacts.ts';
import type { Tensor } from '../../../src/onnx/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { type Export, type Origin, type Run, readExport } from './export.ts';

/** A gradient's error may be this fraction of its norm, or ten times the error of PyTorch's own float32 run. */
const TOLERANCE = 1e-3;
/** A gradient whose exact norm is at most this fraction of the largest is zero except for rounding. */
const VANISHES = 1e-7;
/** Thaw's result for such a gradient may be at most this fraction of the largest. */
const NOTHING = 1e-5;

export interface ExportResult {
  readonly source: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly outcome: 'equal' | 'different' | 'refused' | 'bug' | 'no export';
  /** Thaw's message, or the reason why there is no export. */
  readonly message?: string;
  readonly parameters?: ParameterSets;
  /** For all compared gradients: their number, the largest relative error, and those outside the tolerance. */
  readonly gradients?: {
    readonly compared: number;
    readonly worst: number;
    readonly wrong: readonly { readonly name: string; readonly relative: number; readonly float32: number }[];
  };
  /** Number of derived initializers without a reference. */
  readonly unreferenced?: number;
  readonly lossOff?: number;
  readonly onlyAsExported?: string;
}

export interface ParameterSets {
  /** Number of the module's parameters that have a gradient in PyTorch. */
  readonly trained: number;
  /** Those of them without an initializer of their own: the exporter folded or merged them. */
  readonly merged: readonly string[];
  /** Initializers that Thaw should train but does not, with the parameter's name. */
  readonly missing: readonly string[];
  /** Buffers and constants of the module that Thaw trains. */
  readonly extra: readonly string[];
}

export async function compareExport(folder: string, name: string): Promise<ExportResult> {
  const exported = readExport(folder, name);
  const { source, versions, failed, onlyAsExported } = exported;
  const about = { source, versions, onlyAsExported };
  if (failed !== undefined) return { ...about, outcome: 'no export', message: failed };
  const out = mkdtempSync(join(tmpdir(), 'thaw-families-'));
  try {
    const manifest = await artifactsOf(exported, out);
    if (manifest instanceof Error) {
      const outcome = manifest instanceof ThawError ? 'refused' : 'bug';
      return { ...about, outcome, message: manifest.message.split('\n')[0] };
    }
    const parameters = parameterSets(exported, manifest);
    const { lossOff, ...gradients } = await compareGradients(exported, manifest, out);
    const equal =
      !parameters.missing.length && !parameters.extra.length && !gradients.wrong.length && lossOff < TOLERANCE;
    const unreferenced = exported.runs[0].derived
      ? 0
      : [...exported.initializers.values()].filter(({ kind }) => kind === 'derived').length;
    return { ...about, outcome: equal ? 'equal' : 'different', parameters, gradients, lossOff, unreferenced };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

async function artifactsOf({ path, loss }: Export, out: string): Promise<Manifest | Error> {
  try {
    return await writeArtifacts({ model: path, out, trainable: 'all', loss, device: 'cpu' });
  } catch (error) {
    return error as Error;
  }
}

/** Whether an initializer has a gradient in PyTorch. */
function learns({ parameters, runs }: Export, name: string, { kind, of }: Origin): boolean {
  if (kind === 'parameter') return parameters.some((parameter) => parameter.name === of && parameter.gradient);
  // Derived initializers without a gradient in the reference have none; without a reference, all of them count.
  return kind === 'derived' && (!runs[0].derived || runs.some(({ derived }) => isNonZero(derived![name])));
}

const isNonZero = (tensor: Tensor | undefined): boolean => tensor !== undefined && floats(tensor).some((x) => x !== 0);

const floats = ({ data }: Tensor): Float32Array => data as Float32Array;

function parameterSets(exported: Export, manifest: Manifest): ParameterSets {
  const trains = new Set(manifest.parameters.trainable.map(({ name }) => name));
  const origins = [...exported.initializers];
  const whole = new Set(origins.flatMap(([, { kind, of }]) => (kind === 'parameter' ? [of] : [])));
  const trained = exported.parameters.filter(({ gradient }) => gradient).map(({ name }) => name);
  const described = ([name, { kind, of }]: [string, Origin]) =>
    of && of !== name ? `${name} (${of})` : `${name} (${kind})`;
  return {
    trained: trained.length,
    merged: trained.filter((name) => !whole.has(name)),
    missing: origins.filter(([name, origin]) => learns(exported, name, origin) && !trains.has(name)).map(described),
    extra: origins
      .filter(([name, { kind }]) => (kind === 'buffer' || kind === 'constant') && trains.has(name))
      .map(described),
  };
}

type Compared = NonNullable<ExportResult['gradients']> & { readonly lossOff: number };

async function compareGradients(exported: Export, manifest: Manifest, out: string): Promise<Compared> {
  const { tensors } = readSafetensors(readFileSync(join(out, 'checkpoint.safetensors')));
  const values = Object.fromEntries(manifest.parameters.trainable.map(({ name }) => [name, tensors.get(name)!]));
  const runtime = nodeRuntime('cpu', { intraOpNumThreads: 1 });
  const session = await runtime.load(readFileSync(join(out, 'training_model.onnx')));
  try {
    let lossOff = 0;
    const found = new Map<string, { relative: number; float32: number; right: boolean }>();
    for (const run of exported.runs) {
      const feeds = { ...run.inputs, labels: run.labels, ...values };
      const taken = Object.fromEntries(Object.entries(feeds).filter(([name]) => session.inputNames.includes(name)));
      const results = await session.run(taken);
      lossOff = Math.max(lossOff, Math.abs(floats(results.loss)[0] - run.value) / Math.max(1, Math.abs(run.value)));
      for (const [name, error] of errorsOf(exported, run, results)) {
        const before = found.get(name);
        if (!before || !(error.relative <= before.relative))
          found.set(name, { ...error, right: error.right && (before?.right ?? true) });
      }
    }
    const wrong = [...found].filter(([, { right }]) => !right);
    return {
      compared: found.size,
      worst: Math.max(0, ...[...found.values()].map(({ relative }) => relative)),
      wrong: wrong.map(([name, { relative, float32 }]) => ({ name, relative, float32 })),
      lossOff,
    };
  } finally {
    await session.release();
  }
}

/** Errors by the module's parameter, or by derived initializer. A parameter in several initializers has the sum of their gradients. */
function* errorsOf(exported: Export, run: Run, results: Readonly<Record<string, Tensor>>) {
  const largest = Math.max(...Object.values(run.gradients).map((gradient) => norm(floats(gradient))));
  const compared = (found: Float32Array, exact: Float32Array, float32: number) => {
    const size = norm(exact);
    if (size <= VANISHES * largest) return { relative: 0, float32, right: norm(found) <= NOTHING * largest };
    const relative = norm(found.map((x, i) => x - exact[i])) / size;
    return { relative, float32, right: relative <= Math.max(TOLERANCE, 10 * float32) };
  };
  const copies = new Map<string, [string, Origin][]>();
  for (const entry of exported.initializers) {
    const [, { kind, of }] = entry;
    if (kind === 'parameter') copies.set(of!, [...(copies.get(of!) ?? []), entry]);
  }
  for (const [parameter, places] of copies) {
    const exact = run.gradients[parameter];
    if (!places.every(([name]) => results[`${name}.grad`])) continue;
    const sum = new Float32Array(floats(exact).length);
    for (const [name, { place }] of places) {
      const gradient = floats(results[`${name}.grad`]);
      const whole = place === 'transposed' ? transposed(gradient, exact.shape as [number, number]) : gradient;
      whole.forEach((x, i) => {
        sum[i] += x;
      });
    }
    yield [parameter, compared(sum, floats(exact), run.float32[parameter])] as const;
  }
  for (const [name, exact] of Object.entries(run.derived ?? {})) {
    const gradient = results[`${name}.grad`];
    if (gradient) yield [name, compared(floats(gradient), floats(exact), run.float32[name] ?? 0)] as const;
  }
}

const norm = (values: Float32Array): number => Math.sqrt(values.reduce((all, x) => all + x * x, 0));

/** The transpose of a matrix; the shape is the result's. */
function transposed(values: Float32Array, [rows, columns]: readonly [number, number]): Float32Array {
  const result = new Float32Array(values.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) result[r * columns + c] = values[c * rows + r];
  return result;
}
