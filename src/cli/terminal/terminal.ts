import picocolors from 'picocolors';
import { printable } from './printable.ts';

/** Where text goes: a part of `process.stdout`. */
export interface Sink {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface TerminalOptions {
  readonly json: boolean;
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * What a command says. People read the lines of `say` and the passing `status`; with `--json` these go to stderr, and stdout
 * has what `answer` and `line` give, for programs.
 */
export class Terminal {
  readonly json: boolean;
  /** Whether a person watches, so that a line may be drawn again. */
  readonly live: boolean;
  readonly colours: ReturnType<typeof picocolors.createColors>;
  private readonly people: Sink;
  private readonly programs: Sink;
  private drawn = false;

  constructor({ json, stdout, stderr, env }: TerminalOptions) {
    this.json = json;
    this.people = json ? stderr : stdout;
    this.programs = stdout;
    this.live = Boolean(this.people.isTTY) && env.TERM !== 'dumb' && !env.CI;
    const wanted = env.FORCE_COLOR ? env.FORCE_COLOR !== '0' : Boolean(this.people.isTTY) && env.TERM !== 'dumb';
    this.colours = picocolors.createColors(wanted && !env.NO_COLOR);
  }

  get width(): number {
    return Math.max(20, this.people.columns ?? 100);
  }

  /** A line for people, which stays. */
  say(text = ''): void {
    this.clear();
    this.people.write(`${printable(text)}\n`);
  }

  /** A line for people that the next one takes the place of; nothing where no one watches. */
  status(text: string): void {
    if (!this.live) return;
    this.people.write(`\r${fitted(printable(text), this.width - 1)}\x1b[K`);
    this.drawn = true;
  }

  clear(): void {
    if (this.drawn) this.people.write('\r\x1b[K');
    this.drawn = false;
  }

  /** The one JSON document of a command. */
  answer(value: unknown): void {
    this.programs.write(`${JSON.stringify(value, null, 2)}\n`);
  }

  /** One of a command's lines of JSON. */
  line(value: unknown): void {
    this.programs.write(`${JSON.stringify(value)}\n`);
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are made of them
const COLOUR = /(\x1b\[\d*m)/g;

/** Number of characters that are seen. */
export const visibleLength = (text: string): number => text.replace(COLOUR, '').length;

/** Text cut to a width; colours count for nothing and end where it ends. */
export function fitted(text: string, width: number): string {
  if (visibleLength(text) <= width) return text;
  let seen = 0;
  let result = '';
  for (const part of text.split(COLOUR)) {
    if (part.startsWith('\x1b')) result += part;
    else {
      result += part.slice(0, Math.max(0, width - 1 - seen));
      seen += part.length;
    }
  }
  return `${result.replace(/\s+$/, '')}…`;
}
