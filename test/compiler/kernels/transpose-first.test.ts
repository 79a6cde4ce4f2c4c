import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { transposeFirst } from '../../../src/compiler/kernels/index.ts';
import { GraphBuilder, readModel } from '../../../src/onnx/index.ts';
import { encode, random, run } from './harness.ts';

/** aᵀ·b with these numbers of columns, with or without a transpose of one operand first. */
function graphOf(rows: number, columns: number, first: boolean) {
  const b = new GraphBuilder();
  const [x, dy] = [rows, columns].map((size, i) => b.input(`x${i}`, 'float32', ['N', size]));
  const product = b.identity(b.gemm(x, dy, undefined, { transA: true }), 'product');
  if (first) transposeFirst(b);
  return { b, encoded: encode(b, [x, dy], [product]) };
}

const operators = (rows: number, columns: number) => graphOf(rows, columns, true).b.nodes.map(({ op }) => op);

describe('a large product with a transposed left operand', () => {
  it('transposes the smaller operand first', () => {
    expect(operators(64, 256)).toEqual(['Transpose', 'Reshape', 'Gemm', 'Identity']);
    expect(operators(256, 64)).toEqual([...['Transpose', 'Reshape', 'Gemm', 'Reshape', 'Transpose', 'Identity']]);
  });

  it('stays unchanged if it has few rows or columns', () => expect(operators(63, 256)).toEqual(['Gemm', 'Identity']));

  it('shares the transpose of an operand', () => {
    const b = new GraphBuilder();
    const [x, q, k] = ['x', 'q', 'k'].map((name) => b.input(name, 'float32', ['N', 64]));
    for (const dy of [q, k]) b.gemm(x, dy, undefined, { transA: true });
    transposeFirst(b);
    expect(b.nodes.filter(({ op }) => op === 'Transpose')).toHaveLength(1);
  });

  it.each([
    [64, 256],
    [256, 64],
    [130, 130],
  ])('has the same bits: %i by %i', async (rows, columns) => {
    const feeds = { x0: random(1, [300, rows]), x1: random(2, [300, columns]) };
    const [expected, found] = await Promise.all(
      [false, true].map(async (first) => {
        const session = await InferenceSession.create(graphOf(rows, columns, first).encoded, { logSeverityLevel: 3 });
        return run(session, feeds);
      }),
    );
    expect(found).toEqual(expected);
  });

  it('is not merged with its transposes again by ONNX Runtime', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'thaw-transpose-'));
    try {
      const optimizedModelFilePath = join(folder, 'optimized.onnx');
      await InferenceSession.create(graphOf(256, 64, true).encoded, { optimizedModelFilePath, logSeverityLevel: 3 });
      const { graph } = readModel(await readFile(optimizedModelFilePath));
      expect(graph.nodes.map(({ op }) => op)).toEqual(['Transpose', 'Reshape', 'Gemm', 'Reshape', 'Transpose']);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
