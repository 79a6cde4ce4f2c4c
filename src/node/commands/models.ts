import { stat } from 'node:fs/promises';
import type { Runtime } from '../../runtime/index.ts';
import { measureStep } from '../../session/index.ts';
import { readModelFile } from '../models/files.ts';
import { type ResolvedModel, type StartingPoint, startingPoints } from '../models/index.ts';
import { isHere } from '../models/resolve.ts';
import { stepTimes } from '../models/step-times.ts';
import { machineName, openRuntime } from './environment.ts';
import type { JobHooks } from './events.ts';
import { fetchModel } from './fetch-model.ts';

/** Time of a training step of all layers with 16 samples, on the processor of this machine. */
export interface StepTime {
  readonly seconds: number;
  /** `false`: estimated from the time of another model. */
  readonly measured: boolean;
}

/** A model of the catalogue on this machine. */
export interface ListedModel extends StartingPoint {
  /** Whether it can be used without a network. */
  readonly here: boolean;
  /** Null if no model could be measured. */
  readonly step: StepTime | null;
}

/** The models of the catalogue, with their times on this machine. The first call measures a step of the embedded model. */
export async function listedModels(hooks: JobHooks = {}): Promise<ListedModel[]> {
  const points = startingPoints();
  const times = await timesHere(hooks);
  // A model's own time is exact. The others' times are those of the measured model that is nearest in cost.
  const known = points.filter(({ name }) => times[name] !== undefined);
  const stepOf = ({ name, relativeStep }: StartingPoint): StepTime | null => {
    if (times[name] !== undefined) return { seconds: times[name], measured: true };
    const distance = (other: StartingPoint) => Math.abs(Math.log(other.relativeStep / relativeStep));
    const [nearest] = [...known].sort((a, b) => distance(a) - distance(b));
    return nearest ? { seconds: (times[nearest.name] * relativeStep) / nearest.relativeStep, measured: false } : null;
  };
  return Promise.all(points.map(async (point) => ({ ...point, here: await isHere(point.name), step: stepOf(point) })));
}

/** A model that was downloaded. */
export interface FetchedModel {
  /** What `<model>` takes. */
  readonly model: string;
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Null if the model cannot train, or ONNX Runtime does not work here. */
  readonly step: StepTime | null;
}

/** Downloads a model, so that it works without a network, and measures a training step of it. */
export async function getModel(spec: string, hooks: JobHooks = {}): Promise<FetchedModel> {
  const resolved = await fetchModel(spec, hooks);
  hooks.signal?.throwIfAborted();
  const runtime = await openRuntime('cpu').catch(() => undefined);
  const seconds = runtime && (await measured(resolved, runtime, hooks));
  return {
    model: spec,
    path: resolved.path,
    bytes: (await stat(resolved.path)).size,
    sha256: await resolved.sha256(),
    step: seconds === undefined ? null : { seconds, measured: true },
  };
}

/** The known times. Measures the embedded model if there are none. */
async function timesHere(hooks: JobHooks): Promise<Readonly<Record<string, number>>> {
  const runtime = await openRuntime('cpu').catch(() => undefined);
  if (!runtime) return {};
  const times = await stepTimes.of(await machineName(runtime));
  if (Object.keys(times).length) return times;
  const resolved = await fetchModel('default', {}).catch(() => undefined);
  const seconds = resolved && (await measured(resolved, runtime, hooks));
  return seconds === undefined ? {} : { default: seconds };
}

/** Measures a step and keeps its time for the catalogue. @returns undefined if the model cannot train here */
async function measured(resolved: ResolvedModel, runtime: Runtime, { onEvent }: JobHooks): Promise<number | undefined> {
  onEvent?.({ type: 'phase', phase: 'measuring' });
  try {
    const seconds = await measureStep(await readModelFile(resolved.path), resolved, runtime);
    const name = startingPoints().find(({ address }) => address === resolved.source)?.name;
    if (name !== undefined) await stepTimes.keep(await machineName(runtime), name, seconds).catch(() => {});
    return seconds;
  } catch {
    return undefined;
  }
}
