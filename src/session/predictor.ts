import { inSinglePrecision } from '../compiler/import/index.ts';
import { checkWeights } from '../compiler/surgery/index.ts';
import { type Batch, type BatchSource, TEST_VIEWS, type TestView } from '../data/index.ts';
import { isText } from '../data/text/index.ts';
import { ThawError } from '../errors.ts';
import { feedsOf, metadataOf, temperatureOf } from '../export/index.ts';
import { dataInputsOf, type Model } from '../onnx/index.ts';
import { loadable, loadSession, type Runtime, type Session as RuntimeSession, runUserModel } from '../runtime/index.ts';
import {
  classification,
  learnTask,
  openTask,
  softmax,
  type Task,
  type TaskName,
  type TaskOutcome,
} from '../tasks/index.ts';
import { knownLabels } from './dataset.ts';
import type { SessionHooks } from './events.ts';
import { type ExplainedImages, explainImages, imageFormat } from './explain-images.ts';
import { Explainer, type ExplainOptions } from './explainer.ts';
import { type FeatureBatch, type FeatureLayout, featureRows, withFeatures } from './features.ts';
import { type InputFormat, inputFormatOf, type ModelFiles, noticeQuantized } from './input-format.ts';
import { withOutput } from './output.ts';
import { scoresOf } from './prepare.ts';
import { type PredictionSettings, readPredictionSettings } from './settings.ts';
import { Recogniser } from './unknown.ts';

/** A finished model, the files around it, and how it is used. */
export interface PredictorRequest<T extends TaskName = TaskName> {
  readonly model: Model;
  readonly files: ModelFiles;
  /** The task that the caller expects; any unless given. */
  readonly task?: T;
  readonly settings?: PredictionSettings;
  /** Whether `outcomes` also gives the features of the samples. Not with several views. */
  readonly features?: boolean;
}

interface PredictorParts<T extends TaskName> {
  /** As the caller expects it. */
  readonly taskName: T;
  readonly task: Task;
  /** How images or texts become the model's input. */
  readonly format: InputFormat;
  /** Samples of a batch. */
  readonly batchSize: number;
  /** The name of the input that takes them. */
  readonly input: string;
  readonly output: { readonly name: string; readonly gives: 'logits' | 'probabilities' };
  /** Divides the scores, if they are calibrated. */
  readonly temperature?: number;
  /** Test-time augmentation: the views of each image. The image alone unless given. */
  readonly testViews?: readonly TestView[];
  /** If features are asked for. */
  readonly features?: FeatureLayout;
  /** Recognises samples of none of the classes, if that is asked. */
  readonly unknown?: Recogniser;
}

/**
 * A finished model that stays loaded: of a run, of a transformers.js folder, or a lone file.
 *
 * @typeParam T its task
 */
export class Predictor<T extends TaskName = TaskName> {
  private explainer: Promise<Explainer> | undefined;

  private constructor(
    readonly parts: PredictorParts<T>,
    private readonly session: RuntimeSession,
    /** Opens what explains the model. */
    private readonly openExplainer: () => Promise<Explainer>,
  ) {}

  /** @throws ThawError if the model has another task, does not name its classes, or takes neither images nor texts */
  static async open<T extends TaskName = TaskName>(
    { model: given, files, task: expected, settings = {}, features: wantsFeatures }: PredictorRequest<T>,
    { runtime, ...hooks }: SessionHooks & { readonly runtime: Runtime },
  ): Promise<Predictor<T>> {
    const read = readPredictionSettings(settings);
    const { labels, batch, device: _, calibrated, tta, output, unknown: __, unknownRate, ...reading } = read;
    // Halves compute the same in float32, for which every device has kernels.
    const model = inSinglePrecision(withOutput(given, output));
    checkWeights(model);
    noticeQuantized(model, hooks);
    const format = inputFormatOf(model, files, reading, hooks);
    const task = taskOf(model, files, labels);
    if (expected !== undefined) checkTask(expected, task.facts.task);
    const [input] = dataInputsOf(model.graph);
    if (!isText(format) && input?.type !== 'float32') {
      throw new ThawError(
        'bad-model',
        `the model's input "${input?.name}" is ${input?.type ?? 'no tensor'}, and images are float32`,
        'Export the model with a float32 input',
      );
    }
    if (isText(format) && tta !== 'none')
      throw new ThawError(
        'bad-config',
        '--tta shows several views of an image, and the model reads texts',
        'Leave it out',
      );
    checkOutputs(model, task);
    const featured = wantsFeatures ? withFeatures(model) : undefined;
    const unknown = read.unknown || unknownRate !== undefined ? Recogniser.of(files, task, unknownRate) : undefined;
    const parts = {
      // The same as `expected`, if that is given.
      taskName: task.facts.task as T,
      ...{ task, format, batchSize: batch, input: input.name, output: outputOf(model) },
      temperature: calibrated ? keptTemperature(files, task) : undefined,
      testViews: tta === 'none' ? undefined : TEST_VIEWS[tta],
      features: featured?.layout,
      unknown,
    };
    const own = featured?.model ?? model;
    // The model as it was given: it takes less memory than in single precision.
    return new Predictor(parts, await loadSession(runtime, loadable(unknown?.watched(own) ?? own)), () =>
      Explainer.open(withOutput(given, output), imageFormat(format), runtime),
    );
  }

  get task(): Task {
    return this.parts.task;
  }

  /**
   * The outcomes of samples, batch by batch. A sample in several views has the mean over them.
   *
   * @param take called before each batch with its features, if the predictor was opened with them
   */
  async *outcomes(source: BatchSource, take?: (batch: FeatureBatch) => void): AsyncGenerator<readonly TaskOutcome[]> {
    const { batchSize } = this.parts;
    for await (const batch of source.batches({ epoch: 0, batchSize })) yield this.outcomesOf(batch, take);
  }

  /** Explains the predictions of images, in their order: see `explainImages`. */
  explain(files: readonly string[], images: ExplainedImages, options: ExplainOptions = {}) {
    const model = {
      ...this.parts,
      outcomesOf: (batch: Batch) => this.outcomesOf(batch),
      explainer: () => (this.explainer ??= this.openExplainer()),
    };
    return explainImages(model, { files, ...images }, options);
  }

  /** Gives back the memory of the model. */
  async release(): Promise<void> {
    await this.session.release();
    const explainer = await this.explainer?.catch(() => undefined);
    await explainer?.release();
  }

  private async outcomesOf(batch: Batch, take?: (batch: FeatureBatch) => void): Promise<readonly TaskOutcome[]> {
    const { task, format, input, output, temperature, testViews, features, unknown } = this.parts;
    const outputs = [output.name, ...new Set([features?.name, unknown?.value].filter((name) => name !== undefined))];
    const hint = 'Use a model that takes such inputs, or export it again';
    const feeds = feedsOf(batch, { input, preprocessing: format });
    const results = await runUserModel(this.session, feeds, { outputs, hint });
    const { [output.name]: result } = results;
    if (features) take?.({ ...batch, features: featureRows(results[features.name], features) });
    const scores = result.data as Float32Array;
    const count = scores.length / batch.indices.length;
    if (count !== task.outputs) throw wrongCount(task, count);
    // ln p are logits of p.
    const logits = output.gives === 'logits' ? scores : scores.map((p) => Math.log(Math.max(p, 1e-37)));
    const outcomes = testViews
      ? task.outcomes(...meanOfViews(logits, batch, task), 'model')
      : task.outcomes(logits, batch, 'model');
    const calibrated = temperature === undefined ? outcomes : task.temperature!.apply(outcomes, temperature);
    return unknown ? unknown.marked(calibrated, batch, results[unknown.value], task) : calibrated;
  }
}

/** @throws ThawError `bad-config` */
export function checkTask(expected: TaskName, found: TaskName): void {
  if (expected === found) return;
  throw new ThawError('bad-config', `the model's task is ${found}, not ${expected}`, `Give task: '${found}'`);
}

/** @throws ThawError `bad-config` where the model keeps none */
function keptTemperature({ source, config }: ModelFiles, task: Task): number {
  const temperature = temperatureOf(config);
  if (temperature !== undefined && task.temperature) return temperature;
  throw new ThawError(
    'bad-config',
    `${source} keeps no temperature to be calibrated with`,
    `Fit one on labelled images: thaw calibrate ${source} IMAGES`,
  );
}

/** One row an image, where an image has several that follow each other: of classes ln of the mean probability, else the mean output. */
function meanOfViews(values: Float32Array, { labels, targets, indices }: Batch, { facts, outputs }: Task) {
  const firsts = [...indices.keys()].filter((i) => indices[i] !== indices[i - 1]);
  const isClasses = facts.task === 'classification';
  const means = new Float32Array(firsts.length * outputs);
  for (const [row, first] of firsts.entries()) {
    const end = firsts[row + 1] ?? indices.length;
    for (let i = first; i < end; i++) {
      const scores = values.subarray(i * outputs, (i + 1) * outputs);
      for (const [c, value] of (isClasses ? softmax(scores) : scores).entries())
        means[row * outputs + c] += value / (end - first);
    }
  }
  const size = targets && targets.length / indices.length;
  const batch = {
    indices: firsts.map((i) => indices[i]),
    labels: BigInt64Array.from(firsts, (i) => labels[i]),
    ...(targets && {
      targets: Float32Array.from(firsts.flatMap((i) => [...targets.subarray(i * size!, (i + 1) * size!)])),
    }),
  };
  return [isClasses ? means.map((p) => Math.log(Math.max(p, 1e-37))) : means, batch] as const;
}

/** The task that Thaw noted in the model; else classification, or several labels according to `config.json`. */
function taskOf(model: Model, files: ModelFiles, labels?: readonly string[]): Task {
  const own = metadataOf(model)?.task;
  if (own && own.task !== 'classification') return openTask(own);
  const classes = knownLabels(model, files, labels);
  const { problem_type: problem } = (files.config ?? {}) as { problem_type?: unknown };
  if (own || problem !== 'multi_label_classification') return classification(classes);
  return learnTask('multi-label', { classes, train: [] }, { threshold: 0.5, embeddingSize: 0 });
}

const wrongCount = (task: Task, outputs: number) =>
  new ThawError(
    'bad-config',
    `there are ${task.outputs} labels, and the model has ${outputs} outputs`,
    'Give one label each',
  );

function checkOutputs({ graph }: Model, task: Task): void {
  const declared = graph.outputs[0]?.shape?.[1];
  if (typeof declared === 'number' && declared !== task.outputs) throw wrongCount(task, declared);
}

/** The first output, and whether a Softmax made probabilities of its scores. */
function outputOf(model: Model): { name: string; gives: 'logits' | 'probabilities' } {
  const [{ name }] = model.graph.outputs;
  return { name, gives: scoresOf(model, name) === name ? 'logits' : 'probabilities' };
}
