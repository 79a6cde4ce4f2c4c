import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { ThawError } from '../../../errors.ts';
import { TEMPLATES } from '../paths.ts';

const TEMPLATE = join(TEMPLATES, 'flower');
const PROJECT = 'pyproject.toml';

export interface FederatedAppRequest {
  /** The folder to write; it must be empty, if it is there. */
  readonly folder: string;
  /** As for a training; a path is made absolute, since Flower runs the app from another folder. */
  readonly model?: string;
  /** The classes of all machines together. */
  readonly labels?: readonly string[];
  /** Where the clients of a simulation have their images, `{}` being a client's number from 0. */
  readonly data?: string;
  readonly strategy?: string;
}

const STRATEGIES = ['fedavg', 'fedprox', 'fedadam'];

/**
 * Writes a Flower App whose clients train by `thaw round`.
 *
 * @returns its files, by their paths in the folder
 * @throws ThawError `run-directory` where the folder has something in it, `bad-config` for what the app could not be run with
 */
export async function writeFederatedApp(request: FederatedAppRequest): Promise<string[]> {
  const { folder, model, labels, data, strategy } = request;
  if (strategy !== undefined && !STRATEGIES.includes(strategy)) {
    throw new ThawError('bad-config', `there is no strategy "${strategy}"`, `Choose one of: ${STRATEGIES.join(', ')}`);
  }
  const comma = labels?.find((label) => label.includes(','));
  if (comma !== undefined) {
    throw new ThawError('bad-config', `the label "${comma}" has a comma in it`, 'The app keeps labels between commas');
  }
  if (data !== undefined && !data.includes('{}')) {
    throw new ThawError(
      'bad-config',
      `all clients of a simulation would have the same images, ${data}`,
      'Write {} for the number of the client, as in shares/{}',
    );
  }
  if (existsSync(folder) && (await readdir(folder)).length)
    throw new ThawError('run-directory', `${folder} is not empty`, 'Give a folder that is not there yet');
  const values = {
    model: model !== undefined && existsSync(model) ? resolve(model) : model,
    labels: labels?.join(','),
    'simulation-data': data === undefined ? undefined : resolve(data),
    out: resolve(folder, 'federation'),
    strategy,
  };
  const project = withValues(await readFile(join(TEMPLATE, PROJECT), 'utf8'), values);
  await mkdir(folder, { recursive: true });
  // What running the template where it lies may have left is no part of it.
  await cp(TEMPLATE, folder, { recursive: true, filter: (path) => basename(path) !== '__pycache__' });
  await writeFile(join(folder, PROJECT), project);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  return files.map((file) => file.slice(join(folder, '/').length)).sort();
}

/** The project with other values of its lines `key = "…"`. A JSON string is one of TOML, too. */
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
