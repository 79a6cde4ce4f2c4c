import { ThawError } from '../../errors.ts';
import { GraphBuilder, GraphView, type Model, type Value } from '../../onnx/index.ts';
import { differentiate, UnsupportedOperator } from '../autodiff/index.ts';
import type { Machine } from '../kernels/index.ts';
import type { Inference } from '../shapes/index.ts';
import { finish } from '../step/index.ts';
import { headOf } from '../surgery/index.ts';
import { placesOf, rollout, type Transformer, transformerOf, weightedAttention } from './attention.ts';
import { gradCam, gradCamPlusPlus } from './class-activation.ts';
import type { ExplainMethod } from './methods.ts';
import { placeNetwork } from './place.ts';
import { type InputImages, lastSpatial, type Network, networkIn, type Spatial, spatialNamed } from './spatial.ts';

export interface ExplainPlan {
  readonly method: ExplainMethod;
  /** The scores, `[N, K]` or `[N, K, 1, 1]`: before a softmax. */
  readonly scores: string;
  readonly images: InputImages;
  /** The value whose places Grad-CAM weighs; the last one unless given. */
  readonly layer?: string;
}

/** A graph that explains one score of each image of a batch. */
export interface ExplainGraph {
  readonly model: Model;
  /** Its inputs: images, and int64 `[N]`, which score to explain. */
  readonly images: string;
  readonly target: string;
  /** Its outputs: the score, float32 `[N]`; and the map, `[N, height, width]`, or the gradient of the images in their own shape. */
  readonly score: string;
  readonly result: string;
  /** The value that Grad-CAM weighs. */
  readonly layer?: string;
}

/**
 * The graph of a method: an ordinary graph of the network, and of ∂score/∂value. Images of a batch do not depend on each other, so the
 * gradient of the sum of their scores is that of each.
 *
 * @param network with the sizes of its images @param machine that runs it; any unless given
 * @throws ThawError `bad-model` if the method does not fit the network; `unsupported-operator`
 */
export function explainGraph(network: Inference, plan: ExplainPlan, machine?: Machine): ExplainGraph {
  const b = new GraphBuilder();
  const inputs = placeNetwork(b, network);
  const target = b.input(b.unique('target'), 'int64', ['batch']);
  const score = b.squeeze(b.gatherElements(scoresIn(b, plan), b.unsqueeze(target, [1]), 1), [1]);
  const total = b.reduceSum(score);
  const flow = networkIn(b, inputs, b.value(explained(network, plan)), plan.images);
  const gradients = (wanted: readonly Value[]) => {
    try {
      return differentiate(
        b,
        total,
        wanted.map(({ name }) => name),
        { known: network.constants },
      );
    } catch (error) {
      throw error instanceof UnsupportedOperator ? withoutGradient(error) : error;
    }
  };
  const { result, layer } = resultOf(flow, plan, inputs[0], gradients);
  const outputs = [b.identity(score, 'explained_score'), b.identity(result, 'explanation')];
  const model = finish(b, network.model, { name: 'thaw_explain', inputs: [...inputs, target], outputs, machine });
  return { model, images: inputs[0].name, target: target.name, score: outputs[0].name, result: outputs[1].name, layer };
}

/** The scores as rows, `[N, K]`. */
function scoresIn(b: GraphBuilder, { scores }: Pick<ExplainPlan, 'scores'>): Value {
  const value = b.value(scores);
  const [batch, count, ...rest] = value.shape;
  if (batch === 'batch' && typeof count === 'number' && rest.every((d) => d === 1))
    return b.reshape(value, [batch, count]);
  throw new ThawError(
    'bad-model',
    `the scores "${scores}" are [${value.shape.join(', ')}], which is not one row for each image`,
    'Explanations are of one score for the whole image: give a classifier, or a model with numbers',
  );
}

/** The method that suits a network best. */
export function suitableMethod(network: Inference, plan: Omit<ExplainPlan, 'method'>): ExplainMethod {
  const b = new GraphBuilder();
  const flow = networkIn(b, placeNetwork(b, network), b.value(explained(network, plan)), plan.images);
  if (isTransformer(flow)) return 'attention';
  return lastSpatial(flow) ? 'grad-cam' : 'integrated-gradients';
}

function isTransformer(flow: Network): boolean {
  try {
    return transformerOf(flow).layers.length > 0;
  } catch (error) {
    if (error instanceof ThawError) return false;
    throw error;
  }
}

/** The input of the head, or the scores if they have none. Class scores as maps are not features. */
function explained({ model }: Inference, { scores }: Pick<ExplainPlan, 'scores'>): string {
  const view = new GraphView(model.graph);
  const head = headOf(model);
  return head && view.producer(head.input) ? head.input : scores;
}

function resultOf(
  flow: Network,
  { method, layer }: ExplainPlan,
  images: Value,
  gradients: (wanted: readonly Value[]) => Map<string, Value>,
): { readonly result: Value; readonly layer?: string } {
  const { b } = flow;
  const isCam = method === 'grad-cam' || method === 'grad-cam++';
  if (layer !== undefined && !isCam)
    throw new ThawError('bad-config', `layer: ${method} looks at no single layer`, 'Leave it out, or use grad-cam');
  if (method === 'integrated-gradients') return { result: gradientOf(b, gradients([images]), images) };
  if (isCam) {
    const spatial = spatialOf(flow, layer);
    const gradient = gradientOf(b, gradients([spatial.value]), spatial.value);
    const map = method === 'grad-cam' ? gradCam : gradCamPlusPlus;
    return { result: map(b, spatial, gradient), layer: spatial.value.name };
  }
  const transformer: Transformer = transformerOf(flow);
  const { value } = transformer.last;
  const weighs = method === 'attention';
  const found = gradients([value, ...(weighs ? transformer.layers.map(({ probabilities }) => probabilities) : [])]);
  const relevance = weighs ? weightedAttention(b, transformer, found) : rollout(b, transformer);
  return { result: placesOf(b, relevance, transformer.last, gradientOf(b, found, value)) };
}

/** A value on which the score does not depend has the gradient zero. */
const gradientOf = (b: GraphBuilder, gradients: ReadonlyMap<string, Value>, value: Value): Value =>
  gradients.get(value.name) ?? b.full(0, value);

function spatialOf(flow: Network, layer: string | undefined): Spatial {
  if (layer === undefined) {
    const found = lastSpatial(flow);
    if (found) return found;
    throw new ThawError(
      'bad-model',
      'Grad-CAM needs a layer whose values stand for places of the image, and this model has none before its head',
      'Use integrated-gradients instead',
    );
  }
  const found = spatialNamed(flow, layer);
  if (found) return found;
  throw new ThawError(
    'bad-config',
    flow.b.has(layer)
      ? `layer: "${layer}" is [${flow.b.value(layer).shape.join(', ')}], which has no places of the image`
      : `layer: the model has no value "${layer}"`,
    'Name an output of a node with maps [N, C, H, W] or tokens [N, T, C]; leave it out for the last one',
  );
}

const withoutGradient = (error: UnsupportedOperator): ThawError =>
  new ThawError(
    'unsupported-operator',
    `the model cannot be explained: ${error.message}`,
    'Use grad-cam, which needs gradients of the last layers only',
    { cause: error },
  );
