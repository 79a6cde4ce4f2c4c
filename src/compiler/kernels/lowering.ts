import type { GraphBuilder, Value } from '../../onnx/index.ts';

/** What is to be known of the machine that will run a graph. Files are for any machine, and are written for none of them. */
export interface Machine {
  /** Channels in a block, where it has kernels for maps in blocks. */
  readonly block?: number;
  /**
   * A grouped convolution must make a multiple of so many channels of each. ONNX Runtime 1.30's WebGPU provider gives wrong numbers
   * where it is no multiple of 4.
   */
  readonly copies?: number;
  /** Whether a run writes state to given places, and may write it over itself. */
  readonly inPlace?: boolean;
}

/** A node of the adjoint domain, with the values that it is to be computed from. */
export interface AdjointCall {
  readonly op: string;
  readonly inputs: readonly Value[];
  // biome-ignore lint/suspicious/noExplicitAny: each family destructures the attributes of its own operator
  readonly attributes: Readonly<Record<string, any>>;
  readonly machine: Machine;
}

/** One exact way to write an adjoint with standard operators; `C` describes the call (sizes, strides, …). */
export interface Lowering<C> {
  readonly name: string;
  /** Whether the result is right for this call; always, if left out. */
  applies?(call: C): boolean;
  /** Whether it is the quickest of those that follow it in its list; yes, if left out. */
  suits?(call: C): boolean;
  emit(b: GraphBuilder, call: C): Value;
}

/** A lowering that applies to one particular call. */
export interface Candidate {
  readonly name: string;
  readonly suits: boolean;
  emit(b: GraphBuilder): Value;
}

/** All lowerings of one adjoint operator, by preference; the last one applies to every call. */
export type Family = (call: AdjointCall) => readonly Candidate[];

export const family =
  <C>(describe: (call: AdjointCall) => C, lowerings: readonly Lowering<C>[]): Family =>
  (call) => {
    const described = describe(call);
    return lowerings
      .filter(({ applies }) => applies?.(described) ?? true)
      .map(({ name, suits, emit }) => ({
        name,
        suits: suits?.(described) ?? true,
        emit: (b) => emit(b, described),
      }));
  };
