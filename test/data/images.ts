/** Generated test images, in a folder that is removed after the tests. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { onTestFinished } from 'vitest';

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'thaw-data-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function write(folder: string, name: string, content: string | Uint8Array): string {
  const file = join(folder, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

/** Raw RGB from a function of the position. */
export function rgb(
  width: number,
  height: number,
  colour: (x: number, y: number) => readonly [number, number, number],
): Uint8Array {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) data.set(colour(x, y), (y * width + x) * 3);
  return data;
}

export const fromRgb = (data: Uint8Array, width: number, height: number) =>
  sharp(data, { raw: { width, height, channels: 3 } });

/** Red grows to the right, green downwards; blue is in between. */
export const gradient = (width: number, height: number) =>
  rgb(width, height, (x, y) => [(x / (width - 1)) * 255, (y / (height - 1)) * 255, 128]);

export const flat = (background: string, width = 24, height = 16) =>
  sharp({ create: { width, height, channels: 3, background } });

/** A PNG with a flat colour that differs for each `n`. */
export const image = (n: number): Promise<Buffer> =>
  flat(`rgb(${(n * 37) % 256}, ${(n * 91) % 256}, ${n % 256})`)
    .png()
    .toBuffer();

/** Writes `train/cat/0.png` to `2.png` for `{ 'train/cat': 3 }`. */
export async function classFolders(folder: string, counts: Readonly<Record<string, number>>): Promise<string> {
  let n = 0;
  for (const [name, count] of Object.entries(counts)) {
    mkdirSync(join(folder, name), { recursive: true });
    for (let i = 0; i < count; i++) write(folder, `${name}/${i}.png`, await image(n++));
  }
  return folder;
}

/** A photograph-like JPEG of noise, long enough to truncate. */
export const noisyJpeg = (): Promise<Buffer> =>
  sharp({
    create: {
      width: 120,
      height: 90,
      channels: 3,
      background: '#000',
      noise: { type: 'gaussian', mean: 128, sigma: 40 },
    },
  })
    .jpeg()
    .toBuffer();
