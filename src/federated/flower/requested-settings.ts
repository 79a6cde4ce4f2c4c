import { type Selection, slowPatterns } from '../../compiler/surgery/index.ts';
import { ThawError } from '../../errors.ts';
import type { TrainSettingsInput } from '../../session/index.ts';

/** Upper limits for a run's settings. Real experiments stay far below. */
const MOST: Readonly<Record<string, number>> = {
  batch: 4096,
  accumulate: 4096,
  perClass: 4096,
  embeddingSize: 65_536,
  maxLength: 65_536,
  size: 8192,
  width: 8192,
  height: 8192,
  views: 1000,
  epochs: 10_000,
  'lora.rank': 4096,
  'stages.length': 100,
  'stages.epochs': 10_000,
};

/** Maximum pixels of a batch, if the run sets the image size. */
const MOST_PIXELS = 2 ** 27;

/** Settings that each machine chooses itself: its memory, disk and threads. */
const OWN = ['cacheMemory', 'cacheDisk', 'memory', 'threads'];

/** Settings that select layers by name. */
const CHOOSING = ['trainable', 'thaw', 'groupRates', 'dropout', 'lora.targets', 'stages.train', 'stages.groupRates'];

/**
 * Checks the settings of a run, which come from a foreign server. `readSettings` checks their meaning; this checks that one machine can
 * handle them.
 *
 * @throws ThawError `bad-config` for settings that would need too much memory or time
 */
export function readRequestedSettings(given: unknown): TrainSettingsInput {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw refused('the settings of the run are not an object', 'Check settings in the pyproject.toml of the app');
  const settings = Object.fromEntries(Object.entries(given).filter(([name]) => !OWN.includes(name)));
  for (const [path, most] of Object.entries(MOST)) {
    for (const value of valuesAt(settings, path)) {
      if (!(Number(value) > most)) continue;
      throw refused(`the run requests ${path} ${String(value).slice(0, 40)}`, `A node accepts at most ${most}`);
    }
  }
  const { batch = 16, size = 1, width = size, height = size } = settings as Record<string, number>;
  if (batch * width * height > MOST_PIXELS)
    throw refused(`the run requests batches of ${batch} images of ${width} x ${height}`, 'Choose a smaller batch');
  for (const path of CHOOSING) {
    for (const value of valuesAt(settings, path)) {
      const [slow] = slowPatterns(selectionIn(value));
      if (slow === undefined) continue;
      const what = `the run selects layers by ${slow.slice(0, 60)}, but a node only accepts names with up to three * from others`;
      throw refused(what, 'List the layers, or use layer groups (see thaw inspect)');
    }
  }
  return settings as TrainSettingsInput;
}

/** Values of settings at a path. For lists, each entry and `length`. */
function valuesAt(settings: unknown, path: string): unknown[] {
  return path.split('.').reduce<unknown[]>(
    (values, name) =>
      values.flatMap((value) => {
        const entries = Array.isArray(value) && name !== 'length' ? value : [value];
        return entries.map((entry) => (entry as Record<string, unknown> | null | undefined)?.[name]);
      }),
    [settings],
  );
}

/** A selection, or the selections that are the keys of an object. */
function selectionIn(value: unknown): Selection {
  const names = Array.isArray(value)
    ? value
    : typeof value === 'object' && value !== null
      ? Object.keys(value)
      : [value];
  return names.filter((name): name is string => typeof name === 'string');
}

const refused = (message: string, hint: string) => new ThawError('bad-config', message, hint);
