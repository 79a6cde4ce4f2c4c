import { type BatchSource, type Preprocessing, readAugmentation } from '../data/index.ts';
import { ThawError } from '../errors.ts';
import { metadataOf, namedClasses, type Verification } from '../export/index.ts';
import { readModel, roundsValues } from '../onnx/index.ts';
import type { Runtime } from '../runtime/index.ts';
import { type Assessment, classification, type Evaluation, type Prediction, type Task } from '../tasks/index.ts';
import { isText } from '../text/index.ts';
import {
  type Checkpoint,
  checkCheckpoint,
  FeatureCache,
  planStages,
  Trainer,
  type TrainingConfig,
  type TrainingEvent,
} from '../training/index.ts';
import { withClassWeights } from './class-balance.ts';
import { withEpochs } from './epochs.ts';
import { checkModel, type FinishedModel, finishModel, measure, shippedCheckpoint } from './finish.ts';
import type { ContinuedClasses } from './known-classes.ts';
import { keptBytes, type MemoryPlan, planMemory } from './memory.ts';
import { ASSUMED, EXACT } from './notices.ts';
import { choosePreprocessing, inputShapes } from './pictures.ts';
import { type Prepared, prepareModel } from './prepare.ts';
import { type RecommendedSettings, withRecommended } from './recommended.ts';
import { refuseSettingsOfRuns } from './session-settings.ts';
import { type TrainSettings, type TrainSettingsInput, trainingConfigOf } from './settings.ts';
import { takesTexts } from './texts.ts';

export interface FineTuningRequest {
  /** An `.onnx` file's bytes. */
  readonly model: Uint8Array;
  /** What lies beside it: parsed `preprocessor_config.json` and `config.json`. */
  readonly preprocessorConfig?: unknown;
  readonly config?: unknown;
  /** In the order of the outputs. */
  readonly classes: readonly string[];
  /** As in a `thaw.config` file. */
  readonly settings?: TrainSettingsInput;
}

/** What a platform gives. */
export interface FineTuningPlatform {
  readonly runtime: Runtime;
  /** The pictures, once it is known how the model takes them. */
  readonly open: (preprocessing: Preprocessing, settings: TrainSettings) => Sources;
  /** Megabytes for what the frozen layers make of pictures, where the settings don't say; 1024 unless given. */
  readonly cacheMemory?: number;
  /** Bytes that a training may take, where that is known. */
  readonly memory?: number;
  /** From where to go on: the last checkpoint, and the best one. */
  readonly resume?: { readonly last: Checkpoint; readonly best?: Checkpoint };
}

export interface Sources {
  readonly train: BatchSource;
  readonly val: BatchSource;
}

/** What came out. */
export interface FineTuned {
  readonly model: FinishedModel;
  /** The model's answers next to the trainer's; `holds` is false if Thaw or the runtime has a bug. */
  readonly verification: Verification;
  /** Of the validation set, by the weights that are shipped. */
  readonly evaluation: Assessment;
  readonly predictions: readonly Prediction[];
}

/**
 * The main job without files and terminals: a model, classes and pictures become a fine-tuned model. `run()` gives its events and
 * stands still while nobody asks for the next one; in between, `predict` and `checkpoint` may be asked.
 */
export class FineTuning {
  private trainer: Trainer;
  private best: Checkpoint | undefined;

  private constructor(
    private readonly prepared: Prepared,
    private readonly task: Task<Prediction, Evaluation, Assessment>,
    private readonly request: FineTuningRequest,
    private readonly runtime: Runtime,
    private readonly sources: Sources,
    private readonly features: FeatureCache,
    private readonly training: TrainingConfig,
    readonly preprocessing: Preprocessing,
    readonly settings: TrainSettings,
    /** Those of the settings that nobody gave, and that are as the model recommends. */
    readonly recommended: RecommendedSettings,
    /** What it was estimated to take as it began, where that is known of the device. */
    readonly memory: MemoryPlan | undefined,
    /** Worth knowing before training, a line each: what is assumed, what it costs. */
    readonly notices: readonly string[],
    resume: FineTuningPlatform['resume'],
  ) {
    for (const checkpoint of [resume?.best, resume?.last])
      if (checkpoint) checkCheckpoint(checkpoint, prepared.network, planStages(training, prepared.anatomy).length);
    this.best = resume?.best;
    this.trainer = this.trainerFrom(resume?.last);
  }

  /**
   * @throws ThawError for everything that the user can mend: a model without a head, classes without pictures, wrong settings
   */
  static async open(
    request: FineTuningRequest,
    { runtime, open, cacheMemory = 1024, memory: limit, resume }: FineTuningPlatform,
  ): Promise<FineTuning> {
    const { model: encoded, preprocessorConfig, classes } = request;
    refuseSettingsOfRuns({ ...request.settings });
    checkClassNames(classes);
    const { settings, recommended } = withRecommended({ ...request.settings }, request.config);
    readAugmentation(settings.augment);
    const task = classification(classes);
    const model = readModel(encoded);
    if (takesTexts(model))
      throw new ThawError('bad-model', 'the model reads texts, and pictures are given', 'Use `thaw train` for texts');
    const noted = metadataOf(model)?.preprocessing;
    const recorded = noted && !isText(noted) ? noted : undefined;
    const { preprocessing, from } = choosePreprocessing(model, preprocessorConfig, settings, recorded);
    const notices = [...(from === 'assumed' ? [ASSUMED] : []), ...(roundsValues(model.graph) ? [EXACT] : [])];
    const prepared = await prepareModel(model, runtime, {
      head: settings.head,
      classes: classes.length,
      names: { known: namedClasses(model, request.config), wanted: classes, rows: settings.knownClasses },
      seed: settings.seed,
      inputs: inputShapes(model, preprocessing),
      quantized: settings.quantized,
      lora: settings.lora,
      distill: settings.distill,
    });
    const sources = open(preprocessing, settings);
    if (sources.train.length === 0) throw new ThawError('bad-data', 'there are no pictures to train with');
    const weighted = withClassWeights(settings, sources.train.labels, classes);
    const complete = withEpochs(weighted, sources.train.length, classes.length);
    const features = openFeatures(settings, cacheMemory);
    const most = (settings.cacheMemory ?? cacheMemory) * 2 ** 20;
    // A training that goes on was planned when it began.
    const { settings: planned, memory }: Awaited<ReturnType<typeof planMemory>> = resume
      ? { settings: complete }
      : await planMemory(prepared, complete, {
          runtime,
          task,
          samples: { train: sources.train.length, val: sources.val.length },
          limit,
          cache: settings.cache === 'off' ? 0 : most,
          pictures: { each: keptBytes(preprocessing), most },
        });
    const config = trainingConfigOf(planned);
    const { batch, accumulate } = planned;
    const own = { ...settings, batch, accumulate, memory: planned.memory };
    return new FineTuning(
      prepared,
      task,
      request,
      runtime,
      sources,
      features,
      config,
      preprocessing,
      own,
      recommended,
      memory,
      notices,
      resume,
    );
  }

  /** The plan: each stage's selection of layers and its epochs. */
  get stages() {
    return this.trainer.stages;
  }

  get stepsPerEpoch(): number {
    return Math.ceil(this.sources.train.length / this.training.batch);
  }

  /** What became of the model's own classes, where their weights are kept. */
  get continued(): ContinuedClasses | undefined {
    return this.prepared.continued;
  }

  /** Names of the layer groups, input side first. */
  get groups(): readonly string[] {
    return this.prepared.anatomy.groups.map(({ name }) => name);
  }

  async *run(): AsyncGenerator<TrainingEvent> {
    for await (const event of this.trainer.run()) {
      if (event.type === 'epoch' && event.best) this.best = await this.trainer.checkpoint();
      yield event;
    }
  }

  /** Ends `run()` after the step under way. */
  stop(): void {
    this.trainer.interrupt();
  }

  checkpoint(): Promise<Checkpoint> {
    return this.trainer.checkpoint();
  }

  /** The weights of the best epoch so far. */
  get bestCheckpoint(): Checkpoint | undefined {
    return this.best;
  }

  /** Predictions by the weights as they are. */
  async predict(source: BatchSource): Promise<readonly Prediction[]> {
    return (await this.trainer.predict(source)).predictions;
  }

  /** Measures and exports the best weights, or those of the start where no epoch was finished. */
  async finish(): Promise<FineTuned> {
    const { config: sourceConfig } = this.request;
    const checkpoint = shippedCheckpoint(this.prepared, this.training, this.best ?? (await this.trainer.checkpoint()));
    await this.trainer.release();
    const { task, preprocessing, runtime, features, settings, training: config } = this;
    const { val } = this.sources;
    const trained = {
      ...this.prepared,
      checkpoint,
      task,
      preprocessing,
      config,
      settings,
      runtime,
      val,
      features,
      sourceConfig,
    };
    const measured = await measure(trained);
    if (!('val' in measured)) throw new ThawError('bad-data', 'no validation picture can be read', 'Put them back');
    const { predictions, val: evaluation } = measured;
    const model = finishModel(trained, measured);
    const { verification } = await checkModel(trained, measured, model);
    this.trainer = this.trainerFrom(checkpoint);
    return { model, verification, evaluation, predictions };
  }

  /** Gives back all sessions. */
  release(): Promise<void> {
    return this.trainer.release();
  }

  private trainerFrom(resume: Checkpoint | undefined): Trainer {
    const { network, anatomy } = this.prepared;
    const { task, runtime, features, training: config } = this;
    return new Trainer({ network, anatomy, task, ...this.sources, config, runtime, features, resume });
  }
}

/** @throws ThawError `bad-config` for `disk`: there are no files */
function openFeatures({ cache, cacheMemory }: TrainSettings, usual: number): FeatureCache {
  if (cache === 'disk') {
    throw new ThawError('bad-config', 'cache: disk is for the command line', 'Use memory or off');
  }
  return new FeatureCache({ maximumBytes: cache === 'off' ? 0 : (cacheMemory ?? usual) * 2 ** 20 });
}

/** @throws ThawError `bad-data` for fewer than two classes, and for names that are empty or given twice */
function checkClassNames(classes: readonly string[]): void {
  if (classes.length < 2)
    throw new ThawError('bad-data', `${classes.length} classes cannot be told apart`, 'Give at least two');
  const empty = classes.findIndex((name) => typeof name !== 'string' || name.trim() === '');
  if (empty >= 0) throw new ThawError('bad-data', `class ${empty} has no name`, 'Give each class a name of its own');
  const twice = classes.find((name, i) => classes.indexOf(name) < i);
  if (twice !== undefined)
    throw new ThawError('bad-data', `two classes are named "${twice}"`, 'Give each class a name of its own');
}
