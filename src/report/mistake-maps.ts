import type { ImageReader, PlacedMap } from '../data/index.ts';
import { ThawError } from '../errors.ts';
import type { Model } from '../onnx/index.ts';
import type { Runtime } from '../runtime/index.ts';
import { answerMaps } from '../session/index.ts';
import type { MapsMade, Mistake } from './types.ts';

/** Mistakes whose maps are shown. */
const EXPLAINED = 12;

/** A mistake, and the image that the reader knows by this name; undefined without an image. */
export interface ShownMistake extends Mistake {
  readonly source?: string;
}

export interface MapsSource {
  /** The finished model. */
  readonly model: Model;
  readonly runtime: Runtime;
  readonly reader: ImageReader;
  /** A small image under a map, as a `data:` URL. */
  draw(source: string, map: PlacedMap): Promise<string>;
}

/**
 * Mistakes with maps of the parts that speak for the predicted and for the true class. A model that gives no map is no error: the report says
 * why.
 */
export async function withMaps(
  shown: readonly ShownMistake[],
  { model, runtime, reader, draw }: MapsSource,
): Promise<{ readonly mistakes: readonly Mistake[]; readonly maps?: MapsMade }> {
  const mistakes = shown.map(({ source: _, ...mistake }) => mistake);
  const asked = shown
    .slice(0, EXPLAINED)
    .flatMap(({ source, predicted, label }) => (source ? [{ file: source, labels: [predicted, label] }] : []));
  if (!asked.length) return { mistakes };
  try {
    const found = await answerMaps(model, asked, { runtime, reader });
    const explained = mistakes.map(async (mistake, i) => {
      const { source = '' } = shown[i];
      const maps = (found.get(source) ?? []).map(async (map) => ({ label: map.label, image: await draw(source, map) }));
      return { ...mistake, maps: await Promise.all(maps) };
    });
    const [first] = found.values();
    return { mistakes: await Promise.all(explained), maps: first && { method: first[0].method } };
  } catch (error) {
    return { mistakes, maps: { problem: error instanceof ThawError ? error.line : String(error) } };
  }
}
