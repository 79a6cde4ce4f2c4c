import { ThawError } from '../../errors.ts';
import { labelOf, type Node } from '../../onnx/index.ts';

/** The operator's name in documentation: with its domain, unless that is the ONNX standard. */
export const operatorName = ({ op, domain }: Node): string => (domain ? `${domain}.${op}` : op);

/** A gradient has to pass through a node without a rule. */
export class UnsupportedOperator extends ThawError {
  constructor(
    readonly node: Node,
    readonly why: string,
    options?: ErrorOptions,
  ) {
    super(
      'unsupported-operator',
      `${operatorName(node)} node "${labelOf(node)}" cannot be differentiated: ${why}`,
      'Freeze the layers before it (`thaw inspect` shows the layers that can be trained)',
      options,
    );
  }
}
