import { describe, expect, test } from 'vitest';
import { ThawError } from '../../src/errors.ts';
import { readModel, writeModel } from '../../src/onnx/index.ts';
import { Random } from '../../src/random.ts';
import { ints, smallModel, tensorAttribute, weights } from '../small-models.ts';

const bytes = writeModel({
  ...smallModel({
    inputs: { x: ['N', 3] },
    outputs: { y: ['N', 2] },
    initializers: {
      w: weights([3, 2]),
      names: { type: 'string', shape: [2], data: ['cat', 'dog'] },
    },
    nodes: [
      ['Constant', [], ['shape'], { value: tensorAttribute(ints(-1, 3)) }],
      ['Reshape', ['x', 'shape'], ['same']],
      ['MatMul', ['same', 'w'], ['y'], { kind: 'plain' }],
    ],
  }),
  metadata: { author: 'somebody' },
});

/** Reads damaged bytes. They either form a model or cause a user error of one line. */
function outcome(damaged: Uint8Array): 'model' | 'error' {
  try {
    readModel(damaged);
    return 'model';
  } catch (error) {
    if (!(error instanceof ThawError) || error.line.includes('\n')) throw error;
    return 'error';
  }
}

test('a truncated model is refused, unless only the part after its graph is missing', () => {
  const outcomes = Array.from(bytes, (_, length) => outcome(bytes.subarray(0, length)));
  const graphEnd = outcomes.indexOf('model');
  expect(graphEnd).toBeGreaterThan(bytes.length - 60);
  expect(outcomes.slice(0, graphEnd).every((one) => one === 'error')).toBe(true);
});

test('any wrong byte gives a model or an error', () => {
  const random = new Random(1);
  const counts = { model: 0, error: 0 };
  for (let at = 0; at < bytes.length; at++) {
    for (const change of [0x01, 0x80, 0xff, 1 + random.below(255)]) {
      const damaged = bytes.slice();
      damaged[at] ^= change;
      counts[outcome(damaged)]++;
    }
  }
  expect(counts.error).toBeGreaterThan(bytes.length / 4);
});

describe('the reader refuses', () => {
  const random = new Random(2);
  test.each<[string, Uint8Array, RegExp]>([
    ['nothing', new Uint8Array(), /empty/],
    [
      'a text',
      new TextEncoder().encode('version https://git-lfs.github.com/spec/v1\n'),
      /no ONNX|truncated|not an ONNX/,
    ],
    ['a page', new TextEncoder().encode('<!doctype html><html><body>Not found</body></html>'), /ONNX/],
    ['zeros', new Uint8Array(1000), /ONNX/],
    ['nested without end', new Uint8Array(10_000).fill(0x3a), /ONNX/],
    ['an image', Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d), /ONNX/],
  ])('%s', (_, damaged, message) => {
    expect(outcome(damaged)).toBe('error');
    expect(() => readModel(damaged)).toThrow(message);
  });

  test('random bytes', () => {
    for (let i = 0; i < 300; i++) {
      expect(outcome(Uint8Array.from({ length: 1 + random.below(200) }, () => random.below(256)))).toBe('error');
    }
  });
});

test('the cost of a node with thousands of inputs computed after it is proportional to the file size', () => {
  const names = Array.from({ length: 30_000 }, (_, i) => `v${i}`);
  const model = smallModel({
    inputs: { x: [1] },
    outputs: { y: [names.length] },
    nodes: [
      ['Concat', names, ['y'], { axis: 0 }],
      ...names.map((name) => ['Identity', ['x'], [name]] as [string, string[], string[]]),
    ],
  });
  const began = process.cpuUsage();
  const { graph } = readModel(writeModel(model));
  expect(graph.nodes.at(-1)?.op).toBe('Concat');
  const { user } = process.cpuUsage(began);
  expect(user / 1000).toBeLessThan(5000);
});
