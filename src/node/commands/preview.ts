import { writeFile } from 'node:fs/promises';
import {
  type Batch,
  batchShape,
  blended,
  drawBlend,
  type Preprocessing,
  readAugmentation,
  type Sample,
} from '../../data/index.ts';
import { contactSheet, decodeImage, viewsOf } from '../../data/node/index.ts';
import { isText } from '../../data/text/index.ts';
import { requireRequest, ThawError } from '../../errors.ts';
import { tensor } from '../../onnx/index.ts';
import { Random } from '../../random.ts';
import { readSettings, type TrainSettings, type TrainSettingsInput } from '../../session/index.ts';
import { tilesOf } from './batch-images.ts';
import type { JobHooks } from './events.ts';
import { alternatingClasses } from './gallery.ts';
import { openDataOf, openModel } from './opening.ts';
import { shownPath } from './paths.ts';

export interface PreviewRequest {
  /** The model, which defines the preprocessing. */
  readonly model: string;
  readonly data: string;
  /** Output file: .png, .jpg or .webp. Default: `preview.png`. */
  readonly out?: string;
  /** Number of rows. Default: 6, alternating between classes. */
  readonly images?: number;
  /** Augmented views of each image. Default: 7. */
  readonly columns?: number;
  /** As for a training. */
  readonly settings?: TrainSettingsInput;
}

export interface Preview {
  readonly file: string;
  readonly images: readonly { readonly file: string; readonly label: string }[];
}

/** Length of a tile's longer side, in pixels. */
const SIDE = 128;

/**
 * Writes a contact sheet of training images: each image as in evaluation, then its views of the first epochs. With mixup or CutMix, the
 * images of the sheet are blended with each other.
 *
 * @throws ThawError for settings, models and data that a training would refuse
 */
export async function previewImages(request: PreviewRequest, hooks: JobHooks = {}): Promise<Preview> {
  requireRequest(request);
  const { out = 'preview.png', images = 6, columns = 7 } = request;
  const format = formatOf(out);
  for (const [name, count] of Object.entries({ images, columns })) {
    if (!(Number.isInteger(count) && count >= 1 && count <= 100))
      throw new ThawError('bad-config', `--${name} is ${count}`, 'Use a whole number from 1 to 100');
  }
  readAugmentation(readSettings({ ...request.settings }).augment);
  const opened = await openModel(request, hooks);
  const { settings, preprocessing } = opened;
  const augmentation = readAugmentation(settings.augment);
  if (isText(preprocessing)) {
    throw new ThawError(
      'bad-config',
      `${request.model} reads texts, but a preview shows images`,
      'Give an image model',
    );
  }
  const dataset = await openDataOf(opened, request.data, hooks);
  const chosen = alternatingClasses(dataset, images);
  const batchOf = (rows: readonly Float32Array[]): Batch => ({
    inputs: [tensor('float32', batchShape(preprocessing, rows.length), joined(rows))],
    labels: BigInt64Array.from(chosen, (i) => BigInt(dataset.train[i].label)),
    indices: chosen,
  });
  const plain = await Promise.all(chosen.map((i) => decodeImage(dataset.train[i].file, preprocessing)));
  const { seed } = settings;
  const views = await Promise.all(
    chosen.map((index) =>
      viewsOf(dataset.train[index].file, preprocessing, augmentation, { seed, index, count: columns }),
    ),
  );
  const batches = [
    batchOf(plain.map(({ data }) => data)),
    ...Array.from({ length: columns }, (_, view) =>
      mixedAs(settings, preprocessing, dataset.classes.length, view, batchOf(views.map((of) => of[view]))),
    ),
  ];
  const tiles = batches.map((batch, view) =>
    tilesOf(batch, preprocessing, dataset.classes).map((tile) =>
      view === 0 || batch.targets ? tile : { ...tile, caption: `view ${view}` },
    ),
  );
  const sheet = await contactSheet(
    chosen.flatMap((_, row) => tiles.map((column) => column[row])),
    columns + 1,
    SIDE,
  );
  await writeFile(out, await sheet.toFormat(format, format === 'jpeg' ? { quality: 85 } : {}).toBuffer());
  const shown = chosen.map((i) => dataset.train[i]);
  return {
    file: shownPath(out),
    images: shown.map((sample) => ({
      file: shownPath(sample.file),
      label: labelOf(sample, dataset.classes, settings),
    })),
  };
}

/** @throws ThawError `bad-config` for an unsupported format */
function formatOf(out: string): 'png' | 'jpeg' | 'webp' {
  const [, name] = /\.(png|jpe?g|webp)$/i.exec(out) ?? [];
  if (name === undefined)
    throw new ThawError('bad-config', `cannot write a sheet as ${out}`, 'Use .png, .jpg or .webp');
  const format = name.toLowerCase();
  return format === 'jpg' ? 'jpeg' : (format as 'png' | 'jpeg' | 'webp');
}

/** Concatenates rows. */
function joined(rows: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(rows.length * rows[0].length);
  for (const [i, row] of rows.entries()) all.set(row, i * row.length);
  return all;
}

/** A batch of the epoch with this view, with mixup or CutMix as in the settings. */
function mixedAs(
  { seed, mixup, cutmix, mixProbability }: TrainSettings,
  { width, height, layout }: Preprocessing,
  classes: number,
  view: number,
  batch: Batch,
): Batch {
  if (mixup === 0 && cutmix === 0) return batch;
  const random = new Random(seed, 'mix', view, batch.indices[0]);
  return blended(batch, drawBlend({ mixup, cutmix, mixProbability }, { width, height }, random), { classes, layout });
}

/** The label of an image as text. */
function labelOf({ label, targets }: Sample, classes: readonly string[], { task }: TrainSettings): string {
  if (!targets) return classes[label];
  return task === 'regression' ? targets.join(', ') : classes.filter((_, c) => targets[c] > 0).join(', ');
}
