import type { Node } from '../../onnx/index.ts';

/**
 * The path of the module that exported a parameter: from `features.17.conv.0.0.weight`, or, if exporters renamed the tensor
 * (`onnx::Conv_538`), from its node, `/features/features.17/conv/conv.0/conv.0.0/Conv`. Empty if neither name has a path.
 */
export function modulePath(parameter: string, node: Node): string[] {
  if (/^(onnx::|[\d_]+$|ortshared)/.test(parameter) || isOperatorName(parameter, node)) return nodePath(node);
  const parts = split(parameter);
  if (parts.length > 1) return parameter.includes('/') ? collapse(parts.slice(0, -1)) : parts.slice(0, -1);
  const fromNode = nodePath(node);
  return fromNode.length ? fromNode : parts;
}

function nodePath(node: Node): string[] {
  const parts = split(node.name);
  while (parts.length && isOperatorName(parts.at(-1)!, node)) parts.pop();
  return collapse(parts);
}

/** Names that exporters derive from the operator: `Conv`, `Conv_12`, `node_Conv_12`, `n0`. */
function isOperatorName(name: string, { op }: Node): boolean {
  const isMadeUp = (stem: string) =>
    stem === '' || stem === 'n' || stem === withoutCount(op) || /^[A-Z][A-Za-z]*$/.test(stem);
  return [name, name.replace(/^node_/, '')].some((one) => isMadeUp(withoutCount(one)));
}

function withoutCount(name: string): string {
  let end = name.length;
  while (end > 0 && /[_\d]/.test(name[end - 1])) end--;
  return name.slice(0, end);
}

function split(name: string): string[] {
  if (name.includes('/')) return name.split('/').filter((part) => part !== '');
  return name.split('.').filter((part) => part !== '');
}

/** `layer4`, `layer4.1`, `conv2` contain each name twice: removes repeats, and splits the rest at its dots. */
function collapse(parts: readonly string[]): string[] {
  const kept = parts.filter((part, i) => !parts[i + 1]?.startsWith(`${part}.`) && part !== parts[i + 1]);
  return kept.flatMap((part) => part.split('.'));
}

/**
 * The block of a module at a level of detail: its path up to the level-th numbered part (`layer4` at 1, `layer4.1` at 2),
 * or to the last numbered part. A layer's own number within its block (`conv1.0`) counts only if no earlier part has a number.
 */
export function blockName(path: readonly string[], level: number): string {
  const counting = path.flatMap((part, i) => (/\d/.test(part) ? [i] : []));
  const end = counting.filter((i, nth) => nth < level && (nth === 0 || i < path.length - 1)).at(-1);
  if (end === undefined) return path.join('.');
  // Keras puts numbers inside a name: block_16_depthwise.
  const counted = /^(.*?\d+[a-z]?)_[a-zA-Z]/.exec(path[end])?.[1] ?? path[end];
  return [...path.slice(0, end), counted].join('.');
}

/** The common start of several names, in whole parts; the first name if they have nothing in common. */
export function commonName(names: readonly string[]): string {
  const [first, ...others] = names.map((name) => name.split('.'));
  const length = first.findIndex((part, i) => others.some((other) => other[i] !== part));
  if (length === 0) return names[0];
  return (length < 0 ? first : first.slice(0, length)).join('.');
}
