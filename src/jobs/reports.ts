import { join } from 'node:path';
import type { Preprocessing } from '../data/index.ts';
import { thumbnail } from '../data/node/index.ts';
import { TRANSFORMERS_NAMES } from '../export/index.ts';
import type { FinishedModel, Measured } from '../recipe/index.ts';
import {
  modelCard,
  type Plot,
  renderReport,
  renderTaskReport,
  reportPlots,
  type ShownPictures,
  type TaskReport,
  taskCard,
} from '../report/index.ts';
import { type Evaluated, type Exhibit, metricOf, type Pictures, TASKS, type TaskOutcome } from '../tasks/index.ts';
import { nounOf } from './inputs.ts';
import { quoted, shownPath } from './paths.ts';
import { commandsFor, type Results, reportData, runReport } from './report-data.ts';
import type { FinishedTraining } from './training-job.ts';

/** What came out of a training of any task. */
export type TaskResults = Measured<TaskOutcome, Evaluated> & Omit<Results, keyof Measured>;

/** Pixels of a picture at most. */
const THUMBNAIL = 160;

/** The report and the model card, and charts as pictures where the task has some. */
export async function writtenReport(
  job: FinishedTraining,
  results: TaskResults,
  { preprocessing, integerKernels }: FinishedModel,
): Promise<{ readonly html: string; readonly card: string; readonly plots: readonly Plot[] }> {
  const shipped = { ...TRANSFORMERS_NAMES, preprocessing, integerKernels };
  if (results.task.facts.task === 'classification') {
    // A classification's outcomes and assessments are what its report takes.
    const data = await reportData(job, results as unknown as Results);
    return { html: renderReport(data), card: modelCard(data, shipped), plots: reportPlots(data) };
  }
  const data = await taskReport(job, results);
  // Texts are classified only.
  const card = taskCard(data, { ...shipped, preprocessing: preprocessing as Preprocessing });
  return { html: renderTaskReport(data), card, plots: [] };
}

/** The same of a federation of which the clients alone have measured something. */
export async function clientsReport(
  job: FinishedTraining,
  results: Pick<TaskResults, 'best' | 'last' | 'seconds' | 'path'>,
  { preprocessing, integerKernels }: FinishedModel,
): Promise<{ readonly html: string; readonly card: string; readonly plots: readonly Plot[] }> {
  const { task, about, settings, federation } = job;
  const { metric } = task;
  const { rows } = results.last.progress;
  const learned = federation!.clients.reduce((all, { examples }) => all + examples, 0);
  const data: TaskReport = {
    ...(await runReport(job, results, commandsFor(results.path, nounOf(about.preprocessing), false, undefined))),
    task: settings.task,
    noun: TASKS[settings.task].noun,
    names: task.classes,
    metric,
    data: { path: about.data, train: learned, val: 0, test: 0, problems: [] },
    before: null,
    after: metricOf(metric, rows.at(-1)!.val),
    tested: null,
    ...{ exhibits: [], testExhibits: [], pictures: [] },
  };
  const card = taskCard(data, { ...TRANSFORMERS_NAMES, preprocessing, integerKernels });
  return { html: renderTaskReport(data), card, plots: [] };
}

async function taskReport(job: FinishedTraining, results: TaskResults): Promise<TaskReport> {
  const { task, predictions, val, test, path } = results;
  const { about, dataset, record, settings } = job;
  const exhibits = task.exhibits(val, predictions);
  const again = `thaw train ${quoted(about.model)} ${quoted(about.data)} --config ${quoted(join(path, 'config.yaml'))}`;
  return {
    ...(await runReport(job, results, [
      { does: 'Use it', command: `thaw predict ${quoted(path)} PICTURE.jpg` },
      { does: 'Measure it on other pictures', command: `thaw eval ${quoted(path)} TABLE.csv` },
      ...(job.federation ? [] : [{ does: 'Train again with the same settings', command: again }]),
    ])),
    task: settings.task,
    noun: TASKS[settings.task].noun,
    names: task.classes,
    metric: task.metric,
    data: {
      path: about.data,
      train: dataset.train.length,
      val: dataset.val.length,
      test: dataset.test.length,
      problems: dataset.problems,
    },
    before: record.before && metricOf(task.metric, record.before),
    after: metricOf(task.metric, val),
    tested: test && metricOf(task.metric, test),
    exhibits: exhibits.filter(isNoPictures),
    testExhibits: test
      ? (task
          .exhibits(test, [])
          .filter((exhibit) => isNoPictures(exhibit) && exhibit.kind !== 'scatter') as TaskReport['exhibits'])
      : [],
    pictures: await Promise.all(
      exhibits.flatMap((exhibit) => (isNoPictures(exhibit) ? [] : [shownPictures(exhibit, job)])),
    ),
  };
}

const isNoPictures = (exhibit: Exhibit): exhibit is Exclude<Exhibit, Pictures> => exhibit.kind !== 'pictures';

async function shownPictures(
  { title, note, items }: Pictures,
  { dataset: { val } }: FinishedTraining,
): Promise<ShownPictures> {
  const small = (index: number) => thumbnail(val[index].file, THUMBNAIL);
  return {
    title,
    note,
    items: await Promise.all(
      items.map(async ({ index, beside, said, truth }) => ({
        thumbnail: await small(index),
        beside: beside === undefined ? undefined : await small(beside),
        file: shownPath(val[index].file),
        said,
        truth,
      })),
    ),
  };
}
