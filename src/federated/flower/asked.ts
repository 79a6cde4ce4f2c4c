import { type Selection, slowPatterns } from '../../compiler/surgery/index.ts';
import { ThawError } from '../../errors.ts';
import type { TrainSettingsInput } from '../../session/index.ts';

/** What a run may ask of a machine at most, by settings. Experiments stay far below. */
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

/** Pixels of a batch, where the run says the size of images. */
const MOST_PIXELS = 2 ** 27;

/** Of a machine's memory and disk it decides itself. */
const OWN = ['cacheMemory', 'cacheDisk', 'memory'];

/** Where settings choose layers by their names. */
const CHOOSING = ['trainable', 'thaw', 'groupRates', 'dropout', 'lora.targets', 'stages.train', 'stages.groupRates'];

/**
 * The settings that a run of a federation asks for, which come from a stranger: `readSettings` says whether they make sense, and this
 * whether one machine can do them.
 *
 * @throws ThawError `bad-config` for what would take all memory, or all time
 */
export function readAskedSettings(given: unknown): TrainSettingsInput {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw refused('the settings of the run are no settings', 'Check settings in the pyproject.toml of the app');
  const settings = Object.fromEntries(Object.entries(given).filter(([name]) => !OWN.includes(name)));
  for (const [path, most] of Object.entries(MOST)) {
    for (const value of valuesAt(settings, path)) {
      if (!(Number(value) > most)) continue;
      throw refused(`the run asks for ${path} ${String(value).slice(0, 40)}`, `A node takes ${most} at most`);
    }
  }
  const { batch = 16, size = 1, width = size, height = size } = settings as Record<string, number>;
  if (batch * width * height > MOST_PIXELS)
    throw refused(`the run asks for batches of ${batch} images of ${width} x ${height}`, 'Choose a smaller batch');
  for (const path of CHOOSING) {
    for (const value of valuesAt(settings, path)) {
      const [slow] = slowPatterns(selectionIn(value));
      if (slow === undefined) continue;
      const what = `the run chooses layers by ${slow.slice(0, 60)}, and a node takes names and up to three * from others`;
      throw refused(what, 'Write the layers out, or name layer groups: thaw inspect lists them');
    }
  }
  return settings as TrainSettingsInput;
}

/** What settings have at a path; of lists in it each entry, and `length`. */
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

/** A selection, or an object by selections. */
function selectionIn(value: unknown): Selection {
  const names = Array.isArray(value)
    ? value
    : typeof value === 'object' && value !== null
      ? Object.keys(value)
      : [value];
  return names.filter((name): name is string => typeof name === 'string');
}

const refused = (message: string, hint: string) => new ThawError('bad-config', message, hint);
