import { ThawError } from '../errors.ts';

/**
 * Settings that need files or a run directory, with the value that asks for nothing; `undefined` if there is none. Pages, Electron, threads
 * and their rounds of a federation have neither.
 */
const ONLY_IN_RUNS: Readonly<Record<string, unknown>> = {
  unknown: undefined,
  strict: false,
  verify: 'quick',
  artifacts: false,
  saveEvery: undefined,
  cacheDisk: undefined,
  threads: undefined,
};

/** @throws ThawError `bad-config` naming the first setting that cannot be honoured outside of a run directory */
export function refuseSettingsOfRuns(given: Readonly<Record<string, unknown>>): void {
  const found = Object.keys(ONLY_IN_RUNS).find(
    (name) => given[name] !== undefined && given[name] !== ONLY_IN_RUNS[name],
  );
  if (found === undefined) return;
  throw new ThawError(
    'bad-config',
    `setting ${found}: ${JSON.stringify(given[found])} is for \`thaw train\` and the Node library, and would be ignored here`,
    'Leave it out, or train with `thaw train`',
  );
}
