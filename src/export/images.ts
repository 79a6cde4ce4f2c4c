/**
 * transformers.js feeds `[N, 3, H, W]` in the order red, green, blue (or reversed, with `do_flip_channel_order`). Models with another input
 * get extra nodes at the start, in this export only.
 */
import type { Preprocessing } from '../data/index.ts';
import { type AttributeLike, type Graph, isHalf, narrowed, Rewriter, type Tensor, tensor } from '../onnx/index.ts';

/** Grey by ITU-R BT.601, as in training. */
const LUMA = [0.299, 0.587, 0.114];

/** Preprocessing of a model adapted by `takeShippedImages`: planes of three channels. */
export function shippedPreprocessing(p: Preprocessing): Preprocessing {
  const planes: Preprocessing = { ...p, layout: 'nchw' };
  if (p.channels !== 'grey') return planes;
  const three = ([value]: readonly number[]) => [value, value, value];
  return { ...planes, channels: 'rgb', mean: three(p.mean), std: three(p.std) };
}

/**
 * Adapts the graph to images of `shippedPreprocessing(p)`: `Conv` converts them to grey (its weights sum to 1, so it commutes with the
 * normalization), and `Transpose` moves the channels last.
 */
export function takeShippedImages(graph: Graph, input: string, p: Preprocessing): Graph {
  const type = graph.inputs.find(({ name }) => name === input)?.type ?? 'float32';
  const luma = tensor('float32', [1, 3, 1, 1], Float32Array.from(LUMA));
  const steps: [op: string, attributes: Readonly<Record<string, AttributeLike>>, weights: Tensor[]][] = [];
  if (p.channels === 'grey') steps.push(['Conv', {}, [isHalf(type) ? narrowed(luma, type) : luma]]);
  if (p.layout === 'nhwc') steps.push(['Transpose', { perm: [0, 2, 3, 1] }, []]);
  if (steps.length === 0) return graph;

  const rewriter = new Rewriter(graph);
  const entry = rewriter.fresh(`${input}.planes`);
  let from = entry;
  steps.forEach(([op, attributes, weights], i) => {
    const hint = `${input}.${op.toLowerCase()}`;
    const to = i === steps.length - 1 ? input : rewriter.fresh(hint);
    const names = weights.map((weight) => rewriter.constant(`${hint}.weight`, weight));
    from = rewriter.emit(op, [from, ...names], to, attributes, { name: `${entry}/${op}` });
  });
  const info = { name: entry, type, shape: ['batch', 3, p.height, p.width] };
  return {
    ...graph,
    nodes: [...rewriter.nodes, ...graph.nodes],
    inputs: graph.inputs.map((value) => (value.name === input ? info : value)),
    initializers: rewriter.initializers,
  };
}

/** Name of the image input after `takeShippedImages`. */
export const shippedInput = (before: Graph, after: Graph, input: string): string =>
  after.inputs[before.inputs.findIndex(({ name }) => name === input)].name;

/** Converts images of `p` to images of `shippedPreprocessing(p)`. `values`: float32, in `p`'s batch shape. */
export function shippedImages(values: Tensor, p: Preprocessing): Tensor {
  const grey = p.channels === 'grey';
  if (p.layout === 'nchw' && !grey) return values;
  const [count] = values.shape;
  const { width, height } = p;
  const pixels = width * height;
  const own = grey ? 1 : 3;
  const [pixelStep, channelStep] = p.layout === 'nchw' ? [1, pixels] : [own, 1];
  const from = values.data as Float32Array;
  const to = new Float32Array(count * 3 * pixels);
  for (let i = 0; i < count * 3; i++) {
    const start = Math.floor(i / 3) * own * pixels + (grey ? 0 : i % 3) * channelStep;
    for (let j = 0; j < pixels; j++) to[i * pixels + j] = from[start + j * pixelStep];
  }
  return tensor('float32', [count, 3, height, width], to);
}
