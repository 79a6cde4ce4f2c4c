/** Chooses the images or texts that are best to label next. */
import { stat } from 'node:fs/promises';
import { isAbsolute, relative } from 'node:path';
import { mapConcurrently } from '../../../data/concurrency.ts';
import type { Sample } from '../../../data/index.ts';
import { requireRequest, ThawError } from '../../../errors.ts';
import { nearestHint } from '../../../nearest.ts';
import { Random } from '../../../random.ts';
import { type InputFormat, nounOf, openDataset } from '../../../session/index.ts';
import { type Choice, choose, type Doubt, needs, type Strategy, strategies } from '../../../suggest/index.ts';
import type { Task, TaskName } from '../../../tasks/index.ts';
import { digestIfThere } from '../../disk/index.ts';
import { isPath } from '../../models/resolve.ts';
import type { JobHooks } from '../events.ts';
import { originOf } from '../measured.ts';
import { type OpenPredictorRequest, openPredictor } from '../open-predictor.ts';
import { readFrom } from '../platform.ts';
import { readRunSettings } from '../resume.ts';
import { openUnlabelled } from '../unlabelled.ts';
import { Reading } from './reading.ts';

export interface SuggestRequest extends Omit<OpenPredictorRequest, 'runtime' | 'features' | 'task'> {
  /** Unlabelled files, folders with all their files; for a text model also texts, and tables of texts. */
  readonly images: readonly string[];
  /** Whether `images` are texts only, even if there are files with these names. */
  readonly texts?: boolean;
  /** Number of samples to choose. Default: 20. */
  readonly count?: number;
  /** Default: `combined`; `diversity` if the model has no classes. */
  readonly strategy?: Strategy;
  readonly seed?: number;
  /** Stops at a file that is not an image instead of skipping it. */
  readonly strict?: boolean;
}

/** A sample to label. */
export interface Suggestion {
  /** For a text, its location: a file, or a line of a table. */
  readonly file: string;
  readonly text?: string;
  /** Why this sample. */
  readonly reason: string;
  /** The most probable classes, or the label that is nearest to its threshold, with their probabilities; if the model has classes. */
  readonly probabilities?: Readonly<Record<string, number>>;
}

/** Suggestions, the best first. Plain data. */
export interface Suggestions {
  readonly task: TaskName;
  /** Names of the classes, labels or numbers. */
  readonly classes: readonly string[];
  readonly strategy: Strategy;
  readonly suggestions: readonly Suggestion[];
  /** Samples among which Thaw chose. */
  readonly candidates: number;
  /** Samples that are in the data of the run, and exact copies of other samples. */
  readonly excluded: { readonly labelled: number; readonly copies: number };
}

/** Labelled samples that `diversity` keeps away from. More take long, and hardly change the choice. */
const MOST_LABELLED = 1000;

/**
 * Chooses unlabelled samples to label next, by the answers and the features of a finished model. Leaves out samples that are in the data of the
 * run, and exact copies.
 *
 * @example
 * ```ts
 * import { suggest } from 'thaw';
 *
 * const { suggestions } = await suggest({ model: 'runs/images-1', images: ['./unlabelled'], count: 20 });
 * for (const { file, reason } of suggestions) console.log(file, reason);
 * ```
 * @throws ThawError for everything that the user can fix
 */
export async function suggest(request: SuggestRequest, hooks: JobHooks = {}): Promise<Suggestions> {
  requireRequest(request);
  const { count = 20, seed = 0, settings = {} } = request;
  check(request);
  const features = request.strategy === undefined || needs[request.strategy].features;
  const { predictor, folder } = await openPredictor({ model: request.model, settings, features }, hooks);
  try {
    const { task, format } = predictor.parts;
    const strategy = strategyFor(task, request.strategy);
    const options = { strict: request.strict, texts: request.texts, signal: hooks.signal };
    const { samples, problems } = await openUnlabelled(request.images, format, options);
    const onNotice = (message: string) => hooks.onEvent?.({ type: 'notice', message });
    for (const { file, reason } of problems) onNotice(`skipped ${file}: ${reason}`);
    const labelled = await labelledSamples(request, { folder, format }, hooks);
    const { fresh, ...excluded } = await withoutKnown(samples, labelled);
    if (fresh.length === 0)
      throw new ThawError(
        'bad-data',
        `all ${samples.length} ${nounOf(format)}s are in the data of the run already`,
        `Give ${nounOf(format)}s that are not labelled yet`,
      );
    const reading = new Reading(predictor, fresh, hooks);
    const candidates = await reading.read(needs[strategy]);
    const isDiverse = strategy === 'diversity';
    const known = new Random(seed, 'labelled').shuffle(isDiverse ? labelled : []).slice(0, MOST_LABELLED);
    const around = known.length ? await new Reading(predictor, known, hooks, reading).read(needs.diversity) : undefined;
    const { read } = candidates;
    const choices = choose({ ...candidates, labelled: around?.features }, { strategy, count, seed });
    const asWritten = request.images.every((path) => isAbsolute(path));
    return {
      task: task.facts.task,
      classes: task.classes,
      strategy,
      candidates: read.length,
      excluded,
      suggestions: choices.map((choice) => {
        const { file, text } = fresh[read[choice.sample]];
        const doubt = candidates.doubts?.[choice.sample];
        return {
          file: text === undefined && !asWritten ? relative(process.cwd(), file) : file,
          ...(text !== undefined && { text }),
          reason: isDiverse ? distanceReason(choice, known.length > 0) : doubtReason(doubt!, task, strategy),
          ...(doubt && {
            probabilities: Object.fromEntries(doubt.outputs.map((c, i) => [task.classes[c], doubt.probabilities[i]])),
          }),
        };
      }),
    };
  } finally {
    await predictor.release();
  }
}

function check({ count = 20, strategy, settings: { tta } = {} }: SuggestRequest): void {
  if (!(Number.isInteger(count) && count >= 1))
    throw new ThawError('bad-config', `count is ${count}`, 'Use a whole number from 1');
  if (strategy !== undefined && !strategies.includes(strategy))
    throw new ThawError('bad-config', `unknown strategy "${strategy}"`, nearestHint(strategy, strategies));
  if (tta !== undefined && tta !== 'none')
    throw new ThawError('bad-config', 'suggestions use one view of each image, not --tta', 'Leave it out');
}

/** @throws ThawError `bad-config` if the strategy needs classes and the task has none */
function strategyFor({ facts: { task } }: Task, wanted: Strategy | undefined): Strategy {
  const hasClasses = task === 'classification' || task === 'multi-label';
  const strategy = wanted ?? (hasClasses ? 'combined' : 'diversity');
  if (hasClasses || !needs[strategy].doubts) return strategy;
  throw new ThawError(
    'bad-config',
    `the strategy ${strategy} compares the probabilities of classes, and a model for ${task} has none`,
    'Use --strategy diversity',
  );
}

/** All samples of the run that a model belongs to. */
async function labelledSamples(
  { model }: SuggestRequest,
  { folder, format }: { readonly folder: string; readonly format: InputFormat },
  hooks: JobHooks,
): Promise<readonly Sample[]> {
  const isPossible = (why: string) => {
    const message = `${why}, so labelled ${nounOf(format)}s can be among the suggestions`;
    hooks.onEvent?.({ type: 'notice', message });
    return [];
  };
  const origin = isPath(model) ? await originOf(folder) : undefined;
  if (!origin) return isPossible('the model is not that of a run');
  const { about, identity, run } = origin;
  try {
    const settings = await readRunSettings(run);
    const data = await openDataset(format, settings, () => identity.classes, readFrom(about.dataPath, hooks));
    return [...data.train, ...data.val, ...data.test];
  } catch (error) {
    if (!(error instanceof ThawError)) throw error;
    return isPossible(`Thaw cannot read the data of the run (${error.message})`);
  }
}

/** Leaves out labelled samples, and all but the first of equal ones. Reads only files whose size occurs more than once. */
async function withoutKnown(samples: readonly Sample[], labelled: readonly Sample[]) {
  const all = [...labelled, ...samples];
  const sizes = await mapConcurrently(all, 16, async ({ file, text }) => (text === undefined ? sizeOf(file) : 0));
  const counts = new Map<number, number>();
  for (const size of sizes) counts.set(size, (counts.get(size) ?? 0) + 1);
  const contents = await mapConcurrently([...all.keys()], 8, async (i) => {
    const { file, text } = all[i];
    if (text !== undefined) return `text ${text}`;
    return counts.get(sizes[i])! > 1 ? digestOf(file) : `file ${i}`;
  });
  const known = new Set(contents.slice(0, labelled.length));
  const seen = new Set<string>();
  const fresh: Sample[] = [];
  let isLabelled = 0;
  for (const [i, sample] of samples.entries()) {
    const content = contents[labelled.length + i];
    if (known.has(content)) isLabelled++;
    else if (!seen.has(content)) fresh.push(sample);
    seen.add(content);
  }
  return { fresh, labelled: isLabelled, copies: samples.length - fresh.length - isLabelled };
}

const sizeOf = (file: string): Promise<number> =>
  stat(file).then(
    ({ size }) => size,
    () => -1,
  );

/** A file that cannot be read equals no other. */
const digestOf = async (file: string): Promise<string> =>
  (await digestIfThere(file).catch(() => undefined)) ?? `file ${file}`;

/** Above this margin, a model is sure. */
const SURE = 0.5;

function doubtReason({ entropy, margin, outputs, probabilities }: Doubt, { facts, classes }: Task, strategy: Strategy) {
  const [first, second] = outputs.map((c) => classes[c]);
  const [p, q] = probabilities.map((probability) => probability.toFixed(2));
  const answer =
    facts.task === 'multi-label'
      ? `${first} at ${p}, with the threshold ${facts.thresholds[outputs[0]].toFixed(2)}`
      : second === undefined || margin > SURE
        ? `${first}, ${p}`
        : `between ${first} and ${second}, ${p} to ${q}`;
  if (strategy === 'uncertainty') return `${answer} (entropy ${entropy.toFixed(2)} of 1)`;
  return strategy === 'combined' ? `${answer}; typical of a group` : answer;
}

function distanceReason({ distance }: Choice, hasLabelled: boolean): string {
  if (distance === undefined || !Number.isFinite(distance)) return 'the most typical one';
  return `far from all ${hasLabelled ? 'labelled and ' : ''}chosen ones (distance ${distance.toFixed(2)})`;
}
