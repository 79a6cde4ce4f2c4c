import { type Attribute, float, floats } from '../../../../src/onnx/index.ts';
import { between, exactly, f32, fed, type Input, ints, omitted } from '../inputs.ts';
import type { Row } from '../row.ts';

/** X [3, batch, 2], and W, R and biases for this number of gates, with 2 units. */
const network = (gates: number, directions = 1) => [
  f32(3, 'batch', 2),
  between(-1, 1, directions, 2 * gates, 2),
  between(-1, 1, directions, 2 * gates, 2),
  between(-1, 1, directions, 4 * gates),
];
/** Any number of steps, with 3 sequences. */
const open = ([, ...rest]: readonly Input[]) => [f32('batch', 3, 2), ...rest];
const state = (directions = 1) => f32(directions, 'batch', 2);
const size = { hidden_size: 2 };
const both = { ...size, direction: 'bidirectional' };

/** Sequence lengths, of 3 steps: 2, 3, 1, … */
const lengths: Input = {
  ...fed(ints([])),
  type: 'int32',
  shape: ['batch'],
  values: (_, count) => Array.from({ length: count }, (_, i) => [2, 3, 1][i % 3]),
};
/** One sequence is empty. */
const empty = (_: unknown, count: number) => Array.from({ length: count }, (_, i) => [3, 0, 2][i % 3]);

const named = (...value: string[]): Attribute => ({ kind: 'strings', value });

/** A network whose sums stay within 1 of its biases. Every second bias exceeds the clip of 1.5. */
const clipping = (gates: number) => [
  f32(3, 'batch', 2),
  between(-0.15, 0.15, 1, 2 * gates, 2),
  between(-0.15, 0.15, 1, 2 * gates, 2),
  exactly(
    Array.from({ length: 4 * gates }, (_, i) => (i < 2 * gates ? [0.2, 3, -0.2, -3][(i + (i >> 2)) % 4] : 0.1)),
    1,
    4 * gates,
  ),
];
const clip = { ...size, clip: float(1.5) };

const rows: readonly Row[] = [
  ['RNN', size, network(1), { outputs: 2 }],
  ['RNN', both, [...network(1, 2), omitted, state(2)], { outputs: 2 }],
  ['GRU', size, network(3).slice(0, 3)],
  ['GRU', { ...size, linear_before_reset: 1 }, [...network(3), omitted, state()], { outputs: 2 }],
  ['GRU', { ...size, direction: 'reverse' }, network(3), { outputs: [false, true] }],
  ['GRU', both, network(3, 2), { outputs: 2 }],
  ['LSTM', size, network(4).slice(0, 3)],
  ['LSTM', size, [...network(4), omitted, state(), state()], { outputs: 3 }],
  ['LSTM', size, [...network(4), omitted, state(), state(), between(-1, 1, 1, 6)], { outputs: 3 }],
  ['LSTM', both, network(4, 2), { outputs: [true, false, true] }],

  ['RNN', both, [...network(1, 2), lengths, state(2)], { outputs: 2 }],
  ['GRU', both, [...network(3, 2), lengths], { outputs: 2 }],
  ['GRU', { ...size, linear_before_reset: 1 }, [...network(3), lengths, state()], { outputs: 2 }],
  ['LSTM', size, [...network(4), lengths], { outputs: 3 }],
  ['LSTM', both, [...network(4, 2), lengths, state(2), state(2)], { outputs: 3 }],
  [
    'LSTM',
    { ...size, direction: 'reverse' },
    [...network(4), { ...lengths, values: empty }, state(), state()],
    { outputs: 3 },
  ],

  ['RNN', clip, clipping(1), { outputs: 2 }],
  ['GRU', clip, clipping(3), { outputs: 2 }],
  ['GRU', { ...clip, linear_before_reset: 1 }, clipping(3), { outputs: 2 }],
  [
    'LSTM',
    clip,
    [...clipping(4), omitted, state(), between(-0.4, 0.4, 1, 'batch', 2), between(-0.4, 0.4, 1, 6)],
    { outputs: 3 },
  ],
  ['LSTM', { ...size, input_forget: 1 }, network(4), { outputs: 3 }],

  ['RNN', { ...size, activations: named('LeakyRelu'), activation_alpha: floats([0.3]) }, network(1), { outputs: 2 }],
  [
    'RNN',
    { ...size, activations: named('Affine'), activation_alpha: floats([0.7]), activation_beta: floats([0.1]) },
    network(1),
  ],
  [
    'LSTM',
    {
      ...size,
      activations: named('HardSigmoid', 'ScaledTanh', 'Elu'),
      activation_alpha: floats([0.2, 1.5, 0.7]),
      activation_beta: floats([0.5, 0.6]),
    },
    network(4),
    { outputs: 3 },
  ],
  ['GRU', { ...both, activations: named('Sigmoid', 'Tanh', 'HardSigmoid', 'Softsign') }, network(3, 2), { outputs: 2 }],
];

/** Three sequences with any number of steps. One ends after the first step. */
const ended: Input = { ...lengths, shape: [3], values: () => [1, 2, 2] };

/** The same networks. The number of steps varies instead of the batch size. */
const anyLength: readonly Row[] = [
  ['RNN', size, open(network(1)), { outputs: 2 }],
  ['RNN', { ...size, direction: 'reverse' }, open(network(1)), { outputs: 2 }],
  ['GRU', both, [...open(network(3, 2)), ended, f32(2, 3, 2)], { outputs: 2 }],
  ['GRU', { ...size, linear_before_reset: 1 }, open(network(3)), { outputs: [true, false] }],
  ['LSTM', size, [...open(network(4)), omitted, f32(1, 3, 2), f32(1, 3, 2), between(-1, 1, 1, 6)], { outputs: 3 }],
  ['LSTM', both, [...open(network(4, 2)), ended], { outputs: 3 }],
];

/** ONNX Runtime accepts doubles for these operators, but then fails to compute with them. */
export const recurrence: readonly Row[] = [...rows, ...anyLength].map(([op, attributes, inputs, options]) => [
  op,
  attributes,
  inputs,
  { ...options, precision: 'single' },
]);
