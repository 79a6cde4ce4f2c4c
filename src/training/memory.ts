/** Estimates the memory of a stage before a runtime loads it. */

import type { Inference } from '../compiler/shapes/index.ts';
import { graphMemory, slotsOf, stepModels, type TrainingPlan, valueBytes } from '../compiler/step/index.ts';
import { ThawError } from '../errors.ts';
import { weightBytes } from '../onnx/index.ts';
import { ENCODED, type MachineTraits, ON_DISK, saysOutOfMemory } from '../runtime/index.ts';
import { CHUNK } from './features/index.ts';

/** Bytes that a training uses at its peak, by purpose. */
export interface MemoryEstimate {
  /** Node or the page, Thaw, ONNX Runtime, the decoders. */
  readonly base: number;
  /** All weights, in files, graphs and sessions. */
  readonly model: number;
  /** Trainable parameters with the optimizer's state: up to two sets that take turns, and copies for checkpoints. */
  readonly state: number;
  /** Activations and gradients that exist at once in a step, in an evaluation and in the frozen part. */
  readonly values: number;
  /** Batches that are prefetched or in use. */
  readonly batches: number;
  /** Cached images and features. */
  readonly caches: number;
  readonly total: number;
}

/*
 * Measured: the peaks of `thaw train` (docs/robustness.md), minus the bytes that follow from the graphs.
 */
const BASE = 250e6;
/** Copies of the weights: file, graph, written models, sessions with their own layout. */
const MODEL = 7.5;
/** The same of models whose weights stay in their file until they are needed, next to one copy in each session that is open at once. */
const MODEL_ON_DISK = 4;
/** The same of a part of a large model that is small enough to be encoded. Its weights stay in their file otherwise. */
const ENCODED_PART = 3;
/** Copies of parameters and optimizer state: the current ones, and those of the epoch's start for a rollback. */
const STATE = 2;
/** The same if they are not updated in place: also the next values, the results, and in a page the best epoch's with its written form. */
const STATE_ELSEWHERE = 5;
/** Memory of an arena divided by the bytes of its values: freed pieces leave gaps that others do not fit. */
const ARENA = 1.25;
/** Batches at once: three prefetched, one of the next epoch or the validation, and the current one, decoded and as a feed. */
const BATCHES = 7;

export interface MemoryOptions {
  /** Samples in a batch. */
  readonly batch: number;
  /** Sizes of other symbols, such as the length of a text. */
  readonly sizes?: Readonly<Record<string, number>>;
  /** Whether gradients are summed over batches. */
  readonly accumulate?: boolean;
  /** Samples whose features are cached, and the most bytes that they may use. */
  readonly remembered?: { readonly rows: number; readonly most: number };
  /** Bytes of decoded images. */
  readonly images?: number;
}

/** The memory of one stage. */
export class StageMemory {
  private readonly models;
  private readonly weights: number;
  private readonly trained: number;
  private readonly slots: number;

  /** Writes the graphs of the stage, which takes as long as at the beginning of the stage. */
  constructor(
    private readonly network: Inference,
    private readonly plan: TrainingPlan,
    private readonly machine: MachineTraits,
  ) {
    this.models = stepModels(network, plan, machine);
    const { initializers } = network.model.graph;
    const bytes = (shape: readonly number[]) => 4 * shape.reduce((all, d) => all * d, 1);
    this.weights = weightBytes(initializers);
    const shapes = [...plan.trainable].map((name) => initializers.get(name)!.shape);
    this.trained = shapes.reduce((all, shape) => all + bytes(shape), 0);
    this.slots = shapes
      .flatMap((shape) => Object.values(slotsOf(plan, shape)))
      .reduce((all, shape) => all + bytes(shape), 0);
  }

  at({ batch, sizes = {}, accumulate = this.plan.accumulate, remembered, images = 0 }: MemoryOptions): MemoryEstimate {
    const { models, network, plan } = this;
    const at = { ...sizes, batch };
    const inputs = network.model.graph.inputs.map(({ name }) => ({ name, ...network.values.get(name)! }));
    const bytes = (values: readonly { readonly name: string }[], typeOf = models.typeOf, rows = at) =>
      values.reduce((all, { name }) => all + valueBytes(typeOf(name), rows), 0);
    const own = (name: string) => network.values.get(name);
    const boundary = models.boundary.filter(({ name }) => !inputs.some((input) => input.name === name));
    const step = graphMemory(models.step.graph, models.typeOf, at);
    const evaluation = graphMemory(models.evaluation.model.graph, models.evaluation.typeOf, at);
    const frozen = boundary.length ? graphMemory(network.model.graph, own, { ...at, batch: CHUNK }).values : 0;
    const values = ARENA * (step.values + evaluation.values + frozen) + bytes(models.noise) + bytes(boundary);
    // The factor was chosen without these, on the trainings of docs/robustness.md.
    const inPlace = [...plan.trainable].flatMap((name) => (models.inPlace.has(name) ? [{ name }] : []));
    const times = this.machine.inPlace ? STATE : STATE_ELSEWHERE;
    const sets = 1 + (accumulate ? 1 : 0) + (plan.average ? 1 : 0);
    const row = boundary.length ? bytes(boundary, models.typeOf, { ...at, batch: 1 }) : 0;
    const parts = {
      base: BASE,
      model: this.weightsInUse(step.constants, evaluation.constants),
      state: times * (sets * this.trained + this.slots) - bytes(inPlace),
      values,
      batches: BATCHES * bytes(inputs, own),
      caches: images + (remembered ? Math.min(remembered.most, remembered.rows * row) : 0),
    };
    return { ...parts, total: Object.values(parts).reduce((all, part) => all + part, 0) };
  }

  /** Bytes of all copies of the weights. If ONNX Runtime maps them from their file, each session that is open at once has one. */
  private weightsInUse(step: number, evaluation: number): number {
    const { weights, machine } = this;
    if (!machine.mapsLarge) return MODEL * weights;
    const frozen = Math.max(0, weights - evaluation);
    if (weights <= ENCODED)
      return weights > ON_DISK ? MODEL_ON_DISK * weights + step + evaluation + frozen : MODEL * weights;
    const copies = (bytes: number) => (bytes > ENCODED ? bytes : ENCODED_PART * bytes);
    return Math.max(
      weights,
      [step, evaluation, frozen].reduce((all, bytes) => all + copies(bytes), 0),
    );
  }
}

/**
 * Runs something whose memory depends on the batch size.
 *
 * @throws ThawError `memory` naming the batch size if memory runs out
 */
export async function withinMemory<T>(what: string, batch: number, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    if (!saysOutOfMemory(String((cause as Error).message ?? cause))) throw cause;
    const smaller =
      batch > 1
        ? `A smaller batch takes less: --batch ${Math.ceil(batch / 2)} --accumulate 2 makes the same updates`
        : 'Train fewer layers, or a smaller model';
    throw new ThawError('memory', `memory ran out in ${what} with a batch of ${batch}`, smaller, { cause });
  }
}
