import { arrayOf, type Tensor } from '../onnx/index.ts';
import type { Feeds, Resident, Session } from './session.ts';

/** A copy that nobody else writes to. */
export const copyTensor = (tensor: Tensor): Tensor => ({ ...tensor, data: (tensor.data as Float32Array).slice() });

type State = Readonly<Record<string, Tensor | Resident>>;

const isResident = (value: Tensor | Resident): value is Resident => 'read' in value;

/** The output that holds the next value of a state input. */
export const nextOf = (name: string): string => `${name}.next`;

/**
 * A session whose graph turns a state into the next: for each state input `x` it has an output `x.next`. The one place that
 * knows where state lives between steps.
 *
 * On a device with a memory of its own it stays there. Elsewhere it lives in two sets of tensors that take turns: the graph reads one
 * and writes the other, so that nothing is allocated or copied from step to step. (One set would do if no node read an old value after
 * the new one is written; nothing says so.)
 */
export class StatefulSession {
  private current: State;
  private spare: Readonly<Record<string, Tensor>> | undefined;

  /**
   * @param session with its `.next` outputs resident, where the device can keep them
   * @param state initial values by input name; they are copied
   */
  constructor(
    private readonly session: Session,
    state: ReadonlyMap<string, Tensor>,
  ) {
    this.current = Object.fromEntries([...state].map(([name, tensor]) => [name, copyTensor(tensor)]));
    if (session.runResident) return;
    const empty = ({ type, shape, data }: Tensor): Tensor => ({ type, shape, data: new (arrayOf(type)!)(data.length) });
    this.spare = Object.fromEntries([...state].map(([name, tensor]) => [name, empty(tensor)]));
  }

  /** One step. @returns the outputs that are not state */
  async run(feeds: Feeds, outputs: readonly string[]): Promise<Record<string, Tensor>> {
    const names = Object.keys(this.current);
    if (!this.spare) {
      const { results, kept } = await this.session.runResident!({ ...feeds, ...this.current }, outputs);
      this.forget();
      this.current = Object.fromEntries(names.map((name) => [name, kept[nextOf(name)]]));
      return results;
    }
    const fetches: Record<string, Tensor | null> = Object.fromEntries(outputs.map((name) => [name, null]));
    for (const name of names) fetches[nextOf(name)] = this.spare[name];
    const results = await this.session.run({ ...feeds, ...this.current }, fetches);
    this.spare = this.current as Readonly<Record<string, Tensor>>;
    this.current = Object.fromEntries(names.map((name) => [name, results[nextOf(name)]]));
    return Object.fromEntries(outputs.map((name) => [name, results[name]]));
  }

  /** Those of the given inputs that are state, as they are now, for other sessions on the same device; valid until the next step. */
  feedsOf(names: readonly string[]): Feeds {
    return Object.fromEntries(names.flatMap((name) => (name in this.current ? [[name, this.current[name]]] : [])));
  }

  /** A copy of the state as it is now. */
  async read(): Promise<Map<string, Tensor>> {
    const copy = (value: Tensor | Resident) => (isResident(value) ? value.read() : copyTensor(value));
    return new Map(
      await Promise.all(Object.entries(this.current).map(async ([name, value]) => [name, await copy(value)] as const)),
    );
  }

  async release(): Promise<void> {
    this.forget();
    this.current = {};
    await this.session.release();
  }

  private forget(): void {
    for (const value of Object.values(this.current)) if (isResident(value)) value.release();
  }
}
