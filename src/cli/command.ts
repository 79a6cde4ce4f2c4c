import { type ArgsDef, type CommandDef, defineCommand } from 'citty';
import { ThawError } from '../errors.ts';
import { nearestHint } from '../nearest.ts';
import { type Flags, flagValues, REPEATED } from './flags.ts';
import type { Terminal } from './terminal/terminal.ts';

/** A command, as its file describes it. */
export interface CommandSpec {
  readonly name: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  /** More, for its own help. */
  readonly description?: string;
  readonly words: readonly Word[];
  readonly flags: Flags;
  readonly examples?: readonly string[];
  /** @returns the exit code, 0 if nothing */
  run(context: CommandContext): Promise<number | undefined>;
}

/** A word that is no flag: `<model>`. */
export interface Word {
  readonly name: string;
  readonly does: string;
  readonly optional?: boolean;
  /** The config file may say it instead. */
  readonly inConfig?: boolean;
  /** The last one may take all that follow. */
  readonly many?: boolean;
}

export interface CommandContext {
  readonly words: readonly string[];
  /** Values of the flags that were given, by setting name, those of every command left out. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly terminal: Terminal;
  /** Aborted by the first Ctrl-C. */
  readonly signal: AbortSignal;
}

/** What every command takes. */
export const COMMON: Flags = {
  json: { kind: 'switch', does: 'print JSON on stdout; all that people read goes to stderr', under: 'Everywhere' },
  debug: { kind: 'switch', does: 'print stack traces of errors', under: 'Everywhere' },
  help: { kind: 'switch', does: 'print this', under: 'Everywhere' },
};

export const allFlags = ({ flags }: CommandSpec): Flags => ({ ...flags, ...COMMON });

/** The command as citty runs it. */
export function cittyCommand(
  spec: CommandSpec,
  context: Omit<CommandContext, 'words' | 'values'>,
): CommandDef<ArgsDef> {
  return defineCommand({
    meta: { name: spec.name, description: spec.summary },
    args: Object.fromEntries(
      Object.entries(allFlags(spec)).map(([name, { kind, does }]) => [
        name,
        { type: kind === 'switch' ? 'boolean' : 'string', description: does },
      ]),
    ) as ArgsDef,
    run({ args }) {
      checkWords(spec, args._);
      const given = Object.keys(spec.flags).filter((name) => args[name] !== undefined);
      const values = flagValues(spec.flags, Object.fromEntries(given.map((name) => [name, args[name] as string])));
      return spec.run({ ...context, words: args._, values });
    },
  });
}

function checkWords({ name, words }: CommandSpec, given: readonly string[]): void {
  const missing = words.filter((word, i) => !word.optional && !word.inConfig && i >= given.length);
  if (missing.length) throw lackingWords(name, missing);
  if (given.length > words.length && !words.at(-1)?.many) {
    throw new ThawError(
      'bad-config',
      `thaw ${name} does not know what to do with "${given[words.length]}"`,
      `See thaw ${name} --help`,
    );
  }
}

export const lackingWords = (command: string, words: readonly Pick<Word, 'name'>[]): ThawError =>
  new ThawError(
    'bad-config',
    `thaw ${command} needs ${words.map(({ name }) => `<${name}>`).join(' and ')}`,
    `See thaw ${command} --help`,
  );

/**
 * Checks the flags among a command's words, which citty does not, and writes each with its value as one word.
 *
 * @throws ThawError `bad-config` for a flag that is unknown, lacks its value or comes twice
 */
export function checkedWords(spec: CommandSpec, words: readonly string[]): string[] {
  const flags = allFlags(spec);
  const given = new Map<string, string>();
  const plain: string[] = [];
  const fail = (message: string, hint: string): never => {
    throw new ThawError('bad-config', message, hint);
  };
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    if (word === '--') {
      plain.push(...words.slice(i + 1));
      break;
    }
    if (!isFlag(word)) {
      plain.push(word);
      continue;
    }
    const [, written, inline] = /^--?([^=]*)(?:=(.*))?$/s.exec(word) as RegExpExecArray;
    const negated = written.startsWith('no-') && flags[written.slice(3)]?.kind === 'switch';
    const name = negated ? written.slice(3) : written === 'h' ? 'help' : written;
    const flag = Object.hasOwn(flags, name) ? flags[name] : undefined;
    if (!flag) {
      const known = Object.keys(flags);
      return fail(`there is no flag ${word.split('=')[0]}`, dashed(nearestHint(written, known), known));
    }
    if (given.has(name) && !REPEATED.includes(flag.kind)) fail(`--${name} is given twice`, 'Give it once');
    if (flag.kind === 'switch') {
      if (inline !== undefined) fail(`--${name} takes no value`, `Write --${name} or --no-${name}`);
      given.set(name, negated ? `--no-${name}` : `--${name}`);
      continue;
    }
    const value = inline ?? words[++i];
    if (value === undefined || value === '' || (inline === undefined && value.startsWith('--'))) {
      fail(`--${name} needs a value (${flag.does})`, `Write --${name} ${flag.value ?? 'VALUE'}`);
    }
    const before = given.get(name);
    given.set(name, before ? `${before} ${value}` : `--${name}=${value}`);
  }
  return [...given.values(), '--', ...plain];
}

const isFlag = (word: string): boolean => word.startsWith('-') && word.length > 1 && !/^-[\d.]/.test(word);

/** `Did you mean --seed?`; a list of all flags would fill the screen. */
const dashed = (hint: string, known: readonly string[]): string => {
  const [, name] = /^Did you mean (.*)\?$/.exec(hint) ?? [];
  return name !== undefined && known.includes(name) ? `Did you mean --${name}?` : 'See --help for all flags';
};
