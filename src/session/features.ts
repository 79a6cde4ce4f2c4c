/** Features: the values that a model's head reads. */
import { inSinglePrecision } from '../compiler/import/index.ts';
import { addHead, checkWeights, findHead, hoistConstants, isClassifier } from '../compiler/surgery/index.ts';
import type { Batch, BatchSource } from '../data/index.ts';
import { feedsOf } from '../export/index.ts';
import { dataInputsOf, elementsIn, type Model, type Tensor } from '../onnx/index.ts';
import { loadable, loadSession, type Runtime, type Session as RuntimeSession, runUserModel } from '../runtime/index.ts';
import type { SessionHooks } from './events.ts';
import { type InputFormat, inputFormatOf, type ModelFiles, noticeQuantized } from './input-format.ts';
import { hiddenSize } from './new-head.ts';
import { withOutput } from './output.ts';
import { type PredictionSettings, readPredictionSettings } from './settings.ts';
import { takesTexts } from './texts.ts';

/** Where a model has its features. */
export interface FeatureLayout {
  /** The value's name. */
  readonly name: string;
  /** Length of a sample's features. */
  readonly size: number;
  /** Whether they are the second axis, as those of a convolution, or the last. */
  readonly channelsFirst: boolean;
}

/**
 * The model with the values that its head reads as another output. They are computed anyway, so this costs nothing.
 *
 * @param head name of the head's node or weight, if it is not the last layer
 * @throws ThawError `bad-model` if the model has no head
 */
export function withFeatures(model: Model, head?: string): { readonly model: Model; readonly layout: FeatureLayout } {
  const graph = hoistConstants(model.graph);
  const { input: name, features: size, kind } = findHead({ ...model, graph }, { name: head });
  return { model: withValue({ ...model, graph }, name), layout: { name, size, channelsFirst: kind === 'conv' } };
}

/** The model with a value of its graph as another output. */
export function withValue(model: Model, name: string): Model {
  const { graph } = model;
  if (graph.outputs.some((output) => output.name === name)) return model;
  return { ...model, graph: { ...graph, outputs: [...graph.outputs, { name, type: 'float32' }] } };
}

/** The features of each sample, `[N, size]` in row order: the mean over positions or tokens, if there are several. */
export function featureRows({ shape, data }: Tensor, { size, channelsFirst }: FeatureLayout): Float32Array {
  const [count] = shape;
  const values = data as Float32Array;
  const positions = elementsIn(shape) / (count * size);
  if (positions === 1) return values;
  const rows = new Float32Array(count * size);
  for (let n = 0; n < count; n++)
    for (let f = 0; f < size; f++) {
      const from = n * size * positions + (channelsFirst ? f * positions : f);
      const stride = channelsFirst ? 1 : size;
      let sum = 0;
      for (let p = 0; p < positions; p++) sum += values[from + p * stride];
      rows[n * size + f] = sum / positions;
    }
  return rows;
}

/** The features of a batch. */
export interface FeatureBatch extends Pick<Batch, 'indices' | 'labels'> {
  /** `[N, size]` in row order. */
  readonly features: Float32Array;
}

/**
 * The features of all batches as one: rows in the order of the batches.
 *
 * @param after awaited after each batch
 */
export async function joinBatches(
  batches: AsyncIterable<FeatureBatch>,
  after?: () => unknown,
): Promise<{ features: Float32Array; indices: number[]; labels: number[] }> {
  const parts: Float32Array[] = [];
  const indices: number[] = [];
  const labels: number[] = [];
  for await (const batch of batches) {
    // The runtime may use its memory again.
    parts.push(batch.features.slice());
    indices.push(...batch.indices);
    labels.push(...Array.from(batch.labels, Number));
    await after?.();
  }
  const features = new Float32Array(parts.reduce((all, { length }) => all + length, 0));
  let at = 0;
  for (const part of parts) {
    features.set(part, at);
    at += part.length;
  }
  return { features, indices, labels };
}

export interface FeatureRequest {
  /** Pretrained or finished. Its head is not computed. */
  readonly model: Model;
  readonly files: ModelFiles;
  readonly settings?: PredictionSettings;
  /** Where the features are; found unless given. */
  readonly layout?: FeatureLayout;
}

interface ExtractorParts {
  readonly format: InputFormat;
  readonly batchSize: number;
  /** The name of the input that takes the samples. */
  readonly input: string;
  readonly layout: FeatureLayout;
}

/** A model without its head: it computes the features of images or texts. */
export class FeatureExtractor {
  private constructor(
    readonly parts: ExtractorParts,
    private readonly session: RuntimeSession,
  ) {}

  /** @throws ThawError `bad-model` if the model has no head, or takes neither images nor texts */
  static async open(
    { model: given, files, settings = {}, layout: known }: FeatureRequest,
    { runtime, ...hooks }: SessionHooks & { readonly runtime: Runtime },
  ): Promise<FeatureExtractor> {
    const { batch: batchSize, output, ...reading } = readPredictionSettings(settings);
    const single = inSinglePrecision(withOutput(given, output));
    checkWeights(single);
    noticeQuantized(single, hooks);
    const format = inputFormatOf(single, files, reading, hooks);
    const { model, layout } = known
      ? { model: withValue(single, known.name), layout: known }
      : withFeatures(headed(single, files));
    const [{ name: input }] = dataInputsOf(model.graph);
    const bare = withOutput(model, layout.name);
    return new FeatureExtractor({ format, batchSize, input, layout }, await loadSession(runtime, loadable(bare)));
  }

  /** Length of a sample's features. */
  get size(): number {
    return this.parts.layout.size;
  }

  /** The features of samples, batch by batch. A sample in several views has a row for each. */
  async *batches(source: BatchSource): AsyncGenerator<FeatureBatch> {
    const { format, batchSize, input, layout } = this.parts;
    for await (const batch of source.batches({ epoch: 0, batchSize })) {
      const feeds = feedsOf(batch, { input, preprocessing: format });
      const hint = 'Use a model that takes such inputs, or export it again';
      const { [layout.name]: values } = await runUserModel(this.session, feeds, { outputs: [layout.name], hint });
      yield { indices: batch.indices, labels: batch.labels, features: featureRows(values, layout) };
    }
  }

  /** Gives back the memory of the model. */
  release(): Promise<void> {
    return this.session.release();
  }
}

/** A text encoder gets a head, of which only the input counts: the pooled vector. */
function headed(model: Model, { config }: ModelFiles): Model {
  if (!takesTexts(model) || isClassifier(model)) return model;
  return addHead(model, { pooling: 'auto', features: hiddenSize(config), classes: 1, seed: 0 });
}
