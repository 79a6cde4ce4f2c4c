import { describe, expect, it } from 'vitest';
import { networkOf, prepareModel } from '../../src/session/index.ts';
import { parseConfig, type TrainingConfigInput, trainingPlan, trainingSchema } from '../../src/training/index.ts';
import { expectSteps, fixture, penaltyModel as model, runtime, stepped } from '../compiler/step/penalty-network.ts';

async function planned(distill: TrainingConfigInput['distill'], train = 'all') {
  const input: TrainingConfigInput = { distill, pretrainedRate: 1, optimizer: { name: 'sgd', momentum: 0 } };
  const config = parseConfig(trainingSchema, input);
  const { network, anatomy } = await networkOf(model, runtime, { distill: config.distill });
  return { network, plan: trainingPlan(config, { train, epochs: 1 }, anatomy, 'logits') };
}

describe('distillation from the pretrained model, against PyTorch in double precision', () => {
  it.each(fixture.distilled)('matches for $distill.of', async ({ distill, ...steps }) => {
    const { network, plan } = await planned(distill);
    await expectSteps(network, plan, steps);
  });

  it('of features changes nothing if the layers before them are frozen', async () => {
    const losses = await Promise.all(
      [undefined, 5].map(async (weight) => {
        const { network, plan } = await planned(weight, 'head');
        return (await stepped(network, plan)).loss;
      }),
    );
    expect(losses[0]).toBe(losses[1]);
  });

  it('of scores is refused if the head is new, or if the weight exceeds 1', async () => {
    await expect(prepareModel(model, runtime, { classes: 4, distill: { of: 'scores' } })).rejects.toThrow(
      /other classes/,
    );
    await expect(planned({ of: 'scores', weight: 2 })).rejects.toThrow(/weight from 0 to 1/);
  });
});
