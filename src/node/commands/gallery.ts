import { type Dataset, readAugmentation } from '../../data/index.ts';
import { overlayUrl, preview, sharpReader, thumbnail } from '../../data/node/index.ts';
import { isText } from '../../data/text/index.ts';
import { ThawError } from '../../errors.ts';
import type { Model } from '../../onnx/index.ts';
import type { MapsMade, Mistake } from '../../report/index.ts';
import type { Runtime } from '../../runtime/index.ts';
import { answerMaps, type InputFormat, type TrainSettings } from '../../session/index.ts';
import type { ClassMistake } from '../../tasks/index.ts';
import { shownPath } from './paths.ts';

/** Maximum size of a mistake's image, in pixels. */
const THUMBNAIL = 160;
/** Maximum characters of a mistake's text. */
const LONGEST = 400;
const MISTAKES = 24;
const SAMPLES = 12;

/** The most confident mistakes on the validation set. @param mistakes in this order */
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

/** Mistakes whose maps are shown. */
const EXPLAINED = 12;

/**
 * The mistakes with maps of the parts that speak for the predicted and for the true class. A model that gives no map is no error: the report
 * says why.
 */
export async function withMaps(
  shown: readonly Mistake[],
  mistakes: readonly ClassMistake[],
  { model, val, runtime }: Pick<Dataset, 'val'> & { readonly model: Model; readonly runtime: Runtime },
): Promise<{ readonly mistakes: readonly Mistake[]; readonly maps?: MapsMade }> {
  const asked = mistakes
    .slice(0, EXPLAINED)
    .map(({ index, predicted, label }) => ({ file: val[index].file, labels: [predicted, label] }));
  if (!asked.length) return { mistakes: shown };
  try {
    const found = await answerMaps(model, asked, { runtime, reader: sharpReader() });
    const explained = shown.map(async (mistake, i) => {
      const placed = found.get(asked[i]?.file) ?? [];
      const maps = placed.map(async (map) => ({
        label: map.label,
        image: await overlayUrl(asked[i].file, map, THUMBNAIL),
      }));
      return { ...mistake, maps: await Promise.all(maps) };
    });
    const [first] = found.values();
    return { mistakes: await Promise.all(explained), maps: first && { method: first[0].method } };
  } catch (error) {
    return { mistakes: shown, maps: { problem: error instanceof ThawError ? error.line : String(error) } };
  }
}

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
