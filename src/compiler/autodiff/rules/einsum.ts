import { broadcast, type Dimension, type Shape, tensor } from '../../../onnx/index.ts';
import type { Rules } from '../rule.ts';

const ELLIPSIS = '…';

/** An equation's terms as lists of labels; the ellipsis is one label. An omitted output is made explicit. */
function parse(equation: string): { terms: string[][]; result: string[] } {
  const [left, right] = equation.replaceAll(' ', '').replaceAll('...', ELLIPSIS).split('->');
  const terms = left.split(',').map((term) => [...term]);
  if (right !== undefined) return { terms, result: [...right] };
  const labels = terms.flat();
  const once = [...new Set(labels)].filter(
    (label) => label !== ELLIPSIS && labels.indexOf(label) === labels.lastIndexOf(label),
  );
  return { terms, result: [...(labels.includes(ELLIPSIS) ? [ELLIPSIS] : []), ...once.sort()] };
}

const written = (labels: readonly string[]) => labels.join('').replaceAll(ELLIPSIS, '...');

/** The dimensions that each label stands for in one operand. */
function dimensionsOf(labels: readonly string[], shape: Shape): Map<string, Shape> {
  let at = 0;
  return new Map(
    labels.map((label) => {
      const start = at;
      at += label === ELLIPSIS ? shape.length - labels.length + 1 : 1;
      return [label, shape.slice(start, at)];
    }),
  );
}

/** One operand's labels without repeats: a second occurrence (a diagonal) gets another letter, and is paired with the first. */
function apart(labels: readonly string[], taken: readonly string[]): { labels: string[]; pairs: [string, string][] } {
  const free = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'].filter((letter) => !taken.includes(letter));
  const pairs: [string, string][] = [];
  const distinct = labels.map((label, at) => {
    if (labels.indexOf(label) === at) return label;
    pairs.push([label, free.shift()!]);
    return pairs.at(-1)![1];
  });
  return { labels: distinct, pairs };
}

export const einsum: Rules = {
  // y = Σ a·b·…, named by labels       ∂a = Σ ∂y·b·…, with a's labels as the result
  Einsum: ({ b, inputs, outputs: [y], dy: [dy], attributes: { equation }, refuse }) => {
    const { terms, result } = parse(equation);
    return inputs.map((x, i) => () => {
      const { labels, pairs } = apart(terms[i], terms.flat());
      const others = terms.map((term, k) => ({ term, value: inputs[k] })).filter((_, k) => k !== i);
      // Off a diagonal the gradient is zero: a product with an identity matrix.
      const diagonals = pairs.map(([label, other]) => {
        const size = dimensionsOf(labels, x.shape).get(label)![0];
        if (typeof size !== 'number')
          return refuse(`it takes a diagonal of an axis without a fixed size ("${equation}")`);
        const identity = Float32Array.from({ length: size * size }, (_, at) => Number(at % (size + 1) === 0));
        const value = b.cast(b.constant(tensor('float32', [size, size], identity), 'identity'), dy.type);
        return { term: [label, other], value };
      });
      const factors = [{ term: result, value: dy }, ...others, ...diagonals];
      const available = factors.map(({ term, value }) => dimensionsOf(term, value.shape));
      const isAvailable = (label: string) => available.some((dimensions) => dimensions.has(label));
      const kept = labels.filter(isAvailable);
      // An ellipsis of the other operands has to be in the result; if this operand has none, it is summed over.
      const target = isAvailable(ELLIPSIS) && !labels.includes(ELLIPSIS) ? [ELLIPSIS, ...kept] : kept;
      const sizeOf = (label: string) =>
        available.map((sizes) => sizes.get(label) ?? []).reduce((p, q) => broadcast(p, q));
      const [gradient] = b.emit(
        'Einsum',
        factors.map(({ value }) => value),
        [{ type: y.type, shape: target.flatMap(sizeOf) }],
        { equation: `${factors.map(({ term }) => written(term)).join()}->${written(target)}` },
      );
      // Axes that were summed over in this operand alone get the same gradient everywhere.
      const own = dimensionsOf(labels, x.shape);
      const summed = b.sumTo(
        gradient,
        kept.flatMap((label) => own.get(label) as Dimension[]),
      );
      const open = labels.flatMap((label) => (isAvailable(label) ? own.get(label)! : own.get(label)!.map(() => 1)));
      return b.expand(b.reshape(summed, open), x.shape, x);
    });
  },
};
