import { interpolation, product, type Resampling, resample, resamplings } from '../../../onnx/index.ts';
import type { Rules } from '../rule.ts';

/** The number of repeats of an axis, if the resampling only repeats elements. */
function repeats({ input, output }: Resampling, matrix: Float32Array): number | undefined {
  const times = output / input;
  const isRepeat =
    Number.isInteger(times) && matrix.every((w, k) => w === (Math.floor(k / input / times) === k % input ? 1 : 0));
  return isRepeat ? times : undefined;
}

export const resampling: Rules = {
  // y = M x along each axis        ∂x = Mᵀ ∂y
  Resize: (context) => {
    const { b, inputs, outputs, dy, attributes, constant, refuse } = context;
    const [x, roi, scales, sizes] = inputs;
    const { keep_aspect_ratio_policy: policy = 'stretch' } = attributes;
    const isCropped = attributes.coordinate_transformation_mode === 'tf_crop_and_resize';
    return [
      () => {
        // Sizes may contain the batch; with the policy `stretch`, they are the result's shape.
        const found = resamplings(x, outputs[0], attributes, {
          roi: isCropped ? constant(roi) : undefined,
          scales: sizes ? undefined : constant(scales),
          sizes: sizes && policy !== 'stretch' ? constant(sizes) : undefined,
        });
        const resized = (found ?? refuse('its image size is not fixed')).map((r) => ({
          r,
          matrix: interpolation(r, attributes),
        }));
        const times = x.shape.map((_, at) => {
          const along = resized.find(({ r }) => r.axis === at);
          return along ? repeats(along.r, along.matrix) : 1;
        });
        if (times.length > 2 && times[0] === 1 && times[1] === 1 && times.every((n) => n !== undefined)) {
          const kernel = times.slice(2);
          return b.mul(b.averagePool(dy[0], kernel, { strides: kernel }), product(kernel));
        }
        return resized.reduce((gradient, { r, matrix }) => resample(b, gradient, r, matrix, 'back'), dy[0]);
      },
    ];
  },
};
