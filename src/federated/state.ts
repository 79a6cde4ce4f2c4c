import type { Inference } from '../compiler/shapes/index.ts';
import { readSafetensors, writeSafetensors } from '../compiler/step/index.ts';
import { ThawError } from '../errors.ts';
import { bytesOf, type Graph, type Tensor } from '../onnx/index.ts';
import { readFacts, type TaskFacts } from '../tasks/index.ts';

/** What travels between the machines of a federation: the parameters that train and the statistics that move, and whose they are. */
export interface RoundState {
  /** SHA-256 of the source model's file, as manifests have it. */
  readonly source: string;
  readonly task: TaskFacts;
  /** By which the new head was drawn, and orders, augmentation and noise are. */
  readonly seed: number;
  /** Epochs that went into it. */
  readonly epoch: number;
  /** By the names of initializers. */
  readonly tensors: ReadonlyMap<string, Tensor>;
}

const FORMAT = 'thaw-round';
const VERSION = '1';
/** Epochs that a federation does not come to. */
const MOST_EPOCHS = 1e6;

/**
 * As a safetensors file, all but the tensors in its metadata.
 *
 * @param variances for a server that averages: the tensors that cannot be below zero
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

/** @throws ThawError `bad-data` where it is damaged, no state, or of another version */
export function readRoundState(bytes: Uint8Array): RoundState {
  const { tensors, metadata } = readSafetensors(bytes);
  const { format, version, source, task = '', seed, epoch } = metadata;
  if (format !== FORMAT || version !== VERSION) {
    throw new ThawError(
      'bad-data',
      format === FORMAT
        ? `the state is of version ${version}, and this Thaw reads ${VERSION}`
        : 'the safetensors file is no state of a round',
      'Make a first one with `thaw round <model> --init --out FILE`',
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
    throw new ThawError('bad-data', "the state's metadata are damaged", 'Take the state of an earlier round');
  return { source, task: readFacts(jsonOf(task)), seed: seedNumber, epoch: epochNumber, tensors };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @throws ThawError `bad-model` naming both where the state is of another model's */
export function checkSource(state: RoundState, model: string, sha256: string): void {
  if (state.source === sha256) return;
  throw new ThawError(
    'bad-model',
    `the state is of a model with SHA-256 ${state.source}, and that of ${model} is ${sha256}`,
    'Give the model that the federation began with',
  );
}

/** The running variances of batch normalizations, by the names of their initializers. */
export const variancesOf = ({ nodes }: Graph): Set<string> =>
  new Set(
    nodes.filter(({ op, domain }) => op === 'BatchNormalization' && domain === '').map(({ inputs }) => inputs[4]),
  );

/**
 * @throws ThawError `bad-data` naming what is in the state and not in the network, is of another type or shape there, or has values that a
 * network cannot have
 */
export function checkTensors({ tensors }: RoundState, { model }: Inference): void {
  const { initializers } = model.graph;
  const variances = variancesOf(model.graph);
  for (const [name, { type, shape, data }] of tensors) {
    const fail = (why: string): never => {
      throw new ThawError('bad-data', `the state's "${name}" ${why}`, 'Train with the settings that it was made with');
    };
    const own = initializers.get(name) ?? fail('is no parameter of the model');
    const said = (t: Pick<Tensor, 'type' | 'shape'>) => `${t.type} [${t.shape.join(', ')}]`;
    if (said(own) !== said({ type, shape })) fail(`is ${said({ type, shape })}, and the model's ${said(own)}`);
    if (!(data as Float32Array).every(Number.isFinite)) fail('has values that are not finite');
    if (variances.has(name) && (data as Float32Array).some((value) => value < 0))
      fail('is a variance and has values below zero');
  }
}

/** Bytes of the tensors alone. */
export const payloadOf = (tensors: ReadonlyMap<string, Tensor>): number =>
  [...tensors.values()].reduce((all, tensor) => all + bytesOf(tensor).length, 0);
