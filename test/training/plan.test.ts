import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Head, LayerGroup } from '../../src/compiler/surgery/index.ts';
import { ThawError } from '../../src/errors.ts';
import {
  type Anatomy,
  parseConfig,
  planStages,
  scheduleFactor,
  type TrainingConfigInput,
  trainingPlan,
  trainingSchema,
} from '../../src/training/index.ts';

const groups: LayerGroup[] = Array.from({ length: 5 }, (_, i) => ({
  name: i === 4 ? 'fc' : `layer${i}`,
  parameters: i === 4 ? ['fc.weight', 'fc.bias'] : [`layer${i}.weight`],
  statistics: [],
  count: 10,
  nodes: [i, i],
  input: `x${i}`,
}));
const head: Head = {
  kind: 'gemm',
  nodes: ['/fc/Gemm'],
  weight: 'fc.weight',
  bias: 'fc.bias',
  classesFirst: true,
  features: 4,
  classes: 2,
  input: 'x4',
  output: 'logits',
  tail: [],
  graphOutput: 'logits',
};
const anatomy: Anatomy = { groups, head };

const config = (input: TrainingConfigInput) => parseConfig(trainingSchema, input);
const stagesOf = (input: TrainingConfigInput, of = anatomy) =>
  planStages(config(input), of).map(({ train, epochs }) => [String(train), epochs]);

describe('stages', () => {
  it.each<[TrainingConfigInput, [string, number][]]>([
    [{ preset: 'head-only' }, [['head', 10]]],
    [{ preset: 'full', epochs: 4 }, [['all', 4]]],
    [{ trainable: 'last:2', epochs: 7 }, [['last:2', 7]]],
    [{ trainable: ['head', '/bias$/'], epochs: 1 }, [['head,/bias$/', 1]]],
    [
      {},
      [
        ['head', 3],
        ['last:3', 3],
        ['all', 4],
      ],
    ],
    [
      { epochs: 8 },
      [
        ['head', 2],
        ['last:3', 3],
        ['all', 3],
      ],
    ],
    [
      { epochs: 2 },
      [
        ['head', 1],
        ['last:3', 1],
      ],
    ],
    [{ epochs: 1 }, [['head', 1]]],
    [
      { thawBy: 2, epochs: 6 },
      [
        ['head', 2],
        ['last:3', 2],
        ['last:5', 2],
      ],
    ],
    [
      { thawBy: 1, thawMost: 3, epochs: 3 },
      [
        ['head', 1],
        ['last:2', 1],
        ['last:3', 1],
      ],
    ],
    [
      { thaw: ['head', ['layer3', 'layer2'], 'layer0.*'], epochs: 4 },
      [
        ['head', 1],
        ['head,layer3,layer2', 1],
        ['head,layer3,layer2,layer0.*', 2],
      ],
    ],
    [
      { preset: 'fastai', epochs: 5 },
      [
        ['head', 1],
        ['all', 4],
      ],
    ],
    [{ preset: 'fastai', epochs: 1 }, [['head', 1]]],
    [
      { preset: 'lp-ft' },
      [
        ['head', 5],
        ['all', 5],
      ],
    ],
    [{ preset: 'lp-ft', epochs: 1 }, [['head', 1]]],
    [{ stages: [{ train: 'layer1', epochs: 2 }], preset: 'full' }, [['layer1', 2]]],
  ])('%j', (input, expected) => {
    expect(stagesOf(input)).toEqual(expected);
  });

  const blocked: Anatomy = {
    ...anatomy,
    obstacles: [{ operator: 'Det', node: 'volume', why: 'there is no rule for Det', parameters: ['layer2.weight'] }],
  };

  it.each<[TrainingConfigInput, string[]]>([
    [{}, ['head', 'last:2']],
    [{ epochs: 8 }, ['head', 'last:2']],
    [{ thawBy: 2 }, ['head', 'last:2']],
    [{ preset: 'fastai' }, ['head', 'last:2']],
    [{ preset: 'lp-ft' }, ['head', 'last:2']],
    [{ preset: 'full' }, ['all']],
    [{ trainable: 'last:4' }, ['last:4']],
  ])('thaw gradually as far as gradients reach, or as configured: %j', (input, expected) => {
    expect(stagesOf(input, blocked).map(([train]) => train)).toEqual(expected);
  });

  it('are refused if an operator blocks their gradients, and the error lists what can train', () => {
    const parsed = config({});
    const plan = (train: string) => trainingPlan(parsed, { train, epochs: 1 }, blocked, 'logits');
    expect(() => plan('last:3')).toThrow(
      expect.objectContaining({
        code: 'unsupported-operator',
        line: expect.stringMatching(/Det node "volume" .* cuts off layer2 \(1 of 4 .*--trainable last:2$/),
      }),
    );
    expect([...plan('last:2').trainable]).toEqual(['layer3.weight', 'fc.weight', 'fc.bias']);
    // The obstacle does not affect a layer after it.
    expect([...plan('layer1').trainable]).toEqual(['layer1.weight']);
  });
});

describe('presets', () => {
  interface FineTune {
    readonly groups: number;
    readonly epochs: number;
    readonly stepsPerEpoch: number;
    readonly options: { readonly base_lr?: number; readonly lr_mult?: number };
    readonly rates: readonly (readonly number[])[];
  }
  const { fineTune }: { fineTune: FineTune[] } = JSON.parse(
    readFileSync(new URL('../fixtures/fastai.json', import.meta.url), 'utf8'),
  );

  it.each(fineTune.filter(({ options }) => options.lr_mult === undefined))('fastai equals its fine_tune', (run) => {
    const few: Anatomy = { groups: groups.slice(-run.groups), head };
    const parsed = config({ preset: 'fastai', epochs: run.epochs + 1, lr: run.options.base_lr });
    const { stepsPerEpoch } = run;
    const rates = planStages(parsed, few).flatMap((stage) => {
      const { learningRateScales } = trainingPlan(parsed, stage, few, 'logits');
      const steps = stage.epochs * stepsPerEpoch;
      const metric = { key: 'accuracy', better: 'higher' } as const;
      return Array.from({ length: steps }, (_, step) => {
        const rate = stage.lr! * scheduleFactor(stage.schedule!, { step, steps, stepsPerEpoch, val: [], metric });
        return few.groups.map(({ parameters }) => rate * learningRateScales.get(parameters[0])!);
      });
    });
    expect(rates.length).toBe(run.rates.length);
    for (const [step, ofGroups] of rates.entries()) {
      // While the other layers are frozen, only the rate of the head matters.
      const from = step < stepsPerEpoch ? run.groups - 1 : 0;
      for (let i = from; i < run.groups; i++)
        expect(ofGroups[i] / run.rates[step][i], `step ${step}, group ${i}`).toBeCloseTo(1, 5);
    }
  });

  it('lp-ft trains everything, including the head, at a small rate after training the head alone', () => {
    const [probe, tune] = planStages(config({ preset: 'lp-ft', lr: 0.01, pretrainedRate: 0.2 }), anatomy);
    expect(probe.lr).toBeUndefined();
    expect(tune).toMatchObject({ train: 'all', pretrainedRate: 1 });
    expect(tune.lr).toBeCloseTo(0.0006, 12);
  });
});

describe('the plan of a stage', () => {
  const planOf = (input: TrainingConfigInput, thawedAt = {}, step = 0) => {
    const parsed = config(input);
    return trainingPlan(parsed, planStages(parsed, anatomy)[0], anatomy, 'logits', {
      thawedAt,
      step,
      updatesPerEpoch: 4,
    });
  };

  it('trains the head at the full rate, the rest at a tenth, and multiplies the factor of each group', () => {
    const { learningRateScales } = planOf({
      preset: 'full',
      groupRates: { layer0: 0.5, '/^layer[01]/': 0.5, head: 2 },
    });
    expect(Object.fromEntries(learningRateScales)).toEqual({
      'layer0.weight': expect.closeTo(0.025, 12),
      'layer1.weight': expect.closeTo(0.05, 12),
      'layer2.weight': 0.1,
      'layer3.weight': 0.1,
      'fc.weight': 2,
      'fc.bias': 2,
    });
  });

  // timm's param_groups_layer_decay: decay ** (layers - 1 - layer), and 1 for the head
  it('decays rates layer by layer from the head', () => {
    const rates = (input: TrainingConfigInput) => [...planOf(input).learningRateScales.values()];
    const expected = [0.75 ** 4, 0.75 ** 3, 0.75 ** 2, 0.75, 1, 1];
    expect(rates({ preset: 'full', pretrainedRate: 1, layerDecay: 0.75 })).toEqual(expected);
    const stage = { train: 'all', epochs: 1, pretrainedRate: 1, layerDecay: 0.75, groupRates: { head: 2 } };
    expect(rates({ stages: [stage], layerDecay: 0.5, groupRates: { all: 9 } })).toEqual([
      ...expected.slice(0, 4),
      2,
      2,
    ]);
  });

  it('can have its own rate for pretrained layers, and its own batch norm', () => {
    const plan = planOf({ stages: [{ train: 'all', epochs: 1, pretrainedRate: 1, batchNorm: 'training' }] });
    expect(plan.learningRateScales.get('layer0.weight')).toBe(1);
    expect(plan.batchNorm).toBe('training');
    expect(planOf({}).batchNorm).toBe('frozen');
  });

  it('counts the updates of each parameter from its first', () => {
    const { stepOffsets } = planOf({ trainable: 'last:2' }, { 'fc.weight': 0, 'fc.bias': 0 }, 12);
    expect(Object.fromEntries(stepOffsets)).toEqual({ 'layer3.weight': 12, 'fc.weight': 0, 'fc.bias': 0 });
  });

  it('measures the warm-up of thawed parameters in updates', () => {
    expect(planOf({ thawWarmup: 1.5 }).thawWarmup).toBe(6);
    expect(planOf({}).thawWarmup).toBe(0);
  });

  it('has dropout before the head on request', () => {
    expect(planOf({ dropout: 0.2 }).dropout).toEqual([{ value: 'x4', into: new Set(['/fc/Gemm']), rate: 0.2 }]);
    expect(planOf({}).dropout).toBeUndefined();
  });

  it('uses the given options of loss and optimizer', () => {
    const plan = planOf({ loss: { name: 'huber', delta: 2 }, optimizer: { name: 'sgd', nesterov: true }, l2: 0.1 });
    expect([plan.loss, plan.lossOptions]).toEqual(['huber', { delta: 2 }]);
    expect([plan.optimizer, plan.optimizerOptions]).toEqual(['sgd', { nesterov: true }]);
    expect(plan.l2).toBe(0.1);
  });

  it('is refused if it selects nothing', () => {
    expect(() => planOf({ trainable: 'layer9.*' })).toThrow(ThawError);
  });
});

describe('the configuration', () => {
  it.each<[object, RegExp]>([
    [{ learningRate: 1 }, /learningRate/],
    [{ lr: 0 }, /setting lr/],
    [{ lr: 'fast' }, /setting lr/],
    [{ batch: 1.5 }, /setting batch/],
    [{ stages: [] }, /setting stages/],
    [{ stages: [{ train: 'head' }] }, /setting stages\.0\.epochs/],
    [{ stages: [{ train: 'head', epochs: 1, rate: 2 }] }, /rate/],
    [{ schedule: 'cosin' }, /setting schedule\.name/],
    [{ optimizer: 'adadelta' }, /setting optimizer\.name/],
    [
      { optimizer: { name: 'adam', momentum: 0.5 } },
      /setting optimizer\.momentum: adam takes beta1, beta2, epsilon, weightDecay/,
    ],
    [{ accumulate: 0 }, /setting accumulate/],
    [{ loss: { name: 'focal', alpha: 2 } }, /setting loss\.alpha/],
    [{ dropout: 1 }, /setting dropout/],
    [{ target: -1 }, /setting target/],
    [{ seed: -1 }, /setting seed/],
  ])('is refused for %j, with the setting’s name', (input, message) => {
    const parse = () => parseConfig(trainingSchema, input);
    expect(parse).toThrow(ThawError);
    expect(parse).toThrow(message);
  });

  it('accepts names for schedules, optimizers and losses', () => {
    const parsed = config({ schedule: 'step', optimizer: 'sgd', loss: 'mse' });
    expect(parsed.schedule).toMatchObject({ name: 'step', warmup: 0.1, gamma: 0.1, every: 2 });
    expect(parsed.optimizer).toEqual({ name: 'sgd' });
    expect(parsed.loss).toEqual({ name: 'mse' });
  });
});
