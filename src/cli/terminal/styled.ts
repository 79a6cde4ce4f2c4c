import picocolors from 'picocolors';
import stringWidth from 'string-width';
import { graphemes } from '../../graphemes.ts';
import { printableLine } from './printable.ts';

/** Text of one colour, without control characters. */
interface Span {
  readonly text: string;
  readonly paint?: (text: string) => string;
}

/**
 * Text whose only control sequences are Thaw's colours: `styled` and the colour functions clean all their inputs. Its string form has no
 * colours.
 */
export class Styled {
  constructor(readonly spans: readonly Span[]) {}

  get coloured(): string {
    return this.spans.map(({ text, paint }) => (paint ? paint(text) : text)).join('');
  }

  toString(): string {
    return this.spans.map(({ text }) => text).join('');
  }
}

export type Text = string | Styled;

const spansOf = (text: Text): readonly Span[] =>
  text instanceof Styled ? text.spans : [{ text: printableLine(text) }];

/** Template tag. It cleans the inserted values and keeps their colours. */
export const styled = (literals: TemplateStringsArray, ...parts: readonly (Text | number)[]): Styled =>
  new Styled(
    literals.flatMap((text, i) => [
      { text },
      ...(i < parts.length ? spansOf(typeof parts[i] === 'number' ? String(parts[i]) : (parts[i] as Text)) : []),
    ]),
  );

export const joined = (texts: readonly Text[], separator = ''): Styled =>
  new Styled(texts.flatMap((text, i) => [...(i ? [{ text: separator }] : []), ...spansOf(text)]));

const NAMES = ['bold', 'dim', 'red', 'green', 'yellow', 'cyan', 'whiteBright', 'bgBlack'] as const;

/** Functions that add a colour to a text. */
export type Colours = Readonly<Record<(typeof NAMES)[number], (text: Text) => Styled>>;

export function coloursOf(enabled: boolean): Colours {
  const colours = picocolors.createColors(enabled);
  const through =
    (colour: (text: string) => string) =>
    (text: Text): Styled =>
      new Styled(spansOf(text).map(({ text, paint }) => ({ text, paint: paint ? (t) => colour(paint(t)) : colour })));
  return Object.fromEntries(NAMES.map((name) => [name, through(colours[name])])) as Colours;
}

/** Number of terminal columns of a text: two for a Chinese character or an emoji, none for an accent. */
export const columnsOf = (text: Text): number =>
  text instanceof Styled ? text.spans.reduce((all, { text }) => all + stringWidth(text), 0) : stringWidth(text);

/** Pads a text to a width, at its end or at its start. */
export function padded(text: Text, width: number, side: 'start' | 'end' = 'end'): Styled {
  const space = ' '.repeat(Math.max(0, width - columnsOf(text)));
  return side === 'end' ? joined([text, space]) : joined([space, text]);
}

/** Cuts a text to a width, between visible characters. */
export function fitted(text: Text, width: number): Styled {
  const whole = joined([text]);
  if (columnsOf(whole) <= width) return whole;
  const kept: Span[] = [];
  let left = width - 1;
  for (const { text, paint } of whole.spans) {
    let cut = '';
    for (const grapheme of graphemes(text)) {
      left -= stringWidth(grapheme);
      if (left < 0) break;
      cut += grapheme;
    }
    kept.push({ text: cut, paint });
    if (left < 0) break;
  }
  while (kept.at(-1)?.text.trimEnd() === '') kept.pop();
  const last = kept.pop();
  return new Styled([...kept, ...(last ? [{ ...last, text: last.text.trimEnd() }] : []), { text: '…' }]);
}

/** A word, which may have several colours, and the number of spaces before it. */
interface Word {
  readonly gap: number;
  readonly spans: Span[];
}

function wordsOf(text: Text): Word[] {
  const words: Word[] = [];
  let gap = 0;
  let continues = false;
  for (const { text: part, paint } of joined([text]).spans)
    for (const piece of part.split(/( +)/).filter((piece) => piece !== '')) {
      if (piece.startsWith(' ')) gap += piece.length;
      else if (continues) words[words.length - 1].spans.push({ text: piece, paint });
      else words.push({ gap, spans: [{ text: piece, paint }] });
      continues = !piece.startsWith(' ');
      if (continues) gap = 0;
    }
  return words;
}

/**
 * Breaks a text into lines of at most `width` columns: where two or more spaces separate its parts, or between the words of a part that is too
 * long. Later lines begin with `indent` spaces. Only a single word can be wider than a line.
 */
export function wrapped(text: Text, width: number, indent = 0): Styled[] {
  const parts: Word[][] = [];
  for (const word of wordsOf(text)) {
    if (word.gap > 1 || parts.length === 0) parts.push([word]);
    else parts[parts.length - 1].push(word);
  }
  const sizeOf = ({ gap, spans }: Word) => gap + columnsOf(new Styled(spans));
  const lines: Span[][] = [[]];
  let used = 0;
  let isEmpty = true;
  const breakLine = () => {
    lines.push([{ text: ' '.repeat(indent) }]);
    used = indent;
    isEmpty = true;
  };
  for (const part of parts) {
    const size = part.reduce((all, word) => all + sizeOf(word), 0);
    const fitsAlone = size - part[0].gap <= width - indent;
    if (!isEmpty && used + size > width && fitsAlone) breakLine();
    for (const word of part) {
      if (!isEmpty && used + sizeOf(word) > width) breakLine();
      // A new line has its indent instead of the spaces.
      const gap = isEmpty && lines.length > 1 ? 0 : word.gap;
      lines[lines.length - 1].push({ text: ' '.repeat(gap) }, ...word.spans);
      used += sizeOf({ ...word, gap });
      isEmpty = false;
    }
  }
  return lines.map((spans) => new Styled(spans));
}
