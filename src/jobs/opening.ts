import type { Dataset, Preprocessing } from '../data/index.ts';
import { openDataset } from '../data/node/index.ts';
import { ThawError } from '../errors.ts';
import { labelsOf, metadataOf, namedClasses } from '../export/index.ts';
import { type ResolvedModel, resolveModel } from '../models/index.ts';
import { elementCount, type Model } from '../onnx/index.ts';
import {
  choosePreprocessing,
  type PictureSettings,
  type Prepared,
  type PrepareOptions,
  type TrainSettings,
} from '../recipe/index.ts';
import type { Task } from '../tasks/index.ts';
import type { JobHooks } from './events.ts';

/** `resolveModel`, its progress told as events. */
export const fetchModel = (spec: string, { onEvent }: JobHooks): Promise<ResolvedModel> =>
  resolveModel(spec, {
    onProgress: ({ received, total }) => onEvent?.({ type: 'download', received, total }),
  });

/** How pictures become the model's input; where nothing says it, what is assumed is told. */
export function preprocessingOf(
  model: Model,
  resolved: ResolvedModel,
  settings: PictureSettings,
  { onEvent }: JobHooks,
): Preprocessing {
  const own = metadataOf(model)?.preprocessing;
  const { preprocessing, from } = choosePreprocessing(model, resolved.preprocessing, settings, own);
  if (from === 'assumed') {
    onEvent?.({
      type: 'notice',
      message:
        "the model's folder has no preprocessor_config.json, so ImageNet's preprocessing is assumed (--preprocessing, --mean, --deviation change it)",
    });
  }
  return preprocessing;
}

/**
 * The pictures of a training, their classes in the order of the outputs that it will have.
 *
 * @param kept the classes of the model, asked for where it keeps its head
 */
export async function openTrainingData(
  path: string,
  { seed, valFraction, strict, verify, labels, keepHead }: TrainSettings,
  kept: () => readonly string[],
): Promise<Dataset> {
  const options = { seed, valFraction, strict, verification: verify };
  if (keepHead) return openDataset(path, { ...options, classes: kept() });
  return inOrder(await openDataset(path, options), labels);
}

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

/** What a training's head is for: new classes, or those that the model keeps. */
export const newHead = (
  model: Model,
  { config }: ResolvedModel,
  { outputs, classes, named }: Pick<Task, 'outputs' | 'classes' | 'named'>,
  { keepHead, knownClasses }: TrainSettings,
): Pick<PrepareOptions, 'classes' | 'names'> =>
  keepHead
    ? {}
    : {
        classes: outputs,
        names: named ? { known: namedClasses(model, config), wanted: classes, rows: knownClasses } : undefined,
      };

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
  const moved = (samples: Dataset['train']) => samples.map(({ file, label }) => ({ file, label: place[label] }));
  return {
    ...dataset,
    classes: labels,
    train: moved(dataset.train),
    val: moved(dataset.val),
    test: moved(dataset.test),
  };
}

/** A data set as an event. */
export const describeData = ({ classes, train, val, test, problems }: Dataset, { facts, metric }: Task) =>
  ({
    type: 'data',
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
