/** Explains why ONNX Runtime cannot load a model. */
import { ThawError } from '../errors.ts';
import { firstLine } from './ort-session.ts';

interface Reason {
  /** Pattern of ONNX Runtime's message. */
  readonly pattern: RegExp;
  readonly code: 'unsupported-operator' | 'bad-model';
  readonly problem: (parts: readonly string[], device: string) => string;
  readonly hint: (parts: readonly string[]) => string;
}

const STANDARD = 'Export the model with standard operators only: the stock ONNX Runtime has no custom ones';

const REASONS: readonly Reason[] = [
  {
    pattern: /Could not find an implementation for (\S+?)\((\d+)\) node with name '([^']*)'/,
    code: 'unsupported-operator',
    problem: ([op, version, node], device) =>
      `ONNX Runtime has no kernel for the operator ${op} (version ${version}) on ${device}${node ? `, which the node "${node}" needs` : ''}`,
    hint: () => 'Export the model without this operator, or in float32 if the node computes in another type',
  },
  {
    pattern: /No Op registered for (\S+) with domain_version of (\d+)/,
    code: 'unsupported-operator',
    problem: ([op, version]) => `ONNX Runtime does not know the operator ${op} in opset ${version}`,
    hint: ([op]) => `Export the model without ${op}, or with an opset that has it`,
  },
  {
    pattern: /Fatal error: (\S+):([^\s:]+)\(-?\d+\) is not a registered function\/op/,
    code: 'unsupported-operator',
    problem: ([domain, op]) => `ONNX Runtime does not know the operator ${op} of the domain ${domain}`,
    hint: () => STANDARD,
  },
  {
    pattern: /No opset import for domain '([^']*)'/,
    code: 'bad-model',
    problem: ([domain]) => `the model has operators of the domain ${domain}, but does not import it`,
    hint: () => STANDARD,
  },
  {
    pattern: /Opset (\d+) is under development.*official support for domain (\S+) is till opset (\d+)/,
    code: 'bad-model',
    problem: ([opset, domain, newest]) =>
      `the model has opset ${opset} of ${domain}, but ONNX Runtime only supports up to ${newest}`,
    hint: ([, , newest]) => `Export it with opset ${newest} or an older one`,
  },
];

/** @param hint used if Thaw does not know the reason */
export function loadError(cause: unknown, device: string, hint: string): ThawError {
  const message = firstLine(cause).replace(/^.*ERROR_MESSAGE: /, '');
  for (const reason of REASONS) {
    const parts = reason.pattern.exec(message)?.slice(1);
    if (parts) return new ThawError(reason.code, reason.problem(parts, device), reason.hint(parts), { cause });
  }
  return new ThawError('bad-model', `ONNX Runtime cannot load the model: ${message}`, hint, { cause });
}
