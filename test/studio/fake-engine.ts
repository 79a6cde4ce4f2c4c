/** A worker that does at once what it is told to, and no arithmetic. */

import type { StudioHost } from '../../src/studio/state/host.ts';
import type { EpochRow, StopReason } from '../../src/training/index.ts';
import type { Finished, Opened, OpenRequest, RemoteClient, RemoteEvent } from '../../src/worker/index.ts';
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
  /** `train` stops before this epoch, and waits to be told what to do. */
  readonly holdAt?: number;
}

export class FakeEngine {
  readonly asked: (keyof Methods)[] = [];
  request: OpenRequest | undefined;
  readonly client: RemoteClient;
  terminated = false;
  end: (reason: Error) => void = () => {};
  /** Lets a training go on that is held. */
  resume: (how: 'go on' | 'stop') => void = () => {};
  private readonly listeners = new Set<(event: RemoteEvent) => void>();
  private done = 0;

  constructor(private readonly options: FakeOptions = {}) {
    const answer =
      <M extends keyof Methods>(
        method: M,
        work: (...parameters: Parameters<Methods[M]>) => ReturnType<Methods[M]> | Promise<ReturnType<Methods[M]>>,
      ) =>
      async (...parameters: Parameters<Methods[M]>) => {
        this.asked.push(method);
        const error = options.fails?.[method];
        if (error) throw error;
        return work(...parameters);
      };
    this.client = {
      open: answer('open', (request) => {
        this.request = request;
        this.done = 0;
        return this.opened(request.classes);
      }),
      reopen: answer('reopen', () => {
        this.done = options.epochsDone ?? 0;
        return { ...this.opened(['a', 'b']), epochsDone: this.done };
      }),
      projects: answer('projects', () => []),
      forget: answer('forget', () => {}),
      train: answer('train', () => this.train()),
      pause: answer('pause', () => this.emit({ type: 'paused' })),
      resume: answer('resume', () => this.emit({ type: 'resumed' })),
      stop: answer('stop', () => this.resume('stop')),
      predict: answer('predict', (images) => images.map(() => ({ label: 1, probabilities: [0.25, 0.75] }))),
      finish: answer('finish', () => finished),
      round: answer('round', () => {
        throw new Error('the studio takes part in no federation');
      }),
      close: answer('close', () => {}),
      listen: (take) => {
        this.listeners.add(take);
        return () => this.listeners.delete(take);
      },
      whenEnded: (take) => {
        this.end = take;
      },
      terminate: () => {
        this.terminated = true;
      },
    };
  }

  emit(event: RemoteEvent): void {
    for (const take of this.listeners) take(event);
  }

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

  private opened = (classes: readonly string[]): Opened => ({
    device: 'wasm',
    // What of it matters is the worker's.
    preprocessing: {} as Opened['preprocessing'],
    classes,
    groups: GROUPS,
    stages: STAGES,
    stepsPerEpoch: 4,
    train: 4,
    val: 2,
    recommended: {},
    notices: [],
    epochsDone: 0,
  });
}

const finished: Finished = {
  verification: { samples: 2, maxDifference: 0, agreement: 1, holds: true },
  files: [['onnx/model.onnx', new Uint8Array([1, 2, 3])]],
  evaluation: {
    loss: 0.5,
    accuracy: 0.5,
    top5: 1,
    f1: 0.4,
    perClass: [],
    confusion: [
      [1, 0],
      [1, 0],
    ],
  },
  mistakes: [{ image: 3, label: 1, predicted: 0, probability: 0.8 }],
};

/** @returns what the studio lies in, and its engines as they are started */
export function host(options: FakeOptions = {}, project: string | undefined = 'studio') {
  const engines: FakeEngine[] = [];
  const around: StudioHost = {
    start: () => {
      const engine = new FakeEngine(options);
      engines.push(engine);
      return engine.client;
    },
    embedded: async () => ({ model: new Uint8Array([7]), preprocessorConfig: { size: 80 }, config: { id2label: {} } }),
    project,
  };
  return { around, engines };
}
