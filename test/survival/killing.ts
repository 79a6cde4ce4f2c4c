/** Kills commands at random instants and restarts them until they finish. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openRun, unfinishedIn } from '../../src/node/run/index.ts';
import { Random } from '../../src/random.ts';
import { differences } from './comparison.ts';
import { type Ended, type Running, start } from './program.ts';
import { type Place, succeeded, VICTIMS, type Victim } from './victims.ts';

export interface KillOptions {
  readonly program: string;
  /** The folder of images. */
  readonly data: string;
  readonly seed: number;
  /** The minimum number of kills, unless they take longer than `seconds`. */
  readonly kills: number;
  readonly seconds?: number;
  /** Called after each life. */
  readonly onLife?: (life: Life) => void;
}

/** One run of a victim, from its first start to its end. */
export interface Life {
  readonly kills: number;
  /** The activity at each kill. */
  readonly instants: readonly string[];
  /** The faults that were found, one per line. */
  readonly faults: readonly string[];
}

/** Runs a victim without a kill, then again and again with kills, until there are enough. @returns the lives */
export async function killVictim(name: string, options: KillOptions): Promise<Life[]> {
  const folder = mkdtempSync(join(tmpdir(), 'thaw-kills-'));
  try {
    const victim = VICTIMS[name];
    const place = { ...options, folder, env: { THAW_CACHE: join(folder, 'cache') } };
    await victim.prepare?.(place);
    const whole = join(folder, 'whole');
    victim.begin?.(place, whole);
    const undisturbed = succeeded(await start(options.program, victim.words(place, whole), place.env).ended);

    const lives: Life[] = [];
    const { seconds = Number.POSITIVE_INFINITY } = options;
    const began = performance.now();
    const late = () => performance.now() - began > seconds * 1000;
    for (let kills = 0; kills < options.kills && !late(); kills += lives.at(-1)!.kills) {
      const random = new Random(options.seed, name, lives.length);
      const out = join(folder, `killed-${lives.length}`);
      victim.begin?.(place, out);
      const life = await live(out, { ...place, victim, random, undisturbed });
      const faults = life.faults.length ? life.faults : differences(out, whole);
      lives.push({ ...life, faults });
      options.onLife?.(lives.at(-1)!);
      if (!faults.length) rmSync(out, { recursive: true });
    }
    return lives;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Circumstances extends Place {
  readonly victim: Victim;
  readonly random: Random;
  readonly undisturbed: Ended;
}

async function live(out: string, to: Circumstances): Promise<Life> {
  const { victim } = to;
  const instants: string[] = [];
  const faults: string[] = [];
  for (let kills = 0; faults.length === 0; kills++) {
    const running = start(to.program, victim.words(to, out), to.env);
    await killedAtRandom(running, to);
    const ended = await running.ended;
    if (ended.code === 0) return { kills, instants, faults };
    if (ended.code === 2 && victim.done && ended.stderr.includes(victim.done)) return { kills, instants, faults };
    instants.push(instantOf(ended, out));
    if (!ended.killed) faults.push(`after ${kills} kills it ended with ${ended.code}: ${ended.stderr.trim()}`);
    for (const run of victim.runs ?? ['.']) faults.push(...(await broken(join(out, run))));
  }
  return { kills: instants.length, instants, faults };
}

/**
 * Kills after a random time, or just after a random output line, with equal probability. The distribution is
 * exponential, with a mean of half a training, so one training is killed several times. Each restart begins at the last
 * save, so the kills reach every part of a training.
 */
async function killedAtRandom(running: Running, { random, undisturbed }: Circumstances): Promise<void> {
  const { onLine, ended } = running;
  const target = (['both', 'both', 'command', 'child'] as const)[random.below(4)];
  const kill = () => running.kill(target);
  const part = -Math.log(1 - random.uniform()) / 2;
  if (random.uniform() < 0.5) {
    const timer = setTimeout(kill, part * undisturbed.milliseconds);
    ended.finally(() => clearTimeout(timer));
    return;
  }
  const line = Math.floor(part * undisturbed.stdout.split('\n').length);
  const delay = random.between(0, 30);
  onLine(async (count) => {
    if (count !== line + 1) return;
    await sleep(delay);
    kill();
  });
}

/** The activity at a kill, from the last output line. */
function instantOf({ stdout }: Ended, run: string): string {
  if (!existsSync(run)) return 'starting';
  const last = stdout.trimEnd().split('\n').at(-1);
  if (!last) return 'started';
  // A command's answer has several lines.
  if (!last.startsWith('{"')) return 'answered';
  const { type, phase } = JSON.parse(last) as { type: string; phase?: string };
  return phase ?? type;
}

/**
 * Checks a run that no process writes: every file and the newest checkpoints are intact, or the run gives the command
 * that recreates it.
 */
async function broken(path: string): Promise<string[]> {
  const faults: string[] = [];
  const unfinished = await unfinishedIn(path);
  if (unfinished) return unfinished.command.startsWith('thaw federated finish ') ? [] : [unfinished.command];
  if (!existsSync(join(path, 'config.yaml'))) return faults;
  const run = await openRun(path);
  for (const kind of ['best', 'last'] as const) {
    if (!run.hasCheckpoint(kind)) continue;
    const notice = await run.checkpoint(kind).then(
      ({ notice }) => notice,
      (error) => String(error),
    );
    if (notice) faults.push(`the ${kind} checkpoint: ${notice}`);
  }
  for (const file of readdirSync(path, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.json')) continue;
    try {
      JSON.parse(readFileSync(join(path, file), 'utf8'));
    } catch (error) {
      faults.push(`${file}: ${(error as Error).message}`);
    }
  }
  await run.rows();
  return faults;
}
