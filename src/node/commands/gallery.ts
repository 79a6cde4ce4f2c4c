import { type Dataset, type PlacedMap, readAugmentation } from '../../data/index.ts';
import { overlayUrl, preview, thumbnail } from '../../data/node/index.ts';
import { isText } from '../../data/text/index.ts';
import type { ShownMistake } from '../../report/index.ts';
import type { InputFormat, TrainSettings } from '../../session/index.ts';
import type { ClassMistake } from '../../tasks/index.ts';
import { shownPath } from './paths.ts';

/** Maximum size of a mistake's image, in pixels. */
const THUMBNAIL = 160;
/** Maximum characters of a mistake's text. */
const LONGEST = 400;
const MISTAKES = 24;
const SAMPLES = 12;

/** The most confident mistakes on the validation set. @param mistakes in this order */
export const worstMistakes = (
  mistakes: readonly ClassMistake[],
  { val }: Pick<Dataset, 'val'>,
): Promise<ShownMistake[]> =>
  Promise.all(
    mistakes.slice(0, MISTAKES).map(async ({ index, ...mistake }) => {
      const { file, text } = val[index];
      return {
        ...(text === undefined
          ? { thumbnail: await smallImage(file), source: file }
          : { text: text.slice(0, LONGEST) }),
        file: shownPath(file),
        ...mistake,
      };
    }),
  );

/** A thumbnail under a map. */
export const smallOverlay = (file: string, map: PlacedMap): Promise<string> => overlayUrl(file, map, THUMBNAIL);

/** A thumbnail; undefined if the file is gone. */
export const smallImage = (file: string): Promise<string | undefined> =>
  thumbnail(file, THUMBNAIL).catch(() => undefined);

/** Indices of training images, alternating between classes. */
export function alternatingClasses({ train, classes }: Pick<Dataset, 'train' | 'classes'>, count: number): number[] {
  const byClass = classes.map((): number[] => []);
  for (const [i, { label }] of train.entries()) byClass[label]?.push(i);
  // Samples with several labels or with numbers have no class.
  const groups = byClass.some(({ length }) => length > 0) ? byClass : [[...train.keys()]];
  const turns = Array.from({ length: count }, (_, i) => groups[i % groups.length][Math.floor(i / groups.length)]);
  return turns.filter((index) => index !== undefined);
}

/** Training images with the augmentation of the first epoch, alternating between classes. */
export async function sampleImages(
  { train, classes }: Dataset,
  preprocessing: InputFormat,
  { augment, seed }: Pick<TrainSettings, 'augment' | 'seed'>,
): Promise<string[]> {
  if (isText(preprocessing)) return [];
  const chosen = alternatingClasses({ train, classes }, SAMPLES);
  const augmentation = readAugmentation(augment);
  const images = await Promise.all(
    // Training has already reported images that fail to decode.
    chosen.map((index) =>
      preview(train[index].file, preprocessing, augmentation, { seed, index, count: 1 }).catch(() => []),
    ),
  );
  return images.flat();
}
