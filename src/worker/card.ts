import { selectionText } from '../compiler/surgery/index.ts';
import { type Dataset, labelCounts } from '../data/index.ts';
import { TRANSFORMERS_NAMES } from '../export/index.ts';
import { plural } from '../report/format.ts';
import { type CardRun, modelCard, type ShippedModel, taskCard } from '../report/index.ts';
import { type Measured, nounOf, type SessionParts, sizesOf, type Unmeasured } from '../session/index.ts';
import {
  type Assessment,
  type Evaluated,
  type Evaluation,
  type Images,
  metricOf,
  type ReportBlock,
  TASKS,
  type TaskOutcome,
  type TemperatureFit,
  type UnknownReport,
} from '../tasks/index.ts';
import { type EpochRow, type StageConfig, secondsOf, stageResults } from '../training/index.ts';
import { VERSION } from '../version.ts';
import type { OpenRequest } from './protocol.ts';
import { filesOf } from './reading.ts';

/** A finished training. */
export interface RunRequest {
  readonly request: OpenRequest;
  readonly parts: SessionParts;
  readonly measured: Measured<TaskOutcome, Evaluated> | Unmeasured<TaskOutcome, Evaluated>;
  /** Of the validation set, before training. */
  readonly before: Evaluated | null;
  /** How well the model recognises samples of none of its classes. */
  readonly unknown: UnknownReport | null;
  readonly rows: readonly EpochRow[];
  readonly plan: readonly StageConfig[];
  readonly bestEpoch: number | null;
  /** Of the model's file. */
  readonly sha256: string;
  /** Its version, if it is known. */
  readonly onnxruntime: string | null;
}

/** A finished training, as its model card takes it. */
export interface CardRequest extends RunRequest {
  readonly shipped: Omit<ShippedModel, 'input' | 'output'>;
}

/** The model card of a finished training: that of a run directory, without facts that only a run has. */
export function cardOf(asked: CardRequest): string {
  const { request, parts, measured, before, unknown, rows } = asked;
  const { task, dataset, settings, format } = parts;
  const noun = nounOf(format);
  const run = runOf(asked);
  const path = dataNameOf(request) ?? `${noun}s`;
  const shipped: ShippedModel = { ...TRANSFORMERS_NAMES, ...asked.shipped };
  if (task.facts.task === 'classification' && 'val' in measured) {
    const { classes } = dataset;
    const counts = countsOf(dataset);
    const calibration: TemperatureFit | null = measured.calibration;
    return modelCard(
      { ...run, ...evaluationsOf(before, measured), calibration, unknown, data: { path, noun, classes, counts } },
      shipped,
    );
  }
  const { metric } = task;
  const kept = rows.find(({ epoch }) => epoch === asked.bestEpoch) ?? rows.at(-1);
  const evaluation = 'val' in measured ? measured.val : kept?.val;
  const test = 'test' in measured ? measured.test : null;
  const blocks = (of: Evaluated | null, outcomes: readonly TaskOutcome[]) =>
    of ? measured.task.reportBlocks(of, outcomes).filter(isForCards) : [];
  return taskCard(
    {
      ...run,
      ...{ task: settings.task, noun: TASKS[settings.task].noun, names: task.classes, metric },
      data: { path, train: dataset.train.length, val: dataset.val.length },
      after: evaluation ? metricOf(metric, evaluation) : Number.NaN,
      tested: test && metricOf(metric, test),
      reportBlocks: 'val' in measured ? blocks(measured.val, measured.predictions) : [],
      testExhibits: blocks(test, []),
    },
    shipped,
  );
}

/** The evaluations of a classification, with the types that its card and its report take. */
export const evaluationsOf = (before: Evaluated | null, { val, test }: Measured<TaskOutcome, Evaluated>) =>
  ({ before, after: val, test }) as {
    readonly before: Evaluation | null;
    readonly after: Assessment;
    readonly test: Assessment | null;
  };

/** Samples of each class, by split. */
export function countsOf({ classes, train, val, test }: Dataset) {
  const count = (samples: Dataset['train']) => labelCounts(samples, classes.length);
  return { train: count(train), val: count(val), test: count(test) };
}

const isForCards = (block: ReportBlock): block is Exclude<ReportBlock, Images> =>
  block.kind !== 'images' && block.kind !== 'scatter';

/** What the samples are called. */
export const dataNameOf = ({ dataName, project }: OpenRequest): string | undefined => dataName ?? project;

/** The facts about a training that its card and its report share. */
export function runOf({ request, parts, rows, plan, bestEpoch, sha256, onnxruntime }: RunRequest): CardRun {
  const { dataset, format, config, task, runtime, source: model } = parts;
  const { name, source } = filesOf(request);
  const samples = [dataset.train, dataset.val, dataset.test].reduce((all, { length }) => all + length, 0);
  const stages = plan.flatMap(({ train, lr = config.lr }, i) => {
    const row = rows.find(({ stage }) => stage === i + 1);
    if (!row) return [];
    const { trainable } = row;
    return [{ stage: i + 1, train: selectionText(train), trainable, lr, ...stageResults(rows, i + 1, task.metric) }];
  });
  return {
    title: `${name} on ${dataNameOf(request) ?? plural(samples, nounOf(format))}`,
    model: { name, source, sha256, parameters: sizesOf(parts).parameters, opset: model.opsets[''] },
    plan: stages,
    rows,
    bestEpoch,
    environment: { thaw: VERSION, onnxruntime: onnxruntime ?? 'unknown', device: runtime.device },
    seconds: secondsOf(rows),
  };
}
