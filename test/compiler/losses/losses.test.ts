import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { differentiate } from '../../../src/compiler/autodiff/index.ts';
import { lower, prune } from '../../../src/compiler/kernels/index.ts';
import { LOSSES, type LossName, type LossOptions } from '../../../src/compiler/losses/index.ts';
import { ThawError } from '../../../src/errors.ts';
import { arrayFrom, type DataType, GraphBuilder, type Tensor, writeModel } from '../../../src/onnx/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';

interface Case {
  readonly loss: LossName;
  readonly options: Record<string, unknown>;
  readonly shape: number[];
  readonly inputs: number[];
  readonly targetShape: number[];
  readonly targets: number[];
  readonly value: number;
  readonly gradient: number[];
  readonly mask?: number[];
}

const { cases }: { cases: Case[] } = JSON.parse(
  readFileSync(new URL('../../fixtures/losses.json', import.meta.url), 'utf8'),
);

/** Converts PyTorch's options to ours. */
const optionsOf = ({ loss, options, mask }: Case): LossOptions => ({
  axis: options.axis as number | undefined,
  classWeights: (options.kind === 'softmax' ? options.alpha : options.weight) as number[] | undefined,
  labelSmoothing: options.label_smoothing as number | undefined,
  ignoreLabel: options.ignore_index as number | undefined,
  softLabels: loss === 'cross-entropy' && options.targets === 'probabilities',
  positiveWeights: options.pos_weight as number[] | undefined,
  delta: options.delta as number | undefined,
  gamma: options.gamma as number | undefined,
  kind: options.kind as LossOptions['kind'],
  alpha: options.kind === 'softmax' ? undefined : (options.alpha as number | undefined),
  meanOver: options.mean_over as LossOptions['meanOver'],
  mask: mask && true,
  temperature: options.temperature as number | undefined,
  margin: options.margin as number | undefined,
  mining: options.mining as 'hard' | 'all' | undefined,
});

/**
 * The fixture's targets as our labels. For kl, these are the teacher's probabilities, which PyTorch's distillation
 * computes from logits.
 */
function labelsOf({ loss, options, shape, targets }: Case): number[] {
  if (loss !== 'kl' || options.targets === 'probabilities') return targets;
  const classes = shape[1];
  return Array.from({ length: shape[0] }, (_, n) => {
    const powers = targets
      .slice(n * classes, (n + 1) * classes)
      .map((score) => Math.exp(score / (options.temperature as number)));
    const total = powers.reduce((a, b) => a + b, 0);
    return powers.map((p) => p / total);
  }).flat();
}

async function valueAndGradient(
  name: LossName,
  options: LossOptions,
  inputs: Tensor,
  labels: Tensor,
  mask?: readonly number[],
) {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', ['batch', ...inputs.shape.slice(1)]);
  const expected = LOSSES[name].labels(x, options);
  const y = b.input('labels', expected.type, expected.shape);
  const counts = mask && b.input('mask', 'float32', LOSSES[name].mask!(x, options));
  const loss = b.identity(LOSSES[name].build(b, x, y, options, counts), 'loss');
  const gradient = b.identity(differentiate(b, loss, ['x']).get('x')!, 'x.grad');
  lower(b, ['loss', 'x.grad']);
  prune(b, ['loss', 'x.grad']);
  const model = {
    irVersion: 8,
    opsets: { '': 18 },
    producerName: 'thaw',
    producerVersion: '',
    graph: b.graph('loss', counts ? [x, y, counts] : [x, y], [loss, gradient]),
    metadata: {},
  };
  const session = await nodeRuntime().load(writeModel(model));
  const places = counts && [inputs.shape[0], ...(counts.shape.slice(1) as number[])];
  const results = await session.run({
    ...{ x: inputs, labels },
    ...(places ? { mask: numbers('float32', places, mask) } : {}),
  });
  await session.release();
  return {
    value: (results.loss.data as Float32Array)[0],
    shape: results.loss.shape,
    gradient: Array.from(results['x.grad'].data as Float32Array),
  };
}

const numbers = (type: DataType, shape: readonly number[], values: readonly number[]): Tensor => ({
  type,
  shape,
  data: arrayFrom(type, values),
});

/** Largest absolute difference, relative to the largest reference element. */
const distance = (found: readonly number[], exact: readonly number[]): number =>
  Math.max(...exact.map((v, i) => Math.abs(found[i] - v))) / Math.max(...exact.map(Math.abs), 1e-12);

/**
 * Value and gradient in float32 against PyTorch's in float64: 2e-6 of the largest element, about a dozen units in the
 * last place. (The gradient subtracts a label from a softmax, both of size one, so smaller elements are not more
 * precise.)
 */
const TOLERANCE = 2e-6;

/** Losses whose labels are classes. */
const CLASSES: LossName[] = ['cross-entropy', 'supervised-contrastive', 'info-nce', 'triplet'];

describe('losses against PyTorch', () => {
  it('the fixture has cases of every loss', () => {
    expect(new Set(cases.map(({ loss }) => loss))).toEqual(new Set(Object.keys(LOSSES)));
  });

  it.each(cases.map((row) => [row.loss, JSON.stringify(row.options), `[${row.shape}]`, row] as const))(
    '%s %s %s',
    async (name, _, __, row) => {
      const isClass = (CLASSES.includes(name) || row.options.kind === 'softmax') && !row.options.targets;
      const type = isClass ? 'int64' : 'float32';
      const { value, shape, gradient } = await valueAndGradient(
        name,
        optionsOf(row),
        numbers('float32', row.shape, row.inputs),
        numbers(type, row.targetShape, labelsOf(row)),
        row.mask,
      );
      expect(shape).toEqual([]);
      expect(distance([value], [row.value])).toBeLessThan(TOLERANCE);
      expect(gradient.length).toBe(row.gradient.length);
      expect(distance(gradient, row.gradient)).toBeLessThan(TOLERANCE);
    },
  );
});

describe('labels', () => {
  it.each(Object.keys(LOSSES) as LossName[])('%s accepts the labels that the contract allows', (name) => {
    expect(LOSSES[name].labels({ name: 'y', type: 'float32', shape: ['batch', 7] }, {})).toEqual(
      CLASSES.includes(name) ? { type: 'int64', shape: ['batch'] } : { type: 'float32', shape: ['batch', 7] },
    );
  });
});

describe('labels by position', () => {
  it.each<[LossOptions, (number | string)[], (number | string)[]]>([
    [{}, ['batch', 5, 'height', 'width'], ['batch', 'height', 'width']],
    [{}, ['batch', 'tokens', 5], ['batch', 'tokens']],
    [{}, ['batch', 'height', 'width', 5], ['batch', 'height', 'width']],
    [{ axis: 1 }, ['batch', 5, 4, 3], ['batch', 4, 3]],
    [{ axis: -1 }, ['batch', 5, 4, 3], ['batch', 5, 4]],
    [{ axis: 2 }, ['batch', 5, 4, 3], ['batch', 5, 3]],
    [{ axis: 1 }, ['batch', 5, 1, 1], ['batch', 1, 1]],
    [{}, ['batch', 5, 1, 1], ['batch']],
  ])('with %j the labels of [%s] are [%s]', (options, shape, places) => {
    const output = { name: 'y', type: 'float32', shape } as const;
    expect(LOSSES['cross-entropy'].labels(output, options)).toEqual({ type: 'int64', shape: places });
    expect(LOSSES['cross-entropy'].mask!(output, options)).toEqual(places);
    expect(LOSSES.kl.labels(output, options)).toEqual({ type: 'float32', shape });
  });

  it.each([
    ['cross-entropy', {}],
    ['cross-entropy', { labelSmoothing: 0.1 }],
    ['cross-entropy', { classWeights: [1, 2, 3] }],
    ['focal', { kind: 'softmax' }],
  ] as const)('a label outside the classes makes %s with %j NaN', async (name, options) => {
    const x = numbers('float32', [2, 3], [1, 2, 3, 3, 2, 1]);
    for (const label of [3, -1, 255]) {
      const { value, gradient } = await valueAndGradient(name, options, x, numbers('int64', [2], [0, label]));
      expect(Number.isFinite(value)).toBe(false);
      expect(gradient.some(Number.isNaN)).toBe(true);
      const rest = numbers('int64', [2], [0, label]);
      const ignoring = await valueAndGradient(name, { ...options, ignoreLabel: label }, x, rest);
      const masking = await valueAndGradient(name, { ...options, mask: true }, x, rest, [1, 0]);
      expect(masking).toEqual(ignoring);
      expect(ignoring.value).toBeGreaterThan(0);
    }
  });

  it.each(['cross-entropy', 'focal'] as const)('%s is 0 without a gradient if no element counts', async (name) => {
    const x = numbers('float32', [2, 3], [1, 2, 3, 3, 2, 1]);
    const none = numbers('int64', [2], [-100, -100]);
    const { value, gradient } = await valueAndGradient(name, { kind: 'softmax' }, x, none);
    expect([value, ...gradient].every((number) => number === 0)).toBe(true);
  });
});

describe('losses of other outputs', () => {
  it.each(['mse', 'l1', 'huber', 'bce-with-logits', 'focal'] as const)('%s accepts images', async (name) => {
    const shape = [2, 3, 2, 2];
    const values = Array.from({ length: 24 }, (_, i) => Math.sin(i + 1));
    const labels = values.map((_, i) => i % 2);
    const whole = await valueAndGradient(
      name,
      {},
      numbers('float32', shape, values),
      numbers('float32', shape, labels),
    );
    const flat = await valueAndGradient(
      name,
      {},
      numbers('float32', [2, 12], values),
      numbers('float32', [2, 12], labels),
    );
    expect(whole.value).toBeCloseTo(flat.value, 6);
    expect(distance(whole.gradient, flat.gradient)).toBeLessThan(TOLERANCE);
  });

  it('cross-entropy reads [N, C, 1, 1] as [N, C]', async () => {
    const labels = numbers('int64', [2], [2, 0]);
    const scores = [0.1, -2, 3, 0.5, 0.2, 1];
    const maps = await valueAndGradient('cross-entropy', {}, numbers('float32', [2, 3, 1, 1], scores), labels);
    const rows = await valueAndGradient('cross-entropy', {}, numbers('float32', [2, 3], scores), labels);
    expect(maps).toEqual(rows);
  });

  it.each([0, 0.5, 1, 2])('focal stays finite if sigmoids are 0 and 1, gamma %s', async (gamma) => {
    const x = numbers('float32', [1, 4], [-200, 200, 200, -200]);
    const { value, gradient } = await valueAndGradient('focal', { gamma }, x, numbers('float32', [1, 4], [0, 1, 0, 1]));
    expect(value).toBeCloseTo((0.75 * 200 + 0.25 * 200) / 4, 3);
    expect(distance(gradient, [0, 0, 0.75 / 4, -0.25 / 4])).toBeLessThan(TOLERANCE);
  });

  it('kl is zero if student and teacher agree, even for a certain teacher', async () => {
    const scores = [40, -80, 0, 1, 1, -90];
    const teacher = [1, 0, 0, 0.5, 0.5, 0];
    const result = await valueAndGradient(
      'kl',
      {},
      numbers('float32', [2, 3], scores),
      numbers('float32', [2, 3], teacher),
    );
    expect(result.value).toBeCloseTo(0, 6);
    for (const g of result.gradient) expect(g).toBeCloseTo(0, 6);
  });

  it.each<[LossName, LossOptions, number[], RegExp]>([
    ['cross-entropy', {}, [2, 3, 2, 2], /from axis 1 or from the last one.*\[batch, 3, 2, 2\]/],
    ['kl', {}, [2, 3, 4], /from axis 1 or from the last one/],
    ['focal', { kind: 'softmax' }, [2, 3, 4], /from axis 1 or from the last one/],
    ['cross-entropy', { axis: 3 }, [2, 3, 4], /from axis 3/],
    ['cross-entropy', { axis: -3 }, [2, 3, 4], /from axis -3/],
    ['cross-entropy', {}, [2], /a score for each class/],
    ['cross-entropy', {}, [2, 1], /only one: the output "x" is \[batch, 1\]/],
    ['cross-entropy', { axis: 1 }, [2, 1, 4], /only one/],
    ['cross-entropy', { softLabels: true }, [2, 1], /only one/],
    ['kl', {}, [2, 1], /only one/],
    ['cross-entropy', { softLabels: true, ignoreLabel: 0 }, [2, 3], /ignoreLabel.*softLabels does not take it/],
    ['focal', { classWeights: [1, 2, 3] }, [2, 3], /classWeights.*sigmoid does not take it/],
    ['focal', { kind: 'softmax', alpha: 0.5 }, [2, 3], /alpha.*softmax does not take it/],
    ['cross-entropy', { axis: 1, classWeights: [1, 2] }, [2, 3, 2], /weights for 2 classes.* has 3/],
    ['triplet', {}, [2, 3, 4], /one vector a sample/],
    ['cross-entropy', { classWeights: [1, 2] }, [2, 3], /weights for 2 classes.* has 3/],
    ['bce-with-logits', { positiveWeights: [1, 2, 3, 4] }, [2, 3], /weights for 4 classes/],
  ])('%s with %j refuses [%s]', (name, options, shape, message) => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', ['batch', ...shape.slice(1)]);
    const build = () => {
      const { type, shape: labels } = LOSSES[name].labels(x, options);
      LOSSES[name].build(b, x, b.input('labels', type, labels), options);
    };
    expect(build).toThrow(ThawError);
    expect(build).toThrow(message);
  });
});
