import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeArtifacts } from '../../src/node/commands/artifacts.ts';
import { inspectModel } from '../../src/node/commands/inspect.ts';
import { writeModelFile } from '../../src/node/models/files.ts';
import { withOutput } from '../../src/session/index.ts';
import { smallModel, weights } from '../small-models.ts';

/** An output of integers, then two heads on the same features. */
const model = smallModel({
  inputs: { x: ['batch', 4] },
  outputs: { best: ['batch', 1], coarse: ['batch', 2], fine: ['batch', 3] },
  types: { best: 'int64' },
  initializers: { shared: weights([4, 5]), first: weights([5, 2]), second: weights([5, 3]) },
  nodes: [
    ['MatMul', ['x', 'shared'], ['features']],
    ['MatMul', ['features', 'first'], ['coarse']],
    ['MatMul', ['features', 'second'], ['fine']],
    ['ArgMax', ['coarse'], ['best'], { axis: 1 }],
  ],
});

test('only the selected output stays, with the nodes that it needs', () => {
  const { graph } = withOutput(model, 'fine');
  expect(graph.outputs.map(({ name }) => name)).toEqual(['fine']);
  expect([...graph.initializers.keys()]).toEqual(['shared', 'second']);
  expect(graph.nodes.flatMap(({ outputs }) => outputs)).toEqual(['features', 'fine']);
  expect(withOutput(model, undefined)).toBe(model);
  expect(() => withOutput(model, 'finest')).toThrowError(
    expect.objectContaining({ code: 'bad-config', hint: 'Its outputs are best, coarse, fine' }),
  );
});

test('artifacts and inspect use the selected output', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'thaw-output-'));
  try {
    const file = join(folder, 'model.onnx');
    await writeModelFile(file, model);
    const request = { model: file, trainable: 'all' } as const;
    await expect(writeArtifacts({ ...request, out: join(folder, 'refused') })).rejects.toThrowError(
      expect.objectContaining({ hint: expect.stringContaining('--output: best, coarse, fine') }),
    );
    const manifest = await writeArtifacts({ ...request, output: 'fine', out: join(folder, 'artifacts') });
    expect(manifest.output).toBe('fine');
    expect(manifest.parameters.trainable.map(({ name }) => name)).toEqual(['shared', 'second']);
    const inspection = await inspectModel({ model: file, output: 'coarse' });
    expect(inspection.outputs.map(({ name }) => name)).toEqual(['coarse']);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
