/** A small model and coloured images on disk, like those of a user. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Model, writeModel } from '../../../src/onnx/index.ts';
import { Random } from '../../../src/random.ts';
import { fromRgb, rgb } from '../../data/images.ts';
import { smallModel, weights } from '../../small-models.ts';

export const SIDE = 16;
const FEATURES = 8;

/** Two convolutions and a classifier of five other classes, optionally with Softmax. */
export function pretrained({ softmax = false } = {}) {
  return smallModel({
    inputs: { input: ['batch', 3, SIDE, SIDE] },
    outputs: { output: ['batch', 5] },
    initializers: {
      'stem.weight': weights([4, 3, 3, 3], 1),
      'stem.bias': weights([4], 2),
      'block.weight': weights([FEATURES, 4, 3, 3], 3),
      'block.bias': weights([FEATURES], 4),
      'fc.weight': weights([5, FEATURES], 5),
      'fc.bias': weights([5], 6),
    },
    nodes: [
      ['Conv', ['input', 'stem.weight', 'stem.bias'], ['s'], { pads: [1, 1, 1, 1], strides: [2, 2] }, '/stem/Conv'],
      ['Relu', ['s'], ['r'], {}, '/stem/Relu'],
      ['Conv', ['r', 'block.weight', 'block.bias'], ['b'], { pads: [1, 1, 1, 1] }, '/block/Conv'],
      ['Relu', ['b'], ['q'], {}, '/block/Relu'],
      ['GlobalAveragePool', ['q'], ['p'], {}, '/pool'],
      ['Flatten', ['p'], ['f'], {}, '/Flatten'],
      ['Gemm', ['f', 'fc.weight', 'fc.bias'], [softmax ? 'scores' : 'output'], { transB: 1 }, '/fc/Gemm'],
      ...(softmax ? ([['Softmax', ['scores'], ['output'], { axis: 1 }, '/Softmax']] as const) : []),
    ],
  });
}

export const COLOURS = { blue: [40, 60, 200], green: [40, 190, 60], red: [210, 40, 40] } as const;

/** A noisy image of one colour. */
async function colouredImage(name: keyof typeof COLOURS, seed: number): Promise<Buffer> {
  const random = new Random(seed, name);
  const noisy = (value: number) => Math.min(255, Math.max(0, value + random.between(-60, 60)));
  const pixels = rgb(SIDE, SIDE, () => COLOURS[name].map(noisy) as [number, number, number]);
  return fromRgb(pixels, SIDE, SIDE).png().toBuffer();
}

export interface Project {
  readonly folder: string;
  readonly model: string;
  readonly data: string;
  remove(): void;
}

/** Makes `model/model.onnx` with its preprocessing, and `images/{train,val}/{blue,green,red}`. */
export async function makeProject({ train = 8, val = 4 } = {}): Promise<Project> {
  const folder = mkdtempSync(join(tmpdir(), 'thaw-jobs-'));
  const model = join(folder, 'model');
  mkdirSync(model);
  writeFileSync(join(model, 'model.onnx'), writeModel(pretrained()));
  writeFileSync(
    join(model, 'preprocessor_config.json'),
    JSON.stringify({
      do_resize: true,
      size: { height: SIDE, width: SIDE },
      do_rescale: true,
      do_normalize: true,
      image_mean: [0.5, 0.5, 0.5],
      image_std: [0.25, 0.25, 0.25],
    }),
  );
  const data = join(folder, 'images');
  for (const [split, count] of Object.entries({ train, val })) {
    for (const name of Object.keys(COLOURS) as (keyof typeof COLOURS)[]) {
      mkdirSync(join(data, split, name), { recursive: true });
      for (let i = 0; i < count; i++)
        writeFileSync(join(data, split, name, `${i}.png`), await colouredImage(name, i + (split === 'val' ? 1000 : 0)));
    }
  }
  return { folder, model, data, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Writes a model into its own folder, with the project's preprocessing. @returns the folder */
export function saveModel(project: Project, name: string, model: Model): string {
  const folder = join(project.folder, name);
  mkdirSync(folder);
  writeFileSync(join(folder, 'model.onnx'), writeModel(model));
  copyFileSync(join(project.model, 'preprocessor_config.json'), join(folder, 'preprocessor_config.json'));
  return folder;
}
