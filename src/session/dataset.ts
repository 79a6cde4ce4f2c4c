/** The samples and labels of a session, as its task and its model read them. */
import type { Dataset, LabelReading } from '../data/index.ts';
import { isText } from '../data/text/index.ts';
import { ThawError } from '../errors.ts';
import { labelsOf, metadataOf } from '../export/index.ts';
import { listed } from '../listed.ts';
import type { Model } from '../onnx/index.ts';
import { learnTask, openTask, TASKS, type Task, type TaskName } from '../tasks/index.ts';
import type { SessionEvent } from './events.ts';
import { type InputFormat, type ModelFiles, nounOf } from './input-format.ts';
import type { TrainSettings } from './settings.ts';

/** How labels are read: `classes` are those that the model has already, in the order of its outputs. */
export interface DatasetReading {
  readonly labels: LabelReading;
  readonly classes?: readonly string[];
}

/** Reads a platform's data. */
export type ReadDataset = (format: InputFormat, reading: DatasetReading, settings: TrainSettings) => Promise<Dataset>;

/**
 * The images or texts of a training, their classes in the order of the outputs that it will have.
 *
 * @param kept the classes of the model, asked for if it keeps its head
 */
export async function openDataset(
  format: InputFormat,
  settings: TrainSettings,
  kept: () => readonly string[],
  read: ReadDataset,
): Promise<Dataset> {
  const { task, targets, labels, keepHead } = settings;
  if (isText(format)) refuseForTexts(task, settings);
  const reading = TASKS[task].reads(targets);
  if (keepHead) return read(format, keptReading(reading, kept()), settings);
  return inOrder(await read(format, { labels: reading }, settings), labels);
}

function refuseForTexts(task: TaskName, { mixup, cutmix }: Pick<TrainSettings, 'mixup' | 'cutmix'>): void {
  if (task !== 'classification') {
    throw new ThawError(
      'bad-config',
      `the model reads texts, and ${task} is for images`,
      'Leave out --task: texts have one class each',
    );
  }
  if (mixup <= 0 && cutmix <= 0) return;
  throw new ThawError('bad-config', 'mixup and cutmix blend images, and the model reads texts', 'Leave them out');
}

/** How a data set is read for a model that has its outputs already. */
export function keptReading(reading: LabelReading, classes: readonly string[]): DatasetReading {
  if (reading.kind === 'class') return { labels: reading, classes: reading.unseen ? undefined : classes };
  const labels = reading.kind === 'numbers' ? { ...reading, columns: classes } : { ...reading, known: classes };
  return { labels, classes };
}

/** The task of a training: as the data says, or of a model that keeps its head, as that does. */
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
  { config, source }: Pick<ModelFiles, 'config' | 'source'>,
  given?: readonly string[],
): readonly string[] {
  const labels = given ?? labelsOf(config) ?? metadataOf(model)?.task.classes;
  if (labels) return labels;
  throw new ThawError(
    'bad-config',
    `${source} does not name its classes`,
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
      `The classes are ${listed(dataset.classes)}`,
    );
  }
  const place = dataset.classes.map((name) => labels.indexOf(name));
  const from = labels.map((name) => dataset.classes.indexOf(name));
  const moved = (samples: Dataset['train']) =>
    samples.map((sample) => {
      const { label, targets } = sample;
      return targets ? { ...sample, targets: from.map((i) => targets[i]) } : { ...sample, label: place[label] };
    });
  const { train, val, test } = dataset;
  return { ...dataset, classes: labels, train: moved(train), val: moved(val), test: moved(test) };
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
  }) satisfies SessionEvent;
