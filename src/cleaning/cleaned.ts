/** The table of a cleaned data set, as `thaw train` reads it. */
import type { Finding } from './findings.ts';

/** A table with a row for each sample. */
export interface DataTable {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** The column of the class; undefined if labels are not classes. */
  readonly labelColumn?: number;
  /** The name of each sample in decisions. */
  readonly files: readonly string[];
}

/** A decision on a finding. */
export interface Decision {
  readonly kind: string;
  readonly file: string;
  readonly decision: 'accept' | 'reject';
  /** The class to give to the sample; null to remove it. */
  readonly label: string | null;
}

/** The rows of the table after removing samples and changing labels. A removal wins, then the first change. */
export function cleanedRows({ rows, files, labelColumn }: DataTable, decisions: readonly Decision[]): string[][] {
  const changes = new Map<string, string | null>();
  for (const { file, decision, label } of decisions)
    if (decision === 'accept' && (label === null || !changes.has(file))) changes.set(file, label);
  return rows.flatMap((row, i) => {
    const label = changes.get(files[i]);
    if (label === null) return [];
    return [row.map((value, column) => (column === labelColumn ? (label ?? value) : value))];
  });
}

/** The proposal of a finding as an accepted decision. */
export const proposalOf = (
  { kind, index, label }: Finding,
  { files }: DataTable,
  classes: readonly string[],
): Decision => ({ kind, file: files[index], decision: 'accept', label: label === undefined ? null : classes[label] });
