import type { GraphBuilder, Shape, Value } from '../../onnx/index.ts';

/**
 * Σ over the batch, one element at a time, so that a step's values stay in the caches: a `Scan` whose state is the running
 * sum. Scan slices its inputs without a copy.
 *
 * @param inputs values `[N, …]`; the body gets their elements `[…]`
 * @param start the sum's initial value
 * @param body emits one step: the next sum from the current sum and the elements. Every node must depend on these, since values
 *   of the body do not exist outside it.
 */
export function sumOverBatch(
  b: GraphBuilder,
  inputs: readonly Value[],
  start: Value,
  body: (sum: Value, elements: readonly Value[]) => Value,
): Value {
  const [sum] = scan(b, [start], inputs, ([sum], elements) => [body(sum, elements)]);
  return sum;
}

/**
 * Computes each element of the batch separately, one after the other, so that intermediate values stay in the caches.
 *
 * @param inputs values `[N, …]`; the body gets their elements `[…]`
 * @param body emits the result of one element: `[…]` of a result `[N, …]`. Every node must depend on the elements.
 */
export function eachOfBatch(
  b: GraphBuilder,
  inputs: readonly Value[],
  body: (elements: readonly Value[]) => Value,
): Value {
  let shape: Shape = [];
  const [results] = scan(b, [], inputs, (_, elements) => {
    const result = body(elements);
    shape = result.shape;
    return [beforeReshapes(b, result)];
  });
  return b.reshape(results, [inputs[0].shape[0], ...shape]);
}

/**
 * The same for several results.
 *
 * @param body emits the results of one element: `[…]` of each result `[N, …]`. It may read other values too.
 */
export const manyOfBatch = (
  b: GraphBuilder,
  inputs: readonly Value[],
  body: (elements: readonly Value[]) => readonly Value[],
): readonly Value[] => scan(b, [], inputs, (_, elements) => body(elements));

/** The value before the last reshapes to x: in a body, a `Reshape` copies its result to the loop's output; outside it copies nothing. */
function beforeReshapes(b: GraphBuilder, x: Value): Value {
  const last = b.nodes.at(-1);
  if (last?.op !== 'Reshape' || last.outputs[0] !== x.name) return x;
  b.nodes.pop();
  return beforeReshapes(b, b.value(last.inputs[0]));
}

/** @param body emits the states' next values, then the results of one step */
function scan(
  b: GraphBuilder,
  start: readonly Value[],
  inputs: readonly Value[],
  body: (states: readonly Value[], elements: readonly Value[]) => readonly Value[],
): readonly Value[] {
  const outside = b.nodes;
  b.nodes = [];
  const name = b.unique('batch');
  const states = start.map(({ type, shape }) => b.input(b.unique(`${name}/sum`), type, shape));
  const elements = inputs.map(({ type, shape }) => b.input(b.unique(`${name}/element`), type, shape.slice(1)));
  const outputs = body(states, elements);
  const graph = {
    name,
    nodes: b.nodes,
    inputs: [...states, ...elements],
    outputs: [...outputs],
    initializers: new Map(),
    valueInfo: [],
  };
  b.nodes = outside;
  const results = outputs.map(({ type, shape }, i) =>
    i < start.length ? start[i] : { type, shape: [inputs[0].shape[0], ...shape] },
  );
  return b.emit('Scan', [...start, ...inputs], results, { num_scan_inputs: inputs.length, body: graph });
}
