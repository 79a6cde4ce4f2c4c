/** A worker that answers at once, and does no arithmetic. */

import type { Explanation } from '../../src/session/index.ts';
import type { StudioHost } from '../../src/studio/state/host.ts';
import type { TaskEvaluation } from '../../src/tasks/index.ts';
import type { EpochRow, StopReason } from '../../src/training/index.ts';
import {
  type Answer,
  connect,
  describe,
  type Finished,
  type LabelIssue,
  type LoadRequest,
  type Opened,
  type OpenRequest,
  type RemoteClient,
  type RemoteEvent,
  type Request,
} from '../../src/worker/index.ts';
import type { Methods } from '../../src/worker/protocol.ts';

export const GROUPS = ['stem', 'block1', 'block2', 'head'];
export const STAGES = [
  { train: 'head', epochs: 2 },
  { train: 'last:2', epochs: 2 },
];

export const row = (epoch: number): EpochRow => ({
  epoch,
  stage: epoch <= 2 ? 1 : 2,
  trainable: 10,
  lr: 1e-3,
  train: { loss: 1 / epoch, accuracy: 0.9 },
  val: { loss: 1 / epoch, accuracy: epoch / 4 },
  seconds: 2,
});

const stageEvent = (stage: number): RemoteEvent => ({
  type: 'stage',
  stage,
  stages: 2,
  train: STAGES[stage - 1].train,
  groups: stage === 1 ? ['head'] : ['block2', 'head'],
  thawed: stage === 1 ? ['head'] : ['block2'],
  trainable: 10,
  frozen: 100,
  epochs: 2,
  lr: 1e-3,
});

export const stepEvent = (epoch: number, step: number): RemoteEvent => ({
  type: 'step',
  epoch,
  step,
  steps: 4,
  loss: 1,
  sofar: { loss: 1, accuracy: 0.5 },
  lr: 1e-3,
  samples: 4,
  waited: 0.1,
  computed: 0.4,
});

/** Every event of a training from an epoch on. */
function* eventsFrom(done: number): Generator<RemoteEvent> {
  for (let epoch = done + 1; epoch <= 4; epoch++) {
    if (epoch === done + 1 || epoch === 3) yield stageEvent(epoch <= 2 ? 1 : 2);
    for (let step = 1; step <= 4; step++) yield stepEvent(epoch, step);
    yield { type: 'epoch', best: true, ...row(epoch) };
  }
  yield { type: 'end', why: 'finished', best: { epoch: 4, loss: 0.25, accuracy: 1 } };
}

export interface FakeOptions {
  /** Epochs that `reopen` finds done. */
  readonly epochsDone?: number;
  /** What a method throws. */
  readonly fails?: Partial<Record<keyof Methods, Error>>;
  /** Parts of what `finish` gives. */
  readonly finished?: Partial<Finished<'classification'>>;
  /** What the classes' check finds. */
  readonly issues?: readonly LabelIssue[];
  /** `train` stops before this epoch, and waits for `resume`. */
  readonly holdAt?: number;
}

export class FakeEngine {
  readonly asked: (keyof Methods)[] = [];
  request: OpenRequest | undefined;
  readonly client: RemoteClient;
  loaded: LoadRequest | undefined;
  terminated = false;
  readonly forgotten: string[] = [];
  end: (reason: Error) => void = () => {};
  /** Continues a training that is held. */
  resume: (how: 'go on' | 'stop') => void = () => {};
  private answer: (answer: Answer) => void = () => {};
  private done = 0;

  constructor(private readonly options: FakeOptions = {}) {
    this.client = connect({
      post: (message) => void this.take(message as Request),
      listen: (take) => {
        this.answer = take;
      },
      close: () => {
        this.terminated = true;
      },
      ended: (take) => {
        this.end = take;
      },
    });
  }

  emit(event: RemoteEvent): void {
    this.answer({ event });
  }

  private async take({ id, method, parameters }: Request): Promise<void> {
    this.asked.push(method);
    try {
      const error = this.options.fails?.[method];
      if (error) throw error;
      const run = this.methods[method] as ((...parameters: readonly unknown[]) => unknown) | undefined;
      if (!run) throw new Error(`the studio does not use ${method}`);
      const result = await run(...parameters);
      this.answer({ id, result });
    } catch (error) {
      this.answer({ id, error: describe(error) });
    }
  }

  private readonly methods: {
    readonly [M in keyof Methods]?: (
      ...parameters: Parameters<Methods[M]>
    ) => ReturnType<Methods[M]> | Promise<ReturnType<Methods[M]>>;
  } = {
    open: (request) => {
      this.request = request;
      this.done = 0;
      return opened(request.classes!);
    },
    reopen: () => {
      this.done = this.options.epochsDone ?? 0;
      return { ...opened(['a', 'b']), epochsDone: this.done };
    },
    projects: () => ['studio-1', 'studio-2', 'of-others'],
    forget: (project) => void this.forgotten.push(project),
    train: () => this.train(),
    pause: () => this.emit({ type: 'paused' }),
    resume: () => this.emit({ type: 'resumed' }),
    stop: () => this.resume('stop'),
    predict: (images) => images.map(() => PREDICTION),
    finish: () => ({ ...finished, ...this.options.finished }) as Finished,
    load: (request) => {
      this.loaded = request;
      return { id: 1, labels: ['a', 'b'] };
    },
    predictLoaded: (_, images) => images.map(() => ({ ...PREDICTION, unknown: true, unknownScore: 0.9 })),
    explainLoaded: (_, images) => images.map(() => EXPLANATION),
    unload: () => {},
    labelIssues: () => this.options.issues ?? [],
    close: () => {},
  };

  private async train(): Promise<StopReason> {
    for (const event of eventsFrom(this.done)) {
      if (event.type === 'step' && event.step === 1 && event.epoch === this.options.holdAt) {
        const how = await new Promise((resolve) => {
          this.resume = resolve;
        });
        if (how === 'stop') {
          this.emit({ type: 'end', why: 'interrupted', best: { epoch: 1, loss: 1, accuracy: 0.25 } });
          return 'interrupted';
        }
      }
      this.emit(event);
    }
    return 'finished';
  }
}

export const PREDICTION = { label: 'b', probability: 0.75, probabilities: { a: 0.25, b: 0.75 } };

/** A map whose strongest part is at the top right. */
export const EXPLANATION: Explanation = {
  ...{ label: 'b', method: 'grad-cam', score: 2, probability: 0.75 },
  map: { width: 3, height: 3, values: Float32Array.of(0, 0, 9, 0, 1, 0, -4, 0, 0), peak: 9 },
  area: { left: 0, top: 0, width: 1, height: 1 },
};

const opened = (classes: readonly string[]): Opened => ({
  task: 'classification',
  device: 'wasm',
  noun: 'image',
  // Only the worker uses it.
  format: {} as Opened['format'],
  classes,
  groups: GROUPS,
  stages: STAGES,
  stepsPerEpoch: 4,
  ...{ train: 4, val: 2, test: 0 },
  recommended: {},
  notices: [],
  epochsDone: 0,
});

const finished: Finished<'classification'> = {
  status: 'finished',
  task: 'classification',
  verification: { samples: 2, maxDifference: 0, agreement: 1, holds: true },
  files: [
    ['onnx/model.onnx', new Uint8Array([1, 2, 3])],
    ['config.json', new TextEncoder().encode('{"id2label":{"0":"a","1":"b"}}')],
  ],
  // The part that the studio shows.
  evaluation: {
    loss: 0.5,
    accuracy: 0.5,
    confusion: [
      [1, 0],
      [1, 0],
    ],
  } as unknown as TaskEvaluation<'classification'>,
  test: null,
  calibration: null,
  unknown: null,
  mistakes: [{ sample: 3, label: 'b', predicted: 'a', probability: 0.8 }],
};

export const PHOTO = { name: 'photo-model', source: 'hf:owner/photo-model', model: new Blob(['photo']) };

/** @returns the host of a studio, and its engines as they are started */
export function host(options: FakeOptions = {}, given: Partial<StudioHost> = {}) {
  const engines: FakeEngine[] = [];
  const around: StudioHost = {
    start: () => {
      const engine = new FakeEngine(options);
      engines.push(engine);
      return engine.client;
    },
    embedded: async () => ({ model: new Uint8Array([7]), preprocessorConfig: { size: 80 }, config: { id2label: {} } }),
    photoModel: async ({ onProgress }) => {
      onProgress?.({ received: 5, total: 5 });
      return PHOTO;
    },
    network: [],
    keeps: true,
    clearPage: async () => {},
    ...given,
  };
  return { around, engines };
}
