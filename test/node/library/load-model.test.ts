import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadModel, predict } from '../../../src/node/library/index.ts';
import type { PredictionSettings } from '../../../src/session/index.ts';
import { makeProject, type Project } from '../commands/project.ts';

let project: Project;
let image: string;
const settings: PredictionSettings = { labels: [...'abcde'], device: 'cpu' };
const load = () => loadModel(project.model, { settings });

beforeAll(async () => {
  project = await makeProject();
  image = join(project.data, 'val', 'red', '0.png');
});
afterAll(() => project.remove());

describe('a loaded model', () => {
  test('accepts a path, a URL, a buffer, a Blob and pixels, one or many', async () => {
    const classify = await load();
    const bytes = readFileSync(image);
    const { data, info } = await sharp(image).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
    const pixels = { data: new Uint8ClampedArray(data), width: info.width, height: info.height };
    const inputs = [image, pathToFileURL(image), bytes, new Uint8Array(bytes), new Blob([bytes]), pixels];
    const many = await classify(inputs);
    const [expected] = await predict({ model: project.model, images: [image], settings });
    expect(many.map(({ probabilities }) => probabilities)).toEqual(inputs.map(() => expected.probabilities));
    expect(await classify(image)).toEqual(many[0]);
    expect([classify.task, classify.labels]).toEqual(['classification', settings.labels]);
    await classify.dispose();
  });

  test('ranks the best labels, also during other calls', async () => {
    const classify = await load();
    const [first, second] = await Promise.all([classify(image, { topK: 2 }), classify([image, image], { topK: 9 })]);
    const sorted = Object.entries(first.probabilities).sort(([, a], [, b]) => b - a);
    expect(first.top.map(({ label, probability }) => [label, probability])).toEqual(sorted.slice(0, 2));
    expect(first.top[0]).toEqual({ label: first.label, probability: first.probability });
    expect(second.map(({ top }) => top.length)).toEqual([5, 5]);
    await expect(classify(image, { topK: 0 })).rejects.toMatchObject({ code: 'bad-config' });
    await classify.dispose();
  });

  test('reports a sample that it cannot read, and the next call works', async () => {
    const classify = await load();
    await expect(classify([image, Buffer.from('no image')])).rejects.toThrow('image 1 cannot be read: not an image');
    await expect(classify({ data: new Uint8Array(5), width: 2, height: 2 })).rejects.toThrow('5 bytes are not 2 x 2');
    await expect(classify(new URL('https://example.org/cat.png'))).rejects.toMatchObject({ code: 'bad-data' });
    expect((await classify(image)).label).toMatch(/^[a-e]$/);
    await classify.dispose();
  });

  test('has the expected task, or is an error', async () => {
    const wrong = loadModel(project.model, { task: 'regression', settings });
    await expect(wrong).rejects.toThrow("the model's task is classification, not regression");
    const named = predict({ task: 'embedding', model: project.model, images: [image], settings });
    await expect(named).rejects.toMatchObject({ code: 'bad-config', hint: "Give task: 'classification'" });
  });
});
