import type { DataTable, Finding, FindingKind } from '../../cleaning/index.ts';
import type { Noun } from '../../data/index.ts';
import { count, percent, plural } from '../format.ts';
import { dataBlock, type Html, html } from '../markup.ts';
import { standAlonePage } from '../page.ts';
import { KINDS } from './kinds.ts';
import { REVIEW_SCRIPT, REVIEW_SHA256 } from './script.ts';
import { REVIEW_STYLE } from './style.ts';

/** The findings of a data set. All strings are escaped. */
export interface CleaningReport {
  /** As given by the user. */
  readonly data: string;
  readonly model: string;
  readonly noun: Noun;
  readonly version: string;
  /** Identifies the data and its findings. */
  readonly key: string;
  /** Empty if labels are not classes. */
  readonly classes: readonly string[];
  /** Share of labels that classifiers without the sample also give; null if labels are not classes. */
  readonly agreement: number | null;
  /** Numbers of findings, also of those that the page does not show. */
  readonly counts: Readonly<Partial<Record<FindingKind, number>>>;
  readonly findings: readonly Finding[];
  /** By index: a thumbnail as a `data:` URL, or the start of a text. */
  readonly looks: Readonly<Record<number, string>>;
  /** By index: the label, and the split, if there are splits. */
  readonly answers: Readonly<Record<number, string>>;
  readonly splits: Readonly<Record<number, string>>;
  readonly table: DataTable;
}

const KEYS = [
  ['j', 'next'],
  ['k', 'previous'],
  ['a', 'accept'],
  ['r', 'reject'],
  ['u', 'undo'],
  ['m', 'another class'],
  ['Shift + A', 'accept this and all above'],
] as const;

/** Share of agreement below which most findings of wrong labels are false. */
const WEAK = 0.8;

/** How far the findings of wrong labels can be trusted. */
export const agreementText = (agreement: number): string =>
  `The classifier agrees with ${percent(agreement, 0)} of the labels.${agreement < WEAK ? ' That is few, so many of its findings are false. Try a model that learned from similar samples.' : ''}`;

/** The page to review findings, as one HTML file. Its only script keeps the decisions and saves the new table. */
export function renderCleaning(report: CleaningReport): string {
  const { data, model, noun, version, agreement, counts, findings, table } = report;
  const found = Object.entries(counts) as [FindingKind, number][];
  const total = found.reduce((all, [, number]) => all + number, 0);
  const footer = html`<footer><p>Made by Thaw ${version}. This page is one file and loads nothing. It changes no file: it saves a new table.</p></footer>\n`;
  const script = { text: REVIEW_SCRIPT, sha256: REVIEW_SHA256 };
  const title = `Clean ${data}`;
  const generator = `Thaw ${version}`;
  return standAlonePage(
    { title, generator, style: REVIEW_STYLE, footer, script },
    html`<h1>${title}</h1>
<p class="lede">${plural(total, 'finding')} in ${plural(table.rows.length, noun)}, with the features of ${model}. Accept or reject each one, then save the new table.</p>
${agreement !== null && html`<p>${agreementText(agreement)}</p>`}
${total > 0 && summary(found)}
${findings.length < total && html`<p><small>The page shows the first 500 of each kind. The file issues.csv has all of them.</small></p>`}
<noscript><p>This page needs its script. The file issues.csv has all findings.</p></noscript>
${total > 0 && toolbar(found)}
<ol class="findings" aria-label="Findings"></ol>
${dataBlock('data', { ...report, kinds: KINDS, version: undefined, counts: undefined })}`,
  ).text;
}

const summary = (found: readonly [FindingKind, number][]): Html =>
  html`<dl class="kinds">${found.map(([kind, number]) => html`<div><dt>${KINDS[kind][0]}</dt><dd><b>${count(number)}</b> <span>${KINDS[kind][1]}</span></dd></div>`)}</dl>`;

const toolbar = (
  found: readonly [FindingKind, number][],
): Html => html`<div class="toolbar" role="region" aria-label="Review">
<label>Show <select id="kind"><option value="">all kinds</option>${found.map(([kind]) => html`<option value="${kind}">${KINDS[kind][0]}</option>`)}</select></label>
<label><input type="checkbox" id="open"> only undecided</label>
<button type="button" id="all">Accept all shown</button>
<output id="progress"></output>
<span class="saves"><button type="button" id="table" class="main">Save the new table (CSV)</button>
<button type="button" id="json">Decisions as JSON</button>
<button type="button" id="csv">as CSV</button></span>
<details><summary>Keys</summary><p>${KEYS.map(([key, does]) => html`<kbd>${key}</kbd> ${does} `)}</p></details>
</div>`;
