/** Which values a gradient can reach, judged by the operators alone. */
import { type Node, readsOf } from '../../onnx/index.ts';
import { own } from '../../own.ts';
import { differentiability } from './registry.ts';

/** `TensorProto.DataType` of floats: FLOAT, FLOAT16, DOUBLE, BFLOAT16. */
const FLOATS = new Set([1, 10, 11, 16]);

/** Inputs that configure an operator, by position: no gradient is taken with respect to them. */
const SETTINGS: Readonly<Record<string, readonly (string | undefined)[]>> = {
  Resize: [undefined, 'its region', 'its scales'],
  Upsample: [undefined, 'its scales'],
  Dropout: [undefined, 'its rate'],
  QuantizeLinear: [undefined, 'its scale'],
  DequantizeLinear: [undefined, 'its scale'],
  RotaryEmbedding: [undefined, 'its table', 'its table', 'its table'],
  STFT: [undefined, undefined, 'its window'],
};

/** The name of the setting that an input configures, if any. */
export const settingAt = ({ op }: Node, at: number): string | undefined => own(SETTINGS, op)?.[at];

/** The given outputs, and the values from which a gradient path leads to one of them. */
export function smoothlyReaching(nodes: readonly Node[], outputs: Iterable<string>): Set<string> {
  const reaching = new Set(outputs);
  for (const node of [...nodes].reverse()) {
    if (!node.outputs.some((name) => reaching.has(name))) continue;
    for (const name of gradientInputs(node)) reaching.add(name);
  }
  return reaching;
}

/** The inputs that a node's gradient may go to: none for operators of derivative zero, and none for operators that compute integers. */
export function gradientInputs(node: Node): string[] {
  const { op, domain, inputs, attributes } = node;
  const isWhole = op === 'Cast' && attributes.to?.kind === 'int' && !FLOATS.has(Number(attributes.to.value));
  if (isWhole || differentiability(op, domain) === 'zero') return [];
  return readsOf(node).filter((name) => settingAt(node, inputs.indexOf(name)) === undefined);
}
