/** A text with `\uXXXX`, as JSON, YAML and Python have it, for each code unit that the pattern finds. */
export const unicodeEscaped = (text: string, units: RegExp): string =>
  text.replace(units, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
