import type { GraphBuilder, Shape, Value } from '../../onnx/index.ts';

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
  const [sum] = scan(b, [start], inputs, ([sum], elements) => [body(sum, elements)]);
  return sum;
}

/**
 * What the body makes of each element of the batch, one after the other, so that what lies between stays in the caches.
 *
 * @param inputs values `[N, …]`; the body gets their elements `[…]`
 * @param body emits what is made of one element: `[…]` of a result `[N, …]`. All it emits must depend on the elements.
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
 * @param body emits what is made of one element: `[…]` of each result `[N, …]`. It may read other values as well.
 */
export const manyOfBatch = (
  b: GraphBuilder,
  inputs: readonly Value[],
  body: (elements: readonly Value[]) => readonly Value[],
): readonly Value[] => scan(b, [], inputs, (_, elements) => body(elements));

/** What was last reshaped into x: in a body a `Reshape` copies its result to where the loop wants it, outside it copies nothing. */
function beforeReshapes(b: GraphBuilder, x: Value): Value {
  const last = b.nodes.at(-1);
  if (last?.op !== 'Reshape' || last.outputs[0] !== x.name) return x;
  b.nodes.pop();
  return beforeReshapes(b, b.value(last.inputs[0]));
}

/** @param body the states' next values, then the results of one step */
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
