import { wholeOf } from '../bytes.ts';
import { isText, TextTokenizer } from '../data/text/index.ts';
import { sha256 } from '../digest.ts';
import { ThawError } from '../errors.ts';
import { readModel } from '../onnx/index.ts';
import {
  type ExplainOptions,
  type Explanation,
  explanations,
  FeatureExtractor,
  finishModel,
  inMemory,
  inputPredictions,
  inputSource,
  nounOf,
  openSession,
  Predictor,
  plainSource,
  readSettings,
  refuseSettingsOfRuns,
  type Session,
  settingsOf,
  type TopOptions,
} from '../session/index.ts';
import { type Evaluated, type Prediction, TASKS, type Task } from '../tasks/index.ts';
import type { Checkpoint, EpochRow, StopReason, TrainingEvent } from '../training/index.ts';
import { cardOf, type RunRequest } from './card.ts';
import { labelIssues, type SearchOptions } from './label-issues.ts';
import type { RemotePlatform } from './platform.ts';
import type { Finished, InputHandle, LabelIssue, Opened, OpenRequest, RemoteEvent, ReportOptions } from './protocol.ts';
import { featureBytesOf, filesOf, imagesReader, samplesReading, withClasses } from './reading.ts';
import { type ReportRequest, reportOf } from './report.ts';

/** The checkpoints from which a project continues. */
export interface Kept {
  readonly last: Checkpoint;
  readonly best?: Checkpoint;
}

/** A training that is open. */
export class OpenTraining {
  /** The epochs so far, and the evaluation before them if they began in this session. */
  private readonly rows: EpochRow[];
  private before: Evaluated | null = null;
  /** With what `finish` chooses, such as thresholds. */
  private task: Task;
  private tokenizer: TextTokenizer | undefined;
  /** How the stages of this session ended, by their numbers. */
  private readonly ends = new Map<number, StopReason>();
  private stopped: StopReason | undefined;
  /** The model of a checkpoint, for explanations. */
  private current: { readonly checkpoint: Checkpoint; readonly predictor: Predictor } | undefined;
  /** Once it is finished. */
  private finished: Omit<ReportRequest, 'thumbnails'> | undefined;

  private constructor(
    readonly request: OpenRequest,
    readonly session: Session,
    readonly opened: Opened,
    private readonly platform: RemotePlatform,
    kept: Kept | undefined,
  ) {
    this.rows = [...(kept?.last.progress.rows ?? [])];
    this.task = session.parts.task;
  }

  /**
   * @param kept the checkpoints of a project that continues
   * @throws ThawError for everything that the user can fix
   */
  static async open(
    request: OpenRequest,
    platform: RemotePlatform,
    emit: (event: RemoteEvent) => void,
    kept?: Kept,
  ): Promise<OpenTraining> {
    const settings = withClasses(settingsOf(request), request.classes);
    refuseSettingsOfRuns(settings);
    const runtime = await platform.runtime(settings.device ?? 'auto');
    const notices: string[] = [];
    const { session, recommended, memory } = await openSession(
      { model: readModel(request.model), files: filesOf(request), settings, resume: kept?.last },
      {
        ...samplesReading(request.samples, readSettings(settings), platform, emit),
        ...featureBytesOf(platform),
        runtime,
        memory: platform.memory?.(),
        best: inMemory(kept?.best),
        onEvent: (event) => {
          emit(event);
          if (event.type === 'notice') notices.push(event.message);
        },
      },
    );
    const { parts, plan, stepsPerEpoch } = session;
    const { dataset, format, task } = parts;
    const opened: Opened = {
      task: task.facts.task,
      device: runtime.device,
      noun: nounOf(format),
      format: isText(format) ? { kind: format.kind, maxLength: format.maxLength } : format,
      classes: task.classes,
      groups: parts.anatomy.groups.map(({ name }) => name),
      stages: plan,
      stepsPerEpoch,
      ...{ train: dataset.train.length, val: dataset.val.length, test: dataset.test.length },
      recommended,
      memory,
      notices,
      epochsDone: kept?.last.progress.epoch ?? 0,
    };
    return new OpenTraining(request, session, opened, platform, kept);
  }

  async *run(): AsyncGenerator<TrainingEvent<Evaluated>> {
    this.task = this.session.parts.task;
    for await (const event of this.session.run()) {
      if (event.type === 'before') this.before = event.val;
      if (event.type === 'epoch') {
        const { type: _, best: __, ...row } = event;
        this.rows.push(row);
      }
      if (event.type === 'stage-end') this.ends.set(event.stage, event.why);
      if (event.type === 'end') this.stopped = event.why;
      yield event;
    }
  }

  async predict(inputs: readonly InputHandle[], { topK }: Partial<TopOptions>): Promise<readonly Prediction[]> {
    const { format } = this.session.parts;
    if (isText(format)) this.tokenizer ??= new TextTokenizer(format);
    const readerOf = imagesReader(this.platform);
    const { facts, outputs } = this.task;
    const targets = TASKS[facts.task].reads().kind === 'class' ? undefined : outputs;
    const source = inputSource(inputs, { format, readerOf, tokenizer: this.tokenizer, targets });
    return inputPredictions(this.task, await this.session.predict(source), topK);
  }

  async explain(inputs: readonly InputHandle[], options: ExplainOptions): Promise<readonly Explanation[]> {
    return explanations(await this.currentModel(), inputs, imagesReader(this.platform), options);
  }

  async release(): Promise<void> {
    await this.session.release();
    await this.current?.predictor.release();
    this.current = undefined;
  }

  /** The current weights as a finished model. */
  private async currentModel(): Promise<Predictor> {
    const { session, current } = this;
    const checkpoint = await session.checkpoint();
    if (current?.checkpoint === checkpoint) return current.predictor;
    await current?.predictor.release();
    this.current = undefined;
    const { model } = finishModel(session.trained(checkpoint), { task: this.task, calibration: null });
    const files = filesOf(this.request);
    const { runtime, task } = session.parts;
    const predictor = await Predictor.open(
      { model, files: { name: files.name, source: files.source }, task: task.facts.task },
      { runtime },
    );
    this.current = { checkpoint, predictor };
    return predictor;
  }

  /**
   * Labels that are probably wrong, by the features of the pretrained model: those of the trained one already fit the labels.
   *
   * @throws ThawError `bad-config` for another task, `bad-model` if the model has no head, `bad-data` if there are too many samples and classes; the
   *   reason of the signal
   */
  async labelIssues(options: SearchOptions): Promise<readonly LabelIssue[]> {
    const { request, platform } = this;
    const { dataset, runtime, task } = this.session.parts;
    if (task.facts.task !== 'classification')
      throw new ThawError('bad-config', `labels of the task ${task.facts.task} are not checked`, 'Train a classifier');
    const samples = [...dataset.train, ...dataset.val, ...dataset.test];
    const extractor = await FeatureExtractor.open(
      { model: readModel(request.model), files: filesOf(request) },
      { runtime },
    );
    try {
      // The training has reported unreadable images.
      const { reader } = samplesReading(request.samples, {}, platform, () => {});
      const source = plainSource(samples, extractor.parts.format, { reader, onProblem: () => {} });
      const { classes } = task;
      return await labelIssues({ samples, classes, batches: extractor.batches(source), size: extractor.size }, options);
    } finally {
      await extractor.release();
    }
  }

  async finish(): Promise<Finished> {
    const { session, request } = this;
    const { parts } = session;
    const { best } = (await session.bestCheckpoint())?.progress ?? {};
    // Before the session returns to its best epoch.
    const plan = session.stages;
    const plans = plan.map((_, stage) => session.planOf(stage));
    const { decisions, rollbacks, findings } = (await session.checkpoint()).progress;
    const { model, measured, unknown, ...check } = await session.finish();
    this.task = measured.task;
    const run: RunRequest = {
      request,
      parts,
      measured,
      ...{
        before: this.before,
        unknown: unknown?.report ?? null,
        rows: [...this.rows],
        plan,
        bestEpoch: best?.epoch ?? null,
      },
      sha256: await sha256(request.model),
      onnxruntime: await this.platform.runtimeVersion(parts.runtime.device),
    };
    const { ends, stopped, platform } = this;
    this.finished = { ...run, plans, decisions, rollbacks, findings, ends, stopped, model: model.model, platform };
    const card = cardOf({ ...run, shipped: { preprocessing: model.preprocessing, ...check } });
    const finished = {
      task: measured.task.facts.task,
      files: Array.from(
        model.folder(card, { unknown: unknown?.note }),
        ([path, contents]) => [path, wholeOf(contents)] as const,
      ),
      ...check,
    };
    if (!('val' in measured))
      return {
        ...finished,
        ...{ status: 'unmeasured', evaluation: null, test: null, calibration: null, unknown: null, mistakes: null },
      };
    const { val: evaluation, test, calibration, predictions } = measured;
    const mistakes = measured.task.mistakes?.(predictions).map(({ index, ...mistake }) => ({
      sample: Number(parts.dataset.val[index].file),
      ...mistake,
    }));
    // The evaluation and the mistakes are those of this task.
    return {
      ...finished,
      status: 'finished',
      evaluation,
      test,
      calibration,
      unknown: unknown?.report ?? null,
      mistakes: mistakes ?? null,
    } as unknown as Finished;
  }

  async report({ thumbnails = new Map() }: ReportOptions): Promise<string> {
    if (this.finished) return reportOf({ ...this.finished, thumbnails });
    throw new ThawError('bad-config', 'this training is not finished', 'Call finish() before report()');
  }
}
