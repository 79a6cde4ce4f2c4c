/** Runs a command in a child process, so that Thaw can report why that process ended when ONNX Runtime or the system kills it. */
import { type ChildProcess, fork } from 'node:child_process';
import { writeSync } from 'node:fs';
import process from 'node:process';
import { createInterface } from 'node:readline';
import tty from 'node:tty';
import { stripVTControlCharacters } from 'node:util';
import { Worker } from 'node:worker_threads';
import { availableCores } from '../runtime/node/cores.ts';
import { NO_TELEMETRY } from '../runtime/node/telemetry.ts';
import { askToStop, STOP_SIGNALS, stopRequests } from './interrupt.ts';
import { printable } from './terminal/printable.ts';
import type { Sink } from './terminal/terminal.ts';

/** Environment variable that marks a child. */
const CHILD_VARIABLE = 'THAW_CHILD';
/** The child's file descriptor for the parent's stderr. Its own stderr is a pipe, which carries the output of ONNX Runtime. */
const PARENT_STDERR = 4;
/** Characters of the child's stderr to keep. */
const MAX_OUTPUT = 4000;
/** Milliseconds within which a child that is not busy confirms a stop request. */
const CONFIRM_WITHIN = 1000;

export const isChild = (): boolean => process.env[CHILD_VARIABLE] !== undefined && process.send !== undefined;

/** How a child ended. */
export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Whether the parent killed it, because the user asked twice to stop. */
  readonly killed: boolean;
  /** The last output of the child's stderr, which Thaw itself does not write to. */
  readonly output: string;
  /** The run directory that the child worked on. */
  readonly run?: string;
}

/**
 * Environment variables of the process that computes, unless the user sets them. glibc reads those of `MALLOC`: decoded images of several
 * threads leave gaps in many heaps, and large pieces that are freed would stay in the process (docs/lab/2026-12-whole-trainings.md).
 */
export const childEnvironment = (): Readonly<Record<string, string>> => ({
  // Node's own default is 4 threads, so only 4 images would be decoded at a time.
  UV_THREADPOOL_SIZE: String(Math.max(4, availableCores())),
  ...NO_TELEMETRY,
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_THRESHOLD_: String(2 ** 20),
});

/**
 * Runs the command in a child process. The first stop request goes to the child, which saves and ends. The second one kills it, because a
 * child with a busy main thread (a long step, an endless loop) does not react. Files on disk are complete at any time.
 */
export function runInChild(args: readonly string[]): Promise<ChildExit> {
  const child = fork(process.argv[1], args, {
    env: { ...childEnvironment(), ...process.env, [CHILD_VARIABLE]: '1' },
    stdio: ['inherit', 'inherit', 'pipe', 'ipc', 'inherit'].map((way, i) => (i === PARENT_STDERR ? 2 : way)) as never,
  });
  return new Promise((resolve, reject) => {
    const state = listenTo(child);
    const request = stopRequests();
    let killed = false;
    let unconfirmed: NodeJS.Timeout | undefined;
    // In a terminal, Ctrl-C also reaches the child directly.
    const stop = (signal: NodeJS.Signals) => {
      const which = request();
      if (which === 'second') killed = child.kill('SIGKILL');
      else if (child.connected) child.send({ stop: signal } satisfies Request, () => {});
      if (which !== 'first') return;
      unconfirmed = setTimeout(() => {
        if (!state().stopping)
          process.stderr.write('stopping once the current step is done … (press Ctrl-C again to end at once)\n');
      }, CONFIRM_WITHIN);
    };
    for (const name of STOP_SIGNALS) process.on(name, stop);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(unconfirmed);
      for (const name of STOP_SIGNALS) process.off(name, stop);
      const { output, run } = state();
      resolve({ code, signal, killed, output, run });
    });
  });
}

/** From the child to the parent. */
type Message = { readonly run: string } | { readonly stopping: true };
/** From the parent to the child. On Windows, a signal would end the child before it saves. */
type Request = { readonly stop: NodeJS.Signals };

function listenTo(child: ChildProcess): () => Pick<ChildExit, 'output' | 'run'> & { readonly stopping: boolean } {
  let output = '';
  let run: string | undefined;
  let stopping = false;
  // ONNX Runtime colours its warnings, and they contain names from the model.
  createInterface({ input: child.stderr! }).on('line', (raw) => {
    const line = `${printable(stripVTControlCharacters(raw))}\n`;
    process.stderr.write(line);
    output = (output + line).slice(-MAX_OUTPUT);
  });
  child.on('message', (message: Message) => {
    if ('run' in message) run = message.run;
    else stopping = true;
  });
  return () => ({ output, run, stopping });
}

const sendToParent = (message: Message): void => {
  if (isChild()) process.send!(message);
};

/** Confirms a stop request to the parent. */
export const reportStopping = (): void => sendToParent({ stopping: true });

/**
 * Sets up a child process.
 *
 * @param unread called when the reader of stderr is gone
 * @returns the parent's stderr
 */
export function setUpChild(unread: () => void): Sink {
  // Ends the child with its parent, on systems that do not report the parent's process id.
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  process.on('message', ({ stop }: Request) => askToStop(stop));
  process.channel?.unref();
  new Worker(new URL('./orphan.js', import.meta.url), { workerData: process.ppid, execArgv: [] }).unref();
  return tty.isatty(PARENT_STDERR) ? new tty.WriteStream(PARENT_STDERR) : { write: (text) => writeAll(text, unread) };
}

/** Wraps a listener so that it also reports the run directory, or the folder of a sweep, to the parent. */
export function reportingRun<E extends { readonly type: string }>(listener: (event: E) => void): (event: E) => void {
  let folder: string | undefined;
  return (event) => {
    // A sweep is resumed as a whole, so the first folder counts.
    if (folder === undefined && (event.type === 'run' || event.type === 'sweep') && 'path' in event) {
      folder = String(event.path);
      sendToParent({ run: folder });
    }
    listener(event);
  };
}

function writeAll(text: string, unread: () => void): void {
  let bytes = Buffer.from(text);
  while (bytes.length) {
    try {
      bytes = bytes.subarray(writeSync(PARENT_STDERR, bytes));
    } catch (error) {
      // A full pipe drains later. A closed pipe or a full disk does not recover.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') {
        unread();
        return;
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}
