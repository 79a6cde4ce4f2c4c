/** The command line in one file, which starts as fast as the built one, and its processes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleNode } from '../../scripts/build/bundle-node.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Builds `thaw` in a place that contains the embedded model.
 * @param name the name of its folder; concurrent builds need different ones
 */
export async function buildThaw(name: string): Promise<string> {
  const outdir = join(ROOT, '.cache', `thaw-${name}`);
  await bundleNode(outdir);
  return join(outdir, 'main.js');
}

export interface Ended {
  readonly code: number | null;
  readonly killed: boolean;
  readonly stdout: string;
  readonly stderr: string;
  /** The time from start to end. */
  readonly milliseconds: number;
}

/** The command and its child that computes, or one of them. */
export type Target = 'both' | 'command' | 'child';

export interface Running {
  /** Sends SIGKILL. */
  kill(target: Target): void;
  /** Calls the listener with the number of lines printed so far. */
  onLine(listener: (count: number) => void): void;
  readonly ended: Promise<Ended>;
}

/** Starts `thaw`. */
export function start(program: string, words: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const began = performance.now();
  const child = spawn(process.execPath, [program, ...words], {
    env: { ...process.env, CI: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A separate process group.
    detached: true,
  });
  const listeners: ((count: number) => void)[] = [];
  let [stdout, stderr, lines] = ['', '', 0];
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    for (const _ of text.matchAll(/\n/g)) {
      lines++;
      for (const listener of listeners) listener(lines);
    }
  });
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  let killed = false;
  const kill = (target: Target) => {
    // Windows has no process groups. There, the child ends with the command.
    const command = target === 'both' && process.platform !== 'win32' ? -child.pid! : child.pid!;
    const pids = target === 'child' ? childrenOf(child.pid!) : [command];
    for (const pid of pids) killed = killNow(pid) || killed;
  };
  // At this point, the output of the child has ended too, as has the child itself.
  const ended = once(child, 'close').then(
    ([code]): Ended => ({ code, killed, stdout, stderr, milliseconds: performance.now() - began }),
  );
  return { kill, onLine: (listener) => listeners.push(listener), ended };
}

/** Returns whether the process existed. */
function killNow(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}

/** proc(5). Returns an empty list if the system has no /proc. */
function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return text.split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
