/** Compares the default plan with the plans of the grid, from the results of runs. */
import { mean } from '../bench/statistics.ts';
import { DEFAULT_PLAN, PLAN_SETS } from './plans.ts';
import type { RunResult } from './results.ts';

/** A plan on a task, or a choice among plans: one value per seed. */
export interface Measured {
  readonly plan: string;
  readonly val: readonly number[];
  readonly test: readonly number[];
  readonly processorSeconds: readonly number[];
}

export interface Comparison {
  readonly task: string;
  readonly model: string;
  readonly seeds: readonly number[];
  readonly usual: Measured;
  /** The best plan of the grid by its mean validation accuracy. Undefined without a complete plan of the grid. */
  readonly byValidation?: Measured;
  /** For each seed, the plan that is the best on its own validation half. */
  readonly bySeed?: Measured;
  /** The best plan by its mean test accuracy: an optimistic bound. */
  readonly byTest?: Measured;
  /** Number of complete plans of the grid. */
  readonly plans: number;
  /** Plans that are not Thaw's. */
  readonly others: readonly Measured[];
}

/** One comparison for each task and model with the default plan. Plans count if they have all seeds that the default plan has. */
export function compare(results: readonly RunResult[]): Comparison[] {
  const groups = groupBy(results, ({ task, model }) => `${task} ${model}`);
  return [...groups.values()].flatMap((own) => {
    const [{ task, model }] = own;
    const runs = groupBy(own, ({ plan }) => plan);
    const seeds = [...new Set((runs.get(DEFAULT_PLAN) ?? []).map(({ seed }) => seed))].sort((a, b) => a - b);
    if (!seeds.length) return [];
    const measured = [...runs].flatMap(([plan, all]) => {
      const bySeed = seeds.map((seed) => all.find((run) => run.seed === seed)).filter((run) => run !== undefined);
      return bySeed.length === seeds.length ? [measuredOf(plan, bySeed)] : [];
    });
    const grid = measured.filter(({ plan }) => PLAN_SETS.grid.includes(plan));
    return {
      task,
      model,
      seeds,
      usual: measured.find(({ plan }) => plan === DEFAULT_PLAN)!,
      byValidation: best(grid, ({ val }) => mean(val)),
      bySeed: grid.length ? chosenBySeed(grid, seeds.length) : undefined,
      byTest: best(grid, ({ test }) => mean(test)),
      plans: grid.length,
      others: measured.filter(({ plan }) => plan !== DEFAULT_PLAN && !PLAN_SETS.grid.includes(plan)),
    };
  });
}

export function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}

const measuredOf = (plan: string, runs: readonly RunResult[]): Measured => ({
  plan,
  val: runs.map(({ val }) => val),
  test: runs.map(({ test }) => test),
  processorSeconds: runs.map(({ processorSeconds }) => processorSeconds),
});

/** The greatest; the first of equals. */
const best = (plans: readonly Measured[], by: (plan: Measured) => number): Measured | undefined =>
  plans.length ? plans.reduce((a, b) => (by(b) > by(a) ? b : a)) : undefined;

function chosenBySeed(plans: readonly Measured[], seeds: number): Measured {
  const chosen = Array.from({ length: seeds }, (_, i) => best(plans, ({ val }) => val[i])!);
  return {
    plan: 'of each seed',
    val: chosen.map(({ val }, i) => val[i]),
    test: chosen.map(({ test }, i) => test[i]),
    processorSeconds: chosen.map(({ processorSeconds }, i) => processorSeconds[i]),
  };
}
