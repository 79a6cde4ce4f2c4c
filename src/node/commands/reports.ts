import { join } from 'node:path';
import type { Preprocessing } from '../../data/index.ts';
import { TRANSFORMERS_NAMES } from '../../export/index.ts';
import {
  modelCard,
  type Plot,
  renderReport,
  renderTaskReport,
  reportPlots,
  type ShippedModel,
  type ShownImages,
  type TaskReport,
  taskCard,
} from '../../report/index.ts';
import { type FinishedModel, type Measured, type ModelCheck, nounOf } from '../../session/index.ts';
import { type Evaluated, type Images, metricOf, type ReportBlock, TASKS, type TaskOutcome } from '../../tasks/index.ts';
import { smallImage } from './gallery.ts';
import { quoted, shownPath } from './paths.ts';
import { commandsFor, type Results, reportData, runReport, samplesOf, withImages } from './report-data.ts';
import type { FinishedTraining } from './training-job.ts';

/** Results of a training of any task. */
export type TaskResults = Measured<TaskOutcome, Evaluated> & Omit<Results, keyof Measured>;

/** The model card and the report of a finished run. The card needs no image files. */
export interface RunDescription {
  /** @param check the comparison of the exported model with the trainer, once done */
  card(check?: ModelCheck): string;
  /** Reads image files again. */
  report(): Promise<{ readonly html: string; readonly plots: readonly Plot[] }>;
}

/** The model card, the report, and charts as images if the task has some. */
export async function describeRun(
  job: FinishedTraining,
  results: TaskResults,
  { preprocessing, model }: FinishedModel,
): Promise<RunDescription> {
  const shipped = (check?: ModelCheck): ShippedModel => ({ ...TRANSFORMERS_NAMES, preprocessing, ...check });
  if (results.task.facts.task === 'classification') {
    // For a classification, outcomes and assessments have the types that its report expects.
    const own = results as unknown as Results;
    const data = await reportData(job, own);
    return {
      card: (check) => modelCard(data, shipped(check)),
      report: async () => ({ html: renderReport(await withImages(data, job, own, model)), plots: reportPlots(data) }),
    };
  }
  const data = await taskReport(job, results);
  return {
    // Texts only have classification.
    card: (check) => taskCard(data, { ...shipped(check), preprocessing: preprocessing as Preprocessing }),
    report: async () => ({ html: renderTaskReport(await withShownImages(data, job, results)), plots: [] }),
  };
}

/** The same without measurements: in a federation without data on the server, or if the data is gone. */
export async function describeUnmeasured(
  job: FinishedTraining,
  results: Pick<TaskResults, 'best' | 'last' | 'seconds' | 'path'>,
  { preprocessing }: FinishedModel,
): Promise<RunDescription> {
  const { task, about, settings, federation, dataset } = job;
  const { metric } = task;
  const { rows, best } = results.last.progress;
  const shipped = rows.find(({ epoch }) => epoch === best?.epoch) ?? rows.at(-1);
  const data: TaskReport = {
    ...(await runReport(job, results, commandsFor(results.path, nounOf(about.preprocessing), false, undefined))),
    task: settings.task,
    noun: TASKS[settings.task].noun,
    names: task.classes,
    metric,
    data: federation
      ? { path: about.data, train: examplesOf(federation), val: 0, test: 0, problems: [] }
      : { path: about.data, ...sizesOf(dataset), problems: dataset.problems },
    before: null,
    after: shipped ? metricOf(metric, shipped.val) : Number.NaN,
    tested: null,
    ...{ reportBlocks: [], testExhibits: [], images: [] },
  };
  return {
    card: (check) => taskCard(data, { ...TRANSFORMERS_NAMES, preprocessing, ...check }),
    report: async () => ({ html: renderTaskReport({ ...data, samples: await samplesOf(job) }), plots: [] }),
  };
}

const examplesOf = ({ clients }: NonNullable<FinishedTraining['federation']>): number =>
  clients.reduce((all, { examples }) => all + examples, 0);

const sizesOf = ({ train, val, test }: FinishedTraining['dataset']) => ({
  train: train.length,
  val: val.length,
  test: test.length,
});

async function taskReport(job: FinishedTraining, results: TaskResults): Promise<TaskReport> {
  const { task, predictions, val, test, path } = results;
  const { about, dataset, record, settings } = job;
  const again = `thaw train ${quoted(about.model)} ${quoted(about.data)} --config ${quoted(join(path, 'config.yaml'))}`;
  return {
    ...(await runReport(job, results, [
      { does: 'Use the model', command: `thaw predict ${quoted(path)} IMAGE.jpg` },
      { does: 'Evaluate the model on other images', command: `thaw eval ${quoted(path)} TABLE.csv` },
      ...(job.federation ? [] : [{ does: 'Train again with the same settings', command: again }]),
    ])),
    task: settings.task,
    noun: TASKS[settings.task].noun,
    names: task.classes,
    metric: task.metric,
    data: { path: about.data, ...sizesOf(dataset), problems: dataset.problems },
    before: record.before && metricOf(task.metric, record.before),
    after: metricOf(task.metric, val),
    tested: test && metricOf(task.metric, test),
    reportBlocks: task.reportBlocks(val, predictions).filter(isNoImages),
    testExhibits: test
      ? (task
          .reportBlocks(test, [])
          .filter((block) => isNoImages(block) && block.kind !== 'scatter') as TaskReport['reportBlocks'])
      : [],
    images: [],
  };
}

async function withShownImages(
  data: TaskReport,
  job: FinishedTraining,
  { task, val, predictions }: TaskResults,
): Promise<TaskReport> {
  const reportBlocks = task.reportBlocks(val, predictions);
  const images = reportBlocks.flatMap((block) => (isNoImages(block) ? [] : [shownImages(block, job)]));
  return { ...data, samples: await samplesOf(job), images: await Promise.all(images) };
}

const isNoImages = (block: ReportBlock): block is Exclude<ReportBlock, Images> => block.kind !== 'images';

async function shownImages(
  { title, note, items }: Images,
  { dataset: { val } }: FinishedTraining,
): Promise<ShownImages> {
  // A missing file leaves an empty frame.
  const small = async (index: number) => (await smallImage(val[index].file)) ?? '';
  return {
    title,
    note,
    items: await Promise.all(
      items.map(async ({ index, nearest, predicted, truth }) => ({
        thumbnail: await small(index),
        nearest: nearest === undefined ? undefined : await small(nearest),
        file: shownPath(val[index].file),
        predicted,
        truth,
      })),
    ),
  };
}
