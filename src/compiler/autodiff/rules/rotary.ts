import { type GraphBuilder, staticSize, type Value } from '../../../onnx/index.ts';
import type { InputGradient, Rule, RuleContext, Rules } from '../rule.ts';
import { split } from './attention.ts';
import { positionsOf } from './positions.ts';

interface Rotation {
  /** [batch or 1, 1, positions, pairs] */
  readonly cos: Value;
  readonly sin: Value;
  /** Whether the two features of a pair are neighbours; otherwise they are half the features apart. */
  readonly interleaved: boolean;
}

/** The first and the second features of the pairs, [batch, heads, positions, pairs], and the features that do not rotate. */
function pairsOf(b: GraphBuilder, x: Value, { cos, interleaved }: Rotation): [Value, Value, Value | undefined] {
  const [pairs, features] = [staticSize(cos, 3), staticSize(x, 3)];
  const rest = features > 2 * pairs ? b.slice(x, 3, 2 * pairs, features) : undefined;
  if (interleaved) return [b.slice(x, 3, 0, 2 * pairs, 2), b.slice(x, 3, 1, 2 * pairs, 2), rest];
  return [b.slice(x, 3, 0, pairs), b.slice(x, 3, pairs, 2 * pairs), rest];
}

/** y₁ = x₁·cos − x₂·sin, y₂ = x₂·cos + x₁·sin for each pair of features of x, [batch, heads, positions, features]. */
export function rotate(b: GraphBuilder, x: Value, rotation: Rotation): Value {
  const { cos, sin, interleaved } = rotation;
  const rotating = 2 * staticSize(cos, 3);
  const [first, second, rest] = pairsOf(b, x, rotation);
  const turned = [b.sub(b.mul(first, cos), b.mul(second, sin)), b.add(b.mul(second, cos), b.mul(first, sin))];
  const whole = interleaved
    ? b.reshape(
        b.concat(
          turned.map((part) => b.unsqueeze(part, [4])),
          4,
        ),
        [...x.shape.slice(0, 3), rotating],
        x.shape[3] === rotating ? x : undefined,
      )
    : b.concat(turned, 3);
  return rest ? b.concat([whole, rest], 3) : whole;
}

/**
 * Rows of a cache of cosines or sines as [batch or 1, 1, positions, pairs].
 *
 * @param ids positions of each sample, [batch, positions]; the first position, [1]; or none, if the cache has a row for each position
 */
export function cached(b: GraphBuilder, cache: Value, ids: Value | undefined, x: Value): Value {
  if (cache.shape.length === 3) return b.unsqueeze(cache, [1]);
  const rows =
    ids?.shape.length === 2 ? ids : b.unsqueeze(ids ? b.add(positionsOf(b, x, 2), ids) : positionsOf(b, x, 2), [0]);
  return b.unsqueeze(b.gather(cache, rows), [1]);
}

// A rotation: ∂x is ∂y rotated back, by the negative angle. The caches' gradients follow from the formula of `rotate`.
const rotary =
  (order: (inputs: readonly Value[]) => readonly [x: Value, cos: Value, sin: Value, ids: Value | undefined]): Rule =>
  (context: RuleContext) => {
    const { b, node, inputs, outputs, dy, attributes, refuse, composed } = context;
    const { interleaved = 0, num_heads = 0, is_packed_batching = 0, scale = 1 } = attributes;
    if (is_packed_batching || scale !== 1) refuse('it has packed batches or a scale');
    const byFormula = composed((copies) => {
      const [x, cos, sin, ids] = order(copies);
      const apart = split(context, x, num_heads || staticSize(x, -1) / (2 * staticSize(cos, -1)));
      const [c, s] = [cos, sin].map((cache) => cached(b, cache, ids, apart));
      const y = rotate(b, apart, { cos: c, sin: s, interleaved: Boolean(interleaved) });
      return [x.shape.length === 4 ? y : b.reshapeLike(b.transpose(y, [0, 2, 1, 3]), outputs[0])];
    });
    const [, , sin] = order(inputs);
    const rotatedBack: InputGradient = () => {
      const turned = inputs.map((input, i) => (i === 0 ? dy[0] : input === sin ? b.neg(sin) : input));
      return b.emit(node.op, turned, [inputs[0]], node.attributes, { domain: node.domain })[0];
    };
    return [rotatedBack, ...byFormula.slice(1)];
  };

export const rotaryEmbedding: Rules = {
  RotaryEmbedding: rotary(([x, cos, sin, ids]) => [x, cos, sin, ids]),
};

/** Of the domain `com.microsoft`. */
export const fusedRotaryEmbedding: Rules = {
  RotaryEmbedding: rotary(([x, ids, cos, sin]) => [x, cos, sin, ids]),
};
