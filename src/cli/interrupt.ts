import type { Terminal } from './terminal/terminal.ts';

/** npm passes a Ctrl-C on that the terminal has sent already: what follows so soon, in milliseconds, is the same one. */
const SAME = 500;

/**
 * A signal that the first Ctrl-C (or a polite kill) aborts, so that the job saves itself; the second one ends the process at
 * once.
 */
export function interruptSignal(terminal: Terminal): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  let asked = 0;
  const stop = () => {
    if (controller.signal.aborted) {
      if (performance.now() - asked > SAME) process.exit(130);
      return;
    }
    asked = performance.now();
    controller.abort();
    terminal.say(terminal.colours.yellow('stopping … (press Ctrl-C again to end at once)'));
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return {
    signal: controller.signal,
    release: () => {
      // What is passed on once more must not end the process before it has said that it stops.
      if (controller.signal.aborted) return;
      process.off('SIGINT', stop);
      process.off('SIGTERM', stop);
    },
  };
}
