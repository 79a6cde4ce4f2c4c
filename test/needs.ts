import type { TestOptions } from 'vitest';

declare module 'vitest' {
  interface TaskMeta {
    /** Why the test did not run. */
    needs?: string;
  }
}

/**
 * Options of a test, or of a group of tests, that only some machines can run. On others, the summary of the run names it.
 *
 * @param met whether this machine can run it
 * @param what the missing program or system, and how to get it
 */
export const needs = (met: unknown, what: string): TestOptions => (met ? {} : { skip: true, meta: { needs: what } });

/** For tests that send Ctrl-C to another process. On Windows, each signal ends that process at once. */
export const SIGNALS = needs(process.platform !== 'win32', 'signals between processes, which Windows has not');

/** What tests of named pipes need. */
export const PIPES = 'a system with named pipes in folders, which Windows has not';
