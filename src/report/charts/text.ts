/** The size of text in charts. No font is measured, so these are upper estimates for common sans-serif fonts. */

/** Width of a character as a fraction of the font size. */
function widthOf(character: string): number {
  if (/[\p{Mn}\p{Cf}]/u.test(character)) return 0;
  if (character.codePointAt(0)! >= 0x1100) return 1.05;
  if (/[iljtfr.,:;'|!()[\] ]/.test(character)) return 0.4;
  if (/[mwMW@%]/.test(character)) return 0.98;
  return /[A-Z]/.test(character) ? 0.74 : 0.62;
}

/** In pixels. */
export const textWidth = (text: string, font: number): number =>
  font * [...text].reduce((all, character) => all + widthOf(character), 0);

/** The font size at which a text fits: `font`, or a smaller one. */
export const fittingFont = (text: string, font: number, width: number): number =>
  Math.min(font, Number(((font * width) / Math.max(1, textWidth(text, font))).toFixed(1)));
