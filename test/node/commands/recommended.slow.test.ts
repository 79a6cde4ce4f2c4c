// Recommended settings of a model, from its folder to the run and the finished model.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { findLr, type JobEvent, previewImages, type TrainRequest, train } from '../../../src/node/commands/index.ts';
import { makeProject, type Project } from './project.ts';

const AUGMENT = { fill: 'edge', rotation: { probability: 1, degrees: [-20, 20] } };
const SETTINGS = { device: 'cpu', artifacts: false, preset: 'head-only', epochs: 1 } as const;

let project: Project;
beforeAll(async () => {
  project = await makeProject({ train: 4, val: 2 });
});
afterAll(() => project.remove());

const recommend = (training: unknown) =>
  writeFileSync(join(project.model, 'config.json'), JSON.stringify({ thaw: { training } }));

async function trained(name: string, request: Partial<TrainRequest> = {}) {
  const events: JobEvent[] = [];
  const out = join(project.folder, name);
  const { model, data } = project;
  await train(
    { model, data, out, ...request, settings: { ...SETTINGS, ...request.settings } },
    { onEvent: (event) => events.push(event) },
  );
  return {
    told: events.filter(({ type }) => type === 'recommended'),
    settings: parse(readFileSync(join(out, 'config.yaml'), 'utf8')),
    shipped: JSON.parse(readFileSync(join(out, 'model', 'config.json'), 'utf8')).thaw?.training,
  };
}

test('a training uses, reports, records and passes on the recommendations of its model', async () => {
  recommend({ augment: AUGMENT, views: 0, lr: 0.03 });
  const first = await trained('first');
  expect(first.told).toEqual([{ type: 'recommended', settings: { augment: AUGMENT, views: 0, lr: 0.03 } }]);
  expect(first.settings).toMatchObject({ augment: AUGMENT, views: 0, lr: 0.03 });
  expect(first.shipped).toEqual({ augment: AUGMENT, views: 0, lr: 0.03 });

  const next = await trained('next', { model: join(project.folder, 'first'), settings: { lr: 0.004 } });
  expect(next.told).toEqual([{ type: 'recommended', settings: { augment: AUGMENT, views: 0 } }]);
  expect(next.settings).toMatchObject({ augment: AUGMENT, views: 0, lr: 0.004 });
  expect(next.shipped).toEqual({ augment: AUGMENT, views: 0, lr: 0.004 });
});

test('without recommendations, nothing is reported, and defaults are not passed on', async () => {
  recommend({});
  const { told, settings, shipped } = await trained('usual');
  expect(told).toEqual([]);
  expect(settings).toMatchObject({ augment: 'light', views: 'auto', lr: 0.002 });
  expect(shipped).toBeUndefined();
});

test('preview and find-lr use them too', async () => {
  recommend({ augment: AUGMENT, lr: 0.03 });
  const { model, data } = project;
  const told: JobEvent[] = [];
  const hooks = { onEvent: (event: JobEvent) => event.type === 'recommended' && told.push(event) };
  const sheet = async (name: string, settings = {}) => {
    const out = join(project.folder, name);
    await previewImages({ model, data, out, images: 2, columns: 2, settings }, hooks);
    return readFileSync(out);
  };
  const recommended = await sheet('recommended.png');
  expect(recommended).toEqual(await sheet('given.png', { augment: AUGMENT }));
  expect(recommended).not.toEqual(await sheet('usual.png', { augment: 'light' }));
  await findLr({ model, data, steps: 10, settings: { device: 'cpu' } }, hooks);
  expect(told.at(-1)).toEqual({ type: 'recommended', settings: { augment: AUGMENT, lr: 0.03 } });
});

test('an invalid recommendation is a one-line error before anything is written', async () => {
  recommend({ augment: { rotation: { probability: 2, degrees: [0, 9] } } });
  await expect(trained('bad')).rejects.toMatchObject({
    code: 'bad-config',
    line: expect.stringMatching(
      /^config\.json: thaw\.training\.augment: .*rotation\.probability.* set augment yourself$/,
    ),
  });
  await expect(trained('mended', { settings: { augment: 'none' } })).resolves.toMatchObject({ told: [] });
});
