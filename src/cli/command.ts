import { parseArgs } from 'node:util';
import { ThawError } from '../errors.ts';
import { nearest } from '../nearest.ts';
import { type Flags, isRepeated, type Values, valuesOf } from './flags.ts';
import type { Terminal } from './terminal/terminal.ts';

/** A command, as its file describes it. */
export interface CommandSpec<F extends Flags = Flags> {
  readonly name: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  /** More, for its own help. */
  readonly description?: string;
  readonly words: readonly Word[];
  readonly flags: F;
  readonly examples?: readonly string[];
  /** @returns the exit code, 0 if nothing */
  run(context: CommandContext<F>): Promise<number | undefined>;
}

/** The types of `values` follow from the flags. */
export const defineCommand = <const F extends Flags>(spec: CommandSpec<F>): CommandSpec<F> => spec;

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

export interface CommandContext<F extends Flags = Flags> {
  readonly words: readonly string[];
  /** Values of the flags that were given, by setting name, those of every command left out. */
  readonly values: Values<F>;
  readonly terminal: Terminal;
  /** Aborted by the first Ctrl-C. */
  readonly signal: AbortSignal;
}

/** What every command takes. */
export const COMMON = {
  json: { kind: 'switch', does: 'print JSON on stdout; all that people read goes to stderr', under: 'Everywhere' },
  debug: { kind: 'switch', does: 'print stack traces of errors', under: 'Everywhere' },
  help: { kind: 'switch', does: 'print this', under: 'Everywhere' },
} as const satisfies Flags;

export const allFlags = ({ flags }: Pick<CommandSpec, 'flags'>): Flags => ({ ...flags, ...COMMON });

/**
 * The words and the flags that a command is given. Node's parser reads them, and Thaw checks its tokens: the parser, and citty, which wraps
 * it, accept a flag that is given twice and a flag in place of a value, read no numbers and suggest no other flag.
 *
 * @throws ThawError `bad-config` for a flag that is unknown, lacks its value or comes twice, and for a word too few or too many
 */
export function readWords<F extends Flags>(
  spec: CommandSpec<F>,
  given: readonly string[],
): Pick<CommandContext<F>, 'words' | 'values'> & { readonly json: boolean } {
  const flags = allFlags(spec);
  const types = Object.entries(flags).map(([name, { kind }]) => [name, kind === 'switch' ? 'boolean' : 'string']);
  const { tokens } = parseArgs({
    args: [...given],
    options: Object.fromEntries(types.map(([name, type]) => [name, { type } as { type: 'boolean' | 'string' }])),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const words: string[] = [];
  const values = new Map<string, string[] | boolean>();
  for (const [i, token] of tokens.entries()) {
    const word = given[token.index];
    if (token.kind === 'positional') words.push(word);
    if (token.kind !== 'option') continue;
    // A negative number, or a name that begins like one: the parser takes it for several flags.
    if (/^-[\d.]/.test(word)) {
      if (tokens[i - 1]?.index !== token.index) words.push(word);
      continue;
    }
    const negated = token.name.startsWith('no-') && flags[token.name.slice(3)]?.kind === 'switch';
    const name = negated ? token.name.slice(3) : token.name;
    const flag = word.startsWith('--') && Object.hasOwn(flags, name) ? flags[name] : undefined;
    if (!flag) throw noFlag(word, Object.keys(flags));
    const before = values.get(name);
    if (before !== undefined && !isRepeated(flag)) throw refused(`--${name} is given twice`, 'Give it once');
    const { value, inlineValue } = token;
    if (flag.kind === 'switch') {
      if (inlineValue) throw refused(`--${name} takes no value`, `Write --${name} or --no-${name}`);
      values.set(name, !negated);
    } else if (!value || (!inlineValue && value.startsWith('--'))) {
      throw refused(`--${name} needs a value (${flag.does})`, `Write --${name} ${flag.value ?? 'VALUE'}`);
    } else values.set(name, [...((before as string[] | undefined) ?? []), value]);
  }
  checkWords(spec, words);
  const own = [...values].filter(([name]) => Object.hasOwn(spec.flags, name));
  return { words, values: valuesOf(spec.flags, Object.fromEntries(own)), json: values.get('json') === true };
}

const refused = (message: string, hint: string): ThawError => new ThawError('bad-config', message, hint);

function noFlag(word: string, known: readonly string[]): ThawError {
  const [flag] = word.split('=');
  const meant = nearest(flag.replace(/^-+/, ''), known);
  // A list of all flags would fill the screen.
  return refused(`there is no flag ${flag}`, meant ? `Did you mean --${meant}?` : 'See --help for all flags');
}

function checkWords({ name, words }: Pick<CommandSpec, 'name' | 'words'>, given: readonly string[]): void {
  const missing = words.filter((word, i) => !word.optional && !word.inConfig && i >= given.length);
  if (missing.length) throw lackingWords(name, missing);
  if (given.length > words.length && !words.at(-1)?.many) {
    throw refused(`thaw ${name} does not know what to do with "${given[words.length]}"`, `See thaw ${name} --help`);
  }
}

export const lackingWords = (command: string, words: readonly Pick<Word, 'name'>[]): ThawError =>
  refused(`thaw ${command} needs ${words.map(({ name }) => `<${name}>`).join(' and ')}`, `See thaw ${command} --help`);
