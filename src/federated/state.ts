import type { Inference } from '../compiler/shapes/index.ts';
import { readSafetensors, writeSafetensors } from '../compiler/step/index.ts';
import { ThawError } from '../errors.ts';
import { bytesOf, type Graph, type Tensor } from '../onnx/index.ts';
import { readFacts, type TaskFacts } from '../tasks/index.ts';

/** The state of a federation that machines exchange: trainable parameters and running statistics, and what they belong to. */
export interface RoundState {
  /** SHA-256 of the source model's file, as in manifests. */
  readonly source: string;
  readonly task: TaskFacts;
  /** Seed of the new head, orders, augmentation and noise. */
  readonly seed: number;
  /** Total epochs in the state. */
  readonly epoch: number;
  /** By initializer name. */
  readonly tensors: ReadonlyMap<string, Tensor>;
}

const FORMAT = 'thaw-round';
const VERSION = '1';
/** More epochs than any federation has. */
const MOST_EPOCHS = 1e6;

/**
 * As a safetensors file, with everything except the tensors in its metadata.
 *
 * @param variances names of tensors that cannot be negative, for an averaging server
 */
export const writeRoundState = (
  { source, task, seed, epoch, tensors }: RoundState,
  variances: readonly string[] = [],
): Uint8Array =>
  writeSafetensors({
    tensors,
    metadata: {
      format: FORMAT,
      version: VERSION,
      source,
      task: JSON.stringify(task),
      seed: String(seed),
      epoch: String(epoch),
      ...(variances.length > 0 && { variances: JSON.stringify(variances) }),
    },
  });

/** @throws ThawError `bad-data` if the file is damaged, not a state, or of another version */
export function readRoundState(bytes: Uint8Array): RoundState {
  const { tensors, metadata } = readSafetensors(bytes);
  const { format, version, source, task = '', seed, epoch } = metadata;
  if (format !== FORMAT || version !== VERSION) {
    throw new ThawError(
      'bad-data',
      format === FORMAT
        ? `the state has version ${version}, but this version of Thaw reads ${VERSION}`
        : 'the safetensors file is not the state of a round',
      'Create a first one with `thaw round <model> --init --out FILE`',
    );
  }
  const [seedNumber, epochNumber] = [seed, epoch].map((text) => Number(text || Number.NaN));
  const isCount = (value: number) => Number.isSafeInteger(value) && value >= 0;
  if (
    !/^[0-9a-f]{64}$/.test(source ?? '') ||
    !isCount(seedNumber) ||
    !isCount(epochNumber) ||
    epochNumber > MOST_EPOCHS
  )
    throw new ThawError('bad-data', "the state's metadata is damaged", 'Use the state of an earlier round');
  return { source, task: readFacts(jsonOf(task)), seed: seedNumber, epoch: epochNumber, tensors };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @throws ThawError `bad-model` with both digests if the state belongs to another model */
export function checkSource(state: RoundState, model: string, sha256: string): void {
  if (state.source === sha256) return;
  throw new ThawError(
    'bad-model',
    `the state belongs to a model with SHA-256 ${state.source}, but ${model} has ${sha256}`,
    'Give the model of the federation',
  );
}

/** Running variances of batch normalization, by initializer name. */
export const variancesOf = ({ nodes }: Graph): Set<string> =>
  new Set(
    nodes.filter(({ op, domain }) => op === 'BatchNormalization' && domain === '').map(({ inputs }) => inputs[4]),
  );

/**
 * @throws ThawError `bad-data` if a tensor of the state is not in the network, has another type or shape, or invalid values
 */
export function checkTensors({ tensors }: RoundState, { model }: Inference): void {
  const { initializers } = model.graph;
  const variances = variancesOf(model.graph);
  for (const [name, { type, shape, data }] of tensors) {
    const fail = (why: string): never => {
      throw new ThawError('bad-data', `the state's "${name}" ${why}`, 'Use the settings that created the state');
    };
    const own = initializers.get(name) ?? fail('is not a parameter of the model');
    const typeText = (t: Pick<Tensor, 'type' | 'shape'>) => `${t.type} [${t.shape.join(', ')}]`;
    if (typeText(own) !== typeText({ type, shape }))
      fail(`is ${typeText({ type, shape })}, but the model's is ${typeText(own)}`);
    if (!(data as Float32Array).every(Number.isFinite)) fail('has values that are not finite');
    if (variances.has(name) && (data as Float32Array).some((value) => value < 0))
      fail('is a variance, but has values below zero');
  }
}

/** Total bytes of the tensors. */
export const payloadOf = (tensors: ReadonlyMap<string, Tensor>): number =>
  [...tensors.values()].reduce((all, tensor) => all + bytesOf(tensor).length, 0);
