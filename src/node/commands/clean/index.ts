/** Finds wrong labels, duplicates, outliers and bad images. */
import { dirname, join, resolve, sep } from 'node:path';
import {
  type CleaningSample,
  cleanedRows,
  type Decision,
  type FindingKind,
  type Findings,
  findIssues,
  proposalOf,
  QUALITY_LIMITS,
  type QualityLimits,
} from '../../../cleaning/index.ts';
import type { Dataset, Noun } from '../../../data/index.ts';
import { requireRequest, ThawError } from '../../../errors.ts';
import { csvOf } from '../../../report/index.ts';
import { describeData, noticeMismatch, nounOf, type PredictionSettings } from '../../../session/index.ts';
import { learnTask, TASKS, type TaskName } from '../../../tasks/index.ts';
import { makeFolder, writeAtomically } from '../../disk/index.ts';
import type { JobHooks } from '../events.ts';
import { fileReading, openLabelled, requireData } from '../inputs.ts';
import { openExtractor } from '../open-extractor.ts';
import { shownPath } from '../paths.ts';
import { type PlacedSample, placedSamples, readDecisions, readKinds, tableOf } from './data.ts';
import { featuresAmong, featuresOf, looksOf } from './examine.ts';
import { cleaningPage } from './page.ts';

export interface CleanRequest {
  /** Labelled images or texts, as for a training. They are only read. */
  readonly data: string;
  /** The model whose features are compared. Default: `default`, the embedded model of drawings. */
  readonly model?: string;
  /** Output folder. Default: `clean/<name of the data>`. */
  readonly out?: string;
  /** Default: `classification`. For the others, labels are not examined. */
  readonly task?: TaskName;
  /** Columns of a table with numbers, or with labels as 0 and 1. */
  readonly targets?: readonly string[];
  /** Number of folds of the out-of-fold predictions. Default: 5. */
  readonly folds?: number;
  readonly seed?: number;
  /** Limits of the image checks. */
  readonly limits?: Partial<QualityLimits>;
  /** Writes a new table to this file: with the accepted kinds of findings, or with the decisions saved from the page. */
  readonly table?: string;
  /** Kinds of findings whose proposals are accepted without looking; or `all`. */
  readonly accept?: readonly string[];
  /** A file of decisions, saved from the page. */
  readonly decisions?: string;
  readonly strict?: boolean;
  /** How the model reads samples. */
  readonly settings?: PredictionSettings;
}

/** A finding by names. */
export interface NamedFinding {
  readonly kind: FindingKind;
  readonly file: string;
  readonly label: string;
  /** The class that the sample probably has; null if the proposal is to remove it. */
  readonly suggested: string | null;
  /** The sample that it duplicates. */
  readonly other?: string;
  readonly why: string;
}

/** The label of a sample, by names. */
export interface NamedLabel {
  readonly file: string;
  readonly label: string;
  /** Probability of the given label, by a classifier that was not trained on the sample. */
  readonly selfConfidence: number;
  readonly normalizedMargin: number;
  readonly predicted: string;
  readonly isIssue: boolean;
}

export interface CleanOutcome {
  readonly data: string;
  readonly model: string;
  readonly samples: number;
  /** Files that are not usable. */
  readonly unusable: number;
  readonly noun: Noun;
  readonly classes: readonly string[];
  readonly findings: readonly NamedFinding[];
  /** All samples, the least plausible label first. Empty if labels are not classes. */
  readonly ranking: readonly NamedLabel[];
  /** Share of labels that the classifiers also give. If it is low, wrong labels are hard to tell. Null without a ranking. */
  readonly agreement: number | null;
  /** The page, in the output folder. */
  readonly page: string;
  /** The new table and its number of rows. */
  readonly table?: { readonly file: string; readonly rows: number };
}

/**
 * Finds wrong labels, duplicates, outliers, and bad images or texts. Writes a page to review them, and `issues.csv`, `issues.json` and
 * `ranking.csv`. The data is only read.
 *
 * @example
 * ```ts
 * import { clean } from 'thaw';
 *
 * const { findings, page } = await clean({ data: './images', model: 'mobilenetv4-small' });
 * for (const { kind, file, why } of findings) console.log(kind, file, why);
 * console.log(page);
 * ```
 * @throws ThawError for everything that the user can fix
 */
export async function clean(request: CleanRequest, hooks: JobHooks = {}): Promise<CleanOutcome> {
  requireRequest(request);
  const { data, task = 'classification', seed = 0 } = request;
  requireData(data);
  const kinds = readKinds(request.accept ?? []);
  const limits = readLimits(request.limits);
  checkOutputs(request);
  const out = resolve(request.out ?? join('clean', nameOf(data)));
  const { extractor, name, files, identity } = await openExtractor(
    { model: request.model ?? 'default', settings: request.settings },
    hooks,
  );
  const { format } = extractor.parts;
  try {
    const dataset = await openLabelled(data, format, {
      labels: TASKS[task].reads(request.targets),
      valFraction: 0,
      strict: request.strict,
      signal: hooks.signal,
    });
    checkPlaces(dataset, { out, table: request.table }, data);
    hooks.onEvent?.(describeData(dataset, learnTask(task, dataset, { embeddingSize: 1, threshold: 0.5 }), format));
    await noticeMismatch(files.config, dataset, format, { ...fileReading(hooks), onEvent: hooks.onEvent });
    const placed = placedSamples(dataset);
    const looks = await looksOf(placed, hooks);
    const computed = await featuresOf(
      extractor,
      placed,
      looks.map((look) => look?.digest),
      identity,
      hooks,
    );
    // Unreadable images have been reported. The new table leaves them out.
    const usable = [...placed.keys()].filter((i) => looks[i] && computed.read[i]);
    const samples = usable.map((i) => placed[i]);
    const features = featuresAmong(computed, usable);
    const isClass = task === 'classification' || task === 'embedding';
    const found = await findIssues(
      {
        samples: usable.map((i): CleaningSample => ({ ...placed[i], ...looks[i]! })),
        classes: isClass ? dataset.classes : [],
        features,
        size: extractor.size,
      },
      {
        ...{ folds: request.folds, seed, limits, signal: hooks.signal },
        onNote: (message) => hooks.onEvent?.({ type: 'notice', message }),
      },
    );
    const table = tableOf(samples, dataset.classes, task);
    const named = namesOf(found, samples, dataset.classes);
    const outcome = {
      data,
      model: name,
      samples: samples.length,
      unusable: dataset.problems.length + placed.length - usable.length,
      noun: nounOf(format),
      classes: dataset.classes,
      agreement: found.agreement,
      ...named,
    };
    const decisions: Decision[] | undefined =
      request.decisions === undefined
        ? found.findings
            .filter(({ kind }) => kinds.includes(kind))
            .map((one) => proposalOf(one, table, dataset.classes))
        : await readDecisions(request.decisions, table, dataset.classes);
    await makeFolder(out);
    await writeLists(out, outcome);
    const page = join(out, 'report.html');
    await writeAtomically(page, await cleaningPage({ ...outcome, found, table, placed: samples, path: data }, hooks));
    const result = { ...outcome, page: shownPath(page) };
    if (request.table === undefined) return result;
    const cleaned = cleanedRows(table, decisions);
    await makeFolder(dirname(resolve(request.table)));
    await writeAtomically(resolve(request.table), csvOf([table.columns, ...cleaned]));
    return { ...result, table: { file: request.table, rows: cleaned.length } };
  } finally {
    await extractor.release();
  }
}

/** The last part of a path, without the ending of a table. */
const nameOf = (data: string): string =>
  resolve(data)
    .split(sep)
    .at(-1)!
    .replace(/\.\w+$/, '') || 'data';

function readLimits(given: Partial<QualityLimits> = {}): QualityLimits {
  const set = Object.entries(given).filter(([, value]) => value !== undefined);
  for (const [name, value] of set)
    if (!(Number.isFinite(value) && value >= 0))
      throw new ThawError('bad-config', `${name} is ${value}`, 'Use a number from 0');
  return { ...QUALITY_LIMITS, ...Object.fromEntries(set) };
}

function checkOutputs({ table, accept, decisions }: CleanRequest): void {
  if (table === undefined && (accept !== undefined || decisions !== undefined))
    throw new ThawError('bad-config', `${accept ? 'accept' : 'decisions'} without table`, 'Add --table FILE.csv');
  if (table === undefined) return;
  if (!/\.csv$/i.test(table)) throw new ThawError('bad-config', `cannot write a table as ${table}`, 'Use a .csv file');
  if (accept === undefined && decisions === undefined)
    throw new ThawError(
      'bad-config',
      'table without a choice of findings',
      'Add --decisions FILE (saved from the page), or --accept KINDS to accept them without looking',
    );
  if (accept !== undefined && decisions !== undefined)
    throw new ThawError('bad-config', 'accept and decisions', 'Leave one of them out');
}

/** Refuses outputs inside the data, where they would become a part of it. */
function checkPlaces(dataset: Dataset, { out, table }: { out: string; table?: string }, data: string): void {
  const root = resolve(data);
  const inside = (path: string) => path === root || path.startsWith(root + sep);
  const written = [out, ...(table === undefined ? [] : [resolve(table)])];
  const wrong = written.find((path) => inside(path) || dataset.train.some(({ file }) => file === path));
  if (wrong !== undefined)
    throw new ThawError('bad-config', `${shownPath(wrong)} is inside the data`, 'Choose a place outside of the data');
}

function namesOf(
  { findings, ranking }: Findings,
  samples: readonly PlacedSample[],
  classes: readonly string[],
): Pick<CleanOutcome, 'findings' | 'ranking'> {
  const fileOf = (i: number) => shownPath(samples[i].file);
  return {
    findings: findings.map(({ kind, index, label, other, why }) => ({
      kind,
      file: fileOf(index),
      label: samples[index].answer,
      suggested: label === undefined ? null : classes[label],
      ...(other !== undefined && { other: fileOf(other) }),
      why,
    })),
    ranking: ranking.map(({ index, predicted, selfConfidence, normalizedMargin, isIssue }) => ({
      file: fileOf(index),
      label: samples[index].answer,
      selfConfidence,
      normalizedMargin,
      predicted: classes[predicted],
      isIssue,
    })),
  };
}

async function writeLists(out: string, outcome: Omit<CleanOutcome, 'page'>): Promise<void> {
  const { findings, ranking } = outcome;
  await writeAtomically(join(out, 'issues.json'), `${JSON.stringify(outcome, null, 1)}\n`);
  const issues = findings.map(({ kind, file, label, suggested, other, why }) => [
    kind,
    file,
    label,
    suggested,
    other,
    why,
  ]);
  await writeAtomically(
    join(out, 'issues.csv'),
    csvOf([['kind', 'file', 'label', 'suggested', 'other', 'why'], ...issues]),
  );
  const labels = ranking.map(({ file, label, predicted, selfConfidence, isIssue }) => [
    file,
    label,
    predicted,
    selfConfidence,
    isIssue,
  ]);
  await writeAtomically(
    join(out, 'ranking.csv'),
    csvOf([['file', 'label', 'predicted', 'self_confidence', 'issue'], ...labels]),
  );
}
