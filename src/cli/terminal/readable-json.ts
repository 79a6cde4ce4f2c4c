/** JSON with an indentation of two spaces. Lists of numbers take one line: the confusion matrix of a thousand classes has a million numbers. */
export function readableJson(value: unknown, indent = ''): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    if (value.every((entry) => typeof entry === 'number')) return JSON.stringify(value);
    return `[\n${value.map((entry) => `${inner}${readableJson(entry, inner)}`).join(',\n')}\n${indent}]`;
  }
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  if (entries.length === 0) return '{}';
  return `{\n${entries.map(([key, entry]) => `${inner}${JSON.stringify(key)}: ${readableJson(entry, inner)}`).join(',\n')}\n${indent}}`;
}
