// Images of the network's input: the contact sheet of `thaw preview`, and a run's first batches.
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { presetPreprocessing, readPixels, writePixels } from '../../../src/data/index.ts';
import { contactSheet } from '../../../src/data/node/index.ts';
import { previewImages, train } from '../../../src/node/commands/index.ts';
import { Random } from '../../../src/random.ts';
import { noise } from '../../data/web/compare.ts';
import { COLOURS, makeProject, type Project, SIDE } from './project.ts';

let project: Project;
beforeAll(async () => {
  project = await makeProject();
});
afterAll(() => project.remove());

/** Mean colour of a square in an image file. */
async function colourAt(file: string, left: number, top: number, side: number): Promise<number[]> {
  const { channels } = await sharp(
    await sharp(file).extract({ left, top, width: side, height: side }).png().toBuffer(),
  ).stats();
  return channels.slice(0, 3).map(({ mean }) => mean);
}
const isNear = (a: readonly number[], b: readonly number[]) => a.every((value, i) => Math.abs(value - b[i]) < 25);

test.each(['\x1b[8mcat\x07', '\ud83d', '👩‍👩‍👧‍👦'.repeat(40), '\ufffe"\'&<b>', '日本語'.repeat(20)])(
  'a sheet accepts the caption %j',
  async (caption) => {
    const pixels = { data: new Uint8Array(16 * 16 * 3), width: 16, height: 16 };
    const { info } = await (await contactSheet([{ pixels, caption }], 1)).raw().toBuffer({ resolveWithObject: true });
    expect(info.width).toBe(104 + 8);
  },
);

test.each([
  { channels: 'rgb', layout: 'nchw' },
  { channels: 'bgr', layout: 'nhwc' },
] as const)('reads back the pixels of $channels $layout', ({ channels, layout }) => {
  const p = presetPreprocessing('imagenet', { width: 9, height: 7, channels, layout });
  const image = noise(9, 7, new Random(1));
  const values = new Float32Array(5 + 9 * 7 * 3);
  writePixels(image, p, values, 5, { left: 0, top: 0 });
  expect(readPixels(values, p, 5)).toEqual(image);
});

test('a sheet has rows of tiles with captions', async () => {
  const grey = (value: number) => ({ data: new Uint8Array(16 * 16 * 3).fill(value), width: 16, height: 16 });
  const tiles = [10, 90, 170].map((value) => ({ pixels: grey(value), caption: `<${value} & more>` }));
  const { data, info } = await (await contactSheet(tiles, 2)).raw().toBuffer({ resolveWithObject: true });
  // 16-pixel tiles are enlarged six times.
  expect([info.width, info.height]).toEqual([2 * 104 + 8, 2 * (96 + 22) + 8]);
  const at = (x: number, y: number) => data[(y * info.width + x) * 3];
  expect([at(10, 10), at(8 + 104, 10), at(10, 8 + 118), at(8 + 104, 8 + 118)]).toEqual([10, 90, 170, 255]);
  const below = [...data.subarray((8 + 96) * info.width * 3, (8 + 96 + 22) * info.width * 3)];
  expect(below.some((value) => value < 120)).toBe(true);
});

test('thaw preview shows each image as in evaluation, then in different views, equal for equal seeds', async () => {
  const out = join(project.folder, 'sheet.png');
  const request = { ...project, out, images: 4, columns: 3, settings: { augment: 'heavy' } };
  const { images } = await previewImages(request);
  expect(images.map(({ label }) => label)).toEqual(['blue', 'green', 'red', 'blue']);
  const { width, height } = await sharp(out).metadata();
  expect([width, height]).toEqual([4 * 104 + 8, 4 * (96 + 22) + 8]);
  expect(isNear(await colourAt(out, 8, 8, 96), COLOURS.blue)).toBe(true);
  expect(isNear(await colourAt(out, 8, 8 + 118, 96), COLOURS.green)).toBe(true);
  expect(isNear(await colourAt(out, 8, 8 + 2 * 118, 96), COLOURS.red)).toBe(true);
  const first = await sharp(out).raw().toBuffer();
  await previewImages(request);
  expect((await sharp(out).raw().toBuffer()).equals(first)).toBe(true);
  await previewImages({ ...request, settings: { augment: 'heavy', seed: 1 } });
  expect((await sharp(out).raw().toBuffer()).equals(first)).toBe(false);
});

test('shows blended images', async () => {
  const out = join(project.folder, 'mixed.jpg');
  const settings = { augment: 'none', mixup: 1 };
  await previewImages({ ...project, out, images: 3, columns: 1, settings });
  const [blue, blend] = [await colourAt(out, 8, 8, 96), await colourAt(out, 8 + 104, 8, 96)];
  // The other part of blue comes from red, the last image.
  const share = (blend[0] - blue[0]) / (COLOURS.red[0] - blue[0]);
  expect(share).toBeGreaterThan(0.02);
  expect(
    isNear(
      blend,
      blue.map((value, c) => value + share * (COLOURS.red[c] - value)),
    ),
  ).toBe(true);
});

test.each([
  [{ out: 'sheet.gif' }, /sheet.gif/],
  [{ images: 0 }, /--images is 0/],
  [{ columns: 1.5 }, /--columns is 1.5/],
  [{ settings: { augment: 'wild' } }, /unknown augmentation policy "wild"/],
])('refuses %j', async (request, message) => {
  await expect(previewImages({ ...project, ...request })).rejects.toThrow(message);
});

test('a run has images of its first batch, and validation images of all classes with predictions', async () => {
  const out = join(project.folder, 'run');
  await train({
    ...project,
    out,
    settings: { epochs: 1, preset: 'head-only', batch: 6, augment: 'none', artifacts: false },
  });
  const sizeOf = async (name: string) => {
    const { width, height } = await sharp(join(out, name)).metadata();
    return [width, height];
  };
  const shown = Math.floor(96 / SIDE) * SIDE;
  expect(await sizeOf('train_batch0.jpg')).toEqual([4 * (shown + 8) + 8, 2 * (shown + 22) + 8]);
  // Wider columns, with two lines below each of 12 images.
  expect(await sizeOf('val_batch0.jpg')).toEqual([4 * (140 + 8) + 8, 3 * (shown + 40) + 8]);
  for (const [row, colour] of [COLOURS.blue, COLOURS.green, COLOURS.red].entries())
    expect(isNear(await colourAt(join(out, 'val_batch0.jpg'), 8, 8 + row * (shown + 40), 96), colour)).toBe(true);
});
