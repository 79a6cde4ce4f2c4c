// Calls that overlap share batches, and each gets the predictions of its own samples.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sharpReader } from '../../../src/data/node/index.ts';
import { openPredictor } from '../../../src/node/commands/open-predictor.ts';
import { predict } from '../../../src/node/library/index.ts';
import { BatchedModel, type PredictionSettings } from '../../../src/session/index.ts';
import type { ClassPrediction, TaskName } from '../../../src/tasks/index.ts';
import { makeProject, type Project } from '../commands/project.ts';

let project: Project;
let images: readonly { readonly file: string; readonly bytes: Uint8Array }[];
const base: PredictionSettings = { labels: [...'abcde'], device: 'cpu', batch: 4 };

beforeAll(async () => {
  project = await makeProject({ train: 1, val: 4 });
  images = ['blue', 'green', 'red'].flatMap((name) =>
    [0, 1, 2, 3].map((i) => {
      const file = join(project.data, 'val', name, `${i}.png`);
      return { file, bytes: readFileSync(file) };
    }),
  );
});
afterAll(() => project.remove());

async function open(settings: PredictionSettings = base) {
  const { predictor } = await openPredictor({ model: project.model, settings }, {});
  const sizes: number[] = [];
  const outcomes = predictor.outcomes.bind(predictor);
  predictor.outcomes = async function* (source) {
    sizes.push(source.length);
    yield* outcomes(source);
  };
  const model = new BatchedModel<TaskName, Uint8Array>(predictor, (inputs) => sharpReader((i) => inputs[Number(i)]));
  const expected = (await predict({ model: project.model, images: images.map(({ file }) => file), settings })).map(
    ({ file: _, ...prediction }) => prediction,
  );
  return { model, sizes, expected };
}

const probabilities = (predictions: readonly object[]) =>
  predictions.flatMap((prediction) => Object.values((prediction as ClassPrediction).probabilities));
function expectClose(predictions: readonly object[], expected: readonly object[]) {
  const [own, others] = [probabilities(predictions), probabilities(expected)];
  expect(own).toHaveLength(others.length);
  for (const [i, value] of own.entries()) expect(value).toBeCloseTo(others[i], 5);
}

describe('overlapping calls', () => {
  test.each([base, { ...base, batch: 8, tta: 'flip' } as const])(
    'go through the model together: %j',
    async (settings) => {
      const { model, sizes, expected } = await open(settings);
      const answers = await Promise.all(images.map(({ bytes }) => model.predict([bytes])));
      expectClose(answers.flat(), expected);
      expect(sizes.reduce((a, b) => a + b)).toBe(12);
      expect(Math.max(...sizes)).toBe(4);
      expect(sizes.length).toBeLessThan(8);
      await model.dispose();
    },
  );

  test('a call that is larger than a batch is divided, and keeps its order', async () => {
    const { model, sizes, expected } = await open();
    const all = images.map(({ bytes }) => bytes);
    const [many, one, none] = await Promise.all([model.predict(all), model.predict([all[5]]), model.predict([])]);
    expectClose(many, expected);
    expectClose(one, [expected[5]]);
    expect(none).toEqual([]);
    expect(Math.max(...sizes)).toBe(4);
    await model.dispose();
  });

  test('a sample that cannot be read fails its own call, by its position', async () => {
    const { model, expected } = await open();
    const bad = Buffer.from('no image');
    const all = images.map(({ bytes }) => bytes);
    const answers = await Promise.allSettled([
      model.predict(all.slice(0, 3)),
      model.predict([...all.slice(0, 6), bad]),
      model.predict(all.slice(3)),
    ]);
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect((answers[1] as PromiseRejectedResult).reason.message).toBe('image 6 cannot be read: not an image');
    expectClose((answers[2] as PromiseFulfilledResult<object[]>).value, expected.slice(3));
    await model.dispose();
  });

  test('a caller that no longer waits leaves the queue', async () => {
    const { model, sizes } = await open({ ...base, batch: 1 });
    const left = new AbortController();
    const calls = images.map(({ bytes }, i) => model.predict([bytes], i > 5 ? left.signal : undefined));
    left.abort(new Error('gone'));
    const answers = await Promise.allSettled(calls);
    expect(answers.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThanOrEqual(6);
    expect(answers.at(-1)).toMatchObject({ status: 'rejected', reason: { message: 'gone' } });
    expect(sizes.length).toBeLessThan(12);
    await model.dispose();
  });
});
