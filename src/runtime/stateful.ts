import { arrayOf, type Tensor } from '../onnx/index.ts';
import { own } from '../own.ts';
import type { Feeds, Resident, Session } from './session.ts';

/** A separate copy. */
export const copyTensor = (tensor: Tensor): Tensor => ({ ...tensor, data: (tensor.data as Float32Array).slice() });

const isResident = (value: Tensor | Resident): value is Resident => 'read' in value;

/** Converts the layout of state for and from sessions. Both functions copy. */
export interface Layout {
  into(name: string, tensor: Tensor): Tensor;
  from(name: string, tensor: Tensor): Tensor;
}

const AS_IT_IS: Layout = { into: (_, tensor) => copyTensor(tensor), from: (_, tensor) => copyTensor(tensor) };

/** Name of the output with the next value of a state input. */
export const nextOf = (name: string): string => `${name}.next`;

/**
 * State that sessions update: a session with outputs `x.next` updates the state values `x`, and reads those that are its inputs. Only this
 * class knows where state is stored between steps.
 *
 * On a device with its own memory, state stays there. Elsewhere, two sets of tensors alternate: a graph reads one and writes the other, so
 * steps allocate and copy nothing. Values that can be updated in place have only one tensor; a failed run leaves them in the middle of a
 * step.
 */
export class State {
  private readonly current: Record<string, Tensor | Resident>;
  private readonly spare = new Map<string, Tensor>();

  /**
   * @param initial values by input name; they are copied
   * @param inPlace names of values that no session reads after it starts to write their next value
   */
  constructor(
    initial: ReadonlyMap<string, Tensor>,
    private readonly layout = AS_IT_IS,
    private readonly inPlace: ReadonlySet<string> = new Set(),
  ) {
    this.current = Object.fromEntries([...initial].map(([name, tensor]) => [name, layout.into(name, tensor)]));
  }

  /**
   * Runs one step of a session.
   *
   * @param session with its `.next` outputs resident, if the device supports it
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
   * The current values of those inputs that are state, for sessions on the same device. Valid until the next step.
   *
   * @param instead name of the state that replaces an input, if it exists
   */
  feedsOf(names: readonly string[], instead: (name: string) => string = (name) => name): Feeds {
    const given = (name: string) => own(this.current, instead(name)) ?? this.current[name];
    return Object.fromEntries(
      names.flatMap((name) => (Object.hasOwn(this.current, name) ? [[name, given(name)]] : [])),
    );
  }

  /** A copy of the current state. */
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
