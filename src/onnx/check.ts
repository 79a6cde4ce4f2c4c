/** Properties of every graph that was read: all other code may rely on them. */
import { ThawError } from '../errors.ts';
import { attributeFault } from './attribute-kinds.ts';
import { elementCount } from './data-types.ts';
import { refuseEndless } from './endless.ts';
import type { Graph, Node } from './model.ts';
import { labelOf } from './names.ts';
import { subgraphs } from './subgraphs.ts';
import { GraphView } from './view.ts';

/** The maximum number of elements of one sample of an input, and of a batch that the file fixes. */
const MOST_ELEMENTS = 2 ** 27;

/**
 * Checks that names exist and each stands for one value, that every value is computed before it is read, that attributes of standard
 * operators have the kinds that ONNX defines, and that inputs have possible sizes. ONNX Runtime checks that every value that is read
 * exists.
 *
 * @throws ThawError `bad-model` with the first violation
 */
export function checkGraph(graph: Graph): void {
  checkScope(graph, () => false);
  refuseEndless(graph);
  refuseTwice(
    graph.outputs.map(({ name }) => name),
    'outputs of the model are called',
  );
  for (const { name, shape } of graph.inputs) {
    const elements = elementCount((shape ?? []).map((d) => (typeof d === 'number' ? d : 1)));
    if (elements > MOST_ELEMENTS && !graph.initializers.has(name))
      throw wrong(`the input "${name}" is [${shape}], more than ${MOST_ELEMENTS} elements`);
  }
}

/** @param isOutside whether an enclosing graph has a value of that name */
function checkScope(graph: Graph, isOutside: (name: string) => boolean): void {
  const { inputs, initializers, nodes, outputs } = graph;
  const made = new Set([...inputs.map(({ name }) => name), ...initializers.keys()]);
  refuseTwice(
    inputs.map(({ name }) => name),
    'inputs are called',
  );
  for (const name of made) checkName(name);
  const produced = new Set(nodes.flatMap((node) => node.outputs).filter((name) => name !== ''));
  const view = new GraphView(graph);
  const isThere = (name: string) => made.has(name) || (isOutside(name) && !produced.has(name));
  for (const node of nodes) {
    checkNode(node);
    checkScales(node, view);
    checkControl(node, view);
    const later = node.inputs.find((name) => produced.has(name) && !made.has(name));
    if (later !== undefined)
      throw wrong(`${describe(node)} reads "${later}", which depends on the node's own result: the graph has a cycle`);
    for (const inner of subgraphs(node)) checkScope(inner, isThere);
    for (const name of node.outputs) {
      if (name === '') continue;
      checkName(name);
      if (made.has(name)) throw wrong(`${describe(node)} gives "${name}", but another value has this name`);
      made.add(name);
    }
  }
  for (const { name } of outputs)
    if (!isThere(name)) throw wrong(`the graph has the output "${name}", but no value of this name`);
}

function checkNode(node: Node): void {
  if (Math.max(node.name.length, node.op.length, node.domain.length) > LONGEST_NAME)
    throw wrong(`a node's name or operator has more than ${LONGEST_NAME} characters`);
  if (node.op === '') throw wrong(`the node "${labelOf(node)}" has no operator`);
  if (node.outputs.every((name) => name === '')) throw wrong(`${describe(node)} gives no value`);
  if (node.domain !== '') return;
  for (const [name, attribute] of Object.entries(node.attributes)) {
    const fault = attributeFault(name, attribute);
    if (fault) throw wrong(`the attribute "${name}" of ${describe(node)} ${fault}`);
  }
}

/** ONNX Runtime crashes on negative sizes, which result from negative scales. */
function checkScales(node: Node, view: GraphView): void {
  const { op, domain, inputs, attributes } = node;
  if (domain !== '' || (op !== 'Resize' && op !== 'Upsample')) return;
  const { scales: own } = attributes;
  const given = view.constant(op === 'Upsample' || inputs.length === 2 ? inputs[1] : inputs[2]);
  const scales = own?.kind === 'floats' ? own.value : given?.type === 'float32' ? given.data : [];
  const wrongScale = Array.from(scales as ArrayLike<number>).find((scale) => !(scale > 0 && scale <= LARGEST_SCALE));
  if (wrongScale !== undefined)
    throw wrong(
      `${describe(node)} has the scale ${wrongScale}, but scales must be above 0 and at most ${LARGEST_SCALE}`,
    );
}

const LARGEST_SCALE = 2 ** 20;

/** ONNX Runtime reads a loop's number of steps and condition as one element, and crashes if that element is missing. */
function checkControl(node: Node, view: GraphView): void {
  const { op, domain, inputs } = node;
  if (domain !== '' || (op !== 'Loop' && op !== 'If')) return;
  for (const name of inputs.slice(0, op === 'Loop' ? 2 : 1)) {
    const elements = view.constant(name)?.data.length ?? 1;
    if (elements !== 1) throw wrong(`${describe(node)} reads "${name}", which has ${elements} elements instead of one`);
  }
}

/** Longer than names from exporters: names are compared, split and printed. */
const LONGEST_NAME = 4096;

/** ONNX Runtime's JavaScript interface keeps values in objects, where `__proto__` is not a key, and cuts names at a NUL character. */
function checkName(name: string): void {
  if (name.length > LONGEST_NAME)
    throw wrong(`the name "${name.slice(0, 40)}…" has more than ${LONGEST_NAME} characters`);
  if (name === '') throw wrong('a value of the model has no name');
  if (name.includes('\0')) throw wrong(`the name "${name.slice(0, 40).replaceAll('\0', '\\0')}" has a NUL character`);
  if (name === '__proto__') throw wrong(`a value of the model is called "${name}", which JavaScript keeps for itself`);
}

function refuseTwice(names: readonly string[], what: string): void {
  if (new Set(names).size === names.length) return;
  const twice = names.find((name, i) => names.indexOf(name) < i);
  throw wrong(`two ${what} "${twice}"`);
}

const describe = ({ op, name, outputs }: Node): string =>
  `${op} node "${name || outputs.find((one) => one !== '') || ''}"`;

const wrong = (message: string): ThawError =>
  new ThawError('bad-model', message, 'The model is damaged, or was built incorrectly: export it again');
