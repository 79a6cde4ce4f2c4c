import * as z from 'zod';
import {
  type ExplainGraph,
  type ExplainMethod,
  type ExplainPlan,
  explainGraph,
  explainMethods,
  suitableMethod,
} from '../compiler/explain/index.ts';
import { inSinglePrecision } from '../compiler/import/index.ts';
import type { Inference } from '../compiler/shapes/index.ts';
import { hoistConstants } from '../compiler/surgery/index.ts';
import { batchShape, type HeatMap, heatMap, inputsOf, type PlacedMap, type Preprocessing } from '../data/index.ts';
import { type Model, type Tensor, tensor } from '../onnx/index.ts';
import { loadable, loadSession, machineOf, type Runtime, runUserModel, type Session } from '../runtime/index.ts';
import type { Answer } from '../tasks/index.ts';
import { parseConfig } from '../training/index.ts';
import { inputShapes } from './images.ts';
import { inferNetwork, scoresOf } from './prepare.ts';
import { gaussLegendre } from './quadrature.ts';

const baselines = ['zero', 'black', 'white'] as const;

const schema = z.strictObject({
  /** `auto` takes `attention` for a transformer, and `grad-cam` for other networks. */
  method: z.enum(['auto', ...explainMethods]).default('auto'),
  /** The class, label or number to explain. Default: the predicted one. */
  label: z.string().min(1).optional(),
  /** Name of the value whose places Grad-CAM weighs. Default: the last one. */
  layer: z.string().min(1).optional(),
  /** Number of steps of integrated gradients. */
  steps: z.number().int().positive().max(10_000).default(50),
  /** The image from which integrated gradients start. `zero` is zero as the model sees it, usually the mean colour of its training. */
  baseline: z.enum(baselines).default('zero'),
});

/** How to explain predictions. */
export type ExplainOptions = z.input<typeof schema>;
export type ReadExplainOptions = z.output<typeof schema>;
export { baselines };

/** @throws ThawError `bad-config` */
export const readExplainOptions = (options: ExplainOptions): ReadExplainOptions => parseConfig(schema, options);

/** A map of the parts of an image that speak for an answer. */
export type Explanation = PlacedMap & {
  /** The class, label or number that is explained. */
  readonly label: string;
  readonly method: ExplainMethod;
  /** The value that Grad-CAM weighs. */
  readonly layer?: string;
  /** The model's score of the answer, which is explained: a logit, or a number. */
  readonly score: number;
  /** Of integrated gradients: the sum of the map should equal the difference of the scores. */
  readonly completeness?: Completeness;
} & Answer;

export interface Completeness {
  /** Sum of the map. */
  readonly sum: number;
  /** The score of the image minus that of the baseline. */
  readonly difference: number;
}

/** The map of one image. */
export type Explained = Pick<Explanation, 'map' | 'method' | 'layer' | 'score' | 'completeness'>;

interface Opened {
  readonly graph: ExplainGraph;
  readonly session: Session;
}

/** Images as a model's input, and the output of each that is explained. */
export interface ExplainBatch {
  readonly images: Tensor;
  readonly outputs: readonly number[];
}

/** Explains scores of a model's images. Graphs are compiled at their first use. */
export class Explainer {
  private readonly opened = new Map<string, Promise<Opened>>();
  private suitableOne: ExplainMethod | undefined;

  private constructor(
    private readonly network: Inference,
    private readonly plan: Omit<ExplainPlan, 'method'>,
    private readonly preprocessing: Preprocessing,
    private readonly runtime: Runtime,
  ) {}

  /** @throws ThawError `bad-model` if the model has no gradients, as with integers */
  static async open(given: Model, preprocessing: Preprocessing, runtime: Runtime): Promise<Explainer> {
    const model = inSinglePrecision(given);
    const network = await inferNetwork({ ...model, graph: hoistConstants(model.graph) }, runtime, {
      inputs: inputShapes(model, preprocessing),
      quantized: 'straight-through',
    });
    const scores = scoresOf(network.model, network.model.graph.outputs[0].name);
    return new Explainer(network, { scores, images: preprocessing }, preprocessing, runtime);
  }

  /** Maps of a batch, in its order. @throws ThawError `bad-model` if the method does not fit the model */
  async explain(batch: ExplainBatch, options: ReadExplainOptions): Promise<Explained[]> {
    const method = options.method === 'auto' ? this.suitable() : options.method;
    const opened = await this.graphOf({ ...this.plan, method, layer: options.layer });
    if (method === 'integrated-gradients') return this.integrated(opened, batch, options);
    const { [opened.graph.result]: maps, [opened.graph.score]: scores } = await this.run(opened, batch);
    const [count, height, width] = maps.shape;
    return Array.from({ length: count }, (_, i) => ({
      ...{ method, layer: opened.graph.layer, score: Number(scores.data[i]) },
      map: heatMap((maps.data as Float32Array).slice(i * height * width, (i + 1) * height * width), { width, height }),
    }));
  }

  async release(): Promise<void> {
    const all = [...this.opened.values()];
    this.opened.clear();
    for (const { status, ...rest } of await Promise.allSettled(all))
      if (status === 'fulfilled' && 'value' in rest) await rest.value.session.release();
  }

  private suitable(): ExplainMethod {
    this.suitableOne ??= suitableMethod(this.network, this.plan);
    return this.suitableOne;
  }

  private graphOf(plan: ExplainPlan): Promise<Opened> {
    const key = JSON.stringify([plan.method, plan.layer]);
    const known = this.opened.get(key);
    if (known) return known;
    const opening = this.openGraph(plan);
    this.opened.set(key, opening);
    opening.catch(() => this.opened.delete(key));
    return opening;
  }

  private async openGraph(plan: ExplainPlan): Promise<Opened> {
    const { copies } = await machineOf(this.runtime);
    const graph = explainGraph(this.network, plan, { copies });
    return { graph, session: await loadSession(this.runtime, loadable(graph.model)) };
  }

  private run({ graph, session }: Opened, { images, outputs }: ExplainBatch) {
    const target = tensor('int64', [outputs.length], BigInt64Array.from(outputs, BigInt));
    const feeds = { [graph.images]: images, [graph.target]: target };
    return runUserModel(session, feeds, { hint: 'Use another method, or export the model again' });
  }

  /** Integrated gradients (Sundararajan et al., 2017): (x − x′)·∫ ∂score/∂x at x′ + α(x − x′) dα, summed over the colours. */
  private async integrated(opened: Opened, { images, outputs }: ExplainBatch, options: ReadExplainOptions) {
    const size = images.data.length / outputs.length;
    const baseline = this.baselineOf(options.baseline);
    const explained: Explained[] = [];
    for (const [i, output] of outputs.entries()) {
      const image = (images.data as Float32Array).subarray(i * size, (i + 1) * size);
      const ends = await this.gradients(opened, [image, baseline], output);
      const attributions = await this.integral(opened, { image, baseline, output }, options.steps);
      const map = this.overColours(attributions);
      const sum = map.values.reduce((all, value) => all + value, 0);
      const [score, before] = ends.map((end) => end.score);
      const completeness = { sum, difference: score - before };
      explained.push({ method: 'integrated-gradients', score, map, completeness });
    }
    return explained;
  }

  private async integral(
    opened: Opened,
    { image, baseline, output }: { image: Float32Array; baseline: Float32Array; output: number },
    steps: number,
  ): Promise<Float64Array> {
    const { nodes, weights } = gaussLegendre(steps);
    const sum = new Float64Array(image.length);
    for (let from = 0; from < steps; from += STEPS_AT_ONCE) {
      const between = nodes
        .slice(from, from + STEPS_AT_ONCE)
        .map((alpha) => image.map((x, p) => baseline[p] + alpha * (x - baseline[p])));
      const found = await this.gradients(opened, between, output);
      for (const [k, { gradient }] of found.entries())
        for (let p = 0; p < sum.length; p++) sum[p] += weights[from + k] * gradient[p];
    }
    for (let p = 0; p < sum.length; p++) sum[p] *= image[p] - baseline[p];
    return sum;
  }

  /** Scores of images, and their gradients by the images' values. */
  private async gradients(opened: Opened, all: readonly Float32Array[], output: number) {
    const size = all[0].length;
    const data = new Float32Array(all.length * size);
    for (const [i, image] of all.entries()) data.set(image, i * size);
    const images = tensor('float32', batchShape(this.preprocessing, all.length), data);
    const results = await this.run(opened, { images, outputs: all.map(() => output) });
    const gradients = results[opened.graph.result].data as Float32Array;
    return all.map((_, i) => ({
      score: Number(results[opened.graph.score].data[i]),
      gradient: gradients.subarray(i * size, (i + 1) * size),
    }));
  }

  private baselineOf(baseline: ReadExplainOptions['baseline']): Float32Array {
    const { width, height } = this.preprocessing;
    const pixels = new Uint8Array(width * height * 3).fill(baseline === 'white' ? 255 : 0);
    const { data } = inputsOf([{ width, height, data: pixels }], { ...this.preprocessing, fit: 'stretch' });
    return baseline === 'zero' ? data.fill(0) : data;
  }

  /** The sum over the channels of a value of the model's input. */
  private overColours(values: Float64Array): HeatMap {
    const { width, height, layout } = this.preprocessing;
    const pixels = width * height;
    const channels = values.length / pixels;
    const [pixelStep, channelStep] = layout === 'nchw' ? [1, pixels] : [channels, 1];
    const sums = Float32Array.from({ length: pixels }, (_, p) => {
      let sum = 0;
      for (let c = 0; c < channels; c++) sum += values[p * pixelStep + c * channelStep];
      return sum;
    });
    return heatMap(sums, { width, height });
  }
}

/** Images between the baseline and the image in one run. */
const STEPS_AT_ONCE = 8;
