import {
  axis,
  type GraphBuilder,
  GraphView,
  isStatic,
  type Node,
  plainAttributes,
  type Value,
} from '../../onnx/index.ts';
import { dataFlow } from '../surgery/index.ts';

/** The images of a model. */
export interface InputImages {
  readonly layout: 'nchw' | 'nhwc';
  readonly width: number;
  readonly height: number;
}

/** Rows and columns of a map. */
export interface Grid {
  readonly width: number;
  readonly height: number;
}

/** A value that says something about each place of the image. */
export interface Spatial extends Grid {
  readonly value: Value;
  /** `tokens`: `[N, T, C]`, of which the last `width · height` are places, row by row. */
  readonly layout: 'nchw' | 'nhwc' | 'tokens';
}

/** Attention of a layer: probabilities `[N, …, T, T]`, or `[N · heads, T, T]`. */
export interface AttentionLayer {
  readonly probabilities: Value;
  /** The probabilities times the values. */
  readonly mixed: Value;
}

/** A network from its images to the value that is explained, in a builder. */
export interface Network {
  readonly b: GraphBuilder;
  readonly view: GraphView;
  readonly images: InputImages;
  /** The values through which all data flows to the head, in order. */
  readonly cuts: readonly Value[];
  readonly attention: readonly AttentionLayer[];
  /** The cuts on the way to another value. */
  cutsTo(name: string): Value[];
}

/** @param inputs the data inputs @param end the value that is explained, or the input of the head that computes it */
export function networkIn(b: GraphBuilder, inputs: readonly Value[], end: Value, images: InputImages): Network {
  const graph = b.graph('network', inputs, [end]);
  const view = new GraphView(graph);
  const cutsTo = (name: string) => {
    const { cuts } = dataFlow({ ...graph, outputs: [{ ...b.value(name) }] });
    return cuts.map(({ value }) => b.value(value));
  };
  const { values, through } = dataFlow(graph);
  const onTheWay = new Set(graph.nodes.filter((_, i) => through[i]));
  const attention = graph.nodes.flatMap((node) => {
    const mixed = onTheWay.has(node) ? mixedBy(b, view, node, values) : undefined;
    return mixed ? [{ probabilities: b.value(node.outputs[0]), mixed }] : [];
  });
  return { b, view, images, cuts: cutsTo(end.name), attention, cutsTo };
}

/** Operators between the probabilities of an attention and their product with the values. */
const PASSED = new Set(['Identity', 'Dropout', 'Cast', 'Reshape', 'Transpose', 'Squeeze', 'Unsqueeze']);
const PRODUCTS = new Set(['MatMul', 'FusedMatMul', 'Einsum']);

/** The product of a softmax with other data, if it is an attention. */
function mixedBy(b: GraphBuilder, view: GraphView, node: Node, data: ReadonlySet<string>): Value | undefined {
  const { op, outputs } = node;
  const { shape } = b.value(outputs[0]);
  if (op !== 'Softmax' || shape.length < 3) return undefined;
  if (axis(plainAttributes(node).axis ?? -1, shape.length) !== shape.length - 1) return undefined;
  let name = outputs[0];
  for (;;) {
    const reader = view.readers(name).find(({ op }) => PASSED.has(op) || PRODUCTS.has(op));
    if (!reader) return undefined;
    if (PRODUCTS.has(reader.op))
      return reader.inputs.every((input) => data.has(input)) ? b.value(reader.outputs[0]) : undefined;
    name = reader.outputs[0];
  }
}

/** Whether rows and columns are those of the image in small: windows of an attention have other proportions. */
function arePlaces({ width, height }: Grid, { images }: Network): boolean {
  const stride = Math.sqrt((images.width * images.height) / (width * height));
  const isNear = (side: number, count: number) => Math.abs(side / stride - count) < 1.5;
  return width * height > 1 && isNear(images.width, width) && isNear(images.height, height);
}

/**
 * The last value before the head that says something about each place of the image: maps of a convolutional network, or the tokens of a
 * transformer. If the head reads one token only, the other tokens last count where the last attention reads them.
 */
export function lastSpatial(network: Network): Spatial | undefined {
  const { b, cuts, view } = network;
  for (const [i, value] of [...cuts.entries()].reverse()) {
    const found = isPadded(network, value.name) ? undefined : spatialAt(network, value);
    if (!found) continue;
    if (found.layout !== 'tokens' || !isSelected(network, i, found)) return found;
    const before = network.attention.findLast(
      ({ mixed }) => view.place(view.producer(mixed.name)!) < placeOf(view, value),
    );
    const earlier = before && network.cutsTo(before.mixed.name).reverse();
    const [, tokens, width] = value.shape;
    const read = earlier?.find(({ shape }) => shape.length === 3 && shape[1] === tokens && shape[2] === width);
    return read && { ...found, value: b.value(read.name) };
  }
  return undefined;
}

/** The last tokens that attention mixes, whether or not the head reads all of them; undefined if maps follow. */
export function lastTokens(network: Network): Spatial | undefined {
  const mixed = new Set(network.attention.map(({ probabilities }) => probabilities.shape.at(-1)));
  const found = network.cuts.flatMap((value) => spatialAt(network, value) ?? []);
  const last = found.findLast(({ layout, value }) => layout !== 'tokens' || mixed.has(value.shape[1]));
  return last?.layout === 'tokens' ? last : undefined;
}

/** The same for a value that the user names. */
export function spatialNamed(network: Network, name: string): Spatial | undefined {
  return network.b.has(name) ? spatialAt(network, network.b.value(name)) : undefined;
}

const placeOf = (view: GraphView, { name }: Value): number => {
  const node = view.producer(name);
  return node ? view.place(node) : -1;
};

function spatialAt(network: Network, value: Value): Spatial | undefined {
  const { shape } = value;
  if (shape[0] !== 'batch' || !isStatic(shape.slice(1))) return undefined;
  if (shape.length === 4) {
    const layout = layoutOf(network, value.name);
    const [height, width] = (layout === 'nhwc' ? shape.slice(1, 3) : shape.slice(2)) as number[];
    return layout && arePlaces({ width, height }, network) ? { value, layout, width, height } : undefined;
  }
  if (shape.length !== 3 || isRearranged(network, value.name)) return undefined;
  const grid = gridOf(network, shape[1] as number);
  return grid && { value, layout: 'tokens', ...grid };
}

const REARRANGING = new Set(['Reshape', 'Transpose', 'Flatten', 'Squeeze', 'Unsqueeze']);

/** Whether a value has the elements of an earlier one in another order, so that the earlier one says as much. */
function isRearranged({ view }: Network, name: string): boolean {
  const node = view.producer(view.original(name));
  return node !== undefined && REARRANGING.has(node.op);
}

/** Whether a value is only the one before it with a border, which stands for no place of the image. */
const isPadded = ({ view }: Network, name: string): boolean => view.producer(name)?.op === 'Pad';

/** Tokens that stand for no place: of the class, of a teacher, registers. */
const MOST_PREFIX = 16;

/** Rows and columns of so many tokens: of the last maps before the tokens, else those that fit the image's sides. */
function gridOf(network: Network, tokens: number): Grid | undefined {
  const isPossible = ({ width, height }: Grid) => {
    const rest = tokens - width * height;
    return rest >= 0 && rest <= MOST_PREFIX && arePlaces({ width, height }, network);
  };
  const grids = network.cuts.flatMap((value) => {
    const { shape } = value;
    const layout = shape.length === 4 && isStatic(shape.slice(1)) ? layoutOf(network, value.name) : undefined;
    if (!layout) return [];
    const [height, width] = (layout === 'nhwc' ? shape.slice(1, 3) : shape.slice(2)) as number[];
    return [{ width, height }];
  });
  const known = grids.findLast(isPossible);
  if (known) return known;
  const { width, height } = network.images;
  for (let prefix = 0; prefix <= MOST_PREFIX; prefix++) {
    const rows = Math.sqrt(((tokens - prefix) * height) / width);
    const columns = (tokens - prefix) / rows;
    if (Number.isInteger(rows) && Number.isInteger(columns) && rows * columns > 1)
      return { width: columns, height: rows };
  }
  return undefined;
}

/** Operators with channels before the places. */
const CHANNELS_FIRST =
  /^(Conv|ConvTranspose|DeformConv|FusedConv|(Global)?(Average|Max|Lp)Pool|BatchNormalization|InstanceNormalization|GroupNormalization|GroupNorm|LRN|Resize|Upsample|DepthToSpace|SpaceToDepth)$/;

/** The order of a 4-dimensional value's axes; undefined if they are others than channels and places, such as heads of an attention. */
function layoutOf(network: Network, name: string, seen = new Set<string>()): 'nchw' | 'nhwc' | undefined {
  const { b, view, images } = network;
  if (seen.has(name)) return undefined;
  seen.add(name);
  const node = view.producer(name);
  const { shape } = b.value(name);
  if (!node) return view.initializers.has(name) ? undefined : images.layout;
  if (CHANNELS_FIRST.test(node.op)) return 'nchw';
  if (/^(LayerNormalization|RMSNormalization|SimplifiedLayerNormalization)$/.test(node.op)) return 'nhwc';
  const [first, second] = node.inputs;
  if (node.op === 'MatMul') return view.initializers.has(second) ? 'nhwc' : undefined;
  if (node.op === 'Transpose') {
    const order = String(plainAttributes(node).perm ?? '');
    const before = b.value(first).shape.length === 4 ? layoutOf(network, first, seen) : undefined;
    if (before === 'nhwc' && order === '0,3,1,2') return 'nchw';
    return before === 'nchw' && order === '0,2,3,1' ? 'nhwc' : undefined;
  }
  if (node.op === 'Reshape') {
    const before = b.value(first).shape;
    if (before.length === 4) return undefined;
    if (before.at(-1) === shape[3]) return 'nhwc';
    return before.length === 3 && before[1] === shape[1] ? 'nchw' : undefined;
  }
  for (const input of node.inputs) {
    if (!b.has(input) || b.value(input).shape.length !== 4) continue;
    const found = layoutOf(network, input, seen);
    if (found) return found;
  }
  return undefined;
}

/** Whether the rest of the network takes fewer tokens than there are places, so that the others have no influence after it. */
function isSelected({ b, view, cuts }: Network, index: number, { value, width, height }: Spatial): boolean {
  const next = cuts.slice(index + 1).find(({ shape }) => shape.length !== 3 || shape[1] !== value.shape[1]);
  const end = next ? placeOf(view, next) : view.nodes.length - 1;
  const reached = new Set([value.name]);
  for (const node of view.nodes.slice(placeOf(view, value) + 1, end + 1)) {
    if (!node.inputs.some((name) => reached.has(name))) continue;
    for (const name of node.outputs) reached.add(name);
    if (!/^(Gather|Slice|Split)$/.test(node.op) || b.value(node.inputs[0]).shape.length !== 3) continue;
    const taken = node.outputs.map((name) => (b.value(name).shape.length === 3 ? Number(b.value(name).shape[1]) : 1));
    if (taken.every((count) => count < width * height)) return true;
  }
  return false;
}
