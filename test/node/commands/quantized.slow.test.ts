import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exportRun, type JobEvent, resume, train, writeArtifacts } from '../../../src/node/commands/index.ts';
import { evaluate } from '../../../src/node/library/index.ts';
import { type Model, readModel, type Tensor } from '../../../src/onnx/index.ts';
import type { TrainingSettings } from '../../../src/session/index.ts';
import { quantizedPretrained } from '../../quantized-models.ts';
import { smallModel, weights } from '../../small-models.ts';
import { makeProject, type Project, saveModel } from './project.ts';

const SETTINGS: TrainingSettings = {
  device: 'cpu',
  batch: 6,
  lr: 0.02,
  pretrainedRate: 0.5,
  augment: 'none',
  quantized: 'straight-through',
  stages: [
    { train: 'head', epochs: 3 },
    { train: 'last:2', epochs: 3 },
  ],
};

let project: Project;
beforeAll(async () => {
  project = await makeProject({ train: 8, val: 6 });
});
afterAll(() => project.remove());

const save = (name: string, model: Model): string => saveModel(project, name, model);

describe.each([true, false])(
  'a quantized model trains with straight-through gradients, one scale per channel: %s',
  (perChannel) => {
    const source = quantizedPretrained({ perChannel });
    const run = () => join(project.folder, `run ${perChannel}`);
    let folder: string;
    let accuracy: number;
    let exported: Model;
    const events: JobEvent[] = [];

    beforeAll(async () => {
      folder = save(`quantized ${perChannel}`, source);
      const { after } = await train(
        { model: folder, data: project.data, out: run(), settings: SETTINGS },
        { onEvent: (event) => events.push(event) },
      );
      accuracy = after!.accuracy;
      const { file } = await exportRun({ run: run() });
      exported = readModel(readFileSync(file));
    });

    test('learns', () => {
      expect(accuracy).toBeGreaterThan(0.9);
    });

    test('the result has the graph of the source, with integer weights', () => {
      expect(exported.graph.nodes).toEqual(source.graph.nodes);
      expect(exported.opsets).toEqual(source.opsets);
      const typed = ({ graph }: Model) => [...graph.initializers].map(([name, { type }]) => [name, type]);
      expect(typed(exported)).toEqual(typed(source));
    });

    test('trained weights have new integers within their range; frozen weights keep their bytes', () => {
      const at = (model: Model, name: string) => model.graph.initializers.get(name) as Tensor;
      const changed = [...source.graph.initializers.keys()].filter(
        (name) => String(at(exported, name).data) !== String(at(source, name).data),
      );
      const head = ['fc.weight_quantized', 'fc.bias_quantized'];
      const ofChannels = ['weight', 'bias'].flatMap((kind) => [`fc.${kind}_scale`, `fc.${kind}_zero_point`]);
      const trained = [...head, 'block.weight_quantized', 'block.bias_quantized'];
      expect(changed.sort()).toEqual([...trained, ...(perChannel ? ofChannels : [])].sort());
      expect(at(exported, 'fc.weight_quantized').shape).toEqual([3, 8]);
      expect(at(exported, 'fc.weight_scale').shape).toEqual(perChannel ? [3] : []);
    });

    test('the model in ONNX Runtime is as accurate as measured', async () => {
      const verified = events.find((event) => event.type === 'verified');
      expect(verified?.maxDifference).toBeLessThan(0.001);
      expect((await evaluate({ model: run(), data: join(project.data, 'val') })).accuracy).toBe(accuracy);
    });

    test('reports its cost, and the settings that other programs need', () => {
      const notices = events.flatMap((event) => (event.type === 'notice' ? [event.message] : []));
      expect(notices).toContainEqual(expect.stringMatching(/quantized.*about as long as a float model/));
      expect(notices).toContainEqual(expect.stringMatching(/\d+ of 18 samples.*x64quantprecision/));
      expect(readFileSync(join(run(), 'model', 'README.md'), 'utf8')).toContain('## Quantized arithmetic');
    });

    test('a stopped and resumed run gives the same model', async () => {
      const out = `${run()} stopped`;
      const controller = new AbortController();
      const onEvent = (event: JobEvent) => event.type === 'epoch' && event.epoch === 4 && controller.abort();
      const request = { model: folder, data: project.data, out, settings: SETTINGS };
      const stopped = await train(request, { onEvent, signal: controller.signal });
      expect(stopped.status).toBe('interrupted');
      await resume(out);
      const model = (of: string) => readFileSync(join(of, 'model', 'onnx', 'model.onnx'));
      expect(model(out)).toEqual(model(run()));
    });

    test('has artifacts', async () => {
      const out = join(project.folder, `artifacts ${perChannel}`);
      const manifest = await writeArtifacts({ model: folder, out, trainable: 'all', quantized: 'straight-through' });
      expect(manifest.parameters.trainable.map(({ name }) => name)).toContain('stem.weight_quantized');
      const { graph } = readModel(readFileSync(join(out, 'training_model.onnx')));
      expect(graph.outputs.map(({ name }) => name)).toContain('stem.weight_quantized.grad');
    });
  },
);

describe('without --quantized straight-through', () => {
  test('it is refused, with a hint', async () => {
    const model = save('not asked', quantizedPretrained({ perChannel: false }));
    const out = join(project.folder, 'not asked run');
    const { quantized: _, ...settings } = SETTINGS;
    const refusal = expect.objectContaining({
      code: 'bad-model',
      line: expect.stringMatching(/is quantized .* float model .*; or .*--quantized straight-through`$/),
    });
    await expect(train({ model, data: project.data, out, settings })).rejects.toThrow(refusal);
    await expect(writeArtifacts({ model, out })).rejects.toThrow(refusal);
    expect(existsSync(out)).toBe(false);
  });

  test('what computes in whole numbers is refused all the same', async () => {
    const model = save(
      'dynamic',
      smallModel({
        inputs: { input: ['batch', 3, 16, 16] },
        outputs: { output: ['batch', 3] },
        initializers: { 'fc.weight': weights([3, 768]) },
        nodes: [
          ['DynamicQuantizeLinear', ['input'], ['whole', 'scale', 'zero'], {}, 'dynamic'],
          ['DequantizeLinear', ['whole', 'scale', 'zero'], ['float']],
          ['Flatten', ['float'], ['flat']],
          ['Gemm', ['flat', 'fc.weight'], ['output'], { transB: 1 }, 'fc'],
        ],
      }),
    );
    const out = join(project.folder, 'dynamic run');
    await expect(train({ model, data: project.data, out, settings: SETTINGS })).rejects.toThrow(
      expect.objectContaining({
        code: 'bad-model',
        line: expect.stringMatching(/integers \(DynamicQuantizeLinear node "dynamic"\).*QDQ/),
      }),
    );
  });
});
