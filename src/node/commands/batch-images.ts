import { atEqualSteps, type Batch, type BatchSource, type Preprocessing, readPixels } from '../../data/index.ts';
import { contactSheet, type Tile } from '../../data/node/index.ts';
import { percent } from '../../report/format.ts';
import type { Task, TaskOutcome } from '../../tasks/index.ts';
import type { RunWriter } from '../run/index.ts';

/** Maximum images on one sheet. */
const MOST = 16;
const COLUMNS = 4;
const SIDE = 160;

/**
 * Writes `train_batch0.jpg` and `val_batch0.jpg`: the first batches with their labels. The images are drawn from the values that the
 * network gets. At the end of the run, `writePredictedImages` replaces the second file.
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
    for await (const batch of source.batches({ epoch: 0, view: 0, batchSize, until: 1 })) {
      await writeSheet(run, name, tilesOf(batch, preprocessing, classes).slice(0, MOST));
    }
  }
}

/**
 * Writes `val_batch0.jpg` with the predictions of the finished model below the labels, for images from the whole validation set. Vectors
 * cannot be compared with labels, so an embedding keeps the labels only.
 */
export async function writePredictedImages(
  run: Pick<RunWriter, 'writeFile'>,
  { val, classes }: { readonly val: BatchSource; readonly classes: readonly string[] },
  preprocessing: Preprocessing,
  { task, predictions }: { readonly task: Task; readonly predictions: readonly TaskOutcome[] },
): Promise<void> {
  if (predictions.length === 0 || task.facts.task === 'embedding') return;
  const chosen = atEqualSteps(predictions.length, MOST).map((i) => predictions[i]);
  const byIndex = new Map(chosen.map((outcome) => [outcome.index, outcome]));
  const tiles: Tile[] = [];
  for await (const batch of val.batches({ epoch: 0, batchSize: MOST, only: [...byIndex.keys()] })) {
    for (const [i, tile] of tilesOf(batch, preprocessing, classes).entries()) {
      const [value, probability] = task.words(byIndex.get(batch.indices[i])!);
      const wrong = task.mistakes !== undefined && value !== (tile.caption || NONE);
      tiles.push({
        ...tile,
        note: `→ ${value}${probability === undefined ? '' : ` ${percent(probability, 0)}`}`,
        wrong,
      });
    }
  }
  if (tiles.length) await writeSheet(run, 'val', tiles);
}

/** The prediction without any label. */
const NONE = '(none)';

async function writeSheet(run: Pick<RunWriter, 'writeFile'>, name: string, tiles: readonly Tile[]): Promise<void> {
  const sheet = await contactSheet(tiles, COLUMNS, SIDE);
  await run.writeFile(`${name}_batch0.jpg`, await sheet.jpeg({ quality: 88 }).toBuffer());
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
