import type { DropoutPlan } from '../compiler/step/index.ts';
import { selectPlaces } from '../compiler/surgery/index.ts';
import { ThawError } from '../errors.ts';
import type { TrainingConfig } from './config.ts';
import type { PlanAnatomy } from './plan.ts';

/** All dropout of a training: of elements before the head, elsewhere and before adapters, and of whole residual branches. */
export function dropoutPlans(
  config: Pick<TrainingConfig, 'dropout' | 'stochasticDepth' | 'lora'>,
  anatomy: PlanAnatomy,
): readonly DropoutPlan[] | undefined {
  const all = [...dropoutsOf(config, anatomy), ...branchDropouts(config, anatomy), ...adapterDropouts(config, anatomy)];
  return all.length ? all : undefined;
}

/** One plan for each value: if several settings name a value, the first one counts. */
function dropoutsOf(
  { dropout }: Pick<TrainingConfig, 'dropout'>,
  { head, groups, places = [] }: PlanAnatomy,
): DropoutPlan[] {
  const plans = new Map<string, DropoutPlan>();
  for (const [name, rate] of Object.entries(typeof dropout === 'number' ? { head: dropout } : dropout)) {
    const named =
      name === 'head' ? (head ? [{ value: head.input, readers: head.nodes }] : []) : selectPlaces(name, places, groups);
    for (const { value, readers } of rate > 0 ? named : []) {
      if (!plans.has(value)) plans.set(value, { value, into: new Set(readers), rate });
    }
  }
  return [...plans.values()];
}

/** Stochastic depth (Huang et al., 2016): branch l of L is dropped for a sample with probability l/L times the last one's. */
function branchDropouts(
  { stochasticDepth: last }: Pick<TrainingConfig, 'stochasticDepth'>,
  { residuals = [] }: PlanAnatomy,
): DropoutPlan[] {
  if (!last) return [];
  if (!residuals.length) {
    throw new ThawError(
      'bad-config',
      'stochasticDepth: the model has no residual branches',
      'Leave it out, or use dropout',
    );
  }
  return residuals.map(({ node, branch }, i) => ({
    value: branch,
    into: new Set([node]),
    rate: (last * (i + 1)) / residuals.length,
    whole: true,
  }));
}

/** One draw for all adapters that read the same value. */
function adapterDropouts({ lora }: Pick<TrainingConfig, 'lora'>, { adapters = [] }: PlanAnatomy): DropoutPlan[] {
  if (!lora?.dropout) return [];
  const reads = new Map<string, Set<string>>();
  for (const { value, into } of adapters.flatMap((adapter) => adapter.reads)) {
    reads.set(value, (reads.get(value) ?? new Set()).add(into));
  }
  return [...reads].map(([value, into]) => ({ value, into, rate: lora.dropout }));
}
