/** Class activation maps: which of the last spatial values raise the score. */
import type { GraphBuilder, Value } from '../../onnx/index.ts';
import type { Spatial } from './spatial.ts';

/** A spatial value, or its gradient, as maps `[N, C, height, width]`. */
function asMaps(b: GraphBuilder, x: Value, { layout, width, height }: Spatial): Value {
  if (layout === 'nchw') return x;
  if (layout === 'nhwc') return b.transpose(x, [0, 3, 1, 2]);
  const [batch, tokens, channels] = x.shape;
  // Tokens of the class and of a teacher, and registers, stand in front of the places.
  const places = b.slice(x, 1, (tokens as number) - width * height, tokens as number);
  return b.reshape(b.transpose(places, [0, 2, 1]), [batch, channels, height, width]);
}

const overPlaces = { keepdims: true };
const PLACES = [2, 3];
const CHANNELS = [1];

/** ReLU(Σₖ wₖ·Aₖ), `[N, height, width]` */
const weighted = (b: GraphBuilder, weights: Value, maps: Value): Value =>
  b.unary('Relu', b.reduceSum(b.mul(weights, maps), CHANNELS));

/** Grad-CAM (Selvaraju et al., 2017): wₖ is the mean of g = ∂score/∂Aₖ over the places. */
export function gradCam(b: GraphBuilder, spatial: Spatial, gradient: Value): Value {
  const [maps, g] = [spatial.value, gradient].map((x) => asMaps(b, x, spatial));
  return weighted(b, b.reduceMean(g, PLACES, overPlaces), maps);
}

/**
 * Grad-CAM++ (Chattopadhay et al., 2018): wₖ = Σ α·ReLU(g) over the places, α = g² / (2g² + g³·ΣAₖ), which is 1 / (2 + g·ΣAₖ) where g is
 * not zero.
 */
export function gradCamPlusPlus(b: GraphBuilder, spatial: Spatial, gradient: Value): Value {
  const [maps, g] = [spatial.value, gradient].map((x) => asMaps(b, x, spatial));
  const below = b.add(b.mul(g, b.reduceSum(maps, PLACES, overPlaces)), 2);
  const positive = b.unary('Relu', g);
  const alpha = b.reciprocal(b.where(b.equal(below, 0), 1, below));
  return weighted(b, b.reduceSum(b.mul(alpha, positive), PLACES, overPlaces), maps);
}
