import { copyFileSync, cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { evaluate, type JobEvent, type TrainingResult, train } from '../../../src/node/commands/index.ts';
import { makeProject, type Project } from './project.ts';

let project: Project;
/** Class folders without splits. */
let data: string;
let run: string;
let outcome: TrainingResult<'classification'>;

beforeAll(async () => {
  project = await makeProject({ train: 10, val: 2 });
  data = join(project.data, 'train');
  run = join(project.folder, 'run');
  const settings = { device: 'cpu', epochs: 1, augment: 'none', seed: 3, valFraction: 0.3 } as const;
  outcome = await train({ model: project.model, data, out: run, settings });
});
afterAll(() => project.remove());

async function measured(model: string, path: string, split?: 'train' | 'val' | 'test') {
  const events: JobEvent[] = [];
  const labels = model === run ? undefined : ['blue', 'green', 'red'];
  const request = { model, data: path, split, settings: { labels } };
  const { assessment, measured } = await evaluate(request, { onEvent: (event) => events.push(event) });
  expect(events).toContainEqual({ type: 'measuring', ...measured });
  return { ...measured, loss: assessment.loss };
}

test('on its own data, a run is measured on the images that it held out', async () => {
  const { loss } = outcome.after!;
  expect(await measured(run, data)).toEqual({
    data,
    split: 'val',
    samples: 9,
    ofRun: true,
    loss: expect.closeTo(loss, 5),
  });
  expect(await measured(join(run, 'model'), data)).toMatchObject({ split: 'val', samples: 9, ofRun: true });
  const warning = 'the model was trained on these images';
  expect(await measured(run, data, 'train')).toMatchObject({ split: 'train', samples: 21, ofRun: true, warning });
});

test('the folder can have moved', async () => {
  const moved = join(project.folder, 'moved');
  cpSync(data, moved, { recursive: true });
  expect(await measured(run, moved)).toMatchObject({ split: 'val', samples: 9, ofRun: true });
});

test('other data is measured as a whole, or its val', async () => {
  const other = join(project.data, 'val');
  const whole = { split: 'all', samples: 6, ofRun: false, trainedOn: data };
  expect(await measured(run, other)).toEqual({ data: other, ...whole, loss: expect.any(Number) });
  expect(await measured(run, project.data)).toMatchObject({ split: 'val', samples: 6, ofRun: false });
});

test('warns if the images may be training images', async () => {
  const lone = join(project.folder, 'lone.onnx');
  copyFileSync(join(run, 'model', 'onnx', 'model.onnx'), lone);
  copyFileSync(join(run, 'model', 'preprocessor_config.json'), join(project.folder, 'preprocessor_config.json'));
  const unknown = await measured(lone, data);
  expect(unknown).toMatchObject({ split: 'all', samples: 30, ofRun: false });
  expect(unknown.warning).toMatch(/^the model may have been trained on these images/);
  expect((await measured(lone, project.data)).warning).toBeUndefined();
  rmSync(join(data, 'red', '0.png'));
  const changed = await measured(run, data);
  expect(changed).toMatchObject({ split: 'all', samples: 29, ofRun: false });
  expect(changed.warning).toMatch(/^the images have changed since the training/);
});
