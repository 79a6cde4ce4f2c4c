import { ThawError } from '../errors.ts';

/**
 * Settings that only a run directory honours, with the value that asks for nothing; `undefined` if there is none. Everywhere else (pages,
 * Electron, threads, rounds of a federation in a page) they would be ignored.
 */
const ONLY_IN_RUNS: Readonly<Record<string, unknown>> = {
  task: 'classification',
  targets: undefined,
  threshold: undefined,
  embeddingSize: undefined,
  perClass: undefined,
  keepHead: false,
  labels: undefined,
  strict: false,
  verify: 'quick',
  pooling: undefined,
  maxLength: undefined,
  artifacts: false,
  saveEvery: undefined,
  cacheDisk: undefined,
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
