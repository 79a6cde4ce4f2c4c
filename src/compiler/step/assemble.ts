/** Turns a builder's nodes into a model that a runtime can load. */

import { type GraphBuilder, type Model, readsOf, type Value } from '../../onnx/index.ts';
import {
  assignBlocks,
  chainsBySample,
  lower,
  type Machine,
  prune,
  type Stored,
  stacksBySample,
  transposeFirst,
  withoutCopies,
} from '../kernels/index.ts';
import type { Forward } from './forward.ts';
import { writeInPlace } from './in-place.ts';

export interface Ends {
  readonly name: string;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly machine?: Machine;
  /** State in blocks; its `<name>.next` is in blocks too. */
  readonly stored?: ReadonlyMap<string, Stored>;
}

/** The graph without its frozen nodes. The frozen values that it reads, the boundary, become inputs. */
export function cut(b: GraphBuilder, forward: Forward, source: Model, ends: Ends) {
  const outside = new Map<string, Value>(forward.inputs.map((value) => [value.name, value]));
  const fromData = new Set(outside.keys());
  b.nodes = b.nodes.filter((node) => {
    if (readsOf(node).some((read) => fromData.has(read))) for (const output of node.outputs) fromData.add(output);
    // Values that depend on weights alone stay, because they are constants.
    if (!forward.frozen.has(node) || !fromData.has(node.outputs[0])) return true;
    for (const output of node.outputs) if (b.has(output)) outside.set(output, b.value(output));
    return false;
  });
  lowerFor(b, ends);
  const inPlace = ends.machine?.inPlace ? writeInPlace(b, ends.outputs) : new Set<string>();
  const used = new Set(b.nodes.flatMap(readsOf));
  const boundary = [...outside.values()].filter((value) => used.has(value.name));
  return { model: assemble(b, source, { ...ends, inputs: [...boundary, ...ends.inputs] }), boundary, inPlace };
}

/** The builder's graph as a model with these inputs and outputs. */
export function finish(b: GraphBuilder, source: Model, ends: Ends): Model {
  lowerFor(b, ends);
  return assemble(b, source, ends);
}

/** Replaces all operators that a runtime lacks, and removes nodes that no output needs. */
function lowerFor(b: GraphBuilder, { outputs, machine, stored = new Map() }: Ends): void {
  const wanted = outputs.map(({ name }) => name);
  if (machine?.block) {
    prune(b, wanted);
    const next = [...stored].map(([name, as]) => [`${name}.next`, as] as const);
    assignBlocks(b, wanted, machine.block, new Map([...stored, ...next]));
  }
  lower(b, wanted, { machine });
  prune(b, wanted);
  // Only the native CPU has kernels for blocks, and only WebAssembly has scalar sums. On both, a loop costs little, and caches matter most.
  if (machine?.block) stacksBySample(b, wanted);
  if (machine?.block || machine?.scalarSums) chainsBySample(b, wanted);
  if (machine?.block) transposeFirst(b);
  b.nodes = withoutCopies(b.nodes, wanted);
}

function assemble(b: GraphBuilder, source: Model, { name, inputs, outputs }: Ends): Model {
  // Values in blocks were declared again, with other shapes.
  const declared = ({ name: own }: Value) => b.value(own);
  const added = [...b.domains].filter((domain) => domain && !Object.hasOwn(source.opsets, domain));
  const opsets = { ...source.opsets, ...Object.fromEntries(added.map((domain) => [domain, 1])) };
  return {
    irVersion: Math.max(source.irVersion, 8),
    opsets,
    producerName: 'thaw',
    producerVersion: '',
    graph: b.graph(name, inputs.map(declared), outputs.map(declared)),
    metadata: {},
    unknown: source.unknown,
  };
}
