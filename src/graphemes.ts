const segmenter = new Intl.Segmenter('en');

/** The characters of a text as people count them: an emoji of several code points, or a letter and its accents, is one. */
export function* graphemes(text: string): Generator<string> {
  for (const { segment } of segmenter.segment(text)) yield segment;
}

/** A text of at most so many of them; one that is cut ends in `…`. */
export function shortened(text: string, most: number): string {
  // Each has one code unit or more.
  if (text.length <= most) return text;
  let [kept, next, count] = ['', '', 0];
  for (const grapheme of graphemes(text)) {
    if (++count > most) return `${kept}…`;
    kept += next;
    next = grapheme;
  }
  return text;
}
