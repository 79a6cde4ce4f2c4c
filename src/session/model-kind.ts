/** Recognizes models that are no classifiers: detectors, segmenters, encoders. */
import { isClassifier } from '../compiler/surgery/index.ts';
import { ThawError } from '../errors.ts';
import { dataInputsOf, type Model, type ValueInfo } from '../onnx/index.ts';
import { takesTexts } from './texts.ts';

type KindName = 'detector' | 'segmenter' | 'depth model' | 'image encoder' | 'text encoder';

/** The kind of a model, the evidence, and a hint for its use. Plain data. */
export interface ModelKind {
  readonly name: KindName;
  readonly why: string;
  readonly hint: string;
}

type ShapeOf = (output: ValueInfo) => ValueInfo['shape'];

/** The ends of class names in transformers. */
const ARCHITECTURES: readonly (readonly [RegExp, KindName])[] = [
  [/ObjectDetection$/, 'detector'],
  [/(Semantic|Instance|Universal|Panoptic|Image)Segmentation$/, 'segmenter'],
  [/DepthEstimation$/, 'depth model'],
];

/** Operators and outputs that only one kind has. */
const DETECTING = new Set(['NonMaxSuppression', 'RoiAlign']);
const OUTPUTS: readonly (readonly [RegExp, KindName])[] = [
  [/(^|_)(boxes|bboxes|detections?)(_|$)/i, 'detector'],
  [/(^|_)(masks?|segmentation)(_|$)/i, 'segmenter'],
  [/^(predicted_)?depth$/i, 'depth model'],
];
const HIDDEN = 'last_hidden_state';

/**
 * The kind of a model that is no classifier; undefined for a classifier, and if nothing shows the kind.
 *
 * @param config the parsed `config.json`
 * @param shapeOf the shape of an output. Default: as the file declares it
 */
export function modelKind(
  model: Model,
  config: unknown,
  shapeOf: ShapeOf = ({ shape }) => shape,
): ModelKind | undefined {
  const found = takesTexts(model) ? textKind(model) : imageKind(model, config, shapeOf);
  return found && { name: found[0], why: found[1], hint: HINTS[found[0]] };
}

type Found = readonly [name: KindName, why: string] | undefined;

const textKind = (model: Model): Found =>
  isClassifier(model) ? undefined : ['text encoder', `its output is "${model.graph.outputs[0]?.name}"`];

function imageKind(model: Model, config: unknown, shapeOf: ShapeOf): Found {
  const { nodes, outputs } = model.graph;
  const { architectures } = (config ?? {}) as { architectures?: unknown };
  for (const architecture of Array.isArray(architectures) ? architectures.map(String) : [])
    for (const [end, name] of ARCHITECTURES)
      if (end.test(architecture)) return [name, `config.json names it ${architecture}`];
  const node = nodes.find(({ op }) => DETECTING.has(op));
  if (node) return ['detector', `it has the operator ${node.op}`];
  for (const { name: output } of outputs)
    for (const [pattern, name] of OUTPUTS) if (pattern.test(output)) return [name, `it has the output "${output}"`];
  const input = dataInputsOf(model.graph)[0]?.shape;
  if (input && input.length !== 4) return undefined;
  if (outputs[0]?.name === HIDDEN) return ['image encoder', `its output is "${HIDDEN}"`];
  for (const [i, output] of outputs.entries()) {
    const shape = shapeOf(output);
    const name = shape && kindOfShape(shape, input, i === 0);
    if (name) return [name, `its output "${output.name}" is [${shape.map((d) => d ?? '?').join(', ')}]`];
  }
  return undefined;
}

/** The kind that a shape shows. Other outputs than the first can show boxes only. */
function kindOfShape(
  shape: NonNullable<ValueInfo['shape']>,
  input: ValueInfo['shape'],
  isFirst: boolean,
): KindName | undefined {
  const sizes = shape.slice(1).map((d) => (typeof d === 'number' ? d : undefined));
  // Four numbers for each box.
  if (shape.length === 3 && sizes[1] === 4) return 'detector';
  const known = sizes.filter((size) => size !== undefined);
  if (!isFirst || known.length < sizes.length) return undefined;
  const [least, most] = [Math.min(...known), Math.max(...known)];
  // YOLO: thousands of boxes, each with its scores. Encoders give a vector for each of some hundred patches.
  if (shape.length === 3) return least >= 5 && least <= 300 && most >= 1000 ? 'detector' : 'image encoder';
  if (shape.length !== 4 || known.filter((size) => size > 1).length < 2) return undefined;
  // A segmenter's map is at most eight times smaller than the image, an encoder's usually 32 times.
  const side = input?.[2];
  return typeof side === 'number' && known[1] * 8 < side ? 'image encoder' : 'segmenter';
}

const HINTS: Readonly<Record<KindName, string>> = {
  'text encoder': 'thaw train adds a classifier to it; the head below is one for two classes',
  detector: 'Thaw trains no detectors. For labels of whole images, choose a classification model: thaw models',
  segmenter:
    'For labels of whole images, choose a classification model: thaw models. For labels per pixel, thaw artifacts writes the training graphs',
  'depth model': 'For numbers per image, choose a classification model, and train with --task regression: thaw models',
  'image encoder': 'Export it with its classifier, or choose a classification model: thaw models',
};

/**
 * Refuses models of images that give no scores for the whole image.
 *
 * @param config the parsed `config.json`
 * @throws ThawError `bad-model` with the kind of the model, and the evidence
 */
export function refuseOtherKinds(model: Model, config: unknown, shapeOf?: ShapeOf): void {
  const kind = modelKind(model, config, shapeOf);
  if (!kind || kind.name === 'text encoder') return;
  const { name, why, hint } = kind;
  throw new ThawError(
    'bad-model',
    `the model is ${name === 'image encoder' ? 'an' : 'a'} ${name} (${why}), not a classifier of images`,
    hint,
  );
}
