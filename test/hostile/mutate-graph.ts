/** Mutations that know the structure of a model. The result is still a protocol buffer, and often still a model. */
import { onnx } from '../../src/onnx/generated/onnx.js';
import type { Random } from '../../src/random.ts';
import { mutateModel, NAMES } from './mutate.ts';
import {
  ATTRIBUTES,
  DOMAINS,
  FLOATS,
  INTEGERS,
  OPERATORS,
  SIZES,
  STRINGS,
  SYMBOLS,
  VALUE_NAMES,
} from './vocabulary.ts';

type GraphProto = onnx.GraphProto.$Properties;
type NodeProto = onnx.NodeProto.$Properties;
type AttributeProto = onnx.AttributeProto.$Properties;
type TensorProto = onnx.TensorProto.$Properties;
type ValueProto = onnx.ValueInfoProto.$Properties;

const pick = <T>(random: Random, list: readonly T[]): T => list[random.below(list.length)];
const chance = (random: Random, one: number): boolean => random.below(one) === 0;

/** The graphs of a model, including those inside nodes. */
function* graphsIn(graph: GraphProto, depth = 0): Generator<GraphProto> {
  yield graph;
  if (depth > 8) return;
  for (const { attribute } of graph.node ?? [])
    for (const { g } of attribute ?? []) if (g) yield* graphsIn(g, depth + 1);
}

const nodesOf = (graph: GraphProto): NodeProto[] => (graph.node ??= []);
const namesIn = (graph: GraphProto): string[] => [
  ...(graph.input ?? []).map(({ name }) => name ?? ''),
  ...(graph.initializer ?? []).map(({ name }) => name ?? ''),
  ...nodesOf(graph).flatMap(({ output }) => output ?? []),
];
const utf8 = (value: string): Uint8Array => new TextEncoder().encode(value);

/** A list with one entry changed, removed, added or moved. Sometimes the list is empty. */
function mutateList<T>(list: readonly T[], random: Random, one: () => T): T[] {
  const changed = [...list];
  const at = random.below(changed.length + 1);
  const change = random.below(5);
  if (change === 0) changed.splice(at, 1);
  else if (change === 1) changed.splice(at, 0, one());
  else if (change === 2) return chance(random, 3) ? [] : changed.reverse();
  else changed[Math.min(at, Math.max(0, changed.length - 1))] = one();
  return changed;
}

function smallTensor(random: Random): TensorProto {
  const values = Array.from({ length: random.below(5) }, () => pick(random, INTEGERS));
  const dims = chance(random, 4) ? [] : [values.length];
  return chance(random, 2)
    ? { dims, data_type: 7, int64_data: values }
    : { dims, data_type: 1, float_data: values.map(() => pick(random, FLOATS)) };
}

function randomAttribute(name: string, random: Random, graph: GraphProto): AttributeProto {
  switch (random.below(8)) {
    case 0:
      return { name, type: 2, i: pick(random, INTEGERS) };
    case 1:
      return { name, type: 1, f: pick(random, FLOATS) };
    case 2:
      return { name, type: 3, s: utf8(pick(random, STRINGS)) };
    case 3:
      return { name, type: 7, ints: Array.from({ length: random.below(5) }, () => pick(random, INTEGERS)) };
    case 4:
      return { name, type: 6, floats: Array.from({ length: random.below(5) }, () => pick(random, FLOATS)) };
    case 5:
      return { name, type: 4, t: smallTensor(random) };
    case 6: {
      const output = pick(random, namesIn(graph).concat('o'));
      return { name, type: 5, g: { name: 'g', node: [], input: [], output: [{ name: output }] } };
    }
    default:
      return { name, type: random.below(14) };
  }
}

type Change = (graph: GraphProto, random: Random, model: onnx.ModelProto.$Properties) => void;

const nodeChange =
  (change: (node: NodeProto, random: Random, graph: GraphProto) => void): Change =>
  (graph, random) => {
    const nodes = nodesOf(graph);
    if (nodes.length) change(pick(random, nodes), random, graph);
  };
const attributeChange = (
  change: (attribute: AttributeProto, random: Random, node: NodeProto, graph: GraphProto) => void,
) =>
  nodeChange((node, random, graph) => {
    if (node.attribute?.length) change(pick(random, node.attribute), random, node, graph);
  });
const weightChange =
  (change: (weight: TensorProto, random: Random, graph: GraphProto) => void): Change =>
  (graph, random) => {
    const constants = nodesOf(graph).flatMap(({ attribute }) => (attribute ?? []).flatMap(({ t }) => t ?? []));
    const all = [...(graph.initializer ?? []), ...constants];
    if (all.length) change(pick(random, all), random, graph);
  };
const valueChange =
  (change: (value: ValueProto, random: Random) => void): Change =>
  (graph, random) => {
    const all = [...(graph.input ?? []), ...(graph.input ?? []), ...(graph.output ?? []), ...(graph.value_info ?? [])];
    if (all.length) change(pick(random, all), random);
  };

function renameEverywhere(graph: GraphProto, from: string, to: string): void {
  const renamed = (name: string) => (name === from ? to : name);
  for (const inner of graphsIn(graph)) {
    for (const one of [
      ...(inner.input ?? []),
      ...(inner.output ?? []),
      ...(inner.initializer ?? []),
      ...(inner.value_info ?? []),
    ])
      if (one.name === from) one.name = to;
    for (const node of nodesOf(inner)) {
      node.input = node.input?.map(renamed);
      node.output = node.output?.map(renamed);
    }
  }
}

/** Inserts a node after a value. All later nodes read its result instead. */
function insertAfter(
  graph: GraphProto,
  random: Random,
  op: string,
  attribute: AttributeProto[],
  more: readonly string[],
): void {
  const nodes = nodesOf(graph);
  const at = random.below(nodes.length + 1);
  const known = [
    ...(graph.input ?? []).map(({ name }) => name ?? ''),
    ...nodes.slice(0, at).flatMap(({ output }) => output ?? []),
  ];
  if (!known.length) return;
  const from = pick(random, known);
  const to = `${from}/inserted${random.below(1000)}`;
  for (const node of nodes.slice(at)) node.input = node.input?.map((name) => (name === from ? to : name));
  const isOutput = (graph.output ?? []).some(({ name }) => name === from);
  nodes.splice(at, 0, { op_type: op, input: [from, ...more], output: [to], attribute, name: to });
  if (isOutput && chance(random, 2)) for (const one of graph.output ?? []) if (one.name === from) one.name = to;
}

const CHANGES: readonly Change[] = [
  // Declared shapes and types
  valueChange((value, random) => {
    const shape = value.type?.tensor_type?.shape;
    if (!shape?.dim?.length) return;
    const dim = pick(random, shape.dim);
    delete dim.dim_value;
    delete dim.dim_param;
    const kind = random.below(4);
    if (kind < 2) dim.dim_value = pick(random, SIZES);
    else if (kind === 2) dim.dim_param = pick(random, SYMBOLS);
  }),
  valueChange((value, random) => {
    const type = value.type?.tensor_type;
    if (!type) return;
    const kind = random.below(9);
    if (kind < 3) type.elem_type = random.below(28);
    else if (kind < 5) type.shape = undefined;
    else if (type.shape)
      type.shape.dim = mutateList(type.shape.dim ?? [], random, () =>
        chance(random, 2) ? { dim_value: pick(random, SIZES) } : { dim_param: pick(random, SYMBOLS) },
      );
  }),
  valueChange((value, random) => {
    if (chance(random, 2)) value.type = undefined;
    else value.name = pick(random, VALUE_NAMES);
  }),
  // Attributes
  attributeChange((attribute, random, _, graph) =>
    Object.assign(attribute, randomAttribute(attribute.name ?? '', random, graph)),
  ),
  attributeChange((attribute, random) => {
    if (attribute.type === 1) attribute.f = pick(random, FLOATS);
    else if (attribute.type === 2) attribute.i = pick(random, INTEGERS);
    else if (attribute.type === 3) attribute.s = utf8(pick(random, STRINGS));
    else if (attribute.type === 6)
      attribute.floats = mutateList(attribute.floats ?? [], random, () => pick(random, FLOATS));
    else if (attribute.type === 7)
      attribute.ints = mutateList(attribute.ints ?? [], random, () => pick(random, INTEGERS));
  }),
  attributeChange((attribute, random) => {
    attribute.type = random.below(14);
  }),
  attributeChange((attribute, random) => {
    attribute.name = chance(random, 2) ? pick(random, ATTRIBUTES) : pick(random, NAMES);
  }),
  attributeChange((attribute, random, node) => {
    if (chance(random, 2)) node.attribute = node.attribute?.filter((one) => one !== attribute);
    else node.attribute?.push({ ...attribute });
  }),
  nodeChange((node, random, graph) => {
    node.attribute = [...(node.attribute ?? []), randomAttribute(pick(random, ATTRIBUTES), random, graph)];
  }),
  // Names
  (graph, random) => {
    const names = namesIn(graph);
    if (names.length) renameEverywhere(graph, pick(random, names), pick(random, VALUE_NAMES));
  },
  nodeChange((node, random) => {
    node.name = pick(random, NAMES);
  }),
  // Nodes
  (graph, random) => {
    const nodes = nodesOf(graph);
    if (!nodes.length) return;
    const node = pick(random, nodes);
    const output = node.output?.map((name) => (chance(random, 2) ? name : `${name}/again`));
    nodes.splice(random.below(nodes.length + 1), 0, { ...node, output });
  },
  (graph, random) => {
    const nodes = nodesOf(graph);
    if (nodes.length) nodes.splice(random.below(nodes.length), 1);
  },
  (graph, random) => {
    const nodes = nodesOf(graph);
    if (!nodes.length) return;
    const [node] = nodes.splice(random.below(nodes.length), 1);
    const [from, to] = [node.output?.[0] ?? '', node.input?.[0] ?? ''];
    for (const other of nodes) other.input = other.input?.map((name) => (name === from ? to : name));
    for (const one of graph.output ?? []) if (one.name === from) one.name = to;
  },
  (graph, random) => {
    const nodes = nodesOf(graph);
    if (nodes.length < 2) return;
    const [i, k] = [random.below(nodes.length), random.below(nodes.length)];
    [nodes[i], nodes[k]] = [nodes[k], nodes[i]];
  },
  nodeChange((node, random) => {
    node.op_type = pick(random, OPERATORS);
  }),
  nodeChange((node, random) => {
    node.domain = pick(random, DOMAINS);
  }),
  // Inputs and outputs
  nodeChange((node, random, graph) => {
    node.input = mutateList(node.input ?? [], random, () =>
      chance(random, 4) ? '' : pick(random, namesIn(graph).concat('nowhere')),
    );
  }),
  nodeChange((node, random, graph) => {
    node.output = mutateList(node.output ?? [], random, () =>
      chance(random, 3) ? '' : pick(random, namesIn(graph).concat('another')),
    );
  }),
  // Cycles
  (graph, random) => {
    const nodes = nodesOf(graph);
    if (nodes.length < 2) return;
    const at = random.below(nodes.length);
    const later = pick(random, nodes.slice(at)).output?.[0] ?? '';
    const { input } = nodes[at];
    if (input?.length) input[random.below(input.length)] = later;
  },
  // Weights
  weightChange((weight, random) => {
    weight.dims = mutateList((weight.dims ?? []) as number[], random, () => pick(random, SIZES));
  }),
  weightChange((weight, random) => {
    weight.data_type = random.below(28);
  }),
  weightChange((weight, random) => {
    const value = pick(random, FLOATS);
    if (weight.raw_data?.length && weight.data_type === 1) {
      const filled = new Float32Array(weight.raw_data.length / 4).fill(value);
      weight.raw_data = new Uint8Array(filled.buffer);
    } else if (weight.raw_data?.length && weight.data_type === 7) {
      const filled = new BigInt64Array(weight.raw_data.length / 8).fill(BigInt(pick(random, INTEGERS)));
      weight.raw_data = new Uint8Array(filled.buffer);
    } else if (weight.raw_data?.length)
      weight.raw_data = new Uint8Array(weight.raw_data.length).fill(random.below(256));
  }),
  weightChange((weight, random) => {
    Object.assign(weight, { raw_data: undefined, ...smallTensor(random) });
  }),
  weightChange((weight, random) => {
    const dims = ((weight.dims ?? []) as number[]).map(Number);
    if (dims.length > 1) weight.dims = chance(random, 2) ? [...dims].reverse() : [dims.reduce((a, b) => a * b, 1)];
    else weight.dims = [1, ...dims];
  }),
  (graph, random) => {
    const weights = graph.initializer ?? [];
    if (!weights.length) return;
    const weight = pick(random, weights);
    if (chance(random, 3)) weights.push({ ...weight });
    else if (chance(random, 2)) graph.initializer = weights.filter((one) => one !== weight);
    else {
      graph.initializer = weights.filter((one) => one !== weight);
      const attribute = [{ name: 'value', type: 4, t: weight }];
      nodesOf(graph).splice(0, 0, { op_type: 'Constant', input: [], output: [weight.name ?? ''], attribute });
    }
  },
  (graph, random) => {
    const weights = graph.initializer ?? [];
    if (!weights.length) return;
    const { name, dims, data_type: elem_type } = pick(random, weights);
    const dim = (dims ?? []).map((d) => ({ dim_value: Number(d) }));
    graph.input = [...(graph.input ?? []), { name, type: { tensor_type: { elem_type, shape: { dim } } } }];
  },
  // Inputs and outputs of the graph
  (graph, random) => {
    graph.output = mutateList(graph.output ?? [], random, () => ({
      name: pick(random, namesIn(graph).concat('nowhere')),
    }));
  },
  (graph, random) => {
    graph.input = mutateList(graph.input ?? [], random, () => ({
      name: pick(random, VALUE_NAMES),
      type: {
        tensor_type: { elem_type: 1 + random.below(11), shape: { dim: [{ dim_param: 'batch' }, { dim_value: 4 }] } },
      },
    }));
  },
  // Inserted nodes
  (graph, random) => {
    const attribute = chance(random, 2) ? [randomAttribute(pick(random, ATTRIBUTES), random, graph)] : [];
    insertAfter(
      graph,
      random,
      pick(random, OPERATORS),
      attribute,
      chance(random, 2) ? [] : [pick(random, namesIn(graph))],
    );
  },
  (graph, random) => {
    const length = pick(random, [2, 50, 1500]);
    for (let i = 0; i < length; i++) insertAfter(graph, random, 'Identity', [], []);
  },
  (graph, random) => {
    const wanted = Array.from({ length: random.below(5) }, () => pick(random, SIZES.slice(0, 9)));
    const name = `wanted${random.below(1000)}`;
    graph.initializer = [
      ...(graph.initializer ?? []),
      { name, dims: [wanted.length], data_type: 7, int64_data: wanted },
    ];
    insertAfter(
      graph,
      random,
      pick(random, ['Reshape', 'Expand', 'Tile', 'Unsqueeze', 'Squeeze', 'ReduceSum', 'Gather', 'Pad']),
      [],
      [name],
    );
  },
  (graph, random) => {
    const type = 1 + random.below(16);
    insertAfter(graph, random, 'Cast', [{ name: 'to', type: 2, i: type }], []);
  },
  // A node that moves into a branch
  (graph, random) => {
    const nodes = nodesOf(graph);
    if (!nodes.length) return;
    const at = random.below(nodes.length);
    const node = nodes[at];
    const output = (node.output ?? []).map((name) => ({ name: `${name}/inner` }));
    const branch = (): GraphProto => ({
      name: 'branch',
      node: [{ ...node, output: output.map(({ name }) => name) }],
      output: output.map((one) => ({ ...one })),
    });
    graph.initializer = [
      ...(graph.initializer ?? []),
      { name: 'condition', dims: [], data_type: 9, int32_data: [random.below(2)] },
    ];
    nodes[at] = {
      op_type: 'If',
      input: ['condition'],
      output: node.output,
      attribute: [
        { name: 'then_branch', type: 5, g: branch() },
        { name: 'else_branch', type: 5, g: branch() },
      ],
    };
  },
  // The model
  (_, random, model) => {
    const opset = model.opset_import?.[0];
    if (opset && chance(random, 2))
      opset.version = pick(random, [0, 1, 6, 7, 9, 10, 11, 12, 13, 17, 18, 21, 23, 99, -1, 2 ** 53]);
    else if (chance(random, 2))
      model.opset_import = [
        ...(model.opset_import ?? []),
        { domain: pick(random, DOMAINS), version: random.below(20) },
      ];
    else model.ir_version = pick(random, INTEGERS);
  },
  (_, random, model) => {
    model.metadata_props = [
      { key: pick(random, ['thaw', ...NAMES]), value: pick(random, ['{}', '{"task":1}', 'null', ...NAMES]) },
    ];
  },
];

/**
 * A model with one to three such mutations, usually one. One in sixteen gets a mutation of its fields or bytes instead.
 */
export function mutateGraph(bytes: Uint8Array, random: Random, others: readonly Uint8Array[]): Uint8Array {
  if (chance(random, 16)) return mutateModel(bytes, random, others);
  const model = decoded(bytes);
  if (!model?.graph) return mutateModel(bytes, random, others);
  for (let i = random.below(1 + random.below(3)); i >= 0; i--) {
    const graphs = [...graphsIn(model.graph)];
    const graph = chance(random, 3) ? pick(random, graphs) : model.graph;
    pick(random, CHANGES)(graph, random, model);
  }
  return onnx.ModelProto.encode(model).finish();
}

function decoded(bytes: Uint8Array): onnx.ModelProto.$Properties | undefined {
  try {
    return onnx.ModelProto.decode(bytes);
  } catch {
    return undefined;
  }
}
