import { type GraphBuilder, isStatic, tensor, type Value } from '../../../onnx/index.ts';
import type { RuleContext, Rules } from '../rule.ts';
import { interpolated, taps } from './grid-sample.ts';

/** Positions of a window's taps at each place: stride·o − pad + dilation·k along one axis, `[kernel · places]` of both axes. */
function origins(
  b: GraphBuilder,
  [kernel, places]: readonly [readonly number[], readonly number[]],
  along: number,
  { stride, dilation, pad }: { stride: number; dilation: number; pad: number },
): Value {
  const [across, width] = [kernel[1], places[1]];
  const count = places[0] * places[1];
  const at = Float32Array.from({ length: kernel[0] * kernel[1] * count }, (_, i) => {
    const [k, o] = [Math.floor(i / count), i % count];
    const tap = along === 0 ? Math.floor(k / across) : k % across;
    const place = along === 0 ? Math.floor(o / width) : o % width;
    return stride * place - pad + dilation * tap;
  });
  return b.constant(tensor('float32', [at.length], at), 'taps');
}

export const deformable: Rules = {
  // y = w ∗ columns + c, where the columns hold x at the taps of each window, moved by the offsets, times the mask
  DeformConv: (context: RuleContext) => {
    const { b, inputs, outputs, attributes, refuse, composed } = context;
    const [input, weights] = inputs;
    const { group = 1, offset_group = 1 } = attributes;
    const [batch, ...image] = input.shape;
    const [, ...windows] = outputs[0].shape;
    const [, , ...kernel] = weights.shape;
    if (!isStatic(image) || !isStatic(windows) || !isStatic(kernel) || kernel.length !== 2)
      return refuse('its input is not an image of fixed size');
    const [[c, ...sizes], [o, ...result], [rows, columns]] = [image, windows, kernel];
    const [perWindow, count] = [rows * columns, result[0] * result[1]];
    const { strides = [1, 1], dilations = [1, 1], pads = [0, 0, 0, 0] } = attributes;
    return composed(([x, w, offset, bias, mask]) => {
      const pixels = b.reshape(x, [batch, offset_group, c / offset_group, sizes[0] * sizes[1]]);
      const moves = b.reshape(offset, [batch, offset_group, perWindow, 2, count]);
      const along = sizes.map((size, i) => {
        const geometry = { stride: strides[i], dilation: dilations[i], pad: pads[i] };
        const moved = b.reshape(b.slice(moves, 3, i, i + 1), [batch, offset_group, 1, perWindow * count]);
        const at = b.add(moved, b.cast(origins(b, [[rows, columns], result], i, geometry), x.type));
        return taps(b, { at, size }, 'linear', { align: true, padding: 'zeros' });
      });
      const sampled = interpolated(b, pixels, along, 'zeros');
      const kept = mask ? b.mul(sampled, b.reshape(mask, [batch, offset_group, 1, perWindow * count])) : sampled;
      const patches = b.reshape(kept, [batch, group, (c / group) * perWindow, count]);
      const filterRows = b.reshape(w, [group, o / group, (c / group) * perWindow]);
      const y = b.reshape(b.matmul(filterRows, patches), [batch, o, ...result]);
      return [bias ? b.add(y, b.reshape(bias, [o, 1, 1])) : y];
    });
  },
};
