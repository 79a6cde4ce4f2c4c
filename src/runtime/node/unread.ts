/**
 * Avoids copies of outputs that are already written into given tensors.
 *
 * onnxruntime-node creates an array for every requested output at the end of a run, even if it has written the output in place. For AdamW's
 * state, that is three times the trained weights in every step. It creates them in the order of the model's outputs, and stops at one that
 * is not a tensor. So Thaw adds such an output before all others, and requests it. A small model checks whether a version of the package
 * behaves like this, and which error it throws.
 */
import type * as ort from 'onnxruntime-common';
import { onnx } from '../../onnx/generated/onnx.js';
import { GraphBuilder } from '../../onnx/index.ts';
import type { Ort } from '../ort-session.ts';
import { probeModel } from '../probe-model.ts';

/** The output that is not a tensor. */
export const REFUSED = 'thaw/refused';

/** An encoded model with `REFUSED` as its first output. Concatenated fields of protobuf messages merge into one message. */
export function withRefused(model: Uint8Array): Uint8Array {
  const ahead = onnx.ModelProto.encode({
    graph: {
      node: [{ name: REFUSED, op_type: 'SequenceEmpty', output: [REFUSED] }],
      output: [{ name: REFUSED }],
    },
  }).finish();
  const whole = new Uint8Array(ahead.length + model.length);
  whole.set(ahead);
  whole.set(model, ahead.length);
  return whole;
}

let refusal: Promise<string | undefined> | undefined;

/** The package's error message; undefined if it accepts the output, or has not written the others by then. */
export function refusalOf(ort: Ort): Promise<string | undefined> {
  refusal ??= probe(ort);
  return refusal;
}

async function probe({ InferenceSession, Tensor }: Ort): Promise<string | undefined> {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', [1]);
  const model = probeModel(b.graph('refusal', [x], [b.identity(b.add(x, 1), 'y')]));
  const target = new Float32Array(1);
  try {
    const session = await InferenceSession.create(withRefused(model), { logSeverityLevel: 4 });
    const one = new Tensor('float32', Float32Array.of(1), [1]);
    const message = await session.run({ x: one }, { [REFUSED]: null, y: new Tensor('float32', target, [1]) }).then(
      () => undefined,
      (error: Error) => error.message,
    );
    await session.release();
    return target[0] === 2 ? message : undefined;
  } catch {
    return undefined;
  }
}

/** Properties that ONNX Runtime needs to allocate a tensor on demand. */
type Like = Pick<ort.Tensor, 'type' | 'dims' | 'size'>;

/** Runs a session whose model has `REFUSED`. */
export class UnreadRuns {
  private readonly symbols: ReadonlySet<number | string>;
  /** Inputs with unknown sizes. */
  private readonly variable: readonly string[];
  /** Shapes of outputs by name, for each set of input sizes so far. */
  private readonly seen = new Map<string, Readonly<Record<string, Like>>>();

  constructor(
    private readonly session: ort.InferenceSession,
    private readonly Tensor: Ort['Tensor'],
    private readonly refusal: string,
  ) {
    const shapes = session.inputMetadata.flatMap((input) => (input.isTensor ? [input] : []));
    const variable = shapes.filter(({ shape }) => shape.some((d) => typeof d === 'string'));
    this.variable = variable.map(({ name }) => name);
    this.symbols = new Set(variable.flatMap(({ shape }) => shape).filter((d) => d !== ''));
  }

  /** @param wanted the requested outputs by name: tensors to write into, or null to create one */
  async run(
    feeds: Readonly<Record<string, ort.Tensor>>,
    wanted: Readonly<Record<string, ort.Tensor | null>>,
  ): Promise<Readonly<Record<string, ort.Tensor>>> {
    const sizes = this.variable.map((name) => feeds[name]?.dims.join('x')).join();
    const made = Object.keys(wanted).filter((name) => !wanted[name]);
    const seen = this.seen.get(sizes);
    if (!seen || !made.every((name) => Object.hasOwn(seen, name))) {
      const results = await this.session.run(feeds, wanted);
      const foreseen = made.filter((name) => this.isForeseen(name)).map((name) => [name, shapeOf(results[name])]);
      this.seen.set(sizes, { ...seen, ...Object.fromEntries(foreseen) });
      return results;
    }
    const targets = { ...wanted, ...Object.fromEntries(made.map((name) => [name, this.target(seen[name])])) };
    try {
      await this.session.run(feeds, { ...targets, [REFUSED]: null });
    } catch (error) {
      if ((error as Error).message !== this.refusal) throw error;
    }
    return targets as Record<string, ort.Tensor>;
  }

  /** Whether the shape of an output follows from the input shapes. */
  private isForeseen(name: string): boolean {
    const found = this.session.outputMetadata.find((output) => output.name === name);
    const known = (d: number | string) => typeof d === 'number' || this.symbols.has(d);
    return found?.isTensor === true && found.type === 'float32' && found.shape.every(known);
  }

  private target({ type, dims, size }: Like): ort.Tensor {
    return new this.Tensor(type as 'float32', new Float32Array(size), dims);
  }
}

const shapeOf = ({ type, dims, size }: ort.Tensor): Like => ({ type, dims, size });
