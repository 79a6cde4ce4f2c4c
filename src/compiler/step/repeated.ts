import { type Graph, type Model, makeNode, renamed, type ValueInfo } from '../../onnx/index.ts';

const STEPS = 'steps';
const NEXT = '.next';

/**
 * Several steps in one graph: the step is the body of a `Scan` whose state passes from step to step. If a runtime copies state to the
 * device and back in every run, it does so once for all steps.
 *
 * @param step a graph of one step, with an output `x.next` for each input `x` that it updates
 * @param state names of inputs that are not given for each step; those without a next value are constant
 * @returns a model with the same inputs and outputs; all but the state have a first axis for the steps, of any length
 */
export function repeated(step: Model, state: ReadonlySet<string>): Model {
  const { graph } = step;
  const written = new Set(graph.outputs.map(({ name }) => name));
  const moved = graph.inputs.filter(({ name }) => written.has(name + NEXT));
  const given = graph.inputs.filter(({ name }) => !state.has(name));
  const nexts = moved.map(({ name }) => name + NEXT);
  const results = graph.outputs.filter(({ name }) => !nexts.includes(name));
  // The state's final values first, as in `Scan`.
  const outputs = [...nexts, ...results.map(({ name }) => name)];
  const within = new Set([...moved, ...given].map(({ name }) => name).concat(outputs));
  const inner = (name: string) => (within.has(name) ? `${name}/each` : name);
  const infos = new Map([...graph.inputs, ...graph.outputs].map((info) => [info.name, info]));
  const body: Graph = renamed(
    { ...graph, inputs: [...moved, ...given], outputs: outputs.map((name) => infos.get(name)!) },
    inner,
  );
  const inputs = [...moved, ...given].map(({ name }) => name);
  const scan = makeNode('Scan', inputs, outputs, { num_scan_inputs: given.length, body }, { name: 'Scan' });
  const taken = new Set(given);
  return {
    ...step,
    graph: {
      name: `${graph.name}s`,
      nodes: [scan],
      inputs: graph.inputs.map((info) => (taken.has(info) ? ofSteps(info) : info)),
      outputs: outputs.map((name, i) => (i < nexts.length ? infos.get(name)! : ofSteps(infos.get(name)!))),
      initializers: new Map(),
      valueInfo: [],
    },
  };
}

const ofSteps = (info: ValueInfo): ValueInfo => ({ ...info, shape: info.shape && [STEPS, ...info.shape] });
