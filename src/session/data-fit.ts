import { recommendedModel } from '../catalogue.ts';
import { arePhotographs, type Dataset, type ImageReader, type Preprocessing } from '../data/index.ts';
import { isText } from '../data/text/index.ts';
import type { SessionHooks } from './events.ts';
import type { InputFormat } from './input-format.ts';

/** Images to look at. */
const LOOKED_AT = 24;
/** Their side in pixels, for which `arePhotographs` was measured. */
const SIDE = 80;

/**
 * Reports photographs that are given to a model of drawings, which `thaw.pretraining` of its `config.json` names. Looks at 24 images, which
 * takes a fraction of a second.
 */
export async function noticeMismatch(
  config: unknown,
  { train }: Pick<Dataset, 'train'>,
  format: InputFormat,
  { reader, onEvent }: SessionHooks & { readonly reader: ImageReader },
): Promise<void> {
  const { thaw } = (config ?? {}) as { thaw?: { pretraining?: unknown } };
  if (thaw?.pretraining !== 'drawings' || isText(format) || !onEvent) return;
  const small: Preprocessing = { ...format, fit: 'stretch', cropFraction: 1, width: SIDE, height: SIDE };
  const step = Math.max(1, Math.floor(train.length / LOOKED_AT));
  const chosen = train.filter((_, i) => i % step === 0).slice(0, LOOKED_AT);
  const images = await Promise.all(chosen.map(({ file }) => reader.decode(file, small, false).catch(() => [])));
  if (arePhotographs(images.flat())) onEvent({ type: 'mismatch', better: recommendedModel('photos').name });
}
