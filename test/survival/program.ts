/** The command line in one piece, as quick to start as the built one, and processes of it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Bundles `thaw` where it finds the embedded model as from `dist/cli`. @param name of its folder: one for each that builds at a time */
export async function buildThaw(name: string): Promise<string> {
  const outdir = join(ROOT, '.cache', `thaw-${name}`);
  await build({
    entryPoints: [join(ROOT, 'src/cli/main.ts')],
    outdir,
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'silent',
  });
  return join(outdir, 'main.js');
}

export interface Ended {
  /** null where it was killed. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** From start to end. */
  readonly milliseconds: number;
}

export interface Running {
  readonly child: ChildProcess;
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
  const ended = once(child, 'close').then(
    ([code]): Ended => ({ code, stdout, stderr, milliseconds: performance.now() - began }),
  );
  return { child, onLine: (listener) => listeners.push(listener), ended };
}
