// The state of a run after a power loss at every instant, on a disk that keeps only flushed data.
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { resume, train } from '../../src/node/commands/index.ts';
import { openRun } from '../../src/node/run/index.ts';
import { Random } from '../../src/random.ts';
import { makeProject, type Project } from '../node/commands/project.ts';
import { differences } from './comparison.ts';
import type { Operation } from './disk.ts';
import { Journal, type Luck } from './power-loss.ts';
import { TINY } from './tiny.ts';

const disk = await vi.hoisted(async () => new (await import('./disk.ts')).Disk());
vi.mock('node:fs/promises', async (original) => disk.over(await original()));

const SEED = Number(process.env.THAW_SURVIVAL_SEED ?? 1);

let project: Project;
let watched: string;
let whole: string;
let operations: Operation[];
/** The number of operations before each epoch event. */
const told: number[] = [];
const request = (out: string) => ({ model: project.model, data: project.data, out, settings: TINY });

beforeAll(async () => {
  project = await makeProject({ train: 4, val: 2 });
  watched = join(project.folder, 'watched');
  whole = join(watched, 'runs', 'run');
  mkdirSync(watched);
  disk.watch(watched);
  await train(request(whole), { onEvent: ({ type }) => type === 'epoch' && told.push(disk.done.length) });
  operations = [...disk.done];
  disk.watch(join(project.folder, 'nothing'));
});
afterAll(() => project.remove());

/** Writes the run as a power loss would leave it. @returns its path */
function left(journal: Journal, luck: Luck): string {
  const path = join(project.folder, 'left');
  rmSync(path, { recursive: true, force: true });
  journal.lose(path, luck);
  const run = join(path, 'runs', 'run');
  // The lock is older than the restart of the machine.
  rmSync(join(run, '.lock'), { force: true });
  return run;
}

function journalOf(count: number): Journal {
  const journal = new Journal(watched);
  for (const operation of operations.slice(0, count)) journal.take(operation);
  return journal;
}

const hasBegun = (run: string) => existsSync(join(run, 'checkpoints', 'source.json'));

/** Also names the operations that can change the remaining files. */
const LUCKS: readonly [string, luck: () => Luck, changing: readonly Operation['name'][]][] = [
  ['all that was not flushed', () => 'none', ['sync']],
  ['the contents of files that were not flushed', () => 'names', ['create', 'rename', 'remove']],
  ['of that which was not flushed anything', () => random, ['create', 'rename', 'write']],
];
const random = new Random(SEED, 'power');

describe.each(LUCKS)(`a power loss that takes %s (seed ${SEED})`, (_, luck, changing) => {
  test('leaves the last checkpoint intact, at every instant', async () => {
    const journal = new Journal(watched);
    for (const [i, operation] of operations.entries()) {
      journal.take(operation);
      if (!changing.includes(operation.name)) continue;
      const epoch = told.filter((count) => count <= i + 1).length;
      const path = left(journal, luck());
      if (epoch === 0 && !hasBegun(path)) continue;
      const run = await openRun(path);
      await run.config();
      await run.source();
      const newest = await run.newest();
      expect([i, newest?.notice]).toEqual([i, undefined]);
      expect(newest?.progress.epoch ?? 0, `after ${i} operations`).toBeGreaterThanOrEqual(epoch);
    }
    expect(told).toHaveLength(3);
  });

  test('changes nothing in a finished run', () => {
    expect(differences(left(journalOf(operations.length), luck()), whole)).toEqual([]);
  });

  test('does not change the result of the run when it continues', async () => {
    const instants = new Random(SEED, 'instants');
    for (let i = 0; i < 3; i++) {
      const count = instants.below(operations.length);
      const path = left(journalOf(count), luck());
      const { status } = await (hasBegun(path) ? resume(path) : train(request(path)));
      expect([count, status, differences(path, whole)]).toEqual([count, 'finished', []]);
    }
  });
});
