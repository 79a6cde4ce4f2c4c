/**
 * Copies each image of data sets in five ways, and measures the share of copies that are found, and the pairs of different images that are
 * taken for duplicates:
 *
 *     npx tsx scripts/clean/duplicates.ts MODEL DATA …
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { Comparison, duplicateGroups } from '../../src/cleaning/index.ts';
import type { Sample } from '../../src/data/index.ts';
import { featuresOf, looksOf } from '../../src/node/commands/clean/examine.ts';
import { openLabelled } from '../../src/node/commands/inputs.ts';
import { openExtractor } from '../../src/node/commands/open-extractor.ts';

const [model, ...sets] = process.argv.slice(2);
if (!model || sets.length === 0) {
  console.error('Usage: npx tsx scripts/clean/duplicates.ts MODEL DATA …');
  process.exit(2);
}

type Copy = (upright: Buffer, width: number, height: number) => Sharp;
const COPIES: Readonly<Record<string, Copy>> = {
  'JPEG, quality 40': (image) => sharp(image).jpeg({ quality: 40 }),
  'half size': (image, width, height) =>
    sharp(image)
      .resize(Math.max(8, width >> 1), Math.max(8, height >> 1))
      .png(),
  '5% cropped': (image, width, height) => {
    const [left, top] = [Math.round(0.025 * width), Math.round(0.025 * height)];
    return sharp(image)
      .extract({ left, top, width: width - 2 * left, height: height - 2 * top })
      .png();
  },
  '25% brighter': (image) => sharp(image).modulate({ brightness: 1.25 }).png(),
  mirrored: (image) => sharp(image).flop().png(),
};

const { extractor, identity } = await openExtractor({ model }, {});
for (const data of sets) {
  const { train, val, test } = await openLabelled(data, extractor.parts.format, { valFraction: 0 });
  const originals = [...train, ...val, ...test];
  const folder = await mkdtemp(join(tmpdir(), 'thaw-copies-'));
  const samples: Sample[] = [...originals];
  const kinds: string[] = originals.map(() => '');
  for (const [i, { file }] of originals.entries()) {
    const upright = sharp(file, { autoOrient: true }).flatten({ background: '#fff' }).png();
    const { data: image, info } = await upright.toBuffer({ resolveWithObject: true });
    for (const [kind, copy] of Object.entries(COPIES)) {
      const path = join(folder, `${i}-${kinds.length}`);
      await writeFile(path, await copy(image, info.width, info.height).toBuffer());
      samples.push({ file: path, label: 0 });
      kinds.push(kind);
    }
  }
  const looks = await looksOf(samples, {});
  const digests = looks.map((look) => look?.digest);
  const { features } = await featuresOf(extractor, samples, digests, identity, {});
  const comparable = looks.map((look) => look!);
  const groups = duplicateGroups(comparable, new Comparison(comparable, { features, size: extractor.size }));
  console.log(`${data} with ${model}: ${originals.length} images`);
  const copies = Object.keys(COPIES);
  for (const [k, kind] of copies.entries()) {
    const found = originals.filter((_, i) => groups[originals.length + i * copies.length + k] === groups[i]).length;
    console.log(`  ${kind}: ${((100 * found) / originals.length).toFixed(1)}% found`);
  }
  const own = groups.slice(0, originals.length);
  const joined = own.filter((group, i) => group !== i);
  console.log(
    `  different images taken for duplicates: ${joined.length}`,
    joined.map((group) => originals[group]!.file),
  );
  await rm(folder, { recursive: true });
}
await extractor.release();
