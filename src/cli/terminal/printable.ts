import { unicodeEscaped } from '../../escapes.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: matches control characters on purpose
const UNPRINTABLE = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g;

/**
 * Replaces control sequences and characters that reverse the text direction; keeps tabs and line breaks. Names of classes, files and
 * layers can come from strangers. They could clear the screen, rename the window or hide text.
 */
export const printable = (text: string): string => text.replace(UNPRINTABLE, '\ufffd');

/** The same, on one line. */
export const printableLine = (text: string): string => printable(text.replace(/[\t\n\r]+/g, ' '));

/** JSON with escaped control characters, safe for a terminal. */
export const printableJson = (json: string): string => unicodeEscaped(json, UNPRINTABLE);
