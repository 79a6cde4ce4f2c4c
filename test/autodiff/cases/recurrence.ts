import { between, f32, omitted } from '../inputs.ts';
import type { Row } from '../row.ts';

/** X [3, batch, 2], W, R and biases for so many gates of 2 units. */
const network = (gates: number, directions = 1) => [
  f32(3, 'batch', 2),
  between(-1, 1, directions, 2 * gates, 2),
  between(-1, 1, directions, 2 * gates, 2),
  between(-1, 1, directions, 4 * gates),
];
const state = (directions = 1) => f32(directions, 'batch', 2);
const size = { hidden_size: 2 };
const both = { ...size, direction: 'bidirectional' };

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
];

/** ONNX Runtime takes doubles for these, then refuses to compute with them. */
export const recurrence: readonly Row[] = rows.map(([op, attributes, inputs, options]) => [
  op,
  attributes,
  inputs,
  { ...options, precision: 'single' },
]);
