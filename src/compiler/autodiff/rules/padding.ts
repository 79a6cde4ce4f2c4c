import { axis, type Dimension, type GraphBuilder, isStatic, numbersOf, type Value } from '../../../onnx/index.ts';
import type { Rules } from '../rule.ts';
import { placeLike } from './shapes.ts';

const END = Number.MAX_SAFE_INTEGER;

/** dy[start:end] along an axis, which has `size` elements. */
function cutOut(
  b: GraphBuilder,
  dy: Value,
  at: number,
  [start, end]: readonly [number, number],
  size: Dimension,
): Value {
  const shape = dy.shape.map((d, i) => (i === at ? size : d));
  return b.emit('Slice', [dy, ...[start, end, at].map((v) => b.ints([v]))], [{ type: dy.type, shape }])[0];
}

interface Margins {
  readonly at: number;
  readonly sides: readonly [before: number, after: number];
  /** An axis of `size` elements, without margins. */
  readonly x: Value;
  readonly mode: string;
}

/** The transpose of padding one axis with copies of its own elements: adds the margins of ∂y to the elements that they copy. */
function foldMargins(b: GraphBuilder, dy: Value, { at, sides: [before, after], x, mode }: Margins): Value {
  const margin = (copied: Value, reflectedAt: number, edge: number, wrappedAt: number): Value => {
    if (mode === 'edge') return placeLike(b, b.reduceSum(copied, [at], { keepdims: true }), at, edge, x);
    return mode === 'reflect'
      ? placeLike(b, b.reverse(copied, at), at, reflectedAt, x)
      : placeLike(b, copied, at, wrappedAt, x);
  };
  return b.sum([
    cutOut(b, dy, at, [before, after ? -after : END], x.shape[at]),
    ...(before ? [margin(cutOut(b, dy, at, [0, before], before), 1, 0, -before)] : []),
    ...(after ? [margin(cutOut(b, dy, at, [-after, END], after), -1 - after, -1, 0)] : []),
  ]);
}

export const padding: Rules = {
  // y = x with margins         ∂x = ∂y without them, plus, if they are copies of x, the margins at the elements that they copy
  Pad: ({ b, inputs: [x, pads, fill, axes], dy: [dy], attributes: { mode = 'constant' }, known, constant, refuse }) => {
    if (mode === 'constant') {
      const cut = () => {
        const contents = known(pads);
        const opposite = contents ? b.ints(numbersOf(contents).map((p) => -p)) : b.unary('Neg', pads);
        return b.emit('Pad', [dy, opposite, ...(axes ? [b.scalar(0, x.type), axes] : [])], [x])[0];
      };
      // ∂fill = the sum of ∂y outside of ∂x
      return [cut, undefined, fill && (() => b.reshapeLike(b.sub(b.reduceSum(dy), b.reduceSum(cut())), fill))];
    }
    const along = axes ? constant(axes).map((a) => axis(a, x.shape.length)) : x.shape.map((_, i) => i);
    const given = constant(pads);
    const sides = (i: number) => [given[along.indexOf(i)], given[along.length + along.indexOf(i)]] as const;
    const moved = along.filter((i) => sides(i).some((p) => p !== 0));
    if (moved.some((i) => sides(i).some((p) => p < 0))) refuse(`it has negative pads in mode ${mode}`);
    for (const i of moved) {
      const size = x.shape[i];
      // ONNX Runtime itself refuses to reflect more elements than there are. Pads that wrap around several times need another formula.
      if (typeof size !== 'number' && mode === 'wrap') refuse('it wraps around an axis of unknown size');
      if (typeof size === 'number' && Math.max(...sides(i)) > size && mode !== 'edge')
        refuse(`its pads are wider than the axis, in mode ${mode}`);
    }
    // Axis by axis: an axis that is not folded yet still has the length of ∂y.
    return [() => moved.reduce((gradient, i) => foldMargins(b, gradient, { at: i, sides: sides(i), x, mode }), dy)];
  },

  // y = the centre of x, or x in the centre of zeros       ∂x = the same, back to the size of x
  CenterCropPad: ({ b, inputs: [x], dy: [dy], attributes: { axes } }) => [
    () => {
      const along: number[] = axes?.map((a: number) => axis(a, x.shape.length)) ?? x.shape.map((_, i) => i);
      const sizes = along.map((at) => x.shape[at]);
      const shape = isStatic(sizes) ? b.ints(sizes) : b.gather(b.shapeOf(x), b.ints(along));
      return b.emit('CenterCropPad', [dy, shape], [x], { axes: along })[0];
    },
  ],
};
