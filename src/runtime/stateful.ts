import { arrayOf, type Tensor } from '../onnx/index.ts';
import type { Feeds, Session } from './session.ts';

/** A copy that nobody else writes to. */
export const copyTensor = (tensor: Tensor): Tensor => ({ ...tensor, data: (tensor.data as Float32Array).slice() });

/**
 * A session whose graph turns a state into the next: for each state input `x` it has an output `x.next`. The one place that
 * knows where state lives between steps.
 *
 * Here it lives in two sets of tensors that take turns: the graph reads one and writes the other, so that nothing is allocated
 * or copied from step to step. (One set would do if no node read an old value after the new one is written; nothing says so.)
 */
export class StatefulSession {
  private current: Record<string, Tensor>;
  private spare: Record<string, Tensor>;

  /** @param state initial values by input name; they are copied */
  constructor(
    private readonly session: Session,
    state: ReadonlyMap<string, Tensor>,
  ) {
    this.current = Object.fromEntries([...state].map(([name, tensor]) => [name, copyTensor(tensor)]));
    this.spare = Object.fromEntries(
      [...state].map(([name, { type, shape, data }]) => [
        name,
        { type, shape, data: new (arrayOf(type)!)(data.length) },
      ]),
    );
  }

  /** One step. @returns the outputs that are not state */
  async run(feeds: Feeds, outputs: readonly string[]): Promise<Record<string, Tensor>> {
    const fetches: Record<string, Tensor | null> = Object.fromEntries(outputs.map((name) => [name, null]));
    for (const [name, tensor] of Object.entries(this.spare)) fetches[`${name}.next`] = tensor;
    const results = await this.session.run({ ...feeds, ...this.current }, fetches);
    this.spare = this.current;
    this.current = Object.fromEntries(Object.keys(this.spare).map((name) => [name, results[`${name}.next`]]));
    return Object.fromEntries(outputs.map((name) => [name, results[name]]));
  }

  /** The state as it is now; valid until the next step. */
  get state(): Readonly<Record<string, Tensor>> {
    return this.current;
  }

  release(): Promise<void> {
    return this.session.release();
  }
}
