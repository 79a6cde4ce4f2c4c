import { checkWeights } from '../compiler/surgery/index.ts';
import type { Dataset } from '../data/index.ts';
import { ThawError } from '../errors.ts';
import type { Model } from '../onnx/index.ts';
import {
  describeData,
  type InputFormat,
  inputFormatOf,
  knownLabels,
  type ModelFiles,
  noticeRecommended,
  openDataset,
  optionsOf,
  type Prepared,
  prepareModel,
  refuseOtherKinds,
  type SessionPlatform,
  sizesOf,
  type TrainSettings,
  type TrainSettingsInput,
  taskOf,
  withOutput,
} from '../session/index.ts';
import { learnTask, openTask, type Task } from '../tasks/index.ts';
import { roundSettings } from './round.ts';
import { checkSource, checkTensors, type RoundState } from './state.ts';

/** The model of a federation, and a machine's settings. */
export interface RoundInputs {
  /** Called after the check that it is the federation's model. */
  readonly model: () => Model | Promise<Model>;
  readonly files: ModelFiles;
  /** SHA-256 of the model's file, in hexadecimal. */
  readonly sha256: string;
  readonly settings?: TrainSettingsInput;
}

/** A model prepared for a federation's rounds, with its task. */
export interface PreparedRound extends Prepared {
  readonly settings: TrainSettings;
  readonly format: InputFormat;
  readonly task: Task;
  readonly dataset: Dataset | undefined;
}

/** Platform for a round. Without data, the state or the labels in the settings define the task. */
export type RoundPlatform = Pick<SessionPlatform, 'runtime' | 'onEvent' | 'signal'> &
  Partial<Pick<SessionPlatform, 'dataset'>>;

/**
 * @param state defines the task and the seed
 * @throws ThawError if the state belongs to another model or does not fit the settings
 */
export async function prepareRound(
  { model: read, files, sha256, settings: given = {} }: RoundInputs,
  state: RoundState | undefined,
  platform: RoundPlatform,
): Promise<PreparedRound> {
  const { runtime, onEvent, signal } = platform;
  if (state) checkSource(state, files.source, sha256);
  const { settings, recommended } = roundSettings(given, state, files.config);
  noticeRecommended(recommended, platform);
  const model = withOutput(await read(), settings.output);
  checkWeights(model);
  if (settings.head === undefined) refuseOtherKinds(model, files.config);
  const format = inputFormatOf(model, files, settings, platform);
  const { task, dataset } = await openLearning({ model, files, format, settings }, state, platform);
  if (dataset) onEvent?.(describeData(dataset, task, format));
  signal?.throwIfAborted();
  onEvent?.({ type: 'phase', phase: 'preparing' });
  const prepared = await prepareModel(model, runtime, optionsOf(model, files, task, settings, format));
  onEvent?.({ type: 'model', name: files.name, ...sizesOf(prepared), continued: prepared.continued });
  if (state) checkTensors(state, prepared.network);
  return { ...prepared, settings, format, task, dataset };
}

interface Opening {
  readonly model: Model;
  readonly files: ModelFiles;
  readonly format: InputFormat;
  readonly settings: TrainSettings;
}

/** The task, and the machine's own data, which can lack some of the classes. */
async function openLearning(
  { model, files, format, settings }: Opening,
  state: RoundState | undefined,
  { dataset: read }: RoundPlatform,
): Promise<Pick<PreparedRound, 'task' | 'dataset'>> {
  const labels = () => knownLabels(model, files, settings.labels);
  if (state) {
    const task = openTask(state.task);
    const asKept = { ...settings, keepHead: true, labels: undefined };
    return { task, dataset: read && (await openDataset(format, asKept, () => task.classes, read)) };
  }
  if (read) {
    const dataset = await openDataset(format, settings, labels, read);
    return { task: taskOf(model, dataset, settings), dataset };
  }
  if (settings.task === 'regression') {
    throw new ThawError(
      'bad-config',
      'a regression needs data for the mean and the standard deviation of its targets',
      'Give some: thaw round <model> <data> --init',
    );
  }
  const classes = settings.keepHead ? labels() : settings.labels;
  if (!classes || classes.length < 2) {
    throw new ThawError(
      'bad-config',
      'a first state needs the classes of all machines',
      'Give them with --labels a,b,c, or a file with one per line',
    );
  }
  if (new Set(classes).size !== classes.length)
    throw new ThawError('bad-config', 'one of the labels is given twice', 'Remove it');
  return { task: learnTask(settings.task, { classes, train: [] }, settings), dataset: undefined };
}
