import { existsSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { ThawError } from '../errors.ts';
import { settingName } from './flags.ts';

/** Names that c12 looks for, and in a config file that a run wrote what are no settings. */
const NAME = 'thaw.config';
const NO_SETTINGS = ['model', 'data'];

/**
 * The settings of `thaw.config.{ts,js,json,yaml,…}` in the working directory, or of the file named; none where there is none.
 * Names in kebab case are taken as well. Nothing else is looked at: no package.json, no home directory, no environment.
 *
 * @throws ThawError `not-found` for a named file that does not exist, `bad-config` for one that cannot be read
 */
export async function readConfigFile(file?: string): Promise<{ settings: Record<string, unknown>; file?: string }> {
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
  if (!loaded._configFile) return { settings: {} };
  const config: unknown = loaded.config;
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    throw new ThawError('bad-config', `${loaded._configFile} holds no settings`, 'Write them as name: value');
  }
  const settings = Object.entries(config)
    .map(([name, value]) => [settingName(name), value] as const)
    .filter(([name]) => !NO_SETTINGS.includes(name));
  return { settings: Object.fromEntries(settings), file: loaded._configFile };
}
