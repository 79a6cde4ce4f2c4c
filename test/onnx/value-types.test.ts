import { describe, expect, expectTypeOf, it } from 'vitest';
import { asStatic, type Dimension, GraphBuilder, type Shape, staticSize, type Value } from '../../src/onnx/index.ts';

const b = new GraphBuilder();
const map = b.input('map', 'float32', ['N', 6, 8, 8]);
const matrix = b.input('matrix', 'float32', [4, 3]);
const open: Value = map;

describe('the type of a value knows its shape', () => {
  it('for inputs, reshapes and operators that keep the rank', () => {
    type Map = Value<readonly [Dimension, number, number, number]>;
    expectTypeOf(map).toEqualTypeOf<Map>();
    expectTypeOf(b.slice(map, 1, 0, 2)).toEqualTypeOf<Map>();
    expectTypeOf(b.pad(map, [0, 0, 1, 1], [0, 0, 1, 1])).toEqualTypeOf<Map>();
    expectTypeOf(b.concat([map, map], 1)).toEqualTypeOf<Map>();
    expectTypeOf(b.exp(map)).toEqualTypeOf<Map>();
    expectTypeOf(b.mul(map, 2)).toEqualTypeOf<Map>();
    expectTypeOf(b.reshape(map, ['N', 384])).toEqualTypeOf<Value<readonly [Dimension, number]>>();
    expectTypeOf(b.transpose(map, [1, 0, 2, 3])).toEqualTypeOf<Value<readonly [number, Dimension, number, number]>>();
    const [, channels, ...spatial] = map.shape;
    expectTypeOf([channels, ...spatial]).toEqualTypeOf<number[]>();
    expect([channels, ...spatial]).toEqual([6, 8, 8]);
  });

  it('for emitted nodes, output by output', () => {
    const [values, indices] = b.emit(
      'TopK',
      [matrix, b.ints([1])],
      [
        { type: 'float32', shape: [4, 1] },
        { type: 'int64', shape: [4, 1] },
      ],
    );
    expectTypeOf(values.shape[0]).toExtend<number>();
    expect(indices.type).toBe('int64');
  });

  it('and claims only certain facts', () => {
    expectTypeOf(b.add(map, map)).toEqualTypeOf<Value<Shape>>();
    expectTypeOf(b.add(matrix, b.ints([1, 2, 3]))).toEqualTypeOf<Value<readonly number[]>>();
    expectTypeOf(open.shape).toEqualTypeOf<Shape>();
    expectTypeOf(asStatic).returns.toEqualTypeOf<Value<readonly number[]>>();
  });
});

describe('a symbolic size that must be a number', () => {
  it('is an error that names the value', () => {
    expect(asStatic(matrix)).toBe(matrix);
    expect(() => asStatic(map)).toThrow('the shape of "map", [N,6,8,8], is not known when compiling');
    expect(staticSize(map, -1)).toBe(8);
    expect(() => staticSize(map, 0)).toThrow('the size of axis 0 of "map", [N,6,8,8], is not known when compiling');
    expect(() => b.pad(map, [1, 0, 0, 0], [0, 0, 0, 0])).toThrow('Pad: axis 0 of [N,6,8,8] is symbolic');
    expect(() => b.concat([map, map], 0)).toThrow('Concat: symbolic sizes cannot be added');
  });
});
