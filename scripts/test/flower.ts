/** A Python environment with the pinned Flower, for the tests that run a real federation. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { failureOf, outputOf, succeeds } from './commands.ts';
import type { PackageManager } from './packages.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const REQUIREMENTS = join(ROOT, 'scripts/test/flower-requirements.txt');
/** `npm ci` does not touch it. */
const FOLDER = join(ROOT, '.cache/test/flower');
const PYTHON = join(FOLDER, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
/** Written last. It contains the requirements, and the folder, because an environment cannot be moved. */
const STAMP = join(FOLDER, 'installed.txt');
/** Flower's own minimum. */
const [MAJOR, MINOR] = [3, 11];

const contents = () => `${FOLDER}\n${readFileSync(REQUIREMENTS, 'utf8')}`;

/**
 * The Python of `THAW_TEST_PYTHON`, or of the environment that `prepareFlower` created.
 *
 * @throws Error if the Python that the variable names has no Flower
 */
export function findFlower(): string | undefined {
  const { THAW_TEST_PYTHON: given } = process.env;
  if (given && !succeeds([given, '-c', 'import flwr.serverapp, safetensors']))
    throw new Error(`THAW_TEST_PYTHON is "${given}", which does not run or lacks flwr or safetensors`);
  if (given) return given;
  return existsSync(STAMP) && existsSync(PYTHON) && readFileSync(STAMP, 'utf8') === contents() ? PYTHON : undefined;
}

/** @returns why Flower is missing, or undefined if it is installed */
export async function prepareFlower(
  tell: (action: string) => void,
  manager: () => PackageManager | undefined,
): Promise<string | undefined> {
  if (findFlower()) return undefined;
  tell(`Installing Flower for the federation tests into ${FOLDER} (or set THAW_TEST_PYTHON to a Python with Flower)`);
  // Debian has the module for environments in a separate package.
  const failedPython = findPython() ? undefined : await manager()?.install('python');
  const python = findPython();
  if (!python) return failedPython ?? `there is no Python ${MAJOR}.${MINOR} or later with its module venv`;
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(dirname(FOLDER), { recursive: true });
  const pip = [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--no-input',
    '--disable-pip-version-check',
    '--only-binary',
    ':all:',
  ];
  const failed =
    (await failureOf([python, '-m', 'venv', FOLDER])) ?? (await failureOf([PYTHON, ...pip, '-r', REQUIREMENTS]));
  if (!failed) writeFileSync(STAMP, contents());
  return failed;
}

const COMMANDS = ['python3', 'python', 'python3.14', 'python3.13', 'python3.12', 'python3.11'];

const findPython = (): string | undefined =>
  COMMANDS.find((python) => isRecent(python) && succeeds([python, '-c', 'import ensurepip, venv']));

function isRecent(python: string): boolean {
  const version = outputOf([python, '-c', 'import sys; print(*sys.version_info[:2])']).trim().split(' ').map(Number);
  return version[0] === MAJOR && version[1] >= MINOR;
}
