import { float, type GraphBuilder, staticSize, type Value } from '../../../onnx/index.ts';
import { emitLoop } from '../loops.ts';
import type { Rule, RuleContext, Rules } from '../rule.ts';
import { lengthOf, positionsOf } from './positions.ts';

/** One step of a recurrent network: state in, state out; the first value of the state is the output h. */
type Step = (cell: Cell, x: Value, state: readonly Value[]) => readonly Value[];

/** One direction's weights, without the axis of directions. */
interface Cell {
  readonly b: GraphBuilder;
  readonly hidden: number;
  /** [gates · hidden, hidden] */
  readonly recurrent: Value;
  /** [gates · hidden], or undefined if absent */
  readonly recurrentBias: Value | undefined;
  /** [3 · hidden] of LSTM */
  readonly peepholes: Value | undefined;
  readonly activations: readonly ((x: Value) => Value)[];
  readonly attributes: RuleContext['attributes'];
}

type Activation = (b: GraphBuilder, x: Value, alpha: number, beta: number) => Value;

const unary =
  (op: string): Activation =>
  (b, x) =>
    b.unary(op, x);

/** Functions of x, α and β, with the defaults of α and β. */
const ACTIVATIONS: Readonly<Record<string, readonly [f: Activation, alpha?: number, beta?: number]>> = {
  Sigmoid: [unary('Sigmoid')],
  Tanh: [unary('Tanh')],
  Relu: [unary('Relu')],
  Softsign: [unary('Softsign')],
  Softplus: [unary('Softplus')],
  LeakyRelu: [(b, x, alpha) => b.unary('LeakyRelu', x, { alpha: float(alpha) }), 0.01],
  ThresholdedRelu: [(b, x, alpha) => b.unary('ThresholdedRelu', x, { alpha: float(alpha) }), 1],
  Elu: [(b, x, alpha) => b.unary('Elu', x, { alpha: float(alpha) }), 1],
  HardSigmoid: [(b, x, alpha, beta) => b.hardSigmoid(x, alpha, beta), 0.2, 0.5],
  Affine: [(b, x, alpha, beta) => b.add(b.mul(x, alpha), beta), 1, 0],
  ScaledTanh: [(b, x, alpha, beta) => b.mul(b.tanh(b.mul(x, beta)), alpha), 1, 1],
};

/** The activations of all directions by name. Those with α or β take the next value of the attribute's list. */
function activationsOf(
  b: GraphBuilder,
  names: readonly string[],
  { activation_alpha = [], activation_beta = [] }: RuleContext['attributes'],
): ((x: Value) => Value)[] {
  const [alphas, betas] = [[...activation_alpha], [...activation_beta]];
  return names.map((name) => {
    const [f, defaultAlpha, defaultBeta] = ACTIVATIONS[name];
    const next = (list: number[], value: number | undefined) => (value === undefined ? 0 : (list.shift() ?? value));
    const [alpha, beta] = [next(alphas, defaultAlpha), next(betas, defaultBeta)];
    return (x) => f(b, x, alpha, beta);
  });
}

/** The slice of a gate along an axis. */
const gate = ({ b, hidden }: Cell, value: Value, index: number, over = -1): Value =>
  b.slice(value, over, index * hidden, (index + 1) * hidden);

const plus = (b: GraphBuilder, ...terms: (Value | undefined)[]): Value =>
  b.sum(terms.filter((term) => term !== undefined));

/** h·Rᵀ */
const recur = ({ b }: Cell, h: Value, weights: Value): Value => b.gemm(h, weights, undefined, { transB: true });

/** The input of an activation, clipped to ± the attribute `clip`. LSTM's last activation takes the state, which is not clipped. */
const clipped = ({ b, attributes: { clip = 0 } }: Cell, x: Value): Value =>
  clip > 0 ? b.max(b.min(x, clip), -clip) : x;

// h′ = f(x + h·Rᵀ + c)
const simple: Step = (cell, x, [h]) => {
  const { b, activations, recurrent, recurrentBias } = cell;
  return [activations[0](clipped(cell, plus(b, x, recur(cell, h, recurrent), recurrentBias)))];
};

// z, r = f(x + h·Rᵀ + c), n = g(xₙ + (r⊙h)·Rₙᵀ + cₙ) or, linear before reset, g(xₙ + r⊙(h·Rₙᵀ + cₙ)), h′ = (1 − z)⊙n + z⊙h
const gru: Step = (cell, x, [h]) => {
  const { b, activations, recurrent, recurrentBias, attributes } = cell;
  const [f, g] = activations;
  const bias = (index: number) => recurrentBias && gate(cell, recurrentBias, index, 0);
  const of = (index: number, state: Value) => plus(b, recur(cell, state, gate(cell, recurrent, index, 0)), bias(index));
  const [z, r] = [0, 1].map((index) => f(clipped(cell, b.add(gate(cell, x, index), of(index, h)))));
  const candidate = attributes.linear_before_reset ? b.mul(r, of(2, h)) : of(2, b.mul(r, h));
  const n = g(clipped(cell, b.add(gate(cell, x, 2), candidate)));
  return [b.add(n, b.mul(z, b.sub(h, n)))];
};

// i, o, f = f(x + h·Rᵀ + c + p⊙C), C′ = f⊙C + i⊙g(xᶜ + h·Rᶜᵀ + cᶜ), h′ = o⊙k(C′); o looks at C′; coupled, f = 1 − i
const lstm: Step = (cell, x, [h, c]) => {
  const { b, activations, recurrent, recurrentBias, peepholes, attributes } = cell;
  const [f, g, k] = activations;
  const sums = plus(b, x, recur(cell, h, recurrent), recurrentBias);
  const look = (state: Value, index: number) => peepholes && b.mul(state, gate(cell, peepholes, index, 0));
  const opened = (index: number, state: Value) =>
    f(clipped(cell, plus(b, gate(cell, sums, index), look(state, index))));
  const input = opened(0, c);
  const forget = attributes.input_forget ? b.sub(1, input) : opened(2, c);
  const next = b.add(b.mul(forget, c), b.mul(input, g(clipped(cell, gate(cell, sums, 3)))));
  const output = opened(1, next);
  return [b.mul(output, k(next)), next];
};

/** One direction of a network, prepared to run. */
interface Run {
  /** x·Wᵀ with the biases, [T, N, G·H] */
  readonly all: Value;
  readonly start: readonly Value[];
  readonly advance: (
    element: Value,
    place: Value | number,
    state: readonly Value[],
  ) => { readonly state: readonly Value[]; readonly h: Value };
  readonly isReversed: boolean;
}

/** Results of all steps [T, N, H] and the last state. */
interface Ran {
  readonly hs: Value;
  readonly state: readonly Value[];
}

/** The steps, unrolled. */
function writtenOut(b: GraphBuilder, steps: number, { all, start, advance, isReversed }: Run): Ran {
  const hs: Value[] = Array(steps);
  let state = start;
  for (let i = 0; i < steps; i++) {
    const t = isReversed ? steps - 1 - i : i;
    const next = advance(b.squeeze(b.slice(all, 0, t, t + 1), [0]), t, state);
    state = next.state;
    hs[t] = b.unsqueeze(next.h, [0]);
  }
  return { hs: b.concat(hs, 0), state };
}

/** The steps as a loop, for a number of steps that is known only at run time. */
function looped(b: GraphBuilder, x: Value, { all, start, advance, isReversed }: Run): Ran {
  const trips = lengthOf(b, x, 0);
  const last = b.sub(trips, 1);
  const body = (step: Value, states: readonly Value[]) => {
    const t = isReversed ? b.sub(last, step) : step;
    const { state, h } = advance(b.gather(all, t), t, states);
    return { states: state, elements: [h] };
  };
  const { results, lists } = emitLoop(b, trips, start, body, x.shape[0]);
  const [hs] = lists;
  // In the order of the steps: a reversed direction computes the last one first.
  return { hs: isReversed ? b.gather(hs, b.sub(last, positionsOf(b, x, 0))) : hs, state: results };
}

/**
 * A recurrent operator step by step. Inputs: X [T, N, I], W [D, G·H, I], R [D, G·H, H], the biases [D, 2·G·H], the lengths [N],
 * the initial state and LSTM's peepholes. Results: Y [T, D, N, H], zero after a sequence's end, and the last state [D, N, H].
 */
function stepByStep(context: RuleContext, step: Step, states: number, defaults: readonly string[]) {
  const { b, attributes, refuse } = context;
  const { hidden_size: hidden, direction = 'forward' } = attributes;
  const names: string[] = attributes.activations ?? [...defaults, ...defaults];
  if (names.some((name) => !Object.hasOwn(ACTIVATIONS, name))) refuse(`it has the activations ${names}`);
  const activations = activationsOf(b, names, attributes);
  return (inputs: readonly Value[]): Value[] => {
    const [x, weights, recurrent, bias, lengths, ...rest] = inputs;
    const [steps] = x.shape;
    const ends = lengths && b.unsqueeze(b.cast(lengths, 'int64'), [1]);
    const directions = direction === 'bidirectional' ? ['forward', 'reverse'] : [direction];
    const runs = directions.map((towards, d) => {
      const at = (value: Value) => b.squeeze(b.slice(value, 0, d, d + 1), [0]);
      const w = at(weights);
      const size = staticSize(w, 0);
      const biases = bias && at(bias);
      const cell: Cell = {
        b,
        hidden,
        recurrent: at(recurrent),
        recurrentBias: biases && b.slice(biases, 0, size, 2 * size),
        peepholes: rest[states] && at(rest[states]),
        activations: activations.slice(d * defaults.length),
        attributes,
      };
      const projected = b.fusedMatMul(x, w, { transB: true });
      const all = biases ? b.add(projected, b.slice(biases, 0, 0, size)) : projected;
      const first = () => b.squeeze(b.slice(all, 0, 0, 1), [0]);
      const zero = () =>
        b.full(0, gate(cell, typeof steps === 'number' ? first() : b.gather(all, b.scalar(0, 'int64')), 0));
      const start = Array.from({ length: states }, (_, i) => (rest[i] ? at(rest[i]) : zero()));
      /** One step of all sequences. Sequences that have ended keep their states and give zeros. */
      const advance = (element: Value, place: Value | number, state: readonly Value[]) => {
        const next = step(cell, element, state);
        const isWithin = ends && b.greater(ends, place);
        return {
          state: isWithin ? next.map((value, i) => b.where(isWithin, value, state[i])) : next,
          h: isWithin ? b.where(isWithin, next[0], 0) : next[0],
        };
      };
      const run = { all, start, advance, isReversed: towards === 'reverse' };
      const { hs, state } = typeof steps === 'number' ? writtenOut(b, steps, run) : looped(b, x, run);
      // A sequence without elements has no state, not even an initial one.
      const isEmpty = ends && b.equal(ends, b.scalar(0, ends.type));
      return { hs, state: isEmpty ? state.map((value) => b.where(isEmpty, 0, value)) : state };
    });
    const y = b.concat(
      runs.map(({ hs }) => b.unsqueeze(hs, [1])),
      1,
    );
    const last = (i: number) =>
      b.concat(
        runs.map(({ state }) => b.unsqueeze(state[i], [0])),
        0,
      );
    return [y, ...Array.from({ length: states }, (_, i) => last(i))];
  };
}

const recurrent =
  (step: Step, states: number, defaults: readonly string[]): Rule =>
  (context) => {
    const { attributes, refuse, composed } = context;
    if (attributes.layout) refuse('it has the attribute layout');
    return composed(stepByStep(context, step, states, defaults));
  };

/** Recurrent networks, differentiated through all their steps. */
export const recurrence: Rules = {
  RNN: recurrent(simple, 1, ['Tanh']),
  GRU: recurrent(gru, 1, ['Sigmoid', 'Tanh']),
  LSTM: recurrent(lstm, 2, ['Sigmoid', 'Tanh', 'Tanh']),
};
