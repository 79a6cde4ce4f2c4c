import { type Batch, type BatchSource, type Preprocessing, readPixels } from '../../data/index.ts';
import { contactSheet, type Tile } from '../../data/node/index.ts';
import type { RunWriter } from '../run/index.ts';

/** Maximum images on one sheet. */
const MOST = 16;
const COLUMNS = 4;
const SIDE = 160;

/**
 * Writes `train_batch0.jpg` and `val_batch0.jpg`: the first batches with their labels. The images are drawn from the values that the
 * network gets.
 */
export async function writeBatchImages(
  run: Pick<RunWriter, 'writeFile'>,
  sources: { readonly train: BatchSource; readonly val: BatchSource },
  {
    preprocessing,
    classes,
    batchSize,
  }: { preprocessing: Preprocessing; classes: readonly string[]; batchSize: number },
): Promise<void> {
  for (const [name, source] of Object.entries(sources)) {
    for await (const batch of source.batches({ epoch: 0, view: 0, batchSize })) {
      const tiles = tilesOf(batch, preprocessing, classes).slice(0, MOST);
      const sheet = await contactSheet(tiles, COLUMNS, SIDE);
      await run.writeFile(`${name}_batch0.jpg`, await sheet.jpeg({ quality: 88 }).toBuffer());
      break;
    }
  }
}

/** The images of a batch without cached features. */
export function tilesOf(batch: Batch, preprocessing: Preprocessing, classes: readonly string[]): Tile[] {
  const values = batch.inputs[0].data as Float32Array;
  const size = values.length / batch.indices.length;
  return batch.indices.map((_, i) => ({
    pixels: readPixels(values, preprocessing, i * size),
    caption: captionOf(batch, i, classes),
  }));
}

/** The class, the shares of mixed classes, or the numeric labels. */
function captionOf({ labels, targets, indices }: Batch, i: number, classes: readonly string[]): string {
  if (!targets) return classes[Number(labels[i])] ?? String(labels[i]);
  const count = targets.length / indices.length;
  const row = [...targets.subarray(i * count, (i + 1) * count)];
  if (count !== classes.length) return row.map((value) => value.toPrecision(3)).join(', ');
  return row
    .map((share, c) => ({ share, name: classes[c] }))
    .filter(({ share }) => share >= 0.005)
    .sort((a, b) => b.share - a.share)
    .map(({ share, name }) => (share === 1 ? name : `${name} ${share.toFixed(2)}`))
    .join(', ');
}
