import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { requireRequest, requireText, ThawError } from '../../../errors.ts';
import { TEMPLATES } from '../paths.ts';

const TEMPLATE = join(TEMPLATES, 'flower');
const PROJECT = 'pyproject.toml';

export interface FederatedAppRequest {
  /** The folder to write. It must be empty or absent. */
  readonly folder: string;
  /** As for a training. Thaw makes a path absolute, because Flower runs the app in another folder. */
  readonly model?: string;
  /** The classes of all machines. */
  readonly labels?: readonly string[];
  /** Image folder of each client of a simulation, with `{}` for the client's number, from 0. */
  readonly data?: string;
  readonly strategy?: string;
}

const STRATEGIES = ['fedavg', 'fedprox', 'fedadam'];

/**
 * Writes a Flower App with clients that train with `thaw round`.
 *
 * @returns its files, as paths relative to the folder
 * @throws ThawError `run-directory` if the folder is not empty, `bad-config` for values that the app could not use
 */
export async function writeFederatedApp(request: FederatedAppRequest): Promise<string[]> {
  requireRequest(request);
  const { folder, model, labels, data, strategy } = request;
  requireText(folder, 'folder', 'Give a folder to write');
  if (strategy !== undefined && !STRATEGIES.includes(strategy)) {
    throw new ThawError('bad-config', `unknown strategy "${strategy}"`, `Choose one of: ${STRATEGIES.join(', ')}`);
  }
  const comma = labels?.find((label) => label.includes(','));
  if (comma !== undefined) {
    throw new ThawError(
      'bad-config',
      `the label "${comma}" contains a comma`,
      'Rename the label: the app separates labels by commas',
    );
  }
  if (data !== undefined && !data.includes('{}')) {
    throw new ThawError(
      'bad-config',
      `all clients of a simulation would have the same images, ${data}`,
      'Use {} for the number of the client, such as shares/{}',
    );
  }
  if (existsSync(folder) && (await readdir(folder)).length)
    throw new ThawError('run-directory', `${folder} is not empty`, 'Give an empty or new folder');
  const values = {
    model: model !== undefined && existsSync(model) ? resolve(model) : model,
    labels: labels?.join(','),
    'simulation-data': data === undefined ? undefined : resolve(data),
    out: resolve(folder, 'federation'),
    strategy,
  };
  const project = withValues(await readFile(join(TEMPLATE, PROJECT), 'utf8'), values);
  await mkdir(folder, { recursive: true });
  // A template that was run in place contains a Python cache.
  await cp(TEMPLATE, folder, { recursive: true, filter: (path) => basename(path) !== '__pycache__' });
  await writeFile(join(folder, PROJECT), project);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  return files.map((file) => file.slice(join(folder, '/').length)).sort();
}

/** Replaces values in lines `key = "…"`. A JSON string is also a TOML string. */
function withValues(toml: string, values: Readonly<Record<string, string | undefined>>): string {
  let text = toml;
  for (const [key, value] of Object.entries(values)) {
    if (value === undefined) continue;
    const line = new RegExp(`^${key} = ".*"$`, 'm');
    if (!line.test(text)) throw new Error(`the template's ${PROJECT} has no ${key}`);
    text = text.replace(line, () => `${key} = ${JSON.stringify(value)}`);
  }
  return text;
}
