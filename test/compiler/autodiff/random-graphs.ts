import { type AttributeLike, type Dimension, float, type Node, toAttributes } from '../../../src/onnx/index.ts';
import { Random } from '../../../src/random.ts';
import type { Forward } from './check.ts';
import { between, f32, type Input, ints } from './inputs.ts';

interface Known {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Appends one or more nodes. */
type Step = (x: Known) => Known;

/** Composes a graph node by node. Its shapes omit the batch, which is the first dimension of every value. */
class Composer {
  readonly nodes: Node[] = [];
  readonly inputs = new Map<string, Input>();
  readonly values: Known[] = [];
  readonly random: Random;

  constructor(seed: number, ...shape: number[]) {
    this.random = new Random(seed, 'graph');
    this.inputs.set('x', f32('batch', ...shape));
    this.values.push({ name: 'x', shape });
  }

  pick<T>(items: readonly T[]): T {
    return items[this.random.below(items.length)];
  }

  input(input: Input): string {
    const name = `w${this.inputs.size}`;
    this.inputs.set(name, input);
    return name;
  }

  weight = (...shape: Dimension[]): string => this.input(between(-0.7, 0.7, ...shape));

  node(
    op: string,
    inputs: readonly string[],
    shape: readonly number[],
    attributes: Record<string, AttributeLike> = {},
  ): Known {
    const name = `v${this.nodes.length}`;
    this.nodes.push({
      name: `${op}/${name}`,
      op,
      domain: '',
      inputs,
      outputs: [name],
      attributes: toAttributes(attributes),
    });
    const value = { name, shape };
    this.values.push(value);
    return value;
  }

  /** Usually a recent value, sometimes any value, so that values have several readers. */
  source(): Known {
    return this.random.chance(0.6) ? this.values.at(-1)! : this.pick(this.values);
  }

  like(value: Known): Known {
    return this.pick(this.values.filter(({ shape }) => String(shape) === String(value.shape)));
  }

  forward(steps: readonly Step[], length: number, rest: Partial<Forward>): Forward {
    for (let i = 0; i < length; i++) this.pick(steps)(this.source());
    const outputs = [...new Set([this.values.at(-1)!.name, this.pick(this.values.slice(1)).name])];
    return { nodes: this.nodes, inputs: this.inputs, outputs, ...rest };
  }
}

const SMOOTH = ['Tanh', 'Sigmoid', 'Softplus', 'Sin', 'Erf', 'Atan'];

/** Rows of features, as in the head of a network or a transformer. */
export function randomFeatureGraph(seed: number): Forward {
  const c = new Composer(seed, 4);
  const steps: Step[] = [
    (x) => c.node(c.pick([...SMOOTH, 'Relu', 'Elu']), [x.name], x.shape),
    (x) => c.node(c.pick(['Add', 'Sub', 'Mul', 'Max']), [x.name, c.like(x).name], x.shape),
    (x) => c.node(c.pick(['Add', 'Mul']), [x.name, c.weight(x.shape[0])], x.shape),
    (x) => c.node('MatMul', [x.name, c.weight(x.shape[0], 3)], [3]),
    (x) => c.node('Gemm', [x.name, c.weight(5, x.shape[0]), c.weight(5)], [5], { transB: 1 }),
    (x) =>
      c.node('LayerNormalization', [x.name, c.weight(x.shape[0]), c.weight(x.shape[0])], x.shape, {
        epsilon: float(0.1),
      }),
    (x) => c.node(c.pick(['Softmax', 'LogSoftmax']), [x.name], x.shape),
    (x) => {
      const y = c.pick(c.values);
      return c.node('Concat', [x.name, y.name], [x.shape[0] + y.shape[0]], { axis: 1 });
    },
    (x) => c.node('Gather', [x.name, c.input(ints([1, 0, -1, 1]))], [4], { axis: 1 }),
    (x) => c.node('Slice', [x.name, ...[1, 100, 1].map((v) => c.input(ints([v])))], [x.shape[0] - 1]),
    (x) => {
      const mean = c.node('ReduceMean', [x.name, c.input(ints([1]))], [1]);
      return c.node('Sub', [x.name, mean.name], x.shape);
    },
  ];
  return c.forward(
    steps.map((step) => (x) => step(x.shape[0] < 2 ? c.values[0] : x)),
    9,
    {},
  );
}

/** Images, as in a convolutional network. */
export function randomImageGraph(seed: number): Forward {
  const c = new Composer(seed, 4, 4, 4);
  const convolve = (x: Known, group: number, stride: number) => {
    const [channels, h, w] = x.shape;
    const out = 4;
    const weights = [c.weight(out, channels / group, 3, 3), c.weight(out)];
    const size = (d: number) => Math.floor((d - 1) / stride) + 1;
    return c.node('Conv', [x.name, ...weights], [out, size(h), size(w)], {
      group,
      strides: [stride, stride],
      pads: [1, 1, 1, 1],
    });
  };
  const steps: Step[] = [
    (x) => c.node(c.pick([...SMOOTH.slice(0, 3), 'Elu']), [x.name], x.shape),
    (x) => convolve(x, c.pick([1, 2, 4]), 1),
    (x) => convolve(x, 1, 2),
    (x) => c.node(c.pick(['Add', 'Mul']), [x.name, c.like(x).name], x.shape),
    (x) => {
      const statistics = [c.weight(x.shape[0]), c.weight(x.shape[0]), c.weight(x.shape[0])];
      return c.node('BatchNormalization', [x.name, ...statistics, c.input(between(0.5, 2, x.shape[0]))], x.shape);
    },
    (x) => {
      const pooled = c.node('GlobalAveragePool', [x.name], [x.shape[0], 1, 1]);
      const gate = c.node('HardSigmoid', [pooled.name], pooled.shape, { alpha: float(0.1) });
      return c.node('Mul', [x.name, gate.name], x.shape);
    },
    (x) => c.node('AveragePool', [x.name], x.shape, { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }),
    (x) => {
      const [channels, h, w] = x.shape;
      const split = c.node('Reshape', [x.name, c.input(ints([0, 2, channels / 2, h, w]))], [2, channels / 2, h, w]);
      const shuffled = c.node('Transpose', [split.name], [channels / 2, 2, h, w], { perm: [0, 2, 1, 3, 4] });
      const joined = c.node('Reshape', [shuffled.name, c.input(ints([0, channels, h, w]))], x.shape);
      // Values of rank 5 are not images.
      c.values.splice(-3, 2);
      return joined;
    },
  ];
  return c.forward(
    steps.map((step) => (x) => step(x.shape[1] > 1 ? x : c.values[0])),
    7,
    { precision: 'single', tolerance: 5e-3 },
  );
}
