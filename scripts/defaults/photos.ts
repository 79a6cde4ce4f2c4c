/** Tasks of photographs: copies of folders with `train/CLASS` and `val/CLASS`, or a part of their training images. */
import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { byCodeUnits } from '../../src/data/split.ts';
import { Random } from '../../src/random.ts';

const EXTENSIONS = ['.jpg', '.jpeg', '.png'];

/** The number of training images to draw of a class. */
export type CountOf = (label: string, all: number) => number;

/** Copies `source/train` and `source/val` to `folder/train` and `folder/held-out`. Draws the training images at random, always the same. */
export async function copyPhotos(source: string, folder: string, countOf: CountOf = (_, all) => all): Promise<void> {
  for (const [from, part] of Object.entries({ train: 'train', val: 'held-out' })) {
    for (const label of await readdir(join(source, from))) {
      const files = (await readdir(join(source, from, label))).filter(isImage).sort(byCodeUnits);
      const count = part === 'train' ? countOf(label, files.length) : files.length;
      const drawn = new Random(0, 'photos', label).shuffle(files).slice(0, count);
      await mkdir(join(folder, part, label), { recursive: true });
      for (const file of drawn) await copyFile(join(source, from, label, file), join(folder, part, label, file));
    }
  }
}

const isImage = (file: string): boolean => EXTENSIONS.includes(extname(file).toLowerCase());
