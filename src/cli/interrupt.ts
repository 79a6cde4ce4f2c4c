import process from 'node:process';
import type { Terminal } from './terminal/terminal.ts';

/** Signals that ask a command to save and end: Ctrl-C, a normal kill, a closed terminal. */
export const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Asks this process to stop, as the signal would. On Windows, a real signal would end the process before it saves. */
export function askToStop(signal: NodeJS.Signals): void {
  if (!process.emit(signal, signal)) process.kill(process.pid, signal);
}

/** Milliseconds in which a second signal counts as the first one. npm forwards a Ctrl-C that the terminal has already sent. */
const SAME = 500;

/** Distinguishes the first stop request, its repetition, and a second one. @param now milliseconds */
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
 * A signal that aborts at the first stop request, so that the job saves. The second request ends the process at once.
 *
 * @param stopping called at the first request
 * @param isUnread whether nobody reads the output
 */
export function interruptSignal(
  terminal: Terminal,
  stopping: () => void = () => {},
  isUnread: () => boolean = () => false,
): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const request = stopRequests();
  const stop = () => {
    const which = request();
    if (which === 'second') process.exit(130);
    if (which !== 'first') return;
    controller.abort();
    stopping();
    if (!isUnread()) terminal.print(terminal.colours.yellow('stopping … (press Ctrl-C again to end at once)'));
  };
  for (const name of STOP_SIGNALS) process.on(name, stop);
  return {
    signal: controller.signal,
    release: () => {
      // A repeated signal must not end the process before it reports the stop.
      if (controller.signal.aborted) return;
      for (const name of STOP_SIGNALS) process.off(name, stop);
    },
  };
}
