import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import * as images from '../../../src/data/node/index.ts';
import { presetPreprocessing } from '../../../src/data/preprocessing.ts';
import { writePredictedImages } from '../../../src/node/commands/batch-images.ts';
import { classification } from '../../../src/tasks/index.ts';
import { fromRgb, rgb } from '../../data/images.ts';

vi.mock('../../../src/data/node/index.ts', { spy: true });

const CLASSES = ['ant', 'bee', 'wasp'];
const FORMAT = { ...presetPreprocessing('unit'), width: 16, height: 16 };

let folder: string;
let val: { file: string; label: number }[];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'thaw-sheet-'));
  val = Array.from({ length: 40 }, (_, i) => ({ file: join(folder, `${i}.png`), label: Math.floor(i / 14) }));
  const png = await fromRgb(
    rgb(16, 16, () => [200, 60, 20]),
    16,
    16,
  )
    .png()
    .toBuffer();
  for (const { file } of val) writeFileSync(file, png);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('validation images of all classes have their labels and predictions, and mistakes are marked', async () => {
  const predictions = val.map(({ label }, index) => {
    const predicted = index % 5 === 0 ? 2 : label;
    return {
      index,
      label,
      predicted,
      probabilities: Float32Array.from(CLASSES, (_, c) => (c === predicted ? 0.8 : 0.1)),
    };
  });
  const written = new Map<string, Uint8Array>();
  const run = { writeFile: async (name: string, data: unknown) => void written.set(name, data as Uint8Array) };
  const measured = { task: classification(CLASSES), predictions };
  const source = new images.ImageSource({ samples: val, preprocessing: FORMAT });
  await writePredictedImages(run, { val: source, classes: CLASSES }, FORMAT, measured as never);
  const [[tiles]] = vi.mocked(images.contactSheet).mock.calls;
  expect(tiles).toHaveLength(16);
  const shown = tiles.map(({ caption, note, wrong }) => ({ caption, note, wrong }));
  expect(shown[0]).toEqual({ caption: 'ant', note: '→ wasp 80%', wrong: true });
  expect(shown[1]).toEqual({ caption: 'ant', note: '→ ant 80%', wrong: false });
  expect(new Set(shown.map(({ caption }) => caption))).toEqual(new Set(CLASSES));
  const { format, width, height } = await sharp(written.get('val_batch0.jpg')).metadata();
  expect(format).toBe('jpeg');
  // Four columns that are wide enough for their captions, and two lines below each image.
  expect(width).toBeGreaterThanOrEqual(4 * 140);
  expect(height).toBeGreaterThan(4 * (96 + 2 * 13));
});
