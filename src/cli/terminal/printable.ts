// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNPRINTABLE = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g;

/**
 * Text without control sequences and without characters that reverse the writing; tabs and new lines stay. Names of classes, files and
 * layers come from strangers: they could clear the screen, rename its window or hide the text after them.
 */
export const printable = (text: string): string => text.replace(UNPRINTABLE, '\ufffd');

/** The same on one line. */
export const printableLine = (text: string): string => printable(text.replace(/[\t\n\r]+/g, ' '));

/** JSON that a terminal may show: control characters are escaped. */
export const printableJson = (json: string): string =>
  json.replace(UNPRINTABLE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);

const segmenter = new Intl.Segmenter('en');

/** The characters of a text as people count them: an emoji of several code points, or a letter and its accents, is one. */
export function* graphemes(text: string): Generator<string> {
  for (const { segment } of segmenter.segment(text)) yield segment;
}

/** A text of so many of these characters at most. */
export function shortened(text: string, most: number): string {
  // Each has one code unit or more.
  if (text.length <= most) return text;
  let [result, count] = ['', 0];
  for (const grapheme of graphemes(text)) {
    if (++count > most) return `${result}…`;
    result += grapheme;
  }
  return result;
}
