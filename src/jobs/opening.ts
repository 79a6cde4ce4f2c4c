import type { Dataset, LabelReading } from '../data/index.ts';
import type { OpenDatasetOptions } from '../data/node/index.ts';
import { ThawError } from '../errors.ts';
import { labelsOf, metadataOf } from '../export/index.ts';
import { readModelFile } from '../models/files.ts';
import type { ResolvedModel } from '../models/index.ts';
import { elementCount, type Model, roundsValues } from '../onnx/index.ts';
import {
  ASSUMED,
  choosePreprocessing,
  chooseText,
  EXACT,
  type PictureSettings,
  type Prepared,
  type RecommendedSettings,
  type TextSettings,
  type TrainSettings,
  type TrainSettingsInput,
  takesTexts,
  withRecommended,
} from '../recipe/index.ts';
import { learnTask, openTask, TASKS, type Task, type TaskName } from '../tasks/index.ts';
import { isText } from '../text/index.ts';
import type { JobHooks } from './events.ts';
import { fetchModel } from './fetch-model.ts';
import { type InputFormat, nounOf, openLabelled } from './inputs.ts';

/** The model of a training, how its input is made, and the settings: those given, and what the model recommends besides. */
export async function openModel(
  { model: spec, settings: given = {} }: { readonly model: string; readonly settings?: TrainSettingsInput },
  hooks: JobHooks,
) {
  const resolved = await fetchModel(spec, hooks);
  const { settings, recommended } = withRecommended(given, resolved.config);
  tellRecommended(recommended, hooks);
  const model = await readModelFile(resolved.path);
  noticeQuantized(model, hooks);
  return { resolved, model, settings, preprocessing: preprocessingOf(model, resolved, settings, hooks) };
}

export function tellRecommended(settings: RecommendedSettings, { onEvent }: JobHooks): void {
  if (Object.keys(settings).length) onEvent?.({ type: 'recommended', settings });
}

/** States how Thaw computes a quantized model, and what that costs. */
export function noticeQuantized({ graph }: Model, { onEvent }: JobHooks): void {
  if (!roundsValues(graph)) return;
  onEvent?.({ type: 'notice', message: EXACT });
}

/** How pictures or texts become the model's input; where nothing says it, what is assumed is told. */
export function preprocessingOf(
  model: Model,
  resolved: ResolvedModel,
  settings: PictureSettings & TextSettings,
  { onEvent }: JobHooks,
): InputFormat {
  const noted = metadataOf(model)?.preprocessing;
  const own = noted && !isText(noted) ? noted : undefined;
  if (takesTexts(model)) return chooseText(model, resolved, settings, noted && isText(noted) ? noted : undefined);
  const { preprocessing, from } = choosePreprocessing(model, resolved.preprocessing, settings, own);
  if (from === 'assumed') {
    onEvent?.({
      type: 'notice',
      message: ASSUMED,
    });
  }
  return preprocessing;
}

/**
 * The pictures or texts of a training, their classes in the order of the outputs that it will have.
 *
 * @param kept the classes of the model, asked for where it keeps its head
 */
export async function openTrainingData(
  path: string,
  format: InputFormat,
  { task, targets, seed, valFraction, strict, verify, labels, keepHead, ...blends }: TrainSettings,
  kept: () => readonly string[],
  { signal }: Pick<JobHooks, 'signal'> = {},
): Promise<Dataset> {
  if (isText(format)) refuseForTexts(task, blends);
  const reading = TASKS[task].reads(targets);
  const options = { labels: reading, seed, valFraction, strict, verification: verify, signal };
  if (keepHead) return openLabelled(path, format, { ...options, ...keptReading(reading, kept()) });
  return inOrder(await openLabelled(path, format, options), labels);
}

/** The same for a model as `openModel` opened it. */
export const openDataOf = (
  { resolved, model, settings, preprocessing }: Awaited<ReturnType<typeof openModel>>,
  path: string,
  hooks: JobHooks,
): Promise<Dataset> =>
  openTrainingData(path, preprocessing, settings, () => knownLabels(model, resolved, settings.labels), hooks);

function refuseForTexts(task: TaskName, { mixup, cutmix }: Pick<TrainSettings, 'mixup' | 'cutmix'>): void {
  if (task !== 'classification') {
    throw new ThawError(
      'bad-config',
      `the model reads texts, and ${task} is for pictures`,
      'Leave out --task: texts have one class each',
    );
  }
  if (mixup <= 0 && cutmix <= 0) return;
  throw new ThawError('bad-config', 'mixup and cutmix blend pictures, and the model reads texts', 'Leave them out');
}

/** How a data set is read for a model that has its outputs already. */
export function keptReading(
  reading: LabelReading,
  classes: readonly string[],
): Pick<OpenDatasetOptions, 'classes' | 'labels'> {
  if (reading.kind === 'class') return { labels: reading, classes: reading.unseen ? undefined : classes };
  const labels = reading.kind === 'numbers' ? { ...reading, columns: classes } : { ...reading, known: classes };
  return { labels, classes };
}

/** What a training is for: as the data says, or of a model that keeps its head, as that does. */
export function taskOf(model: Model, dataset: Dataset, settings: TrainSettings): Task {
  const { task, keepHead } = settings;
  const own = keepHead ? metadataOf(model)?.task : undefined;
  if (!own || own.task === 'classification') return learnTask(task, dataset, settings);
  if (own.task === task) return onClasses(openTask(own), dataset.classes);
  throw new ThawError(
    'bad-config',
    `the model's head is for ${own.task}, and the task is ${task}`,
    `Say --task ${own.task}, or leave out --keep-head`,
  );
}

/** The task with the classes of a data set: those of an embedding may be others than it was trained on. */
export const onClasses = (task: Task, classes: readonly string[]): Task =>
  openTask({ ...task.facts, classes: [...classes] });

/** The classes of a model: as given, as its `config.json` or its own metadata say. */
export function knownLabels(
  model: Model,
  { config, source }: ResolvedModel,
  given?: readonly string[],
): readonly string[] {
  const labels = given ?? labelsOf(config) ?? metadataOf(model)?.task.classes;
  if (labels) return labels;
  throw new ThawError(
    'bad-config',
    `${source} does not say what its classes are called`,
    'Name them with --labels a,b,c or --labels FILE (one a line), in the order of the outputs',
  );
}

/** The data set with its classes in the order that the user gives. */
function inOrder(dataset: Dataset, labels?: readonly string[]): Dataset {
  if (!labels) return dataset;
  const missing = dataset.classes.filter((name) => !labels.includes(name));
  const extra = labels.filter((name) => !dataset.classes.includes(name));
  if (missing.length || extra.length || new Set(labels).size !== labels.length) {
    throw new ThawError(
      'bad-config',
      `the labels given are not the data's classes (${[...missing, ...extra].slice(0, 5).join(', ') || 'one is given twice'})`,
      `The classes are ${dataset.classes.join(', ')}`,
    );
  }
  const place = dataset.classes.map((name) => labels.indexOf(name));
  const from = labels.map((name) => dataset.classes.indexOf(name));
  const moved = (samples: Dataset['train']) =>
    samples.map((sample) => {
      const { label, targets } = sample;
      return targets ? { ...sample, targets: from.map((i) => targets[i]) } : { ...sample, label: place[label] };
    });
  return {
    ...dataset,
    classes: labels,
    train: moved(dataset.train),
    val: moved(dataset.val),
    test: moved(dataset.test),
  };
}

/** A data set as an event. */
export const describeData = (
  { classes, train, val, test, problems }: Dataset,
  { facts, metric }: Task,
  format: InputFormat,
) =>
  ({
    type: 'data',
    noun: nounOf(format),
    task: facts.task,
    metric,
    classes,
    train: train.length,
    val: val.length,
    test: test.length,
    problems,
  }) as const;

/** What the model's event says besides its name. */
export function sizesOf({ network, anatomy }: Pick<Prepared, 'network' | 'anatomy'>) {
  const { initializers } = network.model.graph;
  const names = anatomy.groups.flatMap(({ parameters }) => parameters);
  const parameters = names.reduce((all, name) => all + elementCount(initializers.get(name)!.shape), 0);
  return { parameters, groups: anatomy.groups.length, classes: anatomy.head.classes };
}
