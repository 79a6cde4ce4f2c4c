import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  parseConfig,
  SCHEDULE_NAMES,
  type ScheduleInput,
  scheduledMomentum,
  scheduleFactor,
  scheduleSchema,
} from '../../src/training/index.ts';

interface Case {
  readonly schedule: string;
  readonly torch: string;
  readonly options: Readonly<Record<string, number>>;
  readonly rates: readonly number[];
  readonly metrics?: readonly number[];
}

const fixture = (name: string) =>
  JSON.parse(readFileSync(new URL(`../fixtures/${name}.json`, import.meta.url), 'utf8'));
const { base, cases }: { base: number; cases: Case[] } = fixture('schedules');
const STEPS = 50;
const metric = { key: 'accuracy', better: 'higher' } as const;

const read = (input: ScheduleInput) => parseConfig(scheduleSchema, input);

interface Setting {
  readonly options: ScheduleInput;
  readonly steps?: number;
  readonly stepsPerEpoch?: number;
}

/** Our options for those of a reference. An epoch has one step unless given. */
function settingOf({ schedule, torch, options: o }: Case): Setting {
  const start = o.start_factor;
  switch (torch) {
    case 'LambdaLR':
      return { options: { name: 'constant', warmup: 0 } };
    case 'LinearLR':
      return { options: { name: 'linear', warmup: 0, end: o.end_factor }, steps: o.total_iters };
    case 'CosineAnnealingLR':
      return { options: { name: 'cosine', warmup: 0, end: o.eta_min / base }, steps: o.T_max };
    case 'CosineAnnealingWarmRestarts':
      return {
        options: { name: 'cosine-restarts', warmup: 0, end: o.eta_min / base, every: o.T_0 / 2, stretch: o.T_mult },
        stepsPerEpoch: 2,
      };
    case 'StepLR':
      return {
        options: { name: 'step', warmup: 0, gamma: o.gamma, every: o.step_size / 3 },
        stepsPerEpoch: 3,
      };
    case 'MultiStepLR':
      return {
        options: {
          name: 'multi-step',
          warmup: 0,
          gamma: o.gamma,
          at: (o.milestones as unknown as number[]).map((milestone) => milestone / 5),
        },
        stepsPerEpoch: 5,
      };
    case 'ExponentialLR':
      return { options: { name: 'exponential', warmup: 0, gamma: o.gamma ** 4 }, stepsPerEpoch: 4 };
    case 'PolynomialLR':
      return { options: { name: 'polynomial', warmup: 0, power: o.power }, steps: o.total_iters };
    case 'OneCycleLR': {
      if (schedule === 'warm-up')
        return {
          options: {
            name: 'constant',
            warmup: o.steps / STEPS,
            warmupShape: 'cosine',
            warmupStart: 1 / o.div_factor,
          },
        };
      const anneal = (o.anneal_strategy as unknown) === 'cos' ? 'cosine' : 'linear';
      const [div, finalDiv] = [o.div_factor, o.final_div_factor];
      return { options: { name: 'one-cycle', rise: o.pct_start, div, finalDiv, anneal } };
    }
    case 'ReduceLROnPlateau': {
      const watch = (o.mode as unknown) === 'min' ? 'loss' : 'metric';
      const { factor, patience, threshold, cooldown, min_lr } = o;
      return {
        options: {
          name: 'reduce-on-plateau',
          warmup: 0,
          watch,
          factor,
          patience,
          threshold,
          cooldown,
          end: min_lr / base,
        },
      };
    }
    // The warm-up in Transformers rises from 0, which wastes a step. The steps after the warm-up are compared.
    case 'get_polynomial_decay_schedule_with_warmup':
      return { options: { name: 'polynomial', warmup: o.warmup / STEPS, power: o.power, end: o.end / base } };
    case 'get_inverse_sqrt_schedule':
      return { options: { name: 'inverse-sqrt', warmup: o.warmup / STEPS, timescale: o.timescale } };
    case 'LinearLR, constant':
      return { options: { name: 'constant', warmup: o.steps / STEPS, warmupStart: start } };
    case 'LinearLR, CosineAnnealingLR':
      return { options: { name: 'cosine', warmup: o.steps / STEPS, warmupStart: start } };
    case 'LinearLR, LinearLR':
      return { options: { name: 'linear', warmup: o.steps / STEPS, warmupStart: start } };
    default:
      throw new Error(`no setting stands for ${torch}`);
  }
}

/** Steps to skip, because a setting cannot match the reference there. */
const left = ({ torch, options }: Case) => (torch.startsWith('get_') ? options.warmup : 0);
/** One cycle as a warm-up is compared while it rises. */
const right = ({ schedule, torch, options }: Case) =>
  schedule === 'warm-up' && torch === 'OneCycleLR' ? options.steps : STEPS;

describe('schedules against torch.optim.lr_scheduler and transformers', () => {
  it('the fixture has every schedule except fastai’s', () => {
    const names = new Set(cases.map(({ schedule, torch }) => (torch === 'MultiStepLR' ? 'multi-step' : schedule)));
    names.delete('warm-up');
    expect([...names].sort()).toEqual(SCHEDULE_NAMES.filter((name) => name !== 'fit-one-cycle').sort());
  });

  it.each(cases.map((row) => [row.schedule, row.torch, JSON.stringify(row.options), row] as const))(
    '%s: %s %s',
    (_, __, ___, row) => {
      const { options, steps = STEPS, stepsPerEpoch = 1 } = settingOf(row);
      const parsed = read(options);
      const scores = row.metrics?.map((value) => ({ loss: value, accuracy: value })) ?? [];
      for (let step = left(row); step < right(row); step++) {
        const rate = base * scheduleFactor(parsed, { step, steps, stepsPerEpoch, val: scores.slice(0, step), metric });
        expect(rate, `step ${step}`).toBeCloseTo(row.rates[step], 11);
      }
    },
  );
});

describe('fit-one-cycle against fastai', () => {
  interface FineTune {
    readonly epochs: number;
    readonly stepsPerEpoch: number;
    readonly options: { readonly base_lr?: number };
    readonly rates: readonly (readonly number[])[];
    readonly momenta: readonly number[];
  }
  const { fineTune }: { fineTune: FineTune[] } = fixture('fastai');

  it.each(fineTune.map((run) => [run.epochs, run] as const))('fine_tune(%i)', (epochs, run) => {
    const lr = run.options.base_lr ?? 2e-3;
    const { stepsPerEpoch } = run;
    const stage = (options: ScheduleInput, rate: number, steps: number) =>
      Array.from({ length: steps }, (_, step) => {
        const moment = { step, steps, stepsPerEpoch, val: [], metric };
        return {
          lr: rate * scheduleFactor(read(options), moment),
          momentum: scheduledMomentum(read(options), moment)!,
        };
      });
    const steps = [
      ...stage({ name: 'fit-one-cycle', rise: 0.99 }, lr, stepsPerEpoch),
      ...stage({ name: 'fit-one-cycle', rise: 0.3, div: 5 }, lr / 2, epochs * stepsPerEpoch),
    ];
    expect(steps.length).toBe(run.rates.length);
    // fastai computes its position in single precision.
    for (const [i, { lr, momentum }] of steps.entries()) {
      expect(lr / run.rates[i].at(-1)!, `step ${i}`).toBeCloseTo(1, 5);
      expect(momentum, `step ${i}`).toBeCloseTo(run.momenta[i], 6);
    }
  });
});

describe('a schedule', () => {
  const factors = (input: ScheduleInput, steps: number, stepsPerEpoch = 1) =>
    Array.from({ length: steps }, (_, step) =>
      scheduleFactor(read(input), { step, steps, stepsPerEpoch, val: [], metric }),
    );

  it('wastes no warm-up step at rate zero and never exceeds the base rate', () => {
    for (const warmupShape of ['linear', 'cosine'] as const) {
      const rising = factors({ name: 'constant', warmup: 0.25, warmupShape }, 20);
      expect(rising[0]).toBeCloseTo(1 / 6, 12);
      expect(rising.slice(5)).toEqual(Array(15).fill(1));
      expect(rising.every((f, i) => f > 0 && (i === 0 || f >= rising[i - 1]))).toBe(true);
    }
    const linear = factors({ name: 'constant', warmup: 0.25 }, 20).slice(0, 6);
    for (const [i, f] of linear.entries()) expect(f).toBeCloseTo((i + 1) / 6, 12);
  });

  it('has a rate in a stage of one step, or of a few', () => {
    for (const name of SCHEDULE_NAMES) {
      for (const steps of [1, 2, 3]) {
        for (const f of factors(name === 'multi-step' ? { name, at: [1] } : name, steps)) {
          expect(f, `${name}, ${steps}`).toBeGreaterThan(0);
          expect(f).toBeLessThanOrEqual(1);
        }
      }
    }
  });

  it('refuses unknown options, and suggests one', () => {
    expect(() => read('cosin' as 'cosine')).toThrow(/schedule.*Did you mean cosine\?/);
    expect(() => read({ name: 'one-cycle', warmup: 0.1 } as ScheduleInput)).toThrow(/warmup/);
    expect(() => read('multi-step' as 'cosine')).toThrow(/at/);
  });
});
