import { axis, type GraphBuilder, isStatic, type Value } from '../../onnx/index.ts';
import type { Rules } from '../rule.ts';
import { place } from './shapes.ts';

/**
 * The transpose of padding one axis of `size` elements with copies of its own: what was copied into the margins is added to
 * where it came from.
 */
function foldMargins(b: GraphBuilder, dy: Value, at: number, before: number, after: number, mode: string): Value {
  const padded = dy.shape[at] as number;
  const size = padded - before - after;
  const margin = (start: number, count: number, reflectedAt: number, edge: number, wrappedAt: number): Value => {
    const part = b.slice(dy, at, start, start + count);
    if (mode === 'edge') return place(b, b.reduceSum(part, [at], { keepdims: true }), at, edge, size);
    return mode === 'reflect'
      ? place(b, b.reverse(part, at), at, reflectedAt, size)
      : place(b, part, at, wrappedAt, size);
  };
  return b.sum([
    b.slice(dy, at, before, before + size),
    ...(before ? [margin(0, before, 1, 0, size - before)] : []),
    ...(after ? [margin(padded - after, after, size - 1 - after, size - 1, 0)] : []),
  ]);
}

export const padding: Rules = {
  // y = x with margins         ∂x = ∂y without them, plus, where they are copies of x, the margins where they came from
  Pad: ({ b, inputs: [x, pads, fill, axes], dy: [dy], attributes: { mode = 'constant' }, constant, refuse }) => {
    const along = axes ? constant(axes).map((a) => axis(a, x.shape.length)) : x.shape.map((_, i) => i);
    const given = constant(pads);
    const before = x.shape.map((_, i) => (along.includes(i) ? given[along.indexOf(i)] : 0));
    const after = x.shape.map((_, i) => (along.includes(i) ? given[along.length + along.indexOf(i)] : 0));
    const moved = along.filter((i) => before[i] !== 0 || after[i] !== 0);
    if (moved.some((i) => typeof x.shape[i] !== 'number')) refuse('it pads an axis of unknown size');
    const cut = () =>
      b.pad(
        dy,
        before.map((p) => -p),
        after.map((p) => -p),
      );
    if (mode === 'constant') {
      // ∂fill = all of ∂y but ∂x
      return [cut, undefined, fill && (() => b.reshapeLike(b.sub(b.reduceSum(dy), b.reduceSum(cut())), fill))];
    }
    if (moved.some((i) => before[i] < 0 || after[i] < 0)) refuse(`negative pads of mode ${mode}`);
    if (moved.some((i) => Math.max(before[i], after[i]) > (x.shape[i] as number)) && mode !== 'edge')
      refuse(`pads of mode ${mode} that are wider than the axis`);
    return [() => moved.reduce((gradient, i) => foldMargins(b, gradient, i, before[i], after[i], mode), dy)];
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
