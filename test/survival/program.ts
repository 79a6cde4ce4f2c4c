/** The command line in one piece, as quick to start as the built one, and processes of it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleNode } from '../../scripts/build/bundle-node.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** `thaw` as it is built, where it finds the embedded model. @param name of its folder: one for each that builds at a time */
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
  /** From start to end. */
  readonly milliseconds: number;
}

/** The command and its child that computes, either of them alone. */
export type Target = 'both' | 'command' | 'child';

export interface Running {
  /** With `kill -9`. */
  kill(target: Target): void;
  /** Called with the number of lines that it has printed so far. */
  onLine(listener: (count: number) => void): void;
  readonly ended: Promise<Ended>;
}

/** Starts `thaw`. */
export function start(program: string, words: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const began = performance.now();
  const child = spawn(process.execPath, [program, ...words], {
    env: { ...process.env, CI: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of processes of its own.
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
    // Windows has no groups of processes; there, the child ends with the command.
    const command = target === 'both' && process.platform !== 'win32' ? -child.pid! : child.pid!;
    const pids = target === 'child' ? childrenOf(child.pid!) : [command];
    for (const pid of pids) killed = killNow(pid) || killed;
  };
  // Also the child's output is at its end then, as it is when it has ended itself.
  const ended = once(child, 'close').then(
    ([code]): Ended => ({ code, killed, stdout, stderr, milliseconds: performance.now() - began }),
  );
  return { kill, onLine: (listener) => listeners.push(listener), ended };
}

/** Whether there was anything to kill. */
function killNow(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}

/** proc(5); none where the system does not tell. */
function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return text.split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
