import { createHash } from 'node:crypto';
import { drawAugmentation, readAugmentation } from '../../src/data/augment/index.ts';
import { presetPreprocessing } from '../../src/data/index.ts';
import { sharpReader } from '../../src/data/node/index.ts';
import { Random } from '../../src/random.ts';

const hash = (data: Uint8Array | Float32Array) =>
  createHash('sha256')
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest('hex');

/** The pixels of each file for each filter: small, large, and with several augmentations. */
export async function decoded(files: readonly string[]): Promise<readonly (readonly string[])[]> {
  const reader = sharpReader();
  const augmentation = readAugmentation('heavy');
  const made: string[][] = [];
  for (const file of files) {
    const hashes: string[] = [];
    for (const interpolation of ['nearest', 'linear', 'cubic', 'lanczos3'] as const) {
      const p = { ...presetPreprocessing('raw', { size: 48, layout: 'nhwc' }), interpolation };
      const large = await reader.decode(file, p, true);
      hashes.push(hash((await reader.decode(file, p, false)).data), hash(large.data));
      for (let seed = 0; seed < 6; seed++) {
        const out = new Float32Array(48 * 48 * 3);
        await reader.augment(large, p, drawAugmentation(augmentation, new Random(seed)), out, 0);
        hashes.push(hash(out));
      }
    }
    made.push(hashes);
  }
  return made;
}
