// Names in models and data that every JavaScript object has.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { elementsIn, readModel, renameValues, writeModel } from '../../src/onnx/index.ts';
import { readSettings, withClassWeights } from '../../src/session/index.ts';
import { SEEDS } from './seeds.ts';
import { trainOnce } from './training.ts';

test('parameters and inputs may have such names', async () => {
  const model = readModel(SEEDS['convolutions, batch norm, pooling']().model);
  const names = [...model.graph.initializers.keys()];
  const taken = ['constructor', 'toString', 'valueOf', 'hasOwnProperty', 'isPrototypeOf'];
  const [input] = model.graph.inputs.map(({ name }) => name).filter((name) => !names.includes(name));
  const graph = renameValues(
    model.graph,
    new Map([...names.slice(0, taken.length).map((name, i) => [name, taken[i]] as const), [input, 'toLocaleString']]),
  );
  const folder = mkdtempSync(join(tmpdir(), 'thaw-names-'));
  try {
    const path = join(folder, 'model.onnx');
    writeFileSync(path, writeModel({ ...model, graph }));
    expect(await trainOnce(path, folder)).toEqual(['inspected, trainable: all', 'artifacts of all', 'trained: all']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('classes may have such names: classes without a weight count 1', () => {
  const settings = withClassWeights(readSettings({ classWeights: { b: 3 } }), [0, 1], ['constructor', 'b']);
  expect(settings.loss).toMatchObject({ classWeights: [1, 3] });
});

test('symbols of shapes may have such names', () => {
  expect(elementsIn(['toString', 3, '2*constructor'], { constructor: 5 } as never)).toBe(30);
});
