import { printable, printableJson } from './printable.ts';
import { type Colours, coloursOf, fitted, Styled, type Text } from './styled.ts';

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
  readonly colours: Colours;
  private readonly people: Sink;
  private readonly programs: Sink;
  private drawn = false;

  constructor({ json, stdout, stderr, env }: TerminalOptions) {
    this.json = json;
    this.people = json ? stderr : stdout;
    this.programs = stdout;
    this.live = Boolean(this.people.isTTY) && env.TERM !== 'dumb' && !env.CI;
    const wanted = env.FORCE_COLOR ? env.FORCE_COLOR !== '0' : Boolean(this.people.isTTY) && env.TERM !== 'dumb';
    this.colours = coloursOf(wanted && !env.NO_COLOR);
  }

  get width(): number {
    return Math.max(20, this.people.columns ?? 100);
  }

  /** A line for people, which stays. */
  say(text: Text = ''): void {
    this.clear();
    this.people.write(`${text instanceof Styled ? text.coloured : printable(text)}\n`);
  }

  /** A line for people that the next one takes the place of; nothing where no one watches. */
  status(text: Text): void {
    if (!this.live) return;
    this.people.write(`\r${fitted(text, this.width - 1).coloured}\x1b[K`);
    this.drawn = true;
  }

  clear(): void {
    if (this.drawn) this.people.write('\r\x1b[K');
    this.drawn = false;
  }

  /** The one JSON document of a command. */
  answer(value: unknown): void {
    this.programs.write(`${printableJson(JSON.stringify(value, null, 2))}\n`);
  }

  /** One of a command's lines of JSON. */
  line(value: unknown): void {
    this.programs.write(`${printableJson(JSON.stringify(value))}\n`);
  }
}
