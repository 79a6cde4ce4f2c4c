import { type Dataset, readAugmentation } from '../../data/index.ts';
import { preview, thumbnail } from '../../data/node/index.ts';
import { isText } from '../../data/text/index.ts';
import type { Mistake } from '../../report/index.ts';
import type { InputFormat, TrainSettings } from '../../session/index.ts';
import type { ClassMistake } from '../../tasks/index.ts';
import { shownPath } from './paths.ts';

/** Pixels of a mistake's image at most. */
const THUMBNAIL = 160;
/** Characters of a mistake's text at most. */
const LONGEST = 400;
const MISTAKES = 24;
const SAMPLES = 12;

/** The validation images or texts that are wrong with the most confidence. @param mistakes in this order */
export const worstMistakes = (mistakes: readonly ClassMistake[], { val }: Pick<Dataset, 'val'>): Promise<Mistake[]> =>
  Promise.all(
    mistakes.slice(0, MISTAKES).map(async ({ index, ...mistake }) => {
      const { file, text } = val[index];
      return {
        ...(text === undefined ? { thumbnail: await smallImage(file) } : { text: text.slice(0, LONGEST) }),
        file: shownPath(file),
        ...mistake,
      };
    }),
  );

/** Undefined if the file has gone since training read it. */
export const smallImage = (file: string): Promise<string | undefined> =>
  thumbnail(file, THUMBNAIL).catch(() => undefined);

/** Positions of training images, the classes taking turns. */
export function inTurns({ train, classes }: Pick<Dataset, 'train' | 'classes'>, count: number): number[] {
  const byClass = classes.map((_, label) => [...train.keys()].filter((i) => train[i].label === label));
  // Samples of several labels or of numbers are of no class.
  const groups = byClass.some(({ length }) => length > 0) ? byClass : [[...train.keys()]];
  const turns = Array.from({ length: count }, (_, i) => groups[i % groups.length][Math.floor(i / groups.length)]);
  return turns.filter((index) => index !== undefined);
}

/** Training images as the first epoch shows them, the classes taking turns. */
export async function sampleImages(
  { train, classes }: Dataset,
  preprocessing: InputFormat,
  { augment, seed }: Pick<TrainSettings, 'augment' | 'seed'>,
): Promise<string[]> {
  if (isText(preprocessing)) return [];
  const chosen = inTurns({ train, classes }, SAMPLES);
  const augmentation = readAugmentation(augment);
  const images = await Promise.all(
    // An image that can't be decoded was reported when training met it.
    chosen.map((index) =>
      preview(train[index].file, preprocessing, augmentation, { seed, index, count: 1 }).catch(() => []),
    ),
  );
  return images.flat();
}
