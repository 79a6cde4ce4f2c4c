import { ThawError } from '../errors.ts';
import type { Node } from '../onnx/index.ts';
import type { Rule, Rules } from './rule.ts';
import { convolution } from './rules/convolution.ts';
import { elementwise } from './rules/elementwise.ts';

/** Rules by domain ('' is the ONNX standard), written for the newest meaning of each operator: older models are upgraded first. */
const REGISTRY: Readonly<Record<string, Rules>> = {
  '': { ...elementwise, ...convolution },
};

export function hasRule(op: string, domain = ''): boolean {
  return REGISTRY[domain]?.[op] !== undefined;
}

export function ruleFor(node: Node): Rule {
  const rule = REGISTRY[node.domain]?.[node.op];
  if (rule) return rule;
  const operator = node.domain ? `${node.domain}.${node.op}` : node.op;
  throw new ThawError(
    'unsupported-operator',
    `${operator} node "${node.name || node.outputs[0]}" cannot be differentiated: there is no rule for ${operator}`,
    'Freeze the layers before it (`thaw inspect` shows what can be trained)',
  );
}
