/** Kills commands at random instants and runs them again, until they are finished. */
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
  /** Of images. */
  readonly data: string;
  readonly seed: number;
  /** At least so many, unless they take more seconds than this. */
  readonly kills: number;
  readonly seconds?: number;
  /** Called after each life. */
  readonly onLife?: (life: Life) => void;
}

/** One run of a victim from its first start to its end. */
export interface Life {
  readonly kills: number;
  /** By what was going on. */
  readonly instants: readonly string[];
  /** What was wrong of it, one a line. */
  readonly faults: readonly string[];
}

/** Runs a victim without a kill, then again and again with kills, until there were enough. @returns the lives */
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
 * Half of the times by the clock, else just after one of the lines that it prints: exponentially distributed, on average after half of
 * a whole training, so that one training is killed several times on its way. What it has saved is the next one's start, and so all of
 * it is reached.
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

/** What was going on: nothing yet, or what it had said last. */
function instantOf({ stdout }: Ended, run: string): string {
  if (!existsSync(run)) return 'starting';
  const last = stdout.trimEnd().split('\n').at(-1);
  if (!last) return 'started';
  // A command's answer takes several lines.
  if (!last.startsWith('{"')) return 'answered';
  const { type, phase } = JSON.parse(last) as { type: string; phase?: string };
  return phase ?? type;
}

/** A run that nobody writes: every file of it is whole, and its newest checkpoints are; or it says how it is made again. */
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
