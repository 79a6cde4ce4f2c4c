import { expect, test } from 'vitest';
import { ThawError } from '../../src/errors.ts';
import { readModel } from '../../src/onnx/index.ts';
import { LIMITS } from '../../src/onnx/limits.ts';
import { encodeFields, type Field, message } from '../hostile/protobuf.ts';

/** `count` copies of a field that is encoded once. */
function many(count: number, field: Field): Uint8Array {
  const one = encodeFields([field]);
  const all = new Uint8Array(count * one.length);
  for (let i = 0; i < count; i++) all.set(one, i * one.length);
  return all;
}

const model = (graph: Uint8Array | Field[]): Uint8Array =>
  encodeFields([message(8, [message(2, 17n)]), message(7, graph)]);
const node = (content: Uint8Array | Field[]): Uint8Array => encodeFields([message(1, content)]);
const initializer = (content: Uint8Array): Uint8Array => encodeFields([message(5, content)]);

/** A graph in an attribute of a node in a graph …, `depth` graphs in total. */
function nested(depth: number): Uint8Array {
  let graph: Uint8Array = encodeFields([message(2, 'inmost')]);
  for (let i = 1; i < depth; i++)
    graph = node([message(4, 'If'), message(5, [message(1, 'then_branch'), message(6, graph), message(20, 5n)])]);
  return graph;
}

const packed = (count: number) => new Uint8Array(count).fill(1);

test.each<[string, Uint8Array, RegExp]>([
  ['3,000,000 empty nodes', model(many(3_000_000, message(1, ''))), /more than 200,000 nodes$/],
  [
    'a tensor of 15,000,000 sizes',
    model(initializer(many(15_000_000, message(1, 1n)))),
    /a tensor of more than 64 dimensions$/,
  ],
  [
    'the same in one field',
    model(initializer(encodeFields([message(1, packed(15_000_000))]))),
    /more than (64|4,000,000) dim/,
  ],
  [
    'tensors of 50 sizes each',
    model(many(100_000, message(5, encodeFields([message(1, packed(50))])))),
    /more than 4,000,000 dimensions in all its shapes$/,
  ],
  ['graphs in graphs', model(nested(LIMITS.nesting + 1)), /graphs nested more than 16 deep$/],
  ['attributes', model(node(many(1_000_001, message(5, '')))), /more than 1,000,000 attributes$/],
  ['tensors', model(many(500_001, message(5, ''))), /more than 500,000 tensors$/],
  ['inputs', model(many(500_001, message(11, ''))), /more than 500,000 declared values$/],
  ['names', model(node(many(4_000_001, message(1, '')))), /more than 4,000,000 names/],
  [
    'graphs beside each other',
    model(node(encodeFields([message(5, many(100_001, message(11, '')))]))),
    /more than 100,000 graphs$/,
  ],
  ['integers', model(initializer(encodeFields([message(7, packed(8_000_001))]))), /more than 8,000,000 entries/],
  ['strings', model(initializer(many(8_000_001, message(6, '')))), /more than 8,000,000 entries/],
  ['fields that nobody knows', model(many(2_000_001, message(99, 1n))), /more than 2,000,000 fields/],
  ['pairs', Buffer.concat([model([]), many(2_000_001, message(14, ''))]), /more than 2,000,000 pairs/],
])('%s are refused before the reader allocates anything for them', (_, bytes, line) => {
  const before = process.memoryUsage().heapUsed;
  const error = errorOf(() => readModel(bytes));
  expect(error.code).toBe('bad-model');
  expect(error.message).toMatch(line);
  expect(error.hint).toBeTruthy();
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(32 * 2 ** 20);
});

test('a model within the limits is read', () => {
  expect(() => readModel(model(nested(3)))).toThrow(/If node "" gives no value/);
  const scalar = (name: string) => message(5, [message(2, 1n), message(4, new Uint8Array(4)), message(8, name)]);
  const initializers = Array.from({ length: 1000 }, (_, i) => scalar(`w${i}`));
  expect(readModel(model(initializers)).graph.initializers.size).toBe(1000);
});

function errorOf(f: () => unknown): ThawError {
  try {
    f();
  } catch (error) {
    if (error instanceof ThawError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
