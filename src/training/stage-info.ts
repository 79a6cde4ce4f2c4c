import type { TrainingPlan } from '../artifacts/index.ts';
import type { Inference } from '../shapes/index.ts';
import type { StageInfo } from './events.ts';
import type { Anatomy } from './plan.ts';

/** What a stage's plan comes to on a model: which layers, and how much of it trains. @param earlier plans of the stages before it */
export function layersOf(
  { model }: Inference,
  { groups }: Pick<Anatomy, 'groups'>,
  { trainable }: TrainingPlan,
  earlier: readonly TrainingPlan[],
): Pick<StageInfo, 'groups' | 'thawed' | 'trainable' | 'frozen'> {
  const { initializers } = model.graph;
  const size = (names: Iterable<string>) =>
    [...names].reduce((all, name) => all + initializers.get(name)!.data.length, 0);
  const having = (wanted: (name: string) => boolean) =>
    groups.filter(({ parameters }) => parameters.some(wanted)).map(({ name }) => name);
  const all = groups.flatMap((group) => group.parameters);
  return {
    groups: having((name) => trainable.has(name)),
    thawed: having((name) => trainable.has(name) && !earlier.some((before) => before.trainable.has(name))),
    trainable: size(trainable),
    frozen: size(all) - size(trainable),
  };
}
