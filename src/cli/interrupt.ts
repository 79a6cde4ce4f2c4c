import process from 'node:process';
import type { Terminal } from './terminal/terminal.ts';

/** Signals that ask a command to save and end: Ctrl-C, a polite kill, a terminal that closes. */
export const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Asks this process to stop, as the signal would. On Windows, a signal from a process ends the other one before it saves. */
export function askToStop(signal: NodeJS.Signals): void {
  if (!process.emit(signal, signal)) process.kill(process.pid, signal);
}

/** npm passes on a Ctrl-C that the terminal has sent already. A signal this soon after the first is the same one; milliseconds. */
const SAME = 500;

/** Tells the first request to stop from a second one. @param now milliseconds */
export function stopRequests(now = () => performance.now()): () => 'first' | 'repeated' | 'second' {
  let first: number | undefined;
  return () => {
    if (first === undefined) {
      first = now();
      return 'first';
    }
    return now() - first > SAME ? 'second' : 'repeated';
  };
}

/**
 * A signal that the first request to stop aborts, so that the job saves itself. The second one ends the process at once.
 *
 * @param stopping called at the first request
 */
export function interruptSignal(
  terminal: Terminal,
  stopping: () => void = () => {},
): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const request = stopRequests();
  const stop = () => {
    const which = request();
    if (which === 'second') process.exit(130);
    if (which !== 'first') return;
    controller.abort();
    stopping();
    terminal.say(terminal.colours.yellow('stopping … (press Ctrl-C again to end at once)'));
  };
  for (const name of STOP_SIGNALS) process.on(name, stop);
  return {
    signal: controller.signal,
    release: () => {
      // A signal that is passed on once more must not end the process before it has reported that it stops.
      if (controller.signal.aborted) return;
      for (const name of STOP_SIGNALS) process.off(name, stop);
    },
  };
}
