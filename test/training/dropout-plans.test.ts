import { describe, expect, it } from 'vitest';
import { trainingModel } from '../../src/compiler/step/index.ts';
import { type Tensor, tensor, writeModel } from '../../src/onnx/index.ts';
import { nodeRuntime } from '../../src/runtime/node/sessions.ts';
import { networkOf } from '../../src/session/index.ts';
import {
  parseConfig,
  type TrainingConfigInput,
  trainingPlan,
  trainingSchema,
  withoutEffect,
} from '../../src/training/index.ts';
import { smallModel, weights } from '../small-models.ts';

const runtime = nodeRuntime('cpu', { intraOpNumThreads: 1 });
const N = 4;

/** Two residual blocks and a head: z₁ = x + xA, z₂ = z₁ + z₁B, logits = z₂W. */
const prepared = () =>
  networkOf(
    smallModel({
      opset: 18,
      inputs: { x: ['N', 6] },
      outputs: { logits: ['N', 3] },
      initializers: { a: weights([6, 6]), b: weights([6, 6], 2), head: weights([6, 3], 3) },
      nodes: [
        ['MatMul', ['x', 'a'], ['f1'], {}, 'first'],
        ['Add', ['x', 'f1'], ['z1'], {}, 'add1'],
        ['MatMul', ['z1', 'b'], ['f2'], {}, 'second'],
        ['Add', ['z1', 'f2'], ['z2'], {}, 'add2'],
        ['MatMul', ['z2', 'head'], ['logits'], {}, 'classifier'],
      ],
    }),
    runtime,
  );

async function trained(input: TrainingConfigInput, noise: (name: string, i: number) => number, train = 'all') {
  const { network, anatomy } = await prepared();
  const plan = trainingPlan(parseConfig(trainingSchema, input), { train, epochs: 1 }, anatomy, 'logits');
  const model = trainingModel(network, plan);
  const draws = model.graph.inputs.filter(({ name }) => name.endsWith('.noise'));
  const noises = draws.map(({ name, shape }) => {
    const dims = shape!.map((d) => (typeof d === 'number' ? d : N));
    const size = dims.reduce((all, d) => all * d, 1);
    return [
      name,
      tensor(
        'float32',
        dims,
        Float32Array.from({ length: size }, (_, i) => noise(name, i)),
      ),
    ] as const;
  });
  const { initializers } = network.model.graph;
  const parameters = [...plan.trainable].map((name) => [name, initializers.get(name)!] as const);
  const session = await runtime.load(writeModel(model));
  const x = weights([N, 6], 9);
  const results = await session.run({
    x,
    labels: tensor('int64', [N], BigInt64Array.of(0n, 1n, 2n, 0n)),
    ...Object.fromEntries([...noises, ...parameters]),
  });
  await session.release();
  return { draws: draws.map(({ name, shape }) => [name, shape]), logits: rowsOf(results.logits, 3), x: rowsOf(x, 6) };
}

const rowsOf = ({ data }: Tensor, width: number): number[][] =>
  Array.from({ length: data.length / width }, (_, n) =>
    Array.from(data.slice(n * width, (n + 1) * width) as Float32Array),
  );

/** Row n of the logits, with these weights for the two branches. */
function expected(x: readonly number[], first: number, second: number): number[] {
  const times = (row: readonly number[], w: Tensor) =>
    Array.from({ length: w.shape[1] }, (_, j) =>
      row.reduce((all, v, i) => all + v * (w.data as Float32Array)[i * w.shape[1] + j], 0),
    );
  const plus = (row: readonly number[], other: readonly number[], factor: number) =>
    row.map((v, i) => v + factor * other[i]);
  const z1 = plus(x, times(x, weights([6, 6])), first);
  return times(plus(z1, times(z1, weights([6, 6], 2)), second), weights([6, 3], 3));
}

const close = (found: readonly number[], exact: readonly number[]) => {
  exact.forEach((value, i) => {
    expect(found[i]).toBeCloseTo(value, 5);
  });
};

describe('stochastic depth', () => {
  it('drops a branch per sample at a linearly rising rate, and scales the branch when it stays', async () => {
    // Per sample: the first branch is dropped in 1 and 3, the second in 2 and 3.
    const dropped = { 'f1.noise': [1, 3], 'f2.noise': [2, 3] };
    const noise = (name: string, i: number) => (dropped[name as keyof typeof dropped].includes(i) ? 0 : 0.9);
    const { draws, logits, x } = await trained({ stochasticDepth: 0.4 }, noise);
    expect(draws).toEqual([
      ['f1.noise', ['batch', 1]],
      ['f2.noise', ['batch', 1]],
    ]);
    const [first, second] = [1 / (1 - 0.2), 1 / (1 - 0.4)];
    close(logits[0], expected(x[0], first, second));
    close(logits[1], expected(x[1], 0, second));
    close(logits[2], expected(x[2], first, 0));
    close(logits[3], expected(x[3], 0, 0));
  });

  it('is refused for a network without branches', async () => {
    const { anatomy } = await prepared();
    const plan = () =>
      trainingPlan(
        parseConfig(trainingSchema, { stochasticDepth: 0.1 }),
        { train: 'all', epochs: 1 },
        { ...anatomy, residuals: [] },
        'logits',
      );
    expect(plan).toThrow(/no residual branches/);
  });

  it('and dropout leave the frozen part unchanged', async () => {
    const { draws } = await trained({ stochasticDepth: 0.4, dropout: { f1: 0.1, head: 0.2 } }, () => 0.9, 'b,head');
    expect(draws.map(([name]) => name)).toEqual(['f2.noise', 'z2.noise']);
  });
});

describe('dropout at a named value', () => {
  it('drops elements of the value for all its readers', async () => {
    const { draws, logits, x } = await trained({ dropout: { z1: 0.5 } }, () => 0.9);
    expect(draws).toEqual([['z1.noise', ['batch', 6]]]);
    // With nothing dropped, z₁ is doubled.
    for (const [n, row] of x.entries()) {
      close(
        logits[n],
        expected(row, 1, 1).map((v) => 2 * v),
      );
    }
  });

  it('works inside a branch that is dropped as a whole', async () => {
    const { draws, logits, x } = await trained({ dropout: { f2: 0.5 }, stochasticDepth: 0.5 }, () => 0.9);
    expect(draws.length).toBe(3);
    for (const [n, row] of x.entries()) close(logits[n], expected(row, 1 / 0.75, 4));
  });

  it('is refused if no value has the name', async () => {
    await expect(trained({ dropout: { nowhere: 0.1 } }, () => 0)).rejects.toThrow(/"nowhere" selects no/);
    await expect(trained({ dropout: { z1: 1.5 } }, () => 0)).rejects.toThrow(/setting dropout/);
  });
});

describe('a warning about a setting without effect', () => {
  const idle = async (input: TrainingConfigInput, ...trains: string[]) => {
    const config = parseConfig(trainingSchema, input);
    const { network, anatomy } = await networkOf((await prepared()).network.model, runtime, {
      distill: config.distill,
    });
    const plans = trains.map((train) => trainingPlan(config, { train, epochs: 1 }, anatomy, 'logits'));
    return withoutEffect(network.model.graph, plans);
  };

  it.each([
    [{ dropout: { head: 0.1, z1: 0.2 } }, 'dropout of "z1" has no effect'],
    [{ stochasticDepth: 0.2 }, 'stochasticDepth has no effect'],
    [{ distill: 0.5 }, 'distill has no effect'],
  ])('appears for %j with the head alone', async (input, message) => {
    expect(await idle(input, 'head')).toEqual([expect.stringContaining(message)]);
    expect(await idle(input, 'head', 'all')).toEqual([]);
  });

  it('does not appear if a trained layer reads the value', async () => {
    expect(await idle({ dropout: { head: 0.1, z1: 0.2 }, stochasticDepth: 0.1 }, 'b,head')).toEqual([]);
  });
});
