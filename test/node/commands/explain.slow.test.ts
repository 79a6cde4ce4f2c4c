// Explanations of finished runs: the command, the report, the tasks, and a training at the other end of a channel.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { explain, exportRun, train } from '../../../src/node/commands/index.ts';
import { loadModel } from '../../../src/node/library/index.ts';
import type { PredictionSettings } from '../../../src/session/index.ts';
import { connect, emitterPort, serve } from '../../../src/worker/index.ts';
import { nodePlatform } from '../../../src/worker/node/platform.ts';
import { thaw } from '../../cli/streams.ts';
import { LESSONS, type Lesson } from '../../worker/lessons.ts';
import { requestOf } from '../../worker/request.ts';
import { makeProject, type Project } from './project.ts';

let project: Project;
let run: string;
let images: string[];
beforeAll(async () => {
  project = await makeProject();
  run = join(project.folder, 'run');
  images = ['red', 'green', 'blue'].map((colour) => join(project.data, 'val', colour, '0.png'));
  // Too few steps to learn, so that there are mistakes.
  await train({
    model: project.model,
    data: project.data,
    out: run,
    settings: { device: 'cpu', epochs: 1, preset: 'head-only', batch: 6, lr: 1e-6 },
  });
});
afterAll(() => project.remove());

describe('thaw explain', () => {
  test('writes an overlay for each image, and says the answers', async () => {
    const out = join(project.folder, 'overlays');
    const other = join(project.folder, 'note.txt');
    writeFileSync(other, 'no image');
    const result = await thaw(['explain', run, ...images, other, '--out', out, '--device', 'cpu']);
    expect(result.code).toBe(0);
    expect(result.out).toMatch(/skipped .*note\.txt/);
    const lines = result.out.trim().split('\n');
    expect(lines.filter((line) => /^(red|green|blue) +\d+\.\d% +\S+0\.png$/.test(line))).toHaveLength(3);
    expect(lines.slice(-3)).toEqual(['method    grad-cam', 'layer     q', `overlays  ${out}`]);
    const written = readdirSync(out);
    expect(written).toHaveLength(3);
    const { width, height, format } = await sharp(join(out, written[0])).metadata();
    expect({ width, height, format }).toEqual({ width: 256, height: 256, format: 'png' });
    const saturated = (await sharp(join(out, written[0])).stats()).channels.map(({ mean }) => mean);
    expect(Math.max(...saturated) - Math.min(...saturated)).toBeGreaterThan(1);
  });

  test('gives the maps as JSON, of any class and method', async () => {
    const out = join(project.folder, 'overlays-json');
    const asked = ['--class', 'green', '--method', 'integrated-gradients', '--steps', '8', '--out', out];
    const { code, out: text } = await thaw(['explain', run, images[0], ...asked, '--json', '--device', 'cpu']);
    expect(code).toBe(0);
    const [document] = JSON.parse(text);
    expect(document).toMatchObject({
      ...{ file: expect.stringMatching(/0\.png$/), label: 'green', method: 'integrated-gradients' },
      map: { width: 16, height: 16 },
      area: { left: 0, top: 0, width: 1, height: 1 },
      overlay: join(out, '0-green.png'),
    });
    expect(document.map.rows).toHaveLength(16);
    const sum = document.map.rows.flat().reduce((all: number, value: number) => all + value, 0);
    expect(sum).toBeCloseTo(document.completeness.sum, 4);
    expect(existsSync(document.overlay)).toBe(true);
  });

  test('refuses what it cannot explain in one line', async () => {
    const refused = async (...rest: string[]) => {
      const { code, err } = await thaw(['explain', run, images[0], ...rest]);
      expect(code).toBe(2);
      return err;
    };
    expect(await refused('--class', 'gren')).toContain('the model has no label "gren". Did you mean green?');
    expect(await refused('--method', 'rollout')).toContain('it has no attention layer. Use grad-cam instead');
    expect(await refused('--method', 'gradcam')).toContain('--method');
  });

  test('explains exports with halves and with integers like the model itself', async () => {
    const [own] = await explain({ model: run, images: [images[0]], settings: { device: 'cpu' } });
    for (const form of ['fp16', 'quantize'] as const) {
      const { file } = await exportRun({ run, [form]: true, out: join(project.folder, `${form}.onnx`) });
      const settings: PredictionSettings = { device: 'cpu', labels: ['blue', 'green', 'red'] };
      const [exported] = await explain({ model: file, images: [images[0]], label: own.label, settings });
      expect(exported.label).toBe(own.label);
      const scale = own.map.peak;
      for (const [i, value] of exported.map.values.entries())
        expect(Math.abs(value - own.map.values[i]) / scale).toBeLessThan(form === 'fp16' ? 0.01 : 0.2);
    }
  });
});

test('the report shows maps of the predicted and of the true class under the worst mistakes', () => {
  const report = readFileSync(join(run, 'report.html'), 'utf8');
  const maps = [...report.matchAll(/<div class="maps">.*?<\/div><\/div>/gs)].map(([block]) => block);
  expect(maps.length).toBeGreaterThan(0);
  for (const block of maps) {
    expect(block.match(/<img src="data:image\/jpeg;base64,[^"]+"/g)).toHaveLength(2);
    expect(new Set([...block.matchAll(/>for (\w+)</g)].map(([, label]) => label)).size).toBe(2);
  }
  expect(report).toContain('by the method grad-cam');
});

/** A client of a server in this thread. */
function client() {
  const { port1, port2 } = new MessageChannel();
  serve(emitterPort(port1), nodePlatform());
  return connect(emitterPort(port2));
}

test('a training elsewhere explains its current weights, as its finished model does', async () => {
  const worker = client();
  const training = await worker.open(await requestOf(project));
  const [before] = await training.explain([images[0]], { label: 'red' });
  await training.train();
  const { files } = await training.finish();
  const [after] = await training.explain([images[0]], { label: 'red' });
  const [again] = await training.explain([images[0]], { label: 'red' });
  expect(again).toEqual(after);
  expect(after.map).not.toEqual(before.map);
  expect(await training.report()).not.toContain('class="maps"');
  const loaded = await worker.loadModel({ model: files, settings: { device: 'cpu' } });
  const finished = await loaded.explain(images[0], { label: 'red' });
  expect(finished.label).toBe('red');
  for (const [i, value] of finished.map.values.entries()) expect(value).toBeCloseTo(after.map.values[i], 5);
  await loaded.dispose();
  worker.terminate();
});

describe('tasks', () => {
  const lesson = async (name: keyof typeof LESSONS) => {
    const { task, folder, data, settings } = LESSONS[name](project) as Lesson;
    const out = join(project.folder, name);
    await train({ model: folder, data, out, task, settings });
    return out;
  };

  test('of several numbers, one is explained by its name', async () => {
    const model = await loadModel(await lesson('numbers'), { task: 'regression', settings: { device: 'cpu' } });
    await expect(model.explain(images[0])).rejects.toThrow('the model gives 2 numbers, and an explanation is of one');
    const explanation = await model.explain(images[0], { label: 'green' });
    const { values } = await model(images[0]);
    expect(explanation).toMatchObject({ label: 'green', value: values.green });
    await model.dispose();
  });

  test('vectors and texts are refused', async () => {
    const vectors = await lesson('vectors');
    const settings = { device: 'cpu' } as const;
    await expect(explain({ model: vectors, images, settings })).rejects.toThrow('the task of the model is embedding');
    const texts = await lesson('texts');
    await expect(explain({ model: texts, images: ['fine'], settings })).rejects.toThrow('and the model reads texts');
  });
});
