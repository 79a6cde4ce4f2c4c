import { checkWeights, describeObstacle, describeOmissions, selectionText } from '../compiler/surgery/index.ts';
import { type Dataset, readAugmentation } from '../data/index.ts';
import { isText } from '../data/text/index.ts';
import { ThawError } from '../errors.ts';
import { elementCount, type Model } from '../onnx/index.ts';
import type { Runtime } from '../runtime/index.ts';
import type { Task } from '../tasks/index.ts';
import {
  type Checkpoint,
  checkCheckpoint,
  FeatureCache,
  planStages,
  stagesOf,
  trainingPlan,
  withoutEffect,
} from '../training/index.ts';
import { withClassWeights } from './class-balance.ts';
import { noticeMismatch } from './data-fit.ts';
import { describeData, knownLabels, openDataset, type ReadDataset, taskOf } from './dataset.ts';
import { withEpochs } from './epochs.ts';
import type { SessionHooks } from './events.ts';
import { inputShapes } from './images.ts';
import { type InputFormat, inputFormatOf, type ModelFiles, noticeQuantized } from './input-format.ts';
import { imageCacheBytes, keptBytes, type MemoryPlan, planMemory, textSizes } from './memory.ts';
import { refuseOtherKinds } from './model-kind.ts';
import { optionsOf } from './new-head.ts';
import { withOutput } from './output.ts';
import { networkOf, type Prepared, prepareModel } from './prepare.ts';
import { noticeRecommended, type RecommendedSettings, withRecommended } from './recommended.ts';
import { type BestStore, Session } from './session.ts';
import { type TrainSettings, type TrainSettingsInput, trainingConfigOf } from './settings.ts';
import { openSources, type SourcePlatform } from './sources.ts';

/** What to learn, and from which model. */
export interface SessionRequest {
  readonly model: Model;
  readonly files: ModelFiles;
  /** As in a `thaw.config` file. */
  readonly settings?: TrainSettingsInput;
  /** From where to continue a training that began with the same request. */
  readonly resume?: Checkpoint;
}

/** The parts of a platform: a device, data, memory and a place for the best weights. */
export interface SessionPlatform extends Pick<SourcePlatform, 'reader' | 'imageBytes' | 'onProblem'>, SessionHooks {
  readonly runtime: Runtime;
  readonly dataset: ReadDataset;
  /** Where the outputs of the frozen layers are kept; in memory unless given. */
  features?(settings: TrainSettings): Promise<FeatureCache>;
  /** Bytes of memory that features may use, unless the settings say. */
  featureBytes?(): number;
  /** Bytes that the training may take, if that is known. */
  readonly memory?: number;
  readonly best?: BestStore;
  readonly signal?: AbortSignal;
  /** Called when task and data are known, before the model is prepared. */
  begin?(learning: { readonly task: Task; readonly dataset: Dataset; readonly format: InputFormat }): Promise<void>;
}

/** An open session, and how it came to its settings. */
export interface OpenedSession {
  readonly session: Session;
  /** Settings that nobody gave, and that are as the model recommends. */
  readonly recommended: RecommendedSettings;
  /** The estimated memory, if it is known for the device. */
  readonly memory?: MemoryPlan;
}

/**
 * Opens a fine-tuning: reads the data as the task and the model ask for, prepares the model with its head, and plans stages and memory.
 *
 * @throws ThawError for everything that the user can fix: a model without a head, classes without samples, settings that contradict each other
 */
export async function openSession(
  { model: given, files, settings: wanted = {}, resume }: SessionRequest,
  platform: SessionPlatform,
): Promise<OpenedSession> {
  const { onEvent, signal, runtime } = platform;
  const { settings: asked, recommended } = withRecommended(wanted, files.config);
  const model = withOutput(given, asked.output);
  readAugmentation(asked.augment);
  checkWeights(model);
  if (asked.head === undefined) refuseOtherKinds(model, files.config);
  noticeRecommended(recommended, platform);
  noticeQuantized(model, platform);
  const format = inputFormatOf(model, files, asked, platform);
  signal?.throwIfAborted();
  const kept = () => knownLabels(model, files, asked.labels);
  const dataset = await openDataset(format, asked, kept, platform.dataset);
  const known = settled(asked, dataset);
  const task = taskOf(model, dataset, known);
  onEvent?.(describeData(dataset, task, format));
  await noticeMismatch(files.config, dataset, format, platform);
  signal?.throwIfAborted();
  await platform.begin?.({ task, dataset, format });
  onEvent?.({ type: 'phase', phase: 'preparing' });
  const prepared = await prepareModel(model, runtime, optionsOf(model, files, task, known, format));
  onEvent?.({ type: 'model', name: files.name, ...sizesOf(prepared), continued: prepared.continued });
  checkStages(known, prepared, platform);
  const parts = { prepared, task, dataset, format, settings: known, sourceConfig: files.config, resume };
  return { ...(await assemble(parts, platform)), recommended };
}

/** A training that stopped, as its host kept it. */
export interface ReopenRequest {
  /** The model with its head, for messages by this name. */
  readonly source: Model;
  readonly name: string;
  readonly task: Task;
  readonly format: InputFormat;
  readonly settings: TrainSettings;
  /** The classes that the data had. */
  readonly classes: readonly string[];
  readonly sourceConfig?: unknown;
  /** The newest checkpoint, asked for once the model is prepared. */
  checkpoint(): Promise<Checkpoint | undefined>;
}

/** Reopens a session at the point where it stopped. There may be less memory than before. */
export async function reopenSession(request: ReopenRequest, platform: SessionPlatform): Promise<OpenedSession> {
  const { source, name, task, format, settings, classes, sourceConfig } = request;
  const { onEvent, runtime } = platform;
  const dataset = await openDataset(format, settings, () => classes, platform.dataset);
  onEvent?.(describeData(dataset, task, format));
  await platform.begin?.({ task, dataset, format });
  onEvent?.({ type: 'phase', phase: 'preparing' });
  const { head, quantized, lora, distill, seed } = settings;
  const inputs = inputShapes(source, format);
  const network = await networkOf(source, runtime, { head, inputs, quantized, lora, distill, seed });
  onEvent?.({ type: 'model', name, ...sizesOf(network) });
  const resume = await request.checkpoint();
  if (resume) {
    const stages = stagesOf(trainingConfigOf(settings), network.anatomy, resume.progress).length;
    checkCheckpoint(resume, network.network, stages);
  }
  const parts = { prepared: { ...network, source }, task, dataset, format, settings, sourceConfig, resume };
  return { ...(await assemble(parts, platform)), recommended: {} };
}

/** The settings once the data is known: class weights and epochs. */
function settled(settings: TrainSettings, { train, classes }: Dataset): TrainSettings {
  const labels = train.map(({ label }) => label);
  return withEpochs(withClassWeights(settings, labels, classes), labels.length, classes.length);
}

interface Assembly {
  readonly prepared: Prepared;
  readonly task: Task;
  readonly dataset: Dataset;
  readonly format: InputFormat;
  readonly settings: TrainSettings;
  readonly sourceConfig?: unknown;
  readonly resume?: Checkpoint;
}

/** Plans the memory, and puts the session together. */
async function assemble(
  { prepared, task, dataset, format, settings: known, sourceConfig, resume }: Assembly,
  platform: SessionPlatform,
): Promise<Omit<OpenedSession, 'recommended'>> {
  const { runtime, onEvent } = platform;
  const { train, val } = dataset;
  const { settings, memory } = await planMemory(prepared, known, {
    runtime,
    task,
    samples: { train: train.length, val: val.length },
    limit: platform.memory,
    stages: resume?.progress.stages,
    cache: featureBytes(known, platform.featureBytes),
    ...(isText(format)
      ? { sizes: textSizes(prepared, format.maxLength) }
      : {
          images: {
            each: keptBytes(format),
            most: imageCacheBytes(format, train.length + val.length, platform.imageBytes),
          },
        }),
  });
  if (memory) onEvent?.({ type: 'memory', ...memory });
  platform.signal?.throwIfAborted();
  if (train.length === 0) throw new ThawError('bad-data', 'there are no images to train with', 'Add some');
  const onNotice = (message: string) => onEvent?.({ type: 'notice', message });
  const sources = openSources({ dataset, format, settings, task }, { ...platform, onNotice });
  const features = await openFeatures(platform, settings);
  const config = trainingConfigOf(settings);
  const session = new Session(
    { ...prepared, task, dataset, format, settings, config, runtime, sources, features, sourceConfig, resume },
    platform.best,
  );
  return { session, memory };
}

/** Unless the platform or `cacheMemory` says. */
const FEATURE_BYTES = 512 * 2 ** 20;

type CacheSettings = Pick<TrainSettings, 'cache' | 'cacheMemory'>;

/** Bytes of memory that features may use. */
export function featureBytes({ cache, cacheMemory }: CacheSettings, unlessSet = () => FEATURE_BYTES): number {
  if (cache === 'off') return 0;
  return cacheMemory === undefined ? unlessSet() : cacheMemory * 2 ** 20;
}

/**
 * Where a platform keeps the outputs of the frozen layers.
 *
 * @throws ThawError `bad-config` if that is a disk, which the platform does not have
 */
export async function openFeatures<S extends CacheSettings>(
  platform: { features?(settings: S): Promise<FeatureCache>; featureBytes?(): number },
  settings: S,
): Promise<FeatureCache> {
  if (platform.features) return platform.features(settings);
  if (settings.cache === 'disk')
    throw new ThawError('bad-config', 'cache: disk is for the command line', 'Use memory or off');
  return new FeatureCache({ maximumBytes: featureBytes(settings, platform.featureBytes) });
}

/** What stages name must be there and be trainable: better reported now than when the last of them begins. */
function checkStages(settings: TrainSettings, { anatomy, network }: Prepared, { onEvent }: SessionHooks): void {
  const notice = (message: string) => onEvent?.({ type: 'notice', message });
  const config = trainingConfigOf(settings);
  const stages = planStages(config, anatomy);
  const plans = stages.map((stage) => trainingPlan(config, stage, anatomy, anatomy.head.graphOutput));
  for (const message of withoutEffect(network.model.graph, plans)) notice(message);
  const frozen = describeOmissions(anatomy.omitted ?? []);
  if (frozen) notice(frozen);
  const [nearest] = anatomy.obstacles ?? [];
  const wanted = planStages(config, { ...anatomy, obstacles: [] });
  const last = (plan: typeof stages) => selectionText(plan.at(-1)?.train ?? '');
  if (!nearest || last(wanted) === last(stages)) return;
  notice(`${describeObstacle(nearest)}: Thaw trains ${last(stages)} at most, instead of ${last(wanted)}`);
}

/** The model's size as its event reports it. */
export function sizesOf({ network, anatomy }: Pick<Prepared, 'network' | 'anatomy'>) {
  const { initializers } = network.model.graph;
  const names = anatomy.groups.flatMap(({ parameters }) => parameters);
  const parameters = names.reduce((all, name) => all + elementCount(initializers.get(name)!.shape), 0);
  return { parameters, groups: anatomy.groups.length, classes: anatomy.head.classes };
}
