import { axis, type GraphBuilder, isStatic, product, type Shape, type Value } from '../../onnx/index.ts';
import type { Rules } from '../rule.ts';
import { place } from './shapes.ts';

/** 0, 1, 2, … down the rows of a matrix, int64 `[rows, 1]`. */
function numbered(b: GraphBuilder, like: Value): Value {
  const ones = b.full(1, b.slice(like, 1, 0, 1), 'int64');
  return b.sub(b.emit('CumSum', [ones, b.scalar(0, 'int64')], [ones])[0], 1);
}

export const indexing: Rules = {
  // y = x[…, indices, …]       ∂x = zeros with ∂y added at the indices
  Gather: ({ b, inputs: [x, indices], dy: [dy], attributes, known }) => [
    () => {
      const at = axis(attributes.axis ?? 0, x.shape.length);
      const count = product(indices.shape);
      const shape = [...x.shape.slice(0, at), count, ...x.shape.slice(at + 1)];
      const updates = b.reshape(dy, shape);
      const contents = known(indices);
      const size = x.shape[at];
      if (count === 1 && contents && typeof size === 'number') {
        return place(b, updates, at, axis(Number(contents.data[0]), size), size);
      }
      const ones = shape.map(() => 1);
      const column = b.reshape(indices, [...ones.slice(0, at), count, ...ones.slice(at + 1)]);
      return b.scatterAdd(b.full(0, x), b.expand(column, shape, updates), updates, at);
    },
  ],

  // y[i][j] = x[indices[i][j]][j]      ∂x = zeros with ∂y added at the indices
  GatherElements: ({ b, inputs: [x, indices], dy: [dy], attributes: { axis: at = 0 } }) => [
    () => b.scatterAdd(b.full(0, x), indices, dy, at),
  ],

  // y[i] = x[indices[i]], an index of several axes     ∂x = zeros with ∂y added there, the axes seen as one
  GatherND: ({ b, inputs: [x, indices], dy: [dy], attributes: { batch_dims = 0 }, refuse }) => [
    () => {
      const batches = product(x.shape.slice(0, batch_dims));
      const depth = indices.shape.at(-1) as number;
      const leading: Shape = x.shape.slice(batch_dims, batch_dims + depth);
      if (!isStatic(leading)) return refuse('it indexes an axis of unknown size');
      const strides = leading.map((_, i) => leading.slice(i + 1).reduce((all, d) => all * d, 1));
      const columns = leading.map((d, i) => {
        const index = b.slice(indices, -1, i, i + 1);
        return b.mul(b.where(b.less(index, 0), b.add(index, d), index), strides[i]);
      });
      const count = product(indices.shape.slice(0, -1));
      const tail = product(x.shape.slice(batch_dims + depth));
      const within = b.reshape(b.sum(columns), [batches, product(indices.shape.slice(batch_dims, -1))]);
      const places = batch_dims === 0 ? within : b.add(within, b.mul(numbered(b, within), product(leading) as number));
      const flat = b.reshape(b.full(0, x), [product([batches, ...leading]), tail]);
      const updates = b.reshape(dy, [count, tail]);
      const rows = b.expand(b.reshape(places, [count, 1]), [count, tail], updates);
      return b.reshapeLike(b.scatterAdd(flat, rows, updates, 0), x);
    },
  ],

  // y = the x[i] where c[i]    ∂x = zeros with ∂y put there
  Compress: ({ b, inputs: [x, condition], dy: [dy], attributes }) => [
    () => {
      const flat = attributes.axis === undefined ? b.reshape(x, [product(x.shape)]) : x;
      const at = axis(attributes.axis ?? 0, flat.shape.length);
      const [chosen] = b.emit('NonZero', [condition], [{ type: 'int64', shape: [1, dy.shape[at]] }]);
      const column = b.reshape(
        chosen,
        flat.shape.map((_, i) => (i === at ? dy.shape[at] : 1)),
      );
      return b.reshapeLike(b.scatterAdd(b.full(0, flat), b.expand(column, dy.shape, dy), dy, at), x);
    },
  ],

  // y = x with u put (or added) at the indices         ∂x = ∂y, zeroed where overwritten; ∂u = ∂y there
  ScatterElements: ({
    b,
    inputs: [, indices, updates],
    dy: [dy],
    attributes: { axis: at = 0, reduction = 'none' },
    refuse,
  }) => {
    if (reduction !== 'none' && reduction !== 'add') refuse(`reduction ${reduction}`);
    return [
      () =>
        reduction === 'add'
          ? dy
          : b.emit('ScatterElements', [dy, indices, b.full(0, updates)], [dy], { axis: axis(at, dy.shape.length) })[0],
      undefined,
      () => b.gatherElements(dy, indices, at),
    ];
  },
  ScatterND: ({ b, inputs: [, indices, updates], dy: [dy], attributes: { reduction = 'none' }, refuse }) => {
    if (reduction !== 'none' && reduction !== 'add') refuse(`reduction ${reduction}`);
    return [
      () => (reduction === 'add' ? dy : b.emit('ScatterND', [dy, indices, b.full(0, updates)], [dy])[0]),
      undefined,
      () => b.emit('GatherND', [dy, indices], [updates])[0],
    ];
  },

  // (y, i) = the greatest of x         ∂x = zeros with ∂y at i
  TopK: ({ b, inputs: [x], outputs: [, indices], dy: [dy], attributes: { axis: at = -1 }, refuse }) => [
    () => b.scatterAdd(b.full(0, x), indices ?? refuse('its indices have no name'), dy, at),
  ],
};
