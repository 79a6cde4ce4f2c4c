import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ThawError } from '../errors.ts';
import { nearest } from '../nearest.ts';
import { quoted } from '../node/commands/paths.ts';
import { isPath } from '../node/models/resolve.ts';
import { type Flags, isRepeated, type Values, valuesOf } from './flags.ts';
import type { Terminal } from './terminal/terminal.ts';

/** The definition of a command. */
export interface CommandSpec<F extends Flags = Flags> {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** More sentences for the command's own help. */
  readonly description?: string;
  readonly positionals: readonly Positional[];
  readonly flags: F;
  readonly examples?: readonly string[];
  /** @returns the exit code, 0 if nothing */
  run(context: CommandContext<F>): Promise<number | undefined>;
}

/** Infers the types of `values` from the flags. */
export const defineCommand = <const F extends Flags>(spec: CommandSpec<F>): CommandSpec<F> => spec;

/** A positional argument, such as `<model>`. */
export interface Positional {
  readonly name: string;
  readonly description: string;
  readonly optional?: boolean;
  /** Whether the config file can provide it. */
  readonly inConfig?: boolean;
  /** Whether it is a model or a run, which comes before the data. */
  readonly isModel?: boolean;
  /** Whether it takes all remaining arguments (last one only). */
  readonly many?: boolean;
}

export interface CommandContext<F extends Flags = Flags> {
  readonly positionals: readonly string[];
  /** Values of the given flags by setting name, without the common flags. */
  readonly values: Values<F>;
  readonly terminal: Terminal;
  /** Aborted by the first Ctrl-C. */
  readonly signal: AbortSignal;
}

/** Flags of every command. */
export const GLOBAL_FLAGS = {
  json: { kind: 'switch', description: 'print JSON to stdout, and text for humans to stderr', heading: 'Global' },
  debug: { kind: 'switch', description: 'print stack traces of errors', heading: 'Global' },
  help: { kind: 'switch', description: 'print this help', heading: 'Global' },
} as const satisfies Flags;

export const allFlags = ({ flags }: Pick<CommandSpec, 'flags'>): Flags => ({ ...flags, ...GLOBAL_FLAGS });

/**
 * Reads a command's arguments with Node's parser, and checks the tokens. The parser and citty, which wraps it, accept repeated flags and a
 * flag in place of a value. They also read no numbers and suggest no similar flag.
 *
 * @throws ThawError `bad-config` for an unknown or repeated flag, a missing value, and missing or extra positional arguments
 */
export function parseArguments<F extends Flags>(
  spec: CommandSpec<F>,
  words: readonly string[],
): Pick<CommandContext<F>, 'positionals' | 'values'> & { readonly json: boolean } {
  const flags = allFlags(spec);
  const given = withValues(words, flags);
  const types = Object.entries(flags).map(([name, { kind }]) => [name, kind === 'switch' ? 'boolean' : 'string']);
  const { tokens } = parseArgs({
    args: [...given],
    options: Object.fromEntries(types.map(([name, type]) => [name, { type } as { type: 'boolean' | 'string' }])),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const positionals: string[] = [];
  const values = new Map<string, string[] | boolean>();
  for (const [i, token] of tokens.entries()) {
    const word = given[token.index];
    if (token.kind === 'positional') positionals.push(word);
    if (token.kind !== 'option') continue;
    // A negative number, or a name like `-1.onnx`. The parser splits it into several flags.
    if (/^-[\d.]/.test(word)) {
      if (tokens[i - 1]?.index !== token.index) positionals.push(word);
      continue;
    }
    const negated = token.name.startsWith('no-') && flags[token.name.slice(3)]?.kind === 'switch';
    const name = negated ? token.name.slice(3) : token.name;
    const flag = word.startsWith('--') && Object.hasOwn(flags, name) ? flags[name] : undefined;
    if (!flag) throw unknownFlag(word, Object.keys(flags));
    const before = values.get(name);
    if (before !== undefined && !isRepeated(flag)) throw refused(`--${name} is given twice`, 'Give it once');
    const { value, inlineValue } = token;
    if (flag.kind === 'switch') {
      if (inlineValue) throw refused(`--${name} takes no value`, `Write --${name} or --no-${name}`);
      values.set(name, !negated);
    } else if (!value || (!inlineValue && value.startsWith('--'))) {
      throw refused(`--${name} needs a value (${flag.description})`, `Write --${name} ${flag.value ?? 'VALUE'}`);
    } else values.set(name, [...((before as string[] | undefined) ?? []), value]);
  }
  checkPositionals(spec, positionals);
  const own = [...values].filter(([name]) => Object.hasOwn(spec.flags, name));
  return { positionals, values: valuesOf(spec.flags, Object.fromEntries(own)), json: values.get('json') === true };
}

/** Adds the values of flags that may stand alone: `--host --open` is `--host=0.0.0.0 --open`. */
function withValues(words: readonly string[], flags: Flags): readonly string[] {
  const dashes = words.indexOf('--');
  return words.map((word, i) => {
    const isFlag = word.startsWith('--') && (dashes < 0 || i < dashes);
    const alone = isFlag && Object.hasOwn(flags, word.slice(2)) ? flags[word.slice(2)].alone : undefined;
    const hasValue = words[i + 1] !== undefined && !words[i + 1].startsWith('-');
    return alone === undefined || hasValue ? word : `${word}=${alone}`;
  });
}

const refused = (message: string, hint: string): ThawError => new ThawError('bad-config', message, hint);

function unknownFlag(word: string, known: readonly string[]): ThawError {
  const [flag] = word.split('=');
  const meant = nearest(flag.replace(/^-+/, ''), known);
  // The list of all flags would fill the screen.
  return refused(`unknown flag ${flag}`, meant ? `Did you mean --${meant}?` : 'See --help for all flags');
}

function checkPositionals(
  { name, positionals }: Pick<CommandSpec, 'name' | 'positionals'>,
  given: readonly string[],
): void {
  const missing = positionals.filter((word, i) => !word.optional && !word.inConfig && i >= given.length);
  if (missing.length) throw missingArguments(name, missing);
  if (given.length > positionals.length && !positionals.at(-1)?.many) {
    throw refused(`thaw ${name} got an unexpected argument "${given[positionals.length]}"`, `See thaw ${name} --help`);
  }
  checkOrder(name, positionals, given);
}

/** Recognizes data before the model: `thaw train IMAGES model.onnx`. */
function checkOrder(
  name: string,
  positionals: readonly Positional[],
  [first, second, ...rest]: readonly string[],
): void {
  if (!positionals[0]?.isModel || second === undefined || isModel(first) || !isModel(second)) return;
  throw refused(
    `the arguments are swapped: ${second} is a model, and ${first} is not`,
    `Write thaw ${name} ${[second, first, ...rest].map(quoted).join(' ')}`,
  );
}

/** Whether a path or a name is that of a model or of a run, without opening it. */
const isModel = (given: string): boolean =>
  !isPath(given) ||
  /\.onnx$/i.test(given) ||
  ['model.onnx', 'onnx/model.onnx', 'config.yaml'].some((file) => existsSync(join(given, file)));

export const missingArguments = (command: string, positionals: readonly Pick<Positional, 'name'>[]): ThawError =>
  refused(
    `thaw ${command} needs ${positionals.map(({ name }) => `<${name}>`).join(' and ')}`,
    `See thaw ${command} --help`,
  );
