import { resolve } from 'node:path';
import { type Dataset, type Preprocessing, readAugmentation } from '../data/index.ts';
import { openDataset } from '../data/node/index.ts';
import { ThawError } from '../errors.ts';
import { labelsOf, metadataOf } from '../export/index.ts';
import { readModelFile } from '../models/files.ts';
import { type ResolvedModel, resolveModel } from '../models/index.ts';
import { elementCount, type Model } from '../onnx/index.ts';
import type { ComparisonRow } from '../report/index.ts';
import { createRun, identifySamples } from '../run/index.ts';
import { planStages, trainingPlan } from '../training/index.ts';
import { openRuntime } from './environment.ts';
import type { JobHooks } from './events.ts';
import type { TrainOutcome } from './finish.ts';
import { shownPath } from './paths.ts';
import { choosePreprocessing, inputShapes } from './pictures.ts';
import { type Prepared, prepareModel } from './prepare.ts';
import { newRecord, saveRecord } from './record.ts';
import {
  type PictureSettings,
  readSettings,
  type TrainSettings,
  type TrainSettingsInput,
  trainingConfigOf,
} from './settings.ts';
import { type About, runTraining } from './training-run.ts';

export interface TrainRequest {
  /** A path, an address, `hf:owner/name` or `default`. */
  readonly model: string;
  /** Class folders, or a table of files and labels. */
  readonly data: string;
  /** The run directory; the first free `runs/NAME` unless given. */
  readonly out?: string;
  readonly settings?: TrainSettingsInput;
  /** Other ways to train the same thing, for the report to compare this one with. */
  readonly comparison?: readonly ComparisonRow[];
}

/**
 * The whole job: a pretrained model and labelled pictures become a fine-tuned model in a run directory.
 *
 * @throws ThawError for everything that the user can mend; AbortError when asked to stop before there is something to save
 */
export async function train(request: TrainRequest, hooks: JobHooks = {}): Promise<TrainOutcome> {
  const { onEvent, signal } = hooks;
  const settings = readSettings({ ...request.settings });
  readAugmentation(settings.augment);
  const runtime = await openRuntime(settings.device, hooks);
  const resolved = await fetchModel(request.model, hooks);
  const model = await readModelFile(resolved.path);
  const preprocessing = preprocessingOf(model, resolved, settings, hooks);
  signal?.throwIfAborted();
  const dataset = await openTrainingData(request.data, settings, model, resolved);
  onEvent?.(describeData(dataset));
  signal?.throwIfAborted();
  const run = await createRun({ out: request.out, data: request.data });
  try {
    onEvent?.({ type: 'run', path: shownPath(run.path) });
    onEvent?.({ type: 'phase', phase: 'preparing' });
    const prepared = await prepareModel(model, runtime, {
      head: settings.head,
      classes: settings.keepHead ? undefined : dataset.classes.length,
      seed: settings.seed,
      inputs: inputShapes(model, preprocessing),
    });
    onEvent?.({ type: 'model', name: resolved.name, ...sizesOf(prepared) });
    checkStages(settings, prepared);
    signal?.throwIfAborted();
    const dataPath = resolve(request.data);
    const about: About = {
      model: request.model,
      data: request.data,
      dataPath,
      name: resolved.name,
      sha256: resolved.sha256,
      preprocessing,
      sourceConfig: resolved.config,
      comparison: request.comparison,
    };
    const identity = {
      model: resolved.sha256,
      classes: dataset.classes,
      samples: await identifySamples(dataset, dataPath),
    };
    const record = newRecord();
    await run.writeConfig({ model: request.model, data: request.data, ...settings });
    await run.saveSource({ model: prepared.source, identity, about: { ...about } });
    await saveRecord(run, record);
    return await runTraining({ ...prepared, run, about, settings, dataset, runtime, record }, hooks);
  } finally {
    await run.release();
  }
}

/** What stages name must be there: better said now than when the last of them begins. */
function checkStages(settings: TrainSettings, { anatomy }: Prepared): void {
  const config = trainingConfigOf(settings);
  for (const stage of planStages(config, anatomy)) {
    trainingPlan(config, stage, anatomy, anatomy.head.graphOutput, {}, 0);
  }
}

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

/** The pictures of a training, their classes in the order of the outputs that it will have. */
export async function openTrainingData(
  path: string,
  settings: TrainSettings,
  model: Model,
  resolved: ResolvedModel,
): Promise<Dataset> {
  const { seed, valFraction, strict, verify, labels } = settings;
  const options = { seed, valFraction, strict, verification: verify };
  if (!settings.keepHead) return inOrder(await openDataset(path, options), labels);
  return openDataset(path, { ...options, classes: knownLabels(model, resolved, labels) });
}

/** The classes of a model: as given, as its `config.json` or its own metadata say. */
export function knownLabels(model: Model, { config, source }: ResolvedModel, given?: readonly string[]) {
  const labels = given ?? labelsOf(config) ?? metadataOf(model)?.classes;
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
  const moved = (samples: Dataset['train']) => samples.map(({ file, label }) => ({ file, label: place[label] }));
  return {
    ...dataset,
    classes: labels,
    train: moved(dataset.train),
    val: moved(dataset.val),
    test: moved(dataset.test),
  };
}

export const describeData = ({ classes, train, val, test, problems }: Dataset) =>
  ({ type: 'data', classes, train: train.length, val: val.length, test: test.length, problems }) as const;

export function sizesOf({ network, anatomy }: Omit<Prepared, 'source'>) {
  const { initializers } = network.model.graph;
  const names = anatomy.groups.flatMap(({ parameters }) => parameters);
  const parameters = names.reduce((all, name) => all + elementCount(initializers.get(name)!.shape), 0);
  return { parameters, groups: anatomy.groups.length, classes: anatomy.head.classes };
}
