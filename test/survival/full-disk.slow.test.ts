// A disk that is full, fails or is read-only, starting at each operation of a training.
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { ThawError } from '../../src/errors.ts';
import { resume, train } from '../../src/node/commands/index.ts';
import { openRun } from '../../src/node/run/index.ts';
import { Random } from '../../src/random.ts';
import { makeProject, type Project } from '../node/commands/project.ts';
import { differences } from './comparison.ts';
import type { Operation } from './disk.ts';
import { TINY } from './tiny.ts';

const disk = await vi.hoisted(async () => new (await import('./disk.ts')).Disk());
vi.mock('node:fs/promises', async (original) => disk.over(await original()));

const seed = Number(process.env.THAW_SURVIVAL_SEED ?? 1);
/** The number of random operations per fault. All operations would take minutes. */
const DRAWN = Number(process.env.THAW_SURVIVAL_CASES ?? 7);

let project: Project;
let watched: string;
let whole: string;
let operations: readonly Operation[];
const request = (out: string) => ({ model: project.model, data: project.data, out, settings: TINY });

beforeAll(async () => {
  project = await makeProject({ train: 4, val: 2 });
  watched = join(project.folder, 'watched');
  whole = join(project.folder, 'whole');
  mkdirSync(watched);
  disk.watch(whole);
  await train(request(whole));
  operations = [...disk.done];
});
afterAll(() => project.remove());

/** The operations that a disk refuses, whether all later ones fail too, and the error message. */
const FAULTS: Readonly<Record<string, { refused: readonly Operation['name'][]; lasts: boolean; said: string }>> = {
  ENOSPC: { refused: ['create', 'open', 'mkdir', 'write', 'link', 'sync'], lasts: true, said: 'the disk is full' },
  EIO: {
    refused: ['create', 'open', 'mkdir', 'write', 'rename', 'sync'],
    lasts: false,
    said: 'the disk reports an error',
  },
  EACCES: {
    refused: ['create', 'open', 'mkdir', 'rename', 'link', 'remove'],
    lasts: true,
    said: 'it is not writable',
  },
};

/** Operations to refuse. The rarest kinds of files are drawn as often as the others. */
function cases(code: string): number[] {
  const random = new Random(seed, code);
  const kinds = new Map<string, number[]>();
  for (const [i, { name, path }] of operations.entries()) {
    if (!FAULTS[code].refused.includes(name)) continue;
    const kind = relative(whole, path).replace(/\.[0-9a-f]{20}\.tmp|\d+|plots\/.*/g, '');
    kinds.set(kind, [...(kinds.get(kind) ?? []), i]);
  }
  const left = [...kinds.values()];
  const drawn: number[] = [];
  while (drawn.length < DRAWN && left.length) {
    const kind = left[random.below(left.length)];
    drawn.push(...kind.splice(random.below(kind.length), 1));
    if (!kind.length) left.splice(left.indexOf(kind), 1);
  }
  return drawn;
}

test.each(Object.keys(FAULTS))(
  `%s causes at most one error line and loses no saved data (seed ${seed})`,
  async (code) => {
    const { refused, lasts, said } = FAULTS[code];
    for (const from of cases(code)) {
      const run = join(watched, 'run');
      rmSync(run, { recursive: true, force: true });
      disk.watch(run);
      let [count, failed] = [0, false];
      disk.refuse = ({ name, path }) => {
        if (count++ < from || !refused.includes(name) || (failed && !lasts)) return;
        failed = true;
        throw Object.assign(new Error(`${code}: ${name}`), { code, syscall: name, path });
      };
      let told = 0;
      const error = await train(request(run), { onEvent: ({ type }) => type === 'epoch' && told++ }).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      disk.watch(run);
      const at = `${code} from operation ${from} (${operations[from].name} ${relative(whole, operations[from].path)})`;
      expect(failed, at).toBe(true);
      // A failed removal does not end the training, nor does a failed link that a rename can replace.
      if (error) {
        expect(error, at).toBeInstanceOf(ThawError);
        expect((error as ThawError).line, at).toContain(said);
        expect((error as ThawError).line, at).toContain('cannot write');
      } else expect(['remove', 'link', 'rename'], at).toContain(operations[from].name);

      // This process still holds a lock that could not be removed. In practice, its process would be dead.
      rmSync(join(run, '.lock'), { force: true });
      if (error && existsSync(join(run, 'checkpoints', 'source.json'))) {
        const newest = await (await openRun(run)).newest();
        expect(newest?.notice, at).toBeUndefined();
        expect(newest?.progress.epoch ?? 0, at).toBeGreaterThanOrEqual(told);
        expect(await resume(run), at).toMatchObject({ status: 'finished' });
      } else if (error) expect(await train(request(run)), at).toMatchObject({ status: 'finished' });
      expect([at, ...differences(run, whole)]).toEqual([at]);
    }
  },
  600_000,
);
