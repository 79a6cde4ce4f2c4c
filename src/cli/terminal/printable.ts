import { unicodeEscaped } from '../../escapes.ts';

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
export const printableJson = (json: string): string => unicodeEscaped(json, UNPRINTABLE);
