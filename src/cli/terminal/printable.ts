// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNPRINTABLE = /\x1b(?!\[\d*m)|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g;

/**
 * Text without what a terminal obeys or what turns the writing around; colours, tabs and new lines stay. Names of classes, files and layers
 * come from strangers, and could otherwise clear the screen or rename its window.
 */
export const printable = (text: string): string => text.replace(UNPRINTABLE, '\ufffd');
