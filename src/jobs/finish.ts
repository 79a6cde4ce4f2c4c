import { basename, join } from 'node:path';
import { stringify } from 'yaml';
import type { BatchSource, Dataset } from '../data/index.ts';
import { PictureSource } from '../data/node/index.ts';
import { TRANSFORMERS_NAMES } from '../export/index.ts';
import { finishModel, type Measured, measure, shippedCheckpoint } from '../recipe/index.ts';
import { modelCard, type ReportData, renderReport } from '../report/index.ts';
import type { Assessment, Evaluated, Evaluation } from '../tasks/index.ts';
import {
  type Checkpoint,
  type FeatureCache,
  planStages,
  type StageInfo,
  type StopReason,
  type TrainingConfig,
  trainingPlan,
} from '../training/index.ts';
import { environmentOf } from './environment.ts';
import type { JobHooks } from './events.ts';
import { samplePictures, worstMistakes } from './gallery.ts';
import { sizesOf } from './opening.ts';
import { quoted, shownPath } from './paths.ts';
import { type RunRecord, saveRecord, stageResults } from './record.ts';
import type { TrainingJob } from './training-job.ts';

/** How a training ended. Plain data. */
export interface TrainOutcome<A extends Evaluated = Assessment, E extends Evaluated = Evaluation> {
  readonly status: 'finished' | 'interrupted';
  readonly why: StopReason;
  /** The run directory, as short as it can be said. */
  readonly run: string;
  readonly epochs: number;
  /** The epoch whose weights were kept; null where none was finished. */
  readonly bestEpoch: number | null;
  /** Of the validation set: before training, and of the finished model. */
  readonly before: E | null;
  readonly after: A | null;
  readonly test: A | null;
  readonly seconds: number;
  /** Files to look at and to ship. */
  readonly model: string | null;
  readonly report: string | null;
}

export interface FinishedTraining extends TrainingJob {
  readonly config: TrainingConfig;
  readonly val: BatchSource;
  readonly features: FeatureCache;
}

/** Exports the best weights, checks them against the trainer, evaluates them, and writes `model/` and the report. */
export async function finishRun<A extends Evaluated, E extends Evaluated>(
  job: FinishedTraining,
  hooks: JobHooks,
): Promise<TrainOutcome<A, E>> {
  const { run, record, about, dataset } = job;
  const { preprocessing, sourceConfig } = about;
  const path = shownPath(run.path);
  const began = performance.now();
  const last = await run.checkpoint('last');
  const interrupted = () => outcomeOf<A, E>(path, 'interrupted', record, last);
  if (!record.stopped) return interrupted();

  hooks.onEvent?.({ type: 'phase', phase: 'evaluating' });
  const best = shippedCheckpoint(job, run.hasCheckpoint('best') ? await run.checkpoint('best') : last);
  const testSource = dataset.test.length ? new PictureSource({ samples: dataset.test, preprocessing }) : undefined;
  const trained = { ...job, checkpoint: best, preprocessing, sourceConfig, test: testSource };
  const measured = await measure(trained);
  if (hooks.signal?.aborted) return interrupted();

  hooks.onEvent?.({ type: 'phase', phase: 'exporting' });
  const finished = await finishModel(trained, measured);
  const { maxDifference, samples } = finished.verification;
  hooks.onEvent?.({ type: 'verified', maxDifference, samples });
  if (hooks.signal?.aborted) return interrupted();

  hooks.onEvent?.({ type: 'phase', phase: 'reporting' });
  const seconds = record.seconds + (performance.now() - began) / 1000;
  const report = await reportOf(job, { best, last, measured: measured as unknown as Measured, seconds, path });
  const card = modelCard(report, { ...TRANSFORMERS_NAMES, preprocessing: finished.preprocessing });
  await run.writeModelFolder(finished.folder(card));
  await run.writeFile('report.html', renderReport(report));
  await saveRecord(run, { ...record, seconds, task: measured.task.facts });
  return {
    ...outcomeOf<A, E>(path, 'finished', { ...record, seconds }, last),
    after: measured.val as A,
    test: measured.test as A | null,
    model: join(path, 'model'),
    report: join(path, 'report.html'),
  };
}

function outcomeOf<A extends Evaluated, E extends Evaluated>(
  run: string,
  status: TrainOutcome['status'],
  record: RunRecord,
  { progress }: Checkpoint,
): TrainOutcome<A, E> {
  return {
    status,
    why: record.stopped ?? 'interrupted',
    run,
    epochs: progress.epoch,
    bestEpoch: progress.best?.epoch ?? null,
    before: record.before as E | null,
    after: null,
    test: null,
    seconds: record.seconds,
    model: null,
    report: null,
  };
}

interface Results {
  readonly best: Checkpoint;
  readonly last: Checkpoint;
  readonly measured: Measured;
  readonly seconds: number;
  readonly path: string;
}

async function reportOf(job: FinishedTraining, { best, last, measured, seconds, path }: Results): Promise<ReportData> {
  const { record, about, dataset, task, source, settings, anatomy, runtime } = job;
  const { predictions, val: after, test } = measured;
  const { rows } = last.progress;
  const count = (samples: Dataset['train']) =>
    dataset.classes.map((_, label) => samples.filter((sample) => sample.label === label).length);
  return {
    title: `${about.name} on ${basename(about.dataPath)}`,
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
    data: {
      path: about.data,
      classes: dataset.classes,
      counts: { train: count(dataset.train), val: count(dataset.val), test: count(dataset.test) },
      problems: dataset.problems,
    },
    plan: record.stages.map((stage) => ({
      ...stage,
      why: stage.why ?? 'finished',
      ...stageResults(rows, stage.stage, task.metric),
      multipliers: multipliersOf(job, stage),
    })),
    rows,
    bestEpoch: best.progress.best?.epoch ?? null,
    before: record.before as Evaluation | null,
    after,
    test,
    mistakes: await worstMistakes(predictions, dataset),
    samples: await samplePictures(dataset, about.preprocessing, settings),
    comparison: about.comparison && [
      ...about.comparison,
      { name: `this run (${settings.preset})`, accuracy: after.accuracy, seconds },
    ],
    environment: await environmentOf(runtime),
    config: stringify({ model: about.model, data: about.data, ...settings }),
    seconds,
    stopped: record.stopped ?? 'finished',
    output: {
      path: join(path, 'model'),
      commands: [
        { does: 'Classify pictures', command: `thaw predict ${quoted(path)} PICTURE.jpg` },
        { does: 'Measure it on other pictures', command: `thaw eval ${quoted(path)} PICTURES` },
        {
          does: 'Use it in JavaScript',
          command: `import { pipeline } from '@huggingface/transformers';\nconst classify = await pipeline('image-classification', ${JSON.stringify(`${path}/model`)});`,
        },
      ],
    },
  };
}

/** Factors on a stage's learning rate that differ from 1, by layer group that it trains. */
function multipliersOf({ anatomy, config }: FinishedTraining, { stage, groups }: StageInfo) {
  const plan = planStages(config, anatomy)[stage - 1];
  const { learningRateScales } = trainingPlan(config, plan, anatomy, anatomy.head.graphOutput, {}, 0);
  return anatomy.groups
    .filter(({ name }) => groups.includes(name))
    .map(({ name, parameters }) => ({ group: name, multiplier: learningRateScales.get(parameters[0]) ?? 1 }))
    .filter(({ multiplier }) => multiplier !== 1);
}
