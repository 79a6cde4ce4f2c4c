import { existsSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { ThawError } from '../errors.ts';
import { quoted, shownPath } from '../node/commands/paths.ts';
import { isPath } from '../node/models/resolve.ts';
import { lackingWords } from './command.ts';
import { settingName } from './flags.ts';

/** Name that c12 looks for. */
const NAME = 'thaw.config';
const SUBJECT = ['model', 'data'] as const;
/** Paths in a config file, which are no settings. */
const PATHS = [...SUBJECT, 'out'] as const;

export interface ConfigFile {
  readonly settings: Record<string, unknown>;
  readonly paths: { readonly [name in (typeof PATHS)[number]]?: string };
  /** Where it was found. */
  readonly file?: string;
}

/**
 * The settings of `thaw.config.{ts,js,json,yaml,…}` in the working directory, or of the file named; none where there is none.
 * Names in kebab case are taken as well. Nothing else is looked at: no package.json, no home directory, no environment.
 *
 * @throws ThawError `not-found` for a named file that does not exist, `bad-config` for one that cannot be read
 */
export async function readConfigFile(file?: string): Promise<ConfigFile> {
  if (file !== undefined && !existsSync(file)) {
    throw new ThawError('not-found', `there is no config file ${file}`, 'Check --config');
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
    throw new ThawError('bad-config', `cannot read ${file ?? NAME}: ${reason}`, 'Mend the file', { cause });
  });
  if (!loaded._configFile) return { settings: {}, paths: {} };
  const config: unknown = loaded.config;
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    throw new ThawError('bad-config', `${loaded._configFile} holds no settings`, 'Write them as name: value');
  }
  const entries = Object.entries(config).map(([name, value]) => [settingName(name), value] as const);
  const isPathName = (name: string) => (PATHS as readonly string[]).includes(name);
  const odd = entries.find(([name, value]) => isPathName(name) && typeof value !== 'string');
  if (odd) throw new ThawError('bad-config', `${loaded._configFile}: ${odd[0]} is no text`, 'Write a path');
  return {
    settings: Object.fromEntries(entries.filter(([name]) => !isPathName(name))),
    paths: Object.fromEntries(entries.filter(([name]) => isPathName(name))),
    file: loaded._configFile,
  };
}

/** Flags and the settings of a config file, over which they win. Whoever takes the settings checks them by its schema. */
export const withFlags = <V extends object>({ settings }: ConfigFile, flags: V): V => ({ ...settings, ...flags });

/**
 * The model and the data that a command is for: its words, or what its config file says where they are missing. Paths in it are seen from
 * the working directory, as those of words are.
 *
 * @throws ThawError `bad-config` where neither says it, `not-found` where what the file says is not there
 */
export function subjectOf(
  command: string,
  words: readonly string[],
  { paths, file }: ConfigFile,
): { readonly model: string; readonly data: string } {
  const chosen = SUBJECT.map((name, i) => ({ name, given: words[i], path: words[i] ?? paths[name] }));
  const lacking = chosen.filter(({ path }) => path === undefined);
  if (lacking.length) throw lackingWords(command, lacking);
  for (const { name, given, path } of chosen) {
    if (given !== undefined || existsSync(path!) || (name === 'model' && !isPath(path!))) continue;
    throw new ThawError(
      'not-found',
      `${file} says ${name}: ${path}, and there is no ${resolve(path!)}`,
      `Give both, thaw ${command} MODEL DATA --config ${quoted(shownPath(file!))}, or start where the paths hold`,
    );
  }
  const [model, data] = chosen.map(({ path }) => path!);
  return { model, data };
}
