import { basename, isAbsolute, join } from 'node:path';
import { stringify } from 'yaml';
import { type Dataset, labelCounts, type Noun } from '../../data/index.ts';
import { datasetSummary, sharpReader } from '../../data/node/index.ts';
import type { Model } from '../../onnx/index.ts';
import { plural } from '../../report/format.ts';
import { curvesOf, type DatasetSummary, type ReportData, type RunReport, withMaps } from '../../report/index.ts';
import { type Measured, nounOf, sizesOf } from '../../session/index.ts';
import type { ClassMistake, Evaluation, UnknownReport } from '../../tasks/index.ts';
import { type Checkpoint, type StageInfo, stageResults, stagesOf, trainingPlan } from '../../training/index.ts';
import { environmentOf } from './environment.ts';
import { sampleImages, smallOverlay, worstMistakes } from './gallery.ts';
import { quoted, shownPath } from './paths.ts';
import type { FinishedTraining } from './training-job.ts';

/** Results of a training for its report. */
export interface Results extends Measured {
  readonly unknown: UnknownReport | null;
  /** The shipped checkpoint, and the last one. */
  readonly best: Checkpoint;
  readonly last: Checkpoint;
  readonly seconds: number;
  /** The run directory, as a short path. */
  readonly path: string;
}

/** The part of the report that all tasks share, without images. */
export async function runReport(
  job: FinishedTraining,
  { best, last, seconds, path }: Pick<Results, 'best' | 'last' | 'seconds' | 'path'>,
  commands: ReportData['output']['commands'],
): Promise<RunReport> {
  const { record, about, task, source, settings, anatomy, runtime, federation } = job;
  const { rows } = last.progress;
  return {
    title: federation
      ? `${about.name} by ${plural(federation.clients.length, 'client')}`
      : `${about.name} on ${basename(about.dataPath)}`,
    federation,
    created: record.created,
    model: {
      name: about.name,
      source: about.model,
      sha256: about.sha256,
      parameters: sizesOf(job).parameters,
      opset: source.opsets[''],
      groups: anatomy.groups.map(({ name }) => name),
      continued: record.continued,
    },
    plan: record.stages.map((stage) => ({
      ...stage,
      why: stage.why ?? 'finished',
      ...stageResults(rows, stage.stage, task.metric),
      multipliers: multipliersOf(job, stage, last),
    })),
    rows,
    omitted: anatomy.omitted,
    decisions: record.decisions?.map(({ stage, message }) => ({ stage, message })),
    setbacks: [...(record.rollbacks ?? []), ...(record.findings ?? [])]
      .map(({ epoch, message }) => ({ epoch, message }))
      .sort((a, b) => a.epoch - b.epoch),
    bestEpoch: best.progress.best?.epoch ?? null,
    samples: [],
    environment: { ...(await environmentOf(runtime)), estimatedMemory: record.memory?.estimate.total },
    config: stringify({ model: about.model, data: about.data, ...settings }),
    seconds,
    times: record.times,
    seed: settings.seed,
    stopped: record.stopped ?? 'finished',
    output: { path: join(path, 'model'), commands },
  };
}

/** All data of a classifier's model card and report, except images. */
export async function reportData(job: FinishedTraining, results: Results): Promise<ReportData> {
  const { val, test, predictions, calibration, unknown, seconds, path } = results;
  const { record, about, dataset, settings } = job;
  const noun = nounOf(about.preprocessing);
  const again = `thaw train ${quoted(about.model)} ${quoted(about.data)} --config ${quoted(join(path, 'config.yaml'))}`;
  const count = (samples: Dataset['train']) => labelCounts(samples, dataset.classes.length);
  const calibrated = calibration !== null && calibration.temperature !== null;
  const commands = commandsFor(path, noun, calibrated, job.federation ? undefined : again);
  return {
    ...(await runReport(job, results, commands)),
    data: {
      path: about.data,
      noun,
      classes: dataset.classes,
      counts: { train: count(dataset.train), val: count(dataset.val), test: count(dataset.test) },
      problems: dataset.problems,
      summary: null,
    },
    before: record.before as Evaluation | null,
    after: val,
    test,
    calibration,
    unknown,
    curves: curvesOf(predictions, dataset.classes),
    mistakes: [],
    comparison: about.comparison && [
      ...about.comparison,
      { name: `this run (${settings.preset})`, accuracy: val.accuracy, seconds },
    ],
  };
}

/** Augmented training images for the report. */
export const samplesOf = ({ dataset, about, settings }: FinishedTraining): Promise<string[]> =>
  sampleImages(dataset, about.preprocessing, settings);

/** Adds the images to the report data. This reads image files again. @param model the finished one, which explains its mistakes */
export async function withImages(
  data: ReportData,
  job: FinishedTraining,
  { task, predictions }: Pick<Results, 'task' | 'predictions'>,
  model: Model,
): Promise<ReportData> {
  const { runtime } = job;
  // A classifier's.
  const mistakes = (task.mistakes?.(predictions) ?? []) as ClassMistake[];
  // Next to each other: the maps take ONNX Runtime, and the rest takes files.
  const [summary, samples, shown] = await Promise.all([
    data.data.noun === 'image' ? datasetSummaryOf(job) : null,
    samplesOf(job),
    worstMistakes(mistakes, job.dataset).then((worst) =>
      withMaps(worst, { model, runtime, reader: sharpReader(), draw: smallOverlay }),
    ),
  ]);
  return { ...data, data: { ...data.data, summary }, samples, ...shown };
}

/** Duplicate images in two splits, with the paths that the user knows. */
async function datasetSummaryOf({ dataset, sources: { images } }: FinishedTraining): Promise<DatasetSummary | null> {
  const found = await datasetSummary(dataset, (file) => images?.of(file));
  const duplicates = found?.duplicates?.map(({ kind, split, train, other }) => ({
    kind,
    split,
    file: shownPath(train.file),
    label: dataset.classes[train.label] ?? '',
    other: shownPath(other.file),
    otherLabel: dataset.classes[other.label] ?? '',
  }));
  return found && { ...found, duplicates: duplicates ?? null };
}

const EXAMPLES = {
  image: { one: 'IMAGE.jpg', many: 'IMAGES', pipeline: 'image-classification' },
  text: { one: '"A text"', many: 'TEXTS.csv', pipeline: 'text-classification' },
} as const;

/** Commands to use the finished run. */
export const commandsFor = (
  path: string,
  noun: Noun,
  calibrated: boolean,
  again: string | undefined,
): ReportData['output']['commands'] => [
  { does: `Classify ${noun}s`, command: `thaw predict ${quoted(path)} ${EXAMPLES[noun].one}` },
  ...(calibrated
    ? [
        {
          does: `Classify ${noun}s with calibrated probabilities`,
          command: `thaw predict ${quoted(path)} ${EXAMPLES[noun].one} --calibrated`,
        },
      ]
    : []),
  ...(again === undefined ? [] : [{ does: 'Train again with the same settings', command: again }]),
  { does: `Evaluate the model on other ${noun}s`, command: `thaw eval ${quoted(path)} ${EXAMPLES[noun].many}` },
  {
    does: 'Use the model in JavaScript',
    command: snippet(noun, `${isAbsolute(path) ? path : `./${path}`}/model`),
  },
  {
    does: 'Use the model in a page, with its folder next to the page',
    command: snippet(noun, './model', [
      "env.allowLocalModels = true; // loads './model' from the page's own server",
      'env.allowRemoteModels = false;',
    ]),
  },
];

/** A path without `./` can be a name on the Hugging Face hub. */
const snippet = (noun: Noun, path: string, settings: readonly string[] = []): string =>
  [
    `import { ${settings.length ? 'env, ' : ''}pipeline } from '@huggingface/transformers';`,
    ...settings,
    `const classify = await pipeline('${EXAMPLES[noun].pipeline}', ${JSON.stringify(path)});`,
  ].join('\n');

/** Learning-rate factors other than 1, by trained layer group of a stage. */
function multipliersOf({ anatomy, config }: FinishedTraining, { stage, groups }: StageInfo, { progress }: Checkpoint) {
  const plan = stagesOf(config, anatomy, progress)[stage - 1];
  const { learningRateScales } = trainingPlan(config, plan, anatomy, anatomy.head.graphOutput);
  return anatomy.groups
    .filter(({ name }) => groups.includes(name))
    .map(({ name, parameters }) => ({ group: name, multiplier: learningRateScales.get(parameters[0]) ?? 1 }))
    .filter(({ multiplier }) => multiplier !== 1);
}
