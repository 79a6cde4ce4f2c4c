/**
 * Draws docs/images/explain.jpg: photographs, and what three methods show of each.
 *
 *     npx tsx scripts/explain-image.ts RUN IMAGE…
 *
 * For the documentation: a run on photographs of cats, cows, dogs and elephants, from EfficientNet-Lite0 with `--trainable head`.
 */
import { writeFile } from 'node:fs/promises';
import sharp from 'sharp';
import { contactSheet, overlayPng, type Tile } from '../src/data/node/index.ts';
import { loadModel } from '../src/index.ts';

const METHODS = ['grad-cam', 'grad-cam++', 'integrated-gradients'] as const;
const SIDE = 190;

/** A square tile, cut from the middle. */
async function tile(image: string | Uint8Array, caption: string): Promise<Tile> {
  const square = sharp(image, { autoOrient: true }).resize(SIDE, SIDE, { fit: 'cover' }).removeAlpha();
  const { data, info } = await square.raw().toBuffer({ resolveWithObject: true });
  return { pixels: { data, width: info.width, height: info.height }, caption };
}

const [run, ...images] = process.argv.slice(2);
const model = await loadModel(run);
const tiles: Tile[] = [];
for (const image of images) {
  const { label, probability } = await model(image);
  tiles.push(await tile(image, `${label}, ${Math.round(100 * probability)}%`));
  for (const method of METHODS)
    tiles.push(await tile(await overlayPng(image, await model.explain(image, { method })), method));
}
await model.dispose();
const sheet = await contactSheet(tiles, 1 + METHODS.length);
await writeFile('docs/images/explain.jpg', await sheet.jpeg({ quality: 76 }).toBuffer());
