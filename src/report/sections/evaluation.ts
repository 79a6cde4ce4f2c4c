import { confusedPairs } from '../../tasks/metrics/index.ts';
import { confusionMatrix } from '../charts/confusion.ts';
import { count, percent, plural, score } from '../format.ts';
import { type Html, html } from '../markup.ts';
import type { ReportData } from '../types.ts';
import { bar, folded, section } from './section.ts';

/** Number of table rows that are visible without unfolding. */
const SHOWN = 12;

export function confusion({ data: { classes }, after }: ReportData): Html {
  const pairs = confusedPairs(after.confusion).slice(0, 5);
  return section(
    'confusion',
    'Confusion',
    'Rows are true classes, columns are predictions. Cells are shaded by their share of the row.',
    html`<div class="beside">${confusionMatrix(classes, after.confusion)}
${
  pairs.length > 0 &&
  html`<div><h3>Most often confused</h3><ul class="pairs">${pairs.map(({ truth, predicted, times, share }) => html`<li><b>${classes[truth]}</b> predicted as <b>${classes[predicted]}</b>: ${count(times)} (${percent(share)} of them)</li>`)}</ul></div>`
}</div>`,
  );
}

/** Precision, recall and F1 of each class, weakest first. */
export function classTable({ after }: ReportData): Html {
  const rows = [...after.perClass].sort((a, b) => (a.f1 || 0) - (b.f1 || 0));
  const table = (part: typeof rows): Html => html`<div class="scroll" tabindex="0"><table>
<thead><tr><th scope="col">Class</th><th scope="col" class="number">Precision</th><th scope="col" class="number">Recall</th><th scope="col" class="number">F1</th><th scope="col" class="number">ROC AUC</th><th scope="col" class="number">PR AUC</th><th scope="col" class="wide"><span class="unseen">F1 as a bar</span></th><th scope="col" class="number">Images</th></tr></thead>
<tbody>${part.map(
    ({ label, precision, recall, f1, rocAuc, averagePrecision, support }) =>
      html`<tr><th scope="row">${label}</th><td class="number">${percent(precision)}</td><td class="number">${percent(recall)}</td><td class="number">${score(f1)}</td><td class="number">${rocAuc === null ? '–' : score(rocAuc)}</td><td class="number">${averagePrecision === null ? '–' : score(averagePrecision)}</td><td class="wide">${bar(f1, 'warm')}</td><td class="number">${count(support)}</td></tr>`,
  )}</tbody></table></div>`;
  return section(
    'classes',
    'Classes',
    'Weakest first. Precision: fraction of predictions of the class that are correct. Recall: fraction of the class that was found.',
    html`${table(rows.slice(0, SHOWN))}
${rows.length > SHOWN && folded(`${plural(rows.length - SHOWN, 'more class', 'more classes')}`, table(rows.slice(SHOWN)))}`,
  );
}
