/** Writes a table as RFC 4180 has it. */
export const csvOf = (columns: readonly string[], rows: readonly Readonly<Record<string, string>>[]): string =>
  `${[columns.join(','), ...rows.map((row) => columns.map((column) => quoted(row[column])).join(','))].join('\n')}\n`;

const quoted = (value: string): string => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
