import type { Dataset } from '../../data/index.ts';
import { ThawError } from '../../errors.ts';
import { checkSource, checkTensors, type RoundState, roundSettings } from '../../federated/index.ts';
import { readModelFile } from '../../models/files.ts';
import type { ResolvedModel } from '../../models/index.ts';
import type { Model } from '../../onnx/index.ts';
import {
  optionsOf,
  type Prepared,
  prepareModel,
  type TrainSettings,
  type TrainSettingsInput,
} from '../../recipe/index.ts';
import type { Runtime } from '../../runtime/index.ts';
import {
  describeData,
  type InputFormat,
  inputFormatOf,
  knownLabels,
  openDataset,
  sizesOf,
  taskOf,
} from '../../session/index.ts';
import { learnTask, openTask, type Task } from '../../tasks/index.ts';
import { openRuntime } from '../environment.ts';
import type { JobHooks } from '../events.ts';
import { fetchModel } from '../fetch-model.ts';
import { tellRecommended } from '../opening.ts';
import { readFrom } from '../platform.ts';

export interface RoundInputs {
  readonly model: string;
  readonly data?: string;
  readonly settings?: TrainSettingsInput;
}

/** A model made ready for a federation's rounds, and what it is to learn. */
export interface PreparedRound extends Prepared {
  readonly runtime: Runtime;
  readonly resolved: ResolvedModel;
  readonly settings: TrainSettings;
  readonly preprocessing: InputFormat;
  readonly task: Task;
  readonly dataset: Dataset | undefined;
}

/**
 * @param state says what is learned, and by which seed; without one the data does, or the labels among the settings
 * @throws ThawError where the state is of another model or does not fit the settings
 */
export async function prepareRound(
  { model: spec, data, settings: given = {} }: RoundInputs,
  state: RoundState | undefined,
  hooks: JobHooks,
): Promise<PreparedRound> {
  const resolved = await fetchModel(spec, hooks);
  if (state) checkSource(state, spec, await resolved.sha256());
  // Rounds are processes of their own: what frozen layers make of pictures outlives them on disk only.
  const { settings, recommended } = roundSettings({ cache: 'disk', ...given }, state, resolved.config);
  tellRecommended(recommended, hooks);
  const runtime = await openRuntime(settings.device, hooks);
  const model = await readModelFile(resolved.path);
  const preprocessing = inputFormatOf(model, resolved, settings, hooks);
  const { task, dataset } = await openLearning({ model, resolved, preprocessing, settings, data }, state, hooks);
  if (dataset) hooks.onEvent?.(describeData(dataset, task, preprocessing));
  hooks.signal?.throwIfAborted();
  hooks.onEvent?.({ type: 'phase', phase: 'preparing' });
  const prepared = await prepareModel(model, runtime, optionsOf(model, resolved, task, settings, preprocessing));
  hooks.onEvent?.({ type: 'model', name: resolved.name, ...sizesOf(prepared), continued: prepared.continued });
  if (state) checkTensors(state, prepared.network);
  return { ...prepared, runtime, resolved, settings, preprocessing, task, dataset };
}

interface Opening {
  readonly model: Model;
  readonly resolved: ResolvedModel;
  readonly preprocessing: InputFormat;
  readonly settings: TrainSettings;
  readonly data?: string;
}

/** What is learned, and the machine's own data, which may lack some of the classes. */
async function openLearning(
  { model, resolved, preprocessing, settings, data }: Opening,
  state: RoundState | undefined,
  hooks: JobHooks,
): Promise<Pick<PreparedRound, 'task' | 'dataset'>> {
  const labels = () => knownLabels(model, resolved, settings.labels);
  if (state) {
    const task = openTask(state.task);
    if (data === undefined) return { task, dataset: undefined };
    const asKept = { ...settings, keepHead: true, labels: undefined };
    return { task, dataset: await openDataset(preprocessing, asKept, () => task.classes, readFrom(data, hooks)) };
  }
  if (data !== undefined) {
    const dataset = await openDataset(preprocessing, settings, labels, readFrom(data, hooks));
    return { task: taskOf(model, dataset, settings), dataset };
  }
  if (settings.task === 'regression') {
    throw new ThawError(
      'bad-config',
      'the mean and the spread of what a regression learns are not known without data',
      'Give some that has them: thaw round <model> <data> --init',
    );
  }
  const classes = settings.keepHead ? labels() : settings.labels;
  if (!classes || classes.length < 2) {
    throw new ThawError(
      'bad-config',
      'a first state needs the classes of all machines',
      'Name them with --labels a,b,c or a file with one a line',
    );
  }
  if (new Set(classes).size !== classes.length)
    throw new ThawError('bad-config', 'one of the labels is given twice', 'Give each once');
  return { task: learnTask(settings.task, { classes, train: [] }, settings), dataset: undefined };
}
