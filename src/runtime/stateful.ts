import { arrayOf, type Tensor } from '../onnx/index.ts';
import { own } from '../own.ts';
import type { Feeds, Resident, Session } from './session.ts';

/** A copy that nobody else writes to. */
export const copyTensor = (tensor: Tensor): Tensor => ({ ...tensor, data: (tensor.data as Float32Array).slice() });

const isResident = (value: Tensor | Resident): value is Resident => 'read' in value;

/** How state lies in memory while sessions move it on. Both make copies. */
export interface Layout {
  into(name: string, tensor: Tensor): Tensor;
  from(name: string, tensor: Tensor): Tensor;
}

const AS_IT_IS: Layout = { into: (_, tensor) => copyTensor(tensor), from: (_, tensor) => copyTensor(tensor) };

/** The output that holds the next value of a state input. */
export const nextOf = (name: string): string => `${name}.next`;

/**
 * Values that sessions turn into the next: a session whose graph has the outputs `x.next` moves the state values `x` on, and reads those
 * that are its inputs. The one place that knows where state lives between steps.
 *
 * On a device with a memory of its own it stays there. Elsewhere it lives in two sets of tensors that take turns: a graph reads one
 * and writes the other, so that nothing is allocated or copied from step to step. What may be written in its own place is there once; a run
 * that fails leaves it in the midst of a step.
 */
export class State {
  private readonly current: Record<string, Tensor | Resident>;
  private readonly spare = new Map<string, Tensor>();

  /**
   * @param initial values by input name; they are copied
   * @param inPlace names of those that no session reads any more once it writes their next value
   */
  constructor(
    initial: ReadonlyMap<string, Tensor>,
    private readonly layout = AS_IT_IS,
    private readonly inPlace: ReadonlySet<string> = new Set(),
  ) {
    this.current = Object.fromEntries([...initial].map(([name, tensor]) => [name, layout.into(name, tensor)]));
  }

  /**
   * One step of a session.
   *
   * @param session with its `.next` outputs resident, where the device can keep them
   * @returns the outputs that are not state
   */
  async run(session: Session, feeds: Feeds, outputs: readonly string[]): Promise<Record<string, Tensor>> {
    const given = { ...feeds, ...this.feedsOf(session.inputNames) };
    const written = new Set(session.outputNames);
    const names = Object.keys(this.current).filter((name) => written.has(nextOf(name)));
    if (session.runResident) {
      const { results, kept } = await session.runResident(given, outputs);
      for (const name of names) {
        forget(this.current[name]);
        this.current[name] = kept[nextOf(name)];
      }
      return results;
    }
    const fetches: Record<string, Tensor | null> = Object.fromEntries(outputs.map((name) => [name, null]));
    for (const name of names) fetches[nextOf(name)] = this.spareOf(name);
    const results = await session.run(given, fetches);
    for (const name of names) {
      if (!this.inPlace.has(name)) this.spare.set(name, this.current[name] as Tensor);
      this.current[name] = results[nextOf(name)];
    }
    return Object.fromEntries(outputs.map((name) => [name, results[name]]));
  }

  /**
   * Those of the given inputs that are state, as they are now, for sessions on the same device; valid until the next step.
   *
   * @param instead name of the state that takes an input's place where there is one
   */
  feedsOf(names: readonly string[], instead: (name: string) => string = (name) => name): Feeds {
    const given = (name: string) => own(this.current, instead(name)) ?? this.current[name];
    return Object.fromEntries(
      names.flatMap((name) => (Object.hasOwn(this.current, name) ? [[name, given(name)]] : [])),
    );
  }

  /** A copy of the state as it is now. */
  async read(): Promise<Map<string, Tensor>> {
    const copy = async (name: string, value: Tensor | Resident) =>
      isResident(value) ? value.read() : this.layout.from(name, value);
    return new Map(
      await Promise.all(
        Object.entries(this.current).map(async ([name, value]) => [name, await copy(name, value)] as const),
      ),
    );
  }

  release(): void {
    for (const [name, value] of Object.entries(this.current)) {
      forget(value);
      delete this.current[name];
    }
  }

  private spareOf(name: string): Tensor {
    const current = this.current[name] as Tensor;
    if (this.inPlace.has(name)) return current;
    const { type, shape, data } = current;
    const spare = this.spare.get(name) ?? { type, shape, data: new (arrayOf(type)!)(data.length) };
    this.spare.set(name, spare);
    return spare;
  }
}

function forget(value: Tensor | Resident): void {
  if (isResident(value)) value.release();
}
