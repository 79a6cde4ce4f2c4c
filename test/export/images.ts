import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import sharp from 'sharp';
import { Random } from '../../src/random.ts';

/** A PNG with soft shapes in many colours, so that swapped channels would show. */
export async function writeImage(path: string, width: number, height: number, seed: number): Promise<void> {
  const random = new Random(seed);
  const waves = Array.from({ length: 3 }, () => [random.between(1, 3), random.between(1, 3), random.between(0, 6)]);
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) {
    const [x, y] = [(Math.floor(i / 3) % width) / width, Math.floor(i / 3 / width) / height];
    const [across, down, phase] = waves[i % 3];
    data[i] = 127.5 + 127 * Math.sin(across * x * 4 + down * y * 4 + phase);
  }
  await mkdir(dirname(path), { recursive: true });
  await sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toFile(path);
}
