import { printable, printableJson } from './printable.ts';
import { readableJson } from './readable-json.ts';
import { type Colours, coloursOf, columnsOf, fitted, Styled, type Text, wrapped } from './styled.ts';

/** An output stream: a part of `process.stdout`. */
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
 * The output of a command. `print` and `status` write text for humans; with `--json`, it goes to stderr. `printJson` and `printJsonLine` write JSON to
 * stdout.
 */
export class Terminal {
  readonly json: boolean;
  /** Whether a terminal shows the output, so that a line can be redrawn. */
  readonly live: boolean;
  readonly colours: Colours;
  private readonly human: Sink;
  private readonly machine: Sink;
  private drawn = false;

  constructor({ json, stdout, stderr, env }: TerminalOptions) {
    this.json = json;
    this.human = json ? stderr : stdout;
    this.machine = stdout;
    this.live = Boolean(this.human.isTTY) && env.TERM !== 'dumb' && !env.CI;
    const wanted = env.FORCE_COLOR ? env.FORCE_COLOR !== '0' : Boolean(this.human.isTTY) && env.TERM !== 'dumb';
    this.colours = coloursOf(wanted && !env.NO_COLOR);
  }

  /** Columns of the terminal; infinite if the output goes to a file or a pipe. */
  get width(): number {
    const { isTTY, columns } = this.human;
    return isTTY && columns ? Math.max(20, columns) : Number.POSITIVE_INFINITY;
  }

  /**
   * Permanent lines for humans. A terminal gets no line that is wider than itself.
   *
   * @param indent spaces before the rest of a line that is too wide. Default: two more than before its start
   */
  print(text: Text = '', indent?: number): void {
    const { width } = this;
    if (Number.isFinite(width))
      for (const line of text instanceof Styled ? [text] : text.split('\n')) {
        const start = /^ */.exec(String(line))![0].length;
        if (columnsOf(line) <= width) this.printWhole(line);
        else for (const part of wrapped(line, width, indent ?? start + 2)) this.printWhole(part);
      }
    else this.printWhole(text);
  }

  /** The same without line breaks, for commands that users copy. */
  printWhole(text: Text): void {
    this.clear();
    this.human.write(`${text instanceof Styled ? text.coloured : printable(text)}\n`);
  }

  /** A status line, which the next line replaces. Only on a terminal. */
  status(text: Text): void {
    if (!this.live) return;
    this.human.write(`\r${fitted(text, this.width - 1).coloured}\x1b[K`);
    this.drawn = true;
  }

  clear(): void {
    if (this.drawn) this.human.write('\r\x1b[K');
    this.drawn = false;
  }

  /** The only JSON document of a command. */
  printJson(value: unknown): void {
    this.machine.write(`${printableJson(readableJson(value))}\n`);
  }

  /** The same for a list, piece by piece. If it ends in an error, the document is complete with the values until then. */
  async printJsonList(values: Iterable<unknown> | AsyncIterable<unknown>): Promise<void> {
    let before = '[\n  ';
    try {
      for await (const value of values) {
        this.machine.write(`${before}${printableJson(readableJson(value, '  '))}`);
        before = ',\n  ';
      }
      if (before === '[\n  ') this.machine.write('[]\n');
    } finally {
      if (before !== '[\n  ') this.machine.write('\n]\n');
    }
  }

  /** One of the JSON lines of a command. */
  printJsonLine(value: unknown): void {
    this.machine.write(`${printableJson(JSON.stringify(value))}\n`);
  }
}
