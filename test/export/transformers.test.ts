import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { env, pipeline } from '@huggingface/transformers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { wholeOf } from '../../src/bytes.ts';
import { type Preprocessing, readPreprocessing } from '../../src/data/index.ts';
import { ImageSource } from '../../src/data/node/index.ts';
import { exportModel, labelsOf, metadataOf, transformersFolder, verifyExport } from '../../src/export/index.ts';
import { readModel, writeModel } from '../../src/onnx/index.ts';
import { nodeRuntime } from '../../src/runtime/node/sessions.ts';
import { type ClassOutcome, classification } from '../../src/tasks/index.ts';
import { writeImage } from './images.ts';
import { classes, classifier, preprocessingFor, SIZE } from './networks.ts';

const runtime = nodeRuntime();
const task = classification(classes);
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'thaw-export-'));
  env.allowRemoteModels = false;
  env.allowLocalModels = true;
  env.localModelPath = folder;
  await writeImage(join(folder, 'fitting.png'), SIZE, SIZE, 1);
  await writeImage(join(folder, 'large.png'), SIZE * 3, SIZE * 3, 2);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const variants: Record<string, Partial<Preprocessing>> = {
  'NCHW, RGB': {},
  'NHWC, RGB': { layout: 'nhwc' },
  'NCHW, BGR': { channels: 'bgr', mean: [0.4, 0.5, 0.6], std: [0.2, 0.3, 0.1] },
  'NHWC, BGR': { channels: 'bgr', layout: 'nhwc', mean: [0.4, 0.5, 0.6], std: [0.2, 0.3, 0.1] },
  'NCHW, grey': { channels: 'grey', mean: [0.4], std: [0.2] },
  'NHWC, grey': { channels: 'grey', layout: 'nhwc', mean: [0.4], std: [0.2] },
};

describe.each(Object.entries(variants))('%s', (name, changes) => {
  const preprocessing = preprocessingFor(changes);
  const samples = () => ['fitting.png', 'large.png'].map((file, label) => ({ file: join(folder, file), label }));
  const model = exportModel(classifier(changes), new Map(), { version: '1', task: task.facts, preprocessing });
  const files = transformersFolder({
    model,
    task,
    preprocessing,
    input: 'images',
    output: 'scores',
    card: '# Ants',
  });

  /** Predictions of the source model, one image at a time, as its declared batch requires. */
  async function expected(): Promise<ClassOutcome[]> {
    const session = await runtime.load(writeModel(model));
    const all: ClassOutcome[] = [];
    for await (const batch of new ImageSource({ samples: samples(), preprocessing }).batches({
      epoch: 0,
      batchSize: 1,
    })) {
      const { scores } = await session.run({ images: batch.inputs[0] });
      all.push(...task.outcomes(scores.data as Float32Array, batch, 'model'));
    }
    return all;
  }

  test('the export agrees with the model, in batches', async () => {
    const verification = await verifyExport({
      model: wholeOf(files.get('onnx/model.onnx')!),
      runtime,
      source: new ImageSource({ samples: samples(), preprocessing }),
      preprocessing,
      task,
      shipped: true,
      batchSize: 2,
      expected: await expected(),
      input: 'pixel_values',
      output: 'logits',
      tolerance: 1e-5,
    });
    expect(verification).toMatchObject({ samples: 2, agreement: 1 });
  });

  test('transformers.js gives the same predictions', async () => {
    const path = join(folder, name.replace(/\W+/g, '-'));
    for (const [file, contents] of files) {
      await mkdir(dirname(join(path, file)), { recursive: true });
      await writeFile(join(path, file), contents);
    }
    const classify = await pipeline('image-classification', path);
    const [fitting, large] = await expected();
    const compare = async (file: string, { probabilities, predicted }: ClassOutcome, tolerance: number) => {
      const answers = (await classify(join(folder, file), { top_k: classes.length })) as {
        label: string;
        score: number;
      }[];
      expect(answers.map(({ label }) => label).sort()).toEqual(classes);
      for (const { label, score } of answers) {
        expect(Math.abs(score - probabilities[classes.indexOf(label)])).toBeLessThan(tolerance);
      }
      expect(answers[0].label).toBe(classes[predicted]);
    };
    // The image has the model's size, so only single-precision arithmetic can differ.
    await compare('fitting.png', fitting, 1e-5);
    // transformers.js resizes with libvips's `affine`; Thaw resizes like Pillow.
    await compare('large.png', large, 0.03);
    await classify.dispose();
  });

  test('the folder has everything to load it again', async () => {
    const json = (file: string) => JSON.parse(new TextDecoder().decode(wholeOf(files.get(file)!)));
    expect(labelsOf(json('config.json'))).toEqual(classes);
    const again = readPreprocessing(json('preprocessor_config.json'));
    expect(again).toMatchObject({ layout: 'nchw', width: SIZE, channels: changes.channels === 'bgr' ? 'bgr' : 'rgb' });
    const shipped = readModel(wholeOf(files.get('onnx/model.onnx')!));
    expect(metadataOf(shipped)).toEqual({ version: '1', task: task.facts, preprocessing: again });
    expect(metadataOf(model)).toEqual({ version: '1', task: task.facts, preprocessing });
    expect(shipped.graph.inputs.map(({ name, shape }) => [name, shape?.[0]])).toEqual([['pixel_values', 'batch']]);
    expect(shipped.graph.outputs).toEqual([{ name: 'logits', type: 'float32', shape: ['batch', 3] }]);
    expect(new TextDecoder().decode(wholeOf(files.get('README.md')!))).toBe('# Ants');
  });
});

test('a model too large for one file has two, which transformers.js loads', async () => {
  const preprocessing = preprocessingFor({});
  const model = exportModel(classifier({}), new Map(), { version: '1', task: task.facts, preprocessing });
  const options = { model, task, preprocessing, input: 'images', output: 'scores', card: '' };
  const answers = async (name: string, oneFile?: number) => {
    const files = transformersFolder(options, oneFile);
    for (const [file, contents] of files) {
      await mkdir(dirname(join(folder, name, file)), { recursive: true });
      await writeFile(join(folder, name, file), wholeOf(contents));
    }
    const classify = await pipeline('image-classification', join(folder, name));
    const found = await classify(join(folder, 'fitting.png'), { top_k: classes.length });
    await classify.dispose();
    return { found, names: [...files.keys()] };
  };
  const [one, two] = [await answers('one-file'), await answers('two-files', 1000)];
  expect(one.names).not.toContain('onnx/model.onnx_data');
  expect(two.names).toContain('onnx/model.onnx_data');
  expect(two.found).toEqual(one.found);
});
