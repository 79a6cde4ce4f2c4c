import { readFileSync } from 'node:fs';
import { ThawError } from '../errors.ts';
import { shortened } from '../graphemes.ts';
import { nearestHint } from '../nearest.ts';
import { withoutSecrets } from '../secrets.ts';
import type { CommandSpec } from './command.ts';
import { COMMANDS } from './commands/index.ts';
import { printable } from './terminal/printable.ts';
import type { Sink } from './terminal/terminal.ts';

/** Where the command line reads and writes: parts of `process`. */
export interface RunEnvironment {
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Whether the words ask for what ONNX Runtime computes; it ends its process at some models, and the system does where memory runs out. */
export function computes([name, ...rest]: readonly string[]): boolean {
  const before = rest.includes('--') ? rest.slice(0, rest.indexOf('--')) : rest;
  return !asksForHelp(before) && COMMANDS.some((command) => command.name === name && command.computes);
}

const asksForHelp = (words: readonly string[]): boolean => words.includes('--help') || words.includes('-h');

/**
 * The command line.
 *
 * @param words what follows `thaw`
 * @returns the exit code: 0 done, 2 where the user can mend it, 1 for a bug of ours, 130 where they stopped it
 */
export async function runThaw(words: readonly string[], environment: RunEnvironment): Promise<number> {
  try {
    return await dispatch(words, environment);
  } catch (error) {
    return explain(asRefusal(error), words.includes('--debug'), environment.stderr);
  }
}

const version = (): string =>
  (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }).version;

async function dispatch(words: readonly string[], environment: RunEnvironment): Promise<number> {
  const [name, ...rest] = words;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') return help(environment, rest[0]);
  if (name === '--version' || name === '-v') {
    environment.stdout.write(`${version()}\n`);
    return 0;
  }
  const spec = await load(name);
  const before = rest.includes('--') ? rest.slice(0, rest.indexOf('--')) : rest;
  if (asksForHelp(before)) return help(environment, name);
  const [{ runCommand }, { cittyCommand }] = await Promise.all([import('citty'), import('./citty.ts')]);
  const { result } = await runCommand(cittyCommand(spec, environment), { rawArgs: rest });
  return (result as number | undefined) ?? 0;
}

async function load(name: string): Promise<CommandSpec> {
  const found = COMMANDS.find((command) => command.name === name);
  if (found) return (await found.load()).command;
  if (name.startsWith('-')) throw new ThawError('bad-config', `there is no flag ${name} here`, 'See thaw --help');
  const names = COMMANDS.map((command) => command.name);
  throw new ThawError('bad-config', `there is no command ${name}`, nearestHint(name, names));
}

async function help(environment: RunEnvironment, name?: string): Promise<number> {
  const [{ commandHelp, mainHelp }, { Terminal }] = await Promise.all([
    import('./help.ts'),
    import('./terminal/terminal.ts'),
  ]);
  const terminal = new Terminal({ json: false, ...environment });
  const { colours } = terminal;
  const width = Math.min(120, Math.max(60, terminal.width));
  const lines =
    name === undefined ? mainHelp(COMMANDS, version(), width, colours) : commandHelp(await load(name), width, colours);
  for (const line of lines) terminal.say(line);
  return 0;
}

/** What the system refuses and the user can grant. */
const REFUSALS: Readonly<Record<string, [what: string, hint: string]>> = {
  EACCES: ['permission denied', 'Change its permissions'],
  EPERM: ['permission denied', 'Change its permissions'],
  EROFS: ['the file system is read only', 'Choose another place'],
  ENOSPC: ['the disk is full', 'Make room'],
  EDQUOT: ['the disk quota is used up', 'Make room'],
  EMFILE: ['too many files are open', 'Raise the limit (ulimit -n)'],
};

/** The system's refusal as an error that the user can mend; any other error as it is. */
function asRefusal(error: unknown): unknown {
  const { code = '', path, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  const refusal = REFUSALS[code];
  return refusal && syscall
    ? new ThawError('not-found', `${path ?? `cannot ${syscall}`}: ${refusal[0]}`, refusal[1], { cause: error })
    : error;
}

/** Characters of an error's line: what it quotes may be a file's whole contents. */
const LONGEST = 4000;

/** What went wrong, on one line: 2 where the user can mend it, 130 where they stopped it, 1 where it is a bug of ours. */
function explain(error: unknown, debug: boolean, stderr: Sink): number {
  const say = (text: string) => stderr.write(`${printable(withoutSecrets(text))}\n`);
  const stack = (error as Error)?.stack ?? String(error);
  if (error instanceof ThawError) {
    say(`thaw: ${shortened(error.line.replace(/\s*\n\s*/g, ' '), LONGEST)}`);
    if (debug) say(stack);
    return 2;
  }
  if ((error as Error)?.name === 'AbortError') {
    say('thaw: stopped; there was nothing to save yet');
    return 130;
  }
  const message = String((error as Error)?.message ?? error).split('\n')[0];
  say(
    `thaw: this is a bug in Thaw: ${message}. ${debug ? 'Please report it with the lines below' : 'Run it again with --debug for the details to report'}`,
  );
  if (debug) say(stack);
  return 1;
}
