/** Texts that say nothing, or are much longer than the others. */
import { median } from './median.ts';

export interface TextFinding {
  readonly kind: 'short' | 'long';
  readonly index: number;
  readonly why: string;
}

/** Letters and digits of the shortest text that says something. */
const FEWEST = 3;
/** A text is long if it has so many times the characters of the median, and at least `LONG`. */
const LONGER = 20;
const LONG = 2000;

/** @param texts undefined for images */
export function findBadTexts(texts: readonly (string | undefined)[]): TextFinding[] {
  const usual = median(texts.flatMap((text) => (text === undefined ? [] : [text.length])));
  return texts.flatMap((text, index): TextFinding[] => {
    if (text === undefined) return [];
    const letters = text.match(/[\p{L}\p{N}]/gu)?.length ?? 0;
    if (letters < FEWEST) return [{ kind: 'short', index, why: `${letters} letters and digits` }];
    if (text.length < LONG || text.length < LONGER * usual) return [];
    return [{ kind: 'long', index, why: `${text.length} characters; the median is ${usual}` }];
  });
}

/** A text by its letters and digits only, so that spaces, case and punctuation make no difference. */
export const normalizedText = (text: string): string =>
  text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim() || text;
