import { ThawError } from '../../errors.ts';
import {
  dataInputsOf,
  type Graph,
  GraphView,
  type Model,
  type Node,
  Rewriter,
  type Tensor,
  tensor,
  valueNames,
  withSubgraphs,
} from '../../onnx/index.ts';
import { CONVERSIONS, refuse } from './conversions.ts';

/** The operator set that the builder writes for. */
const TARGET = 18;
const OLDEST = 7;
/** The IR version that came with operator set 18. */
const IR_VERSION = 8;

/**
 * Upgrades a model to operators of set 18 or later, so that no other code handles older ones. `Constant`
 * nodes become initializers, initializers are not inputs, and no node has absent inputs at the end.
 *
 * @throws ThawError `bad-model` for a node whose meaning newer operators cannot express
 */
export function upgrade(model: Model): Model {
  const version = model.opsets[''] ?? TARGET;
  if (version < OLDEST) {
    throw new ThawError(
      'bad-model',
      `the model's operator set ${version} is too old`,
      'Export it again with operator set 17 or later',
    );
  }
  const graph = upgradeGraph(model.graph, { version, names: valueNames(model.graph), outer: undefined });
  graph.inputs = dataInputsOf(graph);
  return {
    ...model,
    irVersion: Math.max(model.irVersion, IR_VERSION),
    opsets: { ...model.opsets, '': Math.max(version, TARGET) },
    graph,
  };
}

interface UpgradeContext {
  readonly version: number;
  /** All names of the model, including its subgraphs: a new name must not shadow another. */
  readonly names: Set<string>;
  /** Looks a constant up in the graphs around this one. */
  readonly outer: ((name: string) => Tensor | undefined) | undefined;
}

function upgradeGraph(source: Graph, { version, names, outer }: UpgradeContext): Graph {
  const view = new GraphView(source);
  const rewriter = new Rewriter(source, new Map(), names);
  const ranks = ranksOf(source);
  const contents = (name: string) => rewriter.initializers.get(name) ?? outer?.(name);

  for (const old of source.nodes) {
    const node = withSubgraphs(withoutAbsentInputs(old), (inner) =>
      upgradeGraph(inner, { version, names, outer: contents }),
    );
    const [output] = node.outputs;
    const constant = constantOf(node);
    if (constant && !view.isOutput(output)) {
      rewriter.initializers.set(output, constant);
      continue;
    }
    const conversion = node.domain === '' && Object.hasOwn(CONVERSIONS, node.op) ? CONVERSIONS[node.op] : undefined;
    if (!conversion || version >= conversion.since) {
      rewriter.nodes.push(node);
      continue;
    }
    if (!node.inputs[0] || !output) refuse(node, 'its first input or output is missing');
    const converted = conversion.convert(node, {
      version,
      contents,
      fresh: (hint) => rewriter.fresh(hint),
      rank: (name) => ranks.get(name),
      isUsed: (name) => view.isOutput(name) || view.readers(name).length > 0,
      constant: (value, hint) => rewriter.constant(`${output}_${hint}`, value),
    });
    rewriter.nodes.push(...converted);
  }
  return rewriter.graph;
}

/** Inputs at the end without a name are absent; the standard also allows leaving them out. */
function withoutAbsentInputs(node: Node): Node {
  const count = node.inputs.findLastIndex((name) => name !== '') + 1;
  return count === node.inputs.length ? node : { ...node, inputs: node.inputs.slice(0, count) };
}

/** Numbers of axes, if the model declares them or the operator implies them. */
function ranksOf(graph: Graph): Map<string, number> {
  const ranks = new Map<string, number>();
  for (const { op, domain, outputs } of graph.nodes) {
    if (domain === '' && (op === 'Gemm' || op === 'Flatten')) ranks.set(outputs[0], 2);
  }
  for (const { name, shape } of [...graph.valueInfo, ...graph.inputs, ...graph.outputs]) {
    if (shape) ranks.set(name, shape.length);
  }
  return ranks;
}

/** The contents of a `Constant` node; undefined for sparse ones. */
function constantOf({ op, domain, attributes }: Node): Tensor | undefined {
  if (op !== 'Constant' || domain !== '') return undefined;
  for (const [name, { kind, value }] of Object.entries(attributes)) {
    if (name === 'value' && kind === 'tensor') return value;
    if (kind === 'float') return tensor('float32', [], Float32Array.of(value));
    if (kind === 'floats') return tensor('float32', [value.length], Float32Array.from(value));
    if (kind === 'int') return tensor('int64', [], BigInt64Array.of(BigInt(value)));
    if (kind === 'ints') return tensor('int64', [value.length], BigInt64Array.from(value, BigInt));
    if (kind === 'string') return tensor('string', [], [value]);
    if (kind === 'strings') return tensor('string', [value.length], value);
  }
  return undefined;
}
