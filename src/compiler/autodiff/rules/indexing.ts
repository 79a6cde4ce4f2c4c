import { axis, isStatic, product, type Shape, staticSize, tensor, type Value } from '../../../onnx/index.ts';
import type { InputGradient, RuleContext, Rules } from '../rule.ts';
import { positionsOf, sizeOf } from './positions.ts';
import { place } from './shapes.ts';

/** The places that a scatter operator writes to. */
interface Places {
  /** The elements at these places, in the shape of the updates. */
  gather(from: Value): Value;
  scatter(into: Value, updates: Value, reduction: 'none' | 'add' | 'mul'): Value;
}

function scattered(
  { b, inputs: [x, , u], outputs: [y], dy: [dy], attributes: { reduction = 'none' }, refuse }: RuleContext,
  { gather, scatter }: Places,
): readonly (InputGradient | undefined)[] {
  const only = (condition: Value) => b.cast(condition, x.type);
  switch (reduction) {
    case 'none':
      return [() => scatter(dy, b.full(0, u), 'none'), undefined, () => gather(dy)];
    case 'add':
      return [() => dy, undefined, () => gather(dy)];
    // y = x·Πu               ∂x = ∂y·Πu, ∂u = ∂y·x·Π of the others, without division by a u that is zero
    case 'mul': {
      const zero = b.equal(u, b.scalar(0, u.type));
      const others = () => {
        const rest = b.where(zero, 1, u);
        const product = gather(scatter(b.mul(dy, x), rest, 'mul'));
        const zeros = b.sub(gather(scatter(b.full(0, x), only(zero), 'add')), only(zero));
        return b.where(b.equal(zeros, b.scalar(0, u.type)), b.div(product, rest), 0);
      };
      return [() => scatter(dy, u, 'mul'), undefined, others];
    }
    // y = the maximum (minimum) of x and all u      ∂x = ∂y·[x = y]/n, ∂u = ∂y·[u = y]/n; n equal ones share the gradient
    case 'max':
    case 'min': {
      const [kept, taken] = [only(b.equal(x, y)), only(b.equal(u, gather(y)))];
      const share = b.div(dy, scatter(kept, taken, 'add'));
      return [() => b.mul(share, kept), undefined, () => b.mul(gather(share), taken)];
    }
    default:
      return refuse(`it has the reduction ${reduction}`);
  }
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

  // y[i] = x[indices[i]], an index over several axes     ∂x = zeros with ∂y added there, with these axes flattened
  GatherND: ({ b, inputs: [x, indices], dy: [dy], attributes: { batch_dims = 0 }, refuse }) => [
    () => {
      const batches = product(x.shape.slice(0, batch_dims));
      const depth = staticSize(indices, -1);
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
      const places =
        batch_dims === 0 ? within : b.add(within, b.mul(b.unsqueeze(positionsOf(b, within, 0), [1]), product(leading)));
      const flat = b.reshape(b.full(0, x), [product([batches, ...leading]), tail]);
      const updates = b.reshape(dy, [count, tail]);
      const rows = b.expand(b.reshape(places, [count, 1]), [count, tail], updates);
      return b.reshapeLike(b.scatterAdd(flat, rows, updates, 0), x);
    },
  ],

  // y = the x[i] for which c[i] is true    ∂x = zeros with ∂y put there
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

  // y = x with u put (or added, multiplied, compared) at the indices         ∂x = ∂y, zeroed where overwritten; ∂u = ∂y there
  ScatterElements: (context) => {
    const { b, inputs, attributes } = context;
    const [x, indices] = inputs;
    const at = axis(attributes.axis ?? 0, x.shape.length);
    return scattered(context, {
      gather: (from) => b.gatherElements(from, indices, at),
      scatter: (into, values, reduction) =>
        b.emit('ScatterElements', [into, indices, values], [into], { axis: at, reduction })[0],
    });
  },
  ScatterND: (context) => {
    const { b, inputs } = context;
    const [, indices, updates] = inputs;
    return scattered(context, {
      gather: (from) => b.emit('GatherND', [from, indices], [updates])[0],
      scatter: (into, values, reduction) => b.emit('ScatterND', [into, indices, values], [into], { reduction })[0],
    });
  },

  // y = v₁ at the indices, v₀ elsewhere      ∂v = [Σ ∂y elsewhere, Σ ∂y there]
  OneHot: ({ b, inputs: [indices, depth, values], dy: [dy], attributes: { axis = -1 } }) => [
    undefined,
    undefined,
    () => {
      const bits = b.constant(tensor('float32', [2], Float32Array.of(0, 1)));
      const [there] = b.emit('OneHot', [indices, depth, bits], [{ type: 'float32', shape: dy.shape }], { axis });
      const chosen = b.mul(dy, b.cast(there, dy.type));
      const sums = [b.sub(b.reduceSum(dy), b.reduceSum(chosen)), b.reduceSum(chosen)];
      return b.concat(
        sums.map((sum) => b.reshape(b.cast(sum, values.type), [1])),
        0,
      );
    },
  ],

  // yᵢ = start + i·δ         ∂start = Σ ∂y, ∂δ = Σ ∂y·i, i = (y − start)/δ rounded
  Range: ({ b, inputs: [start, , delta], outputs: [y], dy: [dy] }) => [
    () => b.reduceSum(dy),
    'zero',
    () => b.reduceSum(b.mul(dy, b.unary('Round', b.div(b.sub(y, start), delta)))),
  ],

  // (y, i) = the largest elements of x         ∂x = zeros with ∂y at i
  TopK: ({ b, inputs: [x], outputs: [, indices], dy: [dy], attributes: { axis: at = -1 }, refuse }) => [
    () => b.scatterAdd(b.full(0, x), indices ?? refuse('its indices have no name'), dy, at),
  ],

  // y = x with u put at the positions of each sample      ∂x = ∂y, zeroed there; ∂u = ∂y there
  TensorScatter: ({ b, inputs: [x, u, starts], dy: [dy], attributes: { axis: over = -2, mode = 'linear' } }) => {
    const rank = x.shape.length;
    const at = axis(over, rank);
    const places = () => {
      const steps = positionsOf(b, u, at);
      const from = starts ? b.add(b.unsqueeze(starts, [1]), steps) : b.unsqueeze(steps, [0]);
      const within = mode === 'circular' ? b.binary('Mod', from, sizeOf(b, x, at)) : from;
      const axes = x.shape.map((_, i) => i).filter((i) => i !== 0 && i !== at);
      return b.expand(b.unsqueeze(within, axes), u.shape, u);
    };
    return [
      () => b.emit('ScatterElements', [dy, places(), b.full(0, u)], [x], { axis: at })[0],
      () => b.gatherElements(dy, places(), at),
    ];
  },
};
