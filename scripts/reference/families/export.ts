/** The files that families.py wrote for one export. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSafetensors } from '../../../src/compiler/step/index.ts';
import type { Tensor } from '../../../src/onnx/index.ts';

/** The origin of an initializer (origins.py). */
export interface Origin {
  readonly kind: 'parameter' | 'buffer' | 'derived' | 'constant';
  /** The parameter's or buffer's name in the module. */
  readonly of?: string;
  readonly place?: 'same' | 'transposed';
}

export interface Run {
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly labels: Tensor;
  /** PyTorch's loss. */
  readonly value: number;
  /** By the module's parameter. */
  readonly gradients: Readonly<Record<string, Tensor>>;
  /** Gradients of initializers that the exporter computed from parameters; undefined if the reference could not compute them. */
  readonly derived?: Readonly<Record<string, Tensor>>;
  /** Relative errors of PyTorch's own float32 run. */
  readonly float32: Readonly<Record<string, number>>;
}

export interface Export {
  readonly family: string;
  readonly source: string;
  readonly versions: Readonly<Record<string, string>>;
  /** The reason if there is nothing to compare. */
  readonly failed?: string;
  readonly path: string;
  readonly loss: 'cross-entropy' | 'mse';
  readonly parameters: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly gradient: boolean;
  }[];
  /** By initializer, or output of a Constant node. */
  readonly initializers: ReadonlyMap<string, Origin>;
  readonly runs: readonly Run[];
  /** The reason if the export is compared only at the length that it was exported with. */
  readonly onlyAsExported?: string;
}

interface FamilyFile {
  readonly failed?: string;
  readonly family: string;
  readonly source: string;
  readonly versions: Record<string, string>;
  readonly parameters: Export['parameters'];
  readonly runs: readonly { loss: Export['loss']; value: number; float32: Record<string, number> }[];
}

interface ExportFile {
  readonly failed?: string;
  readonly initializers?: Record<string, Origin>;
  readonly runs?: readonly number[];
  readonly derived?: { readonly compared: boolean; readonly float32?: Record<string, number> };
  readonly 'only as exported'?: string;
}

export function readExport(folder: string, name: string): Export {
  const [family] = name.split('-');
  const about: FamilyFile = JSON.parse(readFileSync(join(folder, `${family}.json`), 'utf8'));
  const file: ExportFile = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));
  const failed = about.failed ?? file.failed;
  const stored = failed ? new Map<string, Tensor>() : tensorsOf(join(folder, `${family}.safetensors`));
  const computed = tensorsOf(join(folder, `${name}-derived.safetensors`));
  const under = (tensors: ReadonlyMap<string, Tensor>, prefix: string) =>
    Object.fromEntries(
      [...tensors].filter(([key]) => key.startsWith(prefix)).map(([key, value]) => [key.slice(prefix.length), value]),
    );
  return {
    family,
    source: about.source,
    versions: about.versions,
    failed,
    path: join(folder, `${name}.onnx`),
    loss: about.runs?.[0].loss,
    parameters: about.parameters,
    initializers: new Map(Object.entries(file.initializers ?? {})),
    runs: (file.runs ?? []).map((run) => ({
      inputs: under(stored, `${run}/input/`),
      labels: stored.get(`${run}/labels`)!,
      value: about.runs[run].value,
      gradients: under(stored, `${run}/gradient/`),
      derived: file.derived?.compared ? under(computed, `${run}/gradient/`) : undefined,
      float32: { ...about.runs[run].float32, ...file.derived?.float32 },
    })),
    onlyAsExported: file['only as exported'],
  };
}

const tensorsOf = (path: string): ReadonlyMap<string, Tensor> =>
  existsSync(path) ? readSafetensors(readFileSync(path)).tensors : new Map();
