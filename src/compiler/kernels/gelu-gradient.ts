import { type GraphBuilder, isStatic, product, type Value } from '../../onnx/index.ts';
import { type AdjointCall, family, type Lowering } from './lowering.ts';
import { eachOfBatch } from './scan.ts';

/** With this many elements per sample, a loop over the samples costs less than the passes over memory that it saves. */
const MANY_ELEMENTS = 2 ** 15;

/**
 * With u = x/√2: ∂x = ∂y·(Φ(x) + x·φ(x)) = ∂y·((1 + erf u)/2 + u/(√π·exp u²)). The hard sigmoid computes (1 + erf u)/2, which never
 * exceeds its bounds.
 */
function written(b: GraphBuilder, x: Value, dy: Value): Value {
  const u = b.mul(x, Math.SQRT1_2);
  const cumulative = b.hardSigmoid(b.erf(u), 0.5, 0.5);
  const slope = b.mul(b.div(u, b.exp(b.square(u))), 1 / Math.sqrt(Math.PI));
  return b.mul(dy, b.add(cumulative, slope));
}

const LOWERINGS: readonly Lowering<AdjointCall>[] = [
  {
    name: 'by-sample',
    // If the last axis is 1, constants are reshaped by a node of their own, and loops cannot share it.
    applies: ({ inputs: [x] }) => x.shape.length > 1 && x.shape.at(-1) !== 1,
    suits: ({ inputs: [x], machine }) => {
      const sample = x.shape.slice(1);
      return machine.block !== undefined && isStatic(sample) && (product(sample) as number) >= MANY_ELEMENTS;
    },
    emit: (b, { inputs }) => eachOfBatch(b, inputs, ([x, dy]) => written(b, x, dy)),
  },
  { name: 'at-once', emit: (b, { inputs: [x, dy] }) => written(b, x, dy) },
];

export const geluGradient = family((call) => call, LOWERINGS);
