import { describe, expect, it } from 'vitest';
import { classification } from '../../src/tasks/index.ts';
import type { Checkpoint, EpochRow, Progress, TrainingConfigInput } from '../../src/training/index.ts';
import { START } from '../../src/training/index.ts';
import { learnedDecision, type StoppingRules, stopReason } from '../../src/training/stopping.ts';
import { eventsOf, of, outcome, saved, trainerOf } from './harness.ts';

const { metric } = classification(['cat', 'dog']);
const rules: StoppingRules = { config: { stopWhenPerfect: true }, metric, validation: 20 };
const stages = [
  { train: 'head', epochs: 6 },
  { train: 'last:3', epochs: 10 },
  { train: ['stem', 'head'], epochs: 4 },
];

interface Course {
  readonly train: readonly number[];
  readonly val: readonly number[];
  readonly accuracy?: readonly number[];
}

/** The progress after epochs with these losses, within the second stage. */
function progressOf({ train, val, accuracy = val.map(() => 1) }: Course): Progress {
  const rows = train.map(
    (loss, i): EpochRow => ({
      ...{ epoch: i + 1, stage: i < 6 ? 1 : 2, trainable: 1, lr: 1, seconds: 1 },
      train: { loss, accuracy: 0.9 },
      val: { loss: val[i], accuracy: accuracy[i] },
    }),
  );
  return { ...START, stages, stage: 1, stageEpoch: rows.length - 6, epoch: rows.length, rows };
}

const flat = (...first: readonly number[]) => [...first, ...Array(9 - first.length).fill(first.at(-1))];
const reason = (course: Course, given: Partial<StoppingRules> = {}) =>
  stopReason(stages[1], { ...rules, ...given }, progressOf(course));

describe('a training with perfect validation', () => {
  const settled = { train: flat(1, 0.5, 0.3), val: flat(1, 0.4, 0.2) };

  it('ends when its losses have not fallen for five epochs', () => {
    expect(reason(settled)).toBe('perfect');
    // Noise is not a fall.
    expect(reason({ ...settled, val: [...flat(1, 0.4, 0.2).slice(0, 6), 0.21, 0.198, 0.25] })).toBe('perfect');
  });

  it.each<[why: string, course: Course]>([
    ['one of the five epochs is not perfect', { ...settled, accuracy: [1, 1, 1, 1, 0.95, 1, 1, 1, 1] }],
    ['the validation loss falls', { ...settled, val: [...flat(1, 0.4, 0.2).slice(0, 8), 0.19] }],
    ['the training loss falls', { ...settled, train: [...flat(1, 0.5, 0.3).slice(0, 8), 0.29] }],
    ['a loss is not a number', { ...settled, val: flat(1, 0.4, Number.NaN) }],
  ])('continues if %s', (_, course) => {
    expect(reason(course)).toBeUndefined();
  });

  it('ignores a falling loss that is already tiny', () => {
    const tiny = [1, 0.01, 0.003, 0.0025, 0.002, 0.0018, 0.0015, 0.0012, 0.001];
    expect(reason({ train: flat(1, 0.01, 0.0033), val: tiny })).toBe('perfect');
  });

  it('continues on fewer than ten samples, for another kind of metric, and if the setting is off', () => {
    expect(reason(settled, { validation: 9 })).toBeUndefined();
    expect(reason(settled, { metric: { ...metric, form: 'number' } })).toBeUndefined();
    expect(reason(settled, { config: { stopWhenPerfect: false } })).toBeUndefined();
  });

  it('is not reported as perfect after its last planned epoch', () => {
    const progress = { ...progressOf(settled), stages: [stages[0], { train: 'last:3', epochs: 3 }] };
    expect(stopReason({ train: 'last:3', epochs: 3 }, rules, progress)).toBe('finished');
  });

  it('reports the planned epochs that it skips', () => {
    expect(learnedDecision(metric, progressOf(settled))).toEqual({
      decision: 'stop',
      stage: 2,
      epoch: 9,
      message:
        'the validation accuracy is perfect, and the losses no longer fall: training ends 11 epochs before its plan (last:3 for 7, stem, head for 4)',
    });
  });
});

const easy = {
  stages: [
    { train: 'all', epochs: 30, lr: 0.02 },
    { train: 'all', epochs: 3, lr: 0.001 },
  ],
  schedule: 'cosine',
} satisfies TrainingConfigInput;

it('a training that learned everything ends early, also after an interruption at any epoch', async () => {
  const whole = await trainerOf(easy);
  const checkpoints: Checkpoint[] = [];
  const events = [];
  for await (const event of whole.run()) {
    events.push(event);
    if (event.type === 'epoch' || event.type === 'decision') checkpoints.push(saved(await whole.checkpoint()));
  }
  const epochs = of(events, 'epoch').length;
  expect(epochs).toBeLessThan(33);
  expect(of(events, 'end')[0].why).toBe('perfect');
  expect(of(events, 'stage-end').at(-1)!.why).toBe('perfect');
  const [decision] = of(events, 'decision');
  expect(decision.message).toContain(`ends ${33 - epochs} epochs before its plan`);
  for (const resume of [checkpoints[3], checkpoints.at(-2)!, checkpoints.at(-1)!]) {
    const again = await trainerOf(easy, { resume });
    expect(of(await eventsOf(again), 'end')[0].why).toBe('perfect');
    expect(await outcome(again)).toEqual(await outcome(whole));
    expect((await again.checkpoint()).progress.decisions).toEqual((await whole.checkpoint()).progress.decisions);
  }
  const all = await trainerOf({ ...easy, stopWhenPerfect: false });
  expect(of(await eventsOf(all), 'epoch')).toHaveLength(33);
});
