import { inSinglePrecision } from '../../compiler/import/index.ts';
import { type Batch, type BatchSource, TEST_VIEWS, type TestView } from '../../data/index.ts';
import { isText } from '../../data/text/index.ts';
import { ThawError } from '../../errors.ts';
import { feedsOf, metadataOf, temperatureOf } from '../../export/index.ts';
import { dataInputsOf, type Model } from '../../onnx/index.ts';
import { loadable, loadSession, type Runtime, runUserModel, type Session } from '../../runtime/index.ts';
import {
  type ClassifierSettings,
  type InputFormat,
  inputFormatOf,
  knownLabels,
  noticeQuantized,
  readClassifierSettings,
  scoresOf,
  withOutput,
} from '../../session/index.ts';
import { classification, learnTask, openTask, softmax, type Task, type TaskOutcome } from '../../tasks/index.ts';
import { readModelFile } from '../models/files.ts';
import type { ResolvedModel } from '../models/index.ts';
import { openRuntime } from './environment.ts';
import type { JobHooks } from './events.ts';
import { fetchModel } from './fetch-model.ts';

/** A finished model: of a run, of a transformers.js folder, or a lone file. */
export class Classifier {
  private constructor(
    readonly name: string,
    readonly task: Task,
    readonly preprocessing: InputFormat,
    private readonly batchSize: number,
    readonly input: string,
    private readonly output: { readonly name: string; readonly gives: 'logits' | 'probabilities' },
    private readonly session: Session,
    /** Where its JSON files are. */
    readonly folder: string,
    private readonly temperature: number | undefined,
    /** What it is to be shown of each image; the image as it is unless given. */
    readonly testViews: readonly TestView[] | undefined,
  ) {}

  /**
   * @param spec whatever `resolveModel` takes, a run directory included
   * @param given the runtime, unless the settings say the device
   */
  static async open(spec: string, settings: ClassifierSettings, hooks: JobHooks, given?: Runtime): Promise<Classifier> {
    const { labels, batch, device, calibrated, tta, output: named, ...images } = readClassifierSettings(settings);
    const runtime = given ?? (await openRuntime(device, hooks));
    const resolved = await fetchModel(spec, hooks);
    // Halves compute the same in float32, for which every device has kernels.
    const model = inSinglePrecision(withOutput(await readModelFile(resolved.path), named));
    noticeQuantized(model, hooks);
    const preprocessing = inputFormatOf(model, resolved, images, hooks);
    const task = taskOf(model, resolved, labels);
    const temperature = calibrated ? keptTemperature(resolved, task) : undefined;
    const [input] = dataInputsOf(model.graph);
    if (!isText(preprocessing) && input?.type !== 'float32') {
      throw new ThawError(
        'bad-model',
        `the model's input "${input?.name}" is ${input?.type ?? 'no tensor'}, and images are float32`,
        'Export the model with a float32 input',
      );
    }
    if (isText(preprocessing) && tta !== 'none')
      throw new ThawError('bad-config', 'views of --tta are of images, and the model reads texts', 'Leave it out');
    checkOutputs(model, task);
    const session = await open(runtime, model);
    const { name, folder } = resolved;
    const output = outputOf(model);
    return new Classifier(
      name,
      task,
      preprocessing,
      batch,
      input.name,
      output,
      session,
      folder,
      temperature,
      tta === 'none' ? undefined : TEST_VIEWS[tta],
    );
  }

  /** What it says of each sample, batch by batch; of one in several rows that follow each other, their mean. */
  async *predict(source: BatchSource): AsyncGenerator<readonly TaskOutcome[]> {
    for await (const batch of source.batches({ epoch: 0, batchSize: this.batchSize })) {
      const { name, gives } = this.output;
      const hint = 'Use a model that takes such inputs, or export it again';
      const { [name]: output } = await runUserModel(this.session, feedsOf(batch, this), { outputs: [name], hint });
      const scores = output.data as Float32Array;
      const count = scores.length / batch.indices.length;
      if (count !== this.task.outputs) throw wrongCount(this.task, count);
      // ln p are logits of p.
      const logits = gives === 'logits' ? scores : scores.map((p) => Math.log(Math.max(p, 1e-37)));
      const outcomes = this.testViews
        ? this.task.outcomes(...meanOfViews(logits, batch, this.task), 'model')
        : this.task.outcomes(logits, batch, 'model');
      yield this.temperature === undefined ? outcomes : this.task.temperature!.apply(outcomes, this.temperature);
    }
  }

  release(): Promise<void> {
    return this.session.release();
  }
}

/** @throws ThawError `bad-config` where the model keeps none */
function keptTemperature({ source, config }: ResolvedModel, task: Task): number {
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

const open = (runtime: Runtime, model: Model): Promise<Session> => loadSession(runtime, loadable(model));

/** What a model of ours says of itself; others tell classes apart, or as their `config.json` says give labels each by itself. */
function taskOf(model: Model, resolved: ResolvedModel, labels?: readonly string[]): Task {
  const own = metadataOf(model)?.task;
  if (own && own.task !== 'classification') return openTask(own);
  const classes = knownLabels(model, resolved, labels);
  const { problem_type: problem } = (resolved.config ?? {}) as { problem_type?: unknown };
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
