/** The page to review the findings, with thumbnails. */
import type { DataTable, Finding, Findings } from '../../../cleaning/index.ts';
import { mapConcurrently } from '../../../data/concurrency.ts';
import type { Noun } from '../../../data/index.ts';
import { thumbnail } from '../../../data/node/index.ts';
import { sha256 } from '../../../digest.ts';
import { renderCleaning } from '../../../report/index.ts';
import { VERSION } from '../../../version.ts';
import type { JobHooks } from '../events.ts';
import type { PlacedSample } from './data.ts';

/** Findings of a kind on the page. The other ones are in `issues.csv`. */
const SHOWN = 500;
/** Side of a thumbnail, in pixels. */
const SIDE = 144;
const SLOTS = 16;
/** Characters of a text on the page. */
const LONGEST = 400;

export interface PageRequest {
  readonly path: string;
  readonly model: string;
  readonly noun: Noun;
  readonly classes: readonly string[];
  readonly found: Findings;
  readonly table: DataTable;
  readonly placed: readonly PlacedSample[];
}

/** The page as HTML. */
export async function cleaningPage(
  { path, model, noun, classes, found, table, placed }: PageRequest,
  { signal }: JobHooks,
): Promise<string> {
  const counts = new Map<string, number>();
  const shown = found.findings.filter(({ kind }) => {
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    return counts.get(kind)! <= SHOWN;
  });
  const wanted = [...new Set(shown.flatMap(({ index, other }) => (other === undefined ? [index] : [index, other])))];
  const looks = await mapConcurrently(
    wanted,
    SLOTS,
    async (i) => {
      const { file, text } = placed[i];
      const look = text?.slice(0, LONGEST) ?? (await thumbnail(file, SIDE).catch(() => ''));
      return [i, look] as const;
    },
    signal,
  );
  return renderCleaning({
    data: path,
    model,
    noun,
    version: VERSION,
    key: await keyOf(table, shown),
    classes: table.labelColumn === undefined ? [] : classes,
    agreement: found.agreement,
    counts: Object.fromEntries(counts),
    findings: shown,
    looks: Object.fromEntries(looks),
    answers: Object.fromEntries(wanted.map((i) => [i, placed[i].answer])),
    splits: Object.fromEntries(wanted.map((i) => [i, placed[i].split ?? ''])),
    table,
  });
}

/** Identifies the data and its findings: another page does not get the saved decisions of this one. */
const keyOf = ({ files }: DataTable, findings: readonly Finding[]): Promise<string> =>
  sha256(new TextEncoder().encode(JSON.stringify([files, findings])));
