import * as z from 'zod';
import { readSafetensors, writeSafetensors } from '../compiler/step/index.ts';
import { type Adapter, adapterNames, type Pooling, poolings } from '../compiler/surgery/index.ts';
import type { Preprocessing } from '../data/index.ts';
import { ThawError } from '../errors.ts';
import { type Tensor, tensor } from '../onnx/index.ts';
import { readFacts, type TaskFacts } from '../tasks/index.ts';
import { notedOf, readNote, type TextNote } from './model.ts';

/** The result of a training with adapters: the adapters and the head, and the data needed to merge them into the model. */
export interface AdapterSet {
  /** SHA-256 of the model's file. */
  readonly model: string;
  readonly rank: number;
  readonly alpha: number;
  /** Name of the head's node or weight, if it is not the last layer. */
  readonly head?: string;
  /** The trained output, if it was named. */
  readonly output?: string;
  /** Number of outputs of the new head; undefined if the model kept its own. */
  readonly outputs?: number;
  /** Pooling of token vectors, for a head on top of a text encoder. */
  readonly pooling: Pooling;
  /** The trained task. */
  readonly task: TaskFacts;
  readonly preprocessing: Preprocessing | TextNote;
  /** By their names in training: the adapters, and the head's weight and bias. */
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** File names of PEFT, Hugging Face's package for adapters. */
export const ADAPTER_FILES = { tensors: 'adapter_model.safetensors', config: 'adapter_config.json' } as const;

const metadataSchema = z.object({
  model: z.string(),
  rank: z.number().int().positive(),
  alpha: z.number().positive(),
  head: z.string().optional(),
  output: z.string().optional(),
  outputs: z.number().int().positive().optional(),
  pooling: z.enum(poolings).default('auto'),
  task: z.unknown(),
  preprocessing: z.unknown(),
  /** The file's key → the name in training, and whether the matrix is transposed. */
  names: z.record(z.string(), z.object({ name: z.string(), turned: z.boolean() })),
});

/**
 * Writes adapters in the format of PEFT: `base_model.model.<module>.lora_A.weight` [rank, inputs, …] and `lora_B.weight` [outputs, rank,
 * …], and the head under its own name. If the ONNX model has the names of the PyTorch model, `PeftModel.from_pretrained` loads the folder.
 * Exception: adapters of grouped convolutions, which PEFT stores in another form.
 *
 * @param head the head's weight and bias
 * @returns path within the folder → contents
 */
export function writeAdapters(
  set: AdapterSet,
  adapters: readonly Adapter[],
  head: { readonly weight: string; readonly bias?: string },
  { dropout = 0, model }: { readonly dropout?: number; readonly model: string },
): ReadonlyMap<string, Uint8Array> {
  const { tensors: all, ...about } = set;
  const tensors = new Map<string, Tensor>();
  const names: Record<string, { name: string; turned: boolean }> = {};
  const add = (key: string, name: string, turned: boolean) => {
    const value = all.get(name);
    if (!value) return;
    const full = `base_model.model.${key}`;
    tensors.set(full, turned ? transposed(value) : value);
    names[full] = { name, turned };
  };
  const modules = modulesOf(adapters);
  for (const { weight, a, b, outputsFirst } of adapters) {
    const module = modules.get(weight);
    add(`${module}.lora_A.weight`, a, !outputsFirst);
    add(`${module}.lora_B.weight`, b, !outputsFirst);
  }
  for (const name of [head.weight, head.bias]) if (name !== undefined) add(name, name, false);
  const [, name, revision] = /^hf:([^@]+)(?:@(.+))?$/.exec(model) ?? [];
  const config = {
    peft_type: 'LORA',
    base_model_name_or_path: name ?? model,
    revision: revision ?? null,
    r: set.rank,
    lora_alpha: set.alpha,
    lora_dropout: dropout,
    bias: 'none',
    target_modules: [...modules.values()],
    modules_to_save: [head.weight.replace(/\.[^.]*$/, '')],
    inference_mode: true,
  };
  const metadata = {
    format: 'pt',
    thaw: JSON.stringify({ ...about, preprocessing: notedOf(about.preprocessing), names }),
  };
  return new Map([
    [ADAPTER_FILES.tensors, writeSafetensors({ tensors, metadata })],
    [ADAPTER_FILES.config, new TextEncoder().encode(`${JSON.stringify(config, null, 2)}\n`)],
  ]);
}

/** The module of each weight. Weights that share a module use their own names. */
function modulesOf(adapters: readonly Adapter[]): Map<string, string> {
  const count = (module: string) => adapters.filter((other) => other.module === module).length;
  return new Map(
    adapters.map(({ weight, module }) => [weight, module === '' || count(module) > 1 ? weight : module] as const),
  );
}

/**
 * Reads files of `writeAdapters`.
 *
 * @param bytes contents of `adapter_model.safetensors`
 * @throws ThawError `bad-data` if the file is damaged or from another tool
 */
export function readAdapters(bytes: Uint8Array): AdapterSet {
  const { tensors, metadata } = readSafetensors(bytes);
  const parsed = metadataSchema.safeParse(parsedJson(metadata.thaw));
  if (!parsed.success) {
    throw new ThawError(
      'bad-data',
      'the adapters do not name the weights of an ONNX model',
      'Give the adapters/ folder of a run with lora',
    );
  }
  const { names, preprocessing, task, ...about } = parsed.data;
  const own = Object.entries(names).map(([key, { name, turned }]) => {
    const value = tensors.get(key);
    if (!value) throw new ThawError('bad-data', `the adapters have no "${key}"`, 'Copy the folder again');
    return [name, turned ? transposed(value) : value] as const;
  });
  return { ...about, task: readFacts(task), preprocessing: readNote(preprocessing), tensors: new Map(own) };
}

function parsedJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}

/** The adapters and the head from a training's state, without optimizer state. */
export function adapterTensors(
  state: ReadonlyMap<string, Tensor>,
  adapters: readonly Adapter[],
  head: { readonly weight: string; readonly bias?: string },
): ReadonlyMap<string, Tensor> {
  const own = [...adapters.flatMap(({ weight }) => Object.values(adapterNames(weight))), head.weight, head.bias];
  return new Map(own.flatMap((name) => (name && state.has(name) ? [[name, state.get(name)!] as const] : [])));
}

function transposed({ shape: [rows, columns], data }: Tensor): Tensor {
  const from = data as Float32Array;
  const to = Float32Array.from(from, (_, i) => from[(i % rows) * columns + Math.floor(i / rows)]);
  return tensor('float32', [columns, rows], to);
}
