import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { resume, resumeSweep, type SweepEvent, type SweepRequest, sweep } from '../../../src/node/commands/index.ts';
import {
  checkSpace,
  drawFrom,
  gridOf,
  type SpaceInput,
  spaceSchema,
  withValues,
} from '../../../src/node/commands/sweep/space.ts';
import { best, isBelowMedian, rungs } from '../../../src/node/commands/sweep/stopping.ts';
import { meritAt, ranked, type Trial, type TrialRun } from '../../../src/node/commands/sweep/trials.ts';
import { readSettings } from '../../../src/session/index.ts';
import type { Metric } from '../../../src/tasks/index.ts';
import { makeProject, type Project } from './project.ts';

const accuracy: Metric = { key: 'accuracy', title: 'accuracy', better: 'higher', form: 'share' };

describe('the search space', () => {
  const space = (input: SpaceInput) => spaceSchema.parse(input);

  test('a grid has every combination, with evenly spaced ranges', () => {
    const grid = gridOf(space({ lr: { min: 1e-4, max: 1e-2, scale: 'log', steps: 3 }, preset: ['full', 'gradual'] }));
    expect(grid).toEqual([1e-4, 1e-3, 1e-2].flatMap((lr) => ['full', 'gradual'].map((preset) => ({ lr, preset }))));
    expect(gridOf(space({ epochs: { min: 1, max: 4, integer: true, steps: 3 } }))).toEqual(
      [1, 3, 4].map((epochs) => ({ epochs })),
    );
    expect(() => gridOf(space({ lr: { min: 0, max: 1 } }))).toThrow(/grid over lr/);
  });

  test('draws lie in the range, log-uniform on request, and more trials start with the same draws', () => {
    const all = space({
      lr: { min: 1e-5, max: 1e-1, scale: 'log' },
      dropout: { min: 0, max: 0.5 },
      epochs: { min: 2, max: 5, integer: true },
      optimizer: ['sgd', 'adamw'],
    });
    const drawn = drawFrom(all, 400, 7);
    expect(drawn.length).toBe(400);
    const numbers = (name: string) => drawn.map((values) => values[name] as number);
    for (const lr of numbers('lr')) expect(lr >= 1e-5 && lr <= 1e-1).toBe(true);
    for (const power of [-5, -4, -3, -2]) {
      const inside = numbers('lr').filter((lr) => Math.log10(lr) >= power && Math.log10(lr) < power + 1).length;
      expect(inside, `10^${power}`).toBeGreaterThan(70);
      expect(inside).toBeLessThan(130);
    }
    expect(new Set(numbers('epochs'))).toEqual(new Set([2, 3, 4, 5]));
    expect(new Set(drawn.map(({ optimizer }) => optimizer)).size).toBe(2);
    expect(Math.max(...numbers('dropout'))).toBeLessThanOrEqual(0.5);
    expect(drawFrom(all, 10, 7)).toEqual(drawn.slice(0, 10));
    expect(drawFrom(all, 10, 8)).not.toEqual(drawn.slice(0, 10));
  });

  test('draws are distinct', () => {
    const few = space({ preset: ['full', 'gradual'], epochs: { min: 1, max: 2, integer: true } });
    const drawn = drawFrom(few, 50, 0).map((values) => JSON.stringify(values));
    expect(new Set(drawn).size).toBe(4);
    expect(drawn.length).toBe(4);
  });

  test('values replace settings', () => {
    const base = { schedule: 'linear', stages: [{ train: 'head', epochs: 1 }], lr: 1 };
    const values = { 'schedule.end': 0.1, 'stages.0.lr': 2, 'loss.name': 'focal', lr: 3 };
    expect(withValues(base, values)).toEqual({
      schedule: { name: 'linear', end: 0.1 },
      stages: [{ train: 'head', epochs: 1, lr: 2 }],
      loss: { name: 'focal' },
      lr: 3,
    });
    expect(base.lr).toBe(1);
  });

  test.each([
    [{}, /no settings to try/],
    [{ lr: { min: 1, max: 0.1 } }, /lr ranges from 1 to 0.1/],
    [{ lr: { min: 0, max: 1, scale: 'log' as const } }, /ranges from 0$/],
    [{ epochs: { min: 1, max: 2.5, integer: true } }, /whole numbers/],
  ])('refuses %j', (input, message) => {
    expect(() => checkSpace(space(input))).toThrow(message);
  });
});

describe('trials that continue', () => {
  test('halving compares at later and later epochs, as often as the number of trials allows', () => {
    expect(rungs(27, 27, 1, 3)).toEqual([1, 3, 9, 27]);
    expect(rungs(27, 9, 1, 3)).toEqual([3, 9, 27]);
    expect(rungs(27, 27, 3, 3)).toEqual([3, 9, 27]);
    expect(rungs(10, 12, 1, 3)).toEqual([1, 3, 10]);
    expect(rungs(10, 2, 1, 3)).toEqual([3, 10]);
    expect(rungs(1, 12, 1, 3)).toEqual([1]);
  });

  test('the best third, and the first of equals', () => {
    expect(best([0.5, 0.9, 0.7, 0.9, Number.NEGATIVE_INFINITY], 3)).toEqual([1, 3]);
    expect(best([0.1], 3)).toEqual([0]);
  });

  test('compares with the median of averages of at least three others with as many epochs', () => {
    const others = [
      [0.2, 0.4],
      [0.6, 0.8],
      [0.4, 0.6],
    ];
    // Averages after two epochs: 0.3, 0.5, 0.7.
    expect(isBelowMedian([0.1, 0.49], others)).toBe(true);
    expect(isBelowMedian([0.51, 0.1], others)).toBe(false);
    expect(isBelowMedian([0.1, 0.2], others.slice(1))).toBe(false);
    expect(isBelowMedian([0.1, 0.2, 0.2], others)).toBe(false);
  });

  test('ranked by the mean over seeds, fully trained ones first', () => {
    const run = (status: TrialRun['status'], ...values: number[]): TrialRun => ({
      seed: 0,
      path: 'x',
      status,
      epochs: values.map((value) => ({ loss: 1 - value, accuracy: value })),
      seconds: 1,
    });
    const trials: Trial[] = [
      { number: 1, values: {}, runs: [run('stopped', 0.95)] },
      { number: 2, values: {}, runs: [run('finished', 0.6, 0.8), run('finished', 0.6, 0.7)] },
      { number: 3, values: {}, runs: [run('failed')] },
      { number: 4, values: {}, runs: [run('finished', 0.8, 0.7), run('finished', 0.75, 0.7)] },
    ];
    const order = ranked(trials, accuracy);
    expect(order.map(({ number, rank }) => [number, rank])).toEqual([
      [4, 1],
      [2, 2],
      [1, 3],
      [3, null],
    ]);
    expect(order[1].metric).toBeCloseTo(0.75, 12);
    expect(order[1].std).toBeCloseTo(Math.hypot(0.05, 0.05), 12);
    expect(meritAt(trials[1], accuracy, 1)).toBeCloseTo(0.6, 12);
    expect(ranked(trials.slice(0, 2), { ...accuracy, better: 'lower' })[0].number).toBe(2);
  });
});

describe('a sweep', () => {
  let project: Project;
  beforeAll(async () => {
    project = await makeProject({ train: 4, val: 2 });
  });
  afterAll(() => project.remove());

  const request = (name: string, more: Partial<SweepRequest> = {}): SweepRequest => ({
    model: project.model,
    data: project.data,
    out: join(project.folder, name),
    try: { lr: [1e-5, 0.05, 0.01] },
    ...more,
    settings: {
      preset: 'head-only',
      epochs: 3,
      batch: 12,
      device: 'cpu',
      cache: 'memory',
      augment: 'none',
      ...more.settings,
    },
  });
  /** Results of all trials, without times. */
  const results = (file: string) =>
    (JSON.parse(readFileSync(join(project.folder, file, 'sweep.json'), 'utf8')).trials as Trial[]).map(
      ({ number, values, runs }) => ({ number, values, runs: runs.map(({ seconds, ...run }) => run) }),
    );

  /** Makes the sweep forget how its trials ended, as if it was killed right after the last epoch of each, and resumes it. */
  async function resumeAfterKill(name: string) {
    const file = join(project.folder, name, 'sweep.json');
    const state = JSON.parse(readFileSync(file, 'utf8'));
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    const lock = { pid, host: hostname(), began: null, token: 't' };
    for (const { runs } of state.trials as Trial[])
      for (const [i, run] of runs.entries()) {
        Object.assign(runs, { [i]: { ...run, status: 'waiting', epochs: [] } });
        writeFileSync(join(project.folder, name, run.path, '.lock'), JSON.stringify(lock));
      }
    writeFileSync(file, JSON.stringify(state));
    const events: SweepEvent[] = [];
    await resumeSweep(join(project.folder, name), { onEvent: (event) => events.push(event) });
    return events;
  }

  test('with halving stops the worse trials after a third of the epochs, and its table shows it', async () => {
    const events: SweepEvent[] = [];
    const outcome = await sweep(request('halving'), { onEvent: (event) => events.push(event) });
    expect(outcome.status).toBe('finished');
    expect(outcome.trials.map(({ status, epochs }) => [status, epochs])).toEqual([
      ['finished', 3],
      ['stopped', 1],
      ['stopped', 1],
    ]);
    // A stopped trial is an interrupted run like any other.
    const [first, second] = outcome.trials;
    expect(existsSync(join(project.folder, 'halving', first.paths[0], 'model', 'onnx', 'model.onnx'))).toBe(true);
    expect((await resume(join(project.folder, 'halving', second.paths[0]))).status).toBe('finished');
    expect(readFileSync(join(project.folder, 'halving', 'sweep.csv'), 'utf8').split('\n')[1]).toContain(
      `1,${first.number},${first.values.lr},`,
    );
    const page = readFileSync(join(project.folder, 'halving', 'sweep.html'), 'utf8');
    expect(page).toContain(`href="${first.paths[0]}/report.html"`);
    expect(page.match(/<circle /g)?.length).toBe(3);
    expect(events.filter(({ type }) => type === 'trial-end').length).toBe(4);
  });

  test('stopped or killed anywhere gives the same result', async () => {
    const whole = request('whole', { seeds: [0, 1], try: { lr: [0.05, 1e-5] } });
    await sweep(whole);
    const parts = { ...whole, out: join(project.folder, 'parts') };
    const controller = new AbortController();
    const onEvent = (event: SweepEvent) => {
      if (event.type === 'epoch' && event.epoch === 2) controller.abort();
    };
    expect((await sweep(parts, { onEvent, signal: controller.signal })).status).toBe('interrupted');
    // Killed during a trial: sweep.json does not know about it.
    const file = join(parts.out, 'sweep.json');
    const state = JSON.parse(readFileSync(file, 'utf8'));
    state.trials[0].runs[0] = { ...state.trials[0].runs[0], status: 'waiting', epochs: [] };
    writeFileSync(file, JSON.stringify(state));
    // Killed before the first checkpoint.
    rmSync(join(parts.out, state.trials[1].runs[1].path, 'checkpoints'), { recursive: true, force: true });
    const other = sweep({ ...parts, try: { lr: [1] } });
    await expect(other).rejects.toMatchObject({ code: 'run-directory', hint: expect.stringContaining('thaw resume') });
    expect((await resumeSweep(parts.out)).status).toBe('finished');
    expect(results('parts')).toEqual(results('whole'));
    expect(results('parts')[0].runs.map(({ seed, status }) => [seed, status])).toEqual([
      [0, 'finished'],
      [1, 'finished'],
    ]);
    // A third call has nothing left to do.
    const again: SweepEvent[] = [];
    await sweep(parts, { onEvent: (event) => again.push(event) });
    expect(again.map(({ type }) => type)).toEqual(['sweep']);
  });

  test('with the median stops bad trials, and a failed trial does not affect others', async () => {
    const poor = { lr: [0.05, 0.05000001, 0.04999999, 1e-9, 1e39] };
    const outcome = await sweep(
      request('median', { try: poor, stop: 'median', grace: 2, settings: { epochs: 6, optimizer: 'sgd' } }),
    );
    const byNumber = [...outcome.trials].sort((a, b) => a.number - b.number);
    expect(byNumber.map(({ status }) => status)).toEqual(['finished', 'finished', 'finished', 'stopped', 'failed']);
    expect(byNumber[3].epochs).toBeLessThan(6);
    expect(byNumber[4].message).toMatch(/no longer a number/);
    expect(outcome.trials.at(-1)?.rank).toBeNull();
  });

  test.each([
    { stop: 'halving' as const },
    {
      stop: 'median' as const,
      grace: 2,
      try: { lr: [0.05, 0.05000001, 0.04999999, 1e-9] },
      settings: { epochs: 6, optimizer: 'sgd' as const },
    },
  ])('with $stop, a trial that was killed after its last epoch trains no further', async (plan) => {
    const name = `killed-${plan.stop}`;
    await sweep(request(name, plan));
    const before = results(name);
    expect(before.map(({ runs }) => runs[0].status)).toContain('stopped');
    const events = await resumeAfterKill(name);
    expect(results(name)).toEqual(before);
    expect(events.filter(({ type }) => type === 'step' || type === 'epoch')).toEqual([]);
    expect(events.map(({ type }) => type)).toContain('trial-end');
    for (const { runs } of before) expect(existsSync(join(project.folder, name, runs[0].path, '.lock'))).toBe(false);
  });

  test('reports errors before any training', async () => {
    const unknown = sweep(request('no', { try: { learning_rate: [1] } }));
    await expect(unknown).rejects.toMatchObject({ code: 'bad-config' });
    await expect(sweep(request('no', { try: { 'schedule.name': ['cosin'] } }))).rejects.toThrow(/schedule/);
    expect(existsSync(join(project.folder, 'no'))).toBe(false);
  });
});

test('values become settings', () => {
  const { schedule } = readSettings(
    withValues({ warmup: 0.2 }, { 'schedule.name': 'exponential', 'schedule.gamma': 0.5 }),
  );
  expect(schedule).toMatchObject({ name: 'exponential', gamma: 0.5, warmup: 0.2 });
});
