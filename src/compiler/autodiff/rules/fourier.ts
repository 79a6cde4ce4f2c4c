import { axis, type GraphBuilder, product, type Shape, tensor, type Value } from '../../../onnx/index.ts';
import type { Rules } from '../rule.ts';
import { place } from './shapes.ts';

/** The conjugates of complex values, whose last axis holds the real and the imaginary part. */
const conjugate = (b: GraphBuilder, x: Value): Value =>
  b.mul(x, b.cast(b.constant(tensor('float32', [2], Float32Array.of(1, -1)), 'conjugate'), x.type));

/**
 * For the inverse transform of n real values from ⌊n/2⌋ + 1 frequencies: the weight of each frequency, 1/n or, with its mirror image, 2/n.
 */
function mirrored(b: GraphBuilder, n: number, like: Value): Value {
  const weights = Float32Array.from({ length: Math.floor(n / 2) + 1 }, (_, k) => (k === 0 || 2 * k === n ? 1 : 2) / n);
  return b.cast(b.constant(tensor('float32', [weights.length], weights), 'mirrored'), like.type);
}

export const fourier: Rules = {
  // y = F·x, x real or complex; y may hold the first half only. F is symmetric: ∂x = F*·∂y = (F·∂y*)*, the real part if x is real
  // y = the real values of the first half of F·y: ∂x = F·∂y / n, doubled for frequencies that have a mirror image
  DFT: ({ b, inputs: [x, length, over], outputs: [y], dy: [dy], attributes, constant, refuse }) => {
    const { inverse = 0, onesided = 0 } = attributes;
    const rank = x.shape.length;
    const along = (): number => {
      if (over || attributes.axis !== undefined) return axis(over ? constant(over)[0] : attributes.axis, rank);
      // Operator sets 17 and 20 have different default axes, which agree if there are three.
      return rank === 3 ? 1 : refuse('its axis is not given');
    };
    const sizeOf = (value: Value): number => {
      const size = value.shape[along()];
      return typeof size === 'number' ? size : refuse('the size of its axis is not fixed');
    };
    const sized = (value: Value, size: number) => place(b, value, along(), 0, size);
    const transform = (value: Value, shape: Shape, options: { inverse?: number; onesided?: number }): Value =>
      b.emit('DFT', over ? [value, undefined, over] : [value], [{ type: x.type, shape }], {
        axis: attributes.axis,
        ...options,
      })[0];
    if (inverse && onesided) {
      return [
        () => {
          const [n, at] = [sizeOf(y), along()];
          const bins = Math.floor(n / 2) + 1;
          const shape = x.shape.map((d, i) => (i === at ? bins : d));
          const column = y.shape.map((_, i) => (i === at ? bins : 1));
          const spectrum = transform(dy, shape, { onesided: 1 });
          return sized(b.mul(spectrum, b.reshape(mirrored(b, n, x), column)), sizeOf(x));
        },
      ];
    }
    return [
      () => {
        const isResized = length || onesided;
        const n = () => (length ? constant(length)[0] : sizeOf(x));
        const whole = isResized ? sized(dy, n()) : dy;
        const result = transform(conjugate(b, whole), whole.shape, { inverse });
        const gradient = x.shape.at(-1) === 1 ? b.slice(result, -1, 0, 1) : conjugate(b, result);
        return isResized ? sized(gradient, sizeOf(x)) : gradient;
      },
    ];
  },

  // y = F·(w ⊙ frame) for each frame of the signal, one every `step` elements
  STFT: ({ b, inputs: [signal, step, window, length], outputs: [y], attributes, constant, refuse, composed }) => {
    const { onesided = 1 } = attributes;
    const [batch, , channels = 1] = signal.shape;
    const [, frames, bins] = y.shape;
    const size = length ? constant(length)[0] : window?.shape[0];
    if (typeof frames !== 'number' || typeof size !== 'number') return refuse('its signal has no fixed length');
    const [stride] = constant(step);
    const places = BigInt64Array.from({ length: frames * size }, (_, i) =>
      BigInt(Math.floor(i / size) * stride + (i % size)),
    );
    return composed(([x, , w]) => {
      const taken = b.gather(x, b.constant(tensor('int64', [frames, size], places), 'frames'), 1);
      const framed = b.reshape(taken, [product([batch, frames]), size, channels]);
      const weighted = w ? b.mul(framed, b.reshape(w, [size, 1])) : framed;
      const [spectrum] = b.emit('DFT', [weighted], [{ type: x.type, shape: [framed.shape[0], bins, 2] }], { onesided });
      return [b.reshape(spectrum, y.shape, y)];
    });
  },
};
