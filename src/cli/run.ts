import { readFileSync } from 'node:fs';
import { type ErrorCode, Stopped, ThawError } from '../errors.ts';
import { shortened } from '../graphemes.ts';
import { nearestHint } from '../nearest.ts';
import { withoutSecrets } from '../secrets.ts';
import type { CommandSpec } from './command.ts';
import { COMMANDS } from './commands/index.ts';
import { printable, printableJson } from './terminal/printable.ts';
import type { Sink } from './terminal/terminal.ts';

/** Streams and environment of the command line: parts of `process`. */
export interface CommandHost {
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether the reader of the output is gone, as in `thaw predict … | head`. */
  isUnread?(): boolean;
}

/** Whether the command needs a child process. ONNX Runtime can crash its process, and the system can kill it if memory runs out. */
export function computes([name, ...rest]: readonly string[]): boolean {
  return !asksForHelp(beforeDashes(rest)) && COMMANDS.some((command) => command.name === name && command.computes);
}

/** Whether the command prints JSON. Known before its arguments are checked, because a wrong argument is a failure too. */
export const asksForJson = (args: readonly string[]): boolean => beforeDashes(args).includes('--json');

const beforeDashes = (args: readonly string[]): readonly string[] =>
  args.includes('--') ? args.slice(0, args.indexOf('--')) : args;

const asksForHelp = (args: readonly string[]): boolean => args.includes('--help') || args.includes('-h');

/**
 * Runs the command line.
 *
 * @param args the arguments after `thaw`
 * @returns the exit code: 0 done, 1 a bug in Thaw, 2 an error that the user can fix, 130 interrupted by the user
 */
export async function runThaw(args: readonly string[], host: CommandHost): Promise<number> {
  try {
    return await dispatch(args, host);
  } catch (error) {
    return explain(asRefusal(error), { debug: args.includes('--debug'), json: asksForJson(args) }, host);
  }
}

const version = (): string =>
  (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }).version;

async function dispatch(args: readonly string[], host: CommandHost): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') return help(host, rest[0]);
  if (name === '--version' || name === '-v') {
    host.stdout.write(`${version()}\n`);
    return 0;
  }
  const spec = await load(name);
  if (asksForHelp(beforeDashes(rest))) return help(host, name);
  const [{ runCommand }, { cittyCommand }] = await Promise.all([import('citty'), import('./citty.ts')]);
  const { result } = await runCommand(cittyCommand(spec, host), { rawArgs: rest });
  return (result as number | undefined) ?? 0;
}

async function load(name: string): Promise<CommandSpec> {
  const found = COMMANDS.find((command) => command.name === name);
  if (found) return (await found.load()).command;
  if (name.startsWith('-')) throw new ThawError('bad-config', `unknown flag ${name}`, 'See thaw --help');
  const names = COMMANDS.map((command) => command.name);
  throw new ThawError('bad-config', `unknown command ${name}`, nearestHint(name, names));
}

/** Columns of help that goes to a file or a pipe. */
const PIPED = 100;

async function help(host: CommandHost, name?: string): Promise<number> {
  const [{ commandHelp, mainHelp }, { Terminal }] = await Promise.all([
    import('./help.ts'),
    import('./terminal/terminal.ts'),
  ]);
  const terminal = new Terminal({ json: false, ...host });
  const { colours } = terminal;
  const width = Number.isFinite(terminal.width) ? Math.min(120, Math.max(60, terminal.width)) : PIPED;
  const lines =
    name === undefined ? mainHelp(COMMANDS, version(), width, colours) : commandHelp(await load(name), width, colours);
  for (const line of lines) terminal.print(line);
  return 0;
}

/** System errors that the user can fix. */
const REFUSALS: Readonly<Record<string, [what: string, hint: string]>> = {
  EACCES: ['permission denied', 'Change the permissions'],
  EPERM: ['permission denied', 'Change the permissions'],
  EROFS: ['the file system is read-only', 'Choose another folder'],
  ENOSPC: ['the disk is full', 'Free some space'],
  EDQUOT: ['the disk quota is used up', 'Free some space'],
  EMFILE: ['too many files are open', 'Raise the limit (ulimit -n)'],
};

/** Turns a system error that the user can fix into a ThawError, and returns other errors unchanged. */
function asRefusal(error: unknown): unknown {
  const { code = '', path, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  const refusal = REFUSALS[code];
  return refusal && syscall
    ? new ThawError('not-found', `${path ?? `cannot ${syscall}`}: ${refusal[0]}`, refusal[1], { cause: error })
    : error;
}

/** Maximum length of an error line. It may quote the contents of a whole file. */
const LONGEST = 4000;

/** What went wrong, for a program: the only or the last JSON document of a command with `--json`. */
export interface Failure {
  /** The code of a `ThawError`, `stopped` if the user stopped the command, `ended` if its process was killed, or `bug`. */
  readonly code: ErrorCode | 'stopped' | 'ended' | 'bug';
  readonly message: string;
  readonly hint?: string;
}

export const failureLine = (failure: Failure): string =>
  `${printableJson(JSON.stringify({ type: 'error', ...failure }))}\n`;

/**
 * Prints the error on one line, and with `--json` also as a document.
 *
 * @returns the exit code: 1 a bug in Thaw, 2 an error that the user can fix, 130 interrupted
 */
function explain(error: unknown, { debug, json }: { debug: boolean; json: boolean }, host: CommandHost): number {
  const say = (text: string) => host.stderr.write(`${printable(withoutSecrets(text))}\n`);
  const report = (failure: Failure) => json && host.stdout.write(failureLine(failure));
  const stack = (error as Error)?.stack ?? String(error);
  if (error instanceof ThawError) {
    const { code, message, hint, line } = error;
    say(`thaw: ${shortened(line.replace(/\s*\n\s*/g, ' '), LONGEST)}`);
    report({ code, message: shortened(message, LONGEST), hint });
    if (debug) say(stack);
    return 2;
  }
  if ((error as Error)?.name === 'AbortError') {
    if (host.isUnread?.()) return 130;
    const saved = error instanceof Stopped ? error.message : 'nothing was saved yet';
    say(`thaw: stopped; ${saved}`);
    report({ code: 'stopped', message: saved });
    return 130;
  }
  const message = withoutSecrets(String((error as Error)?.message ?? error).split('\n')[0]);
  say(
    `thaw: this is a bug in Thaw: ${message}. ${debug ? 'Please report it with the lines below' : 'Run again with --debug and report the details'}`,
  );
  report({ code: 'bug', message });
  if (debug) say(stack);
  return 1;
}
