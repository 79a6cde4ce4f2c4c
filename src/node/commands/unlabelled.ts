/** Reads unlabelled samples group by group, so that any number of them takes the same memory. */
import { resolve } from 'node:path';
import { type Batch, type BatchSource, type DataProblem, Prefetched, type Sample } from '../../data/index.ts';
import {
  checkFiles,
  isProblem,
  STANDARD_INPUT,
  sharpReader,
  type Unlabelled,
  type UnlabelledOptions,
  unlabelledImages,
  unlabelledTexts,
} from '../../data/node/index.ts';
import { isText, TextTokenizer } from '../../data/text/index.ts';
import { ThawError } from '../../errors.ts';
import { type InputFormat, type Predictor, plainSource } from '../../session/index.ts';
import type { JobHooks } from './events.ts';

export interface UnlabelledRequest {
  /**
   * Images: files, folders with all their files, globs, and videos. For a text model texts, and files, folders and globs of them. `-` is standard
   * input.
   */
  readonly images: readonly string[];
  /** Whether `images` are texts only, even if there are files with these names. */
  readonly texts?: boolean;
  /** Stops at a file that is not an image instead of skipping it. */
  readonly strict?: boolean;
  /** Frames to take of each second of a video. Default: 1. */
  readonly fps?: number;
  /** Continues with new files of the folders until the job is stopped. */
  readonly watch?: boolean;
}

/** Samples whose batches are being read. */
export interface UnlabelledGroup {
  readonly samples: readonly Unlabelled[];
  readonly source: BatchSource;
}

/** Texts of similar length share a batch, so a group has many batches. */
const TEXT_BATCHES = 32;
/** Bytes of images in memory, such as frames, after which a group is full. */
const FULL = 2 ** 26;
/** Milliseconds to wait for the next sample of a live source before the others are predicted. */
const PATIENCE = 100;

/**
 * The samples in order, a batch of images or some batches of texts at a time. Unreadable ones are reported as notices.
 *
 * @throws ThawError for wrong requests, and if there is no usable sample; the reason of `hooks.signal`
 */
export async function* unlabelledGroups(
  request: UnlabelledRequest,
  { format, testViews, batchSize }: Predictor['parts'],
  options: JobHooks & Pick<UnlabelledOptions, 'input' | 'except'>,
): AsyncGenerator<UnlabelledGroup> {
  const { onEvent } = options;
  // Until there is a sample, an error may name them instead.
  let problems: DataProblem[] | undefined = request.watch ? undefined : [];
  const notice = ({ file, reason }: DataProblem) =>
    onEvent?.({ type: 'notice', message: `skipped ${file}: ${reason}` });
  const report = (problem: DataProblem) => {
    if (request.strict) throw unusable([problem]);
    if (problems) problems.push(problem);
    else notice(problem);
  };
  const listed = isText(format) ? textsOf(request, options) : imagesOf(request, options);
  const size = isText(format) ? TEXT_BATCHES * batchSize : batchSize;
  const isLive = request.watch || request.images.includes(STANDARD_INPUT);
  const tokenizer = isText(format) ? new TextTokenizer(format) : undefined;
  for await (const group of grouped(listed, size, isLive)) {
    const samples = await usable(group, report);
    if (!samples.length) continue;
    problems?.forEach(notice);
    problems = undefined;
    const reader = sharpReader((index) => samples[Number(index)].image ?? resolve(samples[Number(index)].file));
    const plain = plainSource(
      samples.map(({ text }, i) => ({ file: String(i), text, label: -1 })),
      format,
      { reader, onProblem: ({ file, reason }) => report({ file: samples[Number(file)].file, reason }) },
      testViews,
      tokenizer,
    );
    const batches = new Prefetched<Batch>(plain.batches({ epoch: 0, batchSize }));
    yield { samples, source: { length: samples.length, batches: () => batches } };
  }
  if (problems) throw isText(format) ? noTexts(request) : unusable(problems, request.images);
}

/**
 * All samples at once, for jobs that need them together.
 *
 * @throws ThawError for wrong requests, and if there is no usable sample
 */
export async function openUnlabelled(
  images: readonly string[],
  format: InputFormat,
  { strict, texts, ...options }: Pick<UnlabelledRequest, 'strict' | 'texts'> & Pick<UnlabelledOptions, 'signal'>,
): Promise<{ samples: Sample[]; problems: DataProblem[] }> {
  const request = { images, texts, strict };
  const reading = { ...options, input: process.stdin, except: [] };
  const samples: Sample[] = [];
  const problems: DataProblem[] = [];
  const report = (problem: DataProblem) => {
    if (strict) throw unusable([problem]);
    problems.push(problem);
  };
  const listed = isText(format) ? textsOf(request, reading) : imagesOf(request, reading);
  for await (const group of grouped(listed, AT_ONCE, false))
    for (const { file, text, image } of await usable(group, report)) {
      if (image === undefined) samples.push({ file, text, label: -1 });
      else report({ file, reason: 'only predict reads images from videos and standard input' });
    }
  if (samples.length) return { samples, problems };
  throw isText(format) ? noTexts(request) : unusable(problems, images);
}

/** Files that are checked together. */
const AT_ONCE = 64;

/** Problems that an error names. */
const SHOWN = 3;

function unusable(problems: readonly DataProblem[], given: readonly string[] = []): ThawError {
  const what = problems
    .slice(0, SHOWN)
    .map(({ file, reason }) => `${file} (${reason})`)
    .join(', ');
  return new ThawError(
    'bad-data',
    `not a usable image: ${what || `${given.join(', ')} (no files)`}`,
    'Thaw reads JPEG, PNG, WebP, GIF, TIFF, AVIF, HEIC with the package heic-decode, and videos with ffmpeg',
  );
}

const noTexts = ({ images }: UnlabelledRequest) =>
  new ThawError(
    'bad-data',
    `found no text in ${images.join(', ')}`,
    'Give texts, .txt files, or tables with a column text',
  );

const refused = (message: string, hint: string) => new ThawError('bad-config', message, hint);

function imagesOf(
  { images, texts, fps = 1, watch = false }: UnlabelledRequest,
  options: Pick<UnlabelledOptions, 'input' | 'except' | 'signal'>,
) {
  checkPaths(images);
  if (texts) throw refused('texts: the model reads images', 'Leave it out, and give image files');
  if (!(fps > 0 && fps <= 1000)) throw refused(`fps is ${fps}`, 'Use a number above 0, such as 1 or 0.5');
  return unlabelledImages(images, { ...options, fps, watch });
}

function textsOf(
  { images, texts, fps, watch }: UnlabelledRequest,
  options: Pick<UnlabelledOptions, 'input' | 'except' | 'signal'>,
) {
  checkPaths(images);
  if (watch || fps !== undefined)
    throw refused(`${watch ? 'watch' : 'fps'} is for images, and the model reads texts`, 'Leave it out');
  return unlabelledTexts(images, { ...options, only: texts });
}

function checkPaths(given: readonly string[]): void {
  if (!Array.isArray(given) || !given.every((path) => typeof path === 'string'))
    throw refused('images is not a list of texts', 'Give paths of files and folders, or texts');
  if (given.filter((word) => word === STANDARD_INPUT).length > 1)
    throw refused('standard input is given twice', 'Give - once');
}

/** Reports the problems, and checks the files. */
async function usable(
  listed: readonly (Unlabelled | DataProblem)[],
  report: (problem: DataProblem) => void,
): Promise<Unlabelled[]> {
  const isFile = (one: Unlabelled | DataProblem) => !('reason' in one || 'text' in one || 'image' in one);
  const files = listed.filter(isFile).map(({ file }) => file);
  const results = await checkFiles(
    files.map((file) => resolve(file)),
    'quick',
  );
  const samples: Unlabelled[] = [];
  let next = 0;
  for (const one of listed) {
    const result = isFile(one) ? results[next++] : undefined;
    if ('reason' in one) report(one);
    else if (result && isProblem(result)) report({ file: one.file, reason: result.reason });
    else samples.push(one);
  }
  return samples;
}

/** Items in groups. If a live source pauses, the items so far are a group. */
async function* grouped<T extends object>(
  items: AsyncIterable<T>,
  size: number,
  isLive: boolean | undefined,
): AsyncGenerator<T[]> {
  const iterator = items[Symbol.asyncIterator]();
  let group: T[] = [];
  let next = started(iterator);
  try {
    for (;;) {
      const item = await (isLive && group.length ? Promise.race([next, pause()]) : next);
      if (item?.done) break;
      if (item) {
        group.push(item.value);
        next = started(iterator);
      }
      if (item && group.length < size && bytesOf(group) < FULL) continue;
      yield group;
      group = [];
    }
    if (group.length) yield group;
  } finally {
    leave(iterator);
  }
}

const bytesOf = (group: readonly Pick<Unlabelled, 'image'>[]): number =>
  group.reduce((all, { image }) => all + (image instanceof Uint8Array ? image : (image?.data ?? [])).length, 0);

const pause = (): Promise<undefined> => new Promise((done) => setTimeout(done, PATIENCE));

/** The same items, `count` of which are computed before they are needed. */
export async function* readAhead<T>(items: AsyncIterable<T>, count: number): AsyncGenerator<T> {
  const iterator = items[Symbol.asyncIterator]();
  const ahead = Array.from({ length: count }, () => started(iterator));
  try {
    for (let item = await ahead.shift()!; !item.done; item = await ahead.shift()!) {
      ahead.push(started(iterator));
      yield item.value;
    }
  } finally {
    leave(iterator);
  }
}

/** The next item. Its error reaches the reader later, and must not count as unhandled until then. */
function started<T>(iterator: AsyncIterator<T>): Promise<IteratorResult<T>> {
  const next = iterator.next();
  next.catch(() => undefined);
  return next;
}

/** Closes a source. It may wait for input, so nobody waits for it. */
const leave = (iterator: AsyncIterator<unknown>): void => {
  iterator.return?.().catch(() => undefined);
};
