/** The command line as it works in a process of its own, so that what ends that process does not end it without a word. */
import { type ChildProcess, fork } from 'node:child_process';
import { writeSync } from 'node:fs';
import process from 'node:process';
import { createInterface } from 'node:readline';
import tty from 'node:tty';
import { stripVTControlCharacters } from 'node:util';
import { Worker } from 'node:worker_threads';
import { askToStop, STOP_SIGNALS, stopRequests } from './interrupt.ts';
import { printable } from './terminal/printable.ts';
import type { Sink } from './terminal/terminal.ts';

/** Tells a process that it is such a child. */
const CHILD = 'THAW_CHILD';
/** Where a child finds the stderr that people read; its own tells what ONNX Runtime says. */
const PEOPLE = 4;
/** Characters of what it said last. */
const REMEMBERED = 4000;
/** Milliseconds in which a child that is not busy reports that it stops. */
const BUSY = 1000;

export const isChild = (): boolean => process.env[CHILD] !== undefined && process.send !== undefined;

/** How a child ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Whether the parent killed it, because the user asked twice to stop. */
  readonly killed: boolean;
  /** What was said on its stderr at last, by others than Thaw. */
  readonly words: string;
  /** The run directory that it worked on. */
  readonly run?: string;
}

/**
 * Does in a child process what the words ask for. The first request to stop is passed on, so that the child saves itself. The second one
 * kills it: a child whose main thread is busy (a step of minutes, a loop without end) would not hear it. Files are whole at any instant.
 */
export function inChild(words: readonly string[]): Promise<Ended> {
  const child = fork(process.argv[1], words, {
    env: { ...process.env, [CHILD]: '1' },
    stdio: ['inherit', 'inherit', 'pipe', 'ipc', 'inherit'].map((way, i) => (i === PEOPLE ? 2 : way)) as never,
  });
  return new Promise((resolve, reject) => {
    const said = listenTo(child);
    const request = stopRequests();
    let killed = false;
    let unheard: NodeJS.Timeout | undefined;
    // Ctrl-C in a terminal reaches the child directly, too.
    const stop = (signal: NodeJS.Signals) => {
      const which = request();
      if (which === 'second') killed = child.kill('SIGKILL');
      else if (child.connected) child.send({ stop: signal } satisfies Request, () => {});
      if (which !== 'first') return;
      unheard = setTimeout(() => {
        if (!said().stopping)
          process.stderr.write('stopping once the current step is done … (press Ctrl-C again to end at once)\n');
      }, BUSY);
    };
    for (const name of STOP_SIGNALS) process.on(name, stop);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(unheard);
      for (const name of STOP_SIGNALS) process.off(name, stop);
      const { words, run } = said();
      resolve({ code, signal, killed, words, run });
    });
  });
}

/** From the child. */
type Message = { readonly run: string } | { readonly stopping: true };
/** To the child. Not as a signal: on Windows, that would end it before it saves. */
type Request = { readonly stop: NodeJS.Signals };

function listenTo(child: ChildProcess): () => Pick<Ended, 'words' | 'run'> & { readonly stopping: boolean } {
  let words = '';
  let run: string | undefined;
  let stopping = false;
  // ONNX Runtime colours its warnings, and names in them are a model's.
  createInterface({ input: child.stderr! }).on('line', (raw) => {
    const line = `${printable(stripVTControlCharacters(raw))}\n`;
    process.stderr.write(line);
    words = (words + line).slice(-REMEMBERED);
  });
  child.on('message', (message: Message) => {
    if ('run' in message) run = message.run;
    else stopping = true;
  });
  return () => ({ words, run, stopping });
}

const tell = (message: Message): void => {
  if (isChild()) process.send!(message);
};

/** Tells the parent that this process has heard a request to stop. */
export const tellStopping = (): void => tell({ stopping: true });

/** What a child does first. @param unread called when nobody reads what it says any more @returns where people read its stderr */
export function beginChild(unread: () => void): Sink {
  // The parent, where this system does not tell who it is.
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  process.on('message', ({ stop }: Request) => askToStop(stop));
  process.channel?.unref();
  new Worker(new URL('./orphan.js', import.meta.url), { workerData: process.ppid, execArgv: [] }).unref();
  return tty.isatty(PEOPLE) ? new tty.WriteStream(PEOPLE) : { write: (text) => writeAll(text, unread) };
}

/** A listener that tells the parent on which run directory this process works, or on which folder of a sweep. */
export function tellingRun<E extends { readonly type: string }>(take: (event: E) => void): (event: E) => void {
  let folder: string | undefined;
  return (event) => {
    // The runs of a sweep go on with it.
    if (folder === undefined && (event.type === 'run' || event.type === 'sweep') && 'path' in event) {
      folder = String(event.path);
      tell({ run: folder });
    }
    take(event);
  };
}

function writeAll(text: string, unread: () => void): void {
  let bytes = Buffer.from(text);
  while (bytes.length) {
    try {
      bytes = bytes.subarray(writeSync(PEOPLE, bytes));
    } catch (error) {
      // A pipe that is full has room later; one that is closed, or a disk that is full, has none.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') {
        unread();
        return;
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}
