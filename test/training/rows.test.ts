import { expect, test } from 'vitest';
import { bytesOf, tensor } from '../../src/onnx/index.ts';
import { RowFormat } from '../../src/training/features/rows.ts';

const x = { name: 'x', type: 'float32', shape: ['batch', 2] } as const;
const y = { name: 'y', type: 'float32', shape: ['batch'] } as const;
const batch = tensor('float32', [3, 2], Float32Array.of(1, 2, 3, 4, 5, 6));

test('rows that lie together become a batch without a copy', () => {
  const format = new RowFormat([x], {});
  const rows = format.view({ x: batch });
  const all = format.stack(rows).x;
  expect(all).toEqual(batch);
  expect(bytesOf(all).buffer).toBe(bytesOf(batch).buffer);
  const part = format.stack(rows.slice(1)).x;
  expect([...(part.data as Float32Array)]).toEqual([3, 4, 5, 6]);
  expect(bytesOf(part).buffer).toBe(bytesOf(batch).buffer);
});

test.each([
  ['another order', [2, 0, 1], 3, [5, 6, 1, 2, 3, 4]],
  ['a gap', [0, 2], 2, [1, 2, 5, 6]],
  ['the last one repeated', [0, 1], 3, [1, 2, 3, 4, 3, 4]],
  ['the same twice', [1, 1], 2, [3, 4, 3, 4]],
] as const)('other rows are copied: %s', (_, order, count, expected) => {
  const format = new RowFormat([x], {});
  const rows = format.view({ x: batch });
  const stacked = format.stack(
    order.map((i) => rows[i]),
    count,
  ).x;
  expect([...(stacked.data as Float32Array)]).toEqual(expected);
  expect(bytesOf(stacked).buffer).not.toBe(bytesOf(batch).buffer);
});

test('rows of several values are copied', () => {
  const format = new RowFormat([x, y], {});
  const values = { x: batch, y: tensor('float32', [3], Float32Array.of(7, 8, 9)) };
  expect(format.stack(format.view(values))).toEqual(values);
});
