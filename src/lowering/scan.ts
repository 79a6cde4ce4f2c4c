import type { GraphBuilder, Value } from '../onnx/index.ts';

/**
 * Σ over the batch, one element at a time, so that what a step needs stays in the caches: a `Scan` whose state is the running
 * sum. Scan slices its inputs without a copy.
 *
 * @param inputs values `[N, …]`; the body gets their elements `[…]`
 * @param start the sum's first value
 * @param body emits one step: the sum so far and the elements give the next sum. All it emits must depend on these, since values
 *   of the body do not exist outside it.
 */
export function sumOverBatch(
  b: GraphBuilder,
  inputs: readonly Value[],
  start: Value,
  body: (sum: Value, elements: readonly Value[]) => Value,
): Value {
  const outside = b.nodes;
  b.nodes = [];
  const name = b.unique('batch');
  const sum = b.input(b.unique(`${name}/sum`), start.type, start.shape);
  const elements = inputs.map(({ type, shape }) => b.input(b.unique(`${name}/element`), type, shape.slice(1)));
  const next = body(sum, elements);
  const value = {
    name,
    nodes: b.nodes,
    inputs: [sum, ...elements],
    outputs: [next],
    initializers: new Map(),
    valueInfo: [],
  };
  b.nodes = outside;
  return b.emit('Scan', [start, ...inputs], [start], {
    num_scan_inputs: inputs.length,
    body: { kind: 'graph', value },
  })[0];
}
