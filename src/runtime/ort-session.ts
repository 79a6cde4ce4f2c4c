/** Common code for ONNX Runtime's packages for Node and for the web. */
import type * as ort from 'onnxruntime-common';
import type { Tensor, TensorData } from '../onnx/index.ts';
import type { Resident, Session } from './session.ts';

/** The module of either package. */
export type Ort = typeof ort;

interface Wrapping {
  /** The runtime's own class. The runtime silently treats an instance of another copy of the class as an option. */
  readonly Tensor: Ort['Tensor'];
  /** Whether outputs are written directly into given tensors. WebAssembly fills a copy in its own memory. */
  readonly writesTargets: boolean;
  /** Outputs to keep on the device, if possible. */
  readonly resident?: readonly string[];
  /** Runs the session with outputs written in place. */
  readonly run?: (
    feeds: Readonly<Record<string, ort.Tensor>>,
    outputs: Readonly<Record<string, ort.Tensor | null>>,
  ) => Promise<Readonly<Record<string, ort.Tensor>>>;
}

/** Wraps an ONNX Runtime session in Thaw's interface. */
export function wrapSession(session: ort.InferenceSession, wrapping: Wrapping): Session {
  const { Tensor, writesTargets, resident, run = (feeds, outputs) => session.run(feeds, outputs) } = wrapping;
  // The constructor's overloads are a union by type. Type and data match here, because `Tensor` guarantees it.
  const toOrt = (value: Tensor | Resident): ort.Tensor =>
    value instanceof OnDevice
      ? value.tensor
      : new Tensor(value.type as 'float32', (value as Tensor).data as Float32Array, value.shape);
  return {
    inputNames: session.inputNames,
    outputNames: session.outputNames,
    outputTypes: Object.fromEntries(
      session.outputMetadata.flatMap((output) => (output.isTensor && output.type ? [[output.name, output.type]] : [])),
    ),
    async run(feeds, fetches) {
      const ortFeeds = mapValues(feeds, toOrt);
      if (fetches === undefined) return mapValues(await session.run(ortFeeds), fromOrt);
      if (isNames(fetches)) return mapValues(await session.run(ortFeeds, fetches), fromOrt);
      if (!writesTargets) {
        const results = await session.run(ortFeeds, Object.keys(fetches));
        return mapValues(fetches, (target, name) => {
          const result = fromOrt(results[name]);
          (target?.data as Float32Array | undefined)?.set(result.data as Float32Array);
          return target ?? result;
        });
      }
      const results = await run(
        ortFeeds,
        mapValues(fetches, (target) => target && toOrt(target)),
      );
      // A target is already written; a returned value would be a copy.
      return mapValues(fetches, (target, name) => target ?? fromOrt(results[name]));
    },
    runResident:
      resident &&
      (async (feeds, outputs) => {
        const results = await session.run(mapValues(feeds, toOrt), [...outputs, ...resident]);
        return {
          results: Object.fromEntries(outputs.map((name) => [name, fromOrt(results[name])])),
          kept: Object.fromEntries(resident.map((name) => [name, new OnDevice(results[name])])),
        };
      }),
    release: () => session.release(),
  };
}

/** A tensor in the device's memory. */
class OnDevice implements Resident {
  constructor(readonly tensor: ort.Tensor) {}

  get type() {
    return this.tensor.type as Tensor['type'];
  }

  get shape() {
    return this.tensor.dims;
  }

  async read(): Promise<Tensor> {
    const data = (await this.tensor.getData()) as Float32Array;
    return { type: this.type, shape: this.shape, data: data.slice() };
  }

  release(): void {
    this.tensor.dispose();
  }
}

const mapValues = <A, B>(record: Readonly<Record<string, A>>, f: (value: A, key: string) => B): Record<string, B> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, f(value, key)]));

const isNames = (fetches: readonly string[] | Readonly<Record<string, Tensor | null>>): fetches is readonly string[] =>
  Array.isArray(fetches);

const fromOrt = (value: ort.Tensor): Tensor => ({
  type: value.type as Tensor['type'],
  shape: value.dims,
  data: value.data as TensorData,
});

/** The first line of an error. */
export const firstLine = (error: unknown): string => String((error as Error).message ?? error).split('\n')[0];
