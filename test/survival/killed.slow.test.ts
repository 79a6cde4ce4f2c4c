// Whole commands, each in a process, killed with `kill -9` at random instants and run again. `scripts/kill.ts` does
// this hundreds of times.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeProject, type Project } from '../node/commands/project.ts';
import { killVictim } from './killing.ts';
import { buildThaw } from './program.ts';
import { VICTIMS } from './victims.ts';

const seed = Number(process.env.THAW_SURVIVAL_SEED ?? Date.now() % 1e6);
/** For each victim, on a machine that is not too busy. */
const [KILLS, SECONDS] = [15, 90];

let project: Project;
let program: string;
beforeAll(async () => {
  project = await makeProject({ train: 6, val: 3 });
  program = await buildThaw('killed-test');
});
afterAll(() => project.remove());

describe(`killed at random instants (THAW_SURVIVAL_SEED=${seed})`, { concurrent: true, timeout: 600_000 }, () => {
  test.each(Object.keys(VICTIMS))('"%s" gives the same result, to the bit', async (victim) => {
    const lives = await killVictim(victim, { program, data: project.data, seed, kills: KILLS, seconds: SECONDS });
    expect(lives.flatMap(({ faults }) => faults)).toEqual([]);
    expect(lives.length).toBeGreaterThan(0);
  });
});
