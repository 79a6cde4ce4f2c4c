import type { GraphBuilder, Value } from '../../onnx/index.ts';

/** Properties of the machine that will run a graph. Files are written for any machine, so they set none of these. */
export interface Machine {
  /** Channels per block, if it has kernels for maps in blocks. */
  readonly block?: number;
  /**
   * Each channel of a grouped convolution must give a multiple of this many channels. ONNX Runtime 1.30's WebGPU provider computes
   * wrong numbers if it is not a multiple of 4.
   */
  readonly copies?: number;
  /** Whether sums over the last axis add one number at a time, many times slower than sums over an axis before it. */
  readonly scalarSums?: boolean;
  /** Whether a run writes state to given places, which may be the state's own. */
  readonly inPlace?: boolean;
}

/** A node of the adjoint domain, with its input values. */
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
  /** Whether the result is correct for this call; by default, always. */
  applies?(call: C): boolean;
  /** Whether it is faster than all later ones in its list; by default, yes. */
  suits?(call: C): boolean;
  emit(b: GraphBuilder, call: C): Value;
}

/** A lowering that applies to a particular call. */
export interface Candidate {
  readonly name: string;
  readonly suits: boolean;
  emit(b: GraphBuilder): Value;
}

/** All lowerings of one adjoint operator, in order of preference; the last one applies to every call. */
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
