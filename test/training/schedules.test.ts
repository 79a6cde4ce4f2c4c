import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type ScheduleOptions, scheduleFactor } from '../../src/training/index.ts';

interface Case {
  readonly schedule: string;
  readonly torch: string;
  readonly options: Readonly<Record<string, number>>;
  readonly rates: readonly number[];
}

const { base, cases }: { base: number; cases: Case[] } = JSON.parse(
  readFileSync(new URL('../fixtures/schedules.json', import.meta.url), 'utf8'),
);
const STEPS = 50;
const DEFAULTS: ScheduleOptions = { name: 'constant', warmup: 0, end: 0, gamma: 0.1, every: 1 };

/** What our options are for PyTorch's; undefined for schedules that we do not have. */
function settings({
  schedule,
  torch,
  options,
}: Case): { options: ScheduleOptions; total: number; epoch: number } | undefined {
  const of = (own: Partial<ScheduleOptions>, total = STEPS, epoch = 1) => ({
    options: { ...DEFAULTS, ...own },
    total,
    epoch,
  });
  if (schedule === 'constant') return of({});
  if (schedule === 'linear') return of({ name: 'linear', end: options.end_factor }, options.total_iters);
  if (schedule === 'cosine') return of({ name: 'cosine', end: options.eta_min / base }, options.T_max);
  if (torch === 'StepLR') return of({ name: 'step', gamma: options.gamma, every: 3 }, STEPS, options.step_size / 3);
  return undefined;
}

describe('schedules against torch.optim.lr_scheduler', () => {
  const rows = cases.filter((row) => settings(row));

  it('the fixture has all four', () => {
    expect(new Set(rows.map(({ schedule }) => schedule))).toEqual(new Set(['constant', 'linear', 'cosine', 'step']));
  });

  it.each(rows.map((row) => [row.torch, JSON.stringify(row.options), row] as const))('%s %s', (_, __, row) => {
    const { options, total, epoch } = settings(row)!;
    const rates = row.rates.map((_, t) => base * scheduleFactor(options, t, total, epoch));
    for (const [t, rate] of rates.entries()) expect(rate, `step ${t}`).toBeCloseTo(row.rates[t], 10);
  });

  // LinearLR rises from s at step 0 to 1 at step W; our s is 1/(W + 1), so its steps are (t + 1)/(W + 1).
  it.each(cases.filter(({ schedule }) => schedule === 'warm-up').map((row) => [row.torch, row] as const))(
    'after the warm-up comes the schedule from its start: %s',
    (torch, row) => {
      const warm = row.options.steps;
      const name = torch.includes('Cosine') ? 'cosine' : torch === 'LinearLR, LinearLR' ? 'linear' : 'constant';
      const options = { ...DEFAULTS, name, warmup: warm / STEPS } as const;
      for (let t = warm; t < STEPS; t++)
        expect(base * scheduleFactor(options, t, STEPS, 1), `step ${t}`).toBeCloseTo(row.rates[t], 10);
      for (let t = 0; t < warm; t++) {
        const start = 1 / (warm + 1);
        expect(scheduleFactor(options, t, STEPS, 1)).toBeCloseTo(start + ((1 - start) * t) / warm, 12);
      }
    },
  );

  it('no step of a warm-up is lost at rate zero or exceeds the base', () => {
    const factors = Array.from({ length: 20 }, (_, t) => scheduleFactor({ ...DEFAULTS, warmup: 0.25 }, t, 20, 1));
    expect(factors.slice(0, 6)).toEqual([1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1]);
    expect(factors.every((f) => f > 0 && f <= 1)).toBe(true);
  });

  it.each([0, 0.1, 1])('a stage of a single step has a rate, warm-up %s', (warmup) => {
    for (const name of ['constant', 'linear', 'cosine', 'step'] as const) {
      const factor = scheduleFactor({ ...DEFAULTS, name, warmup }, 0, 1, 1);
      expect(factor).toBeGreaterThan(0);
      expect(factor).toBeLessThanOrEqual(1);
    }
  });
});
