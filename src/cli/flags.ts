import { existsSync, readFileSync } from 'node:fs';
import { ThawError } from '../errors.ts';
import { nearest } from '../nearest.ts';
import type { SweepPlanInput } from '../node/commands/sweep/index.ts';
import type { Dimension } from '../onnx/index.ts';

/** Parsers of flag values, by the flag's kind. */
const READERS = {
  text: (text: string): string => text,
  number: numberOf,
  numbers: (text: string, name: string): number[] => text.split(',').map((part) => numberOf(part, name)),
  /** Names between commas, or a file with one per line. */
  names: namesIn,
  /** `name:1x3x224x224`; several separated by spaces. */
  shapes: shapesIn,
  /** `lr=1e-4..1e-2:log`, `optimizer=sgd,adamw`; several separated by spaces. */
  choices: choicesIn,
  /** A name, or JSON. */
  setting: settingIn,
};

/** A flag. `default` is only text for the help; the job's schema has the actual default. */
interface Common {
  readonly description: string;
  /** Placeholder for the value in the help. */
  readonly value?: string;
  /** The value of the flag if it stands alone. */
  readonly alone?: string;
  readonly default?: string;
  /** Heading in the help. */
  readonly heading?: string;
}

interface Switch extends Common {
  readonly kind: 'switch';
}

/** One of several names. */
interface OneOf extends Common {
  readonly kind: 'one';
  readonly of: readonly string[];
}

interface Valued extends Common {
  readonly kind: keyof typeof READERS;
}

export type Flag = Switch | OneOf | Valued;

/** By name, in kebab case and without the dashes. */
export type Flags = Readonly<Record<string, Flag>>;

type ValueOf<F extends Flag> = F extends Valued
  ? ReturnType<(typeof READERS)[F['kind']]>
  : F extends OneOf
    ? F['of'][number]
    : boolean;

type SettingName<N extends string> = N extends `${infer First}-${infer Rest}`
  ? `${First}${Capitalize<SettingName<Rest>>}`
  : N;

/** Values of flags, by setting name. */
export type Values<F extends Flags> = { [N in keyof F & string as SettingName<N>]?: ValueOf<F[N]> };

/** Infers the types of flags. */
export const flagsOf = <const F extends Flags>(flags: F): F => flags;

/** Whether a flag can be given several times. */
export const isRepeated = ({ kind }: Flag): boolean => kind === 'shapes' || kind === 'choices';

/** `weight-decay` as a setting: `weightDecay`. */
export const settingName = (flag: string): string =>
  flag.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

/** `weightDecay` as a flag: `weight-decay`. */
export const flagName = (setting: string): string => setting.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/**
 * @param given the texts after each flag, or whether a switch is on
 * @throws ThawError `bad-config` with the flag and its allowed values
 */
export const valuesOf = <F extends Flags>(
  flags: F,
  given: Readonly<Record<string, readonly string[] | boolean>>,
): Values<F> =>
  Object.fromEntries(
    Object.entries(given).map(([name, texts]) => [settingName(name), readValue(flags[name], name, texts)]),
  ) as Values<F>;

function readValue(flag: Flag, name: string, given: readonly string[] | boolean): unknown {
  if (typeof given === 'boolean' || flag.kind === 'switch') return given;
  const text = given.join(' ');
  if (flag.kind !== 'one') return READERS[flag.kind](text, name);
  if (flag.of.includes(text)) return text;
  const meant = nearest(text, flag.of);
  throw new ThawError(
    'bad-config',
    `--${name} takes ${listed(flag.of)}, not "${text}"`,
    meant ? `Did you mean ${meant}?` : 'See --help',
  );
}

const listed = (names: readonly string[]): string =>
  names.length > 1 ? `${names.slice(0, -1).join(', ')} or ${names.at(-1)}` : names[0];

function numberOf(text: string, name: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new ThawError('bad-config', `--${name} takes a number, not "${text}"`, 'See --help');
}

// biome-ignore lint/suspicious/noExplicitAny: user input, which the job's schema checks
function settingIn(text: string, name: string): any {
  if (!/^\s*[{[]/.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ThawError('bad-config', `--${name}: ${(cause as Error).message}`, 'Write a name, or JSON', { cause });
  }
}

function namesIn(text: string): string[] {
  const parts = existsSync(text) ? readFileSync(text, 'utf8').split(/\r?\n/) : text.split(',');
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}

const NUMBER = '[-+]?(?:\\d+\\.?\\d*|\\.\\d+)(?:e[-+]?\\d+)?';
const RANGE = new RegExp(`^(${NUMBER})\\.\\.(${NUMBER})((?::(?:log|int))*)$`, 'i');

/** A list of values or a range for each setting. */
function choicesIn(text: string): SweepPlanInput['try'] {
  return Object.fromEntries(
    text.split(' ').map((part) => {
      const [, name, values] = /^([\w.-]+)=(.+)$/s.exec(part) ?? [];
      if (values === undefined) {
        throw new ThawError('bad-config', `--try takes NAME=VALUES, not "${part}"`, 'For example lr=1e-4..1e-2:log');
      }
      const path = name.split('.').map(settingName).join('.');
      const [, min, max, how] = RANGE.exec(values) ?? [];
      if (min === undefined) return [path, values.split(',').map(valueIn)];
      const scale = how.includes(':log') ? 'log' : 'linear';
      return [path, { min: Number(min), max: Number(max), scale, integer: how.includes(':int') }];
    }),
  );
}

/** A number, true or false if the text looks like one, else the text. */
const valueIn = (text: string): string | number | boolean =>
  text === 'true' || text === 'false'
    ? text === 'true'
    : text !== '' && Number.isFinite(Number(text))
      ? Number(text)
      : text;

function shapesIn(text: string): Record<string, Dimension[]> {
  return Object.fromEntries(
    text.split(' ').map((part) => {
      // Splits at the last colon, because names can contain colons.
      const [, name, sizes] = /^(.+):([^:]+)$/.exec(part) ?? [];
      const dimensions = sizes?.split(sizes.includes(',') ? ',' : 'x');
      if (!dimensions?.every((d) => /^(\d+|[A-Za-z_]\w*)$/.test(d))) {
        throw new ThawError(
          'bad-config',
          `--input takes NAME:SHAPE, not "${part}"`,
          'For example pixels:batchx3x224x224',
        );
      }
      return [name, dimensions.map((d) => (/^\d+$/.test(d) ? Number(d) : d))];
    }),
  );
}
