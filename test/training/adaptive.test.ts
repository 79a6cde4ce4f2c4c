import { describe, expect, it } from 'vitest';
import { bytesOf } from '../../src/onnx/index.ts';
import type { Metric } from '../../src/tasks/index.ts';
import { type PlanFacts, revisedPlan } from '../../src/training/adaptive/index.ts';
import {
  type Anatomy,
  type Checkpoint,
  type Progress,
  parseConfig,
  planStages,
  START,
  type TrainingConfigInput,
  type TrainingEvent,
  trainingSchema,
} from '../../src/training/index.ts';
import { afterStage } from '../../src/training/progress.ts';
import { eventsOf, of, outcome, saved, trainerOf } from './harness.ts';

const accuracy: Metric = { key: 'accuracy', title: 'accuracy', better: 'higher', form: 'share' };
const error: Metric = { key: 'mae', title: 'mean absolute error', better: 'lower', form: 'number' };

interface Case extends Partial<Omit<PlanFacts, 'config'>> {
  readonly config?: TrainingConfigInput;
}

/** A model with this many layer groups. A plan needs only their number. */
const anatomyOf = (groups: number) =>
  ({ groups: Array.from({ length: groups }, () => ({ parameters: [] })) }) as unknown as Anatomy;

/** The facts of a data set that trains for the usual ten epochs. */
function factsOf({ config: input = {}, groups = 19, ...facts }: Case = {}): PlanFacts {
  const config = parseConfig(trainingSchema, input);
  const first = planStages(config, anatomyOf(groups), 10);
  return { groups, most: groups, metric: accuracy, validation: 100, first, ...facts, config };
}

/** The best metric and lowest loss of a stage, and its final training metric. */
type Reached = readonly [metric: number, loss: number, training?: number];

/** Simulates a training. Each stage reaches the next of these scores, until the training stops or no score is left. */
function train(facts: PlanFacts, reached: readonly Reached[]): Progress {
  const { config, metric, first } = facts;
  let progress: Progress = { ...START, stages: first };
  for (const [best, loss, learned = best] of reached) {
    const stage = progress.stages?.[progress.stage];
    if (!stage) break;
    const rows = Array.from({ length: stage.epochs }, (_, i) => ({
      ...{ epoch: progress.epoch + i + 1, stage: progress.stage + 1, trainable: 1, lr: config.lr, seconds: 1 },
      train: { loss, [metric.key]: learned },
      // The last epoch is not the best one.
      val: i === stage.epochs - 1 ? { loss: 2 * loss, [metric.key]: best / 2 } : { loss, [metric.key]: best },
    }));
    progress = afterStage({ ...progress, rows: [...progress.rows, ...rows], epoch: progress.epoch + stage.epochs });
    progress = { ...progress, ...revisedPlan(facts, progress) };
  }
  return progress;
}

const planOf = ({ stages }: Progress) => stages!.map(({ train: what, epochs }) => [what, epochs]);
const kinds = ({ decisions }: Progress) => decisions.map(({ decision, stage }) => [decision, stage]);
const NEAR: Reached[] = [
  [0.96, 0.2],
  [0.97, 0.19],
  [0.97, 0.19],
];
const FAR: Reached[] = [
  [0.5, 2],
  [0.55, 1.8],
  [0.6, 1.6],
  [0.65, 1.4],
  [0.66, 1.39],
  [0.66, 1.39],
];

describe('an adaptive plan', () => {
  it('has three stages for data similar to the pretraining data', () => {
    const end = train(factsOf(), NEAR);
    expect(planOf(end)).toEqual([
      ['head', 3],
      ['last:3', 3],
      ['last:8', 4],
    ]);
    expect(end.stages!.map(({ lr, pretrainedRate }) => [lr, pretrainedRate])).toEqual([
      [0.002, undefined],
      [0.001, 0.1],
      [0.001, 0.1],
    ]);
    expect(kinds(end)).toEqual([
      ['rate', 1],
      ['stop', 3],
    ]);
  });

  it('thaws more layers while that helps, and trains all of them for longer', () => {
    const end = train(factsOf(), FAR);
    expect(planOf(end).slice(3)).toEqual([
      ['all', 20],
      ['all', 20],
      ['all', 20],
    ]);
    expect(kinds(end)).toEqual([
      ['rate', 1],
      ['thaw', 3],
      ['repeat', 4],
      ['repeat', 5],
      ['stop', 6],
    ]);
    expect(end.stages!.slice(1).map(({ pretrainedRate }) => pretrainedRate)).toEqual([0.5, 0.5, 0.5, 0.5, 0.5]);
  });

  it('thaws all layers for dissimilar data, even without a gain', () => {
    const learned: Reached[] = [
      [0.5, 2],
      [0.5, 2],
      [0.5, 2, 1],
      [0.5, 2, 1],
    ];
    const end = train(factsOf(), learned);
    expect(planOf(end).slice(3)).toEqual([['all', 20]]);
    expect(end.decisions.at(-2)!.message).toMatch(/far from the pretraining$/);
  });

  it('trains all layers only once if the model then fits the training set', () => {
    const end = train(factsOf(), [...FAR.slice(0, 3), [0.7, 1.2, 0.99]]);
    expect(kinds(end).slice(-2)).toEqual([
      ['thaw', 3],
      ['stop', 4],
    ]);
  });

  it('thaws more layers while the model underfits, even without a gain', () => {
    const end = train(factsOf(), [
      [0.5, 2],
      [0.5, 2],
      [0.5, 2],
      [0.5, 2],
    ]);
    expect(kinds(end).slice(-2)).toEqual([
      ['thaw', 3],
      ['stop', 4],
    ]);
  });

  it('extends the stage that trains all layers of a small model', () => {
    const end = train(factsOf({ groups: 5, most: 5 }), [
      [0.75, 2],
      [0.8, 1.8],
      [0.85, 1.6, 1],
    ]);
    expect(planOf(end)).toEqual([
      ['head', 3],
      ['last:3', 3],
      ['all', 10],
    ]);
    expect(end.decisions[0].message).toBe(
      'the head alone reaches 75.0%, so pretrained layers learn at 0.25 times the rate, and all layers train for 10 epochs',
    );
  });

  it('keeps its first stages if the metric cannot be measured', () => {
    const end = train(factsOf(), Array(3).fill([Number.NaN, 1]));
    expect(planOf(end).map(([what]) => what)).toEqual(['head', 'last:3', 'last:8', 'all']);
    expect(end.stages!.every(({ pretrainedRate }) => pretrainedRate === undefined)).toBe(true);
  });

  it('makes the same decisions after a resume', () => {
    const facts = factsOf();
    const whole = train(facts, FAR.slice(0, 4));
    const read = JSON.parse(JSON.stringify({ ...whole, stages: whole.stages!.slice(0, 4), decisions: [] }));
    const { stages } = revisedPlan(facts, read);
    expect(stages).toEqual(whole.stages);
  });

  it.each<[why: string, Case, Reached[], stages: number]>([
    [
      'nothing is left to gain',
      {},
      [
        [0.9, 1],
        [1, 0.5],
        [1, 0.1],
      ],
      3,
    ],
    [
      'the validation set is too small to show a gain',
      { validation: 20 },
      [
        [0.7, 1],
        [0.75, 0.9],
        [0.85, 0.8],
      ],
      3,
    ],
    [
      'data near the pretraining gains nothing by the last stage',
      { validation: 1000 },
      [
        [0.92, 1],
        [0.95, 0.9],
        [0.95, 0.9, 1],
      ],
      3,
    ],
    ['the epochs are used', { config: { epochs: 10 } }, FAR, 3],
    ['all layers train, and the training set is learned', { most: 8 }, [...FAR.slice(0, 2), [0.6, 1.6, 1]], 3],
  ])('stops if %s', (_, facts, reached, stages) => {
    const end = train(factsOf(facts), reached);
    expect(end.stages).toHaveLength(stages);
    expect(kinds(end).at(-1)).toEqual(['stop', stages]);
  });

  it('trains no more layers than allowed', () => {
    expect(planOf(train(factsOf({ config: { thawMost: 5 } }), FAR)).map(([what]) => what)).toEqual([
      ...['head', 'last:3', 'last:5', 'last:5', 'last:5', 'last:5'],
    ]);
    expect(planOf(train(factsOf({ groups: 1, most: 1 }), FAR)).map(([what]) => what)).toEqual([
      'head',
      'head',
      'head',
      'head',
    ]);
  });

  it('applies the epoch limit to its first stages too', () => {
    expect(planOf(train(factsOf({ config: { epochs: 2 } }), FAR))).toEqual([
      ['head', 1],
      ['last:3', 1],
    ]);
    expect(planOf(train(factsOf({ config: { epochs: 32 } }), FAR)).slice(3)).toEqual([
      ['all', 20],
      ['all', 2],
    ]);
  });

  it('keeps a factor that the user sets', () => {
    const end = train(factsOf({ config: { pretrainedRate: 1 } }), FAR);
    expect(end.stages!.slice(1).map(({ pretrainedRate }) => pretrainedRate)).toEqual([1, 1, 1, 1, 1]);
    expect(planOf(end)[3]).toEqual(['all', 20]);
  });

  it('works for metrics without a best value', () => {
    const end = train(factsOf({ metric: error }), [
      [5, 2],
      [4, 1.5],
      [3, 1.2],
      [3, 1.2],
    ]);
    expect(planOf(end).map(([what]) => what)).toEqual(['head', 'last:3', 'last:8', 'all']);
    expect(kinds(end)).toEqual([
      ['thaw', 3],
      ['stop', 4],
    ]);
  });
});

describe('a training with an adaptive plan', () => {
  // The classes take long to learn, so training continues after its first stages.
  const config = { lr: 0.004, epochs: 8, seed: 3, views: 0 } as const;

  it('reports its decisions, repeats them after a kill, and equals a training with the decided plan', async () => {
    const whole = await trainerOf(config);
    const checkpoints: Checkpoint[] = [];
    const decided: TrainingEvent[] = [];
    for await (const event of whole.run()) {
      if (event.type === 'decision') decided.push(event);
      if (['epoch', 'stage-end', 'decision'].includes(event.type)) checkpoints.push(saved(await whole.checkpoint()));
    }
    const { decisions } = (await whole.checkpoint()).progress;
    expect(decided).toMatchObject(decisions.map(({ message }) => ({ message })));
    expect(decisions.map(({ decision }) => decision)).toContain('rate');
    expect(decisions.at(-1)!.decision).toBe('stop');

    for (const resume of checkpoints) {
      const again = await trainerOf(config, { resume });
      await eventsOf(again);
      expect(await outcome(again)).toEqual(await outcome(whole));
    }

    const { stages } = whole;
    const repeated = await trainerOf({ ...config, stages: stages as TrainingConfigInput['stages'] });
    expect(of(await eventsOf(repeated), 'decision')).toEqual([]);
    const [{ state }, kept] = [await repeated.checkpoint(), await whole.checkpoint()];
    expect(bytesOfState(state)).toEqual(bytesOfState(kept.state));
  });
});

const bytesOfState = (state: Checkpoint['state']) =>
  Object.fromEntries([...state].map(([name, tensor]) => [name, Buffer.from(bytesOf(tensor)).toString('hex')]).sort());
