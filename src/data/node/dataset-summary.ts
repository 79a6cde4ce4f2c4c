/** Summary of a data set: sizes and formats of its images, and duplicates in two of its splits. */
import { stat } from 'node:fs/promises';
import type { Sharp } from 'sharp';
import { mapConcurrently } from '../concurrency.ts';
import { type Duplicate, findDuplicates, THUMB, type Thumb } from '../duplicates.ts';
import type { Pixels } from '../pixels.ts';
import type { Dataset, Sample } from '../types.ts';
import { openPixels, readHeader, toPixels, withImage } from './decode.ts';

/** A training image with a duplicate or near-duplicate in another split. */
export interface DuplicateImages {
  readonly kind: Duplicate['kind'];
  readonly train: Sample;
  readonly other: Sample;
  readonly split: 'val' | 'test';
}

export interface DatasetSummary {
  /** Number of examined images: all, unless the data set is too large. */
  readonly looked: number;
  readonly formats: readonly { readonly format: string; readonly count: number }[];
  /** Upright size, by number of pixels. */
  readonly sizes: Readonly<Record<'smallest' | 'median' | 'largest', readonly [width: number, height: number]>>;
  /** Total size of the examined files. */
  readonly bytes: number;
  /** Null if the data set is too large to compare. */
  readonly duplicates: readonly DuplicateImages[] | null;
}

/** Maximum number of images to decode. A photograph takes some milliseconds. */
const MOST = 5000;
const SLOTS = 32;

/** Evenly spaced: samples are in the order of their classes. */
const everyNth = (samples: readonly Sample[], step: number): readonly Sample[] =>
  samples.filter((_, i) => i % step === 0);

interface Examined {
  readonly format: string;
  readonly width: number;
  readonly height: number;
  readonly bytes: number;
  readonly thumb?: Thumb;
}

/**
 * Skips unreadable files, because training reports them. Null if no image is readable.
 *
 * @param decoded an already decoded image of a file, in any size; decoding takes most of the time
 */
export async function datasetSummary(
  dataset: Dataset,
  decoded: (file: string) => Pixels | undefined = () => undefined,
): Promise<DatasetSummary | null> {
  const { train, val, test } = dataset;
  const all = [...train, ...val, ...test];
  const compared = all.length <= MOST;
  const step = Math.ceil(all.length / MOST);
  const looks = await mapConcurrently(everyNth(all, step), SLOTS, ({ file }) =>
    examine(file, compared, decoded(file)).catch(() => undefined),
  );
  const seen = looks.filter((found) => found !== undefined);
  if (seen.length === 0) return null;
  const bySize = [...seen].sort((a, b) => a.width * a.height - b.width * b.height);
  const size = (at: number): readonly [number, number] => [bySize[at].width, bySize[at].height];
  const counts = new Map<string, number>();
  for (const { format } of seen) counts.set(format, (counts.get(format) ?? 0) + 1);
  return {
    looked: seen.length,
    formats: [...counts].map(([format, count]) => ({ format, count })).sort((a, b) => b.count - a.count),
    sizes: { smallest: size(0), median: size(Math.floor(seen.length / 2)), largest: size(seen.length - 1) },
    bytes: seen.reduce((sum, { bytes }) => sum + bytes, 0),
    duplicates: compared
      ? await duplicatesAmong(
          dataset,
          looks.map((found) => found?.thumb),
        )
      : null,
  };
}

/**
 * @param thumbs thumbnails of all images. They can come from images decoded at different sizes, so similar pairs are compared again, from
 * their files
 */
async function duplicatesAmong({ train, val, test }: Dataset, thumbs: readonly (Thumb | undefined)[]) {
  const others = [...val, ...test];
  const alike = findDuplicates(thumbs.slice(0, train.length), thumbs.slice(train.length));
  const settled = await mapConcurrently(alike, SLOTS, async ({ first, second }): Promise<DuplicateImages[]> => {
    const pair = { train: train[first], other: others[second] };
    const thumb = ({ file }: Sample) => withImage(file, thumbOf).catch(() => undefined);
    const [own, its] = await Promise.all([thumb(pair.train), thumb(pair.other)]);
    const split = second < val.length ? 'val' : 'test';
    return findDuplicates([own], [its]).map(({ kind }) => ({ kind, split, ...pair }));
  });
  return settled.flat();
}

async function examine(file: string, compare: boolean, decoded: Pixels | undefined): Promise<Examined> {
  const [{ format, autoOrient }, { size }] = await Promise.all([readHeader(file), stat(file)]);
  const thumb = compare ? await (decoded ? thumbOf(openPixels(decoded)) : withImage(file, thumbOf)) : undefined;
  return { format, width: autoOrient.width, height: autoOrient.height, bytes: size, thumb };
}

/** Oversampling of the thumbnails, because decoders that shrink while decoding are coarse at the smallest sizes. */
const OVER = 4;

async function thumbOf(image: Sharp): Promise<Thumb> {
  const side = THUMB * OVER;
  const { data } = await toPixels(image.resize(side, side, { fit: 'fill' }));
  const sums = new Float64Array(THUMB * THUMB * 3);
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++)
      for (let c = 0; c < 3; c++)
        sums[(Math.floor(y / OVER) * THUMB + Math.floor(x / OVER)) * 3 + c] += data[(y * side + x) * 3 + c];
  return Uint8Array.from(sums, (sum) => Math.round(sum / OVER ** 2));
}
