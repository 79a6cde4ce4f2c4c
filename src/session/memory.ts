import type { TrainingPlan } from '../compiler/step/index.ts';
import { megabytes } from '../compiler/surgery/index.ts';
import { IMAGE_CACHE_BYTES, type Preprocessing } from '../data/index.ts';
import { ThawError } from '../errors.ts';
import { machineOf, type Runtime } from '../runtime/index.ts';
import type { Task } from '../tasks/index.ts';
import {
  laterStages,
  type MemoryEstimate,
  type StageConfig,
  StageMemory,
  stagesOf,
  trainingPlan,
  viewsOf,
} from '../training/index.ts';
import type { Prepared } from './prepare.ts';
import { type TrainSettings, trainingConfigOf } from './settings.ts';

/** The estimated memory of a training, and the division of its batches. Plain data. */
export interface MemoryPlan {
  /** Of the stage that takes most, with the batches as they go through. */
  readonly estimate: MemoryEstimate;
  /** The limit in bytes; undefined if it is unknown. */
  readonly limit?: number;
  /** A batch that is divided: its samples, and the parts whose gradients make its update. */
  readonly divided?: { readonly batch: number; readonly parts: number };
  /** One line, if the batch was divided or fewer layers thaw. */
  readonly notice?: string;
}

export interface MemoryRequest {
  readonly runtime: Runtime;
  readonly task: Pick<Task, 'facts'>;
  /** The stages that a resumed training decided on. */
  readonly stages?: readonly StageConfig[] | null;
  /** Numbers of samples. */
  readonly samples: { readonly train: number; readonly val: number };
  /** Bytes that the process may hold, where the platform knows. */
  readonly limit?: number;
  /** Bytes that may be used to remember features. */
  readonly cache: number;
  /** Of decoded images, one after the other, and how many bytes of them are kept. */
  readonly images?: { readonly each: number; readonly most: number };
  /** Of symbols other than the batch. */
  readonly sizes?: Readonly<Record<string, number>>;
}

/** Images are kept larger than the network takes them, so that they can be cropped. */
const LARGER = 1.3;

/** Approximate bytes of a cached, decoded image. */
export const keptBytes = ({ width, height }: Pick<Preprocessing, 'width' | 'height'>): number =>
  LARGER * 3 * width * height;

/** If less of a data set fits into the cache, keeping it saves next to no time. */
const WORTHWHILE = 1 / 8;

/** Bytes of decoded images to keep. @param most the limit */
export const imageCacheBytes = (
  format: Pick<Preprocessing, 'width' | 'height'>,
  samples: number,
  most = IMAGE_CACHE_BYTES,
): number => (most < WORTHWHILE * samples * keptBytes(format) ? 0 : most);

/** Every open size of a text encoder but the batch is a text's `length`. */
export function textSizes({ network }: Pick<Prepared, 'network'>, length: number): Record<string, number> {
  const symbols = network.model.graph.inputs.flatMap(({ name }) => network.values.get(name)?.shape.slice(1) ?? []);
  return Object.fromEntries(symbols.flatMap((d) => (typeof d === 'string' ? [[d, length]] : [])));
}

/** On the processor. The memory of a graphics card is unknown. */
const KNOWN = ['cpu', 'wasm'];

/**
 * Estimates the memory of a training. If there is less, divides batches into parts whose summed gradients make the same update.
 *
 * @returns the resulting settings; no plan for devices with unknown memory
 * @throws ThawError `memory` if there is too little for single samples, or a division would change the result
 */
export async function planMemory(
  prepared: Pick<Prepared, 'network' | 'anatomy'>,
  settings: TrainSettings,
  request: MemoryRequest,
): Promise<{ settings: TrainSettings; memory?: MemoryPlan }> {
  if (!KNOWN.includes(request.runtime.device)) return { settings };
  const { runtime } = request;
  const bounds = [request.limit, runtime.memory].filter((bound) => bound !== undefined);
  const available = bounds.length ? Math.min(...bounds) : undefined;
  const limit = typeof settings.memory === 'number' ? settings.memory : available;
  const stages = await largestStages(prepared, settings, request);
  const estimate = (batch: number, accumulate = settings.accumulate > 1) =>
    most(stages, { batch, accumulate }, settings, request);
  const whole = estimate(settings.batch);
  const fits = ({ total }: MemoryEstimate) => limit === undefined || total <= limit;
  if (settings.memory === 'off') return { settings, memory: { estimate: whole, limit } };
  if (fits(whole)) {
    const limited = limit === undefined ? undefined : await thawLimit(prepared, settings, { ...request, limit });
    return {
      settings: { ...settings, ...limited?.settings },
      memory: { estimate: whole, limit, notice: limited?.notice },
    };
  }
  const needs = `training takes about ${megabytes(whole.total)} with a batch of ${settings.batch}, and ${megabytes(limit!)} ${typeof settings.memory === 'number' ? 'are allowed' : 'are there'}`;
  const why = changedBy(prepared, settings, request.task);
  if (why) throw tooLittle(`${needs}. Its batches are not divided, since ${why}`, 'A smaller --batch takes less');
  for (let parts = 2; parts <= settings.batch; parts++) {
    const batch = settings.batch / parts;
    const divided = Number.isInteger(batch) && estimate(batch, true);
    if (!divided || !fits(divided)) continue;
    return {
      // More layers would need batches that are divided even further.
      settings: { ...settings, batch, accumulate: settings.accumulate * parts, ...thawNoMore(prepared, settings) },
      memory: {
        estimate: divided,
        limit,
        divided: { batch: settings.batch, parts },
        notice: `${needs}: each batch goes through in ${parts} parts of ${batch}, whose gradients make one update (about ${megabytes(divided.total)}; --memory off keeps it whole)`,
      },
    };
  }
  const least = estimate(1, true);
  throw tooLittle(
    `${needs}. With one sample at a time, it takes about ${megabytes(least.total)}`,
    'Fewer layers or a smaller model take less',
  );
}

const tooLittle = (what: string, less: string): ThawError =>
  new ThawError(
    'memory',
    what,
    `${less}; --memory off trains anyway (for a resumed run, memory: off in its config.yaml)`,
  );

/** The layer groups that an adaptive plan can train within the limit, if they are not all. */
async function thawLimit(
  prepared: Pick<Prepared, 'network' | 'anatomy'>,
  settings: TrainSettings,
  request: MemoryRequest & { readonly limit: number },
): Promise<{ settings: Pick<TrainSettings, 'thawMost'>; notice: string } | undefined> {
  const { anatomy } = prepared;
  const config = trainingConfigOf(settings);
  const { batch, accumulate } = settings;
  for (const { before, stage } of laterStages(config, anatomy)) {
    const plan = trainingPlan(config, stage, anatomy, anatomy.head.graphOutput);
    const memory = await memoriesOf(prepared, settings, [plan], request.runtime);
    const { total } = most(memory, { batch, accumulate: accumulate > 1 }, settings, request);
    if (total <= request.limit) continue;
    const notice = `training thaws ${before.train} at most: ${stage.train} would take about ${megabytes(total)}, and ${megabytes(request.limit)} are there (a smaller --batch takes less)`;
    return { settings: { thawMost: before.count }, notice };
  }
  return undefined;
}

/** Limits an adaptive plan to the layer groups of its first stages. */
function thawNoMore({ anatomy }: Pick<Prepared, 'anatomy'>, settings: TrainSettings): Pick<TrainSettings, 'thawMost'> {
  const [next] = laterStages(trainingConfigOf(settings), anatomy);
  return next ? { thawMost: next.before.count } : {};
}

/** The estimated memory with these settings before there is data, without caches. */
export async function memoryWithoutData(
  prepared: Pick<Prepared, 'network' | 'anatomy'>,
  settings: TrainSettings,
  request: Pick<MemoryRequest, 'runtime' | 'sizes'>,
): Promise<MemoryEstimate> {
  const { batch, accumulate } = settings;
  const nothing = { samples: { train: 0, val: 0 }, cache: 0 };
  const stages = await largestStages(prepared, settings, request);
  return most(stages, { batch, accumulate: accumulate > 1 }, settings, { ...nothing, ...request });
}

/**
 * The stages that can need the most memory: those whose parameters are not all trained by another stage.
 *
 * Their graphs are compiled only for this and discarded: 0.2 s for ResNet-50, 1 s for DenseNet-121, whose session takes 11 s to load. Keeping
 * them for the training would cost memory, since the largest stage is usually the last, and their constants would be of old weights.
 */
async function largestStages(
  { network, anatomy }: Pick<Prepared, 'network' | 'anatomy'>,
  settings: TrainSettings,
  { runtime, stages = null }: Pick<MemoryRequest, 'runtime' | 'stages'>,
) {
  const config = trainingConfigOf(settings);
  const plans = stagesOf(config, anatomy, { stages }).map((stage) =>
    trainingPlan(config, stage, anatomy, anatomy.head.graphOutput),
  );
  const within = (a: ReadonlySet<string>, b: ReadonlySet<string>) => [...a].every((name) => b.has(name));
  const largest = plans.filter(
    ({ trainable }, i) =>
      !plans.some(
        (other, j) => i !== j && within(trainable, other.trainable) && (j > i || !within(other.trainable, trainable)),
      ),
  );
  return memoriesOf({ network }, settings, largest, runtime);
}

async function memoriesOf(
  { network }: Pick<Prepared, 'network'>,
  { ema }: TrainSettings,
  plans: readonly TrainingPlan[],
  runtime: Runtime,
): Promise<StageMemory[]> {
  const machine = await machineOf(runtime);
  return plans.map((plan) => new StageMemory(network, { ...plan, average: ema !== undefined }, machine));
}

function most(
  stages: readonly StageMemory[],
  at: { readonly batch: number; readonly accumulate: boolean },
  settings: TrainSettings,
  { samples, cache, images, sizes }: Omit<MemoryRequest, 'runtime' | 'task' | 'limit'>,
): MemoryEstimate {
  const rows = samples.train * Math.max(1, viewsOf(settings)) + samples.val;
  const decoded = images ? Math.min(images.most, images.each * (samples.train + samples.val)) : 0;
  return stages
    .map((stage) => stage.at({ ...at, sizes, remembered: { rows, most: cache }, images: decoded }))
    .reduce((a, b) => (b.total > a.total ? b : a));
}

/** Why a divided batch gives another result: some operation uses all of its samples together. */
function changedBy(
  { network }: Pick<Prepared, 'network'>,
  settings: TrainSettings,
  { facts }: MemoryRequest['task'],
): string | undefined {
  const { batchNorm, stages, loss } = settings;
  const normalizes = [{ batchNorm }, ...(stages ?? [])].some((stage) => stage.batchNorm === 'training');
  if (normalizes && network.model.graph.nodes.some(({ op }) => op === 'BatchNormalization'))
    return 'batch normalization takes its statistics over the whole batch';
  if (facts.task === 'embedding') return 'the loss compares the samples of a batch with each other';
  if (loss.classWeights) return 'class weights are shared out over the whole batch';
  return undefined;
}
