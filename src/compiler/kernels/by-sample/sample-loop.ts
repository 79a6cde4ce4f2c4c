import { type GraphBuilder, isStatic, makeNode, type Node, type Shape, type Value } from '../../../onnx/index.ts';
import { manyOfBatch } from '../scan.ts';

/** Nodes that compute each sample of a batch from the same sample, for a loop over the samples. */
export interface SampleLoop {
  /** The symbol of the batch. */
  readonly batch: string;
  readonly nodes: readonly Node[];
}

/** Whether a value has a sample for each sample of a result. */
export const runsAlong = (own: Shape, result: Shape): boolean =>
  own.length === result.length && own[0] === result[0] && isStatic(own.slice(1));

/** Whether a value is the same for all samples of a result. */
const isRepeated = (own: Shape, result: Shape): boolean =>
  isStatic(own) && (own.length < result.length || own[0] === 1);

/** Whether an elementwise operator reads, for each sample of a result, the same sample or a value that all samples share. */
export const isBySample = (own: Shape, result: Shape): boolean => runsAlong(own, result) || isRepeated(own, result);

/** The symbol of a result's batch, if all its other sizes are known. */
export function batchIn([batch, ...sample]: Shape): string | undefined {
  return typeof batch === 'string' && isStatic(sample) ? batch : undefined;
}

/**
 * Computes one sample after the other, so that intermediate values stay in the caches. In the loop, the batch axis has size one, so that
 * the
 * nodes are the same as outside.
 *
 * @param results names of the values that are read outside
 */
export function placeBySample(b: GraphBuilder, { batch, nodes }: SampleLoop, results: readonly string[]): void {
  const made = new Set(nodes.flatMap(({ outputs }) => outputs));
  const read = new Set(nodes.flatMap(({ inputs }) => inputs).filter((name) => name !== '' && !made.has(name)));
  const given = [...read].map((name) => b.value(name)).filter(({ shape }) => shape[0] === batch);
  const single = ({ type, shape }: Value) => ({ type, shape: [1, ...shape.slice(1)] });
  const found = manyOfBatch(
    b,
    given.map((value) => b.reshape(value, [batch, 1, ...value.shape.slice(1)])),
    (elements) => {
      const own = new Map(given.map(({ name }, i) => [name, elements[i]]));
      for (const { op, domain, inputs, outputs, attributes } of nodes) {
        const operands = inputs.map((name) => (name === '' ? undefined : (own.get(name) ?? b.value(name))));
        const [result] = b.emit(op, operands, [single(b.value(outputs[0]))], attributes, { domain });
        own.set(outputs[0], result);
      }
      return results.map((name) => own.get(name)!);
    },
  );
  results.forEach((name, i) => {
    const squeeze = b.unique(`Squeeze/${name}`);
    b.append(makeNode('Squeeze', [found[i].name, b.ints([1]).name], [name], {}, { name: squeeze }));
  });
}
