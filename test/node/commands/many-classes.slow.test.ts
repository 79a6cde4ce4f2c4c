// A thousand classes, from training to export, with an interruption.
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { exportRun, resume, train } from '../../../src/node/commands/index.ts';
import { evaluate, predict } from '../../../src/node/library/index.ts';
import type { TrainingSettings } from '../../../src/session/index.ts';
import { fromRgb, rgb } from '../../data/images.ts';
import { makeProject, type Project, SIDE } from './project.ts';

const CLASSES = 1000;
const SETTINGS: TrainingSettings = {
  ...{ device: 'cpu', batch: 64, epochs: 2, trainable: 'head', augment: 'none', lr: 0.05, artifacts: false },
};

let project: Project;
let data: string;
beforeAll(async () => {
  project = await makeProject({ train: 1, val: 1 });
  data = join(project.folder, 'thousand');
  for (let c = 0; c < CLASSES; c++) {
    const colour = [(c % 10) * 25, (Math.floor(c / 10) % 10) * 25, Math.floor(c / 100) * 25] as [
      number,
      number,
      number,
    ];
    for (const split of ['train', 'val']) {
      const folder = join(data, split, `class-${String(c).padStart(4, '0')}`);
      mkdirSync(folder, { recursive: true });
      writeFileSync(
        join(folder, '0.png'),
        await fromRgb(
          rgb(SIDE, SIDE, () => colour),
          SIDE,
          SIDE,
        )
          .png()
          .toBuffer(),
      );
    }
  }
});
afterAll(() => project.remove());

test('trains, stops, resumes and reports a thousand classes', async () => {
  const request = { model: project.model, data, settings: SETTINGS };
  const stop = new AbortController();
  const out = join(project.folder, 'run');
  const stopped = await train(
    { ...request, out },
    { signal: stop.signal, onEvent: (event) => event.type === 'epoch' && stop.abort() },
  );
  expect(stopped.status).toBe('interrupted');
  const { status, epochs, before, after } = await resume(out);
  expect({ status, epochs }).toEqual({ status: 'finished', epochs: 2 });
  expect(before).toEqual(stopped.before);
  for (const file of ['report.html', 'plots/confusion.png', 'plots/confusion-blocks.png', 'plots/roc.png'])
    expect(existsSync(join(out, file)), file).toBe(true);
  // Nothing grows with the square of the classes, of which there are a million.
  for (const file of ['report.html', 'record.json', 'model/README.md', 'model/config.json'])
    expect(statSync(join(out, file)).size, file).toBeLessThan(900_000);
  expect(readFileSync(join(out, 'model/README.md'), 'utf8').split('\n').length).toBeLessThan(200);

  const { confusion, accuracy } = await evaluate({ model: out, data });
  expect(confusion).toHaveLength(CLASSES);
  expect(accuracy).toBe((after as { accuracy: number }).accuracy);
  const [one] = await predict({ model: out, images: [join(data, 'val/class-0007/0.png')], top: 3 });
  expect(Object.keys(one.probabilities)).toHaveLength(3);
  expect(one.probabilities[one.label]).toBe(one.probability);
  expect((await exportRun({ run: out, form: 'int8' })).verification?.samples).toBe(CLASSES);
});

test('the number of probabilities is checked', async () => {
  const images = [join(data, 'val/class-0007/0.png')];
  await expect(predict({ model: project.model, images, top: 0 })).rejects.toThrow('top is 0');
});
