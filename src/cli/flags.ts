import { existsSync, readFileSync } from 'node:fs';
import { ThawError } from '../errors.ts';
import type { Dimension } from '../onnx/index.ts';

/** How a flag's words become a value. */
const KINDS = {
  text: (text: string): unknown => text,
  number: (text: string, name: string): unknown => numberOf(text, name),
  numbers: (text: string, name: string): unknown => text.split(',').map((part) => numberOf(part, name)),
  /** Names between commas, or a file with one a line. */
  names: (text: string): unknown => namesIn(text),
  /** `name:1x3x224x224`, several between spaces. */
  shapes: (text: string): unknown => shapesIn(text),
  /** `lr=1e-4..1e-2:log`, `optimizer=sgd,adamw`, several between spaces. */
  choices: (text: string): unknown => choicesIn(text),
  /** A name, or JSON. */
  setting: (text: string, name: string): unknown => (/^[{[]/.test(text.trim()) ? jsonOf(text, name) : text),
  switch: (): unknown => true,
} as const;

/** Kinds that may be given several times. */
export const REPEATED: readonly (keyof typeof KINDS)[] = ['shapes', 'choices'];

export interface Flag {
  readonly kind: keyof typeof KINDS;
  readonly does: string;
  /** What stands for the value in the help. */
  readonly value?: string;
  /** As the help shows it; what the default is decided by is the job's own schema. */
  readonly default?: string;
  /** Heading in the help. */
  readonly under?: string;
}

/** By name, in kebab case and without the dashes. */
export type Flags = Readonly<Record<string, Flag>>;

/** `weight-decay` as settings and config files call it: `weightDecay`. */
export const settingName = (flag: string): string =>
  flag.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

/** `weightDecay` as a flag: `weight-decay`. */
export const flagName = (setting: string): string => setting.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/**
 * The values of the flags that were given, by setting name.
 *
 * @param given the words after each flag
 * @throws ThawError `bad-config` naming the flag and what it takes
 */
export function flagValues(flags: Flags, given: Readonly<Record<string, string | boolean>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => {
      const { kind } = flags[name];
      return [settingName(name), kind === 'switch' ? value : KINDS[kind](String(value), name)];
    }),
  );
}

function numberOf(text: string, name: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new ThawError('bad-config', `--${name} takes a number, not "${text}"`, 'See --help');
}

function jsonOf(text: string, name: string): unknown {
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

/** By setting, a list of values or a range. */
function choicesIn(text: string): Record<string, unknown> {
  return Object.fromEntries(
    text.split(' ').map((part) => {
      const [, name, values] = /^([\w.-]+)=(.+)$/s.exec(part) ?? [];
      if (values === undefined) {
        throw new ThawError('bad-config', `--try takes NAME=VALUES, not "${part}"`, 'As in lr=1e-4..1e-2:log');
      }
      const path = name.split('.').map(settingName).join('.');
      const [, min, max, how] = RANGE.exec(values) ?? [];
      if (min === undefined) return [path, values.split(',').map(valueIn)];
      const scale = how.includes(':log') ? 'log' : 'linear';
      return [path, { min: Number(min), max: Number(max), scale, integer: how.includes(':int') }];
    }),
  );
}

/** A number, true or false where it reads as one, else text. */
const valueIn = (text: string): unknown =>
  text === 'true' || text === 'false'
    ? text === 'true'
    : text !== '' && Number.isFinite(Number(text))
      ? Number(text)
      : text;

function shapesIn(text: string): Record<string, Dimension[]> {
  return Object.fromEntries(
    text.split(' ').map((part) => {
      // The last colon: names may have some of their own.
      const [, name, sizes] = /^(.+):([^:]+)$/.exec(part) ?? [];
      const dimensions = sizes?.split(sizes.includes(',') ? ',' : 'x');
      if (!dimensions?.every((d) => /^(\d+|[A-Za-z_]\w*)$/.test(d))) {
        throw new ThawError('bad-config', `--input takes NAME:SHAPE, not "${part}"`, 'As in pixels:batchx3x224x224');
      }
      return [name, dimensions.map((d) => (/^\d+$/.test(d) ? Number(d) : d))];
    }),
  );
}
