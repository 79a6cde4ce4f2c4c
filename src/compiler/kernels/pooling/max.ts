import type { GraphBuilder, Value } from '../../../onnx/index.ts';
import { hasOpenSizes, onlyCandidate } from '../convolution/at-run-time.ts';
import { type Family, family, type Lowering } from '../lowering.ts';
import { flat, isDisjoint, type SizedWindow, sizedWindowOf, type Window, windowOf } from './window.ts';

/** The position of each window's first maximum in the flattened x. */
function indices(b: GraphBuilder, { dy, x, kernel, strides, dilations, begins, ends, ceilMode }: Window): Value {
  const attributes = { kernel_shape: kernel, strides, dilations, pads: [...begins, ...ends], ceil_mode: ceilMode };
  return b.emit('MaxPool', [x], [dy, { type: 'int64', shape: dy.shape }], attributes)[1];
}

function scatter(b: GraphBuilder, call: Window): Value {
  const zeros = flat(b, b.full(0, call.x));
  return b.reshapeLike(b.scatterAdd(zeros, flat(b, indices(b, call)), flat(b, call.dy), 0), call.x);
}

const LOWERINGS: readonly Lowering<SizedWindow>[] = [
  {
    name: 'unpool',
    // MaxUnpool refuses windows that extend beyond x.
    applies: (call) =>
      isDisjoint(call) &&
      call.kernel.every((k, i) => {
        const covered = (call.out[i] - 1) * call.strides[i] + k - call.begins[i] - call.ends[i];
        return covered <= call.spatial[i];
      }),
    emit: (b, call) => {
      const { dy, x, kernel, strides, begins, ends } = call;
      const inputs = [dy, indices(b, call), b.shapeOf(x)];
      return b.emit('MaxUnpool', inputs, [x], { kernel_shape: kernel, strides, pads: [...begins, ...ends] })[0];
    },
  },
  { name: 'scatter', emit: scatter },
];

const withKnownSizes = family(sizedWindowOf, LOWERINGS);

export const maxPoolGradient: Family = (call) => {
  const [dy, x] = call.inputs;
  return hasOpenSizes(x, dy) ? onlyCandidate((b) => scatter(b, windowOf(call))) : withKnownSizes(call);
};
