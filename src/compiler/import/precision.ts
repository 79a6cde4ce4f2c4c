import {
  type Attribute,
  type Graph,
  isHalf,
  type Model,
  type Node,
  type ValueInfo,
  widened,
} from '../../onnx/index.ts';

/** Attributes that hold an element type: those of `Cast`, random numbers, windows, attention, normalization. */
const TYPE_ATTRIBUTES = new Set(['to', 'dtype', 'output_datatype', 'output_dtype', 'softmax_precision', 'stash_type']);
const FLOAT32 = 1;
/** float16 and bfloat16 in `TensorProto.DataType`. */
const HALVES = [10, 16];

/**
 * Replaces float16 and bfloat16 by float32: the same function without the rounding, node for node. A model without
 * half-precision values is returned unchanged.
 */
export function inSinglePrecision(model: Model): Model {
  const graph = single(model.graph);
  return graph === model.graph ? model : { ...model, graph };
}

function single(graph: Graph): Graph {
  let changed = false;
  const noting = <T>(before: T, after: T): T => {
    changed ||= after !== before;
    return after;
  };
  const info = (value: ValueInfo): ValueInfo =>
    noting(value, isHalf(value.type) ? { ...value, type: 'float32' } : value);
  const result: Graph = {
    ...graph,
    nodes: graph.nodes.map((node) => noting(node, singleNode(node))),
    inputs: graph.inputs.map(info),
    outputs: graph.outputs.map(info),
    valueInfo: graph.valueInfo.map(info),
    initializers: new Map(
      [...graph.initializers].map(([name, t]) => [name, noting(t, isHalf(t.type) ? widened(t) : t)]),
    ),
  };
  return changed ? result : graph;
}

function singleNode(node: Node): Node {
  const attributes = Object.entries(node.attributes).map(([name, attribute]) => [
    name,
    singleAttribute(name, attribute),
  ]);
  return attributes.every(([name, attribute]) => node.attributes[name as string] === attribute)
    ? node
    : { ...node, attributes: Object.fromEntries(attributes) };
}

function singleAttribute(name: string, attribute: Attribute): Attribute {
  switch (attribute.kind) {
    case 'int':
      return TYPE_ATTRIBUTES.has(name) && HALVES.includes(Number(attribute.value))
        ? { kind: 'int', value: FLOAT32 }
        : attribute;
    case 'tensor':
      return isHalf(attribute.value.type) ? { kind: 'tensor', value: widened(attribute.value) } : attribute;
    case 'graph': {
      const value = single(attribute.value);
      return value === attribute.value ? attribute : { kind: 'graph', value };
    }
    case 'graphs': {
      const value = attribute.value.map(single);
      return value.every((graph, i) => graph === attribute.value[i]) ? attribute : { kind: 'graphs', value };
    }
    default:
      return attribute;
  }
}

/**
 * Applies the changes made to a model's copy in single precision to the model itself: its nodes' inputs, the shapes of its inputs and
 * outputs, and new initializers come from the copy. Weights and types stay the model's own.
 */
export function inPrecisionOf(model: Model, copy: Model): Model {
  const { graph } = model;
  const typed = (own: readonly ValueInfo[]) => (value: ValueInfo, i: number) => ({ ...value, type: own[i].type });
  return {
    ...copy,
    graph: {
      ...copy.graph,
      nodes: copy.graph.nodes.map(({ inputs }, i) => ({ ...graph.nodes[i], inputs })),
      inputs: copy.graph.inputs.map(typed(graph.inputs)),
      outputs: copy.graph.outputs.map(typed(graph.outputs)),
      valueInfo: [],
      initializers: new Map([...copy.graph.initializers].map(([name, t]) => [name, graph.initializers.get(name) ?? t])),
    },
  };
}
