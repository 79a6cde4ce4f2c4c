import {
  type BatchSource,
  type Dataset,
  ImageCache,
  type ImageReader,
  ImageSource,
  readAugmentation,
  type Sample,
  type TestView,
} from '../data/index.ts';
import { isText, type TextFormat, TextSource, type TextTokenizer } from '../data/text/index.ts';
import type { Task } from '../tasks/index.ts';
import { blendedImages } from './images.ts';
import type { InputFormat } from './input-format.ts';
import { imageCacheBytes } from './memory.ts';
import type { TrainSettings } from './settings.ts';
import { fitSamples, thresholdSamples, type UnknownSources } from './unknown.ts';

/** The splits of a data set in batches. */
export interface Sources {
  readonly train: BatchSource;
  readonly val: BatchSource;
  /** If there is a test set. */
  readonly test?: BatchSource;
  /** If the task recognises samples of none of the classes. */
  readonly forUnknown?: UnknownSources;
  /** Where the sources keep decoded images; undefined if they read texts. */
  readonly images?: ImageCache;
}

export interface SourceRequest {
  readonly dataset: Pick<Dataset, 'train' | 'val' | 'test' | 'unknown'>;
  readonly format: InputFormat;
  readonly settings: TrainSettings;
  readonly task: Task;
}

/** How a platform reads images, and who hears of unreadable ones. */
export interface SourcePlatform {
  readonly reader: ImageReader;
  /** Bytes of decoded images that are kept. */
  readonly imageBytes?: number;
  /** Called with each sample that cannot be read. */
  readonly onProblem?: (problem: { readonly file: string; readonly reason: string }) => void;
  readonly onNotice?: (message: string) => void;
}

/** A data set as the trainer takes it: training samples in a new order every epoch, images augmented; the others unchanged. */
export function openSources({ dataset, format, settings, task }: SourceRequest, platform: SourcePlatform): Sources {
  const sources = isText(format)
    ? textSources(dataset, format, settings, platform)
    : imageSources({ dataset, settings, task }, format, platform);
  if (!task.unknown) return sources;
  const { train, val, unknown = [] } = dataset;
  // The other sources report unreadable samples.
  const plain = (samples: readonly Sample[]) => plainSource(samples, format, { reader: platform.reader });
  const some = thresholdSamples(val);
  const forUnknown = {
    train: plain(fitSamples(train, task.outputs)),
    val: some.length < val.length ? plain(some) : sources.val,
    unknown: unknown.length ? plainSource(unknown, format, platform) : undefined,
  };
  return { ...sources, forUnknown };
}

function textSources(
  { train, val, test }: SourceRequest['dataset'],
  format: TextFormat,
  { seed, sampling }: TrainSettings,
  platform: SourcePlatform,
): Sources {
  const texts = new TextSource({ samples: train, format, seed, shuffle: shuffleOf(sampling) });
  if (texts.cut) {
    platform.onNotice?.(
      `${texts.cut} of ${texts.length} training texts are longer than ${format.maxLength} tokens, and cut (--max-length)`,
    );
  }
  const plain = (samples: readonly Sample[]) => plainSource(samples, format, platform);
  return { train: texts, val: plain(val), test: test.length ? plain(test) : undefined };
}

function imageSources(
  { dataset: { train, val, test }, settings, task }: Omit<SourceRequest, 'format'>,
  preprocessing: Exclude<InputFormat, TextFormat>,
  { reader, imageBytes, onProblem }: SourcePlatform,
): Sources {
  const samples = train.length + val.length;
  const cache = new ImageCache(imageCacheBytes(preprocessing, samples, imageBytes));
  const common = { preprocessing, cache, seed: settings.seed, onProblem };
  const augmentation = readAugmentation(settings.augment);
  const order = (samples: readonly Sample[]) =>
    task.order?.(
      samples.map(({ label }) => label),
      settings,
    );
  // Always in the order of the first epoch.
  const fixed = (samples: readonly Sample[]) => {
    const first = order(samples)?.(0);
    return new ImageSource({ ...common, samples, order: first && (() => first) }, reader);
  };
  const shuffle = shuffleOf(settings.sampling);
  const images = new ImageSource({ ...common, samples: train, augmentation, shuffle, order: order(train) }, reader);
  return {
    train: blendedImages(images, settings, preprocessing, task),
    val: fixed(val),
    test: test.length ? fixed(test) : undefined,
    images: cache,
  };
}

const shuffleOf = (sampling: TrainSettings['sampling']) => (sampling === 'balanced' ? 'balanced' : true);

/** Samples without augmentation, in order; texts by length. Each unreadable one is reported once. */
export function plainSource(
  samples: readonly Sample[],
  format: InputFormat,
  { reader, onProblem }: SourcePlatform,
  testViews?: readonly TestView[],
  tokenizer?: TextTokenizer,
): BatchSource {
  if (isText(format)) return new TextSource({ samples, format, tokenizer });
  return new ImageSource({ samples, preprocessing: format, testViews, onProblem }, reader);
}
