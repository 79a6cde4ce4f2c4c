import { existsSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { ThawError } from '../errors.ts';
import { quoted, shownPath } from '../node/commands/paths.ts';
import { isPath } from '../node/models/resolve.ts';
import type { TrackerSink } from '../node/tracking/index.ts';
import { missingArguments } from './command.ts';
import { settingName } from './flags.ts';

/** File name without extension. */
const NAME = 'thaw.config';
const MODEL_AND_DATA = ['model', 'data'] as const;
/** Paths in a config file. They are not settings. */
const PATHS = [...MODEL_AND_DATA, 'out'] as const;
/** Texts of experiment trackers. They are not settings of a run either. */
const TRACKING_TEXTS = ['mlflow', 'experiment'] as const;
const TRACKING = [...TRACKING_TEXTS, 'logModel', 'sinks'] as const;

export interface ConfigFile {
  readonly settings: Record<string, unknown>;
  readonly paths: { readonly [name in (typeof PATHS)[number]]?: string };
  readonly tracking: {
    readonly [name in (typeof TRACKING_TEXTS)[number]]?: string;
  } & { readonly logModel?: boolean; readonly sinks?: readonly TrackerSink[] };
  /** The path of the file that was read. */
  readonly file?: string;
}

/**
 * Reads `thaw.config.{ts,js,json,yaml,…}` in the working directory, or the named file. Without a file, there are no settings. Names in
 * kebab case work too. Thaw reads nothing else: no package.json, no home directory, no environment.
 *
 * @throws ThawError `not-found` for a named file that does not exist, `bad-config` for one that cannot be read
 */
export async function readConfigFile(file?: string): Promise<ConfigFile> {
  if (file !== undefined && !existsSync(file)) {
    throw new ThawError('not-found', `config file ${file} does not exist`, 'Check --config');
  }
  const { loadConfig } = await import('c12');
  const loaded = await loadConfig({
    name: 'thaw',
    cwd: file === undefined ? process.cwd() : dirname(resolve(file)),
    configFile: file === undefined ? NAME : basename(file),
    rcFile: false,
    packageJson: false,
    dotenv: false,
    envName: false,
    extend: false,
    giget: false,
  }).catch((cause) => {
    const reason = String((cause as Error).message).split('\n')[0];
    throw new ThawError('bad-config', `cannot read ${file ?? NAME}: ${reason}`, 'Fix the file', { cause });
  });
  if (!loaded._configFile) return { settings: {}, paths: {}, tracking: {} };
  const config: unknown = loaded.config;
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    throw new ThawError('bad-config', `${loaded._configFile} contains no settings`, 'Write them as name: value');
  }
  const entries = Object.entries(config).map(([name, value]) => [settingName(name), value] as const);
  const among = (names: readonly string[]) => entries.filter(([name]) => names.includes(name));
  const odd = among([...PATHS, ...TRACKING_TEXTS]).find(([, value]) => typeof value !== 'string');
  if (odd) throw new ThawError('bad-config', `${loaded._configFile}: ${odd[0]} must be a text`, 'Write a text');
  const [other] = among(['logModel']).filter(([, value]) => typeof value !== 'boolean');
  if (other)
    throw new ThawError('bad-config', `${loaded._configFile}: logModel must be true or false`, 'Write true or false');
  const apart: readonly string[] = [...PATHS, ...TRACKING];
  return {
    settings: Object.fromEntries(entries.filter(([name]) => !apart.includes(name))),
    paths: Object.fromEntries(among(PATHS)),
    tracking: Object.fromEntries(among(TRACKING)),
    file: loaded._configFile,
  };
}

/** Merges the settings of a config file with flags, which win. The job's schema checks the result. */
export const withFlags = <V extends object>({ settings }: ConfigFile, flags: V): V => ({ ...settings, ...flags });

/**
 * The model and the data of a command: its arguments, or the entries of its config file. Relative paths in the file start at the working
 * directory, like those in arguments.
 *
 * @throws ThawError `bad-config` if both are missing, `not-found` if a path from the file does not exist
 */
export function modelAndDataOf(
  command: string,
  positionals: readonly string[],
  { paths, file }: ConfigFile,
): { readonly model: string; readonly data: string } {
  const chosen = MODEL_AND_DATA.map((name, i) => ({
    name,
    given: positionals[i],
    path: positionals[i] ?? paths[name],
  }));
  const lacking = chosen.filter(({ path }) => path === undefined);
  if (lacking.length) throw missingArguments(command, lacking);
  for (const { name, given, path } of chosen) {
    if (given !== undefined || existsSync(path!) || (name === 'model' && !isPath(path!))) continue;
    throw new ThawError(
      'not-found',
      `${file} has ${name}: ${path}, but ${resolve(path!)} does not exist`,
      `Give both, thaw ${command} MODEL DATA --config ${quoted(shownPath(file!))}, or run thaw where the paths exist`,
    );
  }
  const [model, data] = chosen.map(({ path }) => path!);
  return { model, data };
}
