/** The samples that a measurement uses, and whether the model was trained on them. */
import { basename, dirname, resolve } from 'node:path';
import type { Dataset, Sample } from '../../data/index.ts';
import { ThawError } from '../../errors.ts';
import { type InputFormat, nounOf, openDataset } from '../../session/index.ts';
import { isPath } from '../models/resolve.ts';
import { identifySamples, openRun, type RunIdentity, type RunReader } from '../run/index.ts';
import { type About, readBeginning } from './about.ts';
import type { JobHooks } from './events.ts';
import { readFrom } from './platform.ts';
import { readRunSettings } from './resume.ts';

export const SPLITS = ['val', 'test', 'train'] as const;
export type SplitName = (typeof SPLITS)[number];

/** Describes the samples of a measurement. Plain data. */
export interface MeasuredSamples {
  /** As given by the user. */
  readonly data: string;
  /** `all` if the data has no splits. */
  readonly split: SplitName | 'all';
  readonly samples: number;
  /** Whether the split is that of the run that trained the model, recognized by its samples. */
  readonly ofRun: boolean;
  /** The data that the run was trained on, as given then, if this is other data. */
  readonly trainedOn?: string;
  /** One line if the model may have been trained on the samples, or was. */
  readonly warning?: string;
}

export interface MeasureRequest {
  readonly model: string;
  /** The folder of the model's JSON files. */
  readonly folder: string;
  readonly format: InputFormat;
  readonly data: string;
  readonly split?: SplitName;
}

/** A run, and how it began. */
export interface Origin {
  readonly run: RunReader;
  readonly identity: RunIdentity;
  readonly about: About;
}

/**
 * Chooses the samples: of the split, else `val`, else `test`, else all. If the data is that of the run that trained the model, the splits
 * are those of the run, so that its held-out samples are `val`.
 *
 * @param given the data, without samples held out
 * @throws ThawError `bad-data` if the split has no samples
 */
export async function chooseSamples(
  given: Dataset,
  request: MeasureRequest,
  hooks: JobHooks,
): Promise<{ readonly dataset: Dataset; readonly samples: readonly Sample[]; readonly measured: MeasuredSamples }> {
  const { data, split } = request;
  const origin = isPath(request.model) ? await originOf(request.folder) : undefined;
  const own = origin && (await trainedData(given, request, origin, hooks));
  const dataset = own ?? given;
  const chosen = split ?? SPLITS.find((name) => dataset[name].length > 0) ?? 'val';
  const samples = dataset[chosen];
  if (samples.length === 0)
    throw new ThawError('bad-data', `${data} has no samples in ${chosen}`, 'Choose another --split, or remove --split');
  const isAll = !own && chosen === 'train' && split === undefined;
  return {
    dataset,
    samples,
    measured: {
      data,
      split: isAll && given.val.length + given.test.length === 0 ? 'all' : chosen,
      samples: samples.length,
      ofRun: own !== undefined,
      trainedOn: origin && resolve(data) !== origin.about.dataPath && !own ? origin.about.data : undefined,
      warning:
        own && chosen === 'train'
          ? `the model was trained on these ${nounOf(request.format)}s`
          : isAll
            ? warningOf(request, origin)
            : undefined,
    },
  };
}

function warningOf({ data, format }: MeasureRequest, origin: Origin | undefined): string | undefined {
  const noun = nounOf(format);
  const hint = `Use a folder with val, or ${noun}s that the model has not seen`;
  if (origin === undefined)
    return `the model may have been trained on these ${noun}s, and the scores are then too good. ${hint}`;
  if (resolve(data) === origin.about.dataPath)
    return `the ${noun}s have changed since the training, so the run does not know which it held out: the scores can be too good. ${hint}`;
  return undefined;
}

/** The run that a model's folder belongs to. Undefined if there is none, or its files are not readable. */
export async function originOf(folder: string): Promise<Origin | undefined> {
  if (basename(folder) !== 'model') return undefined;
  try {
    const run = await openRun(dirname(folder));
    const { identity, about } = await readBeginning(run);
    return { run, identity, about };
  } catch (error) {
    if (error instanceof ThawError) return undefined;
    throw error;
  }
}

/** The data with the splits of the training. Undefined if the run was trained on other data. */
async function trainedData(
  given: Dataset,
  { data, format }: MeasureRequest,
  { run, identity }: Origin,
  hooks: JobHooks,
): Promise<Dataset | undefined> {
  const { samples } = identity;
  const isCount =
    given.train.length + given.val.length + given.test.length === samples.train + samples.val + samples.test;
  if (!isCount) return undefined;
  const settings = await readRunSettings(run);
  const dataset = await openDataset(format, settings, () => identity.classes, readFrom(data, hooks));
  const { sha256 } = await identifySamples(dataset, resolve(data));
  const same = sha256 === samples.sha256 && dataset.classes.join('\n') === identity.classes.join('\n');
  return same ? dataset : undefined;
}
